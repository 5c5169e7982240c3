"""Order, roles and states of a thread's messages, checked from outside; and the export of a whole thread.

A verifier has no store: it follows tokens and receipts. No I/O, no clock. Source: spec/protocol/threads.md,
identity.md "Change of a person's key", agents.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vrmproto import envelope, keys
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.spec import Kind, Spec
from vrmproto.verification import (
    Findings,
    KeyRing,
    Link,
    Report,
    contradict,
    open_checkpoint,
    open_link,
    read_document,
)

__all__ = ["Parties", "automatic", "check_order", "check_states", "describe", "trust_keys", "verify_thread"]

PROOF_LIFETIME = 86400


def check_order(found: Findings, links: Sequence[Link]) -> None:
    """``seq``, ``prior``, ``iat`` and ``thid`` of the receipts of one thread, in the order of the document."""
    for link in links:
        first = link.seq == 1
        opens = link.message.thid is None
        found.check(
            f"{link.place}: the first message opens the thread",
            first == opens and first == ("prior" not in link.receipt),
            "seq 1, no prior and no thid go together",
            "VRM-HOM-012",
        )
    for before, link in zip(links, links[1:], strict=False):
        place, receipt = link.place, link.receipt
        found.check(f"{place}: seq rises", link.seq > before.seq, "seq does not rise", "VRM-HOM-011")
        adjacent = link.seq == before.seq + 1
        found.check(
            f"{place}: prior is the message before",
            receipt.get("prior") == before.message.mid if adjacent else True,
            "prior is not the message at seq minus 1",
            "VRM-HOM-012",
        )
        found.check(
            f"{place}: the time does not go back",
            receipt["iat"] >= before.receipt["iat"],
            "iat is earlier than that of the receipt before",
            "VRM-HOM-014",
        )


class Parties:
    """Who is first and second, message by message; a rotation rebinds the first."""

    def __init__(self, found: Findings, spec: Spec, opening: Link, *, strict: bool) -> None:
        """``strict``: a change of identifier that is not shown is a fault, not merely trusted."""
        self.found, self.spec, self.strict = found, spec, strict
        kind = spec.opens.get(opening.message.type)
        self.kind = kind
        by = (
            next((r.by for r in kind.rows if not r.states and r.type == opening.message.type), "")
            if kind
            else ""
        )
        sender, addressee = opening.message.iss, opening.message.aud
        self.first, self.second = (addressee, sender) if by == "second" else (sender, addressee)
        self.identifiers = {self.first, self.second}
        self.next_key = ""

    def take(self, link: Link) -> str:
        """Judge sender and addressee of the next message; its role, or '' if it has none."""
        message, place = link.message, link.place
        if message.type in self.spec.rotations:
            return self._rotate(link)
        role = self._role(message.iss, message.aud)
        self.found.check(
            f"{place}: sender and addressee are the two parties",
            bool(role),
            "iss and aud are not the two parties of the thread",
            "VRM-REC-012",
            "aud-mismatch",
        )
        return role

    def _role(self, sender: str, addressee: str) -> str:
        if (sender, addressee) == (self.first, self.second):
            return "first"
        if (sender, addressee) == (self.second, self.first):
            return "second"
        new = {sender, addressee} - {self.second}
        if self.strict or len(new) != 1 or not (one := new.pop()).startswith(keys.DID):
            return ""
        self.found.trust("a change of the person's key: the message that made it is not here")
        self._rebind(one)
        return "first" if sender == one else "second"

    def _rebind(self, identifier: str) -> None:
        self.first = identifier
        self.identifiers.add(identifier)

    def _rotate(self, link: Link) -> str:
        message = link.message
        role_kept = message.body["replaces"] == self.first and message.aud == self.second
        self.found.check(
            f"{link.place}: the rotation replaces the first party",
            role_kept,
            "replaces is not the first party, or aud not the second",
            "VRM-REC-012",
            "thread-unknown",
        )
        if self.next_key:
            shown, rule = self.next_key == message.key.kid, "VRM-ID-020"
        else:
            shown, rule = self._proved(link), "VRM-ID-021"
        wrong = "neither a proof by the replaced key nor a commitment to the new one holds"
        self.found.check(
            f"{link.place}: the old key agrees to the new one", shown, wrong, rule, "thread-unknown"
        )
        self.next_key = message.body.get("nkt", "")
        self._rebind(message.iss)
        return "first" if role_kept else ""

    def _proved(self, link: Link) -> bool:
        message = link.message
        try:
            claims = envelope.open_signed(
                self.spec,
                message.body.get("proof", "").encode(),
                typ=envelope.PROOF,
                schema="documents/proof.json",
                key=lambda o: keys.from_did(o.claims["iss"]),
            )
        except ProtocolError:
            return False
        wanted = {
            "iss": message.body["replaces"],
            "sub": message.iss,
            "aud": self.second,
            "home": message.home,
            "thid": link.thid,
        }
        fresh = -envelope.SKEW <= link.receipt["iat"] - claims["iat"] < PROOF_LIFETIME
        return fresh and all(claims[name] == value for name, value in wanted.items())


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


def check_states(found: Findings, kind: Kind, links: Sequence[tuple[Link, str]]) -> None:
    """Every receipt's ``state`` is what the table makes of its message; ``links`` are (link, role)."""
    state, seq = "", 0
    for link, role in links:
        if link.seq != seq + 1:  # messages between are not held: any state may have been before
            candidates = frozenset(kind.states)
        else:
            candidates = automatic(kind, state) if state else frozenset({""})
        told = str(link.receipt["state"])
        rows = [(s, kind.cells.get((s, role, link.message.type))) for s in candidates]
        found.check(
            f"{link.place}: the table allows it",
            any(row and told == (s if row.to == "=" else row.to) for s, row in rows),
            f"no row of the kind {kind.name} leads to the state {told} by this message",
            "VRM-THR-005",
            "state-conflict",
        )
        bound = any(row and row.head for _, row in rows)
        if bound:
            found.check(
                f"{link.place}: prev is the message before",
                link.message.prev == link.receipt.get("prior"),
                "this message binds to the last message, and prev is another",
                "VRM-THR-012",
                "prev-stale",
            )
        state, seq = told, link.seq


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


