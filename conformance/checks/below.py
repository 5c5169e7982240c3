"""Below a relationship: what her no, her preferences, the rung, a pause and the end mean there."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conformance import jose
from conformance.bodies import CARE, MARKETING, OPTIMISING, ORDERS, PD, QUALITY
from conformance.checks.relationships import invite, opened, related, step, terms
from conformance.lab import Lab, Party, Said, Thread, check

__all__ = [
    "NOTHING",
    "ask",
    "asked_consent",
    "begun",
    "below",
    "consent",
    "granted",
    "nothing",
    "opening",
    "organisation",
    "quiet",
    "rate",
    "report",
    "share",
    "shown",
    "write",
]

NOTHING = jose.digest(b"nothing")


def organisation(thread: Thread) -> Party:
    """The second party of a thread."""
    assert thread.second is not None
    return thread.second


def below(above: Thread, said: Said) -> Thread:
    """The thread of the same two that a message has opened."""
    return Thread(said.mid, above.first, above.second, said=[said])


async def opening(lab: Lab, above: Thread, party: Party, type_: str, body: Any, record: str = "") -> Said:
    """A party opens a thread below another, or tries to."""
    aud, agr = above.other(party), record or None
    return await lab.attempt(party, type_, body, aud=aud, pthid=above.thid, agr=agr)


async def write(lab: Lab, above: Thread, record: str, purpose: str = CARE) -> Said:
    """The organisation begins a dialogue, or tries to."""
    return await opening(
        lab, above, organisation(above), "dialogue.message", lab.bodies.word(purpose), record
    )


async def ask(
    lab: Lab, above: Thread, record: str, purpose: str = CARE, *categories: str, **body: Any
) -> Said:
    """The organisation asks for data, or tries to."""
    made = lab.bodies.request(purpose, *categories, **body)
    return await opening(lab, above, organisation(above), "data.request", made, record)


async def report(lab: Lab, above: Thread, record: str) -> Said:
    """The organisation says what it holds, or tries to."""
    return await opening(lab, above, organisation(above), "data.report", lab.bodies.report(), record)


async def share(lab: Lab, above: Thread, record: str, purpose: str = CARE) -> Said:
    """She gives data, or tries to."""
    return await opening(lab, above, above.first, "data.share", lab.bodies.share(purpose), record)


async def begun(lab: Lab, above: Thread, record: str) -> Thread:
    """A dialogue that the organisation has begun."""
    said = await write(lab, above, record)
    lab.taken("VRM-DLG-001", said, "open")
    return below(above, said)


async def consent(lab: Lab, above: Thread, record: str, *purposes: str, **body: Any) -> Said:
    """The organisation asks for a consent, or tries to."""
    made = lab.bodies.consent(*purposes, **body)
    return await opening(lab, above, organisation(above), "consent.request", made, record)


async def asked_consent(lab: Lab, above: Thread, record: str, *purposes: str, **body: Any) -> Thread:
    """A consent that is asked for."""
    said = lab.taken("VRM-CNS-001", await consent(lab, above, record, *purposes, **body), "requested")
    return below(above, said)


async def granted(lab: Lab, above: Thread, record: str, *purposes: str, **body: Any) -> Thread:
    """A consent that is granted, as it was asked for."""
    thread = await asked_consent(lab, above, record, *purposes)
    made = lab.bodies.grant(*purposes, **body)
    said = await lab.attempt(above.first, "consent.grant", made, thread, agr=record)
    lab.taken("VRM-CNS-004", said, "granted")
    return thread


async def shown(lab: Lab, requirement: str, thread: Thread, state: str) -> None:
    """Both parties read a thread in a state."""
    for party in (thread.first, organisation(thread)):
        got = await lab.state(party, thread.thid)
        lab.holds(requirement, got == state, f"{state}, for {party.name}", got)


async def nothing(lab: Lab, requirement: str, said: Said, *parties: Party) -> None:
    """A message that opened no thread: it waits for nobody, and there is nothing to read."""
    for party in parties:
        waiting = await lab.inbox(party)
        lab.holds(requirement, said.mid not in waiting, "nothing of it in an inbox", waiting)
        answer = await lab.get(party, lab.thread_url(said.mid))
        lab.holds(requirement, answer.status == 404, "404 to its thread", answer.said)


def quiet(lab: Lab, zone: str = "UTC") -> dict[str, Any]:
    """Preferences with quiet hours around now."""
    now = datetime.fromtimestamp(lab.target.now(), ZoneInfo(zone))
    begin, end = ((now + timedelta(minutes=m)).strftime("%H:%M") for m in (-3, 5))
    return {"preferences": {"zone": zone, "quiet": [{"from": begin, "to": end}]}}


def rate(most: int, within: str = "P1D") -> dict[str, Any]:
    """Preferences with a rate."""
    return {"preferences": {"zone": "UTC", "rate": {"most": most, "within": within}}}


async def _prefer(lab: Lab, thread: Thread, body: dict[str, Any]) -> None:
    await lab.say(thread.first, "relationship.prefer", body, thread)


async def _word(lab: Lab, talk: Thread, record: str, purpose: str = CARE) -> Said:
    """One more word of the organisation in a dialogue."""
    body = lab.bodies.word(purpose)
    return await lab.attempt(organisation(talk), "dialogue.message", body, talk, agr=record)


async def _again(lab: Lab, thread: Thread) -> None:
    """An invitation is out of the way, and declined by nobody."""
    await lab.say(thread.first, "relationship.pause", {}, thread)
    await lab.say(thread.first, "relationship.resume", {}, thread)


# --- a pause, and the end -------------------------------------------------------------------------


@check("VRM-REL-014", profile="relationship")
async def while_it_rests_the_organisation_sends_nothing_under_an_agreement(lab: Lab) -> None:
    """Words, requests and reports under any agreement; hers are taken, and what needs no agreement."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor = thread.first, organisation(thread)
    other = (await terms(lab, person, vendor, "PDC-AI")).said[1].mid
    talk = await begun(lab, thread, record)
    asked = below(thread, await ask(lab, thread, record))
    waiting = below(thread, await ask(lab, thread, record, ORDERS))
    held = below(thread, await report(lab, thread, record))
    await lab.say(person, "relationship.pause", {}, thread)
    rule = "VRM-REL-014"
    for agr in (record, other):
        for said in (
            await write(lab, thread, agr),
            await ask(lab, thread, agr, ORDERS),
            await report(lab, thread, agr),
        ):
            lab.refused(rule, said, "relationship-paused")
            await nothing(lab, rule, said, person)
        lab.refused(rule, await _word(lab, talk, agr), "relationship-paused")
        said = await lab.attempt(vendor, "data.report", lab.bodies.report(), held, agr=agr)
        lab.refused(rule, said, "relationship-paused")
        said = await invite(lab, thread, agr, "profiled")
        lab.refused(rule, said, "relationship-paused", "state-conflict")
    word = lab.bodies.word()
    lab.taken(rule, await lab.attempt(person, "dialogue.message", word, talk), "open")
    hers = await opening(lab, thread, person, "dialogue.message", word, record)
    lab.taken(rule, hers, "open")
    lab.refused(rule, await _word(lab, below(thread, hers), record), "relationship-paused")
    lab.taken(rule, await share(lab, thread, record), "shared")
    said = await lab.attempt(person, "data.share", lab.bodies.share(), asked, agr=record)
    lab.taken(rule, said, "shared")
    lab.taken(rule, await lab.attempt(person, "data.verify", {"as_of": lab.bodies.at(0)}, held), "reported")
    await lab.say(person, "relationship.resume", {}, thread)
    lab.taken(rule, await _word(lab, talk, record), "open")
    lab.taken(rule, await lab.attempt(vendor, "data.report", lab.bodies.report(), held, agr=record))
    await lab.say(person, "relationship.pause", {}, thread)
    lab.taken(rule, await lab.attempt(vendor, "data.retract", {}, waiting), "retracted")
    lab.taken(rule, await lab.attempt(vendor, "data.close", {}, held), "closed")
    lab.taken(rule, await lab.attempt(vendor, "dialogue.close", {}, talk), "closed")
    lab.taken(rule, await lab.attempt(vendor, "relationship.end", {}, thread), "ended")


