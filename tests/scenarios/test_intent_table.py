"""Intents and offers over real HTTP, and the table of what these scenarios show.

Each scenario is a test by itself. The table is derived from what all of them have sent and been answered: a
row for every row, guard, cause and effect of the two kinds, and two columns: where it changes what a later
message may do, and where it refuses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from tests.scenarios.market import CARE, ORDERS, SPEC, Exchange, Market, Thread, eur, market
from tests.world import Party, agreement
from vrmproto import envelope

Scenario = Callable[[Market], Awaitable[None]]
SCENARIOS: list[Scenario] = []


def scenario(told: Scenario) -> Scenario:
    SCENARIOS.append(told)
    return told


def refused(reply: object, code: str, rule: str = "") -> None:
    document = getattr(reply, "document", {})
    assert getattr(reply, "code", "") == code, document
    assert not rule or document["requirement"] == rule, document


def anna(m: Market) -> Party:
    return m.world.person()


async def chosen(m: Market, *, confirm: bool = False, **rules: object) -> tuple[Thread, Thread, Thread]:
    """An intent with two offers, of which the first is accepted, and confirmed if wanted."""
    intent = await m.opened(rules=rules)
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    assert (await m.accept(one)).state == "accepted"
    if confirm:
        assert (await m.confirm(one)).state == "confirmed"
    return intent, one, two


# --- the intent ------------------------------------------------------------------------------------


@scenario
async def publishing_is_for_persons_terms_and_boards_of_the_home(m: Market) -> None:
    vendor = m.vendors[0]
    _, reply = await m.publish(vendor)
    refused(reply, "person-required", "VRM-THR-024")
    _, reply = await m.publish(to=vendor.id)
    refused(reply, "aud-mismatch", "VRM-INT-001")
    _, reply = await m.publish(to=f"{m.board}x")
    refused(reply, "addressee-unknown", "VRM-ENV-025")
    roster = {"id": "other", "version": "1.0"}
    _, reply = await m.publish(terms={"roster": roster, "preferred": agreement("SD-BASE")})
    refused(reply, "roster-unknown", "VRM-TRM-001")
    _, reply = await m.publish(until=m.time(0))
    refused(reply, "deadline-invalid", "VRM-THR-020")
    picture = {"url": f"{m.world.origin}/v1/blobs/{'A' * 43}", "sha256": "A" * 43, "size": 1}
    _, reply = await m.publish(need=m.need(media=[{**picture, "media_type": "image/png"}]))
    refused(reply, "blob-unknown", "VRM-BLB-004")
    assert await m.shown() == []
    intent = await m.opened()
    assert [item["mid"] for item in await m.shown()] == [intent.thid]
    await m.offered(intent, vendor)


@scenario
async def an_amendment_asks_for_new_offers_and_leaves_the_old(m: Market) -> None:
    intent = await m.opened()
    old = await m.offered(intent, m.vendors[0])
    refused(await m.say(intent, intent.first, "intent.amend", m.amendment(3)), "intent-stale", "VRM-INT-007")
    late = m.amendment(2, until=m.time(-1))
    refused(await m.say(intent, intent.first, "intent.amend", late), "deadline-invalid")
    media = [{"url": "https://else.example/x", "sha256": "A" * 43, "size": 1, "media_type": "image/png"}]
    wrong = m.amendment(2, need=m.need(media=media))
    refused(await m.say(intent, intent.first, "intent.amend", wrong), "blob-unknown")
    reply = await m.say(intent, intent.first, "intent.amend", m.amendment(2))
    assert reply.state == "open"
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


@scenario
async def a_paused_intent_hears_no_offers(m: Market) -> None:
    intent = await m.opened()
    refused(await m.say(intent, intent.first, "intent.resume"), "state-conflict")
    old = await m.offered(intent, m.vendors[0])
    assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
    refused(await m.say(intent, intent.first, "intent.pause"), "state-conflict")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    assert (await m.say(old, m.vendors[0], "offer.revise", m.revision())).state == "offered"
    assert (await m.say(intent, intent.first, "intent.resume")).state == "open"
    await m.offered(intent, m.vendors[1])


@scenario
async def a_paused_intent_expires(m: Market) -> None:
    intent = await m.opened(until=m.time(2))
    assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
    m.world.clock.forward(3)
    refused(await m.say(intent, intent.first, "intent.resume"), "deadline-passed", "VRM-THR-006")
    _, reply = await m.make(intent, m.vendors[0])
    refused(reply, "intent-not-open", "VRM-OFR-001")


@scenario
async def a_withdrawn_intent_takes_its_waiting_offers_along(m: Market) -> None:
    intent, one, two = await chosen(m)
    reply = await m.say(intent, intent.first, "intent.withdraw", prev="A" * 43)
    assert reply.state == "withdrawn"
    for type_ in ("intent.withdraw", "intent.close"):
        body = {"outcome": "elsewhere"} if type_ == "intent.close" else {}
        refused(await m.say(intent, intent.first, type_, body), "state-conflict")
    _, reply = await m.make(intent, m.vendors[0])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    refused(await m.accept(two), "state-conflict")
    assert (await m.attest(two)).state == "purged"
    assert (await m.confirm(one)).state == "confirmed"
    for vendor in m.vendors[:2]:
        polled = (await vendor.poll()).document
        types = [type_of(polled["sets"][mid]) for mid in polled["order"]]
        assert types.count("intent.withdraw") == 1
    m.saw("delivery")
    assert [item.get("ended") for item in await m.shown()] == []


def type_of(token: str) -> str:
    return str(envelope.peek(token)[1]["type"])


@scenario
async def a_closed_intent_is_over(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    assert (await m.attest(offer)).status == 409
    reply = await m.say(intent, intent.first, "intent.close", {"outcome": "elsewhere"})
    assert reply.state == "closed"
    refused(await m.say(intent, intent.first, "intent.pause"), "state-conflict")
    refused(await m.accept(offer), "state-conflict")


@scenario
async def an_open_intent_expires(m: Market) -> None:
    intent = await m.opened(until=m.time(2))
    offer = await m.offered(intent, m.vendors[0])
    m.world.clock.forward(3)
    refused(await m.say(intent, intent.first, "intent.amend", m.amendment(2)), "deadline-passed")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-001")
    refused(await m.accept(offer), "state-conflict")
    assert (await m.attest(offer)).state == "purged"


@scenario
async def the_operator_removes(m: Market) -> None:
    for paused in (False, True):
        intent = await m.opened()
        offer = await m.offered(intent, m.vendors[0])
        if paused:
            assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
        home = Party(m.world, m.world.origin, m.world.home.signing[0])
        path = f"/v1/boards/intents/{intent.thid}"
        token = home.request("DELETE", path)
        reply = await m.world.send("DELETE", f"{path}?code=spam", Authorization=f"VRM {token}")
        assert reply.status == 204, reply.body
        refused(await m.say(intent, intent.first, "intent.amend", m.amendment(2)), "state-conflict")
        _, reply = await m.make(intent, m.vendors[1])
        refused(reply, "intent-not-open")
        assert (await m.attest(offer)).state == "purged"
        polled = (await intent.first.poll()).document
        assert polled["notices"].keys() == {intent.thid}
        told = (await intent.first.poll(ack=[intent.thid])).document
        assert "notices" not in told
        token = m.vendors[0].request("DELETE", path)
        reply = await m.world.send("DELETE", f"{path}?code=spam", Authorization=f"VRM {token}")
        refused(reply, "request-invalid")
        assert (await intent.first.read(f"/v1/threads/{intent.thid}")).status == 200
        assert (await m.vendors[0].read(f"/v1/threads/{intent.thid}")).status == 404
    m.saw("removal")
    m.saw("removal", "refuses")


# --- offers ----------------------------------------------------------------------------------------


@scenario
async def an_offer_takes_the_terms_and_keeps_the_rules(m: Market) -> None:
    intent = await m.opened(rules={"offers": 3, "per_vendor": 1})
    one, two = m.vendors[:2]
    stranger = anna(m)

    async def no(code: str, rule: str, vendor: Party = one, **body: Any) -> None:
        _, reply = await m.make(intent, vendor, None, **body)
        refused(reply, code, rule)

    await no("terms-not-offered", "VRM-OFR-004", accepts="A" * 43)
    await no("terms-not-offered", "VRM-OFR-005", agreement=agreement("SD-BASE-ATP"))
    await no("currency-not-allowed", "VRM-OFR-008", total=eur(currency="USD"))
    await no("vendor-unverified", "VRM-OFR-010", stranger)
    await no("deadline-invalid", "VRM-THR-020", valid_until=m.time(0))
    media = [{"url": "https://else.example/x", "sha256": "A" * 43, "size": 1, "media_type": "image/png"}]
    await no("blob-unknown", "VRM-BLB-004", media=media)
    offer = await m.offered(intent, one)
    await no("offer-limit", "VRM-OFR-007")
    await m.offered(intent, two)
    reply = await m.say(offer, one, "offer.revise", m.revision(total=eur(currency="USD")))
    refused(reply, "currency-not-allowed", "VRM-OFR-008")
    refused(await m.say(offer, one, "offer.revise", m.revision(valid_until=m.time(0))), "deadline-invalid")
    refused(await m.say(offer, one, "offer.revise", m.revision(media=media)), "blob-unknown")
    record = (await intent.first.read(f"/v1/records/{offer.thid}")).document
    assert record["second"] == one.id
    assert record["first"] == intent.first.id
    assert (await one.read(f"/v1/records/{offer.thid}")).document["messages"] == record["messages"]
    assert (await two.read(f"/v1/records/{offer.thid}")).status == 404
    m.saw("record")
    m.saw("record", "refuses")


@scenario
async def a_revision_takes_the_place_of_the_offer(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    first = offer.offer
    assert (await m.say(offer, m.vendors[0], "offer.revise", m.revision())).state == "offered"
    refused(await m.accept(offer, takes=first), "offer-stale", "VRM-OFR-011")
    refused(await m.accept(offer, confirm_by=m.time(0)), "deadline-invalid", "VRM-THR-020")
    assert (await m.accept(offer)).state == "accepted"
    refused(await m.confirm(offer, takes=first), "offer-stale", "VRM-OFR-011")
    refused(await m.say(offer, m.vendors[0], "offer.revise", m.revision()), "state-conflict")
    assert (await m.confirm(offer)).state == "confirmed"
    refused(await m.confirm(offer), "state-conflict")


@scenario
async def both_may_ask_and_answer(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    head = offer.head
    assert (await m.say(offer, intent.first, "offer.message", {"text": "Winter tyres?"})).state == "offered"
    stale = await m.say(offer, m.vendors[0], "offer.revise", m.revision(), prev=head)
    refused(stale, "prev-stale", "VRM-THR-012")
    answer = {"text": "Mounted.", "answers": offer.head}
    assert (await m.say(offer, m.vendors[0], "offer.message", answer)).state == "offered"
    assert (await m.say(offer, intent.first, "offer.decline", {"reason": "too far"})).state == "declined"
    for by in (intent.first, m.vendors[0]):
        refused(await m.say(offer, by, "offer.message", {"text": "Still?"}), "state-conflict")
    refused(await m.say(offer, intent.first, "offer.decline"), "state-conflict")


@scenario
async def a_withdrawn_offer_is_over(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0])
    refused(await m.say(offer, intent.first, "offer.withdraw"), "role-forbidden")
    assert (await m.say(offer, m.vendors[0], "offer.withdraw")).state == "withdrawn"
    refused(await m.say(offer, m.vendors[0], "offer.withdraw"), "state-conflict")
    refused(await m.accept(offer), "state-conflict")
    refused(await m.attest(offer, intent.first), "role-forbidden")
    assert (await m.attest(offer)).state == "purged"


@scenario
async def an_offer_lapses_by_its_date(m: Market) -> None:
    intent = await m.opened()
    offer = await m.offered(intent, m.vendors[0], valid_until=m.time(2))
    m.world.clock.forward(3)
    refused(await m.accept(offer), "deadline-passed", "VRM-THR-006")
    assert (await m.attest(offer)).state == "purged"


@scenario
async def an_acceptance_lapses_and_frees_the_place(m: Market) -> None:
    intent = await m.opened()
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    assert (await m.accept(one, confirm_by=m.time(2))).state == "accepted"
    refused(await m.accept(two), "accepts-used-up", "VRM-OFR-012")
    m.saw("place held", "refuses")
    m.world.clock.forward(3)
    refused(await m.confirm(one), "deadline-passed", "VRM-THR-006")
    assert (await m.accept(two)).state == "accepted"
    m.saw("place free")
    assert (await m.attest(one)).state == "purged"


@scenario
async def a_filled_intent_lets_the_others_lapse_for_good(m: Market) -> None:
    _intent, one, two = await chosen(m, confirm=True)
    intent = two.parent
    assert intent is not None
    refused(await m.accept(two), "state-conflict")
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-002")
    m.saw("place filled", "refuses")
    refused(await m.say(two, two.first, "offer.cancel"), "state-conflict")
    assert (await m.say(one, one.first, "offer.cancel")).state == "cancelled"
    refused(await m.say(one, m.vendors[0], "offer.cancel"), "state-conflict")
    refused(await m.accept(two), "state-conflict")
    again = await m.offered(intent, m.vendors[1])
    assert (await m.accept(again)).state == "accepted"
    m.saw("place filled")
    assert (await m.attest(two)).state == "purged"
    assert (await m.attest(one)).state == "purged"
    assert (await m.say(again, m.vendors[1], "offer.cancel")).state == "cancelled"
    assert (await m.attest(again)).state == "purged"


@scenario
async def an_order_is_fulfilled_and_keeps_its_place(m: Market) -> None:
    intent, one, _ = await chosen(m)
    m.saw("place held")
    refused(await m.say(one, m.vendors[0], "order.fulfil"), "state-conflict")
    assert (await m.confirm(one)).state == "confirmed"
    assert (await m.say(one, m.vendors[0], "order.fulfil")).state == "fulfilled"
    refused(await m.say(one, m.vendors[0], "order.fulfil"), "state-conflict")
    assert (await m.attest(one)).state == "purged"
    _, reply = await m.make(intent, m.vendors[1])
    refused(reply, "intent-not-open", "VRM-OFR-002")
    m.saw("place free", "refuses")


@scenario
async def names_go_to_the_chosen_one_only(m: Market) -> None:
    _, one, two = await chosen(m)

    def release(purpose: str, **clear: str) -> dict[str, object]:
        return {"about": {"purpose": purpose, "fields": list(clear)}, "content": {"clear": clear}}

    refused(await m.say(two, two.first, "disclosure.release", release(ORDERS, name="A")), "state-conflict")
    reply = await m.say(one, one.first, "disclosure.release", release(ORDERS, phone="1"))
    refused(reply, "fields-not-listed", "VRM-OFR-017")
    hidden = {**release(ORDERS, name="A"), "content": {"clear": {"name": "A", "phone": "1"}}}
    refused(await m.say(one, one.first, "disclosure.release", hidden), "content-mismatch", "VRM-OFR-018")
    blob = {"url": "https://else.example/x", "sha256": "A" * 43, "size": 1, "media_type": "image/png"}
    named = {"about": {"purpose": ORDERS, "fields": ["name"]}, "content": {"ref": blob}}
    refused(await m.say(one, one.first, "disclosure.release", named), "blob-unknown", "VRM-BLB-004")
    assert (await m.say(one, one.first, "disclosure.release", release(ORDERS, name="A"))).status == 202
    assert (await m.say(one, one.first, "disclosure.release", release(CARE, phone="1"))).status == 202
    for vendor, seen in zip(m.vendors, (2, 0), strict=False):
        sets = (await vendor.poll()).document["sets"].values()
        assert [type_of(token) for token in sets].count("disclosure.release") == seen
    assert (await m.vendors[1].read(f"/v1/threads/{one.thid}")).status == 404
    assert (await m.confirm(one)).state == "confirmed"


@scenario
async def she_shows_the_key_of_the_pair(m: Market) -> None:
    intent = await m.opened()
    one = await m.offered(intent, m.vendors[0])
    other = await m.offered(intent, m.vendors[0])
    assert (await m.accept(one)).state == "accepted"
    pairwise, once = anna(m), intent.first
    bad = m.introduction(one, pairwise, aud=m.vendors[1].id)
    refused(await m.say(one, once, "agent.introduce", bad), "proof-invalid", "VRM-OFR-020")
    assert (await m.say(one, m.vendors[0], "offer.message", {"text": "Ready?"})).status == 202
    stale = await m.say(one, once, "agent.introduce", m.introduction(one, pairwise), prev=one.thid)
    refused(stale, "prev-stale", "VRM-THR-012")
    assert (await m.say(one, once, "agent.introduce", m.introduction(one, pairwise))).status == 202
    refused(await m.say(one, once, "offer.message", {"text": "Hello?"}), "thread-unknown", "VRM-THR-002")
    m.saw("introduce", "refuses")
    left = await m.say(one, m.vendors[0], "offer.message", {"text": "Hello?"}, aud=once.id)
    refused(left, "aud-mismatch", "VRM-THR-003")
    assert (await once.read(f"/v1/threads/{one.thid}")).status == 404
    sets = (await pairwise.poll()).document["sets"].values()
    assert [type_of(token) for token in sets] == ["offer.make", "offer.message"]
    one.first = pairwise
    assert (await m.confirm(one)).state == "confirmed"
    assert (await m.say(one, pairwise, "offer.message", {"text": "It is me"})).status == 202
    assert (await m.say(other, once, "offer.message", {"text": "This is for later"})).status == 409
    m.saw("introduce")
    record = (await pairwise.read(f"/v1/records/{one.thid}")).document
    assert record["first"] == once.id
    assert len(record["messages"]) == 3


@scenario
async def a_purge_leaves_tombstones(m: Market) -> None:
    intent = await m.opened(purge_within="PT2S")
    offer = await m.offered(intent, m.vendors[0])
    assert (await m.say(offer, intent.first, "offer.message", {"text": "My secret wish"})).status == 202
    assert (await m.say(offer, intent.first, "offer.decline")).state == "declined"
    m.world.clock.forward(3)
    assert m.state(offer) == "purge-overdue"
    refused(await m.say(offer, m.vendors[0], "offer.message", {"text": "But"}), "state-conflict")
    assert (await m.attest(offer)).state == "purged"
    refused(await m.attest(offer), "state-conflict")
    shown = (await m.vendors[0].read(f"/v1/threads/{offer.thid}")).document["messages"]
    assert [("token" in item, item["seq"]) for item in shown] == [
        (True, 1),
        (False, 2),
        (False, 3),
        (False, 4),
    ]
    assert [item.get("type") for item in shown[1:]] == ["offer.message", "offer.decline", "purge.attest"]
    hers = (await intent.first.read(f"/v1/threads/{offer.thid}")).document["messages"]
    assert all("token" in item for item in hers)
    polled = (await m.vendors[0].poll()).document
    assert polled["order"] == []
    m.saw("tombstones")
    assert (await m.say(intent, intent.first, "intent.pause")).state == "paused"
    assert (await m.vendors[0].poll()).document["order"] == []
    m.saw("delivery", "refuses")
    assert (await m.vendors[0].read(f"/v1/records/{offer.thid}")).status == 200
    m.saw("tombstones", "refuses")


@scenario
async def every_end_has_its_own_time_to_purge(m: Market) -> None:
    """Each state that waits for a purge is overdue in time, and takes the attestation before and after."""

    async def bring(state: str) -> Thread:
        intent = await m.opened(purge_within="PT2S")
        offer = await m.offered(
            intent, m.vendors[0], valid_until=m.time(2) if state == "lapsed" else m.time(60)
        )
        if state == "withdrawn":
            await m.say(offer, m.vendors[0], "offer.withdraw")
        elif state == "declined":
            await m.say(offer, intent.first, "offer.decline")
        elif state in ("cancelled", "fulfilled"):
            await m.accept(offer)
            await m.confirm(offer)
            if state == "cancelled":
                await m.say(offer, intent.first, "offer.cancel")
            else:
                await m.say(offer, m.vendors[0], "order.fulfil")
        return offer

    waiting = {state: await bring(state) for state in ("withdrawn", "declined", "cancelled", "fulfilled")}
    lapsed = await bring("lapsed")
    m.world.clock.forward(2)
    assert m.state(lapsed) == "lapsed"
    # A second word of hers moves the receipt on, so that lapsed is a state of its own below.
    for state, offer in waiting.items():
        assert m.state(offer) == "purge-overdue", state
        refused(await m.say(offer, offer.first, "offer.message", {"text": "?"}), "state-conflict")
        assert (await m.attest(offer)).state == "purged"
    m.world.clock.forward(2)
    assert m.state(lapsed) == "purge-overdue"
    refused(await m.say(lapsed, lapsed.first, "offer.message", {"text": "?"}), "deadline-passed")
    assert (await m.attest(lapsed)).state == "purged"


# --- the table -------------------------------------------------------------------------------------

Cell = tuple[str, str]
"""What, and which column."""


def wanted() -> set[Cell]:
    """Every cell that there can be, from the tables."""
    cells: set[Cell] = set()
    for kind in (SPEC.kinds["intent"], SPEC.kinds["offer"]):
        for row in kind.rows:
            roles = ("first", "second") if row.by == "either" else (row.by,)
            for role in roles:
                name = f"row {row.type} by {role}"
                # What ends a thread changes what a later message may do; what leaves the state may bind it.
                cells |= {(name, "changes"), (name, "refuses")}
            for guard in row.guards:
                cells |= {(f"guard {guard} of {row.type}", c) for c in ("changes", "refuses")}
        for state in kind.states.values():
            for cause in state.moves:
                cells.add((f"cause {cause} of {kind.name} {state.name}", "refuses"))
                # An intent that is over takes nothing; of an offer the purge is left.
                if kind.name == "offer":
                    cells.add((f"cause {cause} of {kind.name} {state.name}", "changes"))
    effects = (
        "introduce",
        "delivery",
        "tombstones",
        "record",
        "removal",
        "place held",
        "place filled",
        "place free",
    )
    return cells | {(effect, column) for effect in effects for column in ("changes", "refuses")}


def filled(log: Iterable[Exchange]) -> set[Cell]:
    """The cells that exchanges fill."""
    told = list(log)
    by_code = {code: entry["by"] for code, entry in SPEC.errors.items()}
    cells: set[Cell] = set()
    for place, one in enumerate(told):
        name = f"row {one.type} by {one.role}"
        rows = [r for r in SPEC.kinds[one.kind].rows if r.type == one.type]
        if one.after:
            later = any(two.thid == one.thid or two.kind != one.kind for two in told[place + 1 :])
            if later:
                cells.add((name, "changes"))
                cells |= {(f"guard {guard} of {one.type}", "changes") for r in rows for guard in r.guards}
        else:
            cells.add((name, "refuses"))
            for guard in by_code[one.code]:
                cells.add((f"guard {guard} of {one.type}", "refuses"))
        if one.cause:
            column = "changes" if one.after else "refuses"
            cells.add((f"cause {one.cause} of {one.kind} {one.stored}", column))
            # A second cause may have followed: purge-overdue comes from the state that the first one led to.
            entered = SPEC.kinds[one.kind].states[one.stored].moves[one.cause]
            if one.before != entered:
                cells.add((f"cause deadline of {one.kind} {entered}", column))
    return cells


async def shown_by(told: Scenario) -> set[Cell]:
    async with market() as m:
        await told(m)
        return filled(m.log) | m.shown_effects


@pytest.mark.parametrize("told", SCENARIOS, ids=lambda s: s.__name__)
async def test_scenario(told: Scenario) -> None:
    assert await shown_by(told)


async def test_both_columns_of_the_table_are_full() -> None:
    cells = {told.__name__: await shown_by(told) for told in SCENARIOS}
    missing = wanted() - set().union(*cells.values())
    assert not missing, sorted(missing)
    # Without any one of three, a cell is empty.
    alone = {
        name: own - set().union(*(others for other, others in cells.items() if other != name)) & wanted()
        for name, own in cells.items()
    }
    needed = {name for name, own in alone.items() if own & wanted()}
    for name in (
        "she_shows_the_key_of_the_pair",
        "the_operator_removes",
        "names_go_to_the_chosen_one_only",
    ):
        assert name in needed, (name, sorted(needed))
