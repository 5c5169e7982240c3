from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.deeds import HOME, NOW, SHOP, SPEC, Deed, agreed, agreement, countered, discovery, key, text
from vrmproto import envelope, keys
from vrmproto.findings import Report
from vrmproto.records import contradict, matches, message_ids, verify_record, verify_thread


def verify(document: Any) -> Report:
    return verify_record(SPEC, text(document))


def fails(report: Report, requirement: str) -> None:
    assert not report.ok
    assert requirement in {c.requirement for c in report.failed}, report.failed


def rotated() -> Deed:
    deed = agreed()
    deed.rotate(key("second key"), nkt=key("third key").public.kid)
    deed.rotate(key("third key"), proof=False)
    return deed


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "accepted": lambda: agreed().record(),
    "countered": lambda: countered().record("SD-BASE-A"),
    "rotated": lambda: rotated().record(accepted=1),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_record_verifies(name: str) -> None:
    document = GOOD[name]()
    report = verify(document)
    assert report.ok, report.failed
    assert not SPEC.faults("documents/record.json", document)
    assert not report.self_homed
    assert report.facts["known_here"]
    assert report.facts["executed_at"] == document["executed_at"]
    assert json.loads(json.dumps(report.document()))["ok"] is True


def test_the_record_says_who_is_first_now() -> None:
    document = rotated().record(accepted=1)
    facts = verify(document).facts
    assert facts["first"] == key("person").did
    assert facts["first_now"] == key("third key").did


def test_white_space_and_unknown_members_do_not_matter() -> None:
    document = agreed().record() | {"later": {"minor": "version"}}
    document["keys"][0]["note"] = "kept"
    document["messages"][1]["more"] = 1
    assert verify_record(SPEC, json.dumps(document, indent=3).encode()).ok


def test_the_keys_are_those_that_signed() -> None:
    document = agreed().record()
    by_source = {e["source"]: e for e in document["keys"]}
    assert set(by_source) == {"home", "did:jwk", "discovery"}
    assert len(document["keys"]) == 3
    assert base64.urlsafe_b64decode(by_source["discovery"]["document"] + "==") == discovery(
        SHOP, key("shop", "ES256")
    )
    assert by_source["discovery"]["seen_at"] == NOW + 55


def test_what_rests_on_the_word_of_the_home_is_said() -> None:
    document = agreed().record()
    trusted = " / ".join(verify(document).trusted)
    assert "time" in trusted
    assert "order" in trusted
    assert f"the discovery document of {SHOP}: it is unsigned" in trusted
    del document["keys"][2]["document"]
    assert any(SHOP in t and "no discovery document" in t for t in verify(document).trusted)
    del document["checkpoint"]
    report = verify(document)
    assert report.ok
    assert any("checkpoint" in t for t in report.trusted)


def test_known_keys_of_the_home_are_asked_first() -> None:
    data = text(agreed().record())
    assert verify_record(SPEC, data, [key("home").public]).ok
    assert not any("home.example" in t for t in verify_record(SPEC, data, [key("home").public]).trusted)
    fails(verify_record(SPEC, data, [key("another").public]), "VRM-REC-010")


def test_a_self_homed_record_is_marked() -> None:
    deed = Deed(home=SHOP)
    deed.proffer()
    deed.accept()
    report = verify(deed.record())
    assert report.ok, report.failed
    assert report.self_homed


def test_an_agreement_ends_and_the_record_stays_readable() -> None:
    deed = agreed()
    record_messages = list(deed.messages)
    deed.first("agreement.terminate", {}, "terminated")
    checkpoint = deed.checkpoint()
    deed.messages = record_messages
    report = verify(deed.record(accepted=1) | {"state": "terminated", "checkpoint": checkpoint})
    assert report.ok, report.failed
    assert report.facts["state"] == "terminated"
    assert any("later messages" in t for t in report.trusted)


def test_a_deadline_moves_the_state_without_a_message() -> None:
    deed = agreed()
    ended = deed.record() | {"state": "ended", "checkpoint": deed.checkpoint("ended")}
    assert verify(ended).ok
    odd = deed.record() | {"state": "withdrawn", "checkpoint": deed.checkpoint("withdrawn")}
    fails(verify(odd), "VRM-THR-018")


