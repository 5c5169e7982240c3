"""Broken homes of the chapter threads.md: rows, order, time, limits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from tests.broken.tools import (
    around,
    guarded,
    judged,
    lenient,
    loose,
    missing_guard,
    mutant,
    problem,
    simple,
    stepped,
)
from vrmproto import guards, threads
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.model import Thread

simple(
    "anybody-opens",
    "VRM-THR-024",
    "An organisation may open what only a person may.",
    missing_guard("person-opens"),
)
simple(
    "deadlines-not-judged",
    "VRM-THR-020",
    "A deadline may lie in the past, or years ahead.",
    lenient("deadline-ahead", "VRM-THR-020"),
)
simple(
    "ends-before-it-begins",
    "VRM-THR-021",
    "ends may lie before answer_by.",
    lenient("deadline-ahead", "VRM-THR-021"),
)


@mutant("VRM-THR-001")
def no_thread_is_unknown_thread() -> None:
    """A message that needs a thread and names none is told that its thread does not exist."""

    def wrong(right: Any, spec: Any, message: Any, *rest: Any) -> Any:
        if message.type not in spec.opens:
            raise threads.unknown_thread()
        return right(spec, message, *rest)

    around(threads, "_open", wrong)


@mutant("VRM-THR-002")
def strangers_are_forbidden() -> None:
    """A stranger is told that it may not write in a thread, and so that there is one."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, *rest: Any) -> Any:
        if thread is not None and not thread.role(threads.party_of(spec, message)):
            raise ProtocolError("role-forbidden", "the sender is no party of this thread", rule="VRM-THR-004")
        return right(spec, thread, message, *rest)

    around(threads, "_continue", wrong)


@mutant("VRM-THR-002")
def strangers_act_as_the_second_party() -> None:
    """Whoever is not the first party of a thread counts as the second."""

    def wrong(right: Any, self: Any, identifier: str) -> str:
        return right(self, identifier) or ("" if self.board else "second")

    around(Thread, "role", wrong)


@mutant("VRM-THR-003")
def addressee_not_compared() -> None:
    """aud of a message in a thread is not compared with the other party."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, *rest: Any) -> Any:
        if thread is not None:
            message = replace(message, aud=thread.other(thread.role(threads.party_of(spec, message))))
        return right(spec, thread, message, *rest)

    around(threads, "_continue", wrong)


@mutant("VRM-THR-004")
def either_party_may() -> None:
    """What one party may do the other may do as well."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        other = kind.cells.get((status.state, "first" if role == "second" else "second", name))
        return other or right(kind, status, role, name)

    around(threads, "_find_row", wrong)


@mutant("VRM-THR-004")
def wrong_role_is_a_conflict() -> None:
    """What the other party might do is answered as what nobody can."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        if not any((status.state, role, name) in kind.cells for role in ("first", "second")):
            return right(kind, status, role, name)
        return kind.cells.get((status.state, role, name)) or right(kind, status, role, "")

    around(threads, "_find_row", wrong)


@mutant("VRM-THR-005")
def ends_are_not_the_end() -> None:
    """In a state that takes a message no more, it is taken by the row of another state."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        rows = (
            row for (state, by, type_), row in kind.cells.items() if state and (by, type_) == (role, name)
        )
        found = kind.cells.get((status.state, role, name)) or next(rows, None)
        return found if found and not status.late else right(kind, status, role, name)

    around(threads, "_find_row", wrong)


@mutant("VRM-THR-006")
def late_is_a_conflict() -> None:
    """A message that comes too late is answered as one that never fitted."""

    def wrong(right: Any, kind: Any, status: Any, *rest: Any) -> Any:
        return right(kind, replace(status, late=frozenset()), *rest)

    around(threads, "_find_row", wrong)


