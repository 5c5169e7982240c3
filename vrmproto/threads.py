"""The interpreter of ``threads.json``: what a thread is now, and what a message makes of it.

No I/O and no clock; the same code serves a home and an agent's own copy. Source: spec/protocol/threads.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from vrmproto import places, timing
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.guards import GUARDS, IDENTIFYING, Case, pointed
from vrmproto.model import Bump, Context, Related, Status, Step, Thread, is_board
from vrmproto.spec import AUTOMATIC, Kind, Row, Spec, State

__all__ = [
    "MOST_TIMES",
    "advance",
    "body_deadline",
    "ends",
    "moved",
    "opened",
    "own_deadline",
    "party_of",
    "raised",
    "settle",
    "unknown_thread",
]

MOST_TIMES = 100
"""So many times at most are kept of what is counted within a period: no rate asks for more."""


def settle(kind: Kind, thread: Thread, context: Context, now: int) -> Status:
    """The status of a thread at ``now``: deadlines and the ends of other threads move it, without a message.

    Of several causes the earliest counts, in one second the deadline (VRM-THR-017 to -019).
    """
    state, since, deadline = kind.states[thread.state], thread.since, thread.deadline
    over_at, dead_at, place = thread.over_at, thread.dead_at, thread.place
    late: set[str] = set()
    while True:
        move = _next_move(state, since, deadline, thread, context, now)
        if move is None:
            return Status(state.name, since, deadline, frozenset(late), over_at, dead_at, place)
        at, cause = move
        if cause == "deadline":
            late.add(state.name)
        entered = kind.states[state.moves[cause]]
        over_at, dead_at = ends(state, entered, at, over_at, dead_at)
        place = places.after(place, entered)
        state, since, deadline = entered, at, own_deadline(entered, at, thread.facts)


def _next_move(
    state: State, since: int, deadline: int | None, thread: Thread, context: Context, now: int
) -> tuple[int, str] | None:
    parent, agreement = context.parent, context.agreement
    times = {
        "deadline": deadline,
        "orphaned": parent.status.over_at if parent else None,
        "filled": places.filled_at(thread, parent.thread) if parent else None,
        "released": agreement.status.dead_at if agreement else None,
        "severed": context.severed_at,
        "superseded": context.superseded_at,
        "removed": thread.removed_at,
    }
    due = [
        (max(at, since), AUTOMATIC.index(cause), cause)
        for cause, at in times.items()
        if at is not None and cause in state.moves and max(at, since) <= now
    ]
    if not due:
        return None
    at, _, cause = min(due)
    return at, cause


def own_deadline(state: State, entered: int, facts: Mapping[str, Any]) -> int | None:
    """The deadline that a state has by itself, entered at a time."""
    duration = (facts.get(state.within) if state.within else None) or state.default
    if not duration or "deadline" not in state.moves:
        return None
    try:
        return timing.after(entered, duration)
    except ValueError:
        return timing.LAST


def ends(
    left: State | None, entered: State, at: int, over_at: int | None, dead_at: int | None
) -> tuple[int | None, int | None]:
    """``over_at`` and ``dead_at`` of a thread that goes from one state to another at a time."""
    if over_at is None and (entered.end or entered.over):
        over_at = at
    if dead_at is None and left is not None and left.live and not entered.live:
        dead_at = at
    return over_at, dead_at


def unknown_thread() -> ProtocolError:
    """One answer for a thread that does not exist and one that is not the sender's (VRM-THR-002)."""
    return ProtocolError("thread-unknown", "there is no such thread for this sender", rule="VRM-THR-002")


def _unknown_parent() -> ProtocolError:
    return ProtocolError("parent-unknown", "there is no such parent for this sender", rule="VRM-THR-009")


def _unknown_agreement() -> ProtocolError:
    detail = "there is no such agreement for this sender"
    return ProtocolError("agreement-unknown", detail, rule="VRM-THR-010")


def party_of(spec: Spec, message: Message) -> str:
    """The identifier under which the sender acts in a thread: for a rotation the one it replaces."""
    return str(message.body["replaces"]) if message.type in spec.rotations else message.iss


def advance(spec: Spec, thread: Thread | None, message: Message, now: int, context: Context) -> Step:
    """Judge one message in its thread (None: it names none) and return the step, or raise and change nothing.

    Follows the order of checks of VRM-ENV-036 from *thread* on; ``context`` holds what the home has loaded,
    with ``parent`` and ``agreement`` None where what the message names does not exist for its sender.
    """
    if message.thid is None:
        return _open(spec, message, now, context)
    return _continue(spec, thread, message, now, context)


