"""What a drawing of a kind of thread shows: its moves, grouped so that each is said once. Pure.

Source: spec/protocol/threads.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto.tables import AUTOMATIC

__all__ = ["Line", "Move", "moves_of", "stays_of", "traits_of"]

_TRAITS = {
    "live": "in force",
    "listed": "on its board",
    "rests": "at rest",
    "over": "over",
    "end": "end",
    "erased": "erased",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What makes a move: a message type with its sender's role and the marks of its row, or a cause."""

    what: str
    by: str = ""
    """``first``, ``second``, ``either`` or ``member``; empty for a move without a message."""
    marks: tuple[str, ...] = ()

    @property
    def sender(self) -> str:
        """Role and marks in one, as a drawing says it."""
        return " · ".join((self.by, *self.marks))


@dataclass(frozen=True, slots=True)
class Move:
    """One arrow: from states to another state, for one or more reasons; from none where a thread opens."""

    sources: tuple[str, ...]
    target: str
    lines: tuple[Line, ...]
    back: bool = False
    """It leads to a state that stands before its sources in the table."""


def _cells(kind: Mapping[str, Any]) -> list[tuple[Line, str, str]]:
    """(line, from, to) for each state of each row and each move without a message; '' opens a thread."""
    found = []
    for row in kind["rows"]:
        line = Line(row["type"], row["by"], tuple(row.get("marks", ())))
        for state in row.get("in", ("",)):
            found.append((line, state, state if row["to"] == "=" else row["to"]))
    for cause in AUTOMATIC:
        found += [(Line(cause), name, s[cause]) for name, s in kind["states"].items() if cause in s]
    return found


def moves_of(kind: Mapping[str, Any]) -> list[Move]:
    """The arrows of a kind, a table of ``threads.json``: what leads from one state to another, each once.

    A row that stands in several states is one arrow from all of them, and rows that lead from the same
    states to the same one share theirs.
    """
    place = {name: number for number, name in enumerate(kind["states"])}
    rows: dict[tuple[Line, str, int], list[str]] = {}
    for line, source, target in _cells(kind):
        if source != target:
            way = 0 if not source else 1 if place[source] < place[target] else 2  # opens, goes on, goes back
            rows.setdefault((line, target, way), []).append(source)
    arrows: dict[tuple[tuple[str, ...], str, int], list[Line]] = {}
    for (line, target, way), sources in rows.items():
        known = tuple(sorted((s for s in sources if s), key=place.__getitem__))
        arrows.setdefault((known, target, way), []).append(line)
    return [Move(sources, target, tuple(lines), way == 2) for (sources, target, way), lines in arrows.items()]


def stays_of(kind: Mapping[str, Any]) -> dict[str, list[Line]]:
    """State to what is sent in it, or happens, and leaves it as it is."""
    found: dict[str, list[Line]] = {name: [] for name in kind["states"]}
    for line, source, target in _cells(kind):
        if source == target:
            found[source].append(line)
    return found


def traits_of(state: Mapping[str, Any]) -> list[str]:
    """What a state means, in words: the members of a state of ``threads.json`` that are no moves."""
    traits = [word for member, word in _TRAITS.items() if member in state]
    if "place" in state:
        traits.append(f"place {state['place']}")
    if "holds" in state:
        traits.append(f"holds {state['holds']}")
    return traits
