"""A store in one SQLite file: WAL, ``synchronous=FULL``, one writer, so that a commit means on disk.

The statements are raw SQL, prepared once by ``sqlite3``; the tables are defined in ``tables.py`` and made by
the migrations. Source: docs/decisions/0006-storage.md.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from vrmproto.keys import KeySet
from vrmproto.model import Bump, Thread
from vrmproto.storage import migrations
from vrmproto.storage.base import Append, Entry, StoreBusyError, StoreError, Transaction
from vrmproto.storage.coding import body_of, keys_from, keys_of, pack, seek, thread_from, unpack
from vrmproto.threads import raised

__all__ = ["SqliteStore"]

_PARTY = "SELECT n FROM parties WHERE id = ?"
_NEW_PARTY = "INSERT INTO parties (id) VALUES (?)"
_THREAD_NUMBER = "SELECT n FROM threads WHERE thid = ?"
_THREAD = """SELECT a.id, b.id, t.body FROM threads t
  JOIN parties a ON a.n = t.first JOIN parties b ON b.n = t.second WHERE t.thid = ?"""
_MESSAGE = """SELECT pos, seq, token, receipt FROM messages
  WHERE thread = (SELECT n FROM threads WHERE thid = ?) AND mid = ?"""
_KNOWN = """SELECT 1 FROM parties p WHERE p.id = ? AND (p.noted
  OR EXISTS (SELECT 1 FROM threads WHERE first = p.n) OR EXISTS (SELECT 1 FROM threads WHERE second = p.n))"""
_SUPERSEDED = """SELECT later.at FROM agreements a JOIN agreements later
  ON later.first = a.first AND later.second = a.second AND later.class = a.class AND later.n > a.n
  WHERE a.thread = (SELECT n FROM threads WHERE thid = ?) ORDER BY later.n LIMIT 1"""
_NEXT_KEY = """SELECT next_key FROM pairs
  WHERE first = (SELECT n FROM parties WHERE id = ?) AND second = (SELECT n FROM parties WHERE id = ?)"""
_RECORD = "SELECT t.thid FROM records r JOIN threads t ON t.n = r.thread WHERE r.mid = ?"
_INBOX_SIZE = "SELECT count(*) FROM inbox WHERE party = (SELECT n FROM parties WHERE id = ?)"

_INBOX = """SELECT m.pos, t.thid, m.seq, m.mid, m.token, m.receipt
  FROM inbox i JOIN messages m ON m.pos = i.pos JOIN threads t ON t.n = m.thread
  WHERE i.party = (SELECT n FROM parties WHERE id = ?) ORDER BY i.pos LIMIT ?"""
_MESSAGES = """SELECT pos, seq, mid, token, receipt FROM messages
  WHERE thread = (SELECT n FROM threads WHERE thid = ?) AND seq >= ? ORDER BY seq LIMIT ?"""
_CHANGED = """SELECT c.changed, c.thid, a.id, b.id, c.body FROM (
    SELECT changed, thid, first, second, body FROM threads WHERE first = :party AND changed > :after
    UNION ALL
    SELECT changed, thid, first, second, body FROM threads
      WHERE second = :party AND +first <> :party AND changed > :after
    ORDER BY changed LIMIT :limit
  ) c JOIN parties a ON a.n = c.first JOIN parties b ON b.n = c.second ORDER BY c.changed"""
# "+" keeps SQLite from walking the many threads of a second party instead of the few of a first. Only
# rotations ask for a pair: an index for it would be one more random page to write for each new thread.
_THREADS_OF = """SELECT thid FROM threads
  WHERE first = (SELECT n FROM parties WHERE id = ?) AND +second = (SELECT n FROM parties WHERE id = ?)"""

_LAST_POSITION = "SELECT seq FROM sqlite_sequence WHERE name = 'messages'"
_LAST_THREAD = "SELECT max(n) FROM threads"
_ADD_THREAD = "INSERT INTO threads (changed, body, n, thid, first, second) VALUES (?, ?, ?, ?, ?, ?)"
_SET_THREAD = "UPDATE threads SET changed = ?, body = ? WHERE n = ?"
_SET_BODY = "UPDATE threads SET body = ? WHERE n = ?"
_ADD_MESSAGE = "INSERT INTO messages (pos, thread, seq, mid, token, receipt) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_INBOX = "INSERT INTO inbox (party, pos, thread, mid) VALUES (?, ?, ?, ?)"
_ADD_RECORD = "INSERT INTO records (mid, thread) VALUES (?, ?)"
_ADD_AGREEMENT = "INSERT INTO agreements (thread, first, second, class, at) VALUES (?, ?, ?, ?, ?)"
_SET_NEXT_KEY = "INSERT OR REPLACE INTO pairs (first, second, next_key) VALUES (?, ?, ?)"
_FORGET_NEXT_KEY = "DELETE FROM pairs WHERE first = ? AND second = ?"
_ACKNOWLEDGE = "DELETE FROM inbox WHERE party = ? AND mid = ?"
_NOTE = (
    "INSERT INTO parties (id, noted) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET noted = 1 WHERE NOT noted"
)
_ROTATE = (
    """UPDATE inbox SET party = :new WHERE party = :old
      AND thread IN (SELECT n FROM threads WHERE first = :old AND +second = :second)""",
    "UPDATE threads SET first = :new WHERE first = :old AND +second = :second",
    "UPDATE agreements SET first = :new WHERE first = :old AND second = :second",
    "UPDATE OR REPLACE pairs SET first = :new WHERE first = :old AND second = :second",
    # Where it is still a party of other threads it is known by them.
    "UPDATE parties SET noted = 0 WHERE n = :old",
)

_SAVE_KEYS = """INSERT INTO key_sets (origin, seen_at, document, keys) VALUES (?, ?, ?, ?)
  ON CONFLICT (origin) DO UPDATE
  SET seen_at = excluded.seen_at, document = excluded.document, keys = excluded.keys"""
_REVOKE = "INSERT INTO revoked (origin, kid) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KEYS = "SELECT seen_at, document, keys FROM key_sets WHERE origin = ?"
_REVOKED = "SELECT kid FROM revoked WHERE origin = ?"

_CACHED = 16384
_NEEDS = "(a home reads and writes the file and the directory it lies in)"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class _Engine:
    """Around every use of the engine: its errors leave as StoreError."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (sqlite3.Error, OSError)):
            raise _translated(error, self._doing) from error


