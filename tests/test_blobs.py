"""Blobs over HTTP: who may put what, who may read it and for how long, and how it is served."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests import forge
from tests.scenarios.market import Market, Thread, market
from tests.world import SPEC, Party, Reply
from vrmproto.storage.base import Store
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

PICTURE = b"\x89PNG\r\n\x1a\n a red bicycle"
NOWHERE = "A" * 43
OCTETS = "application/octet-stream"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A new store; the home that gets it closes it."""
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "home.db")


def url(m: Market, digest: str) -> str:
    return f"{m.world.origin}/v1/blobs/{digest}"


async def put(by: Party, data: bytes, digest: str = "", media: str = OCTETS, **headers: str) -> Reply:
    path = f"/v1/blobs/{digest or forge.digest(data)}"
    token = by.request("PUT", path)
    sent = {"Authorization": f"VRM {token}", "Content-Type": media, **headers}
    return await by.world.send("PUT", path, data, **sent)


async def fetch(by: Party, digest: str = "", data: bytes = PICTURE) -> Reply:
    return await by.read(f"/v1/blobs/{digest or forge.digest(data)}")


def reference(m: Market, data: bytes = PICTURE, **members: Any) -> dict[str, Any]:
    digest = forge.digest(data)
    return {"url": url(m, digest), "sha256": digest, "size": len(data), "media_type": "image/png", **members}


async def told(m: Market, person: Party, data: bytes = PICTURE) -> Thread:
    """An intent of hers with a picture, which she puts first."""
    assert (await put(person, data)).status == 201
    return await m.opened(person, need=m.need(media=[reference(m, data)]))


async def offered(m: Market, intent: Thread, vendor: Party, data: bytes = PICTURE) -> Thread:
    """An offer with a paper, which the vendor puts first."""
    assert (await put(vendor, data)).status == 201
    return await m.offered(intent, vendor, media=[reference(m, data)])


def refused(reply: Reply, code: str, rule: str = "") -> None:
    assert reply.code == code, (reply.status, reply.document)
    assert SPEC.faults("documents/problem.json", reply.document) == []
    assert not rule or reply.document["requirement"] == rule


async def hidden(reader: Party, digest: str = "") -> None:
    """It is answered as what does not exist, byte for byte (VRM-HOM-018)."""
    reply, nothing = await fetch(reader, digest), await fetch(reader, NOWHERE)
    refused(reply, "not-found")
    assert (reply.status, reply.body) == (nothing.status, nothing.body) == (404, nothing.body)


# --- putting ---------------------------------------------------------------------------------------


async def test_what_is_put_is_told_and_given_back(store: Store) -> None:
    async with market(store) as m:
        anna = m.world.person()
        reply = await put(anna, PICTURE)
        assert reply.status == 201
        assert SPEC.faults("documents/blob.json", reply.document) == []
        digest = forge.digest(PICTURE)
        assert reply.document == {"url": url(m, digest), "sha256": digest, "size": len(PICTURE)}
        assert (await fetch(anna)).body == PICTURE
        again = await put(anna, PICTURE)
        assert (again.status, again.body) == (reply.status, reply.body)


