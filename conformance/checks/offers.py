"""Offers: who may make which, places, disclosing, another key, and the record."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from conformance import jose, receipts
from conformance.bodies import CARE, ORDERS
from conformance.checks.feeds import same
from conformance.checks.intents import attestation, confirms, offers_of, states
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.results import Inconclusive

__all__ = ["introduced", "judge_record", "listed", "pages"]


async def offering(lab: Lab, intent: Thread, vendor: Party, version: int = 1, **body: Any) -> Said:
    """An offer that may be refused."""
    made = lab.bodies.offer(intent.thid, version, **body)
    return await lab.attempt(vendor, "offer.make", made, aud=intent.first.id, pthid=intent.thid)


async def made(lab: Lab, requirement: str, intent: Thread, vendor: Party, *more: int, **body: Any) -> Thread:
    """An offer that is to be taken."""
    said = lab.taken(requirement, await offering(lab, intent, vendor, *more, **body), "offered")
    return Thread(said.mid, intent.first, vendor, said=[said])


async def listed(lab: Lab, party: Party) -> dict[str, Mapping[str, Any]]:
    """The list of a party's threads, all pages of it."""
    found: dict[str, Mapping[str, Any]] = {}
    after = ""
    for _ in range(50):
        url = f"{lab.target.endpoint('threads')}?limit=50" + (f"&after={after}" if after else "")
        answer = await lab.get(party, url, schema=("documents/threads.json", "VRM-HOM-028"))
        if answer.status != 200:
            raise Inconclusive(f"the list of threads was answered {answer.said}")
        found |= {one["thid"]: one for one in answer.document["threads"]}
        after = answer.document["after"]
        if not answer.document["more"]:
            return found
    raise Inconclusive("the list of threads does not come to its end")


async def pages(
    lab: Lab, requirement: str, party: Party, thid: str, limit: int = 0
) -> list[Mapping[str, Any]]:
    """The messages of a thread as they are shown to a party who is to read it, all pages of it."""
    found: list[Mapping[str, Any]] = []
    start = 1
    for _ in range(100):
        answer = await lab.get(party, lab.thread_url(thid, from_=start, limit=limit or ""))
        lab.holds(requirement, answer.status == 200, "200", answer.said)
        document = answer.document
        faults = lab.spec.faults("documents/thread.json", document)
        lab.holds(requirement, not faults, "valid against documents/thread.json", faults[:2])
        found += document["messages"]
        if "next" not in document:
            return found
        start = document["next"]
    raise Inconclusive("a thread does not come to its end")


# --- making an offer ------------------------------------------------------------------------------


@check("VRM-OFR-001", profile="intent")
async def offers_are_made_on_an_open_intent_only(lab: Lab) -> None:
    """Not while it is paused, nor after its end; and what is refused reaches nobody."""
    vendor = await lab.vendor()
    for how, body in (("intent.withdraw", {}), ("intent.close", {"outcome": "abandoned"})):
        anna = lab.person()
        intent = await lab.published(anna)
        one = await made(lab, "VRM-OFR-001", intent, vendor)
        await lab.say(anna, "intent.pause", {}, intent)
        lab.refused("VRM-OFR-001", await offering(lab, intent, vendor), "intent-not-open")
        await lab.say(anna, "intent.amend", lab.bodies.amendment(2), intent)
        lab.refused("VRM-OFR-001", await offering(lab, intent, vendor, 2), "intent-not-open")
        await lab.say(anna, "intent.resume", {}, intent)
        two = await made(lab, "VRM-OFR-001", intent, vendor, 2)
        await lab.say(anna, how, body, intent)
        lab.refused("VRM-OFR-001", await offering(lab, intent, vendor, 2), "intent-not-open")
        same(lab, "VRM-OFR-001", [one.thid, two.thid], await lab.inbox(anna))


