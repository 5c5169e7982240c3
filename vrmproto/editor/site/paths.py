"""Where things stand on the site: the page of each file of the folder, and relative links to it. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from vrmproto.editor.site.source import Source

__all__ = ["Href", "href_from", "places_of", "slug", "within"]

Href = Callable[..., str]
"""``href(page, anchor="")``: a link from one page to another, both paths of the site."""

_DATA = {
    "threads.json": "kinds/index.html",
    "errors.json": "errors/index.html",
    "endpoints.json": "endpoints.html",
    "purposes.json": "purposes.html",
    "ladder.json": "ladder.html",
    "envelope.json": "envelope.html",
    "roster/matrix.json": "roster/index.html",
    "roster/roster.json": "roster/index.html",
    "roster/phrases.json": "roster/index.html",
    "roster": "roster/index.html",
    "requirements": "requirements.html",
    "requirements/exclusions.json": "requirements.html",
    "meta": "downloads/index.html",
    "views": "downloads/index.html",
}
"""Files and folders whose page is not named as they are."""


def _prose(path: str) -> str:
    """The page of a Markdown file."""
    folder, _, name = path.rpartition("/")
    if name == "README.md":
        return f"{folder}/index.html" if folder else "readme.html"
    return path.removesuffix(".md") + ".html"


def places_of(source: Source) -> dict[str, str]:
    """Path of a file or folder of the spec to the page of the site that shows it."""
    places = dict(_DATA)
    for name in ("messages", "shared", "documents"):
        places[name] = f"{name}/index.html"
        places.update({p: p.removesuffix("json") + "html" for p in source.schemas(name)})
    for name in ("meta", "views"):
        places.update({p: f"downloads/{p}" for p in source.schemas(name)})
    for page in source.pages:
        places[page] = _prose(page)
        folder = posixpath.dirname(page)
        if places[page].endswith("/index.html"):
            places.setdefault(folder, places[page])
    return places


def href_from(page: str) -> Href:
    """Links from ``page``: relative ones, which hold below any URL and in a folder of files."""
    up = "../" * page.count("/")

    def href(target: str, anchor: str = "") -> str:
        file = "" if target == page and anchor else up + target
        return f"{file}#{anchor}" if anchor else file

    return href


def slug(heading: str) -> str:
    """The anchor of a heading, as links in the prose use it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def within(places: Mapping[str, str], path: str, target: str) -> tuple[str, str] | None:
    """Page and anchor to which a relative link of the file ``path`` leads; None if nowhere on the site."""
    file, _, anchor = target.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
    return (places[there], anchor) if there in places else None
