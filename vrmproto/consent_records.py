"""Verifies the record of a consent: every token and receipt, the chain, the purposes, how it stands.

No I/O, no clock. Source: spec/protocol/consents.md, records.md "Verification", spec/documents/consent.json.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto import keys, records, strictjson, timing
from vrmproto.agreed import row_of
from vrmproto.chains import automatic, check_order, check_states, describe, trust_keys
from vrmproto.findings import Findings, Report
from vrmproto.guards import pointed
from vrmproto.keys import PublicKey
from vrmproto.parties import ELSEWHERE, Parties
from vrmproto.spec import Kind, Spec
from vrmproto.verification import KeyRing, Link, open_checkpoint, open_link, read_document

__all__ = ["verify", "verify_consent"]

Json = Mapping[str, Any]


def verify(spec: Spec, data: bytes, home_keys: Sequence[PublicKey] | None = None) -> Report:
    """Verify a record, of an agreement or a consent, as its ``kind`` says."""
    consent = strictjson.read(data)[0].get("kind") == "consent"
    return (verify_consent if consent else records.verify_record)(spec, data, home_keys)


def verify_consent(spec: Spec, data: bytes, home_keys: Sequence[PublicKey] | None = None) -> Report:
    """Verify the record of a consent: it and nothing else is needed.

    ``home_keys`` are the keys that the reader knows of the home; without them those inside are taken.
    """
    found = Findings("consent", for_keys="VRM-REC-010")
    record = read_document(found, spec, data, "documents/consent.json")
    if record is None:
        return found.report()
    found.self_homed = record["home"] in (record["first"], record["second"])
    names = ("id", "thid", "home", "relationship", "agreement", "first", "second", "granted_at")
    found.facts |= {name: record[name] for name in (*names, "purposes", "state")}
    ring = KeyRing.read(found, record["home"], record["keys"], home_keys)
    items = record["messages"]
    opened = [open_link(found, spec, ring, f"message {n}", item) for n, item in enumerate(items, 1)]
    links = [link for link in opened if link is not None]
    if len(links) == len(items):
        found.facts["messages"] = describe(links)
        _check_messages(found, spec, record, ring, links)
    return found.report()


def _check_messages(found: Findings, spec: Spec, record: Json, ring: KeyRing, links: Sequence[Link]) -> None:
    """What is told of the messages together, once each is verified."""
    opening = links[0]
    kind = spec.opens.get(opening.type)
    asked = kind is not None and kind.record == "consent"
    wrong = "the first message asks for no consent"
    if not found.check("it begins with the request", asked, wrong, "VRM-CNS-011") or kind is None:
        return
    found.check(
        "the thread is that of the request",
        opening.mid == record["thid"],
        "thid of the record is not the id of its first message",
        "VRM-CNS-011",
    )
    found.check(
        "all messages are of this thread",
        all(link.thid == record["thid"] for link in links),
        "a message belongs to another thread",
        "VRM-REC-012",
    )
    found.check(
        "no message is missing between",
        opening.seq == 1 and all(b.seq == a.seq + 1 for a, b in itertools.pairwise(links)),
        "the messages are not those from the first on, each once",
        "VRM-CNS-011",
    )
    check_order(found, links)
    parties = Parties(found, spec, opening, strict=False)
    roles = [(link, parties.take(link)) for link in links]
    check_states(found, kind, roles)
    found.check(
        "it rests on what the request names",
        (record["relationship"], record["agreement"]) == (opening.message.pthid, opening.message.agr),
        "relationship and agreement are not pthid and agr of the request",
        "VRM-CNS-010",
    )
    granted = next((k for k in links if (row := row_of(kind, k.type)) and row.record), None)
    if granted is not None:
        _check_grant(found, record, granted, parties)
    until = _check_purposes(found, kind, record, links)
    _check_state(found, spec, record, ring, kind, links, parties, until)
    trust_keys(found, ring, links)
    found.trust("the time: granted_at and every receipt are dated by the home")
    found.trust("what it rests on: that the relationship and the agreement were in force")
    found.facts["first_now"] = parties.first


def _check_grant(found: Findings, record: Json, granted: Link, parties: Parties) -> None:
    found.check(
        "the record is named by the grant",
        record["id"] == granted.mid,
        "id is not the id of the message that granted the consent",
        "VRM-CNS-010",
    )
    found.check(
        "granted_at is when the grant was received",
        record["granted_at"] == granted.receipt["iat"],
        "granted_at is not iat of the receipt of the grant",
        "VRM-CNS-010",
    )
    found.check(
        "the parties are those of the messages",
        (record["first"], record["second"]) == (granted.message.iss, parties.second),
        "first and second are not who granted it and who asked for it",
        "VRM-CNS-010",
    )


def _check_purposes(found: Findings, kind: Kind, record: Json, links: Sequence[Link]) -> int | None:
    """Each list of purposes lies within the one before, each answer came in time; until when it holds."""
    purposes: list[str] = []
    until: int | None = None
    state = ""
    for link in links:
        body, row = link.message.body, row_of(kind, link.type)
        due = until is not None and "deadline" in kind.states[state].moves if state else False
        found.check(
            f"{link.place}: it came in time",
            not due or row is None or state not in row.states or link.receipt["iat"] < (until or 0),
            "the receipt is not earlier than the time until when the consent was asked for or granted",
            "VRM-THR-017",
            "deadline-passed",
        )
        if "purposes" in body:
            found.check(
                f"{link.place}: its purposes were asked for or granted",
                not state or set(body["purposes"]) <= set(purposes),
                "a purpose is not one of those before",
                "VRM-CNS-002" if row is not None and row.record else "VRM-CNS-003",
                "purpose-not-asked",
            )
            purposes = body["purposes"]
        if row is not None and row.deadline:
            until = timing.seconds(pointed(body, row.deadline))
        state = str(link.receipt["state"])
    found.check(
        "the purposes are those of the last word on them",
        record["purposes"] == purposes,
        "purposes are not those that the messages leave",
        "VRM-CNS-012",
    )
    return until


def _check_state(
    found: Findings,
    spec: Spec,
    record: Json,
    ring: KeyRing,
    kind: Kind,
    links: Sequence[Link],
    parties: Parties,
    until: int | None,
) -> None:
    """VRM-CNS-012: state and valid_until against the checkpoint and the messages."""
    last, state = links[-1], record["state"]
    told = str(last.receipt["state"])
    live = state in kind.states and kind.states[state].live
    found.check(
        "valid_until is that of the last grant or renewal",
        record.get("valid_until") == (until if live else None),
        "valid_until is not what the messages say, or stands where nothing is granted",
        "VRM-CNS-012",
    )
    checkpoint = open_checkpoint(found, spec, ring, record["checkpoint"], record["thid"], last)
    if checkpoint is None:
        return
    found.facts["checked_at"] = seen = checkpoint["iat"]
    found.check(
        "no message is missing at the end",
        checkpoint["seq"] == last.seq,
        "the checkpoint is of a later message",
        "VRM-CNS-011",
    )
    wrong = "state is not that of the checkpoint"
    found.check("the state is that of the checkpoint", state == checkpoint["state"], wrong, "VRM-CNS-012")
    found.check(
        "the state follows from the last message",
        state in automatic(kind, told),
        f"no deadline or other cause leads from {told} to {state}",
        "VRM-THR-018",
    )
    passed = until is not None and seen >= until
    lapses = kind.states[told].moves.get("deadline") if told in kind.states else None
    found.check(
        "it stands as the time says",
        not (live and passed) and not (state != told and state == lapses and not passed),
        "it is granted after valid_until, or has lapsed before",
        "VRM-CNS-007",
    )
    reader = checkpoint["aud"]
    if reader in parties.identifiers:
        return
    if reader.startswith(keys.DID):
        found.trust(ELSEWHERE)
    else:
        found.check("the reader is a party", False, "aud of the checkpoint is no party", "VRM-HOM-026")
