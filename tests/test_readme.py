"""Every block of the README is executed, against a home of the test's own."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())
PRINTED = "http://127.0.0.1:8080"


@contextlib.contextmanager
def home(folder: Path) -> Iterator[str]:
    """``vrmproto serve`` on a free port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    command = [sys.executable, "-m", "vrmproto.cli", "serve", "--dev", "--port", str(port)]
    with subprocess.Popen([*command, "--data", str(folder / "home")], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One line of a shell block; ``vrmproto`` is this checkout's."""
    words = f"{shlex.quote(sys.executable)} -m vrmproto.cli"
    line = re.sub(r"^vrmproto\b", words, command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, env=environment, timeout=120
    )


def test_the_blocks_of_the_readme_work(tmp_path: Path) -> None:
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    ran: list[str] = []
    with home(tmp_path) as url:
        for language, text in BLOCKS:
            if language == "python":
                (tmp_path / "exchange.py").write_text(text.replace(PRINTED, url))
                done = run(f"{shlex.quote(sys.executable)} exchange.py", tmp_path)
                assert done.returncode == 0, done.stderr
                assert done.stdout.startswith("True "), done.stdout
                ran.append("python")
                continue
            for line in text.strip().splitlines():
                ran.append(line)
                if line.startswith(("make ", "vrmproto serve")):
                    continue  # run by CI itself, by tests/test_demo.py, and as the home of this test
                done = run(line, tmp_path)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert "python" in ran
    assert {"make demo", "make test"} <= set(ran)


def test_the_exchange_has_fifteen_lines() -> None:
    python = [text for language, text in BLOCKS if language == "python"]
    assert len(python) == 1
    assert len([line for line in python[0].splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
