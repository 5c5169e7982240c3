"""The one use-case of a home: take messages in a batch, judge them in order, store, answer.

Everything here is synchronous and gets ``now``; the server in front brings bytes, clock and the keys of
organisations. One batch is one transaction: open, check, advance, append, effects, receipts, commit.
Source: spec/protocol/home.md, message.md "Order of checks".
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vrmproto import boards, envelope, erasing, keys, strictjson, threads
from vrmproto.boards import Board
from vrmproto.envelope import Message, Opening
from vrmproto.errors import ProtocolError, SpecError
from vrmproto.guards import GUARDS
from vrmproto.keys import PrivateKey, PublicKey
from vrmproto.ladder import Ladder
from vrmproto.loading import BLOB_KEPT, Loading
from vrmproto.model import Status, Step, Thread
from vrmproto.roster import Agreement
from vrmproto.spec import Spec, State
from vrmproto.storage.base import Append, Change, Entry, Reads, Refusal, Store, StoreError, Transaction

__all__ = ["Acknowledgement", "Answer", "Arrival", "Config", "Home", "Outcome"]

_log = logging.getLogger("vrmproto.home")

SWEEP = 60


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator decides; ``origin`` is the home's name in every message."""

    origin: str
    dev: bool = False
    operator: str = ""
    contact: str = ""
    privacy_notice: str = ""
    accepts: tuple[str, ...] = ()
    """Ids of agreements that the operator itself accepts."""
    inbox: int = 10_000
    max_wait: int = 30
    boards: tuple[Board, ...] = (Board("intents"),)
    blob: int = 1_048_576
    """The largest blob, in bytes."""
    loose_blobs: int = 32
    """How many blobs one party may put within an hour."""
    feed_kept: int = 30 * 86400
    """For how many seconds a board keeps changes that show nothing open."""
    cached_threads: int = 20_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A parsed message on its way into a batch; ``key`` is set where it came from a discovery document."""

    opening: Opening
    key: PublicKey | None = None
    key_seen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A signed request that was taken: its sender is known from now on, and ``mids`` leave its inbox."""

    party: str
    mids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A message was taken: 202 with its receipt, or 200 with the receipt of the first time."""

    status: int
    receipt: str
    wakes: tuple[str, ...] = ()
    """Whose inboxes have something new, and the board that has."""


Outcome = Answer | ProtocolError | None
"""What becomes of one item of a batch; None for an acknowledgement."""


@dataclass(slots=True)
class _Batch:
    """What a batch has judged but not yet written."""

    tx: Transaction
    now: int
    pending: list[Append] = field(default_factory=list)
    mids: set[str] = field(default_factory=set)
    thids: set[str] = field(default_factory=set)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    parties: set[str] = field(default_factory=set)

    def write(self) -> None:
        if self.pending:
            self.tx.append(self.pending)
            self.pending = []
            self.mids, self.pairs = set(), set()


class Home:
    """A home over a store. Not thread-safe: all calls come from one thread."""

    def __init__(self, spec: Spec, store: Store, signing: Sequence[PrivateKey], config: Config) -> None:
        """``signing[0]`` signs; the others are older keys that stay published."""
        missing = spec.guards - GUARDS.keys()
        if missing:
            raise SpecError(f"threads.json names guards that this library does not have: {sorted(missing)}")
        self.spec = spec
        self.store = store
        self.signing = tuple(signing)
        self.config = config
        self._heads: OrderedDict[str, Thread] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._inboxes: OrderedDict[str, int] = OrderedDict()
        self._swept = 0
        self._loading = Loading(spec, self._head, self._url("blobs"))
        self.boards = {self._url("boards") + board.name: board for board in config.boards}

    def _url(self, endpoint: str) -> str:
        """What the URLs of an endpoint begin with, up to the id."""
        path = next((e["path"] for e in self.spec.endpoints if e["name"] == endpoint), "")
        return self.config.origin + path.partition("{")[0]

    # --- before the batch: what needs no transaction -------------------------------------------

    def parse(self, raw: bytes) -> Opening:
        """Everything up to the claim ``home``; ProtocolError."""
        return envelope.parse(self.spec, raw, home=self.config.origin, dev=self.config.dev)

    def precheck(self, opening: Opening, now: int) -> Answer | None:
        """The checks between ``home`` and key, on committed rows, before a key is fetched for the sender.

        Returns the stored receipt of a repeated message; raises ``addressee-unknown`` and the faults of time.
        """
        entry = _stored(self.store, opening)
        if entry is not None:
            return _repeated(opening, entry)
        if not self._is_known(self.store, opening.claims["aud"]):
            raise _addressee_unknown()
        envelope.check_time(opening, now)
        return None

    # --- the batch ------------------------------------------------------------------------------

    def accept(self, raw: bytes, now: int) -> Answer:
        """Take one message of a ``did:jwk`` sender: a batch of one. Raises ProtocolError or StoreError."""
        outcome = self.accept_batch([Arrival(self.parse(raw))], now)[0]
        if isinstance(outcome, ProtocolError):
            raise outcome
        if outcome is None:
            raise TypeError("a message has an answer")
        return outcome

    def accept_batch(self, items: Sequence[Arrival | Acknowledgement], now: int) -> list[Outcome]:
        """Judge all in order and store what is accepted in one transaction.

        Raises StoreError if nothing of it could be stored; then every item may be sent again.
        """
        outcomes: list[Outcome] = []
        touched: set[str] = set()
        try:
            with self.store.begin() as tx:
                batch = _Batch(tx, now, thids=touched)
                for item in items:
                    outcomes.append(self._take(batch, item))
                batch.write()
                self._sweep(tx, now)
        except BaseException:  # an engine may raise more than StoreError: nothing was stored either way
            self._forget(touched)
            raise
        return outcomes

    def _sweep(self, tx: Transaction, now: int) -> None:
        """Once a minute: forget what boards and uploaders no longer have a claim to."""
        if now - self._swept >= SWEEP:
            self._swept = now
            tx.prune_feed(now, now - self.config.feed_kept)
            tx.drop_blobs(now - BLOB_KEPT)

    def _take(self, batch: _Batch, item: Arrival | Acknowledgement) -> Outcome:
        try:
            if isinstance(item, Arrival):
                return self._judge(batch, item)
            self._acknowledge(batch, item)
            return None
        except ProtocolError as error:
            return error
        except StoreError:
            raise
        except Exception:  # a fault of ours must not take the other messages of the batch with it
            _log.exception("a message could not be judged")
            return ProtocolError("unavailable", "this home could not judge the message", rule="VRM-HOM-031")

    def _acknowledge(self, batch: _Batch, item: Acknowledgement) -> None:
        batch.write()
        if not self._is_known(batch.tx, item.party):
            batch.tx.know(item.party)
        if item.mids:
            batch.tx.acknowledge(item.party, item.mids)
            batch.tx.told(item.party, item.mids)
            self._inboxes.pop(item.party, None)

    def _judge(self, batch: _Batch, arrival: Arrival) -> Answer:
        opening = arrival.opening
        if opening.mid in batch.mids:
            batch.write()
        entry = _stored(batch.tx, opening)
        if entry is not None:
            return _repeated(opening, entry)
        aud = opening.claims["aud"]
        if aud not in batch.parties and not self._is_known(batch.tx, aud):
            raise _addressee_unknown()
        envelope.check_time(opening, batch.now)
        envelope.check_signature(opening, arrival.key or keys.from_did(opening.claims["iss"]))
        envelope.check_content(opening)
        message = opening.message()
        step = self._advance(batch, message)
        self._check_inbox(batch, step)
        return self._append(batch, arrival, message, step)

    def _advance(self, batch: _Batch, message: Message) -> Step:
        if message.thid in batch.thids:
            batch.write()  # the cached head may have been put out since
        thread = self._head(batch.tx, message.thid) if message.thid else None
        elsewhere = message.agr or message.pthid or message.type in self.spec.rotations
        if thread is not None and (thread.parent or thread.board):
            elsewhere = True
        if elsewhere or (thread is not None and thread.pair in batch.pairs):
            batch.write()  # it is judged by rows that may be pending
        now = max(batch.now, thread.received) if thread else batch.now
        context = self._loading.context(batch.tx, thread, message, now)
        try:
            return threads.advance(self.spec, thread, message, now, context)
        except ProtocolError as error:
            above = context.parent.thread if context.parent else thread
            if above is not None and self.spec.errors[error.code].get("counted"):
                batch.tx.refuse(above.thid, _refusal(message, error.code, now))
            raise

    def _append(self, batch: _Batch, arrival: Arrival, message: Message, step: Step) -> Answer:
        thread = step.thread
        receipt = self._receipt(message, step, arrival.key_seen_at)
        addressees = self._addressees(batch.tx, step)
        introduces = step.row.effect == "introduce"
        append = Append(
            thread=thread,
            token=message.token,
            receipt=receipt,
            sender=message.iss,
            addressees=addressees,
            record=bool(step.row.record),
            supersedes=self._class_of(step) if step.row.supersedes else "",
            severs=step.row.effect == "sever",
            replaces="" if introduces else step.replaces or "",
            rebinds=step.replaces or "" if introduces else "",
            next_key=thread.facts.get("nkt", "") if "nkt" in step.row.keep else None,
            parent=step.parent,
            erases=self._erases(batch, thread),
            change=self._change(batch.tx, step),
            blobs=self._refers(message),
        )
        batch.pending.append(append)
        batch.mids.add(message.mid)
        batch.thids.add(thread.thid)
        batch.pairs.add(thread.pair)
        batch.parties |= {thread.first, thread.second}
        self._heads[thread.thid] = thread
        if len(self._heads) > self.config.cached_threads:
            self._heads.popitem(last=False)
        if step.parent is not None:
            batch.thids.add(step.parent.thid)
            self._heads[step.parent.thid] = step.parent
        for addressee in addressees:
            if addressee in self._inboxes:
                self._inboxes[addressee] += 1
        if append.erases:
            self._inboxes.pop(thread.second, None)
        if step.replaces:
            batch.write()
            # a message to it is to be aud-mismatch and not addressee-unknown (VRM-ID-025, VRM-OFR-023)
            batch.tx.know(step.replaces)
            self._forget_all()
            batch.parties.clear()
        return Answer(202, receipt, (*addressees, append.change.board) if append.change else addressees)

    def _erases(self, batch: _Batch, thread: Thread) -> tuple[str, ...]:
        """The threads that a message erases."""
        if not self._state(thread).erased:
            return ()
        batch.write()
        return erasing.erases(self.spec, batch.tx, thread)

    def erased(self, thread: Thread) -> int:
        """Up to which ``seq`` the second party reads tombstones; 0: nothing."""
        return erasing.erased(self.spec, self.store, thread)

    def _refers(self, message: Message) -> tuple[str, ...]:
        """The blobs that a message refers to, a ladder among them (VRM-LAD-018)."""
        named = (ref["sha256"] for ref in self.spec.types[message.type].blobs(message.body))
        ladder = message.body.get("ladder", self.spec.ladder.digest)
        return (*named, ladder) if ladder != self.spec.ladder.digest else tuple(named)

    def _addressees(self, reads: Reads, step: Step) -> tuple[str, ...]:
        """Whose inboxes get the message: the other party, or below a board those of VRM-INT-013."""
        thread = step.thread
        if not thread.board:
            return (thread.other(step.role),)
        if thread.seq == 1:
            return ()
        unpurged = [t for t in reads.below(thread.thid) if not self._state(t).erased]
        return tuple(dict.fromkeys(t.second for t in unpurged))

    def _state(self, thread: Thread) -> State:
        return self.spec.kinds[thread.kind].states[thread.state]

    def _change(self, reads: Reads, step: Step) -> Change | None:
        """What the message changes on the board of its thread."""
        thread = step.thread
        if not thread.board:
            return None
        row = reads.shown(thread.thid) if thread.seq > 1 else None
        was, until = row.tags if row else None, thread.deadline
        if self._state(thread).listed:
            tags, version = boards.tags_of(thread.facts), thread.facts.get("present", thread.thid)
            return Change(thread.second, "shown", tags, was, until, version)
        return Change(thread.second, thread.state, was=was) if row else None

    # --- what a message is judged by ------------------------------------------------------------

    def ladder(self, reads: Reads, digest: str) -> Ladder | None:
        """A ladder that the home holds; None if there is none of this digest."""
        return self._loading.ladder(reads, digest)

    def status(self, thread: Thread, now: int, reads: Reads | None = None) -> Status:
        """What a thread is at ``now``, with every move that no message made."""
        return self._loading.status(reads or self.store, thread, now)

    def _class_of(self, step: Step) -> str:
        agreement = self.agreement_of(step.thread)
        return agreement.kind if agreement else ""

    def agreement_of(self, thread: Thread) -> Agreement | None:
        """The roster's agreement that was accepted in a thread."""
        ref, agreed = thread.facts.get("roster"), thread.facts.get("agreement")
        roster = self.spec.rosters.get((ref["id"], ref["version"])) if ref else None
        return roster.find(agreed) if roster and agreed else None

    def _check_inbox(self, batch: _Batch, step: Step) -> None:
        party = step.thread.other(step.role)
        if step.row.exit or step.row.duty or step.thread.board:
            return
        size = self._inboxes.get(party)
        if size is None:
            size = batch.tx.inbox_size(party) + sum(party in a.addressees for a in batch.pending)
            self._inboxes[party] = size
            if len(self._inboxes) > self.config.cached_threads:
                self._inboxes.popitem(last=False)
        if size >= self.config.inbox:
            detail = "the addressee's inbox is full; try again later with the same token"
            raise ProtocolError("inbox-full", detail, rule="VRM-HOM-024")

    # --- receipts -------------------------------------------------------------------------------

    def _receipt(self, message: Message, step: Step, key_seen_at: int | None) -> str:
        thread = step.thread
        claims: dict[str, Any] = {
            "iss": self.config.origin,
            "aud": message.iss,
            "iat": thread.received,
            "mid": message.mid,
            "thid": thread.thid,
            "seq": thread.seq,
        }
        if step.prior is not None:
            claims["prior"] = step.prior
        claims["state"] = thread.state
        claims["key"] = dict(message.key.jwk)
        if key_seen_at is not None:
            claims["key_seen_at"] = key_seen_at
        return envelope.seal(self.signing[0], claims, envelope.RECEIPT)

    def checkpoint(self, thread: Thread, reader: str, now: int) -> str:
        """The last receipt of a thread signed anew for a reader, with the state of now (VRM-HOM-026)."""
        entry = self.store.messages(thread.thid, thread.seq, 1)[0]
        claims, state = receipt_claims(entry.receipt), self.status(thread, now).state
        claims |= {"aud": reader, "iat": max(now, claims["iat"]), "state": state, "checkpoint": True}
        if thread.removed:
            claims["removed"] = thread.removed
        if reader == thread.second and not self._state(thread).erased and (erased := self.erased(thread)):
            claims["erased"] = erased
        return envelope.seal(self.signing[0], claims, envelope.RECEIPT)

    # --- what is no message ---------------------------------------------------------------------

    def remove(self, board: str, thid: str, code: str, now: int) -> str | None:
        """The operator takes a thread off a board (VRM-BRD-017); its first party, or None."""
        with self.store.begin() as tx:
            thread = tx.thread(thid)
            if thread is None or not thread.board or thread.second != board:
                return None
            state = self.status(thread, now, tx).state
            if "removed" not in self.spec.kinds[thread.kind].states[state].moves:
                return None
            row = tx.shown(thid)
            removed = replace(thread, removed_at=now, removed=code)
            tx.remove(removed, Change(board, "removed", was=row.tags if row else None, code=code))
        self._heads.pop(thid, None)
        return thread.first

    def put_blob(self, party: str, digest: str, data: bytes, now: int) -> None:
        """Keep a blob for its uploader under its digest; ``too-large``, ``rate-limited``."""
        if len(data) > self.config.blob:
            detail = f"a blob has at most {self.config.blob} bytes here"
            raise ProtocolError("too-large", detail, rule="VRM-BLB-002")
        if len(self.store.loose_blobs(party, now - BLOB_KEPT)) >= self.config.loose_blobs:
            detail = f"one party puts at most {self.config.loose_blobs} blobs within an hour"
            raise ProtocolError("rate-limited", detail, rule="VRM-BLB-008")
        with self.store.begin() as tx:
            tx.put_blob(party, digest, data, now)

    # --- caches ---------------------------------------------------------------------------------

    def _head(self, reads: Reads, thid: str) -> Thread | None:
        thread = self._heads.get(thid)
        if thread is not None:
            self._heads.move_to_end(thid)
            return thread
        return reads.thread(thid)

    def _is_known(self, reads: Reads, party: str) -> bool:
        if party in self._known or party in self.boards:
            return True
        if not reads.known(party):
            return False
        self._known[party] = None
        if len(self._known) > self.config.cached_threads:
            self._known.popitem(last=False)
        return True

    def _forget(self, thids: set[str]) -> None:
        """A batch was not stored: what memory holds of it goes."""
        for thid in thids:
            self._heads.pop(thid, None)
        self._known.clear()
        self._inboxes.clear()

    def _forget_all(self) -> None:
        self._heads.clear()
        self._known.clear()
        self._inboxes.clear()


