"""Two messages at once, of which one may be taken: exactly one is, always."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.scenarios.market import Market, Thread, market
from tests.world import Reply

TRIES = 200

Pair = tuple[Reply, Reply]
Race = Callable[[Market, int], Awaitable[Pair]]


async def both(m: Market, one: str, other: str, n: int) -> Pair:
    """Both at once, each in its turn the first on the way."""
    sends = [m.world.post(one), m.world.post(other)]
    if n % 2:
        second, first = await asyncio.gather(*reversed(sends))
    else:
        first, second = await asyncio.gather(*sends)
    return first, second


def taking(m: Market, offer: Thread) -> str:
    body = {"takes": offer.offer, "confirm_by": m.time(1800)}
    return m.write(offer, offer.first, "offer.accept", body)


async def two_acceptances(m: Market, n: int) -> Pair:
    intent = await m.opened()
    offers = [await m.offered(intent, vendor) for vendor in m.vendors]
    one, two = (taking(m, offer) for offer in offers)
    return await both(m, one, two, n)


async def accept_against_withdraw(m: Market, n: int) -> Pair:
    offer = await m.offered(await m.opened(), m.vendors[0])
    return await both(m, taking(m, offer), m.write(offer, m.vendors[0], "offer.withdraw"), n)


async def amend_against_offer(m: Market, n: int) -> Pair:
    intent = await m.opened()
    amend = m.write(intent, intent.first, "intent.amend", m.amendment(2))
    vendor = m.vendors[0]
    make = vendor.sign(vendor.claims("offer.make", m.offer(intent), intent.first.id, pthid=intent.thid))
    return await both(m, amend, make, n)


async def last_place(m: Market, n: int) -> Pair:
    intent = await m.opened(rules={"offers": 1})
    one, two = (
        vendor.sign(vendor.claims("offer.make", m.offer(intent), intent.first.id, pthid=intent.thid))
        for vendor in m.vendors
    )
    return await both(m, one, two, n)


async def confirm_against_cancel(m: Market, n: int) -> Pair:
    offer = await m.offered(await m.opened(), m.vendors[0])
    assert (await m.accept(offer)).status == 202
    confirm = m.write(offer, m.vendors[0], "offer.confirm", {"takes": offer.offer})
    return await both(m, confirm, m.write(offer, offer.first, "offer.cancel"), n)


async def accept_against_the_end(m: Market, n: int) -> Pair:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    return await both(m, taking(m, offer), m.write(intent, intent.first, "intent.withdraw"), n)


# What may come out: the codes of both, '' for a message that was taken.
RACES: dict[str, tuple[Race, set[tuple[str, str]]]] = {
    "two acceptances": (two_acceptances, {("", "accepts-used-up"), ("accepts-used-up", "")}),
    "accept against withdraw": (
        accept_against_withdraw,
        {("", "state-conflict"), ("state-conflict", "")},
    ),
    # An offer of the first version may come before the amendment: then both are taken, in that order.
    "amend against offer": (amend_against_offer, {("", ""), ("", "intent-stale")}),
    "the last place": (last_place, {("", "offer-limit"), ("offer-limit", "")}),
    # A confirmation binds: it is stale once she has cancelled, and a cancellation takes any order.
    "confirm against cancel": (confirm_against_cancel, {("", ""), ("state-conflict", "")}),
    "accept against the end": (accept_against_the_end, {("", ""), ("state-conflict", "")}),
}


@pytest.mark.parametrize("name", RACES)
async def test_one_wins_always(name: str) -> None:
    race, possible = RACES[name]
    seen: Counter[tuple[str, str]] = Counter()
    async with market() as m:
        m.vendors = m.vendors[:2]
        for n in range(TRIES):
            first, second = await race(m, n)
            assert {first.status, second.status} <= {202, 403, 409}
            seen[first.code, second.code] += 1
    assert seen.keys() <= possible, seen
    # Each order has come, so that the race was one.
    assert len(seen) == len(possible), seen
    assert sum(seen.values()) == TRIES


async def test_what_was_taken_is_what_stands() -> None:
    """After a race the threads say the same as the answers."""
    async with market() as m:
        for n in range(20):
            intent = await m.opened()
            offers = [await m.offered(intent, vendor) for vendor in m.vendors]
            one, two = (taking(m, offer) for offer in offers)
            answers = await both(m, one, two, n)
            states = [m.state(offer) for offer in offers]
            assert sorted(states) == ["accepted", "offered"]
            assert [a.status == 202 for a in answers] == [s == "accepted" for s in states]
