"""Relationships between the two agents, at the real home: up and down a ladder, and what the end ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from tests.test_agents import World
from tests.test_agents_intent_purge import holds
from vrmproto import ladder, spec
from vrmproto.agents import AgentError, CustomerAgent, Policy, Refused, Standing, VendorAgent
from vrmproto.agents.book import BookError
from vrmproto.cli import app as cli

SPEC = spec.load()

MAIL = {
    "category": "https://w3id.org/dpv/pd#EmailAddress",
    "purpose": "https://w3id.org/dpv#CommunicationForCustomerCare",
}
NIGHT = {"zone": "Europe/Amsterdam", "quiet": [{"from": "00:00", "to": "00:00"}]}
ACCEPTS = {"accepts": ["SD-BASE-DP", "SD-BASE-ATP-DP"]}


def rungs(*names: str, purpose: str = "") -> bytes:
    """A ladder of an organisation's own; on the highest rung alone something has to be within."""
    made = [
        {"stage": n, "title": n.title(), "purposes": [], "types": ["relationship.invite"], "categories": []}
        for n in names
    ]
    if purpose:
        made[-1]["purposes"] = [purpose]
    return json.dumps({"id": "of-the-shop", "version": "1.0", "lang": "en", "rungs": made}).encode()


OWN = rungs("guest", "friend", "partner", purpose="https://w3id.org/dpv#ServicePersonalisation")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


async def agree(ann: CustomerAgent, vendor: VendorAgent, terms: str = "SD-BASE-DP") -> str:
    """Terms that the organisation has accepted; their thread."""
    proffered = await ann.proffer(vendor.origin, terms)
    await vendor.answer_all()
    await ann.poll()
    return proffered.thid


async def related(world: World, **options: Any) -> tuple[CustomerAgent, VendorAgent, str]:
    """The two, with an agreement and a relationship that both know of."""
    vendor, ann = await world.vendor(policy=ACCEPTS, **options), await world.customer()
    await agree(ann, vendor)
    sent = await ann.relate(vendor.origin)
    assert sent.state == "open"
    await vendor.poll()
    return ann, vendor, sent.thid


async def reopened(world: World, agent: Any, name: str, **options: Any) -> Any:
    """The agent started again from its folder."""
    await agent.close()
    if isinstance(agent, VendorAgent):
        return await world.vendor(name, policy=ACCEPTS, **options)
    return await world.customer(name)


def both(ann: CustomerAgent, vendor: VendorAgent, thid: str) -> Standing:
    """How the two stand, which is the same for both."""
    hers, theirs = ann.stands(thid), vendor.stands(thid)
    assert hers == theirs
    return hers


async def refused(sending: Any) -> str:
    with pytest.raises(Refused) as caught:
        await sending
    return caught.value.code


# --- up and down -----------------------------------------------------------------------------------


async def test_up_by_invitation_and_without_one(world: World) -> None:
    ann, vendor, thid = await related(world)
    one = both(ann, vendor, thid)
    assert (one.state, one.gone, one.rung, one.since) == ("open", "anonymous", "anonymous", world.clock.time)
    assert one.reached == ("anonymous", "returning", "subscriber", "commenter", "customer")
    assert [a.agreement["id"] for a in one.agreements] == ["SD-BASE-DP"]
    assert await refused(vendor.invite(thid, "More.")) == "stage-forbids"
    world.clock.time += 60
    assert (await ann.step(thid)).state == "open"
    await vendor.poll()
    one = both(ann, vendor, thid)
    assert (one.rung, one.moved_at, one.since) == ("returning", world.clock.time, world.clock.time - 60)
    invited = await vendor.invite(thid, "News before others have it.", [MAIL], answer_in="P2D")
    assert invited.state == "invited"
    await ann.poll()
    asked = both(ann, vendor, thid).invitation
    assert asked is not None
    assert (asked.stage, asked.benefit, asked.asks) == (
        "subscriber", "News before others have it.", (MAIL,),
    )  # fmt: skip
    assert asked.answer_by == world.clock.time + 2 * 86400
    await ann.step(thid)
    await vendor.poll()
    assert (both(ann, vendor, thid).rung, ann.stands(thid).invitation) == ("subscriber", None)
    await ann.step(thid)  # profiled is not within the agreement
    await vendor.poll()
    assert both(ann, vendor, thid).rung == "commenter"
    with pytest.raises(AgentError, match=r"no agreement in force .* reaches the rung profiled"):
        await ann.step(thid, "profiled")
    with pytest.raises(AgentError, match="no rung friend; it has anonymous, "):
        await ann.step(thid, "friend")
    assert await refused(ann.step(thid, "returning")) == "step-forbidden"


