"""Reads markup as a browser would, for tests of pages."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Reader"]

VOID = ("br", "wbr")


class Reader(HTMLParser):
    """Tags with their attributes' names, ids, addresses and the text; AssertionError for a wrong end tag."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.open: list[str] = []
        """Tags that were not ended."""
        self.text = ""
        self.feed(str(markup))  # pieces of Markup would escape what they are added to
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.open += [tag] if tag not in VOID else []
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.hrefs += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
