"""What is taken beside something else, or whatever else there is: consents, dialogues, data, disputes."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.bodies import CARE, MARKETING, OPTIMISING, ORDERS, QUALITY, RIGHTS
from conformance.checks.below import (
    NOTHING,
    ask,
    asked_consent,
    begun,
    below,
    consent,
    granted,
    opening,
    organisation,
    quiet,
    rate,
    report,
    share,
    shown,
    write,
)
from conformance.checks.consents import OF_THE_AGREEMENT, OF_THE_RELATIONSHIP, grant, narrow, record_of
from conformance.checks.data import correct
from conformance.checks.feedback import submitted
from conformance.checks.offers import pages
from conformance.checks.relationships import opened, related, step, terms
from conformance.lab import Lab, Party, Said, Thread, check

__all__: list[str] = []

SELLING = "https://w3id.org/dpv#SellProducts"


async def _word(lab: Lab, talk: Thread, record: str, **body: Any) -> Said:
    """One more word of the organisation in a dialogue."""
    made = lab.bodies.word(**body)
    return await lab.attempt(organisation(talk), "dialogue.message", made, talk, agr=record)


async def _both(lab: Lab, name: str = "SD-BASE") -> tuple[Thread, Thread, str]:
    """An agreement, a relationship under it, half way up, and its record."""
    about = await terms(lab, lab.person(), await lab.vendor(), name)
    record = about.said[1].mid
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about), "open"))
    lab.taken("VRM-LAD-008", await step(lab, thread, record, "subscriber"), "open")
    return about, thread, record


# --- purposes -------------------------------------------------------------------------------------


@check("VRM-PUR-005", profile="relationship")
async def a_report_is_taken_whatever_its_purpose(lab: Lab) -> None:
    """Each purpose, under agreements that prohibit some and say nothing of others; the first and the next."""
    for name in ("SD-BASE", "PDC-AI"):
        thread, record = await related(lab, name)
        vendor, held = organisation(thread), None
        for purpose in lab.spec.purposes:
            body = lab.bodies.report(purpose)
            said = await opening(lab, thread, vendor, "data.report", body, record)
            lab.taken("VRM-PUR-005", said, "reported")
            held = held or below(thread, said)
            said = await lab.attempt(vendor, "data.report", body, held, agr=record)
            lab.taken("VRM-PUR-005", said, "reported")


# --- consents -------------------------------------------------------------------------------------


@check("VRM-CNS-018", profile="consent", beside="relationship")
async def a_consent_is_asked_for_also_where_none_is_needed(lab: Lab) -> None:
    """For what the agreement requires, for what was granted, for what is asked; alone and with others."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    rule = "VRM-CNS-018"
    for purposes in ((CARE,), (ORDERS, MARKETING), (MARKETING,), (QUALITY, MARKETING)):
        said = lab.taken(rule, await consent(lab, thread, record, *purposes), "requested")
        one = below(thread, said)
        lab.taken(rule, await consent(lab, thread, record, *purposes), "requested")
        lab.taken(rule, await grant(lab, one, record, *purposes), "granted")
        again = below(thread, await consent(lab, thread, record, *purposes[::-1]))
        lab.taken(rule, again.said[0], "requested")
        lab.taken(rule, await grant(lab, again, record, *purposes), "granted")


