"""What a person's preferences allow at a time: quiet hours of her own day, and rates. No clock.

Source: spec/protocol/relationships.md; spec/shared/preferences.json.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from vrmproto import timing

__all__ = ["often", "quiet"]


@functools.lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def quiet(preferences: Mapping[str, Any], now: int) -> bool:
    """Whether ``now`` lies in quiet hours of her zone (VRM-REL-006, VRM-REL-027)."""
    hours = preferences.get("quiet", ())
    if not hours:
        return False
    clock = datetime.fromtimestamp(now, _zone(preferences["zone"])).strftime("%H:%M")
    return any(_between(h["from"], clock, h["to"]) for h in hours)


def _between(begin: str, clock: str, end: str) -> bool:
    """VRM-REL-026."""
    if begin < end:
        return begin <= clock < end
    return clock >= begin or clock < end


def often(preferences: Mapping[str, Any], times: Sequence[int], now: int) -> bool:
    """Whether as many messages as her rate allows were taken at these times, in their order.

    VRM-REL-007, VRM-REL-028.
    """
    rate = preferences.get("rate")
    if rate is None:
        return False
    most = int(rate["most"])
    return not most or (len(times) >= most and timing.after(times[-most], rate["within"]) > now)
