"""Writes spec/vectors/: `python -m tests.make_vectors`; with `--check` it compares and writes nothing.

Every key, time and id is fixed, so the same bytes come out each time. Nothing of the library is used: a
vector says what the protocol wants, not what the library does.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import forge
from tests.forge import Json, Key

SPEC = Path(__file__).resolve().parent.parent / "spec"
FOLDER = SPEC / "vectors"

NOW = 1_800_000_000
DAY = 86_400
HOME = "https://home.example"
SHOP_ID = "https://shop.example"
EXT = "https://ext.example/x"

PERSON, PERSON_EC = forge.ed25519("person"), forge.p256("person with P-256")
NEXT, LAST = forge.ed25519("person, second key"), forge.ed25519("person, third key")
STRANGER = forge.ed25519("stranger")
SHOP, SHOP_EC = forge.ed25519("shop"), forge.p256("shop with P-256")
SHOP_OLD, SHOP_ODD = forge.ed25519("shop, retired key"), forge.ed25519("shop, unpublished key")
KEYS = (PERSON, PERSON_EC, NEXT, LAST, STRANGER, SHOP, SHOP_EC, SHOP_OLD, SHOP_ODD)
SHOP_KEYS = (SHOP, SHOP_EC, SHOP_OLD, SHOP_ODD)


def _load(name: str) -> Any:
    return json.loads((SPEC / name).read_bytes())


STATUS = {c["code"]: c["status"] for c in _load("errors.json")["codes"]}
REFERENCE = {
    a["id"]: {n: a[n] for n in ("id", "version", "digest")} for a in _load("roster/roster.json")["agreements"]
}
ROSTER = {n: _load("roster/roster.json")[n] for n in ("id", "version")}


def time(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def published(*keys: Key, revoked: Sequence[Key] = ()) -> dict[str, Any]:
    document: dict[str, Any] = {"keys": [{**k.jwk, "kid": k.kid} for k in keys]}
    if revoked:
        document["historical_keys"] = [{"kid": k.kid, "revoked_at": NOW - DAY} for k in revoked]
    return document


# --- vectors -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A token that is sent before the one under test, and must be taken."""

    file: str
    token: bytes
    now: int
    state: str


@dataclass(frozen=True)
class Vector:
    slug: str
    what: str
    token: bytes
    code: str = ""
    requirement: str = ""
    state: str = ""
    status: int = 202
    now: int = NOW
    home: str = HOME
    dev: bool = False
    known: Sequence[str] = (SHOP_ID,)
    keys: Mapping[str, Any] = field(default_factory=dict)
    thread: Sequence[Sent] = ()
    covers: Sequence[str] = ()

    def expect(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "kind": "message",
            "now": self.now,
            "home": self.home,
            "dev": self.dev,
            "known": list(self.known),
        }
        if self.keys:
            made["keys"] = dict(self.keys)
        if self.thread:
            made["thread"] = [{"file": s.file, "now": s.now, "state": s.state} for s in self.thread]
        if self.code:
            made |= {"accept": False, "status": STATUS[self.code], "code": self.code}
            made["requirement"] = self.requirement
        else:
            made |= {"accept": True, "status": self.status, "mid": forge.mid(self.token), "state": self.state}
        if self.covers:
            made["covers"] = list(self.covers)
        return made

    def files(self) -> dict[str, bytes]:
        if self.code:
            verdict = f"Breaks {self.requirement} and nothing else: `{self.code}`."
        else:
            verdict = f"Is taken; the thread is then *{self.state}*."
        if self.covers:
            verdict += f" Shows also {', '.join(self.covers)}."
        readme = f"# {self.slug}\n\n{self.what}\n{verdict}\n"
        return {
            "README.md": readme.encode(),
            "token.jwt": self.token,
            "expect.json": pretty(self.expect()),
            **{s.file: s.token for s in self.thread},
        }


