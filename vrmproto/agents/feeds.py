"""What a vendor keeps of a board: where it is in the feed, what is open, and changes not yet dealt with.

A page is written down with its cursor before anything of it is shown, and a change stays until it is done:
so nothing is lost, and nothing comes twice that was done, wherever the process is killed.
Source: spec/protocol/boards.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vrmproto import envelope, timing
from vrmproto.agents.book import Book

__all__ = ["Feed", "Intent", "intent_of"]

_MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Intent:
    """One change of an intent on a board, verified.

    ``event`` is ``open`` (it is there, or there again), ``changed`` (another version), ``ended`` (with the
    code ``withdrawn``, ``closed``, ``paused``, ``changed`` out of the filter, ``expired``, or ``gone`` where
    it was missing when the feed had to be read anew) or ``removed`` (with the operator's code). ``body`` is
    that of the publishing message, the other members are those of the version in force; of an intent whose
    copy was purged they are empty.
    """

    thid: str
    event: Literal["open", "changed", "ended", "removed"]
    code: str
    position: int
    feed: str
    version: int
    customer: str
    lang: str
    until: int
    body: Mapping[str, Any] = field(default_factory=dict)
    need: Mapping[str, Any] = field(default_factory=dict)
    where: Mapping[str, Any] | None = None
    when: Mapping[str, Any] | None = None
    budget: Mapping[str, Any] | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells a change from every other one of its feed."""
        return _key({"position": self.position, "code": self.code})


def intent_of(feed: str, change: Mapping[str, Any]) -> Intent:
    """The intent of a kept change."""
    opened = change.get("opened") or change
    first = _claims(opened.get("token"))
    body = first.get("body", {})
    now = _claims(change.get("token")).get("body", {})
    return Intent(
        thid=change["mid"],
        event=change["event"],
        code=change.get("code", ""),
        position=change["position"],
        feed=feed,
        version=now.get("version", 0),
        customer=first.get("iss", ""),
        lang=body.get("lang", ""),
        until=change.get("until", 0),
        body=body,
        need=now.get("need", {}),
        where=now.get("where"),
        when=now.get("when"),
        budget=now.get("budget"),
        rules=now.get("offer_rules", {}),
    )


def _claims(token: str | None) -> dict[str, Any]:
    return envelope.peek(token)[1] if token else {}


_OWN = ("expired", "gone")
"""Codes of ends that the reader finds itself: they have the position of the version that ended."""
_SHOWN = ("token", "receipt", "opened", "until", "version")


def _key(change: Mapping[str, Any]) -> str:
    own = change.get("code", "")
    return f"{change['position']}/{own}" if own in _OWN else str(change["position"])


class Feed:
    """One feed with its filters, kept in the book under ``name``."""

    def __init__(self, book: Book, name: str) -> None:
        self.name = name
        self.cursor = ""
        self.known: dict[str, dict[str, Any]] = {}
        """What is open as far as was read, by thid."""
        self.pending: dict[str, dict[str, Any]] = {}
        self.unseen: set[str] | None = set()
        """While the feed is read from its beginning: what was open before and was not shown yet."""
        self._book = book
        lines = book.board(name)
        for line in lines:
            self._read(line)
        self._count = len(lines)
        if not lines:
            self._note({"feed": name})
        elif self._count > 1:
            self.compact()

    def _note(self, line: Mapping[str, Any]) -> None:
        self._book.note(self.name, line)
        self._count += 1
        self._read(line)
        if self._count > _MOST_LINES + 2 * len(self.known):
            self.compact()

    def compact(self) -> None:
        """Write down where things stand, in the place of how they came about."""
        line = {
            "feed": self.name,
            "cursor": self.cursor,
            "known": list(self.known.values()),
            "pending": list(self.pending.values()),
            "unseen": None if self.unseen is None else sorted(self.unseen),
        }
        self._book.renew(self.name, [line])
        self._count = 1

    def _read(self, line: Mapping[str, Any]) -> None:
        if "feed" in line:
            self.cursor = line.get("cursor", "")
            self.known = {item["mid"]: item for item in line.get("known", ())}
            self.pending = {_key(item): item for item in line.get("pending", ())}
            self.unseen = set(line["unseen"]) if line.get("unseen") is not None else None
            if "cursor" not in line:
                self.unseen = set()
        elif "restart" in line:
            self.cursor, self.unseen = "", set(self.known)
        elif "done" in line:
            self.pending.pop(line["done"], None)
        else:
            self._apply(line)

    def _apply(self, line: Mapping[str, Any]) -> None:
        for change in line["changes"]:
            mid, shown = change["mid"], change
            if change["event"] in ("open", "changed"):
                self.known[mid] = {n: v for n, v in change.items() if n not in ("event", "code")}
            else:
                before = self.known.pop(mid, {})
                shown = {**{n: before[n] for n in _SHOWN if n in before}, **change}
            self.pending[_key(change)] = shown
        if "cursor" in line:
            self.cursor = line["cursor"]
            if self.unseen is not None:
                seen = {*line.get("seen", ()), *(change["mid"] for change in line["changes"])}
                self.unseen = self.unseen - seen if line["more"] else None

    # --- what was read --------------------------------------------------------------------------

    def page(self, cursor: str, more: bool, items: Sequence[Mapping[str, Any]]) -> None:
        """Take a page whose items are verified: what they change is pending from now on, durably."""
        changes: list[dict[str, Any]] = []
        seen: list[str] = []
        known = {mid: item["version"] for mid, item in self.known.items()}
        for item in items:
            mid = item["mid"]
            if "token" in item:
                if known.get(mid) == item["version"]:
                    seen.append(mid)
                    continue
                changes.append({**item, "event": "changed" if mid in known else "open"})
                known[mid] = item["version"]
            elif mid in known:
                event, code = ("removed", item["removed"]) if "removed" in item else ("ended", item["ended"])
                changes.append({"position": item["position"], "mid": mid, "event": event, "code": code})
                del known[mid]
        if self.unseen and not more:
            touched = {*seen, *(change["mid"] for change in changes)}
            changes += [self._own_end(mid, "gone") for mid in sorted(self.unseen - touched)]
        if changes or seen or self.unseen is not None or cursor != self.cursor:
            self._note({"changes": changes, "seen": seen, "cursor": cursor, "more": more})

    def _own_end(self, mid: str, code: str) -> dict[str, Any]:
        return {"position": self.known[mid]["position"], "mid": mid, "event": "ended", "code": code}

    def expire(self, now: int) -> None:
        """What has passed its ``until`` has ended; no feed says so."""
        late = [mid for mid, item in self.known.items() if item["until"] <= now]
        if late:
            self._note({"changes": [self._own_end(mid, "expired") for mid in late]})

    def next_end(self) -> int:
        """When the next known intent ends by itself."""
        return min((item["until"] for item in self.known.values()), default=timing.LAST)

    def restart(self) -> None:
        """The home has not kept what comes after the cursor: begin anew, and compare."""
        self._note({"restart": True})

    def done(self, key: str) -> None:
        """A change is dealt with and does not come again."""
        if key in self.pending:
            self._note({"done": key})

    def forget(self, mid: str) -> None:
        """Keep of an intent no more than its id and when it ends (VRM-OFR-028)."""
        held = [item for item in (*self.known.values(), *self.pending.values()) if item["mid"] == mid]
        if any("token" in item for item in held):
            for item in held:
                for name in ("token", "receipt", "opened"):
                    item.pop(name, None)
        self.compact()
