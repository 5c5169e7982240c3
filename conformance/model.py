"""The threads of a home as the prose of ``spec/protocol`` tells them: a second, independent account of them.

Nothing of the library is imported, and no table is read. A :class:`World` is all threads at one time. It is
played forward: what time does, it does in the order in which it happens, and a message does to every thread
what it does in the second in which it was taken. ``conformance/model_home.py`` judges what comes in.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance import model_below as below
from conformance import model_relating as relating
from conformance.model_relating import ATTESTED, RELATIONSHIPS, Rungs

DAY = 86400

PROFFER = "terms.proffer"
PUBLISH = "intent.publish"
OFFER = "offer.make"
ROTATION = "agent.rotate"
INTRODUCTION = "agent.introduce"
EXIT = "agreement.terminate"
ATTEST = "purge.attest"
FEEDBACK = "feedback.submit"
RETRACTION = "feedback.retract"
DISPUTE = "dispute.open"
CLOSE = "dispute.close"

OPENS = {
    PROFFER: "terms",
    PUBLISH: "intent",
    OFFER: "offer",
    FEEDBACK: "feedback",
    DISPUTE: "dispute",
    relating.OPEN: "relationship",
    below.REQUEST: "consent",
    below.WORD: "dialogue",
    below.ASK: "data",
    below.SHARE: "data",
    below.REPORT: "data",
    below.SUBMIT: "correction",
}
STARTS = {
    "terms": "proffered",
    "intent": "open",
    "offer": "offered",
    "feedback": "submitted",
    "relationship": "open",
}
"""Of a dispute it depends on who opens it."""
MARKET = ("intent", "offer")
"""The kinds of what happens on a board."""

ENDED_OFFER = ("withdrawn", "declined", "lapsed", "cancelled", "fulfilled")
OWES_PURGE = (*ENDED_OFFER, "purge-overdue")
LIVE_TERMS = ("proffered", "countered", "agreed")
LIVE_INTENT = ("open", "paused")
LIVE_OFFER = ("offered", "accepted", "confirmed")
BOUND_OFFER = ("accepted", "confirmed")
TOLD = ("submitted", "acknowledged", "answered")
DISPUTED = ("open", "claimed")

Moves = dict[tuple[str, str, str], str]

# What the pages of the kinds and the descriptions of the types say: state, who, what, and the state after it.
TERMS: Moves = {
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
INTENTS: Moves = {
    ("open", "first", "intent.pause"): "paused",
    ("paused", "first", "intent.resume"): "open",
    **{(state, "first", "intent.amend"): state for state in LIVE_INTENT},
    **{(state, "first", "intent.close"): "closed" for state in LIVE_INTENT},
    **{(state, "first", "intent.withdraw"): "withdrawn" for state in LIVE_INTENT},
}
OFFERS: Moves = {
    ("offered", "second", "offer.revise"): "offered",
    ("offered", "second", "offer.withdraw"): "withdrawn",
    ("offered", "first", "offer.accept"): "accepted",
    ("offered", "first", "offer.decline"): "declined",
    ("accepted", "second", "offer.confirm"): "confirmed",
    ("confirmed", "second", "order.fulfil"): "fulfilled",
    **{(state, role, "offer.message"): state for state in LIVE_OFFER for role in ("first", "second")},
    **{(state, role, "offer.cancel"): "cancelled" for state in BOUND_OFFER for role in ("first", "second")},
    **{(state, "first", "disclosure.release"): state for state in BOUND_OFFER},
    **{(state, "first", INTRODUCTION): state for state in BOUND_OFFER},
    **{(state, "second", ATTEST): "purged" for state in OWES_PURGE},
}
FEEDBACKS: Moves = {
    ("submitted", "second", "feedback.acknowledge"): "acknowledged",
    **{(state, "second", "feedback.outcome"): "answered" for state in TOLD},
    **{(state, "first", RETRACTION): "retracted" for state in TOLD},
}
DISPUTES: Moves = {
    **{(state, role, "dispute.note"): state for state in DISPUTED for role in ("first", "second")},
    **{(state, "first", CLOSE): "closed" for state in DISPUTED},
    ("claimed", "second", CLOSE): "closed",
}
MOVES: dict[str, Moves] = {
    "terms": TERMS,
    "intent": INTENTS,
    "offer": OFFERS,
    "feedback": FEEDBACKS,
    "dispute": DISPUTES,
    "relationship": RELATIONSHIPS,
    **below.KINDS,
}
TYPES = {kind: sorted({type_ for _, _, type_ in moves}) for kind, moves in MOVES.items()}

AFTER_DEADLINE: dict[str, dict[str, str]] = {
    "terms": {"proffered": "expired", "countered": "expired", "agreed": "ended"},
    "intent": dict.fromkeys(LIVE_INTENT, "expired"),
    "offer": {
        "offered": "lapsed",
        "accepted": "lapsed",
        **dict.fromkeys(ENDED_OFFER, "purge-overdue"),
    },
    "feedback": {},
    "dispute": {},
    "relationship": {"invited": "open", "ended": "attest-overdue"},
    **below.AFTER_DEADLINE,
}
# What binds or replaces as a whole has to have seen everything before it.
NEEDS_HEAD = (
    "terms.accept",
    "terms.alternative",
    "intent.amend",
    "offer.revise",
    "offer.accept",
    "offer.confirm",
    INTRODUCTION,
    relating.STEP,
    *below.NEEDS_HEAD,
)
EXITS = (EXIT, "intent.withdraw", RETRACTION, CLOSE, relating.RETREAT, relating.END, *below.EXITS)
"""Of the first party, who alone sends most of them."""
DUTIES = (ATTEST, ATTESTED, *below.DUTIES)
PURGES = (ATTEST, ATTESTED)
"""After these the second party reads tombstones."""

Json = Mapping[str, Any]
Pair = tuple[str, str]


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

    @property
    def sender(self) -> str:
        """Whose role it has: a rotation is signed by the key to come."""
        return str(self.body["replaces"]) if self.type == ROTATION else self.iss


@dataclass
class View:
    """A thread at one time. ``second`` of an intent is its board, which is no party."""

    thid: str
    kind: str
    first: str
    second: str
    state: str = ""
    deadline: int | None = None
    entered: int = 0
    """When the state was entered, or a message left it as it was."""
    seq: int = 0
    head: str = ""
    mids: list[str] = field(default_factory=list)
    late: frozenset[str] = frozenset()
    record: str = ""
    proof: list[str] = field(default_factory=list)
    """The mids that the record holds."""
    rotated: str = ""
    """The rotation of the pair before this, in which the key of the next one may have been committed."""
    rotated_place: int = 0
    """Where the record holds it, if there is a next one."""
    rebindings: list[str] = field(default_factory=list)
    """Those of them that have rebound the first party, or committed to the key that did."""
    opener: str = ""
    """Who was the first party at first."""
    files: dict[str, int] = field(default_factory=dict)
    """Digest and size of the blobs that its messages refer to."""
    refers: dict[str, set[str]] = field(default_factory=dict)
    """Message to the digests of the blobs that it refers to."""
    causes: list[tuple[str, str, int]] = field(default_factory=list)
    """What moved it without a message of its own: the state that was left, the cause, and ``seq`` then."""
    # terms
    offer: str = ""
    roster: Json = field(default_factory=dict)
    offered: list[Json] = field(default_factory=list)
    ends: int | None = None
    agreement_class: str = ""
    # an intent
    published: Json = field(default_factory=dict)
    version: int = 0
    rules: Json = field(default_factory=dict)
    removed: str = ""
    # an offer
    intent: str = ""
    standing: str = ""
    """The last offer.make or offer.revise."""
    purge_within: str = ""
    fulfilled: bool = False
    agreement: Json = field(default_factory=dict)
    """Of terms and of offers: what was agreed."""
    # a relationship
    ladder: str = ""
    stage: str = ""
    """The rung she has gone to; '' is the lowest."""
    preferences: Json = field(default_factory=dict)
    invited: str = ""
    said: list[int] = field(default_factory=list)
    """When invitations were taken."""
    declined: dict[str, list[int]] = field(default_factory=dict)
    # what is below a relationship
    agr: str = ""
    asked: list[str] = field(default_factory=list)
    """Purposes."""
    granted: list[str] = field(default_factory=list)
    fields: dict[str, Json] = field(default_factory=dict)
    """Message to its fields, where they are in clear."""
    erased: int = 0
    """So many messages were taken before the attestation that has erased them (VRM-REL-016)."""
    # and a dispute
    parent: str = ""
    named: list[str] = field(default_factory=list)
    """The messages of its parent that its first message names."""

    @property
    def parties(self) -> tuple[str, ...]:
        """Who may write in it."""
        return (self.first,) if self.kind == "intent" else (self.first, self.second)

    @property
    def pair(self) -> Pair:
        """The first party and the second."""
        return self.first, self.second

    def copy(self) -> View:
        """Another view, as it is now. Made for every thread at every message, so it is made quickly."""
        made = copy(self)
        made.mids, made.proof, made.rebindings = [*self.mids], [*self.proof], [*self.rebindings]
        made.files, made.causes, made.refers = {**self.files}, [*self.causes], {**self.refers}
        made.said, made.asked, made.granted = [*self.said], [*self.asked], [*self.granted]
        made.declined = {stage: [*times] for stage, times in self.declined.items()}
        made.fields = {**self.fields}
        return made


def moment(text: str) -> int:
    """The second that a time names."""
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


def optional_moment(text: str | None) -> int | None:
    """The same of a member that may be absent."""
    return None if text is None else moment(text)


PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def later(start: int, duration: str) -> int:
    """Months and years are those of the calendar, a day is 24 hours."""
    found = PERIOD.fullmatch(duration)
    assert found is not None
    years, months, weeks, days, hours, minutes, seconds = (int(n or 0) for n in found.groups())
    then = datetime.fromtimestamp(start, UTC)
    count = then.year * 12 + then.month - 1 + years * 12 + months
    year, month = count // 12, count % 12 + 1
    then = then.replace(year=year, month=month, day=min(then.day, calendar.monthrange(year, month)[1]))
    then += timedelta(days=weeks * 7 + days, hours=hours, minutes=minutes, seconds=seconds)
    return int(then.timestamp())


def files_of(act: Act) -> list[Json]:
    """The references to blobs in a body."""
    need, content = act.body.get("need", {}), act.body.get("content", {})
    found = [*need.get("media", ()), *act.body.get("media", ())]
    return [*found, content["ref"]] if "ref" in content else found


class Roster:
    """The agreements that a home holds: (id, version) to digest and class."""

    def __init__(
        self, roster: Json, agreements: Mapping[tuple[str, str], tuple[str, str]], rungs: Rungs | None = None
    ) -> None:
        self.reference = dict(roster)
        self.rungs = rungs or Rungs()
        self.agreements = agreements

    def class_of(self, reference: Json) -> str:
        """The class of an agreement that is on the roster."""
        return self.agreements[reference["id"], reference["version"]][1]

    def fault(self, roster: Json, references: Iterable[Json], rule: str = "VRM-TRM-001") -> tuple[str, str]:
        """VRM-TRM-001, VRM-TRM-006 and VRM-TRM-002: one agreement after the other."""
        if dict(roster) != self.reference:
            return "roster-unknown", rule
        for reference in references:
            known = self.agreements.get((reference["id"], reference["version"]))
            if known is None:
                return "roster-unknown", rule
            if known[0] != reference["digest"]:
                return "agreement-mismatch", "VRM-TRM-002"
        return "", ""


class World:
    """All threads of a home as they are at one time, in the order in which they were opened."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.views: dict[str, View] = {}
        self.committed: dict[Pair, str | None] = {}
        self.rotations: dict[Pair, str] = {}
        self.moves = 0
        """How often something was done to it, apart from time."""

    def at(self, now: int) -> World:
        """The same threads at a later time."""
        found = World(self.roster)
        found.views = {thid: view.copy() for thid, view in self.views.items()}
        found.committed, found.rotations = {**self.committed}, {**self.rotations}
        found.advance(now)
        return found

    # --- what is asked ----------------------------------------------------------------------------

    def offers(self, intent: str) -> list[View]:
        """All that were ever made on it."""
        return [view for view in self.views.values() if view.kind == "offer" and view.intent == intent]

    def held(self, intent: str) -> int:
        """The places that are held."""
        return len([view for view in self.offers(intent) if view.state == "accepted"])

    def filled(self, intent: str) -> int:
        """The places that are filled."""
        return len([view for view in self.offers(intent) if view.state == "confirmed" or view.fulfilled])

    def disputed(self, view: View) -> set[str]:
        """VRM-DSP-005: the messages of a thread that disputes hold, but for what has purged it."""
        below = [v for v in self.views.values() if v.kind == "dispute" and v.parent == view.thid]
        return {mid for v in below if v.state == "open" for mid in v.named} - {view.head}

    def erased_with(self, view: View) -> list[View]:
        """VRM-REL-016: dialogues and data threads below a relationship, and corrections below those."""
        below = [v for v in self.views.values() if v.parent == view.thid and v.kind in ("dialogue", "data")]
        data = {v.thid for v in below}
        return [*below, *(v for v in self.views.values() if v.kind == "correction" and v.parent in data)]

    def of_pair(self, pair: Pair) -> list[View]:
        """The threads of two parties."""
        return [view for view in self.views.values() if view.kind != "intent" and view.pair == pair]

    # --- time -------------------------------------------------------------------------------------

    def advance(self, now: int) -> None:
        """A deadline has passed from the second that it names; of one second the deadlines come first."""
        while True:
            due = [v for v in self.views.values() if v.deadline is not None and v.deadline <= now]
            if not due:
                return
            at = min(view.deadline or 0 for view in due)
            passing = [view for view in due if view.deadline == at]
            for view in passing:
                view.late |= {view.state}
                view.causes.append((view.state, "deadline", view.seq))
                self.enter(view, AFTER_DEADLINE[view.kind][view.state], at)
            for view in passing:
                if view.kind == "intent":
                    self.lapse(view.thid, at)
            below.settle(self, at)

    def enter(self, view: View, state: str, at: int, deadline: int | None = None) -> None:
        """A state is entered at a time; one in which a purge is owed brings its deadline along."""
        view.state, view.deadline, view.entered = state, deadline, at
        if view.kind == "offer" and state in ENDED_OFFER:
            view.deadline = later(at, view.purge_within)
            view.fulfilled = state == "fulfilled"

    def lapse(self, intent: str, at: int, cause: str = "orphaned") -> None:
        """The intent has ended or is filled."""
        for view in self.offers(intent):
            if view.state == "offered":
                view.causes.append((view.state, cause, view.seq))
                self.enter(view, "lapsed", at)

    def fill(self, intent: View, at: int) -> None:
        """What a confirmation or an amendment may have done; what lapses then stays so."""
        if self.filled(intent.thid) >= intent.rules["accepts"]:
            self.lapse(intent.thid, at, "filled")

    def remove(self, thid: str, code: str, now: int) -> str | None:
        """The operator takes it off its board; its first party, or None where it does not stand there."""
        self.advance(now)
        self.moves += 1
        view = self.views.get(thid)
        if view is None or view.kind != "intent" or view.state not in LIVE_INTENT:
            return None
        view.removed = code
        view.causes.append((view.state, "removed", view.seq))
        self.enter(view, "removed", now)
        self.lapse(thid, now)
        below.settle(self, now)
        return view.first

    # --- messages ---------------------------------------------------------------------------------

    def take(self, act: Act, now: int) -> View:
        """An accepted message."""
        self.advance(now)
        self.moves += 1
        view = self.open(act) if act.thid is None else self.views[act.thid]
        state = self.next_state(view, act)
        view.seq, view.head, view.late = view.seq + 1, act.mid, frozenset()
        view.mids.append(act.mid)
        view.files |= {ref["sha256"]: ref["size"] for ref in files_of(act)}
        view.refers[act.mid] = {ref["sha256"] for ref in files_of(act)}
        if view.kind == "terms":
            self.take_terms(view, act, state, now)
        elif view.kind == "intent":
            self.take_intent(view, act, state, now)
        elif view.kind == "offer":
            self.take_offer(view, act, state, now)
        elif view.kind == "relationship":
            self.take_relating(view, act, state, now)
        elif view.kind in below.KINDS:
            self.take_below(view, act, state, now)
        else:
            self.enter(view, state, now)
        below.settle(self, now)
        if act.type in (PROFFER, OFFER, INTRODUCTION):
            view.rotated = self.rotations.get(view.pair, "")
            view.rotated_place = len(view.proof)
        return view

    def open(self, act: Act) -> View:
        """A message opens a thread."""
        kind = OPENS[act.type]
        first, second = (act.aud, act.iss) if kind == "offer" else (act.iss, act.aud)
        if kind == "dispute" or kind in below.KINDS:
            first, second = self.views[act.pthid or ""].pair
        view = self.views[act.mid] = View(act.mid, kind, first, second, opener=first)
        if kind == "dispute":
            view.parent, view.named = act.pthid or "", list(act.body.get("messages", ()))
        if kind in below.KINDS:
            view.parent, view.agr = act.pthid or "", act.agr or ""
        return view

    def next_state(self, view: View, act: Act) -> str:
        """The state after a message."""
        if view.kind == "dispute" and act.thid is None:
            return "open" if act.iss == view.first else "claimed"
        if act.thid is None:
            return below.STARTS.get(act.type) or STARTS[view.kind]
        return MOVES[view.kind][view.state, "first" if act.sender == view.first else "second", act.type]

    def take_terms(self, view: View, act: Act, state: str, now: int) -> None:
        """A message of terms."""
        body = act.body
        if act.type == ROTATION:
            self.rotate(view, act)
            return
        deadline = None
        if state in ("proffered", "countered"):
            if act.type == PROFFER:
                view.roster = body["roster"]
                view.offered = [body["preferred"], *body.get("acceptable", ())]
            else:
                view.offered = [body["agreement"]]
            view.offer, view.ends = act.mid, optional_moment(body.get("ends"))
            deadline = moment(body["answer_by"])
            view.proof.append(act.mid)
        if state == "agreed":
            deadline = view.ends
            view.record = act.mid
            view.agreement = body["agreement"]
            view.agreement_class = self.roster.class_of(body["agreement"])
            view.proof.append(act.mid)
            for other in self.of_pair(view.pair):
                same = other.agreement_class == view.agreement_class
                if (other.kind, other.state) == ("terms", "agreed") and same:
                    other.causes.append((other.state, "superseded", other.seq))
                    self.enter(other, "superseded", now)
        self.enter(view, state, now, deadline)

    def take_intent(self, view: View, act: Act, state: str, now: int) -> None:
        """A message of an intent."""
        deadline = view.deadline if state in LIVE_INTENT else None
        if act.type in (PUBLISH, "intent.amend"):
            view.published = view.published or act.body
            view.version, view.rules = act.body["version"], act.body["offer_rules"]
            deadline = moment(act.body["until"])
        self.enter(view, state, now, deadline)
        if state not in LIVE_INTENT:
            self.lapse(view.thid, now)
        elif act.type == "intent.amend":
            self.fill(view, now)

    def take_offer(self, view: View, act: Act, state: str, now: int) -> None:
        """A message of an offer."""
        deadline = view.deadline if state == view.state else None
        if act.type == OFFER:
            view.intent = act.pthid or ""
            view.purge_within = self.views[view.intent].published["purge_within"]
            view.record = act.mid
            view.agreement = act.body["agreement"]
            view.proof = [view.intent, act.mid]
        if act.type in (OFFER, "offer.revise"):
            view.standing = act.mid
            deadline = moment(act.body["valid_until"])
        if act.type == "offer.accept":
            deadline = moment(act.body["confirm_by"])
        if act.type == INTRODUCTION:
            view.first = act.body["id"]
            view.proof.append(act.mid)
            view.rebindings.append(act.mid)
        self.enter(view, state, now, deadline)
        if act.type == "offer.confirm":
            self.fill(self.views[view.intent], now)

    def take_relating(self, view: View, act: Act, state: str, now: int) -> None:
        """A message of a relationship."""
        if act.type == ROTATION:
            self.rotate(view, act)
            return
        deadline = view.deadline if state == view.state else None
        if act.type == relating.INVITE:
            deadline = moment(act.body["answer_by"])
        if act.type == relating.END:
            deadline = later(now, act.body.get("attest_within", "P1M"))
        relating.take(self, view, act, now)
        self.enter(view, state, now, deadline)

    def take_below(self, view: View, act: Act, state: str, now: int) -> None:
        """A message below a relationship."""
        deadline = view.deadline if state == view.state else None
        for name in ("answer_by", "valid_until"):
            if name in act.body:
                deadline = moment(act.body[name])
        self.enter(view, state, now, deadline)
        below.take(self, view, act, "first" if act.sender == view.first else "second", now)

    def rotate(self, view: View, act: Act) -> None:
        """Every thread of the pair."""
        old, new = view.pair, (act.iss, view.second)
        for other in self.of_pair(old):
            other.first = act.iss
            if other.rotated:
                other.proof.insert(other.rotated_place, other.rotated)
                other.rebindings.append(other.rotated)
                other.rotated = ""
            other.proof.append(act.mid)
            other.rebindings.append(act.mid)
        self.committed.pop(old, None)
        self.rotations.pop(old, None)
        self.committed[new] = act.body.get("nkt")
        self.rotations[new] = act.mid
