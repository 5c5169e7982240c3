"""What is left of a copy after a purge: the record's messages, tombstones, and what the thread was. Pure.

Source: spec/protocol/offers.md "Purging" (VRM-OFR-028).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from vrmproto import envelope
from vrmproto.agents.chain import Copy, Link
from vrmproto.model import Thread
from vrmproto.spec import Spec

__all__ = ["Severed", "copy_of", "left", "left_by", "line_of"]

_FACTS = ("offer", "version", "agreement", "roster", "preferred", "acceptable", "disclose", "purge_within")
"""The kept facts that stay: what the record's own messages say, and nothing of later ones."""


def line_of(copy: Copy, why: Mapping[str, Any], record: frozenset[str]) -> dict[str, Any]:
    """The one line that takes the place of a copy in the book."""
    if copy.thread is None:
        raise ValueError("the copy is empty")
    facts = {name: copy.thread.facts[name] for name in _FACTS if name in copy.thread.facts}
    thread = asdict(replace(copy.thread, facts=facts, filled=(), counts={}))
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


@dataclass(frozen=True, slots=True)
class Severed:
    """The end of a relationship: when, the number of its line, and between whom."""

    at: int
    n: int
    first: str
    second: str


def left_by(spec: Spec, thread: Thread, link: Link, n: int) -> dict[str, Any] | None:
    """What the message of line ``n`` does to other threads of the pair, as the book keeps it.

    Of a tombstone ``thread`` is the one before it: its receipt names the new identifier, and no next key.
    """
    message = link.message
    if message.type in spec.rotations:
        nkt = message.body.get("nkt") or ""
        replaces = message.body.get("replaces", thread.first)
        return {"n": n, "replaces": replaces, "first": message.iss, "second": thread.second, "nkt": nkt}
    if any(r.effect == "sever" for r in spec.kinds[thread.kind].rows if r.type == message.type):
        return {"n": n, "at": link.claims["iat"], "first": thread.first, "second": thread.second}
    return None


def left(spec: Spec, copy: Copy, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All of that in a copy, by its lines in the book: it stays in force when the copy is erased."""
    if copy.thread is None:
        raise ValueError("the copy is empty")
    links = {link.message.mid: link for link in copy.links}
    found: list[dict[str, Any]] = []
    for line in lines:
        found += line.get("left", ())
        link = links.get(envelope.mid_of(line["token"])) if "token" in line else None
        made = left_by(spec, copy.thread, link, line["n"]) if link is not None else None
        found += [made] if made is not None else []
    return found
