"""Ladders: which rung is lower, which an agreement reaches, and what is read of a document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import forge
from vrmproto import ladder, spec
from vrmproto.ladder import Grounds, Ladder, Rung

SPEC = spec.load()
CLAUSES = ("service-delivery", "analytics", "profiling")
PURPOSES: dict[str, str | None] = {f"{clause} {n}": clause for clause in CLAUSES for n in (1, 2)} | {
    "sell": None
}
VALUES = ("prohibited", "optional", "permitted", "required")
STAGES = [f"rung-{letter}" for letter in "abcdefgh"]


def made(rungs: list[tuple[str, ...]]) -> Ladder:
    """A ladder of rungs with these purposes."""
    return Ladder(
        "digest",
        b"",
        tuple(
            Rung(stage, stage.title(), purposes, frozenset(), frozenset())
            for stage, purposes in zip(STAGES, rungs, strict=False)
        ),
    )


RUNG = st.lists(st.sampled_from(sorted(PURPOSES)), max_size=2).map(tuple)
LADDERS = st.lists(RUNG, min_size=1, max_size=8).map(made)
AGREEMENTS = st.dictionaries(st.sampled_from(CLAUSES), st.sampled_from(VALUES))
STAGE = st.none() | st.sampled_from([*STAGES, "nowhere"])


def number(held: Ladder, stage: str | None) -> int:
    return held.place(stage) or 0


# --- the lower one --------------------------------------------------------------------------------


@given(held=LADDERS, one=STAGE, other=STAGE)
def test_lower_is_the_same_either_way(held: Ladder, one: str | None, other: str | None) -> None:
    assert held.lower(one, other) == held.lower(other, one)


@given(held=LADDERS, one=STAGE, other=STAGE)
def test_lower_again_changes_nothing(held: Ladder, one: str | None, other: str | None) -> None:
    lower = held.lower(one, other)
    assert held.lower(lower, other) == held.lower(one, lower) == held.lower(lower, lower) == lower


@given(held=LADDERS, one=STAGE, other=STAGE)
def test_lower_is_never_above(held: Ladder, one: str | None, other: str | None) -> None:
    assert number(held, held.lower(one, other)) == min(number(held, one), number(held, other))


@given(held=LADDERS, steps=st.lists(STAGE, max_size=5))
def test_one_goes_down_as_far_in_any_order(held: Ladder, steps: list[str | None]) -> None:
    def after(order: list[str | None]) -> str:
        stage = held.rungs[-1].stage
        for one in order:
            stage = held.lower(stage, one)
        return stage

    assert after(steps) == after(steps[::-1])


@given(held=LADDERS, stage=STAGE)
def test_an_unknown_rung_is_the_lowest(held: Ladder, stage: str | None) -> None:
    assert held.lower(stage, "nowhere") == held.lower("nowhere", stage) == held.rungs[0].stage


# --- what is reached ------------------------------------------------------------------------------


@given(held=LADDERS, stage=STAGE, clauses=AGREEMENTS)
def test_what_is_reached_is_never_above(held: Ladder, stage: str | None, clauses: dict[str, str]) -> None:
    assert 0 <= held.reached(stage, Grounds(PURPOSES, clauses)) <= number(held, stage)


@given(held=LADDERS, stage=STAGE, clauses=AGREEMENTS)
def test_the_highest_is_reached(held: Ladder, stage: str | None, clauses: dict[str, str]) -> None:
    found = held.reached(stage, Grounds(PURPOSES, clauses))
    within = [Grounds(PURPOSES, clauses).reach(rung) for rung in held.rungs[: number(held, stage) + 1]]
    assert not any(within[found + 1 :])
    assert within[found] or found == 0


@given(held=LADDERS, stage=STAGE, clauses=AGREEMENTS)
def test_reached_again_it_is_the_same(held: Ladder, stage: str | None, clauses: dict[str, str]) -> None:
    found = held.reached(stage, Grounds(PURPOSES, clauses))
    assert held.reached(held.rungs[found].stage, Grounds(PURPOSES, clauses)) == found


@given(held=LADDERS, low=STAGE, high=STAGE, clauses=AGREEMENTS)
def test_who_stands_higher_is_judged_no_lower(
    held: Ladder, low: str | None, high: str | None, clauses: dict[str, str]
) -> None:
    one, other = sorted((low, high), key=lambda stage: number(held, stage))
    assert held.reached(one, Grounds(PURPOSES, clauses)) <= held.reached(other, Grounds(PURPOSES, clauses))


@given(held=LADDERS, stage=STAGE, clauses=AGREEMENTS, more=st.sets(st.sampled_from(CLAUSES)))
def test_an_agreement_that_allows_more_reaches_no_less(
    held: Ladder, stage: str | None, clauses: dict[str, str], more: set[str]
) -> None:
    wider = clauses | dict.fromkeys(more, "permitted")
    assert held.reached(stage, Grounds(PURPOSES, clauses)) <= held.reached(stage, Grounds(PURPOSES, wider))
    for rung in held.rungs:
        assert Grounds(PURPOSES, clauses).reach(rung) <= Grounds(PURPOSES, wider).reach(rung)


@given(rung=RUNG, more=RUNG, clauses=AGREEMENTS)
def test_a_rung_that_asks_for_more_is_reached_no_sooner(
    rung: tuple[str, ...], more: tuple[str, ...], clauses: dict[str, str]
) -> None:
    both, one, other = (made([purposes]).rungs[0] for purposes in (rung + more, rung, more))
    each = Grounds(PURPOSES, clauses).reach(one) and Grounds(PURPOSES, clauses).reach(other)
    assert Grounds(PURPOSES, clauses).reach(both) == each


@pytest.mark.parametrize("value", VALUES)
def test_a_clause_that_is_required_or_permitted_is_within(value: str) -> None:
    rung = made([("analytics 1",)]).rungs[0]
    assert Grounds(PURPOSES, {"analytics": value}).reach(rung) == (value in ("required", "permitted"))


def test_what_no_clause_rules_is_within_nothing() -> None:
    everything = dict.fromkeys(CLAUSES, "required")
    assert not Grounds(PURPOSES, everything).reach(made([("sell",)]).rungs[0])
    assert not Grounds(PURPOSES, everything).reach(made([("unheard of",)]).rungs[0])
    assert not Grounds({"sell": "x"}, {"": "required"}).reach(made([("sell",)]).rungs[0])
    assert Grounds(PURPOSES, {}).reach(made([()]).rungs[0])


# --- the ladder of the spec -----------------------------------------------------------------------


def clauses(agreement: str) -> dict[str, str]:
    manifest = SPEC.root / "roster" / agreement / "1.0" / "manifest.json"
    found: dict[str, str] = json.loads(manifest.read_bytes())["clauses"]
    return found


@pytest.mark.parametrize(
    ("agreement", "gone", "judged"),
    [
        ("SD-BASE", None, "anonymous"),
        ("SD-BASE", "anonymous", "anonymous"),
        ("SD-BASE", "returning", "returning"),
        ("SD-BASE", "profiled", "subscriber"),
        ("SD-BASE", "commenter", "commenter"),
        ("SD-BASE", "contributor", "commenter"),
        ("SD-BASE", "customer", "customer"),
        ("SD-BASE", "nowhere", "anonymous"),
        ("SD-BASE-A", "profiled", "subscriber"),
        ("SD-BASE-A", "contributor", "contributor"),
        ("SD-BASE-ATP", "profiled", "profiled"),
        ("SD-BASE-ATP", "contributor", "contributor"),
        ("PDC-AI", "profiled", "subscriber"),
    ],
)
def test_the_rung_by_which_she_is_judged(agreement: str, gone: str | None, judged: str) -> None:
    held = SPEC.ladder
    assert held.rungs[held.reached(gone, Grounds(SPEC.purposes, clauses(agreement)))].stage == judged


def test_without_an_agreement_what_asks_for_nothing_is_reached() -> None:
    held = SPEC.ladder
    assert held.rungs[held.reached("customer", Grounds(SPEC.purposes, {}))].stage == "returning"


def test_the_digest_is_that_of_the_bytes() -> None:
    document = (SPEC.root / "ladder.json").read_bytes()
    assert SPEC.ladder.document == document
    assert SPEC.ladder.digest == forge.digest(document)
    assert ladder.read(document) == SPEC.ladder == ladder.read(document, json.loads(document))
    assert ladder.read(document + b"\n").rungs == SPEC.ladder.rungs
    assert ladder.read(document + b"\n").digest != SPEC.ladder.digest


def rung(stage: str, **members: Any) -> dict[str, Any]:
    return {"stage": stage, "title": stage, "purposes": [], "types": [], "categories": [], **members}


def test_of_two_rungs_of_one_name_the_lower_counts() -> None:
    held = ladder.read(json.dumps({"rungs": [rung("a"), rung("b"), rung("a")]}).encode())
    assert (held.place("a"), held.place("b"), held.place("c"), held.place(None)) == (0, 1, None, None)


def test_what_is_read_of_a_rung() -> None:
    more = {"purposes": ["p", "q"], "types": ["a.b"], "categories": ["c", "c"], "unheard": 1}
    (held,) = ladder.read(json.dumps({"rungs": [rung("a", **more)]}).encode()).rungs
    assert held == Rung("a", "a", ("p", "q"), frozenset({"a.b"}), frozenset({"c"}))
