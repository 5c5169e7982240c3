"""What a review found by thinking like an attacker: each was a fault, shown here, and is mended."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import deeds, test_agents, world
from tests.world import acceptance, proffer
from vrmproto import bundle, envelope, keys, records
from vrmproto.agents import CustomerAgent, VendorAgent
from vrmproto.errors import ProtocolError
from vrmproto.home import Answer, Arrival, Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.server.app import load_signing_keys
from vrmproto.storage.base import Transaction
from vrmproto.storage.memory import MemoryStore

# --- a home ------------------------------------------------------------------------------------


async def test_a_stranger_learns_nothing_by_claiming_to_be_a_changed_key() -> None:
    """Who holds a record knows its identifiers and mids, and is no party all the same (VRM-PRV-003)."""
    async with world.running() as here:
        org, person, stranger = await here.organisation(), here.person(), here.person()
        thid = (await person.send("terms.proffer", proffer(here.clock), org.id)).document["mid"]

        async def probe(thread: str = thid, **members: Any) -> bytes:
            named = {"thid": thread, "prev": thread, "to": org.id, **members}
            reply = await stranger.send("agent.rotate", {"replaces": person.id}, **named)
            return reply.body

        unknown = await probe("A" * 43)
        assert json.loads(unknown)["code"] == "thread-unknown"
        assert await probe() == unknown
        await org.send("terms.accept", acceptance(thid), person.id, thid=thid, prev=thid)
        assert await probe() == unknown
        assert await probe(prev="A" * 43) == unknown
        assert await probe(to=here.person().id, thread="A" * 43) == await probe(to=here.person().id)
        await person.send("agreement.terminate", {}, org.id, thid=thid, prev=thid)
        assert await probe() == unknown


def test_headers_that_nobody_sends_are_not_remembered() -> None:
    """64 kB of header cost no key to make, and a megabyte of lists to hold."""
    envelope._read_header.cache_clear()
    payload = keys.b64(b'{"vrm":"1.0"}')
    for number in range(20):
        header = keys.b64(b'{"a":[%d%s]}' % (number, b",[]" * 15000))
        with pytest.raises(ProtocolError, match="header-invalid"):
            envelope.parse(world.SPEC, f"{header}.{payload}.AA".encode(), home="https://home.example")
    assert envelope._read_header.cache_info().currsize == 0


def test_four_thousand_wrong_names_cost_no_seconds() -> None:
    """The validator copies all of ``ext`` for each of them; it did so before it knew a key."""
    names = {f"{number:x}": 1 for number in range(4000)}
    claims: dict[str, Any] = {
        "vrm": "1.0",
        "home": "https://home.example",
        "type": "agent.rotate",
        "body": {},
    }
    claims |= {"iss": "https://a.example", "aud": "https://b.example", "jti": "A" * 22, "iat": 1, "exp": 2}
    token = envelope.seal(keys.generate(), claims | {"ext": names})
    start = time.perf_counter()
    opening = envelope.parse(world.SPEC, token.encode(), home="https://home.example")
    assert time.perf_counter() - start < 0.5
    opening.key = keys.generate().public
    with pytest.raises(ProtocolError, match="claim-invalid") as refused:
        envelope.check_content(opening)
    assert "maxProperties" in [fault["keyword"] for fault in refused.value.errors]


def test_a_body_of_thousands_of_faults_is_told_the_first() -> None:
    """The list took a quarter of a second to make, and was forty times as long as the message."""
    faults = world.SPEC.types["terms.proffer"].faults({"acceptable": [{}] * 9000})
    assert len(faults) == 1
    assert len(world.SPEC.types["terms.proffer"].faults({"acceptable": [{}] * 30})) > 30


class NoMemory(MemoryStore):
    """Like ``sqlite3``, which raises MemoryError and no error of its own for SQLITE_NOMEM."""

    fails = False

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with super().begin() as transaction:
            yield transaction
            if self.fails:
                self.fails = False
                raise MemoryError


async def test_a_batch_that_fails_in_an_unforeseen_way_takes_nothing_with_it() -> None:
    """Neither do the next messages wait for ever, nor is anything of it remembered."""
    store = NoMemory()
    async with world.running(store) as here:
        org, person = await here.organisation(), here.person()
        token = person.sign(person.claims("terms.proffer", proffer(here.clock), org.id))
        mid = envelope.mid_of(token)
        store.fails = True
        assert (await here.post(token)).code == "unavailable"
        later = person.claims("terms.withdraw", {}, org.id, thid=mid, prev=mid)
        async with asyncio.timeout(5):
            assert (await here.post(person.sign(later))).code == "thread-unknown"
            assert (await here.post(token)).status == 202


def test_a_thread_put_out_of_memory_within_its_batch_is_found_in_the_batch() -> None:
    """A cache that is too small makes a home slow, not wrong."""
    clock, now = world.Clock(), 1_800_000_000
    clock.offset = now - clock()
    config = Config(origin="https://home.example", cached_threads=1)
    home = Home(world.SPEC, MemoryStore(), [keys.generate()], config)
    org, people = keys.generate(), [keys.generate() for _ in range(3)]
    with home.store.begin() as transaction:
        transaction.know(org.did)

    def arrival(key: PrivateKey, kind: str, body: dict[str, Any], **more: str) -> Arrival:
        claims: dict[str, Any] = {"vrm": "1.0", "home": config.origin, "type": kind}
        claims |= {"iss": key.did, "aud": org.did}
        claims |= {"jti": keys.b64(bytes(16)), "iat": now, "exp": now + 60, "body": body, **more}
        return Arrival(home.parse(envelope.seal(key, claims).encode()))

    opened = [arrival(key, "terms.proffer", proffer(clock)) for key in people]
    first = opened[0].opening.mid
    ended = arrival(people[0], "terms.withdraw", {}, thid=first, prev=first)
    outcomes = home.accept_batch([*opened, ended], now)
    assert [o.status if isinstance(o, Answer) else o for o in outcomes] == [202, 202, 202, 202]


async def test_an_origin_that_nobody_has_signed_for_is_not_stored() -> None:
    """64 kB of discovery document for each name below a stranger's domain would fill the disk."""
    async with world.running() as here:
        known, org = await here.organisation(), await here.organisation()
        store = MemoryStore()
        assert here.home.store.load_keys(org.id) is not None
        async with world.running(store) as other:
            org.world = other
            claims = org.claims("terms.reject", {}, known.id, thid="A" * 43, prev="A" * 43)
            with store.begin() as transaction:
                transaction.know(known.id)
            good = org.sign(claims)
            forged = good.rpartition(".")[0] + "." + keys.b64(bytes(64))
            reads = org.reads
            assert (await other.post(forged)).code == "signature-invalid"
            assert org.reads == reads + 1
            assert store.load_keys(org.id) is None
            assert (await other.post(good)).code == "thread-unknown"
            assert org.reads == reads + 1, "what is not stored is remembered all the same"
            assert store.load_keys(org.id) is not None