@check("VRM-CNS-019", profile="consent", beside="relationship")
async def she_decides_whenever_she_wants(lab: Lab) -> None:
    """On the lowest rung, in quiet hours, with a rate of none, at rest: grant, refuse, narrow, renew."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, rule = thread.first, "VRM-CNS-019"
    waiting = [await asked_consent(lab, thread, record, MARKETING, QUALITY) for _ in range(4)]
    refused = [await asked_consent(lab, thread, record, RIGHTS) for _ in range(4)]
    changes: list[tuple[str, Any]] = [
        ("relationship.prefer", quiet(lab)),
        ("relationship.retreat", {"stage": "anonymous"}),
        ("relationship.prefer", rate(0)),
        ("relationship.pause", {}),
    ]
    for (type_, body), one, other in zip(changes, waiting, refused, strict=True):
        await lab.say(person, type_, body, thread)
        lab.taken(rule, await grant(lab, one, record, QUALITY, MARKETING), "granted")
        lab.taken(rule, await narrow(lab, one, QUALITY), "granted")
        far = {"valid_until": lab.bodies.at(9999)}
        lab.taken(rule, await lab.attempt(person, "consent.renew", far, one, agr=record), "granted")
        lab.taken(rule, await lab.attempt(person, "consent.refuse", {}, other), "refused")


async def _purposes(lab: Lab, rule: str, one: Thread, *purposes: str) -> None:
    """The record of a consent names these."""
    found = (await record_of(lab, one.first, one.said[1].mid)).document
    got = sorted(found["purposes"]) if isinstance(found, dict) else found
    lab.holds(rule, got == sorted(purposes), f"the purposes {sorted(purposes)}", got)


@check("VRM-CNS-020", profile="consent", beside="relationship")
async def a_renewal_leaves_the_purposes(lab: Lab) -> None:
    """Those that were granted of those asked for, and those that a narrowing has left."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    rule = "VRM-CNS-020"
    one = await asked_consent(lab, thread, record, MARKETING, QUALITY, RIGHTS)
    lab.taken(rule, await grant(lab, one, record, QUALITY, MARKETING), "granted")
    for narrower in ((), (QUALITY,)):
        if narrower:
            lab.taken(rule, await narrow(lab, one, *narrower), "granted")
        for _ in range(2):
            body = {"valid_until": lab.bodies.at(9999)}
            said = await lab.attempt(one.first, "consent.renew", body, one, agr=record)
            lab.taken(rule, said, "granted")
            await _purposes(lab, rule, one, *(narrower or (MARKETING, QUALITY)))
        lab.refused(rule, await write(lab, thread, record, RIGHTS), "consent-needed")
        lab.taken(rule, await write(lab, thread, record, QUALITY), "open")


@check("VRM-CNS-021", profile="consent", beside="relationship")
async def a_renewal_may_be_shorter(lab: Lab) -> None:
    """Until later, until sooner, until sooner than it was granted first."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    one = await granted(lab, thread, record, MARKETING)
    for ahead in (9999, 5000, 7000, 600):
        now, body = lab.bodies.now, {"valid_until": lab.bodies.at(ahead)}
        said = await lab.attempt(one.first, "consent.renew", body, one, agr=record)
        lab.taken("VRM-CNS-021", said, "granted")
        found = (await record_of(lab, one.first, one.said[1].mid)).document
        got = found.get("valid_until") if isinstance(found, dict) else found
        right = got in (now + ahead, now + ahead + 1)
        lab.holds("VRM-CNS-021", right, f"valid until {now + ahead}", got)


@check("VRM-CNS-022", profile="consent", beside="relationship")
async def consents_end_one_by_one(lab: Lab) -> None:
    """Withdrawn, given back, refused or narrowed, the earlier or the later: another one still allows it."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-CNS-022"
    ends: tuple[tuple[Party, str, Any], ...] = (
        (person, "consent.withdraw", {}),
        (vendor, "consent.relinquish", {}),
        (person, "consent.narrow", {"purposes": [QUALITY]}),
    )
    for by, type_, body in ends:
        for earlier in (True, False):
            pair = [await granted(lab, thread, record, MARKETING, QUALITY) for _ in range(2)]
            ended, stays = pair if earlier else pair[::-1]
            await lab.say(by, type_, body, ended)
            await shown(lab, rule, stays, "granted")
            await _purposes(lab, rule, stays, MARKETING, QUALITY)
            lab.taken(rule, await write(lab, thread, record, MARKETING), "open")
            await lab.say(person, "consent.withdraw", {}, stays)
            lab.refused(rule, await write(lab, thread, record, MARKETING), "consent-needed")
            if type_ == "consent.narrow":
                await lab.say(person, "consent.withdraw", {}, ended)


