"""Checks thread tables: what a schema cannot say about ``threads.json``.

Takes a document that is valid against ``meta/threads.json`` and yields every fault in it. No I/O.
Source: spec/protocol/threads.md, spec/implementing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from vrmproto.spec import AUTOMATIC

__all__ = ["Fault", "faults"]

Json = Mapping[str, Any]
Cell = tuple[str, str, str]


class Fault(NamedTuple):
    """A fault at a JSON Pointer of the document: a code, what is wrong, and what would be right."""

    code: str
    pointer: str
    message: str
    remedy: str


def _anything(_type: str, _pointer: str) -> bool:
    return True


def faults(
    tables: Json,
    types: Collection[str],
    guards: Collection[str],
    member: Callable[[str, str], bool] = _anything,
) -> Iterator[Fault]:
    """Every fault of the tables.

    ``types`` are the message types that have a schema, ``guards`` those that are implemented;
    ``member(type, pointer)`` tells whether a body of this type can hold something there.
    """
    kinds = {name: _Kind(name, table, tables, member) for name, table in tables["kinds"].items()}
    yield from _vocabulary(tables, kinds.values(), guards)
    yield from _types(kinds.values(), types)
    yield from _openings(kinds.values())
    for kind in kinds.values():
        yield from _family(kind, kinds.values())
        for check in _KIND_CHECKS:
            yield from check(kind)
        for row in kind.rows:
            for of_row in _ROW_CHECKS:
                yield from of_row(kind, row)


@dataclass(frozen=True)
class _Row:
    """A row with where it stands; members as in the table, absent ones empty."""

    raw: Json
    pointer: str

    def __getattr__(self, name: str) -> Any:
        return self.raw.get(name, "")

    @property
    def states(self) -> list[str]:
        """The states in which it stands; '' for an opening row."""
        return list(self.raw.get("in", [""]))

    @property
    def opening(self) -> bool:
        return "in" not in self.raw

    @property
    def roles(self) -> tuple[str, ...]:
        return ("first", "second") if self.by == "either" else (self.by,)

    @property
    def name(self) -> str:
        return f"{self.type} by {self.by}"

    @property
    def from_body(self) -> bool:
        return bool(self.deadline.startswith("/"))

    def entered(self, state: str) -> str:
        return state if self.to == "=" else str(self.to)

    def fault(self, code: str, message: str, remedy: str, member: str = "") -> Fault:
        where = f"{self.pointer}/{member}" if member in self.raw else self.pointer
        return Fault(code, where, f"{self.name}: {message}", remedy)


@dataclass(frozen=True)
class _Kind:
    name: str
    table: Json
    tables: Json
    member: Callable[[str, str], bool] = field(repr=False)

    @cached_property
    def rows(self) -> list[_Row]:
        at = f"/kinds/{self.name}/rows"
        return [_Row(raw, f"{at}/{n}") for n, raw in enumerate(self.table["rows"])]

    @cached_property
    def facts(self) -> set[str]:
        return {fact for row in self.rows for fact in row.keep or ()}

    @cached_property
    def needs_agreement(self) -> bool:
        return any("agr" in row.needs for row in self.rows if row.opening)

    @property
    def states(self) -> Json:
        states: Json = self.table["states"]
        return states

    @property
    def parents(self) -> list[str]:
        return list(self.table.get("parents", ()))

    @cached_property
    def openers(self) -> set[str]:
        return {row.type for row in self.rows if row.opening}

    def done(self, state: str) -> bool:
        """Nothing is owed to the person or by her any more."""
        return bool(self.states[state].get("end") or self.states[state].get("over"))

    @cached_property
    def moves(self) -> list[tuple[str, str, _Row]]:
        """(from, to, row) for each state of each row, as far as both states exist."""
        known = {"", *self.states}
        moves = [(state, row.entered(state), row) for row in self.rows for state in row.states]
        return [m for m in moves if m[0] in known and m[1] in self.states]

    @cached_property
    def automatic(self) -> list[tuple[str, str]]:
        """(from, to) of the moves without a message."""
        edges = [(name, state[c]) for name, state in self.states.items() for c in AUTOMATIC if c in state]
        return [edge for edge in edges if edge[1] in self.states]

    def fault(self, code: str, state: str, message: str, remedy: str) -> Fault:
        return Fault(code, f"/kinds/{self.name}/states/{state}", f"{self.name}, {state}: {message}", remedy)


# --- the document ------------------------------------------------------------------------------


def _vocabulary(tables: Json, kinds: Iterable[_Kind], implemented: Collection[str]) -> Iterator[Fault]:
    """What the rows use is listed, what is listed is used, and each guard exists."""
    rows = [row for kind in kinds for row in kind.rows]
    used = {
        "guards": {g for row in rows for g in row.guards},
        "effects": {row.effect for row in rows if row.effect},
        "marks": {m for row in rows for m in row.marks},
        "roles": {role for row in rows for role in row.roles},
    }
    for name, words in used.items():
        for word in sorted(words - set(tables[name])):
            yield Fault("vocabulary", f"/{name}", f"a row uses {word}", f"list it under {name}")
        for word in sorted(set(tables[name]) - words if name in ("guards", "effects") else ()):
            yield Fault("unused", f"/{name}", f"no row uses {word}", f"use it, or take it out of {name}")
    for guard in sorted(set(tables["guards"]) - set(implemented)):
        yield Fault(
            "guard-missing", "/guards", f"{guard} is not implemented", "add it to vrmproto.guards.GUARDS"
        )


def _types(kinds: Iterable[_Kind], types: Collection[str]) -> Iterator[Fault]:
    rows = {row.type: row for kind in kinds for row in kind.rows}
    for name in sorted(set(rows) - set(types)):
        yield rows[name].fault("type-without-schema", "has no schema", f"write messages/{name}.json", "type")
    for name in sorted(set(types) - set(rows)):
        remedy = "give it a row, or take its schema away"
        yield Fault("type-without-row", "/kinds", f"no row takes {name}", remedy)


def _openings(kinds: Iterable[_Kind]) -> Iterator[Fault]:
    """A type opens one kind, and where the sender's role comes from the row, by one role."""
    opened: dict[str, _Kind] = {}
    for kind in kinds:
        seen: set[str] = set()
        for row in kind.rows:
            if not row.opening:
                continue
            if opened.setdefault(row.type, kind) is not kind:
                other = opened[row.type].name
                yield row.fault("ambiguous", f"opens {other} already", "give it a type of its own", "type")
            twice = row.type in seen or row.by == "either"
            if twice and kind.table["roles"] in ("opener", "board"):
                remedy = "in this kind one type opens for one role"
                yield row.fault("ambiguous", "does not tell who the sender is", remedy, "by")
            seen.add(row.type)