def test_a_rotation_in_another_thread_of_the_pair_rebinds_too() -> None:
    other = agreed()
    other.rotate(key("second key"))
    deed = Deed(salt="b")
    deed.proffer()
    deed.person = key("second key")
    deed.alternative()
    deed.accept("SD-BASE-A", by_first=True)
    document = deed.record("SD-BASE-A")
    fails(verify(document), "VRM-REC-012")
    token, receipt = other.messages[-1]
    document["messages"].insert(1, {"token": token, "receipt": receipt})
    report = verify(document)
    assert report.ok, report.failed


# --- forgeries -----------------------------------------------------------------------------------


def _executed(d: dict[str, Any]) -> None:
    d["executed_at"] -= 1


def _manifest(d: dict[str, Any]) -> None:
    d["manifest"] = keys.b64(agreement("PDC-AI").manifest)


def _agreement(d: dict[str, Any]) -> None:
    d["agreement"] = agreement("SD-BASE").reference
    d["manifest"] = keys.b64(agreement("SD-BASE").manifest)


def _swap_receipts(d: dict[str, Any]) -> None:
    one, two = d["messages"]
    one["receipt"], two["receipt"] = two["receipt"], one["receipt"]


def _swap_messages(d: dict[str, Any]) -> None:
    d["messages"].reverse()


def _state(d: dict[str, Any]) -> None:
    d["state"] = "terminated"


def _bare_state(d: dict[str, Any]) -> None:
    d["state"] = "terminated"
    del d["checkpoint"]


def _id(d: dict[str, Any]) -> None:
    d["id"] = d["thid"]


def _thid(d: dict[str, Any]) -> None:
    d["thid"] = d["id"]


def _first(d: dict[str, Any]) -> None:
    d["first"] = key("someone").did


def _second(d: dict[str, Any]) -> None:
    d["second"] = "https://other.example"


def _home(d: dict[str, Any]) -> None:
    d["home"] = "https://other.example"


def _other_key(d: dict[str, Any]) -> None:
    """Another key of the second party under the old kid."""
    next(e for e in d["keys"] if e["source"] == "discovery")["jwk"] = dict(key("thief", "ES256").public.jwk)


def _no_key(d: dict[str, Any]) -> None:
    d["keys"] = [e for e in d["keys"] if e["source"] != "discovery"]
    d["keys"].append(d["keys"][0])


def _source(d: dict[str, Any]) -> None:
    next(e for e in d["keys"] if e["source"] == "discovery")["source"] = "home"


def _seen_at(d: dict[str, Any]) -> None:
    next(e for e in d["keys"] if e["source"] == "discovery")["seen_at"] += 1


def _document(d: dict[str, Any]) -> None:
    other = discovery(SHOP, key("thief", "ES256"))
    next(e for e in d["keys"] if e["source"] == "discovery")["document"] = keys.b64(other)


def _document_of_another(d: dict[str, Any]) -> None:
    other = discovery("https://other.example", key("shop", "ES256"))
    next(e for e in d["keys"] if e["source"] == "discovery")["document"] = keys.b64(other)


def _revoked(d: dict[str, Any]) -> None:
    kid = key("shop", "ES256").public.kid
    other = discovery(SHOP, key("shop", "ES256"), historical_keys=[{"kid": kid, "revoked_at": NOW}])
    next(e for e in d["keys"] if e["source"] == "discovery")["document"] = keys.b64(other)


def _checkpoint_is_a_receipt(d: dict[str, Any]) -> None:
    d["checkpoint"] = d["messages"][-1]["receipt"]


