"""Checks the vectors against the rest of the folder: codes, requirements, states, ids, and their own files.

Whether a home comes to these verdicts is not looked at here: that takes a home.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from vrmproto.editor.folder import ERRORS, THREADS, Folder
from vrmproto.editor.prose import check_known, code_of

__all__ = ["STEPS"]

TOKEN, EXPECT, README = "token.jwt", "expect.json", "README.md"


def _vectors(folder: Folder) -> None:
    statuses = {c["code"]: c["status"] for c in folder.get(ERRORS).get("codes", ())}
    for path in folder.listed(f"vectors/**/{EXPECT}"):
        expected = folder.get(path)
        for pointer, part in _verdicts(expected):
            _check_code(folder, path, pointer, part, statuses)
        for n, name in enumerate(expected.get("covers", ())):
            check_known(folder, path, name, f"/covers/{n}")
        for pointer, state in _states(expected):
            if folder.states and state not in folder.states:
                message = f"{state} is no state"
                folder.add("state-unknown", path, message, f"see {THREADS}", pointer=pointer)
        if expected:
            _check_files(folder, path, expected)
    for place in sorted(folder.root.glob("vectors/*/")):
        if place.is_dir() and not (place / EXPECT).is_file():
            file = f"vectors/{place.name}/{EXPECT}"
            folder.add(
                "vector-files", file, f"the vector has no {EXPECT}", "put it there, or take the folder away"
            )


def _verdicts(expected: Any) -> Iterator[tuple[str, Any]]:
    yield "", expected
    if "then" in expected:
        yield "/then", expected["then"]


def _states(expected: Any) -> Iterator[tuple[str, str]]:
    if "state" in expected:
        yield "/state", expected["state"]
    for n, entry in enumerate(expected.get("thread", ())):
        if isinstance(entry, dict) and isinstance(entry.get("state"), str):
            yield f"/thread/{n}/state", entry["state"]


def _check_code(folder: Folder, path: str, at: str, part: Any, statuses: dict[str, int]) -> None:
    code = part.get("code", "")
    if code and statuses and code not in statuses:
        folder.add("code-unknown", path, f"{code} is no code", f"see {ERRORS}", pointer=f"{at}/code")
    right = statuses.get(code)
    if right and part.get("status", right) != right:
        message = f"{code} has the status {right}"
        folder.add("status-mismatch", path, message, f"write {right}", pointer=f"{at}/status")
    name = part.get("requirement")
    check_known(folder, path, name, f"{at}/requirement")
    ruled = code_of(folder.requirements[name].text) if name in folder.requirements else code
    if code in statuses and ruled != code:
        message = f"{name} answers {ruled or 'no code'}, and not {code}"
        remedy = "name the sentence that ends in this code"
        folder.add("vector-disagrees", path, message, remedy, pointer=f"{at}/requirement")
    if (part.get("accept") is True and code) or (part.get("accept") is False and not code):
        message, remedy = "a refusal has a code, and only a refusal", "say accept or code otherwise"
        folder.add("vector-disagrees", path, message, remedy, pointer=f"{at}/accept")


def _check_files(folder: Folder, path: str, expected: Any) -> None:
    """The files that it names are there and no others, and the token has the id that it names."""
    place = (folder.root / path).parent
    there = {file.name for file in place.iterdir()}
    named = {TOKEN: "", README: "", **{name: pointer for pointer, name in _named(expected)}}
    missing = sorted(named.keys() - there)
    for name in missing:
        folder.add("vector-files", path, f"there is no {name}", "put it there", pointer=named[name])
    # what is there under another name is no second fault
    for name in sorted(there - named.keys() - {EXPECT}) if not missing else ():
        file = f"{path.removesuffix(EXPECT)}{name}"
        folder.add("vector-files", file, f"{EXPECT} does not name it", "take it away, or name it")
    if expected.get("accept") and TOKEN in there:
        _check_token(folder, path, expected, (place / TOKEN).read_bytes())


def _named(expected: Any) -> Iterator[tuple[str, str]]:
    for member in ("thread", "blobs", "removed"):
        for n, entry in enumerate(expected.get(member, ())):
            if isinstance(entry, str):
                yield f"/{member}/{n}", entry
            else:
                yield f"/{member}/{n}/file", entry["file"]
    then = expected.get("then", {})
    if isinstance(then.get("file"), str):
        yield "/then/file", then["file"]


def _check_token(folder: Folder, path: str, expected: Any, token: bytes) -> None:
    signed = token.rpartition(b".")[0]
    mid = base64.urlsafe_b64encode(hashlib.sha256(signed).digest()).rstrip(b"=").decode("ascii")
    if expected.get("mid", mid) != mid:
        message = f"not the id of {TOKEN}"
        folder.add("vector-disagrees", path, message, f"write {mid}", pointer="/mid")
    payload = signed.rpartition(b".")[2]
    try:
        name = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))["type"]
    except (ValueError, LookupError, TypeError):
        name = "nothing that can be read"
    if name not in folder.names("messages"):
        message = f"{TOKEN} is taken, and is a message of no type: {name}"
        folder.add("vector-disagrees", path, message, "sign a message of a type", pointer="/accept")


STEPS = (_vectors,)
