"""Intents from both sides over HTTP: published, watched, offered on, accepted, disclosed, purged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.test_agents import World
from vrmproto import envelope
from vrmproto.agents import (
    AgentError,
    ChainError,
    CustomerAgent,
    Intent,
    Policy,
    Refused,
    VendorAgent,
)

ORDER = "https://w3id.org/dpv#CustomerOrderManagement"
SERVICE = "https://w3id.org/dpv#RequestedServiceProvision"
LATER = "2027-03-01T00:00:00Z"
PHONE = "+31 20 555 0101"
NEED: dict[str, Any] = {
    "title": "Toyota Yaris, petrol",
    "categories": [{"scheme": "unspsc", "code": "25101503", "label": "Cars"}],
}
DISCLOSE = [
    {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDER},
    {"field": "phone", "category": "https://w3id.org/dpv/pd#TelephoneNumber", "purpose": ORDER},
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


def price(amount: str = "12450.00", currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def items(amount: str = "12450.00", title: str = "Toyota Yaris 1.5") -> list[dict[str, Any]]:
    return [{"title": title, "quantity": {"value": "1"}, "price": price(amount)}]


async def watched(vendor: VendorAgent, **filters: Any) -> list[Intent]:
    return [change async for change in vendor.watch(wait=0, **filters)]


async def offered(world: World, **options: Any) -> tuple[CustomerAgent, VendorAgent, str, str]:
    """An intent with one offer on it: customer, vendor, the thids of intent and offer."""
    vendor, customer = await world.vendor(), await world.customer()
    intent = (await customer.publish(NEED, disclose=DISCLOSE, where="NL-NH", **options)).thid
    (change,) = await watched(vendor)
    offer = (await vendor.offer(change, items(), price())).thid
    await customer.poll()
    return customer, vendor, intent, offer


async def test_from_the_intent_to_the_purge(world: World) -> None:
    customer, vendor, intent, thid = await offered(world, currencies=["EUR"])
    (offer,) = customer.offers(intent)
    assert (offer.thid, offer.vendor, offer.state, offer.stale) == (thid, vendor.origin, "offered", False)
    assert (offer.total, offer.domain_verified, offer.key_verified) == (price(), True, True)
    asked = await customer.say(thid, "Which colour?")
    await vendor.poll()
    await vendor.say(thid, "Blue.", answers=asked.mid)
    await vendor.revise(thid, items("12000.00"), price("12000.00"))
    await customer.poll()
    (offer,) = customer.offers(intent)
    assert [m.body["text"] for m in offer.messages] == ["Which colour?", "Blue."]
    assert offer.total == price("12000.00")
    assert (await customer.accept_offer(thid)).state == "accepted"
    await vendor.poll()
    assert (await vendor.confirm(thid, "V-2041")).state == "confirmed"
    await customer.poll()
    assert (await customer.release(thid, name="Anna Jansen", phone=PHONE)).state == "confirmed"
    before = customer.view(thid).thread.first
    assert (await customer.introduce(thid)).state == "confirmed"
    after = customer.view(thid).thread.first
    assert after == customer.signer_for(vendor.origin).iss != before
    assert customer.view(intent).thread.first == before
    assert [e.type for e in await vendor.poll()] == ["disclosure.release", "agent.introduce"]
    assert vendor.view(thid).thread.first == after
    await vendor.say(thid, "It is ready.")
    assert [(e.aud, e.verified) for e in await customer.poll()] == [(after, True)]
    assert (await customer.say(thid, "Thank you.")).state == "confirmed"
    assert (await customer.close(intent, "fulfilled")).state == "closed"
    await vendor.poll()
    assert (await vendor.fulfil(thid)).state == "fulfilled"
    for agent in (customer, vendor):
        await agent.poll()
        view = await agent.thread(thid)
        assert (view.state, view.verified, view.told) == ("fulfilled", True, False)
        assert (await agent.thread(intent)).verified
        assert (await agent.record(thid)).ok
    assert (await vendor.purge(thid)).state == "purged"
    view = await vendor.thread(thid)
    assert (view.state, view.verified) == ("purged", True)
    await customer.poll()
    view = await customer.thread(thid)
    assert (view.state, view.verified, len(view.messages)) == ("purged", True, len(view.messages))
    assert all(m.token for m in view.messages)


async def reopened(agent: Any, world: World, name: str) -> Any:
    await agent.close()
    return await world.open(type(agent), name)


async def test_everything_is_there_when_the_folders_are_opened_again(world: World) -> None:
    customer, vendor, intent, thid = await offered(world)
    await customer.accept_offer(thid)
    await vendor.poll()
    await vendor.confirm(thid)
    await customer.poll()
    await customer.introduce(thid)
    await vendor.poll()
    before = [(a.view(thid), a.view(intent)) for a in (customer, vendor)]
    offers = customer.offers(intent)
    port = int(vendor.origin.rpartition(":")[2])
    customer = await reopened(customer, world, "ann")
    vendor = await reopened(vendor, world, "shop")
    await vendor.serve(port=port)
    assert [(a.view(thid), a.view(intent)) for a in (customer, vendor)] == before
    assert customer.offers(intent) == offers
    assert (await customer.say(thid, "Still there?")).state == "confirmed"
    assert (await vendor.poll())[0].verified
    assert (await vendor.thread(thid)).verified
    await vendor.fulfil(thid)
    await vendor.purge(thid)
    purged = vendor.view(thid)
    vendor = await reopened(vendor, world, "shop")
    assert vendor.view(thid) == purged
    assert purged.state == "purged"
    assert [bool(m.token) for m in purged.messages] == [True, False, False, True, False, False, True]


# --- the person -----------------------------------------------------------------------------------


async def test_each_intent_has_a_key_of_its_own_and_a_restart_uses_none_again(world: World) -> None:
    customer = await world.customer()
    seen = []
    for _ in range(3):
        seen.append(customer.view((await customer.publish(NEED)).thid).thread.first)
        customer = await reopened(customer, world, "ann")
    assert len(set(seen)) == 3
    assert {s.iss for s in customer.signers()} == set(seen)


async def test_a_key_is_noted_before_it_signs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed when the message is made: the next intent has another key."""
    customer = await world.customer()
    await customer.wire.discovery()
    tried = []

    def killed(key: Any, claims: Any, *_: Any) -> str:
        tried.append(claims["iss"])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(envelope, "seal", killed)
        with pytest.raises(KeyboardInterrupt):
            await customer.publish(NEED)
    customer = await reopened(customer, world, "ann")
    sent = await customer.publish(NEED)
    assert customer.view(sent.thid).thread.first not in tried


