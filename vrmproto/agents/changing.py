"""One change, told to everybody who holds what has changed.

Each step is on disk before it is sent, with the very bytes: so that whoever interrupts it and starts again
tells nobody twice. Between two messages passes a time drawn at random, so that those who get them cannot tell
by their times that they are of one person. Source: spec/protocol/corrections.md, data.md.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from vrmproto import envelope, patching
from vrmproto.agents.chain import ChainError
from vrmproto.agents.sender import AgentError, Refused
from vrmproto.agents.sharing import Correction, Held, Sharing
from vrmproto.agents.wire import Signer, WireError
from vrmproto.errors import ProtocolError

__all__ = ["Change", "Changing", "Outcome"]

_SHOP = "changes"

APART = (60.0, 3600.0)
"""Between how many and how many seconds are to lie between two messages."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change at one organisation.

    ``result`` is ``applied``, ``refused`` (with ``reasons`` by path), ``waiting`` for an answer,
    ``no answer`` in time, ``withdrawn``; ``shared`` where there was nothing to correct; ``right`` where it
    held that already; ``unreachable`` where its home did not answer, ``failed`` where the home refused;
    ``not told``, and ``planned`` where it is still to be told. ``detail`` says why. ``ended``: the
    relationship has ended.
    """

    vendor: str
    home: str
    fields: tuple[str, ...]
    result: str
    how: str
    """``correction``, ``share`` or ''."""
    thid: str
    reasons: Mapping[str, str]
    detail: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A change; ``done`` says that everybody who could be told was told."""

    id: str
    fields: Mapping[str, str]
    begun: int
    outcomes: tuple[Outcome, ...]

    @property
    def done(self) -> bool:
        """Nobody is left to be told."""
        return not any(one.result in ("planned", "unreachable") for one in self.outcomes)


