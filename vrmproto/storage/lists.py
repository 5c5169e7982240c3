"""Boards, notices, blobs and refusals in SQLite: the statements, and what is read and written with them.

A connection is handed in; errors and transactions are the caller's.
Source: docs/decisions/0011-a-feed-is-a-log.md, 0014-blobs-are-put-first.md.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Any

from vrmproto.model import Thread
from vrmproto.storage.base import REFUSALS, TOUCHED, Blob, Change, FeedRow, Refusal
from vrmproto.storage.coding import pack, seek, thread_from, unpack

__all__ = [
    "add_change",
    "add_refusal",
    "blob",
    "blob_sizes",
    "blob_threads",
    "drop_blobs",
    "feed_changes",
    "feed_end",
    "feed_open",
    "know_board",
    "link_blobs",
    "loose_blobs",
    "notices",
    "prune_feed",
    "put_blob",
    "refusals",
    "shown",
]

PRUNED = 1000
"""How many rows of each sort one pruning takes."""

_party = "(SELECT n FROM parties WHERE id = ?)"
_row = """SELECT c.pos, t.thid, c.event, c.tags, c.was, c.until, c.version, c.code
  FROM changes c JOIN threads t ON t.n = c.thread"""
SHOWN = f"{_row} WHERE c.current AND c.thread = (SELECT n FROM threads WHERE thid = ?)"
OPEN = f"""{_row} WHERE c.current AND c.board = {_party} AND c.pos > ? AND c.pos <= ?
  AND (c.until IS NULL OR c.until > ?) ORDER BY c.pos LIMIT ?"""
CHANGES = f"{_row} WHERE c.board = {_party} AND c.pos > ? ORDER BY c.pos LIMIT ?"
_END = f"SELECT max(pos) FROM changes WHERE board = {_party}"
_DROPPED = f"SELECT dropped FROM boards WHERE board = {_party}"
_HIDE = "UPDATE changes SET current = 0 WHERE current AND thread = ?"
_ADD = """INSERT INTO changes (board, thread, event, tags, was, until, version, code, at, current)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ADD_BOARD = "INSERT INTO boards (board, dropped) VALUES (?, 0) ON CONFLICT DO NOTHING"
_EXPIRED = """UPDATE changes SET current = 0 WHERE pos IN
  (SELECT pos FROM changes WHERE current AND until <= ? ORDER BY until LIMIT ?)"""
_OLDEST = "SELECT pos, at, board FROM changes WHERE NOT current AND board = ? ORDER BY pos LIMIT ?"
_FORGET = "DELETE FROM changes WHERE NOT current AND board = ? AND pos <= ?"
# Never back: a row that was open for long goes after younger ones behind it.
_SET_DROPPED = "UPDATE boards SET dropped = max(dropped, ?) WHERE board = ?"
_NOTICES = f"""SELECT t.thid FROM notices n JOIN threads t ON t.n = n.thread
  WHERE n.party = {_party} ORDER BY n.thread LIMIT ?"""

_PUT = "INSERT INTO blobs (digest, data) VALUES (?, ?) ON CONFLICT DO NOTHING"
_UPLOAD = """INSERT INTO uploads (party, blob, at) VALUES (?, (SELECT n FROM blobs WHERE digest = ?), ?)
  ON CONFLICT DO UPDATE SET at = excluded.at"""
_LINK = """INSERT INTO links (blob, thread) SELECT n, ? FROM blobs WHERE digest = ?
  ON CONFLICT DO NOTHING"""
_OLD_UPLOADS = "SELECT blob FROM uploads WHERE at < ?"
_FORGET_UPLOADS = "DELETE FROM uploads WHERE at < ?"
_FORGET_BLOB = """DELETE FROM blobs WHERE n = ?
  AND NOT EXISTS (SELECT 1 FROM uploads WHERE blob = blobs.n)
  AND NOT EXISTS (SELECT 1 FROM links WHERE blob = blobs.n)"""
