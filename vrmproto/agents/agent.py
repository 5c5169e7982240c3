"""What every agent does: send, poll, read, keep; the roles are in customer.py and vendor.py.

Source: spec/protocol/agents.md, home.md.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vrmproto import envelope, keys, timing
from vrmproto.agents import chain
from vrmproto.agents.book import Book
from vrmproto.agents.chain import ChainError, Copy
from vrmproto.agents.inbox import Event, Inbox
from vrmproto.agents.ledger import Ledger
from vrmproto.agents.papers import KeptRecord, keep_record
from vrmproto.agents.sender import AgentError, Refused, Sender, Sent
from vrmproto.agents.verifier import Verifier
from vrmproto.agents.watch import wait_for_any
from vrmproto.agents.wire import Signer, Wire, new_jti
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.model import Thread
from vrmproto.outgoing import KeyCache, Outgoing
from vrmproto.spec import Spec
from vrmproto.spec import load as load_spec

__all__ = ["Agent", "AgentError", "Refused", "Sent", "ThreadView"]


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A thread as the own copy has it, compared with the home's checkpoint.

    ``verified`` is False where the home shows more or something else than what verifies; ``reason`` says why.
    ``told``: the state rests on the home's word, since what led to it is not seen here (other offers of an
    intent, a removal by the operator). A message of which a purge has left a tombstone has no token.
    """

    thid: str
    thread: Thread
    state: str
    deadline: int | None
    messages: tuple[Message, ...]
    verified: bool = True
    reason: str = ""
    told: bool = False


