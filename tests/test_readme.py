"""Every block of the README is executed, against a home of the test's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.serving import ROOT, serving, shell

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())
PRINTED = "http://127.0.0.1:8080"


def test_the_blocks_of_the_readme_work(tmp_path: Path) -> None:
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    ran: list[str] = []
    with serving(["--dev", "--data", "home"], tmp_path) as url:
        for language, text in BLOCKS:
            if language == "python":
                (tmp_path / "exchange.py").write_text(text.replace(PRINTED, url))
                done = shell("python exchange.py", tmp_path)
                assert done.returncode == 0, done.stderr
                assert done.stdout.startswith("True "), done.stdout
                ran.append("python")
                continue
            for line in text.strip().splitlines():
                ran.append(line)
                if line.startswith(("make ", "vrmproto serve")):
                    continue  # run by CI itself, by tests/test_demo.py, and as the home of this test
                done = shell(line.replace(PRINTED, url), tmp_path)
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