@check("VRM-REL-014", profile="consent", beside="relationship")
async def while_it_rests_no_consent_is_asked_for(lab: Lab) -> None:
    """She answers, renews, narrows and withdraws; the organisation gives back and passes on."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor = thread.first, organisation(thread)
    one = await asked_consent(lab, thread, record, MARKETING, QUALITY)
    two = await granted(lab, thread, record, QUALITY)
    await lab.say(person, "relationship.pause", {}, thread)
    rule, bodies = "VRM-REL-014", lab.bodies
    said = await consent(lab, thread, record, MARKETING)
    lab.refused(rule, said, "relationship-paused")
    await nothing(lab, rule, said, person)
    made = bodies.grant(MARKETING, QUALITY)
    lab.taken(rule, await lab.attempt(person, "consent.grant", made, one, agr=record), "granted")
    made = {"purposes": [MARKETING]}
    lab.taken(rule, await lab.attempt(person, "consent.narrow", made, one), "granted")
    made = {"valid_until": bodies.at(9999)}
    lab.taken(rule, await lab.attempt(person, "consent.renew", made, one, agr=record), "granted")
    lab.taken(rule, await lab.attempt(person, "consent.withdraw", {}, one), "withdrawn")
    made = {"stopped_at": bodies.at(0), "told": []}
    lab.taken(rule, await lab.attempt(vendor, "consent.propagated", made, one), "propagated")
    lab.taken(rule, await lab.attempt(vendor, "consent.relinquish", {}, two), "relinquished")
    await lab.say(person, "relationship.resume", {}, thread)
    lab.taken(rule, await consent(lab, thread, record, MARKETING), "requested")


async def _openings(lab: Lab, thread: Thread, record: str) -> list[Said]:
    """Both parties open what they may below a relationship."""
    return [
        await write(lab, thread, record),
        await ask(lab, thread, record),
        await report(lab, thread, record),
        await share(lab, thread, record),
        await opening(lab, thread, thread.first, "dialogue.message", lab.bodies.word(), record),
    ]


@check("VRM-REL-015", profile="relationship")
async def nothing_is_opened_below_a_relationship_that_has_ended(lab: Lab) -> None:
    """Not under a later agreement either, before and after the attestation; below the next one it is."""
    for by in ("first", "second"):
        thread, record = await related(lab, stage="subscriber")
        person, vendor = thread.first, organisation(thread)
        await lab.say(person if by == "first" else vendor, "relationship.end", {}, thread)
        later = await terms(lab, person, vendor)
        for state in ("ended", "closed"):
            if state == "closed":
                body = {"erased_at": lab.bodies.at(0), "kept": []}
                await lab.say(vendor, "relationship.attest", body, thread)
            for agr in (record, later.said[1].mid):
                for said in await _openings(lab, thread, agr):
                    lab.refused("VRM-REL-015", said, "agreement-not-live")
                    await nothing(lab, "VRM-REL-015", said, person, vendor)
        again = below(thread, lab.taken("VRM-REL-015", await opened(lab, later), "open"))
        for said in await _openings(lab, thread, later.said[1].mid):
            lab.refused("VRM-REL-015", said, "agreement-not-live")
        lab.taken("VRM-REL-015", await step(lab, again, later.said[1].mid, "subscriber"), "open")
        for said in await _openings(lab, again, later.said[1].mid):
            lab.taken("VRM-REL-015", said)


@check("VRM-REL-015", profile="consent", beside="relationship")
async def no_consent_is_asked_for_below_a_relationship_that_has_ended(lab: Lab) -> None:
    """Not even under an agreement that came later."""
    thread, record = await related(lab, stage="subscriber")
    await lab.say(thread.first, "relationship.end", {}, thread)
    later = await terms(lab, thread.first, organisation(thread))
    for agr in (record, later.said[1].mid):
        said = await consent(lab, thread, agr, MARKETING)
        lab.refused("VRM-REL-015", said, "agreement-not-live")
        await nothing(lab, "VRM-REL-015", said, thread.first)


@check("VRM-REL-015", profile="relationship", beside="intent")
async def nothing_is_opened_under_an_offer_below_what_has_ended(lab: Lab) -> None:
    """The offer goes on and its agreement is in force, and below the relationship there is nothing more."""
    vendor = await lab.vendor()
    offer = await lab.offered(await lab.published(lab.person()), vendor)
    body = lab.bodies.relationship()
    said = await lab.attempt(offer.first, "relationship.open", body, aud=vendor.id, agr=offer.thid)
    thread = below(offer, lab.taken("VRM-REL-011", said, "open"))
    lab.taken("VRM-REL-011", await step(lab, thread, offer.thid, "subscriber"), "open")
    for said in await _openings(lab, thread, offer.thid):
        lab.taken("VRM-REL-015", said)
    await lab.say(vendor, "relationship.end", {}, thread)
    for said in await _openings(lab, thread, offer.thid):
        lab.refused("VRM-REL-015", said, "agreement-not-live")
    again = below(thread, await opened(lab, thread, offer.thid))
    lab.taken("VRM-REL-015", again.said[0], "open")
    lab.taken("VRM-REL-015", await step(lab, again, offer.thid, "subscriber"), "open")
    for said in await _openings(lab, again, offer.thid):
        lab.taken("VRM-REL-015", said)


# --- what she has refused -------------------------------------------------------------------------


@check("VRM-REL-005", "VRM-DAT-001", profile="relationship")
async def data_that_she_has_refused_are_not_asked_for_again(lab: Lab) -> None:
    """For this purpose, under any agreement; what was given or taken back may be asked for again."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor = thread.first, organisation(thread)
    other = (await terms(lab, person, vendor, "PDC-GOOD")).said[1].mid
    rule = "VRM-REL-005"
    given = below(thread, lab.taken(rule, await ask(lab, thread, record), "requested"))
    lab.taken(rule, await lab.attempt(person, "data.share", lab.bodies.share(), given, agr=record))
    back = below(thread, lab.taken(rule, await ask(lab, thread, record), "requested"))
    lab.taken(rule, await lab.attempt(vendor, "data.retract", {}, back), "retracted")
    asked = below(thread, lab.taken(rule, await ask(lab, thread, record), "requested"))
    lab.taken(rule, await ask(lab, thread, other, CARE, "Language"), "requested")
    lab.taken(rule, await lab.attempt(person, "data.refuse", {}, asked), "refused")
    for agr in (record, other):
        for category in ("EmailAddress", "Language"):
            said = await ask(lab, thread, agr, CARE, category)
            lab.refused(rule, said, "asked-again")
            lab.refused("VRM-DAT-001", said, "asked-again")
            await nothing(lab, rule, said, person)
    lab.taken(rule, await ask(lab, thread, record, ORDERS), "requested")
    lab.taken(rule, await write(lab, thread, record), "open")
    lab.taken(rule, await invite(lab, thread, record, "profiled", "Interest"), "invited")
    beside = await terms(lab, person, await lab.vendor())
    one = below(beside, await opened(lab, beside))
    lab.taken(rule, await step(lab, one, beside.said[1].mid, "subscriber"), "open")
    lab.taken(rule, await ask(lab, one, beside.said[1].mid), "requested")
    await lab.say(person, "relationship.end", {}, thread)
    later = await terms(lab, person, vendor)
    again = below(thread, await opened(lab, later))
    lab.taken(rule, await step(lab, again, later.said[1].mid, "subscriber"), "open")
    lab.taken(rule, await ask(lab, again, later.said[1].mid), "requested")