@check("VRM-OFR-002", "VRM-OFR-014", profile="intent")
async def a_filled_intent_takes_no_offers(lab: Lab) -> None:
    """Filled by confirmed and fulfilled offers, purged or not; what is accepted only does not fill."""
    anna, new = lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 2, "offers": 20})
    one, two = await offers_of(lab, intent, 2)
    for offer in (one, two):
        await lab.accepted(offer)
    await made(lab, "VRM-OFR-002", intent, new)
    await lab.confirmed(one)
    await made(lab, "VRM-OFR-002", intent, new)
    await lab.confirmed(two)
    lab.refused("VRM-OFR-002", await offering(lab, intent, new), "intent-not-open")
    await lab.say(anna, "offer.cancel", {}, two)
    three = await made(lab, "VRM-OFR-002", intent, await lab.vendor())
    assert one.second is not None
    assert three.second is not None
    await lab.say(one.second, "order.fulfil", {}, one)
    await lab.accepted(three)
    await lab.confirmed(three)
    lab.refused("VRM-OFR-002", await offering(lab, intent, new), "intent-not-open")
    await lab.say(one.second, "purge.attest", attestation(lab), one)
    lab.refused("VRM-OFR-014", await offering(lab, intent, new), "intent-not-open")
    await lab.say(three.second, "order.fulfil", {}, three)
    await lab.say(three.second, "purge.attest", attestation(lab), three)
    for vendor in (new, one.second, await lab.vendor()):
        lab.refused("VRM-OFR-014", await offering(lab, intent, vendor), "intent-not-open")
    await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 3, "offers": 20}), intent)
    await made(lab, "VRM-OFR-002", intent, new, 2)


@check("VRM-OFR-003", profile="intent")
async def an_offer_names_the_version_in_force(lab: Lab) -> None:
    """After each amendment the new one, and none that was or is not yet."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna)
    for version in (1, 2, 3):
        if version > 1:
            await lab.say(anna, "intent.amend", lab.bodies.amendment(version), intent)
        for wrong in {1, version - 1, version + 1} - {version, 0}:
            lab.refused("VRM-OFR-003", await offering(lab, intent, vendor, wrong), "intent-stale")
        await made(lab, "VRM-OFR-003", intent, vendor, version)


@check("VRM-OFR-004", "VRM-OFR-005", profile="intent")
async def an_offer_accepts_what_the_intent_offers(lab: Lab) -> None:
    """By the message that published it, and one of its agreements with id, version and digest."""
    anna, vendor = lab.person(), await lab.vendor()
    intent, other = await lab.published(anna), await lab.published(anna)
    amended = await lab.say(anna, "intent.amend", lab.bodies.amendment(2), intent)
    for mid in (amended.mid, other.thid, "A" * 43):
        said = await offering(lab, intent, vendor, 2, accepts=mid)
        lab.refused("VRM-OFR-004", said, "terms-not-offered")
    right, also = lab.bodies.agreement("PDC-INTENT"), lab.bodies.agreement("SD-BASE")
    wrong = [
        {**right, "digest": also["digest"]},
        {**right, "version": "9.9"},
        {**also, "id": right["id"]},
        {**also, "digest": right["digest"]},
        lab.bodies.agreement("SD-BASE-A"),
    ]
    for agreement in wrong:
        said = await offering(lab, intent, vendor, 2, agreement=agreement)
        lab.refused("VRM-OFR-005", said, "terms-not-offered")
    one = await made(lab, "VRM-OFR-004", intent, vendor, 2)
    two = await made(lab, "VRM-OFR-005", intent, vendor, 2, agreement=also)
    for offer, agreement in ((one, right), (two, also)):
        record = await lab.record(vendor, offer.thid)
        same(lab, "VRM-OFR-005", agreement, record["agreement"])
    same(lab, "VRM-OFR-004", [one.thid, two.thid], await lab.inbox(anna))


@check("VRM-OFR-006", "VRM-OFR-007", profile="intent")
async def offers_are_counted_for_good(lab: Lab) -> None:
    """In all and by vendor: those that are over or purged too, and none that was refused."""
    anna, one, two = lab.person(), await lab.vendor(), await lab.vendor()
    rules = {"offers": 4, "per_vendor": 2, "currencies": ["EUR"]}
    intent = await lab.published(anna, rules=rules)
    price = {"amount": "1.00", "currency": "USD"}
    for _ in range(3):
        said = await offering(lab, intent, one, total=price)
        if said.taken:
            raise Inconclusive("an offer in another currency was taken")
    first = await made(lab, "VRM-OFR-007", intent, one)
    taken_back = await lab.say(one, "offer.withdraw", {}, first)
    attested = await lab.say(one, "purge.attest", attestation(lab), first)
    second = await made(lab, "VRM-OFR-007", intent, one)
    await lab.say(anna, "offer.decline", {}, second)
    lab.refused("VRM-OFR-007", await offering(lab, intent, one), "offer-limit")
    third = await made(lab, "VRM-OFR-006", intent, two)
    fourth = await made(lab, "VRM-OFR-006", intent, await lab.vendor())
    for vendor in (two, await lab.vendor()):
        lab.refused("VRM-OFR-006", await offering(lab, intent, vendor), "offer-limit")
    revised = await lab.attempt(two, "offer.revise", lab.bodies.revision(), third)
    lab.taken("VRM-OFR-006", revised, "offered")
    await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {**rules, "offers": 5}), intent)
    lab.refused("VRM-OFR-007", await offering(lab, intent, one, 2), "offer-limit")
    fifth = await made(lab, "VRM-OFR-006", intent, two, 2)
    lab.refused("VRM-OFR-006", await offering(lab, intent, await lab.vendor(), 2), "offer-limit")
    told = [first.thid, taken_back.mid, attested.mid, second.thid, third.thid, fourth.thid]
    same(lab, "VRM-OFR-006", [*told, revised.mid, fifth.thid], await lab.inbox(anna))


def priced(total: str, *prices: str) -> dict[str, Any]:
    """A total and items in these currencies."""
    items = [
        {"title": "A", "quantity": {"value": "1"}, "price": {"amount": "2.00", "currency": price}}
        for price in prices
    ]
    return {"items": items, "total": {"amount": "9.00", "currency": total}}


async def _priced(
    lab: Lab, requirement: str, listed: list[str] | None, cases: list[tuple[bool, tuple[str, ...]]]
) -> None:
    """Offers and revisions in these currencies are taken or not."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"currencies": listed, "per_vendor": 20, "offers": 30})
    for right, currencies in cases:
        if right:
            await made(lab, requirement, intent, vendor, **priced(*currencies))
        else:
            said = await offering(lab, intent, vendor, **priced(*currencies))
            lab.refused(requirement, said, "currency-not-allowed")
    first = next(currencies for right, currencies in cases if right)
    offer = await made(lab, requirement, intent, vendor, **priced(*first))
    for right, currencies in cases:
        body = lab.bodies.revision(1, **priced(*currencies))
        said = await lab.attempt(vendor, "offer.revise", body, offer)
        if right:
            lab.taken(requirement, said, "offered")
        else:
            lab.refused(requirement, said, "currency-not-allowed")


