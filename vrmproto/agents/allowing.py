"""What an organisation may do with a person, by its own copies: agreements, consents, rung and preferences.

Source: spec/protocol/purposes.md, ladders.md, relationships.md "What she has said".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vrmproto import threads
from vrmproto.agents.chain import Copy
from vrmproto.agents.relating import Agreed, Inviting, Standing
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.guards import GUARDS, Case
from vrmproto.ladder import Grounds
from vrmproto.model import Bump, Context, Related, Thread
from vrmproto.spec import Kind, Row, Spec

__all__ = ["Allowing", "named"]

_ASKED = (
    "agreement-live",
    "not-prohibited",
    "within-terms",
    "stage-allows",
    "preference-allows",
    "not-asked-again",
)
"""The guards that the agent asks itself before it sends."""

_BASES = {
    "purpose": ("dpv#", "dpv/standards/ieee/7012#", "vrmproto/1.0/purpose#"),
    "category": ("dpv/pd#",),
    "processing": ("dpv#",),
    "right": ("dpv/legal/eu/gdpr#",),
}


def named(spec: Spec, text: str, what: str = "purpose") -> str:
    """The IRI that a short name stands for, such as ``DirectMarketing``; an IRI stays what it is.

    ``what`` is ``purpose``, ``category``, ``processing`` or ``right``. AgentError for an unknown purpose.
    """
    bases = [f"https://w3id.org/{base}" for base in _BASES[what]]
    found = [text] if ":" in text else [base + text for base in bases]
    if what != "purpose":
        return found[0]
    known = next((one for one in found if one in spec.purposes), None)
    if known is None:
        raise AgentError(f"{text} is no purpose of this spec")
    return known


class Allowing(Inviting):
    """An organisation's side that sends nothing of its own accord but what it may."""

    # --- what may be done -----------------------------------------------------------------------

    def may(self, person: str, purpose: str) -> bool:
        """Whether something may be done with a person for a purpose now (purposes.md).

        Either an agreement in force requires or permits it, or there is a consent in force for exactly it,
        and the agreement does not prohibit it.
        """
        wanted = named(self.spec, purpose)
        return any(one.allow(wanted) for one in self._grounds_with(person))

    def _grounds_with(self, person: str) -> list[Grounds]:
        """What each agreement in force with a person allows, with the consents beside it."""
        vendor = self.signer_for("").iss
        present = self.ledger.present(person, vendor)
        bonds = [one for one in self.relationships() if not one.over and one.vendor == vendor]
        consents = frozenset[str]().union(*(self.consented(b.thid) for b in bonds if b.person == present))
        return self._grounds(self.agreed(present, vendor), consents)

    def bond_with(self, person: str) -> Standing:
        """The relationship with a person that has not ended; AgentError where there is none."""
        present = self.ledger.present(person, self.signer_for("").iss)
        found = (one for one in self.relationships() if one.person == present and not one.over)
        if (bond := next(found, None)) is None:
            raise AgentError(f"there is no relationship with {person}")
        return bond

    # --- what may be sent -----------------------------------------------------------------------

    def ground(self, bond: str, type_: str, body: Mapping[str, Any], thid: str = "") -> Agreed:
        """The agreement under which a message may be sent now, in the thread ``thid`` or as a new one.

        ``bond`` is the relationship. AgentError with the code and the reason where there is none: then it is
        not sent (VRM-PUR-006).
        """
        standing = self.stands(bond)
        self._held_ladder(standing)
        if not standing.agreements:
            raise AgentError("there is no agreement in force between the two")
        refusal: ProtocolError | None = None
        for agreed in reversed(standing.agreements):
            case = self._case(standing, type_, body, thid, agreed)
            try:
                for name in case.row.guards:
                    if name in _ASKED:
                        GUARDS[name](case)
                return agreed
            except ProtocolError as error:
                refusal = refusal or error
        raise AgentError(f"{refusal.code}: {refusal.detail}" if refusal else "nothing allows it")

    async def _begin(self, bond: str, type_: str, body: Mapping[str, Any], *, check: bool) -> Sent:
        """Open a thread below a relationship, under an agreement that allows it."""
        agreed = self.ground(bond, type_, body)
        thread = self.view(bond).thread
        signer = self._signer_in(thread)
        return await self.send(
            type_, body, to=thread.first, signer=signer, pthid=bond, agr=agreed.record, check=check
        )

    def _case(
        self, standing: Standing, type_: str, body: Mapping[str, Any], thid: str, agreed: Agreed
    ) -> Case:
        bond, below = self._copy(standing.thid), self._copy(thid) if thid else None
        kind = self.spec.opens[type_] if below is None else self.spec.kinds[_thread(below).kind]
        state = self.view(thid).state if thid else ""
        row = kind.cells.get((state, "second", type_))
        if row is None:
            raise AgentError(f"the {kind.name} is {state}: it takes no {type_} of the organisation")
        now = self.now()
        parent = self._at(bond, now)
        counts = {**parent.thread.counts, **self._counted(bond)}
        agreement = self._at(self._copy(agreed.thid), now)
        context = Context(
            parent=replace(parent, thread=replace(parent.thread, counts=counts)),
            agreement=agreement,
            named=agreement,
            consents=self.consented(standing.thid),
            ladders=self.ledger.ladders,
        )
        signer = self._signer_in(parent.thread)
        message = Message(
            token="",
            mid="",
            type=type_,
            iss=signer.iss,
            aud=standing.person,
            home=self.home,
            iat=now,
            exp=now,
            body=body,
            thid=thid or None,
            prev=None,
            pthid=None if thid else standing.thid,
            agr=agreed.record,
            key=signer.key.public,
        )
        thread = _thread(below) if below is not None else None
        return Case(self.spec, kind, row, thread, message, now, context, None)

    def _at(self, copy: Copy, now: int) -> Related:
        thread = _thread(copy)
        return Related(thread, self.ledger.status(copy, max(now, thread.received)))

    def _counted(self, bond: Copy) -> dict[str, Any]:
        """The counters of a relationship with what was counted below it, by the own copies."""
        counts: Mapping[str, Any] = _thread(bond).counts
        for copy in self.ledger.below(bond.thid):
            kind = self.spec.kinds[_thread(copy).kind]
            for link, after in zip(copy.links, copy.history, strict=False):
                if not link.erased:
                    for bump in _bumps(kind, link.message, after):
                        counts = threads.raised(counts, bump, link.claims["iat"])
        return dict(counts)


def _bumps(kind: Kind, message: Message, after: Thread) -> list[Bump]:
    """The counters of the parent that a message has raised."""
    role = "second" if message.iss == after.second else "first"
    rows: list[Row] = [r for r in kind.rows if r.type == message.type and r.by in (role, "either")]
    found: list[Bump] = []
    for counter in dict.fromkeys(c for row in rows for c in row.count.get("parent", ())):
        label, _, period = counter.partition("@")
        name, _, key = label.partition(":")
        value = after.facts.get(key) if key else None
        values = value if isinstance(value, list) else [value]
        found += [Bump("parent", f"{name}:{one}" if key else name, period) for one in values]
    return found


def _thread(copy: Copy) -> Thread:
    if copy.thread is None:
        raise AgentError(f"there is no own copy of the thread {copy.thid}")
    return copy.thread
