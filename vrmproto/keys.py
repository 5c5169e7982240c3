"""Keys as JWK, ``did:jwk`` and thumbprint; the keys that an organisation publishes. No I/O.

Source: spec/protocol/identity.md, RFC 7517, RFC 7638, RFC 8037, RFC 9864.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from jwt.exceptions import InvalidKeyError

from vrmproto.errors import ProtocolError

__all__ = [
    "ALGS",
    "DID",
    "KeySet",
    "PrivateKey",
    "PublicKey",
    "b64",
    "derive",
    "did_of",
    "from_did",
    "from_jwk",
    "generate",
    "key_set",
    "load_private",
    "thumbprint",
    "unb64",
]

DID = "did:jwk:"
ALGS = ("ES256", "Ed25519")

# Ed25519 is the name of RFC 9864; PyJWT knows the algorithm as EdDSA, so its object is used directly.
_ES256 = ECAlgorithm(ECAlgorithm.SHA256)
_ED25519 = OKPAlgorithm()

_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_ALG_OF = {"EC": "ES256", "OKP": "Ed25519"}

_P = 2**255 - 19
_ORDER8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER8, _P - _ORDER8})
_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of unpadded base64url; ValueError if this is not the one spelling of them."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(data) != text:
        raise ValueError("not canonical base64url")
    return data


def _members(jwk: Mapping[str, Any]) -> dict[str, str]:
    """The members that RFC 7638 hashes, in its order; ValueError if one is missing or not a string."""
    names = _MEMBERS.get(jwk["kty"]) if isinstance(jwk.get("kty"), str) else None
    if names is None or not all(isinstance(jwk.get(n), str) for n in names):
        raise ValueError("not a P-256 or Ed25519 JWK")
    return {n: jwk[n] for n in names}


def _hashed_form(jwk: Mapping[str, Any]) -> bytes:
    return json.dumps(_members(jwk), separators=(",", ":")).encode()


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 SHA-256 thumbprint, base64url; ValueError if the JWK is of no allowed kind."""
    return b64(hashlib.sha256(_hashed_form(jwk)).digest())


def did_of(jwk: Mapping[str, Any]) -> str:
    """The one ``did:jwk`` of a key (VRM-ID-001)."""
    return DID + b64(_hashed_form(jwk))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: ``kid`` is its thumbprint, ``jwk`` has the required members only."""

    kid: str
    alg: str
    jwk: Mapping[str, str]
    _key: Any = field(repr=False, compare=False)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (JWS form: 64 bytes) is this key's over ``signing_input``."""
        if self._key is None:
            return False
        algorithm = _ES256 if self.alg == "ES256" else _ED25519
        return bool(algorithm.verify(signing_input, self._key, signature))


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key with its public half; ``sign`` returns the 64 bytes of a JWS signature."""

    public: PublicKey
    _key: Any = field(repr=False, compare=False)

    @property
    def did(self) -> str:
        """The ``did:jwk`` of this key."""
        return did_of(self.public.jwk)

    @property
    def jwk(self) -> dict[str, str]:
        """The private JWK, with ``d``: keep it secret."""
        if isinstance(self._key, EllipticCurvePrivateKey):
            raw = self._key.private_numbers().private_value.to_bytes(32, "big")
        else:
            raw = self._key.private_bytes_raw()
        return {**self.public.jwk, "d": b64(raw)}

    def sign(self, signing_input: bytes) -> bytes:
        """Sign by the key's algorithm (ES256 deterministically, RFC 6979)."""
        if self.public.alg == "Ed25519":
            return bytes(self._key.sign(signing_input))
        der = self._key.sign(signing_input, ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _check_coordinates(jwk: Mapping[str, Any]) -> None:
    """VRM-ID-005."""
    try:
        members = _members(jwk)
        if members["crv"] != _CURVES[members["kty"]]:
            raise ValueError("another curve")
        if any(len(unb64(members[n])) != 32 for n in ("x", "y") if n in members):
            raise ValueError("a coordinate is not 32 bytes")
        if "y" in members and any(int.from_bytes(unb64(members[n]), "big") >= _P256 for n in ("x", "y")):
            raise ValueError("a coordinate is not below the prime")
        if _load(members) is None:
            raise ValueError("the point is not on the curve")
    except (ValueError, KeyError) as error:
        detail = f"the key is not a public P-256 or Ed25519 JWK with valid coordinates: {error}"
        raise ProtocolError("key-invalid", detail, rule="VRM-ID-005") from None


def _load(members: Mapping[str, str]) -> Any:
    """The key object of ``cryptography``, or None where the point is not one."""
    try:
        if members["kty"] == "OKP":
            return OKPAlgorithm.from_jwk(dict(members))
        return ECAlgorithm.from_jwk(dict(members))
    except (InvalidKeyError, ValueError, KeyError):
        return None


def _check_order(jwk: Mapping[str, Any]) -> None:
    """VRM-ID-007."""
    if jwk.get("crv") != "Ed25519":
        return
    try:
        y = int.from_bytes(unb64(jwk["x"]), "little") & (2**255 - 1)
    except (ValueError, KeyError, TypeError):
        return  # no coordinate at all: VRM-ID-005
    if y >= _P or y in _SMALL_ORDER_Y:
        detail = "the Ed25519 key is of small order or not canonically encoded"
        raise ProtocolError("key-invalid", detail, rule="VRM-ID-007")


RULES: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "VRM-ID-005": _check_coordinates,
    "VRM-ID-007": _check_order,
}
"""The rules of a public key, in order."""


