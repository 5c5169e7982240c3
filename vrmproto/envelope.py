"""Seals and opens tokens: strict compact JWS, one small function a rule. No I/O, no clock.

The rules stand in :data:`RULES` under their requirement ids, in the order of checks (VRM-ENV-036). A home
interleaves its own checks (repeat, addressee, key resolution) between the phases, so each phase is a
function: :func:`parse`, :func:`check_time`, :func:`check_signature`, :func:`check_content`.

Source: spec/protocol/message.md, RFC 7515, RFC 7519.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vrmproto import keys, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.keys import PrivateKey, PublicKey
from vrmproto.spec import VERSION, Spec

__all__ = [
    "MESSAGE",
    "PING",
    "PROOF",
    "RECEIPT",
    "REQUEST",
    "SKEW",
    "Message",
    "Opening",
    "check_content",
    "check_signature",
    "check_time",
    "mid_of",
    "open_message",
    "open_signed",
    "parse",
    "parse_signed",
    "peek",
    "seal",
    "signature_of",
]

MESSAGE, RECEIPT, REQUEST = "vrm+jwt", "vrm-receipt+jwt", "vrm-request+jwt"
PROOF, PING = "vrm-proof+jwt", "vrm-ping+jwt"
MAX_TOKEN = 65536
MAX_LIFETIME = 86400
MAX_EXT = 4096
SKEW = 60
PROOF_LIFETIME = 86400

Phase = Literal["bytes", "json", "message", "header", "claims", "time", "signature", "content"]

_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FOREIGN = re.compile(rb"[^A-Za-z0-9_-]")
_LAST = {0: None, 2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048"), 1: frozenset(b"")}
_CLAIMS = "envelope.json#/$defs/claims"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has passed every check of the envelope."""

    token: str
    mid: str
    type: str
    iss: str
    aud: str
    home: str
    iat: int
    exp: int
    body: Mapping[str, Any]
    thid: str | None
    prev: str | None
    pthid: str | None
    agr: str | None
    key: PublicKey


@dataclass(slots=True)
class Opening:
    """A token while it is being opened: what is known of it so far. Unverified until a Message is made."""

    spec: Spec
    raw: bytes
    home: str = ""
    dev: bool = False
    typ: str = MESSAGE
    segments: list[bytes] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    mid: str = ""
    key: PublicKey | None = None
    faults: list[dict[str, str]] | None = None

    @property
    def signing_input(self) -> bytes:
        """The bytes that are signed and hashed: header, full stop, payload."""
        return self.segments[0] + b"." + self.segments[1]

    def message(self) -> Message:
        """The message, once all phases have passed."""
        if self.key is None:
            raise ValueError("the signature was not checked")
        c = self.claims
        return Message(
            token=self.raw.decode("ascii", "replace"),
            mid=self.mid,
            type=_text(self, "type"),
            iss=_text(self, "iss"),
            aud=_text(self, "aud"),
            home=_text(self, "home"),
            iat=_moment(self, "iat"),
            exp=_moment(self, "exp"),
            body=c.get("body", {}),
            thid=c.get("thid"),
            prev=c.get("prev"),
            pthid=c.get("pthid"),
            agr=c.get("agr"),
            key=self.key,
        )


def mid_of(token: str | bytes) -> str:
    """The message id: base64url(SHA-256(header "." payload))."""
    raw = token.encode() if isinstance(token, str) else token
    return keys.b64(hashlib.sha256(raw.rpartition(b".")[0]).digest())


def seal(key: PrivateKey, claims: Mapping[str, Any], typ: str = MESSAGE) -> str:
    """Sign claims as a compact JWS; member order is kept. Nothing is checked: the reader does that."""
    payload = base64.urlsafe_b64encode(strictjson.dumps(claims)).rstrip(b"=")
    signing_input = _header(key.public.alg, key.public.kid, typ) + b"." + payload
    return f"{signing_input.decode()}.{keys.b64(key.sign(signing_input))}"


