"""Intents: their versions, what they do to the offers below them, and their views."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from conformance import jose
from conformance.bodies import ORDERS
from conformance.checks.feeds import Reader, aisle, same, shown, told, wanted
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.results import Inconclusive

__all__ = ["accepts", "attestation", "confirms", "offers_of", "states"]


def attestation(lab: Lab, **changes: Any) -> dict[str, Any]:
    """The body of ``purge.attest``."""
    return {"erased_at": lab.bodies.at(0), "kept": [], **changes}


async def states(lab: Lab, *offers: Thread) -> list[str]:
    """The states of threads, as both parties read them."""
    read = []
    for offer in offers:
        party = offer.second or offer.first
        one, two = await lab.state(offer.first, offer.thid), await lab.state(party, offer.thid)
        read.append(one if one == two else f"{one} and {two}")
    return read


async def offers_of(lab: Lab, intent: Thread, number: int, vendor: Party | None = None) -> list[Thread]:
    """So many offers, each of a vendor of its own unless one is named."""
    vendors = [vendor or await lab.vendor() for _ in range(number)]
    return [await lab.offered(intent, one) for one in vendors]


async def accepts(lab: Lab, requirement: str, offer: Thread) -> None:
    """She takes an offer as it was made, which is to be taken."""
    body = lab.bodies.taking(offer.said[0].mid)
    said = await lab.attempt(offer.first, "offer.accept", body, offer)
    lab.taken(requirement, said, "accepted")


async def confirms(lab: Lab, requirement: str, offer: Thread) -> None:
    """The vendor confirms an offer as it was made, which is to be taken."""
    assert offer.second is not None
    body = lab.bodies.taking(offer.said[0].mid, confirm_by=None)
    said = await lab.attempt(offer.second, "offer.confirm", body, offer)
    lab.taken(requirement, said, "confirmed")


async def ends(lab: Lab, intent: Thread, how: str) -> None:
    """The person ends an intent."""
    body = {"outcome": "elsewhere"} if how == "intent.close" else {}
    await lab.say(intent.first, how, body, intent)


# --- versions -------------------------------------------------------------------------------------


@check("VRM-INT-003", profile="intent")
async def an_intent_that_tells_no_budget_is_taken(lab: Lab) -> None:
    """As is one that tells it, and an amendment that leaves it out again."""
    anna, code = lab.person(), aisle()
    said = await lab.attempt(
        anna, "intent.publish", lab.bodies.intent(need=wanted(lab, code), budget=None), aud=lab.board
    )
    lab.taken("VRM-INT-003", said, "open")
    silent = Thread(said.mid, anna, None, lab.board, [said])
    reader = Reader(lab, code)
    await reader.shows("VRM-INT-003", [shown(silent)])
    budget = {"max": {"amount": "9000.00", "currency": "EUR"}}
    body = lab.bodies.amendment(2, need=wanted(lab, code), budget=budget)
    await lab.say(anna, "intent.amend", body, silent)
    body = lab.bodies.amendment(3, need=wanted(lab, code))
    lab.taken("VRM-INT-003", await lab.attempt(anna, "intent.amend", body, silent), "open")
    [*_, item] = await reader.shows("VRM-INT-003", [shown(silent, 1), shown(silent, 2)])
    lab.holds("VRM-INT-003", "budget" not in jose.claims_of(item["token"])["body"], "no budget")


@check("VRM-INT-007", profile="intent")
async def an_amendment_has_the_next_version(lab: Lab) -> None:
    """Neither the present one, nor one that was, nor one that is too far; also while it is paused."""
    anna, code = lab.person(), aisle()
    intent = await lab.published(anna, need=wanted(lab, code))
    reader = Reader(lab, code)
    await reader.shows("VRM-INT-007", [shown(intent)])

    async def stale(*versions: int) -> None:
        head, state = intent.head, await lab.state(anna, intent.thid)
        for version in versions:
            body = lab.bodies.amendment(version, need=wanted(lab, code, title=f"Version {version}"))
            lab.refused("VRM-INT-007", await lab.attempt(anna, "intent.amend", body, intent), "intent-stale")
        document = await lab.thread(anna, intent.thid)
        claims = jose.claims_of(document["checkpoint"])
        same(lab, "VRM-INT-007", (head, state), (claims["mid"], claims["state"]))
        await reader.shows("VRM-INT-007", [])

    async def taken(version: int, state: str) -> None:
        body = lab.bodies.amendment(version, need=wanted(lab, code))
        lab.taken("VRM-INT-007", await lab.attempt(anna, "intent.amend", body, intent), state)

    await stale(3, 1_000_000)
    await taken(2, "open")
    await reader.shows("VRM-INT-007", [shown(intent, 1)])
    await stale(2, 4)
    await lab.say(anna, "intent.pause", {}, intent)
    await reader.on()
    await stale(2, 4)
    await taken(3, "paused")
    await reader.on()
    await lab.say(anna, "intent.resume", {}, intent)
    await reader.on()
    await stale(2, 3, 5)
    await taken(4, "open")


@check("VRM-INT-008", profile="intent")
async def an_amendment_changes_no_terms(lab: Lab) -> None:
    """Nor what may be disclosed, nor when is purged, also where it says what was said already."""
    anna = lab.person()
    intent = await lab.published(anna)
    published = jose.claims_of(intent.said[0].token)["body"]
    changes: dict[str, list[Any]] = {
        "terms": [published["terms"], {**published["terms"], "preferred": lab.bodies.agreement("SD-BASE")}],
        "disclose": [published["disclose"], []],
        "purge_within": [published["purge_within"], "P400D"],
    }
    for name, values in changes.items():
        for value in values:
            body = lab.bodies.amendment(2, **{name: value})
            lab.refused("VRM-INT-008", await lab.attempt(anna, "intent.amend", body, intent), "body-invalid")
    plain = await lab.attempt(anna, "intent.amend", lab.bodies.amendment(2), intent)
    lab.taken("VRM-INT-008", plain, "open")
    vendor = await lab.vendor()
    offer = await lab.offered(intent, vendor, 2)
    await lab.accepted(offer)
    body = lab.bodies.release(about={"purpose": ORDERS, "fields": ["name"]})
    lab.taken("VRM-INT-008", await lab.attempt(anna, "disclosure.release", body, offer), "accepted")


@check("VRM-INT-009", "VRM-OFR-003", profile="intent")
async def an_amendment_leaves_earlier_offers_as_they_are(lab: Lab) -> None:
    """However strict the new rules: they stay offered, with their version, and can be taken."""
    anna, one, two = lab.person(), await lab.vendor(), await lab.vendor()
    intent = await lab.published(anna, rules={"offers": 9, "accepts": 2})
    before, other = await lab.offered(intent, one), await lab.offered(intent, two)
    rules = {"offers": 1, "per_vendor": 1, "accepts": 2, "currencies": ["USD"], "unverified": False}
    later = lab.bodies.amendment(2, rules, need=lab.bodies.need(title="Something else"))
    await lab.say(anna, "intent.amend", later, intent)
    same(lab, "VRM-INT-009", ["offered", "offered"], await states(lab, before, other))
    for reader in (anna, one):
        document = await lab.thread(reader, before.thid)
        tokens = [m.get("token") for m in document["messages"]]
        lab.holds("VRM-INT-009", tokens == [before.said[0].token], "the offer as it was", tokens)
    await accepts(lab, "VRM-INT-009", before)
    await confirms(lab, "VRM-INT-009", before)
    stale = await lab.attempt(two, "offer.revise", lab.bodies.revision(1), other)
    lab.refused("VRM-OFR-003", stale, "intent-stale")
    await lab.say(anna, "intent.amend", lab.bodies.amendment(3, {"accepts": 2}), intent)
    for version in (2, 4):
        stale = await lab.attempt(two, "offer.revise", lab.bodies.revision(version), other)
        lab.refused("VRM-OFR-003", stale, "intent-stale")
    now = await lab.attempt(two, "offer.revise", lab.bodies.revision(3), other)
    lab.taken("VRM-OFR-003", now, "offered")
    late = await lab.attempt(anna, "offer.accept", lab.bodies.taking(now.mid), other)
    lab.taken("VRM-INT-009", late, "accepted")


# --- effect on offers -----------------------------------------------------------------------------


@check("VRM-INT-010", profile="intent")
async def the_end_of_an_intent_ends_what_is_only_offered(lab: Lab) -> None:
    """Withdrawn or closed, also while paused: offers lapse, what was accepted goes on."""

    async def one_of(how: str, paused: bool) -> None:
        anna = lab.person()
        intent = await lab.published(anna, rules={"accepts": 3})
        offered, talked, accepted, confirmed, declined = await offers_of(lab, intent, 5)
        await lab.say(anna, "offer.message", {"text": "Is it blue?"}, talked)
        await lab.accepted(accepted)
        await lab.accepted(confirmed)
        await lab.confirmed(confirmed)
        await lab.say(anna, "offer.decline", {}, declined)
        if paused:
            await lab.say(anna, "intent.pause", {}, intent)
        right = ["offered", "offered", "accepted", "confirmed", "declined"]
        every = (offered, talked, accepted, confirmed, declined)
        same(lab, "VRM-INT-010", right, await states(lab, *every))
        await ends(lab, intent, how)
        right = ["lapsed", "lapsed", "accepted", "confirmed", "declined"]
        same(lab, "VRM-INT-010", right, await states(lab, *every))
        late = await lab.attempt(anna, "offer.accept", lab.bodies.taking(offered.thid), offered)
        lab.refused("VRM-INT-010", late, "state-conflict", "deadline-passed")
        assert talked.second is not None
        assert confirmed.second is not None
        late = await lab.attempt(talked.second, "offer.revise", lab.bodies.revision(), talked)
        lab.refused("VRM-INT-010", late, "state-conflict", "deadline-passed")
        await confirms(lab, "VRM-INT-010", accepted)
        done = await lab.attempt(confirmed.second, "order.fulfil", {}, confirmed)
        lab.taken("VRM-INT-010", done, "fulfilled")
        released = await lab.attempt(anna, "disclosure.release", lab.bodies.release(), accepted)
        lab.taken("VRM-INT-010", released, "confirmed")
        purged = await lab.attempt(talked.second, "purge.attest", attestation(lab), talked)
        lab.taken("VRM-INT-010", purged, "purged")

    ways = [("intent.withdraw", False), ("intent.close", False), ("intent.withdraw", True)]
    await asyncio.gather(*(one_of(*way) for way in ways))


@check("VRM-INT-011", "VRM-INT-012", profile="intent")
async def a_filled_intent_ends_what_is_only_offered(lab: Lab) -> None:
    """By as many confirmations as it accepts, or by fewer that it accepts; and for good."""

    async def by_confirmation() -> None:
        anna = lab.person()
        intent = await lab.published(anna, rules={"accepts": 2})
        one, two, left, other = await offers_of(lab, intent, 4)
        for offer in (one, two):
            await lab.accepted(offer)
        await lab.confirmed(one)
        right = ["confirmed", "accepted", "offered", "offered"]
        same(lab, "VRM-INT-011", right, await states(lab, one, two, left, other))
        await lab.say(anna, "offer.cancel", {}, one)
        await lab.accepted(other)
        await lab.confirmed(two)
        right = ["cancelled", "confirmed", "offered", "accepted"]
        same(lab, "VRM-INT-011", right, await states(lab, one, two, left, other))
        await lab.confirmed(other)
        right = ["cancelled", "confirmed", "lapsed", "confirmed"]
        same(lab, "VRM-INT-011", right, await states(lab, one, two, left, other))
        late = await lab.attempt(anna, "offer.accept", lab.bodies.taking(left.thid), left)
        lab.refused("VRM-INT-011", late, "state-conflict", "deadline-passed")
        await lab.say(anna, "offer.cancel", {}, other)
        same(lab, "VRM-INT-012", ["lapsed"], await states(lab, left))
        fresh = await lab.offered(intent, await lab.vendor())
        same(lab, "VRM-INT-012", ["offered", "lapsed"], await states(lab, fresh, left))
        await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 9}), intent)
        same(lab, "VRM-INT-012", ["offered", "lapsed"], await states(lab, fresh, left))
        late = await lab.attempt(anna, "offer.accept", lab.bodies.taking(left.thid), left)
        lab.refused("VRM-INT-012", late, "state-conflict", "deadline-passed")
        await accepts(lab, "VRM-INT-012", fresh)

    async def by_amendment() -> None:
        anna = lab.person()
        intent = await lab.published(anna, rules={"accepts": 3})
        one, held, left = await offers_of(lab, intent, 3)
        await lab.accepted(one)
        await lab.confirmed(one)
        await lab.accepted(held)
        await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 2}), intent)
        right = ["confirmed", "accepted", "offered"]
        same(lab, "VRM-INT-011", right, await states(lab, one, held, left))
        await lab.say(anna, "intent.amend", lab.bodies.amendment(3, {"accepts": 1}), intent)
        right = ["confirmed", "accepted", "lapsed"]
        same(lab, "VRM-INT-011", right, await states(lab, one, held, left))
        await lab.say(anna, "intent.amend", lab.bodies.amendment(4, {"accepts": 5}), intent)
        same(lab, "VRM-INT-012", right, await states(lab, one, held, left))
        late = await lab.attempt(anna, "offer.accept", lab.bodies.taking(left.thid), left)
        lab.refused("VRM-INT-012", late, "state-conflict", "deadline-passed")
        fresh = await lab.offered(intent, await lab.vendor(), 4)
        same(lab, "VRM-INT-012", ["offered"], await states(lab, fresh))

    async def by_a_fulfilled_one() -> None:
        anna = lab.person()
        intent = await lab.published(anna, rules={"accepts": 2})
        done, left = await offers_of(lab, intent, 2)
        await lab.accepted(done)
        await lab.confirmed(done)
        assert done.second is not None
        await lab.say(done.second, "order.fulfil", {}, done)
        same(lab, "VRM-INT-011", ["fulfilled", "offered"], await states(lab, done, left))
        await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 1}), intent)
        same(lab, "VRM-INT-011", ["fulfilled", "lapsed"], await states(lab, done, left))

    async def not_by_an_acceptance() -> None:
        anna = lab.person()
        intent = await lab.published(anna)
        one, left = await offers_of(lab, intent, 2)
        await lab.accepted(one)
        same(lab, "VRM-INT-011", ["accepted", "offered"], await states(lab, one, left))
        await lab.confirmed(one)
        same(lab, "VRM-INT-011", ["confirmed", "lapsed"], await states(lab, one, left))

    stories = (by_confirmation, by_amendment, by_a_fulfilled_one, not_by_an_acceptance)
    await asyncio.gather(*(story() for story in stories))


# --- what vendors are told ------------------------------------------------------------------------


@check("VRM-INT-013", profile="intent")
async def every_vendor_with_an_offer_is_told_of_its_intent_once(lab: Lab) -> None:
    """Each message after the first; whatever has become of its offer, but not after its purge."""
    anna, none = lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 2})
    twice, over, purged, half, held = [await lab.vendor() for _ in range(5)]
    for vendor in (twice, twice):
        await lab.offered(intent, vendor)
    [accepted] = await offers_of(lab, intent, 1, held)
    await lab.accepted(accepted)
    await lab.poll(held, ack=[accepted.head])
    [declined] = await offers_of(lab, intent, 1, over)
    await lab.say(anna, "offer.decline", {}, declined)
    await lab.poll(over, ack=[declined.head])
    for vendor in (purged, half):
        gone = await lab.offered(intent, vendor)
        await lab.say(vendor, "offer.withdraw", {}, gone)
        await lab.say(vendor, "purge.attest", attestation(lab), gone)
    await lab.offered(intent, half)
    said: list[Said] = []
    for type_, body in (
        ("intent.amend", lab.bodies.amendment(2, {"accepts": 2})),
        ("intent.pause", {}),
        ("intent.resume", {}),
        ("intent.amend", lab.bodies.amendment(3, {"accepts": 2})),
        ("intent.close", {"outcome": "fulfilled"}),
    ):
        said.append(await lab.say(anna, type_, body, intent))
        for vendor in (twice, over, half, held):
            await _told(lab, vendor, said)
    for vendor in (none, purged):
        left = await lab.inbox(vendor)
        lab.holds("VRM-INT-013", left == [], "nothing for a vendor without an offer", left)
    own = [mid for mid in await lab.inbox(anna) if mid in {s.mid for s in said}]
    lab.holds("VRM-INT-013", own == [], "nothing of her own for the person", own)
    await lab.poll(twice, ack=[said[0].mid])
    await _told(lab, twice, said[1:])
    await _told(lab, over, said)


async def _told(lab: Lab, vendor: Party, said: list[Said]) -> None:
    """These messages wait for a vendor, in their order, once, with their receipts."""
    document = await lab.poll(vendor, maxEvents=1000)
    same(lab, "VRM-INT-013", [s.mid for s in said], document["order"])
    for one in said:
        token = document["sets"].get(one.mid)
        lab.holds("VRM-INT-013", token == one.token, "the token as it travelled", token)
        claims = jose.claims_of(document["receipts"][one.mid])
        same(lab, "VRM-INT-013", one.receipt, claims)


@check("VRM-INT-013", profile="intent")
async def a_full_inbox_is_told_of_an_intent_all_the_same(lab: Lab) -> None:
    """Where ``limits.inbox`` is small enough to be filled; else one that holds much."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna)
    offer = await lab.offered(intent, vendor)
    room = min(lab.target.limit("inbox", 10_000), 60)
    for place in range(min(room, 60) if room < 60 else 5):
        await lab.say(anna, "offer.message", {"text": f"Question {place}"}, offer)
    if room < 60:
        full = await lab.attempt(anna, "offer.message", {"text": "One more"}, offer)
        if full.taken:
            raise Inconclusive("an inbox takes more than limits.inbox")
    said = await lab.attempt(anna, "intent.amend", lab.bodies.amendment(2), intent)
    lab.taken("VRM-INT-013", said, "open")
    paused = await lab.attempt(anna, "intent.pause", {}, intent)
    lab.taken("VRM-INT-013", paused, "paused")
    order = await lab.inbox(vendor)
    same(lab, "VRM-INT-013", [said.mid, paused.mid], order[-2:])


