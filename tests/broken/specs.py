"""Unmodified homes over spec folders in which one thing was changed; the changes are data (edits.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.broken.tools import Mutant, add
from vrmproto import spec

ROOT = spec.folder()
Patch = list[dict[str, Any]]
Edit = dict[str, Any]


def _read(file: str) -> Any:
    return json.loads((ROOT / file).read_bytes())


TABLES: Mapping[str, Any] = _read("threads.json")["kinds"]


def _edit(file: str, *patch: dict[str, Any]) -> Edit:
    return {"file": file, "patch": list(patch)}


def _remove(file: str, path: str) -> Edit:
    return _edit(file, {"op": "remove", "path": path})


def _replace(file: str, path: str, value: Any) -> Edit:
    return _edit(file, {"op": "replace", "path": path, "value": value})


def _add(file: str, path: str, value: Any) -> Edit:
    return _edit(file, {"op": "add", "path": path, "value": value})


def _reworded(file: str, path: str, old: str, new: str) -> Edit:
    """A string of a file with a part of it replaced."""
    value = _read(file)
    for part in path.split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else part]
    if old not in value:
        raise ValueError(f"{file}{path} has no {old}")
    return _replace(file, path, value.replace(old, new))


def _row(kind: str, name: str, operation: str, member: str, value: Any = None, nth: int = 0) -> Edit:
    """A change of the nth row of a type."""
    rows = [n for n, row in enumerate(TABLES[kind]["rows"]) if row["type"] == name]
    path = f"/kinds/{kind}/rows/{rows[nth]}"
    change = {"op": operation, "path": f"{path}/{member}"} | ({} if value is None else {"value": value})
    return _edit("threads.json", {"op": "test", "path": f"{path}/type", "value": name}, change)


def _guard(kind: str, name: str, guard: str, nth: int = 0) -> Edit:
    """A row without one of its guards."""
    rows = [row for row in TABLES[kind]["rows"] if row["type"] == name]
    return _row(kind, name, "remove", f"guards/{rows[nth]['guards'].index(guard)}", None, nth)


def _state(kind: str, state: str, operation: str, member: str, value: Any = None) -> Edit:
    """A change of a state."""
    path = f"/kinds/{kind}/states/{state}/{member}"
    return _edit(
        "threads.json", {"op": operation, "path": path} | ({} if value is None else {"value": value})
    )


def _nothing() -> None:
    """The home is as it is."""


def _mutant(name: str, kills: str, summary: str, *edits: Edit, **more: Any) -> None:
    add(Mutant(name, summary, kills, "spec", _nothing, edits=edits, **more))


# --- rows ----------------------------------------------------------------------------------------

_mutant(
    "row-asks-no-head",
    "VRM-THR-012",
    "The acceptance of an alternative need not have seen it.",
    _row("terms", "terms.accept", "remove", "prev", None, 1),
)
_mutant(
    "row-amend-asks-no-head",
    "VRM-THR-012",
    "An amendment need not have seen the last message.",
    _row("intent", "intent.amend", "remove", "prev"),
)
_mutant(
    "row-take-asks-no-head",
    "VRM-THR-012",
    "The acceptance of an offer need not have seen the last message.",
    _row("offer", "offer.accept", "remove", "prev"),
)
_mutant(
    "row-reject-asks-head",
    "VRM-THR-013",
    "The rejection of an alternative has to name the last message of the thread.",
    _row("terms", "terms.reject", "add", "prev", "head", 1),
)
_mutant(
    "row-withdraw-asks-head",
    "VRM-THR-013",
    "A withdrawal has to name the last message of the thread.",
    _row("terms", "terms.withdraw", "add", "prev", "head"),
)
_mutant(
    "row-terminate-not-marked",
    "VRM-THR-014",
    "A termination is not marked as an exit.",
    _row("terms", "agreement.terminate", "remove", "marks"),
    also=("VRM-THR-023", "VRM-TRM-010"),
)
_mutant(
    "row-intent-withdraw-not-marked",
    "VRM-THR-014",
    "The withdrawal of an intent is not marked as an exit.",
    _row("intent", "intent.withdraw", "remove", "marks"),
)
_mutant(
    "row-purge-not-marked",
    "VRM-HOM-024",
    "An attestation is not marked as a duty.",
    _row("offer", "purge.attest", "remove", "marks"),
    needs="an inbox that can be filled",
)
_mutant(
    "row-proffer-a-day-longer",
    "VRM-THR-020",
    "A proffer may stand for 31 days.",
    _row("terms", "terms.proffer", "replace", "max", "P31D"),
)
_mutant(
    "row-proffer-without-a-bound",
    "VRM-THR-020",
    "A proffer may stand for any time.",
    _row("terms", "terms.proffer", "remove", "max"),
)
_mutant(
    "row-alternative-without-a-bound",
    "VRM-THR-020",
    "An alternative may stand for any time.",
    _row("terms", "terms.alternative", "remove", "max"),
)
_mutant(
    "row-proffer-a-month",
    "VRM-THR-020",
    "A proffer may stand for a calendar month, not for 30 days.",
    _row("terms", "terms.proffer", "replace", "max", "P4W"),
)
_mutant(
    "row-second-alternative",
    "VRM-TRM-008",
    "After an alternative another one may follow.",
    _row("terms", "terms.alternative", "add", "in/-", "countered"),
)
_mutant(
    "row-alternative-keeps-ends",
    "VRM-TRM-009",
    "An alternative without ends keeps that of the proffer.",
    _row("terms", "terms.alternative", "remove", "keep/ends"),
)
_mutant(
    "row-alternative-keeps-the-list",
    "VRM-TRM-005",
    "After an alternative the acceptable ones of the proffer may still be accepted.",
    _row("terms", "terms.alternative", "remove", "keep/acceptable"),
)
_mutant(
    "row-alternative-is-not-the-offer",
    "VRM-TRM-004",
    "After an alternative an acceptance names the proffer.",
    _row("terms", "terms.alternative", "remove", "keep/offer"),
)
_mutant(
    "row-only-the-person-terminates",
    "VRM-TRM-010",
    "Only the person may end an agreement.",
    _row("terms", "agreement.terminate", "replace", "by", "first"),
)
_mutant(
    "row-only-the-organisation-terminates",
    "VRM-TRM-010",
    "Only the organisation may end an agreement.",
    _row("terms", "agreement.terminate", "replace", "by", "second"),
)
_mutant(
    "row-withdrawn-and-accepted",
    "VRM-THR-005",
    "A proffer that was withdrawn may be accepted.",
    _row("terms", "terms.accept", "add", "in/-", "withdrawn"),
)
_mutant(
    "row-rejected-and-accepted",
    "VRM-THR-005",
    "A proffer that was rejected may be accepted later.",
    _row("terms", "terms.accept", "add", "in/-", "rejected"),
)
_mutant(
    "row-expired-and-accepted",
    "VRM-THR-006",
    "A proffer that has expired may be accepted.",
    _row("terms", "terms.accept", "add", "in/-", "expired"),
)
_mutant(
    "row-agreed-and-withdrawn",
    "VRM-THR-005",
    "A proffer may be withdrawn after it was accepted.",
    _row("terms", "terms.withdraw", "add", "in/-", "agreed"),
)
_mutant(
    "row-person-accepts-herself",
    "VRM-THR-004",
    "The person accepts her own proffer.",
    _row("terms", "terms.accept", "replace", "by", "first"),
)
_mutant(
    "row-organisation-withdraws",
    "VRM-THR-004",
    "Either party may withdraw a proffer.",
    _row("terms", "terms.withdraw", "replace", "by", "either"),
)
_mutant(
    "row-organisation-accepts-itself",
    "VRM-THR-004",
    "The organisation accepts its own alternative.",
    _row("terms", "terms.accept", "replace", "by", "either", 1),
)
_mutant(
    "row-rejection-is-acceptance",
    "VRM-HOM-010",
    "A rejection leads to an agreed thread.",
    _row("terms", "terms.reject", "replace", "to", "agreed"),
)
_mutant(
    "row-alternative-agrees",
    "VRM-HOM-010",
    "An alternative is an acceptance at once.",
    _row("terms", "terms.alternative", "replace", "to", "agreed"),
)
_mutant(
    "row-acceptance-makes-no-record",
    "VRM-REC-001",
    "An acceptance makes no record.",
    _row("terms", "terms.accept", "remove", "record"),
)
_mutant(
    "row-second-acceptance-makes-no-record",
    "VRM-REC-001",
    "The acceptance of an alternative makes no record.",
    _row("terms", "terms.accept", "remove", "record", None, 1),
)
_mutant(
    "row-acceptance-supersedes-nothing",
    "VRM-TRM-011",
    "An acceptance supersedes nothing.",
    _row("terms", "terms.accept", "remove", "supersedes"),
)
_mutant(
    "row-acceptance-without-ends",
    "VRM-THR-018",
    "An agreement does not end when it says.",
    _row("terms", "terms.accept", "remove", "deadline"),
    also=("VRM-THR-021",),
)
_mutant(
    "row-rotation-changes-nothing",
    "VRM-HOM-006",
    "A rotation is taken and rebinds nothing.",
    _row("terms", "agent.rotate", "remove", "effect"),
)
_mutant(
    "row-rotation-commits-nothing",
    "VRM-ID-020",
    "The next key that a rotation names is not kept.",
    _row("terms", "agent.rotate", "remove", "keep"),
)
_mutant(
    "row-purge-when-declined-only",
    "VRM-OFR-024",
    "A vendor that is late with its purge cannot attest any more.",
    _row(
        "offer",
        "purge.attest",
        "replace",
        "in",
        ["withdrawn", "declined", "lapsed", "cancelled", "fulfilled"],
    ),
)
_mutant(
    "row-offers-not-counted",
    "VRM-OFR-006",
    "Offers are not counted.",
    _row("offer", "offer.make", "replace", "count/parent", ["offers:iss"]),
)
_mutant(
    "row-offers-of-a-vendor-not-counted",
    "VRM-OFR-007",
    "Offers of one vendor are not counted.",
    _row("offer", "offer.make", "replace", "count/parent", ["offers"]),
)
_mutant(
    "row-revised-and-the-same",
    "VRM-OFR-011",
    "After a revision the first offer is still the one to take.",
    _row("offer", "offer.revise", "remove", "keep/offer"),
)
_mutant(
    "row-offer-after-its-end",
    "VRM-THR-005",
    "One may go on writing about an offer that is over.",
    _row("offer", "offer.message", "add", "in/-", "cancelled"),
)
_mutant(
    "row-vendor-accepts",
    "VRM-THR-004",
    "The vendor accepts its own offer.",
    _row("offer", "offer.accept", "replace", "by", "either"),
)
_mutant(
    "row-amended-and-the-same",
    "VRM-INT-007",
    "An amendment does not raise the version.",
    _row("intent", "intent.amend", "remove", "keep/version"),
)
_mutant(
    "row-amended-for-no-feed",
    "VRM-BRD-013",
    "The region of an amendment is not kept for the filters.",
    _row("intent", "intent.amend", "remove", "keep/region"),
)
_mutant(
    "row-introduction-changes-nothing",
    "VRM-OFR-021",
    "An introduction is taken and rebinds nothing.",
    _row("offer", "agent.introduce", "remove", "effect"),
)

# --- guards --------------------------------------------------------------------------------------

for _kind, _type, _name, _rule, _nth in (
    ("terms", "terms.proffer", "person-opens", "VRM-THR-024", 0),
    ("terms", "terms.proffer", "roster-member", "VRM-TRM-001", 0),
    ("terms", "terms.proffer", "deadline-ahead", "VRM-THR-020", 0),
    ("terms", "terms.accept", "accepts-offered-terms", "VRM-TRM-005", 0),
    ("terms", "terms.accept", "accepts-offered-terms", "VRM-TRM-004", 1),
    ("terms", "terms.alternative", "roster-member", "VRM-TRM-006", 0),
    ("terms", "terms.alternative", "alternative-differs", "VRM-TRM-007", 0),
    ("terms", "terms.alternative", "deadline-ahead", "VRM-THR-020", 0),
    ("terms", "agent.rotate", "rotate-proof", "VRM-ID-021", 0),
    ("intent", "intent.publish", "roster-member", "VRM-TRM-001", 0),
    ("intent", "intent.publish", "person-opens", "VRM-THR-024", 0),
    ("intent", "intent.publish", "blobs-held", "VRM-BLB-004", 0),
    ("intent", "intent.amend", "version-current", "VRM-INT-007", 0),
    ("intent", "intent.amend", "deadline-ahead", "VRM-THR-020", 0),
    ("offer", "offer.make", "intent-open", "VRM-OFR-001", 0),
    ("offer", "offer.make", "version-current", "VRM-OFR-003", 0),
    ("offer", "offer.make", "accepts-offered-terms", "VRM-OFR-004", 0),
    ("offer", "offer.make", "offer-rules", "VRM-OFR-008", 0),
    ("offer", "offer.revise", "version-current", "VRM-OFR-003", 0),
    ("offer", "offer.revise", "offer-rules", "VRM-OFR-009", 0),
    ("offer", "offer.revise", "blobs-held", "VRM-BLB-004", 0),
    ("offer", "offer.accept", "takes-current", "VRM-OFR-011", 0),
    ("offer", "offer.accept", "accepts-left", "VRM-OFR-012", 0),
    ("offer", "offer.accept", "deadline-ahead", "VRM-THR-020", 0),
    ("offer", "offer.confirm", "takes-current", "VRM-OFR-011", 0),
    ("offer", "disclosure.release", "fields-listed", "VRM-OFR-017", 0),
    ("offer", "agent.introduce", "introduce-proof", "VRM-OFR-020", 0),
):
    _mutant(
        f"{_type.replace('.', '-')}-without-{_name}{'-again' * _nth}",
        _rule,
        f"A row of {_type} lacks the guard {_name}.",
        _guard(_kind, _type, _name, _nth),
    )

# --- states --------------------------------------------------------------------------------------

_mutant(
    "state-proffered-for-ever",
    "VRM-THR-018",
    "A proffer does not expire.",
    _state("terms", "proffered", "remove", "deadline"),
)
_mutant(
    "state-countered-for-ever",
    "VRM-THR-018",
    "An alternative does not expire.",
    _state("terms", "countered", "remove", "deadline"),
)
_mutant(
    "state-agreed-for-ever",
    "VRM-THR-018",
    "An agreement does not end by its date.",
    _state("terms", "agreed", "remove", "deadline"),
)
_mutant(
    "state-agreed-beside-others",
    "VRM-TRM-011",
    "A later agreement of a class leaves the earlier one agreed.",
    _state("terms", "agreed", "remove", "superseded"),
)
_mutant(
    "state-superseded-is-ended",
    "VRM-TRM-011",
    "An agreement that was superseded is shown as ended.",
    _state("terms", "agreed", "replace", "superseded", "ended"),
)
_mutant(
    "state-silence-is-acceptance",
    "VRM-THR-018",
    "A proffer that nobody answers is agreed.",
    _state("terms", "proffered", "replace", "deadline", "agreed"),
)
_mutant(
    "state-open-not-listed",
    "VRM-BRD-005",
    "An intent that is open is not on its board.",
    _state("intent", "open", "remove", "listed"),
)
_mutant(
    "state-paused-listed",
    "VRM-BRD-009",
    "An intent that is paused stays on its board.",
    _state("intent", "paused", "add", "listed", True),
)
_mutant(
    "state-open-not-removable",
    "VRM-BRD-017",
    "An intent cannot be taken off its board.",
    _state("intent", "open", "remove", "removed"),
    needs="the keys of the home",
)
_mutant(
    "state-intent-without-until",
    "VRM-THR-018",
    "An intent does not expire.",
    _state("intent", "open", "remove", "deadline"),
)
_mutant(
    "state-withdrawn-no-end",
    "VRM-INT-010",
    "An intent that is withdrawn does not count as ended.",
    _state("intent", "withdrawn", "remove", "end"),
)
_mutant(
    "state-offered-not-orphaned",
    "VRM-INT-010",
    "Offers do not lapse with their intent.",
    _state("offer", "offered", "remove", "orphaned"),
)
_mutant(
    "state-accepted-orphaned",
    "VRM-INT-010",
    "Accepted offers lapse with their intent too.",
    _state("offer", "accepted", "add", "orphaned", "lapsed"),
)
_mutant(
    "state-offered-not-filled",
    "VRM-INT-011",
    "Offers stay open when the places of their intent are filled.",
    _state("offer", "offered", "remove", "filled"),
)
_mutant(
    "state-accepted-for-ever",
    "VRM-THR-018",
    "An accepted offer does not lapse without a confirmation.",
    _state("offer", "accepted", "remove", "deadline"),
)
_mutant(
    "state-accepted-holds-nothing",
    "VRM-OFR-012",
    "An accepted offer holds no place.",
    _state("offer", "accepted", "remove", "place"),
)
_mutant(
    "state-confirmed-fills-nothing",
    "VRM-INT-011",
    "A confirmed offer fills no place.",
    _state("offer", "confirmed", "replace", "place", "held"),
)
_mutant(
    "state-lapsed-keeps-its-place",
    "VRM-OFR-013",
    "An accepted offer that lapses keeps its place.",
    _state("offer", "lapsed", "remove", "place"),
)
_mutant(
    "state-cancelled-keeps-its-place",
    "VRM-OFR-013",
    "An offer that is cancelled keeps its place.",
    _state("offer", "cancelled", "remove", "place"),
)
_mutant(
    "state-fulfilled-frees-its-place",
    "VRM-OFR-002",
    "An offer that is fulfilled gives its place back.",
    _state("offer", "fulfilled", "replace", "place", "free"),
    also=("VRM-OFR-014",),
)
_mutant(
    "state-purged-frees-its-place",
    "VRM-OFR-014",
    "An offer that is purged gives its place back.",
    _state("offer", "purged", "add", "place", "free"),
)
_mutant(
    "state-declined-never-overdue",
    "VRM-OFR-024",
    "After a decline no purge is owed.",
    _edit(
        "threads.json",
        {"op": "remove", "path": "/kinds/offer/states/declined/deadline"},
        {"op": "remove", "path": "/kinds/offer/states/declined/within"},
    ),
)
_mutant(
    "state-lapsed-never-overdue",
    "VRM-OFR-024",
    "After a lapse no purge is owed.",
    _edit(
        "threads.json",
        {"op": "remove", "path": "/kinds/offer/states/lapsed/deadline"},
        {"op": "remove", "path": "/kinds/offer/states/lapsed/within"},
    ),
)
_mutant(
    "state-purged-not-erased",
    "VRM-OFR-025",
    "A purge erases nothing.",
    _state("offer", "purged", "remove", "erased"),
    also=("VRM-OFR-026", "VRM-BLB-006"),
)
_mutant(
    "state-overdue-erased",
    "VRM-OFR-025",
    "What a vendor owes to purge is erased without its attestation.",
    _state("offer", "fulfilled", "add", "erased", True),
)

# --- envelope ------------------------------------------------------------------------------------

CLAIMS = "/$defs/claims"
_mutant(
    "schema-short-jti",
    "VRM-ENV-017",
    "A jti of eight characters is taken.",
    _reworded("envelope.json", f"{CLAIMS}/properties/jti/pattern", "{22,64}", "{8,64}"),
)
_mutant(
    "schema-long-jti",
    "VRM-ENV-017",
    "A jti of any length is taken.",
    _reworded("envelope.json", f"{CLAIMS}/properties/jti/pattern", "{22,64}", "{22,}"),
)
_mutant(
    "schema-jti-with-more-letters",
    "VRM-ENV-017",
    "A jti may hold full stops.",
    _reworded("envelope.json", f"{CLAIMS}/properties/jti/pattern", "A-Za-z0-9_-", "A-Za-z0-9._-"),
)
_mutant(
    "schema-type-in-capitals",
    "VRM-ENV-017",
    "A type in capitals is no wrong claim.",
    _replace("envelope.json", f"{CLAIMS}/properties/type/pattern", "^[A-Za-z.-]+$"),
)
_mutant(
    "schema-number-iat",
    "VRM-ENV-017",
    "iat may have a fraction.",
    _replace("envelope.json", f"{CLAIMS}/properties/iat/type", "number"),
)
_mutant(
    "schema-negative-iat",
    "VRM-ENV-017",
    "iat may lie before 1970.",
    _remove("envelope.json", f"{CLAIMS}/properties/iat/minimum"),
)
_mutant(
    "schema-body-of-any-type",
    "VRM-ENV-017",
    "body may be an array.",
    _replace("envelope.json", f"{CLAIMS}/properties/body/type", ["object", "array"]),
)
_mutant(
    "schema-exp-optional",
    "VRM-ENV-015",
    "A message without exp is not one that lacks a claim.",
    _remove("envelope.json", f"{CLAIMS}/required/7"),
)
_mutant(
    "schema-open-claims",
    "VRM-ENV-020",
    "Unknown claims are ignored.",
    _replace("envelope.json", f"{CLAIMS}/additionalProperties", True),
)
_mutant(
    "schema-ext-name-of-any-form",
    "VRM-ENV-032",
    "A name in ext need be no URI.",
    _remove("envelope.json", f"{CLAIMS}/properties/ext/propertyNames/format"),
)
_mutant(
    "schema-origin-with-a-slash",
    "VRM-ID-002",
    "An origin may end in a slash.",
    _reworded("shared/party.json", "/pattern", "[1-9][0-9]{0,4})?|http", "[1-9][0-9]{0,4})?/?|http"),
)
_mutant(
    "schema-origin-in-capitals",
    "VRM-ID-002",
    "An origin may be written in capitals.",
    _reworded("shared/party.json", "/pattern", "https://[a-z0-9](", "https://[A-Za-z0-9]("),
)
_mutant(
    "schema-origin-with-its-port",
    "VRM-ID-002",
    "An origin may name the default port.",
    _reworded("shared/party.json", "/pattern", "(:(?!443(?![0-9]))", "(:"),
)
_mutant(
    "schema-any-http",
    "VRM-ID-003",
    "In development mode any http origin is taken.",
    _reworded("shared/party.json", "/pattern", "http://(127\\.0\\.0\\.1|localhost)", "http://[a-z0-9.-]+"),
)
_mutant(
    "schema-proffer-with-ext",
    "VRM-ENV-031",
    "A proffer may carry ext.",
    _replace("messages/terms.proffer.json", "/x-ext", True),
)
_mutant(
    "schema-accept-with-ext",
    "VRM-ENV-031",
    "An acceptance may carry ext.",
    _replace("messages/terms.accept.json", "/x-ext", True),
)
_mutant(
    "schema-message-without-ext",
    "VRM-ENV-033",
    "A message about an offer may carry no ext.",
    _replace("messages/offer.message.json", "/x-ext", False),
)
_mutant(
    "schema-rotation-without-ext",
    "VRM-ENV-033",
    "A rotation may carry no ext.",
    _replace("messages/agent.rotate.json", "/x-ext", False),
)
_mutant(
    "schema-open-request",
    "VRM-HOM-015",
    "A signed request may have other claims.",
    _replace("documents/request.json", "/additionalProperties", True),
)
_mutant(
    "schema-request-without-jti",
    "VRM-HOM-015",
    "A signed request needs no jti.",
    _remove("documents/request.json", "/required/6"),
)
_mutant(
    "schema-open-poll",
    "VRM-HOM-015",
    "Unknown members of a poll are ignored.",
    _replace("documents/poll-request.json", "/additionalProperties", True),
)
_mutant(
    "schema-poll-of-any-size",
    "VRM-HOM-015",
    "maxEvents may be any number.",
    _remove("documents/poll-request.json", "/properties/maxEvents/maximum"),
)
_mutant(
    "schema-proof-open",
    "VRM-ID-021",
    "A proof may have other claims.",
    _replace("documents/proof.json", "/additionalProperties", True),
)

# --- bodies --------------------------------------------------------------------------------------

for _type in (
    "terms.proffer",
    "terms.accept",
    "terms.alternative",
    "terms.withdraw",
    "intent.publish",
    "offer.make",
    "offer.accept",
    "disclosure.release",
):
    _mutant(
        f"schema-open-{_type.replace('.', '-')}",
        "VRM-ENV-035",
        f"Unknown members of {_type} are ignored.",
        _replace(f"messages/{_type}.json", "/additionalProperties", True),
    )
for _type, _member in (
    ("terms.proffer", "purpose"),
    ("terms.proffer", "place"),
    ("terms.accept", "lang"),
    ("terms.alternative", "lang"),
    ("intent.publish", "lang"),
    ("offer.make", "place"),
):
    _listed = _read(f"messages/{_type}.json")["required"]
    _mutant(
        f"schema-{_type.replace('.', '-')}-without-{_member}",
        "VRM-ENV-035",
        f"{_type} need not have {_member}.",
        _remove(f"messages/{_type}.json", f"/required/{_listed.index(_member)}"),
    )
_mutant(
    "schema-place-in-small-letters",
    "VRM-ENV-035",
    "A place may be written in small letters.",
    _add("shared/place.json", "/enum/-", "nl"),
)
_mutant(
    "schema-place-that-is-none",
    "VRM-ENV-035",
    "EU is taken for a country.",
    _add("shared/place.json", "/enum/-", "EU"),
)
_mutant(
    "schema-purpose-that-is-none",
    "VRM-ENV-035",
    "A purpose that purposes.json does not list is taken.",
    _add("shared/purpose.json", "/enum/-", "https://w3id.org/dpv#Marketing"),
)
_mutant(
    "schema-thirteen-acceptable",
    "VRM-ENV-035",
    "A proffer may list thirteen acceptable agreements.",
    _replace("messages/terms.proffer.json", "/properties/acceptable/maxItems", 13),
)
_mutant(
    "schema-none-acceptable",
    "VRM-ENV-035",
    "A proffer may have an empty list of acceptable agreements.",
    _replace("messages/terms.proffer.json", "/properties/acceptable/minItems", 0),
)
_mutant(
    "schema-long-reason",
    "VRM-ENV-035",
    "A reason may have 501 characters.",
    _replace("shared/reason.json", "/maxLength", 501),
)
_mutant(
    "schema-short-reason",
    "VRM-ENV-035",
    "A reason of 500 characters is too long.",
    _replace("shared/reason.json", "/maxLength", 499),
)
_mutant(
    "schema-empty-reason",
    "VRM-ENV-035",
    "A reason may be empty.",
    _replace("shared/reason.json", "/minLength", 0),
)
_mutant(
    "schema-times-with-an-offset",
    "VRM-ENV-035",
    "A time may be written with an offset or a fraction.",
    _remove("shared/time.json", "/pattern"),
)
_mutant(
    "schema-version-as-a-number",
    "VRM-ENV-035",
    "version of an agreement may be a number.",
    _replace("shared/version.json", "/type", ["string", "number"]),
)
_mutant(
    "schema-version-in-three-parts",
    "VRM-ENV-035",
    "version of an agreement may have a third part.",
    _reworded("shared/version.json", "/pattern", "(?!\\n)$", ""),
)
_mutant(
    "schema-id-of-any-letters",
    "VRM-ENV-035",
    "The id of an agreement may hold any characters.",
    _remove("shared/agreement-id.json", "/pattern"),
)
_mutant(
    "schema-digest-of-any-length",
    "VRM-ENV-035",
    "A digest may be any text.",
    _replace("shared/agreement.json", "/properties/digest", {"type": "string"}),
)
_mutant(
    "schema-money-as-a-number",
    "VRM-ENV-035",
    "An amount may be a number.",
    _replace("shared/money.json", "/oneOf/0/properties/amount/type", ["string", "number"]),
)
_mutant(
    "schema-money-with-more-digits",
    "VRM-ENV-035",
    "An amount may have more decimals than its currency.",
    _reworded("shared/money.json", "/oneOf/0/properties/amount/pattern", "[0-9]{2}", "[0-9]{2,6}"),
)
_mutant(
    "schema-money-in-crowns",
    "VRM-ENV-035",
    "A currency that is none is taken.",
    _add("shared/money.json", "/oneOf/0/properties/currency/enum/-", "XXX"),
)
_mutant(
    "schema-content-of-both-kinds",
    "VRM-ENV-035",
    "A disclosure may have both its data and a file.",
    _edit(
        "messages/disclosure.release.json",
        {
            "op": "add",
            "path": "/properties/content/anyOf",
            "value": [{"required": ["clear"]}, {"required": ["ref"]}],
        },
        {"op": "remove", "path": "/properties/content/oneOf"},
    ),
)
_mutant(
    "schema-exact-place",
    "VRM-INT-002",
    "A point may be given to a few metres.",
    _edit(
        "shared/area.json",
        {"op": "replace", "path": "/oneOf/1/properties/lat", "value": {"type": "string"}},
        {"op": "replace", "path": "/oneOf/1/properties/lon", "value": {"type": "string"}},
    ),
)
_mutant(
    "schema-small-circle",
    "VRM-INT-002",
    "A circle may have a radius of one kilometre.",
    _replace("shared/area.json", "/oneOf/1/properties/radius_km/minimum", 1),
)
_mutant(
    "schema-postal-code",
    "VRM-INT-002",
    "A region may be a postal code.",
    _edit(
        "shared/region.json",
        {"op": "remove", "path": "/pattern"},
        {"op": "replace", "path": "/maxLength", "value": 40},
    ),
)
_mutant(
    "schema-address-beside-the-region",
    "VRM-INT-002",
    "An address may stand beside a region.",
    _replace("shared/area.json", "/oneOf/0/additionalProperties", True),
)
_mutant(
    "schema-budget-asked-for",
    "VRM-INT-003",
    "An intent has to tell a budget.",
    _add("messages/intent.publish.json", "/required/-", "budget"),
)
_mutant(
    "schema-amend-with-terms",
    "VRM-INT-008",
    "An amendment may change the terms.",
    _add("messages/intent.amend.json", "/properties/terms", {"type": "object"}),
    _row("intent", "intent.amend", "add", "keep/preferred", "/terms/preferred"),
)
_mutant(
    "schema-amend-with-disclosure",
    "VRM-INT-008",
    "An amendment may change what may be disclosed.",
    _add("messages/intent.amend.json", "/properties/disclose", {"type": "array"}),
)
_mutant(
    "schema-amend-with-purge-within",
    "VRM-INT-008",
    "An amendment may change purge_within.",
    _add(
        "messages/intent.amend.json",
        "/properties/purge_within",
        {"$ref": "https://w3id.org/vrmproto/1.0/shared/duration.json"},
    ),
)
_mutant(
    "schema-no-places",
    "VRM-ENV-035",
    "accepts of an intent may be 0.",
    _replace("shared/offer-rules.json", "/properties/accepts/minimum", 0),
)
_mutant(
    "schema-fields-twice",
    "VRM-ENV-035",
    "A field may be listed twice in a disclosure.",
    _remove("messages/disclosure.release.json", "/properties/about/properties/fields/uniqueItems"),
)

# --- codes, endpoints, roster --------------------------------------------------------------------

CODES = [entry["code"] for entry in _read("errors.json")["codes"]]
for _code, _member, _value, _rule in (
    ("prev-stale", "status", 412, "VRM-HOM-029"),
    ("state-conflict", "status", 400, "VRM-HOM-029"),
    ("body-invalid", "status", 422, "VRM-HOM-029"),
    ("signature-invalid", "status", 400, "VRM-HOM-029"),
    ("role-forbidden", "status", 401, "VRM-HOM-029"),
    ("not-yet-valid", "retryable", False, "VRM-HOM-029"),
    ("expired", "retryable", True, "VRM-HOM-029"),
    ("wrong-home", "status", 400, "VRM-HOM-029"),
    ("not-found", "status", 403, "VRM-HOM-029"),
    ("request-invalid", "status", 401, "VRM-HOM-029"),
):
    _mutant(
        f"code-{_code}-{_member}",
        _rule,
        f"{_member} of {_code} is {json.dumps(_value)}.",
        _edit(
            "errors.json",
            {"op": "test", "path": f"/codes/{CODES.index(_code)}/code", "value": _code},
            {"op": "replace", "path": f"/codes/{CODES.index(_code)}/{_member}", "value": _value},
        ),
    )

_ROSTER = [entry["id"] for entry in _read("roster/roster.json")["agreements"]]
_mutant(
    "roster-lacks-one",
    "VRM-TRM-015",
    "The roster lacks one of its agreements.",
    _edit(
        "roster/roster.json",
        {"op": "test", "path": f"/agreements/{_ROSTER.index('SD-BASE-A')}/id", "value": "SD-BASE-A"},
        {"op": "remove", "path": f"/agreements/{_ROSTER.index('SD-BASE-A')}"},
    ),
)
_mutant(
    "roster-of-another-version",
    "VRM-TRM-001",
    "The roster is held under another version.",
    _replace("roster/roster.json", "/version", "1.1"),
    control=False,
)

# --- allowed -------------------------------------------------------------------------------------

_ENDPOINTS = _read("endpoints.json")["endpoints"]
OTHER_PATHS: list[Edit] = [
    _edit(
        "endpoints.json",
        *(
            {
                "op": "replace",
                "path": f"/endpoints/{n}/path",
                "value": e["path"].replace("/v1/", "/v1/home/x/"),
            }
            for n, e in enumerate(_ENDPOINTS)
            if e["path"].startswith("/v1/")
        ),
    )
]
_INTENT = [
    path.name
    for path in sorted((ROOT / "messages").iterdir())
    if json.loads(path.read_bytes())["x-profile"] == "intent"
]
INTENT_LEFT_OUT: list[Edit] = [
    _edit(
        "threads.json", {"op": "remove", "path": "/kinds/intent"}, {"op": "remove", "path": "/kinds/offer"}
    ),
    _edit(
        "endpoints.json",
        *(
            {"op": "remove", "path": f"/endpoints/{n}"}
            for n, e in reversed(list(enumerate(_ENDPOINTS)))
            if e["profile"] == "intent"
        ),
    ),
    *({"file": f"messages/{name}", "delete": True} for name in _INTENT),
    *({"file": f"protocol/{name}.md", "delete": True} for name in ("intents", "offers", "boards", "blobs")),
]
