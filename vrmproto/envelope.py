"""Seals and opens tokens: strict compact JWS. No I/O, no clock.

A home interleaves its own checks (repeat, addressee, key resolution) between the phases of the order of
checks (VRM-ENV-036), so each phase is a function: :func:`parse`, :func:`check_time`,
:func:`check_signature`, :func:`check_content`. What they judge by stands in :mod:`vrmproto.rules`.

Source: spec/protocol/message.md, RFC 7515, RFC 7519.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from vrmproto import keys, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.keys import PrivateKey, PublicKey
from vrmproto.opening import MESSAGE, Message, Opening, decode
from vrmproto.rules import CLAIMS, MAX_TOKEN, SKEW, all_canonical, run
from vrmproto.spec import Spec

__all__ = [
    "MAX_TOKEN",
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
]

RECEIPT, REQUEST = "vrm-receipt+jwt", "vrm-request+jwt"
PROOF, PING = "vrm-proof+jwt", "vrm-ping+jwt"

_USUAL_HEADER = 256
"""Longer headers are not remembered: anybody may send them, 64 kB each."""

_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


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


def _jws(spec: Spec, raw: bytes, typ: str, home: str = "", dev: bool = False) -> Opening:
    """Bytes and JSON of any token of the protocol: everything before the first look at a member."""
    o = Opening(spec, raw, home, dev, typ)
    if len(raw) > MAX_TOKEN or not _TOKEN.fullmatch(raw) or not all_canonical(raw):
        run("bytes", o)
    o.segments = [*raw.split(b".", 2), b"", b""][:3]
    read_header = _read_header if len(o.segments[0]) <= _USUAL_HEADER else _read
    o.header, broken_header = read_header(o.segments[0])
    o.claims, broken_payload = strictjson.read(decode(o.segments[1]))
    if broken_header or broken_payload:
        o.broken = broken_header | broken_payload
        run("json", o)
    return o


def _read(segment: bytes) -> tuple[dict[str, Any], frozenset[str]]:
    return strictjson.read(decode(segment))


_read_header = functools.lru_cache(maxsize=4096)(_read)


def parse(spec: Spec, raw: bytes, *, home: str, dev: bool = False) -> Opening:
    """All that can be judged of a message without store, clock and key: up to the claim ``home``.

    Raises :class:`ProtocolError` with the first fault in the order of checks.
    """
    o = _jws(spec, raw, MESSAGE, home, dev)
    run("message", o)
    run("header", o)
    if o.spec.valid(CLAIMS, o.claims):
        o.faults = []
    run("claims", o)
    o.mid = keys.b64(hashlib.sha256(o.signing_input).digest())
    return o


def check_time(o: Opening, now: int) -> None:
    """``expired``, ``not-yet-valid``, ``lifetime-too-long``; ``now`` in epoch seconds."""
    run("time", o, now)


def check_signature(o: Opening, key: PublicKey) -> None:
    """``key-invalid`` if the algorithm does not fit, ``signature-invalid``, ``kid-mismatch``."""
    run("signature", o, key)
    o.key = key


def check_content(o: Opening) -> None:
    """``ext``, ``type`` and body schema."""
    run("content", o)


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
    run("header", o)
    if faults := spec.faults(schema, o.claims):
        detail = f"the claims of a {typ}: {faults[0]['pointer']} {faults[0]['message']}"
        raise ProtocolError("claim-invalid", detail, rule="VRM-ENV-017", errors=faults)
    return o


def peek(raw: bytes | str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, *unverified*, for showing; ``token-malformed`` or ``json-invalid``."""
    data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
    parts = data.split(b".")
    if len(parts) != 3:
        raise ProtocolError("token-malformed", "a token has exactly three segments", rule="VRM-ENV-002")
    header, broken = strictjson.read(decode(parts[0]))
    claims, broken_claims = strictjson.read(decode(parts[1]))
    if strictjson.OBJECT in broken | broken_claims:
        raise ProtocolError("json-invalid", "header or payload is not JSON", rule=strictjson.OBJECT)
    return header, claims
