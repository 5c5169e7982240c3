"""Data that are asked for, shared and reported, what is corrected in them, and how the two stand by it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.scenarios import below, relating
from tests.scenarios.below import (
    ANALYTICS,
    BENEFITS,
    DAY,
    MARKETING,
    RIGHT,
    again,
    apply,
    ask,
    consented,
    correct,
    corrected,
    counted,
    grant,
    mute,
    narrow,
    op,
    propagated,
    refuse_correction,
    renew,
    report,
    reported,
    share,
    shared,
    simply,
    spoken,
    verify,
    view,
    want,
    wanted,
    withdraw,
    word,
)
from tests.scenarios.market import CARE, Market, Thread, market
from tests.scenarios.proving import held_by, judged, proved
from tests.scenarios.relating import LADDER, agreed, at, begun, invite, said, step, together
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell
from tests.world import SPEC, Party
from vrmproto import envelope, records, timing
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)

OLD = "a.jansen@example.org"


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


# --- asking and sharing --------------------------------------------------------------------------------


@scenario()
async def what_is_asked_for_is_shared_refused_or_taken_back(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    anna, vendor = thread.first, m.vendors[0]
    refused((await want(m, thread, by=anna))[1], "role-forbidden", "VRM-THR-004")
    refused((await want(m, thread, answer_by=m.time(0)))[1], "deadline-invalid", "VRM-THR-020")
    refused((await want(m, thread, CARE, "Username"))[1], "stage-forbids", "VRM-LAD-011")
    refused((await want(m, thread, ANALYTICS))[1], "terms-prohibit", "VRM-PUR-001")
    data = await wanted(m, thread, CARE, "EmailAddress", "Language")
    refused((await share(m, data, by=vendor))[1], "role-forbidden", "VRM-THR-004")
    refused((await report(m, data))[1], "state-conflict", "VRM-THR-005")
    refused(await verify(m, data), "state-conflict", "VRM-THR-005")
    said((await share(m, data))[1], "shared")
    said((await share(m, data, language="nl"))[1], "shared")
    refused(await simply(m, data, "data.refuse"), "state-conflict", "VRM-THR-005")
    refused(await simply(m, data, "data.retract", vendor), "state-conflict", "VRM-THR-005")
    gone = await wanted(m, thread)
    refused(await simply(m, gone, "data.retract"), "role-forbidden", "VRM-THR-004")
    said(await simply(m, gone, "data.retract", vendor), "retracted")
    refused((await share(m, gone))[1], "state-conflict", "VRM-THR-005")
    late = await wanted(m, thread, answer_by=m.time(600))
    m.world.clock.forward(601)
    assert m.state(late) == "expired"
    refused((await share(m, late))[1], "deadline-passed", "VRM-THR-006")
    refused(await simply(m, late, "data.refuse"), "deadline-passed", "VRM-THR-006")


@scenario(at="2025-01-15T10:00:00Z")
async def data_that_she_refuses_are_not_asked_again_for_six_months(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    terms = thread.under
    assert terms is not None
    data = await wanted(m, thread)
    refused(await simply(m, data, "data.refuse", m.vendors[0]), "role-forbidden", "VRM-THR-004")
    no = said(await simply(m, data, "data.refuse"), "refused").document["iat"]
    refused((await want(m, thread))[1], "asked-again", "VRM-REL-005")
    # Nor as a consent; another purpose is another matter, and so is what she gives unasked.
    refused((await ask(m, thread, MARKETING, CARE))[1], "asked-again", "VRM-REL-005")
    orders = f"{below.DPV}CustomerOrderManagement"
    other = await wanted(m, thread, orders)
    said((await share(m, thread))[1], "shared")
    at(m, timing.text(no + 181 * DAY - 30))
    refused((await want(m, thread))[1], "asked-again", "VRM-REL-005")
    at(m, timing.text(no + 181 * DAY))
    again_ = await wanted(m, thread)
    said(await m.say(terms, thread.first, "agreement.terminate"), "terminated")
    # A refusal needs no agreement.
    assert m.state(other) == "expired"
    said(await simply(m, again_, "data.refuse"), "refused")


@scenario()
async def a_request_is_judged_by_rung_preferences_and_consent(m: Market) -> None:
    thread = await together(m, "SD-BASE", "returning")
    refused((await want(m, thread))[1], "stage-forbids", "VRM-LAD-010")
    said(await step(m, thread, "subscriber"), "open")
    said(await relating.prefer(m, thread, rate={"most": 0, "within": "P1D"}), "open")
    refused((await want(m, thread))[1], "preference-forbids", "VRM-REL-007")
    # A report is none of its own accord, and what she shares is hers to share.
    said((await report(m, thread))[1], "reported")
    said((await share(m, thread, ANALYTICS))[1], "shared")
    said(await relating.prefer(m, thread), "open")
    refused((await want(m, thread, MARKETING))[1], "consent-needed", "VRM-PUR-002")
    consent = await consented(m, thread, MARKETING)
    said((await want(m, thread, MARKETING))[1], "requested")
    said(await withdraw(m, consent), "withdrawn")
    refused((await want(m, thread, MARKETING))[1], "consent-needed", "VRM-PUR-002")
    said(await relating.retreat(m, thread, "anonymous"), "open")
    refused((await want(m, thread))[1], "stage-forbids", "VRM-LAD-010")
    said((await report(m, thread))[1], "reported")


@scenario()
async def what_is_held_is_reported_verified_and_reported_anew(m: Market) -> None:
    thread = await together(m, "SD-BASE")
    anna, vendor = thread.first, m.vendors[0]
    refused((await report(m, thread, by=anna))[1], "role-forbidden", "VRM-THR-004")
    data = await reported(m, thread)
    refused(await verify(m, data, by=vendor), "role-forbidden", "VRM-THR-004")
    as_of = m.time(-30)
    assert "verified_as_of" not in (await view(vendor, thread))["data"][0]
    said(await verify(m, data, as_of), "reported")
    reply = await vendor.read(f"/v1/relationships/{thread.thid}")
    assert reply.document["data"][0]["verified_as_of"] == as_of
    m.saw("row data.verify by first in reported", "changes", reply)
    said((await report(m, data, phone="+31"))[1], "reported")
    said((await correct(m, data, op("replace", "phone", "+32")))[1], "submitted")
    refused((await share(m, data))[1], "state-conflict", "VRM-THR-005")
    # What was verified was the report before.
    one, two = (await view(anna, thread))["data"]
    assert "verified_as_of" not in one
    assert "verified_as_of" not in two
    said(await verify(m, data, as_of), "reported")
    assert (await view(anna, thread))["data"][1]["verified_as_of"] == as_of


@scenario()
async def either_closes_an_exchange_of_data(m: Market) -> None:
    thread = await together(m, "SD-BASE")
    anna, vendor = thread.first, m.vendors[0]
    for state in ("shared", "reported"):
        for by in (anna, vendor):
            tell_ = share if state == "shared" else report
            data, reply = await tell_(m, thread)
            said(reply, state)
            said(await simply(m, data, "data.close", by, reason="moved on"), "closed")
            refused((await tell_(m, data))[1], "state-conflict", "VRM-THR-005")
            for late in (anna, vendor):
                refused(await simply(m, data, "data.close", late), "state-conflict", "VRM-THR-005")


@scenario()
async def files_are_shared_and_reported(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    anna, vendor = thread.first, m.vendors[0]
    unput = m.reference(b"nobody has put it")
    refused((await share(m, thread, ref=unput))[1], "blob-unknown", "VRM-BLB-004")
    refused((await report(m, thread, ref=unput))[1], "blob-unknown", "VRM-BLB-004")
    hers, theirs = await m.put(anna, b"her picture"), await m.put(vendor, b"their file")
    mine, held = await shared(m, thread, ref=hers), await reported(m, thread, ref=theirs)
    # There are no fields in it that a patch could name.
    refused((await correct(m, held))[1], "patch-failed", "VRM-COR-001")
    m.world.clock.forward(3700)
    said((await share(m, mine, ref=hers))[1], "shared")
    said((await report(m, held, ref=theirs))[1], "reported")
    refused((await share(m, thread, ref=hers))[1], "blob-unknown", "VRM-BLB-004")
    refused((await report(m, held, ref=hers))[1], "blob-unknown", "VRM-BLB-004")
    assert (await vendor.read(f"/v1/blobs/{hers['sha256']}")).body == b"her picture"


@scenario()
async def data_end_with_agreement_and_relationship(m: Market) -> None:
    offer = await m.offered(await m.opened(), m.vendors[0])
    terms = await agreed(m, "SD-BASE", offer.first)
    thread = await begun(m, terms)
    said(await step(m, thread, "subscriber"), "open")
    waiting, also = await wanted(m, thread), await wanted(m, thread, f"{below.DPV}PaymentManagement")
    mine, held = await shared(m, thread), await reported(m, thread)
    said(await m.say(terms, m.vendors[0], "agreement.terminate"), "terminated")
    assert [m.state(one) for one in (waiting, mine, held)] == ["requested", "shared", "reported"]
    for tell_, data in ((share, mine), (share, waiting), (report, held), (share, thread), (report, thread)):
        refused((await tell_(m, data))[1], "agreement-not-live", "VRM-REL-001")
    refused((await want(m, thread))[1], "agreement-not-live", "VRM-REL-001")
    said((await share(m, waiting, under=offer))[1], "shared")
    said((await report(m, held, under=offer))[1], "reported")
    said(await verify(m, held), "reported")
    said(await relating.end(m, thread), "ended")
    assert [m.state(one) for one in (also, mine, held)] == ["closed", "closed", "closed"]
    refused(await simply(m, also, "data.refuse"), "state-conflict", "VRM-THR-005")
    refused((await share(m, mine, under=offer))[1], "state-conflict", "VRM-THR-005")
    refused(await verify(m, held), "state-conflict", "VRM-THR-005")
    for tell_ in (share, report):
        refused((await tell_(m, thread, under=offer))[1], "agreement-not-live", "VRM-REL-015")


# --- corrections ---------------------------------------------------------------------------------------


@scenario()
async def a_patch_applies_as_a_whole_to_one_message(m: Market) -> None:
    thread = await together(m, "SD-BASE", "subscriber")
    data = await reported(m, thread)
    first = data.head
    refused((await correct(m, data, by=m.vendors[0]))[1], "role-forbidden", "VRM-THR-004")
    refused((await correct(m, thread, of=first))[1], "parent-unknown", "VRM-THR-009")
    refused((await correct(m, data, op("replace", "phone", "+31")))[1], "patch-failed", "VRM-COR-002")
    for wrong in (
        (op("test", "email", "anna@example.org"), RIGHT),
        (RIGHT, op("remove", "phone")),
        (op("remove", "email"), op("test", "email", OLD)),
        (RIGHT, op("test", "email", OLD)),
    ):
        refused((await correct(m, data, *wrong))[1], "patch-failed", "VRM-COR-002")
    for right in (
        (op("test", "email", OLD), RIGHT),
        (op("remove", "email"),),
        (op("add", "phone", "+31"), op("test", "phone", "+31")),
    ):
        said((await correct(m, data, *right))[1], "submitted")
    other = await shared(m, thread, email=OLD)
    for elsewhere in (other.head, thread.thid, data.thid[:-1] + "A", "A" * 43):
        if elsewhere != data.thid:
            refused((await correct(m, data, of=elsewhere))[1], "patch-failed", "VRM-COR-001")
    said(await verify(m, data), "reported")
    refused((await correct(m, data))[1], "patch-failed", "VRM-COR-001")
    # What a later report says is corrected there, and the earlier one still has its own fields.
    said((await report(m, data, phone="+31"))[1], "reported")
    refused((await correct(m, data))[1], "patch-failed", "VRM-COR-002")
    said((await correct(m, data, op("replace", "phone", "+32")))[1], "submitted")
    said((await correct(m, data, of=first))[1], "submitted")
    # What she has shared herself she may correct, too.
    said((await share(m, other, phone="+31"))[1], "shared")
    said((await correct(m, other, op("replace", "phone", "+32")))[1], "submitted")
    asking = await wanted(m, thread)
    refused((await correct(m, asking))[1], "patch-failed", "VRM-COR-001")


@scenario()
async def a_correction_is_answered_in_time_or_late(m: Market) -> None:
    thread = await together(m, "SD-BASE")
    data = await reported(m, thread)
    anna, vendor = thread.first, m.vendors[0]
    refused((await correct(m, data, answer_by=m.time(0)))[1], "deadline-invalid", "VRM-THR-020")
    for state in ("submitted", "overdue"):
        one, two, three = [await corrected(m, data) for _ in range(3)]
        if state == "overdue":
            m.world.clock.forward(3601)
        assert [m.state(each) for each in (one, two, three)] == [state] * 3
        refused(await apply(m, one, anna), "role-forbidden", "VRM-THR-004")
        refused(await refuse_correction(m, one, anna), "role-forbidden", "VRM-THR-004")
        refused(await simply(m, one, "correction.withdraw", vendor), "role-forbidden", "VRM-THR-004")
        said(await apply(m, one), "applied")
        said(await refuse_correction(m, two), "refused")
        said(await simply(m, three, "correction.withdraw"), "withdrawn")
        for done in (one, two, three):
            refused(await apply(m, done), "state-conflict", "VRM-THR-005")
            if done is not two:
                refused(await refuse_correction(m, done), "state-conflict", "VRM-THR-005")
        refused(await simply(m, one, "correction.withdraw"), "state-conflict", "VRM-THR-005")


@scenario(inbox=3)
async def an_answer_is_owed_after_every_end(m: Market) -> None:
    thread = await together(m, "SD-BASE")
    terms, vendor = thread.under, m.vendors[0]
    assert terms is not None
    data = await reported(m, thread)
    await vendor.poll(ack=(await vendor.poll()).document["order"])
    one, two = await corrected(m, data), await corrected(m, data)
    said(await m.say(terms, vendor, "agreement.terminate"), "terminated")
    three = await corrected(m, data)
    said(await relating.end(m, thread, known=False), "ended")
    assert m.state(data) == "closed"
    # Her inbox is full; what is owed arrives all the same.
    full = await m.proffered("SD-BASE", thread.first, m.vendors[1])
    refused(await m.agree(full), "inbox-full", "VRM-HOM-024")
    m.saw("mark duty of correction.apply", "changes", said(await apply(m, one), "applied"))
    m.saw("mark duty of correction.refuse", "changes", said(await refuse_correction(m, two), "refused"))
    await vendor.poll(ack=(await vendor.poll()).document["order"])
    late = await corrected(m, data)
    m.world.clock.forward(3601)
    assert (m.state(three), m.state(late)) == ("overdue", "overdue")
    said(await relating.attest(m, thread), "closed")
    said(await apply(m, three), "applied")
    said(await apply(m, late), "applied")


# --- how the two stand ---------------------------------------------------------------------------------

CLAUSES = {
    "SD-BASE": ("CommunicationForCustomerCare", "CustomerOrderManagement", "PaymentManagement"),
    "SD-BASE-ATP": (
        "CommunicationForCustomerCare",
        "CustomerOrderManagement",
        "PaymentManagement",
        "ServiceOptimisation",
        "ServicePersonalisation",
    ),
    "PDC-AI": ("CommunicationForCustomerCare", "CustomerOrderManagement", "PaymentManagement"),
}
"""The purposes of the rungs that each agreement allows, by hand."""


def opened(token: str) -> dict[str, Any]:
    """The claims of a token, read without the library."""
    part = token.split(".")[1]
    made: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return made


Told = list[tuple[str, dict[str, Any], int]]
"""Messages of a thread: the id, the claims, and when it was received."""


async def told_to(m: Market, reader: Party) -> dict[str, tuple[str, str, Told]]:
    """Every thread of a reader: its kind, its state and its messages."""
    found: dict[str, tuple[str, str, Told]] = {}
    listed = (await reader.read("/v1/threads?limit=200")).document
    assert not listed["more"]
    for one in listed["threads"]:
        whole = (await reader.read(f"/v1/threads/{one['thid']}?limit=200")).document
        assert "next" not in whole
        messages = [
            (opened(item["receipt"])["mid"], opened(item["token"]), opened(item["receipt"])["iat"])
            for item in whole["messages"]
        ]
        found[one["thid"]] = (one["kind"], opened(whole["checkpoint"])["state"], messages)
    return found


def stood(threads: dict[str, tuple[str, str, Told]], thid: str) -> dict[str, Any]:
    """How the two stand, from what the messages say and the states that the threads are in."""
    _, state, messages = threads[thid]
    rungs = json.loads((SPEC.root / "ladder.json").read_bytes())["rungs"]
    order = [one["stage"] for one in rungs]
    made: dict[str, Any] = {"thid": thid, "state": state, "opened_at": messages[0][2], "stage": order[0]}
    made |= {"first": messages[0][1]["iss"], "second": messages[0][1]["aud"]}
    for _, claims, _ in messages:
        body = claims["body"]
        if claims["type"] == "relationship.step":
            made["stage"] = body["stage"]
        if claims["type"] == "relationship.retreat":
            made["stage"] = min(made["stage"], body["stage"], key=order.index)
        for name in ("ladder", "preferences"):
            if name in body:
                made[name] = body[name]
    made["consents"] = consents_of(threads, thid)
    made["agreements"] = []
    given = {purpose for one in made["consents"] for purpose in one["purposes"]}
    for other, (kind, standing, said_) in threads.items():
        if kind == "terms" and standing == "agreed" and said_[0][1]["aud"] == made["second"]:
            agreement = said_[1][1]["body"]["agreement"]
            reached = order[0]
            for one in rungs[: order.index(made["stage"]) + 1]:
                known = {f"{below.DPV}{name}" for name in CLAUSES[agreement["id"]]} | given
                if set(one["purposes"]) <= known:
                    reached = one["stage"]
            listed = {"id": said_[1][0], "thid": other, "agreement": agreement, "stage": reached}
            made["agreements"].append(listed)
    made["data"], made["corrections"] = data_of(threads, thid)
    made["heads"] = heads_of(threads, thid, made["second"])
    return made


def heads_of(threads: dict[str, tuple[str, str, Told]], thid: str, second: str) -> list[dict[str, Any]]:
    """The last message of each thread that decides how the two stand, in force or not."""
    found = []
    for other, (kind, _, messages) in threads.items():
        opening = messages[0][1]
        above = threads[opening["pthid"]][2][0][1] if kind == "correction" else opening
        agreed_ = kind == "terms" and len(messages) > 1 and opening["aud"] == second
        lies = kind in ("consent", "data", "correction") and above["pthid"] == thid
        if other == thid or agreed_ or lies:
            found.append({"thid": other, "seq": len(messages), "mid": messages[-1][0]})
    return found


def consents_of(threads: dict[str, tuple[str, str, Told]], thid: str) -> list[dict[str, Any]]:
    found = []
    for other, (kind, state, messages) in threads.items():
        if kind != "consent" or state != "granted" or messages[0][1]["pthid"] != thid:
            continue
        one: dict[str, Any] = {"thid": other, "id": messages[1][0]}
        for _, claims, _ in messages[1:]:
            body = claims["body"]
            one["purposes"] = body.get("purposes", one.get("purposes"))
            if "valid_until" in body:
                one["valid_until"] = timing.seconds(body["valid_until"])
        found.append(one)
    return found


def data_of(
    threads: dict[str, tuple[str, str, Told]], thid: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    data, corrections = [], []
    for other, (kind, state, messages) in threads.items():
        if kind == "correction":
            above = threads[messages[0][1]["pthid"]]
            if above[2][0][1]["pthid"] == thid:
                named = messages[0][1]["body"]["of"]
                corrections.append({"thid": other, "of": named, "state": state, "at": messages[0][2]})
        if kind != "data" or messages[0][1]["pthid"] != thid:
            continue
        last: dict[str, Any] | None = None
        for mid, claims, at_ in messages:
            if claims["type"] == "data.verify" and last is not None:
                last["verified_as_of"] = claims["body"]["as_of"]
            if claims["type"] in ("data.share", "data.report"):
                if last is not None:
                    last.pop("verified_as_of", None)
                about = claims["body"]["about"]
                last = {name: about[name] for name in about if name != "sources"}
                last |= {"thid": other, "mid": mid, "type": claims["type"]}
                last |= {"agr": claims["agr"], "at": at_, "state": state}
                data.append(last)
    return data, corrections


def placed(document: dict[str, Any]) -> dict[str, Any]:
    """A view in which lists whose order says nothing are in one of their own."""
    made = {name: value for name, value in document.items() if name not in ("checkpoint", "home")}
    for name in ("agreements", "consents", "corrections", "heads"):
        made[name] = sorted(made[name], key=lambda one: str(one["thid"]))
    made["data"] = sorted(made["data"], key=lambda one: str(one["thid"]))
    return made


async def stand_as_told(m: Market, thread: Thread) -> None:
    """Both read what the messages say; what was refused only she reads."""
    anna, vendor = thread.first, m.vendors[0]
    hers, theirs = await view(anna, thread), await view(vendor, thread)
    assert "refused" not in theirs
    assert "refused_more" not in theirs
    listed = [{**one} for one in hers.pop("refused")]
    times = [one.pop("at") for one in listed]
    assert times == sorted(times, reverse=True)
    assert by_id(listed) == by_id(counted(m, thread))
    assert hers.pop("refused_more") == 0
    for reader, document in ((anna, hers), (vendor, theirs)):
        assert document["home"] == m.world.origin
        checkpoint = opened(document["checkpoint"])
        assert (checkpoint["thid"], checkpoint["aud"]) == (thread.thid, reader.id)
        assert (checkpoint["state"], checkpoint["mid"]) == (document["state"], thread.head)
        made = placed(document)
        assert made == placed(stood(await told_to(m, anna), thread.thid))
    await proved(m, thread)
    text = json.dumps(theirs)
    assert OLD not in text
    assert "anna@" not in text


def by_id(refusals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In an order of their own: those of one second are listed in any."""
    return sorted(refusals, key=lambda one: str(one["mid"]))


