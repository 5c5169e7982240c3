"""Draws kinds of thread as state machines, and the ladder as steps: SVG, and text for Mermaid. Pure.

All colours are ``currentColor``, and all that a shape says stands beside it in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from vrmproto.editor.site.layout import Arc, Box, Placement, Point, place
from vrmproto.editor.site.moves import Line, Move, moves_of, stays_of, traits_of
from vrmproto.editor.site.steps import ladder_svg
from vrmproto.editor.site.svg import MONO, NAME, SMALL, TEXT, broad, path, svg, tag, text, wide

__all__ = ["kind_svg", "ladder_svg", "mermaid"]

PAD = 12.0
ROW = 18.0
COLUMN = 14.0
"""Between a message type and who sends it."""
START = ""
"""The name of the dot from which a thread is opened."""
DOT = 14.0
HEAD = 8.0
"""The length of an arrowhead."""
_RESERVED = frozenset(
    [
        "as",
        "choice",
        "class",
        "click",
        "default",
        "direction",
        "end",
        "fork",
        "hide",
        "href",
        "join",
        "note",
        "scale",
        "state",
        "style",
        "title",
    ]
)


# --- lines of text in boxes ---------------------------------------------------------------------


def _columns(lines: Sequence[Line]) -> tuple[float, float]:
    """How wide message types and causes are, and their senders beside them."""
    types = [wide(line.what, TEXT) for line in lines if line.by]
    causes = [broad(line.what, TEXT) for line in lines if not line.by]
    senders = [COLUMN + broad(line.sender, SMALL) for line in lines if line.by]
    left = max(types, default=0.0)
    return left, max([left + max(senders, default=0.0), *causes]) - left


def _rows(lines: Sequence[Line], x: float, y: float) -> str:
    """Message types, and their senders in a column beside them; causes in italics."""
    column = x + _columns(lines)[0] + COLUMN
    rows = []
    for n, line in enumerate(lines):
        at = y + ROW * n + 13.5
        if line.by:
            parts = tag("tspan", escape(line.what), font_family=MONO) + " "
            parts += tag("tspan", escape(line.sender), x=column, font_size=SMALL)
            rows.append(tag("text", parts, x=x, y=at, font_size=TEXT, fill="currentColor", class_="d-sent"))
        else:
            rows.append(text(x, at, line.what, fill="currentColor", font_style="italic", class_="d-cause"))
    return "".join(rows)


def _card_size(move: Move) -> tuple[float, float]:
    return sum(_columns(move.lines)) + 2 * PAD, len(move.lines) * ROW + 8


def _card(move: Move, box: Box) -> str:
    """What makes a move, on a light ground."""
    ground = tag(
        "rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=4.0, fill="currentColor",
        fill_opacity="0.08",
    )  # fmt: skip
    rows = _rows(move.lines, box.x + PAD, box.y + 4)
    return tag("g", ground + rows, class_="d-move", data_from=" ".join(move.sources), data_to=move.target)


# --- states -------------------------------------------------------------------------------------


def _state_size(name: str, traits: Sequence[str], stays: Sequence[Line]) -> tuple[float, float]:
    inside = [wide(name, NAME), broad(" · ".join(traits), SMALL), sum(_columns(stays))]
    height = 36.0 + (16 if traits else 0) + (26 + ROW * len(stays) if stays else 0)
    return max(96.0, max(inside) + 2 * PAD), height


def _frame(box: Box, state: Mapping[str, Any]) -> list[str]:
    """The outline by what the state means: double for an end, dashed for over, thick for in force."""

    def outline(inset: float, radius: float, **more: str | float) -> str:
        return tag(
            "rect", x=box.x + inset, y=box.y + inset, width=box.width - 2 * inset,
            height=box.height - 2 * inset, rx=radius, stroke="currentColor", **more,
        )  # fmt: skip

    if "end" in state:
        return [outline(0, 3.0, stroke_width=1.2), outline(3.5, 1.0, stroke_width=1.2)]
    if "over" in state:
        return [outline(0, 10.0, stroke_width=1.4, stroke_dasharray="6 4")]
    if "rests" in state:
        return [outline(0, 10.0, stroke_width=1.6, stroke_dasharray="1.6 3.2")]
    return [outline(0, 10.0, stroke_width=3.0 if "live" in state else 1.4)]


def _state(name: str, state: Mapping[str, Any], stays: Sequence[Line], box: Box) -> str:
    parts = _frame(box, state)
    traits = traits_of(state)
    y = box.y + 23
    middle: dict[str, str | float] = {"text_anchor": "middle", "fill": "currentColor"}
    parts.append(
        text(box.centre, y, name, NAME, font_family=MONO, font_weight="700", class_="d-name", **middle)
    )
    if traits:
        y += 16
        parts.append(text(box.centre, y, " · ".join(traits), SMALL, class_="d-traits", **middle))
    if stays:
        y += 10
        parts.append(path(["M", box.x, y, "H", box.right], stroke="currentColor", stroke_width=0.8))
        x = box.x + PAD
        parts.append(text(x, y + 17, "unchanged by", SMALL, fill="currentColor", class_="d-stays"))
        parts.append(_rows(stays, x, y + 21))
    return tag("g", "".join(parts), class_="d-state", data_state=name)


# --- arrows -------------------------------------------------------------------------------------


def _head(tip: Point, down: bool) -> str:
    x, y = tip
    base = y - HEAD if down else y + HEAD
    return path(["M", x, y, "L", x - 4.5, base, "H", x + 4.5, "Z"], fill="currentColor")


def _lines(arcs: Sequence[Arc], placed: Placement, heads: Mapping[tuple[str, str], bool]) -> list[str]:
    """The lines between the boxes; what several arcs share is drawn once."""
    drawn: set[tuple[Point, Point]] = set()
    parts = []
    for arc, pieces in zip(arcs, placed.lines, strict=True):
        upper, lower = placed.boxes[arc.upper].bottom, placed.boxes[arc.lower].y
        upper += HEAD if heads.get((arc.upper, arc.lower)) is True else 0
        lower -= HEAD if heads.get((arc.lower, arc.upper)) is False else 0
        new = [n for n, piece in enumerate(pieces) if piece not in drawn]
        if not new:
            continue
        d: list[str | float] = ["M", pieces[new[0]][0][0], pieces[new[0]][0][1] if new[0] else upper]
        for n in new:
            (x, y), (u, v) = pieces[n]
            half = (y + v) / 2
            d += ["V", y] if abs(x - u) < 0.1 else ["V", y + 4, "C", x, half + 4, u, half - 4, u, v - 4]
            d += ["V", lower if n == len(pieces) - 1 else v]
        drawn.update(pieces)
        parts.append(path(d, stroke="currentColor", stroke_width=1.3))
    return parts


def _layers(kind: Mapping[str, Any], moves: Sequence[Move]) -> dict[str, int]:
    """The layer of each state, even, and of each move between them, odd."""
    names = list(kind["states"])
    layer = {START: 0} | dict.fromkeys(names, 2)
    spans = [
        (name, move.target) if not move.back else (move.target, name)
        for move in moves
        for name in move.sources
    ]
    place_of = {name: n for n, name in enumerate(names)}
    for upper, lower in sorted(spans, key=lambda span: place_of[span[0]]):
        layer[lower] = max(layer[lower], layer[upper] + 2)
    for n, move in enumerate(moves):
        near = [layer[name] for name in move.sources or (START,)]
        layer[f"{n}"] = min(near) - 1 if move.back else max(near) + 1
    return layer


def _arcs(moves: Sequence[Move]) -> list[Arc]:
    """The lines of each move, the one at its target last."""
    found = []
    for n, move in enumerate(moves):
        card = f"{n}"
        for name in move.sources or (START,):
            found.append(Arc(card, name, (n, "from")) if move.back else Arc(name, card, (n, "from")))
        found.append(Arc(move.target, card, (n, "to")) if move.back else Arc(card, move.target, (n, "to")))
    return found


def _arrows(moves: Sequence[Move], arcs: Sequence[Arc], placed: Placement) -> list[str]:
    heads = {(move.target, f"{n}"): move.back for n, move in enumerate(moves)}
    parts = _lines(arcs, placed, heads)
    for arc, pieces in zip(arcs, placed.lines, strict=True):
        if heads.get((arc.upper, arc.lower)) is True:
            parts.append(_head((pieces[0][0][0], placed.boxes[arc.upper].bottom), False))
        if heads.get((arc.lower, arc.upper)) is False:
            parts.append(_head((pieces[-1][1][0], placed.boxes[arc.lower].y), True))
    return parts


def _said(line: Line) -> str:
    if not line.by:
        return f"{line.what} without a message"
    return f"{line.what} by {line.by}" + "".join(f", marked {mark}" for mark in line.marks)


def _desc(kind: Mapping[str, Any], moves: Sequence[Move], stays: Mapping[str, Sequence[Line]]) -> str:
    """Every move of a kind, in sentences."""
    said = []
    for move in moves:
        reasons = " or ".join(map(_said, move.lines))
        where = (
            f"From {' or '.join(move.sources)} to {move.target}" if move.sources else f"Opens {move.target}"
        )
        said.append(f"{where}: {reasons}.")
    for name, lines in stays.items():
        if lines:
            said.append(f"Stays {name}: {' or '.join(map(_said, lines))}.")
    for name, state in kind["states"].items():
        if traits := traits_of(state):
            said.append(f"{name}: {', '.join(traits)}.")
    return " ".join(said)


def kind_svg(name: str, kind: Mapping[str, Any]) -> str:
    """The state machine of a kind, a table of ``threads.json``, as one ``<svg>`` element.

    A state is a ``g.d-state`` with its name and meaning and what leaves it as it is; a move is a ``g.d-move``
    with the message types, their senders and the causes that make it.
    """
    moves, stays = moves_of(kind), stays_of(kind)
    sizes = {START: (DOT, DOT)}
    sizes |= {s: _state_size(s, traits_of(v), stays[s]) for s, v in kind["states"].items()}
    sizes |= {f"{n}": _card_size(move) for n, move in enumerate(moves)}
    arcs = _arcs(moves)
    placed = place(sizes, _layers(kind, moves), arcs, {START, *(f"{n}" for n in range(len(moves)))})
    start = placed.boxes[START]
    dot = tag(
        "circle", cx=start.centre, cy=start.y + DOT / 2, r=DOT / 2, fill="currentColor", class_="d-start"
    )
    parts = [dot, *_arrows(moves, arcs, placed)]
    parts += [_state(s, v, stays[s], placed.boxes[s]) for s, v in kind["states"].items()]
    parts += [_card(move, placed.boxes[f"{n}"]) for n, move in enumerate(moves)]
    title = f"The states of a thread of the kind {name}"
    return svg(f"kind-{name}", placed.width, placed.height, title, _desc(kind, moves, stays), parts)


# --- Mermaid ------------------------------------------------------------------------------------


def _alias(state: str) -> str:
    """A state as Mermaid takes it: no hyphens, and none of its own words."""
    name = state.replace("-", "_")
    return f"{name}_" if name in _RESERVED else name


def mermaid(name: str, kind: Mapping[str, Any]) -> str:
    """The same as text: a ``stateDiagram-v2`` of Mermaid, one line a move of each state and reason.

    States whose names Mermaid does not take are declared with theirs; ``by`` stands before a sender.
    """
    lines = ["---", f"title: {name}", "---", "stateDiagram-v2", "    direction TB"]
    lines += [f'    state "{s}" as {_alias(s)}' for s in kind["states"] if _alias(s) != s]
    arrows = [
        (source, m.target, line)
        for m in moves_of(kind)
        for line in m.lines
        for source in m.sources or (START,)
    ]
    arrows += [(state, state, line) for state, stays in stays_of(kind).items() for line in stays]
    for source, target, line in arrows:
        what = f"{line.what} by {line.sender}" if line.by else line.what
        lines.append(f"    {_alias(source) if source else '[*]'} --> {_alias(target)} : {what}")
    lines += [f"    {_alias(s)} --> [*]" for s, state in kind["states"].items() if "end" in state]
    return "\n".join(lines) + "\n"
