from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deeds import HOME, SHOP, SPEC, Deed, agreed, agreement, countered, discovery, key, text
from vrmproto import bundle, envelope, keys
from vrmproto.errors import ProtocolError
from vrmproto.roster import digest

Bundle = tuple[dict[str, bytes], dict[str, Any]]


def home_json() -> bytes:
    return discovery(HOME, key("home"), roles=["home"], operator="Example")


def problem(code: str, rule: str = "") -> bytes:
    return text(SPEC.problem(ProtocolError(code, "what was wrong and what would be right", rule=rule)))


def accepted() -> Bundle:
    """The acceptance of a proffer, with the record that the person then read."""
    deed = Deed()
    deed.proffer()
    before = deed.checkpoint()
    deed.accept()
    token, receipt = deed.messages[-1]
    files = {
        "home.json": home_json(),
        "before.jwt": before.encode(),
        "message.jwt": token.encode(),
        "receipt.jwt": receipt.encode(),
        "record.json": text(deed.record()),
        "thread.json": text(deed.export()),
    }
    return files, {"status": 202, "state": "agreed"}


def again() -> Bundle:
    """The same message sent once more."""
    files, _ = accepted()
    deed = agreed()
    deed = Deed()
    deed.proffer()
    deed.accept()
    kept = {n: files[n] for n in ("home.json", "message.jwt", "receipt.jwt")}
    return kept | {"before.jwt": deed.checkpoint().encode()}, {"status": 200, "state": "agreed"}


def refused() -> Bundle:
    """A second acceptance, which the state does not allow."""
    deed = Deed()
    deed.proffer("SD-BASE-DP", "SD-BASE")
    deed.accept()
    before = deed.checkpoint()
    body = {"accepts": deed.thid, "agreement": agreement("SD-BASE-DP").reference, "lang": "en", "place": "NL"}
    token = deed.token(deed.person, deed.person.did, SHOP, "terms.accept", body)
    deed.now += 5
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "before.jwt": before.encode(),
        "after.jwt": deed.checkpoint().encode(),
        "problem.json": problem("state-conflict"),
    }
    return files, {"refused": "state-conflict"}


def forged() -> Bundle:
    """A proffer that a stranger signed in the person's name."""
    deed = Deed()
    token = deed.proffer()
    head, payload, _ = token.split(".")
    wrong = keys.b64(key("thief").sign(f"{head}.{payload}".encode()))
    files = {
        "home.json": home_json(),
        "message.jwt": f"{head}.{payload}.{wrong}".encode(),
        "problem.json": problem("signature-invalid"),
    }
    return files, {"refused": "signature-invalid", "status": 401}


def read() -> Bundle:
    """A thread that the shop read, with its signed request."""
    deed = countered()
    claims = {"iss": SHOP, "aud": HOME, "htm": "GET", "htu": f"{HOME}/v1/threads/{deed.thid}"}
    request = envelope.seal(
        deed.shop,
        claims | {"iat": deed.now, "exp": deed.now + 60, "jti": "A" * 22},
        envelope.REQUEST,
    )
    files = {
        "home.json": home_json(),
        "request.jwt": request.encode(),
        "thread.json": text(deed.export() | {"checkpoint": deed.checkpoint(reader=SHOP)}),
        "checkpoint.jwt": deed.checkpoint(reader=SHOP).encode(),
    }
    return files, {"status": 200, "state": "agreed"}


BUNDLES: dict[str, Callable[[], Bundle]] = {
    "accepted": accepted,
    "again": again,
    "refused": refused,
    "forged": forged,
    "read": read,
}


def written(folder: Path, made: Bundle) -> Path:
    bundle.write(folder, *made)
    return folder


def holds(folder: Path) -> bool:
    return bundle.verify(folder, SPEC).ok


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_verifies(tmp_path: Path, name: str) -> None:
    report = bundle.verify(written(tmp_path, BUNDLES[name]()))
    assert report.ok, report.failed
    assert report.kind == "bundle"
    json.dumps(report.document())


def test_a_record_alone_is_a_bundle_and_the_key_of_the_home_is_then_trusted(tmp_path: Path) -> None:
    files, _ = accepted()
    report = bundle.verify(written(tmp_path, ({"record.json": files["record.json"]}, {"state": "agreed"})))
    assert report.ok, report.failed
    assert any(HOME in t for t in report.trusted)


