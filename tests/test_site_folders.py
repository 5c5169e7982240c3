"""The site of other spec folders: what is new, what is at fault; and what is written to where it goes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.sites import SHARED, append, broken, text_of, without_vectors
from vrmproto.cli import app as cli
from vrmproto.editor import releases
from vrmproto.editor.site import build as site


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return without_vectors(tmp_path_factory.mktemp("site") / "spec")


@pytest.fixture
def copy(pristine, tmp_path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "spec"))


# --- changes -------------------------------------------------------------------------------------


def test_changes_since_an_earlier_folder(copy, pristine):
    same = text_of(site.build(copy, previous=pristine), "changes.html")
    assert "Nothing has changed" in same
    assert "Since release" not in text_of(site.build(copy), "changes.html")
    sentence = "- A new sentence MUST be told. {#VRM-TRM-019 home}\n"
    append(copy / "protocol/terms.md", f"\n## More\n\n{sentence}")
    terms = (copy / "protocol/terms.md").read_text("utf-8")
    (copy / "protocol/terms.md").write_text(
        terms.replace("it is proffered alone", "it stands alone"), "utf-8"
    )
    append(copy / "messages/terms.reject.json", "\n")
    errors = (copy / "errors.json").read_text("utf-8").replace('"status": 413', '"status": 414')
    (copy / "errors.json").write_text(errors, "utf-8")
    files = site.build(copy, previous=pristine)
    text = text_of(files, "changes.html")
    assert "A new sentence" in text
    assert re.search(r"Before: <del>.*it is proffered alone", text)
    assert "too-large has the status 414, before 413" in text
    assert re.findall(r"<li>(\w+): <a [^>]*><code>([^<]*)", text) == [
        ("changed", "errors.json"),
        ("changed", "messages/terms.reject.json"),
    ]
    assert 'id="breaks"' not in same
    assert re.search("<strong>breaks homes</strong>: <code>protocol/terms.md#VRM-TRM-019", text)
    assert broken(files) == []
    back = text_of(site.build(pristine, previous=copy), "changes.html")
    assert re.search(r"VRM-TRM-019: <del>A new sentence", back)


def test_changes_since_the_release_that_the_folder_holds(copy):
    release = releases.content(copy)
    release["requirements"]["VRM-TRM-001"]["text"] = "Anything goes."
    (copy / "requirements/1.0-0123456789ab.json").write_text(json.dumps(release), "utf-8")
    rules = {"VRM-TRM-001": release["requirements"]["VRM-TRM-001"]}
    older = {**release, "version": "0.9", "requirements": rules}
    (copy / "requirements/0.9-0123456789ab.json").write_text(json.dumps(older), "utf-8")
    text = text_of(site.build(copy), "changes.html")
    assert "Since release 1.0" in text
    assert "Before: <del>Anything goes.</del>" in text
    assert "New sentences" not in text
    (copy / "requirements/1.0-0123456789ab.json").write_text("{}", "utf-8")
    with pytest.raises(site.SiteError, match="required property"):
        site.build(copy)


def test_an_earlier_folder_that_is_none_is_told(pristine, tmp_path):
    with pytest.raises(site.SiteError, match="cannot be compared with"):
        site.build(pristine, previous=tmp_path)


# --- other folders -------------------------------------------------------------------------------


def test_html_of_a_page_is_text_and_a_comment_is_not_shown(copy):
    evil = (
        '\n<script>alert(1)</script>\n\n<!-- a remark -->\n\nOne <b onclick="x()">bold</b> <!-- a --> word.\n'
    )
    append(copy / "implementing.md", evil + "\n[away](javascript:alert(1)) ![p](https://example.com/p.png)\n")
    text = text_of(site.build(copy), "implementing.html")
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "<b " not in text
    assert "remark" not in text
    assert 'href="javascript' not in text
    assert "<img" not in text


def test_a_broken_link_is_marked_and_does_not_stop_the_build(copy):
    assert 'class="broken"' not in text_of(site.build(copy), "implementing.html")
    append(copy / "implementing.md", "\nSee [there](nowhere.md) and [out](../README.md).\n")
    files = site.build(copy)
    assert text_of(files, "implementing.html").count('class="broken"') == 2
    assert broken(files) == []


def test_a_page_more_has_its_place_in_the_site(copy):
    (copy / "errata.md").write_text(
        "# Errata\n\nNone so far; see [terms](protocol/terms.md#roster).\n", "utf-8"
    )
    files = site.build(copy)
    assert "errata.html" in files
    assert 'href="errata.html"' in text_of(files, "index.html")
    assert broken(files) == []


def test_a_page_whose_place_is_taken_is_told(copy):
    (copy / "glossary.md").write_text("# Words\n", "utf-8")
    with pytest.raises(site.SiteError, match=r"glossary\.html"):
        site.build(copy)


FAULTS = {
    "half a file": ("errors.json", '{"checks": [\n"media",', 2),
    "a table of another form": ("threads.json", '{"version": "1.0"}', 1),
    "a schema that refers to nothing": ("messages/terms.reject.json", None, 12),
    "a ladder that is none": ("ladder.json", "[]", 1),
    "a roster that is none": ("roster/roster.json", '{\n"id": 5}', 1),
    "no UTF-8": ("implementing.md", b"\xff", 0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_file_and_line(copy, name, tmp_path):
    path, content, line = FAULTS[name]
    out = tmp_path / "out"
    site.write({"index.html": b"the last one"}, out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    if content is None:
        text = (copy / path).read_text("utf-8").replace(f"{SHARED}/reason.json", f"{SHARED}/none.json")
        line = next(n for n, one in enumerate(text.splitlines(), start=1) if "none.json" in one)
        content = text
    (copy / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    run = CliRunner().invoke(cli.build(), ["spec", "build", str(copy), "--out", str(out)])
    assert run.exit_code == 1
    assert f"{path}:{line}: " in run.stderr
    assert "right would be: " in run.stderr
    assert "Traceback" not in run.output
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_a_folder_without_faults_is_built_by_the_command(pristine, tmp_path):
    out, listed = tmp_path / "out", tmp_path / "checks"
    listed.write_text('{"id": "VRM-TRM-001", "checks": ["a-check"], "excluded": ""}\n', "utf-8")
    built = site.build(pristine, checks={"VRM-TRM-001": {"checks": ["a-check"]}})
    arguments = ["spec", "build", str(pristine), "--out", str(out), "--checks", str(listed), "--json"]
    run = CliRunner().invoke(cli.build(), arguments)
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["written"] == len(built)
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == {*built, site.MARKER}
    for path, content in built.items():
        assert (out / path).read_bytes() == content


def test_what_is_no_spec_folder_is_told(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        run = CliRunner().invoke(cli.build(), ["spec", "build", str(folder), "--out", str(tmp_path / "out")])
        assert run.exit_code == 1
        assert "right would be: name" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_list_of_checks_that_is_none_is_told(pristine, tmp_path):
    wrong = tmp_path / "checks"
    for text, line in (('{"id": "VRM-X-001", "checks": []}\n{"id": 3}\n', 2), ("[]", 1), ("{", 1)):
        wrong.write_text(text, "utf-8")
        arguments = ["spec", "build", str(pristine), "--out", str(tmp_path / "out"), "--checks", str(wrong)]
        run = CliRunner().invoke(cli.build(), arguments)
        assert run.exit_code == 1
        assert f"checks:{line}: checks-invalid" in run.stderr


# --- writing -------------------------------------------------------------------------------------


def test_writing_changes_what_differs_and_removes_what_is_stale(tmp_path):
    out = tmp_path / "a" / "site"
    assert site.write({"a.html": b"1", "b/c.html": b"2"}, out) == (["a.html", "b/c.html"], [])
    assert site.write({"a.html": b"1", "b/c.html": b"2"}, out) == ([], [])
    (out / "theirs.txt").write_bytes(b"mine")
    assert site.write({"a.html": b"3"}, out) == (["a.html"], ["b/c.html"])
    assert {p.name for p in out.iterdir()} == {"a.html", "theirs.txt", site.MARKER}


def test_a_folder_of_other_people_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_bytes(b"years")
    with pytest.raises(site.SiteError, match="none that says it is a site of ours"):
        site.write({"a.html": b"1"}, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    out = tmp_path / "site"
    site.write({"a.html": b"1"}, out)
    (out / "b.html").write_bytes(b"theirs")
    with pytest.raises(site.SiteError, match="was not written by a build"):
        site.write({"a.html": b"1", "b.html": b"2"}, out)
    assert (out / "b.html").read_bytes() == b"theirs"
    with pytest.raises(site.SiteError, match="is no folder"):
        site.write({"a.html": b"1"}, tmp_path / "thesis.txt")


def test_a_list_that_names_files_outside_removes_nothing_there(tmp_path):
    out = tmp_path / "site"
    site.write({"a.html": b"1"}, out)
    (tmp_path / "keep.txt").write_bytes(b"1")
    append(out / site.MARKER, f"../keep.txt\n{tmp_path}/keep.txt\n")
    site.write({"a.html": b"1"}, out)
    assert (tmp_path / "keep.txt").exists()