@check("VRM-REL-005", "VRM-DAT-001", profile="consent", beside="relationship")
async def a_purpose_that_she_has_refused_is_not_asked_for_again(lab: Lab) -> None:
    """As a consent or as data, alone or with others; withdrawn or given back is not refused."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor = thread.first, organisation(thread)
    rule, selling = "VRM-REL-005", "https://w3id.org/dpv#SellProducts"
    one = await asked_consent(lab, thread, record, MARKETING, QUALITY, CARE)
    lab.taken(rule, await consent(lab, thread, record, QUALITY), "requested")
    lab.taken(rule, await lab.attempt(person, "consent.refuse", {}, one), "refused")
    for purposes in ((MARKETING,), (CARE,), (selling, QUALITY), (QUALITY, selling)):
        said = await consent(lab, thread, record, *purposes)
        lab.refused(rule, said, "asked-again")
        await nothing(lab, rule, said, person)
    lab.refused("VRM-DAT-001", await ask(lab, thread, record, CARE), "asked-again")
    lab.taken(rule, await write(lab, thread, record, CARE), "open")
    lab.taken(rule, await ask(lab, thread, record, ORDERS), "requested")
    two = await granted(lab, thread, record, selling)
    lab.taken(rule, await consent(lab, thread, record, selling), "requested")
    lab.taken(rule, await lab.attempt(person, "consent.withdraw", {}, two), "withdrawn")
    back = await asked_consent(lab, thread, record, selling)
    lab.taken(rule, await lab.attempt(vendor, "consent.relinquish", {}, back), "relinquished")
    await granted(lab, thread, record, selling)
    asked = below(thread, lab.taken("VRM-DAT-001", await ask(lab, thread, record, selling), "requested"))
    lab.taken(rule, await lab.attempt(person, "data.refuse", {}, asked), "refused")
    lab.refused("VRM-DAT-001", await ask(lab, thread, record, selling), "asked-again")
    lab.refused(rule, await consent(lab, thread, record, selling), "asked-again")
    lab.taken(rule, await write(lab, thread, record, selling), "open")


# --- her preferences ------------------------------------------------------------------------------


@check("VRM-REL-006", "VRM-REL-007", profile="relationship")
async def her_quiet_hours_are_those_of_words_and_requests(lab: Lab) -> None:
    """A first word, a next one and a request; with a rate of none too. Reports and her words are taken."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor = thread.first, organisation(thread)
    talk = await begun(lab, thread, record)
    word, code = lab.bodies.word(), "preference-forbids"
    for rule, body in (
        ("VRM-REL-006", quiet(lab)),
        ("VRM-REL-006", quiet(lab, "Asia/Kathmandu")),
        ("VRM-REL-007", rate(0)),
    ):
        await _prefer(lab, thread, body)
        lab.refused(rule, await write(lab, thread, record), code)
        lab.refused(rule, await _word(lab, talk, record), code)
        lab.refused(rule, await ask(lab, thread, record), code)
        lab.refused(rule, await invite(lab, thread, record, "profiled"), code)
        lab.taken(rule, await report(lab, thread, record), "reported")
        lab.taken(rule, await lab.attempt(person, "dialogue.message", word, talk), "open")
        said = await opening(lab, thread, person, "dialogue.message", word, record)
        lab.taken(rule, said, "open")
        lab.taken(rule, await share(lab, thread, record), "shared")
    await _prefer(lab, thread, {"preferences": {"zone": "UTC"}})
    lab.taken("VRM-REL-006", await _word(lab, talk, record), "open")
    lab.taken("VRM-REL-006", await ask(lab, thread, record), "requested")
    lab.taken("VRM-REL-006", await lab.attempt(vendor, "dialogue.close", {}, talk), "closed")