def _translated(error: Exception, doing: str) -> StoreError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
        return StoreBusyError(f"cannot {doing}: another process holds the database's write lock")
    return StoreError(f"cannot {doing}: {error}")


class _Reads:
    """Look-ups on one connection."""

    _db: sqlite3.Connection
    _engine: Any

    def thread(self, thid: str) -> Thread | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_THREAD, (seek(thid),)).fetchone()
        return None if row is None else thread_from(thid, *row)

    def message(self, thid: str, mid: str) -> Entry | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_MESSAGE, (seek(thid), seek(mid))).fetchone()
        if row is None:
            return None
        position, seq, token, receipt = row
        return Entry(position, thid, seq, mid, token, receipt)

    def known(self, party: str) -> bool:
        """See Reads."""
        with self._engine:
            return party != "" and self._db.execute(_KNOWN, (party,)).fetchone() is not None

    def superseded_at(self, thid: str) -> int | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_SUPERSEDED, (seek(thid),)).fetchone()
        return None if row is None else int(row[0])

    def next_key(self, first: str, second: str) -> str | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_NEXT_KEY, (first, second)).fetchone()
        return None if row is None else row[0]

    def paired(self, first: str, second: str) -> bool:
        """See Reads."""
        with self._engine:
            return self._db.execute(_THREADS_OF, (first, second)).fetchone() is not None

    def record_thread(self, record: str) -> str | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_RECORD, (seek(record),)).fetchone()
        return None if row is None else unpack(row[0])

    def inbox_size(self, party: str) -> int:
        """See Reads."""
        with self._engine:
            return int(self._db.execute(_INBOX_SIZE, (party,)).fetchone()[0])


class _Numbers:
    """What the only writer may remember of rows. Forgotten as a whole after a rollback, or when full."""

    def __init__(self) -> None:
        self.parties: dict[str, int] = {}
        self.threads: dict[str, int] = {}
        self.inboxes: dict[str, int] = {}

    def forget(self) -> None:
        self.parties.clear()
        self.threads.clear()
        self.inboxes.clear()

    def trim(self) -> None:
        for cache in (self.parties, self.threads, self.inboxes):
            if len(cache) > _CACHED:
                cache.clear()


