"""What walks have found becomes a conversation that is nearly as short as it can be."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest

from conformance import walks
from conformance.minimise import length, minimise, without
from conformance.player import replay
from conformance.traces import Step, Trace, from_json, message
from tests.conformance.test_walks import BUGS, failures, running, session, told

SHORTEST = {
    "two-win-a-race": 5,  # publish, offer, offer, accept, accept
    "lapsed-offer-revives": 7,  # publish, offer, offer, accept, confirm, cancel, a look at the other
    "orphaned-not-applied": 4,  # publish, offer, withdraw the intent, a look
    "filled-not-applied": 6,  # publish, offer, offer, accept, confirm, a look
    "accepted-lapses-with-the-intent": 5,  # publish, offer, accept, withdraw the intent, a look
    "version-not-asked-for": 2,  # publish, offer
    "withdrawn-offers-forgotten": 4,  # publish, offer, withdraw it, offer
    "old-offer-accepted": 3,  # publish, offer, accept another
    "purge-counted-from-now": 4,  # publish, offer, withdraw the intent, a look after a while
    "amendment-fills-nothing": 7,  # publish, offer, offer, accept, confirm, amend, a look
    "acceptance-without-head": 4,  # publish, offer, message, accept
    "introduction-unproved": 4,  # publish, offer, accept, introduce
    "paused-intent-takes-offers": 3,  # publish, pause, offer
    "purged-vendors-told": 6,  # publish, offer, withdraw it, attest, pause, a poll
    "introduction-rebinds-the-pair": 6,  # publish, offer, accept, terms, introduce, a look at the terms
    "inbox-kept-after-a-purge": 5,  # publish, offer, decline, attest, a poll
    "purge-frees-the-place": 7,  # publish, offer, accept, confirm, fulfil, attest, offer
    "full-intent-takes-offers": 5,  # publish, offer, accept, confirm, offer
    "field-of-another-purpose": 4,  # publish, offer, accept, release
    "prices-of-another-currency": 2,  # publish, offer
    "files-never-put": 1,  # publish; of the others see LATER
}
LATER = {"intent.amend": 2, "offer.make": 2, "offer.revise": 3, "disclosure.release": 4}
"""Files that were never put may be named in any of these, which a conversation of this length reaches."""
QUICK = ("lapsed-offer-revives", "purge-counted-from-now")
SECONDS = 40
"""For a hunt, which ends as soon as it has found what it looks for."""


async def hunted(name: str, seed: int = 1) -> list[tuple[int, int, Trace]]:
    """Of each failure of a home with a seeded bug: its steps before and after, and what is left."""
    made = []
    with running(name) as (url, data):
        async with session(url, data) as one:
            profiles = one.target.claimed
            report = await walks.run(one, seed=seed, seconds=SECONDS, profiles=profiles, sought=BUGS[name])
            failed = failures(report.outcomes)
            assert {outcome.requirement for outcome in failed} & BUGS[name], told(report)
            for outcome in failed:
                assert outcome.replay is not None
                trace = from_json(json.loads(json.dumps(outcome.replay)))
                began = time.monotonic()
                shorter = await minimise(one, trace)
                assert time.monotonic() - began < 16
                deviation, _ = await replay(one, shorter)
                assert deviation is not None
                assert from_json(json.loads(json.dumps(shorter.to_json()))) == shorter
                made.append((length(trace), length(shorter), shorter))
    return made


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in SHORTEST]
)
async def test_a_seeded_bug_is_found_and_told_shortly(name: str) -> None:
    made = await hunted(name)
    shortest = min(made, key=lambda one: one[1])
    said = next((t for t in LATER if name == "files-never-put" and t in shortest[2].steps[-1].about), "")
    known = LATER.get(said, SHORTEST[name])
    assert shortest[1] <= 1.5 * known, [(a, b, [s.about for s in t.steps]) for a, b, t in made]


async def test_what_fails_no_more_comes_back_as_it_was() -> None:
    parties: dict[str, dict[str, Any]] = {"ann": {"is": "person"}, "vic": {"is": "vendor", "known": True}}
    token = message("ann", "terms.proffer", {}, aud="${id:vic}")
    trace = Trace("nothing", "", (Step("send", "a", "ann", token),), parties)
    with running() as (url, data):
        async with session(url, data) as one:
            assert await minimise(one, trace) == trace


# --- without a home -----------------------------------------------------------------------------


def said(label: str, thid: str = "", prev: str = "", **claims: str) -> Step:
    where: dict[str, Any] = {"thid": f"${{mid:{thid}}}", "prev": f"${{mid:{prev}}}"} if thid else {}
    return Step("send", label, "ann", message("ann", "t.t", {}, aud="${id:vic}", **{**where, **claims}))


TRACE = Trace(
    "a trace",
    "",
    (
        said("open"),
        said("two", "open", "open"),
        said("three", "open", "two"),
        Step("inbox", by="ann", of="two,three"),
        said("other"),
        said("below", pthid="${mid:other}"),
        Step("state", by="ann", of="other"),
    ),
)


def labels(trace: Trace) -> list[str]:
    return [step.label or step.op for step in trace.steps]


def test_what_refers_to_a_message_that_is_gone_refers_to_the_one_before() -> None:
    shorter = without(TRACE, {1})
    assert labels(shorter) == ["open", "three", "inbox", "other", "below", "state"]
    assert shorter.steps[1].token is not None
    assert '"prev":"${mid:open}"' in shorter.steps[1].token.payload
    assert shorter.steps[2].of == "three"


def test_a_thread_goes_with_its_first_message() -> None:
    assert labels(without(TRACE, {0})) == ["inbox", "other", "below", "state"]
    assert labels(without(TRACE, {4})) == ["open", "two", "three", "inbox"]


def test_waiting_is_no_step() -> None:
    assert length(dataclasses.replace(TRACE, steps=(*TRACE.steps, Step("wait", seconds=3)))) == 7
