"""Purposes: what the agreement prohibits, what it allows, and what needs a consent for exactly it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from conformance.bodies import CARE, MARKETING, OPTIMISING, ORDERS, QUALITY, RIGHTS, TRAINING
from conformance.checks.below import ask, asked_consent, begun, below, granted, nothing, organisation, write
from conformance.checks.relationships import invite, opened, related, step, terms
from conformance.lab import Lab, Said, Thread, check

__all__: list[str] = []


def _clauses(lab: Lab, name: str) -> Mapping[str, str]:
    """The clauses of an agreement of the roster."""
    version = lab.bodies.agreement(name)["version"]
    manifest = lab.spec.root / "roster" / name / version / "manifest.json"
    found: Mapping[str, str] = json.loads(manifest.read_bytes())["clauses"]
    return found


CODES = {"prohibited": "terms-prohibit", "required": "", "permitted": ""}
"""What a message for a purpose gets by the value of its clause; any other needs a consent."""


async def _next(lab: Lab, talk: Thread, record: str, purpose: str) -> Said:
    body = lab.bodies.word(purpose)
    return await lab.attempt(organisation(talk), "dialogue.message", body, talk, agr=record)


async def _each(lab: Lab, *names: str) -> None:
    """A word and a request for each purpose, under each of these agreements."""
    for name in names:
        thread, record = await related(lab, name, "subscriber")
        talk = below(thread, lab.taken("VRM-PUR-003", await write(lab, thread, record), "open"))
        clauses = _clauses(lab, name)
        for purpose, clause in lab.spec.purposes.items():
            code = CODES.get(clauses.get(clause or "", ""), "consent-needed")
            rule = {"": "VRM-PUR-003", "terms-prohibit": "VRM-PUR-001"}.get(code, "VRM-PUR-002")
            for said, state in (
                (await write(lab, thread, record, purpose), "open"),
                (await _next(lab, talk, record, purpose), "open"),
                (await ask(lab, thread, record, purpose), "requested"),
            ):
                if code:
                    lab.refused(rule, said, code)
                else:
                    lab.taken(rule, said, state)
        said = await write(lab, thread, record, MARKETING)
        await nothing(lab, "VRM-PUR-002", said, thread.first)


@check("VRM-PUR-001", "VRM-PUR-002", "VRM-PUR-003", profile="relationship")
async def each_purpose_by_its_clause(lab: Lab) -> None:
    """A first word, a next one and a request for data; what is refused leaves nothing."""
    await _each(lab, "SD-BASE", "PDC-AI")


@check("VRM-PUR-001", "VRM-PUR-002", "VRM-PUR-003", profile="relationship", slow=True)
async def each_purpose_under_further_agreements(lab: Lab) -> None:
    """The same where more is permitted, or something else is."""
    await _each(lab, "SD-BASE-A", "SD-BASE-AT-DP", "SD-BASE-ATP", "SD-BASE-ATP-S3P", "PDC-GOOD")


@check("VRM-PUR-003", "VRM-DAT-001", profile="relationship")
async def an_invitation_that_waits_hinders_nothing(lab: Lab) -> None:
    """Invited and not answered, she is written to and asked as before."""
    thread, record = await related(lab, stage="subscriber")
    lab.taken("VRM-LAD-009", await invite(lab, thread, record, "profiled"), "invited")
    talk = below(thread, lab.taken("VRM-PUR-003", await write(lab, thread, record), "open"))
    lab.taken("VRM-PUR-003", await _next(lab, talk, record, ORDERS), "open")
    lab.taken("VRM-DAT-001", await ask(lab, thread, record), "requested")
    lab.refused("VRM-DAT-001", await ask(lab, thread, record, CARE, "Interest"), "stage-forbids")
    state = await lab.state(thread.first, thread.thid)
    lab.holds("VRM-PUR-003", state == "invited", "invited", state)


@check("VRM-PUR-001", "VRM-PUR-002", "VRM-PUR-003", profile="relationship")
async def the_agreement_that_the_message_names_is_the_one_that_counts(lab: Lab) -> None:
    """Of two in force between the two, whichever was first, and under whichever the thread was opened."""
    thread, wide = await related(lab, "SD-BASE-A", "subscriber")
    person, vendor = thread.first, organisation(thread)
    narrow = (await terms(lab, person, vendor, "PDC-AI")).said[1].mid
    begins = [await write(lab, thread, opener) for opener in (wide, narrow)]
    talks = [below(thread, lab.taken("VRM-PUR-003", said, "open")) for said in begins]
    for talk in talks:
        lab.taken("VRM-PUR-003", await _next(lab, talk, wide, OPTIMISING), "open")
        lab.refused("VRM-PUR-001", await _next(lab, talk, narrow, OPTIMISING), "terms-prohibit")
        lab.taken("VRM-PUR-003", await _next(lab, talk, narrow, TRAINING), "open")
        lab.refused("VRM-PUR-002", await _next(lab, talk, wide, TRAINING), "consent-needed")
        lab.taken("VRM-PUR-003", await _next(lab, talk, narrow, RIGHTS), "open")
        lab.refused("VRM-PUR-002", await _next(lab, talk, wide, RIGHTS), "consent-needed")
    newer = (await terms(lab, person, vendor, "SD-BASE-DP")).said[1].mid
    lab.refused("VRM-PUR-001", await _next(lab, talks[0], newer, OPTIMISING), "terms-prohibit")
    lab.taken("VRM-PUR-003", await _next(lab, talks[0], newer, RIGHTS), "open")


# --- with a consent -------------------------------------------------------------------------------


async def _needed(lab: Lab, thread: Thread, talk: Thread, record: str, purpose: str) -> None:
    """Without a consent in force nothing for this purpose is taken."""
    for said in (
        await write(lab, thread, record, purpose),
        await _next(lab, talk, record, purpose),
        await ask(lab, thread, record, purpose),
    ):
        lab.refused("VRM-PUR-002", said, "consent-needed")


async def _allowed(lab: Lab, thread: Thread, talk: Thread, record: str, purpose: str) -> None:
    """With one it is."""
    lab.taken("VRM-PUR-004", await write(lab, thread, record, purpose), "open")
    lab.taken("VRM-PUR-004", await _next(lab, talk, record, purpose), "open")
    lab.taken("VRM-PUR-004", await ask(lab, thread, record, purpose), "requested")


@check("VRM-PUR-002", "VRM-PUR-004", profile="consent", beside="relationship")
async def a_consent_is_for_exactly_this_purpose(lab: Lab) -> None:
    """An optional one, two without a clause, one that the agreement does not know."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, talk = thread.first, await begun(lab, thread, record)
    purposes = (RIGHTS, MARKETING, TRAINING, QUALITY)
    for purpose in purposes:
        others = [p for p in purposes if p != purpose]
        await _needed(lab, thread, talk, record, purpose)
        one = await asked_consent(lab, thread, record, purpose)
        await _needed(lab, thread, talk, record, purpose)
        made = lab.bodies.grant(purpose)
        lab.taken("VRM-PUR-004", await lab.attempt(person, "consent.grant", made, one, agr=record), "granted")
        await _allowed(lab, thread, talk, record, purpose)
        for other in others:
            await _needed(lab, thread, talk, record, other)
        await lab.say(person, "consent.withdraw", {}, one)
        await _needed(lab, thread, talk, record, purpose)


