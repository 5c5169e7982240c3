"""Agents against the real home over HTTP, and against homes that lie."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from vrmproto import envelope, keys, spec
from vrmproto.agents import (
    AgentError,
    ChainError,
    CustomerAgent,
    Policy,
    Refused,
    VendorAgent,
    WireError,
)
from vrmproto.errors import ProtocolError
from vrmproto.home import Config, Home
from vrmproto.outgoing import DISCOVERY
from vrmproto.server.app import create_app, open_home
from vrmproto.storage.sqlite import SqliteStore

SPEC = spec.load()


@dataclass
class Clock:
    """A clock that a test moves."""

    time: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


Act = Callable[[web.Request], Any]


@dataclass
class World:
    """A home on loopback behind a proxy that a test may let misbehave."""

    folder: Path
    stack: AsyncExitStack
    clock: Clock = field(default_factory=Clock)
    origin: str = ""
    home: Home | None = None
    before: Act | None = None
    after: Callable[[web.Request, web.Response], Any] | None = None

    async def start(self) -> None:
        @web.middleware
        async def misbehave(request: web.Request, handler: Any) -> Any:
            if self.before is not None and (answer := await self.before(request)) is not None:
                return answer
            response = await handler(request)
            if self.after is not None and (other := await self.after(request, response)) is not None:
                return other
            return response

        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{bound.getsockname()[1]}"
        store = SqliteStore(self.folder / "home.db")
        self.stack.callback(store.close)
        config = Config(origin=self.origin, dev=True, max_wait=2)
        self.home = open_home(SPEC, store, self.folder, config)
        app = create_app(self.home, self.clock)
        app.middlewares.insert(0, misbehave)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, bound).start()

    async def customer(self, name: str = "ann", **options: Any) -> CustomerAgent:
        customer: CustomerAgent = await self.open(CustomerAgent, name, **options)
        return customer

    async def vendor(self, name: str = "shop", serve: bool = True, **options: Any) -> VendorAgent:
        vendor: VendorAgent = await self.open(VendorAgent, name, **options)
        if serve:
            await vendor.serve()
        await vendor.announce()
        return vendor

    async def open(self, cls: Any, name: str, **options: Any) -> Any:
        agent = await cls.open(self.folder / name, self.origin, dev=True, clock=self.clock, **options)
        self.stack.push_async_callback(agent.close)
        return agent


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


async def test_first_exchange(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"]})
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin, preferred="SD-BASE-DP")
    assert (sent.status, sent.state, sent.thid) == (202, "proffered", sent.mid)
    (answer,) = await vendor.answer_all()
    assert answer.state == "agreed"
    (event,) = await customer.poll()
    assert (event.type, event.verified, event.domain_verified) == ("terms.accept", True, True)
    assert await customer.poll() == []
    view = await customer.thread(sent.thid)
    assert (view.state, view.verified, len(view.messages)) == ("agreed", True, 2)
    hers, theirs = await customer.record(sent.thid), await vendor.record(sent.thid)
    assert hers.ok
    assert theirs.ok
    assert hers.id == theirs.id == event.mid
    listed = [k for k in hers.data["keys"] if k["source"] == "discovery"]
    assert json.loads(keys.unb64(listed[0]["document"]))["issuer"] == vendor.origin
    ended = await customer.terminate(sent.thid, "moved away")
    assert ended.state == "terminated"


async def test_alternative_and_acceptance(world: World) -> None:
    vendor = await world.vendor(policy=Policy(accepts=("SD-BASE",), alternative="SD-BASE-A"))
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin, "SD-BASE-DP", ends_in="P1Y")
    (answer,) = await vendor.answer_all()
    assert answer.state == "countered"
    await customer.poll()
    taken = await customer.accept(sent.thid)
    assert taken.state == "agreed"
    assert customer.view(sent.thid).deadline is not None
    assert [e.type for e in await vendor.poll()] == ["terms.accept"]
    record = await vendor.record(sent.thid)
    assert record.ok
    assert record.data["agreement"]["id"] == "SD-BASE-A"


async def test_policy_takes_what_is_acceptable_and_holds_and_rejects(world: World) -> None:
    policy = {"accepts": ["SD-BASE"], "hold": ["PDC-AI"], "reason": "Not for this service"}
    vendor = await world.vendor(policy=policy)
    customer = await world.customer()
    first = await customer.proffer(vendor.origin, "SD-BASE-DP", ["SD-BASE-A", "SD-BASE"])
    second = await customer.proffer(vendor.origin, "PDC-AI")
    third = await customer.proffer(vendor.origin, "SD-BASE-DP")
    assert sorted(s.state for s in await vendor.answer_all()) == ["agreed", "rejected"]
    await customer.poll()
    states = [customer.view(s.thid).state for s in (first, second, third)]
    assert states == ["agreed", "proffered", "rejected"]
    assert await vendor.answer_all() == []
    withdrawn = await customer.withdraw(second.thid)
    assert withdrawn.state == "withdrawn"


async def test_later_agreement_supersedes_in_the_own_copies(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP", "SD-BASE", "PDC-GOOD"]})
    customer = await world.customer()
    threads = []
    for terms in ("SD-BASE-DP", "PDC-GOOD", "SD-BASE"):
        threads.append((await customer.proffer(vendor.origin, terms)).thid)
        await vendor.answer_all()
        world.clock.time += 5
    await customer.poll()
    for agent in (customer, vendor):
        views = [await agent.thread(thid) for thid in threads]
        assert [v.state for v in views] == ["superseded", "agreed", "agreed"]
        assert all(v.verified for v in views)


async def test_expiry_is_seen_without_a_message(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin, answer_in="PT1H")
    world.clock.time += 3601
    assert customer.view(sent.thid).state == "expired"
    view = await customer.thread(sent.thid)
    assert (view.state, view.verified) == ("expired", True)


async def test_each_organisation_sees_another_key(world: World) -> None:
    shops = [await world.vendor(name) for name in ("one", "two")]
    customer = await world.customer()
    seen = []
    for shop in shops:
        await customer.proffer(shop.origin)
        (event,) = await shop.poll()
        seen.append(event.iss)
    assert len(set(seen)) == 2
    assert {s.iss for s in customer.signers()} == set(seen)


async def test_rotation_rebinds_all_threads_and_the_second_needs_no_proof(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP", "PDC-GOOD"]})
    customer = await world.customer()
    one = await customer.proffer(vendor.origin, "SD-BASE-DP")
    two = await customer.proffer(vendor.origin, "PDC-GOOD")
    await vendor.answer_all()
    await customer.poll()
    before = customer.view(one.thid).thread.first
    await customer.rotate(one.thid)
    after = customer.view(two.thid).thread.first
    assert after == customer.view(one.thid).thread.first != before
    await vendor.poll()
    assert vendor.view(two.thid).thread.first == after
    again = await customer.rotate(two.thid)
    assert "proof" not in envelope.peek(again.token)[1]["body"]
    await vendor.poll()
    assert (await vendor.send("agreement.terminate", {}, thid=one.thid)).state == "terminated"
    (event,) = await customer.poll()
    assert event.verified
    assert event.aud == customer.view(one.thid).thread.first
    await customer.close()
    opened = await world.customer()
    assert [opened.view(t.thid).thread.first for t in (one, two)] == [event.aud] * 2
    assert (await opened.terminate(two.thid)).state == "terminated"
    assert (await vendor.thread(two.thid)).verified


async def test_any_type_can_be_sent_and_a_refusal_is_raised(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    with pytest.raises(Refused) as caught:
        await customer.send("agreement.terminate", {}, thid=sent.thid)
    assert (caught.value.code, caught.value.retryable) == ("state-conflict", False)
    silent = await customer.send("terms.accept", {"x": 1}, thid=sent.thid, check=False)
    assert silent.problem is not None
    assert silent.problem["code"] == "body-invalid"
    assert not customer.book.outbox()


async def test_tampered_bytes_are_refused(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    customer.wire.on_send = lambda data: data[:-20] + (b"A" if data[-20:-19] != b"A" else b"B") + data[-19:]
    with pytest.raises(Refused, match="signature-invalid"):
        await customer.withdraw(sent.thid)
    customer.wire.on_send = None
    assert (await customer.thread(sent.thid)).state == "proffered"


async def test_vendor_under_a_did_is_not_domain_verified(world: World) -> None:
    vendor = await world.vendor(serve=False, policy={"accepts": ["SD-BASE"]})
    customer = await world.customer()
    did = vendor.signer_for("").iss
    sent = await customer.proffer(did, "SD-BASE")
    await vendor.answer_all()
    (event,) = await customer.poll()
    assert (event.verified, event.domain_verified) == (True, False)
    assert (await customer.record(sent.thid)).ok


async def test_nothing_is_proffered_whose_manifest_is_not_held(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    other = {**SPEC.roster.named("SD-BASE").reference, "digest": SPEC.roster.named("SD-BASE-A").digest}
    for terms in ("SD-NONE", other):
        with pytest.raises(AgentError, match="manifest"):
            await customer.proffer(vendor.origin, terms)


async def test_no_proffer_to_an_origin_that_cannot_be_read_or_reads_another_home(world: World) -> None:
    customer = await world.customer()
    with pytest.raises(ProtocolError, match="key-unavailable"):
        await customer.proffer("http://127.0.0.1:1")
    vendor = await world.vendor(homes=["https://elsewhere.example"])
    with pytest.raises(AgentError, match="elsewhere"):
        await customer.proffer(vendor.origin)


async def test_long_poll_returns_when_a_message_comes(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"]})
    other = await world.vendor("other")
    customer = await world.customer()
    await customer.proffer(other.origin)
    await customer.proffer(vendor.origin)
    waiting = asyncio.create_task(customer.poll(wait=30))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await vendor.answer_all()
    events = await asyncio.wait_for(waiting, 5)
    assert [e.type for e in events] == ["terms.accept"]
    assert await customer.poll(wait=0.2) == []


async def test_organisation_changes_its_key(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE"]})
    customer = await world.customer()
    old = vendor.signer_for("").key.public.kid
    one = await customer.proffer(vendor.origin, "SD-BASE")
    await vendor.answer_all()
    await customer.poll()
    two = await customer.proffer(vendor.origin, "SD-BASE")
    world.clock.time += 61
    new = vendor.rotate_key("Ed25519")
    assert [k["kid"] for k in vendor.discovery()["keys"]] == [new, old]
    await vendor.answer_all()
    (event,) = await customer.poll()
    assert event.verified
    assert envelope.peek(event.token)[0]["kid"] == new
    with pytest.raises(AgentError, match="signs"):
        vendor.published.retire(new)
    with pytest.raises(AgentError, match="days"):
        vendor.published.retire(old)
    world.clock.time += 7 * 86400
    vendor.published.retire(old, "replaced")
    assert [k["kid"] for k in vendor.discovery()["historical_keys"]] == [old]
    record = await customer.record(one.thid)
    assert record.ok, "the document that listed the old key was kept"
    assert SPEC.valid("documents/discovery.json", vendor.discovery())
    assert SPEC.valid("documents/myterms.json", vendor.myterms())
    assert (await vendor.thread(two.thid)).verified


# --- crashes and lost answers --------------------------------------------------------------------


def lose(world: World, customer: CustomerAgent, times: int) -> list[bytes]:
    """The home takes the next messages, but its answers get lost; the bytes that were sent."""
    seen: list[bytes] = []
    left = [times]

    def on_send(data: bytes) -> bytes:
        seen.append(data)
        return data

    async def after(request: web.Request, response: web.Response) -> None:
        if request.path == "/v1/messages" and left[0]:
            left[0] -= 1
            assert request.transport is not None
            request.transport.close()

    customer.wire.on_send = on_send
    customer.wire._pause = 0.01
    world.after = after
    return seen


async def test_lost_answer_is_sent_again_with_the_same_bytes(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    seen = lose(world, customer, 2)
    sent = await customer.proffer(vendor.origin)
    assert len(seen) == 3
    assert set(seen) == {sent.token.encode()}
    assert (sent.status, sent.state) == (200, "proffered")
    assert len(await vendor.poll()) == 1


async def test_message_without_answer_survives_the_process(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    seen = lose(world, customer, 4)
    with pytest.raises(WireError):
        await customer.proffer(vendor.origin)
    ((mid, token),) = customer.book.outbox()
    await customer.close()
    opened = await world.customer()
    (sent,) = await opened.resume()
    assert (sent.mid, sent.token, sent.status) == (mid, token, 200)
    assert set(seen) == {token.encode()}
    assert opened.view(mid).state == "proffered"
    assert not opened.book.outbox()
    repeated = await opened.sender.send(token, check=True)
    assert repeated.receipt == sent.receipt


async def test_home_without_store_is_asked_again(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    asked: list[str] = []

    async def before(request: web.Request) -> web.Response | None:
        if request.path == "/v1/messages":
            asked.append(request.path)
            if len(asked) < 3:
                return web.json_response({"code": "unavailable"}, status=503, headers={"Retry-After": "0"})
        return None

    world.before = before
    assert (await customer.proffer(vendor.origin)).status == 202
    assert len(asked) == 3


async def test_unacknowledged_messages_come_again(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"]})
    customer = await world.customer()
    await customer.proffer(vendor.origin)
    polls = [0]

    async def before(request: web.Request) -> web.Response | None:
        if request.path == "/v1/poll":
            polls[0] += 1
            if polls[0] == 2:
                return web.Response(status=500)
        return None

    world.before = before
    with pytest.raises(WireError):
        await vendor.poll()
    assert len(vendor.views()) == 1
    (event,) = await vendor.poll()
    assert event.verified
    assert len(vendor.view(event.thid).messages) == 1


async def test_folder_is_private_and_reopens_to_the_same_state(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"]})
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    await vendor.answer_all()
    await customer.poll()
    before = customer.view(sent.thid)
    await customer.close()
    seed = customer.book.folder / "seed"
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert stat.S_IMODE(seed.parent.stat().st_mode) == 0o700
    log = customer.book.folder / "threads" / f"{sent.thid}.ndjson"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"n":3,"token":"ey')
    opened = await world.customer()
    assert opened.view(sent.thid) == before
    assert log.read_bytes() == whole
    await opened.close()
    log.write_bytes(whole[: whole.index(b"\n") + 1] + whole[whole.index(b"\n") + 1 :][:100])
    cut = await world.customer()
    assert cut.view(sent.thid).state == "proffered"
    assert (await cut.thread(sent.thid)).state == "agreed", "the home's copy brings back what was lost"


# --- homes that lie ------------------------------------------------------------------------------


async def forged_acceptance(world: World, vendor: VendorAgent, thid: str, first: str) -> tuple[str, str]:
    """An acceptance in the vendor's name under the home's own key, with receipts that vouch for it."""
    assert world.home is not None
    forger = keys.generate()
    agreement = SPEC.roster.named("SD-BASE-DP").reference
    now = int(world.clock())
    claims = {
        "vrm": "1.0",
        "home": world.origin,
        "type": "terms.accept",
        "iss": vendor.origin,
        "aud": first,
        "jti": "A" * 22,
        "iat": now,
        "exp": now + 600,
        "thid": thid,
        "prev": thid,
        "body": {"accepts": thid, "agreement": agreement, "lang": "en", "place": "NL"},
    }
    token = envelope.seal(forger, claims)
    receipt = {
        "iss": world.origin,
        "aud": vendor.origin,
        "iat": now,
        "mid": envelope.mid_of(token),
        "thid": thid,
        "seq": 2,
        "prior": thid,
        "state": "agreed",
        "key": dict(forger.public.jwk),
        "key_seen_at": now,
    }
    return token, envelope.seal(world.home.signing[0], receipt, envelope.RECEIPT)


async def test_forged_key_of_an_organisation_is_not_acted_on(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    first = customer.view(sent.thid).thread.first
    token, receipt = await forged_acceptance(world, vendor, sent.thid, first)
    mid = envelope.mid_of(token)
    acked: list[str] = []

    async def before(request: web.Request) -> web.Response | None:
        if request.path == "/v1/poll":
            claims = envelope.peek((await request.read()).decode())[1]
            acked.extend(claims["body"]["ack"])
            shown = [] if acked else [mid]
            return web.json_response(
                {
                    "sets": dict.fromkeys(shown, token),
                    "order": shown,
                    "receipts": dict.fromkeys(shown, receipt),
                    "moreAvailable": False,
                }
            )
        if request.path == f"/v1/threads/{sent.thid}":
            own = customer.ledger.copies[sent.thid].links[0]
            claims = {**envelope.peek(receipt)[1], "aud": first, "checkpoint": True}
            assert world.home is not None
            checkpoint = envelope.seal(world.home.signing[0], claims, envelope.RECEIPT)
            listed: list[dict[str, Any]] = [
                {"seq": 1, "token": own.message.token, "receipt": own.receipt},
                {"seq": 2, "token": token, "receipt": receipt},
            ]
            start = int(request.query.get("from", "1"))
            messages = [m for m in listed if m["seq"] >= start]
            return web.json_response({"messages": messages, "keys": [], "checkpoint": checkpoint})
        return None

    world.before = before
    (event,) = await customer.poll()
    assert (event.type, event.verified, event.reason) == ("terms.accept", False, "key-unknown")
    assert acked == [mid], "acknowledged once it was stored"
    assert [e["message"] for _, e in customer.book.evidence("unverified")] == [[token, receipt]]
    assert customer.view(sent.thid).state == "proffered"
    view = await customer.thread(sent.thid)
    assert (view.state, view.verified, view.reason) == ("proffered", False, "key-unknown")
    with pytest.raises(AgentError, match="no agreement"):
        await customer.record(sent.thid)
    assert await customer.poll() == [], "it is shown once, and waits"
    await customer.close()
    opened = await world.customer()
    world.clock.time += 120
    assert await opened.poll() == []
    assert opened.view(sent.thid).state == "proffered"
    assert len(list(opened.book.evidence("unverified"))) == 1


async def test_own_message_after_one_that_does_not_verify_is_delivered_but_not_in_the_chain(
    world: World,
) -> None:
    """She withdraws; the home orders that behind a message in the vendor's name that nobody can verify."""
    vendor = await world.vendor()
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    first = customer.view(sent.thid).thread.first
    token, receipt = await forged_acceptance(world, vendor, sent.thid, first)

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        assert world.home is not None
        if request.path == "/v1/messages":
            assert isinstance(response.body, bytes)
            claims = {**envelope.peek(response.body)[1], "seq": 3, "prior": envelope.mid_of(token)}
            moved = envelope.seal(world.home.signing[0], claims, envelope.RECEIPT)
            return web.Response(status=202, text=moved, content_type="application/jwt")
        if request.path == f"/v1/threads/{sent.thid}":
            assert isinstance(response.body, bytes)
            document = json.loads(response.body)
            return web.json_response(
                {**document, "messages": [{"seq": 2, "token": token, "receipt": receipt}]}
            )
        return None

    world.after = after
    withdrawn = await customer.withdraw(sent.thid)
    assert (withdrawn.state, withdrawn.in_chain) == ("withdrawn", False)
    assert customer.view(sent.thid).state == "proffered"
    assert [e["reason"] for _, e in customer.book.evidence("unverified")] == ["gap"]


