"""Intents and offers as schema.org reads them: the table, both ways, and the feed that a home serves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deeds import HOME, SPEC
from tests.scenarios.market import market
from vrmproto import envelope, keys, views

TABLE = SPEC.views

# What schema.org says of the terms in use: type to (its parent, its properties); property to its ranges.
TYPES: dict[str, tuple[str, set[str]]] = {
    "Thing": ("", {"name", "identifier", "url"}),
    "Demand": (
        "Thing",
        {
            "areaServed",
            "availabilityEnds",
            "availabilityStarts",
            "eligibleQuantity",
            "itemOffered",
            "priceSpecification",
            "validThrough",
        },
    ),
    "Offer": ("Thing", {"includesObject", "itemOffered", "price", "priceCurrency", "validThrough"}),
    "Product": ("Thing", {"additionalProperty", "category", "offers"}),
    "PropertyValue": ("Thing", {"unitCode", "value"}),
    "QuantitativeValue": ("Thing", {"unitCode", "value"}),
    "TypeAndQuantityNode": ("Thing", {"amountOfThisGood", "typeOfGood", "unitCode"}),
    "PriceSpecification": ("Thing", {"maxPrice", "priceCurrency", "validThrough"}),
    "Place": ("Thing", {"geo"}),
    "GeoCircle": ("Thing", {"geoMidpoint", "geoRadius"}),
    "GeoCoordinates": ("Thing", {"latitude", "longitude"}),
    "CategoryCode": ("Thing", {"codeValue", "inCodeSet"}),
    "CategoryCodeSet": ("Thing", set()),
    "DataFeed": ("Thing", {"dataFeedElement"}),
    "DataFeedItem": ("Thing", {"item"}),
}
RANGES: dict[str, set[str]] = {
    "additionalProperty": {"PropertyValue"},
    "areaServed": {"Place"},
    "category": {"CategoryCode"},
    "dataFeedElement": {"DataFeedItem"},
    "eligibleQuantity": {"QuantitativeValue"},
    "geo": {"GeoCircle"},
    "geoMidpoint": {"GeoCoordinates"},
    "inCodeSet": {"CategoryCodeSet"},
    "includesObject": {"TypeAndQuantityNode"},
    "item": {"Demand"},
    "itemOffered": {"Product"},
    "offers": {"Offer"},
    "priceSpecification": {"PriceSpecification"},
    "typeOfGood": {"Product"},
}


def properties(name: str) -> set[str]:
    parent, own = TYPES[name]
    return own | (properties(parent) if parent else set())


def check_terms(value: Any) -> None:
    """Every type and property of a view is one of schema.org, and each at a type that has it."""
    if isinstance(value, list):
        for one in value:
            check_terms(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith("@"):
                continue
            assert name in properties(value["@type"]), (value["@type"], name)
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict):
                    assert one["@type"] in RANGES[name], (name, one["@type"])
            check_terms(inner)


def leaves(view: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in view["map"]:
        yield entry
        if "each" in entry:
            yield from leaves(entry["each"])


# --- bodies ----------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
units = st.sampled_from(["KGM", "LTR", "H87", "KMT"])
numbers = st.sampled_from(["1", "0.75", "-3", "100000"])
times = st.sampled_from(["2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"])
money = st.sampled_from(
    [{"amount": a, "currency": c} for a, c in (("12450.00", "EUR"), ("1500", "JPY"), ("0.500", "KWD"))]
)


def members(needed: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(needed, optional=optional)


attributes = st.lists(members({"name": texts, "value": texts}, {"unit": units}), min_size=1, max_size=3)
quantities = members({"value": numbers}, {"unit": units})
schemes = st.sampled_from(["gpc", "unspsc", "cpv", "google", "nace", "isic"])
categories = st.lists(
    members({"scheme": schemes, "code": st.just("25101503")}, {"label": texts}), min_size=1, max_size=3
)
conditions = st.just([{"text": "First registered after 2019", "weight": "must"}])
needs = members(
    {"title": texts, "categories": categories},
    {
        "attributes": attributes,
        "quantity": quantities,
        "conditions": conditions,
        "alternatives": st.booleans(),
    },
)
areas = st.one_of(
    members({"region": st.sampled_from(["NL", "NL-NH", "DE"])}, {}),
    members(
        {
            "lat": st.sampled_from(["52.4", "0", "-90.0"]),
            "lon": st.sampled_from(["4.9", "-180.0"]),
            "radius_km": st.integers(10, 20000),
        },
        {},
    ),
)
rules = st.just({"offers": 20, "per_vendor": 2, "accepts": 1, "unverified": False})
said = {
    "where": areas,
    "when": members({}, {"from": times, "to": times}),
    "budget": members({"max": money}, {}),
}
amendments = members(
    {"version": st.integers(2, 1000), "need": needs, "offer_rules": rules, "until": times}, said
)
items = st.lists(
    members({"title": texts, "quantity": quantities, "price": money}, {"attributes": attributes}),
    min_size=1,
    max_size=4,
)
revisions = members(
    {"version": st.integers(1, 1000), "items": items, "total": money, "valid_until": times},
    {"conditions": conditions},
)


def mapped(view: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """The members of a body that the table names, taken by this test's own reading of the table."""
    found: dict[str, Any] = {}
    for entry in view["map"]:
        inner, parts, place = value, entry["from"].split("/")[1:], found
        for part in parts:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if inner is None:
            continue
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = [mapped(entry["each"], one) for one in inner] if "each" in entry else inner
    return found


