"""Consents: what may be asked for and granted, how they end, and the record of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from conformance import jose, receipts
from conformance.bodies import CARE, MARKETING, OPTIMISING, QUALITY, RIGHTS, TRAINING
from conformance.checks.below import (
    NOTHING,
    asked_consent,
    below,
    consent,
    granted,
    nothing,
    opening,
    organisation,
    share,
    shown,
    write,
)
from conformance.checks.relationships import opened, related, step, terms
from conformance.checks.threads import rotate
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.target import Answer

__all__ = ["record_of"]

ADVERTISING = "https://w3id.org/dpv#PersonalisedAdvertising"


async def grant(lab: Lab, one: Thread, record: str, *purposes: str, **body: Any) -> Said:
    """She grants, or tries to."""
    made = lab.bodies.grant(*purposes, **body)
    return await lab.attempt(one.first, "consent.grant", made, one, agr=record)


async def narrow(lab: Lab, one: Thread, *purposes: str) -> Said:
    """She narrows, or tries to."""
    return await lab.attempt(one.first, "consent.narrow", {"purposes": [*purposes]}, one)


async def record_of(lab: Lab, party: Party, id_: str) -> Answer:
    """The record of a consent, or what there is in its place."""
    schema = ("documents/consent.json", "VRM-CNS-010")
    return await lab.get(party, f"{lab.target.endpoint('records')}/{id_}", schema=schema)


# --- asking and answering -------------------------------------------------------------------------


@check("VRM-CNS-001", profile="consent", beside="relationship")
async def no_consent_is_asked_for_what_the_agreement_prohibits(lab: Lab) -> None:
    """Alone and among others; under another agreement, that does not prohibit it, it may be asked for."""
    thread, record = await related(lab, "SD-BASE-A", "subscriber")
    narrower = (await terms(lab, thread.first, organisation(thread), "PDC-AI")).said[1].mid
    for agr, purposes in (
        (record, (ADVERTISING,)),
        (record, (MARKETING, ADVERTISING)),
        (record, (ADVERTISING, MARKETING, RIGHTS)),
        (narrower, (OPTIMISING,)),
        (narrower, (RIGHTS, OPTIMISING, MARKETING)),
    ):
        said = await consent(lab, thread, agr, *purposes)
        lab.refused("VRM-CNS-001", said, "terms-prohibit")
        await nothing(lab, "VRM-CNS-001", said, thread.first, organisation(thread))
    one = await asked_consent(lab, thread, record, OPTIMISING, MARKETING)
    waiting = await lab.inbox(thread.first)
    lab.holds("VRM-CNS-001", one.thid in waiting, "the request in her inbox", waiting)
    await shown(lab, "VRM-CNS-001", one, "requested")


@check("VRM-CNS-002", "VRM-CNS-004", profile="consent", beside="relationship")
async def a_grant_is_of_what_was_asked_for(lab: Lab) -> None:
    """Every choice of three purposes, in any order; never one that was not among them."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    asked = (MARKETING, RIGHTS, QUALITY)
    plain = await asked_consent(lab, thread, record, TRAINING)
    lab.taken("VRM-CNS-002", await grant(lab, plain, record, TRAINING), "granted")
    one = await asked_consent(lab, thread, record, *asked)
    wrong = ((TRAINING,), (CARE,), (MARKETING, TRAINING), (TRAINING, *asked), (*asked, ADVERTISING))
    for purposes in (*wrong, (CARE, MARKETING), (RIGHTS, CARE)):
        lab.refused("VRM-CNS-002", await grant(lab, one, record, *purposes), "purpose-not-asked")
    await shown(lab, "VRM-CNS-002", one, "requested")
    for count in (1, 2, 3):
        for some in combinations(reversed(asked), count):
            one = await asked_consent(lab, thread, record, *asked)
            said = lab.taken("VRM-CNS-004", await grant(lab, one, record, *some), "granted")
            await shown(lab, "VRM-CNS-004", one, "granted")
            found = (await record_of(lab, thread.first, said.mid)).document
            right = sorted(found["purposes"]) == sorted(some)
            lab.holds("VRM-CNS-004", right, f"the purposes {sorted(some)}", found["purposes"])
    said = await lab.attempt(organisation(one), "consent.relinquish", {}, one)
    lab.taken("VRM-CNS-004", said, "relinquished")


