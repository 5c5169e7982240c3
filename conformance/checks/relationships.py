"""Relationships: under which agreement, up and down the ladder, what she has said, what their end ends."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conformance import jose
from conformance.checks.offers import pages
from conformance.lab import Lab, Party, Said, Thread, check

__all__ = ["opened", "related"]

NOTHING = jose.digest(b"nothing")


def _second(thread: Thread) -> Party:
    assert thread.second is not None
    return thread.second


async def terms(lab: Lab, person: Party, vendor: Party, name: str = "SD-BASE-DP") -> Thread:
    """An agreement of this name."""
    preferred = lab.bodies.agreement(name)
    return await lab.agreed(person, vendor, name, preferred=preferred, acceptable=None)


async def opened(lab: Lab, about: Thread, record: str = "", **body: Any) -> Said:
    """The opening of a relationship between the parties of a thread, under an agreement."""
    made = lab.bodies.relationship(**body)
    aud, agr = about.other(about.first), record or about.said[1].mid
    return await lab.attempt(about.first, "relationship.open", made, aud=aud, agr=agr)


async def related(lab: Lab, name: str = "SD-BASE-DP", stage: str = "", **body: Any) -> tuple[Thread, str]:
    """A relationship under an agreement, at a rung; and the record id of the agreement."""
    about = await terms(lab, lab.person(), await lab.vendor(), name)
    record = about.said[1].mid
    said = await opened(lab, about, **body)
    lab.taken("VRM-REL-001", said, "open")
    thread = Thread(said.mid, about.first, about.second, said=[said])
    if stage:
        await lab.say(thread.first, "relationship.step", lab.bodies.step(stage), thread, agr=record)
    return thread, record


async def step(lab: Lab, thread: Thread, record: str, stage: str, **body: Any) -> Said:
    """She goes up, or tries to."""
    made = lab.bodies.step(stage, **body)
    return await lab.attempt(thread.first, "relationship.step", made, thread, agr=record)


async def invite(lab: Lab, thread: Thread, record: str, stage: str, *categories: str, **body: Any) -> Said:
    """The vendor invites, or tries to."""
    made = lab.bodies.invitation(stage, *categories, **body)
    return await lab.attempt(_second(thread), "relationship.invite", made, thread, agr=record)


# --- under an agreement ---------------------------------------------------------------------------


@check("VRM-REL-001", "VRM-THR-007", "VRM-THR-010", profile="relationship")
async def a_relationship_is_under_an_agreement_in_force(lab: Lab) -> None:
    """Ended, replaced, of two others of hers, of strangers, none: to open, to step and to invite."""
    vendor, other = await lab.vendor(), await lab.vendor()
    about = await terms(lab, lab.person(), vendor)
    gone = await terms(lab, about.first, vendor, "PDC-AI")
    await lab.say(about.first, "agreement.terminate", {}, gone)
    old = about.said[1].mid
    newer = await terms(lab, about.first, vendor, "SD-BASE")
    beside = await terms(lab, about.first, other)
    strange = await terms(lab, lab.person(), vendor)
    live = newer.said[1].mid
    wrong = {
        "agreement-not-live": ("VRM-REL-001", [gone.said[1].mid, old]),
        "agreement-unknown": ("VRM-THR-010", [strange.said[1].mid, NOTHING]),
    }
    for code, (rule, records) in wrong.items():
        for record in records:
            lab.refused(rule, await opened(lab, newer, record), code)
    body = lab.bodies.relationship()
    said = await lab.attempt(about.first, "relationship.open", body, aud=vendor.id)
    lab.refused("VRM-THR-007", said, "claim-missing")
    said = await lab.attempt(vendor, "relationship.open", body, aud=about.first.id, agr=live)
    lab.refused("VRM-REL-001", said, "role-forbidden")
    said = await opened(lab, newer)
    lab.taken("VRM-REL-001", said, "open")
    thread = Thread(said.mid, about.first, vendor, said=[said])
    wrong["agreement-not-live"][1].append(beside.said[1].mid)
    for code, (rule, records) in wrong.items():
        for record in records:
            lab.refused(rule, await step(lab, thread, record, "returning"), code)
    lab.taken("VRM-REL-001", await step(lab, thread, live, "returning"))
    for record in (gone.said[1].mid, old):
        lab.refused("VRM-REL-001", await invite(lab, thread, record, "subscriber"), "agreement-not-live")
    made = lab.bodies.invitation()
    said = await lab.attempt(vendor, "relationship.invite", made, thread)
    lab.refused("VRM-THR-007", said, "claim-missing")
    lab.taken("VRM-REL-001", await invite(lab, thread, live, "subscriber"), "invited")


@check("VRM-REL-002", profile="relationship")
async def every_agreement_in_force_between_the_two_will_do(lab: Lab) -> None:
    """One of another class, and one that was made after the relationship was opened."""
    thread, record = await related(lab)
    vendor = _second(thread)
    other = await terms(lab, thread.first, vendor, "PDC-GOOD")
    lab.taken("VRM-REL-002", await step(lab, thread, other.said[1].mid, "returning"))
    lab.taken("VRM-REL-002", await invite(lab, thread, record, "subscriber"), "invited")
    later = await terms(lab, thread.first, vendor, "SD-BASE-A")
    lab.taken("VRM-REL-002", await step(lab, thread, later.said[1].mid, "contributor"))
    lab.taken("VRM-REL-002", await invite(lab, thread, later.said[1].mid, "customer"), "invited")


@check("VRM-REL-003", "VRM-REL-004", profile="relationship")
async def one_relationship_of_a_pair_at_a_time(lab: Lab) -> None:
    """Open, invited and paused there is no other; ended there is, before and after the attestation."""
    thread, record = await related(lab, stage="returning")
    vendor = _second(thread)
    about = await terms(lab, thread.first, vendor, "PDC-AI")
    for more in ("", "invite", "pause"):
        if more == "invite":
            lab.taken("VRM-REL-002", await invite(lab, thread, record, "subscriber"), "invited")
        if more == "pause":
            await lab.say(thread.first, "relationship.pause", {}, thread)
        lab.refused("VRM-REL-003", await opened(lab, about), "already-open")
    beside = await terms(lab, thread.first, await lab.vendor())
    lab.taken("VRM-REL-003", await opened(lab, beside), "open")
    await lab.say(thread.first, "relationship.end", {}, thread)
    again = await terms(lab, thread.first, vendor)
    said = await opened(lab, again)
    lab.taken("VRM-REL-004", said, "open")
    lab.refused("VRM-REL-003", await opened(lab, again), "already-open")
    second = Thread(said.mid, thread.first, vendor, said=[said])
    await lab.say(vendor, "relationship.end", {}, second)
    await lab.say(vendor, "relationship.attest", {"erased_at": lab.bodies.at(0), "kept": []}, second)
    again = await terms(lab, thread.first, vendor)
    lab.taken("VRM-REL-004", await opened(lab, again), "open")


# --- the ladder -----------------------------------------------------------------------------------


@check("VRM-LAD-002", profile="relationship")
async def the_ladder_is_served_by_its_digest(lab: Lab) -> None:
    """At the URL of the discovery document, with the bytes of the spec folder."""
    named = lab.target.discovery.get("ladder")
    right = isinstance(named, dict) and named.get("digest") == lab.spec.ladder.digest
    lab.holds("VRM-LAD-002", right, f"ladder with the digest {lab.spec.ladder.digest}", named)
    url = lab.target.endpoint("ladder")
    answer = await lab.talk.request("GET", url, label="somebody reads the ladder")
    lab.holds("VRM-LAD-002", answer.status == 200, "200 with the ladder", answer.said)
    right = jose.digest(answer.text.encode()) == lab.spec.ladder.digest
    lab.holds("VRM-LAD-002", right, "the bytes of this digest", answer.text[:200])
    lab.holds("VRM-LAD-002", isinstance(named, dict) and named.get("url") == url, f"its url {url}", named)


@check("VRM-LAD-001", profile="relationship")
async def a_ladder_that_the_home_does_not_hold(lab: Lab) -> None:
    """Nothing of this digest: neither to open with nor to step on."""
    about = await terms(lab, lab.person(), await lab.vendor())
    lab.refused("VRM-LAD-001", await opened(lab, about, ladder=NOTHING), "ladder-unknown")
    lab.refused("VRM-LAD-001", await opened(lab, about, ladder=about.head), "ladder-unknown")
    thread, record = await related(lab)
    lab.refused("VRM-LAD-001", await step(lab, thread, record, "returning", ladder=NOTHING), "ladder-unknown")
    lab.taken("VRM-LAD-001", await step(lab, thread, record, "returning"), "open")


def _ladder(lab: Lab, *stages: str, **rung: Any) -> bytes:
    """A ladder of one's own; its rungs need nothing and list everything, but for what is said."""
    every = {"purposes": [], "types": ["relationship.invite"], "categories": [], **rung}
    rungs = [{"stage": stage, "title": stage, **every} for stage in stages]
    made = {"id": "own", "version": "1.0", "lang": "en", "rungs": rungs, "salt": lab.rng.random()}
    return json.dumps(made).encode()


