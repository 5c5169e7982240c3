"""One failure again, freshly signed; and the same conversations with two homes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from conformance import lift, walks
from conformance.lab import CHECKS, run_check
from conformance.results import Failed, Inconclusive, Outcome, Verdict
from conformance.session import ANY_PORT, Address, Origins, Session
from conformance.target import open_target
from conformance.traces import Missing, from_json
from vrmproto.spec import Spec

_TRIES = 3

__all__ = ["Difference", "ReplayError", "diff", "read", "replay"]


class ReplayError(ValueError):
    """A replay file that is none; the text names file and place."""


def read(path: Path) -> dict[str, Any]:
    """A replay file as the report wrote it."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ReplayError(f"{path}:{line}: is no JSON ({error})") from None
    if not isinstance(document, dict):
        raise ReplayError(f"{path}:1: is to be an object")
    again = document.get("replay", document)
    if not isinstance(again, dict) or not ({"check", "steps"} & again.keys()):
        raise ReplayError(f"{path}:1: names neither a check nor the steps of a conversation")
    return {**document, "replay": again}


async def replay(
    document: Mapping[str, Any],
    url: str,
    spec: Spec,
    path: str = "",
    origin: str = "",
    listen: Address = ANY_PORT,
) -> list[Outcome]:
    """Say it again; Unreachable, ReplayError."""
    again = document["replay"]
    async with aiohttp.ClientSession() as http:
        target = await open_target(url, spec, http)
        session = Session(target, await Origins.wanted(target, origin, listen))
        try:
            if "steps" in again:
                try:
                    trace = from_json(again)
                except (KeyError, TypeError, ValueError) as error:
                    raise ReplayError(f"{path}:1: a step is not as a trace has it ({error})") from None
                if trace.name.partition(" ")[0] in ("walk", "story"):
                    _, player = await walks.replay(session, trace)
                    found = player.outcome()
                    return [found] if found else [Outcome(trace.requirement, trace.name, Verdict.PASS)]
                return await session.tell(trace)
            name = str(again["check"])
            if name not in CHECKS:
                raise ReplayError(f"{path}:1: this suite has no check {name}")
            return await run_check(session, CHECKS[name], int(again.get("seed", 0)))
        finally:
            if session.origins is not None:
                await session.origins.close()


@dataclass(frozen=True)
class Difference:
    """A message that two homes answered differently: a finding for those who write the spec."""

    conversation: str
    requirement: str
    message: int
    one: str
    other: str


async def diff(one: str, other: str, spec: Spec) -> tuple[int, list[Difference]]:
    """The same conversations to two homes: how many, and every first difference; Unreachable."""
    found: list[Difference] = []
    lanes = asyncio.Semaphore(16)
    async with aiohttp.ClientSession() as http:
        sessions = []
        for url in (one, other):
            target = await open_target(url, spec, http)
            sessions.append(Session(target, await Origins.wanted(target)))
        profiles = set(sessions[0].target.claimed) & set(sessions[1].target.claimed)
        traces = [t for t in lift.lifted(spec) if t.profile in profiles]

        async def compare(trace: Any) -> None:
            one: Difference | None = None
            for _ in range(_TRIES):  # a second may have passed between the two
                async with lanes:
                    one = _first(trace, *[await _heard(session, trace) for session in sessions])
                if one is None:
                    return
            if one is not None:
                found.append(one)

        try:
            await asyncio.gather(*map(compare, traces))
        finally:
            for session in sessions:
                if session.origins is not None:
                    await session.origins.close()
    return len(traces), sorted(found, key=lambda d: (d.requirement, d.conversation))


async def _heard(session: Session, trace: Any) -> list[str]:
    try:
        return await session.heard(trace)
    except (Failed, Inconclusive, Missing) as error:
        return [str(error)]


def _first(trace: Any, heard: list[str], other: list[str]) -> Difference | None:
    """The first message that was answered differently."""
    for place, (one, two) in enumerate(zip(heard, other, strict=False), 1):
        if one != two:
            return Difference(trace.name, trace.requirement, place, one, two)
    return None
