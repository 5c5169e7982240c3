"""How two parties stand: the view of a relationship, and what was refused in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

from conformance import jose, receipts
from conformance.bodies import CARE, MARKETING, OPTIMISING, ORDERS, PD, QUALITY, RIGHTS
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
    rate,
    report,
    share,
    write,
)
from conformance.checks.data import correct
from conformance.checks.relationships import invite, opened, related, step, terms
from conformance.checks.threads import rotate
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.results import Failed, Inconclusive
from conformance.target import Answer

__all__: list[str] = []

CANARY = "quokka"
"""A word that stands in what is sent and in no view."""


async def _read(lab: Lab, party: Party, thid: str) -> Answer:
    url = f"{lab.target.endpoint('relationships')}/{thid}"
    return await lab.get(party, url, schema=("documents/relationship.json", "VRM-STD-001"))


async def _view(lab: Lab, party: Party, thread: Thread) -> dict[str, Any]:
    """The view of a relationship, for a party who is to read it."""
    answer = await _read(lab, party, thread.thid)
    lab.holds("VRM-STD-001", answer.status == 200, f"the view, for {party.name}", answer.said)
    faults = lab.spec.faults("documents/relationship.json", answer.document)
    lab.holds("VRM-STD-001", not faults, "valid against documents/relationship.json", faults[:3])
    found: dict[str, Any] = answer.document
    return found


async def _shows(lab: Lab, requirement: str, thread: Thread, **members: Any) -> None:
    """Both parties read these members in the view; None is one that is not there."""
    for party in (thread.first, organisation(thread)):
        found = await _view(lab, party, thread)
        for name, right in members.items():
            got = found.get(name)
            lab.holds(requirement, got == right, f"{name} {right}, for {party.name}", got)


# --- the view -------------------------------------------------------------------------------------


@check("VRM-STD-001", "VRM-STD-008", profile="relationship")
async def the_view_is_there_for_the_two(lab: Lab) -> None:
    """From the opening to after the attestation; for nobody else, and of no other thread."""
    thread, record = await related(lab, stage="returning")
    person, vendor, rule = thread.first, organisation(thread), "VRM-STD-001"
    talk = await begun(lab, thread, record)
    other, _ = await related(lab)
    thid = jose.claims_of(thread.said[0].token)["agr"]
    for party, id_ in (
        (lab.person(), thread.thid),
        (await lab.vendor(), thread.thid),
        (person, other.thid),
        (organisation(other), thread.thid),
        (person, NOTHING),
        (vendor, NOTHING),
        (person, talk.thid),
        (vendor, thid),
        (person, thread.head),
    ):
        lab.refused(rule, await _read(lab, party, id_), "not-found")

    async def whole(state: str) -> None:
        last = thread.said[-1]
        for party in (person, vendor):
            found = await _view(lab, party, thread)
            right = {
                "thid": thread.thid,
                "home": lab.target.issuer,
                "first": person.id,
                "second": vendor.id,
                "state": state,
                "opened_at": thread.said[0].receipt["iat"],
                "ladder": lab.spec.ladder.digest,
            }
            got = {name: found[name] for name in right}
            lab.holds(rule, got == right, str(right), got)
            claims = receipts.claims(lab.target, found["checkpoint"])
            named = ("mid", "thid", "seq", "state", "aud", "checkpoint")
            told = [claims.get(name) for name in named] if isinstance(claims, dict) else claims
            seq = last.receipt["seq"]
            wanted = [last.mid, thread.thid, seq, state, party.id, True]
            lab.holds(rule, told == wanted, f"a checkpoint of {wanted}", told)
            now = lab.target.now()
            at = claims["iat"] if isinstance(claims, dict) else 0
            lab.holds("VRM-STD-008", abs(at - now) <= 60, f"a checkpoint of now, {now}", at)

    await whole("open")
    lab.taken(rule, await invite(lab, thread, record, "subscriber"), "invited")
    await whole("invited")
    await lab.say(person, "relationship.pause", {}, thread)
    await whole("paused")
    await lab.say(person, "relationship.end", {}, thread)
    await whole("ended")
    await lab.say(vendor, "relationship.attest", {"erased_at": lab.bodies.at(0), "kept": []}, thread)
    await whole("closed")
    later = await terms(lab, person, vendor)
    again = below(thread, await opened(lab, later))
    await whole("closed")
    await _shows(lab, rule, again, state="open", thid=again.thid)


@check("VRM-STD-001", "VRM-STD-002", profile="relationship")
async def the_view_follows_a_change_of_key(lab: Lab) -> None:
    """The new key of hers reads it, and the old one does not."""
    thread, _ = await related(lab, stage="returning")
    old, new = thread.first, lab.person("ES256")
    await rotate(lab, thread, new)
    await _shows(lab, "VRM-STD-002", thread, stage="returning")
    await _shows(lab, "VRM-STD-001", thread, first=new.id, second=organisation(thread).id)
    lab.refused("VRM-STD-001", await _read(lab, old, thread.thid), "not-found")


def _rungs(found: Mapping[str, Any]) -> dict[str, Any]:
    return {one["id"]: one.get("stage") for one in found["agreements"]}


@check("VRM-STD-002", "VRM-STD-003", profile="relationship")
async def the_view_tells_her_rung_and_the_agreements(lab: Lab) -> None:
    """As she steps and retreats, and as agreements come and go; each with the rung that it reaches."""
    thread, wide = await related(lab, "SD-BASE-ATP")
    person, vendor = thread.first, organisation(thread)
    await terms(lab, person, await lab.vendor())
    await terms(lab, lab.person(), vendor)

    async def shows(stage: str, agreements: Mapping[str, str]) -> None:
        for party in (person, vendor):
            found = await _view(lab, party, thread)
            lab.holds("VRM-STD-002", found["stage"] == stage, f"the stage {stage}", found["stage"])
            listed = sorted(one["id"] for one in found["agreements"])
            told = f"the agreements {sorted(agreements)}"
            lab.holds("VRM-STD-003", listed == sorted(agreements), told, listed)
            rungs = _rungs(found)
            lab.holds("VRM-STD-002", rungs == agreements, f"the rungs {agreements}", rungs)

    await shows("anonymous", {wide: "anonymous"})
    narrow = await terms(lab, person, vendor, "PDC-AI")
    record = narrow.said[1].mid
    await lab.proffered(person, vendor)
    await shows("anonymous", {wide: "anonymous", record: "anonymous"})
    await step(lab, thread, wide, "profiled")
    await shows("profiled", {wide: "profiled", record: "subscriber"})
    await step(lab, thread, wide, "contributor")
    await shows("contributor", {wide: "contributor", record: "commenter"})
    await lab.say(person, "relationship.retreat", {"stage": "commenter"}, thread)
    await shows("commenter", {wide: "commenter", record: "commenter"})
    await step(lab, thread, wide, "contributor")
    base = await terms(lab, person, vendor, "SD-BASE")
    await shows("contributor", {base.said[1].mid: "commenter", record: "commenter"})
    found = await _view(lab, vendor, thread)
    for one, about, name in ((0, base, "SD-BASE"), (1, narrow, "PDC-AI")):
        by_id = sorted(found["agreements"], key=lambda a: a["id"] != base.said[1].mid)
        right = {"thid": about.thid, "agreement": lab.bodies.agreement(name)}
        got = {member: by_id[one][member] for member in right}
        lab.holds("VRM-STD-003", got == right, str(right), got)
    await lab.say(vendor, "agreement.terminate", {}, base)
    await shows("contributor", {record: "commenter"})
    await lab.say(person, "relationship.retreat", {"stage": "nowhere"}, thread)
    await shows("anonymous", {record: "anonymous"})
    await lab.say(person, "relationship.end", {}, thread)
    await shows("anonymous", {})


@check("VRM-STD-002", "VRM-STD-003", profile="relationship", beside="intent")
async def the_view_tells_a_ladder_of_ones_own_and_an_offer(lab: Lab) -> None:
    """She begins at its lowest rung; an offer that stands is an agreement, and declined it is none."""
    offer = await lab.offered(await lab.published(lab.person()), await lab.vendor())
    person, vendor = offer.first, organisation(offer)
    made: dict[str, list[str]] = {"types": [], "categories": [], "purposes": []}
    rungs = [{"stage": "guest", "title": "g", **made}, {"stage": "friend", "title": "f", **made}]
    rungs += [{"stage": "maker", "title": "m", **made, "purposes": [OPTIMISING]}]
    own = json.dumps({"id": "own", "version": "1.0", "lang": "en", "rungs": rungs}).encode()
    lab.holds("VRM-STD-002", (await lab.put(person, own)).status == 201, "201 to a blob")
    ladder = jose.digest(own)
    body = lab.bodies.relationship(ladder=ladder)
    said = await lab.attempt(person, "relationship.open", body, aud=vendor.id, agr=offer.thid)
    thread = below(offer, lab.taken("VRM-REL-001", said, "open"))
    await _shows(lab, "VRM-STD-002", thread, stage="guest", ladder=ladder)
    analytics = (await terms(lab, person, vendor, "SD-BASE-A")).said[1].mid
    await step(lab, thread, analytics, "maker", ladder=ladder)
    await _shows(lab, "VRM-STD-002", thread, stage="maker")
    for party in (person, vendor):
        rungs_now = _rungs(await _view(lab, party, thread))
        right = {offer.thid: "friend", analytics: "maker"}
        listed = sorted(rungs_now)
        lab.holds("VRM-STD-003", listed == sorted(right), f"the agreements {sorted(right)}", listed)
        lab.holds("VRM-STD-002", rungs_now == right, str(right), rungs_now)
    await step(lab, thread, analytics, "returning")
    await _shows(lab, "VRM-STD-002", thread, stage="returning", ladder=lab.spec.ladder.digest)
    await lab.say(person, "offer.decline", {}, offer)
    for party in (person, vendor):
        listed = list(_rungs(await _view(lab, party, thread)))
        lab.holds("VRM-STD-003", listed == [analytics], "the other agreement alone", listed)


@check("VRM-STD-001", profile="relationship")
async def the_view_tells_her_preferences(lab: Lab) -> None:
    """Those of the opening, and then the last ones as a whole; none before she has said any."""
    thread, _ = await related(lab)
    await _shows(lab, "VRM-STD-001", thread, preferences=None)
    said = {"zone": "Europe/Amsterdam", "quiet": [{"from": "22:00", "to": "07:00"}]}
    await lab.say(thread.first, "relationship.prefer", {"preferences": said}, thread)
    await _shows(lab, "VRM-STD-001", thread, preferences=said)
    body = rate(3, "P1W")
    await lab.say(thread.first, "relationship.prefer", body, thread)
    await _shows(lab, "VRM-STD-001", thread, **body)
    other, _ = await related(lab, preferences=said)
    await _shows(lab, "VRM-STD-001", other, preferences=said)


@check("VRM-STD-003", profile="consent", beside="relationship")
async def the_view_tells_the_consents_in_force(lab: Lab) -> None:
    """Granted, narrowed, renewed; not asked for, refused, withdrawn, given back, of others."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    person, vendor = thread.first, organisation(thread)
    beside, elsewhere = await related(lab, "SD-BASE", "subscriber")
    await granted(lab, beside, elsewhere, MARKETING)

    async def shows(*right: dict[str, Any]) -> None:
        for party in (person, vendor):
            found = (await _view(lab, party, thread))["consents"]
            got = [{**one, "purposes": sorted(one["purposes"])} for one in found]
            got.sort(key=lambda one: str(one["id"]))
            wanted = sorted(right, key=lambda one: str(one["id"]))
            lab.holds("VRM-STD-003", got == wanted, f"the consents {wanted}", got)

    def told(one: Thread, until: int, *purposes: str) -> dict[str, Any]:
        named = {"id": one.said[1].mid, "thid": one.thid, "purposes": sorted(purposes)}
        return {**named, "valid_until": made.now + until}

    made = lab.bodies
    one = await asked_consent(lab, thread, record, MARKETING, QUALITY, RIGHTS)
    await shows()
    body = made.grant(QUALITY, MARKETING)
    await lab.say(person, "consent.grant", body, one, agr=record)
    await shows(told(one, 90 * 86400, MARKETING, QUALITY))
    two = await granted(lab, thread, record, MARKETING, valid_until=made.at(7777))
    await shows(told(one, 90 * 86400, MARKETING, QUALITY), told(two, 7777, MARKETING))
    await lab.say(person, "consent.narrow", {"purposes": [QUALITY]}, one)
    await lab.say(person, "consent.renew", {"valid_until": made.at(9999)}, two, agr=record)
    await shows(told(one, 90 * 86400, QUALITY), told(two, 9999, MARKETING))
    refused = await asked_consent(lab, thread, record, RIGHTS)
    await lab.say(person, "consent.refuse", {}, refused)
    await lab.say(person, "consent.withdraw", {}, one)
    await shows(told(two, 9999, MARKETING))
    await lab.say(vendor, "consent.relinquish", {}, two)
    await shows()
    await granted(lab, thread, record, MARKETING)
    await terms(lab, person, vendor, "SD-BASE-DP")
    await shows()