async def test_an_invitation_beyond_the_agreement_is_answered_by_another_agreement(world: World) -> None:
    ann, vendor, thid = await related(world)
    await ann.step(thid, "subscriber")
    await vendor.poll()
    await vendor.invite(thid, "What you like, at once.", terms="SD-BASE-ATP-DP")
    await ann.poll()
    asked = ann.stands(thid).invitation
    assert asked is not None
    assert (asked.stage, (asked.terms or {})["id"]) == ("profiled", "SD-BASE-ATP-DP")
    with pytest.raises(AgentError, match="reaches the rung profiled"):
        await ann.step(thid)
    world.clock.time += 5
    await agree(ann, vendor, "SD-BASE-ATP-DP")
    assert (await ann.step(thid)).state == "open"
    await vendor.poll()
    one = both(ann, vendor, thid)
    assert (one.rung, [a.agreement["id"] for a in one.agreements]) == ("profiled", ["SD-BASE-ATP-DP"])
    with pytest.raises(AgentError, match="is no agreement of the roster"):
        await vendor.invite(thid, "x", terms="SD-NONE")


async def test_declined_is_not_asked_again_and_a_rest_is_a_rest(world: World) -> None:
    ann, vendor, thid = await related(world)
    await ann.step(thid)
    await vendor.poll()
    await vendor.invite(thid, "News.")
    await ann.poll()
    assert (await ann.decline(thid, "not now")).state == "open"
    await vendor.poll()
    assert await refused(vendor.invite(thid, "News!")) == "asked-again"
    await ann.step(thid, "subscriber")
    await ann.prefer(thid, NIGHT)
    await vendor.poll()
    assert both(ann, vendor, thid).preferences == NIGHT
    assert await refused(vendor.invite(thid, "More.")) == "preference-forbids"
    await ann.prefer(thid, {"zone": "UTC"})
    assert (await ann.pause(thid)).state == "paused"
    await vendor.poll()
    assert await refused(vendor.invite(thid, "More.")) == "state-conflict"
    assert (await ann.resume(thid)).state == "open"
    assert await ann.resume() == []
    await vendor.poll()
    invited = await vendor.invite(thid, "More.", answer_in=60)
    assert invited.state == "invited"
    world.clock.time += 60
    await ann.poll()
    one = both(ann, vendor, thid)
    assert (one.state, one.invitation) == ("open", None)


async def test_down_at_once_and_never_up(world: World) -> None:
    """A retreat is taken whatever it names; the rung by which she is dealt with is never above hers."""
    ann, vendor, thid = await related(world)
    await ann.step(thid, "commenter")
    assert (await ann.retreat(thid)).state == "open"
    await vendor.poll()
    one = both(ann, vendor, thid)
    assert (one.gone, one.rung) == ("profiled", "subscriber")
    for named, gone in (("customer", "profiled"), ("returning", "returning"), ("nowhere", "anonymous")):
        await ann.retreat(thid, named)
        await vendor.poll()
        assert both(ann, vendor, thid).gone == gone
    for agent, name in ((ann, "ann"), (vendor, "shop")):
        again = await reopened(world, agent, name)
        assert again.stands(thid).gone == "anonymous"
        assert (await again.thread(thid)).verified


async def test_what_ends_above_her_takes_the_organisation_down(world: World) -> None:
    """The agreement is terminated: she is dealt with as on the lowest rung, and nothing is asked."""
    ann, vendor, thid = await related(world)
    await ann.step(thid, "customer")
    await ann.terminate(ann.stands(thid).agreements[0].thid)
    await vendor.poll()
    one = both(ann, vendor, thid)
    assert (one.gone, one.rung, one.reached, one.agreements) == ("customer", "anonymous", ("anonymous",), ())
    with pytest.raises(AgentError, match="no agreement in force"):
        await vendor.invite(thid, "More.")
    with pytest.raises(AgentError, match="reaches further up"):
        await ann.step(thid)


