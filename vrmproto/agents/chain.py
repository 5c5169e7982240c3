"""An agent's own view of a thread: receipts that belong to their messages, in a chain without gaps. Pure.

Source: spec/protocol/agents.md (VRM-AGT-001 to VRM-AGT-005), home.md "Receipts".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vrmproto import envelope, keys, threads
from vrmproto.envelope import Message, Opening
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.model import Context, Status, Thread
from vrmproto.spec import Spec
from vrmproto.verification import contradict

__all__ = [
    "ChainError",
    "Copy",
    "Link",
    "check_receipt",
    "compare_checkpoint",
    "contradiction",
    "extend",
    "open_receipt",
    "rebind",
    "settle",
]


class ChainError(Exception):
    """What a home signed does not hold together.

    ``kind`` is ``receipt`` (not valid, or of another message), ``gap`` (messages in between are missing),
    ``time``, ``key`` (the home names another key than the one that verifies), ``rule`` (the home took what
    the protocol refuses), ``state`` or ``equivocation``; ``evidence`` are the tokens that show it.
    """

    def __init__(self, kind: str, detail: str, evidence: tuple[str, ...] = ()) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Link:
    """One message of a thread with its receipt, both verified; ``claims`` are the receipt's."""

    message: Message
    receipt: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Copy:
    """An agent's own copy of a thread; ``thread`` is what its messages make of it (None: still empty)."""

    thid: str
    home: str
    thread: Thread | None = None
    links: tuple[Link, ...] = ()

    @property
    def seq(self) -> int:
        """The number of messages held."""
        return len(self.links)

    @property
    def head(self) -> str | None:
        """The mid of the last message held."""
        return self.links[-1].message.mid if self.links else None

    def holds(self, mid: str) -> bool:
        """Whether a message is in the copy."""
        return any(link.message.mid == mid for link in self.links)


def open_receipt(
    spec: Spec, receipt: str | bytes, *, home: str, key: Callable[[str], PublicKey]
) -> dict[str, Any]:
    """The claims of a receipt or checkpoint that ``home`` signed; ``key`` finds its key by ``kid``.

    ChainError ``receipt`` if it is none, whatever is wrong with it.
    """
    raw = receipt.encode() if isinstance(receipt, str) else receipt

    def signer(opening: Opening) -> PublicKey:
        return key(opening.header["kid"])

    try:
        claims = envelope.open_signed(
            spec, raw, typ=envelope.RECEIPT, schema="documents/receipt.json", key=signer
        )
    except ProtocolError as error:
        raise ChainError("receipt", str(error), (raw.decode("ascii", "replace"),)) from None
    if claims["iss"] != home:
        raise ChainError("receipt", "another home signed it", (raw.decode(),))
    return claims


def check_receipt(message: Message, receipt: str, claims: Mapping[str, Any]) -> None:
    """Whether a receipt is that of this message (VRM-AGT-002); ChainError otherwise."""
    evidence = (message.token, receipt)
    wanted = {"mid": message.mid, "aud": message.iss, "thid": message.thid or message.mid}
    for name, value in wanted.items():
        if claims[name] != value:
            raise ChainError("receipt", f"its {name} is not that of the message", evidence)
    if claims.get("checkpoint"):
        raise ChainError("receipt", "a checkpoint stands in place of the receipt", evidence)
    if (claims["seq"] == 1) != (message.thid is None) or (claims["seq"] == 1) == ("prior" in claims):
        raise ChainError("receipt", "seq, prior and the message do not fit together", evidence)
    if not message.iat - envelope.SKEW <= claims["iat"] <= message.exp + envelope.SKEW:
        raise ChainError("time", "it is dated outside the message's own time", evidence)
    try:
        same = keys.thumbprint(claims["key"]) == message.key.kid
    except ValueError:
        same = False
    if not same:
        raise ChainError("key", "it names another key than the one that signed the message", evidence)


_PLACE = ("iss", "thid")
_TELLS = ("key",)
_TELLS_RECEIPT = ("aud", "iat", "state", "key_seen_at")


