"""Records of agreements made by an offer, and exports of intents and offers, whole or with tombstones."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.deeds import HOME, NOW, ROSTER, SHOP, SPEC, Deed, agreed, agreement, discovery, key, text
from tests.scenarios.market import Market, market
from tests.scenarios.market import Thread as Followed
from tests.scenarios.test_rotation_records import agreed as terms_agreed
from tests.scenarios.test_rotation_records import rotate
from tests.world import Party
from vrmproto import envelope, keys, records, timing
from vrmproto.findings import Report
from vrmproto.keys import KeySet, PrivateKey
from vrmproto.model import Thread
from vrmproto.records import matches, message_ids, verify_record, verify_thread

BOARD = f"{HOME}/v1/boards/intents"
ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
EUR = {"amount": "12450.00", "currency": "EUR"}


def verify(document: Any) -> Report:
    return verify_record(SPEC, text(document))


def fails(report: Report, requirement: str) -> None:
    assert not report.ok
    assert requirement in {c.requirement for c in report.failed}, report.failed


@dataclass
class Intent(Deed):
    """An intent on a board."""

    person: PrivateKey = field(default_factory=lambda: key("one-time key"))
    second: str = BOARD

    def need(self, **members: Any) -> dict[str, Any]:
        rules = {"offers": 9, "per_vendor": 3, "accepts": 1, "currencies": ["EUR"], "unverified": False}
        need = {"title": "Yaris", "categories": [{"scheme": "unspsc", "code": "25101503"}]}
        return {"need": need, "offer_rules": rules, "until": timing.text(NOW + 86400), **members}

    def publish(self, **members: Any) -> str:
        terms: dict[str, Any] = {"roster": ROSTER, "preferred": agreement("PDC-INTENT").reference}
        terms["acceptable"] = [agreement("SD-BASE").reference]
        field = {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDERS}
        body = {"version": 1, "terms": terms, "lang": "en", "place": "ZZ", **self.need()}
        body |= {"disclose": [field], "purge_within": "P7D"}
        return self.first("intent.publish", body | members, "open")

    def amend(self, version: int, **members: Any) -> str:
        return self.first("intent.amend", {"version": version, **self.need(**members)}, "open")


@dataclass
class Offer(Deed):
    """An offer, and the record of the agreement that it makes."""

    person: PrivateKey = field(default_factory=lambda: key("one-time key"))
    now: int = NOW + 600
    intent: Intent = field(default_factory=Intent)
    moved: list[tuple[str, str]] = field(default_factory=list)
    """What rebound the first party, here or in another thread of the pair."""

    def body(self, version: int = 1, **members: Any) -> dict[str, Any]:
        items = [{"title": "Yaris 1.5", "quantity": {"value": "1"}, "price": EUR}]
        until = timing.text(self.now + 7200)
        return {"version": version, "items": items, "total": EUR, "valid_until": until, **members}

    def make(self, name: str = "PDC-INTENT", version: int = 1, pthid: str = "", **members: Any) -> str:
        named = {"accepts": self.intent.thid, "agreement": agreement(name).reference}
        body = {**named, "lang": "en", "place": "NL", **self.body(version), **members}
        return self.other("offer.make", body, "offered", pthid=pthid or self.intent.thid)

    def revise(self) -> str:
        return self.other("offer.revise", self.body(), "offered")

    def take(self, token: str, state: str, **claims: Any) -> str:
        super().take(token, state, **claims)
        if envelope.peek(token)[1]["type"] == "agent.introduce":
            self.moved.append(self.messages[-1])
        return token

    def choose(self, takes: str = "", confirm: bool = True) -> None:
        takes = takes or self.mids[-1]
        body = {"takes": takes, "confirm_by": timing.text(self.now + 3600)}
        self.first("offer.accept", body, "accepted")
        if confirm:
            self.other("offer.confirm", {"takes": takes}, "confirmed")

    def introduce(self, new: PrivateKey, **changes: Any) -> str:
        claims: dict[str, Any] = {"iss": new.did, "sub": self.person.did, "aud": self.second}
        claims |= {"home": self.home, "thid": self.thid, "iat": self.now, **changes}
        body = {"id": new.did, "proof": envelope.seal(new, claims, envelope.PROOF)}
        token = self.first("agent.introduce", body, self.states[-1])
        self.person = new
        return token

    def end(self) -> None:
        self.other("order.fulfil", {}, "fulfilled")
        body = {"erased_at": timing.text(self.now), "kept": []}
        self.other("purge.attest", body, "purged")

    def record(self, name: str = "PDC-INTENT", accepted: int = -1, **members: Any) -> dict[str, Any]:
        thread = Thread(
            kind="offer",
            thid=self.thid,
            first=self.person.did,
            second=self.second,
            state=self.states[-1],
            since=self.now,
            deadline=None,
            seq=len(self.messages),
            head=self.mids[-1],
            received=self.now,
            opened=NOW,
            opener="offer.make",
            parent=self.intent.thid,
            record=self.thid,
        )
        seen = KeySet(
            SHOP, {self.shop.public.kid: self.shop.public}, frozenset(), self.now, discovery(SHOP, self.shop)
        )
        made = records.build(
            home=self.home,
            thread=thread,
            state=self.states[-1],
            messages=[self.intent.messages[0], self.messages[0], *self.moved],
            agreement=agreement(name),
            home_keys=[self.home_key.public, key("an older one of the home").public],
            key_sets={SHOP: seen},
            checkpoint=self.checkpoint(),
        )
        return made | members

    def tombstones(self, **members: Any) -> dict[str, Any]:
        """The thread as the vendor reads it after the purge."""
        made = self.export(checkpoint=self.checkpoint(reader=self.second))
        for item in made["messages"][1:]:
            token = item.pop("token")
            item |= {"mid": envelope.mid_of(token), "type": envelope.peek(token)[1]["type"]}
        return made | members


def made(*, salt: str = "a", **members: Any) -> Offer:
    """An intent, and an offer on it."""
    intent = Intent(salt=salt)
    intent.publish()
    offer = Offer(intent=intent, salt=salt)
    offer.make(**members)
    return offer


def chosen() -> Offer:
    offer = made()
    offer.revise()
    offer.choose()
    return offer


def introduced() -> Offer:
    offer = chosen()
    offer.introduce(key("pair key"))
    offer.first("offer.message", {"text": "Thank you"}, "confirmed")
    return offer


def introduced_twice() -> Offer:
    offer = introduced()
    offer.introduce(key("second pair key"))
    return offer


def rotated() -> Offer:
    """Introduced, and then the key of the pair changed in another thread."""
    offer = introduced()
    other = Deed(person=key("pair key"), now=offer.now)
    other.proffer()
    other.accept()
    other.rotate(key("next pair key"))
    offer.moved.append(other.messages[-1])
    offer.person = key("next pair key")
    return offer


def committed() -> Offer:
    """Introduced under a key that had committed to its next one before."""
    offer = chosen()
    other = Deed(person=key("oldest pair key"), now=NOW)
    other.proffer()
    other.accept()
    other.rotate(key("pair key"), nkt=key("next pair key").public.kid)
    offer.introduce(key("pair key"))
    other.now = offer.now
    other.rotate(key("next pair key"), proof=False)
    offer.moved += other.messages[-2:]
    offer.person = key("next pair key")
    return offer


def acceptable() -> Offer:
    return made(name="SD-BASE")


GOOD: dict[str, Callable[[], Offer]] = {
    "made": made,
    "chosen": chosen,
    "introduced": introduced,
    "introduced twice": introduced_twice,
    "rotated": rotated,
    "committed": committed,
}


@pytest.mark.parametrize("name", GOOD)
def test_a_record_of_an_offer_verifies(name: str) -> None:
    offer = GOOD[name]()
    document = offer.record()
    report = verify(document)
    assert report.ok, report.failed
    assert not SPEC.faults("documents/record.json", document)
    assert not report.self_homed
    assert report.facts["known_here"]
    assert (document["id"], document["thid"]) == (offer.thid, offer.thid)
    assert (document["first"], document["second"]) == (key("one-time key").did, SHOP)
    assert report.facts["first_now"] == offer.person.did
    assert report.facts["intent"] == offer.intent.thid
    assert message_ids(text(document))[:2] == [offer.intent.thid, offer.thid]
    assert document["executed_at"] == envelope.peek(offer.messages[0][1])[1]["iat"]
    assert verify_record(SPEC, text(document), [key("home").public]).ok
    assert not verify_record(SPEC, text(document), [key("another").public]).ok
    json.dumps(report.document())


def test_an_acceptable_agreement_is_one_too() -> None:
    assert verify(acceptable().record("SD-BASE")).ok
    fails(verify(made(name="SD-BASE-A").record("SD-BASE-A")), "VRM-REC-011")


def test_a_vendor_at_its_own_home_is_marked() -> None:
    intent = Intent(home=SHOP, second=f"{SHOP}/v1/boards/intents")
    intent.publish()
    offer = Offer(home=SHOP, intent=intent)
    offer.make()
    report = verify(offer.record())
    assert report.ok, report.failed
    assert report.self_homed


def test_the_state_moves_without_a_message() -> None:
    for state in ("lapsed", "purge-overdue"):
        assert verify(made().record(state=state) | {"checkpoint": made().checkpoint(state)}).ok
    for state in ("purged", "open", "agreed"):
        odd = made().record(state=state) | {"checkpoint": made().checkpoint(state)}
        fails(verify(odd), "VRM-THR-018")


def test_two_readers_have_the_same_record() -> None:
    offer = introduced()
    mine, theirs = offer.record(), offer.record() | {"checkpoint": offer.checkpoint(reader=SHOP)}
    assert matches(text(mine), text(theirs))
    assert verify(theirs).ok


# --- when the intent ended -------------------------------------------------------------------------


def late(version: int) -> Report:
    intent = Intent()
    intent.publish(until=timing.text(NOW + 300))
    offer = Offer(intent=intent)
    offer.make(version=version)
    return verify(offer.record())


def test_an_offer_after_until_rests_on_an_amendment_that_is_not_here() -> None:
    report = late(2)
    assert report.ok, report.failed
    assert any("prolonged" in t for t in report.trusted)
    assert any("version 2" in t for t in report.trusted)


def test_an_offer_after_until_on_the_version_published_is_too_late() -> None:
    """Nobody can have prolonged the intent: it would have another version."""
    fails(late(1), "VRM-OFR-032")


def test_an_offer_in_time_rests_on_nothing_more() -> None:
    assert not any("prolonged" in t or "version" in t for t in verify(made().record()).trusted)


# --- forgeries ---------------------------------------------------------------------------------------


def _other_intent() -> dict[str, str]:
    """Another intent of the same person, published with the same words."""
    intent = Intent(salt="b")
    intent.publish()
    token, receipt = intent.messages[0]
    return {"token": token, "receipt": receipt}


def _amendment() -> dict[str, str]:
    offer = made()
    offer.intent.amend(2)
    token, receipt = offer.intent.messages[1]
    return {"token": token, "receipt": receipt}


def _replace(member: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def tamper(d: dict[str, Any]) -> None:
        d[member] = value(d) if callable(value) else value

    tamper.__name__ = f"replace_{member}"
    return tamper


def _agreement(d: dict[str, Any]) -> None:
    d["agreement"], d["manifest"] = (
        agreement("SD-BASE").reference,
        keys.b64(agreement("SD-BASE").manifest),
    )


def _swapped_intent(d: dict[str, Any]) -> None:
    d["messages"][0] = _other_intent()


def _amended_intent(d: dict[str, Any]) -> None:
    d["messages"][0] = _amendment()


def _no_intent(d: dict[str, Any]) -> None:
    del d["messages"][0]


def _no_offer(d: dict[str, Any]) -> None:
    del d["messages"][1]


def _two_intents(d: dict[str, Any]) -> None:
    d["messages"].insert(1, _other_intent())


def _amendment_too(d: dict[str, Any]) -> None:
    d["messages"].insert(1, _amendment())


def _another_message(d: dict[str, Any]) -> None:
    token, receipt = chosen().messages[2]
    d["messages"].insert(2, {"token": token, "receipt": receipt})


def _other_offer(d: dict[str, Any]) -> None:
    offer = Offer(salt="b")
    offer.intent.publish()
    offer.make()
    token, receipt = offer.messages[0]
    d["messages"][1] = {"token": token, "receipt": receipt}


def _terms(d: dict[str, Any]) -> None:
    """The proffer of another agreement in place of the intent."""
    token, receipt = agreed().messages[0]
    d["messages"][0] = {"token": token, "receipt": receipt}


def _swapped_receipts(d: dict[str, Any]) -> None:
    one, two = d["messages"][:2]
    one["receipt"], two["receipt"] = two["receipt"], one["receipt"]


def _entry(d: dict[str, Any], source: str) -> dict[str, Any]:
    return next(e for e in d["keys"] if e["source"] == source)


def _other_key(d: dict[str, Any]) -> None:
    _entry(d, "discovery")["jwk"] = dict(key("thief", "ES256").public.jwk)


def _no_key(d: dict[str, Any]) -> None:
    d["keys"].remove(_entry(d, "discovery"))


def _other_home_key(d: dict[str, Any]) -> None:
    other = key("another").public
    _entry(d, "home").update(kid=other.kid, jwk=dict(other.jwk))


def _other_document(d: dict[str, Any]) -> None:
    _entry(d, "discovery")["document"] = keys.b64(discovery(SHOP, key("thief", "ES256")))


def _seen_at(d: dict[str, Any]) -> None:
    _entry(d, "discovery")["seen_at"] += 1


TAMPERED: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_replace("id", lambda d: message_ids(text(d))[0]), "VRM-REC-009"),
    (_replace("thid", lambda d: message_ids(text(d))[0]), "VRM-REC-009"),
    (_replace("home", "https://other.example"), "VRM-REC-012"),
    (_replace("first", key("someone").did), "VRM-OFR-031"),
    (_replace("second", "https://other.example"), "VRM-OFR-031"),
    (_replace("executed_at", NOW), "VRM-REC-003"),
    (_replace("state", "withdrawn"), "VRM-REC-007"),
    (_replace("manifest", keys.b64(agreement("SD-BASE").manifest)), "VRM-REC-011"),
    (_replace("agreement", agreement("SD-BASE").reference), "VRM-REC-011"),
    (_replace("checkpoint", lambda d: d["messages"][1]["receipt"]), "VRM-HOM-026"),
    (_replace("checkpoint", lambda _: agreed().checkpoint()), "VRM-HOM-026"),
    (_agreement, "VRM-REC-011"),
    (_swapped_intent, "VRM-OFR-032"),
    (_amended_intent, "VRM-REC-009"),
    (_no_intent, "VRM-OFR-030"),
    (_no_offer, "VRM-REC-009"),
    (_two_intents, "VRM-REC-009"),
    (_amendment_too, "VRM-REC-009"),
    (_another_message, "VRM-OFR-030"),
    (_other_offer, "VRM-REC-009"),
    (_terms, "VRM-REC-009"),
    (_swapped_receipts, "VRM-REC-009"),
    (_other_key, "VRM-REC-010"),
    (_no_key, "VRM-REC-010"),
    (_other_home_key, "VRM-REC-010"),
    (_other_document, "VRM-REC-010"),
    (_seen_at, "VRM-REC-006"),
]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(("tamper", "requirement"), TAMPERED, ids=lambda v: getattr(v, "__name__", v))
def test_a_changed_record_fails(
    name: str, tamper: Callable[[dict[str, Any]], None], requirement: str
) -> None:
    document = GOOD[name]().record()
    tamper(document)
    if len(document["messages"]) > 1:
        fails(verify(document), requirement)
    else:
        assert not verify(document).ok  # no record has so few


@pytest.mark.parametrize("name", GOOD)
def test_every_message_has_its_place(name: str) -> None:
    """Whichever messages are left out, doubled or put in another order: one of those that stay tells."""
    document = GOOD[name]().record()
    whole = document["messages"]
    for count in range(2, len(whole) + 1):
        for chosen_few in itertools.permutations(whole, count):
            if list(chosen_few) != whole:
                assert not verify(document | {"messages": list(chosen_few)}).ok
    for place, again in itertools.product(range(len(whole) + 1), whole):
        doubled = [*whole[:place], again, *whole[place:]]
        assert not verify(document | {"messages": doubled}).ok


@pytest.mark.parametrize("name", GOOD)
def test_signatures_are_looked_at(name: str) -> None:
    document = GOOD[name]().record()
    for item in document["messages"]:
        for member in ("token", "receipt"):
            good = item[member]
            head, payload, signature = good.split(".")
            flipped = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
            item[member] = f"{head}.{payload}.{flipped}"
            fails(verify(document), "VRM-REC-010")
            item[member] = good
    assert verify(document).ok


RESEALED: list[tuple[dict[str, Any], str]] = [
    ({"mid": keys.b64(bytes(32))}, "VRM-REC-009"),
    ({"thid": keys.b64(bytes(32))}, "VRM-REC-012"),
    ({"aud": "https://other.example"}, "VRM-HOM-010"),
    ({"iss": "https://other.example"}, "VRM-REC-012"),
    ({"key": dict(key("thief").public.jwk)}, "VRM-HOM-013"),
    ({"state": "agreed"}, "VRM-THR-005"),
    ({"iat": NOW + 900_000}, "VRM-ENV-027"),
    ({"checkpoint": True}, "VRM-HOM-026"),
]
PLACED = [(place, *change) for place in range(3) for change in RESEALED]
PLACED += [
    (0, {"seq": 2, "prior": keys.b64(bytes(32))}, "VRM-HOM-012"),
    (1, {"seq": 2, "prior": keys.b64(bytes(32))}, "VRM-HOM-012"),
    (2, {"seq": 1, "prior": None}, "VRM-HOM-012"),
    (2, {"prior": keys.b64(bytes(32))}, "VRM-THR-012"),
    (1, {"key_seen_at": None}, "VRM-HOM-013"),
]


@pytest.mark.parametrize(("place", "claims", "requirement"), PLACED, ids=str)
def test_a_receipt_that_does_not_fit_fails_though_the_home_signed_it(
    place: int, claims: dict[str, Any], requirement: str
) -> None:
    document = introduced().record()
    receipt = document["messages"][place]["receipt"]
    told = {n: v for n, v in (envelope.peek(receipt)[1] | claims).items() if v is not None}
    document["messages"][place]["receipt"] = envelope.seal(key("home"), told, envelope.RECEIPT)
    fails(verify(document), requirement)


def test_an_offer_that_names_another_intent_fails() -> None:
    other = Intent(salt="b")
    other.publish()
    fails(verify(made(pthid=other.thid).record()), "VRM-OFR-032")
    fails(verify(made(accepts=other.thid).record()), "VRM-OFR-032")


def test_an_intent_that_stands_on_no_board_of_the_home_fails() -> None:
    for board in ("https://other.example/v1/boards/intents", SHOP):
        intent = Intent(second=board)
        intent.publish()
        offer = Offer(intent=intent)
        offer.make()
        fails(verify(offer.record()), "VRM-INT-001")


def test_an_offer_to_another_person_fails() -> None:
    offer = Offer(person=key("someone"))
    offer.intent.publish()
    offer.make()
    fails(verify(offer.record()), "VRM-OFR-031")


def test_an_offer_by_the_person_herself_fails() -> None:
    offer = Offer(second=key("one-time key").did, shop=key("one-time key"))
    offer.intent.publish()
    offer.make()
    assert not verify(offer.record()).ok


# --- introductions ---------------------------------------------------------------------------------------


CHANGES: list[dict[str, Any]] = [
    {"sub": key("someone").did},
    {"aud": "https://other.example"},
    {"home": "https://other.example"},
    {"thid": keys.b64(bytes(32))},
    {"iat": NOW - 90_000},
    {"iat": NOW + 90_000},
    {"iss": key("someone").did},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: next(iter(c)))
def test_an_introduction_without_its_proof_fails(change: dict[str, Any]) -> None:
    offer = chosen()
    offer.introduce(key("pair key"), **change)
    fails(verify(offer.record()), "VRM-OFR-020")
    fails(verify_thread(SPEC, text(offer.export())), "VRM-OFR-020")


def test_nobody_introduces_herself_or_the_vendor() -> None:
    offer = chosen()
    offer.introduce(key("one-time key"))
    fails(verify(offer.record()), "VRM-OFR-020")


def test_an_introduction_that_is_left_out_is_missed_by_her_checkpoint() -> None:
    document = introduced().record()
    del document["messages"][2]
    fails(verify(document), "VRM-HOM-026")


def test_an_introduction_that_is_left_out_is_missed_by_the_key_of_the_last_message() -> None:
    offer = introduced()
    document = offer.record(checkpoint=offer.checkpoint(reader=SHOP))
    assert verify(document).ok
    del document["messages"][2]
    fails(verify(document), "VRM-OFR-030")


def test_what_can_be_left_out_unseen_is_said_to_be_trusted() -> None:
    """The vendor's checkpoint names the vendor, and the last message is its own: no token tells of her."""
    offer = introduced()
    offer.other("offer.message", {"text": "You are welcome"}, "confirmed")
    document = offer.record(checkpoint=offer.checkpoint(reader=SHOP))
    del document["messages"][2]
    report = verify(document)
    assert report.ok, report.failed
    assert any("later messages" in t for t in report.trusted)