async def test_a_relationship_needs_an_agreement_and_there_is_one(world: World) -> None:
    vendor, ann = await world.vendor(policy=ACCEPTS), await world.customer()
    with pytest.raises(AgentError, match="no agreement in force"):
        await ann.relate(vendor.origin)
    terms = await agree(ann, vendor)
    with pytest.raises(AgentError, match="is no relationship"):
        await ann.step(terms)
    await ann.relate(vendor.origin, preferences=NIGHT)
    assert await refused(ann.relate(vendor.origin)) == "already-open"
    assert [one.preferences for one in ann.standing(vendor.origin)] == [NIGHT]
    assert ann.standing("https://elsewhere.example") == []


async def test_under_the_agreement_of_an_offer(world: World) -> None:
    """She is known there by the key of the intent; the relationship goes on under it."""
    from tests.test_agents_intent import offered

    customer, vendor, _, offer = await offered(world)
    await vendor.poll()
    sent = await customer.relate(vendor.origin)
    assert customer.view(sent.thid).thread.first == customer.view(offer).thread.first
    await vendor.poll()
    assert both(customer, vendor, sent.thid).agreements[0].thid == offer
    await customer.end(sent.thid)
    await vendor.poll()
    assert [a.thid for a in both(customer, vendor, sent.thid).agreements] == [offer], "it goes on"


# --- ladders ---------------------------------------------------------------------------------------


async def test_the_ladder_that_an_organisation_publishes(world: World) -> None:
    vendor, ann = await world.vendor(policy=ACCEPTS, ladder=OWN), await world.customer()
    assert vendor.discovery()["ladder"]["digest"] == ladder.read(OWN).digest
    assert SPEC.faults("documents/discovery.json", vendor.discovery()) == []
    await agree(ann, vendor)
    assert await ann.ladder_of(vendor.origin) == OWN
    sent = await ann.relate(vendor.origin, await ann.ladder_of(vendor.origin))
    await ann.step(sent.thid)
    await vendor.poll()
    one = both(ann, vendor, sent.thid)
    assert one.ladder is not None
    assert (one.ladder.document, one.rung, one.reached) == (OWN, "friend", ("guest", "friend"))
    assert (await vendor.invite(sent.thid, "More.")).state == "invited"
    await ann.poll()
    other = rungs("stranger", "friend", "mate", "pal")
    assert (await ann.step(sent.thid, "mate", other)).state == "open"
    await ann.retreat(sent.thid, "pal")
    await ann.retreat(sent.thid)
    await vendor.poll()
    assert both(ann, vendor, sent.thid).gone == "friend"
    assert await refused(vendor.send("relationship.invite", {}, thid=sent.thid)) == "body-invalid"
    agreed = vendor.stands(sent.thid).agreements[0].record
    far = {"stage": "pal", "benefit": "x", "asks": [], "answer_by": vendor._by("P1D")}
    assert await refused(vendor.send("relationship.invite", far, thid=sent.thid, agr=agreed)) == (
        "step-forbidden"
    )
    for agent, name in ((ann, "ann"), (vendor, "shop")):
        again = await reopened(world, agent, name)
        assert again.stands(sent.thid).ladder.document == other
        assert again.stands(sent.thid).rung == "friend"


async def test_a_ladder_that_is_none_or_another_is_not_taken(world: World) -> None:
    vendor, ann = await world.vendor(policy=ACCEPTS, ladder=OWN), await world.customer()
    await agree(ann, vendor)
    for wrong in (b"{}", b"no JSON", b'{"rungs": []}'):
        with pytest.raises(AgentError, match="no ladder"):
            await ann.relate(vendor.origin, wrong)
        with pytest.raises(AgentError, match="no ladder"):
            await world.vendor(f"other{len(wrong)}", ladder=wrong)
    vendor.ladder = ladder.Ladder("A" * 43, OWN, ladder.read(OWN).rungs)
    world.clock.time += 3601
    with pytest.raises(AgentError, match="another ladder than the one that it names"):
        await ann.ladder_of(vendor.origin)
    plain = await world.vendor("plain", policy=ACCEPTS)
    assert await ann.ladder_of(plain.origin) is None
    assert await ann.ladder_of("did:jwk:e30") is None