@check("VRM-REL-007", profile="relationship")
async def her_rate_counts_all_that_is_judged_by_preferences(lab: Lab) -> None:
    """Invitations, words and requests together, each alone fills it; nothing else is counted."""

    async def sent(kind: str, thread: Thread, talk: Thread, record: str) -> Said:
        if kind == "invitation":
            said = await invite(lab, thread, record, "profiled")
            if said.taken:
                await _again(lab, thread)
            return said
        if kind == "next word":
            return await _word(lab, talk, record)
        return await (ask if kind == "request" else write)(lab, thread, record)

    kinds = ("invitation", "request", "word", "next word")
    rule = "VRM-REL-007"
    for kind in (*kinds, ""):
        thread, record = await related(lab, stage="subscriber")
        person = thread.first
        other = (await terms(lab, person, organisation(thread), "PDC-AI")).said[1].mid
        said = await opening(lab, thread, person, "dialogue.message", lab.bodies.word(), record)
        talk = below(thread, lab.taken(rule, said, "open"))
        for _ in range(2):  # what is not counted
            held = below(thread, await report(lab, thread, record))
            lab.taken(rule, held.said[0], "reported")
            await lab.say(organisation(thread), "data.close", {}, held)
            lab.taken(rule, await share(lab, thread, record), "shared")
            lab.taken(rule, await lab.attempt(person, "dialogue.message", lab.bodies.word(), talk))
            lab.refused(rule, await write(lab, thread, record, OPTIMISING), "terms-prohibit")
            lab.refused(rule, await ask(lab, thread, record, CARE, "Name"), "stage-forbids")
            lab.refused(rule, await ask(lab, thread, record, MARKETING), "consent-needed")
        await _prefer(lab, thread, rate(1 if kind else 4))
        for one in (kind,) if kind else kinds:
            lab.taken(rule, await sent(one, thread, talk, record))
        for one in kinds:
            for agr in (record, other):
                lab.refused(rule, await sent(one, thread, talk, agr), "preference-forbids")
        await _prefer(lab, thread, rate(2 if kind else 5))
        lab.taken(rule, await sent("word", thread, talk, other))
        lab.refused(rule, await sent("request", thread, talk, record), "preference-forbids")
        await lab.say(person, "relationship.end", {}, thread)
        later = await terms(lab, person, organisation(thread))
        again = below(thread, await opened(lab, later, **rate(1)))
        lab.taken(rule, await step(lab, again, later.said[1].mid, "subscriber"), "open")
        lab.taken(rule, await write(lab, again, later.said[1].mid), "open")
        lab.refused(rule, await ask(lab, again, later.said[1].mid), "preference-forbids")


