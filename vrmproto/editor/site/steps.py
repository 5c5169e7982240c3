"""Draws the ladder of a relationship as rising steps. Pure.

Source: spec/protocol/ladders.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrmproto.editor.site.svg import MONO, NAME, SMALL, TEXT, broad, path, svg, tag, text, wide

__all__ = ["ladder_svg"]

MARGIN, PAD = 12.0, 14.0
RISE = 40.0
"""How far each step stands in from the one below."""
LABEL = 116.0
ROOM = 520.0
"""Of a list, before it is wrapped."""
ROW = 18.0
LISTS = (
    ("purposes", "has to be allowed"),
    ("types", "may be sent"),
    ("categories", "may be asked for"),
)
NEW = "+ new on this step"
SPACE = "\u00a0 "
"""Two spaces that stay two."""
NOTHING = "nothing of its own accord"


@dataclass(frozen=True, slots=True)
class _Step:
    rung: Mapping[str, Any]
    rows: list[tuple[str, list[list[str]]]]
    """Label to its lines, each a list of words."""

    @property
    def height(self) -> float:
        return 52 + ROW * sum(len(lines) for _, lines in self.rows) + 10

    @property
    def width(self) -> float:
        """What its texts take."""
        lists = [LABEL + wide(SPACE.join(line), SMALL) for _, lines in self.rows for line in lines]
        head = wide(self.rung["stage"], NAME) + 12 + broad(self.rung["title"], TEXT)
        return 2 * PAD + max([head, broad(self.rung["description"], TEXT), *lists])


def _short(iri: str) -> str:
    """The last part of an IRI, which is its name."""
    return iri.rstrip("/#").replace("#", "/").rpartition("/")[2]


def _wrapped(words: Sequence[str]) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for word in words:
        if lines[-1] and wide(SPACE.join([*lines[-1], word]), SMALL) > ROOM:
            lines.append([])
        lines[-1].append(word)
    return lines


def _steps(rungs: Sequence[Mapping[str, Any]]) -> list[_Step]:
    steps = []
    below: Mapping[str, Any] = {}
    for rung in rungs:
        rows = []
        for member, label in LISTS:
            old = below.get(member, ())
            words = [f"{'' if item in old else '+'}{_short(item)}" for item in rung[member]]
            if words or member == "types":
                rows.append((label, _wrapped(words or [NOTHING])))
        steps.append(_Step(rung, rows))
        below = rung
    return steps


def _drawn(step: _Step, x: float, y: float, right: float) -> str:
    ground: dict[str, str | float] = {"fill": "currentColor", "fill_opacity": "0.05"}
    parts = [tag("rect", x=x, y=y, width=right - x, height=step.height, **ground)]
    edge: list[str | float] = ["M", x, y + step.height, "V", y, "H", right]
    parts.append(path(edge, stroke="currentColor", stroke_width=2.2, stroke_linejoin="round"))
    at, left = y + 24, x + PAD
    stage, title = step.rung["stage"], step.rung["title"]
    parts.append(
        text(
            left, at, stage, NAME, font_family=MONO, font_weight="700", fill="currentColor", class_="d-stage"
        )
    )
    parts.append(text(left + wide(stage, NAME) + 12, at, title, fill="currentColor", class_="d-title"))
    at += 19
    parts.append(text(left, at, step.rung["description"], fill="currentColor", class_="d-description"))
    at += 4
    for label, lines in step.rows:
        parts.append(text(left, at + ROW, label, SMALL, fill="currentColor", class_="d-label"))
        for line in lines:
            at += ROW
            parts.append(
                text(
                    left + LABEL,
                    at,
                    SPACE.join(line),
                    SMALL,
                    font_family=MONO,
                    fill="currentColor",
                    class_="d-opens",
                )
            )
    return tag("g", "".join(parts), class_="d-step", data_stage=stage)


def _desc(steps: Sequence[_Step]) -> str:
    said = []
    for n, step in enumerate(steps, 1):
        lists = "; ".join(
            f"{label} {', '.join(w for line in lines for w in line)}" for label, lines in step.rows
        )
        said.append(f"Step {n}, {step.rung['stage']}: {step.rung['description']} {lists}.")
    return " ".join(said).replace("+", "")


def ladder_svg(ladder: Mapping[str, Any]) -> str:
    """A ladder, of the form of ``ladder.json``, as one ``<svg>`` element: a ``g.d-step`` each rung, rising.

    Purposes and categories stand there by the last part of their IRIs.
    """
    steps = _steps(ladder["rungs"])
    right = MARGIN + max((RISE * n + step.width for n, step in enumerate(steps)), default=0.0)
    bottom = MARGIN + 30 + sum(step.height for step in steps)
    parts = [text(MARGIN, MARGIN + 14, NEW, SMALL, fill="currentColor", class_="d-legend")]
    y = bottom
    for n, step in enumerate(steps):
        y -= step.height
        parts.append(_drawn(step, MARGIN + RISE * n, y, right))
    parts.append(path(["M", MARGIN, bottom, "H", right], stroke="currentColor", stroke_width=2.2))
    title = "The steps of a relationship, the lowest at the bottom"
    return svg("ladder", right + MARGIN, bottom + MARGIN, title, _desc(steps), parts)