TAMPERED: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_executed, "VRM-REC-003"),
    (_manifest, "VRM-REC-011"),
    (_agreement, "VRM-REC-011"),
    (_swap_receipts, "VRM-REC-009"),
    (_swap_messages, "VRM-REC-009"),
    (_state, "VRM-REC-007"),
    (_bare_state, "VRM-REC-007"),
    (_id, "VRM-REC-009"),
    (_thid, "VRM-REC-009"),
    (_first, "VRM-REC-004"),
    (_second, "VRM-REC-004"),
    (_home, "VRM-REC-012"),
    (_other_key, "VRM-REC-010"),
    (_no_key, "VRM-REC-010"),
    (_source, "VRM-REC-010"),
    (_seen_at, "VRM-REC-006"),
    (_document, "VRM-REC-010"),
    (_document_of_another, "VRM-REC-010"),
    (_revoked, "VRM-REC-010"),
    (_checkpoint_is_a_receipt, "VRM-HOM-026"),
]


@pytest.mark.parametrize(("tamper", "requirement"), TAMPERED, ids=lambda v: getattr(v, "__name__", v))
def test_a_changed_record_fails(tamper: Callable[[dict[str, Any]], None], requirement: str) -> None:
    document = agreed().record()
    tamper(document)
    fails(verify(document), requirement)


def test_a_dropped_alternative_is_missed() -> None:
    document = countered().record("SD-BASE-A")
    del document["messages"][1]
    fails(verify(document), "VRM-REC-002")


def test_a_dropped_message_of_a_longer_thread_is_missed() -> None:
    document = rotated().record(accepted=1)
    del document["messages"][2]
    fails(verify(document), "VRM-ID-021")


def test_a_proffer_of_another_thread_does_not_do() -> None:
    other = Deed(salt="b")
    other.proffer("SD-BASE-DP", "SD-BASE")
    document = agreed().record()
    token, receipt = other.messages[0]
    document["messages"][0] = {"token": token, "receipt": receipt}
    report = verify(document)
    fails(report, "VRM-REC-009")
    document["thid"] = other.thid
    fails(verify(document), "VRM-REC-012")


def resealed(deed: Deed, place: int, signer: keys.PrivateKey | None = None, **claims: Any) -> Deed:
    """The receipt at `place` signed anew with other claims: what only the home itself could do."""
    token, receipt = deed.messages[place]
    told = {n: v for n, v in (envelope.peek(receipt)[1] | claims).items() if v is not None}
    deed.messages[place] = (token, envelope.seal(signer or deed.home_key, told, envelope.RECEIPT))
    return deed


RESEALED: list[tuple[dict[str, Any], str]] = [
    ({"prior": keys.b64(bytes(32))}, "VRM-HOM-012"),
    ({"prior": None}, "VRM-HOM-012"),
    ({"seq": 3}, "VRM-REC-002"),
    ({"mid": keys.b64(bytes(32))}, "VRM-REC-009"),
    ({"thid": keys.b64(bytes(32))}, "VRM-REC-012"),
    ({"aud": "https://other.example"}, "VRM-HOM-010"),
    ({"iss": "https://other.example"}, "VRM-REC-012"),
    ({"key": dict(key("person").public.jwk)}, "VRM-HOM-013"),
    ({"key_seen_at": None}, "VRM-HOM-013"),
    ({"state": "rejected"}, "VRM-THR-005"),
    ({"iat": NOW - 5}, "VRM-HOM-014"),
    ({"iat": NOW + 90_000}, "VRM-ENV-027"),
]


@pytest.mark.parametrize(
    ("claims", "requirement"), RESEALED, ids=lambda v: v if isinstance(v, str) else next(iter(v))
)
def test_a_receipt_that_does_not_fit_fails_though_the_home_signed_it(
    claims: dict[str, Any], requirement: str
) -> None:
    deed = agreed()
    document = deed.record()
    token, receipt = resealed(deed, 1, **claims).messages[1]
    document["messages"][1] = {"token": token, "receipt": receipt}
    fails(verify(document), requirement)


def test_a_checkpoint_does_not_stand_in_for_a_receipt() -> None:
    """It has a later time: whoever put it there could date the agreement anew."""
    deed = agreed()
    later = deed.checkpoint(reader=SHOP)
    document = deed.record() | {"executed_at": deed.now}
    document["messages"][1]["receipt"] = later
    fails(verify(document), "VRM-HOM-026")


