"""Two messages at once of which one decides about the other: one is first, always, and the other is told so.

Each race is run on both stores, in turn with the two as they come, with both in one batch and with each in a
batch of its own, in either order.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.scenarios.market import Market, Thread, market
from tests.world import Reply
from vrmproto import envelope
from vrmproto.home import Acknowledgement, Arrival, Home, Outcome
from vrmproto.storage.base import Store, StoreBusyError

TRIES = 200
"""On each of the two stores."""

Item = Arrival | Acknowledgement
Said = tuple[str, str, str]
"""The codes of both, '' for taken, and the states in which they leave what they were about."""
Race = Callable[[Market, "Start"], Awaitable[Said]]


class Start:
    """Lets both messages go at once, and has the home judge them in one of five ways."""

    WAYS = tuple(itertools.product(("one batch", "two batches"), (False, True)))

    def __init__(self, home: Home, patch: pytest.MonkeyPatch) -> None:
        self.judge = home.accept_batch
        self.tried = 0
        self.way: tuple[str, bool] | None = None
        self.together: Counter[str] = Counter()
        patch.setattr(home, "accept_batch", self.accept_batch)

    def accept_batch(self, items: Sequence[Item], now: int) -> list[Outcome]:
        if self.way is None:
            return self.judge(items, now)
        if len(items) < 2:  # the batch is kept, and tried again with what has come by then
            raise StoreBusyError("the other message has not arrived yet")
        batches, backwards = self.way
        self.together[batches] += 1
        ordered = list(reversed(items)) if backwards else list(items)
        if batches == "one batch":
            outcomes = self.judge(ordered, now)
        else:
            outcomes = [self.judge([item], now)[0] for item in ordered]
        return list(reversed(outcomes)) if backwards else outcomes

    async def both(self, m: Market, one: str, other: str) -> tuple[Reply, Reply]:
        self.tried += 1
        turn = self.tried % (len(self.WAYS) + 1)
        self.way = self.WAYS[turn - 1] if turn else None
        try:
            first, second = await asyncio.gather(m.world.post(one), m.world.post(other))
        finally:
            self.way = None
        assert {first.status, second.status} <= {202, 403, 409}, (first.document, second.document)
        return first, second

    async def run(self, m: Market, one: str, other: str, *about: Thread) -> Said:
        first, second = await self.both(m, one, other)
        return first.code, second.code, " ".join(m.state(thread) or "-" for thread in about)


def taking(m: Market, offer: Thread) -> str:
    body = {"takes": offer.offer, "confirm_by": m.time(1800)}
    return m.write(offer, offer.first, "offer.accept", body)


def confirming(m: Market, offer: Thread) -> str:
    assert offer.second is not None
    return m.write(offer, offer.second, "offer.confirm", {"takes": offer.offer})


def making(m: Market, intent: Thread, vendor: int) -> tuple[str, Thread]:
    """The token of an offer, and the thread that it opens if it is taken."""
    by = m.vendors[vendor]
    token = by.sign(by.claims("offer.make", m.offer(intent), intent.first.id, pthid=intent.thid))
    return token, Thread("offer", intent.first, by, thid=envelope.mid_of(token), parent=intent)


async def accepted(m: Market, offer: Thread) -> Thread:
    assert (await m.accept(offer)).state == "accepted"
    return offer


async def two_acceptances(m: Market, start: Start) -> Said:
    intent = await m.opened()
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    return await start.run(m, taking(m, one), taking(m, two), one, two)


async def accept_against_withdraw(m: Market, start: Start) -> Said:
    offer = await m.offered(await m.opened(), m.vendors[0])
    return await start.run(m, taking(m, offer), m.write(offer, m.vendors[0], "offer.withdraw"), offer)


async def amend_against_offer(m: Market, start: Start) -> Said:
    intent = await m.opened()
    amend = m.write(intent, intent.first, "intent.amend", m.amendment(2))
    make, offer = making(m, intent, 0)
    return await start.run(m, amend, make, offer)


async def the_last_offer(m: Market, start: Start) -> Said:
    intent = await m.opened(rules={"offers": 1})
    (one, first), (two, second) = making(m, intent, 0), making(m, intent, 1)
    return await start.run(m, one, two, first, second)


async def the_last_offer_of_a_vendor(m: Market, start: Start) -> Said:
    intent = await m.opened(rules={"per_vendor": 1})
    (one, first), (two, second) = making(m, intent, 0), making(m, intent, 0)
    return await start.run(m, one, two, first, second)


async def confirm_against_the_end(m: Market, start: Start) -> Said:
    intent = await m.opened()
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    await accepted(m, one)
    end = m.write(intent, intent.first, "intent.withdraw")
    return await start.run(m, confirming(m, one), end, one, two, intent)


async def accept_against_the_end(m: Market, start: Start) -> Said:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    end = m.write(intent, intent.first, "intent.withdraw")
    return await start.run(m, taking(m, offer), end, offer, intent)


async def two_confirmations_that_fill(m: Market, start: Start) -> Said:
    intent = await m.opened(rules={"accepts": 2})
    one, two, three = [await m.offered(intent, vendor) for vendor in m.vendors[:3]]
    await accepted(m, one)
    await accepted(m, two)
    return await start.run(m, confirming(m, one), confirming(m, two), one, two, three)


async def confirm_against_offer(m: Market, start: Start) -> Said:
    intent = await m.opened()
    one = await accepted(m, await m.offered(intent, m.vendors[0]))
    make, two = making(m, intent, 1)
    return await start.run(m, confirming(m, one), make, one, two)


async def confirm_against_cancel(m: Market, start: Start) -> Said:
    offer = await accepted(m, await m.offered(await m.opened(), m.vendors[0]))
    return await start.run(m, confirming(m, offer), m.write(offer, offer.first, "offer.cancel"), offer)


# What may come out; every one of them does.
RACES: dict[str, tuple[Race, set[Said]]] = {
    "two acceptances": (
        two_acceptances,
        {("", "accepts-used-up", "accepted offered"), ("accepts-used-up", "", "offered accepted")},
    ),
    "accept against withdraw": (
        accept_against_withdraw,
        {("", "state-conflict", "accepted"), ("state-conflict", "", "withdrawn")},
    ),
    # An offer of the first version may come before the amendment: then both are taken, in that order.
    "amend against offer": (amend_against_offer, {("", "", "offered"), ("", "intent-stale", "-")}),
    "the last offer": (
        the_last_offer,
        {("", "offer-limit", "offered -"), ("offer-limit", "", "- offered")},
    ),
    "the last offer of a vendor": (
        the_last_offer_of_a_vendor,
        {("", "offer-limit", "offered -"), ("offer-limit", "", "- offered")},
    ),
    # What she has accepted goes on when the intent ends, in whichever order; the other offer does not.
    "confirm against the end": (confirm_against_the_end, {("", "", "confirmed lapsed withdrawn")}),
    "accept against the end": (
        accept_against_the_end,
        {("", "", "accepted withdrawn"), ("state-conflict", "", "lapsed withdrawn")},
    ),
    "two confirmations that fill": (two_confirmations_that_fill, {("", "", "confirmed confirmed lapsed")}),
    # An offer that was made before lapses at once.
    "confirm against offer": (
        confirm_against_offer,
        {("", "", "confirmed lapsed"), ("", "intent-not-open", "confirmed -")},
    ),
    "confirm against cancel": (
        confirm_against_cancel,
        {("", "", "cancelled"), ("state-conflict", "", "cancelled")},
    ),
}


@pytest.mark.parametrize("name", RACES)
async def test_one_is_first_always(name: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    race, possible = RACES[name]
    seen: Counter[Said] = Counter()
    async with market(store, vendors=3) as m:
        start = Start(m.world.home, monkeypatch)
        for _ in range(TRIES):
            seen[await race(m, start)] += 1
    assert seen.keys() == possible, seen
    assert seen.total() == TRIES
    assert start.together == {"one batch": TRIES * 2 // 5, "two batches": TRIES * 2 // 5}
