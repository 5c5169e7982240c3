"""A failure's conversation for people: tokens decoded, the member that is at fault marked, curl to repeat it.

Whatever a target said is made harmless here: no character that moves a cursor, hides or reorders text
gets through. Escaping for HTML or XML is up to whoever writes those.
"""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance import jose

__all__ = ["Block", "Line", "Step", "curl", "names", "steps", "unlinked", "visible"]

Json = Mapping[str, Any]

_TOKEN = re.compile(r"(?<![\w.-])eyJ[\w-]*\.[\w-]+\.[\w-]*(?![\w.-])", re.ASCII)
_TOKENS = 6
"""Of a body no more tokens than these are decoded."""
_WIDTH = 1000
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_NOISE = frozenset(
    re.findall(
        "[a-z]+",
        "a an and answer any as at be by expected for from got has home in is it its member message no not of"
        " on one or other request same that the this to token with",
    )
)
_MARKED = re.compile(r"`([^`\s]{1,80})`|\"([^\"\s]{1,80})\"|(?<![\w/:.])((?:/[A-Za-z_][\w~-]*|/\d+)+)")
_LEFT_OUT = frozenset({"accept-encoding", "connection", "content-length", "host", "user-agent"})
_ONE_ARGUMENT = 100_000
"""A longer argument some systems refuse."""


@dataclass(frozen=True)
class Line:
    """A line, and whether it is what the failure is about."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Block:
    """Some lines under a caption, such as the claims of a token."""

    caption: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Step:
    """One exchange of a conversation, ready to be shown."""

    number: int
    label: str
    request: str
    """Method and URL."""
    answer: str
    """The status, or that none came."""
    sent: tuple[Block, ...]
    got: tuple[Block, ...]
    curl: str


def unlinked(sentence: str) -> str:
    """A sentence of the spec without the targets of its links, which lead nowhere from here."""
    return re.sub(r"\[([^\[\]]+)\]\([^()\s]+\)", r"\1", sentence)


def visible(text: str) -> str:
    """Text in which every character shows itself; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(c) for c in text)


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def names(*told: str) -> frozenset[str]:
    """The members that ``expected`` and ``got`` name.

    Those in backticks, in quotes or in a JSON Pointer; where there are none, every word that could be one.
    """
    text = "\n".join(told)
    found = {part for match in _MARKED.finditer(text) for part in match.groups() if part}
    explicit = {piece for part in found for piece in (part, part.rstrip("/").rpartition("/")[2])}
    if explicit:
        return frozenset(explicit)
    return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_-]+", text)) - _NOISE


def steps(failure: Json, limit: int = 60) -> list[Step]:
    """The conversation of a failure of the report; of a block no more than ``limit`` lines.

    Only in the last exchange that has one, the members at fault are marked.
    """
    told = failure["conversation"]
    wanted = names(failure["expected"], failure["got"])
    made = [_step(n, exchange, wanted, limit) for n, exchange in enumerate(told, 1)]
    at = max((step.number for step in made if _marks(step)), default=0)
    return [
        step if step.number == at else _step(step.number, exchange, frozenset(), limit)
        for step, exchange in zip(made, told, strict=True)
    ]


def _marks(step: Step) -> bool:
    return any(line.marked for block in (*step.sent, *step.got) for line in block.lines)


def _step(number: int, exchange: Json, wanted: frozenset[str], limit: int) -> Step:
    status = exchange["status"]
    return Step(
        number=number,
        label=_flat(exchange["label"]),
        request=_flat(f"{exchange['method']} {exchange['url']}"),
        answer=f"{status} after {exchange['seconds'] * 1000:.0f} ms" if status else "no answer came",
        sent=tuple(_part(exchange["headers"], exchange["body"], wanted, limit)),
        got=tuple(_part(exchange["answer_headers"], exchange["answer"], wanted, limit)),
        curl=curl(exchange),
    )


def _flat(text: str) -> str:
    return visible(text.replace("\n", "\\n").replace("\t", "\\t"))


