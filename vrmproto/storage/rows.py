"""Rows of the SQLite store: look-ups on a connection, and the transaction that writes the messages.

The statements are raw SQL, prepared once by ``sqlite3``; the tables are defined in ``tables.py`` and made by
the migrations. Source: docs/decisions/0006-storage.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from vrmproto.model import Thread
from vrmproto.storage import lists
from vrmproto.storage.base import Append, Change, Entry, FeedRow, Refusal, StoreBusyError, StoreError
from vrmproto.storage.coding import body_of, pack, seek, thread_from, unpack

__all__ = ["PARTY", "THREADS_OF", "LookUps", "Numbers", "WriteTransaction", "translated"]

PARTY = "SELECT n FROM parties WHERE id = ?"
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
# The end of a relationship stands there as an agreement of no class.
_SEVERED = """SELECT later.at FROM agreements a JOIN agreements later
  ON later.first = a.first AND later.second = a.second AND later.class = '' AND later.n > a.n
  WHERE a.thread = (SELECT n FROM threads WHERE thid = ?) ORDER BY later.n LIMIT 1"""
_NEXT_KEY = """SELECT next_key FROM pairs
  WHERE first = (SELECT n FROM parties WHERE id = ?) AND second = (SELECT n FROM parties WHERE id = ?)"""
_RECORD = "SELECT t.thid FROM records r JOIN threads t ON t.n = r.thread WHERE r.mid = ?"
_INBOX_SIZE = "SELECT count(*) FROM inbox WHERE party = (SELECT n FROM parties WHERE id = ?)"
# "+" keeps SQLite from walking the many threads of a second party instead of the few of a first. Only
# rotations ask for a pair: an index for it would be one more random page to write for each new thread.
THREADS_OF = """SELECT thid FROM threads
  WHERE first = (SELECT n FROM parties WHERE id = ?) AND +second = (SELECT n FROM parties WHERE id = ?)"""

_LAST_POSITION = "SELECT seq FROM sqlite_sequence WHERE name = 'messages'"
_LAST_THREAD = "SELECT max(n) FROM threads"
_ADD_THREAD = """INSERT INTO threads (changed, body, place, n, thid, first, second, parent, kind)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SET_PLACE = "UPDATE threads SET place = ? WHERE n = ?"
_below = """SELECT t.thid, a.id, b.id, t.body FROM threads t
  JOIN parties a ON a.n = t.first JOIN parties b ON b.n = t.second
  WHERE t.parent = (SELECT n FROM threads WHERE thid = ?){} ORDER BY t.n"""
BELOW, PLACED = _below.format(""), _below.format(" AND t.place")
BELOW_OF = _below.format(" AND t.kind IN ({})")
_SET_THREAD = "UPDATE threads SET changed = ?, body = ? WHERE n = ?"
_SET_BODY = "UPDATE threads SET body = ? WHERE n = ?"
_ADD_MESSAGE = "INSERT INTO messages (pos, thread, seq, mid, token, receipt) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_INBOX = "INSERT INTO inbox (party, pos, thread, mid) VALUES (?, ?, ?, ?)"
_ADD_ROTATION = "INSERT INTO rotations (pos, first, second) VALUES (?, ?, ?)"
_ADD_RECORD = "INSERT INTO records (mid, thread) VALUES (?, ?)"
_ADD_AGREEMENT = "INSERT INTO agreements (thread, first, second, class, at) VALUES (?, ?, ?, ?, ?)"
_SET_NEXT_KEY = "INSERT OR REPLACE INTO pairs (first, second, next_key) VALUES (?, ?, ?)"
_FORGET_NEXT_KEY = "DELETE FROM pairs WHERE first = ? AND second = ?"
_ACKNOWLEDGE = "DELETE FROM inbox WHERE party = ? AND mid = ?"
_NOTE = (
    "INSERT INTO parties (id, noted) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET noted = 1 WHERE NOT noted"
)
# By the thread's few messages: an inbox may hold thousands of others.
_ERASE = """DELETE FROM inbox WHERE party = ? AND pos IN
  (SELECT pos FROM messages WHERE thread = (SELECT n FROM threads WHERE thid = ?))"""
