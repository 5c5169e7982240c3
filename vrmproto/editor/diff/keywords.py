"""What changed in schemas by their structure: a closed table, keyword by keyword.

Says what a change *may* do, never too little: whether it does is found out by values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrmproto.editor.diff import regular
from vrmproto.editor.diff.sides import TOLD, Place, Side, escaped
from vrmproto.errors import SpecError

__all__ = ["EVERY", "KEYWORDS", "Key", "Step", "alternatives_differ", "compare", "text_language"]

Key = tuple[str, str, str]
"""Where a value is refused: file, JSON Pointer of the keyword, and the member that is amiss or nothing."""

EVERY = "*"
"""Instead of a member: any of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One keyword that changed, and what it may do to values."""

    place: Place
    """Where it is told; with the keyword behind it, it is the pointer."""
    keyword: str
    what: str
    narrows: bool = False
    """Something may be refused now that was taken."""
    widens: bool = False
    """Something may be taken now that was refused."""
    old: Place | None = None
    """The schema in the old version whose values it is about."""
    new: Place | None = None
    refused_old: frozenset[Key] = frozenset()
    refused_new: frozenset[Key] = frozenset()
    loose: bool = False
    """It is about members that no schema names."""
    editorial: bool = False

    @property
    def pointer(self) -> str:
        """The JSON Pointer of what changed."""
        return f"{self.place[1]}/{self.keyword}" if self.keyword else self.place[1]


Said = tuple[Place, Any]
"""The value of a keyword, and the schema that says it."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two schemas that are compared: all their keywords, and where it is told."""

    old: Place
    new: Place
    told: Place | None
    before: Mapping[str, Said]
    after: Mapping[str, Said]

    @property
    def place(self) -> Place:
        return self.told or self.new

    def values(self, keyword: str, default: Any = None) -> tuple[Any, Any]:
        nothing = (self.old, default)
        return self.before.get(keyword, nothing)[1], self.after.get(keyword, nothing)[1]


def compare(old: Side, new: Side, path: str) -> list[Step]:
    """What changed in a file that both sides have; SpecError for a keyword that is not known."""
    comparison = _Comparison(old, new)
    comparison.schemas((path, ""), (path, ""), None)
    before, after = (side.schemas[path].get("$defs", {}) for side in (old, new))
    for name in sorted(before.keys() | after.keys()):
        place = (path, f"/$defs/{escaped(name)}")
        if name in before and name in after:
            comparison.schemas(place, place, None)
        else:
            what = f"the definition {name} is {'new' if name in after else 'gone'}"
            comparison.found.append(Step(place, "", what, editorial=True))
    return comparison.found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}"


def _change(before: Any, after: Any) -> str:
    if before is None:
        return f"is new: {_shown(after)}"
    return f"is gone, it was {_shown(before)}" if after is None else f"{_shown(before)} -> {_shown(after)}"


