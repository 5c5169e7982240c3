"""Data and corrections between the two agents, at real homes; and one change told to everybody."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.test_agents import World
from tests.test_agents_intent_purge import holds
from tests.test_consenting import MARKETING, at_the_line, given, near, rows
from tests.test_relating import ACCEPTS, agree, refused, related, reopened
from vrmproto.agents import AgentError, Change, CustomerAgent, VendorAgent
from vrmproto.agents.sharing import patch_of
from vrmproto.agents.talking import CARE

MAIL = "https://w3id.org/dpv/pd#EmailAddress"
OLD, NEW = "a.jansen@example.org", "anna@example.org"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


# --- data ------------------------------------------------------------------------------------------


async def test_asked_for_and_given_and_used_for_nothing_else(world: World) -> None:
    ann, vendor, bond = await near(world)
    person = ann.view(bond).thread.first
    asked = await vendor.ask_data(bond, CARE, {"email": "EmailAddress"}, answer_in="P2D")
    assert asked.state == "requested"
    await ann.poll()
    (request,) = ann.data_requests(vendor.origin)
    assert (request.purpose, request.items) == (CARE, ({"category": MAIL, "path": "email"},))
    assert vendor.data_requests(person)[0].deadline == request.deadline == world.clock.time + 2 * 86400
    assert (await ann.share(asked.thid, {"email": OLD})).state == "shared"
    await vendor.poll()
    field = vendor.held(bond)["email"]
    assert (field.value, field.purposes, field.categories) == (OLD, (CARE,), (MAIL,))
    assert vendor.may_use(person, "email", CARE)
    assert not vendor.may_use(person, "email", MARKETING)
    assert not vendor.may_use(person, "phone", CARE)
    assert not vendor.may_use("did:jwk:e30", "email", CARE)
    await given(ann, vendor, bond, "DirectMarketing")
    assert not vendor.may_use(person, "email", MARKETING), "allowed, but not given for it"
    (one,) = ann.what_they_have()
    assert one == vendor.what_we_have(person)[0]
    assert (one.vendor, one.fields, one.values, one.since) == (
        vendor.origin, ("email",), {"email": OLD}, world.clock.time,
    )  # fmt: skip
    assert (await ann.share(asked.thid, {"language": "nl"})).state == "shared"
    await vendor.poll()
    assert vendor.held(bond)["language"].value == "nl"
    assert (await ann.close_data(asked.thid)).state == "closed"
    assert ann.data_requests() == []


async def test_refused_taken_back_and_not_even_asked(world: World) -> None:
    ann, vendor, bond = await near(world)
    one = await vendor.ask_data(bond, CARE, {"email": "EmailAddress"})
    assert (await vendor.retract_data(one.thid)).state == "retracted"
    two = await vendor.ask_data(bond, CARE, {"email": "EmailAddress"})
    await ann.poll()
    assert (await ann.refuse_data(two.thid, "you do not need it")).state == "refused"
    await vendor.poll()
    with pytest.raises(AgentError, match="asked-again"):
        await vendor.ask_data(bond, CARE, {"email": "EmailAddress"})
    with pytest.raises(AgentError, match="stage-forbids"):
        await vendor.ask_data(bond, "RequestedServiceProvision", {"name": "Name"})
    with pytest.raises(AgentError, match="consent-needed"):
        await vendor.ask_data(bond, "DirectMarketing", {"email": "EmailAddress"})
    with pytest.raises(AgentError, match="is no thread of data"):
        await ann.refuse_data(bond)


async def test_unasked_and_as_a_file(world: World) -> None:
    ann, vendor, bond = await related(world)
    with pytest.raises(AgentError, match="name the purpose"):
        await ann.share(bond, {"email": OLD})
    with pytest.raises(AgentError, match="name the category of shoe_size"):
        await ann.share(bond, {"shoe_size": "43"}, purpose=CARE)
    sent = await ann.share(bond, {"shoe_size": "43"}, purpose=CARE, categories=["Size"])
    assert sent.state == "shared"
    file = await ann.share(
        bond, {"photo": ""}, purpose=CARE, categories=["Picture"], file=b"JPEG", media_type="image/jpeg"
    )
    await vendor.poll()
    assert [one.fields for one in vendor.what_we_have()] == [("shoe_size",), ("photo",)]
    assert vendor.what_we_have()[1].values == {}
    content = vendor.view(file.thid).messages[0].body["content"]
    assert await vendor.blob(content["ref"], file.thid) == b"JPEG"
    assert set(vendor.held(bond)) == {"shoe_size"}


async def test_reported_verified_and_reported_anew(world: World) -> None:
    ann, vendor, bond = await related(world)
    with pytest.raises(AgentError, match="nothing is held"):
        await vendor.report(bond)
    vendor.hold(bond, {"email": OLD}, purpose=CARE, categories=["EmailAddress"], source="you, in May")
    vendor.hold(bond, {"debts": "none"}, purpose="PaymentManagement", categories=["CreditWorthiness"])
    with pytest.raises(AgentError, match="name the purpose"):
        await vendor.report(bond)
    with pytest.raises(AgentError, match="nothing is held of phone"):
        await vendor.report(bond, ["phone"])
    sent = await vendor.report(bond, ["email"])
    assert sent.state == "reported"
    await ann.poll()
    (one,) = ann.what_they_have(vendor.origin)
    assert (one.values, one.sources, one.verified_as_of) == ({"email": OLD}, {"email": "you, in May"}, "")
    world.clock.time += 60
    await ann.verify_data(sent.thid)
    await vendor.poll()
    (one,) = vendor.what_we_have()
    assert one.verified_as_of == ann._by(0) > one.as_of
    again = await vendor.report(bond, purpose=CARE)
    assert again.thid == sent.thid
    await ann.poll()
    (one,) = ann.what_they_have()
    assert (one.mid, one.verified_as_of) == (again.mid, "")


# --- corrections -----------------------------------------------------------------------------------


def test_a_patch_is_the_difference_with_a_test_of_each_field() -> None:
    fields = {"email": OLD, "phone": "1", "name": "A"}
    right = {"email": NEW, "phone": None, "city": "Delft", "name": "A", "fax": None}
    assert patch_of(fields, right) == [
        {"op": "test", "path": "/email", "value": OLD},
        {"op": "replace", "path": "/email", "value": NEW},
        {"op": "test", "path": "/phone", "value": "1"},
        {"op": "remove", "path": "/phone"},
        {"op": "add", "path": "/city", "value": "Delft"},
    ]


async def test_applied_at_every_path_and_again_and_back(world: World) -> None:
    ann, vendor, bond = await related(world)
    vendor.hold(bond, {"email": OLD, "phone": "1"}, purpose=CARE, categories=["EmailAddress"])
    report = await vendor.report(bond)
    await ann.poll()
    sent = await ann.correct(report.thid, {"email": NEW, "phone": None, "city": "Delft"}, reason="moved")
    assert sent.state == "submitted"
    await vendor.poll()
    (one,) = vendor.corrections()
    assert (one.paths, one.reason, one.open) == (("/email", "/phone", "/city"), "moved", True)
    assert await vendor.work_once() == [], "a person decides, unless the policy says otherwise"
    assert (await vendor.apply_correction(one.thid)).state == "applied"
    assert {n: f.value for n, f in vendor.held(bond).items()} == {"email": NEW, "city": "Delft"}
    await ann.poll()
    assert ann.what_they_have()[0].values == {"email": NEW, "city": "Delft"}
    with pytest.raises(AgentError, match="holds that already"):
        await ann.correct(report.thid, {"email": NEW})
    world.clock.time += 5
    for value in ("third@example.org", OLD):
        again = await ann.correct(report.thid, {"email": value})
        await vendor.poll()
        await vendor.apply_correction(again.thid)
        await ann.poll()
        assert ann.what_they_have()[0].values["email"] == vendor.held(bond)["email"].value == value
        world.clock.time += 5
    vendor = await reopened(world, vendor, "shop")
    assert vendor.held(bond)["email"].value == OLD
    assert list(ann.book.evidence()) == list(vendor.book.evidence()) == []


async def test_refused_path_by_path_and_nothing_changes(world: World) -> None:
    ann, vendor, bond = await related(world)
    shared = await ann.share(bond, {"email": OLD, "name": "A"}, purpose=CARE)
    await vendor.poll()
    vendor.hold(bond, {"email": "other@example.org"}, purpose=CARE, categories=["EmailAddress"])
    sent = await ann.correct(shared.thid, {"email": NEW, "name": "Anna"})
    await vendor.poll()
    assert vendor.objections(sent.thid) == {"/email": "Something else is held here."}
    with pytest.raises(AgentError, match=r"/email: Something else"):
        await vendor.apply_correction(sent.thid)
    await vendor.close()
    vendor = await world.vendor(policy={**ACCEPTS, "corrections": "apply"})
    assert [s.state for s in await vendor.work_once()] == ["refused"]
    assert vendor.held(bond)["name"].value == "A"
    await ann.poll()
    (one,) = ann.corrections(vendor.origin)
    assert (one.state, one.reasons) == ("refused", {"/email": "Something else is held here."})
    late = await ann.correct(shared.thid, {"name": "Anna"}, answer_in=60)
    world.clock.time += 61
    assert ann.correction(late.thid).late
    assert [s.state for s in await vendor.work_once()] == ["applied"]
    back = await ann.correct(shared.thid, {"name": "Anne"})
    assert (await ann.withdraw_correction(back.thid)).state == "withdrawn"
    await vendor.poll()
    assert await refused(vendor.apply_correction(back.thid)) == "state-conflict"
    assert vendor.held(bond)["name"].value == "Anna"


async def test_after_the_end_and_another_key_and_the_erasing(world: World) -> None:
    ann, vendor, bond = await related(world)
    shared = await ann.share(bond, {"email": OLD}, purpose=CARE)
    await ann.rotate(bond)
    ann, vendor = await reopened(world, ann, "ann"), await reopened(world, vendor, "shop")
    await vendor.poll()
    world.clock.time += 5
    await ann.end(bond)
    sent = await ann.correct(shared.thid, {"email": NEW})
    await vendor.poll()
    assert (await vendor.apply_correction(sent.thid)).state == "applied"
    await ann.poll()
    (one,) = ann.what_they_have()
    assert (one.values, one.state, one.ended, one.erased) == ({"email": NEW}, "closed", True, False)
    waiting = await ann.correct(shared.thid, {"email": "w@example.org"})
    await vendor.poll()
    assert len(holds(vendor.book.folder, OLD)) > 0
    await vendor.attest(bond)
    for text in (OLD, NEW, "w@example.org"):
        assert holds(vendor.book.folder, text) == []
    vendor = await reopened(world, vendor, "shop")
    assert vendor.held(bond) == {}
    with pytest.raises(AgentError, match="Nothing of this is held any more"):
        await vendor.apply_correction(waiting.thid)
    with pytest.raises(AgentError, match="names no /phone"):  # VRM-COR-009
        await vendor.refuse_correction(waiting.thid, {"/phone": "We need it."})
    await vendor.refuse_correction(waiting.thid, vendor.objections(waiting.thid))
    bare = await ann.correct(shared.thid, {"email": "u@example.org"})
    await vendor.poll()
    assert (await vendor.refuse_correction(bare.thid)).state == "refused"
    again = await ann.correct(shared.thid, {"email": "v@example.org"})
    await vendor.poll()
    (answer,) = await vendor.answer_corrections()
    assert (answer.thid, answer.state) == (again.thid, "refused")
    assert holds(vendor.book.folder, "v@example.org") == []
    await ann.poll()
    assert ann.correction(again.thid).reasons == {"/email": "Nothing of this is held any more."}
    assert ann.what_they_have()[0].erased
    for agent in (ann, await reopened(world, vendor, "shop")):
        for thid in (shared.thid, again.thid, waiting.thid, bond):
            assert (await agent.thread(thid)).verified


# --- one change, told to everybody -----------------------------------------------------------------


class Stopped(Exception):
    """The process is killed here."""


class Rest:
    """A sleep that moves the clock, and is killed at one of its turns."""

    def __init__(self, world: World, end: int = 0) -> None:
        self.world, self.end, self.lengths = world, end, list[float]()

    async def __call__(self, length: float) -> None:
        self.lengths.append(length)
        if len(self.lengths) == self.end:
            raise Stopped
        self.world.clock.time += length


async def bound(world: World, ann: CustomerAgent, name: str, **options: Any) -> tuple[VendorAgent, str]:
    """An organisation that has her address, by what she shared; and their relationship."""
    vendor = await world.vendor(name, policy={**ACCEPTS, **options})
    await agree(ann, vendor)
    bond = (await ann.relate(vendor.origin)).thid
    await ann.share(bond, {"email": OLD}, purpose=CARE)
    await vendor.poll()
    return vendor, bond


def results(change: Change) -> dict[str, str]:
    return {one.vendor: one.result for one in change.outcomes}


async def test_five_organisations_and_a_process_that_is_killed(world: World) -> None:
    """One applies, one refuses, one is silent, one is out of reach at another home, one has ended."""
    away = World(world.folder / "away", world.stack, world.clock)
    away.folder.mkdir()
    await away.start()
    ann = await world.customer()
    keen, _ = await bound(world, ann, "keen", corrections="apply")
    stubborn, bond = await bound(world, ann, "stubborn", corrections="apply")
    stubborn.hold(bond, {"email": "else@example.org"}, purpose=CARE, categories=["EmailAddress"])
    silent, _ = await bound(world, ann, "silent")
    gone, ended = await bound(world, ann, "gone", corrections="apply")
    await ann.close()
    elsewhere = await CustomerAgent.open(world.folder / "ann", away.origin, dev=True, clock=world.clock)
    far, _ = await bound(away, elsewhere, "far", corrections="apply")
    await elsewhere.close()
    ann = await world.customer()
    world.clock.time += 5
    await ann.end(ended)
    down = True

    async def closed(_: web.Request) -> web.Response | None:
        return web.Response(status=503) if down else None

    away.before = closed
    rest = Rest(world, end=2)
    told: dict[str, Any] = {
        "apart": (10.0, 20.0),
        "rng": random.Random(7),
        "reason": "I have another address.",
    }
    with pytest.raises(Stopped):
        await ann.change_everywhere({"email": NEW}, sleep=rest, **told)
    assert all(0 < length <= 20 for length in rest.lengths)
    await ann.close()
    ann = await world.customer()
    first = next(iter(await ann.changes(hear=False)))
    assert sorted(results(first).values()).count("planned") == 3
    assert not first.done
    change = await ann.change_everywhere({"email": NEW}, sleep=rest, **told)
    assert change.id == first.id
    assert results(change) == {
        keen.origin: "waiting", stubborn.origin: "waiting", silent.origin: "waiting",
        gone.origin: "waiting", far.origin: "unreachable",
    }  # fmt: skip
    assert {one.vendor: one.ended for one in change.outcomes}[gone.origin]
    for vendor in (keen, stubborn, gone):
        await vendor.work_once()
    await silent.poll()
    for vendor in (keen, stubborn, silent, gone):
        assert len(vendor.corrections()) == 1, "nobody is told twice"
    world.clock.time += 40 * 86400
    (after,) = await ann.changes()
    assert results(after) == {
        keen.origin: "applied", stubborn.origin: "refused", silent.origin: "no answer",
        gone.origin: "applied", far.origin: "unreachable",
    }  # fmt: skip
    by = {one.vendor: one for one in after.outcomes}
    assert by[stubborn.origin].reasons == {"/email": "Something else is held here."}
    assert "out of reach" in by[far.origin].detail or "503" in by[far.origin].detail
    down = False
    done = await ann.change_everywhere({"email": NEW}, sleep=rest, **told)
    assert (done.id, done.done, results(done)[far.origin]) == (first.id, True, "waiting")
    await far.work_once()
    (last,) = await ann.changes()
    assert results(last)[far.origin] == "applied"
    assert far.held(far.relationships()[0].thid)["email"].value == NEW
    again = await ann.change_everywhere({"email": NEW}, sleep=rest, **told)
    assert again.id != first.id
    assert results(again) == {
        keen.origin: "right", gone.origin: "right", far.origin: "right",
        stubborn.origin: "waiting", silent.origin: "no answer",
    }  # fmt: skip
    await silent.poll()
    assert len(silent.corrections()) == 1, "it has been asked already"


async def test_killed_behind_every_write(world: World) -> None:
    """A message that was taken and whose receipt was lost is the same message when it goes on."""
    ann = await world.customer()
    vendor, _ = await bound(world, ann, "shop")

    async def lost(request: web.Request, response: web.Response) -> web.Response | None:
        return web.Response(status=502) if request.path == "/v1/messages" else None

    world.after, ann.wire._pause = lost, 0.01
    change = await ann.change_everywhere({"email": NEW})
    assert results(change) == {vendor.origin: "unreachable"}
    world.after = None
    world.clock.time += 7200
    ann = await reopened(world, ann, "ann")
    for _ in range(2):
        change = await ann.change_everywhere({"email": NEW}, sleep=Rest(world))
        assert results(change) == {vendor.origin: "waiting"}
    await vendor.poll()
    assert len(vendor.corrections()) == 1


async def test_never_taken_and_too_old_by_now(world: World) -> None:
    ann = await world.customer()
    vendor, _ = await bound(world, ann, "shop")

    async def down(request: web.Request) -> web.Response | None:
        return web.Response(status=502) if request.path == "/v1/messages" else None

    world.before, ann.wire._pause = down, 0.01
    assert results(await ann.change_everywhere({"email": NEW})) == {vendor.origin: "unreachable"}
    world.before = None
    world.clock.time += 7200
    ann = await reopened(world, ann, "ann")
    change = await ann.change_everywhere({"email": NEW}, sleep=Rest(world))
    assert results(change) == {vendor.origin: "waiting"}
    assert [s.thid for s in await ann.resume()] == []


async def test_shared_where_there_is_nothing_to_correct_and_who_is_not_told(world: World) -> None:
    ann = await world.customer()
    vendor, bond = await bound(world, ann, "shop")
    await ann.share(bond, {"card": ""}, purpose=CARE, categories=["Name"], file=b"scan")
    await vendor.poll()
    done = await ann.change_everywhere({"card": "A. Jansen", "email": NEW}, apart=(0, 0))
    assert {one.fields: (one.how, one.result) for one in done.outcomes} == {
        ("card",): ("share", "shared"), ("email",): ("correction", "waiting"),
    }  # fmt: skip
    await vendor.poll()
    assert vendor.held(bond)["card"].value == "A. Jansen"
    world.clock.time += 5
    await ann.share(bond, {"card": ""}, purpose=CARE, categories=["Name"], file=b"another")
    await ann.end(bond)
    (one,) = (await ann.change_everywhere({"card": "A. de Vries"})).outcomes
    assert (one.result, one.ended) == ("not told", True)
    assert "no agreement is in force" in one.detail
    await vendor.poll()
    await vendor.attest(bond)
    await ann.poll()
    (one,) = (await ann.change_everywhere({"email": "third@example.org"})).outcomes
    assert (one.result, one.detail) == ("not told", "it has attested that it has erased what it held")
    with pytest.raises(AgentError, match="name what has changed"):
        await ann.change_everywhere({})
    assert (await ann.change_everywhere({"phone": "1"})).outcomes == ()


# --- the command line ------------------------------------------------------------------------------


async def test_data_at_the_command_line(world: World) -> None:
    line = await at_the_line(world)
    her, shop, bond = line.her, line.shop, line.bond[:8]
    assert "nothing is asked for" in (await her("held")).stderr
    assert "nothing was asked for" in (await shop("held")).stderr
    asked = rows(await shop("ask-data", bond, "email=EmailAddress", "--json"))[0]["thid"]
    assert "asks for email (EmailAddress) until" in (await her("held")).stdout
    assert "is asked for email" in (await shop("held")).stdout
    assert "FIELD=VALUE" in (await her("share", asked[:8], "email", code=2)).stderr
    assert "shared" in (await her("share", asked[:8], f"email={OLD}")).stdout
    wrong = await her("share", line.vendor, "shoe_size=43", "--purpose", "DirectMarketing", code=2)
    assert "name the category of shoe_size" in wrong.stderr
    (world.folder / "photo.jpg").write_bytes(b"JPEG")
    photo = ("--purpose", "DirectMarketing", "--category", "Picture", "--file", world.folder / "photo.jpg")
    assert "shared" in (await her("share", line.vendor, "photo=", *photo)).stdout
    again = rows(await shop("ask-data", bond, "language=Language", "--json"))[0]["thid"]
    assert "refused" in (await her("refuse", again[:8])).stdout
    assert "asked-again" in (await shop("ask-data", bond, "language=Language", code=2)).stderr

    assert "--category: name what they are" in (await shop("hold", bond, "phone=1", code=2)).stderr
    kept = ("--category", "TelephoneNumber", "--source", "you, in May")
    assert "email, phone: held" in (await shop("hold", bond, "phone=1", *kept)).stdout
    reported = rows(await shop("report", bond, "phone", "--json"))[0]["thid"]
    assert "verified" not in (await her("held")).stdout
    assert "reported" in (await her("verify-data", reported[:8])).stdout
    shown = (await her("held", line.vendor)).stdout
    assert f"email: {OLD}" in shown
    assert "photo: (in a file)" in shown
    assert "phone: 1, from you, in May" in shown
    assert "verified as of" in shown
    assert "verified as of" in (await her("standing")).stdout

    assert "say what is right" in (await her("correct", asked[:8], code=2)).stderr
    assert "there is no correction" in (await her("corrections")).stderr
    one = rows(await her("correct", asked[:8], f"email={NEW}", "--reason", "moved", "--json"))[0]["thid"]
    two = rows(await her("correct", reported[:8], "--remove", "phone", "--json"))[0]["thid"]
    assert f"email: {NEW}" in (await shop("corrections", "--open")).stdout
    assert "applied" in (await shop("apply", one[:8])).stdout
    assert "refused" in (await shop("refuse-correction", two[:8], "phone=We need it.")).stdout
    assert "no correction is to be answered" in (await shop("corrections", "--open")).stderr
    shown = (await her("corrections")).stdout
    assert "refused phone: We need it." in shown
    assert f"email: {NEW}" in (await her("held")).stdout
    three = rows(await her("correct", reported[:8], "phone=2", "--json"))[0]["thid"]
    assert "withdrawn" in (await her("withdraw-correction", three[:8])).stdout

    assert "such as 60-3600" in (await her("change-everywhere", "a=b", "--apart", "9-1", code=2)).stderr
    assert "nobody has city" in (await her("change-everywhere", "city=Delft")).stderr
    told = await her("change-everywhere", "phone=3", "--apart", "0-0", "--reason", "A new number.")
    assert "phone=3: all are told" in told.stdout
    assert f"{line.vendor}: phone waiting" in told.stdout
    (four,) = [c["correction"] for c in rows(await her("corrections", "--json")) if c["open"]]
    assert "refused" in (await shop("refuse-correction", four[:8], "Not yet.")).stdout
    changes = rows(await her("changes", "--json"))
    assert [c["fields"] for c in changes] == [{"phone": "3"}]
    assert changes[0]["outcomes"][0]["reasons"] == {"/phone": "Not yet."}
    assert f"{line.vendor}: phone refused (phone: Not yet.)" in (await her("changes")).stdout
    assert rows(await shop("held", "--json"))[0]["values"] == {"email": NEW}
    assert "closed" in (await her("close-data", reported[:8])).stdout
    four = rows(await shop("ask-data", bond, "n=Name", "--purpose", "RequestedServiceProvision", code=2))
    assert four == []
    five = rows(
        await shop("ask-data", bond, "l=Language", "--purpose", "RequestedServiceProvision", "--json")
    )
    assert "retracted" in (await shop("retract-data", five[0]["thid"][:8])).stdout
