"""Feeds: what is open, then every change once and in order, however it is read and whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance import jose, receipts
from conformance.lab import Lab, Party, Thread, check
from conformance.results import Failed, Inconclusive
from conformance.session import First

__all__ = ["Reader", "aisle", "filed", "genuine", "publish_first", "same", "shown", "told", "wanted"]

PAGES = 400
"""How many pages are read before a feed counts as endless."""
Item = Mapping[str, Any]


def aisle() -> str:
    """A category code that nobody else uses: what is filtered by it is the check's own."""
    return "9" + "".join(secrets.choice("0123456789") for _ in range(15))


def same(lab: Lab, requirement: str, right: object, got: object) -> None:
    """What was got is what is right."""
    lab.holds(requirement, got == right, str(right), got)


def wanted(lab: Lab, *codes: str, scheme: str = "unspsc", **changes: Any) -> dict[str, Any]:
    """A need with these categories."""
    return lab.bodies.need(categories=[{"scheme": scheme, "code": code} for code in codes], **changes)


async def filed(lab: Lab, code: str, first: Party | None = None, **body: Any) -> Thread:
    """An open intent with this category."""
    return await lab.published(first or lab.person(), need=wanted(lab, code), **body)


@dataclass
class Reader:
    """Reads a board on by its cursors. Form, number and order of the items are judged on every page."""

    lab: Lab
    code: str = ""
    limit: int = 0
    party: Party | None = None
    board: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    cursor: str = ""
    more: bool = True
    last: int = 0
    pages: int = 0

    def query(self) -> dict[str, object]:
        """The filters."""
        named = {"category": f"unspsc:{self.code}"} if self.code else {}
        return {**named, **self.filters}

    def again(self, limit: int = 0) -> Reader:
        """Another reader with the same filters and cursor."""
        return Reader(
            self.lab, self.code, limit, self.party, self.board, self.filters, self.cursor, last=self.last
        )

    async def page(self, **query: object) -> list[Item]:
        """The next page."""
        lab = self.lab
        asked = {**self.query(), "limit": self.limit or "", "cursor": self.cursor, **query}
        answer = await lab.feed(self.board, self.party, **asked)
        if answer.status != 200:
            given = bool(self.cursor) and answer.code == "request-invalid"
            lab.holds("VRM-BRD-006", not given, "a cursor that was given is taken", answer.said)
            raise Inconclusive(f"a feed was answered {answer.said}")
        document = answer.document
        faults = lab.spec.faults("documents/feed.json", document)
        lab.holds("VRM-BRD-004", not faults, "valid against documents/feed.json", faults[:2])
        items: list[Item] = document["items"]
        most = self.limit or 50
        lab.holds("VRM-BRD-011", len(items) <= most, f"at most {most} items", f"{len(items)} items")
        for item in items:
            place = item["position"]
            lab.holds("VRM-BRD-006", place > self.last, f"a position after {self.last}", place)
            self.last = place
        self.cursor, self.more = document["cursor"], document["more"]
        self.pages += 1
        return items

    async def on(self, pages: int = PAGES) -> list[Item]:
        """All that is there now."""
        items: list[Item] = []
        for _ in range(pages):
            items += await self.page()
            if not self.more:
                return items
        raise Inconclusive("the feed does not come to its end")

    async def shows(self, requirement: str, expected: Sequence[str], own: Iterable[str] = ()) -> list[Item]:
        """Read on: exactly these items, as ``told`` words them, and ``more`` as long as some were missing."""
        mids = set(own)
        items = [i for i in await self.on() if not mids or i["mid"] in mids]
        got = told(items)
        if got != list(expected):
            rest = [i for i in await self.page() if not mids or i["mid"] in mids]
            self.lab.holds("VRM-BRD-010", not rest, "more while there are items", told(rest))
        same(self.lab, requirement, list(expected), got)
        self.lab.holds("VRM-BRD-010", True, "more while there are items")
        for item in items:
            genuine(self.lab, item)
        return items


