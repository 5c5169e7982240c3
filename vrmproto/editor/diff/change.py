"""What changed between two spec folders, and whom it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["AGENTS", "HOMES", "RECEIVERS", "SENDERS", "Change", "Effect", "ordered"]

SENDERS, RECEIVERS, HOMES, AGENTS = "senders", "receivers", "homes", "agents"
"""Who is broken: who still sends what was allowed, who still refuses what is allowed now, a home or a
party's program that still does what it did."""

VERDICTS = ("breaking", "possibly breaking", "compatible", "editorial")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a changed keyword does to one schema that somebody sends by."""

    schema: str
    """``messages/offer.make.json``, or ``envelope.json#/$defs/claims``."""
    whom: str
    witness: Any = None
    """A value that one version takes and the other refuses; None where none was found."""
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One change: where, what, and whom it breaks for certain and perhaps."""

    area: str
    """``schemas``, ``threads``, ``errors``, ``endpoints``, ``requirements``, ``roster``, ``ladder``,
    ``purposes``, ``views``, ``vectors``, ``pages``, ``version``."""
    file: str
    pointer: str
    """JSON Pointer into the file, of the new version where it is there; the id of a sentence in a page."""
    what: str
    breaks: tuple[str, ...] = ()
    may_break: tuple[str, ...] = ()
    editorial: bool = False
    never: bool = False
    """No step of the version allows it."""
    effects: tuple[Effect, ...] = ()

    @property
    def verdict(self) -> str:
        """One of ``VERDICTS``."""
        if self.breaks:
            return "breaking"
        if self.may_break:
            return "possibly breaking"
        return "editorial" if self.editorial else "compatible"


def ordered(changes: list[Change]) -> list[Change]:
    """The worst first, then by file and place."""
    return sorted(changes, key=lambda c: (VERDICTS.index(c.verdict), c.file, c.pointer, c.what))
