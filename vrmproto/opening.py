"""A token while it is being opened, and the message that comes of it. No I/O, no clock.

Source: spec/protocol/message.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vrmproto.keys import PublicKey
from vrmproto.spec import Spec

__all__ = ["FOREIGN", "MESSAGE", "Message", "Opening", "decode"]

MESSAGE = "vrm+jwt"

FOREIGN = re.compile(rb"[^A-Za-z0-9_-]")
"""What is no letter of base64url."""
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def decode(segment: bytes) -> bytes:
    """The bytes of a segment, however it is spelled (the rules judge the spelling)."""
    clean = FOREIGN.sub(b"", segment)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return base64.b64decode(clean.translate(_TO_STANDARD) + b"=" * (-len(clean) % 4))


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
            type=self.text("type"),
            iss=self.text("iss"),
            aud=self.text("aud"),
            home=self.text("home"),
            iat=self.moment("iat"),
            exp=self.moment("exp"),
            body=c.get("body", {}),
            thid=c.get("thid"),
            prev=c.get("prev"),
            pthid=c.get("pthid"),
            agr=c.get("agr"),
            key=self.key,
        )

    def moment(self, name: str) -> int:
        """A claim in epoch seconds, 0 where it is none; JSON Schema calls 1.0 an integer too."""
        value = self.claims.get(name)
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0

    def text(self, name: str) -> str:
        """A claim that is a string, '' where it is none."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""

    @property
    def signature(self) -> bytes:
        """The signature bytes."""
        return decode(self.segments[2])