def test_the_key_of_a_home_is_on_disk_before_it_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut left receipts that nobody could verify, and a file that no home would start with."""
    path = tmp_path / "new" / "keys.json"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            load_signing_keys(path)
    assert not path.exists()
    (key,) = load_signing_keys(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [k.did for k in load_signing_keys(path)] == [key.did]


# --- records -----------------------------------------------------------------------------------


def test_a_record_of_nine_quadrillion_messages_takes_no_memory() -> None:
    """Whoever verifies it with the keys inside has to take any ``seq``; it was counted up to that number."""
    deed = deeds.agreed()
    token = deed.messages[1][0]
    deed.messages[1] = (token, deed.receipt(token, "agreed", seq=2**53 - 1, prior=deed.thid))
    tracemalloc.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(records, "list", lambda items: list(itertools.islice(items, 10**6)), raising=False)
            report = records.verify_record(world.SPEC, deeds.text(deed.record()))
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()
    assert not report.ok


@pytest.mark.parametrize("expect", [{"refused": ["x"]}, {"refused": {}}, {"refused": None}, {"status": True}])
def test_a_bundle_that_claims_nonsense_does_not_verify(tmp_path: Path, expect: dict[str, Any]) -> None:
    """It was a traceback, or a claim of nothing that verified."""
    deed = deeds.agreed()
    token, receipt = deed.messages[1]
    record = deeds.text(deed.record())
    files = {"message.jwt": token.encode(), "receipt.jwt": receipt.encode(), "record.json": record}
    bundle.write(tmp_path, files, expect)
    assert not bundle.verify(tmp_path, world.SPEC).ok


# --- agents at a home that lies ----------------------------------------------------------------


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[test_agents.World]:
    async with AsyncExitStack() as stack:
        built = test_agents.World(tmp_path, stack)
        await built.start()
        yield built


async def test_a_thread_without_end_is_given_up(liar: test_agents.World) -> None:
    """A home that shows the same page for ever, and each time says that there is more."""
    vendor, customer = await liar.vendor(), await liar.customer()
    sent = await customer.proffer(vendor.origin)
    page = {"seq": 1, "token": sent.token, "receipt": sent.receipt}

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if not request.path.startswith("/v1/threads/"):
            return None
        assert isinstance(response.body, bytes)
        return web.json_response({**json.loads(response.body), "messages": [page], "next": 2})

    liar.after = after
    async with asyncio.timeout(5):
        view = await customer.thread(sent.thid)
    assert (view.verified, view.reason) == (False, "gap")


async def test_an_inbox_without_end_is_given_up(liar: test_agents.World) -> None:
    """A home that shows two messages by turns, whatever is acknowledged."""
    vendor, customer = await liar.vendor(), await liar.customer()
    sent = [await customer.proffer(vendor.origin) for _ in range(2)]
    turns = itertools.cycle(sent)

    async def before(request: web.Request) -> web.Response | None:
        if request.path != "/v1/poll":
            return None
        one = next(turns)
        shown = {"sets": {one.mid: one.token}, "order": [one.mid], "receipts": {one.mid: one.receipt}}
        return web.json_response({**shown, "moreAvailable": False})

    liar.before = before
    async with asyncio.timeout(5):
        events = await vendor.poll()
    assert [e.mid for e in events] == [s.mid for s in sent]


async def test_a_page_of_another_thread_is_not_taken(liar: test_agents.World) -> None:
    """What others say to each other is verified, and still none of her threads."""
    vendor, other, customer = await liar.vendor(), await liar.customer("ben"), await liar.customer()
    theirs = await other.proffer(vendor.origin)
    hers = await customer.proffer(vendor.origin)
    page = {"seq": 1, "token": theirs.token, "receipt": theirs.receipt}

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if not request.path.startswith("/v1/threads/"):
            return None
        assert isinstance(response.body, bytes)
        return web.json_response({**json.loads(response.body), "messages": [page]})

    liar.after = after
    view = await customer.thread(hers.thid)
    assert (view.verified, view.reason) == (False, "receipt")
    assert [v.thid for v in customer.views()] == [hers.thid]


async def test_a_refusal_for_now_is_sent_again_as_the_same_bytes(tmp_path: Path) -> None:
    """A full inbox is no verdict on the message; it was forgotten all the same (VRM-AGT-011)."""
    async with world.running(inbox=1) as here:
        options: dict[str, Any] = {"dev": True}
        async with (
            await VendorAgent.open(tmp_path / "shop", here.origin, **options) as shop,
            await CustomerAgent.open(tmp_path / "ann", here.origin, **options) as ann,
        ):
            await shop.serve()
            await shop.announce()
            await ann.proffer(shop.origin)
            full = await ann.proffer(shop.origin, "PDC-AI", check=False)
            assert full.problem is not None
            assert (full.problem["code"], full.problem["retryable"]) == ("inbox-full", True)
            await shop.poll()
            assert [(s.status, s.token) for s in await ann.resume()] == [(202, full.token)]
            assert await ann.resume() == []
