"""Places boxes in layers, from the top down, so that nothing overlaps and lines are short. Pure.

A box lies in the layer that it is given, and arcs lead to deeper layers only. An arc that passes a layer has
a slot of its own there, like a thin box, so that no line runs through a box.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Arc", "Box", "Placement", "Point", "place"]

Point = tuple[float, float]

BETWEEN = 26.0
"""Least space between two boxes of a layer."""
BESIDE = 12.0
"""The same where one of the two is a slot."""
SLOT = 12.0
APART = 20.0
"""Space between two lines at one side of a box, where there is room."""
GAP = 34.0
"""Least space between two layers; it grows with how far lines have to go sideways."""
STEEP = 0.09
MOST = 42.0
MARGIN = 12.0
CORNER = 16.0
"""No line meets a box nearer to its corners than this."""
ROUNDS = 60
_STRAIGHT = (1.0, 5.0, 9.0)
"""How much a line wants to be straight: most where it is long, by how many of its ends are slots."""
_MIDDLE = 0.2


@dataclass(frozen=True, slots=True)
class Arc:
    """A line from a box down to another; arcs of one ``bundle`` share their slots."""

    upper: str
    lower: str
    bundle: Hashable


@dataclass(slots=True)
class Box:
    """A box with its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> float:
        """The middle from left to right."""
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Placement:
    """Where everything lies. Lines are pieces between layers, from top to bottom, each (above, below)."""

    width: float
    height: float
    boxes: dict[str, Box]
    lines: list[list[tuple[Point, Point]]]
    """For each arc its pieces; between two pieces, and from and to its boxes, a line goes straight down."""


@dataclass(slots=True)
class _Graph:
    """Boxes and slots by layer, and the links between neighbouring layers."""

    layers: list[list[Hashable]]
    width: dict[Hashable, float]
    fixed: set[Hashable]
    """Slots and boxes that lines enter in the middle."""
    below: dict[Hashable, list[Hashable]] = field(default_factory=dict)
    above: dict[Hashable, list[Hashable]] = field(default_factory=dict)
    paths: list[list[Hashable]] = field(default_factory=list)

    def link(self, upper: Hashable, lower: Hashable) -> None:
        if lower not in self.below.setdefault(upper, []):
            self.below[upper].append(lower)
            self.above.setdefault(lower, []).append(upper)


def _graph(
    sizes: Mapping[str, tuple[float, float]], layer: Mapping[str, int], arcs: Sequence[Arc], middle: set[str]
) -> _Graph:
    count = max(layer.values(), default=0) + 1
    graph = _Graph([[] for _ in range(count)], {n: w for n, (w, _) in sizes.items()}, set(middle))
    for name in sizes:
        graph.layers[layer[name]].append(name)
    for arc in arcs:
        path: list[Hashable] = [arc.upper]
        for number in range(layer[arc.upper] + 1, layer[arc.lower]):
            slot = (arc.bundle, number)
            if slot not in graph.width:
                graph.layers[number].append(slot)
                graph.width[slot] = SLOT
                graph.fixed.add(slot)
            path.append(slot)
        path.append(arc.lower)
        graph.paths.append(path)
        for upper, lower in itertools.pairwise(path):
            graph.link(upper, lower)
    return graph


# --- order within layers ------------------------------------------------------------------------


def _crossings(graph: _Graph, upper: Sequence[Hashable], lower: Sequence[Hashable]) -> int:
    """How often the lines between two layers cross."""
    at = {node: n for n, node in enumerate(lower)}
    seen: list[int] = []
    crossings = 0
    for node in upper:
        ends = sorted(at[n] for n in graph.below.get(node, ()))
        crossings += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
        for end in ends:
            bisect.insort(seen, end)
    return crossings


def _all_crossings(graph: _Graph, layers: Sequence[Sequence[Hashable]]) -> int:
    return sum(_crossings(graph, a, b) for a, b in itertools.pairwise(layers))


def _sorted_by(
    layer: Sequence[Hashable], beside: Sequence[Hashable], links: Mapping[Hashable, list[Hashable]]
) -> list[Hashable]:
    """A layer in the order of where its neighbours lie; what has none keeps its place."""
    at = {node: float(n) for n, node in enumerate(beside)}
    weight = {}
    for number, node in enumerate(layer):
        near = [at[n] for n in links.get(node, ()) if n in at]
        weight[node] = sum(near) / len(near) if near else float(number)
    return sorted(layer, key=weight.__getitem__)


