"""Serves a site of files from memory: the specification, at ``/spec`` of a home."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web

from vrmproto.errors import ProtocolError
from vrmproto.server.http import CORS, static, tag_of

__all__ = ["Build", "Pages"]

Build = Callable[[], Mapping[str, bytes]]
"""Makes the files, path such as ``errors/index.html`` to bytes; it may take seconds."""

_MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "mmd": "text/plain; charset=utf-8",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # nothing comes from elsewhere, and nothing stands in the pages but what their files say
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


class _File(NamedTuple):
    data: bytes
    media: str
    tag: str


def _file(path: str, data: bytes) -> _File:
    media = _MEDIA.get(path.rpartition(".")[2], "application/octet-stream")
    return _File(data, media, tag_of(data))


class Pages:
    """The files of one site, made at the first request and kept; :meth:`page` is the handler."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._files: Mapping[str, _File] = {}
        self._making: asyncio.Task[None] | None = None

    async def page(self, request: web.Request) -> web.StreamResponse:
        """``GET /spec/{path}``: a file, or the ``index.html`` of a folder; ``.html`` may be left out."""
        if not self._files:
            await self._made()
        path: str | None = request.match_info.get("path")
        if path is None or f"{path}/index.html" in self._files:
            # links in a page are relative: a folder's address ends in a slash
            name = quote(path.rpartition("/")[2]) if path else "spec"
            return web.Response(status=308, headers={**CORS, "Location": f"{name}/"})
        for name in (path or "index.html", f"{path}.html", f"{path}index.html"):
            if file := self._files.get(name):
                return static(request, file.data, file.media, tag=file.tag, **_HEADERS)
        detail = "the specification has no such page; /spec/ begins it"
        raise ProtocolError("not-found", detail, rule="VRM-HOM-032")

    async def _made(self) -> None:
        """Make the files off the loop, once however many ask; after a fault the next one tries again."""
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        making = self._making
        try:
            await asyncio.shield(making)
        finally:
            if making.done() and self._making is making:
                self._making = None

    async def _make(self) -> None:
        def make() -> dict[str, _File]:
            return {path: _file(path, data) for path, data in self._build().items()}

        self._files = await asyncio.to_thread(make)