async def test_intent_without_an_answer_survives_the_process(world: World) -> None:
    customer = await world.customer()
    customer.wire._tries = 1
    await customer.wire.discovery()

    async def before(request: web.Request) -> web.Response | None:
        return web.Response(status=502) if request.path == "/v1/messages" else None

    world.before = before
    silent = await customer.publish(NEED, check=False)
    world.before = None
    customer = await reopened(customer, world, "ann")
    (sent,) = await customer.resume()
    assert (sent.mid, sent.state, customer.intents()) == (silent.mid, "open", [silent.mid])


async def test_amended_from_the_version_in_force(world: World) -> None:
    customer, vendor, intent, thid = await offered(world, budget=price("13000.00"), when={"to": LATER})
    sent = await customer.amend(intent, need={**NEED, "title": "Toyota Yaris, hybrid"}, accepts=2, when=None)
    body = customer.present_body(intent)
    assert sent.state == "open"
    assert (body["version"], body["need"]["title"]) == (2, "Toyota Yaris, hybrid")
    assert body["budget"] == {"max": price("13000.00")}
    assert "when" not in body
    assert body["offer_rules"]["accepts"] == 2
    (offer,) = customer.offers(intent)
    assert (offer.version, offer.stale) == (1, True)
    (event,) = await vendor.poll()
    assert (event.type, event.verified) == ("intent.amend", True)
    await vendor.revise(thid)
    await customer.poll()
    (offer,) = customer.offers(intent)
    assert (offer.version, offer.stale) == (2, False)
    with pytest.raises(AgentError, match="disclose"):
        await customer.amend(intent, disclose=[])
    assert (await customer.amend(intent, budget=None, currencies=["EUR"])).state == "open"
    assert "budget" not in customer.present_body(intent)