@check("VRM-LAD-001", "VRM-LAD-003", profile="relationship", beside="intent")
async def a_ladder_of_ones_own(lab: Lab) -> None:
    """Put as a blob by her, it is in force until a step names another; what is none is not taken."""
    vendor = await lab.vendor()
    about = await terms(lab, lab.person(), vendor)
    own = _ladder(lab, "guest", "friend", "partner")
    for put_by, data, told in (
        (None, own, "a blob that nobody has put"),
        (vendor, own, "a blob that the other party has put"),
        (about.first, b'{"rungs": []}', "a blob that is no ladder"),
        (about.first, b"not JSON", "a blob that is no JSON"),
    ):
        if put_by is not None:
            lab.holds("VRM-LAD-001", (await lab.put(put_by, data)).status == 201, "201 to a blob", told)
        lab.refused("VRM-LAD-001", await opened(lab, about, ladder=jose.digest(data)), "ladder-unknown")
    lab.holds("VRM-LAD-001", (await lab.put(about.first, own)).status == 201, "201 to a blob")
    said = await opened(lab, about, ladder=jose.digest(own))
    lab.taken("VRM-LAD-001", said, "open")
    record = about.said[1].mid
    thread = Thread(said.mid, about.first, vendor, said=[said])
    answer = await lab.get(vendor, lab.blobs + jose.digest(own))
    lab.holds("VRM-LAD-001", answer.status == 200, "the ladder for the other party", answer.said)
    lab.refused("VRM-LAD-003", await invite(lab, thread, record, "returning"), "step-forbidden")
    lab.taken("VRM-LAD-003", await invite(lab, thread, record, "friend"), "invited")
    lab.refused("VRM-LAD-003", await step(lab, thread, record, "friend"), "step-forbidden")
    own_step = await step(lab, thread, record, "friend", ladder=jose.digest(own))
    lab.taken("VRM-LAD-001", own_step, "open")
    lab.taken("VRM-LAD-003", await step(lab, thread, record, "returning"), "open")
    lab.refused("VRM-LAD-003", await invite(lab, thread, record, "partner"), "step-forbidden")
    lab.taken("VRM-LAD-003", await invite(lab, thread, record, "subscriber"), "invited")


