"""What is left of a copy after a purge: the record's messages, tombstones, and what the thread was. Pure.

Source: spec/protocol/offers.md "Purging" (VRM-OFR-028).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from vrmproto.agents.chain import Copy, Link
from vrmproto.model import Thread

__all__ = ["copy_of", "line_of"]

_FACTS = ("offer", "version", "agreement", "roster", "preferred", "acceptable", "disclose", "purge_within")
"""The kept facts that stay: what the record's own messages say, and nothing of later ones."""


def line_of(copy: Copy, why: Mapping[str, Any], record: frozenset[str]) -> dict[str, Any]:
    """The one line that takes the place of a copy in the book."""
    if copy.thread is None:
        raise ValueError("the copy is empty")
    facts = {name: copy.thread.facts[name] for name in _FACTS if name in copy.thread.facts}
    thread = asdict(replace(copy.thread, facts=facts, filled=()))
    return {"erased": dict(why), "thread": thread, "links": [_left(link, record) for link in copy.links]}


def _left(link: Link, record: frozenset[str]) -> dict[str, str]:
    message = link.message
    if message.mid in record and not link.erased:
        return {"token": message.token, "receipt": link.receipt}
    return {"mid": message.mid, "type": message.type, "receipt": link.receipt}


def copy_of(thid: str, home: str, line: Mapping[str, Any], links: Sequence[Link]) -> Copy:
    """The copy of such a line, with its links verified."""
    members = {**line["thread"], "filled": tuple(line["thread"]["filled"])}
    thread = Thread(**members)
    return Copy(thid, home, thread, tuple(links), (thread,), None, line["erased"])
