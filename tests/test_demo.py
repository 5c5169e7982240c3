"""The demo as its user runs it: processes of its own, every step proven by the files that it left."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vrmproto import bundle, envelope, preferences, records
from vrmproto import spec as specs
from vrmproto.cli import demo
from vrmproto.demo import run
from vrmproto.demo.living import quiet_around
from vrmproto.demo.tampering import EVERY

SPEC = specs.load()
ROOT = Path(__file__).resolve().parents[1]
STEPS = 98


def play(*arguments: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Exit code, step lines, summary."""
    command = [sys.executable, "-m", "vrmproto.cli", "demo", "--headless", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=180)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "summary" in lines[-1], done.stderr
    return done.returncode, lines[:-1], lines[-1]["summary"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    return play("--keep", str(tmp_path_factory.mktemp("demo") / "files"))


def test_every_step_is_verified(played: Any) -> None:
    code, steps, summary = played
    assert code == 0
    assert [s["step"] for s in steps] == list(range(1, STEPS + 1))
    assert all(s["verified"] for s in steps)
    assert summary["steps"] == summary["verified"] == STEPS
    assert summary["records"] == 4
    assert summary["seconds"] < 300  # a quarter of a minute on a quiet machine: a ceiling, no measurement
    assert {"step", "actor", "type", "status", "thid", "verified"} <= steps[0].keys()


def test_the_story_has_every_ending_and_every_refusal(played: Any) -> None:
    _, steps, _ = played
    states = {s["state"] for s in steps if "state" in s}
    assert {"agreed", "countered", "rejected", "withdrawn", "expired", "terminated"} <= states
    assert {"open", "paused", "closed", "offered", "declined", "accepted", "confirmed"} <= states
    assert {"fulfilled", "purged"} <= states
    assert {"invited", "granted", "shared", "applied", "answered", "propagated", "ended"} <= states
    refused = {s["expect"] for s in steps if "expect" in s}
    assert refused == {
        "vendor-unverified",
        "intent-not-open",
        "offer-stale",
        "fields-not-listed",
        "state-conflict",
        "role-forbidden",
        "terms-not-offered",
        "deadline-passed",
        "not-found",
        "person-required",
        "signature-invalid",
        "stage-forbids",
        "step-forbidden",
        "consent-needed",
        "terms-prohibit",
        "preference-forbids",
        "agreement-not-live",
    }
    assert all(s["code"] == s["expect"] for s in steps if "expect" in s)


def files_of(steps: list[dict[str, Any]], type_: str, act: str) -> list[tuple[str, Path]]:
    return [(s["actor"], Path(s["files"])) for s in steps if (s["type"], s["act"]) == (type_, act)]


def test_both_have_the_same_record_of_each_agreement(played: Any) -> None:
    _, steps, _ = played
    taken: dict[str, dict[str, bytes]] = {}
    for step in steps:
        if step["act"] == "record":
            data = (Path(step["files"]) / "record.json").read_bytes()
            taken.setdefault(step["record"], {}).setdefault(step["actor"], data)
    assert sorted(sorted(copies) for copies in taken.values()) == [
        ["anna", "corner"],
        ["anna", "noord"],
        ["anna", "noord"],
        ["anna", "noord"],
    ]
    for one, other in (tuple(copies.values()) for copies in taken.values()):
        assert records.matches(one, other)


def test_an_offer_holds_the_intent_the_offer_and_the_new_key(played: Any) -> None:
    _, steps, _ = played
    for _, folder in files_of(steps, "offer.make", "record"):
        shown = records.verify_record(SPEC, (folder / "record.json").read_bytes())
        assert shown.ok
        types = [m["type"] for m in shown.facts["messages"]]
        assert types == ["intent.publish", "offer.make", "agent.introduce"]


def test_losers_see_tombstones_and_she_sees_everything(played: Any) -> None:
    _, steps, _ = played
    shown = {}
    for actor, folder in files_of(steps, "purge.attest", "thread"):
        messages = json.loads((folder / "thread.json").read_bytes())["messages"]
        shown[actor] = ["token" in m for m in messages]
    assert shown["haarlem"] == [True, False, False, False]  # the offer is of the record
    assert shown["kust"] == [True, False, False]
    assert shown["anna"] == [True] * 4


def test_after_the_end_of_the_relationship_too(played: Any) -> None:
    _, steps, _ = played
    shown = {}
    for actor, folder in files_of(steps, "relationship.attest", "thread"):
        messages = json.loads((folder / "thread.json").read_bytes())["messages"]
        shown[actor] = ["token" in m for m in messages]
    assert shown == {"noord": [False] * 8, "anna": [True] * 8}


def test_what_was_refused_for_her_is_shown_to_her(played: Any) -> None:
    _, steps, _ = played
    told = next(step for step in steps if step["act"] == "standing")
    begun = next(step["step"] for step in steps if step["type"] == "relationship.open")
    tried = [s for s in steps[begun : told["step"]] if "expect" in s and s["actor"] != "anna"]
    assert len(tried) == 4
    assert sorted((one["type"], one["code"]) for one in told["refused"]) == sorted(
        (step["type"], step["code"]) for step in tried
    )


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/New_York", "Pacific/Apia"])
def test_the_quiet_hours_are_now_at_any_time(zone: str) -> None:
    day, step = 86400, 61
    for begin in (1743210000, 1761440400, 1741500000, 1762062000, 1767222000):  # days of changed clocks, too
        for now in range(begin - day, begin + day, step):
            wanted = quiet_around(now, zone)
            assert not SPEC.faults("shared/preferences.json", wanted)
            assert preferences.quiet(wanted, now)
            assert preferences.quiet(wanted, now + 600)


def test_a_killed_vendor_goes_on_where_it_was(played: Any) -> None:
    _, steps, _ = played
    folder = Path(steps[0]["files"]).parents[2]
    seen = {}
    for vendor in ("noord", "haarlem"):
        lines = [json.loads(line) for line in (folder / vendor / "seen.ndjson").read_text().splitlines()]
        assert len({line["process"] for line in lines}) == (2 if vendor == "noord" else 1)
        seen[vendor] = [(line["position"], line["event"], line["code"]) for line in lines]
    assert seen["noord"] == seen["haarlem"]
    assert [event for _, event, _ in seen["haarlem"]] == ["open", "changed", "ended", "open", "ended"]


def test_she_is_known_by_one_key_on_the_board_and_by_another_after(played: Any) -> None:
    _, steps, _ = played

    def sender(type_: str) -> str:
        token = (Path(next(s["files"] for s in steps if s["type"] == type_)) / "message.jwt").read_bytes()
        return str(envelope.peek(token)[1]["iss"])

    assert sender("intent.publish") == sender("offer.accept") == sender("agent.introduce")
    assert sender("intent.publish") != sender("terms.proffer")
    assert sender("terms.proffer") == sender("relationship.open") == sender("consent.grant")
    assert sender("feedback.submit") not in (sender("intent.publish"), sender("relationship.open"))


def test_the_command_says_the_same_of_every_step(played: Any) -> None:
    _, steps, _ = played
    command = [sys.executable, "-m", "vrmproto.cli", "verify", *(s["files"] for s in steps), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=180)
    said = [json.loads(line)["ok"] for line in done.stdout.splitlines()]
    assert said == [step["act"] != "changed-copy" for step in steps]


def test_people_read_it_in_lines_that_fit(played: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, steps, _ = played
    reader = demo._Reader()
    for step in steps:
        reader.tell(step)
    shown = capsys.readouterr().out.splitlines()
    assert len([line for line in shown if line.endswith("✓")]) == STEPS
    assert max(map(len, shown)) <= 110


def test_one_flipped_byte_in_any_file_of_any_step_is_found(played: Any, tmp_path: Path) -> None:
    _, steps, _ = played
    chosen = random.Random(7)
    flipped = 0
    for step in steps:
        folder = Path(step["files"])
        for file in sorted(folder.iterdir()):
            data = file.read_bytes()
            for place in {0, len(data) - 1, chosen.randrange(len(data))}:
                copy = tmp_path / "copy"
                shutil.copytree(folder, copy)
                changed = bytearray(data)
                changed[place] ^= 1 << chosen.randrange(7)
                (copy / file.name).write_bytes(changed)
                try:
                    assert not bundle.verify(copy).ok, f"step {step['step']}: {file.name} at byte {place}"
                finally:
                    shutil.rmtree(copy)
                flipped += 1
    assert flipped > 200


def tampered(number: int) -> None:
    code, steps, summary = play("--tamper", str(number))
    assert code != 0
    assert summary["verified"] == number - 1
    assert [s["verified"] for s in steps] == [True] * (number - 1) + [False]
    assert f"step {number}: " in summary["failed"]
    assert not any("files" in s for s in steps)  # they were gone before anyone could look


@pytest.mark.parametrize("number", [1, 12, 30, 77])
def test_a_byte_flipped_on_the_way_is_found(number: int) -> None:
    tampered(number)


def test_a_byte_flipped_in_what_a_step_left_is_found_in_every_step() -> None:
    code, steps, summary = play("--tamper", "every", "--seed", "1")
    assert code == 0, summary
    assert summary["tampered"] == summary["verified"] == summary["steps"] == STEPS
    flipped = [step["tampered"] for step in steps]
    assert len({one["file"] for one in flipped}) > 5
    assert all({"file", "byte", "bit"} == one.keys() for one in flipped)


def said_of(files: Path, *, ok: bool) -> dict[str, Any]:
    """What a verification that does not look says of any files."""
    assert files.is_dir()
    return {"ok": ok, "checks": [{"name": "the files", "ok": ok}]}


@pytest.mark.parametrize(
    ("ok", "why"),
    [(True, "its verification did not find it"), (False, "the files that it left do not verify")],
)
def test_a_verification_that_says_the_same_of_everything_breaks_the_story_off(ok: bool, why: str) -> None:
    async def verify(files: Path) -> dict[str, Any]:
        return said_of(files, ok=ok)

    told: list[dict[str, Any]] = []
    playing = run.run(port=0, tamper=EVERY, tell=told.append, stay=None, verify=verify)
    summary = asyncio.run(playing)
    assert summary["failed"].startswith("step 1: ")
    assert summary["failed"].endswith(why)
    assert (summary["steps"], summary["verified"], summary["tampered"]) == (1, 0, 0)
    assert [step["verified"] for step in told] == [False]


@pytest.mark.parametrize("word", ["evry", "-1", "1.5", "²"])
def test_what_is_to_be_flipped_is_a_number_or_every(word: str) -> None:
    command = [sys.executable, "-m", "vrmproto.cli", "demo", f"--tamper={word}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert "the number of a step" in done.stderr


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "vrmproto.cli", "demo", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 3
    assert "--port 0 takes a free one" in done.stderr
