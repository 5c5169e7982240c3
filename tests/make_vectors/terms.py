"""The files of spec/vectors/, and the vectors of the profiles core and terms.

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

SPEC = Path(__file__).resolve().parent.parent.parent / "spec"
FOLDER = SPEC / "vectors"

NOW = 1_800_000_000
DAY = 86_400
HOME = "https://home.example"
SHOP_ID = "https://shop.example"
OTHER_ID = "https://bakery.example"
EXT = "https://ext.example/x"

PERSON, PERSON_EC = forge.ed25519("person"), forge.p256("person with P-256")
NEXT, LAST = forge.ed25519("person, second key"), forge.ed25519("person, third key")
STRANGER = forge.ed25519("stranger")
SHOP, SHOP_EC = forge.ed25519("shop"), forge.p256("shop with P-256")
SHOP_OLD, SHOP_ODD = forge.ed25519("shop, retired key"), forge.ed25519("shop, unpublished key")
OTHER = forge.ed25519("another organisation")
# p and b of P-256
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
KEYS = (PERSON, PERSON_EC, NEXT, LAST, STRANGER, SHOP, SHOP_EC, SHOP_OLD, SHOP_ODD, OTHER)
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
class Then:
    """What is answered once the first of two faults is mended: by another token or in other circumstances."""

    requirement: str
    code: str
    token: bytes = b""
    changes: Mapping[str, Any] = field(default_factory=dict)

    def expect(self) -> dict[str, Any]:
        file = {"file": THEN} if self.token else {}
        verdict = {"status": STATUS[self.code], "code": self.code, "requirement": self.requirement}
        return {**file, **self.changes, **verdict}

    @property
    def told(self) -> str:
        if self.token:
            return f"`{THEN}` mends the first fault and is answered with the second."
        if self.changes:
            names = ", ".join(f"`{name}`" for name in self.changes)
            return f"With the {names} of `then` the second is answered."
        return "No other token shows the second alone."


THEN = "then.jwt"
BLOB = "blob.bin"


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
    boards: Mapping[str, str] = field(default_factory=dict)
    blobs: Sequence[Mapping[str, Any]] = ()
    """Who has put ``blob`` here, and when: ``by`` and ``now``."""
    blob: bytes = b""
    covers: Sequence[str] = ()
    then: Then | None = None
    """Only where two rules are broken on purpose."""
    verdict: str = ""
    """What the README says of the verdict, where the usual sentence would not be right."""

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
        if self.boards:
            made["boards"] = dict(self.boards)
        if self.blobs:
            made["blobs"] = [{"file": BLOB, **put} for put in self.blobs]
        if self.code:
            made |= {"accept": False, "status": STATUS[self.code], "code": self.code}
            made["requirement"] = self.requirement
        else:
            made |= {"accept": True, "status": self.status, "mid": forge.mid(self.token), "state": self.state}
        if self.covers:
            made["covers"] = list(self.covers)
        if self.then:
            made["then"] = self.then.expect()
        return made

    def files(self) -> dict[str, bytes]:
        if self.verdict:
            verdict = self.verdict
        elif self.then:
            verdict = (
                f"Breaks two rules on purpose: {self.requirement}, looked at first and answered "
                f"(`{self.code}`), and {self.then.requirement} (`{self.then.code}`). {self.then.told}"
            )
        elif self.code:
            verdict = f"Breaks {self.requirement} and nothing else: `{self.code}`."
        elif self.status == 200:
            verdict = f"Is answered with the receipt of the first time, which says *{self.state}*."
        else:
            verdict = f"Is taken; the thread is then *{self.state}*."
        if self.covers:
            verdict += f" Shows also {', '.join(self.covers)}."
        readme = f"# {self.slug}\n\n{self.what}\n{verdict}\n"
        return {
            "README.md": readme.encode(),
            "token.jwt": self.token,
            "expect.json": pretty(self.expect()),
            **({BLOB: self.blob} if self.blob else {}),
            **({THEN: self.then.token} if self.then and self.then.token else {}),
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
    if key is OTHER:
        return OTHER_ID
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
            "aud": self.person.did if who(key) == who(self.shop) else who(self.shop),
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

    def among(self, *others: Story, after: Sequence[Story] = ()) -> Story:
        """This story with the messages of others before, or after, its own."""
        sent = [s for story in (*others, self, *after) for s in story.sent]
        return replace(self, sent=tuple(replace(s, file=f"{n}.jwt") for n, s in enumerate(sent, 1)))

    def case(self, **more: Any) -> dict[str, Any]:
        """What a vector in this story has in its frame."""
        frame = {"thread": self.sent, "now": self.now, "keys": {SHOP_ID: published(SHOP, SHOP_EC)}}
        return {**frame, "known": (), **more, **({"known": (SHOP_ID, *more.get("known", ()))})}


def proffered(
    key: Key = PERSON, salt: str = "", shop: Key = SHOP, now: int = NOW, iat: int = 0, **body: Any
) -> Story:
    """A story that begins at `now` with a proffer, of another `iat` if one is given."""
    iat = iat or now
    made = opening(
        key,
        salt=salt,
        aud=who(shop),
        iat=iat,
        exp=iat + 3600,
        body=proffer(**{"answer_by": time(now + DAY), **body}),
    )
    return Story(person=key, shop=shop, now=now).add(made, "proffered")


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


def agreed(key: Key = PERSON, salt: str = "", agreement: str = "SD-BASE-DP", **more: Any) -> Story:
    if agreement not in ("SD-BASE-DP", "SD-BASE"):
        more = {"preferred": REFERENCE[agreement], "acceptable": None, **more}
    story = proffered(key, salt, **more)
    changes = {"salt": salt} if salt else {}
    body = acceptance(story, agreement=REFERENCE[agreement])
    return story.add(story.token(story.shop, "terms.accept", body, **changes), "agreed")


def countered(**body: Any) -> Story:
    story = proffered(**body)
    return story.add(story.token(SHOP, "terms.alternative", alternative(story)), "countered")


def proof(story: Story, old: Key, new: Key, signer: Key | None = None, **changes: Any) -> str:
    made = {
        "iss": old.did,
        "sub": new.did,
        "aud": who(story.shop),
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
    what = "`iss` is an origin with a path."
    yield refused("party-path", "VRM-ID-002", "claim-invalid", what, opening(iss=f"{SHOP_ID}/a"))
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
    what = "The addressee is a did:jwk that nobody has heard of here."
    token = opening(aud=STRANGER.did)
    yield refused("addressee-unknown-person", "VRM-ENV-025", "addressee-unknown", what, token)


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
    # x = 5 is that of a point; this is the same number modulo p, in 32 bytes
    square = (5**3 - 3 * 5 + P256_B) % P256
    y = pow(square, (P256 + 1) // 4, P256)
    assert y * y % P256 == square
    big = {n: forge.b64(v.to_bytes(32, "big")) for n, v in (("x", 5 + P256), ("y", y))}
    what = "A coordinate is not below the prime; modulo the prime the point is on P-256."
    yield bad("key-p256-beyond-prime", what, {**point, **big}, "ES256")
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
        what += " Where such a key is read, the signature verifies, and nobody has signed."
        return refused(slug, "VRM-ID-007", "key-invalid", what, _small(x, order))

    p = 2**255 - 19
    order8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    yield small("key-small-order-1", "The key is the identity.", (1).to_bytes(32, "little"), 1)
    yield small("key-small-order-2", "The key has order 2.", (p - 1).to_bytes(32, "little"), 2)
    yield small("key-small-order-4", "The key has order 4.", bytes(32), 4)
    yield small("key-small-order-8", "The key has order 8.", order8, 8)
    sign = 2**255
    what = "The key is the identity, with the sign bit set though x is 0."
    yield small("key-small-order-1-sign", what, (1 + sign).to_bytes(32, "little"), 1)
    what = "The key has order 2, with the sign bit set though x is 0."
    yield small("key-small-order-2-sign", what, (p - 1 + sign).to_bytes(32, "little"), 2)
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
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": forge.b64((2).to_bytes(32, "little"))}
    what = "The Ed25519 key is no point of the curve: no x goes with y = 2, and nothing verifies under it."
    yield bad("signature-no-point", what, _fake(forge.compact(jwk), kid=forge.thumbprint(jwk)))
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
    what = "The discovery document of the organisation cannot be read: its origin is absent from `keys`."
    token = story.token(SHOP, "terms.reject")
    yield refused("key-unavailable", "VRM-ID-011", "key-unavailable", what, token, **story.case(keys={}))
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
    what = "The first message again, after its `exp` and after the thread has become *expired*."
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
    token = other.token(PERSON, "terms.accept", acceptance(other, agreement=REFERENCE["SD-BASE"]))
    what = "The person accepts what the proffer listed as acceptable, after the alternative."
    yield answer("accept-acceptable-late", 5, "terms-not-offered", what, token, other)
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
    what += " It stays an addressee, though nobody lists it."
    yield refused(
        "rotate-old-addressee",
        "VRM-THR-003",
        "aud-mismatch",
        what,
        token,
        covers=("VRM-ID-025", "VRM-ENV-025"),
        **moved.case(),
    )

    forged = proof(story, PERSON, NEXT)
    start = forged.rpartition(".")[0].encode()
    what = "The proof has the right `iss` and `kid`, and the signature of a stranger."
    token = rotate(proof=forge.sealed(STRANGER, start).decode())
    yield bad("rotate-proof-forged", "VRM-ID-021", what, token, covers=("VRM-ENV-030",))
    said = json.loads(forge.unb64(forged.split(".")[1]))
    for slug, what, member, rule in (
        ("kid", "The proof's `kid` is that of another key, the signature right.", {"kid": STRANGER.kid}, 8),
        ("alg", "The proof's `alg` is ES256; key and signature are Ed25519.", {"alg": "ES256"}, 6),
    ):
        made = forge.token(PERSON, said, forge.header(PERSON, typ="vrm-proof+jwt", **member))
        token = rotate(proof=made.decode())
        yield bad(f"rotate-proof-{slug}", "VRM-ID-021", what, token, covers=(f"VRM-ID-{rule:03d}",))

    what = "The key that was committed to comes, beside a proof that a stranger signed: none is asked for."
    body = {"replaces": NEXT.did, "proof": proof(committed, NEXT, LAST, signer=STRANGER)}
    token = committed.token(LAST, "agent.rotate", body)
    yield taken("rotate-committed-proof", "agreed", what, token, covers=("VRM-ID-020",), **committed.case())
    done = committed.add(committed.token(LAST, "agent.rotate", {"replaces": NEXT.did}), "agreed")
    what = "The last rotation committed to no key, the one before it had: a proof is due again."
    yield bad("rotate-forgotten", "VRM-ID-021", what, rotate(done, STRANGER, LAST, proof=None), done)
    what = "The last rotation committed to no key, the one before it had: a right proof is taken."
    token = rotate(done, STRANGER, LAST)
    yield taken("rotate-forgotten-proof", "agreed", what, token, covers=("VRM-ID-021",), **done.case())


@chapter
def rebinding() -> Iterator[Vector]:
    """A rotation in one thread, and the other threads of the pair."""

    def rotated(story: Story, **body: Any) -> Story:
        return story.add(story.token(NEXT, "agent.rotate", rotation(story, **body)), "agreed")

    first, offer = agreed(), proffered(salt="second")
    second = agreed(salt="goods", agreement="PDC-GOOD")
    moved = rotated(first)

    def after(story: Story, *more: Story) -> Story:
        """The story of a thread that was there already when the rotation came in another."""
        return story.among(*more, after=[moved])

    rebound = ("VRM-ID-023",)
    at = replace(after(offer), person=NEXT)
    what = "A rotation in one thread rebinds another, a proffered one: the new identifier withdraws there."
    token = at.token(NEXT, "terms.withdraw")
    yield taken("rebind-proffered", "withdrawn", what, token, covers=rebound, **at.case())
    what = "A rotation in one thread rebinds another: the old identifier withdraws there."
    token = at.token(PERSON, "terms.withdraw")
    yield refused(
        "rebind-old-sender",
        "VRM-THR-002",
        "thread-unknown",
        what,
        token,
        covers=("VRM-ID-023", "VRM-ID-024"),
        **at.case(),
    )
    what = "A rotation in one thread rebinds another: the organisation rejects there, to the old identifier."
    token = at.token(SHOP, "terms.reject", aud=PERSON.did)
    yield refused(
        "rebind-old-addressee",
        "VRM-THR-003",
        "aud-mismatch",
        what,
        token,
        covers=("VRM-ID-023", "VRM-ID-025"),
        **at.case(),
    )
    what = "A rotation in one thread rebinds another: the organisation rejects there, to the new identifier."
    token = at.token(SHOP, "terms.reject")
    yield taken("rebind-new-addressee", "rejected", what, token, covers=rebound, **at.case())

    at = replace(after(second), person=NEXT)
    what = "A rotation in one thread rebinds another that is agreed: the new identifier ends it."
    token = at.token(NEXT, "agreement.terminate")
    yield taken("rebind-agreed", "terminated", what, token, covers=rebound, **at.case())
    what = "A rotation in one thread rebinds another that is agreed: the old identifier ends it."
    token = at.token(PERSON, "agreement.terminate")
    yield refused(
        "rebind-agreed-old",
        "VRM-THR-002",
        "thread-unknown",
        what,
        token,
        covers=("VRM-ID-023", "VRM-ID-024"),
        **at.case(),
    )
    later = agreed(NEXT, "later")
    at = replace(moved.among(after=[later]), person=NEXT)
    what = "After a rotation a later agreement of the class is made: the one from before is superseded."
    token = at.token(SHOP, "agreement.terminate")
    yield refused(
        "rebind-superseded",
        "VRM-THR-005",
        "state-conflict",
        what,
        token,
        covers=("VRM-TRM-011", "VRM-ID-023"),
        **at.case(),
    )

    keys = {SHOP_ID: published(SHOP), OTHER_ID: published(OTHER)}
    other = agreed(salt="other", shop=OTHER)
    at = after(other)
    what = "A rotation leaves the thread with another organisation alone: the old identifier ends it."
    token = at.token(PERSON, "agreement.terminate")
    frame = at.case(keys=keys, known=(OTHER_ID,))
    yield taken("rebind-not-others", "terminated", what, token, covers=rebound, **frame)
    what = "A rotation leaves the thread with another organisation alone: the new identifier is a stranger."
    token = at.token(NEXT, "agreement.terminate")
    yield refused("rebind-not-others-new", "VRM-THR-002", "thread-unknown", what, token, **frame)
    what = "A rotation leaves the thread with another organisation alone: it writes to the old identifier."
    token = at.token(OTHER, "agreement.terminate")
    yield taken("rebind-not-others-second", "terminated", what, token, covers=rebound, **frame)

    moved = rotated(first, nkt=LAST.kid)
    at = replace(after(second), person=NEXT)
    what = "What was committed to in one thread counts in another: the key comes, and needs no proof."
    token = at.token(LAST, "agent.rotate", {"replaces": NEXT.did})
    yield taken("rotate-committed-elsewhere", "agreed", what, token, covers=("VRM-ID-020",), **at.case())
    what = "What was committed to in one thread counts in another: another key comes, with a right proof."
    token = at.token(STRANGER, "agent.rotate", rotation(at, STRANGER, NEXT))
    yield refused("rotate-not-committed-elsewhere", "VRM-ID-020", "thread-unknown", what, token, **at.case())
    at = replace(other.among(after=[moved]), person=PERSON)
    what = "What was committed to towards one organisation does not count towards another: a proof does."
    token = at.token(STRANGER, "agent.rotate", rotation(at, STRANGER, PERSON))
    frame = at.case(keys=keys, known=(OTHER_ID,))
    yield taken("rotate-committed-to-others", "agreed", what, token, covers=("VRM-ID-021",), **frame)

    ends = NOW + 2 * DAY
    short = rotated(agreed(ends=time(ends)))
    at = replace(short.at(ends), person=NEXT)
    what = "After a rotation the agreement still ends by its date: the new identifier ends it in that second."
    token = at.token(NEXT, "agreement.terminate")
    yield refused("rotate-ends", "VRM-THR-006", "deadline-passed", what, token, **at.case())
    at = replace(short.at(ends - 1), person=NEXT)
    what = "After a rotation the agreement runs until its date: the new identifier ends it a second before."
    token = at.token(NEXT, "agreement.terminate")
    yield taken("rotate-ends-before", "terminated", what, token, **at.case())


# --- several agreements, several causes ----------------------------------------------------------


@chapter
def superseding() -> Iterator[Vector]:
    """VRM-TRM-011; whether a thread is superseded is seen by whether it can still be ended."""
    one = ("VRM-TRM-011",)

    def stays(slug: str, what: str, at: Story, key: Key = SHOP, **more: Any) -> Vector:
        token = at.token(key, "agreement.terminate")
        return taken(f"supersede-{slug}", "terminated", what, token, covers=one, **at.case(**more))

    def goes(slug: str, what: str, at: Story) -> Vector:
        token = at.token(SHOP, "agreement.terminate")
        more = {"covers": one, **at.case()}
        return refused(f"supersede-{slug}", "VRM-THR-005", "state-conflict", what, token, **more)

    first, second, third = (agreed(salt=f"number {n}") for n in (1, 2, 3))
    goods = agreed(salt="goods", agreement="PDC-GOOD")
    what = "A later agreement of another class leaves this one in force."
    yield stays("other-class", what, first.among(after=[goods]))
    what = "An agreement is in force beside an earlier one of another class."
    yield stays("other-class-later", what, goods.among(first))
    intent = agreed(salt="intent", agreement="PDC-INTENT")
    what = "A later agreement leaves this one in force: neither is of the class SD, and each has its own."
    yield stays("two-classes", what, goods.among(after=[intent]))
    again = agreed(salt="goods again", agreement="PDC-GOOD")
    yield goes("class-goods", "A later agreement of its class, not SD, was made.", goods.among(after=[again]))
    plain = agreed(salt="plain", agreement="SD-BASE")
    what = "A later agreement of its class was made, another one than this: the class counts, not the id."
    yield goes("other-agreement", what, first.among(after=[plain]))
    start = proffered(salt="alternative")
    start = start.add(start.token(SHOP, "terms.alternative", alternative(start)), "countered")
    body = acceptance(start, agreement=REFERENCE["SD-BASE-A"])
    changed = start.add(start.token(PERSON, "terms.accept", body), "agreed")
    what = "A later agreement of its class was made by an alternative that the person accepted."
    yield goes("by-alternative", what, first.among(after=[changed]))
    what = "A later alternative was offered and not accepted: this agreement is in force."
    yield stays("not-by-offer", what, first.among(after=[start]))

    other = agreed(salt="other", shop=OTHER)
    what = "A later agreement of the class with another organisation leaves this one in force."
    more: dict[str, Any] = {
        "keys": {SHOP_ID: published(SHOP), OTHER_ID: published(OTHER)},
        "known": (OTHER_ID,),
    }
    yield stays("other-organisation", what, first.among(after=[other]), **more)
    yield stays("other-organisation-first", what, other.among(after=[first]), OTHER, **more)
    strange = agreed(STRANGER, "strange")
    what = "A later agreement of the class by another person leaves this one in force."
    yield stays("other-person", what, first.among(after=[strange]))
    yield stays("later", "The later one of two agreements of a class is in force.", second.among(first))
    what = "The first of three agreements of a class is superseded by the second."
    yield goes("three-first", what, first.among(after=[second, third]))
    what = "The second of three agreements of a class is superseded by the third."
    yield goes("three-second", what, second.among(first, after=[third]))
    what = "The third of three agreements of a class is in force."
    yield stays("three-third", what, third.among(first, second))
    offer = proffered(salt="open")
    at = offer.among(after=[first])
    token = at.token(SHOP, "terms.accept", acceptance(offer))
    what = "A thread that is only proffered is not superseded: it is accepted after a later one was agreed."
    yield taken("supersede-not-proffered", "agreed", what, token, covers=one, **at.case())


@chapter
def causes() -> Iterator[Vector]:
    """VRM-THR-019: the answer to who ends it tells whether a thread is ended or superseded."""
    ends = NOW + 2 * DAY
    first = agreed(ends=time(ends))

    def case(slug: str, made: int, number: int, code: str, what: str) -> Vector:
        at = first.among(after=[agreed(salt="later", now=made)]).at(NOW + 3 * DAY)
        token = at.token(PERSON, "agreement.terminate")
        frame = {"covers": ("VRM-THR-019",), **at.case()}
        return refused(f"cause-{slug}", f"VRM-THR-{number:03d}", code, what, token, **frame)

    what = "The agreement ended by its date, a second before a later one of its class was made: ended."
    yield case("ended-first", ends + 1, 6, "deadline-passed", what)
    what = "A later agreement of its class was made a second before its date: superseded, and not ended."
    yield case("superseded-first", ends - 1, 5, "state-conflict", what)
    what = "A later agreement of its class was made in the second of its date: ended."
    yield case("same-second", ends, 6, "deadline-passed", what)


@chapter
def clocks() -> Iterator[Vector]:
    """VRM-HOM-014: a thread's time does not go back, whatever the home's clock does."""
    ahead = NOW + 100
    shown = {"covers": ("VRM-HOM-014",)}
    offer = proffered(now=ahead, iat=NOW).at(NOW)
    start = "The clock has gone back 100 seconds since the thread's last receipt. "

    body = alternative(offer, answer_by=time(ahead))
    token = offer.token(SHOP, "terms.alternative", body)
    what = start + "`answer_by` lies after the clock, and in the second of that receipt."
    yield refused(
        "clock-back-deadline", "VRM-THR-020", "deadline-invalid", what, token, **shown, **offer.case()
    )
    body = alternative(offer, answer_by=time(ahead + 30 * DAY))
    token = offer.token(SHOP, "terms.alternative", body)
    what = start + "`answer_by` is 30 days after that receipt."
    yield taken("clock-back-deadline-far", "countered", what, token, **shown, **offer.case())
    token = offer.token(SHOP, "terms.reject", iat=NOW - 50, exp=NOW - 10)
    what = start + "`exp` is judged by the clock: it was 10 seconds ago, and not 110."
    yield taken("clock-back-exp", "rejected", what, token, **shown, **offer.case())
    token = offer.token(SHOP, "terms.reject", iat=NOW + 61, exp=NOW + 3600)
    what = start + "`iat` is judged by the clock: it lies 61 seconds ahead of it."
    yield refused("clock-back-iat", "VRM-ENV-028", "not-yet-valid", what, token, **offer.case())

    first = offer.at(ahead)
    first = first.add(first.token(SHOP, "terms.accept", acceptance(first)), "agreed").at(NOW)
    at = first.among(after=[agreed(salt="later")])
    token = at.token(SHOP, "agreement.terminate")
    what = start + "A later agreement of its class was made since: superseded, at the time of that receipt."
    yield refused("clock-back-superseded", "VRM-THR-005", "state-conflict", what, token, **shown, **at.case())

    def rotate(iat: int) -> bytes:
        proven = rotation(first, proof=proof(first, PERSON, NEXT, iat=iat))
        return first.token(NEXT, "agent.rotate", proven)

    what = start + "The proof is dated 60 seconds after that receipt."
    yield taken("clock-back-proof-ahead", "agreed", what, rotate(ahead + 60), **shown, **first.case())
    what = start + "The proof is dated 86400 seconds before that receipt."
    frame = {**shown, **first.case()}
    yield refused("clock-back-proof-old", "VRM-ID-021", "thread-unknown", what, rotate(ahead - DAY), **frame)


# --- order of checks -----------------------------------------------------------------------------


Fault = tuple[str, str]
"""A requirement and its code."""


def both(
    slug: str,
    what: str,
    first: Fault,
    second: Fault,
    token: bytes,
    then: bytes = b"",
    changes: Mapping[str, Any] | None = None,
    covers: tuple[str, ...] = (),
    **frame: Any,
) -> Vector:
    """VRM-ENV-036: `order-A-B` has one fault that the check A answers and one that B would answer."""
    made = Then(*second, then, changes or {})
    return refused(f"order-{slug}", *first, what, token, covers=("VRM-ENV-036", *covers), then=made, **frame)


@chapter
def order_to_home() -> Iterator[Vector]:
    """Size, segments, JSON, `vrm`, header, `typ`, `alg`, claims, home."""
    malformed, duplicate = ("VRM-ENV-002", "token-malformed"), ("VRM-ENV-007", "json-invalid")
    version, typ = ("VRM-ENV-012", "version-unsupported"), ("VRM-ENV-014", "typ-invalid")
    header, alg = ("VRM-ENV-013", "header-invalid"), ("VRM-ID-004", "alg-unsupported")
    missing, form = ("VRM-ENV-015", "claim-missing"), ("VRM-ENV-017", "claim-invalid")
    unknown, home = ("VRM-ENV-020", "claim-unknown"), ("VRM-ENV-021", "wrong-home")
    size, alphabet = ("VRM-ENV-001", "too-large"), ("VRM-ENV-003", "token-malformed")
    elsewhere = "https://elsewhere.example"

    what = "65542 bytes in four segments."
    yield both("size-segments", what, size, malformed, _spaced(65537) + b".AAAA", opening() + b".AAAA")
    twice = text(claims(PERSON)).replace('"lang":', '"lang":"de","lang":')
    token = forge.token(PERSON, twice)
    head, payload = (p.decode() for p in token.split(b".")[:2])
    padded = forge.sealed(PERSON, f"{head}.{_padded(payload)}".encode())
    what = "The payload is padded, and signed like that; `lang` stands twice in the body."
    yield both("segments-json", what, alphabet, duplicate, padded, token)
    old = claims(PERSON, vrm="1.1")
    token = forge.token(PERSON, text(old).replace('"lang":', '"lang":"de","lang":'))
    what = "`lang` stands twice in the body; `vrm` is 1.1."
    yield both("json-vrm", what, duplicate, version, token, forge.token(PERSON, old))
    extra = {"jku": "https://keys.example/jwks"}
    token = forge.token(PERSON, old, forge.header(PERSON, **extra))
    what = "`vrm` is 1.1; the header has a member too many."
    yield both("vrm-header", what, version, header, token, opening(head=forge.header(PERSON, **extra)))
    token = opening(head=forge.header(PERSON, typ="JWT", **extra))
    what = "The header has a member too many; `typ` is JWT."
    yield both("header-typ", what, header, typ, token, opening(head=forge.header(PERSON, typ="JWT")))
    token = opening(head=forge.header(PERSON, typ="JWT", alg="EdDSA"))
    what = "`typ` is JWT; `alg` is EdDSA."
    yield both("typ-alg", what, typ, alg, token, opening(head=forge.header(PERSON, alg="EdDSA")))
    token = opening(head=forge.header(PERSON, alg="EdDSA"), iat=None)
    yield both("alg-claims", "`alg` is EdDSA; `iat` is missing.", alg, missing, token, opening(iat=None))
    token = opening(iat=None, jti="short")
    what = "`iat` is missing; `jti` is too short."
    yield both("claims-claims-form", what, missing, form, token, opening(jti="short"))
    token = opening(jti="short", nbf=NOW)
    what = "`jti` is too short; the claim `nbf` is not named."
    yield both("claims-claims-closed", what, form, unknown, token, opening(nbf=NOW))
    token = opening(nbf=NOW, home=elsewhere)
    what = "The claim `nbf` is not named; `home` is another home."
    yield both("claims-home", what, unknown, home, token, opening(home=elsewhere))


@chapter
def order_to_kid() -> Iterator[Vector]:
    """Home, repeat, addressee, time, key, signature, kid."""
    home, elsewhere = ("VRM-ENV-021", "wrong-home"), "https://elsewhere.example"
    addressee, expired = ("VRM-ENV-025", "addressee-unknown"), ("VRM-ENV-027", "expired")
    future, lifetime = ("VRM-ENV-028", "not-yet-valid"), ("VRM-ENV-029", "lifetime-too-long")
    spelling, fit = ("VRM-ID-001", "key-invalid"), ("VRM-ID-006", "key-invalid")
    unpublished, signature = ("VRM-ID-009", "key-unknown"), ("VRM-ENV-030", "signature-invalid")
    kid, forged = ("VRM-ID-008", "kid-mismatch"), ("VRM-ENV-024", "signature-invalid")
    past: dict[str, Any] = {"iat": NOW - 3600, "exp": NOW - 60}

    token = opening(home=elsewhere)
    what = "`home` is another home; nobody has heard of the addressee."
    yield both("home-aud", what, home, addressee, token, opening(), known=())
    story = proffered()
    late = story.at(NOW + 2 * DAY)
    token = forge.sealed(STRANGER, story.sent[0].token.rpartition(b".")[0])
    what = "The first message again with the signature of a stranger; `exp` was long ago."
    changes: dict[str, Any] = {"thread": []}
    yield both("repeat-time", what, forged, expired, token, changes=changes, **late.case())
    what = "Nobody has heard of the addressee; `exp` was 60 seconds ago."
    yield both("aud-time", what, addressee, expired, opening(**past), changes={"known": [SHOP_ID]}, known=())
    long: dict[str, Any] = {"iat": NOW - DAY - 61, "exp": NOW - 60}
    token = opening(**long)
    what = "`exp` was 60 seconds ago; the message was valid for 86401 seconds."
    yield both("time-time-past", what, expired, lifetime, token, changes={"now": NOW - 1})
    token = opening(iat=NOW + 61, exp=NOW + 61 + DAY + 1)
    what = "`iat` is in 61 seconds; the message is valid for 86401 seconds."
    yield both("time-time-future", what, future, lifetime, token, changes={"now": NOW + 1})
    spaced: dict[str, Any] = {"iss": forge.did(text(PERSON.jwk).replace(",", ", ", 1))}
    what = "`exp` was 60 seconds ago; a space stands in the JWK of the identifier."
    yield both("time-key", what, expired, spelling, opening(**past, **spaced), opening(**spaced))
    token = story.token(SHOP_ODD, "terms.reject", **past)
    right = story.token(SHOP_ODD, "terms.reject")
    what = "`exp` was 60 seconds ago; the organisation does not publish the key."
    yield both("time-key-unknown", what, expired, unpublished, token, right, **story.case())
    data = forge.signing_input(forge.header(PERSON, alg="ES256"), claims(PERSON))
    right = forge.sealed(STRANGER, forge.signing_input(forge.header(PERSON), claims(PERSON)))
    what = "`alg` is ES256 and the key Ed25519; another key has signed."
    yield both("key-signature", what, fit, signature, forge.sealed(STRANGER, data), right)
    token = forge.token(STRANGER, story.next(SHOP, "terms.reject"), forge.header(SHOP_ODD))
    right = forge.token(STRANGER, story.next(SHOP, "terms.reject"), forge.header(SHOP))
    what = "The organisation does not publish the key; a stranger has signed."
    yield both("key-signature-unknown", what, unpublished, signature, token, right, **story.case())
    head = forge.header(PERSON, kid=NEXT.kid)
    token = forge.sealed(STRANGER, forge.signing_input(head, claims(PERSON)))
    what = "Another key has signed; `kid` is that of a third."
    yield both("signature-kid", what, signature, kid, token, opening(head=head))


@chapter
def order_to_thread() -> Iterator[Vector]:
    """Kid, ext, type, body, thread."""
    story, kid = proffered(), ("VRM-ID-008", "kid-mismatch")
    head = forge.header(PERSON, kid=NEXT.kid)
    banned, ext = ("VRM-ENV-031", "ext-not-allowed"), ("VRM-ENV-032", "claim-invalid")
    kind, body = ("VRM-ENV-034", "type-unknown"), ("VRM-ENV-035", "body-invalid")
    thread = ("VRM-THR-002", "thread-unknown")
    token = opening(head=head, ext={EXT: 1})
    what = "`kid` is that of another key; a proffer carries an extension."
    yield both("kid-ext", what, kid, banned, token, opening(ext={EXT: 1}))
    what = "A proffer carries an extension, whose name is no URI."
    yield both("ext-ext", what, banned, ext, opening(ext={"x": 1}))
    new: dict[str, Any] = {"type": "terms.unknown"}
    what = "A name in `ext` is no URI; there is no such type."
    yield both("ext-type", what, ext, kind, opening(ext={"x": 1}, **new), opening(**new))
    wrong = proffer(lang="EN")
    what = "A proffer carries an extension; `lang` is not written as BCP 47 wants it."
    yield both("ext-body", what, banned, body, opening(ext={EXT: 1}, body=wrong), opening(body=wrong))
    lost: dict[str, Any] = {"thid": forge.mid(b"nothing.")}
    what = "There is no such type, and no such thread."
    token, right = (story.token(PERSON, t, **lost) for t in ("terms.unknown", "terms.withdraw"))
    yield both("type-thread", what, kind, thread, token, right, **story.case())
    what = "`reason` is empty; there is no such thread."
    token, right = (story.token(SHOP, "terms.reject", b, **lost) for b in ({"reason": ""}, {}))
    yield both("body-thread", what, body, thread, token, right, **story.case())


@chapter
def order_to_prev() -> Iterator[Vector]:
    """Thread, counterparty, row, prev."""
    story, thread = proffered(), ("VRM-THR-002", "thread-unknown")
    parent, agreement = ("VRM-THR-009", "parent-unknown"), ("VRM-THR-010", "agreement-unknown")
    proven, counterparty = ("VRM-ID-021", "thread-unknown"), ("VRM-THR-003", "aud-mismatch")
    role, state = ("VRM-THR-004", "role-forbidden"), ("VRM-THR-005", "state-conflict")
    passed, unneeded = ("VRM-THR-006", "deadline-passed"), ("VRM-THR-008", "claim-unknown")
    no_prev = ("VRM-THR-011", "prev-unknown")
    done, nothing = _agreed(), forge.mid(b"nothing.")
    astray: dict[str, Any] = {"aud": STRANGER.did}
    free: dict[str, Any] = {"thid": None, "prev": None}
    agr: dict[str, Any] = {"agr": done.head}
    unproven: dict[str, Any] = {"proof": None}
    none: dict[str, Any] = {}
    known = (STRANGER.did,)

    what = "There is no such thread; `pthid` stands beside `thid`."
    token = done.token(SHOP, "agreement.terminate", pthid=done.thid, thid=nothing)
    right = done.token(SHOP, "agreement.terminate", pthid=done.thid)
    yield both("thread-thread-parent", what, thread, parent, token, right, **done.case())
    what = "`pthid` and `agr` name nothing."
    token = done.token(PERSON, "terms.proffer", proffer(), **free, pthid=nothing, agr=nothing)
    right = done.token(PERSON, "terms.proffer", proffer(), **free, agr=nothing)
    yield both("thread-thread-agreement", what, parent, agreement, token, right, **done.case())
    right = done.token(SHOP, "agreement.terminate", **astray)
    what = "`pthid` stands beside `thid`; `aud` is not the other party."
    token = done.token(SHOP, "agreement.terminate", pthid=done.thid, **astray)
    yield both("thread-counterparty", what, parent, counterparty, token, right, **done.case(known=known))
    what = "`agr` names no agreement; `aud` is not the other party."
    token = done.token(SHOP, "agreement.terminate", agr=nothing, **astray)
    frame = done.case(known=known)
    yield both("thread-counterparty-agreement", what, agreement, counterparty, token, right, **frame)
    aside: dict[str, Any] = {"aud": OTHER_ID}
    token, right = (done.token(NEXT, "agent.rotate", rotation(done, **b), **aside) for b in (unproven, none))
    what = "A rotation without proof; `aud` is not the other party."
    frame = {**done.case(known=(OTHER_ID,)), "covers": ("VRM-ID-026",)}
    yield both("thread-counterparty-proof", what, proven, counterparty, token, right, **frame)
    token, right = (story.token(NEXT, "agent.rotate", rotation(story, **b)) for b in (unproven, none))
    what = "A rotation without proof, in a thread that is not agreed yet: nothing is told of its state."
    frame = {**story.case(), "covers": ("VRM-ID-026",)}
    yield both("thread-row-proof", what, proven, state, token, right, **frame)
    token, right = (
        done.token(NEXT, "agent.rotate", rotation(done, **b), prev=nothing) for b in (unproven, none)
    )
    what = "A rotation without proof; `prev` names no message."
    frame = {**done.case(), "covers": ("VRM-ID-026",)}
    yield both("thread-prev-proof", what, proven, no_prev, token, right, **frame)
    what = "`aud` is not the other party; a rejection after the acceptance."
    token, right = (done.token(SHOP, "terms.reject", **c) for c in (astray, none))
    yield both("counterparty-row", what, counterparty, state, token, right, **done.case(known=known))
    what = "A rejection after the acceptance; `prev` names no message."
    token = done.token(SHOP, "terms.reject", prev=nothing)
    right = done.token(SHOP, "agreement.terminate", prev=nothing)
    yield both("row-prev", what, state, no_prev, token, right, **done.case())
    what = "The organisation withdraws the proffer; `prev` names no message."
    token = story.token(SHOP, "terms.withdraw", prev=nothing)
    right = story.token(SHOP, "terms.reject", prev=nothing)
    yield both("row-prev-role", what, role, no_prev, token, right, **story.case())
    late = story.at(NOW + DAY)
    what = "A rejection in the second of `answer_by`; `prev` names no message."
    token = late.token(SHOP, "terms.reject", prev=nothing)
    yield both("row-prev-late", what, passed, no_prev, token, changes={"now": NOW + DAY - 1}, **late.case())
    what = "`agr` stands where the row needs none; `prev` names no message."
    token, right = (done.token(SHOP, "agreement.terminate", prev=nothing, **c) for c in (agr, none))
    yield both("row-prev-agreement", what, unneeded, no_prev, token, right, **done.case())


@chapter
def order_of_guards() -> Iterator[Vector]:
    """Prev, and the guards in the order of the row."""
    story, other, nothing = proffered(), countered(), forge.mid(b"nothing.")
    no_prev, stale = ("VRM-THR-011", "prev-unknown"), ("VRM-THR-012", "prev-stale")
    offered, new_terms = ("VRM-TRM-005", "terms-not-offered"), ("VRM-TRM-007", "alternative-not-new")
    person, deadline = ("VRM-THR-024", "person-required"), ("VRM-THR-020", "deadline-invalid")
    roster, listed = ("VRM-TRM-001", "roster-unknown"), ("VRM-TRM-006", "roster-unknown")
    what = "`prev` names the proffer, after the alternative; what the proffer preferred is accepted."
    token, right = (
        other.token(PERSON, "terms.accept", acceptance(other), prev=p) for p in (other.thid, other.head)
    )
    yield both("prev-guards", what, stale, offered, token, right, **other.case())
    what = "`prev` names no message; `answer_by` of the alternative is now."
    body_ = alternative(story, answer_by=time(NOW))
    token, right = (story.token(SHOP, "terms.alternative", body_, prev=p) for p in (nothing, story.head))
    yield both("prev-guards-deadline", what, no_prev, deadline, token, right, **story.case())
    elsewhere_ = {"id": "other", "version": "1.0"}
    what = "An organisation proffers; the roster named is not held here."
    token = forge.token(SHOP, claims(SHOP, aud=PERSON.did, body=proffer(roster=elsewhere_)))
    frame: dict[str, Any] = {"known": (PERSON.did, SHOP_ID), "keys": {SHOP_ID: published(SHOP)}}
    right = opening(body=proffer(roster=elsewhere_))
    yield both("guards-person", what, person, roster, token, right, **frame)
    what = "The roster named is not held here; `answer_by` is now."
    token, right = (opening(body=proffer(answer_by=time(NOW), **c)) for c in ({"roster": elsewhere_}, {}))
    yield both("guards-roster", what, roster, deadline, token, right)
    what = "The alternative is not in the roster; `alternative_to` names no proffer."
    strange = {**REFERENCE["SD-BASE"], "id": "SD-OTHER"}
    token, right = (
        story.token(SHOP, "terms.alternative", alternative(story, alternative_to=nothing, **c))
        for c in ({"agreement": strange}, {})
    )
    yield both("guards-roster-alternative", what, listed, new_terms, token, right, **story.case())
    what = "The alternative is what was acceptable; its `answer_by` is now."
    token, right = (
        story.token(SHOP, "terms.alternative", alternative(story, answer_by=time(NOW), **c))
        for c in ({"agreement": REFERENCE["SD-BASE"]}, {})
    )
    yield both("guards-alternative", what, new_terms, deadline, token, right, **story.case())


# --- files -------------------------------------------------------------------------------------

README = """# Vectors

