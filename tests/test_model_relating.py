"""A home over both stores against the model of the prose: relationships on a ladder, under agreements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from conformance import model
from conformance.model import MOVES
from conformance.model_relating import (
    ATTESTED,
    DECLINE,
    END,
    INVITE,
    PREFER,
    RETREAT,
    STANDING,
    STEP,
)
from tests.model_dealing import NONE, OFTEN, TYPES, Dealing
from tests.model_machine import (
    EVERYONE,
    HUNT,
    LONG,
    PROFILE,
    SEEDS,
    SPEC,
    empty_database,
    run,
)
from tests.model_seeds import (
    Seed,
    instead,
    missing_guard,
    overlooked,
    with_kind,
    with_row,
    with_state,
    wrong_append,
)
from vrmproto import envelope, guards, preferences, threads, timing
from vrmproto.errors import ProtocolError
from vrmproto.ladder import Ladder
from vrmproto.loading import Loading
from vrmproto.model import Context, Thread
from vrmproto.spec import Kind, Row, Spec
from vrmproto.storage import coding
from vrmproto.storage.base import Append, Reads


class Relating(Dealing):
    """They go up and down a ladder."""

    # --- rules ----------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def a_relationship(self, seed: int) -> None:
        """It is opened, and mostly what may be done in it is done."""
        dice = self.dice(seed)
        view = self.begun(dice)
        if view is None:
            return
        view = self.say(dice, view.thid, "first", STEP)
        for _ in range(dice.number(0, 8)):
            if dice.number(0, 4):
                moves = sorted((r, t) for s, r, t in MOVES["relationship"] if s == view.state)
                often = [m for m in moves for _ in range(OFTEN.get(m[1], 2))]
                view = self.say(dice, view.thid, *dice.pick(often))
            else:
                self.pass_time(dice)
                view = self.world.views[view.thid]
            if view.state not in STANDING:
                return

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_while(self, seed: int) -> None:
        """What goes on between two, in one second or over some time."""
        dice = self.dice(seed)
        thid = self.some(dice).thid
        for _ in range(6):
            view = self.world.views[thid]
            how = dice.number(0, 9)
            if how < 2:
                self.pass_time(dice)
            elif how == 2 and len(self.thids) < 30:
                self.agreed(dice, view.pair)
            elif how == 3:
                around = [v.thid for v in self.world.of_pair(view.pair) if v.kind in TYPES]
                self.submit([self.move(dice, dice.pick(around))], together=dice.coin())
            else:
                self.submit([self.move(dice, thid)], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def invitations(self, seed: int) -> None:
        """One after the other, with what she answers, as time goes on to what may be its edge."""
        dice = self.dice(seed)
        view = self.ready(dice, self.some(dice))
        for _ in range(dice.number(2, 5)):
            if view.state == "open":
                wrong = dice.pick(["", "", "", "", "categories", "rung"])
                view = self.say(dice, view.thid, "second", INVITE, frozenset({wrong}))
            if view.state == "invited" and dice.number(0, 5):
                answer = dice.pick([DECLINE, DECLINE, DECLINE, STEP, PREFER, RETREAT, "relationship.pause"])
                view = self.say(dice, view.thid, "first", answer)
            if dice.coin():
                self.pass_time(dice)
                view = self.world.views[view.thid]

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def she_says_when(self, seed: int) -> None:
        """New preferences, and invitations as they begin and end to bind."""
        dice = self.dice(seed)
        view = self.ready(dice, self.some(dice))
        for _ in range(dice.number(1, 2)):
            view = self.say(dice, view.thid, "first", PREFER)
        for _ in range(3):
            view = self.world.views[view.thid]
            if view.state == "invited":
                view = self.say(dice, view.thid, "first", dice.pick([STEP, DECLINE]))
            self.say(dice, view.thid, "second", INVITE, frozenset({dice.pick(["", "", "", "categories"])}))
            self.pass_time(dice)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def other_terms(self, seed: int) -> None:
        """Agreements that reach further or less far, of the same class or another; and what is under them."""
        dice = self.dice(seed)
        view = self.some(dice)
        self.agreed(dice, view.pair)
        for _ in range(dice.number(1, 3)):
            role, type_ = dice.pick(
                [("first", STEP), ("first", STEP), ("second", INVITE), ("first", RETREAT)]
            )
            wrong = dice.pick(["", "", "other-agr", "rung", "rung", "ladder", "categories"])
            view = self.say(dice, view.thid, role, type_, frozenset({wrong}))

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def they_part(self, seed: int) -> None:
        """Either ends it; it is attested or not, and perhaps they begin anew."""
        dice = self.dice(seed)
        view = self.ready(dice, self.some(dice))
        pair = view.pair
        view = self.somehow(dice, view)
        if not dice.number(0, 5):
            self.fill(dice, pair)
        view = self.say(dice, view.thid, dice.pick(["first", "second"]), END)
        if not dice.number(0, 2):
            self.pass_time(dice)
        if dice.number(0, 2):
            view = self.say(dice, view.thid, "second", ATTESTED)
            for home in self.homes:
                self.look(home, self.now, view.thid)
        if dice.coin() and len(self.thids) < 30:
            self.begun(dice, pair)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def another_key(self, seed: int) -> None:
        """She changes it in terms or in the relationship; what stood between the two stands on."""
        dice = self.dice(seed)
        view = self.somehow(dice, self.ready(dice, self.some(dice)))
        terms = [v for v in self.in_force(view.pair) if v.kind == "terms"]
        place = dice.pick([view, view, *terms])
        self.say(dice, place.thid, "first", model.ROTATION)
        view = self.world.views[view.thid]
        live = self.in_force(view.pair)
        if live and dice.coin():
            self.submit([self.opening(dice, NONE, dice.pick(live))], together=dice.coin())
        role, type_ = dice.pick([("first", STEP), ("second", INVITE), ("first", END), ("first", RETREAT)])
        self.say(dice, view.thid, role, type_)

    @rule(seed=SEEDS, size=st.integers(2, 5))
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_crossing(self, seed: int, size: int) -> None:
        """Messages of the threads of two parties in one batch, each right as things stood before it."""
        dice = self.dice(seed)
        view = self.some(dice)
        proffered = [v for v in self.world.of_pair(view.pair) if v.state == "proffered"]
        live = self.in_force(view.pair)
        found = [self.sent_in(dice, v, "second", "terms.accept") for v in proffered[-1:]]
        found += [self.sent_in(dice, v, "first", model.EXIT) for v in live[:1] if v.kind == "terms"]
        found += [self.opening(dice, NONE, about) for about in live[:1]]
        moves = sorted((r, t) for s, r, t in MOVES["relationship"] if s == view.state)
        for role, type_ in dice.sample(moves, dice.number(1, 3)):
            found.append(self.sent_in(dice, view, role, type_))
        if dice.coin():
            found.append(self.sent_in(dice, view, dice.pick(["first", "second"]), END))
        dice.shuffle(found)
        self.submit(found[:size], together=True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("model"))


SHORT = settings(PROFILE, max_examples=40)
LONGER = settings(LONG, max_examples=100)
RULES = [
    "VRM-REL-001",
    "VRM-REL-003",
    "VRM-REL-005",
    "VRM-REL-006",
    "VRM-REL-007",
    "VRM-LAD-001",
    "VRM-LAD-006",
    "VRM-LAD-007",
    "VRM-LAD-009",
    "VRM-LAD-010",
    "VRM-LAD-011",
]
MOVED = [
    ("relationship", "invited", "deadline"),
    ("relationship", "ended", "deadline"),
    ("terms", "agreed", "severed"),
    ("terms", "agreed", "superseded"),
]


def test_a_home_over_either_store_is_the_model_of_relationships(template: Path) -> None:
    """And a run visits every row of the kind, what time does to it, and every rule that can be broken."""
    Relating.seen.clear()
    run(Relating, template, SHORT)
    rows = {("relationship", *cell) for cell in SPEC.kinds["relationship"].cells}
    missing = {*rows, *MOVED, *RULES} - Relating.seen
    assert not missing, missing


@pytest.mark.long
def test_it_is_in_long_runs_too(template: Path) -> None:
    run(Relating, template, LONGER)


# --- the method sees faults ---------------------------------------------------------------------


def paused_hears() -> Spec:
    """She is invited while it rests."""
    cells = SPEC.kinds["relationship"].cells
    return with_kind(
        "relationship", cells={**cells, ("paused", "second", INVITE): cells["open", "second", INVITE]}
    )


def offers_end_too(patch: pytest.MonkeyPatch) -> Spec:
    """With a relationship an offer ends that was made before."""
    severed(lambda thread: [thread.first], kind="offer")(patch)
    states = SPEC.kinds["offer"].states
    lapsing = replace(states["offered"], moves={**states["offered"].moves, "severed": "lapsed"})
    return with_kind("offer", states={**states, "offered": lapsing})


def severed(
    firsts: Callable[[Thread], Iterable[str]], *, later_too: bool = False, kind: str = "terms"
) -> Seed:
    """Agreements end with any relationship of some persons and the organisation, or whenever made."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        right = Loading._standing

        def wrong(self: Loading, reads: Reads, thread: Thread, now: int) -> Context:
            found = right(self, reads, thread, now)
            if thread.kind != kind or thread.record_at is None:
                return found
            pairs = [reads.threads_of(first, thread.second) for first in firsts(thread)]
            heads = [reads.thread(thid) for thids in pairs for thid in thids]
            ends = [h.over_at for h in heads if h and h.kind == "relationship" and h.over_at is not None]
            since = 0 if later_too else thread.record_at
            at = min((end for end in ends if end > since), default=None)
            return found if found.severed_at is not None else replace(found, severed_at=at)

        patch.setattr(Loading, "_standing", wrong)
        return SPEC

    return seed


