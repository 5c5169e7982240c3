"""The record of a consent as ISO/IEC TS 27560 with DPV: the profiles that there are, and what has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conformance import jose
from conformance.bodies import MARKETING, QUALITY, RIGHTS
from conformance.checks.below import below, consent, organisation
from conformance.checks.relationships import related
from conformance.lab import Lab, Party, Thread, check
from conformance.target import Answer

__all__: list[str] = []

SCHEMAS = {
    "dpv-27560": "documents/consent-record-dpv.json",
    "dpv-27560-eu-gdpr": "documents/consent-record-dpv-gdpr.json",
    "dpv-27560-receipt": "documents/consent-receipt-dpv.json",
}
CONFORMS = {
    "dpv-27560": "https://w3id.org/dpv/schema/dpv-27560#record",
    "dpv-27560-eu-gdpr": "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr",
    "dpv-27560-receipt": "https://w3id.org/dpv/schema/dpv-27560#receipt",
}
DPV = "https://w3id.org/dpv#"
ADDRESS = "Damrak 1, 1012 LG Amsterdam"
Event = tuple[str, str, str, str]
"""Status, time, who, and until when or ''."""


def _addressed(lab: Lab) -> dict[str, Any]:
    """What of a request names somebody, with addresses."""
    made = lab.bodies.consent(MARKETING)
    recipient = {"name": "Bezorgd B.V.", "contact": "tel:+31101234567", "address": ADDRESS}
    named: dict[str, Any] = {name: {**made[name], "address": ADDRESS} for name in ("controller", "authority")}
    return {**named, "recipients": [recipient]}


def _url(lab: Lab, id_: str, profile: str) -> str:
    return f"{lab.target.endpoint('records')}/{id_}?profile={profile}"


async def _asked(lab: Lab, above: Thread, record: str, *purposes: str, **body: Any) -> Thread:
    """A consent that is asked for."""
    said = lab.taken("VRM-CNS-001", await consent(lab, above, record, *purposes, **body), "requested")
    return below(above, said)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _expected(one: Thread) -> dict[str, list[Event]]:
    """What became of each purpose, by the messages as they were sent."""
    told: dict[str, list[Event]] = {}
    left: list[str] = []
    for said in one.said:
        claims = jose.claims_of(said.token)
        type_, body = claims["type"], claims["body"]
        named = body.get("purposes", left)
        until = body.get("answer_by") or body.get("valid_until") or ""
        means = {
            "consent.request": ("ConsentRequested", ""),
            "consent.grant": ("ConsentGiven", "ConsentRefused"),
            "consent.narrow": ("", "ConsentWithdrawn"),
            "consent.renew": ("RenewedConsentGiven", ""),
            "consent.withdraw": ("ConsentWithdrawn", ""),
            "consent.relinquish": ("ConsentRevoked", ""),
        }
        status, others = means.get(type_, ("", ""))
        at = _time(said.receipt["iat"])
        for purpose in left:
            if others and purpose not in named:
                told[purpose].append((others, at, claims["iss"], ""))
        for purpose in named:
            if status:
                told.setdefault(purpose, []).append((status, at, claims["iss"], until))
        left = [] if type_ in ("consent.withdraw", "consent.relinquish") else list(named)
    return told


def _long(text: str) -> str:
    """A term with its prefix of DPV as an IRI."""
    return text.replace("dpv:", DPV) if text.startswith("dpv:") else text


def _shown(process: Mapping[str, Any]) -> list[Event]:
    """The events of a process, as _expected has them."""
    found = []
    for event in process["dpv:hasConsentStatus"]:
        types = event["@type"] if isinstance(event["@type"], list) else [event["@type"]]
        until = event.get("dpv:hasDuration", {}).get("rdf:value", "")
        at, by = event["dpv:isIndicatedAtTime"], event["dpv:isIndicatedBy"]
        found.append((types[0].removeprefix("dpv:"), at, by, until))
    return found


def _holds(lab: Lab, profile: str, answer: Answer, one: Thread, purposes: Sequence[str]) -> None:
    """A view of a consent, against what was said."""
    rule = "VRM-CNS-015"
    lab.holds(rule, answer.status == 200, f"the record as {profile}", answer.said)
    lab.holds(rule, answer.media == "application/ld+json", "application/ld+json", answer.media)
    document = answer.document
    faults = lab.spec.faults(SCHEMAS[profile], document)
    lab.holds(rule, not faults, f"valid against {SCHEMAS[profile]}", faults[:3])
    conforms = document["dct:conformsTo"]
    lab.holds(rule, conforms == CONFORMS[profile], CONFORMS[profile], conforms)
    context = isinstance(document.get("@context"), dict) and document["@context"].get("dpv") == DPV
    lab.holds(rule, context, "a @context inside, with the prefixes", document.get("@context"))
    found = document.get("dpv:hasRecordOfActivity", document)
    id_ = one.said[1].mid
    lab.holds(rule, found["dct:identifier"] == id_, f"the id {id_}", found["dct:identifier"])
    body = jose.claims_of(one.said[0].token)["body"]
    parties = {party["dpv:hasName"]: party for party in found["dpv:hasEntity"] if "dpv:hasName" in party}
    for told in (body["controller"], *body["recipients"], body["authority"]):
        party = parties.get(told["name"], {})
        reached = (party.get("dpv:hasAddress"), party.get("dpv:hasContact"))
        named = (told["address"], told["contact"])
        lab.holds(rule, reached == named, f"{told['name']} with {named}", reached)
    for name, value in (
        ("dpv:hasDataController", organisation(one).id),
        ("dpv:hasJurisdiction", f"loc:{body['jurisdiction']}"),
    ):
        lab.holds(rule, found[name] == value, f"{name} {value}", found[name])
    language = found["dpv:hasNotice"]["dct:language"]
    lab.holds(rule, language == body["notice"]["lang"], body["notice"]["lang"], language)
    processes = {_long(process["dpv:hasPurpose"]): process for process in found["dpv:hasProcess"]}
    lab.holds(rule, [*processes] == [*purposes], f"the purposes {[*purposes]}", [*processes])
    for purpose, right in _expected(one).items():
        got = _shown(processes[purpose])
        lab.holds(rule, got == right, f"{purpose}: {right}", got)


async def _everywhere(lab: Lab, one: Thread, purposes: Sequence[str]) -> None:
    """Each profile to both parties, and to nobody else."""
    id_ = one.said[1].mid
    for profile in SCHEMAS:
        for party in (one.first, organisation(one)):
            answer = await lab.get(party, _url(lab, id_, profile))
            _holds(lab, profile, answer, one, purposes)
        lab.refused("VRM-CNS-010", await lab.get(lab.person(), _url(lab, id_, profile)), "not-found")


@check("VRM-CNS-015", profile="consent", beside="relationship")
async def a_consent_is_given_in_each_profile(lab: Lab) -> None:
    """After each message: granted in part, narrowed, renewed; withdrawn, and given back."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    purposes = (MARKETING, QUALITY, RIGHTS)
    for end in ("consent.withdraw", "consent.relinquish"):
        one = await _asked(lab, thread, record, *purposes, **_addressed(lab))
        person, vendor = one.first, organisation(one)
        made = lab.bodies.grant(MARKETING, QUALITY)
        await lab.say(person, "consent.grant", made, one, agr=record)
        await _everywhere(lab, one, purposes)
        await lab.say(person, "consent.narrow", {"purposes": [QUALITY]}, one)
        await lab.say(person, "consent.renew", {"valid_until": lab.bodies.at(9000)}, one, agr=record)
        await _everywhere(lab, one, purposes)
        await lab.say(person if end == "consent.withdraw" else vendor, end, {}, one)
        await _everywhere(lab, one, purposes)


