"""Makes a recorded walk that fails as short and as plain as it can be: delta debugging over live replays."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.player import Deviation, Player, Vague, replay
from conformance.results import Failed, Inconclusive
from conformance.session import Session
from conformance.traces import Missing, Step, Token, Trace
from vrmproto.spec import Spec

__all__ = ["length", "minimise", "without"]

TAKEN = (201, 202, 204)
PLAIN = {"answer_by": 7, "until": 10, "valid_until": 5, "confirm_by": 1}
"""Days to a deadline that is not what a conversation is about."""
_LABEL = re.compile(r"\$\{mid:([^}]*)\}")
_PREV = re.compile(r'"prev":"\$\{mid:([^}]*)\}"')
_THID = re.compile(r'"thid":"\$\{mid:([^}]*)\}"')
_BARE = re.compile(r"(?<=:)(\$\{epoch:[^}]*\})")
_QUOTED = re.compile(r'"(\$\{epoch:[+-]\d+\})"')


def length(trace: Trace) -> int:
    """How many steps somebody takes in it; waiting is none."""
    return len([step for step in trace.steps if step.op != "wait"])


def _payload(step: Step) -> str:
    return step.token.payload if step.token is not None else ""


def _thread(step: Step) -> str:
    """The label of the message that opened the thread of a step; ''."""
    if step.op in ("state", "remove"):
        return step.of
    if step.op != "send" or step.of:
        return ""
    found = _THID.search(_payload(step))
    return found[1] if found else step.label


def without(trace: Trace, drop: Iterable[int]) -> Trace:
    """A trace without some of its steps, and without those that make no sense then.

    What referred to a message that is gone refers to the one before it in its thread.
    """
    gone: dict[str, str] = {}
    dropped, steps = set(drop), []
    for place, step in enumerate(trace.steps):
        before = _PREV.search(_payload(step))
        if place in dropped:
            if step.op == "send":
                gone[step.label] = _kept(before[1], gone) if before else ""
            continue
        if step.op == "inbox":
            left = [label for label in step.of.split(",") if label and label not in gone]
            steps.append(replace(step, of=",".join(left)))
            continue
        if step.op in ("state", "remove", "send") and step.of in gone:
            if step.op == "send":
                gone[step.label] = ""
            continue
        needed = {_kept(label, gone) for label in _LABEL.findall(_whole(step.token))}
        if "" in needed:
            gone[step.label] = ""
            continue
        steps.append(replace(step, token=_relinked(step.token, gone)))
    return replace(trace, steps=tuple(steps))


def _kept(label: str, gone: Mapping[str, str]) -> str:
    while label in gone:
        label = gone[label]
    return label


def _whole(token: Token | None) -> str:
    return token.payload + "".join(map(_whole, token.inner)) if token is not None else ""


def _relinked(token: Token | None, gone: Mapping[str, str]) -> Token | None:
    if token is None:
        return None
    payload = _LABEL.sub(lambda found: f"${{mid:{_kept(found[1], gone)}}}", token.payload)
    inner = tuple(t for t in (_relinked(one, gone) for one in token.inner) if t is not None)
    return replace(token, payload=payload, inner=inner)


# --- values ---------------------------------------------------------------------------------------


def plainer(spec: Spec, step: Step, *, dates: bool) -> Step:
    """The same message without what its type does not ask for, and with deadlines far ahead."""
    if step.op != "send" or step.token is None or step.of or not step.token.payload:
        return step
    try:
        claims = json.loads(_BARE.sub(r'"\1"', step.token.payload))
    except ValueError:
        return step
    schema = spec.types[claims["type"]].schema if claims.get("type") in spec.types else {}
    body: dict[str, Any] = claims["body"]
    for name in [
        n for n in body if n not in schema.get("required", ()) and n in schema.get("properties", {})
    ]:
        if name not in ("proof", "nkt", "purge_within"):
            del body[name]
    for inside in ("need", "terms"):
        if isinstance(body.get(inside), dict):
            for name in ("media", "acceptable"):
                body[inside].pop(name, None)
    if dates:
        body |= {n: f"${{time:{days * 86400:+d}}}" for n, days in PLAIN.items() if n in body}
    text = _QUOTED.sub(r"\1", json.dumps(claims, separators=(",", ":"), ensure_ascii=False))
    return replace(step, token=replace(step.token, payload=text))


# --- the search -----------------------------------------------------------------------------------


class _Search:
    def __init__(self, session: Session, requests: int, seconds: float) -> None:
        self.session, self.left = session, requests
        self.until = time.monotonic() + seconds
        self.gate = asyncio.Semaphore(16)
        self.goal: Deviation | None = None
        self.longest = 0.0
        """Seconds that a replay has taken."""

    async def told(self, trace: Trace) -> Trace | None:
        """The trace as far as it has come, if it still fails in the same way."""
        began = time.monotonic()
        self.left -= len(trace.steps) + 2
        try:
            deviation, player = await replay(self.session, trace, self.gate)
        except (Vague, Missing, Inconclusive, Failed, LookupError, TypeError, ValueError, AttributeError):
            return None
        finally:
            self.longest = max(self.longest, time.monotonic() - began)
        if deviation is None or (self.goal is not None and not self.goal.like(deviation)):
            return None
        self.goal = self.goal or deviation
        return _cut(trace, player)

    def may(self, *traces: Trace) -> bool:
        """Whether there is time, and are requests, for these at once."""
        needed = sum(len(trace.steps) + 2 for trace in traces)
        return self.left >= needed and time.monotonic() + self.longest < self.until

    async def all(self, traces: Sequence[Trace]) -> list[Trace | None]:
        """Several replays side by side, as many as there are requests for."""
        chosen: list[Trace] = []
        for trace in traces:
            if self.may(*chosen, trace):
                chosen.append(trace)
        found = await asyncio.gather(*map(self.told, chosen))
        return [*found, *[None] * (len(traces) - len(chosen))]


def _cut(trace: Trace, player: Player) -> Trace:
    parties = {name: party for name, party in trace.parties.items() if name in player.bindings.ids}
    requirement = player.deviation.requirement if player.deviation else trace.requirement
    return replace(trace, steps=tuple(player.steps), parties=parties, requirement=requirement)


async def minimise(
    session: Session, trace: Trace, *, budget_requests: int = 300, seconds: float = 10
) -> Trace:
    """The shortest conversation that was found whose last answer is still wrong in the same way.

    What each answer is to be is asked of the model anew. A trace that fails no more comes back as it was.
    """
    search = _Search(session, budget_requests, seconds)
    best = await search.told(trace) or await search.told(trace)
    if best is None:
        return trace
    best = await _coarse(search, best)
    while True:
        shorter = await _round(search, best)
        if shorter is None:
            break
        best = shorter
    return await _plain(search, best)


async def _coarse(search: _Search, best: Trace) -> Trace:
    """Drop all that has changed nothing, and threads that have nothing to do with the last one."""
    waits = {n for n, step in enumerate(best.steps) if step.op == "wait"}
    if waits:
        best = await _first(search, [without(best, waits)]) or best
    last = len(best.steps) - 1
    noise = {n for n, step in enumerate(best.steps[:last]) if step.expect.get("status") not in TAKEN}
    noise -= {n for n, step in enumerate(best.steps) if step.op == "wait"}
    if noise:
        best = await _first(search, [without(best, noise)]) or best
    threads = dict.fromkeys(_thread(step) for step in best.steps if _thread(step))
    end = best.steps[-1]
    kin = {_thread(end), *_LABEL.findall(_whole(end.token))}
    kin |= {
        thread
        for thread in threads
        for s in best.steps
        if s.label == thread and kin & {*_LABEL.findall(_payload(s))}
    }
    tries = []
    others = [thread for thread in threads if thread not in kin]
    for some in (others, *[[one] for one in others]):
        drop = {n for n, step in enumerate(best.steps[:-1]) if _thread(step) in some}
        if drop:
            tries.append(without(best, drop))
    return await _shortest(search, best, tries)


async def _first(search: _Search, traces: Sequence[Trace]) -> Trace | None:
    found = [trace for trace in await search.all(traces) if trace is not None]
    return min(found, key=lambda one: (length(one), len(one.steps)), default=None)


async def _shortest(search: _Search, best: Trace, tries: Sequence[Trace]) -> Trace:
    found = await _first(search, tries) if tries else None
    return found if found is not None and len(found.steps) < len(best.steps) else best


async def _round(search: _Search, best: Trace) -> Trace | None:
    """One step less, or all that are each superfluous; None where nothing is."""
    last = len(best.steps) - 1
    tries: dict[int, Trace] = {n: without(best, {n}) for n in reversed(range(last))}
    end = best.steps[-1]
    tries = {
        n: t
        for n, t in tries.items()
        if t.steps and (t.steps[-1].op, t.steps[-1].label) == (end.op, end.label)
    }
    if last > 8:
        half = {n for n in range(last) if n >= last // 2}
        halves = [without(best, half), without(best, {*range(last)} - half)]
        shorter = await _first(search, [h for h in halves if h.steps])
        if shorter is not None and len(shorter.steps) < len(best.steps):
            return shorter
    found = await search.all(list(tries.values()))
    singles = {n: one for n, one in zip(tries, found, strict=True) if one is not None}
    if not singles:
        return None
    together = [set(list(singles)[: len(singles) // part]) for part in (1, 2) if len(singles) // part > 1]
    more = await _first(search, [without(best, some) for some in together])
    single = min(singles.values(), key=lambda one: len(one.steps))
    return more if more is not None and len(more.steps) < len(single.steps) else single


async def _plain(search: _Search, best: Trace) -> Trace:
    """Values as plain as they can be: everywhere, or where they may."""
    spec = search.session.target.spec
    waits = any(step.op == "wait" for step in best.steps)
    for dates in (False,) if waits else (True, False):
        steps = [plainer(spec, step, dates=dates) for step in best.steps]
        if tuple(steps) == best.steps:
            continue
        whole = replace(best, steps=tuple(steps))
        found = await _first(search, [whole])
        if found is None:
            ones = []
            for n, step in enumerate(steps):
                if step != best.steps[n]:
                    ones.append(replace(best, steps=(*best.steps[:n], step, *best.steps[n + 1 :])))
            found = await _first(search, ones)
        if found is not None and length(found) <= length(best):
            return found
    return best