async def _propagated(lab: Lab, one: Thread) -> None:
    """The organisation says that it has stopped, and says it once."""
    body, rule = {"stopped_at": lab.bodies.at(0), "told": ["Bezorgd B.V."]}, "VRM-CNS-023"
    said = await lab.attempt(one.first, "consent.propagated", body, one)
    lab.refused(rule, said, "role-forbidden")
    said = await lab.attempt(organisation(one), "consent.propagated", body, one)
    lab.taken(rule, said, "propagated")
    await shown(lab, rule, one, "propagated")
    said = await lab.attempt(organisation(one), "consent.propagated", body, one)
    lab.refused(rule, said, "state-conflict")


@check("VRM-CNS-023", profile="consent", beside="relationship")
async def a_withdrawal_is_passed_on_after_every_end(lab: Lab) -> None:
    """At rest, after the end of the agreement, of the relationship, and after its attestation."""
    for end in ("", "pause", *OF_THE_AGREEMENT, *OF_THE_RELATIONSHIP, "attest"):
        about, thread, record = await _both(lab)
        person = thread.first
        one = await granted(lab, thread, record, MARKETING)
        await lab.say(person, "consent.withdraw", {}, one)
        if end == "pause":
            await lab.say(person, "relationship.pause", {}, thread)
        elif end == "attest":
            await lab.say(person, "relationship.end", {}, thread)
            body = {"erased_at": lab.bodies.at(0), "kept": []}
            await lab.say(organisation(thread), "relationship.attest", body, thread)
        elif end:
            await (OF_THE_AGREEMENT | OF_THE_RELATIONSHIP)[end](lab, about, thread)
        await _propagated(lab, one)


@check("VRM-CNS-023", profile="consent", beside="relationship", slow=True, patient=True)
async def a_lapse_is_passed_on_after_every_end(lab: Lab) -> None:
    """As it is, at rest, after the end of the agreement and of the relationship."""
    made = []
    for _ in range(4):
        about, thread, record = await _both(lab)
        near = lab.bodies.at(4)
        made.append((about, thread, await granted(lab, thread, record, MARKETING, valid_until=near)))
    await asyncio.sleep(5.4)
    for (about, thread, one), end in zip(made, ("", "pause", "agreement", "relationship"), strict=True):
        await shown(lab, "VRM-CNS-023", one, "lapsed")
        if end == "pause":
            await lab.say(thread.first, "relationship.pause", {}, thread)
        if end == "agreement":
            await lab.say(thread.first, "agreement.terminate", {}, about)
        if end == "relationship":
            await lab.say(organisation(thread), "relationship.end", {}, thread)
        await _propagated(lab, one)


# --- dialogues ------------------------------------------------------------------------------------


@check("VRM-DLG-006", profile="relationship")
async def either_closes_a_dialogue(lab: Lab) -> None:
    """Open and muted, whoever began it, at rest, and after the agreement."""
    for change in ("", "pause", "terminate"):
        about, thread, record = await _both(lab)
        person, vendor = thread.first, organisation(thread)
        talks = [await begun(lab, thread, record) for _ in range(2)]
        for _ in range(2):
            body = lab.bodies.word()
            said = await opening(lab, thread, person, "dialogue.message", body, record)
            talks.append(below(thread, lab.taken("VRM-DLG-001", said, "open")))
        for talk in talks[::2]:
            await lab.say(person, "dialogue.mute", {}, talk)
        if change == "pause":
            await lab.say(person, "relationship.pause", {}, thread)
        if change == "terminate":
            await lab.say(person, "agreement.terminate", {}, about)
        for talk, by in zip(talks, (person, vendor, vendor, person), strict=True):
            lab.taken("VRM-DLG-006", await lab.attempt(by, "dialogue.close", {}, talk), "closed")
            await shown(lab, "VRM-DLG-006", talk, "closed")


