"""A vendor's offers: made on intents, revised, confirmed, delivered.

Source: spec/protocol/offers.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto.agents.agent import ThreadView
from vrmproto.agents.feeds import Intent
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.watching import Watching
from vrmproto.envelope import Message
from vrmproto.model import Thread

__all__ = ["Selling"]

_OFFERS = ("offer.make", "offer.revise")


class Selling(Watching):
    """Makes offers and follows them."""

    def speaks(self) -> dict[str, str]:
        """``lang`` and ``place`` of this vendor."""
        return {"lang": "en", "place": "ZZ"}

    async def offer(
        self,
        intent: Intent | str,
        items: Sequence[Mapping[str, Any]],
        total: Mapping[str, str],
        *,
        conditions: Sequence[Mapping[str, str]] = (),
        valid_until: str | int = "P7D",
        agreement: str | Mapping[str, str] | None = None,
        media: Sequence[Mapping[str, Any]] = (),
        check: bool = True,
    ) -> Sent:
        """Accept the terms of an intent and make an offer; ``thid`` of what comes back is the offer.

        ``agreement`` is one of those that the intent names, by default the first whose text is held.
        AgentError if there is none, or if what was held of the intent has been purged.
        """
        thread = await self._wanted(intent)
        body: dict[str, Any] = {
            "accepts": thread.thid,
            "version": intent.version if isinstance(intent, Intent) else thread.facts["version"],
            "agreement": self._agreed(thread, agreement),
            **self.speaks(),
            **_said(items, total, conditions, media),
            "valid_until": self._by(valid_until),
        }
        return await self.send("offer.make", body, to=thread.first, pthid=thread.thid, check=check)

    async def _wanted(self, intent: Intent | str) -> Thread:
        """The thread of an intent, from an own copy that is as new as what it is known by."""
        if isinstance(intent, Intent):
            thread = await self.hold_intent(intent)
        else:
            if self.ledger.copy(intent) is None:
                await self.inbox.pull(self._reader(), intent)
            thread = self.view(intent).thread
        copy = self._copy(thread.thid)
        if not thread.board or copy.erased is not None:
            raise AgentError(f"{thread.thid} is no intent, or was purged")
        return thread

    def _agreed(self, thread: Thread, wanted: str | Mapping[str, str] | None) -> Mapping[str, str]:
        """The agreement that is accepted: of the own roster, and named by the intent."""
        listed = [thread.facts["preferred"], *(thread.facts.get("acceptable") or ())]
        for reference in listed:
            named = wanted is None or wanted in (reference["id"], reference)
            held = self.spec.roster.find(reference)
            if named and held is not None and held.reference == reference:
                return dict(reference)
        raise AgentError(f"the intent names no agreement that fits {wanted or 'the roster held here'}")

    async def revise(
        self,
        offer_thid: str,
        items: Sequence[Mapping[str, Any]] | None = None,
        total: Mapping[str, str] | None = None,
        *,
        conditions: Sequence[Mapping[str, str]] | None = None,
        valid_until: str | int = "P7D",
        media: Sequence[Mapping[str, Any]] | None = None,
        check: bool = True,
    ) -> Sent:
        """Put another offer in the place of the one that stands; what is not named stays."""
        view, standing = self._own_offer(offer_thid)
        intent = self.view(view.thread.parent or "").thread
        now = standing.body
        body = {
            "version": intent.facts["version"],
            **_said(
                now["items"] if items is None else items,
                now["total"] if total is None else total,
                now.get("conditions", ()) if conditions is None else conditions,
                now.get("media", ()) if media is None else media,
            ),
            "valid_until": self._by(valid_until),
        }
        return await self.send("offer.revise", body, thid=offer_thid, check=check)

    async def withdraw_offer(self, offer_thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Take an offer back before it is accepted."""
        return await self._to_person(offer_thid, "offer.withdraw", {"reason": reason}, check)

    async def say(self, thid: str, text: str, answers: str | None = None, *, check: bool = True) -> Sent:
        """Answer the person's message ``answers``, or ask her something."""
        return await self._to_person(thid, "offer.message", {"text": text, "answers": answers}, check)

    async def confirm(self, offer_thid: str, reference: str = "", *, check: bool = True) -> Sent:
        """Be bound by an offer that was accepted."""
        view, _ = self._own_offer(offer_thid)
        body = {"takes": view.thread.facts["offer"], "reference": reference}
        return await self._to_person(offer_thid, "offer.confirm", body, check)

    async def cancel_offer(self, offer_thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Step back from an offer that was accepted."""
        return await self._to_person(offer_thid, "offer.cancel", {"reason": reason}, check)

    async def fulfil(self, offer_thid: str, reference: str = "", *, check: bool = True) -> Sent:
        """Say that what was ordered is delivered."""
        return await self._to_person(offer_thid, "order.fulfil", {"reference": reference}, check)

    async def _to_person(self, thid: str, message_type: str, body: Mapping[str, Any], check: bool) -> Sent:
        self._own_offer(thid)
        said = {name: value for name, value in body.items() if value}
        return await self.send(message_type, said, thid=thid, check=check)

    # --- reading --------------------------------------------------------------------------------

    def own_offers(self) -> list[ThreadView]:
        """All own offers, by the own copies alone."""
        held = [copy.thread for copy in self.ledger.copies.values()]
        return [self.view(t.thid) for t in held if t is not None and self._is_own_offer(t)]

    def _is_own_offer(self, thread: Thread) -> bool:
        return thread.kind == "offer" and self.owns(thread.second)

    def _own_offer(self, thid: str) -> tuple[ThreadView, Message]:
        """The thread of an own offer, and the message in it that is the offer as it stands."""
        view = self.view(thid)
        if not self._is_own_offer(view.thread):
            raise AgentError(f"{thid} is no offer of this vendor")
        return view, [m for m in view.messages if m.type in _OFFERS and m.token][-1]


def _said(
    items: Sequence[Mapping[str, Any]],
    total: Mapping[str, str],
    conditions: Sequence[Mapping[str, str]],
    media: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    body: dict[str, Any] = {"items": [dict(item) for item in items], "total": dict(total)}
    if conditions:
        body["conditions"] = [dict(condition) for condition in conditions]
    if media:
        body["media"] = [dict(reference) for reference in media]
    return body
