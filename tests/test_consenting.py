"""Consents between the two agents, at the real home: asked for, decided on, taken back, and passed on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import consenting
from tests.test_agents import World
from tests.test_relating import ACCEPTS, agree, both, refused, related, reopened, run
from vrmproto.agents import AgentError, CustomerAgent, Policy, VendorAgent, WireError
from vrmproto.agents.consenting import read_request

DPV = "https://w3id.org/dpv#"
MARKETING, CARE, BENEFITS = (
    DPV + "DirectMarketing",
    DPV + "CommunicationForCustomerCare",
    DPV + "PersonalisedBenefits",
)
PERSONALISATION = DPV + "ServicePersonalisation"
DAY = 86400


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


def asking(*purposes: str, **changes: Any) -> dict[str, Any]:
    """A request in short names, with nothing that the agent adds itself."""
    body = consenting.request(1_800_000_000, *(purposes or ("DirectMarketing", "PersonalisedBenefits")))
    body["notice"].pop("presented_at")
    body |= {"data": ["EmailAddress"], "processing": ["Store", "Use"], "rights": ["A7-3", "A17"]}
    body |= {"recipients": [], **changes}
    body.pop("answer_by")
    return body


async def near(world: World, **options: Any) -> tuple[CustomerAgent, VendorAgent, str]:
    """The two in a relationship in which consents may be asked for."""
    ann, vendor, thid = await related(world, **options)
    await ann.step(thid, "subscriber")
    await vendor.poll()
    return ann, vendor, thid


async def given(ann: CustomerAgent, vendor: VendorAgent, bond: str, *purposes: str, **changes: Any) -> str:
    """A consent that was asked for and granted whole; its thread."""
    asked = await vendor.ask_consent(bond, asking(*purposes, **changes))
    await ann.poll()
    await ann.grant(asked.thid)
    await vendor.poll()
    return asked.thid


async def test_asked_with_everything_and_decided_by_purpose(world: World) -> None:
    ann, vendor, bond = await near(world)
    person = ann.view(bond).thread.first
    asked = await vendor.ask_consent(bond, asking(), answer_in="P2D")
    assert asked.state == "requested"
    await ann.poll()
    (one,) = ann.consents(vendor.origin)
    assert (one.open, one.live, one.asked) == (True, False, (MARKETING, BENEFITS))
    assert one.request["controller"]["name"] == "De Autohandel B.V."
    assert one.request["data"] == ["https://w3id.org/dpv/pd#EmailAddress"]
    assert one.deadline == world.clock.time + 2 * DAY
    assert not vendor.may(person, MARKETING)
    assert (await ann.grant(asked.thid, ["DirectMarketing"], until="P30D")).state == "granted"
    await vendor.poll()
    for agent in (ann, vendor):
        (one,) = agent.consents()
        assert (one.open, one.live, one.purposes) == (False, True, (MARKETING,))
        assert one.deadline == world.clock.time + 30 * DAY
    assert vendor.may(person, "DirectMarketing")
    assert not vendor.may(person, BENEFITS)
    for agent in (ann, vendor):
        record = await agent.record(asked.thid)
        assert (record.ok, record.data["kind"], record.data["purposes"]) == (True, "consent", [MARKETING])
    assert vendor.may(person, CARE), "the agreement permits it"
    assert not vendor.may("did:jwk:e30", MARKETING)
    with pytest.raises(AgentError, match="is no purpose"):
        vendor.may(person, "Nonsense")
    with pytest.raises(AgentError, match="is no consent"):
        await ann.grant(bond)


async def test_narrowed_renewed_withdrawn_and_lapsed(world: World) -> None:
    ann, vendor, bond = await near(world)
    person = ann.view(bond).thread.first
    thid = await given(ann, vendor, bond)
    assert await refused(ann.narrow(thid, [CARE])) == "purpose-not-asked"
    await ann.narrow(thid, [BENEFITS])
    await ann.renew(thid, "P2Y")
    await vendor.poll()
    assert (vendor.may(person, MARKETING), vendor.may(person, BENEFITS)) == (False, True)
    assert ann.consent(thid).deadline == vendor.consent(thid).deadline
    assert (await ann.withdraw_consent(thid)).state == "withdrawn"
    await vendor.poll()
    assert not vendor.may(person, BENEFITS)
    (sent,) = await vendor.propagate_due()
    assert sent.state == "propagated"
    await ann.poll()
    told = ann.consent(thid).propagated
    assert told is not None
    assert told["told"] == []
    short = await vendor.ask_consent(bond, asking())
    await ann.poll()
    await ann.grant(short.thid, until=60)
    await vendor.poll()
    assert vendor.may(person, MARKETING)
    world.clock.time += 60
    assert not vendor.may(person, MARKETING)
    assert [one.state for one in ann.consents()] == ["propagated", "lapsed"]
    assert [one.thid for _, one in vendor.owing()] == [short.thid]


async def test_refused_is_not_asked_again_and_the_organisation_knows_that(world: World) -> None:
    ann, vendor, bond = await near(world)
    asked = await vendor.ask_consent(bond, asking())
    await ann.poll()
    assert (await ann.refuse_consent(asked.thid, "not for this")).state == "refused"
    await vendor.poll()
    with pytest.raises(AgentError, match="asked-again: "):
        await vendor.ask_consent(bond, asking("DirectMarketing"))
    world.clock.time += 190 * DAY
    assert (await vendor.ask_consent(bond, asking("DirectMarketing"))).state == "requested"
    assert (await vendor.relinquish(vendor.consents()[-1].thid, "never mind")).state == "relinquished"


async def test_what_the_organisation_does_not_even_ask(world: World) -> None:
    """Each is refused by the agent with the code that the home would give."""
    ann, vendor, bond = await related(world)
    with pytest.raises(AgentError, match="stage-forbids: the rung she is on"):
        await vendor.ask_consent(bond, asking())
    await ann.step(bond, "subscriber")
    await vendor.poll()
    with pytest.raises(AgentError, match="terms-prohibit"):
        await vendor.ask_consent(bond, asking("SellDataToThirdParties"))
    with pytest.raises(AgentError, match="stage-forbids: the rung does not list a category"):
        await vendor.ask_consent(bond, asking(data=["Name"]))
    with pytest.raises(AgentError, match="controller"):
        await vendor.ask_consent(bond, {n: v for n, v in asking().items() if n != "controller"})
    await ann.prefer(bond, {"zone": "UTC", "rate": {"most": 1, "within": "P1W"}})
    await vendor.poll()
    await vendor.ask_consent(bond, asking())
    with pytest.raises(AgentError, match="preference-forbids: she wants no more"):
        await vendor.ask_consent(bond, asking("PersonalisedBenefits"))
    await ann.pause(bond)
    await vendor.poll()
    with pytest.raises(AgentError, match="relationship-paused"):
        await vendor.ask_consent(bond, asking("PersonalisedBenefits"))
    await ann.terminate(ann.stands(bond).agreements[0].thid)
    await vendor.poll()
    with pytest.raises(AgentError, match="no agreement in force"):
        await vendor.ask_consent(bond, asking())


async def test_all_consents_are_withdrawn_in_one_call(world: World) -> None:
    ann, vendor, bond = await near(world)
    other = await world.vendor("other", policy=ACCEPTS)
    await agree(ann, other)
    second = (await ann.relate(other.origin)).thid
    await ann.step(second, "subscriber")
    await other.poll()
    one = await given(ann, vendor, bond, "DirectMarketing")
    two = await given(ann, vendor, bond, "PersonalisedBenefits")
    three = await given(ann, other, second)
    assert [s.thid for s in await ann.withdraw_consents(other.origin)] == [three]

    async def lost(request: web.Request, response: web.Response) -> web.Response | None:
        return web.Response(status=502) if request.path == "/v1/messages" else None

    world.after, ann.wire._pause = lost, 0.01
    assert [s.state for s in await ann.withdraw_consents()] == ["", ""]
    world.after = None
    ann = await reopened(world, ann, "ann")
    assert {s.thid for s in await ann.resume()} == {one, two}
    assert await ann.withdraw_consents() == []
    await vendor.poll()
    assert {c.state for c in ann.consents()} == {c.state for c in vendor.consents()} == {"withdrawn"}
    last = [m for m in ann.view(one).messages if m.type == "consent.withdraw"]
    assert [m.body for m in last] == [{}]
    await given(ann, vendor, bond, "DirectMarketing")

    async def down(request: web.Request) -> web.Response | None:
        if request.path == "/v1/messages" and request.transport is not None:
            request.transport.close()
        return None

    world.before, ann.wire._pause = down, 0.01
    with pytest.raises(WireError):
        await ann.withdraw_consents()
    world.before = None
    assert [s.state for s in await ann.resume()] == ["withdrawn"]


async def test_a_vendor_that_works_by_itself_says_that_it_has_stopped(world: World, tmp_path: Path) -> None:
    """Without recipients at once; with some by a program that tells them, and never without one."""
    program = tmp_path / "tell.py"
    program.write_text(
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "print(json.dumps({'told': [one['name'] for one in asked['recipients']]}))\n"
    )
    ann, vendor, bond = await near(world)
    courier = [{"name": "Bezorgd B.V.", "contact": "tel:+31101234567"}]
    with_none = await given(ann, vendor, bond, "DirectMarketing")
    with_some = await given(ann, vendor, bond, "PersonalisedBenefits", recipients=courier)
    await ann.withdraw_consents(vendor.origin)
    assert [(s.thid, s.state) for s in await vendor.work_once()] == [(with_none, "propagated")]
    assert await vendor.work_once() == []
    ((until, one),) = vendor.owing()
    assert (one.thid, until) == (with_some, int(world.clock.time) + DAY)
    await vendor.close()
    policy = {**ACCEPTS, "tell": [sys.executable, str(program)], "propagate_within": "PT1H"}
    vendor = await world.vendor(policy=policy)
    assert vendor.owing()[0][0] == int(world.clock.time) + 3600
    assert [(s.thid, s.state) for s in await vendor.work_once()] == [(with_some, "propagated")]
    await ann.poll()
    assert (ann.consent(with_some).propagated or {})["told"] == ["Bezorgd B.V."]
    with pytest.raises(AgentError, match="is no duration"):
        await world.vendor("wrong", policy={"propagate_within": "soon"})
    with pytest.raises(ValueError, match="hold or apply"):
        Policy.of({"corrections": "maybe"})


async def test_the_end_and_another_key_and_agents_started_again(world: World) -> None:
    ann, vendor, bond = await near(world)
    person = ann.view(bond).thread.first
    thid = await given(ann, vendor, bond)
    await ann.rotate(bond)
    await vendor.poll()
    now = ann.view(bond).thread.first
    ann, vendor = await reopened(world, ann, "ann"), await reopened(world, vendor, "shop")
    for key in (person, now):
        assert vendor.may(key, MARKETING)
    await ann.narrow(thid, ["DirectMarketing"])
    world.clock.time += 5
    await ann.end(bond)
    await vendor.poll()
    for agent in (ann, vendor):
        assert (await agent.thread(thid)).verified
        assert agent.consent(thid).state == "withdrawn"
    assert not vendor.may(now, MARKETING)
    sent = await vendor.attest(bond)
    assert sent.state == "closed"
    await ann.poll()
    attested = ann.stands(bond).attested
    assert [k["what"] for k in (attested or {})["kept"]] == ["the consents that were given"]
    vendor = await reopened(world, vendor, "shop")
    (propagated,) = await vendor.propagate_due()
    assert propagated.state == "propagated"
    await ann.poll()
    ann = await reopened(world, ann, "ann")
    assert ann.consent(thid).state == vendor.consent(thid).state == "propagated"


ASKS: dict[str, Any] = {"types": ["consent.request"], "categories": ["https://w3id.org/dpv/pd#EmailAddress"]}
LADDER: dict[str, Any] = {"id": "of-the-shop", "version": "1.0", "lang": "en"}
LADDER["rungs"] = [
    {"stage": "guest", "title": "Guest", "purposes": [], **ASKS},
    {
        "stage": "friend",
        "title": "Friend",
        "purposes": [MARKETING],
        "types": ["consent.request"],
        "categories": [*ASKS["categories"], "https://w3id.org/dpv/pd#Interest"],
    },
]


async def test_a_rung_that_a_consent_reaches(world: World) -> None:
    """Steps by a consent, verified by both; what rests on one that has not come waits for it."""
    vendor = await world.vendor(policy=ACCEPTS, ladder=json.dumps(LADDER).encode())
    ann = await world.customer()
    await agree(ann, vendor)
    bond = (await ann.relate(vendor.origin, await ann.ladder_of(vendor.origin))).thid
    await vendor.poll()
    asked = await vendor.ask_consent(bond, asking("DirectMarketing"))
    await ann.poll()
    with pytest.raises(AgentError, match="reaches the rung friend"):
        await ann.step(bond, "friend")
    await ann.grant(asked.thid)
    assert (await ann.step(bond, "friend")).state == "open"
    ahead = await vendor.thread(bond)
    assert (ahead.verified, ahead.reason) == (False, "consent")
    await vendor.poll()
    assert both(ann, vendor, bond).rung == "friend"
    assert list(vendor.book.evidence()) == []
    interested = asking("PersonalisedBenefits", data=["Interest"])
    assert (await vendor.ask_consent(bond, interested)).state == "requested"
    await ann.withdraw_consent(asked.thid)
    await vendor.poll()
    assert both(ann, vendor, bond).rung == "guest"
    with pytest.raises(AgentError, match="stage-forbids"):
        await vendor.ask_consent(bond, interested)
    await ann.poll()
    assert list(ann.book.evidence()) == []
    for agent, name in ((ann, "ann"), (vendor, "shop")):
        again = await reopened(world, agent, name)
        assert (await again.thread(bond)).verified
        assert again.stands(bond).rung == "guest"


def test_a_request_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text("We keep your address for a year.")
    file = tmp_path / "ask.toml"
    file.write_text('purposes = ["DirectMarketing"]\n[notice]\nfile = "notice.txt"\nlang = "en"\n')
    said = read_request(file)
    assert said["notice"].keys() == {"lang", "digest"}
    assert len(said["notice"]["digest"]) == 43
    (tmp_path / "ask.json").write_text(json.dumps(asking()))
    assert read_request(tmp_path / "ask.json") == asking()
    for text in ("[", '["a list"]'):
        (tmp_path / "wrong.json").write_text(text)
        with pytest.raises(ValueError, match=r"wrong\.json"):
            read_request(tmp_path / "wrong.json")


# --- the command line ------------------------------------------------------------------------------


class Line:
    """Both sides of a relationship at the command line."""

    def __init__(self, world: World, folder: Path, config: Path, vendor: str, bond: str) -> None:
        self.world, self.folder, self.config, self.vendor, self.bond = world, folder, config, vendor, bond

    async def her(self, *words: object, code: int = 0) -> Any:
        """One command of the person."""
        more = ("--folder", self.folder, "--home", self.world.origin, "--dev")
        return await run("customer", *words, *more, code=code)

    async def shop(self, *words: object, code: int = 0) -> Any:
        """One command of the organisation."""
        return await run("vendor", *words, "--config", self.config, code=code)


async def at_the_line(world: World) -> Line:
    """The two with a relationship on the rung subscriber, each with a folder and nobody there."""
    world.clock.time = time.time()
    vendor, folder = await world.vendor(policy=ACCEPTS), world.folder / "bea"
    bea = await CustomerAgent.open(folder, world.origin, dev=True)
    await agree(bea, vendor)
    bond = (await bea.relate(vendor.origin)).thid
    await bea.step(bond, "subscriber")
    await bea.close()
    await vendor.close()
    config = world.folder / "shop.toml"
    config.write_text(f'home = "{world.origin}"\ndev = true\n')
    return Line(world, folder, config, vendor.origin, bond)


def rows(result: Any) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_consents_at_the_command_line(world: World) -> None:
    line = await at_the_line(world)
    her, shop, bond = line.her, line.shop, line.bond[:8]
    courier = [{"name": "Bezorgd B.V.", "address": "Kade 2", "contact": "tel:+31101234567"}]
    file = world.folder / "ask.json"
    file.write_text(json.dumps(asking(recipients=courier)))
    assert "no consent was asked for yet" in (await her("consents")).stderr
    assert "there is no consent" in (await shop("consents")).stderr
    missing = str(world.folder / "none.toml")
    assert "No such file" in (await shop("ask-consent", bond, missing, code=2)).stderr
    asked = rows(await shop("ask-consent", bond, str(file), "--answer-in", "P2D", "--json"))[0]["thid"]
    shown = (await her("consents", line.vendor)).stdout
    assert f"{line.vendor}: requested until" in shown
    for text in (
        "for DirectMarketing\n", "De Autohandel B.V., Damrak 1", "data: EmailAddress", "Bezorgd B.V.",
        "kept for P1Y in NL, DE", "One message, at any time.", "A7-3, A17", "https://shop.example/privacy",
    ):  # fmt: skip
        assert text in shown
    said = asking(recipients=courier)
    for text in (
        "Bezorgd B.V., Kade 2 (tel:+31101234567)",
        said["authority"]["contact"],
        said["notice"]["digest"],
        f"({said['notice']['lang']})",
    ):
        assert text in shown  # VRM-CNS-017
    assert "Nonsense is no purpose" in (await her("grant", asked[:8], "Nonsense", code=2)).stderr
    assert "no consent here begins so; `vrmproto customer consents`" in (
        (await her("grant", "zzzzzz", code=2)).stderr
    )
    assert (await shop("may", bond, "DirectMarketing", code=1)).stdout == "no\n"
    assert "granted: message" in (await her("grant", asked[:8], "--until", "P30D")).stdout
    assert (await shop("may", bond, "DirectMarketing", "--json")).stdout == "true\n"
    assert "granted: message" in (await her("narrow", asked[:8], "DirectMarketing")).stdout
    assert "granted: message" in (await her("renew", asked[:8], "--until", "P60D")).stdout
    shown = (await shop("consents")).stdout
    assert "in force until" in shown
    assert "DirectMarketing (granted)" in shown
    assert "PersonalisedBenefits (not granted)" in shown
    (one,) = rows(await her("consents", "--json"))
    assert (one["consent"], one["live"], one["purposes"]) == (asked, True, [MARKETING])
    assert "consent to DirectMarketing until" in (await her("standing")).stdout
    assert [a["in_force"] for a in rows(await her("agreements", "--json"))] == [True]
    assert "name a consent" in (await her("withdraw-consent", code=2)).stderr
    wrong = await her("withdraw-consent", "https://elsewhere.example", "--all", code=2)
    assert "no organisation with a consent" in wrong.stderr
    assert "withdrawn" in (await her("withdraw-consent", line.vendor, "--all")).stdout
    assert "no consent is in force" in (await her("withdraw-consent", "--all")).stderr
    assert "state-conflict" in (await her("withdraw-consent", asked[:8], code=1)).stderr
    assert "withdrawn" in (await shop("consents", "--owing")).stdout
    assert "propagated" in (await shop("propagate", asked[:8], "--told", "Bezorgd B.V.")).stdout
    assert "told: Bezorgd B.V." in (await her("consents")).stdout
    assert "there is no such consent" in (await shop("consents", "--owing")).stderr
    file.write_text(json.dumps(asking("FraudPreventionAndDetection")))
    for answer in (("refuse", "--reason", "no"), ("relinquish",)):
        sent = rows(await shop("ask-consent", bond, str(file), "--json"))[0]["thid"]
        act = her if answer[0] == "refuse" else shop
        assert "message" in (await act(answer[0], sent[:8], *answer[1:])).stdout
        file.write_text(json.dumps(asking("SellProducts")))
    file.write_text(json.dumps(asking("FraudPreventionAndDetection")))
    assert "asked-again" in (await shop("ask-consent", bond, str(file), code=2)).stderr
    file.write_text("{")
    assert "cannot be read" in (await shop("ask-consent", bond, str(file), code=2)).stderr


async def test_ids_with_a_hyphen(tmp_path: Path) -> None:
    (tmp_path / "anna" / "homes").mkdir(parents=True)
    more = ("--folder", tmp_path / "anna", "--home", "http://127.0.0.1:9", "--dev")
    for words in (
        ("grant",), ("refuse",), ("narrow", "DirectMarketing"), ("renew",), ("withdraw-consent",),
        ("talk", "Hello."), ("say", "Hello."), ("mute",), ("unmute",), ("close-dialogue",),
        ("share", "a=b"), ("verify-data",), ("close-data",), ("correct", "a=b"), ("withdraw-correction",),
    ):  # fmt: skip
        result = await run("customer", words[0], "-5KEXe_O", *words[1:], *more, code=2)
        assert "-5KEXe_O: no " in result.output
