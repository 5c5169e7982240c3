"""A home over both stores against the model of the prose: relationships on a ladder, under agreements."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from conformance import model
from conformance.model import MOVES, OFFER, PROFFER, PUBLISH, View, World, later
from conformance.model_home import Verdict
from conformance.model_relating import (
    ATTESTED,
    DECLINE,
    END,
    INVITE,
    OPEN,
    PREFER,
    RETREAT,
    STANDING,
    STEP,
    UNDER_TERMS,
)
from tests.model_machine import (
    BOARD,
    EVERYONE,
    HUNT,
    LONG,
    NOWHERE,
    PERSONS,
    PROFILE,
    ROSTER,
    SEEDS,
    SHOPS,
    SPEC,
    START,
    VENDORS,
    Dice,
    Machine,
    Sent,
    empty_database,
    everything,
    run,
)
from vrmproto import envelope, guards, preferences, threads, timing
from vrmproto.errors import ProtocolError
from vrmproto.ladder import Ladder
from vrmproto.loading import Loading
from vrmproto.model import Context, Thread
from vrmproto.spec import Kind, Row, Spec
from vrmproto.storage import coding
from vrmproto.storage.base import Append, Reads

NONE: frozenset[str] = frozenset()
RUNGS = ROSTER.rungs
STAGES = [str(rung["stage"]) for rung in RUNGS.rungs]
ASKED = "https://w3id.org/dpv#CommunicationForCustomerCare"
ANOTHER = "https://w3id.org/dpv/pd#Disability"
DECLINED_FOR = "P6M"

ORGANISATIONS = [VENDORS[0], VENDORS[0], VENDORS[1], SHOPS[0]]
CUSTOMERS = [PERSONS[0], PERSONS[0], PERSONS[1], PERSONS[2]]
IN_FORCE = {"terms": ["agreed"], "offer": model.LIVE_OFFER}
PURCHASE = ["offer.accept", "offer.confirm", "offer.withdraw", "offer.decline", "offer.cancel", model.ATTEST]
TYPES = {
    "terms": sorted({*model.TYPES["terms"], PROFFER}),
    "offer": PURCHASE,
    "relationship": sorted({*model.TYPES["relationship"], OPEN}),
}

ZONES = ["UTC", *["Europe/Amsterdam"] * 3, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
HOURS = [("22:00", "07:00"), ("02:00", "03:00"), ("01:30", "02:30"), ("23:59", "00:00"), ("12:00", "12:00")]
RATES = ["PT1S", "PT4S", "PT1H", "P1D", "P1W", "P4W", "P1M"]
WITHIN = [None, None, "PT1S", "PT2S", "PT1H", "P1D", "P2W", "P1M"]
AGO = {"clock": [-3601, -1800, -1, 0, 1, 1800, 3599, 3600, 5400]}
"""How far from an edge time stands still; of others a second at most."""

# How often a move is made among those that there is a row for; twice where nothing is said.
OFTEN = {INVITE: 12, STEP: 4, DECLINE: 6, ATTESTED: 6, END: 1, model.EXIT: 1, "relationship.resume": 6}


@functools.cache
def clock_changes(zone: str) -> list[int]:
    """The seconds of three years in which the clocks of a zone are set."""
    there = ZoneInfo(zone)

    def offset(at: int) -> timedelta | None:
        return datetime.fromtimestamp(at, there).utcoffset()

    days = range(START, START + 1100 * model.DAY, model.DAY)
    return [
        at
        for day in days
        if offset(day) != offset(day + model.DAY)
        for at in range(day - day % 1800, day + model.DAY + 1800, 1800)
        if offset(at) != offset(at - 1)
    ]


def clock_times(said: dict[str, Any], now: int) -> list[int]:
    """When quiet hours begin and end today and tomorrow, by every reading of an hour that comes twice."""
    there = ZoneInfo(said["zone"])
    today = datetime.fromtimestamp(now, there).replace(second=0, microsecond=0, tzinfo=None)
    found = []
    for hours in said.get("quiet", ()):
        for text in (hours["from"], hours["to"]):
            for day in (0, 1):
                for fold in (0, 1):
                    then = today.replace(hour=int(text[:2]), minute=int(text[3:])) + timedelta(days=day)
                    found.append(int(then.replace(tzinfo=there, fold=fold).timestamp()))
    return found


class Relating(Machine):
    """Persons who make terms with organisations, and go up and down a ladder with them."""

    inbox = 14
    names = ("SD-BASE-DP", "SD-BASE", "SD-BASE-A", "SD-BASE-ATP", "PDC-AI")
    polling = (*VENDORS, *SHOPS)
    seen: ClassVar[set[object]] = set()
    """Rows that were taken as (state, role, type), what time has moved, and rules that were broken."""

    def __init__(self) -> None:
        super().__init__()
        self.known_world = (-1, -1), self.model.world

    @property
    def world(self) -> World:
        """The threads of now, copied once for each time and message: nobody changes them."""
        now = self.now, len(self.model.given)
        if self.known_world[0] != now:
            self.known_world = now, super().world
        return self.known_world[1]

    # --- what stands where ----------------------------------------------------------------------

    def relationships(self, states: Iterable[str] = STANDING) -> list[View]:
        wanted = set(states)
        return [v for v in self.world.views.values() if v.kind == "relationship" and v.state in wanted]

    def in_force(self, pair: tuple[str, str] | None = None) -> list[View]:
        """The threads of agreements in force, of two parties or of all."""
        made = [view for view in self.world.views.values() if view.record]
        return [v for v in made if v.state in IN_FORCE[v.kind] and pair in (None, v.pair)]

    def compare(self, sent: Sent, answer: tuple[Any, ...], verdict: Verdict) -> None:
        super().compare(sent, answer, verdict)
        views = self.world.views
        if verdict.rule:
            self.seen.add(verdict.rule)
        if verdict.taken and sent.act.type == OPEN:
            self.seen.add(("", "first", OPEN))
        view = views.get(sent.act.thid or "")
        if verdict.taken and view is not None and view.kind == "relationship":
            role = "first" if sent.act.sender == view.first else "second"
            self.seen.add((view.state, role, sent.act.type))
        self.seen.update((state, cause) for v in views.values() for state, cause, _ in v.causes)

    # --- bodies ---------------------------------------------------------------------------------

    def dates(self, dice: Dice, flaws: frozenset[str]) -> dict[str, str]:
        """Most agreements have no end."""
        found = super().dates(dice, flaws)
        if "dates" not in flaws and dice.number(0, 5):
            found.pop("ends", None)
        return found

    def preferences(self, dice: Dice) -> dict[str, Any]:
        """Quiet hours, often such that they begin or end soon, and a rate."""
        said: dict[str, Any] = {"zone": dice.pick(ZONES)}
        if not dice.number(0, 2):
            here = datetime.fromtimestamp(self.now, ZoneInfo(said["zone"]))
            soon = here + timedelta(minutes=dice.pick([-60, -1, 0, 1, 5, 60]))
            over = soon + timedelta(minutes=dice.pick([0, 1, 1, 60, 90, 480]))
            near = (soon.strftime("%H:%M"), over.strftime("%H:%M"))
            chosen = [dice.pick([near, near, *HOURS]) for _ in range(dice.number(1, 2))]
            said["quiet"] = [{"from": begin, "to": end} for begin, end in chosen]
        if dice.coin():
            said["rate"] = {"most": dice.pick([0, 1, 1, 2, 2, 3]), "within": dice.pick(RATES)}
        return said

    def ladder(self, flaws: frozenset[str]) -> str:
        return NOWHERE if "ladder" in flaws else RUNGS.digest

    def body(self, dice: Dice, type_: str, view: View, agr: str | None, flaws: frozenset[str]) -> Any:
        """Of a message in a relationship, whatever the thread is now."""
        if type_ == OPEN:
            found: dict[str, Any] = {"ladder": self.ladder(flaws)}
            return found | ({"preferences": self.preferences(dice)} if dice.coin() else {})
        if type_ == PREFER:
            return {"preferences": self.preferences(dice)}
        if type_ in (ATTESTED, model.ATTEST):
            return {"erased_at": timing.text(self.now), "kept": []}
        if type_ == END:
            within = dice.pick(WITHIN)
            return {"attest_within": within} if within else {}
        if type_ == RETREAT:
            near = [RUNGS.number(view.stage) or 0, RUNGS.number(view.stage) or 0]
            at = dice.pick([*range(len(STAGES)), *near])
            return {"stage": "nowhere" if "stage" in flaws else STAGES[at]}
        if type_ in (INVITE, STEP):
            return self.towards(dice, type_, view, agr, flaws)
        return {}

    def towards(self, dice: Dice, type_: str, view: View, agr: str | None, flaws: frozenset[str]) -> Any:
        """An invitation or a step, to a rung to which it may go."""
        about = next((v for v in self.world.views.values() if v.record and v.record == agr), None)
        terms = about.agreement if about is not None else {}
        judged = RUNGS.judged(view.stage, terms)
        above = [n for n in range(judged + 1, len(STAGES)) if RUNGS.reach(n, terms)]
        wanted = dice.pick([*above[:1] * 2, *above[:3]]) if type_ == STEP and above else judged + 1
        if "rung" in flaws:
            beyond = [n for n in range(judged + 1, len(STAGES)) if n not in above]
            wanted = dice.pick(
                [judged, max(judged - 1, 0), judged + 2, *beyond[:2], dice.pick(range(len(STAGES)))]
            )
        wanted = min(wanted, len(STAGES) - 1)
        stage = "nowhere" if "stage" in flaws else STAGES[wanted]
        if type_ == STEP:
            return {"stage": stage, "ladder": self.ladder(flaws)}
        listed = sorted(RUNGS.rungs[wanted]["categories"])
        asked = dice.sample(listed, dice.number(0, min(2, len(listed))))
        if "categories" in flaws:
            asked = [*asked, dice.pick([ANOTHER, *sorted(RUNGS.rungs[-1]["categories"])])]
        ahead = dice.pick([0, -1, -model.DAY] if "dates" in flaws else [1, 2, 60, 3600, 20 * model.DAY])
        return {
            "stage": stage,
            "benefit": "News of the model.",
            "asks": [{"category": category, "purpose": ASKED} for category in asked],
            "answer_by": timing.text(self.now + ahead),
        }

    # --- messages -------------------------------------------------------------------------------

    def flaws(self, dice: Dice, type_: str) -> frozenset[str]:
        """Fewer than of others: most of what follows asks for what was taken before."""
        return dice.flaws(type_) if dice.coin() else NONE

    def message(self, dice: Dice) -> Sent:
        how = dice.number(0, 9)
        if not self.thids or how == 0:
            return self.any_proffer(dice, self.flaws(dice, PROFFER))
        if how < 3:
            return self.opening(dice, self.flaws(dice, OPEN))
        return self.move(dice)

    def any_proffer(self, dice: Dice, flaws: frozenset[str]) -> Sent:
        """Often by somebody who deals with this organisation already, under the key of now."""
        dealing = self.in_force()
        if dealing and dice.number(0, 2):
            return self.proffer(dice, *dice.pick(dealing).pair, flaws)
        return self.proffer(dice, dice.pick(CUSTOMERS), dice.pick(ORGANISATIONS), flaws)

    def opening(self, dice: Dice, flaws: frozenset[str], about: View | None = None) -> Sent:
        """Under an agreement, mostly one that is in force."""
        made = [view for view in self.world.views.values() if view.record]
        live = self.in_force()
        if not made:
            return self.any_proffer(dice, flaws - {"agr", "pthid"})
        about = about or dice.pick(made if "other-agr" in flaws or not live else live)
        iss, aud = about.pair if "organisation" not in flaws else (about.second, about.first)
        agr = None if "no-agr" in flaws else about.record
        return self.make(iss, OPEN, self.body(dice, OPEN, about, agr, flaws), aud, flaws, {"agr": agr})

    def under(self, dice: Dice, iss: str, view: View, flaws: frozenset[str]) -> str | None:
        """The agreement that a message in a relationship names."""
        own = [v.record for v in self.world.views.values() if v.record and iss in v.parties]
        live = [v.record for v in self.in_force(view.pair)]
        if "no-agr" in flaws:
            return None
        if "other-agr" in flaws:
            live = [record for record in own if record not in live]
        return dice.pick(live or own or [NOWHERE])

    def move(self, dice: Dice, thid: str = "") -> Sent:
        view = self.world.views[thid or self.moving(dice)]
        here = TYPES[view.kind]
        legal = [(r, t) for s, r, t in MOVES[view.kind] if s == view.state and t in here]
        if legal and dice.number(0, 7):
            role, type_ = dice.pick(sorted(m for m in legal for _ in range(OFTEN.get(m[1], 2))))
        else:
            role, type_ = (
                dice.pick(["first", "second"]),
                dice.pick(here if dice.coin() else TYPES["relationship"]),
            )
        return self.sent_in(dice, view, role, type_, self.flaws(dice, type_))

    def moving(self, dice: Dice) -> str:
        """Mostly a relationship, and mostly one that stands."""
        views = [view for view in self.world.views.values() if view.kind in TYPES]
        relating = [view for view in views if view.kind == "relationship"]
        standing = [view for view in relating if view.state in STANDING]
        if standing and dice.number(0, 3):
            return dice.pick(standing).thid
        return dice.pick(relating if relating and dice.number(0, 2) else views).thid

    def sent_in(self, dice: Dice, view: View, role: str, type_: str, flaws: frozenset[str] = NONE) -> Sent:
        """A message of a thread by one of its parties."""
        party, aud = view.pair if role == "first" else (view.second, view.first)
        if "thid" in flaws and dice.coin():
            party = dice.pick(sorted(EVERYONE))
        more = self.where(dice, view, flaws, eager=type_ in model.NEEDS_HEAD)
        if type_ == model.ROTATION:
            old = party if party.startswith("did:") else PERSONS[0]
            return self.rotation(dice, flaws, (old, aud), view, more)
        if type_ in TYPES["terms"]:
            offered = view.offered or [self.agreement(dice, self.names[0], False)]
            terms = replace(view, offer=view.offer or view.thid, offered=offered)
            return self.make(party, type_, self.answer(dice, type_, terms, flaws), aud, flaws, more)
        if view.kind == "offer" and type_ in ("offer.accept", "offer.confirm"):
            body = {"takes": view.standing}
            if type_ == "offer.accept":
                body["confirm_by"] = timing.text(self.now + dice.pick([1, 3600, model.DAY]))
            return self.make(party, type_, body, aud, flaws, more)
        if type_ == "offer.message":
            return self.make(party, type_, {"text": "Does it suit you?"}, aud, flaws, more)
        if type_ in UNDER_TERMS:
            more["agr"] = self.under(dice, party, view, flaws)
        return self.make(party, type_, self.body(dice, type_, view, more.get("agr"), flaws), aud, flaws, more)

    def purchase(self, dice: Dice, person: str, vendor: str) -> View | None:
        """An intent and an offer of it, which is an agreement of the two."""
        terms = self.roster(dice, NONE)
        want = {
            "version": 1,
            "terms": terms,
            "lang": "en",
            "place": "ZZ",
            "need": {"title": "Yaris", "categories": [{"scheme": "unspsc", "code": "25101503"}]},
            "offer_rules": {"offers": 3, "per_vendor": 3, "accepts": 2, "unverified": True},
            "until": timing.text(self.now + 20 * model.DAY),
            "disclose": [],
            "purge_within": "P1D",
        }
        intent = self.make(person, PUBLISH, want, BOARD, NONE)
        self.submit([intent], together=False)
        if intent.act.mid not in self.world.views:
            return None
        price = {"amount": "12.50", "currency": "EUR"}
        offer = {
            "version": 1,
            "accepts": intent.act.mid,
            "agreement": dict(terms["preferred"]),
            "lang": "en",
            "place": "NL",
            "items": [{"title": "Yaris", "quantity": {"value": "1"}, "price": price}],
            "total": price,
            "valid_until": timing.text(self.now + dice.pick([3600, 10 * model.DAY])),
        }
        made = self.make(vendor, OFFER, offer, person, NONE, {"pthid": intent.act.mid})
        self.submit([made], together=dice.coin())
        return self.world.views.get(made.act.mid)

    # --- what is done in a row ------------------------------------------------------------------

    def say(self, dice: Dice, thid: str, role: str, type_: str, flaws: frozenset[str] = NONE) -> View:
        """One message of a thread; the thread after it, taken or not."""
        sent = self.sent_in(dice, self.world.views[thid], role, type_, flaws)
        self.submit([sent], together=dice.coin())
        return self.world.views[thid]

    def have_read(self, dice: Dice, pair: tuple[str, str]) -> None:
        """What lies in the inboxes of the two is acknowledged, mostly."""
        for party in pair:
            if dice.number(0, 3):
                self.acknowledge(party, tuple(self.model.inbox(party)))
        self.before = everything(self.memory.store, self.thids)

    def agreed(self, dice: Dice, pair: tuple[str, str]) -> View | None:
        """An agreement of the two, by terms or, seldom, by an offer."""
        self.have_read(dice, pair)
        if not dice.number(0, 5):
            return self.purchase(dice, *pair)
        view = self.agree(dice, self.proffer(dice, *pair, NONE))
        return self.world.views[view.thid] if view is not None else None

    def fill(self, dice: Dice, pair: tuple[str, str]) -> None:
        """Her inbox is full of what was said about an offer."""
        offer = self.purchase(dice, *pair)
        for _ in range(self.inbox):
            if offer is not None and len(self.model.inbox(offer.first)) < self.inbox:
                offer = self.say(dice, offer.thid, "second", "offer.message")

    def begun(self, dice: Dice, pair: tuple[str, str] | None = None) -> View | None:
        """A relationship of two who have none."""
        standing = [view.pair for view in self.relationships()]
        free = [view for view in self.in_force(pair) if view.pair not in standing]
        if free and dice.number(0, 2):
            about: View | None = dice.pick(free)
        else:
            about = self.agreed(dice, pair or (dice.pick(CUSTOMERS), dice.pick(ORGANISATIONS)))
        if about is None or not about.record:
            return None
        sent = self.opening(dice, NONE, about)
        self.submit([sent], together=dice.coin())
        return self.world.views.get(sent.act.mid)

    def some(self, dice: Dice) -> View:
        """A relationship that stands, and if none does one that is made to."""
        standing = self.relationships()
        if not standing or (len(self.thids) < 30 and not dice.number(0, 4)):
            view = self.begun(dice)
            standing = [view] if view is not None else standing
        return dice.pick(standing) if standing else self.some(dice)

    def somehow(self, dice: Dice, view: View) -> View:
        """It rests, she is invited, or it stays as it is."""
        ways = [("second", INVITE), ("second", INVITE), ("first", "relationship.pause"), ("first", PREFER)]
        return self.say(dice, view.thid, *dice.pick(ways))

    def ready(self, dice: Dice, view: View) -> View:
        """It stands on a rung from which the organisation may invite, if an agreement lets it."""
        self.have_read(dice, view.pair)
        if view.state == "paused":
            view = self.say(dice, view.thid, "first", "relationship.resume")
        if not self.in_force(view.pair):
            self.agreed(dice, view.pair)
        at = RUNGS.number(view.stage) or 0
        if at == 0:
            return self.say(dice, view.thid, "first", STEP)
        return self.say(dice, view.thid, "first", RETREAT) if at > 3 and dice.coin() else view

    def edges(self) -> dict[str, list[int]]:
        """What is over or begins in a second to come, by its sort."""
        found: dict[str, set[int]] = {
            name: set() for name in ("deadline", "quiet", "rate", "declined", "clock")
        }
        for view in self.world.views.values():
            if view.deadline is not None:
                found["deadline"].add(view.deadline)
            if view.kind != "relationship" or view.state not in STANDING:
                continue
            said: dict[str, Any] = dict(view.preferences)
            if said.get("quiet"):
                found["quiet"].update(clock_times(said, self.now))
                found["clock"].update(clock_changes(said["zone"]))
            if said.get("rate"):
                found["rate"].update(later(at, said["rate"]["within"]) for at in view.said)
            found["declined"].update(
                later(at, DECLINED_FOR) for times in view.declined.values() for at in times
            )
        ahead = {name: sorted(at for at in edges if at >= self.now) for name, edges in found.items()}
        return {name: edges for name, edges in ahead.items() if edges}

    def pass_time(self, dice: Dice) -> None:
        edges = self.edges()
        if edges and dice.number(0, 3):
            name = dice.pick(sorted(edges))
            edge = dice.pick(edges[name][:3]) + dice.pick(AGO.get(name, [-1, 0, 0, 1]))
            self.now = max(self.now, edge)
        else:
            self.now += dice.pick([0, 1, 2, 60, 3600, 6 * 3600, model.DAY, 30 * model.DAY])

    # --- rules ----------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def a_relationship(self, seed: int) -> None:
        """It is opened, and mostly what may be done in it is done."""
        dice = self.dice(seed)
        view = self.begun(dice)
        if view is None:
            return
        view = self.say(dice, view.thid, "first", STEP)
        for _ in range(dice.number(0, 8)):
            if dice.number(0, 4):
                moves = sorted((r, t) for s, r, t in MOVES["relationship"] if s == view.state)
                often = [m for m in moves for _ in range(OFTEN.get(m[1], 2))]
                view = self.say(dice, view.thid, *dice.pick(often))
            else:
                self.pass_time(dice)
                view = self.world.views[view.thid]
            if view.state not in STANDING:
                return

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_while(self, seed: int) -> None:
        """What goes on between two, in one second or over some time."""
        dice = self.dice(seed)
        thid = self.some(dice).thid
        for _ in range(6):
            view = self.world.views[thid]
            how = dice.number(0, 9)
            if how < 2:
                self.pass_time(dice)
            elif how == 2 and len(self.thids) < 30:
                self.agreed(dice, view.pair)
            elif how == 3:
                around = [v.thid for v in self.world.of_pair(view.pair) if v.kind in TYPES]
                self.submit([self.move(dice, dice.pick(around))], together=dice.coin())
            else:
                self.submit([self.move(dice, thid)], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def invitations(self, seed: int) -> None:
        """One after the other, with what she answers, as time goes on to what may be its edge."""
        dice = self.dice(seed)
        view = self.ready(dice, self.some(dice))
        for _ in range(dice.number(2, 5)):
            if view.state == "open":
                wrong = dice.pick(["", "", "", "", "categories", "rung"])
                view = self.say(dice, view.thid, "second", INVITE, frozenset({wrong}))
            if view.state == "invited" and dice.number(0, 5):
                answer = dice.pick([DECLINE, DECLINE, DECLINE, STEP, PREFER, RETREAT, "relationship.pause"])
                view = self.say(dice, view.thid, "first", answer)
            if dice.coin():
                self.pass_time(dice)
                view = self.world.views[view.thid]

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def she_says_when(self, seed: int) -> None:
        """New preferences, and invitations as they begin and end to bind."""
        dice = self.dice(seed)
        view = self.ready(dice, self.some(dice))
        for _ in range(dice.number(1, 2)):
            view = self.say(dice, view.thid, "first", PREFER)
        for _ in range(3):
            view = self.world.views[view.thid]
            if view.state == "invited":
                view = self.say(dice, view.thid, "first", dice.pick([STEP, DECLINE]))
            self.say(dice, view.thid, "second", INVITE, frozenset({dice.pick(["", "", "", "categories"])}))
            self.pass_time(dice)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def other_terms(self, seed: int) -> None:
        """Agreements that reach further or less far, of the same class or another; and what is under them."""
        dice = self.dice(seed)
        view = self.some(dice)
        self.agreed(dice, view.pair)
        for _ in range(dice.number(1, 3)):
            role, type_ = dice.pick(
                [("first", STEP), ("first", STEP), ("second", INVITE), ("first", RETREAT)]
            )
            wrong = dice.pick(["", "", "other-agr", "rung", "rung", "ladder", "categories"])
            view = self.say(dice, view.thid, role, type_, frozenset({wrong}))

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def they_part(self, seed: int) -> None:
        """Either ends it; it is attested or not, and perhaps they begin anew."""
        dice = self.dice(seed)
        view = self.ready(dice, self.some(dice))
        pair = view.pair
        view = self.somehow(dice, view)
        if not dice.number(0, 5):
            self.fill(dice, pair)
        view = self.say(dice, view.thid, dice.pick(["first", "second"]), END)
        if not dice.number(0, 2):
            self.pass_time(dice)
        if dice.number(0, 2):
            view = self.say(dice, view.thid, "second", ATTESTED)
            for home in self.homes:
                self.look(home, self.now, view.thid)
        if dice.coin() and len(self.thids) < 30:
            self.begun(dice, pair)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def another_key(self, seed: int) -> None:
        """She changes it in terms or in the relationship; what stood between the two stands on."""
        dice = self.dice(seed)
        view = self.somehow(dice, self.ready(dice, self.some(dice)))
        terms = [v for v in self.in_force(view.pair) if v.kind == "terms"]
        place = dice.pick([view, view, *terms])
        self.say(dice, place.thid, "first", model.ROTATION)
        view = self.world.views[view.thid]
        live = self.in_force(view.pair)
        if live and dice.coin():
            self.submit([self.opening(dice, NONE, dice.pick(live))], together=dice.coin())
        role, type_ = dice.pick([("first", STEP), ("second", INVITE), ("first", END), ("first", RETREAT)])
        self.say(dice, view.thid, role, type_)

    @rule(seed=SEEDS, size=st.integers(2, 5))
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_crossing(self, seed: int, size: int) -> None:
        """Messages of the threads of two parties in one batch, each right as things stood before it."""
        dice = self.dice(seed)
        view = self.some(dice)
        proffered = [v for v in self.world.of_pair(view.pair) if v.state == "proffered"]
        live = self.in_force(view.pair)
        found = [self.sent_in(dice, v, "second", "terms.accept") for v in proffered[-1:]]
        found += [self.sent_in(dice, v, "first", model.EXIT) for v in live[:1] if v.kind == "terms"]
        found += [self.opening(dice, NONE, about) for about in live[:1]]
        moves = sorted((r, t) for s, r, t in MOVES["relationship"] if s == view.state)
        for role, type_ in dice.sample(moves, dice.number(1, 3)):
            found.append(self.sent_in(dice, view, role, type_))
        if dice.coin():
            found.append(self.sent_in(dice, view, dice.pick(["first", "second"]), END))
        dice.shuffle(found)
        self.submit(found[:size], together=True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("model"))


SHORT = settings(PROFILE, max_examples=25)
LONGER = settings(LONG, max_examples=100)
RULES = [
    "VRM-REL-001",
    "VRM-REL-003",
    "VRM-REL-005",
    "VRM-REL-006",
    "VRM-REL-007",
    "VRM-LAD-001",
    "VRM-LAD-006",
    "VRM-LAD-007",
    "VRM-LAD-009",
    "VRM-LAD-010",
    "VRM-LAD-011",
]
MOVED = [("invited", "deadline"), ("ended", "deadline"), ("agreed", "severed"), ("agreed", "superseded")]


def test_a_home_over_either_store_is_the_model_of_relationships(template: Path) -> None:
    """And a run visits every row of the kind, what time does to it, and every rule that can be broken."""
    Relating.seen.clear()
    run(Relating, template, SHORT)
    missing = {*SPEC.kinds["relationship"].cells, *MOVED, *RULES} - Relating.seen
    assert not missing, missing


@pytest.mark.long
def test_it_is_in_long_runs_too(template: Path) -> None:
    run(Relating, template, LONGER)


# --- the method sees faults ---------------------------------------------------------------------

Seed = Callable[[pytest.MonkeyPatch], Spec]


def with_kind(name: str, **fields: Any) -> Spec:
    kind = replace(SPEC.kinds[name], **fields)
    opens = {type_: kind if k.name == name else k for type_, k in SPEC.opens.items()}
    return replace(SPEC, kinds={**SPEC.kinds, name: kind}, opens=opens)


def with_state(state: str, **fields: Any) -> Spec:
    """The spec with one state of relationships changed."""
    states = SPEC.kinds["relationship"].states
    return with_kind("relationship", states={**states, state: replace(states[state], **fields)})


def with_row(type_: str, **fields: Any) -> Spec:
    """The spec with every row of one type changed."""
    cells = SPEC.kinds["relationship"].cells
    changed: dict[tuple[str, str, str], Row] = {
        cell: replace(row, **fields) if cell[2] == type_ else row for cell, row in cells.items()
    }
    return with_kind("relationship", cells=changed)


def paused_hears() -> Spec:
    """She is invited while it rests."""
    cells = SPEC.kinds["relationship"].cells
    return with_kind(
        "relationship", cells={**cells, ("paused", "second", INVITE): cells["open", "second", INVITE]}
    )


def offers_end_too(patch: pytest.MonkeyPatch) -> Spec:
    """With a relationship an offer ends that was made before."""
    severed(lambda thread: [thread.first], kind="offer")(patch)
    states = SPEC.kinds["offer"].states
    lapsing = replace(states["offered"], moves={**states["offered"].moves, "severed": "lapsed"})
    return with_kind("offer", states={**states, "offered": lapsing})


def missing_guard(name: str) -> Seed:
    def seed(patch: pytest.MonkeyPatch) -> Spec:
        patch.setitem(guards.GUARDS, name, lambda case: None)
        return SPEC

    return seed


def overlooked(name: str, rule: str, where: Callable[[guards.Case], bool] = lambda case: True) -> Seed:
    """A guard that lets one rule pass."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        right = guards.GUARDS[name]

        def wrong(case: guards.Case) -> None:
            try:
                right(case)
            except ProtocolError as error:
                if error.rule != rule or not where(case):
                    raise

        patch.setitem(guards.GUARDS, name, wrong)
        return SPEC

    return seed


