"""Records of agreements: how a home builds one, and how anyone verifies one without asking either party.

No I/O, no clock. Source: spec/protocol/records.md, terms.md, spec/documents/record.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto import agreed, envelope, keys, strictjson
from vrmproto.chains import automatic, check_order, check_states, describe, trust_keys
from vrmproto.findings import Check, Findings, Report
from vrmproto.keys import KeySet, PublicKey
from vrmproto.model import Thread
from vrmproto.parties import Parties
from vrmproto.roster import Agreement, digest
from vrmproto.spec import Spec
from vrmproto.thread_export import verify_thread
from vrmproto.verification import KeyRing, Link, contradict, open_checkpoint, open_link, read_document

__all__ = [
    "Check",
    "Report",
    "build",
    "contradict",
    "matches",
    "message_ids",
    "verify_record",
    "verify_thread",
]


# --- building ----------------------------------------------------------------------------------


def build(
    *,
    home: str,
    thread: Thread,
    state: str,
    messages: Sequence[tuple[str, str]],
    agreement: Agreement,
    home_keys: Sequence[PublicKey],
    key_sets: Mapping[str, KeySet],
    checkpoint: str,
) -> dict[str, Any]:
    """The document ``documents/record.json`` of the agreement made in a thread.

    ``messages`` are (token, receipt) in order; ``key_sets`` the keys of organisations by origin, whose
    document is put beside a key that it still lists.
    """
    opened = [(envelope.peek(token)[1], envelope.peek(receipt)[1], receipt) for token, receipt in messages]
    proffer = opened[0][0]
    executed = next(receipt["iat"] for _, receipt, _ in opened if receipt["mid"] == thread.record)
    signed = [receipt for *_, receipt in opened] + [checkpoint]
    return {
        "kind": "agreement",
        "id": thread.record,
        "home": home,
        "thid": thread.thid,
        "agreement": agreement.reference,
        "first": proffer["iss"],
        "second": proffer["aud"] if thread.parent is None else opened[1][0]["iss"],
        "executed_at": executed,
        "state": state,
        "messages": [{"token": token, "receipt": receipt} for token, receipt in messages],
        "keys": [*_home_keys(home_keys, signed), *_sender_keys(home, opened, key_sets)],
        "manifest": keys.b64(agreement.manifest),
        "checkpoint": checkpoint,
    }


def _home_keys(home_keys: Sequence[PublicKey], signed: Sequence[str]) -> list[dict[str, Any]]:
    """VRM-REC-006: the home's keys that signed one of the receipts."""
    kids = {envelope.peek(token)[0]["kid"] for token in signed}
    return [{"kid": k.kid, "jwk": dict(k.jwk), "source": "home"} for k in home_keys if k.kid in kids]


def _sender_keys(
    home: str, opened: Sequence[tuple[dict[str, Any], dict[str, Any], str]], key_sets: Mapping[str, KeySet]
) -> list[dict[str, Any]]:
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for claims, receipt, _ in opened:
        issuer, kid = claims["iss"], keys.thumbprint(receipt["key"])
        entry: dict[str, Any] = {"kid": kid, "jwk": receipt["key"], "source": "did:jwk"}
        if not issuer.startswith(keys.DID):
            entry["source"] = "discovery" if "key_seen_at" in receipt else "home"
        if "key_seen_at" in receipt:
            entry["seen_at"] = receipt["key_seen_at"]
            published = key_sets.get(issuer)
            if published and published.document and kid in published.keys and kid not in published.revoked:
                entry["document"] = keys.b64(published.document)
        entries.setdefault((kid, entry["source"]), entry)
    return list(entries.values())


# --- matching ----------------------------------------------------------------------------------


def message_ids(data: bytes) -> list[str]:
    """The ids of the messages in a record, recomputed, in order; empty if it is none."""
    document, _ = strictjson.read(data)
    listed = document.get("messages")
    if not isinstance(listed, list):
        return []
    tokens = [item.get("token") for item in listed if isinstance(item, dict)]
    return [envelope.mid_of(t.encode("utf-8", "replace")) for t in tokens if isinstance(t, str)]


def matches(a: bytes, b: bytes) -> bool:
    """Whether two records match: the message ids in them are equal. Neither is verified here."""
    ids = message_ids(a)
    return bool(ids) and ids == message_ids(b)


# --- verifying ---------------------------------------------------------------------------------


def verify_record(spec: Spec, data: bytes, home_keys: Sequence[PublicKey] | None = None) -> Report:
    """Verify a record (VRM-REC-009 to -014): it and nothing else is needed.

    ``home_keys`` are the keys that the reader knows of the home; without them those inside are taken.
    """
    found = Findings("record", for_keys="VRM-REC-010")
    record = read_document(found, spec, data, "documents/record.json")
    if record is None:
        return found.report()
    found.self_homed = record["home"] in (record["first"], record["second"])
    names = ("id", "thid", "home", "agreement", "first", "second", "executed_at", "state")
    found.facts |= {name: record[name] for name in names}
    ring = KeyRing.read(found, record["home"], record["keys"], home_keys)
    items = record["messages"]
    links = [open_link(found, spec, ring, f"message {n}", item) for n, item in enumerate(items, 1)]
    held = [link for link in links if link is not None]
    if len(held) == len(items):
        found.facts["messages"] = describe(held)
        _check_messages(found, spec, record, ring, held)
    else:
        _check_manifest(found, spec, record)
    return found.report()