def test_a_receipt_of_another_home_fails() -> None:
    deed = agreed()
    document = deed.record()
    token, receipt = resealed(deed, 1, key("other home"), iss="https://other.example").messages[1]
    document["messages"][1] = {"token": token, "receipt": receipt}
    fails(verify(document), "VRM-REC-010")
    other = key("other home").public
    document["keys"].append({"kid": other.kid, "jwk": dict(other.jwk), "source": "home"})
    fails(verify(document), "VRM-REC-012")


def test_a_second_party_that_is_made_up_needs_the_home() -> None:
    """A stranger's key is found out by its document; without one it is named as the home's word."""
    deed = Deed(shop=key("thief", "ES256"))
    deed.proffer()
    deed.accept()
    document = deed.record()
    entry = next(e for e in document["keys"] if e["source"] == "discovery")
    entry["document"] = keys.b64(discovery(SHOP, key("shop", "ES256")))
    fails(verify(document), "VRM-REC-010")
    del entry["document"]
    assert any(SHOP in t for t in verify(document).trusted)


def test_the_wrong_role_fails() -> None:
    deed = Deed()
    deed.proffer()
    body = {"accepts": deed.thid, "agreement": agreement("SD-BASE-DP").reference, "lang": "en", "place": "NL"}
    deed.first("terms.accept", body, "agreed")
    fails(verify(deed.record()), "VRM-THR-005")


def test_what_was_not_offered_cannot_be_accepted() -> None:
    deed = Deed()
    deed.proffer()
    deed.accept("SD-BASE")
    fails(verify(deed.record("SD-BASE")), "VRM-REC-011")


def test_an_alternative_that_was_listed_is_none() -> None:
    deed = Deed()
    deed.proffer("SD-BASE-DP", "SD-BASE")
    deed.alternative("SD-BASE")
    deed.accept("SD-BASE", by_first=True)
    fails(verify(deed.record("SD-BASE")), "VRM-TRM-007")


def test_an_acceptance_of_the_proffer_after_the_alternative_fails() -> None:
    deed = Deed()
    deed.proffer()
    deed.alternative()
    deed.accept("SD-BASE-A", by_first=True, accepts=deed.thid)
    fails(verify(deed.record("SD-BASE-A")), "VRM-REC-009")


def test_an_acceptance_after_answer_by_fails() -> None:
    deed = Deed()
    deed.proffer(answer_by="2027-01-15T08:00:30Z")
    deed.accept()
    fails(verify(deed.record()), "VRM-THR-017")


@pytest.mark.parametrize("change", [{"sub": "x"}, {"thid": keys.b64(bytes(32))}, {"iat": NOW - 90_000}, None])
def test_a_rotation_without_its_proof_fails(change: dict[str, Any] | None) -> None:
    deed, new = agreed(), key("second key")
    claims = {
        "iss": deed.person.did,
        "sub": new.did,
        "aud": SHOP,
        "home": HOME,
        "thid": deed.thid,
        "iat": deed.now,
    }
    proof = False if change is None else envelope.seal(deed.person, claims | change, envelope.PROOF)
    deed.rotate(new, proof=proof)
    fails(verify(deed.record(accepted=1)), "VRM-ID-021")


def test_a_rotation_to_another_than_the_committed_key_fails() -> None:
    deed = agreed()
    deed.rotate(key("second key"), nkt=key("third key").public.kid)
    deed.rotate(key("thief"))
    fails(verify(deed.record(accepted=1)), "VRM-ID-020")


def test_a_checkpoint_that_contradicts_the_receipts_proves_equivocation() -> None:
    deed = agreed()
    document = deed.record() | {"checkpoint": deed.checkpoint(mid=keys.b64(bytes(32)))}
    fails(verify(document), "VRM-AGT-005")
    document = deed.record() | {"checkpoint": deed.checkpoint(seq=1)}
    fails(verify(document), "VRM-AGT-005")
    document = deed.record() | {"checkpoint": deed.checkpoint(thid=keys.b64(bytes(32)))}
    fails(verify(document), "VRM-HOM-026")


