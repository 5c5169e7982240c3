"""Broken homes of the chapter disputes.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.broken.tools import around, mutant
from vrmproto import threads
from vrmproto.home import Home
from vrmproto.reading import Reader


@mutant("VRM-DSP-001")
def disputes_of_what_is_in_force() -> None:
    """A dispute is about an agreement that has not ended."""

    def wrong(right: Any, spec: Any, kind: Any, message: Any, context: Any) -> None:
        parent = context.parent
        if kind.recorded and parent is not None and parent.status.dead_at is not None:
            context = replace(context, parent=None)
        right(spec, kind, message, context)

    around(threads, "_check_related", wrong)


@mutant("VRM-DSP-002")
def disputes_move_their_agreement() -> None:
    """A dispute counts as a message of the agreement's thread."""

    def wrong(right: Any, self: Home, batch: Any, arrival: Any, message: Any, step: Any) -> Any:
        if message.type == "dispute.open":
            above = batch.tx.thread(step.thread.parent)
            step = replace(step, parent=replace(above, since=batch.now, state="terminated"))
        return right(self, batch, arrival, message, step)

    around(Home, "_append", wrong)


@mutant("VRM-DSP-005")
def blobs_are_not_held() -> None:
    """The messages that a dispute names are shown whole, and their blobs are not."""
    around(Reader, "_still_sees", lambda right, *args: False)


@mutant("VRM-DSP-005")
def all_is_held() -> None:
    """A dispute that names one message holds the whole thread."""

    def wrong(right: Any, self: Reader, thread: Any, now: int) -> frozenset[str]:
        held: frozenset[str] = right(self, thread, now)
        return frozenset(e.mid for e in self._entries(thread.thid)) - {thread.head} if held else held

    around(Reader, "_held", wrong)