@check("VRM-DLG-007", profile="relationship")
async def muting_is_of_one_dialogue(lab: Lab) -> None:
    """The others go on; a new one, a request and a report are taken."""
    thread, record = await related(lab, stage="subscriber")
    person, rule = thread.first, "VRM-DLG-007"
    talks = [await begun(lab, thread, record) for _ in range(3)]
    for talk in talks[::2]:
        await lab.say(person, "dialogue.mute", {}, talk)
    lab.taken(rule, await _word(lab, talks[1], record), "open")
    lab.taken(rule, await write(lab, thread, record), "open")
    lab.taken(rule, await ask(lab, thread, record), "requested")
    lab.taken(rule, await report(lab, thread, record), "reported")
    for talk in talks[::2]:
        await shown(lab, rule, talk, "muted")


@check("VRM-DLG-008", profile="relationship")
async def an_answer_may_be_to_anything(lab: Lab) -> None:
    """To a message of another dialogue, of another thread, of strangers, and to none that there is."""
    thread, record = await related(lab, stage="returning")
    talk, other = await begun(lab, thread, record), await begun(lab, thread, record)
    beside, _ = await related(lab)
    for answers in (talk.thid, other.thid, thread.thid, beside.thid, NOTHING):
        body = lab.bodies.word(answers=answers)
        lab.taken("VRM-DLG-008", await _word(lab, talk, record, answers=answers), "open")
        said = await lab.attempt(talk.first, "dialogue.message", body, talk)
        lab.taken("VRM-DLG-008", said, "open")
        for party in (thread.first, organisation(thread)):
            said = await opening(lab, thread, party, "dialogue.message", body, record)
            lab.taken("VRM-DLG-008", said, "open")


# --- data -----------------------------------------------------------------------------------------


@check("VRM-DAT-007", profile="relationship")
async def she_answers_a_request_with_what_she_likes(lab: Lab) -> None:
    """For another purpose, of other categories and fields, more of them and fewer."""
    thread, record = await related(lab, stage="customer")
    person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-007"
    for purpose, categories, fields in (
        (CARE, ("Name",), {"name": "A. Jansen"}),
        (ORDERS, ("EmailAddress",), {"email": "a@example.org"}),
        (OPTIMISING, ("Disability", "Name"), {"name": "A.", "other": "B."}),
        (MARKETING, ("Language",), {"note": "none"}),
    ):
        body = lab.bodies.request(CARE, "EmailAddress", "Language")
        said = await opening(lab, thread, vendor, "data.request", body, record)
        one = below(thread, lab.taken("VRM-DAT-001", said, "requested"))
        made = lab.bodies.share(purpose, *categories, fields=fields)
        lab.taken(rule, await lab.attempt(person, "data.share", made, one, agr=record), "shared")
        await shown(lab, rule, one, "shared")