def test_signatures_of_tokens_are_looked_at() -> None:
    document = agreed().record()
    for item in document["messages"]:
        for member in ("token", "receipt"):
            good = item[member]
            head, payload, signature = good.split(".")
            flipped = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
            item[member] = f"{head}.{payload}.{flipped}"
            fails(verify(document), "VRM-REC-010")
            item[member] = good
    assert verify(document).ok


JUNK = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff",
    b"{" * 100,
    b'{"kind":"agreement"}',
    b'{"a":1,"a":1}',
    b"9" * 10_000,
    b"x.y.z",
]


@pytest.mark.parametrize("data", JUNK, ids=range(len(JUNK)))
def test_junk_is_no_record_and_raises_nothing(data: bytes) -> None:
    assert not verify_record(SPEC, data).ok
    assert not verify_thread(SPEC, data).ok
    assert not matches(data, data)
    assert message_ids(data) == []


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        found += _places(inner, (*path, name))
    return found


def test_no_value_anywhere_makes_a_verifier_raise() -> None:
    """Every member in turn is replaced by odd values, dropped, or given characters of another kind."""
    odd: list[Any] = [None, 1, -1, 2**60, 1.5, "", "x", "ä.ö.ü", "did:jwk:x", [], [{}], {}, {"x": {}}, True]
    for document, check in (
        (rotated().record(accepted=1), verify_record),
        (rotated().export(), verify_thread),
    ):
        for path in _places(document)[1:]:
            for value in odd:
                changed = json.loads(text(document))
                inner = changed
                for step in path[:-1]:
                    inner = inner[step]
                inner[path[-1]] = value
                check(SPEC, text(changed))


def test_odd_tokens_raise_nothing() -> None:
    document = agreed().record()
    chance = random.Random(7)
    names = [
        "vrm",
        "home",
        "type",
        "iss",
        "aud",
        "jti",
        "iat",
        "exp",
        "body",
        "thid",
        "prev",
        "key",
        "seq",
        "mid",
    ]
    values: list[Any] = [None, 1, "x", [], {}, HOME, SHOP, NOW]
    for _ in range(300):
        payload = {n: chance.choice(values) for n in chance.sample(names, 9)}
        token = envelope.seal(key("home"), payload, chance.choice([envelope.MESSAGE, envelope.RECEIPT]))
        document["messages"][0][chance.choice(["token", "receipt"])] = token
        assert not verify(document).ok


def test_a_rotation_of_another_thread_stands_once() -> None:
    """Said twice it says nothing else, but two records of one agreement would no longer match."""
    other = agreed()
    other.rotate(key("second key"))
    deed = Deed(salt="b")
    deed.proffer()
    deed.person = key("second key")
    deed.alternative()
    deed.accept("SD-BASE-A", by_first=True)
    document = deed.record("SD-BASE-A")
    token, receipt = other.messages[-1]
    document["messages"].insert(1, {"token": token, "receipt": receipt})
    assert verify(document).ok
    document["messages"].insert(1, {"token": token, "receipt": receipt})
    fails(verify(document), "VRM-REC-002")


def test_a_checkpoint_for_somebody_whom_no_message_has_made_a_party_fails() -> None:
    document = agreed().record() | {"checkpoint": agreed().checkpoint(reader=key("second key").did)}
    fails(verify(document), "VRM-HOM-026")


def test_a_rotation_that_is_left_out_is_missed_by_the_key_of_the_last_message() -> None:
    deed = rotated()
    deed.first("agreement.terminate", {}, "terminated")
    document = deed.record(accepted=1, checkpoint=deed.checkpoint(reader=SHOP))
    document["messages"] = document["messages"][:2]
    fails(verify(document), "VRM-REC-002")


# --- matching --------------------------------------------------------------------------------------


def test_two_records_match_by_their_messages() -> None:
    deed = agreed()
    mine = text(deed.record())
    theirs = text(deed.record() | {"checkpoint": deed.checkpoint(reader=SHOP)})
    assert mine != theirs
    assert matches(mine, theirs)
    assert not matches(mine, text(countered().record("SD-BASE-A")))
    assert message_ids(mine) == deed.mids