async def test_another_spelling_of_the_path_gives_the_one_url() -> None:
    """The URL told is the one that a message may name, however the path was written."""
    async with market() as m:
        anna, digest = m.world.person(), forge.digest(PICTURE)
        path = f"/v1/blobs/%{ord(digest[0]):02x}{digest[1:]}"
        token = anna.request("PUT", path)
        port = int(m.world.origin.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: VRM {token}\r\nContent-Type: {OCTETS}\r\n"
        writer.write(f"{head}Content-Length: {len(PICTURE)}\r\nConnection: close\r\n\r\n".encode() + PICTURE)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 201")
        assert url(m, digest).encode() in answer


async def test_bytes_of_another_digest_are_refused(store: Store) -> None:
    """VRM-BLB-001."""
    async with market(store) as m:
        anna = m.world.person()
        other = forge.digest(b"other")
        for wrong in (other, NOWHERE, "x", forge.digest(PICTURE) + "="):
            refused(await put(anna, PICTURE, wrong), "blob-mismatch", "VRM-BLB-001")
        for digest in (other, forge.digest(PICTURE)):
            await hidden(anna, digest)
        assert m.world.home.store.blob(other) is None


async def test_a_blob_at_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    """VRM-BLB-002; discovery tells the limit."""
    async with market(blob=1000) as m:
        anna = m.world.person()
        found = await m.world.get("/.well-known/vrm-configuration")
        assert found.document["limits"]["blob"] == 1000
        assert (await put(anna, b"a" * 1000)).status == 201
        refused(await put(anna, b"a" * 1001), "too-large", "VRM-BLB-002")

        async def chunks() -> Any:
            for _ in range(1001):
                yield b"a"

        path = f"/v1/blobs/{forge.digest(b'a' * 1001)}"
        headers = {"Authorization": f"VRM {anna.request('PUT', path)}", "Content-Type": OCTETS}
        sent = m.world.http.put(m.world.origin + path, data=chunks(), headers=headers)
        async with sent as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (413, "too-large")


async def test_a_blob_beyond_the_size_of_a_token_is_taken() -> None:
    async with market() as m:
        anna, data = m.world.person(), bytes(range(256)) * 4096
        assert (await put(anna, data)).status == 201
        assert (await fetch(anna, data=data)).body == data


async def test_what_is_no_upload() -> None:
    async with market() as m:
        anna = m.world.person()
        path = f"/v1/blobs/{forge.digest(PICTURE)}"
        refused(await m.world.send("PUT", path, PICTURE, **{"Content-Type": OCTETS}), "request-invalid")
        for method in ("GET", "POST"):
            headers = {"Authorization": f"VRM {anna.request(method, path)}", "Content-Type": OCTETS}
            refused(await m.world.send("PUT", path, PICTURE, **headers), "request-invalid")
        for media in ("image/png", "application/jwt", "text/html"):
            refused(await put(anna, PICTURE, media=media), "media-type")
        for coding in ("gzip", "identity"):
            refused(await put(anna, PICTURE, **{"Content-Encoding": coding}), "media-type")
        refused(await put(anna, b""), "request-invalid")
        assert (await put(anna, PICTURE, media="Application/Octet-Stream; x=y")).status == 201


async def test_a_dripped_blob_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrmproto.server.http.BODY_SECONDS", 0.3)
    async with market() as m:
        anna = m.world.person()

        async def drops() -> Any:
            for _ in range(20):
                yield b"a"
                await asyncio.sleep(0.05)

        path = f"/v1/blobs/{forge.digest(b'a' * 20)}"
        headers = {"Authorization": f"VRM {anna.request('PUT', path)}", "Content-Type": OCTETS}
        async with m.world.http.put(m.world.origin + path, data=drops(), headers=headers) as answer:
            assert answer.status == 408


async def test_blobs_of_one_uploader_are_bounded(store: Store) -> None:
    """VRM-BLB-008."""
    async with market(store, loose_blobs=3) as m:
        anna, bert = m.world.person(), m.world.person()
        for number in range(3):
            assert (await put(anna, b"%d" % number)).status == 201
        over = await put(anna, b"4")
        refused(over, "rate-limited", "VRM-BLB-008")
        assert over.status == 429
        assert "Retry-After" in over.headers
        assert (await put(bert, b"4")).status == 201
        m.world.clock.forward(3601)
        assert (await put(anna, b"4")).status == 201


# --- how long --------------------------------------------------------------------------------------


async def test_a_blob_is_kept_for_an_hour_and_longer_where_a_message_refers_to_it(store: Store) -> None:
    """VRM-BLB-003."""
    async with market(store) as m:
        anna, loose = m.world.person(), b"named by nothing"
        await told(m, anna)
        assert (await put(anna, loose)).status == 201
        m.world.clock.forward(3590)
        for data in (PICTURE, loose):
            assert (await fetch(anna, data=data)).body == data
        m.world.clock.forward(20)
        await hidden(anna, forge.digest(loose))
        assert (await fetch(anna)).body == PICTURE
        await m.opened()  # a home sweeps with the messages that it takes
        assert m.world.home.store.blob(forge.digest(loose)) is None
        assert m.world.home.store.blob(forge.digest(PICTURE)) == PICTURE


async def test_putting_again_renews_the_hour() -> None:
    async with market() as m:
        anna = m.world.person()
        for _ in range(3):
            assert (await put(anna, PICTURE)).status == 201
            m.world.clock.forward(3000)
            assert (await fetch(anna)).status == 200


async def test_a_message_refers_to_what_its_sender_or_its_thread_has_here(store: Store) -> None:
    """VRM-BLB-004."""
    async with market(store) as m:
        anna, one = m.world.person(), m.vendors[0]
        intent = await m.opened(anna)
        paper = reference(m)
        _, reply = await m.make(intent, one, media=[paper])
        refused(reply, "blob-unknown", "VRM-BLB-004")
        assert (await put(anna, PICTURE)).status == 201  # by another
        _, reply = await m.make(intent, one, media=[paper])
        refused(reply, "blob-unknown", "VRM-BLB-004")
        assert (await put(one, PICTURE)).status == 201
        for wrong in (
            {"size": len(PICTURE) + 1},
            {"url": url(m, NOWHERE)},
            {"url": "https://else.example/x"},
        ):
            _, reply = await m.make(intent, one, media=[{**paper, **wrong}])
            refused(reply, "blob-unknown", "VRM-BLB-004")
        offer = await m.offered(intent, one, media=[paper], valid_until=m.time(9000))
        m.world.clock.forward(3700)
        assert (await m.say(offer, one, "offer.revise", m.revision(media=[paper]))).state == "offered"
        _, reply = await m.make(intent, one, media=[paper])  # another thread, and the hour is over
        refused(reply, "blob-unknown", "VRM-BLB-004")


# --- who -------------------------------------------------------------------------------------------


async def test_readers_of_a_thread_that_refers_to_it_and_nobody_else(store: Store) -> None:
    """VRM-BLB-005: by uploader, parties, strangers, and for what stands on a board by every signed reader."""
    async with market(store) as m:
        anna, (one, two), stranger = m.world.person(), m.vendors, m.world.person()
        picture, paper = b"her picture", b"his paper"
        assert (await put(anna, picture)).status == 201
        for reader in (one, two, stranger):
            await hidden(reader, forge.digest(picture))
        intent = await told(m, anna, picture)
        for reader in (anna, one, two, stranger):
            assert (await fetch(reader, data=picture)).body == picture
        refused(await m.world.get(f"/v1/blobs/{forge.digest(picture)}"), "request-invalid")
        await offered(m, intent, one, paper)
        m.world.clock.forward(3601)
        for reader in (anna, one):
            assert (await fetch(reader, data=paper)).body == paper
        for reader in (two, stranger):
            await hidden(reader, forge.digest(paper))
        # an intent that is over still stands for what it was
        assert (await m.say(intent, anna, "intent.withdraw")).state == "withdrawn"
        assert (await fetch(stranger, data=picture)).body == picture


async def test_what_is_no_id_is_not_there() -> None:
    async with market() as m:
        for name in ("x", "A" * 42, "A" * 44, "%00", "..%2fx"):
            reply = await m.vendors[0].read(f"/v1/blobs/{name}")
            assert reply.code in ("not-found", "request-invalid")


async def test_a_removed_thread_gives_its_blobs_to_its_author_only(store: Store) -> None:
    """VRM-BLB-005, VRM-BRD-017."""
    async with market(store) as m:
        anna = m.world.person()
        intent = await told(m, anna)
        assert m.world.home.remove(m.board, intent.thid, "illegal", int(m.world.clock())) == anna.id
        await hidden(m.vendors[0])
        m.world.clock.forward(3601)
        assert (await fetch(anna)).body == PICTURE


async def test_a_purge_takes_the_blobs_from_the_vendor(store: Store) -> None:
    """VRM-BLB-006: those of the person and those that the vendor has put, within the hour too."""
    async with market(store) as m:
        anna, one = m.world.person(), m.vendors[0]
        intent = await m.opened(anna)
        offer = await offered(m, intent, one)
        assert (await fetch(one)).status == 200
        assert (await m.say(offer, anna, "offer.decline")).state == "declined"
        assert (await fetch(one)).status == 200
        assert (await m.attest(offer)).state == "purged"
        await hidden(one)
        assert (await fetch(anna)).body == PICTURE
        # a blob that is put anew is the vendor's again, and so is one of a thread that is not purged
        m.world.clock.forward(2)
        assert (await put(one, PICTURE)).status == 201
        assert (await fetch(one)).status == 200
        other = await m.opened(m.world.person())
        await offered(m, other, one)
        m.world.clock.forward(3601)
        assert (await fetch(one)).body == PICTURE


async def test_a_new_key_of_the_person_reads_the_blobs_of_the_thread(store: Store) -> None:
    async with market(store) as m:
        anna, pairwise, one = m.world.person(), m.world.person(), m.vendors[0]
        offer = await offered(m, await m.opened(anna), one)
        assert (await m.accept(offer)).state == "accepted"
        body = m.introduction(offer, pairwise)
        assert (await m.say(offer, anna, "agent.introduce", body)).status == 202
        assert (await fetch(pairwise)).body == PICTURE
        await hidden(anna)


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_a_paper_in_many_offers_is_read_by_everyone_who_got_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """However many threads refer to one blob; two are a page here."""
    monkeypatch.setattr("vrmproto.reading.PAGE", 2)
    async with market(store) as m:
        persons = [m.world.person() for _ in range(number)]
        one = m.vendors[0]
        offers = [await offered(m, await m.opened(person), one) for person in persons]
        m.world.clock.forward(3601)
        for person in persons:
            assert (await fetch(person)).body == PICTURE
        await hidden(m.vendors[1])
        assert (await fetch(one)).body == PICTURE
        for offer in offers:
            assert (await fetch(one)).body == PICTURE
            assert m.state(offer) == "lapsed"
            assert (await m.attest(offer)).state == "purged"
        await hidden(one)


# --- how -------------------------------------------------------------------------------------------


async def test_a_blob_is_served_for_download_and_without_sniffing() -> None:
    """VRM-BLB-007: whatever a message says of its type."""
    async with market() as m:
        anna, page = m.world.person(), b"<script>alert(1)</script>"
        assert (await put(anna, page)).status == 201
        await m.opened(anna, need=m.need(media=[reference(m, page, media_type="text/html")]))
        reply = await fetch(m.vendors[0], data=page)
        assert reply.body == page
        assert reply.headers["Content-Type"] == OCTETS
        assert reply.headers["Content-Disposition"] == "attachment"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"].startswith("private")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
