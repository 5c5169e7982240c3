"""Homes over an envelope with one rule changed."""

from __future__ import annotations

from tests.broken.specs.tools import mutant, remove, replace, reworded

# --- envelope ------------------------------------------------------------------------------------

CLAIMS = "/$defs/claims"
mutant(
    "schema-short-jti",
    "VRM-ENV-017",
    "A jti of eight characters is taken.",
    reworded("envelope.json", f"{CLAIMS}/properties/jti/pattern", "{22,64}", "{8,64}"),
)
mutant(
    "schema-long-jti",
    "VRM-ENV-017",
    "A jti of any length is taken.",
    reworded("envelope.json", f"{CLAIMS}/properties/jti/pattern", "{22,64}", "{22,}"),
)
mutant(
    "schema-jti-with-more-letters",
    "VRM-ENV-017",
    "A jti may hold full stops.",
    reworded("envelope.json", f"{CLAIMS}/properties/jti/pattern", "A-Za-z0-9_-", "A-Za-z0-9._-"),
)
mutant(
    "schema-type-in-capitals",
    "VRM-ENV-017",
    "A type in capitals is no wrong claim.",
    replace("envelope.json", f"{CLAIMS}/properties/type/pattern", "^[A-Za-z.-]+$"),
)
mutant(
    "schema-number-iat",
    "VRM-ENV-017",
    "iat may have a fraction.",
    replace("envelope.json", f"{CLAIMS}/properties/iat/type", "number"),
)
mutant(
    "schema-negative-iat",
    "VRM-ENV-017",
    "iat may lie before 1970.",
    remove("envelope.json", f"{CLAIMS}/properties/iat/minimum"),
)
mutant(
    "schema-body-of-any-type",
    "VRM-ENV-017",
    "body may be an array.",
    replace("envelope.json", f"{CLAIMS}/properties/body/type", ["object", "array"]),
)
mutant(
    "schema-exp-optional",
    "VRM-ENV-015",
    "A message without exp is not one that lacks a claim.",
    remove("envelope.json", f"{CLAIMS}/required/7"),
)
mutant(
    "schema-open-claims",
    "VRM-ENV-020",
    "Unknown claims are ignored.",
    replace("envelope.json", f"{CLAIMS}/additionalProperties", True),
)
mutant(
    "schema-ext-name-of-any-form",
    "VRM-ENV-032",
    "A name in ext need be no URI.",
    remove("envelope.json", f"{CLAIMS}/properties/ext/propertyNames/format"),
)
mutant(
    "schema-origin-with-a-slash",
    "VRM-ID-002",
    "An origin may end in a slash.",
    reworded("shared/party.json", "/pattern", "[1-9][0-9]{0,4})?|http", "[1-9][0-9]{0,4})?/?|http"),
)
mutant(
    "schema-origin-in-capitals",
    "VRM-ID-002",
    "An origin may be written in capitals.",
    reworded("shared/party.json", "/pattern", "https://[a-z0-9](", "https://[A-Za-z0-9]("),
)
mutant(
    "schema-origin-with-its-port",
    "VRM-ID-002",
    "An origin may name the default port.",
    reworded("shared/party.json", "/pattern", "(:(?!443(?![0-9]))", "(:"),
)
mutant(
    "schema-any-http",
    "VRM-ID-003",
    "In development mode any http origin is taken.",
    reworded("shared/party.json", "/pattern", "http://(127\\.0\\.0\\.1|localhost)", "http://[a-z0-9.-]+"),
)
mutant(
    "schema-proffer-with-ext",
    "VRM-ENV-031",
    "A proffer may carry ext.",
    replace("messages/terms.proffer.json", "/x-ext", True),
)
mutant(
    "schema-accept-with-ext",
    "VRM-ENV-031",
    "An acceptance may carry ext.",
    replace("messages/terms.accept.json", "/x-ext", True),
)
mutant(
    "schema-message-without-ext",
    "VRM-ENV-033",
    "A message about an offer may carry no ext.",
    replace("messages/offer.message.json", "/x-ext", False),
)
mutant(
    "schema-rotation-without-ext",
    "VRM-ENV-033",
    "A rotation may carry no ext.",
    replace("messages/agent.rotate.json", "/x-ext", False),
)
mutant(
    "schema-open-request",
    "VRM-HOM-015",
    "A signed request may have other claims.",
    replace("documents/request.json", "/additionalProperties", True),
)
mutant(
    "schema-request-without-jti",
    "VRM-HOM-015",
    "A signed request needs no jti.",
    remove("documents/request.json", "/required/6"),
)
mutant(
    "schema-open-poll",
    "VRM-HOM-015",
    "Unknown members of a poll are ignored.",
    replace("documents/poll-request.json", "/additionalProperties", True),
)
mutant(
    "schema-poll-of-any-size",
    "VRM-HOM-015",
    "maxEvents may be any number.",
    remove("documents/poll-request.json", "/properties/maxEvents/maximum"),
)
mutant(
    "schema-proof-open",
    "VRM-ID-021",
    "A proof may have other claims.",
    replace("documents/proof.json", "/additionalProperties", True),
)
