"""Broken homes of the chapter boards.md: feeds, filters, cursors, removal."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.broken.tools import around, discovery, mutant, result, without
from vrmproto import boards, feed, strictjson
from vrmproto.boards import Board, Cursor, Filter
from vrmproto.feed import Feed
from vrmproto.home import Home
from vrmproto.reading import Reader, not_found
from vrmproto.server import routes
from vrmproto.server.routes import Routes
from vrmproto.storage.rows import WriteTransaction
from vrmproto.storage.sqlite import SqliteStore


@mutant("VRM-BRD-001")
def boards_not_listed() -> None:
    """The discovery document lists no boards, though the profile intent is claimed."""
    discovery(lambda d: {**d, "boards": []})


@mutant("VRM-BRD-001")
def access_not_listed() -> None:
    """The discovery document does not tell how a board may be read."""
    discovery(lambda d: {**d, "boards": [without("access")(b) for b in d["boards"]]})


@mutant("VRM-BRD-001")
def profile_not_served() -> None:
    """The profile intent is claimed, and its boards are not there."""

    def wrong(right: Any, self: Feed, name: str) -> Any:
        raise not_found()

    around(Feed, "board", wrong)


@mutant("VRM-BRD-002")
def public_boards_signed() -> None:
    """The feed of a public board is refused to who does not sign."""
    around(Feed, "board", lambda right, self, name: Board(right(self, name).name, "signed"))


@mutant("VRM-BRD-003")
def signed_boards_public() -> None:
    """The feed of a board with the access signed is read by everybody."""
    around(Feed, "board", lambda right, self, name: Board(right(self, name).name, "public"))


def _paged(change: Any) -> None:
    """Pages of feeds that say something else."""

    def wrong(right: Any, self: Feed, url: str, wanted: Any, at: Any, limit: int, *rest: Any) -> Any:
        page = right(self, url, wanted, at, limit, *rest)
        return replace(page, data=strictjson.dumps(change(json.loads(page.data), limit)))

    around(Feed, "_page", wrong)


@mutant("VRM-BRD-004")
def positions_as_text() -> None:
    """position of an item is a string."""
    _paged(lambda d, _: {**d, "items": [{**i, "position": str(i["position"])} for i in d["items"]]})


@mutant("VRM-BRD-004")
def items_without_receipts() -> None:
    """An item has its token and no receipt."""
    _paged(lambda d, _: {**d, "items": [without("receipt")(i) for i in d["items"]]})


@mutant("VRM-BRD-005")
def feed_begins_now() -> None:
    """A feed without a cursor shows only what comes after."""
    around(Feed, "_start", lambda right, self, name, wanted, end: Cursor(name, wanted.digest, end, end, True))


@mutant("VRM-BRD-005")
def feed_begins_with_all_changes() -> None:
    """A feed without a cursor shows every change that is kept, and not what is open."""
    around(Feed, "_start", lambda right, self, name, wanted, end: Cursor(name, wanted.digest, 0, 0, True))


@mutant("VRM-BRD-005")
def youngest_not_shown() -> None:
    """The youngest of what is open is not given to a new reader."""

    def wrong(right: Any, self: SqliteStore, board: str, after: int, until: int, *rest: Any) -> Any:
        return right(self, board, after, until - 1, *rest)

    around(SqliteStore, "feed_open", wrong)


@mutant("VRM-BRD-005")
def first_version_shown() -> None:
    """An item shows the message that published an intent, also after an amendment."""
    around(Feed, "_version", lambda right, self, row: right(self, replace(row, version=row.thid)))


@mutant("VRM-BRD-006")
def last_change_again() -> None:
    """Every page begins with the last change of the page before."""

    def wrong(right: Any, self: SqliteStore, board: str, after: int, limit: int) -> Any:
        return right(self, board, after - 1, limit)

    around(SqliteStore, "feed_changes", wrong)


@mutant("VRM-BRD-006")
def cursor_runs_ahead() -> None:
    """The cursor of a page is behind what was looked at, not behind what was shown."""

    def wrong(right: Any, self: Feed, url: str, wanted: Any, at: Any, limit: int, *rest: Any) -> Any:
        page = right(self, url, wanted, at, limit + 1, *rest)
        document = json.loads(page.data)
        return replace(page, data=strictjson.dumps({**document, "items": document["items"][:limit]}))

    around(Feed, "_page", wrong)


@mutant("VRM-BRD-006")
def newest_first() -> None:
    """The items of a page are in the order of the newest first."""
    _paged(lambda d, _: {**d, "items": d["items"][::-1]})


@mutant("VRM-BRD-006")
def ends_between_reads_lost() -> None:
    """What ends while a reader pages through what is open is not shown to it as ended."""

    def wrong(right: Any, self: Feed, name: str, wanted: Any, text: str) -> Any:
        at = right(self, name, wanted, text)
        return at if at.changes else replace(at, start=self.home.store.feed_end(self.urls[name])[0])

    around(Feed, "_read", wrong)


@mutant("VRM-BRD-007")
def late_commits() -> None:
    """Every other change becomes visible half a second after those behind it."""
    seen: dict[int, float] = {}

    def wrong(right: Any, *args: Any) -> Any:
        now = time.monotonic()
        rows = right(*args)
        return [r for r in rows if r.position % 2 or now - seen.setdefault(r.position, now) > 0.5]

    around(SqliteStore, "feed_changes", wrong)
    around(SqliteStore, "feed_open", wrong)


@mutant("VRM-BRD-008")
def ends_not_shown() -> None:
    """The end of an intent by a message is not shown."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        change = right(self, reads, step)
        return change if change is None or change.event in ("shown", "paused") else None

    around(Home, "_change", wrong)


