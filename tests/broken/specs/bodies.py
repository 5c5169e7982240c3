"""Homes over schemas of bodies with one keyword changed."""

from __future__ import annotations

from tests.broken.specs.tools import add_to, edit, mutant, read, remove, replace, reworded, row

# --- bodies --------------------------------------------------------------------------------------

for _type in (
    "terms.proffer",
    "terms.accept",
    "terms.alternative",
    "terms.withdraw",
    "intent.publish",
    "offer.make",
    "offer.accept",
    "disclosure.release",
):
    mutant(
        f"schema-open-{_type.replace('.', '-')}",
        "VRM-ENV-035",
        f"Unknown members of {_type} are ignored.",
        replace(f"messages/{_type}.json", "/additionalProperties", True),
    )
for _type, _member in (
    ("terms.proffer", "purpose"),
    ("terms.proffer", "place"),
    ("terms.accept", "lang"),
    ("terms.alternative", "lang"),
    ("intent.publish", "lang"),
    ("offer.make", "place"),
):
    _listed = read(f"messages/{_type}.json")["required"]
    mutant(
        f"schema-{_type.replace('.', '-')}-without-{_member}",
        "VRM-ENV-035",
        f"{_type} need not have {_member}.",
        remove(f"messages/{_type}.json", f"/required/{_listed.index(_member)}"),
    )
mutant(
    "schema-place-in-small-letters",
    "VRM-ENV-035",
    "A place may be written in small letters.",
    add_to("shared/place.json", "/enum/-", "nl"),
)
mutant(
    "schema-place-that-is-none",
    "VRM-ENV-035",
    "EU is taken for a country.",
    add_to("shared/place.json", "/enum/-", "EU"),
)
mutant(
    "schema-purpose-that-is-none",
    "VRM-ENV-035",
    "A purpose that purposes.json does not list is taken.",
    add_to("shared/purpose.json", "/enum/-", "https://w3id.org/dpv#Marketing"),
)
mutant(
    "schema-thirteen-acceptable",
    "VRM-ENV-035",
    "A proffer may list thirteen acceptable agreements.",
    replace("messages/terms.proffer.json", "/properties/acceptable/maxItems", 13),
)
mutant(
    "schema-none-acceptable",
    "VRM-ENV-035",
    "A proffer may have an empty list of acceptable agreements.",
    replace("messages/terms.proffer.json", "/properties/acceptable/minItems", 0),
)
mutant(
    "schema-long-reason",
    "VRM-ENV-035",
    "A reason may have 501 characters.",
    replace("shared/reason.json", "/maxLength", 501),
)
mutant(
    "schema-short-reason",
    "VRM-ENV-035",
    "A reason of 500 characters is too long.",
    replace("shared/reason.json", "/maxLength", 499),
)
mutant(
    "schema-empty-reason",
    "VRM-ENV-035",
    "A reason may be empty.",
    replace("shared/reason.json", "/minLength", 0),
)
mutant(
    "schema-times-with-an-offset",
    "VRM-ENV-035",
    "A time may be written with an offset or a fraction.",
    remove("shared/time.json", "/pattern"),
)
mutant(
    "schema-version-as-a-number",
    "VRM-ENV-035",
    "version of an agreement may be a number.",
    replace("shared/version.json", "/type", ["string", "number"]),
)
mutant(
    "schema-version-in-three-parts",
    "VRM-ENV-035",
    "version of an agreement may have a third part.",
    reworded("shared/version.json", "/pattern", "(?!\\n)$", ""),
)
mutant(
    "schema-id-of-any-letters",
    "VRM-ENV-035",
    "The id of an agreement may hold any characters.",
    remove("shared/agreement-id.json", "/pattern"),
)
mutant(
    "schema-digest-of-any-length",
    "VRM-ENV-035",
    "A digest may be any text.",
    replace("shared/agreement.json", "/properties/digest", {"type": "string"}),
)
mutant(
    "schema-money-as-a-number",
    "VRM-ENV-035",
    "An amount may be a number.",
    replace("shared/money.json", "/oneOf/0/properties/amount/type", ["string", "number"]),
)
mutant(
    "schema-money-with-more-digits",
    "VRM-ENV-035",
    "An amount may have more decimals than its currency.",
    reworded("shared/money.json", "/oneOf/0/properties/amount/pattern", "[0-9]{2}", "[0-9]{2,6}"),
)
mutant(
    "schema-money-in-crowns",
    "VRM-ENV-035",
    "A currency that is none is taken.",
    add_to("shared/money.json", "/oneOf/0/properties/currency/enum/-", "XXX"),
)
mutant(
    "schema-content-of-both-kinds",
    "VRM-ENV-035",
    "A disclosure may have both its data and a file.",
    edit(
        "shared/content.json",
        {
            "op": "add",
            "path": "/anyOf",
            "value": [{"required": ["clear"]}, {"required": ["ref"]}],
        },
        {"op": "remove", "path": "/oneOf"},
    ),
)
mutant(
    "schema-exact-place",
    "VRM-INT-002",
    "A point may be given to a few metres.",
    edit(
        "shared/area.json",
        {"op": "replace", "path": "/oneOf/1/properties/lat", "value": {"type": "string"}},
        {"op": "replace", "path": "/oneOf/1/properties/lon", "value": {"type": "string"}},
    ),
)
mutant(
    "schema-small-circle",
    "VRM-INT-002",
    "A circle may have a radius of one kilometre.",
    replace("shared/area.json", "/oneOf/1/properties/radius_km/minimum", 1),
)
mutant(
    "schema-postal-code",
    "VRM-INT-002",
    "A region may be a postal code.",
    edit(
        "shared/region.json",
        {"op": "remove", "path": "/pattern"},
        {"op": "replace", "path": "/maxLength", "value": 40},
    ),
)
mutant(
    "schema-address-beside-the-region",
    "VRM-INT-002",
    "An address may stand beside a region.",
    replace("shared/area.json", "/oneOf/0/additionalProperties", True),
)
mutant(
    "schema-budget-asked-for",
    "VRM-INT-003",
    "An intent has to tell a budget.",
    add_to("messages/intent.publish.json", "/required/-", "budget"),
)
mutant(
    "schema-amend-with-terms",
    "VRM-INT-008",
    "An amendment may change the terms.",
    add_to("messages/intent.amend.json", "/properties/terms", {"type": "object"}),
    row("intent", "intent.amend", "add", "keep/preferred", "/terms/preferred"),
)
mutant(
    "schema-amend-with-disclosure",
    "VRM-INT-008",
    "An amendment may change what may be disclosed.",
    add_to("messages/intent.amend.json", "/properties/disclose", {"type": "array"}),
)
mutant(
    "schema-amend-with-purge-within",
    "VRM-INT-008",
    "An amendment may change purge_within.",
    add_to(
        "messages/intent.amend.json",
        "/properties/purge_within",
        {"$ref": "https://w3id.org/vrmproto/1.0/shared/duration.json"},
    ),
)
mutant(
    "schema-no-places",
    "VRM-ENV-035",
    "accepts of an intent may be 0.",
    replace("shared/offer-rules.json", "/properties/accepts/minimum", 0),
)
mutant(
    "schema-fields-twice",
    "VRM-ENV-035",
    "A field may be listed twice in a disclosure.",
    remove("messages/disclosure.release.json", "/properties/about/properties/fields/uniqueItems"),
)
