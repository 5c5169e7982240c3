"""Consents: an organisation asks, a person decides on each purpose, and takes back what she gave.

Source: spec/protocol/consents.md.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto import timing
from vrmproto.agents.agent import Agent
from vrmproto.agents.allowing import Allowing, named
from vrmproto.agents.relating import Relating
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.wire import WireError
from vrmproto.roster import digest
from vrmproto.spec import Spec

__all__ = ["Asking", "Consent", "Consenting", "read_request"]

_log = logging.getLogger("vrmproto.agents")

KIND = "consent"


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as the own, verified copies have it.

    ``asked`` are the purposes of the ``request``, which holds everything else that she has to know;
    ``purposes`` are those that she granted, as it stands or stood last. ``deadline`` is until when she may
    answer, or until when it holds; ``since`` is from when on it is in its state.
    """

    thid: str
    relationship: str
    person: str
    vendor: str
    state: str
    open: bool
    """It has no answer yet."""
    live: bool
    """It is in force."""
    owed: bool
    """The organisation has yet to say that it has stopped."""
    asked: tuple[str, ...]
    purposes: tuple[str, ...]
    request: Mapping[str, Any]
    requested_at: int
    granted_at: int | None
    since: int
    deadline: int | None
    record: str | None
    propagated: Mapping[str, Any] | None
    """What the organisation has said of its stopping: ``{stopped_at, told}``."""


class _Consents(Agent):
    """What both sides read."""

    def consent(self, thid: str) -> Consent:
        """One consent, by its thread; AgentError where it is none."""
        copy, view = self._copy(thid), self.view(thid)
        thread = view.thread
        if thread.kind != KIND:
            raise AgentError(f"{thid} is no consent")
        marks = self.spec.kinds[KIND].states[view.state]
        status = self.ledger.status(copy, max(self.now(), thread.received))
        said = {m.type: m.body for m in view.messages if m.token}
        return Consent(
            thid=thid,
            relationship=thread.parent or "",
            person=thread.first,
            vendor=thread.second,
            state=view.state,
            open=thread.record is None and not marks.end,
            live=marks.live,
            owed=marks.over,
            asked=tuple(thread.facts.get("asked", ())),
            purposes=tuple(thread.facts.get("granted", ())),
            request=said.get("consent.request", {}),
            requested_at=thread.opened,
            granted_at=thread.record_at,
            since=status.since,
            deadline=view.deadline,
            record=thread.record,
            propagated=said.get("consent.propagated"),
        )

    def _all_consents(self) -> list[Consent]:
        held = [copy.thread for copy in self.ledger.copies.values()]
        return [self.consent(t.thid) for t in held if t is not None and t.kind == KIND]


