"""What is new in a spec folder since an earlier release: sentences, codes, files. Pure but for reading.

The earlier one is a spec folder, or a file ``requirements/VERSION-DIGEST.json`` that holds what it said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vrmproto import requirements
from vrmproto.editor.folder import ERRORS, THREADS, Finding
from vrmproto.editor.site.source import SiteError, Source
from vrmproto.errors import SpecError

__all__ = ["Changes", "since"]

_RELEASE = re.compile(r"requirements/(\d+)\.(\d+)-[0-9a-f]+\.json")
_FILES = ("envelope.json", "messages/*.json", "shared/*.json", "documents/*.json", "*.json", "views/*.json")


@dataclass(frozen=True, slots=True)
class _Said:
    """What a release said."""

    version: str
    sentences: Mapping[str, str]
    codes: Mapping[str, int]
    files: Mapping[str, str]
    """Path to digest."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the release ``version``; names in order."""

    version: str
    new: list[str] = field(default_factory=list)
    """Requirements."""
    changed: list[tuple[str, str]] = field(default_factory=list)
    """Requirements with what they said before."""
    gone: list[tuple[str, str]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    """Lines about codes."""
    files: list[tuple[str, str]] = field(default_factory=list)
    """``added``, ``changed`` or ``removed``, and the path."""

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.new or self.changed or self.gone or self.codes or self.files)


def _here(source: Source) -> _Said:
    folder = source.folder
    texts = {path: folder.text(path) or "" for path in folder.listed(*_FILES)}
    return _Said(
        source.version,
        {rule.id: rule.text for rule in source.rules.values()},
        {code: entry["status"] for code, entry in source.codes.items()},
        {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()},
    )


def _folder(root: Path) -> _Said:
    """An earlier spec folder, as far as it has to be read; SiteError if it is none."""
    try:
        codes = json.loads((root / ERRORS).read_bytes())["codes"]
        paths = sorted({p for pattern in _FILES for p in root.glob(pattern) if p.is_file()})
        return _Said(
            str(json.loads((root / THREADS).read_bytes())["version"]),
            {rule.id: rule.text for rule in requirements.read(root).values()},
            {entry["code"]: entry["status"] for entry in codes},
            {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths},
        )
    except (OSError, ValueError, LookupError, TypeError, SpecError) as error:
        message = f"cannot be compared with: {error}"
        finding = Finding("previous-unreadable", str(root), 0, message, "name a spec folder")
        raise SiteError([finding]) from None


def _release(source: Source) -> _Said | None:
    """The newest release that the folder itself holds, if there is one."""
    found = [(m, p) for p in source.folder.listed("requirements/*.json") if (m := _RELEASE.fullmatch(p))]
    if not found:
        return None
    _, path = max(found, key=lambda entry: (int(entry[0][1]), int(entry[0][2])))
    try:
        value: Mapping[str, Any] = json.loads(source.folder.text(path) or "")
        sentences = {name: str(one["text"]) for name, one in value["requirements"].items()}
        return _Said(str(value["version"]), sentences, dict(value["codes"]), dict(value["files"]))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        message = f"is no release: {error!r}"
        raise SiteError([Finding("release-invalid", path, 1, message, "write it anew")]) from None


def since(source: Source, previous: Path | None) -> Changes | None:
    """What differs from ``previous``, or from the release that the folder holds; None without either."""
    old = _folder(previous) if previous else _release(source)
    if old is None:
        return None
    now = _here(source)
    known = now.files.keys() | old.files.keys()
    return Changes(
        version=old.version,
        new=sorted(now.sentences.keys() - old.sentences.keys()),
        changed=[
            (name, old.sentences[name])
            for name in sorted(now.sentences.keys() & old.sentences.keys())
            if now.sentences[name] != old.sentences[name]
        ],
        gone=[(name, old.sentences[name]) for name in sorted(old.sentences.keys() - now.sentences.keys())],
        codes=list(_codes(old.codes, now.codes)),
        files=[
            (how, path) for path in sorted(known) if (how := _how(old.files.get(path), now.files.get(path)))
        ],
    )


def _codes(old: Mapping[str, int], new: Mapping[str, int]) -> list[str]:
    lines = []
    for code in sorted(old.keys() | new.keys()):
        if code not in old:
            lines.append(f"{code} is new")
        elif code not in new:
            lines.append(f"{code} is gone")
        elif old[code] != new[code]:
            lines.append(f"{code} has the status {new[code]}, before {old[code]}")
    return lines


def _how(old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return "added" if old is None and new is not None else "removed" if old is not None else ""
    return "changed" if old != new else ""