@check("VRM-REL-006", "VRM-REL-007", profile="consent", beside="relationship")
async def a_request_for_a_consent_is_judged_by_preferences(lab: Lab) -> None:
    """In quiet hours and beyond the rate; it fills a rate, and a refused one does not."""
    thread, record = await related(lab, stage="subscriber")
    code = "preference-forbids"
    await _prefer(lab, thread, quiet(lab))
    lab.refused("VRM-REL-006", await consent(lab, thread, record, MARKETING), code)
    await _prefer(lab, thread, rate(0))
    lab.refused("VRM-REL-007", await consent(lab, thread, record, MARKETING), code)
    await _prefer(lab, thread, rate(1))
    lab.refused("VRM-REL-007", await consent(lab, thread, record, OPTIMISING), "terms-prohibit")
    one = below(thread, lab.taken("VRM-REL-007", await consent(lab, thread, record, MARKETING), "requested"))
    lab.refused("VRM-REL-007", await write(lab, thread, record), code)
    lab.refused("VRM-REL-007", await consent(lab, thread, record, QUALITY), code)
    await _prefer(lab, thread, rate(2))
    await lab.say(thread.first, "consent.grant", lab.bodies.grant(MARKETING), one, agr=record)
    lab.taken("VRM-REL-007", await write(lab, thread, record), "open")
    lab.refused("VRM-REL-007", await consent(lab, thread, record, QUALITY), code)
    await lab.say(organisation(thread), "consent.relinquish", {}, one)
    lab.refused("VRM-REL-007", await consent(lab, thread, record, QUALITY), code)


