"""A home over both stores against the model of the prose: consents, dialogues, data and corrections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import initialize, precondition, rule

from conformance import model
from conformance import model_below as below
from conformance.model import Act, View, World
from conformance.model_below import (
    APPLY,
    ASK,
    CLOSE_DATA,
    DENY,
    GIVE_BACK,
    GRANT,
    KEEP_BACK,
    MUTE,
    NARROW,
    PROPAGATED,
    REFUSE,
    RENEW,
    REPORT,
    REQUEST,
    RETRACT,
    SHARE,
    SUBMIT,
    TAKE_BACK,
    UNMUTE,
    VERIFY,
    WITHDRAW,
    WORD,
)
from conformance.model_home import Verdict
from conformance.model_relating import ATTESTED, END, INVITE, PREFER, RETREAT, STANDING, STEP
from tests.consenting import request
from tests.model_dealing import NONE, RUNGS, STAGES, TYPES, Dealing
from tests.model_machine import (
    COUNTED,
    EVERYONE,
    FIRSTS,
    HOME,
    HUNT,
    LONG,
    NOWHERE,
    PERSONS,
    PROFILE,
    SEEDS,
    SHOPS,
    SPEC,
    VENDORS,
    Dice,
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
from vrmproto import guards, patching, preferences, threads, timing
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.ladder import Grounds
from vrmproto.loading import Loading
from vrmproto.model import Thread
from vrmproto.reading import Reader
from vrmproto.spec import Spec
from vrmproto.storage.base import Reads

CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
PERSONALISED = "https://w3id.org/dpv#ServicePersonalisation"
OPTIMISED = "https://w3id.org/dpv#ServiceOptimisation"
PURPOSES = [
    CARE,
    PERSONALISED,
    OPTIMISED,
    "https://w3id.org/dpv#RightsFulfilment",
    "https://w3id.org/dpv#DirectMarketing",
    "https://w3id.org/dpv#SellProducts",
    "https://w3id.org/vrmproto/1.0/purpose#IntentMatching",
    "https://w3id.org/dpv#SellDataToThirdParties",
]
"""Required by all agreements, permitted or prohibited, optional or required, without a clause, prohibited."""

NAMES = ("SD-BASE-DP", "SD-BASE", "SD-BASE-A", "SD-BASE-ATP", "PDC-AI")
FIELDS = ["city", "email", "name", "phone"]
VALUES = ["one", "two", "three"]
FILE = b"a statement of what is held"
CATEGORIES = [*sorted(RUNGS.rungs[-1]["categories"]), "https://w3id.org/dpv/pd#Interest"]
ANSWERS = [("second", APPLY), ("second", DENY), ("first", TAKE_BACK)]
OWN = (ASK, REQUEST, WORD)
"""What an organisation sends of its own accord below a relationship."""
BELOW = sorted({type_ for moves in below.KINDS.values() for _, _, type_ in moves} | set(below.OPENERS))
OF_KIND = {kind: sorted({t for _, _, t in moves}) for kind, moves in below.KINDS.items()}
FITTING = {
    REQUEST: ["purpose", "purpose", "categories", "dates", "parent", "no-agr", "other-agr", "own-agr", "aud"],
    ASK: ["purpose", "purpose", "categories", "dates", "parent", "no-agr", "other-agr", "agr", "aud"],
    WORD: ["purpose", "purpose", "content", "files", "parent", "no-agr", "other-agr", "stale", "prev"],
    SHARE: ["content", "files", "parent", "no-agr", "other-agr", "stale"],
    REPORT: ["content", "files", "parent", "no-agr", "other-agr", "stale"],
    GRANT: ["purpose", "purpose", "dates", "stale", "no-agr", "other-agr"],
    NARROW: ["purpose", "purpose", "stale", "prev"],
    RENEW: ["dates", "stale", "stale", "no-agr", "other-agr"],
    SUBMIT: ["patch", "patch", "patch", "of", "of", "dates", "parent", "own-agr", "aud"],
}
WRONGLY = [
    (WITHDRAW, "prev"),
    (RENEW, "stale"),
    (RENEW, "dates"),
    (RENEW, "other-agr"),
    (RENEW, "other-agr"),
    (NARROW, "purpose"),
    (NARROW, ""),
    (NARROW, ""),
]
"""What she says of a consent, and what is wrong with it if anything is."""
OTHERS = ["stale", "stale", "prev", "own-agr", "pthid", "thid"]
UNTIL = [1, 2, 60, 3600, model.DAY, 20 * model.DAY, 200 * model.DAY]

# How often a move is made among those that there is a row for; twice where nothing is said.
OFTEN = {
    END: 1,
    model.EXIT: 1,
    "relationship.resume": 6,
    below.CLOSE: 1,
    CLOSE_DATA: 1,
    GIVE_BACK: 1,
    GRANT: 8,
    NARROW: 6,
    RENEW: 3,
    SHARE: 3,
    VERIFY: 3,
    PROPAGATED: 4,
}


def holds_more(world: World, view: View) -> bool:
    """Whether a thread below a relationship can go on."""
    return any(state == view.state for state, _, _ in below.KINDS[view.kind])


class Below(Dealing):
    """What they ask, give, say and correct, in one relationship or in several at once."""

    inbox = 20
    names: Sequence[str] = NAMES
    customers: Sequence[str] = PERSONS[:2]
    organisations: Sequence[str] = (VENDORS[0], SHOPS[0])
    types: ClassVar[Mapping[str, Sequence[str]]] = {**TYPES, **OF_KIND}
    strays: ClassVar[Sequence[str]] = [*TYPES["relationship"], *BELOW]
    often: ClassVar[Mapping[str, int]] = OFTEN
    seen: ClassVar[set[object]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.purposes: Sequence[str] = PURPOSES
        self.clumsy = 2
        self.acts: dict[str, tuple[Act, int]] = {}
        """What was taken, and when."""
        self.ledger: dict[str, dict[str, dict[str, Any]]] = {}
        """Relationship to what was refused in it and below it, by message."""

    @initialize(seed=SEEDS)
    def what_it_is_about(self, seed: int) -> None:
        """A few purposes, so that they meet again; one couple or several; wrong moves or hardly any."""
        dice = Dice(seed)
        needed, differing = dice.pick(PURPOSES[3:7]), dice.pick([PERSONALISED, OPTIMISED])
        self.purposes = list(dict.fromkeys([needed, differing, *dice.sample(PURPOSES, dice.number(0, 2))]))
        self.clumsy = dice.pick([0, 1, 1, 3])
        self.customers = dice.pick([PERSONS[:1], PERSONS[:2]])
        self.organisations = dice.pick([VENDORS[:1], SHOPS[:1], [VENDORS[0], SHOPS[0]]])

    # --- what stands where ----------------------------------------------------------------------

    def under_it(self, thid: str) -> list[View]:
        """The threads below a relationship, corrections too."""
        views = [view for view in self.world.views.values() if view.kind in below.KINDS]
        data = {view.thid for view in views if view.parent == thid}
        return [view for view in views if view.parent == thid or view.parent in data]

    def above(self, view: View) -> View:
        """The relationship of a thread."""
        return self.above(self.world.views[view.parent]) if view.parent else view

    def compare(self, sent: Sent, answer: tuple[Any, ...], verdict: Verdict) -> None:
        super().compare(sent, answer, verdict)
        act = sent.act
        if verdict.taken:
            self.acts[act.mid] = act, self.now
        if not verdict.codes or answer[0] not in COUNTED:
            return
        view = self.world.views[act.thid or act.pthid or ""]
        above = self.world.views[view.parent] if view.parent else view
        about = act.body.get("about", act.body)
        found = about.get("purposes") or [
            one["purpose"] for one in (about, *about.get("asks", ())) if "purpose" in one
        ]
        found = list(dict.fromkeys(found))
        told = {"mid": act.mid, "at": self.now, "type": act.type, "code": answer[0], "purposes": list(found)}
        self.ledger.setdefault(above.thid, {}).setdefault(act.mid, told)

    # --- bodies ---------------------------------------------------------------------------------

    def flaws(self, dice: Dice, type_: str) -> frozenset[str]:
        """As many as this run has: most of what follows asks for what was taken before."""
        if dice.number(0, 3) >= self.clumsy:
            return NONE
        if type_ not in BELOW or not dice.number(0, 3):
            return dice.flaws(type_)
        return frozenset(dice.choices(FITTING.get(type_, OTHERS), k=dice.pick([1, 1, 1, 2])))

    def until(self, dice: Dice, flaws: frozenset[str]) -> str:
        """A deadline, often one that is there already."""
        if "dates" in flaws:
            return timing.text(self.now + dice.pick([0, 0, -1, -model.DAY]))
        others = {v.deadline for v in self.world.views.values() if v.deadline and v.deadline > self.now}
        if others and not dice.number(0, 3):
            return timing.text(dice.pick(sorted(others)))
        return timing.text(self.now + dice.pick(UNTIL))

    def fitting(self, dice: Dice, above: View, type_: str, agr: str | None, flaws: frozenset[str]) -> str:
        """A purpose for which a message may be sent, if there is one."""
        terms = next((v.agreement for v in self.in_force() if v.record == agr), {})
        given = below.consented(self.world, above.thid)
        fit = [p for p in self.purposes if RUNGS.allow(p, terms, given)]
        if type_ == REQUEST:
            fit = [p for p in self.purposes if RUNGS.value(p, terms) != "prohibited"]
        elif given & set(fit) and dice.coin():
            fit = sorted(given & set(fit))
        if "purpose" in flaws:
            fit = [*sorted(given), *self.purposes] if dice.coin() else [p for p in PURPOSES if p not in fit]
        return dice.pick(fit or (self.purposes if type_ == REQUEST else [CARE]))

    def categories(self, dice: Dice, above: View, agr: str | None, flaws: frozenset[str]) -> list[str]:
        """Of the rung by which the message is judged."""
        terms = next((v.agreement for v in self.in_force() if v.record == agr), {})
        at = RUNGS.judged(above.stage, terms, below.consented(self.world, above.thid))
        listed = sorted(RUNGS.rungs[at]["categories"]) or CATEGORIES[:1]
        found = dice.sample(listed, dice.number(1, min(2, len(listed))))
        return sorted({*found, dice.pick(CATEGORIES)}) if "categories" in flaws else found

    def content(self, dice: Dice, iss: str, fields: list[str], flaws: frozenset[str]) -> dict[str, Any]:
        """In clear, or seldom a file."""
        clear = {field: dice.pick(VALUES) for field in fields}
        if "files" in flaws or not dice.number(0, 9):
            right = "files" not in flaws
            if right or dice.coin():
                self.put(iss, FILE)
            size = len(FILE) + (0 if right else 1)
            named = {"url": f"{HOME}/v1/blobs/{digest(FILE)}", "sha256": digest(FILE), "size": size}
            return {"ref": {**named, "media_type": "application/pdf"}}
        if "content" in flaws:
            clear = dice.pick([{}, {**clear, "more": "said"}])
        return {"clear": clear}

    def about(self, dice: Dice, type_: str, iss: str, purpose: str, flaws: frozenset[str]) -> dict[str, Any]:
        """``about`` and ``content`` of what is said, shared and reported."""
        fields = ["text"] if type_ == WORD else sorted(dice.sample(FIELDS, dice.number(1, 3)))
        about: dict[str, Any] = {"purpose": purpose, "fields": fields}
        if type_ != WORD:
            about["categories"] = dice.sample(CATEGORIES, dice.number(1, 2))
        if type_ == REPORT:
            about["as_of"] = timing.text(self.now)
        return {"about": about, "content": self.content(dice, iss, fields, flaws)}

    def patch(self, dice: Dice, fields: Mapping[str, str], flaws: frozenset[str]) -> list[dict[str, str]]:
        """Operations of which each applies, and perhaps one that does not."""
        left, found = dict(fields), []
        for _ in range(dice.number(1, 3)):
            name, value = dice.pick(sorted(left) or FIELDS), dice.pick(VALUES)
            op = dice.pick(["test", "replace", "remove", "add"] if left else ["add"])
            name = dice.pick(FIELDS) if op == "add" else name
            found.append({"op": op, "path": f"/{name}", "value": left[name] if op == "test" else value})
            if op == "remove":
                del left[name], found[-1]["value"]
            elif op != "test":
                left[name] = value
        if "patch" in flaws:
            lacking = [name for name in FIELDS if name not in left]
            there, other = dice.pick(sorted(left) or FIELDS), dice.pick(lacking or ["none"])
            wrong: list[dict[str, str]] = [
                {"op": "test", "path": f"/{there}", "value": "never"},
                {"op": "test", "path": f"/{other}", "value": "one"},
                {"op": "replace", "path": f"/{other}", "value": "one"},
                {"op": "remove", "path": f"/{other}"},
                {"op": "replace", "path": f"/{there}"},
            ]
            found.insert(dice.pick([0, len(found)]), dice.pick(wrong))
        return found

    def said_below(
        self, dice: Dice, type_: str, view: View, iss: str, agr: str | None, flaws: frozenset[str]
    ) -> dict[str, Any]:
        """A body; ``view`` is the thread of the message or, where it opens one, the parent."""
        above = self.above(view)
        if type_ in OWN or type_ in (SHARE, REPORT):
            free = (type_, iss) == (WORD, above.first) or type_ in (SHARE, REPORT)
            purpose = dice.pick(PURPOSES) if free else self.fitting(dice, above, type_, agr, flaws)
            if type_ not in (ASK, REQUEST):
                return self.about(dice, type_, iss, purpose, flaws)
            asked = self.categories(dice, above, agr, flaws)
            answer_by = self.until(dice, flaws)
            if type_ == ASK:
                items = [{"category": category} for category in asked]
                return {"purpose": purpose, "items": items, "answer_by": answer_by}
            wanted = dict.fromkeys(
                [purpose, *(self.fitting(dice, above, type_, agr, NONE) for _ in range(dice.number(0, 3)))]
            )
            return request(self.now, *wanted, data=asked, answer_by=answer_by)
        if type_ == GRANT:
            some = view.asked or list(self.purposes)
            given = dice.sample(some, dice.number(1, len(some)))
            return {"purposes": self.more(dice, given, flaws), "valid_until": self.until(dice, flaws)}
        if type_ == NARROW:
            some = view.granted or list(self.purposes)
            left = dice.sample(some, dice.number(1, max(1, len(some) - dice.number(0, 1))))
            return {"purposes": self.more(dice, left, flaws, view.asked)}
        if type_ == RENEW:
            return {"valid_until": self.until(dice, flaws)}
        if type_ == PROPAGATED:
            return {"stopped_at": timing.text(self.now), "told": []}
        if type_ == VERIFY:
            return {"as_of": timing.text(self.now - dice.pick([0, 0, 60]))}
        if type_ == SUBMIT:
            of = dice.pick(sorted(view.fields) or view.mids or [NOWHERE])
            if "of" in flaws:
                elsewhere = [
                    v for v in self.world.views.values() if v.pair == view.pair and v.thid != view.thid
                ]
                others = [mid for v in elsewhere for mid in (v.fields or v.mids[:1])]
                of = dice.pick([NOWHERE, *view.mids, *others, *others])
            patch = self.patch(dice, view.fields.get(of, {}), flaws)
            return {"of": of, "patch": patch, "answer_by": self.until(dice, flaws)}
        if type_ == APPLY:
            return {"applied_at": timing.text(self.now)}
        return {"reasons": {"/email": "We cannot reach you there."}} if type_ == DENY else {}

    def more(
        self, dice: Dice, given: list[str], flaws: frozenset[str], asked: Sequence[str] = ()
    ) -> list[str]:
        """Purposes, and perhaps one too many."""
        if "purpose" in flaws:
            given = [*given, dice.pick([p for p in (*asked, *PURPOSES) if p not in given])]
        return dice.sample(given, len(given))

    def body(self, dice: Dice, type_: str, view: View, agr: str | None, flaws: frozenset[str]) -> Any:
        """Fewer preferences than elsewhere: they stop what is to follow."""
        found = super().body(dice, type_, view, agr, flaws)
        if type_ == "relationship.open" and dice.number(0, 3):
            found.pop("preferences", None)
        return found

    # --- messages -------------------------------------------------------------------------------

    def opens(self, dice: Dice, parent: View, type_: str, flaws: frozenset[str] = NONE) -> Sent:
        """The first message of a thread below a relationship, or of a correction below a data thread."""
        role = dice.pick(below.OPENERS[type_])
        if "role" in flaws:
            role = dice.pick(["first", "second"])
        party, aud = parent.pair if role == "first" else (parent.second, parent.first)
        more: dict[str, str | None] = {"pthid": parent.thid}
        if "parent" in flaws:
            more["pthid"] = dice.pick([None, NOWHERE, *self.thids])
        if type_ != SUBMIT:
            more["agr"] = self.under(dice, party, parent, flaws)
        body = self.said_below(dice, type_, parent, party, more.get("agr"), flaws)
        return self.make(party, type_, body, aud, flaws, more)

    def sent_in(self, dice: Dice, view: View, role: str, type_: str, flaws: frozenset[str] = NONE) -> Sent:
        if type_ not in BELOW:
            return super().sent_in(dice, view, role, type_, flaws)
        party, aud = view.pair if role == "first" else (view.second, view.first)
        if "thid" in flaws and dice.coin():
            party = dice.pick(sorted(EVERYONE))
        more = self.where(dice, view, flaws, eager=type_ in model.NEEDS_HEAD)
        if (role, type_) in below.UNDER_TERMS:
            more["agr"] = self.under(dice, party, view, flaws)
        body = self.said_below(dice, type_, view, party, more.get("agr"), flaws)
        return self.make(party, type_, body, aud, flaws, more)

    def message(self, dice: Dice) -> Sent:
        standing = self.relationships()
        if not standing or not dice.number(0, 5):
            return super().message(dice)
        if dice.coin():
            return self.move(dice)
        data = [view for view in self.world.views.values() if view.kind == "data"]
        if data and not dice.number(0, 3):
            return self.opens(dice, dice.pick(data), SUBMIT, self.flaws(dice, SUBMIT))
        type_ = dice.pick(sorted(below.OPENERS.keys() - {SUBMIT}))
        every = [view for view in self.world.views.values() if view.kind == "relationship"]
        return self.opens(
            dice, dice.pick(standing if dice.number(0, 4) else every), type_, self.flaws(dice, type_)
        )

    def moving(self, dice: Dice) -> str:
        """Mostly a thread below a relationship, and mostly one that can go on."""
        views = [view for view in self.world.views.values() if view.kind in below.KINDS]
        lively = [view for view in views if holds_more(self.world, view)]
        if lively and dice.number(0, 5):
            return dice.pick(lively).thid
        return dice.pick(views).thid if views and dice.number(0, 2) else super().moving(dice)

    def put(self, party: str, data: bytes) -> None:
        for home in self.homes:
            home.put_blob(party, digest(data), data, self.now)
        self.model.put(party, digest(data), len(data), self.now)

    # --- what is done in a row ------------------------------------------------------------------

    def began(self, dice: Dice, parent: View, type_: str, flaws: frozenset[str] = NONE) -> View | None:
        """A thread below, if its first message was taken."""
        sent = self.opens(dice, parent, type_, flaws)
        self.submit([sent], together=dice.coin())
        return self.world.views.get(sent.act.mid)

    def go_on(self, dice: Dice, view: View, *, wrong: bool = False) -> View:
        """A move for which there is a row."""
        moves = sorted((r, t) for s, r, t in model.MOVES[view.kind] if s == view.state)
        if not moves:
            return view
        role, type_ = dice.pick([move for move in moves for _ in range(self.often.get(move[1], 2))])
        return self.say(dice, view.thid, role, type_, self.flaws(dice, type_) if wrong else NONE)

    def ready(self, dice: Dice, view: View) -> View:
        """It stands on a rung on which the organisation may ask, if an agreement lets it."""
        self.have_read(dice, view.pair)
        if view.state == "paused":
            view = self.say(dice, view.thid, "first", "relationship.resume")
        if view.preferences.keys() > {"zone"} and dice.number(0, 2):
            view = self.prefers(dice, view, {"zone": "UTC"})
        if not self.in_force(view.pair):
            self.agreed(dice, view.pair)
        live = self.in_force(view.pair)
        if not live or view.state not in STANDING or max(self.judged(view, made) for made in live) > 1:
            return self.world.views[view.thid]
        about = dice.pick(live)
        reached = [n for n in range(2, len(STAGES)) if RUNGS.reach(n, about.agreement)]
        body = {"stage": STAGES[dice.pick(reached)], "ladder": RUNGS.digest}
        more = {"thid": view.thid, "prev": view.head, "agr": about.record}
        self.submit([self.make(view.first, STEP, body, view.second, NONE, more)], together=dice.coin())
        return self.world.views[view.thid]

    def prefers(self, dice: Dice, view: View, said: dict[str, Any]) -> View:
        """She says when and how often."""
        more = {"thid": view.thid, "prev": view.head}
        sent = self.make(view.first, PREFER, {"preferences": said}, view.second, NONE, more)
        self.submit([sent], together=dice.coin())
        return self.world.views[view.thid]

    def agreed(self, dice: Dice, pair: tuple[str, str]) -> View | None:
        """Often one of another class, which goes beside what is in force."""
        classes = {view.agreement_class for view in self.in_force(pair)}
        self.names = NAMES if "PDC-AI" in classes or dice.coin() else ("PDC-AI",)
        made = super().agreed(dice, pair)
        self.names = NAMES
        return made

    def judged(self, view: View, made: View) -> int:
        """The rung by which a message under an agreement is judged."""
        return RUNGS.judged(view.stage, made.agreement, below.consented(self.world, view.thid))

    def place(self, dice: Dice) -> View:
        """A relationship in which things are asked and said."""
        return self.ready(dice, self.some(dice))

    def own_accord(self, dice: Dice, above: View, flaws: frozenset[str] = NONE) -> View | None:
        """The organisation asks for something or says something, in a new dialogue or in one that goes on."""
        type_ = dice.pick([*OWN, WORD])
        open_ = [v for v in self.under_it(above.thid) if (v.kind, v.state) == ("dialogue", "open")]
        if type_ == WORD and open_ and dice.coin():
            return self.say(dice, dice.pick(open_).thid, "second", WORD, flaws)
        if type_ == WORD:
            sent = self.opens(dice, above, WORD, flaws)
            while sent.act.iss == above.first:
                sent = self.opens(dice, above, WORD, flaws)
            self.submit([sent], together=dice.coin())
            return self.world.views.get(sent.act.mid)
        return self.began(dice, above, type_, flaws)

    def consent(self, dice: Dice, above: View) -> View | None:
        """Asked for, and mostly granted."""
        view = self.began(dice, above, REQUEST)
        if view is not None and not dice.number(0, 4):
            view = self.say(dice, view.thid, "first", GRANT, frozenset({"purpose"}))
        if view is not None and view.state == "requested" and dice.number(0, 5):
            view = self.say(dice, view.thid, "first", GRANT)
        return view

    def see(self, dice: Dice, thid: str) -> None:
        """How the two stand, by one of the homes."""
        self.look_at_standing(Reader(dice.pick(self.homes)), self.world, self.world.views[thid], self.now)

    def pass_time(self, dice: Dice) -> None:
        """Often to the edge of what is below a relationship."""
        edges = [v.deadline for v in self.world.views.values() if v.kind in below.KINDS and v.deadline]
        if edges and dice.coin():
            self.now = max(self.now, dice.pick(sorted(edges)) + dice.pick([-1, 0, 0, 1]))
        else:
            super().pass_time(dice)

    # --- rules ----------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def something_below(self, seed: int) -> None:
        """It is begun and goes on, or is not even begun."""
        dice = self.dice(seed)
        above = self.place(dice)
        type_ = dice.pick(sorted(below.OPENERS.keys() - {SUBMIT}))
        view = self.began(dice, above, type_, self.flaws(dice, type_))
        for _ in range(dice.number(1, 5) if view is not None else 0):
            assert view is not None
            view = self.go_on(dice, self.world.views[view.thid], wrong=True)
            if not dice.number(0, 2):
                self.pass_time(dice)
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_consent(self, seed: int) -> None:
        """What it allows, as it is given, narrowed, renewed, taken back or over."""
        dice = self.dice(seed)
        above = self.place(dice)
        if dice.coin():
            self.agreed(dice, above.pair)
        view = self.consent(dice, above)
        for _ in range(dice.number(1, 3) if view is not None else 0):
            assert view is not None
            view = self.world.views[view.thid]
            for purpose in dice.sample(view.asked, min(2, len(view.asked))):
                for made in self.in_force(above.pair)[-2:]:
                    self.word_for(dice, self.world.views[above.thid], purpose, made.record)
            how = dice.number(0, 5)
            if how < 3:
                view = self.go_on(dice, self.world.views[view.thid], wrong=how == 0)
            elif how == 3:
                type_, wrong = dice.pick(WRONGLY)
                view = self.say(dice, view.thid, "first", type_, frozenset({wrong}))
            else:
                self.pass_time(dice)
        if view is not None and view.asked:
            self.word_for(dice, self.world.views[above.thid], dice.pick(view.asked))
        self.see(dice, above.thid)

    def word_for(self, dice: Dice, above: View, purpose: str, record: str = "") -> None:
        """The organisation writes for exactly one purpose, under any agreement of the two."""
        agr = record or self.under(dice, above.second, above, NONE)
        body = self.about(dice, WORD, above.second, purpose, NONE)
        open_ = [v for v in self.under_it(above.thid) if (v.kind, v.state) == ("dialogue", "open")]
        more: dict[str, str | None] = {"agr": agr, "pthid": above.thid}
        if open_:
            more = {"agr": agr, "thid": open_[0].thid, "prev": open_[0].head}
        self.submit([self.make(above.second, WORD, body, above.first, NONE, more)], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def of_another_relationship(self, seed: int) -> None:
        """What was consented to here is said there: she to another one, or another one to them."""
        dice = self.dice(seed)
        granted = [v for v in self.world.views.values() if v.state == "granted"]
        given = dice.pick(granted) if granted else self.consent(dice, self.place(dice))
        if given is None:
            return
        pairs = [(given.first, o) for o in (VENDORS[0], SHOPS[0]) if o != given.second]
        pairs += [(p, given.second) for p in PERSONS[:2] if p != given.first]
        pair = dice.pick(pairs)
        there = [view for view in self.relationships() if view.pair == pair]
        if not there:
            made = self.begun(dice, pair)
            there = [made] if made is not None else []
        for above in there[:1]:
            above = self.ready(dice, above)
            for purpose in given.granted:
                self.word_for(dice, above, purpose)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_refusal(self, seed: int) -> None:
        """She refuses, and is asked again, in one way or the other, at once or when half a year is over."""
        dice = self.dice(seed)
        above = self.place(dice)
        type_ = dice.pick([ASK, REQUEST])
        view = self.began(dice, above, type_)
        if view is None:
            return
        role, how = {ASK: ("first", KEEP_BACK), REQUEST: ("first", REFUSE)}[type_]
        if not dice.number(0, 3):
            role, how = {ASK: ("second", RETRACT), REQUEST: ("second", GIVE_BACK)}[type_]
        view = self.say(dice, view.thid, role, how)
        for _ in range(2):
            about = self.world.views[above.thid]
            self.asked_for(dice, about, dice.pick([ASK, REQUEST]), dice.pick(view.asked))
            edges = [model.later(at, "P6M") for times in about.declined.values() for at in times]
            if edges and not dice.number(0, 2):
                self.now = max(self.now, dice.pick(edges) + dice.pick([-1, 0]))
                if not self.in_force(above.pair):
                    self.agreed(dice, above.pair)
        self.see(dice, above.thid)

    def asked_for(self, dice: Dice, above: View, type_: str, purpose: str) -> View | None:
        """Something is asked for exactly one purpose."""
        agr = self.under(dice, above.second, above, NONE)
        body = self.said_below(dice, type_, above, above.second, agr, NONE)
        body |= {"purpose": purpose} if type_ == ASK else {"purposes": [purpose]}
        more = {"agr": agr, "pthid": above.thid}
        sent = self.make(above.second, type_, body, above.first, NONE, more)
        self.submit([sent], together=dice.coin())
        return self.world.views.get(sent.act.mid)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def what_is_held(self, seed: int) -> None:
        """Shared or reported, verified, and corrected in ways that apply or do not."""
        dice = self.dice(seed)
        above = self.place(dice)
        if dice.coin():
            self.began(dice, above, dice.pick([SHARE, REPORT]))
        view = self.began(dice, above, dice.pick([SHARE, REPORT]))
        if view is None:
            return
        for _ in range(dice.number(0, 2)):
            view = self.go_on(dice, self.world.views[view.thid])
        if not dice.number(0, 4):
            self.say(dice, above.thid, dice.pick(["first", "second"]), END)
        for _ in range(dice.number(1, 3)):
            wrong = dice.pick(["", "", "patch", "patch", "of", "dates"])
            made = self.began(dice, self.world.views[view.thid], SUBMIT, frozenset({wrong}))
            if made is not None:
                self.answered(dice, made)
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30)
    def answers_come_late(self, seed: int) -> None:
        """Corrections are overdue, and each is answered in another way."""
        dice = self.dice(seed)
        view = self.began(dice, self.place(dice), dice.pick([SHARE, REPORT]))
        found = [self.began(dice, view, SUBMIT) for _ in range(3) if view is not None]
        made = [one for one in found if one is not None]
        self.now = max([self.now, *(one.deadline or 0 for one in made)])
        for one, (role, type_) in zip(made, ANSWERS, strict=False):
            self.say(dice, one.thid, role, type_)

    def answered(self, dice: Dice, made: View) -> None:
        """A correction, in time or not, or when much else is over."""
        how = dice.number(0, 6)
        if how < 2 and made.deadline is not None:
            self.now = max(self.now, made.deadline + dice.pick([-1, 0, 0]))
        if how == 2:
            self.say(dice, self.above(made).thid, "second", END)
        if how == 3:
            self.say(dice, made.parent, "second", CLOSE_DATA)
        if how < 6:
            self.say(dice, made.thid, *dice.pick(ANSWERS))

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def a_talk(self, seed: int) -> None:
        """Either begins; she mutes it, and the organisation writes or may not."""
        dice = self.dice(seed)
        above = self.place(dice)
        view = self.began(dice, above, WORD)
        if view is None:
            return
        for _ in range(dice.number(2, 5)):
            role, type_ = dice.pick(
                [("first", MUTE), ("second", WORD), ("second", WORD), ("first", WORD), ("first", UNMUTE)]
            )
            wrong = dice.pick(["", "", "", "purpose", "stale", "prev"])
            view = self.say(dice, view.thid, role, type_, frozenset({wrong}))
        if not dice.number(0, 3):
            self.say(dice, view.thid, dice.pick(["first", "second"]), below.CLOSE)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 or self.relationships())
    def she_says_how_often(self, seed: int) -> None:
        """A rate, and what is taken, refused and said by her under it; quiet hours come along."""
        dice = self.dice(seed)
        above = self.place(dice)
        said = self.preferences(dice)
        if dice.number(0, 3):
            rate = {"most": dice.number(1, 3), "within": dice.pick(["PT1H", "P1D", "P1M"])}
            said = {"zone": "UTC", "rate": rate}
        self.prefers(dice, above, said)
        for _ in range(dice.number(2, 6)):
            about = self.world.views[above.thid]
            wrong = dice.pick(["", "", "", "purpose", "categories"])
            how = dice.number(0, 9)
            if how == 0:
                self.began(dice, about, dice.pick([SHARE, REPORT]))
            elif how == 1:
                self.say(dice, about.thid, "second", INVITE)
            else:
                self.own_accord(dice, about, frozenset({wrong}))
            if not dice.number(0, 3):
                self.pass_time(dice)
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.relationships())
    def she_goes_up_or_down(self, seed: int) -> None:
        """And what may be asked for there."""
        dice = self.dice(seed)
        above = self.place(dice)
        if dice.coin():
            body = {"stage": dice.pick(STAGES[:4])}
            more = {"thid": above.thid, "prev": above.head}
            self.submit(
                [self.make(above.first, RETREAT, body, above.second, NONE, more)], together=dice.coin()
            )
        else:
            self.say(dice, above.thid, "first", STEP)
        for _ in range(3):
            wrong = dice.pick(["", "categories", "categories", "purpose"])
            type_ = dice.pick([ASK, REQUEST, WORD])
            self.began(dice, self.world.views[above.thid], type_, frozenset({wrong}))
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.relationships())
    def it_rests(self, seed: int) -> None:
        """She lets it, and either says what may be said then; and perhaps she goes on."""
        dice = self.dice(seed)
        above = self.place(dice)
        for _ in range(dice.number(0, 2)):
            self.began(dice, above, dice.pick([WORD, SHARE, REPORT, ASK, REQUEST]))
        self.say(dice, above.thid, "first", "relationship.pause")
        for _ in range(dice.number(2, 5)):
            about, under = self.world.views[above.thid], self.under_it(above.thid)
            lively = [view for view in under if holds_more(self.world, view)]
            if lively and dice.coin():
                self.go_on(dice, dice.pick(lively))
            else:
                self.began(dice, about, dice.pick([WORD, SHARE, REPORT, ASK, REQUEST]))
        if dice.coin():
            self.say(dice, above.thid, "first", "relationship.resume")
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: len(self.thids) < 30 and self.relationships())
    def other_terms(self, seed: int) -> None:
        """An agreement beside that of before or in its place, or none any more: what was under it ends."""
        dice = self.dice(seed)
        above = self.place(dice)
        for _ in range(dice.number(1, 2)):
            self.consent(dice, above)
        self.began(dice, above, dice.pick([WORD, SHARE, REPORT, ASK]))
        terms = [view for view in self.in_force(above.pair) if view.kind == "terms"]
        if terms and dice.coin():
            self.say(dice, dice.pick(terms).thid, dice.pick(["first", "second"]), model.EXIT)
        else:
            self.agreed(dice, above.pair)
        for view in self.under_it(above.thid):
            if dice.coin() and holds_more(self.world, view):
                self.go_on(dice, view, wrong=not dice.number(0, 3))
        self.own_accord(dice, self.world.views[above.thid])
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.relationships())
    def they_part(self, seed: int) -> None:
        """And say, ask and correct what they still may; some agreements go on, or are made anew."""
        dice = self.dice(seed)
        above = self.place(dice)
        if dice.coin():
            self.purchase(dice, *above.pair)
        for _ in range(dice.number(0, 3)):
            made = self.began(dice, above, dice.pick(sorted(below.OPENERS.keys() - {SUBMIT})))
            if made is not None and made.kind == "consent":
                self.say(dice, made.thid, "first", GRANT)
            if made is not None and made.kind == "dialogue" and dice.coin():
                self.say(dice, made.thid, "first", MUTE)
            if made is not None and made.fields and dice.coin():
                self.began(dice, made, SUBMIT)
        if not dice.number(0, 5):
            self.fill(dice, above.pair)
        self.say(dice, above.thid, dice.pick(["first", "second"]), END)
        if not dice.number(0, 2):
            self.agreed(dice, above.pair)
        for view in self.under_it(above.thid):
            role, type_ = dice.pick(sorted((r, t) for _, r, t in below.KINDS[view.kind]))
            legal = sorted((r, t) for s, r, t in below.KINDS[view.kind] if s == view.state)
            self.say(dice, view.thid, *(dice.pick(legal) if legal else (role, type_)))
        for type_ in dice.sample(sorted(below.OPENERS.keys() - {SUBMIT}), 2):
            self.began(dice, self.world.views[above.thid], type_)
        if dice.coin():
            self.say(dice, above.thid, "second", ATTESTED)
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: any(v.state in ("withdrawn", "lapsed") for v in self.world.views.values()))
    def it_is_passed_on(self, seed: int) -> None:
        """That a consent is over, also where her inbox is full; a correction is answered likewise."""
        dice = self.dice(seed)
        over = [
            v for v in self.world.views.values() if v.kind == "consent" and v.state in ("withdrawn", "lapsed")
        ]
        for view in over[:1]:
            if not dice.number(0, 3):
                self.fill(dice, view.pair)
            self.say(dice, view.thid, "second", PROPAGATED)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.relationships())
    def another_key(self, seed: int) -> None:
        """She changes it while there is something below; all of it goes on under the new one."""
        dice = self.dice(seed)
        above = self.place(dice)
        for _ in range(dice.number(1, 2)):
            self.began(dice, above, dice.pick(sorted(below.OPENERS.keys() - {SUBMIT})))
        terms = [view for view in self.in_force(above.pair) if view.kind == "terms"]
        self.say(dice, dice.pick([above, *terms]).thid, "first", model.ROTATION)
        for view in self.under_it(above.thid):
            if holds_more(self.world, view) and dice.number(0, 2):
                self.go_on(dice, view)
        self.own_accord(dice, self.world.views[above.thid])
        self.see(dice, above.thid)

    @rule(seed=SEEDS)
    @precondition(lambda self: self.relationships())
    def a_crossing(self, seed: int) -> None:
        """Messages of several threads of two parties in one batch, each right as things stood before it."""
        dice = self.dice(seed)
        above = self.place(dice)
        found = []
        for view in self.under_it(above.thid)[-4:]:
            legal = sorted((r, t) for s, r, t in below.KINDS[view.kind] if s == view.state)
            if legal:
                found.append(self.sent_in(dice, view, *dice.pick(legal)))
        found += [self.opens(dice, above, dice.pick([WORD, ASK, REQUEST, SHARE])) for _ in range(2)]
        live = [view for view in self.in_force(above.pair) if view.kind == "terms"]
        found += [self.sent_in(dice, view, "first", model.EXIT) for view in live[:1] if dice.coin()]
        if not dice.number(0, 3):
            found.append(self.sent_in(dice, above, dice.pick(["first", "second"]), END))
        dice.shuffle(found)
        self.submit(found[:5], together=True)

    # --- what is read ---------------------------------------------------------------------------

    def look(self, home: Home, later: int, thid: str) -> None:
        super().look(home, later, thid)
        world = self.model.world.at(later)
        for view in world.views.values():
            if view.kind == "relationship":
                self.look_at_standing(Reader(home), world, view, later)

    def look_at_record(self, reader: Reader, later: int, view: View, party: str) -> None:
        if view.kind != "consent" or not view.record or party not in view.parties:
            super().look_at_record(reader, later, view, party)
            return
        record = reader.record(party, view.record, later)
        assert [m["receipt"] for m in record["messages"]] == [self.receipts[mid] for mid in view.mids]
        told = (record["id"], record["thid"], record["state"], record["purposes"], record.get("valid_until"))
        until = view.deadline if view.state == "granted" else None
        assert told == (view.record, view.thid, view.state, view.granted, until)
        assert (record["relationship"], record["agreement"]) == (view.parent, view.agr)

    def look_at_standing(self, reader: Reader, world: World, view: View, now: int) -> None:
        """VRM-STD-001 to VRM-STD-007, VRM-LED-001, VRM-LED-002 and VRM-LED-004."""
        with pytest.raises(ProtocolError, match="not-found"):
            reader.relationship(next(p for p in EVERYONE if p not in view.parties), view.thid, now)
        under = [v for v in world.views.values() if v.parent == view.thid]
        given = below.consented(world, view.thid)
        of_pair = world.of_pair(view.pair)
        live = [v for v in of_pair if v.kind in LIVE and v.record and v.state in LIVE[v.kind]]
        expected = {
            "state": view.state,
            "stage": view.stage or STAGES[0],
            "preferences": view.preferences or None,
            "agreements": [
                (v.record, v.agreement, STAGES[RUNGS.judged(view.stage, v.agreement, given)])
                for v in sorted(live, key=lambda v: v.record)
            ],
            "consents": sorted(
                (v.record, v.granted, v.deadline)
                for v in under
                if (v.kind, v.state) == ("consent", "granted")
            ),
            "data": [told for v in under if v.kind == "data" for told in self.data_told(v)],
            "corrections": sorted(
                (v.thid, self.acts[v.thid][0].body["of"], v.state, self.acts[v.thid][1])
                for v in world.views.values()
                if v.kind == "correction" and v.parent in {u.thid for u in under}
            ),
        }
        for party in view.parties:
            told = reader.relationship(party, view.thid, now)
            shown = {
                "state": told["state"],
                "stage": told["stage"],
                "preferences": told.get("preferences") or None,
                "agreements": sorted((a["id"], a["agreement"], a["stage"]) for a in told["agreements"]),
                "consents": sorted((c["id"], c["purposes"], c.get("valid_until")) for c in told["consents"]),
                "data": told["data"],
                "corrections": sorted((c["thid"], c["of"], c["state"], c["at"]) for c in told["corrections"]),
            }
            assert shown == expected, (shown, expected)
            refused = {one["mid"]: one for one in told.get("refused", ())}
            assert len(refused) == len(told.get("refused", ()))
            assert ("refused" in told) == (party == view.first)
            assert party != view.first or refused == self.ledger.get(view.thid, {})

    def data_told(self, view: View) -> list[dict[str, Any]]:
        """What is told of one data thread."""
        found: list[dict[str, Any]] = []
        for mid in view.mids:
            act, at = self.acts[mid]
            if act.type == VERIFY:
                found[-1]["verified_as_of"] = act.body["as_of"]
            if act.type in (SHARE, REPORT):
                if found:
                    found[-1].pop("verified_as_of", None)  # of the last one alone
                about = {name: value for name, value in act.body["about"].items() if name != "sources"}
                more = {"thid": view.thid, "mid": mid, "type": act.type, "agr": act.agr, "at": at}
                found.append({**more, **about, "state": view.state})
        return found


LIVE = {"terms": ("agreed",), "offer": model.LIVE_OFFER}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("model"))


SHORT = settings(PROFILE, max_examples=25)
LONGER = settings(LONG, max_examples=70, stateful_step_count=40)
ROWS = {(kind, *cell) for kind in below.KINDS for cell in SPEC.kinds[kind].cells}
MOVED = {
    (kind, name, cause)
    for kind in below.KINDS
    for name, state in SPEC.kinds[kind].states.items()
    for cause in state.moves
}
RULES = {
    "VRM-REL-001",
    "VRM-REL-005",
    "VRM-REL-006",
    "VRM-REL-007",
    "VRM-REL-014",
    "VRM-REL-015",
    "VRM-LAD-010",
    "VRM-LAD-011",
    "VRM-PUR-001",
    "VRM-PUR-002",
    "VRM-CNS-001",
    "VRM-CNS-002",
    "VRM-CNS-003",
    "VRM-COR-001",
    "VRM-COR-002",
}


def test_a_home_over_either_store_is_the_model_of_what_lies_below(template: Path) -> None:
    run(Below, template, SHORT)


@pytest.mark.long
def test_it_is_in_long_runs_too(template: Path) -> None:
    """And a run visits every row of the four kinds, all that moves them besides, and every rule."""
    Below.seen.clear()
    missing = wanted = ROWS | MOVED | RULES
    for steps in (
        40,
        50,
        30,
    ):  # what is drawn depends on the numbers in the sources: a rare rule may take more
        run(Below, template, settings(LONGER, stateful_step_count=steps))
        if not (missing := wanted - Below.seen):
            break
    assert not missing, missing


# --- the method sees faults ---------------------------------------------------------------------


def with_cell(kind: str, state: str, role: str, type_: str, like: str) -> Spec:
    """The spec with one row in one more state."""
    cells = SPEC.kinds[kind].cells
    return with_kind(kind, cells={**cells, (state, role, type_): cells[like, role, type_]})


def without_guard(kind: str, type_: str, guard: str, by: str = "") -> Spec:
    """The spec with a guard left out of the rows of a type."""
    left = {g for cell, row in SPEC.kinds[kind].cells.items() if cell[2] == type_ for g in row.guards}
    rows = {c: r for c, r in SPEC.kinds[kind].cells.items() if c[2] == type_ and by in ("", c[1])}
    assert guard in left
    changed = {c: replace(r, guards=tuple(g for g in r.guards if g != guard)) for c, r in rows.items()}
    return with_kind(kind, cells={**SPEC.kinds[kind].cells, **changed})


def with_guard(kind: str, type_: str, by: str, guard: str) -> Spec:
    """The spec with one more guard in the rows of a type, before the others but the first."""
    cells = SPEC.kinds[kind].cells
    changed = {
        c: replace(r, guards=(*r.guards[:1], guard, *r.guards[1:]))
        for c, r in cells.items()
        if c[2] == type_ and c[1] == by and "agreement-live" in r.guards
    }
    return with_kind(kind, cells={**cells, **changed})


def consents(found: Callable[[Loading, Reads, Thread, int], set[str]]) -> Seed:
    """The purposes for which a consent is in force are others, where any are asked for."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        def wrong(
            self: Loading, reads: Reads, above: Thread | None, message: Any, now: int
        ) -> frozenset[str]:
            if above is None or message.type not in self._by_purpose:
                return frozenset()
            return frozenset(found(self, reads, above, now))

        patch.setattr(Loading, "_consents", wrong)
        return SPEC

    return seed