@check("VRM-STD-002", "VRM-STD-003", profile="consent", beside="intent")
async def the_view_tells_the_rungs_that_consents_reach(lab: Lab) -> None:
    """A rung is reached while the consents that it needs are in force; where she has gone to stays."""
    about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE")
    person, vendor, record = about.first, organisation(about), about.said[1].mid
    every = {"types": ["consent.request"], "categories": [f"{PD}EmailAddress"]}
    rungs = [
        {"stage": "guest", "title": "g", **every, "purposes": []},
        {"stage": "friend", "title": "f", **every, "purposes": [MARKETING]},
        {"stage": "partner", "title": "p", **every, "purposes": [MARKETING, QUALITY]},
    ]
    own = {"id": "own", "version": "1.0", "lang": "en", "rungs": rungs, "salt": lab.rng.random()}
    data = json.dumps(own).encode()
    lab.holds("VRM-STD-002", (await lab.put(person, data)).status == 201, "201 to a blob")
    ladder = jose.digest(data)
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about, ladder=ladder), "open"))

    async def shows(stage: str, reached: str) -> None:
        await _shows(lab, "VRM-STD-002", thread, stage=stage)
        for party in (person, vendor):
            found = _rungs(await _view(lab, party, thread))
            lab.holds("VRM-STD-003", list(found) == [record], f"the agreement {record}", list(found))
            lab.holds("VRM-STD-002", found == {record: reached}, f"the rung {reached}", found)

    await shows("guest", "guest")
    one = await granted(lab, thread, record, MARKETING)
    two = await granted(lab, thread, record, QUALITY)
    await shows("guest", "guest")
    lab.taken("VRM-LAD-007", await step(lab, thread, record, "partner", ladder=ladder), "open")
    await shows("partner", "partner")
    await lab.say(person, "consent.withdraw", {}, two)
    await shows("partner", "friend")
    await lab.say(vendor, "consent.relinquish", {}, one)
    await shows("partner", "guest")
    await granted(lab, thread, record, QUALITY, MARKETING)
    await shows("partner", "partner")