async def test_the_view_says_what_the_messages_say_after_every_step(store: Store) -> None:
    async with market(store, vendors=2) as m:
        terms = await agreed(m, "SD-BASE-ATP")
        also = await agreed(m, "PDC-AI", terms.first)
        vendor = m.vendors[0]
        thread = await begun(m, terms)
        await agreed(m, "SD-BASE", terms.first, m.vendors[1])
        await stand_as_told(m, thread)

        async def then(reply: Any, state: str) -> Any:
            """A message that is taken, and how the two stand after it."""
            made, answer = reply if isinstance(reply, tuple) else (None, reply)
            said(answer, state)
            await stand_as_told(m, thread)
            return made

        async def no(reply: Any, code: str) -> None:
            """A message that is refused, and is listed for her where it is counted."""
            refused(reply[1] if isinstance(reply, tuple) else reply, code)
            await stand_as_told(m, thread)

        await no(await word(m, thread), "stage-forbids")
        await then(await step(m, thread, "returning"), "open")
        await then(await relating.prefer(m, thread, rate={"most": 50, "within": "P1D"}), "open")
        await then(await invite(m, thread, "subscriber", "EmailAddress"), "invited")
        await then(await relating.decline(m, thread), "open")
        await no(await invite(m, thread, "subscriber", "EmailAddress"), "asked-again")
        await then(await step(m, thread, "contributor"), "open")
        await no(await step(m, thread, "contributor"), "step-forbidden")
        await no(await word(m, thread, purpose=MARKETING), "consent-needed")
        await no(await word(m, thread, purpose=ANALYTICS, under=also), "terms-prohibit")
        consent = await then(await ask(m, thread, MARKETING, BENEFITS), "requested")
        await no(await grant(m, consent, CARE), "purpose-not-asked")
        await then(await grant(m, consent, MARKETING, BENEFITS), "granted")
        await then(await ask(m, thread, CARE), "requested")
        dialogue = await then(await word(m, thread, purpose=MARKETING), "open")
        await then(await again(m, dialogue, thread.first), "open")
        await then(await narrow(m, consent, BENEFITS), "granted")
        await no(await again(m, dialogue, purpose=MARKETING), "consent-needed")
        await then(await renew(m, consent, 2 * DAY), "granted")
        data = await then(await want(m, thread), "requested")
        await then(await share(m, data, email=OLD), "shared")
        await then(await share(m, data, also=OLD), "shared")
        held = await then(await report(m, thread, email=OLD), "reported")
        first = held.head
        await then(await verify(m, held, m.time(-20)), "reported")
        one = await then(await correct(m, held, op("test", "email", OLD), RIGHT, of=first), "submitted")
        await no(await correct(m, held, op("remove", "phone"), of=first), "patch-failed")
        await then(await apply(m, one), "applied")
        await then(await report(m, held, email="anna@example.org"), "reported")
        await then(await verify(m, held, m.time(-10)), "reported")
        two = await then(await correct(m, held, of=first), "submitted")
        await then(await refuse_correction(m, two), "refused")
        await then(await report(m, thread, ANALYTICS, under=also, opinion="none"), "reported")
        await then(await mute(m, dialogue), "muted")
        await no(await again(m, dialogue), "role-forbidden")
        await then(await relating.retreat(m, thread, "profiled"), "open")
        await then(await relating.pause(m, thread), "paused")
        await no(await want(m, thread), "relationship-paused")
        await then(await relating.prefer(m, thread, quiet=[{"from": "00:00", "to": "00:00"}]), "paused")
        await then(await relating.resume(m, thread), "open")
        await no(await want(m, thread), "preference-forbids")
        narrow_ = await agreed(m, "SD-BASE", thread.first)
        await stand_as_told(m, thread)
        assert m.state(consent) == "withdrawn"
        await then(await propagated(m, consent), "propagated")
        await then(await correct(m, data, op("remove", "also")), "submitted")
        m.world.clock.forward(3700)
        await stand_as_told(m, thread)
        await then(await simply(m, held, "data.close"), "closed")
        said(await m.say(also, vendor, "agreement.terminate"), "terminated")
        await stand_as_told(m, thread)
        await no(await want(m, thread, under=also), "agreement-not-live")
        await then(await relating.prefer(m, thread), "open")
        last = await then(await ask(m, thread, MARKETING, under=narrow_), "requested")
        await then(await grant(m, last, MARKETING, until=600, under=narrow_), "granted")
        m.world.clock.forward(601)
        await stand_as_told(m, thread)
        await then(await relating.end(m, thread), "ended")
        hers = await view(thread.first, thread)
        assert (hers["agreements"], hers["consents"]) == ([], [])
        assert {one["state"] for one in hers["data"]} == {"closed"}
        assert sorted(one["state"] for one in hers["corrections"]) == ["applied", "overdue", "refused"]
        said(await relating.attest(m, thread), "closed")
        now = await view(thread.first, thread)
        assert {n for n in now if now[n] != hers[n]} == {"checkpoint", "state", "heads"}
        assert now["state"] == "closed"
        assert (await view(vendor, thread))["state"] == "closed"


