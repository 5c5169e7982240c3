"""The pages of schemas: what differs in a keyword differs on the page, and no text becomes markup."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tests.markup import Reader
from vrmproto.editor.site import words
from vrmproto.editor.site.keywords import KeywordError, render

SPEC = Path(__file__).resolve().parent.parent / "spec"
PATHS = [
    path.relative_to(SPEC).as_posix()
    for pattern in ("envelope.json", "messages/*.json", "shared/*.json", "documents/*.json", "meta/*.json")
    for path in sorted(SPEC.glob(pattern))
]
Schema = dict[str, Any]

# --- values of keywords ------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=12)
names = st.sampled_from(["a", "b", "total", "dct:title", "a.b", "x y", '"', "<b>"])
counts = st.integers(min_value=0, max_value=10**6)
scalars = st.one_of(st.none(), st.booleans(), counts, texts)
things = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(texts, scalars, max_size=2))
types = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
refs = st.sampled_from(
    [
        "#/$defs/a",
        "#/$defs/b",
        "#",
        "../documents/a.json",
        "../documents/b.json#/$defs/a",
        "../messages/../documents/a.json",
    ]
)
leaves: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.fixed_dictionaries({}, optional={"type": types, "const": things, "description": texts}),
    st.fixed_dictionaries({"$ref": refs}),
    st.fixed_dictionaries({"type": types, "pattern": texts, "maxLength": counts}),
    st.fixed_dictionaries({"properties": st.dictionaries(names, st.booleans(), max_size=2)}),
)
parts = st.dictionaries(names, leaves, max_size=3)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "title": texts,
    "description": texts,
    "type": st.one_of(types, st.lists(types, min_size=2, max_size=3, unique=True)),
    "const": things,
    "enum": st.one_of(
        st.lists(things, min_size=1, max_size=3),
        st.integers(min_value=1, max_value=60).map(lambda n: [f"value {i}" for i in range(n)]),
    ),
    "$ref": refs,
    "format": st.one_of(st.sampled_from(["date-time", "duration", "uri", "regex"]), texts),
    "pattern": texts,
    "required": st.lists(names, max_size=3, unique=True),
    "properties": parts,
    "additionalProperties": leaves,
    "propertyNames": leaves,
    "dependentRequired": st.dictionaries(names, st.lists(names, max_size=2, unique=True), max_size=2),
    "items": leaves,
    "uniqueItems": st.booleans(),
    "oneOf": st.lists(leaves, min_size=2, max_size=3),
    "if": leaves,
    "then": leaves,
    "else": leaves,
    "dependentSchemas": parts,
    "examples": st.lists(things, max_size=2),
    "$schema": texts,
    "$id": texts,
    "x-profile": texts,
    "x-ext": st.booleans(),
    "$defs": parts,
} | dict.fromkeys(
    [f"{which}{of}" for which in ("min", "max") for of in ("Length", "imum", "Items", "Properties")], counts
)

# --- where a schema may stand ------------------------------------------------------------------

WRAPS: dict[str, Callable[[Any], Schema]] = {
    "properties": lambda s: {"type": "object", "properties": {"in": s}, "required": ["in"]},
    "items": lambda s: {"type": "array", "items": s, "minItems": 1},
    "oneOf": lambda s: {"oneOf": [{"type": "string"}, s]},
    "additionalProperties": lambda s: {"additionalProperties": s},
    "propertyNames": lambda s: {"propertyNames": s},
    "if": lambda s: {"if": s, "then": False},
    "then": lambda s: {"then": s},
    "else": lambda s: {"else": s},
    "dependentSchemas": lambda s: {"dependentSchemas": {"in": s}},
    "$defs": lambda s: {"$defs": {"in": s}},
}
wrappings = st.lists(st.sampled_from(sorted(WRAPS)), max_size=3)
ABSENT = object()


@st.composite
def surroundings(draw: st.DrawFn, keyword: str) -> Schema:
    """What else a schema says: a few of the other keywords."""
    others = st.sampled_from(sorted(VALUES.keys() - {keyword}))
    chosen = draw(st.lists(others, max_size=2, unique=True))
    if keyword == "required" and draw(st.booleans()):
        chosen.append("properties")  # which shows what is required
    return {other: draw(VALUES[other]) for other in chosen}


def page(schema: Any, path: str = "messages/a.json") -> str:
    """The fragment without the schema as it is."""
    shown = str(render(schema, path=path, link=lambda target: f"../{target}"))
    return re.sub(r'<details class="raw">.*?</details>', "", shown, flags=re.DOTALL)


def same(keyword: str, a: Any, b: Any) -> bool:
    """Whether two values of a keyword say the same; the order of names does not count."""
    if ABSENT in (a, b):
        return a is b
    if keyword == "required":
        return set(a) == set(b)
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def law(keyword: str, *, seeded: bool = False) -> Callable[[], None]:
    """Two schemas that differ in a keyword only differ on the page, wherever they stand."""
    quick = settings(max_examples=20, deadline=None)
    sure = settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate], deadline=None)

    @settings(sure if seeded else quick, report_multiple_bugs=False)
    @given(surroundings(keyword), VALUES[keyword], st.one_of(st.just(ABSENT), VALUES[keyword]), wrappings)
    def differs(around: Schema, one: Any, other: Any, wraps: list[str]) -> None:
        assume(not same(keyword, one, other))
        schemas: list[Any] = [around | ({} if v is ABSENT else {keyword: v}) for v in (one, other)]
        for wrap in wraps:
            schemas = [WRAPS[wrap](schema) for schema in schemas]
        assert page(schemas[0]) != page(schemas[1])

    return differs


# --- the table ---------------------------------------------------------------------------------


def keywords_in(schema: Any) -> Iterator[str]:
    """Every keyword of a schema and of its parts."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        yield keyword
        if keyword in ("properties", "$defs", "dependentSchemas"):
            inner = list(value.values())
        elif keyword in ("items", "additionalProperties", "propertyNames", "if", "then", "else"):
            inner = [value]
        else:
            inner = value if keyword == "oneOf" else []
        for part in inner:
            yield from keywords_in(part)