async def test_a_ladder_that_is_not_to_be_had_is_the_lowest_rung(world: World) -> None:
    """The home gives the blob later: until then she is dealt with as on no rung; nothing breaks."""
    vendor, ann = await world.vendor(policy=ACCEPTS), await world.customer()
    await agree(ann, vendor)
    sent = await ann.relate(vendor.origin, OWN)
    await ann.step(sent.thid)
    await ann.retreat(sent.thid, "partner")

    async def lost(request: web.Request) -> web.Response | None:
        return web.Response(status=404) if "/blobs/" in request.path else None

    world.before = lost
    await vendor.poll()
    one = vendor.stands(sent.thid)
    assert (one.ladder, one.gone, one.rung) == (None, "", "")
    with pytest.raises(AgentError, match="does not hold the ladder"):
        await vendor.invite(sent.thid, "More.")
    vendor = await reopened(world, vendor, "shop")
    assert vendor.stands(sent.thid).ladder is None
    world.before = None
    await vendor.poll()
    assert both(ann, vendor, sent.thid).rung == "friend"
    await ann.retreat(sent.thid, "guest")
    await vendor.poll()
    vendor = await reopened(world, vendor, "shop")
    assert both(ann, vendor, sent.thid).rung == "guest"
    assert (await vendor.thread(sent.thid)).verified
    digest = ladder.read(OWN).digest
    file = vendor.book.folder / "ladders" / f"{digest}.json"
    file.write_bytes(rungs("guest"))
    with pytest.raises(BookError, match="is another ladder"):
        await reopened(world, vendor, "shop")


# --- the end ---------------------------------------------------------------------------------------


async def test_the_end_ends_what_was_agreed_and_what_was_held(world: World) -> None:
    ann, vendor, thid = await related(world)
    terms = ann.stands(thid).agreements[0].thid
    await ann.step(thid, "subscriber")
    await ann.prefer(thid, {**NIGHT, "zone": "Asia/Tokyo"})
    with pytest.raises(AgentError, match="the relationship is open: it is not over"):
        await vendor.attest(thid)
    world.clock.time += 5
    ended = await ann.end(thid, "I have moved away.", attest_within="P2W")
    assert ended.state == "ended"
    await vendor.poll()
    for agent in (ann, vendor):
        assert (await agent.thread(terms)).state == "ended"
        one = agent.stands(thid)
        assert (one.over, one.rung, one.agreements) == (True, "", ())
        assert one.deadline == world.clock.time + 14 * 86400
    with pytest.raises(AgentError, match="the relationship is ended"):
        await ann.step(thid)
    assert len(holds(vendor.book.folder, "Asia/Tokyo")) == 1
    sent = await vendor.attest(thid, [{"what": "the invoice", "why": "tax law"}])
    assert sent.state == "closed"
    for text in ("Asia/Tokyo", "moved away", "subscriber"):
        assert holds(vendor.book.folder, text) == []
    await ann.poll()
    attested = ann.stands(thid).attested
    assert attested is not None
    assert attested["kept"] == [{"what": "the invoice", "why": "tax law"}]
    assert vendor.stands(thid).attested == attested
    assert [m.type for m in ann.view(thid).messages if m.token] == [
        "relationship.open", "relationship.step", "relationship.prefer",
        "relationship.end", "relationship.attest",
    ]  # fmt: skip
    assert [m.type for m in vendor.view(thid).messages if m.token] == ["relationship.attest"]
    with pytest.raises(AgentError, match="purged already"):
        await vendor.attest(thid)
    world.clock.time += 5
    later = await agree(ann, vendor)
    for agent, name in ((ann, "ann"), (vendor, "shop")):
        again = await reopened(world, agent, name)
        assert (again.stands(thid).state, again.stands(thid).rung) == ("closed", "")
        assert [again.view(t).state for t in (terms, later)] == ["ended", "agreed"]
        for one_thread in (thid, terms, later):
            assert (await again.thread(one_thread)).verified
        if name == "ann":
            opened = await again.relate(vendor.origin)
            assert opened.state == "open"