def told(items: Iterable[Item], versions: bool = True) -> list[str]:
    """Items in words: the thread, and the version that is shown or why it is not."""
    found = []
    for item in items:
        what = item.get("ended") or item.get("removed") or "shown"
        if what == "shown" and versions and "token" in item:
            what = jose.mid_of(item["token"])
        found.append(f"{item['mid']} {what}")
    return found


def genuine(lab: Lab, item: Item) -> None:
    """An item is one of the three, and what it shows is signed, received, and of its thread."""
    kinds = [name for name in ("token", "ended", "removed") if name in item]
    lab.holds("VRM-BRD-004", len(kinds) == 1, "a token, or ended, or removed", kinds)
    if kinds != ["token"]:
        return
    mid = jose.mid_of(item["token"])
    later = mid != item["mid"]
    lab.holds("VRM-BRD-004", ("opened" in item) == later, "opened where it is not the first", sorted(item))
    for shown in (item, item["opened"]) if later else (item,):
        claims = receipts.claims(lab.target, shown.get("receipt", ""))
        lab.holds("VRM-BRD-004", not isinstance(claims, str), "a receipt of the home", claims)
        claims = {} if isinstance(claims, str) else claims
        named = (claims.get("mid"), claims.get("thid"))
        right = (jose.mid_of(shown["token"]), item["mid"])
        lab.holds("VRM-BRD-004", named == right, f"a receipt of {right}", named)
        said = jose.claims_of(shown["token"])
        key = jose.decode(said["iss"].removeprefix(jose.DID))
        signed = jose.verifies(shown["token"], _jwk(key))
        lab.holds("VRM-BRD-004", signed, "the token as it travelled", "a signature that does not verify")
    if later:
        first = jose.mid_of(item["opened"]["token"])
        lab.holds("VRM-BRD-004", first == item["mid"], f"opened by {item['mid']}", first)


def _jwk(data: bytes) -> dict[str, str]:
    import json

    found = json.loads(data)
    return found if isinstance(found, dict) else {}


def shown(intent: Thread, place: int = 0) -> str:
    """The words for an intent that is shown with a message of it."""
    return f"{intent.thid} {intent.said[place].mid}"


# --- what is open ---------------------------------------------------------------------------------


async def publish_first(lab: Lab) -> None:
    """Publish before anything else: on a board that is new nothing stands before it."""
    with contextlib.suppress(Inconclusive, Failed):
        code = aisle()
        read = (await lab.feed("", None, category=f"unspsc:{code}")).document
        cursor = str(read.get("cursor", "")) if isinstance(read, dict) else ""
        lab.session.first = First(code, cursor, await filed(lab, code))


@check("VRM-BRD-005", profile="intent")
async def what_was_published_first_is_shown(lab: Lab) -> None:
    """The first intent of all, too, where the board was new; also to who had read before it was there."""
    if lab.session.first is None:
        await publish_first(lab)
    if (first := lab.session.first) is None:
        raise Inconclusive("nothing could be published")
    for cursor in ("", first.cursor):
        for limit in (0, 1):
            reader = Reader(lab, first.code, limit, cursor=cursor)
            await reader.shows("VRM-BRD-005", [shown(first.intent)])


@check(
    *(f"VRM-BRD-{n:03}" for n in (2, 4, 5, 6, 10, 11)),
    profile="intent",
)
async def what_is_open_is_read_page_by_page_by_anybody(lab: Lab) -> None:
    """Without a cursor: each open intent once, as it stands, and none that is paused or over."""
    code = aisle()
    anna = lab.person()
    intents = await asyncio.gather(*(filed(lab, code) for _ in range(6)))
    amended, paused, closed, back, *_ = intents
    body = lab.bodies.amendment(2, need=wanted(lab, code))
    await lab.say(amended.first, "intent.amend", body, amended)
    await lab.say(paused.first, "intent.pause", {}, paused)
    await lab.say(closed.first, "intent.close", {"outcome": "elsewhere"}, closed)
    await lab.say(back.first, "intent.pause", {}, back)
    await lab.say(back.first, "intent.resume", {}, back)
    right = {shown(amended, 1), *(shown(one) for one in intents[3:])}
    unsigned = await lab.feed(category=f"unspsc:{code}")
    lab.holds("VRM-BRD-002", unsigned.status == 200, "200 without a signature", unsigned.said)
    readers = [Reader(lab, code, limit) for limit in (0, 1, 2, 3, 4, 200)]
    for reader in [*readers, Reader(lab, code, 2, anna)]:
        items = await reader.on()
        got = told(items)
        if set(got) != right:
            rest = await reader.page()
            lab.holds("VRM-BRD-010", not rest, "more while there are items", told(rest))
        same(lab, "VRM-BRD-005", sorted(right), sorted(got))
        lab.holds("VRM-BRD-010", True, "more while there are items")
        for item in items:
            genuine(lab, item)
        await reader.shows("VRM-BRD-005", [])
    for _ in range(8):  # what came last, too
        new = await filed(lab, code)
        right.add(shown(new))
        same(lab, "VRM-BRD-005", sorted(right), sorted(told(await Reader(lab, code).on())))


