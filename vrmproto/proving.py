"""Whether a view of a relationship is what the threads say: made anew, and compared member by member. Pure.

Source: spec/protocol/standing.md (VRM-STD-001 to VRM-STD-011, VRM-LED-001 to VRM-LED-004).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vrmproto.folding import Fold
from vrmproto.ladder import Ladder
from vrmproto.model import Thread
from vrmproto.spec import Spec
from vrmproto.standing import Standing
from vrmproto.verification import Held

__all__ = ["MEMBERS", "Difference", "Proof", "Threads", "prove"]

MEMBERS: Mapping[str, str] = {
    "thid": "VRM-STD-001",
    "first": "VRM-STD-001",
    "second": "VRM-STD-001",
    "state": "VRM-STD-001",
    "opened_at": "VRM-STD-001",
    "ladder": "VRM-STD-001",
    "preferences": "VRM-STD-001",
    "stage": "VRM-STD-002",
    "agreements": "VRM-STD-003",
    "consents": "VRM-STD-003",
    "data": "VRM-STD-004",
    "corrections": "VRM-STD-006",
    "heads": "VRM-STD-009",
}
"""What of a view is made anew, and the rule by which it is what it is."""

_KEYS = {"agreements": "thid", "consents": "thid", "data": "mid", "corrections": "thid", "heads": "thid"}
"""What tells one item of a list from another."""
_RULES = {
    ("agreements", "stage"): "VRM-STD-002",
    ("data", "verified_as_of"): "VRM-STD-005",
}
_HIDDEN = {
    "data": ("purpose", "categories", "fields", "as_of", "agr"),
    "corrections": ("of",),
    "agreements": ("agreement", "stage"),
    "consents": ("purposes", "valid_until"),
}
"""The members of an item that nothing but the body of a message says."""
_SETS = frozenset({"purposes"})
"""Members of items in which the order says nothing."""
_OTHERS = frozenset({"home", "checkpoint", "refused", "refused_more"})
LEDGER = "what was refused in the relationship: nobody keeps those messages"


@dataclass(frozen=True, slots=True)
class Threads:
    """All that somebody holds: verified messages by thread, ladders by digest, checkpoints by thread."""

    held: Mapping[str, Sequence[Held]]
    ladders: Mapping[str, Ladder] = field(default_factory=dict)
    told: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where a view is not what the threads say; None is nothing. ``place`` is a JSON Pointer."""

    place: str
    requirement: str
    says: Any
    threads: Any
    why: str = ""

    @property
    def member(self) -> str:
        """The member of the view in which it is."""
        return self.place.split("/")[1]

    @property
    def detail(self) -> str:
        """What both say, in words."""
        return self.why or f"the view says {_short(self.says)}, the threads say {_short(self.threads)}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a comparison has found. ``trusted`` rests on the home's word alone (VRM-STD-011)."""

    differences: tuple[Difference, ...]
    trusted: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """The view is what the threads say."""
        return not self.differences


def prove(spec: Spec, view: Mapping[str, Any], checkpoint: Mapping[str, Any], threads: Threads) -> Proof:
    """Make a view anew as of its checkpoint and compare the two.

    ``view`` is valid by documents/relationship.json, ``checkpoint`` are the verified claims of the one in it.
    """
    best: Proof | None = None
    for fold in _folds(spec, view, checkpoint, threads):
        for order in fold.orders():
            fold.order = order
            found = _Comparison(spec, view, checkpoint, fold, threads.held).proof()
            if best is None or len(found.differences) < len(best.differences):
                best = found
            if best.ok:
                return best
    if best is None:
        raise ValueError("nothing was compared")
    return best


