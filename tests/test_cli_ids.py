"""An id may begin with a hyphen and is no option for that."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from vrmproto.cli import app as cli
from vrmproto.cli.ids import IdCommand
from vrmproto.keys import b64

app = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})


@app.command(cls=IdCommand)
def echo(
    id: str, more: Annotated[str, typer.Argument()] = "", reason: str = "", json_flag: bool = False
) -> None:
    """Print what was read."""
    typer.echo(json.dumps([id, more, reason, json_flag]))


def run(*words: str, command: Any = app) -> Any:
    return CliRunner().invoke(command, list(words))


def read(*words: str) -> Any:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@given(st.binary(min_size=16, max_size=16), st.integers(8, 22), st.booleans())
def test_an_id_with_a_hyphen_is_read_as_it_is(data, length, before):
    id = f"-{b64(data)}"[:length]
    if id.startswith("--") and id == id.lower() and not any(c.isdigit() or c == "_" for c in id):
        return  # one in ten million; -- helps
    words = ["--reason", "-why-not", "--json-flag"]
    assert read(*words, id) == read(id, *words) == [id, "", "-why-not", True]
    assert read("--", id) == [id, "", "", False]


def test_what_else_is_written_stays():
    assert read(" abc", "--", "--Xyz1") == [" abc", "--Xyz1", "", False]
    wrong = run("abc", "--raeson", "x")
    assert (wrong.exit_code, "No such option: --raeson" in wrong.output) == (2, True), wrong.output
    for help in ("-h", "--help"):
        asked = run("abc", help)
        assert (asked.exit_code, "Print what was read" in asked.output) == (0, True)


@pytest.mark.parametrize("id", ["-5KEXe_O", "-h5KEXe_", "--5KEXe_", "-5KEXe_O-h5KEXe_abcdefg"])
def test_the_commands_of_a_person_take_it(tmp_path, id):
    (tmp_path / "anna" / "homes").mkdir(parents=True)
    words = ["--folder", str(tmp_path / "anna"), "--home", "http://127.0.0.1:9", "--dev"]
    result = run("customer", "offers", id, *words, command=cli.build())
    assert result.exit_code == 2
    assert result.output.startswith(f"vrmproto: {id}: no intent here begins so"), result.output
