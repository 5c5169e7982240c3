"""A vendor erases what it holds, then says so; and a vendor that works by itself does both in time."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.test_agents import World
from tests.test_agents_intent import DISCLOSE, NEED, PHONE, items, offered, price, reopened, watched
from tests.test_agents_intent_watch import KilledError, Killer
from vrmproto import envelope, keys
from vrmproto.agents import AgentError, CustomerAgent, Policy, Sent, VendorAgent
from vrmproto.agents.rules import OfferRule, Program, ProgramError

YEAR = 366 * 86400


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


def holds(folder: Path, text: str) -> list[str]:
    """The files of a folder in which a text stands, as it is or inside a token."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_text("utf-8", "replace")
        parts = [data]
        for word in data.replace('"', " ").split():
            for segment in word.split("."):
                with suppress(ValueError):
                    parts.append(keys.unb64(segment).decode("utf-8", "replace"))
        if any(text in part for part in parts):
            found.append(path.name)
    return found


async def released(world: World, **options: Any) -> tuple[CustomerAgent, VendorAgent, str, str]:
    """An offer that was accepted, with what she disclosed, and that is over now."""
    customer, vendor, intent, thid = await offered(world, **options)
    await customer.accept_offer(thid)
    await vendor.poll()
    await vendor.confirm(thid)
    await customer.poll()
    await customer.release(thid, name="Anna Jansen", phone=PHONE)
    await customer.introduce(thid)
    await vendor.poll()
    await vendor.fulfil(thid)
    return customer, vendor, intent, thid


async def test_after_a_purge_no_file_holds_what_was_disclosed(world: World) -> None:
    customer, vendor, intent, thid = await released(world)
    await vendor.record(thid)
    release = next(m for m in vendor.view(thid).messages if m.type == "disclosure.release")
    vendor.inbox.witness("refused", "rule", "a test", (release.token, "x.y.z"))
    vendor.book.outgoing(release.mid, release.token)
    folder = vendor.book.folder
    assert len(holds(folder, PHONE)) == 3
    receipts = [link.receipt for link in vendor.ledger.copies[thid].links]
    sent = await vendor.purge(thid, [{"what": "the invoice", "why": "tax law"}])
    assert holds(folder, PHONE) == []
    assert not any(release.token in p.read_text() for p in folder.rglob("*") if p.is_file())
    body = envelope.peek(sent.token)[1]["body"]
    assert body["kept"] == [{"what": "the invoice", "why": "tax law"}]
    copy = vendor.ledger.copies[thid]
    kept = [(k.message.type, bool(k.message.token)) for k in copy.links]
    assert kept == [
        ("offer.make", True),
        ("offer.accept", False),
        ("offer.confirm", False),
        ("disclosure.release", False),
        ("agent.introduce", True),
        ("order.fulfil", False),
        ("purge.attest", True),
    ]
    assert [link.receipt for link in copy.links[:-1]] == receipts
    first, *_ = vendor.ledger.copies[intent].links
    assert first.message.token
    assert not list(vendor.book.evidence())
    assert not vendor.book.outbox()
    assert "token" not in vendor._feed(vendor.book.feeds()[0]).known[intent]
    assert (await vendor.record(thid)).ok, "both keep the record"
    await customer.poll()
    assert (await customer.record(thid)).ok
    assert any(m.type == "disclosure.release" and m.token for m in customer.view(thid).messages)
    with pytest.raises(AgentError, match="purged already"):
        await vendor.purge(thid)
    with pytest.raises(AgentError, match="purged"):
        await vendor.offer(intent, items(), price())
    await customer.amend(intent, accepts=3)
    assert await vendor.poll() == []
    assert [c.event for c in await watched(vendor)] == ["changed"]


async def test_nothing_is_purged_before_it_is_over(world: World) -> None:
    _, vendor, intent, thid = await offered(world)
    with pytest.raises(AgentError, match="not over"):
        await vendor.purge(thid)
    with pytest.raises(AgentError, match="no offer"):
        await vendor.purge(intent)
    assert vendor.ledger.copies[thid].erased is None
    assert vendor.due_purges() == []


