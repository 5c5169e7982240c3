"""Vectors of strict I-JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests import forge
from tests.forge import Json
from tests.make_vectors.base import (
    PERSON,
    STRANGER,
    Vector,
    chapter,
    claims,
    fine,
    refused,
    strict,
    taken,
    text,
)


@chapter
def json_text() -> Iterator[Vector]:
    def bad(slug: str, number: int, what: str, payload: Json, head: Json | None = None) -> Vector:
        token = forge.token(PERSON, payload, head)
        return refused(slug, f"VRM-ENV-{number:03d}", "json-invalid", what, token)

    right, head = text(claims(PERSON)), text(forge.header(PERSON))
    bom = b"\xef\xbb\xbf"
    yield bad("json-bom-payload", 5, "A byte order mark stands before the payload.", bom + right.encode())
    yield bad("json-bom-header", 5, "A byte order mark stands before the header.", right, bom + head.encode())
    yield bad(
        "json-utf16-payload", 5, "The payload is UTF-16 with its byte order mark.", right.encode("utf-16")
    )
    yield bad(
        "json-utf16-header", 5, "The header is UTF-16 with its byte order mark.", right, head.encode("utf-16")
    )
    yield strict("json-invalid-utf8", "VRM-ENV-005", "A string holds the byte FF.", b'"\xff"')
    yield strict("json-overlong-utf8", "VRM-ENV-005", "A solidus is written in two bytes.", b'"\xc0\xaf"')
    what = "A surrogate is written as three bytes, as UTF-8 forbids."
    yield strict("json-surrogate-bytes", "VRM-ENV-005", what, b'"\xed\xa0\x80"')

    yield bad(
        "json-utf16-without-bom",
        6,
        "UTF-16 without a mark: legal UTF-8 full of NUL, but not JSON.",
        right.encode("utf-16-le"),
    )
    yield bad("json-array", 6, "The payload is an array.", f"[{right}]")
    yield bad("json-string", 6, "The payload is a string that holds the object.", json.dumps(right))
    yield bad("json-null-header", 6, "The header is null.", right, "null")
    yield bad("json-trailing-comma", 6, "A comma stands before the last brace.", right[:-1] + ",}")
    yield bad("json-two-values", 6, "A second object follows the first.", right + "{}")
    yield bad("json-comment", 6, "A comment follows the object.", right + "//")
    yield bad(
        "json-nbsp",
        6,
        "A no-break space, which JSON does not count as white space, ends the payload.",
        right + "\u00a0",
    )
    yield bad("json-empty-header", 6, "The header is white space.", right, "  ")
    yield strict("json-leading-zero", "VRM-ENV-006", "A number is written 01.", "01")
    yield strict(
        "json-bare-point", "VRM-ENV-006", "A number is written 1. without a digit after the point.", "1."
    )
    yield strict("json-control-character", "VRM-ENV-006", "A string holds a raw newline.", '"a\nb"')
    yield strict("json-bad-escape", "VRM-ENV-006", "A string holds the escape \\x41.", '"\\x41"')
    yield strict("json-single-quotes", "VRM-ENV-006", "A string stands in single quotes.", "'a'")

    what = "`alg` stands twice in the header, none first."
    yield bad("json-duplicate-header", 7, what, right, '{"alg":"none",' + head[1:])
    what = "`iss` stands twice, another sender first."
    yield bad("json-duplicate-claim", 7, what, '{"iss":' + json.dumps(STRANGER.did) + "," + right[1:])
    what = "`aud` stands twice, once with an escaped letter."
    yield bad("json-duplicate-escaped", 7, what, '{"\\u0061ud":"https://other.example",' + right[1:])
    what = "`lang` stands twice in the body."
    yield bad("json-duplicate-body", 7, what, right.replace('"lang":', '"lang":"de","lang":'))
    what = "A name stands twice, three objects deep in an extension."
    yield strict("json-duplicate-deep", "VRM-ENV-007", what, '{"a":[{"b":{"c":1,"c":1}}]}')

    yield strict("json-nan", "VRM-ENV-008", "A value is NaN.", "NaN")
    yield strict("json-infinity", "VRM-ENV-008", "A value is Infinity, inside an array.", "[Infinity]")
    yield strict("json-minus-infinity", "VRM-ENV-008", "A value is -Infinity.", "-Infinity")

    yield strict("json-lone-surrogate", "VRM-ENV-009", "A string is one high surrogate.", '"\\ud800"')
    yield strict("json-lone-surrogate-name", "VRM-ENV-009", "A name is one low surrogate.", '{"\\udc00":1}')
    yield strict(
        "json-surrogates-reversed", "VRM-ENV-009", "A pair of surrogates, low one first.", '"\\udc00\\ud800"'
    )
    what = "A lone surrogate stands in the header's `kid`."
    yield bad("json-lone-surrogate-header", 9, what, right, head.replace(PERSON.kid, PERSON.kid + "\\ud800"))
    yield fine(
        "json-surrogate-pair", "A pair of surrogates in the right order is one character.", '"\\ud83d\\ude00"'
    )

    what = "Strings hold U+FFFE and U+FFFF, as they are and escaped: noncharacters are characters here."
    yield fine("json-noncharacters", what, '["\ufffe\uffff","\\ufffe\\uffff"]')

    def nested(levels: int) -> str:
        """A value that makes the payload so deep: the payload and `ext` are two levels themselves."""
        return "[" * (levels - 2) + "]" * (levels - 2)

    yield fine("json-depth-32", "32 levels of nesting, the payload counted.", nested(32))
    yield strict("json-depth-33", "VRM-ENV-010", "33 levels of nesting, the payload counted.", nested(33))
    yield strict(
        "json-depth-33-objects", "VRM-ENV-010", "33 levels of objects.", '{"a":' * 31 + "1" + "}" * 31
    )
    yield strict("json-depth-20000", "VRM-ENV-010", "20000 levels of nesting.", nested(20000))
    yield fine("json-integer-limit", "An integer is 2^53-1, another -(2^53-1).", f"[{2**53 - 1},{1 - 2**53}]")
    yield strict("json-integer-over-limit", "VRM-ENV-011", "An integer is 2^53.", str(2**53))
    yield strict("json-integer-under-limit", "VRM-ENV-011", "An integer is -(2^53).", str(-(2**53)))
    yield strict("json-integer-5000-digits", "VRM-ENV-011", "An integer has 5000 digits.", "9" * 5000)
    yield strict("json-number-1e400", "VRM-ENV-011", "A number is 1e400, beyond a double.", "1e400")
    yield fine("json-number-1e300", "A number is 1e300, within a double.", "1e300")
    yield fine(
        "json-long-fraction",
        "A fraction has more digits than a double keeps.",
        "0.1000000000000000055511151231257827",
    )
    spaced = json.dumps(claims(PERSON), indent=1)
    yield taken(
        "json-white-space",
        "proffered",
        "The payload is indented: bytes count, not form.",
        forge.token(PERSON, spaced),
    )
    backwards = dict(reversed(list(claims(PERSON).items())))
    yield taken(
        "json-member-order", "proffered", "The claims stand in another order.", forge.token(PERSON, backwards)
    )