@check("VRM-LAD-004", "VRM-LAD-008", "VRM-LAD-010", profile="relationship")
async def up_from_the_lowest_rung(lab: Lab) -> None:
    """There nothing may be asked; from there she may go to any rung that the agreement reaches."""
    thread, record = await related(lab)
    lab.refused("VRM-LAD-010", await invite(lab, thread, record, "returning"), "stage-forbids")
    lab.taken("VRM-LAD-004", await step(lab, thread, record, "returning"), "open")
    lab.taken("VRM-LAD-010", await invite(lab, thread, record, "subscriber"), "invited")
    for stage in ("subscriber", "commenter", "customer"):
        far, record = await related(lab)
        lab.taken("VRM-LAD-008", await step(lab, far, record, stage), "open")


@check("VRM-LAD-006", "VRM-LAD-007", profile="relationship")
async def where_she_may_step(lab: Lab) -> None:
    """Up, and as far as the agreement reaches: each agreement of the roster and each rung."""
    for name, reached in (
        ("SD-BASE", {"returning", "subscriber", "commenter", "customer"}),
        ("SD-BASE-A", {"returning", "subscriber", "commenter", "contributor", "customer"}),
        ("SD-BASE-ATP", {"returning", "subscriber", "profiled", "commenter", "contributor", "customer"}),
        ("PDC-AI", {"returning", "subscriber", "commenter", "customer"}),
    ):
        thread, record = await related(lab, name)
        for stage in ("nowhere", "anonymous"):
            lab.refused("VRM-LAD-006", await step(lab, thread, record, stage), "step-forbidden")
        stages = [rung.stage for rung in lab.spec.ladder.rungs[1:]]
        for n, stage in enumerate(stages, 1):
            said = await step(lab, thread, record, stage)
            if stage not in reached:
                lab.refused("VRM-LAD-007", said, "step-forbidden")
                continue
            lab.taken("VRM-LAD-007", said, "open")
            for lower in {stage, *stages[: n - 1][-1:], "anonymous"}:
                lab.refused("VRM-LAD-006", await step(lab, thread, record, lower), "step-forbidden")