class _Comparison:
    def __init__(self, old: Side, new: Side) -> None:
        self.old, self.new = old, new
        self.found: list[Step] = []
        self._seen: set[tuple[Place, Place, Place | None]] = set()

    def schemas(self, old: Place, new: Place, told: Place | None) -> None:
        """Compare two schemas; what is found is told at their own places or at ``told``."""
        if (old, new, told) in self._seen:
            return
        self._seen.add((old, new, told))
        if self.old.leads(old) == self.new.leads(new):
            before = {k: (old, v) for k, v in self.old.at(old).items() if k != "$ref"}
            after = {k: (new, v) for k, v in self.new.at(new).items() if k != "$ref"}
        else:
            told = told or new
            before, after = self.old.keywords(old), self.new.keywords(new)
            if self.old.doubled(old) or self.new.doubled(new):
                # what two places say at once is not reckoned; values decide
                self._add(_Pair(old, new, told, {}, {}), "$ref", "leads elsewhere", narrows=True, widens=True)
                return
        for side, place, said in (("old", old, before), ("new", new, after)):
            for keyword in said:
                if keyword not in KEYWORDS:
                    where = f"{said[keyword][0][0]}#{said[keyword][0][1] or place[1]}"
                    raise SpecError(f"{where} ({side}): the keyword {keyword} is not known")
        pair = _Pair(old, new, told, before, after)
        apart = len({pair.values("type")[n] for n in (0, 1)} - {None}) == 2
        for keyword, judge in KEYWORDS.items():
            # where no value fits both, the type says all
            bound = keyword not in TOLD and keyword != "type"
            if (keyword in before or keyword in after) and not (apart and bound):
                judge(self, pair, keyword)

    def _add(self, pair: _Pair, keyword: str, what: str, **more: Any) -> None:
        keys = more.pop("keys", (keyword,))
        detail = more.pop("detail", "")
        place = more.pop("place", pair.place)

        def refused(said: Mapping[str, Said], own: Place) -> frozenset[Key]:
            found = set()
            for name in keys:
                file, pointer = said[name][0] if name in said else own
                found.add((file, f"{pointer}/{name}", detail))
            return frozenset(found)

        self.found.append(
            Step(
                place,
                keyword,
                what,
                old=pair.old,
                new=pair.new,
                refused_old=refused(pair.before, pair.old),
                refused_new=refused(pair.after, pair.new),
                **more,
            )
        )

    # --- one method a kind of keyword; KEYWORDS names them ---

    def words(self, pair: _Pair, keyword: str) -> None:
        """Titles and other text: nothing is judged by it."""
        before, after = pair.values(keyword)
        if before != after and pair.told is None:
            said = f"{keyword} changed" if before and after else f"{keyword} is {'new' if after else 'gone'}"
            self._add(pair, keyword, said, editorial=True)

    def apart(self, pair: _Pair, keyword: str) -> None:
        """Keywords that are judged elsewhere."""

    def mark(self, pair: _Pair, keyword: str) -> None:
        """``x-ext`` and ``x-profile``: which messages carry extensions, and who has to know the type."""
        before, after = pair.values(keyword, True if keyword == "x-ext" else None)
        if before != after:
            ext = keyword == "x-ext"
            what = f"{keyword} {_change(before, after)}"
            self._add(pair, keyword, what, narrows=ext and not after, widens=ext and bool(after))

    def type(self, pair: _Pair, keyword: str) -> None:
        before, after = pair.values(keyword)
        if before != after:
            what = f"type {_change(before, after)}"
            self._add(pair, keyword, what, narrows=after is not None, widens=before is not None)

    def listed(self, pair: _Pair, keyword: str) -> None:
        """``enum`` and ``const`` together: which values there are."""
        if keyword == "const" and ("enum" in pair.before or "enum" in pair.after):
            return
        before, after = _allowed(pair.before), _allowed(pair.after)
        if before == after:
            return
        gone = None if before is None else before - (after if after is not None else before)
        more = None if after is None else after - (before if before is not None else after)
        parts = [f"without {_some(gone)}"] if gone else []
        parts += [f"also {_some(more)}"] if more else []
        what = f"{keyword} {', '.join(parts) or ('is new' if before is None else 'is gone')}"
        narrows, widens = bool(gone) or before is None, bool(more) or after is None
        keys = [k for k in ("const", "enum") if k in pair.before or k in pair.after]
        self._add(pair, keyword, what, narrows=narrows, widens=widens, keys=keys)

    def upper(self, pair: _Pair, keyword: str) -> None:
        self._bound(pair, keyword, lambda before, after: after < before)

    def lower(self, pair: _Pair, keyword: str) -> None:
        self._bound(pair, keyword, lambda before, after: after > before)

    def _bound(self, pair: _Pair, keyword: str, narrower: Callable[[Any, Any], bool]) -> None:
        before, after = pair.values(keyword)
        if before == after or (keyword.startswith("min") and keyword != "minimum" and not (before or after)):
            return
        narrows = before is None or (after is not None and narrower(before, after))
        self._text(pair, keyword, before, after, narrows, not narrows)

    def pattern(self, pair: _Pair, keyword: str) -> None:
        before, after = pair.values(keyword)
        if before != after:
            self._text(pair, keyword, before, after, after is not None, before is not None)

    def _text(self, pair: _Pair, keyword: str, before: Any, after: Any, narrows: bool, widens: bool) -> None:
        """A keyword that binds strings: what their languages rule out is not told."""
        if keyword in _OF_TEXT and ("pattern" in pair.before or "pattern" in pair.after):
            narrows = narrows and _exceeds(pair.before, pair.after)
            widens = widens and _exceeds(pair.after, pair.before)
        what = f"{keyword} {_change(before, after)}"
        keys = _OF_TEXT if keyword in _OF_TEXT else (keyword,)
        self._add(pair, keyword, what, narrows=narrows, widens=widens, keys=keys)

    def switch(self, pair: _Pair, keyword: str) -> None:
        """``format`` and ``uniqueItems``: what is said more binds more."""
        before, after = pair.values(keyword)
        if before != after:
            what = f"{keyword} {_change(before, after)}"
            self._add(pair, keyword, what, narrows=after is not None, widens=before is not None)

    def required(self, pair: _Pair, keyword: str) -> None:
        before, after = (set(names) for names in pair.values(keyword, ()))
        for name in sorted(after - before):
            self._add(pair, keyword, f"{name} is required now", narrows=True, detail=name)
        for name in sorted(before - after):
            self._add(pair, keyword, f"{name} is not required any more", widens=True, detail=name)

    def inner(self, pair: _Pair, keyword: str) -> None:
        """``items`` and ``propertyNames``: one schema inside."""
        before, after = pair.before.get(keyword), pair.after.get(keyword)
        if before and after:
            self._inside(pair, before[0], after[0], keyword)
        elif before or after:
            what = f"{keyword} is {'new' if after else 'gone'}"
            self._add(pair, keyword, what, narrows=bool(after), widens=bool(before))

    def _inside(self, pair: _Pair, old: Place, new: Place, way: str) -> None:
        self.schemas((old[0], f"{old[1]}/{way}"), (new[0], f"{new[1]}/{way}"), pair.told)

    def properties(self, pair: _Pair, keyword: str) -> None:
        before, after = pair.values(keyword, {})
        for name in dict.fromkeys([*before, *after]):
            way = f"{keyword}/{escaped(name)}"
            if name in before and name in after:
                self._inside(pair, pair.before[keyword][0], pair.after[keyword][0], way)
            else:
                self._member(pair, name, way, new=name in after)

    def _member(self, pair: _Pair, name: str, way: str, *, new: bool) -> None:
        """A member is named by one side alone: what does the other side say of it?"""
        has, lacks = (pair.after, pair.before) if new else (pair.before, pair.after)
        file, pointer = has["properties"][0]
        others, other = lacks.get("additionalProperties", (None, None))
        place = (pair.place[0], f"{pair.place[1]}/properties/{escaped(name)}")
        if others is not None and isinstance(other, dict):
            rest, own = (others[0], f"{others[1]}/additionalProperties"), (file, f"{pointer}/{way}")
            self.schemas(*((rest, own) if new else (own, rest)), place)
            return
        closed = other is False
        what = f"the member {name} is {'new' if new else 'gone'}"
        if not closed:
            what += "; who does not know it ignores it"
        self._add(
            pair, "", what, narrows=closed and not new, widens=closed and new, place=place,
            keys=("additionalProperties",), detail=name,
        )  # fmt: skip

    def additional(self, pair: _Pair, keyword: str) -> None:
        before, after = pair.values(keyword)
        if isinstance(before, dict) and isinstance(after, dict):
            self._inside(pair, pair.before[keyword][0], pair.after[keyword][0], keyword)
        elif before != after:
            narrows = after is False or (before is None and after is not None)
            widens = before is False or (after is None and before is not None)
            what = f"{keyword} {_change(before, after)}"
            self._add(pair, keyword, what, narrows=narrows, widens=widens, loose=True, detail=EVERY)

    def alternatives(self, pair: _Pair, keyword: str) -> None:
        """``oneOf``: those that are equal belong together, then the others in their order."""
        before, after = pair.values(keyword, [])
        if not before or not after:
            what = f"{keyword} is {'new' if after else 'gone'}"
            self._add(pair, keyword, what, narrows=bool(after), widens=bool(before))
            return
        (old_file, old_at), (new_file, new_at) = pair.before[keyword][0], pair.after[keyword][0]
        olds: Sequence[int] = range(len(before))
        news: Sequence[int] = range(len(after))
        if old_file == new_file:  # else one reference may lead to two places
            olds, news = _unequal(before, after)
        for one, other in zip(olds, news, strict=False):
            self.schemas(
                (old_file, f"{old_at}/oneOf/{one}"), (new_file, f"{new_at}/oneOf/{other}"), pair.told
            )
        for n in olds[len(news) :]:
            self._add(pair, keyword, f"the alternative {n} is gone: {_shown(before[n])}", narrows=True)
        for n in news[len(olds) :]:
            self._add(pair, keyword, f"the alternative {n} is new: {_shown(after[n])}", widens=True)


