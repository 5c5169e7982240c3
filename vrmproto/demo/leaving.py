"""Anna looks at what was refused for her, goes down, takes her consent back, and ends the relationship."""

from __future__ import annotations

from vrmproto.demo.living import MARKETING, Bond, draw, words
from vrmproto.demo.process import DemoError, Line
from vrmproto.demo.stage import Stage

__all__ = ["play"]


async def play(stage: Stage, held: Bond) -> None:
    """Play it; ``held`` is what the two have between them."""
    await _down(stage, held)
    await _end(stage, held)


async def _down(stage: Stage, held: Bond) -> None:
    """What stands, and less of it."""
    stage.open("Where she stands, and a rung less")
    line = await stage.step(
        "anna",
        "relationship.open",
        "standing",
        "Anna asks her home how she stands, and what it has refused for her.",
        thid=held.bond,
    )
    _table(stage, line)
    await stage.step(
        "anna",
        "relationship.retreat",
        "call",
        "She goes a rung down. Nobody has to agree, and nobody can refuse it.",
        call="retreat",
        thid=held.bond,
    )
    await draw(stage, held.bond, 6)
    await stage.step(
        "anna",
        "consent.withdraw",
        "call",
        "She takes her consent back, with one empty message.",
        call="withdraw_consent",
        thid=held.consent,
    )
    await stage.step(
        "noord",
        "dialogue.message",
        "raw",
        "What Garage Noord could write before, it cannot write any more.",
        expect="consent-needed",
        thid=held.talk,
        seq=2,
        seen={held.consent: 3},
        under=held.terms,
        body=words("Summer tyres, the last ones.", MARKETING),
    )
    await stage.step(
        "noord",
        "consent.propagated",
        "call",
        "It has stopped, has told the one other that had her address, and says so.",
        call="propagate",
        thid=held.consent,
        args={"told": ["Postduif B.V."]},
    )


def _table(stage: Stage, line: Line) -> None:
    """What was refused for her."""
    stage.note("Refused for her, as her home says:")
    for one in reversed(line["refused"]):
        purposes = ", ".join(purpose.rpartition("#")[2] for purpose in one["purposes"])
        stage.note(f"  {one['type']:20} {one['code']:19} {purposes and f'for {purposes}'}".rstrip())


async def _end(stage: Stage, held: Bond) -> None:
    """The end, and what has to be said of it."""
    stage.open("The end, and what is left of it")
    await stage.step(
        "anna",
        "relationship.end",
        "call",
        "Anna ends it. Garage Noord has a week to erase what it holds.",
        call="end",
        thid=held.bond,
        args={"reason": "I have moved.", "attest_within": "P7D"},
    )
    await stage.step(
        "noord",
        "dialogue.message",
        "raw",
        "What it still wants to say is refused: with the relationship the terms have ended.",
        expect="agreement-not-live",
        thid=held.bond,
        seq=7,
        below=True,
        under=held.terms,
        body=words("Come back!", MARKETING),
    )
    await stage.step(
        "noord",
        "relationship.attest",
        "call",
        "Garage Noord erases and attests it, and says what the law makes it keep.",
        call="attest",
        thid=held.bond,
        args={"kept": [{"what": "the invoice", "why": "tax law", "until": "2036-12-31T23:59:59Z"}]},
    )
    if fields := (await stage.ask("noord", "held", thid=held.bond))["held"]:
        raise DemoError(f"Garage Noord still holds {', '.join(fields)}")
    stage.note("Garage Noord holds of her: nothing")
    await stage.step(
        "noord",
        "relationship.attest",
        "thread",
        "From the home it gets tombstones, as for the offers.",
        thid=held.bond,
    )
    await stage.step(
        "anna", "relationship.attest", "thread", "Anna still reads the whole of it.", thid=held.bond, seq=8
    )
    await stage.step(
        "anna",
        "consent.grant",
        "record",
        "That she consented, and that she took it back, stays proven.",
        thid=held.consent,
        seq=4,
    )
    await stage.step(
        "anna", "terms.accept", "record", "And so do her terms, with their end.", thid=held.terms
    )