@functools.lru_cache(maxsize=256)
def _header(alg: str, kid: str, typ: str) -> bytes:
    header = strictjson.dumps({"alg": alg, "kid": kid, "typ": typ})
    return base64.urlsafe_b64encode(header).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    """The bytes of a segment, however it is spelled (the rules judge the spelling)."""
    clean = _FOREIGN.sub(b"", segment)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return base64.b64decode(clean.translate(_TO_STANDARD) + b"=" * (-len(clean) % 4))


# --- bytes -------------------------------------------------------------------------------------


def _size(o: Opening) -> None:
    if len(o.raw) > MAX_TOKEN:
        raise ProtocolError("too-large", f"a token has at most {MAX_TOKEN} bytes", rule="VRM-ENV-001")


def _segments(o: Opening) -> None:
    parts = o.raw.split(b".")
    if len(parts) != 3 or not all(parts):
        detail = "a token has exactly three segments, none of them empty"
        raise ProtocolError("token-malformed", detail, rule="VRM-ENV-002")


def _alphabet(o: Opening) -> None:
    if any(_FOREIGN.search(part) for part in o.raw.split(b".")):
        detail = "a segment holds nothing but A-Z a-z 0-9 - and _, without padding"
        raise ProtocolError("token-malformed", detail, rule="VRM-ENV-003")


def _canonical(o: Opening) -> None:
    if not _all_canonical(o.raw):
        detail = "a segment is not the one base64url spelling of its bytes"
        raise ProtocolError("token-malformed", detail, rule="VRM-ENV-004")


def _all_canonical(raw: bytes) -> bool:
    for part in raw.split(b"."):
        allowed = _LAST[len(part) % 4]
        if allowed is not None and part[-1] not in allowed:
            return False
    return True


# --- JSON --------------------------------------------------------------------------------------


def _json_rule(rule: str, right: str) -> Callable[[Opening], None]:
    def check(o: Opening) -> None:
        if rule in o.broken:
            raise ProtocolError("json-invalid", f"header or payload: {right}", rule=rule)

    return check


# --- header and claims -------------------------------------------------------------------------


def _version(o: Opening) -> None:
    if o.claims.get("vrm") != VERSION:
        detail = "this home speaks version 1.0 of the protocol"
        raise ProtocolError("version-unsupported", detail, rule="VRM-ENV-012", supported=[VERSION])


def _members(o: Opening) -> None:
    strings = all(isinstance(v, str) for v in o.header.values())
    if o.header.keys() != {"alg", "kid", "typ"} or not strings:
        detail = "the header has exactly the members alg, kid and typ, each a string"
        raise ProtocolError("header-invalid", detail, rule="VRM-ENV-013")


def _typ(o: Opening) -> None:
    if o.header.get("typ") != o.typ:
        raise ProtocolError("typ-invalid", f"typ is to be {o.typ} here", rule="VRM-ENV-014")


def _alg(o: Opening) -> None:
    if o.header.get("alg") not in keys.ALGS:
        raise ProtocolError("alg-unsupported", "alg is ES256 or Ed25519", rule="VRM-ID-004")


def _faults(o: Opening) -> list[dict[str, str]]:
    if o.faults is None:
        o.faults = o.spec.faults(_CLAIMS, o.claims)
    return o.faults


def _present(o: Opening) -> None:
    for fault in _faults(o):
        if fault["keyword"] == "required" and not fault["pointer"]:
            raise ProtocolError("claim-missing", f"the payload {fault['message']}", rule="VRM-ENV-015")


def _together(o: Opening) -> None:
    if ("thid" in o.claims) != ("prev" in o.claims):
        detail = "thid and prev come together, or not at all in an opening message"
        raise ProtocolError("claim-missing", detail, rule="VRM-ENV-016")


def _is_form(fault: Mapping[str, str]) -> bool:
    """A fault in the form of a claim; ``ext`` has its own place in the order of checks."""
    if not fault["pointer"]:
        return fault["keyword"] not in ("required", "additionalProperties")
    return not fault["pointer"].startswith("/ext")