def receipt_claims(receipt: str) -> dict[str, Any]:
    """The claims of a receipt that this home has signed itself."""
    return dict(strictjson.read(keys.unb64(receipt.split(".")[1]))[0])


def _refusal(message: Message, code: str, now: int) -> Refusal:
    """What is kept of a message that was refused: never what it says (VRM-LED-001)."""
    body = message.body
    named = body.get("purposes") or [body.get("purpose") or body.get("about", {}).get("purpose")]
    asked = [ask["purpose"] for ask in body.get("asks", ())]
    purposes = dict.fromkeys(p for p in (*named, *asked) if p)
    return Refusal(message.mid, now, message.type, code, tuple(purposes))


def _stored(reads: Reads, opening: Opening) -> Entry | None:
    return reads.message(opening.claims.get("thid") or opening.mid, opening.mid)


def _repeated(opening: Opening, entry: Entry) -> Answer:
    """VRM-ENV-022, VRM-ENV-024: only the signature is looked at again, with the key of the first time."""
    key = keys.from_jwk(receipt_claims(entry.receipt)["key"])
    if not key.verify(opening.signing_input, opening.signature):
        detail = "the signature does not verify with the key of the stored message"
        raise ProtocolError("signature-invalid", detail, rule="VRM-ENV-024")
    return Answer(200, entry.receipt)


def _addressee_unknown() -> ProtocolError:
    detail = "aud is no addressee known here: it is to poll here once, or to be a party of a thread"
    return ProtocolError("addressee-unknown", detail, rule="VRM-ENV-025")
