"""Times and durations as messages write them. No clock: ``now`` is always an argument.

Source: spec/protocol/threads.md "Time"; RFC 3339; ISO 8601.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import isodate

__all__ = ["after", "seconds", "text"]


def seconds(text: str) -> int:
    """Epoch seconds of ``2026-12-24T18:00:00Z``; ValueError if it is none."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


def text(epoch: int) -> str:
    """``2026-12-24T18:00:00Z`` of epoch seconds."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(start: int, duration: str) -> int:
    """Epoch seconds of ``start`` plus an ISO 8601 duration, months and years by the calendar.

    ValueError if it is no duration or leads out of the years that are representable.
    """
    try:
        length: Any = isodate.parse_duration(duration)
        return int((datetime.fromtimestamp(start, UTC) + length).timestamp())
    except (OverflowError, isodate.ISO8601Error) as error:
        raise ValueError(str(error)) from None
