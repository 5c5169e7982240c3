"""What a home loads before it judges a message: parent, agreement, places, blobs.

Source: spec/implementing.md, spec/protocol/threads.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vrmproto import envelope, ladder, strictjson, threads
from vrmproto.envelope import Message
from vrmproto.ladder import Ladder
from vrmproto.model import Context, Related, Status, Thread
from vrmproto.spec import Spec
from vrmproto.storage.base import Reads

__all__ = ["BLOB_KEPT", "Loading"]

LADDERS = 256
"""So many ladders are kept in memory, beside that of the spec."""

GROUNDED = frozenset({"within-terms", "step-allowed", "stage-allows"})
"""Guards that ask which consents are in force."""

BLOB_KEPT = 3600
"""For how many seconds a blob is kept that no message refers to (VRM-BLB-003)."""


class Loading:
    """Loads contexts; ``head`` finds a thread as its last message left it, cached or stored."""

    def __init__(self, spec: Spec, head: Callable[[Reads, str], Thread | None], blob_url: str) -> None:
        self._spec = spec
        self._head = head
        self._blob_url = blob_url
        self._read: dict[str, Ladder] = {}
        rows = [row for kind in spec.kinds.values() for row in kind.rows]
        self._by_purpose = {row.type for row in rows if GROUNDED & set(row.guards)}
        self._consenting = sorted(kind.name for kind in spec.kinds.values() if kind.record == "consent")

    def context(self, reads: Reads, thread: Thread | None, message: Message, now: int) -> Context:
        """The context of a message; ``thread`` is None where it opens one or names none that exists."""
        named = self._agreement(reads, message.agr, now)
        blobs = self._blobs(reads, message, now)
        if thread is None:
            parent = self._related(reads, message.pthid, now)
            held, filled = self._places(reads, parent, now)
            return Context(
                parent=parent,
                siblings=self._siblings(reads, message, named, now),
                ladders=self._ladders(reads, parent.thread if parent else None, message, now),
                consents=self._consents(reads, parent.thread if parent else None, message, now),
                corrected=self._corrected(reads, parent, message),
                agreement=named,
                named=named,
                held=held,
                filled=filled,
                blobs=blobs,
                blob_url=self._blob_url,
            )
        base = self._standing(reads, thread, now)
        owner = Related(thread, self.status(reads, thread, now)) if thread.board else base.parent
        held, filled = self._places(reads, owner, now, but=thread.thid)
        rotates = message.type in self._spec.rotations
        return Context(
            parent=base.parent,
            agreement=base.agreement,
            named=named,
            superseded_at=base.superseded_at,
            severed_at=base.severed_at,
            prev_known=message.prev == thread.head
            or reads.message(thread.thid, message.prev or "") is not None,
            next_key=reads.next_key(thread.first, thread.second) if rotates else None,
            taken=rotates and reads.paired(message.iss, thread.second),
            held=held,
            filled=filled,
            blobs=blobs,
            blob_url=self._blob_url,
            ladders=self._ladders(reads, base.parent.thread if base.parent else thread, message, now),
            consents=self._consents(reads, base.parent.thread if base.parent else thread, message, now),
        )

    def _siblings(
        self, reads: Reads, message: Message, agreement: Related | None, now: int
    ) -> tuple[Related, ...]:
        """Threads of the kind that the message opens, between its parties, where one alone may be open."""
        kind = self._spec.opens.get(message.type)
        if kind is None or agreement is None or "one-per-pair" not in kind.guards:
            return ()
        heads = (self._head(reads, thid) for thid in reads.threads_of(*agreement.thread.pair))
        return tuple(
            Related(head, self.status(reads, head, now)) for head in heads if head and head.kind == kind.name
        )

    def _consents(self, reads: Reads, above: Thread | None, message: Message, now: int) -> frozenset[str]:
        """The purposes of all consents in force below a relationship, where a guard may ask (VRM-CNS-022)."""
        if above is None or message.type not in self._by_purpose or not self._consenting:
            return frozenset()
        found: set[str] = set()
        for thread in reads.below(above.thid, self._consenting):
            state = self.status(reads, thread, now).state
            if self._spec.kinds[thread.kind].states[state].live:
                found |= set(thread.facts.get("granted", ()))
        return frozenset(found)

    def _corrected(self, reads: Reads, parent: Related | None, message: Message) -> Mapping[str, str] | None:
        """The fields of the message that a correction names, as they were sent (VRM-COR-001, VRM-COR-007)."""
        named = message.body.get("of")
        kind = self._spec.opens.get(message.type)
        if parent is None or kind is None or "patch-applies" not in kind.guards or named is None:
            return None
        entry = reads.message(parent.thread.thid, named)
        body = envelope.peek(entry.token)[1]["body"] if entry else {}
        fields: Mapping[str, str] | None = body.get("content", {}).get("clear")
        return fields

    def _ladders(self, reads: Reads, thread: Thread | None, message: Message, now: int) -> dict[str, Ladder]:
        """The ladder in force, and the one named where its sender may name it (VRM-LAD-001)."""
        force, named = thread.facts.get("ladder") if thread else None, message.body.get("ladder")
        if force is None and named is None:
            return {}
        own = self._spec.ladder
        digests = {digest for digest in (force, named) if digest}
        found = {own.digest: own} if own.digest in digests else {}
        for digest in digests - {own.digest}:
            held = digest == force or reads.blob_sizes(message.iss, "", [digest], now - BLOB_KEPT)
            made = self.ladder(reads, digest) if held else None
            if made is not None:
                found[digest] = made
        return found

    def ladder(self, reads: Reads, digest: str) -> Ladder | None:
        """The ladder of the spec, or a blob as one; None where it is none."""
        known = self._spec.ladder if digest == self._spec.ladder.digest else self._read.get(digest)
        if known is None:
            data = reads.blob(digest)
            content, broken = strictjson.read(data) if data is not None else ({}, frozenset("x"))
            if data is None or broken or not self._spec.valid("documents/ladder.json", content):
                return None
            known = self._read[digest] = ladder.read(data, content)
            if len(self._read) > LADDERS:
                self._read.pop(next(iter(self._read)))
        return known

    def _places(self, reads: Reads, owner: Related | None, now: int, *, but: str = "") -> tuple[int, int]:
        """How many threads below a parent, one left out, hold and fill a place now."""
        found = {"": 0, "held": 0, "filled": 0}
        if owner is not None:
            for thread in reads.placed(owner.thread.thid):
                if thread.thid != but:
                    kind = self._spec.kinds[thread.kind]
                    found[threads.settle(kind, thread, Context(parent=owner), now).place] += 1
        return found["held"], found["filled"]

    def _blobs(self, reads: Reads, message: Message, now: int) -> dict[str, int]:
        """The blobs named in a message that its sender may name (VRM-BLB-004)."""
        named = self._spec.types[message.type].blobs(message.body)
        digests = [ref["sha256"] for ref in named]
        return reads.blob_sizes(message.iss, message.thid or "", digests, now - BLOB_KEPT) if named else {}

    def _standing(self, reads: Reads, thread: Thread, now: int) -> Context:
        """What moves a thread without a message, apart from its own deadlines."""
        moves = {cause for state in self._spec.kinds[thread.kind].states.values() for cause in state.moves}
        superseded = "superseded" in moves and thread.record is not None
        severed = "severed" in moves and thread.record is not None
        return Context(
            parent=self._related(reads, thread.parent, now) if thread.parent else None,
            agreement=self._agreement(reads, thread.agreement, now) if thread.agreement else None,
            superseded_at=reads.superseded_at(thread.thid) if superseded else None,
            severed_at=reads.severed_at(thread.thid) if severed else None,
        )

    def _related(self, reads: Reads, thid: str | None, now: int) -> Related | None:
        thread = self._head(reads, thid) if thid else None
        return Related(thread, self.status(reads, thread, now)) if thread else None

    def _agreement(self, reads: Reads, record: str | None, now: int) -> Related | None:
        thid = reads.record_thread(record) if record else None
        return self._related(reads, thid, now)

    def status(self, reads: Reads, thread: Thread, now: int) -> Status:
        """What a thread is at ``now``, with every move that no message made."""
        context = self._standing(reads, thread, now)
        return threads.settle(self._spec.kinds[thread.kind], thread, context, now)
