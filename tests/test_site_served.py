"""A home shows the specification at ``/spec``: real HTTP, and that nothing else of the home knows of it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.serving import serving
from tests.world import SPEC, World, running
from vrmproto.cli import app as cli
from vrmproto.server.settings import Settings, resolve

FILES = {
    "index.html": b"<!doctype html><title>Spec</title>",
    "errors/index.html": b"<!doctype html><title>Errors</title>",
    "errors/thread-unknown.html": "<!doctype html><title>é</title>".encode(),
    "static/site.css": b"body{}",
    "static/search.js": b"0",
    "search.json": b"[]",
    "llms.txt": b"text",
    "downloads/kinds/terms.mmd": b"---",
    "downloads/odd": b"\x00",
}


class Builder:
    """Makes the files above, and counts how often."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.times = 0
        self.before = before
        self.threads: set[int] = set()

    def __call__(self) -> Mapping[str, bytes]:
        self.times += 1
        self.threads.add(threading.get_ident())
        self.before()
        return FILES


async def get(w: World, path: str, method: str = "GET", **headers: str):
    """(status, headers, body), with no redirect followed."""
    async with w.http.request(method, w.origin + path, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_every_file_is_there_with_its_type():
    async with running(pages=Builder()) as w:
        types = {
            "index.html": "text/html; charset=utf-8",
            "static/site.css": "text/css; charset=utf-8",
            "static/search.js": "text/javascript; charset=utf-8",
            "search.json": "application/json",
            "llms.txt": "text/plain; charset=utf-8",
            "downloads/kinds/terms.mmd": "text/plain; charset=utf-8",
            "downloads/odd": "application/octet-stream",
        }
        for path, data in FILES.items():
            status, headers, body = await get(w, f"/spec/{path}")
            assert (status, body) == (200, data)
            assert headers["Content-Type"] == types.get(path, types["index.html"])
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert headers["Server"] == "vrmproto"


async def test_folders_and_the_addresses_of_problems():
    async with running(pages=Builder()) as w:
        for path, to in (("/spec", "spec/"), ("/spec/errors", "errors/")):
            status, headers, _ = await get(w, path)
            assert (status, headers["Location"]) == (308, to)
            async with w.http.get(w.origin + path) as followed:
                assert followed.status == 200
                assert followed.url.path == f"{path}/"
        assert (await get(w, "/spec/"))[2] == FILES["index.html"]
        assert (await get(w, "/spec/errors/"))[2] == FILES["errors/index.html"]
        # what follows the base of the `type` of a problem is a page here
        assert (await get(w, "/spec/errors/thread-unknown"))[2] == FILES["errors/thread-unknown.html"]


async def test_what_a_reader_has_is_not_sent_again():
    async with running(pages=Builder()) as w:
        _, headers, _ = await get(w, "/spec/index.html")
        assert headers["Cache-Control"] == "max-age=300"
        again = await get(w, "/spec/index.html", **{"If-None-Match": headers["ETag"]})
        assert (again[0], again[2]) == (304, b"")
        other = await get(w, "/spec/search.json", **{"If-None-Match": headers["ETag"]})
        assert other[0] == 200


async def test_head_and_other_methods():
    async with running(pages=Builder()) as w:
        for path in ("/spec/", "/spec/static/site.css"):
            whole, head = await get(w, path), await get(w, path, "HEAD")
            assert (head[0], head[2]) == (200, b"")
            for name in ("ETag", "Content-Type", "Content-Length"):
                assert head[1][name] == whole[1][name]
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                status, headers, body = await get(w, path, method)
                assert (status, json.loads(body)["code"]) == (405, "method-not-allowed")
                assert "GET" in headers["Allow"]
            assert (await get(w, path, "OPTIONS"))[0] == 204


@pytest.mark.parametrize(
    "path",
    ["nothing", "errors/nothing.html", "%2e%2e/%2e%2e/etc/passwd", "index.html/", "//", "%00", "a" * 4000],
)
async def test_what_is_not_there_is_a_problem(path: str):
    async with running(pages=Builder()) as w:
        status, headers, body = await get(w, f"/spec/{path}")
        assert status == 404
        assert headers["Content-Type"] == "application/problem+json"
        problem = json.loads(body)
        assert SPEC.faults("documents/problem.json", problem) == []
        assert problem["code"] == "not-found"


async def test_the_site_is_made_once_and_the_home_answers_meanwhile():
    gate = threading.Event()
    builder = Builder(lambda: gate.wait(10))
    async with running(pages=builder) as w:
        assert builder.times == 0
        asked = [asyncio.create_task(get(w, "/spec/")) for _ in range(5)]
        while not builder.times:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        assert (await get(w, "/healthz"))[0] == 200
        assert time.monotonic() - began < 2
        assert not any(task.done() for task in asked)
        gate.set()
        assert {(await task)[0] for task in asked} == {200}
        assert (await get(w, "/spec/llms.txt"))[0] == 200
        assert builder.times == 1
        assert builder.threads.isdisjoint({threading.get_ident()})


async def test_after_a_fault_the_next_request_tries_again():
    faults = [RuntimeError("a fault of the spec folder")]

    def fail() -> None:
        if faults:
            raise faults.pop()

    builder = Builder(fail)
    async with running(pages=builder) as w:
        status, headers, body = await get(w, "/spec/")
        assert (status, json.loads(body)["code"]) == (503, "unavailable")
        assert headers["Retry-After"] == "1"
        assert b"a fault of" not in body
        assert (await get(w, "/spec/"))[0] == 200
        assert builder.times == 2


async def test_a_home_without_pages_has_no_such_path():
    async with running() as w:
        for path in ("/spec", "/spec/", "/spec/index.html"):
            status, _, body = await get(w, path)
            assert (status, json.loads(body)["code"]) == (404, "not-found")


async def test_nothing_that_homes_owe_names_the_pages():
    async with running(pages=Builder()) as w:
        for path in ("/.well-known/vrm-configuration", "/openapi.json"):
            _, _, body = await get(w, path)
            assert b'/spec"' not in body
            assert b"/spec/" not in body
    assert all(not e["path"].startswith("/spec") for e in SPEC.endpoints)


def test_docs_are_a_setting_like_the_others(tmp_path: Path):
    assert Settings().docs
    assert not resolve({"docs": False}, {}, None).docs
    assert not resolve({}, {"VRMPROTO_DOCS": "no"}, None).docs
    file = tmp_path / "home.toml"
    file.write_text("docs = false\n")
    assert tomllib.loads(file.read_text()) == {"docs": False}
    assert not resolve({}, {}, file).docs
    assert resolve({"docs": True}, {}, file).docs
    shown = CliRunner().invoke(cli.build(), ["serve", "--dev", "--no-docs", "--show-config"])
    assert json.loads(shown.output)["docs"] is False
    said = CliRunner().invoke(cli.build(), ["serve", "--help"], env={"COLUMNS": "200"})
    assert "--no-docs" in said.output
    assert "/spec" in said.output


def fetched(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_command_serves_the_site_of_its_folder(tmp_path: Path):
    with serving(["--dev"], tmp_path) as origin:
        status, page = fetched(f"{origin}/spec/errors/thread-unknown.html")
        assert status == 200
        assert b"thread-unknown" in page
        status, refused = fetched(f"{origin}/v1/threads")
        code = json.loads(refused)["code"]
        assert status == 400
        assert fetched(f"{origin}/spec/errors/{code}.html")[0] == 200
    with serving(["--dev", "--no-docs"], tmp_path) as origin:
        assert fetched(f"{origin}/spec/errors/thread-unknown.html")[0] == 404