@check("VRM-LAD-005", profile="relationship")
async def she_is_judged_by_what_the_agreement_reaches(lab: Lab) -> None:
    """Far up under one agreement she is asked as if lower under another, and as before under the first."""
    thread, record = await related(lab, "SD-BASE-ATP", "contributor")
    vendor = _second(thread)
    wide = await terms(lab, thread.first, vendor, "PDC-AI")
    narrow = wide.said[1].mid
    lab.refused("VRM-LAD-005", await invite(lab, thread, narrow, "customer"), "step-forbidden")
    lab.taken("VRM-LAD-005", await invite(lab, thread, narrow, "contributor"), "invited")
    await lab.say(thread.first, "relationship.decline", {}, thread)
    lab.taken("VRM-LAD-005", await invite(lab, thread, record, "customer"), "invited")
    await terms(lab, thread.first, vendor, "SD-BASE")
    lab.taken("VRM-LAD-005", await step(lab, thread, narrow, "customer"), "open")
    other, record = await related(lab, "SD-BASE-ATP", "profiled")
    base = await terms(lab, other.first, _second(other), "SD-BASE")
    lab.refused("VRM-LAD-005", await invite(lab, other, base.said[1].mid, "commenter"), "step-forbidden")
    lab.taken("VRM-LAD-005", await invite(lab, other, base.said[1].mid, "profiled"), "invited")


@check("VRM-LAD-009", "VRM-LAD-011", profile="relationship")
async def where_a_vendor_may_invite(lab: Lab) -> None:
    """To the next rung, asking for what it lists."""
    thread, record = await related(lab, stage="returning")
    for stage in ("profiled", "returning", "anonymous", "nowhere", "customer"):
        lab.refused("VRM-LAD-009", await invite(lab, thread, record, stage), "step-forbidden")
    for categories in (["Name"], ["EmailAddress", "Interest"]):
        said = await invite(lab, thread, record, "subscriber", *categories)
        lab.refused("VRM-LAD-011", said, "stage-forbids")
    said = await invite(lab, thread, record, "subscriber", "EmailAddress", "Language")
    lab.taken("VRM-LAD-011", said, "invited")
    lab.taken("VRM-LAD-009", await step(lab, thread, record, "subscriber"), "open")
    lab.refused("VRM-LAD-011", await invite(lab, thread, record, "profiled", "Username"), "stage-forbids")
    lab.taken("VRM-LAD-009", await invite(lab, thread, record, "profiled", "Interest"), "invited")


@check("VRM-LAD-012", profile="relationship")
async def down_at_once(lab: Lab) -> None:
    """Open, invited, paused, with any ``prev``; never up; to a rung that there is not, to the lowest."""
    thread, record = await related(lab, stage="commenter")
    for stage, prev in (("customer", NOTHING), ("commenter", thread.thid)):
        body = {"stage": stage}
        said = await lab.attempt(thread.first, "relationship.retreat", body, thread, prev=prev)
        lab.taken("VRM-LAD-012", said, "open")
    lab.refused("VRM-LAD-012", await step(lab, thread, record, "commenter"), "step-forbidden")
    said = await invite(lab, thread, record, "contributor")
    lab.taken("VRM-LAD-012", said, "invited")
    said = await lab.attempt(thread.first, "relationship.retreat", {"stage": "subscriber"}, thread)
    lab.taken("VRM-LAD-012", said, "invited")
    lab.taken("VRM-LAD-012", await step(lab, thread, record, "commenter"), "open")
    await lab.say(thread.first, "relationship.pause", {}, thread)
    said = await lab.attempt(thread.first, "relationship.retreat", {"stage": "nowhere"}, thread)
    lab.taken("VRM-LAD-012", said, "paused")
    await lab.say(thread.first, "relationship.resume", {}, thread)
    lab.refused("VRM-LAD-012", await invite(lab, thread, record, "returning"), "stage-forbids")
    lab.taken("VRM-LAD-012", await step(lab, thread, record, "returning"), "open")


