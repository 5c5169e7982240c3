"""Verifies the export of a whole thread: each token and receipt, the chain, the checkpoint. No I/O, no clock.

After a purge one party reads tombstones: receipts without their messages, which make the same chain.
Source: spec/protocol/agents.md, home.md "Threads", offers.md "Purging", spec/documents/thread.json.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto import agreed, envelope, keys, tombstones
from vrmproto.chains import automatic, check_order, check_states, describe, trust_keys
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings, Report
from vrmproto.keys import PublicKey
from vrmproto.parties import ELSEWHERE, Parties, tells_roles
from vrmproto.spec import Kind, Spec
from vrmproto.verification import (
    Held,
    KeyRing,
    Link,
    Tombstone,
    contradict,
    open_checkpoint,
    open_link,
    open_tombstone,
    read_document,
)

__all__ = ["verify_thread"]


def verify_thread(spec: Spec, data: bytes, home_keys: Sequence[PublicKey] | None = None) -> Report:
    """Verify a thread export (documents/thread.json): every token and receipt, the chain, the checkpoint.

    ``home_keys`` are the keys that the reader knows of the home; without them those inside are taken.
    """
    found = Findings("thread")
    document = read_document(found, spec, data, "documents/thread.json")
    if document is None:
        return found.report()
    home = found.attempt("it names its home", "", lambda: _home_of(document))
    if home is None:
        return found.report()
    ring = KeyRing.read(found, home, document["keys"], home_keys)
    items = document["messages"]
    opened = [_open(found, spec, ring, f"message {n}", item) for n, item in enumerate(items, 1)]
    held = [one for one in opened if one is not None]
    if len(held) == len(items):
        _check_chain(found, ring, held, items)
    last = held[-1] if held else None
    checkpoint = open_checkpoint(
        found, spec, ring, document["checkpoint"], last.receipt["thid"] if last else _thid_of(document), last
    )
    if checkpoint is not None and len(held) == len(items):
        _check_end(found, spec, document, checkpoint, held)
    return found.report()


def _open(found: Findings, spec: Spec, ring: KeyRing, place: str, item: Mapping[str, Any]) -> Held | None:
    """A message with its receipt, or the receipt of one that is erased."""
    read = open_link if "token" in item else open_tombstone
    return read(found, spec, ring, place, item)


def _home_of(document: Mapping[str, Any]) -> str:
    claims = envelope.peek(document["checkpoint"])[1]
    if not isinstance(claims.get("iss"), str):
        raise ProtocolError("claim-missing", "the checkpoint names no iss")
    return str(claims["iss"])


def _thid_of(document: Mapping[str, Any]) -> str:
    return str(envelope.peek(document["checkpoint"])[1].get("thid"))


def _check_chain(
    found: Findings, ring: KeyRing, held: Sequence[Held], items: Sequence[Mapping[str, Any]]
) -> None:
    found.check(
        "all messages are of one thread",
        len({one.thid for one in held}) <= 1,
        "the messages name more than one thread",
        "VRM-REC-012",
    )
    found.check(
        "the numbers are those of the receipts",
        all(item["seq"] == one.seq for item, one in zip(items, held, strict=True)),
        "seq beside a message is not seq of its receipt",
        "VRM-HOM-025",
    )
    pairs = [(a, b) for n, a in enumerate(held) for b in held[n + 1 : n + 3]]
    pairs += [(a, b) for a, b in _same_seq(held) if (a, b) not in pairs]
    found.check(
        "no two receipts contradict each other",
        not any(contradict(a.receipt, b.receipt) for a, b in pairs),
        "two receipts tell of one place in the thread two messages: this proves equivocation",
        "VRM-AGT-005",
    )
    found.check(
        "no message is missing between",
        all(b.seq == a.seq + 1 for a, b in itertools.pairwise(held)),
        "seq has a gap",
        "VRM-AGT-004",
    )
    check_order(found, held)
    trust_keys(found, ring, [one for one in held if isinstance(one, Link)])
    found.trust("the time and the order of the messages")
    found.facts["home"], found.facts["messages"] = ring.home, describe(held)


def _same_seq(held: Sequence[Held]) -> list[tuple[Held, Held]]:
    first: dict[int, Held] = {}
    return [(first[k.seq], k) for k in held if first.setdefault(k.seq, k) is not k]


def _check_end(
    found: Findings,
    spec: Spec,
    document: Mapping[str, Any],
    checkpoint: Mapping[str, Any],
    held: Sequence[Held],
) -> None:
    """Roles, states, what is erased, and what the checkpoint says of the end."""
    found.facts |= {"thid": checkpoint["thid"], "state": checkpoint["state"], "seq": checkpoint["seq"]}
    found.facts["checked_at"] = checkpoint["iat"]
    if not held:
        found.trust("everything before the checkpoint: no message is here")
        return
    behind = "next" in document
    found.check(
        "no message is missing at the end",
        checkpoint["seq"] > held[-1].seq if behind else checkpoint["seq"] == held[-1].seq,
        "the checkpoint is of a later message, and the document does not say that there are more",
        "VRM-AGT-004",
    )
    tombstones.check(found, spec, held, checkpoint)
    first = held[0]
    kind = spec.opens.get(first.type) if first.seq == 1 else None
    if kind is None or not isinstance(first, Link) or not tells_roles(kind, first):
        found.trust("the roles and states: the beginning of the thread is not here")
        return
    parties = Parties(found, spec, first, strict=kind.roles == "board")
    check_states(found, kind, [(one, _role(parties, one)) for one in held])
    links = [one for one in held if isinstance(one, Link)]
    if len(links) == len(held):
        agreed.check_takes(found, kind, links)
    found.facts |= {"kind": kind.name, "first": parties.first, "second": parties.second}
    found.self_homed = checkpoint["iss"] in parties.identifiers
    if not behind:
        told = held[-1].receipt["state"]
        found.check(
            "the state follows from the last message",
            checkpoint["state"] in automatic(kind, told),
            f"no deadline or other cause leads from {told} to {checkpoint['state']}",
            "VRM-THR-018",
        )
    if kind.parents:
        found.trust(
            "what the thread rests on: its parent is not here, neither what it asked for nor when it ended"
        )
    _check_reader(found, kind, parties, checkpoint["aud"], erased=len(links) < len(held))


def _role(parties: Parties, one: Held) -> str:
    if isinstance(one, Link):
        return parties.take(one)
    return parties.bury(one) if isinstance(one, Tombstone) else ""


def _check_reader(found: Findings, kind: Kind, parties: Parties, reader: str, *, erased: bool) -> None:
    """Who was given the document: a party, of a board everyone, of tombstones the second party."""
    if erased:
        right, wrong = reader == parties.second, "tombstones are for the second party alone"
        found.check("the reader is the second party", right, wrong, "VRM-OFR-027")
    elif kind.roles == "board" or reader in parties.identifiers:
        return
    elif reader.startswith(keys.DID):
        found.trust(ELSEWHERE)
    else:
        found.check("the reader is a party", False, "aud of the checkpoint is no party", "VRM-HOM-026")
