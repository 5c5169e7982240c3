"""Consents: what needs one, what none can allow, how long it holds, and what is left when it ends."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.scenarios import below, relating
from tests.scenarios.below import (
    ANALYTICS,
    BENEFITS,
    DAY,
    DPV,
    MARKETING,
    SELLING,
    ask,
    asked,
    consented,
    grant,
    narrow,
    propagated,
    renew,
    simply,
    want,
    withdraw,
    word,
)
from tests.scenarios.market import CARE, Market, market
from tests.scenarios.relating import agreed, at, begun, invite, rung, said, step, together
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell
from tests.scenarios.test_preferences import moved
from tests.world import SPEC, Reply, running
from vrmproto import consent_records, timing
from vrmproto.storage.base import Store
from vrmproto.storage.sqlite import SqliteStore

STORIES: list[Scenario] = []
scenario = telling(STORIES)


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


# --- agreement x purpose -------------------------------------------------------------------------------

IEEE = "https://w3id.org/dpv/standards/ieee/7012#"
OURS = "https://w3id.org/vrmproto/1.0/purpose#"
PURPOSES = [
    f"{IEEE}ServiceDelivery",
    f"{DPV}RequestedServiceProvision",
    f"{DPV}CustomerOrderManagement",
    f"{DPV}PaymentManagement",
    f"{DPV}CommunicationForCustomerCare",
    f"{DPV}CustomerClaimsManagement",
    f"{DPV}ServiceUsageAnalytics",
    f"{IEEE}ServiceAnalytics",
    f"{DPV}ServiceOptimisation",
    f"{DPV}TargetedAdvertising",
    f"{DPV}ServicePersonalisation",
    f"{DPV}PersonalisedAdvertising",
    f"{DPV}ProvidePersonalisedRecommendations",
    f"{DPV}SellInsightsFromData",
    f"{DPV}SellDataToThirdParties",
    f"{DPV}RightsFulfilment",
    f"{OURS}IntentMatching",
    f"{OURS}AITrainingOperation",
    f"{DPV}DataAltruism",
    f"{DPV}DirectMarketing",
    f"{DPV}PersonalisedBenefits",
    f"{DPV}DataQualityManagement",
    f"{DPV}FraudPreventionAndDetection",
    f"{DPV}SellProducts",
]

# + allowed, ? with a consent, - prohibited. The columns are: delivery, analytics, tracking, profiling,
# anonymised, third parties, portability, matching, training, public good, and what no clause rules.
GRID = {
    "SD-BASE": "++++++ --- - --- - - ? ? ? ? ?????",
    "SD-BASE-DP": "++++++ --- - --- - - + ? ? ? ?????",
    "SD-BASE-A": "++++++ +++ - --- - - ? ? ? ? ?????",
    "SD-BASE-A-DP": "++++++ +++ - --- - - + ? ? ? ?????",
    "SD-BASE-AT": "++++++ +++ + --- - - ? ? ? ? ?????",
    "SD-BASE-AT-DP": "++++++ +++ + --- - - + ? ? ? ?????",
    "SD-BASE-ATP": "++++++ +++ + +++ - - ? ? ? ? ?????",
    "SD-BASE-ATP-DP": "++++++ +++ + +++ - - + ? ? ? ?????",
    "SD-BASE-ATP-S3P": "++++++ +++ + +++ + - ? ? ? ? ?????",
    "SD-BASE-ATP-S3P-DP": "++++++ +++ + +++ + - + ? ? ? ?????",
    "PDC-INTENT": "++++++ --- - --- - - + + ? ? ?????",
    "PDC-AI": "++++++ --- - --- - - + ? + ? ?????",
    "PDC-GOOD": "++++++ --- - --- - - + ? ? + ?????",
}


def cells(name: str) -> list[tuple[str, str]]:
    """Each purpose with its cell in the row of an agreement."""
    return list(zip(PURPOSES, GRID[name].replace(" ", ""), strict=True))


def test_the_grid_has_every_agreement_and_every_purpose() -> None:
    assert set(GRID) == {agreement.id for agreement in SPEC.roster.agreements.values()}
    assert set(PURPOSES) == set(SPEC.purposes)
    assert all(len(cells(name)) == 24 for name in GRID)


def apart(one: str, other: str) -> list[tuple[str, str, str]]:
    """The purposes of which two agreements say something else, each with what either says."""
    both = zip(cells(one), cells(other), strict=True)
    return [(purpose, mine, theirs) for (purpose, mine), (_, theirs) in both if mine != theirs]


def test_every_two_agreements_are_told_apart_by_a_purpose() -> None:
    """What one of them allows the other refuses, or makes depend on a consent."""
    pairs = list(itertools.combinations(GRID, 2))
    assert len(pairs) == 78
    for one, other in pairs:
        assert any("+" in (mine, theirs) for _, mine, theirs in apart(one, other))


ANSWERS = {
    "+": ("", ""),
    "?": ("consent-needed", "VRM-PUR-002"),
    "-": ("terms-prohibit", "VRM-PUR-001"),
}


def answered(reply: Reply, cell: str, purpose: str) -> None:
    code, rule = ANSWERS[cell]
    assert (reply.code, reply.document.get("requirement", "")) == (code, rule), purpose
    assert reply.status == (403 if code else 202)


@pytest.mark.parametrize("name", GRID)
async def test_what_an_agreement_allows_and_what_needs_a_consent(name: str) -> None:
    """Every purpose as a word and as a request; then again with a consent for half of those that need one."""
    async with market(vendors=1) as m:
        thread = await together(m, name, "customer")
        for purpose, cell in cells(name):
            answered((await word(m, thread, purpose=purpose))[1], cell, purpose)
            answered((await want(m, thread, purpose))[1], cell, purpose)
            if cell == "-":
                refused((await ask(m, thread, CARE, purpose))[1], "terms-prohibit", "VRM-CNS-001")
        open_ = [purpose for purpose, cell in cells(name) if cell == "?"]
        consent = await asked(m, thread, *open_)
        for purpose in open_:
            answered((await word(m, thread, purpose=purpose))[1], "?", purpose)
        said(await grant(m, consent, *open_[::2]), "granted")
        for n, purpose in enumerate(open_):
            answered((await word(m, thread, purpose=purpose))[1], "?" if n % 2 else "+", purpose)
            answered((await want(m, thread, purpose))[1], "?" if n % 2 else "+", purpose)
        said(await withdraw(m, consent), "withdrawn")
        for purpose in open_:
            answered((await word(m, thread, purpose=purpose))[1], "?", purpose)


@pytest.mark.parametrize("one", list(GRID)[:-1])
async def test_of_two_agreements_the_one_that_is_named_judges(one: str) -> None:
    """For every two, in one relationship: side by side, or the first superseded by the second."""
    async with market(vendors=1) as m:
        for other in list(GRID)[list(GRID).index(one) + 1 :]:
            first = await agreed(m, one)
            thread = await begun(m, first)
            said(await step(m, thread, "customer"), "open")
            for purpose, mine, _ in apart(one, other):
                answered((await word(m, thread, purpose=purpose))[1], mine, purpose)
            second = await agreed(m, other, first.first)
            beside = one.startswith("SD") != other.startswith("SD") or one.startswith("PDC")
            assert m.state(first) == ("agreed" if beside else "superseded")
            for purpose, mine, theirs in apart(one, other):
                answered((await want(m, thread, purpose, under=second))[1], theirs, purpose)
                before = (await want(m, thread, purpose))[1]
                if beside:
                    answered(before, mine, purpose)
                else:
                    refused(before, "agreement-not-live", "VRM-REL-001")


@scenario()
async def no_consent_allows_what_the_agreement_prohibits(m: Market) -> None:
    wide = await agreed(m, "SD-BASE-ATP")
    also = await agreed(m, "PDC-AI", wide.first)
    thread = await begun(m, wide)
    said(await step(m, thread, "customer"), "open")
    refused((await ask(m, thread, ANALYTICS, under=also))[1], "terms-prohibit", "VRM-CNS-001")
    refused((await ask(m, thread, MARKETING, ANALYTICS, under=also))[1], "terms-prohibit", "VRM-CNS-001")
    # Under the other one it may be asked for, and is granted: the first prohibits it all the same.
    await consented(m, thread, ANALYTICS, MARKETING)
    for purpose, code in ((ANALYTICS, "terms-prohibit"), (MARKETING, "")):
        for reply in (
            (await word(m, thread, purpose=purpose, under=also))[1],
            (await want(m, thread, purpose, under=also))[1],
        ):
            assert reply.code == code
    said((await word(m, thread, purpose=ANALYTICS))[1], "open")


# --- asking and deciding -------------------------------------------------------------------------------


@scenario()
async def she_consents_to_some_of_what_is_asked(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    vendor = m.vendors[0]
    refused((await ask(m, thread, MARKETING, by=thread.first))[1], "role-forbidden", "VRM-THR-004")
    refused((await word(m, thread, purpose=MARKETING))[1], "consent-needed", "VRM-PUR-002")
    refused((await want(m, thread, MARKETING))[1], "consent-needed", "VRM-PUR-002")
    consent = await asked(m, thread, MARKETING, BENEFITS, SELLING)
    refused((await word(m, thread, purpose=MARKETING))[1], "consent-needed", "VRM-PUR-002")
    refused(await grant(m, consent, MARKETING, by=vendor), "role-forbidden", "VRM-THR-004")
    refused(await grant(m, consent, MARKETING, CARE), "purpose-not-asked", "VRM-CNS-002")
    refused(await grant(m, consent, MARKETING, until=0), "deadline-invalid", "VRM-THR-020")
    for early in (narrow(m, consent, MARKETING), renew(m, consent), withdraw(m, consent)):
        refused(await early, "state-conflict", "VRM-THR-005")
    refused(await propagated(m, consent), "state-conflict", "VRM-THR-005")
    said(await grant(m, consent, BENEFITS, MARKETING), "granted")
    refused(await grant(m, consent, SELLING), "state-conflict", "VRM-THR-005")
    said((await word(m, thread, purpose=MARKETING))[1], "open")
    said((await want(m, thread, MARKETING))[1], "requested")
    refused((await word(m, thread, purpose=SELLING))[1], "consent-needed", "VRM-PUR-002")
    refused(await narrow(m, consent, MARKETING, by=vendor), "role-forbidden", "VRM-THR-004")
    refused(await narrow(m, consent, SELLING), "purpose-not-asked", "VRM-CNS-003")
    said(await narrow(m, consent, BENEFITS), "granted")
    refused((await word(m, thread, purpose=MARKETING))[1], "consent-needed", "VRM-PUR-002")
    said((await word(m, thread, purpose=BENEFITS))[1], "open")
    # What is left is narrowed further, and never widened.
    refused(await narrow(m, consent, BENEFITS, MARKETING), "purpose-not-asked", "VRM-CNS-003")


@scenario()
async def she_withdraws_at_any_time(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    vendor = m.vendors[0]
    consent = await consented(m, thread, MARKETING)
    dialogue = await below.spoken(m, thread, purpose=MARKETING)
    refused(await withdraw(m, consent, vendor), "role-forbidden", "VRM-THR-004")
    refused(await propagated(m, consent, thread.first), "state-conflict", "VRM-THR-005")
    said(await relating.pause(m, thread), "paused")
    said(await withdraw(m, consent, known=False), "withdrawn")
    refused(await withdraw(m, consent), "state-conflict", "VRM-THR-005")
    said(await relating.resume(m, thread), "open")
    # What has begun on the consent does not go on without it.
    refused(await below.again(m, dialogue, purpose=MARKETING), "consent-needed", "VRM-PUR-002")
    said(await below.again(m, dialogue), "open")
    refused(await propagated(m, consent, thread.first), "role-forbidden", "VRM-THR-004")
    said(await propagated(m, consent), "propagated")
    refused(await propagated(m, consent), "state-conflict", "VRM-THR-005")
    # A withdrawal is no refusal: it may be asked again.
    said((await ask(m, thread, MARKETING))[1], "requested")


@scenario()
async def a_consent_holds_until_a_day(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    consent = await asked(m, thread, MARKETING, BENEFITS)
    granted = said(await grant(m, consent, MARKETING, BENEFITS, until=600), "granted").document
    stale = consent.head
    said(await narrow(m, consent, MARKETING), "granted")
    refused(await renew(m, consent, 900, prev=stale), "prev-stale", "VRM-THR-012")
    refused(await renew(m, consent, 900, by=m.vendors[0]), "role-forbidden", "VRM-THR-004")
    refused(await renew(m, consent, 0), "deadline-invalid", "VRM-THR-020")
    said(await renew(m, consent, 900), "granted")
    at(m, timing.text(granted["iat"] + 870))
    assert m.state(consent) == "granted"
    said((await word(m, thread, purpose=MARKETING))[1], "open")
    m.world.clock.forward(300)
    assert m.state(consent) == "lapsed"
    refused((await word(m, thread, purpose=MARKETING))[1], "consent-needed", "VRM-PUR-002")
    for late in (renew(m, consent), narrow(m, consent, MARKETING), withdraw(m, consent)):
        refused(await late, "deadline-passed", "VRM-THR-006")
    refused(await propagated(m, consent, thread.first), "role-forbidden", "VRM-THR-004")
    said(await propagated(m, consent), "propagated")
    refused(await propagated(m, consent), "state-conflict", "VRM-THR-005")


@scenario()
async def a_request_passes_or_is_taken_back(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    vendor = m.vendors[0]
    late = await ask(m, thread, MARKETING, answer_by=m.time(0))
    refused(late[1], "deadline-invalid", "VRM-THR-020")
    consent = await asked(m, thread, MARKETING, answer_by=m.time(600))
    m.world.clock.forward(601)
    assert m.state(consent) == "expired"
    refused(await grant(m, consent, MARKETING), "deadline-passed", "VRM-THR-006")
    refused(await simply(m, consent, "consent.refuse"), "deadline-passed", "VRM-THR-006")
    refused(await simply(m, consent, "consent.relinquish", vendor), "deadline-passed", "VRM-THR-006")
    # It was not refused: it may be asked again. What is taken back is not there to be granted.
    for state in ("requested", "granted"):
        consent = await asked(m, thread, MARKETING)
        refused(await simply(m, consent, "consent.relinquish"), "role-forbidden", "VRM-THR-004")
        if state == "granted":
            said(await grant(m, consent, MARKETING), "granted")
        said(await simply(m, consent, "consent.relinquish", vendor), "relinquished")
        refused(await grant(m, consent, MARKETING), "state-conflict", "VRM-THR-005")
        refused(await withdraw(m, consent), "state-conflict", "VRM-THR-005")
        refused((await word(m, thread, purpose=MARKETING))[1], "consent-needed", "VRM-PUR-002")


@scenario(at="2025-01-15T10:00:00Z")
async def what_she_refuses_is_not_asked_again_for_six_months(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    consent = await asked(m, thread, MARKETING, CARE)
    refused(await simply(m, consent, "consent.refuse", m.vendors[0]), "role-forbidden", "VRM-THR-004")
    no = said(await simply(m, consent, "consent.refuse", reason="No."), "refused").document["iat"]
    refused(await grant(m, consent, MARKETING), "state-conflict", "VRM-THR-005")
    refused((await ask(m, thread, MARKETING))[1], "asked-again", "VRM-REL-005")
    refused((await ask(m, thread, BENEFITS, MARKETING))[1], "asked-again", "VRM-REL-005")
    # Nor is it asked for as data; but a word needs no answer, and another purpose is another matter.
    refused((await want(m, thread, CARE))[1], "asked-again", "VRM-REL-005")
    said((await word(m, thread, purpose=CARE))[1], "open")
    said((await ask(m, thread, BENEFITS))[1], "requested")
    at(m, timing.text(no + 181 * DAY - 30))
    refused((await ask(m, thread, MARKETING))[1], "asked-again", "VRM-REL-005")
    at(m, timing.text(no + 181 * DAY))
    said((await ask(m, thread, MARKETING))[1], "requested")
    said((await want(m, thread, CARE))[1], "requested")


@scenario()
async def a_request_is_judged_by_rung_and_preferences(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    refused((await ask(m, thread, MARKETING))[1], "stage-forbids", "VRM-LAD-010")
    said(await step(m, thread, "subscriber"), "open")
    refused((await ask(m, thread, MARKETING, data=("Username",)))[1], "stage-forbids", "VRM-LAD-011")
    said(await relating.prefer(m, thread, rate={"most": 0, "within": "P1D"}), "open")
    refused((await ask(m, thread, MARKETING))[1], "preference-forbids", "VRM-REL-007")
    said(await relating.prefer(m, thread, quiet=[{"from": "08:00", "to": "08:00"}]), "open")
    refused((await ask(m, thread, MARKETING))[1], "preference-forbids", "VRM-REL-006")
    said(await relating.prefer(m, thread), "open")
    said(await relating.pause(m, thread), "paused")
    refused((await ask(m, thread, MARKETING))[1], "relationship-paused", "VRM-REL-014")
    said(await relating.resume(m, thread), "open")
    consent = await asked(m, thread, MARKETING)
    # While it rests she may decide all the same.
    said(await relating.pause(m, thread), "paused")
    said(await grant(m, consent, MARKETING), "granted")
    said(await renew(m, consent), "granted")
    said(await simply(m, consent, "consent.relinquish", m.vendors[0]), "relinquished")


@scenario()
async def a_consent_carries_her_up_the_ladder(m: Market) -> None:
    terms = await agreed(m)
    own = below.ladder_of(rung("foot"), rung("news", MARKETING), rung("gifts", MARKETING, BENEFITS))
    digest = await relating.put(m, terms.first, own)
    thread = await begun(m, terms, ladder=digest)
    refused(await step(m, thread, "news", ladder=digest), "step-forbidden", "VRM-LAD-007")
    consent = await consented(m, thread, MARKETING)
    refused(await step(m, thread, "gifts", ladder=digest), "step-forbidden", "VRM-LAD-007")
    more = await consented(m, thread, BENEFITS)
    said(await step(m, thread, "gifts", ladder=digest), "open")
    said(await withdraw(m, more), "withdrawn")
    assert [one["stage"] for one in (await below.view(terms.first, thread))["agreements"]] == ["news"]
    said(await invite(m, thread, "gifts"), "invited")
    said(await relating.decline(m, thread), "open")
    said(await withdraw(m, consent), "withdrawn")
    refused(await invite(m, thread, "gifts"), "asked-again", "VRM-REL-005")
    said(await invite(m, thread, "news"), "invited")


# --- the end -------------------------------------------------------------------------------------------


@scenario()
async def with_the_agreement_ends_the_consent(m: Market) -> None:
    terms = await agreed(m)
    also = await agreed(m, "PDC-AI", terms.first)
    thread = await begun(m, terms)
    said(await step(m, thread, "subscriber"), "open")
    waiting, given = await asked(m, thread, BENEFITS), await consented(m, thread, MARKETING)
    other = await asked(m, thread, SELLING, under=also)
    kept = await consented(m, thread, f"{DPV}DataQualityManagement", under=also)
    said(await m.say(terms, terms.first, "agreement.terminate"), "terminated")
    assert [m.state(one) for one in (waiting, given, other, kept)] == [
        "expired",
        "withdrawn",
        "requested",
        "granted",
    ]
    refused(await grant(m, waiting, BENEFITS), "state-conflict", "VRM-THR-005")
    refused(await renew(m, given), "state-conflict", "VRM-THR-005")
    refused((await word(m, thread, purpose=MARKETING, under=also))[1], "consent-needed", "VRM-PUR-002")
    said(await propagated(m, given), "propagated")
    # Nothing is built on what has ended, but she is free to end what stands on another one.
    refused((await ask(m, thread, MARKETING))[1], "agreement-not-live", "VRM-REL-001")
    refused(await grant(m, other, SELLING, under=terms), "agreement-not-live", "VRM-REL-001")
    refused(await renew(m, kept, under=terms), "agreement-not-live", "VRM-REL-001")
    said(await grant(m, other, SELLING), "granted")
    said(await renew(m, kept), "granted")
    said((await word(m, thread, purpose=SELLING, under=also))[1], "open")
    said(await withdraw(m, kept), "withdrawn")


@scenario()
async def with_the_relationship_ends_the_consent(m: Market) -> None:
    offer = await m.offered(await m.opened(), m.vendors[0])
    thread = await begun(m, offer)
    said(await step(m, thread, "subscriber"), "open")
    waiting, given = await asked(m, thread, BENEFITS), await consented(m, thread, MARKETING)
    said(await relating.end(m, thread, m.vendors[0]), "ended")
    assert [m.state(one) for one in (waiting, given)] == ["expired", "withdrawn"]
    refused(await grant(m, waiting, BENEFITS), "state-conflict", "VRM-THR-005")
    refused(await withdraw(m, given), "state-conflict", "VRM-THR-005")
    said(await propagated(m, given), "propagated")
    # The agreement of the offer goes on; nothing is opened below the end all the same.
    refused((await ask(m, thread, MARKETING))[1], "agreement-not-live", "VRM-REL-015")
    again = await begun(m, offer)
    said(await step(m, again, "subscriber"), "open")
    refused((await word(m, again, purpose=MARKETING))[1], "consent-needed", "VRM-PUR-002")


@scenario(inbox=4)
async def nothing_stops_what_is_to_be_told(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    consent = await asked(m, thread, MARKETING)
    await m.vendors[0].poll(ack=(await m.vendors[0].poll()).document["order"])
    said(await grant(m, consent, MARKETING), "granted")
    for _ in range(2):
        await below.spoken(m, thread)
    refused((await word(m, thread))[1], "inbox-full", "VRM-HOM-024")
    for _ in range(3):
        said(await renew(m, consent), "granted")
    refused(await renew(m, consent), "inbox-full", "VRM-HOM-024")
    said(await withdraw(m, consent, known=False), "withdrawn")
    m.saw("mark duty of consent.propagated", "changes", await propagated(m, consent))


# --- records -------------------------------------------------------------------------------------------


async def test_the_record_of_a_consent_says_how_it_stands(store: Store) -> None:
    async with market(store, vendors=2) as m:
        thread = await together(m, "SD-BASE", "subscriber")
        anna, vendor, terms = thread.first, m.vendors[0], thread.under
        assert terms is not None
        consent = await asked(m, thread, MARKETING, BENEFITS)
        granted = said(await grant(m, consent, MARKETING, BENEFITS, until=DAY), "granted").document
        path = f"/v1/records/{consent.record}"

        async def read(state: str, messages: int, until: int | None, *purposes: str) -> None:
            for reader in (anna, vendor):
                reply = await reader.read(path)
                assert SPEC.faults("documents/consent.json", reply.document) == []
                assert consent_records.verify_consent(SPEC, reply.body).ok
                found = reply.document
                assert (found["id"], found["thid"]) == (granted["mid"], consent.thid)
                assert (found["relationship"], found["agreement"]) == (thread.thid, terms.record)
                assert (found["first"], found["second"]) == (anna.id, vendor.id)
                assert (found["state"], found["purposes"]) == (state, [*purposes])
                assert found.get("valid_until") == until
                assert len(found["messages"]) == messages
            for stranger in (m.vendors[1], m.world.person()):
                refused(await stranger.read(path), "not-found")

        await read("granted", 2, granted["iat"] + DAY, MARKETING, BENEFITS)
        said(await narrow(m, consent, BENEFITS), "granted")
        await read("granted", 3, granted["iat"] + DAY, BENEFITS)
        renewed = said(await renew(m, consent, 2 * DAY), "granted").document["iat"]
        await read("granted", 4, renewed + 2 * DAY, BENEFITS)
        view = await anna.read(f"{path}?profile=dpv-27560")
        assert (view.status, view.headers["Content-Type"].partition(";")[0]) == (200, "application/ld+json")
        wrong = await anna.read(f"/v1/records/{terms.record}?profile=dpv-27560")
        refused(wrong, "not-acceptable", "VRM-CNS-016")
        # It is the record of no agreement.
        refused((await word(m, thread, agr=consent.record))[1], "agreement-unknown", "VRM-THR-010")
        refused(await step(m, thread, "customer", agr=consent.record), "agreement-unknown", "VRM-THR-010")
        said(await withdraw(m, consent), "withdrawn")
        await read("withdrawn", 5, None, BENEFITS)
        said(await propagated(m, consent), "propagated")
        said(await relating.end(m, thread), "ended")
        said(await relating.attest(m, thread), "closed")
        await read("propagated", 6, None, BENEFITS)


# --- a restart -----------------------------------------------------------------------------------------


async def test_consents_refusals_and_rates_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    rate = {"zone": "UTC", "rate": {"most": 4, "within": "P1D"}}
    async with running(SqliteStore(path)) as w:
        vendor, anna = w.person(), w.person()
        await vendor.announce()
        m = Market(w, [])
        terms = await m.proffered("SD-BASE", anna, vendor)
        said(await m.agree(terms), "agreed")
        thread = await begun(m, terms, preferences=rate)
        said(await step(m, thread, "subscriber"), "open")
        consent = await asked(m, thread, MARKETING, BENEFITS)
        first = said(await grant(m, consent, MARKETING, BENEFITS), "granted").document["iat"]
        no = await asked(m, thread, SELLING)
        said(await simply(m, no, "consent.refuse"), "refused")
        dialogue = await below.spoken(m, thread, purpose=MARKETING)
    async with running(SqliteStore(path)) as w:
        m = moved(m, w, anna, vendor)
        said(await below.again(m, dialogue, purpose=BENEFITS), "open")
        refused(await below.again(m, dialogue, purpose=MARKETING), "preference-forbids", "VRM-REL-007")
        said(await narrow(m, consent, BENEFITS), "granted")
        at(m, timing.text(first + DAY + 5))
    async with running(SqliteStore(path)) as w:
        m = moved(m, w, anna, vendor)
        refused(await below.again(m, dialogue, purpose=MARKETING), "consent-needed", "VRM-PUR-002")
        refused((await ask(m, thread, SELLING))[1], "asked-again", "VRM-REL-005")
        said(await below.again(m, dialogue, purpose=BENEFITS), "open")
        at(m, timing.text(first + 90 * DAY - 60))
    async with running(SqliteStore(path)) as w:
        m = moved(m, w, anna, vendor)
        said(await below.again(m, dialogue, purpose=BENEFITS), "open")
        m.world.clock.forward(70)
        refused(await below.again(m, dialogue, purpose=BENEFITS), "consent-needed", "VRM-PUR-002")
        assert m.state(consent) == "lapsed"
        listed = [one["code"] for one in (await below.view(anna, thread))["refused"]]
        assert sorted(listed) == ["asked-again", "consent-needed", "consent-needed", "preference-forbids"]
        assert (listed[0], listed[-1]) == ("consent-needed", "preference-forbids")
        said(await propagated(m, consent), "propagated")
