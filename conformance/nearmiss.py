"""Instances that are wrong in exactly one way: one child for every keyword that an instance can break.

A home has to accept the parent and refuse the child. Pointers run along the instance, with ``*`` for any item
of an array or any further member of an object. Everything here is deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.generate import Full, Maker, Seeded, exact, free
from conformance.schematree import UNBOUNDED, Schema, broken, copied, fits, pattern, replaced, same, tree
from vrmproto.spec import Spec

__all__ = ["Target", "near_misses", "parents", "targets"]

OUTSIDERS = "! _\u00e9\u0660A/"
"""What one character of a string is replaced by, in this order, to leave its pattern."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way to be wrong: a keyword at a place of the instance."""

    path: str
    pointer: str
    keyword: str
    detail: str = ""
    """Which way, where there are several: the member that is missing, ``newline``, ``boolean`` ..."""
    branch: str = ""
    """Which alternative of the ``oneOf`` above, counted from 1."""
    told: tuple[str, str] = ("", "")
    """The pointer and keyword that a validator tells: those of the outermost ``oneOf``, if there is one."""

    @property
    def id(self) -> str:
        """The stable name of this target."""
        branch = f"[branch {self.branch}]" if self.branch else ""
        return " ".join(filter(None, (self.path, self.pointer or "/", branch, self.keyword, self.detail)))

    def tells(self, pointer: str, keyword: str) -> bool:
        """Whether this is the fault that a validator is to tell of a child."""
        wanted, found = self.told[0].split("/"), pointer.split("/")
        alike = len(wanted) == len(found) and all(w in ("*", f) for w, f in zip(wanted, found, strict=True))
        return alike and keyword == self.told[1]


@dataclass(frozen=True)
class _Spot:
    """A schema and where it applies: in any instance, and, once found in one, in that one."""

    schema: Schema
    pointer: str = ""
    branch: str = ""
    within: str | None = None
    """The pointer of the outermost ``oneOf`` above."""
    at: tuple[str | int, ...] = ()
    value: Any = None


@dataclass(frozen=True)
class _Break:
    """A way to break a keyword: candidates for what takes the place of a value, the best first."""

    keyword: str
    detail: str
    candidates: Callable[[Any], Iterable[Any]]
    told: str = ""


def targets(spec: Spec, path: str) -> list[Target]:
    """Every way in which an instance of the schema at ``path`` can be wrong, in the order of the schema."""
    return [_target(path, spot, one) for spot in _spots(tree(spec, path)) for one in _breaks(spot.schema)]


def near_misses(spec: Spec, path: str, parent: Any) -> Iterator[tuple[Target, Any]]:
    """Each target whose place a valid instance has, with a copy of it that is wrong in this way alone."""
    schema = tree(spec, path)
    for spot in _latest(schema, parent):
        for one in _breaks(spot.schema):
            child = _child(schema, parent, spot, one)
            if child is not None:
                yield _target(path, spot, one), child[0]


def parents(spec: Spec, path: str) -> list[Any]:
    """A few valid instances, with every optional member, that have the places of all targets between them."""
    schema = tree(spec, path)
    found: list[Any] = []
    missing = {(spot.pointer, spot.branch) for spot in _spots(schema)}
    for turn in range(16):
        made = Maker.value(Full(turn), schema)
        has = {(spot.pointer, spot.branch) for spot in _spots_in(schema, made)}
        if missing & has or not found:
            found.append(made)
            missing -= has
        if not missing:
            return found
    raise ValueError(f"{path}: no instance has {sorted(missing)}")


def _target(path: str, spot: _Spot, one: _Break) -> Target:
    told = (spot.pointer, one.told or one.keyword) if spot.within is None else (spot.within, "oneOf")
    return Target(path, spot.pointer, one.keyword, one.detail, spot.branch, told)


# places


def _spots(schema: Schema, here: _Spot | None = None) -> Iterator[_Spot]:
    """All places below a schema, without an instance."""
    here = here or _Spot(schema)
    yield here
    for name, sub in schema.get("properties", {}).items():
        yield from _spots(sub, _below(here, sub, _escaped(name)))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _spots(schema["additionalProperties"], _below(here, schema["additionalProperties"], "*"))
    if "items" in schema:
        yield from _spots(schema["items"], _below(here, schema["items"], "*"))
    for number, sub in enumerate(schema.get("oneOf", ()), 1):
        yield from _spots(sub, _branch(here, sub, number))


