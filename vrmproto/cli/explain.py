"""Says of a token or message JSON all that is wrong, where, by which rule, and what would be right."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from vrmproto import envelope, keys, rules, strictjson
from vrmproto.envelope import Opening
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.spec import Spec

__all__ = ["Fault", "Judge", "Verdict", "no_json"]

CLAIMS = "envelope.json#/$defs/claims"
DOCUMENTS = {
    envelope.RECEIPT: ("receipt", "documents/receipt.json"),
    envelope.REQUEST: ("request", "documents/request.json"),
    envelope.PROOF: ("proof", "documents/proof.json"),
}
# these rules read the schema of the claims and stop at its first fault; here all faults are told
BY_SCHEMA = frozenset({"VRM-ENV-015", "VRM-ENV-017", "VRM-ID-002", "VRM-ENV-020", "VRM-ENV-035"})
LONGEST = 200
"""Characters of a schema library's message; some lists of codes are longer than anyone reads."""
PARTIES = ("/home", "/iss", "/aud")
ORDER = {rule: place for place, rule in enumerate(rules.RULES)}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``pointer`` into the claims, ``rule`` a schema keyword or the code, what would be right."""

    pointer: str
    rule: str
    code: str
    requirement: str
    message: str
    right: str


@dataclass(slots=True)
class Verdict:
    """What an input is and what is wrong with it; ``signature`` is verified, failed, not checked or none."""

    source: str
    what: str = "message"
    type: str = ""
    mid: str = ""
    signature: str = "none"
    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def document(self, spec: Spec) -> dict[str, Any]:
        """The verdict as JSON values, with the sentence of each requirement."""
        shown: dict[str, Any] = {"source": self.source, "what": self.what, "ok": self.ok}
        shown |= {n: getattr(self, n) for n in ("type", "mid") if getattr(self, n)}
        shown["signature"] = self.signature
        shown["errors"] = [asdict(f) | {"sentence": sentence(spec, f.requirement)} for f in self.faults]
        return shown


def sentence(spec: Spec, requirement: str) -> str:
    """The sentence of a requirement, or ''."""
    found = spec.requirements.get(requirement)
    return found.text if found else ""


def _of(error: ProtocolError) -> Fault:
    return Fault("", error.code, error.code, error.rule, error.detail, error.detail)


class Judge:
    """Judges inputs one by one. ``home`` '' takes the home that each message names itself."""

    def __init__(
        self,
        spec: Spec,
        *,
        home: str = "",
        now: int | None = None,
        known: Mapping[str, PublicKey] | None = None,
        body_type: str = "",
    ) -> None:
        self.spec, self.home, self.now, self.known, self.body_type = spec, home, now, known or {}, body_type

    def judge(self, data: bytes, source: str) -> Verdict:
        """The verdict on one token, claims object or (with ``body_type``) body."""
        data = data.strip()
        if data[:1] == b'"' and data[-1:] == b'"' and b"." in data:
            data = data[1:-1]
        if data[:1] not in (b"{", b"["):
            return self.token(data, source)
        value, broken = strictjson.read(data)
        if broken:
            verdict = Verdict(source, "JSON")
            verdict.faults = [self._json_fault(rule, data) for rule in sorted(broken)]
            return verdict
        return self.body(value, source) if self.body_type else self.claims(value, source)

    def _json_fault(self, rule: str, data: bytes) -> Fault:
        """A fault of JSON that is no part of a token, and, where it cannot be read at all, the place."""
        right = sentence(self.spec, rule)
        try:
            rules.RULES[rule][1](Opening(self.spec, b"", broken=frozenset({rule})))
        except ProtocolError as error:
            right = error.detail.removeprefix("header or payload: ")
        message = f"is not strict JSON: {right}"
        if rule == strictjson.OBJECT:
            message = f"is {no_json(data) or 'JSON, but no object'}"
        return Fault("", "json-invalid", "json-invalid", rule, message, right)

    # --- tokens ------------------------------------------------------------------------------

    def token(self, raw: bytes, source: str) -> Verdict:
        """The verdict on a message, receipt, request or proof."""
        verdict = Verdict(source)
        try:
            verdict.header, verdict.claims = envelope.peek(raw)
        except ProtocolError:
            pass
        else:
            verdict.mid = envelope.mid_of(raw)
            verdict.type = _text(verdict.claims.get("type"))
        typ = _text(verdict.header.get("typ"))
        if typ in DOCUMENTS:
            return self._signed(verdict, raw, typ)
        home = self.home or _text(verdict.claims.get("home"))
        o = Opening(self.spec, raw, home, home.startswith("http://"))
        try:
            o = envelope.parse(self.spec, raw, home=home, dev=o.dev)
            if self.now is not None:
                envelope.check_time(o, self.now)
            key = self._key(o)
            verdict.signature = "not checked" if key is None else "failed"
            if key is not None:
                envelope.check_signature(o, key)
                verdict.signature = "verified"
            envelope.check_content(o)
        except ProtocolError:
            self._explain_token(verdict, o)
        return verdict

    def _key(self, o: Opening) -> PublicKey | None:
        iss = _text(o.claims.get("iss"))
        if iss.startswith(keys.DID):
            return keys.from_did(iss)
        return self.known.get(_text(o.header.get("kid")))

    def _signed(self, verdict: Verdict, raw: bytes, typ: str) -> Verdict:
        verdict.what, path = DOCUMENTS[typ]
        verdict.signature = "not checked"
        try:
            o = envelope.parse_signed(self.spec, raw, typ=typ, schema=path)
            key = self._key(o)
            if key is not None:
                verdict.signature = "failed"
                envelope.check_signature(o, key)
                verdict.signature = "verified"
        except ProtocolError as error:
            schema = self._schema_faults(path, verdict.claims, "", lambda f: "VRM-ENV-017", "claim-invalid")
            verdict.faults = schema if error.errors and schema else [_of(error)]
        return verdict

    def _explain_token(self, verdict: Verdict, o: Opening) -> None:
        verdict.faults = self._run(o, ("bytes",))
        if verdict.faults:
            first = verdict.faults[0]
            if first.requirement == "VRM-ENV-002" and b"." not in o.raw:
                right = "a token has three parts joined by full stops; JSON begins with {"
                verdict.faults = [replace(first, message="is neither a token nor JSON", right=right)]
            return
        segments = o.raw.split(b".")
        o.segments = segments
        o.header, broken_header = strictjson.read(keys.unb64(segments[0].decode()))
        o.claims, broken_claims = strictjson.read(keys.unb64(segments[1].decode()))
        o.broken = broken_header | broken_claims
        verdict.faults = self._run(o, ("json",))
        if verdict.faults:
            return
        found = self._run(o, ("message", "header"))
        found += self._claims_faults(o)
        if not any(f.code in ("header-invalid", "alg-unsupported") or f.pointer == "/iss" for f in found):
            found += self._signature_faults(verdict, o)
        else:
            verdict.signature = "not checked"
        verdict.faults = _ordered(found)

    def _signature_faults(self, verdict: Verdict, o: Opening) -> list[Fault]:
        try:
            key = self._key(o)
        except ProtocolError as error:
            return [_of(error)]
        if key is None:
            verdict.signature = "not checked"
            return []
        faults = self._run(o, ("signature",), key)
        verdict.signature = "failed" if faults else "verified"
        return faults

    # --- JSON --------------------------------------------------------------------------------

    def claims(self, value: Mapping[str, Any], source: str) -> Verdict:
        """The verdict on the claims of a message, not yet signed."""
        verdict = Verdict(source, "claims", _text(value.get("type")), claims=value)
        if not value.keys() & {"vrm", "type", "body"}:
            detail = "this is neither the claims of a message nor, without --type, a body"
            hint = "records, threads and bundles are for `vrmproto verify`, other documents for `inspect`"
            verdict.faults = [Fault("", "claim-missing", "claim-missing", "VRM-ENV-015", detail, hint)]
            return verdict
        home = self.home or _text(value.get("home"))
        o = Opening(self.spec, b"", home, home.startswith("http://"), claims=dict(value))
        try:
            if not self.spec.valid(CLAIMS, value):
                raise ProtocolError("claim-invalid", "")
            o.faults = []
            for _, check in _UNSIGNED:
                check(o)
            for rule, check in _TIMED:
                if self.now is not None or rule == "VRM-ENV-029":
                    check(o, self.now)
        except ProtocolError:
            o.faults = None
            verdict.faults = _ordered(self._run(o, ("message",)) + self._claims_faults(o))
        return verdict

    def body(self, value: Any, source: str) -> Verdict:
        """The verdict on a bare body of the type ``body_type``."""
        verdict = Verdict(source, "body", self.body_type)
        if self.body_type not in self.spec.types:
            known = ", ".join(sorted(self.spec.types))
            message = f"there is no type {self.body_type}"
            fault = Fault("", "type-unknown", "type-unknown", "VRM-ENV-034", message, f"one of {known}")
            verdict.faults = [fault]
        else:
            o = Opening(self.spec, b"", claims={"type": self.body_type, "body": value})
            verdict.faults = _ordered(
                [*self._body_faults(self.body_type, value, ""), *self._run(o, ("content",))]
            )
        return verdict

    # --- faults ------------------------------------------------------------------------------

    def _claims_faults(self, o: Opening) -> list[Fault]:
        """Everything that claims alone decide, the body included."""
        rule = functools.partial(_claim_rule, o.claims)
        found = [_addressee(f) for f in self._schema_faults(CLAIMS, o.claims, "", rule, "claim-invalid")]
        found += self._run(o, ("claims", "content"))
        iat = o.claims.get("iat")
        if isinstance(iat, int):  # without --now a message is judged at the moment it was dated
            found += self._run(o, ("time",), iat if self.now is None else self.now)
        kind, body = o.claims.get("type"), o.claims.get("body")
        if isinstance(kind, str) and kind in self.spec.types and isinstance(body, dict):
            found += self._body_faults(kind, body, "/body")
        return found

    def _body_faults(self, kind: str, body: Any, prefix: str) -> list[Fault]:
        return self._schema_faults(
            f"messages/{kind}.json", body, prefix, lambda f: "VRM-ENV-035", "body-invalid"
        )

    def _schema_faults(
        self,
        path: str,
        value: Any,
        prefix: str,
        rule: Callable[[Mapping[str, str]], str],
        code: str,
    ) -> list[Fault]:
        """Faults as the pure library finds them, with what would be right from the other one."""
        wanted = self.spec.faults(path, value)
        return [
            Fault(
                prefix + f["pointer"],
                f["keyword"],
                _code(rule(f), code),
                rule(f),
                _short(f["message"]),
                _right(f, wanted),
            )
            for f in self.spec.oracle(path, value) or wanted
        ]

    def _run(self, o: Opening, phases: Iterable[str], *more: Any) -> list[Fault]:
        """Every rule of these phases, not only up to the first that is broken."""
        found = []
        for name, (phase, check) in rules.RULES.items():
            if phase not in phases or name in BY_SCHEMA:
                continue
            try:
                check(o, *more)
            except ProtocolError as error:
                found.append(_of(error))
            except (KeyError, TypeError, AttributeError, ValueError):
                continue  # it reads a claim that is missing or of another type, which is told by the schema
            if found and phase == "bytes":
                break
        return found


_UNSIGNED = [(r, c) for r, (p, c) in rules.RULES.items() if p in ("message", "claims", "content")]
_TIMED = [(r, c) for r, (p, c) in rules.RULES.items() if p == "time"]


def no_json(data: bytes) -> str:
    """Why bytes are no JSON text, with the place; '' if they are one."""
    try:
        json.loads(data)
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at line {error.lineno} column {error.colno}"
    except (ValueError, RecursionError):
        return "no JSON in UTF-8"
    return ""


def _right(fault: Mapping[str, str], wanted: Iterable[Mapping[str, str]]) -> str:
    """What would be right instead of ``fault``, out of what the other library says of the same value."""
    same = [w["message"] for w in wanted if all(w[n] == fault[n] for n in ("pointer", "keyword"))]
    if fault["keyword"] == "required":
        missing = (m.removeprefix("lacks the member ") for m in same)
        return next(
            (f"with the member {m}" for m in missing if repr(m) in fault["message"]), "with all members"
        )
    if fault["keyword"] == "additionalProperties" and same:
        return f"without {same[0].rpartition(': ')[2]}"
    return same[0] if same else fault["message"]


def _addressee(fault: Fault) -> Fault:
    """A party or a board is one of two forms, of which the libraries say no more than that."""
    if (fault.pointer, fault.rule) != ("/aud", "oneOf"):
        return fault
    right = "an origin such as https://shop.example, a did:jwk, or the URL of a board of the home"
    return replace(fault, message="is neither a party nor a board", right=right)


def _claim_rule(claims: Mapping[str, Any], fault: Mapping[str, str]) -> str:
    pointer, keyword = fault["pointer"], fault["keyword"]
    if not pointer and keyword == "required":
        return "VRM-ENV-015"
    if not pointer and keyword == "additionalProperties":
        return "VRM-ENV-020"
    if pointer.startswith("/ext"):
        return "VRM-ENV-032"
    if pointer == "/vrm":
        return "VRM-ENV-012"
    form = keyword in ("pattern", "maxLength", "oneOf") and isinstance(claims.get(pointer[1:]), str)
    return "VRM-ID-002" if pointer in PARTIES and form else "VRM-ENV-017"


def _code(rule: str, code: str) -> str:
    codes = {"VRM-ENV-012": "version-unsupported", "VRM-ENV-015": "claim-missing"}
    codes["VRM-ENV-020"] = "claim-unknown"
    return codes.get(rule, code)


def _ordered(faults: Iterable[Fault]) -> list[Fault]:
    """In the order of checks: a home answers the first. What two rules tell is told once."""
    told: dict[tuple[str, str, str], Fault] = {}
    found = sorted(faults, key=lambda f: ORDER.get(f.requirement, len(ORDER)))
    placed = {f.requirement for f in found if f.pointer}
    for fault in found:
        if fault.pointer or fault.requirement not in placed:
            told.setdefault((fault.requirement, fault.pointer, fault.message), fault)
    return list(told.values())


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
