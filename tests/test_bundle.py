from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.consenting import granted
from tests.deeds import HOME, SHOP, SPEC, Deed, agreed, agreement, countered, discovery, key, text
from tests.test_offer_records import Intent, Offer, chosen, made, purged
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


def published() -> Bundle:
    """An intent, with its thread as a vendor then read it."""
    intent = Intent()
    token = intent.publish()
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "receipt.jwt": intent.messages[0][1].encode(),
        "thread.json": text(intent.export(checkpoint=intent.checkpoint(reader=SHOP))),
    }
    return files, {"status": 202, "state": "open"}


def offered() -> Bundle:
    """An offer, with the record of the agreement that it makes."""
    offer = made()
    token, receipt = offer.messages[0]
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "receipt.jwt": receipt.encode(),
        "record.json": text(offer.record()),
        "thread.json": text(offer.export()),
    }
    return files, {"status": 202, "state": "offered"}


def introduced() -> Bundle:
    """An introduction between two checkpoints, with the record after it."""
    offer = chosen()
    before = offer.checkpoint()
    offer.introduce(key("pair key"))
    token, receipt = offer.messages[-1]
    files = {
        "home.json": home_json(),
        "before.jwt": before.encode(),
        "message.jwt": token.encode(),
        "receipt.jwt": receipt.encode(),
        "after.jwt": offer.checkpoint().encode(),
        "record.json": text(offer.record()),
    }
    return files, {"status": 202, "state": "confirmed"}


def attested() -> Bundle:
    """The last message of a vendor, and the tombstones that it read afterwards."""
    offer = purged()
    token, receipt = offer.messages[-1]
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "receipt.jwt": receipt.encode(),
        "thread.json": text(offer.tombstones()),
    }
    return files, {"status": 202, "state": "purged"}


def closed() -> Bundle:
    """An offer on an intent that was paused before, as two readings of the intent show."""
    offer = made()
    intent = offer.intent
    intent.first("intent.pause", {}, "paused")
    before = intent.checkpoint(reader=SHOP)
    again = Offer(intent=intent, salt="b", now=intent.now)
    token = again.make()
    intent.now += 5
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "before.jwt": before.encode(),
        "after.jwt": intent.checkpoint(reader=SHOP).encode(),
        "problem.json": problem("intent-not-open", "VRM-OFR-001"),
    }
    return files, {"refused": "intent-not-open"}


def unproven() -> Bundle:
    """An introduction with a proof for another thread."""
    offer = chosen()
    before = offer.checkpoint()
    now = offer.now
    offer.introduce(key("pair key"), thid=keys.b64(bytes(32)))
    token, _ = offer.messages.pop()
    offer.states.pop()
    offer.person, offer.now = key("one-time key"), now + 5
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "before.jwt": before.encode(),
        "after.jwt": offer.checkpoint().encode(),
        "problem.json": problem("proof-invalid"),
    }
    return files, {"refused": "proof-invalid", "status": 422}


def consented() -> Bundle:
    """The grant of a consent, with the record that she then read."""
    deed = granted()
    token, receipt = deed.messages[-1]
    files = {
        "home.json": home_json(),
        "message.jwt": token.encode(),
        "receipt.jwt": receipt.encode(),
        "record.json": text(deed.document()),
    }
    return files, {"status": 202, "state": "granted"}


