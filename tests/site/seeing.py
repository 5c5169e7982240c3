"""Reads a drawing back: what stands in it, and what of it overlaps."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

__all__ = ["Cells", "Picture", "Rect", "faults_of"]

SVG = "{http://www.w3.org/2000/svg}"
Cells = Counter[tuple[str, str, str, str]]
"""(from, role, type or cause, to), with '' for the state before the opening and for the role of a cause."""
ADVANCE = 0.602
"""The width of a character of the monospaced fonts that the drawings name, by its size."""


@dataclass(frozen=True)
class Rect:
    """A box of a drawing."""

    name: str
    x: float
    y: float
    right: float
    bottom: float

    def overlaps(self, other: Rect) -> bool:
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )

    def holds(self, x: float, y: float, inset: float = 0) -> bool:
        return self.x + inset <= x <= self.right - inset and self.y + inset <= y <= self.bottom - inset


def _words(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


class Picture:
    """An ``<svg>`` element with its boxes, lines and texts."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)

    def groups(self, kind: str) -> list[ElementTree.Element]:
        return [g for g in self.root.iter(f"{SVG}g") if g.get("class") == f"d-{kind}"]

    def texts(self, element: ElementTree.Element, kind: str) -> list[str]:
        return [_words(t) for t in element.iter(f"{SVG}text") if t.get("class") == f"d-{kind}"]

    @property
    def states(self) -> dict[str, ElementTree.Element]:
        groups = self.groups("state")
        assert len({g.get("data-state") for g in groups}) == len(groups)
        return {str(g.get("data-state")): g for g in groups}

    @property
    def boxes(self) -> list[Rect]:
        """The first rectangle of each state, move and step."""
        found = []
        for group in (*self.groups("state"), *self.groups("move"), *self.groups("step")):
            r = group.find(f"{SVG}rect")
            assert r is not None
            x, y, w, h = (float(r.get(m, "")) for m in ("x", "y", "width", "height"))
            found.append(
                Rect(" ".join(map(str, group.attrib.values())).removeprefix("d-"), x, y, x + w, y + h)
            )
        return found

    @property
    def frame(self) -> Rect:
        x, y, w, h = map(float, self.root.get("viewBox", "").split())
        return Rect("the drawing", x, y, x + w, y + h)

    def cells(self) -> Cells:
        """What the words of the drawing say, each move for each state that it leads from."""
        found: Cells = Counter()
        for group in self.groups("move"):
            to = group.get("data-to", "")
            for source in group.get("data-from", "").split() or [""]:
                found.update((source, role, what, to) for role, what in self._said(group))
        for name, group in self.states.items():
            found.update((name, role, what, name) for role, what in self._said(group))
        return found

    def _said(self, group: ElementTree.Element) -> Iterator[tuple[str, str]]:
        for sent in self.texts(group, "sent"):
            what, role, *_ = sent.split()
            yield role, what
        yield from (("", cause) for cause in self.texts(group, "cause"))

    def lines(self) -> Iterator[list[tuple[float, float]]]:
        """Points on each line, closely spaced."""
        for element in self.root:
            if element.tag == f"{SVG}path" and element.get("stroke"):
                yield list(_points(element.get("d", "")))


def _points(d: str) -> Iterator[tuple[float, float]]:
    x = y = 0.0
    for command, rest in re.findall(r"([MVHC])([^MVHC]*)", d):
        v = [float(n) for n in rest.split()]
        if command == "M":
            x, y = v
        elif command == "C":
            for n in range(1, 33):
                t = n / 32
                u = 1 - t
                weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
                xs, ys = (x, v[0], v[2], v[4]), (y, v[1], v[3], v[5])
                yield (
                    sum(a * b for a, b in zip(weights, xs, strict=True)),
                    sum(a * b for a, b in zip(weights, ys, strict=True)),
                )
            x, y = v[4:]
        else:
            to = (x, v[0]) if command == "V" else (v[0], y)
            steps = max(1, int(abs(to[0] - x) + abs(to[1] - y)) // 3)
            yield from ((x + (to[0] - x) * n / steps, y + (to[1] - y) * n / steps) for n in range(steps + 1))
            x, y = to
        yield x, y


def _parts(text: ElementTree.Element) -> Iterator[tuple[float, float, str, ElementTree.Element]]:
    """(x, size, words, where its attributes stand) of a line of text."""
    spans = list(text) or [text]
    for span in spans:
        x = float(span.get("x", text.get("x", "")))
        size = float(span.get("font-size", text.get("font-size", "")))
        yield x, size, (span.text or ""), span


def faults_of(picture: Picture) -> list[str]:
    """What is wrong with where things are; monospaced texts are measured, others by where they begin."""
    boxes, frame = picture.boxes, picture.frame
    faults = [f"{a.name} lies on {b.name}" for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
    faults += [
        f"{box.name} is outside"
        for box in boxes
        if not (frame.holds(box.x, box.y) and frame.holds(box.right, box.bottom))
    ]
    for points in picture.lines():
        faults += [f"a line leaves the drawing at {p}" for p in points if not frame.holds(*p)][:1]
        for box in boxes:
            faults += [f"a line runs through {box.name}" for p in points if box.holds(*p, inset=0.5)][:1]
    for text in picture.root.iter(f"{SVG}text"):
        y = float(text.get("y", ""))
        for x, size, words, span in _parts(text):
            mono = "monospace" in (span.get("font-family") or text.get("font-family") or "")
            half = len(words) * size * ADVANCE / 2 if mono else 0
            middle = text.get("text-anchor") == "middle"
            ends = (x - half, x + half) if middle else (x, x + 2 * half)
            home = [box for box in boxes if box.holds(x, y)]
            within = home[0] if home else frame
            if not (within.holds(ends[0], y - size * 0.8) and within.holds(ends[1], y + 2)):
                faults.append(f"{words!r} does not fit")
            if size < 12:
                faults.append(f"{words!r} is too small")
    return faults