def read(path: str) -> Schema:
    schema: Schema = json.loads((SPEC / path).read_text("utf-8"))
    return schema


def test_the_table_has_the_keywords_that_are_allowed_or_used_and_no_other():
    allowed = set(read("meta/message.json")["$defs"]["schema"]["properties"])
    used = {keyword for path in PATHS for keyword in keywords_in(read(path))}
    assert words.KEYWORDS.keys() == allowed | used
    assert VALUES.keys() == words.KEYWORDS.keys()


@pytest.mark.parametrize(
    ("schema", "pointer", "named"),
    [
        ({"patternProperties": {}}, "", "patternProperties"),
        ({"properties": {"a/b": {"items": {"not": {}}}}}, "/properties/a~1b/items", "not"),
        ({"oneOf": [{}, {"x-new": 1}]}, "/oneOf/1", "x-new"),
        ({"$defs": {"a": {"deprecated": True}}}, "/$defs/a", "deprecated"),
        ({"type": "decimal"}, "", "decimal"),
        ({"items": "text"}, "/items", "no schema"),
    ],
)
def test_what_there_are_no_words_for_is_an_error_that_says_where(schema, pointer, named):
    with pytest.raises(KeywordError, match=f"^{re.escape(f'shared/a.json#{pointer}: ')}.*{named}") as caught:
        page(schema, "shared/a.json")
    assert (caught.value.path, caught.value.pointer) == ("shared/a.json", pointer)


@pytest.mark.parametrize("keyword", sorted(VALUES))
def test_two_schemas_that_differ_in_a_keyword_differ_on_the_page(keyword):
    law(keyword)()


