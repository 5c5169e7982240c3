"""Boards over HTTP: feeds, filters, waiting, removal; and the operator's command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from typer.testing import CliRunner

from tests.scenarios.market import Market, market
from tests.serving import serving
from tests.world import SPEC, Party, Reply, free_socket, listening, running
from vrmproto import envelope, keys, views
from vrmproto.boards import Board
from vrmproto.cli import app as cli
from vrmproto.home import Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.server.app import create_app
from vrmproto.server.settings import SettingsError, resolve
from vrmproto.storage.base import Store
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

FEED = "/v1/boards/intents"
TWO = (Board("intents"), Board("trade", "signed"))


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A new store; the home that gets it closes it."""
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "home.db")


def refused(reply: Reply, code: str, rule: str = "") -> None:
    assert reply.code == code, (reply.status, reply.document)
    assert SPEC.faults("documents/problem.json", reply.document) == []
    assert not rule or reply.document["requirement"] == rule


async def page(m: Market, **query: Any) -> dict[str, Any]:
    """One page of the feed, valid against documents/feed.json (VRM-BRD-004)."""
    named = "&".join(f"{name}={value}" for name, value in query.items() if value != "")
    reply = await m.world.get(f"{FEED}?{named}")
    assert reply.status == 200, reply.document
    assert SPEC.faults("documents/feed.json", reply.document) == []
    return reply.document


async def read_on(m: Market, cursor: str = "", **query: Any) -> tuple[list[dict[str, Any]], str]:
    """Every item from a cursor on, and the cursor behind them."""
    items: list[dict[str, Any]] = []
    while True:
        shown = await page(m, cursor=cursor, **query)
        items += shown["items"]
        cursor = shown["cursor"]
        if not shown["more"]:
            return items, cursor


