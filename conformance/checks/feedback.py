"""Feedback: what a person tells an organisation, what becomes of it, and that she may take it back."""

from __future__ import annotations

from typing import Any

from conformance import jose
from conformance.checks.offers import pages
from conformance.lab import Lab, Party, Thread, check

__all__ = ["submitted"]

KINDS = ("problem", "idea", "praise", "usage")


async def submitted(lab: Lab, first: Party, second: Party, **body: Any) -> Thread:
    """A thread of feedback, submitted."""
    said = await lab.say(first, "feedback.submit", lab.bodies.feedback(**body), aud=second.id)
    return Thread(said.mid, first, second, said=[said])


@check("VRM-FBK-001", profile="relationship")
async def feedback_needs_no_agreement(lab: Lab) -> None:
    """Of a stranger, of one whose terms were rejected, and of one whose agreement has ended; in each kind."""
    vendor = await lab.vendor()
    stranger, rejected, gone = lab.person(), lab.person("ES256"), lab.person()
    terms = await lab.proffered(rejected, vendor)
    await lab.say(vendor, "terms.reject", {}, terms)
    ended = await lab.agreed(gone, vendor)
    await lab.say(gone, "agreement.terminate", {}, ended)
    for person in (stranger, rejected, gone):
        for kind in KINDS:
            body = lab.bodies.feedback(kind=kind, licence="CC-BY-4.0 OR MIT", may_publish=True)
            said = await lab.attempt(person, "feedback.submit", body, aud=vendor.id)
            lab.taken("VRM-FBK-001", said, "submitted")
            waiting = await lab.inbox(vendor)
            lab.holds("VRM-FBK-001", said.mid in waiting, "the feedback in the organisation's inbox", waiting)


@check("VRM-FBK-002", profile="relationship")
async def an_outcome_follows_another(lab: Lab) -> None:
    """With and without an acknowledgement before, on any message of the thread, as often as there is news."""
    for acknowledged in (False, True):
        person, vendor = lab.person(), await lab.vendor()
        thread = await submitted(lab, person, vendor, kind="idea")
        if acknowledged:
            await lab.say(vendor, "feedback.acknowledge", {"reference": "F-311"}, thread)
        for outcome in ("considered", "planned", "planned", "shipped"):
            prev = thread.thid if outcome == "planned" else thread.head
            body = {"outcome": outcome, "reference": "4.2"}
            said = await lab.attempt(vendor, "feedback.outcome", body, thread, prev=prev)
            lab.taken("VRM-FBK-002", said, "answered")
        shown = [m["token"] for m in await pages(lab, "VRM-FBK-002", person, thread.thid)]
        right = [one.token for one in thread.said]
        lab.holds("VRM-FBK-002", shown == right, "every outcome in the thread", len(shown))
        waiting = await lab.inbox(person)
        right = [one.mid for one in thread.said[1:]]
        lab.holds("VRM-FBK-002", waiting == right, "every outcome in her inbox", waiting)


@check("VRM-FBK-003", profile="relationship")
async def feedback_is_taken_back_at_any_time(lab: Lab) -> None:
    """From each state, whatever ``prev`` says; then nothing follows, and nobody else can do it."""
    nothing = jose.digest(b"nothing")
    for state in ("submitted", "acknowledged", "answered"):
        for prev in ("head", "opening", nothing):
            person, vendor = lab.person(), await lab.vendor()
            thread = await submitted(lab, person, vendor)
            if state != "submitted":
                await lab.say(vendor, "feedback.acknowledge", {}, thread)
            if state == "answered":
                await lab.say(vendor, "feedback.outcome", {"outcome": "declined"}, thread)
            said = await lab.attempt(vendor, "feedback.retract", {}, thread)
            lab.refused("VRM-FBK-003", said, "role-forbidden")
            named = {"head": thread.head, "opening": thread.thid}.get(prev, prev)
            said = await lab.attempt(person, "feedback.retract", {}, thread, prev=named)
            lab.taken("VRM-FBK-003", said, "retracted")
            for by, type_, body in (
                (vendor, "feedback.outcome", {"outcome": "planned"}),
                (vendor, "feedback.acknowledge", {}),
                (person, "feedback.retract", {}),
            ):
                after = await lab.attempt(by, type_, body, thread)
                lab.refused("VRM-FBK-003", after, "state-conflict")
            waiting = await lab.inbox(vendor)
            lab.holds("VRM-FBK-003", said.mid in waiting, "the retraction in the inbox", waiting)


@check("VRM-ENV-033", profile="relationship")
async def an_extension_is_kept_in_feedback(lab: Lab) -> None:
    """Each type whose schema takes ``ext`` is taken with one that nobody knows, and shows it unchanged."""
    ext = {"https://ext.example/a": {"deep": [[1, {"\U0001f697": None}]]}, "urn:example:b": "\u05d0"}
    person, vendor = lab.person(), await lab.vendor()
    said = await lab.attempt(person, "feedback.submit", lab.bodies.feedback(), aud=vendor.id, ext=ext)
    lab.taken("VRM-ENV-033", said, "submitted")
    thread = Thread(said.mid, person, vendor, said=[said])
    for by, type_, body in (
        (vendor, "feedback.acknowledge", {}),
        (vendor, "feedback.outcome", {"outcome": "solved"}),
        (person, "feedback.retract", {}),
    ):
        lab.taken("VRM-ENV-033", await lab.attempt(by, type_, body, thread, ext=ext))
    for party in (person, vendor):
        shown = [m["token"] for m in await pages(lab, "VRM-ENV-033", party, thread.thid)]
        right = [one.token for one in thread.said]
        lab.holds("VRM-ENV-033", shown == right, "the bytes that were sent", len(shown))
