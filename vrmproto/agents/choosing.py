"""A person and the offers that she got: compared, asked about, accepted, and followed to their end.

Source: spec/protocol/offers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto import envelope, keys, timing
from vrmproto.agents.agent import ThreadView
from vrmproto.agents.intents import Publishing
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey

__all__ = ["Choosing", "Offer"]

_OFFERS = ("offer.make", "offer.revise")


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer as the own, verified copies have it.

    ``mid`` is the offer as it stands, ``stale`` says that it answers an earlier version of the intent, and
    ``messages`` is what the two have asked and said. Where ``domain_verified`` is False it has to be said
    that nothing shows whose domain the vendor is (VRM-OFR-016); ``key_verified`` says that its key was seen
    at its origin and not retired since, or stands in its identifier.
    """

    thid: str
    intent: str
    vendor: str
    mid: str
    version: int
    stale: bool
    state: str
    items: tuple[Mapping[str, Any], ...]
    total: Mapping[str, str]
    conditions: tuple[Mapping[str, Any], ...]
    valid_until: int
    messages: tuple[Message, ...]
    domain_verified: bool
    key_verified: bool
    told: bool = False
    """The state rests on the home's word."""


class Choosing(Publishing):
    """Reads offers and answers them."""

    # --- reading --------------------------------------------------------------------------------

    def offers(self, thid: str) -> list[Offer]:
        """All offers of an intent in the order in which they came."""
        self._intent(thid)
        return [self.offer(copy.thid) for copy in self.ledger.below(thid)]

    def offer(self, thid: str) -> Offer:
        """One offer, by its thread."""
        view, standing = self._offer(thid)
        thread, body = view.thread, standing.body
        intent = self.view(thread.parent or "").thread
        version = thread.facts["version"]
        return Offer(
            thid=thid,
            intent=thread.parent or "",
            vendor=thread.second,
            mid=standing.mid,
            version=version,
            stale=version < intent.facts["version"],
            state=view.state,
            items=tuple(body["items"]),
            total=body["total"],
            conditions=tuple(body.get("conditions", ())),
            valid_until=timing.seconds(body["valid_until"]),
            messages=tuple(m for m in view.messages if m.type == "offer.message"),
            domain_verified=not thread.second.startswith(keys.DID) and self._is_seen(standing),
            key_verified=self._is_seen(standing),
            told=view.told,
        )

    def _is_seen(self, message: Message) -> bool:
        if message.iss.startswith(keys.DID):
            return True
        seen = self.book.load_seen("keys", message.iss)
        listed = self.book.seen_with("keys", message.iss, message.key.kid)
        return listed is not None and seen is not None and message.key.kid not in seen.revoked

    def _offer(self, thid: str) -> tuple[ThreadView, Message]:
        """The thread of an offer to her, and the message in it that is the offer as it stands."""
        view = self.view(thid)
        thread = view.thread
        if thread.kind != "offer" or not self.owns(thread.first):
            raise AgentError(f"{thid} is no offer to her")
        made = [m for m in view.messages if m.type in _OFFERS]
        return view, made[-1]

    # --- answering ------------------------------------------------------------------------------

    async def accept_offer(
        self, offer_thid: str, confirm_by: str | int = "P2D", *, check: bool = True
    ) -> Sent:
        """Take the offer as it stands, once the vendor's key is verified at its origin (VRM-OFR-015)."""
        _, standing = self._offer(offer_thid)
        await self._verify_vendor(standing)
        body = {"takes": standing.mid, "confirm_by": self._by(confirm_by)}
        return await self.send("offer.accept", body, thid=offer_thid, check=check)

    async def _verify_vendor(self, message: Message) -> None:
        if message.iss.startswith(keys.DID):
            return
        try:
            key = await self._published(message)
            opening = envelope.parse(self.spec, message.token.encode(), home=self.home, dev=self.dev)
            envelope.check_signature(opening, key)
        except ProtocolError as error:
            raise AgentError(f"{message.iss} does not vouch for this offer ({error})") from None

    async def _published(self, message: Message) -> PublicKey:
        kid = message.key.kid
        return (await self.keys.key_set(message.iss, kid)).find(kid)

    async def decline_offer(self, offer_thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Say no to an offer."""
        return await self._to_vendor(offer_thid, "offer.decline", {"reason": reason}, check)

    async def cancel_offer(self, offer_thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Step back from an offer that was accepted."""
        return await self._to_vendor(offer_thid, "offer.cancel", {"reason": reason}, check)

    async def say(self, thid: str, text: str, answers: str | None = None, *, check: bool = True) -> Sent:
        """Ask the vendor something, or answer its message ``answers``."""
        return await self._to_vendor(thid, "offer.message", {"text": text, "answers": answers}, check)

    async def _to_vendor(self, thid: str, message_type: str, body: Mapping[str, Any], check: bool) -> Sent:
        self._offer(thid)
        said = {name: value for name, value in body.items() if value}
        return await self.send(message_type, said, thid=thid, check=check)

    # --- after the acceptance -------------------------------------------------------------------

    async def release(
        self, offer_thid: str, purpose: str | None = None, *, check: bool = True, **fields: str
    ) -> Sent:
        """Disclose fields that the intent listed, to the vendor whose offer was accepted (VRM-OFR-017).

        Without a ``purpose`` it is the first one for which the intent lists all of them.
        """
        view, _ = self._offer(offer_thid)
        if view.state not in ("accepted", "confirmed"):
            raise AgentError(f"the offer is {view.state}: nothing is disclosed before it is accepted")
        listed = view.thread.facts.get("disclose", ())
        purposes = dict.fromkeys([purpose] if purpose else [d["purpose"] for d in listed])
        fitting = [p for p in purposes if fields.keys() <= {d["field"] for d in listed if d["purpose"] == p}]
        if not fields or not fitting:
            raise AgentError(f"the intent does not list {', '.join(fields) or 'nothing'} for one purpose")
        body = {
            "about": {"purpose": fitting[0], "fields": list(fields)},
            "content": {"clear": dict(fields)},
        }
        return await self.send("disclosure.release", body, thid=offer_thid, check=check)

    async def introduce(self, offer_thid: str, *, check: bool = True) -> Sent:
        """Go on under the key that she has with this vendor, in this thread (VRM-OFR-020)."""
        view, _ = self._offer(offer_thid)
        thread = view.thread
        new = self.signer_for(thread.second)
        if thread.first == new.iss:
            raise AgentError("the vendor knows this key of hers already")
        proof = {
            "iss": new.iss,
            "sub": thread.first,
            "aud": thread.second,
            "home": self.home,
            "thid": offer_thid,
            "iat": self.now(),
        }
        body = {"id": new.iss, "proof": envelope.seal(new.key, proof, envelope.PROOF)}
        return await self.send("agent.introduce", body, thid=offer_thid, check=check)
