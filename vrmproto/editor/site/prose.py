"""Renders the pages that people wrote: numbered sentences get anchors, what they name becomes a link.

Source: spec/protocol/README.md "How to read the requirements".
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from vrmproto.editor.site.paths import Href, href_from, slug, within

__all__ = ["Heading", "Names", "Prose", "inline", "names_of", "render"]

_ANCHOR = re.compile(r" \{#(VRM-[A-Z]+-\d{3}) ([a-z]+)((?: [a-z]+)*)\}$")
_ID = r"\bVRM-[A-Z]+-\d{3}\b"
_LEVEL = r"\b(?:MUST|SHOULD)(?: NOT)?\b|\bMAY\b"
_MARKED = re.compile(f"({_ID})|({_LEVEL})")
_PROFILE = re.compile(r"^profile: ([a-z]+)$")
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What prose may name, and where on the site it stands; equal ones are one, see :func:`names_of`."""

    places: Mapping[str, str]
    """Path of a file or folder to its page."""
    words: Mapping[str, str]
    """Codes, message types and paths, as they stand in code type, to their pages."""
    rules: Mapping[str, str]
    """Requirement id to the page that it stands on."""


@functools.lru_cache(maxsize=4)
def _names(*tables: tuple[tuple[str, str], ...]) -> Names:
    return Names(*map(dict, tables))


def names_of(places: Mapping[str, str], words: Mapping[str, str], rules: Mapping[str, str]) -> Names:
    """The names of a site: the same object as long as they stay, so that what was rendered can be kept."""
    return _names(*(tuple(table.items()) for table in (places, words, rules)))


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below the title of a page."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A page: its title without marks, its headings, its HTML with the title."""

    title: str
    headings: tuple[Heading, ...]
    html: str


@dataclass
class _Page:
    """One text while it is rendered."""

    path: str
    page: str
    names: Names
    href: Href = field(init=False)
    taken: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.href = href_from(self.page)

    def anchor(self, text: str) -> str:
        """A free anchor for a heading, numbered from the second of a name on."""
        name = slug(text)
        number = self.taken[name] = self.taken.get(name, -1) + 1
        return f"{name}-{number}" if number else name

    def link(self, target: str) -> str:
        """The href for a link of the text, or '' if it leads to nothing on the site."""
        if _OUTSIDE.match(target):
            return target
        found = within(self.names.places, self.path, target)
        return self.href(*found) if found else ""


# --- HTML of our own among the tokens ------------------------------------------------------------


def _site(content: str) -> Token:
    return Token("site", "", 0, content=content)


def _raw(
    _renderer: RendererHTML, tokens: Sequence[Token], n: int, _options: OptionsDict, _env: EnvType
) -> str:
    return tokens[n].content


def _text(
    _renderer: RendererHTML, tokens: Sequence[Token], n: int, _options: OptionsDict, _env: EnvType
) -> str:
    """HTML in a page is shown as it is written; a comment is a remark to editors and not shown."""
    content = tokens[n].content
    return "" if content.lstrip().startswith("<!--") else html.escape(content)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.add_render_rule("site", _raw)
    parser.add_render_rule("html_block", _text)
    parser.add_render_rule("html_inline", _text)
    return parser


_MD = _parser()

# --- what stands in a line -----------------------------------------------------------------------


def _line(page: _Page, tokens: Sequence[Token], levels: bool) -> Iterator[Token]:
    """The tokens of a line with their links; ``levels`` marks the key words."""
    inside = 0
    closing: list[str] = []
    for token in tokens:
        if token.type == "link_open":
            inside += 1
            target = page.link(str(token.attrs["href"]))
            token.attrs["href"] = target
            closing.append("" if target else "</span>")
            yield token if target else _site('<span class="broken" title="This link leads to nothing">')
        elif token.type == "link_close":
            inside -= 1
            closed = closing.pop()
            yield _site(closed) if closed else token
        elif token.type == "code_inline" and not inside:
            yield _code(page, token)
        elif token.type == "text":
            yield from _words(page, token, levels, inside > 0)
        elif token.type == "image":
            yield _site(html.escape(token.content))  # a page fetches nothing
        else:
            yield token


def _code(page: _Page, token: Token) -> Token:
    target = page.names.words.get(token.content, "")
    shown = f"<code>{html.escape(token.content)}</code>"
    if not target or target == page.page:
        return _site(shown)
    return _site(f'<a href="{page.href(target)}">{shown}</a>')