def told(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What the items say: thread, and the mid of its version or how it has left."""
    return [
        (i["mid"], i.get("ended") or i.get("removed") or envelope.mid_of(i["token"].encode())) for i in items
    ]


async def removal(m: Market, thid: str, by: Party | None = None, code: str = "spam", **claims: Any) -> Reply:
    path = f"{FEED}/{thid}"
    home = by or Party(m.world, m.world.origin, m.world.home.signing[0])
    token = home.request("DELETE", path, **claims)
    query = f"?code={code}" if code else ""
    return await m.world.send("DELETE", path + query, Authorization=f"VRM {token}")


# --- what a home has -------------------------------------------------------------------------------


async def test_discovery_lists_the_boards() -> None:
    """VRM-BRD-001."""
    async with market(boards=TWO) as m:
        found = (await m.world.get("/.well-known/vrm-configuration")).document
        assert SPEC.faults("documents/discovery.json", found) == []
        assert found["boards"] == [
            {"name": "intents", "url": m.board, "access": "public"},
            {"name": "trade", "url": f"{m.world.origin}/v1/boards/trade", "access": "signed"},
        ]
        assert found["endpoints"]["boards"] == f"{m.world.origin}/v1/boards"
        assert found["endpoints"]["blobs"] == f"{m.world.origin}/v1/blobs"
        assert not {"removal", "upload"} & found["endpoints"].keys()
        assert "intent" in found["profiles"]


async def test_a_public_board_is_read_without_a_signature() -> None:
    """VRM-BRD-002."""
    async with market() as m:
        intent = await m.opened()
        plain = await m.world.get(FEED)
        assert [i["mid"] for i in plain.document["items"]] == [intent.thid]
        assert (await m.world.get(FEED, Authorization="VRM garbage")).body == plain.body
        assert (await m.vendors[0].read(FEED)).body == plain.body
        refused(await m.world.get("/v1/boards/others"), "not-found")


async def test_a_signed_board_is_read_with_a_signature_only() -> None:
    """VRM-BRD-003."""
    async with market(boards=TWO) as m:
        vendor, path = m.vendors[0], "/v1/boards/trade"
        _, reply = await m.publish(to=m.world.origin + path)
        assert reply.status == 202
        assert [i["mid"] for i in (await vendor.read(f"{path}?limit=1")).document["items"]] == [
            reply.document["mid"]
        ]
        assert (await page(m))["items"] == []  # each board has its own
        refused(await m.world.get(path), "request-invalid")
        wrong = [
            vendor.request("GET", FEED),
            vendor.request("POST", path),
            vendor.request("GET", path, exp=int(m.world.clock()) - 61),
            vendor.request("GET", path)[:-4] + "AAAA",
            "garbage",
        ]
        for token in wrong:
            refused(await m.world.get(path, Authorization=f"VRM {token}"), "request-invalid")


async def test_settings_name_boards() -> None:
    plain = resolve({"dev": True}, {}, None).config()
    assert plain.boards == (Board("intents"),)
    named = resolve({"dev": True}, {"VRMPROTO_BOARDS": "intents, trade:signed"}, None).config()
    assert named.boards == TWO
    assert resolve({"dev": True, "boards": "a:public"}, {}, None).config().boards == (Board("a"),)
    for wrong in ("A", "a:b", "a b", "a,a", "a,a:signed", "-" * 41, "é"):
        with pytest.raises(SettingsError, match="board"):
            resolve({"dev": True, "boards": wrong}, {}, None).config()


def test_settings_read_a_list_of_boards(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text('dev = true\nboards = ["intents", "trade:signed"]\n')
    assert resolve({}, {}, file).config().boards == TWO


def test_the_flag_board_may_be_given_again() -> None:
    shown = CliRunner().invoke(
        cli.build(), ["serve", "--dev", "--board", "intents", "--board", "trade:signed", "--show-config"]
    )
    assert json.loads(shown.stdout)["boards"] == "intents,trade:signed"


# --- feeds -----------------------------------------------------------------------------------------


async def test_first_what_is_open_and_then_every_change(store: Store) -> None:
    """VRM-BRD-005, VRM-BRD-006, VRM-BRD-010, VRM-BRD-011."""
    async with market(store) as m:
        intents = [await m.opened() for _ in range(5)]
        first = await page(m, limit=2)
        assert told(first["items"]) == [(i.thid, i.thid) for i in intents[:2]]
        assert first["more"] is True
        # what changes while a reader is half through is told once, behind what it was shown
        late = await m.opened()
        assert (await m.say(intents[1], intents[1].first, "intent.withdraw")).status == 202
        assert (await m.say(intents[3], intents[3].first, "intent.amend", m.amendment(2))).status == 202
        rest, cursor = await read_on(m, first["cursor"], limit=2)
        assert told(rest) == [
            (intents[2].thid, intents[2].thid),
            (intents[4].thid, intents[4].thid),
            (late.thid, late.thid),
            (intents[1].thid, "withdrawn"),
            (intents[3].thid, intents[3].head),
        ]
        positions = [i["position"] for i in rest[2:]]
        assert positions == sorted(set(positions))
        again = await page(m, cursor=cursor)
        assert (again["items"], again["more"]) == ([], False)
        for limit in (1, 3, 200):
            items, _ = await read_on(m, limit=limit)
            assert {t for t, _ in told(items)} == {i.thid for i in (intents[0], *intents[2:], late)}


async def test_an_item_shows_the_version_with_the_message_that_opened(store: Store) -> None:
    async with market(store) as m:
        intent = await m.opened()
        [item], cursor = await read_on(m)
        assert "opened" not in item
        receipt = envelope.peek(item["receipt"])[1]
        assert (receipt["mid"], receipt["thid"], receipt["seq"]) == (intent.thid, intent.thid, 1)
        opened = {"token": item["token"], "receipt": item["receipt"]}
        for number in (2, 3):
            await m.say(intent, intent.first, "intent.amend", m.amendment(number))
            [item], cursor = await read_on(m, cursor)
            assert (item["mid"], item["opened"]) == (intent.thid, opened)
            assert told([item]) == [(intent.thid, intent.head)]
            assert envelope.peek(item["receipt"])[1]["seq"] == number


async def test_positions_are_shown_in_the_order_of_storing(store: Store) -> None:
    """VRM-BRD-007: readers that page along while many write have all, once, and in order."""
    async with market(store) as m:
        persons = [m.world.person() for _ in range(40)]
        writing = asyncio.gather(*(m.publish(person) for person in persons))

        async def follow(limit: int) -> list[int]:
            items, cursor, last = [], "", False
            while not last:
                last = writing.done()
                found, cursor = await read_on(m, cursor, limit=limit)
                items += found
            return [i["position"] for i in items]

        shown = await asyncio.gather(*(follow(limit) for limit in (1, 3, 7, 200)))
        await writing
        for positions in shown:
            assert len(positions) == 40
            assert positions == sorted(set(positions))


async def test_an_end_by_a_message_is_shown_and_by_time_not(store: Store) -> None:
    """VRM-BRD-008."""
    async with market(store) as m:
        gone, done, over = await m.opened(), await m.opened(), await m.opened(until=m.time(5))
        _, cursor = await read_on(m)
        assert (await m.say(gone, gone.first, "intent.withdraw")).status == 202
        body = {"outcome": "abandoned"}
        assert (await m.say(done, done.first, "intent.close", body)).status == 202
        m.world.clock.forward(70)
        stays = await m.opened()  # and what has expired is swept away
        items, _ = await read_on(m, cursor)
        assert told(items) == [(gone.thid, "withdrawn"), (done.thid, "closed"), (stays.thid, stays.thid)]
        assert told((await read_on(m))[0]) == [(stays.thid, stays.thid)]
        assert m.state(over) == "expired"


async def test_a_pause_is_an_end_and_a_resumption_a_new_item(store: Store) -> None:
    """VRM-BRD-009."""
    async with market(store) as m:
        intent = await m.opened()
        person = intent.first
        _, cursor = await read_on(m)
        assert (await m.say(intent, person, "intent.pause")).state == "paused"
        assert (await read_on(m))[0] == []
        assert (await m.say(intent, person, "intent.amend", m.amendment(2))).state == "paused"
        present = intent.head
        assert (await m.say(intent, person, "intent.resume")).state == "open"
        items, _ = await read_on(m, cursor)
        assert told(items) == [(intent.thid, "paused"), (intent.thid, present)]
        assert "opened" in items[1]
        assert told((await read_on(m))[0]) == [(intent.thid, present)]
        assert (await m.say(intent, person, "intent.pause")).state == "paused"
        _, cursor = await read_on(m)
        assert (await m.say(intent, person, "intent.withdraw")).state == "withdrawn"
        assert (await read_on(m, cursor))[0] == []  # it had left the board already


MATCHES: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"category": "unspsc:2510"}, True),
    ({"category": "unspsc:25101503"}, True),
    ({"category": "unspsc:251015030"}, False),
    ({"category": "gpc:2510"}, False),
    ({"category": "gpc:100"}, True),
    ({"category": "unspsc:100"}, False),
    ({"region": "NL"}, True),
    ({"region": "NL-NH"}, True),
    ({"region": "NL-N"}, False),
    ({"region": "NL-ZH"}, False),
    ({"region": "DE"}, False),
    ({"lang": "de"}, True),
    ({"lang": "DE-ch"}, True),
    ({"lang": "de-AT"}, False),
    ({"lang": "en"}, False),
    ({"category": "unspsc:25", "region": "NL", "lang": "de"}, True),
    ({"category": "unspsc:25", "region": "NL", "lang": "en"}, False),
    ({"category": "unspsc:26", "region": "NL"}, False),
]


async def test_filters_match_what_the_prose_says(store: Store) -> None:
    """VRM-BRD-012."""
    async with market(store) as m:
        categories = [{"scheme": "unspsc", "code": "25101503"}, {"scheme": "gpc", "code": "10005"}]
        where = {"region": "NL-NH"}
        intent = await m.opened(need=m.need(categories=categories), where=where, lang="de-CH")
        await m.opened(need=m.need(categories=[{"scheme": "cpv", "code": "1"}]), where=None, lang="fr")
        for query, fits in MATCHES:
            shown = [i["mid"] for i in (await read_on(m, **query))[0]]
            assert (intent.thid in shown) is fits, query
            assert len(shown) == (1 if fits else 0) + (not query), query


async def test_a_thread_that_leaves_a_filter_is_shown_as_ended(store: Store) -> None:
    """VRM-BRD-012, VRM-BRD-013."""
    async with market(store) as m:
        intent = await m.opened(where={"region": "NL-NH"})
        cursors = {region: (await read_on(m, region=region))[1] for region in ("NL", "NL-NH", "DE")}

        async def amended(version: int, region: str) -> dict[str, list[str]]:
            """What the reader of each filter is shown of an amendment."""
            body = m.amendment(version, where={"region": region})
            assert (await m.say(intent, intent.first, "intent.amend", body)).status == 202
            shown = {}
            for name, cursor in cursors.items():
                items, cursors[name] = await read_on(m, cursor, region=name)
                shown[name] = [what for _, what in told(items)]
            return shown

        shown = await amended(2, "NL-ZH")
        assert shown == {"NL": [intent.head], "NL-NH": ["changed"], "DE": []}
        shown = await amended(3, "DE")
        assert shown == {"NL": ["changed"], "NL-NH": [], "DE": [intent.head]}
        assert (await m.say(intent, intent.first, "intent.withdraw")).status == 202
        for region, ends in (("NL", []), ("NL-NH", []), ("DE", ["withdrawn"])):
            assert [what for _, what in told((await read_on(m, cursors[region], region=region))[0])] == ends


async def test_a_page_of_nothing_that_matches_leads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """VRM-BRD-010: work is bounded, and an empty page may have more behind it."""
    monkeypatch.setattr("vrmproto.feed.SCANNED", 4)
    async with market() as m:
        for _ in range(9):
            await m.opened()
        wanted = await m.opened(where={"region": "DE"})
        pages, cursor, more = [], "", True
        while more:
            shown = await page(m, region="DE", cursor=cursor)
            pages.append([i["mid"] for i in shown["items"]])
            cursor, more = shown["cursor"], shown["more"]
        assert pages == [[], [], [wanted.thid]]


async def test_a_page_of_heavy_items_has_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrmproto.feed.HEAVY", 6000)
    async with market() as m:
        intents = [await m.opened() for _ in range(12)]
        shown = await page(m)
        assert 1 < len(shown["items"]) < 12
        assert shown["more"] is True
        assert [t for t, _ in told((await read_on(m))[0])] == [i.thid for i in intents]


async def test_a_cursor_is_of_one_board_and_one_filter() -> None:
    """VRM-BRD-014."""
    async with market(boards=(Board("intents"), Board("other"))) as m:
        await m.opened()
        cursors = [(await page(m, region="NL", limit=1))["cursor"], (await read_on(m, region="NL"))[1]]
        for cursor in cursors:
            assert (await page(m, region="NL", cursor=cursor))["more"] is False
            for path in (
                FEED,
                f"{FEED}?region=NL-NH",
                f"{FEED}?region=NL&lang=en",
                "/v1/boards/other?region=NL",
            ):
                reply = await m.world.get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
                refused(reply, "request-invalid", "VRM-BRD-014")
        for cursor in ("x", "a.b.c.d.e", cursors[0] + "x", "%00", "..", "9" * 400, "a.o.-1.0.intents"):
            refused(await m.world.get(f"{FEED}?cursor={cursor}"), "request-invalid", "VRM-BRD-014")


async def test_a_cursor_from_before_what_is_kept_is_gone(store: Store) -> None:
    """VRM-BRD-015; a reader that keeps up is never refused."""
    async with market(store, feed_kept=100) as m:
        stays = await m.opened(until=m.time(10**6))
        _, old = await read_on(m)
        keeps_up = old
        for _ in range(4):
            intent = await m.opened()
            assert (await m.say(intent, intent.first, "intent.withdraw")).status == 202
            _, keeps_up = await read_on(m, keeps_up)
            m.world.clock.forward(70)
        await m.opened()
        _, keeps_up = await read_on(m, keeps_up)
        reply = await m.world.get(f"{FEED}?cursor={old}")
        refused(reply, "cursor-gone", "VRM-BRD-015")
        assert reply.status == 410
        assert stays.thid in [t for t, _ in told((await read_on(m))[0])]


async def test_a_cursor_ahead_of_a_home_that_was_put_back_is_gone(tmp_path: Path) -> None:
    async with market(SqliteStore(tmp_path / "now.db")) as m:
        for _ in range(3):
            await m.opened()
        _, cursor = await read_on(m)
    async with market(SqliteStore(tmp_path / "earlier.db")) as m:
        await m.opened()
        refused(await m.world.get(f"{FEED}?cursor={cursor}"), "cursor-gone")


BAD = [
    ("category=2510", "SCHEME:CODE"),
    ("category=unspsc:", "SCHEME:CODE"),
    ("category=", "SCHEME:CODE"),
    ("category=a:1&category=a:2", "given once"),
    ("region=nl", "NL-NH"),
    ("region=NL_NH", "NL-NH"),
    ("lang=german!", "de-CH"),
    ("lang=de&lang=en", "given once"),
    ("limit=0", "from 1 to 200"),
    ("limit=201", "from 1 to 200"),
    ("limit=x", "from 1 to 200"),
    ("wait=-1", "from 0"),
    ("wait=1.5", "from 0"),
]


@pytest.mark.parametrize(("query", "right"), BAD)
async def test_a_bad_query_is_told_what_would_be_right(query: str, right: str) -> None:
    async with running() as w:
        reply = await w.get(f"{FEED}?{query}")
        refused(reply, "request-invalid")
        assert reply.status == 400
        assert right in reply.document["detail"]


async def test_readers_at_the_head_share_their_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page is put together once, and anew after each change."""
    read: list[str] = []
    own = type(store).feed_changes

    def counted(self: Any, board: str, after: int, limit: int) -> Any:
        read.append(board)
        return own(self, board, after, limit)

    monkeypatch.setattr(type(store), "feed_changes", counted)
    async with market(store) as m:
        await m.opened()
        _, cursor = await read_on(m)
        new = await m.opened()
        before = len(read)
        bodies = {(await m.world.get(f"{FEED}?cursor={cursor}")).body for _ in range(20)}
        assert len(bodies) == 1
        assert len(read) - before <= 2
        assert (await m.say(new, new.first, "intent.withdraw")).status == 202
        assert [what for _, what in told((await read_on(m, cursor))[0])] == [new.thid, "withdrawn"]


# --- waiting ---------------------------------------------------------------------------------------


async def test_a_reader_that_waits_is_told_at_once() -> None:
    async with market(max_wait=20) as m:
        _, cursor = await read_on(m)
        loop = asyncio.get_running_loop()
        start = loop.time()
        waiting = [asyncio.create_task(page(m, cursor=cursor, wait=20)) for _ in range(5)]
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in waiting)
        intent = await m.opened()
        for shown in await asyncio.gather(*waiting):
            assert [i["mid"] for i in shown["items"]] == [intent.thid]
        _, cursor = await read_on(m)
        removed = asyncio.create_task(page(m, cursor=cursor, wait=20))
        await asyncio.sleep(0.1)
        assert (await removal(m, intent.thid)).status == 204
        assert told((await removed)["items"]) == [(intent.thid, "spam")]
        assert loop.time() - start < 10