def from_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    """A public key of a JWK (members beside the required ones are dropped); ``key-invalid``."""
    for rule in RULES.values():
        rule(jwk)
    try:
        members = _members(jwk)
    except ValueError as error:  # only where VRM-ID-005 is off: nothing can be made of it
        raise ProtocolError("key-invalid", str(error)) from None
    return PublicKey(
        kid=thumbprint(members),
        alg=_ALG_OF[members["kty"]],
        jwk=MappingProxyType(members),
        _key=_load(members),
    )


def _check_spelling(did: str, jwk: Mapping[str, Any]) -> None:
    """VRM-ID-001."""
    try:
        right = did_of(jwk) == did
    except ValueError:
        right = "kty" in jwk  # a JWK, but not a key of an allowed kind: VRM-ID-005
    if not right:
        detail = "the JWK in the did:jwk is not written as RFC 7638 hashes it"
        raise ProtocolError("key-invalid", detail, rule="VRM-ID-001")


DID_RULES: dict[str, Callable[[str, Mapping[str, Any]], None]] = {"VRM-ID-001": _check_spelling}


@functools.lru_cache(maxsize=4096)
def from_did(did: str) -> PublicKey:
    """The key inside a ``did:jwk``; ``key-invalid`` (VRM-ID-001, -005, -007)."""
    try:
        text = did.removeprefix(DID)
        jwk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        jwk = None
    jwk = jwk if isinstance(jwk, dict) else {}
    for rule in DID_RULES.values():
        rule(did, jwk)
    return from_jwk(jwk)


def _public_jwk(key: Ed25519PublicKey | EllipticCurvePublicKey) -> dict[str, str]:
    if isinstance(key, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(key.public_bytes_raw())}
    numbers = key.public_numbers()
    x, y = (b64(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _private(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> PrivateKey:
    return PrivateKey(from_jwk(_public_jwk(key.public_key())), key)


def generate(alg: str = "Ed25519") -> PrivateKey:
    """A new random key."""
    return _private(generate_ec(SECP256R1()) if alg == "ES256" else Ed25519PrivateKey.generate())


def derive(seed: bytes, purpose: str, alg: str = "Ed25519") -> PrivateKey:
    """The key of a seed for one purpose, always the same: HKDF-SHA-256 with ``purpose`` as info."""
    info = f"vrmproto/1.0/{alg}/{purpose}".encode()
    raw = HKDF(hashes.SHA256(), length=48, salt=None, info=info).derive(seed)
    if alg == "ES256":
        return _private(derive_private_key(int.from_bytes(raw, "big") % (_P256_ORDER - 1) + 1, SECP256R1()))
    return _private(Ed25519PrivateKey.from_private_bytes(raw[:32]))


def load_private(jwk: Mapping[str, str]) -> PrivateKey:
    """A private key of its JWK with ``d``; ValueError if it is none."""
    raw = unb64(jwk["d"])
    if jwk["kty"] == "OKP":
        key = _private(Ed25519PrivateKey.from_private_bytes(raw))
    else:
        key = _private(derive_private_key(int.from_bytes(raw, "big"), SECP256R1()))
    if key.public.jwk != _members(jwk):
        raise ValueError("the private and the public members of the JWK do not belong together")
    return key


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of an origin as its discovery document showed them at ``seen_at`` (epoch seconds)."""

    origin: str
    keys: Mapping[str, PublicKey]
    revoked: frozenset[str]
    seen_at: int
    document: bytes = b""

    def find(self, kid: str) -> PublicKey:
        """The key in use with this ``kid``; ``key-revoked`` or ``key-unknown``."""
        if kid in self.revoked:
            detail = f"{self.origin} lists this key among its historical_keys"
            raise ProtocolError("key-revoked", detail, rule="VRM-ID-010")
        if kid not in self.keys:
            detail = f"{self.origin} does not publish a key with this kid"
            raise ProtocolError("key-unknown", detail, rule="VRM-ID-009")
        return self.keys[kid]


def key_set(origin: str, document: Any, seen_at: int, raw: bytes = b"") -> KeySet:
    """The keys of a parsed discovery document of ``origin``; ``key-unavailable`` if it is not one.

    Keys of a kind that the protocol does not know, or without a fitting ``kid``, are passed over.
    """
    detail = f"what {origin} serves is not its discovery document"
    if not isinstance(document, dict) or document.get("issuer") != origin:
        raise ProtocolError("key-unavailable", detail, rule="VRM-ID-011")
    listed, historical = document.get("keys"), document.get("historical_keys", [])
    if not isinstance(listed, list) or not isinstance(historical, list):
        raise ProtocolError("key-unavailable", detail, rule="VRM-ID-011")
    found: dict[str, PublicKey] = {}
    for jwk in listed:
        try:
            key = from_jwk(jwk)
        except (ProtocolError, AttributeError, TypeError):
            continue
        if jwk.get("kid", key.kid) == key.kid:
            found[key.kid] = key
    revoked = frozenset(h["kid"] for h in historical if isinstance(h, dict) and isinstance(h.get("kid"), str))
    return KeySet(origin, MappingProxyType(found), revoked, seen_at, raw)