def _folds(
    spec: Spec, view: Mapping[str, Any], checkpoint: Mapping[str, Any], threads: Threads
) -> Iterator[Fold]:
    """The threads as of a view: of its own second its heads say what counts, of other threads nobody does."""
    at, blind = int(checkpoint["iat"]), bool(checkpoint["aud"] == view["second"])
    heads = {str(head["thid"]): int(head["seq"]) for head in view["heads"]}

    # What opens a thread that no head names, though a thread below it may be named.
    boards = {type_ for type_, kind in spec.opens.items() if kind.roles == "board"}

    def all_of_it(one: Held) -> bool:
        return True

    def openings(one: Held) -> bool:
        return one.seq == 1

    def nothing(one: Held) -> bool:
        return one.seq == 1 and one.type in boards

    def counts(thid: str, one: Held, also: Callable[[Held], bool]) -> bool:
        then = int(one.receipt["iat"])
        if then != at:
            return then < at
        return one.seq <= heads[thid] if thid in heads else also(one)

    def fold(also: Callable[[Held], bool]) -> Fold:
        held = {t: [one for one in items if counts(t, one, also)] for t, items in threads.held.items()}
        held = {t: items for t, items in held.items() if items}
        made = Fold(spec, held, threads.ladders, threads.told, blind=blind, later=threads.held)
        _adopt(made, view, heads)
        return made

    yield fold(all_of_it)
    if any(one.receipt["iat"] == at for t, items in threads.held.items() if t not in heads for one in items):
        yield fold(openings)
        yield fold(nothing)


def _adopt(fold: Fold, view: Mapping[str, Any], heads: Iterable[str]) -> None:
    """Where the opening of a thread is erased, only the home says below what it lies."""
    own = str(view["thid"])
    listed = [thread for thid in heads if (thread := fold.thread(thid)) is not None]
    for thread in listed:
        if thread.kind in ("consent", "data"):
            fold.adopt(thread.thid, own)
    data = fold.below(own, ["data"])
    for thread in listed:
        if thread.kind == "correction" and data:
            fold.adopt(thread.thid, data[0].thid)