@check("VRM-DAT-008", profile="relationship")
async def a_request_beside_another(lab: Lab) -> None:
    """The same once more while the first waits, was answered, and was taken back."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-008"
    made = [below(thread, lab.taken(rule, await ask(lab, thread, record), "requested")) for _ in range(3)]
    lab.taken(rule, await lab.attempt(person, "data.share", lab.bodies.share(), made[0], agr=record))
    made.append(below(thread, lab.taken(rule, await ask(lab, thread, record), "requested")))
    await lab.say(vendor, "data.retract", {}, made[1])
    made.append(below(thread, lab.taken(rule, await ask(lab, thread, record), "requested")))
    for one in made[2:]:
        await shown(lab, rule, one, "requested")


@check("VRM-DAT-009", profile="relationship")
async def data_are_taken_back_verified_and_closed_at_any_time(lab: Lab) -> None:
    """At rest and after the agreement, by whoever may."""
    for change in ("pause", "terminate"):
        about, thread, record = await _both(lab)
        person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-009"
        asked = below(thread, lab.taken("VRM-DAT-001", await ask(lab, thread, record), "requested"))
        held = [below(thread, await report(lab, thread, record)) for _ in range(2)]
        given = [below(thread, await share(lab, thread, record)) for _ in range(2)]
        if change == "pause":
            await lab.say(person, "relationship.pause", {}, thread)
        else:
            await lab.say(vendor, "agreement.terminate", {}, about)
        lab.taken(rule, await lab.attempt(vendor, "data.retract", {}, asked), "retracted")
        for one in held:
            body = {"as_of": lab.bodies.at(-60)}
            lab.taken(rule, await lab.attempt(person, "data.verify", body, one), "reported")
        for one, by in zip((*held, *given), (person, vendor, person, vendor), strict=True):
            lab.taken(rule, await lab.attempt(by, "data.close", {}, one), "closed")


# --- corrections ----------------------------------------------------------------------------------


@check("VRM-COR-006", profile="relationship")
async def what_has_ended_is_corrected(lab: Lab) -> None:
    """Reports and shares of a thread that is closed, by either or with the relationship."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-COR-006"
    held = [below(thread, await report(lab, thread, record)) for _ in range(2)]
    given = below(thread, await share(lab, thread, record))
    last = below(thread, await report(lab, thread, record))
    waiting = below(thread, lab.taken(rule, await correct(lab, held[0]), "submitted"))
    for one, by in zip((*held, given), (person, vendor, vendor), strict=True):
        await lab.say(by, "data.close", {}, one)
    await lab.say(person, "relationship.end", {}, thread)
    await shown(lab, rule, last, "closed")
    body: dict[str, Any] = {"applied_at": lab.bodies.at(0)}
    lab.taken(rule, await lab.attempt(vendor, "correction.apply", body, waiting), "applied")
    for n, about in enumerate((*held, given, last)):
        one = below(thread, lab.taken(rule, await correct(lab, about), "submitted"))
        type_, state = (("apply", "applied"), ("refuse", "refused"))[n % 2]
        answer = body if type_ == "apply" else {"reasons": {"/email": "It is right."}}
        lab.taken(rule, await lab.attempt(vendor, f"correction.{type_}", answer, one), state)


