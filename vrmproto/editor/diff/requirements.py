"""What changed in the numbered sentences: their levels, roles, codes and texts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from vrmproto.editor.diff.change import AGENTS, HOMES, RECEIVERS, Change
from vrmproto.editor.releases import REUSED, words
from vrmproto.requirements import Requirement

__all__ = ["changes"]

AREA = "requirements"
_DUTY = {"home": HOMES, "agent": AGENTS}
_STRENGTH = {"MUST": 3, "MUST NOT": 3, "SHOULD": 2, "SHOULD NOT": 2, "MAY": 1, "": 0}


def changes(old: Mapping[str, Requirement], new: Mapping[str, Requirement]) -> Iterator[Change]:
    """Every change of a numbered sentence; those of editors bind no program."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None and after is not None:
            yield _one(after, f"is new: {after.text}", breaks=_bound(after))
        elif after is None and before is not None:
            yield _gone(before, new)
        elif before and after and before != after:
            yield from _both(before, after)


def _one(
    at: Requirement,
    what: str,
    breaks: tuple[str, ...] = (),
    may_break: tuple[str, ...] = (),
    *,
    editorial: bool = False,
    never: bool = False,
) -> Change:
    page, what = f"protocol/{at.page}", f"{at.id} {what}"
    return Change(AREA, page, at.id, what, breaks, may_break, editorial=editorial, never=never)


def _bound(requirement: Requirement) -> tuple[str, ...]:
    """Whose program has to do something that it may not have done."""
    whom = _DUTY.get(requirement.role)
    return (whom,) if whom and _STRENGTH[requirement.level] == 3 else ()


def _gone(before: Requirement, new: Mapping[str, Requirement]) -> Change:
    moved = next((r.id for r in new.values() if words(r.text) == words(before.text)), "")
    what = f"is gone{f', its text has the id {moved}' if moved else ''}: {before.text}"
    counted = (RECEIVERS,) if _bound(before) and not moved else ()
    return _one(before, what, may_break=counted)


def _both(before: Requirement, after: Requirement) -> Iterator[Change]:
    one, other = words(before.text), words(after.text)
    if difflib.SequenceMatcher(None, one, other).ratio() < REUSED:
        what = f"says something else, and an identifier is never reused: {before.text} -> {after.text}"
        yield _one(after, what, breaks=_bound(after) or _bound(before), may_break=(HOMES,), never=True)
        return
    said = list(_members(before, after))
    yield from said
    if one != other and not said:
        bound = _bound(after)
        yield _one(after, f"reads otherwise: {before.text} -> {after.text}", may_break=bound)
    elif before.text != after.text and not said:
        yield _one(after, "is written otherwise, in the same words", editorial=True)
    elif before.page != after.page and not said:
        yield _one(after, f"has moved from protocol/{before.page}", editorial=True)


def _members(before: Requirement, after: Requirement) -> Iterator[Change]:
    if before.level != after.level:
        what = f"{before.level} -> {after.level}: {after.text}"
        if _STRENGTH[after.level] < _STRENGTH[before.level]:
            yield _one(after, what, may_break=(RECEIVERS,) if _bound(before) else ())
        else:
            yield _one(after, what, breaks=_bound(after))
    if (before.role, before.needs) != (after.role, after.needs):
        one, other = (" ".join([r.role, *r.needs]) for r in (before, after))
        whom = _bound(after) if before.role != after.role else ()
        yield _one(after, f"is for {one} -> {other}", breaks=whom)
    if before.profile != after.profile:
        yield _one(after, f"is of the profile {before.profile} -> {after.profile}", breaks=_bound(after))
    if before.code != after.code:
        what = f"is answered with {before.code or 'no code'} -> {after.code or 'no code'}"
        yield _one(after, what, breaks=(HOMES,), may_break=(RECEIVERS,))
