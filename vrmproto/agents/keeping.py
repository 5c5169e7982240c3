"""What an organisation holds of a person: asked for, given, reported, and corrected.

What it holds is kept in the agent's folder by relationship, and brought up to date from the own copies: so
that nothing is taken in twice, and a correction that was applied is applied here too, whenever it was
interrupted. Source: spec/protocol/data.md, corrections.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vrmproto import timing
from vrmproto.agents.allowing import Allowing, named
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.sharing import Correction, DataRequest, Held, Reading

__all__ = ["Field", "Keeping"]

_SHOP = "held"


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is held: its value, what for, of which categories, from where and as of when.

    ``of`` is the message that a correction changed it by, '' where it stands as it came.
    """

    value: str
    purposes: tuple[str, ...]
    categories: tuple[str, ...]
    source: str
    as_of: str
    of: str = ""


class Keeping(Reading, Allowing):
    """An organisation's side: it holds data, reports them, and answers corrections."""

    # --- what it holds --------------------------------------------------------------------------

    def held(self, bond: str) -> dict[str, Field]:
        """What is held of a person, by the relationship with her; by field."""
        return {name: _field(one) for name, one in self._store(bond)["fields"].items()}

    def hold(
        self,
        bond: str,
        fields: Mapping[str, str],
        *,
        purpose: str,
        categories: Sequence[str],
        source: str = "",
        as_of: str = "",
    ) -> None:
        """Hold data from elsewhere, for a purpose, so that they can be reported and corrected."""
        self.stands(bond)
        store = self._store(bond)
        kinds = tuple(named(self.spec, one, "category") for one in categories)
        wanted, at = named(self.spec, purpose), as_of or timing.text(self.now())
        for name, value in fields.items():
            store["fields"][name] = asdict(Field(value, (wanted,), kinds, source, at))
        self.book.save(_SHOP, bond, store)

    def may_use(self, person: str, field: str, purpose: str) -> bool:
        """Whether a field may be used for a purpose: given for it (VRM-DAT-006), and to be done at all."""
        wanted = named(self.spec, purpose)
        try:
            held = self.held(self.bond_with(person).thid).get(field)
        except AgentError:
            return False
        return held is not None and wanted in held.purposes and self.may(person, wanted)

    def what_we_have(self, person: str = "") -> list[Held]:
        """What was shared with it and reported by it, by message."""
        present = self.ledger.present(person, self.signer_for("").iss)
        found = [one for one in self._all_held() if self.owns(one.vendor)]
        return [one for one in found if not person or one.person == present]

    def _store(self, bond: str) -> dict[str, Any]:
        """What is held, with everything that the own copies say of it."""
        store = {"fields": {}, "taken": [], **self.book.load(_SHOP, bond)}
        if self._copy(bond).erased is not None:
            return store
        before = len(store["taken"])
        taken = set(store["taken"])
        for _, _, mid, changes in sorted(self._changes(bond), key=lambda change: change[:2]):
            if mid not in taken:
                for name, one in changes.items():
                    store["fields"].pop(name, None)
                    store["fields"] |= {name: one} if one is not None else {}
                store["taken"].append(mid)
                taken.add(mid)
        if len(store["taken"]) != before:
            self.book.save(_SHOP, bond, store)
        return store

    def _changes(self, bond: str) -> list[tuple[int, int, str, dict[str, dict[str, Any] | None]]]:
        """What shares and applied corrections make of the fields: when, in which order, by what, and what."""
        found: list[tuple[int, int, str, dict[str, dict[str, Any] | None]]] = []
        for copy in self.ledger.below(bond):
            if copy.thread is None or copy.thread.kind != "data":
                continue
            for link in copy.links:
                message = link.message
                if message.type == "data.share" and message.token and "clear" in message.body["content"]:
                    found.append(
                        (link.claims["iat"], 0, message.mid, _shared(message.body, link.claims["iat"]))
                    )
            for one in self._corrections_of(copy.thid):
                if one.state == "applied" and one.patch:
                    at = self._copy(one.thid).links[-1].claims["iat"]
                    found.append((at, 1, one.thid, self._corrected(one, at)))
        return found

    def _corrected(self, one: Correction, at: int) -> dict[str, dict[str, Any] | None]:
        message = self._message(one.data, one.of)
        about, changes = message.body["about"], {op["path"][1:]: op for op in one.patch if op["op"] != "test"}
        made: dict[str, dict[str, Any] | None] = {}
        for name, op in changes.items():
            kinds, purposes = tuple(about["categories"]), (about["purpose"],)
            source, as_of = "a correction of hers", timing.text(at)
            field = Field(op.get("value", ""), purposes, kinds, source, as_of, one.of)
            made[name] = None if op["op"] == "remove" else asdict(field)
        return made

    # --- asking and reporting -------------------------------------------------------------------

    def data_requests(self, person: str = "") -> list[DataRequest]:
        """What it has asked for and has no answer to."""
        present = self.ledger.present(person, self.signer_for("").iss)
        found = [one for one in self._all_requests() if self.owns(one.vendor)]
        return [one for one in found if not person or one.person == present]

    async def ask_data(
        self,
        bond: str,
        purpose: str,
        items: Mapping[str, str],
        *,
        answer_in: str | int = "P14D",
        check: bool = True,
    ) -> Sent:
        """Ask for data for a purpose: field to category. AgentError if that is not allowed."""
        wanted = [
            {"category": named(self.spec, category, "category"), "path": field}
            for field, category in items.items()
        ]
        body = {"purpose": named(self.spec, purpose), "items": wanted, "answer_by": self._by(answer_in)}
        return await self._begin(bond, "data.request", body, check=check)

    async def retract_data(self, thid: str, *, check: bool = True) -> Sent:
        """Ask no longer."""
        return await self.send("data.retract", {}, thid=thid, check=check)

    async def close_data(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Close a thread of data."""
        return await self.send("data.close", {"reason": reason} if reason else {}, thid=thid, check=check)

    async def report(
        self,
        bond: str,
        fields: Sequence[str] = (),
        *,
        purpose: str = "",
        as_of: str | int = 0,
        check: bool = True,
    ) -> Sent:
        """Report what is held, all of it or some fields, for the purpose for which it is held.

        What was reported for this purpose before is reported anew in its thread. AgentError where nothing is
        held, or for several purposes and none is named.
        """
        held = self.held(bond)
        if unknown := [name for name in fields if name not in held]:
            raise AgentError(f"nothing is held of {', '.join(unknown)}")
        wanted = named(self.spec, purpose) if purpose else ""
        chosen = {
            n: f for n, f in held.items() if (n in fields or not fields) and wanted in ("", *f.purposes)
        }
        purposes = list(dict.fromkeys(one for f in chosen.values() for one in f.purposes))
        if not chosen or (not wanted and len(purposes) > 1):
            raise AgentError("name the purpose" if chosen else "nothing is held for this")
        about: dict[str, Any] = {"purpose": wanted or purposes[0], "fields": list(chosen)}
        about["categories"] = list(dict.fromkeys(c for f in chosen.values() for c in f.categories))
        about["as_of"] = self._by(as_of)
        about |= {"sources": s} if (s := {n: f.source for n, f in chosen.items() if f.source}) else {}
        body = {"about": about, "content": {"clear": {n: f.value for n, f in chosen.items()}}}
        earlier = [
            one
            for one in self.what_we_have()
            if (one.relationship, one.type, one.state, one.purpose)
            == (bond, "data.report", "reported", about["purpose"])
        ]
        if not earlier:
            return await self._begin(bond, "data.report", body, check=check)
        agreed = self.ground(bond, "data.report", body, earlier[-1].thid)
        return await self.send("data.report", body, thid=earlier[-1].thid, agr=agreed.record, check=check)

    # --- corrections ----------------------------------------------------------------------------

    def corrections(self, person: str = "") -> list[Correction]:
        """Corrections of what it holds, answered ones too."""
        present = self.ledger.present(person, self.signer_for("").iss)
        found = [one for one in self._all_corrections() if self.owns(one.vendor)]
        return [one for one in found if not person or one.person == present]

    def objections(self, thid: str) -> dict[str, str]:
        """Why a correction cannot be applied as a whole, by path; {} where it can (VRM-COR-005)."""
        one = self.correction(thid)
        if self._is_gone(one):
            return dict.fromkeys(one.paths or ("/",), "Nothing of this is held any more.")
        if not any(message.mid == one.of and message.token for message in self.view(one.data).messages):
            return dict.fromkeys(one.paths, "It is about a message that does not exist.")
        held, found = self.held(one.relationship), dict[str, str]()
        for op in one.patch:
            name = op["path"][1:]
            field, known = held.get(name), held.get(name) is not None
            if op["op"] == "test":
                followed = field is not None and field.of == one.of
                if field is None or (field.value != op.get("value") and not followed):
                    found[op["path"]] = "Something else is held here." if known else "Nothing is held here."
            elif op["op"] in ("replace", "remove") and not known:
                found[op["path"]] = "Nothing is held here."
        return found

    def _is_gone(self, one: Correction) -> bool:
        """What it corrects has been erased, and that was attested."""
        return not one.relationship or self._copy(one.relationship).erased is not None

    async def apply_correction(self, thid: str, *, check: bool = True) -> Sent:
        """Hold what she has said, at every path. AgentError where it does not fit what is held."""
        if found := self.objections(thid):
            raise AgentError("; ".join(f"{path}: {why}" for path, why in found.items()))
        sent = await self.send("correction.apply", {"applied_at": self._by(0)}, thid=thid, check=check)
        self.held(self.correction(thid).relationship)
        return sent

    async def refuse_correction(
        self, thid: str, reasons: Mapping[str, str] | str = "", *, check: bool = True
    ) -> Sent:
        """Change nothing, and say why: by path, or one reason for all of them; '' says nothing.

        AgentError for a path that the correction does not name (VRM-COR-009).
        """
        one = self.correction(thid)
        said = dict.fromkeys(one.paths, reasons) if isinstance(reasons, str) else dict(reasons)
        said = {path: why for path, why in said.items() if why and path != "/"}
        if strange := sorted(said.keys() - set(one.paths)):
            raise AgentError(f"the correction names no {', '.join(strange)}")
        sent = await self.send("correction.refuse", {"reasons": said}, thid=thid, check=check)
        if self._is_gone(one) and not self.correction(thid).open and self._copy(thid).erased is None:
            self.ledger.erase(thid, {"at": self.now()}, ())
        return sent

    async def answer_corrections(self) -> list[Sent]:
        """Apply every correction that fits what is held, and refuse the others path by path."""
        sent = []
        for one in self.corrections():
            if one.open:
                if found := self.objections(one.thid):
                    sent.append(await self.refuse_correction(one.thid, found, check=False))
                else:
                    sent.append(await self.apply_correction(one.thid, check=False))
        return sent

    # --- the end --------------------------------------------------------------------------------

    def _erase_below(self, thid: str, why: Mapping[str, Any]) -> None:
        """What was said and given below a relationship; consents stay, for they prove what was allowed."""
        for copy in self.ledger.below(thid):
            kind = copy.thread.kind if copy.thread is not None else ""
            for below in [*self.ledger.below(copy.thid), copy] if kind in ("data", "dialogue") else []:
                if below.erased is None:
                    self._erase_traces(below.thid)
                    self.ledger.erase(below.thid, {**why, "above": thid}, ())
        self.book.drop(_SHOP, thid)


def _shared(body: Mapping[str, Any], at: int) -> dict[str, dict[str, Any] | None]:
    about, fields = body["about"], body["content"]["clear"]
    kinds, purposes = tuple(about["categories"]), (about["purpose"],)
    return {
        name: asdict(Field(value, purposes, kinds, "you shared it", timing.text(at)))
        for name, value in fields.items()
    }


def _field(one: Mapping[str, Any]) -> Field:
    return Field(**{**one, "purposes": tuple(one["purposes"]), "categories": tuple(one["categories"])})
