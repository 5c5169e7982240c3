"""Generated messages: valid ones have to be taken, and for every schema target a near miss refused."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable
from typing import Any

from conformance import contexts, generate, nearmiss
from conformance.contexts import Ready
from conformance.lab import Lab, Said, told
from conformance.results import Failed, Inconclusive, Outcome, Verdict
from conformance.session import Session
from vrmproto.spec import Spec

__all__ = ["near_misses", "schema_targets", "valid_messages"]

BODY = "VRM-ENV-035"
_OF_CLAIMS = {"required": "claim-missing", "additionalProperties": "claim-unknown"}


def _types(session: Session, profiles: tuple[str, ...]) -> list[str]:
    spec = session.target.spec
    named = session.target.discovery.get("types", ())
    return [t.name for t in spec.types.values() if t.profile in profiles and t.name in named]


def schema_targets(spec: Spec) -> dict[str, str]:
    """Every target of every message type: its id, to the type."""
    return {
        target.id: name for name in spec.types for target in nearmiss.targets(spec, f"messages/{name}.json")
    }


async def near_misses(
    session: Session,
    profiles: tuple[str, ...],
    seen: set[str],
    limit: asyncio.Semaphore,
    stopped: Callable[[], str],
    share: int = 1,
    types: frozenset[str] = frozenset(),
) -> list[Outcome]:
    """Accept the parent, refuse the child: for each target of each type. ``seen`` gets the targets.

    Of ``share`` targets one is tried.
    """
    found = await asyncio.gather(
        *(
            _parent(session, name, number, body, seen, limit, stopped, share)
            for name in _types(session, profiles)
            if not types or name in types
            for number, body in enumerate(nearmiss.parents(session.target.spec, f"messages/{name}.json"))
        )
    )
    return [one for some in found for one in some]


async def _parent(
    session: Session,
    name: str,
    number: int,
    body: Any,
    seen: set[str],
    limit: asyncio.Semaphore,
    stopped: Callable[[], str],
    share: int,
) -> list[Outcome]:
    check = f"near misses of {name}"
    async with limit:
        if reason := stopped():
            return [Outcome(BODY, check, Verdict.INCONCLUSIVE, reason=reason)]
        lab = Lab(session, check)
        try:
            there = await contexts.ready(lab, name, random.Random(f"{name} {number}"))
            parent = there.means(body)
            outcomes = await _children(lab, there, name, parent, seen, share)
            said = await there.send(parent)
        except Inconclusive as error:
            return [Outcome(BODY, check, Verdict.INCONCLUSIVE, reason=error.reason)]
        except Failed as failed:
            return [_failed(lab, failed.requirement, check, failed.expected, failed.got)]
        if said.answer.status != 202:
            got = f"{told(said.answer)} for a valid body"
            return [*outcomes, _failed(lab, BODY, check, "202", got)]
        return [*outcomes, Outcome(BODY, check, Verdict.PASS)]


def _failed(lab: Lab, requirement: str, check: str, expected: str, got: str) -> Outcome:
    talked = tuple(lab.talk.exchanges[-1:])
    return Outcome(requirement, check, Verdict.FAIL, expected, got, conversation=talked)


async def _children(
    lab: Lab, there: Ready, name: str, parent: Any, seen: set[str], share: int
) -> list[Outcome]:
    spec = lab.spec
    outcomes = []
    for target, child in nearmiss.near_misses(spec, f"messages/{name}.json", parent):
        faults = spec.faults(f"messages/{name}.json", child)
        if not faults or zlib.crc32(target.id.encode()) % share:
            continue
        seen.add(target.id)
        said = await there.send(child)
        lab.target.count("near_misses")
        right = _wanted(lab, child, said)
        if said.answer.code not in right:
            got = f"{told(said.answer)} for a body that breaks {target.id}"
            outcomes.append(_failed(lab, BODY, f"near misses of {name}", " or ".join(right), got))
            if said.answer.status == 202:
                break  # the situation is not what it was
        elif said.answer.code == "body-invalid":
            document = said.answer.document
            listed = {fault.get("pointer") for fault in document.get("errors", ()) if isinstance(fault, dict)}
            if not listed & {fault["pointer"] for fault in faults}:
                got = f"errors at {sorted(map(str, listed))} for a body that breaks {target.id}"
                wanted = f"errors that list {faults[0]['pointer'] or 'the body'}"
                outcomes.append(_failed(lab, BODY, f"near misses of {name}", wanted, got))
        lab.talk.exchanges.clear()
    return outcomes


def _wanted(lab: Lab, child: Any, said: Said) -> list[str]:
    """The code for a body that is not valid; an earlier check answers for no object, or one too long."""
    if not isinstance(child, dict):
        return ["claim-invalid", "claim-missing"]
    if _beyond(child):
        return ["json-invalid"]
    return ["too-large"] if len(said.token) > lab.target.limit("token", 65536) else ["body-invalid"]


def _beyond(value: Any) -> bool:
    """Whether there is an integer in it that JSON of this protocol cannot hold."""
    if isinstance(value, dict):
        return any(map(_beyond, value.values()))
    if isinstance(value, list):
        return any(map(_beyond, value))
    return isinstance(value, int) and abs(value) > 2**53 - 1


async def valid_messages(
    session: Session,
    profiles: tuple[str, ...],
    seed: int,
    count: int,
    limit: asyncio.Semaphore,
    stopped: Callable[[], str],
) -> list[Outcome]:
    """Valid messages of every type, from its schema: all have to be taken. Opening ones are the most."""
    names = _types(session, profiles)
    opening = [name for name in names if name in session.target.spec.opens and name != "offer.make"]
    rest = [name for name in names if name not in opening]
    each = max(1, count // (4 * len(rest))) if rest else 0
    wanted = dict.fromkeys(rest, each)
    wanted |= {name: max(1, (count - each * len(rest)) // len(opening)) for name in opening}
    labs = {name: Lab(session, f"generated {name}", seed) for name in names}
    work = [
        _valid(labs[name], name, f"{seed} {name} {n}", limit, stopped)
        for n in range(max(wanted.values(), default=0))
        for name in names
        if n < wanted[name]
    ]
    return [one for one in await asyncio.gather(*work) if one is not None]


async def _valid(
    lab: Lab, name: str, seed: str, limit: asyncio.Semaphore, stopped: Callable[[], str]
) -> Outcome | None:
    check = f"generated {name}"
    async with limit:
        if stopped():
            return None
        rng = random.Random(seed)
        own = Lab(lab.session, check)
        own.listener = lab.listener
        try:
            there = await contexts.ready(own, name, rng)
            lab.listener = own.listener
            body = there.means(generate.draw(lab.spec, f"messages/{name}.json", rng, 20_000))
            said = await there.send(body)
        except Inconclusive as error:
            return Outcome(BODY, check, Verdict.INCONCLUSIVE, reason=error.reason)
        except Failed as failed:
            return _failed(own, failed.requirement, check, failed.expected, failed.got)
        lab.target.count("generated")
        if own.listener is not None:
            await lab.session.emptied(own.listener.key, own.listener.id)
        if said.answer.status != 202:
            return _failed(own, BODY, check, "202", f"{told(said.answer)} for a valid body")
        return Outcome(BODY, check, Verdict.PASS)