async def test_a_reader_waits_no_longer_than_the_home_allows() -> None:
    async with market(max_wait=1) as m:
        _, cursor = await read_on(m)
        loop = asyncio.get_running_loop()
        for wait, least, most in ((0, 0.0, 0.8), (1, 0.9, 4.0), (3600, 0.9, 4.0)):
            start = loop.time()
            shown = await page(m, cursor=cursor, wait=wait)
            assert (shown["items"], shown["more"]) == ([], False)
            assert least <= loop.time() - start < most


async def test_what_a_filter_does_not_match_leaves_its_reader_waiting() -> None:
    async with market(max_wait=20) as m:
        _, cursor = await read_on(m, region="DE")
        waiting = asyncio.create_task(page(m, cursor=cursor, region="DE", wait=20))
        for _ in range(3):
            await asyncio.sleep(0.1)
            await m.opened()
        await asyncio.sleep(0.2)
        assert not waiting.done()
        wanted = await m.opened(where={"region": "DE-BE"})
        shown = await waiting
        assert [i["mid"] for i in shown["items"]] == [wanted.thid]
        assert shown["more"] is False


async def test_no_change_slips_between_reading_and_waiting() -> None:
    """A change that comes while a reader goes from one wait to the next; were it missed, nothing wakes it."""
    async with market(max_wait=20) as m:
        items: asyncio.Queue[str] = asyncio.Queue()

        async def follow() -> None:
            cursor = ""
            while True:
                shown = await page(m, cursor=cursor, wait=20)
                cursor = shown["cursor"]
                for item in shown["items"]:
                    items.put_nowait(item["mid"])

        following = asyncio.create_task(follow())
        async with asyncio.timeout(15):
            for number in range(100):
                made = await m.opened()
                assert await items.get() == made.thid
                await asyncio.sleep(0.0003 * (number % 10))
        following.cancel()


