"""Dialogues: who begins one, what she may always write, muting, and their end with the relationship."""

from __future__ import annotations

from typing import Any

from conformance import jose
from conformance.bodies import CARE, MARKETING, OPTIMISING
from conformance.checks.below import (
    NOTHING,
    begun,
    below,
    nothing,
    opening,
    organisation,
    quiet,
    shown,
    write,
)
from conformance.checks.offers import pages
from conformance.checks.relationships import related, terms
from conformance.lab import Lab, Party, Said, Thread, check

__all__: list[str] = []


async def _word(lab: Lab, talk: Thread, by: Party, record: str = "", **body: Any) -> Said:
    """One more word of a party; the organisation names an agreement."""
    made = lab.bodies.word(**body)
    return await lab.attempt(by, "dialogue.message", made, talk, agr=record or None)


async def _hers(lab: Lab, above: Thread, record: str, purpose: str = CARE) -> Said:
    """She begins a dialogue, or tries to."""
    return await opening(lab, above, above.first, "dialogue.message", lab.bodies.word(purpose), record)


@check("VRM-DLG-001", profile="relationship")
async def either_begins_a_dialogue(lab: Lab) -> None:
    """Several at a time, both of the two; the first party of it is the person, whoever began it."""
    thread, record = await related(lab, stage="returning")
    person, vendor = thread.first, organisation(thread)
    for by, other in ((person, vendor), (vendor, person)):
        for _ in range(2):
            said = await opening(lab, thread, by, "dialogue.message", lab.bodies.word(), record)
            talk = below(thread, lab.taken("VRM-DLG-001", said, "open"))
            waiting = await lab.inbox(other)
            lab.holds("VRM-DLG-001", said.mid in waiting, "the word in the other's inbox", waiting)
            for one in (other, by, vendor):
                agr = record if one is vendor else ""
                lab.taken("VRM-DLG-001", await _word(lab, talk, one, agr, answers=talk.head), "open")
            await shown(lab, "VRM-DLG-001", talk, "open")
            for prev in (talk.thid, talk.said[1].mid):
                said = await lab.attempt(person, "dialogue.message", lab.bodies.word(), talk, prev=prev)
                lab.taken("VRM-DLG-001", said, "open")
    body = lab.bodies.word()
    said = await lab.attempt(person, "dialogue.message", body, aud=vendor.id, agr=record)
    lab.refused("VRM-DLG-001", said, "claim-missing")
    strange = await terms(lab, lab.person(), await lab.vendor())
    said = await opening(lab, strange, strange.first, "dialogue.message", body, strange.said[1].mid)
    lab.refused("VRM-DLG-001", said, "parent-unknown")


@check("VRM-DLG-001", "VRM-DLG-002", profile="relationship")
async def her_words_are_free(lab: Lab) -> None:
    """On the lowest rung, in quiet hours, for what is prohibited, without the agreement, at rest, muted."""
    thread, record = await related(lab)
    person, vendor = thread.first, organisation(thread)
    rule = "VRM-DLG-002"
    await lab.say(person, "relationship.prefer", quiet(lab), thread)
    talks = [below(thread, await _hers(lab, thread, record, p)) for p in (CARE, MARKETING, OPTIMISING)]
    for talk in talks:
        lab.taken("VRM-DLG-001", talk.said[0], "open")
    talks[2].said.append(await lab.say(person, "dialogue.mute", {}, talks[2]))

    async def spoken(*purposes: str) -> None:
        for talk, state in zip(talks, ("open", "open", "muted"), strict=True):
            for purpose in purposes:
                lab.taken(rule, await _word(lab, talk, person, purpose=purpose), state)

    await spoken(CARE, MARKETING, OPTIMISING)
    body: dict[str, Any] = {"preferences": {"zone": "UTC", "rate": {"most": 0, "within": "P1M"}}}
    await lab.say(person, "relationship.prefer", body, thread)
    await spoken(CARE)
    await lab.say(person, "relationship.pause", {}, thread)
    await spoken(OPTIMISING)
    await lab.say(person, "relationship.resume", {}, thread)
    newer = await terms(lab, person, vendor, "SD-BASE")
    await spoken(CARE, OPTIMISING)
    await lab.say(vendor, "agreement.terminate", {}, newer)
    await spoken(CARE, MARKETING)
    for agr in (record, newer.said[1].mid):
        said = await _word(lab, talks[0], vendor, agr)
        lab.refused(rule, said, "agreement-not-live")
        lab.refused(rule, await _hers(lab, thread, agr), "agreement-not-live")
    await shown(lab, rule, talks[0], "open")
    lab.taken(rule, await lab.attempt(person, "dialogue.close", {}, talks[2]), "closed")
    lab.refused(rule, await _word(lab, talks[2], person), "state-conflict")