def test_who_was_replaced_does_not_speak_again() -> None:
    offer = introduced()
    offer.person = key("one-time key")
    offer.first("offer.message", {"text": "Again"}, "confirmed")
    fails(verify_thread(SPEC, text(offer.export(checkpoint=offer.checkpoint(reader=SHOP)))), "VRM-REC-012")


def test_an_introduction_of_another_thread_rebinds_nothing_here() -> None:
    other = Offer(salt="b", intent=made().intent)
    other.make()
    other.choose()
    other.introduce(key("pair key"))
    offer = chosen()
    offer.moved = other.moved
    fails(verify(offer.record()), "VRM-REC-012")


# --- odd input -----------------------------------------------------------------------------------------


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        found += _places(inner, (*path, name))
    return found


def test_no_value_anywhere_makes_a_verifier_raise() -> None:
    odd: list[Any] = [None, 1, -1, 2**60, "", "x", "x.y.z", "did:jwk:x", [], [{}], {}, True]
    offer = introduced()
    offer.end()
    for document, check in (
        (introduced().record(), verify_record),
        (offer.tombstones(), verify_thread),
        (offer.intent.export(), verify_thread),
    ):
        for path in _places(document)[1:]:
            for value in odd:
                changed = json.loads(text(document))
                inner = changed
                for step in path[:-1]:
                    inner = inner[step]
                inner[path[-1]] = value
                check(SPEC, text(changed))