def _is_erased(kind: _Kind) -> bool:
    """Whether its second party ever reads tombstones."""
    return bool(kind.table.get("erased")) or any(state.get("erased") for state in kind.states.values())


def _family(kind: _Kind, kinds: Iterable[_Kind]) -> Iterator[Fault]:
    """Parents exist, and keep what this kind takes from them."""
    parents = [k for k in kinds if k.openers & set(kind.parents)]
    at = f"/kinds/{kind.name}"
    for name in sorted(set(kind.parents) - {t for k in parents for t in k.openers}):
        yield Fault("parents", f"{at}/parents", f"{name} opens no thread", "name a type that opens one")
    if kind.table.get("recorded"):
        for parent in parents:
            if not any(row.record for row in parent.rows):
                message = f"asks for a record, which {parent.name} never has"
                yield Fault("parents", f"{at}/recorded", message, "take the parent out")
    if kind.table.get("erased") and not any(_is_erased(parent) for parent in parents):
        message = "is erased with its parent, and no parent ever is"
        yield Fault(
            "parents", f"{at}/erased", message, "take it out, or mark a state or the kind of a parent"
        )
    if not any(kind.openers & set(other.parents) for other in kinds):
        for name, state in kind.states.items():
            if "rests" in state:
                message = "rests, but no kind is opened below"
                yield kind.fault("cause", name, message, "take it out, or list the kind as a parent")
    for row in kind.rows:
        for source in (row.keep or {}).values():
            fact = source.removeprefix("parent:") if source and source.startswith("parent:") else ""
            if fact and not (parents and all(fact in parent.facts for parent in parents)):
                yield row.fault("fact-unknown", f"no parent keeps {fact}", "keep it there first", "keep")


# --- a kind ------------------------------------------------------------------------------------


def _cells(kind: _Kind) -> Iterator[Fault]:
    """One row for a state, a role and a type."""
    seen: dict[Cell, _Row] = {}
    for row in kind.rows:
        for state in row.states:
            clash = [
                r for role in row.roles if (r := seen.setdefault((state, role, row.type), row)) is not row
            ]
            if clash:
                where = f"in {state}" if state else "to open"
                yield row.fault("not-deterministic", f"a second row {where}", "leave one of the two", "in")