async def test_message_waits_until_its_key_is_published(world: World) -> None:
    """The origin is out of reach at first: unverified; later the same message verifies and counts."""
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"]})
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    await vendor.answer_all()
    world.clock.time += 3601  # her copy of the discovery document is too old now
    port = int(vendor.origin.rpartition(":")[2])
    assert vendor._runner is not None
    await vendor._runner.cleanup()
    vendor._runner = None
    (event,) = await customer.poll()
    assert (event.verified, event.reason) == (False, "key-unavailable")
    world.clock.time += 61
    await vendor.serve(port=port)
    (event,) = await customer.poll()
    assert (event.verified, event.state) == (True, "agreed")
    assert not list(customer.book.evidence())
    assert (await customer.thread(sent.thid)).verified


async def test_two_histories_are_noticed_and_kept(world: World) -> None:
    vendor = await world.vendor(policy={"accepts": ["SD-BASE-DP"]})
    customer = await world.customer()
    sent = await customer.proffer(vendor.origin)
    await vendor.answer_all()
    await customer.poll()
    assert world.home is not None
    held = customer.ledger.copies[sent.thid].links
    first = customer.view(sent.thid).thread.first
    claims = {**held[1].claims, "aud": first, "checkpoint": True, "mid": "A" * 43, "state": "rejected"}
    lie = envelope.seal(world.home.signing[0], claims, envelope.RECEIPT)

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == f"/v1/threads/{sent.thid}":
            assert isinstance(response.body, bytes)
            document = json.loads(response.body)
            return web.json_response({**document, "checkpoint": lie})
        return None

    world.after = after
    view = await customer.thread(sent.thid)
    assert (view.state, view.verified, view.reason) == ("agreed", False, "equivocation")
    ((_, evidence),) = customer.book.evidence("equivocation")
    assert evidence["tokens"] == [held[1].receipt, lie]
    await customer.thread(sent.thid)
    assert len(list(customer.book.evidence())) == 1, "kept once"


