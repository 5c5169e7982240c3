from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from tests.deeds import HOME, NOW, SHOP, SPEC, Deed, agreed, countered, discovery, key, text
from tests.test_bundle import accepted, attested, introduced, offered, published, written
from tests.test_offer_records import Intent, made, purged
from vrmproto import envelope, keys, views
from vrmproto.cli import app as cli
from vrmproto.cli.explain import Judge
from vrmproto.cli.keys import read_seed
from vrmproto.cli.validate import inputs
from vrmproto.errors import ProtocolError

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: object, stdin: str | bytes | None = None) -> Any:
    return CliRunner().invoke(cli.build(), [str(a) for a in arguments], input=stdin)


def process(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vrmproto.cli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    path.write_bytes(text(agreed().record()))
    return path


# --- the whole program ---------------------------------------------------------------------------


def test_help_names_the_verbs() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for verb in ("validate", "inspect", "verify", "keys", "spec"):
        assert verb in result.output
        assert run(verb, "--help").exit_code == 0


def test_help_and_verify_load_nothing_heavy() -> None:
    """What the verbs need is imported when they run; verbs of servers are free to do otherwise."""
    code = (
        "import sys\n"
        "for verb in ('validate', 'inspect', 'verify', 'keys', 'spec_check', 'app'):\n"
        "    __import__('vrmproto.cli.' + verb)\n"
        "print([m for m in ('aiohttp', 'jsonschema', 'cryptography', 'rich.console') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_record_verifies_in_an_empty_folder(tmp_path: Path, record: Path) -> None:
    place = tmp_path / "empty"
    place.mkdir()
    shown = process("verify", record, cwd=place)
    assert shown.returncode == 0, shown.stderr
    assert "record holds" in shown.stdout
    assert "on the home's word" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "missing.json"),
        ("verify", "."),
        ("verify",),
        ("validate", "missing.jwt"),
        ("validate", "--now", "yesterday", "-"),
        ("validate", "--spec", "missing", "x.json"),
        ("inspect", "neither"),
        ("inspect", "http://"),
        ("keys", "show", "did:jwk:eyJ9"),
        ("keys", "derive", "--for", "https://shop.example"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_message_and_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    shown = process(*arguments, cwd=tmp_path)
    assert shown.returncode == 2, shown.stderr
    assert shown.stderr
    assert "Traceback" not in shown.stderr + shown.stdout
    assert not shown.stdout


def test_a_fault_of_ours_shows_no_traceback(tmp_path: Path) -> None:
    code = (
        "import vrmproto.cli.app as app\n"
        "def broken(): raise RuntimeError('odd')\n"
        "app.build = lambda: broken\n"
        "from vrmproto.cli import main; main()"
    )
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr
    assert "RuntimeError: odd" in shown.stderr


# --- verify ----------------------------------------------------------------------------------------


def test_verify_tells_what_failed_and_the_sentence(tmp_path: Path, record: Path) -> None:
    document = json.loads(record.read_bytes())
    document["executed_at"] += 1
    bad = tmp_path / "bad.json"
    bad.write_bytes(text(document))
    result = run("verify", record, bad)
    assert result.exit_code == 1
    assert "DOES NOT HOLD" in result.output
    assert "VRM-REC-003" in result.output
    assert SPEC.requirements["VRM-REC-003"].text in result.output


def test_verify_as_json_is_one_object_a_line(tmp_path: Path, record: Path) -> None:
    thread = tmp_path / "thread.json"
    thread.write_bytes(text(countered().export()))
    result = run("verify", "--json", record, thread, written(tmp_path / "bundle", accepted()))
    assert result.exit_code == 0, result.output
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["kind"] for r in reports] == ["record", "thread", "bundle"]
    assert all(r["ok"] and r["checks"] and "trusted" in r for r in reports)


def test_verify_tells_erased_from_tampered_with(tmp_path: Path) -> None:
    path = tmp_path / "thread.json"
    path.write_bytes(text(purged().tombstones()))
    result = run("verify", path)
    assert result.exit_code == 0, result.output
    gone = len(purged().messages) - 1
    assert f"erased, not tampered with: {gone} messages" in result.output
    assert result.output.count("(erased)") == gone
    assert "what the erased messages said" in result.output
    document = purged().tombstones()
    document["messages"][2]["mid"] = document["messages"][3]["mid"]
    path.write_bytes(text(document))
    result = run("verify", path)
    assert result.exit_code == 1
    assert "not tampered with" not in result.output
    assert SPEC.requirements["VRM-OFR-025"].text in result.output


def test_verify_takes_records_threads_and_bundles_of_offers(tmp_path: Path) -> None:
    record, intent = tmp_path / "record.json", tmp_path / "intent.json"
    record.write_bytes(text(made().record()))
    intent.write_bytes(text(made().intent.export()))
    makers = (published, offered, introduced, attested)
    folders = [written(tmp_path / maker.__name__, maker()) for maker in makers]
    result = run("verify", "--json", record, intent, *folders)
    assert result.exit_code == 0, result.output
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["kind"] for r in reports] == ["record", "thread", "bundle", "bundle", "bundle", "bundle"]
    assert reports[0]["facts"]["intent"] == made().intent.thid
    assert reports[1]["facts"]["kind"] == "intent"
    shown = run("verify", record).output
    assert "PDC-INTENT" in shown
    assert made().intent.thid in shown


