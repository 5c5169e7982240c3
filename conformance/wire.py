"""A client that can say anything: raw requests, wrong lengths, slow bodies; and what checks share."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import ssl
import time
from collections.abc import Awaitable, Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from multidict import CIMultiDict

from conformance import jose
from conformance.lab import Lab, Party
from conformance.results import Exchange
from conformance.target import Answer

__all__ = ["DISCOVERY", "MEDIA", "head", "header", "post", "proffer", "shop", "speak", "together"]

DISCOVERY = "/.well-known/vrm-configuration"
MEDIA = {"Content-Type": "application/jwt"}


def header(answer: Answer, name: str) -> str:
    """A header of an answer, whatever letters its name is written in; ''."""
    return next((v for n, v in answer.headers.items() if n.lower() == name.lower()), "")


def head(lab: Lab, method: str, path: str, *lines: bytes, host: str = "") -> bytes:
    """The head of a request, up to its empty line."""
    named = host or urlsplit(lab.target.url).netloc
    first = f"{method} {path} HTTP/1.1\r\nHost: {named}\r\nConnection: close".encode()
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def post(lab: Lab, body: bytes, *lines: bytes, media: bytes = b"application/jwt", at: str = "") -> bytes:
    """The bytes of a POST, by default of a message; ``media`` empty leaves the media type out."""
    path = urlsplit(at or lab.target.endpoint("messages")).path
    named = [b"Content-Type: " + media] if media else []
    size = b"Content-Length: %d" % len(body)
    coded = any(line.lower().startswith((b"transfer-encoding", b"content-length")) for line in lines)
    return head(lab, "POST", path, *named, *lines, *([] if coded else [size])) + body


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        """What :class:`http.client.HTTPResponse` reads from."""
        return io.BytesIO(self.data)


def _read(data: bytes, seconds: float) -> Answer:
    response = http.client.HTTPResponse(cast(Any, _Bytes(data)))
    try:
        response.begin()
        body = response.read()
    except http.client.IncompleteRead as error:
        body = error.partial
    except (http.client.HTTPException, ValueError, OSError):
        return Answer(0, {}, data, seconds)
    return Answer(response.status, CIMultiDict(response.getheaders()), body, seconds)


def _whole(data: bytes) -> bool:
    top, mark, body = data.partition(b"\r\n\r\n")
    lines = top.lower().split(b"\r\n")
    if not mark or lines[0].split(b" ")[1:2] == [b"100"]:
        return False
    for line in lines:
        if line.startswith(b"content-length:") and line[15:].strip().isdigit():
            return len(body) >= int(line[15:])
    return body.endswith(b"0\r\n\r\n")


async def speak(lab: Lab, label: str, *parts: bytes, pause: float = 0.0, limit: float = 8.0) -> Answer:
    """Send these bytes over a connection of their own; status 0 where it was closed without an answer."""
    where = urlsplit(lab.target.url)
    secure = where.scheme == "https"
    began, data = time.monotonic(), b""
    reader, writer = await asyncio.open_connection(
        where.hostname,
        where.port or (443 if secure else 80),
        ssl=ssl.create_default_context() if secure else None,
    )

    async def send() -> None:
        with contextlib.suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

    sending = asyncio.ensure_future(send())
    try:
        async with asyncio.timeout(limit):
            while not _whole(data) and (more := await reader.read(65536)):
                data += more
    except (OSError, TimeoutError):
        pass
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        writer.close()
    answer = _read(data, time.monotonic() - began)
    said = b"".join(parts)[:2000].decode("latin-1")
    named = dict(answer.headers)
    lab.talk.exchanges.append(
        Exchange(
            label, "RAW", lab.target.url, {}, said, answer.status, named, answer.text[:4000], answer.seconds
        )
    )
    lab.target.count("requests")
    return answer


async def together(works: Iterable[Awaitable[Any]], most: int = 12) -> list[Any]:
    """Do many things at once, but not more than ``most``; their answers in order."""
    gate, todo = asyncio.Semaphore(most), list(works)

    async def one(work: Awaitable[Any]) -> Any:
        async with gate:
            return await work

    tasks = [asyncio.ensure_future(one(work)) for work in todo]
    try:
        return await asyncio.gather(*tasks)
    finally:  # where one of them has failed the others are not to go on
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for work in todo:
            if asyncio.iscoroutine(work):
                work.close()


def proffer(lab: Lab, first: Party, second: Party, **claims: Any) -> str:
    """A right proffer as a token, not sent."""
    body = claims.pop("body", None) or lab.bodies.proffer()
    return jose.token(first.key, lab.claims(first, "terms.proffer", second.id, body, **claims))


async def shop(lab: Lab) -> Party:
    """An organisation that checks share: a home may bound how many new origins one client names."""
    made = await lab.session.organisation("core", ["core"], (), {}, True)
    return Party(made.origin, made.keys["core"], "an organisation")
