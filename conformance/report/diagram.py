"""A state diagram as inline SVG: states in ranks from top to bottom, moves as numbered arrows.

What was seen is a solid line in colour, what was not is dashed and grey, and some of several is
long-dashed: the difference shows without colour too. The numbers lead to the table beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

__all__ = ["arrows", "svg"]

Pair = tuple[str, str]
Point = tuple[float, float]

_HEIGHT, _GAP, _RANK, _BEND = 34.0, 22.0, 92.0, 26.0
_START = "start"


@dataclass
class _Box:
    """A state, or a bend of an arrow that passes a rank by."""

    rank: int
    width: float
    x: float = 0.0
    loop: float = 0.0
    """The room on its right that an arrow to itself takes."""
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)


def arrows(moves: Sequence[Mapping[str, Any]]) -> dict[Pair, list[Mapping[str, Any]]]:
    """The moves from one state to another, which share an arrow and its number; in their order."""
    found: dict[Pair, list[Mapping[str, Any]]] = {}
    for move in moves:
        found.setdefault((move["from"], move["to"]), []).append(move)
    return found


def _ranks(names: Sequence[str], pairs: Sequence[Pair]) -> tuple[dict[str, int], set[Pair]]:
    """Each state's longest way from the start, and the pairs that lead back up."""
    out: dict[str, list[str]] = {name: [] for name in names}
    for before, after in pairs:
        if before != after:
            out[before].append(after)
    back: set[Pair] = set()
    done: list[str] = []
    path: set[str] = set()

    def visit(name: str) -> None:
        path.add(name)
        for after in out[name]:
            if after in path:
                back.add((name, after))
            elif after not in done:
                visit(after)
        path.discard(name)
        done.append(name)

    for name in names:
        if name not in done:
            visit(name)
    ranks = dict.fromkeys(names, 0)
    for name in reversed(done):
        for after in out[name]:
            if (name, after) not in back:
                ranks[after] = max(ranks[after], ranks[name] + 1)
    return ranks, back


def _apart(left: _Box, right: _Box) -> float:
    """How far the middles of two neighbours have to be from each other."""
    return (left.width + right.width) / 2 + left.loop + _GAP


class _Layout:
    """Where every state and every arrow lies."""

    def __init__(self, names: Sequence[str], pairs: Sequence[Pair]) -> None:
        ranks, self.back = _ranks(names, pairs)
        self.boxes = {n: _Box(ranks[n], max(74.0, 8.2 * len(n or _START) + 26)) for n in names}
        self.ways: dict[Pair, list[str]] = {}
        for pair in pairs:
            if pair[0] != pair[1]:
                self._add(pair)
            else:
                self.boxes[pair[0]].loop = 30.0
        self.rows = [
            [n for n, b in self.boxes.items() if b.rank == r] for r in range(max(ranks.values()) + 1)
        ]
        self._order()
        self._place()

    def _add(self, pair: Pair) -> None:
        top, bottom = reversed(pair) if pair in self.back else pair
        way = [top]
        for rank in range(self.boxes[top].rank + 1, self.boxes[bottom].rank):
            way.append(f"{top}>{bottom}>{rank}>{len(self.boxes)}")
            self.boxes[way[-1]] = _Box(rank, _BEND)
        way.append(bottom)
        for upper, lower in pairwise(way):
            self.boxes[upper].down.append(lower)
            self.boxes[lower].up.append(upper)
        self.ways[pair] = way

    def _crossings(self) -> int:
        at = {name: n for row in self.rows for n, name in enumerate(row)}
        found = 0
        for row in self.rows[:-1]:
            lines = [(at[name], at[lower]) for name in row for lower in self.boxes[name].down]
            found += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for n, a in enumerate(lines) for b in lines[:n])
        return found

    def _order(self) -> None:
        best, rows = self._crossings(), [list(row) for row in self.rows]
        for sweep in range(24):
            down = sweep % 2 == 0
            for row in self.rows[1:] if down else self.rows[-2::-1]:
                at = {name: n / len(other) for other in self.rows for n, name in enumerate(other)}

                def middle(name: str, at: Mapping[str, float] = at, down: bool = down) -> float:
                    near = self.boxes[name].up if down else self.boxes[name].down
                    return sum(at[n] for n in near) / len(near) if near else at[name]

                row.sort(key=middle)
            if (now := self._crossings()) < best:
                best, rows = now, [list(row) for row in self.rows]
        self.rows = rows

    def _place(self) -> None:
        for row in self.rows:
            self._spread(row, [0.0] * len(row))
        for sweep in range(16):
            for row in self.rows if sweep % 2 == 0 else self.rows[::-1]:
                wished = []
                for name in row:
                    box = self.boxes[name]
                    near = [self.boxes[n].x for n in (*box.up, *box.down)]
                    wished.append(sum(near) / len(near) if near else box.x)
                self._spread(row, wished)
        left = min(b.x - b.width / 2 for b in self.boxes.values())
        for box in self.boxes.values():
            box.x += 30 - left
        self.width = max(b.x + b.width / 2 + b.loop for b in self.boxes.values()) + 30
        self.height = len(self.rows) * _RANK - 14

    def _spread(self, row: list[str], wished: list[float]) -> None:
        """Put a row where it wishes to be, as far as nothing overlaps."""
        boxes = [self.boxes[name] for name in row]
        right = list(wished)
        for n in range(1, len(boxes)):
            right[n] = max(right[n], right[n - 1] + _apart(boxes[n - 1], boxes[n]))
        left = list(wished)
        for n in range(len(boxes) - 2, -1, -1):
            left[n] = min(left[n], left[n + 1] - _apart(boxes[n], boxes[n + 1]))
        for box, a, b in zip(boxes, left, right, strict=True):
            box.x = (a + b) / 2

    def y(self, name: str) -> float:
        """The middle of a box."""
        return self.boxes[name].rank * _RANK + 38

    def points(self, pair: Pair) -> list[Point]:
        """Where an arrow goes: from a port of its own, around what lies between."""
        way = self.ways[pair]
        told = [(self._port(way[0], pair, down=True), self.y(way[0]) + _HEIGHT / 2)]
        for bend in way[1:-1]:
            x, y = self.boxes[bend].x, self.y(bend)
            told += [(x, y - _HEIGHT / 2), (x, y + _HEIGHT / 2)]
        told.append((self._port(way[-1], pair, down=False), self.y(way[-1]) - _HEIGHT / 2))
        return told[::-1] if pair in self.back else told

    def _port(self, name: str, pair: Pair, *, down: bool) -> float:
        """Arrows leave a box side by side, in the order of where they go."""
        mine = [p for p, way in self.ways.items() if way[0 if down else -1] == name]
        mine.sort(key=lambda p: self.boxes[self.ways[p][1 if down else -2]].x)
        box = self.boxes[name]
        step = min(20.0, (box.width - 24) / max(1, len(mine) - 1))
        return box.x + (mine.index(pair) - (len(mine) - 1) / 2) * step


