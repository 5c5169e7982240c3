"""Habits of the repository that no other tool holds."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
HEADINGS = ["Context", "Decision", "Cost", "What was measured or learned"]

# Written in pieces, so that this file does not hold what it forbids.
PLACES = ["/" + name + "/" for name in ("work", "root")] + ["/".join(("", "tmp", "vrm"))]
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
    )
]
FORBIDDEN = re.compile(
    # At the root of a file system, not inside a longer path or address.
    "|".join(
        [rf"(?:(?<![\w.:/-])|(?<=file://)){re.escape(place)}" for place in PLACES]
        + [re.escape(host) for host in HOSTS]
    ),
    re.IGNORECASE,
)
OUTSIDE = re.compile(r"(?:\.\./)+shared\b")


@cache
def tracked() -> tuple[Path, ...]:
    """Every text file that git tracks or would take; without a checkout, every file that is no by-product."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        names = [
            path.relative_to(ROOT).as_posix()
            for folder in ("vrmproto", "spec", "tests", "docs", "benchmarks", "examples", ".ci")
            for path in (ROOT / folder).rglob("*")
            if "__pycache__" not in path.parts
        ] + [path.name for path in ROOT.iterdir()]
    else:
        names = listed.stdout.decode().split("\0")
    return tuple(ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file())


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """The requirements of the lock: normal name to the whole block, options included."""
    joined = text_of(ROOT / "requirements.lock").replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    return {
        normal(re.split(r"[\s=\[;]", line, maxsplit=1)[0]): line
        for line in lines
        if line and not line.startswith("#")
    }


def test_the_listing_sees_this_file() -> None:
    assert Path(__file__).resolve() in tracked()


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {hit.group()}"
        for path in tracked()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        for hit in FORBIDDEN.finditer(line)
    ]
    assert not found, "\n".join(found)


def test_no_file_points_outside_the_repository() -> None:
    """A relative path to a folder `shared` is one of ours (spec/shared) or none.

    The pages of docs/ quote schemas, whose paths start in spec/messages.
    """
    found = []
    for path in tracked():
        start = ROOT / "spec" / "messages" if path.parent == ROOT / "docs" else path.parent
        for hit in OUTSIDE.finditer(text_of(path)):
            target = (start / hit.group()).resolve()
            if not (target.is_relative_to(ROOT) and target.is_dir()):
                found.append(f"{path.relative_to(ROOT)}: {hit.group()}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("word", [PLACES[0] + "x", "(" + PLACES[1], "https://" + HOSTS[0] + "/simple"])
def test_what_is_forbidden_is_found(word: str) -> None:
    assert FORBIDDEN.search(f"see {word} there")


def test_there_are_decision_records() -> None:
    numbers = [int(path.name[:4]) for path in RECORDS]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 6


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_decision_record_has_its_form(record: Path) -> None:
    text = text_of(record)
    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", record.name)
    assert text.startswith(f"# {record.name[:4]}: ")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS
    assert f"({record.name})" in text_of(DECISIONS / "README.md"), "missing in the index"


def test_every_locked_requirement_is_pinned_with_hashes() -> None:
    loose = [
        name
        for name, block in locked().items()
        if not re.match(r"[\w.-]+==\S+", block) or not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)
    ]
    assert not loose


def test_the_lock_names_no_index() -> None:
    text = text_of(ROOT / "requirements.lock")
    assert not re.search(r"^\s*-|https?://", text.replace("    --hash", ""), flags=re.MULTILINE)
    assert "make lock" in text.split("==", maxsplit=1)[0], "the head says how to write it anew"


def test_the_lock_holds_what_the_project_declares() -> None:
    declared = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    wanted = [
        *declared["project"]["dependencies"],
        *declared["dependency-groups"]["dev"],
        *declared["build-system"]["requires"],
    ]
    names = {normal(re.split(r"[\s<>=!~\[;]", line, maxsplit=1)[0]) for line in wanted}
    assert names <= locked().keys()


def test_the_lock_can_only_be_installed_whole() -> None:
    """No requirement of ours comes from a path or an address, where a hash would mean nothing."""
    assert not [name for name, block in locked().items() if " @ " in block or name.startswith("-e")]


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_readme_names_the_two_commands(command: str) -> None:
    assert command in text_of(ROOT / "README.md")


@pytest.mark.parametrize("command", ["demo", "test", "test-long", "venv", "lock", "bench", "lint", "types"])
def test_makefile_and_contributing_agree(command: str) -> None:
    assert re.search(rf"^{command}:", text_of(ROOT / "Makefile"), flags=re.MULTILINE)
    assert f"make {command}" in text_of(ROOT / "CONTRIBUTING.md")


def test_licence_is_the_declared_one() -> None:
    declared = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    assert declared["license"] == "Apache-2.0"
    text = text_of(ROOT / "LICENSE")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
