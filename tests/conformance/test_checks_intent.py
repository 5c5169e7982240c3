"""The checks of intents, offers, boards and blobs: what is right passes them, what is broken fails them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance import jose
from conformance.checks import (
    blobs,
    boards,
    feeds,
    intents,
    market_races,
    market_timed,
    offers,
    purges,
)
from conformance.lab import CHECKS, Check, run_check
from conformance.results import Outcome, Verdict
from conformance.session import Origins, Session
from conformance.target import open_target
from tests.broken.launch import Launcher, launched
from vrmproto import spec as specs

# A blob beyond the limit is sent in one piece.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

SPEC = specs.load()
LAUNCHER = Launcher()
MODULES = {m.__name__ for m in (blobs, boards, feeds, intents, market_races, market_timed, offers, purges)}
OWN = [c for c in CHECKS.values() if c.work.__module__ in MODULES]
RACES = [c for c in OWN if c.work.__module__ == market_races.__name__]

JUDGED = {
    *(f"VRM-BLB-{n:03}" for n in (1, 2, 3, 5, 6, 7, 8)),
    *(f"VRM-BRD-{n:03}" for n in range(1, 20)),
    *(f"VRM-INT-{n:03}" for n in (3, *range(7, 15))),
    *(f"VRM-OFR-{n:03}" for n in (*range(1, 15), 17, *range(20, 28), 30, 31)),
    *(f"VRM-THR-{n:03}" for n in (15, 18, 19)),
}


def lent(jwk: Mapping[str, str]) -> jose.Key:
    """The operator's key, from the home's own folder."""
    public = {name: jwk[name] for name in ("crv", "kty", "x", "y") if name in jwk}
    secret = jose.decode(jwk["d"])
    if jwk["kty"] == "OKP":
        return jose.Key("Ed25519", public, Ed25519PrivateKey.from_private_bytes(secret))
    return jose.Key("ES256", public, ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1()))


@asynccontextmanager
async def visited(name: str | None = None, **options: str) -> AsyncIterator[Session]:
    """A session at a home by its id in the manifest of broken homes; None is the reference."""
    async with launched(name, LAUNCHER, **options) as home, aiohttp.ClientSession() as client:
        origins = Origins()
        target = await open_target(home.url, SPEC, client)
        try:
            yield Session(target, origins, lent(home.operator_keys[0]))
        finally:
            await origins.close()


async def found(session: Session, checks: Iterable[Check]) -> list[Outcome]:
    """What checks find, as many at a time as in a run."""
    lanes = asyncio.Semaphore(16)

    async def one(check: Check) -> list[Outcome]:
        async with lanes:
            return await run_check(session, check)

    return [o for some in await asyncio.gather(*map(one, checks)) for o in some]


def passed(outcomes: Iterable[Outcome]) -> set[str]:
    """All are green; the requirements that they judge."""
    wrong = [
        (o.requirement, o.check, o.verdict, o.expected, o.got, o.reason)
        for o in outcomes
        if o.verdict is not Verdict.PASS
    ]
    assert wrong == []
    return {o.requirement for o in outcomes}


def test_what_is_judged() -> None:
    assert {r for c in OWN for r in c.requirements} == JUDGED
    assert {c.profile for c in OWN} == {"intent"}
    assert all((c.work.__doc__ or "").strip() for c in OWN)
    assert RACES


async def test_the_reference_passes() -> None:
    """All but the races; those that wait do so beside the others."""
    async with visited() as session:
        outcomes = await found(session, [c for c in OWN if c not in RACES])
        assert passed(outcomes) >= JUDGED - {"VRM-THR-015"}
        assert [(o.requirement, o.expected, o.got) for o in session.target.broken] == []


async def test_the_reference_passes_races(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_races, "TRIES", 4)
    async with visited() as session:
        passed(await found(session, RACES))
        assert session.target.broken == []


@pytest.mark.parametrize("name", ["short-pages", "es256"])
async def test_a_home_that_differs_and_is_right_passes(name: str) -> None:
    async with visited(name) as session:
        passed(await found(session, [c for c in OWN if not c.slow]))
        assert session.target.broken == []


async def test_what_cannot_be_judged_says_what_it_needs() -> None:
    async with visited(boards="intents") as session:
        alone = replace(session, operator=None, origins=None)
        names = (
            "the-operator-takes-a-thread-off-its-board",
            "a-removal-is-told-in-every-poll-until-it-is-acknowledged",
            "a-signed-board-is-read-with-a-valid-signature-only",
            "an-organisation-offers-where-others-may-not",
        )
        outcomes = await found(alone, [CHECKS[name] for name in names])
        assert {o.verdict for o in outcomes} == {Verdict.NOT_JUDGED}
        assert {o.reason for o in outcomes} == {
            "needs: operator",
            "needs: a signed board",
            "needs: origin",
        }


BROKEN = """
VRM-BLB-001 blobs-by-any-name bytes-of-another-digest-are-refused
VRM-BLB-002 blobs-one-byte-short a-blob-at-the-limit-is-taken-and-one-byte-more-is-not
VRM-BLB-003 blobs-read-once a-blob-is-kept-for-everyone-who-has-put-it
VRM-BLB-005 blobs-for-their-uploader a-blob-of-an-offer-is-for-its-two-parties
VRM-BLB-005 blobs-of-others-forbidden a-blob-is-kept-for-everyone-who-has-put-it
VRM-BLB-006 blobs-after-a-purge a-purge-takes-the-blobs-of-the-thread-from-the-vendor
VRM-BLB-007 blobs-sniffed a-blob-is-served-for-download-and-without-sniffing
VRM-BRD-001 access-not-listed discovery-lists-boards-and-each-is-there
VRM-BRD-002 public-boards-signed what-is-open-is-read-page-by-page-by-anybody
VRM-BRD-003 signed-boards-public a-signed-board-is-read-with-a-valid-signature-only
VRM-BRD-004 positions-as-text what-is-open-is-read-page-by-page-by-anybody
VRM-BRD-005 youngest-not-shown what-is-open-is-read-page-by-page-by-anybody
VRM-BRD-006 last-change-again every-change-is-shown-once-and-in-order
VRM-BRD-007 late-commits whoever-reads-while-many-publish-misses-nothing
VRM-BRD-008 ends-are-all-alike an-end-by-a-message-is-shown-as-what-it-is
VRM-BRD-009 resumed-as-it-was-published every-change-is-shown-once-and-in-order
VRM-BRD-010 never-more changes-between-two-pages-are-neither-lost-nor-doubled
VRM-BRD-011 pages-of-one-more what-is-open-is-read-page-by-page-by-anybody
VRM-BRD-012 regions-by-their-letters a-region-matches-what-lies-within-it
VRM-BRD-012 languages-by-their-case a-language-matches-what-begins-with-it-and-a-hyphen
VRM-BRD-013 leaving-a-filter-not-shown a-change-that-leaves-a-filter-is-an-end-there
VRM-BRD-014 cursors-of-any-filter a-cursor-is-of-one-board-and-its-filters
VRM-BRD-016 intents-of-others a-thread-on-a-board-is-read-by-everyone-who-signs
VRM-BRD-017 state-open-not-removable the-operator-takes-a-thread-off-its-board
VRM-BRD-018 removal-told-once a-removal-is-told-in-every-poll-until-it-is-acknowledged
VRM-BRD-019 filters-of-any-form a-filter-of-another-form-is-refused
VRM-INT-003 budget-asked-for an-intent-that-tells-no-budget-is-taken
VRM-INT-007 versions-may-be-skipped an-amendment-has-the-next-version
VRM-INT-008 schema-amend-with-purge-within an-amendment-changes-no-terms
VRM-INT-009 amendment-makes-offers-stale an-amendment-leaves-earlier-offers-as-they-are
VRM-INT-010 state-offered-not-orphaned the-end-of-an-intent-ends-what-is-only-offered
VRM-INT-011 filled-by-an-acceptance a-filled-intent-ends-what-is-only-offered
VRM-INT-012 lapsed-offers-revive a-filled-intent-ends-what-is-only-offered
VRM-INT-013 open-offers-told every-vendor-with-an-offer-is-told-of-its-intent-once
VRM-OFR-002 state-fulfilled-frees-its-place a-filled-intent-takes-no-offers
VRM-OFR-007 withdrawn-offers-forgotten offers-are-counted-for-good
VRM-OFR-009 offer-revise-without-offer-rules prices-are-in-the-currency-of-the-total
VRM-OFR-013 state-cancelled-keeps-its-place places-are-held-freed-and-kept
VRM-OFR-014 state-purged-frees-its-place places-are-held-freed-and-kept
VRM-OFR-020 introduction-by-another-thread an-introduction-needs-a-proof-by-the-other-identifier
VRM-OFR-021 introduction-leaves-the-inbox an-introduction-rebinds-one-thread
VRM-OFR-022 one-time-key-is-told an-introduction-rebinds-one-thread
VRM-OFR-023 one-time-addressee-still-taken an-introduction-rebinds-one-thread
VRM-OFR-024 purges-never-overdue a-purge-that-is-late-is-seen
VRM-OFR-025 tombstones-with-tokens a-purge-leaves-tombstones-to-the-vendor
VRM-OFR-026 inbox-kept-after-a-purge a-purge-leaves-tombstones-to-the-vendor
VRM-OFR-027 record-purged a-purge-leaves-tombstones-to-the-vendor
VRM-OFR-030 record-without-introductions the-record-of-an-offer-holds-what-proves-it
VRM-OFR-031 board-as-a-party the-record-of-an-offer-holds-what-proves-it
"""
CASES = [tuple(line.split()) for line in BROKEN.split("\n") if line]


@pytest.mark.parametrize(("requirement", "name", "check"), CASES, ids=[case[1] for case in CASES])
async def test_a_broken_home_fails(requirement: str, name: str, check: str) -> None:
    async with visited(name) as session:
        outcomes = await found(session, [CHECKS[check]])
        failed = [o for o in outcomes if o.verdict is Verdict.FAIL]
        assert [o.requirement for o in failed] == [requirement]
        assert failed[0].expected
        assert failed[0].conversation or requirement == "VRM-BRD-001"  # which is read before


def test_most_requirements_are_seen_to_fail() -> None:
    assert len(Counter(case[0] for case in CASES)) >= 25
