"""Dialogues between the two agents, at the real home: what she writes is free, what they write is judged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.test_agents import World
from tests.test_agents_intent import offered
from tests.test_consenting import MARKETING, asking, at_the_line, given, near, rows
from tests.test_relating import NIGHT, refused, related, reopened
from vrmproto.agents import AgentError
from vrmproto.agents.talking import CARE


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


def said(agent: Any, thid: str) -> list[str]:
    messages = agent.dialogue(thid).messages
    return [m.body["content"]["clear"]["text"] for m in messages]


async def test_both_write_and_either_begins(world: World) -> None:
    ann, vendor, bond = await near(world)
    hers = await ann.talk(bond, "Does the car need winter tyres?", subject="Tyres")
    await vendor.poll()
    asked = vendor.dialogue(hers.thid).messages[-1]
    assert asked.body["about"] == {"purpose": CARE, "fields": ["subject", "text"]}
    assert (await vendor.say(hers.thid, "It has some.", asked.mid)).state == "open"
    theirs = await vendor.talk(bond, "Your order has come.")
    await ann.poll()
    assert [one.thid for one in ann.dialogues(vendor.origin)] == [hers.thid, theirs.thid]
    assert [one.thid for one in vendor.dialogues()] == [hers.thid, theirs.thid]
    assert said(ann, hers.thid) == ["Does the car need winter tyres?", "It has some."]
    assert ann.dialogue(hers.thid).messages[-1].body["answers"] == asked.mid
    assert (await ann.close_dialogue(hers.thid, "solved")).state == "closed"
    await vendor.poll()
    with pytest.raises(AgentError, match="the dialogue is closed"):
        await vendor.say(hers.thid, "Anything else?")
    with pytest.raises(AgentError, match="is no dialogue"):
        await ann.mute(bond)
    assert ann.dialogues("https://elsewhere.example") == []


async def test_muted_is_heard_no_more_and_she_writes_on(world: World) -> None:
    ann, vendor, bond = await near(world)
    thid = (await vendor.talk(bond, "News.")).thid
    await ann.poll()
    assert (await ann.mute(thid)).state == "muted"
    agr = vendor.stands(bond).agreements[0].record
    body = {"about": {"purpose": CARE, "fields": ["text"]}, "content": {"clear": {"text": "More."}}}
    assert await refused(vendor.send("dialogue.message", body, thid=thid, agr=agr)) == "role-forbidden"
    await vendor.poll()
    with pytest.raises(AgentError, match="she has muted the dialogue"):
        await vendor.say(thid, "More news.")
    assert (await ann.say(thid, "Not now.")).state == "muted"
    assert (await ann.unmute(thid)).state == "open"
    ann, vendor = await reopened(world, ann, "ann"), await reopened(world, vendor, "shop")
    await vendor.poll()
    assert (await vendor.say(thid, "Now?")).state == "open"
    await ann.poll()
    assert said(ann, thid) == said(vendor, thid) == ["News.", "Not now.", "Now?"]


async def test_what_the_organisation_does_not_write(world: World) -> None:
    """By purpose, consent, rung, preference and rest: the agent says why, and sends nothing."""
    ann, vendor, bond = await related(world)
    hers = await ann.talk(bond, "Hello.")
    await vendor.poll()
    with pytest.raises(AgentError, match="stage-forbids: the rung she is on"):
        await vendor.say(hers.thid, "Hello.")
    await ann.step(bond, "subscriber")
    await vendor.poll()
    with pytest.raises(AgentError, match="terms-prohibit"):
        await vendor.talk(bond, "Just for you.", purpose="PersonalisedAdvertising")
    with pytest.raises(AgentError, match="consent-needed"):
        await vendor.talk(bond, "Buy this.", purpose="DirectMarketing")
    consent = await given(ann, vendor, bond, "DirectMarketing")
    sold = await vendor.talk(bond, "Buy this.", purpose=MARKETING)
    assert sold.state == "open"
    await ann.withdraw_consent(consent)
    await vendor.poll()
    with pytest.raises(AgentError, match="consent-needed"):
        await vendor.say(sold.thid, "Buy that.")
    assert (await vendor.say(sold.thid, "It is delivered.", purpose=CARE)).state == "open"
    await ann.prefer(bond, NIGHT)
    await vendor.poll()
    with pytest.raises(AgentError, match="preference-forbids: these are quiet hours"):
        await vendor.say(hers.thid, "Hello.")
    await ann.prefer(bond, {"zone": "UTC", "rate": {"most": 4, "within": "P1D"}})
    await vendor.poll()
    await vendor.say(hers.thid, "Hello.")
    with pytest.raises(AgentError, match="preference-forbids: she wants no more"):
        await vendor.say(hers.thid, "Hello?")
    world.clock.time += 86400
    await vendor.say(hers.thid, "Hello?")
    await ann.pause(bond)
    await vendor.poll()
    with pytest.raises(AgentError, match="relationship-paused"):
        await vendor.say(hers.thid, "Are you there?")
    assert (await ann.say(hers.thid, "I am away.")).state == "open"
    await ann.poll()
    document = await ann.relationship(bond)
    assert document["refused"] == [], "the agent has sent nothing of all that"
    with pytest.raises(AgentError, match="is no purpose"):
        await ann.talk(bond, "x", purpose="Nonsense")


async def test_a_ladder_of_the_organisation_and_what_the_home_says_of_refusals(world: World) -> None:
    """What is sent all the same the home refuses, and lists for her alone."""
    ann, vendor, bond = await near(world)
    agr = vendor.stands(bond).agreements[0].record
    body = {"about": {"purpose": MARKETING, "fields": ["text"]}, "content": {"clear": {"text": "Buy."}}}
    person = vendor.stands(bond).person
    sending = vendor.send("dialogue.message", body, to=person, pthid=bond, agr=agr)
    assert await refused(sending) == "consent-needed"
    (one,) = (await ann.relationship(bond))["refused"]
    assert (one["type"], one["code"], one["purposes"]) == ("dialogue.message", "consent-needed", [MARKETING])
    with pytest.raises(AgentError, match="does not show the relationship"):
        await ann.relationship(ann.stands(bond).agreements[0].thid)


async def test_the_end_another_key_and_what_is_erased(world: World) -> None:
    ann, vendor, bond = await near(world)
    thid = (await ann.talk(bond, "My knee hurts.")).thid
    await ann.rotate(bond)
    await vendor.poll()
    await vendor.say(thid, "Then rest.")
    ann, vendor = await reopened(world, ann, "ann"), await reopened(world, vendor, "shop")
    await ann.poll()
    await ann.terminate(ann.stands(bond).agreements[0].thid)
    assert (await ann.say(thid, "I do.")).state == "open", "whatever has become of the agreement"
    await vendor.poll()
    with pytest.raises(AgentError, match="no agreement in force"):
        await vendor.say(thid, "Good.")
    await ann.end(bond)
    await vendor.poll()
    for agent in (ann, vendor):
        assert (await agent.thread(thid)).verified
        assert agent.dialogue(thid).state == "closed"
    await vendor.attest(bond)
    vendor = await reopened(world, vendor, "shop")
    assert vendor.dialogue(thid).messages == ()
    assert (await vendor.thread(thid)).verified
    assert said(ann, thid) == ["My knee hurts.", "Then rest.", "I do."]
    with pytest.raises(AgentError, match="no agreement with"):
        await ann.talk(bond, "Hello?")
    with pytest.raises(AgentError, match="the relationship is closed"):
        await vendor.ask_consent(bond, asking())


async def test_about_an_offer_as_before(world: World) -> None:
    customer, vendor, _, offer = await offered(world)
    await vendor.poll()
    assert (await customer.say(offer, "Which colour?")).state == (await vendor.say(offer, "Blue.")).state


async def test_dialogues_at_the_command_line(world: World) -> None:
    line = await at_the_line(world)
    her, shop, bond = line.her, line.shop, line.bond[:8]
    assert "`vrmproto customer talk` begins one" in (await her("dialogues")).stderr
    assert "there is no dialogue" in (await shop("dialogues")).stderr
    opened = rows(await her("talk", line.vendor, "Winter tyres?", "--subject", "Tyres", "--json"))
    thid = opened[0]["thid"]
    assert "they (CommunicationForCustomerCare): Tyres: Winter tyres?" in (await shop("dialogues")).stdout
    assert "open: message" in (await shop("say", thid[:8], "It has some.")).stdout
    shown = (await her("dialogues", line.vendor)).stdout
    assert "you (CommunicationForCustomerCare): Tyres: Winter tyres?" in shown
    assert "they (CommunicationForCustomerCare): It has some." in shown
    wrong = await shop("talk", bond, "Buy this.", "--purpose", "DirectMarketing", code=2)
    assert "consent-needed: the agreement does not allow this purpose" in wrong.stderr
    assert "open: message" in (await shop("talk", bond, "It is ready.", "--subject", "Car")).stdout
    assert "no offer or dialogue here begins so" in (await her("say", "zzzzzz", "Hello?", code=2)).stderr
    assert "open: message" in (await her("say", thid[:8], "Thank you.")).stdout
    assert "muted" in (await her("mute", thid[:8])).stdout
    assert "she has muted the dialogue" in (await shop("say", thid[:8], "More?", code=2)).stderr
    assert "open" in (await her("unmute", thid[:8])).stdout
    assert "closed" in (await her("close-dialogue", thid[:8], "--reason", "solved")).stdout
    (one, _) = rows(await her("dialogues", "--json"))
    assert (one["dialogue"], one["state"], len(one["messages"])) == (thid, "closed", 3)
    assert rows(await shop("dialogues", "--json"))[0] == one