# --- views ----------------------------------------------------------------------------------------


def _demands(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every Demand of a document, however it is wrapped."""
    if isinstance(value, list):
        for one in value:
            yield from _demands(one)
    elif isinstance(value, dict):
        if value.get("@type") in ("Demand", ["Demand"]):
            yield value
        for one in value.values():
            yield from _demands(one)


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _mapped(view: Mapping[str, Any], body: Any, node: Any) -> Iterator[tuple[str, Any, Any]]:
    """What a view has to say of a body: the pointer, what is right, and what the node has."""
    for entry in view["map"]:
        right = _at(body, entry["from"].split("/")[1:])
        got = _at(node, entry["to"])
        if right is not None and "each" in entry:
            rows = got if isinstance(got, list) else [got]
            yield f"the number of {entry['from']}", len(right), len(rows)
            for one, row in zip(right, rows, strict=False):
                yield from _mapped(entry["each"], one, row)
        else:
            suffix = entry.get("suffix", "")
            yield entry["from"], f"{right}{suffix}" if right is not None else None, got


@check("VRM-INT-014", profile="intent")
async def a_feed_is_given_as_demands_too(lab: Lab) -> None:
    """Asked for ``application/ld+json``: by the table of views, each open intent as it stands."""
    code = aisle()
    attributes = [{"name": "colour", "value": "red"}, {"name": "length", "value": "4", "unit": "MTR"}]
    full: dict[str, Any] = {
        "need": wanted(
            lab, code, aisle(), attributes=attributes, quantity={"value": "2", "unit": "C62"}, title="Zwei €"
        ),
        "where": {"lat": "52.4", "lon": "4.6", "radius_km": 30},
        "when": {"from": lab.bodies.at(86400), "to": lab.bodies.at(5 * 86400)},
        "budget": {"max": {"amount": "9000.00", "currency": "EUR"}},
    }
    anna, bert, carl = lab.person(), lab.person(), lab.person()
    one = await lab.published(anna, **full)
    two = await lab.published(bert, need=wanted(lab, code, title="before"))
    later = lab.bodies.amendment(2, need=wanted(lab, code, title="after"), where={"region": "BE"})
    await lab.say(bert, "intent.amend", later, two)
    gone = await lab.published(carl, need=wanted(lab, code, title="gone"))
    await lab.say(carl, "intent.withdraw", {}, gone)
    url = f"{lab.board}?category=unspsc%3A{code}"
    answer = await lab.talk.request(
        "GET", url, headers={"Accept": "application/ld+json"}, label="a feed is asked for as linked data"
    )
    same(lab, "VRM-INT-014", (200, "application/ld+json"), (answer.status, answer.media))
    found = {str(_at(d, ["itemOffered", "name"])): d for d in _demands(answer.document)}
    same(lab, "VRM-INT-014", ["Zwei €", "after"], sorted(found))
    view = lab.spec.views["views"]["intent"]
    for intent, title in ((one, "Zwei €"), (two, "after")):
        body = jose.claims_of(intent.said[-1].token)["body"]
        for pointer, right, got in _mapped(view, body, found[title]):
            fits = got == right or str(got) == str(right)
            lab.holds("VRM-INT-014", fits, f"{pointer}: {right}", got)
    plain = await lab.talk.request("GET", url, headers={"Accept": "application/json"})
    same(lab, "VRM-INT-014", "application/json", plain.media)
    items = told(plain.document["items"])
    same(lab, "VRM-INT-014", sorted([shown(one), shown(two, 1)]), sorted(items))