def test_an_identifier_that_holds_no_key_raises_nothing() -> None:
    """A home and a vendor can put any text that looks like one into a message of theirs."""
    odd = "did:jwk:" + "A" * 60
    offer = chosen()
    body = {"id": odd, "proof": "A.A.A"}
    offer.first("agent.introduce", body, "confirmed")
    assert not verify(offer.record(checkpoint=offer.checkpoint(reader=odd))).ok
    assert not verify_thread(SPEC, text(offer.export(checkpoint=offer.checkpoint(reader=odd)))).ok


# --- threads ---------------------------------------------------------------------------------------------


def amended() -> Intent:
    intent = Intent()
    intent.publish()
    intent.amend(2)
    intent.first("intent.pause", {}, "paused")
    intent.first("intent.resume", {}, "open")
    intent.first("intent.close", {"outcome": "elsewhere"}, "closed")
    return intent


def test_the_thread_of_an_intent_verifies_for_whoever_reads_it() -> None:
    for reader in ("", SHOP, key("a vendor").did):
        report = verify_thread(SPEC, text(amended().export(checkpoint=amended().checkpoint(reader=reader))))
        assert report.ok, report.failed
        assert (report.facts["kind"], report.facts["state"]) == ("intent", "closed")
        assert (report.facts["first"], report.facts["second"]) == (key("one-time key").did, BOARD)


