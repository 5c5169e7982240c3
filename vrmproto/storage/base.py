"""What a home asks of its store. One writer; a transaction reads what it has written itself.

Reads outside a transaction show committed rows only. Times are epoch seconds. ``mid``, ``thid`` and record
ids are the 43 characters of base64url.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vrmproto.keys import KeySet
from vrmproto.model import Thread

__all__ = [
    "Append",
    "Blob",
    "Change",
    "Entry",
    "FeedRow",
    "Reads",
    "Store",
    "StoreBusyError",
    "StoreError",
    "Transaction",
]


class StoreError(Exception):
    """The store cannot do its work at the moment; nothing of the transaction was stored."""


class StoreBusyError(StoreError):
    """Another process holds the write lock: trying again soon may succeed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a board: what its feed shows of a thread from now on.

    ``event`` is ``shown``, or what an item with ``ended`` says (``withdrawn``, ``closed``, ``paused``), or
    ``removed``. ``tags`` are what filters match of the version that is shown, ``was`` those of the version
    shown before (None: it was not on the board). A shown thread leaves the list of what is open at ``until``.
    """

    board: str
    event: str
    tags: str = ""
    was: str | None = None
    until: int | None = None
    version: str = ""
    """The mid of the message that a shown item gives."""
    code: str = ""
    """Of a removal."""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A stored :class:`Change`. ``position`` grows with every change of the store, in the order of commit."""

    position: int
    thid: str
    event: str
    tags: str
    was: str | None
    until: int | None
    version: str
    code: str


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that was put: its size, and when its uploader put it last."""

    digest: str
    size: int
    at: int


REFUSALS = 100
"""So many refusals of one day are kept of a relationship; the others are only counted (VRM-LED-003)."""

TOUCHED = 3
"""A message may come again on so many days in UTC: its life is one of 24 hours, and clocks may differ."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was refused in a relationship or below it, but for its body."""

    mid: str
    at: int
    type: str
    code: str
    purposes: tuple[str, ...] = ()

    @property
    def day(self) -> int:
        """The day in UTC, counted from that of the epoch."""
        return self.at // 86400


@dataclass(frozen=True, slots=True)
class Append:
    """One accepted message with everything that it causes, stored together or not at all.

    ``thread`` is the thread after the message; ``thread.seq`` and ``thread.head`` are the message's own.
    """

    thread: Thread
    token: str
    receipt: str
    sender: str
    addressees: tuple[str, ...]
    """Whose inboxes get the message."""
    record: bool = False
    """The message makes a record whose id is its mid."""
    supersedes: str = ""
    """The class of the agreement made; earlier ones of the class between the two are superseded by it."""
    severs: bool = False
    """The agreements made before in threads of their own between the two end."""
    replaces: str = ""
    """The identifier that ``thread.first`` replaces in every thread, inbox row and agreement of this pair."""
    next_key: str | None = None
    """The pair's committed next key after the message; '' forgets it, None leaves it."""
    rebinds: str = ""
    """The identifier that ``thread.first`` replaces in this thread alone, inbox rows included."""
    parent: Thread | None = None
    """The parent thread as it is after the message, where that changes it; its position stays."""
    erases: tuple[str, ...] = ()
    """Threads whose messages the second party's inbox loses."""
    change: Change | None = None
    blobs: tuple[str, ...] = ()
    """Digests of the blobs that the message refers to: the thread refers to them from now on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored message. ``position`` grows with every message of the store, in the order of commit."""

    position: int
    thid: str
    seq: int
    mid: str
    token: str
    receipt: str


class Reads(Protocol):
    """Point look-ups that a home needs while it judges a message."""

    def thread(self, thid: str) -> Thread | None:
        """A thread as its last message left it."""

    def message(self, thid: str, mid: str) -> Entry | None:
        """One message of a thread."""

    def known(self, party: str) -> bool:
        """Whether an identifier is a party of a stored thread, or was noted by ``know``.

        An identifier that a rotation has replaced everywhere is no longer known, unless it is noted again.
        """

    def superseded_at(self, thid: str) -> int | None:
        """When the next agreement of the same pair and class was made after the one made in this thread."""

    def severed_at(self, thid: str) -> int | None:
        """When the agreements of the same pair were next ended after the one made in this thread."""

    def next_key(self, first: str, second: str) -> str | None:
        """The thumbprint that the pair's last rotation committed to."""

    def paired(self, first: str, second: str) -> bool:
        """Whether the two are the parties of any stored thread, in these roles."""

    def threads_of(self, first: str, second: str) -> list[str]:
        """The thids of the pair's threads."""

    def record_thread(self, record: str) -> str | None:
        """The thid of the thread in which a record was made."""

    def inbox_size(self, party: str) -> int:
        """How many messages are unacknowledged."""

    def below(self, thid: str, kinds: Collection[str] = ()) -> list[Thread]:
        """The threads whose parent this is, of these kinds or all, in the order in which they were opened."""

    def placed(self, thid: str) -> list[Thread]:
        """Those of them that had a place (``Thread.place``) after their last message."""

    def shown(self, thid: str) -> FeedRow | None:
        """The row that shows a thread on its board, if it is there."""

    def blob_sizes(self, party: str, thid: str, digests: Sequence[str], since: int) -> dict[str, int]:
        """Sizes, by digest, of those blobs that the party has put since then or that the thread refers to."""

    def blob(self, digest: str) -> bytes | None:
        """The bytes of a blob, whoever may read it."""


