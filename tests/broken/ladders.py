"""Broken homes of the chapter ladders.md."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.broken.tools import (
    around,
    discovery,
    guarded,
    lenient,
    loose,
    missing_guard,
    mutant,
    simple,
    without,
)
from vrmproto import guards, ladder, threads
from vrmproto.errors import ProtocolError
from vrmproto.guards import Case
from vrmproto.ladder import Grounds, Ladder
from vrmproto.loading import Loading
from vrmproto.reading import not_found
from vrmproto.roster import digest
from vrmproto.server import http
from vrmproto.server.routes import Routes


def _judged(case: Case) -> tuple[Ladder, int, int | None]:
    """The ladder, the rung by which a message is judged, and the one that it names."""
    found = guards._rung(case)
    assert found is not None
    return *found, found[0].place(case.message.body["stage"])


def _named(relation: Any) -> Any:
    """Whether rungs stand so: ``relation`` gets the one that is named and the present one."""

    def holds(case: Case) -> bool:
        _, present, named = _judged(case)
        return named is not None and bool(relation(named, present))

    return holds


def _unknown(case: Case) -> bool:
    return _judged(case)[2] is None


_STEP, _STAGE = "step-allowed", "stage-allows"
for _name, _rule, _summary, _override in (
    ("ladders-not-held", "VRM-LAD-001", "Any digest is a ladder.", missing_guard("ladder-held")),
    (
        "steps-down",
        "VRM-LAD-006",
        "She may step to a rung below.",
        lenient(_STEP, "VRM-LAD-006", _named(lambda named, present: named < present)),
    ),
    (
        "steps-on-the-spot",
        "VRM-LAD-006",
        "She may step to the rung on which she is.",
        lenient(_STEP, "VRM-LAD-006", _named(lambda named, present: named == present)),
    ),
    (
        "steps-into-the-air",
        "VRM-LAD-006",
        "She may step to a rung that the ladder does not have.",
        lenient(_STEP, "VRM-LAD-006", _unknown),
    ),
    (
        "steps-beyond-the-agreement",
        "VRM-LAD-007",
        "She may step to a rung that the agreement does not reach.",
        lenient(_STEP, "VRM-LAD-007"),
    ),
    (
        "invitations-far-up",
        "VRM-LAD-009",
        "An invitation may go several rungs up.",
        lenient(_STEP, "VRM-LAD-009", _named(lambda named, present: named > present)),
    ),
    (
        "invitations-to-where-she-is",
        "VRM-LAD-009",
        "An invitation may be to the rung on which she is.",
        lenient(_STEP, "VRM-LAD-009", _named(lambda named, present: named == present)),
    ),
    (
        "invitations-down",
        "VRM-LAD-009",
        "An invitation may be to a rung below.",
        lenient(_STEP, "VRM-LAD-009", _named(lambda named, present: named < present)),
    ),
    (
        "invitations-into-the-air",
        "VRM-LAD-009",
        "An invitation may be to a rung that the ladder does not have.",
        lenient(_STEP, "VRM-LAD-009", _unknown),
    ),
    (
        "types-not-looked-at",
        "VRM-LAD-010",
        "From every rung she may be written to.",
        lenient(_STAGE, "VRM-LAD-010"),
    ),
    (
        "categories-not-looked-at",
        "VRM-LAD-011",
        "Anything may be asked for at every rung.",
        lenient(_STAGE, "VRM-LAD-011"),
    ),
):
    simple(_name, _rule, _summary, _override)


def _refused(code: str, rule: str) -> ProtocolError:
    return ProtocolError(code, "this home does not want it", rule=rule)


# --- which ladder ---------------------------------------------------------------------------------


def _laddered(change: Any) -> None:
    """Other ladders are held for a message; ``change`` gets what is held and what it named."""

    def wrong(right: Any, self: Loading, reads: Any, thread: Any, message: Any, now: int) -> Any:
        found = right(self, reads, thread, message, now)
        return change(self, reads, found, message.body.get("ladder"))

    around(Loading, "_ladders", wrong)


@mutant("VRM-LAD-001")
def ladders_of_others() -> None:
    """A ladder may be named that somebody else has put here."""

    def change(self: Loading, reads: Any, found: Any, named: str | None) -> Any:
        other = self.ladder(reads, named) if named and named not in found else None
        return {**found, named: other} if other else found

    _laddered(change)


@mutant("VRM-LAD-001")
def anything_is_a_ladder() -> None:
    """Whatever she has put may be named as a ladder."""

    def wrong(right: Any, self: Loading, reads: Any, named: str) -> Any:
        return right(self, reads, named) or self._spec.ladder

    around(Loading, "ladder", wrong)


@mutant("VRM-LAD-001")
def ladder_of_the_spec_alone() -> None:
    """No ladder may be named but that of the spec."""
    _laddered(
        lambda self, reads, found, named: {d: one for d, one in found.items() if one is self._spec.ladder}
    )


@mutant("VRM-LAD-001", needs="more than an hour")
def ladders_of_any_age() -> None:
    """A ladder may be named however long ago it was put."""

    def wrong(right: Any, self: Loading, reads: Any, thread: Any, message: Any, now: int) -> Any:
        return right(self, reads, thread, message, 3600)

    around(Loading, "_ladders", wrong)


@mutant("VRM-LAD-002")
def ladder_not_served() -> None:
    """The ladder is not served."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        raise not_found()

    around(Routes, "ladder", wrong)


