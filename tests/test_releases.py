"""Releases: frozen once, never changed, and what the folder says later is held against them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spec_seeds import SEEDS, copied, edit, replace
from tests.test_spec_diff import step
from vrmproto.editor import prose, releases, schemas
from vrmproto.editor.check import check
from vrmproto.editor.diff import changes, comparing
from vrmproto.editor.folder import Folder, read_all
from vrmproto.errors import SpecError
from vrmproto.requirements import read as read_requirements

SPARE = "shared/spare.json"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory) -> Path:
    """A copy of the spec with a release of its version."""
    root = copied(tmp_path_factory.mktemp("frozen") / "spec")
    (root / SPARE).unlink()
    releases.write(root, "1.0")
    return root


@pytest.fixture
def spec(frozen, tmp_path) -> Path:
    root = copied(tmp_path / "spec")
    (root / SPARE).unlink()
    release = the_release(frozen)
    (root / "requirements" / release.name).write_bytes(release.read_bytes())
    return root


def the_release(root: Path) -> Path:
    (found,) = root.glob("requirements/1.*.json")
    return found


def codes(root: Path) -> set[tuple[str, str]]:
    """What the check finds that concerns releases."""
    folder = Folder(root)
    for one in (read_all, prose.collect, schemas.STEPS[0], releases.check):
        one(folder)
    return {(f.code, f.file) for f in folder.found}


def test_a_release_holds_what_the_folder_says(frozen):
    path = the_release(frozen)
    data = path.read_bytes()
    assert path.name == f"1.0-{hashlib.sha256(data).hexdigest()[:12]}.json"
    value = json.loads(data)
    assert (
        data == (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
    )
    sentences = read_requirements(frozen)
    assert value["requirements"].keys() == sentences.keys()
    assert value["requirements"]["VRM-TRM-014"]["role"] == "editor"
    assert releases.requirements_of(value) == sentences
    for path_of, digest in value["files"].items():
        assert hashlib.sha256((frozen / path_of).read_bytes()).hexdigest() == digest
    assert (
        len(value["files"])
        == len([p for d in ("messages", "shared", "documents", "views") for p in (frozen / d).glob("*.json")])
        + 6
    )
    assert len(value["manifests"]) == 13
    assert value["codes"]["too-large"] == 413


def test_a_folder_with_a_release_holds_together(frozen):
    assert check(frozen) == []


def test_the_whole_check_looks_at_releases(spec):
    path = the_release(spec)
    path.write_bytes(path.read_bytes() + b" ")
    assert [(f.code, f.file) for f in check(spec)] == [("release-changed", f"requirements/{path.name}")]


def test_the_spec_itself_has_no_release_yet():
    root = Path(__file__).resolve().parent.parent / "spec"
    assert [p.name for p in root.glob("requirements/*.json")] == ["exclusions.json"]


def test_a_version_is_frozen_once(spec):
    path = the_release(spec)
    assert releases.write(spec, "1.0") == path  # the same bytes again
    with pytest.raises(SpecError, match=r"says version 1\.0, not 1\.1"):
        releases.write(spec, "1.1")
    SEEDS["enum narrowed"].change(spec)
    with pytest.raises(SpecError, match=r"is a release of 1\.0, and a version has at most one"):
        releases.write(spec, "1.0")


def test_changed_bytes_are_found(spec):
    path = the_release(spec)
    path.write_bytes(path.read_bytes().replace(b"MUST NOT", b"SHOULD NOT", 1))
    name = f"requirements/{path.name}"
    assert ("release-changed", name) in codes(spec)
    with pytest.raises(SpecError, match=r"its bytes do not fit its name"):
        releases.read(path)


def test_a_name_without_version_and_digest_is_found(spec):
    path = the_release(spec)
    path.rename(path.with_name("first.json"))
    assert ("release-changed", "requirements/first.json") in codes(spec)


def test_another_version_in_the_name_is_found(spec):
    path = the_release(spec)
    other = path.with_name(path.name.replace("1.0-", "1.2-"))
    path.rename(other)
    assert codes(spec) == {("release-changed", f"requirements/{other.name}")}


def test_a_second_release_of_a_version_is_found(spec):
    value = json.loads(the_release(spec).read_bytes())
    value["codes"]["of-nothing"] = 499
    data = releases.canonical(value)
    (spec / releases.name_of("1.0", data)).write_bytes(data)
    found = codes(spec)
    assert {code for code, _ in found} == {"release-duplicate", "code-changed"}
    assert len([f for c, f in found if c == "release-duplicate"]) == 1


def test_a_release_has_a_form(spec):
    value = json.loads(the_release(spec).read_bytes())
    value["comment"] = "more"
    data = releases.canonical(value)
    the_release(spec).unlink()
    path = releases.name_of("1.0", data)
    (spec / path).write_bytes(data)
    assert codes(spec) == {("meta-invalid", path)}


LAST = (
    "- A reader MUST ignore members that it does not know in a receipt, a discovery document, a problem, "
    "a poll answer, a thread and a record. {#VRM-ENV-037 agent}"
)

LATER = {
    "a sentence is gone": (
        "requirement-lost", "protocol/message.md", replace("protocol/message.md", LAST, "")
    ),
    "its identifier is used again": (
        "requirement-lost", "protocol/message.md",
        replace("protocol/message.md", LAST, "- Homes MAY sing. {#VRM-ENV-037 agent}"),
    ),
    "its level": (
        "requirement-changed", "protocol/message.md",
        replace("protocol/message.md", LAST, LAST.replace("MUST", "SHOULD")),
    ),
    "its role": (
        "requirement-changed", "protocol/message.md",
        replace("protocol/message.md", LAST, LAST.replace("agent}", "home}")),
    ),
    "a status": (
        "code-changed", "errors.json", edit("errors.json", lambda e: e["codes"][0].update(status=400))
    ),
    "a manifest": (
        "manifest-changed", "roster/SD-BASE/1.0/manifest.json", SEEDS["bytes of a manifest"].change
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_what_a_release_says_holds(spec, name):
    code, file, change = LATER[name]
    change(spec)
    assert (code, file) in codes(spec)


def test_a_sentence_of_a_release_may_be_written_better(spec):
    replace("protocol/message.md", LAST, LAST.replace("A reader", "Whoever reads"))(spec)
    assert codes(spec) == set()


@pytest.mark.parametrize(
    ("name", "stays"), [("its level", False), ("a sentence is gone", True), ("a manifest", True)]
)
def test_a_later_version_may_change_levels_and_no_more(spec, name, stays):
    code, file, change = LATER[name]
    change(spec)
    step(spec, "threads", "ids", "vrm")
    assert ((code, file) in codes(spec)) == stays


# --- what changed since a release --------------------------------------------------------------


def test_nothing_changed_since_the_release(frozen):
    assert changes(the_release(frozen), frozen) == []


@pytest.mark.parametrize(
    ("seed", "verdict"),
    [("enum narrowed", "possibly breaking"), ("a MUST more", "breaking"), ("a status", "breaking"),
     ("bytes of a manifest", "breaking"), ("a code gone", "breaking")],
)  # fmt: skip
def test_changes_since_a_release_are_told(spec, seed, verdict):
    SEEDS[seed].change(spec)
    (found,) = changes(the_release(spec), spec)
    assert (found.file, found.verdict) == (SEEDS[seed].file, verdict)
    assert bool(comparing.unstepped(the_release(spec), spec, [found])) == (verdict == "breaking")


def test_what_is_no_release_is_refused(spec, tmp_path):
    path = tmp_path / "1.0-000000000000.json"
    for data in (b"[]", b"{", b'{"version": "1.0"}', b'{"version": 1}'):
        path.write_bytes(data)
        with pytest.raises(SpecError):
            changes(path, spec)


def test_the_command(spec):
    the_release(spec).unlink()
    command = [sys.executable, "-m", "vrmproto.cli", "spec", "release", "1.0", str(spec), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"ok": True, "version": "1.0", "file": str(the_release(spec))}
    command[5] = "2.0"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