def _open(spec: Spec, message: Message, now: int, context: Context) -> Step:
    kind = spec.opens.get(message.type)
    if kind is None:
        detail = f"{message.type} opens no thread: name one in thid and prev"
        raise ProtocolError("thread-missing", detail, rule="VRM-THR-001")
    _check_related(spec, kind, message, context)
    role, first, second = _parties(kind, message, context)
    if message.aud != (first if role == "second" else second):
        raise _wrong_addressee()
    if is_board(message.aud) != (kind.roles == "board"):
        detail = "a thread on a board is opened towards a board of this home, any other towards a party"
        raise ProtocolError("aud-mismatch", detail, rule="VRM-INT-001")
    row = kind.cells.get(("", role, message.type))
    if row is None:
        raise ProtocolError("role-forbidden", "the other party opens this", rule="VRM-THR-004")
    _check_needs(row, message)
    deadline = body_deadline(row, message, now)
    _run_guards(Case(spec, kind, row, None, message, now, context, deadline))
    thread = opened(kind, row, first, second, message, now, context, deadline)
    return _step(kind, row, role, thread, None, message, now, context)


def opened(
    kind: Kind,
    row: Row,
    first: str,
    second: str,
    message: Message,
    now: int,
    context: Context,
    deadline: int | None,
) -> Thread:
    """The thread that a message opens; ``deadline`` is that of its body."""
    target = kind.states[row.to]
    facts = _keep(row, message, {}, context)  # of an earlier relationship nothing: VRM-REL-030
    over_at, dead_at = ends(None, target, now, None, None)
    return Thread(
        kind=kind.name,
        thid=message.mid,
        first=first,
        second=second,
        state=target.name,
        since=now,
        deadline=_deadline(row, target, deadline, None, facts, now),
        seq=1,
        head=message.mid,
        received=now,
        opened=now,
        opener=message.type,
        board=kind.roles == "board",
        parent=message.pthid,
        agreement=message.agr,
        record=message.mid if row.record else None,
        record_at=now if row.record else None,
        over_at=over_at,
        dead_at=dead_at,
        place=places.after("", target),
        fills=len(context.parent.thread.filled) if context.parent else 0,
        facts=facts,
    )


def _continue(spec: Spec, thread: Thread | None, message: Message, now: int, context: Context) -> Step:
    acting = party_of(spec, message)
    role = thread.role(acting) if thread is not None else ""
    if thread is None or not role:
        raise unknown_thread()
    kind = spec.kinds[thread.kind]
    if kind.member:
        role = "member"
    _check_identity(spec, kind, thread, message, now, context)
    _check_related(spec, kind, message, context)
    if message.aud != thread.other(role):
        raise _wrong_addressee()
    status = settle(kind, thread, context, now)
    row = _find_row(kind, status, role, message.type)
    _check_needs(row, message)
    _check_prev(row, role, thread, message, context)
    deadline = body_deadline(row, message, now)
    _run_guards(Case(spec, kind, row, thread, message, now, context, deadline))
    after = moved(kind, row, status, thread, message, now, context, deadline)
    replaced = acting if row.effect in ("rotate", "introduce") else None
    return _step(kind, row, role, after, thread.head, message, now, context, replaced, status.place)


def moved(
    kind: Kind,
    row: Row,
    status: Status,
    thread: Thread,
    message: Message,
    now: int,
    context: Context,
    deadline: int | None,
) -> Thread:
    """The thread after a message of a row, which it took in this status; ``deadline`` is that of its body."""
    state = kind.states[status.state]
    target = state if row.to == "=" else kind.states[row.to]
    facts = _keep(row, message, thread.facts, context)
    if row.effect == "retreat" and (ladder := context.ladders.get(facts.get("ladder", ""))) is not None:
        facts["stage"] = ladder.lower(thread.facts.get("stage"), facts["stage"])
    over_at, dead_at = ends(state, target, now, status.over_at, status.dead_at)
    return replace(
        thread,
        first=_first(row, message, thread),
        state=target.name,
        since=status.since if row.to == "=" else now,
        deadline=_deadline(row, target, deadline, status.deadline, facts, now),
        seq=thread.seq + 1,
        head=message.mid,
        received=now,
        record=message.mid if row.record else thread.record,
        record_at=now if row.record else thread.record_at,
        over_at=over_at,
        dead_at=dead_at,
        place=places.after(status.place, target),
        filled=places.refilled(thread, facts, context, now),
        facts=facts,
    )


