"""Ladders: the rungs of a relationship from the lowest up, and how far an agreement reaches. No I/O.

Source: spec/protocol/ladders.md, spec/ladder.json, spec/documents/ladder.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto.roster import digest

__all__ = ["Ladder", "Rung", "reaches", "read"]

WITHIN = ("required", "permitted")
"""The values of a clause whose purposes need nothing further."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung: what has to be within the agreement, and what the organisation may send and ask for."""

    stage: str
    title: str
    purposes: tuple[str, ...]
    types: frozenset[str]
    categories: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ladder:
    """A ladder; ``document`` is the bytes of which ``digest`` is."""

    digest: str
    document: bytes
    rungs: tuple[Rung, ...]

    def place(self, stage: str | None) -> int | None:
        """The number of a rung from 0 up; of several with one name the lowest, None if there is none."""
        return next((n for n, rung in enumerate(self.rungs) if rung.stage == stage), None)

    def lower(self, one: str | None, other: str | None) -> str:
        """The name of the lower one of two rungs; one that the ladder lacks counts as the lowest."""
        return self.rungs[min(self.place(one) or 0, self.place(other) or 0)].stage

    def reached(self, stage: str | None, clauses: Mapping[str, str], purposes: Purposes) -> int:
        """The highest rung, not above the one named, that an agreement reaches; 0 if none (VRM-LAD-005)."""
        most = self.place(stage) or 0
        return next((n for n in range(most, 0, -1) if reaches(self.rungs[n], clauses, purposes)), 0)


Purposes = Mapping[str, str | None]
"""Purpose to the clause that rules it, as in ``purposes.json``."""


def reaches(rung: Rung, clauses: Mapping[str, str], purposes: Purposes) -> bool:
    """Whether all purposes of a rung are within an agreement with these clauses."""
    return all(clauses.get(purposes.get(purpose) or "") in WITHIN for purpose in rung.purposes)


def read(document: bytes, content: Mapping[str, Any] | None = None) -> Ladder:
    """The ladder in a document that is valid by ``documents/ladder.json``; ``content`` is its JSON."""
    rungs = (content or json.loads(document))["rungs"]
    return Ladder(
        digest(document),
        document,
        tuple(
            Rung(
                r["stage"],
                r["title"],
                tuple(r["purposes"]),
                frozenset(r["types"]),
                frozenset(r["categories"]),
            )
            for r in rungs
        ),
    )
