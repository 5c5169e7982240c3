"""What was agreed in a record: that it was on offer, by whom, and in time. No I/O, no clock.

Which message offers, accepts or agrees is read from the rows of threads.json. Source: spec/protocol/terms.md,
records.md, offers.md "Record".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vrmproto.chains import check_order, check_states
from vrmproto.findings import Findings
from vrmproto.guards import pointed
from vrmproto.model import is_board
from vrmproto.spec import Kind, Row, Spec
from vrmproto.verification import Link

__all__ = ["check_offer", "check_takes", "check_terms", "parent_of", "row_of"]


def row_of(kind: Kind, message_type: str) -> Row | None:
    """The first row of a kind for a type: all of them keep the same facts."""
    return next((row for row in kind.rows if row.type == message_type), None)


def parent_of(spec: Spec, thid: str, links: Sequence[Link]) -> Link | None:
    """The message of a parent thread with which the record of a thread below it begins (VRM-OFR-030)."""
    if len(links) < 2 or links[0].thid == thid:
        return None
    kind = spec.opens.get(links[1].type)
    return links[0] if kind is not None and links[0].type in kind.parents else None


def _kept(row: Row | None, link: Link, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a thread after a message, as far as its own bytes say them."""
    kept = dict(facts)
    for name, source in row.keep.items() if row else ():
        kept.pop(name, None)
        value = link.mid if source == "@mid" else None
        if source and source.startswith("/"):
            value = pointed(link.message.body, source)
        if value is not None:
            kept[name] = value
    return kept


def _offered(facts: Mapping[str, Any]) -> list[Any]:
    return [facts.get("preferred"), *(facts.get("acceptable") or ())]


def _moment(row: Row | None, link: Link) -> float:
    """The deadline that a message sets, or 0 if it is none."""
    try:
        return datetime.fromisoformat(pointed(link.message.body, row.deadline if row else "")).timestamp()
    except (TypeError, ValueError):
        return 0


def _check_agreement(
    found: Findings, record: Mapping[str, Any], made: Link, facts: Mapping[str, Any]
) -> None:
    """The agreement of the record is the one accepted, and was on offer; executed_at is when."""
    named = made.message.body.get("agreement")
    found.check(
        "the agreement accepted was offered",
        named in _offered(facts),
        "id, version and digest accepted are not among those offered",
        "VRM-REC-011",
        "terms-not-offered",
    )
    found.check(
        "the agreement of the record is the one accepted",
        record["agreement"] == named,
        "agreement of the record is not the one that the acceptance names",
        "VRM-REC-011",
        "agreement-mismatch",
    )
    found.check(
        "executed_at is when the acceptance was received",
        record["executed_at"] == made.receipt["iat"],
        "executed_at is not iat of the acceptance's receipt",
        "VRM-REC-003",
    )


# --- terms ---------------------------------------------------------------------------------------


def check_terms(
    found: Findings, kind: Kind, record: Mapping[str, Any], own: Sequence[Link], made: Link
) -> None:
    """A proffer, perhaps an alternative, and the acceptance of what was offered last."""
    upto = own[: own.index(made) + 1]
    found.check(
        "no message is missing up to the acceptance",
        [k.seq for k in upto] == list(range(1, len(upto) + 1)),
        "the record lacks a message before the acceptance: the proffer or the alternative",
        "VRM-REC-002",
    )
    offer, facts = own[0], _kept(row_of(kind, own[0].type), own[0], {})
    for link in upto[1:-1]:
        row = row_of(kind, link.type)
        if row is None or "alternative-differs" not in row.guards:
            continue
        _check_alternative(found, link, facts)
        _in_time(found, link, offer, row_of(kind, offer.type))
        offer, facts = link, _kept(row, link, facts)
    found.check(
        "the acceptance names what was offered",
        made.message.body.get("accepts") == facts.get("offer"),
        "accepts is not the id of the last offer in the record",
        "VRM-REC-009",
        "terms-not-offered",
    )
    _check_agreement(found, record, made, facts)
    _in_time(found, made, offer, row_of(kind, offer.type))
    found.facts |= {n: facts[n] for n in ("ends", "roster") if n in facts}
    if "purpose" in own[0].message.body:
        found.facts["purpose"] = own[0].message.body["purpose"]


