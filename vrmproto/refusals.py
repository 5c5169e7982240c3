"""Whether a message can have been refused with a code, as far as outsiders see it. No I/O, no clock.

A refusal by the table or by a guard mostly rests on what the home has stored. Some of it is seen all the
same: that no row of the type asks this, or that the message and two checkpoints around it have the answer.
Source: spec/errors.json, spec/threads.json, spec/protocol/threads.md "Guards", offers.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vrmproto import envelope, keys, proofs
from vrmproto.envelope import Message
from vrmproto.spec import Row, Spec

__all__ = ["undeserved"]

Claims = Mapping[str, Any]


def undeserved(
    spec: Spec,
    claims: Claims,
    code: str,
    rule: str,
    around: tuple[Claims | None, Claims | None] = (None, None),
    message: Message | None = None,
) -> str:
    """Why a message that is right by itself cannot have been refused with this code; '' if it can.

    ``rule`` is the requirement that the problem names, ``around`` are checkpoints before and after;
    ``message`` is None where its signature could not be verified.
    """
    rows = [row for kind in spec.kinds.values() for row in kind.rows if row.type == claims.get("type")]
    guards = set(spec.errors.get(code, {}).get("by", ()))
    if guards and guards <= spec.guards and not any(guards & set(row.guards) for row in rows):
        return f"no row of {claims.get('type')} asks what {code} answers"
    by_itself = _by_itself(claims, code, rule)
    if by_itself:
        return by_itself
    before, after = around
    if code == "proof-invalid" and message is not None and _proves(spec, message, before, after):
        return "the proof holds"
    if before is None or after is None or not _still(before, after):
        return ""
    return _by_state(rows, claims, code, rule, after)


def _by_itself(claims: Claims, code: str, rule: str) -> str:
    """What the claims of the message alone say against a refusal by a guard."""
    body = claims.get("body", {})
    person = str(claims.get("iss", "")).startswith(keys.DID)
    if code == "person-required" and person:
        return "the sender is named by a did:jwk"
    if code == "vendor-unverified" and not person:
        return "the sender is named by its domain"
    if (code, rule) == ("currency-not-allowed", "VRM-OFR-009"):
        prices = [item["price"]["currency"] for item in body["items"]]
        if set(prices) <= {body["total"]["currency"]}:
            return "all prices are in the currency of the total"
    return ""


def _proves(spec: Spec, message: Message, before: Claims | None, after: Claims | None) -> bool:
    """Whether the proof of an introduction holds at every time at which it may have been judged."""
    earliest = message.iat - envelope.SKEW if before is None else before["iat"]
    latest = message.exp + envelope.SKEW if after is None else after["iat"]
    if message.body["id"] in (message.iss, message.aud):
        return False
    return all(proofs.introduces(spec, message, message.aud, at) for at in (earliest, latest))


def _still(before: Claims, after: Claims) -> bool:
    """Whether nothing has moved between two checkpoints of one thread."""
    return all(before[name] == after[name] for name in ("thid", "seq", "mid", "state"))


def _by_state(rows: list[Row], claims: Claims, code: str, rule: str, told: Claims) -> str:
    """What the thread, or the parent of one not opened, says against a refusal."""
    state = told["state"]
    if told["thid"] == claims.get("pthid") and (code, rule) == ("intent-not-open", "VRM-OFR-001"):
        return "the intent was open" if state == "open" else ""
    if told["thid"] != claims.get("thid"):
        return ""
    allowed = any(state in row.states for row in rows)
    if code == "state-conflict" and allowed:
        return f"the state {state} takes this message from one of the parties"
    if code == "role-forbidden" and not allowed:
        return f"the state {state} takes this message from nobody"
    if code in ("prev-stale", "prev-unknown") and claims.get("prev") == told["mid"]:
        return "prev is the last message of the thread"
    return ""
