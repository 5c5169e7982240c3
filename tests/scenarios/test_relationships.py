"""Relationships: up and down a ladder, what an agreement reaches, what she has declined, and the end."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios import relating
from tests.scenarios.market import Market
from tests.scenarios.relating import LADDER, UNKNOWN, agreed, at, begin, begun, invite, said, step, together
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell, types_in
from tests.world import SPEC
from vrmproto import records, timing
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)

DAY = 86400


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


# --- beginning -----------------------------------------------------------------------------------------


@scenario()
async def there_is_a_relationship_where_there_is_an_agreement(m: Market) -> None:
    terms = await m.proffered()
    vendor = m.vendors[0]
    refused((await begin(m, terms, agr=terms.thid))[1], "agreement-unknown", "VRM-THR-010")
    refused((await begin(m, terms, agr=None))[1], "claim-missing", "VRM-THR-007")
    said(await m.agree(terms), "agreed")
    stranger = m.world.person()
    refused((await begin(m, terms, stranger))[1], "agreement-unknown", "VRM-THR-010")
    refused((await begin(m, terms, vendor))[1], "role-forbidden", "VRM-THR-004")
    refused((await begin(m, terms, ladder=UNKNOWN))[1], "ladder-unknown", "VRM-LAD-001")
    thread = await begun(m, terms)
    again = await m.say(thread, thread.first, "relationship.open", {"ladder": LADDER}, agr=terms.record)
    refused(again, "state-conflict", "VRM-THR-005")
    assert types_in(await vendor.poll())[-1] == "relationship.open"
    said(await m.say(terms, vendor, "agreement.terminate"), "terminated")
    # What is built stands, but nothing is built on it any more.
    refused(await step(m, thread, "returning"), "agreement-not-live", "VRM-REL-001")
    assert m.state(thread) == "open"
    said(await relating.end(m, thread), "ended")
    refused((await begin(m, terms))[1], "agreement-not-live", "VRM-REL-001")
    other = await agreed(m)
    said(await m.say(other, other.first, "agreement.terminate"), "terminated")
    refused((await begin(m, other))[1], "agreement-not-live", "VRM-REL-001")


@scenario()
async def two_have_one_relationship_at_a_time(m: Market) -> None:
    terms = await agreed(m)
    first = await begun(m, terms)
    for state in ("open", "invited", "paused"):
        if state == "invited":
            said(await step(m, first, "returning"), "open")
            said(await invite(m, first, "subscriber"), "invited")
        if state == "paused":
            said(await relating.pause(m, first), "paused")
        refused((await begin(m, terms))[1], "already-open", "VRM-REL-003")
    # Others are not in the way, neither hers nor those of the vendor.
    await begun(m, await agreed(m, vendor=m.vendors[1], person=terms.first))
    await begun(m, await agreed(m))
    said(await relating.end(m, first), "ended")
    await begun(m, await agreed(m, person=terms.first))


@scenario()
async def of_two_openings_at_once_one_is_taken(m: Market) -> None:
    terms = await agreed(m)
    replies = [reply for _, reply in await asyncio.gather(*(begin(m, terms) for _ in range(5)))]
    assert sorted(reply.code for reply in replies) == ["", *["already-open"] * 4]


# --- up and down the ladder ----------------------------------------------------------------------------


@scenario()
async def she_goes_up_by_invitations_and_by_herself(m: Market) -> None:
    thread = await together(m)
    vendor = m.vendors[0]
    # On the lowest rung the vendor begins nothing.
    refused(await invite(m, thread, "returning"), "stage-forbids", "VRM-LAD-010")
    refused(await invite(m, thread, "returning", by=thread.first), "role-forbidden", "VRM-THR-004")
    refused(await step(m, thread, "anonymous"), "step-forbidden", "VRM-LAD-006")
    said(await step(m, thread, "returning"), "open")
    refused(await step(m, thread, "returning"), "step-forbidden", "VRM-LAD-006")
    refused(await step(m, thread, "anonymous"), "step-forbidden", "VRM-LAD-006")
    refused(await step(m, thread, "friend"), "step-forbidden", "VRM-LAD-006")
    for wrong in ("anonymous", "returning", "profiled", "friend"):
        refused(await invite(m, thread, wrong), "step-forbidden", "VRM-LAD-009")
    refused(await invite(m, thread, "subscriber", "Username"), "stage-forbids", "VRM-LAD-011")
    late = await invite(m, thread, "subscriber", answer_by=m.time(0))
    refused(late, "deadline-invalid", "VRM-THR-020")
    said(await invite(m, thread, "subscriber", "EmailAddress", "Language"), "invited")
    refused(await invite(m, thread, "subscriber"), "state-conflict", "VRM-THR-005")
    refused(await step(m, thread, "subscriber", by=vendor), "role-forbidden", "VRM-THR-004")
    refused(await step(m, thread, "subscriber", prev=thread.thid), "prev-stale", "VRM-THR-012")
    said(await step(m, thread, "subscriber"), "open")
    said(await invite(m, thread, "profiled", "Interest"), "invited")
    # She may go further than she is invited to, and the way back up is as short.
    said(await step(m, thread, "contributor"), "open")
    said(await invite(m, thread, "customer", "PhysicalAddress"), "invited")
    said(await relating.retreat(m, thread, "returning"), "invited")
    said(await step(m, thread, "customer"), "open")
    for beyond in ("customer", "contributor", "owner"):
        refused(await invite(m, thread, beyond), "step-forbidden", "VRM-LAD-009")
    assert types_in(await thread.first.poll())[1:] == ["relationship.invite"] * 3


@scenario()
async def an_invitation_passes(m: Market) -> None:
    thread = await together(m, stage="returning")
    refused(await relating.decline(m, thread), "state-conflict", "VRM-THR-005")
    said(await invite(m, thread, "subscriber", answer_by=m.time(600)), "invited")
    # What is said meanwhile leaves the time as it is.
    said(await relating.prefer(m, thread), "invited")
    m.world.clock.forward(590)
    assert m.state(thread) == "invited"
    m.world.clock.forward(11)
    assert m.state(thread) == "open"
    refused(await relating.decline(m, thread), "deadline-passed", "VRM-THR-006")
    # It was not declined: it may be said again, and she may follow it without.
    said(await invite(m, thread, "subscriber", answer_by=m.time(600)), "invited")
    m.world.clock.forward(601)
    said(await step(m, thread, "subscriber"), "open")


@scenario(inbox=4)
async def she_may_always_go_down(m: Market) -> None:
    thread = await together(m, stage="customer")
    refused(await relating.retreat(m, thread, "anonymous", m.vendors[0]), "role-forbidden", "VRM-THR-004")
    said(await relating.prefer(m, thread), "open")
    # Their inbox is full: proffer, opening, step, preferences.
    refused(await relating.prefer(m, thread), "inbox-full", "VRM-HOM-024")
    said(await relating.retreat(m, thread, "contributor", known=False), "open")
    said(await invite(m, thread, "customer"), "invited")
    # Up by going down is not possible: she stays on the lower one.
    said(await relating.retreat(m, thread, "customer", known=False), "invited")
    said(await relating.retreat(m, thread, "commenter", known=False), "invited")
    await m.vendors[0].poll(ack=(await m.vendors[0].poll()).document["order"])
    said(await relating.pause(m, thread), "paused")
    said(await relating.retreat(m, thread, "subscriber", known=False), "paused")
    said(await relating.resume(m, thread), "open")
    refused(await invite(m, thread, "commenter"), "step-forbidden", "VRM-LAD-009")
    said(await invite(m, thread, "profiled"), "invited")
    said(await relating.end(m, thread, known=False), "ended")
    refused(await relating.retreat(m, thread, "anonymous"), "state-conflict", "VRM-THR-005")


@scenario()
async def a_name_that_the_ladder_lacks_leads_to_its_foot(m: Market) -> None:
    thread = await together(m, stage="customer")
    said(await relating.retreat(m, thread, "nowhere"), "open")
    refused(await invite(m, thread, "returning"), "stage-forbids", "VRM-LAD-010")
    said(await step(m, thread, "returning"), "open")
    said(await invite(m, thread, "subscriber"), "invited")
    # From the foot there is no way further down, and none up.
    fresh = await together(m)
    said(await relating.retreat(m, fresh, "customer"), "open")
    refused(await invite(m, fresh, "returning"), "stage-forbids", "VRM-LAD-010")
    # By one rung down what was the next one is no longer that.
    said(await step(m, fresh, "contributor"), "open")
    said(await relating.retreat(m, fresh, "commenter"), "open")
    refused(await invite(m, fresh, "customer"), "step-forbidden", "VRM-LAD-009")


@scenario()
async def she_goes_down_while_an_invitation_waits_or_it_rests(m: Market) -> None:
    """A step is judged by where she is, whatever has happened on the way."""
    for rest in (False, True):
        thread = await together(m, stage="contributor")
        refused(await step(m, thread, "commenter"), "step-forbidden", "VRM-LAD-006")
        if rest:
            said(await relating.pause(m, thread), "paused")
        else:
            said(await invite(m, thread, "customer"), "invited")
            refused(await step(m, thread, "commenter"), "step-forbidden", "VRM-LAD-006")
        said(await relating.retreat(m, thread, "returning"), "paused" if rest else "invited")
        if rest:
            said(await relating.resume(m, thread), "open")
        stepped = said(await step(m, thread, "commenter"), "open")
        refused(await relating.decline(m, thread), "state-conflict", "VRM-THR-005")
        if rest:
            # In between she had to resume it, which alone would not have allowed the step.
            m.saw("row relationship.retreat by first in paused", "changes", stepped)


# --- what agreements reach -----------------------------------------------------------------------------


@scenario()
async def an_agreement_reaches_so_far(m: Market) -> None:
    for name, lacks in (
        ("SD-BASE", ("profiled", "contributor")),
        ("SD-BASE-A", ("profiled",)),
        ("SD-BASE-ATP", ()),
    ):
        thread = await together(m, name)
        for stage in relating.RUNGS[1:]:
            reply = await step(m, thread, stage)
            if stage in lacks:
                refused(reply, "step-forbidden", "VRM-LAD-007")
                # She is invited there all the same: an agreement that reaches further is hers to make.
                said(await invite(m, thread, stage), "invited")
                refused(await step(m, thread, stage), "step-forbidden", "VRM-LAD-007")
            else:
                said(reply, "open")


@scenario()
async def a_later_agreement_judges_from_then_on(m: Market) -> None:
    wide = await agreed(m, "SD-BASE-ATP")
    thread = await begun(m, wide)
    said(await step(m, thread, "contributor"), "open")
    narrow = await agreed(m, "SD-BASE", wide.first)
    assert m.state(wide) == "superseded"
    refused(await step(m, thread, "customer"), "agreement-not-live", "VRM-REL-001")
    refused(await invite(m, thread, "customer"), "agreement-not-live", "VRM-REL-001")
    # The highest rung below that the new one reaches is commenter.
    refused(await invite(m, thread, "customer", under=narrow), "step-forbidden", "VRM-LAD-009")
    refused(await step(m, thread, "commenter", narrow), "step-forbidden", "VRM-LAD-006")
    refused(await step(m, thread, "contributor", narrow), "step-forbidden", "VRM-LAD-007")
    said(await invite(m, thread, "contributor", "Opinion", under=narrow), "invited")
    said(await relating.pause(m, thread), "paused")
    said(await relating.resume(m, thread), "open")
    # Where she has gone to is not forgotten: another agreement reaches it without a step.
    again = await agreed(m, "SD-BASE-A", wide.first)
    refused(await step(m, thread, "contributor", again), "step-forbidden", "VRM-LAD-006")
    said(await invite(m, thread, "customer", under=again), "invited")


@scenario()
async def each_agreement_in_force_judges_what_names_it(m: Market) -> None:
    wide = await agreed(m, "SD-BASE-ATP")
    thread = await begun(m, wide)
    also = await agreed(m, "PDC-AI", wide.first)
    assert m.state(wide) == "agreed"
    said(await step(m, thread, "profiled"), "open")
    refused(await invite(m, thread, "profiled", under=wide), "step-forbidden", "VRM-LAD-009")
    refused(await invite(m, thread, "commenter", under=also), "step-forbidden", "VRM-LAD-009")
    for under, stage in ((wide, "commenter"), (also, "profiled")):
        said(await invite(m, thread, stage, under=under), "invited")
        said(await relating.pause(m, thread), "paused")
        said(await relating.resume(m, thread), "open")
    refused(await step(m, thread, "contributor", also), "step-forbidden", "VRM-LAD-007")
    said(await step(m, thread, "commenter", also), "open")
    said(await step(m, thread, "contributor", wide), "open")
    # Neither one of another pair nor one that is unknown.
    other = await agreed(m, "SD-BASE-ATP", wide.first, m.vendors[1])
    refused(await step(m, thread, "customer", other), "agreement-not-live", "VRM-REL-001")
    foreign = await agreed(m, "SD-BASE-ATP")
    refused(await step(m, thread, "customer", foreign), "agreement-unknown", "VRM-THR-010")
    refused(await invite(m, thread, "customer", under=foreign), "agreement-not-live", "VRM-REL-001")


@scenario()
async def an_offer_is_an_agreement_to_build_on(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    thread = await begun(m, offer)
    refused(await step(m, thread, "profiled"), "step-forbidden", "VRM-LAD-007")
    said(await step(m, thread, "customer"), "open")
    said(await relating.end(m, thread), "ended")
    assert m.state(offer) == "offered"
    again = await begun(m, offer)
    said(await m.say(offer, offer.first, "offer.decline"), "declined")
    refused(await step(m, again, "customer"), "agreement-not-live", "VRM-REL-001")


@scenario()
async def it_is_between_those_whom_the_offer_is_between_by_now(m: Market) -> None:
    intent = await m.opened()
    offer, once, pairwise = await m.offered(intent, m.vendors[0]), intent.first, m.world.person()
    early = await begun(m, offer)
    said(await m.accept(offer), "accepted")
    introduction = m.introduction(offer, pairwise)
    said(await m.say(offer, once, "agent.introduce", introduction), "accepted")
    refused((await begin(m, offer))[1], "agreement-unknown", "VRM-THR-010")
    refused(await step(m, early, "customer"), "agreement-unknown", "VRM-THR-010")
    said(await relating.retreat(m, early, "anonymous"), "open")
    offer.first = pairwise
    thread = await begun(m, offer)
    said(await step(m, thread, "customer"), "open")
    said(await relating.end(m, early), "ended")
    assert (m.state(thread), m.state(offer)) == ("open", "accepted")


# --- no, and not now -----------------------------------------------------------------------------------


@scenario(at="2025-01-15T10:00:00Z")
async def what_she_declines_is_not_asked_again_for_six_months(m: Market) -> None:
    thread = await together(m, stage="returning")
    said(await invite(m, thread, "subscriber"), "invited")
    refused(await relating.decline(m, thread, m.vendors[0]), "role-forbidden", "VRM-THR-004")
    declined = said(await relating.decline(m, thread), "open").document["iat"]
    refused(await invite(m, thread, "subscriber"), "asked-again", "VRM-REL-005")
    # Another rung may be asked for, and so may this one by her own way past it.
    said(await step(m, thread, "subscriber"), "open")
    said(await invite(m, thread, "profiled"), "invited")
    said(await relating.pause(m, thread), "paused")
    said(await relating.retreat(m, thread, "returning"), "paused")
    said(await relating.resume(m, thread), "open")
    at(m, timing.text(declined + 181 * DAY - 30))
    refused(await invite(m, thread, "subscriber"), "asked-again", "VRM-REL-005")
    at(m, timing.text(declined + 181 * DAY))
    said(await invite(m, thread, "subscriber"), "invited")
    said(await relating.decline(m, thread), "open")
    refused(await invite(m, thread, "subscriber"), "asked-again", "VRM-REL-005")


@scenario(at="2025-08-31T10:00:00Z")
async def six_months_are_months_of_the_calendar(m: Market) -> None:
    thread = await together(m, stage="returning")
    said(await invite(m, thread, "subscriber"), "invited")
    declined = said(await relating.decline(m, thread), "open").document["iat"]
    # From the last of August to the last of February.
    at(m, timing.text(declined + 181 * DAY - 30))
    refused(await invite(m, thread, "subscriber"), "asked-again", "VRM-REL-005")
    at(m, timing.text(declined + 181 * DAY))
    assert m.time(0).startswith("2026-02-28T10:00:")
    said(await invite(m, thread, "subscriber"), "invited")


@scenario()
async def it_rests_until_she_says(m: Market) -> None:
    thread = await together(m, stage="returning")
    refused(await relating.resume(m, thread), "state-conflict", "VRM-THR-005")
    refused(await relating.pause(m, thread, m.vendors[0]), "role-forbidden", "VRM-THR-004")
    said(await relating.pause(m, thread), "paused")
    refused(await relating.pause(m, thread), "state-conflict", "VRM-THR-005")
    refused(await relating.resume(m, thread, m.vendors[0]), "role-forbidden", "VRM-THR-004")
    refused(await invite(m, thread, "subscriber"), "state-conflict", "VRM-THR-005")
    refused(await step(m, thread, "subscriber"), "state-conflict", "VRM-THR-005")
    m.world.clock.forward(400 * DAY)
    assert m.state(thread) == "paused"
    said(await relating.resume(m, thread), "open")
    said(await invite(m, thread, "subscriber"), "invited")
    # A rest lets an invitation go, and takes it for no refusal.
    said(await relating.pause(m, thread), "paused")
    said(await relating.resume(m, thread), "open")
    refused(await relating.decline(m, thread), "state-conflict", "VRM-THR-005")
    said(await invite(m, thread, "subscriber"), "invited")


# --- the end -------------------------------------------------------------------------------------------


@scenario()
async def either_ends_it_from_every_state(m: Market) -> None:
    for state in ("open", "invited", "paused"):
        for role in ("first", "second"):
            thread = await together(m, stage="returning")
            if state == "invited":
                said(await invite(m, thread, "subscriber"), "invited")
            if state == "paused":
                said(await relating.pause(m, thread), "paused")
            by = thread.first if role == "first" else m.vendors[0]
            refused(await relating.attest(m, thread), "state-conflict", "VRM-THR-005")
            if role == "second":
                refused(await relating.end(m, thread, by, known=False), "prev-unknown", "VRM-THR-011")
            said(await relating.end(m, thread, by, known=role == "second", reason="Enough."), "ended")
            for one in (thread.first, m.vendors[0]):
                refused(await relating.end(m, thread, one), "state-conflict", "VRM-THR-005")
            refused(await step(m, thread, "subscriber"), "state-conflict", "VRM-THR-005")
            refused(await relating.prefer(m, thread), "state-conflict", "VRM-THR-005")
            refused(await relating.prefer(m, thread, m.vendors[0]), "state-conflict", "VRM-THR-005")
            refused(await relating.attest(m, thread, thread.first), "role-forbidden", "VRM-THR-004")
            said(await relating.attest(m, thread), "closed")
            refused(await relating.attest(m, thread), "state-conflict", "VRM-THR-005")
            refused(await relating.end(m, thread), "state-conflict", "VRM-THR-005")


@scenario()
async def with_it_end_the_agreements_of_the_two(m: Market) -> None:
    thread = await together(m)
    terms, anna = thread.under, thread.first
    assert terms is not None
    also = await agreed(m, "PDC-GOOD", anna)
    waiting = await m.proffered("PDC-AI", anna)
    others = [await agreed(m, "SD-BASE", anna, m.vendors[1]), await agreed(m)]
    offer = await m.offered(await m.opened(anna), m.vendors[0])
    for own in (terms, also):
        assert m.state(own) == "agreed"
    said(await relating.end(m, thread, m.vendors[0]), "ended")
    for own in (terms, also):
        assert m.state(own) == "ended"
        for by in (anna, m.vendors[0]):
            refused(await m.say(own, by, "agreement.terminate"), "state-conflict", "VRM-THR-005")
        for reader in (anna, m.vendors[0]):
            record = await reader.read(f"/v1/records/{own.record}")
            assert record.document["state"] == "ended"
            assert records.verify_record(SPEC, record.body).ok
            whole = await reader.read(f"/v1/threads/{own.thid}")
            assert records.verify_thread(SPEC, whole.body).ok
        refused((await begin(m, own))[1], "agreement-not-live", "VRM-REL-001")
    assert [m.state(other) for other in others] == ["agreed", "agreed"]
    assert m.state(offer) == "offered"
    # What was proffered before and is accepted after is an agreement made after.
    said(await m.agree(waiting, "PDC-AI"), "agreed")
    later = await agreed(m, "SD-BASE", anna)
    assert [m.state(one) for one in (waiting, later)] == ["agreed", "agreed"]
    said(await m.say(later, m.vendors[0], "agreement.terminate"), "terminated")
    # The next end takes it with it.
    second = await begun(m, waiting)
    said(await relating.end(m, second), "ended")
    assert [m.state(one) for one in (waiting, later, offer)] == ["ended", "terminated", "offered"]


@scenario()
async def what_has_ended_already_is_not_ended_again(m: Market) -> None:
    wide = await agreed(m, "SD-BASE-ATP")
    narrow = await agreed(m, "SD-BASE", wide.first)
    dated = await agreed(m, "PDC-AI", wide.first, answer_by=m.time(600), ends=m.time(900))
    thread = await begun(m, narrow)
    said(await m.say(narrow, narrow.first, "agreement.terminate"), "terminated")
    m.world.clock.forward(901)
    assert m.state(dated) == "ended"
    said(await relating.end(m, thread), "ended")
    assert [m.state(one) for one in (wide, narrow, dated)] == ["superseded", "terminated", "ended"]


@scenario()
async def another_one_begins_where_one_has_ended(m: Market) -> None:
    anna = m.world.person()
    for state in ("ended", "attest-overdue", "closed"):
        terms = await agreed(m, "SD-BASE-ATP", anna)
        thread = await begun(m, terms, preferences={"zone": "UTC", "rate": {"most": 0, "within": "P1D"}})
        said(await step(m, thread, "customer"), "open")
        said(await relating.end(m, thread, attest_within="PT1H"), "ended")
        if state == "attest-overdue":
            m.world.clock.forward(3601)
        if state == "closed":
            said(await relating.attest(m, thread), "closed")
        assert m.state(thread) == state
        again = await begun(m, await agreed(m, "SD-BASE", anna))
        # It begins at the foot, without preferences.
        refused(await invite(m, again, "returning"), "stage-forbids", "VRM-LAD-010")
        said(await step(m, again, "returning"), "open")
        said(await invite(m, again, "subscriber"), "invited")
        said(await relating.end(m, again), "ended")


@scenario(at="2025-01-31T10:00:00Z")
async def what_is_held_is_erased_within_a_time(m: Market) -> None:
    thread = await together(m)
    ended = said(await relating.end(m, thread), "ended").document["iat"]
    at(m, timing.text(ended + 28 * DAY - 30))
    assert m.state(thread) == "ended"
    at(m, timing.text(ended + 28 * DAY))
    assert m.state(thread) == "attest-overdue"
    refused(await relating.attest(m, thread, thread.first), "role-forbidden", "VRM-THR-004")
    invoice = {"what": "the invoice", "why": "tax law", "until": m.time(3650 * DAY)}
    said(await relating.attest(m, thread, None, invoice), "closed")
    refused(await relating.attest(m, thread), "state-conflict", "VRM-THR-005")
    for duration, seconds in (("PT1H", 3600), ("P2W", 14 * DAY)):
        thread = await together(m)
        ended = said(await relating.end(m, thread, attest_within=duration), "ended").document["iat"]
        at(m, timing.text(ended + seconds - 30))
        assert m.state(thread) == "ended"
        at(m, timing.text(ended + seconds))
        assert m.state(thread) == "attest-overdue"


@scenario(inbox=2)
async def nothing_stops_what_is_owed(m: Market) -> None:
    thread = await together(m)
    vendor = m.vendors[0]
    said(await relating.end(m, thread), "ended")
    await agreed(m, "SD-BASE", thread.first, m.vendors[1])
    refused((await m.submit())[1], "inbox-full", "VRM-HOM-024")
    full = await m.proffered("SD-BASE", thread.first, m.vendors[1])
    refused(await m.agree(full), "inbox-full", "VRM-HOM-024")
    m.saw("mark duty of relationship.attest", "changes", await relating.attest(m, thread, vendor))


@scenario()
async def what_was_said_is_erased(m: Market) -> None:
    thread = await together(m, stage="returning")
    vendor, path = m.vendors[0], f"/v1/threads/{thread.thid}"
    said(await invite(m, thread, "subscriber"), "invited")
    said(await relating.decline(m, thread), "open")
    said(await relating.end(m, thread, reason="Too much"), "ended")
    for reader in (thread.first, vendor):
        whole = await reader.read(path)
        assert all("token" in item for item in whole.document["messages"])
        assert records.verify_thread(SPEC, whole.body).ok
    assert types_in(await vendor.poll())[-2:] == ["relationship.decline", "relationship.end"]
    said(await relating.attest(m, thread), "closed")
    read = m.saw("tombstones of relationship", "changes", await vendor.read(path))
    assert records.verify_thread(SPEC, read.body).ok
    theirs = read.document["messages"]
    assert [item["seq"] for item in theirs] == [1, 2, 3, 4, 5, 6]
    assert not any("token" in item for item in theirs)
    assert [item["type"] for item in theirs][-3:] == [
        "relationship.decline",
        "relationship.end",
        "relationship.attest",
    ]
    assert [item["mid"] for item in theirs][-1] == thread.head
    hers = (await thread.first.read(path)).document["messages"]
    assert all("token" in item for item in hers)
    # The agreement is no part of it, and neither is what waits in the inbox of another thread.
    assert types_in(await vendor.poll()) == ["terms.proffer"]
    assert types_in(await thread.first.poll())[-1] == "relationship.attest"
    assert thread.under is not None
    for reader in (thread.first, vendor):
        record = (await reader.read(f"/v1/records/{thread.under.record}")).document
        assert (len(record["messages"]), record["state"]) == (2, "ended")


# --- another key ---------------------------------------------------------------------------------------


@scenario()
async def she_changes_her_key_on_the_way(m: Market) -> None:
    for state in ("open", "invited", "paused"):
        thread = await together(m, stage="returning")
        terms, old, new, last = thread.under, thread.first, m.world.person(), m.world.person()
        assert terms is not None
        if state == "invited":
            said(await invite(m, thread, "subscriber"), "invited")
        if state == "paused":
            said(await relating.pause(m, thread), "paused")
        forged = relating.proof(m, thread, new, signer=new)
        refused(await relating.rotate(m, thread, new, proven=forged), "thread-unknown")
        said(await relating.rotate(m, thread, new, then=last), state)
        gone = await m.say(thread, old, "relationship.pause", aud=m.vendors[0].id)
        refused(gone, "thread-unknown", "VRM-THR-002")
        # The next one is the key that she has committed to, and no other, whatever proves it.
        thief = m.world.person()
        refused(await relating.rotate(m, thread, thief), "thread-unknown")
        said(await relating.rotate(m, thread, last, proven=None), state)
        refused(await relating.rotate(m, thread, m.world.person(), proven=forged), "thread-unknown")
        # All of it goes with her: the rung, the agreement, and that there is but one.
        refused((await begin(m, terms))[1], "already-open", "VRM-REL-003")
        if state == "paused":
            said(await relating.resume(m, thread), "open")
        refused(await step(m, thread, "returning"), "step-forbidden", "VRM-LAD-006")
        said(await step(m, thread, "subscriber"), "open")
        said(await relating.end(m, thread), "ended")
        assert m.state(terms) == "ended"
        third = m.world.person()
        refused(await relating.rotate(m, thread, third), "state-conflict", "VRM-THR-005")
        said(await relating.attest(m, thread), "closed")


@scenario()
async def an_end_stands_under_another_key(m: Market) -> None:
    first = await together(m)
    old, terms = first.first, first.under
    assert terms is not None
    said(await relating.end(m, first), "ended")
    later = await agreed(m, "SD-BASE", old)
    second = await begun(m, later)
    new = m.world.person()
    said(await relating.rotate(m, second, new), "open")
    assert [m.state(one) for one in (terms, later)] == ["ended", "agreed"]
    said(await relating.end(m, second), "ended")
    assert [m.state(one) for one in (terms, later)] == ["ended", "ended"]
    terms.first = new
    refused((await begin(m, terms))[1], "agreement-not-live", "VRM-REL-001")