def test_verify_shows_what_is_self_homed(tmp_path: Path) -> None:
    deed = Deed(home=SHOP)
    deed.proffer()
    deed.accept()
    path = tmp_path / "r.json"
    path.write_bytes(text(deed.record()))
    assert "self-homed" in run("verify", path).output


def test_two_records_are_compared(tmp_path: Path, record: Path) -> None:
    deed = agreed()
    theirs, other = tmp_path / "theirs.json", tmp_path / "other.json"
    theirs.write_bytes(text(deed.record() | {"checkpoint": deed.checkpoint(reader=SHOP)}))
    other.write_bytes(text(countered().record("SD-BASE-A")))
    assert run("verify", record, "--against", theirs).exit_code == 0
    result = run("verify", "--json", record, "--against", other)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["matches"] is False
    assert json.loads(result.stdout)["ok"] is True


def test_verify_with_the_keys_of_the_home(tmp_path: Path, record: Path) -> None:
    for name, code in (("home", 0), ("another", 1)):
        path = tmp_path / f"{name}.json"
        path.write_bytes(discovery(HOME, key(name)))
        assert run("verify", record, "--key", path).exit_code == code


# --- validate ----------------------------------------------------------------------------------------


def tokens() -> list[str]:
    return [token for token, _ in countered().messages]


def test_validate_takes_tokens_line_by_line() -> None:
    result = run("validate", "--json", "-", stdin="\n\n".join(tokens()) + "\n")
    assert result.exit_code == 0, result.output
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [v["signature"] for v in verdicts] == ["verified", "not checked", "verified"]
    assert [v["type"] for v in verdicts] == ["terms.proffer", "terms.alternative", "terms.accept"]
    assert "3 checked, 0 faulty" in result.stderr


