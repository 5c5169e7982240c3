"""The page of a report: it asks for nothing, nobody can write on it, and everybody can read it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from conformance import jose, report
from conformance.report import diagram
from conformance.results import Outcome, Run, Verdict
from tests.conformance.runs import HOSTILE, KEY, asked, failing, made, rich_run, run, spec
from vrmproto.spec import BASE

# --- report.html -------------------------------------------------------------------------------

VOID = {"meta", "br", "input", "wbr", "path", "rect", "circle", "img", "link"}


class _Page(HTMLParser):
    """What stands in a page; fails where an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.said.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page(told: dict[str, Any]) -> _Page:
    return _Page(report.html(told))


RUNS = [rich_run(), run(), run(control=HOSTILE), Run(HOSTILE), run(profiles=("core",))]


@pytest.mark.parametrize("of", RUNS, ids=["all", "none failed", "control", "empty", "core"])
def test_a_page_asks_for_nothing_from_elsewhere(of: Run) -> None:
    told = made(of)
    found = page(told)
    ids = {attrs["id"] for _, attrs in found.tags if "id" in attrs}
    assert len(ids) == sum("id" in attrs for _, attrs in found.tags)
    for tag, attrs in found.tags:
        assert tag not in ("img", "link", "iframe", "object", "embed", "base", "form", "image", "use")
        assert not {"src", "srcset", "style", "action", "xlink:href", "poster"} & attrs.keys()
        assert not [name for name in attrs if name.startswith("on")]
        href = attrs.get("href")
        if href is not None:
            assert tag == "a"
            assert href.startswith(f"{BASE}protocol/") or href[1:] in ids, href
        for label in (attrs.get("aria-labelledby") or "").split():
            assert label in ids
        if attrs.get("marker-end"):
            assert (attrs["marker-end"] or "")[5:-1] in ids
    css = report.html(told).partition("<style>")[2].partition("</style>")[0]
    assert not [word for word in ("url(", "@import", "http") if word in css]
    (policy,) = [m["content"] or "" for m in found.all("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")
    assert {r["id"] for r in told["requirements"]} <= ids


def test_the_policy_lets_this_script_run_and_no_other() -> None:
    text = report.html(made(run()))
    script = text.partition("<script>")[2].partition("</script>")[0]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in text
    assert text.count("<script") == 1


def test_a_page_has_headings_landmarks_and_a_language() -> None:
    found = page(made(rich_run()))
    assert found.all("html") == [{"lang": "en"}]
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(found.all(landmark)) == 1
    levels = [int(tag[1]) for tag, _ in found.tags if tag in ("h1", "h2", "h3", "h4", "h5")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(found.all("details")) >= 3
    assert all("scope" in attrs for attrs in found.all("th"))


def test_every_kind_has_its_diagram() -> None:
    told = made(rich_run())
    drawn = [a for a in page(told).all("svg") if a.get("class") == "states"]
    assert len(drawn) == len(spec().kinds) == 10
    for kind in told["transitions"]:
        svg = ET.fromstring(diagram.svg(kind))
        said = [t.text for t in svg.iter("text")]
        for state in spec().kinds[kind["kind"]].states:
            assert state in said
        lines = [p for p in svg.iter("path") if (p.get("class") or "").startswith("move")]
        pairs = diagram.arrows(kind["moves"])
        assert len(lines) == len(pairs)
        assert [str(n) for n in range(1, len(pairs) + 1)] == [t for t in said if t and t.isdigit()]
        for line, moves in zip(lines, pairs.values(), strict=True):
            seen = [m["count"] > 0 for m in moves]
            assert line.get("class") == f"move {'all' if all(seen) else 'some' if any(seen) else 'none'}"
    text = " ".join(page(told).said)
    assert "offer accepted either offer.frobnicate" in text


def test_states_of_a_diagram_do_not_overlap() -> None:
    for kind in made(run())["transitions"]:
        svg = ET.fromstring(diagram.svg(kind))
        boxes = []
        for group in svg.iter("g"):
            if (group.get("class") or "").startswith("state"):
                rect = group[0]
                boxes.append([float(rect.get(name) or 0) for name in ("x", "y", "width", "height")])
        for n, (x, y, w, h) in enumerate(boxes):
            assert x >= 0
            for a, b, c, d in boxes[:n]:
                assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_a_reason_that_is_a_sentence_does_not_end_twice() -> None:
    of = run(Outcome("VRM-HOM-010", "a check", Verdict.INCONCLUSIVE, reason="Nobody can tell."))
    text = report.html(made(of))
    assert "Nobody can tell: " in text
    assert ".: " not in text


def test_a_target_cannot_write_markup() -> None:
    exchange = asked(
        label=HOSTILE,
        url=HOSTILE,
        headers={HOSTILE: HOSTILE},
        body=HOSTILE,
        answer=json.dumps({HOSTILE: jose.signed(KEY, b'{"alg":1}', json.dumps({HOSTILE: HOSTILE}).encode())}),
        answer_headers={HOSTILE: HOSTILE},
    )
    of = run(
        failing(check=HOSTILE, expected=HOSTILE, got=HOSTILE, conversation=(exchange,)),
        Outcome("VRM-HOM-010", HOSTILE, Verdict.INCONCLUSIVE, reason=HOSTILE),
        target=HOSTILE,
        issuer=HOSTILE,
        claimed=(HOSTILE,),
        control=HOSTILE,
        numbers={HOSTILE: 1},
        transitions={f"terms {HOSTILE.replace(' ', '')} first terms.accept": 1},
    )
    for one in (of, dataclasses.replace(of, control="")):
        told = made(one)
        found = page(told)
        assert len(found.all("script")) == 1
        assert "<img" not in report.html(told)
        assert "alert(1)" in " ".join(found.said)
        assert not set(report.html(told)) & set("\x1b\x00\u202e")
        report.html(told).encode()
        ET.fromstring(report.junit(told))
        data = report.encoded(told)
        assert report.verify(report.claim(data, one, KEY), data) == []