_REBIND = (
    "UPDATE threads SET first = :new WHERE n = :thread",
    """UPDATE OR REPLACE inbox SET party = :new WHERE party = :old
      AND pos IN (SELECT pos FROM messages WHERE thread = :thread)""",
    "UPDATE notices SET party = :new WHERE party = :old AND thread = :thread",
)
_NOTICE = "INSERT INTO notices (party, thread) VALUES (?, ?) ON CONFLICT DO NOTHING"
_TOLD = "DELETE FROM notices WHERE party = ? AND thread = (SELECT n FROM threads WHERE thid = ?)"
_ROTATE = (
    """UPDATE notices SET party = :new WHERE party = :old
      AND thread IN (SELECT n FROM threads WHERE first = :old AND +second = :second)""",
    """UPDATE OR REPLACE inbox SET party = :new WHERE party = :old
      AND thread IN (SELECT n FROM threads WHERE first = :old AND +second = :second)""",
    "UPDATE threads SET first = :new WHERE first = :old AND +second = :second",
    "UPDATE agreements SET first = :new WHERE first = :old AND second = :second",
    "UPDATE OR REPLACE pairs SET first = :new WHERE first = :old AND second = :second",
    # Where it is still a party of other threads it is known by them.
    "UPDATE parties SET noted = 0 WHERE n = :old",
)