@mutant("VRM-THR-006")
def late_is_in_time() -> None:
    """A message that comes too late is taken."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        late = (kind.cells.get((state, role, name)) for state in status.late)
        return next(filter(None, late), None) or right(kind, status, role, name)

    around(threads, "_find_row", wrong)


@mutant("VRM-THR-007")
def missing_parent_is_unknown() -> None:
    """An offer that names no parent is told that its parent does not exist."""

    def wrong(right: Any, kind: Any, message: Any, context: Any) -> Any:
        if kind.roles == "parent" and message.pthid is None:
            raise threads._unknown_parent()
        return right(kind, message, context)

    around(threads, "_parties", wrong)


@mutant("VRM-THR-008")
def needless_claims_taken() -> None:
    """pthid and agr may stand where the row does not need them."""
    threads._check_needs = lambda row, message: None


@mutant("VRM-PRV-003")
def parent_of_another_kind_is_told() -> None:
    """A parent that exists is told apart from one that does not."""

    def wrong(right: Any, spec: Any, kind: Any, message: Any, context: Any) -> Any:
        if context.parent is not None and context.parent.thread.opener not in kind.parents:
            raise ProtocolError("parent-unknown", "the parent is of another kind", rule="VRM-THR-009")
        return right(spec, kind, message, context)

    around(threads, "_check_related", wrong)


@mutant("VRM-THR-009")
def parent_in_a_running_thread() -> None:
    """A pthid beside a thid is a claim that does not belong there."""

    def wrong(right: Any, spec: Any, kind: Any, message: Any, context: Any) -> Any:
        if message.thid is not None and message.pthid is not None:
            raise ProtocolError("claim-unknown", "pthid does not belong here", rule="VRM-THR-008")
        return right(spec, kind, message, context)

    around(threads, "_check_related", wrong)


@mutant("VRM-THR-010")
def agreements_of_others() -> None:
    """An agr of other parties is told apart from one that does not exist."""

    def wrong(right: Any, spec: Any, kind: Any, message: Any, context: Any) -> Any:
        foreign = context.named is not None and not context.named.thread.role(message.iss)
        return right(spec, kind, replace(message, agr=None) if foreign else message, context)

    around(threads, "_check_related", wrong)


# --- order ----------------------------------------------------------------------------------------


@mutant("VRM-THR-011")
def any_prev() -> None:
    """prev may name a message that is not in the thread."""

    def wrong(right: Any, row: Any, role: str, thread: Any, message: Any, context: Any) -> Any:
        return right(row, role, thread, message, replace(context, prev_known=True))

    around(threads, "_check_prev", wrong)


@mutant("VRM-THR-012")
def stale_answers_taken() -> None:
    """A message that binds need not have seen the last one of the thread."""

    def wrong(right: Any, row: Any, *rest: Any) -> Any:
        return right(replace(row, head=False), *rest)

    around(threads, "_check_prev", wrong)


@mutant("VRM-THR-012")
def head_not_told() -> None:
    """The answer to a stale prev does not tell the head."""
    problem(lambda members: {n: v for n, v in members.items() if n not in ("head", "seq")})


@mutant("VRM-THR-012")
def head_told_with_a_wrong_number() -> None:
    """The answer to a stale prev tells a seq that is one too small."""
    problem(lambda m: {**m, "seq": m["seq"] - 1} if "head" in m else m)


@mutant("VRM-THR-013")
def head_asked_of_all() -> None:
    """Every message has to name the last one of the thread."""

    def wrong(right: Any, row: Any, *rest: Any) -> Any:
        return right(replace(row, head=True), *rest)

    around(threads, "_check_prev", wrong)


@mutant("VRM-THR-014")
def exit_needs_prev() -> None:
    """Whoever leaves has to name a message of the thread."""

    def wrong(right: Any, row: Any, *rest: Any) -> Any:
        return right(replace(row, exit=False), *rest)

    around(threads, "_check_prev", wrong)


@mutant("VRM-THR-015")
def a_second_of_grace() -> None:
    """Of two messages that exclude each other both are taken if they come in one second."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        rows = [r for (state, by, n), r in kind.cells.items() if state and (by, n) == (role, name)]
        if rows and status.since >= time.time() - 1.5 and kind.states[status.state].end:
            return rows[0]
        return right(kind, status, role, name)

    around(threads, "_find_row", wrong)


@mutant("VRM-THR-016")
def refusals_leave_a_trace() -> None:
    """A message that a guard refuses is the last one of the thread all the same."""

    def wrong(right: Any, self: Home, batch: Any, message: Any) -> Any:
        try:
            return right(self, batch, message)
        except ProtocolError:
            if message.thid in self._heads:
                self._heads[message.thid] = replace(self._heads[message.thid], head=message.mid)
            raise

    around(Home, "_advance", wrong)


@mutant("VRM-THR-016")
def refusals_are_counted() -> None:
    """A message that is refused uses up a number of its thread."""

    def wrong(right: Any, self: Home, batch: Any, message: Any) -> Any:
        try:
            return right(self, batch, message)
        except ProtocolError:
            if message.thid in self._heads:
                head = self._heads[message.thid]
                self._heads[message.thid] = replace(head, seq=head.seq + 1)
            raise

    around(Home, "_advance", wrong)