def test_an_intent_ends_without_a_message() -> None:
    intent = Intent()
    intent.publish()
    for state in ("expired", "removed"):
        assert verify_thread(SPEC, text(intent.export(checkpoint=intent.checkpoint(state)))).ok
    fails(verify_thread(SPEC, text(intent.export(checkpoint=intent.checkpoint("closed")))), "VRM-THR-018")


def test_nobody_else_speaks_in_an_intent() -> None:
    """On a board a key never changes: a message by another is none of the person's."""
    intent = Intent()
    intent.publish()
    intent.person = key("thief")
    intent.first("intent.withdraw", {}, "withdrawn")
    fails(verify_thread(SPEC, text(intent.export())), "VRM-REC-012")


def test_the_states_of_an_intent_are_those_of_its_table() -> None:
    intent = Intent()
    intent.publish()
    intent.first("intent.resume", {}, "open")
    fails(verify_thread(SPEC, text(intent.export())), "VRM-THR-005")


def test_the_thread_of_an_offer_verifies() -> None:
    offer = introduced()
    offer.end()
    report = verify_thread(SPEC, text(offer.export()))
    assert report.ok, report.failed
    assert (report.facts["kind"], report.facts["state"]) == ("offer", "purged")
    assert (report.facts["first"], report.facts["second"]) == (key("pair key").did, SHOP)
    assert any("parent" in t for t in report.trusted)
    assert "erased" not in report.facts