def instead(where: Any, name: str, wrong: Any) -> Seed:
    """One function is another."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        patch.setattr(where, name, wrong)
        return SPEC

    return seed


def severed(
    firsts: Callable[[Thread], Iterable[str]], *, later_too: bool = False, kind: str = "terms"
) -> Seed:
    """Agreements end with any relationship of some persons and the organisation, or whenever made."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        right = Loading._standing

        def wrong(self: Loading, reads: Reads, thread: Thread, now: int) -> Context:
            found = right(self, reads, thread, now)
            if thread.kind != kind or thread.record_at is None:
                return found
            pairs = [reads.threads_of(first, thread.second) for first in firsts(thread)]
            heads = [reads.thread(thid) for thids in pairs for thid in thids]
            ends = [h.over_at for h in heads if h and h.kind == "relationship" and h.over_at is not None]
            since = 0 if later_too else thread.record_at
            at = min((end for end in ends if end > since), default=None)
            return found if found.severed_at is not None else replace(found, severed_at=at)

        patch.setattr(Loading, "_standing", wrong)
        return SPEC

    return seed


def own_key_alone(patch: pytest.MonkeyPatch) -> Spec:
    """A relationship that was opened under the key before is not seen."""
    right = Loading._siblings

    def wrong(self: Loading, reads: Reads, message: Any, *rest: Any) -> Any:
        found = []
        for other in right(self, reads, message, *rest):
            entry = reads.message(other.thread.thid, other.thread.thid)
            if entry is not None and envelope.peek(entry.token)[1]["iss"] == message.iss:
                found.append(other)
        return tuple(found)

    patch.setattr(Loading, "_siblings", wrong)
    return SPEC


