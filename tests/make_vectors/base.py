"""What all chapters share: keys, vectors, the right messages, stories of one thread.

Every key, time and id is fixed, so the same bytes come out each time. Nothing of the library is used: a
vector says what the protocol wants, not what the library does.
"""

from __future__ import annotations

import functools
import hashlib
import json
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
    removed: Sequence[Mapping[str, Any]] = ()
    """What the operator takes off its board after ``thread``: ``file`` that opened it, ``code``, ``now``."""
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
        if self.removed:
            made["removed"] = [dict(one) for one in self.removed]
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


# --- messages -----------------------------------------------------------------------------------


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
def agreed_once() -> Story:
    return agreed()


def rotate_with(ext: Json) -> tuple[bytes, dict[str, Any]]:
    """A right rotation whose extension has this raw value, and the frame for it."""
    story = agreed_once()
    payload = text(story.next(NEXT, "agent.rotate", rotation(story), ext={EXT: "@"})).encode()
    return forge.token(NEXT, payload.replace(b'"@"', forge.raw(ext))), story.case()


def strict(slug: str, requirement: str, what: str, ext: Json) -> Vector:
    token, frame = rotate_with(ext)
    return refused(slug, requirement, "json-invalid", what, token, **frame)


def fine(slug: str, what: str, ext: Json) -> Vector:
    token, frame = rotate_with(ext)
    return taken(slug, "agreed", what, token, **frame)


def spaced(length: int) -> bytes:
    """A token of this length, by spaces between two members (which JSON allows)."""
    start = text(claims(PERSON))
    for spaces in range(length * 3 // 4 - 2000, length):
        made = forge.token(PERSON, start.replace(",", "," + " " * spaces, 1))
        if len(made) >= length:
            return made
    raise AssertionError("not reached")


def with_padding(segment: str) -> str:
    return segment + "=" * (-len(segment) % 4 or 4)


def fake(
    jwk: Json, alg: str = "Ed25519", kid: str = "", signature: bytes = bytes(64), salt: str = ""
) -> bytes:
    """A proffer in the name of a did:jwk around these bytes, signed by nobody."""
    payload = claims(PERSON, salt=salt, iss=forge.did(jwk))
    return forge.token(PERSON, payload, {"alg": alg, "kid": kid or "A" * 43, "typ": "vrm+jwt"}, signature)


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
