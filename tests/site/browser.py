"""A site in a real Chromium: where it is served, what is seen there, and what is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as files_of
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    ViewportSize,
    sync_playwright,
)

from vrmproto.server.pages import Pages

__all__ = ["PHONE", "Sight", "launched", "look", "seen", "served"]

PROGRAM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PHONE: ViewportSize = {"width": 375, "height": 720}
AXE = files_of("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
DESK: ViewportSize = {"width": 1280, "height": 900}


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """For a fixture: the system's Chromium. In CI it has to be there; elsewhere these tests wait for one."""
    if not os.access(PROGRAM, os.X_OK):
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no Chromium at {PROGRAM}")
        pytest.skip(f"there is no Chromium at {PROGRAM}: install it, or name one by CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=PROGRAM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def served(files: Mapping[str, bytes]) -> Iterator[str]:
    """The files as a home serves them, in a thread of its own; the URL of the site, with a slash."""
    loop = asyncio.new_event_loop()
    pages = Pages(lambda: files)
    started = threading.Event()
    where: list[str] = []

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/spec/{path:.*}", pages.page)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port, *_ = runner.addresses[0]
        where.append(f"http://{host}:{port}/spec/")
        started.set()
        return runner

    def run() -> None:
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(10)
        yield where[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@dataclass
class Sight:
    """A context of a browser that notes what its pages ask for and complain of."""

    context: BrowserContext
    page: Page
    """One that is there already, for whoever looks at many."""
    base: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.goto(self.base + path)
        return page


@contextlib.contextmanager
def seen(browser: Browser, base: str, **options: Any) -> Iterator[Sight]:
    """A context in which nothing but the site answers."""
    context = browser.new_context(**{"viewport": DESK, **options})
    context.set_default_timeout(60_000)  # machines that run other tests are slow
    sight = Sight(context, context.new_page(), base)

    def note(route: Route) -> None:
        url = route.request.url
        sight.requests.append(url)
        if url.startswith(base):
            route.continue_()
        else:
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            sight.complaints.append(message.text)

    context.route("**/*", note)
    context.on("console", heard)
    context.on("weberror", lambda error: sight.complaints.append(str(error.error)))
    try:
        yield sight
    finally:
        context.close()


def _violations(page: Page, where: str, rules: Sequence[str] = ()) -> list[str]:
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    page.evaluate(AXE)
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    return [f"{where}: {v['id']}: {n['target']}: {n['failureSummary']}" for v in found for n in v["nodes"]]


CUT = """() => {
  const cut = (where, most) => document.querySelectorAll(where).forEach((list) => {
    [...list.children].slice(most).forEach((child) => child.remove());
  });
  cut('tbody, dl, ol, ul, pre', 8);
  cut('main', 16);
  cut('main div', 4);
}"""


def look(sight: Sight, path: str, *, axe: bool = True, whole: bool = False) -> list[str]:
    """What is wrong with a page: on a narrow dark screen, and on a wide light one.

    Axe judges the beginning of tables and lists, and in the dark nothing but colours, unless it is to judge
    the ``whole`` page twice, which takes long.
    """
    sight.requests.clear()
    sight.complaints.clear()
    page = sight.page
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")
    page.goto(sight.base + path)
    faults = []
    if not page.locator("main h1").count():
        faults.append("has no heading")
    page.set_viewport_size(PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > PHONE["width"]:
        faults.append(f"is {wide} wide at 375")
    if axe:
        if not whole:
            page.evaluate(CUT)
        page.emulate_media(color_scheme="dark")
        faults += _violations(page, "dark", () if whole else ["color-contrast"])
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        faults += _violations(page, "light")
    faults += [f"asks for {url}" for url in sight.requests if not url.startswith(sight.base)]
    faults += [f"complains: {text}" for text in sight.complaints]
    return [f"{path} {fault}" for fault in faults]