# --- threads ---------------------------------------------------------------------------------------


def ended() -> Deed:
    deed = rotated()
    deed.first("agreement.terminate", {"reason": "Not for this service"}, "terminated")
    return deed


def test_a_thread_verifies() -> None:
    deed = ended()
    report = verify_thread(SPEC, text(deed.export()))
    assert report.ok, report.failed
    assert report.facts["state"] == "terminated"
    assert report.facts["first"] == key("third key").did
    assert report.facts["kind"] == "terms"
    assert [m["mid"] for m in report.facts["messages"]] == deed.mids
    assert verify_thread(SPEC, text(deed.export()), [key("home").public]).ok


def test_a_page_of_a_thread_verifies_and_says_what_is_not_there() -> None:
    deed = ended()
    report = verify_thread(SPEC, text(deed.export(3)))
    assert report.ok, report.failed
    assert any("beginning" in t for t in report.trusted)
    page = deed.export() | {"next": 3}
    page["messages"] = page["messages"][:2]
    assert verify_thread(SPEC, text(page)).ok


def test_a_change_of_key_made_elsewhere_is_trusted_in_a_thread() -> None:
    deed = Deed()
    deed.proffer()
    deed.person = key("second key")
    deed.first("terms.withdraw", {}, "withdrawn")
    report = verify_thread(SPEC, text(deed.export()))
    assert report.ok, report.failed
    assert any("person's key" in t for t in report.trusted)


def test_who_was_replaced_does_not_speak_again() -> None:
    deed = rotated()
    deed.person = key("person")
    deed.first("agreement.terminate", {}, "terminated")
    fails(verify_thread(SPEC, text(deed.export(checkpoint=deed.checkpoint(reader=SHOP)))), "VRM-REC-012")


def test_what_is_accepted_in_a_thread_is_what_was_on_offer() -> None:
    deed = Deed()
    deed.proffer()
    deed.alternative()
    deed.accept("SD-BASE-A", by_first=True, accepts=deed.thid)
    fails(verify_thread(SPEC, text(deed.export())), "VRM-TRM-004")


def test_a_terms_thread_has_no_tombstones() -> None:
    document = agreed().export()
    token = document["messages"][1].pop("token")
    document["messages"][1] |= {"mid": envelope.mid_of(token), "type": "terms.accept"}
    fails(verify_thread(SPEC, text(document)), "VRM-OFR-025")


def test_a_gap_in_a_thread_is_missed() -> None:
    document = ended().export()
    for place in (1, 2):
        changed = json.loads(text(document))
        del changed["messages"][place]
        fails(verify_thread(SPEC, text(changed)), "VRM-AGT-004")
    del document["messages"][-1]
    fails(verify_thread(SPEC, text(document)), "VRM-AGT-004")


def test_two_messages_at_one_place_prove_equivocation() -> None:
    one, two = Deed(), Deed()
    one.proffer()
    two.proffer()
    one.accept()
    two.other("terms.reject", {}, "rejected")
    document = one.export()
    token, receipt = two.messages[1]
    document["messages"].append({"seq": 2, "token": token, "receipt": receipt})
    fails(verify_thread(SPEC, text(document)), "VRM-AGT-005")
    claims = [envelope.peek(r)[1] for _, r in (one.messages[1], two.messages[1])]
    assert contradict(*claims)
    assert not contradict(claims[0], claims[0])
    assert not contradict(claims[0], envelope.peek(one.messages[0][1])[1])
    assert contradict(claims[0], claims[1] | {"seq": 3, "prior": claims[1]["mid"]})


def test_numbers_beside_messages_are_those_of_the_receipts() -> None:
    document = agreed().export()
    document["messages"][1]["seq"] = 3
    fails(verify_thread(SPEC, text(document)), "VRM-HOM-025")


def test_an_empty_page_of_a_thread_rests_on_the_checkpoint() -> None:
    document = agreed().export(3)
    report = verify_thread(SPEC, text(document))
    assert report.ok, report.failed
    assert any("no message" in t for t in report.trusted)