async def test_a_home_that_stops_lets_its_readers_go() -> None:
    bound, origin = free_socket()
    home = Home(SPEC, MemoryStore(), [keys.generate()], Config(origin=origin, dev=True))
    loop = asyncio.get_running_loop()
    async with ClientSession() as http:
        async with listening(create_app(home), bound):
            waiting = asyncio.create_task(http.get(f"{origin}{FEED}?wait=30"))
            await asyncio.sleep(0.2)
            start = loop.time()
        async with await waiting as answer:
            assert answer.status == 200
        assert loop.time() - start < 5


# --- views -----------------------------------------------------------------------------------------


async def test_a_feed_as_linked_data() -> None:
    """VRM-INT-014."""
    async with market() as m:
        intent = await m.opened()
        reply = await m.world.get(FEED, Accept="application/ld+json")
        assert reply.headers["Content-Type"].startswith("application/ld+json")
        assert reply.headers["Vary"] == "Accept"
        items = (await page(m))["items"]
        assert reply.document == views.feed(SPEC, m.board, items)
        [element] = reply.document["dataFeedElement"]
        assert (element["item"]["@type"], element["item"]["identifier"]) == ("Demand", intent.thid)
        for accept in ("*/*", "application/json", "text/html", "application/json, application/ld+json;q=0.5"):
            plain = await m.world.get(FEED, Accept=accept)
            assert plain.headers["Content-Type"].startswith("application/json")


