"""Tries values both ways: what one version takes and the other refuses, and by which keyword.

Senders say only what their schemas name; readers judge by the schema as it is. So a value counts only if
its sender's schema *with nothing unnamed in it* takes it, except where the change is about such members.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema_rs

from vrmproto.editor.diff import probes, samples
from vrmproto.editor.diff.keywords import EVERY, Key, Step
from vrmproto.editor.diff.sides import Place, Side
from vrmproto.errors import SpecError
from vrmproto.spec import BASE

__all__ = ["Judge", "Trial", "Witness"]

_MOST_TRIED = 6_000
"""So many values are tried for one step at one schema."""


def _closed(side: Side, place: Place, schema: Any, whole: bool) -> Any:
    """A schema with ``unevaluatedProperties`` where a value begins, so that nothing unnamed is in it."""
    if not isinstance(schema, dict):
        return schema
    file, pointer = place
    found = dict(schema)
    for keyword, inner in schema.items():
        way = (file, f"{pointer}/{keyword}")
        if keyword in ("properties", "$defs"):
            found[keyword] = {
                name: _closed(side, (file, f"{way[1]}/{_part(name)}"), one, keyword == "properties")
                for name, one in inner.items()
            }
        elif keyword in ("items", "additionalProperties"):
            found[keyword] = _closed(side, way, inner, True)
        elif keyword == "oneOf":
            found[keyword] = [
                _closed(side, (file, f"{way[1]}/{n}"), one, False) for n, one in enumerate(inner)
            ]
    if whole and _names_members(side, place):
        found["unevaluatedProperties"] = False
    return found


def _part(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _names_members(side: Side, place: Place) -> bool:
    """Whether a schema, its references or its alternatives name members."""
    return any("properties" in side.keywords(one) for one in _same_value(side, place))


def _same_value(side: Side, place: Place) -> Iterator[Place]:
    """The schemas that judge the same value."""
    seen: set[Place] = set()
    waiting = [place]
    while waiting:
        file, pointer = where = waiting.pop()
        if where not in seen:
            seen.add(where)
            yield where
            target = side.leads(where)
            waiting += [target] if target else []
            ways = (side.at(where) or {}).get("oneOf", ())
            waiting += [(file, f"{pointer}/oneOf/{n}") for n in range(len(ways))]


class Judge:
    """The validators of one side."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._made: dict[tuple[Place, bool], Any] = {}
        self._plain = self._registry(side.schemas)
        self._strict = self._registry({p: _closed(side, (p, ""), s, False) for p, s in side.schemas.items()})

    @staticmethod
    def _registry(schemas: Mapping[str, Any]) -> Any:
        return jsonschema_rs.Registry([(BASE + path, schema) for path, schema in schemas.items()])

    def _validator(self, place: Place, strict: bool) -> Any:
        if (place, strict) not in self._made:
            self._made[place, strict] = self._make(place, strict)
        return self._made[place, strict]

    def _make(self, place: Place, strict: bool) -> Any:
        schema: dict[str, Any] = {"$ref": f"{BASE}{place[0]}#{place[1]}"}
        if strict and _names_members(self.side, place):
            schema["unevaluatedProperties"] = False
        try:
            return jsonschema_rs.Draft202012Validator(
                schema,
                registry=self._strict if strict else self._plain,
                validate_formats=True,
                ignore_unknown_formats=False,
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SpecError(f"{self.side.root / place[0]}: is not a usable schema ({error})") from None

    def takes(self, place: Place, value: Any, *, strict: bool = False) -> bool:
        """Whether a value is valid; with ``strict``, whether a sender would say it."""
        return bool(self._validator(place, strict).is_valid(value))

    def refusals(self, place: Place, value: Any) -> list[frozenset[Key]]:
        """For each fault of a value, the keywords that may be at fault."""
        found = self._validator(place, False).iter_errors(value)
        return [frozenset(_keys(self.side, error)) for error in found]


def _keys(side: Side, error: Any) -> Iterator[Key]:
    where = urlsplit(error.absolute_keyword_location)
    file, pointer = where.geturl().partition("#")[0].removeprefix(BASE), unquote(where.fragment)
    kind = error.kind
    if kind.name == "additionalProperties":
        yield from ((file, pointer, name) for name in [*kind.unexpected, EVERY])
    elif kind.name == "required":
        yield file, pointer, kind.property
    else:
        yield file, pointer, ""
    if kind.name == "propertyNames":
        yield from _keys(side, kind.error)
    if kind.name == "oneOfMultipleValid":
        for place in side.reached((file, pointer.rpartition("/")[0])):
            yield place[0], place[1], EVERY
    for inner in getattr(kind, "context", None) or ():
        for one in inner:
            yield from _keys(side, one)


@dataclass(frozen=True, slots=True)
class Witness:
    """A value that one side takes and the other refuses; ``pure`` if for this one reason."""

    value: Any
    pure: bool


class Trial:
    """What values say about two versions of what is sent by one schema."""

    def __init__(self, old: Judge, new: Judge, root: Place, corpus: list[Any]) -> None:
        self.old, self.new, self.root = old, new, root
        self.seeds = self._seeds(corpus)
        self._walks: dict[int, list[tuple[Any, probes.Path, Place]]] = {}

    def _seeds(self, corpus: list[Any]) -> list[Any]:
        """Messages that one side takes, the small ones first."""
        found: dict[str, Any] = {}
        for judge in (self.old, self.new):
            schema = judge.side.at(self.root) or {}
            made = [*schema.get("examples", ()), *corpus, *samples.variants(judge.side, self.root)]
            for value in made:
                text = json.dumps(value, sort_keys=True)
                if text not in found and (
                    self.old.takes(self.root, value) or self.new.takes(self.root, value)
                ):
                    found[text] = value
        return [found[text] for text in sorted(found, key=lambda t: (len(t), t))]

    def _places(self, n: int, judge: Judge) -> list[tuple[Any, probes.Path, Place]]:
        if n not in self._walks:
            walked = ((s, probes.walk(judge.side, self.root, s)) for s in self.seeds)
            self._walks[n] = [(seed, path, place) for seed, ways in walked for path, place in ways]
        return self._walks[n]

    def witness(self, step: Step, *, narrows: bool) -> Witness | None:
        """A value that tells the step: refused now if it narrows, taken now if it widens."""
        speaker, reader = (self.old, self.new) if narrows else (self.new, self.old)
        refused = step.refused_new if narrows else step.refused_old
        best: Witness | None = None
        for value in self._tried(step):
            if not speaker.takes(self.root, value, strict=not step.loose) or reader.takes(self.root, value):
                continue
            faults = reader.refusals(self.root, value)
            if step.keyword != "$ref" and not any(_hit(keys, refused, step) for keys in faults):
                continue
            if step.keyword == "$ref" or all(_hit(keys, refused, step) for keys in faults):
                return Witness(value, True)
            best = best or Witness(value, False)
        return best

    def _tried(self, step: Step) -> Iterator[Any]:
        tried = 0
        sides = [
            (judge.side, place)
            for judge, place in ((self.old, step.old), (self.new, step.new))
            if place is not None
        ]
        for n, (judge, aim) in enumerate(((self.old, step.old), (self.new, step.new))):
            for seed, path, place in self._places(n, judge) if aim else ():
                if place == aim:
                    yield seed
                    for value in probes.beside(sides, _at(seed, path)):
                        tried += 1
                        yield probes.put(seed, path, value)
            if tried > _MOST_TRIED:
                return

    def differences(self) -> Iterator[tuple[Any, bool]]:
        """Messages that are judged otherwise, whatever changed: the value, and whether it is refused now."""
        for seed in self.seeds:
            for value in (seed, *_dropped(seed)):
                for narrows, one, two in ((True, self.old, self.new), (False, self.new, self.old)):
                    if one.takes(self.root, value, strict=True) and not two.takes(self.root, value):
                        yield value, narrows


def _dropped(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name in value:
            yield {k: v for k, v in value.items() if k != name}


def _hit(keys: frozenset[Key], refused: frozenset[Key], step: Step) -> bool:
    """Whether a fault is by the keyword of a step."""
    places = {(p[0], p[1], EVERY) for p in (step.old, step.new) if p}
    return bool(keys & refused) or bool(keys & places)


def _at(value: Any, path: probes.Path) -> Any:
    for part in path:
        value = value[part]
    return value