@dataclass(slots=True)
class _Head:
    """A thread row to write at the end of a batch. ``changed`` is 0 where only counters were raised."""

    n: int
    thread: Thread
    changed: int
    new: tuple[bytes, int, int] | None = None
    """thid, first and second of a row to insert."""


class _Batch:
    """Rows of the messages of one ``append``, written table by table."""

    def __init__(self) -> None:
        self.heads: dict[str, _Head] = {}
        self.messages: list[tuple[int, int, int, bytes, str, str]] = []
        self.inbox: list[tuple[int, int, int, bytes]] = []
        self.records: list[tuple[bytes, int]] = []
        self.agreements: list[tuple[int, int, int, str, int]] = []
        self.next_keys: dict[tuple[int, int], str] = {}

    def write(self, db: sqlite3.Connection) -> None:
        heads = self.heads.values()
        new = [(h.changed, body_of(h.thread), h.n, *h.new) for h in heads if h.new]
        moved = [(h.changed, body_of(h.thread), h.n) for h in heads if h.changed and not h.new]
        raised = [(body_of(h.thread), h.n) for h in heads if not h.changed]
        for statement, rows in (
            (_ADD_THREAD, new),
            (_SET_THREAD, moved),
            (_SET_BODY, raised),
            (_ADD_MESSAGE, self.messages),
            (_ADD_INBOX, self.inbox),
            (_ADD_RECORD, self.records),
            (_ADD_AGREEMENT, self.agreements),
            (_SET_NEXT_KEY, [(*pair, key) for pair, key in self.next_keys.items() if key]),
            (_FORGET_NEXT_KEY, [pair for pair, key in self.next_keys.items() if not key]),
        ):
            if rows:
                db.executemany(statement, rows)


