"""Pieces of SVG as text: elements, how wide a text is, a drawing with its title. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["MONO", "NAME", "SANS", "SMALL", "TEXT", "broad", "path", "svg", "tag", "text", "wide"]

NAME, TEXT, SMALL = 15.0, 13.0, 12.0
"""Sizes of text in pixels."""
ADVANCE = 0.605
"""The width of a character of the monospaced font, by its size."""
_BREADTH = (
    dict.fromkeys("ijl .,·", 0.33)
    | dict.fromkeys("frt-", 0.42)
    | dict.fromkeys("mwMW", 0.99)
    | dict.fromkeys("ABCDEGHKNOPQRSTUVXYZ", 0.79)
)
"""The same of the other font, where it is far from the usual."""
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def wide(content: str, size: float) -> float:
    """How much room a text in the monospaced font takes."""
    return len(content) * size * ADVANCE


def broad(content: str, size: float) -> float:
    """How much room a text in the other font takes, at most."""
    return sum(_BREADTH.get(letter, 0.64) for letter in content) * size


def number(value: float) -> str:
    """A coordinate, as short as it goes."""
    return f"{value:.1f}".removesuffix(".0")


def tag(name: str, content: str = "", /, **attributes: str | float) -> str:
    """An element; underscores of attributes are hyphens."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="'
        f'{number(value) if isinstance(value, float) else escape(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>"


def text(x: float, y: float, content: str, size: float = TEXT, /, **attributes: str | float) -> str:
    """A line of text."""
    return tag("text", escape(content), x=x, y=y, font_size=size, **attributes)


def path(d: Sequence[str | float], /, **attributes: str | float) -> str:
    """A line that is not filled."""
    said = " ".join(number(part) if isinstance(part, float) else part for part in d)
    return tag("path", d=said, **attributes)


def svg(name: str, width: float, height: float, title: str, desc: str, parts: Sequence[str]) -> str:
    """A drawing with its title and what it says in words."""
    w, h = number(width), number(height)
    body = "\n".join(
        [
            tag("title", escape(title), id=f"{name}-title"),
            tag("desc", escape(desc), id=f"{name}-desc"),
            *parts,
        ]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-desc" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
        f'fill="none" stroke="none" font-family="{SANS}">\n{body}\n</svg>\n'
    )