def own_key_alone(patch: pytest.MonkeyPatch) -> Spec:
    """A relationship that was opened under the key before is not seen."""
    right = Loading._siblings

    def wrong(self: Loading, reads: Reads, message: Any, *rest: Any) -> Any:
        found = []
        for other in right(self, reads, message, *rest):
            entry = reads.message(other.thread.thid, other.thread.thid)
            if entry is not None and envelope.peek(entry.token)[1]["iss"] == message.iss:
                found.append(other)
        return tuple(found)

    patch.setattr(Loading, "_siblings", wrong)
    return SPEC


def named(case: guards.Case) -> tuple[str, bool]:
    """The state of the agreement that a message names, and whether it is of the two."""
    about = case.context.named
    if about is None:
        return "", False
    return about.status.state, case.thread is None or about.thread.pair == case.thread.pair


def opened_under_alone(patch: pytest.MonkeyPatch) -> Spec:
    """Only the agreement under which the relationship was opened counts."""
    right = guards.GUARDS["agreement-live"]

    def wrong(case: guards.Case) -> None:
        right(case)
        if case.thread is not None and case.message.agr != case.thread.agreement:
            raise ProtocolError("agreement-not-live", "it was not opened under this", rule="VRM-REL-001")

    patch.setitem(guards.GUARDS, "agreement-live", wrong)
    return SPEC


