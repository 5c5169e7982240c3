"""The demo as its user runs it: processes of its own, every step proven by the files that it left."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vrmproto import bundle

ROOT = Path(__file__).resolve().parents[1]
STEPS = 28


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
    assert summary["records"] == 2
    assert summary["seconds"] < 60
    assert {"step", "actor", "type", "status", "thid", "verified"} <= steps[0].keys()


def test_the_story_has_every_ending_and_every_refusal(played: Any) -> None:
    _, steps, _ = played
    states = {s["state"] for s in steps if "state" in s}
    assert {"agreed", "countered", "rejected", "withdrawn", "expired", "terminated"} <= states
    refused = {s["expect"] for s in steps if "expect" in s}
    assert refused == {
        "state-conflict",
        "role-forbidden",
        "terms-not-offered",
        "deadline-passed",
        "not-found",
        "person-required",
        "signature-invalid",
    }
    assert all(s["code"] == s["expect"] for s in steps if "expect" in s)


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


@pytest.mark.parametrize("number", [1, 5, STEPS])
def test_a_byte_flipped_on_the_way_is_found(number: int) -> None:
    tampered(number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_a_byte_flipped_on_the_way_is_found_in_every_step(number: int) -> None:
    tampered(number)


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "vrmproto.cli", "demo", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 3
    assert "--port 0 takes a free one" in done.stderr