# --- threads and removal ---------------------------------------------------------------------------


async def test_a_thread_on_a_board_is_read_by_everyone_who_signs(store: Store) -> None:
    """VRM-BRD-016."""
    async with market(store) as m:
        intent = await m.opened()
        await m.say(intent, intent.first, "intent.amend", m.amendment(2))
        offer = await m.offered(intent, m.vendors[0])
        for reader in (intent.first, *m.vendors, m.world.person()):
            shown = (await reader.read(f"/v1/threads/{intent.thid}")).document
            assert SPEC.faults("documents/thread.json", shown) == []
            assert [envelope.peek(i["token"])[1]["type"] for i in shown["messages"]] == [
                "intent.publish",
                "intent.amend",
            ]
            assert envelope.peek(shown["checkpoint"])[1]["aud"] == reader.id
        refused(await m.world.get(f"/v1/threads/{intent.thid}"), "request-invalid")
        assert (await m.vendors[1].read(f"/v1/threads/{offer.thid}")).status == 404
        listed = (await m.vendors[1].read("/v1/threads")).document["threads"]
        assert listed == []  # the list is of one's own


async def test_the_operator_takes_a_thread_off_the_board(store: Store) -> None:
    """VRM-BRD-017."""
    async with market(store) as m:
        intent, other = await m.opened(), await m.opened(where={"region": "DE"})
        _, cursor = await read_on(m)
        _, german = await read_on(m, region="DE")
        for code in ("", "nonsense", "SPAM"):
            refused(await removal(m, intent.thid, code=code), "request-invalid", "VRM-BRD-017")
        reply = await removal(m, intent.thid, code="personal-data")
        assert (reply.status, reply.body) == (204, b"")
        items, _ = await read_on(m, cursor)
        assert told(items) == [(intent.thid, "personal-data")]
        assert items[0].keys() == {"position", "mid", "removed"}
        assert (await read_on(m, german, region="DE"))[0] == []
        assert told((await read_on(m))[0]) == [(other.thid, other.thid)]
        assert m.state(intent) == "removed"
        for gone in (intent.thid, "A" * 43, "x"):
            refused(await removal(m, gone), "not-found")
        hers = (await intent.first.read(f"/v1/threads/{intent.thid}")).document
        assert envelope.peek(hers["checkpoint"])[1]["removed"] == "personal-data"
        hidden, nothing = [await m.vendors[0].read(f"/v1/threads/{t}") for t in (intent.thid, "A" * 43)]
        assert (hidden.status, hidden.body) == (404, nothing.body)


