"""What the verbs say to people: what is wrong, what would be right, and the exit code that fits."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.deeds import agreed, text
from vrmproto.cli import app as cli

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: object, stdin: str | None = None) -> Any:
    return CliRunner().invoke(cli.build(), [str(a) for a in arguments], input=stdin)


def test_help_says_what_exit_codes_mean() -> None:
    assert "Exit codes: 0 done" in run("--help").output


# --- validate --------------------------------------------------------------------------------------


def test_each_missing_member_is_told_with_itself() -> None:
    shown = json.loads(run("validate", "--json", "--type", "terms.accept", stdin='{"x": 1}').stdout)
    rights = [e["right"] for e in shown["errors"]]
    assert "without x" in rights
    assert {"with the member accepts", "with the member agreement", "with the member lang"} <= set(rights)
    assert len(set(rights)) == len(rights)


def test_every_missing_member_of_a_body_in_its_claims_is_told() -> None:
    claims = {"vrm": "1.0", "type": "terms.accept", "body": {}}
    shown = json.loads(run("validate", "--json", stdin=json.dumps(claims)).stdout)
    inside = [e for e in shown["errors"] if (e["pointer"], e["rule"]) == ("/body", "required")]
    assert len(inside) > 2


def test_a_sentence_is_told_once_a_message() -> None:
    output = run("validate", "--type", "terms.accept", stdin="{}").output
    assert output.count("VRM-ENV-035") > 2
    assert output.count("VRM-ENV-035:") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"a": 1', "no JSON: Expecting ',' delimiter at line 1 column 8"),
        ('{"a": 1, "a": 2}', "no member name twice"),
        ("hello", "is neither a token nor JSON"),
    ],
)
def test_what_is_no_json_is_told_where(data: str, said: str) -> None:
    result = run("validate", stdin=data)
    assert result.exit_code == 1
    assert said in result.output
    assert "header or payload" not in result.output


def test_messages_are_named_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "m.ndjson"
    path.write_text('\n{"vrm": "1"}\n\n\nhello\n')
    output = run("validate", path).output
    assert f"{path}:2: claims" in output
    assert f"{path}:5: message" in output
    path.write_text('[{"vrm": "1"}, {"vrm": "2"}]')
    assert f"{path}:1[1]: claims" in run("validate", path).output


# --- inspect, verify, keys, spec check ---------------------------------------------------------------


def test_an_unchecked_signature_is_not_said_to_hold() -> None:
    result = run("inspect", agreed().messages[0][1])
    assert result.exit_code == 0
    assert "receipt: right in form; signature not checked (no key; see --key)" in result.output
    assert "holds" not in result.output.splitlines()[0]


def test_labels_of_facts_are_words(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(text(agreed().record()))
    output = run("verify", path).output
    assert "agreement is in this spec: yes" in output
    assert "known_here" not in output


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"keys": []}, "`vrmproto keys show`"),
        ({"files": {}, "expect": {}}, "`vrmproto verify` with the folder"),
        ({"a": 1}, "its members: a"),
    ],
)
def test_inspect_says_which_verb_knows_a_document(tmp_path: Path, document: Any, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    result = run("inspect", path)
    assert result.exit_code == 1
    assert said in result.output
    assert "VRM-ENV-015" not in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("validate", "--home", "home.example", "x"), "is no origin, such as https://home.example"),
        (("validate", "--spec", ".", "x"), "is no spec folder, for it has no envelope.json"),
        (("inspect", "did:jwk:abc"), "`vrmproto keys show`"),
        (("inspect", "."), "`vrmproto verify`"),
        (("inspect", "ftp://a.example"), "no http or https URL"),
        (("verify", "token.jwt"), "`vrmproto validate` checks it"),
        (("verify", "token.jwt", "--against", "."), "has no record.json"),
        (("keys", "new", "seed", "--for", "shop.example"), "is neither an origin"),
        (("keys", "new", "seed", "--for", "https://shop.example/path"), "is neither an origin"),
        (("keys", "show", "did:key:abc"), "is no did:jwk"),
        (("keys", "show", "empty.json"), "holds no key"),
        (("spec", "check", "missing"), "missing: is no folder"),
        (("serve", "--dev", "--port", "99999"), "a port is a number from 1 to 65535"),
        (("serve", "--dev", "--origin", "home"), "is none such as https://home.example"),
        (("serve", "--dev", "--inbox", "0"), "is to be 1 or more"),
        (("serve", "--dev", "--data", "token.jwt"), "a home needs a folder"),
        (("serve", "--dev", "--spec", "."), "is no spec folder"),
        (("poll", "--folder", "a", "--home", "home"), "is no origin, such as https://home.example"),
        (("poll", "--folder", "a", "--home", "http://127.0.0.1:1"), "http is taken with --dev only"),
        (("send", "x", "--folder", "a", "--home", "https://a.example", "--body", "{"), "--body: is not JSON"),
        (("send", "x", "--folder", "a", "--home", "https://a.example", "--body", "@no"), "cannot be read"),
        (("demo", "--port", "99999"), "65535"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_says_what_would_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token.jwt").write_text(agreed().messages[0][0])
    (tmp_path / "empty.json").write_text('{"keys": []}')
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "seed").exists()


# --- homes -----------------------------------------------------------------------------------------------


def test_a_taken_port_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--dev", "--port", port, "--data", tmp_path / "home")
    assert result.exit_code == 2
    assert f"port {port} of 127.0.0.1: Address already in use" in result.stderr
    assert not (tmp_path / "home").exists()


def test_out_of_reach_is_said_without_names_of_the_library(tmp_path: Path) -> None:
    where = ("--folder", tmp_path / "anna", "--home", "http://127.0.0.1:9/", "--dev")
    poll = run("poll", *where)
    assert poll.exit_code == 0
    assert "no identifier yet" in poll.stderr
    sent = run("send", "terms.proffer", *where, "--to", "https://shop.example")
    for result in (sent, run("inspect", "http://127.0.0.1:9")):
        assert result.exit_code == 3
        assert "out of reach: Connection refused" in result.stderr
        assert "Connector" not in result.stderr
        assert "ssl" not in result.stderr


def test_no_color_is_kept_to_by_all() -> None:
    from vrmproto.cli.output import styled

    assert styled("a", fg="red") != "a" or os.environ.get("NO_COLOR")
    code = "from vrmproto.cli.output import styled; print(styled('a', fg='red', bold=True))"
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "a\n"