@check("VRM-OFR-008", profile="intent")
async def prices_are_in_currencies_that_the_intent_lists(lab: Lab) -> None:
    """The total and each price, of an offer and of its revision."""
    cases = [
        (False, ("GBP", "GBP")),
        (False, ("GBP", "EUR")),
        (False, ("USD", "USD", "USD", "GBP")),
        (True, ("USD", "USD", "USD")),
        (True, ("EUR", "EUR")),
    ]
    await _priced(lab, "VRM-OFR-008", ["EUR", "USD"], cases)


@check("VRM-OFR-009", profile="intent")
async def prices_are_in_the_currency_of_the_total(lab: Lab) -> None:
    """Whether the intent lists several currencies or none."""
    cases = [(False, ("USD", "USD", "EUR")), (False, ("EUR", "USD", "USD")), (True, ("USD", "USD"))]
    await _priced(lab, "VRM-OFR-009", ["EUR", "USD"], cases)
    cases = [(False, ("GBP", "GBP", "EUR")), (False, ("GBP", "EUR", "EUR")), (True, ("GBP", "GBP", "GBP"))]
    await _priced(lab, "VRM-OFR-009", None, cases)


@check("VRM-OFR-010", profile="intent")
async def vendors_without_a_domain_offer_where_they_may(lab: Lab) -> None:
    """As the rules in force say, which an amendment changes."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"unverified": False})
    for party in (vendor, await lab.vendor("ES256")):
        lab.refused("VRM-OFR-010", await offering(lab, intent, party), "vendor-unverified")
    await lab.say(anna, "intent.amend", lab.bodies.amendment(2), intent)
    offer = await made(lab, "VRM-OFR-010", intent, vendor, 2)
    await lab.say(anna, "intent.amend", lab.bodies.amendment(3, {"unverified": False}), intent)
    lab.refused("VRM-OFR-010", await offering(lab, intent, vendor, 3), "vendor-unverified")
    same(lab, "VRM-OFR-010", [offer.thid], await lab.inbox(anna))


@check("VRM-OFR-010", profile="intent", needs="origin")
async def an_organisation_offers_where_others_may_not(lab: Lab) -> None:
    """``unverified`` shuts out those without a domain and nobody else."""
    shop = await lab.shop()
    anna = lab.person()
    intent = await lab.published(anna, rules={"unverified": False})
    offer = await made(lab, "VRM-OFR-010", intent, shop)
    await lab.accepted(offer)
    await confirms(lab, "VRM-OFR-010", offer)


# --- choosing -------------------------------------------------------------------------------------


@check("VRM-OFR-011", profile="intent")
async def what_is_taken_is_the_offer_as_it_stands(lab: Lab) -> None:
    """After a revision the revision, by her and by the vendor; a word in between changes nothing."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna)
    offer, other = await lab.offered(intent, vendor), await lab.offered(intent, vendor)
    one = await lab.say(vendor, "offer.revise", lab.bodies.revision(), offer)
    two = await lab.say(vendor, "offer.revise", lab.bodies.revision(), offer)
    word = await lab.say(anna, "offer.message", {"text": "Is it blue?"}, offer)
    wrong = (offer.thid, one.mid, word.mid, other.thid, intent.thid, "A" * 43)
    for mid in wrong:
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(mid), offer)
        lab.refused("VRM-OFR-011", said, "offer-stale")
    right = await lab.attempt(anna, "offer.accept", lab.bodies.taking(two.mid), offer)
    lab.taken("VRM-OFR-011", right, "accepted")
    for mid in (*wrong, right.mid):
        body = lab.bodies.taking(mid, confirm_by=None)
        lab.refused("VRM-OFR-011", await lab.attempt(vendor, "offer.confirm", body, offer), "offer-stale")
    body = lab.bodies.taking(two.mid, confirm_by=None)
    lab.taken("VRM-OFR-011", await lab.attempt(vendor, "offer.confirm", body, offer), "confirmed")


