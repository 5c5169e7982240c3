"""The command line, as those use it who have a home to judge."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conformance import cli
from tests.broken.launch import Target, running
from vrmproto import spec

SPEC = spec.load()
ROOT = Path(__file__).resolve().parents[2]


def run(*words: object) -> Any:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture(scope="module")
def home() -> Iterator[Target]:
    with running(None, inbox=300, max_wait=4) as target:
        yield target


@pytest.fixture(scope="module")
def broken() -> Iterator[Target]:
    with running("row-asks-no-head", inbox=300, max_wait=4) as target:
        yield target


@pytest.fixture(scope="module")
def judged(home: Target, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("report")
    keys = f"{home.data}/keys.json"
    words = ["--url", home.url, "--quick", "--seed", 3, "--operator-key", keys, "--report-dir", folder]
    return run("check", "server", *words, "--json"), folder


def test_the_reference_is_conformant(judged: tuple[Any, Path]) -> None:
    result, folder = judged
    document = json.loads(result.stdout)
    bad = [(f["requirement"], f["expected"], f["got"]) for f in document["failures"]]
    unsure = [(r["id"], r["reason"]) for r in document["requirements"] if r["verdict"] == "inconclusive"]
    assert (bad, unsure) == ([], [])
    assert (result.exit_code, document["exit"], document["conformant"]) == (0, 0, True)
    assert document["numbers"]["schema_targets_exercised"] == document["numbers"]["schema_targets"]
    names = {path.name for path in folder.iterdir()}
    assert names >= {"report.json", "report.html", "junit.xml", "badge.json", "claim.jwt"}


def test_its_claim_is_about_its_report(judged: tuple[Any, Path]) -> None:
    _, folder = judged
    claim, report = folder / "claim.jwt", folder / "report.json"
    assert run("verify-claim", claim, "--report", report).exit_code == 0
    changed = folder / "changed.json"
    changed.write_text(report.read_text().replace('"seed": 3', '"seed": 4'))
    result = run("verify-claim", claim, "--report", changed, "--json")
    assert (result.exit_code, json.loads(result.stdout)["valid"]) == (1, False)
    assert run("verify-claim", folder / "none.jwt").exit_code == 2


def test_a_failure_is_told_and_said_again(broken: Target, tmp_path: Path) -> None:
    words = ["--url", broken.url, "--quick", "--profile", "core,terms", "--report-dir", tmp_path]
    result = run("check", "server", *words)
    assert result.exit_code == 1
    assert "VRM-THR-012" in result.output
    assert SPEC.requirements["VRM-THR-012"].text.split("`")[0] in result.output.replace("\n", " ")
    files = sorted((tmp_path / "replay").glob("VRM-THR-012-*.json"))
    assert files
    again = run("replay", files[0], "--url", broken.url, "--json")
    assert (again.exit_code, json.loads(again.stdout)["outcomes"][0]["verdict"]) == (1, "fail")
    with running(None) as right:
        mended = run("replay", files[0], "--url", right.url, "--json")
    assert (mended.exit_code, json.loads(mended.stdout)["outcomes"][0]["verdict"]) == (0, "pass")


@pytest.mark.long
def test_two_right_homes_do_not_differ() -> None:
    with running(None) as home, running("es256") as other:
        result = run("diff", "--url", home.url, "--url", other.url, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["differences"]) == (0, [])
    assert found["conversations"] > 900


@pytest.mark.long
def test_two_homes_are_compared(broken: Target) -> None:
    with running(None) as home:
        result = run("diff", "--url", home.url, "--url", broken.url, "--json")
    assert result.exit_code == 1
    assert "VRM-THR-012" in {one["requirement"] for one in json.loads(result.stdout)["differences"]}
    assert run("diff", "--url", broken.url).exit_code == 2


def test_what_judges_what() -> None:
    rows = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert {row["id"] for row in rows} == set(SPEC.requirements)
    musts = [row for row in rows if row["role"] == "home" and row["level"].startswith("MUST")]
    assert not [row["id"] for row in musts if not row["checks"] and not row["excluded"]]
    assert sum(bool(row["excluded"]) for row in musts) <= len(musts) * 0.05
    told = run("explain", "vrm-trm-004").output
    assert "terms-not-offered" in told
    assert "judged by: vector" in told
    missed = run("explain", "VRM-TRM-044")
    assert (missed.exit_code, "is one of" in missed.output) == (2, True)


def test_the_figures_of_coverage(home: Target) -> None:
    home.restart()
    result = run("coverage", "--json", "--url", home.url)
    figures = json.loads(result.stdout)
    assert (result.exit_code, figures["uncovered"]) == (0, [])
    assert figures["schema_targets_exercised"] == figures["schema_targets"] > 1900
    assert figures["home_must"] == figures["checked"] + figures["excluded"]
    assert figures["agent_unjudged"] <= figures["must"] / 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "server", "--url", "nowhere"], "is to be the URL of a home"),
        (["check", "server", "--url", "http://127.0.0.1:1", "--profile", "cor"], "is none of core"),
        (["check", "server", "--url", "http://127.0.0.1:1", "--level", "may"], "must or should"),
        (["check", "server", "--url", "http://127.0.0.1:1", "--quick", "--thorough"], "one of them"),
        (["check", "server", "--url", "http://127.0.0.1:1", "--origin", "x"], "loopback, none, or"),
        (["check", "server", "--url", "http://127.0.0.1:1", "--baseline", "/none"], "/none"),
        (["check", "server", "--url", "http://127.0.0.1:1", "--operator-key", "/none"], "no private JWK"),
        (["check", "server", "--url", "http://127.0.0.1:1"], "127.0.0.1:1"),
        (["check", "vendor", "--command", "x"], "agents are not judged yet"),
        (["replay", "/none"], "cannot be read"),
        (["selftest", "--only", "nothing"], "is no home of"),
        (["list", "--spec", "/none"], "/none"),
    ],
)
def test_wrong_usage_is_told(words: list[str], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_replay_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "replay.json"
    for text, said in (
        ("{\n,", ":2: is no JSON"),
        ("[]", ":1: is to be an object"),
        ("{}", ":1: names neither"),
    ):
        file.write_text(text)
        result = run("replay", file, "--url", "http://127.0.0.1:1")
        assert (result.exit_code, said in result.output) == (2, True), result.output


@pytest.mark.long
def test_the_page_is_as_it_is_told(home: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of "Test your server in five minutes", word for word but for the port."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "test-your-server.md").read_text()
    lines = [
        line for block in re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S) for line in block.split("\n")
    ]
    said = [line for line in lines if line.strip()]
    assert said
    for line in said:
        words = shlex.split(line.replace("http://127.0.0.1:8080", home.url))
        assert words[0] == "vrm-conformance"
        if words[1:3] == ["check", "server"] and "--quick" not in words:
            words.append("--quick")  # the whole of it takes a minute and more
        home.restart()  # it bounds how many organisations it looks up in a minute
        result = run(*words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output[-3000:]}"
