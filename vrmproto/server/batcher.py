"""One queue in front of the home: what has arrived is judged and committed together.

While one batch is being committed the next arrivals gather, so batches grow with load and a single
message waits for nothing. The commit runs on the event loop: a thread of its own batches badly behind
the GIL (docs/decisions/0006).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from vrmproto.errors import ProtocolError
from vrmproto.home import Acknowledgement, Answer, Arrival, Home, Outcome
from vrmproto.storage.base import StoreBusyError, StoreError

__all__ = ["Batcher", "Wakeups"]

_log = logging.getLogger("vrmproto.server")

Item = Arrival | Acknowledgement


class Wakeups:
    """Long polls that wait for something new in an inbox."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    async def wait(self, party: str, seconds: float) -> None:
        """Return when ``notify`` names the party, or after that time."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, set()).add(future)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await future
        finally:
            waiting = self._waiting.get(party)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[party]

    def notify(self, party: str) -> None:
        """Wake the polls of a party."""
        for future in self._waiting.pop(party, ()):
            if not future.done():
                future.set_result(None)

    def release(self) -> None:
        """Wake everybody: the server stops."""
        for party in list(self._waiting):
            self.notify(party)


class Batcher:
    """Gathers items for ``Home.accept_batch`` and hands each its outcome."""

    def __init__(
        self,
        home: Home,
        clock: Callable[[], float],
        wakeups: Wakeups,
        *,
        most: int = 256,
        patience: float = 5.0,
    ) -> None:
        """``patience``: for how many seconds a locked store is tried again before items get 503."""
        self.home = home
        self.clock = clock
        self.wakeups = wakeups
        self.most = most
        self.patience = patience
        self._queue: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._scheduled = False

    async def submit(self, item: Item) -> Outcome:
        """The outcome once it is durable; StoreError if it could not be stored."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._queue.append((item, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._drain, loop.time() + self.patience)
        return await future

    async def message(self, arrival: Arrival) -> Answer:
        """The answer to a message; raises its ProtocolError or StoreError."""
        outcome = await self.submit(arrival)
        if isinstance(outcome, ProtocolError):
            raise outcome
        if outcome is None:
            raise TypeError("a message has an answer")
        return outcome

    def _drain(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        batch, self._queue = self._queue[: self.most], self._queue[self.most :]
        try:
            outcomes = self.home.accept_batch([item for item, _ in batch], int(self.clock()))
        except StoreBusyError as error:
            if loop.time() < until:
                self._queue = batch + self._queue
                loop.call_later(0.02, self._drain, until)
                return
            self._fail(batch, error)
        except StoreError as error:
            self._fail(batch, error)
        except Exception as error:  # whatever it was, the next messages are to be judged
            _log.exception("a batch could not be judged")
            self._fail(batch, error)
        else:
            self._deliver(batch, outcomes)
        self._scheduled = bool(self._queue)
        if self._scheduled:
            loop.call_soon(self._drain, loop.time() + self.patience)

    def _deliver(self, batch: list[tuple[Item, asyncio.Future[Outcome]]], outcomes: list[Outcome]) -> None:
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
            if isinstance(outcome, Answer):
                for waiting in outcome.wakes:
                    self.wakeups.notify(waiting)

    def _fail(self, batch: list[tuple[Item, asyncio.Future[Outcome]]], error: Exception) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(StoreError(str(error)))
