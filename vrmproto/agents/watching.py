"""A vendor at a board: reads its feed, verifies each item, and yields every change once.

Source: spec/protocol/boards.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlencode

from vrmproto import timing
from vrmproto.agents.agent import Agent
from vrmproto.agents.chain import ChainError, Link
from vrmproto.agents.feeds import Feed, Intent, intent_of
from vrmproto.agents.wire import Answer, Signer, WireError
from vrmproto.errors import ProtocolError
from vrmproto.model import Thread

__all__ = ["Watching"]

_PAGE = 100
_LONG = 25.0


class Watching(Agent):
    """Watches boards; what was read is kept in the book."""

    def _feed(self, name: str) -> Feed:
        feeds: dict[str, Feed] = self.__dict__.setdefault("_feeds", {})
        if name not in feeds:
            feeds[name] = Feed(self.book, name)
        return feeds[name]

    async def watch(
        self,
        board: str | None = None,
        *,
        category: str = "",
        region: str = "",
        lang: str = "",
        wait: float | None = None,
    ) -> AsyncGenerator[Intent, None]:
        """Every change of the intents on a board that match, in order, beginning with those open now.

        A change comes again after a crash until it is done: when the next one is asked for, or by
        :meth:`done`. With ``wait`` the iteration ends when nothing has come for so many seconds; otherwise
        it goes on for ever. WireError where the home does not answer: it can be started again at any time.
        """
        feed, url, filters, signer = await self._read_at(board, category, region, lang)
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            feed.expire(self.now())
            for change in list(feed.pending.values()):
                intent = intent_of(feed.name, change)
                yield intent
                self.done(intent)
                last = loop.time()
            asked = loop.time()
            patience = _LONG if wait is None else max(0.0, wait - (asked - last))
            patience = min(patience, max(0, feed.next_end() - self.now()))
            more = await self.read_feed(feed, url, filters, signer, patience)
            if feed.pending or more:
                continue
            left = None if wait is None else wait - (loop.time() - last)
            if left is not None and left <= 0:
                return
            if loop.time() - asked < 1:  # a home that does not wait is not asked without a pause
                await asyncio.sleep(min(1.0, 1.0 if left is None else left))

    async def _read_at(
        self, board: str | None, category: str, region: str, lang: str
    ) -> tuple[Feed, str, dict[str, str], Signer | None]:
        """A feed with its URL, its filters, and who signs for reading it."""
        found = await self.board(board)
        chosen = {"category": category, "region": region, "lang": lang}
        filters = {name: value for name, value in chosen.items() if value}
        feed = self._feed(f"{found['url']}?{urlencode(filters)}" if filters else found["url"])
        return feed, found["url"], filters, self._reader() if found["access"] == "signed" else None

    async def await_board(
        self, wait: float, board: str | None = None, *, category: str = "", region: str = "", lang: str = ""
    ) -> None:
        """Return when a feed has something new, or after so many seconds; nothing is taken of it."""
        feed, url, filters, signer = await self._read_at(board, category, region, lang)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while (left := until - loop.time()) > 0:
            asked = loop.time()
            answer = await self.ask_feed(feed, url, filters, signer, left)
            if not answer.ok or answer.document().get("items") or answer.document().get("more"):
                return
            if loop.time() - asked < 1:
                await asyncio.sleep(min(1.0, max(0.0, until - loop.time())))

    def done(self, intent: Intent) -> None:
        """A change of :meth:`watch` is dealt with: it does not come again."""
        self._feed(intent.feed).done(intent.key)

    async def read_feed(
        self, feed: Feed, url: str, filters: Mapping[str, str], signer: Signer | None, wait: float
    ) -> bool:
        """Read one page into the book; whether there is more at once."""
        answer = await self.ask_feed(feed, url, filters, signer, wait)
        if answer.code == "cursor-gone":
            feed.restart()
            return True
        document = answer.document() if answer.ok else {}
        if not answer.ok or self.spec.faults("documents/feed.json", document):
            raise WireError(f"{url} is no feed ({answer.code or answer.status})")
        items = []
        for item in document["items"]:
            verified = await self._verified(url, item)
            if verified is not None:
                items.append(verified)
        feed.page(document["cursor"], document["more"], items)
        return bool(document["more"])

    async def ask_feed(
        self, feed: Feed, url: str, filters: Mapping[str, str], signer: Signer | None, wait: float
    ) -> Answer:
        """One page as the home gives it; nothing is kept of it."""
        query: dict[str, str | int] = {**filters, "limit": _PAGE}
        if feed.cursor:
            query["cursor"] = feed.cursor
        return await self.wire.read(signer, url, query, wait=wait)

    async def _verified(self, url: str, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """An item as it is kept, or None for one that does not verify: that is kept as evidence."""
        kept = {"position": item["position"], "mid": item["mid"]}
        if "token" not in item:
            return kept | {name: item[name] for name in ("ended", "removed") if name in item}
        shown = {"token": item["token"], "receipt": item.get("receipt", "")}
        try:
            link = await self._shown(url, item["mid"], shown)
            kept |= {**shown, "version": link.message.mid}
            kept["until"] = timing.seconds(link.message.body["until"])
            if link.message.mid != item["mid"]:
                opened = item.get("opened") or {}
                kept["opened"] = {name: opened.get(name, "") for name in ("token", "receipt")}
                first = await self._shown(url, item["mid"], kept["opened"])
                if first.message.mid != item["mid"] or first.message.iss != link.message.iss:
                    raise ChainError("receipt", "it is not by whoever opened the thread")
        except (ProtocolError, ChainError) as error:
            reason = error.code if isinstance(error, ProtocolError) else error.kind
            self.inbox.witness("refused", reason, error.detail, (shown["token"], shown["receipt"]))
            return None
        return kept

    async def _shown(self, url: str, mid: str, shown: Mapping[str, str]) -> Link:
        link = await self.inbox.open(shown["token"], shown["receipt"])
        message = link.message
        kind = self.spec.kinds["intent"]
        if link.claims["thid"] != mid or message.aud != url or "version" not in message.body:
            raise ChainError("receipt", "it is not of this thread and board")
        if message.type not in {row.type for row in kind.rows}:
            raise ChainError("receipt", "it is of another kind of thread")
        return link

    async def hold_intent(self, intent: Intent) -> Thread:
        """An own copy of an intent that is as new as what the feed showed; its thread."""
        copy = self.ledger.copy(intent.thid)
        behind = copy is None or copy.thread is None
        if behind and intent.version == 1:
            change = self._feed(intent.feed).known.get(intent.thid, {})
            if change.get("version") == intent.thid and "token" in change:
                self.ledger.add(await self.inbox.open(change["token"], change["receipt"]))
                copy = self.ledger.copy(intent.thid)
        if copy is None or copy.thread is None or copy.thread.facts.get("version", 0) < intent.version:
            await self.inbox.pull(self._reader(), intent.thid)
        thread = self._copy(intent.thid).thread
        if thread is None:
            raise WireError(f"{self.home} does not show the intent {intent.thid}")
        return thread
