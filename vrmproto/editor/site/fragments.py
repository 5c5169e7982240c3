"""The few forms that the pages are made of: code, blocks of JSON, lists of terms, tables.

All of them are :class:`markupsafe.Markup`: a text that is put into them is escaped, whatever it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

__all__ = ["cells", "code", "grid", "joined", "pretty", "stacked", "terms"]


def code(text: object) -> Markup:
    """A piece of text as it is to be typed."""
    return Markup("<code>{}</code>").format(str(text))


def joined(parts: Iterable[Markup], between: str = ", ") -> Markup:
    """Pieces of a sentence; ``between`` is markup."""
    return Markup(between).join(parts)


def stacked(blocks: Iterable[Markup]) -> Markup:
    """Blocks of a page, one below the other; empty ones are left out."""
    return Markup("\n").join(block for block in blocks if block)


def pretty(thing: Any, name: str = "") -> Markup:
    """A JSON value as a block; ``name`` becomes its anchor."""
    text = json.dumps(thing, ensure_ascii=False, indent=2)
    opening = Markup('<pre id="{}">').format(name) if name else Markup("<pre>")
    return opening + Markup("<code>{}</code></pre>").format(text)


def terms(listed: Iterable[tuple[str, Markup]]) -> Markup:
    """Names with what is said of each; nothing if there are none."""
    lines = [Markup("<dt>{}</dt><dd>{}</dd>").format(code(name), said) for name, said in listed]
    return Markup('<dl class="kw">{}</dl>').format(joined(lines, "")) if lines else Markup("")


def cells(name: str, head: Sequence[str], shown: Sequence[Markup]) -> Markup:
    """A row of a table with its anchor; each cell knows its heading, for narrow screens."""
    first, *others = shown
    cell = Markup('<td data-label="{}">{}</td>')
    inner = joined([cell.format(label, one) for label, one in zip(head[1:], others, strict=True)], "")
    return Markup('<tr id="{}"><th scope="row">{}</th>{}</tr>').format(name, first, inner)


def grid(head: Sequence[str], rows: Iterable[Markup], kind: str = "t") -> Markup:
    """A table of rows from :func:`cells`; ``kind`` is its class."""
    names = joined([Markup('<th scope="col">{}</th>').format(name) for name in head], "")
    frame = Markup('<table class="{}">\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table>')
    return frame.format(kind, names, joined(rows, "\n"))
