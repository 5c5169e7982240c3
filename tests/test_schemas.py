"""Two engines, one verdict: jsonschema-rs, which a home uses, and jsonschema, whose reading is normative.

Near misses are made from valid instances, each aimed at a keyword of the schema at the place that is changed.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
import string
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from vrmproto import spec

SPEC = spec.load()
PATHS = sorted(SPEC._fast.keys() - {"envelope.json"})  # which is but a frame for its $defs
ENOUGH = 300

Schema = Mapping[str, Any]
Place = tuple[tuple[str | int, ...], Schema]


@cache
def root(path: str) -> Schema:
    file, _, pointer = path.partition("#")
    found: Any = SPEC.schemas[file]
    for part in pointer.split("/")[1:]:
        found = found[part]
    made: Schema = found
    return made


def resolved(schema: Schema) -> Schema:
    while "$ref" in schema:
        if schema["$ref"].startswith("#"):  # a part of its own: what fits it stands in the examples
            return {}
        reference = schema["$ref"].rpartition("/")[2]
        owner = next(p for p in SPEC.schemas if p.rpartition("/")[2] == reference)
        schema = root(owner)
    return schema


# --- valid instances ---------------------------------------------------------------------------

SAMPLES = [
    "agreed",
    "KGM",
    "https://w3id.org/dpv/pd#Name",
    "image/jpeg",
    "a" * 22,
    "A" * 43,
    "https://shop.example/a",
    "1.0",
    "Zm9v",
    "terms.proffer",
    "22:00",
    "/email",
]


def instance(schema: Schema) -> Any:
    """A value that fits a schema, with every member that it names."""
    schema = resolved(schema)
    for keyword in ("const", "enum", "examples"):
        if keyword in schema:
            return copy.deepcopy(schema[keyword] if keyword == "const" else schema[keyword][0])
    maker = MAKERS.get(schema.get("type", ""))
    return maker(schema) if maker else "anything"


def _object(schema: Schema) -> Any:
    made = {name: instance(part) for name, part in schema.get("properties", {}).items()}
    if isinstance(schema.get("additionalProperties"), Mapping):
        made["a"] = instance(schema["additionalProperties"])
    if "propertyNames" in schema:
        made["https://ext.example/x"] = 1
    return made


def _string(schema: Schema) -> Any:
    check = Draft202012Validator(schema, format_checker=FormatChecker()).is_valid
    return next(s for s in SAMPLES if check(s))


MAKERS: dict[str, Callable[[Schema], Any]] = {
    "object": _object,
    "string": _string,
    "array": lambda s: [instance(s.get("items", {})) for _ in range(max(1, s.get("minItems", 1)))],
    "integer": lambda s: max(1, s.get("minimum", 1)),
    "boolean": lambda _: True,
}


# --- near misses -------------------------------------------------------------------------------

TIMES = [
    "2026-02-30T00:00:00Z",
    "2027-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2000-01-01T00:00:00Z",
    "2999-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-01-01T23:59:60Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:60:00Z",
    "2026-01-01T29:59:59Z",
    "2026-01-01t00:00:00Z",
    "2026-01-01T00:00:00z",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:00:00-00:00",
    "2026-01-01T00:00:00.0Z",
    "2026-01-01",
    "20260101T000000Z",
    "2026-1-1T0:0:0Z",
    "+2026-01-01T00:00:00Z",
    "2026-01-0\u0661T00:00:00Z",
    "\uff12026-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\n",
]
DATES = [n + u for n in ("0", "1", "99999") for u in ("Y", "M", "W", "D")]
UNITS = [
    "P" + "".join(f"1{u}" for u in date) + ("T" + "".join(f"2{u}" for u in clock) if clock else "")
    for dates in range(5)
    for date in itertools.combinations("YMWD", dates)
    for clocks in range(4)
    for clock in itertools.combinations("HMS", clocks)
]
DURATIONS = [
    *UNITS,
    *("P" + d for d in DATES),
    *(
        "-P1D",
        "+P1D",
        "P-1D",
        "P1",
        "PT",
        "P",
        "P1DT",
        "P1D1Y",
        "PT1S1M",
        "P1S",
        "PT1D",
        "p1d",
        "P1d",
        "P1.5D",
    ),
    *("P1,5D", "PT0.5S", "P12345Y", "P00001D", "P\u0661D", "P1D\n", "P 1D", "P1D/P1D", "P0001-01-01", "PT0S"),
]
URIS = [
    *("", "a", "a:", "a:b", ":", "::", "/a", "//a", "a/b", "#a", "?a", "1a:b", "a+b:c", "a_b:c", "\u00e9:b"),
    *("https:", "https:/", "https://", "https:///", "https://a", "HTTPS://A", "https://a/", "https://a//b"),
    *("https://a b", "https://a/b c", "https://a/%", "https://a/%zz", "https://a/%41", "https://%41"),
    *("https://[::1]", "https://[::1", "https://[1]", "https://[v1.a]", "https://1.2.3.256", "https://a..b"),
    *(
        "https://a:",
        "https://a:1",
        "https://a:99999",
        "https://a:b",
        "https://u@a",
        "https://u:p@a",
        "https://@",
    ),
    *("https://a#b", "https://a#b#c", "https://a?b?c", "https://a?b#", "https://a/{x}", "https://a/|"),
    *(
        "https://a\\b",
        'https://a/"',
        "https://a/<",
        "https://a/^",
        "https://a/`",
        "https://a/[",
        "https://a/'",
    ),
    *("https://\u00e9", "https://a/\u00e9", "https://a\n", "\nhttps://a", "https://a\t", "https://a/\x00"),
    *("https://-a", "https://a-", "https://a_b", "urn:a", "urn:a:b", "urn:", "mailto:a@b", "javascript:1"),
    *(
        "data:,",
        "tag:a,2000:b",
        "file:///a",
        "did:jwk:a",
        "a:b:c",
        "a:/b",
        "a://",
        "a:#",
        "a:?",
        "a:%",
        "a:[]",
    ),
]
FORMATS = {"date-time": TIMES, "duration": DURATIONS, "uri": URIS}
ORIGINS = [
    *(
        "https://shop.example.",
        "https://shop.example/",
        "https://shop.example:443",
        "https://shop.example:4430",
    ),
    *("https://shop.example:0", "https://shop.example:99999", "https://shop.example:100000", "https://a"),
    *("https://a.b-c.d", "https://-a", "https://a-", "https://a..b", "https://.a", "https://" + "a" * 63),
    *(
        "https://" + "a" * 64,
        "https://A",
        "https://a_b",
        "https://\u00e9",
        "https://1.2.3.4",
        "https://[::1]",
    ),
    *("http://127.0.0.1", "http://127.0.0.1:80", "http://127.0.0.1:8080", "http://localhost", "http://a"),
    *("http://127.0.0.1.a", "http://localhost.", "did:jwk:" + "A" * 39, "did:jwk:" + "A" * 40),
    *("did:jwk:" + "A" * 400, "did:jwk:" + "A" * 401, "did:web:a", "did:jwk:" + "+" * 40),
]
ANY = [None, True, False, 0, 1, -1, 1.0, 0.5, 2**53, -(2**53), 1e300, "", "a", "1", [], {}, [None], {"a": 1}]
ODD = "\n\r\t\x00 \u00a0\u0661\uff11\u00e9\u0130\u2028\U0001f600=+/.-_:~AZaz09"


def _texts(value: str, schema: Schema, chance: random.Random) -> Iterator[Any]:
    yield from (value + "\n", "\n" + value, value + " ", value + "\r\n", value[:-1], value[1:], value * 2)
    yield from (value.upper(), value.lower(), value + "\x00", value + "\u2028", "")
    yield from ORIGINS if "https" in schema.get("pattern", "") or "did:" in schema.get("pattern", "") else ()
    yield from FORMATS.get(schema.get("format", ""), ())
    for length in {
        schema.get(k, 0) + d for k in ("minLength", "maxLength") if k in schema for d in (-1, 0, 1)
    }:
        yield from (c * max(length, 0) for c in ("a", "A", "\U0001f600", "\u0301"))
        if value and length > len(value):
            yield value + value[-1] * (length - len(value))
    for _ in range(40):
        index = chance.randrange(len(value) + 1)
        new = chance.choice(ODD + string.printable)
        yield value[:index] + new + value[index + 1 :]
        yield value[:index] + new + value[index:]
        yield value[:index] + value[index + 1 :]
        yield value[:index] + value[index : index + 1] * chance.randrange(2, 9) + value[index:]


def _numbers(value: float, schema: Schema, chance: random.Random) -> Iterator[Any]:
    for edge in (schema.get("minimum", 0), schema.get("maximum", 2**53 - 1), value):
        yield from (edge - 1, edge, edge + 1, float(edge), edge + 0.5, str(edge), -edge)
    yield from (chance.randrange(-(2**53), 2**53) for _ in range(4))
    yield from (2**53 - 1, 2**53, 2**63, 2**64, 1e300, -0.0, True, False)


def _lists(value: list[Any], schema: Schema, chance: random.Random) -> Iterator[Any]:
    item = value[0] if value else 1
    for length in {
        0,
        1,
        2,
        schema.get("minItems", 0) - 1,
        schema.get("maxItems", 1),
        schema.get("maxItems", 1) + 1,
    }:
        if length <= 50:
            yield [copy.deepcopy(item) for _ in range(max(length, 0))]
    yield from ([*value, chance.choice(ANY)], {"0": item}, [value])


def _members(value: dict[str, Any], schema: Schema, chance: random.Random) -> Iterator[Any]:
    for name in value:
        rest = {n: v for n, v in value.items() if n != name}
        yield rest
        yield {**rest, chance.choice([name + "\n", name.upper(), " " + name, name + "\x00"]): value[name]}
    yield from ({**value, "extra": 1}, {**value, "": None}, {**value, "__proto__": {}}, list(value))
    if schema.get("additionalProperties") is False:
        names = ("".join(chance.choices(ODD, k=3)) for _ in range(10))
        yield from ({**value, name: chance.choice(ANY)} for name in names)
    if "propertyNames" in schema:
        yield from ({**value, name: 1} for name in [*URIS, "a:" + "b" * 298, "a:" + "b" * 299])
        limit = schema.get("maxProperties", 0)
        yield from ({f"a:{n}": n for n in range(limit + more)} for more in (0, 1))


def places(schema: Schema, value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Every place of a value with the schema that rules it."""
    schema = resolved(schema)
    yield path, schema
    if isinstance(value, dict):
        other = schema.get("additionalProperties")
        for name, member in value.items():
            part = schema.get("properties", {}).get(name, other if isinstance(other, Mapping) else {})
            yield from places(part, member, (*path, name))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(schema.get("items", {}), item, (*path, index))


