"""What the site is made of: a spec folder, read once, and what stands beside it. Source: spec/README.md.

Of the vectors only those are read that show a message of each type: their thousands of folders have no page.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto.editor import prose, schemas, tables
from vrmproto.editor.folder import (
    ENDPOINTS,
    ERRORS,
    EXCLUSIONS,
    LADDER,
    MATRIX,
    PURPOSES,
    ROSTER,
    THREADS,
    Finding,
    Folder,
    Sentence,
    read_all,
)
from vrmproto.editor.site.messages import Book
from vrmproto.guards import GUARDS

__all__ = ["Rule", "SiteError", "Source", "read"]

_UNREAD = ("vectors/**", "reports/")
_PROFILE = re.compile(r"^profile: ([a-z]+)$", re.MULTILINE)
_LEVEL = re.compile(r"\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b")
_PAGE = re.compile(r"\]\(([a-z-]+\.md)\)")
_ANSWER = re.compile(r"\(`([a-z-]+)`[^)]*\)\.?$")


class SiteError(Exception):
    """No site can be made, or written: the findings say why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{f.file}: {f.message}" for f in findings))
        self.findings = list(findings)


@dataclass(frozen=True, slots=True)
class Rule:
    """A requirement with all that its page and the index say of it."""

    id: str
    area: str
    text: str
    level: str
    role: str
    needs: tuple[str, ...]
    profile: str
    page: str
    """The file of the folder that it stands in."""
    codes: tuple[str, ...]
    """The codes that the sentence names."""
    answer: str
    """The one that a home answers when this rule alone is broken, or ''."""
    checks: tuple[str, ...] | None
    """The checks that judge it; None where no list of checks was given."""
    excluded: str
    """Why nothing at a URL can judge it, or ''."""


class _Unvectored(Folder):
    """A spec folder of which nothing below the vectors is listed."""

    def listed(self, *patterns: str) -> list[str]:
        return super().listed(*(p for p in patterns if not p.startswith(_UNREAD)))


