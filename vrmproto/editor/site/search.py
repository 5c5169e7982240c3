"""What the search looks through: one entry a page, requirement, field, endpoint and word. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from vrmproto.editor.site.pages import words
from vrmproto.editor.site.shell import Page, Shell

__all__ = ["entries", "files"]

_MARKS = re.compile(r"[`*]|\[|\]\([^)]*\)")

Entry = tuple[str, str, str, str]
"""Title, sort, path on the site with its anchor, and text."""


def entries(shell: Shell, pages: Iterable[Page]) -> Iterator[Entry]:
    """Every entry, in the order of the pages."""
    source = shell.source
    for page in pages:
        yield page.title, page.sort, page.path, page.summary
        for heading in page.values.get("headings", ()):
            yield heading.text, "section", f"{page.path}#{heading.anchor}", page.title
        if "schema" in page.values:
            yield from _fields(page)
    for rule in source.rules.values():
        text = _MARKS.sub("", rule.text)
        yield rule.id, "requirement", f"{shell.places[rule.page]}#{rule.id}", text
    for endpoint in source.endpoints:
        title = f"{endpoint['method']} {endpoint['path']}"
        yield title, "endpoint", f"endpoints.html#{endpoint['name']}", endpoint["summary"]
    for word, meaning, anchor in words(shell):
        yield word, "word", f"glossary.html#{anchor}", _MARKS.sub("", meaning)
    for iri, clause in source.purposes.items():
        name = iri.rpartition("#")[2]
        yield name, "purpose", f"purposes.html#{name}", f"{iri} {clause or ''}".rstrip()
    for rung in source.ladder["rungs"]:
        yield rung["title"], "rung", f"ladder.html#{rung['stage']}", rung["description"]


def _fields(page: Page) -> Iterator[Entry]:
    schema = page.values["schema"]
    for name, field in schema.get("properties", {}).items():
        about = field.get("description", "") if isinstance(field, dict) else ""
        yield name, "field", page.path, f"{page.title}: {about}".removesuffix(": ")


def files(found: Iterable[Entry]) -> dict[str, bytes]:
    """The index as JSON, and as a script that also works where a page may not read files."""
    rows: list[dict[str, Any]] = [{"t": t, "k": k, "u": u, "x": x} for t, k, u, x in found]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    script = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return {
        "search.json": text.encode() + b"\n",
        "static/search-index.js": f"window.vrmSearch = {script};\n".encode(),
    }
