"""Disputes: either party says that the other has not kept to their agreement.

Source: spec/protocol/disputes.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vrmproto.agents.agent import Agent
from vrmproto.agents.sender import AgentError, Sent

__all__ = ["Disputing"]


class Disputing(Agent):
    """Opens disputes, and says what there is to say in them."""

    async def dispute(
        self, thid: str, facts: str, *, clause: str = "", messages: Sequence[str] = (), check: bool = True
    ) -> Sent:
        """Open a dispute about the agreement of a thread; ``messages`` of it show what happened.

        What a person names in this way the organisation reads, and may not erase, until the dispute is closed
        (VRM-DSP-005). AgentError where no agreement was made in the thread.
        """
        thread = self.view(thid).thread
        if thread.record is None or self.spec.kinds[thread.kind].record != "agreement":
            raise AgentError(f"no agreement was made in the thread {thid}")
        signer = self._signer_in(thread)
        body: dict[str, Any] = {"clause": clause} if clause else {}
        body["facts"] = facts
        if messages:
            body["messages"] = list(messages)
        to = thread.other(thread.role(signer.iss))
        return await self.send("dispute.open", body, to=to, signer=signer, pthid=thid, check=check)

    def disputes(self, thid: str) -> list[str]:
        """The disputes about the agreement of a thread."""
        below = (copy.thread for copy in self.ledger.below(thid))
        return [thread.thid for thread in below if thread is not None and thread.kind == "dispute"]

    async def note(self, thid: str, text: str, *, answers: str = "", check: bool = True) -> Sent:
        """Add to a dispute, or answer a message of it."""
        body = {"text": text, "answers": answers} if answers else {"text": text}
        return await self.send("dispute.note", body, thid=thid, check=check)

    async def close_dispute(
        self, thid: str, outcome: str = "settled", text: str = "", *, check: bool = True
    ) -> Sent:
        """Close a dispute: ``settled``, ``dropped``, or ``referred`` to an authority or a court.

        An organisation closes only what it has opened (VRM-DSP-004).
        """
        body = {"outcome": outcome, "text": text} if text else {"outcome": outcome}
        return await self.send("dispute.close", body, thid=thid, check=check)