def flip_each(folder: Path, path: Path, wanted: int) -> None:
    """Flip a bit at `wanted` places of a file, evenly spread, the first and the last among them."""
    data = path.read_bytes()
    places = {*range(0, len(data), max(1, len(data) // wanted)), len(data) - 1}
    assert len(places) >= min(wanted, len(data))
    for place in sorted(places):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert not holds(folder), (path.name, place, data[place : place + 10])
    path.write_bytes(data)


@pytest.mark.parametrize("path", [*sorted(accepted()[0]), bundle.INDEX])
def test_no_byte_can_be_flipped(tmp_path: Path, path: str) -> None:
    folder = written(tmp_path, accepted())
    flip_each(folder, folder / path, 200)
    assert holds(folder)


@pytest.mark.long
@pytest.mark.parametrize("name", BUNDLES)
def test_no_byte_at_all_can_be_flipped(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path, BUNDLES[name]())
    for path in sorted(folder.iterdir()):
        flip_each(folder, path, path.stat().st_size)
    assert holds(folder)


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("bit", [1, 2, 32])
def test_no_bit_of_what_is_claimed_can_be_flipped(tmp_path: Path, name: str, bit: int) -> None:
    folder = written(tmp_path, BUNDLES[name]())
    path = folder / bundle.INDEX
    data = path.read_bytes()
    for place in range(data.index(b'"expect"'), len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        assert not holds(folder), (place, data[place : place + 10])


CLAIMS = [(b"202", b"200"), (b"202", b"201"), (b"agreed", b"ended"), (b"agreed", b"")]


@pytest.mark.parametrize("change", CLAIMS)
def test_claims_need_to_be_shown(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    folder = written(tmp_path, accepted())
    index = folder / bundle.INDEX
    index.write_bytes(index.read_bytes().replace(*change))
    assert not holds(folder)


def test_a_repeat_cannot_be_called_the_first_time(tmp_path: Path) -> None:
    files, expect = again()
    assert not holds(written(tmp_path / "first", (files, expect | {"status": 202})))
    del files["before.jwt"]
    assert not holds(written(tmp_path / "unshown", (files, expect)))


@pytest.mark.parametrize("name", BUNDLES)
def test_sums_written_anew_do_not_hide_a_flip_in_a_token(tmp_path: Path, name: str) -> None:
    files, expect = BUNDLES[name]()
    for path in [n for n in files if n.endswith(".jwt")]:
        if (name, path) == ("forged", "message.jwt"):
            continue  # nobody signed it
        data = files[path]
        for place in range(0, len(data), max(1, len(data) // 60)):
            changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            report = bundle.verify(written(tmp_path, (files | {path: changed}, expect)), SPEC)
            assert not report.ok, (path, place)
            assert not any("sum" in c.name for c in report.failed)
    assert holds(written(tmp_path, (files, expect)))


@pytest.mark.parametrize("path", ["record.json", "thread.json"])
def test_sums_written_anew_do_not_hide_a_flip_in_a_document(tmp_path: Path, path: str) -> None:
    """Names of optional members are unsigned extras: without them less is shown, and the report says so."""
    files, expect = accepted()
    data = files[path]
    extras = []
    if path == "record.json":
        optional = data.index(b'"checkpoint"')
        extras = [(data.index(b'"document"'), data.index(b'"manifest"')), (optional, optional + 12)]
    for place in range(0, len(data), len(data) // 150):
        if any(start <= place < end for start, end in extras):
            continue
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert not holds(written(tmp_path, (files | {path: changed}, expect))), data[place - 20 : place + 20]


def test_files_are_all_and_only_those_listed(tmp_path: Path) -> None:
    folder = written(tmp_path, accepted())
    (folder / "notes.txt").write_text("hello")
    assert not holds(folder)
    (folder / "notes.txt").unlink()
    assert holds(folder)
    (folder / "receipt.jwt").unlink()
    assert not holds(folder)


def test_a_bundle_of_nothing_fails(tmp_path: Path) -> None:
    assert not holds(written(tmp_path, ({}, {})))


INDEXES = [b"", b"{}", b'{"files":[],"expect":{}}', b'{"files":{},"expect":{}}\n', b"\xff"]


@pytest.mark.parametrize("index", INDEXES)
def test_an_odd_index_fails(tmp_path: Path, index: bytes) -> None:
    (tmp_path / bundle.INDEX).write_bytes(index)
    assert not holds(tmp_path)


def test_a_file_beside_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = written(tmp_path / "b", accepted())
    data = (folder / "receipt.jwt").read_bytes()
    (tmp_path / "elsewhere").write_bytes(data)
    (folder / "receipt.jwt").unlink()
    (folder / "receipt.jwt").symlink_to(tmp_path / "elsewhere")
    assert not holds(folder)


def test_writing_again_leaves_nothing_behind(tmp_path: Path) -> None:
    written(tmp_path, accepted())
    assert holds(written(tmp_path, refused()))


@pytest.mark.parametrize(("files", "expect"), [({"x.jwt": b""}, {}), ({}, {"colour": "red"})])
def test_what_cannot_be_verified_is_not_written(tmp_path: Path, files: Any, expect: Any) -> None:
    with pytest.raises(ValueError, match="a bundle has no"):
        bundle.write(tmp_path, files, expect)


def _fails(folder: Path, made: Bundle, name: str) -> None:
    report = bundle.verify(written(folder, made), SPEC)
    assert not report.ok
    assert name in {c.name for c in report.failed}, report.failed


def test_what_does_not_belong_together_fails(tmp_path: Path) -> None:
    files, expect = accepted()
    other = Deed(salt="b")
    other.proffer()
    other.accept()
    strange = files | {"receipt.jwt": other.messages[-1][1].encode()}
    _fails(tmp_path, (strange, expect), "the message: the receipt names the message")
    strange = files | {"record.json": text(other.record())}
    _fails(tmp_path, (strange, expect), "record.json is of this thread")
    strange = files | {"home.json": discovery(HOME, key("another"))}
    _fails(tmp_path, (strange, expect), "receipt.jwt verifies")
    strange = files | {"home.json": discovery("https://other.example", key("home"))}
    _fails(tmp_path, (strange, expect), "receipt.jwt verifies")
    strange = files | {"before.jwt": other.checkpoint().encode()}
    _fails(tmp_path, (strange, expect), "before.jwt fits the status")
    without = {n: d for n, d in files.items() if n != "receipt.jwt"}
    _fails(tmp_path, (without, {"state": "agreed"}), "the receipt is here")


def test_a_refusal_needs_its_problem_and_an_unchanged_thread(tmp_path: Path) -> None:
    files, expect = refused()
    strange = files | {"problem.json": problem("role-forbidden")}
    _fails(tmp_path, (strange, expect), "the refusal is the one claimed")
    without = {n: d for n, d in files.items() if n != "problem.json"}
    _fails(tmp_path, (without, expect), "the refusal is here")
    deed = Deed()
    deed.proffer("SD-BASE-DP", "SD-BASE")
    deed.accept()
    deed.first("agreement.terminate", {}, "terminated")
    _fails(tmp_path, (files | {"after.jwt": deed.checkpoint().encode()}, expect), "nothing was stored")
    stored = files | {"message.jwt": deed.messages[-1][0].encode()}
    stored |= {"after.jwt": deed.checkpoint().encode(), "before.jwt": deed.checkpoint().encode()}
    _fails(tmp_path, (stored, expect), "the refused message was not stored")


def test_a_message_must_deserve_its_refusal(tmp_path: Path) -> None:
    files, _ = refused()
    made = {"home.json": files["home.json"], "message.jwt": files["message.jwt"]}
    innocent = made | {"problem.json": problem("body-invalid")}
    _fails(tmp_path, (innocent, {"refused": "body-invalid"}), "the message deserves its refusal")
    files, _ = forged()
    late = files | {"problem.json": problem("state-conflict")}
    _fails(tmp_path, (late, {"refused": "state-conflict"}), "the message deserves its refusal")
    early = files | {"problem.json": problem("addressee-unknown")}
    assert holds(written(tmp_path, (early, {"refused": "addressee-unknown"})))


def test_a_problem_is_one_of_the_list(tmp_path: Path) -> None:
    files, expect = refused()
    for change in ({"status": 400}, {"code": "odd"}, {"type": "about:blank"}, {"requirement": "VRM-X-001"}):
        changed = json.loads(files["problem.json"]) | change
        assert not holds(written(tmp_path, (files | {"problem.json": text(changed)}, expect)))


def test_the_sum_is_the_one_of_the_roster(tmp_path: Path) -> None:
    files, expect = forged()
    sums = json.loads((written(tmp_path, (files, expect)) / bundle.INDEX).read_bytes())["files"]
    assert sums == {name: digest(data) for name, data in files.items()}
