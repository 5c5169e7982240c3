"""Checks the JSON blocks of the pages: each is valid against the schema it names, or says why it has none.

The line before a block is a comment, ``<!-- schema: messages/offer.make.json -->`` (or a part of a schema,
such as ``meta/threads.json#/$defs/row``), or ``<!-- no schema: REASON -->``. Blocks of other languages are
left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from vrmproto.editor import schemas
from vrmproto.editor.folder import Folder, parse, places_of, short
from vrmproto.spec import faults_of

__all__ = ["STEPS"]

JSON = ("json", "jsonc", "json5", "jsonld", "ndjson")
_FENCE = re.compile(r" *(`{3,}|~{3,}) *([^\s`]*)")
_MARK = re.compile(r"\s*<!-- (?:schema: (?P<schema>\S+)|no schema: (?P<reason>\S.{8,}\S)) -->\s*$")
_LIKE_MARK = re.compile(r"\s*<!--\s*(?:no )?schema\b")


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block: the line of its fence, its language, what it holds, and the line before it."""

    line: int
    language: str
    text: str
    before: str
    closed: bool

    @property
    def is_json(self) -> bool:
        """Whether it is JSON by its language or, where it has none, by what it holds."""
        if self.language:
            return self.language.lower() in JSON
        try:
            return isinstance(json.loads(self.text), dict | list)
        except (ValueError, RecursionError):
            return False


def _blocks(text: str) -> Iterator[_Block]:
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence, start = _FENCE.match(lines[at]), at
        at += 1
        if fence is None:
            continue
        end = re.compile(rf" *{re.escape(fence[1])}[`~]* *$")
        while at < len(lines) and not end.match(lines[at]):
            at += 1
        inner = "\n".join(lines[start + 1 : at])
        before = lines[start - 1] if start else ""
        yield _Block(start + 1, fence[2], inner, before, at < len(lines))
        at += 1


def _marked(folder: Folder) -> None:
    for page in folder.pages:
        text = folder.text(page) or ""
        if "```" not in text and "~~~" not in text and "<!--" not in text:
            continue
        used = set()
        for block in _blocks(text):
            if not block.closed:
                remedy = "close it with a line of its own"
                folder.add("block-open", page, "the block has no end", remedy, line=block.line)
            elif block.is_json:
                used.add(block.line - 1)
                _check(folder, page, block)
        inside = {n for b in _blocks(text) for n in range(b.line, b.line + b.text.count("\n") + 2)}
        for n, line in enumerate(text.splitlines(), start=1):
            if _LIKE_MARK.match(line) and n not in used | inside:
                message, remedy = "names a schema, but no JSON block follows", "put it right before its block"
                folder.add("block-mark", page, message, remedy, line=n)


def _check(folder: Folder, page: str, block: _Block) -> None:
    mark = _MARK.match(block.before)
    if mark is None:
        remedy = "put <!-- schema: PATH --> or <!-- no schema: REASON --> on the line before"
        if _LIKE_MARK.match(block.before):
            message = "the comment names neither a schema nor a reason of ten letters or more"
            folder.add("block-mark", page, message, remedy, line=block.line - 1)
        else:
            folder.add("block-unmarked", page, "a JSON block names no schema", remedy, line=block.line)
    elif mark["schema"]:
        _judge(folder, page, block, mark["schema"])


def _judge(folder: Folder, page: str, block: _Block, name: str) -> None:
    try:
        value, twice = parse(block.text)
    except json.JSONDecodeError as error:
        line = block.line + error.lineno
        folder.add("block-invalid", page, f"is no JSON: {error.msg}", "correct it", line=line)
        return
    except (ValueError, RecursionError) as error:
        folder.add("block-invalid", page, f"is no JSON: {error}", "correct it", line=block.line + 1)
        return
    for member, line in twice:
        message = f"the name {member} stands twice"
        folder.add("block-invalid", page, message, "keep one", line=block.line + line)
    validator = schemas.engine(folder, name)
    if validator is None:
        _unknown(folder, page, block.line - 1, name)
        return
    places = places_of(block.text)[0]
    for fault in faults_of(validator, value):
        message = f"{fault['pointer'] or '/'} {short(fault['message'])}"
        line = block.line + places.get(fault["pointer"], 1)
        folder.add("block-invalid", page, message, f"see {name}", line=line)


def _unknown(folder: Folder, page: str, line: int, name: str) -> None:
    """Say that there is no such schema, unless there is one with findings of its own."""
    path = name.partition("#")[0]
    if path in folder.values and path not in folder.schemas and path not in folder.metas:
        return
    message, remedy = (
        f"{name} is no schema of this folder",
        "name a file, or a part of one as FILE#/$defs/PART",
    )
    folder.add("block-schema", page, message, remedy, line=line)


STEPS = (_marked,)
