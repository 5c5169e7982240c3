"""Runs a coroutine on the faster event loop where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

__all__ = ["run"]

T = TypeVar("T")


@cache
def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows has none
        return None
    return uvloop.new_event_loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Like :func:`asyncio.run`."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(work)
