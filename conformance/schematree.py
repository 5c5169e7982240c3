"""The schemas of a spec as trees without ``$ref``, what a value breaks in them, and how patterns are read.

Only the keywords and the spelling of patterns that ``spec/`` uses are known here. Anything else is
:class:`Unknown`, loudly: a new keyword must not go by unnoticed.
"""

from __future__ import annotations

import calendar
import functools
import math
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrmproto.spec import BASE, Spec

__all__ = [
    "UNBOUNDED",
    "Part",
    "Pattern",
    "Schema",
    "Unknown",
    "broken",
    "copied",
    "fits",
    "pattern",
    "replaced",
    "same",
    "tree",
]

Schema = Mapping[str, Any]

ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "x-profile", "x-ext"})
KEYWORDS = frozenset(
    [
        "type",
        "const",
        "enum",
        "oneOf",
        "properties",
        "required",
        "additionalProperties",
        "propertyNames",
        "maxProperties",
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
    ]
)
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": (int, float),
}
FORMATS = {
    "date-time": r"(\d{4})-(0[1-9]|1[0-2])-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"([Zz]|[+-]\d\d:\d\d)",
    "duration": r"P(\d+W|(?=[\dT])(\d+Y(\d+M(\d+D)?)?|\d+M(\d+D)?|\d+D)?"
    r"(T(?=\d)(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S))?)",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
    r"(#([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?",
}
UNBOUNDED = 1 << 40


class Unknown(Exception):
    """The spec says something that this module does not know yet."""


_TREES: dict[int, tuple[Mapping[str, Schema], dict[str, Schema]]] = {}


def tree(spec: Spec, path: str) -> Schema:
    """The schema at a path such as ``messages/offer.make.json``, with every ``$ref`` filled in."""
    _, done = _TREES.setdefault(id(spec.schemas), (spec.schemas, {}))
    if path not in done:
        done[path] = _filled(spec.schemas, path, _at(spec.schemas, path), (path,))
    return done[path]


def _at(schemas: Mapping[str, Schema], path: str) -> Schema:
    name, _, pointer = path.partition("#")
    found: Any = schemas[name]
    for part in pointer.split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found if isinstance(found, Mapping) else {}


def _filled(schemas: Mapping[str, Schema], path: str, schema: Schema, above: tuple[str, ...]) -> Schema:
    if "$ref" in schema:
        if set(schema) - ANNOTATIONS - {"$ref"}:
            raise Unknown(f"{path}: keywords beside $ref: {sorted(schema)}")
        target = _target(path, schema["$ref"])
        if target in above:
            raise Unknown(f"{path}: {target} refers to itself")
        return _filled(schemas, target, _at(schemas, target), (*above, target))

    def inner(sub: Schema) -> Schema:
        return _filled(schemas, path, sub, above)

    filled: dict[str, Any] = {}
    for keyword, said in schema.items():
        if keyword in ("items", "propertyNames"):
            filled[keyword] = inner(said)
        elif keyword == "additionalProperties":
            filled[keyword] = inner(said) if isinstance(said, Mapping) else said
        elif keyword == "properties":
            filled[keyword] = {name: inner(sub) for name, sub in said.items()}
        elif keyword == "oneOf":
            filled[keyword] = [inner(sub) for sub in said]
        elif keyword in KEYWORDS or keyword == "examples":
            filled[keyword] = said
        elif keyword not in ANNOTATIONS:
            raise Unknown(f"{path}: the keyword {keyword}")
    _known(path, filled)
    return filled


def _known(path: str, schema: Schema) -> None:
    """Raise Unknown for a value of a keyword that is not known."""
    if schema.get("type", "object") not in list(TYPES):
        raise Unknown(f"{path}: the type {schema['type']}")
    if schema.get("format", "uri") not in FORMATS:
        raise Unknown(f"{path}: the format {schema['format']}")
    if "pattern" in schema:
        pattern(schema["pattern"])
    if "oneOf" in schema and set(schema) & KEYWORDS != {"oneOf"}:
        raise Unknown(f"{path}: keywords beside oneOf")
    if not set(schema) & {"type", "const", "enum", "oneOf"}:
        raise Unknown(f"{path}: a schema that says no type")


