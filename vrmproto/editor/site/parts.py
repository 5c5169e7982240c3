"""What other modules put into the pages, one small function for each.

Each takes the source, what is to be shown, and ``href``, which links from the page that it stands on.
HTML fragments are returned as ``Markup``.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from vrmproto.editor.site import drawings, keywords, messages, rows
from vrmproto.editor.site.paths import Href, places_of
from vrmproto.editor.site.source import Source

__all__ = ["changes_html", "kind_html", "ladder_html", "mermaid", "message_html", "schema_html"]


def _drawn(svg: str, label: str) -> Markup:
    """A drawing at its natural size, which a narrow screen scrolls, also by the keyboard."""
    frame = Markup('<div class="scroll" tabindex="0" role="group" aria-label="{}">{}</div>')
    return frame.format(label, Markup(svg))


def _named(source: Source, href: Href) -> rows.Href:
    """Links by what a thing is and how it is called."""
    places = places_of(source)

    def found(what: str, name: str) -> str:
        if what == "requirement":
            return href(places[source.rules[name].page], name)
        if what == "schema":
            return href(places[name])
        folder = {"message": "messages", "kind": "kinds", "error": "errors"}[what]
        return href(f"{folder}/{name}.html")

    return found


def schema_html(source: Source, path: str, href: Href) -> Markup:
    """Every keyword of the schema at ``path``, with its examples: from a heading of the second level on."""
    named = _named(source, href)
    return keywords.render(source.folder.values[path], path=path, link=lambda target: named("schema", target))


def message_html(source: Source, name: str, href: Href) -> Markup:
    """All that is said of a message type, from the title of its page to a real message."""
    return messages.message_page(source.book, name, href=_named(source, href))


def kind_html(source: Source, kind: str, href: Href) -> Markup:
    """All that is said of a kind of threads, from the title of its page on: drawing, states, rows."""
    return messages.kind_page(source.book, kind, href=_named(source, href), picture=_picture(source, kind))


def _picture(source: Source, kind: str) -> Markup:
    """The states of a kind as a drawing."""
    return _drawn(drawings.kind_svg(kind, source.kinds[kind]), "Drawing of the states")


def ladder_html(source: Source, href: Href) -> Markup:
    """A drawing of the ladder."""
    return _drawn(drawings.ladder_svg(source.ladder), "Drawing of the ladder")


def mermaid(source: Source, kind: str) -> str:
    """The states of a kind as Mermaid text."""
    return drawings.mermaid(kind, source.kinds[kind])


def changes_html(source: Source, previous: Path | None) -> Markup:
    """What the changes since the spec folder ``previous`` break for whom, or nothing."""
    return Markup("")
