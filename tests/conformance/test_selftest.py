"""The measure of the suite is itself looked at: what it counts, and that it can find nothing and too much."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import selftest
from conformance.selftest import Judged
from tests.broken import generic, mutate

ROOT = Path(__file__).resolve().parents[2]


def verdict(name: str, failed: tuple[str, ...] = (), **more: Any) -> Judged:
    return replace(Judged(name, 1, failed, (), (), "", 1.0, True), **more)


BUG = {"id": "bug", "kind": "patch", "kills": "VRM-THR-012", "summary": "A bug."}
STUB = {"id": "stub", "kind": "stub", "kills": "VRM-HOM-006", "summary": "A stub."}
RIGHT = {"id": "right", "kind": "benign", "summary": "A right one."}


def test_a_bug_is_caught_by_its_rule_only() -> None:
    assert selftest.killed(BUG, verdict("bug", ("VRM-THR-012", "VRM-THR-005")))
    assert not selftest.killed(BUG, verdict("bug", ("VRM-THR-005",)))
    assert not selftest.killed(BUG, verdict("bug", unsure=("VRM-THR-012",)))
    assert selftest.killed(BUG, verdict("bug", warned=("VRM-THR-012",)))
    assert selftest.killed(STUB, verdict("stub", control="refused"))
    assert not selftest.killed(STUB, verdict("stub"))


def test_the_figures() -> None:
    found = [
        (BUG, verdict("bug", ("VRM-THR-012", "VRM-THR-005"))),
        (BUG, verdict("bug", ("VRM-THR-012",), seed=2)),
        (STUB, verdict("stub", control="x")),
        (RIGHT, verdict("right", warned=("VRM-HOM-034",))),
    ]
    numbers = selftest.figures(found, 2.0)
    assert (numbers["mutants"], numbers["killed"], numbers["score"]) == (2, 2, 1.0)
    assert (numbers["benign"], numbers["false_positives"], numbers["mean_collateral"]) == (1, 0, 0.5)
    assert numbers["seeds"] == [1, 2]
    worst = selftest.figures([*found, (BUG, verdict("bug", seed=3))], 2.0)
    assert (worst["killed"], worst["escaped"]) == (1, ["bug"])
    unsure = selftest.figures([(RIGHT, verdict("right", unsure=("VRM-HOM-001",)))], 2.0)
    assert unsure["failed_wrongly"] == ["right"]
    page = selftest.matrix(found, numbers, "2026-01-01")
    assert "| `bug` | A bug. | VRM-THR-012 | yes |" in page
    assert "| `right` | A right one. | nothing |" in page


def test_what_is_measured_is_enough() -> None:
    listed = selftest.manifest()
    few = selftest.few(listed)
    kinds = [one["kind"] for one in few]
    rules = {one["kills"] for one in few if one["kind"] not in ("benign", "stub")}
    assert rules == {one["kills"] for one in listed if one["kind"] not in ("benign", "stub")}
    assert len(rules) > 190
    assert kinds.count("spec") >= 20
    assert kinds.count("benign") >= 14
    assert len(listed) > 600


def test_the_page_is_that_of_a_run() -> None:
    """What ``make selftest`` wrote last: every mutant that is measured stands there, and what it came to."""
    page = (ROOT / "docs" / "selftest.md").read_text()
    few = selftest.few(selftest.manifest())
    assert not [o["id"] for o in few if o["kills"] and f"| {o['kills']} |" not in page], "run make selftest"
    assert "score 1.0" in page
    assert "**no**" not in page
    assert "0 of 27 right variants failed" in page


@pytest.mark.parametrize("page", ["selftest.md", "mutate.md"])
def test_the_readme_says_what_was_measured(page: str) -> None:
    written = (ROOT / "docs" / page).read_text()
    said = [line for line in written.splitlines() if line.startswith("On 20")]
    assert len(said) == 1
    assert said[0] in (ROOT / "README.md").read_text()


def test_changes_that_cannot_be_told_are_there_and_have_reasons() -> None:
    """A line of a function that has been changed since is a line to be taken out."""
    there = {one.key for module in generic.MODULES for one in generic.changes(module)}
    known = mutate.survivors()
    assert not known.keys() - there
    assert all(len(reason) > 15 for reason in known.values())
    assert list(known) == sorted(known)


def test_the_score_of_random_changes() -> None:
    found = [mutate.Judged(f"a: {n}", "killed", ("VRM-THR-005 walks",)) for n in range(18)]
    found += [mutate.Judged("b", "escaped"), mutate.Judged("c", "escaped"), mutate.Judged("d", "lost")]
    numbers = mutate.figures(found, {"b": "how much is remembered"})
    assert numbers == {
        "mutants": 21, "killed": 18, "escaped": 2, "lost": 1, "explained": 1, "of": 19, "score": 0.947
    }  # fmt: skip
    page = mutate.page(found, {"b": "how much is remembered"}, {"seed": 1, **numbers}, "2026-01-01")
    assert "| `b` | how much is remembered |" in page
    assert "| `c` | **open** |" in page
    assert "Of the other 19 the suite caught 18, **94.7 %**." in page


def test_functions_that_no_home_calls_are_there() -> None:
    for module, functions in generic.READERS.items():
        assert all(hasattr(importlib.import_module(f"vrmproto.{module}"), name) for name in functions)
        assert module in generic.MODULES


def test_random_changes_are_the_same_for_a_seed() -> None:
    drawn = generic.drawn(1, 300)
    assert len({one.id for one in drawn}) == 300
    assert drawn == generic.drawn(1, 300)
    assert {one.what.split()[0] for one in drawn} >= {"compare", "never", "nothing", "another", "not"}
    assert len(generic.drawn(2, 50)) == 50


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "reference",
        "closing",
        "es256",
        "core-and-terms",
        "short-pages-of-threads",
        "members-reversed",
        "row-asks-no-head",
        "schema-proffer-with-ext",
        "signed-boards-public",
        "public-boards-signed",
        "person-reads-tombstones",
        "removal-not-told",
        "exit-stopped-by-a-full-inbox",
        "takes-everything",
        "refuses-everything",
    ],
)
def test_some_homes_again(name: str) -> None:
    listed = {one["id"]: one for one in selftest.manifest()} | {"reference": selftest.AS_IT_IS}
    one = listed[name]
    result = selftest.judge(one, 1, whole=one["kind"] == "benign")
    if one["kind"] == "benign":
        assert (result.failed, result.unsure, result.control) == ((), (), ""), json.dumps(dict(result.why))
    else:
        assert selftest.killed(one, result), result.failed
