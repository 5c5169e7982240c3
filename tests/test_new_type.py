"""A message type more is one schema and its rows, in a copy of ``spec/``: no line of Python changes.

An organisation asks back before it answers: ``terms.clarify`` leads a proffer into a state of its own, with
a deadline, under a guard that exists; the person answers with the same type.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from tests import world
from tests.world import Party, Reply, World
from vrmproto import envelope, spec, timing
from vrmproto.agents import CustomerAgent, Refused, VendorAgent
from vrmproto.editor.check import check, report

ROOT = Path(__file__).resolve().parents[1]
TYPE = "terms.clarify"
DAY = 86400

SHARED = "/".join(("..", "shared"))  # as seen from messages/ of the copy

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": spec.BASE + f"messages/{TYPE}.json",
    "title": "Question about terms",
    "description": "The organisation asks before it answers a proffer; the person answers.",
    "x-profile": "terms",
    "x-ext": False,
    "type": "object",
    "properties": {
        "text": {"$ref": f"{SHARED}/reason.json", "description": "The question or the answer."},
        "answer_by": {"$ref": f"{SHARED}/time.json", "description": "Until when the other may answer."},
    },
    "required": ["text", "answer_by"],
    "additionalProperties": False,
    "examples": [{"text": "For which shop is this?", "answer_by": "2026-12-24T18:00:00Z"}],
}

STATES = """
    "asked": {"deadline": "unanswered"},
    "unanswered": {"end": true},"""

ROWS = """
    {"in": ["proffered"], "by": "second", "type": "terms.clarify", "to": "asked", "prev": "head",
     "guards": ["deadline-ahead"], "deadline": "/answer_by", "max": "P7D"},
    {"in": ["asked"], "by": "first", "type": "terms.clarify", "to": "proffered", "prev": "head",
     "guards": ["deadline-ahead"], "deadline": "/answer_by", "max": "P7D"},
    {"in": ["asked"], "by": "first", "type": "terms.withdraw", "to": "withdrawn"},"""


PROFFERED = '"proffered": {"deadline": "expired"},'
REJECT = '{"in": ["proffered"], "by": "second", "type": "terms.reject", "to": "rejected"},'


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec with the type: a file more, and a few lines of text in threads.json."""
    folder = tmp_path_factory.mktemp("new-type") / "spec"
    shutil.copytree(ROOT / "spec", folder)
    (folder / "messages" / f"{TYPE}.json").write_text(json.dumps(SCHEMA, indent=2) + "\n")
    table = folder / "threads.json"
    text = table.read_text()
    for place, added in ((PROFFERED, STATES), (REJECT, ROWS)):
        assert text.count(place) == 1
        text = text.replace(place, place + added)
    table.write_text(text)
    return folder


def question(now: float, ahead: int = 3600) -> dict[str, Any]:
    return {"text": "For which shop is this?", "answer_by": timing.text(int(now) + ahead)}


async def proffered(home: World) -> tuple[Party, Party, dict[str, str]]:
    person, vendor = home.person(), home.person()
    await vendor.announce()
    opened = await person.send("terms.proffer", world.proffer(home.clock), vendor.id)
    assert opened.status == 202, opened.document
    return person, vendor, {"thid": opened.document["mid"], "prev": opened.document["mid"]}


async def ask(vendor: Party, person: Party, where: dict[str, str], ahead: int = 3600) -> Reply:
    reply = await vendor.send(TYPE, question(vendor.world.clock(), ahead), person.id, **where)
    if reply.status == 202:
        where["prev"] = reply.document["mid"]
    return reply


async def state_of(party: Party, thid: str) -> str:
    """As the list shows it; the checkpoint says the same."""
    listed = (await party.read("/v1/threads")).document["threads"]
    thread = (await party.read(f"/v1/threads/{thid}")).document
    state = next(t["state"] for t in listed if t["thid"] == thid)
    assert envelope.peek(thread["checkpoint"])[1]["state"] == state
    return str(state)


# --- the folder ---------------------------------------------------------------------------------


def test_the_checker_has_nothing_to_say(copy: Path) -> None:
    findings = check(copy)
    assert findings == [], report(findings)


