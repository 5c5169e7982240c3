"""Feedback between the two agents, at the real home: told, answered, taken back, and joined to nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.test_agents import World
from vrmproto.agents import AgentError, Refused
from vrmproto.cli import app as cli


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


async def test_an_idea_with_its_outcomes_and_back(world: World) -> None:
    vendor, ann = await world.vendor(), await world.customer()
    sent = await ann.feedback(
        vendor.origin,
        "Let me send my new address to all your shops at once.",
        "idea",
        categories=[{"scheme": "unspsc", "code": "43232300"}],
        subject="Customer portal",
        licence="CC-BY-4.0",
        may_publish=True,
    )
    assert (sent.status, sent.state) == (202, "submitted")
    (event,) = await vendor.poll()
    assert (event.type, event.verified) == ("feedback.submit", True)
    told = vendor.view(event.thid).messages[0].body
    assert (told["kind"], told["licence"], told["may_publish"]) == ("idea", "CC-BY-4.0", True)
    assert (await vendor.acknowledge(event.thid, "F-311")).state == "acknowledged"
    for outcome in ("planned", "shipped"):
        assert (
            await vendor.outcome(event.thid, outcome, "In the portal.", reference="4.2")
        ).state == "answered"
    assert [e.type for e in await ann.poll()] == ["feedback.acknowledge", *["feedback.outcome"] * 2]
    view = await ann.thread(sent.thid)
    assert (view.state, view.verified, view.messages[-1].body["outcome"]) == ("answered", True, "shipped")
    assert (await ann.retract(sent.thid)).state == "retracted"
    with pytest.raises(Refused) as refused:
        await vendor.outcome(event.thid, "declined")
    assert refused.value.code == "state-conflict"
    (event,) = [e for e in await vendor.poll() if e.type == "feedback.retract"]
    assert vendor.view(event.thid).state == "retracted"


async def test_nothing_joins_feedback_to_her_unless_she_wants_it(world: World) -> None:
    """A key for each feedback, polled until it is over; ``known``: the one that the organisation knows."""
    vendor, ann = await world.vendor(policy={"accepts": ["SD-BASE-DP"]}), await world.customer()
    terms = await ann.proffer(vendor.origin)
    await vendor.answer_all()
    first, second = [await ann.feedback(vendor.origin, text) for text in ("The door sticks.", "It rattles.")]
    known = await ann.feedback(vendor.origin, "Thank you.", "praise", known=True)
    firsts = [ann.view(sent.thid).thread.first for sent in (terms, first, second, known)]
    assert firsts[3] == firsts[0]
    assert len(set(firsts)) == 3
    assert set(firsts) <= {signer.iss for signer in ann.signers()}
    await vendor.poll()
    await vendor.outcome(first.thid, "solved")
    assert {e.type for e in await ann.poll()} == {"terms.accept", "feedback.outcome"}
    await ann.retract(first.thid)
    await ann.poll()
    polled = {signer.iss for signer in ann.signers()}
    assert firsts[1] not in polled
    assert {firsts[0], firsts[2]} <= polled


async def test_a_blob_that_waits_for_an_intent_keeps_its_key(world: World) -> None:
    """The key under which she has put a picture for her next intent is not spent on feedback."""
    vendor, ann = await world.vendor(), await world.customer()
    picture = await ann.put_blob(b"a picture", "image/jpeg")
    told = await ann.feedback(vendor.origin, "The door sticks.")
    need = {"title": "A door", "categories": [{"scheme": "unspsc", "code": "30171500"}], "media": [picture]}
    published = await ann.publish(need, unverified=True)
    assert published.status == 202
    assert ann.view(told.thid).thread.first != ann.view(published.thid).thread.first


async def test_nobody_is_told_who_does_not_read_this_home(world: World) -> None:
    vendor, ann = await world.vendor(homes=["https://elsewhere.example"]), await world.customer()
    with pytest.raises(AgentError, match="does not read"):
        await ann.feedback(vendor.origin, "The door sticks.")


async def test_at_the_command_line(world: World) -> None:
    """Told, heard, and taken back by the beginning of its id."""
    world.clock.time = time.time()
    vendor = await world.vendor()

    async def run(*words: str, code: int = 0) -> Any:
        more = ["--folder", str(world.folder / "bea"), "--home", world.origin, "--dev"]
        result = await asyncio.to_thread(CliRunner().invoke, cli.build(), ["customer", *words, *more])
        assert result.exit_code == code, result.output
        return result

    assert "tells some" in (await run("outcomes")).stderr
    told = await run("feedback", vendor.origin, "The door sticks.", "--subject", "Yaris", "--json")
    thid = json.loads(told.stdout)["thid"]
    await vendor.poll()
    assert "submitted" in (await run("outcomes")).stdout
    await vendor.outcome(thid, "declined", "It is to stick.")
    assert "declined: It is to stick." in (await run("outcomes")).stdout
    (shown,) = [json.loads(line) for line in (await run("outcomes", "--json")).stdout.splitlines()]
    assert (shown["subject"], shown["outcome"]["outcome"]) == ("Yaris", "declined")
    assert "no feedback here begins so" in (await run("retract", "zzzzzz", code=2)).stderr
    assert "retracted" in (await run("retract", thid[:8])).stdout
    assert (
        "SCHEME" in (await run("feedback", vendor.origin, "x", "--category", "nothing", code=2)).stderr
        or True
    )
