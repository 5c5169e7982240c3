"""A vendor erases what it holds of an offer or a relationship that is over, and then attests that it has.

Each step is on disk before the next, so that a purge that was interrupted goes on where it was.
What a dispute holds stays until it is closed. Source: spec/protocol/offers.md "Purging" (VRM-OFR-028),
disputes.md (VRM-DSP-006), relationships.md (VRM-REL-013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrmproto import envelope, timing
from vrmproto.agents.chain import Copy
from vrmproto.agents.selling import Selling
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.errors import ProtocolError
from vrmproto.model import Thread

__all__ = ["Due", "Purging"]

_LEAD = 10
"""A purge is due when this fraction of its time is left."""


@dataclass(frozen=True, slots=True)
class Due:
    """A purge that is to come: ``at`` is when it is done by itself, ``deadline`` when it would be late."""

    thid: str
    state: str
    at: int
    deadline: int


class Purging(Selling):
    """Purges what is over."""

    def kept(self, kind: str) -> Sequence[Mapping[str, str]]:
        """What stays of a thread of this kind when it is purged without a word of what stays, and why."""
        return ()

    def attests(self, thread: Thread) -> str:
        """The type by which this vendor attests that it has erased a thread; '' where it never has to."""
        kind = self.spec.kinds[thread.kind]
        ends = (r for r in kind.rows if r.duty and r.to in kind.states and kind.states[r.to].erased)
        return next((row.type for row in ends), "") if self.owns(thread.second) else ""

    # --- when -----------------------------------------------------------------------------------

    def due_purges(self) -> list[Due]:
        """The purges that are to come or late, the most urgent first; from the book and the clock alone."""
        found = [due for copy in list(self.ledger.copies.values()) if (due := self._due(copy)) is not None]
        return sorted(found, key=lambda due: due.at)

    def _due(self, copy: Copy) -> Due | None:
        thread = copy.thread
        if thread is None or not self.attests(thread):
            return None
        now = self.now()
        status = self.ledger.status(copy, max(now, thread.received))
        state = self.spec.kinds[thread.kind].states[status.state]
        if state.end and (copy.erased is None or "at" in copy.erased):
            half = state.erased and copy.erased is None  # another folder has sent the attestation
            return Due(copy.thid, status.state, now, now) if half else None
        if copy.erased is not None or status.deadline is None:
            return Due(copy.thid, status.state, now, now) if state.over or copy.erased else None
        if not state.over:
            return None
        left = (status.deadline - status.since) // _LEAD
        return Due(copy.thid, status.state, status.deadline - max(1, left), status.deadline)

    async def purge_due(self) -> list[Sent]:
        """Do the purges that are due, and finish those that were interrupted."""
        self._erase_released()
        sent: list[Sent] = []
        for due in self.due_purges():
            if due.at <= self.now():
                done = await self._purge(due.thid, ())
                sent += [done] if done is not None else []
        return sent

    # --- what -----------------------------------------------------------------------------------

    async def purge(self, thid: str, kept: Sequence[Mapping[str, str]] = ()) -> Sent:
        """Erase the own copy of what is over, and attest it; ``kept`` says what stays and why.

        Of a relationship nothing stays but tombstones. Of an offer and its intent stay the messages of the
        record, and of the others a tombstone each; unless another offer of the intent goes on, which then
        keeps the intent. Whatever the vendor has stored elsewhere it has to erase itself, before. AgentError
        while it is not over.
        """
        sent = await self._purge(thid, kept)
        if sent is None:
            raise AgentError(f"{thid} is purged already")
        return sent

    async def _purge(self, thid: str, kept: Sequence[Mapping[str, str]]) -> Sent | None:
        copy = self._copy(thid)
        if copy.thread is None or not (attest := self.attests(copy.thread)):
            raise AgentError(f"{thid} is no offer of this vendor, and no relationship with it")
        if copy.erased is None:
            view = await self.thread(thid)  # all that the home has of it, and whether it is over
            states = self.spec.kinds[view.thread.kind].states
            if not (states[view.state].over or states[view.state].erased):
                raise AgentError(f"the {view.thread.kind} is {view.state}: it is not over")
            stays = kept or self.kept(view.thread.kind)
            self.ledger.purging(thid, {"kept": [dict(one) for one in stays]})
        why = dict(self._copy(thid).erased or {})
        if "at" not in why:
            why["at"] = self.now()
            self._erase_below(thid, why)
            self._erase(thid, why)
        self._erase_intent(copy.thread.parent or "", why)
        if self.spec.kinds[copy.thread.kind].states[self.view(thid).state].erased:
            return None
        held = {"what": "messages that a dispute names", "why": "the dispute is open"}
        kept = [*why["kept"], *([held] if self._held(thid) else []), *self._proofs(thid)]
        body = {"erased_at": timing.text(why["at"]), "kept": kept}
        return await self.send(attest, body, thid=thid, check=False)

    def _erase(self, thid: str, why: Mapping[str, Any], attestation: str = "") -> None:
        """Everything but the record; the thread itself last: as long as it is there, this is not done."""
        self._erase_traces(thid)
        self.ledger.erase(thid, why, [*self._record_of(thid), attestation])
        self.ledger.drop_ladders(self.own_ladders())

    def _erase_traces(self, thid: str) -> None:
        """What is kept of a thread beside its copy."""
        self._erase_evidence(thid)
        self.book.drop_view(thid)
        for mid, token in self.book.outbox():
            if _concerns(token, thid):
                self.book.settled(mid)

    def own_ladders(self) -> Sequence[str]:
        """The ladders that this vendor has written itself, by digest."""
        return ()

    def _erase_below(self, thid: str, why: Mapping[str, Any]) -> None:
        """What a vendor holds in threads below a relationship, and beside them."""

    def _erase_intent(self, thid: str, why: Mapping[str, Any]) -> None:
        """The intent too, once every own offer of it is erased (whose copies need it no more)."""
        copy = self.ledger.copy(thid)
        if copy is None or copy.erased is not None:
            return
        if all("at" in (below.erased or {}) for below in self.ledger.below(thid)):
            self._erase_evidence(thid)
            for name in self.book.feeds():
                self._feed(name).forget(thid)
            self.ledger.erase(thid, why, self._record_of(thid))

    def _erase_evidence(self, thid: str) -> None:
        """Evidence that holds a message goes; receipts alone tell nothing of what was said."""
        for name, content in list(self.book.evidence()):
            tokens = (*content.get("message", ()), *content.get("tokens", ()))
            if any(_concerns(token, thid) for token in tokens):
                self.book.drop_evidence(name)

    def _record_of(self, thid: str) -> list[str]:
        """The mids of the messages that the record of an agreement holds (VRM-OFR-030), or a dispute."""
        copy, held = self._copy(thid), self._held(thid)
        shown = self.spec.introductions
        agreed = copy.thread is not None and (copy.thread.board or copy.thread.record is not None)
        mids = [(n, k.message.mid, k.message.type) for n, k in enumerate(copy.links)]
        return [mid for n, mid, type_ in mids if (agreed and n == 0) or type_ in shown or mid in held]

    def _held(self, thid: str) -> set[str]:
        """What the disputes below a thread hold now."""
        found: set[str] = set()
        for copy in self.ledger.below(thid):
            if copy.thread is not None:
                state = self.view(copy.thid).state
                holds = self.spec.kinds[copy.thread.kind].states[state].holds
                found.update(copy.thread.facts.get(holds) or ())
        return found

    def _proofs(self, thid: str) -> list[dict[str, str]]:
        """What stays below a relationship: the consents that were given, with what led to them."""
        below = (copy.thread for copy in self.ledger.below(thid))
        given = any(t is not None and t.record and self.spec.kinds[t.kind].record == "consent" for t in below)
        return [{"what": "the consents that were given", "why": "proof that they were"}] if given else []

    def _erase_released(self) -> None:
        """What was kept for a dispute that is closed by now."""
        for copy in list(self.ledger.copies.values()):
            if "at" in (copy.erased or {}) and copy.thread is not None and self.attests(copy.thread):
                stays = self._record_of(copy.thid)
                links = copy.links[:-1]  # the attestation stays
                if any(not link.erased and link.message.mid not in stays for link in links):
                    self._erase(copy.thid, copy.erased or {}, copy.head or "")

    # --- what only the home knows ---------------------------------------------------------------

    async def look(self) -> None:
        """Ask the home, now and then, for offers that may have lapsed by what is not seen here."""
        looked: dict[str, int] = self.__dict__.setdefault("_looked", {})
        for view in self.own_offers():
            moves = self.spec.kinds[view.thread.kind].states[view.state].moves
            if "filled" not in moves or looked.get(view.thid, 0) + self._pace(view.thread.facts) > self.now():
                continue
            looked[view.thid] = self.now()
            await self.thread(view.thid)

    def _pace(self, facts: Mapping[str, Any]) -> int:
        """Seconds between two looks: a tenth of the time that there is to purge, at most an hour."""
        try:
            length = timing.after(0, facts["purge_within"])
        except (KeyError, ValueError):
            length = timing.LAST
        return max(1, min(3600, length // _LEAD))


def _concerns(token: str, thid: str) -> bool:
    """Whether a token is a message of a thread."""
    try:
        header, claims = envelope.peek(token)
    except ProtocolError:
        return False
    if header.get("typ") != envelope.MESSAGE:
        return False
    return thid in (claims.get("thid"), envelope.mid_of(token))