def _unequal(before: list[Any], after: list[Any]) -> tuple[Sequence[int], Sequence[int]]:
    """The places of alternatives that the other side has not, or not as often."""
    left = [json.dumps(one, sort_keys=True) for one in after]
    olds: list[int] = []
    for n, one in enumerate(before):
        text = json.dumps(one, sort_keys=True)
        if text in left:
            left.remove(text)
        else:
            olds.append(n)
    news: list[int] = []
    for n, one in reversed(list(enumerate(after))):
        text = json.dumps(one, sort_keys=True)
        if text in left:
            left.remove(text)
            news.insert(0, n)
    return olds, news


def _allowed(said: Mapping[str, Said]) -> set[str] | None:
    """The values of ``enum`` and ``const`` as JSON; None if there is neither."""
    sets = [{json.dumps(v, sort_keys=True) for v in said["enum"][1]}] if "enum" in said else []
    sets += [{json.dumps(said["const"][1], sort_keys=True)}] if "const" in said else []
    return set.intersection(*sets) if sets else None


def _some(values: set[str]) -> str:
    listed = sorted(values)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} others" if len(listed) > 5 else "")


# --- strings -----------------------------------------------------------------------------------

_OF_TEXT = ("pattern", "minLength", "maxLength")


def text_language(schema: Mapping[str, Any]) -> regular.Term:
    """The strings that fit pattern and lengths. Raises :class:`regular.Undecided`."""
    within = regular.length(schema.get("minLength", 0), schema.get("maxLength"))
    return regular.both(within, regular.language(schema.get("pattern", "")))


