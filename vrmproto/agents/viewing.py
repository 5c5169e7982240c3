"""The home's view of a relationship: read, kept, and made anew of the own copies (VRM-STD-010).

Source: spec/protocol/standing.md.
"""

from __future__ import annotations

from typing import Any

from vrmproto import envelope
from vrmproto.agents.agent import Agent
from vrmproto.agents.chain import ChainError, Copy
from vrmproto.agents.sender import AgentError
from vrmproto.errors import ProtocolError
from vrmproto.proving import Difference, Proof, Threads, prove
from vrmproto.verification import Held, Link, Tombstone

__all__ = ["Viewing"]


class Viewing(Agent):
    """What both parties do with the view of a relationship."""

    async def relationship(self, thid: str) -> dict[str, Any]:
        """The home's view of a relationship, ``documents/relationship.json``; AgentError without one.

        The last one is kept, to be exported; after an organisation has erased what it held, none is.
        """
        thread = self.view(thid).thread
        answer = await self.wire.get(self._signer_in(thread), "relationships", thid)
        document = answer.document() if answer.ok else {}
        if not answer.ok or self.spec.faults("documents/relationship.json", document):
            raise AgentError(f"{self.home} does not show the relationship ({answer.code or answer.status})")
        erased = self._copy(thid).erased is not None or self._is_erased(document["state"])
        if document["thid"] == thid and not (erased and self.owns(thread.second)):
            self.book.keep_view(thid, answer.body)
        return document

    def _is_erased(self, state: str) -> bool:
        known = self.spec.kinds["relationship"].states.get(state)
        return known is not None and known.erased

    async def proven(self, thid: str, document: dict[str, Any] | None = None) -> Proof:
        """Whether the home's view of a relationship is what the own copies say, as of the view.

        ``document`` is a view that was read; by default it is read now. What it rests on and is not here yet
        is read first. AgentError without a view.
        """
        view = document if document is not None else await self.relationship(thid)
        signer = self._signer_in(self.view(thid).thread)
        try:
            claims = await self.verifier.receipt(view["checkpoint"], fresh=True)
        except (ChainError, ProtocolError) as error:
            return Proof((Difference("/checkpoint", "VRM-HOM-026", None, None, str(error)),))
        wrong = [n for n, v in (("thid", thid), ("aud", signer.iss)) if claims[n] != v]
        wrong += [] if view["thid"] == thid and view["home"] == self.home else ["home"]
        if wrong:
            why = f"the view is not of this relationship for this reader ({', '.join(wrong)})"
            return Proof((Difference("/checkpoint", "VRM-STD-001", None, None, why),))
        for head in view["heads"]:
            copy = self.ledger.copy(head["thid"])
            if copy is None or copy.seq < head["seq"]:
                try:
                    await self.inbox.pull(signer, head["thid"])
                except (ChainError, ProtocolError):
                    continue  # what is not shown, or does not verify, is missing in the comparison
        return prove(self.spec, view, claims, self._threads())

    def _threads(self) -> Threads:
        """All that is held, as who verifies an export has it."""
        held = {copy.thid: _held(copy) for copy in self.ledger.copies.values() if copy.links}
        told = {
            thid: [envelope.peek(line["told"])[1] for line in self.book.thread(thid) if "told" in line]
            for thid, copy in self.ledger.copies.items()
            if copy.told is not None
        }
        return Threads(held, self.ledger.ladders, told)


def _held(copy: Copy) -> list[Held]:
    return [
        Tombstone(f"message {n}", link.message.type, link.claims)
        if link.erased
        else Link.of(f"message {n}", link.message, link.claims)
        for n, link in enumerate(copy.links, 1)
    ]
