"""What a home lets its parties read: inboxes, threads, records; and how a signed request is opened.

Synchronous, on committed rows only; ``now`` is an argument. Source: spec/protocol/home.md, records.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vrmproto import envelope, keys, records
from vrmproto.envelope import REQUEST, SKEW, Opening
from vrmproto.errors import ProtocolError
from vrmproto.home import Home, receipt_claims
from vrmproto.keys import KeySet, PublicKey
from vrmproto.ladder import Ladder
from vrmproto.loading import BLOB_KEPT
from vrmproto.model import Status, Thread
from vrmproto.roster import Agreement
from vrmproto.standing import Standing, Told
from vrmproto.storage.base import Entry

__all__ = ["Reader", "Request", "check_request", "not_found", "parse_request"]

MAX_REQUEST_LIFETIME = 60
PAGE = 200
REFUSED = 500
"""The most refusals that a view lists."""


@dataclass(frozen=True, slots=True)
class Request:
    """A signed request that was taken."""

    party: str
    body: Mapping[str, Any]


def _invalid(detail: str, rule: str = "VRM-HOM-015") -> ProtocolError:
    return ProtocolError("request-invalid", detail, rule=rule)


def parse_request(home: Home, raw: bytes) -> Opening:
    """The unverified claims of a signed request, of the right form; ``request-invalid``."""
    try:
        opening = envelope.parse_signed(home.spec, raw, typ=REQUEST, schema="documents/request.json")
    except ProtocolError as error:
        raise _invalid(f"{error.code}: {error.detail}") from None
    if not home.config.dev and opening.claims["iss"].startswith("http://"):
        raise _invalid("the claim iss is an http origin, which only a home in development mode takes")
    return opening


def check_request(
    home: Home, opening: Opening, key: PublicKey | None, *, method: str, path: str, now: int
) -> Request:
    """Verify a parsed request; ``key`` is None for a ``did:jwk``. ``path`` is that of the URL, no query."""
    claims = opening.claims
    wanted = {"aud": home.config.origin, "htm": method, "htu": home.config.origin + path}
    for name, value in wanted.items():
        if claims[name] != value:
            raise _invalid(f"the claim {name} is to be {value} here")
    if "body" in claims and method != "POST":
        raise _invalid("only a poll has the claim body")
    lifetime = claims["exp"] - claims["iat"]
    if not 0 < lifetime <= MAX_REQUEST_LIFETIME or not claims["iat"] - SKEW <= now < claims["exp"] + SKEW:
        raise _invalid("a request is valid for at most 60 seconds, and now", "VRM-HOM-016")
    try:
        envelope.check_signature(opening, key or keys.from_did(claims["iss"]))
    except ProtocolError as error:
        raise _invalid(f"{error.code}: {error.detail}") from None
    return Request(claims["iss"], claims.get("body", {}))


def not_found() -> ProtocolError:
    """One answer for what does not exist and for what is not the reader's (VRM-HOM-018)."""
    return ProtocolError("not-found", "there is nothing here for this reader", rule="VRM-HOM-018")


def _entries(home: Home, thid: str) -> Iterator[Entry]:
    """All messages of a thread, a page at a time."""
    start = 1
    while page := home.store.messages(thid, start, PAGE):
        yield from page
        start = page[-1].seq + 1


