"""Where the story is played: orders go to the actors, and what each step left is verified."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vrmproto import records, strictjson
from vrmproto.demo.process import DemoError, Line, Process
from vrmproto.demo.tampering import EVERY, changed_copy, failed

__all__ = ["Stage"]


@dataclass
class Stage:
    """The processes of one performance and what they have left."""

    folder: Path
    tamper: int | str
    """The step in which a byte is flipped on the way, 0 for none; EVERY: in a copy of what each step left."""
    tell: Callable[[Line], None]
    start: Callable[[str], Awaitable[Process]]
    """Starts the process of an actor."""
    verify: Callable[[Path], Awaitable[Line]]
    """What a process that sees nothing else says of the files of a step."""
    lasting: bool = True
    """Whether the files outlive the line that names them."""
    chance: random.Random = field(default_factory=random.Random)
    """Draws what is flipped in the copies."""
    actors: dict[str, Process] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    part: str = ""
    count: int = 0
    verified: int = 0
    tampered: int = 0
    """How many changed copies were found out."""
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
        report = await self.verify(Path(files)) if files else {}
        holds = bool(files) and self._holds(line, expect, Path(files), report)
        missed = ""
        if files and self.tamper == EVERY:
            line["tampered"], missed = await self._tampered(Path(files), report)
        line["verified"] = holds and not missed
        if files and self.lasting:
            line["files"] = files
        self.verified += line["verified"]
        self.tell(line)
        if not line["verified"]:
            raise DemoError(f"step {self.count}: {missed if holds else _why(line, expect)}")
        return line

    async def _tampered(self, files: Path, report: Line) -> tuple[Line, str]:
        """What was flipped in a copy of the files of a step, and what is wrong if that was not found out."""
        flipped, said = await changed_copy(files, self.folder / "changed", self.verify, self.chance)
        # a copy that was changed before fails anyway, so that it has to fail by something else, too
        found = bool(failed(said) - failed(report)) and said.get("ok") is False
        self.tampered += found
        where = f"bit {flipped['bit']} of byte {flipped['byte']} of {flipped['file']}"
        return (
            flipped,
            "" if found else f"{where} was flipped in a copy, and its verification did not find it",
        )

    def _holds(self, line: Line, expect: str, files: Path, report: Line) -> bool:
        """Whether the step came out as it should, and its files prove it to a process that sees no more."""
        if line["act"] == "changed-copy":
            # the copy that was changed is the proof: its verification has to fail, and for this reason
            codes = {code for _, code in failed(report)}
            return line.get("code") == expect and expect in codes and not report.get("ok", True)
        if expect:
            return line.get("code") == expect and bool(report.get("ok"))
        good = 200 <= int(line["status"]) < 300 and bool(report.get("ok"))
        if line["act"] == "record" and good:
            data = (files / "record.json").read_bytes()
            first = self.records.setdefault(str(line["record"]), data)
            return records.matches(first, data) or _goes_on(first, data)
        return good


def _goes_on(first: bytes, later: bytes) -> bool:
    """Whether the later is the record of the same consent, which has the whole thread, as it went on."""
    ids = records.message_ids(first)
    consent = strictjson.read(later)[0].get("kind") == "consent"
    return consent and bool(ids) and records.message_ids(later)[: len(ids)] == ids


def _why(line: Line, expect: str) -> str:
    """Why a step is not verified."""
    if "error" in line:
        return str(line["error"])
    if line.get("code", "") != expect:
        came = line.get("code") or line.get("state") or line["status"]
        return f"it came out as {came}, not as {expect or 'accepted'}"
    return "the files that it left do not verify"
