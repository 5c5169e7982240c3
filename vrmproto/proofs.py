"""Proofs by which one key says that another identifier is the same party. No I/O, no clock.

Source: spec/protocol/identity.md "Change of a person's key", offers.md "Showing another key".
"""

from __future__ import annotations

from collections.abc import Mapping

from vrmproto import envelope, keys
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.spec import Spec

__all__ = ["LIFETIME", "holds", "introduces"]

LIFETIME = 86400


def holds(spec: Spec, message: Message, *, second: str, thid: str, at: int) -> bool:
    """Whether the ``proof`` of a rotation is by the identifier it replaces, for this thread and time."""
    named = {"iss": message.body["replaces"], "sub": message.iss, "aud": second, "thid": thid}
    return _proves(spec, message, named, at)


def introduces(spec: Spec, message: Message, second: str, at: int) -> bool:
    """Whether the ``proof`` of an introduction is by the identifier that it brings (VRM-OFR-020)."""
    named = {"iss": message.body["id"], "sub": message.iss, "aud": second, "thid": message.thid}
    return _proves(spec, message, named, at)


def _proves(spec: Spec, message: Message, named: Mapping[str, str | None], at: int) -> bool:
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
    expected = {**named, "home": message.home}
    fresh = -envelope.SKEW <= at - claims["iat"] < LIFETIME
    return fresh and all(claims[name] == value for name, value in expected.items())
