"""What a person tells an organisation, what becomes of it, and that she may take it back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.market import Market, Thread
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell, types_in
from tests.world import Party, Reply
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


async def submitted(m: Market, by: Party | None = None, **body: Any) -> Thread:
    thread, reply = await m.submit(by, **body)
    assert reply.state == "submitted", reply.document
    return thread


async def answered(m: Market, thread: Thread, outcome: str, **body: Any) -> Reply:
    assert thread.second is not None
    return await m.say(thread, thread.second, "feedback.outcome", {"outcome": outcome, **body})


@scenario()
async def feedback_is_for_persons(m: Market) -> None:
    _, reply = await m.submit(m.vendors[1])
    refused(reply, "person-required", "VRM-THR-024")
    thread = await submitted(m)
    refused(await m.say(thread, thread.first, "feedback.submit", m.feedback()), "state-conflict")
    assert types_in(await m.vendors[0].poll()) == ["feedback.submit"]
    assert types_in(await m.vendors[1].poll()) == []
    assert (await m.say(thread, thread.first, "feedback.retract")).state == "retracted"


@scenario()
async def one_outcome_follows_another(m: Market) -> None:
    thread = await submitted(m, kind="idea", licence="CC-BY-4.0", may_publish=True)
    vendor = m.vendors[0]
    early = await m.say(thread, thread.first, "feedback.outcome", {"outcome": "planned"})
    refused(early, "role-forbidden", "VRM-THR-004")
    refused(await m.say(thread, thread.first, "feedback.acknowledge"), "role-forbidden", "VRM-THR-004")
    assert (await m.say(thread, vendor, "feedback.acknowledge", {"reference": "F-1"})).state == "acknowledged"
    refused(await m.say(thread, vendor, "feedback.acknowledge"), "state-conflict", "VRM-THR-005")
    for outcome in ("planned", "planned", "shipped"):
        assert (await answered(m, thread, outcome, text="In the portal.")).state == "answered"
    refused(await m.say(thread, vendor, "feedback.acknowledge"), "state-conflict", "VRM-THR-005")
    read = await thread.first.read(f"/v1/threads/{thread.thid}")
    assert len(read.document["messages"]) == 5
    # The same may be said before and after an outcome: what it changes is what she reads.
    for state in ("acknowledged", "answered"):
        m.saw(f"row feedback.outcome by second in {state}", "changes", read)
    assert types_in(await thread.first.poll()) == ["feedback.acknowledge", *["feedback.outcome"] * 3]


@scenario()
async def an_outcome_needs_no_acknowledgement(m: Market) -> None:
    thread = await submitted(m)
    assert (await answered(m, thread, "solved")).state == "answered"
    refused(await m.say(thread, m.vendors[0], "feedback.acknowledge"), "state-conflict", "VRM-THR-005")


@scenario()
async def she_takes_it_back_from_every_state(m: Market) -> None:
    for state in ("submitted", "acknowledged", "answered"):
        thread = await submitted(m)
        if state != "submitted":
            assert (await m.say(thread, m.vendors[0], "feedback.acknowledge")).state == "acknowledged"
        if state == "answered":
            assert (await answered(m, thread, "declined", text="It is to stick.")).state == "answered"
        refused(await m.say(thread, m.vendors[0], "feedback.retract"), "role-forbidden", "VRM-THR-004")
        assert (await m.say(thread, thread.first, "feedback.retract", prev="A" * 43)).state == "retracted"
        refused(await answered(m, thread, "planned"), "state-conflict", "VRM-THR-005")
        refused(await m.say(thread, m.vendors[0], "feedback.acknowledge"), "state-conflict", "VRM-THR-005")
        refused(await m.say(thread, thread.first, "feedback.retract"), "state-conflict", "VRM-THR-005")


@scenario(inbox=3)
async def a_full_inbox_stops_no_retraction(m: Market) -> None:
    thread = await submitted(m)
    await submitted(m)
    await submitted(m)
    refused((await m.submit())[1], "inbox-full", "VRM-HOM-024")
    assert (await m.say(thread, thread.first, "feedback.retract")).state == "retracted"
