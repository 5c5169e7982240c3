"""Agents without ``await``: the same methods, run on an event loop of their own in a thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["SyncAgent", "running"]


class SyncAgent:
    """Stands for an agent: its methods and members, with coroutines awaited until they are done.

    It may be used from several threads; the agent itself runs in one.
    """

    def __init__(self, agent: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._agent = agent
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._agent, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            async def run() -> Any:
                result = value(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

            return _wait(self._loop, run())

        return call


def _wait(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


@contextmanager
def running(cls: Callable[..., Any], *args: Any, **options: Any) -> Iterator[SyncAgent]:
    """Open an agent of a class on a loop of its own; closed and stopped when the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="vrmproto-agent", daemon=True)
    thread.start()
    try:
        opened: Any = cls
        agent = _wait(loop, opened.open(*args, **options))
        try:
            yield SyncAgent(agent, loop)
        finally:
            _wait(loop, agent.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
