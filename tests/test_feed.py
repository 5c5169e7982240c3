"""Feeds: whatever happens between two reads, each reader sees each change once and in order."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests import forge
from tests.make_vectors.base import HOME, PERSON, claims, time
from tests.make_vectors.market import BOARD, NEED, amendment, intent
from vrmproto import boards, keys, spec
from vrmproto.boards import Filter
from vrmproto.errors import ProtocolError
from vrmproto.feed import Feed
from vrmproto.home import Config, Home
from vrmproto.storage import lists
from vrmproto.storage.base import FeedRow
from vrmproto.storage.sqlite import SqliteStore

SPEC = spec.load()
START = 1_800_000_000
SIGNING = keys.generate()
KEPT = 30
REGIONS = ("NL", "NL-NH", "DE-BE", None)
CATEGORIES = ("unspsc:2510", "unspsc:2511", "gpc:2510")
FILTERS = (
    Filter(),
    Filter(category="unspsc:25"),
    Filter(category="gpc:2510"),
    Filter(region="NL"),
    Filter(region="DE-BE"),
    Filter(lang="EN"),
    Filter(category="unspsc:2510", region="NL"),
)


@dataclass
class Wish:
    """An intent as the model has it, from the prose alone."""

    thid: str
    head: str
    version: int
    tags: tuple[str, str | None, str]
    state: str = "open"
    until: int = 0
    present: str = ""
    """The mid of the publishing or the last amending message."""


@dataclass
class Watcher:
    """A reader with a filter and a page size; what it knows is what it was shown."""

    filter: Filter
    size: int
    cursor: str = ""
    known: dict[str, str] = field(default_factory=dict)
    """Thread to the mid of the version shown."""
    last: int = 0
    since: int = 0
    """When its cursor was right for the last time: what was said since then it is to be shown."""
    seen: set[tuple[int, str]] = field(default_factory=set)


def fits(wanted: Filter, tags: tuple[str, str | None, str]) -> bool:
    """boards.md "Filters", anew."""
    category, region, lang = tags
    scheme, _, code = wanted.category.partition(":")
    own_scheme, _, own_code = category.partition(":")
    right = not wanted.category or (scheme == own_scheme and own_code.startswith(code))
    inside = not wanted.region or region == wanted.region or (region or "").startswith(wanted.region + "-")
    spoken = not wanted.lang or lang.lower() == wanted.lang.lower()
    return right and inside and (spoken or lang.lower().startswith(wanted.lang.lower() + "-"))


def need(category: str) -> dict[str, Any]:
    scheme, _, code = category.partition(":")
    return {**NEED, "categories": [{"scheme": scheme, "code": code}]}


class Market(RuleBasedStateMachine):
    """Intents come, change and end; readers page through the feed; the home is restarted."""

    home: Home
    feed: Feed

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = START
        self.count = 0
        self.wishes: list[Wish] = []
        self.watchers: list[Watcher] = []
        self.open_home()

    def open_home(self) -> None:
        store = SqliteStore(Path(self.folder.name) / "home.db")
        self.home = Home(SPEC, store, [SIGNING], Config(origin=HOME, feed_kept=KEPT))
        self.feed = Feed(self.home)

    def teardown(self) -> None:
        self.home.store.close()
        self.folder.cleanup()

    def send(self, kind: str, body: dict[str, Any], **more: Any) -> str:
        self.count += 1
        made = {"aud": BOARD, "iat": self.now, "exp": self.now + 3600, "body": body, "salt": f"{self.count}"}
        token = forge.token(PERSON, claims(PERSON, kind, **{**made, **more}))
        self.home.accept(token, self.now)
        return forge.mid(token)

    def of(self, wish: Wish, kind: str, body: dict[str, Any] | None = None) -> None:
        wish.head = self.send(kind, body or {}, thid=wish.thid, prev=wish.head)

    def live(self, *states: str) -> list[Wish]:
        return [w for w in self.wishes if w.state in states and w.until > self.now]

    @rule(
        category=st.sampled_from(CATEGORIES),
        region=st.sampled_from(REGIONS),
        lang=st.sampled_from(["en", "en-GB", "de"]),
        lasts=st.sampled_from([5, 2 * KEPT, 500]),
    )
    def publish(self, category: str, region: str | None, lang: str, lasts: int) -> None:
        where = {"region": region} if region else None
        body = intent(need=need(category), where=where, lang=lang, until=time(self.now + lasts))
        mid = self.send("intent.publish", body)
        self.wishes.append(Wish(mid, mid, 1, (category, region, lang), until=self.now + lasts, present=mid))

    @rule(data=st.data(), category=st.sampled_from(CATEGORIES), region=st.sampled_from(REGIONS))
    def amend(self, data: Any, category: str, region: str | None) -> None:
        for wish in self.chosen(data, "open", "paused"):
            body = amendment(wish.version + 1, need=need(category), until=time(self.now + 300))
            body |= {"where": {"region": region}} if region else {}
            self.of(wish, "intent.amend", body)
            wish.version += 1
            wish.tags = (category, region, wish.tags[2])
            wish.until, wish.present = self.now + 300, wish.head

    def chosen(self, data: Any, *states: str) -> list[Wish]:
        found = self.live(*states)
        return [data.draw(st.sampled_from(found))] if found else []

    @rule(data=st.data(), kind=st.sampled_from(["withdraw", "close", "remove"]))
    def end(self, data: Any, kind: str) -> None:
        for wish in self.chosen(data, "open", "paused"):
            if kind == "remove":
                assert self.home.remove(BOARD, wish.thid, "spam", self.now) == PERSON.did
            else:
                self.of(wish, f"intent.{kind}", {"outcome": "abandoned"} if kind == "close" else {})
            wish.state = kind

    @rule(data=st.data())
    def pause(self, data: Any) -> None:
        for wish in self.chosen(data, "open"):
            self.of(wish, "intent.pause")
            wish.state = "paused"

    @rule(data=st.data())
    def resume(self, data: Any) -> None:
        for wish in self.chosen(data, "paused"):
            self.of(wish, "intent.resume")
            wish.state = "open"

    @rule(seconds=st.sampled_from([1, 4, 70]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        self.home.store.close()
        self.open_home()

    @rule(seconds=st.sampled_from([0, KEPT, KEPT + 1]))
    def prune(self, seconds: int) -> None:
        self.now += seconds
        with self.home.store.begin() as tx:
            tx.prune_feed(self.now, self.now - KEPT)

    @precondition(lambda self: len(self.watchers) < 6)
    @rule(wanted=st.sampled_from(FILTERS), size=st.sampled_from([1, 2, 3, 50]))
    def come(self, wanted: Filter, size: int) -> None:
        self.watchers.append(Watcher(wanted, size))

    @precondition(lambda self: self.watchers)
    @rule(data=st.data(), pages=st.integers(1, 3))
    def read(self, data: Any, pages: int) -> None:
        watcher = data.draw(st.sampled_from(self.watchers))
        for _ in range(pages):
            self.page(watcher)

    def page(self, watcher: Watcher) -> bool:
        try:
            page = self.feed.page("intents", watcher.filter, watcher.cursor, watcher.size, self.now)
        except ProtocolError as error:
            if error.code != "cursor-gone" or not watcher.cursor or self.now - watcher.since <= KEPT:
                raise
            watcher.cursor, watcher.known, watcher.seen = "", {}, set()
            return True
        document = json.loads(page.data)
        assert not SPEC.faults("documents/feed.json", document)
        assert len(document["items"]) <= watcher.size
        changing = boards.Cursor.read(watcher.cursor).changes if watcher.cursor else False
        if changing or not watcher.cursor:
            watcher.since = self.now
        for item in document["items"]:
            what = item.get("ended") or item.get("removed") or forge.mid(item["token"].encode())
            assert (item["position"], item["mid"]) not in watcher.seen, "shown twice"
            watcher.seen.add((item["position"], item["mid"]))
            if changing:
                assert item["position"] > watcher.last, "out of order"
            if "token" in item:
                watcher.known[item["mid"]] = what
            else:
                watcher.known.pop(item["mid"], None)
            watcher.last = item["position"]
        watcher.cursor = document["cursor"]
        return bool(document["more"])

    @precondition(lambda self: self.watchers)
    @rule(data=st.data(), category=st.sampled_from(CATEGORIES))
    def publish_and_catch_up(self, data: Any, category: str) -> None:
        self.publish(category, "NL-NH", "en", 500)
        self.everyone_catches_up()

    @precondition(lambda self: self.watchers)
    @rule()
    def everyone_catches_up(self) -> None:
        """Read to the end, a reader knows exactly what is open and fits; it knows `until` by itself."""
        for watcher in self.watchers:
            for _ in range(200):
                if not self.page(watcher):
                    break
            else:
                raise AssertionError("more without end")
            ending = {w.thid for w in self.wishes if w.until <= self.now}
            known = {thid: mid for thid, mid in watcher.known.items() if thid not in ending}
            there = {w.thid: w.present for w in self.live("open") if fits(watcher.filter, w.tags)}
            assert known == there


def run(examples: int = 60, phases: Sequence[Phase] = tuple(Phase), derandomize: bool = False) -> None:
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=quiet,
        database=None,
        phases=phases,
        derandomize=derandomize,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(Market, settings=chosen)


def test_each_change_is_shown_once_and_in_order() -> None:
    run()


# --- the test finds what it is for -----------------------------------------------------------------


def forgets_what_was(patch: pytest.MonkeyPatch) -> None:
    """A change by which a thread leaves a filter is not shown."""
    right: Any = Feed._items

    def wrong(self: Feed, row: FeedRow, wanted: Filter) -> Any:
        return right(self, replace(row, was=None) if row.event == "shown" else row, wanted)

    patch.setattr(Feed, "_items", wrong)


def misses_what_is_last(patch: pytest.MonkeyPatch) -> None:
    """The youngest of what is open is not given to a new reader."""
    right: Any = SqliteStore.feed_open

    def wrong(self: SqliteStore, board: str, after: int, start: int, now: int, limit: int) -> Any:
        return right(self, board, after, start - 1, now, limit)

    patch.setattr(SqliteStore, "feed_open", wrong)


def goes_back(patch: pytest.MonkeyPatch) -> None:
    """What was dropped last is the last that was dropped, and not the youngest."""
    patch.setattr(lists, "_SET_DROPPED", "UPDATE boards SET dropped = ? WHERE board = ?")


def drops_too_much(patch: pytest.MonkeyPatch) -> None:
    """What is dropped is a second too young."""
    right: Any = lists.prune_feed
    patch.setattr(lists, "prune_feed", lambda db, now, before: right(db, now, before + 2))


def forgets_what_was_dropped(patch: pytest.MonkeyPatch) -> None:
    """A cursor from before what was dropped is read on."""
    right: Any = SqliteStore.feed_end
    patch.setattr(SqliteStore, "feed_end", lambda self, board: (right(self, board)[0], 0))


def repeats_the_last(patch: pytest.MonkeyPatch) -> None:
    """The changes are read from the cursor on, and not after it."""
    right: Any = SqliteStore.feed_changes
    patch.setattr(
        SqliteStore, "feed_changes", lambda self, board, after, limit: right(self, board, after - 1, limit)
    )


def shows_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    """An end by a message is not written to the feed."""
    right: Any = Home._change

    def wrong(self: Home, reads: Any, step: Any) -> Any:
        change = right(self, reads, step)
        return change if change is None or change.event in ("shown", "paused") else None

    patch.setattr(Home, "_change", wrong)


SEEDED: list[Callable[[pytest.MonkeyPatch], None]] = [
    forgets_what_was,
    misses_what_is_last,
    goes_back,
    drops_too_much,
    forgets_what_was_dropped,
    repeats_the_last,
    shows_what_has_ended,
]


LONG = {goes_back, drops_too_much, forgets_what_was_dropped}


@pytest.mark.parametrize(
    "seed",
    [pytest.param(s, marks=pytest.mark.long) if s in LONG else s for s in SEEDED],
    ids=lambda s: s.__name__,
)
def test_a_seeded_fault_is_found(
    seed: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(monkeypatch)
    with pytest.raises((AssertionError, ProtocolError)):
        run(3000, [Phase.generate], derandomize=True)


# --- cursors ---------------------------------------------------------------------------------------


@pytest.fixture
def shop() -> Any:
    machine = Market()
    yield machine
    machine.teardown()


def test_a_cursor_is_bound_to_its_filter_and_board(shop: Market) -> None:
    shop.publish("unspsc:2510", "NL", "en", 500)
    watcher = Watcher(Filter(region="NL"), 1)
    shop.page(watcher)
    for other in (Filter(), Filter(region="NL-NH"), Filter(lang="en")):
        with pytest.raises(ProtocolError) as refused:
            shop.feed.page("intents", other, watcher.cursor, 1, shop.now)
        assert (refused.value.code, refused.value.rule) == ("request-invalid", "VRM-BRD-014")
    for text in ("", "x", "a.b.c.d.e", watcher.cursor.replace(".", ","), watcher.cursor + "x", "x" * 400):
        if not text:
            continue
        with pytest.raises(ProtocolError) as refused:
            shop.feed.page("intents", watcher.filter, text, 1, shop.now)
        assert refused.value.code == "request-invalid"


def test_a_cursor_from_before_what_was_dropped_is_gone(shop: Market) -> None:
    shop.publish("unspsc:2510", None, "en", 500)
    early = Watcher(Filter(), 50)
    while shop.page(early):
        pass
    wish = shop.wishes[0]
    shop.of(wish, "intent.withdraw")
    late = replace(early, known={}, seen=set())
    while shop.page(late):
        pass
    shop.publish("unspsc:2511", None, "en", 500)
    with shop.home.store.begin() as tx:
        tx.prune_feed(shop.now, shop.now + 1)
    with pytest.raises(ProtocolError) as refused:
        shop.feed.page("intents", Filter(), early.cursor, 1, shop.now)
    assert (refused.value.code, refused.value.rule) == ("cursor-gone", "VRM-BRD-015")
    assert not shop.page(late)
    assert len(late.known) == 1
