"""Proofs by which a replaced key says that another identifier is the same party. No I/O, no clock.

Source: spec/protocol/identity.md "Change of a person's key".
"""

from __future__ import annotations

from vrmproto import envelope, keys
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.spec import Spec

__all__ = ["LIFETIME", "holds"]

LIFETIME = 86400


def holds(spec: Spec, message: Message, *, second: str, thid: str, at: int) -> bool:
    """Whether the ``proof`` of a rotation is by the identifier it replaces, for this thread and time."""
    try:
        claims = envelope.open_signed(
            spec,
            str(message.body.get("proof", "")).encode("utf-8", "replace"),
            typ=envelope.PROOF,
            schema="documents/proof.json",
            key=lambda o: keys.from_did(o.claims["iss"]),
        )
    except ProtocolError:
        return False
    expected = {
        "iss": message.body["replaces"],
        "sub": message.iss,
        "aud": second,
        "home": message.home,
        "thid": thid,
    }
    fresh = -envelope.SKEW <= at - claims["iat"] < LIFETIME
    return fresh and all(claims[name] == value for name, value in expected.items())