async def test_paused_resumed_and_withdrawn(world: World) -> None:
    customer, vendor, intent, thid = await offered(world)
    assert (await customer.pause(intent)).state == "paused"
    with pytest.raises(Refused, match="intent-not-open"):
        await vendor.offer(intent, items(), price())
    assert (await customer.resume(intent)).state == "open"
    assert await customer.resume() == []
    world.clock.time += 5
    assert (await customer.withdraw_intent(intent)).state == "withdrawn"
    world.clock.time += 5
    await vendor.poll()
    for agent in (customer, vendor):
        assert agent.view(thid).state == "lapsed"
        view = await agent.thread(thid)
        assert (view.state, view.verified, view.told) == ("lapsed", True, False)
    with pytest.raises(AgentError, match="no intent"):
        await customer.pause(thid)


@pytest.mark.parametrize("text", ["write to anna@example.org", "call +31 20 555 0101", "0031-20-5550101"])
async def test_what_leads_to_her_is_not_published_unless_she_wants_that(world: World, text: str) -> None:
    customer = await world.customer()
    need = {**NEED, "conditions": [{"text": text, "weight": "should"}]}
    with pytest.raises(AgentError, match="public"):
        await customer.publish(need)
    sent = await customer.publish(need, identifying=True)
    with pytest.raises(AgentError, match="public"):
        await customer.amend(sent.thid, need=need)
    assert sent.state == "open"


async def test_a_board_is_chosen_by_its_name(world: World) -> None:
    customer = await world.customer()
    assert (await customer.publish(NEED, board="intents")).state == "open"
    with pytest.raises(AgentError, match="no board"):
        await customer.publish(NEED, board="other")


async def test_blobs_of_an_intent_are_put_by_its_own_key(world: World) -> None:
    customer, vendor = await world.customer(), await world.vendor()
    reference = await customer.put_blob(b"a picture", "image/png")
    sent = await customer.publish({**NEED, "media": [reference]})
    assert customer.view(sent.thid).thread.first == customer.identities()[-1].iss
    other = await customer.publish(NEED)
    assert customer.view(other.thid).thread.first != customer.view(sent.thid).thread.first
    (change, _) = await watched(vendor)
    theirs = await vendor.put_blob(b"another picture", "image/png")
    made = await vendor.offer(change, items(), price(), media=[theirs])
    assert await vendor.blob(reference, sent.thid) == b"a picture"
    await customer.poll()
    assert await customer.blob(theirs, made.thid) == b"another picture"
    with pytest.raises(ChainError, match="blob"):
        await customer.blob({**theirs, "size": 3}, made.thid)


async def test_the_vendors_key_is_looked_up_before_an_offer_is_accepted(world: World) -> None:
    customer, vendor, intent, thid = await offered(world)
    world.clock.time += 3601
    assert vendor._runner is not None
    await vendor._runner.cleanup()
    vendor._runner = None
    with pytest.raises(AgentError, match="key-unavailable"):
        await customer.accept_offer(thid)
    assert customer.view(thid).state == "offered"
    port = int(vendor.origin.rpartition(":")[2])
    old = vendor.signer_for("").key.public.kid
    vendor.rotate_key()
    vendor.published.retire(old, "stolen", at_once=True)
    await vendor.serve(port=port)
    world.clock.time += 61
    with pytest.raises(AgentError, match="key-revoked"):
        await customer.accept_offer(thid)
    (offer,) = customer.offers(intent)
    assert (offer.key_verified, offer.domain_verified) == (False, False)


async def test_vendor_without_a_domain_is_shown_as_such(world: World) -> None:
    vendor, customer = await world.vendor(serve=False), await world.customer()
    closed = await customer.publish(NEED)
    intent = await customer.publish(NEED, unverified=True)
    first, second = await watched(vendor)
    with pytest.raises(Refused, match="vendor-unverified"):
        await vendor.offer(first, items(), price())
    made = await vendor.offer(second, items(), price())
    await customer.poll()
    (offer,) = customer.offers(intent.thid)
    assert (offer.domain_verified, offer.key_verified, customer.offers(closed.thid)) == (False, True, [])
    assert (await customer.accept_offer(made.thid)).state == "accepted"


