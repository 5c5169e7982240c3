"""The site while it is edited: a change shows in open pages, half a file shows its fault and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, StreamReader
from typer.testing import CliRunner

from tests.sites import without_vectors
from vrmproto.cli import app as cli
from vrmproto.editor.folder import Finding
from vrmproto.editor.site.live import Live, serve, snapshot

CEILING = 20.0
"""Seconds from a write to the event: alone this takes half of one, on a busy machine more."""


@pytest.fixture
def copy(tmp_path) -> Path:
    return without_vectors(tmp_path / "spec")


class Reader:
    """An open page: it hears the events and can look at the site."""

    def __init__(self, session: ClientSession, url: str, events: StreamReader) -> None:
        self._session, self._url, self._events = session, url, events

    async def event(self) -> dict[str, Any]:
        """What is told next."""
        async with asyncio.timeout(CEILING):
            assert await self._events.readline() == b"event: site\n"
            data = await self._events.readline()
            assert await self._events.readline() == b"\n"
        told: dict[str, Any] = json.loads(data.removeprefix(b"data: "))
        return told

    async def get(self, path: str) -> tuple[int, str, str]:
        """Status, media type and text of a path."""
        async with self._session.get(self._url + path) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()


Said = list[tuple[str, list[Finding]]]


@asynccontextmanager
async def opened(root: Path, said: Said | None = None) -> AsyncIterator[Reader]:
    """A served folder with one open page."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    live = Live(root, say=lambda line, found: None if said is None else said.append((line, list(found))))
    task = asyncio.create_task(serve(live, 0, url.set_result))
    try:
        async with ClientSession(timeout=ClientTimeout(total=None)) as session, asyncio.timeout(4 * CEILING):
            either: list[asyncio.Future[Any]] = [task, url]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            async with session.get(url.result() + ".live/events") as events:
                assert events.headers["Content-Type"] == "text/event-stream"
                yield Reader(session, url.result(), events.content)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


async def test_a_change_of_a_schema_and_of_a_page_shows_within_the_ceiling(copy):
    async with opened(copy) as page:
        stamp = (await page.event())["stamp"]
        status, media, text = await page.get("messages/terms.reject.html")
        assert (status, media) == (200, "text/html; charset=utf-8")
        assert f'<script src="/.live/reload.js" data-stamp="{stamp}"></script></body>' in text
        for path, old, new, shown in (
            ("messages/terms.reject.json", '"title": "', '"title": "Changed ', "messages/terms.reject.html"),
            ("protocol/terms.md", "# Terms\n", "# Terms anew\n", "protocol/terms.html"),
        ):
            assert "Changed" not in (await page.get(shown))[2]
            began = time.perf_counter()
            edit(copy / path, old, new)
            told = await page.event()
            print(f"{path}: {time.perf_counter() - began:.2f} s from the write to the event")
            assert told["findings"] == []
            assert told["stamp"] != stamp
            stamp = told["stamp"]
            assert new.strip('"# \n').rpartition('"')[2] in (await page.get(shown))[2]


async def test_half_a_file_shows_its_fault_and_the_old_site_stays(copy):
    said: Said = []
    async with opened(copy, said) as page:
        before = await page.event()
        assert before["findings"] == []
        old = await page.get("errors/index.html")
        whole = (copy / "errors.json").read_bytes()
        (copy / "errors.json").write_bytes(whole[: len(whole) // 2])
        told = await page.event()
        assert told["stamp"] == before["stamp"]
        assert [(f["file"], f["code"]) for f in told["findings"]] == [("errors.json", "json-invalid")]
        assert told["findings"][0]["line"] > 1
        assert said[-1][1][0].file == "errors.json"
        assert await page.get("errors/index.html") == old
        (copy / "errors.json").write_bytes(whole)
        assert await page.event() == before
        assert said[-1][1] == []


async def test_a_folder_that_never_was_sound_says_so_until_it_is(copy):
    whole = (copy / "threads.json").read_bytes()
    (copy / "threads.json").write_bytes(b"{")
    async with opened(copy) as page:
        told = await page.event()
        assert (told["stamp"], told["findings"][0]["file"]) == ("", "threads.json")
        status, _, text = await page.get("")
        assert status == 503
        assert "could not be built" in text
        assert "/.live/reload.js" in text
        (copy / "threads.json").write_bytes(whole)
        assert (await page.event())["findings"] == []
        assert (await page.get(""))[0] == 200


async def test_what_is_served(copy):
    async with opened(copy) as page:
        await page.event()
        assert (await page.get("errors/"))[2] == (await page.get("errors/index.html"))[2]
        assert (await page.get("static/site.css"))[1] == "text/css; charset=utf-8"
        assert "javascript" in (await page.get(".live/reload.js"))[1]
        assert json.loads((await page.get("downloads/threads.json"))[2])["version"] == "1.0"
        status, _, text = await page.get("no<b>.html")
        assert status == 404
        assert "<b>" not in text
        assert (await page.get("%2e%2e/README.md"))[0] == 404


def test_what_is_watched(copy):
    before = snapshot(copy)
    assert str(copy / "protocol/terms.md") in before
    (copy / "vectors/one").mkdir()
    (copy / "vectors/one/expect.json").write_bytes(b"{}")
    assert snapshot(copy) == before
    os.utime(copy / "protocol/terms.md", ns=(1, 1))
    assert snapshot(copy) != before
    (copy / "protocol/terms.md").unlink()
    assert str(copy / "protocol/terms.md") not in snapshot(copy)


def test_a_port_that_is_taken_is_told(copy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = CliRunner().invoke(cli.build(), ["spec", "serve", str(copy), "--port", port])
    assert run.exit_code == 2
    assert f"port {port}: " in run.stderr
    assert "Traceback" not in run.output