@check("VRM-BRD-005", "VRM-BRD-006", "VRM-BRD-009", profile="intent")
async def a_feed_without_filters_shows_what_is_open_and_then_changes(lab: Lab) -> None:
    """All of the board, as far as it can be read: what is the check's own is there, once."""
    code = aisle()
    here, gone = await asyncio.gather(filed(lab, code), filed(lab, code))
    await lab.say(gone.first, "intent.withdraw", {}, gone)
    own = {here.thid, gone.thid}
    reader = Reader(lab, limit=200)
    try:
        items = await reader.on(60)
    except Inconclusive:  # a large board: what is written in one language will do
        reader = Reader(lab, limit=200, filters={"lang": "en"}, code=code[:6])
        items = await reader.on()
    got = told(i for i in items if i["mid"] in own)
    same(lab, "VRM-BRD-005", [shown(here)], got)
    await lab.say(here.first, "intent.pause", {}, here)
    await reader.shows("VRM-BRD-009", [f"{here.thid} paused"], own)
    await lab.say(here.first, "intent.resume", {}, here)
    await reader.shows("VRM-BRD-009", [shown(here)], own)
    await lab.say(here.first, "intent.pause", {}, here)
    await lab.say(here.first, "intent.withdraw", {}, here)
    items = [i for i in await reader.on() if i["mid"] in own]
    first = told(items)[:1]
    lab.holds("VRM-BRD-006", first == [f"{here.thid} paused"], "the pause is shown", told(items))
    fresh = await Reader(lab, code).on()
    lab.holds("VRM-BRD-005", not fresh, "nothing that is over", told(fresh))


# --- changes --------------------------------------------------------------------------------------


@check(*(f"VRM-BRD-{n:03}" for n in (6, 8, 9, 10, 11, 15)), profile="intent")
async def every_change_is_shown_once_and_in_order(lab: Lab) -> None:
    """Whoever reads on after each change and whoever comes late read the same, by pages of 1, 2 and 3.

    A home that has dropped changes by then says so to the late ones, and drops none in silence.
    """
    code = aisle()
    start = await filed(lab, code)
    reader = Reader(lab, code)
    await reader.shows("VRM-BRD-005", [shown(start)])
    late = [reader.again(limit) for limit in (0, 1, 2, 3)]
    told_all: list[str] = []

    async def now(requirement: str, expected: str) -> None:
        told_all.append(expected)
        await reader.shows(requirement, [expected])

    one = await filed(lab, code)
    await now("VRM-BRD-006", shown(one))
    await lab.say(one.first, "intent.amend", lab.bodies.amendment(2, need=wanted(lab, code)), one)
    await now("VRM-BRD-006", shown(one, 1))
    await lab.say(one.first, "intent.pause", {}, one)
    await now("VRM-BRD-009", f"{one.thid} paused")
    await lab.say(one.first, "intent.resume", {}, one)
    await now("VRM-BRD-009", shown(one, 1))
    two = await filed(lab, code)
    await now("VRM-BRD-006", shown(two))
    await lab.say(start.first, "intent.withdraw", {}, start)
    await now("VRM-BRD-008", f"{start.thid} withdrawn")
    await lab.say(one.first, "intent.amend", lab.bodies.amendment(3, need=wanted(lab, code)), one)
    await now("VRM-BRD-006", f"{one.thid} {one.said[-1].mid}")
    await lab.say(two.first, "intent.close", {"outcome": "abandoned"}, two)
    await now("VRM-BRD-008", f"{two.thid} closed")
    await reader.shows("VRM-BRD-006", [])
    # A late item with a token may show the version of its change, or the one that is present by then.
    short = [_kind(one) for one in told_all]
    for other in late:
        try:
            items = await other.on()
        except Inconclusive:
            answer = await lab.feed("", None, **other.query(), cursor=other.cursor)
            lab.refused("VRM-BRD-015", answer, "cursor-gone")
            continue
        got = told(items, versions=False)
        if got != short:
            rest = await other.page()
            lab.holds("VRM-BRD-010", not rest, "more while there are items", told(rest))
        same(lab, "VRM-BRD-006", short, got)
        lab.holds("VRM-BRD-015", True, "an old cursor is refused, or gives all changes")
        for item in items:
            genuine(lab, item)