def named(case: guards.Case) -> tuple[str, bool]:
    """The state of the agreement that a message names, and whether it is of the two."""
    about = case.context.named
    if about is None:
        return "", False
    return about.status.state, case.thread is None or about.thread.pair == case.thread.pair


def opened_under_alone(patch: pytest.MonkeyPatch) -> Spec:
    """Only the agreement under which the relationship was opened counts."""
    right = guards.GUARDS["agreement-live"]

    def wrong(case: guards.Case) -> None:
        right(case)
        if case.thread is not None and case.message.agr != case.thread.agreement:
            raise ProtocolError("agreement-not-live", "it was not opened under this", rule="VRM-REL-001")

    patch.setitem(guards.GUARDS, "agreement-live", wrong)
    return SPEC


def decline_forgotten_at_restart(patch: pytest.MonkeyPatch) -> Spec:
    """What she has declined is held by the running home alone."""

    def wrong(*row: Any) -> Thread:
        thread = coding.thread_from(*row)
        left = {name: times for name, times in thread.counts.items() if not name.startswith("refused:")}
        return replace(thread, counts=left)

    patch.setattr("vrmproto.storage.rows.thread_from", wrong)
    return SPEC


def merged(patch: pytest.MonkeyPatch) -> Spec:
    """New preferences leave what they do not mention."""
    right = threads._keep

    def wrong(row: Row, message: Any, facts: Any, context: Context) -> dict[str, Any]:
        kept = right(row, message, facts, context)
        if row.type == PREFER:
            kept["preferences"] = {**facts.get("preferences", {}), **kept["preferences"]}
        return kept

    patch.setattr(threads, "_keep", wrong)
    return SPEC


