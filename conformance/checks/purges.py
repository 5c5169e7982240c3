"""Purges: what a vendor still reads once it has attested, and that the person keeps everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance import jose, receipts
from conformance.checks.feeds import same
from conformance.checks.intents import attestation, states
from conformance.checks.offers import introduced, judge_record, listed, pages
from conformance.lab import Lab, Party, Said, Thread, check

__all__: list[str] = []


@dataclass
class Story:
    """An offer that was talked about at length, and others beside it."""

    anna: Party
    vendor: Party
    intent: Thread
    offer: Thread
    beside: Thread
    waiting: list[Said]
    """What the vendor has not acknowledged, of other threads."""


async def _story(lab: Lab) -> Story:
    """It ends by a cancellation and has every kind of message in it."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 3})
    offer = await lab.offered(intent, vendor)
    beside = await lab.offered(intent, vendor)
    await lab.say(anna, "offer.message", {"text": "Is it blue?"}, offer)
    aside = await lab.say(anna, "offer.message", {"text": "And this one?"}, beside)
    await lab.say(vendor, "offer.message", {"text": "It is red."}, offer)
    revised = await lab.say(vendor, "offer.revise", lab.bodies.revision(), offer)
    await lab.accepted(offer, revised.mid)
    amended = await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 3}), intent)
    await lab.say(anna, "disclosure.release", lab.bodies.release(), offer)
    await lab.confirmed(offer, revised.mid)
    await lab.say(anna, "offer.cancel", {}, offer)
    return Story(anna, vendor, intent, offer, beside, [aside, amended])


def _tombstones(lab: Lab, story: Story, shown: list[Mapping[str, Any]]) -> None:
    """Each message but the first has given way to a tombstone, with its mid, seq, type and receipt."""
    offer = story.offer
    same(lab, "VRM-OFR-025", list(range(1, len(offer.said) + 1)), [one["seq"] for one in shown])
    for said, one in zip(offer.said, shown, strict=True):
        claims = receipts.claims(lab.target, one["receipt"])
        same(lab, "VRM-OFR-025", said.receipt, claims)
        if said is offer.said[0]:
            lab.holds("VRM-OFR-025", one.get("token") == said.token, "the message of the record", one)
            continue
        lab.holds("VRM-OFR-025", "token" not in one, "no token", one.get("token"))
        named = (one.get("mid"), one.get("type"))
        same(lab, "VRM-OFR-025", (said.mid, jose.claims_of(said.token)["type"]), named)


@check("VRM-OFR-025", "VRM-OFR-026", "VRM-OFR-027", profile="intent")
async def a_purge_leaves_tombstones_to_the_vendor(lab: Lab) -> None:
    """By any page of the thread; its inbox holds other threads only, and the person reads all as before."""
    story = await _story(lab)
    anna, vendor, offer = story.anna, story.vendor, story.offer
    tokens = [s.token for s in offer.said]
    before = [m.get("token") for m in await pages(lab, "VRM-OFR-025", vendor, offer.thid)]
    lab.holds("VRM-OFR-025", before == tokens, "the whole thread before the purge", len(before))
    hers = await lab.inbox(anna)
    waits = await lab.inbox(vendor)
    lab.holds("VRM-OFR-026", len(waits) > 2, "messages that wait for the vendor", waits)
    attest = await lab.attempt(vendor, "purge.attest", attestation(lab), offer)
    lab.taken("VRM-OFR-025", attest, "purged")
    same(lab, "VRM-OFR-026", [s.mid for s in story.waiting], await lab.inbox(vendor))
    document = await lab.poll(vendor)
    held = set(document["sets"]) | set(document["receipts"])
    same(lab, "VRM-OFR-026", {s.mid for s in story.waiting}, held)
    for limit in (0, 1, 2, 3):
        _tombstones(lab, story, await pages(lab, "VRM-OFR-025", vendor, offer.thid, limit))
    last = await lab.thread(vendor, offer.thid, from_=len(offer.said), limit=1)
    lab.holds("VRM-OFR-025", "token" not in last["messages"][0], "no token on a page of its own", last)
    raw = await lab.get(vendor, lab.thread_url(offer.thid))
    found = [s.mid for s in offer.said[1:] if s.token.split(".")[1] in raw.text]
    lab.holds("VRM-OFR-025", not found, "nothing of the erased messages", found)
    for party in (anna, vendor):
        checkpoint = (await lab.thread(party, offer.thid))["checkpoint"]
        claims = jose.claims_of(checkpoint)
        right = (party.id, attest.mid, len(offer.said), "purged")
        same(lab, "VRM-OFR-025", right, tuple(claims.get(n) for n in ("aud", "mid", "seq", "state")))
        same(lab, "VRM-OFR-027", "purged", (await listed(lab, party))[offer.thid]["state"])
    # The person has everything, and both have the record.
    for limit in (0, 1, 3):
        read = [m.get("token") for m in await pages(lab, "VRM-OFR-027", anna, offer.thid, limit)]
        whole = read == [s.token for s in offer.said]
        lab.holds("VRM-OFR-027", whole, "the whole thread for the person", len(read))
    same(lab, "VRM-OFR-027", [*hers, attest.mid], await lab.inbox(anna))
    for party in (anna, vendor):
        await judge_record(lab, party, story.intent, offer, "purged", shown="VRM-OFR-027")
    lab.holds("VRM-OFR-027", True, "the record for both")
    # Nothing else has been purged.
    beside = [m.get("token") for m in await pages(lab, "VRM-OFR-025", vendor, story.beside.thid)]
    right_tokens = [s.token for s in story.beside.said]
    lab.holds("VRM-OFR-025", beside == right_tokens, "the other offer as it was", len(beside))
    same(lab, "VRM-OFR-025", ["offered"], await states(lab, story.beside))


