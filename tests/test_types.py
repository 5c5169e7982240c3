"""The page about types is executed: stock tools make types of the bundle, and these take no wrong program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from tests.serving import ROOT, shell
from tests.spec_copies import small
from vrmproto import spec
from vrmproto.editor.bundling import bundle, main, name_of
from vrmproto.errors import SpecError

PAGE = ROOT / "docs" / "types.md"
BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.M | re.S)
SPEC = spec.load()
BUNDLE = bundle(spec.folder())

WRONG = {
    "nothing confirmed": (re.compile(r'\n *"?confirm_by"?: [^\n]*'), ""),
    "misspelt": (re.compile(r'\bconfirm_by("?): '), r"confirmed_by\1: "),
    "a number": (re.compile(r'"12450\.00"'), "12450"),
}


# --- the bundle --------------------------------------------------------------------------------


def judge(name: str) -> Any:
    schema = {"$ref": f"#/$defs/{name}", "$defs": BUNDLE["$defs"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_bundle_is_a_schema_of_its_own() -> None:
    Draft202012Validator.check_schema(BUNDLE)
    found = set(references(BUNDLE))
    assert found <= {f"#/$defs/{name}" for name in BUNDLE["$defs"]}
    assert len(found) > 50
    places = {part["$comment"].partition("#")[0] for part in BUNDLE["$defs"].values()}
    assert places == SPEC.schemas.keys(), "every file is in it"
    assert bundle(spec.folder()) == BUNDLE


def test_names_are_those_of_types() -> None:
    assert name_of("messages/offer.make.json") == "OfferMake"
    assert name_of("shared/roster-ref.json") == "RosterRef"
    assert name_of("envelope.json#/$defs/claims") == "EnvelopeClaims"
    assert all(re.fullmatch(r"([A-Z0-9][A-Za-z0-9]*)+", name) for name in BUNDLE["$defs"])
    assert all(part["title"] == name for name, part in BUNDLE["$defs"].items())


@pytest.mark.parametrize("name", SPEC.types)
def test_the_bundle_takes_what_the_folder_takes(name: str) -> None:
    judged = judge(name_of(f"messages/{name}.json"))
    for example in SPEC.types[name].schema["examples"]:
        assert judged.is_valid(example)
        for gone in example:
            less = {member: value for member, value in example.items() if member != gone}
            assert judged.is_valid(less) == (not SPEC.faults(f"messages/{name}.json", less))
    assert not judged.is_valid([])


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "EUR", "NL", "2026-12-24T18:00:00Z"])
)


@given(data=st.data(), name=st.sampled_from(sorted(SPEC.types)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_bundle_refuses_what_the_folder_refuses(data: st.DataObject, name: str) -> None:
    body = dict(data.draw(st.sampled_from(SPEC.types[name].schema["examples"])))
    body[data.draw(st.sampled_from([*body, "more"]))] = data.draw(SCALARS | st.lists(SCALARS, max_size=2))
    right = not SPEC.faults(f"messages/{name}.json", body)
    assert judge(name_of(f"messages/{name}.json")).is_valid(body) == right


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert json.loads(capsys.readouterr().out) == BUNDLE
    assert main([str(tmp_path)]) == 1


def test_a_folder_that_cannot_be_bundled(tmp_path: Path) -> None:
    folder = small(tmp_path / "spec", ())
    (folder / "documents" / "money.json").write_bytes((folder / "shared" / "money.json").read_bytes())
    with pytest.raises(SpecError, match="is called Money too"):
        bundle(folder)
    (folder / "documents" / "money.json").unlink()
    (folder / "shared" / "money.json").unlink()
    with pytest.raises(SpecError, match="leads to no schema"):
        bundle(folder)


# --- the tools ---------------------------------------------------------------------------------


def parts(heading: str) -> list[tuple[str, str, str]]:
    """The blocks of a section, after the one that makes the bundle."""
    text = PAGE.read_text()
    section = next(part for part in text.split("\n## ") if part.startswith(heading))
    return BLOCK.findall(text.split("\n## ")[0]) + BLOCK.findall(section)


def types(heading: str, folder: Path) -> tuple[str, Path]:
    """Run a section's blocks; the last command, which looks at the program, and the program."""
    program, ran = folder, ""
    for language, where, text in parts(heading):
        if language != "bash":
            program = folder / where
            program.write_text(text)
            continue
        for line in text.strip().splitlines():
            done = shell(line, folder, timeout=300)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            ran = line
    return ran, program


def stumbles(line: str, program: Path) -> None:
    """Each way to be wrong is told."""
    right = program.read_text()
    for name, (place, other) in WRONG.items():
        wrong, times = place.subn(other, right, count=1)
        assert times == 1, f"{name}: the page has another program"
        program.write_text(wrong)
        done = shell(line, program.parent, timeout=300)
        assert done.returncode != 0, name
        assert f"{program.name}" in done.stdout, f"{name}: it is not the program that fails\n{done.stdout}"
    program.write_text(right)
    assert shell(line, program.parent, timeout=300).returncode == 0


@pytest.mark.long
def test_typescript(tmp_path: Path) -> None:
    assert shutil.which("npm"), "Node.js 20 and npm are needed; make test does without"
    line, program = types("TypeScript", tmp_path)
    stumbles(line, program)
    made = (tmp_path / "vrm.d.ts").read_text()
    exported = set(re.findall(r"^export (?:interface|type) (\w+)", made, re.M))
    whole = {name for name, part in BUNDLE["$defs"].items() if not part["$comment"].startswith("documents/")}
    assert whole <= exported, "of documents a few parts come under numbered names"
    assert len(made.splitlines()) < 10_000


@pytest.mark.long
def test_typed_dicts(tmp_path: Path) -> None:
    line, program = types("Python", tmp_path)
    stumbles(line, program)
    made = (tmp_path / "vrm.py").read_text()
    named = set(re.findall(r"^(?:class )?(\w+)(?:\(TypedDict|: TypeAlias| = TypedDict)", made, re.M))
    assert len(BUNDLE["$defs"].keys() - named) == 0
    assert not re.search(r"\b(timedelta|datetime)\b", made)
    done = subprocess.run(
        [tmp_path / "types/bin/python", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "12450.00 2026-12-11T18:00:00Z\n"), done.stderr
