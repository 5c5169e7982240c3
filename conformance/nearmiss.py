"""Instances that are wrong in exactly one way: for every keyword of a schema that an instance can break, one child.

A home has to accept the parent and refuse the child. Pointers run along the instance, with ``*`` for any item of
an array or any further member of an object. Everything here is deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.generate import Maker
from conformance.schematree import UNBOUNDED, Schema, broken, fits, pattern, same, tree
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
    """The pointer and keyword that a validator tells: those of the outermost ``oneOf``, where there is one."""

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
    """For a valid instance each target whose place it has, with a copy of it that is wrong in this way alone."""
    schema = tree(spec, path)
    for spot in _latest(schema, parent):
        for one in _breaks(spot.schema):
            child = _child(schema, parent, spot, one)
            if child is not None:
                yield _target(path, spot, one), child[0]


def parents(spec: Spec, path: str) -> list[Any]:
    """A few valid instances, every optional member present, that have the places of all targets between them."""
    schema = tree(spec, path)
    found: list[Any] = []
    missing = {(spot.pointer, spot.branch) for spot in _spots(schema)}
    for turn in range(16):
        made = Maker.value(_Full(turn), schema)
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
        yield from _spots(
            schema["additionalProperties"], _below(here, schema["additionalProperties"], "*")
        )
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
    """The places that an instance has, of several alike the last: who only looks at the first is found out."""
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
    """The child of a break: of its candidates the first that breaks nothing else, or the first that breaks it."""
    keyword = one.told or one.keyword
    second = None
    for candidate in one.candidates(spot.value):
        faults = set(broken(spot.schema, candidate))
        if ((), keyword) not in faults:
            continue
        child = _with(parent, spot.at, candidate)
        if spot.branch and fits(schema, child):
            continue
        if len(faults) == 1:
            return (child,)
        second = second or (child,)
    return second


def _with(parent: Any, at: Sequence[str | int], value: Any) -> Any:
    """A deep copy with another value at one place."""
    if not at:
        return _copy(value)
    if isinstance(parent, dict):
        return {k: _with(v, at[1:], value) if k == at[0] else _copy(v) for k, v in parent.items()}
    return [_with(v, at[1:], value) if i == at[0] else _copy(v) for i, v in enumerate(parent)]


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


class _Full(Maker):
    """Writes an instance with everything in it, short and plain; ``turn`` chooses among alternatives."""

    def __init__(self, turn: int) -> None:
        super().__init__(_Still(random.Random(turn)))
        self._turn = turn

    def branch(self, options: Sequence[Schema]) -> Schema:
        return options[self._turn % len(options)]

    def members(self, optional: Sequence[str]) -> list[str]:
        return list(optional)

    def count(self, low: int, high: int, room: bool) -> int:
        return min(high, max(low, 1))

    def number(self, schema: Schema) -> int:
        return int(schema.get("minimum", 0))

    def string(self, schema: Schema, room: bool) -> str:
        for one in schema.get("examples", ()):
            if fits(schema, one):
                return str(one)
        if "pattern" in schema or "format" in schema:
            return super().string(schema, room=False)
        return "plain text"[: schema.get("maxLength", 10)].ljust(schema.get("minLength", 0), "x")


class _Still:
    """Always the first choice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def integer(self, low: int, high: int) -> int:
        return min(high, low + 1)

    def bulk(self) -> random.Random:
        return self._rng


# breaks


def _breaks(schema: Schema) -> list[_Break]:
    """All ways to break the keywords of one schema itself."""
    if "oneOf" in schema:
        return list(_of_one_of(schema))
    if "const" in schema or "enum" in schema:
        return list(_of_options(schema))
    by_type: dict[str, Callable[[Schema], Iterator[_Break]]] = {
        "object": _of_object,
        "array": _of_array,
        "string": _of_string,
        "integer": _of_number,
        "boolean": lambda _: iter(()),
    }
    return [*_of_type(schema["type"]), *by_type[schema["type"]](schema)]


def _of_type(name: str) -> Iterator[_Break]:
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
            "fraction": lambda v: v - 0.5 if v > 1 << 40 else v + 0.5,
            "null": lambda _: None,
        },
        "boolean": {"integer": int, "string": lambda v: str(v).lower(), "null": lambda _: None},
    }
    for detail, change in wrong[name].items():
        yield _Break("type", detail, lambda v, change=change: [change(v)])


def _of_one_of(schema: Schema) -> Iterator[_Break]:
    others = [_Full(0).value(sub) for sub in schema["oneOf"]]
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
    texts = all(isinstance(one, str) for one in schema.get("enum", [schema.get("const")]))
    wrong: dict[str, Callable[[Any], list[Any]]] = {"null": lambda _: [None]}
    if texts:
        options = schema.get("enum", [schema.get("const")])
        if any(one.swapcase() != one for one in options):
            wrong["case"] = lambda v: [v.swapcase(), v.lower(), v.upper()]
        wrong["longer"] = lambda v: [f"{v}x", f"{v}xx"]
        wrong["newline"] = lambda v: [f"{v}\n"]
        if keyword == "const" and options[0].replace(".", "", 1).isdigit():
            wrong["number"] = lambda v: [float(v)]
    else:
        wrong["string"] = lambda v: [str(v)]
        wrong["boolean"] = lambda v: [bool(v)]
        wrong["other"] = lambda v: [v + 1]
    for detail, change in wrong.items():
        yield _Break(keyword, detail, change)


