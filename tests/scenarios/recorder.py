"""What was said at a market: each exchange, and how the home would have answered it at another moment.

The answers are those that came over HTTP. To see which message has changed which later one, the later one is
judged again on copies of the store from right before and right after the earlier one, at its own time: what
is answered differently there was changed by the earlier message and by nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.world import SPEC, Party, World
from vrmproto import keys, threads
from vrmproto.errors import ProtocolError
from vrmproto.home import Arrival, Home
from vrmproto.storage.memory import MemoryStore

__all__ = ["Exchange", "Flip", "Move", "Recorder"]

Move = tuple[str, str]
"""A state, and the cause that has moved the thread out of it without a message."""


@dataclass(frozen=True)
class Exchange:
    """One message, or another request that a home acts on, and what became of it."""

    kind: str
    """The kind of the thread; '' for what is no message."""
    thid: str
    root: str
    """The thread that nothing but what belongs to it is decided by; '' where others may be, too."""
    role: str
    type: str
    before: str
    """The state that the home judged it in; '' for an opening message."""
    after: str
    """The state of the receipt; '' for a refusal."""
    code: str
    """The code of the refusal; '' where it was taken."""
    requirement: str
    moves: tuple[Move, ...]
    """What has moved the thread since its last message, one after the other."""
    above: tuple[Move, ...]
    """The same of the thread above it."""
    at: int
    claims: dict[str, Any]
    sender: Party
    prev_known: bool
    blobs: bool
    """Whether it names any."""
    known: MemoryStore | None
    """What the home had stored right before it, and"""
    left: MemoryStore | None
    """right after it."""
    mid: str = ""
    """The id of the message."""
    up: str = ""
    """The thread above its own."""

    @property
    def taken(self) -> bool:
        return not self.code


@dataclass(frozen=True)
class Flip:
    """A message that was answered as it was because of an earlier one."""

    by: Exchange
    of: Exchange
    otherwise: str
    """What it would have been answered without the earlier one: a code, or '' for taken."""


def copied(store: MemoryStore) -> MemoryStore:
    """Another store with the same rows, which are never changed in their place."""
    made = MemoryStore()
    for name, table in vars(store._tables).items():
        rows = {key: dict(row) if isinstance(row, dict) else row for key, row in table.items()}
        setattr(made._tables, name, rows)
    return made


class Recorder:
    """Reads what the home of a world has stored; ``keeping`` copies of it where flips are wanted."""

    def __init__(self, world: World, *, keeping: bool = False) -> None:
        self.world = world
        self.keeping = keeping

    def copy(self) -> MemoryStore | None:
        store = self.world.home.store
        return copied(store) if self.keeping and isinstance(store, MemoryStore) else None

    def moves(self, thid: str) -> tuple[Move, ...]:
        """What has moved a thread since its last message."""
        home, now = self.world.home, int(self.world.clock())
        thread = home.store.thread(thid) if thid else None
        if thread is None:
            return ()
        context = home._loading._standing(home.store, thread, now)
        states = SPEC.kinds[thread.kind].states
        state, since, deadline = states[thread.state], thread.since, thread.deadline
        found: list[Move] = []
        while move := threads._next_move(state, since, deadline, thread, context, now):
            found.append((state.name, move[1]))
            state, since = states[state.moves[move[1]]], move[0]
            deadline = threads.own_deadline(state, since, thread.facts)
        return tuple(found)

    def prev_known(self, claims: dict[str, Any]) -> bool:
        """Whether ``prev`` names a message of the thread."""
        thid, prev = claims.get("thid", ""), claims.get("prev", "")
        return self.world.home.store.message(thid, prev) is not None

    def judged(self, known: MemoryStore, told: Exchange) -> str:
        """The code for a message at its own time where this is what the home knows; '' if it takes it.

        A ``prev`` that is not there yet is the head instead: its sender would have named that.
        """
        store, real = copied(known), self.world.home
        home = Home(real.spec, store, real.signing, real.config)
        claims = dict(told.claims)
        thread = store.thread(claims.get("thid", ""))
        if thread and told.prev_known and store.message(thread.thid, claims["prev"]) is None:
            claims["prev"] = thread.head
        key = None if told.sender.id.startswith(keys.DID) else told.sender.key.public
        try:
            opening = home.parse(told.sender.sign(claims).encode())
        except ProtocolError as error:
            return error.code
        [outcome] = home.accept_batch([Arrival(opening, key, told.at if key else None)], told.at)
        return outcome.code if isinstance(outcome, ProtocolError) else ""

    def flips(self, log: Sequence[Exchange]) -> Iterator[Flip]:
        """Every pair of which the earlier one was taken and decided about the later one."""
        for place, by in enumerate(log):
            if not by.taken or by.known is None or by.left is None:
                continue
            for of in log[place + 1 :]:
                if not of.kind or (by.root and of.root != by.root):
                    continue
                otherwise = self.judged(by.known, of)
                if bool(otherwise) != bool(of.code) and self.judged(by.left, of) == of.code:
                    yield Flip(by, of, otherwise)