async def _as_of(lab: Lab, party: Party, thread: Thread) -> tuple[dict[str, Any], int]:
    """A view, and the time as of which it is."""
    found = await _view(lab, party, thread)
    claims = receipts.claims(lab.target, found["checkpoint"])
    if isinstance(claims, str):
        raise Failed("VRM-STD-008", "a checkpoint signed by the home", claims)
    return found, int(claims["iat"])


@check("VRM-STD-001", "VRM-STD-006", "VRM-STD-008", profile="relationship", slow=True, patient=True)
async def the_view_is_of_now(lab: Lab) -> None:
    """An invitation that has run out, a correction that is overdue, an attestation that is."""
    thread, record = await related(lab, stage="subscriber")
    over, _ = await related(lab)
    until, made = lab.target.now() + 4, lab.bodies
    near = made.at(until - made.now)
    held = below(thread, lab.taken("VRM-DAT-004", await report(lab, thread, record), "reported"))
    late = below(thread, lab.taken("VRM-COR-001", await correct(lab, held, answer_by=near), "submitted"))
    said = await invite(lab, thread, record, "profiled", answer_by=near)
    lab.taken("VRM-LAD-009", said, "invited")
    await lab.say(over.first, "relationship.end", {"attest_within": "PT2S"}, over)
    end = over.said[-1].receipt["iat"] + 2
    for party in (thread.first, organisation(thread)):
        found, at = await _as_of(lab, party, thread)
        told = f"the state of {at}, before {until} or not"
        lab.holds("VRM-STD-008", (found["state"] == "invited") == (at < until), told, found["state"])
    await asyncio.sleep(max(0.0, until + 1.2 - lab.target.now()))
    for one, moved in ((thread, until), (over, end)):
        for party in (one.first, organisation(one)):
            found, at = await _as_of(lab, party, one)
            lab.holds("VRM-STD-008", at >= moved, f"as of {moved} or later, for it is {found['state']}", at)
    await _shows(lab, "VRM-STD-001", thread, state="open")
    await _shows(lab, "VRM-STD-001", over, state="attest-overdue")
    for party in (thread.first, organisation(thread)):
        corrections = (await _view(lab, party, thread))["corrections"]
        got = [(one["thid"], one["state"]) for one in corrections]
        lab.holds("VRM-STD-006", got == [(late.thid, "overdue")], "a correction that is overdue", got)