@check("VRM-BRD-015", profile="intent", slow=True, patient=True)
async def a_cursor_of_a_minute_ago_is_refused_or_misses_nothing(lab: Lab) -> None:
    """A home that keeps changes for a short time has dropped some by then, and must not pass over them."""
    code = aisle()
    start = await filed(lab, code)
    reader = Reader(lab, code)
    await reader.shows("VRM-BRD-005", [shown(start)])
    await lab.say(start.first, "intent.withdraw", {}, start)
    await asyncio.sleep(62)
    for _ in range(2):  # it may look after its boards whenever it has something to store
        await filed(lab, aisle())
        await asyncio.sleep(1)
    answer = await lab.feed("", None, **reader.query(), cursor=reader.cursor)
    if answer.status >= 400:
        lab.refused("VRM-BRD-015", answer, "cursor-gone")
        return
    got = told(await reader.on(), versions=False)
    wanted_ = _kind(f"{start.thid} withdrawn")
    lab.holds("VRM-BRD-015", wanted_ in got, f"cursor-gone, or {wanted_}", got)


@check("VRM-BRD-008", profile="intent")
async def an_end_by_a_message_is_shown_as_what_it_is(lab: Lab) -> None:
    """Withdrawn or closed, and nothing of what was said."""
    code = aisle()
    one, two = await filed(lab, code), await filed(lab, code)
    reader = Reader(lab, code)
    await reader.shows("VRM-BRD-008", [shown(one), shown(two)])
    await lab.say(two.first, "intent.close", {"outcome": "fulfilled"}, two)
    await lab.say(one.first, "intent.withdraw", {}, one)
    right = [f"{two.thid} closed", f"{one.thid} withdrawn"]
    await reader.shows("VRM-BRD-008", right)
    await reader.shows("VRM-BRD-008", [])