class Agent:
    """One party at one home, with a folder of its own: ``async with await Agent.open(folder, home) as me``.

    This class acts under one ``did:jwk``. All keys follow from the folder's seed. Only one process may have
    the folder open at a time.
    """

    def __init__(self, book: Book, spec: Spec, home: str, *, dev: bool, clock: Callable[[], float]) -> None:
        self.spread = 0.0
        self.book = book
        self.spec = spec
        self.home = home
        self.dev = dev
        self.clock = clock
        self.outgoing = Outgoing(dev)
        self.keys = KeyCache(
            self.outgoing,
            load=lambda origin: book.load_seen("keys", origin),
            save=lambda seen: book.save_seen("keys", seen),
            clock=clock,
        )
        self.wire = Wire(
            spec, home, clock=clock, dev=dev, on_discovery=lambda seen: book.save_seen("homes", seen)
        )
        self.ledger = Ledger(spec, book, home, dev=dev, clock=clock)
        self.verifier = Verifier(spec, self.wire, book, self.keys, own_key=self.own_key, dev=dev)
        self.inbox = Inbox(spec, self.wire, book, self.ledger, self.verifier, owns=self.owns, clock=clock)
        self.sender = Sender(
            self.wire, book, self.ledger, self.inbox, self.verifier, signer_of=self.signer_of
        )

    @classmethod
    async def open(
        cls,
        folder: Path | str,
        home: str,
        *,
        dev: bool = False,
        seed: bytes | None = None,
        clock: Callable[[], float] = time.time,
        spec: Spec | Path | str | None = None,
        **options: Any,
    ) -> Self:
        """Open or make an agent's folder; nothing is sent. ``spec`` is another spec or its folder."""
        loaded = spec if isinstance(spec, Spec) else load_spec(Path(spec) if spec else None)
        return cls(Book(folder, seed), loaded, home, dev=dev, clock=clock, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release all connections; everything that matters is on disk already."""
        await self.keys.close()
        await self.outgoing.close()
        await self.wire.close()

    def now(self) -> int:
        """Epoch seconds of the agent's clock."""
        return int(self.clock())

    # --- identifiers ----------------------------------------------------------------------------

    def signer_for(self, to: str) -> Signer:
        """The identifier under which this agent opens threads with ``to``."""
        key = keys.derive(self.book.seed, "agent/0")
        return Signer(key.did, key)

    def signers(self) -> list[Signer]:
        """The identifiers whose inboxes are polled."""
        return [self.signer_for("")]

    def identities(self) -> list[Signer]:
        """Every identifier that this agent has or had."""
        return self.signers()

    def owns(self, identifier: str) -> bool:
        """Whether an identifier is or was one of this agent's own."""
        return any(signer.iss == identifier for signer in self.identities())

    def signer_of(self, iss: str) -> Signer:
        """The signer of one of this agent's identifiers; AgentError if it is none."""
        for signer in self.identities():
            if signer.iss == iss:
                return signer
        raise AgentError(f"{iss} is no identifier of this agent")

    def own_key(self, iss: str, kid: str) -> PublicKey | None:
        """The public key if it is one of this agent's own."""
        own = (s for s in self.identities() if s.iss == iss and s.key.public.kid == kid)
        return next((s.key.public for s in own), None)

    def _signer_in(self, thread: Thread) -> Signer:
        own = {s.iss: s for s in self.identities()}
        for identifier in (thread.first, thread.second):
            if identifier in own:
                return own[identifier]
        if thread.board:
            return self._reader()
        raise AgentError(f"no identifier of this agent is a party of the thread {thread.thid}")

    # --- sending --------------------------------------------------------------------------------

    async def send(
        self,
        type: str,
        body: Mapping[str, Any],
        *,
        to: str | None = None,
        thid: str | None = None,
        signer: Signer | None = None,
        prev: str | None = None,
        pthid: str | None = None,
        agr: str | None = None,
        ext: Mapping[str, Any] | None = None,
        lifetime: int = 3600,
        check: bool = True,
    ) -> Sent:
        """Sign and send one message of any type: ``to`` opens a thread, ``thid`` goes on with one.

        ``prev`` is the last message of the own copy unless given. Raises Refused unless ``check`` is False,
        ChainError where the receipt is not one, and WireError without an answer: then the token stays in the
        book, and :meth:`resume` sends the same bytes again.
        """
        token = self.seal(
            type,
            body,
            to=to,
            thid=thid,
            signer=signer,
            prev=prev,
            pthid=pthid,
            agr=agr,
            ext=ext,
            lifetime=lifetime,
        )
        return await self.sender.send(token, check=check)

    def seal(
        self,
        type: str,
        body: Mapping[str, Any],
        *,
        to: str | None = None,
        thid: str | None = None,
        signer: Signer | None = None,
        prev: str | None = None,
        pthid: str | None = None,
        agr: str | None = None,
        ext: Mapping[str, Any] | None = None,
        lifetime: int = 3600,
    ) -> str:
        """The signed token of a message as :meth:`send` would send it."""
        members: dict[str, Any] = {}
        if thid is not None:
            copy = self._copy(thid)
            if copy.thread is None:
                raise AgentError(f"there is no own copy of the thread {thid}")
            signer = signer or self._signer_in(copy.thread)
            own = copy.thread.role(signer.iss) or "first"
            to = to or copy.thread.other(own)
            members = {"thid": thid, "prev": prev or copy.head}
        if to is None:
            raise AgentError("a message needs an addressee (to) or a thread (thid)")
        signer = signer or self.signer_for(to)
        now = self.now()
        claims: dict[str, Any] = {
            "vrm": "1.0",
            "home": self.home,
            "type": type,
            "iss": signer.iss,
            "aud": to,
            "jti": new_jti(),
            "iat": now,
            "exp": now + lifetime,
            **members,
            **{n: v for n, v in (("pthid", pthid), ("agr", agr)) if v is not None},
            "body": dict(body),
        }
        if ext is not None:
            claims["ext"] = dict(ext)
        return envelope.seal(signer.key, claims)

    async def resume(self) -> list[Sent]:
        """Send again, with the same bytes, what never got an answer (VRM-AGT-011)."""
        waiting = [t for _, t in self.book.outbox() if envelope.peek(t)[1].get("home") == self.home]
        return [await self.sender.send(token, check=False) for token in waiting]

    # --- receiving and reading ------------------------------------------------------------------

    async def poll(self, wait: float = 0) -> list[Event]:
        """What has arrived, stored and acknowledged; with ``wait`` seconds of patience if there is nothing.

        What could not be verified before and now can comes as an event too.
        """
        events = await self.inbox.again()
        signers = self.signers()
        if wait > 0 and not events:
            await wait_for_any(self.wire, signers, wait, self.spread)
        for signer in signers:
            await self._part(signer)
            events += await self.inbox.poll(signer)
            await self._polled(signer)
        return events

    async def _part(self, signer: Signer) -> None:
        """What an agent with several identifiers does before each poll, to keep them apart."""

    async def _polled(self, signer: Signer) -> None:
        """What it does after each poll."""

    async def thread(self, thid: str) -> ThreadView:
        """Read a thread, extend the own copy by what is new and verifies, and compare the checkpoint.

        ``verified`` is False where the home's thread does not hold; what shows it is in the evidence.
        """
        held = self.ledger.copy(thid)
        signer = self._signer_in(held.thread) if held and held.thread else self._reader()
        reason = ""
        try:
            checkpoint = await self.inbox.pull(signer, thid)
            claims = await self.verifier.receipt(checkpoint, fresh=True)
            copy = self._copy(thid)
            context = self.ledger.standing(copy, claims["iat"])
            chain.compare_checkpoint(self.spec, copy, context, checkpoint, claims, signer.iss)
            self.ledger.tell(thid, checkpoint, claims)
        except ProtocolError as error:
            reason = error.code
        except ChainError as error:
            reason = error.kind
            kind = "equivocation" if reason == "equivocation" else "refused"
            if reason != "consent":  # what has not come yet shows nothing of the home
                self.inbox.witness(kind, reason, error.detail, (), error.evidence)
        return self._view(thid, reason)

    def view(self, thid: str) -> ThreadView:
        """A thread by the own copy alone, without asking the home."""
        return self._view(thid, "")

    def views(self) -> list[ThreadView]:
        """All threads of the own copies, without asking the home."""
        return [self._view(thid, "") for thid, copy in self.ledger.copies.items() if copy.thread]

    async def record(self, thid: str) -> KeptRecord:
        """Fetch, verify and keep the record of the agreement or consent of a thread; AgentError without."""
        copy = self._copy(thid)
        if copy.thread is None or copy.thread.record is None:
            raise AgentError(f"no agreement was made in the thread {thid}, and no consent")
        parent = self.ledger.copy(copy.thread.parent) if copy.thread.parent else None
        return await keep_record(self.spec, self.wire, self.book, copy, parent, self._signer_in(copy.thread))

    # --- boards and blobs -----------------------------------------------------------------------

    async def board(self, name: str | None = None) -> Mapping[str, str]:
        """``{name, url, access}`` of a board of the home by its name, by default the first; AgentError."""
        listed: list[Mapping[str, str]] = list((await self.wire.discovery()).get("boards", ()))
        found = next((b for b in listed if name is None or b["name"] == name), None)
        if found is None or not found["url"].startswith(self.home + "/"):
            raise AgentError(f"{self.home} has no board {name or 'at all'}")
        return found

    async def put_blob(
        self, data: bytes, media_type: str = "application/octet-stream", *, signer: Signer | None = None
    ) -> dict[str, Any]:
        """Put a file at the home, for an hour unless a message refers to it; the reference for messages.

        It has to be put by the ``signer`` that sends the message (VRM-BLB-004).
        """
        digest = keys.b64(hashlib.sha256(data).digest())
        answer = await self.wire.put(signer or self._uploader(), "blobs", digest, data)
        if not answer.ok:
            raise AgentError(f"{self.home} does not take the blob ({answer.code or answer.status})")
        url = f"{await self.wire.endpoint('blobs')}/{digest}"
        return {"url": url, "sha256": digest, "size": len(data), "media_type": media_type}

    async def blob(self, reference: Mapping[str, Any], thid: str) -> bytes:
        """A file that a message of a thread refers to; ChainError where it is another one (VRM-BLB-009)."""
        copy = self._copy(thid)
        signer = self._signer_in(copy.thread) if copy.thread else self._reader()
        answer = await self.wire.get(signer, "blobs", reference["sha256"])
        if not answer.ok:
            raise AgentError(f"{self.home} does not give the blob ({answer.code or answer.status})")
        if (
            len(answer.body) != reference["size"]
            or keys.b64(hashlib.sha256(answer.body).digest()) != reference["sha256"]
        ):
            raise ChainError("receipt", "the blob is not the one that the message refers to")
        return answer.body

    def _uploader(self) -> Signer:
        return self._reader()

    def _by(self, length: str | int) -> str:
        """The time after so many seconds or an ISO 8601 duration; a time stays what it is."""
        now = self.now()
        if isinstance(length, int):
            return timing.text(now + length)
        try:
            return timing.text(timing.moment(length, now))
        except ValueError as error:
            raise AgentError(f"{length} is neither a duration nor a time ({error})") from None

    # --- helpers --------------------------------------------------------------------------------

    def _reader(self) -> Signer:
        return self.signers()[0]

    def _copy(self, thid: str) -> Copy:
        copy = self.ledger.copy(thid)
        if copy is None:
            raise AgentError(f"there is no own copy of the thread {thid}")
        return copy

    def _view(self, thid: str, reason: str) -> ThreadView:
        copy = self._copy(thid)
        if copy.thread is None:
            raise AgentError(f"there is no own copy of the thread {thid}")
        status = self.ledger.status(copy, max(self.now(), copy.thread.received))
        messages = tuple(link.message for link in copy.links)
        told = copy.told is not None
        if told:
            alone = self.ledger.status(replace(copy, told=None), max(self.now(), copy.thread.received))
            told = alone.state != status.state
        return ThreadView(
            thid, copy.thread, status.state, status.deadline, messages, not reason, reason, told
        )