@pytest.mark.parametrize(
    ("member", "value", "kind"),
    [
        ("mid", "A" * 43, "receipt"),
        ("aud", "https://other.example", "receipt"),
        ("iss", "https://other.example", "receipt"),
        ("thid", "A" * 43, "receipt"),
        ("seq", 2, "receipt"),
        ("state", "agreed", "state"),
        ("key", dict(keys.generate().public.jwk), "key"),
        ("iat", 1_700_000_000, "time"),
        ("checkpoint", True, "receipt"),
    ],
)
async def test_wrong_receipt_means_not_delivered(world: World, member: str, value: Any, kind: str) -> None:
    vendor = await world.vendor()
    customer = await world.customer()

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == "/v1/messages":
            assert world.home is not None
            assert isinstance(response.body, bytes)
            claims = {**envelope.peek(response.body)[1], member: value}
            lie = envelope.seal(world.home.signing[0], claims, envelope.RECEIPT)
            return web.Response(status=202, text=lie, content_type="application/jwt")
        return None

    world.after = after
    with pytest.raises(ChainError) as caught:
        await customer.proffer(vendor.origin)
    assert caught.value.kind == kind
    assert not customer.views()
    assert len(list(customer.book.evidence("refused"))) == 1


async def test_receipt_of_another_key_means_not_delivered(world: World) -> None:
    vendor = await world.vendor()
    customer = await world.customer()

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == "/v1/messages":
            assert isinstance(response.body, bytes)
            lie = envelope.seal(keys.generate(), envelope.peek(response.body)[1], envelope.RECEIPT)
            return web.Response(status=202, text=lie, content_type="application/jwt")
        return None

    world.after = after
    with pytest.raises(ChainError, match="receipt"):
        await customer.proffer(vendor.origin)
    world.after = None


