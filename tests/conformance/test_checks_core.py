"""The checks of the core and of terms: the reference passes them, and a broken home fails them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from conformance.checks import (
    http,
    keys,
    order,
    polls,
    privacy,
    problems,
    races,
    records,
    requests,
    terms,
    threads,
    timed,
)
from conformance.lab import CHECKS, Check, Lab, run_check
from conformance.results import Failed, Inconclusive, Outcome, Verdict
from conformance.session import Origins, Session
from conformance.target import open_target
from tests.broken.launch import Launcher, launched
from vrmproto import spec as specs

# A body beyond the limit is sent in one piece.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

SPEC = specs.load()
LAUNCHER = Launcher()
PAGES = (http, keys, order, polls, privacy, problems, races, records, requests, terms, threads, timed)
MODULES = {page.__name__ for page in PAGES}
OWN = [c for c in CHECKS.values() if c.work.__module__ in MODULES]
QUICK = [c for c in OWN if not c.slow]

JUDGED = {
    *(f"VRM-HOM-{n:03}" for n in (*range(1, 7), *range(8, 31), *range(32, 38))),
    *(f"VRM-ID-{n:03}" for n in (3, 11, 13, 14, 15, 16, 22)),
    *(f"VRM-ENV-{n:03}" for n in (*range(22, 27), 33, 36)),
    *(f"VRM-REC-{n:03}" for n in (*range(1, 9), 15)),
    *(f"VRM-TRM-{n:03}" for n in (9, 10, 11, 15, 16, 17, 18)),
    *(f"VRM-THR-{n:03}" for n in (2, 6, *range(13, 21), 22, 23)),
    *(f"VRM-PRV-{n:03}" for n in (2, 3)),
}

BREAKS = {
    "VRM-ENV-022": "repeat-gets-202",
    "VRM-ENV-023": "repeat-is-delivered-again",
    "VRM-ENV-024": "repeat-without-a-signature",
    "VRM-ENV-025": "any-addressee",
    "VRM-ENV-026": "addressees-fetched",
    "VRM-ENV-033": "unknown-extensions-refused",
    "VRM-ENV-036": "body-before-signature",
    "VRM-HOM-001": "limits-missing",
    "VRM-HOM-002": "issuer-from-host",
    "VRM-HOM-003": "no-etag",
    "VRM-HOM-004": "a-type-is-not-listed",
    "VRM-HOM-005": "any-media-type",
    "VRM-HOM-006": "first-answer-is-200",
    "VRM-HOM-008": "cut-off-at-the-limit",
    "VRM-HOM-010": "receipt-for-the-home",
    "VRM-HOM-011": "numbers-from-zero",
    "VRM-HOM-012": "prior-is-the-first",
    "VRM-HOM-013": "key-of-the-home",
    "VRM-HOM-014": "clock-goes-back",
    "VRM-HOM-015": "request-for-another-home",
    "VRM-HOM-016": "requests-for-a-day",
    "VRM-HOM-017": "requests-are-messages",
    "VRM-HOM-018": "everybody-reads",
    "VRM-HOM-019": "inbox-in-another-order",
    "VRM-HOM-020": "delivered-once",
    "VRM-HOM-021": "acknowledged-and-gone",
    "VRM-HOM-022": "max-events-not-looked-at",
    "VRM-HOM-023": "polls-never-wait",
    "VRM-HOM-024": "inbox-without-a-bound",
    "VRM-HOM-025": "from-is-exclusive",
    "VRM-HOM-026": "checkpoint-for-the-sender",
    "VRM-HOM-027": "keys-of-the-home-only",
    "VRM-HOM-028": "threads-by-their-ids",
    "VRM-HOM-029": "problems-as-json",
    "VRM-HOM-030": "crashes-on-json",
    "VRM-HOM-032": "unknown-paths-are-bare",
    "VRM-HOM-033": "no-cors-on-problems",
    "VRM-HOM-035": "no-schemas",
    "VRM-HOM-036": "methods-not-told",
    "VRM-HOM-037": "manifest-instead",
    "VRM-ID-003": "schema-any-http",
    "VRM-ID-011": "any-issuer",
    "VRM-ID-013": "fetched-every-two-seconds",
    "VRM-ID-016": "redirects-followed",
    "VRM-ID-022": "rotation-to-an-origin",
    "VRM-PRV-002": "bodies-echoed",
    "VRM-PRV-003": "threads-of-others-are-forbidden",
    "VRM-REC-001": "record-for-the-first-party",
    "VRM-REC-002": "record-without-the-proffer",
    "VRM-REC-003": "executed-when-it-was-signed",
    "VRM-REC-004": "parties-swapped",
    "VRM-REC-005": "manifest-of-the-record-written-anew",
    "VRM-REC-006": "record-without-the-home-key",
    "VRM-REC-007": "record-always-agreed",
    "VRM-REC-008": "record-ends-with-its-agreement",
    "VRM-REC-015": "record-of-keys-from-nowhere",
    "VRM-THR-002": "strangers-are-forbidden",
    "VRM-THR-006": "late-is-a-conflict",
    "VRM-THR-013": "head-asked-of-all",
    "VRM-THR-014": "exit-needs-prev",
    "VRM-THR-015": "a-second-of-grace",
    "VRM-THR-016": "refusals-leave-a-trace",
    "VRM-THR-017": "deadline-a-second-late",
    "VRM-THR-018": "reads-show-the-last-message",
    "VRM-THR-019": "deadline-before-all",
    "VRM-THR-020": "row-alternative-counted-from-the-proffer",
    "VRM-THR-022": "a-minute-at-least",
    "VRM-THR-023": "exit-stopped-by-a-full-inbox",
    "VRM-TRM-009": "proffer-ends-the-alternative",
    "VRM-TRM-010": "first-party-cannot-terminate-late",
    "VRM-TRM-011": "nothing-superseded",
    "VRM-TRM-015": "layers-not-looked-at",
    "VRM-TRM-016": "manifests-written-anew",
    "VRM-TRM-017": "texts-with-other-line-ends",
    "VRM-TRM-018": "myterms-differ",
}
"""A requirement, and a home that breaks it."""


@asynccontextmanager
async def visited(name: str | None = None, **options: Any) -> AsyncIterator[Session]:
    """A session at a home by its id in the manifest of broken homes; None is the reference."""
    async with launched(name, LAUNCHER, **options) as home, aiohttp.ClientSession() as client:
        origins = Origins()
        try:
            yield Session(await open_target(home.url, SPEC, client), origins)
        finally:
            await origins.close()


async def found(session: Session, checks: Iterable[Check], lanes: int = 16) -> list[Outcome]:
    """What checks find, so many at a time."""
    gate = asyncio.Semaphore(lanes)

    async def one(check: Check) -> list[Outcome]:
        async with gate:
            return await run_check(session, check)

    return [outcome for part in await asyncio.gather(*map(one, checks)) for outcome in part]


def told(outcomes: Iterable[Outcome]) -> list[str]:
    return [f"{o.verdict} {o.requirement} {o.check}: {o.expected} {o.got} {o.reason}" for o in outcomes]


def test_every_requirement_has_a_check():
    assert {name for check in OWN for name in check.requirements} == JUDGED
    assert set(BREAKS) <= JUDGED
    assert all(check.work.__doc__ for check in OWN)


async def test_the_reference_passes():
    """Every check to its end: what is held before a check cannot go on would be green all the same."""
    gate = asyncio.Semaphore(16)
    broken: list[str] = []

    async def through(session: Session, check: Check) -> None:
        lab = Lab(session, check.name)
        async with gate:
            try:
                await check.work(lab)
            except (Failed, Inconclusive) as error:
                broken.append(f"{check.name}: {error}")
        if lab.held < set(check.requirements):
            broken.append(f"{check.name}: has not judged {set(check.requirements) - lab.held}")

    async with visited(inbox=40, max_wait=2) as session:
        await asyncio.gather(*(through(session, check) for check in QUICK))
        assert broken == []
        assert told(session.target.broken) == []


async def test_broken_homes_fail():
    survivors: list[str] = []
    gate = asyncio.Semaphore(5)

    async def one(requirement: str, name: str) -> None:
        async with gate, visited(name, inbox=40, max_wait=3) as session:
            outcomes: list[Outcome] = []
            for check in QUICK:
                if requirement in check.requirements:
                    outcomes += await found(session, [check])
                    if any(o.verdict is Verdict.FAIL and o.requirement == requirement for o in outcomes):
                        return
            survivors.append(f"{requirement} {name}: {told(outcomes)}")

    await asyncio.gather(*(one(*pair) for pair in BREAKS.items()))
    assert survivors == []


async def test_what_is_of_now_is_of_any_second_between_question_and_answer(monkeypatch):
    """An answer that takes four seconds says what was so when it was made."""
    right = aiohttp.ClientResponse.start

    async def slow(self: aiohttp.ClientResponse, connection: Any) -> aiohttp.ClientResponse:
        started = await right(self, connection)
        if self.url.query.get("limit") == "200":
            await asyncio.sleep(4)
        return started

    monkeypatch.setattr(aiohttp.ClientResponse, "start", slow)
    check = next(c for c in OWN if c.work is threads.a_thread_is_read_page_by_page)
    async with visited() as session:
        assert [o.verdict for o in await found(session, [check])] == [Verdict.PASS] * 3


async def test_a_poll_that_waits_too_long():
    slow = [check for check in OWN if check.work is polls.a_waiting_poll_ends_empty]
    async with visited("polls-wait-twice-as-long", max_wait=2) as broken, visited(max_wait=2) as right:
        wrong, good = await asyncio.gather(found(broken, slow), found(right, slow))
    assert [o.verdict for o in good] == [Verdict.PASS]
    assert [o.verdict for o in wrong] == [Verdict.FAIL]