def _check_identity(
    spec: Spec, kind: Kind, thread: Thread, message: Message, now: int, context: Context
) -> None:
    """A sender that is not shown to be the party it replaces learns nothing of the thread (VRM-ID-026).

    That holds in every kind, also in one without a row for the type.
    """
    if message.type not in spec.rotations:
        return
    asked = (r for k in spec.kinds.values() for r in k.rows if r.type == message.type)
    row = next((r for r in asked if IDENTIFYING & set(r.guards)), None)
    if row is not None:
        case = Case(spec, kind, row, thread, message, now, context, None)
        for name in row.guards:
            if name in IDENTIFYING:
                GUARDS[name](case)


def _first(row: Row, message: Message, thread: Thread) -> str:
    """The first party after the message: rotate and introduce rebind it."""
    if row.effect == "rotate":
        return message.iss
    return str(message.body["id"]) if row.effect == "introduce" else thread.first


def _step(
    kind: Kind,
    row: Row,
    role: str,
    thread: Thread,
    prior: str | None,
    message: Message,
    now: int,
    context: Context,
    replaces: str | None = None,
    place: str = "",
) -> Step:
    bumps = tuple(_bumps(row, message, thread.facts))
    counted = _counted(thread, bumps, "thread", now)
    before = context.parent.thread if context.parent else None
    parent = before
    if parent is not None:
        parent = _counted(parent, bumps, "parent", now)
        parent = places.filled_below(parent, place, thread.place, context, now)
    return Step(kind, row, role, counted, prior, replaces, None if parent is before else parent)


def _counted(thread: Thread, bumps: tuple[Bump, ...], scope: str, now: int) -> Thread:
    """The thread with the counters of a scope raised; the same object where there are none."""
    counts = thread.counts
    for bump in bumps:
        if bump.scope == scope:
            counts = raised(counts, bump, now)
    return thread if counts is thread.counts else replace(thread, counts=counts)


def raised(counts: Mapping[str, Any], bump: Bump, now: int) -> dict[str, Any]:
    """Counters with one raised: a number, or the times within the last period."""
    raised_counts = dict(counts)
    if bump.period:
        times = counts.get(bump.key, ())
        gone = next((n for n, t in enumerate(times) if timing.after(t, bump.period) > now), len(times))
        raised_counts[bump.key] = sorted([*times[gone:], now])[-MOST_TIMES:]
    else:
        raised_counts[bump.key] = counts.get(bump.key, 0) + 1
    return raised_counts


def _bumps(row: Row, message: Message, facts: Mapping[str, Any]) -> Iterator[Bump]:
    for scope, counters in row.count.items():
        for counter in counters:
            named, _, period = counter.partition("@")
            name, _, key = named.partition(":")
            if not key:
                yield Bump(scope, name, period)
                continue
            value = message.iss if key == "iss" else facts.get(key)
            for item in value if isinstance(value, list) else [value]:
                yield Bump(scope, f"{name}:{item}", period)


def _agrees(spec: Spec, made: Related) -> bool:
    """Whether the record of a thread is that of an agreement, and no consent's."""
    return spec.kinds[made.thread.kind].record == "agreement"


def _check_related(spec: Spec, kind: Kind, message: Message, context: Context) -> None:
    """``pthid`` and ``agr``, where they are present, exist for this sender and are of an allowed kind."""
    if message.pthid is not None:
        parent = context.parent
        if message.thid is not None or parent is None or parent.thread.opener not in kind.parents:
            raise _unknown_parent()
        if kind.recorded and parent.thread.record is None:
            raise _unknown_parent()
        if not parent.thread.board and not parent.thread.role(message.iss):
            raise _unknown_parent()
    if message.agr is not None:
        agreement = context.named
        if agreement is None or not agreement.thread.role(message.iss) or not _agrees(spec, agreement):
            raise _unknown_agreement()