@pytest.mark.parametrize("bug", ["drops the value", "says nothing"])
@pytest.mark.parametrize("keyword", sorted(VALUES))
def test_a_keyword_that_is_not_shown_is_found(keyword, bug, monkeypatch):
    right, first = words.KEYWORDS[keyword], []

    def dropping(place, value, schema):
        first.append(value)
        return right(place, first[0], schema)

    silent = {"drops the value": dropping, "says nothing": lambda *_: words.Shown()}
    monkeypatch.setitem(words.KEYWORDS, keyword, silent[bug])
    with pytest.raises(AssertionError):
        law(keyword, seeded=True)()


# --- the folder --------------------------------------------------------------------------------


def pointers(schema: Any, at: str = "") -> Iterator[str]:
    """The pointers of all named members."""
    for name, part in schema.get("properties", {}).items():
        inner = f"{at}/properties/{name}"
        yield inner
        yield from pointers(part, inner) if isinstance(part, dict) else ()
    if isinstance(schema.get("items"), dict):
        yield from pointers(schema["items"], f"{at}/items")


@pytest.mark.parametrize("path", PATHS)
def test_every_schema_of_the_folder_is_shown_with_anchors_that_are_there(path):
    shown = Reader(page(read(path), path))
    assert shown.open == []
    assert len(shown.ids) == len(set(shown.ids))
    assert {words.anchor(pointer) for pointer in pointers(read(path))} <= set(shown.ids)
    for href in shown.hrefs:
        target, _, part = href.partition("#")
        assert part in shown.ids if not target else (SPEC / target.removeprefix("../")).is_file()
    assert (
        json.dumps(read(path), ensure_ascii=False, indent=2)
        in Reader(render(read(path), path=path, link=str)).text
    )


def test_the_anchor_of_a_member_is_its_pointer():
    shown = page({"properties": {"total": {"properties": {"x y": {"type": "string"}, "a/b": {}}}}})
    assert 'id="/properties/total"' in shown
    assert 'id="/properties/total/properties/x%20y"' in shown
    assert 'id="/properties/total/properties/a~1b"' in shown


def test_what_the_page_of_a_message_says():
    shown = Reader(page(read("messages/terms.proffer.json"), "messages/terms.proffer.json")).text
    for sentence in (
        "preferredrequiredshared/agreementWhat she wants.",
        "acceptableoptionallisteach item: shared/agreementWhat she takes too.",
        "at least 1 item",
        "at most 12 items",
        "no further members",
        "the profile terms brings this type",
        "a message of this type never carries the claim ext",
    ):
        assert sentence in shown


# --- hostile text ------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "</code></pre></details>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "<!--",
    "]]>&lt;&#60;",
    "{0.__class__}",
    "{}",
]


def everywhere(text: str) -> Schema:
    """A schema with a text wherever one may stand."""
    inner = {
        "title": text,
        "description": text,
        "type": "string",
        "pattern": text,
        "format": text,
        "const": text,
        "enum": [text],
        "examples": [{text: text}],
    }
    return {
        "$schema": text,
        "$id": text,
        "$ref": f"#/$defs/{text}",
        "x-profile": text,
        "properties": {text: inner, "n": {"oneOf": [inner, {"const": text}]}},
        "required": [text],
        "dependentRequired": {text: [text]},
        "dependentSchemas": {text: inner},
        "propertyNames": inner,
        "$defs": {text: inner},
    }


def check_inert(text: str) -> None:
    shown, plain = (Reader(render(everywhere(t), path="a.json", link=str)) for t in (text, "x"))
    assert shown.tags == plain.tags
    assert text in shown.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text):
    check_inert(text)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="#", exclude_categories=["Cs"]), max_size=12))
def test_no_text_becomes_markup(text):
    check_inert(text or "x")


def test_markup_that_is_not_escaped_would_be_found(monkeypatch):
    monkeypatch.setitem(
        words.KEYWORDS, "title", lambda _p, v, _s: words.Shown(texts=(Markup(f"<p>{v}</p>"),))
    )
    with pytest.raises(AssertionError):
        check_inert(HOSTILE[0])