def _targets(kind: _Kind) -> Iterator[Fault]:
    """Every state that is named exists."""
    for row in kind.rows:
        named = {"in": [s for s in row.states if s], "to": [row.to] if row.to != "=" else []}
        for member, states in named.items():
            for state in states:
                if state not in kind.states:
                    yield row.fault("state-unknown", f"{state} is no state", "name one of the kind", member)
        if row.opening and row.to == "=":
            yield row.fault("state-unknown", "opens no state", "name the state that it opens", "to")
    for name, state in kind.states.items():
        for cause in AUTOMATIC:
            if cause in state and state[cause] not in kind.states:
                message = f"{cause} leads to {state[cause]}, which is no state"
                yield kind.fault("state-unknown", name, message, "name one of the kind")


def _reachable(kind: _Kind) -> Iterator[Fault]:
    edges = [(a, b) for a, b, _ in kind.moves] + kind.automatic
    for name in _missing(kind, _closure({""}, edges)):
        yield kind.fault("unreachable", name, "no move leads here", "give it a move, or take it away")


def _way_out(kind: _Kind) -> Iterator[Fault]:
    """From every state that is not done the person alone can reach one that is."""
    alone = [(b, a) for a, b, row in kind.moves if row.by != "second"]
    done = {name for name in kind.states if kind.done(name)}
    for name in _missing(kind, _closure(done, alone)):
        message = "the first party has no way out by messages of its own"
        yield kind.fault("no-way-out", name, message, "give it a row that leads to an end or an over state")


def _ends(kind: _Kind) -> Iterator[Fault]:
    for name, state in kind.states.items():
        if state.get("end") and set(state) - {"end", "erased"}:
            message = "an end has other members"
            yield kind.fault("after-end", name, message, "an end has the members end and erased only")
    for row in kind.rows:
        for name in row.states:
            if kind.states.get(name, {}).get("end"):
                yield row.fault("after-end", f"leaves the end {name}", "nothing follows an end", "in")


def _deadlines(kind: _Kind) -> Iterator[Fault]:
    """Each state with a deadline gets one from every row and every move that enters it."""
    for name, state in kind.states.items():
        timed = "deadline" in state
        if not timed and {"within", "default"} & set(state):
            yield kind.fault("deadline", name, "within or default without deadline", "say where it leads")
        if "within" in state and state["within"] not in kind.facts:
            message = f"within names {state['within']}, which no row keeps"
            yield kind.fault("fact-unknown", name, message, "keep it in a row before")
        own = bool({"within", "default"} & set(state))
        if timed and not own and any(b == name for _, b in kind.automatic):
            message = "is entered without a message, where a deadline has no source"
            yield kind.fault("deadline", name, message, "give it within or default")
    for a, b, row in kind.moves:
        state = kind.states[b]
        carried = bool(a) and "deadline" in kind.states[a]
        own = row.to != "=" and bool({"within", "default"} & set(state))
        if "deadline" in state and not (row.deadline or carried or own):
            yield row.fault("deadline", f"enters {b} without a deadline", "give the row a deadline")
        if row.deadline and "deadline" not in state:
            message = f"sets a deadline in {b}, which has none"
            yield row.fault("deadline", message, "say where the deadline leads", "deadline")


def _held(kind: _Kind) -> Iterator[Fault]:
    """What a state holds of its parent is kept, and there is a parent."""
    for name, state in kind.states.items():
        if "holds" not in state:
            continue
        if state["holds"] not in kind.facts:
            message = f"holds names {state['holds']}, which no row keeps"
            yield kind.fault("fact-unknown", name, message, "keep it in a row before")
        if not kind.parents:
            yield kind.fault("cause", name, "holds in a kind without parents", "list the parents")


def _causes(kind: _Kind) -> Iterator[Fault]:
    """A cause that can never occur is a mistake."""
    for name, state in kind.states.items():
        if "orphaned" in state and not kind.parents:
            yield kind.fault("cause", name, "orphaned in a kind without parents", "list the parents")
        if "released" in state and not kind.needs_agreement:
            message = "released in a kind whose opening row needs no agr"
            yield kind.fault("cause", name, message, "let the opening row need agr")
    for _, b, row in kind.moves:
        if row.supersedes and "superseded" not in kind.states[b]:
            message = f"supersedes, but {b} cannot be superseded in turn"
            yield row.fault("cause", message, "give the state superseded", "supersedes")
        if row.record and not kind.states[b].get("live"):
            yield row.fault("record", f"makes a record in {b}, which is not live", "mark it live", "record")


def _missing(kind: _Kind, found: set[str]) -> list[str]:
    return [name for name in kind.states if name not in found]


def _closure(seen: set[str], edges: Collection[tuple[str, str]]) -> set[str]:
    while more := {b for a, b in edges if a in seen} - seen:
        seen = seen | more
    return seen


