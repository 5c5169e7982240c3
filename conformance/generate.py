"""Writes valid instances of the schemas of ``spec/``, by one maker with two sources of choices.

:func:`draw` takes a seeded ``random.Random`` and is fast; :func:`instances` takes its choices from
Hypothesis, so that what it finds shrinks. Optional members, both ends of every bound and length, and several
scripts in free text come up often.
"""

from __future__ import annotations

import calendar
import json
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from conformance.schematree import UNBOUNDED, Schema, Unknown, fits, pattern, same, tree
from vrmproto.spec import Spec

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["ALPHABETS", "Maker", "Source", "draw", "instances"]

ALPHABETS: tuple[str, ...] = (
    "abcdefghijklmnopqrstuvwxyz ABCXYZ 0123456789 .,:;!?-_()[]{}<>&%$#@*+=~^|'",
    "\u00e0\u00e9\u00ee\u00f5\u00fc\u00df\u0141\u017e\u00c5\u00d8\u00f1\u00e7",
    "aeiouN\u0301\u0308\u0323\u0327\u200d\u200c\ufe0f",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u200f\u202e\u2066\u2069",
    "\u4e2d\u6587\u65e5\u672c\uac00\ub098\u3000\u30ab\u0e01\u0e33",
    "\U0001f600\U0001d49c\U0001f1f3\U0001f1f1\U00010348\U0001f469\U00020000",
    '"\\/\t\n\r\x00\x01\x1f\x7f\x85\u2028\u2029\ufeff\ufffe\u00a0',
)
"""Plain, accents, combining, right to left, East Asian, beyond the first plane, what JSON has to escape."""

_SCHEMES = ("https://example.org/", "urn:x:", "tag:example.org,2026:", "mailto:a@example.org?", "x:")
_URI = "abcdefghijklmnopqrstuvwxyz0123456789-._~/"


class Source(Protocol):
    """Where choices come from."""

    def integer(self, low: int, high: int) -> int:
        """A number of this range, ends included."""

    def bulk(self) -> random.Random:
        """For what would be too many choices to draw them one by one."""