@check("VRM-BRD-005", "VRM-BRD-006", "VRM-BRD-010", profile="intent", slow=True)
async def large_intents_are_all_shown(lab: Lab) -> None:
    """However few of them a page takes: as many as fit into some megabytes, each near the limit."""
    code = aisle()
    size = min(lab.target.limit("token", 65536), 65536) * 3 // 4 - 4000
    text = "\N{EURO SIGN}" * 400
    conditions = [{"text": text, "weight": "should"} for _ in range(min(16, size // 1300))]
    value = "\N{EURO SIGN}" * 200
    left = (size - 1300 * len(conditions)) // 700
    attributes = [{"name": f"n{place}", "value": value} for place in range(min(32, left))] or None
    need = wanted(lab, code, conditions=conditions or None, attributes=attributes)
    intents = []
    for _ in range(15):
        intents += await asyncio.gather(*(lab.published(lab.person(), need=need) for _ in range(4)))
    right = sorted(shown(one) for one in intents)
    for limit in (200, 7):
        reader = Reader(lab, code, limit)
        items = told(await reader.on())
        if sorted(items) != right:
            rest = told(await reader.page())
            lab.holds("VRM-BRD-010", not rest, "more while there are items", rest)
        same(lab, "VRM-BRD-005", right, sorted(items))
        lab.holds("VRM-BRD-010", True, "more while there are items")


def _kind(words: str) -> str:
    mid, what = words.split(" ")
    return f"{mid} {what if what in ('paused', 'withdrawn', 'closed', 'changed') else 'shown'}"


@check("VRM-BRD-006", "VRM-BRD-010", profile="intent")
async def changes_between_two_pages_are_neither_lost_nor_doubled(lab: Lab) -> None:
    """While a reader is in the middle of what was open, intents come, change and go."""

    async def read(limit: int) -> None:
        code = aisle()
        intents = list(await asyncio.gather(*(filed(lab, code) for _ in range(6))))
        reader = Reader(lab, code, limit)
        items = await reader.page()
        for _ in range(20):  # pages may be empty while there is more
            if items or not reader.more:
                break
            items = await reader.page()
        given = next((i["mid"] for i in items), intents[0].thid)
        seen = next(one for one in intents if one.thid == given)
        others = [one for one in intents if one is not seen]
        for one in (seen, others[0], others[-1]):
            body = lab.bodies.amendment(2, need=wanted(lab, code))
            await lab.say(one.first, "intent.amend", body, one)
        items += await reader.page()
        await lab.say(others[1].first, "intent.withdraw", {}, others[1])
        await lab.say(others[2].first, "intent.pause", {}, others[2])
        intents.append(await filed(lab, code))
        items += await reader.page()
        await lab.say(seen.first, "intent.close", {"outcome": "fulfilled"}, seen)
        await lab.say(others[2].first, "intent.resume", {}, others[2])
        items += await reader.on()
        places = [i["position"] for i in items]
        lab.holds("VRM-BRD-006", len(set(places)) == len(places), "each change once", places)
        board = _board(items)
        right = {o.thid: _present(o) for o in intents if o is not seen and o is not others[1]}
        if board != right:
            rest = await reader.page()
            lab.holds("VRM-BRD-010", not rest, "more while there are items", told(rest))
        same(lab, "VRM-BRD-006", right, board)
        lab.holds("VRM-BRD-010", True, "more while there are items")

    for limit in (1, 2, 3):
        await read(limit)


def _board(items: Iterable[Item]) -> dict[str, str]:
    """What a reader thinks is open, after these items."""
    board: dict[str, str] = {}
    for item in items:
        board.pop(item["mid"], None)
        if "token" in item:
            board[item["mid"]] = jose.mid_of(item["token"])
    return board


def _present(intent: Thread) -> str:
    """The message that shows the present version of an intent."""
    shows = [s.mid for s in intent.said if "need" in jose.claims_of(s.token)["body"]]
    return shows[-1]


@check("VRM-BRD-006", "VRM-BRD-007", profile="intent")
async def whoever_reads_while_many_publish_misses_nothing(lab: Lab) -> None:
    """Readers at the head read on all the time; no change gets stored behind what they have been shown."""
    code = aisle()
    readers = [Reader(lab, code, limit) for limit in (1, 3, 0)]
    for reader in readers:
        await reader.on()
    done = asyncio.Event()

    async def follow(reader: Reader) -> list[Item]:
        items: list[Item] = []
        while not done.is_set():
            items += await reader.page()
            await asyncio.sleep(0)
        return items + await reader.on()

    async def publish() -> list[Thread]:
        try:
            rounds = [await asyncio.gather(*(filed(lab, code) for _ in range(8))) for _ in range(3)]
            gone = rounds[0][:3]
            await asyncio.gather(*(lab.say(one.first, "intent.withdraw", {}, one) for one in gone))
        finally:
            done.set()
        return [one for some in rounds for one in some]

    following = [asyncio.ensure_future(follow(reader)) for reader in readers]
    intents = await publish()
    read = await asyncio.gather(*following)
    right = sorted([shown(one) for one in intents] + [f"{one.thid} withdrawn" for one in intents[:3]])
    for items in read:
        got = sorted(told(items))
        lab.holds("VRM-BRD-007", got == right, f"all {len(right)} changes", f"{len(got)}: {got}")
    order = [told(items) for items in read]
    lab.holds("VRM-BRD-006", order.count(order[0]) == len(order), "one order for all readers", order)


@check("VRM-BRD-006", profile="intent")
async def whoever_waits_at_the_head_is_given_what_comes(lab: Lab) -> None:
    """A read with ``wait`` loses nothing of what comes while it waits, or of what came just before."""
    code = aisle()
    reader = Reader(lab, code)
    await reader.on()
    waiting = asyncio.ensure_future(reader.page(wait=4))
    await asyncio.sleep(0.2)
    one = await filed(lab, code)
    items = await waiting
    items += await reader.on()
    same(lab, "VRM-BRD-006", [shown(one)], told(items))
    await lab.say(one.first, "intent.withdraw", {}, one)
    items = await reader.page(wait=4)
    items += await reader.on()
    right = [f"{one.thid} withdrawn"]
    same(lab, "VRM-BRD-006", right, told(items))


@check("VRM-BRD-014", profile="intent")
async def a_cursor_that_was_changed_is_refused_or_read(lab: Lab) -> None:
    """Longer, shorter, with other letters or enormous numbers: never more than a plain answer."""
    code = aisle()
    await filed(lab, code)
    reader = Reader(lab, code)
    await reader.on()
    right = reader.cursor
    runs = list(re.finditer(r"[0-9]+", right))
    huge = {f"{right[: m.start()]}{'9' * n}{right[m.end() :]}" for m in runs for n in (18, 19, 40, 400)}
    cut = {right[:-1], right[1:], right[: len(right) // 2]}
    more = {right + "0", right + right, right + ".", "." + right, right.swapcase(), right[::-1]}
    for cursor in sorted((huge | cut | more) - {right, ""}):
        answer = await lab.feed("", None, category=f"unspsc:{code}", cursor=cursor)
        right_ = answer.status == 200 or answer.code in ("request-invalid", "cursor-gone", "too-large")
        lab.holds("VRM-BRD-014", right_, "a page, request-invalid or cursor-gone", answer.said)


@check("VRM-BRD-014", profile="intent")
async def a_cursor_is_of_one_board_and_its_filters(lab: Lab) -> None:
    """With more, fewer or other filters or at another board it is refused; with another limit it is not."""
    code = aisle()
    await asyncio.gather(*(filed(lab, code) for _ in range(3)))
    reader = Reader(lab, code, 1)
    await reader.page()
    early = reader.cursor
    await reader.on()
    whole, lang = Reader(lab, limit=1), Reader(lab, limit=1, filters={"lang": "en"})
    await whole.page()
    await lang.page()
    own = f"unspsc:{code}"
    wrong: list[tuple[str, dict[str, object]]] = []
    for cursor in (early, reader.cursor):
        wrong += [
            (cursor, {}),
            (cursor, {"category": f"unspsc:{code[:-1]}"}),
            (cursor, {"category": f"gpc:{code}"}),
            (cursor, {"category": own, "region": "NL"}),
            (cursor, {"category": own, "lang": "en"}),
        ]
    wrong += [
        (whole.cursor, {"category": own}),
        (whole.cursor, {"lang": "en"}),
        (whole.cursor, {"region": "NL"}),
        (lang.cursor, {}),
        (lang.cursor, {"lang": "de"}),
    ]
    for cursor, query in wrong:
        lab.refused("VRM-BRD-014", await lab.feed("", None, cursor=cursor, **query), "request-invalid")
    for cursor in ("nonsense", "0", "A" * 43):  # given for no board and no filters
        for category in ("", f"unspsc:{code}"):
            answer = await lab.feed(cursor=cursor, category=category)
            lab.refused("VRM-BRD-014", answer, "request-invalid", "cursor-gone")
    anna = lab.person()
    for board in lab.target.discovery.get("boards", ()):
        if board["url"] != lab.board:
            answer = await lab.feed(board["url"], anna, cursor=early, category=own)
            lab.refused("VRM-BRD-014", answer, "request-invalid")
            other = Reader(lab, limit=1, party=anna, board=board["url"])
            await other.page()
            answer = await lab.feed(cursor=other.cursor)
            lab.refused("VRM-BRD-014", answer, "request-invalid")
    answer = await lab.feed(cursor=early, category=own, limit=7)
    lab.holds("VRM-BRD-014", answer.status == 200, "200 with another limit", answer.said)