# --- the rung -------------------------------------------------------------------------------------


@check("VRM-LAD-010", "VRM-LAD-011", "VRM-DAT-001", profile="relationship")
async def the_rung_says_what_may_be_sent_and_asked_for(lab: Lab) -> None:
    """Nothing at the lowest, words at the next, requests above; for the categories of that rung alone."""
    thread, record = await related(lab)
    code = "stage-forbids"
    said = await opening(lab, thread, thread.first, "dialogue.message", lab.bodies.word(), record)
    talk = below(thread, lab.taken("VRM-LAD-010", said, "open"))
    lab.refused("VRM-LAD-010", await write(lab, thread, record), code)
    lab.refused("VRM-LAD-010", await _word(lab, talk, record), code)
    lab.refused("VRM-LAD-010", await ask(lab, thread, record), code)
    lab.taken("VRM-LAD-010", await report(lab, thread, record), "reported")
    lab.taken("VRM-LAD-010", await step(lab, thread, record, "returning"), "open")
    lab.taken("VRM-LAD-010", await _word(lab, talk, record), "open")
    lab.taken("VRM-LAD-010", await write(lab, thread, record), "open")
    lab.refused("VRM-LAD-010", await ask(lab, thread, record), code)
    for stage, right, wrong in (
        ("subscriber", ("EmailAddress", "Language"), ("Username", "Name", "Country")),
        ("commenter", ("EmailAddress", "Username"), ("Interest", "Opinion")),
        ("customer", ("Purchase", "Name", "Opinion"), ("Interest", "Country")),
    ):
        lab.taken("VRM-LAD-011", await step(lab, thread, record, stage), "open")
        for category in wrong:
            lab.refused("VRM-LAD-011", await ask(lab, thread, record, CARE, category), code)
            said = await ask(lab, thread, record, CARE, right[0], category)
            lab.refused("VRM-DAT-001", said, code)
            await nothing(lab, "VRM-DAT-001", said, thread.first)
        lab.taken("VRM-DAT-001", await ask(lab, thread, record, CARE, *right), "requested")
        lab.taken("VRM-LAD-011", await ask(lab, thread, record, CARE, right[1]), "requested")
    await lab.say(thread.first, "relationship.retreat", {"stage": "subscriber"}, thread)
    lab.refused("VRM-LAD-011", await ask(lab, thread, record, CARE, "Name"), code)
    await lab.say(thread.first, "relationship.retreat", {"stage": "anonymous"}, thread)
    lab.refused("VRM-LAD-010", await _word(lab, talk, record), code)
    lab.taken("VRM-LAD-010", await lab.attempt(thread.first, "dialogue.message", lab.bodies.word(), talk))


