"""Every block of the pages in docs/ is executed, as test_readme.py does with the README's."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import ROOT, serving, shell
from tests.spec_copies import small

PAGE = ROOT / "docs" / "adding-a-message-type.md"
YARIS = ROOT / "docs" / "yaris.md"
TYPES = ROOT / "docs" / "types.md"
"""Executed by test_types.py."""
SHORT = [
    ROOT / "docs" / f"{name}.md" for name in ("errata", "proposing-a-change", "licence-of-the-text", "citing")
]
BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.M | re.S)
PRINTED = "http://127.0.0.1:8080"
FAILS = "vrmproto validate --spec"


def write(where: str, text: str, folder: Path) -> None:
    """A block that is a file, that goes behind a place of one, or with ``=`` into this place."""
    name, _, place = where.partition(" ")
    file = folder / name
    if not place:
        json.loads(text)
        file.write_text(text)
        return
    table = file.read_text()
    instead = place.startswith("= ")
    place = place.removeprefix("= ")
    assert table.count(place) == 1, place
    file.write_text(table.replace(place, text.rstrip() if instead else f"{place}\n{text.rstrip()}"))
    json.loads(file.read_text())


def judges(line: str) -> bool:
    return line.startswith("vrm-conformance check server")


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
                    if judges(line):
                        continue  # takes its time: below
                    done = shell(line.replace(PRINTED, home), tmp_path)
                    assert done.returncode == int(FAILS in line), f"{line}\n{done.stdout}{done.stderr}"
                    said[line] = done.stdout
    assert said["vrmproto spec check my-spec"] == "no findings\n"
    (begun,) = [out for line, out in said.items() if line.startswith("vrmproto spec new-type")]
    assert "asked: the first party has no way out" in begun
    assert "the title is still to be written" in begun
    assert any("lacks" in out or "answer_by" in out for line, out in said.items() if FAILS in line)
    (polled,) = [out for line, out in said.items() if line.startswith("vrmproto poll")]
    assert polled.startswith("terms.clarify from did:jwk:")
    assert ": asked, verified, thread " in polled


def edited(folder: Path, less: str = "") -> list[str]:
    """Make the folder of the page, without what stands behind a text in its rows; the page's other lines."""
    shutil.copytree(ROOT / "spec", folder / "my-spec")
    lines = []
    for language, where, text in BLOCK.findall(PAGE.read_text()):
        if language == "json":
            whole = text.partition(less)[0].rstrip(", \n") if less and where.count(" = ") else text
            write(where, whole, folder)
        elif "new-type" in text:
            assert shell(text, folder).returncode == 0
        elif language == "bash":
            lines += text.strip().splitlines()
    return lines


@pytest.mark.long
def test_without_the_last_two_rows_there_is_no_way_out(tmp_path: Path) -> None:
    """What the page says of the checker."""
    edited(tmp_path, '{"in": ["asked"]')
    done = shell("vrmproto spec check my-spec", tmp_path)
    assert done.returncode == 1
    assert "asked: the first party has no way out" in done.stdout


@pytest.mark.long
def test_the_suite_judges_the_type(tmp_path: Path) -> None:
    """A home that has it passes; a home that does not does not."""
    (line,) = filter(judges, edited(tmp_path))
    for flags, passes in ((["--spec", "my-spec"], True), ([], False)):
        with serving(["--dev", "--data", f"home-{passes}", *flags], tmp_path) as home:
            report = tmp_path / f"report-{passes}"
            done = shell(f"{line.replace(PRINTED, home)} --report-dir {report}", tmp_path, timeout=600)
        assert done.returncode in ((0, 1, 3) if passes else (1, 3)), done.stdout  # the machine may be slow
        found = json.loads((report / "report.json").read_text())["requirements"]
        checks = {c["check"]: c["verdict"] for r in found for c in r["checks"]}
        failed = {r["id"] for r in found if "fail" in {c["verdict"] for c in r["checks"]}}
        if passes:
            assert "VRM-ENV-035" not in failed
            assert [checks[f"{what} terms.clarify"] for what in ("near misses of", "generated")] == [
                "pass"
            ] * 2
        else:
            assert "VRM-ENV-035" in failed  # the body of a type that it does not know


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [PAGE, YARIS, TYPES, *SHORT], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file and, of a page, to a heading that it has."""
    for link, anchor in re.findall(r"\]\(([^)#:]+)(?:#([^)]*))?\)", page.read_text()):
        assert (page.parent / link).exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", (page.parent / link).read_text(), re.M)
            assert anchor in map(slug, headings), f"{link}#{anchor}"


@pytest.mark.parametrize("page", SHORT, ids=lambda page: page.stem)
def test_short_pages_do_what_they_say(page: Path, tmp_path: Path) -> None:
    """Every command works in the folder of the repository; each page fits on a screen."""
    small(tmp_path / "spec")
    shutil.copy(ROOT / "LICENSE", tmp_path)
    versioned = (ROOT / ".git").exists()
    if versioned:
        (tmp_path / ".git").symlink_to(ROOT / ".git")
    text = page.read_text()
    assert len(text.splitlines()) <= 55
    assert f"(docs/{page.name})" in (ROOT / "CONTRIBUTING.md").read_text()
    for language, _, block in BLOCK.findall(text):
        for line in block.strip().splitlines() if language == "bash" else ():
            if line.startswith("git ") and not versioned:
                continue  # an archive has no commits
            done = shell(line, tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            assert done.stdout or line.startswith("cp "), line


# --- a car --------------------------------------------------------------------------------------

OFFER = "3fXc9aQz"
AWAITED = {
    "customer offers": "EUR 12450.00",
    "customer show": "EUR 11990.00",
    "customer release": "confirmed",
    "customer show, again": "  purged",
}
"""What the page says has happened by then; the garage takes its time."""


@contextlib.contextmanager
def garage(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "vrmproto.cli", "vendor", "--config", "garage.toml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
            assert process.returncode == 0


@pytest.mark.long
def test_the_car_is_bought(tmp_path: Path) -> None:
    home = offer = ""
    ran: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = str(bound.getsockname()[1])

    def ours(text: str) -> str:
        return text.replace(PRINTED, home).replace("8090", port).replace(OFFER, offer or OFFER)

    def until(command: str, wanted: str) -> None:
        for _ in range(200):
            if wanted in shell(command, tmp_path).stdout:
                return
        raise AssertionError(f"{command} does not show {wanted}")

    with contextlib.ExitStack() as stack:
        shop = contextlib.ExitStack()
        stack.enter_context(shop)
        for language, where, text in BLOCK.findall(YARIS.read_text()):
            if language == "toml":
                (tmp_path / where).write_text(ours(text))
                continue
            for line in text.strip().splitlines():
                ran.append(line)
                if line.startswith("vrmproto serve"):
                    home = stack.enter_context(serving(shlex.split(line)[2:], tmp_path))
                    continue
                if line.startswith("vrmproto vendor"):
                    shop.enter_context(garage(tmp_path))
                    continue
                verb = " ".join(line.split()[1:3])
                if verb == "send order.fulfil":
                    shop.close()
                wanted = AWAITED.get(verb if ran.count(line) < 2 else f"{verb}, again", "")
                if wanted:
                    show = f"vrmproto customer show {offer} --folder anna --dev"
                    until(show if offer else line, wanted)
                done = shell(ours(line), tmp_path)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                if verb == "customer offers":
                    offer = re.findall(r"^ (\S{8}) ", done.stdout, re.M)[0]
    assert {line.split()[1] for line in ran} == {"serve", "vendor", "customer", "verify", "send", "export"}
