"""A forge for tokens, independent of the library: it can make anything, right or wrong.

Only `cryptography`, `hashlib`, `json` and `base64` are used, so that what the library refuses or takes is
judged by bytes which it had no hand in.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256."""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Json = bytes | str | Mapping[str, Any]
"""A member of a token: raw bytes, text, or something to be written as compact JSON."""


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def raw(value: Json) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else compact(value)


def hashed_form(jwk: Mapping[str, str]) -> bytes:
    """What RFC 7638 hashes: the required members in lexicographic order."""
    names = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("crv", "kty", "x")
    return compact({n: jwk[n] for n in names})


def thumbprint(jwk: Mapping[str, str]) -> str:
    return b64(hashlib.sha256(hashed_form(jwk)).digest())


def did(jwk: Json) -> str:
    """A did:jwk around exactly these bytes."""
    return "did:jwk:" + b64(raw(jwk))


@dataclass(frozen=True, eq=False)
class Key:
    """A fixed key: `jwk` is public, `secret` is the member `d`."""

    name: str
    alg: str
    jwk: Mapping[str, str]
    secret: str
    private: Ed25519PrivateKey | EllipticCurvePrivateKey

    @property
    def kid(self) -> str:
        return thumbprint(self.jwk)

    @property
    def did(self) -> str:
        return did(hashed_form(self.jwk))

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        r, s = decode_dss_signature(
            self.private.sign(data, ECDSA(hashes.SHA256(), deterministic_signing=True))
        )
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def der(self, data: bytes) -> bytes:
        """The same signature as X.509 writes it, which JWS does not."""
        assert isinstance(self.private, EllipticCurvePrivateKey)
        return self.private.sign(data, ECDSA(hashes.SHA256(), deterministic_signing=True))


def _seed(name: str) -> bytes:
    return hashlib.sha256(f"vrm test key {name}".encode()).digest()


def ed25519(name: str) -> Key:
    """The Ed25519 key of a name, always the same."""
    seed = _seed(name)
    private = Ed25519PrivateKey.from_private_bytes(seed)
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(private.public_key().public_bytes_raw())}
    return Key(name, "Ed25519", jwk, b64(seed), private)


def p256(name: str) -> Key:
    """The P-256 key of a name, always the same."""
    number = int.from_bytes(_seed(name), "big") % (ORDER - 1) + 1
    private = derive_private_key(number, SECP256R1())
    point = private.public_key().public_numbers()
    jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": b64(point.x.to_bytes(32, "big")),
        "y": b64(point.y.to_bytes(32, "big")),
    }
    return Key(name, "ES256", jwk, b64(number.to_bytes(32, "big")), private)


def header(key: Key, **members: Any) -> dict[str, Any]:
    """The right header for a key, with members put in its place; None leaves one out."""
    made = {"alg": key.alg, "kid": key.kid, "typ": "vrm+jwt", **members}
    return {name: value for name, value in made.items() if value is not None}


def signing_input(head: Json, payload: Json) -> bytes:
    return f"{b64(raw(head))}.{b64(raw(payload))}".encode()


def token(key: Key, payload: Json, head: Json | None = None, signature: bytes | None = None) -> bytes:
    """A token over exactly these bytes, signed by `key` unless a signature is given."""
    data = signing_input(header(key) if head is None else head, payload)
    return sealed(key, data, signature)


def sealed(key: Key, data: bytes, signature: bytes | None = None) -> bytes:
    """A token over a ready signing input, however its segments are spelled."""
    return data + b"." + b64(key.sign(data) if signature is None else signature).encode()


def mid(data: bytes) -> str:
    return b64(hashlib.sha256(data.rpartition(b".")[0]).digest())


def claims_of(data: bytes) -> dict[str, Any]:
    """The payload of a token that is right."""
    made: dict[str, Any] = json.loads(unb64(data.split(b".")[1].decode()))
    return made


def digest(data: bytes) -> str:
    """base64url(SHA-256(bytes))."""
    return b64(hashlib.sha256(data).digest())


def twin(data: bytes) -> bytes:
    """The other signature (r, n-s) of an ES256 token: it verifies too."""
    head, _, text = data.rpartition(b".")
    signature = unb64(text.decode())
    s = ORDER - int.from_bytes(signature[32:], "big")
    return head + b"." + b64(signature[:32] + s.to_bytes(32, "big")).encode()


def next_spelling(segment: str) -> str:
    """Another text for the same bytes: the first unused bit of the last character set."""
    assert len(segment) % 4 in (2, 3)
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]
