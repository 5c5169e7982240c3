"""Seeded changes are told rightly there and back, and what is called breaking has a message that shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.spec_seeds import SEEDS, SPEC, Seed, copied
from vrmproto.editor.diff import Change, changes, comparing, keywords, showing
from vrmproto.errors import SpecError
from vrmproto.spec import BASE

DIRECTIONS = ("there", "back")


class Oracle:
    """The schemas of a folder by the pure jsonschema library."""

    def __init__(self, root: Path) -> None:
        paths = [
            root / "envelope.json",
            *(p for d in ("messages", "shared", "documents") for p in (root / d).glob("*.json")),
        ]
        schemas = {p.relative_to(root).as_posix(): json.loads(p.read_bytes()) for p in paths}
        self.ext = {path: schema.get("x-ext", True) for path, schema in schemas.items()}
        resources = [(BASE + path, DRAFT202012.create_resource(schema)) for path, schema in schemas.items()]
        self.registry: Any = Registry().with_resources(resources)
        self.names = set(schemas)

    def takes(self, name: str, value: Any) -> bool:
        if isinstance(value, dict) and value.keys() == {"body", "ext"}:
            return self.ext[name] and self.takes(name, value["body"])
        if name.partition("#")[0] not in self.names:
            return False
        schema = {"$ref": BASE + name}
        return Draft202012Validator(schema, registry=self.registry, format_checker=FormatChecker()).is_valid(
            value
        )


def proven(found: list[Change], old: Oracle, new: Oracle) -> int:
    """How many witnesses do what they are to do; each has to."""
    count = 0
    for change in found:
        for effect in change.effects:
            if effect.proven:
                speaker, reader = (old, new) if effect.whom == "senders" else (new, old)
                assert speaker.takes(effect.schema, effect.witness), (change.file, change.what, effect)
                assert not reader.takes(effect.schema, effect.witness), (change.file, change.what, effect)
                count += 1
            else:
                assert effect.witness is None
        if change.area == "schemas" and change.breaks and change.breaks != ("homes",):
            assert {e.whom for e in change.effects if e.proven} == set(change.breaks)
    return count


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("old") / "spec")


@pytest.fixture(scope="module")
def seeded(pristine, tmp_path_factory) -> Path:
    """A copy with all seeds at once."""
    root = copied(tmp_path_factory.mktemp("new") / "spec")
    for seed in SEEDS.values():
        seed.change(root)
    return root


@pytest.fixture(scope="module")
def told(pristine, seeded) -> dict[str, list[Change]]:
    return {"there": changes(pristine, seeded), "back": changes(seeded, pristine)}


def of(found: list[Change], seed: Seed) -> list[Change]:
    """What is told where a seed is; a pointer that ends in / or - is the beginning of one."""

    def is_there(pointer: str) -> bool:
        return (
            pointer.startswith(seed.pointer) if seed.pointer[-1:] in ("/", "-") else pointer == seed.pointer
        )

    return [c for c in found if c.file == seed.file and is_there(c.pointer)]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", SEEDS)
def test_a_seeded_change_is_told(told, name, direction):
    seed = SEEDS[name]
    verdict = seed.verdicts[direction == "back"]
    found = [c for c in of(told[direction], seed) if c.verdict == verdict]
    assert found, (seed.pointer, [(c.pointer, c.verdict) for c in told[direction] if c.file == seed.file])
    assert {c.breaks for c in found} == {seed.there if direction == "there" else seed.back}
    if found[0].area == "schemas" and verdict == "breaking":
        affected = {e.schema for c in found for e in c.effects if e.proven}
        assert affected == set(seed.affects or (seed.file,))


def test_there_are_enough_seeds():
    assert len(SEEDS) >= 20


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_witness_does_what_it_says(told, pristine, seeded, direction):
    old, new = Oracle(pristine), Oracle(seeded)
    if direction == "back":
        old, new = new, old
    assert proven(told[direction], old, new) >= 30


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_nothing_is_told_that_was_not_seeded(told, direction):
    expected = [c for seed in SEEDS.values() for c in of(told[direction], seed)]
    assert [c for c in told[direction] if c not in expected and c.verdict != "editorial"] == []


@pytest.mark.long
@pytest.mark.parametrize("name", SEEDS)
def test_a_change_alone_is_told_alone(pristine, tmp_path, name):
    seed = SEEDS[name]
    root = copied(tmp_path / "spec")
    seed.change(root)
    old, new = Oracle(pristine), Oracle(root)
    for before, after, whom, verdict, oracles in (
        (pristine, root, seed.there, seed.verdicts[0], (old, new)),
        (root, pristine, seed.back, seed.verdicts[1], (new, old)),
    ):
        found = changes(before, after)
        assert {f.file for f in found} == {seed.file}
        assert found[0].verdict == verdict
        assert {w for c in found for w in c.breaks} == set(whom)
        proven(found, *oracles)
        assert bool(comparing.unstepped(before, after, found)) == (verdict == "breaking")


def test_a_folder_does_not_differ_from_itself(pristine):
    assert changes(pristine, pristine) == []
    assert changes(SPEC, SPEC) == []


def test_all_keywords_of_the_metaschema_are_in_the_table():
    meta = json.loads((SPEC / "meta" / "message.json").read_text("utf-8"))
    assert keywords.KEYWORDS.keys() == meta["$defs"]["schema"]["properties"].keys()


def test_an_unknown_keyword_is_refused(pristine, tmp_path):
    root = copied(tmp_path / "spec")
    path = root / "messages" / "terms.accept.json"
    schema = json.loads(path.read_text("utf-8"))
    schema["properties"]["place"]["not"] = {"type": "string"}
    path.write_text(json.dumps(schema), "utf-8")
    with pytest.raises(SpecError, match=r"the keyword not is not known"):
        changes(pristine, root)


def test_a_new_type_and_an_old_one_less(pristine, tmp_path):
    root = copied(tmp_path / "spec")
    (root / "messages" / "terms.reject.json").rename(root / "messages" / "terms.refuse.json")
    found = {(c.file, c.breaks) for c in changes(pristine, root)}
    assert found == {
        ("messages/terms.reject.json", ("senders",)),
        ("messages/terms.refuse.json", ("receivers",)),
    }


# --- steps of the version ----------------------------------------------------------------------


def step(root: Path, *places: str) -> None:
    """Bring the version to 1.1 in some of its places."""
    if "threads" in places:
        path = root / "threads.json"
        path.write_text(path.read_text("utf-8").replace('"version": "1.0"', '"version": "1.1"', 1), "utf-8")
    if "ids" in places:
        for path in [root / "envelope.json", *root.glob("*/*.json")]:
            text = path.read_text("utf-8").replace(BASE, BASE.replace("1.0", "1.1"))
            path.write_text(text, "utf-8")
    if "vrm" in places:
        path = root / "envelope.json"
        schema = json.loads(path.read_text("utf-8"))
        schema["$defs"]["claims"]["properties"]["vrm"]["const"] = "1.1"
        path.write_text(json.dumps(schema), "utf-8")


@pytest.mark.parametrize("missing", ["", "threads", "ids", "vrm"])
def test_a_step_is_one_in_all_places(pristine, tmp_path, missing):
    root = copied(tmp_path / "spec")
    SEEDS["enum narrowed"].change(root)
    step(root, *({"threads", "ids", "vrm"} - {missing}))
    found = changes(pristine, root)
    refused = comparing.unstepped(pristine, root, found)
    assert any(c.file == "messages/intent.close.json" and c.breaks for c in found)
    assert bool(refused) == bool(missing)
    # and back it is none at all
    assert comparing.unstepped(root, pristine, changes(root, pristine))


def test_no_step_allows_other_bytes_of_a_manifest(pristine, tmp_path):
    root = copied(tmp_path / "spec")
    SEEDS["bytes of a manifest"].change(root)
    step(root, "threads", "ids", "vrm")
    refused = comparing.unstepped(pristine, root, changes(pristine, root))
    assert [c.file for c in refused] == ["roster/SD-BASE/1.0/manifest.json"]


# --- what is printed ---------------------------------------------------------------------------


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vrmproto.cli", "spec", "diff", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command(pristine, seeded):
    same = command(pristine, pristine)
    assert (same.returncode, same.stdout) == (0, "no changes\n")
    done = command(pristine, seeded, "--json")
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert list(told) == ["ok", "old", "new", "counts", "changes"]
    assert not told["ok"]
    narrowed = next(c for c in told["changes"] if c["file"] == "messages/intent.close.json")
    assert narrowed["effects"][0]["witness"]["outcome"] == "abandoned"
    assert command(pristine, pristine / "none").returncode == 2
    assert command(pristine).returncode == 2


def test_text_for_people(told):
    text = showing.text(told["there"])
    assert "breaks senders (" in text
    assert "  messages/intent.close.json#/properties/outcome/enum\n" in text
    assert 'senders of messages/intent.close.json: {"outcome": "abandoned"}' in text
    assert max(map(len, text.splitlines())) < 600
    assert showing.text([]) == "no changes"