def in_force(self: Loading, reads: Reads, above: Thread, now: int) -> set[str]:
    live = [t for t in reads.below(above.thid, ["consent"]) if self.status(reads, t, now).state == "granted"]
    return {purpose for thread in live for purpose in thread.facts["granted"]}


def of_others(self: Loading, reads: Reads, above: Thread, now: int) -> set[str]:
    """Of her relationships to all organisations."""
    pairs = [(above.first, second) for second in (VENDORS[0], SHOPS[0])]
    heads = [reads.thread(thid) for pair in pairs for thid in reads.threads_of(*pair)]
    found = [in_force(self, reads, head, now) for head in heads if head and head.kind == "relationship"]
    return set().union(*found)


def of_anybody(self: Loading, reads: Reads, above: Thread, now: int) -> set[str]:
    """Of everybody's relationships to this organisation."""
    heads = [reads.thread(thid) for first in FIRSTS for thid in reads.threads_of(first, above.second)]
    found = [in_force(self, reads, head, now) for head in heads if head and head.kind == "relationship"]
    return set().union(*found)


def second_too_long(self: Loading, reads: Reads, above: Thread, now: int) -> set[str]:
    return in_force(self, reads, above, now) | in_force(self, reads, above, now - 1)


def asked_is_enough(self: Loading, reads: Reads, above: Thread, now: int) -> set[str]:
    """All that was asked for, once she has granted some of it."""
    live = [t for t in reads.below(above.thid, ["consent"]) if self.status(reads, t, now).state == "granted"]
    return {purpose for thread in live for purpose in thread.facts["asked"]}