async def test_a_relationship_is_shown_to_its_two_and_to_nobody_else(store: Store) -> None:
    async with market(store) as m:
        thread = await together(m, "SD-BASE", "subscriber")
        data = await shared(m, thread)
        path = f"/v1/relationships/{thread.thid}"
        for reader in (m.vendors[1], m.world.person()):
            refused(await reader.read(path), "not-found")
        refused(await m.world.get(path), "request-invalid")
        assert thread.under is not None
        for other in (data.thid, thread.under.thid, "A" * 43):
            refused(await thread.first.read(f"/v1/relationships/{other}"), "not-found")
        old, new = thread.first, m.world.person()
        said(await relating.rotate(m, thread, new), "open")
        refused(await old.read(path), "not-found")
        assert (await view(new, thread))["first"] == new.id
        assert (await view(m.vendors[0], thread))["first"] == new.id


async def test_the_rung_of_a_ladder_of_her_own_is_shown(store: Store) -> None:
    async with market(store) as m:
        terms = await agreed(m)
        own = below.ladder_of(relating.rung("foot"), relating.rung("news", MARKETING))
        digest = await relating.put(m, terms.first, own)
        thread = await begun(m, terms, ladder=digest)
        seen = await view(terms.first, thread)
        assert (seen["ladder"], seen["stage"]) == (digest, "foot")
        consent = await consented(m, thread, MARKETING)
        said(await step(m, thread, "news", ladder=digest), "open")
        seen = await view(terms.first, thread)
        assert (seen["stage"], seen["agreements"][0]["stage"]) == ("news", "news")
        said(await withdraw(m, consent), "withdrawn")
        seen = await view(terms.first, thread)
        assert (seen["stage"], seen["agreements"][0]["stage"]) == ("news", "foot")
        said(await step(m, thread, "customer", ladder=LADDER), "open")
        assert (await view(terms.first, thread))["stage"] == "customer"