def _form(o: Opening) -> None:
    for fault in _faults(o):
        name = fault["pointer"][1:]
        if _is_form(fault) and not (name in _PARTIES and isinstance(o.claims[name], str)):
            detail = f"the claim {name} {fault['message']}"
            raise ProtocolError("claim-invalid", detail, rule="VRM-ENV-017")


_PARTIES = ("home", "iss", "aud")


def _party_form(o: Opening) -> None:
    for fault in _faults(o):
        name = fault["pointer"][1:]
        if name in _PARTIES and isinstance(o.claims[name], str):
            detail = f"the claim {name} is to be an origin such as https://shop.example, or a did:jwk"
            raise ProtocolError("claim-invalid", detail, rule="VRM-ID-002")


def _https(o: Opening) -> None:
    if o.dev:
        return
    for name in _PARTIES:
        if str(o.claims.get(name, "")).startswith("http://"):
            detail = f"the claim {name} is an http origin, which only a home in development mode takes"
            raise ProtocolError("claim-invalid", detail, rule="VRM-ID-003")


def _two_parties(o: Opening) -> None:
    if o.claims.get("iss") == o.claims.get("aud"):
        raise ProtocolError("claim-invalid", "iss and aud are the same", rule="VRM-ENV-019")


def _closed(o: Opening) -> None:
    for fault in _faults(o):
        if fault["keyword"] == "additionalProperties" and not fault["pointer"]:
            raise ProtocolError("claim-unknown", f"the payload {fault['message']}", rule="VRM-ENV-020")


def _home(o: Opening) -> None:
    if o.claims.get("home") != o.home:
        raise ProtocolError("wrong-home", f"this home is {o.home}", rule="VRM-ENV-021")


# --- time, signature, content ------------------------------------------------------------------
#
# Each check stands by itself: it takes a claim as absent that another rule would have refused.


def _moment(o: Opening, name: str) -> int:
    """A claim in epoch seconds; JSON Schema calls 1.0 an integer too."""
    value = o.claims.get(name)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _text(o: Opening, name: str) -> str:
    value = o.claims.get(name)
    return value if isinstance(value, str) else ""


def _expired(o: Opening, now: int) -> None:
    if _moment(o, "exp") + SKEW <= now:
        raise ProtocolError("expired", "exp has passed; sign the message anew", rule="VRM-ENV-027")


def _future(o: Opening, now: int) -> None:
    if _moment(o, "iat") - SKEW > now:
        detail = "iat lies ahead of this home's clock"
        raise ProtocolError("not-yet-valid", detail, rule="VRM-ENV-028")


def _lifetime(o: Opening, now: int) -> None:
    if not 0 < _moment(o, "exp") - _moment(o, "iat") <= MAX_LIFETIME:
        detail = f"exp is later than iat, by at most {MAX_LIFETIME} seconds"
        raise ProtocolError("lifetime-too-long", detail, rule="VRM-ENV-029")


def _alg_fits(o: Opening, key: PublicKey) -> None:
    if o.header.get("alg") != key.alg:
        detail = f"the sender's key is for {key.alg}, not for the alg of the header"
        raise ProtocolError("key-invalid", detail, rule="VRM-ID-006")


def _signature(o: Opening, key: PublicKey) -> None:
    if not key.verify(o.signing_input, signature_of(o)):
        detail = "the signature does not verify with the sender's key"
        raise ProtocolError("signature-invalid", detail, rule="VRM-ENV-030")


def _kid(o: Opening, key: PublicKey) -> None:
    if o.header.get("kid") != key.kid:
        detail = "kid is to be the RFC 7638 thumbprint of the signing key"
        raise ProtocolError("kid-mismatch", detail, rule="VRM-ID-008")


def _ext_allowed(o: Opening) -> None:
    if "ext" in o.claims and (kind := o.spec.types.get(_text(o, "type"))) and not kind.ext:
        detail = f"messages of type {kind.name} carry no ext"
        raise ProtocolError("ext-not-allowed", detail, rule="VRM-ENV-031")


def _compact(value: Any) -> bytes:
    try:
        return strictjson.dumps(value)
    except TypeError:  # a lone surrogate, where the rule about them is off
        return b""


