"""The record of a consent, verified by anyone: what is right, and what is found out in it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests import world
from tests.consenting import (
    AGREEMENT,
    CARE,
    DAY,
    MARKETING,
    MATCHING,
    RELATIONSHIP,
    Consent,
    consented,
    granted,
)
from tests.deeds import HOME, NOW, SHOP, SPEC, agreed, key, text
from vrmproto import consent_records, envelope, keys
from vrmproto.cli import app as cli
from vrmproto.consent_records import verify_consent
from vrmproto.findings import Report
from vrmproto.records import matches

Document = dict[str, Any]


def verify(document: Any) -> Report:
    return verify_consent(SPEC, text(document))


def fails(report: Report, requirement: str) -> None:
    assert not report.ok
    assert requirement in {c.requirement for c in report.failed}, report.failed


def long() -> Consent:
    """Asked for three purposes, granted two, narrowed to one, renewed."""
    deed = Consent()
    deed.request(CARE, MARKETING, MATCHING)
    deed.grant(CARE, MARKETING)
    deed.narrow(CARE)
    deed.renew()
    return deed


def ended(*ends: str) -> Consent:
    deed = long()
    for end in ends:
        getattr(deed, end)()
    return deed


def later(days: int, deed: Consent, state: str = "") -> Document:
    deed.now += days * DAY
    return deed.document(state)


GOOD: dict[str, Callable[[], Document]] = {
    "granted": lambda: granted().document(),
    "narrowed and renewed": lambda: long().document(),
    "withdrawn": lambda: ended("withdraw").document(),
    "propagated": lambda: ended("withdraw", "propagated").document(),
    "given back": lambda: ended("relinquish").document(),
    "lapsed": lambda: later(181, long(), "lapsed"),
    "ended with the agreement": lambda: later(2, long(), "withdrawn"),
    "propagated after a lapse": lambda: _told_after_a_lapse().document(),
}


def _told_after_a_lapse() -> Consent:
    deed = long()
    deed.now += 200 * DAY
    deed.propagated()
    return deed


@pytest.mark.parametrize("name", GOOD)
def test_a_good_record_verifies(name: str) -> None:
    document = GOOD[name]()
    report = verify(document)
    assert report.ok, report.failed
    assert report.kind == "consent"
    assert not report.self_homed
    assert report.facts["purposes"] == document["purposes"]
    assert report.facts["messages"][0]["mid"] == document["thid"]
    assert json.loads(json.dumps(report.document()))["ok"] is True


def test_what_rests_on_the_word_of_the_home_is_said() -> None:
    trusted = " / ".join(verify(granted().document()).trusted)
    for what in ("time", "relationship and the agreement", SHOP, HOME):
        assert what in trusted


def test_known_keys_of_the_home_are_asked_first() -> None:
    data = text(granted().document())
    assert verify_consent(SPEC, data, [key("home").public]).ok
    fails(verify_consent(SPEC, data, [key("another").public]), "VRM-REC-010")


def test_white_space_and_unknown_members_do_not_matter() -> None:
    document = granted().document() | {"later": {"minor": "version"}}
    document["keys"][0]["note"] = "kept"
    assert verify_consent(SPEC, json.dumps(document, indent=3).encode()).ok


def test_a_change_of_the_persons_key_elsewhere_is_trusted() -> None:
    deed = granted()
    deed.person = key("second key")
    deed.withdraw()
    report = verify(deed.document())
    assert report.ok, report.failed
    assert report.facts["first"] == key("person").did
    assert report.facts["first_now"] == key("second key").did
    assert any("person's key" in what for what in report.trusted)


def test_a_self_homed_record_is_marked() -> None:
    deed = Consent(home=SHOP, shop=key("home"))
    deed.request()
    deed.grant(CARE)
    report = verify(deed.document())
    assert report.ok, report.failed
    assert report.self_homed


def test_records_of_both_kinds_are_told_apart() -> None:
    assert consent_records.verify(SPEC, text(granted().document())).kind == "consent"
    assert consent_records.verify(SPEC, text(agreed().record())).kind == "record"
    for odd in (b"", b"[]", b"\xff", b'{"kind": "consent"}', b'{"kind": 3}'):
        assert not consent_records.verify(SPEC, odd).ok


def test_two_records_of_a_consent_match_by_their_messages() -> None:
    deed = granted()
    mine, theirs = deed.document(), deed.document(checkpoint=deed.checkpoint(reader=SHOP))
    assert verify(theirs).ok
    assert matches(text(mine), text(theirs))
    assert not matches(text(mine), text(long().document()))


# --- members ---------------------------------------------------------------------------------------


OTHER = keys.b64(b"o" * 32)

MEMBERS: list[tuple[str, Any, str]] = [
    ("kind", "agreement", ""),
    ("id", OTHER, "VRM-CNS-010"),
    ("home", "https://other.example", "VRM-REC-012"),
    ("thid", OTHER, "VRM-CNS-011"),
    ("relationship", OTHER, "VRM-CNS-010"),
    ("agreement", OTHER, "VRM-CNS-010"),
    ("first", key("someone").did, "VRM-CNS-010"),
    ("second", "https://other.example", "VRM-CNS-010"),
    ("granted_at", NOW, "VRM-CNS-010"),
    ("purposes", [CARE, MARKETING], "VRM-CNS-012"),
    ("purposes", [MARKETING], "VRM-CNS-012"),
    ("valid_until", NOW + 1000 * DAY, "VRM-CNS-012"),
    ("valid_until", None, "VRM-CNS-012"),
    ("state", "withdrawn", "VRM-CNS-012"),
    ("state", "nowhere", "VRM-CNS-012"),
    ("messages", [], ""),
    ("keys", [], ""),
    ("checkpoint", "a.b.c", "VRM-ENV-004"),
]


@pytest.mark.parametrize(("name", "value", "requirement"), MEMBERS)
def test_a_changed_member_fails(name: str, value: Any, requirement: str) -> None:
    document = long().document()
    assert document[name] != value
    document[name] = value
    if value is None:
        del document[name]
    fails(verify(document), requirement)


def test_every_member_is_changed_here() -> None:
    assert {name for name, *_ in MEMBERS} == long().document().keys()
    assert long().document()["agreement"] == AGREEMENT
    assert long().document()["relationship"] == RELATIONSHIP


@pytest.mark.parametrize("name", sorted(SPEC.schemas["documents/consent.json"]["required"]))
def test_a_missing_member_fails(name: str) -> None:
    document = long().document()
    del document[name]
    assert not verify(document).ok


# --- messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("member", ["token", "receipt"])
def test_each_signature_is_looked_at(place: int, member: str) -> None:
    document = ended("withdraw", "propagated").document()
    good = document["messages"][place][member]
    head, payload, signature = good.split(".")
    broken = ("B" if signature[0] != "B" else "C") + signature[1:]
    document["messages"][place][member] = f"{head}.{payload}.{broken}"
    fails(verify(document), "VRM-REC-010")


@pytest.mark.parametrize("place", range(6))
def test_each_message_is_missed(place: int) -> None:
    document = ended("withdraw", "propagated").document()
    del document["messages"][place]
    fails(verify(document), "VRM-CNS-011")


@pytest.mark.parametrize("place", range(5))
def test_two_messages_do_not_change_their_places(place: int) -> None:
    document = ended("withdraw", "propagated").document()
    listed = document["messages"]
    listed[place], listed[place + 1] = listed[place + 1], listed[place]
    fails(verify(document), "VRM-CNS-011")


@pytest.mark.parametrize("place", range(6))
def test_no_message_stands_twice(place: int) -> None:
    document = ended("withdraw", "propagated").document()
    document["messages"].insert(place, document["messages"][place])
    fails(verify(document), "VRM-CNS-011")


@pytest.mark.parametrize("place", range(6))
def test_a_message_of_another_thread_does_not_do(place: int) -> None:
    other = Consent(salt="b")
    other.request(CARE, MARKETING, MATCHING)
    other.grant(CARE, MARKETING)
    other.narrow(CARE)
    other.renew()
    other.withdraw()
    other.propagated()
    document = ended("withdraw", "propagated").document()
    token, receipt = other.messages[place]
    document["messages"][place] = {"token": token, "receipt": receipt}
    assert not verify(document).ok


@pytest.mark.parametrize("place", range(5))
def test_receipts_do_not_change_their_places(place: int) -> None:
    document = ended("withdraw", "propagated").document()
    one, two = document["messages"][place], document["messages"][place + 1]
    one["receipt"], two["receipt"] = two["receipt"], one["receipt"]
    fails(verify(document), "VRM-REC-009")


@pytest.mark.parametrize("place", range(6))
def test_each_key_is_needed_and_is_its_own(place: int) -> None:
    document = ended("withdraw", "propagated").document()
    listed = document["keys"]
    signer = envelope.peek(document["messages"][place]["token"])[0]["kid"]
    entry = next(entry for entry in listed if entry["kid"] == signer)
    entry["jwk"] = dict(key("thief", "ES256").public.jwk)
    fails(verify(document), "VRM-REC-010")


RESEALED: list[tuple[Document, str]] = [
    ({"prior": keys.b64(bytes(32))}, "VRM-HOM-012"),
    ({"seq": 3}, "VRM-CNS-011"),
    ({"mid": keys.b64(bytes(32))}, "VRM-REC-009"),
    ({"thid": keys.b64(bytes(32))}, "VRM-REC-012"),
    ({"aud": SHOP}, "VRM-HOM-010"),
    ({"iss": "https://other.example"}, "VRM-REC-012"),
    ({"key": dict(key("someone").public.jwk)}, "VRM-HOM-013"),
    ({"state": "refused"}, "VRM-THR-005"),
    ({"state": "withdrawn"}, "VRM-THR-005"),
    ({"iat": NOW - 5}, "VRM-HOM-014"),
    ({"iat": NOW + 90_000}, "VRM-ENV-027"),
    ({"checkpoint": True}, "VRM-HOM-026"),
]


@pytest.mark.parametrize(("claims", "requirement"), RESEALED)
def test_a_receipt_that_does_not_fit_fails_though_the_home_signed_it(
    claims: Document, requirement: str
) -> None:
    deed = granted()
    document = deed.document()
    token, receipt = deed.messages[1]
    made = envelope.seal(deed.home_key, envelope.peek(receipt)[1] | claims, envelope.RECEIPT)
    document["messages"][1] = {"token": token, "receipt": made}
    fails(verify(document), requirement)


# --- what the rules forbid ---------------------------------------------------------------------------


def test_a_grant_of_what_was_not_asked_for_fails() -> None:
    deed = Consent()
    deed.request(CARE)
    deed.grant(CARE, MARKETING)
    fails(verify(deed.document()), "VRM-CNS-002")


def test_a_narrowing_that_widens_fails() -> None:
    deed = Consent()
    deed.request(CARE, MARKETING)
    deed.grant(CARE)
    deed.narrow(CARE, MARKETING)
    fails(verify(deed.document()), "VRM-CNS-003")


def test_a_grant_by_the_organisation_fails() -> None:
    deed = Consent()
    deed.request(CARE)
    body = {"purposes": [CARE], "valid_until": "2027-06-01T00:00:00Z"}
    deed.other("consent.grant", body, "granted", agr=AGREEMENT)
    document = deed.document(first=key("person").did)
    fails(verify(document), "VRM-THR-005")


def test_a_grant_that_does_not_bind_to_the_request_fails() -> None:
    deed = Consent()
    deed.request(CARE)
    deed.grant(CARE, prev=OTHER)
    fails(verify(deed.document()), "VRM-THR-012")


def test_a_grant_after_answer_by_fails() -> None:
    deed = Consent()
    deed.request(CARE)
    deed.now += 2 * DAY
    deed.grant(CARE)
    fails(verify(deed.document()), "VRM-THR-017")


@pytest.mark.parametrize("move", ["renew", "withdraw", "relinquish"])
def test_what_came_after_valid_until_fails(move: str) -> None:
    deed = long()
    deed.now += 300 * DAY
    getattr(deed, move)()
    fails(verify(deed.document()), "VRM-THR-017")


def test_a_consent_does_not_stay_granted_after_its_time() -> None:
    fails(verify(later(181, long())), "VRM-CNS-007")


def test_a_consent_does_not_lapse_before_its_time() -> None:
    fails(verify(later(100, long(), "lapsed")), "VRM-CNS-007")


def test_a_state_that_nothing_leads_to_fails() -> None:
    for state in ("requested", "refused", "expired", "propagated"):
        fails(verify(long().document(state)), "VRM-THR-018")


def test_a_message_at_the_end_is_missed() -> None:
    deed = long()
    document = deed.document()
    deed.withdraw()
    fails(verify(document | {"checkpoint": deed.checkpoint()}), "VRM-CNS-011")


def test_a_checkpoint_that_contradicts_the_receipts_proves_equivocation() -> None:
    deed = long()
    for claims in ({"mid": OTHER}, {"seq": 1}, {"prior": OTHER}):
        fails(verify(deed.document(checkpoint=deed.checkpoint(**claims))), "VRM-AGT-005")
    fails(verify(deed.document(checkpoint=deed.checkpoint(thid=OTHER))), "VRM-HOM-026")
    fails(verify(deed.document(checkpoint=deed.messages[-1][1])), "VRM-HOM-026")


def test_a_checkpoint_for_a_stranger_fails() -> None:
    deed = long()
    fails(verify(deed.document(checkpoint=deed.checkpoint(reader="https://other.example"))), "VRM-HOM-026")


def test_a_thread_of_another_kind_is_no_consent() -> None:
    deed = agreed()
    document = granted().document()
    document["messages"] = [{"token": t, "receipt": r} for t, r in deed.messages]
    document["keys"] = deed.record()["keys"]
    fails(verify(document), "VRM-CNS-011")


def test_nothing_makes_it_raise() -> None:
    chance = random.Random(11)
    values: list[Any] = [None, 1, "x", [], {}, HOME, SHOP, NOW, True, OTHER]
    names = [*envelope.peek(granted().messages[1][0])[1], *envelope.peek(granted().messages[1][1])[1]]
    for n in range(300):
        document = granted().document()
        if n % 3:
            payload = {name: chance.choice(values) for name in chance.sample(names, 9)}
            typ = chance.choice([envelope.MESSAGE, envelope.RECEIPT])
            place = document["messages"][chance.randrange(2)]
            place[chance.choice(["token", "receipt"])] = envelope.seal(key("home"), payload, typ)
        else:
            name = chance.choice(sorted(document))
            document[name] = chance.choice([value for value in values if value != document[name]])
        assert not verify(document).ok


# --- the command and a home ------------------------------------------------------------------------


def test_the_command_verifies_it(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(text(long().document()))
    bad.write_bytes(text(long().document(purposes=[MARKETING])))
    run, app = CliRunner(), cli.build()
    result = run.invoke(app, ["verify", "--json", str(good)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["kind"] == "consent"
    assert run.invoke(app, ["verify", str(good)]).exit_code == 0
    result = run.invoke(app, ["verify", "--json", str(bad)])
    assert result.exit_code == 1
    assert "VRM-CNS-012" in result.stdout
    assert run.invoke(app, ["inspect", str(good)]).exit_code == 0
    assert run.invoke(app, ["inspect", str(bad)]).exit_code == 1


async def test_what_a_home_serves_verifies() -> None:
    async with world.running() as w:
        person, shop = w.person(), await w.organisation()
        agr, record, thid = await consented(w, person, shop)
        documents = [(await party.read(f"/v1/records/{record}")).body for party in (person, shop)]
        renewal = {"valid_until": "2999-01-01T00:00:00Z"}
        assert (
            await person.send("consent.renew", renewal, shop.id, agr=agr, thid=thid, prev=record)
        ).status == 202
        w.clock.forward(200)
        documents.append((await shop.read(f"/v1/records/{record}")).body)
        assert (
            await person.send("agreement.terminate", {}, shop.id, thid=await _terms(w, person, agr), prev=agr)
        ).status == 202
        documents.append((await person.read(f"/v1/records/{record}")).body)
        for data in documents:
            report = consent_records.verify(SPEC, data)
            assert report.ok, report.failed
        assert [json.loads(data)["state"] for data in documents] == ["granted"] * 3 + ["withdrawn"]


async def _terms(w: world.World, person: world.Party, agr: str) -> str:
    return str((await person.read(f"/v1/records/{agr}")).document["thid"])