@check("VRM-OFR-012", "VRM-OFR-013", "VRM-OFR-014", profile="intent")
async def places_are_held_freed_and_kept(lab: Lab) -> None:
    """Accepted and confirmed offers hold them, cancelled ones give them back, fulfilled ones never do."""
    anna = lab.person()
    intent = await lab.published(anna, rules={"accepts": 2, "offers": 20})
    a, b, c, d, e = await offers_of(lab, intent, 5)

    async def full(*offers: Thread, rule: str = "VRM-OFR-012") -> None:
        for offer in offers:
            said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(offer.thid), offer)
            lab.refused(rule, said, "accepts-used-up")
        same(lab, rule, ["offered"] * len(offers), await states(lab, *offers))

    async def room(requirement: str, offer: Thread) -> None:
        said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(offer.thid), offer)
        lab.taken(requirement, said, "accepted")

    await room("VRM-OFR-012", a)
    await room("VRM-OFR-012", b)
    await full(c, d)
    await lab.confirmed(a)
    await full(c, d)
    assert a.second is not None
    assert b.second is not None
    await lab.say(b.second, "offer.cancel", {"reason": "sold"}, b)  # by the vendor, while accepted
    await room("VRM-OFR-013", c)
    await full(d, e)
    await lab.say(b.second, "purge.attest", attestation(lab), b)
    await full(d)
    await lab.say(anna, "offer.cancel", {}, a)  # by the person, once confirmed
    await room("VRM-OFR-013", d)
    await full(e)
    await lab.confirmed(d)
    assert d.second is not None
    await lab.say(d.second, "order.fulfil", {}, d)
    await full(e, rule="VRM-OFR-014")
    await lab.say(d.second, "purge.attest", attestation(lab), d)
    await full(e, rule="VRM-OFR-014")
    await lab.say(anna, "offer.cancel", {}, c)
    await room("VRM-OFR-014", e)
    [f] = await offers_of(lab, intent, 1)
    said = await lab.attempt(anna, "offer.accept", lab.bodies.taking(f.thid), f)
    lab.refused("VRM-OFR-014", said, "accepts-used-up")


# --- disclosing -----------------------------------------------------------------------------------


@check("VRM-OFR-017", profile="intent")
async def what_is_disclosed_is_what_the_intent_lists_for_a_purpose(lab: Lab) -> None:
    """Not another field, not a field of another purpose, not one too many; refused, it reaches nobody."""
    anna, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(anna)
    offer = await lab.offered(intent, vendor)
    accepted = await lab.accepted(offer)

    async def release(purpose: str, *fields: str) -> Said:
        about = {"purpose": purpose, "fields": list(fields)}
        content = {"clear": dict.fromkeys(fields, "secret")}
        body = lab.bodies.release(about=about, content=content)
        return await lab.attempt(anna, "disclosure.release", body, offer)

    wrong = [
        (ORDERS, "email"),
        (ORDERS, "phone"),
        (CARE, "name"),
        (ORDERS, "name", "phone"),
        (CARE, "phone", "email"),
        ("https://w3id.org/dpv#DirectMarketing", "name"),
    ]
    for about in wrong:
        lab.refused("VRM-OFR-017", await release(*about), "fields-not-listed")
    one = lab.taken("VRM-OFR-017", await release(ORDERS, "name"), "accepted")
    await lab.confirmed(offer)
    for about in wrong:
        lab.refused("VRM-OFR-017", await release(*about), "fields-not-listed")
    two = lab.taken("VRM-OFR-017", await release(CARE, "phone"), "confirmed")
    same(lab, "VRM-OFR-017", [accepted.mid, one.mid, two.mid], await lab.inbox(vendor))


