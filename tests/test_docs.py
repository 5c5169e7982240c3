"""Every block of docs/adding-a-message-type.md is executed, as test_readme.py does with the README's."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "adding-a-message-type.md"
BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.M | re.S)
PRINTED = "http://127.0.0.1:8080"
FAILS = "vrmproto validate --spec"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One line of a shell block; ``vrmproto`` is this checkout's."""
    line = re.sub(r"\bvrmproto (?=\w)", f"{shlex.quote(sys.executable)} -m vrmproto.cli ", command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """The home of the page, on a free port; its origin."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    words = [sys.executable, "-m", "vrmproto.cli", *shlex.split(command)[1:], "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(400):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def write(where: str, text: str, folder: Path) -> None:
    """A block that is a file, or that goes behind a place of one."""
    name, _, place = where.partition(" ")
    file = folder / name
    if not place:
        json.loads(text)
        file.write_text(text)
        return
    table = file.read_text()
    assert table.count(place) == 1, place
    file.write_text(table.replace(place, f"{place}\n{text.rstrip()}"))
    json.loads(file.read_text())


def test_the_page_leads_to_a_type_that_works(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    said: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        home = PRINTED
        for language, where, text in BLOCK.findall(PAGE.read_text()):
            if language == "json":
                write(where, text, tmp_path)
            elif language == "python":
                (tmp_path / "exchange.py").write_text(text.replace(PRINTED, home))
                done = run(f"{shlex.quote(sys.executable)} exchange.py", tmp_path)
                assert done.stdout == "202 asked\n", done.stderr
            elif text.startswith("vrmproto serve"):
                home = stack.enter_context(serving(text, tmp_path))
            else:
                for line in text.strip().splitlines():
                    done = run(line.replace(PRINTED, home), tmp_path)
                    assert done.returncode == int(FAILS in line), f"{line}\n{done.stdout}{done.stderr}"
                    said[line] = done.stdout
    assert said["vrmproto spec check my-spec"] == "no findings\n"
    assert any("lacks" in out or "answer_by" in out for line, out in said.items() if FAILS in line)
    (polled,) = [out for line, out in said.items() if line.startswith("vrmproto poll")]
    assert polled.startswith("terms.clarify from did:jwk:")
    assert ": asked, verified, thread " in polled


def test_without_the_last_two_rows_there_is_no_way_out(tmp_path: Path) -> None:
    """What the page says of the checker."""
    shutil.copytree(ROOT / "spec", tmp_path / "my-spec")
    for language, where, text in BLOCK.findall(PAGE.read_text()):
        if language == "json":
            write(where, text.partition('{"in": ["asked"]')[0], tmp_path)
    done = run("vrmproto spec check my-spec", tmp_path)
    assert done.returncode == 1
    assert "asked: the first party has no way out" in done.stdout


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text()))
def test_links_lead_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