def test_only_the_copy_has_the_type(copy: Path) -> None:
    assert set(spec.load(copy).types) - set(spec.load().types) == {TYPE}
    sources = [path.read_text() for path in (ROOT / "vrmproto").rglob("*.py")]
    assert sources
    assert not any(word in source for source in sources for word in ("clarify",))


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"text": "For which shop?", "answer_by": "2026-12-24T18:00:00Z"}, 0, ""),
        ({"text": "For which shop?"}, 1, ""),
        ({"text": "For which shop?", "answer_by": "tomorrow"}, 1, "/answer_by"),
        ({"text": "", "answer_by": "2026-12-24T18:00:00Z"}, 1, "/text"),
        ({"text": "a", "answer_by": "2026-12-24T18:00:00Z", "more": 1}, 1, ""),
    ],
    ids=["right", "missing", "format", "empty", "unknown"],
)
def test_validate_judges_its_bodies(
    copy: Path, tmp_path: Path, body: dict[str, Any], status: int, pointer: str
) -> None:
    file = tmp_path / "body.json"
    file.write_text(json.dumps(body))
    command = [sys.executable, "-m", "vrmproto.cli", "validate", "--json", "--type", TYPE]
    done = subprocess.run(
        [*command, "--spec", str(copy), str(file)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr
    shown = json.loads(done.stdout)
    assert shown["ok"] == (status == 0)
    assert all(error["pointer"].endswith(pointer) for error in shown["errors"])
    if status:
        assert {error["code"] for error in shown["errors"]} == {"body-invalid"}


def test_validate_does_not_know_it_without_the_copy(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(json.dumps(SCHEMA["examples"][0]))
    command = [sys.executable, "-m", "vrmproto.cli", "validate", "--type", TYPE, str(file)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode != 0


# --- a home -------------------------------------------------------------------------------------


@pytest.fixture
async def home(copy: Path) -> AsyncIterator[World]:
    async with world.running(spec_dir=copy) as running:
        yield running


async def test_question_and_answer_and_acceptance(home: World) -> None:
    person, vendor, where = await proffered(home)
    asked = await ask(vendor, person, where)
    assert (asked.status, asked.state) == (202, "asked")
    assert await state_of(person, where["thid"]) == "asked"
    inbox = (await person.poll()).document
    assert inbox["order"] == [where["prev"]]
    answered = await person.send(TYPE, question(home.clock()), vendor.id, **where)
    assert (answered.status, answered.state) == (202, "proffered")
    where["prev"] = answered.document["mid"]
    agreed = await vendor.send("terms.accept", world.acceptance(where["thid"]), person.id, **where)
    assert (agreed.status, agreed.state) == (202, "agreed")
    record = await person.read(f"/v1/records/{agreed.document['mid']}")
    assert len(record.document["messages"]) == 4


async def test_the_state_takes_nothing_but_its_rows(home: World) -> None:
    person, vendor, where = await proffered(home)
    first = await person.send(TYPE, question(home.clock()), vendor.id, **where)
    assert (first.status, first.code) == (403, "role-forbidden")
    await ask(vendor, person, where)
    twice = await ask(vendor, person, dict(where))
    assert (twice.status, twice.code) == (403, "role-forbidden")
    accept = await vendor.send("terms.accept", world.acceptance(where["thid"]), person.id, **where)
    assert (accept.status, accept.code) == (409, "state-conflict")
    late = await person.send(TYPE, question(home.clock()), vendor.id, **{**where, "prev": where["thid"]})
    assert (late.status, late.code, late.document["seq"]) == (409, "prev-stale", 2)
    withdrawn = await person.send("terms.withdraw", {}, vendor.id, **where)
    assert (withdrawn.status, withdrawn.state) == (202, "withdrawn")


@pytest.mark.parametrize("ahead", [0, -5, 7 * DAY + 60])
async def test_the_guard_judges_its_deadline(home: World, ahead: int) -> None:
    person, vendor, where = await proffered(home)
    refused = await ask(vendor, person, where, ahead)
    assert (refused.status, refused.code) == (422, "deadline-invalid")
    assert refused.document["requirement"] == "VRM-THR-020"
    assert await state_of(person, where["thid"]) == "proffered"


async def test_a_body_is_judged_by_its_schema(home: World) -> None:
    person, vendor, where = await proffered(home)
    refused = await vendor.send(TYPE, {"text": "?"}, person.id, **where)
    assert (refused.status, refused.code) == (400, "body-invalid")
    assert [e["keyword"] for e in refused.document["errors"]] == ["required"]


async def test_the_deadline_of_the_state_passes(home: World) -> None:
    person, vendor, where = await proffered(home)
    asked = await ask(vendor, person, where, 5 * DAY)
    until = int(home.clock()) + 5 * DAY
    home.clock.forward(until - 30 - home.clock())
    assert await state_of(vendor, where["thid"]) == "asked"
    home.clock.forward(until - home.clock())
    assert await state_of(vendor, where["thid"]) == "unanswered"
    late = await person.send(TYPE, question(home.clock()), vendor.id, **where)
    assert (late.status, late.code) == (409, "deadline-passed")
    assert asked.state == "asked"


async def test_a_home_of_the_reference_spec_does_not_take_it() -> None:
    async with world.running() as plain:
        person, vendor, where = await proffered(plain)
        refused = await ask(vendor, person, where)
        assert (refused.status, refused.code) == (400, "type-unknown")


# --- a process, and agents ----------------------------------------------------------------------


@contextlib.asynccontextmanager
async def serving(copy: Path, data: Path) -> AsyncIterator[str]:
    """``vrmproto serve --spec``; its origin."""
    bound, origin = world.free_socket()
    bound.close()
    flags = ["--dev", "--data", str(data), "--port", origin.rpartition(":")[2], "--spec", str(copy)]
    with (data.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vrmproto.cli", "serve", *flags],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    try:
        async with ClientSession() as http:
            for _ in range(400):
                assert process.poll() is None, (data.parent / "serve.log").read_text()
                with contextlib.suppress(ClientError, OSError):
                    async with http.get(f"{origin}/readyz") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.05)
        yield origin
    finally:
        process.terminate()
        process.wait(15)


async def fetch(url: str) -> Any:
    async with ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
        return json.loads(await answer.read())


async def test_serve_shows_the_type_and_agents_speak_it(copy: Path, tmp_path: Path) -> None:
    async with serving(copy, tmp_path / "data") as origin:
        discovery = await fetch(f"{origin}/.well-known/vrm-configuration")
        assert TYPE in discovery["types"]
        assert await fetch(f"{discovery['endpoints']['schemas']}/messages/{TYPE}.json") == SCHEMA
        document = await fetch(f"{origin}/openapi.json")
        described = document["components"]["schemas"][f"messages.{TYPE}"]
        assert described["title"] == SCHEMA["title"]
        assert set(described["properties"]) == {"text", "answer_by"}
        await agents(copy, tmp_path, origin)


async def agents(copy: Path, tmp_path: Path, origin: str) -> None:
    options: dict[str, Any] = {"dev": True, "spec": copy}
    async with (
        await VendorAgent.open(tmp_path / "vendor", origin, **options) as vendor,
        await CustomerAgent.open(tmp_path / "customer", origin, **options) as customer,
    ):
        await vendor.announce()
        opened = await customer.proffer(vendor.signer_for("").iss)
        await vendor.poll()
        asked = await vendor.send(TYPE, question(time.time()), thid=opened.thid)
        assert asked.state == "asked"
        (event,) = await customer.poll()
        assert (event.type, event.verified) == (TYPE, True)
        assert customer.view(opened.thid).state == "asked"
        answered = await customer.send(TYPE, question(time.time(), 60), thid=opened.thid)
        assert answered.state == "proffered"
        await vendor.poll()
        # Two seconds of a real clock, as near as a deadline may be.
        hurried = await vendor.send(TYPE, question(time.time(), 2), thid=opened.thid)
        assert hurried.state == "asked"
        await customer.poll()
        until = customer.view(opened.thid).deadline
        assert until is not None
        await asyncio.sleep(until - time.time() + 0.05)
        assert customer.view(opened.thid).state == "unanswered"
        seen = await customer.thread(opened.thid)
        assert (seen.state, seen.verified) == ("unanswered", True)
        with pytest.raises(Refused, match="deadline-passed"):
            await customer.send(TYPE, question(time.time()), thid=opened.thid)