async def test_an_offer_that_is_an_agreement_is_made_anew_too(store: Store) -> None:
    """She sees all that moves an offer; the organisation sees no offers of others, and is told so."""
    async with market(store, vendors=2) as m:
        intent = await m.opened()
        offer = await m.offered(intent, m.vendors[0])
        beside = await m.offered(intent, m.vendors[1])
        thread = await begun(m, offer)
        hers, _ = await proved(m, thread)
        assert not [what for what in hers.trusted if "is in force" in what]
        document = await view(thread.first, thread)
        held = await held_by(m, thread.first)
        assert len(document["agreements"]) == 1
        assert not judged(m, {**document, "agreements": []}, held).ok
        document = await view(m.vendors[0], thread)
        report = judged(m, {**document, "agreements": []}, await held_by(m, m.vendors[0]))
        assert report.ok
        assert [what for what in report.trusted if "is in force" in what]
        said(await m.say(beside, beside.first, "offer.decline"), "declined")
        said(await m.say(offer, offer.first, "offer.decline"), "declined")
        for reader in (thread.first, m.vendors[0]):
            assert (await view(reader, thread))["agreements"] == []
        await proved(m, thread)


# --- the ledger ----------------------------------------------------------------------------------------


async def test_the_ledger_lists_a_hundred_of_a_day_and_counts_the_others(store: Store) -> None:
    async with market(store, vendors=1, at="2025-06-02T10:00:00Z") as m:
        thread = await together(m, "SD-BASE")
        vendor = m.vendors[0]
        for _ in range(103):
            refused((await word(m, thread))[1], "stage-forbids")
        assert "refused" not in await view(vendor, thread)
        seen = await view(thread.first, thread)
        assert (len(seen["refused"]), seen["refused_more"]) == (100, 3)
        known = {one["mid"] for one in counted(m, thread)}
        assert {one["mid"] for one in seen["refused"]} < known
        at(m, "2025-06-02T23:58:00Z")
        refused((await want(m, thread, MARKETING))[1], "consent-needed")
        assert (await view(thread.first, thread))["refused_more"] == 4
        # The next day begins at midnight of UTC.
        at(m, "2025-06-03T00:00:00Z")
        refused((await want(m, thread, MARKETING))[1], "consent-needed")
        seen = await view(thread.first, thread)
        assert (len(seen["refused"]), seen["refused_more"]) == (101, 4)
        assert seen["refused"][0]["purposes"] == [MARKETING]
        assert timing.text(seen["refused"][0]["at"]).startswith("2025-06-03T00:00")


