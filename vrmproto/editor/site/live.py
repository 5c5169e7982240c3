"""Serves the site of a spec folder while it is edited: builds anew after each change, reloads open pages.

The site is held in memory. A folder that cannot be built leaves the old site up: its findings are shown on
every open page and in the terminal. Only the standard library watches: file times, four times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import mimetypes
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web

from vrmproto.editor.folder import Finding
from vrmproto.editor.site.build import SiteError, build, read_checks

__all__ = ["INTERVAL", "Live", "serve", "snapshot"]

INTERVAL = 0.25
"""Seconds between two looks at the folder."""

_SCRIPT = "/.live/reload.js"
_RELOAD = """"use strict";
(() => {
  const own = document.currentScript.dataset.stamp;
  const box = document.createElement("pre");
  box.setAttribute("role", "alert");
  box.style.cssText =
    "position:sticky;top:0;margin:0;z-index:9;max-height:50vh;overflow:auto;" +
    "white-space:pre-wrap;border:3px solid #b3261e";
  new EventSource("/.live/events").addEventListener("site", (event) => {
    const told = JSON.parse(event.data);
    if (told.stamp !== own) { location.reload(); return; }
    box.textContent = told.findings
      .map((f) => `${f.file}:${f.line}: ${f.code}\\n  ${f.message}\\n  right would be: ${f.remedy}`)
      .join("\\n");
    if (told.findings.length) document.body.prepend(box); else box.remove();
  });
})();
"""


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Path to time and size of every file that the site is made of; vectors have no page but one."""
    found: dict[str, tuple[int, int]] = {}
    folders = [root]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # it went away meanwhile
                    if not entry.is_dir():
                        stat = entry.stat()
                        found[entry.path] = (stat.st_mtime_ns, stat.st_size)
                    elif entry.name != "vectors":
                        folders.append(Path(entry.path))
    for path in (root / "vectors/README.md", root.resolve().parent / "CHANGELOG.md"):
        with contextlib.suppress(OSError):
            found[str(path)] = (path.stat().st_mtime_ns, path.stat().st_size)
    return found


class Live:
    """The site as it was built last, and who waits for the next one.

    ``say`` gets a line for people after each build. ``checks`` is the file that ``spec build`` takes.
    """

    def __init__(
        self,
        root: Path,
        *,
        checks: Path | None = None,
        previous: Path | None = None,
        say: Callable[[str, Sequence[Finding]], None] = lambda line, findings: None,
    ) -> None:
        self.root = root
        self.files: Mapping[str, bytes] = {}
        self.findings: list[Finding] = []
        self.stamp = ""
        """Names the bytes of the site."""
        self._checks = checks
        self._previous = previous
        self._say = say
        self._readers: set[asyncio.Queue[bytes]] = set()
        self._seen: dict[str, tuple[int, int]] = {}

    def rebuild(self) -> None:
        """Build the folder as it is now; what cannot be built leaves the site and is found instead."""
        self._seen = snapshot(self.root)
        try:
            checks = read_checks(self._checks) if self._checks else None
            files = build(self.root, checks=checks, previous=self._previous)
        except SiteError as error:
            self.findings = error.findings
            return
        except OSError as error:  # a file that went away between two looks
            where = str(error.filename or self.root)
            self.findings = [Finding("file-missing", where, 0, str(error.strerror), "put the file there")]
            return
        digest = hashlib.sha256()
        for path, content in files.items():
            digest.update(f"{path} {len(content)}\n".encode() + content)
        self.files, self.findings, self.stamp = files, [], digest.hexdigest()[:16]

    async def watch(self) -> None:
        """Rebuild after every change, for ever, and tell every open page."""
        while True:
            await asyncio.sleep(INTERVAL)
            if snapshot(self.root) != self._seen:
                await asyncio.to_thread(self.rebuild)
                self.tell()

    def tell(self) -> None:
        """Say how the site stands, to all open pages and to people."""
        for reader in self._readers:
            reader.put_nowait(self._event())
        self._say(f"{len(self.files)} files" if not self.findings else "not built", self.findings)

    def _event(self) -> bytes:
        told = {"stamp": self.stamp, "findings": [dataclasses.asdict(f) for f in self.findings]}
        return f"event: site\ndata: {json.dumps(told)}\n\n".encode()

    # --- over HTTP -------------------------------------------------------------------------------

    def app(self) -> web.Application:
        """An application that serves the site; the folder is watched while it runs."""
        app = web.Application()
        app.router.add_get("/.live/events", self._events)
        app.router.add_get(_SCRIPT, self._script)
        app.router.add_get("/{path:.*}", self._file)
        app.cleanup_ctx.append(self._watched)
        return app

    async def _watched(self, _app: web.Application) -> AsyncIterator[None]:
        await asyncio.to_thread(self.rebuild)
        self.tell()
        task = asyncio.create_task(self.watch())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        mine: asyncio.Queue[bytes] = asyncio.Queue()
        self._readers.add(mine)
        try:
            await response.write(self._event())
            while True:
                await response.write(await mine.get())
        except ConnectionError:
            return response  # the page was closed
        finally:
            self._readers.discard(mine)

    async def _script(self, _request: web.Request) -> web.Response:
        return web.Response(text=_RELOAD, content_type="text/javascript")

    async def _file(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path == "" or path.endswith("/"):
            path += "index.html"
        content = self.files.get(path)
        if content is None:
            return self._absent(path)
        kind = mimetypes.guess_type(path)[0] or "text/plain"
        if kind == "text/html":
            content = content.replace(b"</body>", self._tag() + b"</body>")
        text = kind.startswith("text/") or kind in ("application/json", "application/javascript")
        headers = {"Content-Type": kind + ("; charset=utf-8" if text else ""), "Cache-Control": "no-store"}
        return web.Response(body=content, headers=headers)

    def _absent(self, path: str) -> web.Response:
        """No such page, or no site at all yet."""
        what = f"There is no {escape(path)}." if self.files else "The site could not be built so far."
        page = f'<!doctype html><html lang="en"><title>VRM Protocol</title><body><main><h1>{what}</h1></main>'
        body = page.encode() + self._tag() + b"</body></html>"
        return web.Response(body=body, status=404 if self.files else 503, content_type="text/html")

    def _tag(self) -> bytes:
        return f'<script src="{_SCRIPT}" data-stamp="{self.stamp}"></script>'.encode()


async def serve(live: Live, port: int, ready: Callable[[str], Any]) -> None:
    """Serve on loopback until cancelled; ``ready`` gets the URL. OSError if the port is taken."""
    runner = web.AppRunner(live.app(), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        address = runner.addresses[0]
        ready(f"http://{address[0]}:{address[1]}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