# --- another key ----------------------------------------------------------------------------------


async def introduced(lab: Lab, offer: Thread, new: Party) -> Said:
    """She goes on under another identifier in this thread."""
    old = offer.first
    assert offer.second is not None
    body = {"id": new.id, "proof": lab.proof(new, old, offer.second.id, offer.thid)}
    said = await lab.say(old, "agent.introduce", body, offer)
    offer.first = new
    return said


@check("VRM-OFR-020", profile="intent")
async def an_introduction_needs_a_proof_by_the_other_identifier(lab: Lab) -> None:
    """For this sender, vendor, home and thread, of the last day, and by somebody who is no party yet."""
    anna, new, other, vendor = lab.person(), lab.person(), lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 2})
    offer, beside = await lab.offered(intent, vendor), await lab.offered(intent, vendor)
    await lab.accepted(offer)
    now = lab.target.now()

    good = jose.claims_of(lab.proof(new, anna, vendor.id, offer.thid))

    def proof(by: Party = new, **claims: Any) -> str:
        return jose.token(by.key, {**good, "iss": by.id, **claims}, "vrm-proof+jwt")

    wrong: list[tuple[Party, str]] = [
        (new, proof(sub=other.id)),
        (new, proof(sub=new.id)),
        (new, proof(sub=vendor.id)),
        (new, proof(aud=other.id)),
        (new, proof(aud=anna.id)),
        (new, proof(aud=lab.target.issuer)),
        (new, proof(home="https://else.example")),
        (new, proof(thid=beside.thid)),
        (new, proof(thid=intent.thid)),
        (new, proof(iat=now - 86500)),
        (new, proof(iat=now + 180)),
        (new, proof(other)),
        (new, proof(anna)),
        (other, proof()),
        (anna, proof(anna)),
        (vendor, proof(vendor)),
        (new, jose.token(other.key, good, "vrm-proof+jwt")),
        (new, jose.token(new.key, good)),
        (new, jose.token(new.key, {**good, "more": 1}, "vrm-proof+jwt")),
        (new, jose.token(new.key, {n: v for n, v in good.items() if n != "thid"}, "vrm-proof+jwt")),
        (new, f"{proof()[:-6]}AAAAAA"),
        (new, "AAAA.AAAA.AAAA"),
    ]
    for party, token in wrong:
        body = {"id": party.id, "proof": token}
        said = await lab.attempt(anna, "agent.introduce", body, offer)
        lab.refused("VRM-OFR-020", said, "proof-invalid")
    same(lab, "VRM-OFR-020", "accepted", await lab.state(anna, offer.thid))
    hers = await listed(lab, new)
    lab.holds("VRM-OFR-020", not hers, "no thread for the other identifier", sorted(hers))
    body = {"id": new.id, "proof": proof(iat=now - 86000)}
    said = await lab.attempt(anna, "agent.introduce", body, offer)
    lab.taken("VRM-OFR-020", said, "accepted")
    same(lab, "VRM-OFR-020", "accepted", await lab.state(new, offer.thid))