def _parties(kind: Kind, message: Message, context: Context) -> tuple[str, str, str]:
    """Role of the sender, first party, second party of a new thread (``roles`` of the kind)."""
    if kind.roles == "opener":
        by = next(r.by for r in kind.rows if not r.states and r.type == message.type)
        if by == "second":
            return by, message.aud, message.iss
        return "first", message.iss, message.aud
    if kind.roles == "board":
        by = next(r.by for r in kind.rows if not r.states and r.type == message.type)
        return by, message.iss, message.aud
    related = context.parent if kind.roles == "parent" else context.agreement
    if related is None:
        missing = "pthid" if kind.roles == "parent" else "agr"
        raise ProtocolError("claim-missing", f"the payload lacks the claim {missing}", rule="VRM-THR-007")
    first, second, board = related.thread.first, related.thread.second, related.thread.board
    if message.iss == first:
        return "first", first, message.aud if board else second
    return "second", first, message.iss if board else second


def _wrong_addressee() -> ProtocolError:
    return ProtocolError("aud-mismatch", "aud is to be the other party of the thread", rule="VRM-THR-003")


def _find_row(kind: Kind, status: Status, role: str, message_type: str) -> Row:
    row = kind.cells.get((status.state, role, message_type))
    if row is not None:
        return row
    if any((state, role, message_type) in kind.cells for state in status.late):
        detail = "the time for this has passed"
        raise ProtocolError("deadline-passed", detail, rule="VRM-THR-006", state=status.state)
    if any((status.state, other, message_type) in kind.cells for other in ("first", "second", "member")):
        detail = "in this state the other party may do this, not the sender"
        raise ProtocolError("role-forbidden", detail, rule="VRM-THR-004", state=status.state)
    detail = f"the state {status.state} takes no {message_type}"
    raise ProtocolError("state-conflict", detail, rule="VRM-THR-005", state=status.state)


def _check_needs(row: Row, message: Message) -> None:
    for claim, value in (("pthid", message.pthid), ("agr", message.agr)):
        if claim in row.needs and value is None:
            raise ProtocolError("claim-missing", f"the payload lacks the claim {claim}", rule="VRM-THR-007")
        if claim not in row.needs and value is not None:
            detail = f"the claim {claim} does not belong in this message"
            raise ProtocolError("claim-unknown", detail, rule="VRM-THR-008")


def _check_prev(row: Row, role: str, thread: Thread, message: Message, context: Context) -> None:
    if row.exit and role != "second":
        return  # VRM-THR-014
    if not context.prev_known:
        detail = "prev is to be the mid of a message of this thread"
        raise ProtocolError("prev-unknown", detail, rule="VRM-THR-011")
    if row.head and message.prev != thread.head:
        detail = "prev is to be the last message of the thread"
        raise ProtocolError("prev-stale", detail, rule="VRM-THR-012", head=thread.head, seq=thread.seq)


def body_deadline(row: Row, message: Message, now: int) -> int | None:
    """The deadline that the body, or the default in its place, sets; None if the row takes none of it."""
    if not row.deadline.startswith("/"):
        return None
    value = pointed(message.body, row.deadline) or row.default
    try:
        return timing.moment(value, now) if value else None
    except ValueError:
        detail = f"the deadline {row.deadline} leads out of the calendar"
        raise ProtocolError("deadline-invalid", detail, rule="VRM-THR-020") from None


def _deadline(
    row: Row,
    target: State,
    own: int | None,
    running: int | None,
    facts: Mapping[str, Any],
    now: int,
) -> int | None:
    """The deadline in the state that is entered (threads.md "Time")."""
    if "deadline" not in target.moves:
        return None
    if row.deadline.startswith("/"):
        return own  # also where it is earlier than the running one: VRM-CNS-021
    if row.deadline:
        kept = facts.get(row.deadline)
        return timing.moment(kept, now) if kept else None
    if row.to != "=" and (target.within or target.default):
        return own_deadline(target, now, facts)
    return running


def _keep(row: Row, message: Message, facts: Mapping[str, Any], context: Context) -> dict[str, Any]:
    kept = dict(facts)
    for name, source in row.keep.items():  # and nothing else, so that VRM-CNS-020 and VRM-REL-025 hold
        value: Any = None
        if source == "@mid":
            value = message.mid
        elif source and source.startswith("parent:"):
            value = context.parent.thread.facts.get(source[7:]) if context.parent else None
        elif source:
            value = pointed(message.body, source)
        kept.pop(name, None)
        if value is not None:
            kept[name] = value
    return kept


def _run_guards(case: Case) -> None:
    for name in case.row.guards:
        if name not in IDENTIFYING:  # those were asked first
            GUARDS[name](case)
