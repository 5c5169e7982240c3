"""What stays in a relationship and what does not: invitations, pauses, ends, and the clock of her day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conformance import jose
from conformance.bodies import CARE, MARKETING, PD
from conformance.checks.below import (
    ask,
    begun,
    below,
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
from conformance.checks.consents import OF_THE_AGREEMENT
from conformance.checks.relationships import invite, opened, related, step, terms
from conformance.lab import Lab, Said, Thread, check

__all__: list[str] = []


async def _word(lab: Lab, talk: Thread, record: str) -> Said:
    """One more word of the organisation in a dialogue."""
    body = lab.bodies.word()
    return await lab.attempt(organisation(talk), "dialogue.message", body, talk, agr=record)


# --- the agreement of the opening -----------------------------------------------------------------


@check("VRM-REL-020", "VRM-REL-021", profile="relationship")
async def a_relationship_outlives_the_agreement_of_its_opening(lab: Lab) -> None:
    """Whoever ends it, open and at rest: it goes on as it is, and so does what was begun below it."""
    for end in OF_THE_AGREEMENT.values():
        for state in ("open", "paused"):
            about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE")
            person, vendor, record = about.first, organisation(about), about.said[1].mid
            thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about), "open"))
            lab.taken("VRM-LAD-008", await step(lab, thread, record, "subscriber"), "open")
            talks = [await begun(lab, thread, record) for _ in range(2)]
            await lab.say(person, "dialogue.mute", {}, talks[1])
            made = [await ask(lab, thread, record), await share(lab, thread, record)]
            data = [below(thread, said) for said in (*made, await report(lab, thread, record))]
            if state == "paused":
                await lab.say(person, "relationship.pause", {}, thread)
            await end(lab, about, thread)
            await shown(lab, "VRM-REL-020", thread, state)
            states = ("open", "muted", "requested", "shared", "reported")
            for one, there in zip((*talks, *data), states, strict=True):
                await shown(lab, "VRM-REL-021", one, there)
            if state == "paused":
                said = await lab.attempt(person, "relationship.resume", {}, thread)
                lab.taken("VRM-REL-020", said, "open")
            later = (await terms(lab, person, vendor, "SD-BASE-A")).said[1].mid
            lab.taken("VRM-REL-020", await step(lab, thread, later, "commenter"), "open")
            lab.taken("VRM-REL-021", await _word(lab, talks[0], later), "open")
            body = lab.bodies.share()
            said = await lab.attempt(person, "data.share", body, data[0], agr=later)
            lab.taken("VRM-REL-021", said, "shared")
            said = await lab.attempt(vendor, "data.report", lab.bodies.report(), data[2], agr=later)
            lab.taken("VRM-REL-021", said, "reported")


# --- invitations ----------------------------------------------------------------------------------


async def _no_longer_invited(lab: Lab, rule: str, thread: Thread) -> None:
    """There is nothing that she could decline."""
    await shown(lab, rule, thread, "open")
    said = await lab.attempt(thread.first, "relationship.decline", {}, thread)
    lab.refused(rule, said, "state-conflict")


@check("VRM-REL-022", profile="relationship")
async def a_step_ends_an_invitation(lab: Lab) -> None:
    """To the rung to which she was invited, past it, and after a retreat to one below it."""
    for stage in ("commenter", "contributor", "returning"):
        thread, record = await related(lab, "SD-BASE-ATP", "profiled")
        lab.taken("VRM-LAD-009", await invite(lab, thread, record, "commenter"), "invited")
        if stage == "returning":
            await lab.say(thread.first, "relationship.retreat", {"stage": "anonymous"}, thread)
        lab.taken("VRM-REL-022", await step(lab, thread, record, stage), "open")
        await _no_longer_invited(lab, "VRM-REL-022", thread)


@check("VRM-REL-023", profile="relationship")
async def a_pause_ends_an_invitation(lab: Lab) -> None:
    """It does not stand again once she resumes, and it was not declined: it may be said anew."""
    thread, record = await related(lab, stage="returning")
    for _ in range(2):
        lab.taken("VRM-REL-023", await invite(lab, thread, record, "subscriber"), "invited")
        said = await lab.attempt(thread.first, "relationship.pause", {}, thread)
        lab.taken("VRM-REL-023", said, "paused")
        said = await lab.attempt(thread.first, "relationship.decline", {}, thread)
        lab.refused("VRM-REL-023", said, "state-conflict")
        said = await lab.attempt(thread.first, "relationship.resume", {}, thread)
        lab.taken("VRM-REL-023", said, "open")
        await _no_longer_invited(lab, "VRM-REL-023", thread)


@check("VRM-REL-024", profile="relationship")
async def an_invitation_stands_whatever_she_prefers(lab: Lab) -> None:
    """Through retreats, quiet hours and a rate of none; then she declines it, or takes it."""
    for last in ("decline", "step"):
        thread, record = await related(lab, stage="subscriber")
        lab.taken("VRM-LAD-009", await invite(lab, thread, record, "profiled"), "invited")
        for type_, body in (
            ("relationship.retreat", {"stage": "subscriber"}),
            ("relationship.prefer", quiet(lab)),
            ("relationship.retreat", {"stage": "anonymous"}),
            ("relationship.prefer", rate(0)),
        ):
            said = await lab.attempt(thread.first, type_, body, thread)
            lab.taken("VRM-REL-024", said, "invited")
            await shown(lab, "VRM-REL-024", thread, "invited")
        if last == "step":
            lab.taken("VRM-REL-024", await step(lab, thread, record, "subscriber"), "open")
        else:
            said = await lab.attempt(thread.first, "relationship.decline", {}, thread)
            lab.taken("VRM-REL-024", said, "open")


# --- a pause --------------------------------------------------------------------------------------


@check("VRM-REL-025", profile="relationship")
async def a_pause_leaves_everything_as_it_is(lab: Lab) -> None:
    """Her rung, her preferences, the agreement, dialogues and data, and what she has declined."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-REL-025"
    talk, muted = await begun(lab, thread, record), await begun(lab, thread, record)
    await lab.say(person, "dialogue.mute", {}, muted)
    asked = below(thread, await ask(lab, thread, record))
    held = below(thread, await report(lab, thread, record))
    lab.taken("VRM-LAD-009", await invite(lab, thread, record, "profiled"), "invited")
    await lab.say(person, "relationship.decline", {}, thread)
    await lab.say(person, "relationship.prefer", rate(100), thread)
    for _ in range(2):
        await lab.say(person, "relationship.pause", {}, thread)
        for one, state in ((talk, "open"), (muted, "muted"), (asked, "requested"), (held, "reported")):
            await shown(lab, rule, one, state)
        await lab.say(person, "relationship.resume", {}, thread)
    said = await lab.attempt(
        vendor, "data.request", lab.bodies.request(), aud=person.id, pthid=thread.thid, agr=record
    )
    lab.taken(rule, said, "requested")
    lab.taken(rule, await _word(lab, talk, record), "open")
    lab.refused(rule, await invite(lab, thread, record, "profiled"), "asked-again")
    lab.refused(rule, await step(lab, thread, record, "subscriber"), "step-forbidden")
    await lab.say(person, "relationship.prefer", rate(0), thread)
    await lab.say(person, "relationship.pause", {}, thread)
    await lab.say(person, "relationship.resume", {}, thread)
    lab.refused(rule, await write(lab, thread, record), "preference-forbids")


