"""What each keyword of a schema says, in words: the closed table behind :mod:`vrmproto.editor.site.keywords`.

There is no word for a keyword that is not in the table: it is a :class:`KeywordError`, never left out.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from vrmproto.editor.folder import pointer_of
from vrmproto.editor.site.fragments import code, joined, pretty

__all__ = ["KEYWORDS", "KeywordError", "Place", "Row", "Shown", "anchor", "shown_of"]

_PLAIN = re.compile(r"[A-Za-z0-9_:@$-]+")
_FEW = 100
"""Values that are no longer than this together stand beside the type."""

_MANY = 20
"""More values than this are folded."""

_TYPES = {
    "object": "object",
    "array": "list",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}

_FORMATS = {
    "date-time": "a date with a time, as RFC 3339 writes it",
    "duration": "a duration, as ISO 8601 writes it",
    "uri": "an absolute URI",
    "regex": "a regular expression",
}


class KeywordError(ValueError):
    """A schema says something that the pages have no words for; ``path`` and ``pointer`` tell where."""

    def __init__(self, path: str, pointer: str, problem: str) -> None:
        super().__init__(f"{path}#{pointer}: {problem}")
        self.path, self.pointer = path, pointer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of a schema stands: in the file, and in the value that it is about."""

    path: str
    link: Callable[[str], str]
    """Path of another schema to the address of its page."""
    pointer: str = ""
    name: str = ""
    """How a reader calls the part of the value: ``total.amount``; empty for the whole."""
    note: str = ""
    """What else tells it from others of that name: ``alternative 1 of 2``."""

    def below(self, *keys: str | int, name: str = "", note: str = "") -> Place:
        """A place further down; what is said of this one holds there too."""
        inner = self.name + (name if self.name else name.removeprefix("."))
        notes = "; ".join(n for n in (self.note, note) if n)
        return Place(self.path, self.link, self.pointer + pointer_of(keys), inner, notes)

    def error(self, problem: str) -> KeywordError:
        """What to raise for something here."""
        return KeywordError(self.path, self.pointer, problem)


@dataclass(frozen=True, slots=True)
class Row:
    """A part that is shown in a row of its own; ``member`` is its name where it is one of an object."""

    place: Place
    schema: Any
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What keywords say: of one of them, or of all in a schema."""

    texts: tuple[Markup, ...] = ()
    types: tuple[Markup, ...] = ()
    rules: tuple[tuple[str, Markup], ...] = ()
    """(keyword, what it asks for)"""
    rows: tuple[Row, ...] = ()
    needed: tuple[str, ...] = ()
    """Members that have to be there."""
    choices: tuple[Any, ...] = ()
    """Alternatives, of which a sentence can tell only once."""
    examples: tuple[Markup, ...] = ()
    parts: tuple[Row, ...] = ()
    """Named parts of the file, each in a section of its own."""

    def __add__(self, other: Shown) -> Shown:
        return Shown(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def phrase(self) -> Markup | None:
        """All that is said, where it is short enough to stand inside another sentence."""
        more = (self.texts, self.rules, self.rows, self.choices, self.examples, self.parts)
        return None if any(more) or len(self.types) != 1 else self.types[0]


Speak = Callable[[Place, Any, Mapping[str, Any]], Shown]
"""Place, value of the keyword and the schema that it stands in, to what it says."""


def value(thing: Any) -> Markup:
    """A JSON value on one line."""
    return code(json.dumps(thing, ensure_ascii=False))


def anchor(pointer: str) -> str:
    """The id of a part, which is also what an address says behind ``#``."""
    return quote(pointer, safe="/~$:@-._")


def names(listed: Sequence[str]) -> Markup:
    """Names of members."""
    return joined([code(n) for n in listed]) or Markup("none")


def member(name: str) -> str:
    """How a member is called behind the name of its object."""
    return f".{name}" if _PLAIN.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"