# --- what she has said ----------------------------------------------------------------------------


@check("VRM-REL-005", profile="relationship")
async def what_she_has_declined_is_not_asked_again(lab: Lab) -> None:
    """Also after she was there and came back; another rung may be asked for, and she may go there herself."""
    thread, record = await related(lab, stage="returning")
    lab.taken("VRM-REL-005", await invite(lab, thread, record, "subscriber"), "invited")
    await lab.say(thread.first, "relationship.decline", {}, thread)
    lab.refused("VRM-REL-005", await invite(lab, thread, record, "subscriber"), "asked-again")
    await asyncio.sleep(1.1)
    lab.refused("VRM-REL-005", await invite(lab, thread, record, "subscriber"), "asked-again")
    lab.taken("VRM-REL-005", await step(lab, thread, record, "subscriber"), "open")
    lab.taken("VRM-REL-005", await invite(lab, thread, record, "profiled"), "invited")
    await lab.say(thread.first, "relationship.pause", {}, thread)
    await lab.say(thread.first, "relationship.resume", {}, thread)
    lab.taken("VRM-REL-005", await invite(lab, thread, record, "profiled"), "invited")
    await lab.say(thread.first, "relationship.retreat", {"stage": "returning"}, thread)
    await lab.say(thread.first, "relationship.decline", {}, thread)
    lab.refused("VRM-REL-005", await invite(lab, thread, record, "subscriber"), "asked-again")


def _clock(lab: Lab, zone: str, minutes: int) -> str:
    local = datetime.fromtimestamp(lab.target.now(), ZoneInfo(zone)) + timedelta(minutes=minutes)
    return local.strftime("%H:%M")


@check("VRM-REL-006", "VRM-REL-008", profile="relationship")
async def quiet_hours_of_her_own_clock(lab: Lab) -> None:
    """Hours around now in zones far apart; the same hours of another zone are not quiet."""
    thread, record = await related(lab, stage="returning")

    async def prefer(zone: str, *hours: tuple[str, str]) -> None:
        said: dict[str, Any] = {"zone": zone}
        if hours:
            said["quiet"] = [{"from": begin, "to": end} for begin, end in hours]
        body = {"preferences": said}
        await lab.say(thread.first, "relationship.prefer", body, thread)
        for party in (thread.first, _second(thread)):  # an inbox may be small
            await lab.poll(party, ack=await lab.inbox(party))

    async def refused(**claims: Any) -> None:
        made = lab.bodies.invitation("subscriber")
        party = _second(thread)
        said = await lab.attempt(party, "relationship.invite", made, thread, agr=record, **claims)
        lab.refused("VRM-REL-006", said, "preference-forbids")

    async def taken(rule: str = "VRM-REL-006") -> None:
        lab.taken(rule, await invite(lab, thread, record, "subscriber"), "invited")
        await lab.say(thread.first, "relationship.pause", {}, thread)
        await lab.say(thread.first, "relationship.resume", {}, thread)

    zones = {"UTC": "Asia/Kathmandu", "Asia/Kathmandu": "UTC", "Pacific/Auckland": "America/New_York"}
    for zone, other in zones.items():
        around = (_clock(lab, zone, -3), _clock(lab, zone, 5))
        await prefer(zone, around)
        await refused()
        now = lab.target.now()
        await refused(iat=now - 2400, exp=now + 2400)
        await prefer(other, around)
        await taken()
        await prefer(zone, around[::-1])  # all day but for these minutes
        await taken()
        await prefer(other, around[::-1])
        await refused()
        # The first window is over, the second is not.
        await prefer(zone, (_clock(lab, zone, -30), _clock(lab, zone, -20)), around)
        await refused()
        await prefer(zone, (_clock(lab, zone, -30), _clock(lab, zone, -20)))
        await taken()
        # From this minute on; and up to it, which has begun.
        await prefer(zone, (_clock(lab, zone, 0), _clock(lab, zone, 5)))
        await refused()
        await prefer(zone, (_clock(lab, zone, -5), _clock(lab, zone, 0)))
        await taken()
    await prefer("UTC", ("08:00", "08:00"))
    await refused()
    await prefer("UTC")
    await taken("VRM-REL-008")