def _exceeds(one: Mapping[str, Said], other: Mapping[str, Said]) -> bool:
    """Whether strings fit the one and not the other, or whether this is not known."""
    plain = ({k: v for k, (_, v) in side.items()} for side in (one, other))
    try:
        first, second = map(text_language, plain)
        return regular.shortest(regular.both(first, regular.negated(second))) is not None
    except regular.Undecided:
        return True


# --- alternatives ------------------------------------------------------------------------------


def alternatives_differ(side: Side, place: Place) -> bool:
    """Whether no value fits two alternatives of the ``oneOf`` at a place, as far as it is plain."""
    ways = [(place[0], f"{place[1]}/oneOf/{n}") for n in range(len(side.at(place)["oneOf"]))]
    return all(_apart(side, a, b, 3) for n, a in enumerate(ways) for b in ways[:n])


def _apart(side: Side, one: Place, other: Place, depth: int) -> bool:
    first, second = side.keywords(one), side.keywords(other)
    types = {s["type"][1] for s in (first, second) if "type" in s}
    sets = [_allowed(first), _allowed(second)]
    if len(types) == 2 or (sets[0] is not None and sets[1] is not None and not sets[0] & sets[1]):
        return True
    if types == {"string"}:
        return _strings_apart(first, second)
    if types != {"object"} or "type" not in first or "type" not in second:
        return False
    if any(_lacks(a, b) for a, b in ((first, second), (second, first))):
        return True
    return depth > 0 and any(_apart(side, a, b, depth - 1) for a, b in _shared(first, second))