@check("VRM-STD-003", profile="consent", beside="relationship", slow=True, patient=True)
async def the_view_tells_no_consent_that_has_lapsed(lab: Lab) -> None:
    """Nor one whose agreement has come to its end."""
    person, vendor, made = lab.person(), await lab.vendor(), lab.bodies
    until = lab.target.now() + 6
    near = made.at(until - made.now)
    other = await terms(lab, person, vendor, "PDC-AI")
    body = {"preferred": made.agreement("SD-BASE"), "acceptable": None, "answer_by": made.at(3)}
    about = await lab.agreed(person, vendor, "SD-BASE", ends=near, **body)
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, other), "open"))
    record = other.said[1].mid
    await step(lab, thread, record, "subscriber")
    await granted(lab, thread, record, MARKETING, valid_until=near)
    await granted(lab, thread, about.said[1].mid, RIGHTS)
    stays = await granted(lab, thread, record, QUALITY)
    await asyncio.sleep(max(0.0, until + 1.2 - lab.target.now()))
    for party in (person, vendor):
        found = await _view(lab, party, thread)
        got = [one["thid"] for one in found["consents"]]
        lab.holds("VRM-STD-003", got == [stays.thid], "the one that is in force", got)
        listed = [one["id"] for one in found["agreements"]]
        lab.holds("VRM-STD-003", listed == [record], "the one agreement in force", listed)


# --- how far it has read --------------------------------------------------------------------------


async def _heads(lab: Lab, thread: Thread, *others: Thread) -> None:
    """Both parties read the last message of each of these threads, and of no other."""
    right = {one.thid: (one.said[-1].receipt["seq"], one.head) for one in (thread, *others)}
    for party in (thread.first, organisation(thread)):
        found = (await _view(lab, party, thread))["heads"]
        got = {one["thid"]: (one["seq"], one["mid"]) for one in found}
        once = len(found) == len(got)
        lab.holds("VRM-STD-009", once and got == right, f"the heads {right}", found)


