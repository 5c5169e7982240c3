"""What arrives: verified, put into the own copies, and acknowledged once it is on disk.

A message whose key cannot be resolved at its sender's origin, or whose predecessor is missing, is kept in
the evidence as *unverified*, acknowledged (so that the inbox cannot be held up) and tried again with every
poll; nothing acts on it before. What can never verify is kept as *refused*. Source: spec/protocol/agents.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto import envelope
from vrmproto.agents import chain
from vrmproto.agents.book import Book
from vrmproto.agents.chain import ChainError, Link
from vrmproto.agents.ledger import Ledger
from vrmproto.agents.verifier import Verifier
from vrmproto.agents.wire import Signer, Wire, WireError
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.model import is_board
from vrmproto.roster import digest
from vrmproto.spec import Spec

__all__ = ["Event", "Inbox"]

_PAGE = 100
_WAITS = ("key-unavailable", "key-unknown", "gap", "consent")


@dataclass(frozen=True, slots=True)
class Event:
    """A message that has arrived. Act on it only if it is ``verified``: then it is in the own copy as well.

    Of an unverified one all members but ``token`` and ``mid`` are what the sender or the home *claims*;
    ``reason`` says why it is unverified, as a code of the protocol or a kind of ChainError. An event without
    a type and with the state ``removed`` is the home's notice that its operator has taken a thread off a
    board; its ``reason`` is the code, its ``receipt`` the checkpoint that says so.
    """

    mid: str
    token: str
    receipt: str
    thid: str
    type: str
    iss: str
    aud: str
    body: Mapping[str, Any]
    state: str
    seq: int
    verified: bool
    reason: str = ""

    @property
    def domain_verified(self) -> bool:
        """Whether the sender is an organisation whose key this agent saw at its origin."""
        return self.verified and self.iss.startswith("http")


class Inbox:
    """Takes messages of one home into the ledger."""

    def __init__(
        self,
        spec: Spec,
        wire: Wire,
        book: Book,
        ledger: Ledger,
        verifier: Verifier,
        *,
        owns: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        """``owns`` tells the agent's own identifiers, past ones included."""
        self._spec = spec
        self._wire = wire
        self._book = book
        self._ledger = ledger
        self._verifier = verifier
        self._owns = owns
        self._clock = clock

    async def poll(self, signer: Signer) -> list[Event]:
        """Everything in the inbox of one identifier, stored and acknowledged; WireError."""
        events: list[Event] = []
        ack: tuple[str, ...] = ()
        taken: set[str] = set()
        while True:
            answer = await self._wire.poll(signer, limit=_PAGE, ack=ack)
            if not answer.ok:
                raise WireError(f"{self._wire.home} refuses the poll ({answer.code or answer.status})")
            document = answer.document()
            if self._spec.faults("documents/poll.json", document):
                raise WireError(f"{self._wire.home} answers a poll with something else")
            order = [mid for mid in document["order"] if mid in document["sets"] and mid not in taken]
            for mid in order:
                events.append(
                    await self.take(signer, document["sets"][mid], document["receipts"].get(mid, ""))
                )
            notices = {t: c for t, c in document.get("notices", {}).items() if t not in taken}
            for thid, checkpoint in notices.items():
                events.append(await self._notice(signer, thid, checkpoint))
            if not order and not notices:
                return events
            ack = (*order, *notices)
            taken.update(ack)

    async def _notice(self, signer: Signer, thid: str, checkpoint: str) -> Event:
        """A removal by the operator: kept as evidence, and believed if the home has signed it."""
        reason = ""
        try:
            claims = await self._verifier.receipt(checkpoint, fresh=True)
            if claims["thid"] != thid or claims["aud"] != signer.iss or "removed" not in claims:
                raise ChainError("receipt", "it is no notice of this thread for this reader", (checkpoint,))
            detail = "the operator took it off the board"
            self.witness("removed", claims["removed"], detail, (), (checkpoint,))
            copy = self._ledger.copy(thid)
            if copy is not None and copy.seq == claims["seq"]:
                context = self._ledger.standing(copy, claims["iat"])
                chain.compare_checkpoint(self._spec, copy, context, checkpoint, claims, signer.iss)
                self._ledger.tell(thid, checkpoint, claims)
        except ChainError as error:
            reason, claims = error.kind, {"removed": error.kind, "seq": 0}
            kind = "equivocation" if reason == "equivocation" else "refused"
            self.witness(kind, reason, error.detail, (), (checkpoint, *error.evidence))
        return Event(
            mid=thid,
            token="",
            receipt=checkpoint,
            thid=thid,
            type="",
            iss=self._wire.home,
            aud=signer.iss,
            body={},
            state="removed",
            seq=claims["seq"],
            verified=not reason,
            reason=claims["removed"],
        )

    async def take(self, signer: Signer, token: str, receipt: str) -> Event:
        """One message with its receipt, whatever it is: stored when this returns."""
        try:
            link = await self.open(token, receipt)
            if self._is_over(link.message):
                return _event(token, receipt, link.claims["state"], link.claims["seq"], "erased")
            self._check_addressee(link)
            await self.join(signer, link)
        except ProtocolError as error:
            return self._unverified(token, receipt, error.code, error.detail)
        except ChainError as error:
            return self._unverified(token, receipt, error.kind, error.detail, error.evidence)
        return _event(token, receipt, link.claims["state"], link.claims["seq"])

    async def join(self, signer: Signer, link: Link) -> bool:
        """Extend a copy by a message, reading what has to stand before it; False if it is held."""
        message = link.message
        if message.pthid is not None and self._ledger.copy(message.pthid) is None:
            await self.pull(signer, message.pthid)
        await self._learn(signer, message)
        try:
            return self._ledger.add(link)
        except ChainError as error:
            if error.kind != "gap" and not self._is_behind(error, message):
                raise
            if error.kind != "gap":
                await self.pull(signer, message.pthid or self._parent_of(message))
            else:
                await self.pull(signer, link.claims["thid"])
            return self._ledger.add(link)

    def _is_behind(self, error: ChainError, message: Message) -> bool:
        """Whether the message names a version of its parent that the own copy has not got yet."""
        parent = message.pthid or self._parent_of(message)
        named = message.body.get("version")
        held = self._ledger.copy(parent) if parent else None
        version = held.thread.facts.get("version", 0) if held and held.thread and not held.erased else None
        return isinstance(named, int) and version is not None and named > version

    def _parent_of(self, message: Message) -> str:
        copy = self._ledger.copy(message.thid or "")
        return (copy.thread.parent if copy and copy.thread else None) or ""

    def _check_addressee(self, link: Link) -> None:
        """It is for this agent, or it stands on a board above a thread of this agent."""
        message = link.message
        if self._owns(message.aud):
            return
        if is_board(message.aud) and self._ledger.below(link.claims["thid"]):
            return
        raise ChainError("receipt", "the message is for somebody else", (message.token, link.receipt))

    def _is_over(self, message: Message) -> bool:
        """A late message of a thread whose copy was erased: nothing of it is kept again (VRM-OFR-028)."""
        copy = self._ledger.copy(message.thid or "")
        return copy is not None and copy.erased is not None and not copy.holds(message.mid)

    async def open(self, token: str, receipt: str) -> Link:
        """A message with its receipt, both verified; ProtocolError or ChainError."""
        claims = await self._verifier.receipt(receipt)
        message = await self._verifier.message(token)
        chain.check_receipt(message, receipt, claims)
        return Link(message, receipt, claims)

    def _unverified(
        self, token: str, receipt: str, reason: str, detail: str, evidence: tuple[str, ...] = ()
    ) -> Event:
        waits = reason in _WAITS
        kind = "unverified" if waits else "equivocation" if reason == "equivocation" else "refused"
        self.witness(kind, reason, detail, (token, receipt), evidence)
        return _event(token, receipt, "", 0, reason)

    def witness(
        self, kind: str, reason: str, detail: str, message: tuple[str, ...], tokens: tuple[str, ...] = ()
    ) -> str:
        """Keep evidence: the message with its receipt, and the tokens that show what is wrong."""
        content = {
            "home": self._wire.home,
            "reason": reason,
            "detail": detail,
            "at": int(self._clock()),
            "message": list(message),
            "tokens": list(tokens),
        }
        return self._book.witness(kind, content)

    async def again(self) -> list[Event]:
        """Try what is still unverified; events of what has verified now, or never will."""
        held = [e for e in self._book.evidence("unverified") if e[1]["home"] == self._wire.home]
        events: list[Event] = []
        for name, content in sorted(held, key=lambda e: _place(e[1]["message"][1])):
            token, receipt = content["message"]
            try:
                link = await self.open(token, receipt)
                self._ledger.add(link)
                events.append(_event(token, receipt, link.claims["state"], link.claims["seq"]))
            except (ProtocolError, ChainError) as error:
                reason = error.code if isinstance(error, ProtocolError) else error.kind
                if reason in _WAITS:
                    continue
                tokens = error.evidence if isinstance(error, ChainError) else ()
                events.append(self._unverified(token, receipt, reason, error.detail, tokens))
            self._book.drop_evidence(name)
        return events

    async def pull(self, signer: Signer, thid: str) -> str:
        """Read a thread from where the own copy ends, into it; the home's checkpoint.

        Raises ProtocolError or ChainError at the first message that does not verify, and WireError; a page
        that brings nothing new although more is to come is a ``gap``.
        """
        while True:
            copy = self._ledger.copy(thid)
            start = copy.seq + 1 if copy else 1
            query: dict[str, str | int] = {"from": start, "limit": _PAGE}
            answer = await self._wire.get(signer, "threads", thid, **query)
            if answer.status == 404:
                raise ChainError("gap", "the home does not show the thread")
            if not answer.ok:
                raise WireError(
                    f"{self._wire.home} does not show the thread ({answer.code or answer.status})"
                )
            document = answer.document()
            if self._spec.faults("documents/thread.json", document):
                raise WireError(f"{self._wire.home} answers a read with something else")
            checkpoint, new = str(document["checkpoint"]), False
            for item in document["messages"]:
                new = await self._read(signer, thid, item, checkpoint) or new
            if not document.get("next") or not document["messages"]:
                return checkpoint
            if not new:
                detail = f"from {start} on there is to be more, and nothing comes"
                raise ChainError("gap", detail, (checkpoint,))

    async def _read(self, signer: Signer, thid: str, item: Mapping[str, Any], checkpoint: str) -> bool:
        """One message of a thread that was read, or a tombstone of it, into the copy."""
        if "token" not in item:
            return await self._bury(signer, thid, item, checkpoint)
        link = await self.open(item["token"], item["receipt"])
        if link.claims["thid"] != thid:
            raise ChainError("receipt", "it is of another thread", (item["token"], item["receipt"]))
        parent = link.message.pthid
        if parent is not None and self._ledger.copy(parent) is None:
            await self.pull(signer, parent)
        await self._learn(signer, link.message)
        return self._ledger.add(link)

    async def _learn(self, signer: Signer, message: Message) -> None:
        named = message.body.get("ladder")
        if self._spec.valid("shared/digest.json", named):
            await self.learn(signer, str(named))

    async def learn(self, signer: Signer, named: str) -> bool:
        """Hold a ladder that a message of the signer's threads names, if the home gives it.

        Without it a message is judged by less, and nothing is lost.
        """
        if named in self._ledger.ladders:
            return True
        try:
            answer = await self._wire.get(signer, "blobs", named)
            if not answer.ok or digest(answer.body) != named:
                return False
            self._ledger.hold_ladder(answer.body)
        except (WireError, ValueError):
            return False
        return True

    async def _bury(self, signer: Signer, thid: str, item: Mapping[str, Any], checkpoint: str) -> bool:
        """A tombstone, for a second party of a thread that the home says is purged, and nobody else."""
        receipt = item["receipt"]
        said = await self._verifier.receipt(checkpoint, fresh=True)
        copy = self._ledger.copy(thid)
        thread = copy.thread if copy else None
        erased = thread is not None and self._spec.kinds[thread.kind].is_erased(said, item["seq"])
        if thread is None or not erased or thread.role(signer.iss) != "second":
            raise ChainError("gap", "a tombstone stands in place of a message", (receipt, checkpoint))
        claims = await self._verifier.receipt(receipt)
        named = str(item.get("mid", "")), str(item.get("type", ""))
        return self._ledger.bury(chain.tombstone(thid, *named, receipt, claims))


def _place(receipt: str) -> tuple[str, int]:
    """Thread and ``seq`` of a receipt, unverified: the order in which to try."""
    try:
        claims = envelope.peek(receipt)[1]
    except ProtocolError:
        return "", 0
    seq = claims.get("seq")
    return str(claims.get("thid")), seq if isinstance(seq, int) else 0


def _event(token: str, receipt: str, state: str, seq: int, reason: str = "") -> Event:
    try:
        claims = envelope.peek(token)[1]
    except ProtocolError:
        claims = {}
    mid = envelope.mid_of(token)
    body = claims.get("body")
    return Event(
        mid=mid,
        token=token,
        receipt=receipt,
        thid=str(claims.get("thid", mid)),
        type=str(claims.get("type", "")),
        iss=str(claims.get("iss", "")),
        aud=str(claims.get("aud", "")),
        body=body if isinstance(body, dict) else {},
        state=state,
        seq=seq,
        verified=not reason,
        reason=reason,
    )
