"""Where the story is played: orders go to the actors, and what each step left is verified."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vrmproto import records
from vrmproto.demo.process import DemoError, Line, Process

__all__ = ["Stage"]


@dataclass
class Stage:
    """The processes of one performance and what they have left."""

    folder: Path
    tamper: int
    tell: Callable[[Line], None]
    start: Callable[[str], Awaitable[Process]]
    """Starts the process of an actor."""
    verify: Callable[[Path], Awaitable[Line]]
    """What a process that sees nothing else says of the files of a step."""
    lasting: bool = True
    """Whether the files outlive the line that names them."""
    actors: dict[str, Process] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    part: str = ""
    count: int = 0
    verified: int = 0
    records: dict[str, bytes] = field(default_factory=dict)
    """The first copy of each record that somebody took."""

    async def enter(self, *names: str) -> None:
        """Start actors and wait until they are ready."""
        for name in names:
            self.actors[name] = await self.start(name)
        for name in names:
            self.origins[name] = str((await self.actors[name].read()).get("origin", ""))

    async def kill(self, name: str) -> None:
        """End an actor's process in the midst of what it does, with SIGKILL."""
        await self.actors[name].kill()

    def open(self, part: str) -> None:
        """A new part of the story begins."""
        self.part = part

    def note(self, text: str) -> None:
        """Tell people something that is no step."""
        self.tell({"note": text, "part": self.part})

    async def ask(self, actor: str, question: str, **order: Any) -> Line:
        """Ask an actor something that is no step; nothing is left by it."""
        return await self.actors[actor].ask({"do": question, **order})

    async def step(
        self, actor: str, type_: str, do: str, say: str, *, expect: str = "", pause: float = 0, **order: Any
    ) -> Line:
        """One act of one actor, verified; the line that is told. ``expect`` is the code of a refusal."""
        self.count += 1
        if pause:
            await asyncio.sleep(pause)
        tampered = self.count == self.tamper
        answer = await self.actors[actor].ask(
            {"do": do, "type": type_, "step": self.count, "tamper": tampered, **order}
        )
        files = answer.pop("files", "")
        line: Line = {"step": self.count, "part": self.part, "actor": actor, "type": type_, "act": do}
        line |= {"say": say, **answer}
        if expect:
            line["expect"] = expect
        line["verified"] = await self._holds(line, expect, Path(files) if files else None)
        if files and self.lasting:
            line["files"] = files
        self.verified += line["verified"]
        self.tell(line)
        if not line["verified"]:
            raise DemoError(f"step {self.count}: {_why(line, expect)}")
        return line

    async def _holds(self, line: Line, expect: str, files: Path | None) -> bool:
        """Whether the step came out as it should, and its files prove it to a process that sees no more."""
        if files is None:
            return False
        report = await self.verify(files)
        if line["act"] == "changed-copy":
            # the copy that was changed is the proof: its verification has to fail, and for this reason
            failed = [c.get("code") for c in report.get("checks", ()) if not c["ok"]]
            return line.get("code") == expect and expect in failed and not report.get("ok", True)
        if expect:
            return line.get("code") == expect and bool(report.get("ok"))
        good = 200 <= int(line["status"]) < 300 and bool(report.get("ok"))
        if line["act"] == "record" and good:
            data = (files / "record.json").read_bytes()
            first = self.records.setdefault(str(line["record"]), data)
            return records.matches(first, data)
        return good


def _why(line: Line, expect: str) -> str:
    """Why a step is not verified."""
    if "error" in line:
        return str(line["error"])
    if line.get("code", "") != expect:
        came = line.get("code") or line.get("state") or line["status"]
        return f"it came out as {came}, not as {expect or 'accepted'}"
    return "the files that it left do not verify"
