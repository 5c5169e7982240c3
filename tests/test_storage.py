from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from vrmproto.keys import KeySet, b64, generate
from vrmproto.model import Thread
from vrmproto.storage import migrations
from vrmproto.storage.base import REFUSALS, Append, Blob, Change, Refusal, StoreBusyError, StoreError
from vrmproto.storage.coding import body_of, pack, thread_from
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

ANNA, BEN, CARA = "did:jwk:anna", "did:jwk:ben", "did:jwk:cara"
SHOP, BANK = "https://shop.example", "https://bank.example"
BOARD = "https://home.example/v1/boards/intents"
NOW = 1_700_000_000


class Boom(Exception):
    pass


def ident(name: str) -> str:
    return b64(hashlib.sha256(name.encode()).digest())


BLOBS = (ident("one"), ident("two"))


def opened(name: str, first: str = ANNA, second: str = SHOP, **fields: Any) -> Thread:
    mid = ident(name)
    common: dict[str, Any] = {
        "kind": "terms",
        "state": "proffered",
        "since": NOW,
        "deadline": None,
        "seq": 1,
        "received": NOW,
        "opened": NOW,
        "opener": "terms.proffer",
    }
    return Thread(thid=mid, head=mid, first=first, second=second, **{**common, **fields})


def moved(thread: Thread, **fields: Any) -> Thread:
    seq = thread.seq + 1
    return replace(thread, **{"seq": seq, "head": ident(f"{thread.thid} {seq}"), **fields})


def message(thread: Thread, addressee: str | None = None, **effects: Any) -> Append:
    to = thread.second if addressee is None else addressee
    token, receipt = f"token {thread.head}", f"receipt {thread.head}"
    return Append(thread, token, receipt, thread.first, (to,) if to else (), **effects)


def refusal(name: str, at: int = NOW, **fields: Any) -> Refusal:
    common: dict[str, Any] = {"type": "dialogue.message", "code": "stage-forbids", "purposes": ("one", "two")}
    return Refusal(ident(name), at, **{**common, **fields})


def refuse(store: Any, thid: str, *refusals: Refusal) -> None:
    with store.begin() as transaction:
        for one in refusals:
            transaction.refuse(thid, one)


def shown(thread: Thread, tags: str = "tags", until: int | None = None) -> Change:
    return Change(BOARD, "shown", tags, until=until, version=thread.head)


def put(store: Any, *appends: Append) -> None:
    with store.begin() as transaction:
        transaction.append(appends)


def fail(store: Any, write: Any, error: type[BaseException] = Boom) -> None:
    """Write in a transaction that then raises."""

    def run() -> None:
        with store.begin() as transaction:
            write(transaction)
            raise error

    with pytest.raises(error):
        run()


def mids(entries: Any) -> list[str]:
    return [entry.mid for entry in entries]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    path = tmp_path_factory.mktemp("storage") / "empty.db"
    SqliteStore(path).close()
    return path


@pytest.fixture
def path(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "home.db")
    return tmp_path / "home.db"


@pytest.fixture(params=["sqlite", "memory"])
def store(request):
    made: Any = SqliteStore(request.getfixturevalue("path")) if request.param == "sqlite" else MemoryStore()
    with closing(made):
        yield made