async def test_nothing_is_disclosed_that_was_not_listed_or_too_early(world: World) -> None:
    customer, _vendor, _, thid = await offered(world)
    with pytest.raises(AgentError, match="before"):
        await customer.release(thid, phone=PHONE)
    await customer.accept_offer(thid)
    for trying in (
        customer.release(thid, iban="NL00"),
        customer.release(thid, SERVICE, phone=PHONE),
        customer.release(thid),
    ):
        with pytest.raises(AgentError, match="does not list"):
            await trying
    sent = await customer.release(thid, phone=PHONE)
    assert envelope.peek(sent.token)[1]["body"]["about"] == {"purpose": ORDER, "fields": ["phone"]}


async def test_declined_and_cancelled(world: World) -> None:
    customer, vendor, intent, thid = await offered(world, accepts=2)
    other = (await vendor.offer(intent, items("1.00"), price("1.00"))).thid
    await customer.poll()
    assert (await customer.decline_offer(thid, "too far away")).state == "declined"
    await customer.accept_offer(other)
    assert (await customer.cancel_offer(other)).state == "cancelled"
    await vendor.poll()
    assert [o.state for o in customer.offers(intent)] == ["declined", "cancelled"]
    assert [v.state for v in vendor.own_offers()] == ["declined", "cancelled"]
    with pytest.raises(AgentError, match="no offer"):
        await customer.decline_offer(intent)


async def test_after_an_introduction_a_rotation_moves_the_offer_too(world: World) -> None:
    customer, vendor, _intent, thid = await offered(world)
    vendor.policy = Policy(accepts=("SD-BASE-DP",))
    terms = await customer.proffer(vendor.origin, "SD-BASE-DP")
    await vendor.answer_all()
    await customer.poll()
    await customer.accept_offer(thid)
    await customer.introduce(thid)
    with pytest.raises(AgentError, match="already"):
        await customer.introduce(thid)
    await customer.rotate(terms.thid)
    await vendor.poll()
    first = customer.view(thid).thread.first
    assert first == vendor.view(thid).thread.first == customer.view(terms.thid).thread.first
    await vendor.confirm(thid)
    (event,) = await customer.poll()
    assert (event.aud, event.verified) == (first, True)
    customer = await reopened(customer, world, "ann")
    assert customer.view(thid).thread.first == first
    assert (await customer.say(thid, "Hello?")).state == "confirmed"
    assert (await customer.record(thid)).ok
    assert (await customer.thread(terms.thid)).state == "agreed", "an offer supersedes no terms"


async def test_message_that_was_on_its_way_when_she_showed_her_other_key(world: World) -> None:
    customer, vendor, _, thid = await offered(world)
    await customer.accept_offer(thid)
    await vendor.poll()
    await customer.introduce(thid)
    await vendor.poll()
    await vendor.confirm(thid)
    before = customer.view(thid).thread.first
    customer.ledger.copies[thid]  # the confirmation is not in the copy yet
    (event,) = await customer.poll()
    assert (event.aud, event.verified, customer.view(thid).state) == (before, True, "confirmed")


async def test_two_identities_never_share_a_connection(world: World) -> None:
    vendor, customer = await world.vendor(), await world.customer()
    sent: list[str] = []
    lines: list[Any] = []

    def on_send(data: bytes) -> bytes:
        sent.append(envelope.peek(data)[1]["iss"])
        return data

    async def before(request: web.Request) -> None:
        if request.method == "POST":
            lines.append(request.transport)

    customer.wire.on_send, world.before = on_send, before
    for _ in range(3):
        await customer.publish(NEED)
    await customer.proffer(vendor.origin)
    for _ in range(2):
        await customer.poll()
    assert len(set(sent)) == 4
    assert len(sent) == len(lines) > 8
    assert all(len({iss for iss, own in zip(sent, lines, strict=True) if own is line}) == 1 for line in lines)