def pretty(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


MAKERS: list[Callable[[], Iterator[Vector]]] = []


def chapter(maker: Callable[[], Iterator[Vector]]) -> Callable[[], Iterator[Vector]]:
    MAKERS.append(maker)
    return maker


def refused(slug: str, requirement: str, code: str, what: str, token: bytes, **more: Any) -> Vector:
    return Vector(slug, what, token, code=code, requirement=requirement, **more)


def taken(slug: str, state: str, what: str, token: bytes, **more: Any) -> Vector:
    return Vector(slug, what, token, state=state, **more)


# --- messages ----------------------------------------------------------------------------------


def who(key: Key) -> str:
    return SHOP_ID if key in SHOP_KEYS else key.did


def proffer(**changes: Any) -> dict[str, Any]:
    return without_none(
        {
            "roster": ROSTER,
            "preferred": REFERENCE["SD-BASE-DP"],
            "acceptable": [REFERENCE["SD-BASE"]],
            "lang": "en",
            "place": "NL",
            "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
            "answer_by": time(NOW + DAY),
            **changes,
        }
    )


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def claims(key: Key, kind: str = "terms.proffer", salt: str = "", **changes: Any) -> dict[str, Any]:
    """The right claims of an opening message of `key`; None in `changes` leaves a claim out."""
    jti = forge.b64(hashlib.sha256(forge.compact([kind, key.name, salt])).digest())[:22]
    made: dict[str, Any] = {
        "vrm": "1.0",
        "home": HOME,
        "type": kind,
        "iss": who(key),
        "aud": SHOP_ID,
        "jti": jti,
        "iat": NOW,
        "exp": NOW + 3600,
        "body": proffer() if kind == "terms.proffer" else {},
        **changes,
    }
    return without_none(made)


def opening(key: Key = PERSON, head: Json | None = None, **changes: Any) -> bytes:
    return forge.token(key, claims(key, **changes), head)


def text(payload: Mapping[str, Any]) -> str:
    return forge.compact(payload).decode()


@dataclass(frozen=True)
class Story:
    """Messages of one thread that were taken, and how to write the next one."""

    sent: tuple[Sent, ...] = ()
    thid: str = ""
    head: str = ""
    person: Key = PERSON
    shop: Key = SHOP
    now: int = NOW

    def next(
        self, key: Key, kind: str, body: Mapping[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """The right claims of the next message of `key`."""
        made = {
            "aud": SHOP_ID if who(key) != SHOP_ID else self.person.did,
            "thid": self.thid,
            "prev": self.head,
            "iat": self.now,
            "exp": self.now + 3600,
            "body": dict(body or {}),
        }
        return claims(key, kind, **{"salt": str(len(self.sent)), **made, **changes})

    def token(self, key: Key, kind: str, body: Mapping[str, Any] | None = None, **changes: Any) -> bytes:
        return forge.token(key, self.next(key, kind, body, **changes))

    def add(self, token: bytes, state: str) -> Story:
        """The story after one more message."""
        file = f"{len(self.sent) + 1}.jwt"
        made = forge.mid(token)
        return replace(
            self,
            sent=(*self.sent, Sent(file, token, self.now, state)),
            thid=self.thid or made,
            head=made,
        )

    def at(self, now: int) -> Story:
        return replace(self, now=now)

    def mid(self, index: int) -> str:
        return forge.mid(self.sent[index].token)

    def case(self, **more: Any) -> dict[str, Any]:
        """What a vector in this story has in its frame."""
        frame = {"thread": self.sent, "now": self.now, "keys": {SHOP_ID: published(SHOP, SHOP_EC)}}
        return {**frame, "known": (), **more, **({"known": (SHOP_ID, *more.get("known", ()))})}


def proffered(key: Key = PERSON, salt: str = "", **body: Any) -> Story:
    return Story(person=key).add(opening(key, salt=salt, body=proffer(**body)), "proffered")


def acceptance(story: Story, **changes: Any) -> dict[str, Any]:
    agreement = REFERENCE["SD-BASE-DP"]
    made = {"accepts": story.head, "agreement": agreement, "lang": "en", "place": "DE", **changes}
    return without_none(made)


def alternative(story: Story, **changes: Any) -> dict[str, Any]:
    made = {
        "alternative_to": story.head,
        "agreement": REFERENCE["SD-BASE-A"],
        "lang": "en",
        "place": "DE",
        "answer_by": time(story.now + DAY),
        **changes,
    }
    return without_none(made)


def agreed(key: Key = PERSON, salt: str = "", **body: Any) -> Story:
    story = proffered(key, salt, **body)
    changes = {"salt": salt} if salt else {}
    return story.add(story.token(SHOP, "terms.accept", acceptance(story), **changes), "agreed")


def countered(**body: Any) -> Story:
    story = proffered(**body)
    return story.add(story.token(SHOP, "terms.alternative", alternative(story)), "countered")


def proof(story: Story, old: Key, new: Key, signer: Key | None = None, **changes: Any) -> str:
    made = {
        "iss": old.did,
        "sub": new.did,
        "aud": SHOP_ID,
        "home": HOME,
        "thid": story.thid,
        "iat": story.now,
        **changes,
    }
    key = signer or old
    return forge.token(key, made, forge.header(key, typ="vrm-proof+jwt")).decode()


def rotation(story: Story, new: Key = NEXT, old: Key = PERSON, **body: Any) -> dict[str, Any]:
    return without_none({"replaces": old.did, "proof": proof(story, old, new), **body})


@functools.cache
def _agreed() -> Story:
    return agreed()


def rotate_with(ext: Json) -> tuple[bytes, dict[str, Any]]:
    """A right rotation whose extension has this raw value, and the frame for it."""
    story = _agreed()
    payload = text(story.next(NEXT, "agent.rotate", rotation(story), ext={EXT: "@"})).encode()
    return forge.token(NEXT, payload.replace(b'"@"', forge.raw(ext))), story.case()


def strict(slug: str, requirement: str, what: str, ext: Json) -> Vector:
    token, frame = rotate_with(ext)
    return refused(slug, requirement, "json-invalid", what, token, **frame)


def fine(slug: str, what: str, ext: Json) -> Vector:
    token, frame = rotate_with(ext)
    return taken(slug, "agreed", what, token, **frame)


# --- bytes -------------------------------------------------------------------------------------


def _spaced(length: int) -> bytes:
    """A token of this length, by spaces between two members (which JSON allows)."""
    start = text(claims(PERSON))
    for spaces in range(length * 3 // 4 - 2000, length):
        made = forge.token(PERSON, start.replace(",", "," + " " * spaces, 1))
        if len(made) >= length:
            return made
    raise AssertionError("not reached")


@chapter
def sizes() -> Iterator[Vector]:
    yield taken("size-limit", "proffered", "65536 bytes, by white space in the payload.", _spaced(65536))
    what = "65537 bytes, by white space in the payload."
    yield refused("size-over-limit", "VRM-ENV-001", "too-large", what, _spaced(65537))


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
    padded = f"{head}.{_padded(payload)}".encode()
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
    standard = next(t for t in _salted() if {*b"-_"} <= {*t.rpartition(b".")[2]})
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
    odd = next(t for t in _salted() if len(t.split(b".")[1]) % 4 != 0)
    head, payload = (p.decode() for p in odd.split(b".")[:2])
    spelled = f"{head}.{forge.next_spelling(payload)}"
    what = "The last character of the payload has an unused bit set, and it is signed like that."
    yield bad("base64-trailing-bits-payload", 4, what, forge.sealed(PERSON, spelled.encode()))
    even = next(t for t in _salted() if len(t.split(b".")[1]) % 4 == 0).rpartition(b".")[0]
    what = "The payload has one character too many, which is no base64 of any bytes."
    yield bad("base64-length", 4, what, forge.sealed(PERSON, even + b"A"))


def _padded(segment: str) -> str:
    return segment + "=" * (-len(segment) % 4 or 4)


def _salted() -> Iterator[bytes]:
    """The same message with one jti after another, and a body of one length after another."""
    for number in range(10_000):
        salt = str(number)
        body = proffer(acceptable=None if number % 2 else [REFERENCE["SD-BASE"]], ends=None)
        body |= {"lang": ["en", "deu", "de-CH", "en"][number % 4]}
        yield opening(salt=salt, body=body)


# --- JSON --------------------------------------------------------------------------------------


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


# --- header and claims -------------------------------------------------------------------------


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
    signature = _hmac(forge.unb64(PERSON.jwk["x"]), data)
    what = "`alg` is HS256, with the sender's public key as the secret."
    yield refused("alg-hs256", "VRM-ID-004", "alg-unsupported", what, forge.sealed(PERSON, data, signature))


def _hmac(key: bytes, data: bytes) -> bytes:
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
def parties() -> Iterator[Vector]:
    def bad(slug: str, requirement: str, what: str, aud: str, **more: Any) -> Vector:
        token = opening(aud=aud)
        return refused(slug, requirement, "claim-invalid", what, token, known=(SHOP_ID, aud), **more)

    for slug, aud in (
        ("party-upper-case", "https://Shop.example"),
        ("party-slash", "https://shop.example/"),
        ("party-default-port", "https://shop.example:443"),
        ("party-path", "https://shop.example/a"),
        ("party-query", "https://shop.example?a"),
        ("party-user", "https://shop@shop.example"),
        ("party-trailing-dot", "https://shop.example."),
        ("party-newline", "https://shop.example\n"),
        ("party-lookalike", "https://sh\u043ep.example"),
        ("party-port-zero", "https://shop.example:0443"),
        ("party-other-scheme", "mailto:shop@shop.example"),
        ("party-other-did", "did:web:shop.example"),
    ):
        yield bad(slug, "VRM-ID-002", f"`aud` is {json.dumps(aud)}.", aud)
    what = "`home` is this home with a trailing slash."
    yield refused("party-home-slash", "VRM-ID-002", "claim-invalid", what, opening(home=HOME + "/"))
    story = proffered()
    token = story.token(SHOP, "terms.reject", iss="https://SHOP.example")
    frame = story.case()
    frame["keys"] = {**frame["keys"], "https://SHOP.example": published(SHOP)}
    yield refused(
        "party-iss-upper-case", "VRM-ID-002", "claim-invalid", "`iss` is in capitals.", token, **frame
    )
    what = "`aud` is an http origin, and the home is not in development mode."
    yield bad("party-http", "VRM-ID-003", what, "http://127.0.0.1:8081")
    yield bad("party-http-localhost", "VRM-ID-003", what, "http://localhost")
    local = "http://127.0.0.1:8080"
    token = opening(home=local, aud="http://localhost:8081")
    what = "Home and addressee are http origins, at a home in development mode."
    frame = {"home": local, "dev": True, "known": ("http://localhost:8081",)}
    yield taken("party-http-development", "proffered", what, token, **frame)
    token = opening(aud="https://shop.example:8443")
    what = "The addressee has a port which is not the default."
    yield taken("party-port", "proffered", what, token, known=("https://shop.example:8443",))
    token = opening(aud=STRANGER.did)
    yield taken("party-person", "proffered", "The addressee is a did:jwk.", token, known=(STRANGER.did,))
    yield refused(
        "party-self",
        "VRM-ENV-019",
        "claim-invalid",
        "A person writes to herself.",
        opening(aud=PERSON.did),
        known=(PERSON.did,),
    )
    what = "Nobody has heard of the addressee here."
    yield refused("addressee-unknown", "VRM-ENV-025", "addressee-unknown", what, opening(), known=())


# --- time --------------------------------------------------------------------------------------


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


# --- keys and signatures -----------------------------------------------------------------------


def _fake(
    jwk: Json, alg: str = "Ed25519", kid: str = "", signature: bytes = bytes(64), salt: str = ""
) -> bytes:
    """A proffer in the name of a did:jwk around these bytes, signed by nobody."""
    payload = claims(PERSON, salt=salt, iss=forge.did(jwk))
    return forge.token(PERSON, payload, {"alg": alg, "kid": kid or "A" * 43, "typ": "vrm+jwt"}, signature)


def _small(x: bytes, order: int) -> bytes:
    """A message that verifies under a key of small order: R is the identity, S is 0, no one signed."""
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": forge.b64(x)}
    signature = (1).to_bytes(32, "little") + bytes(32)
    modulus = 2**252 + 27742317777372353535851937790883648493
    for number in range(1000):
        token = _fake(
            forge.compact(jwk), kid=forge.thumbprint(jwk), signature=signature, salt=f"small {number}"
        )
        data = token.rpartition(b".")[0]
        k = int.from_bytes(hashlib.sha512(signature[:32] + x + data).digest(), "little") % modulus
        if k % order == 0:
            return token
    raise AssertionError("not reached")


@chapter
def identifiers() -> Iterator[Vector]:
    right = text(PERSON.jwk)

    def bad(slug: str, what: str, jwk: Json) -> Vector:
        token = opening(iss=forge.did(jwk))
        return refused(slug, "VRM-ID-001", "key-invalid", what, token)

    yield bad("did-white-space", "A space stands in the JWK of the identifier.", right.replace(",", ", ", 1))
    yield bad(
        "did-member-order",
        "The members of the JWK stand in another order.",
        dict(reversed(list(PERSON.jwk.items()))),
    )
    yield bad("did-alg", "The JWK has the member `alg`.", {"alg": "Ed25519", **PERSON.jwk})
    yield bad("did-use", "The JWK has the member `use`.", {**PERSON.jwk, "use": "sig"})
    yield bad("did-private", "The JWK holds the private key.", {**PERSON.jwk, "d": PERSON.secret})
    yield bad("did-escaped", "A letter of the JWK is escaped.", right.replace("kty", "\\u006bty"))
    yield bad("did-duplicate", "A member of the JWK stands twice.", '{"crv":"P-256",' + right[1:])
    yield bad("did-bom", "A byte order mark stands before the JWK.", b"\xef\xbb\xbf" + right.encode())
    yield bad("did-not-json", "The identifier holds no JSON.", "x" * 60)
    yield bad("did-array", "The identifier holds an array.", f"[{right}]")
    token = opening(iss="did:jwk:" + forge.next_spelling(PERSON.did.removeprefix("did:jwk:")))
    what = "The last character of the identifier has an unused bit set."
    yield refused("did-trailing-bits", "VRM-ID-001", "key-invalid", what, token)


@chapter
def public_keys() -> Iterator[Vector]:
    def bad(slug: str, what: str, jwk: Json, alg: str = "Ed25519") -> Vector:
        return refused(slug, "VRM-ID-005", "key-invalid", what, _fake(jwk, alg))

    point = dict(PERSON_EC.jwk)
    off = forge.unb64(point["y"])
    moved = {**point, "y": forge.b64(off[:-1] + bytes([off[-1] ^ 1]))}
    yield bad("key-off-curve", "The point is not on P-256.", moved, "ES256")
    zero = {**point, "x": forge.b64(bytes(32)), "y": forge.b64(bytes(32))}
    yield bad("key-p256-zero", "The coordinates are zero.", zero, "ES256")
    yield bad("key-p256-short", "A coordinate has 31 bytes.", {**point, "x": forge.b64(bytes(31))}, "ES256")
    yield bad(
        "key-p384",
        "The curve is P-384.",
        {"crv": "P-384", "kty": "EC", "x": "A" * 64, "y": "A" * 64},
        "ES256",
    )
    modulus = forge.b64(b"\xc1" + hashlib.sha512(b"1").digest()[:62] + b"\x01")
    yield bad("key-rsa", "The key is an RSA key.", {"e": "AQAB", "kty": "RSA", "n": modulus})
    yield bad("key-oct", "The key is a shared secret.", {"k": "A" * 43, "kty": "oct"})
    yield bad("key-x25519", "The key is for X25519.", {**PERSON.jwk, "crv": "X25519"})
    yield bad("key-ed448", "The key is for Ed448.", {"crv": "Ed448", "kty": "OKP", "x": "A" * 76})
    yield bad("key-ed25519-short", "The key has 31 bytes.", {**PERSON.jwk, "x": forge.b64(bytes(range(31)))})
    yield bad("key-padded", "The coordinate is padded.", {**PERSON.jwk, "x": PERSON.jwk["x"] + "="})
    spelled = forge.next_spelling(PERSON.jwk["x"])
    yield bad("key-trailing-bits", "The coordinate has an unused bit set.", {**PERSON.jwk, "x": spelled})
    yield bad("key-number", "The coordinate is a number.", {**PERSON.jwk, "x": 10**15})
    yield bad(
        "key-without-x", "The coordinate is missing.", {"crv": "Ed25519", "kty": "OKP", "y": PERSON.jwk["x"]}
    )

    def small(slug: str, what: str, x: bytes, order: int) -> Vector:
        what += " The signature verifies for anyone."
        return refused(slug, "VRM-ID-007", "key-invalid", what, _small(x, order))

    p = 2**255 - 19
    order8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    yield small("key-small-order-1", "The key is the identity.", (1).to_bytes(32, "little"), 1)
    yield small("key-small-order-2", "The key has order 2.", (p - 1).to_bytes(32, "little"), 2)
    yield small("key-small-order-4", "The key has order 4.", bytes(32), 4)
    yield small("key-small-order-8", "The key has order 8.", order8, 8)
    what = "The key is the identity, encoded with a y beyond the field."
    yield small("key-not-canonical", what, (p + 1).to_bytes(32, "little"), 1)


@chapter
def signatures() -> Iterator[Vector]:
    def bad(slug: str, what: str, token: bytes, **more: Any) -> Vector:
        return refused(slug, "VRM-ENV-030", "signature-invalid", what, token, **more)

    yield taken("signature-ed25519", "proffered", "A proffer under Ed25519.", opening())
    right = opening(PERSON_EC)
    yield taken("signature-es256", "proffered", "A proffer under ES256.", right)
    what = "The twin (r, n-s) of signature-es256: the signature verifies, and the message id is the same."
    yield taken("signature-es256-twin", "proffered", what, forge.twin(right))

    what = "`alg` is ES256, the key and the signature are Ed25519."
    token = opening(head=forge.header(PERSON, alg="ES256"))
    yield refused("alg-not-of-key", "VRM-ID-006", "key-invalid", what, token)
    what = "`alg` is Ed25519, the key and the signature are P-256."
    token = opening(PERSON_EC, forge.header(PERSON_EC, alg="Ed25519"))
    yield refused("alg-not-of-key-p256", "VRM-ID-006", "key-invalid", what, token)

    data = forge.signing_input(forge.header(PERSON), claims(PERSON))
    sign = PERSON.sign(data)
    yield bad("signature-other-key", "Another key has signed.", forge.sealed(STRANGER, data))
    yield bad(
        "signature-bit",
        "A bit of the signature is turned.",
        forge.sealed(PERSON, data, bytes([sign[0] ^ 1]) + sign[1:]),
    )
    yield bad("signature-zero", "The signature is zero.", forge.sealed(PERSON, data, bytes(64)))
    yield bad("signature-short", "The signature lacks its last byte.", forge.sealed(PERSON, data, sign[:-1]))
    yield bad("signature-long", "A byte follows the signature.", forge.sealed(PERSON, data, sign + b"\0"))
    order = 2**252 + 27742317777372353535851937790883648493
    high = (int.from_bytes(sign[32:], "little") + order).to_bytes(32, "little")
    yield bad(
        "signature-ed25519-high-s",
        "S is S plus the order: a second text for it.",
        forge.sealed(PERSON, data, sign[:32] + high),
    )
    changed = forge.signing_input(forge.header(PERSON), claims(PERSON, iat=NOW - 1))
    yield bad(
        "signature-other-payload",
        "The payload was changed after it was signed.",
        forge.sealed(PERSON, changed, sign),
    )
    data = forge.signing_input(forge.header(PERSON_EC), claims(PERSON_EC))
    sign = PERSON_EC.sign(data)
    yield bad(
        "signature-es256-der", "The signature is in DER.", forge.sealed(PERSON_EC, data, PERSON_EC.der(data))
    )
    yield bad("signature-es256-zero", "r and s are zero.", forge.sealed(PERSON_EC, data, bytes(64)))
    number = forge.ORDER.to_bytes(32, "big")
    yield bad("signature-es256-order", "r and s are the order.", forge.sealed(PERSON_EC, data, number * 2))
    yield bad(
        "signature-es256-swapped",
        "r and s are swapped.",
        forge.sealed(PERSON_EC, data, sign[32:] + sign[:32]),
    )

    for slug, kid, what in (
        ("kid-other-key", STRANGER.kid, "`kid` is that of another key."),
        ("kid-did", PERSON.did, "`kid` is the identifier."),
        ("kid-empty", "", "`kid` is empty."),
        ("kid-padded", PERSON.kid + "=", "`kid` is padded."),
        ("kid-newline", PERSON.kid + "\n", "`kid` ends in a newline."),
    ):
        token = opening(head=forge.header(PERSON, kid=kid))
        yield refused(slug, "VRM-ID-008", "kid-mismatch", what, token)

    story = proffered()
    what = "An organisation signs with a key that it does not publish."
    yield refused(
        "key-unknown",
        "VRM-ID-009",
        "key-unknown",
        what,
        story.token(SHOP_ODD, "terms.reject"),
        **story.case(),
    )
    what = "An organisation signs with a key that it has retired."
    frame = story.case(keys={SHOP_ID: published(SHOP, revoked=[SHOP_OLD])})
    yield refused(
        "key-revoked", "VRM-ID-010", "key-revoked", what, story.token(SHOP_OLD, "terms.reject"), **frame
    )
    what = "A key is still listed beside its retirement: the retirement counts."
    frame = story.case(keys={SHOP_ID: published(SHOP, SHOP_OLD, revoked=[SHOP_OLD])})
    yield refused(
        "key-revoked-listed",
        "VRM-ID-010",
        "key-revoked",
        what,
        story.token(SHOP_OLD, "terms.reject"),
        **frame,
    )
    what = "A stranger signs in the name of an organisation, with a `kid` of its."
    token = forge.token(STRANGER, story.next(SHOP, "terms.reject"), forge.header(SHOP))
    yield bad("signature-organisation", what, token, **story.case())


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
    what = "The first message again, after its `exp` and the thread's end: the receipt of then."
    yield taken("repeat-late", "proffered", what, first, status=200, covers=("VRM-ENV-022",), **late.case())
    data = first.rpartition(b".")[0]
    what = "The first message again with the signature of a stranger."
    token = forge.sealed(STRANGER, data)
    yield refused("repeat-forged", "VRM-ENV-024", "signature-invalid", what, token, **story.case())


# --- type, extensions, body --------------------------------------------------------------------


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
    story = _agreed()

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


# --- threads -----------------------------------------------------------------------------------


@chapter
def types() -> Iterator[Vector]:
    start = proffered()
    yield taken("terms-proffer", "proffered", "A proffer opens a thread.", start.sent[0].token)
    full = opening(
        body=proffer(place="ZZ", lang="de-CH", ends=time(NOW + 400 * DAY), answer_by=time(NOW + 30 * DAY))
    )
    what = "A proffer with an end and the longest time to answer."
    yield taken("terms-proffer-full", "proffered", what, full)
    token = start.token(SHOP, "terms.accept", acceptance(start))
    yield taken(
        "terms-accept", "agreed", "The organisation accepts what is preferred.", token, **start.case()
    )
    token = start.token(SHOP_EC, "terms.accept", acceptance(start, agreement=REFERENCE["SD-BASE"]))
    what = "The organisation accepts what is acceptable, under ES256."
    yield taken("terms-accept-acceptable", "agreed", what, token, **start.case())
    token = start.token(SHOP, "terms.reject", {"reason": "Not for this service"})
    yield taken("terms-reject", "rejected", "The organisation rejects.", token, **start.case())
    token = start.token(PERSON, "terms.withdraw")
    yield taken("terms-withdraw", "withdrawn", "The person withdraws.", token, **start.case())
    token = start.token(SHOP, "terms.alternative", alternative(start))
    yield taken(
        "terms-alternative", "countered", "The organisation offers an alternative.", token, **start.case()
    )
    story = countered()
    body = acceptance(story, agreement=REFERENCE["SD-BASE-A"])
    token = story.token(PERSON, "terms.accept", body)
    yield taken(
        "terms-accept-alternative", "agreed", "The person accepts the alternative.", token, **story.case()
    )
    token = story.token(PERSON, "terms.reject", {})
    yield taken(
        "terms-reject-alternative", "rejected", "The person rejects the alternative.", token, **story.case()
    )
    token = story.token(PERSON, "terms.withdraw", prev=story.thid)
    what = "The person withdraws after the alternative, and names an older message as `prev`."
    yield taken("terms-withdraw-countered", "withdrawn", what, token, covers=("VRM-THR-013",), **story.case())
    story = _agreed()
    token = story.token(SHOP, "agreement.terminate", {"reason": "We close"})
    yield taken(
        "agreement-terminate-second",
        "terminated",
        "The organisation ends the agreement.",
        token,
        **story.case(),
    )
    token = story.token(PERSON, "agreement.terminate", prev=forge.mid(b"nothing."))
    what = "The person ends the agreement, with a `prev` that does not exist."
    yield taken(
        "agreement-terminate-first",
        "terminated",
        what,
        token,
        covers=("VRM-THR-014", "VRM-TRM-010"),
        **story.case(),
    )
    token = story.token(NEXT, "agent.rotate", rotation(story, nkt=LAST.kid))
    yield taken(
        "agent-rotate",
        "agreed",
        "The person changes her key, and commits to the next.",
        token,
        **story.case(),
    )
    story = story.add(token, "agreed")
    token = story.token(LAST, "agent.rotate", {"replaces": NEXT.did})
    what = "The key that was committed to comes, and needs no proof."
    yield taken("agent-rotate-committed", "agreed", what, token, **story.case())
    moved = replace(story, person=NEXT)
    token = moved.token(SHOP, "agreement.terminate")
    what = "After a rotation the organisation writes to the new identifier."
    yield taken("agent-rotate-rebound", "terminated", what, token, covers=("VRM-ID-023",), **moved.case())
    start = proffered(ends=time(NOW + 10 * DAY))
    story = start.add(start.token(SHOP, "terms.alternative", alternative(start)), "countered")
    body = acceptance(story, agreement=REFERENCE["SD-BASE-A"])
    story = story.add(story.token(PERSON, "terms.accept", body), "agreed").at(NOW + 11 * DAY)
    token = story.token(SHOP, "agreement.terminate")
    what = "An alternative without an end was accepted: the end of the proffer does not count."
    yield taken(
        "agreement-outlives-proffer", "terminated", what, token, covers=("VRM-TRM-009",), **story.case()
    )


@chapter
def thread_rules() -> Iterator[Vector]:
    story, done = proffered(), _agreed()

    def bad(
        slug: str, number: int, code: str, what: str, token: bytes, at: Story = story, **more: Any
    ) -> Vector:
        return refused(slug, f"VRM-THR-{number:03d}", code, what, token, **at.case(**more))

    free = {"thid": None, "prev": None}
    token = story.token(SHOP, "terms.reject", **free)
    yield bad("thread-missing", 1, "thread-missing", "A rejection names no thread.", token)
    token = story.token(PERSON, "terms.withdraw", thid=forge.mid(b"nothing."))
    yield bad("thread-unknown", 2, "thread-unknown", "No such thread.", token)
    token = story.token(STRANGER, "terms.withdraw")
    yield bad("thread-of-others", 2, "thread-unknown", "A thread of others: the same answer.", token)
    token = done.token(STRANGER, "agreement.terminate")
    yield bad(
        "thread-of-others-exit", 2, "thread-unknown", "A stranger ends an agreement of others.", token, done
    )
    token = story.token(SHOP, "terms.accept", acceptance(story), aud=STRANGER.did)
    what = "The organisation writes in the thread to someone else."
    yield bad("aud-mismatch", 3, "aud-mismatch", what, token, known=(STRANGER.did,))
    token = story.token(PERSON, "terms.withdraw", aud="https://other.example")
    what = "The person writes in the thread to another organisation."
    yield bad("aud-mismatch-first", 3, "aud-mismatch", what, token, known=("https://other.example",))

    token = story.token(PERSON, "terms.accept", acceptance(story))
    yield bad("role-accept-own", 4, "role-forbidden", "The person accepts her own proffer.", token)
    token = story.token(SHOP, "terms.withdraw")
    yield bad("role-withdraw", 4, "role-forbidden", "The organisation withdraws the proffer.", token)
    other = countered()
    token = other.token(SHOP, "terms.accept", acceptance(other, agreement=REFERENCE["SD-BASE-A"]))
    yield bad(
        "role-accept-alternative",
        4,
        "role-forbidden",
        "The organisation accepts its alternative.",
        token,
        other,
    )

    yield bad(
        "state-terminate-early",
        5,
        "state-conflict",
        "Nothing is agreed yet.",
        story.token(SHOP, "agreement.terminate"),
    )
    token = done.token(SHOP, "terms.reject")
    yield bad("state-reject-late", 5, "state-conflict", "A rejection after the acceptance.", token, done)
    token = done.token(SHOP, "terms.accept", acceptance(story))
    yield bad("state-accept-twice", 5, "state-conflict", "A second acceptance.", token, done)
    token = other.token(
        SHOP,
        "terms.alternative",
        alternative(other, agreement=REFERENCE["SD-BASE-AT"], alternative_to=other.thid),
    )
    what = "A second alternative."
    yield bad("state-alternative-twice", 5, "state-conflict", what, token, other, covers=("VRM-TRM-008",))
    ended = done.add(done.token(PERSON, "agreement.terminate"), "terminated")
    yield bad(
        "state-terminate-twice",
        5,
        "state-conflict",
        "The agreement has ended.",
        ended.token(SHOP, "agreement.terminate"),
        ended,
    )
    token = story.token(PERSON, "terms.proffer", proffer())
    yield bad("state-proffer-in-thread", 5, "state-conflict", "A proffer inside a thread.", token)
    first, second = agreed(salt="old"), agreed(salt="new")
    renamed = tuple(replace(s, file=f"{n}.jwt") for n, s in enumerate(second.sent, start=3))
    both = replace(first, sent=(*first.sent, *renamed))
    what = "A later agreement of its class was made between the two: this one is superseded."
    token = both.token(SHOP, "agreement.terminate")
    yield bad("state-superseded", 5, "state-conflict", what, token, both, covers=("VRM-TRM-011",))

    late = story.at(NOW + DAY)
    token = late.token(SHOP, "terms.accept", acceptance(story))
    what = "An acceptance in the second of `answer_by`."
    yield bad(
        "deadline-accept", 6, "deadline-passed", what, token, late, covers=("VRM-THR-017", "VRM-THR-018")
    )
    early = story.at(NOW + DAY - 1)
    token = early.token(SHOP, "terms.accept", acceptance(story))
    what = "An acceptance in the second before `answer_by`."
    yield taken("deadline-accept-before", "agreed", what, token, covers=("VRM-THR-017",), **early.case())
    late = other.at(NOW + DAY)
    token = late.token(PERSON, "terms.withdraw")
    yield bad("deadline-withdraw", 6, "deadline-passed", "The alternative's time is over.", token, late)
    short = agreed(ends=time(NOW + 2 * DAY)).at(NOW + 2 * DAY)
    token = short.token(PERSON, "agreement.terminate")
    yield bad("deadline-ended", 6, "deadline-passed", "The agreement has ended by its date.", token, short)

    token = done.token(SHOP, "agreement.terminate", agr=done.head)
    what = "`agr` names an agreement that exists and is the sender's, where the row needs none."
    yield bad("agr-unneeded", 8, "claim-unknown", what, token, done)
    token = forge.token(PERSON, claims(PERSON, salt="again", agr=done.head))
    yield bad("agr-unneeded-opening", 8, "claim-unknown", what, token, done)
    for slug, at, parent in (
        ("parent-none", story, forge.mid(b"nothing.")),
        ("parent-kind", done, done.thid),
    ):
        token = at.token(PERSON, "terms.proffer", proffer(), **free, pthid=parent)
        what = (
            "`pthid` names no thread."
            if at is story
            else "`pthid` names a thread of a kind not allowed here."
        )
        yield bad(slug, 9, "parent-unknown", what, token, at)
    token = done.token(PERSON, "agreement.terminate", pthid=done.thid)
    yield bad("parent-in-thread", 9, "parent-unknown", "`pthid` stands beside `thid`.", token, done)
    token = story.token(PERSON, "terms.withdraw", agr=forge.mid(b"nothing."))
    yield bad("agreement-none", 10, "agreement-unknown", "`agr` names no agreement.", token)
    token = forge.token(STRANGER, claims(STRANGER, agr=done.head))
    yield bad(
        "agreement-of-others",
        10,
        "agreement-unknown",
        "`agr` names an agreement of others: the same answer.",
        token,
        done,
    )

    token = story.token(SHOP, "terms.reject", prev=forge.mid(b"nothing."))
    yield bad("prev-unknown", 11, "prev-unknown", "`prev` names no message.", token)
    token = done.token(SHOP, "agreement.terminate", prev=forge.mid(b"nothing."))
    what = "The organisation ends the agreement with a `prev` that does not exist; only the person may."
    yield bad("prev-unknown-exit", 11, "prev-unknown", what, token, done)
    strange = proffered(STRANGER)
    mixed = replace(story, sent=(*story.sent, replace(strange.sent[0], file="2.jwt")))
    token = story.token(SHOP, "terms.reject", prev=strange.thid)
    yield bad(
        "prev-of-other-thread", 11, "prev-unknown", "`prev` names a message of another thread.", token, mixed
    )
    body = acceptance(other, agreement=REFERENCE["SD-BASE-A"])
    token = other.token(PERSON, "terms.accept", body, prev=other.thid)
    yield bad(
        "prev-stale", 12, "prev-stale", "`prev` names the proffer, after the alternative.", token, other
    )


@chapter
def guard_rules() -> Iterator[Vector]:
    story = proffered()

    def offer(slug: str, requirement: str, code: str, what: str, **body: Any) -> Vector:
        return refused(slug, requirement, code, what, opening(body=proffer(**body)))

    def answer(slug: str, number: int, code: str, what: str, token: bytes, at: Story = story) -> Vector:
        return refused(slug, f"VRM-TRM-{number:03d}", code, what, token, **at.case())

    past, soon, far = time(NOW - 1), time(NOW + DAY), time(NOW + 30 * DAY + 1)
    yield offer("deadline-past", "VRM-THR-020", "deadline-invalid", "`answer_by` is past.", answer_by=past)
    yield offer("deadline-now", "VRM-THR-020", "deadline-invalid", "`answer_by` is now.", answer_by=time(NOW))
    yield offer(
        "deadline-far",
        "VRM-THR-020",
        "deadline-invalid",
        "`answer_by` is more than 30 days ahead.",
        answer_by=far,
    )
    near = opening(body=proffer(answer_by=time(NOW + 2)))
    yield taken("deadline-near", "proffered", "`answer_by` is in two seconds.", near, covers=("VRM-THR-022",))
    what = "`ends` is `answer_by`."
    yield offer("deadline-order", "VRM-THR-021", "deadline-invalid", what, answer_by=soon, ends=soon)
    what = "`ends` lies before `answer_by`."
    yield offer("deadline-order-past", "VRM-THR-021", "deadline-invalid", what, answer_by=soon, ends=past)
    token = story.token(SHOP, "terms.alternative", alternative(story, answer_by=time(NOW)))
    what = "`answer_by` of an alternative is now."
    yield refused("deadline-alternative", "VRM-THR-020", "deadline-invalid", what, token, **story.case())
    token = story.token(SHOP, "terms.alternative", alternative(story, ends=soon))
    what = "`ends` of an alternative is its `answer_by`."
    yield refused(
        "deadline-order-alternative", "VRM-THR-021", "deadline-invalid", what, token, **story.case()
    )

    token = forge.token(SHOP, claims(SHOP, aud=PERSON.did))
    frame = {"known": (PERSON.did,), "keys": {SHOP_ID: published(SHOP)}}
    yield refused(
        "person-required", "VRM-THR-024", "person-required", "An organisation proffers.", token, **frame
    )

    what = "The roster named is not held here."
    yield offer(
        "roster-unknown", "VRM-TRM-001", "roster-unknown", what, roster={"id": "other", "version": "1.0"}
    )
    yield offer("roster-version", "VRM-TRM-001", "roster-unknown", what, roster={**ROSTER, "version": "9.0"})
    strange = {**REFERENCE["SD-BASE"], "id": "SD-OTHER"}
    what = "The roster has no such agreement."
    yield offer("roster-agreement", "VRM-TRM-001", "roster-unknown", what, preferred=strange)
    yield offer(
        "roster-acceptable", "VRM-TRM-001", "roster-unknown", what, acceptable=[REFERENCE["SD-BASE"], strange]
    )
    mixed = {**REFERENCE["SD-BASE"], "digest": REFERENCE["SD-BASE-DP"]["digest"]}
    what = "The digest is that of another agreement."
    yield offer("agreement-mismatch", "VRM-TRM-002", "agreement-mismatch", what, preferred=mixed)
    yield offer(
        "agreement-mismatch-acceptable", "VRM-TRM-002", "agreement-mismatch", what, acceptable=[mixed]
    )
    wrong = {**REFERENCE["SD-BASE-A"], "digest": REFERENCE["SD-BASE-DP"]["digest"]}
    token = story.token(SHOP, "terms.alternative", alternative(story, agreement=wrong))
    yield answer("agreement-mismatch-alternative", 2, "agreement-mismatch", what, token)

    token = story.token(SHOP, "terms.accept", acceptance(story, accepts=forge.mid(b"nothing.")))
    yield answer("accept-nothing", 4, "terms-not-offered", "`accepts` names no proffer.", token)
    other = countered()
    body = acceptance(other, agreement=REFERENCE["SD-BASE-A"], accepts=other.thid)
    token = other.token(PERSON, "terms.accept", body)
    yield answer(
        "accept-proffer-late",
        4,
        "terms-not-offered",
        "`accepts` names the proffer, after the alternative.",
        token,
        other,
    )
    token = story.token(SHOP, "terms.accept", acceptance(story, agreement=REFERENCE["SD-BASE-A"]))
    yield answer("accept-not-offered", 5, "terms-not-offered", "The agreement was not offered.", token)
    token = story.token(SHOP, "terms.accept", acceptance(story, agreement=mixed))
    yield answer("accept-other-digest", 5, "terms-not-offered", "The digest is not the one offered.", token)
    token = other.token(PERSON, "terms.accept", acceptance(other))
    yield answer(
        "accept-proffered-late",
        5,
        "terms-not-offered",
        "The person accepts her own terms, after the alternative.",
        token,
        other,
    )
    token = story.token(SHOP, "terms.alternative", alternative(story, agreement=strange))
    yield answer("alternative-unknown", 6, "roster-unknown", "The alternative is not in the roster.", token)
    version = {**REFERENCE["SD-BASE-A"], "version": "2.0"}
    token = story.token(SHOP, "terms.alternative", alternative(story, agreement=version))
    yield answer(
        "alternative-version",
        6,
        "roster-unknown",
        "The alternative is of a version not in the roster.",
        token,
    )
    for slug, name in (("preferred", "SD-BASE-DP"), ("acceptable", "SD-BASE")):
        token = story.token(SHOP, "terms.alternative", alternative(story, agreement=REFERENCE[name]))
        yield answer(
            f"alternative-{slug}", 7, "alternative-not-new", f"The alternative is what was {slug}.", token
        )
    token = story.token(SHOP, "terms.alternative", alternative(story, alternative_to=forge.mid(b"nothing.")))
    yield answer(
        "alternative-to-nothing", 7, "alternative-not-new", "`alternative_to` names no proffer.", token
    )


@chapter
def rotations() -> Iterator[Vector]:
    story = _agreed()

    def bad(slug: str, requirement: str, what: str, token: bytes, at: Story = story, **more: Any) -> Vector:
        return refused(slug, requirement, "thread-unknown", what, token, **at.case(**more))

    def rotate(at: Story = story, new: Key = NEXT, old: Key = PERSON, **body: Any) -> bytes:
        return at.token(new, "agent.rotate", rotation(at, new, old, **body))

    committed = story.add(rotate(nkt=LAST.kid), "agreed")
    what = "Another key comes than the one committed to, with a right proof."
    yield bad("rotate-not-committed", "VRM-ID-020", what, rotate(committed, STRANGER, NEXT), committed)
    yield bad("rotate-without-proof", "VRM-ID-021", "No proof, and nothing committed.", rotate(proof=None))
    for slug, what, text_ in (
        ("own", "The new key makes the proof.", proof(story, PERSON, NEXT, signer=NEXT)),
        ("sub", "The proof is for another identifier.", proof(story, PERSON, STRANGER)),
        ("iss", "The proof is of another identifier.", proof(story, STRANGER, NEXT)),
        (
            "aud",
            "The proof is for another organisation.",
            proof(story, PERSON, NEXT, aud="https://other.example"),
        ),
        (
            "home",
            "The proof is for another home.",
            proof(story, PERSON, NEXT, home="https://elsewhere.example"),
        ),
        ("thread", "The proof is for another thread.", proof(story, PERSON, NEXT, thid=story.head)),
        ("old", "The proof is 86400 seconds old.", proof(story, PERSON, NEXT, iat=NOW - DAY)),
        ("future", "The proof is dated 61 seconds ahead.", proof(story, PERSON, NEXT, iat=NOW + 61)),
        ("claim", "The proof has a claim too many.", proof(story, PERSON, NEXT, jti="a" * 22)),
    ):
        yield bad(f"rotate-proof-{slug}", "VRM-ID-021", what, rotate(proof=text_))
    as_message = forge.token(PERSON, json.loads(forge.unb64(proof(story, PERSON, NEXT).split(".")[1])))
    what = "The proof has the `typ` of a message."
    token = rotate(proof=as_message.decode())
    yield bad("rotate-proof-typ", "VRM-ID-021", what, token, covers=("VRM-ENV-014",))
    young = rotate(proof=proof(story, PERSON, NEXT, iat=NOW - DAY + 1))
    yield taken("rotate-proof-in-time", "agreed", "The proof is 86399 seconds old.", young, **story.case())

    ahead = rotate(proof=proof(story, PERSON, NEXT, iat=NOW + 60))
    yield taken(
        "rotate-proof-ahead-60", "agreed", "The proof is dated 60 seconds ahead.", ahead, **story.case()
    )
    taken_by = proffered(NEXT, "mine")
    both = replace(story, sent=(*story.sent, replace(taken_by.sent[0], file="3.jwt")))
    what = "The new identifier has a thread with the same organisation already."
    yield bad("rotate-taken", "VRM-ID-022", what, rotate(), both)
    what = "The new identifier is the old one."
    yield bad("rotate-same", "VRM-ID-022", what, rotate(new=PERSON))
    token = rotate(old=STRANGER)
    yield bad("rotate-stranger", "VRM-THR-002", "The identifier replaced is no party.", token)

    moved = story.add(rotate(), "agreed")
    token = moved.token(PERSON, "agreement.terminate")
    what = "The old identifier ends the agreement, after its rotation."
    yield bad("rotate-old-sender", "VRM-THR-002", what, token, moved, covers=("VRM-ID-024",))
    token = moved.token(SHOP, "agreement.terminate")
    what = "The organisation writes to the old identifier, after its rotation."
    frame = moved.case(known=(PERSON.did,))
    yield refused(
        "rotate-old-addressee", "VRM-THR-003", "aud-mismatch", what, token, covers=("VRM-ID-025",), **frame
    )


# --- files -------------------------------------------------------------------------------------

README = """# Vectors

Each folder is one case: tokens as exact bytes, and what a home has to say of the last one.
A negative vector breaks exactly one rule and is otherwise right and correctly signed, so that a check that
is missing shows: the message is taken, or refused with another code. The folders are written by a program;
nothing in them is made by hand.

## A folder

| file | content |
|---|---|
| `README.md` | what it is, and which requirement it breaks |
| `token.jwt` | the token under test, without a newline; it may hold any bytes |
| `1.jwt`, `2.jwt`, ... | tokens that are sent first |
| `expect.json` | the circumstances and the verdict |

| member of `expect.json` | meaning |
|---|---|
| `kind` | `message`: the token is sent to a home as a message |
| `now` | the home's clock, in epoch seconds, when the token arrives |
| `home`, `dev` | the origin of the home; whether it is in development mode |
| `known` | addressees known at the start; the parties of stored threads are known as well |
| `keys` | origin to the `keys` and `historical_keys` of its discovery document |
| `thread` | what goes before, in order: `file`, the clock `now`, the `state` of its receipt; all are taken |
| `accept` | the verdict |
| `status`, `mid`, `state` | if taken: 202, or 200 for a repeat; the message id; the receipt's state |
| `status`, `code`, `requirement` | if refused: the status, the code, and the requirement that is broken |
| `covers` | further requirements that the vector shows |

## How to run them, in any language

1. For each folder make an empty home with the origin `home`, the mode `dev`, this spec folder with its
   roster, and a clock that you set. Let `keys` stand in for fetching discovery documents, and take `known`
   as addressees.
2. Set the clock to the `now` of each entry of `thread` and hand its `file` over: it is taken, and the state
   is as said.
3. Set the clock to `now` and hand over `token.jwt` as it is on disk. Compare.

A reader without threads can run the vectors that have no `thread`, up to the first check that needs one.
The verdict is `code`; a home that does not tell the `requirement` may leave that out.

`keys.json` holds all keys with their private parts. They are test keys, known to all: never trust them.
"""


@functools.cache
def build() -> dict[str, bytes]:
    """Every file below spec/vectors/, by its path; the same each time."""
    files = {"README.md": README.encode()}
    listed = {
        k.name: {"id": who(k), "alg": k.alg, "kid": k.kid, "jwk": {**k.jwk, "d": k.secret}} for k in KEYS
    }
    note = "TEST KEYS. The private parts are published: never trust these keys for anything."
    files["keys.json"] = pretty({"note": note, "keys": listed})
    for maker in MAKERS:
        for vector in maker():
            for name, data in vector.files().items():
                path = f"{vector.slug}/{name}"
                if path in files:
                    raise ValueError(f"two vectors have the name {vector.slug}")
                files[path] = data
    return files


def differences(folder: Path = FOLDER) -> list[str]:
    """What is not on disk as it should be: changed, missing and stale files."""
    wanted = build()
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    wrong = [f"{name}: is stale" for name in found.keys() - wanted.keys()]
    wrong += [f"{name}: is missing" for name in wanted.keys() - found.keys()]
    both = wanted.keys() & found.keys()
    wrong += [f"{name}: has changed" for name in both if found[name].read_bytes() != wanted[name]]
    return sorted(wrong)


def write(folder: Path = FOLDER) -> int:
    """Write all files, take away what is stale, and return the number of files."""
    wanted = build()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, data in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
    return len(wanted)


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--check"]:
        wrong = differences()
        print("\n".join(wrong) or "spec/vectors is as it should be")
        return bool(wrong)
    if arguments:
        print("usage: python -m tests.make_vectors [--check]", file=sys.stderr)
        return 2
    print(f"{write()} files in spec/vectors")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
