"""The closed list of guards, each a pure function that raises or is silent.

A guard judges what the table cannot: it may read body, kept facts and context, never the clock or a store.
Adding one is a change of the protocol. Source: spec/protocol/threads.md "Guards", terms.md, identity.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrmproto import keys, patching, places, preferences, proofs, timing
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.ladder import Grounds, Ladder
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
    """VRM-TRM-004, VRM-TRM-005; below a parent VRM-OFR-004, VRM-OFR-005."""
    body = case.message.body
    named, listed = ("VRM-OFR-004", "VRM-OFR-005") if case.message.pthid else ("VRM-TRM-004", "VRM-TRM-005")
    if body["accepts"] != case.facts.get("offer"):
        detail = "accepts is to be the mid of the terms on offer"
        raise ProtocolError("terms-not-offered", detail, rule=named)
    if body["agreement"] not in _offered(case.facts):
        detail = "the agreement is not one of those on offer, with id, version and digest"
        raise ProtocolError("terms-not-offered", detail, rule=listed)


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
        raise _refuse_rotation("VRM-ID-022")
    if case.context.next_key is not None:
        if case.context.next_key != case.message.key.kid:
            raise _refuse_rotation("VRM-ID-020")
    elif not proofs.holds(case.spec, case.message, second=thread.second, thid=thread.thid, at=case.now):
        raise _refuse_rotation("VRM-ID-021")
    if case.context.taken:
        raise _refuse_rotation("VRM-ID-022")


def _rules(case: Case) -> Mapping[str, Any]:
    """``offer_rules`` of the parent, as they are in force."""
    parent = case.context.parent
    rules: Mapping[str, Any] = parent.thread.facts.get("rules", {}) if parent else {}
    return rules


def intent_open(case: Case) -> None:
    """VRM-OFR-001, VRM-OFR-002."""
    parent = case.context.parent
    if parent is None or case.context.blind:
        return
    if parent.status.state != "open":
        detail = f"the intent is {parent.status.state} and takes no offers"
        raise ProtocolError("intent-not-open", detail, rule="VRM-OFR-001", state=parent.status.state)
    most = places.accepted(parent.thread.facts)
    if most is not None and case.context.filled >= most:
        detail = "the intent has all the offers confirmed that it accepts"
        raise ProtocolError("intent-not-open", detail, rule="VRM-OFR-002")


def version_current(case: Case) -> None:
    """VRM-INT-007 for a message of the thread itself, VRM-OFR-003 for one below it."""
    parent, named = case.context.parent, case.message.body["version"]
    if parent is None:
        if named != case.facts.get("version", 0) + 1:
            detail = f"the next version is {case.facts.get('version', 0) + 1}"
            raise ProtocolError("intent-stale", detail, rule="VRM-INT-007")
        return
    current = parent.thread.facts.get("version", 0)
    if named != current and not (case.context.blind and named < current):
        raise ProtocolError("intent-stale", f"the version in force is {current}", rule="VRM-OFR-003")


def offer_rules(case: Case) -> None:
    """VRM-OFR-006 to VRM-OFR-010."""
    parent, rules, message = case.context.parent, _rules(case), case.message
    if parent is None:
        return
    counts = parent.thread.counts
    if case.thread is None and not case.context.blind:
        if counts.get("offers", 0) >= rules["offers"]:
            detail = f"the intent takes {rules['offers']} offers in all"
            raise ProtocolError("offer-limit", detail, rule="VRM-OFR-006")
        if counts.get(f"offers:{message.iss}", 0) >= rules["per_vendor"]:
            detail = f"the intent takes {rules['per_vendor']} offers of one vendor"
            raise ProtocolError("offer-limit", detail, rule="VRM-OFR-007")
    _check_currencies(message.body, rules)
    if message.iss.startswith(keys.DID) and not rules["unverified"]:
        detail = "the intent takes offers of vendors with a domain only"
        raise ProtocolError("vendor-unverified", detail, rule="VRM-OFR-010")


def _check_currencies(body: Mapping[str, Any], rules: Mapping[str, Any]) -> None:
    total, taken = body["total"]["currency"], rules.get("currencies")
    for price in (body["total"], *(item["price"] for item in body["items"])):
        if taken is not None and price["currency"] not in taken:
            detail = f"the intent takes {', '.join(taken)}"
            raise ProtocolError("currency-not-allowed", detail, rule="VRM-OFR-008")
        if price["currency"] != total:
            detail = "the prices are to be in the currency of the total"
            raise ProtocolError("currency-not-allowed", detail, rule="VRM-OFR-009")


def takes_current(case: Case) -> None:
    """VRM-OFR-011."""
    if case.message.body["takes"] != case.facts.get("offer"):
        detail = "takes is to be the mid of the offer as it stands"
        raise ProtocolError("offer-stale", detail, rule="VRM-OFR-011")


def accepts_left(case: Case) -> None:
    """VRM-OFR-012."""
    parent = case.context.parent
    most = places.accepted(parent.thread.facts) if parent else None
    if most is not None and not case.context.blind and case.context.held + case.context.filled >= most:
        detail = f"the intent accepts {most} at one time"
        raise ProtocolError("accepts-used-up", detail, rule="VRM-OFR-012")


def fields_listed(case: Case) -> None:
    """VRM-OFR-017."""
    about = case.message.body["about"]
    listed = {d["field"] for d in case.facts.get("disclose", ()) if d["purpose"] == about["purpose"]}
    if not listed.issuperset(about["fields"]):
        detail = "a field is not one that the intent listed for this purpose"
        raise ProtocolError("fields-not-listed", detail, rule="VRM-OFR-017")


def introduce_proof(case: Case) -> None:
    """VRM-OFR-020."""
    thread, message = case.thread, case.message
    fits = thread is not None and message.body["id"] not in thread.pair
    if thread is None or not fits or not proofs.introduces(case.spec, message, thread.second, case.now):
        detail = "proof is to be by id, for this sender, vendor, home and thread, and of the last day"
        raise ProtocolError("proof-invalid", detail, rule="VRM-OFR-020")


def blobs_held(case: Case) -> None:
    """VRM-BLB-004."""
    if case.context.blind:
        return
    for named in case.spec.types[case.message.type].blobs(case.message.body):
        digest = named["sha256"]
        held = case.context.blobs.get(digest) == named["size"]
        if not held or named["url"] != case.context.blob_url + digest:
            detail = "a blob is to be put here first, within the hour, and named by its URL and size here"
            raise ProtocolError("blob-unknown", detail, rule="VRM-BLB-004")


def _relationship(case: Case) -> Thread | None:
    """The relationship: the parent of what is below it, or the thread itself."""
    return case.context.parent.thread if case.context.parent else case.thread


def _said(case: Case) -> Mapping[str, Any]:
    """What the relationship keeps: stage, ladder, preferences."""
    above = _relationship(case)
    return above.facts if above else {}


def _times(case: Case, counter: str) -> Sequence[int]:
    """The times of a counter of the relationship."""
    above = _relationship(case)
    return above.counts.get(counter, ()) if above else ()


def agreement_live(case: Case) -> None:
    """VRM-REL-001, VRM-REL-014, VRM-REL-015."""
    named, parent = case.context.named, case.context.parent
    if named is None:
        return  # an agent may not hold the thread of the agreement
    above = case.thread or (parent.thread if parent else named.thread)
    live = case.spec.kinds[named.thread.kind].states[named.status.state].live
    if case.context.blind and named.status.dead_at == case.now:
        live = True  # the home alone knows which of the two came first
    if named.thread.pair != above.pair or not live:
        detail = "agr is to name an agreement between the two that is in force"
        raise ProtocolError("agreement-not-live", detail, rule="VRM-REL-001")
    if parent is None:
        return
    if case.thread is None and parent.status.over_at is not None and not case.context.blind:
        detail = "the relationship has ended: nothing is opened below it"
        raise ProtocolError("agreement-not-live", detail, rule="VRM-REL-015")
    rests = case.spec.kinds[parent.thread.kind].states[parent.status.state].rests
    if rests and case.message.iss == above.second and not case.context.blind:
        detail = "she lets the relationship rest"
        raise ProtocolError("relationship-paused", detail, rule="VRM-REL-014")


def one_per_pair(case: Case) -> None:
    """VRM-REL-003, VRM-REL-004."""
    if any(other.status.over_at is None for other in case.context.siblings):
        detail = "the two have one that has not ended"
        raise ProtocolError("already-open", detail, rule="VRM-REL-003")


def ladder_held(case: Case) -> None:
    """VRM-LAD-001."""
    if case.message.body["ladder"] not in case.context.ladders and not case.context.blind:
        detail = "a ladder is that of the spec, the one in force, or a blob put here within the hour"
        raise ProtocolError("ladder-unknown", detail, rule="VRM-LAD-001")


def _rung(case: Case) -> tuple[Ladder, int] | None:
    """The ladder by which a message is judged, and the rung (VRM-LAD-003 to VRM-LAD-005)."""
    said = _said(case)
    found = case.context.ladders.get(case.message.body.get("ladder") or said.get("ladder", ""))
    if found is None or case.context.named is None:
        return None  # an agent may not hold it, or not the thread of the agreement
    return found, found.reached(said.get("stage"), _grounds(case))


def _grounds(case: Case) -> Grounds:
    """The agreement that the message names in ``agr``, and the consents in force."""
    facts = case.context.named.thread.facts if case.context.named else {}
    listed = facts.get("roster", {})
    roster = case.spec.rosters.get((listed.get("id", ""), listed.get("version", "")))
    agreement = roster.find(facts["agreement"]) if roster and "agreement" in facts else None
    return Grounds(case.spec.purposes, agreement.clauses if agreement else {}, case.context.consents)


def step_allowed(case: Case) -> None:
    """VRM-LAD-006 to VRM-LAD-009."""
    judged = _rung(case)
    if judged is None:
        return
    held, present = judged
    wanted = held.place(case.message.body["stage"])
    if case.row.by == "second":
        if wanted != present + 1:
            detail = "an invitation is to name the next rung above the present one"
            raise ProtocolError("step-forbidden", detail, rule="VRM-LAD-009")
        return
    if wanted is None or wanted <= present:
        detail = "a step is to name a rung of the ladder above the present one"
        raise ProtocolError("step-forbidden", detail, rule="VRM-LAD-006")
    if not _grounds(case).reach(held.rungs[wanted]):
        detail = "a purpose of this rung is within neither the agreement nor a consent"
        raise ProtocolError("step-forbidden", detail, rule="VRM-LAD-007")


def stage_allows(case: Case) -> None:
    """VRM-LAD-010, VRM-LAD-011."""
    judged = _rung(case)
    if judged is None:
        return
    held, present = judged
    if case.message.type not in held.rungs[present].types:
        detail = "the rung she is on does not list this type"
        raise ProtocolError("stage-forbids", detail, rule="VRM-LAD-010")
    body = case.message.body
    at = held.place(body["stage"]) if "stage" in body else present
    if at is not None and not _asked(body) <= held.rungs[at].categories:
        detail = "the rung does not list a category that is asked for"
        raise ProtocolError("stage-forbids", detail, rule="VRM-LAD-011")


def _asked(body: Mapping[str, Any]) -> set[str]:
    """The categories of personal data that a message asks for."""
    return {
        *body.get("data", ()),
        *(one["category"] for one in (*body.get("asks", ()), *body.get("items", ()))),
    }


ASKED_AGAIN = "P6M"
"""For how long what she has declined or refused is not asked again."""


def not_asked_again(case: Case) -> None:
    """VRM-REL-005; up to the second in which the time is over, VRM-REL-028."""
    body = case.message.body
    wanted = body.get("purposes") or [body.get("stage") or body.get("purpose")]
    for one in wanted:
        if any(timing.after(at, ASKED_AGAIN) > case.now for at in _times(case, f"refused:{one}")[-1:]):
            detail = "she has said no to this within the last six months"
            raise ProtocolError("asked-again", detail, rule="VRM-REL-005")


def preference_allows(case: Case) -> None:
    """VRM-REL-006 to VRM-REL-008."""
    said = _said(case).get("preferences", {})
    if preferences.quiet(said, case.now) and not case.context.blind:  # zones change, and homes learn first
        detail = "these are quiet hours in her zone"
        raise ProtocolError("preference-forbids", detail, rule="VRM-REL-006")
    if preferences.often(said, _times(case, "said"), case.now):
        detail = "she wants no more of these within this time"
        raise ProtocolError("preference-forbids", detail, rule="VRM-REL-007")


def not_prohibited(case: Case) -> None:
    """VRM-CNS-001. What is allowed anyway may be asked for all the same: VRM-CNS-018."""
    if case.context.named is None:
        return  # an agent may not hold the thread of the agreement
    grounds = _grounds(case)
    if any(map(grounds.prohibit, case.message.body["purposes"])):
        detail = "the agreement prohibits one of the purposes, whatever the consent"
        raise ProtocolError("terms-prohibit", detail, rule="VRM-CNS-001")


def within_terms(case: Case) -> None:
    """VRM-PUR-001 to VRM-PUR-004."""
    if case.context.named is None:
        return  # an agent may not hold the thread of the agreement
    body, grounds = case.message.body, _grounds(case)
    purpose = body["about"]["purpose"] if "about" in body else body["purpose"]
    if grounds.prohibit(purpose):
        detail = "the agreement prohibits this purpose, whatever the consent"
        raise ProtocolError("terms-prohibit", detail, rule="VRM-PUR-001")
    if not grounds.allow(purpose) and not case.context.blind:
        detail = "the agreement does not allow this purpose without a consent for exactly it"
        raise ProtocolError("consent-needed", detail, rule="VRM-PUR-002")


def purposes_within(case: Case) -> None:
    """VRM-CNS-002, VRM-CNS-003."""
    granted = case.facts.get("granted")
    rule = "VRM-CNS-002" if granted is None else "VRM-CNS-003"
    if not set(case.message.body["purposes"]) <= set(granted or case.facts.get("asked", ())):
        detail = "a purpose is not one of those asked for" if granted is None else "a purpose was not granted"
        raise ProtocolError("purpose-not-asked", detail, rule=rule)


def patch_applies(case: Case) -> None:
    """VRM-COR-001, VRM-COR-002."""
    fields = case.context.corrected
    if fields is None:
        if case.context.blind:
            return
        detail = "of is to name a message of the parent thread whose fields are in clear"
        raise ProtocolError("patch-failed", detail, rule="VRM-COR-001")
    if patching.applied(case.message.body["patch"], fields) is None:
        detail = "an operation of the patch fails on the fields of the message"
        raise ProtocolError("patch-failed", detail, rule="VRM-COR-002")


GUARDS: dict[str, Callable[[Case], None]] = {
    "person-opens": person_opens,
    "roster-member": roster_member,
    "deadline-ahead": deadline_ahead,
    "accepts-offered-terms": accepts_offered_terms,
    "alternative-differs": alternative_differs,
    "rotate-proof": rotate_proof,
    "version-current": version_current,
    "blobs-held": blobs_held,
    "intent-open": intent_open,
    "offer-rules": offer_rules,
    "takes-current": takes_current,
    "accepts-left": accepts_left,
    "fields-listed": fields_listed,
    "introduce-proof": introduce_proof,
    "agreement-live": agreement_live,
    "one-per-pair": one_per_pair,
    "ladder-held": ladder_held,
    "step-allowed": step_allowed,
    "stage-allows": stage_allows,
    "not-asked-again": not_asked_again,
    "preference-allows": preference_allows,
    "not-prohibited": not_prohibited,
    "within-terms": within_terms,
    "purposes-within": purposes_within,
    "patch-applies": patch_applies,
}

IDENTIFYING = frozenset({"rotate-proof"})
"""Guards that say whether the sender is a party at all: asked where parties are found (VRM-ID-026)."""