def test_an_offer_lapses_by_what_is_not_in_its_thread() -> None:
    report = verify_thread(SPEC, text(made().export(checkpoint=made().checkpoint("lapsed"))))
    assert report.ok, report.failed
    assert any("parent" in t for t in report.trusted)


def test_what_is_taken_is_the_offer_as_it_stood() -> None:
    offer = made()
    offer.revise()
    offer.choose(takes=offer.thid)
    fails(verify_thread(SPEC, text(offer.export())), "VRM-OFR-011")


def test_the_wrong_role_in_an_offer_fails() -> None:
    offer = made()
    offer.other("offer.decline", {}, "declined")
    fails(verify_thread(SPEC, text(offer.export())), "VRM-THR-005")


# --- tombstones ------------------------------------------------------------------------------------------


def purged() -> Offer:
    offer = introduced()
    offer.end()
    return offer


def test_a_purged_thread_verifies_from_its_receipts() -> None:
    offer = purged()
    document = offer.tombstones()
    assert not SPEC.faults("documents/thread.json", document)
    report = verify_thread(SPEC, text(document))
    assert report.ok, report.failed
    assert report.facts["erased"] == len(offer.messages) - 1
    assert report.facts["state"] == "purged"
    assert [m["mid"] for m in report.facts["messages"]] == offer.mids
    assert [m.get("erased", False) for m in report.facts["messages"]] == [False] + [True] * (
        len(offer.mids) - 1
    )
    assert report.facts["first"] == key("pair key").did
    assert any("erased messages said" in t for t in report.trusted)
    assert verify_thread(SPEC, text(document), [key("home").public]).ok
    assert not verify_thread(SPEC, text(document), [key("another").public]).ok


