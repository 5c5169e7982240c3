"""Values beside a value, one step away: what a changed schema may judge otherwise."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vrmproto.editor.diff import regular, samples
from vrmproto.editor.diff.keywords import text_language
from vrmproto.editor.diff.sides import Place, Side, escaped

__all__ = ["beside", "put", "walk"]

Path = tuple[str | int, ...]

_UNKNOWN = "unknown_member"
_MOST = 24
"""Of the values of an enumeration, and of lengths of arrays that are tried beyond a thousand."""
_ITEMS = 2
"""So many items of an array are looked into."""


def walk(side: Side, place: Place, value: Any, path: Path = ()) -> Iterator[tuple[Path, Place]]:
    """Every schema that judges a part of a value, with the way to this part."""
    for where in side.conjunction(place):
        yield path, where
        schema, (file, pointer) = side.at(where), where
        if not isinstance(schema, dict):
            continue
        for n in range(len(schema.get("oneOf", ()))):
            yield from walk(side, (file, f"{pointer}/oneOf/{n}"), value, path)
        if isinstance(value, dict):
            yield from _members(side, where, schema, value, path)
        elif isinstance(value, list) and "items" in schema:
            for n, item in enumerate(value[:_ITEMS]):
                yield from walk(side, (file, f"{pointer}/items"), item, (*path, n))


def _members(
    side: Side, where: Place, schema: Mapping[str, Any], value: Mapping[str, Any], path: Path
) -> Iterator[tuple[Path, Place]]:
    file, pointer = where
    if isinstance(schema.get("propertyNames"), dict):
        # what is judged there is each name of this object
        yield from ((path, one) for one in side.conjunction((file, f"{pointer}/propertyNames")))
    named = schema.get("properties", {})
    for name, inner in value.items():
        if name in named:
            yield from walk(side, (file, f"{pointer}/properties/{escaped(name)}"), inner, (*path, name))
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from walk(side, (file, f"{pointer}/additionalProperties"), inner, (*path, name))


def put(whole: Any, path: Path, value: Any) -> Any:
    """The whole with another value at a path; nothing is changed in place."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    copy: Any = dict(whole) if isinstance(whole, dict) else list(whole)
    copy[part] = put(whole[part], rest, value)
    return copy


def beside(sides: Sequence[tuple[Side, Place]], value: Any) -> Iterator[Any]:
    """Values one step beside a value that schemas of both sides judge."""
    schemas = [({k: v for k, (_, v) in side.keywords(place).items()}) for side, place in sides]
    if isinstance(value, dict):
        yield from _objects(sides, schemas, value)
    for schema in schemas:
        listed = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
        others = [v for other in schemas for v in other.get("enum", ())]
        fresh = [v for v in listed if v not in others or others.count(v) < 2]
        yield from [*fresh[:_MOST], *listed[:_MOST]]
    for side, place in sides:
        yield from samples.variants(side, place)
    if isinstance(value, list):
        yield from _arrays(sides, schemas, value)
    yield from _strings(schemas)
    for schema in schemas:
        for bound in ("minimum", "maximum"):
            if bound in schema:
                yield from (schema[bound] + d for d in (-1, 0, 1))
    yield from ("a", "", 0, 1, -1, True, [], ["a"], {}, {"a": "a"})


def _objects(
    sides: Sequence[tuple[Side, Place]], schemas: Sequence[Mapping[str, Any]], value: Mapping[str, Any]
) -> Iterator[Any]:
    for name in value:
        yield {k: v for k, v in value.items() if k != name}
    for side, place in sides:
        said = side.keywords(place)
        for name in said.get("properties", ("", {}))[1]:
            file, pointer = said["properties"][0]
            for made in samples.variants(side, (file, f"{pointer}/properties/{escaped(name)}")):
                yield {**value, name: made}
        yield from _named(side, place, value)
    yield {**value, _UNKNOWN: "a"}
    for schema in schemas:
        needed = schema.get("required", ())
        yield {k: v for k, v in value.items() if k in needed}
        most = schema.get("maxProperties")
        for number in (most, most + 1) if most is not None else ():
            yield from _grown(sides, value, number)


