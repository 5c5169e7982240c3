"""All copies of one agent at one home: replayed from its book, extended one verified message at a time.

Source: spec/protocol/agents.md, threads.md, identity.md "Change of a person's key", offers.md "Purging".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vrmproto import envelope, keys, ladder, strictjson, threads
from vrmproto.agents import beside, chain, remains, seats
from vrmproto.agents.book import Book, BookError
from vrmproto.agents.chain import ChainError, Copy, Link
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.ladder import Ladder
from vrmproto.loading import GROUNDED
from vrmproto.model import Context, Related, Status, Thread
from vrmproto.spec import Spec

__all__ = ["Ledger"]


class Ledger:
    """The copies by ``thid``. What it holds was verified before; it judges chain and state."""

    def __init__(self, spec: Spec, book: Book, home: str, *, dev: bool, clock: Callable[[], float]) -> None:
        """Replays the book; BookError if what lies there does not verify any more."""
        self.spec = spec
        self.copies: dict[str, Copy] = {}
        self._book = book
        self._home = home
        self._dev = dev
        self._clock = clock
        self._count = 0
        self._aliases: dict[tuple[str, str], str] = {}
        self._next_keys: dict[tuple[str, str], str] = {}
        self._made: dict[str, int] = {}
        self._severed: dict[str, remains.Severed] = {}
        self._since: dict[str, int] = dict(book.state.get("ladders", {}))
        self.ladders = {spec.ladder.digest: spec.ladder}
        rows = [row for kind in spec.kinds.values() for row in kind.rows]
        self._by_purpose = {row.type for row in rows if GROUNDED & set(row.guards)}
        self._below: dict[str, list[str]] = {}
        self._filled: dict[str, tuple[int, ...]] = {}
        for digest, document in book.ladders().items():
            if self._read_ladder(document).digest != digest:
                raise BookError(f"ladders/{digest}.json: is another ladder")
        self._replay()

    def _replay(self) -> None:
        lines = [(line["n"], thid, line) for thid in self._book.threads() for line in self._book.thread(thid)]
        lines += [
            (left["n"], thid, {"does": left, "home": line["home"]})
            for _, thid, line in list(lines)
            for left in line.get("left", ())
        ]
        lines += [
            (line["from"], thid, {"begun": line, "home": line["home"]})
            for _, thid, line in list(lines)
            if "from" in line
        ]
        published = self._book.seen_keys("homes", self._home)
        for n, thid, line in sorted(lines, key=lambda item: item[0]):
            if line["home"] != self._home:
                continue
            try:
                self._read(thid, line, n, published)
            except (ProtocolError, ChainError, KeyError) as error:
                raise BookError(f"threads/{thid}.ndjson: line {n} does not verify ({error})") from None
        self._count = max((n for n, _, _ in lines), default=0)

    def _read(self, thid: str, line: Mapping[str, Any], n: int, published: dict[str, PublicKey]) -> None:
        if "purging" in line:
            self.copies[thid] = replace(self.copies[thid], erased=line["purging"])
        elif "told" in line:
            self._believe(thid, self._claims(line["told"], published))
        elif "does" in line:
            self._left(thid, line["does"])
        elif "begun" in line:  # what is below it was there before it was erased
            begun = line["begun"]
            links = [self._remnant(thid, item, published) for item in begun["links"]]
            thread = {**begun["thread"], "first": begun["first"]}
            self._hold(remains.copy_of(thid, self._home, {**begun, "thread": thread}, links))
        elif "erased" in line:
            links = [self._remnant(thid, item, published) for item in line["links"]]
            self._hold(remains.copy_of(thid, self._home, line, links))
        elif "stone" in line:
            self._hold(chain.bury(self.copies[thid], self._remnant(thid, line["stone"], published)))
        else:
            self._take(self._link(line, published), n)

    def _claims(self, receipt: str, published: dict[str, PublicKey]) -> dict[str, Any]:
        return chain.open_receipt(self.spec, receipt, home=self._home, key=lambda kid: published[kid])

    def _remnant(self, thid: str, item: Mapping[str, Any], published: dict[str, PublicKey]) -> Link:
        """What is left of a message in a copy that was erased: all of it, or a tombstone."""
        if "token" in item:
            return self._link(item, published)
        claims = self._claims(item["receipt"], published)
        return chain.tombstone(thid, item["mid"], item["type"], item["receipt"], claims)

    def _link(self, line: Mapping[str, Any], published: dict[str, PublicKey]) -> Link:
        claims = self._claims(line["receipt"], published)
        opening = envelope.parse(self.spec, line["token"].encode(), home=self._home, dev=self._dev)
        iss = opening.claims["iss"]
        signer = keys.from_did(iss) if iss.startswith(keys.DID) else keys.from_jwk(claims["key"])
        envelope.check_signature(opening, signer)
        envelope.check_content(opening)
        return Link(opening.message(), line["receipt"], claims)

    # --- extending ------------------------------------------------------------------------------

    def add(self, link: Link) -> bool:
        """Extend a copy durably by one message; False if it is held already. ChainError."""
        if not self._take(link, self._count + 1, write=True):
            return False
        self._count += 1
        return True

    def _take(self, link: Link, n: int, *, write: bool = False) -> bool:
        message, claims = link.message, link.claims
        thid = claims["thid"]
        copy = self._rebound(self.copies.get(thid) or Copy(thid, self._home), message)
        context = replace(self._context(copy, message, claims["iat"]), ladders=self._ladders(n))
        extended = self._extend(copy, link, context)
        if extended is copy or extended.thread is None:
            return False
        if write:
            self._keep(thid, n, {"token": message.token, "receipt": link.receipt})
        thread = extended.thread
        if thread.record == message.mid and self._supersedes(thread.kind, message.type):
            self._made[thid] = n
        if (left := remains.left_by(self.spec, thread, link, n)) is not None:
            self._left(thid, left)
        self._hold(extended)
        return True

    def _extend(self, copy: Copy, link: Link, context: Context) -> Copy:
        """The copy with one more message, judged by the consents that are held.

        Of what comes in one second nobody but the home knows the order, and a consent may not have come yet.
        """
        at, above = link.claims["iat"], beside.above(copy, link.message)
        if link.message.type not in self._by_purpose:
            return chain.extend(self.spec, copy, link, context)
        before, after = self.consents(above, at - 1), self.consents(above, at)
        refusal: ChainError | None = None
        for consents in dict.fromkeys((after, before, before | self.consents(above, at, within=True))):
            try:
                return chain.extend(self.spec, copy, link, replace(context, consents=consents))
            except ChainError as error:
                refusal = refusal or error
                if error.kind != "rule":
                    raise
        every = replace(context, consents=frozenset(self.spec.purposes))
        try:
            chain.extend(self.spec, copy, link, every)
        except ChainError as error:
            raise (refusal or error) from None
        detail = "the message rests on a consent that is not held here"
        raise ChainError("consent", detail, (link.message.token, link.receipt))

    def _left(self, thid: str, left: Mapping[str, Any]) -> None:
        """What a message does to other threads of the pair: a change of key, the end of what was agreed."""
        if "replaces" in left:
            self._aliases[left["replaces"], left["second"]] = left["first"]
            self._next_keys[left["first"], left["second"]] = left["nkt"]
        else:
            self._severed[thid] = remains.Severed(left["at"], left["n"], left["first"], left["second"])

    def _keep(self, thid: str, n: int, members: Mapping[str, Any]) -> None:
        self._book.keep(thid, {"n": n, "kept_at": int(self._clock()), **members, "home": self._home})

    def _hold(self, copy: Copy) -> None:
        """The copy is the one held from now on."""
        thread = copy.thread
        if copy.thid not in self.copies and thread is not None and thread.parent is not None:
            self._below.setdefault(thread.parent, []).append(copy.thid)
        self.copies[copy.thid] = copy
        for thid in (copy.thid, thread.parent if thread else None):
            self._filled.pop(thid or "", None)

    def _supersedes(self, kind: str, message_type: str) -> bool:
        return any(r.supersedes for r in self.spec.kinds[kind].rows if r.type == message_type)

    def _rebound(self, copy: Copy, message: Message) -> Copy:
        """The copy with the first party's present identifier, where the message names that one."""
        thread = copy.thread
        if thread is None:
            return copy
        first = thread.first
        fits = {threads.party_of(self.spec, message), message.aud} == {first, thread.second}
        return copy if fits else chain.rebind(copy, first, self.present(first, thread.second))

    def present(self, first: str, second: str) -> str:
        """The identifier that a person has opposite a second party after all rotations known here."""
        seen = set()
        while (first, second) in self._aliases and first not in seen:
            seen.add(first)
            first = self._aliases[first, second]
        return first

    def next_key(self, first: str, second: str) -> str | None:
        """The thumbprint that the pair's last rotation committed to."""
        return self._next_keys.get((first, second)) or None

    # --- what the home says ---------------------------------------------------------------------

    def tell(self, thid: str, checkpoint: str, claims: Mapping[str, Any]) -> None:
        """Keep a verified checkpoint of a state that the own copies do not lead to, if they do not."""
        copy, at = self.copies[thid], claims["iat"]
        alone = chain.settle(self.spec, copy, self.standing(copy, at), at).state
        if claims["state"] in (alone, self.status(copy, at).state):
            return
        self._keep(thid, self._count + 1, {"told": checkpoint})
        self._count += 1
        self._believe(thid, claims)

    def _believe(self, thid: str, claims: Mapping[str, Any]) -> None:
        copy = self.copies[thid]
        if copy.thread is None or claims["seq"] != copy.seq:
            return
        at = chain.told_at(self.spec, copy, self.standing(copy, claims["iat"]), claims)
        thread = replace(copy.thread, removed=claims.get("removed", ""))
        self._hold(replace(copy, thread=thread, told=at))

    # --- erasing --------------------------------------------------------------------------------

    def purging(self, thid: str, why: Mapping[str, Any]) -> None:
        """Note, durably, that a copy is to be erased; ``why`` comes back as ``Copy.erased``."""
        self._keep(thid, self._count + 1, {"purging": dict(why)})
        self._count += 1
        self._hold(replace(self.copies[thid], erased=dict(why)))

    def erase(self, thid: str, why: Mapping[str, Any], record: Sequence[str]) -> None:
        """Leave of a copy the messages of the record, by ``mid``, and a tombstone of each other one."""
        copy = self._copy_now(thid)
        line = remains.line_of(copy, why, frozenset(record))
        lines = self._book.thread(thid)
        if left := remains.left(self.spec, copy, lines):
            line["left"] = left
        line["from"] = lines[0].get("from", lines[0]["n"])
        line["first"] = lines[0].get("first", copy.history[0].first)
        members = {"n": self._count + 1, "home": self._home, "kept_at": int(self._clock())}
        self._book.replace(thid, [members | line])
        self._count += 1
        links = [
            link
            if link.message.mid in record
            else chain.tombstone(thid, link.message.mid, link.message.type, link.receipt, link.claims)
            for link in copy.links
        ]
        self._hold(remains.copy_of(thid, self._home, line, links))

    def _copy_now(self, thid: str) -> Copy:
        """A copy whose thread is what time has made of it, so that it needs nothing that is gone."""
        copy = self.copy(thid)
        if copy is None or copy.thread is None:
            raise KeyError(thid)
        status = self.status(copy, max(int(self._clock()), copy.thread.received))
        thread = replace(
            copy.thread,
            state=status.state,
            since=status.since,
            deadline=status.deadline,
            over_at=status.over_at,
            dead_at=status.dead_at,
            place=status.place,
        )
        return replace(copy, thread=thread)

    def bury(self, link: Link) -> bool:
        """Extend a copy durably by a tombstone that the home shows; False if it is held already."""
        thid, message = link.claims["thid"], link.message
        copy = self.copies.get(thid)
        if copy is None:
            raise ChainError("gap", "a tombstone begins the thread", (link.receipt,))
        extended = chain.bury(copy, link)
        if extended is copy:
            return False
        members: dict[str, Any] = {
            "stone": {"mid": message.mid, "type": message.type, "receipt": link.receipt}
        }
        thread = copy.thread
        first = self.present(thread.first, thread.second) if thread else ""
        left = (
            remains.left_by(self.spec, replace(thread, first=first), link, self._count + 1)
            if thread
            else None
        )
        if left is not None:
            members["left"] = [left]
            self._left(thid, left)
        self._keep(thid, self._count + 1, members)
        self._count += 1
        self._hold(extended)
        return True

    # --- ladders --------------------------------------------------------------------------------

    def hold_ladder(self, document: bytes) -> Ladder:
        """Keep a ladder durably, to judge by it what comes from now on; ValueError if it is none."""
        held = self._read_ladder(document)
        if held.digest not in self._since and held.digest != self.spec.ladder.digest:
            self._book.keep_ladder(held.digest, document)
            self._since[held.digest] = self._count
            self._book.remember(ladders=self._since)
        return held

    def _read_ladder(self, document: bytes) -> Ladder:
        content, broken = strictjson.read(document)
        if broken or not self.spec.valid("documents/ladder.json", content):
            raise ValueError("this is no ladder")
        held = ladder.read(document, content)
        return self.ladders.setdefault(held.digest, held)

    def _ladders(self, n: int) -> Mapping[str, Ladder]:
        """The ladders that were held when a line was written: what was judged without one stays so."""
        own = self.spec.ladder.digest
        return {d: held for d, held in self.ladders.items() if d == own or self._since.get(d, n) < n}

    def drop_ladders(self, but: Sequence[str] = ()) -> None:
        """Forget the ladders that no message held here names, apart from some."""
        links = (link for copy in self.copies.values() for link in copy.links)
        stay = {*but, self.spec.ladder.digest, *(link.message.body.get("ladder") for link in links)}
        for digest in self.ladders.keys() - stay:
            self._since.pop(digest, None)
            self._book.remember(ladders=self._since)
            self._book.drop_ladder(digest)
            del self.ladders[digest]

    # --- reading --------------------------------------------------------------------------------

    def copy(self, thid: str) -> Copy | None:
        """A copy with the first party's present identifier, or None."""
        copy = self.copies.get(thid)
        if copy is None or copy.thread is None:
            return copy
        return chain.rebind(copy, copy.thread.first, self.present(copy.thread.first, copy.thread.second))

    def below(self, thid: str) -> list[Copy]:
        """The copies of the threads whose parent this is, in the order in which they came."""
        return [copy for t in self._below.get(thid, ()) if (copy := self.copy(t)) is not None]

    def status(self, copy: Copy, now: int) -> Status:
        """What a thread is at ``now``."""
        return chain.settle(self.spec, copy, self._context(copy, None, now, exact=False), now)

    def standing(self, copy: Copy, now: int) -> Context:
        """What moves a thread without a message, as far as the own copies tell for certain.

        Of two threads written in one second nobody but the home knows the order: what another thread did in
        the second ``now`` is left out.
        """
        return self._context(copy, None, now)

    def _context(self, copy: Copy, message: Message | None, now: int, *, exact: bool = True) -> Context:
        thread = copy.thread
        named = self._agreement(message.agr, now) if message else None
        version = message.body.get("version") if message else None
        if thread is None:
            if message is None:
                return Context(agreement=named, named=named, blind=True)
            parent = self._named_as(message, self._parent(message.pthid, now, version, exact))
            named = self._named_as(message, named)
            corrected = beside.corrected(self.spec, self.copies.get(message.pthid or ""), message)
            return Context(parent=parent, agreement=named, named=named, corrected=corrected, blind=True)
        first = self.present(thread.first, thread.second)
        return Context(
            parent=self._parent(thread.parent, now, version, exact, opened=thread.opened),
            agreement=self._agreement(thread.agreement, now),
            named=named,
            superseded_at=self._superseded_at(thread),
            severed_at=self._severed_at(thread),
            prev_known=message is None or message.prev is None or copy.holds(message.prev),
            next_key=self.next_key(first, thread.second),
            taken=message is not None and self._taken(message.iss, thread.second),
            blind=True,
        )

    def _named_as(self, message: Message, related: Related | None) -> Related | None:
        """A thread whose first party has the identifier by which a message knows it."""
        if related is None:
            return None
        thread = related.thread
        present = self.present(thread.first, thread.second)
        known = (i for i in (message.iss, message.aud) if self.present(i, thread.second) == present)
        return replace(related, thread=replace(thread, first=next(known, present)))

    def _parent(
        self, thid: str | None, now: int, version: Any, exact: bool, opened: int | None = None
    ) -> Related | None:
        """The parent as it was at ``now``, with the times at which its places were filled, as seen here."""
        copy = self.copy(thid) if thid else None
        if copy is None or copy.thread is None:
            return None
        status = self.status(copy, now)
        filled = () if opened is None else tuple(t for t in self.filled(copy) if opened < t <= now)
        if exact:
            filled = tuple(t for t in filled if t < now)
            if status.over_at is not None and status.over_at >= now:
                status = replace(status, over_at=None)
        return Related(replace(seats.as_of(copy, now, version), filled=filled), status)

    def consents(self, thid: str, now: int, *, within: bool = False) -> frozenset[str]:
        """The purposes of the consents in force below a relationship at ``now`` (:func:`beside.consents`)."""
        return beside.consents(self.spec, self.below(thid), self.status, now, within=within)

    def filled(self, copy: Copy) -> tuple[int, ...]:
        """When the places below a thread were filled, as far as the copies held here show."""
        if copy.thid not in self._filled:
            self._filled[copy.thid] = seats.filled(self.spec, copy, self.below(copy.thid))
        return self._filled[copy.thid]

    def _related(self, thid: str | None, now: int) -> Related | None:
        copy = self.copy(thid) if thid else None
        if copy is None or copy.thread is None or copy.thread.parent == thid:
            return None
        return Related(copy.thread, self.status(copy, now))

    def _agreement(self, record: str | None, now: int) -> Related | None:
        made = (t for t, c in self.copies.items() if c.thread and record and c.thread.record == record)
        return self._related(next(made, None), now)

    def _severed_at(self, thread: Thread) -> int | None:
        """When a relationship of the pair ended next after an agreement, in the order of the agent's eyes."""
        if thread.record_at is None or thread.thid not in self._made:
            return None
        pair = (self.present(thread.first, thread.second), thread.second)
        own = (thread.record_at, self._made[thread.thid])
        ended = [
            end.at
            for end in self._severed.values()
            if (end.at, end.n) > own and (self.present(end.first, end.second), end.second) == pair
        ]
        return min(ended, default=None)

    def _taken(self, iss: str, second: str) -> bool:
        held = (c.thread for c in self.copies.values())
        return (iss, second) in self._aliases or any(
            t is not None and t.second == second and t.first == iss for t in held
        )

    def _class_of(self, thread: Thread) -> str:
        ref, agreed = thread.facts.get("roster"), thread.facts.get("agreement")
        roster = self.spec.rosters.get((ref["id"], ref["version"])) if ref else None
        found = roster.find(agreed) if roster and agreed else None
        return found.kind if found else ""

    def _superseded_at(self, thread: Thread) -> int | None:
        """When the pair's next agreement of this class was made, in the order in which the agent saw them."""
        kind = self._class_of(thread)
        if thread.record_at is None or not kind or thread.thid not in self._made:
            return None
        pair = (self.present(thread.first, thread.second), thread.second)
        own = (thread.record_at, self._made[thread.thid])
        later = [
            other.record_at
            for other in (self.copies[thid].thread for thid in self._made)
            if other is not None
            and other.record_at is not None
            and (other.record_at, self._made[other.thid]) > own
            and (self.present(other.first, other.second), other.second) == pair
            and self._class_of(other) == kind
        ]
        return min(later, default=None)