def taken_back_counts(self: Loading, reads: Reads, above: Thread, now: int) -> set[str]:
    """What was granted once, until the organisation says that it has stopped."""
    states = ("granted", "withdrawn")
    live = [t for t in reads.below(above.thid, ["consent"]) if self.status(reads, t, now).state in states]
    return {purpose for thread in live for purpose in thread.facts.get("granted", ())}


def late(kind: str) -> Seed:
    """A deadline of a kind passes a second after it."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        right = threads._next_move

        def wrong(state: Any, since: int, deadline: int | None, thread: Thread, *rest: Any) -> Any:
            if thread.kind == kind and deadline is not None:
                deadline += 1
            return right(state, since, deadline, thread, *rest)

        patch.setattr(threads, "_next_move", wrong)
        return SPEC

    return seed


def of_type(*types: str) -> Callable[[guards.Case], bool]:
    return lambda case: case.message.type in types


def consented_to(case: guards.Case) -> bool:
    return bool(case.message.body.get("about", case.message.body)["purpose"] in case.context.consents)


def her_own_rests_too(patch: pytest.MonkeyPatch) -> Spec:
    """What she sends under an agreement is refused while it rests, too."""
    right = guards.GUARDS["agreement-live"]

    def wrong(case: guards.Case) -> None:
        right(case)
        parent = case.context.parent
        if parent is not None and parent.status.state == "paused":
            raise ProtocolError("relationship-paused", "it rests", rule="VRM-REL-014")

    patch.setitem(guards.GUARDS, "agreement-live", wrong)
    return SPEC


def refused_counts(patch: pytest.MonkeyPatch) -> Spec:
    """What was refused is counted for the rate as if it had been taken."""
    advance, often = Home._advance, preferences.often
    more: list[int] = []

    def wrong_advance(self: Home, batch: Any, message: Any) -> Any:
        thread = self._head(batch.tx, message.thid) if message.thid else None
        above = message.pthid or (thread and (thread.parent or thread.thid)) or ""
        more[:] = [one.at for one in self.store.refusals(above, 999)[0] if one.mid != message.mid]
        return advance(self, batch, message)

    patch.setattr(Home, "_advance", wrong_advance)
    patch.setattr(preferences, "often", lambda said, times, now: often(said, sorted([*times, *more]), now))
    return SPEC


def under_the_first(patch: pytest.MonkeyPatch) -> Spec:
    """What is said in a thread is judged by the agreement under which the thread was opened."""
    right = guards._grounds

    def wrong(case: guards.Case) -> Grounds:
        context = case.context
        return right(replace(case, context=replace(context, named=context.agreement or context.named)))

    patch.setattr(guards, "_grounds", wrong)
    return SPEC


def of_any_message(patch: pytest.MonkeyPatch) -> Spec:
    """A correction may name a message of any data thread of the two."""
    right = Loading._corrected

    def wrong(self: Loading, reads: Reads, parent: Any, message: Any) -> Any:
        found = right(self, reads, parent, message)
        thids = reads.threads_of(*parent.thread.pair) if parent is not None and message.type == SUBMIT else []
        others = (reads.thread(thid) for thid in thids)
        for other in others:
            if found is None and other is not None and other.kind == "data":
                found = right(self, reads, replace(parent, thread=other), message)
        return found

    patch.setattr(Loading, "_corrected", wrong)
    return SPEC


def patches_without_tests(patch: pytest.MonkeyPatch) -> Spec:
    right = patching.applied
    patch.setattr(
        patching, "applied", lambda patch, fields: right([op for op in patch if op["op"] != "test"], fields)
    )
    return SPEC


def shown_to_both(patch: pytest.MonkeyPatch) -> Spec:
    """The organisation reads what was refused."""
    right = Reader.relationship

    def wrong(self: Reader, party: str, thid: str, now: int) -> dict[str, Any]:
        return right(self, party, thid, now) | self._refused(self._own(party, thid))

    patch.setattr(Reader, "relationship", wrong)
    return SPEC


def lists_of_all_her(patch: pytest.MonkeyPatch) -> Spec:
    """She reads in one relationship what was refused in another one."""
    right = Reader._refused

    def wrong(self: Reader, thread: Thread) -> dict[str, Any]:
        store = self.home.store
        pairs = [(thread.first, second) for second in (VENDORS[0], SHOPS[0])]
        heads = [store.thread(thid) for pair in pairs for thid in store.threads_of(*pair)]
        own = [head for head in heads if head and head.kind == "relationship"]
        listed = [one for head in own for one in right(self, head)["refused"]]
        return right(self, thread) | {"refused": listed}

    patch.setattr(Reader, "_refused", wrong)
    return SPEC


def under_the_thread(patch: pytest.MonkeyPatch) -> Spec:
    """What is refused in a dialogue that goes on is listed nowhere."""
    right = Home._advance

    def wrong(self: Home, batch: Any, message: Any) -> Any:
        if message.thid is None or message.type != WORD:
            return right(self, batch, message)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(type(batch.tx), "refuse", lambda *args: None)
            return right(self, batch, message)

    patch.setattr(Home, "_advance", wrong)
    return SPEC


REFUSED = {"parent": ("refused:asked@P6M",)}

SEEDED: dict[str, Seed] = {
    "consents-of-another-relationship": consents(of_others),
    "narrowed-purposes-count": lambda patch: with_row("consent", NARROW, keep={}),
    "lapsed-in-force-at-its-second": consents(second_too_long),
    "granted-after-the-agreement": lambda patch: without_cause("consent", "granted", "released"),
    "muted-hears": lambda patch: with_cell("dialogue", "muted", "second", WORD, "open"),
    "prohibited-with-consent": overlooked("within-terms", "VRM-PUR-001", consented_to),
    "any-category": overlooked("stage-allows", "VRM-LAD-011", of_type(ASK)),
    "her-own-rests-too": her_own_rests_too,
    "field-that-is-not-there": overlooked("patch-applies", "VRM-COR-002"),
    "refused-counts-as-said": refused_counts,
    "data-outlive-the-attestation": lambda patch: with_kind("data", erased=False),
    "dialogues-outlive-the-attestation": lambda patch: with_kind("dialogue", erased=False),
    "inbox-outlives-the-attestation": wrong_append(lambda members: {"erases": members["erases"][:1]}),
    "consents-of-anybody": consents(of_anybody),
    "asked-is-enough": consents(asked_is_enough),
    "withdrawn-counts": consents(taken_back_counts),
    "consents-lapse-late": late("consent"),
    "requests-for-data-expire-late": late("data"),
    "corrections-overdue-late": late("correction"),
    "requested-after-the-agreement": lambda patch: without_cause("consent", "requested", "released"),
    "granted-after-the-end": lambda patch: without_cause("consent", "granted", "orphaned"),
    "dialogues-after-the-end": lambda patch: without_cause("dialogue", "muted", "orphaned"),
    "data-after-the-end": lambda patch: without_cause("data", "shared", "orphaned"),
    "corrections-end-with-their-data": lambda patch: with_state(
        "correction", "submitted", moves={"deadline": "overdue", "orphaned": "withdrawn"}
    ),
    "any-type-on-any-rung": overlooked("stage-allows", "VRM-LAD-010", of_type(ASK, REQUEST)),
    "any-category-in-requests": overlooked("stage-allows", "VRM-LAD-011", of_type(REQUEST)),
    "paused-is-written-to": overlooked("agreement-live", "VRM-REL-014", of_type(WORD)),
    "paused-is-reported-to": overlooked("agreement-live", "VRM-REL-014", of_type(REPORT)),
    "below-what-has-ended": overlooked("agreement-live", "VRM-REL-015"),
    "corrections-of-any-message": of_any_message,
    "corrections-of-anything": overlooked("patch-applies", "VRM-COR-001"),
    "patches-without-tests": patches_without_tests,
    "late-answers-refused": lambda patch: with_kind(
        "correction",
        cells={c: r for c, r in SPEC.kinds["correction"].cells.items() if c[::2] != ("overdue", APPLY)},
    ),
    "words-not-counted": lambda patch: with_row("dialogue", WORD, "second", count={}),
    "requests-not-counted": lambda patch: with_row("data", ASK, count={}),
    "refused-consents-forgotten": lambda patch: with_row("consent", REFUSE, count={}),
    "refused-data-forgotten": lambda patch: with_row("data", KEEP_BACK, count={}),
    "given-back-is-refused": lambda patch: with_row("consent", GIVE_BACK, count=REFUSED),
    "data-asked-again": lambda patch: without_guard("data", ASK, "not-asked-again"),
    "consents-asked-again": lambda patch: without_guard("consent", REQUEST, "not-asked-again"),
    "her-shares-by-purpose": lambda patch: with_guard("data", SHARE, "first", "within-terms"),
    "reports-in-quiet-hours-refused": lambda patch: with_guard("data", REPORT, "second", "preference-allows"),
    "words-by-no-preference": lambda patch: without_guard("dialogue", WORD, "preference-allows", "second"),
    "no-consent-needed": overlooked("within-terms", "VRM-PUR-002", of_type(ASK)),
    "consent-to-the-prohibited": missing_guard("not-prohibited"),
    "grants-of-more": overlooked("purposes-within", "VRM-CNS-002"),
    "narrowed-to-more": overlooked("purposes-within", "VRM-CNS-003"),
    "withdrawal-needs-prev": lambda patch: with_row("consent", WITHDRAW, exit=False),
    "mute-needs-prev": lambda patch: with_row("dialogue", MUTE, exit=False),
    "renewal-without-head": lambda patch: with_row("consent", RENEW, head=False),
    "renewed-under-nothing": lambda patch: without_guard("consent", RENEW, "agreement-live"),
    "renewed-into-the-past": lambda patch: without_guard("consent", RENEW, "deadline-ahead"),
    "renewal-renews-nothing": lambda patch: with_row("consent", RENEW, deadline=""),
    "passing-on-stopped-by-a-full-inbox": lambda patch: with_row("consent", PROPAGATED, duty=False),
    "judged-by-the-first-agreement": under_the_first,
    "files-never-put": missing_guard("blobs-held"),
    "refused-shown-to-both": shown_to_both,
    "refused-elsewhere-shown": lists_of_all_her,
    "refused-words-not-listed": under_the_thread,
}

FIRST = 4
"""So many are looked for in each run, the others in long ones."""
HUNTED = [*list(SEEDED)[:FIRST], *(pytest.param(n, marks=pytest.mark.long) for n in list(SEEDED)[FIRST:])]


@pytest.mark.parametrize("name", HUNTED)
def test_a_seeded_bug_is_found(template: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the same machine that finds nothing in the home as it is."""
    broken = SEEDED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run(Below, template, HUNT, broken)
