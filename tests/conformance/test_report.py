"""The reports of runs that are made up: what they say of each, and what is written."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conformance import report
from conformance.baseline import Baseline, Known
from conformance.report import text
from conformance.report.document import replay_name
from conformance.results import Outcome, Run, Verdict
from tests.conformance.runs import (
    KEY,
    URL,
    failing,
    homes,
    made,
    musts,
    passing,
    rich_run,
    run,
    should,
    spec,
    unjudged,
)
from vrmproto.spec import BASE

# --- report.json -------------------------------------------------------------------------------


def test_a_run_in_which_all_holds_is_conformant() -> None:
    told = made(run())
    assert (told["conformant"], told["exit"], told["failures"]) == (True, 0, [])
    by_id = {r["id"]: r for r in told["requirements"]}
    assert by_id.keys() == set(homes())
    assert by_id["VRM-HOM-007"]["verdict"] == "not-judged"
    assert "disk" in by_id["VRM-HOM-007"]["reason"]
    assert by_id["VRM-ID-009"]["reason"] == "needs origin"
    rule = spec().requirements["VRM-HOM-029"]
    assert by_id["VRM-HOM-029"] == {
        "id": "VRM-HOM-029",
        "level": "MUST",
        "profile": "core",
        "page": "protocol/home.md",
        "link": f"{BASE}protocol/home.md#VRM-HOM-029",
        "text": rule.text,
        "verdict": "pass",
        "checks": [{"check": "vrm-hom-029.check", "verdict": "pass", "count": 1, "reason": ""}],
        "reason": "",
        "known": False,
    }
    core, terms, _, intent, _ = told["profiles"]
    assert [p["name"] for p in told["profiles"]] == ["core", "terms", "consent", "intent", "relationship"]
    assert sum(sum(c.values()) for p in told["profiles"] for c in p["verdicts"].values()) == len(homes())
    assert terms["verdicts"]["MUST"]["pass"] == musts("terms")
    assert core["verdicts"]["MUST"]["not-judged"] == unjudged()
    shoulds = [r for r in told["requirements"] if (r["profile"], r["level"]) == ("intent", "SHOULD")]
    assert intent["verdicts"]["SHOULD"]["pass"] == len(shoulds)


def test_failures_are_grouped_by_requirement_and_check() -> None:
    told = made(rich_run())
    assert (told["conformant"], told["exit"]) == (False, 1)
    names = [(f["requirement"], f["check"], f["count"]) for f in told["failures"]]
    assert names == [
        ("VRM-HOM-029", "problem.members", 41),
        ("VRM-HOM-029", "problem.title", 1),
        ("VRM-INT-001", "intent.publish", 1),
    ]
    first = told["failures"][0]
    assert len(first["conversation"]) == 2
    assert first["replay"] == "replay/VRM-HOM-029-problem.members.json"
    assert told["failures"][1]["replay"] == ""
    assert [(w["requirement"], w["count"]) for w in told["warnings"]] == [(should(), 1)]


@pytest.mark.parametrize(
    ("of", "code", "conformant"),
    [
        (run(failing()), 1, False),
        (run(Outcome("VRM-HOM-010", "c", Verdict.INCONCLUSIVE, reason="late")), 3, False),
        (run(failing(), Outcome("VRM-HOM-010", "c", Verdict.INCONCLUSIVE)), 1, False),
        (run(without=("VRM-HOM-010",)), 3, False),
        (run(without=("VRM-ID-009",)), 0, True),
        (run(Outcome(should(), "c", Verdict.INCONCLUSIVE)), 0, True),
        (run(Outcome(should(), "c", Verdict.WARN)), 0, True),
        (run(Outcome(should(), "c", Verdict.FAIL)), 1, False),
        (run(control="refused"), 3, False),
        (run(failing(), control="refused"), 3, False),
        (Run(URL), 3, False),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_the_exit_code(of: Run, code: int, conformant: bool) -> None:
    told = made(of)
    assert (told["exit"], told["conformant"]) == (code, conformant)


def test_without_the_control_nothing_is_scored() -> None:
    told = made(run(failing(), control="a proffer was refused"))
    verdicts = {r["verdict"] for r in told["requirements"]}
    assert verdicts == {"inconclusive", "not-judged"}
    assert len(told["failures"]) == 1
    assert report.badge(told) == {
        "schemaVersion": 1,
        "label": "VRM",
        "message": "not judged",
        "color": "lightgrey",
    }
    assert "a proffer was refused" in report.html(told)
    assert "a proffer was refused" in text.outcome(told).plain
    assert ET.fromstring(report.junit(told)).get("failures") == "0"


def test_what_no_profile_asks_for_is_not_applicable() -> None:
    told = made(dataclasses.replace(run(), outcomes=passing()[:0], profiles=("core",)))
    terms = [r for r in told["requirements"] if r["profile"] == "terms"]
    assert {r["verdict"] for r in terms} == {"not-applicable"}
    assert [p["judged"] for p in told["profiles"]] == [True, False, False, False, False]
    assert told["transitions"] == []


def test_a_requirement_that_the_spec_lacks_is_told_and_breaks_nothing() -> None:
    told = made(run(failing("VRM-XYZ-999")))
    assert told["exit"] == 1
    assert "VRM-XYZ-999" in report.html(told)
    assert ET.fromstring(report.junit(told)).get("failures") == "1"
    assert "this spec does not have" in text.plain(told["failures"][0], told)


def test_transitions_are_counted_by_the_tables() -> None:
    terms, intent, offer, *_ = made(run())["transitions"]
    seen = {(m["from"], m["by"], m["type"], m["cause"]): m["count"] for m in terms["moves"]}
    assert seen["", "first", "terms.proffer", ""] == 12
    assert seen["proffered", "second", "terms.accept", ""] == 3
    assert seen["proffered", "", "", "deadline"] == 1
    assert sum(seen.values()) == 16
    assert len(seen) == len(spec().kinds["terms"].cells) + 5
    # an opening may be written without its state, too
    assert [m["count"] for m in intent["moves"] if not m["from"]] == [2]
    assert offer["unlisted"] == ["offer accepted either offer.frobnicate"]
    kept = next(m for m in terms["moves"] if m["type"] == "agent.rotate")
    assert (kept["from"], kept["to"]) == ("agreed", "agreed")


def test_known_failures_do_not_count_and_are_told() -> None:
    baseline = Baseline("b", (Known("VRM-HOM-029", "our proxy", issue="https://tracker.test/1"),))
    told = made(run(failing(), without=("VRM-HOM-029",)), baseline)
    assert (told["exit"], told["conformant"]) == (0, False)
    assert told["failures"][0]["known"]["reason"] == "our proxy"
    assert next(r for r in told["requirements"] if r["id"] == "VRM-HOM-029")["known"]
    assert report.badge(told)["color"] == "red"
    assert "known: our proxy (https://tracker.test/1)" in text.plain(told["failures"][0], told)
    assert "Not conformant, as known" in report.html(told)
    xml = ET.fromstring(report.junit(told))
    assert xml.get("failures") == "0"
    assert [s.get("message") for s in xml.iter("skipped")].count("known failure: our proxy") == 1
    half = Baseline("b", (Known("VRM-HOM-029", "our proxy", check="problem.members"),))
    assert made(run(failing(), failing(check="other")), half)["exit"] == 1


def test_entries_that_have_to_go_are_told() -> None:
    baseline = Baseline("b", (Known("VRM-HOM-029", "our proxy", line=3),))
    told = made(run(), baseline)
    assert (told["exit"], told["conformant"]) == (4, True)
    assert told["baseline"]["stale"][0]["why"] == "it no longer fails"
    assert "Stale baseline" in report.html(told)
    assert ET.fromstring(report.junit(told)).get("failures") == "1"
    late = Baseline("b", (Known("VRM-HOM-029", "our proxy", expires=date(2026, 6, 30)),))
    assert made(run(failing()), late)["exit"] == 4
    assert made(run(failing()), late, date(2026, 6, 30))["exit"] == 0


def test_replay_names_are_safe_and_each_is_its_own() -> None:
    assert replay_name("VRM-HOM-001", "../../etc/passwd\x00") == "replay/VRM-HOM-001-..-..-etc-passwd.json"
    first = replay_name("VRM-HOM-001", "a b")
    assert replay_name("VRM-HOM-001", "a/b", [first]) == "replay/VRM-HOM-001-a-b-2.json"
    told = made(run(failing(check="a b"), failing(check="a/b"), failing(check="a:b")))
    assert len({f["replay"] for f in told["failures"]}) == 3


# --- junit.xml and badge.json ------------------------------------------------------------------


def test_junit_has_a_case_for_every_requirement() -> None:
    told = made(rich_run())
    root = ET.fromstring(report.junit(told))
    assert [s.get("name") for s in root] == [
        "vrm.core",
        "vrm.terms",
        "vrm.consent",
        "vrm.intent",
        "vrm.relationship",
    ]
    cases = {(c.get("name") or "").partition(" ")[0]: c for c in root.iter("testcase")}
    assert cases.keys() == set(homes())
    assert root.attrib.items() >= {"tests": str(len(homes())), "failures": "2", "errors": "1"}.items()
    assert root.get("skipped") == str(unjudged())
    failure = cases["VRM-HOM-029"].find("failure")
    assert failure is not None
    assert failure.text == text.plain(told["failures"][0], told)
    error = cases["VRM-HOM-010"].find("error")
    assert error is not None
    assert error.get("message") == "no answer within 30 s"
    assert cases["VRM-HOM-029"].get("classname") == "vrm.core.home"
    assert "WARN" in (cases[should()].findtext("system-out") or "")


def test_the_badge() -> None:
    told = made(run())
    profiles = "core terms consent intent relationship"
    assert report.badge(told) == {
        "schemaVersion": 1,
        "label": "VRM",
        "message": f"{profiles}: {musts()}/{musts()}",
        "color": "brightgreen",
    }
    broken = report.badge(made(rich_run()))
    assert (broken["message"], broken["color"]) == (f"{profiles}: {musts() - 3}/{musts()}", "red")
    open_ = report.badge(made(run(without=("VRM-HOM-010",))))
    assert (open_["message"], open_["color"]) == (f"{profiles}: {musts() - 1}/{musts()}", "yellow")


# --- all of it ---------------------------------------------------------------------------------


def test_everything_is_written_and_nothing_else_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written = report.write(rich_run(), spec(), folder, KEY)
    names = sorted(p.relative_to(folder).as_posix() for p in written)
    assert names == [
        "badge.json",
        "claim.jwt",
        "junit.xml",
        "replay/VRM-HOM-029-problem.members.json",
        "replay/VRM-INT-001-intent.publish.json",
        "report.html",
        "report.json",
    ]
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == names
    assert json.loads((folder / names[3]).read_bytes()) == {"seed": 7, "steps": [1]}
    data = (folder / "report.json").read_bytes()
    assert report.verify((folder / "claim.jwt").read_text(), data) == []
    again = report.write(run(), spec(), folder, KEY)
    assert len(again) == 5
    assert list((folder / "replay").iterdir()) == []
    assert report.write(rich_run(), spec(), tmp_path / "two", KEY)[0].read_bytes() == data


def test_a_report_that_cannot_be_put_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "report.json" / "taken").mkdir(parents=True)
    with pytest.raises(OSError, match=r"report\.json"):
        report.write(run(), spec(), tmp_path, KEY)
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_the_reports_know_nothing_of_the_reference() -> None:
    code = (
        "import sys, conformance.report, conformance.baseline\n"
        "print(*sorted(m for m in sys.modules if m.startswith('vrmproto')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"vrmproto.home", "vrmproto.envelope", "vrmproto.agents"} & set(done.stdout.split())


# --- action.yml --------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
STUB = '#!/usr/bin/env bash\nprintf "%s\\n" "$@" > "$SEEN"\nexit "$CODE"\n'


def judging_step() -> str:
    """The lines by which the action calls the suite."""
    step = (ROOT / "action.yml").read_text().partition("id: check")[2]
    body = step.partition("run: |\n")[2].partition("\n\n")[0]
    assert "${{" not in body, "an input would be read as a command"
    return textwrap.dedent(body)


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_action_hands_its_inputs_on(code: int, tmp_path: Path) -> None:
    stub = tmp_path / "suite" / "bin" / "vrm-conformance"
    stub.parent.mkdir(parents=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    given = {
        "SUITE": str(tmp_path / "suite"),
        "URL": "http://127.0.0.1:8080/$(touch bad)",
        "PROFILE": "core,terms" if code else "",
        "BASELINE": "a file.toml; touch bad" if code else "",
        "REPORT": "out dir",
        "ARGS": "--quick\n  --seed 7 $(touch bad) *" if code else "",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SEEN": str(tmp_path / "seen"),
        "CODE": str(code),
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", judging_step()]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **given}, capture_output=True, timeout=20)
    assert done.returncode == code, done.stderr
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    assert not (tmp_path / "bad").exists()
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen[:6] == ["check", "server", "--url", given["URL"], "--report-dir", "out dir"]
    more = ["--profile", "core,terms", "--baseline", given["BASELINE"], "--quick", "--seed", "7"]
    assert seen[6:] == ([*more, "$(touch", "bad)", "*"] if code else [])


def test_the_page_names_what_is_there() -> None:
    """The page on testing a server says the action's inputs, the files and a sentence as they are."""
    told = (ROOT / "docs" / "test-your-server.md").read_text()
    inputs = (ROOT / "action.yml").read_text().partition("inputs:")[2].partition("outputs:")[0]
    for name in re.findall(r"^  ([a-z-]+):$", inputs, re.MULTILINE):
        assert f"`{name}`" in told, name
    for name in ("report.json", "report.html", "junit.xml", "badge.json", "claim.jwt"):
        assert f"`{name}`" in told
    assert spec().requirements["VRM-TRM-004"].text in told
    toml = told.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(toml)["known"][0]["requirement"] in spec().requirements
    for path in re.findall(r"\]\((\.\./[^)]+)\)", told):
        assert (ROOT / "docs" / path).exists(), path
