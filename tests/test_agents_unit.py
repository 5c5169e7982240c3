"""Chains of receipts and the folder of an agent, without any home."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vrmproto import envelope, keys, spec, timing
from vrmproto.agents import chain
from vrmproto.agents.book import Book, BookError
from vrmproto.agents.chain import ChainError, Copy, Link
from vrmproto.agents.ledger import Ledger
from vrmproto.agents.policy import Policy
from vrmproto.agents.published import PublishedKeys
from vrmproto.agents.sender import AgentError
from vrmproto.keys import KeySet, PrivateKey
from vrmproto.model import Context

SPEC = spec.load()
HOME = "https://home.example"
SHOP = "https://shop.example"
NOW = 1_800_000_000

ANN = keys.derive(b"a" * 32, "ann")
VENDOR = keys.derive(b"v" * 32, "shop", "ES256")
HOST = keys.derive(b"h" * 32, "home")


def message(key: PrivateKey, iss: str, aud: str, type: str, body: dict[str, Any], **more: Any) -> str:
    claims = {"vrm": "1.0", "home": HOME, "type": type, "iss": iss, "aud": aud, "jti": "A" * 22}
    return envelope.seal(key, {**claims, "iat": NOW, "exp": NOW + 600, **more, "body": body})


TERMS = {n: SPEC.roster.named(n).reference for n in ("SD-BASE-DP", "SD-BASE")}
PROFFER = message(
    ANN,
    ANN.did,
    SHOP,
    "terms.proffer",
    {
        "roster": {"id": SPEC.roster.id, "version": SPEC.roster.version},
        "preferred": TERMS["SD-BASE-DP"],
        "lang": "en",
        "place": "ZZ",
        "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
        "answer_by": timing.text(NOW + 3600),
    },
)
THID = envelope.mid_of(PROFFER)
ACCEPT = message(
    VENDOR,
    SHOP,
    ANN.did,
    "terms.accept",
    {"accepts": THID, "agreement": TERMS["SD-BASE-DP"], "lang": "en", "place": "NL"},
    thid=THID,
    prev=THID,
)
REJECT = message(VENDOR, SHOP, ANN.did, "terms.reject", {}, thid=THID, prev=THID)
SIGNERS = {ANN.did: ANN.public, SHOP: VENDOR.public}


def receipt_of(token: str, seq: int, state: str, **more: Any) -> dict[str, Any]:
    claims = envelope.peek(token)[1]
    receipt: dict[str, Any] = {
        "iss": HOME,
        "aud": claims["iss"],
        "iat": NOW,
        "mid": envelope.mid_of(token),
        "thid": THID,
        "seq": seq,
        "state": state,
        "key": dict(SIGNERS[claims["iss"]].jwk),
    }
    if seq > 1:
        receipt["prior"] = THID
    return {k: v for k, v in {**receipt, **more}.items() if v is not None}


def link_of(token: str, receipt: dict[str, Any]) -> Link:
    opened = envelope.open_message(
        SPEC, token.encode(), home=HOME, key=lambda o: SIGNERS[o.claims["iss"]], now=None
    )
    return Link(opened, envelope.seal(HOST, receipt, envelope.RECEIPT), receipt)


OFFERED = link_of(PROFFER, receipt_of(PROFFER, 1, "proffered"))
AGREED = link_of(ACCEPT, receipt_of(ACCEPT, 2, "agreed"))


def extend(copy: Copy, link: Link, **context: Any) -> Copy:
    return chain.extend(SPEC, copy, link, Context(**context))


def test_two_messages_make_an_agreement() -> None:
    copy = extend(extend(Copy(THID, HOME), OFFERED), AGREED)
    assert (copy.seq, copy.head) == (2, AGREED.message.mid)
    assert copy.thread is not None
    assert copy.thread.record == AGREED.message.mid
    assert chain.settle(SPEC, copy, Context(), NOW + 10**6).state == "agreed"
    assert extend(copy, OFFERED) is copy
    assert extend(copy, AGREED) is copy


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"mid": "A" * 43}, "receipt"),
        ({"aud": ANN.did}, "receipt"),
        ({"thid": "A" * 43}, "receipt"),
        ({"checkpoint": True}, "receipt"),
        ({"prior": None}, "receipt"),
        ({"seq": 1}, "receipt"),
        ({"seq": 1, "prior": None}, "receipt"),
        ({"seq": 3}, "gap"),
        ({"prior": "A" * 43}, "equivocation"),
        ({"iat": NOW - 1}, "equivocation"),
        ({"iat": NOW - 61}, "time"),
        ({"iat": NOW + 661}, "time"),
        ({"key": dict(ANN.public.jwk)}, "key"),
        ({"key": {"kty": "EC", "crv": "P-256", "x": "A" * 43}}, "key"),
        ({"state": "rejected"}, "state"),
    ],
)
def test_receipt_does_not_hold(change: dict[str, Any], kind: str) -> None:
    copy = extend(Copy(THID, HOME), OFFERED)
    with pytest.raises(ChainError) as caught:
        extend(copy, link_of(ACCEPT, receipt_of(ACCEPT, **{"seq": 2, "state": "agreed", **change})))
    assert caught.value.kind == kind
    assert caught.value.evidence


def test_a_message_that_the_protocol_refuses_is_not_taken() -> None:
    copy = extend(extend(Copy(THID, HOME), OFFERED), AGREED)
    late = link_of(REJECT, receipt_of(REJECT, 3, "rejected", prior=AGREED.message.mid))
    with pytest.raises(ChainError, match="state-conflict") as caught:
        extend(copy, late)
    assert caught.value.kind == "rule"


def test_two_messages_at_one_place_prove_equivocation() -> None:
    copy = extend(extend(Copy(THID, HOME), OFFERED), AGREED)
    other = link_of(REJECT, receipt_of(REJECT, 2, "rejected"))
    with pytest.raises(ChainError) as caught:
        extend(copy, other)
    assert caught.value.kind == "equivocation"
    assert caught.value.evidence == (AGREED.receipt, other.receipt)


def checkpoint(link: Link, **more: Any) -> dict[str, Any]:
    return {**link.claims, "aud": ANN.did, "checkpoint": True, "iat": NOW + 5, **more}


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (OFFERED.claims, AGREED.claims, False),
        (AGREED.claims, AGREED.claims, False),
        (AGREED.claims, checkpoint(AGREED), False),
        (checkpoint(AGREED), checkpoint(AGREED, state="ended", aud=SHOP, iat=NOW + 99), False),
        (AGREED.claims, receipt_of(REJECT, 2, "rejected"), True),
        (AGREED.claims, checkpoint(AGREED, mid="A" * 43), True),
        (AGREED.claims, checkpoint(AGREED, prior="A" * 43), True),
        (AGREED.claims, checkpoint(AGREED, key=dict(ANN.public.jwk)), True),
        (AGREED.claims, {**AGREED.claims, "state": "rejected"}, True),
        (AGREED.claims, {**AGREED.claims, "iat": NOW + 1}, True),
        (AGREED.claims, {**AGREED.claims, "thid": "A" * 43, "mid": "A" * 43}, False),
        (AGREED.claims, {**AGREED.claims, "seq": 3}, True),
        (AGREED.claims, checkpoint(OFFERED), False),
        (AGREED.claims, checkpoint(OFFERED, iat=NOW + 61), True),
        ({**OFFERED.claims, "iat": NOW + 1}, AGREED.claims, True),
    ],
)
def test_contradictions(one: dict[str, Any], other: dict[str, Any], differ: bool) -> None:
    assert bool(chain.contradiction(one, other)) is differ
    assert bool(chain.contradiction(other, one)) is differ


def compare(copy: Copy, claims: dict[str, Any]) -> str:
    token = envelope.seal(HOST, claims, envelope.RECEIPT)
    return chain.compare_checkpoint(SPEC, copy, Context(), token, claims, ANN.did).state


def test_checkpoint_tells_the_state_of_now() -> None:
    copy = extend(Copy(THID, HOME), OFFERED)
    assert compare(copy, checkpoint(OFFERED)) == "proffered"
    assert compare(copy, checkpoint(OFFERED, iat=NOW + 3600, state="expired")) == "expired"
    for kind, lie in {
        "state": checkpoint(OFFERED, state="expired"),
        "gap": checkpoint(AGREED),
        "receipt": checkpoint(OFFERED, aud=SHOP),
    }.items():
        with pytest.raises(ChainError) as caught:
            compare(copy, lie)
        assert caught.value.kind == kind
    with pytest.raises(ChainError, match="receipt"):
        compare(copy, {**OFFERED.claims, "aud": ANN.did})


@pytest.mark.parametrize("spoilt", ["", "a.b.c", PROFFER, "home", "key"])
def test_what_is_no_receipt(spoilt: str) -> None:
    claims = {**OFFERED.claims, **({"iss": "https://other.example"} if spoilt == "home" else {})}
    if spoilt == "home":
        token = envelope.seal(HOST, claims, envelope.RECEIPT)
    else:
        token = envelope.seal(ANN, claims, envelope.RECEIPT) if spoilt == "key" else spoilt
    with pytest.raises(ChainError) as caught:
        chain.open_receipt(SPEC, token, home=HOME, key=lambda _: HOST.public)
    assert caught.value.kind == "receipt"
    good = chain.open_receipt(SPEC, OFFERED.receipt, home=HOME, key=lambda _: HOST.public)
    assert good == OFFERED.claims


# --- the folder ----------------------------------------------------------------------------------


def home_seen() -> KeySet:
    document = {"issuer": HOME, "keys": [dict(HOST.public.jwk)]}
    return keys.key_set(HOME, document, NOW, json.dumps(document).encode())


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "agent")
    made.save_seen("homes", home_seen())
    return made


def ledger_of(book: Book) -> Ledger:
    return Ledger(SPEC, book, HOME, dev=False, clock=lambda: NOW)


def test_ledger_is_the_same_after_it_was_opened_again(book: Book) -> None:
    ledger = ledger_of(book)
    assert ledger.add(OFFERED)
    assert ledger.add(AGREED)
    assert not ledger.add(AGREED)
    assert ledger_of(Book(book.folder)).copies == ledger.copies


@pytest.mark.parametrize("cut", [1, 10, 300])
def test_half_written_line_is_dropped(book: Book, cut: int) -> None:
    ledger = ledger_of(book)
    ledger.add(OFFERED)
    first = ledger.copies[THID]
    ledger.add(AGREED)
    path = book.folder / "threads" / f"{THID}.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    opened = ledger_of(Book(book.folder))
    assert opened.copies[THID] == first
    assert opened.add(AGREED)
    assert path.read_bytes() == whole


def test_garbage_at_the_end_is_dropped(book: Book) -> None:
    ledger_of(book).add(OFFERED)
    path = book.folder / "threads" / f"{THID}.ndjson"
    whole = path.read_bytes()
    for tail in (b"\0" * 40, b"{}x\n", b"\n", b'{"n":2'):
        path.write_bytes(whole + tail)
        assert ledger_of(Book(book.folder)).copies[THID].seq == 1
        assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", ["line", "token", "key"])
def test_damage_in_the_middle_is_told(book: Book, damage: str) -> None:
    ledger = ledger_of(book)
    ledger.add(OFFERED)
    ledger.add(AGREED)
    path = book.folder / "threads" / f"{THID}.ndjson"
    first, second = path.read_bytes().splitlines(keepends=True)
    if damage == "line":
        first = b"x" + first
    if damage == "token":
        place = first.index(PROFFER[200:220].encode())
        first = first[:place] + (b"A" if first[place : place + 1] != b"A" else b"B") + first[place + 1 :]
    if damage == "key":
        (path.parent.parent / "homes").joinpath(next((book.folder / "homes").iterdir()).name).unlink()
    path.write_bytes(first + second)
    with pytest.raises(BookError, match="ndjson"):
        ledger_of(Book(book.folder))


def test_seed_is_kept_and_no_other_taken(tmp_path: Path) -> None:
    book = Book(tmp_path / "a", b"s" * 32)
    assert Book(tmp_path / "a").seed == Book(tmp_path / "a", b"s" * 32).seed == book.seed
    with pytest.raises(BookError, match="another seed"):
        Book(tmp_path / "a", b"t" * 32)
    with pytest.raises(BookError, match="16 bytes"):
        Book(tmp_path / "b", b"short")
    assert Book(tmp_path / "c").seed != Book(tmp_path / "d").seed


def test_outbox_and_state(book: Book) -> None:
    book.outgoing(THID, PROFFER)
    book.remember(pairs={SHOP: 1})
    opened = Book(book.folder)
    assert opened.outbox() == [(THID, PROFFER)]
    assert opened.state == {"pairs": {SHOP: 1}}
    opened.settled(THID)
    opened.settled(THID)
    assert book.outbox() == []


def test_documents_are_kept_with_their_time_and_revocations(book: Book) -> None:
    def seen(at: int, *listed: PrivateKey, revoked: tuple[str, ...] = ()) -> KeySet:
        document = {"issuer": SHOP, "keys": [dict(k.public.jwk) for k in listed]}
        found = keys.key_set(SHOP, document, at, json.dumps(document).encode())
        return replace(found, revoked=frozenset(revoked))

    book.save_seen("keys", seen(1, VENDOR))
    book.save_seen("keys", seen(2, VENDOR))
    book.save_seen("keys", seen(3, ANN, revoked=(VENDOR.public.kid,)))
    book.save_seen("keys", seen(4, ANN, VENDOR))
    last = Book(book.folder).load_seen("keys", SHOP)
    assert last is not None
    assert (last.seen_at, set(last.revoked)) == (4, {VENDOR.public.kid})
    old = book.seen_with("keys", SHOP, VENDOR.public.kid)
    assert old is not None
    assert old.seen_at == 4
    assert book.seen_with("keys", SHOP, "other") is None
    assert set(book.seen_keys("keys", SHOP)) == {ANN.public.kid, VENDOR.public.kid}
    assert book.load_seen("keys", HOME) is None


def test_evidence_is_kept_once(book: Book) -> None:
    name = book.witness("equivocation", {"tokens": ["a", "b"], "at": 1})
    assert book.witness("equivocation", {"tokens": ["a", "b"], "at": 2}) == name
    book.witness("unverified", {"tokens": ["c"], "at": 1})
    assert [e["tokens"] for _, e in book.evidence()] == [["a", "b"], ["c"]]
    assert [n for n, _ in book.evidence("equivocation")] == [name]
    book.drop_evidence(name)
    assert not list(book.evidence("equivocation"))


# --- policy and published keys ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "kind", "agreement"),
    [
        ({"accepts": ["SD-BASE-DP"]}, "accept", "SD-BASE-DP"),
        ({"accepts": ["SD-BASE"], "alternative": "SD-BASE"}, "alternative", "SD-BASE"),
        ({"accepts": ["SD-BASE"], "alternative": "SD-BASE-DP"}, "reject", None),
        ({"hold": ["SD-BASE-DP"], "alternative": "SD-BASE"}, "hold", None),
        ({"hold": ["SD-BASE-DP"], "accepts": ["SD-BASE-DP"]}, "accept", "SD-BASE-DP"),
        ({}, "reject", None),
    ],
)
def test_policy_decides(policy: dict[str, Any], kind: str, agreement: str | None) -> None:
    thread = extend(Copy(THID, HOME), OFFERED).thread
    assert thread is not None
    decision = Policy.of(policy).decide(SPEC.roster, thread)
    assert (decision.kind, (decision.agreement or {}).get("id")) == (kind, agreement)


def test_policy_reads_toml_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "vendor.toml"
    path.write_text('[policy]\naccepts = ["SD-BASE"]\nalternative = "SD-BASE-A"\n')
    assert Policy.read(path) == Policy(accepts=("SD-BASE",), alternative="SD-BASE-A")
    with pytest.raises(ValueError, match="acepts"):
        Policy.of({"acepts": []})


def test_published_keys_are_new_before_they_sign_and_old_for_seven_days(tmp_path: Path) -> None:
    time = [NOW]
    published = PublishedKeys(Book(tmp_path), "ES256", lambda: time[0])
    first = published.current.public.kid
    assert published.current.public.alg == "ES256"
    second = published.add("Ed25519")
    assert published.current.public.kid == first
    published.use(second)
    assert [k.public.kid for k in published.published] == [second, first]
    with pytest.raises(AgentError, match="7 days"):
        published.retire(first)
    with pytest.raises(AgentError, match="not among"):
        published.use("other")
    time[0] += 7 * 86400
    published.retire(first, "replaced")
    third = published.add()
    published.use(third)
    published.retire(second, "lost", at_once=True)
    opened = PublishedKeys(Book(tmp_path), "ES256", lambda: time[0])
    assert [h["kid"] for h in opened.historical] == [first, second]
    assert [k.public.kid for k in opened.published] == [third] == [opened.current.public.kid]
    assert {k.public.kid for k in filter(None, map(opened.retired_key, (first, second)))} == {first, second}