def test_a_purged_thread_verifies_page_by_page() -> None:
    document = purged().tombstones()
    first = document | {"messages": document["messages"][:3], "next": 4}
    assert verify_thread(SPEC, text(first)).ok
    second = document | {"messages": document["messages"][3:]}
    assert verify_thread(SPEC, text(second)).ok


@pytest.mark.parametrize("place", range(1, 8))
def test_a_tombstone_has_the_mid_type_and_number_of_its_receipt(place: int) -> None:
    good = text(purged().tombstones())
    for member, value, requirement in (
        ("mid", keys.b64(bytes(32)), "VRM-OFR-025"),
        ("type", "offer.withdraw", "VRM-THR-005"),
        ("type", "offer.make", "VRM-OFR-025"),
        ("type", "no.such", "VRM-OFR-025"),
        ("seq", 99, "VRM-HOM-025"),
    ):
        document = json.loads(good)
        document["messages"][place][member] = value
        fails(verify_thread(SPEC, text(document)), requirement)
    for member in ("mid", "type"):
        document = json.loads(good)
        del document["messages"][place][member]
        fails(verify_thread(SPEC, text(document)), "VRM-OFR-025")
    document = json.loads(good)
    del document["messages"][place]
    fails(verify_thread(SPEC, text(document)), "VRM-AGT-004")
    document = json.loads(good)
    items = document["messages"]
    other = 1 if place != 1 else 2
    items[place]["receipt"], items[other]["receipt"] = items[other]["receipt"], items[place]["receipt"]
    assert not verify_thread(SPEC, text(document)).ok


