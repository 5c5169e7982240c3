"""Organisations at names of their own, for a home that is not on loopback: TLS is ended before the suite."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from typer.testing import CliRunner

from conformance import checks, cli, lab
from conformance.results import Verdict, judged
from conformance.session import Origins, Session
from conformance.target import Target, Unreachable, open_target
from tests.broken.zygote import bind, configured
from tests.test_outgoing import certificate
from vrmproto import spec
from vrmproto.outgoing import Outgoing
from vrmproto.server import app
from vrmproto.storage.sqlite import SqliteStore

SPEC = spec.load()
checks.load()
JUDGED = (
    "a-document-that-cannot-be-read-is-said-to-be-so",
    "a-record-with-an-organisation-holds-its-key",
    "a-redirect-is-not-followed",
    "a-request-of-an-organisation-needs-a-key-that-it-publishes",
    "an-addressee-is-not-fetched",
    "an-organisation-offers-where-others-may-not",
    "an-origin-is-asked-once-in-a-minute",
)


def free() -> int:
    with bind() as bound:
        port: int = bound.getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def ending_tls(pem: Path, to: int) -> AsyncIterator[int]:
    """What ends TLS and passes bytes on; its port."""

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        with contextlib.suppress(OSError, RuntimeError):
            sink.close()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)
    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def home(folder: Path) -> AsyncIterator[str]:
    """The reference in this process; its URL."""
    bound = bind()
    port = bound.getsockname()[1]
    _, config = configured(port, {"max_wait": 4})
    store = SqliteStore(folder / "home.db")
    runner = web.AppRunner(app.create_app(app.open_home(SPEC, store, folder, config)))
    await runner.setup()
    await web.SockSite(runner, bound).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
        store.close()


async def test_a_home_elsewhere_reads_keys_at_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        if not host.endswith(".vendors.example"):
            raise OSError("no such name")
        return ["127.0.0.1"]

    pem = certificate(tmp_path, "*.vendors.example")
    trusted = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr(app, "Outgoing", partial(Outgoing, lookup=lookup, tls=trusted))
    listen = free()
    async with (
        ending_tls(pem, listen) as port,
        home(tmp_path) as url,
        aiohttp.ClientSession() as http,
    ):
        target = await open_target(url, SPEC, http)
        origins = await Origins.wanted(target, f"https://*.vendors.example:{port}", ("127.0.0.1", listen))
        assert origins is not None
        session = Session(target, origins)
        try:
            found = [o for name in JUDGED for o in await lab.run_check(session, lab.CHECKS[name])]
        finally:
            await origins.close()
    bad = [(o.requirement, o.check, o.got or o.reason) for o in found if o.verdict is not Verdict.PASS]
    assert not bad
    assert set(judged(found)) >= {"VRM-ID-011", "VRM-ID-013", "VRM-ID-016", "VRM-ENV-026", "VRM-HOM-015"}


async def test_none_are_played_where_none_are_wanted() -> None:
    async with aiohttp.ClientSession() as http:
        near, far = Target("http://127.0.0.1:1", SPEC, http), Target("https://home.example", SPEC, http)
        assert await Origins.wanted(near) is not None
        assert await Origins.wanted(near, "loopback") is not None
        assert await Origins.wanted(far) is None
        assert await Origins.wanted(near, "none") is None


async def test_a_home_that_does_not_find_them_is_told_at_once(tmp_path: Path) -> None:
    form, listen = "https://*.vendors.invalid", ("127.0.0.1", free())
    async with home(tmp_path) as url, aiohttp.ClientSession() as http:
        target = await open_target(url, SPEC, http)
        with pytest.raises(Unreachable, match=r"has not fetched https://o[0-9a-f]+\.vendors\.invalid/"):
            await Origins.wanted(target, form, listen)
        with bind(listen[1]) as taken:  # it was given back
            taken.listen()
            with pytest.raises(Unreachable, match=f"cannot be served at 127.0.0.1:{listen[1]}: Address"):
                await Origins.wanted(target, form, listen)


@pytest.mark.parametrize(
    "words",
    [
        ["--origin", "http://*.vendors.example"],
        ["--origin", "https://vendors.example"],
        ["--origin", "https://*.*.example"],
        ["--origin", "https://*.vendors.example/path"],
        ["--listen", "8088"],
        ["--listen", "127.0.0.1:port"],
        ["--listen", "127.0.0.1:70000"],
    ],
)
def test_what_is_no_origin_is_said_at_once(words: list[str]) -> None:
    done = CliRunner().invoke(cli.app, ["check", "server", "--url", "http://127.0.0.1:1", *words])
    assert done.exit_code == 2
    assert f"{words[0]} {words[1]}: is to be " in done.stderr
