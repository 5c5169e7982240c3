"""Every keyword that an instance can break is broken by one child, and nothing else with it."""

from __future__ import annotations

import copy
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs
import pytest

from conformance.generate import draw
from conformance.nearmiss import Target, near_misses, parents, targets
from conformance.schematree import KEYWORDS, fits, tree
from vrmproto.spec import load

SPEC = load()
CLAIMS = "envelope.json#/$defs/claims"
MESSAGES = [path for path in SPEC.schemas if path.startswith("messages/")]
PATHS = [*MESSAGES, CLAIMS]
SECONDS = 3.0

TOGETHER = [
    # the keyword, the way, where, and what is broken along with it
    ("type", ".*", ".*/(place|purpose|zone|jurisdiction|(currencies|purposes|places)/[*])", {"enum"}),
    # their patterns end where their lengths do, or before
    ("maxLength", "", ".*/(code|unit|value|lang|region|lat|lon|amount)", {"pattern"}),
    # the pattern of a duration says all that its format says
    ("format", ".*", ".*/(purge_within|attest_within|within|period)", {"pattern"}),
    (
        "pattern",
        "newline",
        ".*/([a-z]*_?within|period|as_of|[a-z_]*until|from|to|ends|[a-z]+_(by|at))",
        {"format"},
    ),
    # what is no graphic ASCII character is no part of a URI
    ("propertyNames", "pattern .*", "/ext", {"format"}),
]
"""What cannot be broken alone, at least not for every validator."""


def company(target: Target) -> set[str]:
    found: set[str] = set()
    for keyword, detail, pointer, along in TOGETHER:
        if (
            keyword == target.keyword
            and re.fullmatch(detail, target.detail)
            and re.fullmatch(pointer, target.pointer)
        ):
            found |= along
    return found


def judged(target: Target, faults: list[tuple[str, str]]) -> bool:
    """Whether a validator tells this fault and no other; an error where another is not on the list."""
    assert faults, f"{target.id}: is valid"
    others = [fault for fault in faults if not target.tells(*fault)]
    assert len(others) < len(faults), f"{target.id}: told as {faults}"
    strange = {keyword for _, keyword in others} - company(target)
    assert not strange, f"{target.id}: {strange} too"
    return not others


def pointer_to(path: Iterable[object]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def told(faults: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(fault["pointer"], fault["keyword"]) for fault in faults]


@pytest.fixture(scope="module")
def written() -> dict[str, list[tuple[Any, list[tuple[Target, Any]]]]]:
    start = time.perf_counter()
    found = {
        path: [(one, list(near_misses(SPEC, path, one))) for one in parents(SPEC, path)] for path in PATHS
    }
    seconds = time.perf_counter() - start
    count = sum(len(children) for pairs in found.values() for _, children in pairs)
    print(f"{count} children of {sum(map(len, found.values()))} parents in {seconds:.2f} s")
    assert seconds <= SECONDS
    return found


def firsts(written) -> list[tuple[str, Target, Any]]:
    """Of each target one child."""
    found: dict[str, tuple[str, Target, Any]] = {}
    for path, pairs in written.items():
        for _, children in pairs:
            for target, child in children:
                found.setdefault(target.id, (path, target, child))
    return list(found.values())


def test_every_parent_is_valid(written):
    for path, pairs in written.items():
        assert 1 <= len(pairs) <= 4
        for parent, _ in pairs:
            assert SPEC.faults(path, parent) == []
            assert SPEC.oracle(path, parent) == []


def test_all_targets_are_exercised(written):
    known = [target for path in PATHS for target in targets(SPEC, path)]
    seen = {target.id for _, target, _ in firsts(written)}
    assert len({target.id for target in known}) == len(known)
    print(f"targets exercised: {len(seen)}/{len(known)}", dict(Counter(t.keyword for t in known)))
    assert [target.id for target in known if target.id not in seen] == []
    assert seen == {target.id for target in known}


def test_every_child_is_refused_for_its_own_keyword_alone(written):
    alone = count = 0
    for path, pairs in written.items():
        for _, children in pairs:
            for target, child in children:
                count += 1
                alone += judged(target, told(SPEC.faults(path, child)))
    print(f"broken alone, by jsonschema-rs: {alone}/{count}")
    assert alone >= 0.9 * count


def test_the_oracle_refuses_them_for_the_same_keyword(written):
    alone, validators = 0, {path: SPEC.oracle_validator(path) for path in PATHS}
    found = firsts(written)
    for path, target, child in found:
        errors = validators[path].iter_errors(child)
        faults = [(pointer_to(e.absolute_path), str(e.validator)) for e in errors]
        alone += judged(target, faults)
    print(f"broken alone, by jsonschema: {alone}/{len(found)}")
    assert alone >= 0.9 * len(found)


def without(schema: Any, target: Target) -> dict[str, Any]:
    """The schema without what a target breaks."""
    loose = copy.deepcopy(dict(schema))
    here, branches = loose, [int(number) for number in target.branch.split(".")]
    parts = target.pointer.split("/")[1:]
    while branches or parts:
        if "oneOf" in here:
            here = here["oneOf"][branches.pop(0) - 1]
        elif parts[0] in here.get("properties", {}):
            here = here["properties"][parts.pop(0)]
        else:
            here = here["items"] if "items" in here else here["additionalProperties"]
            parts.pop(0)
    if target.keyword == "required":
        here["required"].remove(target.detail)
    elif target.keyword == "propertyNames":
        here["propertyNames"].pop(target.detail.split()[0])
    else:
        here.pop(target.keyword)
    return loose


def test_below_a_one_of_it_is_that_keyword_too(written):
    """Validators tell only of the oneOf; without the keyword in its branch the child is valid."""
    compiled: dict[tuple[str, ...], Any] = {}
    count = 0
    for path, target, child in firsts(written):
        if not target.branch or company(target):
            continue
        way = target.detail if target.keyword in ("required", "propertyNames") else ""
        key = (path, target.pointer, target.branch, target.keyword, way)
        if key not in compiled:
            loose = without(tree(SPEC, path), target)
            compiled[key] = jsonschema_rs.Draft202012Validator(loose, validate_formats=True)
        assert compiled[key].is_valid(child), target.id
        count += 1
    print(f"children below a oneOf, valid without their keyword: {count}")
    assert count > 100


def test_no_keyword_is_left_out():
    """Each keyword that asserts something has a target wherever it stands."""
    silent = {"properties", "items", "examples"}

    def stands(schema: Any, pointer: str, branch: str) -> set[tuple[str, str, str]]:
        found = {(pointer, branch, keyword) for keyword in schema.keys() & KEYWORDS - silent}
        if schema.get("required") == []:
            found.discard((pointer, branch, "required"))
        if schema.get("minItems") == 0:
            found.discard((pointer, branch, "minItems"))
        for name, sub in schema.get("properties", {}).items():
            found |= stands(sub, f"{pointer}/{name}", branch)
        if "items" in schema:
            found |= stands(schema["items"], f"{pointer}/*", branch)
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping):
            found.discard((pointer, branch, "additionalProperties"))
            found |= stands(more, f"{pointer}/*", branch)
        for number, sub in enumerate(schema.get("oneOf", ()), 1):
            found |= stands(sub, pointer, f"{branch}.{number}".strip("."))
        return found

    for path in PATHS:
        found = {(t.pointer, t.branch, t.keyword) for t in targets(SPEC, path)}
        assert stands(tree(SPEC, path), "", "") == found, path