def put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    made = copy.copy(value)
    made[path[0]] = put(value[path[0]], path[1:], new)
    return made


def changes(value: Any, schema: Schema, chance: random.Random) -> list[Any]:
    """What may stand in the place of a value, each aimed at a keyword of its schema."""
    made: list[Any] = list(ANY)
    for option in [*schema.get("enum", ())[:20], schema.get("const")]:
        if isinstance(option, str):
            made += [option, option.lower(), option + "\n", " " + option, option[:-1], option.title()]
    if isinstance(value, bool):
        made += [1, 0, 1.0, "true", not value]
    elif isinstance(value, str):
        made += _texts(value, schema, chance)
    elif isinstance(value, int | float):
        made += _numbers(value, schema, chance)
    elif isinstance(value, list):
        made += _lists(value, schema, chance)
    elif isinstance(value, dict):
        made += _members(value, schema, chance)
    return made


def starts(path: str) -> list[Any]:
    schema = root(path)
    found = [*schema.get("examples", ()), instance(schema)]
    if schema.get("type") == "object" and "properties" in schema:
        full = _object(schema)
        required = {n: v for n, v in full.items() if n in schema.get("required", ())}
        found += [full, required]
    return found


@cache
def near_misses(path: str) -> list[Any]:
    """At least 300 values around a schema: every aimed change of a small one, a drawn set for a large one."""
    chance = random.Random(path)
    drawn: dict[str, Any] = {}
    for _ in range(50):
        made: dict[str, Any] = {}
        for start in starts(path):
            for place, part in places(root(path), start):
                value = start
                for step in place:
                    value = value[step]
                for new in changes(value, part, chance):
                    changed = put(start, place, new)
                    made.setdefault(json.dumps(changed), changed)
        if "format" in json.dumps(root(path)) or len(made) <= 2 * ENOUGH:
            drawn |= made
        else:
            drawn |= {text: made[text] for text in chance.sample(sorted(made), ENOUGH)}
        drawn |= {json.dumps(start): start for start in starts(path)}
        if len(drawn) >= ENOUGH:
            return list(drawn.values())
    raise AssertionError(f"{path}: only {len(drawn)} near misses")


