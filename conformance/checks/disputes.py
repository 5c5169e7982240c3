"""Disputes: about which agreements, who closes them, what they leave as it is, and what they hold."""

from __future__ import annotations

from typing import Any

from conformance import jose
from conformance.checks.offers import pages
from conformance.lab import Lab, Party, Said, Thread, check

__all__ = ["disputed"]


async def disputed(lab: Lab, party: Party, about: Thread, **body: Any) -> Thread:
    """A dispute, opened by one party of a thread."""
    said = await _opened(lab, party, about, **body)
    lab.taken("VRM-DSP-001", said)
    return Thread(said.mid, about.first, about.second, said=[said])


async def _opened(lab: Lab, party: Party, about: Thread, **body: Any) -> Said:
    made = lab.bodies.dispute(**body)
    return await lab.attempt(party, "dispute.open", made, aud=about.other(party), pthid=about.thid)


def _second(thread: Thread) -> Party:
    assert thread.second is not None
    return thread.second


async def _offer(lab: Lab) -> Thread:
    return await lab.offered(await lab.published(lab.person()), await lab.vendor())


@check("VRM-DSP-001", "VRM-THR-009", profile="relationship")
async def either_party_disputes_an_agreement_in_force_or_ended(lab: Lab) -> None:
    """Agreed, terminated, superseded; to strangers, and where nothing was agreed, the thread is not there."""
    vendor, stranger = await lab.vendor(), lab.person()
    live = await lab.agreed(lab.person(), vendor)
    gone = await lab.agreed(lab.person(), vendor)
    await lab.say(vendor, "agreement.terminate", {}, gone)
    old = await lab.agreed(lab.person(), vendor)
    await lab.agreed(old.first, vendor, "SD-BASE")
    for thread in (live, gone, old):
        for party, state in ((thread.first, "open"), (vendor, "claimed")):
            said = await _opened(lab, party, thread, clause="tracking", messages=[thread.head])
            lab.taken("VRM-DSP-001", said, state)
            waiting = await lab.inbox(vendor if party is thread.first else thread.first)
            lab.holds("VRM-DSP-001", said.mid in waiting, "the dispute in the other's inbox", waiting)
    proffered = await lab.proffered(lab.person(), vendor)
    rejected = await lab.proffered(lab.person(), vendor)
    await lab.say(vendor, "terms.reject", {}, rejected)
    cases = [(proffered.first, proffered.thid), (vendor, proffered.thid), (rejected.first, rejected.thid)]
    cases += [(stranger, live.thid), (stranger, jose.digest(b"nothing")), (live.first, live.head)]
    for party, pthid in cases:
        aud = vendor.id if party is not vendor else proffered.first.id
        body = lab.bodies.dispute()
        said = await lab.attempt(party, "dispute.open", body, aud=aud, pthid=pthid)
        lab.refused("VRM-THR-009", said, "parent-unknown")


@check("VRM-DSP-001", profile="relationship", beside="intent")
async def either_party_disputes_an_offer(lab: Lab) -> None:
    """While it stands, once it is accepted, and after its end; the intent has no agreement."""
    offer = await _offer(lab)
    for step in ("offered", "accepted", "cancelled"):
        if step == "accepted":
            await lab.accepted(offer)
        if step == "cancelled":
            await lab.say(offer.first, "offer.cancel", {}, offer)
        for party, state in ((offer.first, "open"), (_second(offer), "claimed")):
            said = await _opened(lab, party, offer, clause="intent-matching")
            lab.taken("VRM-DSP-001", said, state)
    intent = jose.claims_of(offer.said[0].token)["pthid"]
    body = lab.bodies.dispute()
    said = await lab.attempt(offer.first, "dispute.open", body, aud=_second(offer).id, pthid=intent)
    lab.refused("VRM-DSP-001", said, "parent-unknown")


@check("VRM-DSP-002", profile="relationship")
async def a_dispute_leaves_its_agreement_as_it_is(lab: Lab) -> None:
    """Opened, noted and closed: state, messages and record of the agreement stay, and it goes on."""
    vendor = await lab.vendor()
    about = await lab.agreed(lab.person(), vendor)

    async def shown() -> list[Any]:
        found: list[Any] = []
        for party in (about.first, vendor):
            read = await lab.thread(party, about.thid)
            record = await lab.record(party, about.said[1].mid)
            found += [await pages(lab, "VRM-DSP-002", party, about.thid), record["state"], record["messages"]]
            found.append({**jose.claims_of(read["checkpoint"]), "iat": 0})
        return found

    before = await shown()
    for opener in (about.first, vendor):
        thread = await disputed(lab, opener, about, messages=[about.thid, about.head])
        for party in (vendor, about.first):
            await lab.say(party, "dispute.note", {"text": "It was not so."}, thread)
        for outcome in ("", "settled"):
            after = await shown()
            lab.holds("VRM-DSP-002", after == before, "the thread of the agreement as it was", "another")
            if outcome:
                await lab.say(about.first, "dispute.close", {"outcome": outcome}, thread)
    said = await lab.attempt(about.first, "agreement.terminate", {}, about)
    lab.taken("VRM-DSP-002", said, "terminated")
    right = (said.receipt["seq"], said.receipt["prior"]) == (3, about.said[1].mid)
    lab.holds("VRM-DSP-002", right, "seq 3 after the acceptance", said.receipt)


