"""What a console is told of runs that are made up, and the curl lines that say it again."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from rich.console import Console

from conformance import jose, report
from conformance.report import text, transcript
from conformance.results import Outcome
from tests.conformance.runs import HOSTILE, URL, asked, failing, made, musts, rich_run, run, should, unjudged
from vrmproto.spec import BASE

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