def _ext_form(o: Opening) -> None:
    if "ext" not in o.claims:
        return
    wrong = [f for f in _faults(o) if f["pointer"].startswith("/ext")]
    if wrong or len(_compact(o.claims["ext"])) > MAX_EXT:
        detail = f"ext is an object with absolute URIs as names and at most {MAX_EXT} bytes"
        raise ProtocolError("claim-invalid", detail, rule="VRM-ENV-032", errors=wrong)


def _type(o: Opening) -> None:
    if _text(o, "type") not in o.spec.types:
        detail = "the discovery document of this home lists the types that it takes"
        raise ProtocolError("type-unknown", detail, rule="VRM-ENV-034")


def _body(o: Opening) -> None:
    kind = o.spec.types.get(_text(o, "type"))
    if kind is not None and (faults := kind.faults(o.claims.get("body", {}))):
        first = f"body{faults[0]['pointer']} {faults[0]['message']}"
        raise ProtocolError("body-invalid", first, rule="VRM-ENV-035", errors=faults)


RULES: dict[str, tuple[Phase, Callable[..., None]]] = {
    "VRM-ENV-001": ("bytes", _size),
    "VRM-ENV-002": ("bytes", _segments),
    "VRM-ENV-003": ("bytes", _alphabet),
    "VRM-ENV-004": ("bytes", _canonical),
    strictjson.UTF8: ("json", _json_rule(strictjson.UTF8, "UTF-8 without a byte order mark")),
    strictjson.OBJECT: ("json", _json_rule(strictjson.OBJECT, "one JSON object")),
    strictjson.NAMES: ("json", _json_rule(strictjson.NAMES, "no member name twice in an object")),
    strictjson.CONSTANTS: ("json", _json_rule(strictjson.CONSTANTS, "no NaN or Infinity")),
    strictjson.SURROGATES: ("json", _json_rule(strictjson.SURROGATES, "no lone surrogates")),
    strictjson.DEPTH: ("json", _json_rule(strictjson.DEPTH, "at most 32 levels deep")),
    strictjson.NUMBERS: ("json", _json_rule(strictjson.NUMBERS, "integers within 2^53-1, finite numbers")),
    "VRM-ENV-012": ("message", _version),
    "VRM-ENV-013": ("header", _members),
    "VRM-ENV-014": ("header", _typ),
    "VRM-ID-004": ("header", _alg),
    "VRM-ENV-015": ("claims", _present),
    "VRM-ENV-016": ("claims", _together),
    "VRM-ENV-017": ("claims", _form),
    "VRM-ID-002": ("claims", _party_form),
    "VRM-ID-003": ("claims", _https),
    "VRM-ENV-019": ("claims", _two_parties),
    "VRM-ENV-020": ("claims", _closed),
    "VRM-ENV-021": ("claims", _home),
    "VRM-ENV-027": ("time", _expired),
    "VRM-ENV-028": ("time", _future),
    "VRM-ENV-029": ("time", _lifetime),
    "VRM-ID-006": ("signature", _alg_fits),
    "VRM-ENV-030": ("signature", _signature),
    "VRM-ID-008": ("signature", _kid),
    "VRM-ENV-031": ("content", _ext_allowed),
    "VRM-ENV-032": ("content", _ext_form),
    "VRM-ENV-034": ("content", _type),
    "VRM-ENV-035": ("content", _body),
}
"""Requirement id to (phase, check), in the order of checks."""


def by_phase(
    rules: Mapping[str, tuple[Phase, Callable[..., None]]],
) -> dict[Phase, tuple[Callable[..., None], ...]]:
    """The checks of each phase, in their order."""
    grouped: dict[Phase, tuple[Callable[..., None], ...]] = {}
    for phase, check in rules.values():
        grouped[phase] = (*grouped.get(phase, ()), check)
    return grouped


_BY_PHASE = by_phase(RULES)


def _run(phase: Phase, *args: Any) -> None:
    for check in _BY_PHASE.get(phase, ()):
        check(*args)


