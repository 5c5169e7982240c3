"""How two stand, exported with the threads and verified offline: right views, lies, no views at all."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import deeds
from tests.test_agents import World
from tests.test_cli_export import resealed
from tests.test_cli_export import run as command
from tests.test_consenting import CARE, MARKETING, asking
from tests.test_relating import agree, run
from vrmproto import strictjson
from vrmproto.agents import CustomerAgent, VendorAgent
from vrmproto.agents.sharing import Sharing
from vrmproto.keys import b64

ACCEPTS = {"accepts": ["SD-BASE", "PDC-AI", "SD-BASE-DP"]}
OLD = "a.jansen@example.org"


@dataclass
class Story:
    """What was told at a home: exports and views of both, before the end and after the attestation."""

    folder: Path
    bond: str
    thread: str
    """A thread of data."""


async def lived(world: World, folder: Path) -> tuple[CustomerAgent, VendorAgent, Story]:
    """Two agreements, a consent, data both ways, verified and corrected, and a word that was refused."""
    vendor, ann = await world.vendor(policy=ACCEPTS), await world.customer()
    await agree(ann, vendor, "SD-BASE")
    await agree(ann, vendor, "PDC-AI")
    bond = (await ann.relate(vendor.origin)).thid
    await ann.step(bond, "subscriber")
    await vendor.poll()
    asked = await vendor.ask_consent(bond, asking())
    await ann.poll()
    await ann.grant(asked.thid, [MARKETING], until="P30D")
    shared = await ann.share(bond, {"email": OLD}, purpose=CARE)
    await vendor.poll()
    vendor.hold(bond, {"interest": "cars"}, purpose=CARE, categories=["Interest"], source="a talk")
    reported = await vendor.report(bond, ["interest"], purpose=CARE)
    await ann.poll()
    await ann.verify_data(reported.thid)
    await ann.correct(reported.thid, {"interest": "boats"})
    await ann.prefer(bond, {"zone": "UTC", "rate": {"most": 0, "within": "P1D"}})
    person = ann.view(bond).thread.first
    about = {"purpose": CARE, "fields": ["text"]}
    body = {"about": about, "content": {"clear": {"text": "Good day."}}}
    agr = vendor.agreed(person, vendor.origin)[-1].record
    sent = await vendor.send("dialogue.message", body, to=person, pthid=bond, agr=agr, check=False)
    assert sent.status == 403
    await vendor.poll()
    return ann, vendor, Story(folder, bond, shared.thid)


async def _told(folder: Path) -> Story:
    async with AsyncExitStack() as stack:
        world = World(folder, stack)
        world.clock.time = time.time()
        await world.start()
        ann, vendor, story = await lived(world, folder)
        for agent, name in ((ann, "ann"), (vendor, "shop")):
            proof = await agent.proven(story.bond)
            assert proof.ok, proof.differences
            await run("export", folder / name, folder / f"{name}-before")
        await ann.end(story.bond, "moved")
        await vendor.poll()
        await vendor.attest(story.bond)
        await ann.poll()
        for agent, name in ((ann, "ann"), (vendor, "shop")):
            document = await agent.relationship(story.bond)
            (folder / f"{name}-view.json").write_bytes(strictjson.dumps(document))
            proof = await agent.proven(story.bond)
            assert proof.ok, proof.differences
            assert any("erased" in what for what in proof.trusted) == (name == "shop")
            await run("export", folder / name, folder / f"{name}-after")
    return story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(_told(tmp_path_factory.mktemp("story")))


def verified(path: Path, *more: object, code: int = 0) -> dict[str, Any]:
    result = command("verify", path, *more, "--json")
    assert result.exit_code == code, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def copied(story: Story, name: str, target: Path) -> Path:
    for path in sorted((story.folder / name).rglob("*")):
        if path.is_file():
            to = target / path.relative_to(story.folder / name)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize("name", ["ann-before", "shop-before", "ann-after"])
def test_the_view_of_an_export_is_what_its_threads_say(name: str, story: Story) -> None:
    report = verified(story.folder / name)
    assert report["facts"]["views"] == 1
    listed = {c["name"]: c for c in report["checks"] if c["name"].startswith("views/")}
    file = f"views/{story.bond}.json"
    members = {"first", "state", "stage", "ladder", "agreements", "consents", "data", "corrections", "heads"}
    for member in members | {"preferences"}:
        assert listed[f"{file}: /{member} is what the threads say"]["ok"]
    assert listed[f"{file}: /data is what the threads say"]["requirement"] == "VRM-STD-004"
    ledger = "what was refused in the relationship: nobody keeps those messages"
    assert (ledger in report["trusted"]) == name.startswith("ann")
    assert not any("erased messages said" in what for what in report["trusted"])
    text = command("verify", story.folder / name).stdout
    assert f"{story.folder / name}: export holds" in text


def test_a_view_shows_the_whole_story(story: Story) -> None:
    view = json.loads((story.folder / "ann-before" / "views" / f"{story.bond}.json").read_bytes())
    assert [len(view[n]) for n in ("agreements", "consents", "data", "corrections")] == [2, 1, 2, 1]
    assert [one["code"] for one in view["refused"]] == ["preference-forbids"]
    assert "verified_as_of" in next(one for one in view["data"] if one["type"] == "data.report")


def test_an_organisation_that_has_erased_keeps_no_view_and_can_prove_one(story: Story) -> None:
    """It reads tombstones: what only they said rests on the home's word, the rest is shown."""
    assert not (story.folder / "shop-after" / "views").exists()
    view = story.folder / "shop-view.json"
    report = verified(story.folder / "shop-after", "--view", view)
    assert report["facts"]["views"] == 1
    assert "stage of the view: nothing but erased messages said it" in report["trusted"]
    assert "/data/0/purpose of the view: nothing but erased messages said it" in report["trusted"]
    assert f"{view}: /state is what the threads say" in [c["name"] for c in report["checks"]]
    document = json.loads(view.read_bytes())
    lie(document, "state", "ended")
    lie(document, "data/0/at", 7)
    view = view.with_name("lies.json")
    view.write_bytes(strictjson.dumps(document))
    failed = verified(story.folder / "shop-after", "--view", view, code=1)
    assert places(failed) >= {"/state", "/data/0/at"}