_SIZE = f"""SELECT length(b.data) FROM blobs b WHERE b.digest = ? AND (
  EXISTS (SELECT 1 FROM uploads u WHERE u.blob = b.n AND u.party = {_party} AND u.at >= ?)
  OR EXISTS (SELECT 1 FROM links l WHERE l.blob = b.n
    AND l.thread = (SELECT n FROM threads WHERE thid = ?)))"""
_BLOB = "SELECT data FROM blobs WHERE digest = ?"
_BLOB_THREADS = """SELECT t.thid, a.id, s.id, t.body FROM links l JOIN threads t ON t.n = l.thread
  JOIN parties a ON a.n = t.first JOIN parties s ON s.n = t.second
  WHERE l.blob = (SELECT n FROM blobs WHERE digest = ?) ORDER BY l.thread LIMIT ?"""
_LOOSE = f"""SELECT b.digest, length(b.data), u.at FROM uploads u JOIN blobs b ON b.n = u.blob
  WHERE u.party = {_party} AND u.at >= ? ORDER BY b.n"""


def _rows(found: Sequence[tuple[Any, ...]]) -> list[FeedRow]:
    return [FeedRow(position, unpack(thid), *rest) for position, thid, *rest in found]


def shown(db: sqlite3.Connection, thid: str) -> FeedRow | None:
    """See Reads."""
    found = _rows(db.execute(SHOWN, (seek(thid),)).fetchall())
    return found[0] if found else None


def feed_open(
    db: sqlite3.Connection, board: str, after: int, until: int, now: int, limit: int
) -> list[FeedRow]:
    """See Store."""
    return _rows(db.execute(OPEN, (board, after, until, now, limit)).fetchall())


def feed_changes(db: sqlite3.Connection, board: str, after: int, limit: int) -> list[FeedRow]:
    """See Store."""
    return _rows(db.execute(CHANGES, (board, after, limit)).fetchall())


def feed_end(db: sqlite3.Connection, board: str) -> tuple[int, int]:
    """See Store."""
    row = db.execute(_DROPPED, (board,)).fetchone()
    dropped = row[0] if row else 0
    last = db.execute(_END, (board,)).fetchone()[0]
    return max(last or 0, dropped), dropped


def add_change(db: sqlite3.Connection, board: int, thread: int, change: Change, at: int) -> None:
    """One change of the thread with this number, on the board with this number."""
    db.execute(_HIDE, (thread,))
    said = (change.event, change.tags, change.was, change.until, change.version, change.code)
    db.execute(_ADD, (board, thread, *said, at, int(change.event == "shown")))


def know_board(db: sqlite3.Connection, board: int) -> None:
    """A board that has changes."""
    db.execute(_ADD_BOARD, (board,))


def prune_feed(db: sqlite3.Connection, now: int, before: int) -> None:
    """See Transaction."""
    db.execute(_EXPIRED, (now, PRUNED))
    old: list[tuple[int, int, int]] = []
    for (board,) in db.execute("SELECT board FROM boards").fetchall():
        # Read row by row: mostly the first is too young already.
        old += takewhile(lambda row: row[1] < before, db.execute(_OLDEST, (board, PRUNED)))
    old.sort(key=itemgetter(0))
    ends = {board: position for position, _, board in old[:PRUNED]}
    db.executemany(_FORGET, list(ends.items()))
    db.executemany(_SET_DROPPED, [(end, board) for board, end in ends.items()])


def notices(db: sqlite3.Connection, party: str, limit: int) -> list[str]:
    """See Store."""
    return [unpack(thid) for (thid,) in db.execute(_NOTICES, (party, limit))]


def put_blob(db: sqlite3.Connection, party: int, digest: str, data: bytes, at: int) -> None:
    """See Transaction; the party by its number."""
    db.execute(_PUT, (seek(digest), data))
    db.execute(_UPLOAD, (party, seek(digest), at))


