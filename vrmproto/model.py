"""Our own concepts: Thread, Context, Status, Step. Frozen, without I/O and without a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vrmproto.ladder import Ladder
from vrmproto.spec import Kind, Row

__all__ = ["Bump", "Context", "Related", "Status", "Step", "Thread", "is_board"]


def is_board(identifier: str) -> bool:
    """Whether an ``aud`` is the URL of a board and no party: an origin has no path."""
    return identifier.startswith("http") and identifier.count("/") > 2


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as its last message left it. Times are epoch seconds of the home's clock.

    ``state`` is the state that the last message entered; what time has made of it since is a
    :class:`Status`. ``facts`` are the kept facts, ``counts`` the counters: a number, or the times of what
    was counted where the counter has a period.
    """

    kind: str
    thid: str
    first: str
    second: str
    """The second party, or the URL of the board that the thread stands on."""
    state: str
    since: int
    """When ``state`` was entered."""
    deadline: int | None
    seq: int
    head: str
    """The mid of the last message."""
    received: int
    """``iat`` of the last receipt."""
    opened: int
    opener: str
    """The type of the opening message."""
    parent: str | None = None
    agreement: str | None = None
    """The record id that the opening message named in ``agr``."""
    board: bool = False
    """``second`` is a board and no party."""
    record: str | None = None
    """The record id of the agreement or consent made in this thread."""
    record_at: int | None = None
    over_at: int | None = None
    """When a message brought the thread into an end or an ``over`` state."""
    dead_at: int | None = None
    """When a message took the thread out of its ``live`` states."""
    place: str = ""
    """``held`` or ``filled`` where it has one of the places below its parent, as its last message left it."""
    filled: tuple[int, ...] = ()
    """When the places below this thread were filled, each time."""
    fills: int = 0
    """How often the places below the parent had been filled when this thread was opened."""
    removed_at: int | None = None
    """When the operator took it off its board."""
    removed: str = ""
    """The code of the removal."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)

    def role(self, identifier: str) -> str:
        """``first``, ``second`` or '' of an identifier in this thread."""
        if identifier == self.first:
            return "first"
        return "second" if identifier == self.second and not self.board else ""

    @property
    def pair(self) -> tuple[str, str]:
        """First and second party."""
        return self.first, self.second

    def other(self, role: str) -> str:
        """The identifier of the other party."""
        return self.first if role == "second" else self.second


@dataclass(frozen=True, slots=True)
class Status:
    """What a thread is now: the state after every move that no message made.

    ``late`` are the states that a deadline has left since the last message; ``over_at`` and ``dead_at``
    as in :class:`Thread`, with the moves without a message counted in.
    """

    state: str
    since: int
    deadline: int | None
    late: frozenset[str]
    over_at: int | None
    dead_at: int | None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    """Another thread with its status: a parent, or the thread of an agreement."""

    thread: Thread
    status: Status


@dataclass(frozen=True, slots=True)
class Context:
    """What a home loads before a message is judged. Times are epoch seconds, None if it never happened."""

    parent: Related | None = None
    """The thread of ``pthid``: the message's own where it opens a thread, else the thread's."""
    agreement: Related | None = None
    """The thread of ``agr``: the message's own where it opens a thread, else the thread's."""
    named: Related | None = None
    """The thread of the agreement that the message itself names in ``agr``."""
    superseded_at: int | None = None
    """When a later agreement of this thread's class was made between the two."""
    severed_at: int | None = None
    """When the relationship of the pair ended."""
    prev_known: bool = True
    """``prev`` is the mid of a message of the thread."""
    next_key: str | None = None
    """The thumbprint that the pair's last rotation committed to."""
    taken: bool = False
    """The new identifier of a rotation is already a party opposite the same second party."""
    held: int = 0
    """Places that are held now below the parent by other threads, or of a parent itself by all below it."""
    filled: int = 0
    """Places that are filled now, counted in the same way."""
    blobs: Mapping[str, int] = field(default_factory=dict)
    """Sizes, by digest, of the blobs named that the sender has put here or that the thread refers to."""
    blob_url: str = ""
    """What the URL of a blob at this home begins with, up to its digest."""
    siblings: Sequence[Related] = ()
    """The threads of a kind between the parties of a thread that is opened, where there may be but one."""
    consents: frozenset[str] = frozenset()
    """The purposes for which there is a consent in force in the relationship."""
    corrected: Mapping[str, str] | None = None
    """The fields of the message that a correction names, if it is one of the parent's that has any."""
    ladders: Mapping[str, Ladder] = field(default_factory=dict)
    """By digest: the ladder in force, and the one that the message names if its sender may name it."""
    blind: bool = False
    """An agent's view: threads of others, counters and blobs are not seen here, and the order in which two
    threads were written in one second is not known."""


@dataclass(frozen=True, slots=True)
class Bump:
    """A counter to raise: ``scope`` is thread or parent; ``period`` an ISO duration or ''."""

    scope: str
    key: str
    period: str


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted message: the thread after it, and its effects as data."""

    kind: Kind
    row: Row
    role: str
    thread: Thread
    prior: str | None
    """The mid before; None for an opening message."""
    replaces: str | None = None
    """The identifier that a rotation or an introduction replaced by ``thread.first``."""
    parent: Thread | None = None
    """The parent after the message, where it raises a counter there or fills its places."""