def test_validate_takes_a_token_as_argument_and_keys_of_organisations(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    path.write_bytes(discovery(SHOP, key("shop", "ES256")))
    result = run("validate", "--json", tokens()[1], "--key", path)
    assert json.loads(result.stdout)["signature"] == "verified"
    path.write_bytes(text(dict(key("thief", "ES256").public.jwk)))
    assert (
        json.loads(run("validate", "--json", tokens()[1], "--key", path).stdout)["signature"] == "not checked"
    )


def claims() -> dict[str, Any]:
    return dict(envelope.peek(tokens()[0])[1])


def faults(document: Any, *options: str) -> dict[str, tuple[str, str]]:
    result = run("validate", "--json", *options, "-", stdin=text(document))
    verdict = json.loads(result.stdout.splitlines()[0])
    assert result.exit_code == (0 if verdict["ok"] else 1)
    for error in verdict["errors"]:
        assert error["right"]
        assert error["sentence"] == SPEC.requirements[error["requirement"]].text
    return {e["pointer"]: (e["rule"], e["requirement"]) for e in verdict["errors"]}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"iss": "HTTPS://shop.example"}, {"/iss": ("pattern", "VRM-ID-002")}),
        ({"jti": "short"}, {"/jti": ("pattern", "VRM-ENV-017")}),
        ({"vrm": "2.0"}, {"/vrm": ("const", "VRM-ENV-012")}),
        ({"x": 1}, {"": ("additionalProperties", "VRM-ENV-020")}),
        ({"exp": NOW - 5}, {"": ("lifetime-too-long", "VRM-ENV-029")}),
        ({"ext": {"https://a.example/x": 1}}, {"": ("ext-not-allowed", "VRM-ENV-031")}),
        ({"type": "terms.unknown"}, {"": ("type-unknown", "VRM-ENV-034")}),
        ({"thid": keys.b64(bytes(32))}, {"": ("claim-missing", "VRM-ENV-016")}),
        ({"home": "http://localhost:8080"}, {}),
        ({}, {}),
    ],
    ids=str,
)
def test_claims_are_judged(change: dict[str, Any], fault: dict[str, tuple[str, str]]) -> None:
    assert faults(claims() | change) == fault


def test_all_faults_are_told_and_not_only_the_first() -> None:
    document = claims() | {
        "jti": "short",
        "body": claims()["body"] | {"place": "Mars", "answer_by": "soon", "no": 1},
    }
    del document["exp"]
    found = faults(document)
    assert {"", "/jti", "/body", "/body/place", "/body/answer_by"} <= found.keys()
    signed = run("validate", "--json", "-", stdin=envelope.seal(key("person"), document))
    assert {e["pointer"] for e in json.loads(signed.stdout)["errors"]} == found.keys()


def test_a_bare_body_needs_its_type() -> None:
    body = claims()["body"]
    assert faults(body, "--type", "terms.proffer") == {}
    assert faults(body, "--type", "terms.reject")[""][1] == "VRM-ENV-035"
    assert faults(body, "--type", "no.such")[""] == ("type-unknown", "VRM-ENV-034")
    assert faults(body)[""][1] == "VRM-ENV-015"


def test_a_body_says_itself_that_its_content_does_not_match() -> None:
    about = {"purpose": "https://w3id.org/dpv#CustomerOrderManagement", "fields": ["name"]}
    body = {"about": about, "content": {"clear": {"phone": "1"}}}
    assert faults(body, "--type", "disclosure.release")[""] == ("content-mismatch", "VRM-OFR-018")
    body["content"] = {"clear": {"name": "Anna"}}
    assert faults(body, "--type", "disclosure.release") == {}
    assert faults({"about": 1, "content": []}, "--type", "disclosure.release")["/about"][1] == "VRM-ENV-035"


@pytest.mark.parametrize(
    ("aud", "requirement"),
    [(f"{HOME}/v1/boards/a b", "VRM-ID-002"), ("HTTPS://shop.example", "VRM-ID-002"), (7, "VRM-ENV-017")],
    ids=str,
)
def test_an_addressee_that_is_neither_a_party_nor_a_board(aud: Any, requirement: str) -> None:
    """The requirement is the one that a home names."""
    intent = dict(envelope.peek(Intent().publish())[1])
    assert faults(intent) == {}
    assert faults(intent | {"aud": aud})["/aud"] == ("oneOf", requirement)
    wrong = envelope.seal(key("one-time key"), intent | {"aud": aud}).encode()
    with pytest.raises(ProtocolError) as refused:
        envelope.parse(SPEC, wrong, home=HOME)
    assert refused.value.rule == requirement


def test_time_and_home_are_judged_on_request() -> None:
    assert faults(claims(), "--now", "2027-01-15T10:00:00Z")[""] == ("expired", "VRM-ENV-027")
    assert faults(claims(), "--now", str(NOW)) == {}
    assert faults(claims(), "--home", "https://other.example")[""] == ("wrong-home", "VRM-ENV-021")


