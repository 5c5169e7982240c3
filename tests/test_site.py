"""The site of the spec: a page for everything, no link that leads nowhere, the same bytes each time."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sites import SPEC, broken, pages_of, text_of, without_vectors
from vrmproto import spec as library
from vrmproto.editor.bundling import name_of
from vrmproto.editor.site import build as site
from vrmproto.editor.site.paths import href_from
from vrmproto.server import openapi

ROOT = SPEC.parent
CEILING = 10.0
"""Seconds of one core for a whole site; a machine of today takes well below one."""


@pytest.fixture(scope="module")
def loaded():
    return library.load(SPEC)


@pytest.fixture(scope="module")
def checks(loaded) -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {n: {"checks": [], "excluded": ""} for n in loaded.requirements}
    given["VRM-TRM-001"] = {"checks": ["a-check-of-rosters", "vector other-roster"], "excluded": ""}
    given["VRM-HOM-007"] = {"checks": [], "excluded": "only a crash shows it"}
    return given


@pytest.fixture(scope="module")
def built(checks) -> dict[str, bytes]:
    return site.build(SPEC, checks=checks)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return without_vectors(tmp_path_factory.mktemp("site") / "spec")


# --- what there is -------------------------------------------------------------------------------


def test_everything_has_its_page(built, loaded):
    wanted = {f"messages/{name}.html" for name in loaded.types}
    wanted |= {p.removesuffix("json") + "html" for p in loaded.schemas}
    wanted |= {f"errors/{code}.html" for code in loaded.errors}
    wanted |= {f"kinds/{kind}.html" for kind in loaded.kinds}
    wanted |= {f"roster/{path.name}.html" for path in (SPEC / "roster").iterdir() if path.is_dir()}
    wanted |= {f"protocol/{path.stem}.html" for path in (SPEC / "protocol").glob("[a-z]*.md")}
    wanted |= {f"downloads/{path}" for path in loaded.schemas}
    wanted |= {
        "index.html",
        "implementing.html",
        "readme.html",
        "protocol/index.html",
        "llms.txt",
        "search.json",
    }
    wanted |= {"roster/index.html", "errors/index.html", "ladder.html", "purposes.html", "changes.html"}
    wanted |= {"endpoints.html", "glossary.html", "requirements.html", "search.html", "vectors/index.html"}
    assert wanted - built.keys() == set()
    assert len(loaded.types) > 60
    assert len(loaded.errors) > 60


def test_every_requirement_has_its_anchor_in_the_prose_and_in_the_index(built, loaded):
    pages = pages_of(built)
    index = pages["requirements.html"]
    for name, rule in loaded.requirements.items():
        assert name in pages[f"protocol/{rule.page.removesuffix('.md')}.html"].ids
        assert name in index.ids
    assert f'<a class="req" href="#{name}">{name}</a>' in text_of(
        built, f"protocol/{rule.page.removesuffix('.md')}.html"
    )


def test_a_sentence_shows_its_level_role_and_code(built):
    text = text_of(built, "protocol/identity.html")
    item = re.search(r'<li id="VRM-ID-022".*?</li>', text, re.DOTALL)
    assert item is not None
    assert '<strong class="level">MUST' in item[0]
    assert '<span class="role">home' in item[0]
    terms = text_of(built, "protocol/terms.html")
    assert '(<a href="../errors/roster-unknown.html"><code>roster-unknown</code></a>)' in terms
    assert "{#VRM" not in "".join(text_of(built, p) for p in built if p.endswith(".html"))


def test_the_page_of_a_code_tells_who_raises_names_and_answers_it(built):
    text = text_of(built, "errors/roster-unknown.html")
    for part in (
        "https://w3id.org/vrmproto/1.0/errors/roster-unknown<",
        "<dd>422</dd>",
        '"../kinds/index.html#guard-roster-member"',
        '"../protocol/terms.html#VRM-TRM-001"',
        '"../endpoints.html#messages"',
    ):
        assert part in text
    assert '"../endpoints.html#poll"' not in text


def test_the_endpoints_answer_what_openapi_says(built, loaded):
    served = openapi.build(loaded, "https://home.example")
    text = text_of(built, "endpoints.html")
    for endpoint in loaded.endpoints:
        section = re.search(rf'<section aria-labelledby="{endpoint["name"]}">.*?</section>', text, re.DOTALL)
        assert section is not None
        operation = served["paths"][endpoint["path"]][endpoint["method"].lower()]
        refused = [a["description"] for status, a in operation["responses"].items() if int(status) >= 400]
        told = {code for line in refused for code in line.removeprefix("Refused: ").split(", ")}
        assert set(re.findall(r'href="errors/([a-z-]+)\.html"', section[0])) == told


def test_the_matrix_says_of_each_clause_what_the_roster_says(built):
    matrix = json.loads((SPEC / "roster/matrix.json").read_bytes())
    text = text_of(built, "roster/index.html")
    for agreement in matrix["agreements"]:
        row = re.search(rf"<tr>.*?{agreement['id']}</a> .*?</tr>", text.partition("<tbody>")[2], re.DOTALL)
        assert row is not None
        cells = re.findall(r"<td>(?:<span[^>]*>.</span> (\w+))?</td>", row[0][row[0].rindex("<tr>") :])
        assert cells == [agreement["clauses"].get(clause, "") for clause in matrix["clauses"]]


def test_the_layers_of_an_agreement_stand_on_its_page(built):
    text = text_of(built, "roster/SD-BASE-DP.html")
    assert "use your data to provide the service that you asked for" in text
    assert "Not legal advice" in text
    assert '<div lang="de">' in text
    assert "https://w3id.org/dpv#TargetedAdvertising" in text


def test_checks_and_exclusions_stand_in_the_index(built, pristine):
    text = text_of(built, "requirements.html")
    assert "a-check-of-rosters, vector other-roster" in text
    assert "not given" not in text
    without = text_of(site.build(pristine), "requirements.html")
    assert "a-check-of-rosters" not in without
    assert "<td>not given</td>" in without
    reason = json.loads((SPEC / "requirements/exclusions.json").read_bytes())["exclusions"][0]["reason"]
    assert reason in text
    assert reason in without


def test_the_counts_of_the_profiles_are_right(built, loaded):
    text = text_of(built, "requirements.html")
    for profile in loaded.profiles:
        row = re.search(rf'<tr id="profile-{profile}">.*?</tr>', text, re.DOTALL)
        assert row is not None
        numbers = [int(n) for n in re.findall(r'<td class="number">(\d+)</td>', row[0])]
        rules = [r for r in loaded.requirements.values() if r.profile == profile]
        assert sum(numbers[:5]) == sum(numbers[5:]) == len(rules)
        assert numbers[0] == sum(r.level == "MUST" for r in rules)


def test_the_glossary_has_each_word(built):
    ids = pages_of(built)["glossary.html"].ids
    assert {"first-party", "home", "thread", "tombstone", "record"} <= set(ids)
    assert "word" not in ids


def test_the_search_finds_requirements_types_fields_and_codes(built):
    index = json.loads(built["search.json"])
    found = {(entry["t"], entry["k"]) for entry in index}
    assert {("VRM-TRM-001", "requirement"), ("terms.proffer", "message"), ("answer_by", "field")} <= found
    assert {("roster-unknown", "code"), ("tombstone", "word"), ("POST /v1/poll", "endpoint")} <= found
    script = built["static/search-index.js"].decode()
    assert json.loads(script.removeprefix("window.vrmSearch = ").removesuffix(";\n")) == index
    files = {entry["u"].partition("#")[0] for entry in index}
    assert files <= built.keys()


# --- links, frame, bytes -------------------------------------------------------------------------


def test_every_link_leads_somewhere(built):
    assert broken(built) == []


def test_a_link_that_leads_nowhere_is_found(built):
    page = built["protocol/terms.html"]
    worse = {**built, "protocol/terms.html": page + b'<a href="no.html">x</a><a href="#no">x</a>'}
    assert broken(worse) == ["protocol/terms.html: no.html", "protocol/terms.html: #no"]
    assert broken({k: v for k, v in built.items() if k != "errors/roster-unknown.html"}) != []


def test_the_index_of_the_search_has_no_broken_link(built):
    pages = pages_of(built)
    for entry in json.loads(built["search.json"]):
        file, _, anchor = entry["u"].partition("#")
        assert not anchor or anchor in pages[file].ids, entry


def test_llms_txt_lists_pages_that_are_there(built):
    links = re.findall(r"\]\(([^)]+)\)", built["llms.txt"].decode())
    assert len(links) > 200
    assert set(links) <= built.keys()


def test_no_page_fetches_anything_from_elsewhere(built):
    for path, page in pages_of(built).items():
        assert not [f for f in page.fetched if re.match(r"[a-z]+:|//", f)], path
        assert page.tags["script"] == (2 if path == "search.html" else 0)
        assert page.tags["style"] == page.tags["img"] == page.tags["iframe"] == 0
    for path in ("static/site.css", "static/search.js"):
        assert b"http" not in built[path]
        assert b"@import" not in built[path]
        assert b"url(" not in built[path]


def test_every_page_has_one_frame(built):
    for path, page in pages_of(built).items():
        assert page.tags["h1"] == page.tags["main"] == 1, path
        assert page.tags["title"] == 1 + page.tags["svg"], path  # each drawing has its own
        assert [name for name, count in Counter(page.ids).items() if count > 1] == [], path
        text = text_of(built, path)
        assert '<a class="skip" href="#main">' in text
        assert '<html lang="en">' in text


def test_two_builds_give_the_same_bytes(built, checks, pristine, tmp_path):
    assert site.build(SPEC, checks=checks) == built
    elsewhere = shutil.copytree(pristine, tmp_path / "other" / "spec")
    shutil.rmtree(elsewhere / "vectors")
    (elsewhere / "vectors").symlink_to(SPEC / "vectors")
    shutil.copy(ROOT / "CHANGELOG.md", elsewhere.parent)
    assert site.build(elsewhere, checks=checks) == built


def test_no_path_of_this_machine_stands_in_a_page(built):
    assert not [path for path, content in built.items() if str(ROOT).encode() in content]


def test_a_whole_site_is_quick():
    began = time.process_time()
    site.build(SPEC)
    assert time.process_time() - began < CEILING


# --- the bundle ----------------------------------------------------------------------------------


def test_the_bundle_says_of_each_example_what_the_folder_says(built, loaded):
    whole = json.loads(built["downloads/schemas.bundle.json"])
    jsonschema.Draft202012Validator.check_schema(whole)
    parts = [path for path in loaded.schemas if path != "envelope.json"]
    assert whole["$defs"].keys() >= {name_of(path) for path in parts}
    judged = 0
    for path in parts:
        one = {**whole, "$ref": f"#/$defs/{name_of(path)}"}
        slow = jsonschema.Draft202012Validator(one, format_checker=jsonschema.FormatChecker())
        fast = jsonschema_rs.Draft202012Validator(one, validate_formats=True)
        for example in loaded.schemas[path].get("examples", ()):
            assert slow.is_valid(example), path
            assert fast.is_valid(example), path
            for worse in near(example):
                assert fast.is_valid(worse) == loaded.valid(path, worse), (path, worse)
                judged += not loaded.valid(path, worse)
    assert judged > 300
    assert '"$ref": "../' not in json.dumps(whole)


def near(example: object) -> list[object]:
    """Values beside an example: each member taken away, or of another type, and one that is unknown."""
    if not isinstance(example, dict):
        return [None, [example]]
    less: list[object] = [{k: v for k, v in example.items() if k != name} for name in example]
    other: list[object] = [{**example, name: [[]]} for name in example]
    return [*less, *other, {**example, "unknown-member": 1}]


NAMES = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3).map(
    lambda n: "/".join(n) + ".html"
)


@given(page=NAMES, target=NAMES, anchor=st.sampled_from(["", "x"]))
def test_a_link_leads_from_any_page_to_any_other(page, target, anchor):
    file, _, mark = href_from(page)(target, anchor).partition("#")
    assert mark == anchor
    assert posixpath.normpath(posixpath.join(posixpath.dirname(page), file) if file else page) == target
