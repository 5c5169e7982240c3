"""Places below a parent as an agent's own copies show them: when they were filled, and by which rules. Pure.

A person holds all offers of her intent and sees what the home sees; a vendor sees its own, so that it may
miss that the places are filled, but never takes them for filled when they are not. Source: offers.md
"Choosing", intents.md "Its effect on offers".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vrmproto import places
from vrmproto.agents.chain import Copy
from vrmproto.model import Thread
from vrmproto.spec import Spec

__all__ = ["as_of", "filled"]


def as_of(copy: Copy, now: int, version: Any = None) -> Thread:
    """The thread after its last message up to ``now``, and up to a version where one is named."""
    if copy.thread is None:
        raise ValueError("the copy is empty")
    earlier = [t for t in copy.history if t.received <= now] or list(copy.history[:1])
    if isinstance(version, int):
        earlier = [t for t in earlier if t.facts.get("version", 0) <= version] or earlier[:1]
    return earlier[-1] if earlier else copy.thread


def filled(spec: Spec, parent: Copy, below: Sequence[Copy]) -> tuple[int, ...]:
    """Each time at which as many places as the parent's rules accept had become filled."""
    changes: list[tuple[int, int, str, Any]] = [
        (thread.received, 0, "", places.accepted(thread.facts)) for thread in parent.history
    ]
    for copy in below:
        if copy.thread is not None:
            changes += _places(spec, copy, spec.kinds[copy.thread.kind].name)
    most: int | None = None
    held: dict[str, str] = {}
    full, found = False, []
    for at, _, thid, value in sorted(changes, key=lambda c: c[:2]):
        if thid:
            held[thid] = value
        else:
            most = value
        now_full = most is not None and sum(p == "filled" for p in held.values()) >= most
        if now_full and not full:
            found.append(at)
        full = now_full
    return tuple(found)


def _places(spec: Spec, copy: Copy, kind: str) -> list[tuple[int, int, str, Any]]:
    """The place that each message of a copy left it with, by the states that the home signed."""
    place, found = "", []
    for link in copy.links:
        state = spec.kinds[kind].states.get(link.claims["state"])
        place = places.after(place, state) if state is not None else place
        found.append((link.claims["iat"], 1, copy.thid, place))
    return found
