"""The processes of the demo: each a child that is asked line by line; it may be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto import strictjson

__all__ = ["DemoError", "Line", "Process", "child", "free_port", "listens"]

READY_SECONDS = 30.0
Line = dict[str, Any]


class DemoError(Exception):
    """The demo could not be played: why."""


@dataclass
class Process:
    """A child that answers each line with one line."""

    name: str
    child: asyncio.subprocess.Process
    log: Path

    async def ask(self, order: Mapping[str, Any]) -> Line:
        """Send an order and read its answer."""
        if self.child.stdin is None:
            raise DemoError(f"{self.name} has no input")
        self.child.stdin.write(strictjson.dumps(order) + b"\n")
        await self.child.stdin.drain()
        return await self.read()

    async def kill(self) -> None:
        """SIGKILL: nothing of it can be put in order before it is gone."""
        self.child.kill()
        await self.child.wait()

    async def read(self) -> Line:
        """The next line."""
        if self.child.stdout is None:
            raise DemoError(f"{self.name} has no output")
        async with asyncio.timeout(READY_SECONDS):
            line = await self.child.stdout.readline()
        document, broken = strictjson.read(line.strip())
        if broken:
            said = _last_line(self.log) if not line else line[:200].decode("utf-8", "replace")
            raise DemoError(f"{self.name} has ended or says what is no JSON: {said}")
        return document


@contextlib.asynccontextmanager
async def child(name: str, *arguments: str, folder: Path) -> AsyncIterator[Process]:
    """A child process whose errors go to a file of its own, ended by its id."""
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=_environment(),
            limit=2**20,
        )
        try:
            yield Process(name, process, folder / f"{name}.log")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def free_port(wanted: int) -> int:
    """The port wanted, or any with 0; DemoError where something listens on it."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise DemoError(f"port {wanted}: {error.strerror}; --port 0 takes a free one") from None
        return int(bound.getsockname()[1])


async def listens(port: int, home: Process) -> None:
    """Return when the home takes connections; DemoError if it does not."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if home.child.returncode is not None:
            raise DemoError(f"the home did not start: {_last_line(home.log)}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return
    raise DemoError("the home did not start in time")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _environment() -> dict[str, str]:
    """The environment of the children: without settings of the caller's, with this library importable."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VRMPROTO_")}
    here = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [here, kept.get("PYTHONPATH", "")]))}
