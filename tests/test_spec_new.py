"""``vrmproto spec new-type`` begins a type, says what is missing, and changes nothing where it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.spec_copies import bytes_of, small
from vrmproto.cli.app import build
from vrmproto.editor import scaffold
from vrmproto.editor.check import check
from vrmproto.editor.folder import spans_of
from vrmproto.spec import SpecError, load

ROW = '{"in": ["proffered"], "by": "second", "type": "terms.clarify", "to": "proffered"}'
WORDS = ["--kind", "terms", "--by", "second", "--from", "proffered", "--to", "proffered"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("pristine") / "spec", ())


@pytest.fixture
def spec(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "spec"))


def run(*words: object) -> Any:
    return CliRunner().invoke(build(), ["spec", "new-type", *map(str, words)])


def test_a_schema_and_a_row(spec: Path) -> None:
    before = bytes_of(spec)
    result = run("terms.clarify", *WORDS, "--spec", spec)
    assert result.exit_code == 0, result.output
    after = bytes_of(spec)
    schema = json.loads(after.pop("messages/terms.clarify.json"))
    assert (schema["x-profile"], schema["examples"]) == ("terms", [{}])
    tables, old = after.pop("threads.json").decode(), before.pop("threads.json").decode()
    assert after == before
    (added,) = set(tables.splitlines()) - set(old.splitlines()) - {line + "," for line in old.splitlines()}
    assert added.strip() == ROW
    assert tables.replace(f",\n    {ROW}", "") == old, "not one other byte changes"
    assert [(f.code, f.file, f.line) for f in check(spec)] == [
        ("unfinished", "messages/terms.clarify.json", 4),
        ("unfinished", "messages/terms.clarify.json", 5),
    ]
    assert "messages/terms.clarify.json:4: unfinished" in result.output
    assert "2 findings in 1 file" in result.output
    assert load(spec).types["terms.clarify"].profile == "terms"


def test_what_is_written_is_all_that_is_missing(spec: Path) -> None:
    run("terms.clarify", *WORDS, "--spec", spec)
    path = spec / "messages" / "terms.clarify.json"
    path.write_text(re.sub(r"TODO: [^\"]+", "Said by the editor.", path.read_text()))
    assert check(spec) == []


def test_a_schema_alone_still_lacks_its_row(spec: Path) -> None:
    result = run("offer.praise", "--spec", spec, "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["type"]) == (0, "offer.praise")
    assert shown["written"] == [str(spec / "messages" / "offer.praise.json")]
    assert {f["code"] for f in shown["findings"]} == {"unfinished", "type-without-row"}
    assert json.loads((spec / "messages" / "offer.praise.json").read_text())["x-profile"] == "intent"
    with pytest.raises(SpecError):
        load(spec)


def test_a_row_that_opens_a_thread_and_one_that_stays(spec: Path) -> None:
    assert (
        run(
            "feedback.shout", "--kind", "feedback", "--by", "first", "--to", "submitted", "--spec", spec
        ).exit_code
        == 0
    )
    stay = ["--from", "proffered", "--from", "countered", "--to", "="]
    assert run("terms.wave", "--kind", "terms", "--by", "either", *stay, "--spec", spec).exit_code == 0
    loaded = load(spec)
    assert loaded.opens["feedback.shout"].name == "feedback"
    assert ("countered", "second", "terms.wave") in loaded.kinds["terms"].cells
    assert {f.code for f in check(spec)} == {"unfinished"}


REFUSED: dict[str, tuple[list[str], str]] = {
    "no noun": (["clarify"], "noun.verb"),
    "capitals": (["Terms.Clarify"], "noun.verb"),
    "a path": (["../terms.clarify"], "noun.verb"),
    "three words": (["terms.clarify.again"], "noun.verb"),
    "a long one": (["terms." + "x" * 60], "at most 64"),
    "one that is there": (["terms.accept"], "there is a type terms.accept"),
    "no such kind": (
        ["terms.clarify", "--kind", "wishes", "--by", "first", "--to", "open"],
        "no kind wishes",
    ),
    "no such role": (
        ["terms.clarify", "--kind", "terms", "--by", "third", "--to", "agreed"],
        "no role third",
    ),
    "no such state": (
        ["terms.clarify", "--kind", "terms", "--by", "first", "--to", "asked"],
        "no state asked",
    ),
    "no such state before": ([*["terms.clarify", *WORDS], "--from", "asked"], "no state asked"),
    "stays nowhere": (["terms.clarify", "--kind", "terms", "--by", "first", "--to", "="], "no state ="),
    "half a row": (["terms.clarify", "--kind", "terms"], "together"),
    "a state alone": (["terms.clarify", "--from", "proffered"], "together"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(spec: Path, name: str) -> None:
    words, said = REFUSED[name]
    before = bytes_of(spec)
    result = run(*words, "--spec", spec)
    assert (result.exit_code, said in result.output) == (2, True), result.output
    assert bytes_of(spec) == before


def test_a_folder_that_cannot_be_edited(spec: Path, tmp_path: Path) -> None:
    assert run("terms.clarify", "--spec", tmp_path / "none").exit_code == 2
    assert "cannot be read" in run("terms.clarify", "--spec", tmp_path).output
    for broken in (
        "{",
        "[]",
        '{"kinds": {"a": {}}}',
        '{"kinds": {"a": {"rows": [7], "profile": "x", "states": {}}}}',
    ):
        (spec / "threads.json").write_text(broken)
        before = bytes_of(spec)
        result = run("terms.clarify", "--spec", spec)
        assert (result.exit_code, "holds no thread tables" in result.output) == (2, True)
        assert bytes_of(spec) == before


def test_a_row_that_has_a_type_without_a_schema(spec: Path) -> None:
    (spec / "messages" / "terms.reject.json").unlink()
    assert "a row of the kind terms" in run("terms.reject", "--spec", spec).output


def test_a_write_that_fails_leaves_nothing_behind(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bytes_of(spec)
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "threads.json":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run("terms.clarify", *WORDS, "--spec", spec)
    assert (result.exit_code, "No space left" in result.output) == (2, True)
    assert bytes_of(spec) == before


def test_the_spec_of_a_package_is_not_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = small(tmp_path / "_spec", ())
    monkeypatch.setattr("vrmproto.spec.folder", lambda: inside)
    before = bytes_of(inside)
    assert "with --spec" in run("terms.clarify").output
    assert bytes_of(inside) == before


# --- the text ----------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@given(value=VALUES, indent=st.sampled_from([None, 0, 2]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_span_is_the_text_of_its_value(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    spans, twice = spans_of(text)
    assert twice == []
    assert all(json.loads(text[start:end]) == at(value, pointer) for pointer, (start, end) in spans.items())


@given(items=st.lists(VALUES, min_size=1, max_size=5), indent=st.sampled_from([None, 2]), item=VALUES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_an_item_more_changes_nothing_else(items: list[Any], indent: int | None, item: Any) -> None:
    text = json.dumps({"a": items, "b": 1}, indent=indent)
    made = scaffold.appended(text, f"/a/{len(items) - 1}", json.dumps(item))
    assert json.loads(made) == {"a": [*items, item], "b": 1}
    assert made.startswith(text[: spans_of(text)[0][f"/a/{len(items) - 1}"][1]])