class _Transaction(_Reads):
    """The open write transaction, as its own guard: after an error it takes nothing more."""

    def __init__(self, db: sqlite3.Connection, numbers: _Numbers) -> None:
        self._db = db
        self._engine = self
        self._numbers = numbers
        self._position = -1
        self._last_thread = -1
        self.over = ""

    def __enter__(self) -> None:
        if self.over:
            raise StoreError(self.over)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        self.over = "an earlier error has ended this transaction"
        if isinstance(error, (sqlite3.Error, OSError)):
            raise _translated(error, "store or read") from error

    def inbox_size(self, party: str) -> int:
        """See Reads. Counted once, then kept: quotas ask for it with every message."""
        sizes = self._numbers.inboxes
        size = sizes.get(party)
        if size is None:
            size = sizes[party] = super().inbox_size(party)
        return size

    def know(self, party: str) -> None:
        """See Transaction."""
        with self:
            self._db.execute(_NOTE, (party,))

    def acknowledge(self, party: str, mids: Iterable[str]) -> None:
        """See Transaction."""
        with self:
            n = self._found_party(party)
            keys = [key for key in map(seek, mids) if key is not None]
            if n is None or not keys:
                return
            gone = self._db.executemany(_ACKNOWLEDGE, [(n, key) for key in keys]).rowcount
            if party in self._numbers.inboxes:
                self._numbers.inboxes[party] -= gone

    def append(self, appends: Sequence[Append]) -> None:
        """See Transaction."""
        with self:
            self._find_ends()
            batch = _Batch()
            for item in appends:
                if item.replaces:
                    batch.write(self._db)
                    batch = _Batch()
                    self._rotate(item.replaces, item.thread)
                self._add(batch, item)
            batch.write(self._db)

    def _find_ends(self) -> None:
        if self._position < 0:
            row = self._db.execute(_LAST_POSITION).fetchone()
            self._position = row[0] if row else 0
            self._last_thread = self._db.execute(_LAST_THREAD).fetchone()[0] or 0

    def _add(self, batch: _Batch, item: Append) -> None:
        thread = item.thread
        mid = pack(thread.head)
        self._position += 1
        head = self._head(batch, thread)
        n = head.n
        batch.messages.append((self._position, n, thread.seq, mid, item.token, item.receipt))
        if item.addressee:
            batch.inbox.append((self._party(item.addressee), self._position, n, mid))
            sizes = self._numbers.inboxes
            if item.addressee in sizes:
                sizes[item.addressee] += 1
        if item.record:
            batch.records.append((mid, n))
        if item.supersedes or item.next_key is not None:
            first, second = self._party(thread.first), self._party(thread.second)
            if item.supersedes:
                batch.agreements.append((n, first, second, item.supersedes, thread.received))
            if item.next_key is not None:
                batch.next_keys[first, second] = item.next_key
        for bump in item.bumps:
            if bump.scope == "parent":
                self._raise(batch, thread, bump)

    def _head(self, batch: _Batch, thread: Thread) -> _Head:
        """The row of a thread after a message."""
        head = batch.heads.get(thread.thid)
        if thread.seq == 1:
            # Not looked up: if the database has it, the insert fails.
            if head is not None:
                raise StoreError(f"the thread {thread.thid} is open already")
            head = self._opened(thread)
        elif head is None:
            n = self._found_thread(thread.thid)
            head = self._opened(thread) if n is None else _Head(n, thread, self._position)
        batch.heads[thread.thid] = head
        head.thread, head.changed = thread, self._position
        return head

    def _opened(self, thread: Thread) -> _Head:
        self._last_thread += 1
        self._numbers.threads[thread.thid] = self._last_thread
        row = (pack(thread.thid), self._party(thread.first), self._party(thread.second))
        return _Head(self._last_thread, thread, self._position, row)

    def _raise(self, batch: _Batch, thread: Thread, bump: Bump) -> None:
        parent = thread.parent or ""
        head = batch.heads.get(parent)
        if head is None:
            n, stored = self._found_thread(parent), self.thread(parent)
            if n is None or stored is None:
                raise ValueError(f"a counter to raise in the parent of {thread.thid}, which is not stored")
            head = batch.heads[parent] = _Head(n, stored, 0)
        head.thread = replace(head.thread, counts=raised(head.thread.counts, bump, thread.received))

    def _rotate(self, old: str, thread: Thread) -> None:
        n = self._found_party(old)
        if n is None or old == thread.first:
            return
        names = {"old": n, "new": self._party(thread.first), "second": self._party(thread.second)}
        for statement in _ROTATE:
            self._db.execute(statement, names)
        self._numbers.inboxes.pop(old, None)
        self._numbers.inboxes.pop(thread.first, None)

    def _found_party(self, party: str) -> int | None:
        n = self._numbers.parties.get(party)
        if n is None:
            row = self._db.execute(_PARTY, (party,)).fetchone()
            if row is None:
                return None
            n = self._numbers.parties[party] = int(row[0])
        return n

    def _party(self, party: str) -> int:
        n = self._found_party(party)
        if n is None:
            n = self._numbers.parties[party] = int(self._db.execute(_NEW_PARTY, (party,)).lastrowid or 0)
        return n

    def _found_thread(self, thid: str) -> int | None:
        n = self._numbers.threads.get(thid)
        if n is None:
            row = self._db.execute(_THREAD_NUMBER, (seek(thid),)).fetchone()
            if row is None:
                return None
            n = self._numbers.threads[thid] = int(row[0])
        return n