def _part(headers: Mapping[str, str], body: str, wanted: frozenset[str], limit: int) -> Iterator[Block]:
    """Headers, body and the tokens in both."""
    if headers:
        low = {name.lower() for name in wanted}
        lines = (Line(f"{n}: {_short(v)}", n.lower() in low) for n, v in headers.items())
        yield _block("headers", lines, limit)
    if body:
        yield _body(body, wanted, limit)
    found = list(dict.fromkeys(_TOKEN.findall("\n".join([*headers.values(), body]))))
    for n, token in enumerate(found[:_TOKENS], 1):
        which = f"token {n}" if len(found) > 1 else "token"
        for caption, read in (("header", jose.header_of), ("claims", jose.claims_of)):
            try:
                value = read(token)
            except (ValueError, RecursionError):
                yield Block(f"{which}, {caption}", (Line("cannot be decoded"),))
                continue
            yield _block(f"{which}, {caption}", _pretty(value, wanted), limit)
    if len(found) > _TOKENS:
        yield Block(f"{len(found) - _TOKENS} more tokens", ())


def _body(body: str, wanted: frozenset[str], limit: int) -> Block:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _block("body", (Line(_short(line)) for line in body.split("\n")), limit)
    return _block("body", _pretty(value, wanted), limit)


def _pretty(value: Any, wanted: frozenset[str]) -> Iterator[Line]:
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = "cannot be shown"
    member = re.compile(r'^\s*"((?:[^"\\]|\\.)*)":')
    for line in text.split("\n"):
        named = member.match(line)
        yield Line(_short(line), bool(named and named[1] in wanted))


def _short(line: str) -> str:
    """A line with its tokens cut short: they stand decoded below, and whole in the curl line."""
    short = _TOKEN.sub(lambda m: f"{m[0][:12]}...{m[0][-6:]} ({len(m[0])} characters)", line)
    return short if len(short) <= _WIDTH else f"{short[:_WIDTH]} ... {len(short) - _WIDTH} more characters"


def _block(caption: str, lines: Iterable[Line], limit: int) -> Block:
    """A bounded block; what is marked is kept in it wherever it stands."""
    listed = [Line(_flat(line.text), line.marked) for line in lines]
    if len(listed) > limit:
        late = [line for line in listed[limit:] if line.marked][:limit]
        left = len(listed) - limit - len(late)
        listed = [*listed[:limit], Line(f"... {left} more lines"), *late]
    return Block(caption, tuple(listed))


# --- curl --------------------------------------------------------------------------------------


def curl(exchange: Json) -> str:
    """One line for a shell that sends the same request again, byte for byte."""
    method, body = exchange["method"], exchange["body"]
    words = ["curl", "-sS", "-i", "-g", "--path-as-is"]
    if method == "HEAD":
        words = ["curl", "-sS", "-I", "-g", "--path-as-is"]
    elif method != ("POST" if body else "GET"):
        words += ["-X", method]
    named = set()
    for name, value in exchange["headers"].items():
        if name.lower() not in _LEFT_OUT:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
            named.add(name.lower())
    first = ""
    if body:
        if "content-type" not in named:
            words += ["-H", "Content-Type:"]
        if len(body) > _ONE_ARGUMENT:
            return f"# the body has {len(body)} characters: repeat it by its replay file"
        if visible(body) == body:
            words += ["--data-raw", body]
        else:
            first, words = f"printf {shlex.quote(_octal(body))} | ", [*words, "--data-binary", "@-"]
    words.append(exchange["url"])
    return first + " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    """Quoted for a shell; what cannot be seen is written as bash reads it in ``$'...'``."""
    if visible(word) == word:
        return shlex.quote(word)
    shown = "".join(c if c.isascii() and c.isprintable() and c not in "\\'" else _bytes(c) for c in word)
    return f"$'{shown}'"


def _octal(text: str) -> str:
    """Text as printf reads it."""
    return "".join(
        "%%" if c == "%" else c if c.isascii() and c.isprintable() and c != "\\" else _bytes(c) for c in text
    )


def _bytes(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "backslashreplace"))