@check("VRM-DLG-003", "VRM-DLG-005", profile="relationship")
async def she_mutes_a_dialogue(lab: Lab) -> None:
    """Whatever ``prev``; then the organisation says nothing until she lets it; but it may close it."""
    thread, record = await related(lab, stage="returning")
    person, vendor = thread.first, organisation(thread)
    other = (await terms(lab, person, vendor, "PDC-AI")).said[1].mid
    for by in (person, vendor):
        for prev in ("head", "opening", NOTHING):
            said = await opening(lab, thread, by, "dialogue.message", lab.bodies.word(), record)
            talk = below(thread, lab.taken("VRM-DLG-001", said, "open"))
            lab.taken("VRM-DLG-005", await _word(lab, talk, vendor, record), "open")
            lab.refused("VRM-DLG-003", await lab.attempt(vendor, "dialogue.mute", {}, talk), "role-forbidden")
            named = {"head": talk.head, "opening": talk.thid}.get(prev, prev)
            said = await lab.attempt(person, "dialogue.mute", {}, talk, prev=named)
            lab.taken("VRM-DLG-003", said, "muted")
            await shown(lab, "VRM-DLG-003", talk, "muted")
            for agr in (record, other):
                said = await _word(lab, talk, vendor, agr)
                lab.refused("VRM-DLG-005", said, "role-forbidden")
                waiting = await lab.inbox(person)
                lab.holds("VRM-DLG-005", said.mid not in waiting, "nothing of it in her inbox", waiting)
            said = await lab.attempt(vendor, "dialogue.unmute", {}, talk)
            lab.refused("VRM-DLG-005", said, "role-forbidden")
            lab.taken("VRM-DLG-005", await _word(lab, talk, person), "muted")
            lab.refused("VRM-DLG-005", await _word(lab, talk, vendor, record), "role-forbidden")
            if prev == "head":
                said = await lab.attempt(vendor, "dialogue.close", {}, talk)
                lab.taken("VRM-DLG-005", said, "closed")
                continue
            lab.taken("VRM-DLG-005", await lab.attempt(person, "dialogue.unmute", {}, talk), "open")
            lab.taken("VRM-DLG-005", await _word(lab, talk, vendor, other), "open")
    # One that is muted says nothing of another one.
    one, two = await begun(lab, thread, record), await begun(lab, thread, record)
    await lab.say(person, "relationship.pause", {}, thread)
    lab.taken("VRM-DLG-003", await lab.attempt(person, "dialogue.mute", {}, one), "muted")
    await lab.say(person, "relationship.resume", {}, thread)
    lab.taken("VRM-DLG-005", await _word(lab, two, vendor, record), "open")
    lab.taken("VRM-DLG-005", await write(lab, thread, record), "open")


@check("VRM-DLG-004", profile="relationship")
async def dialogues_are_closed_with_the_relationship(lab: Lab) -> None:
    """Open, muted and closed ones, whoever ends it; then nobody writes, and both read them."""
    for by in ("first", "second"):
        thread, record = await related(lab, stage="returning")
        person, vendor = thread.first, organisation(thread)
        talks = [below(thread, await _hers(lab, thread, record))]
        talks += [await begun(lab, thread, record) for _ in range(2)]
        await lab.say(person, "dialogue.mute", {}, talks[1])
        await lab.say(vendor, "dialogue.close", {}, talks[2])
        beside, elsewhere = await related(lab, stage="returning")
        apart = await begun(lab, beside, elsewhere)
        await lab.say(person if by == "first" else vendor, "relationship.end", {}, thread)
        later = await terms(lab, person, vendor)
        for talk in talks:
            await shown(lab, "VRM-DLG-004", talk, "closed")
            lab.refused("VRM-DLG-004", await _word(lab, talk, person), "state-conflict")
            said = await _word(lab, talk, vendor, later.said[1].mid)
            lab.refused("VRM-DLG-004", said, "state-conflict")
            for type_ in ("dialogue.mute", "dialogue.unmute", "dialogue.close"):
                said = await lab.attempt(person, type_, {}, talk)
                lab.refused("VRM-DLG-004", said, "state-conflict")
        await shown(lab, "VRM-DLG-004", apart, "open")
        body = {"erased_at": lab.bodies.at(0), "kept": []}
        await lab.say(vendor, "relationship.attest", body, thread)
        await shown(lab, "VRM-DLG-004", talks[0], "closed")