async def test_a_ladder_of_hers_is_erased_too(world: World) -> None:
    vendor, ann = await world.vendor(policy=ACCEPTS, ladder=OWN), await world.customer()
    await agree(ann, vendor)
    sent = await ann.relate(vendor.origin, rungs("stranger", "acquaintance"))
    await vendor.poll()
    assert len(holds(vendor.book.folder, "Acquaintance")) == 1
    await ann.end(sent.thid)
    await vendor.poll()
    await vendor.attest(sent.thid)
    assert holds(vendor.book.folder, "Acquaintance") == []
    vendor = await reopened(world, vendor, "shop", ladder=OWN)
    assert ladder.read(OWN).digest in vendor.ledger.ladders
    assert (await vendor.thread(sent.thid)).verified


async def test_the_organisation_ends_it_too_and_is_late(world: World) -> None:
    ann, vendor, thid = await related(world)
    assert (await vendor.end(thid, "We close.")).state == "ended"
    await ann.poll()
    assert vendor.overdue() == ann.overdue() == []
    world.clock.time += 32 * 86400
    assert [one.thid for one in ann.overdue()] == [one.thid for one in vendor.overdue()] == [thid]
    assert (await vendor.attest(thid)).state == "closed"
    await ann.poll()
    assert ann.overdue() == []
    assert not ann.stands(thid).overdue


async def test_a_vendor_that_works_by_itself_attests_in_time(world: World) -> None:
    """In the last tenth of the time; what its policy keeps it says. Interrupted, it goes on."""
    kept = ({"what": "the invoice", "why": "tax law", "until": "2036-12-31T23:59:59Z"},)
    ann, vendor, thid = await related(world)
    await vendor.close()
    vendor = await world.vendor(policy=Policy.of({**ACCEPTS, "kept": list(kept)}))
    await ann.end(thid, attest_within="PT10H")
    assert await vendor.work_once() == []
    (due,) = vendor.due_purges()
    assert (due.thid, due.at, due.deadline) == (
        thid, world.clock.time + 9 * 3600, world.clock.time + 10 * 3600,
    )  # fmt: skip
    world.clock.time += 9 * 3600

    async def down(request: web.Request) -> web.Response | None:
        return web.Response(status=502) if request.path == "/v1/messages" else None

    world.before, vendor.wire._pause = down, 0.01
    (lost,) = await vendor.work_once()
    assert (lost.status, lost.state) == (502, "")
    assert vendor.ledger.copies[thid].erased
    world.before = None
    await vendor.close()
    vendor = await world.vendor()
    sent = await vendor.work_once()
    assert [(s.state, s.thid) for s in sent] == [("closed", thid)]
    await ann.poll()
    assert (ann.stands(thid).attested or {})["kept"] == list(kept)
    with pytest.raises(AgentError, match="does not say what is kept and why"):
        await world.vendor("other", policy={"kept": [{"what": "the invoice"}]})


# --- keys, and agents that are started again -------------------------------------------------------


async def test_a_key_changed_in_it_counts_everywhere_and_after_the_erasing(world: World) -> None:
    ann, vendor, thid = await related(world)
    terms = ann.stands(thid).agreements[0].thid
    dispute = await ann.dispute(terms, "My address was passed on.")
    old = ann.view(thid).thread.first
    await ann.rotate(thid)
    await ann.rotate(terms)
    new = ann.view(thid).thread.first
    assert old != new == ann.view(terms).thread.first
    await vendor.poll()
    one = both(ann, vendor, thid)
    assert (one.person, [a.thid for a in one.agreements]) == (new, [terms])
    await ann.step(thid, "customer")
    await ann.note(dispute.thid, "And sold.")
    await vendor.poll()
    await vendor.note(dispute.thid, "No.")
    ann, vendor = await reopened(world, ann, "ann"), await reopened(world, vendor, "shop")
    assert both(ann, vendor, thid).rung == "customer"
    await ann.end(thid)
    await vendor.poll()
    await vendor.attest(thid)
    vendor = await reopened(world, vendor, "shop")
    await ann.poll()
    await ann.note(dispute.thid, "All of it.")
    (event,) = await vendor.poll()
    assert event.verified
    assert (await vendor.note(dispute.thid, "Nothing.")).state == "open"
    ann, vendor = await reopened(world, ann, "ann"), await reopened(world, vendor, "shop")
    for agent in (ann, vendor):
        await agent.poll()
        views = [await agent.thread(t) for t in (terms, dispute.thid, thid)]
        assert [(v.state, v.verified) for v in views] == [("ended", True), ("open", True), ("closed", True)]
        assert {v.thread.first for v in views} == {new}