async def _none(lab: Lab, party: Party, id_: str) -> None:
    for profile in SCHEMAS:
        lab.refused("VRM-CNS-016", await lab.get(party, _url(lab, id_, profile)), "not-acceptable")
    answer = await lab.get(party, f"{lab.target.endpoint('records')}/{id_}")
    lab.holds("VRM-CNS-016", answer.status == 200, "the record itself", answer.said)


@check("VRM-CNS-016", profile="consent", beside="relationship")
async def what_has_no_such_form_is_not_acceptable(lab: Lab) -> None:
    """An agreement, and a consent that was asked for without an address of one of the parties."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    for party in (thread.first, organisation(thread)):
        await _none(lab, party, record)
    full = _addressed(lab)
    for name in full:
        said = full[name][0] if name == "recipients" else full[name]
        bare: Any = {member: value for member, value in said.items() if member != "address"}
        bare = [bare] if name == "recipients" else bare
        one = await _asked(lab, thread, record, MARKETING, **{**full, name: bare})
        await lab.say(one.first, "consent.grant", lab.bodies.grant(MARKETING), one, agr=record)
        await _none(lab, organisation(one), one.said[1].mid)


@check("VRM-HOM-015", profile="consent", beside="relationship")
async def a_profile_that_there_is_not_is_refused(lab: Lab) -> None:
    """Another name, none, a name twice; of an agreement as of a consent."""
    thread, record = await related(lab, "SD-BASE", "subscriber")
    one = await _asked(lab, thread, record, MARKETING, **_addressed(lab))
    await lab.say(one.first, "consent.grant", lab.bodies.grant(MARKETING), one, agr=record)
    for id_ in (record, one.said[1].mid):
        for wrong in ("dpv", "dpv-27560-gdpr", "DPV-27560", "", "dpv-27560&profile=dpv-27560"):
            lab.refused("VRM-HOM-015", await lab.get(one.first, _url(lab, id_, wrong)), "request-invalid")