@check("VRM-DSP-003", "VRM-DSP-004", profile="relationship")
async def who_closes_a_dispute(lab: Lab) -> None:
    """The person each, whatever her ``prev``; the organisation its own only; then nothing follows."""
    vendor = await lab.vendor()
    about = await lab.agreed(lab.person(), vendor)
    person, nothing = about.first, jose.digest(b"nothing")
    close = {"outcome": "dropped"}
    for opener in (person, vendor):
        for prev in ("head", "opening", nothing):
            thread = await disputed(lab, opener, about)
            await lab.say(vendor, "dispute.note", {"text": "No."}, thread)
            if opener is person:
                said = await lab.attempt(vendor, "dispute.close", close, thread)
                lab.refused("VRM-DSP-004", said, "role-forbidden")
            named = {"head": thread.head, "opening": thread.thid}.get(prev, prev)
            said = await lab.attempt(person, "dispute.close", close, thread, prev=named)
            lab.taken("VRM-DSP-003", said, "closed")
            for party in (person, vendor):
                after = await lab.attempt(party, "dispute.close", close, thread)
                lab.refused("VRM-DSP-003", after, "state-conflict")
    thread = await disputed(lab, vendor, about)
    said = await lab.attempt(vendor, "dispute.close", close, thread, prev=nothing)
    lab.refused("VRM-DSP-003", said, "prev-unknown")
    lab.taken("VRM-DSP-003", await lab.attempt(vendor, "dispute.close", close, thread), "closed")


@check("VRM-DSP-005", "VRM-BLB-006", profile="relationship", beside="intent")
async def what_a_person_names_stays_readable_until_the_dispute_is_closed(lab: Lab) -> None:
    """Named before the purge or after it: the vendor reads it whole, with its blob, and no more."""
    offer = await _offer(lab)
    person, vendor = offer.first, _second(offer)
    await lab.say(person, "offer.message", {"text": "Does it have winter tyres?"}, offer)
    data = lab.rng.randbytes(40)
    lab.holds("VRM-DSP-005", (await lab.put(vendor, data)).status == 201, "201 to a blob")
    media = [lab.bodies.reference(data, lab.blobs)]
    lied = await lab.say(vendor, "offer.revise", lab.bodies.revision(media=media), offer)
    await lab.say(person, "offer.decline", {}, offer)
    named = [lied.mid, jose.digest(b"nothing")]
    first = await disputed(lab, person, offer, messages=named)
    claim = await disputed(lab, vendor, offer, messages=[one.mid for one in offer.said])
    body = {"erased_at": lab.bodies.at(0), "kept": [{"what": "an offer", "why": "a dispute"}]}
    attest = await lab.say(vendor, "purge.attest", body, offer)

    async def shown(whole: list[Said], blob: int) -> None:
        read = await pages(lab, "VRM-DSP-005", vendor, offer.thid)
        got = [m["token"] for m in read if "token" in m]
        right = [offer.said[0].token, *(one.token for one in whole)]
        lab.holds("VRM-DSP-005", got == right, f"{len(right)} messages whole and no other", len(got))
        answer = await lab.get(vendor, lab.blobs + jose.digest(data))
        rule = "VRM-DSP-005" if blob == 200 else "VRM-BLB-006"
        lab.holds(rule, answer.status == blob, f"{blob} to the blob", answer.said)
        read = await pages(lab, "VRM-DSP-005", person, offer.thid)
        got = [m["token"] for m in read if "token" in m]
        lab.holds("VRM-DSP-005", len(got) == len(offer.said), "the whole thread for the person", len(got))

    await shown([lied], 200)
    await lab.say(person, "dispute.close", {"outcome": "dropped"}, first)
    await shown([], 404)
    again = await disputed(lab, person, offer, messages=[one.mid for one in offer.said])
    whole = [one for one in offer.said[1:] if one.mid != attest.mid]
    await shown(whole, 200)
    await lab.say(vendor, "dispute.note", {"text": "No."}, again)
    await shown(whole, 200)
    await lab.say(person, "dispute.close", {"outcome": "settled"}, again)
    await lab.say(person, "dispute.close", {"outcome": "settled"}, claim)
    await shown([], 404)


@check("VRM-ENV-033", profile="relationship")
async def an_extension_is_kept_in_a_dispute(lab: Lab) -> None:
    """Each type whose schema takes ``ext`` is taken with one that nobody knows, and shows it unchanged."""
    ext = {"https://ext.example/a": {"deep": [[1, {"\U0001f697": None}]]}, "urn:example:b": "\u05d0"}
    about = await lab.agreed(lab.person(), await lab.vendor())
    person, vendor = about.first, _second(about)
    body = lab.bodies.dispute()
    said = await lab.attempt(person, "dispute.open", body, aud=vendor.id, pthid=about.thid, ext=ext)
    lab.taken("VRM-ENV-033", said, "open")
    thread = Thread(said.mid, person, vendor, said=[said])
    for by, type_, body in (
        (vendor, "dispute.note", {"text": "No."}),
        (person, "dispute.close", {"outcome": "settled"}),
    ):
        lab.taken("VRM-ENV-033", await lab.attempt(by, type_, body, thread, ext=ext))
    for party in (person, vendor):
        shown = [m["token"] for m in await pages(lab, "VRM-ENV-033", party, thread.thid)]
        right = [one.token for one in thread.said]
        lab.holds("VRM-ENV-033", shown == right, "the bytes that were sent", len(shown))