@check("VRM-REL-025", profile="consent", beside="relationship")
async def a_pause_leaves_consents_as_they_are(lab: Lab) -> None:
    """Granted before, it allows after it what it has allowed."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    one = await granted(lab, thread, record, MARKETING)
    await lab.say(thread.first, "relationship.pause", {}, thread)
    await shown(lab, "VRM-REL-025", one, "granted")
    await lab.say(thread.first, "relationship.resume", {}, thread)
    await shown(lab, "VRM-REL-025", one, "granted")
    lab.taken("VRM-REL-025", await write(lab, thread, record, MARKETING), "open")


# --- quiet hours and times ------------------------------------------------------------------------


async def _judged(
    lab: Lab, rule: str, talk: Thread, above: Thread, record: str, hours: Sequence[Any]
) -> None:
    """A word is refused exactly if hours of a zone are said to be quiet now."""
    zone, begin, end, silent = hours
    now = datetime.fromtimestamp(lab.target.now(), ZoneInfo(zone))
    begins, ends = ((now + timedelta(minutes=m)).strftime("%H:%M") for m in (begin, end))
    body = {"preferences": {"zone": zone, "quiet": [{"from": begins, "to": ends}]}}
    await lab.say(above.first, "relationship.prefer", body, above)
    said = await _word(lab, talk, record)
    if silent:
        lab.refused(rule, said, "preference-forbids")
    else:
        lab.taken(rule, said, "open")


@check("VRM-REL-026", profile="relationship")
async def quiet_hours_by_the_minute(lab: Lab) -> None:
    """From the minute, up to the minute, through the night, and all day."""
    thread, record = await related(lab, stage="returning")
    talk = await begun(lab, thread, record)
    for begin, end, silent in (
        (0, 5, True),
        (-5, 0, False),
        (-50, -2, False),
        (3, 50, False),
        (5, 2, True),
        (4, -3, False),
        (700, 60, True),
        (-60, -700, True),
        (0, 0, True),
        (-400, -400, True),
    ):
        await _judged(lab, "VRM-REL-026", talk, thread, record, ("UTC", begin, end, silent))


AROUND = ((-3, 8, True), (22, 40, False), (-40, -22, False), (52, 70, False), (-70, -52, False))
"""Minutes around now and around half an hour and an hour away, and whether they are quiet now."""
ZONES = ("Pacific/Auckland", "America/New_York", "Europe/Amsterdam", "Australia/Lord_Howe", "Asia/Kathmandu")


@check("VRM-REL-027", profile="relationship")
async def quiet_hours_by_her_clock(lab: Lab) -> None:
    """An hour and half an hour away in zones with summer and without; and by no time that a message says."""
    thread, record = await related(lab, stage="returning")
    talk = await begun(lab, thread, record)
    for zone in ZONES:
        for minutes in AROUND:
            await _judged(lab, "VRM-REL-027", talk, thread, record, (zone, *minutes))
    await lab.say(thread.first, "relationship.prefer", quiet(lab), thread)
    now, word = lab.target.now(), lab.bodies.word()
    times: dict[str, Any] = {"iat": now - 2400, "exp": now + 2400}
    said = await lab.attempt(organisation(thread), "dialogue.message", word, talk, agr=record, **times)
    lab.refused("VRM-REL-027", said, "preference-forbids")


@check("VRM-REL-028", profile="relationship", slow=True, patient=True)
async def a_message_counts_up_to_the_second(lab: Lab) -> None:
    """One within three seconds: her own words, taken before and after each try, tell the second of it."""
    thread, record = await related(lab, stage="returning", **rate(1, "PT3S"))
    talk, rule = await begun(lab, thread, record), "VRM-REL-028"
    over = talk.said[0].receipt["iat"] + 3

    async def clock() -> int:
        said = await lab.say(thread.first, "dialogue.message", lab.bodies.word(), talk)
        return int(said.receipt["iat"])

    before = await clock()
    while True:
        said = await _word(lab, talk, record)
        after = await clock()
        if said.taken:
            got = said.receipt["iat"]
            lab.holds(rule, got >= over, f"nothing more before {over}", got)
            return
        lab.holds(rule, before < over, f"a word at {over}, when the time of the rate is over", after)
        before = after
        await asyncio.sleep(0.15)


# --- the end --------------------------------------------------------------------------------------


@check("VRM-REL-029", profile="relationship", slow=True, patient=True)
async def a_late_attestation_is_taken(lab: Lab) -> None:
    """Once it is overdue, after an end by either; and once only."""
    threads = []
    for by in ("first", "second"):
        thread, _ = await related(lab)
        party = thread.first if by == "first" else organisation(thread)
        await lab.say(party, "relationship.end", {"attest_within": "PT2S"}, thread)
        threads.append(thread)
    await asyncio.sleep(3.4)
    body = {"erased_at": lab.bodies.at(0), "kept": []}
    for thread in threads:
        await shown(lab, "VRM-REL-029", thread, "attest-overdue")
        said = await lab.attempt(organisation(thread), "relationship.attest", body, thread)
        lab.taken("VRM-REL-029", said, "closed")
        said = await lab.attempt(organisation(thread), "relationship.attest", body, thread)
        lab.refused("VRM-REL-029", said, "state-conflict")


@check("VRM-REL-030", profile="relationship")
async def a_later_relationship_begins_anew(lab: Lab) -> None:
    """No preferences, nothing declined or refused, and nothing counted of the one before."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-REL-030"
    lab.taken("VRM-LAD-009", await invite(lab, thread, record, "profiled"), "invited")
    await lab.say(person, "relationship.decline", {}, thread)
    asked = below(thread, await ask(lab, thread, record))
    await lab.say(person, "data.refuse", {}, asked)
    await lab.say(person, "relationship.prefer", quiet(lab), thread)
    await lab.say(vendor, "relationship.end", {}, thread)
    about = await terms(lab, person, vendor)
    later = about.said[1].mid
    again = below(thread, lab.taken(rule, await opened(lab, about), "open"))
    lab.taken(rule, await step(lab, again, later, "subscriber"), "open")
    lab.taken(rule, await write(lab, again, later), "open")
    lab.taken(rule, await ask(lab, again, later), "requested")
    lab.taken(rule, await invite(lab, again, later, "profiled"), "invited")
    await lab.say(person, "relationship.prefer", rate(4), again)
    lab.taken(rule, await write(lab, again, later), "open")
    lab.refused(rule, await write(lab, again, later), "preference-forbids")


