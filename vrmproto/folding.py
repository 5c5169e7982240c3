"""Threads made anew from messages and receipts alone: what a home has made of them, with no home at hand.

That every message was taken is the home's signed word; here it is followed, not judged again. What a party
cannot see (offers of others, what an erased message said) makes a state one of several. Pure.
Source: spec/protocol/threads.md, standing.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vrmproto import keys, places, threads
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.ladder import Ladder
from vrmproto.model import Context, Related, Status, Thread
from vrmproto.roster import Agreement
from vrmproto.spec import Kind, Spec
from vrmproto.standing import Told
from vrmproto.verification import Held, Link

__all__ = ["Fold"]

_MOST_ORDERS = 120
"""So many orders of what came in one second are tried."""


@dataclass(frozen=True, slots=True)
class _Made:
    """An agreement, or the end of a relationship, which ends agreements; ``name`` is the class, or ''."""

    at: int
    thid: str
    name: str


class Fold:
    """The threads that messages make; a :class:`vrmproto.standing.Source`.

    ``broken`` says of a thread why it could not be followed to its end.
    """

    def __init__(
        self,
        spec: Spec,
        held: Mapping[str, Sequence[Held]],
        ladders: Mapping[str, Ladder],
        told: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        *,
        blind: bool = False,
        later: Mapping[str, Sequence[Held]] | None = None,
    ) -> None:
        """``held`` are the messages of each thread from the first on, ``told`` verified checkpoints.

        ``later``: the same with what came later, which may name a party where what is held is erased.

        ``blind``: they are those of an organisation, which does not see the offers of others.
        """
        self.spec = spec
        self.broken: dict[str, str] = {}
        self.order: tuple[str, ...] = ()
        """Of what came in one second these threads came first, in this order."""
        self._held = held
        self._whole = later or held
        self._ladders = {spec.ladder.digest: spec.ladder, **ladders}
        self._told = told or {}
        self._blind = blind
        self._threads: dict[str, Thread] = {}
        self._records: dict[str, str] = {}
        self._children: dict[str, list[str]] = {}
        self._made: list[_Made] = []
        self._aliases: dict[tuple[str, str], str] = {}
        self._follow()

    # --- making them anew -----------------------------------------------------------------------

    def _follow(self) -> None:
        depth = {thid: self._depth(items) for thid, items in self._held.items()}
        listed = (
            (k.receipt["iat"], depth[t], n, t, k) for t, ks in self._held.items() for n, k in enumerate(ks)
        )
        for now, _, _, thid, one in sorted(listed, key=lambda event: event[:3]):
            if thid in self.broken:
                continue
            before = self._threads.get(thid)
            if one.seq != (before.seq + 1 if before else 1) or one.thid != thid:
                self.broken[thid] = f"the message at {one.seq} does not go on with it"
                continue
            try:
                after = (
                    self._take(before, one, now) if isinstance(one, Link) else self._bury(before, one, now)
                )
            except (ValueError, KeyError, TypeError):
                after = None
            if after is None:
                self.broken[thid] = f"no row leads to {one.receipt['state']} by the message at {one.seq}"
                continue
            self._keep(before, after, one, now)

    def _depth(self, items: Sequence[Held]) -> int:
        """How many threads are above a thread: of one second what is above is read first."""
        depth, kind = 0, self.spec.opens.get(items[0].type) if items else None
        while kind is not None and depth < len(self.spec.kinds):
            above = next(iter(sorted(kind.parents)), None)
            depth += 1 + (kind.roles == "agreement")
            kind = self.spec.opens.get(above) if above else None
        return depth

    def _take(self, before: Thread | None, one: Link, now: int) -> Thread | None:
        message, state = one.message, str(one.receipt["state"])
        context = self._context(before, message, now)
        try:
            if before is None:
                return self._opened(message, state, now, context)
            kind = self.spec.kinds[before.kind]
            role = "member" if kind.member else "second" if message.iss == before.second else "first"
            for status in _statuses(kind, before, context, now):
                row = kind.cells.get((status.state, role, message.type))
                if row is not None and state == (status.state if row.to == "=" else row.to):
                    deadline = threads.body_deadline(row, message, now)
                    return threads.moved(kind, row, status, before, message, now, context, deadline)
        except ProtocolError:
            pass
        return None

    def _opened(self, message: Message, state: str, now: int, context: Context) -> Thread | None:
        kind = self.spec.opens.get(message.type)
        above = context.parent or context.agreement
        known = above is not None and above.thread.second == message.iss
        for role in ("second", "first") if known else ("first", "second"):
            row = kind.cells.get(("", role, message.type)) if kind else None
            if kind is not None and row is not None and row.to == state:
                parties = (message.iss, message.aud) if role == "first" else (message.aud, message.iss)
                deadline = threads.body_deadline(row, message, now)
                return threads.opened(kind, row, *parties, message, now, context, deadline)
        return None

    def _bury(self, before: Thread | None, one: Held, now: int) -> Thread | None:
        """The thread after a message of which the receipt is left: its state is the one that was signed."""
        kind = self.spec.kinds[before.kind] if before else self.spec.opens.get(one.type)
        state = kind.states.get(str(one.receipt["state"])) if kind else None
        if kind is None or state is None:
            return None
        if before is None:
            first, second = self._parties(kind, self._whole[one.thid])
            before = Thread(
                kind=kind.name, thid=one.thid, first=first, second=second, state=state.name, since=now,
                deadline=None, seq=0, head=one.mid, received=now, opened=now, opener=one.type,
                board=kind.roles == "board",
            )  # fmt: skip
        left = kind.states[before.state]
        over_at, dead_at = threads.ends(left, state, now, before.over_at, before.dead_at)
        record = any(row.record for row in kind.rows if row.type == one.type)
        return replace(
            before,
            state=state.name,
            since=before.since if state is left else now,
            deadline=None,
            seq=before.seq + 1,
            head=one.mid,
            received=now,
            record=one.mid if record else before.record,
            record_at=now if record else before.record_at,
            over_at=over_at,
            dead_at=dead_at,
            place=places.after(before.place, state),
        )

    def _parties(self, kind: Kind, items: Sequence[Held]) -> tuple[str, str]:
        """First and second party of the opening, as far as receipts and whole messages name them."""
        found = {"first": "", "second": ""}
        for one in items:
            by = {row.by for row in kind.rows if row.type == one.type}
            sender = str(one.receipt["aud"])
            role = next(iter(by)) if len(by) == 1 else ""
            if role not in found:
                role = "first" if sender.startswith(keys.DID) else "second"
            found[role] = found[role] or sender
            if isinstance(one, Link):
                other = "first" if role == "second" else "second"
                found[other] = found[other] or one.message.aud
        return found["first"], found["second"]

    def _keep(self, before: Thread | None, after: Thread, one: Held, now: int) -> None:
        thid = after.thid
        self._threads[thid] = after
        rows = [row for row in self.spec.kinds[after.kind].rows if row.type == one.type]
        if before is None and after.parent is not None:
            self._children.setdefault(after.parent, []).append(thid)
        if after.record == one.mid:
            self._records[one.mid] = thid
            made = self.agreement_of(after)
            if made is not None and any(row.supersedes for row in rows):
                self._made.append(_Made(now, thid, made.kind))
        if any(row.effect == "sever" for row in rows):
            self._made.append(_Made(now, thid, ""))
        if one.type in self.spec.rotations:
            old = self.present(before.first, before.second) if before else ""
            old = str(one.message.body.get("replaces", old)) if isinstance(one, Link) else old
            self._rotate(old, str(one.receipt["aud"]), after.second)
        above = self._threads.get(after.parent or "")
        if above is not None:
            context, was = self._context(after, None, now), before.place if before else ""
            self._threads[above.thid] = places.filled_below(above, was, after.place, context, now)

    def _rotate(self, old: str, new: str, second: str) -> None:
        if old and self.present(new, second) != old:
            self._aliases[old, second] = new

    # --- what moves a thread --------------------------------------------------------------------

    def present(self, first: str, second: str) -> str:
        """The identifier that a person has opposite a second party after all changes of key."""
        seen: set[str] = set()
        while (first, second) in self._aliases and first not in seen:
            seen.add(first)
            first = self._aliases[first, second]
        return first

    def _context(self, thread: Thread | None, message: Message | None, now: int) -> Context:
        above = thread.parent if thread else message.pthid if message else None
        agr = thread.agreement if thread else message.agr if message else None
        owner = thread.thid if thread is not None and thread.board else above
        return Context(
            parent=self._related(above, now),
            agreement=self._related(self._records.get(agr or ""), now),
            superseded_at=self._later(thread, now, self._class(thread)) if thread else None,
            severed_at=self._later(thread, now, "") if thread else None,
            filled=self._filled(owner, thread.thid if thread else "") if owner else 0,
            ladders=self._ladders,
            blind=True,
        )

    def _related(self, thid: str | None, now: int) -> Related | None:
        thread = self._threads.get(thid or "")
        return Related(thread, self.status(thread, now)) if thread is not None else None

    def _filled(self, owner: str, but: str) -> int:
        below = (self._threads[thid] for thid in self._children.get(owner, ()) if thid in self._threads)
        return sum(thread.place == "filled" for thread in below if thread.thid != but)

    def _class(self, thread: Thread) -> str:
        return next((made.name for made in self._made if made.thid == thread.thid and made.name), "-")

    def _later(self, thread: Thread, now: int, name: str) -> int | None:
        """When the pair next made an agreement of this class after a thread did; '' is an end of them all."""
        own = next((made for made in self._made if made.thid == thread.thid and made.name), None)
        if own is None:
            return None
        pair = self._pair(thread)
        later = [
            made.at
            for made in self._made
            if made.name == name
            and made.thid != thread.thid
            and self._place(made) > self._place(own)
            and self._pair(self._threads[made.thid]) == pair
        ]
        return min(later, default=None)

    def _place(self, made: _Made) -> tuple[int, int, int]:
        first = self.order.index(made.thid) if made.thid in self.order else len(self.order)
        return made.at, first, self._made.index(made)

    def _pair(self, thread: Thread) -> tuple[str, str]:
        return self.present(thread.first, thread.second), thread.second

    def orders(self) -> Iterator[tuple[str, ...]]:
        """The orders in which things of one second may have come that decide what is in force.

        The receipts do not say which; the first is the one in which they are held.
        """
        together: dict[tuple[int, str, str], list[_Made]] = {}
        for made in self._made:
            together.setdefault((made.at, *self._pair(self._threads[made.thid])), []).append(made)
        groups: list[list[str]] = []
        for group in together.values():
            names = [made.name for made in group]
            if len(group) > 1 and ("" in names or len(set(names)) < len(names)):
                groups.append([made.thid for made in group])
        several = itertools.product(*(itertools.permutations(group) for group in groups))
        for chosen in itertools.islice(several, _MOST_ORDERS):
            yield tuple(itertools.chain.from_iterable(chosen))

    # --- what there is --------------------------------------------------------------------------

    def thread(self, thid: str) -> Thread | None:
        """A thread with the first party's present identifier."""
        thread = self._threads.get(thid)
        return replace(thread, first=self.present(thread.first, thread.second)) if thread else None

    def all(self) -> Iterator[Thread]:
        """All threads."""
        return (thread for thid in self._threads if (thread := self.thread(thid)) is not None)

    def adopt(self, thid: str, parent: str) -> None:
        """Take it that a thread lies below another one, where the message that said so is erased."""
        thread = self._threads.get(thid)
        if thread is not None and thread.parent is None and self.erased(thid):
            self._threads[thid] = replace(thread, parent=parent)
            self._children.setdefault(parent, []).append(thid)

    def erased(self, thid: str) -> frozenset[str]:
        """The messages of a thread of which only receipts are left."""
        items = self._counted(thid)
        return frozenset(one.mid for one in items if not isinstance(one, Link))

    def _counted(self, thid: str) -> Sequence[Held]:
        thread = self._threads.get(thid)
        return self._held[thid][: thread.seq] if thread is not None else ()

    def states(self, thread: Thread, now: int) -> frozenset[str]:
        """The states that a thread may be in at ``now``: one, where all that moves it can be seen."""
        kind, unseen = self.spec.kinds[thread.kind], self._unseen(thread, now)
        settled = self.status(thread, now).state
        told = [
            str(claims["state"])
            for claims in self._told.get(thread.thid, ())
            if claims["seq"] == thread.seq and claims["iat"] <= now and claims["state"] in kind.states
        ]
        reached = _closure(kind, settled, unseen)
        if told and told[-1] in reached:
            reached = _closure(kind, told[-1], unseen)
        return reached

    def _unseen(self, thread: Thread, now: int) -> frozenset[str]:
        """The causes that may have moved a thread and that these messages do not show."""
        found: set[str] = set()
        erased = self.erased(thread.thid)
        if erased and thread.deadline is None:
            found.add("deadline")
        above = self._threads.get(thread.parent or "")
        if thread.parent is None and thread.opener and erased:
            found |= {"orphaned", "filled"}
        elif thread.parent is not None:
            if above is None or (above.board and (self._blind or self._told.get(above.thid))):
                found |= {"orphaned", "filled"}
            elif above.board and thread.opened in above.filled:
                found.add("filled")  # of one second nobody but the home knows the order
        if thread.agreement is not None or erased:
            made = self._threads.get(self._records.get(thread.agreement or "", ""))
            if made is None or len(self.states(made, now)) > 1:
                found.add("released")
        return frozenset(found)

    # --- a source of views ----------------------------------------------------------------------

    def status(self, thread: Thread, now: int) -> Status:
        """What a thread is at ``now``, by what can be seen here."""
        return threads.settle(self.spec.kinds[thread.kind], thread, self._context(thread, None, now), now)

    def below(self, thid: str, kinds: Collection[str]) -> list[Thread]:
        """The threads of these kinds below a thread."""
        found = (self.thread(below) for below in self._children.get(thid, ()))
        return [thread for thread in found if thread is not None and thread.kind in kinds]

    def between(self, first: str, second: str) -> Iterable[Thread]:
        """The threads of a pair."""
        return (thread for thread in self.all() if thread.pair == (first, second))

    def agreement_of(self, thread: Thread) -> Agreement | None:
        """The roster's agreement that was accepted in a thread."""
        ref, agreed = thread.facts.get("roster"), thread.facts.get("agreement")
        roster = self.spec.rosters.get((ref["id"], ref["version"])) if ref else None
        return roster.find(agreed) if roster and agreed else None

    def ladder(self, digest: str) -> Ladder | None:
        """A ladder that is held here."""
        return self._ladders.get(digest)

    def told(self, thid: str) -> Iterator[Told]:
        """The messages of a thread; of an erased one the body is empty."""
        for one in self._counted(thid):
            at = int(one.receipt["iat"])
            if isinstance(one, Link):
                yield Told(one.mid, one.type, one.message.agr, one.message.body, at)
            else:
                yield Told(one.mid, one.type, None, {}, at)


