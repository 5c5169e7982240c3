"""A store in memory, for tests and demos: dictionaries, and a log of what a transaction has changed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Any, TypeVar

from vrmproto.keys import KeySet
from vrmproto.model import Bump, Thread
from vrmproto.storage.base import Append, Entry, StoreError, Transaction
from vrmproto.threads import raised

__all__ = ["MemoryStore"]

_ABSENT: Any = object()

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


@dataclass(frozen=True, slots=True)
class _Agreement:
    """``order`` is the position of the message that made it."""

    thid: str
    first: str
    second: str
    name: str
    at: int
    order: int


class _Tables:
    """The rows, and what they mean. An empty inner dictionary means as much as a missing one."""

    def __init__(self) -> None:
        self.threads: dict[str, Thread] = {}
        self.changed: dict[str, int] = {}
        self.threads_by: dict[str, dict[str, bool]] = {}
        self.next_keys: dict[tuple[str, str], str] = {}
        self.messages: dict[str, dict[int, Entry]] = {}
        self.by_mid: dict[tuple[str, str], Entry] = {}
        self.inboxes: dict[str, dict[int, Entry]] = {}
        self.agreements: dict[str, _Agreement] = {}
        self.classes: dict[tuple[str, str, str], dict[str, _Agreement]] = {}
        self.records: dict[str, str] = {}
        self.noted: dict[str, bool] = {}
        self.last: dict[str, int] = {"position": 0}

    def thread(self, thid: str) -> Thread | None:
        """See Reads."""
        return self.threads.get(thid)

    def message(self, thid: str, mid: str) -> Entry | None:
        """See Reads."""
        return self.by_mid.get((thid, mid))

    def known(self, party: str) -> bool:
        """See Reads."""
        return party != "" and (party in self.noted or bool(self.threads_by.get(party)))

    def superseded_at(self, thid: str) -> int | None:
        """See Reads."""
        made = self.agreements.get(thid)
        if made is None:
            return None
        rivals = self.classes[made.first, made.second, made.name].values()
        later = [rival for rival in rivals if rival.order > made.order]
        return min(later, key=lambda rival: rival.order).at if later else None

    def next_key(self, first: str, second: str) -> str | None:
        """See Reads."""
        return self.next_keys.get((first, second))

    def paired(self, first: str, second: str) -> bool:
        """See Reads."""
        return bool(self.threads_of(first, second))

    def record_thread(self, record: str) -> str | None:
        """See Reads."""
        return self.records.get(record)

    def inbox_size(self, party: str) -> int:
        """See Reads."""
        return len(self.inboxes.get(party, {}))

    def threads_of(self, first: str, second: str) -> list[str]:
        """See Store."""
        mine = self.threads_by.get(first, {})
        return [
            thid for thid in mine if (self.threads[thid].first, self.threads[thid].second) == (first, second)
        ]


class _Transaction:
    """The open transaction: reads the tables, writes them through the log."""

    def __init__(self, tables: _Tables, log: _Log) -> None:
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
        if item.addressee:
            put(tables.inboxes.setdefault(item.addressee, {}), position, entry)
        if item.record:
            if mid in tables.records:
                raise StoreError("there is a record of this id already")
            put(tables.records, mid, thid)
        if item.supersedes:
            self._agree(_Agreement(thid, *pair, item.supersedes, thread.received, position))
        if item.next_key:
            put(tables.next_keys, pair, item.next_key)
        elif item.next_key is not None:
            self._log.drop(tables.next_keys, pair)
        for bump in item.bumps:
            if bump.scope == "parent":
                self._raise(thread, bump)

    def _agree(self, made: _Agreement) -> None:
        tables = self._tables
        if made.thid in tables.agreements:
            raise StoreError("the thread has made an agreement already")
        self._log.put(tables.agreements, made.thid, made)
        group = tables.classes.setdefault((made.first, made.second, made.name), {})
        self._log.put(group, made.thid, made)

    def _raise(self, thread: Thread, bump: Bump) -> None:
        parent = self._tables.threads.get(thread.parent or "")
        if parent is None:
            raise ValueError(f"a counter to raise in the parent of {thread.thid}, which is not stored")
        counts = raised(parent.counts, bump, thread.received)
        self._log.put(self._tables.threads, parent.thid, replace(parent, counts=counts))

    def _rotate(self, old: str, new: str, second: str) -> None:
        tables, log = self._tables, self._log
        moved = set(tables.threads_of(old, second))
        old_inbox, new_inbox = tables.inboxes.get(old, {}), tables.inboxes.setdefault(new, {})
        for position, entry in [(p, e) for p, e in old_inbox.items() if e.thid in moved]:
            log.drop(old_inbox, position)
            log.put(new_inbox, position, entry)
        for thid in moved:
            log.put(tables.threads, thid, replace(tables.threads[thid], first=new))
            if old != second:
                log.drop(tables.threads_by[old], thid)
            log.put(tables.threads_by.setdefault(new, {}), thid, True)
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


class MemoryStore:
    """A store that lives as long as its process. Not for several threads at once."""

    def __init__(self) -> None:
        self._tables = _Tables()
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
    def _committed(self) -> Iterator[_Tables]:
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

    def inbox(self, party: str, limit: int) -> list[Entry]:
        """See Store."""
        with self._committed() as tables:
            return nsmallest(limit, tables.inboxes.get(party, {}).values(), key=lambda entry: entry.position)

    def messages(self, thid: str, start: int, limit: int) -> list[Entry]:
        """See Store."""
        with self._committed() as tables:
            found = (entry for seq, entry in tables.messages.get(thid, {}).items() if seq >= start)
            return nsmallest(limit, found, key=lambda entry: entry.seq)

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
