"""The table of what scenarios show: its cells from `threads.json`, and what fills them from exchanges.

A row is a row of a kind in one state, a guard of a row, a mark, a cause of a state or an effect.
The column `changes`: it has changed what a later message may do. The column `refuses`: it has refused one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.market import Market, market
from tests.scenarios.recorder import Exchange, Flip, Move
from tests.world import SPEC
from vrmproto.spec import Kind, Row, State

__all__ = ["COLUMNS", "KINDS", "Cell", "Scenario", "filled", "printed", "shown_by", "telling", "wanted"]

Cell = tuple[str, str]
"""What, and the column: ``changes`` or ``refuses``."""

KINDS = (
    "intent",
    "offer",
    "feedback",
    "dispute",
    "relationship",
    "consent",
    "dialogue",
    "data",
    "correction",
)
COLUMNS = ("changes", "refuses")

CAUSED = {"sever": "severed"}
"""Effects that move other threads and do nothing else, with the cause by which they move them."""

ALONE = {
    "person-opens",
    "roster-member",
    "deadline-ahead",
    "accepts-offered-terms",
    "fields-listed",
    "introduce-proof",
    "blobs-held",
    "offer-rules",
    "takes-current",
    "not-prohibited",
    "purposes-within",
}
"""Guards that ask for nothing but the message in some row, or for what no message changes while it stands.

