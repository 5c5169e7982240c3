"""What changed in the data beside schemas and tables: codes, endpoints, purposes, ladder, roster, vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vrmproto.editor.diff.change import HOMES, RECEIVERS, SENDERS, Change
from vrmproto.editor.folder import ENDPOINTS, ERRORS, LADDER, PURPOSES

__all__ = ["endpoints", "errors", "ladder", "manifests", "purposes", "statuses", "vectors"]

Value = Mapping[str, Any]


def _pairs(before: Sequence[Value], after: Sequence[Value], key: str) -> Iterator[tuple[str, int, Any, Any]]:
    """Entries of both sides by a member that names them, with the place in the new version or the old."""
    olds, news = ({entry[key]: (n, entry) for n, entry in enumerate(side)} for side in (before, after))
    for name in dict.fromkeys([*olds, *news]):
        n = (news.get(name) or olds[name])[0]
        yield name, n, olds.get(name, (0, None))[1], news.get(name, (0, None))[1]


def _members(before: Value, after: Value) -> Iterator[tuple[str, str]]:
    """Members that differ, each with what it was and is."""
    for member in sorted(before.keys() | after.keys()):
        one, other = before.get(member), after.get(member)
        if one != other:
            yield member, f"{member} {_shown(one)} -> {_shown(other)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ", ".join(value) or "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- errors.json -------------------------------------------------------------------------------


def errors(old: Value, new: Value) -> Iterator[Change]:
    """Codes and checks. An agent takes an unknown code by its status (VRM-AGT-010)."""
    if old["checks"] != new["checks"]:
        what = f"the order of checks is {_shown(new['checks'])}"
        yield Change("errors", ERRORS, "/checks", what, breaks=(HOMES,))
    for code, n, before, after in _pairs(old["codes"], new["codes"], "code"):
        at = f"/codes/{n}"
        if before is None:
            yield Change("errors", ERRORS, at, f"the code {code} is new: {after['title']}")
        elif after is None:
            yield Change("errors", ERRORS, at, f"the code {code} is gone", breaks=(HOMES,))
        else:
            for member, what in _members(before, after):
                yield _code(f"{at}/{member}", f"{code}: {what}", member)


def _code(at: str, what: str, member: str) -> Change:
    if member == "title":
        return Change("errors", ERRORS, at, what, editorial=True)
    seen = (HOMES, RECEIVERS) if member in ("status", "retryable") else (HOMES,)
    return Change("errors", ERRORS, at, what, breaks=seen)


def statuses(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[Change]:
    """Codes with their status alone, as a release has them."""
    for code in sorted(old.keys() | new.keys()):
        if code not in old:
            yield Change("errors", ERRORS, "", f"the code {code} is new")
        elif code not in new:
            yield Change("errors", ERRORS, "", f"the code {code} is gone", breaks=(HOMES,))
        elif old[code] != new[code]:
            yield _code("", f"{code}: status {old[code]} -> {new[code]}", "status")


# --- endpoints.json ----------------------------------------------------------------------------

_ASKED = {"method", "path", "auth", "body", "under"}
"""What who asks has to know."""


def endpoints(old: Value, new: Value) -> Iterator[Change]:
    """What a home serves."""
    for name, n, before, after in _pairs(old["endpoints"], new["endpoints"], "name"):
        at = f"/endpoints/{n}"
        if before is None:
            yield Change("endpoints", ENDPOINTS, at, f"{name} is new: {after['path']}", breaks=(HOMES,))
        elif after is None:
            yield Change("endpoints", ENDPOINTS, at, f"{name} is gone", breaks=(SENDERS,))
        else:
            for member, what in _members(before, after):
                yield from _endpoint(name, f"{at}/{member}", member, what, before, after)


def _endpoint(name: str, at: str, member: str, what: str, before: Value, after: Value) -> Iterator[Change]:
    if member == "summary":
        yield Change("endpoints", ENDPOINTS, at, f"{name}: {what}", editorial=True)
    elif member == "query":
        yield from _query(name, at, before.get("query", ()), after.get("query", ()))
    elif member in _ASKED:
        yield Change("endpoints", ENDPOINTS, at, f"{name}: {what}", breaks=(SENDERS, HOMES))
    else:
        seen = (RECEIVERS,) if member == "answers" else ()
        yield Change("endpoints", ENDPOINTS, at, f"{name}: {what}", breaks=(HOMES,), may_break=seen)


def _query(name: str, at: str, before: Sequence[Value], after: Sequence[Value]) -> Iterator[Change]:
    for one, n, was, now in _pairs(before, after, "name"):
        what, pointer = f"{name}: the parameter {one}", f"{at}/{n}"
        if was is None or now is None:
            whom = SENDERS if now is None else HOMES
            told = f"{what} is {'new' if now else 'gone'}"
            yield Change("endpoints", ENDPOINTS, pointer, told, breaks=(whom,))
        elif was.get("pattern") != now.get("pattern"):
            told = f"{what} has the pattern {_shown(was.get('pattern'))} -> {_shown(now.get('pattern'))}"
            yield Change("endpoints", ENDPOINTS, pointer, told, breaks=(HOMES,), may_break=(SENDERS,))
        elif was != now:
            yield Change("endpoints", ENDPOINTS, pointer, f"{what} is described otherwise", editorial=True)


# --- purposes.json, ladder.json ----------------------------------------------------------------


def purposes(old: Value, new: Value) -> Iterator[Change]:
    """Purposes and their clauses; which of them messages may name is told by shared/purpose.json."""
    for iri in dict.fromkeys([*old, *new]):
        at = "/" + iri.replace("~", "~0").replace("/", "~1")
        if iri not in old or iri not in new:
            what = f"{iri} is {'new' if iri in new else 'gone'}; shared/purpose.json tells whom it breaks"
            yield Change("purposes", PURPOSES, at, what)
        elif old[iri] != new[iri]:
            what = f"{iri} is ruled by {_shown(old[iri])} -> {_shown(new[iri])}"
            yield Change("purposes", PURPOSES, at, what, breaks=(HOMES,), may_break=(SENDERS, RECEIVERS))


def ladder(old: Value, new: Value) -> Iterator[Change]:
    """The rungs. Its digest changes with any byte, so who names the old one is refused (VRM-LAD-002)."""
    for member in ("id", "version", "lang"):
        if old.get(member) != new.get(member):
            what = f"{member} {_shown(old.get(member))} -> {_shown(new.get(member))}"
            yield Change("ladder", LADDER, f"/{member}", what, breaks=(HOMES,))
    for stage, n, before, after in _pairs(old["rungs"], new["rungs"], "stage"):
        at = f"/rungs/{n}"
        if before is None or after is None:
            served = (RECEIVERS, HOMES) if after else (SENDERS, HOMES)
            what = f"the rung {stage} is {'new' if after else 'gone'}"
            yield Change("ladder", LADDER, at, what, breaks=served)
            continue
        for member, what in _members(before, after):
            if member in ("title", "description"):
                yield Change("ladder", LADDER, f"{at}/{member}", f"{stage}: {what}", editorial=True)
            else:
                one, other = set(before[member]), set(after[member])
                gone, more = one - other, other - one
                whom = (*([SENDERS] if gone else []), *([RECEIVERS] if more else []), HOMES)
                yield Change("ladder", LADDER, f"{at}/{member}", f"{stage}: {what}", breaks=whom)
    stages = [[rung["stage"] for rung in side["rungs"]] for side in (old, new)]
    if stages[0] != stages[1] and sorted(stages[0]) == sorted(stages[1]):
        yield Change("ladder", LADDER, "/rungs", "the rungs stand in another order", breaks=(HOMES,))


# --- roster, vectors ---------------------------------------------------------------------------


def manifests(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Agreements, by ``id/version`` to the digest of their bytes."""
    for name in sorted(old.keys() | new.keys()):
        file = f"roster/{name}/manifest.json"
        if name not in old:
            yield Change("roster", file, "", f"the agreement {name} is new")
        elif name not in new:
            yield Change("roster", file, "", f"the agreement {name} is gone", breaks=(SENDERS,))
        elif old[name] != new[name]:
            what = "its bytes have changed, and those at one id and version must not (VRM-TRM-014)"
            yield Change("roster", file, "", what, breaks=(SENDERS, RECEIVERS), never=True)


def vectors(old: Mapping[str, Value], new: Mapping[str, Value]) -> Iterator[Change]:
    """Verdicts of vectors that both versions have, and how many are new or gone."""
    for name in sorted(old.keys() & new.keys()):
        before, after = (v.get("accept", v.get("code") is None) for v in (old[name], new[name]))
        codes = [v.get("code", "none") for v in (old[name], new[name])]
        if before != after:
            whom = RECEIVERS if after else SENDERS
            what = f"is {'taken' if after else 'refused'} now"
            yield Change("vectors", name, "/accept", what, breaks=(whom,))
        elif codes[0] != codes[1]:
            yield Change("vectors", name, "/code", f"the code {codes[0]} -> {codes[1]}", breaks=(HOMES,))
    for names, what in ((new.keys() - old.keys(), "new"), (old.keys() - new.keys(), "gone")):
        if names:
            told = f"{len(names)} vector{'s are' if len(names) > 1 else ' is'} {what}"
            yield Change("vectors", "vectors", "", told, editorial=True)