async def test_a_refused_message_that_comes_again_is_listed_once(store: Store) -> None:
    async with market(store, vendors=1) as m:
        thread = await together(m, "SD-BASE", "returning")
        vendor, anna = m.vendors[0], thread.first
        assert thread.under is not None
        claims = vendor.claims(
            "dialogue.message",
            below.words(MARKETING, text="Secret offer!"),
            anna.id,
            pthid=thread.thid,
            agr=thread.under.record,
        )
        token = vendor.sign(claims)
        for _ in range(3):
            refused(await m.world.post(token), "consent-needed")
        (listed,) = (await view(anna, thread))["refused"]
        assert set(listed) == {"mid", "at", "type", "code", "purposes"}
        assert (listed["type"], listed["purposes"]) == ("dialogue.message", [MARKETING])
        assert "Secret" not in json.dumps(await view(anna, thread))
        # A refusal by anything else is none of hers, nor one that no guard has reached.
        refused((await word(m, thread, agr=None))[1], "claim-missing")
        refused((await word(m, thread, agr=thread.thid))[1], "agreement-unknown")
        refused(await invite(m, thread, "customer"), "step-forbidden")
        refused((await want(m, thread, answer_by=m.time(0)))[1], "stage-forbids")
        assert [one["code"] for one in (await view(anna, thread))["refused"]].count("stage-forbids") == 1
        assert len((await view(anna, thread))["refused"]) == 2
        # When she has consented the same message is taken, and what was refused stays listed.
        said(await step(m, thread, "subscriber"), "open")
        await consented(m, thread, MARKETING)
        assert (await m.world.post(token)).status == 202
        assert len((await view(anna, thread))["refused"]) == 2
        said(await relating.end(m, thread), "ended")
        said(await relating.attest(m, thread), "closed")
        assert len((await view(anna, thread))["refused"]) == 2
        assert "refused" not in await view(vendor, thread)


