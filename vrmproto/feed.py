"""The feed of a board: what is open now, then every change in the order in which the home took them.

Synchronous, on committed rows only; ``now`` is an argument. Source: spec/protocol/boards.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vrmproto import strictjson
from vrmproto.boards import Board, Cursor, Filter
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.storage.base import FeedRow

__all__ = ["Feed", "Page"]

SCANNED = 1000
"""How many rows one request looks at; a page may then be empty with ``more`` true."""
_PAGES = 64


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a feed as bytes; ``empty``: no item is on it and no more is there yet."""

    data: bytes
    empty: bool


class Feed:
    """Reads the boards of a home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.urls = {board.name: url for url, board in home.boards.items()}
        self._pages: OrderedDict[tuple[Any, ...], Page] = OrderedDict()

    def board(self, name: str) -> Board:
        """The board of a name; ``not-found``."""
        if name not in self.urls:
            raise ProtocolError("not-found", "this home has no such board", rule="VRM-BRD-001")
        return self.home.boards[self.urls[name]]

    def page(self, name: str, wanted: Filter, cursor: str, limit: int, now: int) -> Page:
        """One page; ``request-invalid`` for a cursor of another feed, ``cursor-gone`` for one too old.

        Pages that change nothing between two readers are kept: many vendors read the same at the head.
        """
        url = self.urls[name]
        end, dropped = self.home.store.feed_end(url)
        at = self._start(name, wanted, end) if not cursor else self._read(name, wanted, cursor)
        if (at.after if at.changes else at.start) < dropped:
            detail = "the changes after this cursor are kept no longer: read the feed without a cursor"
            raise ProtocolError("cursor-gone", detail, rule="VRM-BRD-015")
        key = (name, wanted, str(at), limit, end, dropped) if at.changes else None
        if key is not None and key in self._pages:
            self._pages.move_to_end(key)
            return self._pages[key]
        page = self._page(url, wanted, at, limit, end, now)
        if key is not None:
            self._pages[key] = page
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return page

    def _start(self, name: str, wanted: Filter, end: int) -> Cursor:
        return Cursor(name, wanted.digest, end, 0, changes=False)

    def _read(self, name: str, wanted: Filter, text: str) -> Cursor:
        try:
            cursor = Cursor.read(text)
        except ValueError:
            detail = "the parameter cursor is none that this home has given"
            raise ProtocolError("request-invalid", detail, rule="VRM-BRD-014") from None
        if (cursor.board, cursor.filter) != (name, wanted.digest):
            detail = "the cursor was given for another board or for other filters"
            raise ProtocolError("request-invalid", detail, rule="VRM-BRD-014")
        return cursor

    def _page(self, url: str, wanted: Filter, at: Cursor, limit: int, end: int, now: int) -> Page:
        items: list[dict[str, Any]] = []
        scanned = 0
        while len(items) < limit and scanned < SCANNED:
            rows = self._rows(url, at, min(limit + 1, SCANNED - scanned), now)
            if not rows:
                if at.changes:
                    break
                at = replace(at, after=at.start, changes=True)
                continue
            for row in rows:
                if len(items) == limit:
                    break
                scanned += 1
                at = replace(at, after=row.position)
                items += self._items(row, wanted)
        document = {"items": items, "cursor": str(at), "more": not at.changes or at.after < end}
        return Page(strictjson.dumps(document), not items and not document["more"])

    def _rows(self, url: str, at: Cursor, limit: int, now: int) -> Sequence[FeedRow]:
        store = self.home.store
        if at.changes:
            return store.feed_changes(url, at.after, limit)
        return store.feed_open(url, at.after, at.start, now, limit)

    def _items(self, row: FeedRow, wanted: Filter) -> Iterator[dict[str, Any]]:
        """What a reader with this filter is shown of a row: one item or none."""
        place = {"position": row.position, "mid": row.thid}
        if row.event == "shown" and wanted.matches(row.tags):
            yield {**place, **self._version(row)}
        elif wanted.matches(row.was):
            if row.event == "removed":
                yield {**place, "removed": row.code}
            else:
                yield {**place, "ended": "changed" if row.event == "shown" else row.event}

    def _version(self, row: FeedRow) -> dict[str, Any]:
        store = self.home.store
        found = store.message(row.thid, row.version)
        if found is None:
            raise LookupError(f"the board shows {row.version}, which is not stored")
        item: dict[str, Any] = {"token": found.token, "receipt": found.receipt}
        if row.version != row.thid:
            first = store.messages(row.thid, 1, 1)[0]
            item["opened"] = {"token": first.token, "receipt": first.receipt}
        return item