def strings(value: Any) -> Iterator[str]:
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, (dict, list)):
            yield from strings(inner)
        elif name != "@type":
            yield str(inner)


@given(amendments)
def test_no_mapped_member_of_an_intent_is_lost(body: dict[str, Any]) -> None:
    assert SPEC.valid("messages/intent.amend.json", body)
    view = json.loads(json.dumps(views.demand(SPEC, body)))
    assert views.read_back(SPEC, "intent", view) == mapped(TABLE["views"]["intent"], body)
    assert view.pop("@context") == "https://schema.org"
    assert view["@type"] == "Demand"
    check_terms(view)
    assert {s.removesuffix(" km") for s in strings(view)} <= set(strings(body))


@given(revisions)
def test_no_mapped_member_of_an_offer_is_lost(body: dict[str, Any]) -> None:
    assert SPEC.valid("messages/offer.revise.json", body)
    view = json.loads(json.dumps(views.offer(SPEC, body)))
    assert views.read_back(SPEC, "offer", view) == mapped(TABLE["views"]["offer"], body)
    assert view.pop("@context") == "https://schema.org"
    assert view["@type"] == "Offer"
    check_terms(view)
    assert set(strings(view)) <= set(strings(body))


@pytest.mark.parametrize(
    ("name", "types"),
    [("intent", ("intent.publish", "intent.amend")), ("offer", ("offer.make", "offer.revise"))],
)
def test_the_table_reads_every_example_of_its_types(name: str, types: tuple[str, ...]) -> None:
    for type_ in types:
        for body in SPEC.types[type_].schema["examples"]:
            view = views.demand(SPEC, body) if name == "intent" else views.offer(SPEC, body)
            assert views.read_back(SPEC, name, view) == mapped(TABLE["views"][name], body)
            check_terms(view)


# --- the table -----------------------------------------------------------------------------------------


def _schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = SPEC.schemas[schema["$ref"].removeprefix("../")]
    return schema


def _at(schema: Mapping[str, Any], parts: list[str]) -> list[Mapping[str, Any]]:
    """The schemas at a pointer, whichever of several forms has it."""
    schema = _schema(schema)
    forms = [_schema(one) for one in schema.get("oneOf", [schema])]
    if not parts:
        return [schema]
    return [found for f in forms for found in _at(f.get("properties", {}).get(parts[0], {}), parts[1:])]


