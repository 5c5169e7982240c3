"""Relationships: a person steps up and down a ladder, and an organisation asks her to, within limits.

Source: spec/protocol/relationships.md, ladders.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from vrmproto import timing
from vrmproto.agents.agent import Agent
from vrmproto.agents.chain import Copy
from vrmproto.agents.inbox import Event
from vrmproto.agents.intents import Publishing
from vrmproto.agents.person import Terms
from vrmproto.agents.purging import Purging
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.wire import Signer
from vrmproto.ladder import Grounds, Ladder
from vrmproto.model import Thread
from vrmproto.outgoing import OutgoingError
from vrmproto.roster import digest

__all__ = ["Agreed", "Invitation", "Inviting", "Relating", "Standing"]

_KIND = "relationship"


@dataclass(frozen=True, slots=True)
class Agreed:
    """An agreement in force: its ``record`` is what messages name, ``clauses`` what it allows."""

    record: str
    thid: str
    agreement: Mapping[str, str]
    clauses: Mapping[str, str]
    made_at: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that has no answer yet; ``answer_by`` is when it ends."""

    stage: str
    benefit: str
    asks: tuple[Mapping[str, str], ...]
    answer_by: int
    terms: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the two stand with each other, as the own, verified copies have it.

    ``gone`` is the rung that she has gone to, ``rung`` the one by which she is dealt with: not above it, and
    within an agreement in force (VRM-LAD-005, VRM-LAD-013). Both are '' where the ladder is not held here or
    the relationship has ended: then she is dealt with as on no rung. ``since`` is when it was opened,
    ``moved_at`` when she came to the rung, ``reached`` are the rungs that an agreement in force reaches.
    """

    thid: str
    person: str
    vendor: str
    state: str
    over: bool
    since: int
    moved_at: int
    deadline: int | None
    ladder: Ladder | None
    gone: str
    rung: str
    reached: tuple[str, ...]
    invitation: Invitation | None
    preferences: Mapping[str, Any]
    agreements: tuple[Agreed, ...]
    attested: Mapping[str, Any] | None
    """What the organisation has said of its erasing: ``{erased_at, kept}``."""

    @property
    def overdue(self) -> bool:
        """The organisation has not attested in time that it has erased what it held."""
        return self.state == "attest-overdue"


class _Related(Agent):
    """What both sides of a relationship do."""

    async def poll(self, wait: float = 0) -> list[Event]:
        """What has arrived; ladders that could not be read before are asked for again."""
        events = await super().poll(wait)
        for copy in list(self.ledger.copies.values()):
            thread = copy.thread
            if thread is None or thread.kind != _KIND or thread.over_at is not None:
                continue
            if (named := thread.facts.get("ladder", "")) not in self.ledger.ladders:
                await self.inbox.learn(self._signer_in(self.view(copy.thid).thread), named)
        return events

    # --- reading --------------------------------------------------------------------------------

    def stands(self, thid: str) -> Standing:
        """How the two stand, by the thread of their relationship; AgentError where it is none."""
        copy, view = self._copy(thid), self.view(thid)
        thread = view.thread
        if thread.kind != _KIND:
            raise AgentError(f"{thid} is no relationship")
        marks = self.spec.kinds[_KIND].states[view.state]
        over = marks.over or marks.end
        agreements = self.agreed(thread.first, thread.second)
        ladder = self.ledger.ladders.get(thread.facts.get("ladder", ""))
        gone, moved_at = self._gone(copy)
        consents = self.consented(thid)
        known = ladder is not None and not over
        return Standing(
            thid=thid,
            person=thread.first,
            vendor=thread.second,
            state=view.state,
            over=over,
            since=thread.opened,
            moved_at=moved_at,
            deadline=view.deadline,
            ladder=ladder,
            gone=gone if known else "",
            rung=self._rung(ladder, gone, agreements, consents) if ladder is not None and known else "",
            reached=self._reached(ladder, agreements, consents) if ladder is not None else (),
            invitation=self._invitation(copy) if view.state == "invited" else None,
            preferences=thread.facts.get("preferences", {}),
            agreements=agreements,
            attested=next(
                (m.body for m in view.messages if m.type == "relationship.attest" and m.token), None
            ),
        )

    def relationships(self) -> list[Standing]:
        """All of them, those that have ended too, in the order in which they were opened."""
        held = [copy.thread for copy in self.ledger.copies.values()]
        return [self.stands(t.thid) for t in held if t is not None and t.kind == _KIND]

    def overdue(self) -> list[Standing]:
        """Those that have ended, and whose attestation has not come in time."""
        return [one for one in self.relationships() if one.overdue]

    def agreed(self, first: str, second: str) -> tuple[Agreed, ...]:
        """The agreements in force between a person and an organisation, the last one at the end."""
        found: list[tuple[int, Agreed]] = []
        for view in self.views():
            thread = view.thread
            live = self.spec.kinds[thread.kind].states[view.state].live
            if (
                self.spec.kinds[thread.kind].record != "agreement"
                or thread.record is None
                or thread.record_at is None
                or not live
                or thread.pair != (first, second)
            ):
                continue
            listed, named = thread.facts.get("roster", {}), thread.facts["agreement"]
            roster = self.spec.rosters.get((listed.get("id", ""), listed.get("version", "")))
            held = roster.find(named) if roster else None
            clauses = held.clauses if held else {}
            found.append(
                (thread.record_at, Agreed(thread.record, thread.thid, named, clauses, thread.record_at))
            )
        return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))

    def _gone(self, copy: Copy) -> tuple[str, int]:
        """The rung that she has gone to and since when, by what she said and the ladders held now."""
        present, since, ladder = "", copy.thread.opened if copy.thread else 0, None
        for link in copy.links:
            body = link.message.body
            ladder = self.ledger.ladders.get(body["ladder"]) if "ladder" in body else ladder
            if ladder is None or not (link.message.token and link.message.type.startswith(f"{_KIND}.")):
                continue
            before = present or ladder.rungs[0].stage
            if link.message.type == "relationship.step":
                present = body["stage"]
            elif link.message.type == "relationship.retreat":
                present = ladder.lower(before, body["stage"])
            else:
                present = before
            since = link.claims["iat"] if present != before else since
        return present, since

    def consented(self, thid: str) -> frozenset[str]:
        """The purposes for which there is a consent in force below a relationship."""
        found = set()
        for copy in self.ledger.below(thid):
            kind = self.spec.kinds[copy.thread.kind] if copy.thread is not None else None
            if kind is None or kind.record != "consent" or copy.thread is None:
                continue
            if kind.states[self.view(copy.thid).state].live:
                found |= set(copy.thread.facts.get("granted", ()))
        return frozenset(found)

    def _grounds(self, agreements: Sequence[Agreed], consents: frozenset[str]) -> list[Grounds]:
        return [Grounds(self.spec.purposes, one.clauses, consents) for one in agreements]

    def _rung(self, ladder: Ladder, gone: str, agreements: Sequence[Agreed], consents: frozenset[str]) -> str:
        most = [ladder.reached(gone, grounds) for grounds in self._grounds(agreements, consents)]
        return ladder.rungs[max(most, default=0)].stage

    def _reached(
        self, ladder: Ladder, agreements: Sequence[Agreed], consents: frozenset[str]
    ) -> tuple[str, ...]:
        grounds = self._grounds(agreements, consents)

        def within(n: int) -> bool:
            return n == 0 or any(one.reach(ladder.rungs[n]) for one in grounds)

        return tuple(rung.stage for n, rung in enumerate(ladder.rungs) if within(n))

    def _invitation(self, copy: Copy) -> Invitation | None:
        asked = (k.message for k in reversed(copy.links) if k.message.type == "relationship.invite")
        body = next(asked).body
        if not body:
            return None
        ends = timing.seconds(body["answer_by"])
        return Invitation(body["stage"], body["benefit"], tuple(body["asks"]), ends, body.get("terms"))

    # --- what both say --------------------------------------------------------------------------

    async def end(self, thid: str, reason: str = "", *, attest_within: str = "", check: bool = True) -> Sent:
        """End a relationship, and with it the agreements that the two have made in threads of terms.

        ``attest_within`` is how long the organisation has to erase what it held, at most a month.
        """
        self.stands(thid)
        said = {"reason": reason, "attest_within": attest_within}
        body = {name: value for name, value in said.items() if value}
        return await self.send("relationship.end", body, thid=thid, check=check)

    def _held_ladder(self, standing: Standing) -> Ladder:
        if standing.over:
            raise AgentError(f"the relationship is {standing.state}")
        if standing.ladder is None:
            raise AgentError("this agent does not hold the ladder of the relationship")
        return standing.ladder


class Relating(_Related, Publishing):
    """A person's side: she opens relationships, moves in them, and ends them."""

    def standing(self, vendor: str = "") -> list[Standing]:
        """How she stands with each organisation, or with one."""
        found = self.relationships()
        return [one for one in found if self.owns(one.person) and vendor in ("", one.vendor)]

    async def ladder_of(self, vendor: str) -> bytes | None:
        """The ladder that an organisation publishes, read at its origin; None where it has written none.

        AgentError where what it serves is not what its discovery document names.
        """
        said = {} if vendor.startswith("did:") else (await self.resolve(vendor)).get("ladder", {})
        if "url" not in said:
            return None
        try:
            document = await self.outgoing.get_json(said["url"])
        except OutgoingError as error:
            raise AgentError(f"the ladder of {vendor} cannot be read: {error.detail}") from None
        if digest(document) != said["digest"]:
            raise AgentError(f"{vendor} serves another ladder than the one that it names")
        return document

    async def relate(
        self,
        vendor: str,
        ladder: bytes | None = None,
        preferences: Mapping[str, Any] | None = None,
        *,
        check: bool = True,
    ) -> Sent:
        """Open a relationship with an organisation under an agreement in force, at the lowest rung.

        ``ladder`` is a ladder's document, which is put at the home first; by default that of the spec. Raises
        what :meth:`reads_here` raises, AgentError without an agreement.
        """
        await self.reads_here(vendor)
        known = self.signer_for(vendor).iss
        pairs = dict.fromkeys([known, *(t.first for t in self._threads_with(vendor))])
        agreed = next((found for first in pairs if (found := self.agreed(first, vendor))), ())
        if not agreed:
            raise AgentError(f"there is no agreement in force with {vendor}")
        signer = self._signer_in(self.view(agreed[-1].thid).thread)
        body: dict[str, Any] = {"ladder": await self._named(ladder, signer)}
        if preferences is not None:
            body["preferences"] = dict(preferences)
        record = agreed[-1].record
        return await self.send("relationship.open", body, to=vendor, signer=signer, agr=record, check=check)

    def _threads_with(self, vendor: str) -> list[Thread]:
        threads = (view.thread for view in self.views())
        return [t for t in threads if t.second == vendor and t.record is not None and self.owns(t.first)]

    async def _named(self, ladder: bytes | None, signer: Signer) -> str:
        """The digest of a ladder that may be named from now on: put here, unless every home holds it."""
        if ladder is None or digest(ladder) == self.spec.ladder.digest:
            return self.spec.ladder.digest
        try:
            held = self.ledger.hold_ladder(ladder)
        except ValueError:
            raise AgentError("this is no ladder (spec/documents/ladder.json)") from None
        await self.put_blob(ladder, "application/json", signer=signer)
        return held.digest

    async def step(
        self, thid: str, stage: str = "", ladder: bytes | None = None, *, check: bool = True
    ) -> Sent:
        """Step up to a rung: by default the one that she is invited to, or the next within an agreement.

        ``ladder`` is another one that is in force from here on. AgentError where the ladder has no such rung,
        or no agreement in force reaches it.
        """
        standing = self.stands(thid)
        held, named = self._held_ladder(standing), standing.ladder.digest if standing.ladder else ""
        signer = self._signer_in(self.view(thid).thread)
        if ladder is not None:
            named = await self._named(ladder, signer)
            held = self.ledger.ladders[named]
        if not stage and standing.invitation is not None and ladder is None:
            stage = standing.invitation.stage
        stage = stage or self._next(held, standing)
        number = held.place(stage)
        if number is None:
            known = ", ".join(rung.stage for rung in held.rungs)
            raise AgentError(f"the ladder has no rung {stage}; it has {known}")
        rung = held.rungs[number]
        grounds = self._grounds(standing.agreements, self.consented(thid))
        fitting = [a for a, one in zip(standing.agreements, grounds, strict=True) if one.reach(rung)]
        if not fitting:
            raise AgentError(f"no agreement in force with {standing.vendor} reaches the rung {stage}")
        opened = self.view(thid).thread.agreement
        agr = next((one.record for one in fitting if one.record == opened), fitting[-1].record)
        body = {"stage": stage, "ladder": named}
        return await self.send("relationship.step", body, thid=thid, agr=agr, check=check)

    def _next(self, ladder: Ladder, standing: Standing) -> str:
        present = ladder.place(standing.rung) or 0
        reached = self._reached(ladder, standing.agreements, self.consented(standing.thid))
        above = [rung.stage for rung in ladder.rungs[present + 1 :] if rung.stage in reached]
        if not above:
            raise AgentError(f"no agreement in force with {standing.vendor} reaches further up")
        return above[0]

    async def retreat(self, thid: str, stage: str = "", *, check: bool = True) -> Sent:
        """Step down to a rung, by default the next below; it is always taken."""
        standing = self.stands(thid)
        if not stage:
            ladder = self._held_ladder(standing)
            stage = ladder.rungs[max(0, (ladder.place(standing.gone) or 0) - 1)].stage
        return await self.send("relationship.retreat", {"stage": stage}, thid=thid, check=check)

    async def decline(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Say no to an invitation; it is not made again for six months."""
        self.stands(thid)
        body = {"reason": reason} if reason else {}
        return await self.send("relationship.decline", body, thid=thid, check=check)

    async def prefer(self, thid: str, preferences: Mapping[str, Any], *, check: bool = True) -> Sent:
        """Say when and how often the organisation may write of its own accord, in place of what was said."""
        self.stands(thid)
        body = {"preferences": dict(preferences)}
        return await self.send("relationship.prefer", body, thid=thid, check=check)

    async def pause(self, thid: str, *, check: bool = True) -> Sent:
        """Hear nothing of an organisation's own accord for the time being, or no new offers of an intent."""
        if self.view(thid).thread.kind != _KIND:
            return await super().pause(thid, check=check)
        return await self.send("relationship.pause", {}, thid=thid, check=check)

    @overload
    async def resume(self) -> list[Sent]: ...

    @overload
    async def resume(self, thid: str, *, check: bool = True) -> Sent: ...

    async def resume(self, thid: str = "", *, check: bool = True) -> Sent | list[Sent]:
        """Hear of it again; without a thread: send again what never got an answer (VRM-AGT-011)."""
        if not thid:
            return await super().resume()
        if self.view(thid).thread.kind != _KIND:
            return await super().resume(thid, check=check)
        return await self.send("relationship.resume", {}, thid=thid, check=check)


class Inviting(_Related, Purging):
    """An organisation's side: it invites, and after the end it erases and attests."""

    async def invite(
        self,
        thid: str,
        benefit: str,
        asks: Sequence[Mapping[str, str]] = (),
        *,
        answer_in: str | int = "P14D",
        terms: Terms | None = None,
        check: bool = True,
    ) -> Sent:
        """Invite her one rung up: what she gains, and what is asked for there.

        ``terms`` is an agreement that would reach that far and that this organisation would accept. Made
        under the agreement in force that reaches furthest, for she is not dealt with as if she stood above
        it (VRM-LAD-013). AgentError on the highest rung, or without an agreement.
        """
        standing = self.stands(thid)
        ladder = self._held_ladder(standing)
        if not standing.agreements:
            raise AgentError("there is no agreement in force between the two")
        agr = next(
            one.record
            for one in reversed(standing.agreements)
            if self._rung(ladder, standing.gone, [one], self.consented(thid)) == standing.rung
        )
        above = ladder.rungs[(ladder.place(standing.rung) or 0) + 1 :]
        if not above:
            raise AgentError("she stands on the highest rung")
        body: dict[str, Any] = {"stage": above[0].stage, "benefit": benefit}
        body["asks"] = [dict(one) for one in asks]
        if terms is not None:
            body["terms"] = self._agreement(terms)
        body["answer_by"] = self._by(answer_in)
        return await self.send("relationship.invite", body, thid=thid, agr=agr, check=check)

    def _agreement(self, terms: Terms) -> Mapping[str, str]:
        try:
            return self.spec.roster.named(terms).reference if isinstance(terms, str) else dict(terms)
        except KeyError:
            raise AgentError(f"{terms} is no agreement of the roster") from None

    async def attest(self, thid: str, kept: Sequence[Mapping[str, str]] = ()) -> Sent:
        """Erase the own copy of a relationship that has ended, and attest it (VRM-REL-013).

        ``kept`` says what stays elsewhere, why and until when. AgentError while it has not ended.
        """
        self.stands(thid)
        return await self.purge(thid, kept)
