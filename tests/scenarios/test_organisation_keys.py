"""Keys of organisations: read at their origin, kept for an hour, refused for good once revoked."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.scenarios.deal import Deal, meet
from tests.world import (
    SPEC,
    Organisation,
    Party,
    Reply,
    World,
    acceptance,
    free_socket,
    listening,
    proffer,
    running,
)
from vrmproto import envelope, keys, records
from vrmproto.keys import PrivateKey
from vrmproto.outgoing import DISCOVERY, Outgoing
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

HOUR = 3600


async def answer(deal: Deal, key: PrivateKey, **more: Any) -> Reply:
    """An alternative by the organisation, signed with ``key``: what is due in the state proffered."""
    body = acceptance(deal.thid)
    claims = deal.second.claims("terms.accept", body, deal.first.id, thid=deal.thid, prev=deal.head, **more)
    return await deal.w.post(envelope.seal(key, claims))


async def proffered(w: World, shop: Organisation) -> Deal:
    from vrmproto import timing

    deal = Deal(w, w.person(), shop)
    await deal.proffer(answer_by=timing.text(int(w.clock()) + 20 * 86400))
    return deal


def revoke(shop: Organisation, key: PrivateKey, new: PrivateKey) -> None:
    shop.shown, shop.key = [new], new
    shop.retired = [{**key.public.jwk, "kid": key.public.kid, "revoked_at": 1}]


# --- unknown, revoked, new ------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["ES256", "Ed25519"])
async def test_a_key_that_is_not_published_is_unknown(alg):
    async with running() as w:
        shop = await w.organisation(alg)
        deal = await proffered(w, shop)
        reply = await answer(deal, keys.generate(alg))
        assert (reply.status, reply.code) == (401, "key-unknown")
        assert reply.document["requirement"] == "VRM-ID-009"
        assert (await answer(deal, shop.key)).status == 202


async def test_the_key_of_another_organisation_is_unknown_here():
    async with running() as w:
        shop, other = await w.organisation(), await w.organisation()
        deal = await proffered(w, shop)
        assert (await answer(deal, other.key)).code == "key-unknown"
        assert (await answer(deal, deal.first.key)).code == "key-unknown"


async def test_a_kid_of_the_right_key_does_not_help_a_wrong_signature():
    async with running() as w:
        shop = await w.organisation()
        deal = await proffered(w, shop)
        claims = deal.second.claims("terms.accept", acceptance(deal.thid), deal.first.id,
                                    thid=deal.thid, prev=deal.head)  # fmt: skip
        head = envelope.seal(shop.key, claims).rpartition(".")[0]
        forged = keys.generate("ES256").sign(head.encode())
        reply = await w.post(f"{head}.{keys.b64(forged)}")
        assert (reply.status, reply.code) == (401, "signature-invalid")


async def test_a_new_key_is_published_then_used_and_the_old_one_still_counts(store):
    async with running(store) as w:
        shop = await w.organisation()
        old, new = shop.key, keys.generate("Ed25519")
        one, two = await proffered(w, shop), await proffered(w, shop)
        shop.shown = [old, new]
        assert (await answer(one, new)).code == "key-unknown"  # it was read less than a minute ago
        w.clock.forward(61)
        taken = await answer(one, new)
        assert taken.status == 202
        assert taken.document["key"] == new.public.jwk
        assert (await answer(two, old)).status == 202
        assert shop.reads == 2
        one.record, one.mids = taken.document["mid"], [one.thid, taken.document["mid"]]
        record = await one.first.read(f"/v1/records/{one.record}")
        one.check_record(record, "agreed")


async def test_a_retired_key_is_refused_from_the_second_in_which_the_home_learns_of_it(store):
    async with running(store) as w:
        shop = await w.organisation()
        old, new = shop.key, keys.generate("ES256")
        one, two = await proffered(w, shop), await proffered(w, shop)
        revoke(shop, old, new)
        w.clock.forward(61)
        assert (await answer(one, new)).status == 202  # an unknown kid: the home reads, and learns
        refused = await answer(two, old)
        assert (refused.status, refused.code) == (401, "key-revoked")
        assert refused.document["requirement"] == "VRM-ID-010"
        assert shop.reads == 2


async def test_a_key_listed_twice_counts_as_revoked():
    async with running() as w:
        shop = await w.organisation()
        deal = await proffered(w, shop)
        old = shop.key
        revoke(shop, old, keys.generate("ES256"))
        shop.shown = [old, shop.key]
        w.clock.forward(HOUR + 1)
        assert (await answer(deal, old)).code == "key-revoked"


@pytest.mark.parametrize("later", [61, HOUR + 61, 30 * 24 * HOUR])
async def test_what_was_revoked_stays_revoked_when_the_list_forgets_it(store, later):
    async with running(store) as w:
        shop = await w.organisation()
        deal = await proffered(w, shop)
        old, new = shop.key, keys.generate("ES256")
        revoke(shop, old, new)
        w.clock.forward(HOUR + 1)
        assert (await answer(deal, old)).code == "key-revoked"
        shop.shown, shop.retired = [old, new], []
        w.clock.forward(later)
        await Deal(w, w.person(), shop).proffer()
        assert (await answer(deal, keys.generate())).code == "key-unknown"  # it has read anew
        assert shop.reads >= 3
        assert (await answer(deal, old)).code == "key-revoked"


async def test_what_was_revoked_stays_revoked_after_a_restart(tmp_path):
    path = tmp_path / "home.db"
    async with running(SqliteStore(path)) as w:
        shop = await w.organisation()
        deal = await proffered(w, shop)
        old = shop.key
        revoke(shop, old, keys.generate("ES256"))
        w.clock.forward(HOUR + 1)
        assert (await answer(deal, old)).code == "key-revoked"
    async with running(SqliteStore(path)) as w:  # another process: another port, the same rows
        claims = {"home": w.origin}
        deal.w.http, shop.world, deal.first.world = w.http, w, w
        deal.w = w
        assert (await answer(deal, old, **claims)).code == "key-revoked"


async def test_what_was_received_before_the_revocation_stays_readable_with_its_receipt(store):
    async with running(store) as w:
        deal = await meet(w)
        shop = deal.second
        assert isinstance(shop, Organisation)
        await deal.proffer()
        receipt = await deal.accept()
        old = shop.key
        revoke(shop, old, keys.generate("ES256"))
        w.clock.forward(HOUR + 1)
        refused = await deal.w.post(
            envelope.seal(old, shop.claims("agreement.terminate", {}, deal.first.id, thid=deal.thid,
                                           prev=deal.head))
        )  # fmt: skip
        assert refused.code == "key-revoked"
        record = await deal.check("agreed")
        assert record is not None
        thread = await deal.first.read(f"/v1/threads/{deal.thid}")
        assert thread.document["messages"][1]["receipt"] == receipt.body.decode()
        assert records.verify_thread(SPEC, thread.body).ok
        again = await w.post(shop.tokens[-1])  # and a repeat is told what it was told
        assert (again.status, again.body) == (200, receipt.body)


async def test_signed_reads_need_a_key_that_is_published():
    async with running() as w:
        shop = await w.organisation()
        old = shop.key
        shop.key = keys.generate("ES256")
        unknown = await shop.read("/v1/threads")
        assert (unknown.status, unknown.code) == (400, "request-invalid")
        assert (await shop.poll()).code == "request-invalid"
        shop.shown, shop.key = None, old
        revoke(shop, old, keys.generate("ES256"))
        w.clock.forward(HOUR + 1)
        assert (await shop.read("/v1/threads")).status == 200
        shop.key = old
        assert (await shop.read("/v1/threads")).code == "request-invalid"
        assert (await shop.poll()).code == "request-invalid"


# --- how often ------------------------------------------------------------------------------------


async def test_unknown_kids_cause_one_read_a_minute():
    async with running() as w:
        shop = await w.organisation()
        deal = await proffered(w, shop)
        assert shop.reads == 1
        for minute in range(3):
            w.clock.forward(61)
            replies = await asyncio.gather(*(answer(deal, keys.generate("ES256")) for _ in range(10)))
            assert {r.code for r in replies} == {"key-unknown"}
            for _ in range(5):
                w.clock.forward(5)
                assert (await answer(deal, keys.generate())).code == "key-unknown"
            assert shop.reads == minute + 2
        assert (await answer(deal, shop.key)).status == 202


async def test_an_origin_that_fails_is_tried_once_a_minute():
    async with running() as w:
        person = await announced(w.person())
        bound, origin = free_socket()
        reads = 0

        async def broken(_: web.Request) -> web.Response:
            nonlocal reads
            reads += 1
            return web.Response(status=500)

        app = web.Application()
        app.router.add_get(DISCOVERY, broken)
        async with listening(app, bound):
            shop = Party(w, origin, keys.generate("ES256"))
            for minute in range(2):
                replies = await asyncio.gather(
                    *(shop.send("terms.proffer", proffer(w.clock), person.id) for _ in range(10))
                )
                assert {(r.status, r.code) for r in replies} == {(424, "key-unavailable")}
                assert {r.document["retryable"] for r in replies} == {True}
                assert reads == minute + 1
                w.clock.forward(61)


async def test_a_document_is_used_for_an_hour_and_no_longer():
    async with running() as w:
        shop = await w.organisation()
        for elapsed, reads in ((0, 1), (HOUR - 30, 1), (60, 2), (HOUR - 90, 2), (120, 3)):
            w.clock.forward(elapsed)
            assert (await shop.poll()).status == 200
            assert shop.reads == reads


async def test_after_an_hour_without_the_origin_its_keys_cannot_be_read():
    async with running() as w:
        shop = await w.organisation()
        one, two = await proffered(w, shop), await proffered(w, shop)
        shop.extra = {"issuer": "https://gone.example"}
        w.clock.forward(HOUR - 60)
        assert (await answer(one, shop.key)).status == 202
        w.clock.forward(120)
        refused = await answer(two, shop.key)
        assert (refused.status, refused.code) == (424, "key-unavailable")
        shop.extra = {}
        assert (await answer(two, shop.key)).code == "key-unavailable"  # not twice in a minute
        w.clock.forward(61)
        assert (await answer(two, shop.key)).status == 202


# --- key-unavailable ------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that waits for an origin for 0.3 s instead of 5."""
    monkeypatch.setattr("vrmproto.server.app.Outgoing", functools.partial(Outgoing, timeout=0.3))


