"""Verifies the export of a whole thread: each token and receipt, the chain, the checkpoint. No I/O, no clock.

Source: spec/protocol/agents.md, home.md "Threads", spec/documents/thread.json.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto import envelope, keys, tombstones
from vrmproto.chains import automatic, check_order, check_states, describe, trust_keys
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings, Report
from vrmproto.keys import PublicKey
from vrmproto.parties import Parties
from vrmproto.spec import Spec
from vrmproto.verification import KeyRing, Link, contradict, open_checkpoint, open_link, read_document

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
    if tombstones.present(items):
        _check_erased(found, spec, ring, document)
        return found.report()
    links = [open_link(found, spec, ring, f"message {n}", item) for n, item in enumerate(items, 1)]
    held = [link for link in links if link is not None]
    if len(held) == len(items):
        _check_chain(found, spec, ring, held, items)
    last = held[-1] if held else None
    checkpoint = open_checkpoint(
        found, spec, ring, document["checkpoint"], last.receipt["thid"] if last else _thid_of(document), last
    )
    if checkpoint is not None and len(held) == len(items):
        _check_end(found, spec, document, checkpoint, held)
    return found.report()


def _check_erased(found: Findings, spec: Spec, ring: KeyRing, document: Mapping[str, Any]) -> None:
    """A thread of which tombstones are left."""
    checkpoint = open_checkpoint(found, spec, ring, document["checkpoint"], _thid_of(document), None)
    if checkpoint is None:
        return
    items = document["messages"]
    found.facts |= {"thid": checkpoint["thid"], "state": checkpoint["state"], "seq": checkpoint["seq"]}
    tombstones.check(found, spec, ring, items, checkpoint["state"])
    last = envelope.peek(items[-1]["receipt"])[1]
    ends = "next" in document or (last.get("mid"), last.get("thid")) == (
        checkpoint["mid"],
        checkpoint["thid"],
    )
    wrong = "the checkpoint is of a later message, or of another thread"
    found.check("no message is missing at the end", ends, wrong, "VRM-AGT-004")


def _home_of(document: Mapping[str, Any]) -> str:
    claims = envelope.peek(document["checkpoint"])[1]
    if not isinstance(claims.get("iss"), str):
        raise ProtocolError("claim-missing", "the checkpoint names no iss")
    return str(claims["iss"])


def _thid_of(document: Mapping[str, Any]) -> str:
    return str(envelope.peek(document["checkpoint"])[1].get("thid"))


def _check_chain(
    found: Findings, spec: Spec, ring: KeyRing, links: Sequence[Link], items: Sequence[Mapping[str, Any]]
) -> None:
    found.check(
        "all messages are of one thread",
        len({link.thid for link in links}) <= 1,
        "the messages name more than one thread",
        "VRM-REC-012",
    )
    found.check(
        "the numbers are those of the receipts",
        all(item["seq"] == link.seq for item, link in zip(items, links, strict=True)),
        "seq beside a message is not seq of its receipt",
        "VRM-HOM-025",
    )
    pairs = [(a, b) for n, a in enumerate(links) for b in links[n + 1 : n + 3]]
    pairs += [(a, b) for a, b in _same_seq(links) if (a, b) not in pairs]
    found.check(
        "no two receipts contradict each other",
        not any(contradict(a.receipt, b.receipt) for a, b in pairs),
        "two receipts tell of one place in the thread two messages: this proves equivocation",
        "VRM-AGT-005",
    )
    found.check(
        "no message is missing between",
        all(b.seq == a.seq + 1 for a, b in itertools.pairwise(links)),
        "seq has a gap",
        "VRM-AGT-004",
    )
    check_order(found, links)
    trust_keys(found, ring, links)
    found.trust("the time and the order of the messages")
    found.facts["home"], found.facts["messages"] = ring.home, describe(links)


def _same_seq(links: Sequence[Link]) -> list[tuple[Link, Link]]:
    first: dict[int, Link] = {}
    return [(first[k.seq], k) for k in links if first.setdefault(k.seq, k) is not k]


def _check_end(
    found: Findings,
    spec: Spec,
    document: Mapping[str, Any],
    checkpoint: Mapping[str, Any],
    links: Sequence[Link],
) -> None:
    """Roles, states, and what the checkpoint says of the end."""
    found.facts |= {"thid": checkpoint["thid"], "state": checkpoint["state"], "seq": checkpoint["seq"]}
    found.facts["checked_at"] = checkpoint["iat"]
    if not links:
        found.trust("everything before the checkpoint: no message is here")
        return
    behind = "next" in document
    found.check(
        "no message is missing at the end",
        checkpoint["seq"] > links[-1].seq if behind else checkpoint["seq"] == links[-1].seq,
        "the checkpoint is of a later message, and the document does not say that there are more",
        "VRM-AGT-004",
    )
    kind = spec.opens.get(links[0].message.type) if links[0].seq == 1 else None
    if kind is None or kind.roles == "agreement":
        found.trust("the roles and states: the beginning of the thread is not here")
        return
    parties = Parties(found, spec, links[0], strict=False)
    check_states(found, kind, [(link, parties.take(link)) for link in links])
    found.facts |= {"kind": kind.name, "first": parties.first, "second": parties.second}
    found.self_homed = checkpoint["iss"] in parties.identifiers
    if not behind:
        told = links[-1].receipt["state"]
        found.check(
            "the state follows from the last message",
            checkpoint["state"] in automatic(kind, told),
            f"no deadline or other cause leads from {told} to {checkpoint['state']}",
            "VRM-THR-018",
        )
    if kind.parents:
        found.trust("what the thread rests on: its parent is not here")
    reader = checkpoint["aud"]
    if kind.roles == "board":
        return  # whoever signs may read it
    if reader not in parties.identifiers and reader.startswith(keys.DID):
        found.trust("a change of the person's key: the message that made it is not here")
    elif reader not in parties.identifiers:
        found.check("the reader is a party", False, "aud of the checkpoint is no party", "VRM-HOM-026")
