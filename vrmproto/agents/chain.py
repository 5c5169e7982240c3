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
from vrmproto.model import Context, Status, Step, Thread
from vrmproto.spec import Spec
from vrmproto.verification import contradict

__all__ = [
    "ChainError",
    "Copy",
    "Link",
    "bury",
    "check_receipt",
    "compare_checkpoint",
    "contradiction",
    "extend",
    "open_receipt",
    "rebind",
    "settle",
    "told_at",
    "tombstone",
]


class ChainError(Exception):
    """What a home signed does not hold together.

    ``kind`` is ``receipt`` (not valid, or of another message), ``gap`` (messages in between are missing),
    ``consent`` (it rests on a consent that is not held here, and may come yet), ``time``, ``key`` (the home
    names another key than the one that verifies), ``rule`` (the home took what the protocol refuses),
    ``state`` or ``equivocation``; ``evidence`` are the tokens that show it.
    """

    def __init__(self, kind: str, detail: str, evidence: tuple[str, ...] = ()) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Link:
    """One message of a thread with its receipt, both verified; ``claims`` are the receipt's.

    Of a tombstone ``message`` has neither token nor body: what it says of the sender is the receipt's.
    """

    message: Message
    receipt: str
    claims: Mapping[str, Any]

    @property
    def erased(self) -> bool:
        """A tombstone: the token is gone."""
        return not self.message.token


@dataclass(frozen=True, slots=True)
class Copy:
    """An agent's own copy of a thread; ``thread`` is what its messages make of it (None: still empty).

    ``history`` is the thread after each message. ``told`` is from when on, at the latest, the home says that
    the thread has moved by something that an agent cannot see (other offers, the operator), since the last
    message. ``erased`` says since when an agent that has to purge holds no more than the record.
    """

    thid: str
    home: str
    thread: Thread | None = None
    links: tuple[Link, ...] = ()
    history: tuple[Thread, ...] = ()
    told: int | None = None
    erased: Mapping[str, Any] | None = None

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
    step = _judged(spec, copy, link, context)
    if step.thread.state != claims["state"]:
        detail = f"the message leads to {step.thread.state}, the home says {claims['state']}"
        raise ChainError("state", detail, (message.token, link.receipt))
    links, history = (*copy.links, link), (*copy.history, step.thread)
    return replace(copy, thread=step.thread, links=links, history=history, told=None)


def _judged(spec: Spec, copy: Copy, link: Link, context: Context) -> Step:
    """What the message makes of the thread; if need be after an end of the parent that is not seen here."""
    refusal: ProtocolError | None = None
    for at in (copy.told, link.claims["iat"]):
        thread, supposed = _suppose(copy.thread, context, at)
        try:
            return threads.advance(spec, thread, link.message, link.claims["iat"], supposed)
        except ProtocolError as error:
            refusal = refusal or error
            if error.code not in _MOVED:
                break
    code = refusal.code if refusal else ""
    detail = f"the home took a message that the protocol refuses ({code})"
    raise ChainError("rule", detail, (link.message.token, link.receipt)) from None


_MOVED = ("state-conflict", "role-forbidden", "deadline-passed")
"""What a message is refused with where the thread has not moved as far as the home says."""


def _suppose(thread: Thread | None, context: Context, at: int | None) -> tuple[Thread | None, Context]:
    """Thread and context if what an agent cannot see had happened by ``at``: an end of what is above."""
    if at is None or thread is None:
        return thread, context
    if thread.board:
        return replace(thread, removed_at=at if thread.removed_at is None else thread.removed_at), context
    parent = context.parent
    if parent is None:
        return thread, context
    over_at = at if parent.status.over_at is None else min(at, parent.status.over_at)
    status = replace(parent.status, over_at=over_at)
    return thread, replace(context, parent=replace(parent, status=status))


