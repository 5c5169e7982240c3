"""Ladders: how far each agreement of the roster reaches, the one of the spec, and one of a vendor's own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from tests import forge
from tests.scenarios import relating
from tests.scenarios.market import Market, Thread, market
from tests.scenarios.relating import (
    LADDER,
    RUNGS,
    UNKNOWN,
    agreed,
    begin,
    begun,
    invite,
    ladder,
    put,
    rung,
    said,
    step,
    together,
)
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell
from tests.world import SPEC
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


# --- what each agreement reaches -----------------------------------------------------------------------

# returning subscriber profiled commenter contributor customer: + where a step from the foot is taken.
REACHED = {
    "SD-BASE": "++-+-+",
    "SD-BASE-DP": "++-+-+",
    "SD-BASE-A": "++-+++",
    "SD-BASE-A-DP": "++-+++",
    "SD-BASE-AT": "++-+++",
    "SD-BASE-AT-DP": "++-+++",
    "SD-BASE-ATP": "++++++",
    "SD-BASE-ATP-DP": "++++++",
    "SD-BASE-ATP-S3P": "++++++",
    "SD-BASE-ATP-S3P-DP": "++++++",
    "PDC-AI": "++-+-+",
    "PDC-GOOD": "++-+-+",
    "PDC-INTENT": "++-+-+",
}

DPV = "https://w3id.org/dpv#"
OURS = "https://w3id.org/vrmproto/1.0/purpose#"
CLAUSES = {
    "delivery": f"{DPV}RequestedServiceProvision",
    "analytics": f"{DPV}ServiceUsageAnalytics",
    "tracking": f"{DPV}TargetedAdvertising",
    "profiling": f"{DPV}PersonalisedAdvertising",
    "anonymised": f"{DPV}SellInsightsFromData",
    "thirdparty": f"{DPV}SellDataToThirdParties",
    "portability": f"{DPV}RightsFulfilment",
    "matching": f"{OURS}IntentMatching",
    "training": f"{OURS}AITrainingOperation",
    "good": f"{DPV}DataAltruism",
    "marketing": f"{DPV}DirectMarketing",
}
"""A rung for each clause, in this order, and one for a purpose that no clause rules."""

# The same for these rungs. What is optional is not within the agreement: it needs a consent of its own.
OWN = {
    "SD-BASE": "+----------",
    "SD-BASE-DP": "+-----+----",
    "SD-BASE-A": "++---------",
    "SD-BASE-A-DP": "++----+----",
    "SD-BASE-AT": "+++--------",
    "SD-BASE-AT-DP": "+++---+----",
    "SD-BASE-ATP": "++++-------",
    "SD-BASE-ATP-DP": "++++--+----",
    "SD-BASE-ATP-S3P": "+++++------",
    "SD-BASE-ATP-S3P-DP": "+++++-+----",
    "PDC-AI": "+-----+-+--",
    "PDC-GOOD": "+-----+--+-",
    "PDC-INTENT": "+-----++---",
}


def test_the_grids_have_every_agreement_and_tell_those_of_the_roster_apart() -> None:
    names = {agreement.id for agreement in SPEC.roster.agreements.values()}
    assert set(REACHED) == set(OWN) == names
    assert all(len(row) == len(RUNGS) - 1 for row in REACHED.values())
    assert all(len(row) == len(CLAUSES) for row in OWN.values())
    for one, other in itertools.combinations(OWN, 2):
        assert OWN[one] != OWN[other]


async def walked(m: Market, thread: Thread, digest: str, stages: Iterable[str]) -> str:
    """Whether a step to each rung is taken from the foot of the ladder."""
    found = ""
    for stage in stages:
        reply = await step(m, thread, stage, ladder=digest)
        if reply.status != 202:
            refused(reply, "step-forbidden", "VRM-LAD-007")
        found += "+" if reply.status == 202 else "-"
        said(await relating.retreat(m, thread, "foot"), "open")
    return found


@pytest.mark.parametrize("name", REACHED)
async def test_what_an_agreement_reaches_on_the_ladder_of_the_spec(name: str) -> None:
    async with market(vendors=1) as m:
        thread = await together(m, name)
        assert await walked(m, thread, LADDER, RUNGS[1:]) == REACHED[name]


@pytest.mark.parametrize("name", OWN)
async def test_what_an_agreement_reaches_on_a_ladder_with_a_rung_for_each_clause(name: str) -> None:
    own = ladder(rung("foot"), *(rung(stage, purpose) for stage, purpose in CLAUSES.items()))
    async with market(vendors=1) as m:
        terms = await agreed(m, name)
        digest = await put(m, terms.first, own)
        thread = await begun(m, terms, ladder=digest)
        assert await walked(m, thread, digest, CLAUSES) == OWN[name]


SD = [name for name in REACHED if name.startswith("SD")]
APART = [
    (wide, narrow, stage)
    for wide, narrow in itertools.permutations(SD, 2)
    for stage, one, other in zip(RUNGS[1:], REACHED[wide], REACHED[narrow], strict=True)
    if (one, other) == ("+", "-")
]


def test_so_many_pairs_of_agreements_are_told_apart_by_a_rung() -> None:
    assert len({(wide, narrow) for wide, narrow, _ in APART}) == 32
    assert {stage for *_, stage in APART} == {"profiled", "contributor"}


@pytest.mark.parametrize(("wide", "narrow", "stage"), APART)
async def test_one_agreement_allows_the_step_that_another_refuses(wide: str, narrow: str, stage: str) -> None:
    """Whichever is in force, the other one having been superseded by it."""
    async with market(vendors=1) as m:
        thread = await together(m, narrow)
        refused(await step(m, thread, stage), "step-forbidden", "VRM-LAD-007")
        more = await agreed(m, wide, thread.first)
        refused(await step(m, thread, stage), "agreement-not-live", "VRM-REL-001")
        said(await step(m, thread, stage, more), "open")
        refused(await invite(m, thread, stage, under=more), "step-forbidden", "VRM-LAD-009")
        less = await agreed(m, narrow, thread.first)
        refused(await step(m, thread, stage, less), "step-forbidden", "VRM-LAD-007")
        # She is invited there again: the rung that judges has fallen below it.
        said(await invite(m, thread, stage, under=less), "invited")


# Where she has gone to under an agreement that reaches all of it, and the rung that judges under another.
JUDGED = [
    ("SD-BASE", "profiled", "subscriber"),
    ("SD-BASE", "commenter", "commenter"),
    ("SD-BASE", "contributor", "commenter"),
    ("SD-BASE", "customer", "customer"),
    ("SD-BASE-A", "profiled", "subscriber"),
    ("SD-BASE-A", "contributor", "contributor"),
    ("SD-BASE-AT-DP", "profiled", "subscriber"),
    ("SD-BASE-ATP-DP", "profiled", "profiled"),
    ("SD-BASE-ATP-S3P", "contributor", "contributor"),
]


@pytest.mark.parametrize(("name", "gone", "judged"), JUDGED)
async def test_the_rung_that_judges_is_the_highest_one_reached(name: str, gone: str, judged: str) -> None:
    async with market(vendors=1) as m:
        thread = await together(m, "SD-BASE-ATP-S3P-DP", gone)
        narrow = await agreed(m, name, thread.first)
        following = (*RUNGS, None)[RUNGS.index(judged) + 1]
        for stage in (*RUNGS, "owner"):
            reply = await invite(m, thread, stage, under=narrow)
            if stage == following:
                said(reply, "invited")
                said(await relating.pause(m, thread), "paused")
                said(await relating.resume(m, thread), "open")
            else:
                refused(reply, "step-forbidden", "VRM-LAD-009")
        for stage in RUNGS[: RUNGS.index(judged) + 1]:
            refused(await step(m, thread, stage, narrow), "step-forbidden", "VRM-LAD-006")


# --- the ladder of the spec ----------------------------------------------------------------------------


async def test_the_ladder_of_the_spec_is_served_under_its_digest() -> None:
    async with market(vendors=0) as m:
        found = (await m.world.get("/.well-known/vrm-configuration")).document
        assert found["ladder"]["digest"] == LADDER
        reply = await m.world.get(found["ladder"]["url"].removeprefix(m.world.origin))
        assert (reply.status, forge.digest(reply.body)) == (200, LADDER)
        assert SPEC.faults("documents/ladder.json", reply.document) == []
        assert tuple(one["stage"] for one in reply.document["rungs"]) == RUNGS


# --- one of a vendor's own -----------------------------------------------------------------------------


@scenario()
async def a_ladder_of_ones_own_is_in_force_until_a_step_names_another(m: Market) -> None:
    thread = await together(m, stage="customer")
    anna, vendor = thread.first, m.vendors[0]
    own = ladder(rung("guest"), rung("friend", asks=("Hobby",)), rung("kin"), name="warm")
    digest = forge.digest(own)
    refused(await step(m, thread, "friend", ladder=digest), "ladder-unknown", "VRM-LAD-001")
    # It is not enough that the vendor has put it: she names what she has put herself.
    assert await put(m, vendor, own) == digest
    refused(await step(m, thread, "friend", ladder=digest), "ladder-unknown", "VRM-LAD-001")
    assert await put(m, anna, own) == digest
    refused(await step(m, thread, "subscriber", ladder=digest), "step-forbidden", "VRM-LAD-006")
    refused(await step(m, thread, "guest", ladder=digest), "step-forbidden", "VRM-LAD-006")
    # A refused step changes no ladder. The own one lacks her rung: she comes from its foot.
    refused(await invite(m, thread, "friend"), "step-forbidden", "VRM-LAD-009")
    said(await step(m, thread, "friend", ladder=digest), "open")
    refused(await invite(m, thread, "subscriber"), "step-forbidden", "VRM-LAD-009")
    refused(await invite(m, thread, "kin", "Hobby"), "stage-forbids", "VRM-LAD-011")
    m.world.clock.forward(3601)
    # It stays in force beyond the hour, and may be named anew.
    said(await invite(m, thread, "kin"), "invited")
    said(await step(m, thread, "kin", ladder=digest), "open")
    said(await relating.retreat(m, thread, "customer"), "open")
    said(await step(m, thread, "friend", ladder=digest), "open")
    for reader in (anna, vendor):
        assert (await reader.read(f"/v1/blobs/{digest}")).body == own
    said(await step(m, thread, "subscriber", ladder=LADDER), "open")
    said(await invite(m, thread, "profiled"), "invited")
    # Once another is in force it is as unknown as before, until it is put again.
    refused(await step(m, thread, "kin", ladder=digest), "ladder-unknown", "VRM-LAD-001")
    await put(m, anna, own)
    said(await step(m, thread, "kin", ladder=digest), "open")
    said(await step(m, thread, "customer"), "open")


@scenario()
async def a_relationship_begins_on_a_ladder_of_ones_own(m: Market) -> None:
    terms = await agreed(m, "SD-BASE")
    own = ladder(
        rung("guest", f"{DPV}DirectMarketing"),
        rung("friend", CLAUSES["analytics"], silent=True),
        rung("kin", CLAUSES["delivery"], CLAUSES["profiling"]),
    )
    refused((await begin(m, terms, ladder=forge.digest(own)))[1], "ladder-unknown", "VRM-LAD-001")
    thread = await begun(m, terms, ladder=await put(m, terms.first, own))
    digest = forge.digest(own)
    # The foot is the foot, whatever it needs; all purposes of a rung have to be within the agreement.
    said(await invite(m, thread, "friend"), "invited")
    refused(await step(m, thread, "friend", ladder=digest), "step-forbidden", "VRM-LAD-007")
    refused(await step(m, thread, "kin", ladder=digest), "step-forbidden", "VRM-LAD-007")
    wide = await agreed(m, "SD-BASE-ATP", terms.first)
    said(await step(m, thread, "friend", wide, ladder=digest), "open")
    refused(await invite(m, thread, "kin", under=wide), "stage-forbids", "VRM-LAD-010")
    said(await step(m, thread, "kin", wide, ladder=digest), "open")
    refused(await invite(m, thread, "friend", under=wide), "step-forbidden", "VRM-LAD-009")


@scenario()
async def what_is_no_ladder_is_none(m: Market) -> None:
    thread = await together(m)
    for data in (b"a picture", b"[]", b'{"id": "x"}', ladder(rung("a"))[:-1], b'{"a": 1, "a": 2}'):
        await m.put(thread.first, data)
        reply = await step(m, thread, "returning", ladder=forge.digest(data))
        refused(reply, "ladder-unknown", "VRM-LAD-001")
    refused(await step(m, thread, "returning", ladder=UNKNOWN), "ladder-unknown", "VRM-LAD-001")
    one = await put(m, thread.first, ladder(rung("only")))
    refused(await step(m, thread, "only", ladder=one), "step-forbidden", "VRM-LAD-006")
    late = await put(m, thread.first, ladder(rung("low"), rung("high")))
    m.world.clock.forward(3601)
    refused(await step(m, thread, "high", ladder=late), "ladder-unknown", "VRM-LAD-001")


@scenario()
async def an_attested_end_hides_its_ladder_too(m: Market) -> None:
    terms = await agreed(m)
    own = ladder(rung("guest"), rung("friend"))
    digest = await put(m, terms.first, own)
    thread = await begun(m, terms, ladder=digest)
    path = f"/v1/blobs/{digest}"
    said(await relating.end(m, thread), "ended")
    assert (await m.vendors[0].read(path)).body == own
    said(await relating.attest(m, thread), "closed")
    m.saw("tombstones of relationship", "refuses", await m.vendors[0].read(path))
    assert (await terms.first.read(path)).body == own
