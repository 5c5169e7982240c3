"""Starts broken homes, each a process of its own on loopback: ``async with launched(id) as target``."""

from __future__ import annotations

import asyncio
import atexit
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["LaunchError", "Launcher", "Target", "launched", "running"]

ROOT = Path(__file__).resolve().parents[2]


class LaunchError(Exception):
    """A home did not start."""


@dataclass
class Target:
    """A home that runs; ``data`` is its folder, with its own keys in ``keys.json``."""

    id: str | None
    url: str
    pid: int
    data: str
    options: dict[str, Any]
    launcher: Launcher

    @property
    def operator_keys(self) -> list[dict[str, str]]:
        """The home's private keys as JWKs, the signing one first: what its operator signs removals with."""
        keys: list[dict[str, str]] = json.loads((Path(self.data) / "keys.json").read_bytes())["keys"]
        return keys

    def restart(self, gently: bool = True) -> None:
        """End the process and start it again over the same data, on the same port."""
        self.launcher.ask({"do": "stop", "pid": self.pid, "gently": gently, "keep": True, "data": self.data})
        port = int(self.url.rpartition(":")[2])
        asked = {"do": "start", "id": self.id, "options": self.options, "data": self.data, "port": port}
        self.pid = self.launcher.ask(asked)["pid"]

    def stop(self) -> None:
        """End the process; its data goes with it."""
        self.launcher.ask({"do": "stop", "pid": self.pid, "data": self.data})


class Launcher:
    """The process that forks homes. Safe for several threads; one for all is enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            words = [sys.executable, "-m", "tests.broken.zygote"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
            atexit.register(self.close)
        return self._process

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Hand a line to the process and wait for its answer."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline() or '{"error": "it has ended"}')
        if "error" in answer:
            raise LaunchError(f"{asked.get('id')}: {answer['error']}")
        return answer

    def start(self, name: str | None = None, **options: Any) -> Target:
        """Start a home by its id in manifest.json; None is the reference, as it is.

        Options are settings of ``vrmproto serve`` (``inbox=20``, ``max_wait=2``, ``boards="a,b:signed"``,
        ``accepts="SD-BASE"``, ``blob``) or further members of the configuration (``loose_blobs``,
        ``feed_kept``).
        """
        made = self.ask({"do": "start", "id": name, "options": options})
        url = f"http://127.0.0.1:{made['port']}"
        return Target(name, url, made["pid"], made["data"], options, self)

    def close(self) -> None:
        """End the process and every home that it has started."""
        with self._lock:
            process, self._process = self._process, None
            atexit.unregister(self.close)
            if process is not None and process.poll() is None:
                assert process.stdin is not None
                process.stdin.close()
                process.wait(30)
                assert process.stdout is not None
                process.stdout.close()


_SHARED = Launcher()


@contextmanager
def running(name: str | None = None, launcher: Launcher = _SHARED, **options: Any) -> Iterator[Target]:
    """A home for the length of a block."""
    target = launcher.start(name, **options)
    try:
        yield target
    finally:
        target.stop()


@asynccontextmanager
async def launched(
    name: str | None = None, launcher: Launcher = _SHARED, **options: Any
) -> AsyncIterator[Target]:
    """The same for code that runs in an event loop, which goes on meanwhile."""
    target = await asyncio.to_thread(launcher.start, name, **options)
    try:
        yield target
    finally:
        await asyncio.to_thread(target.stop)
