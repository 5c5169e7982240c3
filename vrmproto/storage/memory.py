"""A store in memory, for tests and demos: dictionaries, and a log of what a transaction has changed."""

from __future__ import annotations

from collections.abc import Collection, Container, Hashable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from heapq import nsmallest
from itertools import chain, islice, takewhile
from typing import Any, TypeVar

from vrmproto.keys import KeySet
from vrmproto.model import Thread
from vrmproto.storage.base import (
    REFUSALS,
    TOUCHED,
    Append,
    Blob,
    Change,
    Entry,
    FeedRow,
    Refusal,
    StoreError,
    Transaction,
)
from vrmproto.storage.coding import seek
from vrmproto.storage.memory_tables import Agreement, Tables

__all__ = ["MemoryStore"]

_ABSENT: Any = object()

PRUNED = 1000
"""How many rows of each sort one pruning takes."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Log:
    """Every change goes through here, so that all of them can be taken back, and made again."""

    def __init__(self) -> None:
        self._changes: list[tuple[MutableMapping[Any, Any], Any, Any, Any]] = []

    def put(self, table: MutableMapping[K, V], key: K, value: V) -> None:
        """Set ``table[key]``."""
        self._changes.append((table, key, table.get(key, _ABSENT), value))
        table[key] = value

    def drop(self, table: MutableMapping[K, V], key: K) -> None:
        """Delete ``table[key]`` if it is there."""
        if key in table:
            self._changes.append((table, key, table.pop(key), _ABSENT))

    def back(self) -> None:
        """Take every change back."""
        for table, key, old, _ in reversed(self._changes):
            _set(table, key, old)

    def forth(self) -> None:
        """Make every change again."""
        for table, key, _, new in self._changes:
            _set(table, key, new)


def _set(table: MutableMapping[Any, Any], key: Any, value: Any) -> None:
    if value is _ABSENT:
        table.pop(key, None)
    else:
        table[key] = value


class _Transaction:
    """The open transaction: reads the tables, writes them through the log."""

    def __init__(self, tables: Tables, log: _Log) -> None:
        self._tables = tables
        self._log = log
        self.over = ""

    def __getattr__(self, name: str) -> Any:
        # The reads of the tables are this transaction's own: what it has written is in them.
        if self.over:
            raise StoreError(self.over)
        return getattr(self._tables, name)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        if self.over:
            raise StoreError(self.over)
        try:
            yield
        except BaseException:
            self.over = "an earlier error has ended this transaction"
            raise

    def know(self, party: str) -> None:
        """See Transaction."""
        with self._whole():
            self._log.put(self._tables.noted, party, True)

    def acknowledge(self, party: str, mids: Iterable[str]) -> None:
        """See Transaction."""
        with self._whole():
            wanted = set(mids)
            inbox = self._tables.inboxes.get(party, {})
            for position in [p for p, entry in inbox.items() if entry.mid in wanted]:
                self._log.drop(inbox, position)

    def append(self, appends: Sequence[Append]) -> None:
        """See Transaction."""
        with self._whole():
            for item in appends:
                if item.replaces and item.replaces != item.thread.first:
                    self._rotate(item.replaces, item.thread.first, item.thread.second)
                if item.rebinds and item.rebinds != item.thread.first:
                    self._rebind({item.thread.thid}, item.rebinds, item.thread.first)
                self._add(item)

    def _add(self, item: Append) -> None:
        tables, put, thread = self._tables, self._log.put, item.thread
        thid, mid, pair = thread.thid, thread.head, (thread.first, thread.second)
        if (thid, mid) in tables.by_mid or thread.seq in tables.messages.get(thid, {}):
            raise StoreError("the thread has a message of this mid or seq already")
        position = tables.last["position"] + 1
        put(tables.last, "position", position)
        entry = Entry(position, thid, thread.seq, mid, item.token, item.receipt)
        put(tables.by_mid, (thid, mid), entry)
        put(tables.messages.setdefault(thid, {}), thread.seq, entry)
        put(tables.threads, thid, thread)
        put(tables.changed, thid, position)
        for party in pair:
            put(tables.threads_by.setdefault(party, {}), thid, True)
        if thread.parent and thread.seq == 1:
            put(tables.children.setdefault(thread.parent, {}), thid, True)
        for addressee in item.addressees:
            put(tables.inboxes.setdefault(addressee, {}), position, entry)
        if item.replaces:
            put(tables.rotations.setdefault(pair, {}), position, entry)
        if item.record:
            if mid in tables.records:
                raise StoreError("there is a record of this id already")
            put(tables.records, mid, thid)
        if item.supersedes or item.severs:
            self._agree(Agreement(thid, *pair, item.supersedes, thread.received, position))
        if item.next_key:
            put(tables.next_keys, pair, item.next_key)
        elif item.next_key is not None:
            self._log.drop(tables.next_keys, pair)
        if item.parent is not None:
            if item.parent.thid not in tables.threads:
                raise ValueError(f"the parent of {thid} is not stored")
            put(tables.threads, item.parent.thid, item.parent)
        if item.erases:
            inbox = tables.inboxes.get(thread.second, {})
            for place in [p for p, e in inbox.items() if e.thid in item.erases]:
                self._log.drop(inbox, place)
        if item.change is not None:
            self._change(thid, item.change, thread.received)
        for digest in filter(tables.bytes.__contains__, item.blobs):
            put(tables.named.setdefault(digest, {}), thid, True)

    def _change(self, thid: str, change: Change, at: int) -> None:
        tables, put = self._tables, self._log.put
        position = tables.last["change"] + 1
        put(tables.last, "change", position)
        row = FeedRow(
            position, thid, change.event, change.tags, change.was, change.until, change.version, change.code
        )
        put(tables.feed.setdefault(change.board, {}), position, row)
        put(tables.dated, position, at)
        self._log.drop(tables.current, thid)
        if change.event == "shown":
            put(tables.current, thid, position)

    def refuse(self, thid: str, refusal: Refusal) -> None:
        """See Transaction."""
        with self._whole():
            days = self._tables.refused.setdefault(thid, {})
            known = {mid for day, mid in days if refusal.day - TOUCHED < day <= refusal.day}
            if thid not in self._tables.threads or refusal.mid in known:
                return
            if len([day for day, _ in days if day == refusal.day]) < REFUSALS:
                self._log.put(days, (refusal.day, refusal.mid), refusal)
            else:
                key = (thid, refusal.day)
                self._log.put(self._tables.refused_more, key, self._tables.refused_more.get(key, 0) + 1)

    def remove(self, thread: Thread, change: Change) -> None:
        """See Transaction."""
        with self._whole():
            if thread.thid not in self._tables.threads:
                raise ValueError(f"the thread {thread.thid} to remove is not stored")
            self._log.put(self._tables.threads, thread.thid, thread)
            self._change(thread.thid, change, thread.removed_at or 0)
            self._log.put(self._tables.untold.setdefault(thread.first, {}), thread.thid, True)

    def told(self, party: str, thids: Iterable[str]) -> None:
        """See Transaction."""
        with self._whole():
            for thid in thids:
                self._log.drop(self._tables.untold.get(party, {}), thid)

    def prune_feed(self, now: int, before: int) -> None:
        """See Transaction."""
        with self._whole():
            tables = self._tables
            rows = {position: row for board in tables.feed.values() for position, row in board.items()}
            held = {position: thid for thid, position in tables.current.items()}
            past = [(until, p) for p in held if (until := rows[p].until) is not None and until <= now]
            for _, position in nsmallest(PRUNED, past):
                self._log.drop(tables.current, held.pop(position))
            old = chain.from_iterable(self._old(board, held, before) for board in tables.feed)
            for position, board in nsmallest(PRUNED, old):
                self._log.drop(tables.feed[board], position)
                # Never back: a row that was open for long goes after younger ones behind it.
                self._log.put(tables.dropped, board, max(position, tables.dropped.get(board, 0)))

    def _old(self, board: str, held: Container[int], before: int) -> Iterator[tuple[int, str]]:
        """The rows of a board that may go: those before the first that is too young."""
        past = (position for position in sorted(self._tables.feed[board]) if position not in held)
        return ((p, board) for p in takewhile(lambda p: self._tables.dated[p] < before, past))

    def put_blob(self, party: str, digest: str, data: bytes, at: int) -> None:
        """See Transaction."""
        with self._whole():
            self._log.put(self._tables.bytes, digest, data)
            self._log.put(self._tables.puts, (digest, party), at)

    def drop_blobs(self, before: int) -> None:
        """See Transaction."""
        with self._whole():
            tables = self._tables
            for key in [key for key, at in tables.puts.items() if at < before]:
                self._log.drop(tables.puts, key)
            wanted = {digest for digest, _ in tables.puts}
            for digest in [d for d in tables.bytes if d not in wanted and not tables.named.get(d)]:
                self._log.drop(tables.bytes, digest)

    def _agree(self, made: Agreement) -> None:
        tables = self._tables
        if made.thid in tables.agreements:
            raise StoreError("the thread has made an agreement already")
        self._log.put(tables.agreements, made.thid, made)
        group = tables.classes.setdefault((made.first, made.second, made.name), {})
        self._log.put(group, made.thid, made)

    def _rotate(self, old: str, new: str, second: str) -> None:
        tables, log = self._tables, self._log
        self._rebind(set(tables.threads_of(old, second)), old, new)
        for first, other, name in [key for key in tables.classes if key[:2] == (old, second)]:
            group = tables.classes[first, other, name]
            for made in list(group.values()):
                log.drop(group, made.thid)
                log.drop(tables.agreements, made.thid)
                self._agree(replace(made, first=new))
        if (old, second) in tables.next_keys:
            log.put(tables.next_keys, (new, second), tables.next_keys[old, second])
            log.drop(tables.next_keys, (old, second))
        # Where it is still a party of other threads it is known by them.
        log.drop(tables.noted, old)

    def _rebind(self, moved: set[str], old: str, new: str) -> None:
        """The first party of some threads is another identifier, their inbox rows and notices included."""
        tables, log = self._tables, self._log
        old_inbox, new_inbox = tables.inboxes.get(old, {}), tables.inboxes.setdefault(new, {})
        for position, entry in [(p, e) for p, e in old_inbox.items() if e.thid in moved]:
            log.drop(old_inbox, position)
            log.put(new_inbox, position, entry)
        for thid in moved:
            thread = tables.threads[thid]
            log.put(tables.threads, thid, replace(thread, first=new))
            if old != thread.second:
                log.drop(tables.threads_by[old], thid)
            log.put(tables.threads_by.setdefault(new, {}), thid, True)
            if thid in tables.untold.get(old, {}):
                log.drop(tables.untold[old], thid)
                log.put(tables.untold.setdefault(new, {}), thid, True)


class MemoryStore:
    """A store that lives as long as its process. Not for several threads at once."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._log: _Log | None = None
        self._keys: dict[str, KeySet] = {}

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """See Store. RuntimeError if a transaction is open."""
        if self._log is not None:
            raise RuntimeError("a transaction of this store is open already")
        log = self._log = _Log()
        transaction = _Transaction(self._tables, log)
        try:
            yield transaction
            if transaction.over:
                raise StoreError(transaction.over)
        except BaseException:
            log.back()
            raise
        finally:
            transaction.over = "this transaction is over"
            self._log = None

    @contextmanager
    def _committed(self) -> Iterator[Tables]:
        """The tables without what the open transaction has written."""
        if self._log is None:
            yield self._tables
            return
        self._log.back()
        try:
            yield self._tables
        finally:
            self._log.forth()

    def thread(self, thid: str) -> Thread | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.thread(thid)

    def message(self, thid: str, mid: str) -> Entry | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.message(thid, mid)

    def known(self, party: str) -> bool:
        """See Reads."""
        with self._committed() as tables:
            return tables.known(party)

    def superseded_at(self, thid: str) -> int | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.superseded_at(thid)

    def severed_at(self, thid: str) -> int | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.severed_at(thid)

    def next_key(self, first: str, second: str) -> str | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.next_key(first, second)

    def paired(self, first: str, second: str) -> bool:
        """See Reads."""
        with self._committed() as tables:
            return tables.paired(first, second)

    def record_thread(self, record: str) -> str | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.record_thread(record)

    def inbox_size(self, party: str) -> int:
        """See Reads."""
        with self._committed() as tables:
            return tables.inbox_size(party)

    def below(self, thid: str, kinds: Collection[str] = ()) -> list[Thread]:
        """See Reads."""
        with self._committed() as tables:
            return tables.below(thid, kinds)

    def placed(self, thid: str) -> list[Thread]:
        """See Reads."""
        with self._committed() as tables:
            return tables.placed(thid)

    def shown(self, thid: str) -> FeedRow | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.shown(thid)

    def blob_sizes(self, party: str, thid: str, digests: Sequence[str], since: int) -> dict[str, int]:
        """See Reads."""
        with self._committed() as tables:
            return tables.blob_sizes(party, thid, digests, since)

    def feed_end(self, board: str) -> tuple[int, int]:
        """See Store."""
        with self._committed() as tables:
            dropped = tables.dropped.get(board, 0)
            return max(dropped, *tables.feed.get(board, {}), 0), dropped

    def feed_open(self, board: str, after: int, until: int, now: int, limit: int) -> list[FeedRow]:
        """See Store."""
        with self._committed() as tables:
            rows = tables.feed.get(board, {})
            held = (rows[p] for p in sorted(tables.current.values()) if after < p <= until and p in rows)
            return list(islice((row for row in held if row.until is None or row.until > now), limit))

    def feed_changes(self, board: str, after: int, limit: int) -> list[FeedRow]:
        """See Store."""
        with self._committed() as tables:
            rows = tables.feed.get(board, {})
            return [rows[position] for position in sorted(p for p in rows if p > after)[:limit]]

    def refusals(self, thid: str, limit: int) -> tuple[list[Refusal], int]:
        """See Store."""
        with self._committed() as tables:
            found = sorted(tables.refused.get(thid, {}).values(), key=lambda r: (r.at, seek(r.mid)))
            more = sum(n for (of, _), n in tables.refused_more.items() if of == thid)
            return found[::-1][:limit], more + max(0, len(found) - limit)

    def notices(self, party: str, limit: int) -> list[str]:
        """See Store."""
        with self._committed() as tables:
            return nsmallest(limit, tables.untold.get(party, ()), key=tables.age)

    def blob(self, digest: str) -> bytes | None:
        """See Reads."""
        with self._committed() as tables:
            return tables.blob(digest)

    def blob_threads(self, digest: str, limit: int) -> list[Thread]:
        """See Store."""
        with self._committed() as tables:
            oldest = nsmallest(limit, tables.named.get(digest, ()), key=tables.age)
            return [tables.threads[thid] for thid in oldest]

    def loose_blobs(self, party: str, since: int) -> list[Blob]:
        """See Store."""
        with self._committed() as tables:
            return [
                Blob(digest, len(tables.bytes[digest]), at)
                for (digest, putter), at in tables.puts.items()
                if putter == party and at >= since
            ]

    def inbox(self, party: str, limit: int) -> list[Entry]:
        """See Store."""
        with self._committed() as tables:
            return nsmallest(limit, tables.inboxes.get(party, {}).values(), key=lambda entry: entry.position)

    def messages(self, thid: str, start: int, limit: int) -> list[Entry]:
        """See Store."""
        with self._committed() as tables:
            found = (entry for seq, entry in tables.messages.get(thid, {}).items() if seq >= start)
            return nsmallest(limit, found, key=lambda entry: entry.seq)

    def rotations(self, first: str, second: str) -> list[Entry]:
        """See Store."""
        with self._committed() as tables:
            return list(tables.rotations.get((first, second), {}).values())

    def changed(self, party: str, after: int, limit: int) -> list[tuple[int, Thread]]:
        """See Store."""
        with self._committed() as tables:
            found = ((tables.changed[thid], thid) for thid in tables.threads_by.get(party, {}))
            wanted = nsmallest(limit, (pair for pair in found if pair[0] > after))
            return [(position, tables.threads[thid]) for position, thid in wanted]

    def threads_of(self, first: str, second: str) -> list[str]:
        """See Store."""
        with self._committed() as tables:
            return tables.threads_of(first, second)

    def save_keys(self, keys: KeySet) -> None:
        """See Store."""
        if self._log is not None:
            raise RuntimeError("a transaction of this store is open")
        before = self._keys.get(keys.origin)
        revoked = keys.revoked | (before.revoked if before else frozenset())
        self._keys[keys.origin] = replace(keys, keys=dict(keys.keys), revoked=revoked)

    def load_keys(self, origin: str) -> KeySet | None:
        """See Store."""
        return self._keys.get(origin)

    def check(self) -> None:
        """See Store. Memory always takes writes."""
        with self.begin():
            pass

    def close(self) -> None:
        """See Store. There is nothing to release."""