@check("VRM-REL-007", "VRM-REL-008", profile="relationship", slow=True)
async def no_more_often_than_she_wants(lab: Lab) -> None:
    """None at all; two of a day; a new rate counts what was before; another after the time of a rate."""
    thread, record = await related(lab, stage="returning")

    async def prefer(most: int, within: str) -> None:
        body = {"preferences": {"zone": "UTC", "rate": {"most": most, "within": within}}}
        await lab.say(thread.first, "relationship.prefer", body, thread)

    async def again() -> Said:
        said = await invite(lab, thread, record, "subscriber")
        if said.taken:
            await lab.say(thread.first, "relationship.pause", {}, thread)
            await lab.say(thread.first, "relationship.resume", {}, thread)
        return said

    await prefer(0, "PT1S")
    lab.refused("VRM-REL-007", await again(), "preference-forbids")
    await prefer(2, "P1D")
    for _ in range(2):
        lab.taken("VRM-REL-007", await again())
    last = lab.target.now()
    lab.refused("VRM-REL-007", await again(), "preference-forbids")
    await asyncio.sleep(2.1)
    lab.refused("VRM-REL-007", await again(), "preference-forbids")
    await prefer(3, "P1W")
    lab.taken("VRM-REL-008", await again())
    last = max(last, lab.target.now())
    await prefer(1, "PT3S")
    if lab.target.now() < last + 2:
        lab.refused("VRM-REL-008", await again(), "preference-forbids")
    await asyncio.sleep(max(0.0, last + 4.2 - lab.target.now()))
    lab.taken("VRM-REL-007", await again())
    body: dict[str, Any] = {"preferences": {"zone": "UTC"}}
    await lab.say(thread.first, "relationship.prefer", body, thread)
    lab.taken("VRM-REL-008", await again())


@check("VRM-REL-006", "VRM-REL-008", profile="relationship")
async def preferences_said_at_the_beginning(lab: Lab) -> None:
    """Those of the opening are kept to, steps and pauses leave them as they are, and bind the vendor only."""
    around = {"from": _clock(lab, "Europe/Amsterdam", -3), "to": _clock(lab, "Europe/Amsterdam", 5)}
    said = {"zone": "Europe/Amsterdam", "quiet": [around]}
    thread, record = await related(lab, preferences=said)
    lab.taken("VRM-REL-006", await step(lab, thread, record, "returning"), "open")
    lab.refused("VRM-REL-006", await invite(lab, thread, record, "subscriber"), "preference-forbids")
    await lab.say(thread.first, "relationship.pause", {}, thread)
    await lab.say(thread.first, "relationship.resume", {}, thread)
    lab.refused("VRM-REL-008", await invite(lab, thread, record, "subscriber"), "preference-forbids")
    lab.taken("VRM-REL-006", await step(lab, thread, record, "subscriber"), "open")


@check("VRM-REL-008", profile="relationship")
async def without_preferences_there_are_none(lab: Lab) -> None:
    """Three invitations in a row, none of which she has declined."""
    thread, record = await related(lab, stage="returning")
    for stage in ("subscriber", "profiled", "profiled"):
        lab.taken("VRM-REL-008", await invite(lab, thread, record, stage), "invited")
        if stage == "subscriber":
            lab.taken("VRM-REL-008", await step(lab, thread, record, stage), "open")
        else:
            await lab.say(thread.first, "relationship.pause", {}, thread)
            await lab.say(thread.first, "relationship.resume", {}, thread)


# --- the end --------------------------------------------------------------------------------------


