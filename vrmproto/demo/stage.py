"""Starts the processes of the demo, plays the story, and has every step verified by a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vrmproto import strictjson
from vrmproto.demo.story import ACTORS, POLICIES, play

__all__ = ["DemoError", "Line", "Stage", "run"]

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


@dataclass
class Stage:
    """The processes of one performance and what they have left."""

    folder: Path
    tamper: int
    tell: Callable[[Line], None]
    lasting: bool = True
    """Whether the files outlive the line that names them."""
    actors: dict[str, Process] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    count: int = 0
    verified: int = 0
    records: set[str] = field(default_factory=set)

    async def step(
        self, actor: str, type_: str, do: str, say: str, *, expect: str = "", pause: float = 0, **order: Any
    ) -> Line:
        """One act of one actor, verified; the line that is told."""
        self.count += 1
        if pause:
            await asyncio.sleep(pause)
        tampered = self.count == self.tamper
        answer = await self.actors[actor].ask(
            {"do": do, "type": type_, "step": self.count, "tamper": tampered, **order}
        )
        files = answer.pop("files", "")
        line: Line = {"step": self.count, "actor": actor, "type": type_, "act": do, "say": say, **answer}
        if expect:
            line["expect"] = expect
        line["verified"] = await self._holds(line, expect, Path(files) if files else None)
        if files and self.lasting:
            line["files"] = files
        self.verified += line["verified"]
        if do == "record" and line["verified"]:
            self.records.add(str(line["record"]))
        self.tell(line)
        if not line["verified"]:
            raise DemoError(f"step {self.count}: {_why(line, expect)}")
        return line

    async def _holds(self, line: Line, expect: str, files: Path | None) -> bool:
        """Whether the step came out as it should, and its files prove it to a process that sees no more."""
        if files is None:
            return False
        report = await verify(files)
        if line["act"] == "changed-copy":
            # the copy that was changed is the proof: its verification has to fail, and for this reason
            failed = [c.get("code") for c in report.get("checks", ()) if not c["ok"]]
            return line.get("code") == expect and expect in failed and not report.get("ok", True)
        if expect:
            return line.get("code") == expect and bool(report.get("ok"))
        return 200 <= int(line["status"]) < 300 and bool(report.get("ok"))


def _why(line: Line, expect: str) -> str:
    """Why a step is not verified."""
    if "error" in line:
        return str(line["error"])
    if line.get("code", "") != expect:
        came = line.get("code") or line.get("state") or line["status"]
        return f"it came out as {came}, not as {expect or 'accepted'}"
    return "the files that it left do not verify"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


async def verify(folder: Path) -> Line:
    """What ``vrmproto verify`` says of a folder: a process without store and network, started inside it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vrmproto.cli",
        "verify",
        ".",
        "--json",
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    out, _ = await child.communicate()
    document, broken = strictjson.read(out.strip())
    return {} if broken else document


def _environment() -> dict[str, str]:
    """The environment of the children: without settings of the caller's, with this library importable."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VRMPROTO_")}
    here = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [here, kept.get("PYTHONPATH", "")]))}


@contextlib.asynccontextmanager
async def _child(name: str, *arguments: str, folder: Path) -> AsyncIterator[Process]:
    """A child process whose errors go to a file of its own, ended by its id."""
    with (folder / f"{name}.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=_environment(),
            limit=2**20,
        )
        try:
            yield Process(name, child, folder / f"{name}.log")
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                async with asyncio.timeout(10):
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()


def _free_port(wanted: int) -> int:
    """The port wanted, or any with 0; DemoError where something listens on it."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise DemoError(f"port {wanted}: {error.strerror}; --port 0 takes a free one") from None
        return int(bound.getsockname()[1])


async def _listens(port: int, home: Process) -> None:
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


def _config(folder: Path, name: str) -> Path:
    """The config file of an actor."""
    lines = [f'role = "{"customer" if name == "customer" else "vendor"}"', f'name = "{ACTORS[name]}"']
    if name in POLICIES:
        lines.append("[policy]")
        lines += [f"{key} = {strictjson.dumps(value).decode()}" for key, value in POLICIES[name].items()]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


async def run(
    *,
    port: int,
    tamper: int,
    tell: Callable[[Line], None],
    stay: Callable[[str, Path, Line], None] | None,
    keep: Path | None = None,
) -> Line:
    """Play the story; the summary line.

    With ``stay`` the home stays up until SIGINT, after it was called with URL, folder and summary.
    """
    started = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vrmproto-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        port = _free_port(port)
        home_url = f"http://127.0.0.1:{port}"
        serve = ("-m", "vrmproto.cli", "serve", "--dev", "--port", str(port), "--data", str(folder / "home"))
        home = await stack.enter_async_context(_child("home", *serve, folder=folder))
        await _listens(port, home)
        stage = Stage(folder, tamper, tell, lasting=keep is not None or stay is not None)
        for name in ACTORS:
            place = folder / name
            place.mkdir()
            actor = ("-m", "vrmproto.demo.actor", "--home", home_url, "--folder", str(place))
            arguments = (*actor, "--config", str(_config(folder, name)))
            stage.actors[name] = await stack.enter_async_context(_child(name, *arguments, folder=folder))
        for name, process in stage.actors.items():
            stage.origins[name] = str((await process.read()).get("origin", ""))
        failure = ""
        try:
            await play(stage.step, stage.origins)
        except (DemoError, TimeoutError) as error:
            failure = str(error) or "an actor did not answer in time"
        if not failure and tamper > stage.count:
            failure = f"no step {tamper} to tamper with: there are {stage.count}"
        summary: Line = {
            "steps": stage.count,
            "verified": stage.verified,
            "records": len(stage.records),
            "seconds": round(time.monotonic() - started, 1),
        }
        if failure:
            summary["failed"] = failure
        if stay is not None and not failure:
            stay(home_url, folder, summary)
            await _interrupted()
        return summary


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