async def test_the_intent_stays_as_long_as_another_offer_of_it_goes_on(world: World) -> None:
    customer, vendor, intent, thid = await offered(world)
    await customer.amend(intent, accepts=2)
    await vendor.poll()
    other = (await vendor.offer(intent, items(), price())).thid
    await vendor.withdraw_offer(thid)
    await vendor.purge(thid)
    assert [bool(m.token) for m in vendor.view(intent).messages] == [True, True]
    assert (await vendor.revise(other, items("1.00"), price("1.00"))).state == "offered"
    await vendor.withdraw_offer(other)
    await vendor.purge(other)
    assert [bool(m.token) for m in vendor.view(intent).messages] == [True, False]
    port = int(vendor.origin.rpartition(":")[2])
    vendor = await reopened(vendor, world, "shop")
    await vendor.serve(port=port)
    assert [v.state for v in vendor.own_offers()] == ["purged", "purged"]


async def test_a_purge_that_was_interrupted_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await world.customer()
    killer = Killer()
    for at in itertools.count():
        name = f"shop {at}"
        vendor = await world.vendor(name, serve=False)
        intent = (await customer.publish(NEED, disclose=DISCLOSE, unverified=True)).thid
        (change,) = [c for c in await watched(vendor) if c.thid == intent]
        thid = (await vendor.offer(change, items(), price())).thid
        await customer.poll()
        await customer.accept_offer(thid)
        await customer.release(thid, phone=PHONE)
        await customer.cancel_offer(thid)
        await vendor.poll()
        killer, ended = Killer(at), False
        with monkeypatch.context() as patch:
            killer.attach(vendor, patch)
            try:
                await vendor.purge(thid)
                ended = True
            except KilledError:
                pass
        await vendor.close()
        vendor = await world.vendor(name, serve=False)
        begun = vendor.ledger.copies[thid].erased is not None
        await vendor.resume()
        await vendor.purge_due()
        assert begun != bool(holds(vendor.book.folder, PHONE)), "what was begun is finished by itself"
        if not begun:
            await vendor.purge(thid)
        assert holds(vendor.book.folder, PHONE) == []
        assert vendor.view(thid).state == "purged"
        await customer.poll()
        assert customer.view(thid).state == "purged"
        types = [m.type for m in customer.view(thid).messages]
        assert types.count("purge.attest") == 1
        assert vendor.due_purges() == []
        await vendor.close()
        if ended:
            break
    assert killer.steps > 8


async def test_timers_of_purges_survive_a_restart(world: World) -> None:
    customer, vendor, _intent, thid = await offered(world, purge_within="PT100S")
    await customer.decline_offer(thid)
    await vendor.poll()
    now = int(world.clock())
    (due,) = vendor.due_purges()
    assert (due.thid, due.state, due.at, due.deadline) == (thid, "declined", now + 90, now + 100)
    assert await vendor.purge_due() == []
    port = int(vendor.origin.rpartition(":")[2])
    vendor = await reopened(vendor, world, "shop")
    await vendor.serve(port=port)
    assert vendor.due_purges() == [due]
    world.clock.time += 90
    (sent,) = await vendor.purge_due()
    assert sent.state == "purged"
    assert vendor.due_purges() == []
    await customer.poll()
    assert (await customer.thread(thid)).state == "purged"


async def test_a_purge_that_is_late_is_still_done(world: World) -> None:
    customer, vendor, _intent, thid = await offered(world, purge_within="P1D", until="P20D")
    world.clock.time += 7 * 86400 + 86400
    for agent in (customer, vendor):
        assert agent.view(thid).state == "purge-overdue"
        assert (await agent.thread(thid)).verified
    (sent,) = await vendor.purge_due()
    assert sent.state == "purged"
    await customer.poll()
    assert customer.view(thid).state == "purged"