def test_names_are_what_people_expect():
    ids = {target.id for path in PATHS for target in targets(SPEC, path)}
    assert {
        "messages/offer.make.json / additionalProperties",
        "messages/offer.make.json / required items",
        "messages/offer.make.json /version minimum",
        "messages/offer.make.json /version type boolean",
        "messages/offer.make.json /items/*/price/amount [branch 2] pattern newline",
        "messages/offer.make.json /items/*/title maxLength",
        "messages/offer.make.json /valid_until format leap day",
        "messages/intent.publish.json /version const boolean",
        "messages/intent.publish.json /offer_rules/currencies uniqueItems",
        "messages/intent.publish.json /need required title",
        "messages/intent.publish.json /where oneOf mixed",
        "messages/disclosure.release.json /content/clear [branch 1] propertyNames pattern character",
        "messages/disclosure.release.json /content/clear/* [branch 1] maxLength",
        f"{CLAIMS} /vrm const number",
        f"{CLAIMS} /ext maxProperties",
    } <= ids


def test_bounds_are_missed_by_one(written):
    found = {target.id: child for _, target, child in firsts(written)}
    make, publish = "messages/offer.make.json", "messages/intent.publish.json"
    assert found[f"{make} /version minimum"]["version"] == 0
    assert found[f"{make} /version maximum"]["version"] == 1_000_001
    assert len(found[f"{make} /items maxItems"]["items"]) == 51
    assert found[f"{make} /items minItems"]["items"] == []
    assert (
        len(
            found[f"{make} /items/* required title".replace(" required title", "/title maxLength")]["items"][
                0
            ]["title"]
        )
        == 201
    )
    assert found[f"{publish} /version const boolean"]["version"] is True
    assert len(set(found[f"{publish} /offer_rules/currencies maxItems"]["offer_rules"]["currencies"])) == 11
    assert len(found[f"{CLAIMS} /ext maxProperties"]["ext"]) == 33
    assert found[f"{CLAIMS} /vrm const number"]["vrm"] == 1.0


def test_children_are_the_same_each_time_and_leave_their_parent_alone(written):
    for path, pairs in written.items():
        for parent, children in pairs:
            before = json.dumps(parent)
            again = list(near_misses(SPEC, path, parent))
            assert json.dumps([c for _, c in again]) == json.dumps([c for _, c in children])
            for _, child in again:
                spoil(child)
            assert json.dumps(parent) == before
    assert [parents(SPEC, path) for path in PATHS] == [[p for p, _ in written[path]] for path in PATHS]


def spoil(value: Any) -> None:
    """Empty a value from within."""
    if isinstance(value, dict):
        for one in value.values():
            spoil(one)
        value.clear()
    elif isinstance(value, list):
        for one in value:
            spoil(one)
        value.clear()


@pytest.mark.parametrize("path", PATHS)
def test_any_valid_instance_will_do_as_a_parent(path):
    rng = random.Random(path)
    known = {target.id for target in targets(SPEC, path)}
    for _ in range(8):
        parent = draw(SPEC, path, rng, limit=20_000)
        seen = set()
        for target, child in near_misses(SPEC, path, parent):
            seen.add(target.id)
            faults = told(SPEC.faults(path, child))
            assert any(target.tells(*fault) for fault in faults), target.id
            assert not fits(tree(SPEC, path), child)
        assert seen <= known
        assert {one for one in known if re.search(r"json(#\S+)? / ", one)} <= seen
