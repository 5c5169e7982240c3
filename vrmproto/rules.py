"""The rules of the envelope, one small function each, under their requirement ids. No I/O, no clock.

A check raises :class:`ProtocolError` or is silent. It stands by itself: it takes a claim as absent that
another rule would have refused. Source: spec/protocol/message.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal

from vrmproto import keys, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.opening import FOREIGN, Opening
from vrmproto.spec import VERSION

__all__ = ["CLAIMS", "MAX_TOKEN", "RULES", "SKEW", "Phase", "all_canonical", "by_phase", "run"]

MAX_TOKEN = 65536
MAX_LIFETIME = 86400
MAX_EXT = 4096
SKEW = 60
CLAIMS = "envelope.json#/$defs/claims"

Phase = Literal["bytes", "json", "message", "header", "claims", "time", "signature", "content"]

_FEW = 64
"""More than ``ext`` may have names."""

_LAST = {0: None, 2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048"), 1: frozenset(b"")}


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
    if any(FOREIGN.search(part) for part in o.raw.split(b".")):
        detail = "a segment holds nothing but A-Z a-z 0-9 - and _, without padding"
        raise ProtocolError("token-malformed", detail, rule="VRM-ENV-003")


def _canonical(o: Opening) -> None:
    if not all_canonical(o.raw):
        detail = "a segment is not the one base64url spelling of its bytes"
        raise ProtocolError("token-malformed", detail, rule="VRM-ENV-004")


def all_canonical(raw: bytes) -> bool:
    """Whether every segment has the last letter that its bytes ask for."""
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
        claims, ext = o.claims, o.claims.get("ext")
        if isinstance(ext, dict):  # each wrong name costs a copy of the whole: a few of them tell enough
            claims = claims | {"ext": dict.fromkeys(itertools.islice(ext, _FEW))}
        o.faults = o.spec.faults(CLAIMS, claims)
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


def _expired(o: Opening, now: int) -> None:
    if o.moment("exp") + SKEW <= now:
        raise ProtocolError("expired", "exp has passed; sign the message anew", rule="VRM-ENV-027")


def _future(o: Opening, now: int) -> None:
    if o.moment("iat") - SKEW > now:
        detail = "iat lies ahead of this home's clock"
        raise ProtocolError("not-yet-valid", detail, rule="VRM-ENV-028")


def _lifetime(o: Opening, now: int) -> None:
    if not 0 < o.moment("exp") - o.moment("iat") <= MAX_LIFETIME:
        detail = f"exp is later than iat, by at most {MAX_LIFETIME} seconds"
        raise ProtocolError("lifetime-too-long", detail, rule="VRM-ENV-029")


def _alg_fits(o: Opening, key: PublicKey) -> None:
    if o.header.get("alg") != key.alg:
        detail = f"the sender's key is for {key.alg}, not for the alg of the header"
        raise ProtocolError("key-invalid", detail, rule="VRM-ID-006")


def _signature(o: Opening, key: PublicKey) -> None:
    if not key.verify(o.signing_input, o.signature):
        detail = "the signature does not verify with the sender's key"
        raise ProtocolError("signature-invalid", detail, rule="VRM-ENV-030")


def _kid(o: Opening, key: PublicKey) -> None:
    if o.header.get("kid") != key.kid:
        detail = "kid is to be the RFC 7638 thumbprint of the signing key"
        raise ProtocolError("kid-mismatch", detail, rule="VRM-ID-008")


def _ext_allowed(o: Opening) -> None:
    if "ext" in o.claims and (kind := o.spec.types.get(o.text("type"))) and not kind.ext:
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
    if o.text("type") not in o.spec.types:
        detail = "the discovery document of this home lists the types that it takes"
        raise ProtocolError("type-unknown", detail, rule="VRM-ENV-034")


def _body(o: Opening) -> None:
    kind = o.spec.types.get(o.text("type"))
    if kind is not None and (faults := kind.faults(o.claims.get("body", {}))):
        first = f"body{faults[0]['pointer']} {faults[0]['message']}"
        raise ProtocolError("body-invalid", first, rule="VRM-ENV-035", errors=faults)


def _content(o: Opening) -> None:
    body = o.claims.get("body")
    about, content = (body.get(n) if isinstance(body, dict) else None for n in ("about", "content"))
    if not isinstance(about, dict) or not isinstance(content, dict) or "clear" not in content:
        return
    if set(content["clear"]) != set(about.get("fields", ())):
        detail = "the members of content.clear are to be exactly about.fields"
        raise ProtocolError("content-mismatch", detail, rule="VRM-OFR-018")


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
    "VRM-OFR-018": ("content", _content),
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


def run(phase: Phase, *args: Any) -> None:
    """Apply the checks of one phase."""
    for check in _BY_PHASE.get(phase, ()):
        check(*args)
