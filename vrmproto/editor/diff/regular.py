"""Whether one pattern admits what another refuses, decided exactly: by derivatives of regular expressions.

Knows the dialect of patterns in schemas (classes, counts, groups, looks ahead, ``^`` and ``$``). What it
does not know, or what would take too long, is :class:`Undecided`, and never a guess.

Source: Brzozowski, "Derivatives of Regular Expressions", 1964.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

__all__ = ["Term", "Undecided", "both", "either", "exactly", "language", "length", "negated", "shortest"]

Term = tuple[Any, ...]
"""A set of strings: ``(kind, ...)``, see the functions that make one."""

MOST_STATES = 12_000
LAST_CODE_POINT = 0x10FFFF

NONE: Term = ("none",)
EMPTY: Term = ("empty",)
CHARACTER: Term = ("set", ((0, LAST_CODE_POINT),))
ANY: Term = ("many", CHARACTER, 0, None)


class Undecided(Exception):
    """A pattern that is not understood, or one that takes too long."""


# --- terms, each in one form -------------------------------------------------------------------


def chain(first: Term, then: Term) -> Term:
    """What is ``first`` and goes on as ``then``."""
    if NONE in (first, then):
        return NONE
    if first == EMPTY:
        return then
    if then == EMPTY:
        return first
    if first[0] == "chain":
        return chain(first[1], chain(first[2], then))
    return ("chain", first, then)


def either(*terms: Term) -> Term:
    """What is one of these."""
    flat = {t for term in terms for t in (term[1] if term[0] == "either" else (term,))} - {NONE}
    if ANY in flat:
        return ANY
    return ("either", frozenset(flat)) if len(flat) > 1 else next(iter(flat), NONE)


def both(*terms: Term) -> Term:
    """What is each of these."""
    flat = {t for term in terms for t in (term[1] if term[0] == "both" else (term,))} - {ANY}
    if NONE in flat:
        return NONE
    return ("both", frozenset(flat)) if len(flat) > 1 else next(iter(flat), ANY)


def negated(term: Term) -> Term:
    """What is not this."""
    if term[0] == "not":
        inner: Term = term[1]
        return inner
    return {NONE: ANY, ANY: NONE}.get(term, ("not", term))


def many(term: Term, least: int, most: int | None) -> Term:
    """This, so many times."""
    if most == 0 or term == EMPTY:
        return EMPTY
    if term == NONE:
        return EMPTY if least == 0 else NONE
    return term if (least, most) == (1, 1) else ("many", term, least, most)


def length(least: int, most: int | None) -> Term:
    """Strings with so many characters."""
    return NONE if most is not None and most < least else many(CHARACTER, least, most)


def exactly(text: str) -> Term:
    """This string alone."""
    found = EMPTY
    for character in reversed(text):
        found = chain(("set", ((ord(character), ord(character)),)), found)
    return found


@functools.lru_cache(maxsize=100_000)
def _has_empty(term: Term) -> bool:
    kind = term[0]
    if kind == "chain":
        return _has_empty(term[1]) and _has_empty(term[2])
    if kind == "either":
        return any(map(_has_empty, term[1]))
    if kind == "both":
        return all(map(_has_empty, term[1]))
    if kind == "not":
        return not _has_empty(term[1])
    return kind == "empty" or (kind == "many" and (term[2] == 0 or _has_empty(term[1])))


@functools.lru_cache(maxsize=200_000)
def _after(term: Term, code: int) -> Term:
    """What may follow the character."""
    kind = term[0]
    if kind == "set":
        return EMPTY if any(low <= code <= high for low, high in term[1]) else NONE
    if kind == "chain":
        going = chain(_after(term[1], code), term[2])
        return either(going, _after(term[2], code)) if _has_empty(term[1]) else going
    if kind == "either":
        return either(*(_after(t, code) for t in term[1]))
    if kind == "both":
        return both(*(_after(t, code) for t in term[1]))
    if kind == "not":
        return negated(_after(term[1], code))
    if kind == "many":
        _, inner, least, most = term
        rest = many(inner, max(least - 1, 0), None if most is None else most - 1)
        return chain(_after(inner, code), rest)
    return NONE


def _edges(term: Term) -> set[int]:
    """Where a class of characters begins, or another one behind it."""
    kind = term[0]
    if kind == "set":
        return {edge for low, high in term[1] for edge in (low, high + 1)}
    if kind in ("either", "both"):
        return {edge for one in term[1] for edge in _edges(one)}
    inner = [term[1], term[2]] if kind == "chain" else [term[1]] if kind in ("many", "not") else []
    return {edge for one in inner for edge in _edges(one)}


_LIKED = [ord(c) for c in "aA0b1-. /:_é"]


def _representatives(term: Term) -> list[int]:
    """One character of each class that the term can tell apart, those that read well first."""
    edges = sorted(e for e in _edges(term) | {0, 0xD800, 0xE000} if e <= LAST_CODE_POINT)
    ranges = list(zip(edges, [*edges[1:], LAST_CODE_POINT + 1], strict=True))
    found = []
    for low, high in ranges:
        if not 0xD800 <= low < 0xE000:
            shown = max(low, 33) if high > 33 else low
            found.append(next((c for c in _LIKED if low <= c < high), shown))
    rank = {code: n for n, code in enumerate(_LIKED)}
    return sorted(found, key=lambda c: (rank.get(c, 99), not 33 <= c < 127, c))


@functools.lru_cache(maxsize=2_000)
def shortest(term: Term) -> str | None:
    """A shortest string of the set; None if there is none. Raises :class:`Undecided`."""
    alphabet = _representatives(term)
    before: dict[Term, tuple[Term, int] | None] = {term: None}
    waiting = [term]
    while waiting:
        following = []
        for state in waiting:
            if _has_empty(state):
                return _way(before, state)
            for code in alphabet:
                after = _after(state, code)
                if after != NONE and after not in before:
                    before[after] = (state, code)
                    following.append(after)
        if len(before) > MOST_STATES:
            raise Undecided("too many states")
        waiting = following
    return None


def _way(before: dict[Term, tuple[Term, int] | None], state: Term) -> str:
    found = []
    while step := before[state]:
        state, code = step
        found.append(chr(code))
    return "".join(reversed(found))


# --- patterns ----------------------------------------------------------------------------------

_COUNT = re.compile(r"([*+?])|\{([0-9]+)(,([0-9]*))?\}")
_ESCAPES = {"n": 10, "r": 13, "t": 9}


@functools.lru_cache(maxsize=500)
def language(pattern: str) -> Term:
    """The strings that a pattern finds something in. Raises :class:`Undecided`."""
    return _Reader(pattern).whole()


Going = Callable[[Term], Term]
"""A part of a pattern: from what comes behind it to the whole."""


class _Reader:
    """Reads a pattern from left to right; a part is made when what follows it is known."""

    def __init__(self, pattern: str) -> None:
        self.text, self.at, self.depth = pattern, 0, 0

    def whole(self) -> Term:
        begun = self.text.startswith("^")
        self.at += begun
        part = self.choice()
        if self.at < len(self.text):
            raise Undecided(f"{self.text[self.at]} at {self.at}")
        found = part(ANY)
        return found if begun else chain(ANY, found)

    def choice(self) -> Going:
        parts = [self.row()]
        while self.text.startswith("|", self.at):
            if self.depth == 0 and self.text.startswith("^"):
                raise Undecided("an alternative outside of a group")
            self.at += 1
            parts.append(self.row())
        return lambda then: either(*(part(then) for part in parts))

    def row(self) -> Going:
        parts: list[Going] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.counted(*self.atom()))

        def whole(then: Term) -> Term:
            for part in reversed(parts):
                then = part(then)
            return then

        return whole

    def counted(self, part: Going, plain: bool) -> Going:
        count = _COUNT.match(self.text, self.at)
        if count is None:
            return part
        self.at = count.end()
        if self.text.startswith("?", self.at):
            self.at += 1  # a lazy count finds the same strings
        least, most = _bounds(count)
        if plain:
            return lambda then: chain(many(part(EMPTY), least, most), then)
        if (least, most) != (0, 1):
            raise Undecided("a look ahead that is repeated")
        return lambda then: either(part(then), then)

    def atom(self) -> tuple[Going, bool]:
        """A part, and whether it is so whatever follows it."""
        character = self.text[self.at]
        if character == "(":
            return self.group()
        if character == "$":
            self.at += 1
            return (lambda then: both(EMPTY, then)), False
        if character in "^.*+?{":
            raise Undecided(f"{character} at {self.at}")
        ranges = self.set() if character == "[" else [self.one()]
        term = ("set", _joined(ranges))
        return (lambda then: chain(term, then)), True

    def group(self) -> tuple[Going, bool]:
        start = self.at
        mark = next((m for m in ("(?:", "(?=", "(?!") if self.text.startswith(m, start)), "(")
        if mark == "(" and self.text.startswith("(?", start):
            raise Undecided(f"a group at {start}")
        self.at += len(mark)
        self.depth += 1
        part = self.choice()
        self.depth -= 1
        if not self.text.startswith(")", self.at):
            raise Undecided("a group without an end")
        self.at += 1
        if mark == "(?=":
            return (lambda then: both(part(ANY), then)), False
        if mark == "(?!":
            return (lambda then: both(negated(part(ANY)), then)), False
        inner = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "", self.text[start : self.at])
        return part, not re.search(r"\(\?[=!]|\$", inner)

    def one(self) -> tuple[int, int]:
        character = self.text[self.at]
        self.at += 1
        if character == "\\":
            escaped = self.text[self.at : self.at + 1]
            self.at += 1
            if not escaped or (escaped.isalnum() and escaped not in _ESCAPES):
                raise Undecided(f"\\{escaped}")
            code = _ESCAPES.get(escaped, ord(escaped))
            return code, code
        return ord(character), ord(character)

    def set(self) -> list[tuple[int, int]]:
        self.at += 1
        negative = self.text.startswith("^", self.at)
        self.at += negative
        ranges: list[tuple[int, int]] = []
        while self.at < len(self.text) and self.text[self.at] != "]":
            low, high = self.one()
            if self.text.startswith("-", self.at) and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.one()[1]
            ranges.append((low, high))
        if self.at >= len(self.text) or not ranges:
            raise Undecided("a class without an end")
        self.at += 1
        return _others(_joined(ranges)) if negative else ranges


def _bounds(count: re.Match[str]) -> tuple[int, int | None]:
    sign, least, comma, most = count.groups()
    if sign:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
    return int(least), (int(most) if most else None) if comma else int(least)


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def _others(ranges: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    found, start = [], 0
    for low, high in ranges:
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    if start <= LAST_CODE_POINT:
        found.append((start, LAST_CODE_POINT))
    return found