Each folder is one case: tokens as exact bytes, and what a home has to say of the last one.
A negative vector breaks exactly one rule and is otherwise right and correctly signed, so that a check that
is missing shows: the message is taken, or refused with another code. The folders are written by a program;
nothing in them is made by hand.

Two kinds of vectors break more than one rule:

- The folders `order-A-B` show the order of checks (VRM-ENV-036). They break two rules on purpose, and no
  third: one that the check A answers, and one that B would answer. `then` has the second.
- No row of terms needs `pthid` or `agr`. So a vector about a wrong one there also has one that its row does
  not need (VRM-THR-008), which is looked at later.

## A folder

| file | content |
|---|---|
| `README.md` | what it is, and which requirement it breaks |
| `token.jwt` | the token under test, without a newline; it may hold any bytes |
| `1.jwt`, `2.jwt`, ... | tokens that are sent first |
| `then.jwt` | in some `order-` folders: the token with the first of its two faults mended |
| `blob.bin` | in some folders: the bytes of a blob |
| `expect.json` | the circumstances and the verdict |

| member of `expect.json` | meaning |
|---|---|
| `kind` | `message`: the token is sent to a home as a message |
| `now` | the home's clock, in epoch seconds, when the token arrives |
| `home`, `dev` | the origin of the home; whether it is in development mode |
| `known` | addressees known at the start; who is or was a party of a stored thread is known as well |
| `keys` | origin to the `keys` and `historical_keys` of its discovery document; absent: it cannot be read |
| `boards` | boards of the home: name to URL |
| `blobs` | what was put before: the `file` with its bytes, `by` whom, and the clock `now` then |
| `thread` | what goes before, in order: `file`, the clock `now`, the `state` of its receipt; all are taken |
| `accept` | the verdict |
| `status`, `mid`, `state` | if taken: 202, or 200 for a repeat; the message id; the receipt's state |
| `status`, `code`, `requirement` | if refused: the status, the code, and the requirement that is broken |
| `covers` | further requirements that the vector shows |
| `then` | in the `order-` folders: what is answered once the first of the two faults is mended |

The references of these vectors have URLs below `HOME/v1/blobs/`: a home with others skips them.

An origin that has no member in `keys` has no discovery document that can be read (`key-unavailable`).

`then` has the `status`, `code` and `requirement` of the second fault. Its other members say how the first is
mended: `file` is the token to send in place of `token.jwt`; `now`, `known` or `thread` stand in for those of
the vector. Where it has none of these, no message has the second fault alone.

## How to run them, in any language

1. For each folder make an empty home with the origin `home`, the mode `dev`, this spec folder with its
   roster, and a clock that you set. Let `keys` stand in for fetching discovery documents, and take `known`
   as addressees, and `boards` as its boards.
2. Set the clock to the `now` of each entry of `thread` and hand its `file` over: it is taken, and the state
   is as said.
   The clock may go back between two tokens.
3. Set the clock to `now` and hand over `token.jwt` as it is on disk. Compare.
4. Where `then` has a way to mend the first fault, begin anew with it and compare with its verdict.

A reader without threads can run the vectors that have no `thread`, up to the first check that needs one.
The verdict is `code`. `requirement` is the rule that the vector breaks; where several refusals have to
be alike, as those of a rotation, a home names one for all of them.

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
