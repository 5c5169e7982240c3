"""``check message``: what a token, a body or a folder of vectors breaks, judged without any home."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import jose
from vrmproto.spec import Spec

__all__ = ["Finding", "body", "files", "token"]

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_KINDS = {
    "vrm+jwt": "envelope.json#/$defs/claims",
    "vrm-receipt+jwt": "documents/receipt.json",
    "vrm-request+jwt": "documents/request.json",
    "vrm-proof+jwt": "documents/proof.json",
}
_LONGEST = 65536


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    file: str
    requirement: str
    what: str


class _Broken(Exception):
    def __init__(self, requirement: str, what: str) -> None:
        super().__init__(what)
        self.requirement, self.what = requirement, what


def _strict(data: bytes, which: str) -> dict[str, Any]:
    """One JSON object as message.md wants it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Broken("VRM-ENV-005", f"the {which} is no UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _Broken("VRM-ENV-005", f"the {which} begins with a byte order mark")

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise _Broken("VRM-ENV-007", f"the {which} has the member {twice[0]} twice")
        return dict(pairs)

    def constant(name: str) -> Any:
        raise _Broken("VRM-ENV-008", f"the {which} has {name}")

    def integer(digits: str) -> int:
        if len(digits) > 17:
            raise _Broken("VRM-ENV-011", f"the {which} holds a number out of range")
        return int(digits)

    try:
        value = json.loads(text, object_pairs_hook=members, parse_constant=constant, parse_int=integer)
    except ValueError as error:
        raise _Broken("VRM-ENV-006", f"the {which} is no JSON: {error}") from None
    except RecursionError:
        raise _Broken("VRM-ENV-010", f"the {which} is nested too deep") from None
    if not isinstance(value, dict):
        raise _Broken("VRM-ENV-006", f"the {which} is no object")
    _values(value, which, 1)
    return value


def _values(value: Any, which: str, depth: int) -> None:
    if depth > 32 and isinstance(value, dict | list):
        raise _Broken("VRM-ENV-010", f"the {which} is nested deeper than 32 levels")
    if isinstance(value, dict):
        for name, one in value.items():
            _values(name, which, depth + 1)
            _values(one, which, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _values(one, which, depth + 1)
    elif isinstance(value, str):
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise _Broken("VRM-ENV-009", f"the {which} holds a lone surrogate")
    elif (isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1) or (
        isinstance(value, float) and value in (float("inf"), float("-inf"))
    ):
        raise _Broken("VRM-ENV-011", f"the {which} holds a number out of range")


def token(spec: Spec, raw: bytes, file: str = "") -> list[Finding]:
    """What a token of any kind breaks; the signature is verified where ``iss`` is a did:jwk."""
    try:
        return [Finding(file, *one) for one in _token(spec, raw)]
    except _Broken as broken:
        return [Finding(file, broken.requirement, broken.what)]


def _token(spec: Spec, raw: bytes) -> Iterator[tuple[str, str]]:
    if len(raw) > _LONGEST:
        raise _Broken("VRM-ENV-001", f"{len(raw)} bytes; {_LONGEST} at most")
    text = raw.decode("latin-1")
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise _Broken("VRM-ENV-002", f"{len(parts)} segments; three, none of them empty")
    for part in parts:
        if not _SEGMENT.fullmatch(part):
            raise _Broken("VRM-ENV-003", "a segment holds what is no letter of base64url")
        if len(part) % 4 == 1 or jose.b64(jose.decode(part)) != part:
            raise _Broken("VRM-ENV-004", "a segment is not the one spelling of its bytes")
    header, payload = _strict(jose.decode(parts[0]), "header"), _strict(jose.decode(parts[1]), "payload")
    kind = str(header.get("typ"))
    if kind == "vrm+jwt" and payload.get("vrm") != "1.0":
        raise _Broken("VRM-ENV-012", f"vrm is {json.dumps(payload.get('vrm'))}; this suite judges 1.0")
    if set(header) != {"alg", "kid", "typ"} or not all(isinstance(v, str) for v in header.values()):
        raise _Broken("VRM-ENV-013", f"the header has the members {sorted(header)}; alg, kid and typ")
    if kind not in _KINDS:
        raise _Broken("VRM-ENV-014", f"typ is {kind}")
    if header["alg"] not in ("Ed25519", "ES256"):
        raise _Broken("VRM-ID-004", f"alg is {header['alg']}")
    for fault in spec.faults(_KINDS[kind], payload):
        rule = {"required": "VRM-ENV-015", "additionalProperties": "VRM-ENV-020"}
        yield (
            rule.get(fault["keyword"], "VRM-ENV-017"),
            f"{fault['pointer'] or 'the payload'} {fault['message']}",
        )
    if kind == "vrm+jwt":
        yield from _message(spec, payload)
    iss = payload.get("iss")
    if isinstance(iss, str) and iss.startswith(jose.DID):
        yield from _signature(text, header, iss)


def _message(spec: Spec, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if payload.get("iss") == payload.get("aud"):
        yield "VRM-ENV-019", "iss and aud are the same"
    if isinstance(payload.get("iat"), int) and isinstance(payload.get("exp"), int):
        lasts = payload["exp"] - payload["iat"]
        if not 0 < lasts <= 86400:
            yield "VRM-ENV-029", f"exp lies {lasts} s after iat; at most 86400"
    if ("thid" in payload) != ("prev" in payload):
        yield "VRM-ENV-016", "thid and prev come together or not at all"
    type_ = spec.types.get(str(payload.get("type")))
    if type_ is None:
        yield "VRM-ENV-034", f"the type {payload.get('type')} is none of this spec's"
        return
    if "ext" in payload and not type_.ext:
        yield "VRM-ENV-031", f"{type_.name} takes no ext"
    for fault in type_.faults(payload.get("body")):
        yield "VRM-ENV-035", f"body{fault['pointer']} {fault['message']}"


def _signature(text: str, header: dict[str, Any], iss: str) -> Iterator[tuple[str, str]]:
    try:
        jwk = json.loads(jose.decode(iss.removeprefix(jose.DID)))
        right = jose.did(jwk) == iss
    except (ValueError, KeyError, TypeError, AttributeError):
        right, jwk = False, {}
    if not right:
        yield "VRM-ID-001", "iss is no did:jwk as RFC 7638 hashes its key"
    elif header["alg"] != ("Ed25519" if jwk["kty"] == "OKP" else "ES256"):
        yield "VRM-ID-006", f"alg {header['alg']} with a key of the kind {jwk['kty']}"
    elif not jose.verifies(text, jwk):
        yield "VRM-ENV-030", "the signature does not verify with the key of iss"
    elif header["kid"] != jose.thumbprint(jwk):
        yield "VRM-ID-008", "kid is not the thumbprint of the key"


def body(spec: Spec, document: Any, type_: str, file: str = "") -> list[Finding]:
    """What a body breaks of its type."""
    if type_ not in spec.types:
        return [Finding(file, "VRM-ENV-034", f"the type {type_} is none of this spec's")]
    faults = spec.types[type_].faults(document)
    return [Finding(file, "VRM-ENV-035", f"body{f['pointer']} {f['message']}") for f in faults]


def _document(spec: Spec, value: Any, file: str) -> list[Finding]:
    """A JSON file: a body with its type, a record, or a document of the protocol by its members."""
    if isinstance(value, dict) and set(value) >= {"type", "body"}:
        return body(spec, value["body"], str(value["type"]), file)
    if isinstance(value, dict) and {"messages", "manifest"} <= set(value):
        found = [
            Finding(file, "VRM-REC-001", f"{f['pointer']} {f['message']}")
            for f in spec.faults("documents/record.json", value)
        ]
        for one in value["messages"] if isinstance(value["messages"], list) else ():
            for text in (one.get("token"), one.get("receipt")) if isinstance(one, dict) else ():
                found += token(spec, str(text).encode(), file)
        return found
    return [Finding(file, "", 'is neither a record nor {"type": ..., "body": ...}')]


def files(spec: Spec, path: Path) -> Iterator[tuple[str, list[Finding]]]:
    """Every file below a path, or the file itself, and what is wrong in it; OSError."""
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.suffix in (".jwt", ".json") and p.is_file())
        for one in inside:
            if one.suffix == ".jwt":
                yield str(one), token(spec, one.read_bytes().strip(), str(one))
        return
    data = path.read_bytes().strip()
    if path.suffix == ".json" or data[:1] in (b"{", b"["):
        try:
            value = json.loads(data)
        except ValueError as error:
            yield str(path), [Finding(str(path), "", f"is no JSON: {error}")]
            return
        yield str(path), _document(spec, value, str(path))
        return
    yield str(path), token(spec, data, str(path))