@check("VRM-STD-009", profile="relationship")
async def the_view_names_the_last_messages_of_what_it_rests_on(lab: Lab) -> None:
    """Of agreements that were made, and of data and corrections; of nothing else between the two."""
    about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE")
    person, vendor, record = about.first, organisation(about), about.said[1].mid
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about), "open"))
    await _heads(lab, thread, about)
    also = await terms(lab, person, vendor, "PDC-AI")
    await lab.proffered(person, vendor)
    await terms(lab, person, await lab.vendor())
    await terms(lab, lab.person(), vendor)
    await step(lab, thread, record, "subscriber")
    await _heads(lab, thread, about, also)
    await lab.say(vendor, "agreement.terminate", {}, also)
    newer = await terms(lab, person, vendor, "SD-BASE-DP")
    record = newer.said[1].mid
    await _heads(lab, thread, about, also, newer)
    await begun(lab, thread, record)
    held = below(thread, lab.taken("VRM-DAT-004", await report(lab, thread, record), "reported"))
    asked = below(thread, lab.taken("VRM-DAT-001", await ask(lab, thread, record), "requested"))
    await lab.say(person, "data.verify", {"as_of": lab.bodies.at(-60)}, held)
    await _heads(lab, thread, about, also, newer, held, asked)
    fixed = below(thread, lab.taken("VRM-COR-001", await correct(lab, held), "submitted"))
    await lab.say(person, "data.refuse", {}, asked)
    await _heads(lab, thread, about, also, newer, held, asked, fixed)
    await lab.say(vendor, "correction.apply", {"applied_at": lab.bodies.at(0)}, fixed)
    await lab.say(person, "relationship.end", {}, thread)
    await _heads(lab, thread, about, also, newer, held, asked, fixed)


@check("VRM-STD-009", profile="consent", beside="relationship")
async def the_view_names_the_last_messages_of_consents(lab: Lab) -> None:
    """Of those in force, of those that are not, and of those that were never given."""
    about = await terms(lab, lab.person(), await lab.vendor(), "SD-BASE")
    person, record = about.first, about.said[1].mid
    thread = below(about, lab.taken("VRM-REL-001", await opened(lab, about), "open"))
    await step(lab, thread, record, "subscriber")
    one = await granted(lab, thread, record, MARKETING)
    two = await asked_consent(lab, thread, record, QUALITY)
    await _heads(lab, thread, about, one, two)
    await lab.say(person, "consent.withdraw", {}, one)
    await lab.say(person, "consent.refuse", {}, two)
    await _heads(lab, thread, about, one, two)


# --- data and corrections -------------------------------------------------------------------------

DATA = ("VRM-STD-004", "VRM-STD-005", "VRM-STD-006", "VRM-STD-007")


def _entry(said: Said, state: str) -> dict[str, Any]:
    """What the view is to tell of a message that shares or reports."""
    claims = jose.claims_of(said.token)
    about = claims["body"]["about"]
    told = {name: about[name] for name in ("purpose", "categories", "fields", "as_of") if name in about}
    return {
        "thid": claims.get("thid", said.mid),
        "mid": said.mid,
        "type": claims["type"],
        **told,
        "agr": claims["agr"],
        "at": said.receipt["iat"],
        "state": state,
    }