async def test_of_each_relationship_there_is_a_ledger_of_its_own(store: Store) -> None:
    async with market(store) as m:
        one = await together(m, "SD-BASE")
        two = await begun(m, await agreed(m, "SD-BASE", one.first, m.vendors[1]))
        refused((await word(m, one))[1], "stage-forbids")
        asking = await spoken(m, two, one.first)
        refused(await again(m, asking), "stage-forbids")
        refused((await ask(m, two))[1], "stage-forbids")
        for thread, count in ((one, 1), (two, 2)):
            found = (await view(thread.first, thread))["refused"]
            assert {each["mid"] for each in found} == {each["mid"] for each in counted(m, thread)}
            assert len(found) == count
        # Naming the parent does not make a stranger a party: nothing is listed of what is not theirs.
        strange, reply = await word(
            m, one, m.vendors[1], agr=two.under and two.under.record, aud=one.first.id
        )
        refused(reply, "parent-unknown")
        assert strange.thid == ""
        assert len((await view(one.first, one))["refused"]) == 1


# --- after the end -------------------------------------------------------------------------------------


@scenario()
async def what_lies_below_is_erased_with_the_relationship(m: Market) -> None:
    thread = await together(m, stage="subscriber")
    person, vendor = thread.first, m.vendors[0]
    talk = await spoken(m, thread)
    said(await again(m, talk, person), "open")
    data = await shared(m, thread)
    fixed = await corrected(m, data)
    consent = await consented(m, thread, MARKETING)
    said(await relating.end(m, thread), "ended")
    paths = [f"/v1/threads/{one.thid}" for one in (talk, data, fixed, consent)]
    for path in paths:
        read = await vendor.read(path)
        assert all("token" in item for item in read.document["messages"])
        assert "erased" not in envelope.peek(read.document["checkpoint"])[1]
    said(await relating.attest(m, thread), "closed")
    for path, count in zip(paths, (2, 1, 1, 0), strict=True):
        read, hers = await vendor.read(path), await person.read(path)
        bare = [item for item in read.document["messages"] if "token" not in item]
        assert len(bare) == count
        assert envelope.peek(read.document["checkpoint"])[1].get("erased", 0) == count
        assert all("token" in item for item in hers.document["messages"])
        assert "erased" not in envelope.peek(hers.document["checkpoint"])[1]
        report_, other = (records.verify_thread(SPEC, one.body) for one in (read, hers))
        assert report_.ok, report_.document()
        assert other.ok, other.document()
        # Whoever leaves messages out without being told so, or shows what is erased, is found offline.
        mixed = {**read.document, "checkpoint": hers.document["checkpoint"]}
        shown = {**hers.document, "checkpoint": read.document["checkpoint"]}
        for document in (mixed, shown):
            lied = records.verify_thread(SPEC, json.dumps(document).encode())
            assert lied.ok == (count == 0), lied.document()
    waiting = (await vendor.poll()).document["sets"].values()
    for claims in (envelope.peek(token)[1] for token in waiting):
        assert not {claims.get("pthid"), claims.get("thid")} & {talk.thid, data.thid, fixed.thid}, claims
        assert claims["type"] not in ("data.share", "correction.submit")
    late = await corrected(m, data)
    read = await vendor.read(f"/v1/threads/{late.thid}")
    assert all("token" in item for item in read.document["messages"])
    assert records.verify_thread(SPEC, read.body).ok
