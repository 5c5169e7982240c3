"""The acts of a person and of a vendor in their dealings: intents, offers, and what comes after.

A vendor watches the board by itself from its start on and notes what it sees in ``DIR/seen.ndjson``: so a
reader can tell whether anything was lost or came twice when the process was killed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vrmproto import strictjson, timing
from vrmproto.agents import AgentError, CustomerAgent, Intent, OfferRule, VendorAgent, WireError
from vrmproto.agents.rules import Priced, priced
from vrmproto.demo.acts import PATIENCE, Act, Actor, Outcome, Question

__all__ = ["Buyer", "Seller"]

CALLS = {"amend", "pause", "resume", "close", "say", "accept_offer", "decline_offer", "release", "introduce"}
CALLS |= {"withdraw_offer", "confirm", "fulfil", "purge"}
CALLS |= {"relate", "invite", "step", "retreat", "prefer", "end", "attest"}
CALLS |= {"ask_consent", "grant", "withdraw_consent", "propagate", "talk"}
CALLS |= {"ask_data", "share", "correct", "apply_correction", "feedback", "acknowledge", "outcome"}
"""What the two agents do, by the names of their methods."""
UNCHECKED = {"purge", "attest"}
"""Those that never raise for a refusal, and so cannot be told not to."""


class Dealer(Actor):
    """What both do."""

    def acts(self) -> dict[str, Act]:
        """What it can do, by the name in ``do``."""
        return {**super().acts(), "call": self.call, "raw": self.raw}

    async def call(self, order: Mapping[str, Any]) -> Outcome:
        """What the agent can do by itself: the method ``call`` with ``args``, in the thread ``thid``.

        What opens a thread is called with the thread above it, or with the organisation ``to``.
        """
        name, thid = order["call"], order.get("thid", "")
        if name not in CALLS:
            raise AgentError(f"the demo does not call {name}")
        await self._await_all(order)
        options = dict(order.get("args", {}))
        if name not in UNCHECKED:
            options["check"] = False
        method = getattr(self.agent, name)
        if not thid:
            return self._accepted_or_refused(await method(order["to"], **options), None, None)
        with self._untouched():
            before = await self._checkpoint(thid)
        sent = await method(thid, **options)
        after = await self._checkpoint(thid) if sent.problem else None
        return self._accepted_or_refused(sent, before if sent.problem else None, after)

    async def raw(self, order: Mapping[str, Any]) -> Outcome:
        """What the agent itself would not send: ``body`` in the thread ``thid``, to be refused.

        With ``below`` it is to open a thread below that one; ``under`` is the thread of the agreement.
        """
        thid = order["thid"]
        await self._await_all(order)
        before = await self._checkpoint(thid)
        body = {**order["body"], **self._times(order)}
        members: dict[str, Any] = {"thid": thid}
        if order.get("below"):
            thread, signer = self.agent.view(thid).thread, self._signer(thid)
            other = thread.other(thread.role(signer.iss) or "first")
            members = {"to": other, "signer": signer, "pthid": thid}
        if "under" in order:
            members["agr"] = self.agent.view(order["under"]).thread.record
        sent = await self.agent.send(order["type"], body, **members, check=False)
        after = await self._checkpoint(thid)
        return self._accepted_or_refused(sent, before, after)

    async def _await_all(self, order: Mapping[str, Any]) -> None:
        """Wait for ``seq`` messages in the thread itself, and for as many in others as ``seen`` says."""
        expected = {order.get("thid", ""): order.get("seq", 0), **order.get("seen", {})}
        for thid, seq in expected.items():
            if thid and seq:
                await self._await_messages(thid, seq)

    def _times(self, order: Mapping[str, Any]) -> dict[str, str]:
        """The members of a body that are times, given as seconds from now."""
        return {name: timing.text(self.agent.now() + s) for name, s in order.get("times", {}).items()}


class Buyer(Dealer):
    """The person."""

    agent: CustomerAgent

    def __init__(self, agent: CustomerAgent, folder: Path) -> None:
        super().__init__(agent, folder)
        self.agent = agent

    def acts(self) -> dict[str, Act]:
        """What she can do, by the name in ``do``."""
        return {**super().acts(), "publish": self.publish, "standing": self.standing}

    def questions(self) -> dict[str, Question]:
        """What she can be asked."""
        asked: dict[str, Question] = {"offers": self.offers, "identifiers": self.identifiers}
        return {**super().questions(), **asked, "ladder": self.ladder}

    async def publish(self, order: Mapping[str, Any]) -> Outcome:
        """An intent, as ``intent`` says."""
        sent = await self.agent.publish(**order["intent"], check=False)
        return self._accepted_or_refused(sent, None, None)

    async def standing(self, order: Mapping[str, Any]) -> Outcome:
        """How she stands in the relationship ``thid``: the state is signed, what was refused is not."""
        await self._await_all(order)
        document = await self.agent.relationship(order["thid"])
        files = {"checkpoint.jwt": document["checkpoint"].encode(), "home.json": self._home()}
        line: dict[str, Any] = {"status": 200, "thid": order["thid"], "state": document["state"]}
        line["refused"] = [{n: one[n] for n in ("type", "code", "purposes")} for one in document["refused"]]
        return Outcome(line, files, {"status": 200, "state": document["state"]})

    async def ladder(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The ladder of the relationship ``thid`` with its rungs from the lowest up, as she sees them."""
        await self._await_all(order)
        one = self.agent.stands(order["thid"])
        invited = one.invitation.stage if one.invitation is not None else ""
        return {
            "ladder": one.ladder.digest if one.ladder else "",
            "rungs": [
                {
                    "stage": rung.stage,
                    "reached": rung.stage in one.reached,
                    "here": rung.stage == one.rung,
                    "invited": rung.stage == invited,
                }
                for rung in (one.ladder.rungs if one.ladder else ())
            ],
        }

    async def offers(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The offers of the intent ``thid`` as she sees them, once there are ``most`` of them."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        await self.agent.poll()
        while len(self.agent.offers(order["thid"])) < order["most"]:
            if asyncio.get_running_loop().time() > deadline:
                break
            await self.agent.poll(1)
        shown = [
            {
                "vendor": offer.vendor,
                "thid": offer.thid,
                "mid": offer.mid,
                "state": offer.state,
                "amount": offer.total["amount"],
                "currency": offer.total["currency"],
                "title": offer.items[0]["title"],
                "version": offer.version,
                "domain_verified": offer.domain_verified,
                "said": [message.body["text"] for message in offer.messages],
            }
            for offer in self.agent.offers(order["thid"])
        ]
        return {"offers": shown}

    async def identifiers(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Under which identifiers she has opened or holds the threads ``thids``."""
        return {"first": [self.agent.view(thid).thread.first for thid in order["thids"]]}


class Seller(Dealer):
    """A vendor with rules, which watches the board while it does other things."""

    agent: VendorAgent

    def __init__(self, agent: VendorAgent, folder: Path, rules: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(agent, folder)
        self.agent = agent
        self.rules = [OfferRule.of(rule) for rule in rules]
        self.seen = folder / "seen.ndjson"
        self.intents: dict[str, Intent] = {}
        self._news = asyncio.Condition()

    def acts(self) -> dict[str, Act]:
        """What it can do, by the name in ``do``."""
        return {
            **super().acts(),
            "offer": self.offer,
            "offer-otherwise": self.offer_otherwise,
            "reply": self.reply,
            "revise": self.revise,
            "catch-up": self.catch_up,
        }

    def questions(self) -> dict[str, Question]:
        """What it can be asked."""
        asked: dict[str, Question] = {"seen": self.has_seen, "held": self.held, "would": self.would}
        return {**super().questions(), **asked}

    # --- watching -------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Watch for what the first rule is for, for ever; what is seen is noted at once."""
        if not self.rules:
            return
        chosen = self.rules[0].filters
        while True:
            try:
                async for intent in self.agent.watch(
                    category=chosen["category"], region=chosen["region"], lang=chosen["lang"]
                ):
                    await self._note(intent)
            except WireError:
                await asyncio.sleep(0.5)

    async def _note(self, intent: Intent) -> None:
        line = {"position": intent.position, "thid": intent.thid, "event": intent.event}
        line |= {"version": intent.version, "code": intent.code, "process": os.getpid()}
        with self.seen.open("ab") as file:
            file.write(strictjson.dumps(line) + b"\n")
        async with self._news:
            if intent.need:
                self.intents[intent.thid] = intent
            self._news.notify_all()

    def _changes(self) -> list[dict[str, Any]]:
        lines = self.seen.read_bytes().splitlines() if self.seen.exists() else []
        return [strictjson.read(line)[0] for line in lines]

    async def has_seen(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Every change of the intent ``thid`` that any process of this vendor has seen, in order."""
        await self._await_changes(order["thid"], order["most"])
        return {"seen": [line for line in self._changes() if line["thid"] == order["thid"]]}

    async def _await_changes(self, thid: str, most: int) -> None:
        async with self._news:
            enough = self._news.wait_for(
                lambda: sum(line["thid"] == thid for line in self._changes()) >= most
            )
            try:
                async with asyncio.timeout(PATIENCE):
                    await enough
            except TimeoutError:
                raise AgentError("the board does not show the change") from None

    async def _on_board(self, thid: str) -> tuple[Intent, OfferRule]:
        """An intent once it is seen on the board, with the rule that fits it."""
        await self._await_changes(thid, 1)
        intent = self.intents[thid]
        rule = next((rule for rule in self.rules if rule.fits(intent)), None)
        if rule is None:
            raise AgentError("no rule of this vendor fits the intent")
        return intent, rule

    # --- offering -------------------------------------------------------------------------------

    async def offer(self, order: Mapping[str, Any]) -> Outcome:
        """The offer that its rules make on the intent ``thid``."""
        intent, rule = await self._on_board(order["thid"])
        wanted = await self._priced(rule, intent)
        sent = await self.agent.offer(
            intent,
            wanted.items,
            wanted.total,
            conditions=wanted.conditions,
            valid_until=rule.valid_in,
            check=False,
        )
        return self._accepted_or_refused(sent, None, None)

    async def offer_otherwise(self, order: Mapping[str, Any]) -> Outcome:
        """The same under the terms ``agreement``, which the intent does not name: the agent would not."""
        intent, rule = await self._on_board(order["thid"])
        wanted = await self._priced(rule, intent)
        body = {
            "accepts": intent.thid,
            "version": intent.version,
            "agreement": self.agent.spec.roster.named(order["agreement"]).reference,
            **self.agent.speaks(),
            "items": list(wanted.items),
            "total": dict(wanted.total),
            "valid_until": timing.text(self.agent.now() + 3600),
        }
        await self.agent.hold_intent(intent)
        sent = await self.agent.send("offer.make", body, to=intent.customer, pthid=intent.thid, check=False)
        return self._accepted_or_refused(sent, None, None)

    async def _priced(self, rule: OfferRule, intent: Intent, *, revised: bool = False) -> Priced:
        wanted = await priced(rule, intent, revised=revised)
        if wanted is None:
            raise AgentError("the rule offers nothing")
        return wanted

    async def reply(self, order: Mapping[str, Any]) -> Outcome:
        """The answer that its rules have to the last question in the offer ``thid``."""
        thid = order["thid"]
        await self._await_messages(thid, order["seq"])
        view = self.agent.view(thid)
        asked = [m for m in view.messages if m.type == "offer.message" and not self.agent.owns(m.iss)][-1]
        _, rule = await self._on_board(view.thread.parent or "")
        text = rule.answer(asked.body["text"])
        if not text:
            raise AgentError("no rule of this vendor has an answer")
        sent = await self.agent.say(thid, text, answers=asked.mid, check=False)
        return self._accepted_or_refused(sent, None, None)

    async def revise(self, order: Mapping[str, Any]) -> Outcome:
        """The offer ``thid`` anew, for the present version of the intent and as its rules say."""
        thid = order["thid"]
        parent = self.agent.view(thid).thread.parent or ""
        await self._await_messages(parent, order.get("intent_seq", 1))
        intent, rule = await self._on_board(parent)
        wanted = await self._priced(rule, intent, revised=bool(rule.revise_to))
        sent = await self.agent.revise(thid, wanted.items, wanted.total, check=False)
        return self._accepted_or_refused(sent, None, None)

    async def catch_up(self, order: Mapping[str, Any]) -> Outcome:
        """Everything that the board has shown, this process and the one before together; then the intent."""
        await self._await_changes(order["thid"], order["most"])
        return await self.thread(order)

    # --- what it holds, and what it may send ----------------------------------------------------

    async def held(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """What it holds of her, by the relationship ``thid``; by field."""
        await self.agent.poll()
        return {"held": {name: one.value for name, one in self.agent.held(order["thid"]).items()}}

    async def would(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Why its agent by itself would not send ``body`` below the relationship ``thid``; '' if it would."""
        await self._await_all(order)
        try:
            self.agent.ground(order["thid"], order["type"], order["body"])
        except AgentError as error:
            return {"why": str(error)}
        return {"why": ""}