BUNDLES: dict[str, Callable[[], Bundle]] = {
    "published": published,
    "offered": offered,
    "introduced": introduced,
    "attested": attested,
    "closed": closed,
    "unproven": unproven,
    "accepted": accepted,
    "again": again,
    "refused": refused,
    "forged": forged,
    "read": read,
    "consented": consented,
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
        if (name, path) in (("forged", "message.jwt"), ("closed", "message.jwt")):
            continue  # nobody signed it, or with a key that is not here
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


# --- what intents and offers are refused for -------------------------------------------------------------


def refusal(deed: Deed, token: str, code: str, rule: str = "", state: str = "") -> Bundle:
    """A refused message between two readings of its thread, or of the parent that it names."""
    before = deed.checkpoint(state)
    deed.now += 5
    files = {"home.json": home_json(), "message.jwt": token.encode(), "before.jwt": before.encode()}
    files |= {"after.jwt": deed.checkpoint(state).encode(), "problem.json": problem(code, rule)}
    return files, {"refused": code}


def said(deed: Deed, kind: str, body: Any, *, by_first: bool = True, **claims: Any) -> str:
    """A token of the next message, which is not stored."""
    if by_first:
        return deed.token(deed.person, deed.person.did, deed.second, kind, body, **claims)
    return deed.token(deed.shop, deed.second, deed.person.did, kind, body, **claims)


def accepting() -> tuple[Offer, dict[str, Any]]:
    offer = made()
    return offer, {"takes": offer.thid, "confirm_by": "2027-01-15T12:00:00Z"}


STORED = [
    ("offer.accept", "offer-stale"),
    ("offer.accept", "accepts-used-up"),
    ("offer.accept", "prev-stale"),
    ("offer.accept", "deadline-passed"),
]


@pytest.mark.parametrize(("kind", "code"), STORED)
def test_what_the_home_has_stored_is_trusted(tmp_path: Path, kind: str, code: str) -> None:
    offer, body = accepting()
    token = said(offer, kind, body, prev=keys.b64(bytes(32)) if code == "prev-stale" else offer.mids[-1])
    report = bundle.verify(written(tmp_path, refusal(offer, token, code)), SPEC)
    assert report.ok, report.failed
    assert any(code in t and "stored" in t for t in report.trusted)


def _undeserved(folder: Path, made_: Bundle) -> None:
    _fails(folder, made_, "the message deserves its refusal")


def test_no_row_of_the_type_asks_what_the_code_answers(tmp_path: Path) -> None:
    offer, body = accepting()
    for code in ("offer-limit", "fields-not-listed", "proof-invalid", "roster-unknown", "intent-not-open"):
        _undeserved(tmp_path, refusal(offer, said(offer, "offer.accept", body), code))


def test_a_state_that_takes_the_message_refuses_it_for_something_else(tmp_path: Path) -> None:
    offer, body = accepting()
    token = said(offer, "offer.accept", body)
    _undeserved(tmp_path, refusal(offer, token, "state-conflict"))
    _undeserved(tmp_path, refusal(offer, token, "prev-stale"))
    assert holds(written(tmp_path, refusal(offer, token, "state-conflict", state="declined")))
    assert holds(written(tmp_path, refusal(offer, token, "role-forbidden")))
    _undeserved(tmp_path, refusal(offer, token, "role-forbidden", state="declined"))


def test_a_proof_that_holds_is_not_refused(tmp_path: Path) -> None:
    offer = chosen()
    now = offer.now
    offer.introduce(key("pair key"))
    token, _ = offer.messages.pop()
    offer.states.pop()
    offer.person, offer.now = key("one-time key"), now
    _undeserved(tmp_path, refusal(offer, token, "proof-invalid"))


def test_an_intent_that_was_open_refuses_no_offer_for_that(tmp_path: Path) -> None:
    offer = made()
    token = Offer(intent=offer.intent, salt="b").make()
    _undeserved(tmp_path, refusal(offer.intent, token, "intent-not-open", "VRM-OFR-001"))
    filled = refusal(offer.intent, token, "intent-not-open", "VRM-OFR-002")
    assert holds(written(tmp_path, filled))
    other = Intent(salt="b")
    other.publish()
    _fails(
        tmp_path,
        refusal(other, token, "intent-not-open", "VRM-OFR-002"),
        "before.jwt is a checkpoint of this thread",
    )


def test_the_message_itself_tells_who_sends_it_and_in_which_currency(tmp_path: Path) -> None:
    intent = made().intent
    dollars = {"amount": "1.00", "currency": "USD"}
    token = Offer(intent=intent, salt="b").make()
    mixed = Offer(intent=intent, salt="b").make(total=dollars)
    person = Offer(intent=intent, salt="b", shop=key("trader"), second=key("trader").did).make()
    _undeserved(tmp_path, refusal(intent, token, "vendor-unverified"))
    assert holds(written(tmp_path, refusal(intent, person, "vendor-unverified")))
    _undeserved(tmp_path, refusal(intent, token, "currency-not-allowed", "VRM-OFR-009"))
    assert holds(written(tmp_path, refusal(intent, mixed, "currency-not-allowed", "VRM-OFR-009")))
    assert holds(written(tmp_path, refusal(intent, token, "currency-not-allowed", "VRM-OFR-008")))
    _undeserved(tmp_path, refusal(intent, Intent(salt="b").publish(), "person-required"))


def test_what_a_vendor_sends_is_judged_without_its_key(tmp_path: Path) -> None:
    offer = chosen()
    token = said(offer, "order.fulfil", {"odd": 1}, by_first=False)
    assert holds(written(tmp_path, refusal(offer, token, "body-invalid")))
    right = said(offer, "order.fulfil", {}, by_first=False)
    _undeserved(tmp_path, refusal(offer, right, "body-invalid"))
    report = bundle.verify(written(tmp_path, refusal(offer, right, "signature-invalid")), SPEC)
    assert report.ok, report.failed
    assert any("its key is not here" in t for t in report.trusted)


def test_content_that_does_not_match_is_seen_in_the_message(tmp_path: Path) -> None:
    offer = chosen()
    about = {"purpose": "https://w3id.org/dpv#CustomerOrderManagement", "fields": ["name"]}
    right = said(offer, "disclosure.release", {"about": about, "content": {"clear": {"name": "Anna"}}})
    wrong = said(offer, "disclosure.release", {"about": about, "content": {"clear": {"phone": "1"}}})
    assert holds(written(tmp_path, refusal(offer, wrong, "content-mismatch")))
    _undeserved(tmp_path, refusal(offer, right, "content-mismatch"))
    assert holds(written(tmp_path, refusal(offer, right, "fields-not-listed")))


def test_tombstones_are_judged_in_a_bundle_too(tmp_path: Path) -> None:
    files, expect = attested()
    document = json.loads(files["thread.json"])
    document["messages"][2]["type"] = "offer.withdraw"
    changed = files | {"thread.json": text(document)}
    assert not holds(written(tmp_path, (changed, expect)))
    lacking = made()
    strange = files | {"thread.json": text(lacking.export())}
    assert not holds(written(tmp_path, (strange, expect)))