def _closure(kind: Kind, state: str, causes: Collection[str]) -> frozenset[str]:
    """The states that these causes may lead to, the state itself among them."""
    reached, waiting = {state}, [state]
    while waiting:
        for cause, target in kind.states[waiting.pop()].moves.items():
            if cause in causes and target not in reached:
                reached.add(target)
                waiting.append(target)
    return frozenset(reached)


def _statuses(kind: Kind, thread: Thread, context: Context, now: int) -> Iterator[Status]:
    """What a thread may have been before a message: settled, as it was left, or moved by what is not seen."""
    yield threads.settle(kind, thread, context, now)
    waiting = [
        Status(
            thread.state,
            thread.since,
            thread.deadline,
            frozenset(),
            thread.over_at,
            thread.dead_at,
            thread.place,
        )
    ]
    known = {thread.state}
    while waiting:
        status = waiting.pop(0)
        yield status
        before = kind.states[status.state]
        for target in before.moves.values():
            if target not in known:
                known.add(target)
                entered = kind.states[target]
                over_at, dead_at = threads.ends(before, entered, now, status.over_at, status.dead_at)
                place = places.after(status.place, entered)
                deadline = threads.own_deadline(entered, now, thread.facts)
                waiting.append(Status(target, now, deadline, frozenset(), over_at, dead_at, place))