async def test_inbox_of_an_intent_that_is_over_is_left_alone(world: World) -> None:
    customer, vendor, intent, thid = await offered(world)
    await customer.close(intent, "elsewhere")
    world.clock.time += 300
    await customer.poll()
    assert len(customer.signers()) == 1, "the offer has not been purged"
    await vendor.purge(thid)
    await customer.poll()
    assert customer.view(thid).state == "purged"
    assert customer.signers() == []
    customer = await reopened(customer, world, "ann")
    assert customer.signers() == []
    assert (await customer.thread(intent)).verified


async def test_polls_can_be_kept_apart_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = await world.customer(spread=5.0)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    for _ in range(3):
        await customer.publish(NEED)
    monkeypatch.setattr("vrmproto.agents.person.asyncio.sleep", sleep)
    await customer.poll()
    assert len(waits) == 3
    assert all(0 <= wait <= 5 for wait in waits)


# --- what an agent cannot see ---------------------------------------------------------------------


async def test_offer_that_lapses_because_another_one_was_taken(world: World) -> None:
    """The person sees both offers and knows; the other vendor takes the home's word, and says so."""
    customer, one, intent, first = await offered(world)
    two = await world.vendor("other")
    second = (await two.offer(intent, items("9.00"), price("9.00"))).thid
    await customer.poll()
    await customer.accept_offer(first)
    await one.poll()
    world.clock.time += 5
    await one.confirm(first)
    await customer.poll()
    world.clock.time += 5
    view = await customer.thread(second)
    assert (view.state, view.verified, view.told) == ("lapsed", True, False)
    assert two.view(second).state == "offered"
    view = await two.thread(second)
    assert (view.state, view.verified, view.told) == ("lapsed", True, True)
    assert [d.thid for d in two.due_purges()] == [second]
    assert not list(two.book.evidence())
    port = int(two.origin.rpartition(":")[2])
    two = await reopened(two, world, "other")
    await two.serve(port=port)
    view = two.view(second)
    assert (view.state, view.told) == ("lapsed", True)
    assert (await two.purge(second)).state == "purged"
    events = await customer.poll()
    assert [(e.type, e.verified) for e in events] == [("purge.attest", True)]


async def test_purge_of_an_offer_is_taken_before_it_is_known_why_it_lapsed(world: World) -> None:
    """She reads the purge by one vendor before the confirmation by the other, which was earlier."""
    customer, one, intent, first = await offered(world)
    two = await world.vendor("other")
    second = (await two.offer(intent, items("9.00"), price("9.00"))).thid
    await customer.poll()
    await customer.accept_offer(first)
    await customer.introduce(first)
    await one.poll()
    await one.confirm(first)
    world.clock.time += 5
    await two.thread(second)
    await two.purge(second)
    once = next(s for s in customer.signers() if s.iss == customer.view(intent).thread.first)
    (event,) = await customer.inbox.poll(once)
    assert (event.type, event.verified) == ("purge.attest", True)
    assert customer.view(second).state == "purged"
    await customer.poll()
    assert customer.view(first).state == "confirmed"
    assert not list(customer.book.evidence())


async def test_all_in_one_second_is_judged_like_the_home_does(world: World) -> None:
    """The clock stands still: the order of two threads within a second shows nowhere."""
    customer, one, intent, first = await offered(world, accepts=1)
    two = await world.vendor("other")
    second = (await two.offer(intent, items("9.00"), price("9.00"))).thid
    await customer.poll()
    await customer.accept_offer(first)
    await one.poll()
    await one.confirm(first)
    await customer.poll()
    await customer.amend(intent, accepts=2)
    await two.poll()
    third = (await two.offer(intent, items("8.00"), price("8.00"))).thid
    await customer.poll()
    await customer.accept_offer(third)
    await customer.withdraw_intent(intent)
    await one.poll()
    await two.poll()
    await two.confirm(third)
    await customer.poll()
    await two.purge(second)
    await customer.poll()
    states = {first: "confirmed", second: "purged", third: "confirmed", intent: "withdrawn"}
    for agent, own in ((customer, states), (one, [first, intent]), (two, [second, third, intent])):
        for thid in own:
            view = await agent.thread(thid)
            assert (view.state, view.verified, view.reason) == (states[thid], True, "")
        assert not list(agent.book.evidence())
    customer = await reopened(customer, world, "ann")
    assert {thid: customer.view(thid).state for thid in states} == states