class TestContract:
    def test_an_empty_store_knows_nothing(self, store):
        assert store.thread(ident("a")) is None
        assert store.message(ident("a"), ident("a")) is None
        assert not store.known(ANNA)
        assert store.superseded_at(ident("a")) is None
        assert store.next_key(ANNA, SHOP) is None
        assert not store.paired(ANNA, SHOP)
        assert store.record_thread(ident("a")) is None
        assert store.inbox_size(ANNA) == 0
        assert store.inbox(ANNA, 9) == []
        assert store.messages(ident("a"), 1, 9) == []
        assert store.changed(ANNA, 0, 9) == []
        assert store.threads_of(ANNA, SHOP) == []
        assert store.severed_at(ident("a")) is None
        assert store.blob(ident("a")) is None
        assert store.below(ident("a"), ["terms"]) == []
        assert store.refusals(ident("a"), 9) == ([], 0)
        assert store.load_keys(SHOP) is None

    @pytest.mark.parametrize("text", ["", "x", "+" * 43, "é" * 43, "=" * 43, "A" * 42 + "B", "A" * 42 + "\n"])
    def test_a_text_that_is_no_id_finds_nothing(self, store, text):
        first = opened("a")
        put(store, message(first, record=True))
        assert store.thread(text) is None
        assert store.message(text, first.head) is None
        assert store.message(first.thid, text) is None
        assert store.record_thread(text) is None
        assert store.superseded_at(text) is None
        assert store.messages(text, 1, 9) == []
        with store.begin() as transaction:
            transaction.acknowledge(SHOP, [text])
        assert store.inbox_size(SHOP) == 1

    def test_a_thread_comes_back_as_it_was(self, store):
        thread = opened(
            "a",
            deadline=NOW + 5,
            parent=ident("p"),
            agreement=ident("g"),
            record=ident("r"),
            record_at=0,
            over_at=NOW + 1,
            dead_at=NOW + 2,
            facts={"ends": "P30D", "list": ["ü", 1, 2.5, None, True], "deep": {"a": {"b": []}}},
            counts={"n": 3, "day:x": [NOW, NOW + 1]},
        )
        bare = opened("b")
        put(store, message(thread), message(bare))
        assert store.thread(thread.thid) == thread
        assert store.thread(bare.thid) == bare
        later = moved(thread, state="agreed", facts={}, counts={}, deadline=None, over_at=None)
        put(store, message(later))
        assert store.thread(thread.thid) == later

    def test_messages_of_a_thread_by_seq(self, store):
        a1 = opened("a")
        a2, b1 = moved(a1), opened("b")
        a3 = moved(a2)
        put(store, message(a1), message(a2), message(b1))
        put(store, message(a3))
        found = store.messages(a1.thid, 1, 9)
        assert mids(found) == [a1.head, a2.head, a3.head]
        assert [entry.seq for entry in found] == [1, 2, 3]
        assert found[1].token == f"token {a2.head}"
        assert found[1].receipt == f"receipt {a2.head}"
        assert {entry.thid for entry in found} == {a1.thid}
        assert mids(store.messages(a1.thid, 2, 1)) == [a2.head]
        assert store.messages(a1.thid, 4, 9) == []
        assert store.messages(a1.thid, 1, 0) == []
        assert store.message(a1.thid, a3.head) == found[2]
        assert store.message(b1.thid, a3.head) is None
        assert store.thread(a1.thid) == a3

    def test_positions_grow_in_the_order_of_commit(self, store):
        threads = [opened(str(n), second=(SHOP, BANK)[n % 2]) for n in range(9)]
        for three in (threads[:3], threads[3:6], threads[6:]):
            put(store, *map(message, three))
        positions = [store.message(t.thid, t.head).position for t in threads]
        assert positions == sorted(set(positions))
        fail(store, lambda transaction: transaction.append([message(opened("no"))]))
        put(store, message(moved(threads[0])))
        assert store.message(threads[0].thid, moved(threads[0]).head).position > positions[-1]

    def test_the_inbox_holds_what_is_not_acknowledged_in_order(self, store):
        threads = [opened(str(n)) for n in range(5)]
        put(store, *map(message, threads[:3]), message(opened("x", second=BANK)))
        put(store, *map(message, threads[3:]), message(moved(threads[0]), ANNA))
        assert mids(store.inbox(SHOP, 99)) == [t.head for t in threads]
        assert mids(store.inbox(SHOP, 2)) == [t.head for t in threads[:2]]
        assert store.inbox(SHOP, 0) == []
        assert mids(store.inbox(ANNA, 9)) == [moved(threads[0]).head]
        assert store.inbox(SHOP, 1)[0] == store.message(threads[0].thid, threads[0].head)
        with store.begin() as transaction:
            transaction.append([message(opened("y"))])
            assert transaction.inbox_size(SHOP) == 6
            acknowledged = (t.head for t in (threads[3], threads[1], threads[1]))
            transaction.acknowledge(SHOP, [*acknowledged, ident("never"), ident("x")])
            assert transaction.inbox_size(SHOP) == 4
            transaction.append([message(opened("z"))])
            transaction.acknowledge("nobody", [threads[0].head])
            assert transaction.inbox_size(SHOP) == 5
        left = [threads[0].head, threads[2].head, threads[4].head, ident("y"), ident("z")]
        assert mids(store.inbox(SHOP, 99)) == left
        assert store.inbox_size(SHOP) == 5
        assert store.inbox_size(BANK) == 1
        assert store.message(threads[1].thid, threads[1].head) is not None

    def test_a_board_has_no_inbox_and_is_nobody(self, store):
        put(store, message(opened("a", second="")), message(opened("b", BEN, "")))
        assert store.thread(ident("a")).second == ""
        assert store.paired(ANNA, "")
        assert not store.known("")
        assert store.inbox("", 9) == []
        assert [t.thid for _, t in store.changed(ANNA, 0, 9)] == [ident("a")]

    def test_known_are_parties_and_whoever_was_noted(self, store):
        put(store, message(opened("a"), BANK))
        assert store.known(ANNA)
        assert store.known(SHOP)
        assert not store.known(BANK)  # an inbox alone makes no party
        with store.begin() as transaction:
            transaction.know(BANK)
            transaction.know(BEN)
            transaction.know(ANNA)
            transaction.know(BEN)
        assert store.known(BANK)
        assert store.known(BEN)
        assert not store.known(CARA)

    def test_paired_goes_by_role(self, store):
        put(store, message(opened("a")), message(opened("b")), message(opened("c", BEN)))
        assert store.paired(ANNA, SHOP)
        assert not store.paired(SHOP, ANNA)
        assert not store.paired(ANNA, BANK)
        assert not store.paired(BEN, ANNA)
        assert sorted(store.threads_of(ANNA, SHOP)) == sorted([ident("a"), ident("b")])
        assert store.threads_of(SHOP, ANNA) == []

    def test_a_record_leads_to_its_thread(self, store):
        a1 = opened("a")
        a2 = moved(a1)
        put(store, message(a1), message(a2, record=True))
        assert store.record_thread(a2.head) == a1.thid
        assert store.record_thread(a1.head) is None

    def test_a_chain_of_agreements(self, store):
        made = [opened(f"sd{n}", received=NOW + n, record_at=NOW) for n in range(3)]
        others = [
            opened("class", received=NOW + 7),
            opened("pair", second=BANK, received=NOW + 8),
            opened("none", received=NOW + 9),
        ]
        put(store, message(made[0], supersedes="SD"), message(others[0], supersedes="XX"))
        put(store, message(others[1], supersedes="SD"), message(others[2]))
        assert store.superseded_at(made[0].thid) is None
        put(store, message(made[1], supersedes="SD"), message(made[2], supersedes="SD"))
        assert [store.superseded_at(t.thid) for t in made] == [NOW + 1, NOW + 2, None]
        assert [store.superseded_at(t.thid) for t in others] == [None, None, None]

    def test_the_next_key_is_kept_forgotten_or_left(self, store):
        a1 = opened("a")
        put(store, message(a1, next_key="one"), message(opened("b", second=BANK)))
        assert store.next_key(ANNA, SHOP) == "one"
        assert store.next_key(ANNA, BANK) is None
        assert store.next_key(SHOP, ANNA) is None
        put(store, message(moved(a1)))
        assert store.next_key(ANNA, SHOP) == "one"
        put(store, message(moved(moved(a1)), next_key="two"), message(opened("c"), next_key="three"))
        assert store.next_key(ANNA, SHOP) == "three"
        put(store, message(opened("d"), next_key=""))
        assert store.next_key(ANNA, SHOP) is None
        assert store.paired(ANNA, SHOP)

    def test_changed_pages_by_the_last_message(self, store):
        a, b, c = opened("a"), opened("b", BEN), opened("c")
        put(store, message(a), message(b), message(c), message(opened("x", second=BANK)))
        assert [t.thid for _, t in store.changed(SHOP, 0, 99)] == [a.thid, b.thid, c.thid]
        put(store, message(moved(a)))
        page = store.changed(SHOP, 0, 2)
        assert [t for _, t in page] == [b, c]
        assert [p for p, _ in page] == [store.message(t.thid, t.head).position for t in (b, c)]
        rest = store.changed(SHOP, page[-1][0], 2)
        assert [t for _, t in rest] == [moved(a)]
        assert store.changed(SHOP, rest[-1][0], 2) == []
        assert [t.thid for _, t in store.changed(ANNA, 0, 99)] == [c.thid, ident("x"), a.thid]

    def test_a_party_may_be_first_here_and_second_there(self, store):
        put(store, message(opened("a", ANNA, SHOP)), message(opened("b", SHOP, BANK)))
        put(store, message(opened("c", BEN, SHOP)), message(opened("d", SHOP, ANNA)))
        assert [t.thid for _, t in store.changed(SHOP, 0, 3)] == [ident(n) for n in "abc"]
        assert [t.thid for _, t in store.changed(SHOP, 0, 9)] == [ident(n) for n in "abcd"]

    def test_a_child_changes_its_parent(self, store):
        parent = opened("p", second="", counts={"seen": 4})
        child = opened("c", parent=parent.thid, received=NOW + 10)
        counted = replace(parent, counts={"seen": 5}, filled=(NOW,))
        put(store, message(parent), message(child, parent=counted))
        assert store.thread(parent.thid) == counted
        assert store.thread(child.thid) == child
        before = store.changed(ANNA, 0, 9)
        sibling = opened("d", BEN, parent=parent.thid, received=NOW + 86500)
        again = replace(counted, counts={"seen": 6})
        put(store, message(sibling, parent=again))
        assert store.thread(parent.thid) == again
        # That is no message of the parent: it keeps its position.
        assert [p for p, _ in store.changed(ANNA, 0, 9)] == [p for p, _ in before]
        assert [t.thid for t in store.below(parent.thid)] == [child.thid, sibling.thid]
        assert store.below(child.thid) == store.below(ident("nowhere")) == []

    def test_those_below_are_found_by_their_kind(self, store):
        parent, other = opened("p"), opened("q")
        kinds = ("consent", "data", "consent", "dialogue")
        below = [opened(f"c{n}", parent=parent.thid, kind=kind) for n, kind in enumerate(kinds)]
        put(store, message(parent), message(other), *map(message, below))
        put(store, message(opened("d", parent=other.thid, kind="consent")))
        one, two, three, four = below
        with store.begin() as transaction:
            for reads in (store, transaction):
                assert reads.below(parent.thid, ["consent"]) == [one, three]
                assert reads.below(parent.thid, ["dialogue", "data"]) == [two, four]
                assert reads.below(parent.thid, ["consent", "data", "dialogue"]) == below
                assert reads.below(parent.thid) == reads.below(parent.thid, []) == below
                assert reads.below(parent.thid, ["correction"]) == []
                assert reads.below(one.thid, ["consent"]) == reads.below(ident("nowhere"), ["consent"]) == []
        went = moved(three, state="granted", facts={"granted": ["one"]})
        put(store, message(went), message(moved(one, first=BEN), replaces=ANNA))
        found = store.below(parent.thid, ["consent"])
        assert [(t.thid, t.first, t.state) for t in found] == [
            (one.thid, BEN, "proffered"),
            (three.thid, BEN, "granted"),
        ]

    def test_a_transaction_finds_those_below_that_it_has_written(self, store):
        parent, child = opened("p"), opened("c", parent=ident("p"), kind="consent")

        def write(transaction: Any) -> None:
            transaction.append([message(parent), message(child)])
            assert transaction.below(parent.thid, ["consent"]) == [child]
            assert transaction.below(parent.thid, ["data"]) == []
            assert store.below(parent.thid, ["consent"]) == []

        fail(store, write)
        assert store.below(parent.thid, ["consent"]) == []
        with store.begin() as transaction:
            write(transaction)
        assert store.below(parent.thid, ["consent"]) == [child]

    def test_what_was_refused_is_listed_once_and_the_last_first(self, store):
        a1, b1 = opened("a"), opened("b")
        put(store, message(a1), message(b1))
        one, two, three = (
            refusal("1"),
            refusal("2", NOW + 1, purposes=()),
            refusal("3", NOW + 2, code="asked-again"),
        )
        refuse(store, a1.thid, one, three)
        refuse(store, a1.thid, two, one, replace(three, at=NOW + 3))
        refuse(store, b1.thid, one)
        assert store.refusals(a1.thid, 9) == ([three, two, one], 0)
        assert store.refusals(a1.thid, 2) == ([three, two], 1)
        assert store.refusals(b1.thid, 9) == ([one], 0)
        assert store.refusals(ident("nowhere"), 9) == ([], 0)

    def test_what_was_refused_in_one_second_has_one_order(self, store):
        put(store, message(opened("a")))
        names = [f"r{n}" for n in range(9)]
        refuse(store, ident("a"), *map(refusal, names))
        found, _ = store.refusals(ident("a"), 99)
        assert [one.mid for one in found] == sorted(map(ident, names), key=pack, reverse=True)

    def test_past_a_hundred_of_a_day_refusals_are_a_number(self, store):
        a1, midnight = opened("a"), NOW - NOW % 86400
        put(store, message(a1))
        many = [refusal(f"r{n}", midnight + n) for n in range(REFUSALS + 5)]
        refuse(store, a1.thid, *many[: REFUSALS - 1])
        assert [len(store.refusals(a1.thid, 999)[0]), store.refusals(a1.thid, 999)[1]] == [REFUSALS - 1, 0]
        refuse(store, a1.thid, *many[REFUSALS - 1 :])
        found, more = store.refusals(a1.thid, 999)
        assert (found, more) == (many[:REFUSALS][::-1], 5)
        refuse(store, a1.thid, *many[:3])
        assert store.refusals(a1.thid, 999) == (found, 5)
        assert store.refusals(a1.thid, 3) == (found[:3], REFUSALS - 3 + 5)

    def test_each_day_has_its_hundred_refusals(self, store):
        a1, midnight = opened("a"), NOW - NOW % 86400
        put(store, message(a1))
        first = [refusal(f"a{n}", midnight + 86399) for n in range(REFUSALS + 2)]
        second = [refusal(f"b{n}", midnight + 86400) for n in range(REFUSALS + 3)]
        refuse(store, a1.thid, *first, *second)
        found, more = store.refusals(a1.thid, 999)
        assert (len(found), more) == (2 * REFUSALS, 5)
        assert {one.mid for one in found} == {one.mid for one in (*first[:REFUSALS], *second[:REFUSALS])}
        assert {one.day for one in found[:REFUSALS]} == {midnight // 86400 + 1}

    def test_what_was_refused_again_after_midnight_is_listed_once(self, store):
        put(store, message(opened("a")))
        midnight = NOW - NOW % 86400
        one = refusal("1", midnight + 86399)
        refuse(store, ident("a"), one)
        refuse(store, ident("a"), replace(one, at=midnight + 86400))
        assert store.refusals(ident("a"), 9) == ([one], 0)

    def test_a_token_of_a_day_is_listed_once_though_it_touches_three_days(self, store):
        """It is judged from a minute before it is made to a minute after it is over."""
        a1, midnight = opened("a"), NOW - NOW % 86400
        put(store, message(a1))
        one = refusal("1", midnight - 20)
        refuse(store, a1.thid, one, replace(one, at=midnight + 20), replace(one, at=midnight + 86400 + 40))
        refuse(store, a1.thid, refusal("2", midnight - 20), refusal("2", midnight + 86400 + 40))
        assert [r.at for r in store.refusals(a1.thid, 9)[0]] == [midnight - 20] * 2

    def test_refusals_of_what_is_not_stored_are_not_noted(self, store):
        refuse(store, ident("a"), refusal("1"))
        assert store.refusals(ident("a"), 9) == ([], 0)
        put(store, message(opened("a")))
        assert store.refusals(ident("a"), 9) == ([], 0)

    def test_refusals_go_with_their_transaction(self, store):
        put(store, message(opened("a")))
        many = [refusal(f"r{n}") for n in range(REFUSALS + 1)]
        refuse(store, ident("a"), *many[:REFUSALS])
        before = store.refusals(ident("a"), 999)

        def write(transaction: Any) -> None:
            transaction.refuse(ident("a"), many[-1])
            transaction.append([message(opened("b"))])
            transaction.refuse(ident("b"), many[0])
            assert store.refusals(ident("a"), 999) == before

        fail(store, write)
        assert store.refusals(ident("a"), 999) == before
        with store.begin() as transaction:
            write(transaction)
        assert store.refusals(ident("a"), 999) == (before[0], 1)
        assert store.refusals(ident("b"), 999) == ([many[0]], 0)

    def test_agreements_made_before_the_end_of_a_relationship_are_severed(self, store):
        a1, b1, c1 = opened("a"), opened("b"), opened("c", BEN)
        end = opened("e", received=NOW + 5)
        put(store, message(a1, supersedes="SD"), message(c1, supersedes="SD"), message(b1, supersedes="AI"))
        assert store.severed_at(a1.thid) is None
        put(store, message(end, severs=True))
        later = opened("d", received=NOW + 6)
        again = opened("f", received=NOW + 9)
        put(store, message(later, supersedes="SD"))
        assert [store.severed_at(t.thid) for t in (a1, b1, c1, later)] == [NOW + 5, NOW + 5, None, None]
        with store.begin() as transaction:
            transaction.append([message(again, severs=True)])
            assert [transaction.severed_at(t.thid) for t in (a1, later)] == [NOW + 5, NOW + 9]
            assert store.severed_at(later.thid) is None
        assert [store.severed_at(t.thid) for t in (a1, later)] == [NOW + 5, NOW + 9]
        put(store, message(moved(c1, first=ANNA), replaces=BEN))
        assert store.severed_at(ident("nowhere")) is None

    def test_what_was_severed_stays_so_under_another_key(self, store):
        a1, end = opened("a"), opened("e", received=NOW + 5)
        put(store, message(a1, supersedes="SD"), message(end, severs=True))
        put(store, message(moved(end, first=BEN), replaces=ANNA))
        assert store.severed_at(a1.thid) == NOW + 5
        put(store, message(opened("b", BEN, received=NOW + 6), supersedes="SD"))
        assert store.severed_at(ident("b")) is None

    def test_a_transaction_reads_its_own_blobs_and_threads(self, store):
        one = BLOBS[0]

        def write(transaction: Any) -> None:
            transaction.put_blob(ANNA, one, b"a ladder", NOW)
            transaction.append([message(opened("a")), message(opened("b")), message(opened("c", BEN))])
            assert transaction.blob(one) == b"a ladder"
            assert transaction.blob(BLOBS[1]) is None
            assert sorted(transaction.threads_of(ANNA, SHOP)) == sorted([ident("a"), ident("b")])
            assert transaction.threads_of(SHOP, ANNA) == []
            assert (store.blob(one), store.threads_of(ANNA, SHOP)) == (None, [])

        fail(store, write)
        assert (store.blob(one), store.threads_of(ANNA, SHOP)) == (None, [])
        with store.begin() as transaction:
            write(transaction)
        assert store.blob(one) == b"a ladder"
        with store.begin() as transaction:
            transaction.append([message(moved(opened("a"), first=CARA), replaces=ANNA)])
            assert sorted(transaction.threads_of(CARA, SHOP)) == sorted([ident("a"), ident("b")])
            assert transaction.threads_of(ANNA, SHOP) == []

    def test_a_parent_and_its_own_message_in_one_batch(self, store):
        parent = opened("p", second="")
        own = moved(parent, counts={"n": 7})
        put(store, message(parent))
        put(
            store,
            message(opened("c", parent=parent.thid), parent=replace(parent, counts={"n": 1})),
            message(own),
            message(opened("d", parent=parent.thid), parent=replace(own, counts={"n": 8})),
        )
        assert store.thread(parent.thid) == replace(own, counts={"n": 8})
        assert [m.seq for m in store.messages(parent.thid, 1, 9)] == [1, 2]

    def test_a_parent_has_to_be_stored(self, store):
        child = opened("c", parent=ident("nowhere"))
        with pytest.raises(ValueError, match="parent"):
            put(store, message(child, parent=opened("nowhere")))
        assert store.thread(child.thid) is None

    def test_who_has_a_place(self, store):
        parent, one, two = opened("p"), opened("c", BEN), opened("d")
        one, two = replace(one, parent=parent.thid), replace(two, parent=parent.thid, place="filled")
        put(store, message(parent), message(one), message(two))
        assert store.placed(parent.thid) == [two]
        held, free = moved(one, place="held"), moved(two, place="")
        put(store, message(held), message(free))
        assert store.placed(parent.thid) == [held]
        assert store.below(parent.thid) == [held, free]

    def test_a_message_to_several(self, store):
        put(store, replace(message(opened("a")), addressees=(ANNA, BEN, BANK)))
        for party in (ANNA, BEN, BANK):
            assert mids(store.inbox(party, 9)) == [ident("a")]
        assert store.inbox(SHOP, 9) == []
        with store.begin() as transaction:
            transaction.acknowledge(BEN, [ident("a")])
            assert [transaction.inbox_size(p) for p in (ANNA, BEN)] == [1, 0]

    def test_a_thread_is_rebound_alone(self, store):
        a1, b1 = opened("a"), opened("b")
        put(store, message(a1, ANNA), message(b1, ANNA), message(opened("c", BEN)))
        put(store, message(moved(a1, first=CARA), SHOP, rebinds=ANNA))
        assert store.thread(a1.thid).first == CARA
        assert store.thread(b1.thid).first == ANNA
        assert mids(store.inbox(CARA, 9)) == [a1.thid]
        assert mids(store.inbox(ANNA, 9)) == [b1.thid]
        assert store.known(CARA)
        put(store, message(moved(b1, first=CARA), SHOP, rebinds=ANNA))
        assert not store.known(ANNA)

    def test_an_inbox_that_has_the_message_already_has_it_once(self, store):
        a1, b1 = opened("a"), opened("b")
        put(store, *(replace(message(thread), addressees=(ANNA, BEN)) for thread in (a1, b1)))
        put(store, message(moved(a1, first=BEN), rebinds=ANNA))
        assert (mids(store.inbox(ANNA, 9)), mids(store.inbox(BEN, 9))) == ([b1.head], [a1.head, b1.head])
        put(store, message(moved(b1, first=BEN), replaces=ANNA))
        assert (store.inbox_size(ANNA), mids(store.inbox(BEN, 9))) == (0, [a1.head, b1.head])

    def test_an_introduction_leaves_all_else_of_the_pair(self, store):
        a1, b1 = opened("a", received=NOW), opened("b", received=NOW + 1)
        put(store, message(a1, supersedes="SD", next_key="next"), message(b1))
        with store.begin() as transaction:
            transaction.know(ANNA)
        put(store, message(moved(a1, first=CARA), SHOP, rebinds=ANNA))
        put(store, message(moved(b1, first=BEN), SHOP, rebinds=ANNA))
        assert store.known(ANNA)  # it was noted
        assert store.threads_of(ANNA, SHOP) == []
        assert [store.next_key(p, SHOP) for p in (ANNA, BEN, CARA)] == ["next", None, None]
        put(store, message(opened("c", received=NOW + 7), supersedes="SD"))
        assert store.superseded_at(a1.thid) == NOW + 7

    def test_erasing_empties_the_inbox_of_the_second(self, store):
        a1, b1 = opened("a"), opened("b")
        put(store, message(a1), message(moved(a1), ANNA), message(b1))
        last = moved(moved(a1))
        put(store, message(last, ANNA, erases=(a1.thid,)))
        assert mids(store.inbox(SHOP, 9)) == [b1.thid]
        assert mids(store.inbox(ANNA, 9)) == [moved(a1).head, last.head]
        with store.begin() as transaction:
            assert transaction.inbox_size(SHOP) == 1
        put(store, message(moved(last), ANNA, erases=(a1.thid, b1.thid)))
        assert mids(store.inbox(SHOP, 9)) == []
        assert len(mids(store.inbox(ANNA, 9))) == 3

    def test_a_rotation_is_found_wherever_its_thread_has_gone(self, store):
        a1, b1 = opened("a"), opened("b")
        put(store, message(a1), message(b1))
        first = moved(a1, first=BEN)
        put(store, message(first, replaces=ANNA))
        second = moved(b1, first=CARA)
        put(store, message(second, replaces=BEN))
        put(store, message(moved(second, first=ANNA), rebinds=CARA))
        assert [e.mid for e in store.rotations(BEN, SHOP)] == [first.head]
        (found,) = store.rotations(CARA, SHOP)
        assert (found.thid, found.seq, found.mid) == (b1.thid, second.seq, second.head)
        assert store.rotations(ANNA, SHOP) == store.rotations(BEN, BANK) == []

    def test_a_board(self, store):
        a1, b1 = opened("a", second=BOARD), opened("b", BEN, BOARD)
        put(store, message(a1, "", change=shown(a1)), message(b1, "", change=shown(b1, until=NOW + 9)))
        first, second = store.feed_changes(BOARD, 0, 9)
        assert (first.thid, first.event, first.tags, first.was) == (a1.thid, "shown", "tags", None)
        assert store.shown(a1.thid) == first
        assert store.feed_end(BOARD) == (second.position, 0)
        assert store.feed_open(BOARD, 0, second.position, NOW, 9) == [first, second]
        assert store.feed_open(BOARD, 0, first.position, NOW, 9) == [first]
        assert store.feed_open(BOARD, first.position, second.position, NOW, 9) == [second]
        assert store.feed_open(BOARD, 0, second.position, NOW + 9, 9) == [first]
        ended = Change(BOARD, "withdrawn", was="tags")
        put(store, message(moved(a1), "", change=ended), message(moved(b1), "", change=shown(moved(b1))))
        assert store.shown(a1.thid) is None
        third, fourth = store.feed_changes(BOARD, second.position, 9)
        assert (third.event, third.was, fourth.event) == ("withdrawn", "tags", "shown")
        assert store.feed_open(BOARD, 0, fourth.position, NOW, 9) == [fourth]
        assert store.feed_changes(BOARD, 0, 2) == [first, second]
        assert store.feed_changes(f"{BOARD}x", 0, 9) == []
        assert store.feed_end(f"{BOARD}x") == (0, 0)

    def test_pruning_takes_a_prefix_and_leaves_what_is_open(self, store):
        threads = [opened(n, second=BOARD, received=NOW + i) for i, n in enumerate("abcd")]
        put(store, *(message(t, "", change=shown(t, until=NOW + 5)) for t in threads[:1]))
        put(store, *(message(t, "", change=shown(t)) for t in threads[1:]))
        put(store, message(moved(threads[1]), "", change=Change(BOARD, "paused", was="tags")))
        rows = store.feed_changes(BOARD, 0, 9)
        with store.begin() as transaction:
            transaction.prune_feed(NOW + 4, NOW + 1)
        assert store.feed_changes(BOARD, 0, 9) == rows
        with store.begin() as transaction:
            transaction.prune_feed(NOW + 5, NOW + 1)
        # The first one has expired and is old; the second is current no more, and young.
        assert store.feed_changes(BOARD, 0, 9) == rows[1:]
        assert store.feed_end(BOARD) == (rows[-1].position, rows[0].position)
        with store.begin() as transaction:
            transaction.prune_feed(NOW + 5, NOW + 99)
        assert [row.thid for row in store.feed_changes(BOARD, 0, 9)] == [t.thid for t in threads[2:]]
        assert store.feed_end(BOARD) == (rows[-1].position, rows[-1].position)

    def test_what_was_dropped_last_never_goes_back(self, store):
        a1, b1 = opened("a", second=BOARD), opened("b", second=BOARD)
        put(store, message(a1, "", change=shown(a1, until=NOW + 50)), message(b1, "", change=shown(b1)))
        put(store, message(moved(b1), "", change=Change(BOARD, "withdrawn", was="tags")))
        with store.begin() as transaction:
            transaction.prune_feed(NOW + 1, NOW + 1)
        assert [row.thid for row in store.feed_changes(BOARD, 0, 9)] == [a1.thid]
        assert store.feed_end(BOARD) == (3, 3)
        # The one that was open for long lies before the others that are gone.
        with store.begin() as transaction:
            transaction.prune_feed(NOW + 50, NOW + 1)
        assert store.feed_changes(BOARD, 0, 9) == []
        assert store.feed_end(BOARD) == (3, 3)

    def test_what_is_open_at_no_time_expires(self, store):
        a1 = opened("a", second=BOARD)
        put(store, message(a1, "", change=shown(a1, until=0)))
        with store.begin() as transaction:
            transaction.prune_feed(NOW, 0)
        assert store.shown(a1.thid) is None

    def test_one_pruning_takes_the_thousand_oldest(self, store):
        boards = [BOARD, f"{BOARD}-other"]
        threads = [opened(f"t{n}", second=boards[n % 2]) for n in range(1400)]
        put(store, *(message(t, "", change=replace(shown(t, until=NOW), board=t.second)) for t in threads))
        for closed in (1000, 1400):
            with store.begin() as transaction:
                transaction.prune_feed(NOW, NOW)
            assert not any(store.shown(t.thid) for t in threads[:closed])
            assert all(store.shown(t.thid) for t in threads[closed:])
        for left, ends in ((400, [999, 1000]), (0, [1399, 1400])):
            with store.begin() as transaction:
                transaction.prune_feed(NOW, NOW + 1)
            assert sum(len(store.feed_changes(board, 0, 9999)) for board in boards) == left
            assert [store.feed_end(board)[1] for board in boards] == ends

    def test_boards_share_their_positions(self, store):
        a1, b1 = opened("a", second=BOARD), opened("b", second=f"{BOARD}-other")
        other = replace(shown(b1), board=b1.second)
        put(store, message(a1, "", change=shown(a1)), message(b1, "", change=other))
        assert (store.feed_end(BOARD), store.feed_end(b1.second)) == ((1, 0), (2, 0))
        assert [row.thid for row in store.feed_changes(b1.second, 0, 9)] == [b1.thid]
        assert [row.thid for row in store.feed_open(BOARD, 0, 9, NOW, 9)] == [a1.thid]

    def test_a_notice_goes_with_the_identifier(self, store):
        a1, b1 = opened("a", second=BOARD), opened("b", second=BOARD)
        put(store, message(a1, ""), message(b1, ""))
        change = Change(BOARD, "removed", code="spam")
        for thread in (b1, a1):
            with store.begin() as transaction:
                transaction.remove(replace(thread, removed_at=NOW, removed="spam"), change)
        assert store.notices(ANNA, 9) == [a1.thid, b1.thid]
        assert store.notices(ANNA, 1) == [a1.thid]
        put(store, message(moved(a1, first=BEN), "", rebinds=ANNA))
        assert (store.notices(ANNA, 9), store.notices(BEN, 9)) == ([b1.thid], [a1.thid])
        put(store, message(moved(b1, first=CARA), "", replaces=ANNA))
        assert (store.notices(ANNA, 9), store.notices(CARA, 9)) == ([], [b1.thid])
        with store.begin() as transaction:
            transaction.told(ANNA, [a1.thid, b1.thid])
        assert (store.notices(BEN, 9), store.notices(CARA, 9)) == ([a1.thid], [b1.thid])

    def test_a_removal_is_no_message(self, store):
        a1 = opened("a", second=BOARD)
        put(store, message(a1, "", change=shown(a1)), message(opened("b"), ""))
        before = [position for position, _ in store.changed(ANNA, 0, 9)]
        change = Change(BOARD, "removed", was="tags", code="spam")
        with store.begin() as transaction:
            transaction.remove(replace(a1, removed_at=NOW + 3, removed="spam"), change)
        assert [position for position, _ in store.changed(ANNA, 0, 9)] == before
        assert mids(store.messages(a1.thid, 1, 9)) == [a1.head]
        # It is dated by the removal.
        with store.begin() as transaction:
            transaction.prune_feed(NOW, NOW + 3)
        assert [row.event for row in store.feed_changes(BOARD, 0, 9)] == ["removed"]

    def test_only_what_is_stored_can_be_removed(self, store):
        with pytest.raises(ValueError, match="is not stored"), store.begin() as transaction:
            transaction.remove(opened("a", second=BOARD), Change(BOARD, "removed"))
        assert store.thread(ident("a")) is None
        assert store.feed_end(BOARD) == (0, 0)

    def test_a_removal_and_its_notice(self, store):
        a1 = opened("a", second=BOARD)
        put(store, message(a1, "", change=shown(a1)))
        gone = replace(a1, removed_at=NOW + 3, removed="spam")
        with store.begin() as transaction:
            transaction.remove(gone, Change(BOARD, "removed", was="tags", code="spam"))
        assert store.thread(a1.thid) == gone
        assert [row.code for row in store.feed_changes(BOARD, 0, 9)] == ["", "spam"]
        assert store.shown(a1.thid) is None
        assert store.notices(ANNA, 9) == [a1.thid]
        assert store.notices(BEN, 9) == []
        with store.begin() as transaction:
            transaction.told(ANNA, [ident("other"), a1.thid, "no id"])
        assert store.notices(ANNA, 9) == []
        fail(store, lambda tx: tx.remove(a1, Change(BOARD, "removed")))
        assert store.thread(a1.thid) == gone
        assert store.notices(ANNA, 9) == []

    def test_blobs(self, store):
        one, two = ident("one"), ident("two")
        with store.begin() as transaction:
            transaction.put_blob(ANNA, one, b"picture", NOW)
            transaction.put_blob(BEN, one, b"picture", NOW + 5)
            transaction.put_blob(ANNA, two, b"paper!", NOW + 2)
        assert store.blob(one) == b"picture"
        assert store.blob(ident("three")) is None
        assert store.blob_sizes(ANNA, "", [one, two, ident("three")], NOW) == {one: 7, two: 6}
        assert store.blob_sizes(ANNA, "", [one, two], NOW + 1) == {two: 6}
        assert store.blob_sizes(CARA, ident("a"), [one], 0) == {}
        assert store.loose_blobs(ANNA, NOW + 1) == [Blob(two, 6, NOW + 2)]
        put(store, message(opened("a"), blobs=(one,)), message(opened("b", BEN), blobs=(one, one)))
        assert store.blob_sizes(CARA, ident("a"), [one], NOW + 99) == {one: 7}
        assert [t.thid for t in store.blob_threads(one, 9)] == [ident("a"), ident("b")]
        assert [t.thid for t in store.blob_threads(one, 1)] == [ident("a")]
        with store.begin() as transaction:
            transaction.drop_blobs(NOW + 3)
        assert store.blob(two) is None
        assert store.blob(one) == b"picture"
        assert store.loose_blobs(BEN, NOW) == [Blob(one, 7, NOW + 5)]
        with store.begin() as transaction:
            transaction.drop_blobs(NOW + 99)
        assert store.blob(one) == b"picture"

    def test_blobs_outlive_what_is_erased_and_are_named_once_they_are_there(self, store):
        one, two = BLOBS
        a1, b1 = opened("a"), opened("b")
        put(store, message(a1, blobs=(one,)))
        with store.begin() as transaction:
            transaction.put_blob(ANNA, one, b"picture", NOW)
        assert store.blob_threads(one, 9) == []
        put(store, message(b1, blobs=(one,)))
        put(store, message(moved(a1), blobs=(one,)), message(moved(b1), erases=(b1.thid,)))
        # In the order in which they were opened, whichever named it first.
        assert store.blob_threads(one, 9) == [moved(a1), moved(b1)]
        with store.begin() as transaction:
            transaction.put_blob(BEN, two, b"paper", NOW)
            transaction.put_blob(BEN, two, b"paper", NOW + 9)
            transaction.drop_blobs(NOW + 9)
        assert store.loose_blobs(BEN, 0) == [Blob(two, 5, NOW + 9)]
        assert store.blob_sizes(SHOP, b1.thid, BLOBS, 0) == {one: 7}
        with store.begin() as transaction:
            transaction.drop_blobs(NOW + 10)
        assert (store.blob(one), store.blob(two)) == (b"picture", None)

    def test_a_message_is_stored_once(self, store):
        a1 = opened("a")
        put(store, message(a1, record=True, supersedes="SD"))
        again = [
            message(a1),
            message(moved(a1, seq=1)),
            message(moved(a1, head=a1.head)),
            message(moved(a1), supersedes="SD"),
        ]
        for one in again:
            with pytest.raises(StoreError):
                put(store, message(opened("z")), one)
        with pytest.raises(StoreError):
            put(store, message(opened("b")), message(opened("b")))
        assert mids(store.messages(a1.thid, 1, 9)) == [a1.head]
        assert store.thread(ident("z")) is None
        assert store.thread(ident("b")) is None
        put(store, message(moved(a1)))

    def test_what_raises_leaves_nothing(self, store):
        a1, p1 = opened("a"), opened("p", second=BOARD)
        c1 = opened("c", BEN, parent=p1.thid, place="held")
        put(store, message(a1, next_key="one", supersedes="SD"))
        put(store, message(p1, "", change=shown(p1, until=NOW + 1)), message(c1))
        with store.begin() as transaction:
            transaction.put_blob(ANNA, BLOBS[0], b"picture", NOW + 2)
            transaction.acknowledge(SHOP, [c1.head])
            transaction.remove(replace(p1, removed="spam"), Change(BOARD, "removed", code="spam"))
        before = everything(store)

        def write(transaction: Any) -> None:
            transaction.know(CARA)
            transaction.acknowledge(SHOP, [a1.head])
            assert transaction.inbox_size(SHOP) == 0
            rotated = moved(a1, first=BEN, record=ident("x"))
            transaction.append([message(rotated, replaces=ANNA, record=True, next_key="")])
            transaction.append([message(opened("b", CARA, BANK), supersedes="SD")])
            assert transaction.inbox_size(SHOP) == 1
            transaction.put_blob(CARA, BLOBS[1], b"paper", NOW + 9)
            child, full = moved(c1, place=""), replace(p1, filled=(NOW,))
            transaction.append([message(child, ANNA, blobs=BLOBS, erases=(c1.thid,), parent=full)])
            assert transaction.inbox_size(SHOP) == 1
            assert transaction.placed(p1.thid) == []
            assert transaction.below(p1.thid) == [child]
            assert transaction.blob_sizes("", c1.thid, BLOBS, 0) == {BLOBS[0]: 7, BLOBS[1]: 5}
            back = moved(full)
            transaction.append([message(back, "", change=shown(back))])
            assert transaction.shown(p1.thid).version == back.head
            transaction.append([message(moved(back, first=CARA), "", rebinds=ANNA)])
            transaction.told(CARA, [p1.thid])
            gone = moved(back, first=CARA, removed_at=NOW)
            transaction.remove(gone, Change(BOARD, "removed"))
            assert transaction.shown(p1.thid) is None
            transaction.prune_feed(NOW + 99, NOW + 99)
            transaction.drop_blobs(NOW + 99)

        for error in (Boom, KeyboardInterrupt, GeneratorExit):
            fail(store, write, error)
            assert everything(store) == before
        put(store, message(opened("b", CARA, BANK)), message(moved(p1), "", change=shown(moved(p1))))
        assert store.thread(ident("b")).first == CARA
        assert store.inbox_size(SHOP) == 1
        # Positions go on from what was committed.
        assert store.feed_end(BOARD) == (3, 0)

    def test_a_transaction_reads_itself_and_others_read_what_is_committed(self, store):
        a1 = opened("a")
        a2 = moved(a1)
        put(store, message(a1, next_key="one"))
        before = everything(store)
        with store.begin() as transaction:
            transaction.append([message(a2, record=True, next_key="two"), message(opened("b", BEN, BANK))])
            transaction.know(CARA)
            transaction.acknowledge(SHOP, [a1.head])
            assert everything(store) == before
            assert transaction.thread(a1.thid) == a2
            assert transaction.message(a1.thid, a2.head).seq == 2
            assert transaction.known(CARA)
            assert transaction.known(BEN)
            assert transaction.paired(BEN, BANK)
            assert transaction.next_key(ANNA, SHOP) == "two"
            assert transaction.record_thread(a2.head) == a1.thid
            assert transaction.inbox_size(SHOP) == 1
            assert transaction.superseded_at(a1.thid) is None
            assert everything(store) == before
        assert store.thread(a1.thid) == a2
        assert store.known(CARA)
        assert mids(store.inbox(SHOP, 9)) == [a2.head]

    def test_begin_does_not_nest(self, store):
        with store.begin() as transaction:
            transaction.append([message(opened("a"))])
            with pytest.raises(RuntimeError), store.begin():
                pass
            with pytest.raises(RuntimeError):
                store.save_keys(KeySet(SHOP, {}, frozenset(), NOW))
            with pytest.raises(RuntimeError):
                store.check()
        assert store.thread(ident("a")) is not None

    def test_an_error_that_the_block_swallows_ends_the_transaction_all_the_same(self, store):
        begun = store.begin()
        transaction = begun.__enter__()
        transaction.append([message(opened("a"))])
        uses: list[Any] = [
            lambda: transaction.append([message(opened("a"))]),
            lambda: transaction.know(BEN),
            lambda: transaction.thread(ident("a")),
            lambda: begun.__exit__(None, None, None),
        ]
        for use in uses:
            with pytest.raises(StoreError):
                use()
        assert store.thread(ident("a")) is None
        assert not store.known(BEN)

    def test_a_transaction_that_is_over_takes_nothing(self, store):
        with store.begin() as transaction:
            pass
        with pytest.raises(StoreError):
            transaction.append([message(opened("a"))])
        with pytest.raises(StoreError):
            transaction.known(ANNA)

    def test_a_rotation_moves_the_pair(self, store):
        a1, b1, away = opened("a", received=NOW), opened("b", received=NOW + 1), opened("c", second=BANK)
        put(store, message(a1, supersedes="SD", next_key="next"), message(b1), message(away))
        put(store, message(moved(b1), ANNA), message(moved(away), ANNA))
        with store.begin() as transaction:
            transaction.know(ANNA)
            assert transaction.inbox_size(ANNA) == 2
            assert transaction.inbox_size(BEN) == 0
            a2 = moved(a1, first=BEN)
            transaction.append([message(a2, replaces=ANNA, next_key="after")])
            assert transaction.inbox_size(ANNA) == 1
            assert transaction.inbox_size(BEN) == 1
        assert store.thread(a1.thid) == a2
        assert store.thread(b1.thid) == moved(b1, first=BEN)
        assert store.thread(away.thid) == moved(away)
        assert sorted(store.threads_of(BEN, SHOP)) == sorted([a1.thid, b1.thid])
        assert store.threads_of(ANNA, SHOP) == []
        assert store.paired(BEN, SHOP)
        assert not store.paired(ANNA, SHOP)
        assert store.paired(ANNA, BANK)
        assert mids(store.inbox(BEN, 9)) == [moved(b1).head]
        assert mids(store.inbox(ANNA, 9)) == [moved(away).head]
        assert mids(store.inbox(SHOP, 9)) == [a1.head, b1.head, a2.head]
        assert store.next_key(ANNA, SHOP) is None
        assert store.next_key(BEN, SHOP) == "after"
        assert [t.thid for _, t in store.changed(BEN, 0, 9)] == [b1.thid, a1.thid]
        assert [t.thid for _, t in store.changed(ANNA, 0, 9)] == [away.thid]
        # The agreement went along: a later one of the new identifier supersedes it.
        later = opened("d", BEN, received=NOW + 5)
        put(store, message(later, supersedes="SD"))
        assert store.superseded_at(a1.thid) == NOW + 5

        assert store.known(ANNA)
        put(store, message(moved(moved(away), first=BEN), replaces=ANNA))
        assert not store.known(ANNA)
        assert store.known(BEN)
        assert mids(store.inbox(BEN, 9)) == [moved(b1).head, moved(away).head]
        assert store.inbox_size(ANNA) == 0
        with store.begin() as transaction:
            transaction.know(ANNA)
        assert store.known(ANNA)

    def test_a_rotation_leaves_the_committed_key_that_it_does_not_name(self, store):
        a1 = opened("a")
        put(store, message(a1, next_key="next"))
        put(store, message(moved(a1, first=BEN), replaces=ANNA))
        assert store.next_key(BEN, SHOP) == "next"

    def test_a_rotation_onto_a_pair_that_there_is(self, store):
        a1, b1 = opened("a", received=NOW), opened("b", BEN, received=NOW + 1)
        put(store, message(a1, supersedes="SD", next_key="a"), message(b1, supersedes="SD", next_key="b"))
        assert store.superseded_at(a1.thid) is None
        put(store, message(moved(a1, first=BEN), replaces=ANNA))
        assert store.next_key(BEN, SHOP) == "a"
        assert store.superseded_at(a1.thid) == NOW + 1
        assert store.superseded_at(b1.thid) is None
        assert sorted(store.threads_of(BEN, SHOP)) == sorted([a1.thid, b1.thid])
        # An identifier that committed to nothing takes nothing away.
        put(store, message(opened("c", CARA)), message(moved(opened("c", CARA), first=BEN), replaces=CARA))
        assert store.next_key(BEN, SHOP) == "a"

    def test_a_thread_with_oneself(self, store):
        a1, c1 = opened("a", ANNA, ANNA), opened("c", ANNA, ANNA)
        put(store, message(a1), message(opened("b", SHOP, ANNA)), message(c1))
        assert [t.thid for _, t in store.changed(ANNA, 0, 9)] == [ident(n) for n in "abc"]
        put(store, message(moved(a1, first=BEN), replaces=ANNA))
        assert store.known(ANNA)
        assert [t.thid for _, t in store.changed(ANNA, 0, 9)] == [ident(n) for n in "bca"]
        assert sorted(store.threads_of(BEN, ANNA)) == sorted([a1.thid, c1.thid])

    def test_two_rotations_and_more_in_one_append(self, store):
        a1, b1 = opened("a"), opened("b")
        a2 = moved(a1, first=BEN)
        b2 = moved(b1, first=BEN)
        b3 = moved(b2, first=CARA)
        put(
            store,
            message(a1),
            message(b1),
            message(a2, replaces=ANNA),
            message(b2, BEN),
            message(b3, replaces=BEN),
        )
        assert store.thread(a1.thid) == replace(a2, first=CARA)
        assert store.thread(b1.thid) == b3
        assert mids(store.inbox(CARA, 9)) == [b2.head]
        assert [store.known(p) for p in (ANNA, BEN, CARA)] == [False, False, True]
        assert mids(store.messages(b1.thid, 1, 9)) == [b1.head, b2.head, b3.head]

    def test_keys_come_back_and_revoked_ones_are_never_forgotten(self, store):
        one, two = generate().public, generate("ES256").public
        first = KeySet(SHOP, {one.kid: one}, frozenset({"old"}), NOW, b'{"issuer": "\xff"}')
        store.save_keys(first)
        store.save_keys(KeySet(BANK, {}, frozenset(), NOW))
        assert store.load_keys(SHOP) == first
        store.save_keys(KeySet(SHOP, {two.kid: two}, frozenset({one.kid}), NOW + 5, b""))
        found = store.load_keys(SHOP)
        assert found == KeySet(SHOP, {two.kid: two}, frozenset({"old", one.kid}), NOW + 5, b"")
        assert found.keys[two.kid].verify(b"x", bytes(64)) is False
        store.save_keys(KeySet(SHOP, {one.kid: one}, frozenset(), NOW + 6))
        assert store.load_keys(SHOP).revoked == {"old", one.kid}
        assert store.load_keys(BANK) == KeySet(BANK, {}, frozenset(), NOW)

    def test_check_is_quiet_where_writing_works(self, store):
        store.check()
        put(store, message(opened("a")))
        store.check()


PEOPLE = [ANNA, BEN, CARA, "did:jwk:dora"]
PARTIES = [*PEOPLE, SHOP, BANK, ""]
SECONDS = [SHOP, BANK, "", ANNA]


def judged(reads: Any, thids: list[str], tokens: list[tuple[str, str]]) -> Any:
    """What a transaction and a store can both be asked."""
    return (
        [reads.thread(thid) for thid in thids],
        [reads.superseded_at(thid) for thid in thids],
        [reads.message(thid, mid) for thid, mid in tokens],
        [reads.record_thread(mid) for _, mid in tokens],
        [(reads.known(party), reads.inbox_size(party)) for party in PARTIES],
        [(reads.next_key(a, b), reads.paired(a, b)) for a in PEOPLE for b in SECONDS],
        [(reads.below(thid), reads.placed(thid), reads.shown(thid)) for thid in thids],
        [(reads.below(thid, ["consent"]), reads.below(thid, ["data", "terms"])) for thid in thids],
        [reads.severed_at(thid) for thid in thids],
        [sorted(reads.threads_of(a, b)) for a in PEOPLE for b in SECONDS],
        [reads.blob(digest) for digest in BLOBS],
        [reads.blob_sizes(party, thid, BLOBS, NOW + 2) for party in PEOPLE for thid in thids[:3]],
    )


def everything(
    store: Any, thids: list[str] | None = None, tokens: list[tuple[str, str]] | None = None
) -> Any:
    if thids is None:
        thids = [ident(name) for name in "abcdefpxyz"]
    if tokens is None:
        tokens = [(thid, thid) for thid in thids]
    return (
        judged(store, thids, tokens),
        [store.messages(thid, start, limit) for thid in thids for start, limit in ((1, 99), (2, 2))],
        [store.inbox(party, limit) for party in PARTIES for limit in (99, 2)],
        [store.changed(party, *page) for party in PARTIES for page in ((0, 99), (3, 2))],
        [store.rotations(first, second) for first in PEOPLE for second in SECONDS],
        [store.refusals(thid, limit) for thid in thids for limit in (999, 2)],
        [store.feed_end(BOARD), store.feed_changes(BOARD, 0, 99), store.feed_changes(BOARD, 3, 2)],
        [store.feed_open(BOARD, after, 50, NOW + 3, limit) for after, limit in ((0, 99), (2, 2))],
        [store.notices(party, 9) for party in PEOPLE],
        [store.blob_threads(digest, 99) for digest in BLOBS],
        [sorted(store.loose_blobs(party, NOW), key=str) for party in PEOPLE],
        store.load_keys(SHOP),
    )


class Twins(RuleBasedStateMachine):
    """The same operations on both stores; every read is compared after each."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "twin.db"
        shutil.copy(self.template, self.path)
        self.stores: list[Any] = [SqliteStore(self.path), MemoryStore()]
        self.begun: list[Any] = []
        self.open: list[Any] = []
        self.thids: list[str] = []
        self.tokens: list[tuple[str, str]] = []
        self.count = 0
        self.dropped = 0

    def teardown(self) -> None:
        if self.open:
            self.roll_back()
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    def each(self, do: Any) -> None:
        if not self.open:
            self.begin()
        for transaction in self.open:
            do(transaction)

    def add(self, thread: Thread, addressee: str, **effects: Any) -> None:
        self.batch.append(message(thread, addressee, **effects))
        self.tokens.append((thread.thid, thread.head))

    @precondition(lambda self: not self.open)
    @rule()
    def begin(self) -> None:
        self.begun = [store.begin() for store in self.stores]
        self.open = [begun.__enter__() for begun in self.begun]

    @precondition(lambda self: self.open)
    @rule()
    def commit(self) -> None:
        for begun in self.begun:
            begun.__exit__(None, None, None)
        self.open = []

    @precondition(lambda self: self.open)
    @rule()
    def roll_back(self) -> None:
        for begun in self.begun:
            error = Boom()
            assert not begun.__exit__(Boom, error, None)
        self.open = []

    @precondition(lambda self: not self.open)
    @rule()
    def reopen(self) -> None:
        self.stores[0].close()
        self.stores[0] = SqliteStore(self.path)

    @rule(data=st.data(), size=st.integers(1, 4))
    def append(self, data: Any, size: int) -> None:
        if not self.open:
            self.begin()
        self.batch: list[Append] = []
        heads = {thid: found for thid in self.thids if (found := self.open[1].thread(thid)) is not None}
        for _ in range(size):
            kinds = ["open", "continue", "continue", "child", "rotate", "board", "rebind"]
            what = data.draw(st.sampled_from(kinds))
            effects: dict[str, Any] = {
                "record": data.draw(st.booleans()),
                "next_key": data.draw(st.sampled_from([None, None, "", "k1", "k2"])),
                "blobs": data.draw(st.sampled_from([(), (), (ident("one"),), BLOBS])),
                "erases": tuple(data.draw(st.lists(st.sampled_from(sorted(heads)), max_size=2)))
                if heads
                else (),
            }
            self.count += 1
            if what == "rotate" and heads and not self.batch:
                thread = heads[data.draw(st.sampled_from(sorted(heads)))]
                free = [p for p in PEOPLE if p != thread.first]
                if free:
                    thread = moved(
                        thread, first=data.draw(st.sampled_from(free)), head=ident(f"r{self.count}")
                    )
                    old = self.open[1].thread(thread.thid).first
                    self.add(thread, thread.second, replaces=old, **effects)
                    for transaction in self.open:
                        transaction.append(self.batch)
                    self.batch = []
                    heads = {thid: self.open[1].thread(thid) for thid in heads}
            elif what == "open" or not heads:
                first, second = data.draw(st.sampled_from(PEOPLE)), data.draw(st.sampled_from(SECONDS))
                thread = opened(f"t{self.count}", first, second, received=NOW + self.count)
                if data.draw(st.booleans()):
                    effects["supersedes"] = data.draw(st.sampled_from(["SD", "XX"]))
                else:
                    effects["severs"] = data.draw(st.booleans())
                self.thids.append(thread.thid)
                heads[thread.thid] = thread
                self.add(thread, second, **effects)
            elif what == "rebind":
                old = heads[data.draw(st.sampled_from(sorted(heads)))]
                thread = moved(old, first=data.draw(st.sampled_from(PEOPLE)), head=ident(f"i{self.count}"))
                heads[thread.thid] = thread
                self.add(thread, SHOP, rebinds=old.first, **effects)
            elif what == "board":
                thread = opened(
                    f"t{self.count}", data.draw(st.sampled_from(PEOPLE)), BOARD, received=NOW + self.count
                )
                self.thids.append(thread.thid)
                heads[thread.thid] = thread
                until = data.draw(st.sampled_from([None, NOW + 5, NOW + 500]))
                self.add(thread, "", change=shown(thread, until=until), **effects)
            elif what == "child":
                parent = heads[data.draw(st.sampled_from(sorted(heads)))]
                person = data.draw(st.sampled_from(PEOPLE))
                thread = opened(f"t{self.count}", person, SHOP, parent=parent.thid, received=NOW + self.count)
                thread = replace(
                    thread,
                    place=data.draw(st.sampled_from(["", "held", "filled"])),
                    kind=data.draw(st.sampled_from(["terms", "consent", "data"])),
                )
                changed = replace(parent, counts={"n": self.count}, filled=(*parent.filled, NOW))
                self.thids.append(thread.thid)
                heads[thread.thid], heads[parent.thid] = thread, changed
                self.add(thread, SHOP, parent=changed, **effects)
                several = data.draw(st.lists(st.sampled_from([SHOP, BANK, *PEOPLE]), unique=True))
                self.batch[-1] = replace(self.batch[-1], addressees=tuple(several))
            else:
                thread = moved(heads[data.draw(st.sampled_from(sorted(heads)))], head=ident(f"m{self.count}"))
                if thread.second == BOARD:
                    events = [Change(BOARD, "paused", was="tags"), shown(thread, until=NOW + 50), None]
                    effects["change"] = data.draw(st.sampled_from(events))
                heads[thread.thid] = thread
                self.add(thread, data.draw(st.sampled_from([thread.first, thread.second])), **effects)
        self.each(lambda transaction: transaction.append(self.batch))

    @rule(data=st.data(), party=st.sampled_from(PARTIES))
    def acknowledge(self, data: Any, party: str) -> None:
        known = [mid for _, mid in self.tokens] or [ident("none")]
        chosen = data.draw(st.lists(st.sampled_from(known), max_size=4))
        self.each(lambda transaction: transaction.acknowledge(party, chosen))

    @rule(party=st.sampled_from(PEOPLE))
    def know(self, party: str) -> None:
        self.each(lambda transaction: transaction.know(party))

    @rule(party=st.sampled_from(PEOPLE), digest=st.sampled_from(BLOBS), at=st.integers(0, 9))
    def put_blob(self, party: str, digest: str, at: int) -> None:
        self.each(lambda transaction: transaction.put_blob(party, digest, digest.encode(), NOW + at))

    @rule(data=st.data(), many=st.sampled_from([1, 2, 60]), number=st.integers(0, 99), day=st.integers(0, 1))
    def refuse(self, data: Any, many: int, number: int, day: int) -> None:
        thid = data.draw(st.sampled_from(self.thids or [ident("none")]))
        for n in range(number, number + many):
            one = refusal(f"refused {n} {day}", NOW + 86400 * day + n % 3)
            self.each(lambda transaction, one=one: transaction.refuse(thid, one))

    @rule(past=st.integers(0, 9), age=st.integers(0, 9))
    def prune(self, past: int, age: int) -> None:
        self.each(lambda transaction: transaction.drop_blobs(NOW + past))
        self.each(lambda transaction: transaction.prune_feed(NOW + past, NOW + age))

    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        if not self.open:
            self.begin()
        found = [self.open[1].thread(thid) for thid in self.thids]
        boarded = [thread for thread in found if thread is not None and thread.second == BOARD]
        if boarded:
            thread = replace(data.draw(st.sampled_from(boarded)), removed_at=NOW + 1, removed="spam")
            change = Change(BOARD, "removed", was="tags", code="spam")
            self.each(lambda transaction: transaction.remove(thread, change))

    @rule(data=st.data(), party=st.sampled_from(PEOPLE))
    def told(self, data: Any, party: str) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.thids or [ident("none")]), max_size=3))
        self.each(lambda transaction: transaction.told(party, chosen))

    @precondition(lambda self: not self.open)
    @rule(revoked=st.frozensets(st.sampled_from("abc")), seen_at=st.integers(0, 9))
    def save_keys(self, revoked: frozenset[str], seen_at: int) -> None:
        for store in self.stores:
            store.save_keys(KeySet(SHOP, {}, revoked, seen_at))

    @invariant()
    def no_change_is_missing(self) -> None:
        """Both stores could be wrong alike here: past what was dropped a reader is given every change."""
        end, dropped = self.stores[0].feed_end(BOARD)
        assert self.dropped <= dropped <= end
        self.dropped = dropped
        rows = self.stores[0].feed_changes(BOARD, dropped, 9999)
        assert [row.position for row in rows] == list(range(dropped + 1, end + 1))

    @invariant()
    def same_reads(self) -> None:
        one, other = (everything(store, self.thids, self.tokens) for store in self.stores)
        assert one == other
        if self.open:
            one, other = (judged(transaction, self.thids, self.tokens) for transaction in self.open)
            assert one == other


def test_both_stores_answer_alike(empty_database):
    class Machine(Twins):
        template = empty_database

    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run = settings(max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=quiet)
    run_state_machine_as_test(Machine, settings=run)


class TestSqlite:
    def test_refusals_outlive_a_restart(self, path):
        many = [refusal(f"r{n}") for n in range(REFUSALS + 2)]
        with closing(SqliteStore(path)) as store:
            put(store, message(opened("a")))
            refuse(store, ident("a"), *many[: REFUSALS + 1])
            before = store.refusals(ident("a"), 999)
        with closing(SqliteStore(path)) as store:
            assert store.refusals(ident("a"), 999) == before
            refuse(store, ident("a"), *many)
            found, more = store.refusals(ident("a"), 999)
            assert found == before[0]
            assert more > before[1] == 1

    def test_everything_is_there_after_a_restart(self, path):
        key = generate().public
        with closing(SqliteStore(path)) as store:
            a1 = opened("a")
            put(store, message(a1, record=True, supersedes="SD", next_key="k"), message(moved(a1), ANNA))
            put(store, message(opened("b", BEN, "")))
            d1, e1 = opened("d", second=BOARD), opened("e", second=BOARD)
            with store.begin() as transaction:
                transaction.know(CARA)
                transaction.put_blob(BEN, BLOBS[0], b"picture", NOW + 2)
                transaction.append([message(t, "", change=shown(t), blobs=BLOBS[:1]) for t in (d1, e1)])
                for thread in (d1, e1):
                    change = Change(BOARD, "removed", was="tags", code="spam")
                    transaction.remove(replace(thread, removed="spam"), change)
                transaction.prune_feed(NOW, NOW + 1)
            store.save_keys(KeySet(SHOP, {key.kid: key}, frozenset("r"), NOW, b"{}"))
            before = everything(store)
            assert store.feed_end(BOARD) == (4, 4)
            assert store.notices(ANNA, 9) == [d1.thid, e1.thid]
        with closing(SqliteStore(path)) as store:
            assert everything(store) == before
            put(store, message(opened("c", BEN, "")), message(moved(e1), "", change=shown(moved(e1))))
            assert store.changed(BEN, 0, 9)[-1][0] == 6
            # Positions go on where all rows of the board are gone.
            assert store.feed_end(BOARD) == (5, 4)

    def test_a_lock_of_another_process_means_busy(self, path):
        with closing(SqliteStore(path)) as store, closing(sqlite3.connect(path, timeout=0)) as other:
            put(store, message(opened("a")))
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError), store.begin():
                pytest.fail("the transaction began")
            with pytest.raises(StoreBusyError):
                store.check()
            with pytest.raises(StoreBusyError):
                store.save_keys(KeySet(SHOP, {}, frozenset(), NOW))
            assert store.thread(ident("a")) is not None
            assert mids(store.inbox(SHOP, 9)) == [ident("a")]
            other.rollback()
            store.check()
            put(store, message(opened("b")))

    def test_one_process_serves_a_database(self, path):
        with (
            closing(SqliteStore(path)),
            pytest.raises(StoreError, match="another process serves this database"),
        ):
            SqliteStore(path)
        SqliteStore(path).close()

    def test_the_lock_ends_with_its_process(self, path):
        code = (
            "import os, signal, sys; from vrmproto.storage.sqlite import SqliteStore;"
            "store = SqliteStore(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        )
        arguments = [sys.executable, "-c", code, str(path)]
        root = Path(__file__).resolve().parent.parent
        with subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            with pytest.raises(StoreError, match="another process"):
                SqliteStore(path)
            process.kill()
            process.wait()
        SqliteStore(path).close()

    def test_a_reading_tool_may_look(self, path):
        with closing(SqliteStore(path)) as store, closing(sqlite3.connect(path)) as tool:
            put(store, message(opened("a")))
            assert tool.execute("SELECT count(*) FROM messages").fetchone() == (1,)

    def test_a_new_database_is_its_owners_only(self, tmp_path):
        with closing(SqliteStore(str(tmp_path / "new.db"))) as store:
            put(store, message(opened("a")))
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
        assert modes == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm", "new.db.lock"), 0o600)

    def test_commits_wait_for_the_disk(self, path):
        with closing(SqliteStore(path)) as store:
            for db in (store._writer, store._db):
                assert db is not None
                assert db.execute("PRAGMA synchronous").fetchone() == (2,)
                assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    def test_close_closes_once(self, path):
        store = SqliteStore(path)
        store.close()
        store.close()
        with pytest.raises(StoreError):
            store.thread(ident("a"))

    def test_statements_use_an_index(self, path):
        """Every read and write finds its rows by a key; none walks a table."""
        from vrmproto.storage import lists, rows, sqlite

        names = {"party": 1, "after": 0, "limit": 9, "old": 1, "new": 2, "second": 3, "thread": 1}
        statements = [
            v.replace("{}", "?")
            for k, v in (vars(rows) | vars(sqlite) | vars(lists)).items()
            if k.isupper() and isinstance(v, str) and "FROM" in v
        ]
        with closing(sqlite3.connect(path)) as db:
            for statement in [
                *statements,
                *rows._ROTATE,
                *rows._REBIND,
                rows._SET_THREAD,
                rows._ACKNOWLEDGE,
                lists._HIDE,
            ]:
                values: Any = names if ":" in statement else (1,) * statement.count("?")
                plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
                walks = [step for step in plan if step.startswith("SCAN") and "sqlite_sequence" not in step]
                assert walks in ([], ["SCAN c"]), (statement, plan)

    def test_boards_and_places_use_their_own_indexes(self, path):
        """By the index that holds just these rows, in its order: a million others cost nothing."""
        from vrmproto.storage import lists, rows

        wanted = [
            (lists.OPEN, "changes_open (board=? AND pos>? AND pos<?)"),
            (lists.CHANGES, "changes_board (board=? AND pos>?)"),
            (lists._END, "COVERING INDEX changes_board (board=?)"),
            (lists.SHOWN, "changes_thread (thread=?)"),
            (lists._HIDE, "changes_thread (thread=?)"),
            (lists._EXPIRED, "changes_until (until<?)"),
            (lists._OLDEST, "changes_past (board=?)"),
            (lists._FORGET, "changes_past (board=? AND pos<?)"),
            (rows.BELOW_OF.format("?"), "threads_parent (parent=? AND kind=?)"),
            (rows.BELOW, "threads_parent (parent=?)"),
            (rows.PLACED, "threads_place (parent=?)"),
            (rows._ERASE, "inbox USING PRIMARY KEY (party=? AND pos=?)"),
            (rows._REBIND[1], "inbox USING PRIMARY KEY (party=? AND pos=?)"),
        ]
        names = {"old": 1, "new": 2, "thread": 1}
        with closing(sqlite3.connect(path)) as db:
            for statement, index in wanted:
                values: Any = names if ":" in statement else (1,) * statement.count("?")
                plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
                assert any(index in step for step in plan), (statement, plan)
                # All that is below one thread is sorted: the index has it by kind.
                sorts = any("TEMP B-TREE" in step for step in plan)
                assert sorts == (statement == rows.BELOW), (statement, plan)

    def test_a_plain_message_writes_its_three_rows_only(self, path):
        with closing(SqliteStore(path)) as store:
            a1 = opened("a")
            put(store, message(a1))
            seen: list[str] = []
            assert store._writer is not None
            store._writer.set_trace_callback(seen.append)
            put(store, message(moved(a1)))
            put(store, message(opened("b")))
        writes = [
            " ".join(line.split()[:3]) for line in seen if line.startswith(("UPDATE", "INSERT", "DELETE"))
        ]
        rest = ["INSERT INTO messages", "INSERT INTO inbox"]
        assert writes == ["UPDATE threads SET", *rest, "INSERT INTO threads", *rest]

    @pytest.mark.parametrize("where", ["missing/home.db", "file/home.db", "folder"])
    def test_a_path_that_cannot_be_a_database(self, tmp_path, where):
        (tmp_path / "file").write_text("")
        (tmp_path / "folder").mkdir()
        with pytest.raises(StoreError, match="reads and writes the file and the directory"):
            SqliteStore(tmp_path / where)

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "home.db").write_text("not a database at all, whatever its name says\n" * 50)
        with pytest.raises(StoreError, match="not a database"):
            SqliteStore(tmp_path / "home.db")

    @pytest.mark.parametrize("closed", ["file", "folder"])
    def test_without_the_permission(self, empty_database, closed):
        owner = os.geteuid()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(shutil.copy(empty_database, folder))
            path.chmod(0o444 if closed == "file" else 0o666)
            Path(folder).chmod(0o555 if closed == "folder" else 0o777)
            if owner == 0:
                os.seteuid(65534)  # the superuser may do anything
            try:
                with pytest.raises(StoreError, match=r"reads and writes.*Permission denied"):
                    SqliteStore(path)
            finally:
                os.seteuid(owner)
                Path(folder).chmod(0o700)


class TestBodies:
    def test_a_body_leaves_out_what_has_its_default(self):
        bare = opened("a")
        always = ["kind", "state", "since", "deadline", "seq", "head", "received", "opened", "opener"]
        assert sorted(json.loads(body_of(bare))) == sorted(always)
        full = replace(bare, place="held", filled=(NOW, NOW + 1), fills=2, removed_at=0, removed="spam")
        more = ["place", "filled", "fills", "removed_at", "removed"]
        assert sorted(json.loads(body_of(full))) == sorted([*always, *more])
        for thread in (bare, full):
            found = thread_from(thread.thid, thread.first, thread.second, body_of(thread))
            assert found == thread
            assert type(found.filled) is tuple


def older(path: Path, threads: list[Thread], revision: str = "0001") -> None:
    """A database as the first revision made it: one message a thread, and all else that it knew.

    It is then brought to ``revision``.
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    config = Config()
    config.set_main_option("script_location", str(migrations.SCRIPTS))
    known = ["kind", "state", "since", "deadline", "seq", "head", "received", "opened", "opener", "board"]
    optional = ["parent", "agreement", "record", "record_at", "over_at", "dead_at"]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.commit()
        names = sorted({name for thread in threads for name in thread.pair})
        number = {name: n for n, name in enumerate(names, 1)}
        db.executemany("INSERT INTO parties (id, n) VALUES (?, ?)", number.items())
        db.execute("INSERT INTO parties (id, noted) VALUES (?, 1)", (CARA,))
        for n, thread in enumerate(threads, 1):
            first, second, mid = number[thread.first], number[thread.second], pack(thread.head)
            members = {name: getattr(thread, name) for name in [*known, "facts", "counts"]}
            members |= {name: value for name in optional if (value := getattr(thread, name)) is not None}
            body = json.dumps(members, separators=(",", ":")).encode()
            row = (n, pack(thread.thid), first, second, n, body)
            db.execute("INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?)", row)
            said = (n, n, thread.seq, mid, f"token {thread.head}", f"receipt {thread.head}")
            db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", said)
            db.execute("INSERT INTO inbox VALUES (?, ?, ?, ?)", (second, n, n, mid))
        pair = number[ANNA], number[SHOP]
        db.execute("INSERT INTO agreements VALUES (1, 1, ?, ?, 'SD', ?)", (*pair, threads[0].received))
        db.execute("INSERT INTO records VALUES (?, 1)", (pack(threads[0].head),))
        db.execute("INSERT INTO pairs VALUES (?, ?, 'next')", pair)
        db.execute("INSERT INTO key_sets VALUES (?, ?, ?, '{}')", (SHOP, NOW, b"{}"))
        db.execute("INSERT INTO revoked VALUES (?, 'old')", (SHOP,))
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
        engine.dispose()


def family() -> list[Thread]:
    """Threads of an older database; one says ``parent`` in its facts alone, one has lost its parent."""
    a1 = opened("a", facts={"parent": "none of ours", "ends": "P30D"}, counts={"n": 1, "day:x": [NOW]})
    p1 = opened("p", agreement=a1.head, deadline=NOW + 5, over_at=NOW + 6)
    b1, c1 = opened("b", BEN, parent=p1.thid), opened("c", parent=p1.thid)
    return [a1, p1, b1, c1, opened("x", BEN, parent=ident("nowhere"))]


def made(path: Path) -> list[Any]:
    """The tables of a database."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


class TestMigrations:
    def test_an_older_database_comes_along_with_its_data(self, tmp_path):
        path, threads = tmp_path / "home.db", family()
        older(path, threads)
        a1, p1, b1, c1, lost = threads
        memory = MemoryStore()
        put(memory, message(a1, record=True, supersedes="SD", next_key="next"), *map(message, threads[1:]))
        with memory.begin() as transaction:
            transaction.know(CARA)
        memory.save_keys(KeySet(SHOP, {}, frozenset({"old"}), NOW, b"{}"))
        with closing(SqliteStore(path)) as store:
            assert everything(store) == everything(memory)
            assert store.below(p1.thid) == [b1, c1]
            assert store.thread(lost.thid) == lost
            # It goes on like a new one.
            held, d1 = moved(c1, place="held"), opened("d", second=BOARD)
            for each in (store, memory):
                put(each, message(held, parent=replace(p1, filled=(NOW,))))
                assert each.placed(p1.thid) == [held]
                put(each, message(d1, "", change=shown(d1)), message(moved(a1, first=CARA), replaces=ANNA))
                assert each.feed_end(BOARD) == (1, 0)
            assert everything(store) == everything(memory)
        with closing(sqlite3.connect(path)) as db:
            assert migrations.revision(db) == migrations.HEAD
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def test_those_below_others_get_their_kind(self, tmp_path):
        path, (a1, p1, b1, c1, lost) = tmp_path / "home.db", family()
        below = [replace(b1, kind="consent"), replace(c1, kind="data"), replace(lost, kind="data")]
        older(path, [a1, replace(p1, kind="relationship"), *below], "0002")
        with closing(sqlite3.connect(path)) as db:
            assert migrations.revision(db) == "0002"
        with closing(SqliteStore(path)) as store:
            assert store.below(p1.thid) == below[:2]
            assert store.below(p1.thid, ["consent"]) == below[:1]
            assert store.below(p1.thid, ["data"]) == below[1:2]
            assert store.below(p1.thid, ["terms", "relationship"]) == []
            refuse(store, p1.thid, refusal("1"))
            more = opened("d", parent=p1.thid, kind="consent")
            put(store, message(more))
            assert store.below(p1.thid, ["consent"]) == [below[0], more]
        with closing(SqliteStore(path)) as store:
            assert store.refusals(p1.thid, 9) == ([refusal("1")], 0)
        with closing(sqlite3.connect(path)) as db:
            assert migrations.revision(db) == migrations.HEAD == "0003"
            kinds = db.execute("SELECT kind FROM threads ORDER BY n").fetchall()
            assert kinds == [("",), ("",), ("consent",), ("data",), ("",), ("consent",)]
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    @pytest.mark.parametrize("revision", ["0001", "0002"])
    def test_databases_of_each_revision_get_the_same_tables(self, tmp_path, empty_database, revision):
        older(tmp_path / "home.db", family(), revision)
        SqliteStore(tmp_path / "home.db").close()
        assert made(tmp_path / "home.db") == made(empty_database)

    def test_a_failed_upgrade_leaves_the_older_database(self, tmp_path, monkeypatch):
        from alembic import op

        path = tmp_path / "home.db"
        older(path, family())

        def dump() -> list[str]:
            with closing(sqlite3.connect(path)) as db:
                return list(db.iterdump())

        def broken(*arguments: Any, **options: Any) -> None:
            raise Boom

        before = dump()
        with monkeypatch.context() as patch:
            patch.setattr(op, "create_index", broken)
            with pytest.raises(Boom):
                SqliteStore(path)
        assert dump() == before
        with closing(SqliteStore(path)) as store:
            assert store.thread(ident("p")) is not None

    def test_a_newer_database_is_refused_and_left_alone(self, path):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE alembic_version SET version_num = 'abcd'")
        with pytest.raises(StoreError, match=r"revision abcd.*newer version"):
            SqliteStore(path)
        with closing(sqlite3.connect(path)) as db:
            assert migrations.revision(db) == "abcd"

    def test_the_head_is_the_newest_script(self):
        from alembic.script import ScriptDirectory

        assert ScriptDirectory(str(migrations.SCRIPTS)).get_current_head() == migrations.HEAD

    def test_the_migrations_make_the_tables_of_tables(self, path):
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from sqlalchemy import create_engine
        from sqlalchemy.pool import StaticPool

        from vrmproto.storage.tables import metadata

        def made(db: sqlite3.Connection) -> dict[str, str]:
            rows = db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'")
            return {name: " ".join((sql or "").split()) for name, sql in rows if "alembic" not in name}

        with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(":memory:")) as direct:
            engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool)
            with engine.connect() as connection:
                context = MigrationContext.configure(connection, opts={"compare_type": True})
                assert compare_metadata(context, metadata) == []
            fresh = create_engine("sqlite://", creator=lambda: direct, poolclass=StaticPool)
            with fresh.begin() as connection:
                metadata.create_all(connection)
            # What the comparison does not see: AUTOINCREMENT and WITHOUT ROWID.
            assert made(db) == made(direct)
            engine.dispose()
            fresh.dispose()

    def test_a_migration_is_whole_or_not_at_all(self, tmp_path, monkeypatch):
        from alembic import op

        def broken(*arguments: Any, **options: Any) -> None:
            raise Boom

        with monkeypatch.context() as patch:
            patch.setattr(op, "create_index", broken)
            with pytest.raises(Boom):
                SqliteStore(tmp_path / "home.db")
        with closing(sqlite3.connect(tmp_path / "home.db")) as db:
            assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
        SqliteStore(tmp_path / "home.db").close()

    def test_opening_a_database_of_this_version_imports_no_alembic(self, path):
        code = (
            "import sys; from vrmproto.storage.sqlite import SqliteStore; SqliteStore(sys.argv[1]).close();"
            "sys.exit('sqlalchemy' in sys.modules or 'alembic' in sys.modules)"
        )
        root = Path(__file__).resolve().parent.parent
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, cwd=root)


def test_a_database_of_the_first_tables_is_upgraded_with_its_data(tmp_path):
    """What the first revision has stored reads as it did, and takes what came later."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool)
        config = Config()
        config.set_main_option("script_location", str(migrations.SCRIPTS))
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.commit()
        assert migrations.revision(db) == "0001"
        a1 = opened("a", deadline=NOW + 9, facts={"offer": "x"})
        body = {
            name: getattr(a1, name)
            for name in ("kind", "state", "since", "deadline", "seq", "head", "received", "opened", "opener")
        }
        body |= {"board": False, "facts": {"offer": "x"}, "counts": {}}
        mid = pack(a1.thid)
        db.execute("INSERT INTO parties (n, id) VALUES (1, ?), (2, ?)", (ANNA, SHOP))
        row = (1, mid, 1, 2, 1, json.dumps(body).encode())
        db.execute(
            "INSERT INTO threads (n, thid, first, second, changed, body) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        db.execute("INSERT INTO messages VALUES (1, 1, 1, ?, 'token', 'receipt')", (mid,))
        db.execute("INSERT INTO inbox VALUES (2, 1, 1, ?)", (mid,))
        engine.dispose()
    with closing(SqliteStore(path)) as store:
        assert store.thread(a1.thid) == a1
        assert [entry.token for entry in store.inbox(SHOP, 9)] == ["token"]
        assert store.below(a1.thid) == []
        child = opened("c", BEN, parent=a1.thid, place="held")
        put(
            store,
            message(moved(a1)),
            message(child),
            message(opened("w", second=BOARD), "", change=shown(a1)),
        )
        assert store.placed(a1.thid) == [child]
    with closing(SqliteStore(path)) as store:
        assert store.thread(a1.thid) == moved(a1)
        assert store.feed_end(BOARD)[0] == 1