@check("VRM-REL-009", profile="relationship")
async def either_ends_it(lab: Lab) -> None:
    """In each state; she with any ``prev``, the vendor with one of the thread; then nothing but the duty."""
    for state in ("open", "invited", "paused"):
        for by in ("first", "second"):
            thread, record = await related(lab, stage="returning")
            if state == "invited":
                lab.taken("VRM-LAD-009", await invite(lab, thread, record, "subscriber"), state)
            if state == "paused":
                await lab.say(thread.first, "relationship.pause", {}, thread)
            party = thread.first if by == "first" else _second(thread)
            said = await lab.attempt(party, "relationship.end", {}, thread, prev=NOTHING)
            if by == "second":
                lab.refused("VRM-REL-009", said, "prev-unknown")
                said = await lab.attempt(party, "relationship.end", {}, thread, prev=thread.thid)
            lab.taken("VRM-REL-009", said, "ended")
            for one in (thread.first, _second(thread)):
                said = await lab.attempt(one, "relationship.end", {}, thread)
                lab.refused("VRM-REL-009", said, "state-conflict")
            said = await lab.attempt(thread.first, "relationship.retreat", {"stage": "anonymous"}, thread)
            lab.refused("VRM-REL-009", said, "state-conflict")


@check("VRM-REL-010", "VRM-REL-011", profile="relationship")
async def with_it_end_the_agreements_of_the_two(lab: Lab) -> None:
    """Of every class, but none of two others, none that was offered only, and none that is made later."""
    thread, _ = await related(lab)
    person, vendor = thread.first, _second(thread)
    others = [await terms(lab, person, vendor, name) for name in ("PDC-AI", "PDC-GOOD")]
    beside = [await terms(lab, person, await lab.vendor()), await terms(lab, lab.person(), vendor)]
    waiting = await lab.proffered(person, vendor)
    await lab.say(vendor, "relationship.end", {"reason": "We close."}, thread)
    for one in others:
        for party in (person, vendor):
            state = await lab.state(party, one.thid)
            lab.holds("VRM-REL-010", state == "ended", "ended", state)
        said = await lab.attempt(person, "agreement.terminate", {}, one)
        lab.refused("VRM-REL-010", said, "state-conflict")
        shown = (await lab.record(person, one.said[1].mid))["state"]
        lab.holds("VRM-REL-010", shown == "ended", "a record that says ended", shown)
    said = await opened(lab, others[0])
    lab.refused("VRM-REL-010", said, "agreement-not-live")
    for one in beside:
        state = await lab.state(one.first, one.thid)
        lab.holds("VRM-REL-011", state == "agreed", "agreed, between two others", state)
    said = await lab.attempt(vendor, "terms.accept", lab.bodies.accept(waiting.head), waiting)
    lab.taken("VRM-REL-011", said, "agreed")
    state = await lab.state(person, waiting.thid)
    lab.holds("VRM-REL-011", state == "agreed", "agreed, after the end", state)
    body = lab.bodies.relationship()
    said = await lab.attempt(person, "relationship.open", body, aud=vendor.id, agr=said.mid)
    lab.taken("VRM-REL-011", said, "open")
    again = Thread(said.mid, person, vendor, said=[said])
    await lab.say(person, "relationship.end", {}, again)
    state = await lab.state(person, waiting.thid)
    lab.holds("VRM-REL-010", state == "ended", "ended with the second relationship", state)


@check("VRM-REL-011", profile="relationship", beside="intent")
async def an_agreement_by_an_offer_goes_on(lab: Lab) -> None:
    """An offer of the same two outlives their relationship, and so does what may be done in it."""
    vendor = await lab.vendor()
    intent = await lab.published(lab.person())
    offer = await lab.offered(intent, vendor)
    body = lab.bodies.relationship()
    said = await lab.attempt(intent.first, "relationship.open", body, aud=vendor.id, agr=offer.thid)
    lab.taken("VRM-REL-011", said, "open")
    thread = Thread(said.mid, intent.first, vendor, said=[said])
    lab.taken("VRM-REL-011", await step(lab, thread, offer.thid, "returning"), "open")
    await lab.say(intent.first, "relationship.end", {}, thread)
    state = await lab.state(vendor, offer.thid)
    lab.holds("VRM-REL-011", state == "offered", "offered", state)
    said = await opened(lab, Thread("", intent.first, vendor), offer.thid)
    lab.taken("VRM-REL-011", said, "open")
    await lab.accepted(offer)
    await lab.say(intent.first, "offer.cancel", {}, offer)
    again = Thread(said.mid, intent.first, vendor, said=[said])
    lab.refused("VRM-REL-001", await step(lab, again, offer.thid, "returning"), "agreement-not-live")