def contradiction(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What two verified receipts or checkpoints of one home contradict each other in, or ''.

    For one (``thid``, ``seq``) everything but reader, time and state of a checkpoint is to be the same; a
    message has one ``seq``; and a home that signs a shorter thread later has dropped what it signed.
    """
    if any(one[name] != other[name] for name in _PLACE):
        return ""
    if contradict(one, other):
        return "mid or prior"
    if one["seq"] == other["seq"]:
        both_receipts = not (one.get("checkpoint") or other.get("checkpoint"))
        for name in _TELLS + (_TELLS_RECEIPT if both_receipts else ()):
            if one.get(name) != other.get(name):
                return name
        return ""
    if one["mid"] == other["mid"]:
        return "seq"
    early, late = (one, other) if one["seq"] < other["seq"] else (other, one)
    if early.get("checkpoint"):  # a clock may be set back a little between a reading and a message
        if early["iat"] - envelope.SKEW > late["iat"]:
            return "seq"
    elif early["iat"] > late["iat"]:
        return "iat"
    return ""


def _equivocation(copy: Copy, receipt: str, claims: Mapping[str, Any]) -> None:
    for link in copy.links:
        if member := contradiction(link.claims, claims):
            detail = f"the home signed two histories: they differ in {member}"
            raise ChainError("equivocation", detail, (link.receipt, receipt))


def extend(spec: Spec, copy: Copy, link: Link, context: Context) -> Copy:
    """The copy with one more message; the same copy if it is held already.

    Checks the receipt against the message and all receipts held, ``seq`` and ``prior`` (VRM-AGT-004), and
    that the protocol allows the message and leads to the state that the home signed. ChainError.
    """
    message, claims = link.message, link.claims
    check_receipt(message, link.receipt, claims)
    if claims["thid"] != copy.thid:
        raise ChainError("receipt", "it is of another thread", (message.token, link.receipt))
    _equivocation(copy, link.receipt, claims)
    if claims["seq"] <= copy.seq:
        return copy
    if claims["seq"] > copy.seq + 1:
        raise ChainError("gap", f"seq {claims['seq']} follows {copy.seq}", (link.receipt,))
    try:
        step = threads.advance(spec, copy.thread, message, claims["iat"], context)
    except ProtocolError as error:
        detail = f"the home took a message that the protocol refuses ({error.code})"
        raise ChainError("rule", detail, (message.token, link.receipt)) from None
    if step.thread.state != claims["state"]:
        detail = f"the message leads to {step.thread.state}, the home says {claims['state']}"
        raise ChainError("state", detail, (message.token, link.receipt))
    return Copy(copy.thid, copy.home, step.thread, (*copy.links, link))


def settle(spec: Spec, copy: Copy, context: Context, now: int) -> Status:
    """What the thread is at ``now``; ValueError for an empty copy."""
    if copy.thread is None:
        raise ValueError("the copy is empty")
    return threads.settle(spec.kinds[copy.thread.kind], copy.thread, context, now)


def compare_checkpoint(
    spec: Spec, copy: Copy, context: Context, checkpoint: str, claims: Mapping[str, Any], reader: str
) -> Status:
    """The status at a checkpoint, which has to end where the copy ends and to tell its state; ChainError."""
    if claims["thid"] != copy.thid or claims["aud"] != reader or not claims.get("checkpoint"):
        raise ChainError("receipt", "it is no checkpoint of this thread for this reader", (checkpoint,))
    _equivocation(copy, checkpoint, claims)
    if claims["seq"] != copy.seq:
        raise ChainError("gap", f"the home is at {claims['seq']}, the own copy at {copy.seq}", (checkpoint,))
    status = settle(spec, copy, context, claims["iat"])
    if status.state != claims["state"]:
        detail = f"the thread is {status.state} by then, the home says {claims['state']}"
        raise ChainError("state", detail, (copy.links[-1].receipt, checkpoint))
    return status


def rebind(copy: Copy, old: str, new: str) -> Copy:
    """The copy after the first party has changed its key in another thread of the pair (VRM-ID-023)."""
    if copy.thread is None or copy.thread.first != old:
        return copy
    return replace(copy, thread=replace(copy.thread, first=new))
