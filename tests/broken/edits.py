"""Copies of the spec folder with something changed: JSON Patch (RFC 6902) on its files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOT_COPIED = ("vectors", "requirements", "meta")


def copied(source: Path, target: Path, edits: Sequence[Mapping[str, Any]]) -> Path:
    """A folder of links to a spec folder, after edits: JSON Patches of files, or files that are deleted."""
    if target.exists():  # a home that is started again
        return target
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_COPIED), copy_function=os.symlink)
    for edit in edits:
        path = target / edit["file"]
        if edit.get("delete"):
            path.unlink()
            continue
        document = json.loads(path.read_bytes())
        for operation in edit["patch"]:
            apply(document, operation)
        path.unlink()  # a link to the file as it is
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return target


def apply(document: Any, operation: Mapping[str, Any]) -> None:
    """Apply one operation of RFC 6902: add, remove, replace or test; LookupError if it does not fit."""
    *parents, last = [_unescaped(part) for part in operation["path"].split("/")[1:]]
    place = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    at: Any = len(place) if last == "-" else int(last) if isinstance(place, list) else last
    op = operation["op"]
    if op != "add" and (at not in place if isinstance(place, dict) else at >= len(place)):
        raise LookupError(f"{operation['path']} is not there")
    if op == "test":
        if place[at] != operation["value"]:
            raise LookupError(f"{operation['path']} is {place[at]}")
    elif op == "remove":
        del place[at]
    elif op == "add" and isinstance(place, list):
        place.insert(at, operation["value"])
    else:
        place[at] = operation["value"]


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
