"""Data that a person gives, verifies and corrects: her side, and what both sides read.

Source: spec/protocol/data.md, corrections.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vrmproto import patching
from vrmproto.agents.allowing import named
from vrmproto.agents.relating import Agreed, Relating
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.viewing import Viewing
from vrmproto.envelope import Message
from vrmproto.ladder import Grounds

__all__ = ["CATEGORIES", "Correction", "DataRequest", "Held", "Reading", "Sharing", "patch_of"]

CATEGORIES = {
    "name": "Name",
    "email": "EmailAddress",
    "phone": "TelephoneNumber",
    "address": "PhysicalAddress",
    "language": "Language",
    "country": "Country",
    "username": "Username",
}
"""The categories of fields by their usual names; of others they have to be said."""

_TOLD = ("data.share", "data.report")


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What an organisation asks for, without an answer yet; ``deadline`` is until when she may answer."""

    thid: str
    relationship: str
    person: str
    vendor: str
    state: str
    purpose: str
    items: tuple[Mapping[str, str], ...]
    deadline: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """Data that an organisation has, by one message: what she shared, or what it reports.

    ``values`` are the fields as they are after the corrections that were applied, {} where they are a file;
    ``ended`` says that the relationship has ended, ``erased`` that the organisation has attested its erasing.
    """

    thid: str
    mid: str
    type: str
    relationship: str
    person: str
    vendor: str
    state: str
    purpose: str
    fields: tuple[str, ...]
    categories: tuple[str, ...]
    values: Mapping[str, str]
    since: int
    as_of: str
    verified_as_of: str
    sources: Mapping[str, str]
    corrections: tuple[Correction, ...]
    ended: bool
    erased: bool


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction; ``late`` says that it was not answered in time, ``open`` that it still may be."""

    thid: str
    data: str
    relationship: str
    person: str
    vendor: str
    state: str
    of: str
    patch: tuple[Mapping[str, str], ...]
    reason: str
    at: int
    deadline: int | None
    open: bool
    reasons: Mapping[str, str]
    """Why it was refused, by path."""

    @property
    def late(self) -> bool:
        """The time to answer has passed."""
        return self.state == "overdue"

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that it changes."""
        changing = (op["path"] for op in self.patch if op["op"] != "test")
        return tuple(dict.fromkeys(changing))