@pytest.mark.parametrize(
    ("data", "requirement"),
    [
        (b"abc", "VRM-ENV-002"),
        (b"a.b.c=", "VRM-ENV-003"),
        (b"e30.e30.e31", "VRM-ENV-004"),
        (b"e30.W10.e30", "VRM-ENV-006"),
        (b'{"a":1,"a":2}', "VRM-ENV-007"),
        (b"{broken", "VRM-ENV-006"),
        (b"\xff\xfe", "VRM-ENV-002"),
    ],
)
def test_what_is_no_token_is_told(data: bytes, requirement: str) -> None:
    result = run("validate", "--json", "-", stdin=data)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["errors"][0]["requirement"] == requirement


def test_signatures_are_judged() -> None:
    head, payload, signature = tokens()[0].split(".")
    wrong = f"{head}.{payload}.{'A' * len(signature)}"
    verdict = json.loads(run("validate", "--json", wrong).stdout)
    assert verdict["signature"] == "failed"
    assert [e["requirement"] for e in verdict["errors"]] == ["VRM-ENV-030"]


def test_receipts_and_requests_are_known() -> None:
    receipt = countered().messages[0][1]
    verdict = json.loads(run("validate", "--json", receipt).stdout)
    assert (verdict["what"], verdict["ok"], verdict["signature"]) == ("receipt", True, "not checked")
    bad = envelope.seal(key("home"), {"iss": HOME, "seq": 0}, envelope.RECEIPT)
    assert {e["rule"] for e in json.loads(run("validate", "--json", bad).stdout)["errors"]} >= {
        "required",
        "minimum",
    }


def test_every_shape_of_json_is_read() -> None:
    one = claims()
    shapes = {
        json.dumps(one): 1,
        json.dumps(one, indent=2): 1,
        json.dumps([one, one]): 2,
        json.dumps([one, one, one], indent=1): 3,
        f"{json.dumps(one)}\n\n{json.dumps(one)}\n": 2,
        f"{json.dumps(one)}\n{tokens()[0]}\n": 2,
        f"{{broken\n{json.dumps(one)}\n": 2,
        "": 0,
        "\n \n": 0,
    }
    for shape, count in shapes.items():
        assert len(list(inputs(io.BytesIO(shape.encode())))) == count, shape


def test_a_line_that_is_far_too_long_is_cut() -> None:
    found = list(inputs(io.BytesIO(b"a" * 9_000_000 + b"\nb\n")))
    assert [(text, place) for text, _, place in found][1:] == [(b"b", ":2")]
    assert len(found[0][0]) < 5_000_000


def test_the_two_ways_of_judging_agree() -> None:
    """The quick way says ok exactly where the thorough one finds nothing."""
    judge = Judge(SPEC)
    for token in tokens():
        verdict = judge.token(token.encode(), "")
        assert verdict.ok
        o = envelope.Opening(SPEC, token.encode(), HOME)
        judge._explain_token(verdict, o)
        assert verdict.ok, verdict.faults


# --- inspect -------------------------------------------------------------------------------------------


def test_inspect_tells_what_things_are(tmp_path: Path, record: Path) -> None:
    deed = agreed()
    path = tmp_path / "x.json"
    kinds: list[tuple[Any, str]] = [
        (deed.export(), "thread export"),
        (json.loads(discovery(SHOP, key("shop"))), "discovery document"),
        (claims(), "claims"),
        (json.loads(SPEC.roster.document), "roster"),
        (SPEC.problem(_problem()), "problem"),
        (purged().tombstones(), "thread export"),
        (_feed(), "feed of a board"),
        (views.feed(SPEC, f"{HOME}/v1/boards/intents", _feed()["items"]), "JSON-LD"),
    ]
    for document, what in kinds:
        path.write_bytes(text(document))
        result = run("inspect", "--json", path)
        assert (json.loads(result.stdout)["what"], result.exit_code) == (what, 0), result.output
        assert run("inspect", path).exit_code == 0
    assert json.loads(run("inspect", "--json", record).stdout)["report"]["ok"]
    assert (
        json.loads(run("inspect", "--json", deed.messages[0][0]).stdout)["claims"]["type"] == "terms.proffer"
    )
    assert json.loads(run("inspect", "--json", deed.messages[0][1]).stdout)["what"] == "receipt"
    assert json.loads(run("inspect", "--json", deed.checkpoint()).stdout)["what"] == "checkpoint"
    assert "terms.proffer" in run("inspect", "-", stdin=deed.messages[0][0]).output