@check(*DATA, profile="relationship")
async def the_view_tells_what_was_given_and_what_is_held(lab: Lab) -> None:
    """Every share and report with what it is about, verified where it was, and every correction."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, made = thread.first, organisation(thread), lab.bodies
    other = (await terms(lab, person, vendor, "PDC-GOOD")).said[1].mid
    beside, elsewhere = await related(lab, stage="subscriber")
    await share(lab, beside, elsewhere)
    right: dict[str, list[dict[str, Any]]] = {}
    fixed: list[dict[str, Any]] = []

    async def shows() -> None:
        for party in (person, vendor):
            answer = await _read(lab, party, thread.thid)
            found = await _view(lab, party, thread)
            lab.holds("VRM-STD-007", CANARY not in answer.text.lower(), "nothing of the data", answer.text)
            by_thread: dict[str, list[dict[str, Any]]] = {}
            for one in found["data"]:
                by_thread.setdefault(one["thid"], []).append(one)
            lab.holds(
                "VRM-STD-004", set(by_thread) == set(right), f"the threads {set(right)}", set(by_thread)
            )
            for thid, wanted in right.items():
                got = [{n: v for n, v in e.items() if n != "verified_as_of"} for e in by_thread[thid]]
                bare = [{n: v for n, v in e.items() if n != "verified_as_of"} for e in wanted]
                lab.holds("VRM-STD-004", got == bare, str(bare), got)
                marks = [e.get("verified_as_of") for e in by_thread[thid]]
                wanted_marks = [e.get("verified_as_of") for e in wanted]
                lab.holds("VRM-STD-005", marks == wanted_marks, f"verified as of {wanted_marks}", marks)
            corrections = sorted(found["corrections"], key=lambda one: str(one["thid"]))
            ordered = sorted(fixed, key=lambda one: str(one["thid"]))
            lab.holds("VRM-STD-006", corrections == ordered, str(ordered), corrections)

    await shows()
    body = made.share(MARKETING, "EmailAddress", "Language", fields={"email": CANARY, "language": "nl"})
    given = below(
        thread, lab.taken("VRM-DAT-002", await opening(lab, thread, person, "data.share", body, record))
    )
    right[given.thid] = [_entry(given.said[0], "shared")]
    asked = below(thread, lab.taken("VRM-DAT-001", await ask(lab, thread, record), "requested"))
    await shows()
    body = made.share(ORDERS, fields={CANARY[:3]: CANARY.upper()})
    said = await lab.say(person, "data.share", body, asked, agr=other)
    right[asked.thid] = [_entry(said, "shared")]
    body = made.report(CARE, "Interest", fields={"interest": CANARY})
    body["about"]["sources"] = {"interest": f"a {CANARY}"}
    said = await opening(lab, thread, vendor, "data.report", body, other)
    held = below(thread, lab.taken("VRM-DAT-004", said, "reported"))
    right[held.thid] = [_entry(said, "reported")]
    await shows()
    verified = made.at(-3600)
    await lab.say(person, "data.verify", {"as_of": verified}, held)
    right[held.thid][0]["verified_as_of"] = verified
    await shows()
    body = made.report(CARE, "Language", fields={"language": CANARY}, ago=60)
    said = await lab.say(vendor, "data.report", body, held, agr=record)
    del right[held.thid][0]["verified_as_of"]
    right[held.thid].append(_entry(said, "reported"))
    await shows()
    await lab.say(person, "data.verify", {"as_of": made.at(-30)}, held)
    right[held.thid][1]["verified_as_of"] = made.at(-30)
    again = await lab.say(person, "data.share", made.share(), given, agr=record)
    right[given.thid].append(_entry(again, "shared"))
    await shows()
    patch = {"op": "replace", "path": "/interest", "value": CANARY}
    of_language = {"op": "remove", "path": "/language"}
    threads = [
        below(thread, await correct(lab, held, patch, reason=f"no {CANARY}")),
        below(thread, await correct(lab, held, of_language, of=said.mid)),
        below(thread, await correct(lab, given, {"op": "remove", "path": "/email"})),
        below(thread, await correct(lab, held, patch)),
    ]
    for one in threads:
        lab.taken("VRM-COR-001", one.said[0], "submitted")
        claims = jose.claims_of(one.said[0].token)
        at = one.said[0].receipt["iat"]
        fixed.append({"thid": one.thid, "of": claims["body"]["of"], "state": "submitted", "at": at})
    await shows()
    await lab.say(vendor, "correction.apply", {"applied_at": made.at(0)}, threads[0])
    await lab.say(vendor, "correction.refuse", {"reasons": {"/language": CANARY}}, threads[1])
    await lab.say(person, "correction.withdraw", {}, threads[2])
    for n, state in enumerate(("applied", "refused", "withdrawn")):
        fixed[n]["state"] = state
    await lab.say(vendor, "data.close", {}, held)
    for entry in right[held.thid]:
        entry["state"] = "closed"
    refused = below(thread, lab.taken("VRM-DAT-001", await ask(lab, thread, record), "requested"))
    await lab.say(person, "data.refuse", {}, refused)
    await shows()
    await lab.say(person, "relationship.end", {}, thread)
    for entry in (*right[given.thid], *right[asked.thid]):
        entry["state"] = "closed"
    await shows()
    await lab.say(vendor, "correction.apply", {"applied_at": made.at(0)}, threads[3])
    fixed[3]["state"] = "applied"
    late = lab.taken("VRM-COR-004", await correct(lab, held, patch), "submitted")
    at = late.receipt["iat"]
    fixed.append({"thid": late.mid, "of": held.thid, "state": "submitted", "at": at})
    await shows()


# --- what was refused -----------------------------------------------------------------------------


def _refusal(said: Said, code: str, *purposes: str) -> tuple[str, str, str, tuple[str, ...]]:
    return said.mid, jose.claims_of(said.token)["type"], code, tuple(sorted(purposes))


CLAIMS = ('"body"', '"claims"', '"token"', '"content"', '"iss"', '"jti"', '"agr"', '"answer_by"')
"""What a view might tell of a message that was refused, and is not to."""


async def _ledger(lab: Lab, thread: Thread) -> dict[str, Mapping[str, Any]]:
    """What was refused, by id, each once and the last first; with nothing of it but what is to be there."""
    answer = await _read(lab, thread.first, thread.thid)
    lab.holds("VRM-LED-001", answer.status == 200, "the view", answer.said)
    found = answer.document.get("refused", [])
    lab.holds(
        "VRM-LED-001", CANARY not in answer.text.lower(), "nothing else of what was refused", answer.text
    )
    wanted = {"mid", "at", "type", "code", "purposes"}
    for one in found:
        lab.holds("VRM-LED-001", wanted <= set(one), f"{sorted(wanted)}", one)
        more = json.dumps({name: value for name, value in one.items() if name not in wanted})
        told = [c for c in (organisation(thread).id, thread.thid, *CLAIMS) if c in more]
        lab.holds("VRM-LED-001", not told, "nothing else of what was refused", one)
    times = [one["at"] for one in found]
    lab.holds("VRM-STD-001", times == sorted(times, reverse=True), "the last first", times)
    mids = [one["mid"] for one in found]
    lab.holds("VRM-LED-004", len(set(mids)) == len(mids), "each once", mids)
    return {one["mid"]: one for one in found}


async def _hidden(lab: Lab, thread: Thread, mids: Collection[str]) -> None:
    """The organisation reads nothing of what was refused."""
    other = await _read(lab, organisation(thread), thread.thid)
    lab.holds("VRM-LED-002", other.status == 200, "the view for the organisation", other.said)
    lab.holds("VRM-LED-002", "refused" not in other.document, "no refused for it", sorted(other.document))
    leaked = [mid for mid in mids if mid in other.text]
    lab.holds("VRM-LED-002", not leaked, "nothing of what was refused for it", leaked)


async def _listed(lab: Lab, thread: Thread, right: list[tuple[str, str, str, tuple[str, ...]]]) -> None:
    found = await _ledger(lab, thread)
    got = [(mid, o["type"], o["code"], tuple(sorted(o["purposes"]))) for mid, o in found.items()]
    told = f"{len(right)}: {[(type_, code) for _, type_, code, _ in right]}"
    lab.holds("VRM-LED-001", sorted(got) == sorted(right), told, got)
    now = lab.target.now()
    for one in found.values():
        lab.holds(
            "VRM-LED-001", abs(one["at"] - now) <= 60, f"the time of its refusal, about {now}", one["at"]
        )
    await _hidden(lab, thread, found.keys())


LEDGER = ("VRM-LED-001", "VRM-LED-002", "VRM-LED-004")


@check(*LEDGER, profile="relationship")
async def what_was_refused_is_listed_for_her(lab: Lab) -> None:
    """Each code that counts, in the relationship and below it, once; and no other refusal of either party."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, made = thread.first, organisation(thread), lab.bodies
    right: list[tuple[str, str, str, tuple[str, ...]]] = []
    await _listed(lab, thread, right)
    talk = await begun(lab, thread, record)
    code = "VRM-LED-001"

    async def refused(said: Said, why: str, *purposes: str) -> None:
        lab.refused(code, said, why)
        right.append(_refusal(said, why, *purposes))

    now = lab.target.now()
    body = made.word(OPTIMISING, CANARY)
    there: dict[str, Any] = {"aud": person.id, "pthid": thread.thid, "agr": record}
    said = await lab.attempt(vendor, "dialogue.message", body, **there, iat=now - 900, exp=now + 900)
    await refused(said, "terms-prohibit", OPTIMISING)
    for _ in range(3):
        lab.refused("VRM-LED-004", await lab.send(said.token, "the same once more"), "terms-prohibit")
    said = await lab.attempt(vendor, "dialogue.message", made.word(MARKETING, CANARY), talk, agr=record)
    await refused(said, "consent-needed", MARKETING)
    await refused(await ask(lab, thread, record, ORDERS, "Name"), "stage-forbids", ORDERS)
    said = await invite(lab, thread, record, "profiled", "Username", benefit=CANARY)
    await refused(said, "stage-forbids", CARE)
    await _listed(lab, thread, right)
    asked = below(thread, await ask(lab, thread, record, ORDERS))
    await lab.say(person, "data.refuse", {}, asked)
    await refused(await ask(lab, thread, record, ORDERS), "asked-again", ORDERS)
    await lab.say(person, "relationship.prefer", rate(0), thread)
    await refused(await write(lab, thread, record), "preference-forbids", CARE)
    said = await invite(lab, thread, record, "profiled")
    await refused(said, "preference-forbids")
    await lab.say(person, "relationship.prefer", {"preferences": {"zone": "UTC"}}, thread)
    await lab.say(person, "relationship.pause", {}, thread)
    await refused(await write(lab, thread, record), "relationship-paused", CARE)
    await refused(await report(lab, thread, record), "relationship-paused", CARE)
    await lab.say(person, "relationship.resume", {}, thread)
    # What is no matter of agreement, consents, rung and preferences, and what is hers.
    await lab.say(person, "dialogue.mute", {}, talk)
    lab.refused(
        code, await lab.attempt(vendor, "dialogue.message", made.word(), talk, agr=record), "role-forbidden"
    )
    lab.refused(code, await write(lab, thread, NOTHING), "agreement-unknown")
    lab.refused(code, await invite(lab, thread, record, "contributor"), "step-forbidden")
    body = made.request(answer_by=made.at(-5))
    lab.refused(code, await opening(lab, thread, vendor, "data.request", body, record), "deadline-invalid")
    body = {**made.word(), CANARY: 1}
    lab.refused(code, await opening(lab, thread, vendor, "dialogue.message", body, record), "body-invalid")
    lab.refused(code, await step(lab, thread, record, "anonymous"), "step-forbidden")
    await _listed(lab, thread, right)
    # Another relationship has its own.
    beside, elsewhere = await related(lab, stage="subscriber")
    lab.refused(code, await write(lab, beside, elsewhere, OPTIMISING), "terms-prohibit")
    await _listed(lab, thread, right)
    await lab.say(person, "relationship.end", {}, thread)
    lab.refused(code, await write(lab, thread, record), "agreement-not-live")
    await _listed(lab, thread, right)