def patch_of(
    fields: Mapping[str, str], right: Mapping[str, str | None], now: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """The JSON Patch from the fields of a message to what is right, each with its ``test``.

    None: a field is not to be there. ``now`` is what has become of the fields by corrections since.
    """
    patch: list[dict[str, str]] = []
    for name, value in right.items():
        path, present = f"/{name}", fields.get(name)
        if (fields if now is None else now).get(name) == value:
            continue
        if present is not None:
            patch.append({"op": "test", "path": path, "value": present})
        if value is not None:
            op = "add" if present is None else "replace"
            patch.append({"op": op, "path": path, "value": value})
        elif present is not None:
            patch.append({"op": "remove", "path": path})
    return patch


class Reading(Viewing):
    """What both sides read of data and corrections."""

    def _all_requests(self) -> list[DataRequest]:
        found = []
        for view in self.views():
            thread = view.thread
            if thread.kind != "data" or view.state != "requested" or not view.messages[0].token:
                continue
            body, bond = view.messages[0].body, thread.parent or ""
            found.append(
                DataRequest(
                    thid=view.thid,
                    relationship=bond,
                    person=thread.first,
                    vendor=thread.second,
                    state=view.state,
                    purpose=body["purpose"],
                    items=tuple(body["items"]),
                    deadline=view.deadline,
                )
            )
        return found

    def _all_held(self) -> list[Held]:
        held = [copy.thread for copy in self.ledger.copies.values()]
        data = [t.thid for t in held if t is not None and t.kind == "data"]
        return [one for thid in data for one in self.held_in(thid)]

    def held_in(self, thid: str) -> list[Held]:
        """What an organisation has by a data thread: all that was shared, or the last report."""
        copy, view = self._copy(thid), self.view(thid)
        thread = view.thread
        if thread.kind != "data":
            raise AgentError(f"{thid} is no thread of data")
        bond = self.view(thread.parent or "")
        marks = self.spec.kinds[bond.thread.kind].states[bond.state]
        corrections = self._corrections_of(thid)
        found: list[Held] = []
        verified = ""
        for link in copy.links:
            message = link.message
            if message.type == "data.verify" and message.token:
                verified = message.body["as_of"]
            if message.type not in _TOLD or not message.token:
                continue
            verified = ""
            about = message.body["about"]
            own = tuple(one for one in corrections if one.of == message.mid)
            if message.type == "data.report":
                found = []
            found.append(
                Held(
                    thid=thid,
                    mid=message.mid,
                    type=message.type,
                    relationship=thread.parent or "",
                    person=thread.first,
                    vendor=thread.second,
                    state=view.state,
                    purpose=about["purpose"],
                    fields=tuple(about["fields"]),
                    categories=tuple(about["categories"]),
                    values=_values(message, own),
                    since=link.claims["iat"],
                    as_of=about.get("as_of", ""),
                    verified_as_of="",
                    sources=about.get("sources", {}),
                    corrections=own,
                    ended=marks.over or marks.end,
                    erased=marks.erased,
                )
            )
        if found and verified:
            found[-1] = replace(found[-1], verified_as_of=verified)
        return found

    def correction(self, thid: str) -> Correction:
        """One correction, by its thread; AgentError where it is none."""
        view = self.view(thid)
        thread = view.thread
        if thread.kind != "correction":
            raise AgentError(f"{thid} is no correction")
        body = view.messages[0].body
        above = self.ledger.copy(thread.parent or "")
        said = next((m.body for m in view.messages if m.type == "correction.refuse" and m.token), {})
        return Correction(
            thid=thid,
            data=thread.parent or "",
            relationship=(above.thread.parent if above and above.thread else None) or "",
            person=thread.first,
            vendor=thread.second,
            state=view.state,
            of=body.get("of", ""),
            patch=tuple(body.get("patch", ())),
            reason=body.get("reason", ""),
            at=thread.opened,
            deadline=view.deadline,
            open=not self.spec.kinds["correction"].states[view.state].end,
            reasons=said.get("reasons", {}),
        )

    def _corrections_of(self, data: str) -> list[Correction]:
        below = (copy.thread for copy in self.ledger.below(data))
        return [self.correction(t.thid) for t in below if t is not None and t.kind == "correction"]

    def _all_corrections(self) -> list[Correction]:
        held = [copy.thread for copy in self.ledger.copies.values()]
        return [self.correction(t.thid) for t in held if t is not None and t.kind == "correction"]

    def _message(self, data: str, mid: str) -> Message:
        """A message of a data thread with its fields; AgentError where it is not held with any."""
        found = next((m for m in self.view(data).messages if m.mid == mid and m.token), None)
        if found is None or "clear" not in found.body.get("content", {}):
            raise AgentError(f"{mid} is no message of {data} with fields that can be corrected")
        return found


def _values(message: Message, corrections: Sequence[Correction]) -> Mapping[str, str]:
    fields: Mapping[str, str] = message.body["content"].get("clear", {})
    values = dict(fields)
    for one in corrections:
        made = patching.applied(one.patch, fields) if one.state == "applied" else None
        if made is not None:
            for path in one.paths:
                values.pop(path[1:], None)
                values |= {path[1:]: made[path[1:]]} if path[1:] in made else {}
    return values


class Sharing(Reading, Relating):
    """A person's side: she gives data, and has them corrected."""

    # --- reading --------------------------------------------------------------------------------

    def data_requests(self, vendor: str = "") -> list[DataRequest]:
        """What she is asked for and has not answered."""
        return [o for o in self._all_requests() if self.owns(o.person) and vendor in ("", o.vendor)]

    def what_they_have(self, vendor: str = "") -> list[Held]:
        """What each organisation has of her, or one: what she shared, and what it reported last."""
        return [o for o in self._all_held() if self.owns(o.person) and vendor in ("", o.vendor)]

    def corrections(self, vendor: str = "") -> list[Correction]:
        """Her corrections, answered ones too."""
        return [o for o in self._all_corrections() if self.owns(o.person) and vendor in ("", o.vendor)]

    # --- giving ---------------------------------------------------------------------------------

    async def share(
        self,
        thid: str,
        fields: Mapping[str, str],
        *,
        purpose: str = "",
        categories: Sequence[str] = (),
        file: bytes | None = None,
        media_type: str = "application/octet-stream",
        check: bool = True,
    ) -> Sent:
        """Give data: asked for in the thread ``thid`` of a request, more of what was shared, or unasked.

        Unasked ``thid`` is the relationship, and ``purpose`` what they may be used for (VRM-DAT-006). With a
        ``file`` the fields are names of what is in it. AgentError where a category is not known.
        """
        view = self.view(thid)
        thread, data = view.thread, view.thread.kind == "data"
        bond = thread.parent or "" if data else thid
        asked = view.messages[0].body if data else {}
        first = asked.get("about", asked)
        wanted = named(self.spec, purpose) if purpose else str(first.get("purpose", ""))
        if not wanted:
            raise AgentError("name the purpose for which they may be used")
        signer = self._signer_in(thread)
        about = {
            "purpose": wanted,
            "fields": list(fields),
            "categories": self._categories(fields, categories, asked),
        }
        content: dict[str, Any] = {"clear": dict(fields)}
        if file is not None:
            content = {"ref": await self.put_blob(file, media_type, signer=signer)}
        body = {"about": about, "content": content}
        agr = self._agreed_for(bond, wanted).record
        if data:
            return await self.send("data.share", body, thid=thid, agr=agr, check=check)
        to = thread.second
        return await self.send("data.share", body, to=to, signer=signer, pthid=bond, agr=agr, check=check)

    def _categories(
        self, fields: Mapping[str, str], said: Sequence[str], asked: Mapping[str, Any]
    ) -> list[str]:
        """Those that are said; else those of the request, or the usual ones of the fields."""
        if said:
            return [named(self.spec, one, "category") for one in said]
        wanted = {one.get("path", ""): one["category"] for one in asked.get("items", ())}
        usual = {name: named(self.spec, one, "category") for name, one in CATEGORIES.items()}
        known = usual | wanted
        if unknown := [name for name in fields if name not in known]:
            raise AgentError(f"name the category of {', '.join(unknown)}")
        return list(dict.fromkeys(known[name] for name in fields))

    def _agreed_for(self, bond: str, purpose: str) -> Agreed:
        """An agreement in force, one that allows a purpose if there is one."""
        standing = self.stands(bond)
        if standing.over or not standing.agreements:
            raise AgentError(f"no agreement with {standing.vendor} is in force in this relationship")
        consents = self.consented(bond)
        fitting = [
            one
            for one in standing.agreements
            if Grounds(self.spec.purposes, one.clauses, consents).allow(purpose)
        ]
        return (fitting or list(standing.agreements))[-1]

    async def refuse_data(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Give nothing; it is not asked for this purpose for six months."""
        body = {"reason": reason} if reason else {}
        return await self.send("data.refuse", body, thid=self._data(thid), check=check)

    async def verify_data(self, thid: str, as_of: str | int = 0, *, check: bool = True) -> Sent:
        """Say that what was reported is right as of a time, by default now."""
        body = {"as_of": self._by(as_of)}
        return await self.send("data.verify", body, thid=self._data(thid), check=check)

    async def close_data(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Share no more in a thread, or hear no more reports in it."""
        body = {"reason": reason} if reason else {}
        return await self.send("data.close", body, thid=self._data(thid), check=check)

    def _data(self, thid: str) -> str:
        if self.view(thid).thread.kind != "data":
            raise AgentError(f"{thid} is no thread of data")
        return thid

    # --- correcting -----------------------------------------------------------------------------

    async def correct(
        self,
        thid: str,
        right: Mapping[str, str | None],
        *,
        of: str = "",
        reason: str = "",
        answer_in: str | int = "P1M",
        check: bool = True,
    ) -> Sent:
        """Say what is right in data that an organisation holds; None: it is not to hold this at all.

        ``of`` is the message of the data thread, by default the last one with any of the fields. AgentError
        where there is nothing to correct.
        """
        signer = self._signer_in(self.view(self._data(thid)).thread)
        to, body = self._correcting(thid, right, of, reason, answer_in)
        return await self.send("correction.submit", body, to=to, signer=signer, pthid=thid, check=check)

    def _correcting(
        self, thid: str, right: Mapping[str, str | None], of: str, reason: str, answer_in: str | int
    ) -> tuple[str, dict[str, Any]]:
        """The addressee and the body of a correction."""
        held = [one for one in self.held_in(thid) if one.values or one.corrections]
        if not of:
            fitting = [one.mid for one in held if set(right) & set(one.fields)] or [o.mid for o in held]
            if not fitting:
                raise AgentError(f"{thid} holds nothing that can be corrected")
            of = fitting[-1]
        message = self._message(thid, of)
        now = next((one.values for one in held if one.mid == of), None)
        patch = patch_of(message.body["content"]["clear"], right, now)
        if not patch:
            raise AgentError("there is nothing to correct: it holds that already")
        body: dict[str, Any] = {"of": of, "patch": patch}
        body |= {"reason": reason} if reason else {}
        body["answer_by"] = self._by(answer_in)
        return self.view(thid).thread.second, body

    async def withdraw_correction(self, thid: str, *, check: bool = True) -> Sent:
        """No longer ask for a correction."""
        self.correction(thid)
        return await self.send("correction.withdraw", {}, thid=thid, check=check)