async def test_nobody_else_removes_anything(store: Store) -> None:
    """And nobody learns from the answer whether a thread exists."""
    async with market(store) as m:
        intent = await m.opened()
        home = m.world.home.signing[0]
        forged = [
            Party(m.world, m.world.origin, keys.generate()),  # the home's name with another key
            Party(m.world, m.vendors[0].id, home),  # its key with another name
            m.vendors[0],
            intent.first,
            m.world.person(),
        ]
        for by in forged:
            answers = [await removal(m, thid, by) for thid in (intent.thid, "A" * 43)]
            for reply in answers:
                refused(reply, "request-invalid")
            assert answers[0].body == answers[1].body
        now = int(m.world.clock())
        for claims in (
            {"htm": "GET"},
            {"htu": f"{m.world.origin}{FEED}/{'A' * 43}"},
            {"aud": "https://else.example"},
            {"iat": now - 200, "exp": now - 140},
        ):
            refused(await removal(m, intent.thid, **claims), "request-invalid")
        refused(await m.world.send("DELETE", f"{FEED}/{intent.thid}?code=spam"), "request-invalid")
        assert told((await read_on(m))[0]) == [(intent.thid, intent.thid)]


async def test_a_thread_is_removed_from_its_own_board_only() -> None:
    async with market(boards=(Board("intents"), Board("other"))) as m:
        intent = await m.opened()
        offer = await m.offered(intent, m.vendors[0])
        home = Party(m.world, m.world.origin, m.world.home.signing[0])
        for path in (
            f"/v1/boards/other/{intent.thid}",
            f"{FEED}/{offer.thid}",
            f"/v1/boards/none/{intent.thid}",
        ):
            token = home.request("DELETE", path)
            reply = await m.world.send("DELETE", f"{path}?code=spam", Authorization=f"VRM {token}")
            refused(reply, "not-found")