def _spots_in(schema: Schema, value: Any, here: _Spot | None = None) -> Iterator[_Spot]:
    """The places that a valid instance has."""
    here = here or _Spot(schema, value=value)
    yield here
    if isinstance(value, dict):
        more = schema.get("additionalProperties")
        for name, one in value.items():
            sub, part = schema.get("properties", {}).get(name), _escaped(name)
            if sub is None and isinstance(more, dict):
                sub, part = more, "*"
            if sub is not None:
                yield from _spots_in(sub, one, _below(here, sub, part, name, one))
    elif isinstance(value, list) and "items" in schema:
        for i, one in enumerate(value):
            yield from _spots_in(schema["items"], one, _below(here, schema["items"], "*", i, one))
    for number, sub in enumerate(schema.get("oneOf", ()), 1):
        if fits(sub, value):
            yield from _spots_in(sub, value, _branch(here, sub, number))


def _latest(schema: Schema, value: Any) -> list[_Spot]:
    """The places that an instance has, of several alike the last: the first is what everybody looks at."""
    found = {(spot.pointer, spot.branch): spot for spot in _spots_in(schema, value)}
    return [found[s.pointer, s.branch] for s in _spots(schema) if (s.pointer, s.branch) in found]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _below(here: _Spot, sub: Schema, part: str, step: str | int = "", value: Any = None) -> _Spot:
    return _Spot(sub, f"{here.pointer}/{part}", here.branch, here.within, (*here.at, step), value)


def _branch(here: _Spot, sub: Schema, number: int) -> _Spot:
    branch = f"{here.branch}.{number}".strip(".")
    within = here.pointer if here.within is None else here.within
    return _Spot(sub, here.pointer, branch, within, here.at, here.value)


# children


def _child(schema: Schema, parent: Any, spot: _Spot, one: _Break) -> tuple[Any] | None:
    """The child of a break: of its candidates the first that breaks nothing else, or else little."""
    keyword, fewest = one.told or one.keyword, UNBOUNDED
    best = None
    for candidate in one.candidates(spot.value):
        faults = set(broken(spot.schema, candidate))
        if ((), keyword) not in faults or len(faults) >= fewest:
            continue
        child = replaced(parent, spot.at, candidate)
        if not (spot.branch and fits(schema, child)):
            best, fewest = (child,), len(faults)
        if fewest == 1:
            break
    return best


# breaks


def _breaks(schema: Schema) -> list[_Break]:
    """All ways to break the keywords of one schema itself."""
    by_type: dict[str, Callable[[Schema], Iterator[_Break]]] = {
        "object": _of_object,
        "array": _of_array,
        "string": _of_string,
        "integer": _of_number,
    }
    found: list[_Break] = []
    if "oneOf" in schema:
        found += _of_one_of(schema)
    if "const" in schema or "enum" in schema:
        found += _of_options(schema)
    if "type" in schema:
        found += _of_type(schema)
        found += by_type[schema["type"]](schema) if schema["type"] in by_type else ()
    return found


def _of_type(schema: Schema) -> Iterator[_Break]:
    wrong: dict[str, dict[str, Callable[[Any], Any]]] = {
        "object": {"array": lambda v: [v], "null": lambda _: None},
        "array": {
            "object": lambda v: {str(i): one for i, one in enumerate(v)},
            "item": lambda v: v[0] if v else "",
            "null": lambda _: None,
        },
        "string": {"integer": lambda _: 1, "array": lambda v: [v], "null": lambda _: None},
        "integer": {
            "string": str,
            "boolean": lambda _: True,
            "fraction": lambda _: schema.get("minimum", 0) + 0.5,
            "null": lambda _: None,
        },
        "boolean": {"integer": int, "string": lambda v: str(v).lower(), "null": lambda _: None},
    }
    for detail, change in wrong[schema["type"]].items():
        yield _Break("type", detail, _one(change))


