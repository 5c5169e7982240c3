"""``vrmproto export``: what an agent holds, taken away and verified by whoever gets it."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.serving import serving
from vrmproto import envelope, portable, strictjson
from vrmproto import spec as specs
from vrmproto.agents import CustomerAgent, VendorAgent
from vrmproto.cli import app as cli
from vrmproto.roster import digest

SPEC = specs.load()
NEED = {"title": "Toyota Yaris", "categories": [{"scheme": "unspsc", "code": "25101503"}]}
PRICE = {"amount": "12450.00", "currency": "EUR"}
ITEM = {"title": "Toyota Yaris, 2021", "quantity": {"value": "1"}, "price": PRICE}


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli.build(), [str(a) for a in arguments])


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the agents of a person and of two vendors; one of these has purged its offer."""
    place = tmp_path_factory.mktemp("lived")
    with (
        serving(["--dev", "--data", "home"], place) as home,
        VendorAgent.sync(place / "shop", home, dev=True, policy={"accepts": ["SD-BASE-DP"]}) as shop,
        VendorAgent.sync(place / "other", home, dev=True) as other,
        CustomerAgent.sync(place / "anna", home, dev=True) as anna,
    ):
        for vendor in (shop, other):
            vendor.serve()
            vendor.announce()
        intent = anna.publish(NEED).thid
        chosen, declined = (vendor.offer(intent, [ITEM], PRICE).thid for vendor in (shop, other))
        anna.poll()
        anna.decline_offer(declined, "too far away")
        anna.say(chosen, "Does it have winter tyres?")
        anna.accept_offer(chosen)
        other.purge(declined)
        shop.poll()
        shop.confirm(chosen)
        anna.poll()
        anna.introduce(chosen)
        terms = anna.proffer(shop.signer_for("").iss, "SD-BASE-DP").thid
        shop.answer_all()
        anna.poll()
        for thid in (chosen, terms):
            assert anna.record(thid).ok
            assert shop.record(thid).ok
    return place