@check("VRM-PUR-002", "VRM-PUR-004", profile="consent", beside="relationship")
async def a_consent_counts_as_it_stands(lab: Lab) -> None:
    """What was asked for and not granted is not in it, nor what was narrowed away; another may have it."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, talk = thread.first, await begun(lab, thread, record)
    one = await asked_consent(lab, thread, record, MARKETING, QUALITY, RIGHTS, TRAINING)
    made = lab.bodies.grant(RIGHTS, QUALITY, MARKETING)
    await lab.say(person, "consent.grant", made, one, agr=record)
    for purpose in (MARKETING, QUALITY, RIGHTS):
        await _allowed(lab, thread, talk, record, purpose)
    await _needed(lab, thread, talk, record, TRAINING)
    await lab.say(person, "consent.narrow", {"purposes": [QUALITY]}, one)
    await _allowed(lab, thread, talk, record, QUALITY)
    for purpose in (MARKETING, RIGHTS, TRAINING):
        await _needed(lab, thread, talk, record, purpose)
    two = await granted(lab, thread, record, QUALITY, MARKETING)
    await lab.say(person, "consent.withdraw", {}, one)
    await _allowed(lab, thread, talk, record, QUALITY)
    await _allowed(lab, thread, talk, record, MARKETING)
    await lab.say(person, "consent.narrow", {"purposes": [MARKETING]}, two)
    await _needed(lab, thread, talk, record, QUALITY)
    await _allowed(lab, thread, talk, record, MARKETING)


Ending = Callable[[Lab, Thread, Thread, Thread], Awaitable[object]]


async def _replaced(lab: Lab, thread: Thread, about: Thread, one: Thread) -> None:
    await terms(lab, thread.first, organisation(thread), "SD-BASE")


ENDINGS: dict[str, Ending] = {
    "withdrawn": lambda lab, above, about, one: lab.say(above.first, "consent.withdraw", {}, one),
    "given back": lambda lab, above, about, one: lab.say(organisation(one), "consent.relinquish", {}, one),
    "terminated": lambda lab, above, about, one: lab.say(above.first, "agreement.terminate", {}, about),
    "terminated by the other": lambda lab, above, about, one: lab.say(
        organisation(about), "agreement.terminate", {}, about
    ),
    "superseded": _replaced,
}


async def _both(lab: Lab) -> tuple[Thread, Thread, str]:
    """A relationship of two agreements: that of the SD class, and the record of another."""
    about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE-A")
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about), "open"))
    await step(lab, thread, about.said[1].mid, "subscriber")
    other = await terms(lab, about.first, organisation(about), "PDC-GOOD")
    return thread, about, other.said[1].mid


@check("VRM-PUR-002", "VRM-PUR-004", profile="consent", beside="relationship")
async def a_consent_that_has_ended_allows_nothing(lab: Lab) -> None:
    """However it ended; until then it holds under every agreement between the two."""
    for end in ENDINGS.values():
        thread, about, other = await _both(lab)
        talk, record = await begun(lab, thread, other), about.said[1].mid
        one = await granted(lab, thread, record, MARKETING)
        for agr in (record, other):
            await _allowed(lab, thread, talk, agr, MARKETING)
        await end(lab, thread, about, one)
        await _needed(lab, thread, talk, other, MARKETING)
        refused = await asked_consent(lab, thread, other, MARKETING)
        await lab.say(thread.first, "consent.refuse", {}, refused)
        lab.refused("VRM-PUR-002", await write(lab, thread, other, MARKETING), "consent-needed")
    # Its own agreement goes on where another one ends, also the one that the grant named.
    thread, about, other = await _both(lab)
    talk = await begun(lab, thread, other)
    one = await asked_consent(lab, thread, other, MARKETING)
    made = lab.bodies.grant(MARKETING)
    await lab.say(thread.first, "consent.grant", made, one, agr=about.said[1].mid)
    await lab.say(thread.first, "agreement.terminate", {}, about)
    await _allowed(lab, thread, talk, other, MARKETING)


@check("VRM-PUR-002", profile="consent", beside="relationship")
async def a_consent_of_another_relationship_allows_nothing(lab: Lab) -> None:
    """Of hers with another organisation, of this organisation's with somebody else, of the two before."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, vendor = thread.first, organisation(thread)
    for first, second in ((person, await lab.vendor()), (lab.person(), vendor)):
        about = await terms(lab, first, second, "SD-BASE")
        beside = below(about, await opened(lab, about))
        await step(lab, beside, about.said[1].mid, "subscriber")
        await granted(lab, beside, about.said[1].mid, MARKETING)
        said = await write(lab, beside, about.said[1].mid, MARKETING)
        lab.taken("VRM-PUR-004", said, "open")
        await _needed(lab, thread, await begun(lab, thread, record), record, MARKETING)
    await granted(lab, thread, record, MARKETING)
    await lab.say(person, "relationship.end", {}, thread)
    later = await terms(lab, person, vendor, "SD-BASE")
    again = below(thread, await opened(lab, later))
    await step(lab, again, later.said[1].mid, "subscriber")
    talk = await begun(lab, again, later.said[1].mid)
    await _needed(lab, again, talk, later.said[1].mid, MARKETING)