def _one(change: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda value: [change(value)]


def _of_one_of(schema: Schema) -> Iterator[_Break]:
    others = [Full(0).value(sub) for sub in schema["oneOf"]]
    if all(isinstance(one, dict) for one in others):
        yield _Break(
            "oneOf",
            "mixed",
            lambda v: [v | {k: x} for one in others for k, x in one.items()] + [v | one for one in others],
        )
    else:
        yield _Break("oneOf", "neither", lambda v: [f"x{v}", f"{v}!"])


def _of_options(schema: Schema) -> Iterator[_Break]:
    keyword = "const" if "const" in schema else "enum"
    options = schema["enum"] if keyword == "enum" else [schema["const"]]
    wrong: dict[str, Callable[[Any], list[Any]]] = {}
    if all(isinstance(one, str) for one in options):
        if any(one.swapcase() != one for one in options):
            wrong["case"] = lambda v: [v.swapcase(), v.lower(), v.upper()]
        wrong["longer"] = lambda v: [f"{v}x", f"{v}xx"]
        wrong["newline"] = lambda v: [f"{v}\n"]
        if options[0].replace(".", "", 1).isdigit():
            wrong["number"] = lambda v: [float(v)]
    else:
        wrong["string"] = lambda v: [str(v)]
        wrong["boolean"] = lambda v: [bool(v)]
        wrong["other"] = lambda v: [v + 1]
    if "type" not in schema:
        wrong["null"] = lambda _: [None]
    for detail, change in wrong.items():
        yield _Break(keyword, detail, change)


def _of_object(schema: Schema) -> Iterator[_Break]:
    for name in schema.get("required", ()):
        yield _Break("required", name, _without(name))
    if schema.get("additionalProperties") is False:
        yield _Break("additionalProperties", "", lambda v: [v | {name: 1} for name in ("x", "xx")])
    if "maxProperties" in schema:
        yield _Break("maxProperties", "", lambda v: [_wider(schema, v, schema["maxProperties"] + 1)])
    for one in _breaks(schema["propertyNames"]) if "propertyNames" in schema else ():
        if one.keyword != "type":
            detail = f"{one.keyword} {one.detail}".strip()
            yield _Break("propertyNames", detail, _renamed(schema, one), one.keyword)


def _wider(schema: Schema, value: dict[str, Any], count: int) -> dict[str, Any]:
    """An object with further members, all valid, up to a count."""
    wider, names, rng = dict(value), schema.get("propertyNames", {"type": "string"}), random.Random(count)
    while len(wider) < count:
        name = free(pattern(names.get("pattern", "^[a-z]{8}$")), rng, high=names.get("maxLength", 20))
        name = f"x:{name}" if "format" in names else name
        if name not in wider and fits(names, name):
            wider[name] = Full(0).value(schema.get("additionalProperties", {"type": "string"}))
    return wider


def _without(name: str) -> Callable[[Any], list[Any]]:
    return lambda value: [{k: x for k, x in value.items() if k != name}]


def _renamed(schema: Schema, one: _Break) -> Callable[[Any], Iterator[Any]]:
    """An object of which the last name is wrong."""

    def change(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
        *rest, (last, kept) = (value or _wider(schema, value, 1)).items()
        for name in one.candidates(last):
            yield dict(rest) | {name: kept}

    return change


def _of_array(schema: Schema) -> Iterator[_Break]:
    if schema.get("minItems", 0) > 0:
        yield _Break("minItems", "", lambda v: [v[: schema["minItems"] - 1]])
    if "maxItems" in schema:
        yield _Break("maxItems", "", lambda v: [_longer(schema, v)])
    if schema.get("uniqueItems"):
        yield _Break("uniqueItems", "", lambda v: _twice(schema, v))


def _longer(schema: Schema, value: list[Any]) -> list[Any]:
    """An array with one item too many, all of them valid."""
    longer, turn = list(value), 0
    while len(longer) <= schema["maxItems"]:
        one = Maker(Seeded(random.Random(turn))).value(schema["items"], room=False) if turn else None
        one = one if one is not None else copied(value[-1]) if value else Full(0).value(schema["items"])
        turn += schema.get("uniqueItems", False)
        if not (schema.get("uniqueItems") and any(same(one, other) for other in longer)):
            longer.append(one)
    return longer


def _twice(schema: Schema, value: list[Any]) -> list[list[Any]]:
    value = value or [Full(0).value(schema["items"])]
    return [[*value, copied(value[0])], [*value[:-1], copied(value[0])]]


def _of_number(schema: Schema) -> Iterator[_Break]:
    if "minimum" in schema:
        yield _Break("minimum", "", lambda _: [schema["minimum"] - 1])
    if "maximum" in schema:
        yield _Break("maximum", "", lambda _: [schema["maximum"] + 1])


_FORMATS: dict[str, dict[str, Callable[[str], str]]] = {
    "date-time": {
        "day": lambda v: f"{v[:4]}-02-30{v[10:]}",
        "leap day": lambda v: f"{v[:2]}{'00' if int(v[:2]) % 4 else '01'}-02-29{v[10:]}",
        "month": lambda v: f"{v[:4]}-13{v[7:]}",
        "hour": lambda v: f"{v[:11]}24{v[13:]}",
        "minute": lambda v: f"{v[:14]}60{v[16:]}",
    },
    "duration": {"empty": lambda _: "P", "time": lambda _: "P1DT", "P": lambda v: v[1:]},
    "uri": {"scheme": lambda v: v.replace(":", ""), "escape": lambda v: f"{v[:200]}%zz"},
}
"""What is not of a format, and of its pattern as far as that is possible."""

_PATTERNS: dict[str, dict[str, Callable[[str], str]]] = {
    "date-time": {
        "fraction": lambda v: f"{v[:-1]}.5Z",
        "offset": lambda v: f"{v[:-1]}+00:00",
        "case": str.lower,
        "century": lambda v: f"1996{v[4:]}",
    },
    "duration": {"digits": lambda _: "P123456W"},
}
"""What is of a format and not of the pattern beside it."""


def _of_string(schema: Schema) -> Iterator[_Break]:
    if "enum" in schema or "const" in schema:
        return
    if schema.get("minLength", 0) > 0:
        yield _Break("minLength", "", lambda v: [v[: schema["minLength"] - 1]])
    if "maxLength" in schema:
        yield _Break("maxLength", "", lambda v: _too_long(schema, v))
    for detail, change in _FORMATS[schema["format"]].items() if "format" in schema else ():
        yield _Break("format", detail, _one(change))
    if "pattern" in schema:
        ways = _PATTERNS.get(schema.get("format", ""), {})
        for detail, change in ways.items():
            yield _Break("pattern", detail, _one(change))
        yield from () if ways else _of_pattern(schema)
        yield _Break("pattern", "newline", lambda v: _samples(schema, v, lambda s: [f"{s}\n"]))


def _of_pattern(schema: Schema) -> Iterator[_Break]:
    alphabet = "".join(sorted(pattern(schema["pattern"]).alphabet))
    yield _Break("pattern", "character", _outside)
    if any(char.isdigit() for char in alphabet):
        yield _Break("pattern", "digit", lambda v: _samples(schema, v, _foreign))
    if alphabet.isupper() or alphabet.islower():
        yield _Break("pattern", "case", lambda v: _samples(schema, v, lambda s: [s.swapcase()]))


def _too_long(schema: Schema, value: str) -> Iterator[str]:
    length = schema["maxLength"] + 1
    yield value.ljust(length, value[-1:] or "x")
    if "pattern" in schema:
        made = exact(pattern(schema["pattern"]), random.Random(length), length)
        if made is not None:
            yield made


def _outside(value: str) -> Iterator[str]:
    """The string with one character changed, the last ones first."""
    for char in OUTSIDERS:
        for i in reversed(range(len(value))):
            yield value[:i] + char + value[i + 1 :]


def _samples(schema: Schema, value: str, change: Callable[[str], list[str]]) -> Iterator[str]:
    """A change of the string, and of others that match where it cannot be changed so."""
    yield from change(value)
    wanted, high = pattern(schema["pattern"]), schema.get("maxLength", UNBOUNDED) - 1
    for seed in range(20):
        yield from change(free(wanted, random.Random(seed), high=max(high, wanted.low)))


def _foreign(value: str) -> list[str]:
    """The string with one digit in another script."""
    return [value[:i] + "\u0661" + value[i + 1 :] for i, c in enumerate(value) if c in "0123456789"]
