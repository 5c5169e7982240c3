"""What the tests of the site share: copies of the spec folder, and pages that are read."""

from __future__ import annotations

import functools
import posixpath
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

__all__ = ["SHARED", "SPEC", "Anchors", "append", "broken", "pages_of", "text_of", "without_vectors"]

SPEC = Path(__file__).resolve().parent.parent / "spec"
SHARED = "/".join(("..", "shared"))  # as seen from messages/


def without_vectors(there: Path) -> Path:
    """A copy of the folder at ``there``, with the page about the vectors and none of them."""
    shutil.copytree(SPEC, there, ignore=lambda d, names: names if Path(d) == SPEC / "vectors" else [])
    shutil.copy(SPEC / "vectors/README.md", there / "vectors/README.md")
    return there


class Anchors(HTMLParser):
    """What a page links to, which anchors it has, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.tags: Counter[str] = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("href", "src", "srcset", "poster", "data", "action", "style"):
                self.fetched.append(value or "")


parsed = functools.cache(Anchors)


def pages_of(files: Mapping[str, bytes]) -> dict[str, Anchors]:
    return {p: parsed(content.decode()) for p, content in files.items() if p.endswith(".html")}


def broken(files: Mapping[str, bytes]) -> list[str]:
    """Every link of the site that leads to no file, or to no anchor of a page."""
    pages = pages_of(files)
    found = []
    for page, links in pages.items():
        for link in [*links.links, *links.fetched]:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
            if target not in files or (anchor and target in pages and anchor not in pages[target].ids):
                found.append(f"{page}: {link}")
    return found


def text_of(files: Mapping[str, bytes], page: str) -> str:
    return files[page].decode()


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text("utf-8") + text, "utf-8")