@check("VRM-BLB-004", "VRM-BLB-005", "VRM-OFR-018", profile="relationship", beside="intent")
async def a_word_or_data_as_a_file(lab: Lab) -> None:
    """One that the sender has put, for both to read; the fields in clear are those that it is about."""
    thread, record = await related(lab, stage="returning")
    person, vendor = thread.first, organisation(thread)
    made = lab.bodies
    for by, type_, right in (
        (person, "dialogue.message", made.word()),
        (vendor, "dialogue.message", made.word()),
        (person, "data.share", made.share()),
        (vendor, "data.report", made.report()),
    ):
        other = vendor if by is person else person
        data = lab.rng.randbytes(40)
        body = {**right, "content": {"ref": made.reference(data, lab.blobs)}}
        for put_by in (None, other):
            if put_by is not None:
                lab.holds("VRM-BLB-004", (await lab.put(put_by, data)).status == 201, "201 to a blob")
            said = await opening(lab, thread, by, type_, body, record)
            lab.refused("VRM-BLB-004", said, "blob-unknown")
            await nothing(lab, "VRM-BLB-004", said, other)
        own = lab.rng.randbytes(40)
        lab.holds("VRM-BLB-004", (await lab.put(by, own)).status == 201, "201 to a blob")
        body = {**right, "content": {"ref": made.reference(own, lab.blobs)}}
        answer = await lab.get(other, lab.blobs + jose.digest(own))
        lab.holds("VRM-BLB-005", answer.status == 404, "404 to a blob that no message refers to", answer.said)
        lab.taken("VRM-BLB-004", await opening(lab, thread, by, type_, body, record))
        answer = await lab.get(other, lab.blobs + jose.digest(own))
        lab.holds("VRM-BLB-005", answer.status == 200, "the blob for the other party", answer.said)
        for clear in ({}, {"other": "x"}, {**right["content"]["clear"], "more": "x"}):
            body = {**right, "content": {"clear": clear}}
            said = await opening(lab, thread, by, type_, body, record)
            lab.refused("VRM-OFR-018", said, "content-mismatch")


@check("VRM-ENV-033", profile="relationship")
async def an_extension_is_kept_in_a_dialogue(lab: Lab) -> None:
    """Each type whose schema takes ``ext`` is taken with one that nobody knows, and shows it unchanged."""
    ext = {"https://ext.example/a": {"deep": [[1, {"\U0001f697": None}]]}, "urn:example:b": "\u05d0"}
    above, record = await related(lab, stage="returning")
    person, vendor, word = above.first, organisation(above), lab.bodies.word()
    said = await lab.attempt(
        vendor, "dialogue.message", word, aud=person.id, pthid=above.thid, agr=record, ext=ext
    )
    talk = below(above, lab.taken("VRM-ENV-033", said, "open"))
    turns: list[tuple[Party, str, Any, str | None]] = [
        (person, "dialogue.message", word, None),
        (vendor, "dialogue.message", word, record),
        (person, "dialogue.mute", {}, None),
        (person, "dialogue.unmute", {}, None),
        (vendor, "dialogue.close", {"reason": "solved"}, None),
    ]
    for by, type_, body, agr in turns:
        lab.taken("VRM-ENV-033", await lab.attempt(by, type_, body, talk, agr=agr, ext=ext))
    for party in (person, vendor):
        read = [m["token"] for m in await pages(lab, "VRM-ENV-033", party, talk.thid)]
        right = [one.token for one in talk.said]
        lab.holds("VRM-ENV-033", read == right, "the bytes that were sent", len(read))
