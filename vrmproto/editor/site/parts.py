"""What other modules put into the pages, one small function for each: where there is none yet, plain JSON.

Each takes the source, what is to be shown, and ``href``, which links from the page that it stands on.
HTML fragments are returned as ``Markup``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vrmproto.editor.site import drawings
from vrmproto.editor.site.paths import Href
from vrmproto.editor.site.source import Source

__all__ = ["changes_html", "kind_html", "ladder_html", "mermaid", "message_html", "schema_html"]


def _plain(value: Any) -> Markup:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return Markup('<pre tabindex="0">{}</pre>').format(text)


def _drawn(svg: str, label: str) -> Markup:
    """A drawing at its natural size, which a narrow screen scrolls, also by the keyboard."""
    frame = Markup('<div class="scroll" tabindex="0" role="group" aria-label="{}">{}</div>')
    return frame.format(label, Markup(svg))


def schema_html(source: Source, path: str, href: Href) -> Markup:
    """Every keyword of the schema at ``path``, with its examples: from a heading of the second level on."""
    return Markup('<h2 id="schema">Schema</h2>\n') + _plain(source.folder.values[path])


def message_html(source: Source, name: str, href: Href) -> Markup:
    """All that is said of a message type, from the title of its page to its schema."""
    path = f"messages/{name}.json"
    schema = source.folder.values[path]
    title = Markup("<h1>{} <code>{}</code></h1>\n<p>{}</p>\n")
    rows = {k: [r for r in table["rows"] if r["type"] == name] for k, table in source.kinds.items()}
    sending = Markup('<h2 id="sending">Who sends it, and when</h2>\n')
    return (
        title.format(schema["title"], name, schema["description"])
        + sending
        + _plain({kind: found for kind, found in rows.items() if found})
        + schema_html(source, path, href)
    )


def kind_html(source: Source, kind: str, href: Href) -> Markup:
    """All that is said of a kind of threads, from the title of its page on: drawing, states, rows."""
    title = Markup("<h1>Threads of the kind <code>{}</code></h1>\n").format(kind)
    return title + _picture(source, kind) + _plain(source.kinds[kind])


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