def _strings_apart(first: Mapping[str, Said], second: Mapping[str, Said]) -> bool:
    """Whether no string fits both; of two where one at least is for strings."""
    try:
        terms = [_strings_of(said) for said in (first, second)]
        return None not in terms and regular.shortest(regular.both(*(t for t in terms if t))) is None
    except regular.Undecided:
        return False


def _strings_of(said: Mapping[str, Said]) -> regular.Term | None:
    """The strings that are valid; None where other values are too."""
    allowed = _allowed(said)
    if allowed is not None:
        values = [json.loads(text) for text in allowed]
        known = all(isinstance(v, str) for v in values)
        return regular.either(*map(regular.exactly, values)) if known else None
    # lengths are left out: few alternatives differ by them alone, and they make many states
    pattern = said.get("pattern", ("", ""))[1]
    return regular.language(pattern) if "type" in said else None


def _lacks(one: Mapping[str, Said], other: Mapping[str, Said]) -> bool:
    """Whether the one needs a member that the other does not allow."""
    closed = other.get("additionalProperties", ("", None))[1] is False
    named: Mapping[str, Any] = other.get("properties", _NO_MEMBERS)[1]
    return closed and any(name not in named for name in one.get("required", ("", ()))[1])


_NO_MEMBERS: Said = (("", ""), {})


def _shared(first: Mapping[str, Said], second: Mapping[str, Said]) -> Iterator[tuple[Place, Place]]:
    """The schemas of members that both need."""
    needed = set(first.get("required", ("", ()))[1]) & set(second.get("required", ("", ()))[1])
    for name in sorted(needed):
        places = []
        for said in (first, second):
            (file, pointer), members = said.get("properties", _NO_MEMBERS)
            places += [(file, f"{pointer}/properties/{escaped(name)}")] if name in members else []
        if len(places) == 2:
            yield places[0], places[1]


KEYWORDS: dict[str, Callable[[_Comparison, _Pair, str], None]] = {
    "$schema": _Comparison.words,
    "$id": _Comparison.apart,  # the version; see versions.py
    "$defs": _Comparison.apart,
    "$ref": _Comparison.apart,
    "title": _Comparison.words,
    "description": _Comparison.words,
    "examples": _Comparison.words,
    "x-profile": _Comparison.mark,
    "x-ext": _Comparison.mark,
    "type": _Comparison.type,
    "enum": _Comparison.listed,
    "const": _Comparison.listed,
    "oneOf": _Comparison.alternatives,
    "properties": _Comparison.properties,
    "required": _Comparison.required,
    "additionalProperties": _Comparison.additional,
    "propertyNames": _Comparison.inner,
    "maxProperties": _Comparison.upper,
    "items": _Comparison.inner,
    "minItems": _Comparison.lower,
    "maxItems": _Comparison.upper,
    "uniqueItems": _Comparison.switch,
    "minLength": _Comparison.lower,
    "maxLength": _Comparison.upper,
    "pattern": _Comparison.pattern,
    "format": _Comparison.switch,
    "minimum": _Comparison.lower,
    "maximum": _Comparison.upper,
}
"""Each keyword of meta/message.json to what judges it: one that is not here is refused."""