class Consenting(_Consents, Relating):
    """A person's side: she grants, narrows, renews and withdraws."""

    def consents(self, vendor: str = "") -> list[Consent]:
        """What she was asked for and has granted, by all organisations or one, ended ones too."""
        found = self._all_consents()
        return [one for one in found if self.owns(one.person) and vendor in ("", one.vendor)]

    async def grant(
        self, thid: str, purposes: Sequence[str] = (), until: str | int = "P1Y", *, check: bool = True
    ) -> Sent:
        """Consent to some of the purposes, by default to all that are asked for, until a time.

        ``until`` is a time, or how long from now.
        """
        one = self.consent(thid)
        body = {"purposes": self._chosen(purposes) or list(one.asked), "valid_until": self._by(until)}
        return await self._under(thid, "consent.grant", body, check)

    async def refuse_consent(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Consent to none of it; none of the purposes is asked for again for six months."""
        self.consent(thid)
        body = {"reason": reason} if reason else {}
        return await self.send("consent.refuse", body, thid=thid, check=check)

    async def narrow(self, thid: str, purposes: Sequence[str], *, check: bool = True) -> Sent:
        """Leave of a consent the purposes named, and no others."""
        self.consent(thid)
        body = {"purposes": self._chosen(purposes)}
        return await self.send("consent.narrow", body, thid=thid, check=check)

    async def renew(self, thid: str, until: str | int = "P1Y", *, check: bool = True) -> Sent:
        """Let a consent hold until another time."""
        self.consent(thid)
        return await self._under(thid, "consent.renew", {"valid_until": self._by(until)}, check)

    async def withdraw_consent(self, thid: str, *, check: bool = True) -> Sent:
        """Take a consent back, whatever has become of everything else."""
        self.consent(thid)
        return await self.send("consent.withdraw", {}, thid=thid, check=check)

    async def withdraw_consents(self, vendor: str = "") -> list[Sent]:
        """Take back all consents in force, with one organisation or with everybody, each by one message.

        What the home refuses is in the list with its problem. Where the home does not answer, the others are
        tried all the same; what was not answered is sent again by :meth:`resume`, and WireError is raised at
        the end.
        """
        sent: list[Sent] = []
        silent: WireError | None = None
        for one in self.consents(vendor):
            if one.live:
                try:
                    sent.append(await self.withdraw_consent(one.thid, check=False))
                except WireError as error:
                    silent = error
        if silent is not None:
            raise silent
        return sent

    async def _under(self, thid: str, type_: str, body: Mapping[str, Any], check: bool) -> Sent:
        """A message under the agreement under which she was asked."""
        agr = self.view(thid).thread.agreement
        return await self.send(type_, body, thid=thid, agr=agr, check=check)

    def _chosen(self, purposes: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(named(self.spec, one) for one in purposes))


class Asking(_Consents, Allowing):
    """An organisation's side: it asks, gives back, and says in time that it has stopped."""

    propagate_within = "P1D"
    """How soon after a withdrawal or lapse it says that it has stopped and told the recipients."""

    def consents(self, person: str = "") -> list[Consent]:
        """What was asked for and granted, by all persons or one, ended ones too."""
        present = self.ledger.present(person, self.signer_for("").iss)
        found = [one for one in self._all_consents() if self.owns(one.vendor)]
        return [one for one in found if not person or one.person == present]

    async def ask_consent(
        self,
        bond: str,
        request: Mapping[str, Any],
        *,
        answer_in: str | int = "P14D",
        check: bool = True,
    ) -> Sent:
        """Ask for a consent; ``request`` is all that she has to know, as :func:`read_request` reads it.

        Purposes, data, processing and rights may be short names; the time at which she was shown the notice
        is now, unless it is said. AgentError where something is missing, and where agreement, rung or
        preferences do not allow it.
        """
        body = _spelled(self.spec, request)
        body["answer_by"] = body.get("answer_by") or self._by(answer_in)
        if isinstance(body.get("notice"), Mapping):
            body["notice"] = {"presented_at": timing.text(self.now()), **body["notice"]}
        if faults := self.spec.faults("messages/consent.request.json", body):
            where = faults[0]["pointer"] or "the request"
            raise AgentError(f"{where} {faults[0]['message']}")
        return await self._begin(bond, "consent.request", body, check=check)

    async def relinquish(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Ask no longer, or give a consent back."""
        self.consent(thid)
        body = {"reason": reason} if reason else {}
        return await self.send("consent.relinquish", body, thid=thid, check=check)

    async def propagate(
        self, thid: str, told: Sequence[str] = (), *, stopped_at: str | int = 0, check: bool = True
    ) -> Sent:
        """Say that what rested on a consent alone has stopped, and who was told (VRM-CNS-008)."""
        self.consent(thid)
        body = {"stopped_at": self._by(stopped_at), "told": list(told)}
        return await self.send("consent.propagated", body, thid=thid, check=check)

    # --- by itself ------------------------------------------------------------------------------

    def owing(self) -> list[tuple[int, Consent]]:
        """The consents that have ended and of which it has yet to say that it has stopped; until when."""
        found = [one for one in self.consents() if one.owed]
        due = [(timing.after(one.since, self.propagate_within), one) for one in found]
        return sorted(due, key=lambda pair: pair[0])

    async def pass_on(self, consent: Consent) -> Sequence[str] | None:
        """Stop, and tell the recipients of a consent that has ended; whom it told, None if a person has to.

        As it stands, this tells nobody: only where there are no recipients is there nothing left to do.
        """
        return None if consent.request.get("recipients") else ()

    async def propagate_due(self) -> list[Sent]:
        """Say of each consent that has ended that it has stopped, where the recipients are told."""
        left: set[str] = self.__dict__.setdefault("_left_to_people", set())
        sent = []
        for until, one in self.owing():
            told = await self.pass_on(one)
            if told is not None:
                sent.append(await self.propagate(one.thid, told, check=False))
            elif one.thid not in left:
                left.add(one.thid)
                by = timing.text(until)
                _log.warning("the recipients of the consent %s have to be told by %s", one.thid, by)
        return sent


def read_request(path: Path | str) -> dict[str, Any]:
    """What is asked for, from a TOML or JSON file: the members of ``consent.request`` without the times.

    ``notice`` may name a ``file`` beside it, of which the digest is taken. ValueError where it is none.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    try:
        said: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    if not isinstance(said, dict):
        raise ValueError(f"{path}: is no table")
    notice = said.get("notice")
    if isinstance(notice, dict) and "file" in notice:
        shown = dict(notice)
        shown["digest"] = digest((path.parent / str(shown.pop("file"))).read_bytes())
        said = {**said, "notice": shown}
    return said


_NAMES = {"purposes": "purpose", "data": "category", "processing": "processing", "rights": "right"}


def _spelled(spec: Spec, request: Mapping[str, Any]) -> dict[str, Any]:
    """A request with IRIs in the place of short names."""
    body = dict(request)
    for member, what in _NAMES.items():
        if isinstance(body.get(member), list | tuple):
            body[member] = [named(spec, str(one), what) for one in body[member]]
    return body