class Transaction(Reads, Protocol):
    """An open write transaction."""

    def append(self, appends: Sequence[Append]) -> None:
        """Store accepted messages in order."""

    def acknowledge(self, party: str, mids: Iterable[str]) -> None:
        """Take messages out of an inbox; mids that are not in it are passed over."""

    def know(self, party: str) -> None:
        """Note an identifier whose signed request was taken."""

    def put_blob(self, party: str, digest: str, data: bytes, at: int) -> None:
        """Keep a blob for its uploader; putting it again renews ``at``."""

    def drop_blobs(self, before: int) -> None:
        """Forget what was put before then and no message refers to."""

    def refuse(self, thid: str, refusal: Refusal) -> None:
        """Note what was refused in a relationship: once by mid, past ``REFUSALS`` of a day as a number."""

    def remove(self, thread: Thread, change: Change) -> None:
        """A thread as the operator's removal leaves it: the change to the feed, a notice to its first."""

    def told(self, party: str, thids: Iterable[str]) -> None:
        """Drop notices of the party; what is none is passed over."""

    def prune_feed(self, now: int, before: int) -> None:
        """Take from what is open what has passed ``until``, and drop changes dated before ``before``.

        At most 1000 rows of each. What still shows an open thread is kept, whatever its age.
        """


class Store(Reads, Protocol):
    """A store of one home."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """Open the write transaction: committed and durable when the block ends, rolled back when it raises.

        Raises StoreBusyError or StoreError instead of any error of the engine, also at the end of the block.
        """

    def inbox(self, party: str, limit: int) -> list[Entry]:
        """The first unacknowledged messages of a party, in the order of ``position``."""

    def messages(self, thid: str, start: int, limit: int) -> list[Entry]:
        """Messages of a thread from ``seq`` = start on."""

    def rotations(self, first: str, second: str) -> list[Entry]:
        """The messages by which ``first`` replaced another identifier towards ``second``, in their order."""

    def changed(self, party: str, after: int, limit: int) -> list[tuple[int, Thread]]:
        """The party's threads whose last change is past ``after``, with that position, in its order."""

    def feed_end(self, board: str) -> tuple[int, int]:
        """The position of the last change of a board, and of the last one that was dropped; 0 for none."""

    def feed_open(self, board: str, after: int, until: int, now: int, limit: int) -> list[FeedRow]:
        """Rows that show what is open at ``now``, past ``after`` and up to ``until``, in their order."""

    def feed_changes(self, board: str, after: int, limit: int) -> list[FeedRow]:
        """All changes of a board past ``after``, in their order."""

    def refusals(self, thid: str, limit: int) -> tuple[list[Refusal], int]:
        """What was refused in a relationship, the last first, and how many more were only counted."""

    def notices(self, party: str, limit: int) -> list[str]:
        """Thids of removed threads of which the party has not acknowledged the notice."""

    def blob_threads(self, digest: str, limit: int) -> list[Thread]:
        """Threads that refer to a blob."""

    def loose_blobs(self, party: str, since: int) -> list[Blob]:
        """What the party has put since then; whether or not a message refers to it."""

    def save_keys(self, keys: KeySet) -> None:
        """Keep the keys of an origin as last fetched (a transaction of its own).

        Revoked kids are only ever added: one that a later document no longer lists stays revoked.
        """

    def load_keys(self, origin: str) -> KeySet | None:
        """The keys of an origin as last fetched, with every kid that was ever seen revoked."""

    def check(self) -> None:
        """Raise StoreError unless the store takes writes now."""

    def close(self) -> None:
        """Release files; no other method may be called afterwards."""
