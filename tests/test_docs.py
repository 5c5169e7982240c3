"""Every block of docs/adding-a-message-type.md is executed, as test_readme.py does with the README's."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.serving import ROOT, serving, shell

PAGE = ROOT / "docs" / "adding-a-message-type.md"
BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.M | re.S)
PRINTED = "http://127.0.0.1:8080"
FAILS = "vrmproto validate --spec"


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
                done = shell("python exchange.py", tmp_path)
                assert done.stdout == "202 asked\n", done.stderr
            elif text.startswith("vrmproto serve"):
                home = stack.enter_context(serving(shlex.split(text)[2:], tmp_path))
            else:
                for line in text.strip().splitlines():
                    done = shell(line.replace(PRINTED, home), tmp_path)
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
    done = shell("vrmproto spec check my-spec", tmp_path)
    assert done.returncode == 1
    assert "asked: the first party has no way out" in done.stdout


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text()))
def test_links_lead_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
