"""A store in one SQLite file: WAL, ``synchronous=FULL``, one writer, so that a commit means on disk.

Here: the lock file, the connections, begin and commit, and what is read or written outside a batch of
messages. What a transaction reads and writes is in ``rows.py``. Source: docs/decisions/0006-storage.md.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from vrmproto.keys import KeySet
from vrmproto.model import Thread
from vrmproto.storage import lists, migrations
from vrmproto.storage.base import Blob, Entry, FeedRow, Refusal, StoreError, Transaction
from vrmproto.storage.coding import keys_from, keys_of, seek, thread_from, unpack
from vrmproto.storage.rows import PARTY, LookUps, Numbers, WriteTransaction, translated

__all__ = ["SqliteStore"]

_INBOX = """SELECT m.pos, t.thid, m.seq, m.mid, m.token, m.receipt
  FROM inbox i JOIN messages m ON m.pos = i.pos JOIN threads t ON t.n = m.thread
  WHERE i.party = (SELECT n FROM parties WHERE id = ?) ORDER BY i.pos LIMIT ?"""
_ROTATIONS = """SELECT m.pos, t.thid, m.seq, m.mid, m.token, m.receipt
  FROM rotations r JOIN messages m ON m.pos = r.pos JOIN threads t ON t.n = m.thread
  WHERE r.first = (SELECT n FROM parties WHERE id = ?) AND r.second = (SELECT n FROM parties WHERE id = ?)
  ORDER BY r.pos"""
_MESSAGES = """SELECT pos, seq, mid, token, receipt FROM messages
  WHERE thread = (SELECT n FROM threads WHERE thid = ?) AND seq >= ? ORDER BY seq LIMIT ?"""
# For the "+" see ``THREADS_OF``.
_CHANGED = """SELECT c.changed, c.thid, a.id, b.id, c.body FROM (
    SELECT changed, thid, first, second, body FROM threads WHERE first = :party AND changed > :after
    UNION ALL
    SELECT changed, thid, first, second, body FROM threads
      WHERE second = :party AND +first <> :party AND changed > :after
    ORDER BY changed LIMIT :limit
  ) c JOIN parties a ON a.n = c.first JOIN parties b ON b.n = c.second ORDER BY c.changed"""

_SAVE_KEYS = """INSERT INTO key_sets (origin, seen_at, document, keys) VALUES (?, ?, ?, ?)
  ON CONFLICT (origin) DO UPDATE
  SET seen_at = excluded.seen_at, document = excluded.document, keys = excluded.keys"""
_REVOKE = "INSERT INTO revoked (origin, kid) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KEYS = "SELECT seen_at, document, keys FROM key_sets WHERE origin = ?"
_REVOKED = "SELECT kid FROM revoked WHERE origin = ?"

_NEEDS = "(a home reads and writes the file and the directory it lies in)"


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
            raise translated(error, self._doing) from error


class SqliteStore(LookUps):
    """The store of a home in the SQLite file ``path``, made if it is missing, upgraded if it is older.

    One process at a time may open it so; others may read the file with tools of their own. Not for several
    threads at once. Raises StoreError if the database cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._engine = _Engine("read")
        self._numbers = Numbers()
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
        transaction = WriteTransaction(self._writer, self._numbers)
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

    def rotations(self, first: str, second: str) -> list[Entry]:
        """See Store."""
        with self._engine:
            rows = self._db.execute(_ROTATIONS, (first, second)).fetchall()
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
            row = self._db.execute(PARTY, (party,)).fetchone()
            if row is None:
                return []
            names = {"party": row[0], "after": after, "limit": limit}
            rows = self._db.execute(_CHANGED, names).fetchall()
        return [
            (position, thread_from(unpack(thid), first, second, body))
            for position, thid, first, second, body in rows
        ]

    def feed_end(self, board: str) -> tuple[int, int]:
        """See Store."""
        with self._engine:
            return lists.feed_end(self._db, board)

    def feed_open(self, board: str, after: int, until: int, now: int, limit: int) -> list[FeedRow]:
        """See Store."""
        with self._engine:
            return lists.feed_open(self._db, board, after, until, now, limit)

    def feed_changes(self, board: str, after: int, limit: int) -> list[FeedRow]:
        """See Store."""
        with self._engine:
            return lists.feed_changes(self._db, board, after, limit)

    def refusals(self, thid: str, limit: int) -> tuple[list[Refusal], int]:
        """See Store."""
        with self._engine:
            return lists.refusals(self._db, thid, limit)

    def notices(self, party: str, limit: int) -> list[str]:
        """See Store."""
        with self._engine:
            return lists.notices(self._db, party, limit)

    def blob_threads(self, digest: str, limit: int) -> list[Thread]:
        """See Store."""
        with self._engine:
            return lists.blob_threads(self._db, digest, limit)

    def loose_blobs(self, party: str, since: int) -> list[Blob]:
        """See Store."""
        with self._engine:
            return lists.loose_blobs(self._db, party, since)

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
