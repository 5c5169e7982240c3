"""A schema of the folder as a page shows it: every keyword, in words and with its exact value.

What a keyword says stands in :mod:`vrmproto.editor.site.words`; this module lays it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from vrmproto.editor.site.fragments import cells, code, grid, joined, pretty, stacked, terms
from vrmproto.editor.site.words import KeywordError, Place, Row, Shown, anchor, shown_of

__all__ = ["KeywordError", "render"]

_HEAD = ("Member", "Type", "Meaning and rules")


def render(schema: Mapping[str, Any], *, path: str, link: Callable[[str], str]) -> Markup:
    """An HTML fragment that begins with a heading of the second level.

    ``path`` is that of the schema below the spec folder, ``link`` makes the path of another one the
    address of its page. The id of each part is its JSON Pointer. KeywordError for a keyword without words.
    """
    blocks = [Markup('<h2 id="schema">Schema</h2>'), *_blocks(Place(path, link), schema)]
    raw = Markup('<details class="raw"><summary>{} as it is</summary>{}</details>')
    return stacked([*blocks, raw.format(code(path), pretty(schema))])


def _blocks(place: Place, schema: Any) -> Iterator[Markup]:
    """What stands at the top of a file or of a named part of it, then the parts that are named below."""
    shown = shown_of(place, schema)
    rows, parts = _rows(shown)
    yield from shown.texts
    yield terms([("type", _type(shown.types)), *shown.rules])
    if rows:
        yield grid(_HEAD, rows, "t members")
    if shown.examples:
        yield Markup('<h3 id="{}">Examples</h3>').format(anchor(f"{place.pointer}/examples"))
        yield from shown.examples
    for part in (*shown.parts, *parts):
        yield Markup('<h3 id="{}">{}</h3>').format(anchor(part.place.pointer), code(part.member))
        yield from _blocks(part.place, part.schema)


def _rows(above: Shown) -> tuple[list[Markup], list[Row]]:
    """Rows of a table, each followed by those of its parts; and the named parts that came along."""
    found: list[Markup] = []
    named: list[Row] = []
    for row in above.rows:
        shown = shown_of(row.place, row.schema)
        rows, parts = _rows(shown)
        found += [_row(row, shown, above.needed), *rows]
        named += [*shown.parts, *parts]
    return found, named


def _row(row: Row, shown: Shown, needed: Sequence[str]) -> Markup:
    called = code(row.place.name) if row.place.name else Markup("the whole")
    if row.place.note:
        called += Markup(' <span class="note">{}</span>').format(row.place.note)
    if row.member is not None:
        must = '<strong class="needed">required</strong>' if row.member in needed else "optional"
        called += Markup("<br>" + must)
    examples = [("examples", joined(shown.examples, ""))] if shown.examples else []
    meaning = joined([*shown.texts, terms([*shown.rules, *examples])], "")
    return cells(anchor(row.place.pointer), _HEAD, [called, _type(shown.types), meaning])


def _type(types: Sequence[Markup]) -> Markup:
    return joined(types, "<br>") or Markup("any value")
