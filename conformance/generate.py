"""Writes valid instances of the schemas of ``spec/``, by one maker with two sources of choices.

:func:`draw` takes a seeded ``random.Random`` and is fast; :func:`instances` takes its choices from
Hypothesis, so that what it finds shrinks. Optional members, both ends of every bound and length, and several
scripts in free text come up often.
"""

from __future__ import annotations

import calendar
import json
import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from conformance.schematree import UNBOUNDED, Part, Pattern, Schema, Unknown, fits, pattern, same, tree
from vrmproto.spec import Spec

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["ALPHABETS", "Full", "Maker", "Seeded", "Source", "draw", "exact", "free", "instances"]

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


class Seeded:
    """Choices of a generator of the standard library."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def integer(self, low: int, high: int) -> int:
        """A number of this range, ends included."""
        return self._rng.randint(low, high)

    def bulk(self) -> random.Random:
        """The generator itself."""
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
    """A valid instance of the schema at ``path``, of at most ``limit`` bytes as compact JSON."""
    schema = tree(spec, path)
    for attempt in range(40):
        made = Maker(Seeded(rng)).value(schema, room=attempt < 10)
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
        """Which optional members there are: none, few, half, most, all."""
        turn = self.source.integer(0, 4) if optional else 0
        return [name for name in optional if self.source.integer(0, 3) + turn > 3] if turn else []

    def count(self, low: int, high: int, room: bool) -> int:
        """How many items or further members there are."""
        more = (0, 1, 2, 1, 2, 1, 2, 3, 5 if room else 0, high if room else 1)
        return min(high, low + more[self.source.integer(0, len(more) - 1)])

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
            made = (
                exact(wanted, rng, high) if turn else exact(wanted, rng, low) or exact(wanted, rng, low + 1)
            )
        elif turn == 8 and low < high:
            made = exact(wanted, rng, rng.randint(low, min(high, low + 100)))
        if made is None or not fits(schema, made):
            made = free(wanted, rng, low, high)
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
            made = rng.choice([one for one in _SCHEMES if fits(schema, f"{one}{'x' * low}")] or _SCHEMES)
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
        maker, made = self, list[Any]()
        for turn in range(count * 20):
            if turn == 3:
                maker = Maker(Seeded(self.source.bulk()))
            one = maker.value(schema["items"], room and count <= 2)
            if not (schema.get("uniqueItems") and any(same(one, other) for other in made)):
                made.append(one)
            if len(made) == count:
                break
        if len(made) < low:
            raise Unknown("an array whose items are hardly ever unlike each other")
        return made


class Full(Maker):
    """Writes an instance with everything in it, short and plain; ``turn`` chooses among alternatives."""

    def __init__(self, turn: int) -> None:
        super().__init__(_Second(random.Random(turn)))
        self._turn = turn

    def value(self, schema: Schema, room: bool = True) -> Any:
        """A valid instance, with the plain members of an example where there is one."""
        if "enum" in schema and "examples" in schema:
            return schema["examples"][0]
        made = super().value(schema, room)
        for example in schema.get("examples", ()):
            if isinstance(made, dict) and isinstance(example, dict):
                for name in filter(made.__contains__, example):
                    other = made | {name: example[name]}
                    if not isinstance(example[name], (dict, list)) and fits(schema, other):
                        made = other
        return made

    def branch(self, options: Sequence[Schema]) -> Schema:
        """The alternative whose turn it is."""
        return options[self._turn % len(options)]

    def members(self, optional: Sequence[str]) -> list[str]:
        """All of them."""
        return list(optional)

    def count(self, low: int, high: int, room: bool) -> int:
        """One, or as few as there may be."""
        return min(high, max(low, 1))

    def number(self, schema: Schema) -> int:
        """The least."""
        return int(schema.get("minimum", 0))

    def string(self, schema: Schema, room: bool) -> str:
        """An example, or something short."""
        for one in schema.get("examples", ()):
            if fits(schema, one):
                return str(one)
        if "pattern" in schema or "format" in schema:
            return super().string(schema, room=False)
        return "plain text"[: schema.get("maxLength", 10)].ljust(schema.get("minLength", 0), "x")


class _Second:
    """Always the second choice: the first is as little as possible."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def integer(self, low: int, high: int) -> int:
        return min(high, low + 1)

    def bulk(self) -> random.Random:
        return self._rng


# strings from patterns


def free(wanted: Pattern, rng: random.Random, low: int = 0, high: int = UNBOUNDED) -> str:
    """Some string that a pattern takes, of any length in this range."""
    for _ in range(200):
        made = _free(wanted.part, rng)
        if low <= len(made) <= high and wanted.matches(made):
            return made
    raise Unknown(f"no string with {low} to {high} characters was found for {wanted.text}")


def exact(wanted: Pattern, rng: random.Random, length: int) -> str | None:
    """Some string of exactly this length that a pattern takes, None where there seems to be none."""
    if not wanted.low <= length <= wanted.high:
        return None
    for _ in range(40):
        made = _exact(wanted.part, rng, length)
        if made is not None and wanted.matches(made):
            return made
    return None


def _free(part: Part, rng: random.Random) -> str:
    if part.again is not None:
        least, most = part.times
        turn = rng.randrange(6)
        count = least if turn == 0 else most if turn == 1 and most <= 400 else least + rng.randrange(9)
        count = min(count, most)
        if part.again.chars:
            return "".join(rng.choices(part.again.chars, k=count))
        return "".join(_free(part.again, rng) for _ in range(min(count, least + 3)))
    if part.chars:
        return rng.choice(part.chars)
    if part.choice:
        return _free(rng.choice(part.choice), rng)
    return "".join(_free(one, rng) for one in part.row)


def _exact(part: Part, rng: random.Random, length: int) -> str | None:
    if not part.low <= length <= part.high:
        return None
    if part.choice:
        return _exact(
            rng.choice([p for p in part.choice if p.low <= length <= p.high] or part.choice), rng, length
        )
    row: Sequence[Part] = part.row
    if part.again is not None:
        least, most = part.times
        if part.again.chars:
            return "".join(rng.choices(part.again.chars, k=length))
        fewest = max(least, math.ceil(length / part.again.high))
        count = rng.randint(fewest, max(fewest, min(most, length // max(1, part.again.low), fewest + 4)))
        row = [part.again] * count
    elif part.chars:
        return rng.choice(part.chars)
    made = [_exact(one, rng, n) for one, n in zip(row, _spread(row, rng, length), strict=True)]
    return None if None in made else "".join(filter(None, made))


def _spread(row: Sequence[Part], rng: random.Random, length: int) -> list[int]:
    """How long each part of a row is, so that the row has this length."""
    lengths = [part.low for part in row]
    extra = length - sum(lengths)
    spare = sum(part.high - part.low for part in row)
    for i in rng.sample(range(len(row)), len(row)):
        room = row[i].high - row[i].low
        spare -= room
        least, most = max(0, extra - spare), max(0, min(room, extra))
        given = rng.choice((least, most, rng.randint(min(least, most), most)))
        lengths[i] += given
        extra -= given
    return lengths