def _feed() -> dict[str, Any]:
    intent = Intent()
    intent.publish()
    token, receipt = intent.messages[0]
    item = {"position": 1, "mid": intent.thid, "token": token, "receipt": receipt}
    return {"items": [item], "cursor": "x", "more": False}


def _problem() -> Any:
    return ProtocolError("state-conflict", "not now")


@pytest.fixture
def origin() -> Iterator[str]:
    """A tiny origin in a thread of its own; it serves what its own name asks for."""
    loop = asyncio.new_event_loop()
    state: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.Response:
        made = json.loads(discovery(state["origin"], key("home"), roles=["home"]))
        return web.json_response(made)

    async def start() -> None:
        application = web.Application()
        application.router.add_get("/.well-known/vrm-configuration", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        state["runner"] = runner
        state["origin"] = f"http://127.0.0.1:{runner.addresses[0][1]}"

    loop.run_until_complete(start())
    worker = threading.Thread(target=loop.run_forever)
    worker.start()
    yield state["origin"]
    asyncio.run_coroutine_threadsafe(state["runner"].cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    worker.join(10)
    loop.close()


def test_inspect_looks_at_a_home(origin: str) -> None:
    result = run("inspect", "--json", f"{origin}/v1/messages")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["what"], shown["ok"]) == ("home", True)
    assert shown["keys"] == [{"kid": key("home").public.kid, "alg": "Ed25519"}]
    other = run("inspect", "--json", origin.replace("127.0.0.1", "localhost"))
    assert other.exit_code == 1
    assert json.loads(other.stdout)["errors"][0]["pointer"] == "/issuer"


def test_a_home_out_of_reach_is_3() -> None:
    result = run("inspect", "http://127.0.0.1:9", "--timeout", "2")
    assert result.exit_code == 3
    assert "out of reach" in result.stderr


# --- keys ------------------------------------------------------------------------------------------------


def test_a_seed_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "seed"
    made = run("keys", "new", path, "--json")
    assert made.exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert run("keys", "new", path).exit_code == 2
    assert path.read_bytes() == before
    assert json.loads(made.stdout)["did"] == keys.derive(read_seed(path), "agent/0").did


@pytest.mark.parametrize("alg", keys.ALGS)
def test_keys_are_derived_and_shown(tmp_path: Path, alg: str) -> None:
    path = tmp_path / "seed"
    run("keys", "new", path)
    command = ("keys", "derive", "--seed", path, "--for", SHOP, "--alg", alg, "--json")
    shown = json.loads(run(*command).stdout)
    right = keys.derive(read_seed(path), f"pair/{SHOP}/0", alg)
    assert (shown["did"], shown["kid"], shown["jwk"]) == (right.did, right.public.kid, dict(right.public.jwk))
    assert "private" not in shown
    assert json.loads(run(*command, "--number", 1).stdout)["did"] != right.did
    secret = tmp_path / "private.json"
    secret.write_bytes(text(json.loads(run(*command, "--private").stdout)["private"]))
    for what in (right.did, secret):
        result = run("keys", "show", what, "--json")
        assert json.loads(result.stdout)["kid"] == right.public.kid
        assert right.jwk["d"] not in result.output
    assert (
        json.loads(run("keys", "show", path, "--for", SHOP, "--alg", alg, "--json").stdout)["did"]
        == right.did
    )


# --- spec check --------------------------------------------------------------------------------------------


def test_spec_check(tmp_path: Path) -> None:
    result = run("spec", "check", "--json", tmp_path)
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert not shown["ok"]
    assert {"code", "file", "message"} <= shown["findings"][0].keys()
    assert run("spec", "check", tmp_path).exit_code == 1