_CACHED = 16384
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def translated(error: Exception, doing: str) -> StoreError:
    """An error of the engine as the store raises it."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
        return StoreBusyError(f"cannot {doing}: another process holds the database's write lock")
    return StoreError(f"cannot {doing}: {error}")


class LookUps:
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
        return Entry(row[0], thid, row[1], mid, *row[2:])

    def known(self, party: str) -> bool:
        """See Reads."""
        with self._engine:
            return party != "" and self._db.execute(_KNOWN, (party,)).fetchone() is not None

    def superseded_at(self, thid: str) -> int | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_SUPERSEDED, (seek(thid),)).fetchone()
        return None if row is None else int(row[0])

    def severed_at(self, thid: str) -> int | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_SEVERED, (seek(thid),)).fetchone()
        return None if row is None else int(row[0])

    def next_key(self, first: str, second: str) -> str | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_NEXT_KEY, (first, second)).fetchone()
        return None if row is None else row[0]

    def paired(self, first: str, second: str) -> bool:
        """See Reads."""
        with self._engine:
            return self._db.execute(THREADS_OF, (first, second)).fetchone() is not None

    def threads_of(self, first: str, second: str) -> list[str]:
        """See Reads."""
        with self._engine:
            rows = self._db.execute(THREADS_OF, (first, second)).fetchall()
        return [unpack(thid) for (thid,) in rows]

    def record_thread(self, record: str) -> str | None:
        """See Reads."""
        with self._engine:
            row = self._db.execute(_RECORD, (seek(record),)).fetchone()
        return None if row is None else unpack(row[0])

    def inbox_size(self, party: str) -> int:
        """See Reads."""
        with self._engine:
            return int(self._db.execute(_INBOX_SIZE, (party,)).fetchone()[0])

    def below(self, thid: str, kinds: Collection[str] = ()) -> list[Thread]:
        """See Reads."""
        return self._threads(BELOW_OF.format(", ".join("?" * len(kinds))) if kinds else BELOW, thid, *kinds)

    def placed(self, thid: str) -> list[Thread]:
        """See Reads."""
        return self._threads(PLACED, thid)

    def _threads(self, statement: str, thid: str, *kinds: str) -> list[Thread]:
        with self._engine:
            rows = self._db.execute(statement, (seek(thid), *kinds)).fetchall()
        return [thread_from(unpack(child), first, second, body) for child, first, second, body in rows]

    def shown(self, thid: str) -> FeedRow | None:
        """See Reads."""
        with self._engine:
            return lists.shown(self._db, thid)

    def blob_sizes(self, party: str, thid: str, digests: Sequence[str], since: int) -> dict[str, int]:
        """See Reads."""
        with self._engine:
            return lists.blob_sizes(self._db, party, thid, digests, since)

    def blob(self, digest: str) -> bytes | None:
        """See Reads."""
        with self._engine:
            return lists.blob(self._db, digest)


class Numbers:
    """What the only writer may remember of rows. Forgotten as a whole after a rollback, or when full."""

    def __init__(self) -> None:
        self.parties: dict[str, int] = {}
        self.threads: dict[str, int] = {}
        self.inboxes: dict[str, int] = {}
        self.boards: set[int] = set()

    def forget(self) -> None:
        """Forget everything: a rollback has made it doubtful."""
        self.parties.clear()
        self.threads.clear()
        self.inboxes.clear()
        self.boards.clear()

    def trim(self) -> None:
        """Empty what has grown full."""
        for cache in (self.parties, self.threads, self.inboxes):
            if len(cache) > _CACHED:
                cache.clear()


@dataclass(slots=True)
class _Head:
    """A thread row to write at the end of a batch. ``changed`` is 0 where only counters were raised."""

    n: int
    thread: Thread
    changed: int
    new: tuple[bytes, int, int, int | None, str] | None = None
    """thid, first, second, parent and kind of a row to insert."""


class _Batch:
    """Rows of the messages of one ``append``, written table by table."""

    def __init__(self) -> None:
        self.heads: dict[str, _Head] = {}
        self.messages: list[tuple[int, int, int, bytes, str, str]] = []
        self.inbox: list[tuple[int, int, int, bytes]] = []
        self.records: list[tuple[bytes, int]] = []
        self.rotations: list[tuple[int, int, int]] = []
        self.agreements: list[tuple[int, int, int, str, int]] = []
        self.next_keys: dict[tuple[int, int], str] = {}
        self.erased: list[tuple[int, bytes | None]] = []
        self.changes: list[tuple[int, int, Change, int]] = []
        self.blobs: list[tuple[int, tuple[str, ...]]] = []

    def write(self, db: sqlite3.Connection) -> None:
        heads = self.heads.values()
        new = [(h.changed, body_of(h.thread), bool(h.thread.place), h.n, *h.new) for h in heads if h.new]
        placed = [(bool(h.thread.place), h.n) for h in heads if h.thread.parent and not h.new]
        moved = [(h.changed, body_of(h.thread), h.n) for h in heads if h.changed and not h.new]
        raised = [(body_of(h.thread), h.n) for h in heads if not h.changed]
        for statement, rows in (
            (_ADD_THREAD, new),
            (_SET_THREAD, moved),
            (_SET_BODY, raised),
            (_SET_PLACE, placed),
            (_ADD_MESSAGE, self.messages),
            (_ADD_INBOX, self.inbox),
            (_ADD_RECORD, self.records),
            (_ADD_ROTATION, self.rotations),
            (_ADD_AGREEMENT, self.agreements),
            (_SET_NEXT_KEY, [(*pair, key) for pair, key in self.next_keys.items() if key]),
            (_FORGET_NEXT_KEY, [pair for pair, key in self.next_keys.items() if not key]),
            (_ERASE, self.erased),
        ):
            if rows:
                db.executemany(statement, rows)
        for board, thread, change, at in self.changes:
            lists.add_change(db, board, thread, change, at)
        for thread, digests in self.blobs:
            lists.link_blobs(db, thread, digests)


class WriteTransaction(LookUps):
    """The open write transaction, as its own guard: after an error it takes nothing more."""

    def __init__(self, db: sqlite3.Connection, numbers: Numbers) -> None:
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
            raise translated(error, "store or read") from error

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

    def put_blob(self, party: str, digest: str, data: bytes, at: int) -> None:
        """See Transaction."""
        with self:
            lists.put_blob(self._db, self._party(party), digest, data, at)

    def drop_blobs(self, before: int) -> None:
        """See Transaction."""
        with self:
            lists.drop_blobs(self._db, before)

    def prune_feed(self, now: int, before: int) -> None:
        """See Transaction."""
        with self:
            lists.prune_feed(self._db, now, before)

    def refuse(self, thid: str, refusal: Refusal) -> None:
        """See Transaction."""
        with self:
            n = self._found_thread(thid)
            if n is not None:
                lists.add_refusal(self._db, n, refusal)

    def remove(self, thread: Thread, change: Change) -> None:
        """See Transaction."""
        with self:
            n = self._found_thread(thread.thid)
            if n is None:
                raise ValueError(f"the thread {thread.thid} to remove is not stored")
            self._db.execute(_SET_BODY, (body_of(thread), n))
            lists.add_change(self._db, self._board(change.board), n, change, thread.removed_at or 0)
            self._db.execute(_NOTICE, (self._party(thread.first), n))

    def told(self, party: str, thids: Iterable[str]) -> None:
        """See Transaction."""
        with self:
            n = self._found_party(party)
            self._db.executemany(_TOLD, [(n, key) for key in map(seek, thids) if key is not None])

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
                if item.rebinds:
                    batch.write(self._db)
                    batch = _Batch()
                    self._rebind(item.rebinds, item.thread)
                self._add(batch, item)
                if item.erases:  # what comes after it is not meant
                    batch.write(self._db)
                    batch = _Batch()
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
        sizes = self._numbers.inboxes
        for addressee in item.addressees:
            batch.inbox.append((self._party(addressee), self._position, n, mid))
            if addressee in sizes:
                sizes[addressee] += 1
        if item.record:
            batch.records.append((mid, n))
        first, second = self._party(thread.first), self._party(thread.second)
        if item.replaces:
            batch.rotations.append((self._position, first, second))
        if item.supersedes or item.severs:
            batch.agreements.append((n, first, second, item.supersedes, thread.received))
        if item.next_key is not None:
            batch.next_keys[first, second] = item.next_key
        if item.parent is not None:
            self._set_parent(batch, item.parent)
        if item.erases:
            batch.erased += [(second, seek(thid)) for thid in item.erases]
            sizes.pop(thread.second, None)
        if item.change is not None:
            batch.changes.append((self._board(item.change.board), n, item.change, thread.received))
        if item.blobs:
            batch.blobs.append((n, item.blobs))

    def _board(self, board: str) -> int:
        n = self._party(board)
        if n not in self._numbers.boards:
            lists.know_board(self._db, n)
            self._numbers.boards.add(n)
        return n

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
        parent = self._found_thread(thread.parent) if thread.parent else None
        kind = thread.kind if parent is not None else ""
        row = (pack(thread.thid), self._party(thread.first), self._party(thread.second), parent, kind)
        return _Head(self._last_thread, thread, self._position, row)

    def _set_parent(self, batch: _Batch, parent: Thread) -> None:
        """The row of a parent that a message of another thread has changed; its position stays."""
        head = batch.heads.get(parent.thid)
        if head is None:
            n = self._found_thread(parent.thid)
            if n is None:
                raise ValueError(f"the parent {parent.thid} is not stored")
            head = batch.heads[parent.thid] = _Head(n, parent, 0)
        head.thread = parent

    def _rebind(self, old: str, thread: Thread) -> None:
        party, n = self._found_party(old), self._found_thread(thread.thid)
        if party is None or n is None or old == thread.first:
            return
        names = {"old": party, "new": self._party(thread.first), "thread": n}
        for statement in _REBIND:
            self._db.execute(statement, names)
        self._numbers.inboxes.pop(old, None)
        self._numbers.inboxes.pop(thread.first, None)

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
            row = self._db.execute(PARTY, (party,)).fetchone()
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