_KIND_CHECKS: tuple[Callable[[_Kind], Iterator[Fault]], ...] = (
    _cells,
    _targets,
    _reachable,
    _way_out,
    _ends,
    _deadlines,
    _held,
    _causes,
)


# --- a row -------------------------------------------------------------------------------------


def _relations(kind: _Kind, row: _Row) -> Iterator[Fault]:
    """What a row needs goes with the roles and the parents of its kind."""
    roles = kind.table["roles"]
    if "pthid" in row.needs and not (row.opening and kind.parents):
        remedy = "pthid belongs to an opening row of a kind with parents"
        yield row.fault("needs", "needs pthid where none can be", remedy, "needs")
    wanted = {"parent": "pthid", "agreement": "agr"}.get(roles)
    if row.opening and wanted and wanted not in row.needs:
        yield row.fault(
            "needs", f"opens with roles {roles} without {wanted}", f"let it need {wanted}", "needs"
        )
    if row.by == "member" and roles != "board":
        yield row.fault("role", f"member in a kind with roles {roles}", "members act on boards only", "by")


def _agreement(kind: _Kind, row: _Row) -> Iterator[Fault]:
    """``agr`` exactly where ``agreement-live`` stands, and that where the second party acts on terms."""
    needs = "agr" in row.needs
    if needs != ("agreement-live" in row.guards):
        message = "agr without agreement-live" if needs else "agreement-live without agr"
        yield row.fault("agreement", message, "the two go together", "needs" if needs else "guards")
    if needs and not kind.needs_agreement:
        message = "needs agr in a kind that is opened without one"
        yield row.fault("agreement", message, "let the opening row need agr too", "needs")
    if kind.needs_agreement and not needs and (row.opening or _acts_on_terms(kind, row)):
        message = "is sent under an agreement, but not checked against it"
        yield row.fault("agreement", message, "let it need agr, with the guard agreement-live")


def _acts_on_terms(kind: _Kind, row: _Row) -> bool:
    """A later row of the second party that is no duty and enters a state that lasts."""
    entered = [row.entered(s) for s in row.states]
    lasting = any(not kind.done(s) for s in entered if s in kind.states)
    return lasting and row.by in ("second", "either") and "duty" not in row.marks


def _marks(_kind: _Kind, row: _Row) -> Iterator[Fault]:
    if "exit" in row.marks and (row.guards or row.prev or row.needs or row.by == "second"):
        message = "is an exit with a guard, a need or a bind, or not open to the first party"
        yield row.fault("exit", message, "an exit may always be sent by the first party", "marks")
    if "duty" in row.marks and row.by != "second":
        yield row.fault("duty", "is a duty, but not of the second party", "only its rows are duties", "marks")


def _deadline(kind: _Kind, row: _Row) -> Iterator[Fault]:
    ahead = "deadline-ahead" in row.guards
    if "exit" not in row.marks and row.from_body != ahead:
        message = (
            "deadline from the body without deadline-ahead" if row.from_body else "deadline-ahead without one"
        )
        yield row.fault(
            "deadline-ahead", message, "the two go together", "deadline" if row.deadline else "guards"
        )
    if row.deadline and not row.from_body and row.deadline not in kind.facts:
        message = f"deadline from {row.deadline}, which no row keeps"
        yield row.fault("fact-unknown", message, "keep it in a row before", "deadline")
    if (row.default or row.max) and not row.from_body:
        message = "default or max without a deadline from the body"
        yield row.fault(
            "deadline", message, "they bound what the body says", "default" if row.default else "max"
        )


def _sources(kind: _Kind, row: _Row) -> Iterator[Fault]:
    """Pointers lead into the body's schema; counters are keyed by what there is."""
    pointers = [("keep", p) for p in (row.keep or {}).values() if p and p.startswith("/")]
    if row.from_body:
        pointers.append(("deadline", row.deadline))
    for member, pointer in pointers:
        if not kind.member(row.type, pointer):
            remedy = f"name a member of messages/{row.type}.json"
            yield row.fault("pointer-unknown", f"{pointer} is no member of the body", remedy, member)
    if "parent" in (row.count or {}) and not kind.parents:
        yield row.fault("cause", "counts in a parent in a kind without parents", "list the parents", "count")
    for counter in (c for counters in (row.count or {}).values() for c in counters):
        key = counter.partition("@")[0].partition(":")[2]
        if key and key != "iss" and key not in kind.facts:
            yield row.fault("fact-unknown", f"counts by {key}, which no row keeps", "keep it first", "count")


_ROW_CHECKS: tuple[Callable[[_Kind, _Row], Iterator[Fault]], ...] = (
    _relations,
    _agreement,
    _marks,
    _deadline,
    _sources,
)
