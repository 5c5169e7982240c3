"""What becomes of an offer: made by the rules, chosen, disclosed to, delivered, and erased in the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.market import CARE, ORDERS, Market, Thread, eur
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import chosen, refused, tell, type_of
from tests.world import Party, agreement
from vrmproto import records
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)

NOWHERE = {"url": "https://else.example/x", "sha256": "A" * 43, "size": 1, "media_type": "image/png"}


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


def release(purpose: str, **clear: str) -> dict[str, Any]:
    return {"about": {"purpose": purpose, "fields": list(clear)}, "content": {"clear": clear}}


# --- making --------------------------------------------------------------------------------------------


@scenario()
async def an_offer_takes_the_terms_and_keeps_the_rules(m: Market) -> None:
    intent = await m.opened(rules={"offers": 3, "per_vendor": 1})
    one, two = m.vendors[:2]
    dollars = eur(currency="USD")
    item = {"title": "Yaris", "quantity": {"value": "1"}, "price": dollars}

    async def no(code: str, rule: str, vendor: Party = one, **body: Any) -> None:
        _, reply = await m.make(intent, vendor, None, **body)
        refused(reply, code, rule)

    await no("terms-not-offered", "VRM-OFR-004", accepts="A" * 43)
    await no("terms-not-offered", "VRM-OFR-005", agreement=agreement("SD-BASE-ATP"))
    await no("currency-not-allowed", "VRM-OFR-008", total=dollars)
    await no("currency-not-allowed", "VRM-OFR-008", items=[item])
    await no("vendor-unverified", "VRM-OFR-010", m.world.person())
    await no("deadline-invalid", "VRM-THR-020", valid_until=m.time(0))
    await no("blob-unknown", "VRM-BLB-004", media=[NOWHERE])
    offer = await m.offered(intent, one)
    await no("offer-limit", "VRM-OFR-007")
    await m.offered(intent, two)
    reply = await m.say(offer, one, "offer.revise", m.revision(total=dollars))
    refused(reply, "currency-not-allowed", "VRM-OFR-008")
    reply = await m.say(offer, one, "offer.revise", m.revision(valid_until=m.time(0)))
    refused(reply, "deadline-invalid", "VRM-THR-020")
    assert (await m.say(offer, one, "offer.revise", m.revision())).state == "offered"
    assert (await m.accept(offer)).state == "accepted"


@scenario(vendors=3)
async def an_intent_takes_so_many_offers_and_no_more(m: Market) -> None:
    intent = await m.opened(rules={"offers": 2, "currencies": None})
    item = {"title": "Yaris", "quantity": {"value": "1"}, "price": eur(currency="USD")}
    _, reply = await m.make(intent, m.vendors[0], items=[item])
    refused(reply, "currency-not-allowed", "VRM-OFR-009")
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    assert (await m.say(one, m.vendors[0], "offer.withdraw")).state == "withdrawn"
    # A withdrawn offer was made all the same.
    _, reply = await m.make(intent, m.vendors[2])
    refused(reply, "offer-limit", "VRM-OFR-006")
    assert (await m.accept(two)).state == "accepted"


@scenario()
async def an_offer_is_made_on_one_intent_by_a_vendor(m: Market) -> None:
    intent = await m.opened()
    vendor = m.vendors[0]
    _, reply = await m.make(intent, vendor, {"pthid": "A" * 43})
    refused(reply, "parent-unknown", "VRM-THR-009")
    _, reply = await m.make(intent, vendor, {"aud": m.vendors[1].id})
    refused(reply, "aud-mismatch", "VRM-THR-003")
    _, reply = await m.make(intent, vendor, {"pthid": None})
    assert reply.status == 400
    _, reply = await m.make(intent, intent.first, {"aud": vendor.id})
    assert reply.status in (400, 403)
    offer = await m.offered(intent, vendor)
    _, reply = await m.make(intent, vendor, {"pthid": offer.thid})
    refused(reply, "parent-unknown", "VRM-THR-009")
    assert (await m.say(offer, intent.first, "offer.decline")).state == "declined"


@scenario()
async def what_an_offer_shows_is_put_first(m: Market) -> None:
    intent = await m.opened()
    vendor, data, later = m.vendors[0], b"the inspection of 2025", b"the inspection of 2026"
    _, reply = await m.make(intent, vendor, media=[m.reference(data)])
    refused(reply, "blob-unknown", "VRM-BLB-004")
    report = await m.put(vendor, data)
    offer = await m.offered(intent, vendor, media=[report])
    revised = m.revision(media=[m.reference(later)])
    refused(await m.say(offer, vendor, "offer.revise", revised), "blob-unknown", "VRM-BLB-004")
    await m.put(vendor, later)
    assert (await m.say(offer, vendor, "offer.revise", revised)).state == "offered"
    refused(await m.accept(offer, takes=offer.thid), "offer-stale", "VRM-OFR-011")
    path = f"/v1/blobs/{report['sha256']}"
    assert (await intent.first.read(path)).body == data
    assert (await m.vendors[1].read(path)).status == 404
    assert (await m.say(offer, vendor, "offer.withdraw")).state == "withdrawn"
    assert (await vendor.read(path)).body == data
    assert (await m.attest(offer)).state == "purged"
    m.saw("tombstones of offer", "refuses", await vendor.read(path))
    assert (await intent.first.read(path)).body == data


@scenario()
async def an_offer_is_an_agreement_with_a_record(m: Market) -> None:
    intent = await m.opened()
    vendor, other = m.vendors[:2]
    offer = await m.offered(intent, vendor)
    path = f"/v1/records/{offer.thid}"
    hers = m.saw("record", "changes", await intent.first.read(path))
    theirs = await vendor.read(path)
    assert (hers.document["first"], hers.document["second"]) == (intent.first.id, vendor.id)
    assert hers.document["messages"] == theirs.document["messages"]
    assert len(hers.document["messages"]) == 2
    report = records.verify_record(m.world.home.spec, hers.body, [k.public for k in m.world.home.signing])
    assert report.ok, [check for check in report.checks if not check.ok]
    m.saw("record", "refuses", await other.read(path))
    assert (await m.accept(offer)).state == "accepted"


@scenario()
async def a_revision_takes_the_place_of_the_offer(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    first = offer.offer
    refused(await m.say(offer, intent.first, "offer.revise", m.revision()), "role-forbidden", "VRM-THR-004")
    assert (await m.say(offer, m.vendors[0], "offer.revise", m.revision())).state == "offered"
    refused(await m.accept(offer, takes=first), "offer-stale", "VRM-OFR-011")
    refused(await m.accept(offer, confirm_by=m.time(0)), "deadline-invalid", "VRM-THR-020")
    assert (await m.accept(offer)).state == "accepted"
    refused(await m.confirm(offer, takes=first), "offer-stale", "VRM-OFR-011")
    refused(await m.say(offer, m.vendors[0], "offer.revise", m.revision()), "state-conflict")
    assert (await m.confirm(offer)).state == "confirmed"
    refused(await m.confirm(offer), "state-conflict", "VRM-THR-005")
    assert (await m.say(offer, m.vendors[0], "order.fulfil")).state == "fulfilled"


# --- talking -------------------------------------------------------------------------------------------


@scenario()
async def what_is_said_meanwhile_makes_an_answer_late(m: Market) -> None:
    """In each state a word of either side has to be read before what the other binds itself with."""
    intent = await m.opened()
    vendor, anna = m.vendors[0], intent.first
    offer = await m.offered(intent, vendor)

    async def word(by: Party) -> str:
        head = offer.head
        reply = await m.say(offer, by, "offer.message", {"text": "Winter tyres?", "answers": head})
        assert reply.status == 202, reply.document
        return head

    behind = await word(anna)
    stale = await m.say(offer, vendor, "offer.revise", m.revision(), prev=behind)
    refused(stale, "prev-stale", "VRM-THR-012")
    assert (stale.document["head"], stale.document["seq"]) == (offer.head, 2)
    taking = {"takes": offer.offer, "confirm_by": m.time(600)}
    behind = await word(vendor)
    refused(await m.say(offer, anna, "offer.accept", taking, prev=behind), "prev-stale", "VRM-THR-012")
    assert (await m.accept(offer)).state == "accepted"
    for by in (anna, vendor):
        behind = await word(by)
        stale = await m.say(offer, vendor, "offer.confirm", {"takes": offer.offer}, prev=behind)
        refused(stale, "prev-stale", "VRM-THR-012")
    behind = offer.head
    assert (await m.say(offer, anna, "disclosure.release", release(ORDERS, name="Anna"))).status == 202
    stale = await m.say(offer, vendor, "offer.confirm", {"takes": offer.offer}, prev=behind)
    refused(stale, "prev-stale", "VRM-THR-012")
    assert (await m.confirm(offer)).state == "confirmed"
    shown = m.introduction(offer, m.world.person())
    for by in (anna, vendor):
        behind = await word(by)
        refused(await m.say(offer, anna, "agent.introduce", shown, prev=behind), "prev-stale")
    behind = offer.head
    assert (await m.say(offer, anna, "disclosure.release", release(CARE, phone="1"))).status == 202
    refused(await m.say(offer, anna, "agent.introduce", shown, prev=behind), "prev-stale", "VRM-THR-012")
    assert (await m.say(offer, vendor, "order.fulfil")).state == "fulfilled"


@scenario()
async def a_declined_offer_is_over(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    refused(await m.say(offer, m.vendors[0], "offer.decline"), "role-forbidden", "VRM-THR-004")
    assert (await m.say(offer, intent.first, "offer.decline", {"reason": "too far"})).state == "declined"
    for by in (intent.first, m.vendors[0]):
        refused(await m.say(offer, by, "offer.message", {"text": "Still?"}), "state-conflict")
    refused(await m.say(offer, intent.first, "offer.decline"), "state-conflict")
    refused(await m.accept(offer), "state-conflict", "VRM-THR-005")
    assert (await m.attest(offer)).state == "purged"
    refused(await m.attest(offer), "state-conflict")


@scenario()
async def a_withdrawn_offer_is_over(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    refused(await m.say(offer, intent.first, "offer.withdraw"), "role-forbidden", "VRM-THR-004")
    assert (await m.say(offer, m.vendors[0], "offer.withdraw")).state == "withdrawn"
    refused(await m.say(offer, m.vendors[0], "offer.withdraw"), "state-conflict", "VRM-THR-005")
    refused(await m.accept(offer), "state-conflict", "VRM-THR-005")
    refused(await m.attest(offer, intent.first), "role-forbidden", "VRM-THR-004")
    assert (await m.attest(offer)).state == "purged"
    refused(await m.attest(offer), "state-conflict", "VRM-THR-005")


# --- choosing ------------------------------------------------------------------------------------------


@scenario()
async def an_offer_lapses_by_its_date(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0], valid_until=m.time(600))
    m.world.clock.forward(601)
    refused(await m.accept(offer), "deadline-passed", "VRM-THR-006")
    assert (await m.attest(offer)).state == "purged"
    refused(await m.attest(offer), "state-conflict")


@scenario()
async def an_acceptance_lapses_and_frees_the_place(m: Market) -> None:
    intent = await m.opened()
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    assert (await m.accept(one, confirm_by=m.time(600))).state == "accepted"
    refused(await m.accept(two), "accepts-used-up", "VRM-OFR-012")
    m.world.clock.forward(601)
    refused(await m.confirm(one), "deadline-passed", "VRM-THR-006")
    m.saw("place free", "changes", await m.accept(two))
    assert (await m.attest(one)).state == "purged"


@scenario()
async def a_cancelled_acceptance_frees_the_place(m: Market) -> None:
    for by_vendor in (False, True):
        _, one, two = await chosen(m)
        refused(await m.accept(two), "accepts-used-up", "VRM-OFR-012")
        by = m.vendors[0] if by_vendor else one.first
        assert (await m.say(one, by, "offer.cancel")).state == "cancelled"
        refused(await m.confirm(one), "state-conflict", "VRM-THR-005")
        refused(await m.say(one, by, "offer.cancel"), "state-conflict", "VRM-THR-005")
        assert (await m.accept(two)).state == "accepted"
        assert (await m.confirm(two)).state == "confirmed"
        assert (await m.attest(one)).state == "purged"
        refused(await m.attest(one), "state-conflict", "VRM-THR-005")


@scenario()
async def a_filled_intent_lets_the_others_lapse_for_good(m: Market) -> None:
    for by_vendor in (False, True):
        intent, one, two = await chosen(m, confirm=True)
        refused(await m.accept(two), "state-conflict", "VRM-THR-005")
        _, reply = await m.make(intent, m.vendors[1])
        refused(reply, "intent-not-open", "VRM-OFR-002")
        refused(await m.say(two, two.first, "offer.cancel"), "state-conflict")
        by = m.vendors[0] if by_vendor else one.first
        assert (await m.say(one, by, "offer.cancel")).state == "cancelled"
        refused(await m.say(one, m.vendors[0], "order.fulfil"), "state-conflict")
        m.saw("place free", "refuses", refused(await m.accept(two), "state-conflict", "VRM-THR-005"))
        again = await m.offered(intent, m.vendors[1])
        assert (await m.accept(again)).state == "accepted"
        assert (await m.attest(two)).state == "purged"
        assert (await m.attest(one)).state == "purged"


@scenario()
async def an_order_is_fulfilled_and_keeps_its_place(m: Market) -> None:
    intent, one, _ = await chosen(m)
    refused(await m.say(one, m.vendors[0], "order.fulfil"), "state-conflict", "VRM-THR-005")
    refused(await m.say(one, one.first, "offer.confirm", {"takes": one.offer}), "role-forbidden")
    assert (await m.confirm(one)).state == "confirmed"
    refused(await m.say(one, one.first, "order.fulfil"), "role-forbidden", "VRM-THR-004")
    refused(await m.attest(one), "state-conflict", "VRM-THR-005")
    assert (await m.say(one, m.vendors[0], "order.fulfil")).state == "fulfilled"
    refused(await m.say(one, m.vendors[0], "order.fulfil"), "state-conflict")
    assert (await m.attest(one)).state == "purged"
    refused(await m.attest(one), "state-conflict")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-002")


@scenario(vendors=3)
async def two_places_are_held_and_filled_one_by_one(m: Market) -> None:
    intent = await m.opened(rules={"accepts": 2})
    one, two, three = [await m.offered(intent, vendor) for vendor in m.vendors]
    assert (await m.accept(one)).state == "accepted"
    assert (await m.accept(two)).state == "accepted"
    refused(await m.accept(three), "accepts-used-up", "VRM-OFR-012")
    assert (await m.confirm(one)).state == "confirmed"
    refused(await m.accept(three), "accepts-used-up", "VRM-OFR-012")
    assert m.state(three) == "offered"
    assert (await m.confirm(two)).state == "confirmed"
    refused(await m.accept(three), "state-conflict", "VRM-THR-005")
    assert (await m.attest(three)).state == "purged"


# --- disclosing ----------------------------------------------------------------------------------------


@scenario()
async def names_go_to_the_chosen_one_only(m: Market) -> None:
    _, one, two = await chosen(m)
    anna = one.first
    refused(await m.say(two, anna, "disclosure.release", release(ORDERS, name="A")), "state-conflict")
    refused(await m.say(one, m.vendors[0], "disclosure.release", release(ORDERS, name="A")), "role-forbidden")
    for strange in (release(ORDERS, phone="1"), release(ORDERS, name="A", iban="1")):
        reply = await m.say(one, anna, "disclosure.release", strange)
        refused(reply, "fields-not-listed", "VRM-OFR-017")
    hidden = {**release(ORDERS, name="A"), "content": {"clear": {"name": "A", "phone": "1"}}}
    refused(await m.say(one, anna, "disclosure.release", hidden), "content-mismatch", "VRM-OFR-018")
    behind = one.head
    assert (await m.say(one, anna, "disclosure.release", release(ORDERS, name="A"))).status == 202
    assert (await m.say(one, anna, "disclosure.release", release(CARE, phone="1"))).status == 202
    stale = await m.say(one, m.vendors[0], "offer.confirm", {"takes": one.offer}, prev=behind)
    refused(stale, "prev-stale", "VRM-THR-012")
    for vendor, seen in zip(m.vendors, (2, 0), strict=True):
        sets = (await vendor.poll()).document["sets"].values()
        assert [type_of(token) for token in sets].count("disclosure.release") == seen
    assert (await m.vendors[1].read(f"/v1/threads/{one.thid}")).status == 404
    assert (await m.confirm(one)).state == "confirmed"


@scenario()
async def a_paper_is_disclosed_as_a_blob(m: Market) -> None:
    _, one, _ = await chosen(m)
    anna, data = one.first, b"a copy of her driving licence"
    named = {"about": {"purpose": ORDERS, "fields": ["name"]}, "content": {"ref": m.reference(data)}}
    refused(await m.say(one, anna, "disclosure.release", named), "blob-unknown", "VRM-BLB-004")
    paper = await m.put(anna, data)
    behind = one.head
    assert (await m.say(one, anna, "disclosure.release", named)).status == 202
    refused(await m.confirm(one, takes=one.head), "offer-stale", "VRM-OFR-011")
    stale = await m.say(one, m.vendors[0], "offer.confirm", {"takes": one.offer}, prev=behind)
    refused(stale, "prev-stale", "VRM-THR-012")
    path = f"/v1/blobs/{paper['sha256']}"
    assert (await m.vendors[0].read(path)).body == data
    assert (await m.vendors[1].read(path)).status == 404
    assert (await m.say(one, anna, "offer.cancel")).state == "cancelled"
    assert (await m.attest(one)).state == "purged"
    m.saw("tombstones of offer", "refuses", await m.vendors[0].read(path))


# --- showing another key -------------------------------------------------------------------------------


@scenario()
async def she_shows_the_key_of_the_pair(m: Market) -> None:
    intent = await m.opened(rules={"accepts": 2})
    vendor, once, pairwise = m.vendors[0], intent.first, m.world.person()
    one = await m.offered(intent, vendor)
    other = await m.offered(intent, vendor)
    early = await m.say(one, once, "agent.introduce", m.introduction(one, pairwise))
    refused(early, "state-conflict", "VRM-THR-005")
    assert (await m.accept(one)).state == "accepted"
    now = int(m.world.clock())
    for wrong in ({"aud": m.vendors[1].id}, {"sub": pairwise.id}, {"thid": other.thid}, {"iat": now - 86500}):
        bad = m.introduction(one, pairwise, **wrong)
        refused(await m.say(one, once, "agent.introduce", bad), "proof-invalid", "VRM-OFR-020")
    same = await m.say(one, once, "agent.introduce", m.introduction(one, once))
    refused(same, "proof-invalid", "VRM-OFR-020")
    assert (await m.say(one, vendor, "offer.message", {"text": "Ready?"})).status == 202
    stale = await m.say(one, once, "agent.introduce", m.introduction(one, pairwise), prev=one.thid)
    refused(stale, "prev-stale", "VRM-THR-012")
    assert (await m.say(one, once, "agent.introduce", m.introduction(one, pairwise))).status == 202
    refused(await m.say(one, once, "offer.message", {"text": "Hello?"}), "thread-unknown", "VRM-THR-002")
    left = await m.say(one, vendor, "offer.message", {"text": "Hello?"}, aud=once.id)
    refused(left, "aud-mismatch", "VRM-THR-003")
    assert (await once.read(f"/v1/threads/{one.thid}")).status == 404
    sets = (await pairwise.poll()).document["sets"].values()
    assert [type_of(token) for token in sets] == ["offer.make", "offer.message"]
    one.first = pairwise
    assert (await m.confirm(one)).state == "confirmed"
    assert (await m.say(one, pairwise, "offer.message", {"text": "It is me"})).status == 202
    # The other offer is still held under the key of the intent.
    refused(await m.say(other, pairwise, "offer.message", {"text": "And?"}), "thread-unknown", "VRM-THR-002")
    assert (await m.say(other, once, "offer.message", {"text": "This is for later"})).status == 202
    record = (await pairwise.read(f"/v1/records/{one.thid}")).document
    assert record["first"] == once.id
    assert len(record["messages"]) == 3


@scenario()
async def she_shows_another_key_once_it_is_confirmed(m: Market) -> None:
    _, one, _ = await chosen(m, confirm=True)
    once, pairwise = one.first, m.world.person()
    assert (await m.say(one, once, "agent.introduce", m.introduction(one, pairwise))).state == "confirmed"
    refused(await m.say(one, once, "offer.cancel"), "thread-unknown", "VRM-THR-002")
    one.first = pairwise
    assert (await m.say(one, m.vendors[0], "order.fulfil")).state == "fulfilled"
    assert (await m.attest(one)).state == "purged"


# --- purging -------------------------------------------------------------------------------------------


@scenario()
async def a_purge_leaves_tombstones(m: Market) -> None:
    intent = await m.opened()
    vendor, anna = m.vendors[0], intent.first
    offer = await m.offered(intent, vendor)
    assert (await m.say(offer, anna, "offer.message", {"text": "My secret wish"})).status == 202
    assert (await m.say(offer, anna, "offer.decline")).state == "declined"
    assert len((await vendor.poll()).document["order"]) == 2
    assert (await m.attest(offer)).state == "purged"
    path = f"/v1/threads/{offer.thid}"
    theirs = m.saw("tombstones of offer", "changes", await vendor.read(path)).document["messages"]
    assert [("token" in item, item["seq"]) for item in theirs] == [(n == 1, n) for n in (1, 2, 3, 4)]
    assert [item["type"] for item in theirs[1:]] == ["offer.message", "offer.decline", "purge.attest"]
    hers = (await anna.read(path)).document["messages"]
    assert all("token" in item for item in hers)
    assert (await vendor.poll()).document["order"] == []
    assert (await m.say(intent, anna, "intent.pause")).state == "paused"
    assert (await vendor.poll()).document["order"] == []
    for reader in (anna, vendor):
        assert len((await reader.read(f"/v1/records/{offer.thid}")).document["messages"]) == 2


async def ended(m: Market, state: str) -> Thread:
    """An offer that is over in this way."""
    intent = await m.opened()
    vendor, anna = m.vendors[0], intent.first
    offer = await m.offered(intent, vendor, valid_until=m.time(600))
    if state == "withdrawn":
        await m.say(offer, vendor, "offer.withdraw")
    elif state == "declined":
        await m.say(offer, anna, "offer.decline")
    elif state == "lapsed":
        await m.say(intent, anna, "intent.withdraw")
    else:
        await m.accept(offer)
        await m.confirm(offer)
        end = (anna, "offer.cancel") if state == "cancelled" else (vendor, "order.fulfil")
        await m.say(offer, *end)
    assert m.state(offer) == state
    return offer


@scenario()
async def every_end_has_its_time_to_purge(m: Market) -> None:
    """Who is late may still attest, and nothing else."""
    for state in ("withdrawn", "declined", "lapsed", "cancelled", "fulfilled"):
        offer = await ended(m, state)
        m.world.clock.forward(3598)
        assert m.state(offer) == state
        m.world.clock.forward(3)
        assert m.state(offer) == "purge-overdue", state
        for by in (offer.first, m.vendors[0]):
            late = await m.say(offer, by, "offer.message", {"text": "But"})
            assert late.code in ("state-conflict", "deadline-passed"), late.document
        assert (await m.attest(offer)).state == "purged"
        refused(await m.attest(offer), "state-conflict", "VRM-THR-005")