def test_the_record_of_a_purged_thread_stays_whole() -> None:
    document = purged().tombstones()
    item = document["messages"][0]
    token = item.pop("token")
    item |= {"mid": envelope.mid_of(token), "type": "offer.make"}
    fails(verify_thread(SPEC, text(document)), "VRM-OFR-025")


def test_a_thread_that_is_not_purged_has_no_tombstones() -> None:
    offer = chosen()
    document = offer.tombstones()
    fails(verify_thread(SPEC, text(document)), "VRM-OFR-025")
    document["messages"] = document["messages"][1:]
    fails(verify_thread(SPEC, text(document)), "VRM-OFR-025")
    last = offer.export(checkpoint=offer.checkpoint(reader=SHOP))
    last["messages"][-1] |= {"mid": offer.mids[-1], "type": "offer.confirm"}
    del last["messages"][-1]["token"]
    fails(verify_thread(SPEC, text(last)), "VRM-OFR-025")


def test_tombstones_are_for_the_vendor_alone() -> None:
    offer = purged()
    fails(verify_thread(SPEC, text(offer.tombstones(checkpoint=offer.checkpoint()))), "VRM-OFR-027")


def test_what_was_purged_is_not_shown_whole_to_the_vendor() -> None:
    offer = purged()
    document = offer.export(checkpoint=offer.checkpoint(reader=SHOP))
    fails(verify_thread(SPEC, text(document)), "VRM-OFR-025")


def test_the_receipt_of_a_tombstone_names_the_key_of_its_sender() -> None:
    offer = purged()
    document = offer.tombstones()
    for claims in ({"key": dict(key("thief").public.jwk)}, {"key_seen_at": NOW}, {"aud": key("thief").did}):
        token, receipt = offer.messages[2]
        told = envelope.peek(receipt)[1] | claims
        sealed = envelope.seal(key("home"), told, envelope.RECEIPT)
        changed = json.loads(text(document))
        changed["messages"][2]["receipt"] = sealed
        assert envelope.mid_of(token) == changed["messages"][2]["mid"]
        fails(verify_thread(SPEC, text(changed)), "VRM-HOM-013")


def test_after_an_erased_introduction_the_old_identifier_is_a_stranger() -> None:
    offer = chosen()
    offer.introduce(key("pair key"))
    offer.person = key("one-time key")
    offer.first("offer.message", {"text": "Again"}, "confirmed")
    offer.end()
    fails(verify_thread(SPEC, text(offer.tombstones())), "VRM-REC-012")