@pytest.mark.parametrize(
    "change", [{"issuer": "https://other.example"}, {"roles": ["organisation"]}, {"keys": 1}]
)
async def test_what_is_no_home(world: World, change: dict[str, Any]) -> None:
    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        if request.path == DISCOVERY:
            assert isinstance(response.body, bytes)
            return web.json_response({**json.loads(response.body), **change})
        return None

    world.after = after
    customer = await world.customer()
    with pytest.raises(WireError, match="no home"):
        await customer.wire.discovery()


async def test_endpoints_come_from_discovery_and_stay_at_the_home(world: World) -> None:
    asked: list[str] = []

    async def after(request: web.Request, response: web.Response) -> web.Response | None:
        asked.append(request.path)
        if request.path == DISCOVERY:
            assert isinstance(response.body, bytes)
            document = json.loads(response.body)
            document["endpoints"] |= {"poll": "/other/poll", "messages": "https://other.example/v1/messages"}
            return web.json_response(document)
        return None

    world.after = after
    customer = await world.customer()
    agent = customer.signer_for("https://shop.example")
    assert (await customer.wire.poll(agent)).status == 404
    assert asked == [DISCOVERY, "/other/poll"]
    with pytest.raises(WireError, match="elsewhere"):
        await customer.wire.post("a.b.c")


async def test_agents_want_https(tmp_path: Path) -> None:
    with pytest.raises(WireError, match="https"):
        await CustomerAgent.open(tmp_path, "http://127.0.0.1:8080")


def test_sync_face(tmp_path: Path) -> None:
    """The whole exchange without ``await``; the home runs on a loop in another thread."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def home() -> None:
        async with AsyncExitStack() as stack:
            built = World(tmp_path, stack)
            await built.start()
            found.extend([built, asyncio.get_running_loop()])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(home()))
    thread.start()
    assert ready.wait(20)
    built, loop = found
    try:
        options = {"home": built.origin, "dev": True, "clock": built.clock}
        with (
            VendorAgent.sync(tmp_path / "shop", policy={"accepts": ["SD-BASE-DP"]}, **options) as vendor,
            CustomerAgent.sync(tmp_path / "ann", **options) as customer,
        ):
            origin = vendor.serve()
            vendor.announce()
            sent = customer.proffer(origin)
            vendor.answer_all()
            assert [e.state for e in customer.poll()] == ["agreed"]
            assert customer.record(sent.thid).ok
            with pytest.raises(Refused):
                customer.withdraw(sent.thid)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