def decline_forgotten_at_restart(patch: pytest.MonkeyPatch) -> Spec:
    """What she has declined is held by the running home alone."""

    def wrong(*row: Any) -> Thread:
        thread = coding.thread_from(*row)
        left = {name: times for name, times in thread.counts.items() if not name.startswith("refused:")}
        return replace(thread, counts=left)

    patch.setattr("vrmproto.storage.rows.thread_from", wrong)
    return SPEC


def merged(patch: pytest.MonkeyPatch) -> Spec:
    """New preferences leave what they do not mention."""
    right = threads._keep

    def wrong(row: Row, message: Any, facts: Any, context: Context) -> dict[str, Any]:
        kept = right(row, message, facts, context)
        if row.type == PREFER:
            kept["preferences"] = {**facts.get("preferences", {}), **kept["preferences"]}
        return kept

    patch.setattr(threads, "_keep", wrong)
    return SPEC


def counted_from_now(patch: pytest.MonkeyPatch) -> Spec:
    """What is owed after the end is owed so long from the look at the thread."""
    right = threads.settle

    def wrong(kind: Kind, thread: Thread, context: Context, now: int) -> Any:
        if thread.state == "ended" and thread.kind == "relationship" and thread.deadline is not None:
            thread = replace(thread, deadline=thread.deadline + max(0, now - thread.since))
        return right(kind, thread, context, now)

    patch.setattr(threads, "settle", wrong)
    return SPEC


def terms_alone_are_rebound(patch: pytest.MonkeyPatch) -> Spec:
    """A rotation in a thread of terms leaves the pair's other threads with the old key."""

    def wrong(**members: Any) -> Append:
        if members["thread"].kind == "terms" and members["replaces"]:
            members |= {"rebinds": members["replaces"], "replaces": ""}
        return Append(**members)

    patch.setattr("vrmproto.home.Append", wrong)
    return SPEC