class _Stored:
    """What a view is made of: the store of a home. See :class:`vrmproto.standing.Source`."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def status(self, thread: Thread, now: int) -> Status:
        return self.home.status(thread, now)

    def below(self, thid: str, kinds: Collection[str]) -> list[Thread]:
        return self.home.store.below(thid, kinds)

    def between(self, first: str, second: str) -> Iterator[Thread]:
        found = (self.home.store.thread(thid) for thid in self.home.store.threads_of(first, second))
        return (thread for thread in found if thread is not None)

    def agreement_of(self, thread: Thread) -> Agreement | None:
        return self.home.agreement_of(thread)

    def ladder(self, digest: str) -> Ladder | None:
        return self.home.ladder(self.home.store, digest)

    def told(self, thid: str) -> Iterator[Told]:
        for entry in _entries(self.home, thid):
            claims = envelope.peek(entry.token)[1]
            at = receipt_claims(entry.receipt)["iat"]
            yield Told(entry.mid, claims["type"], claims.get("agr"), claims["body"], at)


class Reader:
    """Answers signed reads of a home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._standing = Standing(home.spec, _Stored(home))

    def poll(self, party: str, limit: int, now: int) -> dict[str, Any]:
        """The document ``documents/poll.json`` of an inbox."""
        entries = self.home.store.inbox(party, limit + 1)
        shown = entries[:limit]
        document: dict[str, Any] = {
            "sets": {e.mid: e.token for e in shown},
            "order": [e.mid for e in shown],
            "receipts": {e.mid: e.receipt for e in shown},
            "moreAvailable": len(entries) > limit,
        }
        if notices := self._notices(party, now):
            document["notices"] = notices
        return document

    def _notices(self, party: str, now: int) -> dict[str, str]:
        """Checkpoints of the party's threads that the operator has removed (VRM-BRD-018)."""
        found = [self.home.store.thread(thid) for thid in self.home.store.notices(party, PAGE)]
        return {t.thid: self.home.checkpoint(t, party, now) for t in found if t is not None}

    def thread(self, party: str, thid: str, start: int, limit: int, now: int) -> dict[str, Any]:
        """The document ``documents/thread.json``; ``not-found`` for whoever may not read it."""
        thread = self._readable(party, thid)
        entries = self.home.store.messages(thid, start, limit + 1)
        shown = entries[:limit]
        erased = self.home.erased(thread) if thread.role(party) == "second" else 0
        held = self._held(thread, now) if erased else frozenset()
        document: dict[str, Any] = {
            "messages": [self._message(thread, erased, held, e) for e in shown],
            "keys": [*self._home_keys(), *_keys_of(shown)],
            "checkpoint": self.home.checkpoint(thread, party, now),
        }
        if len(entries) > limit:
            document["next"] = shown[-1].seq + 1 if shown else start
        return document

    def threads(self, party: str, after: int, limit: int, now: int) -> dict[str, Any]:
        """The document ``documents/threads.json``: the party's threads in the order of their last change."""
        found = self.home.store.changed(party, after, limit + 1)
        shown = found[:limit]
        return {
            "threads": [
                {"thid": t.thid, "kind": t.kind, "seq": t.seq, "state": self.home.status(t, now).state}
                for _, t in shown
            ],
            "after": str(shown[-1][0] if shown else after),
            "more": len(found) > limit,
        }

    def record(self, party: str, record: str, now: int) -> dict[str, Any]:
        """The document ``documents/record.json``; ``not-found`` for everyone but the two parties."""
        thid = self.home.store.record_thread(record)
        if thid is None:
            raise not_found()
        thread = self._own(party, thid)
        if self.home.spec.kinds[thread.kind].record == "consent":
            return self._consent(party, thread, now)
        agreement = self.home.agreement_of(thread)
        if agreement is None:
            raise not_found()
        messages = self._proof(thread, record)
        return records.build(
            home=self.home.config.origin,
            thread=thread,
            state=self.home.status(thread, now).state,
            messages=[(e.token, e.receipt) for e in messages],
            agreement=agreement,
            home_keys=[k.public for k in self.home.signing],
            key_sets=self._key_sets(thread),
            checkpoint=self.home.checkpoint(thread, party, now),
        )

    def relationship(self, party: str, thid: str, now: int) -> dict[str, Any]:
        """The document ``documents/relationship.json``; ``not-found`` for everyone but the two parties."""
        thread = self._own(party, thid)
        if "ladder" not in thread.facts:
            raise not_found()
        rests = self._standing.rests(thread)
        at = rests.as_of(now)
        document = self._standing.view(rests, at)
        document |= {"home": self.home.config.origin, "checkpoint": self.home.checkpoint(thread, party, at)}
        return document | (self._refused(thread) if party == thread.first else {})

    def _refused(self, thread: Thread) -> dict[str, Any]:
        """What was refused for her, the last first (VRM-LED-001, VRM-LED-007)."""
        found, more = self.home.store.refusals(thread.thid, REFUSED)
        listed = [
            {"mid": r.mid, "at": r.at, "type": r.type, "code": r.code, "purposes": list(r.purposes)}
            for r in found
        ]
        return {"refused": listed, "refused_more": more}

    def _consent(self, party: str, thread: Thread, now: int) -> dict[str, Any]:
        """The document ``documents/consent.json``."""
        messages = list(self._entries(thread.thid))
        status = self.home.status(thread, now)
        granted = next(e for e in messages if e.mid == thread.record)
        live = self.home.spec.kinds[thread.kind].states[status.state].live
        return {
            "kind": "consent",
            "id": thread.record,
            "home": self.home.config.origin,
            "thid": thread.thid,
            "relationship": thread.parent,
            "agreement": thread.agreement,
            "first": envelope.peek(granted.token)[1]["iss"],
            "second": thread.second,
            "granted_at": thread.record_at,
            "purposes": thread.facts["granted"],
            **({"valid_until": status.deadline} if live and status.deadline is not None else {}),
            "state": status.state,
            "messages": [{"token": e.token, "receipt": e.receipt} for e in messages],
            "keys": [*self._home_keys(), *_keys_of(messages)],
            "checkpoint": self.home.checkpoint(thread, party, now),
        }

    def _message(self, thread: Thread, erased: int, held: frozenset[str], entry: Entry) -> dict[str, Any]:
        """A message as a party reads it: whole, or as a tombstone (VRM-OFR-025, VRM-REL-016)."""
        if entry.seq > erased or entry.mid in held or entry.mid == thread.record:
            return {"seq": entry.seq, "token": entry.token, "receipt": entry.receipt}
        return {"seq": entry.seq, "mid": entry.mid, "type": self._type(entry), "receipt": entry.receipt}

    def _held(self, thread: Thread, now: int) -> frozenset[str]:
        """The messages of an erased thread that are no tombstones while a thread below holds them.

        The message that erased is never among them: it is the last one (VRM-DSP-005).
        """
        kinds = [k.name for k in self.home.spec.kinds.values() if any(s.holds for s in k.states.values())]
        below = self.home.store.below(thread.thid, kinds) if kinds else []
        states = ((t, self.home.status(t, now).state) for t in below)
        facts = (t.facts.get(self.home.spec.kinds[t.kind].states[state].holds) for t, state in states)
        return frozenset(mid for named in facts for mid in named or ()) - {thread.head}

    def _readable(self, party: str, thid: str) -> Thread:
        """A thread of the party's own, or one that stands on a board (VRM-BRD-016)."""
        thread = self.home.store.thread(thid)
        if thread is not None and thread.board and thread.removed_at is None:
            return thread
        return self._own(party, thid)

    def blob(self, party: str, digest: str, now: int) -> bytes:
        """The bytes of a blob; ``not-found`` for whoever may not read it (VRM-BLB-005, VRM-BLB-006)."""
        store = self.home.store
        since = now - BLOB_KEPT
        readable = False
        for thread in self._referring(party, digest):
            if self._sees(party, thread) or self._still_sees(party, thread, digest, now):
                readable = True
                break
            if thread.role(party) == "second":  # erased: what it has put itself before that is gone too
                since = max(since, thread.since + 1)
        if readable or store.blob_sizes(party, "", [digest], since):
            data = store.blob(digest)
            if data is not None:
                return data
        raise not_found()

    def _referring(self, party: str, digest: str) -> Iterator[Thread]:
        """Threads that refer to a blob: the oldest, and where there are many the party's own as well."""
        store = self.home.store
        found = store.blob_threads(digest, PAGE)
        yield from found
        after, page = 0, store.changed(party, 0, PAGE) if len(found) == PAGE else []
        while page:
            yield from (t for _, t in page if store.blob_sizes("", t.thid, [digest], 0))
            after = page[-1][0]
            page = store.changed(party, after, PAGE)

    def _sees(self, party: str, thread: Thread) -> bool:
        if thread.board:
            return thread.removed_at is None or thread.role(party) == "first"
        return thread.role(party) == "first" or (
            thread.role(party) == "second" and not self.home.erased(thread)
        )

    def _still_sees(self, party: str, thread: Thread, digest: str, now: int) -> bool:
        """Whether one of the messages that are no tombstones yet refers to the blob (VRM-BLB-006)."""
        held = self._held(thread, now) if thread.role(party) == "second" else frozenset()
        return any(
            ref["sha256"] == digest
            for mid in held
            if (entry := self.home.store.message(thread.thid, mid)) is not None
            for ref in self._refs(entry)
        )

    def _refs(self, entry: Entry) -> Sequence[Mapping[str, Any]]:
        claims = envelope.peek(entry.token)[1]
        return self.home.spec.types[claims["type"]].blobs(claims["body"])

    def _own(self, party: str, thid: str) -> Thread:
        thread = self.home.store.thread(thid)
        if thread is None or not thread.role(party):
            raise not_found()
        return thread

    def _proof(self, thread: Thread, record: str) -> list[Entry]:
        """Every message that the record holds, in its order (VRM-REC-002, VRM-OFR-030)."""
        if thread.parent is not None:
            return self._offer_proof(thread)
        own: list[Entry] = []
        for entry in self._entries(thread.thid):
            own.append(entry)
            if entry.mid == record:
                break
        opener = str(envelope.peek(own[0].token)[1]["iss"])
        if opener == thread.first:
            return own
        rotations = self._rotations([thread.first], thread.second)
        earlier = [r for r in rotations if r.position < own[0].position]
        committed = max(earlier, key=lambda r: r.position, default=None)
        later = {e.position: e for e in [*own[1:], *rotations] if e.position > own[0].position}
        held, bound = [own[0], *([committed] if committed else [])], opener
        for _, entry in sorted(later.items()):
            if self._type(entry) in self.home.spec.rotations:
                left, entered = self._rebinding(entry)
                if left != bound:  # of others who bore that name since
                    continue
                bound = entered
            held.append(entry)
        return held

    def _offer_proof(self, thread: Thread) -> list[Entry]:
        """The parent's first message, the one that agreed, and what has rebound the first party since.

        Behind an introduction stands the last rotation of the pair before it, as in VRM-REC-002: the key of
        the next rotation may have been committed there.
        """
        store = self.home.store
        opened = [*store.messages(thread.parent or "", 1, 1), *store.messages(thread.thid, 1, 1)]
        bound = envelope.peek(opened[0].token)[1]["iss"]
        if bound == thread.first:
            return opened
        brought = [e for e in self._entries(thread.thid) if self._type(e) in self.home.spec.introductions]
        named = [name for entry in brought for name in self._rebinding(entry)]
        held, rotations = opened, self._rotations([thread.first, *named], thread.second)
        for entry in sorted([*brought, *rotations], key=lambda e: e.position):
            left, entered = self._rebinding(entry)
            if left != bound or entry.position < opened[1].position:
                continue
            bound = entered
            held.append(entry)
            if entry in brought and bound != thread.first:
                earlier = (r for r in rotations if r.position < entry.position)
                last = [r for r in earlier if self._rebinding(r)[1] == bound][-1:]
                held += [r for r in last if r not in held]
        return held

    def _rotations(self, names: Sequence[str], second: str) -> list[Entry]:
        """The rotations towards a party that led to any of these identifiers, in the order of receipt.

        In whichever thread: one that was rotated in may have been introduced to somebody else since.
        """
        found: dict[int, Entry] = {}
        names = list(dict.fromkeys(names))
        for name in names:  # what it replaced is looked up as well
            for entry in self.home.store.rotations(name, second):
                found[entry.position] = entry
                names += [left for left in self._rebinding(entry)[:1] if left not in names]
        return [found[position] for position in sorted(found)]

    def _rebinding(self, entry: Entry) -> tuple[str, str]:
        """The first party before and after a rotation or an introduction."""
        claims = envelope.peek(entry.token)[1]
        if claims["type"] in self.home.spec.rotations:
            return claims["body"]["replaces"], claims["iss"]
        return claims["iss"], claims["body"]["id"]

    @staticmethod
    def _type(entry: Entry) -> str:
        return str(envelope.peek(entry.token)[1]["type"])

    def _entries(self, thid: str) -> Iterator[Entry]:
        return _entries(self.home, thid)

    def _key_sets(self, thread: Thread) -> dict[str, KeySet]:
        if thread.second.startswith(keys.DID):
            return {}
        found = self.home.store.load_keys(thread.second)
        return {thread.second: found} if found else {}

    def _home_keys(self) -> list[dict[str, Any]]:
        public = [k.public for k in self.home.signing]
        return [{"kid": k.kid, "jwk": dict(k.jwk), "source": "home"} for k in public]


def _keys_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every key that signed one of the messages, from their receipts (VRM-HOM-027)."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        claims = receipt_claims(entry.receipt)
        kid = keys.thumbprint(claims["key"])
        seen = {"seen_at": claims["key_seen_at"]} if "key_seen_at" in claims else {}
        source = "discovery" if seen else "did:jwk"
        found.setdefault(kid, {"kid": kid, "jwk": claims["key"], "source": source, **seen})
    return list(found.values())
