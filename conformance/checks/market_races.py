"""Intents and offers that many act on at once: exactly one wins, or as many as there are places."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance import jose, receipts
from conformance.checks.feeds import same
from conformance.checks.intents import attestation, offers_of, states
from conformance.checks.offers import listed
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.results import Failed

__all__ = ["Ask", "rush"]

TRIES = 20
"""How often each race is run,"""
PATIENCE = 25.0
"""unless so many seconds have passed, and it was run five times."""
_FEW = 5


def turns(lab: Lab) -> Iterator[int]:
    """The numbers of the tries; few where there is no time."""
    began = time.monotonic()
    for turn in range(_FEW if lab.session.hurried else TRIES):
        if turn >= 5 and time.monotonic() - began > PATIENCE:
            return
        yield turn


@dataclass
class Ask:
    """A message that is sent together with others."""

    party: Party
    type: str
    body: Any
    thread: Thread | None = None
    aud: str = ""
    claims: dict[str, Any] = field(default_factory=dict)


async def rush(lab: Lab, *asked: Ask, turn: int = 0) -> list[Said]:
    """Send all at once, beginning with another one each turn. Receipts are looked at in their order."""
    tokens = []
    for one in asked:
        claims, aud = dict(one.claims), one.aud
        if one.thread is not None:
            aud = aud or one.thread.other(one.party)
            claims = {"thid": one.thread.thid, "prev": one.thread.head, **claims}
        tokens.append(jose.token(one.party.key, lab.claims(one.party, one.type, aud, one.body, **claims)))
    order = [(turn + place) % len(asked) for place in range(len(asked))]
    sent = await asyncio.gather(
        *(lab.talk.send(tokens[n].encode(), f"{asked[n].party.name} sends {asked[n].type}") for n in order)
    )
    answers = dict(zip(order, sent, strict=True))
    made = []
    for place, token in enumerate(tokens):
        answer, mid = answers[place], jose.mid_of(token)
        read: Any = receipts.claims(lab.target, answer.text) if answer.status == 202 else {}
        if isinstance(read, str):
            raise Failed("VRM-HOM-010", "a receipt signed by the home", read)
        made.append(Said(token, answer, mid, jose.claims_of(token).get("thid", mid), read))
    pairs = zip(asked, made, strict=True)
    taken = sorted(((o, s) for o, s in pairs if s.taken), key=lambda pair: pair[1].receipt.get("seq", 0))
    for one, said in taken:
        lab.history.taken(lab.talk, said.token, said.answer)
        if one.thread is not None:
            one.thread.said.append(said)
    return made


_POLLS = 40
"""So often an inbox is acknowledged before it should be empty."""


async def drained(lab: Lab, *parties: Party) -> None:
    """They acknowledge what waits for them, lest an inbox gets full."""
    for party in parties:
        document = await lab.poll(party)
        for _ in range(_POLLS):
            if not document["order"]:
                break
            document = await lab.poll(party, ack=document["order"])
        gone = "an inbox that is empty once everything is acknowledged"
        lab.holds("VRM-HOM-020", not document["order"], gone, len(document["order"]))


def winners(lab: Lab, requirement: str, number: int, said: Sequence[Said], *codes: str) -> list[Said]:
    """So many are taken, and the others refused with one of the codes."""
    won = [one for one in said if one.answer.status == 202]
    told = [one.answer.said for one in said]
    lab.holds(requirement, len(won) == number, f"{number} of {len(said)} taken", told)
    for one in said:
        if one not in won:
            lab.refused(requirement, one, *codes)
    return won


def making(lab: Lab, intent: Thread, vendor: Party, version: int = 1) -> Ask:
    """An offer."""
    body = lab.bodies.offer(intent.thid, version)
    return Ask(vendor, "offer.make", body, None, intent.first.id, {"pthid": intent.thid})


def accepting(lab: Lab, offer: Thread) -> Ask:
    """Its acceptance."""
    return Ask(offer.first, "offer.accept", lab.bodies.taking(offer.said[0].mid), offer)


def by_vendor(offer: Thread, type_: str, body: Any = None) -> Ask:
    """A message of the vendor."""
    assert offer.second is not None
    return Ask(offer.second, type_, body or {}, offer)


@check("VRM-OFR-012", "VRM-THR-015", profile="intent")
async def of_two_acceptances_at_once_one_is_taken(lab: Lab) -> None:
    """For the last place; nothing of the other reaches its vendor. Of five for two places two."""
    one, two = await lab.vendor(), await lab.vendor()
    many = [await lab.vendor() for _ in range(5)]
    for turn in turns(lab):
        intent = await lab.published(lab.person())
        offers = await asyncio.gather(lab.offered(intent, one), lab.offered(intent, two))
        said = await rush(lab, *(accepting(lab, offer) for offer in offers), turn=turn)
        [won] = winners(lab, "VRM-OFR-012", 1, said, "accepts-used-up")
        right = ["accepted" if s is won else "offered" for s in said]
        same(lab, "VRM-OFR-012", right, await states(lab, *offers))
        lab.holds("VRM-THR-015", True, "one of two")
        for vendor, s in zip((one, two), said, strict=True):
            waits = await lab.inbox(vendor)
            same(lab, "VRM-OFR-012", [s.mid] if s is won else [], waits)
            await lab.poll(vendor, ack=waits)
    for turn in range(5):
        intent = await lab.published(lab.person(), rules={"accepts": 2})
        offers_ = await asyncio.gather(*(lab.offered(intent, vendor) for vendor in many))
        said = await rush(lab, *(accepting(lab, offer) for offer in offers_), turn=turn)
        winners(lab, "VRM-OFR-012", 2, said, "accepts-used-up")
        await drained(lab, *many)


@check("VRM-THR-015", profile="intent")
async def of_an_acceptance_and_a_withdrawal_at_once_one_is_taken(lab: Lab) -> None:
    """And of an acceptance and a refusal by the person, and of two acceptances of one offer."""
    vendor = await lab.vendor()
    for turn in turns(lab):
        intent = await lab.published(lab.person())
        one, two, three = await asyncio.gather(*(lab.offered(intent, vendor) for _ in range(3)))
        said = await rush(lab, accepting(lab, one), by_vendor(one, "offer.withdraw"), turn=turn)
        [won] = winners(lab, "VRM-THR-015", 1, said, "state-conflict")
        state = "accepted" if won is said[0] else "withdrawn"
        same(lab, "VRM-THR-015", [state], await states(lab, one))
        if won is said[0]:
            await lab.say(one.first, "offer.cancel", {}, one)
        decline = Ask(two.first, "offer.decline", {}, two)
        said = await rush(lab, accepting(lab, two), decline, turn=turn)
        [won] = winners(lab, "VRM-THR-015", 1, said, "state-conflict")
        if won is said[0]:
            await lab.say(two.first, "offer.cancel", {}, two)
        said = await rush(lab, accepting(lab, three), accepting(lab, three), turn=turn)
        [won] = winners(lab, "VRM-THR-015", 1, said, "state-conflict")
        same(lab, "VRM-THR-015", won.mid, _last(await lab.thread(vendor, three.thid)))
        await drained(lab, vendor)


def _last(document: dict[str, Any]) -> str:
    return str(jose.claims_of(document["checkpoint"])["mid"])


@check("VRM-OFR-006", "VRM-OFR-007", profile="intent")
async def the_last_offer_of_an_intent_is_taken_once(lab: Lab) -> None:
    """Ten vendors at once for one that is left in all, and one vendor five times for its last."""
    vendors = [await lab.vendor() for _ in range(10)]
    for turn in turns(lab):
        anna = lab.person()
        intent = await lab.published(anna, rules={"offers": 1})
        said = await rush(lab, *(making(lab, intent, vendor) for vendor in vendors), turn=turn)
        [won] = winners(lab, "VRM-OFR-006", 1, said, "offer-limit")
        same(lab, "VRM-OFR-006", [won.mid], await lab.inbox(anna))
        bert = lab.person()
        intent = await lab.published(bert, rules={"per_vendor": 2})
        first = await lab.offered(intent, vendors[0])
        said = await rush(lab, *(making(lab, intent, vendors[0]) for _ in range(5)), turn=turn)
        [won] = winners(lab, "VRM-OFR-007", 1, said, "offer-limit")
        same(lab, "VRM-OFR-007", [first.thid, won.mid], await lab.inbox(bert))


@check("VRM-THR-015", "VRM-INT-007", "VRM-OFR-003", "VRM-INT-013", profile="intent")
async def an_offer_and_an_amendment_at_once_come_one_after_the_other(lab: Lab) -> None:
    """An offer in time is told of the amendment, a late one refused; of two of one version one is taken."""
    vendor = await lab.vendor()
    for turn in turns(lab):
        anna = lab.person()
        intent = await lab.published(anna)
        amend = Ask(anna, "intent.amend", lab.bodies.amendment(2), intent)
        amended, offered = await rush(lab, amend, making(lab, intent, vendor), turn=turn)
        winners(lab, "VRM-OFR-003", 1, [amended])
        waits = await lab.inbox(vendor)
        if offered.taken:
            same(lab, "VRM-INT-013", [amended.mid], waits)
        else:
            lab.refused("VRM-OFR-003", offered, "intent-stale")
            same(lab, "VRM-INT-013", [], waits)
        same(lab, "VRM-OFR-003", [offered.mid] if offered.taken else [], await lab.inbox(anna))
        twice = [
            Ask(anna, "intent.amend", lab.bodies.amendment(3, need=lab.bodies.need(title=title)), intent)
            for title in ("One", "Two")
        ]
        said = await rush(lab, *twice, turn=turn)
        [won] = winners(lab, "VRM-THR-015", 1, said, "prev-stale")
        same(lab, "VRM-INT-007", won.mid, _last(await lab.thread(anna, intent.thid)))
        fresh = await rush(lab, making(lab, intent, vendor, 3))
        winners(lab, "VRM-INT-007", 1, fresh)
        await drained(lab, vendor)


@check("VRM-THR-015", profile="intent")
async def a_confirmation_and_a_cancellation_at_once_end_in_one_way(lab: Lab) -> None:
    """It is cancelled, confirmed before or never; of two cancellations or attestations one is taken."""
    vendor = await lab.vendor()
    for turn in turns(lab):
        anna = lab.person()
        intent = await lab.published(anna)
        offer = await lab.offered(intent, vendor)
        await lab.accepted(offer)
        body = lab.bodies.taking(offer.thid, confirm_by=None)
        cancel = Ask(anna, "offer.cancel", {}, offer)
        confirmed, cancelled = await rush(lab, by_vendor(offer, "offer.confirm", body), cancel, turn=turn)
        winners(lab, "VRM-THR-015", 1, [cancelled])
        if confirmed.taken:
            seqs = (confirmed.receipt["seq"], cancelled.receipt["seq"])
            same(lab, "VRM-THR-015", (3, 4), seqs)
        else:
            lab.refused("VRM-THR-015", confirmed, "state-conflict")
        same(lab, "VRM-THR-015", ["cancelled"], await states(lab, offer))
        other = await lab.offered(intent, vendor)
        await lab.accepted(other)
        cancels = (Ask(anna, "offer.cancel", {}, other), by_vendor(other, "offer.cancel"))
        winners(lab, "VRM-THR-015", 1, await rush(lab, *cancels, turn=turn), "state-conflict")
        attests = [by_vendor(offer, "purge.attest", attestation(lab)) for _ in range(2)]
        winners(lab, "VRM-THR-015", 1, await rush(lab, *attests, turn=turn), "state-conflict")
        await drained(lab, vendor)


@check("VRM-OFR-001", "VRM-OFR-002", "VRM-INT-010", "VRM-INT-011", profile="intent", slow=True)
async def an_offer_at_the_end_of_an_intent_is_refused_or_lapses(lab: Lab) -> None:
    """Made at once with the withdrawal, or with the confirmation that fills the intent, it never stands."""
    vendor, other = await lab.vendor(), await lab.vendor()
    for turn in turns(lab):
        anna = lab.person()
        intent = await lab.published(anna)
        withdraw = Ask(anna, "intent.withdraw", {}, intent)
        withdrawn, said = await rush(lab, withdraw, making(lab, intent, vendor), turn=turn)
        winners(lab, "VRM-INT-010", 1, [withdrawn])
        await _never_stands(lab, "VRM-OFR-001", "VRM-INT-010", intent, vendor, said)
        waits = await lab.inbox(vendor)
        same(lab, "VRM-INT-013", [withdrawn.mid] if said.taken else [], waits)
        await lab.poll(vendor, ack=waits)
        bert = lab.person()
        intent = await lab.published(bert)
        [offer] = await offers_of(lab, intent, 1, other)
        await lab.accepted(offer)
        body = lab.bodies.taking(offer.thid, confirm_by=None)
        confirm = by_vendor(offer, "offer.confirm", body)
        confirmed, said = await rush(lab, confirm, making(lab, intent, vendor), turn=turn)
        winners(lab, "VRM-INT-011", 1, [confirmed])
        await _never_stands(lab, "VRM-OFR-002", "VRM-INT-011", intent, vendor, said)
        await drained(lab, vendor, other)


async def _never_stands(
    lab: Lab, refusal: str, lapse: str, intent: Thread, vendor: Party, said: Said
) -> None:
    if said.taken:
        offer = Thread(said.mid, intent.first, vendor, said=[said])
        same(lab, lapse, ["lapsed"], await states(lab, offer))
    else:
        lab.refused(refusal, said, "intent-not-open")
    lab.holds(refusal, True, "refused or lapsed")
    lab.holds(lapse, True, "refused or lapsed")


@check("VRM-THR-015", "VRM-OFR-021", "VRM-OFR-023", profile="intent")
async def an_introduction_and_what_comes_at_once_are_put_in_order(lab: Lab) -> None:
    """Of two introductions one is taken; what the vendor wrote before it goes along, later it is refused."""
    vendor = await lab.vendor()
    for turn in turns(lab):
        await drained(lab, vendor)
        anna, new, third = lab.person(), lab.person(), lab.person()
        intent = await lab.published(anna)
        offer = await lab.offered(intent, vendor)
        await lab.accepted(offer)

        def introduction(by: Party, offer: Thread = offer, old: Party = anna) -> Ask:
            body = {"id": by.id, "proof": lab.proof(by, old, vendor.id, offer.thid)}
            return Ask(old, "agent.introduce", body, offer)

        asked = (introduction(new), introduction(third), by_vendor(offer, "offer.message", {"text": "Now?"}))
        said = await rush(lab, *asked, turn=turn)
        word = said[2]
        # A word that came first leaves both with a prev that is not the last message.
        won = [one for one in said[:2] if one.taken]
        if word.taken and not won:
            for one in said[:2]:
                lab.refused("VRM-THR-015", one, "prev-stale")
            same(lab, "VRM-OFR-021", [offer.thid, word.mid], await lab.inbox(anna))
            continue
        [one] = winners(lab, "VRM-THR-015", 1, said[:2], "thread-unknown")
        now, never = (new, third) if one is said[0] else (third, new)
        same(lab, "VRM-THR-015", {}, await listed(lab, never))
        waits = [offer.thid]
        if word.taken:
            waits.append(word.mid)
        else:
            lab.refused("VRM-OFR-023", word, "aud-mismatch")
        same(lab, "VRM-OFR-021", waits, await lab.inbox(now))
        same(lab, "VRM-OFR-021", [], await lab.inbox(anna))
        again = await lab.attempt(vendor, "offer.message", {"text": "You?"}, offer, aud=anna.id)
        lab.refused("VRM-OFR-023", again, "aud-mismatch")