class Changing(Sharing):
    """A person tells all organisations at once that something about her has changed."""

    async def change_everywhere(
        self,
        fields: Mapping[str, str],
        *,
        categories: Sequence[str] = (),
        reason: str = "",
        answer_in: str | int = "P1M",
        apart: tuple[float, float] = APART,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> Change:
        """Tell all who hold one of the fields what it is now, at every home that this folder knows.

        They are told by a correction of the last message with the field, or by sharing it where there is
        nothing to correct. A change of the same fields to the same values that was interrupted goes on where
        it was, and those whose home was out of reach are tried again. ``apart`` is the span of seconds from
        which the time between any two messages is drawn.
        """
        if not fields:
            raise AgentError("name what has changed")
        chance = rng or random.SystemRandom()
        async with AsyncExitStack() as stack:
            agents = await self._at_all_homes(stack)
            begun = self._begun(fields)
            if begun is None:
                for agent in agents.values():
                    await agent._hear()
                steps = [step for home, agent in agents.items() for step in agent._steps(home, fields)]
                chance.shuffle(steps)
                begun = {
                    "id": secrets.token_hex(8),
                    "fields": dict(fields),
                    "begun": self.now(),
                    "categories": list(categories),
                    "reason": reason,
                    "answer_in": answer_in,
                    "next_at": 0.0,
                    "steps": steps,
                }
                if steps:
                    self.book.save(_SHOP, begun["id"], begun)
            for step in begun["steps"]:
                if _is_sent(agents[step["home"]], step):
                    step["settled"] = True
                elif step["how"] and not step.get("failed"):
                    await self._wait(begun, sleep)
                    await agents[step["home"]]._tell(begun, step)
                    begun["next_at"] = self.clock() + chance.uniform(*apart)
                    self.book.save(_SHOP, begun["id"], begun)
            if begun["steps"]:
                self.book.save(_SHOP, begun["id"], begun)
            return self._change(begun, agents)

    async def changes(self, *, hear: bool = True) -> list[Change]:
        """All changes with what became of them; with ``hear`` each home is asked for answers first."""
        async with AsyncExitStack() as stack:
            agents = await self._at_all_homes(stack)
            for agent in agents.values() if hear else ():
                await agent._hear()
            kept = (self.book.load(_SHOP, name) for name in self.book.names(_SHOP))
            return [self._change(one, agents) for one in sorted(kept, key=lambda one: int(one["begun"]))]

    # --- the plan -------------------------------------------------------------------------------

    async def _at_all_homes(self, stack: AsyncExitStack) -> dict[str, Changing]:
        """This agent, and one for each other home that the folder knows."""
        agents: dict[str, Changing] = {self.home: self}
        for home in self.book.homes():
            if home not in agents:
                other = type(self)(
                    self.book, self.spec, home, dev=self.dev, clock=self.clock, spread=self.spread
                )
                stack.push_async_callback(other.close)
                agents[home] = other
        return agents

    async def _hear(self) -> None:
        """What has arrived; nothing where the home does not answer, or not as it has to."""
        try:
            await self.poll()
        except (WireError, ChainError):
            return

    def _begun(self, fields: Mapping[str, str]) -> dict[str, Any] | None:
        """A change to the same values that somebody is still to be told of."""
        for name in self.book.names(_SHOP):
            kept = self.book.load(_SHOP, name)
            if kept["fields"] == dict(fields) and any(
                step["how"] and not step.get("settled") for step in kept["steps"]
            ):
                return kept
        return None

    def _steps(self, home: str, fields: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """What is to be told, one message each: by a correction, by sharing, or not at all and why."""
        by_vendor: dict[str, list[Held]] = {}
        for one in self.what_they_have():
            by_vendor.setdefault(one.vendor, []).append(one)
        for vendor, held in by_vendor.items():
            last: dict[str, dict[str, str]] = {}
            found: dict[str, Held] = {}
            for one in sorted(held, key=lambda one: one.since):
                for name in fields.keys() & set(one.fields):
                    found[name] = one
            for name, one in found.items():
                last.setdefault(one.mid, {})[name] = fields[name]
            for mid, told in last.items():
                one = next(one for one in held if one.mid == mid)
                yield from self._step(home, vendor, one, told)

    def _step(self, home: str, vendor: str, one: Held, told: dict[str, str]) -> Iterator[dict[str, Any]]:
        step: dict[str, Any] = {"home": home, "vendor": vendor, "fields": told, "bond": one.relationship}
        step |= {"data": one.thid, "of": one.mid, "how": "", "detail": "", "token": "", "thid": ""}
        values = one.values
        if one.erased:
            yield {**step, "detail": "it has attested that it has erased what it held"}
        elif one.fields and not values and not one.corrections:
            live = not one.ended and self.stands(one.relationship).agreements
            detail = "" if live else "there is nothing to correct, and no agreement is in force"
            yield {**step, "how": "share" if live else "", "detail": detail}
        elif all(values.get(name) == value for name, value in told.items()):
            yield {**step, "result": "right"}
        elif (asked := self._asked_already(one, told)) is not None:
            yield {**step, "how": "correction", "thid": asked.thid, "settled": True}
        else:
            yield {**step, "how": "correction"}

    def _asked_already(self, one: Held, told: Mapping[str, str]) -> Correction | None:
        """A correction to the same values that has no answer yet."""
        fields = self._message(one.thid, one.mid).body["content"]["clear"]
        for correction in reversed(one.corrections):
            made = patching.applied(correction.patch, fields) if correction.open else None
            if made is not None and all(made.get(name) == value for name, value in told.items()):
                return correction
        return None

    # --- telling --------------------------------------------------------------------------------

    async def _wait(self, begun: Mapping[str, Any], sleep: Callable[[float], Awaitable[None]]) -> None:
        left = float(begun["next_at"]) - self.clock()
        if left > 0:
            await sleep(left)

    async def _tell(self, begun: dict[str, Any], step: dict[str, Any]) -> None:
        """Send one message, the same bytes as before if it was begun; what became of it is kept."""
        step["detail"] = ""
        try:
            if not step["token"]:
                step["token"] = self._sealed(begun, step)
                step["thid"] = envelope.mid_of(step["token"])
                self.book.save(_SHOP, begun["id"], begun)
            await self.sender.send(step["token"], check=True)
            step["settled"] = True
        except WireError as error:
            step["detail"] = str(error)
        except Refused as error:
            if error.code == "expired":  # the home never took it, or it would have given its receipt
                step |= {"token": "", "thid": ""}
                self.book.save(_SHOP, begun["id"], begun)
                await self._tell(begun, step)
            elif error.retryable:
                step["detail"] = str(error)
            else:
                step |= {"detail": str(error), "failed": True, "settled": True}
        except (AgentError, ChainError, ProtocolError) as error:
            step |= {"detail": str(error), "failed": True, "settled": True}

    def _sealed(self, begun: Mapping[str, Any], step: Mapping[str, Any]) -> str:
        """The message that tells it."""
        signer: Signer = self._signer_in(self.view(step["data"]).thread)
        if step["how"] == "share":
            one = next(o for o in self.held_in(step["data"]) if o.mid == step["of"])
            categories = begun["categories"] or one.categories
            about = {"purpose": one.purpose, "fields": list(step["fields"]), "categories": list(categories)}
            body: dict[str, Any] = {"about": about, "content": {"clear": step["fields"]}}
            agr = self._agreed_for(step["bond"], one.purpose).record
            return self.seal(
                "data.share", body, to=step["vendor"], signer=signer, pthid=step["bond"], agr=agr
            )
        to, body = self._correcting(
            step["data"], step["fields"], step["of"], begun["reason"], begun["answer_in"]
        )
        return self.seal("correction.submit", body, to=to, signer=signer, pthid=step["data"])

    # --- what became of it ----------------------------------------------------------------------

    def _change(self, begun: Mapping[str, Any], agents: Mapping[str, Changing]) -> Change:
        outcomes = tuple(agents[step["home"]]._outcome(step) for step in begun["steps"])
        return Change(begun["id"], begun["fields"], begun["begun"], outcomes)

    def _outcome(self, step: Mapping[str, Any]) -> Outcome:
        bond = self.view(step["bond"])
        marks = self.spec.kinds[bond.thread.kind].states[bond.state]
        reasons: Mapping[str, str] = {}
        result = step.get("result", "")
        held = self.ledger.copy(step["thid"]) if step["thid"] else None
        if held is not None and step["how"] == "correction":
            one = self.correction(step["thid"])
            words = {"submitted": "waiting", "overdue": "no answer"}
            result, reasons = words.get(one.state, one.state), one.reasons
        elif held is not None:
            result = "shared"
        elif not step["how"]:
            result = result or "not told"
        elif step.get("failed"):
            result = "failed"
        else:
            result = "unreachable" if step["detail"] else "planned"
        return Outcome(
            vendor=step["vendor"],
            home=step["home"],
            fields=tuple(step["fields"]),
            result=result,
            how=step["how"],
            thid=step["thid"],
            reasons=reasons,
            detail=step["detail"],
            ended=marks.over or marks.end,
        )


def _is_sent(agent: Changing, step: Mapping[str, Any]) -> bool:
    """Whether the message is in the own copies: then it was taken, whatever was noted of it."""
    return bool(step["thid"]) and agent.ledger.copy(step["thid"]) is not None