def _names(side: Side, place: Place) -> list[str]:
    """Names that ``propertyNames`` takes, and some beyond."""
    said = side.keywords(place)
    if "propertyNames" not in said:
        return []
    file, pointer = said["propertyNames"][0]
    where = (file, f"{pointer}/propertyNames")
    return [n for n in beside([(side, where)], "a") if isinstance(n, str)]


def _named(side: Side, place: Place, value: Mapping[str, Any]) -> Iterator[Any]:
    """The object with other names: of its ``propertyNames``, and where the place is such a schema itself."""
    model = next((v for v in value.values()), "a")
    names = _names(side, place)
    if side.keywords(place).get("type", ("", ""))[1] == "string":
        names += [n for n in beside([(side, place)], "a") if isinstance(n, str)]
    for name in names:
        yield {**value, name: model}


def _grown(sides: Sequence[tuple[Side, Place]], value: Mapping[str, Any], number: int) -> Iterator[Any]:
    for side, place in sides:
        said = side.keywords(place)
        model = next((v for v in value.values()), "a")
        names: list[str] = [f"a{n}" for n in range(number)]
        if "propertyNames" in said:
            file, pointer = said["propertyNames"][0]
            where = (file, f"{pointer}/propertyNames")
            first = samples.one(side, where)
            made = samples.others(side, where, first)
            names = [str(first), *(str(next(made)) for _ in range(number))]
        grown = dict(value)
        for name in names:
            if len(grown) < number:
                grown.setdefault(name, model)
        yield grown


def _arrays(
    sides: Sequence[tuple[Side, Place]], schemas: Sequence[Mapping[str, Any]], value: Sequence[Any]
) -> Iterator[Any]:
    bounds = {s[k] for s in schemas for k in ("minItems", "maxItems") if k in s} | {0, 1, len(value)}
    numbers = sorted({n + d for n in bounds for d in (-1, 0, 1) if n + d >= 0})
    for side, place in sides:
        said = side.keywords(place)
        if "items" not in said:
            continue
        file, pointer = said["items"][0]
        where = (file, f"{pointer}/items")
        first = value[0] if value else samples.one(side, where)
        many = samples.others(side, where, first)
        longest = [first, *(next(many) for _ in range(numbers[-1]))]
        yield from (longest[:n] for n in numbers)
        yield from ([made] for made in samples.variants(side, where))
        yield from ([*value, made] for made in samples.variants(side, where))
    if value:
        yield [*value, value[0]]
        yield from ([value[0]] * n for n in numbers if n)
    yield from ([f"a{n}" for n in range(count)] for count in numbers)


def _strings(schemas: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for schema in schemas:
        if schema.get("type", "string") != "string":
            continue
        bounds = [schema[k] for k in ("minLength", "maxLength") if k in schema]
        for model in schemas:
            for number in sorted({b + d for b in bounds for d in (-1, 0, 1) if b + d >= 0}):
                made = samples.string({k: v for k, v in model.items() if k == "pattern"}, number)
                yield from [made] if made is not None else []
        yield from samples.FORMATS.get(schema.get("format", ""), ())
    yield from _between(schemas)


def _between(schemas: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Strings that fit the one and not the other."""
    texts = [
        tuple((k, s[k]) for k in ("pattern", "minLength", "maxLength") if k in s)
        for s in schemas
        if s.get("type", "string") == "string"
    ]
    for one in texts:
        for other in texts:
            if one != other and any("pattern" in dict(t) for t in (one, other)):
                yield from _apart(one, other)


@functools.lru_cache(maxsize=1000)
def _apart(one: tuple[tuple[str, Any], ...], other: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    try:
        first, second = text_language(dict(one)), text_language(dict(other))
        found = regular.shortest(regular.both(first, regular.negated(second)))
    except regular.Undecided:
        return ()
    return () if found is None else (found,)