class SqliteStore(_Reads):
    """The store of a home in the SQLite file ``path``, made if it is missing, upgraded if it is older.

    One process at a time may open it so; others may read the file with tools of their own. Not for several
    threads at once. Raises StoreError if the database cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._engine = _Engine("read")
        self._numbers = _Numbers()
        self._writer: sqlite3.Connection | None = None
        self._writing = False
        self._lock = _locked(self._path)
        try:
            with _Engine(f"open the database {self._path} {_NEEDS}"):
                _make(self._path)
                migrations.upgrade(self._path)
                self._writer = self._connect()
                self._db = self._connect()
                self._db.execute("PRAGMA query_only=ON")
        except BaseException:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            db.execute("PRAGMA synchronous=FULL")
            synchronous = db.execute("PRAGMA synchronous").fetchone()[0]
            if (mode, synchronous) != ("wal", 2):
                raise StoreError(
                    f"{self._path} does not take WAL with synchronous=FULL: {mode}, {synchronous}"
                )
            db.execute("PRAGMA cache_size=-32768")
            # 32 MB: a page that many messages touch is written back to the database less often.
            db.execute("PRAGMA wal_autocheckpoint=4000")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """See Store. RuntimeError if a transaction is open."""
        if self._writing:
            raise RuntimeError("a transaction of this store is open already")
        with _Engine("begin a transaction"):
            if self._writer is None:
                self._writer = self._connect()
            self._writer.execute("BEGIN IMMEDIATE")
        self._writing = True
        transaction = _Transaction(self._writer, self._numbers)
        try:
            yield transaction
            if transaction.over:
                raise StoreError(transaction.over)
            with _Engine("commit"):
                self._writer.execute("COMMIT")
            self._numbers.trim()
        except BaseException:
            self._roll_back(self._writer)
            raise
        finally:
            transaction.over = "this transaction is over"
            self._writing = False

    def _roll_back(self, writer: sqlite3.Connection) -> None:
        self._numbers.forget()
        try:
            # After some errors SQLite has rolled back by itself.
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        except sqlite3.Error:
            # Closing ends the transaction too; the next one opens another connection.
            self._writer = None
            with suppress(sqlite3.Error):
                writer.close()

    def inbox(self, party: str, limit: int) -> list[Entry]:
        """See Store."""
        with self._engine:
            rows = self._db.execute(_INBOX, (party, limit)).fetchall()
        return [
            Entry(position, unpack(thid), seq, unpack(mid), token, receipt)
            for position, thid, seq, mid, token, receipt in rows
        ]

    def messages(self, thid: str, start: int, limit: int) -> list[Entry]:
        """See Store."""
        with self._engine:
            rows = self._db.execute(_MESSAGES, (seek(thid), start, limit)).fetchall()
        return [
            Entry(position, thid, seq, unpack(mid), token, receipt)
            for position, seq, mid, token, receipt in rows
        ]

    def changed(self, party: str, after: int, limit: int) -> list[tuple[int, Thread]]:
        """See Store."""
        with self._engine:
            row = self._db.execute(_PARTY, (party,)).fetchone()
            if row is None:
                return []
            names = {"party": row[0], "after": after, "limit": limit}
            rows = self._db.execute(_CHANGED, names).fetchall()
        return [
            (position, thread_from(unpack(thid), first, second, body))
            for position, thid, first, second, body in rows
        ]

    def threads_of(self, first: str, second: str) -> list[str]:
        """See Store."""
        with self._engine:
            return [unpack(thid) for (thid,) in self._db.execute(_THREADS_OF, (first, second))]

    def save_keys(self, keys: KeySet) -> None:
        """See Store."""
        row = (keys.origin, keys.seen_at, keys.document, keys_of(keys.keys))
        with self._own() as db:
            db.execute(_SAVE_KEYS, row)
            db.executemany(_REVOKE, [(keys.origin, kid) for kid in sorted(keys.revoked)])

    def load_keys(self, origin: str) -> KeySet | None:
        """See Store."""
        with self._engine:
            row = self._db.execute(_KEYS, (origin,)).fetchone()
            revoked = frozenset(kid for (kid,) in self._db.execute(_REVOKED, (origin,)))
        if row is None:
            return None
        seen_at, document, keys = row
        return KeySet(origin, keys_from(keys), revoked, seen_at, document)

    def check(self) -> None:
        """See Store. It commits a write of one page, waiting for the disk as a message does."""
        with self._own() as db:
            db.execute("PRAGMA user_version=1")

    @contextmanager
    def _own(self) -> Iterator[sqlite3.Connection]:
        """A transaction for a statement of the store's own."""
        with self.begin(), _Engine("write"):
            assert self._writer is not None
            yield self._writer

    def close(self) -> None:
        """See Store. Closing twice is closing once."""
        for db in (self._writer, getattr(self, "_db", None)):
            if db is not None:
                with suppress(sqlite3.Error):
                    db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _locked(path: Path) -> int:
    """The descriptor that holds the lock file of a database. The lock ends with it, or with the process."""
    with _Engine(f"open the lock file of the database {path} {_NEEDS}"):
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise StoreError(f"another process serves this database: {path}") from None
        raise StoreError(f"cannot lock {path}.lock: {error}") from error
    return descriptor


def _make(path: Path) -> None:
    """Make the file for its owner only; SQLite gives the files beside it the same mode.

    Done before SQLite opens it: closing another descriptor of the file would drop SQLite's own locks.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
