"""Ladders: the rungs of a relationship from the lowest up, and what agreement and consents allow. No I/O.

Source: spec/protocol/ladders.md, spec/ladder.json, spec/documents/ladder.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto.roster import digest

__all__ = ["Grounds", "Ladder", "Rung", "read"]

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
        """The number of a rung from 0 up; of several with one name the lowest (VRM-LAD-017), None if none."""
        return next((n for n, rung in enumerate(self.rungs) if rung.stage == stage), None)

    def lower(self, one: str | None, other: str | None) -> str:
        """The name of the lower one of two rungs; one that the ladder lacks counts as the lowest."""
        return self.rungs[min(self.place(one) or 0, self.place(other) or 0)].stage

    def reached(self, stage: str | None, grounds: Grounds) -> int:
        """The highest rung, not above the one named, that is reached; 0 if none (VRM-LAD-005)."""
        most = self.place(stage) or 0  # VRM-LAD-016
        return next((n for n in range(most, 0, -1) if grounds.reach(self.rungs[n])), 0)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an agreement and the consents beside it allow (purposes.md)."""

    purposes: Mapping[str, str | None]
    """Purpose to the clause that rules it, as in ``purposes.json``."""
    clauses: Mapping[str, str]
    """Those of the agreement."""
    consents: frozenset[str] = frozenset()
    """The purposes for which there is a consent in force."""

    def value(self, purpose: str) -> str:
        """What the agreement says of a purpose: the value of its clause, or ''."""
        return self.clauses.get(self.purposes.get(purpose) or "", "")

    def prohibit(self, purpose: str) -> bool:
        """Whether the agreement prohibits a purpose, whatever the consent."""
        return self.value(purpose) == "prohibited"

    def allow(self, purpose: str) -> bool:
        """Whether a purpose is within the agreement, or within a consent that it does not prohibit."""
        return self.value(purpose) in WITHIN or (purpose in self.consents and not self.prohibit(purpose))

    def reach(self, rung: Rung) -> bool:
        """Whether all purposes of a rung are allowed."""
        return all(map(self.allow, rung.purposes))


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