def inclusive(begin: str, clock: str, end: str) -> bool:
    """The minute ``to`` is quiet too."""
    return begin <= clock <= end if begin < end else clock >= begin or clock <= end


def same_is_never(begin: str, clock: str, end: str) -> bool:
    """From a minute to the same one is no time at all."""
    return begin <= clock < end if begin <= end else clock >= begin or clock < end


def known_stage(case: guards.Case) -> bool:
    return any(rung.stage == case.message.body["stage"] for rung in case.spec.ladder.rungs)


def often_for_ever(said: Any, times: Any, now: int) -> bool:
    return bool(said.get("rate")) and len(times) >= said["rate"]["most"]


def often_a_second_too_long(said: Any, times: Any, now: int) -> bool:
    rate = said.get("rate")
    return bool(rate) and sum(timing.after(t, rate["within"]) >= now for t in times) >= rate["most"]


SEEDED: dict[str, Seed] = {
    "severs-nothing": lambda patch: with_row("relationship", END, effect=""),
    "severs-later-agreements": severed(lambda thread: [thread.first], later_too=True),
    "declines-forgotten-at-restart": decline_forgotten_at_restart,
    "judged-by-her-rung-alone": instead(Ladder, "reached", lambda self, stage, *rest: self.place(stage) or 0),
    "preferences-merged": merged,
    "quiet-hours-in-utc": instead(preferences, "_zone", lambda name: ZoneInfo("UTC")),
    "attestation-leaves-no-tombstones": lambda patch: with_state("relationship", "closed", erased=False),
    "relationship-keeps-the-old-key": terms_alone_are_rebound,
    "retreat-goes-up": instead(
        Ladder, "lower", lambda self, one, other: self.rungs[self.place(other) or 0].stage
    ),
    "severs-agreements-of-others": severed(lambda thread: EVERYONE),
    "one-per-pair-of-this-key": own_key_alone,
    "superseded-agreement-taken": overlooked(
        "agreement-live", "VRM-REL-001", lambda case: named(case) == ("superseded", True)
    ),
    "agreement-of-another-pair-taken": overlooked(
        "agreement-live", "VRM-REL-001", lambda case: not named(case)[1]
    ),
    "agreement-of-the-opening-alone": opened_under_alone,
    "steps-not-up": overlooked("step-allowed", "VRM-LAD-006", known_stage),
    "steps-out-of-reach": overlooked("step-allowed", "VRM-LAD-007"),
    "invitations-over-rungs": overlooked("step-allowed", "VRM-LAD-009", known_stage),
    "asks-for-anything": overlooked("stage-allows", "VRM-LAD-011"),
    "begins-on-any-rung": overlooked("stage-allows", "VRM-LAD-010"),
    "declines-forgotten": missing_guard("not-asked-again"),
    "declines-kept-for-five-months": instead(guards, "ASKED_AGAIN", "P5M"),
    "rate-for-ever": instead(preferences, "often", often_for_ever),
    "rate-a-second-too-long": instead(preferences, "often", often_a_second_too_long),
    "quiet-hours-a-minute-too-long": instead(preferences, "_between", inclusive),
    "whole-day-never-quiet": instead(preferences, "_between", same_is_never),
    "attestation-owed-from-now": counted_from_now,
    "attestation-stopped-by-a-full-inbox": lambda patch: with_row("relationship", ATTESTED, duty=False),
    "inbox-kept-after-the-attestation": wrong_append(lambda members: {"erases": ()}),
    "end-needs-prev": lambda patch: with_row("relationship", END, exit=False),
    "ended-counts-as-open": lambda patch: with_state("relationship", "ended", over=False),
    "paused-hears": lambda patch: paused_hears(),
    "offers-end-too": offers_end_too,
    "any-ladder": missing_guard("ladder-held"),
    "step-without-head": lambda patch: with_row("relationship", STEP, head=False),
    "invitations-with-no-time-left": lambda patch: with_row("relationship", INVITE, guards=()),
}

FIRST = 10
"""So many are looked for in each run, the others in long ones."""
HUNTED = [*list(SEEDED)[:FIRST], *(pytest.param(n, marks=pytest.mark.long) for n in list(SEEDED)[FIRST:])]


@pytest.mark.parametrize("name", HUNTED)
def test_a_seeded_bug_is_found(template: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the same machine that finds nothing in the home as it is."""
    broken = SEEDED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run(Relating, template, HUNT, broken)