@check("VRM-PUR-001", "VRM-PUR-004", profile="consent", beside="relationship")
async def what_an_agreement_prohibits_no_consent_allows(lab: Lab) -> None:
    """A consent that was asked for under one agreement, and a message under another that prohibits it."""
    thread, record = await related(lab, "SD-BASE-A", "subscriber")
    narrow = (await terms(lab, thread.first, organisation(thread), "PDC-GOOD")).said[1].mid
    talk = await begun(lab, thread, record)
    await granted(lab, thread, record, OPTIMISING, MARKETING)
    for said in (
        await write(lab, thread, narrow, OPTIMISING),
        await _next(lab, talk, narrow, OPTIMISING),
        await ask(lab, thread, narrow, OPTIMISING),
    ):
        lab.refused("VRM-PUR-001", said, "terms-prohibit")
    await _allowed(lab, thread, talk, record, OPTIMISING)
    await _allowed(lab, thread, talk, narrow, MARKETING)


@check("VRM-PUR-002", "VRM-PUR-004", profile="consent", beside="relationship", slow=True, patient=True)
async def a_consent_that_has_lapsed_allows_nothing(lab: Lab) -> None:
    """Two that end in a few seconds, of which one is renewed; both are in force until then."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, talk = thread.first, await begun(lab, thread, record)
    until = lab.target.now() + 5
    made = lab.bodies
    near = made.at(until - made.now)
    await granted(lab, thread, record, MARKETING, valid_until=near)
    renewed = await granted(lab, thread, record, QUALITY, valid_until=near)
    await lab.say(person, "consent.renew", {"valid_until": made.at(9999)}, renewed, agr=record)
    if lab.target.now() < until - 2:
        lab.taken("VRM-PUR-004", await write(lab, thread, record, MARKETING), "open")
    await asyncio.sleep(max(0.0, until + 1.2 - lab.target.now()))
    await _needed(lab, thread, talk, record, MARKETING)
    await _allowed(lab, thread, talk, record, QUALITY)


@check("VRM-PUR-003", "VRM-PUR-004", profile="consent", beside="relationship")
async def where_the_agreement_allows_it_a_refused_consent_changes_nothing(lab: Lab) -> None:
    """A consent for what the agreement requires is refused or withdrawn: words for it are taken anyway."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    talk = await begun(lab, thread, record)
    one = await asked_consent(lab, thread, record, CARE, MARKETING)
    await lab.say(thread.first, "consent.refuse", {}, one)
    lab.taken("VRM-PUR-003", await write(lab, thread, record, CARE), "open")
    two = await granted(lab, thread, record, ORDERS, QUALITY)
    lab.taken("VRM-PUR-004", await _next(lab, talk, record, QUALITY), "open")
    await lab.say(thread.first, "consent.withdraw", {}, two)
    lab.taken("VRM-PUR-003", await _next(lab, talk, record, ORDERS), "open")
    lab.taken("VRM-PUR-003", await ask(lab, thread, record, ORDERS), "requested")
