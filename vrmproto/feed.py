"""The feed of a board: what is open now, then every change in the order in which the home took them.

Synchronous, on committed rows only; ``now`` is an argument. Source: spec/protocol/boards.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
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
HEAVY = 2_000_000
"""Bytes of tokens and receipts after which a page takes no further item."""
_KEPT = 16_000_000
"""Bytes of the pages that are kept."""
_PAGE = 1000
"""What a page takes besides its bytes, about."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a feed as bytes; ``empty``: no item is on it and no more is there yet."""

    data: bytes
    cursor: str
    empty: bool


class Feed:
    """Reads the boards of a home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.urls = {board.name: url for url, board in home.boards.items()}
        self._pages: OrderedDict[tuple[Any, ...], Page] = OrderedDict()
        self._kept = 0

    def board(self, name: str) -> Board:
        """The board of a name; ``not-found``."""
        if name not in self.urls:
            raise ProtocolError("not-found", "this home has no such board", rule="VRM-BRD-001")
        return self.home.boards[self.urls[name]]

    def page(self, name: str, wanted: Filter, cursor: str, limit: int, now: int) -> Page:
        """One page; ``request-invalid`` for a cursor of another feed, ``cursor-gone`` for one too old.

        The last pages are kept as bytes: many vendors read the same at the head.
        """
        url = self.urls[name]
        end, dropped = self.home.store.feed_end(url)
        at = self._start(name, wanted, end) if not cursor else self._read(name, wanted, cursor)
        if (at.after if at.changes else at.start) < dropped:
            detail = "the changes after this cursor are kept no longer: read the feed without a cursor"
            raise ProtocolError("cursor-gone", detail, rule="VRM-BRD-015")
        if max(at.start, at.after) > end:  # of a store that has been put back to an earlier copy
            detail = "the changes here do not reach as far as this cursor: read the feed without a cursor"
            raise ProtocolError("cursor-gone", detail, rule="VRM-BRD-015")
        key = (name, wanted, str(at), limit, end, None if at.changes else now)  # what is open depends on now
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
            return page
        page = self._pages[key] = self._page(url, wanted, at, limit, end, now)
        self._kept += _PAGE + len(page.data)
        while self._kept > _KEPT:
            self._kept -= _PAGE + len(self._pages.popitem(last=False)[1].data)
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
        scanned = size = 0
        while len(items) < limit and scanned < SCANNED and size < HEAVY:
            rows = self._rows(url, at, min(limit + 1, SCANNED - scanned), now)
            if not rows:
                if at.changes:
                    break
                at = replace(at, after=at.start, changes=True)
                continue
            for row in rows:
                if len(items) == limit or size >= HEAVY:
                    break
                scanned += 1
                at = replace(at, after=row.position)
                for item in self._items(row, wanted):
                    items.append(item)
                    size += _size(item)
        document = {"items": items, "cursor": str(at), "more": at.after < end}
        return Page(strictjson.dumps(document), str(at), not items and not document["more"])

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


def _size(item: Mapping[str, Any]) -> int:
    """The bytes of the tokens and receipts of an item."""
    return sum(len(v) if isinstance(v, str) else _size(v) for v in item.values() if not isinstance(v, int))
