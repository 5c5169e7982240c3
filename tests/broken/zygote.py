"""One process that has everything in memory and forks a home for each target.

Told what to do by lines of JSON on standard input, it answers each with a line on standard output. It ends
its homes when its input ends.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from tests.broken import edits, generic
from tests.broken.mutants import CATALOGUE
from tests.broken.tools import loose
from vrmproto import spec as specs
from vrmproto.home import Config
from vrmproto.server import app, run
from vrmproto.server.settings import Settings
from vrmproto.storage.sqlite import SqliteStore

BOARDS = "intents,members:signed"
"""What every target has: a public board and a signed one."""
_SETTINGS = frozenset(Settings.__slots__) - {"host", "port", "origin", "data", "spec", "dev"}


def configured(port: int, options: Mapping[str, Any]) -> tuple[Settings, Config]:
    """Settings and configuration of a target; options are settings or members of the configuration."""
    plain = {name: value for name, value in options.items() if name in _SETTINGS}
    more = {name: value for name, value in options.items() if name not in _SETTINGS}
    settings = Settings(**{"port": port, "dev": True, "boards": BOARDS, **plain})
    return settings, replace(settings.config(), **more)


async def _serve(
    config: Config, spec: specs.Spec, data: Path, bound: socket.socket, ready: Any, life: int
) -> None:
    store = loose(run).SqliteStore(data / "home.db")
    home = app.open_home(spec, store, data, config)
    runner = web.AppRunner(app.create_app(home), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, bound, backlog=1024).start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if life >= 0:
        loop.add_reader(life, stop.set)
    ready()
    await stop.wait()
    await runner.cleanup()
    store.close()


def serve(
    name: str | None, data: Path, bound: socket.socket, options: Mapping[str, Any], **more: Any
) -> None:
    """Become the home with this id (None: the reference) and serve until SIGTERM."""
    if name and name.startswith("generic/"):
        generic.apply(name)
        changed = importlib.import_module("tests.broken.zygote")
        changed.serve(None, data, bound, options, **more)
        return
    mutant = CATALOGUE[name] if name else None
    folder = specs.folder()
    if mutant is not None:
        mutant.override()
        if mutant.edits:
            folder = edits.copied(folder, data / "spec", mutant.edits)
    spec = specs.load(folder)
    _, config = configured(bound.getsockname()[1], options)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, spec, data, bound, more.get("ready", lambda: None), more.get("life", -1)))


def bind(port: int = 0) -> socket.socket:
    """A socket on loopback, on a port of its own unless one is named."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


class Zygote:
    """Forks and ends homes."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="home-"))
        SqliteStore(self.folder / "empty.db").close()
        specs.load(specs.folder())
        self.life = os.pipe()
        self.running: set[int] = set()
        gc.collect()
        gc.freeze()  # a fork then touches, and so copies, less

    def start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Fork one; answers once it listens."""
        data = Path(asked.get("data") or tempfile.mkdtemp(dir=self.folder))
        if not (data / "home.db").exists():
            shutil.copy(self.folder / "empty.db", data / "home.db")
        bound = bind(asked.get("port", 0))
        port = bound.getsockname()[1]
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._child(asked, data, bound, reading, writing)
        os.close(writing)
        bound.close()
        self.running.add(pid)
        with os.fdopen(reading, "rb") as said:
            answer = said.read()
        if answer != b"ready":
            self.stop({"pid": pid})
            return {"error": answer.decode("utf-8", "replace") or "the home has ended"}
        return {"pid": pid, "port": port, "data": str(data)}

    def _child(self, asked: Mapping[str, Any], data: Path, bound: socket.socket, *pipe: int) -> None:
        reading, writing = pipe
        try:
            os.close(reading)
            os.close(self.life[1])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            logging.basicConfig(level=logging.CRITICAL)

            def ready() -> None:
                os.write(writing, b"ready")
                os.close(writing)

            serve(asked["id"], data, bound, asked.get("options", {}), ready=ready, life=self.life[0])
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(0)

    def stop(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """End one, at once or with ``gently`` by SIGTERM, and forget its data unless ``keep`` is true."""
        pid = asked["pid"]
        if pid in self.running:
            self.running.discard(pid)
            os.kill(pid, signal.SIGTERM if asked.get("gently") else signal.SIGKILL)
            os.waitpid(pid, 0)
        if asked.get("data") and not asked.get("keep"):
            shutil.rmtree(asked["data"], ignore_errors=True)
        return {}

    def close(self) -> None:
        """End all and leave nothing behind."""
        for pid in list(self.running):
            self.stop({"pid": pid})
        shutil.rmtree(self.folder, ignore_errors=True)


def main() -> None:
    """Do what the lines of standard input say."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    zygote = Zygote()
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                answer = zygote.start(asked) if asked["do"] == "start" else zygote.stop(asked)
            except (OSError, ValueError, KeyError) as error:
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)
    finally:
        zygote.close()


if __name__ == "__main__":
    main()
