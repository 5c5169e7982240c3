"""Conversations as data: symbolic, so that all can be said again with fresh keys, ids and times.

A template is text in which ``${...}`` stands for what differs each time:

| placeholder | what |
|---|---|
| ``${id:NAME}`` ``${kid:NAME}`` ``${alg:NAME}`` | the identifier of a party, and its key |
| ``${mid:LABEL}`` | the id of an earlier step's message |
| ``${epoch:+N}`` ``${time:+N}`` | N seconds from the beginning of the conversation |
| ``${home}`` ``${board:N}`` ``${blobs}`` | the target, its Nth board, the URL before the digest of a blob |
| ``${digest:N}`` | the digest of the Nth file |
| ``${jti:N}`` | a fresh id of N letters |
| ``${token:N}`` | the Nth inner token of the step |

Templates hold bytes as latin-1 text, so that a token that is no UTF-8 has one too.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from conformance import jose, twists
from conformance.jose import Key

__all__ = [
    "Bindings",
    "Edit",
    "Missing",
    "Step",
    "Token",
    "Trace",
    "from_json",
    "message",
    "render",
    "signature",
    "stamp",
]

_HOLE = re.compile(r"\$\{([a-z]+)(?::([^}]*))?\}")


class Missing(Exception):
    """A template names something that this conversation does not have."""


@dataclass(frozen=True)
class Edit:
    """A spelling of a segment other than the one: ``put`` in place of ``drop`` letters at ``at``."""

    at: int
    drop: int
    put: str

    def apply(self, segment: str) -> str:
        """The segment with the edit."""
        at = self.at if self.at >= 0 else len(segment) + 1 + self.at
        return segment[:at] + self.put + segment[at + self.drop :]


@dataclass(frozen=True)
class Token:
    """The template of a token. ``sign`` says how: a twist or ``hmac`` with a name, or ``text:...``."""

    header: str = ""
    payload: str = ""
    sign: str = ""
    inner: tuple[Token, ...] = ()
    edits: tuple[Edit | None, Edit | None, Edit | None] = (None, None, None)
    over_edited: bool = False
    """The signature is over the segments as edited."""
    length: int = 0
    """The bytes of the payload, where they matter: the longest run of one letter is filled up to them."""
    residue: int = -1
    """The bytes of the payload modulo 3, where a spelling depends on them: its ``jti`` grows to fit."""
    literal: str = ""
    """The whole token, where nothing in it differs from time to time."""


@dataclass(frozen=True)
class Step:
    """One thing that is done: ``send``, ``put``, ``remove``; in walks also ``wait``, ``state``, ``inbox``."""

    op: str
    label: str = ""
    by: str = ""
    token: Token | None = None
    seconds: float = 0
    of: str = ""
    """The message that opened what is removed, or that is said again; the number of the file that is put."""
    code: str = ""
    expect: Mapping[str, Any] = field(default_factory=dict)
    """``status``, and ``state`` or ``code``; empty where any answer will do."""
    about: str = ""
    """What it is, for people."""


@dataclass(frozen=True)
class Trace:
    """A conversation. ``requirement`` is what is broken if its last answer is another."""

    name: str
    requirement: str
    steps: tuple[Step, ...]
    parties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name to ``{"alg": ..., "is": person | vendor | organisation, ...}``."""
    profile: str = "core"
    covers: tuple[str, ...] = ()
    files: tuple[int, ...] = ()
    """The sizes of its files, whose bytes are fresh each time."""
    only: str = ""
    """``https``: it makes sense only for a home whose origin has no port."""

    def to_json(self) -> dict[str, Any]:
        """As a replay file has it."""
        return asdict(self)


def from_json(document: Mapping[str, Any]) -> Trace:
    """A trace of a replay file; KeyError, TypeError where it is none."""

    def token(one: Mapping[str, Any] | None) -> Token | None:
        if one is None:
            return None
        first, second, third = (None if e is None else Edit(**e) for e in one["edits"])
        inner = tuple(t for t in map(token, one["inner"]) if t is not None)
        return Token(**{**one, "inner": inner, "edits": (first, second, third)})

    steps = tuple(Step(**{**step, "token": token(step["token"])}) for step in document["steps"])
    return Trace(
        **{**document, "steps": steps, "covers": tuple(document["covers"]), "files": tuple(document["files"])}
    )


