"""The tables of ``spec/threads.json`` as values: kinds of thread, their states and rows. No I/O.

Source: spec/protocol/threads.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from vrmproto.errors import SpecError

__all__ = ["AUTOMATIC", "Kind", "Row", "State", "kinds_of", "opens_of", "with_effect"]

AUTOMATIC = ("deadline", "orphaned", "filled", "released", "severed", "superseded", "removed")
"""Causes that move a state without a message, in the order in which they win the same second."""


@dataclass(frozen=True, slots=True)
class State:
    """A state of a kind: where it moves without a message, and its marks (threads.md)."""

    name: str
    moves: Mapping[str, str]
    within: str = ""
    default: str = ""
    live: bool = False
    over: bool = False
    end: bool = False
    place: str = ""
    """What becomes of the place below the parent: ``held``, ``filled``, ``free``; '' leaves it."""
    erased: bool = False
    """The second party reads tombstones."""
    holds: str = ""
    """A kept fact with the messages of the parent that are no tombstones meanwhile."""
    listed: bool = False
    """Its board shows the thread."""
    rests: bool = False
    """Nothing is sent under an agreement by the second party, here and below."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a thread table (threads.md); ``states`` is empty for an opening row."""

    kind: str
    type: str
    by: str
    to: str
    states: frozenset[str] = frozenset()
    head: bool = False
    needs: frozenset[str] = frozenset()
    guards: tuple[str, ...] = ()
    keep: Mapping[str, str | None] = field(default_factory=dict)
    count: Mapping[str, Sequence[str]] = field(default_factory=dict)
    deadline: str = ""
    default: str = ""
    max: str = ""
    from_opening: bool = False
    record: str = ""
    effect: str = ""
    supersedes: bool = False
    duty: bool = False
    exit: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thread with its states and rows."""

    name: str
    roles: str
    parents: frozenset[str]
    states: Mapping[str, State]
    rows: tuple[Row, ...]
    cells: Mapping[tuple[str, str, str], Row]
    """(state, role, type) to row; opening rows under the state ''."""
    member: bool
    """The first party's role is called ``member`` in the rows: any reader of the board may open a thread."""
    timed: frozenset[str]
    """Kept facts that a row takes as its deadline."""
    recorded: bool = False
    """A parent has to have a record."""
    erased: bool = False
    """The second party reads tombstones where it reads them of the parent (VRM-REL-016)."""
    guards: frozenset[str] = frozenset()
    """Those of the rows that open a thread."""
    record: str = ""
    """What a thread of this kind may have a record of: ``agreement``, ``consent`` or nothing."""

    def is_erased(self, checkpoint: Mapping[str, Any], seq: int) -> bool:
        """Whether a checkpoint says that a tombstone stands there (VRM-OFR-025, VRM-REL-017)."""
        state = self.states.get(checkpoint["state"])
        purged = state is not None and state.erased
        return purged or (self.erased and seq <= checkpoint.get("erased", 0))


def _row(kind: str, row: Mapping[str, Any]) -> Row:
    marks = row.get("marks", ())
    return Row(
        kind=kind,
        type=row["type"],
        by=row["by"],
        to=row["to"],
        states=frozenset(row.get("in", ())),
        head=row.get("prev") == "head",
        needs=frozenset(row.get("needs", ())),
        guards=tuple(row.get("guards", ())),
        keep=MappingProxyType(row.get("keep", {})),
        count=MappingProxyType(row.get("count", {})),
        deadline=row.get("deadline", ""),
        default=row.get("default", ""),
        max=row.get("max", ""),
        from_opening=row.get("max_from") == "opening",
        record=row.get("record", ""),
        effect=row.get("effect", ""),
        supersedes="supersedes" in row,
        duty="duty" in marks,
        exit="exit" in marks,
    )


def _state(name: str, state: Mapping[str, Any]) -> State:
    return State(
        name=name,
        moves=MappingProxyType({c: state[c] for c in AUTOMATIC if c in state}),
        within=state.get("within", ""),
        default=state.get("default", ""),
        live=state.get("live", False),
        over=state.get("over", False),
        end=state.get("end", False),
        place=state.get("place", ""),
        erased=state.get("erased", False),
        holds=state.get("holds", ""),
        listed=state.get("listed", False),
        rests=state.get("rests", False),
    )


def _kind(name: str, table: Mapping[str, Any]) -> Kind:
    rows = tuple(_row(name, r) for r in table["rows"])
    cells: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        for role in ("first", "second") if row.by == "either" else (row.by,):
            for state in row.states or ("",):
                if cells.setdefault((state, role, row.type), row) is not row:
                    raise SpecError(f"threads.json: kind {name} has two rows for {state} {role} {row.type}")
    return Kind(
        name=name,
        roles=table["roles"],
        parents=frozenset(table.get("parents", ())),
        states=MappingProxyType({s: _state(s, v) for s, v in table["states"].items()}),
        rows=rows,
        cells=MappingProxyType(cells),
        member=any(r.by == "member" for r in rows),
        timed=frozenset(r.deadline for r in rows if r.deadline and not r.deadline.startswith("/")),
        recorded=table.get("recorded", False),
        erased=table.get("erased", False),
        guards=frozenset(guard for row in rows if not row.states for guard in row.guards),
        record=next((row.record for row in rows if row.record), ""),
    )


def kinds_of(tables: Mapping[str, Any]) -> dict[str, Kind]:
    """The kinds of a ``threads.json`` document; SpecError where it is not deterministic."""
    return {name: _kind(name, table) for name, table in tables["kinds"].items()}


def opens_of(kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """Message type to the kind that it opens."""
    return {row.type: kind for kind in kinds.values() for row in kind.rows if not row.states}


def with_effect(kinds: Mapping[str, Kind], effect: str) -> frozenset[str]:
    """The types of the rows that have an effect."""
    return frozenset(r.type for k in kinds.values() for r in k.rows if r.effect == effect)
