"""The record of a consent as ISO/IEC TS 27560 with DPV: schemas, table, JSON-LD, and what a home serves."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyld import jsonld

from tests import world
from tests.consenting import CARE, DAY, MARKETING, MATCHING, Consent, consented, granted, request
from tests.deeds import SPEC
from tests.world import Reply
from vrmproto import consent_views, timing
from vrmproto.errors import ProtocolError

TABLE = SPEC.consent_views
PROFILES = ("dpv-27560", "dpv-27560-eu-gdpr", "dpv-27560-receipt")
DPV = "https://w3id.org/dpv#"
DCT = "http://purl.org/dc/terms/"
PUBLISHED = json.loads(Path(__file__).with_name("data").joinpath("consent_records.json").read_bytes())

# Terms of DPV 2.1 (w3c/dpv, 2.1/dpv) that the table may use; those of the other vocabularies are in PREFIXED.
TERMS = set(
    re.findall(
        r"[A-Za-z]+",
        """
Authority ConsentExpired ConsentGiven ConsentNotice ConsentReceipt ConsentRecord ConsentRefused
ConsentRequested ConsentRevoked ConsentStatusInvalidForProcessing ConsentWithdrawn DataController
DataSubject DataSubjectDataSource ExplicitlyExpressedConsent PersonalData Process ProcessingLocation
Recipient RenewedConsentGiven Required SpecialCategoryPersonalData StorageDuration StorageLocation
TemporalDuration ThirdParty UntilTimeDuration WithdrawConsent hasAddress hasAuthority
hasConsentControl hasConsentStatus hasContact hasDataController hasDataSource hasDataSubject
hasDuration hasEntity hasIdentifier hasJurisdiction hasLegalBasis hasLocation hasName hasNecessity
hasNotice hasPersonalData hasProcess hasProcessing hasProcessingCondition hasPurpose hasRecipient
hasRecordOfActivity hasRight hasStorageCondition isExercisedAt isIndicatedAtTime isIndicatedBy
""",
    )
)
PREFIXED = {
    "dct": {"audience", "conformsTo", "created", "date", "identifier", "language", "modified", "publisher"},
    "eu-gdpr": {"A6-1-a"},
    "rdf": {"value"},
    "skos": {"broader"},
    "xsd": {"dateTime"},
}


def full() -> Consent:
    """Every event that a purpose may have before the end."""
    deed = Consent()
    deed.request(CARE, MARKETING, MATCHING)
    deed.grant(CARE, MARKETING)
    deed.narrow(CARE)
    deed.renew()
    return deed


def schema(profile: str) -> str:
    return str(TABLE["profiles"][profile]["schema"])


def view(profile: str, deed: Consent, state: str = "") -> dict[str, Any]:
    """A view as it travels."""
    made = consent_views.acceptable(SPEC, profile, deed.document(state))
    return dict(json.loads(json.dumps(made)))


def told(document: dict[str, Any], purpose: str) -> list[dict[str, Any]]:
    """What became of a purpose."""
    short = purpose.replace(DPV, "dpv:")
    (process,) = (p for p in document["dpv:hasProcess"] if p["dpv:hasPurpose"] == short)
    return list(process["dpv:hasConsentStatus"])


def statuses(document: dict[str, Any], purpose: str) -> list[str]:
    types = [event["@type"] for event in told(document, purpose)]
    return [t if isinstance(t, str) else t[0] for t in types]


# --- the schemas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_a_view_fits_its_profile(profile: str) -> None:
    document = view(profile, full())
    assert SPEC.faults(schema(profile), document) == []
    assert SPEC.oracle(schema(profile), document) == []
    assert document["dct:conformsTo"] == TABLE["profiles"][profile]["conforms"]


def test_a_record_under_the_gdpr_is_one_of_the_standard() -> None:
    document = view("dpv-27560-eu-gdpr", full())
    assert SPEC.valid("documents/consent-record-dpv.json", document)
    assert not SPEC.valid("documents/consent-record-dpv-gdpr.json", view("dpv-27560", full()))


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for name in names:
            document.pop(name, None)

    return change


def in_process(*names: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: without(*names)(document["dpv:hasProcess"][0])


def in_party(*names: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: without(*names)(document["dpv:hasEntity"][1])


def in_event(*names: str) -> Callable[[dict[str, Any]], None]:
    """Of the event that consent was given."""
    return lambda document: without(*names)(document["dpv:hasProcess"][0]["dpv:hasConsentStatus"][1])


def _storage(name: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        process = document["dpv:hasProcess"][0]
        listed = process["dpv:hasStorageCondition"]
        process["dpv:hasStorageCondition"] = [one for one in listed if name not in one]

    return change


def _untyped_data(document: dict[str, Any]) -> None:
    del document["dpv:hasProcess"][0]["dpv:hasPersonalData"][0]["skos:broader"]


def _uncategorised(document: dict[str, Any]) -> None:
    del document["dpv:hasProcess"][0]["dpv:hasPersonalData"][0]["@type"]


def _principal(document: dict[str, Any]) -> None:
    without("@id", "dpv:hasIdentifier")(document["dpv:hasDataSubject"])


def _event_type(document: dict[str, Any]) -> None:
    del document["dpv:hasLegalBasis"]


def _language(document: dict[str, Any]) -> None:
    del document["dpv:hasNotice"]["dct:language"]


def _role(document: dict[str, Any]) -> None:
    document["dpv:hasEntity"][1]["@type"] = "dpv:Organisation"


def _only_the_subject(document: dict[str, Any]) -> None:
    del document["dpv:hasEntity"][1:]


def _other_status(document: dict[str, Any]) -> None:
    document["dpv:hasProcess"][0]["dpv:hasConsentStatus"][1]["@type"] = "dpv:ExplicitlyExpressedConsent"


MANDATORY: dict[str, Callable[[dict[str, Any]], None]] = {
    "schema version": without("dct:conformsTo"),
    "record id": without("dct:identifier"),
    "type of the document": without("@type"),
    "principal": without("dpv:hasDataSubject"),
    "principal id": _principal,
    "privacy notice": without("dpv:hasNotice"),
    "language": _language,
    "processes": without("dpv:hasProcess"),
    "purpose": in_process("dpv:hasPurpose"),
    "pii information": in_process("dpv:hasPersonalData"),
    "pii type": _untyped_data,
    "controllers": without("dpv:hasDataController"),
    "storage": in_process("dpv:hasStorageCondition"),
    "storage locations": _storage("dpv:hasLocation"),
    "retention": _storage("dpv:hasDuration"),
    "jurisdiction": without("dpv:hasJurisdiction"),
    "recipients": in_process("dpv:hasRecipient"),
    "withdrawal method": without("dpv:hasConsentControl"),
    "parties": without("dpv:hasEntity"),
    "a party in full": _only_the_subject,
    "party id": in_party("@id", "dpv:hasIdentifier"),
    "party name": in_party("dpv:hasName"),
    "party address": in_party("dpv:hasAddress"),
    "party contact": in_party("dpv:hasContact"),
    "party type": in_party("@type"),
    "events": in_process("dpv:hasConsentStatus"),
    "event time": in_event("dpv:isIndicatedAtTime"),
    "validity duration": in_event("dpv:hasDuration"),
    "event entity id": in_event("dpv:isIndicatedBy"),
    "event state": _other_status,
}
GDPR = MANDATORY | {
    "lawful basis": _event_type,
    "collection method": in_process("dpv:hasDataSource"),
    "processing method": in_process("dpv:hasProcessing"),
    "processing location": in_process("dpv:hasProcessingCondition"),
    "rights": without("dpv:hasRight"),
    "authority": without("dpv:hasAuthority"),
    "party role": _role,
    "necessity": in_process("dpv:hasNecessity"),
    "special category": _uncategorised,
}


def _fails(profile: str, change: Callable[[dict[str, Any]], None]) -> None:
    document = view(profile, full())
    assert SPEC.valid(schema(profile), document)
    change(document)
    assert not SPEC.valid(schema(profile), document)
    assert SPEC.oracle(schema(profile), document)


@pytest.mark.parametrize("field", MANDATORY)
def test_each_mandatory_field_of_a_record_is_missed(field: str) -> None:
    _fails("dpv-27560", MANDATORY[field])


@pytest.mark.parametrize("field", GDPR)
def test_each_field_that_the_gdpr_asks_for_is_missed(field: str) -> None:
    _fails("dpv-27560-eu-gdpr", GDPR[field])


@pytest.mark.parametrize(
    "name", ["@type", "dct:identifier", "dct:conformsTo", "dct:created", "dpv:hasRecordOfActivity"]
)
def test_each_mandatory_field_of_a_receipt_is_missed(name: str) -> None:
    _fails("dpv-27560-receipt", without(name))


@pytest.mark.parametrize("field", MANDATORY)
def test_a_receipt_holds_a_whole_record(field: str) -> None:
    _fails("dpv-27560-receipt", lambda document: MANDATORY[field](document["dpv:hasRecordOfActivity"]))


def test_the_type_of_consent_stands_as_legal_basis_or_beside_the_status() -> None:
    """In our own documents at both places; without either a record fails."""
    deed = Consent()
    deed.request(CARE)
    deed.grant(CARE)
    document = view("dpv-27560", deed)
    del document["dpv:hasLegalBasis"]
    document["dpv:hasConsentStatus"] = document["dpv:hasProcess"][0].pop("dpv:hasConsentStatus")
    assert SPEC.valid(schema("dpv-27560"), document)
    document["dpv:hasConsentStatus"][1]["@type"] = "dpv:ConsentGiven"
    assert not SPEC.valid(schema("dpv-27560"), document)


@pytest.mark.parametrize("name", ["dpv:hasDataController", "dpv:hasJurisdiction", "dpv:hasConsentControl"])
def test_a_member_stands_at_the_record_or_in_each_process(name: str) -> None:
    document = view("dpv-27560", full())
    value = document.pop(name)
    for process in document["dpv:hasProcess"]:
        assert not SPEC.valid(schema("dpv-27560"), document)
        process[name] = value
    assert SPEC.valid(schema("dpv-27560"), document)


# --- records of others -----------------------------------------------------------------------------


@pytest.mark.parametrize("one", PUBLISHED["published"], ids=lambda one: one["name"])
def test_a_published_record_validates_as_far_as_it_holds_the_fields(one: dict[str, Any]) -> None:
    """What it does not hold is missed, each by itself, and nothing else."""
    assert one["source"].startswith("https://")
    patch = [{n: v for n, v in op.items() if n != "field"} for op in one["lacks"]]
    whole = jsonpatch.apply_patch(one["document"], patch)
    assert SPEC.faults(one["schema"], whole) == []
    assert SPEC.oracle(one["schema"], whole) == []
    for n, lack in enumerate(one["lacks"]):
        part = jsonpatch.apply_patch(one["document"], patch[:n] + patch[n + 1 :])
        assert not SPEC.valid(one["schema"], part), lack["field"]


def test_there_are_enough_published_records() -> None:
    assert len(PUBLISHED["published"]) >= 3
    assert {one["schema"] for one in PUBLISHED["published"]} >= {
        "documents/consent-record-dpv.json",
        "documents/consent-receipt-dpv.json",
    }


# --- events ----------------------------------------------------------------------------------------


def test_each_purpose_has_its_own_events() -> None:
    document = view("dpv-27560", full())
    given, renewed = ["dpv:ConsentRequested", "dpv:ConsentGiven"], "dpv:RenewedConsentGiven"
    assert statuses(document, CARE) == [*given, renewed]
    assert statuses(document, MARKETING) == [*given, "dpv:ConsentWithdrawn"]
    assert statuses(document, MATCHING) == ["dpv:ConsentRequested", "dpv:ConsentRefused"]


ENDS: dict[str, tuple[Callable[[Consent], Any], list[str]]] = {
    "withdrawn": (lambda d: d.withdraw(), ["dpv:ConsentWithdrawn"]),
    "relinquished": (lambda d: d.relinquish(), ["dpv:ConsentRevoked"]),
    "propagated": (lambda d: (d.withdraw(), d.propagated()), ["dpv:ConsentWithdrawn"]),
    "propagated after it ended by itself": (
        lambda d: d.propagated(),
        ["dpv:ConsentStatusInvalidForProcessing"],
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_is_an_event_of_what_was_granted(name: str) -> None:
    end, right = ENDS[name]
    deed = full()
    before = view("dpv-27560", deed)
    end(deed)
    document = view("dpv-27560", deed)
    assert statuses(document, CARE) == statuses(before, CARE) + right
    for purpose in (MARKETING, MATCHING):
        assert told(document, purpose) == told(before, purpose)


def test_what_ended_without_a_message_is_told_by_the_home() -> None:
    deed = full()
    deed.now += 200 * DAY
    event = told(view("dpv-27560", deed, "lapsed"), CARE)[-1]
    until = told(view("dpv-27560", deed), CARE)[-1]["dpv:hasDuration"]["rdf:value"]
    assert (event["@type"], event["dpv:isIndicatedAtTime"]) == ("dpv:ConsentExpired", until)
    assert event["dpv:isIndicatedBy"] == deed.home
    event = told(view("dpv-27560", deed, "withdrawn"), CARE)[-1]
    assert (event["@type"], event["dpv:isIndicatedBy"]) == ("dpv:ConsentWithdrawn", deed.home)
    assert event["dpv:isIndicatedAtTime"] == timing.text(deed.now)


def test_an_event_says_when_and_by_whom() -> None:
    deed = granted()
    asked, given = told(view("dpv-27560", deed), CARE)
    record = deed.document()
    assert asked["dpv:isIndicatedBy"] == record["second"]
    assert given["dpv:isIndicatedBy"] == record["first"]
    assert given["dpv:isIndicatedAtTime"] == timing.text(record["granted_at"])
    assert given["dpv:hasDuration"]["rdf:value"] == timing.text(record["valid_until"])
    assert given["@type"] == ["dpv:ConsentGiven", "dpv:ExplicitlyExpressedConsent"]


PURPOSES = [CARE, MARKETING, MATCHING, "https://w3id.org/dpv#SellProducts"]
moves = st.lists(
    st.one_of(
        st.tuples(st.just("narrow"), st.integers(0, 14)),
        st.tuples(st.just("renew"), st.integers(1, 300)),
    ),
    max_size=4,
)


@given(
    st.integers(1, 15),
    moves,
    st.sampled_from(["", "withdraw", "relinquish", "propagated", "lapsed", "withdrawn"]),
)
def test_the_last_event_of_a_purpose_says_whether_it_is_granted(
    first: int, later: list[tuple[str, int]], end: str
) -> None:
    deed = Consent()
    deed.request(*PURPOSES)
    left = [p for n, p in enumerate(PURPOSES) if first >> n & 1]
    deed.grant(*left)
    for name, number in later:
        if name == "renew":
            deed.renew(number * DAY)
        elif fewer := [p for n, p in enumerate(left) if not number >> n & 1]:
            left = fewer
            deed.narrow(*left)
    state = end if end in ("lapsed", "withdrawn") else ""
    if end and not state:
        getattr(deed, end)()
    live = {"dpv:ConsentGiven", "dpv:RenewedConsentGiven"}
    for profile in PROFILES:
        document = view(profile, deed, state)
        record = document.get("dpv:hasRecordOfActivity", document)
        assert [p["dpv:hasPurpose"] for p in record["dpv:hasProcess"]] == [
            p.replace(DPV, "dpv:") for p in PURPOSES
        ]
        for purpose in PURPOSES:
            granted_now = not end and purpose in left
            assert (statuses(record, purpose)[-1] in live) == granted_now
            times = [e["dpv:isIndicatedAtTime"] for e in told(record, purpose)]
            assert state == "lapsed" or times == sorted(times)


# --- JSON-LD ---------------------------------------------------------------------------------------


def nothing_is_fetched(url: str, options: Any) -> Any:
    raise AssertionError(f"{url} was asked for")


def expanded(document: Any) -> list[Any]:
    """JSON-LD in its expanded form."""
    return list(jsonld.expand(document, {"documentLoader": nothing_is_fetched}))


def names(value: Any) -> Iterator[str]:
    """Every property and type in an expanded document."""
    if isinstance(value, list):
        for one in value:
            yield from names(one)
    elif isinstance(value, dict):
        yield from (one for one in value.get("@type", ()) if "@value" not in value)
        for name, inner in value.items():
            if not name.startswith("@"):
                yield name
                yield from names(inner)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_view_expands_without_anything_else(profile: str) -> None:
    document = view(profile, full())
    (node,) = expanded(document)
    prefixes = [v for v in TABLE["context"].values() if isinstance(v, str)]
    for name in names(node):
        assert any(name.startswith(prefix) for prefix in prefixes), name
    compacted = jsonld.compact(node, document["@context"], {"documentLoader": nothing_is_fetched})
    assert expanded(compacted) == [node]
    assert len(jsonld.to_rdf(document, {"documentLoader": nothing_is_fetched})["@default"]) > 60


@pytest.mark.parametrize("profile", PROFILES)
def test_no_member_is_lost_when_a_view_is_expanded(profile: str) -> None:
    def members(value: Any) -> int:
        if isinstance(value, list):
            return sum(map(members, value))
        if not isinstance(value, dict):
            return 0
        inner = [v for n, v in value.items() if not n.startswith("@")]
        return len(inner) + sum(map(members, inner))

    document = view(profile, full())
    (node,) = expanded(document)
    del document["@context"]
    assert members(node) == members(document)


def test_what_is_named_is_an_iri_and_what_is_said_is_text() -> None:
    (node,) = expanded(view("dpv-27560-eu-gdpr", full()))
    assert node["@id"] == node[f"{DCT}conformsTo"][0]["@id"].replace(
        "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr", node["@id"]
    )
    processes = node[f"{DPV}hasProcess"]
    assert [p[f"{DPV}hasPurpose"] for p in processes] == [[{"@id": p}] for p in (CARE, MARKETING, MATCHING)]
    assert processes[0][f"{DPV}hasStorageCondition"][0][f"{DPV}hasLocation"] == [
        {"@id": "https://w3id.org/dpv/loc#NL"},
        {"@id": "https://w3id.org/dpv/loc#DE"},
    ]
    data = processes[0][f"{DPV}hasPersonalData"]
    assert [d["@type"] for d in data] == [[f"{DPV}PersonalData"], [f"{DPV}SpecialCategoryPersonalData"]]
    event = processes[0][f"{DPV}hasConsentStatus"][0]
    assert event[f"{DPV}isIndicatedAtTime"][0]["@type"] == "http://www.w3.org/2001/XMLSchema#dateTime"
    assert node[f"{DPV}hasConsentControl"][0][f"{DPV}isExercisedAt"] == [
        {"@value": "One message, at any time."}
    ]
    described = {party["@id"] for party in node[f"{DPV}hasEntity"]}
    for name in ("hasDataController", "hasAuthority"):
        assert {one["@id"] for one in node[DPV + name]} <= described
    for process in processes:
        assert {one["@id"] for one in process[f"{DPV}hasRecipient"]} <= described


def test_text_that_looks_like_a_term_stays_text() -> None:
    text = f"{DPV}Store is only a text"
    deed = granted(controller={"name": text, "address": f"{DPV}x", "contact": "dpv:x"}, withdrawal=text)
    document = view("dpv-27560", deed)
    party = document["dpv:hasEntity"][1]
    assert (party["dpv:hasName"], party["dpv:hasAddress"]) == (text, f"{DPV}x")
    (node,) = expanded(document)
    assert node[f"{DPV}hasConsentControl"][0][f"{DPV}isExercisedAt"] == [{"@value": text}]


def test_a_published_record_expands_with_the_context_of_the_table() -> None:
    for one in PUBLISHED["published"]:
        (node,) = expanded({"@context": TABLE["context"], **copy.deepcopy(one["document"])})
        assert node["@type"][0].startswith(f"{DPV}Consent")


def test_the_table_uses_terms_that_there_are() -> None:
    text = json.dumps({name: value for name, value in TABLE.items() if name != "comment"})
    used = set(re.findall(r'"((?:dpv|dct|eu-gdpr|rdf|skos|xsd):[A-Za-z0-9-]+)"', text))
    right = {f"dpv:{name}" for name in TERMS}
    right |= {f"{prefix}:{name}" for prefix, known in PREFIXED.items() for name in known}
    assert used == right


# --- the table -------------------------------------------------------------------------------------


def test_every_type_of_a_consent_is_an_event_and_every_state_of_its_own_too() -> None:
    kind = SPEC.kinds["consent"]
    assert TABLE["events"].keys() == {row.type for row in kind.rows}
    came = {target for state in kind.states.values() if state.live for target in state.moves.values()}
    assert TABLE["states"].keys() == came


def test_every_profile_and_view_is_there() -> None:
    query = next(e for e in SPEC.endpoints if e["name"] == "records")["query"][0]
    assert tuple(TABLE["profiles"]) == PROFILES
    assert all(re.search(query["pattern"], name) for name in PROFILES)
    used = {e["view"] for v in TABLE["views"].values() for e in v["map"] if "view" in e}
    used |= {profile["view"] for profile in TABLE["profiles"].values()}
    assert TABLE["views"].keys() == used
    answers = next(e for e in SPEC.endpoints if e["name"] == "records")["answers"]
    assert {a["schema"] for a in answers if a["media"] == "application/ld+json"} == set(map(schema, PROFILES))


@pytest.mark.parametrize("body", SPEC.types["consent.request"].schema["examples"])
def test_every_example_of_a_request_has_its_view(body: dict[str, Any]) -> None:
    """One that says no address has none here either, and is refused."""
    deed = Consent()
    changes = {name: body[name] for name in body if name not in ("purposes", "answer_by")}
    deed.request(*body["purposes"], **changes)
    deed.grant(body["purposes"][0])
    document = consent_views.view(SPEC, "dpv-27560", deed.document())
    assert [p["dpv:hasName"] for p in document["dpv:hasEntity"][1:]] == [
        party["name"] for party in (body["controller"], *body["recipients"], body["authority"])
    ]
    addressed = all("address" in body[n] for n in ("controller", "authority"))
    assert SPEC.valid(schema("dpv-27560"), document) == addressed


def test_a_consent_that_was_asked_for_without_an_address_has_no_such_form() -> None:
    body = request(0)
    for profile in PROFILES:
        for name in ("controller", "authority"):
            bare = {n: v for n, v in body[name].items() if n != "address"}
            with pytest.raises(ProtocolError) as refused:
                consent_views.acceptable(SPEC, profile, granted(**{name: bare}).document())
            assert (refused.value.code, refused.value.rule) == ("not-acceptable", "VRM-CNS-016")
            assert bare["name"] in refused.value.detail


def test_the_record_of_an_agreement_has_no_such_form() -> None:
    with pytest.raises(ProtocolError) as refused:
        consent_views.acceptable(SPEC, "dpv-27560", {"kind": "agreement"})
    assert (refused.value.code, refused.value.rule) == ("not-acceptable", "VRM-CNS-016")


# --- a home ----------------------------------------------------------------------------------------


async def test_a_home_gives_a_consent_in_each_profile() -> None:
    async with world.running() as w:
        person, shop = w.person(), await w.organisation()
        _, record, thid = await consented(w, person, shop)
        for profile, party in itertools.product(PROFILES, (person, shop)):
            reply = await party.read(f"/v1/records/{record}?profile={profile}")
            assert reply.status == 200, reply.document
            assert reply.headers["Content-Type"].startswith("application/ld+json")
            assert reply.headers["Cache-Control"] == "no-store"
            assert SPEC.faults(schema(profile), reply.document) == []
            expanded(reply.document)
            document = reply.document.get("dpv:hasRecordOfActivity", reply.document)
            assert document["@id"] == f"{w.origin}/v1/records/{record}"
            assert statuses(document, MARKETING) == ["dpv:ConsentRequested", "dpv:ConsentGiven"]
        await person.send("consent.withdraw", {}, shop.id, thid=thid, prev=record)
        reply = await shop.read(f"/v1/records/{record}?profile=dpv-27560")
        assert statuses(reply.document, MARKETING)[-1] == "dpv:ConsentWithdrawn"
        plain = await person.read(f"/v1/records/{record}")
        assert plain.headers["Content-Type"].startswith("application/json")
        assert plain.document["kind"] == "consent"
        stranger = w.person()
        assert (await stranger.read(f"/v1/records/{record}?profile=dpv-27560")).code == "not-found"


def _refused(reply: Reply, code: str, status: int, rule: str) -> None:
    assert (reply.code, reply.status, reply.document["requirement"]) == (code, status, rule)
    assert SPEC.faults("documents/problem.json", reply.document) == []


async def test_a_lapse_shows_in_the_view() -> None:
    async with world.running() as w:
        person, shop = w.person(), await w.organisation()
        _, record, _ = await consented(w, person, shop)
        w.clock.forward(91 * DAY)
        reply = await person.read(f"/v1/records/{record}?profile=dpv-27560")
        event = told(reply.document, MARKETING)[-1]
        assert (event["@type"], event["dpv:isIndicatedBy"]) == ("dpv:ConsentExpired", w.origin)
        assert event["dpv:isIndicatedAtTime"] < timing.text(int(w.clock()))


async def test_another_profile_is_refused_and_that_of_an_agreement_too() -> None:
    async with world.running() as w:
        person, shop = w.person(), await w.organisation()
        agr, record, _ = await consented(w, person, shop)
        for wrong in ("dpv", "dpv-27560-", "DPV-27560", "dpv-27560%0A", "", "dpv-27560&profile=dpv-27560"):
            reply = await person.read(f"/v1/records/{record}?profile={wrong}")
            _refused(reply, "request-invalid", 400, "VRM-HOM-015")
        for profile in PROFILES:
            reply = await person.read(f"/v1/records/{agr}?profile={profile}")
            _refused(reply, "not-acceptable", 406, "VRM-CNS-016")
        assert (await person.read(f"/v1/records/{agr}")).status == 200


async def test_what_was_asked_for_without_an_address_is_refused_and_stays_readable() -> None:
    async with world.running() as w:
        person, shop = w.person(), await w.organisation()
        bare = {"name": "De Autohandel B.V.", "contact": "mailto:privacy@shop.example"}
        _, record, _ = await consented(w, person, shop, controller=bare)
        reply = await person.read(f"/v1/records/{record}?profile=dpv-27560")
        _refused(reply, "not-acceptable", 406, "VRM-CNS-016")
        assert "De Autohandel B.V." in reply.document["detail"]
        assert (await person.read(f"/v1/records/{record}")).status == 200
