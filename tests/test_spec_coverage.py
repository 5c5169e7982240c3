"""Every MUST of homes has a check or an exclusion, by the suite's own list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conformance import cli as suite
from tests.spec_copies import small
from vrmproto import requirements
from vrmproto.cli.app import build
from vrmproto.editor import coverage
from vrmproto.editor.check import check

EXCLUSIONS = "requirements/exclusions.json"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("spec") / "spec")


@pytest.fixture(scope="module")
def listed(spec: Path) -> str:
    """What a suite lists that judges whatever is not excluded."""
    excluded = {e["requirement"] for e in json.loads((spec / EXCLUSIONS).read_bytes())["exclusions"]}
    rows = [{"id": name, "checks": [] if name in excluded else ["walk"]} for name in requirements.read(spec)]
    return "".join(json.dumps(row) + "\n" for row in rows)


def run(*words: object, stdin: str | None = None) -> Any:
    return CliRunner().invoke(build(), ["spec", "check", *map(str, words)], input=stdin)


def test_the_suite_judges_every_must() -> None:
    told = CliRunner().invoke(suite.app, ["list", "--json"]).stdout
    result = run("--checks", "-", stdin=told)
    assert (result.exit_code, result.stdout) == (0, "no findings\n")


@pytest.mark.parametrize(
    ("name", "code"),
    [("VRM-TRM-004", "requirement-unchecked"), ("VRM-AGT-001", ""), ("VRM-HOM-009", "")],
    ids=["a must", "of agents", "a should"],
)
def test_a_check_less(spec: Path, listed: str, name: str, code: str) -> None:
    checks = coverage.read(listed)
    checks[name] = []
    found = check(spec, checks)
    assert [f.code for f in found] == ([code] if code else [])
    if found:
        (one,) = found
        assert (one.file, name in one.message) == ("protocol/terms.md", True)
        assert f"#{name} " in (spec / one.file).read_text("utf-8").splitlines()[one.line - 1]


def test_an_exclusion_that_has_a_check_and_a_check_of_nothing(spec: Path, listed: str) -> None:
    checks = coverage.read(listed) | {"VRM-HOM-007": ["cut-the-power"], "VRM-HOM-907": ["walks"]}
    found = [(f.code, f.file) for f in check(spec, checks)]
    assert found == [("check-unknown", "protocol"), ("exclusion", EXCLUSIONS)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"id": "VRM-TRM-004"}', '{"id": "VRM-TRM-004", "checks": [1]}']
)
def test_a_list_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "list").write_text(text)
    assert run("--checks", tmp_path / "list").exit_code == 2
    assert run("--checks", tmp_path / "none").exit_code == 2


def test_a_list_as_one_array(listed: str) -> None:
    rows = [json.loads(line) for line in listed.splitlines()]
    assert coverage.read(json.dumps(rows)) == coverage.read(listed)
