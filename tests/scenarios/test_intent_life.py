"""What becomes of an intent: who publishes it, how it changes and ends, and what that does to its offers."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.market import Market, Thread, eur
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell, types_in
from tests.world import agreement
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)

NOWHERE = {"url": "https://else.example/x", "sha256": "A" * 43, "size": 1, "media_type": "image/png"}


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


# --- publishing ----------------------------------------------------------------------------------------


@scenario()
async def publishing_is_for_persons_and_boards_of_the_home(m: Market) -> None:
    vendor = m.vendors[0]
    _, reply = await m.publish(vendor)
    refused(reply, "person-required", "VRM-THR-024")
    _, reply = await m.publish(to=vendor.id)
    refused(reply, "aud-mismatch", "VRM-INT-001")
    _, reply = await m.publish(to=f"{m.board}x")
    refused(reply, "addressee-unknown", "VRM-ENV-025")
    assert await m.shown() == []
    intent = await m.opened()
    assert [item["mid"] for item in await m.shown()] == [intent.thid]
    await m.offered(intent, vendor)


@scenario()
async def an_intent_names_terms_times_and_places_that_are_right(m: Market) -> None:
    roster = {"id": "other", "version": "1.0"}
    _, reply = await m.publish(terms={"roster": roster, "preferred": agreement("SD-BASE")})
    refused(reply, "roster-unknown", "VRM-TRM-001")
    terms = m.intent()["terms"]
    terms["preferred"] = {**agreement("PDC-INTENT"), "digest": "A" * 43}
    _, reply = await m.publish(terms=terms)
    refused(reply, "agreement-mismatch", "VRM-TRM-002")
    _, reply = await m.publish(until=m.time(0))
    refused(reply, "deadline-invalid", "VRM-THR-020")
    for near in ({"lat": "52.37", "lon": "4.9", "radius_km": 20}, {"region": "NL-NH-AMS"}):
        _, reply = await m.publish(where=near)
        refused(reply, "body-invalid")
    # It need not say where, nor what it may cost.
    intent = await m.opened(where=None)
    await m.offered(intent, m.vendors[0])


@scenario()
async def a_picture_is_put_before_an_intent_names_it(m: Market) -> None:
    anna, data = m.world.person(), b"a picture of a red one"
    _, reply = await m.publish(anna, need=m.need(media=[m.reference(data)]))
    refused(reply, "blob-unknown", "VRM-BLB-004")
    picture = await m.put(anna, data)
    intent = await m.opened(anna, need=m.need(media=[picture]))
    later = b"a picture of a blue one"
    changed = m.amendment(2, need=m.need(media=[m.reference(later)]))
    refused(await m.say(intent, anna, "intent.amend", changed), "blob-unknown", "VRM-BLB-004")
    await m.put(m.vendors[0], later)
    refused(await m.say(intent, anna, "intent.amend", changed), "blob-unknown", "VRM-BLB-004")
    await m.put(anna, later)
    assert (await m.say(intent, anna, "intent.amend", changed)).state == "open"
    _, reply = await m.make(intent, m.vendors[0], version=1)
    refused(reply, "intent-stale")
    assert (await m.vendors[0].read(f"/v1/blobs/{picture['sha256']}")).body == data


# --- changing ------------------------------------------------------------------------------------------


@scenario()
async def an_amendment_asks_for_new_offers_and_leaves_the_old(m: Market) -> None:
    intent = await m.opened()
    old = await m.offered(intent, m.vendors[0])
    refused(await m.say(intent, intent.first, "intent.amend", m.amendment(3)), "intent-stale", "VRM-INT-007")
    late = m.amendment(2, until=m.time(-1))
    refused(await m.say(intent, intent.first, "intent.amend", late), "deadline-invalid", "VRM-THR-020")
    wrong = m.amendment(2, need=m.need(media=[NOWHERE]))
    refused(await m.say(intent, intent.first, "intent.amend", wrong), "blob-unknown", "VRM-BLB-004")
    for name in ("terms", "disclose", "purge_within"):
        same = m.amendment(2, **{name: m.intent()[name]})
        refused(await m.say(intent, intent.first, "intent.amend", same), "body-invalid")
    refused(await m.say(intent, m.vendors[0], "intent.amend", m.amendment(2), aud=m.board), "thread-unknown")
    assert (await m.say(intent, intent.first, "intent.amend", m.amendment(2))).state == "open"
    behind = await m.say(intent, intent.first, "intent.amend", m.amendment(3), prev=intent.thid)
    refused(behind, "prev-stale", "VRM-THR-012")
    _, reply = await m.make(intent, m.vendors[1], version=1)
    refused(reply, "intent-stale", "VRM-OFR-003")
    refused(await m.say(old, m.vendors[0], "offer.revise", m.revision(1)), "intent-stale", "VRM-OFR-003")
    await m.offered(intent, m.vendors[1])
    assert (await m.accept(old)).state == "accepted"
    [item] = await m.shown()
    assert item["opened"]["token"]
    assert item["mid"] == intent.thid


@scenario()
async def an_amendment_changes_the_rules_for_later_offers(m: Market) -> None:
    intent = await m.opened()
    dollars = eur(currency="USD")
    item = {"title": "Yaris", "quantity": {"value": "1"}, "price": dollars}
    _, reply = await m.make(intent, m.vendors[0], total=dollars, items=[item])
    refused(reply, "currency-not-allowed", "VRM-OFR-008")
    rules = {"currencies": ["USD"], "unverified": True, "offers": 2, "per_vendor": 2}
    assert (await m.say(intent, intent.first, "intent.amend", m.amendment(2, rules=rules))).state == "open"
    offer = await m.offered(intent, m.world.person(), total=dollars, items=[item])
    _, reply = await m.make(intent, m.vendors[0])
    refused(reply, "currency-not-allowed", "VRM-OFR-008")
    assert (await m.accept(offer)).state == "accepted"


@scenario()
async def an_amendment_fills_an_intent_and_nothing_empties_it(m: Market) -> None:
    intent = await m.opened(rules={"accepts": 2})
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    await m.accept(one)
    assert (await m.confirm(one)).state == "confirmed"
    assert m.state(two) == "offered"
    fewer = m.amendment(2, rules={"accepts": 1})
    assert (await m.say(intent, intent.first, "intent.amend", fewer)).state == "open"
    assert m.state(two) == "lapsed"
    refused(await m.accept(two), "state-conflict", "VRM-THR-005")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-002")
    more = m.amendment(3, rules={"accepts": 2})
    assert (await m.say(intent, intent.first, "intent.amend", more)).state == "open"
    m.saw("place free", "refuses", refused(await m.accept(two), "state-conflict", "VRM-THR-005"))
    again = await m.offered(intent, m.vendors[1])
    assert (await m.accept(again)).state == "accepted"


# --- pausing -------------------------------------------------------------------------------------------


@scenario()
async def a_paused_intent_hears_no_offers(m: Market) -> None:
    intent = await m.opened()
    refused(await m.say(intent, intent.first, "intent.resume"), "state-conflict")
    old = await m.offered(intent, m.vendors[0])
    assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
    refused(await m.say(intent, intent.first, "intent.pause"), "state-conflict")
    assert await m.shown() == []
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    assert (await m.say(old, m.vendors[0], "offer.revise", m.revision())).state == "offered"
    assert (await m.say(intent, intent.first, "intent.resume")).state == "open"
    assert [item["mid"] for item in await m.shown()] == [intent.thid]
    await m.offered(intent, m.vendors[1])


@scenario()
async def a_paused_intent_is_amended_all_the_same(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    await m.say(intent, intent.first, "intent.pause")
    behind = await m.say(intent, intent.first, "intent.amend", m.amendment(2), prev=intent.thid)
    refused(behind, "prev-stale", "VRM-THR-012")
    assert (await m.say(intent, intent.first, "intent.amend", m.amendment(2))).state == "paused"
    refused(await m.say(offer, m.vendors[0], "offer.revise", m.revision(1)), "intent-stale", "VRM-OFR-003")
    assert (await m.say(offer, m.vendors[0], "offer.revise", m.revision(2))).state == "offered"


@scenario()
async def a_paused_intent_ends_by_a_word(m: Market) -> None:
    for type_, body in (("intent.withdraw", {}), ("intent.close", {"outcome": "abandoned"})):
        intent = await m.opened()
        offer = await m.offered(intent, m.vendors[0])
        await m.say(intent, intent.first, "intent.pause")
        assert (await m.say(intent, intent.first, type_, body)).status == 202
        refused(await m.say(intent, intent.first, "intent.resume"), "state-conflict", "VRM-THR-005")
        refused(await m.accept(offer), "state-conflict", "VRM-THR-005")


@scenario()
async def a_paused_intent_expires(m: Market) -> None:
    intent = await m.opened(until=m.time(600))
    offer = await m.offered(intent, m.vendors[0])
    assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
    m.world.clock.forward(601)
    refused(await m.say(intent, intent.first, "intent.resume"), "deadline-passed", "VRM-THR-006")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    assert (await m.attest(offer)).state == "purged"


# --- the ends ------------------------------------------------------------------------------------------


@scenario()
async def a_withdrawn_intent_takes_its_waiting_offers_along(m: Market) -> None:
    intent = await m.opened()
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    assert (await m.accept(one)).state == "accepted"
    # She may always go, even if she has lost count of what was said.
    reply = await m.say(intent, intent.first, "intent.withdraw", prev="A" * 43)
    assert reply.state == "withdrawn"
    for type_ in ("intent.withdraw", "intent.close"):
        body = {"outcome": "elsewhere"} if type_ == "intent.close" else {}
        refused(await m.say(intent, intent.first, type_, body), "state-conflict")
    _, reply = await m.make(intent, m.vendors[0])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    refused(await m.accept(two), "state-conflict", "VRM-THR-005")
    assert (await m.attest(two)).state == "purged"
    # What she has accepted before goes on.
    assert (await m.confirm(one)).state == "confirmed"
    assert types_in(await m.vendors[0].poll()).count("intent.withdraw") == 1
    assert await m.shown() == []


@scenario()
async def a_closed_intent_is_over(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    refused(await m.attest(offer), "state-conflict", "VRM-THR-005")
    reply = await m.say(intent, intent.first, "intent.close", {"outcome": "elsewhere"})
    assert reply.state == "closed"
    refused(await m.say(intent, intent.first, "intent.pause"), "state-conflict")
    refused(await m.say(intent, intent.first, "intent.amend", m.amendment(2)), "state-conflict")
    refused(await m.accept(offer), "state-conflict")


@scenario()
async def an_open_intent_expires(m: Market) -> None:
    intent = await m.opened(until=m.time(600))
    offer = await m.offered(intent, m.vendors[0])
    m.world.clock.forward(601)
    refused(await m.say(intent, intent.first, "intent.amend", m.amendment(2)), "deadline-passed")
    refused(await m.say(intent, intent.first, "intent.pause"), "deadline-passed", "VRM-THR-006")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    refused(await m.accept(offer), "state-conflict", "VRM-THR-005")
    assert (await m.attest(offer)).state == "purged"
    assert await m.shown() == []


@scenario()
async def two_seconds_are_enough(m: Market) -> None:
    """No clock is moved here: the home waits as everybody does (VRM-THR-022)."""
    intent = await m.opened(until=m.time(3))
    offer, reply = await m.make(intent, m.vendors[0], valid_until=m.time(2))
    assert reply.state == "offered"
    await asyncio.sleep(3.1)
    refused(await m.accept(offer), "deadline-passed", "VRM-THR-006")
    refused(await m.say(intent, intent.first, "intent.pause"), "deadline-passed", "VRM-THR-006")


@scenario()
async def the_operator_removes(m: Market) -> None:
    for paused in (False, True):
        intent = await m.opened()
        offer = await m.offered(intent, m.vendors[0])
        if paused:
            assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
        assert (await m.remove(intent)).status == 204
        refused(await m.say(intent, intent.first, "intent.amend", m.amendment(2)), "state-conflict")
        _, reply = await m.make(intent, m.vendors[1])
        refused(reply, "intent-not-open", "VRM-OFR-001")
        refused(await m.accept(offer), "state-conflict", "VRM-THR-005")
        assert (await m.attest(offer)).state == "purged"
        assert (await intent.first.poll()).document["notices"].keys() == {intent.thid}
        assert "notices" not in (await intent.first.poll(ack=[intent.thid])).document
        path = f"/v1/boards/intents/{intent.thid}"
        token = m.vendors[0].request("DELETE", path)
        reply = await m.world.send("DELETE", f"{path}?code=spam", Authorization=f"VRM {token}")
        refused(reply, "request-invalid")
        assert (await intent.first.read(f"/v1/threads/{intent.thid}")).status == 200
        assert (await m.vendors[0].read(f"/v1/threads/{intent.thid}")).status == 404


# --- who hears of it -----------------------------------------------------------------------------------


@scenario()
async def every_vendor_that_waits_hears_of_each_change_once(m: Market) -> None:
    intent = await m.opened()
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    await m.offered(intent, m.vendors[0])
    await m.say(intent, intent.first, "intent.amend", m.amendment(2))
    await m.say(two, m.vendors[1], "offer.withdraw")
    await m.say(intent, intent.first, "intent.pause")
    assert (await m.attest(two)).state == "purged"
    await m.say(intent, intent.first, "intent.resume")
    assert types_in(await m.vendors[0].poll()) == ["intent.amend", "intent.pause", "intent.resume"]
    assert types_in(await m.vendors[1].poll()) == ["intent.amend", "intent.pause"]
    assert (await m.accept(one)).state == "accepted"


@scenario(inbox=2)
async def a_full_inbox_keeps_out_words_and_neither_ends_nor_duties(m: Market) -> None:
    intent = await m.opened()
    offer: Thread = await m.offered(intent, m.vendors[0])
    assert (await m.say(offer, m.vendors[0], "offer.message", {"text": "Tuesday?"})).status == 202
    full = await m.say(offer, m.vendors[0], "offer.message", {"text": "Wednesday?"})
    refused(full, "inbox-full", "VRM-HOM-024")
    for text in ("Friday", "at noon"):
        assert (await m.say(offer, intent.first, "offer.message", {"text": text})).status == 202
    refused(await m.say(offer, intent.first, "offer.decline"), "inbox-full", "VRM-HOM-024")
    assert (await m.say(intent, intent.first, "intent.withdraw")).state == "withdrawn"
    assert types_in(await m.vendors[0].poll()).count("intent.withdraw") == 1
    # Her inbox is full as well, and the vendor owes her this.
    m.saw("mark duty of purge.attest", "changes", await m.attest(offer))
    refused(await m.attest(offer), "state-conflict", "VRM-THR-005")
