"""I-JSON read strictly: what a text is, and which rules of message.md "JSON" it breaks. No I/O."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

__all__ = ["MAX_DEPTH", "dumps", "read"]

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

UTF8, OBJECT, NAMES, CONSTANTS, SURROGATES, DEPTH, NUMBERS = (f"VRM-ENV-{n:03d}" for n in range(5, 12))

_LONG_NUMBER = re.compile(rb"[0-9]{16}")


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8, members in the order they have."""
    return orjson.dumps(value)


def read(data: bytes) -> tuple[dict[str, Any], frozenset[str]]:
    """Read one JSON object leniently and tell which rules it breaks, by requirement id.

    Text that serialises again to its own bytes cannot hold a name twice, a constant, a surrogate, a byte
    order mark or white space: most messages are done with that and two counts.
    """
    try:
        value = orjson.loads(data)
        shallow = data.count(b"{") + data.count(b"[") <= MAX_DEPTH and not _LONG_NUMBER.search(data)
        if shallow and isinstance(value, dict) and orjson.dumps(value) == data:
            return value, frozenset()
    except ValueError:
        pass
    return _read_slowly(data)


def _read_slowly(data: bytes) -> tuple[dict[str, Any], frozenset[str]]:
    broken: set[str] = set()

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(members)
        if len(names) != len(members):
            broken.add(NAMES)
        return names

    def constant(name: str) -> float:
        broken.add(CONSTANTS)
        return float(name)

    def integer(digits: str) -> int:
        if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
            broken.add(NUMBERS)
            return 0
        return int(digits)

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            broken.add(NUMBERS)
            return 0.0
        return value

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        broken.add(UTF8)
        text = data.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        broken.add(UTF8)
        text = text[1:]
    decoder = json.JSONDecoder(
        object_pairs_hook=pairs, parse_constant=constant, parse_int=integer, parse_float=number
    )
    try:
        value = decoder.decode(text)
    except RecursionError:
        return {}, frozenset(broken | {DEPTH})
    except ValueError:
        return {}, frozenset(broken | {OBJECT})
    if not isinstance(value, dict):
        return {}, frozenset(broken | {OBJECT})
    return value, frozenset(broken | _walk(value))


def _walk(value: Any) -> set[str]:
    """What only a look at every value tells: depth and lone surrogates."""
    broken: set[str] = set()
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += any(isinstance(v, dict | list) for v in level)
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str) and any("\ud800" <= c <= "\udfff" for c in item):
                broken.add(SURROGATES)
        level = below
    if depth > MAX_DEPTH:
        broken.add(DEPTH)
    return broken
