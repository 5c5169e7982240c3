"""Sends one token until its fate is known: delivered with a receipt that holds, or refused.

Source: spec/protocol/agents.md (VRM-AGT-001, VRM-AGT-002, VRM-AGT-010, VRM-AGT-011).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vrmproto import envelope
from vrmproto.agents import chain
from vrmproto.agents.book import Book
from vrmproto.agents.chain import ChainError, Link
from vrmproto.agents.inbox import Inbox
from vrmproto.agents.ledger import Ledger
from vrmproto.agents.verifier import Verifier
from vrmproto.agents.wire import Answer, Signer, Wire, WireError
from vrmproto.errors import ProtocolError

__all__ = ["AgentError", "Refused", "Sender", "Sent"]


class AgentError(Exception):
    """The agent itself will not do this: why."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message. ``receipt`` is '' and ``state`` too where it was refused (``problem``).

    ``in_chain`` is False where the receipt verifies but a message before it does not, or is missing: see
    the book's evidence.
    """

    token: str
    mid: str
    thid: str
    receipt: str
    status: int
    state: str
    problem: Mapping[str, Any] | None = None
    in_chain: bool = True


class Refused(Exception):
    """The home refused a message: its ``code``, its whole ``problem``, and what was ``sent``."""

    def __init__(self, sent: Sent) -> None:
        problem = sent.problem or {}
        self.code = str(problem.get("code", ""))
        super().__init__(f"{self.code or sent.status}: {problem.get('detail') or problem.get('title', '')}")
        self.problem = problem
        self.sent = sent

    @property
    def retryable(self) -> bool:
        """Whether trying again later may help; by status class where the code is unknown (VRM-AGT-010)."""
        named = self.problem.get("retryable")
        return named if isinstance(named, bool) else self.sent.status >= 500


class Sender:
    """Keeps a token in the outbox of the book until it has an answer."""

    def __init__(
        self,
        wire: Wire,
        book: Book,
        ledger: Ledger,
        inbox: Inbox,
        verifier: Verifier,
        *,
        signer_of: Callable[[str], Signer],
    ) -> None:
        self._wire = wire
        self._book = book
        self._ledger = ledger
        self._inbox = inbox
        self._verifier = verifier
        self._signer_of = signer_of

    async def send(self, token: str, *, check: bool) -> Sent:
        """Send a sealed token; see :meth:`Agent.send`."""
        mid = envelope.mid_of(token)
        self._book.outgoing(mid, token)
        answer = await self._wire.post(token)
        sent = Sent(token, mid, _thid_of(token, mid), "", answer.status, "", answer.problem)
        if answer.ok:
            sent = await self._receipted(sent, answer)
        if not Refused(sent).retryable:  # else the same bytes may be taken later
            self._book.settled(mid)
        if check and not answer.ok:
            raise Refused(sent)
        return sent

    async def _receipted(self, sent: Sent, answer: Answer) -> Sent:
        """The message with its receipt in the own copy: only now it is delivered (VRM-AGT-001)."""
        receipt = answer.body.decode("ascii", "replace")
        try:
            claims = await self._verifier.receipt(receipt, fresh=answer.status == 202)
            message = await self._verifier.message(sent.token)
            chain.check_receipt(message, receipt, claims)
            link = Link(message, receipt, claims)
            in_chain = await self._add(link)
        except ChainError as error:
            kind = "equivocation" if error.kind == "equivocation" else "refused"
            self._inbox.witness(kind, error.kind, error.detail, (sent.token, receipt), error.evidence)
            raise
        return replace(sent, receipt=receipt, state=claims["state"], in_chain=in_chain)

    async def _add(self, link: Link) -> bool:
        """Put an own message into the copy, reading what came before; False if that does not verify yet."""
        message = link.message
        copy = self._ledger.copy(link.claims["thid"])
        behind = copy is not None and link.claims["seq"] > copy.seq + 1
        try:
            await self._inbox.join(self._signer_of(message.iss), link)
        except (ProtocolError, WireError, ChainError) as error:
            if isinstance(error, ChainError) and (not behind or error.kind == "equivocation"):
                raise
            self._inbox.witness("unverified", "gap", str(error), (message.token, link.receipt))
            return False
        return True


def _thid_of(token: str, mid: str) -> str:
    return str(envelope.peek(token)[1].get("thid", mid))