def link_blobs(db: sqlite3.Connection, thread: int, digests: Sequence[str]) -> None:
    """The thread with this number refers to blobs."""
    db.executemany(_LINK, [(thread, seek(digest)) for digest in digests])


def drop_blobs(db: sqlite3.Connection, before: int) -> None:
    """See Transaction."""
    gone = set(db.execute(_OLD_UPLOADS, (before,)).fetchall())
    if gone:
        db.execute(_FORGET_UPLOADS, (before,))
        db.executemany(_FORGET_BLOB, gone)


def blob_sizes(
    db: sqlite3.Connection, party: str, thid: str, digests: Sequence[str], since: int
) -> dict[str, int]:
    """See Reads."""
    found = {}
    for digest in digests:
        row = db.execute(_SIZE, (seek(digest), party, since, seek(thid))).fetchone()
        if row is not None:
            found[digest] = int(row[0])
    return found


def blob(db: sqlite3.Connection, digest: str) -> bytes | None:
    """See Store."""
    row = db.execute(_BLOB, (seek(digest),)).fetchone()
    return None if row is None else bytes(row[0])


def blob_threads(db: sqlite3.Connection, digest: str, limit: int) -> list[Thread]:
    """See Store."""
    rows = db.execute(_BLOB_THREADS, (seek(digest), limit)).fetchall()
    return [thread_from(unpack(thid), first, second, body) for thid, first, second, body in rows]


def loose_blobs(db: sqlite3.Connection, party: str, since: int) -> list[Blob]:
    """See Store."""
    rows = db.execute(_LOOSE, (party, since)).fetchall()
    return [Blob(unpack(digest), size, at) for digest, size, at in rows]


# --- refusals -----------------------------------------------------------------------------------

_REFUSALS_OF_A_DAY = """SELECT total(day = ?), total(mid = ?) FROM refusals
  WHERE thread = ? AND day BETWEEN ? AND ? AND mid != x''"""
_ADD_REFUSAL = (
    "INSERT INTO refusals (thread, day, mid, at, type, code, purposes, more) VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
)
_ONE_MORE = """INSERT INTO refusals (thread, day, mid, at, type, code, purposes, more)
  VALUES (?, ?, x'', ?, '', '', '[]', 1) ON CONFLICT (thread, day, mid) DO UPDATE SET more = more + 1"""
_REFUSALS = """SELECT mid, at, type, code, purposes FROM refusals
  WHERE thread = (SELECT n FROM threads WHERE thid = ?) AND mid != x'' ORDER BY at DESC, mid DESC LIMIT ?"""
_MORE = """SELECT total(mid != x''), total(more) FROM refusals
  WHERE thread = (SELECT n FROM threads WHERE thid = ?)"""


def add_refusal(db: sqlite3.Connection, thread: int, refusal: Refusal) -> None:
    """See Transaction."""
    mid = pack(refusal.mid)
    count, same = db.execute(
        _REFUSALS_OF_A_DAY, (refusal.day, mid, thread, refusal.day - TOUCHED + 1, refusal.day)
    ).fetchone()
    if same:
        return  # it stays as it was first: VRM-LED-006
    if count < REFUSALS:
        said = (refusal.type, refusal.code, json.dumps(list(refusal.purposes)))
        db.execute(_ADD_REFUSAL, (thread, refusal.day, mid, refusal.at, *said))
    else:
        db.execute(_ONE_MORE, (thread, refusal.day, refusal.at))


def refusals(db: sqlite3.Connection, thid: str, limit: int) -> tuple[list[Refusal], int]:
    """See Store."""
    rows = db.execute(_REFUSALS, (seek(thid), limit)).fetchall()
    found = [Refusal(unpack(mid), at, type_, code, tuple(json.loads(p))) for mid, at, type_, code, p in rows]
    listed, counted = db.execute(_MORE, (seek(thid),)).fetchone()
    return found, int(listed + counted) - len(found)