# --- time -----------------------------------------------------------------------------------------


def _shifted(seconds: int) -> None:
    def wrong(right: Any, state: Any, since: int, deadline: int | None, *rest: Any) -> Any:
        return right(state, since, None if deadline is None else deadline + seconds, *rest)

    around(threads, "_next_move", wrong)


@mutant("VRM-THR-017")
def deadline_a_second_late() -> None:
    """A deadline has passed a second after the one that it names."""
    _shifted(1)


@mutant("VRM-THR-017")
def deadline_a_second_early() -> None:
    """A deadline has passed a second before the one that it names."""
    _shifted(-1)


@mutant("VRM-THR-017")
def deadline_half_a_minute_late() -> None:
    """Deadlines are looked at every half minute."""
    _shifted(30)


@mutant("VRM-THR-018")
def reads_show_the_last_message() -> None:
    """Reads show the state that the last message has made, whatever has passed since."""

    def wrong(right: Any, self: Home, thread: Any, now: int, *rest: Any) -> Any:
        return replace(right(self, thread, now, *rest), state=thread.state)

    around(Home, "status", wrong)


@mutant("VRM-THR-018")
def deadlines_never_pass() -> None:
    """Deadlines are kept and never come."""
    _shifted(10**9)


@mutant("VRM-THR-018")
def checkpoint_of_then() -> None:
    """A checkpoint says the time and the state of the last message."""

    def wrong(right: Any, self: Home, thread: Any, reader: str, now: int) -> Any:
        return right(self, thread, reader, thread.since)

    around(Home, "checkpoint", wrong)


@mutant("VRM-THR-019")
def deadline_before_all() -> None:
    """Of several causes the deadline counts, also where another came earlier."""

    def wrong(right: Any, state: Any, since: int, deadline: int | None, *rest: Any) -> Any:
        if deadline is not None and deadline <= rest[-1] and "deadline" in state.moves:
            return max(deadline, since), "deadline"
        return right(state, since, deadline, *rest)

    around(threads, "_next_move", wrong)


@mutant("VRM-THR-020")
def bound_a_day_short() -> None:
    """A deadline may lie 29 days ahead, and not 30."""

    def wrong(right: Any, case: guards.Case) -> None:
        right(replace(case, row=replace(case.row, max="P29D" if case.row.max else "")))

    guarded("deadline-ahead", wrong)


@mutant("VRM-THR-020")
def past_deadlines_taken() -> None:
    """A deadline in the past is taken, as long as it is not too far ahead."""
    guarded("deadline-ahead", lambda right, case: right(case) if (case.deadline or 0) > case.now else None)


@mutant("VRM-THR-022")
def a_minute_at_least() -> None:
    """A deadline has to lie a minute ahead."""

    def wrong(right: Any, case: guards.Case) -> None:
        right(case)
        if case.deadline is not None and case.deadline < case.now + 60:
            raise ProtocolError("deadline-invalid", "a minute is needed", rule="VRM-THR-020")

    guarded("deadline-ahead", wrong)


# --- limits ---------------------------------------------------------------------------------------


@mutant("VRM-THR-023", needs="an inbox that can be filled")
def exit_stopped_by_a_full_inbox() -> None:
    """Whoever leaves has to wait until the other party empties its inbox."""
    mark = stepped(exit=False)
    around(Home, "_check_inbox", lambda right, self, batch, step: right(self, batch, mark(step)))


@mutant("VRM-ENV-036")
def guards_before_prev() -> None:
    """prev is judged after the guards of its row."""
    held: list[Any] = []
    prev = loose(threads)._check_prev
    around(threads, "_check_prev", lambda right, *args: held.append(args))

    def wrong(right: Any, case: Any) -> None:
        right(case)
        if held:
            prev(*held.pop())

    around(threads, "_run_guards", wrong)


@mutant("VRM-ENV-036")
def ext_form_before_ext_allowed() -> None:
    """The form of ext is judged before whether the type takes it."""
    from vrmproto import rules

    form = rules.RULES["VRM-ENV-032"][1]
    judged("VRM-ENV-031", lambda right, o: (form(o), right(o))[1])


@mutant("VRM-THR-004")
def wrong_openers_stop_the_home() -> None:
    """Whoever opens what the other party opens is told that the home is unavailable."""

    def wrong(right: Any, *args: Any) -> Any:
        try:
            return right(*args)
        except ProtocolError as error:
            if error.code == "role-forbidden":
                raise RuntimeError(error.detail) from None
            raise

    around(threads, "_open", wrong)
