"""What other modules put into the pages, one small function for each.

Each takes the source, what is to be shown, and ``href``, which links from the page that it stands on.
HTML fragments are returned as ``Markup``.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from vrmproto.editor.diff import comparing
from vrmproto.editor.diff.change import Change
from vrmproto.editor.site import drawings, keywords, messages, rows
from vrmproto.editor.site.fragments import code, joined, pretty
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
    """Whom the changes since the spec folder or release ``previous`` break, with a message that shows it."""
    found = comparing.changes(previous, source.folder.root) if previous else []
    told = [change for change in found if change.breaks or change.may_break]
    if not told:
        return Markup("")
    entries = [_broken(change) for change in told]
    return Markup('<h2 id="breaks">Whom it breaks</h2>\n<ul class="breaks">\n{}\n</ul>').format(
        joined(entries, "\n")
    )


def _broken(change: Change) -> Markup:
    """A change, whom it breaks, and the messages that show it."""
    place = f"{change.file}#{change.pointer}" if change.pointer else change.file
    certain, perhaps = " and ".join(change.breaks), " and ".join(change.may_break)
    whom = ", ".join(
        filter(None, [certain and f"breaks {certain}", perhaps and f"possibly breaks {perhaps}"])
    )
    shown = Markup("<details><summary>A message that shows it, for {} of {}</summary>{}</details>")
    proofs = [shown.format(e.whom, code(e.schema), pretty(e.witness)) for e in change.effects if e.proven]
    return Markup("<li><strong>{}</strong>: {} {}{}</li>").format(
        whom, code(place), change.what, joined(proofs, "")
    )
