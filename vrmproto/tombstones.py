"""Erased messages in the export of a thread: who may erase which of them, and when. No I/O, no clock.

Source: spec/protocol/offers.md "Purging" (VRM-OFR-025, VRM-OFR-027), relationships.md (VRM-REL-012).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto.findings import Findings
from vrmproto.spec import Spec
from vrmproto.verification import Held, Link, Tombstone

__all__ = ["check"]


def check(found: Findings, spec: Spec, held: Sequence[Held], checkpoint: Mapping[str, Any]) -> None:
    """Only a thread in a state that is marked ``erased`` has tombstones, and not of what the record holds.

    One that is erased with its parent has them up to the ``seq`` that its checkpoint names (VRM-REL-017).
    Whether a tombstone has a place in the chain, and its type a row, is judged as of a whole message.
    """
    state, first = checkpoint["state"], held[0]
    left = [one for one in held if isinstance(one, Tombstone)]
    opened = spec.opens.get(first.type) if first.seq == 1 else None
    kinds = [opened] if opened is not None else list(spec.kinds.values())
    purged = any(k.states[state].erased for k in kinds if state in k.states)
    told = checkpoint.get("erased", 0) if any(k.erased for k in kinds) else 0
    if told:
        whole = [one for one in held if one.seq <= told and not isinstance(one, Tombstone)]
        wrong = "messages are shown that the checkpoint says are tombstones"
        found.check("what was erased with its parent is erased", not whole, wrong, "VRM-REL-016")
    if left:
        right = all(any(kind.is_erased(checkpoint, one.seq) for kind in kinds) for one in left)
        wrong = f"messages have been left out of a thread that is {state}"
        found.check("the thread has been purged", right, wrong, "VRM-OFR-025")
        for one in left:
            rows = [row for k in kinds for row in k.rows if row.type == one.type]
            kept = not rows or any(row.record for row in rows)
            wrong = "the message makes the record, which stays whole" if rows else "there is no such type"
            found.check(f"{one.place}: such a message is erased", not kept, wrong, "VRM-OFR-025")
        found.facts["erased"] = len(left)
        found.trust("what the erased messages said: their ids, types, times and order are all that is left")
    elif purged and opened is not None and isinstance(first, Link):
        by = {row.by for row in opened.rows if not row.states and row.type == first.type}
        second = first.message.iss if by == {"second"} else first.message.aud
        kept = any(row.record and row.type == first.type for row in opened.rows)
        whole = [one for one in held if one.seq > kept and checkpoint["aud"] == second]
        wrong = "the party that has purged is shown messages that are to be tombstones"
        found.check("what was purged is erased", not whole, wrong, "VRM-OFR-025")
