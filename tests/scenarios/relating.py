"""Relationships at a market: terms agreed, a thread on a ladder, and what the two say there. By hand."""

from __future__ import annotations

import json
from typing import Any

from tests import forge
from tests.scenarios.deal import turn_to
from tests.scenarios.market import CARE, Market, Thread
from tests.scenarios.telling import refused
from tests.world import SPEC, Organisation, Party, Reply
from vrmproto import envelope, timing

__all__ = [
    "LADDER",
    "RUNGS",
    "agreed",
    "at",
    "attest",
    "begin",
    "begun",
    "category",
    "decline",
    "end",
    "heard",
    "invite",
    "ladder",
    "pause",
    "prefer",
    "proof",
    "put",
    "resume",
    "retreat",
    "rotate",
    "rung",
    "said",
    "step",
    "together",
]

LADDER = forge.digest((SPEC.root / "ladder.json").read_bytes())
RUNGS = ("anonymous", "returning", "subscriber", "profiled", "commenter", "contributor", "customer")
UNKNOWN = "A" * 43


def said(reply: Reply, state: str) -> Reply:
    """A reply that is to be a 202 with this state."""
    assert (reply.status, reply.state) == (202, state), reply.document
    return reply


def at(m: Market, moment: str) -> None:
    """Set the clock to a time such as 2025-03-30T05:00:00Z."""
    turn_to(m.world, timing.seconds(moment))


# --- beginning -----------------------------------------------------------------------------------------


async def agreed(
    m: Market,
    name: str = "SD-BASE",
    person: Party | None = None,
    vendor: Organisation | None = None,
    **more: Any,
) -> Thread:
    """Terms that a vendor, by default the first one, has accepted."""
    terms = await m.proffered(name, person, vendor, **more)
    said(await m.agree(terms, name), "agreed")
    return terms


async def begin(
    m: Market, terms: Thread, by: Party | None = None, *, agr: str | None = "", **body: Any
) -> tuple[Thread, Reply]:
    """Open a relationship under the agreement of a thread; by the person unless told otherwise."""
    assert terms.second is not None
    thread = Thread("relationship", terms.first, terms.second, under=terms)
    by = by or terms.first
    aud = terms.first if by is terms.second else terms.second
    claims = by.claims(
        "relationship.open", {"ladder": LADDER, **body}, aud.id, agr=terms.record if agr == "" else agr
    )
    return thread, await m.send(thread, by, by.sign(claims))


async def begun(m: Market, terms: Thread, **body: Any) -> Thread:
    thread, reply = await begin(m, terms, **body)
    said(reply, "open")
    return thread


async def together(m: Market, name: str = "SD-BASE-ATP", stage: str = "", **body: Any) -> Thread:
    """A relationship under an agreement of this name, on its rung ``stage``."""
    thread = await begun(m, await agreed(m, name), **body)
    if stage:
        said(await step(m, thread, stage), "open")
    return thread


# --- saying --------------------------------------------------------------------------------------------


def _agr(thread: Thread, under: Thread | None) -> str:
    named = under or thread.under
    assert named is not None
    return named.record


async def step(
    m: Market, thread: Thread, stage: str, under: Thread | None = None, *, ladder: str = LADDER, **claims: Any
) -> Reply:
    """She steps up, under the agreement of the relationship or another one."""
    body = {"stage": stage, "ladder": ladder}
    claims = {"agr": _agr(thread, under), **claims}
    return await m.say(thread, claims.pop("by", thread.first), "relationship.step", body, **claims)


def category(name: str) -> str:
    return f"https://w3id.org/dpv/pd#{name}"


async def invite(
    m: Market, thread: Thread, stage: str, *asks: str, under: Thread | None = None, **more: Any
) -> Reply:
    """The vendor invites her, and asks for categories of data; ``more`` is claims, and ``answer_by``."""
    body = {
        "stage": stage,
        "benefit": "More of what you like.",
        "asks": [{"category": category(name), "purpose": CARE} for name in asks],
        "answer_by": more.pop("answer_by", "") or m.time(3600),
    }
    by = more.pop("by", thread.second)
    return await m.say(thread, by, "relationship.invite", body, **{"agr": _agr(thread, under), **more})


