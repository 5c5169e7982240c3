"""Waiting at several inboxes at once, without taking anything out of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from vrmproto.agents.wire import Signer, Wire

__all__ = ["wait_for_any"]


async def wait_for_any(wire: Wire, signers: Sequence[Signer], wait: float, spread: float = 0.0) -> None:
    """Return when one of the inboxes holds something, or after ``wait`` seconds; WireError.

    With ``spread`` the waiting begins at times up to so many seconds apart, at random.
    """
    starts = [random.uniform(0, min(spread, wait)) for _ in signers]
    tasks = [asyncio.ensure_future(_wait(wire, s, wait, at)) for s, at in zip(signers, starts, strict=True)]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait(wire: Wire, signer: Signer, wait: float, start: float) -> None:
    """Long polls, each as long as the home allows, until one shows a message. Nothing is acknowledged."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    await asyncio.sleep(start)
    while (left := until - loop.time()) > 0:
        asked = loop.time()
        answer = await wire.poll(signer, limit=1, wait=left)
        if not answer.ok or answer.document().get("order") or answer.document().get("notices"):
            return
        if loop.time() - asked < 1:  # a home that does not wait is not asked without a pause
            await asyncio.sleep(min(1, max(0, until - loop.time())))
