"""``check message``: what it says of every vector, of bodies and of records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance import cli, offline
from tests.seldom import seldom
from vrmproto import spec

SPEC = spec.load()
FOLDERS = sorted(p.parent for p in (SPEC.root / "vectors").glob("*/expect.json"))
# What a token says of itself, whatever the home, the clock and the thread are.
SHOWN = {
    f"VRM-ENV-{n:03}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 31, 34, 35)
}
SHOWN |= {"VRM-ENV-017", "VRM-ENV-029", "VRM-ID-001", "VRM-ID-004", "VRM-ID-006", "VRM-ID-008"}
# Sentences whose breach shows by another one's words: an identifier has its form in the schema of a claim.
ALIKE = {
    "VRM-ID-001": {"VRM-ENV-017"},
    "VRM-ENV-016": {"VRM-ENV-015", "VRM-ENV-017"},
    "VRM-ENV-019": {"VRM-ENV-017"},
    "VRM-ID-006": {"VRM-ENV-030"},
}


@pytest.mark.parametrize("folder", seldom(FOLDERS, lambda p: p.name))
def test_a_vector(folder: Path) -> None:
    expect = json.loads((folder / "expect.json").read_bytes())
    found = {f.requirement for f in offline.token(SPEC, (folder / "token.jwt").read_bytes())}
    if expect["accept"]:
        assert not found
    elif expect["requirement"] in SHOWN and "then" not in expect and _own(expect):
        assert found & {expect["requirement"], *ALIKE.get(expect["requirement"], ())}, found


def _own(expect: dict[str, object]) -> bool:
    """Whether the key is in the token: that of an organisation is not."""
    if expect["code"] == "typ-invalid":
        return False  # a receipt is no message, and a right receipt all the same
    return expect["code"] not in ("kid-mismatch", "key-invalid") or not expect.get("keys")


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, ["check", "message", *map(str, words)])
    return result.exit_code, result.output


def test_files_and_folders(tmp_path: Path) -> None:
    right, wrong = SPEC.root / "vectors" / "terms-proffer" / "token.jwt", FOLDERS[0].parent / "alg-none"
    assert run(right)[0] == 0
    code, text = run(wrong / "token.jwt")
    assert (code, "VRM-ID-004" in text) == (1, True)
    code, text = run("--json", SPEC.root / "vectors")
    lines = [json.loads(line) for line in text.splitlines()]
    assert code == 1
    assert len(lines) > 1000
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"type": "intent.pause", "body": {}}))
    assert run(body)[0] == 0
    body.write_text(json.dumps({"type": "intent.pause", "body": {"x": 1}}))
    assert "VRM-ENV-035" in run(body)[1]
    body.write_text(json.dumps({"type": "intent.sleep", "body": {}}))
    assert "VRM-ENV-034" in run(body)[1]
    body.write_text("{")
    assert "is no JSON" in run(body)[1]
    body.write_text("[]")
    assert "neither a record" in run(body)[1]
    code, text = run(tmp_path / "none")
    assert (code, "cannot be read" in text) == (2, True)
