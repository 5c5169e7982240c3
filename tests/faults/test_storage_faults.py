"""A commit that the disk refuses: an error, nothing half done, and work again once there is room."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vrmproto.keys import KeySet, b64
from vrmproto.model import Thread
from vrmproto.storage.base import Append, StoreBusyError, StoreError
from vrmproto.storage.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
SHOP = "https://shop.example"
NOW = 1_700_000_000


def message(number: int, size: int = 2000) -> Append:
    mid = b64(hashlib.sha256(str(number).encode()).digest())
    thread = Thread(
        kind="terms",
        thid=mid,
        first=f"did:jwk:{number}",
        second=SHOP,
        state="proffered",
        since=NOW,
        deadline=None,
        seq=1,
        head=mid,
        received=NOW,
        opened=NOW,
        opener="terms.proffer",
    )
    return Append(
        thread, "t" * size, "receipt", thread.first, (SHOP,), record=True, next_key="k", supersedes="SD"
    )


def put(store: SqliteStore, *numbers: int, size: int = 2000) -> None:
    with store.begin() as transaction:
        transaction.append([message(number, size) for number in numbers])


def stored(store: SqliteStore, numbers: range) -> list[int]:
    """Which of the messages are there; each with all of its parts or with none."""
    there = []
    for number in numbers:
        item = message(number)
        thid, first = item.thread.thid, item.sender
        parts = {
            store.thread(thid) is not None,
            store.message(thid, thid) is not None,
            store.known(first),
            store.paired(first, SHOP),
            store.next_key(first, SHOP) == "k",
            store.record_thread(thid) == thid,
            bool(store.changed(first, 0, 1)),
        }
        assert len(parts) == 1, number
        there += [number] if parts == {True} else []
    assert store.inbox_size(SHOP) == len(there)
    assert len(store.inbox(SHOP, 10**6)) == len(there)
    return there


def intact(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home.db"


@pytest.fixture
def store(path):
    with closing(SqliteStore(path)) as opened:
        yield opened
    intact(path)


def writer(store: SqliteStore) -> sqlite3.Connection:
    assert store._writer is not None
    return store._writer


def test_a_full_database(store):
    put(store, 1)
    pages = writer(store).execute("PRAGMA page_count").fetchone()[0]
    writer(store).execute(f"PRAGMA max_page_count={pages + 2}")
    for _ in range(3):
        with pytest.raises(StoreError, match="full"):
            put(store, *range(2, 99))
        assert stored(store, range(99)) == [1]
    put(store, 2)
    writer(store).execute("PRAGMA max_page_count=1000000")
    put(store, *range(3, 99))
    assert stored(store, range(99)) == list(range(1, 99))
    store.check()


class Stubborn:
    """A connection that refuses some statements, after or before they are carried out."""

    def __init__(self, db: sqlite3.Connection, *refused: str) -> None:
        self.db = db
        self.refused = refused
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql in self.refused:
            raise sqlite3.OperationalError(f"disk I/O error ({sql})")
        return self.db.execute(sql, *values)

    def close(self) -> None:
        self.closed = True
        self.db.close()


@pytest.mark.parametrize("refused", [("COMMIT",), ("COMMIT", "ROLLBACK")])
def test_a_commit_that_fails_and_a_rollback_that_fails(store, refused):
    put(store, 1)
    stubborn = store._writer = Stubborn(writer(store), *refused)
    with pytest.raises(StoreError, match="disk I/O error"):
        put(store, 2)
    with closing(sqlite3.connect(store._path, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody holds the lock any more
        other.rollback()
    assert stubborn.closed == ("ROLLBACK" in refused)
    stubborn.refused = ()
    assert stored(store, range(9)) == [1]
    put(store, 2)
    assert stored(store, range(9)) == [1, 2]


def test_a_writer_that_cannot_be_opened_again_is_tried_again(store, monkeypatch):
    put(store, 1)
    store._writer = Stubborn(writer(store), "COMMIT", "ROLLBACK")
    with pytest.raises(StoreError):
        put(store, 2)

    def gone() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_connect", gone)
        for use in (
            lambda: put(store, 2),
            store.check,
            lambda: store.save_keys(KeySet("o", {}, frozenset(), 1)),
        ):
            with pytest.raises(StoreError, match="unable to open"):
                use()
        assert stored(store, range(9)) == [1]
    put(store, 2)
    assert stored(store, range(9)) == [1, 2]


def test_a_busy_commit_is_told_apart(store):
    class Busy(Stubborn):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
                raise error
            return self.db.execute(sql, *values)

    plain = writer(store)
    store._writer = Busy(plain)
    with pytest.raises(StoreBusyError):
        put(store, 1)
    store._writer = plain
    assert stored(store, range(3)) == []
    put(store, 1)


LIMITED = """
import resource, sys
sys.path[:0] = sys.argv[2:]
from test_storage_faults import *

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def size():
    return Path(f"{sys.argv[1]}-wal").stat().st_size

with closing(SqliteStore(sys.argv[1])) as store:
    put(store, *range(20))
    for room in (0, 1, 24, 5000, 8192, 9999, 50000):
        limit(size() + room)
        for length in (20000, 9):
            try:
                put(store, *range(100, 150), size=length)
            except StoreError as error:
                assert not isinstance(error, StoreBusyError)
                assert stored(store, range(200)) == list(range(20)), room
            else:
                raise AssertionError(f"took 50 messages with {room} bytes left")
    limit(size())
    try:
        for _ in range(99):
            store.check()
    except StoreError:
        pass
    else:
        raise AssertionError("the check saw nothing")
    limit(resource.RLIM_INFINITY)
    store.check()
    put(store, *range(100, 150))
    assert stored(store, range(200)) == [*range(20), *range(100, 150)]
with closing(SqliteStore(sys.argv[1])) as store:
    assert stored(store, range(200)) == [*range(20), *range(100, 150)]
print("survived")
"""


def test_a_file_that_may_not_grow(path):
    arguments = [sys.executable, "-c", LIMITED, str(path), str(ROOT), str(Path(__file__).parent)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("survived\n", 0), done.stderr
    intact(path)


KILLED = """
import os, sys
sys.path[:0] = sys.argv[2:]
from test_storage_faults import *
store = SqliteStore(sys.argv[1])
put(store, *range(30))
with store.begin() as transaction:
    transaction.append([message(number) for number in range(30, 900)])
    os._exit(9)
"""


def test_a_process_that_ends_inside_a_transaction(path):
    arguments = [sys.executable, "-c", KILLED, str(path), str(ROOT), str(Path(__file__).parent)]
    assert subprocess.run(arguments, timeout=120).returncode == 9
    with closing(SqliteStore(path)) as store:
        assert stored(store, range(900)) == list(range(30))
        put(store, *range(30, 900))
        assert stored(store, range(900)) == list(range(900))
    intact(path)