@dataclass
class Bindings:
    """What the placeholders stand for this time."""

    began: int
    home: str
    blobs: str = ""
    boards: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    mids: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    """Label to token."""
    files: list[bytes] = field(default_factory=list)

    def fill(self, template: str, inner: Sequence[str] = ()) -> str:
        """A template with everything put in; Missing."""

        def one(found: re.Match[str]) -> str:
            kind, name = found[1], found[2] or ""
            try:
                return self._value(kind, name, inner)
            except (KeyError, IndexError):
                raise Missing(f"{found[0]} stands for nothing here") from None

        return _HOLE.sub(one, template)

    def _value(self, kind: str, name: str, inner: Sequence[str]) -> str:
        if kind == "id":
            return self.ids[name]
        if kind == "kid":
            return self.keys[name].kid
        if kind == "alg":
            return self.keys[name].alg
        if kind == "mid":
            return self.mids[name]
        if kind == "digest":
            return jose.digest(self.files[int(name)])
        if kind == "epoch":
            return str(self.began + int(name))
        if kind == "time":
            return stamp(self.began + int(name))
        if kind == "jti":
            return secrets.token_urlsafe(64)[: int(name)]
        if kind == "token":
            return inner[int(name)]
        if kind == "board":
            return self.boards[int(name)]
        return {"home": self.home, "blobs": self.blobs}[kind]


def stamp(epoch: int) -> str:
    """A time as the protocol writes it."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render(token: Token, bindings: Bindings) -> bytes:
    """The bytes of a token, freshly signed; Missing."""
    if token.literal:
        return token.literal.encode("latin-1")
    inner = [render(one, bindings).decode() for one in token.inner]
    header, payload = (bindings.fill(part, inner).encode("latin-1") for part in (token.header, token.payload))
    if token.residue >= 0 and len(payload) % 3 != token.residue:
        payload = _grown(token.payload, inner, bindings, token.residue)
    if token.length:
        payload = _filled(payload, token.length)
    clean = [jose.b64(header), jose.b64(payload)]
    edited = [edit.apply(part) if edit else part for part, edit in zip(clean, token.edits[:2], strict=True)]
    last = signature(token.sign, ".".join(edited if token.over_edited else clean), bindings)
    edit = token.edits[2]
    return ".".join([*edited, edit.apply(last) if edit else last]).encode("latin-1")


def _grown(template: str, inner: Sequence[str], bindings: Bindings, residue: int) -> bytes:
    """The payload with a longer ``jti``, so long that its spelling ends as it has to."""
    longer = [template]
    for _ in range(2):
        longer.append(re.sub(r"(?<=\$\{jti:)\d+", lambda found: str(int(found[0]) + 1), longer[-1]))
    made = [bindings.fill(one, inner).encode("latin-1") for one in longer]
    return next((one for one in made if len(one) % 3 == residue), made[0])


def _filled(payload: bytes, length: int) -> bytes:
    longest = max(re.finditer(rb"(.)\1*", payload), key=lambda found: len(found[0]))
    run = len(longest[0]) + length - len(payload)
    return payload[: longest.start()] + longest[1] * max(run, 0) + payload[longest.end() :]


def signature(how: str, signing_input: str, bindings: Bindings) -> str:
    """The third segment; Missing."""
    kind, _, name = how.partition(":")
    if kind == "text":
        return name
    key = bindings.keys.get(name)
    if key is None:
        raise Missing(f"there is no key {name}")
    data = signing_input.encode("latin-1")
    if kind == "hmac":
        return jose.b64(twists.hmac_of(key.jwk, data))
    return jose.b64(twists.twisted(kind, key.sign(data)))


def message(
    key: str, type_: str, body: Any, *, aud: str, jti: int = 22, lasts: int = 3600, **claims: Any
) -> Token:
    """The template of a right message; names of parties and labels stand in the placeholders of its body."""
    payload = {
        "vrm": "1.0",
        "home": "${home}",
        "type": type_,
        "iss": f"${{id:{key}}}",
        "aud": aud,
        "jti": f"${{jti:{jti}}}",
        "iat": "${epoch:+0}",
        "exp": f"${{epoch:+{lasts}}}",
        "body": body,
        **claims,
    }
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    text = re.sub(r'"(\$\{epoch:[+-]\d+\})"', r"\1", text)
    header = f'{{"alg":"${{alg:{key}}}","kid":"${{kid:{key}}}","typ":"vrm+jwt"}}'
    return Token(header, text.encode().decode("latin-1"), f"key:{key}")
