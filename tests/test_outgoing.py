"""The guarded session and the cache of organisations' keys (VRM-ID-009 to VRM-ID-016)."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vrmproto import keys
from vrmproto.errors import ProtocolError
from vrmproto.keys import KeySet
from vrmproto.outgoing import DISCOVERY, KeyCache, Outgoing, OutgoingError, is_loopback, is_public

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.1.2.3 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7
    203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8
    64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2
    2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3ffe::1 3fff::1 5f00::1 fc00::1
    fd00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1 2606:4700::1%eth0
    """
PUBLIC = "1.1.1.1 8.8.8.8 93.184.215.14 2606:4700:4700::1111 2a00:1450:4001:80b::200e"


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_address_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_address_is_public(address: str) -> None:
    assert is_public(address)
    assert not is_loopback(address)


def test_loopback_has_two_spellings_only() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not any(map(is_loopback, ["::ffff:127.0.0.1", "2130706433", "0.0.0.0", "localhost"]))


SPELLINGS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1:8443/",
    "https://good@127.0.0.1/",
    "https://user:secret@shop.example/",
    "https://127.0.0.1#@good.example/",
    "https://good.example\\@127.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://shop.example./",
    "https://SHOP.example/",
    "https://shop..example/",
    "https://-shop.example/",
    "https://shop.example:0/",
    "https://shop.example:99999/",
    "https://shop.example/a b",
    "https://shop.example/\r\nHost: other",
    "https://shop.example/#part",
    "https:///etc/passwd",
    "file:///etc/passwd",
    "gopher://shop.example/",
    "unix:///run/socket",
    "http+unix://%2Frun%2Fsocket/",
    "ftp://shop.example/",
    "shop.example",
    "",
]


@pytest.mark.parametrize(
    "url", [*SPELLINGS, "http://shop.example/", "http://127.0.0.1/", "http://localhost/"]
)
async def test_url_is_refused_before_anything_is_asked(url: str) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise AssertionError("no name is looked up")

    async with Outgoing(lookup=lookup) as outgoing:
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get_json(url)
    assert caught.value.kind in ("url", "address")


@pytest.mark.parametrize(
    "url", ["http://shop.example/", "http://127.0.0.2/", "http://[::1]/", "http://10.0.0.1/"]
)
async def test_development_mode_allows_http_on_two_hosts_only(url: str) -> None:
    outgoing = Outgoing(dev=True)
    with pytest.raises(OutgoingError, match="url"):
        outgoing.check_url(url)
    outgoing.check_url("http://127.0.0.1:8080/x")
    outgoing.check_url("http://localhost/x?y=1")
    outgoing.check_url("https://shop.example/x")


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None):
    """An origin on loopback that counts its requests."""
    hits: list[str] = []

    async def counted(request: web.Request) -> web.StreamResponse:
        hits.append(request.path)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", counted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", hits
    finally:
        await runner.cleanup()


async def hello(_: web.Request) -> web.Response:
    return web.json_response({"hello": 1})


async def test_json_arrives_as_bytes() -> None:
    async with serving(hello) as (origin, hits), Outgoing(dev=True) as outgoing:
        assert json.loads(await outgoing.get_json(origin + "/a")) == {"hello": 1}
        named = origin.replace("127.0.0.1", "localhost")
        assert json.loads(await outgoing.get_json(named + "/b")) == {"hello": 1}
        assert hits == ["/a", "/b"]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["1.1.1.1", "127.0.0.1"],
        ["::1", "2606:4700::1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
    ],
)
async def test_one_bad_address_refuses_the_name(addresses: list[str]) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return addresses

    async with serving(hello) as (origin, hits), Outgoing(lookup=lookup) as outgoing:
        port = origin.rpartition(":")[2]
        with pytest.raises(OutgoingError, match="address"):
            await outgoing.get_json(f"https://shop.example:{port}/")
        assert not hits


async def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    """First public, then loopback: asked once per fetch, and the connection goes where the answer said."""
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["240.0.0.1"] if len(asked) == 1 else ["127.0.0.1"]

    tried: list[str] = []

    class Lenient(Outgoing):
        def allowed(self, address: str) -> bool:
            tried.append(address)
            return address == "240.0.0.1"  # stands for a public address; nothing answers there

    async with serving(hello) as (origin, hits), Lenient(lookup=lookup, timeout=0.3) as outgoing:
        url = f"https://shop.example:{origin.rpartition(':')[2]}/"
        with pytest.raises(OutgoingError) as first:
            await outgoing.get_json(url)
        assert first.value.kind in ("connection", "timeout")
        assert asked == ["shop.example"]
        assert set(tried) == {"240.0.0.1"}
        with pytest.raises(OutgoingError) as second:
            await outgoing.get_json(url)
        assert second.value.kind == "address"
        assert not hits


