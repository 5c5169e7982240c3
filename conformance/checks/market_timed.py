"""Intents and offers whose time passes, really waited for: what ends then, and what it leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from conformance import jose, receipts
from conformance.checks.feeds import Reader, aisle, filed, same, shown, told
from conformance.checks.intents import attestation, confirms, states
from conformance.checks.offers import listed
from conformance.lab import Lab, Party, Thread, check
from conformance.results import Inconclusive
from conformance.traces import stamp

__all__: list[str] = []

SECONDS = (3, 9)
"""How far ahead deadlines are set: more where the requests before them take longer than that."""


async def in_time(story: Callable[[int], Awaitable[None]]) -> None:
    """Tell a story with short deadlines, and with longer ones where it was too late for its beginning."""
    for seconds in SECONDS:
        try:
            await story(seconds)
            return
        except Inconclusive:
            if seconds == SECONDS[-1]:
                raise


async def reached(lab: Lab, moment: float) -> None:
    """Wait until it is so late there."""
    await asyncio.sleep(max(0.0, moment - time.time() - lab.target.skew) + 0.25)


async def becomes(lab: Lab, requirement: str, state: str, *threads: Thread, patience: float = 2.0) -> None:
    """Every read shows the state: thread, list and record, of both parties.

    The clock of a home is known to about two seconds only: it has so long.
    """
    until = time.monotonic() + patience
    for thread in threads:
        while await lab.state(thread.first, thread.thid) != state and time.monotonic() < until:
            await asyncio.sleep(0.3)
    for thread in threads:
        for party in (thread.first, thread.second):
            if party is None:
                continue
            same(lab, requirement, state, await lab.state(party, thread.thid))
            same(lab, requirement, state, (await listed(lab, party))[thread.thid]["state"])
            if thread.second is not None:
                record = await lab.record(party, thread.thid)
                same(lab, requirement, state, record["state"])
                claims = receipts.claims(lab.target, record.get("checkpoint", ""))
                said = claims if isinstance(claims, str) else claims["state"]
                same(lab, requirement, state, said)


async def still(lab: Lab, requirement: str, state: str, moment: float, thread: Thread) -> None:
    """Well before the moment nothing has happened; near it nothing is judged."""
    seen = await lab.state(thread.first, thread.thid)
    if time.time() + lab.target.skew < moment - 1:
        same(lab, requirement, state, seen)


async def late(lab: Lab, requirement: str, thread: Thread, *tried: tuple[Party, str, Any]) -> None:
    """These messages come too late, and change nothing."""
    for party, type_, body in tried:
        lab.refused(requirement, await lab.attempt(party, type_, body, thread), "deadline-passed")


@check("VRM-THR-018", profile="intent", slow=True)
async def an_offer_lapses_with_its_validity(lab: Lab) -> None:
    """In every read and for every message, without one being sent; the person cannot take it any more."""

    async def story(seconds: int) -> None:
        anna, vendor = lab.person(), await lab.vendor()
        intent = await lab.published(anna)
        moment = lab.target.now() + seconds
        offer = await lab.offered(intent, vendor, valid_until=stamp(moment))
        longer = await lab.offered(intent, vendor, valid_until=stamp(moment))
        shorter = await lab.offered(intent, vendor)
        revision = lab.bodies.revision(valid_until=lab.bodies.at(3600))
        await lab.say(vendor, "offer.revise", revision, longer)
        revision = lab.bodies.revision(valid_until=stamp(moment))
        last = await lab.say(vendor, "offer.revise", revision, shorter)
        await lab.say(anna, "offer.message", {"text": "Until when?"}, shorter)
        await still(lab, "VRM-THR-018", "offered", moment, offer)
        await reached(lab, moment)
        await becomes(lab, "VRM-THR-018", "lapsed", offer, shorter)
        same(lab, "VRM-THR-018", ["offered"], await states(lab, longer))
        for thread, takes in ((offer, offer.thid), (shorter, last.mid)):
            await late(
                lab,
                "VRM-THR-018",
                thread,
                (anna, "offer.accept", lab.bodies.taking(takes)),
                (anna, "offer.decline", {}),
                (anna, "offer.message", {"text": "Too late?"}),
                (vendor, "offer.revise", lab.bodies.revision()),
                (vendor, "offer.withdraw", {}),
            )
        await becomes(lab, "VRM-THR-018", "lapsed", offer, shorter)
        attested = await lab.attempt(vendor, "purge.attest", attestation(lab), offer)
        lab.taken("VRM-THR-018", attested, "purged")
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(longer.head), longer)
        lab.taken("VRM-THR-018", said, "accepted")

    await in_time(story)


@check("VRM-THR-018", "VRM-OFR-012", "VRM-OFR-013", profile="intent", slow=True)
async def an_acceptance_that_is_not_confirmed_frees_its_place(lab: Lab) -> None:
    """When ``confirm_by`` has passed, and not before; the vendor is late then."""

    async def story(seconds: int) -> None:
        anna, vendor, other = lab.person(), await lab.vendor(), await lab.vendor()
        intent = await lab.published(anna)
        one, two = await lab.offered(intent, vendor), await lab.offered(intent, other)
        moment = lab.target.now() + seconds
        await lab.accepted(one, confirm_by=stamp(moment))
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(two.thid), two)
        if time.time() + lab.target.skew < moment - 1:
            lab.refused("VRM-OFR-012", said, "accepts-used-up")
        elif said.taken:
            raise Inconclusive("the place was free before it could be asked for")
        await still(lab, "VRM-THR-018", "accepted", moment, one)
        await reached(lab, moment)
        await becomes(lab, "VRM-THR-018", "lapsed", one)
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(two.thid), two)
        lab.taken("VRM-OFR-013", said, "accepted")
        await late(
            lab,
            "VRM-THR-018",
            one,
            (vendor, "offer.confirm", lab.bodies.taking(one.thid, confirm_by=None)),
            (vendor, "offer.cancel", {}),
            (anna, "offer.cancel", {}),
            (anna, "disclosure.release", lab.bodies.release()),
        )
        await confirms(lab, "VRM-OFR-013", two)
        same(lab, "VRM-OFR-013", ["lapsed", "confirmed"], await states(lab, one, two))

    await in_time(story)


@check("VRM-THR-018", "VRM-INT-010", "VRM-BRD-005", "VRM-BRD-008", profile="intent", slow=True)
async def an_intent_ends_with_its_until(lab: Lab) -> None:
    """Nobody is shown it any more, no item says so, offers lapse, and what was accepted goes on."""

    async def story(seconds: int) -> None:
        code = aisle()
        vendor = await lab.vendor()
        anna, paused_by, longer_by, shorter_by = (lab.person() for _ in range(4))
        moment = lab.target.now() + seconds
        until = stamp(moment)
        intent, paused, longer, shorter = await asyncio.gather(
            filed(lab, code, anna, until=until, rules={"accepts": 2}),
            filed(lab, code, paused_by, until=until),
            filed(lab, code, longer_by, until=until),
            filed(lab, code, shorter_by),
        )
        need = jose.claims_of(intent.said[0].token)["body"]["need"]
        offered, accepted, kept = await asyncio.gather(
            lab.offered(intent, vendor), lab.offered(intent, vendor), lab.offered(longer, vendor)
        )
        await asyncio.gather(
            lab.accepted(accepted),
            lab.say(paused_by, "intent.pause", {}, paused),
            lab.say(longer_by, "intent.amend", lab.bodies.amendment(2, need=need), longer),
            lab.say(shorter_by, "intent.amend", lab.bodies.amendment(2, need=need, until=until), shorter),
        )
        reader = Reader(lab, code)
        before = sorted(told(await reader.on()))
        if time.time() + lab.target.skew < moment - 0.5:
            open_ = sorted([shown(intent), shown(longer, 1), shown(shorter, 1)])
            same(lab, "VRM-BRD-005", open_, before)
        await reached(lab, moment)
        await becomes(lab, "VRM-THR-018", "expired", intent, paused, shorter)
        await reader.shows("VRM-BRD-008", [])
        for limit in (0, 1):
            same(lab, "VRM-BRD-005", [shown(longer, 1)], told(await Reader(lab, code, limit).on()))
        bob = lab.person()
        same(lab, "VRM-THR-018", "expired", await lab.state(bob, intent.thid))
        right = ["lapsed", "accepted", "offered"]
        same(lab, "VRM-INT-010", right, await states(lab, offered, accepted, kept))
        await becomes(lab, "VRM-INT-010", "lapsed", offered)
        await confirms(lab, "VRM-INT-010", accepted)
        body = lab.bodies.offer(intent.thid)
        said = await lab.attempt(vendor, "offer.make", body, aud=anna.id, pthid=intent.thid)
        lab.refused("VRM-THR-018", said, "intent-not-open")
        amendment = lab.bodies.amendment(2)
        await late(lab, "VRM-THR-018", intent, (anna, "intent.amend", amendment), (anna, "intent.pause", {}))
        await late(lab, "VRM-THR-018", paused, (paused_by, "intent.resume", {}))
        await late(lab, "VRM-THR-018", shorter, (shorter_by, "intent.amend", lab.bodies.amendment(3)))
        await reader.shows("VRM-BRD-008", [])

    await in_time(story)


@check("VRM-OFR-024", "VRM-OFR-014", profile="intent", slow=True)
async def a_purge_that_is_late_is_seen(lab: Lab) -> None:
    """From every state in which an offer is over, and in no other; who is late may still attest."""

    async def one_of(within: int, state: str, *acts: tuple[str, str]) -> None:
        anna, vendor = lab.person(), await lab.vendor()
        intent = await lab.published(anna, purge_within=f"PT{within}S")
        offer = await lab.offered(intent, vendor)
        said = offer.said[0]
        for who, type_ in acts:
            if type_ == "offer.accept":
                said = await lab.accepted(offer)
            elif type_ == "offer.confirm":
                said = await lab.confirmed(offer)
            else:
                thread = intent if type_.startswith("intent") else offer
                said = await lab.say(anna if who == "anna" else vendor, type_, {}, thread)
        moment = said.receipt["iat"] + within
        await still(lab, "VRM-OFR-024", state, moment, offer)
        await reached(lab, moment)
        await becomes(lab, "VRM-OFR-024", "purge-overdue", offer)
        if state == "fulfilled":  # its place is kept
            body = lab.bodies.offer(intent.thid)
            tried = await lab.attempt(vendor, "offer.make", body, aud=anna.id, pthid=intent.thid)
            lab.refused("VRM-OFR-014", tried, "intent-not-open")
        hers = await lab.attempt(anna, "purge.attest", attestation(lab), offer)
        lab.refused("VRM-OFR-024", hers, "role-forbidden")
        attested = await lab.attempt(vendor, "purge.attest", attestation(lab), offer)
        lab.taken("VRM-OFR-024", attested, "purged")
        same(lab, "VRM-OFR-024", ["purged"], await states(lab, offer))

    async def in_good_time() -> None:
        anna, vendor = lab.person(), await lab.vendor()
        intent = await lab.published(anna, purge_within="PT2S", rules={"accepts": 3})
        made = [await lab.offered(intent, vendor) for _ in range(3)]
        goes_on, accepted, purged = made
        await lab.accepted(accepted)
        await lab.say(vendor, "offer.withdraw", {}, purged)
        await lab.say(vendor, "purge.attest", attestation(lab), purged)
        await reached(lab, lab.target.now() + 4)
        same(lab, "VRM-OFR-024", ["offered", "accepted", "purged"], await states(lab, *made))
        assert goes_on.second is vendor

    async def lapsed(seconds: int) -> None:
        anna, vendor = lab.person(), await lab.vendor()
        intent = await lab.published(anna, purge_within="PT3S")
        moment = lab.target.now() + seconds
        offer = await lab.offered(intent, vendor, valid_until=stamp(moment))
        await reached(lab, moment)
        if time.time() + lab.target.skew < moment + 2:
            same(lab, "VRM-OFR-024", ["lapsed"], await states(lab, offer))
        await reached(lab, moment + 3)
        await becomes(lab, "VRM-OFR-024", "purge-overdue", offer)

    taken = (("anna", "offer.accept"), ("vendor", "offer.confirm"))
    await asyncio.gather(
        one_of(3, "withdrawn", ("vendor", "offer.withdraw")),
        one_of(3, "declined", ("anna", "offer.decline")),
        one_of(3, "lapsed", ("anna", "intent.withdraw")),
        one_of(3, "cancelled", taken[0], ("vendor", "offer.cancel")),
        one_of(3, "cancelled", *taken, ("anna", "offer.cancel")),
        one_of(3, "fulfilled", *taken, ("vendor", "order.fulfil")),
        one_of(1, "withdrawn", ("vendor", "offer.withdraw")),
        in_good_time(),
        in_time(lapsed),
    )


@check("VRM-THR-019", "VRM-THR-018", profile="intent", slow=True)
async def the_earliest_cause_ends_an_offer(lab: Lab) -> None:
    """Seen by when its purge is late; in one second the offer's own deadline goes before the intent's end."""
    within = 4

    async def setting(**offer: Any) -> tuple[Party, Party, Thread, Thread]:
        anna, vendor = lab.person(), await lab.vendor()
        intent = await lab.published(anna, purge_within=f"PT{within}S", rules={"accepts": 1})
        return anna, vendor, intent, await lab.offered(intent, vendor, **offer)

    async def overdue(offer: Thread, moment: float) -> None:
        await reached(lab, moment + within)
        await becomes(lab, "VRM-THR-019", "purge-overdue", offer, patience=1.2)

    async def deadline_then_end(seconds: int) -> None:
        moment = lab.target.now() + seconds
        anna, _, intent, offer = await setting(valid_until=stamp(moment))
        await reached(lab, moment + 2.5)
        await lab.say(anna, "intent.withdraw", {}, intent)
        await overdue(offer, moment)

    async def end_then_deadline(_seconds: int) -> None:
        moment = lab.target.now() + 3 + within
        anna, _, intent, offer = await setting(valid_until=stamp(moment))
        ended = (await lab.say(anna, "intent.close", {"outcome": "elsewhere"}, intent)).receipt["iat"]
        if time.time() + lab.target.skew > moment - 3:
            raise Inconclusive("the end of the intent came too late to tell the two causes apart")
        await overdue(offer, ended)
        await reached(lab, moment)  # and a deadline that it did not live to see changes nothing
        await becomes(lab, "VRM-THR-019", "purge-overdue", offer, patience=0)
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(offer.thid), offer)
        lab.refused("VRM-THR-019", said, "state-conflict")

    async def filled_then_end(_seconds: int) -> None:
        anna, _, intent, offer = await setting()
        other = await lab.offered(intent, await lab.vendor())
        await lab.accepted(other)
        moment = (await lab.confirmed(other)).receipt["iat"]
        await reached(lab, moment + 2.5)
        await lab.say(anna, "offer.cancel", {}, other)
        await lab.say(anna, "intent.withdraw", {}, intent)
        await overdue(offer, moment)

    async def one_second(seconds: int) -> None:
        anna, vendor = lab.person(), await lab.vendor()
        moment = lab.target.now() + seconds
        intent = await lab.published(anna, until=stamp(moment))
        both = await lab.offered(intent, vendor, valid_until=stamp(moment))
        parent = await lab.offered(intent, vendor, valid_until=stamp(moment + 3600))
        await reached(lab, moment)
        await becomes(lab, "VRM-THR-018", "lapsed", both, parent)
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(both.thid), both)
        lab.refused("VRM-THR-019", said, "deadline-passed")
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(parent.thid), parent)
        lab.refused("VRM-THR-019", said, "state-conflict")

    stories = (deadline_then_end, end_then_deadline, filled_then_end, one_second)
    await asyncio.gather(*(in_time(story) for story in stories))
