"""What becomes of all that lies below a relationship once the organisation has attested that it erased it."""

from __future__ import annotations

from conformance import jose
from conformance.bodies import MARKETING
from conformance.checks.below import begun, below, granted, opening, organisation, report, share
from conformance.checks.blobs import gets, hidden, picture, uploaded
from conformance.checks.data import correct
from conformance.checks.relationships import opened, related, step, terms
from conformance.lab import Lab, Party, Thread, check

GONE, MARKED, INBOX, WHOLE = "VRM-REL-016", "VRM-REL-017", "VRM-REL-018", "VRM-REL-019"


async def _attested(lab: Lab, thread: Thread) -> None:
    """The relationship ends, and the organisation attests."""
    await lab.say(thread.first, "relationship.end", {}, thread)
    body = {"erased_at": lab.bodies.at(0), "kept": []}
    said = await lab.attempt(organisation(thread), "relationship.attest", body, thread)
    lab.taken("VRM-REL-012", said, "closed")


async def _read(lab: Lab, party: Party, thread: Thread) -> tuple[list[str], list[str], int]:
    """The messages of a thread that are shown whole, those that are tombstones, and ``erased``."""
    document = await lab.thread(party, thread.thid)
    whole = [jose.mid_of(m["token"]) for m in document["messages"] if "token" in m]
    bare = [m["mid"] for m in document["messages"] if "token" not in m]
    return whole, bare, jose.claims_of(document["checkpoint"]).get("erased", 0)


async def _gone(lab: Lab, thread: Thread, erased: int) -> None:
    """So many messages are tombstones for the organisation; it reads the others, and she reads all."""
    mids = [said.mid for said in thread.said]
    whole, bare, told = await _read(lab, organisation(thread), thread)
    lab.holds(GONE, bare == mids[:erased], f"{erased} tombstones, of the first messages", bare)
    lab.holds(GONE, whole == mids[erased:], "the others whole", whole)
    lab.holds(MARKED, told == erased, f"a checkpoint with erased {erased}", told)
    whole, bare, told = await _read(lab, thread.first, thread)
    lab.holds(WHOLE, whole == mids and not bare, "whole for the person", (whole, bare))
    lab.holds(MARKED, told == 0, "nothing of erased in her checkpoint", told)


@check(GONE, MARKED, INBOX, WHOLE, profile="relationship")
async def what_lies_below_is_erased_with_the_relationship(lab: Lab) -> None:
    """Dialogues, data and corrections; not before the attestation, and not what comes after it."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, made = thread.first, organisation(thread), lab.bodies
    talk = await begun(lab, thread, record)
    await lab.say(person, "dialogue.message", made.word(), talk)
    given = below(thread, lab.taken(GONE, await share(lab, thread, record), "shared"))
    held = below(thread, lab.taken(GONE, await report(lab, thread, record), "reported"))
    await lab.say(person, "data.verify", {"as_of": made.at(0)}, held)
    open_ = below(thread, lab.taken(GONE, await correct(lab, given), "submitted"))
    done = below(thread, lab.taken(GONE, await correct(lab, given), "submitted"))
    await lab.say(vendor, "correction.apply", {"applied_at": made.at(0)}, done)
    threads = [talk, given, held, open_, done]
    for one in threads:
        await _gone(lab, one, 0)
    said = [said for one in threads for said in one.said]
    hers = {one.mid for one in said if jose.claims_of(one.token)["iss"] == person.id}
    waiting = set(await lab.inbox(vendor))
    lab.holds(INBOX, hers <= waiting, "what she has sent waits for the organisation", sorted(hers - waiting))
    answers = {one.mid for one in said} - hers
    await _attested(lab, thread)
    for one in threads:
        await _gone(lab, one, len(one.said))
    waiting = set(await lab.inbox(vendor))
    lab.holds(INBOX, not hers & waiting, "nothing of it waits for the organisation", sorted(hers & waiting))
    waiting = set(await lab.inbox(person))
    lab.holds(INBOX, answers <= waiting, "what was sent to her waits as before", sorted(answers - waiting))
    # What comes after the attestation has not been erased by it.
    late = below(thread, lab.taken("VRM-COR-004", await correct(lab, held), "submitted"))
    await lab.say(vendor, "correction.refuse", {"reasons": {"/email": "It is erased."}}, open_)
    await _gone(lab, late, 0)
    await _gone(lab, open_, 1)
    waiting = set(await lab.inbox(vendor))
    lab.holds(INBOX, late.thid in waiting, "a correction that came later waits", sorted(waiting))


@check("VRM-BLB-006", profile="relationship", beside="intent")
async def blobs_below_are_gone_for_the_organisation(lab: Lab) -> None:
    """What she has shared as a file, she reads after the attestation, and the organisation does not."""
    thread, record = await related(lab, stage="subscriber")
    paper, body = picture(), lab.bodies.share()
    body["content"] = {"ref": await uploaded(lab, thread.first, paper)}
    said = await opening(lab, thread, thread.first, "data.share", body, record)
    lab.taken("VRM-BLB-006", said, "shared")
    await gets(lab, "VRM-BLB-006", paper, thread.first, organisation(thread))
    await _attested(lab, thread)
    await hidden(lab, "VRM-BLB-006", paper, organisation(thread))
    await gets(lab, "VRM-BLB-006", paper, thread.first)


@check(WHOLE, profile="consent", beside="relationship")
async def granted_consents_stay_whole(lab: Lab) -> None:
    """For both parties, message by message; the organisation proves with them that it was allowed."""
    thread, record = await related(lab, stage="subscriber")
    agreed = await granted(lab, thread, record, MARKETING)
    await _attested(lab, thread)
    mids = [said.mid for said in agreed.said]
    for party in (thread.first, organisation(thread)):
        whole, bare, _ = await _read(lab, party, agreed)
        lab.holds(WHOLE, whole == mids and not bare, f"whole for {party.name}", (whole, bare))


@check(GONE, profile="relationship")
async def another_relationship_is_not_erased(lab: Lab) -> None:
    """Neither that of another person with the same organisation, nor the next one of the same two."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor = thread.first, organisation(thread)
    gone = await begun(lab, thread, record)
    others = []
    for first in (lab.person(), person):
        if first is person:
            await lab.say(person, "relationship.end", {}, thread)
        agreement = await terms(lab, first, vendor, "SD-BASE-DP")
        under = agreement.said[1].mid
        other = below(agreement, lab.taken("VRM-REL-004", await opened(lab, agreement), "open"))
        lab.taken("VRM-LAD-008", await step(lab, other, under, "subscriber"), "open")
        others.append(await begun(lab, other, under))
    body = {"erased_at": lab.bodies.at(0), "kept": []}
    lab.taken("VRM-REL-012", await lab.attempt(vendor, "relationship.attest", body, thread), "closed")
    await _gone(lab, gone, 1)
    for one in others:
        await _gone(lab, one, 0)
