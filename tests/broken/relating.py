"""Broken homes that forget, or do not forget, what relationships.md and ladders.md say of what stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.broken.tools import around, guarded, mutant
from vrmproto import guards, preferences, threads
from vrmproto.errors import ProtocolError
from vrmproto.guards import Case
from vrmproto.home import Home
from vrmproto.ladder import Ladder
from vrmproto.model import Context


def _released(kind: str, state: str) -> None:
    """Threads of a kind end with the agreement of their opening."""

    def wrong(right: Any, named: Any, thread: Any, context: Context, now: int) -> Any:
        status, made = right(named, thread, context, now), context.agreement
        if made is None or made.status.dead_at is None or status.over_at is not None:
            return status
        return replace(status, state=state) if thread.kind == kind else status

    around(threads, "settle", wrong)


@mutant("VRM-REL-020")
def relationships_end_with_their_agreement() -> None:
    """A relationship ends with the agreement under which it was opened."""
    _released("relationship", "ended")


@mutant("VRM-REL-020")
def relationships_rest_without_an_agreement() -> None:
    """A relationship rests once the agreement under which it was opened has ended."""
    _released("relationship", "paused")


@mutant("VRM-REL-021")
def dialogues_end_with_their_agreement() -> None:
    """A dialogue is closed with the agreement under which it was begun."""
    _released("dialogue", "closed")


@mutant("VRM-REL-021")
def data_end_with_their_agreement() -> None:
    """A thread of data is closed with the agreement under which it was opened."""
    _released("data", "closed")


# --- invitations and pauses -----------------------------------------------------------------------


def _after(type_: str, change: Callable[[Any, Any, Any], dict[str, Any]]) -> None:
    """What a message of this type makes of a thread; ``change`` gets it before and after, and the message."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, *rest: Any) -> Any:
        step = right(spec, thread, message, *rest)
        made = change(thread, step.thread, message) if message.type == type_ else {}
        return replace(step, thread=replace(step.thread, **made)) if made else step

    around(threads, "_continue", wrong)


def _invited(thread: Any) -> dict[str, Any]:
    return {"state": "invited", "deadline": thread.deadline} if thread.state == "invited" else {}


@mutant("VRM-REL-022")
def invitations_outlive_other_steps() -> None:
    """A step to another rung than the one to which she is invited leaves the invitation standing."""
    _after(
        "relationship.step",
        lambda old, new, message: _invited(old) if message.body["stage"] != old.facts.get("invited") else {},
    )


@mutant("VRM-REL-023")
def invitations_outlive_pauses() -> None:
    """After a pause an invitation stands again."""
    waiting: dict[str, Any] = {}

    def paused(old: Any, new: Any, message: Any) -> dict[str, Any]:
        waiting[old.thid] = _invited(old)
        return {}

    _after("relationship.pause", paused)
    _after("relationship.resume", lambda old, new, message: waiting.pop(old.thid, {}))


@mutant("VRM-REL-024")
def retreats_end_invitations() -> None:
    """A step down ends an invitation."""
    _after("relationship.retreat", lambda old, new, message: {"state": "open"} if _invited(old) else {})


@mutant("VRM-REL-024")
def preferences_end_invitations() -> None:
    """New preferences end an invitation."""
    _after("relationship.prefer", lambda old, new, message: {"state": "open"} if _invited(old) else {})


def _forgets(type_: str, *names: str) -> None:
    """A message makes a home forget facts."""
    _after(
        type_,
        lambda old, new, message: {"facts": {n: v for n, v in new.facts.items() if n not in names}},
    )


@mutant("VRM-REL-025")
def pauses_end_at_the_lowest_rung() -> None:
    """After a pause she is on the lowest rung."""
    _forgets("relationship.pause", "stage")


@mutant("VRM-REL-025")
def pauses_end_without_preferences() -> None:
    """After a pause her preferences are forgotten."""
    _forgets("relationship.resume", "preferences")


@mutant("VRM-REL-025")
def pauses_close_dialogues() -> None:
    """A pause closes the dialogues below the relationship."""

    def wrong(right: Any, named: Any, thread: Any, context: Context, now: int) -> Any:
        status, above = right(named, thread, context, now), context.parent
        rests = thread.kind == "dialogue" and above is not None and above.status.state == "paused"
        return replace(status, state="closed") if rests else status

    around(threads, "settle", wrong)