@check("VRM-REL-012", profile="relationship")
async def after_the_attestation_the_vendor_reads_tombstones(lab: Lab) -> None:
    """Not before; the person reads it whole; and nothing of it waits for the vendor any more."""
    thread, _ = await related(lab, stage="returning")
    person, vendor = thread.first, _second(thread)
    await lab.say(person, "relationship.end", {"attest_within": "P2W"}, thread)
    read = await pages(lab, "VRM-REL-012", vendor, thread.thid)
    lab.holds("VRM-REL-012", all("token" in m for m in read), "whole before the attestation", len(read))
    said = await lab.attempt(
        person, "relationship.attest", {"erased_at": lab.bodies.at(0), "kept": []}, thread
    )
    lab.refused("VRM-REL-012", said, "role-forbidden")
    kept = [{"what": "the invoice", "why": "tax law"}]
    body = {"erased_at": lab.bodies.at(0), "kept": kept}
    lab.taken("VRM-REL-012", await lab.attempt(vendor, "relationship.attest", body, thread), "closed")
    read = await pages(lab, "VRM-REL-012", vendor, thread.thid)
    bare = [m for m in read if "token" not in m]
    lab.holds("VRM-REL-012", len(bare) == len(read) == len(thread.said), "tombstones only", read[:1])
    same = [m["mid"] for m in bare] == [one.mid for one in thread.said]
    lab.holds("VRM-REL-012", same, "of the messages of the thread", [m["mid"] for m in bare])
    waiting = set(await lab.inbox(vendor)) & {one.mid for one in thread.said}
    lab.holds("VRM-REL-012", not waiting, "nothing of it in the vendor's inbox", sorted(waiting))
    read = await pages(lab, "VRM-REL-012", person, thread.thid)
    lab.holds("VRM-REL-012", all("token" in m for m in read), "whole for the person", len(read))
    said = await lab.attempt(vendor, "relationship.attest", body, thread)
    lab.refused("VRM-REL-012", said, "state-conflict")


@check("VRM-ENV-033", profile="relationship")
async def an_extension_is_kept_in_a_relationship(lab: Lab) -> None:
    """Each type whose schema takes ``ext`` is taken with one that nobody knows, and shows it unchanged."""
    ext = {"https://ext.example/a": {"deep": [[1, {"\U0001f697": None}]]}, "urn:example:b": "\u05d0"}
    about = await terms(lab, lab.person(), await lab.vendor())
    person, vendor, record = about.first, _second(about), about.said[1].mid
    bodies = lab.bodies
    said = await lab.attempt(
        person, "relationship.open", bodies.relationship(), aud=vendor.id, agr=record, ext=ext
    )
    lab.taken("VRM-ENV-033", said, "open")
    thread = Thread(said.mid, person, vendor, said=[said])
    for by, type_, body, agr in (
        (person, "relationship.step", bodies.step(), record),
        (vendor, "relationship.invite", bodies.invitation(), record),
        (person, "relationship.decline", {}, None),
        (person, "relationship.prefer", {"preferences": {"zone": "UTC"}}, None),
        (person, "relationship.retreat", {"stage": "anonymous"}, None),
        (person, "relationship.pause", {}, None),
        (person, "relationship.resume", {}, None),
        (person, "relationship.end", {}, None),
    ):
        lab.taken("VRM-ENV-033", await lab.attempt(by, type_, body, thread, agr=agr, ext=ext))
    for party in (person, vendor):
        shown = [m["token"] for m in await pages(lab, "VRM-ENV-033", party, thread.thid)]
        right = [one.token for one in thread.said]
        lab.holds("VRM-ENV-033", shown == right, "the bytes that were sent", len(shown))
    body = {"erased_at": bodies.at(0), "kept": []}
    lab.taken(
        "VRM-ENV-033", await lab.attempt(vendor, "relationship.attest", body, thread, ext=ext), "closed"
    )
