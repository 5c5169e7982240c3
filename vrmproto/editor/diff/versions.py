"""The version of a spec folder, and what a step of it is.

The version stands in three places: ``version`` of threads.json, the ``$id`` of every schema (behind
``https://w3id.org/vrmproto/``) and ``vrm`` of envelope.json, which a message says. A step is a greater
number in all of them; one that is made in some places alone is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vrmproto.editor.diff.change import Change
from vrmproto.editor.diff.sides import Side

__all__ = ["changes", "stepped", "version_of"]

_ID = re.compile(r"https://w3id\.org/vrmproto/([0-9]+\.[0-9]+)/")


def version_of(side: Side) -> str:
    """What threads.json says."""
    return str(side.data("threads.json").get("version", ""))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if re.fullmatch(r"\d+\.\d+", version) else ()


def _elsewhere(side: Side) -> Iterator[tuple[str, str, str]]:
    """The other places of the version: file, pointer and what stands there."""
    for path, said in side.ids.items():
        found = _ID.match(str(said))
        yield path, "/$id", found[1] if found else str(said)
    claims = side.at(("envelope.json", "/$defs/claims/properties/vrm")) or {}
    yield "envelope.json", "/$defs/claims/properties/vrm/const", str(claims.get("const"))


def stepped(old: str, new: Side) -> bool:
    """Whether a folder is of a later version than the old one, in every place that says it."""
    version = version_of(new)
    whole = all(said == version for _, _, said in _elsewhere(new))
    return whole and _number(version) > _number(old)


def changes(old: str, new: Side) -> Iterator[Change]:
    """The step itself, and where it has been forgotten."""
    version = version_of(new)
    if version != old:
        later = _number(version) > _number(old)
        what = f"the version {old} -> {version}{'' if later else ', which is no step forward'}"
        yield Change("version", "threads.json", "/version", what)
    for file, pointer, said in _elsewhere(new):
        if said != version:
            what = f"says {said}, and threads.json says {version}: no step of the version while they differ"
            yield Change("version", file, pointer, what)
