"""Times and durations as messages write them. No clock: ``now`` is always an argument.

Source: spec/protocol/threads.md "Time"; RFC 3339; ISO 8601.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import isodate

__all__ = ["LAST", "after", "moment", "seconds", "text"]

LAST = 253402300799
"""The last second of the year 9999."""


def seconds(text: str) -> int:
    """Epoch seconds of ``2026-12-24T18:00:00Z``; ValueError if it is none."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("a time is written in UTC with Z")
    return int(parsed.timestamp())


def text(epoch: int) -> str:
    """``2026-12-24T18:00:00Z`` of epoch seconds."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.lru_cache(maxsize=256)
def _length(duration: str) -> Any:
    return isodate.parse_duration(duration)


def after(start: int, duration: str) -> int:
    """Epoch seconds of ``start`` plus an ISO 8601 duration, months and years by the calendar.

    ValueError if it is no duration or leads out of the years that are representable.
    """
    try:
        return int((datetime.fromtimestamp(start, UTC) + _length(duration)).timestamp())
    except (OverflowError, isodate.ISO8601Error) as error:
        raise ValueError(str(error)) from None


def moment(value: str, now: int) -> int:
    """Epoch seconds of a time, or of a duration from ``now``; ValueError if it is neither."""
    return after(now, value) if value.startswith("P") else seconds(value)
