"""Verifies a thread of which one party reads tombstones: erased, and not tampered with. No I/O, no clock.

Source: spec/protocol/offers.md "Purging" (VRM-OFR-025); spec/documents/thread.json.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto.findings import Findings
from vrmproto.spec import Kind, Spec
from vrmproto.verification import KeyRing, open_link, open_receipt

__all__ = ["check", "present"]


def present(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a document holds tombstones."""
    return any("token" not in item for item in items)


def check(found: Findings, spec: Spec, ring: KeyRing, items: Sequence[Mapping[str, Any]], state: str) -> None:
    """Each receipt, the chain that they make, and that what is left of a message fits its receipt.

    ``state`` is that of the checkpoint: only one that is marked ``erased`` has tombstones.
    """
    receipts: list[Mapping[str, Any]] = []
    types: list[str] = []
    for n, item in enumerate(items, 1):
        opened = (
            _whole(found, spec, ring, n, item) if "token" in item else _erased(found, spec, ring, n, item)
        )
        if opened is None:
            return
        receipts.append(opened[0])
        types.append(opened[1])
    for n, (item, receipt) in enumerate(zip(items, receipts, strict=True), 1):
        wrong = "seq beside a message is not seq of its receipt"
        found.check(f"message {n}: the number", item["seq"] == receipt["seq"], wrong, "VRM-HOM-025")
    _check_chain(found, receipts)
    kind = spec.opens.get(types[0]) if receipts and receipts[0]["seq"] == 1 else None
    if kind is not None:
        _check_kind(found, kind, receipts, types, state)
    found.facts |= {"home": ring.home, "erased": sum("token" not in item for item in items)}
    found.trust("what the erased messages said: their ids, order and receipts are all that is left")


def _whole(
    found: Findings, spec: Spec, ring: KeyRing, n: int, item: Mapping[str, Any]
) -> tuple[Mapping[str, Any], str] | None:
    link = open_link(found, spec, ring, f"message {n}", item)
    return None if link is None else (link.receipt, link.message.type)


def _erased(
    found: Findings, spec: Spec, ring: KeyRing, n: int, item: Mapping[str, Any]
) -> tuple[Mapping[str, Any], str] | None:
    receipt = found.attempt(
        f"message {n}: the receipt verifies",
        found.for_keys or "VRM-HOM-010",
        lambda: open_receipt(spec, ring, item["receipt"]),
    )
    if receipt is None:
        return None
    fits = receipt["mid"] == item.get("mid") and "checkpoint" not in receipt
    wrong = "mid of the tombstone is not that of its receipt"
    found.check(f"message {n}: the tombstone is that of its receipt", fits, wrong, "VRM-OFR-025")
    return receipt, str(item.get("type", ""))


def _check_chain(found: Findings, receipts: Sequence[Mapping[str, Any]]) -> None:
    found.check(
        "all messages are of one thread",
        len({receipt["thid"] for receipt in receipts}) <= 1,
        "the receipts name more than one thread",
        "VRM-REC-012",
    )
    whole = all(
        b["seq"] == a["seq"] + 1 and b.get("prior") == a["mid"] and b["iat"] >= a["iat"]
        for a, b in itertools.pairwise(receipts)
    )
    wrong = "a receipt does not follow the one before: seq, prior or iat"
    found.check("the receipts make a chain", whole, wrong, "VRM-AGT-004")


def _check_kind(
    found: Findings, kind: Kind, receipts: Sequence[Mapping[str, Any]], types: Sequence[str], state: str
) -> None:
    erased = state in kind.states and kind.states[state].erased
    wrong = f"a thread that is {state} is shown whole"
    found.check("the thread has been purged", erased, wrong, "VRM-OFR-025")
    for n, (receipt, message_type) in enumerate(zip(receipts, types, strict=True), 1):
        told = receipt["state"]
        leads = any(row.type == message_type and row.to in ("=", told) for row in kind.rows)
        wrong = f"no {message_type} leads to {told}"
        found.check(f"message {n}: its type leads to its state", leads, wrong, "VRM-THR-005")