@check("VRM-OFR-025", "VRM-OFR-026", "VRM-OFR-027", profile="intent")
async def after_a_purge_nothing_more_is_said(lab: Lab) -> None:
    """Neither by her nor by the vendor, who attests once; what she tries to say reaches it no more."""
    story = await _story(lab)
    anna, vendor, offer = story.anna, story.vendor, story.offer
    await lab.say(vendor, "purge.attest", attestation(lab), offer)
    for party, type_, body in (
        (anna, "offer.message", {"text": "One more thing"}),
        (anna, "disclosure.release", lab.bodies.release()),
        (vendor, "offer.message", {"text": "One more thing"}),
        (vendor, "purge.attest", attestation(lab)),
    ):
        said = await lab.attempt(party, type_, body, offer)
        lab.holds("VRM-OFR-026", not said.taken, f"{type_} refused", said.answer.said)
    same(lab, "VRM-OFR-026", [s.mid for s in story.waiting], await lab.inbox(vendor))
    _tombstones(lab, story, await pages(lab, "VRM-OFR-025", vendor, offer.thid))
    more = await lab.say(anna, "intent.pause", {}, story.intent)
    waits = [*(s.mid for s in story.waiting), more.mid]
    same(lab, "VRM-OFR-026", waits, await lab.inbox(vendor))
    read = [m.get("token") for m in await pages(lab, "VRM-OFR-027", anna, offer.thid)]
    lab.holds("VRM-OFR-027", read == [s.token for s in offer.said], "the whole thread", len(read))


@check("VRM-OFR-025", "VRM-OFR-027", profile="intent")
async def a_purge_is_seen_alike_under_another_identifier(lab: Lab) -> None:
    """An introduction is a tombstone for the vendor too, stands in the record, and she reads it whole."""
    anna, new, vendor = lab.person(), lab.person(), await lab.vendor()
    intent = await lab.published(anna)
    offer = await lab.offered(intent, vendor)
    await lab.accepted(offer)
    brought = await introduced(lab, offer, new)
    await lab.confirmed(offer)
    await lab.say(vendor, "order.fulfil", {"reference": "V-1"}, offer)
    await lab.say(vendor, "purge.attest", attestation(lab), offer)
    story = Story(anna, vendor, intent, offer, offer, [])
    _tombstones(lab, story, await pages(lab, "VRM-OFR-025", vendor, offer.thid))
    read = [m.get("token") for m in await pages(lab, "VRM-OFR-027", new, offer.thid)]
    lab.holds("VRM-OFR-027", read == [s.token for s in offer.said], "the whole thread", len(read))
    for party in (new, vendor):
        await judge_record(lab, party, intent, offer, "purged", (brought,), "VRM-OFR-027")
    lab.refused("VRM-OFR-027", await lab.get(anna, lab.thread_url(offer.thid)), "not-found")


@check("VRM-OFR-025", profile="intent")
async def nothing_is_purged_before_a_vendor_attests(lab: Lab) -> None:
    """From every state in which an offer is over; in the others there is nothing to attest."""

    async def one_of(*acts: tuple[str, str]) -> None:
        anna, vendor = lab.person(), await lab.vendor()
        intent = await lab.published(anna)
        offer = await lab.offered(intent, vendor)
        live = await lab.attempt(vendor, "purge.attest", attestation(lab), offer)
        lab.refused("VRM-OFR-025", live, "state-conflict")
        for who, type_ in acts:
            party = anna if who == "anna" else vendor
            if type_ == "intent.withdraw":
                await lab.say(anna, type_, {}, intent)
            elif type_ == "offer.accept":
                await lab.accepted(offer)
            elif type_ == "offer.confirm":
                await lab.confirmed(offer)
            else:
                await lab.say(party, type_, {}, offer)
        state = (await states(lab, offer))[0]
        tokens = [m.get("token") for m in await pages(lab, "VRM-OFR-025", vendor, offer.thid)]
        lab.holds("VRM-OFR-025", tokens == [s.token for s in offer.said], f"all while {state}", len(tokens))
        hers = await lab.attempt(anna, "purge.attest", attestation(lab), offer)
        lab.refused("VRM-OFR-025", hers, "role-forbidden")
        done = await lab.attempt(vendor, "purge.attest", attestation(lab), offer)
        lab.taken("VRM-OFR-025", done, "purged")
        _tombstones(
            lab,
            Story(anna, vendor, intent, offer, offer, []),
            await pages(lab, "VRM-OFR-025", vendor, offer.thid),
        )

    taken = (("anna", "offer.accept"), ("vendor", "offer.confirm"))
    await asyncio.gather(
        one_of(("vendor", "offer.withdraw")),
        one_of(("anna", "offer.decline")),
        one_of(("anna", "intent.withdraw")),
        one_of(taken[0], ("vendor", "offer.cancel")),
        one_of(*taken, ("anna", "offer.cancel")),
        one_of(*taken, ("vendor", "order.fulfil")),
    )
