"""The terms flow as the prose of ``spec/protocol`` tells it: a second, independent account of it.

Nothing of the library is imported, and no table is read. A pair of parties has one log of what was taken
between them; :func:`fold` makes of the log and a time what each of its threads is. :class:`Model` holds the
pairs of a home, judges an act in the order of checks, and takes it.

What bytes can tell and prose cannot (does the signature verify, is the body valid against its schema) comes
with the :class:`Act` as a flaw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DAY = 86400
SKEW = 60
LONGEST_LIFE = DAY
LONGEST_ANSWER = 30 * DAY
PROOF_LIFE = DAY

OPENING = "terms.proffer"
ROTATION = "agent.rotate"
EXIT = "agreement.terminate"

# terms.md and the descriptions of the types: state, who, what, and the state that follows.
MOVES: dict[tuple[str, str, str], str] = {
    ("proffered", "second", "terms.accept"): "agreed",
    ("proffered", "second", "terms.alternative"): "countered",
    ("proffered", "second", "terms.reject"): "rejected",
    ("proffered", "first", "terms.withdraw"): "withdrawn",
    ("countered", "first", "terms.accept"): "agreed",
    ("countered", "first", "terms.reject"): "rejected",
    ("countered", "first", "terms.withdraw"): "withdrawn",
    ("agreed", "first", ROTATION): "agreed",
    ("agreed", "first", EXIT): "terminated",
    ("agreed", "second", EXIT): "terminated",
}
AFTER_DEADLINE = {"proffered": "expired", "countered": "expired", "agreed": "ended"}
NEEDS_HEAD = ("terms.accept", "terms.alternative")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Proof:
    """What a vrm-proof+jwt says, and whether the key of its ``iss`` signed it."""

    iss: str
    sub: str
    aud: str
    home: str
    thid: str
    iat: int
    signed: bool = True


@dataclass(frozen=True)
class Act:
    """A message on its way in. ``flaws``: home, signature, type, body."""

    mid: str
    type: str
    iss: str
    aud: str
    iat: int
    exp: int
    body: Json
    thid: str | None = None
    prev: str | None = None
    pthid: str | None = None
    agr: str | None = None
    kid: str = ""
    proof: Proof | None = None
    flaws: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fact:
    """One message that was taken."""

    thid: str
    seq: int
    mid: str
    type: str
    role: str
    body: Json
    at: int


@dataclass(frozen=True)
class Verdict:
    """``codes`` are those that a home may answer: several only where two rules of one check are broken."""

    status: int
    codes: frozenset[str] = frozenset()
    state: str = ""
    seq: int = 0
    prior: str | None = None
    head: str = ""

    @property
    def taken(self) -> bool:
        return self.status == 202


@dataclass
class View:
    """A thread at one time."""

    thid: str
    state: str = ""
    deadline: int | None = None
    seq: int = 0
    head: str = ""
    mids: list[str] = field(default_factory=list)
    offer: str = ""
    roster: Json = field(default_factory=dict)
    offered: list[Json] = field(default_factory=list)
    ends: int | None = None
    record: str = ""
    agreement_class: str = ""
    late: set[str] = field(default_factory=set)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


def optional_moment(text: str | None) -> int | None:
    return None if text is None else moment(text)


class Roster:
    """The agreements that a home holds: (id, version) to digest and class."""

    def __init__(self, roster: Json, agreements: Mapping[tuple[str, str], tuple[str, str]]) -> None:
        self.reference = dict(roster)
        self.agreements = agreements

    def class_of(self, reference: Json) -> str:
        return self.agreements[reference["id"], reference["version"]][1]

    def faults(self, roster: Json, references: Iterable[Json]) -> frozenset[str]:
        """VRM-TRM-001, VRM-TRM-006 and VRM-TRM-002."""
        if dict(roster) != self.reference:
            return frozenset({"roster-unknown"})
        found = set()
        for reference in references:
            known = self.agreements.get((reference["id"], reference["version"]))
            if known is None:
                found.add("roster-unknown")
            elif known[0] != reference["digest"]:
                found.add("agreement-mismatch")
        return frozenset(found)


def fold(log: Sequence[Fact], now: int, roster: Roster) -> dict[str, View]:
    """state = fold(the pair's log, now)."""
    views: dict[str, View] = {}
    for fact in log:
        _elapse(views, fact.at)
        _enter(views, fact, roster)
    _elapse(views, now)
    return views


def _elapse(views: Mapping[str, View], now: int) -> None:
    """A deadline has passed from the second that it names."""
    for view in views.values():
        if view.deadline is not None and view.deadline <= now:
            view.late.add(view.state)
            view.state, view.deadline = AFTER_DEADLINE[view.state], None


def _enter(views: dict[str, View], fact: Fact, roster: Roster) -> None:
    view = views.setdefault(fact.thid, View(fact.thid))
    body = fact.body
    view.seq, view.head, view.late = fact.seq, fact.mid, set()
    view.mids.append(fact.mid)
    if fact.type == OPENING:
        view.state = "proffered"
        view.roster = body["roster"]
        view.offered = [body["preferred"], *body.get("acceptable", ())]
        view.offer, view.ends = fact.mid, optional_moment(body.get("ends"))
        view.deadline = moment(body["answer_by"])
        return
    state = view.state = MOVES[view.state, fact.role, fact.type]
    if fact.type == ROTATION:
        return  # nothing of the thread but its first party is another
    if state == "countered":
        view.offered = [body["agreement"]]
        view.offer, view.ends = fact.mid, optional_moment(body.get("ends"))
        view.deadline = moment(body["answer_by"])
    elif state == "agreed":
        view.deadline = view.ends
        view.record = fact.mid
        view.agreement_class = roster.class_of(body["agreement"])
        for other in views.values():
            same = other.agreement_class == view.agreement_class
            if other is not view and other.state == "agreed" and same:
                other.state, other.deadline = "superseded", None
    else:
        view.deadline = None


def committed(log: Sequence[Fact]) -> str | None:
    """The next key that the last rotation between the two named, if it named one."""
    rotations = [fact for fact in log if fact.type == ROTATION]
    return rotations[-1].body.get("nkt") if rotations else None


def no(*codes: str) -> Verdict:
    return Verdict(0, frozenset(codes))


class Model:
    """A home: the logs of its pairs, who is known here, and what lies in whose inbox."""

    def __init__(self, home: str, roster: Roster, inbox: int) -> None:
        self.home = home
        self.roster = roster
        self.limit = inbox
        self.pairs: dict[tuple[str, str], list[Fact]] = {}
        self.noted: set[str] = set()
        self.inboxes: dict[str, dict[str, int]] = {}
        self.given: dict[str, Verdict] = {}

    # --- what there is --------------------------------------------------------------------------

    def pair_of(self, thid: str) -> tuple[str, str] | None:
        for pair, log in self.pairs.items():
            if any(fact.thid == thid for fact in log):
                return pair
        return None

    def views(self, now: int) -> dict[str, tuple[tuple[str, str], View]]:
        """Every thread with its pair."""
        return {
            thid: (pair, view)
            for pair, log in self.pairs.items()
            for thid, view in fold(log, now, self.roster).items()
        }

    def known(self, party: str) -> bool:
        return party in self.noted or any(party in pair for pair in self.pairs)

    def inbox(self, party: str) -> list[str]:
        found = self.inboxes.get(party, {})
        return sorted(found, key=found.__getitem__)

    # --- requests -------------------------------------------------------------------------------

    def acknowledge(self, party: str, mids: Iterable[str]) -> None:
        self.noted.add(party)
        for mid in mids:
            self.inboxes.get(party, {}).pop(mid, None)

    # --- messages: the order of checks ----------------------------------------------------------

    def judge(self, act: Act, now: int) -> Verdict:
        if act.iss == act.aud:
            return no("claim-invalid")
        if "home" in act.flaws:
            return no("wrong-home")
        if act.mid in self.given:
            return no("signature-invalid") if "signature" in act.flaws else self.given[act.mid]
        if not self.known(act.aud):
            return no("addressee-unknown")
        if late := self._time(act, now):
            return no(*late)
        for flaw, code in (
            ("signature", "signature-invalid"),
            ("type", "type-unknown"),
            ("body", "body-invalid"),
        ):
            if flaw in act.flaws:
                return no(code)
        return self._judge_opening(act, now) if act.thid is None else self._judge_next(act, now)

    def _time(self, act: Act, now: int) -> list[str]:
        found = []
        if act.exp + SKEW <= now:
            found.append("expired")
        if act.iat - SKEW > now:
            found.append("not-yet-valid")
        if not act.iat < act.exp <= act.iat + LONGEST_LIFE:
            found.append("lifetime-too-long")
        return found

    def _judge_opening(self, act: Act, now: int) -> Verdict:
        if act.type != OPENING:
            return no("thread-missing")
        if unknown := self._related(act, now):
            return no(unknown)
        if act.agr is not None:
            return no("claim-unknown")
        body = act.body
        named = [body["preferred"], *body.get("acceptable", ())]
        if faults := self.roster.faults(body["roster"], named):
            return no(*faults)
        if not self._dates_right(body, now):
            return no("deadline-invalid")
        return self._place(act, Verdict(202, state="proffered", seq=1))

    def _judge_next(self, act: Act, now: int) -> Verdict:
        pair = self.pair_of(act.thid or "")
        sender = act.body["replaces"] if act.type == ROTATION else act.iss
        if pair is None or sender not in pair:
            return no("thread-unknown")
        if act.type == ROTATION and not self._may_rotate(act, pair, now):
            return no("thread-unknown")
        if unknown := self._related(act, now):
            return no(unknown)
        role = "first" if sender == pair[0] else "second"
        other = "second" if role == "first" else "first"
        if act.aud != pair[1 if role == "first" else 0]:
            return no("aud-mismatch")
        view = fold(self.pairs[pair], now, self.roster)[act.thid or ""]
        state = MOVES.get((view.state, role, act.type))
        if state is None:
            if any((left, role, act.type) in MOVES for left in view.late):
                return no("deadline-passed")
            return no("role-forbidden" if (view.state, other, act.type) in MOVES else "state-conflict")
        if act.agr is not None:
            return no("claim-unknown")
        if not (act.type == EXIT and role == "first"):
            if act.prev not in view.mids:
                return no("prev-unknown")
            if act.type in NEEDS_HEAD and act.prev != view.head:
                return Verdict(0, frozenset({"prev-stale"}), head=view.head, seq=view.seq)
        if fault := self._guards(act, view, now):
            return no(*fault)
        return self._place(act, Verdict(202, state=state, seq=view.seq + 1, prior=view.head))

    def _related(self, act: Act, now: int) -> str:
        """No thread of terms has a parent; an agreement is the sender's or does not exist for her."""
        if act.pthid is not None:
            return "parent-unknown"
        if act.agr is not None:
            own = (view.record for pair, view in self.views(now).values() if act.iss in pair)
            if act.agr not in own:
                return "agreement-unknown"
        return ""

    def _dates_right(self, body: Json, now: int) -> bool:
        answer_by, ends = moment(body["answer_by"]), optional_moment(body.get("ends"))
        return now < answer_by <= now + LONGEST_ANSWER and (ends is None or ends > answer_by)

    def _guards(self, act: Act, view: View, now: int) -> frozenset[str]:
        body = act.body
        if act.type == "terms.accept":
            right = body["accepts"] == view.offer and body["agreement"] in view.offered
            return frozenset() if right else frozenset({"terms-not-offered"})
        if act.type == "terms.alternative":
            if faults := self.roster.faults(view.roster, [body["agreement"]]):
                return faults
            name = (body["agreement"]["id"], body["agreement"]["version"])
            listed = name in [(a["id"], a["version"]) for a in view.offered]
            if body["alternative_to"] != view.offer or listed:
                return frozenset({"alternative-not-new"})
            return frozenset() if self._dates_right(body, now) else frozenset({"deadline-invalid"})
        return frozenset()

    def _may_rotate(self, act: Act, pair: tuple[str, str], now: int) -> bool:
        """Asked before anything tells that the thread is there."""
        if (act.iss, pair[1]) in self.pairs:
            return False
        key = committed(self.pairs[pair])
        if key is not None:
            return act.kid == key
        p = act.proof
        if p is None or not p.signed:
            return False
        says = (p.iss, p.sub, p.aud, p.home, p.thid)
        counts = p.iat - SKEW <= now < p.iat + PROOF_LIFE
        return counts and says == (act.body["replaces"], act.iss, pair[1], self.home, act.thid)

    def _place(self, act: Act, verdict: Verdict) -> Verdict:
        """VRM-HOM-024, after everything else."""
        full = len(self.inboxes.get(act.aud, {})) >= self.limit
        return no("inbox-full") if full and act.type != EXIT else verdict

    # --- what an accepted message does ----------------------------------------------------------

    def take(self, act: Act, verdict: Verdict, now: int) -> None:
        thid = act.thid or act.mid
        pair = self.pair_of(thid) or (act.iss, act.aud)
        sender = act.body["replaces"] if act.type == ROTATION else act.iss
        role = "first" if sender == pair[0] else "second"
        log = self.pairs.setdefault(pair, [])
        log.append(Fact(thid, verdict.seq, act.mid, act.type, role, act.body, now))
        if act.type == ROTATION:
            self._rebind(pair, act.iss)
        self.inboxes.setdefault(act.aud, {})[act.mid] = len(self.given)
        self.given[act.mid] = Verdict(200, state=verdict.state, seq=verdict.seq, prior=verdict.prior)

    def _rebind(self, pair: tuple[str, str], new: str) -> None:
        old, second = pair
        log = self.pairs[new, second] = self.pairs.pop(pair)
        mine = {fact.mid for fact in log}
        inbox = self.inboxes.get(old, {})
        for mid in mine & inbox.keys():
            self.inboxes.setdefault(new, {})[mid] = inbox.pop(mid)
        self.noted.add(old)  # VRM-ID-025 has an answer of its own for it