@check("VRM-LED-001", "VRM-LED-004", profile="relationship")
async def what_is_taken_later_stays_listed_once(lab: Lab) -> None:
    """The same message, refused first and taken once her preferences allow it."""
    thread, record = await related(lab, stage="returning")
    await lab.say(thread.first, "relationship.prefer", rate(0), thread)
    said = await write(lab, thread, record)
    lab.refused("VRM-LED-001", said, "preference-forbids")
    right = [_refusal(said, "preference-forbids", CARE)]
    await lab.say(thread.first, "relationship.prefer", rate(1), thread)
    again = await lab.send(said.token, "the same, now that it is allowed")
    lab.taken("VRM-LED-001", again, "open")
    await _listed(lab, thread, right)
    await lab.send(said.token, "the same once more")
    await _listed(lab, thread, right)


@check("VRM-LED-001", profile="consent", beside="relationship")
async def refused_requests_for_a_consent_are_listed(lab: Lab) -> None:
    """With all of their purposes, and nothing of what they would have told her."""
    thread, record = await related(lab, stage="subscriber")
    right = []
    for purposes, why in (
        ((OPTIMISING, MARKETING), "terms-prohibit"),
        ((QUALITY, MARKETING), "stage-forbids"),
    ):
        data = [f"{PD}EmailAddress"] if why == "terms-prohibit" else [f"{PD}Name"]
        said = await consent(lab, thread, record, *purposes, data=data, withdrawal=f"Say {CANARY}.")
        lab.refused("VRM-LED-001", said, why)
        right.append(_refusal(said, why, *purposes))
    one = await asked_consent(lab, thread, record, MARKETING, RIGHTS)
    await lab.say(thread.first, "consent.refuse", {}, one)
    said = await consent(lab, thread, record, QUALITY, RIGHTS)
    lab.refused("VRM-LED-001", said, "asked-again")
    right.append(_refusal(said, "asked-again", QUALITY, RIGHTS))
    other = await asked_consent(lab, thread, record, QUALITY)
    made = lab.bodies.grant(OPTIMISING)
    said = await lab.attempt(thread.first, "consent.grant", made, other, agr=record)
    lab.refused("VRM-LED-001", said, "purpose-not-asked")
    await _listed(lab, thread, right)


