"""A person's identifiers: a key for each organisation, and one for each intent or feedback, from one seed.

Source: spec/protocol/agents.md (VRM-AGT-008), intents.md (VRM-INT-004, VRM-INT-006).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from vrmproto import envelope, keys, strictjson
from vrmproto.agents.agent import Agent
from vrmproto.agents.book import Book
from vrmproto.agents.sender import AgentError
from vrmproto.agents.wire import Signer
from vrmproto.keys import PrivateKey
from vrmproto.roster import Agreement
from vrmproto.spec import Spec

__all__ = ["Person", "Terms"]

Terms = str | Mapping[str, str]
"""An agreement by its id (the newest version held), or as ``{id, version, digest}``."""

_QUIET = 120
"""Seconds after the end of an intent until its inbox is polled no more: clocks differ."""


class Person(Agent):
    """Acts for a person under many identifiers that nothing joins.

    ``spread`` is for how many seconds, at random, the polls of her identifiers are kept apart, so that their
    times do not join them (VRM-INT-006); with 0 they follow each other at once.
    """

    def __init__(
        self,
        book: Book,
        spec: Spec,
        home: str,
        *,
        dev: bool,
        clock: Callable[[], float],
        spread: float = 0.0,
    ) -> None:
        self._derived: dict[str, PrivateKey] = {}
        super().__init__(book, spec, home, dev=dev, clock=clock)
        self.spread = spread

    def _key(self, purpose: str) -> PrivateKey:
        if purpose not in self._derived:
            self._derived[purpose] = keys.derive(self.book.seed, purpose)
        return self._derived[purpose]

    # --- one for each organisation --------------------------------------------------------------

    def key_number(self, to: str, n: int) -> PrivateKey:
        """The ``n``-th key opposite one organisation."""
        return self._key(f"pair/{to}/{n}")

    def _pairs(self) -> dict[str, int]:
        """Counterparty to the number of its highest key that was ever used."""
        pairs: dict[str, int] = self.book.state.get("pairs", {})
        return pairs

    def _use(self, to: str, n: int) -> None:
        """Note a key as used, durably, before it signs anything."""
        if self._pairs().get(to, -1) < n:
            self.book.remember(pairs={**self._pairs(), to: n})

    def _present(self, to: str) -> int:
        """The number of the key that is in force after all rotations."""
        present = self.ledger.present(self.key_number(to, 0).did, to)
        held = range(self._pairs().get(to, 0) + 1)
        return next((n for n in held if self.key_number(to, n).did == present), 0)

    def signer_for(self, to: str) -> Signer:
        """Her present key opposite ``to`` (VRM-AGT-008)."""
        n = self._present(to)
        self._use(to, n)
        key = self.key_number(to, n)
        return Signer(key.did, key)

    # --- one for each intent, and for feedback --------------------------------------------------

    def _intents(self) -> dict[str, Any]:
        """``next``: the first number that no key has; ``reserved``; ``quiet``: those polled no more."""
        found: dict[str, Any] = self.book.state.get("intents", {"next": 0, "reserved": None, "quiet": []})
        return found

    def _once(self, n: int) -> Signer:
        key = self._key(f"intent/{n}")
        return Signer(key.did, key)

    def _reserve(self) -> Signer:
        """A key that was never used, for the next intent; noted durably before it signs (VRM-INT-004)."""
        state = self._intents()
        n = state["reserved"]
        if n is None:
            n = state["next"]
            self.book.remember(intents={**state, "next": n + 1, "reserved": n})
        return self._once(n)

    def _spend(self) -> Signer:
        """The reserved key, which from now on is that of one intent and of nothing else."""
        signer = self._reserve()
        self.book.remember(intents={**self._intents(), "reserved": None})
        return signer

    def _single(self) -> Signer:
        """A key that was never used, for one thing that is no intent; noted durably before it signs."""
        state = self._intents()
        self.book.remember(intents={**state, "next": state["next"] + 1})
        return self._once(state["next"])

    def _numbers(self) -> dict[str, int]:
        """Identifier to number of every key for one thing that was ever used."""
        return {self._once(n).iss: n for n in range(self._intents()["next"])}

    def _uploader(self) -> Signer:
        return self._reserve()

    # --- all of them ----------------------------------------------------------------------------

    def signers(self) -> list[Signer]:
        """The identifiers whose inboxes are polled: each organisation's, and each intent's that goes on."""
        quiet = {*self._intents()["quiet"], self._intents()["reserved"]}
        own = [n for n in range(self._intents()["next"]) if n not in quiet]
        found = [*map(self._once, own), *map(self.signer_for, self._pairs())]
        if self.spread:
            random.shuffle(found)
        return found

    def identities(self) -> list[Signer]:
        """Every identifier that she has or had."""
        numbered = [(to, n) for to, highest in self._pairs().items() for n in range(highest + 1)]
        found = [self.key_number(to, n) for to, n in numbered]
        return [
            *(Signer(key.did, key) for key in found),
            *(self._once(n) for n in range(self._intents()["next"])),
        ]

    async def _part(self, signer: Signer) -> None:
        if self.spread:
            await asyncio.sleep(random.uniform(0, self.spread))

    async def _polled(self, signer: Signer) -> None:
        """Leave the inbox of a key that was for one thing alone for good, once nothing can come any more."""
        n = self._numbers().get(signer.iss)
        if n is not None and self._is_quiet(signer.iss):
            state = self._intents()
            self.book.remember(intents={**state, "quiet": sorted({*state["quiet"], n})})
            await self.wire.part(signer.iss)

    def _is_quiet(self, iss: str) -> bool:
        own = [copy for copy in self.ledger.copies.values() if copy.thread and copy.thread.first == iss]
        if not own:
            return not any(envelope.peek(token)[1].get("iss") == iss for _, token in self.book.outbox())
        for copy in own:
            status = self.ledger.status(copy, self.now())
            thread = copy.thread
            if thread is None or not self.spec.kinds[thread.kind].states[status.state].end:
                return False
            if thread.board and status.since + _QUIET > self.now():
                return False
        return True

    # --- whom she writes to ---------------------------------------------------------------------

    async def resolve(self, vendor: str) -> dict[str, Any]:
        """The discovery document of an organisation, read at its origin (VRM-AGT-006); ``key-unavailable``.

        Its ``homes`` are the homes that it reads, ``accepts`` what it accepts when it is proffered alone.
        """
        seen = await self.keys.key_set(vendor, None)
        return strictjson.read(seen.document)[0]

    async def reads_here(self, vendor: str) -> None:
        """Read the keys of an organisation at its origin, and see that it reads this home.

        Raises ``key-unavailable`` (ProtocolError) where the origin does not answer, AgentError where the
        organisation does not read this home. Nothing is asked of a ``did:jwk``.
        """
        if vendor.startswith(keys.DID):
            return
        homes = (await self.resolve(vendor)).get("homes") or [self.home]
        if self.home not in homes:
            raise AgentError(f"{vendor} does not read {self.home}, but {', '.join(homes)}")

    # --- what all her messages need -------------------------------------------------------------

    def held(self, terms: Terms) -> Agreement:
        """The agreement of the own roster; AgentError where its manifest is not held (VRM-TRM-003)."""
        try:
            roster = self.spec.roster
            found = roster.named(terms) if isinstance(terms, str) else roster.find(terms)
        except KeyError:
            found = None
        if found is None or (not isinstance(terms, str) and terms != found.reference):
            raise AgentError(f"this agent does not hold the manifest of {terms}")
        return found