@mutant("VRM-LAD-002")
def ladder_written_anew() -> None:
    """The ladder is served as JSON that was written anew."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        return http.json_answer(json.loads((await right(self, request)).body))

    around(Routes, "ladder", wrong)


@mutant("VRM-LAD-002")
def ladder_not_told() -> None:
    """The discovery document does not tell the digest of the ladder."""
    discovery(without("ladder"))


@mutant("VRM-LAD-002")
def ladder_with_another_digest() -> None:
    """The discovery document tells the digest of something else."""
    discovery(lambda d: {**d, "ladder": {**d["ladder"], "digest": digest(b"")}})


@mutant("VRM-LAD-003")
def ladder_of_the_spec_judges() -> None:
    """An invitation is judged by the ladder of the spec, whichever is in force."""

    def wrong(right: Any, case: Case) -> Any:
        ladders = dict.fromkeys(case.context.ladders, case.spec.ladder)
        invites = case.row.by == "second"
        return right(replace(case, context=replace(case.context, ladders=ladders)) if invites else case)

    around(guards, "_rung", wrong)


@mutant("VRM-LAD-003")
def ladder_of_the_opening_judges() -> None:
    """The ladder of the opening is in force to the end."""

    def wrong(right: Any, row: Any, message: Any, facts: Any, context: Any) -> Any:
        kept = right(row, message, facts, context)
        return {**kept, "ladder": facts["ladder"]} if message.type == "relationship.step" else kept

    around(threads, "_keep", wrong)


# --- on which rung --------------------------------------------------------------------------------


def _begun(stage: Any) -> None:
    """A relationship begins at another rung than the lowest."""

    def wrong(right: Any, row: Any, message: Any, facts: Any, context: Any) -> Any:
        kept = right(row, message, facts, context)
        begun = stage(context) if message.type == "relationship.open" else None
        return {**kept, "stage": begun} if begun else kept

    around(threads, "_keep", wrong)


@mutant("VRM-LAD-004")
def begun_on_the_second_rung() -> None:
    """A relationship begins at the second rung."""
    _begun(lambda context: next(iter(context.ladders.values())).rungs[1].stage)


@mutant("VRM-LAD-004")
def begun_where_the_last_ended() -> None:
    """Another relationship of the two begins where the last one has ended."""
    _begun(lambda context: context.siblings and context.siblings[-1].thread.facts.get("stage"))


def _reached(reached: Any) -> None:
    """Another understanding of the present rung; ``reached`` gets whether each rung is reached."""

    def wrong(right: Any, self: Ladder, stage: str | None, grounds: Grounds) -> Any:
        return reached([grounds.reach(rung) for rung in self.rungs], self.place(stage) or 0)

    around(Ladder, "reached", wrong)


@mutant("VRM-LAD-005")
def rungs_stay_when_agreements_end() -> None:
    """She is judged by the rung to which she has gone, whatever the agreement reaches."""
    _reached(lambda within, gone: gone)


@mutant("VRM-LAD-005")
def rungs_rise_with_the_agreement() -> None:
    """An invitation is judged by the highest rung that the agreement reaches."""

    def wrong(right: Any, case: Case) -> Any:
        held, present = right(case)
        top = held.reached(held.rungs[-1].stage, guards._grounds(case))
        return held, top if case.row.by == "second" else present

    around(guards, "_rung", wrong)


@mutant("VRM-LAD-005")
def rungs_fall_to_the_lowest() -> None:
    """Where the agreement does not reach the rung to which she has gone she is judged by the lowest."""
    _reached(lambda within, gone: gone if within[gone] else 0)


@mutant("VRM-LAD-005")
def rungs_without_a_gap() -> None:
    """She is judged by a rung only if the agreement reaches all below, too."""
    _reached(lambda within, gone: [*within[1 : gone + 1], False].index(False))


@mutant("VRM-LAD-005")
def agreement_of_the_opening_judges() -> None:
    """The rung is that which the agreement of the opening reaches, whichever is named."""

    def wrong(right: Any, case: Case) -> Any:
        named = case.context.agreement or case.context.named
        return right(replace(case, context=replace(case.context, named=named)))

    around(guards, "_grounds", wrong)


# --- steps ----------------------------------------------------------------------------------------


@mutant("VRM-LAD-007")
def optional_is_within() -> None:
    """What an agreement has as optional is within it."""
    loose(ladder).WITHIN = ("required", "permitted", "optional")


@mutant("VRM-LAD-007")
def permitted_is_not_within() -> None:
    """Only what an agreement requires is within it."""
    loose(ladder).WITHIN = ("required",)


@mutant("VRM-LAD-007")
def one_purpose_is_enough() -> None:
    """A rung is reached if one of its purposes is within the agreement."""

    def wrong(right: Any, self: Grounds, rung: Any) -> Any:
        each = [right(self, replace(rung, purposes=(one,))) for one in rung.purposes]
        return any(each) or not each

    around(Grounds, "reach", wrong)


@mutant("VRM-LAD-007")
def purposes_without_a_clause_within() -> None:
    """A purpose that no clause rules is within every agreement."""

    def wrong(right: Any, self: Grounds, rung: Any) -> Any:
        ruled = tuple(one for one in rung.purposes if self.purposes.get(one))
        return right(self, replace(rung, purposes=ruled))

    around(Grounds, "reach", wrong)


def _forbidden(forbids: Any) -> None:
    """Steps up that this home does not want; ``forbids`` gets the case and the rungs in between."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        held, present, named = _judged(case)
        if case.row.by == "first" and forbids(case, held.rungs[present + 1 : named]):
            raise _refused("step-forbidden", "VRM-LAD-006")

    guarded("step-allowed", wrong)


