"""Vectors of the envelope: bytes, header, claims, time, repeats, type, extensions, body."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    EXT,
    HOME,
    NEXT,
    NOW,
    PERSON,
    PERSON_EC,
    REFERENCE,
    ROSTER,
    SHOP,
    SHOP_ID,
    STRANGER,
    Vector,
    agreed_once,
    chapter,
    claims,
    opening,
    proffer,
    proffered,
    refused,
    rotation,
    spaced,
    taken,
    text,
    with_padding,
)


@chapter
def sizes() -> Iterator[Vector]:
    yield taken("size-limit", "proffered", "65536 bytes, by white space in the payload.", spaced(65536))
    what = "65537 bytes, by white space in the payload."
    yield refused("size-over-limit", "VRM-ENV-001", "too-large", what, spaced(65537))


@chapter
def segments() -> Iterator[Vector]:
    def bad(slug: str, number: int, what: str, token: bytes) -> Vector:
        return refused(slug, f"VRM-ENV-{number:03d}", "token-malformed", what, token)

    right = opening()
    yield bad(
        "segments-two", 2, "The signature is missing together with its full stop.", right.rpartition(b".")[0]
    )
    yield bad("segments-four", 2, "A fourth segment stands after the signature.", right + b".AAAA")
    yield bad("segments-five", 2, "The five segments of a JWE.", right + b".AAAA.AAAA")
    yield bad("segments-empty-signature", 2, "The third segment is empty.", right.rpartition(b".")[0] + b".")
    yield bad("base64-padded-signature", 3, "The signature is padded.", right + b"==")
    head, payload = (p.decode() for p in right.split(b".")[:2])
    padded = f"{head}.{with_padding(payload)}".encode()
    yield bad(
        "base64-padded-payload",
        3,
        "The payload is padded, and signed like that.",
        forge.sealed(PERSON, padded),
    )
    yield bad("base64-newline", 3, "A newline ends the token.", right + b"\n")
    for slug, what, start in (
        ("space", "A space stands before the token, and is signed.", b" "),
        ("bom", "A byte order mark stands before the token, and is signed.", b"\xef\xbb\xbf"),
    ):
        token = forge.sealed(PERSON, start + right.rpartition(b".")[0])
        yield bad(f"base64-{slug}", 3, what, token)
    standard = next(t for t in salted() if {*b"-_"} <= {*t.rpartition(b".")[2]})
    start, _, signature = standard.rpartition(b".")
    signature = signature.replace(b"-", b"+").replace(b"_", b"/")
    yield bad(
        "base64-standard-alphabet", 3, "The signature is in base64 with + and /.", start + b"." + signature
    )
    yield bad(
        "base64-hostile-bytes",
        3,
        "Bytes beyond ASCII stand in the signature.",
        right[:-4] + b"\xff\x00" + right[-4:],
    )
    spelled = forge.next_spelling(right.decode()[-86:])
    what = "The last character of the signature has an unused bit set: the same bytes in another text."
    yield bad("base64-trailing-bits-signature", 4, what, right[:-86] + spelled.encode())
    odd = next(t for t in salted() if len(t.split(b".")[1]) % 4 != 0)
    head, payload = (p.decode() for p in odd.split(b".")[:2])
    spelled = f"{head}.{forge.next_spelling(payload)}"
    what = "The last character of the payload has an unused bit set, and it is signed like that."
    yield bad("base64-trailing-bits-payload", 4, what, forge.sealed(PERSON, spelled.encode()))
    even = next(t for t in salted() if len(t.split(b".")[1]) % 4 == 0).rpartition(b".")[0]
    what = "The payload has one character too many, which is no base64 of any bytes."
    yield bad("base64-length", 4, what, forge.sealed(PERSON, even + b"A"))


def salted() -> Iterator[bytes]:
    """The same message with one jti after another, and a body of one length after another."""
    for number in range(10_000):
        salt = str(number)
        body = proffer(acceptable=None if number % 2 else [REFERENCE["SD-BASE"]], ends=None)
        body |= {"lang": ["en", "deu", "de-CH", "en"][number % 4]}
        yield opening(salt=salt, body=body)


@chapter
def headers() -> Iterator[Vector]:
    def bad(slug: str, requirement: str, code: str, what: str, key: Key = PERSON, **members: Any) -> Vector:
        return refused(slug, requirement, code, what, opening(key, forge.header(key, **members)))

    for slug, version in (("version-unknown", "1.1"), ("version-number", 1.0), ("version-old", "0.1")):
        what = f"`vrm` is {json.dumps(version)}."
        yield refused(slug, "VRM-ENV-012", "version-unsupported", what, opening(vrm=version))
    made: list[tuple[str, str, dict[str, Any]]] = [
        ("header-jwk", "The header brings a key along.", {"jwk": dict(STRANGER.jwk)}),
        ("header-jku", "The header names an address of keys.", {"jku": "https://keys.example/jwks"}),
        ("header-crit", "The header has `crit` and `b64`.", {"crit": ["b64"], "b64": False}),
        ("header-zip", "The header says that the payload is compressed.", {"zip": "DEF"}),
        ("header-without-kid", "The header has no `kid`.", {"kid": None}),
        ("header-without-typ", "The header has no `typ`.", {"typ": None}),
        ("header-without-alg", "The header has no `alg`.", {"alg": None}),
        ("header-alg-list", "`alg` is a list.", {"alg": ["Ed25519"]}),
        ("header-kid-number", "`kid` is a number.", {"kid": 1}),
    ]
    for slug, what, members in made:
        yield bad(slug, "VRM-ENV-013", "header-invalid", what, **members)
    for slug, typ in (
        ("typ-receipt", "vrm-receipt+jwt"),
        ("typ-jwt", "JWT"),
        ("typ-upper-case", "VRM+JWT"),
        ("typ-application", "application/vrm+jwt"),
        ("typ-empty", ""),
    ):
        yield bad(slug, "VRM-ENV-014", "typ-invalid", f"`typ` is {json.dumps(typ)}.", typ=typ)
    request = bad(
        "typ-request", "VRM-ENV-014", "typ-invalid", "`typ` is that of a request.", typ="vrm-request+jwt"
    )
    yield replace(request, covers=("VRM-HOM-017",))
    for slug, alg in (
        ("alg-none", "none"),
        ("alg-eddsa", "EdDSA"),
        ("alg-ed25519-lower-case", "ed25519"),
        ("alg-ed448", "Ed448"),
        ("alg-rs256", "RS256"),
    ):
        what = f"`alg` is {alg}; the signature is a right one of the sender's key."
        yield bad(slug, "VRM-ID-004", "alg-unsupported", what, alg=alg)
    what = "`alg` is es256 in lower case; the signature is a right one."
    yield bad("alg-es256-lower-case", "VRM-ID-004", "alg-unsupported", what, PERSON_EC, alg="es256")
    data = forge.signing_input(forge.header(PERSON, alg="HS256"), claims(PERSON))
    signature = hmac_of(forge.unb64(PERSON.jwk["x"]), data)
    what = "`alg` is HS256, with the sender's public key as the secret."
    yield refused("alg-hs256", "VRM-ID-004", "alg-unsupported", what, forge.sealed(PERSON, data, signature))


def hmac_of(key: bytes, data: bytes) -> bytes:
    def padded(byte: int) -> bytes:
        return bytes(k ^ byte for k in key.ljust(64, b"\0"))

    inner = hashlib.sha256(padded(0x36) + data).digest()
    return hashlib.sha256(padded(0x5C) + inner).digest()


@chapter
def claim_forms() -> Iterator[Vector]:
    def bad(slug: str, requirement: str, code: str, what: str, **changes: Any) -> Vector:
        return refused(slug, requirement, code, what, opening(**changes))

    for name in ("home", "type", "iss", "aud", "jti", "iat", "exp", "body"):
        payload = {n: v for n, v in claims(PERSON).items() if n != name}
        token = forge.token(PERSON, payload)
        yield refused(f"claim-{name}-missing", "VRM-ENV-015", "claim-missing", f"`{name}` is missing.", token)
    what = "`prev` stands without `thid`."
    yield bad("claim-prev-alone", "VRM-ENV-016", "claim-missing", what, prev=forge.mid(opening()))
    story = proffered()
    token = story.token(PERSON, "terms.withdraw", prev=None)
    what = "`thid` stands without `prev`."
    yield refused("claim-thid-alone", "VRM-ENV-016", "claim-missing", what, token, **story.case())

    forms: list[tuple[str, str, dict[str, Any]]] = [
        ("iat-bool", "`iat` is true.", {"iat": True}),
        ("iat-string", "`iat` is a string of digits.", {"iat": str(NOW)}),
        ("iat-fraction", "`iat` has a fraction.", {"iat": NOW + 0.5}),
        ("iat-negative", "`iat` is negative.", {"iat": -1}),
        ("iat-milliseconds", "`iat` is in milliseconds.", {"iat": NOW * 1000}),
        ("iat-list", "`iat` is a list.", {"iat": [NOW]}),
        ("exp-bool", "`exp` is true.", {"exp": True}),
        ("exp-string", "`exp` is a string of digits.", {"exp": str(NOW + 60)}),
        ("exp-fraction", "`exp` has a fraction.", {"exp": NOW + 60.25}),
        ("exp-negative", "`exp` is negative.", {"exp": -1}),
        ("exp-year-10000", "`exp` lies in the year 10000.", {"exp": 253402300800}),
        ("jti-short", "`jti` has 21 characters.", {"jti": "a" * 21}),
        ("jti-long", "`jti` has 65 characters.", {"jti": "a" * 65}),
        ("jti-newline", "`jti` ends in a newline.", {"jti": "a" * 22 + "\n"}),
        ("jti-dot", "`jti` holds a full stop.", {"jti": "a" * 22 + "."}),
        ("jti-other-digits", "`jti` holds digits of another script.", {"jti": "a" * 21 + "\u0661"}),
        ("jti-number", "`jti` is a number.", {"jti": 10**15}),
        ("type-upper-case", "`type` is written in capitals.", {"type": "Terms.Proffer"}),
        ("type-list", "`type` is a list.", {"type": ["terms.proffer"]}),
        ("aud-list", "`aud` is a list of one.", {"aud": [SHOP_ID]}),
        ("iss-list", "`iss` is a list of one.", {"iss": [PERSON.did]}),
        ("home-object", "`home` is an object.", {"home": {"origin": HOME}}),
        ("body-array", "`body` is an array.", {"body": [proffer()]}),
        ("body-string", "`body` is a string.", {"body": "{}"}),
        ("pthid-short", "`pthid` is no message id.", {"pthid": "abc"}),
        ("agr-unused-bits", "`agr` has an unused bit set.", {"agr": "A" * 42 + "B"}),
    ]
    for slug, what, changes in forms:
        yield bad(f"claim-{slug}", "VRM-ENV-017", "claim-invalid", what, **changes)
    token = story.token(PERSON, "terms.withdraw", thid=story.thid + "=")
    yield refused(
        "claim-thid-padded", "VRM-ENV-017", "claim-invalid", "`thid` is padded.", token, **story.case()
    )
    token = story.token(PERSON, "terms.withdraw", prev=story.head[:-1])
    yield refused(
        "claim-prev-short", "VRM-ENV-017", "claim-invalid", "`prev` lacks a character.", token, **story.case()
    )
    point = text(claims(PERSON)).replace(f'"iat":{NOW}', f'"iat":{NOW}.0')
    what = "`iat` is written with .0, which is the same integer in JSON Schema."
    yield taken("claim-iat-point-zero", "proffered", what, forge.token(PERSON, point))

    yield bad("claim-unknown-nbf", "VRM-ENV-020", "claim-unknown", "The claim `nbf` is not named.", nbf=NOW)
    yield bad(
        "claim-unknown-sub", "VRM-ENV-020", "claim-unknown", "The claim `sub` is not named.", sub=PERSON.did
    )
    what = "A claim differs from `ext` by a letter that looks alike."
    yield bad("claim-unknown-lookalike", "VRM-ENV-020", "claim-unknown", what, **{"\u0435xt": {}})
    yield bad(
        "home-other", "VRM-ENV-021", "wrong-home", "`home` is another home.", home="https://elsewhere.example"
    )
    yield bad("home-port", "VRM-ENV-021", "wrong-home", "`home` is this host at a port.", home=HOME + ":8443")


@chapter
def times() -> Iterator[Vector]:
    def made(slug: str, iat: int, exp: int, what: str, requirement: str = "", code: str = "") -> Vector:
        token = opening(iat=NOW + iat, exp=NOW + exp)
        if code:
            return refused(slug, requirement, code, what, token)
        return taken(slug, "proffered", what, token)

    yield made("time-expired", -3600, -60, "`exp` was 60 seconds ago.", "VRM-ENV-027", "expired")
    yield made("time-expired-long-ago", -90000, -86000, "`exp` was a day ago.", "VRM-ENV-027", "expired")
    yield made("time-expiring", -3600, -59, "`exp` was 59 seconds ago.")
    yield made("time-future", 61, 3600, "`iat` is in 61 seconds.", "VRM-ENV-028", "not-yet-valid")
    yield made("time-ahead-10", 10, 3600, "`iat` is in 10 seconds.")
    yield made("time-ahead-60", 60, 3600, "`iat` is in 60 seconds.")
    yield made(
        "time-lifetime-86401", 0, 86401, "Valid for 86401 seconds.", "VRM-ENV-029", "lifetime-too-long"
    )
    yield made("time-lifetime-none", 0, 0, "`exp` is `iat`.", "VRM-ENV-029", "lifetime-too-long")
    yield made("time-lifetime-negative", 30, 0, "`exp` is before `iat`.", "VRM-ENV-029", "lifetime-too-long")
    yield made("time-lifetime-86400", 0, 86400, "Valid for 86400 seconds.")


@chapter
def repeats() -> Iterator[Vector]:
    story = proffered(PERSON_EC)
    first = story.sent[0].token
    what = "The first message again: its receipt again, and no second effect."
    yield taken(
        "repeat", "proffered", what, first, status=200, covers=("VRM-ENV-022", "VRM-ENV-023"), **story.case()
    )
    what = "The first message again with the twin of its signature: the same message."
    yield taken(
        "repeat-twin",
        "proffered",
        what,
        forge.twin(first),
        status=200,
        covers=("VRM-ENV-022",),
        **story.case(),
    )
    late = story.at(NOW + 2 * DAY)
    what = "The first message again, after its `exp` and after the thread has become *expired*."
    yield taken("repeat-late", "proffered", what, first, status=200, covers=("VRM-ENV-022",), **late.case())
    data = first.rpartition(b".")[0]
    what = "The first message again with the signature of a stranger."
    token = forge.sealed(STRANGER, data)
    yield refused("repeat-forged", "VRM-ENV-024", "signature-invalid", what, token, **story.case())


@chapter
def contents() -> Iterator[Vector]:
    what = "A proffer carries an extension."
    yield refused("ext-on-terms", "VRM-ENV-031", "ext-not-allowed", what, opening(ext={EXT: 1}))
    yield refused(
        "ext-empty-on-terms",
        "VRM-ENV-031",
        "ext-not-allowed",
        "A proffer carries an empty `ext`.",
        opening(ext={}),
    )
    story = agreed_once()

    def rotate(ext: Any) -> bytes:
        return story.token(NEXT, "agent.rotate", rotation(story), ext=ext)

    def bad(slug: str, what: str, ext: Any) -> Vector:
        return refused(slug, "VRM-ENV-032", "claim-invalid", what, rotate(ext), **story.case())

    frame = len(forge.compact({EXT: ""}))
    yield bad("ext-array", "`ext` is an array.", [1])
    yield bad("ext-string", "`ext` is a string.", EXT)
    yield bad("ext-name", "A name in `ext` is no URI.", {"x": 1})
    yield bad("ext-name-relative", "A name in `ext` is a relative reference.", {"/x": 1})
    yield bad("ext-name-space", "A name in `ext` holds a space.", {"https://ext.example/a b": 1})
    yield bad("ext-name-newline", "A name in `ext` ends in a newline.", {EXT + "\n": 1})
    yield bad("ext-name-empty", "A name in `ext` is empty.", {"": 1})
    yield bad("ext-4097-bytes", "`ext` has 4097 bytes as compact JSON.", {EXT: "a" * (4097 - frame)})
    yield bad("ext-bytes-not-characters", "`ext` has 2100 characters in 4100 bytes.", {EXT: "\u00e9" * 2040})
    what = "`ext` has 4096 bytes as compact JSON."
    yield taken("ext-4096-bytes", "agreed", what, rotate({EXT: "a" * (4096 - frame)}), **story.case())
    characters = {EXT: "\u00e9" * ((4096 - frame) // 2) + "a" * ((4096 - frame) % 2)}
    assert len(forge.compact(characters)) == 4096
    what = "`ext` has 4096 bytes as compact JSON in UTF-8, most of them of letters beyond ASCII."
    yield taken("ext-4096-bytes-utf8", "agreed", what, rotate(characters), **story.case())
    payload = text(story.next(NEXT, "agent.rotate", rotation(story), ext="@")).encode()
    written = json.dumps(characters, separators=(" , ", " : ")).encode()
    what = "The same 4096 bytes, written with escapes and white space: it is their compact form that counts."
    token = forge.token(NEXT, payload.replace(b'"@"', written))
    yield taken("ext-4096-bytes-escaped", "agreed", what, token, **story.case())
    made = {"urn:example:a": None, EXT: {"deep": [1, "two", {}]}}
    what = "An extension that nobody knows is kept and ignored."
    yield taken("ext-unknown", "agreed", what, rotate(made), covers=("VRM-ENV-033",), **story.case())

    yield refused(
        "type-unknown", "VRM-ENV-034", "type-unknown", "No such type.", opening(type="terms.unknown")
    )
    what = "A type of a profile that is not there."
    yield refused(
        "type-reserved", "VRM-ENV-034", "type-unknown", what, opening(type="rights.request", body={})
    )
    token = story.token(PERSON, "agreement.end")
    yield refused(
        "type-unknown-in-thread",
        "VRM-ENV-034",
        "type-unknown",
        "No such type, in a thread.",
        token,
        **story.case(),
    )

    digest = REFERENCE["SD-BASE-DP"]["digest"]
    other = REFERENCE["SD-BASE"]
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("extra", "A member that the schema does not name.", {"note": "hello"}),
        ("without-lang", "`lang` is missing.", {"lang": None}),
        ("without-purpose", "`purpose` is missing.", {"purpose": None}),
        ("lang", "`lang` is not written as BCP 47 wants it.", {"lang": "EN"}),
        ("lang-newline", "`lang` ends in a newline.", {"lang": "en\n"}),
        ("place", "`place` is no country.", {"place": "XX"}),
        ("place-lower-case", "`place` is in lower case.", {"place": "nl"}),
        ("purpose", "`purpose` is not in the list.", {"purpose": "https://w3id.org/dpv#Marketing"}),
        ("acceptable-empty", "`acceptable` is empty.", {"acceptable": []}),
        ("acceptable-13", "`acceptable` has 13 members.", {"acceptable": [other] * 13}),
        (
            "digest-member",
            "An agreement has a member too many.",
            {"preferred": {**REFERENCE["SD-BASE-DP"], "text": "x"}},
        ),
        (
            "digest",
            "A digest has an unused bit set.",
            {"preferred": {**REFERENCE["SD-BASE-DP"], "digest": forge.next_spelling(digest)}},
        ),
        ("version-number", "A version is a number.", {"roster": {**ROSTER, "version": 1.0}}),
        (
            "time-offset",
            "`answer_by` has an offset instead of Z.",
            {"answer_by": "2027-01-16T00:00:00+00:00"},
        ),
        ("time-fraction", "`answer_by` has fractions of a second.", {"answer_by": "2027-01-16T00:00:00.5Z"}),
        ("time-february-30", "`answer_by` is on 30 February.", {"answer_by": "2027-02-30T00:00:00Z"}),
        ("time-leap-second", "`answer_by` is a leap second.", {"answer_by": "2027-01-16T23:59:60Z"}),
        ("time-hour-24", "`answer_by` is at hour 24.", {"answer_by": "2027-01-16T24:00:00Z"}),
        ("time-year-0000", "`answer_by` is in the year 0000.", {"answer_by": "0000-01-01T00:00:00Z"}),
        (
            "time-other-digits",
            "`answer_by` has digits of another script.",
            {"answer_by": "2027-01-1\u0666T00:00:00Z"},
        ),
        ("time-newline", "`answer_by` ends in a newline.", {"answer_by": "2027-01-16T00:00:00Z\n"}),
    ]
    for slug, what, changes in bodies:
        token = opening(body=proffer(**changes))
        yield refused(f"body-{slug}", "VRM-ENV-035", "body-invalid", what, token)
    started = proffered()
    for slug, what, reason in (
        ("reason-empty", "`reason` is empty.", ""),
        ("reason-501", "`reason` has 501 characters.", "a" * 501),
        ("reason-null", "`reason` is null.", None),
    ):
        token = started.token(SHOP, "terms.reject", {"reason": reason})
        yield refused(f"body-{slug}", "VRM-ENV-035", "body-invalid", what, token, **started.case())
    what = "`reason` has 500 characters, each of four bytes."
    token = started.token(SHOP, "terms.reject", {"reason": "\U0001f600" * 500})
    yield taken("body-reason-500", "rejected", what, token, **started.case())
    token = started.token(PERSON, "terms.withdraw", {"reason": "a"})
    yield refused(
        "body-withdraw", "VRM-ENV-035", "body-invalid", "A withdrawal has a reason.", token, **started.case()
    )
