"""Failures that are known: a file that says which and why, so that only what is new breaks a build.

The file is TOML, one table a failure::

    [[known]]
    requirement = "VRM-HOM-029"
    check = "problem-members"       # optional: this check only
    reason = "our proxy rewrites 404"
    issue = "https://example.org/issues/12"   # optional
    expires = 2027-01-31            # optional: the last day on which it is accepted

A known failure stays a failure in every report; it only does not count for the exit code. An entry
whose failure is gone, or whose day is over, has to be taken out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from conformance.results import Outcome, Verdict

__all__ = ["Baseline", "BaselineError", "Known", "Stale", "apply", "read"]

_ID = re.compile(r"VRM-[A-Z]+-\d{3}")
_HEAD = re.compile(r"\s*\[\[\s*known\s*\]\]")
_MEMBERS = ("requirement", "check", "reason", "issue", "expires")
_SEEN = (Verdict.PASS, Verdict.WARN, Verdict.FAIL)


class BaselineError(ValueError):
    """A baseline file that cannot be used; the text names file and line."""


@dataclass(frozen=True)
class Known:
    """One entry: a failure that is known, and why it is tolerated."""

    requirement: str
    reason: str
    check: str = ""
    """'' stands for every check of the requirement."""
    issue: str = ""
    expires: date | None = None
    line: int = 0

    def covers(self, outcome: Outcome) -> bool:
        """Whether it is about this outcome, whatever its verdict."""
        return outcome.requirement == self.requirement and self.check in ("", outcome.check)

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and today > self.expires


@dataclass(frozen=True)
class Stale:
    """An entry that has to go, and why."""

    entry: Known
    why: str


@dataclass(frozen=True)
class Baseline:
    """The entries of a file in their order."""

    path: str = ""
    entries: tuple[Known, ...] = ()

    def known(self, outcome: Outcome) -> Known | None:
        """The entry that covers this failure; one that names the check comes before one that does not."""
        if outcome.verdict is not Verdict.FAIL:
            return None
        found = [entry for entry in self.entries if entry.covers(outcome)]
        return max(found, key=lambda entry: bool(entry.check), default=None)


def _heads(text: str) -> list[int]:
    """The lines of the ``[[known]]``; what stands in a string of several lines is none."""
    lines = text.splitlines(keepends=True)
    found = []
    for number, line in enumerate(lines, 1):
        if _HEAD.match(line):
            try:
                tomllib.loads("".join(lines[: number - 1]))
            except tomllib.TOMLDecodeError:
                continue
            found.append(number)
    return found


class _Reader:
    """Reads one file and knows where everything stands."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.lines, self.heads = path, text.splitlines(), _heads(text)

    def fault(self, line: int, message: str) -> BaselineError:
        return BaselineError(f"{self.path}:{line}: {message}")

    def line_of(self, member: str, head: int = 0) -> int:
        """The line of a member behind a head, or the head's own; without a head, anywhere."""
        end = next((h for h in self.heads if h > head > 0), len(self.lines) + 1)
        begins = re.compile(
            rf"""\s*(["']?){re.escape(member)}\1\s*[=.]|\s*\[+\s*{re.escape(member)}\s*[].]"""
        )
        found = (n for n in range(head + 1, end) if begins.match(self.lines[n - 1]))
        return next(found, head or 1)

    def entry(self, head: int, value: dict[str, Any]) -> Known:
        for member in value:
            if member not in _MEMBERS:
                listed = ", ".join(_MEMBERS)
                raise self.fault(self.line_of(member, head), f"{member} is no member; there are {listed}")
        for member in ("requirement", "reason"):
            if member not in value:
                raise self.fault(head, f"the entry lacks {member}")
        for member in ("requirement", "check", "reason", "issue"):
            if member in value and (not isinstance(value[member], str) or not value[member].strip()):
                raise self.fault(self.line_of(member, head), f"{member} is to be a text that says something")
        if not _ID.fullmatch(value["requirement"]):
            message = f"{value['requirement']!r} is no requirement; write it as VRM-HOM-001"
            raise self.fault(self.line_of("requirement", head), message)
        expires = value.get("expires")
        if "expires" in value and (not isinstance(expires, date) or isinstance(expires, datetime)):
            message = "expires is to be a day without quotes, such as 2027-01-31"
            raise self.fault(self.line_of("expires", head), message)
        return Known(**{**value, "line": head})


def read(path: Path, requirements: Container[str] | None = None) -> Baseline:
    """Read a baseline file; with ``requirements`` an entry about any other is refused.

    Raises:
        BaselineError: with file and line.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BaselineError(f"{path}:{line}: is not UTF-8") from None
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(told[1]) if told else max(1, len(text.splitlines()))
        raise BaselineError(f"{path}:{line}: is not TOML: {str(error).partition(' (at ')[0]}") from None
    reader = _Reader(path, text)
    for name in value:
        if name != "known":
            raise reader.fault(reader.line_of(name), f"{name} means nothing here; write [[known]]")
    entries = value.get("known", [])
    if not isinstance(entries, list) or len(entries) != len(reader.heads):
        raise reader.fault(reader.line_of("known"), "write every entry as a table of its own: [[known]]")
    found: dict[tuple[str, str], Known] = {}
    for head, member in zip(reader.heads, entries, strict=True):
        entry = reader.entry(head, member)
        if requirements is not None and entry.requirement not in requirements:
            line = reader.line_of("requirement", head)
            raise reader.fault(line, f"the spec has no requirement {entry.requirement}")
        earlier = found.setdefault((entry.requirement, entry.check), entry)
        if earlier is not entry:
            raise reader.fault(head, f"says the same as the entry of line {earlier.line}")
    return Baseline(str(path), tuple(found.values()))


def _why_stale(entry: Known, outcomes: list[Outcome], today: date) -> str:
    """Why an entry has to go, or ''.

    What this run could not judge proves nothing: an entry about it stays.
    """
    if entry.expired(today):
        return f"its last day was {entry.expires}"
    about = [o for o in outcomes if o.requirement == entry.requirement]
    mine = [o for o in about if entry.covers(o)]
    if any(o.verdict is Verdict.FAIL for o in mine):
        return ""
    if any(o.verdict is Verdict.INCONCLUSIVE for o in mine) or not any(o.verdict in _SEEN for o in about):
        return ""
    if not mine:
        return f"no check {entry.check} judged the requirement"
    return "it no longer fails" if any(o.verdict in _SEEN for o in mine) else ""


def apply(outcomes: Iterable[Outcome], baseline: Baseline, today: date) -> tuple[list[Outcome], list[Stale]]:
    """What is left when the known failures are set aside, and the entries that have to go."""
    listed = list(outcomes)
    left = [outcome for outcome in listed if baseline.known(outcome) is None]
    whys = ((entry, _why_stale(entry, listed, today)) for entry in baseline.entries)
    return left, [Stale(entry, why) for entry, why in whys if why]
