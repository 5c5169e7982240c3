"""Feedback: a person tells an organisation something, and it says what becomes of it.

Source: spec/protocol/feedback.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto.agents.agent import Agent
from vrmproto.agents.person import Person
from vrmproto.agents.sender import Sent

__all__ = ["Hearing", "Telling"]


class Telling(Person):
    """Tells organisations what is wrong with what they make, what could be, what is good."""

    async def feedback(
        self,
        vendor: str,
        text: str,
        kind: str = "problem",
        *,
        lang: str = "en",
        categories: Sequence[Mapping[str, Any]] = (),
        subject: str = "",
        licence: str = "",
        may_publish: bool = False,
        known: bool = False,
        check: bool = True,
    ) -> Sent:
        """Tell an organisation a ``problem``, an ``idea``, ``praise`` or a ``usage``.

        Under a key that is used for nothing else, unless she wants to be ``known``: then under the one that
        the organisation knows (VRM-FBK-008). Without a ``licence`` (SPDX) the organisation may read and
        answer, and nothing else. Raises what :meth:`reads_here` raises.
        """
        await self.reads_here(vendor)
        body: dict[str, Any] = {"kind": kind, "text": text, "lang": lang}
        if categories:
            body["categories"] = [dict(one) for one in categories]
        body |= {name: value for name, value in (("subject", subject), ("licence", licence)) if value}
        body["may_publish"] = may_publish
        signer = self.signer_for(vendor) if known else self._single()
        return await self.send("feedback.submit", body, to=vendor, signer=signer, check=check)

    async def retract(self, thid: str, *, check: bool = True) -> Sent:
        """Take feedback back, whatever has become of it."""
        return await self.send("feedback.retract", {}, thid=thid, check=check)


class Hearing(Agent):
    """Answers feedback."""

    async def acknowledge(self, thid: str, reference: str = "", *, check: bool = True) -> Sent:
        """Say that somebody has read it; ``reference`` is the own number."""
        body = {"reference": reference} if reference else {}
        return await self.send("feedback.acknowledge", body, thid=thid, check=check)

    async def outcome(
        self, thid: str, outcome: str, text: str = "", *, reference: str = "", check: bool = True
    ) -> Sent:
        """Say what has become of it: ``considered``, ``planned``, ``shipped``, ``solved``, ``declined``.

        A later outcome takes the place of an earlier one (VRM-FBK-002).
        """
        body = {"outcome": outcome}
        body |= {name: value for name, value in (("text", text), ("reference", reference)) if value}
        return await self.send("feedback.outcome", body, thid=thid, check=check)