def _of_object(schema: Schema) -> Iterator[_Break]:
    for name in schema.get("required", ()):
        yield _Break("required", name, lambda v, name=name: [{k: x for k, x in v.items() if k != name}])
    if schema.get("additionalProperties") is False:
        yield _Break("additionalProperties", "", lambda v: [v | {"x": 1}])
    if "maxProperties" in schema:
        yield _Break("maxProperties", "", lambda v: [_wider(schema, v, schema["maxProperties"] + 1)])
    for one in _breaks(schema["propertyNames"]) if "propertyNames" in schema else ():
        if one.keyword != "type":
            detail = f"{one.keyword} {one.detail}".strip()
            yield _Break("propertyNames", detail, lambda v, one=one: _renamed(schema, v, one), one.keyword)


def _wider(schema: Schema, value: dict[str, Any], count: int) -> dict[str, Any]:
    """An object with further members, all valid, up to a count."""
    wider, names, rng = dict(value), schema.get("propertyNames", {"type": "string"}), random.Random(count)
    while len(wider) < count:
        name = pattern(names.get("pattern", "^[a-z]{8}$")).free(rng, high=names.get("maxLength", 20))
        name = f"x:{name}" if "format" in names else name
        if name not in wider and fits(names, name):
            wider[name] = _fresh(schema.get("additionalProperties"), rng)
    return wider


def _fresh(schema: Any, rng: random.Random) -> Any:
    return _Full(rng.randrange(1 << 30)).value(schema) if isinstance(schema, dict) else "x"


def _renamed(schema: Schema, value: dict[str, Any], one: _Break) -> Iterator[dict[str, Any]]:
    """An object of which the last name is wrong."""
    value = value or _wider(schema, value, 1)
    last = list(value)[-1]
    rest = {k: x for k, x in value.items() if k != last}
    for name in one.candidates(last):
        yield rest | {name: value[last]}


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
        one = Maker(_Dice(random.Random(turn))).value(schema["items"], room=False) if turn else None
        one = one if one is not None else _copy(value[-1]) if value else _Full(0).value(schema["items"])
        turn += schema.get("uniqueItems", False)
        if not (schema.get("uniqueItems") and any(same(one, other) for other in longer)):
            longer.append(one)
    return longer


class _Dice:
    """Choices by chance, the same each time."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def integer(self, low: int, high: int) -> int:
        return self._rng.randint(low, high)

    def bulk(self) -> random.Random:
        return self._rng


def _twice(schema: Schema, value: list[Any]) -> list[list[Any]]:
    value = value or [_Full(0).value(schema["items"])]
    return [[*value, _copy(value[0])], [*value[:-1], _copy(value[0])]]


def _of_number(schema: Schema) -> Iterator[_Break]:
    if "minimum" in schema:
        yield _Break("minimum", "", lambda _: [schema["minimum"] - 1])
    if "maximum" in schema:
        yield _Break("maximum", "", lambda _: [schema["maximum"] + 1])


def _of_string(schema: Schema) -> Iterator[_Break]:
    if schema.get("minLength", 0) > 0:
        yield _Break("minLength", "", lambda v: [v[: schema["minLength"] - 1]])
    if "maxLength" in schema:
        yield _Break("maxLength", "", lambda v: _too_long(schema, v))
    if "format" in schema:
        for detail, change in _FORMATS[schema["format"]].items():
            yield _Break("format", detail, lambda v, change=change: [change(v)])
    if "pattern" in schema:
        for detail, change in _PATTERNS.get(schema.get("format", ""), {}).items():
            yield _Break("pattern", detail, lambda v, change=change: [change(v)])
        if schema.get("format") != "date-time":
            yield _Break("pattern", "character", _outside)
        yield _Break("pattern", "newline", lambda v: _newlines(schema, v))


_FORMATS: dict[str, dict[str, Callable[[str], str]]] = {
    "date-time": {
        "day": lambda v: f"{v[:4]}-02-30{v[10:]}",
        "leap day": lambda v: f"{v[:2]}00-02-29{v[10:]}" if int(v[:2]) % 4 else f"{v[:2]}01-02-29{v[10:]}",
        "month": lambda v: f"{v[:4]}-13{v[7:]}",
        "hour": lambda v: f"{v[:11]}24{v[13:]}",
        "minute": lambda v: f"{v[:14]}60{v[16:]}",
    },
    "duration": {"empty": lambda _: "P", "time": lambda _: "P1DT", "P": lambda v: v[1:]},
    "uri": {"scheme": lambda v: v.replace(":", ""), "escape": lambda v: f"{v[:200]}%zz"},
}
_PATTERNS: dict[str, dict[str, Callable[[str], str]]] = {
    "date-time": {
        "fraction": lambda v: f"{v[:-1]}.5Z",
        "offset": lambda v: f"{v[:-1]}+00:00",
        "case": str.lower,
        "century": lambda v: f"1{v[1:]}" if not v[1:].startswith("000-") else f"1999{v[4:]}",
    },
    "duration": {"digits": lambda _: "P123456W"},
}


def _too_long(schema: Schema, value: str) -> Iterator[str]:
    length = schema["maxLength"] + 1
    yield value.ljust(length, value[-1:] or "x")
    if "pattern" in schema:
        made = pattern(schema["pattern"]).exact(random.Random(length), length)
        if made is not None:
            yield made


def _outside(value: str) -> Iterator[str]:
    """The string with one character changed, the last ones first."""
    for char in OUTSIDERS:
        for i in reversed(range(len(value))):
            yield value[:i] + char + value[i + 1 :]


def _newlines(schema: Schema, value: str) -> Iterator[str]:
    """A newline at the end, of a string that has room for it."""
    yield f"{value}\n"
    wanted = pattern(schema["pattern"])
    if value and len(value) >= schema.get("maxLength", UNBOUNDED):
        for seed in range(5):
            yield wanted.free(random.Random(seed), high=schema["maxLength"] - 1) + "\n"
