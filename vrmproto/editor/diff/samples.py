"""Values that fit a schema: what messages would hold that no example has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from vrmproto.editor.diff import regular
from vrmproto.editor.diff.keywords import text_language
from vrmproto.editor.diff.sides import Place, Side

__all__ = ["FORMATS", "one", "string", "variants"]

FORMATS = {
    "date-time": ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00+01:00", "2026-12-24", "2026-13-24T18:00:00Z"),
    "duration": ("P1D", "PT1H", "P1Y2M3DT4H5M6S", "P1W", "P1", "1 day"),
    "uri": (
        "https://example.com/a",
        "urn:uuid:0b6ef0d4-32ad-4f0e-9f8f-7d0d6ab35a3c",
        "no uri",
        "/a",
        "http://[a",
    ),
}
"""Strings that are of a format, and strings that are not."""

_DEEPEST = 12
_LONGEST = 3
"""Of arrays that are not wanted longer."""


def string(schema: Mapping[str, Any], number: int | None = None) -> str | None:
    """A string that fits pattern and lengths, with so many characters where it is said."""
    if number is not None:
        schema = {**schema, "minLength": number, "maxLength": number}
    if "pattern" not in schema:
        least: int = schema.get("minLength", min(1, schema.get("maxLength", 1)))
        return "a" * least
    try:
        return regular.shortest(text_language(schema))
    except regular.Undecided:
        return None


def variants(side: Side, place: Place) -> Iterator[Any]:
    """Values with every member: a first one, and one for each further alternative on the way."""
    first = _Maker(side, {})
    yield first.value(place, 0)
    for where, count in first.met.items():
        for n in range(1, count):
            yield _Maker(side, {where: n}).value(place, 0)


def one(side: Side, place: Place) -> Any:
    """A value with every member."""
    return _Maker(side, {}).value(place, 0)


class _Maker:
    def __init__(self, side: Side, chosen: Mapping[Place, int]) -> None:
        self.side, self.chosen = side, chosen
        self.met: dict[Place, int] = {}
        """Each ``oneOf`` on the way, and how many alternatives it has."""

    def value(self, place: Place, depth: int) -> Any:
        said = self.side.keywords(place)
        schema = {k: v for k, (_, v) in said.items()}
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if "oneOf" in schema:
            return self._alternative(said, schema, depth)
        if schema.get("type") in ("string", "integer") and schema.get("examples"):
            return schema["examples"][0]
        return self._typed(said, schema, depth)

    def _alternative(self, said: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
        where, ways = said["oneOf"]
        self.met[where] = len(ways)
        n = self.chosen.get(where, 0)
        if "examples" in schema and not n and "properties" not in schema:
            return schema["examples"][0]
        picked = self.value((where[0], f"{where[1]}/oneOf/{n}"), depth + 1)
        if schema.get("type") == "object" and isinstance(picked, dict):
            return self._object(said, schema, depth) | picked
        return picked

    def _typed(self, said: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "")
        if kind == "object":
            return self._object(said, schema, depth)
        if kind == "array":
            return self._array(said, schema, depth)
        if kind == "string":
            listed = FORMATS.get(schema.get("format", ""), ())
            return listed[0] if listed else string(schema) or ""
        if kind == "integer":
            return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
        return True if kind == "boolean" else "a"

    def _object(self, said: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
        found: dict[str, Any] = {}
        for name in schema.get("properties", {}):
            if depth < _DEEPEST or name in schema.get("required", ()):
                file, pointer = said["properties"][0]
                part = name.replace("~", "~0").replace("/", "~1")
                found[name] = self.value((file, f"{pointer}/properties/{part}"), depth + 1)
        if isinstance(schema.get("additionalProperties"), dict) and depth < _DEEPEST:
            (file, pointer), _ = said["additionalProperties"]
            found[self.name(said)] = self.value((file, f"{pointer}/additionalProperties"), depth + 1)
        return found

    def name(self, said: Mapping[str, Any]) -> str:
        if "propertyNames" not in said:
            return "a"
        file, pointer = said["propertyNames"][0]
        found = self.value((file, f"{pointer}/propertyNames"), _DEEPEST)
        return found if isinstance(found, str) else "a"

    def _array(self, said: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
        least = max(1, schema.get("minItems", 1))
        if "items" not in schema:
            return ["a"] * least
        if depth >= _DEEPEST and not schema.get("minItems"):
            return []
        file, pointer = said["items"][0]
        place = (file, f"{pointer}/items")
        first = self.value(place, depth + 1)
        return [first, *itertools.islice(others(self.side, place, first), least - 1)]


def others(side: Side, place: Place, first: Any) -> Iterator[Any]:
    """Values like the first one and each another, as long as there are any; then the same again."""
    schema = {k: v for k, (_, v) in side.keywords(place).items()}
    for value in schema.get("enum", ()):
        if value != first:
            yield value
    if isinstance(first, str) and "enum" not in schema:
        yield from _strings(schema, first)
    if isinstance(first, int) and not isinstance(first, bool):
        yield from range(first + 1, schema.get("maximum", first + 10_000) + 1)
    yield from itertools.repeat(first)


def _strings(schema: Mapping[str, Any], first: str) -> Iterator[str]:
    try:
        left = regular.both(text_language(schema), regular.negated(regular.exactly(first)))
        for _ in range(40):
            found = regular.shortest(left)
            if found is None:
                return
            yield found
            left = regular.both(left, regular.negated(regular.exactly(found)))
    except regular.Undecided:
        return
