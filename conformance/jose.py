"""A forge of its own for tokens, right and wrong: base64url, keys, thumbprints, did:jwk, JWS.

Nothing but ``cryptography`` and the standard library: a home is never judged by the code it is made of.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "DID",
    "Key",
    "b64",
    "claims_of",
    "compact",
    "decode",
    "did",
    "digest",
    "generate",
    "header_of",
    "mid_of",
    "published",
    "thumbprint",
    "token",
    "verifies",
]

DID = "did:jwk:"
Json = Any


def b64(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of unpadded base64url; ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: Json) -> bytes:
    """JSON without white space, in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def digest(data: bytes) -> str:
    """SHA-256 in unpadded base64url."""
    return b64(hashlib.sha256(data).digest())


def _hashed_form(jwk: Mapping[str, str]) -> bytes:
    names = ("crv", "kty", "x", "y") if jwk.get("kty") == "EC" else ("crv", "kty", "x")
    return compact({name: jwk[name] for name in names})


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The RFC 7638 SHA-256 thumbprint of a public JWK; KeyError where a member is missing."""
    return digest(_hashed_form(jwk))


def did(jwk: Mapping[str, str]) -> str:
    """The did:jwk of a public JWK, as VRM-ID-001 wants it."""
    return DID + b64(_hashed_form(jwk))


@dataclass(frozen=True, eq=False)
class Key:
    """A private key with its public JWK; ``alg`` is ``Ed25519`` or ``ES256``."""

    alg: str
    jwk: Mapping[str, str]
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey

    @property
    def kid(self) -> str:
        """The thumbprint."""
        return thumbprint(self.jwk)

    @property
    def did(self) -> str:
        """The did:jwk of the key."""
        return did(self.jwk)

    def sign(self, data: bytes) -> bytes:
        """A signature of 64 bytes, as JWS writes it."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def generate(alg: str = "Ed25519") -> Key:
    """A fresh key."""
    if alg == "Ed25519":
        private = Ed25519PrivateKey.generate()
        jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(private.public_key().public_bytes_raw())}
        return Key(alg, jwk, private)
    other = ec.generate_private_key(ec.SECP256R1())
    point = other.public_key().public_numbers()
    x, y = (b64(n.to_bytes(32, "big")) for n in (point.x, point.y))
    return Key("ES256", {"crv": "P-256", "kty": "EC", "x": x, "y": y}, other)


def published(*keys: Key) -> list[dict[str, str]]:
    """The member ``keys`` of a discovery document."""
    return [{**key.jwk, "kid": key.kid} for key in keys]


def signed(key: Key, header: bytes, payload: bytes) -> str:
    """A compact JWS over exactly these bytes."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"


def token(key: Key, claims: Mapping[str, Json], typ: str = "vrm+jwt", **header: Json) -> str:
    """A token with the usual header."""
    named = {"alg": key.alg, "kid": key.kid, "typ": typ, **header}
    return signed(key, compact(named), compact(claims))


def mid_of(text: str) -> str:
    """The id of a message: the digest of its signing input (VRM-ENV-022 and message.md)."""
    return digest(text.rpartition(".")[0].encode())


def header_of(text: str) -> Json:
    """The decoded header; ValueError."""
    return json.loads(decode(text.split(".")[0]))


def claims_of(text: str) -> Json:
    """The decoded payload; ValueError."""
    return json.loads(decode(text.split(".")[1]))


def verifies(text: str, jwk: Mapping[str, str]) -> bool:
    """Whether the signature of a compact JWS is by this public JWK."""
    signing_input, _, last = text.rpartition(".")
    try:
        signature, data = decode(last), signing_input.encode()
        if jwk["kty"] == "OKP":
            Ed25519PublicKey.from_public_bytes(decode(jwk["x"])).verify(signature, data)
            return True
        x, y = (int.from_bytes(decode(jwk[name]), "big") for name in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
        whole = len(signature) == 64
        public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
        return whole
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