@check("VRM-COR-007", profile="relationship")
async def each_correction_is_of_the_same_fields(lab: Lab) -> None:
    """Whether the one before waits, was applied, refused or withdrawn; what was sent is read unchanged."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-COR-007"
    fields = {"email": "a@old.example", "phone": "020 1234567"}
    body = lab.bodies.report(CARE, fields=fields)
    said = await opening(lab, thread, vendor, "data.report", body, record)
    held = below(thread, lab.taken("VRM-DAT-004", said, "reported"))
    patch = (
        {"op": "test", "path": "/email", "value": fields["email"]},
        {"op": "replace", "path": "/email", "value": "b@new.example"},
        {"op": "remove", "path": "/phone"},
    )
    ends: tuple[tuple[Party, str, Any], ...] = (
        (vendor, "correction.apply", {"applied_at": lab.bodies.at(0)}),
        (vendor, "correction.refuse", {"reasons": {"/phone": "We need it."}}),
        (person, "correction.withdraw", {}),
        (person, "", {}),
    )
    for by, type_, what in ends:
        one = below(thread, lab.taken(rule, await correct(lab, held, *patch), "submitted"))
        if type_:
            await lab.say(by, type_, what, one)
    lab.taken(rule, await correct(lab, held, *patch), "submitted")
    read = [m.get("token") for m in await pages(lab, rule, person, held.thid)]
    lab.holds(rule, read == [held.said[0].token], "the report as it was", len(read))


@check("VRM-COR-008", profile="relationship")
async def corrections_wait_beside_each_other(lab: Lab) -> None:
    """Of one message, of one field, the same twice; each is answered by itself."""
    thread, record = await related(lab, stage="subscriber")
    vendor, rule = organisation(thread), "VRM-COR-008"
    held = below(thread, lab.taken("VRM-DAT-004", await report(lab, thread, record), "reported"))
    other = {"op": "replace", "path": "/email", "value": "another@example.org"}
    made = [await correct(lab, held), await correct(lab, held, other), await correct(lab, held, other)]
    threads = [below(thread, lab.taken(rule, said, "submitted")) for said in made]
    body = {"applied_at": lab.bodies.at(0)}
    lab.taken(rule, await lab.attempt(vendor, "correction.apply", body, threads[1]), "applied")
    for one, state in zip(threads, ("submitted", "applied", "submitted"), strict=True):
        await shown(lab, rule, one, state)


# --- feedback -------------------------------------------------------------------------------------


@check("VRM-FBK-009", profile="relationship")
async def an_outcome_needs_no_acknowledgement(lab: Lab) -> None:
    """Each outcome as the first answer."""
    vendor = await lab.vendor()
    for outcome in ("considered", "planned", "shipped", "solved", "declined"):
        thread = await submitted(lab, lab.person(), vendor)
        said = await lab.attempt(vendor, "feedback.outcome", {"outcome": outcome}, thread)
        lab.taken("VRM-FBK-009", said, "answered")
        await shown(lab, "VRM-FBK-009", thread, "answered")


@check("VRM-FBK-010", profile="relationship")
async def feedback_is_read_after_its_retraction(lab: Lab) -> None:
    """Whole for both, with what was answered and without."""
    vendor = await lab.vendor()
    for answered in (False, True):
        thread = await submitted(lab, lab.person(), vendor)
        if answered:
            await lab.say(vendor, "feedback.outcome", {"outcome": "planned"}, thread)
        await lab.say(thread.first, "feedback.retract", {}, thread)
        for party in (thread.first, vendor):
            read = [m.get("token") for m in await pages(lab, "VRM-FBK-010", party, thread.thid)]
            right = [one.token for one in thread.said]
            lab.holds("VRM-FBK-010", read == right, f"all of it, for {party.name}", len(read))


# --- disputes -------------------------------------------------------------------------------------


@check("VRM-DSP-007", profile="relationship")
async def disputes_stand_beside_each_other(lab: Lab) -> None:
    """Of both parties, and two of each; closing one closes no other."""
    about = await lab.agreed(lab.person(), await lab.vendor())
    vendor, rule = organisation(about), "VRM-DSP-007"
    threads = []
    for party, state in ((about.first, "open"), (vendor, "claimed")) * 2:
        body = lab.bodies.dispute(clause="tracking")
        said = await lab.attempt(party, "dispute.open", body, aud=about.other(party), pthid=about.thid)
        threads.append(below(about, lab.taken(rule, said, state)))
    await lab.say(about.first, "dispute.close", {"outcome": "settled"}, threads[0])
    for one, state in zip(threads, ("closed", "claimed", "open", "claimed"), strict=True):
        await shown(lab, rule, one, state)
    for party in (about.first, vendor):
        said = await lab.attempt(party, "dispute.note", {"text": "No."}, threads[2])
        lab.taken(rule, said, "open")


@check("VRM-DSP-008", profile="relationship")
async def a_dispute_names_what_it_likes(lab: Lab) -> None:
    """Messages of the agreement, of another thread of the two, of strangers, and none that there is."""
    about = await lab.agreed(lab.person(), await lab.vendor())
    vendor = organisation(about)
    beside, strange = (
        await lab.agreed(about.first, vendor, "SD-BASE"),
        await lab.proffered(lab.person(), vendor),
    )
    for party, state in ((about.first, "open"), (vendor, "claimed")):
        for named in ([about.head], [beside.thid], [strange.thid], [NOTHING], [about.thid, NOTHING]):
            body = lab.bodies.dispute(messages=named)
            said = await lab.attempt(party, "dispute.open", body, aud=about.other(party), pthid=about.thid)
            lab.taken("VRM-DSP-008", said, state)
