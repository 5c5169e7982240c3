"""``vrmproto customer`` and ``vrmproto vendor`` as their users run them, at a home."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.serving import ROOT, serving
from vrmproto.cli import app as cli

RULES = """
[policy]
accepts = ["SD-BASE-DP"]
place = "NL"

[[offers]]
category = "unspsc:25101503"
region = "NL"
item = "Toyota Yaris 1.5, 2021"
price = "12450.00"
revise_to = "11990.00"
confirm = true
answers = { winter = "Yes, mounted." }
"""
WANTED = """
terms = "PDC-INTENT"
where = "NL-NH"
currencies = ["EUR"]
disclose = ["name", "phone"]
purge_within = "PT5S"

[need]
title = "Toyota Yaris, petrol, five doors"
categories = ["unspsc:25101503:Automobiles or cars"]
conditions = ["First registered after 2019", "should: Winter tyres"]
"""


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli.build(), [str(a) for a in arguments])


class Anna:
    """A person at the command line; every answer is JSON."""

    def __init__(self, folder: Path, home: str) -> None:
        self.folder, self.home = folder, home

    def plain(self, verb: str, *arguments: object) -> Any:
        return run("customer", verb, *arguments, "--folder", self.folder, "--home", self.home, "--dev")

    def does(self, verb: str, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
        result = self.plain(verb, *arguments, "--json")
        assert result.exit_code == code, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def until(self, what: str, *arguments: object) -> dict[str, Any]:
        """The one offer, once it is in a state."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = self.does("offers", *arguments)
            if found and found[0]["state"] == what:
                return found[0]
            time.sleep(0.2)
        raise AssertionError(f"no offer is {what}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(["--dev", "--data", "home"], tmp_path_factory.mktemp("home")) as url:
        yield url


@contextlib.contextmanager
def vendor(folder: Path, home: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    config = folder / "garage.toml"
    if not config.exists():
        config.write_text(f'home = "{home}"\ndev = true\n{RULES}')
    words = [sys.executable, "-m", "vrmproto.cli", "vendor", "--config", str(config), "--json", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def some(process: subprocess.Popen[str], most: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(most)]


def lines(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout]


def test_a_car_is_bought_at_the_command_line(home: str, tmp_path: Path) -> None:
    (tmp_path / "yaris.toml").write_text(WANTED)
    anna = Anna(tmp_path / "anna", home)
    with vendor(tmp_path, home) as garage:
        assert garage.stdout is not None
        ready = json.loads(garage.stdout.readline())
        assert ready["event"] == "ready"
        (sent,) = anna.does("publish", "--file", tmp_path / "yaris.toml")
        assert (sent["status"], sent["state"]) == (202, "open")
        offer = anna.until("offered")
        assert (offer["vendor"], offer["domain_verified"]) == (ready["origin"], True)
        assert offer["total"] == {"amount": "12450.00", "currency": "EUR"}
        short = offer["offer"][:8]
        table = anna.plain("offers").stdout
        assert "Toyota Yaris, petrol, five doors: open until " in table
        assert short in table
        anna.does("say", short, "Does it have winter tyres?")
        deadline = time.monotonic() + 30
        while anna.does("offers")[0]["total"]["amount"] != "11990.00":
            assert time.monotonic() < deadline
        shown = anna.plain("show", short).stdout
        assert "“Yes, mounted.”" in shown
        assert "EUR 11990.00" in shown
        (taken,) = anna.does("accept", short)
        assert taken["state"] == "accepted"
        anna.until("confirmed")
        refused = anna.plain("release", short, "email=anna@example.org")
        assert refused.exit_code == 2
        assert "does not list email" in refused.output
        anna.does("release", short, "name=Anna Jansen", "phone=+31 20 555 0101")
        anna.does("introduce", short)
        assert anna.does("record", short)[0]["ok"]
        anna.does("close", offer["intent"][:8], "--outcome", "fulfilled")
        anna.does("cancel", short, "--reason", "it was another car")
        deadline = time.monotonic() + 30
        while anna.does("show", short)[0]["state"] != "purged":
            assert time.monotonic() < deadline
        garage.send_signal(signal.SIGINT)
        said = lines(garage)
        assert garage.wait(20) == 0
    sent_types = [line["type"] for line in said if line["event"] == "sent"]
    assert sent_types == ["offer.make", "offer.message", "offer.revise", "offer.confirm", "purge.attest"]
    received = [line["type"] for line in said if line["event"] == "received"]
    assert received == [
        "offer.message",
        "offer.accept",
        "disclosure.release",
        "agent.introduce",
        "intent.close",
        "offer.cancel",
    ]
    assert not list((tmp_path / "garage" / "evidence").iterdir())


def test_a_question_without_a_rule_is_left_to_a_person_and_a_restart_repeats_nothing(
    home: str, tmp_path: Path
) -> None:
    (tmp_path / "yaris.toml").write_text(WANTED)
    anna = Anna(tmp_path / "anna", home)
    anna.does("publish", "--file", tmp_path / "yaris.toml")
    with vendor(tmp_path, home) as garage:
        assert [line["event"] for line in some(garage, 2)] == ["ready", "sent"]
        short = anna.until("offered")["offer"][:8]
    assert garage.wait(20) == -signal.SIGKILL
    anna.does("say", short, "Has it a tow bar?")
    with vendor(tmp_path, home) as garage:
        events = [line["event"] for line in some(garage, 4)]
        garage.send_signal(signal.SIGINT)
        assert events == ["ready", "received", "unanswered", "sent"]  # asked, so the price is the lower one
        assert lines(garage) == []
    with vendor(tmp_path, home, "--once") as garage:
        assert [line["event"] for line in lines(garage)] == ["ready"]


def test_everything_about_an_intent(home: str, tmp_path: Path) -> None:
    anna = Anna(tmp_path / "anna", home)
    flags = ["--title", "A sofa", "--category", "unspsc:56101502", "--near", "52.4,4.9,50"]
    flags += ["--budget", "900 EUR", "--condition", "should: blue", "--until", "P2D", "--accepts", "2"]
    (sent,) = anna.does("publish", *flags, "--disclose", "iban=BankAccount", "--unverified")
    intent = sent["thid"][:8]
    (shown,) = anna.does("show", intent)
    body = shown["messages"][0]["body"]
    assert body["where"] == {"lat": "52.4", "lon": "4.9", "radius_km": 50}
    assert body["budget"] == {"max": {"amount": "900.00", "currency": "EUR"}}
    assert body["need"]["conditions"] == [{"text": "blue", "weight": "should"}]
    assert body["offer_rules"] == {"offers": 20, "per_vendor": 2, "accepts": 2, "unverified": True}
    assert body["disclose"][0]["category"] == "https://w3id.org/dpv/pd#BankAccount"
    anna.does("amend", intent, "--title", "A sofa or a bench", "--budget", "950 EUR")
    (shown,) = anna.does("show", intent)
    assert shown["messages"][1]["body"]["need"]["title"] == "A sofa or a bench"
    assert shown["messages"][1]["body"]["need"]["conditions"] == [{"text": "blue", "weight": "should"}]
    assert [anna.does(verb, intent)[0]["state"] for verb in ("pause", "resume", "withdraw")] == [
        "paused",
        "open",
        "withdrawn",
    ]
    assert anna.does("pause", intent, code=1)[0]["problem"]["code"] == "state-conflict"
    assert "no offers yet" in anna.plain("offers").stdout
    assert anna.does("watch", "--for", "1") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish"], "an intent has a title and a category"),
        (["publish", "--title", "x", "--category", "cars"], "cars: is no category, such as unspsc:25101503"),
        (["publish", "--title", "x", "--category", "a:1", "--budget", "much"], "is no amount"),
        (["publish", "--title", "x", "--category", "a:1", "--near", "52"], "LAT,LON,KM"),
        (["publish", "--title", "x", "--category", "a:1", "--disclose", "iban"], "iban=CATEGORY"),
        (["publish", "--title", "+31 20 555 0101", "--category", "a:1"], "--identifying publishes it"),
        (["amend", "abcd"], "name what is to change"),
        (["show", "abc"], "at least 4 letters of an id"),
        (["accept", "abcdef"], "no offer here begins so"),
        (["release", "abcdef", "name"], "each field is FIELD=VALUE"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], said: str, home: str, tmp_path: Path) -> None:
    result = Anna(tmp_path / "anna", home).plain(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_the_home_is_remembered_and_otherwise_asked_for(home: str, tmp_path: Path) -> None:
    result = run("customer", "offers", "--folder", tmp_path / "anna", "--dev")
    assert result.exit_code == 2
    assert "name the home with --home" in result.output
    anna = Anna(tmp_path / "anna", home)
    anna.does("publish", "--title", "x", "--category", "unspsc:1")
    assert run("customer", "offers", "--folder", tmp_path / "anna", "--dev").exit_code == 0


def test_a_home_out_of_reach(tmp_path: Path) -> None:
    result = Anna(tmp_path / "anna", "http://127.0.0.1:1").plain(
        "publish", "--title", "x", "--category", "unspsc:1"
    )
    assert result.exit_code == 3
    assert "out of reach" in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a =", "is no TOML"),
        ("colour = 1", "has no colour; it may have home, folder"),
        ("port = 1", "names no home"),
        ('home = "http://127.0.0.1:1"\nport = "x"', "port is to be a number"),
        ('home = "http://127.0.0.1:1"\n[policy]\naccepts = ["X"]', "X is no agreement of the roster"),
        ('home = "http://127.0.0.1:1"\n[[offers]]\nitem = "x"', "has an item and a price, or a command"),
        ('home = "http://127.0.0.1:1"', "http is taken with --dev only"),
    ],
)
def test_what_is_wrong_with_a_vendors_file_is_said(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "v.toml").write_text(text)
    result = run("vendor", "--config", tmp_path / "v.toml")
    assert result.exit_code == 2
    assert said in result.output


def test_a_file_may_be_json_and_names_no_other_members(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text('{"need": {}, "colour": "red"}')
    result = run("customer", "publish", "--file", tmp_path / "i.json", "--folder", tmp_path / "a")
    assert result.exit_code == 2
    assert "an intent has no colour; it has need, terms" in result.output