@pytest.mark.parametrize(("name", "threads", "records"), [("anna", 4, 2), ("shop", 3, 2), ("other", 2, 0)])
@pytest.mark.parametrize("target", ["out", "out.zip"])
def test_an_export_verifies(
    name: str, threads: int, records: int, target: str, lived: Path, tmp_path: Path
) -> None:
    made = run("export", lived / name, tmp_path / target, "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["threads"], told["records"], told["seed"]) == (threads, records, False)
    files = portable.read(tmp_path / target)
    assert "seed" not in files
    seed = (lived / name / "seed").read_bytes().strip()
    assert not any(seed in data for data in files.values())
    checked = run("verify", tmp_path / target, "--json")
    assert checked.exit_code == 0, checked.output
    facts = json.loads(checked.stdout)["facts"]
    assert (facts["threads"], facts["records"]) == (threads, records)
    assert run("verify", tmp_path / target).stdout.startswith(f"{tmp_path / target}: export holds")


def test_the_readme_names_every_thread(lived: Path, tmp_path: Path) -> None:
    run("export", lived / "anna", tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    threads = sorted(p.name for p in (tmp_path / "out" / "threads").iterdir())
    assert len(threads) == 4
    assert all(f"(threads/{name})" in text for name in threads)
    for state in ("confirmed", "purged", "agreed"):
        assert f"| {state} |" in text
    assert text.count("[record](records/") == 2


def test_a_record_of_an_export_verifies_alone(lived: Path, tmp_path: Path) -> None:
    run("export", lived / "anna", tmp_path / "out")
    kept = sorted((tmp_path / "out" / "records").iterdir())
    assert len(kept) == 2
    assert run("verify", *kept).exit_code == 0


def test_what_a_purge_has_erased_is_not_in_it(lived: Path, tmp_path: Path) -> None:
    run("export", lived / "other", tmp_path / "out")
    shown = [json.loads(p.read_text()) for p in (tmp_path / "out" / "threads").iterdir()]
    items = [item for document in shown for item in document["messages"]]
    assert [item["type"] for item in items if "token" not in item] == ["offer.decline"]
    whole = [envelope.peek(item["token"])[1]["type"] for item in items if "token" in item]
    assert sorted(whole) == ["intent.publish", "offer.make", "purge.attest"]


def test_any_flipped_byte_is_found(lived: Path, tmp_path: Path) -> None:
    run("export", lived / "anna", tmp_path / "out")
    chosen = random.Random(11)
    for name in sorted(portable.read(tmp_path / "out")):
        path = tmp_path / "out" / name
        data = path.read_bytes()
        changed = bytearray(data)
        changed[chosen.randrange(len(data))] ^= 1 << chosen.randrange(7)
        path.write_bytes(changed)
        assert not portable.verify(SPEC, tmp_path / "out").ok, name
        path.write_bytes(data)
    assert portable.verify(SPEC, tmp_path / "out").ok


def resealed(folder: Path, name: str, data: bytes | None) -> None:
    """Change a file, or take it away, and write the sums anew: as somebody who wants to deceive does."""
    index = json.loads((folder / "export.json").read_text())
    if data is None:
        (folder / name).unlink()
        del index["files"][name]
    else:
        (folder / name).write_bytes(data)
        index["files"][name] = digest(data)
    (folder / "export.json").write_bytes(strictjson.dumps(index))


@pytest.mark.parametrize("part", ["threads", "records", "homes"])
def test_sums_alone_prove_nothing(part: str, lived: Path, tmp_path: Path) -> None:
    run("export", lived / "anna", tmp_path / "out")
    chosen = random.Random(5)
    for path in sorted((tmp_path / "out" / part).iterdir()):
        data = path.read_bytes()
        key = b'"receipt":"' if part != "homes" else b'"x":"'
        place = data.rindex(key) + len(key) + (200 if part != "homes" else chosen.randrange(4))
        other = b"A" if data[place : place + 1] != b"A" else b"B"
        resealed(tmp_path / "out", f"{part}/{path.name}", data[:place] + other + data[place + 1 :])
        result = run("verify", tmp_path / "out")
        assert result.exit_code == 1, path.name
        assert "DOES NOT HOLD" in result.output
        resealed(tmp_path / "out", f"{part}/{path.name}", data)
    assert run("verify", tmp_path / "out").exit_code == 0


def test_a_message_left_out_or_moved_to_another_thread_is_found(lived: Path, tmp_path: Path) -> None:
    run("export", lived / "anna", tmp_path / "out")
    folder = tmp_path / "out" / "threads"
    names = sorted(p.name for p in folder.iterdir())
    documents = {name: json.loads((folder / name).read_text()) for name in names}
    longest = max(names, key=lambda name: len(documents[name]["messages"]))
    changes: tuple[list[Any], ...] = (
        documents[longest]["messages"][1:],
        documents[longest]["messages"][:1] + documents[longest]["messages"][2:],
        documents[longest]["messages"][::-1],
        [],
        documents[next(n for n in names if n != longest)]["messages"],
    )
    for messages in changes:
        changed = {**documents[longest], "messages": messages}
        resealed(tmp_path / "out", f"threads/{longest}", strictjson.dumps(changed))
        assert not portable.verify(SPEC, tmp_path / "out").ok
    for broken in (
        b"[]",
        b"{}",
        b"x",
        strictjson.dumps({**documents[longest], "home": "https://other.example"}),
    ):
        resealed(tmp_path / "out", f"threads/{longest}", broken)
        assert not portable.verify(SPEC, tmp_path / "out").ok
    resealed(tmp_path / "out", "homes/1-1.json", None)
    assert not portable.verify(SPEC, tmp_path / "out").ok


def test_the_seed_goes_along_only_when_asked_for(lived: Path, tmp_path: Path) -> None:
    made = run("export", lived / "anna", tmp_path / "out", "--with-seed")
    assert made.exit_code == 0
    assert "whoever reads it can act for this agent" in made.output
    assert (tmp_path / "out" / "seed").read_bytes() == (lived / "anna" / "seed").read_bytes()
    assert (tmp_path / "out" / "seed").stat().st_mode & 0o077 == 0
    assert run("verify", tmp_path / "out").exit_code == 0


def test_what_cannot_be_exported_is_said(lived: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_text("")
    for source, target, said in (
        (tmp_path / "nobody", tmp_path / "out", "is no agent's folder"),
        (lived / "anna", tmp_path / "there", "is there already"),
        (lived / "anna", lived / "anna" / "out", "lies in the agent's own folder"),
    ):
        result = run("export", source, target)
        assert result.exit_code == 2
        assert said in result.output
    assert not (tmp_path / "nobody").exists()
    shutil.copytree(lived / "anna", tmp_path / "damaged")
    path = next((tmp_path / "damaged" / "threads").iterdir())
    path.write_bytes(path.read_bytes().replace(b'"token":"eyJ', b'"token":"eyK', 1))
    result = run("export", tmp_path / "damaged", tmp_path / "out")
    assert result.exit_code == 1
    assert "does not verify" in result.output
    assert not (tmp_path / "out").exists()


def test_what_is_no_export_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    result = run("verify", tmp_path / "a.zip")
    assert result.exit_code == 2
    assert "is no zip file" in result.output
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("hello", "there")
    result = run("verify", tmp_path / "b.zip")
    assert result.exit_code == 1
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "export.json").write_text('{"files": {}, "homes": {"x": "y"}, "identifiers": [1, {}]}')
    assert run("verify", tmp_path / "c").exit_code == 1


def test_an_empty_agent_has_little_to_export(tmp_path: Path) -> None:
    with CustomerAgent.sync(tmp_path / "anna", "http://127.0.0.1:1", dev=True):
        pass
    assert run("export", tmp_path / "anna", tmp_path / "out").exit_code == 0
    assert run("verify", tmp_path / "out").exit_code == 0