def _words(page: _Page, token: Token, levels: bool, inside: bool) -> Iterator[Token]:
    at = 0
    for found in _MARKED.finditer(token.content):
        identifier, level = found.groups()
        where = page.names.rules.get(identifier or "", "")
        if (identifier and (inside or not where)) or (level and not levels):
            continue
        yield _plain(token.content[at : found.start()])
        if identifier:
            yield _site(f'<a class="req" href="{page.href(where, identifier)}">{identifier}</a>')
        else:
            yield _site(f'<strong class="level">{level}</strong>')
        at = found.end()
    yield _plain(token.content[at:])


def _plain(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _shown(token: Token) -> str:
    """The text of a line without its marks."""
    parts = (c.content for c in token.children or () if c.type in ("text", "code_inline", "softbreak"))
    return "".join(part or " " for part in parts)


# --- blocks --------------------------------------------------------------------------------------


def _rule(page: _Page, item: Token, line: Token) -> None:
    """A numbered sentence: its item has its id, and the id and the role stand behind it."""
    children = line.children or []
    found = _ANCHOR.search(children[-1].content) if children and children[-1].type == "text" else None
    if not found:
        line.children = list(_line(page, children, False))
        return
    name, role, needs = found.groups()
    children[-1].content = children[-1].content[: found.start()]
    duty = html.escape(", needs an ".join([role, *needs.split()]))
    item.attrs["id"] = name
    item.attrs["class"] = "rule"
    behind = f'<a class="req" href="#{name}">{name}</a> <span class="role">{duty}</span>'
    line.children = [*_line(page, children, True), _site(f' <span class="mark">{behind}</span>')]


def _heading(page: _Page, opening: Token, line: Token) -> Heading:
    text = _shown(line)
    heading = Heading(int(opening.tag[1:]), text, page.anchor(line.content))
    opening.attrs["id"] = heading.anchor
    line.children = list(_line(page, line.children or [], False))
    if heading.level > 1:
        label = html.escape(f"Link to: {text}")
        mark = f' <a class="here" href="#{heading.anchor}" aria-label="{label}">#</a>'
        line.children.append(_site(mark))
    return heading


def _profile(page: _Page, line: Token) -> bool:
    """The second line of a page of the protocol, as a link to its requirements."""
    found = _PROFILE.match(line.content)
    if found:
        target = page.href("requirements.html", f"profile-{found[1]}")
        line.children = [_site(f'Profile: <a class="profile" href="{target}">{found[1]}</a>')]
    return bool(found)


def _blocks(page: _Page, tokens: list[Token]) -> Iterator[Heading]:
    for n, token in enumerate(tokens):
        if token.type == "table_open":
            token.attrs["class"] = "t"
        elif token.type == "th_open":
            token.attrs["scope"] = "col"
        elif token.type != "inline":
            continue
        elif n > 1 and tokens[n - 2].type == "list_item_open":
            _rule(page, tokens[n - 2], token)
        elif tokens[n - 1].type == "heading_open":
            yield _heading(page, tokens[n - 1], token)
        elif not _profile(page, token):
            token.children = list(_line(page, token.children or [], False))


def _scrolled(tokens: list[Token]) -> Iterator[Token]:
    """Wide tables scroll by themselves, and by the keyboard."""
    for token in tokens:
        if token.type == "table_open":
            yield _site('<div class="scroll" tabindex="0" role="group" aria-label="Table">\n')
        yield token
        if token.type == "table_close":
            yield _site("</div>\n")


@functools.lru_cache(maxsize=256)
def render(text: str, path: str, page: str, names: Names) -> Prose:
    """The text of the file ``path`` of the folder, for the page ``page`` of the site."""
    here = _Page(path, page, names)
    tokens = _MD.parse(text)
    headings = list(_blocks(here, tokens))
    title = headings[0].text if headings else path
    body = _MD.renderer.render(list(_scrolled(tokens)), _MD.options, {})
    return Prose(title, tuple(h for h in headings if h.level > 1), body)


@functools.lru_cache(maxsize=4096)
def inline(text: str, path: str, page: str, names: Names) -> str:
    """A line of the file ``path`` for the page ``page``, without a paragraph around it; key words marked."""
    here = _Page(path, page, names)
    (token,) = _MD.parseInline(text)
    token.children = list(_line(here, token.children or [], True))
    return str(_MD.renderer.render([token], _MD.options, {}))
