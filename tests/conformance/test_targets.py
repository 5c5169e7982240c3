"""Targets that are no home, half of one, or hostile: a plain diagnosis or a verdict, never a traceback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from conformance import jose, report, target
from conformance.results import Verdict, judged
from conformance.runner import Options, run
from tests.broken.launch import launched
from vrmproto import spec

SPEC = spec.load()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(answer: bytes, pause: float = 0, hold: bool = False) -> AsyncIterator[str]:
    """A socket that writes these bytes to whoever connects, slowly if wanted."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(2000)
            for place in range(0, len(answer), 1 if pause else len(answer) or 1):
                writer.write(answer[place : place + (1 if pause else len(answer))])
                await writer.drain()
                await asyncio.sleep(pause)
            if hold:
                await asyncio.sleep(30)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def diagnosis(url: str) -> str:
    with pytest.raises(target.Unreachable) as refused:
        await run(Options(url), SPEC)
    return str(refused.value)


def discovery(url: str) -> dict[str, Any]:
    key = jose.generate()
    return {
        "issuer": url,
        "versions": ["1.0"],
        "roles": ["home"],
        "types": sorted(SPEC.types),
        "profiles": ["core", "terms", "intent"],
        "keys": jose.published(key),
    }


@pytest.mark.parametrize("url", ["home.example", "ftp://home.example", "", "http://"])
async def test_no_url_of_a_home(url: str) -> None:
    assert "is to be the URL of a home" in await diagnosis(url)


async def test_nothing_listens() -> None:
    assert "127.0.0.1:1/.well-known" in await diagnosis("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "Server disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{}", ""),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ""),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            "no JSON but text/html",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers 404"),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "answers 301"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "no object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "lacks issuer, keys, types"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", ""),
    ],
)
async def test_what_is_no_home(answer: bytes, said: str) -> None:
    async with raw(answer) as url:
        told = await diagnosis(url)
        assert said in told
        assert url in told


async def test_a_target_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "LIMIT", 0.4)
    async with raw(b"", hold=True) as url:
        assert "no answer within" in await diagnosis(url)


async def test_a_target_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "LIMIT", 0.4)
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + b"x" * 4000, pause=0.05) as url:
        assert "no answer within" in await diagnosis(url)


async def test_an_organisation_is_no_home() -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        return web.json_response({**discovery(f"http://{request.host}"), "roles": ["organisation"]})

    async with serving(serve) as url:
        assert "organisation and not of a home" in await diagnosis(url)


async def test_half_a_discovery_document() -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        return web.json_response({**discovery(f"http://{request.host}"), "keys": "none"})

    async with serving(serve) as url:
        assert "/keys must be of type array" in await diagnosis(url)


def stub(status: int, text: str = "", media: str = "application/jwt") -> Handler:
    """A home in ten lines that answers everything alike."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/.well-known/vrm"):
            return web.json_response(discovery(f"http://{request.host}"))
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200, text=text, content_type=media)

    return serve


PROBLEM = json.dumps({"type": "about:blank", "code": "body-invalid", "status": 400})


@pytest.mark.parametrize(
    "handler",
    [
        stub(202, "e30.e30.e30"),
        stub(400, PROBLEM, "application/problem+json"),
        stub(200, "{}", "application/json"),
        stub(500, "oops", "text/plain"),
        stub(0),
    ],
    ids=["takes-all", "refuses-all", "empty", "breaks", "hangs-up"],
)
async def test_a_stub_scores_nothing_and_is_told_why(handler: Handler) -> None:
    async with serving(handler) as url:
        made = await run(Options(url, mode="quick"), SPEC)
    assert made.control
    verdicts = judged(made.outcomes)
    homes = {r.id for r in SPEC.requirements.values() if r.role == "home" and r.level.startswith("MUST")}
    assert not [r for r in homes if verdicts[r] is Verdict.PASS and r not in SIMPLE]
    document = report.document(made, SPEC)
    assert document["exit"] in (1, 3)
    assert not document["conformant"]


SIMPLE = {"VRM-HOM-030", "VRM-HOM-033"}
"""What one answer alone can keep to: no 5xx, and the header for browsers."""


async def test_a_home_whose_keys_change_in_the_middle_fails() -> None:
    """Receipts that no key of the discovery document verifies are found, and nothing breaks down."""
    async with launched(None) as home:
        import aiohttp

        async with aiohttp.ClientSession() as http:

            async def serve(request: web.Request) -> web.StreamResponse:
                data = await request.read()
                headers = {k: v for k, v in request.headers.items() if k not in ("Host", "Content-Length")}
                async with http.request(
                    request.method, f"{home.url}{request.path_qs}", headers=headers, data=data or None
                ) as answer:
                    body = await answer.read()
                    if request.path.endswith("vrm-configuration"):
                        document = json.loads(body)
                        document["keys"] = jose.published(jose.generate())
                        body = json.dumps(document).encode()
                    passed = {k: v for k, v in answer.headers.items() if k in KEPT}
                    return web.Response(status=answer.status, body=body, headers=passed)

            async with serving(serve) as url:
                made = await run(Options(url, mode="selftest"), SPEC)
    assert made.control


KEPT = ("Content-Type", "Access-Control-Allow-Origin", "Retry-After")


async def test_time_that_is_over_leaves_things_open() -> None:
    async with launched(None) as home:
        made = await run(Options(home.url, mode="quick", max_time=0.01), SPEC)
    reasons = {o.reason for o in made.outcomes if o.verdict is Verdict.INCONCLUSIVE}
    assert "--max-time was over" in reasons
    assert report.document(made, SPEC)["exit"] == 3
