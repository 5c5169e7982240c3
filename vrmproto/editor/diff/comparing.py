"""Compares two spec folders, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from vrmproto import requirements as sentences
from vrmproto.editor import releases
from vrmproto.editor.diff import data, requirements, schemas, tables, versions
from vrmproto.editor.diff.change import HOMES, RECEIVERS, SENDERS, Change, ordered
from vrmproto.editor.diff.sides import Side, read
from vrmproto.errors import SpecError

__all__ = ["changes", "unstepped"]

_TOLD = (
    "envelope.json", "messages/*", "shared/*", "documents/*", "threads.json", "errors.json",
    "endpoints.json", "purposes.json", "ladder.json", "vectors/*", "roster/*/*/manifest.json",
)  # fmt: skip
"""Files that are compared by what they mean; all others by their bytes."""

_TABLES = {
    "threads.json": tables.changes,
    "errors.json": data.errors,
    "endpoints.json": data.endpoints,
    "purposes.json": data.purposes,
    "ladder.json": data.ladder,
}

_BEHIND = ("views/*.json",)
"""Other files by which a home judges or answers."""


def changes(old: Path, new: Path) -> list[Change]:
    """What changed from a spec folder, or a release, to a spec folder, the worst first.

    A release has the digests of schemas and tables alone, so a file that changed possibly breaks everyone.
    SpecError if one cannot be read.
    """
    after = read(new)
    try:
        if old.is_file():
            return ordered(list(_since(releases.read(old), after)))
        return ordered(list(_all(read(old), after)))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise SpecError(f"{old}, {new}: not of the form of a spec folder ({error!r})") from None


def unstepped(old: Path, new: Path, found: list[Change]) -> list[Change]:
    """The changes that break somebody and must not, for there is no step of the version, or none helps."""
    version = releases.read(old)["version"] if old.is_file() else versions.version_of(read(old))
    stepped = versions.stepped(version, read(new))
    return [c for c in found if c.verdict == "breaking" and (c.never or not stepped)]


def _all(old: Side, new: Side) -> Iterator[Change]:
    yield from versions.changes(versions.version_of(old), new)
    yield from schemas.changes(old, new, _corpus(old, new))
    for path, judge in _TABLES.items():
        yield from judge(old.data(path), new.data(path))
    yield from requirements.changes(sentences.read(old.root), sentences.read(new.root))
    yield from data.manifests(releases.manifests(old.root), releases.manifests(new.root))
    yield from data.vectors(*map(_expected, (old, new)))
    yield from _files(old.files("**/*"), new.files("**/*"))


def _since(release: Mapping[str, Any], new: Side) -> Iterator[Change]:
    """What changed since a release."""
    now = releases.content(new.root)
    yield from versions.changes(release["version"], new)
    yield from requirements.changes(releases.requirements_of(release), sentences.read(new.root))
    yield from data.manifests(release["manifests"], now["manifests"])
    yield from data.statuses(release["codes"], now["codes"])
    for path in sorted(release["files"].keys() | now["files"].keys()):
        before, after = release["files"].get(path), now["files"].get(path)
        if before != after and path != "errors.json":
            state = "has changed" if before and after else "is new" if after else "is gone"
            area = "schemas" if path in new.schemas or path not in _TABLES else path.removesuffix(".json")
            yield Change(area, path, "", f"the file {state}", may_break=(SENDERS, RECEIVERS, HOMES))


def _corpus(old: Side, new: Side) -> dict[str, list[Any]]:
    """Bodies of the vectors that are taken, of types whose verdicts may differ."""
    if old.schemas == new.schemas:
        return {}
    tokens: dict[str, bytes] = {}
    for side in (new, old):
        for path, expected in _expected(side).items():
            token = side.root / path.replace("expect.json", "token.jwt")
            if expected.get("accept") is True and token.is_file():
                tokens[path] = token.read_bytes()
    return schemas.bodies(tokens)


def _expected(side: Side) -> dict[str, Mapping[str, Any]]:
    found = {}
    for path, content in side.files("vectors/*/expect.json").items():
        try:
            found[path] = json.loads(content)
        except ValueError as error:
            raise SpecError(f"{side.root / path}: is not JSON ({error})") from None
    return found


def _files(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Change]:
    """Files that are compared by their bytes."""
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path) or any(fnmatch(path, pattern) for pattern in _TOLD):
            continue
        area = path.partition("/")[0] if "/" in path else "pages"
        state = "changed" if path in old and path in new else "new" if path in new else "gone"
        if any(fnmatch(path, pattern) for pattern in _BEHIND):
            yield Change("views", path, "", f"the file is {state}", may_break=(HOMES, RECEIVERS))
        elif path.startswith("protocol/") and state == "changed":
            if _unnumbered(old[path]) != _unnumbered(new[path]):
                what = "text beside the numbered sentences changed"
                yield Change("pages", path, "", what, editorial=True)
        else:
            yield Change(area, path, "", f"the file is {state}", editorial=True)


def _unnumbered(page: bytes) -> list[str]:
    return [line for line in page.decode("utf-8", "replace").splitlines() if "{#VRM-" not in line]
