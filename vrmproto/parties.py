"""Who the parties of a thread are, message by message, seen from outside. No I/O, no clock.

Source: spec/protocol/threads.md, identity.md "Change of a person's key".
"""

from __future__ import annotations

from collections.abc import Mapping

from vrmproto import keys, proofs
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings
from vrmproto.spec import Kind, Spec
from vrmproto.verification import Link, Tombstone

__all__ = ["ELSEWHERE", "Parties", "tells_roles"]

ELSEWHERE = "a change of the person's key: the message that made it is not here"


def tells_roles(kind: Kind, opening: Link) -> bool:
    """Whether the first message of a thread shows who of the two is the first party."""
    entered = opening.receipt["state"]
    rows = [r for r in kind.rows if not r.states and r.type == opening.message.type and r.to == entered]
    both = opening.message.iss.startswith(keys.DID) and opening.message.aud.startswith(keys.DID)
    return len({row.by for row in rows}) < 2 or not both


class Parties:
    """Who is first and second, message by message; a rotation or an introduction rebinds the first."""

    def __init__(self, found: Findings, spec: Spec, opening: Link, *, strict: bool) -> None:
        """``strict``: a change of identifier that is not shown is a fault, not merely trusted."""
        self.found, self.spec, self.strict = found, spec, strict
        kind = spec.opens.get(opening.message.type)
        self.kind = kind
        rows = [r for r in kind.rows if not r.states and r.type == opening.message.type] if kind else []
        entered = opening.receipt["state"]  # by the state: either party may open with the same type
        by = next((r.by for r in rows if r.to == entered), rows[0].by if rows else "")
        sender, addressee = opening.message.iss, opening.message.aud
        if len({r.by for r in rows if r.to == entered}) > 1:  # the first party is always a did:jwk
            by = "first" if sender.startswith(keys.DID) else "second"
        self.first, self.second = (addressee, sender) if by == "second" else (sender, addressee)
        self.identifiers = {self.first, self.second}
        self.next_key = ""
        self.hidden = False
        """The message that brought another first party has been erased: who she is, the next one shows."""

    def take(self, link: Link) -> str:
        """Judge sender and addressee of the next message; its role, or '' if it has none."""
        message, place = link.message, link.place
        if message.type in self.spec.rotations:
            if (message.iss, message.aud) == (self.first, self.second):
                self.next_key = message.body.get("nkt", "")  # an earlier one: the present key committed there
                return "first"
            return self._rotate(link)
        if message.type in self.spec.introductions and message.iss == self.first:
            return self._introduce(link)
        role = self._role(message.iss, message.aud)
        self.found.check(
            f"{place}: sender and addressee are the two parties",
            bool(role),
            "iss and aud are not the two parties of the thread",
            "VRM-REC-012",
            "aud-mismatch",
        )
        return role

    def bury(self, left: Tombstone) -> str:
        """The role of the sender of an erased message, whom its receipt names; '' if it has none."""
        sender = str(left.receipt["aud"])
        if sender == self.second:
            return "second"
        known = sender in self.identifiers
        fits = sender.startswith(keys.DID) and known == (sender == self.first and not self.hidden)
        wrong = "aud of the receipt is no party of the thread, or not any more"
        self.found.check(f"{left.place}: its sender is a party", fits, wrong, "VRM-REC-012", "aud-mismatch")
        if not fits:
            return ""
        if not known and not self.hidden:
            self.found.trust(ELSEWHERE)
        self._rebind(sender)
        self.hidden = left.type in self.spec.introductions
        return "first"

    def holds(self, jwk: Mapping[str, str]) -> bool:
        """Whether a key is inside the identifier of a party, or of one that was a party before."""
        key = {n: v for n, v in jwk.items() if n != "kid"}
        return any(key == _inside(identifier) for identifier in self.identifiers)

    def _role(self, sender: str, addressee: str) -> str:
        if (sender, addressee) == (self.first, self.second):
            return "first"
        if (sender, addressee) == (self.second, self.first):
            return "second"
        new = {sender, addressee} - {self.second}
        if self.strict or len(new) != 1 or not (one := new.pop()).startswith(keys.DID):
            return ""
        if one in self.identifiers:  # who was replaced does not come back
            return ""
        self.found.trust(ELSEWHERE)
        self._rebind(one)
        return "first" if sender == one else "second"

    def _rebind(self, identifier: str) -> None:
        self.first = identifier
        self.identifiers.add(identifier)

    def _introduce(self, link: Link) -> str:
        """VRM-OFR-020: the identifier that takes the place of the first party has agreed to it."""
        message, at = link.message, link.receipt["iat"]
        shown = message.aud == self.second and message.body["id"] not in (self.first, self.second)
        shown = shown and proofs.introduces(self.spec, message, self.second, at)
        wrong = "the proof of the identifier that takes its place does not hold"
        place = f"{link.place}: the new identifier agrees"
        self.found.check(place, shown, wrong, "VRM-OFR-020", "proof-invalid")
        self._rebind(message.body["id"])
        return "first"

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
            at = link.receipt["iat"]
            shown = proofs.holds(self.spec, message, second=self.second, thid=link.thid, at=at)
            rule = "VRM-ID-021"
        wrong = "neither a proof by the replaced key nor a commitment to the new one holds"
        self.found.check(
            f"{link.place}: the old key agrees to the new one", shown, wrong, rule, "thread-unknown"
        )
        self.next_key = message.body.get("nkt", "")
        self._rebind(message.iss)
        return "first" if role_kept else ""


def _inside(identifier: str) -> dict[str, str]:
    """The JWK inside a ``did:jwk``; empty if there is none."""
    try:
        return dict(keys.from_did(identifier).jwk)
    except ProtocolError:
        return {}
