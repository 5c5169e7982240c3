"""Checks the bad examples: each body of ``messages/invalid/TYPE.json`` is refused for the reason it names."""

from __future__ import annotations

from typing import Any

from vrmproto.editor.folder import INVALID, Folder
from vrmproto.spec import faults_of

__all__ = ["STEPS"]


def _bad_examples(folder: Folder) -> None:
    for path in folder.listed(INVALID):
        schema = f"messages/{path.rpartition('/')[2]}"
        if not (folder.root / schema).is_file():
            message, remedy = f"there is no {schema}", "name the file as the schema is named"
            folder.add("counterexample-type", path, message, remedy, line=1)
        elif path in folder.sound and schema in folder.engines:
            for n, entry in enumerate(folder.get(path)):
                _check(folder, path, n, folder.engines[schema], entry)


def _check(folder: Folder, path: str, n: int, engines: tuple[Any, Any], entry: dict[str, Any]) -> None:
    fast, slow = engines
    found = {(fault["pointer"], fault["keyword"]) for fault in faults_of(fast, entry["value"])}
    if bool(found) == slow.is_valid(entry["value"]):
        message, remedy = "one engine takes it, the other does not", "use keywords that both read alike"
        folder.add("engines-differ", path, message, remedy, pointer=f"/{n}/value")
    elif not found:
        message, remedy = "the schema takes this bad example", "make it bad, or take it away"
        folder.add("counterexample-valid", path, message, remedy, pointer=f"/{n}/value")
    elif found != {(entry["pointer"], entry["keyword"])}:
        reasons = ", ".join(f"{keyword} at {pointer or '/'}" for pointer, keyword in sorted(found))
        stated = "pointer" if entry["pointer"] not in {pointer for pointer, _ in found} else "keyword"
        message, remedy = f"it is bad for another reason: {reasons}", "name that, or mend all but one"
        folder.add("counterexample-reason", path, message, remedy, pointer=f"/{n}/{stated}")


STEPS = (_bad_examples,)
