"""What other threads say of a message, as an agent's own copies have them: consents, and what is corrected.

Source: spec/protocol/purposes.md, corrections.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vrmproto.agents.chain import Copy
from vrmproto.envelope import Message
from vrmproto.model import Status
from vrmproto.spec import Spec

__all__ = ["above", "consents", "corrected"]


def above(copy: Copy, message: Message) -> str:
    """The relationship by which a message is judged: the thread above it, or its own."""
    return message.pthid or (copy.thread.parent if copy.thread else None) or copy.thid


def consents(
    spec: Spec,
    below: Sequence[Copy],
    status: Callable[[Copy, int], Status],
    now: int,
    *,
    within: bool = False,
) -> frozenset[str]:
    """The purposes of the consents in force at ``now``, of the copies below a relationship.

    ``within`` counts what was granted at any moment of that second, too.
    """
    found: set[str] = set()
    for copy in below:
        kind = spec.kinds[copy.thread.kind] if copy.thread is not None else None
        if kind is None or kind.record != "consent" or copy.thread is None:
            continue
        held = [thread for thread in copy.history if thread.received <= now]
        for thread in held[-1:]:
            as_of = replace(copy, thread=replace(thread, first=copy.thread.first))
            if kind.states[status(as_of, now).state].live:
                found |= set(thread.facts.get("granted", ()))
        for thread in held if within else ():
            if thread.received == now and kind.states[thread.state].live:
                found |= set(thread.facts.get("granted", ()))
    return frozenset(found)


def corrected(spec: Spec, parent: Copy | None, message: Message) -> Mapping[str, str] | None:
    """The fields of the message of the parent that a correction names, where they are held."""
    kind = spec.opens.get(message.type)
    if kind is None or parent is None or "patch-applies" not in kind.guards:
        return None
    named = (link.message for link in parent.links if link.message.mid == message.body["of"])
    body: Mapping[str, Any] = next((one.body for one in named), {})
    fields: Mapping[str, str] | None = body.get("content", {}).get("clear")
    return fields
