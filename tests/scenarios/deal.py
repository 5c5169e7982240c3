"""One thread of the kind terms between two raw parties, told message by message."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.world import SPEC, Party, Reply, World, acceptance, agreement, proffer
from vrmproto import envelope, records, timing

LATER = 30 * 60


def turn_to(w: World, epoch: int) -> None:
    """Set the clock to the start of a second; it runs on from there."""
    w.clock.offset = epoch + 0.02 - time.time()


def checkpoint_of(document: dict[str, Any]) -> dict[str, Any]:
    return envelope.peek(document["checkpoint"])[1]


def alternative(
    clock: Any, offer: str, name: str = "SD-BASE-A", *, seconds: int = 7200, **more: Any
) -> dict[str, Any]:
    """The body of an alternative to the proffer ``offer``."""
    return {
        "alternative_to": offer,
        "agreement": agreement(name),
        "lang": "en",
        "place": "NL",
        "answer_by": timing.text(int(clock()) + seconds),
        **more,
    }


@dataclass
class Deal:
    """A thread: ``first`` proffers, ``second`` answers; ``mids`` are the messages that were taken."""

    w: World
    first: Party
    second: Party
    mids: list[str] = field(default_factory=list)
    record: str = ""

    @property
    def thid(self) -> str:
        return self.mids[0]

    @property
    def head(self) -> str:
        return self.mids[-1]

    def other(self, sender: Party) -> Party:
        return self.second if sender is self.first else self.first

    def note(self, reply: Reply) -> Reply:
        """A reply that is to be a 202: the thread has gone on."""
        assert reply.status == 202, reply.document
        assert reply.document["seq"] == len(self.mids) + 1
        self.mids.append(reply.document["mid"])
        return reply

    async def say(self, sender: Party, type_: str, body: dict[str, Any], **more: Any) -> Reply:
        """Send into the thread; by default with the head as ``prev``. Nothing is asserted."""
        claims = {"thid": self.thid, "prev": self.head, **more}
        return await sender.send(type_, body, self.other(sender).id, **claims)

    async def proffer(self, preferred: str = "SD-BASE-DP", *acceptable: str, **more: Any) -> Reply:
        body = proffer(self.w.clock, preferred, *acceptable, **more)
        reply = self.note(await self.first.send("terms.proffer", body, self.second.id))
        assert reply.state == "proffered"
        return reply

    async def accept(self, name: str = "SD-BASE-DP") -> Reply:
        """The acceptance of what is on offer, by whose turn it is."""
        sender = self.second if len(self.mids) == 1 else self.first
        reply = self.note(await self.say(sender, "terms.accept", acceptance(self.head, name)))
        assert reply.state == "agreed"
        self.record = reply.document["mid"]
        return reply

    async def counter(self, name: str = "SD-BASE-A", **more: Any) -> Reply:
        body = alternative(self.w.clock, self.thid, name, **more)
        reply = self.note(await self.say(self.second, "terms.alternative", body))
        assert reply.state == "countered"
        return reply

    async def end(self, sender: Party, type_: str, **body: Any) -> Reply:
        return self.note(await self.say(sender, type_, body))

    # --- what the home says of it ---

    async def checkpoint(self, reader: Party) -> dict[str, Any]:
        reply = await reader.read(f"/v1/threads/{self.thid}")
        assert reply.status == 200, reply.document
        return checkpoint_of(reply.document)

    async def listed(self, reader: Party) -> dict[str, Any]:
        reply = await reader.read("/v1/threads?limit=200")
        assert reply.status == 200, reply.document
        return next(t for t in reply.document["threads"] if t["thid"] == self.thid)

    async def check(self, state: str) -> dict[str, Any] | None:
        """The state is told alike in checkpoint, list and record, to both parties; returns the record."""
        bodies = []
        for reader in (self.first, self.second):
            told = await self.checkpoint(reader)
            assert (told["state"], told["seq"], told["mid"]) == (state, len(self.mids), self.head)
            assert (told["aud"], told["checkpoint"]) == (reader.id, True)
            listed = await self.listed(reader)
            assert (listed["state"], listed["seq"], listed["kind"]) == (state, len(self.mids), "terms")
            reply = await reader.read(f"/v1/records/{self.record or self.head}")
            assert reply.status == (200 if self.record else 404), reply.document
            if self.record:
                bodies.append((reader, reply))
        if not bodies:
            return None
        for reader, reply in bodies:
            self.check_record(reply, state)
            assert checkpoint_of(reply.document)["aud"] == reader.id
        mine, theirs = (reply for _, reply in bodies)
        assert records.matches(mine.body, theirs.body)
        assert without_checkpoint(mine.document) == without_checkpoint(theirs.document)
        return mine.document

    def check_record(self, reply: Reply, state: str) -> None:
        """It verifies by itself and with the home's keys, and names what it is to name."""
        assert SPEC.faults("documents/record.json", reply.document) == []
        known = [k.public for k in self.w.home.signing]
        for home_keys in (None, known):
            report = records.verify_record(SPEC, reply.body, home_keys)
            assert report.ok, [c for c in report.checks if not c.ok]
        assert (reply.document["id"], reply.document["state"]) == (self.record, state)
        assert checkpoint_of(reply.document)["state"] == state


def without_checkpoint(document: dict[str, Any]) -> dict[str, Any]:
    """A record without what differs between two readers of it."""
    return {k: v for k, v in document.items() if k != "checkpoint"}


async def meet(w: World, *, domain: bool = True) -> Deal:
    """A person and a second party that the home knows: an organisation, or a did:jwk."""
    first = w.person()
    await first.announce()
    if domain:
        return Deal(w, first, await w.organisation())
    second = w.person("ES256")
    await second.announce()
    return Deal(w, first, second)