def _check_alternative(found: Findings, link: Link, facts: Mapping[str, Any]) -> None:
    named = link.message.body
    fits = named["alternative_to"] == facts.get("offer")
    wrong = "alternative_to is not the id of the proffer"
    found.check("the alternative names the proffer", fits, wrong, "VRM-REC-009", "alternative-not-new")
    terms = (named["agreement"]["id"], named["agreement"]["version"])
    new = terms not in [(a["id"], a["version"]) for a in _offered(facts) if a]
    wrong = "the alternative is an agreement that the proffer lists"
    found.check("the alternative is another agreement", new, wrong, "VRM-TRM-007", "alternative-not-new")


def _in_time(found: Findings, answer: Link, offer: Link, row: Row | None) -> None:
    found.check(
        f"{answer.place}: it came before answer_by",
        answer.receipt["iat"] < _moment(row, offer),
        "the receipt is not earlier than answer_by of what it answers",
        "VRM-THR-017",
        "deadline-passed",
    )


# --- offers --------------------------------------------------------------------------------------


def check_offer(
    found: Findings,
    spec: Spec,
    record: Mapping[str, Any],
    home: str,
    parent: Link | None,
    rest: Sequence[Link],
) -> None:
    """VRM-OFR-030, VRM-OFR-032: the offer takes the terms of the intent, in time; the rest rebinds."""
    made, later = rest[0], rest[1:]
    found.check(
        "the record begins with the intent",
        parent is not None,
        "the message that published the intent is not the first of the record",
        "VRM-OFR-030",
    )
    found.check(
        "every later message rebinds the first party",
        record["id"] == made.mid and all(k.type in spec.rotations | spec.introductions for k in later),
        "the record holds another message than the intent, the offer, and what rebound the first party",
        "VRM-OFR-030",
    )
    if parent is None:
        return
    body, above = made.message.body, spec.opens.get(parent.type)
    row = row_of(above, parent.type) if above else None
    facts = _kept(row, parent, {})
    check_order(found, [parent])
    if above is not None:
        check_states(found, above, [(parent, row.by if row else "")])
        board = is_board(parent.message.aud) and parent.message.aud.startswith(f"{home}/")
        wrong = "aud of the message that opened the parent is no board of the home"
        fits = board or above.roles != "board"
        found.check("the intent stands on a board of the home", fits, wrong, "VRM-INT-001", "aud-mismatch")
    found.check(
        "the offer names the intent",
        made.message.pthid == body.get("accepts") == facts.get("offer") and parent.seq == 1,
        "pthid and accepts are not the id of the message that published the intent",
        "VRM-OFR-032",
        "terms-not-offered",
    )
    _check_agreement(found, record, made, facts)
    _check_version(found, parent, made, facts, row)
    until = pointed(parent.message.body, row.deadline) if row else None
    found.facts |= {"roster": facts.get("roster"), "intent": parent.mid, "until": until}


def _check_version(
    found: Findings, parent: Link, made: Link, facts: Mapping[str, Any], row: Row | None
) -> None:
    """Whether the offer came before the deadline of the parent, which only an amendment moves."""
    answered, published = made.message.body.get("version", 0), facts.get("version", 0)
    found.check(
        "the version answered is not older than the first",
        answered >= published,
        "the offer names a version before that of the message that published the intent",
        "VRM-OFR-003",
        "intent-stale",
    )
    if answered > published:
        found.trust(f"that version {answered} of the intent was in force: its amendments are not here")
    late = made.receipt["iat"] >= _moment(row, parent)
    found.check(
        "the offer came before the end of the intent",
        not late or answered > published,
        "its receipt is not earlier than the deadline of the intent, and it names no amended version",
        "VRM-OFR-032",
        "intent-not-open",
    )
    if late and answered > published:
        found.trust("that the intent was still open: an amendment that is not here has prolonged it")


def check_takes(found: Findings, kind: Kind, links: Sequence[Link]) -> None:
    """What messages of a whole thread name of earlier ones: the offer that they accept or take."""
    facts: dict[str, Any] = {}
    for link in links:
        row, body = row_of(kind, link.type), link.message.body
        for guard, member, rule, code in _NAMES:
            if row is None or guard not in row.guards or member not in body:
                continue
            right = facts.get("offer") if link.seq > 1 else link.message.pthid
            wrong = f"{member} is not the id of the offer as it stood"
            place = f"{link.place}: {member} is what was on offer"
            found.check(place, body[member] == right, wrong, rule, code)
        facts = _kept(row, link, facts)


_NAMES = (
    ("accepts-offered-terms", "accepts", "VRM-TRM-004", "terms-not-offered"),
    ("alternative-differs", "alternative_to", "VRM-TRM-007", "alternative-not-new"),
    ("takes-current", "takes", "VRM-OFR-011", "offer-stale"),
)
"""Guards by which a message names the offer in force: (guard, member, requirement, code)."""
