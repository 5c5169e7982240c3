"""The view of a relationship: how the two stand and what she has given, made of what the messages say.

Pure: what there is to read comes from a :class:`Source`. For a home that is its store, for who proves a view
the threads of an export or of an agent. Source: spec/protocol/standing.md, spec/documents/relationship.json.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vrmproto.ladder import Grounds, Ladder
from vrmproto.model import Status, Thread
from vrmproto.roster import Agreement
from vrmproto.spec import Spec

__all__ = ["Rests", "Source", "Standing", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """A message as a view reads it: ``agr`` and ``body`` are what it says, ``at`` when it was received.

    Of one that is erased where it is read the body is empty, and the view lacks what it said.
    """

    mid: str
    type: str
    agr: str | None
    body: Mapping[str, Any]
    at: int


class Source(Protocol):
    """What a view is made of."""

    def status(self, thread: Thread, now: int) -> Status:
        """What a thread is at ``now``, with every move that no message made."""

    def below(self, thid: str, kinds: Collection[str]) -> Sequence[Thread]:
        """The threads of these kinds whose parent this is, in the order in which they were opened."""

    def between(self, first: str, second: str) -> Iterable[Thread]:
        """The threads of a pair."""

    def agreement_of(self, thread: Thread) -> Agreement | None:
        """The roster's agreement that was accepted in a thread."""

    def ladder(self, digest: str) -> Ladder | None:
        """A ladder by its digest, None where there is none."""

    def told(self, thid: str) -> Iterable[Told]:
        """The messages of a thread in their order."""


@dataclass(frozen=True, slots=True)
class Rests:
    """The threads that the view of a relationship rests on (VRM-STD-009)."""

    thread: Thread
    agreements: Sequence[Thread]
    consents: Sequence[Thread]
    data: Sequence[Thread]
    corrections: Sequence[Thread]

    def __iter__(self) -> Iterator[Thread]:
        yield self.thread
        yield from (*self.agreements, *self.consents, *self.data, *self.corrections)

    def as_of(self, now: int) -> int:
        """The time of a view at ``now``: not before any of it was received (VRM-STD-008)."""
        return max(now, *(one.received for one in self))


class Standing:
    """Makes views of relationships."""

    def __init__(self, spec: Spec, source: Source) -> None:
        self._spec = spec
        self._source = source

    def rests(self, thread: Thread) -> Rests:
        """What the view of a relationship rests on."""
        between = self._source.between(thread.first, thread.second)
        made = [t for t in between if t.record and self._spec.kinds[t.kind].record == "agreement"]
        data = self._below(thread.thid, "data")
        corrections = [one for above in data for one in self._below(above.thid, "correction")]
        return Rests(thread, made, self._below(thread.thid, "consent"), data, corrections)

    def view(self, rests: Rests, now: int) -> dict[str, Any]:
        """The document documents/relationship.json at a time of :meth:`Rests.as_of`.

        Without what the home alone says: ``home``, ``checkpoint`` and what was refused.
        """
        thread, status = rests.thread, self._source.status(rests.thread, now)
        found = ((one, self._source.status(one, now)) for one in rests.consents)
        consents = [(t, s) for t, s in found if self._live(t, s)]
        ladder = self._source.ladder(thread.facts.get("ladder", ""))
        document: dict[str, Any] = {
            "thid": thread.thid,
            "first": thread.first,
            "second": thread.second,
            "state": status.state,
            "opened_at": thread.opened,  # VRM-STD-013
            "ladder": thread.facts.get("ladder", ""),
            "stage": thread.facts.get("stage") or (ladder.rungs[0].stage if ladder else ""),
            "agreements": [
                self._agreement(made, ladder, thread, consents)
                for made in self._agreements(rests)
                if self._live(made, self._source.status(made, now))
            ],
            "consents": [self._consent(t, s) for t, s in consents],
            "data": [shown for one in rests.data for shown in self._data(one, now)],
            "corrections": [self._correction(one, now) for one in rests.corrections],
            "heads": [self._head(one) for one in rests],
        }
        if "preferences" in thread.facts:  # VRM-STD-012
            document["preferences"] = thread.facts["preferences"]
        return document

    def _below(self, thid: str, kind: str) -> Sequence[Thread]:
        return self._source.below(thid, [kind]) if kind in self._spec.kinds else ()

    @staticmethod
    def _head(thread: Thread) -> dict[str, Any]:
        return {"thid": thread.thid, "seq": thread.seq, "mid": thread.head}

    # --- what it says ---------------------------------------------------------------------------

    def _live(self, thread: Thread, status: Status) -> bool:
        return self._spec.kinds[thread.kind].states[status.state].live

    def _agreements(self, rests: Rests) -> Iterable[Thread]:
        """The threads of agreements of which those in force are shown."""
        return rests.agreements

    def _agreement(
        self, made: Thread, ladder: Ladder | None, thread: Thread, consents: Sequence[tuple[Thread, Status]]
    ) -> dict[str, Any]:
        agreement = self._source.agreement_of(made)
        clauses = agreement.clauses if agreement else {}
        allowed = frozenset(p for t, _ in consents for p in t.facts.get("granted", ()))
        grounds = Grounds(self._spec.purposes, clauses, allowed)
        shown: dict[str, Any] = {
            "id": made.record,
            "thid": made.thid,
            "agreement": made.facts.get("agreement"),
        }
        if ladder is not None:
            shown["stage"] = ladder.rungs[ladder.reached(thread.facts.get("stage"), grounds)].stage
        return shown

    def _consent(self, thread: Thread, status: Status) -> dict[str, Any]:
        until = {"valid_until": status.deadline} if status.deadline is not None else {}
        return {
            "id": thread.record,
            "thid": thread.thid,
            "purposes": thread.facts.get("granted", []),
            **until,
        }

    def _data(self, thread: Thread, now: int) -> list[dict[str, Any]]:
        """What was shared and what is reported, the oldest first; never the data themselves.

        VRM-STD-004, VRM-STD-007, VRM-STD-013, VRM-STD-014.
        """
        verified, state = "", self._source.status(thread, now).state
        found: list[dict[str, Any]] = []
        for told in self._source.told(thread.thid):
            if told.type == "data.verify":
                verified = told.body.get("as_of", "")
            if told.type not in ("data.share", "data.report"):
                continue
            about = told.body.get("about", {})
            named = {n: about[n] for n in ("purpose", "categories", "fields", "as_of") if n in about}
            shown = {"thid": thread.thid, "mid": told.mid, "type": told.type, **named}
            found.append({**shown, "agr": told.agr, "at": told.at, "state": state})
            verified = ""
        if found and verified:
            found[-1]["verified_as_of"] = verified
        return found

    def _correction(self, thread: Thread, now: int) -> dict[str, Any]:
        opened = next(iter(self._source.told(thread.thid)))
        state = self._source.status(thread, now).state
        return {"thid": thread.thid, "of": opened.body.get("of"), "state": state, "at": thread.opened}