def _check_pointers(view: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    for entry in view["map"]:
        found = [s for s in _at(schema, entry["from"].split("/")[1:]) if s]
        assert found, entry
        assert all(s.get("type") == "array" for s in found) == ("each" in entry), entry
        assert all(s.get("type") == "integer" for s in found) == ("suffix" in entry), entry
        if "each" in entry:
            _check_pointers(entry["each"], found[0]["items"])


def test_every_pointer_leads_somewhere_in_every_type() -> None:
    """A list is mapped item by item, a number of a unit with its suffix, and everything else as it is."""
    for name, types in (("intent", ("publish", "amend")), ("offer", ("make", "revise"))):
        for type_ in types:
            _check_pointers(TABLE["views"][name], SPEC.schemas[f"messages/{name}.{type_}.json"])


def test_every_step_of_a_path_has_its_type_and_no_two_values_share_a_place() -> None:
    for view in TABLE["views"].values():
        for entry in leaves(view):
            assert all(name in TABLE["types"] for name in entry["to"][:-1]), entry
        places = [tuple(entry["to"]) for entry in view["map"]]
        assert len(set(places)) == len(places)
        assert not any(a != b and a == b[: len(a)] for a in places for b in places)
    used = {name for view in TABLE["views"].values() for entry in leaves(view) for name in entry["to"][:-1]}
    assert used == set(TABLE["types"])


def test_a_radius_has_its_unit() -> None:
    """A bare number would be metres."""
    body = {"where": {"lat": "52.5", "lon": "13.4", "radius_km": 30}}
    circle = views.demand(SPEC, body)["areaServed"]["geo"]
    assert circle["geoRadius"] == "30 km"


# --- the feed ------------------------------------------------------------------------------------------


def item(body: dict[str, Any], **claims: Any) -> dict[str, Any]:
    made = {"home": HOME, "type": "intent.publish", "body": body, **claims}
    token = envelope.seal(keys.derive(b"a seed for the tests of views", "x"), made)
    return {"position": 1, "mid": envelope.mid_of(token), "token": token, "receipt": token}


def test_a_feed_shows_what_is_open_and_nothing_that_was_not_said() -> None:
    body = SPEC.types["intent.publish"].schema["examples"][0]
    first, later = item(body), item(body, iat=2)
    later |= {"mid": first["mid"], "opened": {"token": first["token"], "receipt": first["receipt"]}}
    shown = [first, later, {"position": 3, "mid": first["mid"], "ended": "closed"}]
    shown.append({"position": 4, "mid": first["mid"], "removed": "spam"})
    board = f"{HOME}/v1/boards/intents"
    document = views.feed(SPEC, board, shown)
    assert (document.pop("@context"), document["@type"], document["url"]) == (
        "https://schema.org",
        "DataFeed",
        board,
    )
    check_terms(document)
    one, two = document["dataFeedElement"]
    assert one["identifier"] == first["mid"]
    assert two["identifier"] == envelope.mid_of(later["token"]) != first["mid"]
    for element in (one, two):
        assert element["item"]["identifier"] == first["mid"]
        assert element["item"]["url"] == f"{HOME}/v1/threads/{first['mid']}"
        read = views.read_back(SPEC, "intent", element["item"])
        assert read == mapped(TABLE["views"]["intent"], body)
    assert "disclose" not in json.dumps(document)
    assert "did:jwk" not in json.dumps(document)
    assert views.feed(SPEC, board, [])["dataFeedElement"] == []


async def test_a_home_gives_its_feed_as_demands() -> None:
    async with market(vendors=0) as m:
        intent = await m.opened()
        amended = await m.say(intent, intent.first, "intent.amend", m.amendment(2))
        assert amended.status == 202, amended.document
        reply = await m.world.get("/v1/boards/intents", Accept="application/ld+json")
        assert reply.headers["Content-Type"].startswith("application/ld+json")
        document = reply.document
        assert document.pop("@context") == "https://schema.org"
        check_terms(document)
        assert document["url"] == m.board
        (element,) = document["dataFeedElement"]
        assert element["identifier"] == intent.head
        assert element["item"]["identifier"] == intent.thid
        assert element["item"]["itemOffered"]["name"] == "Toyota Yaris"
        (shown,) = await m.shown()
        body = envelope.peek(shown["token"])[1]["body"]
        read = views.read_back(SPEC, "intent", element["item"])
        assert read == mapped(TABLE["views"]["intent"], body)
        at = element["item"]["url"].removeprefix(m.world.origin)
        assert (await m.world.person().read(at)).status == 200