@check("VRM-OFR-021", "VRM-OFR-022", "VRM-OFR-023", profile="intent")
async def an_introduction_rebinds_one_thread(lab: Lab) -> None:
    """With what she has not acknowledged of it; the old identifier is a stranger there only."""
    anna, new, vendor = lab.person(), lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 3})
    offer, beside = await lab.offered(intent, vendor), await lab.offered(intent, vendor)
    for one in (offer, beside):
        await lab.accepted(one)
    words = [await lab.say(vendor, "offer.message", {"text": f"Word {n}"}, offer) for n in range(2)]
    aside = await lab.say(vendor, "offer.message", {"text": "Aside"}, beside)
    await lab.poll(anna, ack=[words[0].mid])
    same(lab, "VRM-OFR-021", [offer.thid, beside.thid, words[1].mid, aside.mid], await lab.inbox(anna))
    await introduced(lab, offer, new)

    same(lab, "VRM-OFR-021", [offer.thid, words[1].mid], await lab.inbox(new))
    same(lab, "VRM-OFR-021", [beside.thid, aside.mid], await lab.inbox(anna))
    document = await lab.poll(new)
    token = document["sets"].get(words[1].mid)
    lab.holds("VRM-OFR-021", token == words[1].token, "the token as it travelled", token)
    same(lab, "VRM-OFR-021", {offer.thid}, set(await listed(lab, new)))
    same(lab, "VRM-OFR-021", {intent.thid, beside.thid}, set(await listed(lab, anna)))
    tokens = [m.get("token") for m in await pages(lab, "VRM-OFR-021", new, offer.thid)]
    whole = tokens == [s.token for s in offer.said]
    lab.holds("VRM-OFR-021", whole, "the whole thread for the new identifier", len(tokens))
    lab.refused("VRM-OFR-021", await lab.get(new, lab.thread_url(beside.thid)), "not-found")

    # The old identifier is a stranger in this thread.
    stranger = lab.person()
    for reader in (anna, stranger):
        for url in (lab.thread_url(offer.thid), f"{lab.target.endpoint('records')}/{offer.thid}"):
            answer, nothing = await lab.get(reader, url), await lab.get(reader, f"{url[:-43]}{'A' * 43}")
            lab.refused("VRM-OFR-022", answer, "not-found")
            lab.holds("VRM-OFR-022", answer.data == nothing.data, nothing.text, answer.text)
        for type_, body in (
            ("offer.message", {"text": "Still there?"}),
            ("disclosure.release", lab.bodies.release()),
            ("offer.cancel", {}),
        ):
            said = await lab.attempt(reader, type_, body, offer, aud=vendor.id)
            lab.refused("VRM-OFR-022", said, "thread-unknown")
    # Whoever writes to it is told so.
    for type_, body in (
        ("offer.message", {"text": "Hello?"}),
        ("offer.confirm", lab.bodies.taking(offer.thid, confirm_by=None)),
        ("offer.cancel", {}),
    ):
        said = await lab.attempt(vendor, type_, body, offer, aud=anna.id)
        lab.refused("VRM-OFR-023", said, "aud-mismatch")
    # The other threads are hers as before, and not the new identifier's.
    for thread, body in ((beside, {"text": "Me too"}), (intent, {"text": "Me"})):
        type_ = "offer.message" if thread is beside else "intent.pause"
        said = await lab.attempt(new, type_, body if thread is beside else {}, thread, aud=thread.other(anna))
        lab.refused("VRM-OFR-021", said, "thread-unknown")
    await confirms(lab, "VRM-OFR-021", beside)
    said = await lab.attempt(anna, "disclosure.release", lab.bodies.release(), beside)
    lab.taken("VRM-OFR-021", said, "confirmed")
    await confirms(lab, "VRM-OFR-023", offer)
    said = await lab.attempt(new, "disclosure.release", lab.bodies.release(), offer)
    lab.taken("VRM-OFR-021", said, "confirmed")
    amended = await lab.attempt(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 3}), intent)
    lab.taken("VRM-OFR-021", amended, "open")
    third = lab.person()
    await introduced(lab, offer, third)
    lab.refused("VRM-OFR-022", await lab.get(new, lab.thread_url(offer.thid)), "not-found")
    same(lab, "VRM-OFR-021", "confirmed", await lab.state(third, offer.thid))
    same(lab, "VRM-OFR-021", [], await lab.inbox(new))


# --- record ---------------------------------------------------------------------------------------


