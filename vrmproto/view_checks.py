"""Verifies the view of a relationship beside the threads of an export: its form, its checkpoint, each member.

No I/O and no clock. Source: spec/protocol/standing.md, spec/documents/relationship.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto.findings import Findings
from vrmproto.keys import PublicKey
from vrmproto.proving import MEMBERS, Proof, Threads, prove
from vrmproto.spec import Spec
from vrmproto.verification import Held, KeyRing, contradict, open_checkpoint, read_document

__all__ = ["check_view", "tell"]

SCHEMA = "documents/relationship.json"


def check_view(
    found: Findings,
    spec: Spec,
    data: bytes,
    homes: Mapping[str, Sequence[PublicKey]],
    threads: Mapping[str, Threads],
) -> str:
    """Check a view against what is held, by home: the keys of each, and its threads. The id that it names."""
    document = read_document(found, spec, data, SCHEMA)
    if document is None:
        return ""
    home, thid = document["home"], str(document["thid"])
    wrong = f"it is a view of {home}, of which nothing is here"
    if not found.check("its home is known here", home in homes, wrong, "VRM-STD-001"):
        return thid
    held = threads.get(home, Threads({})).held.get(thid, ())
    wrong = f"it is a view of the relationship {thid}, of which no message is here"
    if not found.check("its relationship is known here", bool(held), wrong, "VRM-STD-001"):
        return thid
    claims = _checkpoint(found, spec, KeyRing(home, (), homes[home]), document, held)
    if claims is not None:
        tell(found, document, prove(spec, document, claims, threads[home]))
    return thid


def _checkpoint(
    found: Findings, spec: Spec, ring: KeyRing, document: Mapping[str, Any], held: Sequence[Held]
) -> dict[str, Any] | None:
    """The claims of the checkpoint in a view, which is of its relationship and goes with the receipts."""
    thid = document["thid"]
    claims = open_checkpoint(found, spec, ring, document["checkpoint"], thid, None)
    if claims is None or claims["thid"] != thid:
        return None
    fits = not any(contradict(claims, one.receipt) for one in held)
    wrong = "the checkpoint contradicts a receipt: together they prove equivocation"
    found.check("the checkpoint continues the receipts", fits, wrong, "VRM-AGT-005")
    return claims


def tell(found: Findings, document: Mapping[str, Any], proof: Proof) -> None:
    """Note what a comparison has found: a check for each member, and one for each place that differs."""
    differing = {one.member for one in proof.differences}
    for name, rule in MEMBERS.items():
        if name not in differing and (name in document or name == "preferences"):
            found.check(f"/{name} is what the threads say", True, "", rule)
    for one in proof.differences:
        found.check(f"{one.place} is what the threads say", False, one.detail, one.requirement)
    for what in proof.trusted:
        found.trust(what)