@check("VRM-CNS-003", profile="consent", beside="relationship")
async def a_narrowing_is_of_what_is_granted(lab: Lab) -> None:
    """Not what was asked for only, nor what was narrowed away; the same once more may be said."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    one = await asked_consent(lab, thread, record, MARKETING, RIGHTS, QUALITY, TRAINING)
    lab.taken("VRM-CNS-003", await grant(lab, one, record, MARKETING, RIGHTS, QUALITY), "granted")
    for purposes in ((TRAINING,), (MARKETING, TRAINING), (ADVERTISING, MARKETING, RIGHTS, QUALITY)):
        lab.refused("VRM-CNS-003", await narrow(lab, one, *purposes), "purpose-not-asked")
    lab.taken("VRM-CNS-003", await narrow(lab, one, QUALITY, MARKETING, RIGHTS), "granted")
    lab.taken("VRM-CNS-003", await narrow(lab, one, QUALITY, MARKETING), "granted")
    for purposes in ((RIGHTS,), (MARKETING, RIGHTS), (TRAINING, QUALITY)):
        lab.refused("VRM-CNS-003", await narrow(lab, one, *purposes), "purpose-not-asked")
    lab.taken("VRM-CNS-003", await write(lab, thread, record, MARKETING), "open")
    lab.taken("VRM-CNS-003", await narrow(lab, one, QUALITY), "granted")
    lab.refused("VRM-CNS-003", await narrow(lab, one, MARKETING), "purpose-not-asked")
    lab.refused("VRM-CNS-003", await write(lab, thread, record, MARKETING), "consent-needed")
    made = {"valid_until": lab.bodies.at(9999)}
    await lab.say(one.first, "consent.renew", made, one, agr=record)
    lab.refused("VRM-CNS-003", await narrow(lab, one, MARKETING, QUALITY), "purpose-not-asked")
    lab.refused("VRM-CNS-003", await write(lab, thread, record, MARKETING), "consent-needed")
    said = await lab.attempt(organisation(one), "consent.narrow", {"purposes": [QUALITY]}, one)
    lab.refused("VRM-CNS-003", said, "role-forbidden")


# --- how it ends ----------------------------------------------------------------------------------


@check("VRM-CNS-005", profile="consent", beside="relationship")
async def she_withdraws_with_one_message_at_any_time(lab: Lab) -> None:
    """Whatever ``prev``, granted, narrowed, renewed, at rest, on the lowest rung, without the agreement."""
    made = lab.bodies
    for after in ("grant", "narrow", "renew", "pause", "retreat", "terminate"):
        thread, record = await related(lab, "SD-BASE", "subscriber")
        person, vendor = thread.first, organisation(thread)
        about = await terms(lab, person, vendor, "PDC-AI")
        for prev in ("head", "opening", NOTHING) if after == "grant" else (NOTHING,):
            one = await asked_consent(lab, thread, record, MARKETING, QUALITY)
            agr = about.said[1].mid if after == "terminate" else record
            lab.taken("VRM-CNS-005", await grant(lab, one, agr, MARKETING, QUALITY), "granted")
            if after == "narrow":
                lab.taken("VRM-CNS-005", await narrow(lab, one, QUALITY), "granted")
            if after == "renew":
                body = {"valid_until": made.at(9999)}
                await lab.say(person, "consent.renew", body, one, agr=record)
            if after == "pause":
                await lab.say(person, "relationship.pause", {}, thread)
            if after == "retreat":
                await lab.say(person, "relationship.retreat", {"stage": "anonymous"}, thread)
            if after == "terminate":
                await lab.say(person, "agreement.terminate", {}, about)
                about = await terms(lab, person, vendor, "PDC-AI")
            said = await lab.attempt(vendor, "consent.withdraw", {}, one)
            lab.refused("VRM-CNS-005", said, "role-forbidden")
            named = {"head": one.head, "opening": one.thid}.get(prev, prev)
            said = await lab.attempt(person, "consent.withdraw", {}, one, prev=named)
            lab.taken("VRM-CNS-005", said, "withdrawn")
            await shown(lab, "VRM-CNS-005", one, "withdrawn")
            waiting = await lab.inbox(vendor)
            lab.holds("VRM-CNS-005", said.mid in waiting, "the withdrawal in the other's inbox", waiting)
            said = await lab.attempt(person, "consent.withdraw", {}, one)
            lab.refused("VRM-CNS-005", said, "state-conflict")
            if after == "pause":
                await lab.say(person, "relationship.resume", {}, thread)
            if after == "retreat":
                lab.taken("VRM-CNS-005", await step(lab, thread, record, "subscriber"), "open")


Ending = Callable[[Lab, Thread, Thread], Awaitable[object]]
OF_THE_AGREEMENT: dict[str, Ending] = {
    "terminated by her": lambda lab, about, above: lab.say(about.first, "agreement.terminate", {}, about),
    "terminated by the other": lambda lab, about, above: lab.say(
        organisation(about), "agreement.terminate", {}, about
    ),
    "superseded": lambda lab, about, above: terms(lab, about.first, organisation(about), "SD-BASE-A"),
}
OF_THE_RELATIONSHIP: dict[str, Ending] = {
    "ended by her": lambda lab, about, above: lab.say(above.first, "relationship.end", {}, above),
    "ended by the other": lambda lab, about, above: lab.say(
        organisation(above), "relationship.end", {}, above
    ),
}


async def _consents(lab: Lab) -> tuple[Thread, Thread, str, list[Thread]]:
    """The agreement, its relationship, another record, and consents: granted, asked for and refused."""
    about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE")
    record, person = about.said[1].mid, about.first
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about), "open"))
    await step(lab, thread, record, "subscriber")
    other = (await terms(lab, person, organisation(about), "PDC-AI")).said[1].mid
    asked = await asked_consent(lab, thread, record, MARKETING)
    refused = await asked_consent(lab, thread, record, RIGHTS)
    await lab.say(person, "consent.refuse", {}, refused)
    one = await asked_consent(lab, thread, record, QUALITY)
    lab.taken("VRM-CNS-004", await grant(lab, one, other, QUALITY), "granted")
    return about, thread, other, [one, asked, refused]


@check("VRM-CNS-006", profile="consent", beside="relationship")
async def a_consent_ends_with_its_agreement(lab: Lab) -> None:
    """Granted it is withdrawn, asked for it has expired; those under another agreement go on."""
    for end in OF_THE_AGREEMENT.values():
        about, thread, other, consents = await _consents(lab)
        person, vendor = thread.first, organisation(thread)
        beside = await asked_consent(lab, thread, other, QUALITY, MARKETING)
        lab.taken("VRM-CNS-006", await grant(lab, beside, about.said[1].mid, QUALITY), "granted")
        waiting = await asked_consent(lab, thread, other, MARKETING)
        await end(lab, about, thread)
        for one, state in zip(consents, ("withdrawn", "expired", "refused"), strict=True):
            await shown(lab, "VRM-CNS-006", one, state)
        await shown(lab, "VRM-CNS-006", beside, "granted")
        await shown(lab, "VRM-CNS-006", waiting, "requested")
        lab.taken("VRM-CNS-006", await write(lab, thread, other, QUALITY), "open")
        said = await lab.attempt(person, "consent.withdraw", {}, consents[0])
        lab.refused("VRM-CNS-006", said, "state-conflict")
        said = await grant(lab, consents[1], other, MARKETING)
        lab.refused("VRM-CNS-006", said, "state-conflict")
        body = {"stopped_at": lab.bodies.at(0), "told": ["Bezorgd B.V."]}
        said = await lab.attempt(vendor, "consent.propagated", body, consents[0])
        lab.taken("VRM-CNS-006", said, "propagated")
        lab.taken("VRM-CNS-006", await grant(lab, waiting, other, MARKETING), "granted")


@check("VRM-CNS-006", profile="consent", beside="relationship")
async def a_consent_ends_with_its_relationship(lab: Lab) -> None:
    """Whoever ends it and under whichever agreement it was asked for; and none comes back with the next."""
    for end in OF_THE_RELATIONSHIP.values():
        about, thread, other, consents = await _consents(lab)
        person, vendor = thread.first, organisation(thread)
        consents += [
            await granted(lab, thread, other, MARKETING),
            await asked_consent(lab, thread, other, QUALITY),
        ]
        await end(lab, about, thread)
        states = ("withdrawn", "expired", "refused", "withdrawn", "expired")
        for one, state in zip(consents, states, strict=True):
            await shown(lab, "VRM-CNS-006", one, state)
        later = await terms(lab, person, vendor, "SD-BASE")
        again = below(thread, await opened(lab, later))
        await step(lab, again, later.said[1].mid, "subscriber")
        said = await write(lab, again, later.said[1].mid, MARKETING)
        lab.refused("VRM-CNS-006", said, "consent-needed")
        await shown(lab, "VRM-CNS-006", consents[0], "withdrawn")
        body = {"stopped_at": lab.bodies.at(0), "told": []}
        said = await lab.attempt(vendor, "consent.propagated", body, consents[3])
        lab.taken("VRM-CNS-006", said, "propagated")


@check("VRM-CNS-006", profile="consent", beside="intent")
async def a_consent_under_an_offer_ends_with_its_relationship(lab: Lab) -> None:
    """The agreement of the offer goes on, and the consent does not; and it ends with the offer."""
    vendor = await lab.vendor()
    for end in ("relationship", "offer"):
        offer = await lab.offered(await lab.published(lab.person()), vendor)
        person = offer.first
        body = lab.bodies.relationship()
        said = await lab.attempt(person, "relationship.open", body, aud=vendor.id, agr=offer.thid)
        thread = below(offer, lab.taken("VRM-REL-001", said, "open"))
        await step(lab, thread, offer.thid, "subscriber")
        one = await granted(lab, thread, offer.thid, MARKETING)
        asked = await asked_consent(lab, thread, offer.thid, QUALITY)
        if end == "offer":
            await lab.say(person, "offer.decline", {}, offer)
        else:
            await lab.say(person, "relationship.end", {}, thread)
            state = await lab.state(vendor, offer.thid)
            lab.holds("VRM-CNS-006", state == "offered", "an offer that goes on", state)
        await shown(lab, "VRM-CNS-006", one, "withdrawn")
        await shown(lab, "VRM-CNS-006", asked, "expired")


async def _until(lab: Lab, second: int) -> None:
    """Wait until a second is well over."""
    await asyncio.sleep(max(0.0, second + 1.2 - lab.target.now()))


@check("VRM-CNS-006", profile="consent", beside="relationship", slow=True, patient=True)
async def a_consent_ends_with_the_time_of_its_agreement(lab: Lab) -> None:
    """``ends`` of the agreement passes: withdrawn and expired, at that moment."""
    person, vendor = lab.person(), await lab.vendor()
    made, until = lab.bodies, lab.target.now() + 6
    body = {"preferred": made.agreement("SD-BASE"), "acceptable": None, "answer_by": made.at(3)}
    about = await lab.agreed(person, vendor, "SD-BASE", ends=made.at(until - made.now), **body)
    record = about.said[1].mid
    thread = below(about, await opened(lab, about))
    await step(lab, thread, record, "subscriber")
    one = await granted(lab, thread, record, MARKETING)
    asked = await asked_consent(lab, thread, record, QUALITY)
    if lab.target.now() < until - 2:
        await shown(lab, "VRM-CNS-006", one, "granted")
    await _until(lab, until)
    await shown(lab, "VRM-CNS-006", one, "withdrawn")
    await shown(lab, "VRM-CNS-006", asked, "expired")
    state = await lab.state(person, thread.thid)
    lab.holds("VRM-CNS-006", state == "open", "a relationship that goes on", state)


@check(
    "VRM-CNS-007",
    "VRM-CNS-012",
    "VRM-CNS-013",
    profile="consent",
    beside="relationship",
    slow=True,
    patient=True,
)
async def a_consent_lapses_when_it_was_last_said_to(lab: Lab) -> None:
    """Of the grant, though it was narrowed; of the last renewal, later or sooner; then it is passed on."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, vendor = thread.first, organisation(thread)
    made, until = lab.bodies, lab.target.now() + 5
    near, far = made.at(until - made.now), made.at(9999)
    plain = await granted(lab, thread, record, MARKETING, QUALITY, valid_until=near)
    await narrow(lab, plain, QUALITY)
    longer = await granted(lab, thread, record, MARKETING, valid_until=near)
    await lab.say(person, "consent.renew", {"valid_until": far}, longer, agr=record)
    sooner = await granted(lab, thread, record, MARKETING, valid_until=far)
    await lab.say(person, "consent.renew", {"valid_until": near}, sooner, agr=record)
    twice = await granted(lab, thread, record, MARKETING, valid_until=near)
    for time in (far, near, far):
        await lab.say(person, "consent.renew", {"valid_until": time}, twice, agr=record)
    if lab.target.now() < until - 2:
        for one in (plain, longer, sooner, twice):
            await shown(lab, "VRM-CNS-007", one, "granted")
    await _until(lab, until)
    for one, state in ((plain, "lapsed"), (longer, "granted"), (sooner, "lapsed"), (twice, "granted")):
        await shown(lab, "VRM-CNS-007", one, state)
        found = (await record_of(lab, vendor, one.said[1].mid)).document
        lab.holds("VRM-CNS-013", isinstance(found, dict) and "state" in found, "a record", found)
        right = found["state"] == state and ("valid_until" in found) == (state == "granted")
        told = f"{state}, with valid_until only while it is granted"
        lab.holds("VRM-CNS-012", right, told, {n: found.get(n) for n in ("state", "valid_until")})
    late: list[tuple[str, Any, str | None]] = [
        ("consent.withdraw", {}, None),
        ("consent.narrow", {"purposes": [QUALITY]}, None),
        ("consent.renew", {"valid_until": far}, record),
    ]
    for type_, what, agr in late:
        said = await lab.attempt(person, type_, what, plain, agr=agr)
        lab.refused("VRM-CNS-007", said, "deadline-passed")
    said = await lab.attempt(vendor, "consent.relinquish", {}, plain)
    lab.refused("VRM-CNS-007", said, "deadline-passed")
    body = {"stopped_at": made.at(0), "told": []}
    said = await lab.attempt(vendor, "consent.propagated", body, plain)
    lab.taken("VRM-CNS-007", said, "propagated")
    lab.taken("VRM-CNS-007", await lab.attempt(person, "consent.withdraw", {}, longer), "withdrawn")


