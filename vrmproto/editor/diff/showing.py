"""Shows changes: text for people, an object for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

from vrmproto.editor.diff.change import VERDICTS, Change

__all__ = ["counts", "objects", "text"]

_WITNESS = 160
"""So many characters of a witness are for people; the whole stands in the JSON."""
_AFFECTED = 4


def counts(changes: Sequence[Change]) -> dict[str, int]:
    """How many of each verdict, and how many break whom."""
    found = {verdict: sum(c.verdict == verdict for c in changes) for verdict in VERDICTS}
    for whom in sorted({w for c in changes for w in c.breaks}):
        found[f"breaks {whom}"] = sum(whom in c.breaks for c in changes)
    return found


def objects(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as JSON values, each with its verdict."""
    return [{"verdict": c.verdict, **dataclasses.asdict(c)} for c in changes]


def text(changes: Sequence[Change], *, refused: Sequence[Change] = ()) -> str:
    """The changes for people, by whom they break, and what is to be done."""
    if not changes:
        return "no changes"
    lines = []
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(_title(change), []).append(change)
    for title, members in groups.items():
        lines += [f"{title} ({len(members)})", *(line for c in members for line in _lines(c)), ""]
    lines.append(", ".join(f"{n} {name}" for name, n in counts(changes).items() if n))
    if refused:
        never = sum(c.never for c in refused)
        lines.append(
            f"{len(refused)} of them break and may not: "
            + (f"{never} never, " if never else "")
            + "the others without a step of the version (threads.json, every $id, vrm in envelope.json)"
            if never < len(refused)
            else f"{len(refused)} of them may not be, with whatever version"
        )
    return "\n".join(lines)


def _title(change: Change) -> str:
    if change.breaks:
        return f"breaks {' and '.join(change.breaks)}"
    if change.may_break:
        return f"possibly breaks {' and '.join(change.may_break)}"
    return change.verdict


def _lines(change: Change) -> Iterator[str]:
    place = f"{change.file}#{change.pointer}" if change.pointer else change.file
    yield f"  {place}"
    yield f"    {change.what}"
    if change.breaks and change.may_break:
        yield f"    possibly breaks {' and '.join(change.may_break)} too"
    for effect in change.effects[:_AFFECTED]:
        if effect.proven:
            yield f"    {effect.whom} of {effect.schema}: {_short(effect.witness)}"
        else:
            yield f"    {effect.whom} of {effect.schema}: no message was found that shows it"
    if len(change.effects) > _AFFECTED:
        more = sorted({e.schema for e in change.effects[_AFFECTED:]})
        yield f"    and {', '.join(more)}"


def _short(value: Any) -> str:
    found = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return found if len(found) <= _WITNESS else f"{found[: _WITNESS - 30]} ... {found[-25:]}"
