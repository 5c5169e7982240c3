"""A vendor at a board: every change once, whatever happens to the process, the feed, or what is in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.test_agents import World
from vrmproto.agents import CustomerAgent, Intent, VendorAgent, WireError
from vrmproto.agents.book import Book
from vrmproto.agents.feeds import Feed
from vrmproto.agents.wire import Wire

CODE = "25101503"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


def need(title: str, code: str = CODE) -> dict[str, Any]:
    return {"title": title, "categories": [{"scheme": "unspsc", "code": code}]}


async def watched(vendor: VendorAgent, **filters: Any) -> list[tuple[str, str, str]]:
    """The changes that come, as (title, event, code)."""
    found = [change async for change in vendor.watch(wait=0, **filters)]
    return [(c.need.get("title", ""), c.event, c.code) for c in found]


async def reopened(vendor: VendorAgent, world: World) -> VendorAgent:
    folder = vendor.book.folder.name
    await vendor.close()
    return await world.vendor(folder, serve=False)


async def publish(customer: CustomerAgent, *titles: str, **options: Any) -> list[str]:
    return [(await customer.publish(need(title), unverified=True, **options)).thid for title in titles]


async def test_every_change_comes_once_and_in_order(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    one, two = await publish(customer, "one", "two", where="NL-NH", lang="nl")
    assert await watched(vendor) == [("one", "open", ""), ("two", "open", "")]
    assert await watched(vendor) == []
    await customer.amend(one, need=need("one again"))
    await customer.pause(two)
    (three,) = await publish(customer, "three")
    vendor = await reopened(vendor, world)
    assert await watched(vendor) == [
        ("one again", "changed", ""),
        ("two", "ended", "paused"),
        ("three", "open", ""),
    ]
    await customer.resume(two)
    await customer.withdraw_intent(one)
    await customer.close(three, "elsewhere")
    assert await watched(vendor) == [
        ("two", "open", ""),
        ("one again", "ended", "withdrawn"),
        ("three", "ended", "closed"),
    ]
    assert await watched(await reopened(vendor, world)) == []


async def test_a_change_tells_all_of_the_intent(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    (thid,) = await publish(customer, "one", where="NL-NH", lang="nl-NL", budget={"max": MONEY})
    await customer.amend(thid, need=need("other"), where=None)
    (change,) = [c async for c in vendor.watch(wait=0)]
    view = customer.view(thid)
    assert (change.thid, change.customer, change.lang) == (thid, view.thread.first, "nl-NL")
    assert (change.version, change.need["title"], change.where) == (2, "other", None)
    assert change.body == view.messages[0].body
    assert (change.budget, change.until) == ({"max": MONEY}, view.deadline)
    assert change.rules["unverified"] is True


MONEY = {"amount": "100.00", "currency": "EUR"}


async def test_filters_have_feeds_of_their_own(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    (one,) = await publish(customer, "one", where="NL-NH", lang="nl-NL")
    await customer.publish(need("two", "98392000"), where="DE-BE", lang="de")
    assert await watched(vendor, category="unspsc:2510") == [("one", "open", "")]
    assert await watched(vendor, region="DE") == [("two", "open", "")]
    assert await watched(vendor, lang="nl") == [("one", "open", "")]
    await customer.amend(one, need=need("one", "98392000"))
    assert await watched(vendor, category="unspsc:2510") == [("one", "ended", "changed")]
    assert len(vendor.book.feeds()) == 3


async def test_a_change_comes_again_until_it_is_done(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    await publish(customer, "one", "two")
    async for change in vendor.watch(wait=0):
        assert change.need["title"] == "one"
        break
    vendor = await reopened(vendor, world)
    async for change in vendor.watch(wait=0):
        assert change.need["title"] == "one"
        vendor.done(change)
        vendor.done(change)
        break
    assert await watched(await reopened(vendor, world)) == [("two", "open", "")]


async def test_what_has_passed_its_time_ends_by_the_own_clock(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    await publish(customer, "one", until="PT1H")
    await publish(customer, "two", until="P1D")
    assert len(await watched(vendor)) == 2
    world.clock.time += 3600
    assert await watched(vendor) == [("one", "ended", "expired")]
    vendor = await reopened(vendor, world)
    assert await watched(vendor) == []


async def test_watching_goes_on_as_long_as_it_is_asked_to(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    changes = vendor.watch()
    await publish(customer, "one")
    assert (await anext(changes)).need["title"] == "one"
    import asyncio

    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await publish(customer, "two")
    assert (await asyncio.wait_for(waiting, 5)).need["title"] == "two"
    await changes.aclose()
    assert [c.need["title"] async for c in vendor.watch(wait=0.3)] == ["two"], "it was not done"


async def test_where_the_home_has_forgotten_the_cursor_the_board_is_compared(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor(serve=False)
    one, two, three = await publish(customer, "one", "two", "three")
    assert len(await watched(vendor)) == 3
    await customer.amend(one, need=need("one again"))
    await customer.withdraw_intent(two)
    await publish(customer, "four")
    gone = [True]

    async def before(request: web.Request) -> web.Response | None:
        if request.path == "/v1/boards/intents" and "cursor" in request.query and gone[0]:
            gone[0] = False
            return web.json_response({"code": "cursor-gone", "status": 410}, status=410)
        return None

    world.before = before
    found = await watched(vendor)
    assert sorted(found) == [("four", "open", ""), ("one again", "changed", ""), ("two", "ended", "gone")]
    assert await watched(vendor) == []
    assert three in vendor._feed(vendor.book.feeds()[0]).known


async def test_items_that_do_not_verify_are_kept_as_evidence_and_passed_over(world: World) -> None:
    customer, _vendor = await world.customer(), await world.vendor(serve=False)
    one, two = await publish(customer, "one", "two")
    await customer.amend(two, need=need("two again"))
    (three,) = await publish(customer, "three")
    spoilt: list[Callable[[dict[str, Any]], Any]] = [
        lambda item: item.update(token=item["token"][:-30] + "A" * 30),
        lambda item: item.update(mid=one),
        lambda item: item.pop("receipt"),
        lambda item: item.update(receipt=customer.ledger.copies[three].links[0].receipt),
    ]

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == "/v1/boards/intents":
            assert isinstance(response.body, bytes)
            document = json.loads(response.body)
            for item in document["items"]:
                if item["mid"] == two:
                    spoilt[-1](item)
            return web.json_response(document)
        return None

    world.after = after
    for number in range(4):
        other = await world.vendor(f"other {number}", serve=False)
        assert await watched(other) == [("one", "open", ""), ("three", "open", "")]
        assert len(list(other.book.evidence("refused"))) == 1
        spoilt.pop()
    spoilt.append(lambda item: item.pop("opened"))
    other = await world.vendor("without its beginning", serve=False)
    assert len(await watched(other)) == 2


async def test_what_is_no_feed(world: World) -> None:
    vendor = await world.vendor(serve=False)

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        return web.json_response({"items": []}) if request.path == "/v1/boards/intents" else None

    world.after = after
    with pytest.raises(WireError, match="no feed"):
        await watched(vendor)


async def test_end_of_what_was_never_shown_is_passed_over(world: World, tmp_path: Path) -> None:
    feed = Feed(Book(tmp_path / "book"), "https://home.example/v1/boards/x")
    feed.page("c1", False, [{"position": 4, "mid": "m", "ended": "closed"}])
    feed.page("c2", False, [{"position": 5, "mid": "m", "removed": "spam"}])
    assert (feed.pending, feed.cursor) == ({}, "c2")
    feed.forget("m")
    assert Feed(Book(tmp_path / "book"), feed.name).cursor == "c2"


def test_feed_is_the_same_after_it_was_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrmproto.agents.feeds._MOST_LINES", 5)
    book = Book(tmp_path / "book")
    feed = Feed(book, "https://home.example/v1/boards/x")
    for n in range(20):
        item = {"position": n + 1, "mid": f"m{n}", "token": "t", "receipt": "r", "version": "v", "until": 9}
        feed.page(f"c{n}", n < 3, [item])
        if n % 2:
            feed.done(str(n + 1))
        again = Feed(Book(tmp_path / "book"), feed.name)
        for name in ("cursor", "known", "pending", "unseen"):
            assert getattr(again, name) == getattr(feed, name), (n, name)
        feed = again


# --- killed between any two steps ------------------------------------------------------------------


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class Killer:
    """Counts what a process does to its folder and to the home, and ends it before the step ``at``."""

    at: int = -1
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps - 1 == self.at:
            raise KilledError

    def attach(self, vendor: VendorAgent, monkeypatch: pytest.MonkeyPatch) -> None:
        book, wire = vendor.book, vendor.wire
        for name in ("note", "renew", "keep", "replace", "outgoing", "settled", "remember", "witness",
                     "drop_evidence", "save_record"):  # fmt: skip
            monkeypatch.setattr(book, name, self._before(getattr(book, name)))
        send = Wire._send

        async def sent(own: Wire, *args: Any, **options: Any) -> Any:
            if own is wire:
                self.step()
            return await send(own, *args, **options)

        monkeypatch.setattr(Wire, "_send", sent)

    def _before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            self.step()
            return function(*args, **options)

        return counted


RULES = {"offers": [{"title": "bike", "item": "A bike", "price": "300.00", "confirm": True}]}


async def test_no_change_is_lost_or_dealt_with_twice_wherever_it_is_killed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await world.customer()
    (one, two, three) = await publish(customer, "bike one", "a car", "bike two", offers=1000)
    (four,) = await publish(customer, "bike three", offers=1000)
    await customer.amend(four, need=need("bike three, blue"))
    wanted = {one, three, four}
    steps = 0
    for at in itertools.count():
        killer = Killer(at)
        vendor = await world.vendor(f"shop {at}", serve=False, policy=RULES)
        with monkeypatch.context() as patch:
            killer.attach(vendor, patch)
            try:
                await vendor.work_once()
            except KilledError:
                pass
            else:
                steps = killer.steps
        vendor = await world.vendor(f"shop {at}", serve=False, policy=RULES)
        await vendor.work_once()
        assert {v.thread.parent for v in vendor.own_offers()} == wanted, at
        assert await vendor.work_once() == []
        assert await watched(vendor) == []
        if steps:
            break
        await vendor.close()
    await customer.poll()
    assert steps > 25
    assert len(customer.offers(one)) == len(customer.offers(four)) == steps + 1
    assert customer.offers(two) == []
    vendors = [offer.vendor for offer in customer.offers(one)]
    assert len(set(vendors)) == len(vendors), "no vendor has offered twice"


async def test_every_change_is_yielded_wherever_it_is_killed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read, changed, read again: what is done never comes again, and what is not done comes."""
    customer = await world.customer()
    thids = await publish(customer, "one", "two")
    await customer.pause(thids[0])
    await customer.resume(thids[0])
    expected = {("two", "open"), ("one", "open")}
    for at in itertools.count():
        killer = Killer(at)
        vendor = await world.vendor(f"shop {at}", serve=False)
        done: list[tuple[str, str]] = []
        shown: list[Intent] = []
        ended = False
        with monkeypatch.context() as patch:
            killer.attach(vendor, patch)
            try:
                async for change in vendor.watch(wait=0):
                    shown.append(change)
                    vendor.done(change)
                    done.append((change.need["title"], change.event))
                ended = True
            except KilledError:
                pass
        vendor = await world.vendor(f"shop {at}", serve=False)
        again = [(c.need["title"], c.event) async for c in vendor.watch(wait=0)]
        assert {*done, *again} == expected
        assert not set(done) & set(again)
        await vendor.close()
        if ended:
            break