async def judge_record(
    lab: Lab,
    reader: Party,
    intent: Thread,
    offer: Thread,
    state: str,
    rebound: tuple[Said, ...] = (),
    shown: str = "VRM-OFR-030",
) -> None:
    """The record of an offer, everything in it that can be computed anew; ``shown``: why it is there."""
    answer = await lab.get(reader, f"{lab.target.endpoint('records')}/{offer.thid}")
    lab.holds(shown, answer.status == 200, "200", answer.said)
    record = answer.document
    assert offer.second is not None
    published = jose.claims_of(intent.said[0].token)
    same(lab, "VRM-OFR-031", published["iss"], record.get("first"))
    same(lab, "VRM-OFR-031", offer.second.id, record.get("second"))
    faults = lab.spec.faults("documents/record.json", record)
    lab.holds("VRM-OFR-030", not faults, "valid against documents/record.json", faults[:2])
    right = [intent.said[0], offer.said[0], *rebound]
    mids = [jose.mid_of(m["token"]) for m in record["messages"]]
    same(lab, "VRM-OFR-030", [s.mid for s in right], mids)
    kids = set()
    for said, entry in zip(right, record["messages"], strict=True):
        lab.holds("VRM-OFR-030", entry["token"] == said.token, "the bytes that travelled", entry["token"])
        claims = receipts.claims(lab.target, entry["receipt"])
        same(lab, "VRM-OFR-030", said.receipt, claims)
        kids |= {jose.header_of(entry[name])["kid"] for name in ("token", "receipt")}
    body = jose.claims_of(offer.said[0].token)["body"]
    facts = {
        "kind": "agreement",
        "id": offer.thid,
        "thid": offer.thid,
        "home": lab.target.issuer,
        "agreement": body["agreement"],
        "executed_at": offer.said[0].receipt["iat"],
        "state": state,
    }
    same(lab, "VRM-OFR-030", facts, {name: record[name] for name in facts})
    manifest = jose.decode(record["manifest"])
    same(lab, "VRM-OFR-030", body["agreement"]["digest"], jose.b64(hashlib.sha256(manifest).digest()))
    named = json.loads(manifest)
    same(lab, "VRM-OFR-030", (body["agreement"]["id"], body["agreement"]["version"]), _named(named))
    keys = {key["kid"]: key["jwk"] for key in record["keys"]}
    lab.holds("VRM-OFR-030", kids <= keys.keys(), f"the keys {sorted(kids)}", sorted(keys))
    for kid, jwk in keys.items():
        same(lab, "VRM-OFR-030", kid, jose.thumbprint(jwk))
    for entry in record["messages"]:
        signed = jose.verifies(entry["token"], keys[jose.header_of(entry["token"])["kid"]])
        lab.holds("VRM-OFR-030", signed, "tokens that verify with its keys", entry["token"])
    found = receipts.claims(lab.target, record.get("checkpoint", ""))
    claims = {"error": found} if isinstance(found, str) else found
    expected = (True, reader.id, offer.thid, offer.head, len(offer.said), state)
    got = tuple(claims.get(n) for n in ("checkpoint", "aud", "thid", "mid", "seq", "state"))
    same(lab, "VRM-OFR-030", expected, got)


def _named(manifest: Any) -> tuple[object, object]:
    return manifest.get("id"), manifest.get("version")


@check("VRM-OFR-030", "VRM-OFR-031", profile="intent")
async def the_record_of_an_offer_holds_what_proves_it(lab: Lab) -> None:
    """From the offer to its end, for both and nobody else; revisions and amendments do not change it."""
    anna, vendor = lab.person("ES256"), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 2})
    await lab.say(anna, "intent.amend", lab.bodies.amendment(2, {"accepts": 2}), intent)
    offer = await lab.offered(intent, vendor, 2, agreement=lab.bodies.agreement("SD-BASE"))
    other = await lab.offered(intent, await lab.vendor("ES256"), 2)
    await asyncio.sleep(1.05)  # a second later than the offer
    for reader in (anna, vendor):
        await judge_record(lab, reader, intent, offer, "offered")
    revised = await lab.say(vendor, "offer.revise", lab.bodies.revision(2), offer)
    await judge_record(lab, anna, intent, offer, "offered")
    await lab.accepted(offer, revised.mid)
    new, third = lab.person(), lab.person()
    one = await introduced(lab, offer, new)
    for reader in (new, vendor):
        await judge_record(lab, reader, intent, offer, "accepted", (one,))
    await lab.confirmed(offer, revised.mid)
    two = await introduced(lab, offer, third)
    await lab.say(third, "disclosure.release", lab.bodies.release(), offer)
    for reader in (third, vendor):
        await judge_record(lab, reader, intent, offer, "confirmed", (one, two))
    url = f"{lab.target.endpoint('records')}/{offer.thid}"
    for reader, requirement in (
        (anna, "VRM-OFR-022"),
        (new, "VRM-OFR-022"),
        (lab.person(), "VRM-REC-001"),
        (other.second or lab.person(), "VRM-REC-001"),
    ):
        lab.refused(requirement, await lab.get(reader, url), "not-found")
    await judge_record(lab, anna, intent, other, "offered")
    await lab.say(vendor, "order.fulfil", {}, offer)
    await lab.say(anna, "intent.withdraw", {}, intent)
    await lab.say(vendor, "purge.attest", attestation(lab), offer)
    for reader in (third, vendor):
        await judge_record(lab, reader, intent, offer, "purged", (one, two))
    await judge_record(lab, anna, intent, other, "lapsed")