@check("VRM-REL-005", "VRM-THR-018", profile="consent", beside="relationship", slow=True, patient=True)
async def a_request_that_nobody_answers_expires(lab: Lab) -> None:
    """Neither granted nor refused after it, and not refused either: it may be asked for again."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    until = lab.target.now() + 3
    made = lab.bodies
    one = await asked_consent(lab, thread, record, MARKETING, answer_by=made.at(until - made.now))
    await _until(lab, until)
    await shown(lab, "VRM-THR-018", one, "expired")
    lab.refused("VRM-THR-018", await grant(lab, one, record, MARKETING), "deadline-passed")
    said = await lab.attempt(thread.first, "consent.refuse", {}, one)
    lab.refused("VRM-THR-018", said, "deadline-passed")
    lab.taken("VRM-REL-005", await consent(lab, thread, record, MARKETING), "requested")


# --- records --------------------------------------------------------------------------------------


def _seconds(lab: Lab, ahead: int) -> tuple[int, str]:
    """A time as seconds and as messages write it."""
    made = lab.bodies
    return made.now + ahead, made.at(ahead)


async def _proves(
    lab: Lab, one: Thread, above: Thread, record: str, state: str, purposes: Sequence[str], until: int = 0
) -> None:
    """The record of a consent as both parties read it, against what was said."""
    id_ = one.said[1].mid
    for party in (one.first, organisation(one)):
        answer = await record_of(lab, party, id_)
        rule = "VRM-CNS-010" if state == "granted" else "VRM-CNS-013"
        lab.holds(rule, answer.status == 200, f"the record, for {party.name}", answer.said)
        found = answer.document
        tokens = [message.get("token") for message in found.get("messages", ())]
        sent = [said.token for said in one.said]
        lab.holds("VRM-CNS-011", tokens == sent, f"{len(sent)} messages in their order", len(tokens))
        faults = lab.spec.faults("documents/consent.json", found)
        lab.holds("VRM-CNS-010", not faults, "valid against documents/consent.json", faults[:3])
        right = {
            "kind": "consent",
            "id": id_,
            "home": lab.target.issuer,
            "thid": one.thid,
            "relationship": above.thid,
            "agreement": record,
            "second": organisation(one).id,
            "granted_at": one.said[1].receipt["iat"],
        }
        got = {name: found[name] for name in right}
        lab.holds("VRM-CNS-010", got == right, str(right), got)
        for message, said in zip(found["messages"], one.said, strict=True):
            claims = receipts.claims(lab.target, message["receipt"])
            lab.holds("VRM-CNS-011", claims == said.receipt, f"the receipt {said.receipt}", claims)
        lab.holds("VRM-CNS-012", found["state"] == state, f"the state {state}", found["state"])
        same = sorted(found["purposes"]) == sorted(purposes)
        lab.holds("VRM-CNS-012", same, f"the purposes {sorted(purposes)}", found["purposes"])
        shown_until = found.get("valid_until", 0)
        lab.holds("VRM-CNS-012", shown_until == until, f"valid_until {until or 'absent'}", shown_until)
        claims = receipts.claims(lab.target, found["checkpoint"])
        last = one.said[-1]
        dated = isinstance(claims, dict) and (claims["mid"], claims["state"], claims["aud"])
        right_one = (last.mid, state, party.id)
        lab.holds("VRM-CNS-010", dated == right_one, f"a checkpoint of {right_one}", claims)
        _signed(lab, found)


def _signed(lab: Lab, found: Mapping[str, Any]) -> None:
    """``keys`` has whatever signed something of a record."""
    held = {entry["kid"]: entry["jwk"] for entry in found["keys"]}
    for message in found["messages"]:
        for token in (message["token"], message["receipt"]):
            kid = jose.header_of(token)["kid"]
            lab.holds("VRM-CNS-010", kid in held, f"the key {kid}", sorted(held))
            lab.holds(
                "VRM-CNS-010", jose.verifies(token, held[kid]), f"the key that signed, {kid}", held[kid]
            )


RECORD = ("VRM-CNS-010", "VRM-CNS-011", "VRM-CNS-012", "VRM-CNS-013")


@check(*RECORD, profile="consent", beside="relationship")
async def the_record_of_a_consent_tells_all_of_it(lab: Lab) -> None:
    """After each message to both parties, and after each end; to nobody else, and under no other id."""
    for alg in ("Ed25519", "ES256"):
        about = await terms(lab, lab.person(alg), await lab.vendor(alg), "SD-BASE")
        person, vendor, record = about.first, organisation(about), about.said[1].mid
        thread = below(about, await opened(lab, about))
        await step(lab, thread, record, "subscriber")
        other = (await terms(lab, person, vendor, "PDC-AI")).said[1].mid
        ends = ("withdraw", "relinquish", "terminate")[0 if alg == "Ed25519" else 2 :]
        threads = [await asked_consent(lab, thread, record, MARKETING, QUALITY, RIGHTS) for _ in ends]
        for one, end in zip(threads, ends, strict=True):
            for party in (person, vendor):
                lab.refused("VRM-CNS-010", await record_of(lab, party, one.thid), "not-found")
            until, valid = _seconds(lab, 5000)
            now = lab.target.now()
            made = lab.bodies.grant(QUALITY, MARKETING, valid_until=valid)
            await lab.say(person, "consent.grant", made, one, agr=other, iat=now - 900, exp=now + 900)
            await _proves(lab, one, thread, record, "granted", (QUALITY, MARKETING), until)
            lab.refused("VRM-CNS-010", await record_of(lab, person, one.thid), "not-found")
            lab.refused("VRM-CNS-010", await record_of(lab, person, thread.thid), "not-found")
            for stranger in (lab.person(), await lab.vendor()):
                answer = await record_of(lab, stranger, one.said[1].mid)
                lab.refused("VRM-CNS-010", answer, "not-found")
            lab.taken("VRM-CNS-003", await narrow(lab, one, MARKETING), "granted")
            await _proves(lab, one, thread, record, "granted", (MARKETING,), until)
            until, valid = _seconds(lab, 9000)
            await lab.say(person, "consent.renew", {"valid_until": valid}, one, agr=record)
            await _proves(lab, one, thread, record, "granted", (MARKETING,), until)
            lab.refused("VRM-CNS-010", await record_of(lab, person, one.head), "not-found")
            if end == "relinquish":
                await lab.say(vendor, "consent.relinquish", {}, one)
                await _proves(lab, one, thread, record, "relinquished", (MARKETING,))
                continue
            if end == "withdraw":
                await lab.say(person, "consent.withdraw", {}, one)
            else:
                await lab.say(person, "agreement.terminate", {}, about)
            await _proves(lab, one, thread, record, "withdrawn", (MARKETING,))
            body = {"stopped_at": lab.bodies.at(0), "told": []}
            await lab.say(vendor, "consent.propagated", body, one)
            await _proves(lab, one, thread, record, "propagated", (MARKETING,))
        await lab.say(person, "relationship.end", {}, thread)
        body = {"erased_at": lab.bodies.at(0), "kept": []}
        await lab.say(vendor, "relationship.attest", body, thread)
        await _proves(lab, threads[-1], thread, record, "propagated", (MARKETING,))


@check("VRM-CNS-005", "VRM-CNS-010", profile="consent", beside="relationship")
async def a_new_key_of_hers_reads_and_withdraws(lab: Lab) -> None:
    """After a change of key in the relationship the old one reads nothing and ends nothing."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    one = await granted(lab, thread, record, MARKETING)
    old, new, vendor = thread.first, lab.person("ES256"), organisation(thread)
    await rotate(lab, thread, new)
    one.first = new
    for party in (new, vendor):
        answer = await record_of(lab, party, one.said[1].mid)
        lab.holds("VRM-CNS-010", answer.status == 200, "the record", answer.said)
        _signed(lab, answer.document)
    lab.refused("VRM-CNS-010", await record_of(lab, old, one.said[1].mid), "not-found")
    said = await lab.attempt(old, "consent.withdraw", {}, one, aud=vendor.id)
    lab.refused("VRM-CNS-005", said, "thread-unknown")
    said = await lab.attempt(new, "consent.withdraw", {}, one, prev=NOTHING)
    lab.taken("VRM-CNS-005", said, "withdrawn")
    await shown(lab, "VRM-CNS-005", one, "withdrawn")