def counted_from_now(patch: pytest.MonkeyPatch) -> Spec:
    """What is owed after the end is owed so long from the look at the thread."""
    right = threads.settle

    def wrong(kind: Kind, thread: Thread, context: Context, now: int) -> Any:
        if thread.state == "ended" and thread.kind == "relationship" and thread.deadline is not None:
            thread = replace(thread, deadline=thread.deadline + max(0, now - thread.since))
        return right(kind, thread, context, now)

    patch.setattr(threads, "settle", wrong)
    return SPEC


def terms_alone_are_rebound(patch: pytest.MonkeyPatch) -> Spec:
    """A rotation in a thread of terms leaves the pair's other threads with the old key."""

    def wrong(**members: Any) -> Append:
        if members["thread"].kind == "terms" and members["replaces"]:
            members |= {"rebinds": members["replaces"], "replaces": ""}
        return Append(**members)

    patch.setattr("vrmproto.home.Append", wrong)
    return SPEC


def inbox_kept(patch: pytest.MonkeyPatch) -> Spec:
    patch.setattr("vrmproto.home.Append", lambda **members: Append(**{**members, "erases": ()}))
    return SPEC


def inclusive(begin: str, clock: str, end: str) -> bool:
    """The minute ``to`` is quiet too."""
    return begin <= clock <= end if begin < end else clock >= begin or clock <= end