def _jws(spec: Spec, raw: bytes, typ: str, home: str = "", dev: bool = False) -> Opening:
    """Bytes and JSON of any token of the protocol: everything before the first look at a member."""
    o = Opening(spec, raw, home, dev, typ)
    if len(raw) > MAX_TOKEN or not _TOKEN.fullmatch(raw) or not _all_canonical(raw):
        _run("bytes", o)
    o.segments = [*raw.split(b".", 2), b"", b""][:3]
    o.header, broken_header = _read_header(o.segments[0])
    o.claims, broken_payload = strictjson.read(_decode(o.segments[1]))
    if broken_header or broken_payload:
        o.broken = broken_header | broken_payload
        _run("json", o)
    return o


@functools.lru_cache(maxsize=4096)
def _read_header(segment: bytes) -> tuple[dict[str, Any], frozenset[str]]:
    return strictjson.read(_decode(segment))


def parse(spec: Spec, raw: bytes, *, home: str, dev: bool = False) -> Opening:
    """All that can be judged of a message without store, clock and key: up to the claim ``home``.

    Raises :class:`ProtocolError` with the first fault in the order of checks.
    """
    o = _jws(spec, raw, MESSAGE, home, dev)
    _run("message", o)
    _run("header", o)
    if o.spec.valid(_CLAIMS, o.claims):
        o.faults = []
    _run("claims", o)
    o.mid = keys.b64(hashlib.sha256(o.signing_input).digest())
    return o


def check_time(o: Opening, now: int) -> None:
    """``expired``, ``not-yet-valid``, ``lifetime-too-long``; ``now`` in epoch seconds."""
    _run("time", o, now)


def check_signature(o: Opening, key: PublicKey) -> None:
    """``key-invalid`` if the algorithm does not fit, ``signature-invalid``, ``kid-mismatch``."""
    _run("signature", o, key)
    o.key = key


def check_content(o: Opening) -> None:
    """``ext``, ``type`` and body schema."""
    _run("content", o)


def open_message(
    spec: Spec,
    raw: bytes,
    *,
    home: str,
    key: Callable[[Opening], PublicKey],
    now: int | None,
    dev: bool = False,
) -> Message:
    """All phases at once, for readers that are no home; ``now`` None leaves the time out (old messages)."""
    o = parse(spec, raw, home=home, dev=dev)
    if now is not None:
        check_time(o, now)
    check_signature(o, key(o))
    check_content(o)
    return o.message()


def open_signed(
    spec: Spec, raw: bytes, *, typ: str, schema: str, key: Callable[[Opening], PublicKey]
) -> dict[str, Any]:
    """The claims of a receipt, request or proof: token rules, schema, signature, ``kid``.

    ``schema`` is a path below ``spec/``; a claims set that is not valid is ``claim-invalid``.
    """
    o = parse_signed(spec, raw, typ=typ, schema=schema)
    check_signature(o, key(o))
    return o.claims


def parse_signed(spec: Spec, raw: bytes, *, typ: str, schema: str) -> Opening:
    """What :func:`open_signed` judges before the signature."""
    o = _jws(spec, raw, typ)
    _run("header", o)
    if faults := spec.faults(schema, o.claims):
        detail = f"the claims of a {typ}: {faults[0]['pointer']} {faults[0]['message']}"
        raise ProtocolError("claim-invalid", detail, rule="VRM-ENV-017", errors=faults)
    return o


def signature_of(o: Opening) -> bytes:
    """The signature bytes of a parsed token."""
    return _decode(o.segments[2])


def peek(raw: bytes | str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, *unverified*, for showing; ``token-malformed`` or ``json-invalid``."""
    data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
    parts = data.split(b".")
    if len(parts) != 3:
        raise ProtocolError("token-malformed", "a token has exactly three segments", rule="VRM-ENV-002")
    header, broken = strictjson.read(_decode(parts[0]))
    claims, broken_claims = strictjson.read(_decode(parts[1]))
    if strictjson.OBJECT in broken | broken_claims:
        raise ProtocolError("json-invalid", "header or payload is not JSON", rule=strictjson.OBJECT)
    return header, claims