Of all others an earlier message is to be shown that has decided about them.
"""

PAGES = (
    "intents.md",
    "offers.md",
    "relationships.md",
    "ladders.md",
    "purposes.md",
    "consents.md",
    "dialogues.md",
    "data.md",
    "corrections.md",
    "standing.md",
)


@dataclass(frozen=True)
class Scenario:
    """A story that is told at a market with these settings."""

    name: str
    tell: Callable[[Market], Awaitable[None]]
    settings: dict[str, Any] = field(default_factory=dict)


Told = Callable[[Market], Awaitable[None]]


def telling(stories: list[Scenario]) -> Callable[..., Callable[[Told], Told]]:
    """A decorator that adds a story to a list."""

    def scenario(**settings: Any) -> Callable[[Told], Told]:
        def add(told: Told) -> Told:
            stories.append(Scenario(getattr(told, "__name__", ""), told, settings))
            return told

        return add

    return scenario


# --- the cells there can be ----------------------------------------------------------------------------


def roles(row: Row) -> tuple[str, ...]:
    return ("first", "second") if row.by == "either" else (row.by,)


def allowed(kind: Kind, state: str) -> set[tuple[str, str]]:
    """Role and type of what may be said in a state."""
    return {(role, type_) for in_, role, type_ in kind.cells if in_ == state}


def children(kind: Kind) -> list[Kind]:
    """The kinds of threads below those of a kind."""
    openers = {row.type for row in kind.rows if not row.states}
    return [other for other in SPEC.kinds.values() if other.parents & openers]


def orphans(kind: Kind, state: str) -> bool:
    """Whether entering the state moves threads below."""
    entered = kind.states[state]
    below = [s for child in children(kind) for s in child.states.values()]
    return (entered.end or entered.over) and any("orphaned" in s.moves for s in below)


def columns_of(kind: Kind, left: str, entered: str) -> set[str]:
    """What a move without a message can show: what may be said from then on, and what no longer.

    Where the same may be said in both states, the answers in the state entered are all there is to see.
    """
    before, after = allowed(kind, left), allowed(kind, entered)
    found = {"refuses"} if before - after else set()
    if after - before or orphans(kind, entered):
        found.add("changes")
    return found or set(COLUMNS)


def moved_by(cause: str) -> list[tuple[Kind, State]]:
    """The states, of whatever kind, that a cause moves."""
    kinds = SPEC.kinds.values()
    return [(kind, state) for kind in kinds for state in kind.states.values() if cause in state.moves]


def effects() -> set[Cell]:
    """Everything that a message does beyond moving its own thread.

    What does nothing but move other threads shows what their moves can show: if nothing may be said after
    them that was not allowed before, no later message is taken because of it.
    """
    kinds = [SPEC.kinds[name] for name in KINDS]
    states = [state for kind in kinds for state in kind.states.values()]
    rows = [row for kind in kinds for row in kind.rows]
    found = {row.effect for row in rows if row.effect}
    found |= {f"place {state.place}" for state in states if state.place}
    found |= {f"tombstones of {kind.name}" for kind in kinds if any(s.erased for s in kind.states.values())}
    found |= {"holds"} if any(state.holds for state in states) else set()
    found |= {"record"} if any(row.record for row in rows) else set()
    found |= {"removal"} if any("removed" in state.moves for state in states) else set()
    found |= {"delivery"} if any(kind.roles == "board" for kind in kinds) else set()
    cells = {(effect, column) for effect in found - CAUSED.keys() for column in COLUMNS}
    for effect in found & CAUSED.keys():
        for kind, state in moved_by(CAUSED[effect]):
            columns = columns_of(kind, state.name, state.moves[CAUSED[effect]])
            cells |= {(effect, column) for column in columns}
            # A kind that has no rows here is moved by one that has.
            cells |= {(cause_of(CAUSED[effect], kind, state.name), column) for column in columns}
    return cells


def cause_of(cause: str, kind: Kind, state: str) -> str:
    """The name of the row of a cause."""
    return f"cause {cause} of {kind.name} {state}"


def lengthened(kind: Kind) -> set[str]:
    """The states in which a thread can have more than its opening message, so that one can be stale."""
    openings = {row.to for row in kind.rows if not row.states}
    found: set[str] = set()
    reached = closed(kind, openings)
    while True:
        later = [(in_, row.to) for row in kind.rows for in_ in row.states & reached]
        more = closed(kind, found | {in_ if to == "=" else to for in_, to in later})
        if more == found:
            return found
        found, reached = more, reached | more


def closed(kind: Kind, states: set[str]) -> set[str]:
    """The states, and those into which they move without a message."""
    moved = states | {entered for state in states for entered in kind.states[state].moves.values()}
    return moved if moved == states else closed(kind, moved)


def wanted() -> set[Cell]:
    """Every cell that there can be, from the tables."""
    cells = effects()
    for kind in (SPEC.kinds[name] for name in KINDS):
        for row in kind.rows:
            for role in roles(row):
                cells.add((f"row {row.type} by {role}", "refuses"))
                for in_ in row.states or {"new"}:
                    cells.add((f"row {row.type} by {role} in {in_}", "changes"))
            # What is marked so is taken in spite of what would refuse another: it refuses nothing itself.
            cells |= {(f"mark {mark} of {row.type}", "changes") for mark in marks(row)}
            stale = row.head and row.states & lengthened(kind)
            cells |= {(f"prev of {row.type}", column) for column in COLUMNS if stale}
            cells |= {(f"guard {guard} of {row.type}", column) for guard in row.guards for column in COLUMNS}
        for state in kind.states.values():
            for cause, entered in state.moves.items():
                name = cause_of(cause, kind, state.name)
                cells |= {(name, column) for column in columns_of(kind, state.name, entered)}
    return cells | {(rule, "refuses") for rule in rules()}


def marks(row: Row) -> list[str]:
    return [mark for mark, has in (("exit", row.exit), ("duty", row.duty)) if has]


def rules() -> set[str]:
    """The sentences that a guard, or the check of what is disclosed, refuses by."""
    found = [r for r in SPEC.requirements.values() if r.page in PAGES and r.role == "home" and r.code]
    guards = {r.id for r in found if SPEC.errors[r.code]["layer"] == "guard"}
    return guards | {r.id for r in found if r.code == "content-mismatch"}


# --- what fills them -----------------------------------------------------------------------------------


def filled(log: Iterable[Exchange], flips: Iterable[Flip]) -> set[Cell]:
    """The cells that exchanges of one scenario fill, with the pairs of which one has decided the other."""
    told, decided = list(log), list(flips)
    cells: set[Cell] = set()
    for one in told:
        cells |= set(_refusal(one)) | set(_causes(one)) | set(_marked(one))
    for flip in decided:
        cells |= set(_decided(flip))
    # Of a guard that is `ALONE` one was refused, and what was taken has had an effect.
    working = {flip.by.type for flip in decided if flip.by.kind}
    naming = {flip.by.type for flip in decided if flip.by.blobs}
    for name, column in list(cells):
        sort, _, rest = name.partition(" ")
        if sort == "guard" and column == "refuses":
            guard, _, type_ = rest.partition(" of ")
            if guard in ALONE and type_ in (naming if guard == "blobs-held" else working):
                cells.add((name, "changes"))
    return cells


def _guards(type_: str, code: str) -> list[str]:
    """The guards of a type that refuse with this code."""
    named = set(SPEC.errors[code]["by"]) if code else set()
    rows = [row for name in KINDS for row in SPEC.kinds[name].rows if row.type == type_]
    return sorted({guard for row in rows for guard in row.guards if guard in named})


def _refusal(one: Exchange) -> Iterator[Cell]:
    if one.taken:
        return
    yield one.requirement, "refuses"
    if SPEC.errors[one.code]["layer"] == "thread":
        yield f"row {one.type} by {one.role}", "refuses"
        if one.code == "role-forbidden":
            yield f"row {one.type} by {'second' if one.role == 'first' else 'first'}", "refuses"
    if one.code == "prev-stale":
        yield f"prev of {one.type}", "refuses"
    for guard in _guards(one.type, one.code):
        yield f"guard {guard} of {one.type}", "refuses"


def _marked(one: Exchange) -> Iterator[Cell]:
    if one.taken and one.kind and one.before and not one.prev_known:
        yield f"mark exit of {one.type}", "changes"


def _decisive(kind: Kind, one: Exchange) -> Iterator[Move]:
    """The moves without which the message would have had another answer of the table."""
    said = (one.role, one.type)
    for place, (left, cause) in enumerate(one.moves):
        entered = kind.states[left].moves[cause]
        before, after = allowed(kind, left), allowed(kind, entered)
        later = [one.before] if place + 1 == len(one.moves) else [s for s, _ in one.moves[place + 1 :]]
        stays = all((said in allowed(kind, state)) == (said in after) for state in [*later, one.before])
        if before == after:
            if place + 1 == len(one.moves):
                yield left, cause
        elif (said in before) != (said in after) and stays and (said in after) == one.taken:
            yield left, cause


def _causes(one: Exchange) -> Iterator[Cell]:
    if not one.kind or (one.code and SPEC.errors[one.code]["layer"] != "thread"):
        return
    kind = SPEC.kinds[one.kind]
    for left, cause in _decisive(kind, one):
        yield cause_of(cause, kind, left), "changes" if one.taken else "refuses"
        if cause == "orphaned" and one.taken:
            for above in (k for k in SPEC.kinds.values() if kind in children(k)):
                for state, reason in one.above:
                    yield cause_of(reason, above, state), "changes"


def _decided(flip: Flip) -> Iterator[Cell]:
    by, of = flip.by, flip.of
    column = "changes" if of.taken else "refuses"
    for code in (of.code, flip.otherwise):
        for guard in _guards(of.type, code):
            yield f"guard {guard} of {of.type}", "changes"
        if code == "prev-stale":
            yield f"prev of {of.type}", "changes"
    if not by.kind:
        if by.type == "removal":
            yield by.type, column
        return
    kind = SPEC.kinds[by.kind]
    yield f"row {by.type} by {by.role} in {by.before or 'new'}", "changes"
    row = kind.cells.get((by.before, by.role, by.type))
    if row is not None and row.effect and _by_effect(row, of):
        yield row.effect, column
    place = kind.states[by.after].place
    if place and of.thid != by.thid and kind.states.get(by.before) != kind.states[by.after]:
        # What is held or filled takes from others; what is free gives to them.
        yield f"place {place}", "changes"
        yield f"place {place}", column


def _by_effect(row: Row, of: Exchange) -> bool:
    """Whether the effect of a row can have decided about a message, and not the move of its own thread."""
    if row.effect in CAUSED:
        return any(cause == CAUSED[row.effect] for _, cause in of.moves)
    return row.to == "="


async def shown_by(told: Scenario) -> set[Cell]:
    """The cells that a scenario fills."""
    async with market(keeping=True, watching=True, **told.settings) as m:
        await told.tell(m)
        return filled(m.log, m.recorder.flips(m.log)) | m.shown_effects


def printed(cells: dict[str, set[Cell]]) -> str:
    """The table with the number of scenarios that fill a cell, then what each scenario fills alone."""
    all_ = wanted()
    names = sorted({name for name, _ in all_})
    counts = {cell: sum(cell in own for own in cells.values()) for cell in all_}
    lines = [f"{'':60} changes refuses"]
    for name in names:
        both = [str(counts[name, c]) if (name, c) in all_ else "-" for c in COLUMNS]
        lines.append(f"{name:60} {both[0]:>7} {both[1]:>7}")
    lines.append(f"{len(all_)} cells, {sum(map(bool, counts.values()))} full")
    for name, own in cells.items():
        only = [cell for cell in own & all_ if counts[cell] == 1]
        lines.append(f"{name}: {len(own & all_)} cells, {len(only)} alone")
    return "\n".join(lines)
