"""What a run makes of failures: asked again, counted once, and never green for want of an answer."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from conformance import coverage, lab, runner
from conformance.lab import Lab
from conformance.results import Inconclusive, Outcome, Run, Verdict, judged
from conformance.runner import Options, Progress
from conformance.session import Session
from conformance.target import Target
from tests.broken.launch import launched
from vrmproto import spec

SPEC = spec.load()
RULE = "VRM-HOM-002"


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A check that fails or holds as this list says, one place a time."""
    wanted: list[bool] = []

    async def work(one: Lab) -> None:
        one.holds(RULE, wanted.pop(0), "right", "wrong")

    monkeypatch.setitem(lab.CHECKS, "unsteady", lab.Check("unsteady", (RULE,), "core", work))
    return wanted


def nobody() -> Session:
    """A session that asks nothing of anybody."""
    return Session(Target("http://127.0.0.1:1", SPEC, aiohttp.ClientSession()))


async def after(again: list[bool], lag: float) -> Verdict:
    """The verdict on a check that failed, once it was asked again."""
    made, session = Run("http://127.0.0.1:1"), nobody()
    work = runner._Work(Options(""), session, made, Progress())
    work.lag = lag
    made.outcomes = await lab.run_check(session, lab.CHECKS["unsteady"])
    assert made.outcomes[0].verdict is Verdict.FAIL
    await work._again()
    await session.target.session.close()
    assert not again
    return judged(made.outcomes)[RULE]


async def test_what_fails_again_has_failed(tries: list[bool]) -> None:
    tries += [False, True, False]
    assert await after(tries, 0.0) is Verdict.FAIL


async def test_what_fails_once_is_open_and_not_green(tries: list[bool]) -> None:
    tries += [False, True, True]
    assert await after(tries, 0.0) is Verdict.INCONCLUSIVE


async def test_it_is_the_suites_own_doing_where_the_suite_was_late(tries: list[bool]) -> None:
    tries += [False, True, True]
    assert await after(tries, 1.0) is Verdict.PASS
    tries += [False, False, True]
    assert await after(tries, 1.0) is Verdict.FAIL


async def test_a_check_that_stops_half_way_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Lab) -> None:
        one.holds(RULE, True, "right")
        raise Inconclusive("it went no further")

    session = nobody()
    found = await lab.run_check(session, lab.Check("halfway", (RULE,), "core", work))
    await session.target.session.close()
    assert [(o.verdict, o.reason) for o in found] == [(Verdict.INCONCLUSIVE, "it went no further")]


def test_the_gravest_verdict_counts() -> None:
    order = [Verdict.FAIL, Verdict.WARN, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_JUDGED]
    for place, grave in enumerate(order):
        others = [Outcome(RULE, "x", v) for v in (*order[place:], Verdict.NOT_APPLICABLE)]
        assert judged(others) == judged(reversed(others)) == {RULE: grave}


@pytest.mark.long
async def test_the_laws_of_all_answers_are_those_that_are_listed() -> None:
    """`coverage` names what every answer is looked at for; here it is what a run has looked at."""
    async with launched(None, inbox=300, max_wait=4) as home:
        made = await runner.run(Options(home.url, mode="selftest"), SPEC)
    bad = [(o.requirement, o.check, o.got) for o in made.outcomes if o.verdict is Verdict.FAIL]
    assert not bad
    laws = {o.requirement for o in made.outcomes if o.check == "every answer"}
    assert laws == set(coverage.ANSWERS)
    assert await asyncio.to_thread(runner.spec_digest, SPEC) == made.spec_digest


async def test_a_run_may_end_soon_after_a_failure() -> None:
    async with launched("row-asks-no-head", inbox=300, max_wait=4) as home:
        made = await runner.run(Options(home.url, mode="selftest", fail_fast=True), SPEC)
    assert Verdict.FAIL in {o.verdict for o in made.outcomes}
    assert not made.transitions, "it walked on"
    left = [o for o in made.outcomes if "--fail-fast" in o.reason]
    assert {o.verdict for o in left} == {Verdict.INCONCLUSIVE}


async def test_a_home_that_does_not_answer_is_given_up() -> None:
    made, session = Run("http://127.0.0.1:1", profiles=("core",)), nobody()
    session.target.count("unanswered", runner._SILENT)
    await runner._Work(Options("", mode="quick"), session, made, Progress()).all()
    await session.target.session.close()
    assert {o.verdict for o in made.outcomes} == {Verdict.INCONCLUSIVE}
    assert {o.reason for o in made.outcomes} == {f"given up: {runner._SILENT} requests were not answered"}
    assert "requests" not in session.target.numbers


async def test_what_waits_long_does_so_beside_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    done = asyncio.Event()

    async def patient(one: Lab) -> None:
        await asyncio.wait_for(done.wait(), 20)
        one.holds(RULE, True, "right")

    async def nothing(work: runner._Work) -> None: ...

    async def bulk(work: runner._Work) -> None:
        done.set()

    monkeypatch.setattr(runner._Work, "bulk", bulk)
    monkeypatch.setattr(runner._Work, "walk", nothing)
    made, session = Run("http://127.0.0.1:1", profiles=("core",)), nobody()
    waits = lab.Check("waits", (RULE,), "core", patient, patient=True)
    monkeypatch.setattr(runner, "of_profiles", lambda profiles, quick: [waits])
    await runner._Work(Options(""), session, made, Progress()).all()
    await session.target.session.close()
    assert [(o.check, o.verdict) for o in made.outcomes] == [("waits", Verdict.PASS)]
