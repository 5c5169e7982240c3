"""Disputes between the two agents, at the real home: opened, answered, closed, and what they hold."""

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
from vrmproto import spec, strictjson
from vrmproto.agents import AgentError, CustomerAgent, Refused, VendorAgent
from vrmproto.cli import app as cli
from vrmproto.thread_export import verify_thread

SPEC = spec.load()

NEED = {"title": "Toyota Yaris", "categories": [{"scheme": "unspsc", "code": "25101503"}]}
PRICE = {"amount": "12450.00", "currency": "EUR"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


async def offered(ann: CustomerAgent, vendor: VendorAgent) -> str:
    """An offer that she has heard; its thread."""
    intent = await ann.publish(NEED)
    async for found in vendor.watch(wait=5):
        await vendor.offer(found, [{"title": "Yaris", "quantity": {"value": "1"}, "price": PRICE}], PRICE)
        break
    await ann.poll()
    (offer,) = ann.offers(intent.thid)
    return offer.thid


async def test_a_dispute_about_terms_that_have_ended(world: World) -> None:
    vendor, ann = await world.vendor(policy={"accepts": ["SD-BASE-DP"]}), await world.customer()
    terms = await ann.proffer(vendor.origin)
    with pytest.raises(AgentError, match="no agreement"):
        await ann.dispute(terms.thid, "Too early.")
    await vendor.answer_all()
    await ann.poll()
    await ann.terminate(terms.thid)
    sent = await ann.dispute(terms.thid, "My address was passed on.", clause="share-third-party")
    assert sent.state == "open"
    assert {e.type for e in await vendor.poll()} == {"agreement.terminate", "dispute.open"}
    assert vendor.disputes(terms.thid) == ann.disputes(terms.thid) == [sent.thid]
    note = await vendor.note(sent.thid, "It was not.", answers=sent.mid)
    assert note.state == "open"
    with pytest.raises(Refused) as refused:
        await vendor.close_dispute(sent.thid)
    assert refused.value.code == "role-forbidden"
    await ann.poll()
    assert (await ann.close_dispute(sent.thid, "referred", "The authority has it.")).state == "closed"
    for agent in (ann, vendor):
        await agent.poll()
        view = await agent.thread(sent.thid)
        assert (view.state, view.verified, len(view.messages)) == ("closed", True, 3)
        assert (await agent.thread(terms.thid)).state == "terminated"


async def test_an_organisation_opens_one_and_either_closes_it(world: World) -> None:
    vendor, ann = await world.vendor(policy={"accepts": ["SD-BASE-DP"]}), await world.customer()
    terms = await ann.proffer(vendor.origin)
    await vendor.answer_all()
    await ann.poll()
    for closes in (ann, vendor):
        claim = await vendor.dispute(terms.thid, "The bill was not paid.")
        assert claim.state == "claimed"
        document = (await ann.wire.get(ann.signer_for(vendor.origin), "threads", claim.thid)).document()
        told = verify_thread(SPEC, strictjson.dumps(document))
        assert (told.ok, told.facts["first"], told.facts["second"]) == (
            True, ann.signer_for(vendor.origin).iss, vendor.origin,
        )  # fmt: skip
        await ann.poll()
        assert (await closes.close_dispute(claim.thid, "dropped")).state == "closed"
    assert len(vendor.disputes(terms.thid)) == 2


async def test_what_she_names_is_kept_until_the_dispute_is_closed(world: World) -> None:
    """The offer is purged: of its messages those that her dispute names stay, at the home and in the book."""
    vendor, ann = await world.vendor(), await world.customer()
    offer = await offered(ann, vendor)
    said = await ann.say(offer, "Does it have winter tyres?")
    await vendor.poll()
    lied = await vendor.say(offer, "Yes, mounted.")
    await ann.poll()
    await ann.decline_offer(offer)
    dispute = await ann.dispute(offer, "It has none.", messages=[lied.mid])
    await vendor.poll()
    purged = await vendor.purge(offer)
    assert purged.state == "purged"
    kept = {m.mid for m in vendor.view(offer).messages if m.token}
    assert kept == {offer, lied.mid, purged.mid}
    document = (await vendor.wire.get(vendor.signer_for(""), "threads", offer)).document()
    whole = [m for m in document["messages"] if "token" in m]
    assert [m["seq"] for m in whole] == [1, 3]
    assert lied.token == whole[1]["token"]
    assert {m["mid"] for m in document["messages"] if "token" not in m} >= {said.mid, purged.mid}
    report = verify_thread(SPEC, strictjson.dumps(document))
    assert report.ok, report
    disputed = (await vendor.wire.get(vendor.signer_for(""), "threads", dispute.thid)).document()
    assert verify_thread(SPEC, strictjson.dumps(disputed)).ok
    await ann.poll()
    attested = ann.view(offer).messages[-1].body
    assert attested["kept"] == [{"what": "messages that a dispute names", "why": "the dispute is open"}]
    await vendor.close()
    vendor = await world.vendor()
    assert vendor.view(dispute.thid).thread.parent == offer
    await ann.close_dispute(dispute.thid)
    await vendor.poll()
    await vendor.purge_due()
    assert {m.mid for m in vendor.view(offer).messages if m.token} == {offer, purged.mid}
    document = (await vendor.wire.get(vendor.signer_for(""), "threads", offer)).document()
    assert [m["seq"] for m in document["messages"] if "token" in m] == [1]
    view = await vendor.thread(offer)
    assert (view.state, view.verified) == ("purged", True)


async def test_at_the_command_line(world: World) -> None:
    """An agreement is found by the beginning of its id, disputed, argued about, and the dispute closed."""
    world.clock.time = time.time()
    vendor, folder = await world.vendor(policy={"accepts": ["SD-BASE-DP"]}), world.folder / "bea"
    bea = await CustomerAgent.open(folder, world.origin, dev=True)
    terms = await bea.proffer(vendor.origin)
    await bea.close()
    await vendor.answer_all()

    async def run(*words: str, code: int = 0) -> Any:
        more = ["--folder", str(folder), "--home", world.origin, "--dev"]
        result = await asyncio.to_thread(CliRunner().invoke, cli.build(), ["customer", *words, *more])
        assert result.exit_code == code, result.output
        return result

    assert "there is no dispute" in (await run("disputes")).stderr
    assert "SD-BASE-DP" in (await run("agreements")).stdout
    wrong = await run("dispute", terms.thid[:8], "It was not so.", "--clause", "politeness", code=2)
    assert "share-third-party" in wrong.stderr
    assert "no agreement here begins so" in (await run("dispute", "zzzzzz", "It was not so.", code=2)).stderr
    said = ("My address was passed on.", "--clause", "share-third-party", "--message", terms.mid)
    sent = json.loads((await run("dispute", terms.thid[:8], *said, "--json")).stdout)
    await vendor.poll()
    await vendor.note(sent["thid"], "It was not.")
    assert "they: It was not." in (await run("disputes")).stdout
    assert "open" in (await run("note", sent["thid"][:8], "It was.")).stdout
    closed = await run("settle", sent["thid"][:8], "--outcome", "referred", "--text", "The authority has it.")
    assert "closed" in closed.stdout
    (shown,) = [json.loads(line) for line in (await run("disputes", "--json")).stdout.splitlines()]
    assert (shown["about"], shown["state"], len(shown["messages"])) == (terms.thid, "closed", 4)
    (agreement,) = [json.loads(line) for line in (await run("agreements", "--json")).stdout.splitlines()]
    assert (agreement["in_force"], agreement["agreement"]["id"]) == (True, "SD-BASE-DP")
