"""The frame around every page: header, way, main part, footer; and what each page is made of."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vrmproto.editor.site.paths import href_from, places_of, slug
from vrmproto.editor.site.prose import inline, names_of
from vrmproto.editor.site.source import Source

__all__ = ["HERE", "NAVIGATION", "Page", "Shell", "static"]

HERE = Path(__file__).parent

NAVIGATION = (
    ("Protocol", "protocol/index.html"),
    ("Messages", "messages/index.html"),
    ("Threads", "kinds/index.html"),
    ("Documents", "documents/index.html"),
    ("Endpoints", "endpoints.html"),
    ("Errors", "errors/index.html"),
    ("Agreements", "roster/index.html"),
    ("Requirements", "requirements.html"),
    ("Glossary", "glossary.html"),
    ("Changes", "changes.html"),
    ("Downloads", "downloads/index.html"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page before it is rendered."""

    path: str
    template: str
    title: str
    sort: str
    """What the search calls it: ``message``, ``code``, ..."""
    summary: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


class Shell:
    """A source with the places of its pages, and the templates."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places = places_of(source)
        rules = {rule.id: self.places[rule.page] for rule in source.rules.values()}
        self.names = names_of(self.places, self._words(), rules)
        self._templates = _environment()
        self._targets = self.places | {page: page for page in self._errors().values()}

    def _words(self) -> dict[str, str]:
        words = {path: page for path, page in self.places.items() if path.endswith((".json", ".md"))}
        words |= {name: f"messages/{name}.html" for name in self.source.folder.names("messages")}
        return words | self._errors()

    def _errors(self) -> dict[str, str]:
        return {code: f"errors/{code}.html" for code in self.source.codes}

    def rendered(self, page: Page) -> bytes:
        """The HTML of a page."""
        href = href_from(page.path)
        section = next((s for s in NAVIGATION if _is_below(page.path, s[1])), None)
        crumbs = [("Home", "index.html")] if page.path != "index.html" else []
        if section and section[1] != page.path:
            crumbs.append(section)
        names = self.names

        def line(text: str, path: str) -> Markup:
            return Markup(inline(text, path, page.path, names))

        def to(path: str, label: str, anchor: str = "", code: bool = False) -> Markup:
            """A link to the page of a file or code, or its label alone where there is none."""
            shown = Markup("<code>{}</code>").format(label) if code else Markup("{}").format(label)
            target = self._targets.get(path, "")
            return Markup('<a href="{}">{}</a>').format(href(target, anchor), shown) if target else shown

        template = self._templates.get_template(page.template)
        text = template.render(
            page=page,
            href=href,
            line=line,
            to=to,
            slug=slug,
            navigation=NAVIGATION,
            section=section[1] if section else "",
            crumbs=crumbs,
            version=self.source.version,
            licence=self.places.get("licence.md", self.places.get("LICENCE.md", "")),
            source=self.source,
            places=self.places,
            **page.values,
        )
        return text.encode()


def _is_below(path: str, section: str) -> bool:
    return path == section or (
        section.endswith("/index.html") and path.startswith(section[: -len("index.html")])
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,  # what a page would not find has to fail, and not to be left out
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["pretty"] = _pretty
    return environment


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def static() -> Iterator[tuple[str, bytes]]:
    """The files that go beside the pages as they are."""
    for path in sorted((HERE / "static").iterdir()):
        if path.is_file():
            yield f"static/{path.name}", path.read_bytes()
