"""All copies of one agent at one home: replayed from its book, extended one verified message at a time.

Source: spec/protocol/agents.md, threads.md, identity.md "Change of a person's key".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vrmproto import envelope, keys, threads
from vrmproto.agents import chain
from vrmproto.agents.book import Book, BookError
from vrmproto.agents.chain import ChainError, Copy, Link
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.model import Context, Related, Status, Thread
from vrmproto.spec import Spec

__all__ = ["Ledger"]


class Ledger:
    """The copies by ``thid``. What it holds was verified before; it judges chain and state."""

    def __init__(self, spec: Spec, book: Book, home: str, *, dev: bool, clock: Callable[[], float]) -> None:
        """Replays the book; BookError if what lies there does not verify any more."""
        self.spec = spec
        self.copies: dict[str, Copy] = {}
        self._book = book
        self._home = home
        self._dev = dev
        self._clock = clock
        self._count = 0
        self._aliases: dict[tuple[str, str], str] = {}
        self._next_keys: dict[tuple[str, str], str] = {}
        self._made: dict[str, int] = {}
        self._replay()

    def _replay(self) -> None:
        lines = [(line["n"], thid, line) for thid in self._book.threads() for line in self._book.thread(thid)]
        published = self._book.seen_keys("homes", self._home)
        for n, thid, line in sorted(lines, key=lambda item: item[0]):
            if line["home"] != self._home:
                continue
            try:
                self._take(self._link(line, published), n)
            except (ProtocolError, ChainError, KeyError) as error:
                raise BookError(f"threads/{thid}.ndjson: line {n} does not verify ({error})") from None
        self._count = max((n for n, _, _ in lines), default=0)

    def _link(self, line: dict[str, Any], published: dict[str, PublicKey]) -> Link:
        claims = chain.open_receipt(
            self.spec, line["receipt"], home=self._home, key=lambda kid: published[kid]
        )
        opening = envelope.parse(self.spec, line["token"].encode(), home=self._home, dev=self._dev)
        iss = opening.claims["iss"]
        signer = keys.from_did(iss) if iss.startswith(keys.DID) else keys.from_jwk(claims["key"])
        envelope.check_signature(opening, signer)
        envelope.check_content(opening)
        return Link(opening.message(), line["receipt"], claims)

    # --- extending ------------------------------------------------------------------------------

    def add(self, link: Link) -> bool:
        """Extend a copy durably by one message; False if it is held already. ChainError."""
        if not self._take(link, self._count + 1, write=True):
            return False
        self._count += 1
        return True

    def _take(self, link: Link, n: int, *, write: bool = False) -> bool:
        message, claims = link.message, link.claims
        thid = claims["thid"]
        copy = self._rebound(self.copies.get(thid) or Copy(thid, self._home), message)
        extended = chain.extend(self.spec, copy, link, self._context(copy, message, claims["iat"]))
        if extended is copy or extended.thread is None:
            return False
        if write:
            line = {"token": message.token, "receipt": link.receipt, "home": self._home}
            self._book.keep(thid, {"n": n, "kept_at": int(self._clock()), **line})
        if extended.thread.record == message.mid:
            self._made[thid] = n
        if message.type in self.spec.rotations:
            second = extended.thread.second
            self._aliases[message.body["replaces"], second] = message.iss
            self._next_keys[message.iss, second] = extended.thread.facts.get("nkt") or ""
        self.copies[thid] = extended
        return True

    def _rebound(self, copy: Copy, message: Message) -> Copy:
        """The copy with the first party's present identifier, where the message names that one."""
        thread = copy.thread
        if thread is None:
            return copy
        first = thread.first
        fits = {threads.party_of(self.spec, message), message.aud} == {first, thread.second}
        return copy if fits else chain.rebind(copy, first, self.present(first, thread.second))

    def present(self, first: str, second: str) -> str:
        """The identifier that a person has opposite a second party after all rotations known here."""
        seen = set()
        while (first, second) in self._aliases and first not in seen:
            seen.add(first)
            first = self._aliases[first, second]
        return first

    def next_key(self, first: str, second: str) -> str | None:
        """The thumbprint that the pair's last rotation committed to."""
        return self._next_keys.get((first, second)) or None

    # --- reading --------------------------------------------------------------------------------

    def copy(self, thid: str) -> Copy | None:
        """A copy with the first party's present identifier, or None."""
        copy = self.copies.get(thid)
        if copy is None or copy.thread is None:
            return copy
        return chain.rebind(copy, copy.thread.first, self.present(copy.thread.first, copy.thread.second))

    def status(self, copy: Copy, now: int) -> Status:
        """What a thread is at ``now``."""
        return chain.settle(self.spec, copy, self.standing(copy, now), now)

    def standing(self, copy: Copy, now: int) -> Context:
        """What moves a thread without a message, as far as the own copies tell."""
        return self._context(copy, None, now)

    def _context(self, copy: Copy, message: Message | None, now: int) -> Context:
        thread = copy.thread
        named = self._agreement(message.agr, now) if message else None
        if thread is None:
            parent = self._related(message.pthid, now) if message else None
            return Context(parent=parent, agreement=named, named=named)
        first = self.present(thread.first, thread.second)
        return Context(
            parent=self._related(thread.parent, now),
            agreement=self._agreement(thread.agreement, now),
            named=named,
            superseded_at=self._superseded_at(thread),
            prev_known=message is None or message.prev is None or copy.holds(message.prev),
            next_key=self.next_key(first, thread.second),
            taken=message is not None and self._taken(message.iss, thread.second),
        )

    def _related(self, thid: str | None, now: int) -> Related | None:
        copy = self.copy(thid) if thid else None
        if copy is None or copy.thread is None or copy.thread.parent == thid:
            return None
        return Related(copy.thread, self.status(copy, now))

    def _agreement(self, record: str | None, now: int) -> Related | None:
        made = (t for t, c in self.copies.items() if c.thread and record and c.thread.record == record)
        return self._related(next(made, None), now)

    def _taken(self, iss: str, second: str) -> bool:
        held = (c.thread for c in self.copies.values())
        return (iss, second) in self._aliases or any(
            t is not None and t.second == second and t.first == iss for t in held
        )

    def _class_of(self, thread: Thread) -> str:
        ref, agreed = thread.facts.get("roster"), thread.facts.get("agreement")
        roster = self.spec.rosters.get((ref["id"], ref["version"])) if ref else None
        found = roster.find(agreed) if roster and agreed else None
        return found.kind if found else ""

    def _superseded_at(self, thread: Thread) -> int | None:
        """When the pair's next agreement of this class was made, in the order in which the agent saw them."""
        kind = self._class_of(thread)
        if thread.record_at is None or not kind:
            return None
        pair = (self.present(thread.first, thread.second), thread.second)
        own = (thread.record_at, self._made[thread.thid])
        later = [
            other.record_at
            for other in (c.thread for c in self.copies.values())
            if other is not None
            and other.record_at is not None
            and (other.record_at, self._made[other.thid]) > own
            and (self.present(other.first, other.second), other.second) == pair
            and self._class_of(other) == kind
        ]
        return min(later, default=None)