@mutant("VRM-LAD-008")
def one_rung_at_a_time() -> None:
    """She may step one rung up at a time."""
    _forbidden(lambda case, between: between)


@mutant("VRM-LAD-008")
def no_step_over_a_gap() -> None:
    """She may step over no rung that the agreement does not reach."""

    def gap(case: Case, between: Any) -> bool:
        return not all(map(guards._grounds(case).reach, between))

    _forbidden(gap)


# --- invitations ----------------------------------------------------------------------------------


@mutant("VRM-LAD-009")
def invitations_within_the_agreement() -> None:
    """An invitation may not be to a rung that the agreement does not reach yet."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        held, _, named = _judged(case)
        above = held.rungs[named] if case.row.by == "second" and named is not None else held.rungs[0]
        if not guards._grounds(case).reach(above):
            raise _refused("step-forbidden", "VRM-LAD-009")

    guarded("step-allowed", wrong)


def _staged(change: Any) -> None:
    """Rungs that list other things than they do; ``change`` gets all, the present one and the named."""

    def wrong(right: Any, case: Case) -> None:
        held, present, named = _judged(case)
        rungs = list(held.rungs)
        for n, members in change(held.rungs, present, present if named is None else named).items():
            rungs[n] = replace(rungs[n], **members)
        made = dict.fromkeys(case.context.ladders, replace(held, rungs=tuple(rungs)))
        right(replace(case, context=replace(case.context, ladders=made)))

    guarded("stage-allows", wrong)


@mutant("VRM-LAD-010")
def types_of_the_rung_above() -> None:
    """An invitation is of a type that the rung lists to which it invites."""
    _staged(lambda rungs, present, named: {present: {"types": rungs[named].types}})


@mutant("VRM-LAD-010")
def types_of_any_rung() -> None:
    """What is sent has to be of a type that some rung lists."""
    _staged(lambda rungs, present, named: {present: {"types": frozenset().union(*(r.types for r in rungs))}})


@mutant("VRM-LAD-011")
def categories_of_the_present_rung() -> None:
    """An invitation may ask for what the rung lists on which she is."""
    _staged(lambda rungs, present, named: {named: {"categories": rungs[present].categories}})


@mutant("VRM-LAD-011")
def categories_of_both_rungs() -> None:
    """An invitation may ask for what either of the two rungs lists."""
    _staged(lambda rungs, at, to: {to: {"categories": rungs[at].categories | rungs[to].categories}})


@mutant("VRM-LAD-011")
def categories_of_any_rung() -> None:
    """An invitation may ask for what some rung lists."""
    _staged(lambda rungs, at, to: {to: {"categories": frozenset().union(*(r.categories for r in rungs))}})


@mutant("VRM-LAD-011")
def first_category_alone() -> None:
    """Of what an invitation asks for the first category is looked at."""

    def wrong(right: Any, case: Case) -> None:
        body = {**case.message.body, "asks": case.message.body["asks"][:1]}
        right(replace(case, message=replace(case.message, body=body)))

    guarded("stage-allows", wrong)


# --- retreats -------------------------------------------------------------------------------------


def _lower(lower: Any) -> None:
    """Another understanding of a step down; ``lower`` gets the ladder and both rungs, None if unknown."""

    def wrong(right: Any, self: Ladder, one: str | None, other: str | None) -> Any:
        return self.rungs[lower(self, self.place(one) or 0, self.place(other))].stage

    around(Ladder, "lower", wrong)


@mutant("VRM-LAD-012")
def down_by_one_rung() -> None:
    """She goes down one rung at a time, whatever she names."""
    _lower(lambda self, at, to: max(min(at, to or 0), at - 1, 0))


@mutant("VRM-LAD-012")
def down_to_nowhere_stays() -> None:
    """If she names a rung that the ladder does not have she stays where she is."""
    _lower(lambda self, at, to: min(at, at if to is None else to))


@mutant("VRM-LAD-012")
def down_to_the_lowest() -> None:
    """Whatever rung she names, she goes down to the lowest."""
    _lower(lambda self, at, to: 0)


def _retreat(forbids: Any) -> None:
    """Steps down that this home does not want."""

    def wrong(right: Any, row: Any, role: str, thread: Any, message: Any, context: Any) -> None:
        right(row, role, thread, message, context)
        if row.effect == "retreat" and forbids(context.ladders[thread.facts["ladder"]], thread, message):
            raise _refused("step-forbidden", "VRM-LAD-006")

    around(threads, "_check_prev", wrong)


@mutant("VRM-LAD-012")
def down_to_nowhere_refused() -> None:
    """She may not go down to a rung that the ladder does not have."""
    _retreat(lambda held, thread, message: held.place(message.body["stage"]) is None)


@mutant("VRM-LAD-012")
def down_to_above_refused() -> None:
    """She may not name a rung above hers when she goes down."""

    def above(held: Ladder, thread: Any, message: Any) -> bool:
        return (held.place(message.body["stage"]) or 0) > (held.place(thread.facts.get("stage")) or 0)

    _retreat(above)