async def test_no_socket_is_made_for_an_address_that_slips_through() -> None:
    """The last gate holds alone: neither the URL nor the resolver is asked here."""

    class Blind(Outgoing):
        def check_url(self, url: str) -> None:
            pass

    async with serving(hello) as (origin, hits), Blind() as outgoing:
        with pytest.raises(OutgoingError, match="address"):
            await outgoing.get_json(origin + "/")
        assert not hits


async def answer_with(request: web.Request) -> web.StreamResponse:
    kind = request.path[1:]
    if kind == "redirect":
        raise web.HTTPFound("/fine")
    if kind == "missing":
        return web.json_response({}, status=404)
    if kind == "created":
        return web.json_response({}, status=201)
    if kind == "html":
        return web.Response(text="<p>{}</p>", content_type="text/html")
    if kind == "coded":
        return web.Response(body=b"{}", content_type="application/json", headers={"Content-Encoding": "gzip"})
    if kind == "large":
        return web.json_response({"a": "x" * 70_000})
    if kind in ("endless", "slow"):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" " * (1000 if kind == "endless" else 1))
            await asyncio.sleep(0 if kind == "endless" else 0.05)
        return response
    return web.json_response({})


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("redirect", "redirect"),
        ("missing", "status"),
        ("created", "status"),
        ("html", "media"),
        ("coded", "media"),
        ("large", "too-large"),
        ("endless", "too-large"),
        ("slow", "timeout"),
    ],
)
async def test_answer_is_refused(path: str, kind: str) -> None:
    async with serving(answer_with) as (origin, hits), Outgoing(dev=True, timeout=0.5) as outgoing:
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get_json(f"{origin}/{path}")
        assert caught.value.kind == kind
        assert hits == [f"/{path}"], "nothing was asked twice or elsewhere"


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate of one name with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_https_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    pem = certificate(tmp_path, "shop.example")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    trusted = ssl.create_default_context(cafile=str(pem))
    async with serving(hello, server) as (origin, hits):
        port = origin.rpartition(":")[2]
        async with Outgoing(dev=True, lookup=lookup, tls=trusted) as outgoing:
            await outgoing.get_json(f"https://shop.example:{port}/")
            with pytest.raises(OutgoingError, match="connection"):
                await outgoing.get_json(f"https://other.example:{port}/")
        async with Outgoing(dev=True, lookup=lookup) as outgoing:
            with pytest.raises(OutgoingError, match="connection"):
                await outgoing.get_json(f"https://shop.example:{port}/")
        assert hits == ["/"]


async def test_nothing_listens() -> None:
    async with Outgoing(dev=True) as outgoing:
        with pytest.raises(OutgoingError, match="connection"):
            await outgoing.get_json("http://127.0.0.1:1/")


async def test_unknown_name() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async with Outgoing(lookup=lookup) as outgoing:
        with pytest.raises(OutgoingError, match="dns"):
            await outgoing.get_json("https://shop.example/")


async def test_environment_names_no_proxy_and_no_cookie_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    cookies: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie", ""))
        response = web.json_response({})
        response.set_cookie("id", "1")
        return response

    async with serving(handler) as (origin, _), Outgoing(dev=True) as outgoing:
        await outgoing.get_json(origin + "/")
        await outgoing.get_json(origin + "/")
    assert cookies == ["", ""]


# --- KeyCache ----------------------------------------------------------------------------------


class Origin:
    """Stands for all origins: what they publish, and when they were asked."""

    def __init__(self) -> None:
        self.dev = False
        self.asked: list[str] = []
        self.keys = {"a": keys.generate(), "b": keys.generate("ES256")}
        self.listed = ["a"]
        self.revoked: list[str] = []
        self.fails = ""
        self.issuer = ""
        self.gate: asyncio.Event | None = None

    def kid(self, name: str) -> str:
        return self.keys[name].public.kid

    async def get_json(self, url: str, limit: int = 65536) -> bytes:
        self.asked.append(url)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise OutgoingError(self.fails, "as the test says")
        document = {
            "issuer": self.issuer or url.removesuffix(DISCOVERY),
            "keys": [{**self.keys[n].public.jwk, "kid": self.kid(n)} for n in self.listed],
            "historical_keys": [{"kid": self.kid(n), "revoked_at": 1} for n in self.revoked],
        }
        return json.dumps(document).encode()


class Shelf:
    """A store for key sets, as a home has one."""

    def __init__(self) -> None:
        self.held: dict[str, KeySet] = {}

    def load(self, origin: str) -> KeySet | None:
        return self.held.get(origin)

    def save(self, seen: KeySet) -> None:
        self.held[seen.origin] = seen