def _trust_home(found: Findings, ring: KeyRing) -> None:
    for entry in ring.entries:
        document = entry.document
        if entry.source == "home" and document is not None:
            kid = entry.key.kid
            found.attempt(
                "the discovery document of the home shows its key",
                "VRM-REC-010",
                lambda d=document, k=kid: _listed(ring.home, d, k),  # type: ignore[misc]
            )
        elif entry.source == "home":
            found.trust(
                f"the key {entry.key.kid} of the home {ring.home} itself: compare it with what its origin publishes"
            )


def _listed(issuer: str, document: bytes, kid: str) -> PublicKey:
    from vrmproto.verification import read_key_set

    return read_key_set(issuer, document).find(kid)


def describe(links: Iterable[Link]) -> list[dict[str, Any]]:
    """The messages in short, for the facts of a report."""
    return [
        {
            "seq": k.seq,
            "type": k.message.type,
            "mid": k.message.mid,
            "iat": k.receipt["iat"],
            "state": k.receipt["state"],
        }
        for k in links
    ]


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
        all(b.seq == a.seq + 1 for a, b in zip(links, links[1:], strict=False)),
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
    if kind is None or kind.roles != "opener":
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
    reader = checkpoint["aud"]
    if reader not in parties.identifiers and reader.startswith(keys.DID):
        found.trust("a change of the person's key: the message that made it is not here")
    elif reader not in parties.identifiers:
        found.check("the reader is a party", False, "aud of the checkpoint is no party", "VRM-HOM-026")
