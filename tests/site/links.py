"""The links of a site of files: where each leads, and whether that is there."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

__all__ = ["broken"]

_FETCHED = {"script", "img", "source", "iframe", "object", "embed", "audio", "video", "use", "image"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value is not None:
                self.ids.append(value)
            if name in ("href", "src", "action", "data", "xlink:href", "srcset") and value is not None:
                self.links.append((tag, value))


def broken(files: Mapping[str, bytes]) -> list[str]:
    """Every link that leads nowhere, every id that stands twice, and what is fetched from elsewhere."""
    read: dict[str, _Reader] = {}
    for path, data in files.items():
        if path.endswith(".html"):
            read[path] = _Reader()
            read[path].feed(data.decode())
    faults = []
    for path, page in read.items():
        faults += [
            f"{path}: the id {i} stands twice" for i in sorted({i for i in page.ids if page.ids.count(i) > 1})
        ]
        for tag, link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if tag in _FETCHED or tag == "link" or parts.scheme not in ("https", "http", "mailto"):
                    faults.append(f"{path}: {tag} fetches {link}")
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
            target = target if parts.path else path
            if parts.path.endswith("/") or parts.path.startswith("/"):
                faults.append(f"{path}: {link} does not work from a folder of files")
            elif target not in files:
                faults.append(f"{path}: {link} leads nowhere")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].ids:
                faults.append(f"{path}: {link} has no such anchor")
    return faults
