"""A home as the prose tells it: what it answers to a message, whom it tells, and what it lets read.

Nothing of the library is imported. What bytes can tell and prose cannot (does the signature verify, is the
body valid against its schema) comes with the :class:`Act` as a flaw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance import model_below as below
from conformance import model_relating as relating
from conformance.model import (
    CLOSE,
    DAY,
    DISPUTE,
    DUTIES,
    EXITS,
    FEEDBACK,
    INTRODUCTION,
    MOVES,
    NEEDS_HEAD,
    OFFER,
    OPENS,
    PROFFER,
    PUBLISH,
    PURGES,
    ROTATION,
    STARTS,
    Act,
    Json,
    Roster,
    View,
    World,
    files_of,
    later,
    moment,
    optional_moment,
)

SKEW = 60
LONGEST_LIFE = DAY
LONGEST_ANSWER = 30 * DAY
PROOF_LIFE = DAY
BLOB_LIFE = 3600


@dataclass(frozen=True)
class Verdict:
    """``codes`` are those that a home may answer: several only where two rules of one check are broken.

    ``rule`` is the requirement that is broken; '' where the prose leaves open which one is named.
    """

    status: int
    codes: frozenset[str] = frozenset()
    rule: str = ""
    state: str = ""
    seq: int = 0
    prior: str | None = None
    head: str = ""

    @property
    def taken(self) -> bool:
        """Whether the message is taken, for the first time."""
        return self.status == 202


Fault = tuple[str, str]
RIGHT: Fault = ("", "")


def no(code: str, rule: str = "", *others: str) -> Verdict:
    """A refusal."""
    return Verdict(0, frozenset({code, *others}), rule)


class Model:
    """A home: its threads, who is known here, what lies in whose inbox, and who has put which file."""

    def __init__(
        self, home: str, roster: Roster, inbox: int, boards: Sequence[str] = (), blobs: str = ""
    ) -> None:
        self.home = home
        self.blobs = blobs or f"{home}/v1/blobs/"
        self.roster = roster
        self.limit = inbox
        self.boards = boards
        self.world = World(roster)
        self.noted: set[str] = set()
        self.inboxes: dict[str, dict[str, int]] = {}
        self.given: dict[str, Verdict] = {}
        self.notices: dict[str, list[str]] = {}
        self.files: dict[str, dict[str, tuple[int, int]]] = {}
        self._seen: tuple[World, int, int, World] | None = None

    # --- what there is --------------------------------------------------------------------------

    def at(self, now: int) -> World:
        """The threads of a time, the same ones until something is done to them: for reading alone."""
        key = self.world, self.world.moves, now
        if self._seen is None or self._seen[:3] != key:
            self._seen = (*key, self.world.at(now))
        return self._seen[3]

    def known(self, party: str) -> bool:
        """VRM-ENV-025."""
        if party in self.noted or party in self.boards:
            return True
        return any(party in view.parties for view in self.world.views.values())

    def inbox(self, party: str) -> list[str]:
        """The mids that wait for a party, in the order of receipt."""
        found = self.inboxes.get(party, {})
        return sorted(found, key=found.__getitem__)

    def readable(self, view: View, reader: str) -> bool:
        """A party's own thread, or one that stands on a board."""
        return reader in view.parties or (view.kind == "intent" and not view.removed)

    def tombstones(self, view: View, reader: str) -> set[str]:
        """VRM-OFR-025, VRM-REL-012 and VRM-REL-016."""
        if reader != view.second:
            return set()
        if view.state == "purged" or (view.kind, view.state) == ("relationship", "closed"):
            return set(view.mids) - {view.record} - self.world.disputed(view)
        return set(view.mids[: view.erased])

    def may_read(self, world: World, reader: str, digest: str, now: int) -> bool | None:
        """VRM-BLB-003, VRM-BLB-005 and VRM-BLB-006; None where they leave it open."""
        threads = [view for view in world.views.values() if digest in view.files]
        purged = [v for v in threads if v.second == reader and (v.state == "purged" or v.erased)]
        if any(self.readable(view, reader) for view in threads if view not in purged):
            return True
        if any(digest in view.refers.get(mid, ()) for view in purged for mid in world.disputed(view)):
            return True
        _, at = self.files.get(reader, {}).get(digest, (0, None))
        if at is None:
            return False
        if purged or (threads and at < now - BLOB_LIFE):
            return None
        return at >= now - BLOB_LIFE

    # --- requests and the operator --------------------------------------------------------------

    def acknowledge(self, party: str, mids: Iterable[str]) -> None:
        """A poll, which makes its sender known, and what its ``ack`` names."""
        self.noted.add(party)
        for mid in mids:
            self.inboxes.get(party, {}).pop(mid, None)
            if mid in self.notices.get(party, ()):
                self.notices[party].remove(mid)

    def put(self, party: str, digest: str, size: int, now: int) -> None:
        """A file is put."""
        self.files.setdefault(party, {})[digest] = (size, now)

    def remove(self, board: str, thid: str, code: str, now: int) -> str | None:
        """The operator takes a thread off its board; its first party."""
        view = self.world.views.get(thid)
        if view is None or view.second != board:
            return None
        first = self.world.remove(thid, code, now)
        if first is not None:
            self.notices.setdefault(first, []).append(thid)
        return first

    # --- messages: the order of checks ----------------------------------------------------------

    def judge(self, act: Act, now: int) -> Verdict:
        """What a home answers to a message at a time."""
        if act.iss == act.aud:
            return no("claim-invalid", "VRM-ENV-019")
        if "home" in act.flaws:
            return no("wrong-home", "VRM-ENV-021")
        if act.mid in self.given:
            if "signature" in act.flaws:
                return no("signature-invalid", "VRM-ENV-024")
            return self.given[act.mid]
        if not self.known(act.aud):
            return no("addressee-unknown", "VRM-ENV-025")
        if act.exp + SKEW <= now:
            return no("expired", "VRM-ENV-027")
        if act.iat - SKEW > now:
            return no("not-yet-valid", "VRM-ENV-028")
        if not act.iat < act.exp <= act.iat + LONGEST_LIFE:
            return no("lifetime-too-long", "VRM-ENV-029")
        for flaw, code, rule in (
            ("signature", "signature-invalid", "VRM-ENV-030"),
            ("type", "type-unknown", "VRM-ENV-034"),
            ("body", "body-invalid", "VRM-ENV-035"),
        ):
            if flaw in act.flaws:
                return no(code, rule)
        clear = act.body.get("content", {}).get("clear")
        if clear is not None and set(clear) != set(act.body["about"]["fields"]):
            return no("content-mismatch", "VRM-OFR-018")
        world = self.at(now)
        return self._opening(act, world, now) if act.thid is None else self._next(act, world, now)

    # --- opening a thread -----------------------------------------------------------------------

    def _opening(self, act: Act, world: World, now: int) -> Verdict:
        if act.type not in OPENS:
            return no("thread-missing", "VRM-THR-001")
        if act.type == DISPUTE:
            return self._open_dispute(act, world)
        if act.type == relating.OPEN:
            return self._open_relationship(act, world)
        if act.type in below.BELOW:
            return self._open_below(act, world, now)
        intent = world.views.get(act.pthid or "") if act.type == OFFER else None
        if act.pthid is not None and (intent is None or intent.kind != "intent"):
            return no("parent-unknown", "VRM-THR-009")
        if act.agr is not None and not self._own(world, act):
            return no("agreement-unknown", "VRM-THR-010")
        if (act.type == PUBLISH) != (act.aud in self.boards):
            known = intent is not None and act.iss != intent.first  # then VRM-THR-003 is broken too
            return no("aud-mismatch", "" if known else "VRM-INT-001")
        if intent is not None and act.iss == intent.first:
            return no("role-forbidden", "VRM-THR-004")
        if intent is not None and act.aud != intent.first:
            return no("aud-mismatch", "VRM-THR-003")
        if act.type == OFFER and intent is None:
            if act.agr is not None:
                return no("claim-missing", "", "claim-unknown")
            return no("claim-missing", "VRM-THR-007")
        if act.agr is not None:
            return no("claim-unknown", "VRM-THR-008")
        if intent is not None:
            fault = self._guard_make(act, world, intent, now)
        elif act.iss.startswith("did:jwk:"):
            guards = {PROFFER: self._guard_proffer, PUBLISH: self._guard_publish}
            fault = guards[act.type](act, now) if act.type != FEEDBACK else RIGHT
        else:
            fault = "person-required", "VRM-THR-024"
        if fault != RIGHT:
            return no(*fault)
        return self._deliver(act, Verdict(202, state=STARTS[OPENS[act.type]], seq=1))

    def _open_dispute(self, act: Act, world: World) -> Verdict:
        parent = world.views.get(act.pthid or "")
        if parent is not None and not (
            parent.record and parent.kind in relating.LIVE and act.iss in parent.parties
        ):
            parent = None
        if act.pthid is not None and parent is None:
            return no("parent-unknown", "VRM-THR-009")
        if act.agr is not None and not self._own(world, act):
            return no("agreement-unknown", "VRM-THR-010")
        if parent is None:
            return no("claim-missing", "VRM-THR-007")
        mine = act.iss == parent.first
        if act.aud != (parent.second if mine else parent.first):
            return no("aud-mismatch", "VRM-THR-003")
        if act.agr is not None:
            return no("claim-unknown", "VRM-THR-008")
        return self._deliver(act, Verdict(202, state="open" if mine else "claimed", seq=1))

    def _open_relationship(self, act: Act, world: World) -> Verdict:
        if act.pthid is not None:
            return no("parent-unknown", "VRM-THR-009")
        if act.agr is None:
            return no("claim-missing", "VRM-THR-007")
        about = relating.agreement(world, act)
        if about is None or act.iss not in about.parties:
            return no("agreement-unknown", "VRM-THR-010")
        mine = act.iss == about.first
        if act.aud != (about.second if mine else about.first):
            return no("aud-mismatch", "VRM-THR-003")
        if not mine:
            return no("role-forbidden", "VRM-THR-004")
        fault = relating.guard_open(world, act, about.first)
        if fault != RIGHT:
            return no(*fault)
        return self._deliver(act, Verdict(202, state="open", seq=1))

    def _open_below(self, act: Act, world: World, now: int) -> Verdict:
        """A consent, a dialogue, a data thread, or a correction."""
        corrects = act.type == below.SUBMIT
        parent = world.views.get(act.pthid or "")
        if parent is None or parent.kind != ("data" if corrects else "relationship"):
            parent = None
        if act.pthid is not None and (parent is None or act.iss not in parent.parties):
            return no("parent-unknown", "VRM-THR-009")
        if act.agr is not None and not self._own(world, act):
            return no("agreement-unknown", "VRM-THR-010")
        about = parent if corrects else relating.agreement(world, act)
        if about is None:
            return no("claim-missing", "VRM-THR-007")
        role = "first" if act.iss == about.first else "second"
        if act.aud != (about.second if role == "first" else about.first):
            return no("aud-mismatch", "VRM-THR-003")
        if role not in below.OPENERS[act.type]:
            return no("role-forbidden", "VRM-THR-004")
        if parent is None:
            return no("claim-missing", "VRM-THR-007")
        if corrects and act.agr is not None:
            return no("claim-unknown", "VRM-THR-008")
        if corrects:
            fault = below.guard_correction(world, act, parent)
        else:
            fault = below.guard_opening(world, act, parent, role, now, later)
        if fault == RIGHT:
            fault = self._last_guards(act, None, "answer_by" if "answer_by" in act.body else "", now)
        if fault != RIGHT:
            return no(*fault)
        return self._deliver(act, Verdict(202, state=below.STARTS[act.type], seq=1))

    def _own(self, world: World, act: Act) -> bool:
        """An agreement is the sender's or does not exist for her."""
        view = relating.agreement(world, act)
        return view is not None and act.iss in view.parties

    def _guard_proffer(self, act: Act, now: int) -> Fault:
        body = act.body
        fault = self.roster.fault(body["roster"], [body["preferred"], *body.get("acceptable", ())])
        return fault if fault != RIGHT else self._dates(body, now)

    def _guard_publish(self, act: Act, now: int) -> Fault:
        terms = act.body["terms"]
        fault = self.roster.fault(terms["roster"], [terms["preferred"], *terms.get("acceptable", ())])
        return fault if fault != RIGHT else self._last_guards(act, None, "until", now)

    def _guard_make(self, act: Act, world: World, intent: View, now: int) -> Fault:
        body, terms = act.body, intent.published["terms"]
        made = world.offers(intent.thid)
        if intent.state != "open":
            return "intent-not-open", "VRM-OFR-001"
        if world.filled(intent.thid) >= intent.rules["accepts"]:
            return "intent-not-open", "VRM-OFR-002"
        if body["version"] != intent.version:
            return "intent-stale", "VRM-OFR-003"
        if body["accepts"] != intent.thid:
            return "terms-not-offered", "VRM-OFR-004"
        if body["agreement"] not in [terms["preferred"], *terms.get("acceptable", ())]:
            return "terms-not-offered", "VRM-OFR-005"
        if len(made) >= intent.rules["offers"]:
            return "offer-limit", "VRM-OFR-006"
        if len([view for view in made if view.second == act.iss]) >= intent.rules["per_vendor"]:
            return "offer-limit", "VRM-OFR-007"
        return self._guard_offered(act, None, intent, now)

    def _guard_offered(self, act: Act, view: View | None, intent: View, now: int) -> Fault:
        """What a revision has to keep too."""
        total = act.body["total"]["currency"]
        taken = intent.rules.get("currencies", [])
        for currency in [total, *(item["price"]["currency"] for item in act.body["items"])]:
            if taken and currency not in taken:
                return "currency-not-allowed", "VRM-OFR-008"
            if currency != total:
                return "currency-not-allowed", "VRM-OFR-009"
        if act.iss.startswith("did:jwk:") and not intent.rules["unverified"]:
            return "vendor-unverified", "VRM-OFR-010"
        return self._last_guards(act, view, "valid_until", now)

    def _last_guards(self, act: Act, view: View | None, deadline: str, now: int) -> Fault:
        """The deadline that the message sets, and then the blobs that it names."""
        if deadline and moment(act.body[deadline]) <= now:
            return "deadline-invalid", "VRM-THR-020"
        held = {d: size for d, (size, at) in self.files.get(act.iss, {}).items() if at >= now - BLOB_LIFE}
        held |= view.files if view is not None else {}
        for ref in files_of(act):
            right = self.blobs + ref["sha256"]
            if ref["url"] != right or held.get(ref["sha256"]) != ref["size"]:
                return "blob-unknown", "VRM-BLB-004"
        return RIGHT

    # --- a message in a thread ------------------------------------------------------------------

    def _next(self, act: Act, world: World, now: int) -> Verdict:
        view = world.views.get(act.thid or "")
        if view is None or act.sender not in view.parties:
            return no("thread-unknown")
        if act.type == ROTATION and not self._may_rotate(act, view, world, now):
            return no("thread-unknown")
        if act.pthid is not None:
            return no("parent-unknown", "VRM-THR-009")
        if act.agr is not None and not self._own(world, act):
            return no("agreement-unknown", "VRM-THR-010")
        role, other, counterparty = "first", "second", view.second
        if act.sender != view.first:
            role, other, counterparty = "second", "first", view.first
        if act.aud != counterparty:
            return no("aud-mismatch")
        moves = MOVES[view.kind]
        state = moves.get((view.state, role, act.type))
        if state is None:
            if any((left, role, act.type) in moves for left in view.late):
                return no("deadline-passed", "VRM-THR-006")
            if (view.state, other, act.type) in moves:
                return no("role-forbidden", "VRM-THR-004")
            return no("state-conflict")
        under = act.type in relating.UNDER_TERMS or (role, act.type) in below.UNDER_TERMS
        if under != (act.agr is not None):
            return no("claim-missing", "VRM-THR-007") if under else no("claim-unknown", "VRM-THR-008")
        if not (act.type in EXITS and role == "first"):
            if act.prev not in view.mids:
                return no("prev-unknown", "VRM-THR-011")
            if act.type in NEEDS_HEAD and act.prev != view.head:
                stale = frozenset({"prev-stale"})
                return Verdict(0, stale, "VRM-THR-012", head=view.head, seq=view.seq)
        fault = self._guards(act, view, world, now)
        if fault != RIGHT:
            return no(*fault)
        return self._deliver(act, Verdict(202, state=state, seq=view.seq + 1, prior=view.head))

    def _guards(self, act: Act, view: View, world: World, now: int) -> Fault:
        body = act.body
        if act.type == "terms.accept":
            if body["accepts"] != view.offer:
                return "terms-not-offered", "VRM-TRM-004"
            return RIGHT if body["agreement"] in view.offered else ("terms-not-offered", "VRM-TRM-005")
        if act.type == "terms.alternative":
            return self._guard_alternative(act, view, now)
        if act.type == "intent.amend":
            if body["version"] != view.version + 1:
                return "intent-stale", "VRM-INT-007"
            return self._last_guards(act, view, "until", now)
        if view.kind in below.KINDS:
            role = "first" if act.sender == view.first else "second"
            fault = RIGHT
            if view.kind != "correction":
                fault = below.guard(world, act, view, role, now, later)
            until = "valid_until" if act.type in below.NEEDS_HEAD else ""
            return self._last_guards(act, view, until, now) if fault == RIGHT else fault
        if view.kind == "relationship":
            fault = relating.guard(world, act, view, now, later)
            dated = fault == RIGHT and act.type == relating.INVITE
            return self._last_guards(act, view, "answer_by", now) if dated else fault
        return self._guard_offer(act, view, world, now) if view.kind == "offer" else RIGHT

    def _guard_alternative(self, act: Act, view: View, now: int) -> Fault:
        body = act.body
        fault = self.roster.fault(view.roster, [body["agreement"]], "VRM-TRM-006")
        if fault != RIGHT:
            return fault
        name = (body["agreement"]["id"], body["agreement"]["version"])
        listed = name in [(a["id"], a["version"]) for a in view.offered]
        if body["alternative_to"] != view.offer or listed:
            return "alternative-not-new", "VRM-TRM-007"
        return self._dates(body, now)

    def _guard_offer(self, act: Act, view: View, world: World, now: int) -> Fault:
        body, intent = act.body, world.views[view.intent]
        if act.type == "offer.revise":
            if body["version"] != intent.version:
                return "intent-stale", "VRM-OFR-003"
            return self._guard_offered(act, view, intent, now)
        if act.type in ("offer.accept", "offer.confirm") and body["takes"] != view.standing:
            return "offer-stale", "VRM-OFR-011"
        if act.type == "offer.accept":
            if world.held(intent.thid) + world.filled(intent.thid) >= intent.rules["accepts"]:
                return "accepts-used-up", "VRM-OFR-012"
            return self._last_guards(act, view, "confirm_by", now)
        if act.type == "disclosure.release":
            listed = intent.published["disclose"]
            for_this = {d["field"] for d in listed if d["purpose"] == body["about"]["purpose"]}
            if not set(body["about"]["fields"]) <= for_this:
                return "fields-not-listed", "VRM-OFR-017"
            return self._last_guards(act, view, "", now)
        if act.type == INTRODUCTION:
            new = body["id"]
            proven = self._proven(act, (new, act.iss, view.second), now)
            return RIGHT if proven and new not in view.parties else ("proof-invalid", "VRM-OFR-020")
        return RIGHT

    @staticmethod
    def _dates(body: Json, now: int) -> Fault:
        answer_by, ends = moment(body["answer_by"]), optional_moment(body.get("ends"))
        if not now < answer_by <= now + LONGEST_ANSWER:
            return "deadline-invalid", "VRM-THR-020"
        return RIGHT if ends is None or ends > answer_by else ("deadline-invalid", "VRM-THR-021")

    def _proven(self, act: Act, says: tuple[str, str, str], now: int) -> bool:
        p = act.proof
        if p is None or not p.signed or not p.iat - SKEW <= now < p.iat + PROOF_LIFE:
            return False
        return (p.iss, p.sub, p.aud, p.home, p.thid) == (*says, self.home, act.thid)

    def _may_rotate(self, act: Act, view: View, world: World, now: int) -> bool:
        """Asked before anything tells that the thread is there."""
        if view.kind == "intent" or world.of_pair((act.iss, view.second)):
            return False
        key = world.committed.get(view.pair)
        if key is not None:
            return act.kid == key
        return self._proven(act, (act.sender, act.iss, view.second), now)

    # --- whom it is told ------------------------------------------------------------------------

    def addressees(self, act: Act, world: World) -> list[str]:
        """VRM-INT-013: of an intent, all vendors that have an offer of it that is not purged."""
        if act.aud not in self.boards:
            return [act.aud]
        offers = world.offers(act.thid) if act.thid is not None else []
        return list(dict.fromkeys(view.second for view in offers if view.state != "purged"))

    def _deliver(self, act: Act, verdict: Verdict) -> Verdict:
        """VRM-HOM-024, after everything else."""
        full = len(self.inboxes.get(act.aud, {})) >= self.limit
        free = act.type in (*EXITS, *DUTIES) or act.aud in self.boards
        if act.type == CLOSE and act.thid is not None:
            free = act.iss == self.world.views[act.thid].first
        return no("inbox-full", "VRM-HOM-024") if full and not free else verdict

    # --- what an accepted message does ----------------------------------------------------------

    def take(self, act: Act, verdict: Verdict, now: int) -> None:
        """A message that was judged and is taken."""
        self.world.advance(now)
        told = self.addressees(act, self.world)
        left = self.world.views[act.thid].first if act.thid is not None else ""
        view = self.world.take(act, now)
        for party in told:
            self.inboxes.setdefault(party, {})[act.mid] = len(self.given)
        if act.type == ROTATION:
            for other in self.world.of_pair(view.pair):
                self._hand_over(left, view.first, other)
        if act.type == INTRODUCTION:
            self._hand_over(left, view.first, view)
        if act.type in PURGES:
            for erased in [view, *self.world.erased_with(view)]:
                erased.erased = 0 if erased is view else len(erased.mids)
                for mid in erased.mids:
                    self.inboxes.get(view.second, {}).pop(mid, None)
        self.given[act.mid] = Verdict(200, state=verdict.state, seq=verdict.seq, prior=verdict.prior)

    def _hand_over(self, old: str, new: str, view: View) -> None:
        """The unacknowledged messages of a rebound thread; the old identifier has an answer of its own."""
        inbox = self.inboxes.get(old, {})
        for mid in set(view.mids) & inbox.keys():
            self.inboxes.setdefault(new, {})[mid] = inbox.pop(mid)
        self.noted.add(old)
