"""What changes of a spec folder are made of, and how a mutant is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.broken.tools import Mutant, add
from vrmproto import spec

__all__ = [
    "ROOT",
    "TABLES",
    "Edit",
    "Patch",
    "add_to",
    "edit",
    "guard",
    "mutant",
    "read",
    "remove",
    "replace",
    "reworded",
    "row",
    "state",
]

ROOT = spec.folder()
Patch = list[dict[str, Any]]
Edit = dict[str, Any]


def read(file: str) -> Any:
    return json.loads((ROOT / file).read_bytes())


TABLES: Mapping[str, Any] = read("threads.json")["kinds"]


def edit(file: str, *patch: dict[str, Any]) -> Edit:
    return {"file": file, "patch": list(patch)}


def remove(file: str, path: str) -> Edit:
    return edit(file, {"op": "remove", "path": path})


def replace(file: str, path: str, value: Any) -> Edit:
    return edit(file, {"op": "replace", "path": path, "value": value})


def add_to(file: str, path: str, value: Any) -> Edit:
    return edit(file, {"op": "add", "path": path, "value": value})


def reworded(file: str, path: str, old: str, new: str) -> Edit:
    """A string of a file with a part of it replaced."""
    value = read(file)
    for part in path.split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else part]
    if old not in value:
        raise ValueError(f"{file}{path} has no {old}")
    return replace(file, path, value.replace(old, new))


def row(kind: str, name: str, operation: str, member: str, value: Any = None, nth: int = 0) -> Edit:
    """A change of the nth row of a type."""
    rows = [n for n, row in enumerate(TABLES[kind]["rows"]) if row["type"] == name]
    path = f"/kinds/{kind}/rows/{rows[nth]}"
    change = {"op": operation, "path": f"{path}/{member}"} | ({} if value is None else {"value": value})
    return edit("threads.json", {"op": "test", "path": f"{path}/type", "value": name}, change)


def guard(kind: str, name: str, guard: str, nth: int = 0) -> Edit:
    """A row without one of its guards."""
    rows = [row for row in TABLES[kind]["rows"] if row["type"] == name]
    return row(kind, name, "remove", f"guards/{rows[nth]['guards'].index(guard)}", None, nth)


def state(kind: str, state: str, operation: str, member: str, value: Any = None) -> Edit:
    """A change of a state."""
    path = f"/kinds/{kind}/states/{state}/{member}"
    return edit("threads.json", {"op": operation, "path": path} | ({} if value is None else {"value": value}))


def nothing() -> None:
    """The home is as it is."""


def mutant(name: str, kills: str, summary: str, *edits: Edit, **more: Any) -> None:
    add(Mutant(name, summary, kills, "spec", nothing, edits=edits, **more))
