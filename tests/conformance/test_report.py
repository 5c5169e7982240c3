"""The reports of runs that are made up here: what they say, and that nobody can forge or break them."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import textwrap
import threading
import tomllib
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console

from conformance import jose, report
from conformance.baseline import Baseline, Known
from conformance.report import diagram, text, transcript
from conformance.report.document import replay_name
from conformance.results import Exchange, Outcome, Run, Verdict
from vrmproto.spec import BASE, Spec, load

HOSTILE = (
    "</pre></script><script>alert(1)</script>"
    "<img src=x onerror='a' href=\"//evil.test\">&\x1b[2J\x00\u202e\ud800"
)
KEY = jose.generate()
PERSON = jose.generate()
URL = "http://127.0.0.1:8080"


@functools.cache
def spec() -> Spec:
    return load()


def homes() -> list[str]:
    return [r.id for r in spec().requirements.values() if r.role == "home"]


def token(**body: Any) -> str:
    sent = {"iss": PERSON.did, "aud": "https://shop.test", "type": "terms.proffer", "body": body}
    return jose.token(PERSON, sent)


def asked(answer: str = '{"code":"deadline-passed","status":422}', **more: Any) -> Exchange:
    said = {
        "label": "the person sends terms.proffer",
        "method": "POST",
        "url": f"{URL}/v1/messages",
        "headers": {"Content-Type": "application/vrm+jwt"},
        "body": token(answer_by="2026-01-01T00:00:00Z", note='it\'s "quoted"'),
        "status": 202,
        "answer_headers": {"Content-Type": "application/json"},
        "answer": answer,
        "seconds": 0.0123,
    }
    return Exchange(**{**said, **more})


def failing(requirement: str = "VRM-HOM-029", check: str = "problem.members", **more: Any) -> Outcome:
    said = {
        "expected": "422 with the code `deadline-passed`, for /body/answer_by lies in the past",
        "got": "202 and a receipt",
        "conversation": (asked(), asked(answer=json.dumps({"receipt": jose.token(KEY, {"seq": 1})}))),
        "replay": {"seed": 7, "steps": [1]},
    }
    return Outcome(requirement, check, Verdict.FAIL, **{**said, **more})


def passing() -> list[Outcome]:
    """An outcome for whatever a home has to do, and reasons for what needs an origin."""
    excluded = {"VRM-HOM-007", "VRM-PRV-001"}
    return [
        Outcome(name, f"{name.lower()}.check", Verdict.NOT_JUDGED, reason="needs origin")
        if spec().requirements[name].needs
        else Outcome(name, f"{name.lower()}.check", Verdict.PASS)
        for name in homes()
        if name not in excluded
    ]


def run(*more: Outcome, without: tuple[str, ...] = (), **members: Any) -> Run:
    said: dict[str, Any] = {
        "target": URL,
        "issuer": "https://home.test",
        "profiles": ("core", "terms", "intent"),
        "claimed": ("core", "terms", "intent"),
        "seed": 7,
        "started": "2026-07-01T10:00:00Z",
        "seconds": 81.25,
        "suite": "0.1.0",
        "spec": "1.0",
        "spec_digest": "q" * 43,
        "numbers": {"requests": 4211, "near_misses": 900},
        "transitions": {
            "terms  first terms.proffer": 12,
            "terms proffered second terms.accept": 3,
            "terms proffered deadline": 1,
            "intent first intent.publish": 2,
            "offer accepted either offer.frobnicate": 1,
        },
    }
    outcomes = [o for o in passing() if o.requirement not in without]
    return Run(**{**said, **members}, outcomes=[*outcomes, *more])


def rich_run() -> Run:
    """A run in which everything happens that can."""
    again = failing(conversation=(asked(), asked(), asked()), count=40, expected="longer", replay={"b": 2})
    return run(
        failing(),
        again,
        failing(check="problem.title", expected="a title", got="none", conversation=(), replay=None),
        failing(
            "VRM-INT-001", "intent.publish", got=HOSTILE, conversation=(asked(answer=HOSTILE, status=500),)
        ),
        Outcome("VRM-HOM-010", "c", Verdict.INCONCLUSIVE, reason="no answer within 30 s"),
        Outcome(should(), "slow", Verdict.WARN, expected="soon", got="late", conversation=(asked(),)),
        without=("VRM-HOM-010",),
    )


def musts(profile: str = "") -> int:
    """How many MUSTs a run of :func:`run` judges."""
    judged = [spec().requirements[o.requirement] for o in passing() if o.verdict is Verdict.PASS]
    return sum(r.level.startswith("MUST") and profile in ("", r.profile) for r in judged)


def unjudged() -> int:
    return len(homes()) - sum(o.verdict is Verdict.PASS for o in passing())


def should() -> str:
    return next(r.id for r in spec().requirements.values() if r.role == "home" and r.level == "SHOULD")


def made(of: Run, baseline: Baseline | None = None, today: date | None = None) -> dict[str, Any]:
    """The document of a run, valid against its schema."""
    told = report.document(of, spec(), baseline, today)
    schema = json.loads((spec().root / "meta" / "report.json").read_bytes())
    back = json.loads(report.encoded(told))
    assert [e.message for e in jsonschema_rs.Draft202012Validator(schema).iter_errors(back)] == []
    return told


# --- report.json -------------------------------------------------------------------------------


def test_a_run_in_which_all_holds_is_conformant() -> None:
    told = made(run())
    assert (told["conformant"], told["exit"], told["failures"]) == (True, 0, [])
    by_id = {r["id"]: r for r in told["requirements"]}
    assert by_id.keys() == set(homes())
    assert by_id["VRM-HOM-007"]["verdict"] == "not-judged"
    assert "disk" in by_id["VRM-HOM-007"]["reason"]
    assert by_id["VRM-ID-009"]["reason"] == "needs origin"
    rule = spec().requirements["VRM-HOM-029"]
    assert by_id["VRM-HOM-029"] == {
        "id": "VRM-HOM-029",
        "level": "MUST",
        "profile": "core",
        "page": "protocol/home.md",
        "link": f"{BASE}protocol/home.md#VRM-HOM-029",
        "text": rule.text,
        "verdict": "pass",
        "checks": [{"check": "vrm-hom-029.check", "verdict": "pass", "count": 1, "reason": ""}],
        "reason": "",
        "known": False,
    }
    core, terms, intent = told["profiles"]
    assert [p["name"] for p in told["profiles"]] == ["core", "terms", "intent"]
    assert sum(sum(c.values()) for p in told["profiles"] for c in p["verdicts"].values()) == len(homes())
    assert terms["verdicts"]["MUST"]["pass"] == musts("terms")
    assert core["verdicts"]["MUST"]["not-judged"] == unjudged()
    shoulds = [r for r in told["requirements"] if (r["profile"], r["level"]) == ("intent", "SHOULD")]
    assert intent["verdicts"]["SHOULD"]["pass"] == len(shoulds)


def test_failures_are_grouped_by_requirement_and_check() -> None:
    told = made(rich_run())
    assert (told["conformant"], told["exit"]) == (False, 1)
    names = [(f["requirement"], f["check"], f["count"]) for f in told["failures"]]
    assert names == [
        ("VRM-HOM-029", "problem.members", 41),
        ("VRM-HOM-029", "problem.title", 1),
        ("VRM-INT-001", "intent.publish", 1),
    ]
    first = told["failures"][0]
    assert len(first["conversation"]) == 2
    assert first["replay"] == "replay/VRM-HOM-029-problem.members.json"
    assert told["failures"][1]["replay"] == ""
    assert [(w["requirement"], w["count"]) for w in told["warnings"]] == [(should(), 1)]


@pytest.mark.parametrize(
    ("of", "code", "conformant"),
    [
        (run(failing()), 1, False),
        (run(Outcome("VRM-HOM-010", "c", Verdict.INCONCLUSIVE, reason="late")), 3, False),
        (run(failing(), Outcome("VRM-HOM-010", "c", Verdict.INCONCLUSIVE)), 1, False),
        (run(without=("VRM-HOM-010",)), 3, False),
        (run(without=("VRM-ID-009",)), 0, True),
        (run(Outcome(should(), "c", Verdict.INCONCLUSIVE)), 0, True),
        (run(Outcome(should(), "c", Verdict.WARN)), 0, True),
        (run(Outcome(should(), "c", Verdict.FAIL)), 1, False),
        (run(control="refused"), 3, False),
        (run(failing(), control="refused"), 3, False),
        (Run(URL), 3, False),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_the_exit_code(of: Run, code: int, conformant: bool) -> None:
    told = made(of)
    assert (told["exit"], told["conformant"]) == (code, conformant)


def test_without_the_control_nothing_is_scored() -> None:
    told = made(run(failing(), control="a proffer was refused"))
    verdicts = {r["verdict"] for r in told["requirements"]}
    assert verdicts == {"inconclusive", "not-judged"}
    assert len(told["failures"]) == 1
    assert report.badge(told) == {
        "schemaVersion": 1,
        "label": "VRM",
        "message": "not judged",
        "color": "lightgrey",
    }
    assert "a proffer was refused" in report.html(told)
    assert "a proffer was refused" in text.outcome(told).plain
    assert ET.fromstring(report.junit(told)).get("failures") == "0"


def test_what_no_profile_asks_for_is_not_applicable() -> None:
    told = made(dataclasses.replace(run(), outcomes=passing()[:0], profiles=("core",)))
    terms = [r for r in told["requirements"] if r["profile"] == "terms"]
    assert {r["verdict"] for r in terms} == {"not-applicable"}
    assert [p["judged"] for p in told["profiles"]] == [True, False, False]
    assert told["transitions"] == []


def test_a_requirement_that_the_spec_lacks_is_told_and_breaks_nothing() -> None:
    told = made(run(failing("VRM-XYZ-999")))
    assert told["exit"] == 1
    assert "VRM-XYZ-999" in report.html(told)
    assert ET.fromstring(report.junit(told)).get("failures") == "1"
    assert "this spec does not have" in text.plain(told["failures"][0], told)


def test_transitions_are_counted_by_the_tables() -> None:
    terms, intent, offer = made(run())["transitions"]
    seen = {(m["from"], m["by"], m["type"], m["cause"]): m["count"] for m in terms["moves"]}
    assert seen["", "first", "terms.proffer", ""] == 12
    assert seen["proffered", "second", "terms.accept", ""] == 3
    assert seen["proffered", "", "", "deadline"] == 1
    assert sum(seen.values()) == 16
    assert len(seen) == len(spec().kinds["terms"].cells) + 5
    # an opening may be written without its state, too
    assert [m["count"] for m in intent["moves"] if not m["from"]] == [2]
    assert offer["unlisted"] == ["offer accepted either offer.frobnicate"]
    kept = next(m for m in terms["moves"] if m["type"] == "agent.rotate")
    assert (kept["from"], kept["to"]) == ("agreed", "agreed")


def test_known_failures_do_not_count_and_are_told() -> None:
    baseline = Baseline("b", (Known("VRM-HOM-029", "our proxy", issue="https://tracker.test/1"),))
    told = made(run(failing(), without=("VRM-HOM-029",)), baseline)
    assert (told["exit"], told["conformant"]) == (0, False)
    assert told["failures"][0]["known"]["reason"] == "our proxy"
    assert next(r for r in told["requirements"] if r["id"] == "VRM-HOM-029")["known"]
    assert report.badge(told)["color"] == "red"
    assert "known: our proxy (https://tracker.test/1)" in text.plain(told["failures"][0], told)
    assert "Not conformant, as known" in report.html(told)
    xml = ET.fromstring(report.junit(told))
    assert xml.get("failures") == "0"
    assert [s.get("message") for s in xml.iter("skipped")].count("known failure: our proxy") == 1
    half = Baseline("b", (Known("VRM-HOM-029", "our proxy", check="problem.members"),))
    assert made(run(failing(), failing(check="other")), half)["exit"] == 1


def test_entries_that_have_to_go_are_told() -> None:
    baseline = Baseline("b", (Known("VRM-HOM-029", "our proxy", line=3),))
    told = made(run(), baseline)
    assert (told["exit"], told["conformant"]) == (4, True)
    assert told["baseline"]["stale"][0]["why"] == "it no longer fails"
    assert "Stale baseline" in report.html(told)
    assert ET.fromstring(report.junit(told)).get("failures") == "1"
    late = Baseline("b", (Known("VRM-HOM-029", "our proxy", expires=date(2026, 6, 30)),))
    assert made(run(failing()), late)["exit"] == 4
    assert made(run(failing()), late, date(2026, 6, 30))["exit"] == 0


def test_replay_names_are_safe_and_each_is_its_own() -> None:
    assert replay_name("VRM-HOM-001", "../../etc/passwd\x00") == "replay/VRM-HOM-001-..-..-etc-passwd.json"
    first = replay_name("VRM-HOM-001", "a b")
    assert replay_name("VRM-HOM-001", "a/b", [first]) == "replay/VRM-HOM-001-a-b-2.json"
    told = made(run(failing(check="a b"), failing(check="a/b"), failing(check="a:b")))
    assert len({f["replay"] for f in told["failures"]}) == 3


# --- the console -------------------------------------------------------------------------------


def shown(told: dict[str, Any], **how: Any) -> str:
    out = io.StringIO()
    said = {"soft_wrap": True, "highlight": False, "markup": False, "emoji": False, "width": 100}
    text.show(told, Console(file=out, **{**said, **how}))
    return out.getvalue()


def test_a_failure_says_all_that_is_needed() -> None:
    said = shown(made(rich_run()))
    for part in (
        "FAIL VRM-HOM-029 MUST, 42 times",
        "  A refusal MUST be `application/problem+json`",
        "the code one of `errors.json` with its status.",
        f"  {BASE}protocol/home.md#VRM-HOM-029",
        "expected  422 with the code `deadline-passed`",
        "got       202 and a receipt",
        "  1. the person sends terms.proffer",
        f"     POST {URL}/v1/messages",
        '"type": "terms.proffer"',
        '   >>> >       "answer_by": "2026-01-01T00:00:00Z"',
        '"seq": 1',
        "signed afresh: vrm-conformance replay replay/VRM-HOM-029-problem.members.json",
        "seed 7",
        "also by problem.title: expected a title; got none",
        f"WARN {should()} SHOULD",
        "OPEN VRM-HOM-010 MUST",
        "no answer within 30 s",
        "NOT CONFORMANT",
    ):
        assert part in said, part
    assert said.count("FAIL VRM-HOM-029") == 1
    assert said.count(">>>") == 3 - 1  # once a failure, in the last exchange that has the member
    row = next(line for line in said.splitlines() if line.split()[:2] == ["core", "MUST"])
    assert row.split()[2:] == [str(musts("core") - 2), "1", "0", "1", str(unjudged())]


def test_a_target_cannot_write_on_the_terminal() -> None:
    said = shown(made(run(failing(got=HOSTILE, conversation=(asked(label=HOSTILE, answer=HOSTILE),)))))
    assert not set(said) & set("\x1b\x00\u202e\ud800\r\x07")
    assert "\\x1b[2J\\x00\\u202e\\ud800" in said


def test_colours_only_on_a_terminal_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    told = made(run(failing()))
    assert "\x1b[" not in shown(told)
    assert "\x1b[1;31mFAIL" in shown(told, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in shown(told, force_terminal=True, color_system="standard")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("422 with `answer_by`", {"answer_by"}),
        ('"seq" of 2', {"seq"}),
        ("/body/ends lies ahead", {"/body/ends", "ends"}),
        ("the claim prior", {"claim", "prior"}),
        ("", set()),
    ],
)
def test_members_that_a_failure_names(said: str, found: set[str]) -> None:
    assert transcript.names(said, "") == found


@pytest.mark.parametrize("bad", ["eyJh.eyJi.", "eyJ.e30.", "eyJhIjoxfQ." + jose.b64(b"[" * 100_000) + "."])
def test_tokens_that_cannot_be_decoded_are_shown_all_the_same(bad: str) -> None:
    told = made(run(failing(conversation=(asked(body=bad),))))
    assert "cannot be decoded" in text.plain(told["failures"][0], told)


def test_long_answers_are_bounded_and_what_is_marked_is_kept() -> None:
    answer = json.dumps({**{f"m{n}": n for n in range(3000)}, "answer_by": 1})
    plain = text.plain(*_one(failing(conversation=(asked(body="", answer=answer),))))
    assert '>>> <     "answer_by": 1' in plain
    assert "more lines" in plain
    assert plain.count("\n") < 120
    huge = made(run(failing(got="x" * 10**6, conversation=(asked(answer="[" * 10**6),))))
    assert len(report.encoded(huge)) < 700_000
    assert "cannot" not in text.plain(huge["failures"][0], huge)


def _one(outcome: Outcome) -> tuple[dict[str, Any], dict[str, Any]]:
    told = made(run(outcome))
    return told["failures"][0], told


class _Echo(BaseHTTPRequestHandler):
    """Keeps what it is asked."""

    asked: tuple[str, str, dict[str, str], bytes]

    def _take(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        type(self).asked = (self.command, self.path, dict(self.headers.items()), body)
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST = do_PUT = _take

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# `make test` asks for Python and make alone: where curl is not installed nobody can try its lines, and the
# next test still reads their words.
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
@pytest.mark.parametrize(
    "body",
    ["a'b\"c $HOME `id` \\n !", "@/etc/hostname", "\x00\x1b[1m%s\\ é\u202e", "line\nline", "%41&=", ""],
)
def test_curl_says_the_same_again(echo: str, body: str) -> None:
    method = "PUT" if body.startswith("@") else "POST" if body else "GET"
    headers = {"X-Empty": "", "X-Odd": "a'b; $HOME \x01", "Host": "other.test", "Accept": "text/x"}
    one = {"method": method, "url": f"{echo}/../a[1]?b={{c}}'", "headers": headers, "body": body}
    line = transcript.curl(one)
    assert "\x00" not in line
    assert "\x1b" not in line
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, timeout=20, env={**os.environ, "no_proxy": "*"}
    )
    assert done.returncode == 0, done.stderr
    method_seen, path, seen, data = _Echo.asked
    assert (method_seen, path, data) == (method, "/../a[1]?b={c}'", body.encode())
    assert seen["X-Empty"] == ""
    assert seen["X-Odd"] == "a'b; $HOME \x01"
    assert seen["Accept"] == "text/x"
    assert seen["Host"] != "other.test"
    assert "Content-Type" not in seen


def test_curl_of_a_token_has_it_whole() -> None:
    exchange = made(run(failing()))["failures"][0]["conversation"][0]
    words = shlex.split(transcript.curl(exchange))
    assert words[words.index("--data-raw") + 1] == exchange["body"]
    assert words[words.index("-H") + 1] == "Content-Type: application/vrm+jwt"
    assert transcript.curl({**exchange, "body": "x" * 200_000}).startswith("# the body has 200000")


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
    assert len(drawn) == len(spec().kinds) == 3
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


# --- junit.xml and badge.json ------------------------------------------------------------------


def test_junit_has_a_case_for_every_requirement() -> None:
    told = made(rich_run())
    root = ET.fromstring(report.junit(told))
    assert [s.get("name") for s in root] == ["vrm.core", "vrm.terms", "vrm.intent"]
    cases = {(c.get("name") or "").partition(" ")[0]: c for c in root.iter("testcase")}
    assert cases.keys() == set(homes())
    assert root.attrib.items() >= {"tests": str(len(homes())), "failures": "2", "errors": "1"}.items()
    assert root.get("skipped") == str(unjudged())
    failure = cases["VRM-HOM-029"].find("failure")
    assert failure is not None
    assert failure.text == text.plain(told["failures"][0], told)
    error = cases["VRM-HOM-010"].find("error")
    assert error is not None
    assert error.get("message") == "no answer within 30 s"
    assert cases["VRM-HOM-029"].get("classname") == "vrm.core.home"
    assert "WARN" in (cases[should()].findtext("system-out") or "")


def test_the_badge() -> None:
    told = made(run())
    assert report.badge(told) == {
        "schemaVersion": 1,
        "label": "VRM",
        "message": f"core terms intent: {musts()}/{musts()}",
        "color": "brightgreen",
    }
    broken = report.badge(made(rich_run()))
    assert (broken["message"], broken["color"]) == (f"core terms intent: {musts() - 3}/{musts()}", "red")
    open_ = report.badge(made(run(without=("VRM-HOM-010",))))
    assert (open_["message"], open_["color"]) == (f"core terms intent: {musts() - 1}/{musts()}", "yellow")


# --- claim.jwt ---------------------------------------------------------------------------------


def claimed(of: Run | None = None, key: jose.Key = KEY) -> tuple[str, bytes]:
    of = of or rich_run()
    data = report.encoded(made(of))
    return report.claim(data, of, key), data


@pytest.mark.parametrize("key", [KEY, jose.generate("ES256")], ids=["Ed25519", "ES256"])
def test_a_claim_holds_and_says_what_was_found(key: jose.Key) -> None:
    made_claim, data = claimed(key=key)
    assert report.verify(made_claim, data) == []
    assert report.verify(made_claim) == []
    assert jose.header_of(made_claim) == {"alg": key.alg, "kid": key.kid, "typ": "vrm-claim+jwt"}
    said = jose.claims_of(made_claim)
    assert said["iss"] == key.did
    assert said["key"] == dict(key.jwk)
    assert said["sub"] == "https://home.test"
    assert said["report"]["digest"] == jose.digest(data)
    assert said["profiles"] == ["core", "terms", "intent"]
    assert said["failed"] == ["VRM-HOM-029", "VRM-INT-001"]
    assert said["verdicts"]["fail"] == 2
    assert not said["conformant"]
    assert len(said["not_judged"]) == unjudged()
    assert "VRM-HOM-007" in said["not_judged"]


def test_a_known_failure_is_a_failure_in_the_claim() -> None:
    of = run(failing(), without=("VRM-HOM-029",))
    data = report.encoded(made(of, Baseline("b", (Known("VRM-HOM-029", "our proxy"),))))
    said = jose.claims_of(report.claim(data, of, KEY))
    assert (said["failed"], said["known"], said["conformant"]) == (["VRM-HOM-029"], ["VRM-HOM-029"], False)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_every_changed_character_of_a_claim_is_found(part: int) -> None:
    made_claim, _ = claimed()
    pieces = made_claim.split(".")
    for at in range(len(pieces[part])):
        old = pieces[part][at]
        changed = list(pieces)
        changed[part] = pieces[part][:at] + ("A" if old != "A" else "B") + pieces[part][at + 1 :]
        assert report.verify(".".join(changed)), at
    for at, old in ((-1, made_claim[-1]),):
        for new in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/":
            assert new == old or report.verify(made_claim[:at] + new), new


def test_every_changed_byte_of_the_report_is_found() -> None:
    made_claim, data = claimed(run())
    for at in range(0, len(data), 997):
        assert report.verify(made_claim, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert report.verify(made_claim, data + b" ")
    assert report.verify(made_claim, b"")


def resigned(signer: jose.Key = KEY, typ: str = "vrm-claim+jwt", **changes: Any) -> str:
    said = {**jose.claims_of(claimed(run())[0]), **changes}
    return jose.token(signer, {n: v for n, v in said.items() if v is not None}, typ)


@pytest.mark.parametrize(
    ("forged", "fault"),
    [
        (resigned(PERSON), "kid is not the thumbprint"),
        (resigned(PERSON, key=dict(PERSON.jwk)), "iss is not the did:jwk"),
        (resigned(typ="vrm+jwt"), "typ is not"),
        (resigned(verdicts=None), "verdicts is missing"),
        (resigned(iat=True), "iat is missing"),
        (resigned(more=1), "more is no member"),
        (resigned(iat=2**40), "iat lies in the future"),
        (resigned(key={"kty": "oct", "crv": "x"}), "its key is none"),
        (resigned(key={"kty": [], "crv": "x"}), "its key is none"),
        ("", "no compact JWS"),
        ("a.b", "no compact JWS"),
        ("é.é.é", "no compact JWS"),
        ("e30.W10.", "no JSON object"),
    ],
)
def test_forged_claims(forged: str, fault: str) -> None:
    assert fault in " ".join(report.verify(forged, claimed(run())[1]))


def test_a_claim_that_says_more_than_its_report_is_found() -> None:
    forged = resigned(verdicts={"pass": 999}, sub="https://other.test")
    assert report.verify(forged, claimed(run())[1]) == [
        "sub is not what the report says",
        "verdicts is not what the report says",
    ]


def test_a_claim_is_made_of_the_report_of_its_run_only() -> None:
    with pytest.raises(ValueError, match="not that of this run"):
        report.claim(report.encoded(made(run())), run(seed=8), KEY)


def test_the_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "suite.jwk"
    key = report.key_at(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert report.key_at(file).kid == key.kid
    assert [p.name for p in file.parent.iterdir()] == ["suite.jwk"]
    assert report.verify(claimed(run(), report.key_at(file))[0]) == []
    assert report.key_at(None).kid != report.key_at(None).kid
    file.chmod(0o644)
    with pytest.raises(ValueError, match="others may read"):
        report.key_at(file)
    file.chmod(0o600)
    for wrong in (b"{}", b"no", b"[]", b'{"kty":"RSA","crv":"x","d":"AA"}'):
        file.write_bytes(wrong)
        with pytest.raises(ValueError, match="no private key"):
            report.key_at(file)


def test_a_kept_key_may_be_es256(tmp_path: Path) -> None:
    key = jose.generate("ES256")
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    number = key.private.private_numbers()
    file = tmp_path / "k"
    file.touch(0o600)
    file.write_bytes(jose.compact({**key.jwk, "d": jose.b64(number.private_value.to_bytes(32, "big"))}))
    assert report.key_at(file).kid == key.kid


# --- all of it ---------------------------------------------------------------------------------


def test_everything_is_written_and_nothing_else_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written = report.write(rich_run(), spec(), folder, KEY)
    names = sorted(p.relative_to(folder).as_posix() for p in written)
    assert names == [
        "badge.json",
        "claim.jwt",
        "junit.xml",
        "replay/VRM-HOM-029-problem.members.json",
        "replay/VRM-INT-001-intent.publish.json",
        "report.html",
        "report.json",
    ]
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == names
    assert json.loads((folder / names[3]).read_bytes()) == {"seed": 7, "steps": [1]}
    data = (folder / "report.json").read_bytes()
    assert report.verify((folder / "claim.jwt").read_text(), data) == []
    again = report.write(run(), spec(), folder, KEY)
    assert len(again) == 5
    assert list((folder / "replay").iterdir()) == []
    assert report.write(rich_run(), spec(), tmp_path / "two", KEY)[0].read_bytes() == data


def test_a_report_that_cannot_be_put_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "report.json" / "taken").mkdir(parents=True)
    with pytest.raises(OSError, match=r"report\.json"):
        report.write(run(), spec(), tmp_path, KEY)
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_the_reports_know_nothing_of_the_reference() -> None:
    code = (
        "import sys, conformance.report, conformance.baseline\n"
        "print(*sorted(m for m in sys.modules if m.startswith('vrmproto')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"vrmproto.home", "vrmproto.envelope", "vrmproto.agents"} & set(done.stdout.split())


# --- action.yml --------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
STUB = '#!/usr/bin/env bash\nprintf "%s\\n" "$@" > "$SEEN"\nexit "$CODE"\n'


def judging_step() -> str:
    """The lines by which the action calls the suite."""
    step = (ROOT / "action.yml").read_text().partition("id: check")[2]
    body = step.partition("run: |\n")[2].partition("\n\n")[0]
    assert "${{" not in body, "an input would be read as a command"
    return textwrap.dedent(body)


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_action_hands_its_inputs_on(code: int, tmp_path: Path) -> None:
    stub = tmp_path / "suite" / "bin" / "vrm-conformance"
    stub.parent.mkdir(parents=True)
    stub.write_text(STUB)
    stub.chmod(0o755)
    given = {
        "SUITE": str(tmp_path / "suite"),
        "URL": "http://127.0.0.1:8080/$(touch bad)",
        "PROFILE": "core,terms" if code else "",
        "BASELINE": "a file.toml; touch bad" if code else "",
        "REPORT": "out dir",
        "ARGS": "--quick\n  --seed 7 $(touch bad) *" if code else "",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SEEN": str(tmp_path / "seen"),
        "CODE": str(code),
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", judging_step()]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **given}, capture_output=True, timeout=20)
    assert done.returncode == code, done.stderr
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    assert not (tmp_path / "bad").exists()
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen[:6] == ["check", "server", "--url", given["URL"], "--report-dir", "out dir"]
    more = ["--profile", "core,terms", "--baseline", given["BASELINE"], "--quick", "--seed", "7"]
    assert seen[6:] == ([*more, "$(touch", "bad)", "*"] if code else [])


def test_the_page_names_what_is_there() -> None:
    """The page on testing a server says the action's inputs, the files and a sentence as they are."""
    told = (ROOT / "docs" / "test-your-server.md").read_text()
    inputs = (ROOT / "action.yml").read_text().partition("inputs:")[2].partition("outputs:")[0]
    for name in re.findall(r"^  ([a-z-]+):$", inputs, re.MULTILINE):
        assert f"`{name}`" in told, name
    for name in ("report.json", "report.html", "junit.xml", "badge.json", "claim.jwt"):
        assert f"`{name}`" in told
    assert spec().requirements["VRM-TRM-004"].text in told
    toml = told.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(toml)["known"][0]["requirement"] in spec().requirements
    for path in re.findall(r"\]\((\.\./[^)]+)\)", told):
        assert (ROOT / "docs" / path).exists(), path