async def test_a_folder_that_comes_late_learns_by_tombstones(world: World) -> None:
    """A copy of the folder from before: it sees of the relationship no more than that it was."""
    ann, vendor, thid = await related(world)
    terms = ann.stands(thid).agreements[0].thid
    dispute = await ann.dispute(terms, "My address was passed on.")
    await vendor.poll()
    await vendor.close()
    shutil.copytree(world.folder / "shop", world.folder / "late")
    vendor = await world.vendor(policy=ACCEPTS)
    await ann.step(thid, "subscriber")
    await ann.rotate(thid)
    await ann.end(thid)
    await vendor.poll()
    await vendor.attest(thid)
    await ann.poll()
    await vendor.close()
    late = await world.vendor("late", policy=ACCEPTS)
    await ann.note(dispute.thid, "And sold.")
    for again in (False, True):
        agent = await reopened(world, late, "late") if again else late
        views = [await agent.thread(t) for t in (thid, terms, dispute.thid)]
        assert [(v.state, v.verified) for v in views] == [("closed", True), ("ended", True), ("open", True)]
        assert {v.thread.first for v in views} == {ann.view(thid).thread.first}
        assert await agent.work_once() == []
        assert agent.stands(thid).rung == ""
        assert not any(m.token for m in agent.view(thid).messages)


async def test_a_step_without_an_answer_is_sent_again(world: World) -> None:
    ann, _, thid = await related(world)

    async def lost(request: web.Request, response: web.Response) -> web.Response | None:
        return web.Response(status=502) if request.path == "/v1/messages" else None

    world.after, ann.wire._pause = lost, 0.01
    assert await refused(ann.step(thid, "subscriber")) == ""
    assert ann.stands(thid).rung == "anonymous"
    world.after = None
    ann = await reopened(world, ann, "ann")
    (sent,) = await ann.resume()
    assert (sent.state, ann.stands(thid).rung) == ("open", "subscriber")
    assert (await ann.thread(thid)).verified


# --- the command line ------------------------------------------------------------------------------