# --- times ----------------------------------------------------------------------------------------


def _counted(seconds: int) -> None:
    around(preferences, "often", lambda right, said, times, now: right(said, times, now - seconds))


@mutant("VRM-REL-028")
def rates_a_second_longer() -> None:
    """A message counts in the second in which the time of a rate is over, too."""
    _counted(1)


@mutant("VRM-REL-028")
def rates_a_second_shorter() -> None:
    """A message no longer counts in the last second of the time of a rate."""
    _counted(-1)


# --- the end --------------------------------------------------------------------------------------


@mutant("VRM-REL-029")
def late_attestations_refused() -> None:
    """After attest_within no attestation is taken."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        if status.state == "attest-overdue":
            raise ProtocolError("deadline-passed", "it is too late", rule="VRM-THR-006", state=status.state)
        return right(kind, status, role, name)

    around(threads, "_find_row", wrong)


def _begun(kept: Callable[[Any], dict[str, Any]]) -> None:
    """A relationship begins with something of the one before; ``kept`` gets that."""

    def wrong(right: Any, spec: Any, message: Any, now: int, context: Context) -> Any:
        step = right(spec, message, now, context)
        before = (
            context.siblings[-1].thread if message.type == "relationship.open" and context.siblings else None
        )
        return replace(step, thread=replace(step.thread, **kept(before))) if before else step

    around(threads, "_open", wrong)


@mutant("VRM-REL-030")
def preferences_for_life() -> None:
    """What she prefers in one relationship she prefers in the next one of the two."""
    _begun(lambda before: {"facts": {**before.facts, "stage": "anonymous"}})


@mutant("VRM-REL-030")
def refusals_for_life() -> None:
    """What she has declined or refused in one relationship is not asked in the next one of the two."""
    _begun(lambda before: {"counts": {n: v for n, v in before.counts.items() if n.startswith("refused:")}})


@mutant("VRM-REL-030")
def rates_for_life() -> None:
    """What was sent in one relationship counts in the next one of the two."""
    _begun(lambda before: {"counts": {n: v for n, v in before.counts.items() if n == "said"}})


# --- ladders --------------------------------------------------------------------------------------


@mutant("VRM-LAD-016")
def rungs_by_their_number() -> None:
    """Where a ladder lacks the rung on which she was, the one with the same number stands for it."""

    def wrong(right: Any, case: Case) -> Any:
        thread, ladders, stage = case.thread, case.context.ladders, case.facts.get("stage")
        new = ladders.get(case.message.body.get("ladder", ""))
        old = ladders.get(case.facts.get("ladder", ""))
        place = old.place(stage) if new and old and new.place(stage) is None else None
        if new and place and thread:
            named = new.rungs[min(place, len(new.rungs) - 1)].stage
            case = replace(case, thread=replace(thread, facts={**case.facts, "stage": named}))
        return right(case)

    around(guards, "_rung", wrong)


@mutant("VRM-LAD-016")
def ladders_without_her_rung_refused() -> None:
    """She does not step to a ladder that lacks the rung on which she was."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        held, stage = case.context.ladders.get(case.message.body.get("ladder", "")), case.facts.get("stage")
        if held is not None and stage and held.place(stage) is None:
            raise ProtocolError("step-forbidden", "this ladder lacks her rung", rule="VRM-LAD-006")

    guarded("step-allowed", wrong)


@mutant("VRM-LAD-017")
def of_several_rungs_the_highest() -> None:
    """Of several rungs with one name the highest is meant."""

    def wrong(right: Any, self: Ladder, stage: str | None) -> int | None:
        return max((n for n, rung in enumerate(self.rungs) if rung.stage == stage), default=None)

    around(Ladder, "place", wrong)


@mutant("VRM-LAD-018")
def ladders_are_no_blobs_of_a_message() -> None:
    """A message that names a ladder does not refer to its blob."""

    def wrong(right: Any, self: Home, message: Any) -> Any:
        return tuple(d for d in right(self, message) if d != message.body.get("ladder"))

    around(Home, "_refers", wrong)
