"""A home over both stores against the model of the prose: every verdict and state of terms, at every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import precondition, rule

from conformance import model
from conformance.model import MOVES, Proof
from tests.model_machine import (
    EVERYONE,
    HOME,
    HUNT,
    PERSONS,
    PROFILE,
    SEEDS,
    SPARE,
    SPEC,
    VENDORS,
    Dice,
    Machine,
    Sent,
    empty_database,
    run,
)
from tests.model_seeds import Seed, missing_guard, with_kind, with_row
from vrmproto import threads
from vrmproto.home import Home
from vrmproto.spec import Spec

TYPES = sorted({*model.TYPES["terms"], model.PROFFER})


class Terms(Machine):
    """Persons and vendors who proffer, answer, rotate and terminate."""

    def message(self, dice: Dice) -> Sent:
        if self.thids and dice.number(0, 4):
            return self.move(dice)
        return self.any_proffer(dice, dice.flaws(model.PROFFER))

    def any_proffer(self, dice: Dice, flaws: frozenset[str]) -> Sent:
        person = dice.pick([*PERSONS, *PERSONS[:1] * 3] if dice.number(0, 5) else SPARE)
        return self.proffer(dice, person, dice.pick([VENDORS[0], VENDORS[0], VENDORS[1]]), flaws)

    def move(self, dice: Dice, thid: str = "") -> Sent:
        views, moves = self.world.views, MOVES["terms"]
        countered = [thid for thid in self.thids if views[thid].state == "countered"]
        moving = (
            countered
            if countered and dice.coin()
            else [thid for thid in self.thids if any(s == views[thid].state for s, _, _ in moves)]
        )
        thid = thid or dice.pick(moving if moving and dice.number(0, 4) else self.thids)
        view = views[thid]
        legal = [(role, type_) for state, role, type_ in moves if state == view.state]
        if legal and dice.number(0, 5):
            role, type_ = dice.pick(sorted(legal + [m for m in legal if m[1] in model.NEEDS_HEAD]))
        else:
            role, type_ = dice.pick(["first", "second"]), dice.pick(TYPES)
        flaws = dice.flaws(type_)
        party, aud = view.pair if role == "first" else (view.second, view.first)
        if "thid" in flaws and dice.coin():
            party = dice.pick(sorted(EVERYONE))
        more = self.where(dice, view, flaws)
        if type_ == model.ROTATION:
            return self.rotation(dice, flaws, (party, aud), view, more)
        return self.make(party, type_, self.answer(dice, type_, view, flaws), aud, flaws, more)

    @rule(seed=SEEDS)
    def an_agreement(self, seed: int) -> None:
        """A proffer and its acceptance, so that agreements meet each other."""
        dice = self.dice(seed)
        self.agree(dice, self.any_proffer(dice, frozenset()))

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 40)
    def a_thread(self, seed: int) -> None:
        """A proffer, and what may and may not follow at once."""
        dice = self.dice(seed)
        offer = self.any_proffer(dice, frozenset())
        self.submit([offer], together=False)
        for _ in range(4 if offer.act.mid in self.thids else 0):
            self.submit([self.move(dice, offer.act.mid)], together=False)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("model"))


def test_a_home_over_either_store_is_the_model(template: Path) -> None:
    run(Terms, template, PROFILE)


# --- the method sees faults ---------------------------------------------------------------------


def wrong_role() -> Spec:
    """The first party accepts her own proffer."""
    cells = dict(SPEC.kinds["terms"].cells)
    cells["proffered", "first", "terms.accept"] = cells.pop(("proffered", "second", "terms.accept"))
    return with_kind("terms", cells=cells)


def second_too_late(patch: pytest.MonkeyPatch) -> Spec:
    """``now > deadline`` where ``>=`` is right."""
    right = threads._next_move

    def wrong(state: Any, since: int, deadline: int | None, *rest: Any) -> Any:
        return right(state, since, None if deadline is None else deadline + 1, *rest)

    patch.setattr(threads, "_next_move", wrong)
    return SPEC


def superseded_by_nothing(patch: pytest.MonkeyPatch) -> Spec:
    patch.setattr(Home, "_class_of", lambda self, step: "")
    return SPEC


SEEDED: dict[str, Seed] = {
    "guard-missing": missing_guard("accepts-offered-terms"),
    "wrong-role": lambda patch: wrong_role(),
    "deadline-one-second-late": second_too_late,
    "deadline-unbounded": lambda patch: with_row("terms", "terms.proffer", max=""),
    "alternative-unguarded": missing_guard("alternative-differs"),
    "rotation-unproved": missing_guard("rotate-proof"),
    "head-not-asked-for": lambda patch: with_row("terms", "terms.accept", head=False),
    "exit-needs-prev": lambda patch: with_row("terms", "agreement.terminate", exit=False),
    "supersedes-nothing": superseded_by_nothing,
    "alternative-keeps-the-end": lambda patch: with_row(
        "terms", "terms.alternative", keep={"offer": "@mid", "preferred": "/agreement", "acceptable": None}
    ),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_bug_is_found(template: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the same machine that finds nothing in the home as it is."""
    broken = SEEDED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run(Terms, template, HUNT, broken)


# --- found by reading ---------------------------------------------------------------------------


def test_a_rotation_sees_what_its_batch_has_not_written_yet(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new identifier proffers in the same batch: from then on it is a party opposite this vendor."""
    monkeypatch.setattr(Terms, "template", template)
    machine = Terms()
    try:
        machine.vendors_poll_once()
        old, new, vendor, dice = PERSONS[0], SPARE[0], VENDORS[0], Dice(1)
        none: frozenset[str] = frozenset()
        view = machine.agree(dice, machine.proffer(dice, old, vendor, none))
        assert view is not None
        where: dict[str, str | None] = {"thid": view.thid, "prev": view.thid}
        says = Proof(old, new, vendor, HOME, view.thid, machine.now)
        proof, token = machine.proof(dice, says, none)
        other = machine.proffer(dice, new, vendor, none)
        body = {"replaces": old, "proof": token}
        rotated = machine.make(new, model.ROTATION, body, vendor, none, where, proof)
        machine.submit([other, rotated], together=True)
        assert machine.world.views[view.thid].pair == (old, vendor)
    finally:
        machine.teardown()