@check("VRM-LAD-005", "VRM-LAD-011", profile="relationship")
async def a_request_is_judged_by_the_rung_that_its_agreement_reaches(lab: Lab) -> None:
    """Far up under one agreement, she is asked as lower down under another."""
    thread, wide = await related(lab, "SD-BASE-ATP", "profiled")
    narrow = (await terms(lab, thread.first, organisation(thread), "PDC-AI")).said[1].mid
    lab.taken("VRM-LAD-005", await ask(lab, thread, wide, CARE, "Interest"), "requested")
    lab.refused("VRM-LAD-005", await ask(lab, thread, narrow, CARE, "Interest"), "stage-forbids")
    lab.taken("VRM-LAD-005", await ask(lab, thread, narrow, CARE, "Language"), "requested")
    lab.taken("VRM-LAD-011", await step(lab, thread, wide, "contributor"), "open")
    lab.refused("VRM-LAD-011", await ask(lab, thread, wide, CARE, "Interest"), "stage-forbids")
    lab.refused("VRM-LAD-005", await ask(lab, thread, narrow, CARE, "Opinion"), "stage-forbids")
    lab.taken("VRM-LAD-005", await ask(lab, thread, narrow, CARE, "Username"), "requested")
    lab.taken("VRM-LAD-005", await ask(lab, thread, wide, CARE, "Opinion"), "requested")


@check("VRM-LAD-010", "VRM-LAD-011", profile="consent", beside="relationship")
async def the_rung_says_what_a_consent_may_be_asked_for(lab: Lab) -> None:
    """Not below the rung that lists the type, and with the categories of the rung alone."""
    thread, record = await related(lab, stage="returning")
    lab.refused("VRM-LAD-010", await consent(lab, thread, record, MARKETING), "stage-forbids")
    lab.taken("VRM-LAD-010", await step(lab, thread, record, "subscriber"), "open")
    for names in (["Name"], ["EmailAddress", "Interest"], ["Username", "Language"]):
        data = [f"{PD}{name}" for name in names]
        said = await consent(lab, thread, record, MARKETING, data=data)
        lab.refused("VRM-LAD-011", said, "stage-forbids")
        await nothing(lab, "VRM-LAD-011", said, thread.first)
    data = [f"{PD}Language", f"{PD}EmailAddress"]
    lab.taken("VRM-LAD-011", await consent(lab, thread, record, MARKETING, data=data), "requested")
    await lab.say(thread.first, "relationship.retreat", {"stage": "returning"}, thread)
    lab.refused("VRM-LAD-010", await consent(lab, thread, record, QUALITY), "stage-forbids")


