"""Dialogues: what the two write to each other below a relationship.

Source: spec/protocol/dialogues.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto.agents.agent import Agent
from vrmproto.agents.allowing import Allowing, named
from vrmproto.agents.choosing import Choosing
from vrmproto.agents.relating import Relating
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.envelope import Message

__all__ = ["CARE", "Dialogue", "Talking", "Writing"]

CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
"""The purpose of what is written, unless another one is named."""

KIND = "dialogue"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue with what was written in it, as the own, verified copies have it."""

    thid: str
    relationship: str
    person: str
    vendor: str
    state: str
    since: int
    messages: tuple[Message, ...]

    @property
    def muted(self) -> bool:
        """The organisation may not write."""
        return self.state == "muted"


class _Dialogues(Agent):
    """What both sides do."""

    def dialogue(self, thid: str) -> Dialogue:
        """One dialogue, by its thread; AgentError where it is none."""
        view = self.view(thid)
        thread = view.thread
        if thread.kind != KIND:
            raise AgentError(f"{thid} is no dialogue")
        return Dialogue(
            thid=thid,
            relationship=thread.parent or "",
            person=thread.first,
            vendor=thread.second,
            state=view.state,
            since=thread.opened,
            messages=tuple(m for m in view.messages if m.type == "dialogue.message" and m.token),
        )

    def _all_dialogues(self) -> list[Dialogue]:
        held = [copy.thread for copy in self.ledger.copies.values()]
        return [self.dialogue(t.thid) for t in held if t is not None and t.kind == KIND]

    async def close_dialogue(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Close a dialogue for good."""
        self.dialogue(thid)
        body = {"reason": reason} if reason else {}
        return await self.send("dialogue.close", body, thid=thid, check=check)

    def _words(self, text: str, purpose: str, answers: str | None, subject: str = "") -> dict[str, Any]:
        fields = {"subject": subject, "text": text} if subject else {"text": text}
        about = {"purpose": named(self.spec, purpose or CARE), "fields": list(fields)}
        body: dict[str, Any] = {"about": about, "content": {"clear": fields}}
        return {**body, "answers": answers} if answers else body


class Talking(_Dialogues, Relating, Choosing):
    """A person's side: what she writes is free."""

    def dialogues(self, vendor: str = "") -> list[Dialogue]:
        """Her dialogues, with all organisations or one, closed ones too."""
        found = self._all_dialogues()
        return [one for one in found if self.owns(one.person) and vendor in ("", one.vendor)]

    async def talk(
        self, bond: str, text: str, *, subject: str = "", purpose: str = CARE, check: bool = True
    ) -> Sent:
        """Begin a dialogue below a relationship. AgentError where no agreement is in force."""
        standing = self.stands(bond)
        if standing.over or not standing.agreements:
            raise AgentError(f"no agreement with {standing.vendor} is in force in this relationship")
        body = self._words(text, purpose, None, subject)
        signer = self._signer_in(self.view(bond).thread)
        agr = standing.agreements[-1].record
        return await self.send(
            "dialogue.message", body, to=standing.vendor, signer=signer, pthid=bond, agr=agr, check=check
        )

    async def say(
        self, thid: str, text: str, answers: str | None = None, *, purpose: str = "", check: bool = True
    ) -> Sent:
        """Write in a dialogue, or about an offer; ``answers`` is the message that this answers."""
        if self.view(thid).thread.kind != KIND:
            return await super().say(thid, text, answers, check=check)
        body = self._words(text, purpose or _purpose(self.dialogue(thid)), answers)
        return await self.send("dialogue.message", body, thid=thid, check=check)

    async def mute(self, thid: str, *, check: bool = True) -> Sent:
        """Hear nothing more of a dialogue for the time being."""
        self.dialogue(thid)
        return await self.send("dialogue.mute", {}, thid=thid, check=check)

    async def unmute(self, thid: str, *, check: bool = True) -> Sent:
        """Let the organisation write again."""
        self.dialogue(thid)
        return await self.send("dialogue.unmute", {}, thid=thid, check=check)


class Writing(_Dialogues, Allowing):
    """An organisation's side: it writes what agreement, consents, rung and preferences allow."""

    def dialogues(self, person: str = "") -> list[Dialogue]:
        """Its dialogues, with all persons or one, closed ones too."""
        present = self.ledger.present(person, self.signer_for("").iss)
        found = [one for one in self._all_dialogues() if self.owns(one.vendor)]
        return [one for one in found if not person or one.person == present]

    async def talk(
        self, bond: str, text: str, *, subject: str = "", purpose: str = CARE, check: bool = True
    ) -> Sent:
        """Begin a dialogue below a relationship; AgentError with the reason where that is not allowed."""
        body = self._words(text, purpose, None, subject)
        return await self._begin(bond, "dialogue.message", body, check=check)

    async def say(
        self, thid: str, text: str, answers: str | None = None, *, purpose: str = "", check: bool = True
    ) -> Sent:
        """Write in a dialogue, or about an offer; AgentError with the reason where that is not allowed."""
        if self.view(thid).thread.kind != KIND:
            return await super().say(thid, text, answers, check=check)
        one = self.dialogue(thid)
        if one.muted:
            raise AgentError("role-forbidden: she has muted the dialogue")
        body: Mapping[str, Any] = self._words(text, purpose or _purpose(one), answers)
        agreed = self.ground(one.relationship, "dialogue.message", body, thid)
        return await self.send("dialogue.message", body, thid=thid, agr=agreed.record, check=check)


def _purpose(one: Dialogue) -> str:
    """What a dialogue is for: the purpose of what was written last."""
    purposes = [str(m.body["about"]["purpose"]) for m in one.messages]
    return purposes[-1] if purposes else CARE