async def test_a_removal_is_told_until_it_is_acknowledged(store: Store) -> None:
    """VRM-BRD-018."""
    async with market(store, max_wait=20) as m:
        intent = await m.opened()
        person = intent.first
        token = person.request("POST", "/v1/poll", {"returnImmediately": False})
        waiting = asyncio.create_task(m.world.post(token, "/v1/poll"))
        await asyncio.sleep(0.2)
        assert (await removal(m, intent.thid, code="illegal")).status == 204
        await asyncio.wait([waiting], timeout=5)
        assert waiting.done()
        for answer in (
            await waiting,
            await person.poll(),
            await person.poll(maxEvents=0),
            await person.poll(),
        ):
            assert SPEC.faults("documents/poll.json", answer.document) == []
            assert answer.document["order"] == []
            claims = envelope.peek(answer.document["notices"][intent.thid])[1]
            assert SPEC.faults("documents/receipt.json", claims) == []
            assert (claims["removed"], claims["state"], claims["aud"]) == ("illegal", "removed", person.id)
        assert "notices" in (await person.poll(ack=["A" * 43])).document
        assert "notices" not in (await m.vendors[0].poll(ack=[intent.thid])).document
        assert "notices" in (await person.poll()).document  # an ack by another drops nothing
        assert "notices" not in (await person.poll(ack=[intent.thid])).document
        assert "notices" not in (await person.poll()).document


# --- the interface ---------------------------------------------------------------------------------


async def test_openapi_tells_who_signs_what() -> None:
    async with running() as w:
        paths = (await w.get("/openapi.json")).document["paths"]
        signed: dict[str, list[str]] = {"signedRequest": []}
        assert paths["/v1/boards/{name}"]["get"]["security"] == [signed, {}]
        assert paths["/v1/boards/{name}/{mid}"]["delete"]["security"] == [{"operatorRequest": []}]
        blob = paths["/v1/blobs/{sha256}"]
        assert blob["get"]["security"] == blob["put"]["security"] == [signed]
        assert blob["put"]["requestBody"]["content"].keys() == {"application/octet-stream"}
        assert "security" not in paths["/v1/poll"]["post"]
        schemes = (await w.get("/openapi.json")).document["components"]["securitySchemes"]
        used = {
            name
            for item in paths.values()
            for o in item.values()
            for s in o.get("security", ())
            for name in s
        }
        assert used == schemes.keys()


async def test_browsers_may_put_and_delete() -> None:
    async with running() as w:
        for path, method in (
            (f"{FEED}/{'A' * 43}", "DELETE"),
            (f"/v1/blobs/{'A' * 43}", "PUT"),
            (FEED, "GET"),
        ):
            reply = await w.send("OPTIONS", path, None, **{"Access-Control-Request-Method": method})
            assert reply.status == 204
            assert method in reply.headers["Access-Control-Allow-Methods"]
            assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
            assert reply.headers["Access-Control-Allow-Origin"] == "*"


# --- the operator's command ------------------------------------------------------------------------


async def verb(*arguments: object) -> Any:
    """``vrmproto board`` beside the running home."""
    return await asyncio.to_thread(CliRunner().invoke, cli.build(), ["board", *map(str, arguments)])


def folder(path: Path, *signing: PrivateKey) -> Path:
    path.mkdir()
    (path / "keys.json").write_text(json.dumps({"keys": [k.jwk for k in signing]}))
    return path