def tombstone(thid: str, mid: str, message_type: str, receipt: str, claims: Mapping[str, Any]) -> Link:
    """A message of which only the receipt is left; ChainError if that is not its receipt."""
    if claims["thid"] != thid or claims["mid"] != mid or claims.get("checkpoint"):
        raise ChainError("receipt", "the receipt is not that of the tombstone", (receipt,))
    try:
        key = keys.from_jwk(claims["key"])
    except ProtocolError as error:
        raise ChainError("receipt", error.detail, (receipt,)) from None
    message = Message(
        token="",
        mid=mid,
        type=message_type,
        iss=claims["aud"],
        aud="",
        home=claims["iss"],
        iat=claims["iat"],
        exp=claims["iat"],
        body={},
        thid=None if claims["seq"] == 1 else thid,
        prev=claims.get("prior"),
        pthid=None,
        agr=None,
        key=key,
    )
    return Link(message, receipt, claims)


def bury(copy: Copy, link: Link) -> Copy:
    """The copy with one more tombstone, whose effect is what the home says; the same if it is held."""
    claims, thread = link.claims, copy.thread
    _equivocation(copy, link.receipt, claims)
    if claims["seq"] <= copy.seq or thread is None:
        return copy
    if claims["seq"] > copy.seq + 1:
        raise ChainError("gap", f"seq {claims['seq']} follows {copy.seq}", (link.receipt,))
    moved = replace(
        thread,
        state=claims["state"],
        since=thread.since if claims["state"] == thread.state else claims["iat"],
        seq=claims["seq"],
        head=claims["mid"],
        received=claims["iat"],
        deadline=None,
    )
    return replace(copy, thread=moved, links=(*copy.links, link), history=(*copy.history, moved), told=None)


def settle(spec: Spec, copy: Copy, context: Context, now: int) -> Status:
    """What the thread is at ``now``; ValueError for an empty copy."""
    thread, supposed = _suppose(copy.thread, context, copy.told)
    if thread is None:
        raise ValueError("the copy is empty")
    return threads.settle(spec.kinds[thread.kind], thread, supposed, now)


def compare_checkpoint(
    spec: Spec, copy: Copy, context: Context, checkpoint: str, claims: Mapping[str, Any], reader: str
) -> Status:
    """The status at a checkpoint, which has to end where the copy ends and to tell its state; ChainError.

    A state that only something leads to which an agent cannot see is taken: see :func:`told_at`.
    """
    if claims["thid"] != copy.thid or claims["aud"] != reader or not claims.get("checkpoint"):
        raise ChainError("receipt", "it is no checkpoint of this thread for this reader", (checkpoint,))
    _equivocation(copy, checkpoint, claims)
    if claims["seq"] != copy.seq:
        raise ChainError("gap", f"the home is at {claims['seq']}, the own copy at {copy.seq}", (checkpoint,))
    status = settle(spec, copy, context, claims["iat"])
    if status.state == claims["state"]:
        return status
    at = told_at(spec, copy, context, claims)
    if at is None:
        detail = f"the thread is {status.state} by then, the home says {claims['state']}"
        raise ChainError("state", detail, (copy.links[-1].receipt, checkpoint))
    return settle(spec, replace(copy, told=at), context, claims["iat"])


def told_at(spec: Spec, copy: Copy, context: Context, claims: Mapping[str, Any]) -> int | None:
    """From when on an unseen cause may have moved the thread to the state of a checkpoint; None: it cannot.

    The latest time that fits, and then the earliest.
    """
    if copy.thread is None:
        return None
    for at in (claims["iat"], copy.thread.received):
        if settle(spec, replace(copy, told=at), context, claims["iat"]).state == claims["state"]:
            return int(at)
    return None


def rebind(copy: Copy, old: str, new: str) -> Copy:
    """The copy after the first party has changed its key in another thread of the pair (VRM-ID-023)."""
    if copy.thread is None or copy.thread.first != old:
        return copy
    return replace(copy, thread=replace(copy.thread, first=new))
