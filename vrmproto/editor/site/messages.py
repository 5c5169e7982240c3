"""What the pages of message types and of kinds of threads say.

Who may send a message when stands in ``threads.json``, what may be answered in ``errors.json``, and what a
guard looks at in ``implementing.md``: all of it is shown here as it stands there, with links.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from vrmproto import requirements
from vrmproto.editor.site import keywords, samples
from vrmproto.editor.site.fragments import cells, code, grid, joined, pretty, stacked
from vrmproto.editor.site.rows import KIND, ROW, Href, Where, lines, refuse_unknown, table
from vrmproto.editor.site.samples import Sample
from vrmproto.requirements import Requirement

__all__ = ["Book", "Guard", "Href", "kind_page", "message_page"]

_GUARD = re.compile(r"^\| `([a-z-]+)` \| (.+) \| ([^|]*VRM-[^|]*) \|$", re.MULTILINE)
_RANGE = re.compile(r"(VRM-[A-Z]+-)(\d{3})(?: to \1(\d{3}))?")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")


@dataclass(frozen=True, slots=True)
class Guard:
    """What implementing.md says of a guard."""

    words: str
    """Markdown."""
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """What of a spec folder the pages are made of; read it with :meth:`read`."""

    threads: Mapping[str, Any]
    errors: Mapping[str, Any]
    schemas: Mapping[str, Mapping[str, Any]]
    """Path below the folder to schema; of messages only."""
    invalid: Mapping[str, Sequence[Mapping[str, Any]]]
    """Message type to its bad examples, as meta/invalid.json has them."""
    requirements: Mapping[str, Requirement]
    guards: Mapping[str, Guard]
    samples: Mapping[str, Sample]
    keys: Mapping[str, Any]
    """Those of the vectors, by their names."""

    @classmethod
    def read(cls, root: Path) -> Book:
        """Read a folder that ``vrmproto spec check`` finds no fault in; others raise what they raise."""
        schemas = {
            path.relative_to(root).as_posix(): json.loads(path.read_bytes())
            for path in sorted(root.glob("messages/*.json"))
        }
        threads = json.loads((root / "threads.json").read_bytes())
        text = (root / "implementing.md").read_text("utf-8")
        return cls(
            threads=threads,
            errors=json.loads((root / "errors.json").read_bytes()),
            schemas=schemas,
            invalid={
                p.stem: json.loads(p.read_bytes()) for p in sorted(root.glob("messages/invalid/*.json"))
            },
            requirements=requirements.read(root),
            guards={n: Guard(w, _ids(ids)) for n, w, ids in _GUARD.findall(text) if n in threads["guards"]},
            samples=samples.read(root),
            keys=samples.published_keys(root),
        )

    def rows(self, name: str) -> dict[str, list[tuple[int, Mapping[str, Any]]]]:
        """Kind to the rows of a message type, with their numbers in the kind."""
        found = {}
        for kind, entry in self.threads["kinds"].items():
            rows = [(n, row) for n, row in enumerate(entry["rows"]) if row["type"] == name]
            if rows:
                found[kind] = rows
        return found

    def codes(self, cause: str) -> list[Mapping[str, Any]]:
        """The codes by which a guard or a check refuses."""
        return [entry for entry in self.errors["codes"] if cause in entry["by"]]


def _ids(text: str) -> tuple[str, ...]:
    """The requirements that a list such as ``VRM-A-001, VRM-B-003 to VRM-B-005`` names."""
    return tuple(
        f"{area}{n:03d}"
        for area, first, last in _RANGE.findall(text)
        for n in range(int(first), int(last or first) + 1)
    )


@functools.cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink", "html_inline"])


def _prose(text: str) -> Markup:
    """A sentence of the folder; a link in it leads from another page, so that only its words are kept."""
    return Markup(_markdown().renderInline(_LINK.sub(r"\1", text)))  # it escapes all but its own marks


# --- message types -----------------------------------------------------------------------------


def message_page(book: Book, name: str, *, href: Href) -> Markup:
    """The content of the page of a message type, from its title to a real message.

    ``name`` is the type, ``href`` gives addresses (:data:`Href`). KeyError for a type without a schema,
    KeywordError for a schema or a row that there are no words for.
    """
    path = f"messages/{name}.json"
    schema = book.schemas[path]
    return stacked(
        [
            Markup("<h1>{} {}</h1>").format(schema.get("title", name), code(name)),
            Markup("<p>{}</p>").format(schema.get("description", "")),
            _sending(book, name, href),
            _answers(book, name, href),
            _mentions(book, name, href),
            keywords.render(schema, path=path, link=lambda target: href("schema", target)),
            _invalid(book, name),
            _sample(book, name),
        ]
    )


def _invalid(book: Book, name: str) -> Markup:
    """Bodies that the schema refuses, each for one reason."""
    bad = book.invalid.get(name, ())
    if not bad:
        return Markup("")
    heading = Markup('<h2 id="invalid">What the schema refuses</h2>')
    item = Markup("<li>{} {} refuses it at {}.{}</li>")
    whole = Markup("<details><summary>The body</summary>{}</details>")
    shown = [
        item.format(
            one["why"], code(one["keyword"]), code(one["pointer"] or "/"), whole.format(pretty(one["value"]))
        )
        for one in bad
    ]
    return stacked([heading, Markup('<ul class="bad">\n{}\n</ul>').format(joined(shown, "\n"))])


def _sending(book: Book, name: str, href: Href) -> Markup:
    blocks = [Markup('<h2 id="sending">Who sends it, and when</h2>')]
    for kind, rows in book.rows(name).items():
        where = Where(kind, f"/kinds/{kind}", href)
        heading = Markup('<h3 id="kind-{}">In a thread of the kind <a href="{}">{}</a></h3>')
        said = [Markup("<li>{}</li>").format(_sentence(where, row)) for _, row in rows]
        blocks += [
            heading.format(kind, href("kind", kind), kind),
            Markup("<ul>{}</ul>").format(joined(said, "")),
            table(where, rows),
        ]
    return stacked(blocks)


def _sentence(where: Where, row: Mapping[str, Any]) -> Markup:
    """A row as one sentence, with the words of the table."""
    by, states, to = (ROW[m][1](where, row[m]) if m in row else Markup("") for m in ("by", "in", "to"))
    sender = by[:1].upper() + by[1:]
    if "in" not in row:
        return Markup("{} opens a thread with it, in the state {}.").format(sender, to)
    after = to if row["to"] == "=" else Markup("is {} then").format(to)
    return Markup("{} sends it in the state {}; the thread {}.").format(sender, states, after)


_GUARD_SOURCE = (
    "<p>Guards are looked at after everything else; the words are those of <code>implementing.md</code>.</p>"
)
_GUARD_HEAD = ("Guard", "What it looks at", "Refused with", "Rules")


def _answers(book: Book, name: str, href: Href) -> Markup:
    """The codes of its guards, and those that any message may get."""
    named = [g for rows in book.rows(name).values() for _, row in rows for g in row.get("guards", ())]
    shown = [_guard(book, guard, href) for guard in dict.fromkeys(named)]
    own = Markup("<p>No guard looks at it.</p>")
    if shown:
        own = Markup(_GUARD_SOURCE) + grid(_GUARD_HEAD, shown)
    general = [entry for entry in book.errors["codes"] if entry["layer"] in ("token", "thread")]
    listed = joined([Markup("<li>{}</li>").format(_code(entry, href)) for entry in general], "")
    more = Markup(
        '<details class="codes"><summary>{} codes that any message may get, from what is looked at before'
        "</summary><ul>{}</ul></details>"
    )
    heading = Markup('<h2 id="answers">What may be answered</h2>')
    return stacked([heading, own, more.format(len(general), listed)])


def _guard(book: Book, guard: str, href: Href) -> Markup:
    known = book.guards.get(guard, Guard("", ()))
    rules = known.requirements or tuple(r.id for r in book.requirements.values() if f"`{guard}`" in r.text)
    shown = [
        code(guard),
        _prose(known.words),
        joined([_code(entry, href) for entry in book.codes(guard)], "<br>"),
        joined([_requirement(one, href) for one in rules], " "),
    ]
    return cells(f"guard-{guard}", _GUARD_HEAD, shown)


def _code(entry: Mapping[str, Any], href: Href) -> Markup:
    link = Markup('<a href="{}">{}</a> ({}): {}')
    return link.format(href("error", entry["code"]), code(entry["code"]), entry["status"], entry["title"])


def _requirement(name: str, href: Href) -> Markup:
    return Markup('<a class="req" href="{}">{}</a>').format(href("requirement", name), name)


def _mentions(book: Book, name: str, href: Href) -> Markup:
    """The numbered sentences that name the type, or by which its guards judge."""
    guards = {g for rows in book.rows(name).values() for _, row in rows for g in row.get("guards", ())}
    ruled = {one for guard in guards for one in book.guards.get(guard, Guard("", ())).requirements}
    words = {f"`{name}`", *(f"`{guard}`" for guard in guards)}
    found = [r for r in book.requirements.values() if r.id in ruled or any(word in r.text for word in words)]
    heading = Markup('<h2 id="sentences">Sentences that rule it</h2>')
    item = Markup("<li>{} {}</li>")
    listed = joined([item.format(_requirement(r.id, href), _prose(r.text)) for r in found], "\n")
    none = Markup("<p>None names it, besides those that rule every message.</p>")
    return stacked([heading, Markup('<ul class="reqs">\n{}\n</ul>').format(listed) if found else none])


def _sample(book: Book, name: str) -> Markup:
    heading = Markup('<h2 id="token">A real message</h2>')
    none = Markup("<p>The folder shows no message of this type, and has no key to make one.</p>")
    sample = book.samples.get(name) or _made(book, name)
    return stacked([heading, samples.render(sample) if sample else none])


def _made(book: Book, name: str) -> Sample | None:
    """A message of a type that no vector shows, by its first row."""
    for kind, rows in book.rows(name).items():
        schema, roles = book.schemas[f"messages/{name}.json"], book.threads["kinds"][kind]["roles"]
        return samples.made(book.keys, schema, rows[0][1], roles)
    return None


# --- kinds of threads --------------------------------------------------------------------------


def kind_page(book: Book, name: str, *, href: Href, picture: str = "") -> Markup:
    """The content of the page of a kind of threads: what it is, its states and its rows.

    ``name`` is one of ``kinds`` in threads.json, otherwise KeyError; ``href`` gives addresses; ``picture``
    is markup that stands before the states.
    """
    kind = book.threads["kinds"][name]
    where = Where(name, f"/kinds/{name}", href)
    refuse_unknown(where, kind, KIND)
    tables: Sequence[str] = ("states", "rows")
    about = {member: words for member, words in KIND.items() if member not in tables}
    title = Markup("<h1>Threads of the kind {}</h1>").format(code(name))
    blocks = [title, lines(about, where, kind), Markup(picture)]
    for member in tables:
        label, say = KIND[member]
        blocks += [Markup('<h2 id="{}">{}</h2>').format(member, label), say(where, kind[member])]
    return stacked(blocks)