async def test_the_operator_lists_boards() -> None:
    async with market(boards=TWO) as m:
        result = await verb("list", "--home", m.world.origin)
        assert result.exit_code == 0
        lines = [line.split() for line in result.stdout.splitlines()]
        assert lines == [
            ["intents", "public", m.board],
            ["trade", "signed", f"{m.world.origin}/v1/boards/trade"],
        ]
        shown = await verb("list", "--home", f"{m.world.origin}/", "--json")
        assert [json.loads(line)["name"] for line in shown.stdout.splitlines()] == ["intents", "trade"]
    async with market(boards=()) as m:
        result = await verb("list", "--home", m.world.origin)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "has no boards" in result.stderr


async def test_the_operator_removes_by_command(tmp_path: Path) -> None:
    async with market(boards=TWO) as m:
        intents = [await m.opened() for _ in range(2)]
        _, reply = await m.publish(to=f"{m.world.origin}/v1/boards/trade")
        data = folder(tmp_path / "home", keys.generate(), m.world.home.signing[0])
        how = ("--code", "spam", "--home", m.world.origin, "--data", data)
        # a message id may begin with a hyphen, which is told in the help
        result = await verb("remove", *how, "--", intents[0].thid)
        assert result.exit_code == 0, result.output
        assert result.stdout == f"{intents[0].thid} is off the board intents: spam\n"
        assert [t for t, _ in told((await read_on(m))[0])] == [intents[1].thid]
        result = await verb("remove", *how, "--json", "--", reply.document["mid"])
        assert json.loads(result.stdout) == {
            "mid": reply.document["mid"],
            "board": "trade",
            "code": "spam",
            "removed": True,
            "problem": None,
        }
        again = await verb("remove", *how, "--", intents[0].thid)
        assert again.exit_code == 1
        assert "stands on no board of" in again.stderr
        again = await verb("remove", *how, "--json", "--", intents[0].thid)
        assert again.exit_code == 1
        assert json.loads(again.stdout)["problem"]["code"] == "not-found"


async def test_a_command_that_is_wrong_says_what_would_be_right(tmp_path: Path) -> None:
    async with market() as m:
        mid, own = (await m.opened()).thid, folder(tmp_path / "own", m.world.home.signing[0])
        other, empty, broken = folder(tmp_path / "other", keys.generate()), tmp_path, tmp_path / "broken"
        folder(broken)
        for code, target, home, data, said in (
            ("rude", mid, m.world.origin, own, "is to be one of illegal, personal-data, spam, operator"),
            ("spam", "x", m.world.origin, own, "is no id of a message"),
            ("spam", mid, "home.example", own, "is no origin, such as https://home.example"),
            ("spam", mid, "http://home.example", own, "is no origin"),
            ("spam", mid, m.world.origin, other, "it is the folder of another home"),
            ("spam", mid, m.world.origin, empty, "has no keys.json"),
            ("spam", mid, m.world.origin, broken, "is not a JWK Set"),
        ):
            result = await verb("remove", "--code", code, "--home", home, "--data", data, "--", target)
            assert result.exit_code == 2, (said, result.output)
            assert said in " ".join(result.stderr.split())
        assert not (empty / "keys.json").exists()
        elsewhere = await verb("list", "--home", m.vendors[0].id)
        assert (elsewhere.exit_code, elsewhere.stdout) == (0, "")
        wrong = await verb("list", "--home", m.world.origin.replace("127.0.0.1", "localhost"))
        assert wrong.exit_code == 1
        assert "is no discovery document of this home" in wrong.stderr
    gone = await verb("list", "--home", "http://127.0.0.1:9")
    assert gone.exit_code == 3
    assert "out of reach: Connection refused" in gone.stderr


def test_boards_of_a_served_home(tmp_path: Path) -> None:
    arguments = ["--dev", "--data", "home", "--board", "intents", "--board", "trade:signed"]
    with serving(arguments, tmp_path) as origin:
        result = CliRunner().invoke(cli.build(), ["board", "list", "--home", origin, "--json"])
        shown = [json.loads(line) for line in result.stdout.splitlines()]
        assert [(b["name"], b["access"]) for b in shown] == [("intents", "public"), ("trade", "signed")]
        how = ["--code", "operator", "--home", origin, "--data", str(tmp_path / "home")]
        result = CliRunner().invoke(cli.build(), ["board", "remove", "A" * 43, *how])
        assert result.exit_code == 1
        assert "stands on no board" in result.stderr
