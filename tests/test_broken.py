"""The broken homes: well described, few lines each, and homes all the same."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.broken import control, manifest
from tests.broken.launch import Launcher, LaunchError, launched, running
from tests.broken.mutants import MUTANTS
from vrmproto import spec

SPEC = spec.load(spec.folder())
MANIFEST: dict[str, Any] = json.loads(manifest.PATH.read_bytes())
LISTED: list[dict[str, Any]] = MANIFEST["mutants"]
BROKEN = [entry for entry in LISTED if entry["kind"] != "benign"]
MUSTS = {r.id for r in SPEC.requirements.values() if r.role == "home" and r.level.startswith("MUST")}
LINES = 10


def test_the_manifest_is_what_the_registry_says() -> None:
    assert manifest.PATH.read_text(encoding="utf-8") == manifest.written()


def test_ids_are_unique_and_registered() -> None:
    ids = [entry["id"] for entry in LISTED]
    assert len(set(ids)) == len(ids)
    assert set(ids) == MUTANTS.keys()
    assert all(part.isalnum() and part == part.lower() for name in ids for part in name.split("-"))


def test_entries_are_well_formed() -> None:
    for entry in LISTED:
        check_entry(entry)


def check_entry(entry: dict[str, Any]) -> None:
    assert entry["kind"] in ("patch", "spec", "stub", "benign"), entry["id"]
    assert entry["profile"] in SPEC.profiles, entry["id"]
    assert entry["summary"].endswith("."), entry["id"]
    assert "\n" not in entry["summary"], entry["id"]
    assert isinstance(entry["control"], bool), entry["id"]
    assert set(entry["notes"]) <= MANIFEST["catalogue"].keys(), entry["id"]
    if entry["kind"] == "benign":
        assert entry["kills"] is None, entry["id"]
        assert entry["allowed"], entry["id"]
        assert entry["control"], entry["id"]
    else:
        assert {entry["kills"], *entry.get("also", ())} <= MUSTS, entry["id"]
        assert entry["profile"] == SPEC.requirements[entry["kills"]].profile, entry["id"]
        assert bool(entry.get("edits")) == (entry["kind"] == "spec"), entry["id"]


def test_there_are_enough() -> None:
    kinds = Counter(entry["kind"] for entry in LISTED)
    assert kinds["spec"] >= 20
    assert kinds["benign"] >= 14
    assert len(BROKEN) >= 210


def test_every_must_of_a_home_is_broken_by_one() -> None:
    assert MUSTS - {entry["kills"] for entry in BROKEN} == MANIFEST["without"].keys()
    assert len(MANIFEST["without"]) <= 10


def test_the_catalogue_is_complete() -> None:
    assert list(MANIFEST["catalogue"]) == [f"S{n:02d}" for n in range(1, 56)]
    for entry in MANIFEST["catalogue"].values():
        assert entry["text"]
        assert bool(entry.get("mutants")) != bool(entry.get("struck"))
        assert set(entry.get("mutants", ())) <= {one["id"] for one in BROKEN}


def lines_of(name: str) -> int:
    """How many lines an override has, its text and empty ones left out."""
    source = textwrap.dedent(inspect.getsource(MUTANTS[name]))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    body = function.body[1:] if ast.get_docstring(function) else function.body
    lines = source.splitlines()[body[0].lineno - 1 : body[-1].end_lineno] if body else []
    return len([line for line in lines if line.strip()])


def test_overrides_have_few_lines() -> None:
    assert [name for name in MUTANTS if lines_of(name) > LINES] == []


# --- the homes run ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def launchers() -> Iterator[list[Launcher]]:
    both = [Launcher(), Launcher()]
    yield both
    for launcher in both:
        launcher.close()


def tried(launcher: Launcher, entry: dict[str, Any]) -> str:
    """What a home does not do that it should; '' if it does all."""
    try:
        with running(entry["id"], launcher) as target:
            document = control.discovered(target.url)
            status, body = control.proffered(target.url, document)
    except (LaunchError, OSError, ValueError, KeyError) as error:
        return f"{entry['id']}: {error!r}"
    if document["issuer"] != target.url:
        return f"{entry['id']}: is {document['issuer']}"
    if (status == 202) != entry["control"] and entry["id"] != "receipt-for-all":
        return f"{entry['id']}: {status} {body[:300]!r}"
    return ""


@pytest.mark.parametrize(
    "places", [range(0, len(LISTED), 9), pytest.param(range(len(LISTED)), marks=pytest.mark.long)]
)
def test_they_start_and_take_a_proffer(launchers: list[Launcher], places: range) -> None:
    """Each ninth of them; beside the long tests all."""
    with ThreadPoolExecutor(4) as pool:
        wrong = list(pool.map(lambda n: tried(launchers[n % 2], LISTED[n]), places))
    assert [text for text in wrong if text] == []


def test_the_reference_takes_a_proffer_after_a_restart(launchers: list[Launcher]) -> None:
    with running(None, launchers[0], inbox=20) as target:
        assert control.discovered(target.url)["limits"]["inbox"] == 20
        before = control.discovered(target.url)["keys"]
        target.restart()
        assert control.discovered(target.url)["keys"] == before
        assert control.proffered(target.url, control.discovered(target.url))[0] == 202
        assert target.operator_keys[0]["x"] == before[0]["x"]


async def test_a_target_is_launched_from_a_loop() -> None:
    async with launched("expired-taken", max_wait=2) as target:
        assert control.discovered(target.url)["limits"]["max_wait"] == 2


def test_a_home_that_cannot_start_says_why(launchers: list[Launcher]) -> None:
    with pytest.raises(LaunchError, match="no-such-mutant"), running("no-such-mutant", launchers[0]):
        pass