@mutant("VRM-BRD-008")
def ends_are_all_alike() -> None:
    """An intent that was closed is shown as withdrawn."""
    _paged(
        lambda d, _: {**d, "items": [{**i, "ended": "withdrawn"} if "ended" in i else i for i in d["items"]]}
    )


@mutant("VRM-BRD-008")
def expired_still_open() -> None:
    """An intent whose until has passed is shown as open."""

    def wrong(right: Any, self: SqliteStore, board: str, after: int, until: int, now: int, limit: int) -> Any:
        return right(self, board, after, until, 0, limit)

    around(SqliteStore, "feed_open", wrong)


@mutant("VRM-BRD-009")
def pauses_not_shown() -> None:
    """A pause is not shown."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        change = right(self, reads, step)
        return change if change is None or change.event != "paused" else None

    around(Home, "_change", wrong)


@mutant("VRM-BRD-009")
def resumed_as_it_was_published() -> None:
    """A resumed intent is shown with its first version."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        change = right(self, reads, step)
        resumed = change is not None and step.row.type == "intent.resume"
        return replace(change, version=step.thread.thid) if resumed else change

    around(Home, "_change", wrong)


@mutant("VRM-BRD-009")
def resumptions_not_shown() -> None:
    """A resumed intent is not shown again."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        return None if step.row.type == "intent.resume" else right(self, reads, step)

    around(Home, "_change", wrong)


@mutant("VRM-BRD-010")
def never_more() -> None:
    """more is always false."""
    _paged(lambda d, _: {**d, "more": False})


@mutant("VRM-BRD-011")
def pages_of_one_more() -> None:
    """A page has one item more than limit."""
    around(Feed, "page", lambda right, s, name, w, c, limit, now: right(s, name, w, c, limit + 1, now))


@mutant("VRM-BRD-011")
def feed_limit_not_looked_at() -> None:
    """limit of a feed is not looked at."""
    around(Feed, "page", lambda right, s, name, w, c, limit, now: right(s, name, w, c, 200, now))


@mutant("VRM-BRD-019")
def filters_of_any_form() -> None:
    """A filter that is none matches nothing, and of two the last one counts."""

    def wrong(right: Any, endpoint: Any, request: Any) -> Any:
        return Filter(**{n: v for n, v in request.query.items() if n in ("category", "region", "lang")})

    around(routes, "_filter", wrong)


@mutant("VRM-BRD-012")
def regions_by_their_letters() -> None:
    """A region lies within another if its code begins so."""
    around(boards, "_within", lambda right, code, area: code.startswith(area))


@mutant("VRM-BRD-012")
def regions_by_equality() -> None:
    """A region matches itself only, a language too."""
    around(boards, "_within", lambda right, code, area: code == area)


@mutant("VRM-BRD-012")
def categories_by_equality() -> None:
    """A category matches its whole code only."""

    def wrong(right: Any, self: Filter, tags: Any) -> Any:
        listed = json.loads(tags)["categories"] if tags else []
        return right(self, tags) and (not self.category or self.category in listed)

    around(Filter, "matches", wrong)


@mutant("VRM-BRD-012")
def one_filter_is_enough() -> None:
    """A thread is shown if it matches one of several filters."""

    def wrong(right: Any, self: Filter, tags: Any) -> Any:
        names = [name for name in ("category", "region", "lang") if getattr(self, name)]
        alone = [Filter(**{name: getattr(self, name)}) for name in names] or [self]
        return any(right(one, tags) for one in alone)

    around(Filter, "matches", wrong)


@mutant("VRM-BRD-012")
def filters_not_looked_at() -> None:
    """Filters are taken and not looked at."""
    around(Filter, "matches", lambda right, self, tags: tags is not None)


@mutant("VRM-BRD-012")
def languages_by_their_case() -> None:
    """A language is compared with the letter case that the reader writes."""

    def wrong(right: Any, self: Filter, tags: Any) -> Any:
        return right(self, tags) and self.lang.partition("-")[0] == self.lang.partition("-")[0].lower()

    around(Filter, "matches", wrong)


@mutant("VRM-BRD-012")
def filters_of_what_was() -> None:
    """A filter looks at what an intent said when it was published."""

    def wrong(right: Any, self: Feed, row: Any, wanted: Any) -> Any:
        first = row.was if row.event == "shown" and row.was is not None else row.tags
        return right(self, replace(row, tags=first), wanted)

    around(Feed, "_items", wrong)


@mutant("VRM-BRD-013")
def leaving_a_filter_not_shown() -> None:
    """A change by which a thread leaves a filter is not shown there."""

    def wrong(right: Any, self: Feed, row: Any, wanted: Any) -> Any:
        return right(self, replace(row, was=None) if row.event == "shown" else row, wanted)

    around(Feed, "_items", wrong)


@mutant("VRM-BRD-014")
def cursors_of_any_filter() -> None:
    """A cursor is taken with other filters than it was given for."""
    result(Cursor, "read", lambda at: replace(at, filter=ANY))

    class Any_(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    ANY = Any_("any")


@mutant("VRM-BRD-014")
def odd_cursors_begin_anew() -> None:
    """A cursor that it cannot read begins the feed anew."""

    def wrong(right: Any, self: Feed, name: str, wanted: Any, cursor: str, *rest: Any) -> Any:
        try:
            Cursor.read(cursor)
        except ValueError:
            cursor = ""
        return right(self, name, wanted, cursor, *rest)

    around(Feed, "page", wrong)


@mutant("VRM-BRD-014")
def cursors_without_a_bound() -> None:
    """A cursor with a number that no column holds is not refused, and stops the answer."""

    def wrong(right: Any, text: str) -> Any:
        if any(len(part) > 18 for part in text.split(".")[2:4]):
            raise OverflowError("the number is too large for a column")
        return right(text)

    around(Cursor, "read", wrong)


@mutant("VRM-BRD-015", needs="the option feed_kept and more than a minute")
def old_cursors_read_on() -> None:
    """A cursor from before what was dropped is read on."""
    result(SqliteStore, "feed_end", lambda ends: (ends[0], 0))


@mutant("VRM-BRD-015", needs="the option feed_kept and more than a minute")
def old_cursors_are_invalid() -> None:
    """A cursor from before what was dropped is answered as one of another board."""
    around(feed, "ProtocolError", lambda right, code, *a, **m: right(CODES.get(code, code), *a, **m))
    CODES = {"cursor-gone": "request-invalid"}


@mutant("VRM-BRD-016")
def intents_of_others() -> None:
    """A thread on a board is read by its first party only."""
    around(Reader, "_readable", lambda right, self, party, thid: self._own(party, thid))


@mutant("VRM-BRD-016")
def intents_without_a_signature() -> None:
    """A thread on a board is read by who has polled here, and by nobody else."""

    def wrong(right: Any, self: Reader, party: str, thid: str) -> Any:
        return right(self, party, thid) if self.home.store.known(party) else self._own(party, thid)

    around(Reader, "_readable", wrong)


@mutant("VRM-BRD-017", needs="the keys of the home")
def removal_not_carried_out() -> None:
    """A removal is answered and does nothing."""

    def wrong(right: Any, self: Home, board: str, thid: str, *rest: Any) -> Any:
        thread = self.store.thread(thid)
        return thread.first if thread else None

    around(Home, "remove", wrong)


@mutant("VRM-BRD-017", needs="the keys of the home")
def removal_without_a_code() -> None:
    """The feed shows a removal as an end, and does not say why."""

    def anonymous(item: Any) -> Any:
        return {**without("removed")(item), "ended": "withdrawn"} if "removed" in item else item

    _paged(lambda d, _: {**d, "items": [anonymous(item) for item in d["items"]]})


@mutant("VRM-BRD-017")
def anybody_removes() -> None:
    """A thread is taken off a board by whoever asks."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        name, thid = request.match_info["name"], request.match_info["mid"]
        self.home.remove(self.feed.urls[name], thid, request.query.get("code", "spam"), self.now())
        return web.Response(status=204)

    around(Routes, "removal", wrong)


@mutant("VRM-BRD-018", needs="the keys of the home")
def removal_not_told() -> None:
    """The first party is not told that its thread was removed."""
    around(Reader, "_notices", lambda right, self, party, now: {})


@mutant("VRM-BRD-018", needs="the keys of the home")
def removal_told_once() -> None:
    """A removal is told in one answer only."""

    def wrong(right: Any, self: Reader, party: str, now: int) -> Any:
        told = right(self, party, now)
        with self.home.store.begin() as tx:
            tx.told(party, list(told))
        return told

    around(Reader, "_notices", wrong)


@mutant("VRM-BRD-018", needs="the keys of the home")
def removal_told_for_ever() -> None:
    """An ack does not end the notice of a removal."""
    around(WriteTransaction, "told", lambda right, self, party, thids: None)


@mutant("VRM-BRD-018", needs="the keys of the home")
def notice_without_a_code() -> None:
    """The checkpoint of a removed thread does not carry the code."""
    around(Home, "checkpoint", lambda right, s, t, reader, now: right(s, replace(t, removed=""), reader, now))