def _swap(graph: _Graph, layers: list[list[Hashable]]) -> None:
    """Exchange neighbours as long as that takes crossings away."""
    better = True
    while better:
        better = False
        for number, layer in enumerate(layers):
            around = layers[max(0, number - 1) : number + 2]
            for n in range(len(layer) - 1):
                before = _all_crossings(graph, around)
                layer[n], layer[n + 1] = layer[n + 1], layer[n]
                if _all_crossings(graph, around) < before:
                    better = True
                else:
                    layer[n], layer[n + 1] = layer[n + 1], layer[n]


def _order(graph: _Graph) -> None:
    """Fewer crossings: layers by their neighbours, down and up again, and then by exchange."""
    layers = [list(layer) for layer in graph.layers]
    best, fewest = [list(layer) for layer in layers], _all_crossings(graph, layers)
    for _ in range(8):
        for number in range(1, len(layers)):
            layers[number] = _sorted_by(layers[number], layers[number - 1], graph.above)
        for number in range(len(layers) - 2, -1, -1):
            layers[number] = _sorted_by(layers[number], layers[number + 1], graph.below)
        tried = [list(layer) for layer in layers]
        _swap(graph, tried)
        if (crossings := _all_crossings(graph, tried)) < fewest:
            best, fewest = tried, crossings
    graph.layers = best


# --- from left to right -------------------------------------------------------------------------