def _check_messages(
    found: Findings, spec: Spec, record: Mapping[str, Any], ring: KeyRing, links: Sequence[Link]
) -> None:
    """What is told of the messages together, once each is verified."""
    own = [link for link in links if link.thid == record["thid"]]
    parent = agreed.parent_of(spec, record["thid"], links)
    rest = [link for link in links if link is not parent]
    opening = rest[0]
    kind = spec.opens.get(opening.type)
    below = kind is not None and bool(kind.parents)
    found.check(
        "the thread is that of the proffer",
        opening.mid == record["thid"],
        "thid of the record is not the id of its first message, or of the first after the parent's",
        "VRM-REC-009",
    )
    found.check(
        "all messages are of this thread",
        all(k.thid == record["thid"] or k.type in spec.rotations for k in rest),
        "a message belongs to another thread",
        "VRM-REC-012",
    )
    found.check(
        "no message stands twice",
        len({k.mid for k in links}) == len(links),
        "a message is there more than once",
        "VRM-OFR-030" if below else "VRM-REC-002",
    )
    check_order(found, own)
    parties = Parties(found, spec, opening, strict=True)
    both = (parties.first, parties.second)
    roles = [(link, parties.take(link)) for link in rest]
    made = next((k for k in own if k.mid == record["id"]), None)
    row = agreed.row_of(kind, made.type) if kind is not None and made is not None else None
    named = row is not None and bool(row.record)
    found.check(
        "the record is named by its acceptance",
        named,
        "id is not the id of an acceptance among the messages",
        "VRM-REC-009",
    )
    found.check(
        "the parties are those of the messages",
        (record["first"], record["second"]) == both and record["first"] == (parent or opening).message.iss,
        "first and second are not the parties of the messages",
        "VRM-OFR-031" if below else "VRM-REC-004",
    )
    if kind is not None and made is not None and named:
        if below:
            agreed.check_offer(found, spec, record, ring.home, parent, rest)
        else:
            agreed.check_terms(found, kind, record, own, made)
    _check_manifest(found, spec, record)
    if kind is not None:
        check_states(found, kind, [(k, role) for k, role in roles if k.thid == record["thid"]])
        _check_state(found, spec, record, ring, own, parties)
    trust_keys(found, ring, links)
    found.trust(
        "the time: executed_at and every receipt are dated by the home, within the life of each message"
    )
    found.trust("the order of the messages, where they do not name each other")
    found.facts["first_now"] = parties.first


def _check_manifest(found: Findings, spec: Spec, record: Mapping[str, Any]) -> None:
    """VRM-REC-011."""
    named = record["agreement"]
    try:
        data = keys.unb64(record["manifest"])
    except ValueError:
        data = b""
    right = digest(data) == named["digest"]
    wrong = "the digest of the manifest is not the one of the agreement"
    if not found.check("the manifest is the one agreed", right, wrong, "VRM-REC-011", "agreement-mismatch"):
        return
    manifest, broken = strictjson.read(data)
    found.check(
        "the manifest is of this id and version",
        not broken
        and spec.valid("documents/manifest.json", manifest)
        and (manifest["id"], manifest["version"]) == (named["id"], named["version"]),
        "the manifest is not one, or has another id or version",
        "VRM-REC-011",
        "agreement-mismatch",
    )
    held = [roster.find(named) for roster in spec.rosters.values()]
    found.facts["known_here"] = any(a is not None and a.digest == named["digest"] for a in held)


def _check_state(
    found: Findings,
    spec: Spec,
    record: Mapping[str, Any],
    ring: KeyRing,
    own: Sequence[Link],
    parties: Parties,
) -> None:
    """VRM-REC-007: against the checkpoint, or else against the last receipt."""
    state = record["state"]
    if not own:
        return
    last = own[-1]
    told = str(last.receipt["state"])
    if "checkpoint" not in record:
        wrong = "state is not that of the last receipt, and no checkpoint says it"
        found.check("the state is that of the last receipt", state == told, wrong, "VRM-REC-007")
        found.trust(f"that the state is still {state}: the record has no checkpoint")
        return
    checkpoint = open_checkpoint(found, spec, ring, record["checkpoint"], record["thid"], last)
    if checkpoint is None:
        return
    wrong = "state is not that of the checkpoint"
    found.check("the state is that of the checkpoint", state == checkpoint["state"], wrong, "VRM-REC-007")
    found.check(
        "the checkpoint is for a party",
        checkpoint["aud"] in parties.identifiers,
        "aud of the checkpoint is no party, or one whom no message here has made one",
        "VRM-HOM-026",
    )
    kind = parties.kind
    if checkpoint["seq"] == last.seq:
        follows = kind is not None and state in automatic(kind, told)
        wrong = f"no deadline or other cause leads from {told} to {state}"
        found.check("the state follows from the last message", follows, wrong, "VRM-THR-018")
    else:
        later = checkpoint["seq"] - last.seq
        found.trust(f"what the later messages of the thread say ({later}): the record does not hold them")
        if "key_seen_at" not in checkpoint and parties.second != ring.home:
            wrong = "a key signed it that is no party's: a message that rebound the first party is missing"
            rule = "VRM-OFR-030" if kind is not None and kind.parents else "VRM-REC-002"
            found.check("the last message is by a party", parties.holds(checkpoint["key"]), wrong, rule)
    found.facts["checked_at"] = checkpoint["iat"]