def _target(path: str, ref: str) -> str:
    if ref.startswith(BASE):
        return ref.removeprefix(BASE)
    name, _, pointer = ref.partition("#")
    here = path.partition("#")[0]
    name = posixpath.normpath(posixpath.join(posixpath.dirname(here), name)) if name else here
    return f"{name}#{pointer}" if pointer else name


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return bool(one == other)


def replaced(parent: Any, at: Sequence[str | int], value: Any) -> Any:
    """A deep copy with another value at one place."""
    if not at:
        return copied(value)
    if isinstance(parent, dict):
        return {k: replaced(v, at[1:], value) if k == at[0] else copied(v) for k, v in parent.items()}
    return [replaced(v, at[1:], value) if i == at[0] else copied(v) for i, v in enumerate(parent)]


def copied(value: Any) -> Any:
    """A deep copy."""
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    return [copied(v) for v in value] if isinstance(value, list) else value


def fits(schema: Schema, value: Any) -> bool:
    """Whether a value is valid against a filled schema."""
    return next(broken(schema, value), None) is None


def broken(schema: Schema, value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where a value breaks which keyword; of a ``oneOf`` only that it does, of a name what it breaks."""
    if "oneOf" in schema and sum(fits(sub, value) for sub in schema["oneOf"]) != 1:
        yield at, "oneOf"
    if "const" in schema and not same(value, schema["const"]):
        yield at, "const"
    if "enum" in schema and not any(same(value, one) for one in schema["enum"]):
        yield at, "enum"
    if "type" in schema and not _is(value, schema["type"]):
        yield at, "type"
    elif isinstance(value, dict):
        yield from _of_object(schema, value, at)
    elif isinstance(value, list):
        yield from _of_array(schema, value, at)
    elif isinstance(value, str):
        yield from _of_string(schema, value, at)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", -math.inf):
            yield at, "minimum"
        if value > schema.get("maximum", math.inf):
            yield at, "maximum"


def _is(value: Any, name: str) -> bool:
    if name == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def _of_object(
    schema: Schema, value: Mapping[str, Any], at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield at, "required"
    if len(value) > schema.get("maxProperties", UNBOUNDED):
        yield at, "maxProperties"
    for name, one in value.items():
        if "propertyNames" in schema:
            yield from broken(schema["propertyNames"], name, at)
        if name in known:
            yield from broken(known[name], one, (*at, name))
        elif more is False:
            yield at, "additionalProperties"
        elif more is not True:
            yield from broken(more, one, (*at, name))


def _of_array(
    schema: Schema, value: Sequence[Any], at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(value) < schema.get("minItems", 0):
        yield at, "minItems"
    if len(value) > schema.get("maxItems", UNBOUNDED):
        yield at, "maxItems"
    if schema.get("uniqueItems") and any(
        same(one, other) for i, one in enumerate(value) for other in value[:i]
    ):
        yield at, "uniqueItems"
    if "items" in schema:
        for i, one in enumerate(value):
            yield from broken(schema["items"], one, (*at, str(i)))


def _of_string(schema: Schema, value: str, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(value) < schema.get("minLength", 0):
        yield at, "minLength"
    if len(value) > schema.get("maxLength", UNBOUNDED):
        yield at, "maxLength"
    if "pattern" in schema and not pattern(schema["pattern"]).matches(value):
        yield at, "pattern"
    if "format" in schema:
        found = re.fullmatch(FORMATS[schema["format"]], value, re.ASCII)
        dated = found and schema["format"] == "date-time"
        if not found or (dated and not _day_exists(*map(int, found.group(1, 2, 3)))):
            yield at, "format"


def _day_exists(year: int, month: int, day: int) -> bool:
    return year > 0 and 1 <= day <= calendar.monthrange(year, month)[1]


@dataclass(frozen=True)
class Part:
    """A part of a pattern: one character of some, a sequence, a choice, or something repeated."""

    low: int
    high: int
    chars: str = ""
    row: tuple[Part, ...] = ()
    choice: tuple[Part, ...] = ()
    again: Part | None = None
    times: tuple[int, int] = (1, 1)


class Pattern:
    """An anchored pattern: a test of strings, and its parts to write strings from."""

    def __init__(self, text: str) -> None:
        if not (text.startswith("^") and text.endswith("$")):
            raise Unknown(f"a pattern without anchors: {text}")
        self.text = text
        self._search = re.compile(text).search
        reader = _Reader(text, 1, len(text) - 1)
        self.part = reader.choice()
        if reader.at != reader.end:
            raise Unknown(f"a pattern that cannot be read from {text[reader.at :]!r} on: {text}")
        self.low, self.high = self.part.low, self.part.high
        self.alphabet = frozenset(_alphabet(self.part))

    def matches(self, value: str) -> bool:
        """Whether the pattern takes a string."""
        return self._search(value) is not None


@functools.lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """The pattern of a text, read once."""
    return Pattern(text)


def _alphabet(part: Part) -> Iterator[str]:
    yield from part.chars
    for one in (*part.row, *part.choice, *filter(None, [part.again])):
        yield from _alphabet(one)


def _row(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    return Part(sum(p.low for p in parts), sum(p.high for p in parts), row=tuple(parts))


class _Reader:
    """Reads the spelling of patterns that ``spec/`` uses; look-aheads are left to the real pattern."""

    def __init__(self, text: str, at: int, end: int) -> None:
        self.text, self.at, self.end = text, at, end

    def peek(self) -> str:
        return self.text[self.at] if self.at < self.end else ""

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def choice(self) -> Part:
        found = [self.row()]
        while self.peek() == "|":
            self.at += 1
            found.append(self.row())
        if len(found) == 1:
            return found[0]
        return Part(min(p.low for p in found), max(p.high for p in found), choice=tuple(found))

    def row(self) -> Part:
        parts: list[Part] = []
        while self.peek() not in ("", "|", ")"):
            one = self.times(self.atom())
            if one.high:
                parts.append(one)
        return _row(parts)

    def atom(self) -> Part:
        char = self.take()
        if char == "(":
            ahead = self.text[self.at : self.at + 2] in ("?=", "?!")
            self.at += 2 * ahead
            inner = self.choice()
            self.at += 1
            return _row(()) if ahead else inner
        if char == "[":
            return Part(1, 1, chars=self.set())
        if char in ".^$*+?{":
            raise Unknown(f"{char!r} in the pattern {self.text}")
        return Part(1, 1, chars=self.escaped() if char == "\\" else char)

    def escaped(self) -> str:
        char = self.take()
        if char.isalnum() and char != "n":
            raise Unknown(f"\\{char} in the pattern {self.text}")
        return "\n" if char == "n" else char

    def set(self) -> str:
        if self.peek() == "^":
            raise Unknown(f"a set of what must not stand in the pattern {self.text}")
        found = ""
        while (char := self.take()) != "]":
            one = self.escaped() if char == "\\" else char
            if self.peek() == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                last = self.take()
                found += "".join(map(chr, range(ord(one), ord(last) + 1)))
            else:
                found += one
        return found

    def times(self, part: Part) -> Part:
        found = re.compile(r"[?*+]|\{(\d+)(,(\d*))?\}").match(self.text, self.at, self.end)
        if not found:
            return part
        self.at = found.end()
        least = int(found[1]) if found[1] else int(found[0] == "+")
        most = 1 if found[0] == "?" else UNBOUNDED
        if found[1]:
            most = int(found[3] or UNBOUNDED) if found[2] else least
        return Part(part.low * least, min(part.high * most, UNBOUNDED), again=part, times=(least, most))
