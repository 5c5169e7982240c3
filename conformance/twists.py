"""Signatures that are wrong in one way: made from a right one, and known again by undoing it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from conformance import jose

__all__ = ["TWISTS", "hmac_of", "twisted", "undone"]

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
TWISTS = ("key", "der", "long", "swapped", "high-s", "bit")
"""``key`` is the right one; the others as the vectors have them."""


def hmac_of(jwk: Mapping[str, str], data: bytes) -> bytes:
    """HS256 with the public key as the secret."""
    return hmac.new(jose.decode(jwk["x"]), data, hashlib.sha256).digest()


def twisted(how: str, raw: bytes) -> bytes:
    """A right signature of 64 bytes, in another form."""
    r, s = raw[:32], raw[32:]
    if how == "der":
        return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    if how == "long":
        return raw + b"\0"
    if how == "swapped":
        return s + r
    if how == "high-s":
        return r + (int.from_bytes(s, "little") + ED25519_ORDER).to_bytes(32, "little")
    if how == "bit":
        return raw[:1].translate(bytes(b ^ 1 for b in range(256))) + raw[1:]
    return raw


def undone(signature: bytes, jwk: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """The right signatures that a signature may have been made of, each with how."""
    curve = jwk["kty"] == "EC"
    if len(signature) == 64:
        yield "key", signature
        yield "bit", twisted("bit", signature)
        if curve:
            yield "swapped", signature[32:] + signature[:32]
        else:
            s = int.from_bytes(signature[32:], "little") - ED25519_ORDER
            if s >= 0:
                yield "high-s", signature[:32] + s.to_bytes(32, "little")
    if len(signature) == 65:
        yield "long", signature[:-1]
    if curve and signature[:1] == b"\x30":
        try:
            r, s = decode_dss_signature(signature)
            yield "der", r.to_bytes(32, "big") + s.to_bytes(32, "big")
        except (ValueError, OverflowError):
            return
