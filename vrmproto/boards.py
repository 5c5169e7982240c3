"""Boards: what a feed shows of a thread, and what its filters match. No I/O and no clock.

Source: spec/protocol/boards.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vrmproto import keys, strictjson

__all__ = ["REMOVALS", "Board", "Cursor", "Filter", "tags_of"]

REMOVALS = ("illegal", "personal-data", "spam", "operator")
"""The codes of a removal (boards.md "Threads and removal")."""


@dataclass(frozen=True, slots=True)
class Board:
    """A board of a home by its name; ``signed``: only signed requests read its feed."""

    name: str
    access: Literal["public", "signed"] = "public"


def tags_of(facts: Mapping[str, Any]) -> str:
    """What filters match of a version, as compact JSON, from the facts that its thread keeps."""
    tags = {
        "categories": [f"{c['scheme']}:{c['code']}" for c in facts.get("categories", ())],
        "region": facts.get("region", ""),
        "lang": facts.get("lang", "").lower(),
    }
    return strictjson.dumps(tags).decode()


@dataclass(frozen=True, slots=True)
class Filter:
    """The filters of a reader; '' matches everything (boards.md "Filters")."""

    category: str = ""
    region: str = ""
    lang: str = ""

    def matches(self, tags: str | None) -> bool:
        """Whether a version with these tags is shown to the reader; None is no version."""
        if tags is None:
            return False
        if not (self.category or self.region or self.lang):
            return True
        found = strictjson.read(tags.encode())[0]
        lang = self.lang.lower()
        return (
            any(c.startswith(self.category) for c in found["categories"] or [""])
            and (not self.region or _within(found["region"], self.region))
            and (not lang or _within(found["lang"], lang))
        )

    @property
    def digest(self) -> str:
        """What a cursor is bound to."""
        text = "\n".join((self.category, self.region, self.lang.lower()))
        return keys.b64(hashlib.sha256(text.encode()).digest()[:6])


def _within(code: str, area: str) -> bool:
    return code == area or code.startswith(f"{area}-")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader is: in what was open at position ``start`` (``after`` < ``start``), or in the changes.

    Written as ``BOARD.FILTER.START.AFTER`` with the digest of the filter; opaque to readers.
    """

    board: str
    filter: str
    start: int
    after: int
    changes: bool
    """All that was open at ``start`` has been shown; ``after`` is a position of the changes."""

    def __str__(self) -> str:
        return f"{self.filter}.{'c' if self.changes else 'o'}.{self.start}.{self.after}.{self.board}"

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor of its text; ValueError if it is none."""
        bound, phase, start, after, board = text.split(".", 4)
        if phase not in ("c", "o") or not all(n.isascii() and n.isdigit() for n in (start, after)):
            raise ValueError("not a cursor of this home")
        if len(start) > 18 or len(after) > 18:
            raise ValueError("not a cursor of this home")
        return cls(board, bound, int(start), int(after), phase == "c")