class _Seeded:
    """Choices of a generator of the standard library."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def integer(self, low: int, high: int) -> int:
        return self._rng.randint(low, high)

    def bulk(self) -> random.Random:
        return self._rng


class _Drawn:
    """Choices of Hypothesis."""

    def __init__(self, integer: Callable[[int, int], int]) -> None:
        self._integer = integer

    def integer(self, low: int, high: int) -> int:
        return self._integer(low, high)

    def bulk(self) -> random.Random:
        return random.Random(self._integer(0, 0xFFFFFFFF))


def draw(spec: Spec, path: str, rng: random.Random, limit: int | None = None) -> Any:
    """A valid instance of the schema at ``path``; of at most ``limit`` bytes as compact JSON, if one is given."""
    schema = tree(spec, path)
    for attempt in range(40):
        made = Maker(_Seeded(rng)).value(schema, room=attempt < 10)
        if limit is None or _bytes(made) <= limit:
            return made
    raise ValueError(f"{path}: no instance of {limit} bytes was found")


def instances(spec: Spec, path: str) -> SearchStrategy[Any]:
    """A Hypothesis strategy for valid instances of the schema at ``path``."""
    from hypothesis import strategies as st

    schema = tree(spec, path)
    ranges: dict[tuple[int, int], SearchStrategy[int]] = {}

    @st.composite
    def instance(draw: DrawFn) -> Any:
        def integer(low: int, high: int) -> int:
            if (low, high) not in ranges:
                ranges[low, high] = st.integers(low, high)
            return draw(ranges[low, high])

        return Maker(_Drawn(integer)).value(schema)

    return instance()


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


class Maker:
    """Writes one instance; a subclass may take each kind of decision its own way."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def value(self, schema: Schema, room: bool = True) -> Any:
        """A valid instance; without ``room`` nothing in it is as long as it might be."""
        if "oneOf" in schema:
            return self._one_of(schema, room)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.pick(schema["enum"])
        made: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, room),
            "array": lambda: self._array(schema, room),
            "string": lambda: self.string(schema, room),
            "integer": lambda: self.number(schema),
            "boolean": lambda: self.pick((False, True)),
        }
        return made[schema["type"]]()

    # decisions

    def pick(self, options: Sequence[Any]) -> Any:
        """One of some options."""
        return options[self.source.integer(0, len(options) - 1)]

    def branch(self, options: Sequence[Schema]) -> Schema:
        """One alternative of a ``oneOf``."""
        return options[self.source.integer(0, len(options) - 1)]

    def members(self, optional: Sequence[str]) -> list[str]:
        """Which optional members there are: none, all, or some."""
        if not optional:
            return []
        turn = self.source.integer(0, 5)
        if turn in (0, 5):
            return list(optional) if turn else []
        return [name for name in optional if self.source.integer(0, 1)]

    def count(self, low: int, high: int, room: bool) -> int:
        """How many items or further members there are."""
        turn = self.source.integer(0, 9)
        if turn == 0 or (turn == 9 and room):
            return high if turn else low
        return min(high, low + self.source.integer(0, 5 if turn == 8 and room else 2))

    def string(self, schema: Schema, room: bool) -> str:
        """A string, at both ends of its length now and then."""
        low, high = schema.get("minLength", 0), schema.get("maxLength", UNBOUNDED)
        turn = self.source.integer(0, 9)
        if "format" in schema and schema["format"] != "duration":
            return self._formatted(schema, low, min(high, 400), turn)
        if "pattern" in schema:
            return self._matching(schema, low, high, turn if room else min(turn, 8))
        high = min(high, low + 64) if high == UNBOUNDED else high
        if turn == 0 or (turn == 9 and (room or high <= 200)):
            length = high if turn else low
        else:
            length = min(high, low + self.source.integer(0, 200 if turn == 8 and room else 12))
        return self._text(length)

    def number(self, schema: Schema) -> int:
        """A whole number, at both ends of its range often."""
        low, high = schema.get("minimum", 0), schema.get("maximum", 1 << 53)
        turn = self.source.integer(0, 5)
        if turn == 0 or turn == 5:
            return int(high if turn else low)
        return self.source.integer(low, high if turn == 4 else min(high, low + 100))

    # what they make

    def _text(self, length: int) -> str:
        kind = self.source.integer(0, len(ALPHABETS))
        alphabet = ALPHABETS[kind] if kind < len(ALPHABETS) else "".join(ALPHABETS)
        return "".join(self.source.bulk().choices(alphabet, k=length)) if length else ""

    def _matching(self, schema: Schema, low: int, high: int, turn: int) -> str:
        wanted, rng = pattern(schema["pattern"]), self.source.bulk()
        low, high = max(low, wanted.low), min(high, wanted.high)
        made = None
        if turn == 0 or (turn == 9 and high < UNBOUNDED):
            made = wanted.exact(rng, high if turn else low)
        elif turn == 8 and low < high:
            made = wanted.exact(rng, rng.randint(low, min(high, low + 100)))
        if made is None or not fits(schema, made):
            made = wanted.free(rng, low, high)
        if not fits(schema, made):
            raise Unknown(f"strings that match {wanted.text} and are not valid")
        return made

    def _formatted(self, schema: Schema, low: int, high: int, turn: int) -> str:
        rng = self.source.bulk()
        if schema["format"] == "date-time":
            year, month = rng.randint(2000, 2999), rng.randint(1, 12)
            if turn in (0, 9):
                year, month = (rng.choice((2000, 2024, 2400)), 2) if turn else (rng.choice((2000, 2999)), 12)
            last = calendar.monthrange(year, month)[1]
            day = rng.choice((1, last, rng.randint(1, last)))
            clock = rng.choice(("00:00:00", "23:59:59", f"{rng.randrange(24):02}:{rng.randrange(60):02}:30"))
            made = f"{year:04}-{month:02}-{day:02}T{clock}Z"
        else:
            made = rng.choice(_SCHEMES)
            length = high if turn == 9 else min(high, max(low, len(made)) + rng.randrange(20))
            made += "".join(rng.choices(_URI, k=max(0, length - len(made))))
        if not fits(schema, made):
            raise Unknown(f"a {schema['format']} in another form than {made}")
        return made

    def _one_of(self, schema: Schema, room: bool) -> Any:
        for _ in range(20):
            made = self.value(self.branch(schema["oneOf"]), room)
            if fits(schema, made):
                return made
        raise Unknown("a oneOf whose alternatives are hardly ever apart")

    def _object(self, schema: Schema, room: bool) -> dict[str, Any]:
        known = schema.get("properties", {})
        required = set(schema.get("required", ()))
        chosen = required | set(self.members([name for name in known if name not in required]))
        made = {name: self.value(sub, room) for name, sub in known.items() if name in chosen}
        more = schema.get("additionalProperties", True)
        if more is not False:
            most = schema.get("maxProperties", len(made) + 2) - len(made)
            names = schema.get("propertyNames", {"type": "string", "minLength": 1, "maxLength": 12})
            anything = {"type": "string", "maxLength": 60} if more is True else more
            for _ in range(self.count(0, most, room)):
                name = self.string(names, room=False)
                if name not in known and name not in made:
                    made[name] = self.value(anything, room and not made)
        return made

    def _array(self, schema: Schema, room: bool) -> list[Any]:
        low = schema.get("minItems", 0)
        count = self.count(low, schema.get("maxItems", low + 3), room)
        maker = self if count <= 4 else Maker(_Seeded(self.source.bulk()))
        made: list[Any] = []
        for _ in range(count * 20):
            one = maker.value(schema["items"], room and count <= 2)
            if not (schema.get("uniqueItems") and any(same(one, other) for other in made)):
                made.append(one)
            if len(made) == count:
                break
        if len(made) < low:
            raise Unknown("an array whose items are hardly ever unlike each other")
        return made