# --- engines -----------------------------------------------------------------------------------


@cache
def oracle(path: str) -> Callable[[Any], bool]:
    validator = SPEC.oracle_validator(path)
    return lambda value: bool(validator.is_valid(value))


@pytest.mark.parametrize("path", PATHS)
def test_both_engines_give_one_verdict(path: str) -> None:
    check = oracle(path)
    verdicts = [(SPEC.valid(path, value), check(value), value) for value in near_misses(path)]
    differ = [json.dumps(value) for ours, theirs, value in verdicts if ours != theirs]
    assert not differ, f"{len(differ)} of {len(verdicts)}:\n" + "\n".join(differ[:20])
    assert len(verdicts) >= ENOUGH
    assert any(ours for ours, _, _ in verdicts)
    assert not all(ours for ours, _, _ in verdicts)


@pytest.mark.parametrize("path", PATHS)
def test_faults_are_told_exactly_where_there_are_some(path: str) -> None:
    for value in near_misses(path)[::20]:
        faults = SPEC.faults(path, value)
        assert bool(faults) == bool(SPEC.oracle(path, value)) == (not SPEC.valid(path, value))
        for fault in faults:
            assert fault.keys() == {"pointer", "keyword", "message"}


@pytest.mark.parametrize("path", PATHS)
def test_examples_are_valid(path: str) -> None:
    for example in root(path).get("examples", ()):
        assert oracle(path)(example)
        assert SPEC.valid(path, example)


@pytest.mark.parametrize("name", sorted(SPEC.types))
def test_a_type_judges_as_its_schema_does(name: str) -> None:
    for value in near_misses(f"messages/{name}.json")[::10]:
        assert bool(SPEC.types[name].faults(value)) != SPEC.valid(f"messages/{name}.json", value)


def test_what_is_not_json_does_no_harm() -> None:
    path = "messages/terms.reject.json"
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    for value in (
        "\ud800",
        {"reason": "\ud800"},
        {"\ud800": 1},
        float("nan"),
        {"reason": float("inf")},
        deep,
    ):
        assert SPEC.valid(path, value) != bool(SPEC.faults(path, value))
