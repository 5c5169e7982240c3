"""Drawings are read back, and say what the tables say: nothing more, nothing less, nothing twice."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving import ROOT
from tests.site.seeing import Cells, Picture, faults_of
from vrmproto.editor.site.drawings import kind_svg, ladder_svg, mermaid
from vrmproto.tables import AUTOMATIC

KINDS: dict[str, Any] = json.loads((ROOT / "spec" / "threads.json").read_text())["kinds"]
LADDER: dict[str, Any] = json.loads((ROOT / "spec" / "ladder.json").read_text())


def cells_of(kind: Mapping[str, Any]) -> Cells:
    """The cells of a table and its moves without a message, by hand."""
    found: Cells = Counter()
    for row in kind["rows"]:
        for state in row.get("in", [""]):
            found[state, row["by"], row["type"], state if row["to"] == "=" else row["to"]] += 1
    for name, state in kind["states"].items():
        for cause in set(state) & set(AUTOMATIC):
            found[name, "", cause, state[cause]] += 1
    return found


# --- random tables --------------------------------------------------------------------------------

WORDS = ["open", "paused", "end", "state", "purge-overdue", "agreed", "a-very-long-name-of-a-state", "x"]
MARKS = [
    {},
    {},
    {"live": True},
    {"over": True},
    {"end": True},
    {"rests": True},
    {"live": True, "place": "held"},
]
TYPES = ["a.b", "relationship.open", "terms.accept", "some-long-topic.some-long-deed", "data.share"]


@st.composite
def kinds(draw: st.DrawFn) -> dict[str, Any]:
    """A small kind: any states, any moves between them, sound or not, but one row a cell."""
    names = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True))
    state = st.sampled_from(names)
    states = {
        name: {
            **draw(st.sampled_from(MARKS)),
            **draw(st.dictionaries(st.sampled_from(AUTOMATIC), state, max_size=2)),
        }
        for name in names
    }
    rows, taken = [], set()
    for _ in range(draw(st.integers(1, 9))):
        by, what = draw(st.sampled_from(["first", "second", "either"])), draw(st.sampled_from(TYPES))
        where = draw(st.lists(state, max_size=4, unique=True))
        free = [s for s in where or [""] if (s, by, what) not in taken]
        taken |= {(s, by, what) for s in free}
        if free:
            row = {"by": by, "type": what, "to": draw(state if not where else state | st.just("="))}
            rows.append(
                row | ({"in": free} if where else {}) | draw(st.sampled_from([{}, {"marks": ["duty"]}]))
            )
    return {"states": states, "rows": rows}


# --- state machines -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_a_drawing_says_what_its_table_says(name: str) -> None:
    picture = Picture(kind_svg(name, KINDS[name]))
    assert picture.cells() == cells_of(KINDS[name])
    assert {n: picture.texts(g, "name") for n, g in picture.states.items()} == {
        n: [n] for n in KINDS[name]["states"]
    }
    assert faults_of(picture) == []


@settings(max_examples=60, deadline=None)
@given(kinds())
def test_any_table_is_drawn_whole_and_nothing_overlaps(kind: dict[str, Any]) -> None:
    picture = Picture(kind_svg("any", kind))
    assert picture.cells() == cells_of(kind)
    assert picture.states.keys() == kind["states"].keys()
    assert faults_of(picture) == []


def test_what_a_state_means_stands_in_it_in_words_and_in_its_outline() -> None:
    outlines = {}
    for state in ({}, {"live": True}, {"over": True}, {"end": True}, {"rests": True}):
        kind = {"states": {"s": state}, "rows": [{"by": "first", "type": "a.b", "to": "s"}]}
        group = Picture(kind_svg("k", kind)).states["s"]
        said = [r.attrib for r in group if r.tag.endswith("rect")]
        keys = ("stroke-width", "stroke-dasharray", "rx")
        outlines[json.dumps([[a.get(k) for k in keys] for a in said])] = state
        words = Picture(kind_svg("k", kind)).texts(group, "traits")
        assert bool(words) == bool(state)
    assert len(outlines) == 5


def test_a_drawing_has_a_title_a_description_and_no_colour_of_its_own() -> None:
    for name, kind in KINDS.items():
        drawn = kind_svg(name, kind)
        picture = Picture(drawn)
        title, desc = picture.root[0], picture.root[1]
        assert picture.root.get("role") == "img"
        assert picture.root.get("aria-labelledby") == title.get("id")
        assert picture.root.get("aria-describedby") == desc.get("id")
        assert name in (title.text or "")
        for source, role, what, to in cells_of(kind):
            reason = f"{what} by {role}" if role else f"{what} without a message"
            where = f"Stays {to}: " if source == to else f" to {to}: " if source else f"Opens {to}: "
            sentences = [s for s in (desc.text or "").split(".  ")[0].split(". ") if where in f" {s}"]
            assert any(reason in s and source in s for s in sentences), (source, what, to)
        colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', drawn))
        assert colours == {"none", "currentColor"}
        assert "style" not in re.findall(r"[ <]([a-z-]+)[ =]", drawn)


def test_what_is_wrong_with_a_drawing_is_found() -> None:
    good = kind_svg("terms", KINDS["terms"])
    box = next(b for b in Picture(good).boxes if b.name == "state agreed")
    other = next(b for b in Picture(good).boxes if b.name == "state countered")
    moved = good.replace(f'x="{box.x:g}" y="{box.y:g}"', f'x="{other.x:g}" y="{other.y:g}"')
    assert any("lies on" in fault for fault in faults_of(Picture(moved)))
    assert any("outside" in fault for fault in faults_of(Picture(good.replace(f'y="{box.y:g}"', 'y="9999"'))))
    assert any("too small" in f for f in faults_of(Picture(good.replace('size="12"', 'size="11"'))))
    assert any("not fit" in f for f in faults_of(Picture(good.replace(">agreed<", f">{'agreed' * 9}<"))))
    through = good.replace("</svg>", f'<path stroke="currentColor" d="M 20 {box.y + 9} H 900"/></svg>')
    assert any("runs through" in fault for fault in faults_of(Picture(through)))
    without = re.sub(r"<text [^>]*>severed</text>", "", good)
    assert cells_of(KINDS["terms"]) - Picture(without).cells() == Counter(
        [("agreed", "", "severed", "ended")]
    )


def test_a_drawing_depends_on_its_table_alone() -> None:
    code = (
        "import json; from vrmproto.editor.site import drawings as d; "
        "kinds = json.load(open('spec/threads.json'))['kinds']; "
        "print(*(d.kind_svg(n, k) + d.mermaid(n, k) for n, k in kinds.items()))"
    )
    drawn = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 20_000


# --- Mermaid --------------------------------------------------------------------------------------


def parsed(diagram: str) -> tuple[Cells, set[str]]:
    """The cells of a diagram, and the states that nothing follows."""
    head, lines = diagram.splitlines()[:5], diagram.splitlines()[5:]
    assert head[3:] == ["stateDiagram-v2", "    direction TB"]
    names = {"[*]": ""}
    cells: Cells = Counter()
    ends = set()
    for line in lines:
        if declared := re.fullmatch(r'    state "([a-z-]+)" as ([a-z_]+)', line):
            assert declared[2] not in names
            names[declared[2]] = declared[1]
        elif ended := re.fullmatch(r"    ([a-z_]+) --> \[\*\]", line):
            ends.add(names.get(ended[1], ended[1]))
        else:
            arrow = re.fullmatch(
                r"    ([a-z_]+|\[\*\]) --> ([a-z_]+) : ([a-z.-]+)(?: by ([a-z]+)( · [a-z]+)*)?", line
            )
            assert arrow, line
            source, target = (names.get(word, word) for word in arrow.groups()[:2])
            cells[source, arrow[4] or "", arrow[3], target] += 1
    return cells, ends


@pytest.mark.parametrize("name", KINDS)
def test_a_diagram_of_mermaid_says_what_the_table_says(name: str) -> None:
    cells, ends = parsed(mermaid(name, KINDS[name]))
    assert cells == cells_of(KINDS[name])
    assert ends == {n for n, state in KINDS[name]["states"].items() if "end" in state}


@settings(max_examples=40, deadline=None)
@given(kinds())
def test_any_table_as_a_diagram_of_mermaid(kind: dict[str, Any]) -> None:
    cells, ends = parsed(mermaid("any", kind))
    assert cells == cells_of(kind)
    assert ends == {n for n, state in kind["states"].items() if "end" in state}


# --- the ladder -----------------------------------------------------------------------------------


def opened(picture: Picture) -> list[tuple[str, Counter[str], Counter[str]]]:
    """(stage, what it opens, what of it is new) of each step, from the lowest up."""
    found = []
    for group in picture.groups("step"):
        (stage,) = picture.texts(group, "stage")
        words = " ".join(picture.texts(group, "opens")).split()
        new = Counter(word[1:] for word in words if word.startswith("+"))
        found.append((stage, Counter(word.removeprefix("+") for word in words), new))
    return found


def test_the_ladder_rises_and_says_what_each_step_opens() -> None:
    picture = Picture(ladder_svg(LADDER))
    assert faults_of(picture) == []
    below: Counter[str] = Counter()
    for (stage, words, new), rung in zip(opened(picture), LADDER["rungs"], strict=True):
        assert stage == rung["stage"]
        wanted = Counter(
            re.split("[#/]", item)[-1] for m in ("purposes", "types", "categories") for item in rung[m]
        )
        assert words == (wanted or Counter(["nothing", "of", "its", "own", "accord"]))
        assert new == wanted - below
        below = wanted
    steps = picture.boxes
    assert all(low.y >= high.bottom and low.x < high.x for low, high in itertools.pairwise(steps))
    for group, rung in zip(picture.groups("step"), LADDER["rungs"], strict=True):
        assert picture.texts(group, "title") == [rung["title"]]
        assert picture.texts(group, "description") == [rung["description"]]
        assert rung["description"] in (picture.root[1].text or "")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "stage": st.sampled_from(["one", "two", "a-long-name-of-a-stage"]),
                "title": st.text("abc <&", max_size=30),
                "description": st.text("abc. ", max_size=120),
                "purposes": st.lists(
                    st.sampled_from(["https://a.example/b#C", "https://a.example/d/"]), unique=True
                ),
                "types": st.lists(st.sampled_from(TYPES), unique=True),
                "categories": st.lists(
                    st.integers(10**8, 10**12).map("https://a.example/{}".format), unique=True
                ),
            }
        ),
        min_size=1,
        max_size=7,
    )
)
def test_any_ladder_is_drawn_whole(rungs: list[dict[str, Any]]) -> None:
    picture = Picture(ladder_svg({"rungs": rungs}))
    assert faults_of(picture) == []
    assert [stage for stage, _, _ in opened(picture)] == [rung["stage"] for rung in rungs]
    for (_, words, _), rung in zip(opened(picture), rungs, strict=True):
        if rung["types"]:
            assert words.total() == sum(len(rung[m]) for m in ("purposes", "types", "categories"))
