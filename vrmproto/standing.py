"""The view of a relationship: how the two stand, what she has given, and what was refused for her.

Everything is read from what is stored with each message; nothing is kept beside it.
Source: spec/protocol/standing.md, spec/documents/relationship.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vrmproto import envelope
from vrmproto.home import Home, receipt_claims
from vrmproto.ladder import Grounds, Ladder
from vrmproto.model import Status, Thread
from vrmproto.storage.base import Entry

__all__ = ["Standing"]

PAGE = 200
REFUSED = 500
"""The most refusals that a view lists."""


class Standing:
    """Makes views of the relationships of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._spec = home.spec

    def view(self, thread: Thread, party: str, now: int) -> dict[str, Any]:
        """The document ``documents/relationship.json`` for a party of the relationship."""
        home, status = self._home, self._home.status(thread, now)
        agreements = list(self._agreements(thread, now))
        consents = [one for one in self._below(thread, "consent", now) if self._live(*one)]
        ladder = self._ladder(thread)
        document: dict[str, Any] = {
            "thid": thread.thid,
            "home": home.config.origin,
            "first": thread.first,
            "second": thread.second,
            "state": status.state,
            "opened_at": thread.opened,  # VRM-STD-013
            "ladder": thread.facts["ladder"],
            "stage": thread.facts.get("stage") or (ladder.rungs[0].stage if ladder else ""),
            "agreements": [self._agreement(made, ladder, thread, consents) for made in agreements],
            "consents": [self._consent(t, s) for t, s in consents],
            "data": list(self._data(thread, now)),
            "corrections": list(self._corrections(thread, now)),
            "checkpoint": home.checkpoint(thread, party, now),
        }
        if "preferences" in thread.facts:  # VRM-STD-012
            document["preferences"] = thread.facts["preferences"]
        if party == thread.first:
            document |= self._refused(thread)
        return document

    def _live(self, thread: Thread, status: Status) -> bool:
        return self._spec.kinds[thread.kind].states[status.state].live

    def _below(self, thread: Thread, kind: str, now: int) -> Iterator[tuple[Thread, Status]]:
        if kind in self._spec.kinds:
            for one in self._home.store.below(thread.thid, [kind]):
                yield one, self._home.status(one, now)

    def _agreements(self, thread: Thread, now: int) -> Iterator[Thread]:
        """The threads of the agreements between the two that are in force."""
        for thid in self._home.store.threads_of(*thread.pair):
            made = self._home.store.thread(thid)
            if made is None or self._spec.kinds[made.kind].record != "agreement":
                continue
            if made.record and self._live(made, self._home.status(made, now)):
                yield made

    def _agreement(
        self, made: Thread, ladder: Ladder | None, thread: Thread, consents: list[tuple[Thread, Status]]
    ) -> dict[str, Any]:
        agreement = self._home.agreement_of(made)
        clauses = agreement.clauses if agreement else {}
        allowed = frozenset(p for t, _ in consents for p in t.facts.get("granted", ()))
        grounds = Grounds(self._spec.purposes, clauses, allowed)
        shown: dict[str, Any] = {"id": made.record, "thid": made.thid, "agreement": made.facts["agreement"]}
        if ladder is not None:
            shown["stage"] = ladder.rungs[ladder.reached(thread.facts.get("stage"), grounds)].stage
        return shown

    def _consent(self, thread: Thread, status: Status) -> dict[str, Any]:
        until = {"valid_until": status.deadline} if status.deadline is not None else {}
        return {"id": thread.record, "thid": thread.thid, "purposes": thread.facts["granted"], **until}

    def _data(self, thread: Thread, now: int) -> Iterator[dict[str, Any]]:
        """What was shared and what is reported, the oldest first of each thread; never the data themselves.

        VRM-STD-004, VRM-STD-007, VRM-STD-013, VRM-STD-014.
        """
        for below, status in self._below(thread, "data", now):
            verified = ""
            found: list[dict[str, Any]] = []
            for entry in self._entries(below.thid):
                claims = envelope.peek(entry.token)[1]
                if claims["type"] == "data.verify":
                    verified = claims["body"]["as_of"]
                if claims["type"] not in ("data.share", "data.report"):
                    continue
                about = claims["body"]["about"]
                named = {n: about[n] for n in ("purpose", "categories", "fields", "as_of") if n in about}
                shown = {"thid": below.thid, "mid": entry.mid, "type": claims["type"], **named}
                found.append({**shown, "agr": claims["agr"], "at": receipt_claims(entry.receipt)["iat"]})
                verified = ""
            if found:
                found[-1] |= {"verified_as_of": verified} if verified else {}
                yield from ({**one, "state": status.state} for one in found)

    def _corrections(self, thread: Thread, now: int) -> Iterator[dict[str, Any]]:
        for data, _ in self._below(thread, "data", now):
            for below, status in self._below(data, "correction", now):
                opened = next(self._entries(below.thid))
                named = envelope.peek(opened.token)[1]["body"]["of"]
                yield {"thid": below.thid, "of": named, "state": status.state, "at": below.opened}

    def _refused(self, thread: Thread) -> dict[str, Any]:
        found, more = self._home.store.refusals(thread.thid, REFUSED)  # the last first: VRM-LED-007
        listed = [
            {"mid": r.mid, "at": r.at, "type": r.type, "code": r.code, "purposes": list(r.purposes)}
            for r in found
        ]
        return {"refused": listed, "refused_more": more}

    def _ladder(self, thread: Thread) -> Ladder | None:
        return self._home.ladder(self._home.store, thread.facts["ladder"])

    def _entries(self, thid: str) -> Iterator[Entry]:
        start = 1
        while page := self._home.store.messages(thid, start, PAGE):
            yield from page
            start = page[-1].seq + 1