def shown_of(place: Place, schema: Any) -> Shown:
    """Everything that a schema says; KeywordError for what there are no words for."""
    if isinstance(schema, bool):
        return Shown(types=(Markup("anything") if schema else Markup("nothing: no value fits"),))
    if not isinstance(schema, Mapping):
        raise place.error("is no schema")
    for keyword in schema:
        if keyword not in KEYWORDS:
            raise place.error(f"there are no words for the keyword {keyword}")
    shown = Shown()
    for keyword, speak in KEYWORDS.items():
        if keyword in schema:
            shown += speak(place, schema[keyword], schema)
    return shown


def _inside(place: Place, schema: Any) -> tuple[Markup, tuple[Row, ...]]:
    """A part as words in a sentence, with the row that shows it where words are not enough."""
    phrase = shown_of(place, schema).phrase
    if phrase is None:
        return Markup('as <a href="#{}">below</a>').format(anchor(place.pointer)), (Row(place, schema),)
    return Markup('<span id="{}">{}</span>').format(anchor(place.pointer), phrase), ()


def _rule(keyword: str, words: str) -> Speak:
    """A keyword whose value is put into a sentence."""

    def speak(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
        return Shown(rules=((keyword, Markup(words).format(code(given))),))

    return speak


def _bound(keyword: str, words: str, things: str = "") -> Speak:
    """A keyword whose value is a number."""

    def speak(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
        unit = f" {things.removesuffix('s') if given == 1 else things}" if things else ""
        return Shown(rules=((keyword, Markup("{} {}{}").format(words, given, unit)),))

    return speak


def _title(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    return Shown(texts=(Markup('<p class="title"><strong>{}</strong></p>').format(given),))


def _description(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    return Shown(texts=(Markup("<p>{}</p>").format(given),))


def _type(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    listed = [given] if isinstance(given, str) else given
    for name in listed:
        if name not in _TYPES:
            raise place.error(f"there are no words for the type {name}")
    return Shown(types=(Markup(" or ").join(_TYPES[name] for name in listed),))


def _ref(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    file, _, inner = given.partition("#")
    own = posixpath.dirname(place.path)
    target = posixpath.normpath(posixpath.join(own, file)) if file else ""
    part = f"#{inner}" if inner or not target else ""
    href = (place.link(target) if target else "") + (f"#{anchor(inner)}" if part else "")
    called = f"{target.removesuffix('.json')} {inner.removeprefix('/$defs/')}".strip()
    words = Markup('<a href="{}">{}</a>').format(href, called or "this schema itself")
    usual = posixpath.relpath(target, own or ".") if target else ""
    if given != usual + part:
        words += Markup(" ({})").format(code(given))
    return Shown(types=(words,))


def _const(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    return Shown(types=(Markup("exactly {}").format(value(given)),))


def _enum(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    listed = [value(v) for v in given]
    if sum(len(v.striptags()) for v in listed) <= _FEW:
        return Shown(types=(Markup("one of {}").format(joined(listed)),))
    words = joined(listed)
    if len(listed) > _MANY:
        words = Markup("<details><summary>all {}</summary>{}</details>").format(len(listed), words)
    return Shown(types=(Markup("one of {} values").format(len(listed)),), rules=(("enum", words),))


def _format(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    words = Markup("{} ({})").format(_FORMATS.get(given, "of the format"), code(given))
    return Shown(rules=(("format", words),))


def _properties(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    rows = [Row(place.below("properties", n, name=member(n)), part, n) for n, part in given.items()]
    none = (("properties", Markup("no member is named")),)
    return Shown(rows=tuple(rows), rules=() if rows else none)


def _required(_place: Place, given: Any, schema: Mapping[str, Any]) -> Shown:
    """Said beside each member that is named, and of the others here."""
    others = [n for n in given if n not in schema.get("properties", {})]
    if others or not given:
        words = Markup("also has to have: {}").format(names(others))
        return Shown(needed=tuple(given), rules=(("required", words),))
    return Shown(needed=tuple(given))


def _additional(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    if isinstance(given, bool):
        words = "further members may be there" if given else "no further members"
        return Shown(rules=(("additionalProperties", Markup(words)),))
    inner = place.below("additionalProperties", name=".*", note="every further member")
    words, rows = _inside(inner, given)
    return Shown(
        rows=rows, rules=(("additionalProperties", Markup("every further member: {}").format(words)),)
    )


def _property_names(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    words, rows = _inside(place.below("propertyNames", note="the name of each member"), given)
    return Shown(rows=rows, rules=(("propertyNames", Markup("the name of each member: {}").format(words)),))


def _items(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    words, rows = _inside(place.below("items", name="[]"), given)
    return Shown(rows=rows, types=(Markup("each item: {}").format(words),))


def _unique(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    words = "no item twice" if given else "an item may stand there twice"
    return Shown(rules=(("uniqueItems", Markup(words)),))


def _one_of(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    listed: list[Markup] = []
    rows: tuple[Row, ...] = ()
    for n, part in enumerate(given, start=1):
        inner = place.below("oneOf", n - 1, note=f"alternative {n} of {len(given)}")
        words, more = _inside(inner, part)
        listed.append(Markup("({}) {}").format(n, words))
        rows += more
    words = Markup("exactly one of: {}").format(joined(listed, "; "))
    return Shown(rows=rows, types=(words,), choices=tuple(given))


def _condition(keyword: str, when: str) -> Speak:
    def speak(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
        words, rows = _inside(place.below(keyword, note=when), given)
        return Shown(rows=rows, rules=((keyword, Markup("{}: {}").format(when, words)),))

    return speak


def _dependent(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    listed = [Markup("where {} is there: {}").format(code(n), names(v)) for n, v in given.items()]
    return Shown(rules=(("dependentRequired", joined(listed, "<br>") or Markup("nothing")),))


def _dependent_schemas(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    listed: list[Markup] = []
    rows: tuple[Row, ...] = ()
    for n, part in given.items():
        words, more = _inside(place.below("dependentSchemas", n, note=f"where {n} is there"), part)
        listed.append(Markup("where {} is there: {}").format(code(n), words))
        rows += more
    return Shown(rows=rows, rules=(("dependentSchemas", joined(listed, "<br>") or Markup("nothing")),))


def _examples(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    blocks = [pretty(v, anchor(f"{place.pointer}/examples/{n}")) for n, v in enumerate(given)]
    return Shown(examples=tuple(blocks) or (Markup("<p>none</p>"),))


def _ext(_place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    if given:
        words = "a message of this type may carry the claim <code>ext</code>"
    else:
        words = "a message of this type never carries the claim <code>ext</code> (VRM-ENV-031)"
    return Shown(rules=(("x-ext", Markup(words)),))


def _defs(place: Place, given: Any, _schema: Mapping[str, Any]) -> Shown:
    parts = [
        Row(Place(place.path, place.link, place.pointer + pointer_of(["$defs", name])), part, name)
        for name, part in given.items()
    ]
    none = (("$defs", Markup("no part is named")),)
    return Shown(parts=tuple(parts), rules=() if parts else none)


KEYWORDS: dict[str, Speak] = {
    "title": _title,
    "description": _description,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "$ref": _ref,
    "format": _format,
    "pattern": _rule("pattern", "matches {}"),
    "minLength": _bound("minLength", "at least", "characters"),
    "maxLength": _bound("maxLength", "at most", "characters"),
    "minimum": _bound("minimum", "at least"),
    "maximum": _bound("maximum", "at most"),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "minProperties": _bound("minProperties", "at least", "members"),
    "maxProperties": _bound("maxProperties", "at most", "members"),
    "dependentRequired": _dependent,
    "items": _items,
    "minItems": _bound("minItems", "at least", "items"),
    "maxItems": _bound("maxItems", "at most", "items"),
    "uniqueItems": _unique,
    "oneOf": _one_of,
    "if": _condition("if", "if it is"),
    "then": _condition("then", "then it has to be"),
    "else": _condition("else", "otherwise it has to be"),
    "dependentSchemas": _dependent_schemas,
    "examples": _examples,
    "$schema": _rule("$schema", "written in the dialect {}"),
    "$id": _rule("$id", "named {}; nothing has to be fetched from there"),
    "x-profile": _rule("x-profile", "the profile {} brings this type"),
    "x-ext": _ext,
    "$defs": _defs,
}
"""Every keyword that a schema of the folder may have, in the order in which they are shown."""
