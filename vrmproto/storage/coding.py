"""How SQL rows hold ids, threads and keys."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import MISSING, fields

import orjson

from vrmproto import strictjson
from vrmproto.keys import PublicKey, from_jwk
from vrmproto.model import Thread

__all__ = ["body_of", "keys_from", "keys_of", "pack", "seek", "thread_from", "unpack"]

_TO_STANDARD = bytes.maketrans(b"-_+/", b"+/\0\0")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")

_LAST = frozenset("AEIMQUYcgkosw048")

_COLUMNS = ("thid", "first", "second")
_FIELDS = tuple(field.name for field in fields(Thread) if field.name not in _COLUMNS)
_DEFAULTS = {
    field.name: field.default_factory() if field.default_factory is not MISSING else field.default
    for field in fields(Thread)
}
_TUPLES = tuple(name for name, value in _DEFAULTS.items() if isinstance(value, tuple))


def pack(text: str) -> bytes:
    """The 32 bytes of an id; ValueError if it is not the 43 characters of one."""
    data = seek(text)
    if data is None:
        raise ValueError(f"not an id: {text[:60]!r}")
    return data


def seek(text: str) -> bytes | None:
    """The 32 bytes of an id to look up; None for a text that can be no id, so that nothing is found."""
    # Two bits of the last character are not used: another spelling of the same bytes would be another id.
    if len(text) != 43 or text[-1] not in _LAST:
        return None
    try:
        return binascii.a2b_base64(text.encode("ascii").translate(_TO_STANDARD) + b"=", strict_mode=True)
    except ValueError:
        return None


def unpack(data: bytes) -> str:
    """The id of its 32 bytes."""
    return binascii.b2a_base64(data, newline=False).translate(_FROM_STANDARD)[:-1].decode()


def body_of(thread: Thread) -> bytes:
    """What a thread's row holds beside its columns; fields that have their default are left out."""
    members = {}
    for name in _FIELDS:
        value = getattr(thread, name)
        if value != _DEFAULTS[name]:
            members[name] = value
    return strictjson.dumps(members)


def thread_from(thid: str, first: str, second: str, body: bytes) -> Thread:
    """The thread of a row."""
    members = orjson.loads(body)
    for name in _TUPLES:
        if name in members:
            members[name] = tuple(members[name])
    return Thread(thid=thid, first=first, second=second, **members)


def keys_of(keys: Mapping[str, PublicKey]) -> str:
    """Public keys by kid as JSON."""
    return strictjson.dumps({kid: dict(key.jwk) for kid, key in keys.items()}).decode()


def keys_from(text: str) -> dict[str, PublicKey]:
    """Public keys of their JSON."""
    return {kid: from_jwk(jwk) for kid, jwk in orjson.loads(text).items()}