@check("VRM-CNS-014", "VRM-THR-010", profile="consent", beside="relationship")
async def the_record_of_a_consent_is_no_agreement(lab: Lab) -> None:
    """Named in ``agr`` it is unknown: to ask, to write, to share, to step, to grant and to renew."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    one = await granted(lab, thread, record, MARKETING)
    waiting = await asked_consent(lab, thread, record, QUALITY)
    id_ = one.said[1].mid
    body = {"valid_until": lab.bodies.at(9999)}
    for said in (
        await consent(lab, thread, id_, QUALITY),
        await write(lab, thread, id_),
        await share(lab, thread, id_),
        await opening(lab, thread, organisation(thread), "data.request", lab.bodies.request(), id_),
        await step(lab, thread, id_, "commenter"),
        await grant(lab, waiting, id_, QUALITY),
        await lab.attempt(thread.first, "consent.renew", body, one, agr=id_),
    ):
        lab.refused("VRM-CNS-014", said, "agreement-unknown")
        lab.refused("VRM-THR-010", said, "agreement-unknown")
    for agr in (NOTHING, one.thid):
        lab.refused("VRM-THR-010", await write(lab, thread, agr), "agreement-unknown")


@check("VRM-ENV-031", profile="consent", beside="relationship")
async def a_consent_takes_no_extension(lab: Lab) -> None:
    """None of its messages."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, vendor, made = thread.first, organisation(thread), lab.bodies
    ext = {"urn:example:b": 1}
    aud, body = person.id, made.consent(MARKETING)
    said = await lab.attempt(vendor, "consent.request", body, aud=aud, pthid=thread.thid, agr=record, ext=ext)
    lab.refused("VRM-ENV-031", said, "ext-not-allowed")
    one = await asked_consent(lab, thread, record, MARKETING)
    two = await granted(lab, thread, record, QUALITY)
    gone = await granted(lab, thread, record, QUALITY)
    await lab.say(person, "consent.withdraw", {}, gone)
    far = {"valid_until": made.at(9999)}
    cases: list[tuple[Party, str, Any, Thread, str | None]] = [
        (person, "consent.grant", made.grant(MARKETING), one, record),
        (person, "consent.refuse", {}, one, None),
        (vendor, "consent.relinquish", {}, one, None),
        (person, "consent.narrow", {"purposes": [QUALITY]}, two, None),
        (person, "consent.renew", far, two, record),
        (person, "consent.withdraw", {}, two, None),
        (vendor, "consent.propagated", {"stopped_at": made.at(0), "told": []}, gone, None),
    ]
    for party, type_, what, about, agr in cases:
        said = await lab.attempt(party, type_, what, about, agr=agr, ext=ext)
        lab.refused("VRM-ENV-031", said, "ext-not-allowed")
        if about is not one:
            lab.taken("VRM-ENV-031", await lab.attempt(party, type_, what, about, agr=agr))