HUNDRED = 100
MORE = 5


@check("VRM-LED-003", profile="relationship", slow=True)
async def the_first_hundred_of_a_day_are_listed(lab: Lab) -> None:
    """And the others counted; of two relationships each by itself."""
    thread, record = await related(lab, stage="returning")
    beside, elsewhere = await related(lab, stage="returning")
    begin = lab.target.now() // 86400
    sent: list[str] = []
    for _ in range(HUNDRED + MORE):
        said = await write(lab, thread, record, OPTIMISING)
        lab.refused("VRM-LED-003", said, "terms-prohibit")
        sent.append(said.mid)
        if len(sent) in (1, HUNDRED):
            await lab.send(said.token, "the same once more")
            found = await _view(lab, thread.first, thread)
            more = found.get("refused_more", 0)
            lab.holds("VRM-LED-003", more == 0, f"none more after {len(sent)}", more)
    lab.refused("VRM-LED-003", await write(lab, beside, elsewhere, OPTIMISING), "terms-prohibit")
    found = await _view(lab, thread.first, thread)
    alone = await _view(lab, beside.first, beside)
    if lab.target.now() // 86400 != begin:
        raise Inconclusive("the day in UTC ended meanwhile")
    listed = {one["mid"] for one in found["refused"]}
    lab.holds("VRM-LED-003", listed == set(sent[:HUNDRED]), "the first hundred", len(listed))
    lab.holds("VRM-LED-003", len(found["refused"]) == HUNDRED, "a hundred entries", len(found["refused"]))
    more = found.get("refused_more", 0)
    lab.holds("VRM-LED-003", more == MORE, f"{MORE} more", more)
    got = (len(alone["refused"]), alone.get("refused_more", 0))
    lab.holds("VRM-LED-003", got == (1, 0), "one, and none more, in another relationship", got)