# --- what a home says ------------------------------------------------------------------------------------


async def test_the_documents_of_a_running_home_verify() -> None:
    async with market() as m:
        intent = await m.opened()
        vendor, other = m.vendors
        offer, lost = await m.offered(intent, vendor), await m.offered(intent, other)
        assert (await m.accept(offer)).state == "accepted"
        assert (await m.confirm(offer)).state == "confirmed"
        anna = m.world.person()
        reply = await m.say(offer, offer.first, "agent.introduce", m.introduction(offer, anna))
        assert reply.status == 202, reply.document
        known = [k.public for k in m.world.home.signing]
        seen = []
        for reader in (anna, vendor):
            record = await reader.read(f"/v1/records/{offer.thid}")
            report = verify_record(SPEC, record.body, known)
            assert report.ok, report.failed
            assert report.facts["first_now"] == anna.id
            seen.append(record.body)
        assert matches(*seen)
        thread = verify_thread(SPEC, (await other.read(f"/v1/threads/{lost.thid}")).body, known)
        assert thread.ok, thread.failed
        assert thread.facts["state"] == "lapsed"
        assert (await m.attest(lost)).state == "purged"
        left = await other.read(f"/v1/threads/{lost.thid}")
        report = verify_thread(SPEC, left.body, known)
        assert report.ok, report.failed
        assert report.facts["erased"] == 1
        hers = verify_thread(SPEC, (await intent.first.read(f"/v1/threads/{lost.thid}")).body, known)
        assert hers.ok, hers.failed
        assert "erased" not in hers.facts
        board = verify_thread(SPEC, (await vendor.read(f"/v1/threads/{intent.thid}")).body, known)
        assert board.ok, board.failed
        assert verify_record(SPEC, (await other.read(f"/v1/records/{lost.thid}")).body, known).ok


async def _chosen(m: Market) -> Followed:
    offer = await m.offered(await m.opened(), m.vendors[0])
    assert (await m.accept(offer)).state == "accepted"
    return offer


async def _introduce(m: Market, offer: Followed, new: Party) -> None:
    reply = await m.say(offer, offer.first, "agent.introduce", m.introduction(offer, new))
    assert reply.status == 202, reply.document
    offer.first = new


async def _record_of(offer: Followed, reader: Party, now: Party) -> list[str]:
    """The types of the messages in a record that verifies."""
    shown = await reader.read(f"/v1/records/{offer.thid}")
    report = verify_record(SPEC, shown.body)
    assert report.ok, report.failed
    assert report.facts["first_now"] == now.id
    return [envelope.peek(item["token"])[1]["type"] for item in shown.document["messages"]]


async def test_a_key_that_was_committed_before_the_introduction_is_shown_by_the_record() -> None:
    async with market() as m:
        offer, vendor = await _chosen(m), m.vendors[0]
        oldest, old, new = (m.world.person() for _ in range(3))
        thid, record = await terms_agreed(oldest, vendor, "PDC-AI")
        head = await rotate(oldest, old, vendor.id, thid, record, nkt=new.key.public.kid)
        await _introduce(m, offer, old)
        assert "agent.introduce" in await _record_of(offer, old, old)
        await rotate(old, new, vendor.id, thid, head, proved=False)
        for reader in (new, vendor):
            types = await _record_of(offer, reader, new)
            assert types.count("agent.rotate") == 2


async def test_rotations_between_two_introductions_are_in_the_record() -> None:
    async with market() as m:
        offer, vendor = await _chosen(m), m.vendors[0]
        old, new, last = (m.world.person() for _ in range(3))
        thid, record = await terms_agreed(old, vendor, "PDC-AI")
        await _introduce(m, offer, old)
        await rotate(old, new, vendor.id, thid, record)
        offer.first = new
        await _introduce(m, offer, last)
        for reader in (last, vendor):
            types = await _record_of(offer, reader, last)
            assert types[2:] == ["agent.introduce", "agent.rotate", "agent.introduce"]


async def test_rotations_of_a_pair_that_came_later_are_not_in_the_record() -> None:
    async with market() as m:
        offer, vendor = await _chosen(m), m.vendors[0]
        first, old, new = (m.world.person() for _ in range(3))
        thid, record = await terms_agreed(old, vendor, "PDC-AI")
        await _introduce(m, offer, first)
        await rotate(old, new, vendor.id, thid, record)
        await _introduce(m, offer, new)
        await _record_of(offer, vendor, new)
