"""Places below a parent: what an intent's ``offer_rules.accepts`` counts. No I/O and no clock.

An offer holds a place, fills it, or gives it back (``place`` of the states in threads.json). Once as many
are filled as the parent's rules accept, the parent is full, and threads below it that still wait move by the
cause ``filled``. Source: spec/protocol/offers.md "Choosing", intents.md "Its effect on offers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vrmproto.model import Context, Thread
from vrmproto.spec import State

__all__ = ["accepted", "after", "filled_at", "filled_below", "refilled"]


def after(place: str, entered: State) -> str:
    """The place of a thread once it has entered a state."""
    return "" if entered.place == "free" else entered.place or place


def accepted(facts: Mapping[str, Any]) -> int | None:
    """How many places the rules of a parent have, or None where it has no such rules."""
    number: int | None = (facts.get("rules") or {}).get("accepts")
    return number


def filled_at(thread: Thread, parent: Thread) -> int | None:
    """When the places below the parent were filled for the first time after the thread was opened."""
    later = parent.filled[thread.fills :]
    return later[0] if later else None


def _fills(before: int, most: int | None, now_filled: int, now_most: int | None) -> bool:
    was_full = most is not None and before >= most
    return not was_full and now_most is not None and now_filled >= now_most


def filled_below(parent: Thread, before: str, place: str, context: Context, now: int) -> Thread:
    """The parent after a thread below it has changed its place; ``context`` counts the others."""
    most = accepted(parent.facts)
    earlier, later = (context.filled + (p == "filled") for p in (before, place))
    if not _fills(earlier, most, later, most):
        return parent
    return replace(parent, filled=(*parent.filled, now))


def refilled(thread: Thread, facts: Mapping[str, Any], context: Context, now: int) -> tuple[int, ...]:
    """``filled`` of a parent whose own message may have changed its rules (VRM-INT-011)."""
    if not _fills(context.filled, accepted(thread.facts), context.filled, accepted(facts)):
        return thread.filled
    return (*thread.filled, now)
