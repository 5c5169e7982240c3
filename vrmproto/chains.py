"""Order, states and keys of a thread's messages, checked from outside.

A verifier has no store: it follows tokens and receipts. No I/O, no clock. Source: spec/protocol/threads.md,
home.md "Receipts", records.md.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from vrmproto import keys
from vrmproto.findings import Findings
from vrmproto.keys import PublicKey
from vrmproto.spec import Kind
from vrmproto.verification import Held, KeyRing, Link, read_key_set

__all__ = ["automatic", "check_order", "check_states", "describe", "trust_keys"]


def check_order(found: Findings, held: Sequence[Held]) -> None:
    """``seq``, ``prior``, ``iat`` and ``thid`` of the receipts of one thread, as they are listed."""
    for one in held:
        first = one.seq == 1
        opens = one.message.thid is None if isinstance(one, Link) else one.mid == one.thid
        found.check(
            f"{one.place}: the first message opens the thread",
            first == opens and first == ("prior" not in one.receipt),
            "seq 1, no prior and no thid go together",
            "VRM-HOM-012",
        )
    for before, one in itertools.pairwise(held):
        place, receipt = one.place, one.receipt
        found.check(f"{place}: seq rises", one.seq > before.seq, "seq does not rise", "VRM-HOM-011")
        adjacent = one.seq == before.seq + 1
        found.check(
            f"{place}: prior is the message before",
            receipt.get("prior") == before.mid if adjacent else True,
            "prior is not the message at seq minus 1",
            "VRM-HOM-012",
        )
        found.check(
            f"{place}: the time does not go back",
            receipt["iat"] >= before.receipt["iat"],
            "iat is earlier than that of the receipt before",
            "VRM-HOM-014",
        )


def automatic(kind: Kind, state: str) -> frozenset[str]:
    """The states that a state may become without a message, itself among them."""
    reached, waiting = {state}, [state]
    while waiting:
        known = kind.states.get(waiting.pop())
        for target in known.moves.values() if known else ():
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    return frozenset(reached)


def check_states(found: Findings, kind: Kind, held: Sequence[tuple[Held, str]]) -> None:
    """Every receipt's ``state`` is what the table makes of its message; ``held`` are (message, role)."""
    state, seq = "", 0
    for one, role in held:
        if one.seq != seq + 1:  # messages between are not held: any state may have been before
            candidates = frozenset(kind.states)
        else:
            candidates = automatic(kind, state) if state else frozenset({""})
        told = str(one.receipt["state"])
        rows = [(s, kind.cells.get((s, role, one.type))) for s in candidates]
        found.check(
            f"{one.place}: the table allows it",
            any(row and told == (s if row.to == "=" else row.to) for s, row in rows),
            f"no row of the kind {kind.name} leads to the state {told} by this message",
            "VRM-THR-005",
            "state-conflict",
        )
        bound = any(row and row.head for _, row in rows)
        if bound and isinstance(one, Link):
            found.check(
                f"{one.place}: prev is the message before",
                one.message.prev == one.receipt.get("prior"),
                "this message binds to the last message, and prev is another",
                "VRM-THR-012",
                "prev-stale",
            )
        state, seq = told, one.seq


def trust_keys(found: Findings, ring: KeyRing, links: Iterable[Link]) -> None:
    """Check the entries of ``keys`` that signed something, and say what is only the home's word of them."""
    seen: dict[tuple[str, str], set[int]] = {}
    for link in links:
        issuer = link.message.iss
        if not issuer.startswith(keys.DID) and "key_seen_at" in link.receipt:
            seen.setdefault((issuer, link.message.key.kid), set()).add(int(link.receipt["key_seen_at"]))
    for (issuer, kid), times in seen.items():
        entry = ring.find(kid, "discovery")
        if entry is None:
            found.trust(f"the key {kid} of {issuer}")
            continue
        found.check(
            f"the key of {issuer} was seen when the receipt says",
            entry.seen_at in times,
            "seen_at is not key_seen_at of a receipt",
            "VRM-REC-006",
        )
        _trust_document(found, entry.document, issuer, kid)
    if not ring.known:
        _trust_home(found, ring)


def _trust_document(found: Findings, document: bytes | None, issuer: str, kid: str) -> None:
    if document is None:
        found.trust(f"the key {kid} of {issuer}: no discovery document is here that shows it")
        return
    found.attempt(
        f"the discovery document of {issuer} shows its key",
        "VRM-REC-010",
        lambda: _listed(issuer, document, kid),
    )
    found.trust(f"the discovery document of {issuer}: it is unsigned, and as good as who read it there")


def _trust_home(found: Findings, ring: KeyRing) -> None:
    for entry in ring.entries:
        document = entry.document
        if entry.source == "home" and document is not None:
            kid = entry.key.kid
            found.attempt(
                "the discovery document of the home shows its key",
                "VRM-REC-010",
                functools.partial(_listed, ring.home, document, kid),
            )
        elif entry.source == "home":
            found.trust(
                f"the key {entry.key.kid} of the home {ring.home} itself: compare it with what it publishes"
            )


def _listed(issuer: str, document: bytes, kid: str) -> PublicKey:
    return read_key_set(issuer, document).find(kid)


def describe(held: Iterable[Held]) -> list[dict[str, Any]]:
    """The messages in short, for the facts of a report."""
    return [
        {"seq": k.seq, "type": k.type, "mid": k.mid, "iat": k.receipt["iat"], "state": k.receipt["state"]}
        | ({} if isinstance(k, Link) else {"erased": True})
        for k in held
    ]
