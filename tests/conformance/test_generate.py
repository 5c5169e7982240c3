"""Whatever the generator writes is valid, and it writes enough that is unlike."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from conformance.generate import ALPHABETS, draw, exact, free, instances
from conformance.schematree import Schema, Unknown, fits, pattern, tree
from vrmproto.spec import Spec, load

SPEC = load()
MESSAGES = [path for path in SPEC.schemas if path.startswith("messages/")]
SHARED = [path for path in SPEC.schemas if path.startswith("shared/")]
ENVELOPE = ["envelope.json#/$defs/claims", "envelope.json#/$defs/header"]
ALL = [*MESSAGES, *SHARED, *ENVELOPE]
MANY = 10_000
BY_ORACLE = 500
MILLISECONDS = 16


def places(schema: Schema, pointer: str = "") -> Iterator[tuple[str, Schema]]:
    yield pointer, schema
    for name, sub in schema.get("properties", {}).items():
        yield from places(sub, f"{pointer}/{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), Mapping):
            yield from places(schema[keyword], f"{pointer}/*")
    for number, sub in enumerate(schema.get("oneOf", ()), 1):
        yield from places(sub, f"{pointer}|{number}")


def visits(schema: Schema, value: Any, pointer: str = "") -> Iterator[tuple[str, Schema, Any]]:
    yield pointer, schema, value
    if isinstance(value, dict):
        more = schema.get("additionalProperties")
        for name, one in value.items():
            if name in schema.get("properties", {}):
                yield from visits(schema["properties"][name], one, f"{pointer}/{name}")
            elif isinstance(more, Mapping):
                yield from visits(more, one, f"{pointer}/*")
    elif isinstance(value, list):
        for one in value:
            yield from visits(schema["items"], one, f"{pointer}/*")
    for number, sub in enumerate(schema.get("oneOf", ()), 1):
        if fits(sub, value):
            yield from visits(sub, value, f"{pointer}|{number}")


def optional(schema: Schema) -> set[str]:
    return set(schema.get("properties", {})) - set(schema.get("required", ()))


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Any]]:
    rng, found = random.Random(20260101), dict[str, list[Any]]()
    start = time.perf_counter()
    for path in MESSAGES:
        found[path] = [draw(SPEC, path, rng) for _ in range(MANY // len(MESSAGES) + 1)]
    per_example = (time.perf_counter() - start) / MANY * 1000
    print(f"{MANY} instances of {len(MESSAGES)} types, {per_example:.2f} ms each")
    assert per_example <= MILLISECONDS
    return found


def test_none_of_ten_thousand_is_invalid(drawn):
    assert sum(map(len, drawn.values())) >= MANY
    wrong = [(path, SPEC.faults(path, one)) for path, some in drawn.items() for one in some]
    assert [w for w in wrong if w[1]] == []


def test_the_oracle_agrees_on_a_sample(drawn):
    each = BY_ORACLE // len(MESSAGES)
    for path, some in drawn.items():
        oracle = SPEC.oracle_validator(path)
        for one in some[:each]:
            assert [e.message for e in oracle.iter_errors(one)] == [], path


@pytest.mark.parametrize("path", [*SHARED, *ENVELOPE])
def test_shared_schemas_and_the_envelope_too(path):
    rng, oracle = random.Random(path), SPEC.oracle_validator(path)
    for number in range(100):
        one = draw(SPEC, path, rng)
        assert fits(tree(SPEC, path), one)
        if path in SPEC.schemas or number < 10:
            assert SPEC.faults(path, one) == []
        if number < 10:
            assert [e.message for e in oracle.iter_errors(one)] == []


def test_optional_members_come_and_stay_away(drawn):
    both = 0
    known: set[tuple[str, str, str]] = set()
    for path, some in drawn.items():
        schema = tree(SPEC, path)
        wanted = {(at, name) for at, sub in places(schema) for name in optional(sub)}
        seen: set[tuple[str, str, bool]] = set()
        for one in some:
            for at, sub, value in visits(schema, one):
                if isinstance(value, dict):
                    seen |= {(at, name, name in value) for name in optional(sub)}
        known |= {(path, at, name) for at, name in wanted}
        both += sum({(at, name, True), (at, name, False)} <= seen for at, name in wanted)
    print(f"optional members seen both present and absent: {both}/{len(known)}")
    assert both >= 0.8 * len(known)


def test_bounds_and_lengths_are_met_at_both_ends(drawn):
    reached, wanted = Counter[str](), Counter[str]()
    for path, some in drawn.items():
        schema, met = tree(SPEC, path), set()
        for one in some:
            for at, sub, value in visits(schema, one):
                met |= {(at, keyword) for keyword in ends(sub, value)}
        for at, sub in places(schema):
            for keyword in sub.keys() & ENDS.keys():
                if "pattern" not in sub:
                    wanted[keyword] += 1
                    reached[keyword] += (at, keyword) in met
    print("ends met:", {keyword: f"{reached[keyword]}/{wanted[keyword]}" for keyword in wanted})
    assert all(reached[keyword] >= 0.9 * wanted[keyword] for keyword in wanted)


ENDS: dict[str, Callable[[Any], Any]] = {
    "minLength": len,
    "maxLength": len,
    "minItems": len,
    "maxItems": len,
    "minimum": lambda value: value,
    "maximum": lambda value: value,
}


def ends(schema: Schema, value: Any) -> Iterator[str]:
    for keyword, measure in ENDS.items():
        if keyword in schema and measure(value) == schema[keyword]:
            yield keyword


def test_every_alternative_and_every_type_of_alphabet_comes_up(drawn):
    for path, some in drawn.items():
        schema = tree(SPEC, path)
        wanted = {at for at, _ in places(schema)}
        assert {at for one in some for at, _, _ in visits(schema, one)} >= wanted, path
    text = {char for one in drawn["messages/offer.message.json"] for char in one["text"]}
    assert all(text & set(alphabet) for alphabet in ALPHABETS)
    assert max(text) > "\uffff"
    assert not any("\ud800" <= char <= "\udfff" for char in text)


def test_instances_survive_json(drawn):
    for some in drawn.values():
        for one in some[:50]:
            assert json.loads(json.dumps(one, ensure_ascii=False).encode()) == one


def test_the_same_seed_says_the_same():
    for path in ALL:
        assert draw(SPEC, path, random.Random(7)) == draw(SPEC, path, random.Random(7))


def test_a_limit_of_bytes_is_kept():
    rng = random.Random(3)
    for path in ("messages/offer.make.json", "messages/agent.introduce.json"):
        for _ in range(100):
            one = draw(SPEC, path, rng, limit=4000)
            assert len(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()) <= 4000
    with pytest.raises(ValueError, match="no instance of 10 bytes"):
        draw(SPEC, "messages/offer.make.json", rng, limit=10)


quick = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def by_hypothesis(path: str) -> list[Any]:
    found: list[Any] = []

    @quick
    @given(instances(SPEC, path))
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return found


def test_hypothesis_writes_valid_instances_too():
    count, seconds = 0, 0.0
    for path in [*MESSAGES, ENVELOPE[0]]:
        start = time.perf_counter()
        seen = by_hypothesis(path)
        seconds += time.perf_counter() - start
        count += len(seen)
        assert [one for one in seen if SPEC.faults(path, one)] == []
    print(f"{count} instances by Hypothesis, {seconds / count * 1000:.1f} ms each")
    assert seconds / count * 1000 <= MILLISECONDS


def test_what_hypothesis_finds_is_small():
    found = find(
        instances(SPEC, "messages/purge.attest.json"),
        lambda one: any("until" in kept for kept in one["kept"]),
        settings=settings(database=None, derandomize=True, deadline=None, max_examples=300),
    )
    (kept,) = found["kept"]
    assert len(kept["what"]) == len(kept["why"]) == 1


def test_patterns_are_met_at_both_ends():
    found = {sub["pattern"]: sub for path in ALL for _, sub in places(tree(SPEC, path)) if "pattern" in sub}
    assert len(found) > 20
    rng = random.Random(1)
    for text, schema in found.items():
        wanted = pattern(text)
        # a look-ahead may forbid the very shortest
        shortest = exact(wanted, rng, wanted.low) or exact(wanted, rng, wanted.low + 1)
        longest = exact(wanted, rng, min(wanted.high, schema.get("maxLength", wanted.low + 50)))
        for made in (shortest, longest):
            assert made is not None, text
            assert wanted.matches(made)
        assert longest is None or len(longest) == min(wanted.high, schema.get("maxLength", wanted.low + 50))
        assert len({free(wanted, rng) for _ in range(50)}) > 20
        assert exact(wanted, rng, wanted.low - 1) is None
        assert not wanted.matches(free(wanted, rng) + "\n")


def changed(**more: Any) -> Spec:
    """The spec with another ``shared/reason.json``."""
    schemas = dict(SPEC.schemas)
    schemas["shared/reason.json"] = {**schemas["shared/reason.json"], **more}
    return dataclasses.replace(SPEC, schemas=MappingProxyType(schemas))


@pytest.mark.parametrize(
    "more",
    [
        {"not": {"const": "x"}},
        {"contentEncoding": "base64"},
        {"format": "email"},
        {"type": "number"},
        {"type": ["string", "null"]},
        {"$ref": "mid.json"},
        {"pattern": "[a-z]+"},
        {"pattern": "^[^a-z]+$"},
        {"pattern": "^\\w+$"},
        {"pattern": "^.+$"},
    ],
    ids=str,
)
def test_what_is_not_known_is_said_aloud(more):
    with pytest.raises(Unknown):
        draw(changed(**more), "messages/terms.reject.json", random.Random(1))


def test_a_schema_that_refers_to_itself_is_said_aloud():
    loop = {"type": "array", "items": {"$ref": "reason.json"}}
    schemas = {**SPEC.schemas, "shared/reason.json": loop}
    with pytest.raises(Unknown, match="refers to itself"):
        tree(dataclasses.replace(SPEC, schemas=schemas), "shared/reason.json")


def test_a_change_of_the_spec_is_seen():
    spec = changed(maxLength=3)
    rng = random.Random(1)
    made = [draw(spec, "messages/terms.reject.json", rng) for _ in range(50)]
    assert max(len(one.get("reason", "")) for one in made) == 3