SHOP = "https://shop.example"


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def cache_of(origin: Origin, shelf: Shelf, **options) -> KeyCache:
    outgoing = cast(Outgoing, origin)  # it has the one method of it that the cache calls
    return KeyCache(outgoing, load=shelf.load, save=shelf.save, clock=lambda: 1_000.0, **options)


async def code_of(work: Awaitable[KeySet], kid: str) -> str:
    try:
        (await work).find(kid)
    except ProtocolError as error:
        return error.code
    return ""


async def test_a_document_serves_an_hour_and_no_longer(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    for now in (1000, 1001, 1061, 4599):
        assert (await cache.key_set(SHOP, origin.kid("a"), now)).seen_at == 1000
    assert origin.asked == [SHOP + DISCOVERY]
    assert (await cache.key_set(SHOP, origin.kid("a"), 4600)).seen_at == 4600
    assert len(origin.asked) == 2


async def test_after_an_hour_an_origin_out_of_reach_has_no_keys(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    await cache.key_set(SHOP, origin.kid("a"), 1000)
    origin.fails = "connection"
    assert await code_of(cache.key_set(SHOP, origin.kid("a"), 4599), origin.kid("a")) == ""
    assert await code_of(cache.key_set(SHOP, origin.kid("a"), 4600), origin.kid("a")) == "key-unavailable"


async def test_unknown_kid_fetches_once_a_minute(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    await cache.key_set(SHOP, origin.kid("a"), 1000)
    for now in range(1000, 1061, 5):
        assert await code_of(cache.key_set(SHOP, origin.kid("b"), now), origin.kid("b")) == "key-unknown"
    assert len(origin.asked) == 1
    origin.listed = ["a", "b"]
    assert await code_of(cache.key_set(SHOP, origin.kid("b"), 1061), origin.kid("b")) == ""
    assert len(origin.asked) == 2


@pytest.mark.parametrize("fails", ["timeout", "address", "redirect", "status"])
async def test_a_failure_is_remembered_for_the_minute(origin: Origin, shelf: Shelf, fails: str) -> None:
    cache = cache_of(origin, shelf)
    origin.fails = fails
    for now in (1000, 1001, 1030, 1060):
        assert await code_of(cache.key_set(SHOP, "x", now), "x") == "key-unavailable"
    assert len(origin.asked) == 1
    origin.fails = ""
    assert await code_of(cache.key_set(SHOP, origin.kid("a"), 1061), origin.kid("a")) == ""


async def test_another_issuer_is_no_document(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    origin.issuer = "https://other.example"
    with pytest.raises(ProtocolError) as caught:
        await cache.key_set(SHOP, origin.kid("a"), 1000)
    assert (caught.value.code, caught.value.rule) == ("key-unavailable", "VRM-ID-011")
    assert not shelf.held


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b'{"issuer":"https://shop.example","keys":[],"keys":[]}', b"7"]
)
async def test_what_is_no_document(
    origin: Origin, shelf: Shelf, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get_json(url: str, limit: int = 65536) -> bytes:
        return raw

    monkeypatch.setattr(origin, "get_json", get_json)
    assert await code_of(cache_of(origin, shelf).key_set(SHOP, "x", 1000), "x") == "key-unavailable"


async def test_callers_share_one_flight(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    origin.gate = asyncio.Event()
    callers = [asyncio.create_task(cache.key_set(SHOP, origin.kid("a"), 1000)) for _ in range(50)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.sleep(0)
    origin.gate.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {type(r) for r in results[1:]} == {KeySet}
    assert len(origin.asked) == 1


async def test_a_known_key_does_not_wait_for_a_flight(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    await cache.key_set(SHOP, origin.kid("a"), 1000)
    origin.gate = asyncio.Event()
    other = asyncio.create_task(cache.key_set(SHOP, origin.kid("b"), 1100))
    await asyncio.sleep(0)
    assert (await cache.key_set(SHOP, origin.kid("a"), 1100)).seen_at == 1000
    await cache.close()
    assert isinstance((await asyncio.gather(other, return_exceptions=True))[0], asyncio.CancelledError)


async def test_budget_of_unknown_origins_by_address(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    origin.fails = "connection"

    async def ask(n: int, client: str, now: int = 1000) -> None:
        assert await code_of(cache.key_set(f"https://o{n}.example", "x", now, client=client), "x")

    for n in range(40):
        await ask(n, "192.0.2.1")
    assert len(origin.asked) == 30
    await ask(100, "192.0.2.2")
    assert len(origin.asked) == 31, "another address has its own budget"
    await ask(101, "192.0.2.1", 1061)
    assert len(origin.asked) == 32, "a minute later there is a new one"


async def test_budget_counts_an_ipv6_subscriber_once(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf, budget=2)
    for n in range(5):
        await code_of(cache.key_set(f"https://o{n}.example", "x", 1000, client=f"2001:db8::{n}"), "x")
    assert len(origin.asked) == 2


async def test_a_known_origin_costs_no_budget(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf, budget=1)
    for now in (1000, 5000, 5001, 9000):
        assert (
            await code_of(cache.key_set(SHOP, origin.kid("a"), now, client="192.0.2.1"), origin.kid("a"))
            == ""
        )


async def test_memory_is_bounded(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf, capacity=16, budget=1)
    for n in range(200):
        await code_of(cache.key_set(f"https://o{n}.example", "x", 1000, client=f"10.0.0.{n}"), "x")
    assert len(cache._origins) <= 16
    assert len(cache._spent) <= 16
    assert len(origin.asked) <= 16, "within one minute no origin is forgotten to make room"


async def test_a_revoked_key_stays_revoked(origin: Origin, shelf: Shelf) -> None:
    cache = cache_of(origin, shelf)
    assert await code_of(cache.key_set(SHOP, origin.kid("a"), 1000), origin.kid("a")) == ""
    origin.listed, origin.revoked = ["b"], ["a"]
    assert await code_of(cache.key_set(SHOP, origin.kid("b"), 1100), origin.kid("b")) == ""
    assert await code_of(cache.key_set(SHOP, origin.kid("a"), 1101), origin.kid("a")) == "key-revoked"
    origin.listed, origin.revoked = ["a", "b"], []  # the origin takes it back, against VRM-ID-019
    for now, cached in ((9000, cache), (20000, cache), (20001, cache_of(origin, shelf))):
        assert await code_of(cached.key_set(SHOP, origin.kid("a"), now), origin.kid("a")) == "key-revoked"
        assert await code_of(cached.key_set(SHOP, origin.kid("b"), now), origin.kid("b")) == ""


async def test_a_revoked_key_needs_no_origin(origin: Origin, shelf: Shelf) -> None:
    origin.listed, origin.revoked = ["b"], ["a"]
    await cache_of(origin, shelf).key_set(SHOP, origin.kid("b"), 1000)
    origin.fails = "connection"
    restarted = cache_of(origin, shelf)
    assert await code_of(restarted.key_set(SHOP, origin.kid("a"), 900_000), origin.kid("a")) == "key-revoked"
    assert len(origin.asked) == 1


async def test_restart_keeps_the_hour_and_the_minute(origin: Origin, shelf: Shelf) -> None:
    await cache_of(origin, shelf).key_set(SHOP, origin.kid("a"), 1000)
    restarted = cache_of(origin, shelf)
    assert await code_of(restarted.key_set(SHOP, origin.kid("a"), 1030), origin.kid("a")) == ""
    assert await code_of(restarted.key_set(SHOP, origin.kid("b"), 1031), origin.kid("b")) == "key-unknown"
    assert len(origin.asked) == 1


async def test_a_revocation_that_another_process_learned_counts_within_a_second(
    origin: Origin, shelf: Shelf
) -> None:
    cache = cache_of(origin, shelf)
    kept = await cache.key_set(SHOP, origin.kid("a"), 1000)
    shelf.save(KeySet(SHOP, kept.keys, frozenset({origin.kid("a")}), 1000, kept.document))
    assert await code_of(cache.key_set(SHOP, origin.kid("a"), 1000.9), origin.kid("a")) == "key-revoked"


async def test_what_cannot_be_stored_is_not_used(origin: Origin, shelf: Shelf) -> None:
    def save(_: KeySet) -> None:
        raise RuntimeError("disk full")

    cache = KeyCache(cast(Outgoing, origin), load=shelf.load, save=save, clock=lambda: 1000.0)
    with pytest.raises(RuntimeError):
        await cache.key_set(SHOP, origin.kid("a"))
    with pytest.raises(ProtocolError, match="key-unavailable"):
        await cache.key_set(SHOP, origin.kid("a"))


async def test_over_http_in_development_mode(shelf: Shelf) -> None:
    key = keys.generate()

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"issuer": f"http://{request.host}", "keys": [dict(key.public.jwk)]})

    async with serving(handler) as (here, hits), Outgoing(dev=True) as outgoing:
        cache = KeyCache(outgoing, load=shelf.load, save=shelf.save, clock=lambda: 1000.0)
        assert (await cache.key_set(here, key.public.kid)).find(key.public.kid) == key.public
        assert hits == [DISCOVERY]
        strict = KeyCache(Outgoing(), load=lambda _: None, save=shelf.save, clock=lambda: 1000.0)
        assert await code_of(strict.key_set(here, key.public.kid), key.public.kid) == "key-unavailable"
        assert hits == [DISCOVERY]