# --- ladders --------------------------------------------------------------------------------------

TYPES = ["relationship.invite", "dialogue.message", "data.request"]


def _ladder(lab: Lab, *rungs: tuple[str, Sequence[str]]) -> bytes:
    """A ladder whose rungs need nothing; each with the categories that it lists."""
    made = [
        {"stage": s, "title": s, "purposes": [], "types": TYPES, "categories": [f"{PD}{n}" for n in names]}
        for s, names in rungs
    ]
    whole = {"id": "own", "version": "1.0", "lang": "en", "rungs": made, "salt": lab.rng.random()}
    return json.dumps(whole).encode()


async def _on(lab: Lab, data: bytes) -> tuple[Thread, str]:
    """A relationship on a ladder that she has put, and the record of its agreement."""
    about = await terms(lab, lab.person(), await lab.vendor())
    lab.holds("VRM-LAD-001", (await lab.put(about.first, data)).status == 201, "201 to a blob")
    said = await opened(lab, about, ladder=jose.digest(data))
    return below(about, lab.taken("VRM-LAD-001", said, "open")), about.said[1].mid


OWN = (("guest", ()), ("friend", ("Language",)), ("partner", ("Language", "Interest")))


@check("VRM-LAD-016", profile="relationship", beside="intent")
async def from_a_rung_that_the_other_ladder_lacks(lab: Lab) -> None:
    """From the top of her own ladder to each rung but the lowest of the other one, and back."""
    for stage in ("returning", "customer"):
        own = _ladder(lab, *OWN)
        thread, record = await _on(lab, own)
        ladder, rule = jose.digest(own), "VRM-LAD-016"
        lab.taken(rule, await step(lab, thread, record, "partner", ladder=ladder), "open")
        lab.refused(rule, await step(lab, thread, record, "anonymous"), "step-forbidden")
        lab.taken(rule, await step(lab, thread, record, stage), "open")
        lab.refused(rule, await step(lab, thread, record, "guest", ladder=ladder), "step-forbidden")
        lab.taken(rule, await step(lab, thread, record, "friend", ladder=ladder), "open")


