"""A person's intents: published under a key of their own, changed, and ended.

Source: spec/protocol/intents.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, overload

from vrmproto.agents.person import Person, Terms
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.wire import Signer
from vrmproto.model import Thread

__all__ = ["Publishing"]

_RULES = ("offers", "per_vendor", "accepts", "currencies", "unverified")
_PARTS = ("need", "where", "when", "budget", "until")

_TELLING = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|(?:\+|\b00)[\d ()/.-]{8,}\d")
"""An e-mail address, or a telephone number as one dials it from abroad."""


class Publishing(Person):
    """Publishes intents and keeps them up to date."""

    async def publish(
        self,
        need: Mapping[str, Any],
        *,
        terms: Terms = "PDC-INTENT",
        acceptable: Sequence[Terms] = (),
        board: str | None = None,
        lang: str = "en",
        place: str = "ZZ",
        where: Mapping[str, Any] | str | None = None,
        when: Mapping[str, Any] | None = None,
        budget: Mapping[str, Any] | None = None,
        offers: int = 20,
        per_vendor: int = 2,
        accepts: int = 1,
        currencies: Sequence[str] = (),
        unverified: bool = False,
        disclose: Sequence[Mapping[str, str]] = (),
        purge_within: str = "P7D",
        until: str | int = "P30D",
        identifying: bool = False,
        check: bool = True,
    ) -> Sent:
        """Say on a board what she wants; ``thid`` of what comes back is the intent.

        Signed with a key that is used for nothing else (VRM-INT-004). A board is public and what stands there
        can be kept by anyone: AgentError where the text holds an address or a number that leads to her,
        unless she wants that (``identifying``, VRM-INT-005). ``where`` is a region or an area, ``budget``
        ``{max}`` or the money itself, ``until`` a duration, seconds or a time.
        """
        roster = self.spec.roster
        named: dict[str, Any] = {"roster": {"id": roster.id, "version": roster.version}}
        named["preferred"] = self.held(terms).reference
        if acceptable:
            named["acceptable"] = [self.held(one).reference for one in acceptable]
        rules: dict[str, Any] = {"offers": offers, "per_vendor": per_vendor, "accepts": accepts}
        if currencies:
            rules["currencies"] = list(currencies)
        rules["unverified"] = unverified
        said = {"need": dict(need), "where": _area(where), "when": when, "budget": _budget(budget)}
        body: dict[str, Any] = {
            "version": 1,
            "terms": named,
            "lang": lang,
            "place": place,
            **{name: value for name, value in said.items() if value is not None},
            "offer_rules": rules,
            "disclose": [dict(field) for field in disclose],
            "purge_within": purge_within,
            "until": self._by(until),
        }
        self._check_public(body, identifying)
        url = (await self.board(board))["url"]
        return await self.send("intent.publish", body, to=url, signer=self._spend(), check=check)

    async def put_blob(
        self,
        data: bytes,
        media_type: str = "application/octet-stream",
        *,
        thid: str | None = None,
        signer: Signer | None = None,
    ) -> dict[str, Any]:
        """Put a file at the home: for the next intent that is published, or for the thread ``thid``."""
        if thid is not None:
            signer = self._signer_in(self.view(thid).thread)
        return await super().put_blob(data, media_type, signer=signer)

    async def amend(
        self, thid: str, *, identifying: bool = False, check: bool = True, **changes: Any
    ) -> Sent:
        """Change what she wants: what is not named stays as it is, None takes it away.

        The changes are ``need``, ``where``, ``when``, ``budget``, ``until`` and the rules ``offers``,
        ``per_vendor``, ``accepts``, ``currencies`` and ``unverified``.
        """
        if unknown := changes.keys() - {*_RULES, *_PARTS}:
            raise AgentError(f"an amendment does not change {', '.join(sorted(unknown))}")
        thread = self._intent(thid)
        rules = {**thread.facts["rules"], **{n: changes[n] for n in _RULES if n in changes}}
        if not rules.get("currencies"):
            rules.pop("currencies", None)
        present = self.present_body(thid)
        parts = {**{n: present.get(n) for n in _PARTS}, **{n: changes[n] for n in _PARTS if n in changes}}
        parts |= {"where": _area(parts["where"]), "budget": _budget(parts["budget"])}
        parts["until"] = self._by(parts["until"])
        body = {"version": thread.facts["version"] + 1, "offer_rules": rules}
        body |= {name: value for name, value in parts.items() if value is not None}
        self._check_public({name: body.get(name) for name in changes}, identifying)
        return await self.send("intent.amend", body, thid=thid, check=check)

    def present_body(self, thid: str) -> Mapping[str, Any]:
        """The body of the version in force."""
        present = self._intent(thid).facts.get("present", thid)
        return next(m.body for m in self.view(thid).messages if m.mid == present)

    async def pause(self, thid: str, *, check: bool = True) -> Sent:
        """Hear no new offers for the time being."""
        return await self._say(thid, "intent.pause", {}, check)

    @overload
    async def resume(self) -> list[Sent]: ...

    @overload
    async def resume(self, thid: str, *, check: bool = True) -> Sent: ...

    async def resume(self, thid: str = "", *, check: bool = True) -> Sent | list[Sent]:
        """Hear offers again; without an intent: send again what never got an answer (VRM-AGT-011)."""
        if not thid:
            return await super().resume()
        return await self._say(thid, "intent.resume", {}, check)

    async def withdraw_intent(self, thid: str, *, check: bool = True) -> Sent:
        """Take an intent back."""
        return await self._say(thid, "intent.withdraw", {}, check)

    @overload
    async def close(self) -> None: ...

    @overload
    async def close(self, thid: str, outcome: Outcome = "fulfilled", *, check: bool = True) -> Sent: ...

    async def close(
        self, thid: str = "", outcome: Outcome = "fulfilled", *, check: bool = True
    ) -> Sent | None:
        """Close an intent with its outcome; without an intent: release the connections of the agent."""
        if not thid:
            await super().close()
            return None
        return await self._say(thid, "intent.close", {"outcome": outcome}, check)

    async def _say(self, thid: str, message_type: str, body: Mapping[str, Any], check: bool) -> Sent:
        self._intent(thid)
        return await self.send(message_type, body, thid=thid, check=check)

    def _intent(self, thid: str) -> Thread:
        thread = self.view(thid).thread
        if not thread.board or not self.owns(thread.first):
            raise AgentError(f"{thid} is no intent of hers")
        return thread

    def intents(self) -> list[str]:
        """Her intents, by thid, in the order in which they were published."""
        held = [copy.thread for copy in self.ledger.copies.values()]
        return [t.thid for t in held if t is not None and t.board and self.owns(t.first)]

    def _check_public(self, said: Mapping[str, Any], identifying: bool) -> None:
        found = next((text for text in _texts(said) if _TELLING.search(text)), None)
        if found is not None and not identifying:
            detail = "a board is public, and anyone may keep what stands there"
            raise AgentError(f"{detail}: '{found}' leads to her; say identifying=True if she wants that")


Outcome = Literal["fulfilled", "elsewhere", "abandoned"]


def _area(where: Mapping[str, Any] | str | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {"region": where} if isinstance(where, str) else dict(where)


def _budget(budget: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if budget is None:
        return None
    return dict(budget) if "max" in budget else {"max": dict(budget)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
