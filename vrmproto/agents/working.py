"""A vendor that works by itself: it watches, offers by its rules, answers, confirms, and purges in time.

What there is to do follows from the own copies, not from what has just happened: so a process that was
killed goes on where it was, and does nothing twice. Source: spec/protocol/offers.md, boards.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from vrmproto import envelope
from vrmproto.agents.agent import ThreadView
from vrmproto.agents.chain import ChainError
from vrmproto.agents.feeds import Intent
from vrmproto.agents.purging import Purging
from vrmproto.agents.rules import Filters, OfferRule, Priced, ProgramError, priced
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.watch import wait_for_any
from vrmproto.agents.wire import WireError
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError

__all__ = ["Working"]

_log = logging.getLogger("vrmproto.agents")

_STALE = ("state-conflict", "deadline-passed", "prev-stale", "offer-stale", "intent-stale")
"""Codes that say that the own copies are behind."""
_TURN = 20.0
"""The longest that one turn waits for the next."""
_PAUSE = 1.0


class Working(Purging):
    """Does by rules what a vendor does."""

    def offer_rules(self) -> Sequence[OfferRule]:
        """The rules, the first that fits an intent counting."""
        return ()

    async def answer_terms(self) -> list[Sent]:
        """Answer the proffers that stand in the own copies and have no answer yet."""
        return []

    async def answer_persons(self) -> list[Sent]:
        """Do what ended consents and corrections ask for."""
        return []

    async def work(self, until: float | None = None, *, told: Callable[[Sent], None] | None = None) -> None:
        """Work until a time of the agent's clock, or for ever: cancel it at any moment.

        ``told`` is called with every message that was sent. While the home does not answer, or not as it has
        to, it is asked again.
        """
        pause = _PAUSE
        while until is None or self.clock() < until:
            try:
                sent = await self.work_once()
                pause = _PAUSE
            except (WireError, ChainError) as error:
                _log.warning("the home does not answer, or not as it has to: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 60.0)
                continue
            for one in sent:
                if told is not None:
                    told(one)
            if not sent:
                await self._rest(_TURN if until is None else min(_TURN, until - self.clock()))

    async def work_once(self) -> list[Sent]:
        """One turn: everything that there is to do now; what was sent."""
        sent = await self.resume()
        await self.poll()
        for filters in self._boards():
            async for change in self.watch(wait=0, **filters):
                sent += await self._on_change(change)
        sent += await self.answer_terms()
        sent += await self.answer_persons()
        for view in self.own_offers():
            sent += await self._on_offer(view)
        await self.look()
        return sent + await self.purge_due()

    def _boards(self) -> list[Filters]:
        """What is looked for on the board: the filters of the rules, each once."""
        chosen = {str(rule.filters): rule.filters for rule in self.offer_rules()}
        return list(chosen.values())

    async def _rest(self, most: float) -> None:
        """Wait until something has come, at an inbox or a board, or it is time for the next purge."""
        due = [purge.at - self.now() for purge in self.due_purges()[:1]]
        ends = [self._feed(name).next_end() - self.now() for name in self._feed_names()]
        length = max(0.05, min([most, *due, *ends]))
        waits: list[Awaitable[Any]] = [wait_for_any(self.wire, self.signers(), length)]
        waits += [self.await_board(length, **filters) for filters in self._boards()]
        tasks = [asyncio.ensure_future(one) for one in waits]
        try:
            done, _ = await asyncio.wait(tasks, timeout=length, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if isinstance(task.exception(), WireError):  # the next turn meets it again
                    await asyncio.sleep(min(length, _PAUSE))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _feed_names(self) -> Iterator[str]:
        yield from self.book.feeds()

    # --- intents --------------------------------------------------------------------------------

    async def _on_change(self, change: Intent) -> list[Sent]:
        """An offer on an intent that there is none for yet."""
        if change.event not in ("open", "changed") or self._has_offered(change.thid) or not change.need:
            return []
        rule = self._rule(change)
        if rule is None:
            return []
        wanted = await self._priced(rule, change)
        if wanted is None:
            return []
        try:
            made = await self.offer(
                change,
                wanted.items,
                wanted.total,
                conditions=wanted.conditions,
                valid_until=rule.valid_in,
                check=False,
            )
        except (AgentError, ProtocolError, ChainError) as error:
            _log.info("no offer on %s: %s", change.thid, error)
            return []
        return [made]

    def _rule(self, intent: Intent) -> OfferRule | None:
        return next((rule for rule in self.offer_rules() if rule.fits(intent)), None)

    def _has_offered(self, intent: str) -> bool:
        """Whether an offer was ever made on it, or is on its way."""
        waiting = (envelope.peek(token)[1].get("pthid") for _, token in self.book.outbox())
        return bool(self.ledger.below(intent)) or intent in waiting

    async def _priced(self, rule: OfferRule, intent: Intent, *, revised: bool = False) -> Priced | None:
        try:
            return await priced(rule, intent, revised=revised)
        except ProgramError as error:
            _log.warning("the program %s gives no price for %s: %s", rule.command[0], intent.thid, error)
            return None

    # --- offers ---------------------------------------------------------------------------------

    async def _on_offer(self, view: ThreadView) -> list[Sent]:
        """What is to be done in the thread of an own offer now."""
        if view.state not in ("offered", "accepted", "confirmed"):
            return []
        intent = self._intent_above(view)
        rule = self._rule(intent) if intent is not None else None
        if rule is None or intent is None:
            return []
        sent = [await self._reply(view, message, text) for message, text in _questions(self, rule, view)]
        if view.state == "accepted" and rule.confirm:
            sent.append(await self.confirm(view.thid, check=False))
        elif view.state == "offered":
            sent += await self._renew(view, intent, rule)
        for one in sent:
            if one.problem is not None and one.problem.get("code") in _STALE:
                await self.thread(view.thid)
                await self.thread(intent.thid)
        return sent

    async def _reply(self, view: ThreadView, message: Message, text: str) -> Sent:
        return await self.say(view.thid, text, answers=message.mid, check=False)

    async def _renew(self, view: ThreadView, intent: Intent, rule: OfferRule) -> list[Sent]:
        """The offer anew: for another version of the intent, or at the price after the first question."""
        revised = any(m.type == "offer.revise" for m in view.messages)
        asked = any(m.type == "offer.message" and not self.owns(m.iss) for m in view.messages)
        lowers = bool(rule.revise_to) and asked
        behind = view.thread.facts["version"] < intent.version and intent.event == "open"
        if not behind and (revised or not lowers):
            return []
        wanted = await self._priced(rule, intent, revised=lowers)
        if wanted is None:
            return []
        made = await self.revise(
            view.thid,
            wanted.items,
            wanted.total,
            conditions=wanted.conditions,
            valid_until=rule.valid_in,
            check=False,
        )
        return [made]

    def _intent_above(self, view: ThreadView) -> Intent | None:
        """The intent of an offer, from the own copy; None where that was purged."""
        above = self.view(view.thread.parent or "")
        first = above.messages[0]
        present = above.thread.facts.get("present", first.mid)
        body = next((m.body for m in above.messages if m.mid == present and m.token), None)
        if body is None:
            return None
        return Intent(
            thid=above.thid,
            event="open" if above.state == "open" else "ended",
            code="" if above.state == "open" else above.state,
            position=0,
            feed="",
            version=above.thread.facts["version"],
            customer=first.iss,
            lang=first.body["lang"],
            until=above.deadline or 0,
            body=first.body,
            need=body["need"],
            where=body.get("where"),
            when=body.get("when"),
            budget=body.get("budget"),
            rules=body["offer_rules"],
        )


def _questions(agent: Working, rule: OfferRule, view: ThreadView) -> list[tuple[Message, str]]:
    """The person's messages that have no answer, each with the one that the rule has for it."""
    said = [m for m in view.messages if m.type == "offer.message"]
    answered = {m.body.get("answers") for m in said if agent.owns(m.iss)}
    asked = [m for m in said if not agent.owns(m.iss) and m.mid not in answered]
    return [(m, text) for m in asked if (text := rule.answer(m.body["text"]))]