async def test_purged_from_another_folder(world: World, tmp_path: Path) -> None:
    """A copy of the folder purges; the first one reads tombstones and erases what it still holds."""
    import shutil

    _customer, vendor, _intent, thid = await released(world)
    port = int(vendor.origin.rpartition(":")[2])
    await vendor.close()
    shutil.copytree(vendor.book.folder, vendor.book.folder.with_name("copy"))
    other = await world.vendor("copy", serve=False)
    await other.serve(port=port)
    await other.purge(thid)
    await other.close()
    vendor = await world.vendor("shop", serve=False)
    await vendor.serve(port=port)
    assert (await vendor.thread(thid)).state == "purged"
    assert [bool(m.token) for m in vendor.view(thid).messages] == [True] * 6 + [False]
    assert await vendor.purge_due() == []
    assert holds(vendor.book.folder, PHONE) == []
    vendor = await reopened(vendor, world, "shop")
    await vendor.serve(port=port)
    assert (await vendor.thread(thid)).verified


async def test_tombstones_are_taken_of_a_purged_thread_only(world: World) -> None:
    customer, vendor, _intent, thid = await offered(world)
    await customer.say(thid, "Which colour?")

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == f"/v1/threads/{thid}":
            assert isinstance(response.body, bytes)
            document = json.loads(response.body)
            for item in document["messages"]:
                token = item.pop("token")
                item |= {"mid": envelope.mid_of(token), "type": "offer.message"}
            return web.json_response(document)
        return None

    world.after = after
    view = await vendor.thread(thid)
    assert (view.verified, view.reason, len(view.messages)) == (False, "gap", 1)


# --- by rules --------------------------------------------------------------------------------------

RULE = {
    "category": "unspsc:2510",
    "region": "NL",
    "title": "yaris",
    "item": "Toyota Yaris 1.5, 2021",
    "price": "12450.00",
    "answers": {"colour": "It is blue.", "price": "We can talk about that."},
    "revise_to": "11900.00",
    "confirm": True,
}


async def test_by_rules_from_the_offer_to_the_purge(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"], "offers": [RULE]})
    customer = await world.customer()
    intent = (await customer.publish(NEED, where="NL-NH", disclose=DISCLOSE, purge_within="P1D")).thid
    await customer.publish({**NEED, "title": "A bicycle"}, where="NL-NH")
    await customer.publish(NEED, where="DE-BE")
    (made,) = await vendor.work_once()
    assert await vendor.work_once() == []
    await customer.poll()
    (offer,) = customer.offers(intent)
    assert (offer.total, offer.items[0]["title"]) == (price(), "Toyota Yaris 1.5, 2021")
    asked = await customer.say(made.thid, "Which COLOUR is it?")
    open_question = await customer.say(made.thid, "May I see it?")
    assert [s.state for s in await vendor.work_once()] == ["offered", "offered"]
    assert await vendor.work_once() == []
    await customer.poll()
    (offer,) = customer.offers(intent)
    said = {m.body.get("answers"): m.body["text"] for m in offer.messages}
    assert said[asked.mid] == "It is blue."
    assert open_question.mid not in said, "that is for a person"
    assert offer.total == price("11900.00")
    await customer.amend(intent, budget=price("12000.00"))
    assert [s.state for s in await vendor.work_once()] == ["offered"]
    await customer.poll()
    (offer,) = customer.offers(intent)
    assert (offer.version, offer.total) == (2, price("11900.00"))
    await customer.accept_offer(offer.thid)
    assert [s.state for s in await vendor.work_once()] == ["confirmed"]
    await customer.poll()
    await customer.release(offer.thid, phone=PHONE)
    await customer.cancel_offer(offer.thid)
    await customer.proffer(vendor.origin, "SD-BASE-DP")
    assert [s.state for s in await vendor.work_once()] == ["agreed"]
    assert holds(vendor.book.folder, PHONE)
    world.clock.time += 86400
    assert [s.state for s in await vendor.work_once()] == ["purged"]
    assert not holds(vendor.book.folder, PHONE)


async def test_by_a_program(world: World, tmp_path: Path) -> None:
    program = tmp_path / "price.py"
    program.write_text(
        "import json, sys\n"
        "intent = json.load(sys.stdin)\n"
        "if 'Yaris' in intent['need']['title']:\n"
        "    price = {'amount': '1.00', 'currency': 'EUR'}\n"
        "    item = {'title': intent['need']['title'], 'quantity': {'value': '1'}, 'price': price}\n"
        "    print(json.dumps({'items': [item], 'total': price}))\n"
    )
    rule = {"command": [sys.executable, str(program)]}
    vendor, customer = await world.vendor(policy={"offers": [rule]}), await world.customer()
    intent = (await customer.publish(NEED)).thid
    await customer.publish({**NEED, "title": "A bicycle"})
    (made,) = await vendor.work_once()
    await customer.poll()
    (offer,) = customer.offers(intent)
    assert (offer.thid, offer.items[0]["title"]) == (made.thid, NEED["title"])


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ("import time; time.sleep(60)", "longer"),
        ("raise SystemExit(3)", "ended with 3"),
        ("print('[1]')", "one JSON object"),
    ],
)
async def test_program_that_does_not_answer(script: str, wrong: str) -> None:
    with pytest.raises(ProgramError, match=wrong):
        await Program([sys.executable, "-c", script], 0.5 if "sleep" in script else 20.0).ask({"a": 1})


