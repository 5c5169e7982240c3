"""Persons who make terms and relationships with organisations: what a machine over these does in a row."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from conformance import model
from conformance.model import MOVES, OFFER, PROFFER, PUBLISH, View, later
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
    NOWHERE,
    PERSONS,
    ROSTER,
    SHOPS,
    START,
    VENDORS,
    Dice,
    Machine,
    Sent,
)
from vrmproto import timing

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


class Dealing(Machine):
    """Persons who make terms with organisations, and go up and down a ladder with them."""

    inbox = 14
    names: Sequence[str] = ("SD-BASE-DP", "SD-BASE", "SD-BASE-A", "SD-BASE-ATP", "PDC-AI")
    polling = (*VENDORS, *SHOPS)
    customers: Sequence[str] = CUSTOMERS
    organisations: Sequence[str] = ORGANISATIONS
    types: ClassVar[Mapping[str, Sequence[str]]] = TYPES
    """What is sent in the threads of a kind."""
    strays: ClassVar[Sequence[str]] = TYPES["relationship"]
    """What is sent in a thread of a wrong kind."""
    often: ClassVar[Mapping[str, int]] = OFTEN
    seen: ClassVar[set[object]] = set()
    """Rows taken as (kind, state, role, type), what moved without a message, rules that were broken."""

    # --- what stands where ----------------------------------------------------------------------

    def relationships(self, states: Iterable[str] = STANDING) -> list[View]:
        wanted = set(states)
        return [v for v in self.world.views.values() if v.kind == "relationship" and v.state in wanted]

    def in_force(self, pair: tuple[str, str] | None = None) -> list[View]:
        """The threads of agreements in force, of two parties or of all."""
        made = [view for view in self.world.views.values() if view.record and view.kind in IN_FORCE]
        return [v for v in made if v.state in IN_FORCE[v.kind] and pair in (None, v.pair)]

    def compare(self, sent: Sent, answer: tuple[Any, ...], verdict: Verdict) -> None:
        super().compare(sent, answer, verdict)
        views = self.world.views
        if verdict.rule:
            self.seen.add(verdict.rule)
        view = views.get(sent.act.thid or "")
        if verdict.taken and sent.act.thid is None:
            about = views.get(sent.act.pthid or "")
            opener = about is None or sent.act.iss == about.first
            kind = model.OPENS[sent.act.type]
            self.seen.add((kind, "", "first" if opener else "second", sent.act.type))
        if verdict.taken and view is not None:
            role = "first" if sent.act.sender == view.first else "second"
            self.seen.add((view.kind, view.state, role, sent.act.type))
        self.seen.update((v.kind, state, cause) for v in views.values() for state, cause, _ in v.causes)

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
        return self.proffer(dice, dice.pick(self.customers), dice.pick(self.organisations), flaws)

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
        here = self.types[view.kind]
        legal = [(r, t) for s, r, t in MOVES[view.kind] if s == view.state and t in here]
        if legal and dice.number(0, 7):
            role, type_ = dice.pick(sorted(m for m in legal for _ in range(self.often.get(m[1], 2))))
        else:
            role, type_ = (
                dice.pick(["first", "second"]),
                dice.pick(here if dice.coin() else self.strays),
            )
        return self.sent_in(dice, view, role, type_, self.flaws(dice, type_))

    def moving(self, dice: Dice) -> str:
        """Mostly a relationship, and mostly one that stands."""
        views = [view for view in self.world.views.values() if view.kind in self.types]
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
            about = self.agreed(dice, pair or (dice.pick(self.customers), dice.pick(self.organisations)))
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
