"""The closed list of guards, each a pure function that raises or is silent.

A guard judges what the table cannot: it may read body, kept facts and context, never the clock or a store.
Adding one is a change of the protocol. Source: spec/protocol/threads.md "Guards", terms.md, identity.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vrmproto import keys, proofs, timing
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.model import Context, Thread
from vrmproto.roster import Roster
from vrmproto.spec import Kind, Row, Spec

__all__ = ["GUARDS", "IDENTIFYING", "Case", "pointed"]


@dataclass(frozen=True, slots=True)
class Case:
    """What a guard judges; ``thread`` is None for an opening message."""

    spec: Spec
    kind: Kind
    row: Row
    thread: Thread | None
    message: Message
    now: int
    context: Context
    deadline: int | None
    """The deadline that this message's own body sets."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The kept facts of the thread, or for an opening message those of its parent."""
        if self.thread is not None:
            return self.thread.facts
        return self.context.parent.thread.facts if self.context.parent else {}


def pointed(value: Any, pointer: str) -> Any:
    """What a JSON Pointer (object members only) leads to, or None."""
    for part in pointer.split("/")[1:]:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def person_opens(case: Case) -> None:
    """VRM-THR-024."""
    if not case.message.iss.startswith(keys.DID):
        detail = "this is opened by a person, who is named by a did:jwk"
        raise ProtocolError("person-required", detail, rule="VRM-THR-024")


def _terms(case: Case) -> Mapping[str, Any]:
    """Where the message names agreements: its body, or the member ``terms`` of it."""
    terms: Mapping[str, Any] = case.message.body.get("terms", case.message.body)
    return terms


def _named(terms: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for member in ("preferred", "agreement"):
        if member in terms:
            yield terms[member]
    yield from terms.get("acceptable", ())


def _roster(case: Case, terms: Mapping[str, Any], rule: str) -> Roster:
    reference = terms.get("roster") or case.facts.get("roster") or {}
    roster = case.spec.rosters.get((str(reference.get("id")), str(reference.get("version"))))
    if roster is None:
        raise ProtocolError("roster-unknown", "this home does not hold the roster named", rule=rule)
    return roster


def roster_member(case: Case) -> None:
    """VRM-TRM-001, VRM-TRM-002; for an alternative VRM-TRM-006."""
    terms = _terms(case)
    rule = "VRM-TRM-001" if "roster" in terms else "VRM-TRM-006"
    roster = _roster(case, terms, rule)
    for reference in _named(terms):
        agreement = roster.find(reference)
        if agreement is None:
            detail = f"the roster {roster.id} {roster.version} has no such agreement"
            raise ProtocolError("roster-unknown", detail, rule=rule)
        if agreement.digest != reference["digest"]:
            detail = f"the digest is not that of {agreement.id} {agreement.version} in this roster"
            raise ProtocolError("agreement-mismatch", detail, rule="VRM-TRM-002")


def _offered(facts: Mapping[str, Any]) -> list[Any]:
    return [facts.get("preferred"), *(facts.get("acceptable") or ())]


def accepts_offered_terms(case: Case) -> None:
    """VRM-TRM-004, VRM-TRM-005."""
    body = case.message.body
    if body["accepts"] != case.facts.get("offer"):
        detail = "accepts is to be the mid of the terms on offer"
        raise ProtocolError("terms-not-offered", detail, rule="VRM-TRM-004")
    if body["agreement"] not in _offered(case.facts):
        detail = "the agreement is not one of those on offer, with id, version and digest"
        raise ProtocolError("terms-not-offered", detail, rule="VRM-TRM-005")


def alternative_differs(case: Case) -> None:
    """VRM-TRM-007."""
    body = case.message.body
    wanted = (body["agreement"]["id"], body["agreement"]["version"])
    listed = [(a["id"], a["version"]) for a in _offered(case.facts) if a]
    if body["alternative_to"] != case.facts.get("offer") or wanted in listed:
        detail = "an alternative names the proffer, and an agreement that the proffer does not list"
        raise ProtocolError("alternative-not-new", detail, rule="VRM-TRM-007")


def deadline_ahead(case: Case) -> None:
    """VRM-THR-020, VRM-THR-021."""
    deadline, row = case.deadline, case.row
    if deadline is None:
        return
    start = case.thread.opened if row.from_opening and case.thread else case.now
    if deadline <= case.now or (row.max and deadline > timing.after(start, row.max)):
        bound = f" and at most {row.max} ahead" if row.max else ""
        detail = f"the deadline {row.deadline} is to lie after now{bound}"
        raise ProtocolError("deadline-invalid", detail, rule="VRM-THR-020")
    for fact in case.kind.timed & row.keep.keys():
        pointer = row.keep[fact] or ""
        kept = pointed(case.message.body, pointer) if pointer.startswith("/") else None
        if kept is not None and not _lies_after(kept, deadline, case.now):
            detail = f"{pointer} is to lie after {row.deadline}"
            raise ProtocolError("deadline-invalid", detail, rule="VRM-THR-021")


def _lies_after(kept: str, deadline: int, now: int) -> bool:
    try:
        return timing.moment(kept, now) > deadline
    except ValueError:
        return False


def _refuse_rotation(rule: str) -> ProtocolError:
    return ProtocolError("thread-unknown", "there is no such thread for this sender", rule=rule)


def rotate_proof(case: Case) -> None:
    """VRM-ID-020, VRM-ID-021, VRM-ID-022; every refusal looks like an unknown thread."""
    thread = case.thread
    if thread is None or not case.message.iss.startswith(keys.DID):
        raise _refuse_rotation("VRM-ID-021")
    if case.context.next_key is not None:
        if case.context.next_key != case.message.key.kid:
            raise _refuse_rotation("VRM-ID-020")
    elif not proofs.holds(case.spec, case.message, second=thread.second, thid=thread.thid, at=case.now):
        raise _refuse_rotation("VRM-ID-021")
    if case.context.taken:
        raise _refuse_rotation("VRM-ID-022")


GUARDS: dict[str, Callable[[Case], None]] = {
    "person-opens": person_opens,
    "roster-member": roster_member,
    "deadline-ahead": deadline_ahead,
    "accepts-offered-terms": accepts_offered_terms,
    "alternative-differs": alternative_differs,
    "rotate-proof": rotate_proof,
}

IDENTIFYING = frozenset({"rotate-proof"})
"""Guards that say whether the sender is a party at all: asked where parties are found (VRM-ID-026)."""