async def test_a_program_that_fails_stops_nothing(world: World) -> None:
    with pytest.raises(ProgramError, match="not start"):
        await Program(["/no/such/program"], 1.0).ask({})
    silent = {"title": "yaris", "command": [sys.executable, "-c", "print('{}')"]}
    bicycle = {"title": "bicycle", "item": "A bicycle", "price": "100.00"}
    vendor, customer = await world.vendor(policy={"offers": [silent, bicycle]}), await world.customer()
    await customer.publish(NEED)
    await customer.publish({**NEED, "title": "A bicycle"})
    assert [s.state for s in await vendor.work_once()] == ["offered"]


async def test_two_that_work_sell_while_the_home_is_away_for_a_moment(world: World) -> None:
    vendor, customer = await world.vendor(policy={"offers": [RULE]}), await world.customer()
    vendor.wire._tries = 1
    intent = (await customer.publish(NEED, where="NL")).thid
    away = [2]

    async def before(request: web.Request) -> web.Response | None:
        if request.path == "/v1/poll" and away[0]:
            away[0] -= 1
            return web.Response(status=502)
        return None

    world.before = before
    told: list[Sent] = []
    work = asyncio.ensure_future(vendor.work(told=told.append))
    try:
        async with asyncio.timeout(20):
            while not customer.offers(intent):
                with suppress(Exception):
                    await customer.poll()
                await asyncio.sleep(0.05)
            (offer,) = customer.offers(intent)
            await customer.accept_offer(offer.thid)
            while customer.offers(intent)[0].state != "confirmed":
                await customer.poll(1)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert [one.state for one in told] == ["offered", "confirmed"]
    await vendor.work(until=world.clock() - 1)


def test_rules_are_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "vendor.toml"
    path.write_text(
        '[policy]\naccepts = ["SD-BASE"]\n\n[[offers]]\ncategory = "unspsc:25"\nitem = "A car"\n'
        'price = "1.00"\nanswers = { colour = "Red." }\n\n[[offers]]\ncommand = "price"\n'
    )
    policy = Policy.read(path)
    assert policy.accepts == ("SD-BASE",)
    assert policy.offers[0] == OfferRule(
        category="unspsc:25", item="A car", price="1.00", answers={"colour": "Red."}
    )
    assert policy.offers[1].command == ("price",)
    for wrong in ({"item": "A car"}, {"itme": "A car"}):
        with pytest.raises(ValueError, match="rule for offers"):
            Policy.of({"offers": [wrong]})