def _curve(points: list[Point]) -> str:
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (y1 + y2) / 2
        parts.append(f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
    return "".join(parts)


def _along(points: list[Point]) -> list[Point]:
    """Places for an arrow's number: on its curves, the middle of a curve first."""
    found = []
    for share in (0.5, 0.4, 0.6, 0.32, 0.68, 0.25, 0.75):
        for (x1, y1), (x2, y2) in pairwise(points):
            if abs(y2 - y1) > _HEIGHT + 1 or len(points) == 2:
                t, u = share, 1 - share
                bend = 3 * u * t * (y1 + y2) / 2
                x = (u**3 + 3 * u * u * t) * x1 + (3 * u * t * t + t**3) * x2
                found.append((x, u**3 * y1 + bend + t**3 * y2))
    return found


def _badge(point: Point, number: int, seen: str) -> str:
    x, y = point
    return (
        f'<g class="badge {seen}"><circle cx="{x:.1f}" cy="{y:.1f}" r="10"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}">{number}</text></g>'
    )


def _free(places: list[Point], taken: list[Point]) -> Point:
    def room(place: Point) -> float:
        return min(((place[0] - x) ** 2 + (place[1] - y) ** 2 for x, y in taken), default=1e9)

    return next((p for p in places if room(p) >= 23**2), max(places, key=room))


def svg(kind: Mapping[str, Any]) -> str:
    """The diagram of an entry of ``transitions`` in the report."""
    found = arrows(kind["moves"])
    states = {s["name"]: s for s in kind["states"]}
    layout = _Layout(["", *states], list(found))
    name = escape(str(kind["kind"]))
    moves = kind["moves"]
    seen = sum(m["count"] > 0 for m in moves)
    parts = [
        f'<svg class="states" role="img" aria-labelledby="svg-{name}-title svg-{name}-desc" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" width="{layout.width:.0f}" '
        f'height="{layout.height:.0f}">',
        f'<title id="svg-{name}-title">States of a thread of the kind {name}</title>',
        f'<desc id="svg-{name}-desc">{seen} of {len(moves)} moves were seen. '
        "The table beside the diagram lists them all.</desc><defs>",
    ]
    for style in ("all", "some", "none"):
        parts.append(
            f'<marker id="tip-{name}-{style}" class="tip {style}" viewBox="0 0 10 10" refX="9" refY="5" '
            'markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            '<path d="M0 0L10 5L0 10z"/></marker>'
        )
    parts.append("</defs>")
    badges: list[str] = []
    taken: list[Point] = []
    for number, (pair, mine) in enumerate(found.items(), 1):
        hit = sum(m["count"] > 0 for m in mine)
        style = "all" if hit == len(mine) else "some" if hit else "none"
        if pair[0] == pair[1]:
            box, y = layout.boxes[pair[0]], layout.y(pair[0])
            x = box.x + box.width / 2
            line, places = f"M{x:.1f} {y - 8:.1f}c34 -12 34 28 0 16", [(x + 27, y)]
        else:
            points = layout.points(pair)
            line, places = _curve(points), _along(points)
        tip = f"url(#tip-{name}-{style})"
        parts.append(f'<path class="move {style}" d="{line}" marker-end="{tip}"/>')
        place = _free(places, taken)
        taken.append(place)
        badges.append(_badge(place, number, style))
    for state in ("", *states):
        parts.append(_state(layout, state, states.get(state, {})))
    return "".join([*parts, *badges, "</svg>"])


def _state(layout: _Layout, name: str, state: Mapping[str, Any]) -> str:
    box, y = layout.boxes[name], layout.y(name)
    x, top = box.x - box.width / 2, y - _HEIGHT / 2
    marks = "state start" if not name else f"state{' end' if state['end'] else ''}"
    inner = (
        f'<rect x="{x + 3:.1f}" y="{top + 3:.1f}" width="{box.width - 6:.1f}" height="{_HEIGHT - 6}" rx="5"/>'
        if state.get("end")
        else ""
    )
    return (
        f'<g class="{marks}"><rect x="{x:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{_HEIGHT}" '
        f'rx="{8 if name else 17}"/>{inner}'
        f'<text x="{box.x:.1f}" y="{y + 4.5:.1f}">{escape(name or _START)}</text></g>'
    )