async def decline(m: Market, thread: Thread, by: Party | None = None) -> Reply:
    return await m.say(thread, by or thread.first, "relationship.decline")


async def pause(m: Market, thread: Thread, by: Party | None = None) -> Reply:
    return await m.say(thread, by or thread.first, "relationship.pause")


async def resume(m: Market, thread: Thread, by: Party | None = None) -> Reply:
    return await m.say(thread, by or thread.first, "relationship.resume")


async def retreat(
    m: Market, thread: Thread, stage: str, by: Party | None = None, *, known: bool = True
) -> Reply:
    """She goes down; without having to know the thread as it stands."""
    claims = {} if known else {"prev": UNKNOWN}
    return await m.say(thread, by or thread.first, "relationship.retreat", {"stage": stage}, **claims)


async def prefer(m: Market, thread: Thread, by: Party | None = None, **preferences: Any) -> Reply:
    body = {"preferences": {"zone": "UTC", **preferences}}
    return await m.say(thread, by or thread.first, "relationship.prefer", body)


async def end(
    m: Market, thread: Thread, by: Party | None = None, *, known: bool = True, **body: Any
) -> Reply:
    claims = {} if known else {"prev": UNKNOWN}
    return await m.say(thread, by or thread.first, "relationship.end", body, **claims)


async def attest(m: Market, thread: Thread, by: Party | None = None, *kept: dict[str, str]) -> Reply:
    by = by or thread.second
    assert by is not None
    return await m.say(thread, by, "relationship.attest", {"erased_at": m.time(0), "kept": [*kept]})


async def heard(m: Market, thread: Thread, stage: str = "subscriber") -> str:
    """The code of an invitation at this moment, '' if it is taken; then it is shaken off again."""
    reply = await invite(m, thread, stage)
    if reply.status == 202:
        said(await pause(m, thread), "paused")
        said(await resume(m, thread), "open")
        return ""
    if reply.code == "preference-forbids":
        refused(reply, reply.code)
    return reply.code


# --- another key ---------------------------------------------------------------------------------------


def proof(m: Market, thread: Thread, new: Party, signer: Party | None = None) -> str:
    """That whoever holds the present key wants the new one in its place."""
    assert thread.second is not None
    claims = {
        "iss": thread.first.id,
        "sub": new.id,
        "aud": thread.second.id,
        "home": m.world.origin,
        "thid": thread.thid,
        "iat": int(m.world.clock()),
    }
    return (signer or thread.first).sign(claims, envelope.PROOF)


async def rotate(
    m: Market, thread: Thread, new: Party, *, proven: str | None = "", then: Party | None = None
) -> Reply:
    """She goes on under another key, with a proof unless it is None; ``then`` is the one after it."""
    assert thread.second is not None
    body = {"replaces": thread.first.id}
    if proven is not None:
        body["proof"] = proven or proof(m, thread, new)
    if then is not None:
        body["nkt"] = then.key.public.kid
    reply = await m.say(thread, new, "agent.rotate", body, aud=thread.second.id)
    if reply.status == 202:
        thread.first = new
        if thread.under is not None:
            thread.under.first = new
    return reply


# --- ladders of one's own ------------------------------------------------------------------------------


def rung(stage: str, *purposes: str, asks: tuple[str, ...] = (), silent: bool = False) -> dict[str, Any]:
    """A rung at which the vendor may invite, unless it is ``silent``, and ask for these categories."""
    return {
        "stage": stage,
        "title": stage.capitalize(),
        "purposes": [*purposes],
        "types": [] if silent else ["relationship.invite"],
        "categories": [category(name) for name in asks],
    }


def ladder(*rungs: dict[str, Any], name: str = "own") -> bytes:
    document = {"id": name, "version": "1.0", "lang": "en", "rungs": [*rungs]}
    assert SPEC.faults("documents/ladder.json", document) == []
    return json.dumps(document).encode()


async def put(m: Market, by: Party, document: bytes) -> str:
    """Put a ladder as a blob; its digest."""
    return str((await m.put(by, document))["sha256"])