@check("VRM-OFR-030", "VRM-OFR-031", profile="intent")
async def a_rotation_after_an_introduction_is_in_the_record(lab: Lab) -> None:
    """Also where it was sent in another thread of the two; one that rebound nothing here is not."""
    if "agent.rotate" not in lab.target.discovery.get("types", ()):
        raise Inconclusive("the home takes no rotations")
    anna, new, newer, vendor = lab.person(), lab.person(), lab.person(), await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 2})
    offer, beside = await lab.offered(intent, vendor), await lab.offered(intent, vendor)
    for one in (offer, beside):
        await lab.accepted(one)
    brought = await introduced(lab, offer, new)
    terms = await lab.agreed(new, vendor)
    body = {"replaces": new.id, "proof": lab.proof(new, newer, vendor.id, terms.thid)}
    rotated = await lab.say(newer, "agent.rotate", body, terms, aud=vendor.id)
    offer.first = newer
    for reader in (newer, vendor):
        await judge_record(lab, reader, intent, offer, "accepted", (brought, rotated))
    for reader in (anna, vendor):
        await judge_record(lab, reader, intent, beside, "accepted")
    await lab.confirmed(offer)
    await judge_record(lab, vendor, intent, offer, "confirmed", (brought, rotated))


@check("VRM-OFR-030", profile="intent")
async def the_last_rotation_to_an_identifier_stands_behind_its_introduction(lab: Lab) -> None:
    """The last one only, and where another rotation follows: its key may have been committed there."""
    if "agent.rotate" not in lab.target.discovery.get("types", ()):
        raise Inconclusive("the home takes no rotations")
    anna, vendor = lab.person(), await lab.vendor()
    names = [lab.person() for _ in range(4)]
    terms = await lab.agreed(names[0], vendor)

    async def rotated(old: Party, new: Party) -> Said:
        body = {"replaces": old.id, "proof": lab.proof(old, new, vendor.id, terms.thid)}
        return await lab.say(new, "agent.rotate", body, terms, aud=vendor.id)

    await rotated(names[0], names[1])
    before = await rotated(names[1], names[2])
    intent = await lab.published(anna)
    offer = await lab.offered(intent, vendor)
    await lab.accepted(offer)
    brought = await introduced(lab, offer, names[2])
    for reader in (names[2], vendor):
        await judge_record(lab, reader, intent, offer, "accepted", (brought,))
    after = await rotated(names[2], names[3])
    offer.first = names[3]
    for reader in (names[3], vendor):
        await judge_record(lab, reader, intent, offer, "accepted", (brought, before, after))


@check("VRM-OFR-030", profile="intent")
async def a_rotation_is_in_the_record_wherever_its_thread_has_gone(lab: Lab) -> None:
    """Its thread has another first party by now; and brought in once more, it is not told twice."""
    if "agent.rotate" not in lab.target.discovery.get("types", ()):
        raise Inconclusive("the home takes no rotations")
    vendor, aside = await lab.vendor(), lab.person()
    names = [lab.person() for _ in range(4)]
    terms = await lab.agreed(names[0], vendor)
    intent = await lab.published(names[0], rules={"accepts": 2})
    offer, back = await lab.offered(intent, vendor), await lab.offered(intent, vendor)
    for one in (offer, back):
        await lab.accepted(one)

    async def rotated(n: int) -> Said:
        old, new = names[n], names[n + 1]
        body = {"replaces": old.id, "proof": lab.proof(old, new, vendor.id, terms.thid)}
        return await lab.say(new, "agent.rotate", body, terms, aud=vendor.id)

    first = await rotated(0)
    offer.first = back.first = names[1]
    gone = await introduced(lab, offer, aside)
    left, again = await introduced(lab, back, aside), await introduced(lab, back, names[1])
    second = await rotated(1)
    back.first = names[2]
    third = await rotated(2)
    back.first = names[3]
    for reader in (aside, vendor):
        await judge_record(lab, reader, intent, offer, "accepted", (first, gone))
    for reader in (names[3], vendor):
        await judge_record(lab, reader, intent, back, "accepted", (first, left, again, second, third))


@check("VRM-OFR-030", "VRM-OFR-031", profile="intent", needs="origin")
async def the_record_of_an_offer_of_an_organisation_holds_its_key(lab: Lab) -> None:
    """An organisation is named by its origin, and its key stands in the record."""
    anna, shop = lab.person(), await lab.shop()
    intent = await lab.published(anna)
    offer = await lab.offered(intent, shop)
    for reader in (anna, shop):
        await judge_record(lab, reader, intent, offer, "offered")