def _ladder(lab: Lab) -> bytes:
    """Four rungs: two that need a consent each, and one that needs what some agreements prohibit."""
    types = ["relationship.invite", "dialogue.message", "consent.request", "data.request"]
    rungs = [
        {
            "stage": stage,
            "title": stage,
            "purposes": purposes,
            "types": types,
            "categories": [f"{PD}{name}" for name in ("EmailAddress", *categories)],
        }
        for stage, purposes, categories in (
            ("guest", [], ()),
            ("friend", [MARKETING], ("Interest",)),
            ("partner", [QUALITY], ("Opinion",)),
            ("maker", [OPTIMISING, MARKETING], ("Name",)),
        )
    ]
    made = {"id": "own", "version": "1.0", "lang": "en", "rungs": rungs, "salt": lab.rng.random()}
    return json.dumps(made).encode()


@check("VRM-LAD-005", "VRM-LAD-007", profile="consent", beside="intent")
async def consents_carry_her_up_a_ladder(lab: Lab) -> None:
    """She steps where a consent allows it and not before; without it she is asked as if she were lower."""
    about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE-A")
    person, wide = about.first, about.said[1].mid
    narrow = (await terms(lab, person, organisation(about), "PDC-AI")).said[1].mid
    own = _ladder(lab)
    lab.holds("VRM-LAD-007", (await lab.put(person, own)).status == 201, "201 to a blob")
    ladder = jose.digest(own)
    thread = below(about, lab.taken("VRM-LAD-007", await opened(lab, about, ladder=ladder), "open"))

    async def judged(*reached: str) -> None:
        """A request is judged by the one rung that lists these."""
        for category in ("Interest", "Opinion", "Name"):
            said = await ask(lab, thread, wide, CARE, category)
            if category in reached:
                lab.taken("VRM-LAD-005", said, "requested")
            else:
                lab.refused("VRM-LAD-005", said, "stage-forbids")

    async def stepping(stage: str, record: str = wide) -> Said:
        return await step(lab, thread, record, stage, ladder=ladder)

    for stage in ("friend", "partner", "maker"):
        lab.refused("VRM-LAD-007", await stepping(stage), "step-forbidden")
    asked = await asked_consent(lab, thread, wide, MARKETING)
    lab.refused("VRM-LAD-007", await stepping("friend"), "step-forbidden")
    made = lab.bodies.grant(MARKETING)
    await lab.say(person, "consent.grant", made, asked, agr=wide)
    await judged()
    lab.refused("VRM-LAD-007", await stepping("partner"), "step-forbidden")
    lab.refused("VRM-LAD-007", await stepping("maker", narrow), "step-forbidden")
    lab.taken("VRM-LAD-007", await stepping("friend"), "open")
    await judged("Interest")
    lab.taken("VRM-LAD-007", await stepping("maker"), "open")
    await judged("Name")
    said = await ask(lab, thread, narrow, CARE, "Name")
    lab.refused("VRM-LAD-005", said, "stage-forbids")
    lab.taken("VRM-LAD-005", await ask(lab, thread, narrow, CARE, "Interest"), "requested")
    other = await granted(lab, thread, narrow, QUALITY)
    await judged("Name")
    await lab.say(person, "consent.withdraw", {}, asked)
    await judged("Opinion")
    again = await granted(lab, thread, wide, MARKETING)
    await judged("Name")
    await lab.say(person, "consent.withdraw", {}, other)
    await judged("Name")
    await lab.say(organisation(thread), "consent.relinquish", {}, again)
    await judged()
    lab.taken("VRM-LAD-005", await ask(lab, thread, wide), "requested")
