"""Plays the demo: starts the home and the actors, has the story told, and ends every process by its id."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from vrmproto import strictjson
from vrmproto.demo.cast import CAST, Part
from vrmproto.demo.process import DemoError, Line, Process, child, free_port, listens
from vrmproto.demo.stage import Stage
from vrmproto.demo.story import play
from vrmproto.demo.tampering import EVERY

__all__ = ["DemoError", "Line", "run"]


def _toml(value: Any) -> str:
    """A value as TOML; a table within an array is written in line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return strictjson.dumps({"v": value})[5:-1].decode()


def _config(part: Part) -> str:
    """The config file of an actor."""
    lines = [f"name = {_toml(part.name)}", f"role = {_toml(part.role)}", f"domain = {_toml(part.domain)}"]
    if part.policy:
        lines += ["", "[policy]", *(f"{key} = {_toml(value)}" for key, value in part.policy.items())]
    for rule in part.offers:
        lines += ["", "[[offers]]", *(f"{key} = {_toml(value)}" for key, value in rule.items())]
    return "\n".join(lines) + "\n"


async def run(
    *,
    port: int,
    tamper: int | str,
    tell: Callable[[Line], None],
    stay: Callable[[str, Path, Line], None] | None,
    keep: Path | None = None,
    seed: int = 0,
    verify: Callable[[Path], Awaitable[Line]] | None = None,
) -> Line:
    """Play the story; the summary line.

    With ``stay`` the home stays up until SIGINT, after it was called with URL, folder and summary. ``seed``
    draws what is flipped with ``tamper`` EVERY, ``verify`` takes the place of the verifying process.
    """
    started = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vrmproto-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port(port)
        home_url = f"http://127.0.0.1:{port}"
        serve = ("-m", "vrmproto.cli", "serve", "--dev", "--port", str(port), "--data", str(folder / "home"))
        home = await stack.enter_async_context(child("home", *serve, folder=folder))
        verifier = await stack.enter_async_context(
            child("verifier", "-m", "vrmproto.demo.verifier", folder=folder)
        )
        await listens(port, home)

        async def start(name: str) -> Process:
            place, config = folder / name, folder / f"{name}.toml"
            place.mkdir(exist_ok=True)
            config.write_text(_config(CAST[name]))
            words = ("-m", "vrmproto.demo.actor", "--home", home_url, "--folder", str(place))
            return await stack.enter_async_context(
                child(name, *words, "--config", str(config), folder=folder)
            )

        async def offline(place: Path) -> Line:
            return await verifier.ask({"verify": str(place.resolve())})

        lasting = keep is not None or stay is not None
        chance = random.Random(seed)
        stage = Stage(folder, tamper, tell, start, verify or offline, lasting=lasting, chance=chance)
        failure = ""
        try:
            await stage.enter(*CAST)
            await play(stage)
        except (DemoError, TimeoutError) as error:
            failure = str(error) or "an actor did not answer in time"
        if not failure and isinstance(tamper, int) and tamper > stage.count:
            failure = f"no step {tamper} to tamper with: there are {stage.count}"
        summary: Line = {
            "steps": stage.count,
            "verified": stage.verified,
            "records": len(stage.records),
            "seconds": round(time.monotonic() - started, 1),
        }
        if tamper == EVERY:
            summary["tampered"] = stage.tampered
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