@check("VRM-LAD-017", profile="relationship", beside="intent")
async def of_rungs_with_one_name_the_lowest(lab: Lab) -> None:
    """To step to, to be judged by, to be invited to, and to go down to."""
    twice = (("guest", ()), ("friend", ("Language",)), ("partner", ("Interest",)), ("friend", ("Name",)))
    own = _ladder(lab, *twice)
    thread, record = await _on(lab, own)
    ladder, rule = jose.digest(own), "VRM-LAD-017"
    lab.taken(rule, await step(lab, thread, record, "friend", ladder=ladder), "open")
    lab.taken(rule, await ask(lab, thread, record, CARE, "Language"), "requested")
    lab.refused(rule, await ask(lab, thread, record, CARE, "Name"), "stage-forbids")
    lab.taken(rule, await invite(lab, thread, record, "partner", "Interest"), "invited")
    lab.taken(rule, await step(lab, thread, record, "partner", ladder=ladder), "open")
    lab.refused(rule, await step(lab, thread, record, "friend", ladder=ladder), "step-forbidden")
    lab.refused(rule, await invite(lab, thread, record, "friend"), "step-forbidden")
    said = await lab.attempt(thread.first, "relationship.retreat", {"stage": "friend"}, thread)
    lab.taken(rule, said, "open")
    lab.taken(rule, await ask(lab, thread, record, CARE, "Language"), "requested")
    lab.refused(rule, await ask(lab, thread, record, CARE, "Interest"), "stage-forbids")


@check("VRM-LAD-018", profile="relationship", beside="intent")
async def a_ladder_that_is_named_is_read_by_both(lab: Lab) -> None:
    """Before a message names it, by her alone; then by both, and by nobody else."""
    about = await terms(lab, lab.person(), await lab.vendor())
    person, vendor, record = about.first, organisation(about), about.said[1].mid
    first, second = _ladder(lab, *OWN), _ladder(lab, *OWN)
    rule = "VRM-LAD-018"

    async def readers(data: bytes, both: bool) -> None:
        for party, there in ((person, True), (vendor, both), (await lab.vendor(), False)):
            answer = await lab.get(party, lab.blobs + jose.digest(data))
            if there:
                lab.holds(rule, answer.status == 200, f"the ladder, for {party.name}", answer.said)
            else:
                lab.refused(rule, answer, "not-found")

    for data in (first, second):
        lab.holds("VRM-LAD-001", (await lab.put(person, data)).status == 201, "201 to a blob")
        await readers(data, False)
    said = await opened(lab, about, ladder=jose.digest(first))
    thread = below(about, lab.taken("VRM-LAD-001", said, "open"))
    await readers(first, True)
    await readers(second, False)
    said = await step(lab, thread, record, "friend", ladder=jose.digest(second))
    lab.taken("VRM-LAD-001", said, "open")
    await readers(first, True)
    await readers(second, True)
    body = lab.bodies.word()
    talk = await opening(lab, thread, person, "dialogue.message", body, record)
    lab.taken("VRM-DLG-001", talk, "open")
