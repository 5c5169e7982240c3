"""A schema of the folder as a page shows it: every keyword, in words and with its exact value.

What a keyword says stands in :mod:`vrmproto.editor.site.words`; this module lays it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from vrmproto.editor.site.words import (
    KeywordError,
    Place,
    Row,
    Shown,
    anchor,
    code,
    joined,
    pretty,
    shown_of,
)

__all__ = ["KeywordError", "render"]


_HEAD = joined(
    [Markup('<th scope="col">{}</th>').format(name) for name in ("Member", "Type", "Meaning and rules")], ""
)


def render(schema: Mapping[str, Any], *, path: str, link: Callable[[str], str]) -> Markup:
    """An HTML fragment that begins with a heading of the second level.

    ``path`` is that of the schema below the spec folder, ``link`` makes the path of another one the
    address of its page. The id of each part is its JSON Pointer. KeywordError for a keyword without words.
    """
    place = Place(path, link)
    blocks = [Markup('<h2 id="schema">Schema</h2>'), *_blocks(place, schema)]
    raw = Markup('<details class="raw"><summary>{} as it is</summary>{}</details>')
    return _lines([*blocks, raw.format(code(path), pretty(schema))])


def _blocks(place: Place, schema: Any) -> Iterable[Markup]:
    """What stands at the top of a file or of a named part of it, then the parts that are named below."""
    shown = shown_of(place, schema)
    rows, parts = _table_rows(shown.rows, shown.needed)
    yield _about(shown)
    if rows:
        table = Markup('<table class="t members">\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table>')
        yield table.format(_HEAD, _lines(rows))
    if shown.examples:
        heading = Markup('<h3 id="{}">Examples</h3>').format(anchor(f"{place.pointer}/examples"))
        yield _lines([heading, *shown.examples])
    for part in (*shown.parts, *parts):
        yield Markup('<h3 id="{}">{}</h3>').format(anchor(part.place.pointer), code(part.member))
        yield from _blocks(part.place, part.schema)


def _about(shown: Shown) -> Markup:
    """The keywords of the whole, one line each."""
    whole = [("type", _type(shown.types)), *shown.rules]
    return joined([*shown.texts, _list(whole)], "\n")


def _table_rows(rows: Sequence[Row], needed: Sequence[str]) -> tuple[list[Markup], list[Row]]:
    """Rows of a table, each followed by those of its parts; and the named parts that came along."""
    found: list[Markup] = []
    parts: list[Row] = []
    for row in rows:
        shown = shown_of(row.place, row.schema)
        found.append(_row(row, shown, needed))
        more, named = _table_rows(shown.rows, shown.needed)
        found += more
        parts += [*shown.parts, *named]
    return found, parts


def _row(row: Row, shown: Shown, needed: Sequence[str]) -> Markup:
    called = code(row.place.name) if row.place.name else Markup("the whole")
    if row.place.note:
        called += Markup(' <span class="note">{}</span>').format(row.place.note)
    if row.member is not None:
        must = '<strong class="needed">required</strong>' if row.member in needed else "optional"
        called += Markup("<br>") + Markup(must)
    examples = [("examples", joined(shown.examples, ""))] if shown.examples else []
    rules = [*shown.rules, *examples]
    meaning = joined([*shown.texts, *([_list(rules)] if rules else [])], "")
    return Markup('<tr id="{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>').format(
        anchor(row.place.pointer), called, _type(shown.types), meaning
    )


def _type(types: Sequence[Markup]) -> Markup:
    return joined(types) or Markup("any value")


def _list(rules: Iterable[tuple[str, Markup]]) -> Markup:
    line = Markup("<dt>{}</dt><dd>{}</dd>")
    return Markup('<dl class="kw">{}</dl>').format(
        joined([line.format(code(k), words) for k, words in rules], "")
    )


def _lines(blocks: Iterable[Markup]) -> Markup:
    return Markup("\n").join(blocks)