def serving(status: int = 200, media: str = "application/json", **headers: Any) -> Callable[[bytes], Any]:
    def make(body: bytes) -> web.Response:
        return web.Response(status=status, body=body, headers={"Content-Type": media, **headers})

    return make


WRONG: dict[str, tuple[Callable[[bytes], Any], Callable[[bytes], bytes]]] = {
    "right": (serving(), lambda d: d),
    "not found": (serving(404), lambda d: d),
    "failing": (serving(500), lambda d: d),
    "another success": (serving(203), lambda d: d),
    "redirected": (serving(302, Location="/elsewhere"), lambda d: d),
    "garbage": (serving(), lambda d: b"\xff\xfe garbage"),
    "empty": (serving(), lambda d: b""),
    "a list": (serving(), lambda d: b"[" + d + b"]"),
    "names twice": (serving(), lambda d: d[:-1] + b',"issuer":"https://x.example"}'),
    "a page": (serving(media="text/html"), lambda d: d),
    "no keys": (serving(), lambda d: d.replace(b'"keys"', b'"kees"')),
    "keys are no list": (serving(), lambda d: d.replace(b'keys":[', b'keys":{"a":[').replace(b"]}", b"]}}")),
    "wrong issuer": (serving(), lambda d: d.replace(b'"issuer":"http', b'"issuer":"https')),
    "issuer with a slash": (serving(), lambda d: d.replace(b'","versions', b'/","versions')),
    "oversize": (serving(), lambda d: d + b" " * 65536),
    "gzip": (serving(**dict[str, Any]({"Content-Encoding": "gzip"})), gzip.compress),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
async def test_what_is_not_the_discovery_document(fault):
    async with running() as w:
        person = await announced(w.person())
        bound, origin = free_socket()
        key = keys.generate("ES256")
        listed = f'[{{"kty":"EC","crv":"P-256","x":"{key.public.jwk["x"]}","y":"{key.public.jwk["y"]}"}}]'
        document = f'{{"issuer":"{origin}","versions":["1.0"],"keys":{listed}}}'.encode()
        make, change = WRONG[fault]

        async def serve(_: web.Request) -> web.Response:
            answered = make(change(document))
            assert isinstance(answered, web.Response)
            return answered

        app = web.Application()
        app.router.add_get(DISCOVERY, serve)
        app.router.add_get("/elsewhere", serve)
        async with listening(app, bound):
            reply = await Party(w, origin, key).send("terms.proffer", proffer(w.clock), person.id)
        if fault == "right":
            assert reply.code == "person-required"  # the key was found: all that is wrong is who opens
            return
        assert (reply.status, reply.code) == (424, "key-unavailable"), reply.document
        assert reply.document["requirement"] == "VRM-ID-011"
        assert reply.document["retryable"] is True
        assert b"garbage" not in reply.body


async def test_an_origin_that_is_down():
    async with running() as w:
        person = await announced(w.person())
        bound, origin = free_socket()
        bound.close()
        reply = await Party(w, origin, keys.generate()).send("terms.proffer", proffer(w.clock), person.id)
        assert (reply.status, reply.code) == (424, "key-unavailable")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("silent", [True, False], ids=["says nothing", "drips"])
async def test_an_origin_that_is_slow(silent):
    async with running() as w:
        person = await announced(w.person())
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            if not silent:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
            while not writer.is_closing() and not reader.at_eof():
                if not silent:
                    writer.write(b" ")
                await asyncio.sleep(0.05)
            writer.close()
            ended.set()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        start = loop.time()
        shop = Party(w, origin, keys.generate("ES256"))
        slow = asyncio.create_task(shop.send("terms.proffer", proffer(w.clock), person.id))
        await asyncio.sleep(0.05)
        assert (await w.get("/healthz")).status == 200  # others do not wait for it
        assert loop.time() - start < 0.3
        reply = await slow
        assert (reply.status, reply.code) == (424, "key-unavailable")
        assert loop.time() - start < 1.5
        await ended.wait()  # the home has hung up
        server.close()


# --- what causes no fetch -------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def listener(answer: bytes = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") -> AsyncIterator[Any]:
    """The origin of a listener that has only one answer, and the list of its connections."""
    seen: list[Any] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        await reader.read(1000)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()


async def test_an_unknown_addressee_causes_no_fetch():
    async with listener() as (origin, seen), running() as w:
        person, shop = w.person(), await w.organisation()
        for sender in (person, shop):
            reply = await sender.send("terms.proffer", proffer(w.clock), origin)
            assert (reply.status, reply.code) == (404, "addressee-unknown")
            assert reply.document["requirement"] == "VRM-ENV-025"
        assert shop.reads == 1
        assert seen == []


async def test_what_is_refused_before_the_key_causes_no_fetch():
    async with listener() as (origin, seen), running() as w:
        person = await announced(w.person())
        shop = Party(w, origin, keys.generate("ES256"))
        now = int(w.clock())
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"vrm": "2.0"}, "version-unsupported"),
            ({"home": "https://other.example"}, "wrong-home"),
            ({"aud": w.person().id}, "addressee-unknown"),
            ({"aud": origin}, "claim-invalid"),
            ({"iat": now - 1000, "exp": now - 400}, "expired"),
            ({"iat": now + 400}, "not-yet-valid"),
            ({"exp": now + 90000}, "lifetime-too-long"),
            ({"sub": "x"}, "claim-unknown"),
        ]
        for change, code in wrong:
            claims = shop.claims("terms.proffer", proffer(w.clock), person.id)
            reply = await w.post(shop.sign(claims | change))
            assert reply.code == code
        assert seen == []
        await shop.send("terms.proffer", proffer(w.clock), person.id)
        assert len(seen) == 1


