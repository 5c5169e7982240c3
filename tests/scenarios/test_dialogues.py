"""Dialogues: what she writes is free, what the vendor writes is judged word by word."""

from __future__ import annotations

import pytest

from tests.scenarios import below, relating
from tests.scenarios.below import (
    ANALYTICS,
    DAY,
    MARKETING,
    again,
    ask,
    asked,
    mute,
    report,
    reported,
    share,
    shared,
    simply,
    spoken,
    want,
    wanted,
    word,
)
from tests.scenarios.market import CARE, Market
from tests.scenarios.relating import agreed, at, begun, heard, invite, said, step, together
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell, types_in
from vrmproto import timing
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)

FORBIDDEN = "preference-forbids"
NEVER = {"most": 0, "within": "P1D"}


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


# --- writing -------------------------------------------------------------------------------------------


@scenario()
async def either_begins_and_both_write(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    anna, vendor = thread.first, m.vendors[0]
    for by in (anna, vendor):
        dialogue = await spoken(m, thread, by)
        said(await again(m, dialogue), "open")
        said(await again(m, dialogue, anna), "open")
        # She names no agreement there, and the vendor names one.
        named = await again(m, dialogue, anna, agr=thread.under and thread.under.record)
        refused(named, "claim-unknown", "VRM-THR-008")
        refused(await again(m, dialogue, agr=None), "claim-missing", "VRM-THR-007")
        refused(await again(m, dialogue, m.world.person(), aud=vendor.id), "thread-unknown")
    refused((await word(m, thread, vendor, agr=None))[1], "claim-missing", "VRM-THR-007")
    dialogue = await spoken(m, thread, anna)
    body = below.words(text="Good day.", more="And a good night.")
    body["about"]["fields"] = ["text"]
    refused(await simply(m, dialogue, "dialogue.message", **body), "content-mismatch", "VRM-OFR-018")
    assert types_in(await anna.poll())[-1] == "dialogue.message"
    assert types_in(await vendor.poll())[-1] == "dialogue.message"


@scenario()
async def what_the_vendor_writes_is_judged_word_by_word(m: Market) -> None:
    thread = await together(m, "SD-BASE")
    anna = thread.first
    # On the lowest rung it answers no more than it begins.
    refused((await word(m, thread))[1], "stage-forbids", "VRM-LAD-010")
    dialogue = await spoken(m, thread, anna)
    refused(await again(m, dialogue), "stage-forbids", "VRM-LAD-010")
    said(await step(m, thread, "returning"), "open")
    said(await again(m, dialogue), "open")
    refused(await again(m, dialogue, purpose=ANALYTICS), "terms-prohibit", "VRM-PUR-001")
    refused(await again(m, dialogue, purpose=MARKETING), "consent-needed", "VRM-PUR-002")
    # What she writes of her own accord is for whatever she likes.
    said(await again(m, dialogue, anna, purpose=ANALYTICS), "open")
    said((await word(m, thread, anna, purpose=MARKETING))[1], "open")
    wide = await agreed(m, "SD-BASE-A", anna)
    refused(await again(m, dialogue, purpose=ANALYTICS), "agreement-not-live", "VRM-REL-001")
    said(await again(m, dialogue, purpose=ANALYTICS, under=wide), "open")
    said(await relating.retreat(m, thread, "anonymous"), "open")
    refused(await again(m, dialogue, under=wide), "stage-forbids", "VRM-LAD-010")
    said(await again(m, dialogue, anna), "open")
    said(await step(m, thread, "returning", wide), "open")
    said(await again(m, dialogue, under=wide), "open")


@scenario()
async def files_are_named_as_long_as_the_thread_names_them(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    anna, vendor = thread.first, m.vendors[0]
    unput = m.reference(b"a picture that nobody has put")
    refused((await word(m, thread, vendor, ref=unput))[1], "blob-unknown", "VRM-BLB-004")
    refused((await word(m, thread, anna, ref=unput))[1], "blob-unknown", "VRM-BLB-004")
    hers, theirs, late = [await m.put(by, data) for by, data in ((anna, b"A"), (vendor, b"B"), (anna, b"C"))]
    refused((await word(m, thread, anna, ref=theirs))[1], "blob-unknown", "VRM-BLB-004")
    first = await spoken(m, thread, vendor, ref=theirs)
    said(await again(m, first, anna, ref=hers), "open")
    muted = await spoken(m, thread, anna)
    said(await mute(m, muted), "muted")
    said(await again(m, muted, anna, ref=late), "muted")
    m.world.clock.forward(3700)
    # Long after they were put both may still name what the thread names already, and nothing else.
    for reference in (hers, theirs):
        for by in (anna, vendor):
            said(await again(m, first, by, ref=reference), "open")
    refused(await again(m, first, anna, ref=late), "blob-unknown", "VRM-BLB-004")
    said(await again(m, muted, anna, ref=late), "muted")
    refused(await again(m, muted, anna, ref=hers), "blob-unknown", "VRM-BLB-004")
    for by in (anna, vendor):
        read = await by.read(f"/v1/blobs/{hers['sha256']}")
        assert (read.status, read.body) == (200, b"A")


# --- quiet hours, rates, rests -------------------------------------------------------------------------


@scenario(at="2025-06-02T12:00:00Z")
async def in_quiet_hours_she_is_not_written_to(m: Market) -> None:
    quiet = [{"from": "22:00", "to": "07:00"}]
    thread = await together(
        m, "SD-BASE", "subscriber", preferences={"zone": "Europe/Amsterdam", "quiet": quiet}
    )
    dialogue = await spoken(m, thread)
    at(m, "2025-06-02T19:59:30Z")
    said(await again(m, dialogue), "open")
    at(m, "2025-06-02T20:00:00Z")
    refused(await again(m, dialogue), FORBIDDEN, "VRM-REL-006")
    for of_its_own_accord in (word, want, ask):
        refused((await of_its_own_accord(m, thread))[1], FORBIDDEN, "VRM-REL-006")
    # It may report and close; and she writes and shares when she likes.
    said((await report(m, thread))[1], "reported")
    said(await again(m, dialogue, thread.first), "open")
    said((await word(m, thread, thread.first))[1], "open")
    said((await share(m, thread))[1], "shared")
    at(m, "2025-06-03T04:59:30Z")
    refused(await again(m, dialogue), FORBIDDEN, "VRM-REL-006")
    at(m, "2025-06-03T05:00:00Z")
    said(await again(m, dialogue), "open")


@scenario()
async def a_rate_counts_everything_of_its_own_accord(m: Market) -> None:
    rate = {"most": 5, "within": "P1D"}
    thread = await together(m, "SD-BASE", "subscriber", preferences={"zone": "UTC", "rate": rate})
    anna = thread.first
    first = said(await invite(m, thread, "profiled"), "invited").document["iat"]
    at(m, timing.text(first + 600))
    dialogue = await spoken(m, thread, anna)
    said(await again(m, dialogue), "open")
    await spoken(m, thread)
    await asked(m, thread, MARKETING)
    # Neither what was refused counts, nor what she has sent, nor what is reported.
    refused((await word(m, thread, purpose=ANALYTICS))[1], "terms-prohibit")
    said(await again(m, dialogue, anna), "open")
    await reported(m, thread)
    await shared(m, thread)
    await wanted(m, thread)
    refused(await again(m, dialogue), FORBIDDEN, "VRM-REL-007")
    for opening in (word, want, ask):
        refused((await opening(m, thread))[1], FORBIDDEN, "VRM-REL-007")
    said(await relating.pause(m, thread), "paused")
    said(await relating.resume(m, thread), "open")
    assert await heard(m, thread, "profiled") == FORBIDDEN
    at(m, timing.text(first + DAY - 30))
    refused(await again(m, dialogue), FORBIDDEN, "VRM-REL-007")
    at(m, timing.text(first + DAY))
    said(await again(m, dialogue), "open")
    refused(await again(m, dialogue), FORBIDDEN, "VRM-REL-007")


@scenario()
async def each_word_of_the_vendor_is_counted(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    said(await relating.prefer(m, thread, rate={"most": 1, "within": "P1D"}), "open")
    one = await spoken(m, thread)
    refused((await want(m, thread))[1], FORBIDDEN, "VRM-REL-007")
    said(await relating.prefer(m, thread, rate={"most": 2, "within": "P1D"}), "open")
    said(await again(m, one), "open")
    refused((await ask(m, thread))[1], FORBIDDEN, "VRM-REL-007")
    said(await relating.prefer(m, thread, rate={"most": 3, "within": "P1D"}), "open")
    await wanted(m, thread)
    refused(await again(m, one), FORBIDDEN, "VRM-REL-007")
    said(await relating.prefer(m, thread, rate={"most": 4, "within": "P1D"}), "open")
    await asked(m, thread, MARKETING)
    refused(await again(m, one), FORBIDDEN, "VRM-REL-007")
    said(await relating.prefer(m, thread), "open")
    said(await again(m, one), "open")


@scenario()
async def while_it_rests_only_she_writes(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    anna = thread.first
    dialogue, other = await spoken(m, thread), await spoken(m, thread)
    said(await relating.pause(m, thread), "paused")
    refused(await again(m, dialogue), "relationship-paused", "VRM-REL-014")
    for opening in (word, want, ask, report):
        refused((await opening(m, thread))[1], "relationship-paused", "VRM-REL-014")
    said(await again(m, dialogue, anna), "open")
    said((await word(m, thread, anna))[1], "open")
    said((await share(m, thread))[1], "shared")
    said(await simply(m, other, "dialogue.close", m.vendors[0]), "closed")
    said(await relating.resume(m, thread), "open")
    said(await again(m, dialogue), "open")


# --- muted and closed ----------------------------------------------------------------------------------


@scenario(inbox=4)
async def she_mutes_one_and_hears_the_others(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    anna, vendor = thread.first, m.vendors[0]
    dialogue, other = await spoken(m, thread), await spoken(m, thread)
    refused(await mute(m, dialogue, vendor), "role-forbidden", "VRM-THR-004")
    refused(await simply(m, dialogue, "dialogue.unmute"), "state-conflict", "VRM-THR-005")
    said(await again(m, dialogue, anna), "open")
    refused(await again(m, dialogue, anna), "inbox-full", "VRM-HOM-024")
    said(await mute(m, dialogue, known=False), "muted")
    refused(await mute(m, dialogue), "state-conflict", "VRM-THR-005")
    refused(await again(m, dialogue), "role-forbidden", "VRM-THR-004")
    said(await again(m, other), "open")
    for party in (anna, vendor):
        await party.poll(ack=(await party.poll()).document["order"])
    said(await again(m, dialogue, anna), "muted")
    refused(await simply(m, dialogue, "dialogue.unmute", vendor), "role-forbidden", "VRM-THR-004")
    said(await simply(m, dialogue, "dialogue.unmute"), "open")
    said(await again(m, dialogue), "open")


@scenario()
async def either_closes_it(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    for state in ("open", "muted"):
        for by in (thread.first, m.vendors[0]):
            dialogue = await spoken(m, thread)
            if state == "muted":
                said(await mute(m, dialogue), "muted")
            said(await simply(m, dialogue, "dialogue.close", by, reason="solved"), "closed")
            for late in (thread.first, m.vendors[0]):
                refused(await again(m, dialogue, late), "state-conflict", "VRM-THR-005")
                refused(await simply(m, dialogue, "dialogue.close", late), "state-conflict", "VRM-THR-005")
            refused(await mute(m, dialogue), "state-conflict", "VRM-THR-005")


# --- the end -------------------------------------------------------------------------------------------


@scenario()
async def her_words_outlive_the_agreement_and_not_the_relationship(m: Market) -> None:
    offer = await m.offered(await m.opened(), m.vendors[0])
    terms = await agreed(m, "SD-BASE", offer.first)
    thread = await begun(m, terms)
    anna = thread.first
    said(await step(m, thread, "returning"), "open")
    open_, muted = await spoken(m, thread), await spoken(m, thread)
    said(await mute(m, muted), "muted")
    said(await m.say(terms, m.vendors[0], "agreement.terminate"), "terminated")
    said(await relating.prefer(m, thread, rate=NEVER), "open")
    said(await relating.retreat(m, thread, "anonymous"), "open")
    said(await again(m, open_, anna), "open")
    said(await again(m, muted, anna), "muted")
    refused(await again(m, open_), "agreement-not-live", "VRM-REL-001")
    refused((await word(m, thread, anna))[1], "agreement-not-live", "VRM-REL-001")
    said((await word(m, thread, anna, under=offer))[1], "open")
    said(await relating.end(m, thread), "ended")
    assert (m.state(open_), m.state(muted)) == ("closed", "closed")
    for dialogue in (open_, muted):
        refused(await again(m, dialogue, anna), "state-conflict", "VRM-THR-005")
    refused((await word(m, thread, anna, under=offer))[1], "agreement-not-live", "VRM-REL-015")
    refused((await word(m, thread, under=offer))[1], "agreement-not-live", "VRM-REL-015")
    later = await begun(m, offer)
    said((await word(m, later, anna))[1], "open")


@scenario()
async def a_dialogue_goes_with_her_to_another_key(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    old, new = thread.first, m.world.person()
    dialogue = await spoken(m, thread)
    said(await relating.rotate(m, thread, new), "open")
    refused(await again(m, dialogue, old, aud=m.vendors[0].id), "thread-unknown")
    dialogue.first = new
    said(await again(m, dialogue, new), "open")
    said(await again(m, dialogue), "open")
    said((await word(m, thread, new, CARE))[1], "open")
