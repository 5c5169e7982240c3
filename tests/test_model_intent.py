"""A home over both stores against the model of the prose: intents, offers, terms, feedback and disputes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from conformance import model
from conformance.model import ATTEST, INTRODUCTION, LIVE_INTENT, MOVES, OFFER, PUBLISH, Proof, View
from tests.model_machine import (
    BOARD,
    EVERYONE,
    HOME,
    HUNT,
    LONG,
    NAMES,
    NOWHERE,
    PERSONS,
    PROFILE,
    SEEDS,
    SHOPS,
    SPARE,
    SPEC,
    VENDORS,
    Dice,
    Machine,
    Sent,
    digest,
    empty_database,
    run,
)
from tests.model_seeds import (
    Seed,
    missing_guard,
    overlooked,
    with_kind,
    with_row,
    with_state,
    without_cause,
    wrong_append,
)
from vrmproto import guards, places, threads, timing
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.model import Context, Thread
from vrmproto.reading import Reader
from vrmproto.spec import Spec

NONE: frozenset[str] = frozenset()
SELLERS = [*SHOPS, VENDORS[0]]
REMOVALS = ["illegal", "personal-data", "spam", "operator"]
FILES = [b"a picture", b"a paper", b"another picture"]

ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
PAYMENTS = "https://w3id.org/dpv#PaymentManagement"
FIELDS = [
    ("name", "Name", ORDERS),
    ("phone", "TelephoneNumber", ORDERS),
    ("phone", "TelephoneNumber", PAYMENTS),
    ("iban", "BankAccount", PAYMENTS),
]
PURGES = ["PT0S", "PT2S", "PT2S", "PT1H", "P1D", "P1W", "P1M", "P1Y2M", "P1DT1H"]
MONEY = {"EUR": "12.50", "JPY": "1500", "KWD": "3.125"}
CURRENCIES: list[list[str]] = [[], [], ["EUR"], ["EUR", "JPY"]]

# How often a move is made among those that there is a row for; once where nothing is said.
OFTEN = {
    "intent.amend": 4,
    "intent.pause": 2,
    "intent.resume": 6,
    "offer.accept": 5,
    "offer.confirm": 4,
    "offer.revise": 2,
    "order.fulfil": 2,
    "disclosure.release": 4,
    INTRODUCTION: 3,
    ATTEST: 3,
    model.ROTATION: 5,
    "terms.accept": 3,
}
KINDS = ("terms", "intent", "offer", "feedback", "dispute")
ANY_TYPE = sorted(
    {type_ for kind in KINDS for type_ in model.TYPES[kind]}
    | {type_ for type_, kind in model.OPENS.items() if kind in KINDS}
)


class Market(Machine):
    """Persons who want something, and vendors, with a domain and without, who make offers."""

    inbox = 12
    polling = (*SELLERS, VENDORS[1], *PERSONS)

    # --- what stands where ----------------------------------------------------------------------

    def threads(self, kind: str, states: Iterable[str] = ()) -> list[View]:
        """Threads of a kind, in one of the states if any are named."""
        wanted = set(states)
        views = [view for view in self.world.views.values() if view.kind == kind]
        return [view for view in views if not wanted or view.state in wanted]

    def ahead(self, dice: Dice, flaws: frozenset[str], least: int = 1) -> str:
        """A deadline, often the very second in which something else happens."""
        if "dates" in flaws:
            return timing.text(self.now + dice.pick([0, -1, 0, -model.DAY]))
        others = {v.deadline for v in self.world.views.values() if v.deadline and v.deadline > self.now}
        if others and not dice.number(0, 2):
            return timing.text(dice.pick(sorted(others)))
        return timing.text(self.now + max(least, dice.pick([1, 2, 60, 3600, model.DAY, 20 * model.DAY])))

    # --- bodies ---------------------------------------------------------------------------------

    def media(self, dice: Dice, iss: str, flaws: frozenset[str]) -> list[dict[str, Any]]:
        """Seldom a file; put before, unless that is what is wrong."""
        if dice.number(0, 7) and "files" not in flaws:
            return []
        data = dice.pick(FILES)
        reference = {
            "url": f"{HOME}/v1/blobs/{digest(data)}",
            "sha256": digest(data),
            "size": len(data),
            "media_type": "image/jpeg",
        }
        if "files" not in flaws:
            self.put(iss, data)
        else:
            wrong: list[dict[str, Any]] = [
                {},
                {},
                {"size": len(data) + 1},
                {"url": f"https://elsewhere.example/v1/blobs/{digest(data)}"},
                {"url": f"{HOME}/v1/blobs/{NOWHERE}"},
            ]
            reference |= dice.pick(wrong)
        return [reference]

    def wanted(self, dice: Dice, iss: str, flaws: frozenset[str], *, modest: bool = False) -> dict[str, Any]:
        """What an intent and its amendment have in common."""
        rules: dict[str, Any] = {
            "offers": dice.pick([6, 9, 9] if modest else [1, 2, 3, 9]),
            "per_vendor": dice.pick([2, 3] if modest else [1, 2, 3]),
            "accepts": dice.pick([1, 2, 2] if modest else [1, 1, 2]),
            "unverified": dice.number(0, 3) > 0,
        }
        if currencies := dice.pick(CURRENCIES):
            rules["currencies"] = currencies
        need: dict[str, Any] = {
            "title": "Yaris",
            "categories": [{"scheme": "unspsc", "code": "25101503"}],
        }
        if media := self.media(dice, iss, flaws):
            need["media"] = media
        return {"need": need, "offer_rules": rules, "until": self.ahead(dice, flaws, 3600 if modest else 1)}

    def publish(self, dice: Dice, flaws: frozenset[str], *, modest: bool = False) -> Sent:
        iss = dice.pick([*PERSONS, *PERSONS[:1] * 2]) if dice.number(0, 7) else dice.pick(SPARE)
        if "organisation" in flaws:
            iss = SHOPS[0]
        body = {
            "version": 1,
            "terms": self.roster(dice, flaws),
            "lang": "en",
            "place": "ZZ",
            **self.wanted(dice, iss, flaws, modest=modest),
            "disclose": [
                {"field": field, "category": f"https://w3id.org/dpv/pd#{category}", "purpose": purpose}
                for field, category, purpose in dice.sample(FIELDS, dice.pick([0, 1, 2, 2, 3, 4]))
            ],
            "purge_within": dice.pick(PURGES),
        }
        return self.make(iss, PUBLISH, body, BOARD, flaws)

    def priced(self, dice: Dice, iss: str, intent: View, flaws: frozenset[str]) -> dict[str, Any]:
        """What an offer and its revision have in common."""
        allowed = intent.rules.get("currencies", sorted(MONEY))
        total = dice.pick(sorted(MONEY) if "total" in flaws else allowed)
        prices = [total, total] if "prices" not in flaws else [dice.pick(sorted(MONEY)) for _ in range(2)]
        one = {"title": "Yaris", "quantity": {"value": "1"}}
        body: dict[str, Any] = {
            "version": intent.version + (dice.pick([-1, 1]) if "version" in flaws else 0) or 7,
            "items": [{**one, "price": money(name)} for name in prices],
            "total": money(total),
            "valid_until": self.ahead(dice, flaws),
        }
        if media := self.media(dice, iss, flaws):
            body["media"] = media
        return body

    def offer(self, dice: Dice, intent: View, flaws: frozenset[str], iss: str = "") -> Sent:
        taken = SELLERS if intent.rules["unverified"] else SHOPS
        iss = iss or dice.pick(taken if dice.number(0, 3) else SELLERS)
        if "self" not in flaws and not dice.number(0, 30):
            iss = intent.first
        terms = intent.published["terms"]
        agreement = dict(dice.pick([terms["preferred"], *terms.get("acceptable", ())]))
        if "terms" in flaws:
            agreement = self.agreement(dice, dice.pick(NAMES), dice.coin())
        accepts = dice.pick([intent.head, NOWHERE, *self.thids]) if "accepts" in flaws else intent.thid
        body = {
            **self.priced(dice, iss, intent, flaws),
            "accepts": accepts,
            "agreement": agreement,
            "lang": "en",
            "place": "NL",
        }
        parent = dice.pick([None, NOWHERE, *self.thids]) if "parent" in flaws else intent.thid
        aud = intent.first if iss != intent.first else dice.pick([BOARD, VENDORS[0]])
        return self.make(iss, OFFER, body, aud, flaws - {"pthid"}, {"pthid": parent})

    def body(self, dice: Dice, type_: str, view: View, iss: str, flaws: frozenset[str]) -> dict[str, Any]:
        """Of a message in the thread of an intent or an offer, whatever the thread is now."""
        if type_ == "intent.amend":
            version = view.version + (dice.pick([0, 2]) if "version" in flaws else 1)
            return {"version": max(version, 2), **self.wanted(dice, iss, flaws)}
        if type_ == "intent.close":
            return {"outcome": dice.pick(["fulfilled", "elsewhere", "abandoned"])}
        if type_ == "offer.revise":
            intent = self.world.views[view.intent] if view.intent else None
            return self.priced(dice, iss, intent or View("", "", "", "", version=1), flaws)
        if type_ in ("offer.accept", "offer.confirm"):
            takes = (
                dice.pick([view.head, view.thid, NOWHERE, *view.mids]) if "takes" in flaws else view.standing
            )
            body = {"takes": takes or NOWHERE}
            return {**body, "confirm_by": self.ahead(dice, flaws)} if type_ == "offer.accept" else body
        if type_ == "offer.message":
            return {"text": "Does it have winter tyres?"}
        if type_ == model.FEEDBACK:
            return self.told(dice)
        if type_ == model.DISPUTE:
            return self.disputed(dice, view)
        if type_ == "dispute.note":
            return {"text": "It was as agreed."}
        if type_ == model.CLOSE:
            return {"outcome": dice.pick(["settled", "dropped", "referred"])}
        if type_ == "feedback.outcome":
            return {"outcome": dice.pick(["considered", "planned", "shipped", "solved", "declined"])}
        if type_ == "disclosure.release":
            return self.released(dice, view, iss, flaws)
        if type_ == ATTEST:
            return {"erased_at": timing.text(self.now), "kept": []}
        return {}

    def released(self, dice: Dice, view: View, iss: str, flaws: frozenset[str]) -> dict[str, Any]:
        intent = self.world.views.get(view.intent)
        listed = intent.published["disclose"] if intent is not None else []
        one = dice.pick(listed) if listed and "fields" not in flaws else {"field": "phone", "purpose": ORDERS}
        same = [d["field"] for d in listed if d["purpose"] == one["purpose"]]
        fields = sorted({one["field"], *dice.sample(same, dice.number(0, len(same)))})
        if "fields" in flaws and dice.coin():
            fields = sorted({"name", *fields})
        purpose = dice.pick([ORDERS, PAYMENTS]) if "purpose" in flaws else one["purpose"]
        about = {"purpose": purpose, "fields": fields}
        if media := self.media(dice, iss, flaws):
            return {"about": about, "content": {"ref": media[0]}}
        clear = dict.fromkeys(fields, "said")
        if "content" in flaws:
            clear = dice.pick([{}, {**clear, "email": "said"}, dict.fromkeys(fields[1:], "said")])
        return {"about": about, "content": {"clear": clear}}

    def introduction(
        self, dice: Dice, flaws: frozenset[str], ends: tuple[str, str], more: dict[str, str | None]
    ) -> Sent:
        """Mostly to an identifier that is used with this vendor already, or will be."""
        iss, aud = ends
        used = [view.first for view in self.threads("terms") if view.second == aud and view.first != iss]
        new = dice.pick(used if used and dice.coin() else [*SPARE[:3], *PERSONS])
        if "proof" in flaws and dice.coin():
            new = dice.pick([iss, aud])
        says = Proof(new, iss, aud, HOME, more.get("thid") or NOWHERE, self.now)
        if says.iss in SHOPS or aud == BOARD:
            says = replace(says, iss=PERSONS[1])
        body: dict[str, Any] = {"id": new if new.startswith("did:") else PERSONS[2]}
        proof, body["proof"] = self.proof(dice, says, flaws)
        return self.make(iss, INTRODUCTION, body, aud, flaws, more, proof)

    # --- messages -------------------------------------------------------------------------------

    def message(self, dice: Dice) -> Sent:
        how = dice.number(0, 11)
        intents = self.threads("intent")
        if not intents or how == 0:
            return self.publish(dice, dice.flaws(PUBLISH))
        if how < 4:
            hearing = [view for view in intents if view.state == "open"]
            intent = dice.pick(hearing if hearing and dice.number(0, 5) else intents)
            return self.offer(dice, intent, dice.flaws(OFFER))
        if how == 4:
            return self.any_proffer(dice, dice.flaws(model.PROFFER))
        if how == 5:
            type_ = dice.pick([model.FEEDBACK, model.DISPUTE])
            make = self.feedback if type_ == model.FEEDBACK else self.dispute
            return make(dice, dice.flaws(type_))
        return self.move(dice)

    def dispute(self, dice: Dice, flaws: frozenset[str], view: View | None = None) -> Sent:
        """About an agreement, mostly, by one of its parties; it names some messages."""
        made = [view] if view else [v for v in self.world.views.values() if v.record]
        if not made:
            return self.feedback(dice, NONE)
        view = dice.pick(made)
        if "parent" in flaws:
            view = dice.pick([v for v in self.world.views.values() if v.kind != "intent"])
        party, aud = view.pair if dice.number(0, 2) else (view.second, view.first)
        parent: str | None = view.thid
        if "parent" in flaws and not dice.number(0, 3):
            parent = dice.pick([None, NOWHERE, *self.thids])
        if "party" in flaws:
            party = dice.pick(sorted(EVERYONE))
        if party == aud:
            aud = view.second if aud == view.first else view.first
        return self.make(party, model.DISPUTE, self.disputed(dice, view), aud, flaws, {"pthid": parent})

    def disputed(self, dice: Dice, view: View) -> dict[str, Any]:
        named = dice.sample(view.mids, dice.number(0, min(4, len(view.mids))))
        return {"facts": "It was not as agreed.", **({"messages": named} if named else {})}

    def feedback(self, dice: Dice, flaws: frozenset[str]) -> Sent:
        """Often by somebody who deals with this vendor already."""
        dealing = [*self.threads("terms"), *self.threads("offer")]
        if dealing and dice.coin():
            view = dice.pick(dealing)
            iss, aud = view.first, view.second
        else:
            iss, aud = dice.pick([*PERSONS, *SPARE[:3]]), dice.pick(SELLERS)
        if "organisation" in flaws:
            iss = next(shop for shop in SHOPS if shop != aud)
        return self.make(iss, model.FEEDBACK, self.told(dice), aud, flaws)

    def told(self, dice: Dice) -> dict[str, Any]:
        kind = dice.pick(["problem", "idea", "praise", "usage"])
        return {"kind": kind, "text": "It rattles.", "lang": "en", "may_publish": dice.coin()}

    def any_proffer(self, dice: Dice, flaws: frozenset[str]) -> Sent:
        """Often by somebody who has an offer of this vendor."""
        offers = self.threads("offer")
        if offers and dice.number(0, 2):
            view = dice.pick(offers)
            return self.proffer(dice, view.first, view.second, flaws)
        return self.proffer(dice, dice.pick([*PERSONS, *SPARE[:3]]), dice.pick(SELLERS), flaws)

    def move(self, dice: Dice, thid: str = "") -> Sent:
        view = self.world.views[thid or self.moving(dice)]
        moves = MOVES[view.kind]
        legal = [(role, type_) for state, role, type_ in moves if state == view.state]
        if legal and dice.number(0, 6):
            role, type_ = dice.pick(sorted(m for m in legal for _ in range(OFTEN.get(m[1], 1))))
        else:
            types = model.TYPES[view.kind] if dice.number(0, 3) else ANY_TYPE
            roles = ["first", "second"] if view.kind != "intent" else ["first", "first", "first", "second"]
            role, type_ = dice.pick(roles), dice.pick(types)
        return self.sent_in(dice, view, role, type_, dice.flaws(type_))

    def moving(self, dice: Dice) -> str:
        """Mostly a thread in which something may happen."""
        views = self.world.views
        live = [v.thid for v in views.values() if any(s == v.state for s, _, _ in MOVES[v.kind])]
        offers = [thid for thid in live if views[thid].state in model.LIVE_OFFER]
        if offers and dice.coin():
            return dice.pick(offers)
        return dice.pick(live if live and dice.number(0, 4) else self.thids)

    def sent_in(
        self,
        dice: Dice,
        view: View,
        role: str,
        type_: str,
        flaws: frozenset[str],
        *,
        eager: bool = False,
    ) -> Sent:
        """A message of a thread by one of its parties; of an intent, the second is some vendor."""
        party, aud = view.pair if role == "first" else (view.second, view.first)
        if party == BOARD:
            party, aud = dice.pick(SELLERS), BOARD
        if "thid" in flaws and dice.coin():
            party = dice.pick(sorted(EVERYONE))
        if type_ == OFFER and not self.threads("intent"):
            type_ = "offer.message"
        more = self.where(dice, view, flaws, eager=eager)
        if type_ == model.ROTATION:
            old = party if party.startswith("did:") else PERSONS[0]
            return self.rotation(dice, flaws, (old, aud), view, more)
        if type_ == INTRODUCTION:
            return self.introduction(dice, flaws, (party, aud), more)
        if type_ == PUBLISH:
            made = self.publish(dice, NONE)
            return self.make(party, type_, dict(made.act.body), aud, flaws, more)
        if type_ == OFFER:
            intent = dice.pick(self.threads("intent"))
            made = self.offer(dice, intent, NONE)
            parent = {"pthid": dice.pick([None, intent.thid])}
            return self.make(party, type_, dict(made.act.body), aud, flaws, {**more, **parent})
        if type_ in model.TYPES["terms"] or type_ == model.PROFFER:
            terms = view if view.kind == "terms" else replace(view, offer=view.thid)
            terms.offered = terms.offered or [self.agreement(dice, NAMES[0], False)]
            return self.make(party, type_, self.answer(dice, type_, terms, flaws), aud, flaws, more)
        return self.make(party, type_, self.body(dice, type_, view, party, flaws), aud, flaws, more)

    # --- what else is done to both homes --------------------------------------------------------

    def put(self, party: str, data: bytes) -> None:
        for home in self.homes:
            home.put_blob(party, digest(data), data, self.now)
        self.model.put(party, digest(data), len(data), self.now)

    # --- rules ----------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer"))
    def a_while(self, seed: int) -> None:
        """What goes on around one intent, in one second or over some time."""
        dice = self.dice(seed)
        chosen = dice.pick(self.threads("offer"))
        thid = chosen.intent
        for _ in range(10):
            intent = self.world.views[thid]
            around = [chosen.thid, chosen.thid, *(view.thid for view in self.world.offers(thid))]
            how = dice.number(0, 9)
            if how == 0:
                self.pass_time(dice)
            elif how < 3 and intent.state == "open":
                self.submit([self.offer(dice, intent, dice.flaws(OFFER))], together=False)
            elif how < 4:
                self.submit([self.move(dice, thid)], together=False)
            else:
                self.submit([self.move(dice, dice.pick(around))], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def a_market(self, seed: int) -> None:
        """An intent, and an offer or two of each vendor."""
        dice = self.dice(seed)
        sent = self.publish(dice, NONE, modest=True)
        self.submit([sent], together=False)
        if sent.act.mid not in self.world.views:
            return
        for _ in range(dice.number(1, 6)):
            self.submit([self.offer(dice, self.world.views[sent.act.mid], NONE)], together=False)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", ["offered", "accepted"]))
    def a_deal(self, seed: int) -> None:
        """An offer is accepted and confirmed, and so on as far as it goes."""
        dice = self.dice(seed)
        thid = dice.pick(self.threads("offer", ["offered", "accepted"])).thid
        path = ["offer.accept", "offer.confirm", "order.fulfil", ATTEST]
        begun = 1 if self.world.views[thid].state == "accepted" else 0
        self.deal(dice, thid, path[begun : dice.pick([1, 2, 2, 2, 3, 4])])
        self.one_more(dice, self.world.views[thid].intent)

    def deal(self, dice: Dice, thid: str, types: list[str]) -> None:
        for type_ in types:
            role = "first" if type_ == "offer.accept" else "second"
            sent = self.sent_in(dice, self.world.views[thid], role, type_, NONE, eager=True)
            self.submit([sent], together=dice.coin())

    def waiting(self, intent: str) -> list[View]:
        return [view for view in self.world.offers(intent) if view.state == "offered"]

    def one_more(self, dice: Dice, thid: str, vendor: str = "") -> None:
        """An offer on an intent, if it may hear any again."""
        intent = self.world.views[thid]
        if intent.state in LIVE_INTENT:
            self.submit([self.offer(dice, intent, NONE, vendor)], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", ["offered"]))
    def another_try(self, seed: int) -> None:
        """A vendor takes its offer back, or is declined, and makes others."""
        dice = self.dice(seed)
        view = dice.pick(self.threads("offer", ["offered"]))
        role, type_ = dice.pick([("second", "offer.withdraw"), ("first", "offer.decline")])
        self.submit([self.sent_in(dice, view, role, type_, NONE, eager=True)], together=dice.coin())
        for _ in range(3):
            self.one_more(dice, view.intent, view.second)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", ["offered"]))
    def the_offer_has_moved(self, seed: int) -> None:
        """The vendor revises or says something; she accepts what she has seen last, or before."""
        dice = self.dice(seed)
        view = dice.pick(self.threads("offer", ["offered"]))
        type_ = dice.pick(["offer.revise", "offer.message"])
        self.submit([self.sent_in(dice, view, "second", type_, NONE, eager=True)], together=dice.coin())
        view = self.world.views[view.thid]
        body = {"takes": dice.pick([view.thid, view.standing]), "confirm_by": self.ahead(dice, NONE)}
        where: dict[str, str | None] = {"thid": view.thid, "prev": dice.pick([view.thid, view.head])}
        accept = self.make(view.first, "offer.accept", body, view.second, NONE, where)
        self.submit([accept], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", model.BOUND_OFFER))
    def she_discloses(self, seed: int) -> None:
        dice = self.dice(seed)
        view = dice.pick(self.threads("offer", model.BOUND_OFFER))
        for flaws in (NONE, frozenset({dice.pick(["purpose", "purpose", "fields", "content"])})):
            sent = self.sent_in(dice, view, "first", "disclosure.release", flaws, eager=True)
            self.submit([sent], together=dice.coin())
            view = self.world.views[view.thid]

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("intent", LIVE_INTENT))
    def she_takes_fewer_or_more(self, seed: int) -> None:
        """An amendment after which as many offers are taken as there are places filled, or nearly."""
        dice = self.dice(seed)
        live = self.threads("intent", LIVE_INTENT)
        waiting = {view.intent for view in self.threads("offer", ["offered"])}
        full = [view for view in live if self.world.filled(view.thid) and view.thid in waiting]
        roomy = [view for view in live if view.rules["accepts"] > 1 and view.thid in waiting]
        intent = dice.pick(full or roomy or live)
        if not full and roomy:
            self.deal(dice, dice.pick(self.waiting(intent.thid)).thid, ["offer.accept", "offer.confirm"])
            intent = self.world.views[intent.thid]
        accepts = max(1, self.world.filled(intent.thid) + dice.pick([-1, 0, 0, 0, 1]))
        body = {"version": intent.version + 1, **self.wanted(dice, intent.first, NONE, modest=True)}
        body["offer_rules"] |= {"accepts": accepts}
        where = self.where(dice, intent, NONE, eager=True)
        self.submit([self.make(intent.first, "intent.amend", body, BOARD, NONE, where)], together=dice.coin())
        self.one_more(dice, intent.thid)

    @rule(seed=SEEDS, size=st.integers(2, 5))
    @precondition(lambda self: self.threads("offer", model.LIVE_OFFER))
    def a_crossing(self, seed: int, size: int) -> None:
        """Messages of several threads of one intent in one batch, each right as things stood before it."""
        dice = self.dice(seed)
        intent = self.world.views[dice.pick(self.threads("offer", model.LIVE_OFFER)).intent]
        found = []
        for offer in self.world.offers(intent.thid):
            moves = sorted((r, t) for s, r, t in MOVES["offer"] if s == offer.state)
            if moves:
                often = [move for move in moves for _ in range(OFTEN.get(move[1], 1))]
                role, type_ = dice.pick(often)
                found.append(self.sent_in(dice, offer, role, type_, NONE, eager=True))
        if intent.state in LIVE_INTENT and dice.coin():
            type_ = dice.pick(["intent.amend", "intent.amend", "intent.pause", "intent.withdraw"])
            found.append(self.sent_in(dice, intent, "first", type_, NONE, eager=True))
        if dice.coin():
            found.append(self.offer(dice, intent, NONE))
        dice.shuffle(found)
        self.submit(found[:size], together=True)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", ["offered"]))
    def a_race(self, seed: int) -> None:
        """All offers of an intent are accepted in one second; what won is cancelled, and so on."""
        dice = self.dice(seed)
        intent = dice.pick(self.threads("offer", ["offered"])).intent
        offered = self.waiting(intent)
        self.each(dice, [self.sent_in(dice, v, "first", "offer.accept", NONE, eager=True) for v in offered])
        for type_ in ("offer.confirm", "offer.cancel"):
            bound = [view for view in self.world.offers(intent) if view.state in model.BOUND_OFFER]
            if bound and dice.number(0, 2):
                view = dice.pick(bound)
                self.submit([self.sent_in(dice, view, "second", type_, NONE, eager=True)], together=True)

    def each(self, dice: Dice, messages: list[Sent]) -> None:
        """In one batch, or one after the other in the same second."""
        if dice.coin():
            self.submit(messages, together=True)
            return
        for sent in messages:
            self.submit([sent], together=True)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", model.BOUND_OFFER))
    def she_goes_on_under_another_key(self, seed: int) -> None:
        """Introduced to the vendor, she makes terms with it, and perhaps changes that key later."""
        dice = self.dice(seed)
        view = dice.pick(self.threads("offer", model.BOUND_OFFER))
        self.submit([self.sent_in(dice, view, "first", INTRODUCTION, NONE, eager=True)], together=dice.coin())
        view = self.world.views[view.thid]
        terms = self.agree(dice, self.proffer(dice, view.first, view.second, NONE))
        for _ in range(dice.number(0, 2)):
            if terms is not None:
                terms = self.world.views[terms.thid]
                self.submit([self.sent_in(dice, terms, "first", model.ROTATION, NONE)], together=dice.coin())

    @rule(seed=SEEDS)
    def a_dispute_about_terms(self, seed: int) -> None:
        """Accepted, or only proffered: then there is nothing to dispute."""
        dice = self.dice(seed)
        offer = self.any_proffer(dice, NONE)
        if dice.coin():
            self.agree(dice, offer)
        else:
            self.submit([offer], together=False)
        about = self.world.views.get(offer.act.mid)
        if about is not None:
            self.submit([self.dispute(dice, NONE, about)], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("offer", [*model.OWES_PURGE, "purged"]))
    def a_dispute_about_what_is_over(self, seed: int) -> None:
        """Before the purge or after it; closed again, or not."""
        dice = self.dice(seed)
        view = dice.pick(self.threads("offer", [*model.OWES_PURGE, "purged"]))
        sent = self.dispute(dice, NONE, view)
        self.submit([sent], together=dice.coin())
        if view.state != "purged":
            self.submit([self.sent_in(dice, view, "second", ATTEST, NONE, eager=True)], together=dice.coin())
        made = self.world.views.get(sent.act.mid)
        if made is not None and dice.coin():
            self.submit([self.sent_in(dice, made, "first", model.CLOSE, NONE)], together=dice.coin())
        self.look(dice.pick(self.homes), self.now, view.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.threads("intent", LIVE_INTENT))
    def the_operator_removes(self, seed: int) -> None:
        dice = self.dice(seed)
        if dice.number(0, 2):
            return
        live = self.threads("intent", LIVE_INTENT)
        thid = dice.pick([dice.pick(live).thid, dice.pick(live).thid, NOWHERE, *self.thids])
        board = BOARD if dice.number(0, 4) else f"{BOARD}-of-old"
        code = dice.pick(REMOVALS)
        told = [home.remove(board, thid, code, self.now) for home in self.homes]
        assert told == [self.model.remove(board, thid, code, self.now)] * 2

    @rule(seed=SEEDS)
    def a_file_is_put(self, seed: int) -> None:
        dice = self.dice(seed)
        self.put(dice.pick([*PERSONS, *SELLERS]), dice.pick(FILES))

    def look(self, home: Home, later: int, thid: str) -> None:
        super().look(home, later, thid)
        reader = Reader(home)
        world = self.model.world.at(later)
        for party in EVERYONE:
            for data in FILES:
                may = self.model.may_read(world, party, digest(data), later)
                if may is not None:
                    assert reads(reader, party, digest(data), later) == may


def money(currency: str) -> dict[str, str]:
    return {"amount": MONEY[currency], "currency": currency}


def reads(reader: Reader, party: str, name: str, now: int) -> bool:
    try:
        return digest(reader.blob(party, name, now)) == name
    except ProtocolError as error:
        return error.code != "not-found"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("model"))


def test_a_home_over_either_store_is_the_model_of_intents(template: Path) -> None:
    run(Market, template, PROFILE)


@pytest.mark.long
def test_it_is_in_long_runs_too(template: Path) -> None:
    run(Market, template, LONG)


# --- the method sees faults ---------------------------------------------------------------------


def races_have_two_winners(patch: pytest.MonkeyPatch) -> Spec:
    """Whoever counts the places does not see what was accepted in the same second."""
    right = guards.GUARDS["accepts-left"]
    last: dict[str, int] = {}

    def wrong(case: guards.Case) -> None:
        intent = case.context.parent.thread.thid if case.context.parent else ""
        if last.get(intent) != case.now:
            right(case)
        last[intent] = case.now

    patch.setitem(guards.GUARDS, "accepts-left", wrong)
    return SPEC


def lapsed_offers_revive(patch: pytest.MonkeyPatch) -> Spec:
    """An intent is full while it is full, and forgets it once a place is free again."""
    right = places.filled_below

    def wrong(parent: Thread, before: str, place: str, context: Context, now: int) -> Thread:
        if before == "filled" and place == "":
            return replace(parent, filled=())
        return right(parent, before, place, context, now)

    patch.setattr(places, "filled_below", wrong)
    return SPEC


def withdrawn_offers_are_forgotten(patch: pytest.MonkeyPatch) -> Spec:
    """A vendor that withdraws may offer anew."""
    right = Home._append

    def wrong(self: Home, batch: Any, arrival: Any, message: Any, step: Any) -> Any:
        if message.type == "offer.withdraw":
            batch.write()
            parent, vendor = batch.tx.thread(step.thread.parent), step.thread.second
            fewer = {key: n - 1 if vendor in key else n for key, n in parent.counts.items()}
            step = replace(step, parent=replace(parent, counts=fewer))
        return right(self, batch, arrival, message, step)

    patch.setattr(Home, "_append", wrong)
    return SPEC


def purged_vendors_are_told(patch: pytest.MonkeyPatch) -> Spec:
    right = Home._addressees

    def wrong(self: Home, reads: Any, step: Any) -> tuple[str, ...]:
        if step.thread.board and step.prior is not None:
            return tuple(dict.fromkeys(offer.second for offer in reads.below(step.thread.thid)))
        return right(self, reads, step)

    patch.setattr(Home, "_addressees", wrong)
    return SPEC


def purges_are_owed_from_now(patch: pytest.MonkeyPatch) -> Spec:
    """The duration counts from the look at the thread, where no message has entered the state."""
    settle, own = threads.settle, threads.own_deadline
    clock = [0]

    def wrong_settle(kind: Any, thread: Thread, context: Context, now: int) -> Any:
        clock[0] = now
        return settle(kind, thread, context, now)

    def wrong_own(state: Any, entered: int, facts: Any) -> int | None:
        return own(state, max(entered, clock[0]), facts)

    patch.setattr(threads, "settle", wrong_settle)
    patch.setattr(threads, "own_deadline", wrong_own)
    return SPEC


def any_purpose(patch: pytest.MonkeyPatch) -> Spec:
    """A field that is listed at all may be disclosed."""

    def listed(case: guards.Case) -> bool:
        fields = {d["field"] for d in case.facts.get("disclose", ())}
        return fields.issuperset(case.message.body["about"]["fields"])

    return overlooked("fields-listed", "VRM-OFR-017", listed)(patch)


def paused(case: guards.Case) -> bool:
    return case.context.parent is not None and case.context.parent.status.state == "paused"


def amendments_fill_nothing(patch: pytest.MonkeyPatch) -> Spec:
    patch.setattr(places, "refilled", lambda thread, facts, context, now: thread.filled)
    return SPEC


def accepted_offers_lapse(patch: pytest.MonkeyPatch) -> Spec:
    moves = {**SPEC.kinds["offer"].states["accepted"].moves, "orphaned": "lapsed"}
    return with_state("offer", "accepted", moves=moves)


SEEDED: dict[str, Seed] = {
    "two-win-a-race": races_have_two_winners,
    "lapsed-offer-revives": lapsed_offers_revive,
    "purge-frees-the-place": lambda patch: with_state("offer", "purged", place="free"),
    "orphaned-not-applied": lambda patch: without_cause("offer", "offered", "orphaned"),
    "filled-not-applied": lambda patch: without_cause("offer", "offered", "filled"),
    "accepted-lapses-with-the-intent": accepted_offers_lapse,
    "version-not-asked-for": missing_guard("version-current"),
    "withdrawn-offers-forgotten": withdrawn_offers_are_forgotten,
    "introduction-rebinds-the-pair": wrong_append(
        lambda m: {"replaces": m.get("rebinds") or m.get("replaces", ""), "rebinds": ""}
    ),
    "purged-vendors-told": purged_vendors_are_told,
    "purge-counted-from-now": purges_are_owed_from_now,
    "field-of-another-purpose": any_purpose,
    "unverified-taken": overlooked("offer-rules", "VRM-OFR-010"),
    "prices-of-another-currency": overlooked("offer-rules", "VRM-OFR-009"),
    "paused-intent-takes-offers": overlooked("intent-open", "VRM-OFR-001", paused),
    "full-intent-takes-offers": overlooked("intent-open", "VRM-OFR-002"),
    "amendment-fills-nothing": amendments_fill_nothing,
    "old-offer-accepted": missing_guard("takes-current"),
    "acceptance-without-head": lambda patch: with_row("offer", "offer.accept", head=False),
    "introduction-unproved": missing_guard("introduce-proof"),
    "inbox-kept-after-a-purge": wrong_append(lambda m: {"erases": ()}),
    "files-never-put": missing_guard("blobs-held"),
    "purge-stopped-by-a-full-inbox": lambda patch: with_row("offer", ATTEST, duty=False),
    "disputes-hold-nothing": lambda patch: with_state("dispute", "open", holds=""),
    "closed-disputes-hold": lambda patch: with_state("dispute", "closed", holds="named"),
    "disputes-of-anything": lambda patch: with_kind("dispute", recorded=False),
    "retraction-needs-prev": lambda patch: with_row("feedback", model.RETRACTION, exit=False),
}


FIRST = 4
"""So many are looked for in each run, the others in long ones."""
HUNTED = [*list(SEEDED)[:FIRST], *(pytest.param(n, marks=pytest.mark.long) for n in list(SEEDED)[FIRST:])]


@pytest.mark.parametrize("name", HUNTED)
def test_a_seeded_bug_is_found(template: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the same machine that finds nothing in the home as it is."""
    broken = SEEDED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run(Market, template, HUNT, broken)