def _spread(wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones that keep their distances: least squares, pooled."""
    shift = [0.0][: len(wanted)]
    for distance in apart:
        shift.append(shift[-1] + distance)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for place, weight, moved in zip(wanted, weights, shift, strict=True):
        mean, heavy, many = place - moved, weight, 1
        while pools and pools[-1][0] >= mean:
            other, mass, more = pools.pop()
            mean = (mean * heavy + other * mass) / (heavy + mass)
            heavy, many = heavy + mass, many + more
        pools.append((mean, heavy, many))
    means = [mean for mean, _, many in pools for _ in range(many)]
    return [mean + moved for mean, moved in zip(means, shift, strict=True)]


def _apart(graph: _Graph, layer: Sequence[Hashable]) -> list[float]:
    wide = graph.width
    space = (BETWEEN, BESIDE, BESIDE)
    return [(wide[a] + wide[b]) / 2 + space[_slots(a, b)] for a, b in itertools.pairwise(layer)]


def _columns(graph: _Graph) -> dict[Hashable, float]:
    """The middle of each box and slot."""
    x: dict[Hashable, float] = {}
    for layer in graph.layers:
        x |= zip(layer, _spread([0.0] * len(layer), [1.0] * len(layer), _apart(graph, layer)), strict=True)
    for turn in range(ROUNDS):
        for layer in graph.layers[:: 1 if turn % 2 == 0 else -1]:
            pulls = [_pulls(graph, x, node) for node in layer]
            wanted = [sum(at * pull for at, pull in p) / sum(pull for _, pull in p) for p in pulls]
            weights = [sum(pull for _, pull in p) for p in pulls]
            x |= zip(layer, _spread(wanted, weights, _apart(graph, layer)), strict=True)
    _straighten(graph, x)
    left = min((x[n] - graph.width[n] / 2 for n in x), default=0.0)
    return {node: round(at - left + MARGIN, 1) for node, at in x.items()}


def _straighten(graph: _Graph, x: dict[Hashable, float]) -> None:
    """Give the slots of a long line one place, and where there is room that of the box at its end."""
    free: dict[Hashable, tuple[float, float]] = {}

    def room(layer: Sequence[Hashable]) -> None:
        apart = _apart(graph, layer)
        for n, node in enumerate(layer):
            low = x[layer[n - 1]] + apart[n - 1] if n else -math.inf
            high = x[layer[n + 1]] - apart[n] if n < len(apart) else math.inf
            free[node] = low, high

    chains: dict[Hashable, list[Hashable]] = {}
    for path in graph.paths:
        slots = [node for node in path if isinstance(node, tuple)]
        if slots:
            chains.setdefault(slots[0][0], [])
            chains[slots[0][0]] += [s for s in slots if s not in chains[slots[0][0]]]
    for chain in chains.values():
        for layer in graph.layers:
            room(layer)
        low = max(free[node][0] for node in chain)
        high = min(free[node][1] for node in chain)
        if low > high:
            continue
        ends = [n for node in chain for n in (*graph.above[node], *graph.below[node]) if n in graph.fixed]
        wanted = [x[n] for n in ends if isinstance(n, str) and low <= x[n] <= high]
        at = wanted[0] if wanted else min(max(sum(x[n] for n in chain) / len(chain), low), high)
        x |= dict.fromkeys(chain, at)


def _pulls(graph: _Graph, x: Mapping[Hashable, float], node: Hashable) -> list[tuple[float, float]]:
    """Where its neighbours pull a box or a slot, and how much: to a straight line, then to the middle."""
    found = [(x[node], 0.01)]
    for other in (*graph.above.get(node, ()), *graph.below.get(node, ())):
        away = x[other] - x[node]
        room = 0.0 if {node, other} <= graph.fixed else _room(graph, node if other in graph.fixed else other)
        rest = max(0.0, abs(away) - room / 2)
        found.append((x[node] + (rest if away > 0 else -rest), _STRAIGHT[_slots(node, other)]))
        if room:
            found.append((x[other], _MIDDLE))
    return found


def _room(graph: _Graph, node: Hashable) -> float:
    """How much of a side of a box lines may begin on."""
    return graph.width[node] - 2 * CORNER


def _slots(node: Hashable, other: Hashable) -> int:
    return isinstance(node, tuple) + isinstance(other, tuple)


# --- lines --------------------------------------------------------------------------------------


def _ports(
    graph: _Graph, x: Mapping[Hashable, float], node: Hashable, ends: Sequence[Hashable]
) -> dict[Hashable, float]:
    """Where on the side of a box the lines to its neighbours begin: as straight as there is room."""
    if node in graph.fixed or not ends:
        return dict.fromkeys(ends, x[node])
    ordered = sorted(ends, key=lambda n: (x[n], str(n)))
    room = _room(graph, node)
    low, high, last = x[node] - room / 2, x[node] + room / 2, len(ordered) - 1
    apart = min(APART, room / max(1, last))
    places = _spread([min(max(x[n], low), high) for n in ordered], [1.0] * len(ordered), [apart] * last)
    places = [min(max(p, low + n * apart), high - (last - n) * apart) for n, p in enumerate(places)]
    return dict(zip(ordered, (round(p, 1) for p in places), strict=True))


_Ports = Mapping[Hashable, Mapping[Hashable, float]]


def _tops(graph: _Graph, tall: Sequence[float], down: _Ports, up: _Ports) -> tuple[list[float], float]:
    """Where each layer begins, with more space where lines have far to go, and where the drawing ends."""
    tops = [MARGIN]
    for nodes, height in zip(graph.layers, tall, strict=True):
        far = max((abs(at - up[n][node]) for node in nodes for n, at in down[node].items()), default=0.0)
        tops.append(tops[-1] + height + GAP + min(MOST, STEEP * far))
    return tops[:-1], tops[-2] + tall[-1] + MARGIN


def place(
    sizes: Mapping[str, tuple[float, float]],
    layer: Mapping[str, int],
    arcs: Sequence[Arc],
    middle: set[str],
) -> Placement:
    """Place boxes of these sizes (width, height) in their layers, and the lines between them.

    ``layer`` numbers from 0 at the top; of each arc the upper box lies in a lesser layer than the lower one.
    Lines meet the boxes of ``middle`` in the middle of a side, and all others where it is straight; those
    lie in the middle of their layer, and all others at its top.
    """
    graph = _graph(sizes, layer, arcs, middle)
    _order(graph)
    x = _columns(graph)
    down = {node: _ports(graph, x, node, graph.below.get(node, ())) for node in x}
    up = {node: _ports(graph, x, node, graph.above.get(node, ())) for node in x}
    tall = [max((sizes[n][1] for n in nodes if isinstance(n, str)), default=0.0) for nodes in graph.layers]
    y, bottom = _tops(graph, tall, down, up)
    boxes = {}
    for name, (width, height) in sizes.items():
        number = layer[name]
        sunk = (tall[number] - height) / 2 if name in middle else 0.0
        boxes[name] = Box(x[name] - width / 2, y[number] + sunk, width, height)
    number_of = {node: number for number, nodes in enumerate(graph.layers) for node in nodes}

    def piece(upper: Hashable, lower: Hashable) -> tuple[Point, Point]:
        number = number_of[upper]
        return (down[upper][lower], y[number] + tall[number]), (up[lower][upper], y[number_of[lower]])

    lines = [[piece(a, b) for a, b in itertools.pairwise(path)] for path in graph.paths]
    right = max((x[n] + graph.width[n] / 2 for n in x), default=0.0)
    return Placement(right + MARGIN, bottom, boxes, lines)