async def test_removal_is_told_kept_and_acknowledged(world: World) -> None:
    customer, vendor, intent, thid = await offered(world)
    assert world.home is not None
    url = customer.view(intent).thread.second
    world.clock.time += 5
    assert world.home.remove(url, intent, "spam", int(world.clock()))
    world.clock.time += 5
    (event,) = await customer.poll()
    assert (event.type, event.thid, event.state, event.reason) == ("", intent, "removed", "spam")
    assert event.verified
    assert await customer.poll() == []
    view = customer.view(intent)
    assert (view.state, view.told, view.thread.removed) == ("removed", True, "spam")
    ((_, evidence),) = customer.book.evidence("removed")
    assert evidence["tokens"] == [event.receipt]
    assert customer.view(thid).state == "lapsed"
    assert (await customer.thread(thid)).verified
    assert (await customer.thread(intent)).verified
    customer = await reopened(customer, world, "ann")
    assert (customer.view(intent).state, customer.view(thid).state) == ("removed", "lapsed")
    assert [(c.event, c.code) for c in await watched(vendor)] == [("removed", "spam")]
    view = await vendor.thread(thid)
    assert (view.state, view.verified, view.told) == ("lapsed", True, True)


async def test_notice_that_is_none_is_kept_and_not_believed(world: World) -> None:
    customer, _, intent, _ = await offered(world)
    assert world.home is not None
    claims = {**customer.ledger.copies[intent].links[0].claims, "checkpoint": True, "state": "removed"}
    lie = envelope.seal(world.home.signing[0], claims, envelope.RECEIPT)
    acked: list[str] = []

    def on_send(data: bytes) -> bytes:
        acked.extend(envelope.peek(data)[1].get("body", {}).get("ack", ()))
        return data

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == "/v1/poll":
            assert isinstance(response.body, bytes)
            notices = {} if intent in acked else {intent: lie}
            return web.json_response({**json.loads(response.body), "notices": notices})
        return None

    customer.wire.on_send, world.after = on_send, after
    (event,) = await customer.poll()
    assert (event.verified, event.reason) == (False, "receipt")
    assert customer.view(intent).state == "open"


async def test_home_that_says_what_cannot_be_is_found_out(world: World) -> None:
    customer, vendor, _intent, thid = await offered(world)
    assert world.home is not None
    signing = world.home.signing[0]

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == f"/v1/threads/{thid}":
            assert isinstance(response.body, bytes)
            document = json.loads(response.body)
            claims = {**envelope.peek(document["checkpoint"])[1], "state": "confirmed"}
            return web.json_response(
                {**document, "checkpoint": envelope.seal(signing, claims, envelope.RECEIPT)}
            )
        return None

    world.after = after
    for agent in (customer, vendor):
        view = await agent.thread(thid)
        assert (view.state, view.verified, view.reason) == ("offered", False, "state")


async def test_message_of_a_board_is_taken_by_those_who_have_an_offer_only(world: World) -> None:
    customer, vendor, intent, _ = await offered(world)
    other = await world.vendor("other")
    sent = await customer.amend(intent, accepts=3)
    (event,) = await vendor.poll()
    assert (event.type, event.verified, vendor.view(intent).thread.facts["version"]) == (
        "intent.amend",
        True,
        2,
    )
    event = await other.inbox.take(other.signer_for(""), sent.token, sent.receipt)
    assert (event.verified, event.reason) == (False, "receipt")
    assert other.ledger.copy(intent) is None


async def test_a_lost_folder_is_read_again_from_the_home(world: World) -> None:
    """Her seed and counter are kept, her copies are gone: offers bring their intent along."""
    customer, vendor, intent, thid = await offered(world)
    await customer.close()
    for path in (customer.book.folder / "threads").iterdir():
        path.unlink()
    customer = await world.customer()
    asked = await vendor.say(thid, "Do you still want it?")
    (event,) = await customer.poll()
    assert (event.mid, event.verified) == (asked.mid, True)
    assert customer.intents() == [intent]
    assert len(customer.view(thid).messages) == 2