def test_a_view_from_elsewhere_is_compared_with_an_export(story: Story) -> None:
    view = story.folder / "ann-view.json"
    assert verified(story.folder / "ann-before", "--view", story.folder / "ann-before/export.json", code=1)
    report = verified(story.folder / "ann-after", "--view", view)
    assert report["facts"]["views"] == 2
    # The threads of before do not show what came later.
    failed = verified(story.folder / "ann-before", "--view", view, code=1)
    assert "/state" in places(failed)
    assert "proves nothing by itself" in command("verify", view).output
    record = next((story.folder / "ann-before" / "records").glob("*"), None)
    other = record or story.folder / "ann-before" / "threads" / f"{story.bond}.json"
    assert "is no export" in command("verify", other, "--view", view).output


def places(report: dict[str, Any]) -> set[str]:
    """The places of views that are not what the threads say."""
    wrong = [c["name"] for c in report["checks"] if not c["ok"] and " is what the threads say" in c["name"]]
    return {name.rpartition(": ")[2].removesuffix(" is what the threads say") for name in wrong}


def lie(document: Any, path: str, value: Any) -> None:
    *steps, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    for step in steps:
        document = document[step]
    if value is None:
        document.pop(last)
    else:
        document[last] = value


LIES: dict[str, tuple[str, Any, str, str]] = {
    "state": ("state", "paused", "/state", "VRM-STD-001"),
    "person": ("first", deeds.key("nobody").did, "/first", "VRM-STD-001"),
    "opened": ("opened_at", 1, "/opened_at", "VRM-STD-001"),
    "ladder": ("ladder", b64(b"l" * 32), "/ladder", "VRM-STD-001"),
    "preferences": ("preferences", {"zone": "UTC"}, "/preferences", "VRM-STD-001"),
    "no preferences": ("preferences", None, "/preferences", "VRM-STD-001"),
    "stage": ("stage", "customer", "/stage", "VRM-STD-002"),
    "rung": ("agreements/1/stage", "customer", "/agreements/1/stage", "VRM-STD-002"),
    "an agreement less": ("agreements/0", None, "/agreements", "VRM-STD-003"),
    "a version": ("agreements/0/agreement/version", "2.0", "/agreements/0/agreement", "VRM-STD-003"),
    "a record": ("agreements/0/id", b64(b"r" * 32), "/agreements/0/id", "VRM-STD-003"),
    "a consent less": ("consents/0", None, "/consents", "VRM-STD-003"),
    "more purposes": ("consents/0/purposes", [MARKETING, CARE], "/consents/0/purposes", "VRM-STD-003"),
    "for longer": ("consents/0/valid_until", 4_000_000_000, "/consents/0/valid_until", "VRM-STD-003"),
    "data less": ("data/1", None, "/data", "VRM-STD-004"),
    "purpose": ("data/0/purpose", MARKETING, "/data/0/purpose", "VRM-STD-004"),
    "category": ("data/0/categories", [], "/data/0/categories", "VRM-STD-004"),
    "since": ("data/0/at", 5, "/data/0/at", "VRM-STD-004"),
    "under": ("data/0/agr", b64(b"u" * 32), "/data/0/agr", "VRM-STD-004"),
    "verified": ("data/1/verified_as_of", "2026-01-01T00:00:00Z", "/data/1/verified_as_of", "VRM-STD-005"),
    "not verified": ("data/1/verified_as_of", None, "/data/1/verified_as_of", "VRM-STD-005"),
    "the data": ("data/0/content", {"clear": {"email": OLD}}, "/data/0/content", "VRM-STD-007"),
    "a correction less": ("corrections/0", None, "/corrections", "VRM-STD-006"),
    "corrected": ("corrections/0/state", "applied", "/corrections/0/state", "VRM-STD-006"),
    "a head less": ("heads/2", None, "/heads", "VRM-STD-009"),
    "a head": ("heads/0/seq", 99, "/heads/0/seq", "VRM-STD-009"),
    "no such code": ("refused/0/code", "prev-stale", "/refused/0/code", "VRM-LED-001"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_home_that_lies_in_a_member_is_found(name: str, story: Story, tmp_path: Path) -> None:
    path, value, place, rule = LIES[name]
    export = copied(story, "ann-before", tmp_path / "out")
    file = f"views/{story.bond}.json"
    document = json.loads((export / file).read_bytes())
    lie(document, path, value)
    resealed(export, file, strictjson.dumps(document))
    report = verified(export, code=1)
    wrong = {c["name"]: c for c in report["checks"] if not c["ok"]}
    found = wrong[f"{file}: {place} is what the threads say"]
    assert found["requirement"] == rule
    assert place in command("verify", export).output
    assert {one.partition(": ")[0] for one in wrong} == {file}
    if "code" not in path and name != "the data":
        assert "the threads say" in found["detail"]


def _elsewhere(document: dict[str, Any]) -> bytes:
    return strictjson.dumps({**document, "home": "https://home.example"})


def _another(document: dict[str, Any]) -> bytes:
    return strictjson.dumps({**document, "thid": b64(b"t" * 32)})


def _unsigned(document: dict[str, Any]) -> bytes:
    return strictjson.dumps({**document, "checkpoint": f"{document['checkpoint'][:-8]}AAAAAAAA"})


def _without(document: dict[str, Any]) -> bytes:
    return strictjson.dumps({n: v for n, v in document.items() if n != "heads"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: b"", "it is one JSON object"),
        (lambda _: b"\xff\x00{", "it is one JSON object"),
        (lambda _: b'{"a": 1, "a": 2}', "it is one JSON object"),
        (lambda _: b"[" * 5000, "it is one JSON object"),
        (_without, "it fits documents/relationship.json"),
        (_elsewhere, "its home is known here"),
        (_another, "its relationship is known here"),
        (_unsigned, "the checkpoint verifies"),
    ],
)
def test_what_is_no_view_of_this_export_is_a_finding(
    change: Callable[[dict[str, Any]], bytes], said: str, story: Story, tmp_path: Path
) -> None:
    export = copied(story, "ann-before", tmp_path / "out")
    file = f"views/{story.bond}.json"
    resealed(export, file, change(json.loads((export / file).read_bytes())))
    report = verified(export, code=1)
    names = [c["name"] for c in report["checks"] if not c["ok"]]
    assert f"{file}: {said}" in names
    assert "DOES NOT HOLD" in command("verify", export).output
    lost = tmp_path / "view.json"
    lost.write_bytes(change(json.loads((story.folder / "ann-before" / file).read_bytes())))
    failed = verified(story.folder / "ann-before", "--view", lost, code=1)
    assert f"{lost}: {said}" in [c["name"] for c in failed["checks"] if not c["ok"]]


def test_a_view_under_another_name_is_a_finding(story: Story, tmp_path: Path) -> None:
    export = copied(story, "ann-before", tmp_path / "out")
    data = (export / f"views/{story.bond}.json").read_bytes()
    resealed(export, f"views/{story.thread}.json", data)
    names = [c["name"] for c in verified(export, code=1)["checks"] if not c["ok"]]
    assert names == [f"views/{story.thread}.json: it is named by its relationship"]


def test_an_export_that_lacks_a_thread_does_not_show_the_view(story: Story, tmp_path: Path) -> None:
    export = copied(story, "ann-before", tmp_path / "out")
    resealed(export, f"threads/{story.thread}.json", None)
    report = verified(export, code=1)
    assert {"/data/0", "/heads/4"} & places(report)
    export = copied(story, "ann-before", tmp_path / "other")
    resealed(export, f"threads/{story.bond}.json", None)
    names = [c["name"] for c in verified(export, code=1)["checks"] if not c["ok"]]
    assert names == [f"views/{story.bond}.json: its relationship is known here"]


# --- her own agent --------------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        built.clock.time = time.time()
        await built.start()
        yield built


def lying(path: str, value: Any) -> Any:
    """A home that shows relationships with one member changed."""

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if not request.path.startswith("/v1/relationships/") or not isinstance(response.body, bytes):
            return None
        document = json.loads(response.body)
        lie(document, path, value)
        return web.json_response(document)

    return after


async def test_she_is_told_where_the_home_shows_something_else(world: World, tmp_path: Path) -> None:
    ann, vendor, _ = await lived(world, tmp_path)
    await ann.close()

    async def standing(*words: str, code: int = 0) -> Any:
        more = ("--folder", tmp_path / "ann", "--home", world.origin, "--dev")
        return await run("customer", "standing", *words, *more, code=code)

    assert "what the home shows is what your own copies say" in (await standing()).stdout
    world.after = lying("data/0/purpose", MARKETING)
    shown = (await standing(code=1)).stdout
    assert "THE HOME SHOWS SOMETHING ELSE" in shown
    assert "/data/0/purpose: the view says" in shown
    assert "(VRM-STD-004)" in shown
    told = json.loads((await standing("--json", code=1)).stdout)["view"]
    assert [one["place"] for one in told["differences"]] == ["/data/0/purpose"]
    assert told["agrees"] is False
    # What she was shown goes with the export, and whoever verifies it finds the lie.
    await run("export", tmp_path / "ann", tmp_path / "out")
    assert places(await asyncio.to_thread(verified, tmp_path / "out", code=1)) == {"/data/0/purpose"}
    world.after = None
    assert json.loads((await standing("--json")).stdout)["view"]["agrees"] is True
    await vendor.close()


@pytest.mark.parametrize("path", ["consents/0", "heads/1", "checkpoint", "home", "thid"])
async def test_her_agent_finds_what_a_home_leaves_out_or_makes_up(
    path: str, world: World, tmp_path: Path
) -> None:
    ann, _, story = await lived(world, tmp_path)
    view = await ann.relationship(story.bond)
    values = {"checkpoint": view["checkpoint"][:-6] + "AAAAAA", "home": "https://home.example"}
    world.after = lying(path, values.get(path, b64(b"z" * 32) if path == "thid" else None))
    proof = await ann.proven(story.bond)
    assert not proof.ok
    assert {one.member for one in proof.differences} <= {path.split("/")[0], "agreements", "checkpoint"}


async def test_what_came_between_is_read_first(world: World, tmp_path: Path) -> None:
    """The view is newer than the own copies: the messages that it rests on are read, and then compared."""
    ann, vendor, story = await lived(world, tmp_path)
    await ann.prefer(story.bond, {"zone": "UTC"})
    await vendor.poll()
    world.clock.time += 3
    asked = await vendor.ask_consent(story.bond, asking("DirectMarketing"))
    assert asked.status == 202
    assert isinstance(ann, Sharing)
    assert ann.ledger.copy(asked.thid) is None
    assert (await ann.proven(story.bond)).ok
    assert ann.ledger.copy(asked.thid) is not None


async def test_an_organisation_compares_too(world: World, tmp_path: Path) -> None:
    ann, vendor, _ = await lived(world, tmp_path)
    await vendor.close()
    await ann.close()
    config = tmp_path / "shop.toml"
    config.write_text(f'home = "{world.origin}"\ndev = true\n')
    plain = json.loads((await run("vendor", "relationships", "--json", "--config", config)).stdout)
    assert "view" not in plain
    compared = ("relationships", "--compare", "--config", config)
    told = json.loads((await run("vendor", *compared, "--json")).stdout)
    assert told["view"]["agrees"] is True
    world.after = lying("stage", "customer")
    assert "/stage: the view says" in (await run("vendor", *compared, code=1)).stdout
