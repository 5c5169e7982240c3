"""Every way in which a thread of terms ends, over HTTP, and what is read of it afterwards."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.deal import LATER, Deal, checkpoint_of, meet, turn_to
from tests.world import Party, running
from vrmproto import timing

DAY = 86400


# --- agreed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", [True, False], ids=["organisation", "did:jwk"])
async def test_the_preferred_agreement_is_accepted(domain):
    async with running() as w:
        deal = await meet(w, domain=domain)
        await deal.proffer("SD-BASE-DP")
        await deal.check("proffered")
        receipt = await deal.accept("SD-BASE-DP")
        record = await deal.check("agreed")
        assert record is not None
        assert record["agreement"]["id"] == "SD-BASE-DP"
        assert record["executed_at"] == receipt.document["iat"]
        assert (record["first"], record["second"]) == (deal.first.id, deal.second.id)
        assert len(record["messages"]) == 2


async def test_one_of_the_acceptable_agreements_is_accepted():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer("SD-BASE-DP", "SD-BASE", "SD-BASE-A")
        await deal.accept("SD-BASE-A")
        record = await deal.check("agreed")
        assert record is not None
        assert record["agreement"]["id"] == "SD-BASE-A"


async def test_the_alternative_is_accepted_by_the_person():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.counter("SD-BASE-AT")
        await deal.check("countered")
        receipt = await deal.accept("SD-BASE-AT")
        record = await deal.check("agreed")
        assert record is not None
        assert record["agreement"]["id"] == "SD-BASE-AT"
        assert record["executed_at"] == receipt.document["iat"]
        assert len(record["messages"]) == 3


# --- no agreement -------------------------------------------------------------------------------


async def test_the_proffer_is_rejected():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        assert (await deal.end(deal.second, "terms.reject", reason="Not for this")).state == "rejected"
        await deal.check("rejected")


async def test_the_alternative_is_rejected_by_the_person():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.counter()
        assert (await deal.end(deal.first, "terms.reject")).state == "rejected"
        await deal.check("rejected")


@pytest.mark.parametrize("countered", [False, True])
async def test_the_person_withdraws(countered):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        if countered:
            await deal.counter()
        assert (await deal.end(deal.first, "terms.withdraw")).state == "withdrawn"
        await deal.check("withdrawn")


async def test_a_proffer_expires_in_the_second_that_answer_by_names():
    async with running() as w:
        deal = await meet(w)
        start = int(w.clock())
        await deal.proffer(answer_by=timing.text(start + LATER))
        turn_to(w, start + LATER - 1)
        assert (await deal.checkpoint(deal.first))["state"] == "proffered"
        turn_to(w, start + LATER)
        await deal.check("expired")
        assert (await deal.checkpoint(deal.first))["iat"] >= start + LATER


async def test_an_alternative_expires_by_its_own_answer_by():
    async with running() as w:
        deal = await meet(w)
        start = int(w.clock())
        await deal.proffer(answer_by=timing.text(start + LATER))
        await deal.counter(answer_by=timing.text(start + 2 * LATER))
        turn_to(w, start + LATER + 5)
        await deal.check("countered")
        turn_to(w, start + 2 * LATER)
        await deal.check("expired")


async def test_deadlines_of_two_seconds_are_kept_by_the_clock_itself():
    async with running() as w:
        proffered, countered = await meet(w), await meet(w)
        await countered.proffer()
        start = int(w.clock()) + 1
        turn_to(w, start)
        near = timing.text(start + 2)
        await proffered.proffer(answer_by=near)
        await countered.counter(answer_by=near)
        assert (await proffered.checkpoint(proffered.first))["state"] == "proffered"
        assert (await countered.checkpoint(countered.second))["state"] == "countered"
        await asyncio.sleep(start + 2.02 - w.clock())
        await proffered.check("expired")
        await countered.check("expired")


# --- the end of an agreement --------------------------------------------------------------------


async def test_the_organisation_terminates():
    async with running() as w:
        deal = await agreed(await meet(w))
        assert (await deal.end(deal.second, "agreement.terminate", reason="We close")).state == "terminated"
        record = await deal.check("terminated")
        assert record is not None
        assert len(record["messages"]) == 2  # the termination is no part of the proof


@pytest.mark.parametrize("prev", ["head", "stale", "nonsense"])
async def test_the_person_terminates_whatever_prev_she_names(prev):
    async with running() as w:
        deal = await agreed(await meet(w))
        named = {"head": deal.head, "stale": deal.thid, "nonsense": "A" * 43}[prev]
        reply = deal.note(await deal.say(deal.first, "agreement.terminate", {}, prev=named))
        assert reply.state == "terminated"
        assert reply.document["prior"] == deal.mids[-2]
        await deal.check("terminated")


async def test_an_organisation_terminates_with_an_older_prev_but_not_with_nonsense():
    async with running() as w:
        deal = await agreed(await meet(w))
        refused = await deal.say(deal.second, "agreement.terminate", {}, prev="A" * 43)
        assert (refused.status, refused.code) == (409, "prev-unknown")
        deal.note(await deal.say(deal.second, "agreement.terminate", {}, prev=deal.thid))
        await deal.check("terminated")


async def test_an_agreement_ends_by_the_date_of_the_proffer():
    async with running() as w:
        deal = await meet(w)
        start = int(w.clock())
        await deal.proffer(ends=timing.text(start + 40 * DAY))
        await deal.accept()
        turn_to(w, start + 40 * DAY - 10)
        await deal.check("agreed")
        turn_to(w, start + 40 * DAY)
        await deal.check("ended")


async def test_an_agreement_ends_by_the_date_of_the_alternative():
    async with running() as w:
        deal = await meet(w)
        start = int(w.clock())
        await deal.proffer(ends=timing.text(start + 40 * DAY))
        await deal.counter(ends=timing.text(start + 50 * DAY))
        await deal.accept("SD-BASE-A")
        turn_to(w, start + 45 * DAY)
        await deal.check("agreed")
        turn_to(w, start + 50 * DAY)
        await deal.check("ended")


async def test_an_alternative_without_ends_is_not_ended_by_the_proffers():
    async with running() as w:
        deal = await meet(w)
        start = int(w.clock())
        await deal.proffer(ends=timing.text(start + 40 * DAY))
        await deal.counter()
        await deal.accept("SD-BASE-A")
        turn_to(w, start + 4000 * DAY)
        await deal.check("agreed")


async def test_a_termination_after_ends_comes_too_late_and_one_before_counts():
    async with running() as w:
        late, early = await meet(w), await meet(w)
        start = int(w.clock())
        for deal in (late, early):
            await deal.proffer(ends=timing.text(start + 2 * DAY))
            await deal.accept()
        await early.end(early.first, "agreement.terminate")
        turn_to(w, start + 2 * DAY)
        refused = await late.say(late.first, "agreement.terminate", {})
        assert (refused.status, refused.code) == (409, "deadline-passed")
        await late.check("ended")
        await early.check("terminated")


# --- superseded ---------------------------------------------------------------------------------


async def test_a_later_service_delivery_agreement_supersedes_the_earlier_one_only():
    async with running() as w:
        old = await agreed(await meet(w))
        person, shop = old.first, old.second
        beside = await agreed(Deal(w, person, shop), "PDC-GOOD")
        other_purpose = await agreed(Deal(w, person, shop), "PDC-AI")
        elsewhere = await agreed(Deal(w, person, await w.organisation()))
        neighbour = await agreed(Deal(w, await known(w.person()), shop))

        new = Deal(w, person, shop)
        await new.proffer("SD-BASE-A")
        await old.check("agreed")  # an offer supersedes nothing
        await new.accept("SD-BASE-A")

        await old.check("superseded")
        await new.check("agreed")
        for deal in (beside, other_purpose, elsewhere, neighbour):
            await deal.check("agreed")

        newest = await agreed(Deal(w, person, shop), "SD-BASE-DP")
        await old.check("superseded")
        await new.check("superseded")
        await newest.check("agreed")

        again = await agreed(Deal(w, person, shop), "PDC-GOOD")
        await beside.check("superseded")
        await again.check("agreed")
        await other_purpose.check("agreed")
        await newest.check("agreed")


async def test_the_end_of_the_later_agreement_does_not_bring_the_earlier_one_back():
    async with running() as w:
        old = await agreed(await meet(w))
        new = await agreed(Deal(w, old.first, old.second), "SD-BASE")
        await new.end(new.first, "agreement.terminate")
        await new.check("terminated")
        await old.check("superseded")


async def test_what_has_ended_is_not_superseded():
    async with running() as w:
        old = await agreed(await meet(w))
        await old.end(old.second, "agreement.terminate")
        await agreed(Deal(w, old.first, old.second), "SD-BASE")
        await old.check("terminated")


async def test_a_superseded_thread_says_when_it_was_read_not_when_it_was_left():
    async with running() as w:
        old = await agreed(await meet(w))
        before = await old.checkpoint(old.first)
        w.clock.forward(100)
        await agreed(Deal(w, old.first, old.second), "SD-BASE")
        w.clock.forward(100)
        after = await old.checkpoint(old.first)
        assert after["state"] == "superseded"
        assert after["iat"] >= before["iat"] + 200
        assert after["mid"] == before["mid"]


async def agreed(deal: Deal, name: str = "SD-BASE-DP") -> Deal:
    await deal.proffer(name)
    await deal.accept(name)
    return deal


async def known(party: Party) -> Party:
    await party.announce()
    return party


async def test_a_record_read_before_the_end_still_verifies_after_it():
    async with running() as w:
        deal = await agreed(await meet(w))
        before = await deal.first.read(f"/v1/records/{deal.record}")
        await deal.end(deal.first, "agreement.terminate")
        deal.check_record(before, "agreed")
        after = await deal.check("terminated")
        assert after is not None
        assert after["messages"] == before.document["messages"]
        assert checkpoint_of(after)["seq"] == 3
