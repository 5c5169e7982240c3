"""What changed in the tables of threads.json: kinds, states and rows.

A row is told by the cells that it fills, (kind, state, role, type), so that a row that is written as two,
or otherwise ordered, is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vrmproto import timing
from vrmproto.editor.diff.change import HOMES, RECEIVERS, SENDERS, Change

__all__ = ["changes"]

THREADS, AREA = "threads.json", "threads"
_WORDS = ("roles", "marks", "effects", "guards")
_REFERENCE = 1_800_000_000
"""Durations are compared from here on; months are as long as they happen to be."""

Cell = tuple[str, str, str, str]
Row = Mapping[str, Any]
Told = tuple[str, str, tuple[str, ...]]
"""The member of a row, what changed, and whom it breaks."""


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Every change between two tables."""
    for word in _WORDS:
        for name in sorted({*old[word]} ^ {*new[word]}):
            state = "is new" if name in new[word] else "is gone"
            what = f"{name} of {word} {state}; rows tell what it does"
            yield Change(AREA, THREADS, f"/{word}", what)
    kinds = dict.fromkeys([*old["kinds"], *new["kinds"]])
    for name in kinds:
        before, after = old["kinds"].get(name), new["kinds"].get(name)
        if before and after:
            yield from _kind(name, before, after)
        else:
            what = f"the kind {name} is {'new' if after else 'gone'}"
            yield Change(AREA, THREADS, f"/kinds/{name}", what, breaks=(RECEIVERS if after else SENDERS,))


def _kind(name: str, before: Row, after: Row) -> Iterator[Change]:
    at = f"/kinds/{name}"
    for member in sorted((before.keys() | after.keys()) - {"states", "rows", "parents"}):
        if before.get(member) != after.get(member):
            what = f"{name}: {member} {_shown(before.get(member))} -> {_shown(after.get(member))}"
            whom = (SENDERS, RECEIVERS, HOMES) if member == "roles" else (HOMES,)
            yield Change(AREA, THREADS, f"{at}/{member}", what, breaks=whom)
    gone, more = _sets(before.get("parents"), after.get("parents"))
    for parent in gone + more:
        what = f"{name}: a thread below {parent} is {'opened' if parent in more else 'opened no more'}"
        yield Change(AREA, THREADS, f"{at}/parents", what, breaks=(RECEIVERS if parent in more else SENDERS,))
    yield from _states(name, before["states"], after["states"])
    yield from _rows(name, before["rows"], after["rows"])


def _states(kind: str, before: Row, after: Row) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        at = f"/kinds/{kind}/states/{name}"
        if name not in before or name not in after:
            what = f"{kind}: the state {name} is {'new' if name in after else 'gone'}"
            yield Change(AREA, THREADS, at, what, breaks=(HOMES,), may_break=(RECEIVERS,))
            continue
        for member in sorted(before[name].keys() | after[name].keys()):
            one, other = before[name].get(member), after[name].get(member)
            if one != other:
                what = f"{kind}: {name} has {member} {_shown(one)} -> {_shown(other)}"
                yield Change(AREA, THREADS, f"{at}/{member}", what, breaks=(HOMES,))


def _cells(kind: str, rows: list[Row]) -> dict[Cell, tuple[int, Row]]:
    found = {}
    for n, row in enumerate(rows):
        for state in row.get("in", ("",)):
            for role in ("first", "second") if row["by"] == "either" else (row["by"],):
                found[kind, state, role, row["type"]] = (n, row)
    return found


def _rows(kind: str, before: list[Row], after: list[Row]) -> Iterator[Change]:
    olds, news = _cells(kind, before), _cells(kind, after)
    told: dict[tuple[str, str, str, tuple[str, ...]], list[Cell]] = {}
    for cell in dict.fromkeys([*olds, *news]):
        n = news[cell][0] if cell in news else olds[cell][0]
        for member, what, whom in _cell(olds.get(cell), news.get(cell)):
            pointer = f"/kinds/{kind}/rows/{n}{member}"
            told.setdefault((pointer, cell[3], what, whom), []).append(cell)
    for (pointer, name, what, whom), cells in told.items():
        states = list(dict.fromkeys(c[1] for c in cells))
        roles = " and ".join(dict.fromkeys(c[2] for c in cells))
        where = "opening a thread" if states == [""] else f"in {', '.join(s or 'no thread' for s in states)}"
        yield Change(AREA, THREADS, pointer, f"{kind}: {name} by {roles} {where}: {what}", breaks=whom)


def _cell(old: tuple[int, Row] | None, new: tuple[int, Row] | None) -> Iterator[Told]:
    """What changed in a cell: the member of its row, what, and whom it breaks."""
    if old is None or new is None:
        yield ("", "is allowed now", (RECEIVERS,)) if new else ("", "is allowed no more", (SENDERS,))
        return
    before, after = old[1], new[1]
    yield from _guards(before.get("guards", []), after.get("guards", []))
    if before.get("prev") != after.get("prev"):
        bound = "prev" in after
        what = f"prev {'has to name the head' if bound else 'is free'}"
        yield "/prev", what, (SENDERS,) if bound else (RECEIVERS,)
    if before.get("needs") != after.get("needs"):
        # what a row does not need it does not take, either
        what = f"needs {_shown(before.get('needs'))} -> {_shown(after.get('needs'))}"
        yield "/needs", what, (SENDERS, RECEIVERS)
    if before.get("max") != after.get("max"):
        what = f"max {_shown(before.get('max'))} -> {_shown(after.get('max'))}"
        yield "/max", what, _longest(before.get("max"), after.get("max"))
    judged = {"in", "by", "type", "guards", "prev", "needs", "max"}
    for member in sorted((before.keys() | after.keys()) - judged):
        one, other = before.get(member), after.get(member)
        if one != other:
            yield f"/{member}", f"{member} {_shown(one)} -> {_shown(other)}", (HOMES,)


def _guards(before: list[str], after: list[str]) -> Iterator[Told]:
    gone, more = _sets(before, after)
    for guard in more:
        yield "/guards", f"the guard {guard} is new", (SENDERS,)
    for guard in gone:
        yield "/guards", f"the guard {guard} is gone", (RECEIVERS,)
    if [g for g in before if g in after] != [g for g in after if g in before]:
        yield "/guards", "the guards are judged in another order", (HOMES,)


def _longest(before: str | None, after: str | None) -> tuple[str, ...]:
    if before is None or after is None:
        return (SENDERS,) if before is None else (RECEIVERS,)
    one, other = (timing.after(_REFERENCE, duration) for duration in (before, after))
    return (SENDERS,) if other < one else (RECEIVERS,) if other > one else ()


def _sets(before: Any, after: Any) -> tuple[list[str], list[str]]:
    """What is gone, and what is more."""
    one, other = before or [], after or []
    return [n for n in one if n not in other], [n for n in other if n not in one]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