def same_is_never(begin: str, clock: str, end: str) -> bool:
    """From a minute to the same one is no time at all."""
    return begin <= clock < end if begin <= end else clock >= begin or clock < end


def known_stage(case: guards.Case) -> bool:
    return any(rung.stage == case.message.body["stage"] for rung in case.spec.ladder.rungs)


def often_for_ever(said: Any, times: Any, now: int) -> bool:
    return bool(said.get("rate")) and len(times) >= said["rate"]["most"]


def often_a_second_too_long(said: Any, times: Any, now: int) -> bool:
    rate = said.get("rate")
    return bool(rate) and sum(timing.after(t, rate["within"]) >= now for t in times) >= rate["most"]


SEEDED: dict[str, Seed] = {
    "severs-nothing": lambda patch: with_row(END, effect=""),
    "severs-later-agreements": severed(lambda thread: [thread.first], later_too=True),
    "declines-forgotten-at-restart": decline_forgotten_at_restart,
    "judged-by-her-rung-alone": instead(Ladder, "reached", lambda self, stage, *rest: self.place(stage) or 0),
    "preferences-merged": merged,
    "quiet-hours-in-utc": instead(preferences, "_zone", lambda name: ZoneInfo("UTC")),
    "attestation-leaves-no-tombstones": lambda patch: with_state("closed", erased=False),
    "relationship-keeps-the-old-key": terms_alone_are_rebound,
    "retreat-goes-up": instead(
        Ladder, "lower", lambda self, one, other: self.rungs[self.place(other) or 0].stage
    ),
    "severs-agreements-of-others": severed(lambda thread: EVERYONE),
    "one-per-pair-of-this-key": own_key_alone,
    "superseded-agreement-taken": overlooked(
        "agreement-live", "VRM-REL-001", lambda case: named(case) == ("superseded", True)
    ),
    "agreement-of-another-pair-taken": overlooked(
        "agreement-live", "VRM-REL-001", lambda case: not named(case)[1]
    ),
    "agreement-of-the-opening-alone": opened_under_alone,
    "steps-not-up": overlooked("step-allowed", "VRM-LAD-006", known_stage),
    "steps-out-of-reach": overlooked("step-allowed", "VRM-LAD-007"),
    "invitations-over-rungs": overlooked("step-allowed", "VRM-LAD-009", known_stage),
    "asks-for-anything": overlooked("stage-allows", "VRM-LAD-011"),
    "begins-on-any-rung": overlooked("stage-allows", "VRM-LAD-010"),
    "declines-forgotten": missing_guard("not-asked-again"),
    "declines-kept-for-five-months": instead(guards, "ASKED_AGAIN", "P5M"),
    "rate-for-ever": instead(preferences, "often", often_for_ever),
    "rate-a-second-too-long": instead(preferences, "often", often_a_second_too_long),
    "quiet-hours-a-minute-too-long": instead(preferences, "_between", inclusive),
    "whole-day-never-quiet": instead(preferences, "_between", same_is_never),
    "attestation-owed-from-now": counted_from_now,
    "attestation-stopped-by-a-full-inbox": lambda patch: with_row(ATTESTED, duty=False),
    "inbox-kept-after-the-attestation": inbox_kept,
    "end-needs-prev": lambda patch: with_row(END, exit=False),
    "ended-counts-as-open": lambda patch: with_state("ended", over=False),
    "paused-hears": lambda patch: paused_hears(),
    "offers-end-too": offers_end_too,
    "any-ladder": missing_guard("ladder-held"),
    "step-without-head": lambda patch: with_row(STEP, head=False),
    "invitations-with-no-time-left": lambda patch: with_row(INVITE, guards=()),
}

FIRST = 10
"""So many are looked for in each run, the others in long ones."""
HUNTED = [*list(SEEDED)[:FIRST], *(pytest.param(n, marks=pytest.mark.long) for n in list(SEEDED)[FIRST:])]


@pytest.mark.parametrize("name", HUNTED)
def test_a_seeded_bug_is_found(template: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the same machine that finds nothing in the home as it is."""
    broken = SEEDED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run(Relating, template, HUNT, broken)