@dataclass(frozen=True)
class Source:
    """A spec folder whose data files are sound, and the checks of a suite as far as they were given."""

    folder: Folder
    checks: Mapping[str, Mapping[str, Any]] | None = None
    """Requirement id to ``{checks, excluded}``."""

    @functools.cached_property
    def book(self) -> Book:
        """What the pages of message types and of kinds are made of."""
        return Book.read(self.folder.root)

    @functools.cached_property
    def version(self) -> str:
        """The version of the protocol."""
        return str(self.folder.get(THREADS)["version"])

    @functools.cached_property
    def kinds(self) -> Mapping[str, Any]:
        """Kind to its table."""
        return dict(self.folder.get(THREADS)["kinds"])

    @functools.cached_property
    def guards(self) -> Mapping[str, list[str]]:
        """Guard to the kinds whose rows have it."""
        return {
            guard: [k for k, t in self.kinds.items() if any(guard in r.get("guards", ()) for r in t["rows"])]
            for guard in self.folder.get(THREADS)["guards"]
        }

    @functools.cached_property
    def codes(self) -> Mapping[str, Mapping[str, Any]]:
        """Code to its entry of errors.json."""
        return {entry["code"]: entry for entry in self.folder.get(ERRORS)["codes"]}

    @property
    def order(self) -> list[str]:
        """The checks of a message in their order."""
        return list(self.folder.get(ERRORS)["checks"])

    @property
    def endpoints(self) -> list[Mapping[str, Any]]:
        """What a home serves."""
        return list(self.folder.get(ENDPOINTS)["endpoints"])

    @property
    def purposes(self) -> Mapping[str, str | None]:
        """Purpose to clause."""
        return dict(self.folder.get(PURPOSES))

    @property
    def matrix(self) -> Mapping[str, Any]:
        """The roster as it is written by hand."""
        return dict(self.folder.get(MATRIX))

    @property
    def roster(self) -> Mapping[str, Any]:
        """The roster as it is generated, with digests."""
        return dict(self.folder.values[ROSTER])

    @property
    def ladder(self) -> Mapping[str, Any]:
        """The ladder that every home holds."""
        return dict(self.folder.values[LADDER])

    @functools.cached_property
    def rules(self) -> Mapping[str, Rule]:
        """The requirements by id, in the order of areas and numbers."""
        excluded = {e["requirement"]: e["reason"] for e in self.folder.get(EXCLUSIONS)["exclusions"]}
        sentences = sorted(self.folder.requirements.values(), key=lambda s: s.id)
        return {s.id: self._rule(s, excluded.get(s.id, "")) for s in sentences}

    def _rule(self, sentence: Sentence, excluded: str) -> Rule:
        level = _LEVEL.search(sentence.text)
        named = re.findall(r"`([a-z-]+)`", sentence.text)
        answer = _ANSWER.search(sentence.text)
        known = None if self.checks is None else self.checks.get(sentence.id, {})
        return Rule(
            id=sentence.id,
            area=sentence.area,
            text=sentence.text,
            level=level[0] if level else "",
            role=sentence.role,
            needs=sentence.needs,
            profile=self.profile_of(sentence.page),
            page=sentence.page,
            codes=tuple(dict.fromkeys(c for c in named if c in self.codes)),
            answer=answer[1] if answer and answer[1] in self.codes else "",
            checks=None if known is None else tuple(known.get("checks", ())),
            excluded=excluded or str((known or {}).get("excluded", "")),
        )

    def profile_of(self, page: str) -> str:
        """The profile that a page of protocol/ names, or ''."""
        found = _PROFILE.search(self.folder.text(page) or "")
        return found[1] if found else ""

    @functools.cached_property
    def profiles(self) -> list[str]:
        """The profiles of pages and types, ``core`` first."""
        types = {self.folder.values[p].get("x-profile", "core") for p in self.schemas("messages")}
        found = {rule.profile for rule in self.rules.values()} | types
        return ["core", *sorted(found - {"core", ""})]

    def schemas(self, name: str) -> list[str]:
        """Paths of the schemas in a folder."""
        return self.folder.listed(f"{name}/*.json")

    @functools.cached_property
    def pages(self) -> list[str]:
        """The Markdown pages: those of the protocol in the order of its own list, then the others."""
        found = [p for p in self.folder.listed("*.md", "*/*.md") if p.startswith("protocol/")]
        named = _PAGE.findall(self.folder.text("protocol/README.md") or "")
        order = ["protocol/README.md", *(f"protocol/{name}" for name in named)]
        found.sort(key=lambda p: (order.index(p) if p in order else len(order), p))
        others = [p for p in self.folder.listed("*.md", "*/*.md") if p not in found]
        vectors = ["vectors/README.md"] if (self.folder.root / "vectors/README.md").is_file() else []
        return [*found, *others, *(v for v in vectors if v not in others)]

    @functools.cached_property
    def users(self) -> Mapping[str, list[str]]:
        """Path of a schema to the paths of those that refer to it."""
        found: dict[str, list[str]] = {}
        for path in self.folder.schemas:
            for target in sorted(schemas.references(self.folder, path) - {path}):
                found.setdefault(target, []).append(path)
        return found


def _tables(folder: Folder) -> None:
    """What of the tables would not let them be drawn."""
    if THREADS in folder.sound:
        for fault in tables.faults(folder.get(THREADS), folder.names("messages"), GUARDS):
            folder.add(fault.code, THREADS, fault.message, fault.remedy, pointer=fault.pointer)


def read(root: Path, checks: Mapping[str, Mapping[str, Any]] | None = None) -> Source:
    """Read a spec folder; SiteError with its findings if something in it cannot be shown as it is."""
    if not root.is_dir():
        raise SiteError([Finding("file-missing", str(root), 0, "is no folder", "name a spec folder")])
    if not (root / "protocol").is_dir():
        raise SiteError([Finding("file-missing", str(root), 0, "is no spec folder", "name one that is")])
    folder = _Unvectored(root)
    for step in (read_all, prose.collect, *schemas.SHAPES, _tables):
        step(folder)
    if folder.found:
        raise SiteError(sorted(set(folder.found), key=lambda f: (f.file, f.line, f.code, f.message)))
    return Source(folder, checks)
