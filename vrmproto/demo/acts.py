"""The acts of an actor of the demo: those that the story of terms needs, and what all acts share.

What an act proves is left as files in ``DIR/steps/n`` (see :mod:`vrmproto.bundle`). The acts of intents and
offers are in :mod:`vrmproto.demo.dealing`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto import bundle, envelope, records, strictjson, timing
from vrmproto.agents import (
    Agent,
    AgentError,
    ChainError,
    CustomerAgent,
    Event,
    Sent,
    VendorAgent,
    WireError,
)

__all__ = ["PATIENCE", "Act", "Actor", "Outcome"]

PATIENCE = 15.0


def flip(data: bytes) -> bytes:
    """The same bytes with one of them changed, in the middle."""
    place = len(data) // 2
    other = b"A" if data[place : place + 1] != b"A" else b"B"
    return data[:place] + other + data[place + 1 :]


@dataclass
class Outcome:
    """What an act came to: the answer line of the actor and the files that prove it."""

    line: dict[str, Any]
    files: dict[str, bytes]
    expect: dict[str, Any]


Act = Callable[[Mapping[str, Any]], Awaitable[Outcome]]
Question = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


class Actor:
    """An agent with the few acts that the story needs."""

    def __init__(self, agent: Agent, folder: Path) -> None:
        self.agent = agent
        self.folder = folder

    def acts(self) -> dict[str, Act]:
        """What it can do, by the name in ``do``."""
        return {
            "proffer": self.proffer,
            "send": self.send,
            "answer": self.answer,
            "repeat": self.repeat,
            "record": self.record,
            "thread": self.thread,
            "changed-copy": self.changed_copy,
        }

    def questions(self) -> dict[str, Question]:
        """What can be asked of it between two steps; nothing is proven by the answer."""
        return {}

    async def handle(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do one act, or answer a question; the answer line."""
        if order["do"] in self.questions():
            return await self.questions()[order["do"]](order)
        self.agent.wire.on_send = flip if order.get("tamper") else None
        try:
            outcome = await self.acts()[order["do"]](order)
        except (AgentError, ChainError, WireError) as error:
            return {"status": 0, "error": f"{type(error).__name__}: {error}"}
        finally:
            self.agent.wire.on_send = None
        place = self.folder / "steps" / f"{order['step']:02d}"
        bundle.write(place, outcome.files, outcome.expect)
        return {**outcome.line, "files": str(place)}

    # --- acts -----------------------------------------------------------------------------------

    async def proffer(self, order: Mapping[str, Any]) -> Outcome:
        """The person proffers terms: ``to``, ``preferred``, ``acceptable``, ``answer_in`` seconds."""
        if not isinstance(self.agent, CustomerAgent):
            return await self._proffer_as_vendor(order)
        sent = await self.agent.proffer(
            order["to"],
            preferred=order["preferred"],
            acceptable=order.get("acceptable", ()),
            answer_in=order.get("answer_in", "PT1H"),
            check=False,
        )
        return self._accepted_or_refused(sent, None, None)

    async def _proffer_as_vendor(self, order: Mapping[str, Any]) -> Outcome:
        """What no organisation may do; shown to be refused."""
        roster = self.agent.spec.roster
        body = {
            "roster": {"id": roster.id, "version": roster.version},
            "preferred": roster.named(order["preferred"]).reference,
            "lang": "en",
            "place": "NL",
            "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
            "answer_by": timing.text(self.agent.now() + 3600),
        }
        sent = await self.agent.send("terms.proffer", body, to=order["to"], check=False)
        return self._accepted_or_refused(sent, None, None)

    async def send(self, order: Mapping[str, Any]) -> Outcome:
        """A message of ``type`` in the thread ``thid``, built by the type; a refusal is an outcome too."""
        thid = order["thid"]
        await self._await_messages(thid, order.get("seq", 0))
        body = self._body(order["type"], thid, order.get("agreement"))
        before = await self._checkpoint(thid)
        sent = await self.agent.send(order["type"], body, thid=thid, check=False)
        after = await self._checkpoint(thid) if sent.problem else b""
        return self._accepted_or_refused(sent, before if sent.problem else None, after or None)

    async def answer(self, order: Mapping[str, Any]) -> Outcome:
        """The vendor answers the proffer of a thread as its policy says."""
        event = await self._arrived(order["thid"])
        if not isinstance(self.agent, VendorAgent):
            raise AgentError("only a vendor answers by policy")
        sent = await self.agent.answer(event)
        if sent is None:
            raise AgentError("the policy of this vendor holds the answer back")
        return self._accepted_or_refused(sent, None, None)

    async def repeat(self, order: Mapping[str, Any]) -> Outcome:
        """The last own message of a thread once more, as the same bytes."""
        view = self.agent.view(order["thid"])
        own = [m for m in view.messages if m.iss in {s.iss for s in self.agent.signers()}]
        before = await self._checkpoint(order["thid"])
        sent = await self.agent.sender.send(own[-1].token, check=False)
        return self._accepted_or_refused(sent, before, None)

    async def record(self, order: Mapping[str, Any]) -> Outcome:
        """Fetch, verify and keep the record of the agreement made in a thread."""
        await self._await_messages(order["thid"], order.get("seq", 0))
        kept = await self.agent.record(order["thid"])
        line = {"status": 200, "thid": order["thid"], "record": kept.id, "state": kept.data["state"]}
        files = {"record.json": kept.path.read_bytes(), "home.json": self._home()}
        return Outcome(line, files, {"status": 200, "state": kept.data["state"]})

    async def thread(self, order: Mapping[str, Any]) -> Outcome:
        """Read a thread: its messages and the checkpoint of now; a stranger is told nothing."""
        signer = self._signer(order["thid"])
        answer = await self.agent.wire.get(signer, "threads", order["thid"])
        files = {"home.json": self._home()}
        if not answer.ok:
            files["problem.json"] = answer.body
            line = {"status": answer.status, "thid": order["thid"], "code": answer.code}
            return Outcome(line, files, {"refused": answer.code})
        files["thread.json"] = answer.body
        state = envelope.peek(answer.document()["checkpoint"])[1]["state"]
        line = {"status": 200, "thid": order["thid"], "state": state}
        return Outcome(line, files, {"status": 200, "state": state})

    async def changed_copy(self, order: Mapping[str, Any]) -> Outcome:
        """A copy of the kept record of a thread with one byte of its first signature changed."""
        view = self.agent.view(order["thid"])
        record = view.thread.record or ""
        data = bytearray((self.agent.book.folder / "records" / f"{record}.json").read_bytes())
        token = strictjson.read(bytes(data))[0]["messages"][0]["token"].encode()
        place = bytes(data).index(token) + len(token) - 40
        data[place] = ord("A") if data[place] != ord("A") else ord("B")
        if order.get("tamper"):
            data[0] = ord("A")
        report = records.verify_record(self.agent.spec, bytes(data))
        failed = next((c for c in report.checks if not c.ok), None)
        line = {"status": 0, "thid": order["thid"], "code": failed.code if failed else ""}
        return Outcome(line, {"record.json": bytes(data)}, {})

    # --- helpers --------------------------------------------------------------------------------

    def _body(self, message_type: str, thid: str, agreement: str | None) -> dict[str, Any]:
        thread = self.agent.view(thid).thread
        roster = self.agent.spec.roster
        offered = thread.facts.get("preferred")
        named = roster.named(agreement).reference if agreement else offered
        where = {"lang": "en", "place": "ZZ" if thread.role(self._signer(thid).iss) == "first" else "NL"}
        if message_type == "terms.accept":
            return {"accepts": thread.facts.get("offer"), "agreement": named, **where}
        if message_type == "terms.alternative":
            until = timing.text(self.agent.now() + 3600)
            return {"alternative_to": thid, "agreement": named, **where, "answer_by": until}
        return {}

    def _signer(self, thid: str) -> Any:
        own = {s.iss: s for s in self.agent.signers()}
        copy = self.agent.ledger.copy(thid)
        thread = copy.thread if copy else None
        parties = (thread.first, thread.second) if thread else ()
        return next((own[p] for p in parties if p in own), next(iter(own.values())))

    async def _checkpoint(self, thid: str) -> bytes:
        with self._untouched():
            answer = await self.agent.wire.get(self._signer(thid), "threads", thid)
        return str(answer.document()["checkpoint"]).encode()

    @contextlib.contextmanager
    def _untouched(self) -> Iterator[None]:
        """What goes out meanwhile is not tampered with: it is not the act that the step is about."""
        hook, self.agent.wire.on_send = self.agent.wire.on_send, None
        try:
            yield
        finally:
            self.agent.wire.on_send = hook

    def _home(self) -> bytes:
        seen = self.agent.book.load_seen("homes", self.agent.home)
        if seen is None:
            raise AgentError("the discovery document of the home was never read")
        return seen.document

    def _accepted_or_refused(self, sent: Sent, before: bytes | None, after: bytes | None) -> Outcome:
        files = {"message.jwt": sent.token.encode(), "home.json": self._home()}
        files |= {"before.jwt": before} if before else {}
        files |= {"after.jwt": after} if after else {}
        line: dict[str, Any] = {"status": sent.status, "thid": sent.thid, "mid": sent.mid}
        if sent.problem is None:
            files["receipt.jwt"] = sent.receipt.encode()
            line["state"] = sent.state
            return Outcome(line, files, {"status": sent.status, "state": sent.state})
        files["problem.json"] = strictjson.dumps(dict(sent.problem))
        line["code"] = sent.problem.get("code", "")
        return Outcome(line, files, {"refused": line["code"]})

    async def _arrived(self, thid: str) -> Event:
        """The message that opened a thread, once it has arrived here."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        with self._untouched():
            while asyncio.get_running_loop().time() < deadline:
                for event in await self.agent.poll(1):
                    if event.thid == thid:
                        return event
        raise AgentError("the message has not arrived")

    async def _await_messages(self, thid: str, seq: int) -> None:
        """Poll until the own copy of a thread has ``seq`` messages."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        with self._untouched():
            while asyncio.get_running_loop().time() < deadline:
                copy = self.agent.ledger.copy(thid)
                if copy is not None and copy.thread is not None and copy.thread.seq >= seq:
                    break
                await self.agent.poll(1)