async def test_an_origin_that_hangs_up_is_asked_once():
    """VRM-ID-013."""
    async with listener(b"") as (origin, seen), running() as w:
        person = await announced(w.person())
        shop = Party(w, origin, keys.generate("ES256"))
        assert (await shop.send("terms.proffer", proffer(w.clock), person.id)).code == "key-unavailable"
        assert len(seen) == 1


async def test_a_forged_repeat_causes_no_fetch():
    """The key of the first arrival is kept with its receipt."""
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        shop = deal.second
        assert isinstance(shop, Organisation)
        w.clock.forward(3 * HOUR)
        head = shop.tokens[-1].rpartition(".")[0]
        assert (await w.post(f"{head}.{keys.b64(bytes(64))}")).code == "signature-invalid"
        assert (await w.post(shop.tokens[-1])).status == 200
        assert shop.reads == 1


# --- second parties without a domain --------------------------------------------------------------


async def test_a_second_party_with_a_did_needs_no_origin_and_is_not_domain_verified(store):
    async with running(store) as w:
        deal = await meet(w, domain=False)
        await deal.proffer()
        receipt = await deal.accept()
        assert "key_seen_at" not in receipt.document
        record = await deal.check("agreed")
        assert record is not None
        assert {k["source"] for k in record["keys"]} == {"did:jwk", "home"}
        assert (await w.get("/.well-known/vrm-configuration")).document["policy"]["unverified_second"] is True
        await deal.end(deal.second, "agreement.terminate")
        await deal.check("terminated")


