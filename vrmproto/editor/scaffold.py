"""Begins a message type: a valid schema that says what is still to be written, and a row that takes it.

Text is put into ``threads.json`` where its row goes; not one other byte of the file changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto.editor.folder import THREADS, TO_DO, parse, spans_of
from vrmproto.spec import BASE

__all__ = ["Move", "ScaffoldError", "appended", "begin", "plan"]

NAME = re.compile(r"[a-z][a-z-]*\.[a-z][a-z-]*")
LONGEST = 64
"""Letters of a type, as the schema of the envelope has it."""
ROLES = ("first", "second", "member", "either")

Json = dict[str, Any]


class ScaffoldError(ValueError):
    """A type that cannot be begun; the message says why."""


@dataclass(frozen=True, slots=True)
class Move:
    """A row: its kind, who sends it in which states (none: it opens a thread), and which state follows."""

    kind: str
    by: str
    to: str
    states: Sequence[str] = ()


def begin(spec_dir: Path, name: str, move: Move | None = None) -> list[Path]:
    """Write what :func:`plan` says; the paths of the files. ScaffoldError, OSError: nothing was written."""
    planned = {spec_dir / path: text for path, text in plan(spec_dir, name, move).items()}
    new = [path for path in planned if not path.exists()]
    try:
        for path, text in planned.items():
            path.write_bytes(text.encode())
    except OSError:
        for path in new:
            path.unlink(missing_ok=True)
        raise
    return list(planned)


def plan(spec_dir: Path, name: str, move: Move | None = None) -> dict[str, str]:
    """The files of a new type with their texts: its schema, and ``threads.json`` with its row.

    ScaffoldError for a name that is none or is taken, for a kind, role or state that there is not,
    and for a folder that cannot be read.
    """
    text, tables = _tables(spec_dir)
    _check_name(spec_dir, name, tables)
    if move is None:
        return {f"messages/{name}.json": _schema(name, _profile(spec_dir, name))}
    kind = _kind(tables, move)
    row = _row(name, move)
    planned = {f"messages/{name}.json": _schema(name, kind["profile"])}
    planned[THREADS] = appended(text, f"/kinds/{move.kind}/rows/{len(kind['rows']) - 1}", row)
    return planned


def _tables(spec_dir: Path) -> tuple[str, Any]:
    try:
        text = (spec_dir / THREADS).read_bytes().decode("utf-8")
        tables, _ = parse(text)
        for kind in tables["kinds"].values():
            for row in kind["rows"]:
                row["type"].partition(".")
            kind["profile"].partition(".")
            kind["states"].keys()
    except OSError as error:
        raise ScaffoldError(f"{spec_dir / THREADS}: cannot be read ({error.strerror})") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ScaffoldError(f"{spec_dir / THREADS}: holds no thread tables; spec check says why") from None
    if not (spec_dir / "messages").is_dir():
        raise ScaffoldError(f"{spec_dir}: has no folder messages/")
    return text, tables


def _check_name(spec_dir: Path, name: str, tables: Any) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        form = "two words in small letters, noun.verb, such as terms.propose"
        raise ScaffoldError(f"{name!r} is no name of a type: {form}, of at most {LONGEST} letters")
    if (spec_dir / "messages" / f"{name}.json").exists():
        raise ScaffoldError(f"there is a type {name}: messages/{name}.json")
    for kind, table in tables["kinds"].items():
        if any(row["type"] == name for row in table["rows"]):
            raise ScaffoldError(f"there is a type {name}: a row of the kind {kind} in {THREADS} takes it")


def _kind(tables: Any, move: Move) -> Any:
    kinds = tables["kinds"]
    if move.kind not in kinds:
        raise ScaffoldError(f"there is no kind {move.kind}: one of {', '.join(kinds)}")
    if move.by not in ROLES:
        raise ScaffoldError(f"there is no role {move.by}: one of {', '.join(ROLES)}")
    states = kinds[move.kind]["states"]
    stay = ["="] if move.states and move.to == "=" else []
    for state in [*move.states, *([] if stay else [move.to])]:
        if state not in states:
            raise ScaffoldError(f"{move.kind} has no state {state}: one of {', '.join(states)}")
    return kinds[move.kind]


def _profile(spec_dir: Path, name: str) -> str:
    """The profile of the types with the same noun, else core."""
    for path in sorted((spec_dir / "messages").glob(f"{name.partition('.')[0]}.*.json")):
        try:
            return str(json.loads(path.read_bytes())["x-profile"])
        except (ValueError, LookupError, TypeError):
            continue
    return "core"


def _row(name: str, move: Move) -> str:
    opening: Mapping[str, Any] = {"in": list(move.states)} if move.states else {}
    return json.dumps({**opening, "by": move.by, "type": name, "to": move.to})


def _schema(name: str, profile: str) -> str:
    schema: Json = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{BASE}messages/{name}.json",
        "title": f"{TO_DO}: what happens, in a few words",
        "description": f"{TO_DO}: who sends it to whom, and what it means, in a sentence or two.",
        "x-profile": profile,
        "x-ext": False,
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
        "examples": [{}],
    }
    return json.dumps(schema, indent=2) + "\n"


def appended(text: str, last: str, item: str) -> str:
    """The text with an item more behind the last one of an array, which stands at a JSON Pointer."""
    start, end = spans_of(text)[0][last]
    before = re.search(r"\n[ \t]*$", text[:start])
    return f"{text[:end]},{before[0] if before else ' '}{item}{text[end:]}"