async def run(*words: object, code: int = 0) -> Any:
    result = await asyncio.to_thread(CliRunner().invoke, cli.build(), [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


async def test_both_sides_at_the_command_line(world: World) -> None:
    world.clock.time = time.time()
    vendor, folder = await world.vendor(policy=ACCEPTS, ladder=OWN), world.folder / "bea"
    bea = await CustomerAgent.open(folder, world.origin, dev=True)
    terms = await agree(bea, vendor)
    await bea.close()
    await vendor.close()
    config = world.folder / "shop.toml"
    (world.folder / "own.json").write_bytes(OWN)
    config.write_text(f'home = "{world.origin}"\ndev = true\nladder = "own.json"\n')

    async def her(*words: str, code: int = 0) -> Any:
        return await run("customer", *words, "--folder", folder, "--home", world.origin, "--dev", code=code)

    async def shop(*words: str, code: int = 0) -> Any:
        return await run("vendor", *words, "--config", config, code=code)

    assert "`vrmproto customer relate` opens one" in (await her("standing")).stderr
    assert "there is no relationship" in (await shop("relationships")).stderr
    assert (
        "name where your day begins" in (await her("relate", vendor.origin, "--rate", "3/P1W", code=2)).stderr
    )
    hours = ("--zone", "Europe/Amsterdam", "--quiet", "03:00-03:01", "--rate", "3/P1W")
    wrong = await her("relate", vendor.origin, *hours[:3], "night", code=2)
    assert "--quiet: /quiet/0/from must match" in wrong.stderr
    assert (
        "three times a week" in (await her("relate", vendor.origin, *hours[:2], "--rate", "3", code=2)).stderr
    )
    assert (
        "two ladders"
        in (await her("relate", vendor.origin, "--theirs", "--ladder", str(config), code=2)).stderr
    )
    assert "cannot be read" in (await her("relate", vendor.origin, "--theirs", code=2)).stderr
    opened = await her("relate", vendor.origin, "--ladder", str(world.folder / "own.json"), *hours, "--json")
    thid = json.loads(opened.stdout)["thid"]
    assert "open: message" in (await her("step", vendor.origin)).stdout
    shown = (await her("standing")).stdout
    assert f"{vendor.origin}: open, since" in shown
    assert "under SD-BASE-DP 1.0" in shown
    lines = [line.split() for line in shown.splitlines()]
    drawn = [(words[0], words[1]) for words in lines if words[0] in "●○◇·"]
    assert drawn == [("·", "partner"), ("●", "friend"), ("○", "guest")]
    assert "you are here since" in shown
    assert "quiet 03:00-03:01 (Europe/Amsterdam), at most 3 within P1W" in shown
    assert "no agreement in force" in (await her("step", thid[:8], "partner", code=2)).stderr

    assert (
        "no relationship here begins so; `vrmproto vendor relationships`"
        in (await shop("invite", "zzzzzz", "More.", code=2)).stderr
    )
    assert "CATEGORY=PURPOSE" in (await shop("invite", thid[:8], "More.", "--ask", "Mail", code=2)).stderr
    ask = ("--ask", "EmailAddress=CommunicationForCustomerCare")
    assert "stage-forbids" in (await shop("invite", thid[:8], "More.", *ask, code=1)).stderr
    assert "invited" in (await shop("invite", thid[:8], "More.", "--terms", "SD-BASE-ATP-DP")).stdout
    assert "she is here since" in (await shop("relationships")).stdout
    shown = (await her("standing")).stdout
    assert "◇ partner Partner you are invited; not within an agreement" in " ".join(shown.split())
    assert "invited to partner until" in shown
    assert "would agree to SD-BASE-ATP-DP" in shown
    assert "open" in (await her("decline", thid[:8], "--reason", "not now")).stdout
    assert "paused" in (await her("pause", vendor.origin)).stdout
    assert "no intent or relationship here begins so" in (await her("resume", "zzzzzz", code=2)).stderr
    assert "open" in (await her("resume", thid[:8])).stdout
    assert "say what you prefer" in (await her("prefer", thid[:8], code=2)).stderr
    assert "open" in (await her("prefer", thid[:8], "--zone", "UTC")).stdout
    assert "open" in (await her("retreat", thid[:8], "guest")).stdout
    (one,) = [
        json.loads(line) for line in (await her("standing", vendor.origin, "--json")).stdout.splitlines()
    ]
    assert (one["rung"], one["preferences"], one["invitation"]) == ("guest", {"zone": "UTC"}, None)
    assert [rung["here"] for rung in one["ladder"]["rungs"]] == [True, False, False]
    (held,) = [json.loads(line) for line in (await shop("relationships", "--json")).stdout.splitlines()]
    assert {code for r in one.pop("refused") if (code := r["code"])} == {"stage-forbids"}
    assert one.pop("refused_more") == 0
    view = one.pop("view")
    assert (view["agrees"], view["differences"]) == (True, [])
    assert held == one

    assert "not over" in (await shop("attest", thid[:8], code=2)).stderr
    assert "ended" in (await her("end", vendor.origin, "--reason", "Moved.", "--within", "P2W")).stdout
    assert "has to erase what it held by" in (await her("standing")).stdout
    (agreement,) = [json.loads(line) for line in (await her("agreements", "--json")).stdout.splitlines()]
    assert (agreement["thread"], agreement["state"], agreement["in_force"]) == (terms, "ended", False)
    assert "no attestation is late" in (await shop("relationships", "--overdue")).stderr
    assert "'WHAT; WHY'" in (await shop("attest", thid[:8], "--keep", "the invoice", code=2)).stderr
    late = await shop("attest", thid[:8], "--keep", "the invoice; tax law; later", code=2)
    assert "UNTIL is a time" in late.stderr
    assert "closed" in (await shop("attest", thid[:8], "--keep", "the invoice; tax law")).stdout
    assert "kept: the invoice, for tax law" in (await her("standing")).stdout


async def test_an_id_with_a_hyphen_and_a_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "anna" / "homes").mkdir(parents=True)
    her = ("--folder", tmp_path / "anna", "--home", "http://127.0.0.1:9", "--dev")
    for command in ("step", "retreat", "decline", "pause", "end"):
        result = await run("customer", command, "-5KEXe_O", *her, code=2)
        assert "-5KEXe_O: no " in result.output
    assert "with --config" in (await run("vendor", code=2)).output
    misplaced = await run("vendor", "--config", "x.toml", "relationships", code=2)
    assert "vendor relationships --config x.toml" in misplaced.output
