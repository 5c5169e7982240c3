"""Where a message type refers to blobs: found in its schema, so that no type has to be named. No I/O.

Source: spec/protocol/blobs.md; spec/shared/ref.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Path", "collect", "paths"]

Path = tuple[str, ...]
"""Members on the way to a reference; ``*`` for every item of an array."""

_REF = "shared/ref.json"


def paths(schemas: Mapping[str, Mapping[str, Any]], name: str) -> tuple[Path, ...]:
    """Every place where a reference stands in a value of the schema at ``name`` below the ``$id`` base."""
    return tuple(dict.fromkeys(_walk(schemas, name, schemas[name], ())))


def _walk(
    schemas: Mapping[str, Mapping[str, Any]], at: str, schema: Mapping[str, Any], path: Path
) -> Iterator[Path]:
    if "$ref" in schema:
        target = _resolve(at, schema["$ref"])
        if target == _REF:
            yield path
        elif target in schemas:
            yield from _walk(schemas, target, schemas[target], path)
    for name, part in schema.get("properties", {}).items():
        yield from _walk(schemas, at, part, (*path, name))
    if "items" in schema:
        yield from _walk(schemas, at, schema["items"], (*path, "*"))
    for part in schema.get("oneOf", ()):
        yield from _walk(schemas, at, part, path)


def _resolve(at: str, ref: str) -> str:
    """The path below the base of a relative reference; '' for a part of the same file."""
    file = ref.partition("#")[0]
    if not file:
        return ""
    folder = at.rpartition("/")[0]
    while file.startswith("../"):
        folder, file = folder.rpartition("/")[0], file[3:]
    return f"{folder}/{file}" if folder else file


def collect(value: Any, places: tuple[Path, ...]) -> list[Mapping[str, Any]]:
    """The references of a value that is valid against the schema of which ``places`` are the paths."""
    found: list[Mapping[str, Any]] = []
    for path in places:
        found += _at(value, path)
    return found


def _at(value: Any, path: Path) -> list[Mapping[str, Any]]:
    if not path:
        return [value] if isinstance(value, Mapping) else []
    if path[0] == "*":
        return [r for item in value for r in _at(item, path[1:])] if isinstance(value, list) else []
    return _at(value[path[0]], path[1:]) if isinstance(value, Mapping) and path[0] in value else []
