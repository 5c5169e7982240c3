"""The numbered sentences of ``spec/protocol/``, read from the prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vrmproto.errors import SpecError

__all__ = ["Requirement", "read"]

_REQUIREMENT = re.compile(r"^- (?P<text>.+?) \{#(?P<id>VRM-[A-Z]+-\d{3}) (?P<role>\w+)(?P<needs>[ \w]*)\}$")
_LEVEL = re.compile(r"\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b")
_CODE = re.compile(r"\(`([a-z-]+)`[^)]*\)\.?$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One numbered sentence of the prose."""

    id: str
    text: str
    level: str
    role: str
    needs: tuple[str, ...]
    profile: str
    page: str
    code: str
    """The code that a home answers when this rule alone is broken, or ''."""


def _page(path: Path) -> Iterator[Requirement]:
    lines = path.read_text(encoding="utf-8").splitlines()
    profile = next((line.removeprefix("profile: ") for line in lines if line.startswith("profile: ")), "core")
    for line in lines:
        if match := _REQUIREMENT.match(line):
            text = match["text"]
            levels = _LEVEL.findall(text)
            code = _CODE.search(text)
            yield Requirement(
                id=match["id"],
                text=text,
                level=levels[0] if levels else "",
                role=match["role"],
                needs=tuple(match["needs"].split()),
                profile=profile,
                page=path.name,
                code=code[1] if code else "",
            )


def read(root: Path) -> dict[str, Requirement]:
    """Every requirement of a spec folder by its id; SpecError for an id that is used twice."""
    found: dict[str, Requirement] = {}
    for page in sorted((root / "protocol").glob("*.md")):
        for requirement in _page(page):
            if requirement.id in found:
                raise SpecError(f"protocol/{page.name}: {requirement.id} is used twice")
            found[requirement.id] = requirement
    return found