async def test_the_receipt_of_an_organisation_says_when_its_key_was_seen():
    async with running() as w:
        deal = await meet(w)
        seen = int(w.clock())
        await deal.proffer()
        w.clock.forward(100)
        receipt = await deal.accept()
        assert abs(receipt.document["key_seen_at"] - seen) <= 2
        assert receipt.document["key"] == deal.second.key.public.jwk
        record = await deal.check("agreed")
        assert record is not None
        entry = next(k for k in record["keys"] if k["source"] == "discovery")
        assert b'"issuer"' in keys.unb64(entry["document"])


async def announced(party: Party) -> Party:
    await party.announce()
    return party


async def test_keys_that_cannot_be_stored_are_not_used():
    """A revocation that would be forgotten by a restart is none: the message waits for the store."""
    from vrmproto.storage.base import StoreError

    class Full(MemoryStore):
        broken = False

        def save_keys(self, found: keys.KeySet) -> None:
            if self.broken:
                raise StoreError("full")
            super().save_keys(found)

    store = Full()
    async with running(store) as w:
        shop = await w.organisation()
        deal = await proffered(w, shop)
        store.broken = True
        w.clock.forward(HOUR + 1)
        reply = await answer(deal, shop.key)
        assert (reply.status, reply.code) == (503, "unavailable")
        assert reply.headers["Retry-After"]
        store.broken = False
        w.clock.forward(61)
        assert (await answer(deal, shop.key)).status == 202