class _Comparison:
    """One view beside the threads made anew in one way."""

    def __init__(
        self,
        spec: Spec,
        view: Mapping[str, Any],
        checkpoint: Mapping[str, Any],
        fold: Fold,
        held: Mapping[str, Sequence[Held]],
    ) -> None:
        self.spec, self.view, self.checkpoint = spec, view, checkpoint
        self.fold, self.held, self.at = fold, held, int(checkpoint["iat"])
        self.found: list[Difference] = []
        self.trusted: list[str] = []

    def proof(self) -> Proof:
        """Compare everything."""
        thread = self.fold.thread(self.view["thid"])
        if thread is None or thread.kind != "relationship":
            wrong = "no message of this relationship is here that was received by then"
            self._differ("/thid", "VRM-STD-001", self.view["thid"], None, wrong)
        else:
            standing = Standing(self.spec, self.fold)
            rests = standing.rests(thread)
            self._compare(thread, standing.view(rests, self.at))
            for one in rests:
                self._broken(one)
        if self.checkpoint["aud"] in (self.view["first"], self.view["second"]):
            self._refused()
        else:
            self._differ("/checkpoint", "VRM-STD-001", None, None, "it is for neither of the two")
        return Proof(tuple(self.found), tuple(dict.fromkeys(self.trusted)))

    def _differ(self, place: str, rule: str, says: Any, threads: Any, why: str = "") -> None:
        self.found.append(Difference(place, rule, says, threads, why))

    def _broken(self, thread: Thread) -> None:
        if (wrong := self.fold.broken.get(thread.thid)) is not None:
            self._differ("/heads", "VRM-STD-009", None, None, f"the thread {thread.thid}: {wrong}")

    # --- member by member -----------------------------------------------------------------------

    def _compare(self, thread: Thread, made: Mapping[str, Any]) -> None:
        hidden = self.fold.erased(thread.thid)
        for name, rule in MEMBERS.items():
            if name in _KEYS:
                self._list(name, rule, thread, made[name])
            elif hidden and (name in ("ladder", "stage", "preferences") or not made.get(name, "")):
                self._rests(name)
            elif name == "state":
                self._state("/state", rule, self.view["state"], thread)
            elif name == "stage" and self._unheld(thread):
                self._rests(name)
            elif not _same(self.view.get(name), made.get(name)):
                self._differ(f"/{name}", rule, self.view.get(name), made.get(name))
        wanted = {"state": self.view["state"], "thid": self.view["thid"]}
        wrong = {n: self.checkpoint.get(n) for n, value in wanted.items() if self.checkpoint.get(n) != value}
        heads: list[Mapping[str, Any]] = self.view["heads"]
        head = next((h for h in heads if h["thid"] == thread.thid), {})
        wrong |= {n: self.checkpoint.get(n) for n in ("seq", "mid") if self.checkpoint.get(n) != head.get(n)}
        if wrong and not any(d.place in ("/state", "/thid") for d in self.found):
            told = f"the checkpoint says {_short(wrong)}, and the view another thing"
            self._differ("/checkpoint", "VRM-STD-001", None, None, told)
        if more := sorted(self.view.keys() - MEMBERS.keys() - _OTHERS):
            self.trusted.append(f"what {', '.join(more)} of the view says: the protocol does not know it")

    def _unheld(self, thread: Thread) -> bool:
        """Whether a ladder is missing by which she has gone up or down."""
        named = {t.body["ladder"] for t in self.fold.told(thread.thid) if "ladder" in t.body}
        missing = [digest for digest in named if self.fold.ladder(digest) is None]
        for digest in missing:
            self.trusted.append(f"the rungs of the ladder {digest}: it is not here")
        return bool(missing)

    def _rests(self, place: str) -> None:
        self.trusted.append(f"{place} of the view: nothing but erased messages said it")

    def _state(self, place: str, rule: str, says: Any, thread: Thread) -> None:
        states = self.fold.states(thread, self.at)
        if says not in states:
            self._differ(place, rule, says, " or ".join(sorted(states)))
        elif len(states) > 1:
            self.trusted.append(f"that the thread {thread.thid} is {says}: what would show it is not here")

    # --- lists ----------------------------------------------------------------------------------

    def _list(self, name: str, rule: str, relationship: Thread, made: Sequence[Mapping[str, Any]]) -> None:
        key, items = _KEYS[name], self.view[name]
        right = {one[key]: one for one in made}
        times = Counter(one[key] for one in items)
        for n, one in enumerate(items):
            place = f"/{name}/{n}"
            if times[one[key]] > 1:
                self._differ(place, rule, one, right.get(one[key]), "it is listed more than once")
            elif one[key] in right:
                self._item(name, place, rule, relationship, one, right[one[key]])
            elif not self._unsure(name, one):
                self._differ(place, rule, one, None)
        for value, one in right.items():
            if value not in times and not self._unsure(name, one):
                self._differ(f"/{name}", rule, None, one)
        if name == "data" and not any(d.member == "data" for d in self.found):
            orders = [[(o["thid"], o["mid"]) for o in listed] for listed in (items, made)]
            told, wanted = (sorted(order, key=lambda one: str(one[0])) for order in orders)
            if told != wanted:
                why = "the messages of a thread are not listed with the oldest first"
                self._differ("/data", rule, [o["mid"] for o in items], [o["mid"] for o in made], why)

    def _unsure(self, name: str, item: Mapping[str, Any]) -> bool:
        """Whether what would show that an agreement or a consent is in force is not here."""
        thread = self.fold.thread(item["thid"]) if name in ("agreements", "consents") else None
        if thread is None or thread.record is None or item["id"] != thread.record:
            return False
        states = self.spec.kinds[thread.kind].states
        live = {states[state].live for state in self.fold.states(thread, self.at)}
        if len(live) > 1:
            self.trusted.append(f"whether what was made in the thread {thread.thid} is in force")
        return len(live) > 1

    def _item(
        self,
        name: str,
        place: str,
        rule: str,
        relationship: Thread,
        says: Mapping[str, Any],
        made: Mapping[str, Any],
    ) -> None:
        thread = self.fold.thread(says["thid"])
        erased = self.fold.erased(says["thid"])
        hidden: set[str] = set()
        telling = {"data": "mid", "corrections": "thid", "agreements": "id"}.get(name, "")
        if says.get(telling) in erased or (name == "consents" and erased):
            hidden |= set(_HIDDEN[name])
        if name == "data" and erased:
            hidden.add("verified_as_of")
        if name == "agreements" and self._by_others(relationship):
            hidden.add("stage")
        known = self._known(name)
        for member in sorted((says.keys() | made.keys()) & known):
            if member in hidden and says.get(member) != made.get(member):
                self._rests(f"{place}/{member}")
            elif member == "state" and thread is not None:
                self._state(f"{place}/state", rule, says["state"], thread)
            elif not _same(says.get(member), made.get(member), unordered=member in _SETS):
                right = "VRM-STD-008" if self._later(name, made, says) else _RULES.get((name, member), rule)
                self._differ(f"{place}/{member}", right, says.get(member), made.get(member))
        if more := sorted(says.keys() - known):
            self._more(name, place, says, more)

    def _known(self, name: str) -> frozenset[str]:
        schema = self.spec.schemas["documents/relationship.json"]
        return frozenset(schema["properties"][name]["items"]["properties"])

    def _later(self, name: str, made: Mapping[str, Any], says: Mapping[str, Any]) -> bool:
        """Whether a head is a message that was received after the time of the checkpoint."""
        items = self.held.get(says["thid"], ()) if name == "heads" else ()
        return any(
            one.seq == says["seq"] and one.mid == says["mid"] and one.receipt["iat"] > self.at
            for one in items
        )

    def _by_others(self, relationship: Thread) -> bool:
        """Whether what an agreement reaches rests on what is not here: ladder, rung, or a consent."""
        if self.fold.erased(relationship.thid) or self._unheld(relationship):
            return True
        consents = self.fold.below(relationship.thid, ["consent"])
        return any(t.record and len(self.fold.states(t, self.at)) > 1 for t in consents)

    def _more(self, name: str, place: str, says: Mapping[str, Any], more: Sequence[str]) -> None:
        """Members that the document does not describe; what was shared is not to be in them."""
        told = self.fold.told(says["thid"])
        clear = {str(v) for t in told for v in t.body.get("content", {}).get("clear", {}).values()}
        for member in more:
            if clear & set(_texts(says[member])):
                why = "it holds what was shared, and the view does not hold the data themselves"
                self._differ(f"{place}/{member}", "VRM-STD-007", says[member], None, why)
            else:
                self.trusted.append(f"what {place}/{member} of the view says: the protocol does not know it")

    # --- what was refused -----------------------------------------------------------------------

    def _refused(self) -> None:
        """What can be said of the ledger without the messages, which nobody keeps (VRM-LED-001)."""
        listed = self.view.get("refused")
        if self.checkpoint["aud"] == self.view["second"]:
            for name in ("refused", "refused_more"):
                if name in self.view:
                    why = "it is for her, and this is the view of the organisation"
                    self._differ(f"/{name}", "VRM-LED-002", self.view[name], None, why)
            return
        self.trusted.append(LEDGER)
        times = Counter(one["mid"] for one in listed or ())
        for n, one in enumerate(listed or ()):
            place = f"/refused/{n}"
            if not self.spec.errors.get(one["code"], {}).get("counted"):
                self._differ(
                    f"{place}/code", "VRM-LED-001", one["code"], None, "the code is none that counts"
                )
            if one["type"] not in self.spec.types:
                self._differ(f"{place}/type", "VRM-LED-001", one["type"], None, "there is no such type")
            if not self.view["opened_at"] <= one["at"] <= self.at:
                why = "it lies before the relationship or after the view"
                self._differ(f"{place}/at", "VRM-LED-001", one["at"], None, why)
            if times[one["mid"]] > 1:
                self._differ(f"{place}/mid", "VRM-LED-004", one["mid"], None, "it is listed more than once")
        ordered = [one["at"] for one in listed or ()]
        if ordered != sorted(ordered, reverse=True):
            self._differ("/refused", "VRM-STD-001", ordered, None, "the last is not listed first")


def _same(one: Any, other: Any, *, unordered: bool = False) -> bool:
    if unordered and isinstance(one, list) and isinstance(other, list):
        return sorted(map(str, one)) == sorted(map(str, other))
    return bool(one == other)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:197]}..."
