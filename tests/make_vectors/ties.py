"""What is opened below a relationship, with all that was said before, and how to write what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    NEXT,
    NOW,
    PERSON,
    SHOP,
    Fault,
    Story,
    Vector,
    agreed,
    claims,
    refused,
    rotation,
    taken,
    time,
    who,
    without_none,
)
from tests.make_vectors.bonds import BESIDE, LIVE, RETURNING, WIDE, Bond, bound, last
from tests.make_vectors.market import CARE, picture

Body = Mapping[str, Any]

DPV = "https://w3id.org/dpv#"
MARKETING, BENEFITS, QUALITY = (
    f"{DPV}{name}" for name in ("DirectMarketing", "PersonalisedBenefits", "DataQualityManagement")
)
"""Of no clause."""
RIGHTS = f"{DPV}RightsFulfilment"
"""Of a clause that SD-BASE has as optional."""
PERSONAL, TRACKING, ANALYTICS = (
    f"{DPV}{name}" for name in ("ServicePersonalisation", "TargetedAdvertising", "ServiceOptimisation")
)
"""Of clauses that SD-BASE prohibits."""
ALTRUISM = f"{DPV}DataAltruism"
"""Of a clause that SD-BASE does not have, and PDC-GOOD requires."""

NAMING_AGR = {"consent.grant", "consent.renew", "data.share", "data.report"}


def categories(*names: str) -> list[str]:
    return [f"https://w3id.org/dpv/pd#{name}" for name in names]


def asking(*purposes: str, data: tuple[str, ...] = ("EmailAddress",), **changes: Any) -> dict[str, Any]:
    """The right body of `consent.request`."""
    made = {
        "notice": {"digest": forge.digest(b"notice"), "lang": "en", "presented_at": time(NOW)},
        "controller": {"name": "Shop B.V.", "contact": "mailto:privacy@shop.example"},
        "purposes": list(purposes or (MARKETING, RIGHTS)),
        "data": categories(*data),
        "processing": [f"{DPV}Store", f"{DPV}Use"],
        "recipients": [],
        "storage": {"places": ["NL"], "period": "P1Y"},
        "jurisdiction": "NL",
        "withdrawal": "One message, at any time.",
        "rights": ["https://w3id.org/dpv/legal/eu/gdpr#A7-3"],
        "authority": {"name": "Autoriteit Persoonsgegevens", "contact": "https://ap.example"},
        "answer_by": time(NOW + DAY),
    }
    return without_none({**made, **changes})


def granting(*purposes: str, until: int = NOW + 30 * DAY) -> dict[str, Any]:
    return {"purposes": list(purposes or (MARKETING, RIGHTS)), "valid_until": time(until)}


def text(purpose: str = CARE, **changes: Any) -> dict[str, Any]:
    """The right body of `dialogue.message`."""
    made = {
        "about": {"purpose": purpose, "fields": ["text"]},
        "content": {"clear": {"text": "Does the car need winter tyres?"}},
    }
    return {**made, **changes}


def wanting(purpose: str = CARE, *names: str, **changes: Any) -> dict[str, Any]:
    """The right body of `data.request`."""
    items = [{"category": one} for one in categories(*(names or ("EmailAddress",)))]
    return {"purpose": purpose, "items": items, "answer_by": time(NOW + DAY), **changes}


FIELDS = {"email": "a.jansen@example.org", "phone": "020 1234567"}


def giving(purpose: str = CARE, **changes: Any) -> dict[str, Any]:
    """The right body of `data.share`, of all FIELDS."""
    about = {
        "purpose": purpose,
        "fields": list(FIELDS),
        "categories": categories("EmailAddress", "TelephoneNumber"),
    }
    return {"about": about, "content": {"clear": dict(FIELDS)}, **changes}


def reporting(purpose: str = CARE, **changes: Any) -> dict[str, Any]:
    """The right body of `data.report`, of all FIELDS."""
    made = giving(purpose)
    made["about"] |= {"as_of": time(NOW - DAY), "sources": {"email": "you, in May"}}
    return {**made, **changes}


def operation(op: str, path: str, *value: str) -> dict[str, str]:
    return {"op": op, "path": path, **({"value": value[0]} if value else {})}


RIGHT = (operation("replace", "/email", "anna@example.org"),)


def correcting(of: str, *patch: Body, **changes: Any) -> dict[str, Any]:
    """The right body of `correction.submit`."""
    return {"of": of, "patch": [dict(o) for o in patch or RIGHT], "answer_by": time(NOW + DAY), **changes}


PICTURED: dict[str, Any] = {"content": {"ref": picture()}}
"""A file in the place of fields: the blob PICTURE."""


@dataclass(frozen=True)
class Tie:
    """A thread below a relationship with all that was said so far, and how to write the next message.

    ``bond`` holds every message, those of this thread among them; its thid and head are the relationship's.
    """

    bond: Bond
    thid: str = ""
    head: str = ""

    @property
    def now(self) -> int:
        return self.bond.story.now

    @property
    def person(self) -> Key:
        return self.bond.story.person

    @property
    def relationship(self) -> str:
        return self.bond.story.thid

    def at(self, now: int) -> Tie:
        return replace(self, bond=self.bond.at(now))

    def after(self, *stories: Story) -> Tie:
        """With what was said in other threads since."""
        return replace(self, bond=self.bond.after(*stories))

    def under(self, live: Story) -> Tie:
        """The messages name this agreement from here on, which was made since."""
        return replace(self, bond=self.bond.under(live))

    def naming(self, agr: str) -> Tie:
        """The messages name another agreement from here on."""
        return replace(self, bond=replace(self.bond, agr=agr))

    def _made(self, key: Key, body: Body | None) -> dict[str, Any]:
        shop = self.bond.story.shop
        return {
            "aud": self.person.did if who(key) == who(shop) else who(shop),
            "iat": self.now,
            "exp": self.now + 3600,
            "salt": f"{len(self.bond.story.sent)}",
            "body": dict(body or {}),
        }

    def open(self, key: Key, kind: str, body: Body | None = None, **changes: Any) -> bytes:
        """The message that opens another thread below the relationship."""
        named = {"pthid": self.relationship, "agr": self.bond.agr}
        return forge.token(key, claims(key, kind, **{**self._made(key, body), **named, **changes}))

    def write(self, key: Key, kind: str, body: Body | None = None, **changes: Any) -> bytes:
        """The next message of this thread, with `agr` where the right one has it."""
        agr = kind in NAMING_AGR or (kind == "dialogue.message" and who(key) == who(self.bond.story.shop))
        named = {"thid": self.thid, "prev": self.head, **({"agr": self.bond.agr} if agr else {})}
        return forge.token(key, claims(key, kind, **{**self._made(key, body), **named, **changes}))

    def _told(self, token: bytes, state: str) -> Bond:
        story = self.bond.story.add(token, state)
        return replace(self.bond, story=replace(story, head=self.bond.story.head))

    def opened(self, key: Key, kind: str, state: str, body: Body | None = None, **changes: Any) -> Tie:
        """After the opening of another thread, which this one is from here on."""
        token = self.open(key, kind, body, **changes)
        return Tie(self._told(token, state), forge.mid(token), forge.mid(token))

    def said(self, key: Key, kind: str, state: str, body: Body | None = None, **changes: Any) -> Tie:
        token = self.write(key, kind, body, **changes)
        return replace(self, bond=self._told(token, state), head=forge.mid(token))

    def above(self, key: Key, name: str, state: str, body: Body | None = None) -> Tie:
        """After a message in the relationship."""
        return replace(self, bond=self.bond.add(self.bond.write(key, name, body), state))

    def over(self) -> Tie:
        """After the end of the relationship."""
        return self.above(self.person, "end", "ended")

    def paused(self) -> Tie:
        return self.above(self.person, "pause", "paused")

    def case(self, **more: Any) -> dict[str, Any]:
        return self.bond.case(**more)

    # --- what follows, by kind ----------------------------------------------------------------

    def asked(self, *purposes: str, **body: Any) -> Tie:
        made = asking(*purposes, **{"answer_by": time(self.now + DAY), **body})
        return self.opened(SHOP, "consent.request", "requested", made)

    def granted(self, *purposes: str, until: int = 0) -> Tie:
        """A consent for these, and for nothing else that was asked for."""
        body = granting(*purposes, until=until or self.now + 30 * DAY)
        asked = self.asked(*(purposes or (MARKETING, RIGHTS)))
        return asked.said(self.person, "consent.grant", "granted", body)

    def reported(self, **body: Any) -> Tie:
        return self.opened(SHOP, "data.report", "reported", reporting(**body))

    def shared(self, **body: Any) -> Tie:
        return self.opened(self.person, "data.share", "shared", giving(**body))

    def requested(self, purpose: str = CARE, *names: str) -> Tie:
        body = wanting(purpose, *names, answer_by=time(self.now + DAY))
        return self.opened(SHOP, "data.request", "requested", body)

    def written(self, key: Key = PERSON) -> Tie:
        return self.opened(key, "dialogue.message", "open", text())

    def correct(self, *patch: Body, of: str = "", key: Key | None = None, **changes: Any) -> bytes:
        """A correction of the last message of this thread of data, or of another one."""
        body = correcting(of or self.head, *patch, **{"answer_by": time(self.now + DAY)})
        body |= changes.pop("body", {})
        named = {"pthid": self.thid, "agr": None}
        return self.open(key or self.person, "correction.submit", body, **{**named, **changes})

    def corrected(self, *patch: Body, answer_by: int = 0, of: str = "") -> Tie:
        body = {"answer_by": time(answer_by)} if answer_by else {}
        token = self.correct(*patch, of=of, body=body)
        return Tie(self._told(token, "submitted"), forge.mid(token), forge.mid(token))

    def rotated(self) -> Tie:
        """After her key was changed in the relationship."""
        story = self.bond.story
        token = story.token(NEXT, "agent.rotate", rotation(story))
        moved = self.bond.add(token, "open")
        return replace(self, bond=replace(moved, story=replace(moved.story, person=NEXT)))


def but(tie: Tie, *left_out: int) -> dict[str, Any]:
    """What `then` says where some of the messages that were taken are left out, counted from the end."""
    sent = tie.bond.story.sent
    gone = {len(sent) - n for n in left_out}
    kept = [s for n, s in enumerate(sent) if n not in gone]
    return {"changes": {"thread": [{"file": s.file, "now": s.now, "state": s.state} for s in kept]}}


HER = Tie(bound(LIVE).stepped("subscriber"))
"""She is at the rung subscriber, under SD-BASE."""
AT_RETURNING = Tie(RETURNING)
AT_WIDE = Tie(bound(WIDE).stepped("profiled"))
"""Under SD-BASE-ATP, which permits what SD-BASE prohibits."""
TERMINATED = last(LIVE.add(LIVE.token(SHOP, "agreement.terminate"), "terminated"))
"""The end of the agreement under which everything is said."""
GOOD = agreed(salt="good", agreement="PDC-GOOD")
TWO = HER.after(BESIDE)
"""With another agreement in force beside."""

DEAD: Fault = ("VRM-REL-001", "agreement-not-live")
BELOW_END: Fault = ("VRM-REL-015", "agreement-not-live")
RESTS: Fault = ("VRM-REL-014", "relationship-paused")
LISTS: Fault = ("VRM-LAD-010", "stage-forbids")
CATEGORY: Fault = ("VRM-LAD-011", "stage-forbids")
AGAIN: Fault = ("VRM-REL-005", "asked-again")
QUIET: Fault = ("VRM-REL-006", "preference-forbids")
OFTEN: Fault = ("VRM-REL-007", "preference-forbids")
PROHIBITED: Fault = ("VRM-PUR-001", "terms-prohibit")
NEEDED: Fault = ("VRM-PUR-002", "consent-needed")
NOT_ASKED: Fault = ("VRM-CNS-002", "purpose-not-asked")
NOT_GRANTED: Fault = ("VRM-CNS-003", "purpose-not-asked")
AHEAD: Fault = ("VRM-THR-020", "deadline-invalid")
UNHELD: Fault = ("VRM-BLB-004", "blob-unknown")
NO_PARENT: Fault = ("VRM-THR-009", "parent-unknown")
NO_AGR: Fault = ("VRM-THR-010", "agreement-unknown")
MISSING: Fault = ("VRM-THR-007", "claim-missing")
UNNEEDED: Fault = ("VRM-THR-008", "claim-unknown")
ROLE: Fault = ("VRM-THR-004", "role-forbidden")
CONFLICT: Fault = ("VRM-THR-005", "state-conflict")
LATE: Fault = ("VRM-THR-006", "deadline-passed")
ASTRAY: Fault = ("VRM-THR-011", "prev-unknown")
STALE: Fault = ("VRM-THR-012", "prev-stale")
STRANGER_ASKS: Fault = ("VRM-THR-002", "thread-unknown")
INVALID: Fault = ("VRM-ENV-035", "body-invalid")


# --- every state and every type -------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """A type: who sends it, and in which states it is taken, each with the state that follows."""

    name: str
    by: str
    """`her`, `shop` or `either`."""
    states: Mapping[str, str]
    body: Callable[[Tie], Body] = lambda tie: {}
    shop: Mapping[str, str] | None = None
    """The states in which the organisation sends it, where they are others than hers."""

    def after(self, who_: str, state: str) -> str:
        """The state that follows, or '' where this party may not send it in that state."""
        if self.by not in (who_, "either"):
            return ""
        states = self.shop if who_ == "shop" and self.shop is not None else self.states
        return states.get(state, "")


@dataclass(frozen=True)
class Standing:
    """A thread in a state; `left` is the state that only a deadline has left."""

    slug: str
    state: str
    tie: Tie
    left: str = ""
    few: bool = False
    """Only what is taken here is shown: the rest was shown in another one."""


def cells(kind: str, moves: Sequence[Move], standings: Sequence[Standing]) -> Iterator[Vector]:
    """What each party may say in each state, and what only the other one may; the rest is for walks."""
    for one, move in product(standings, moves):
        for key, who_, name in ((PERSON, "her", "She"), (SHOP, "shop", "The organisation")):
            verdict = _verdict(one, move, who_)
            plain = not isinstance(verdict, str)
            if verdict is None or (plain and (one.few or "state-conflict" in verdict)):
                continue
            token = one.tie.write(key, f"{kind}.{move.name}", move.body(one.tie))
            slug = f"{kind}-{one.slug}-{move.name}-{who_}"
            what = f"{name} sends {kind}.{move.name} where it is {one.slug.replace('-', ' ')}."
            if isinstance(verdict, str):
                yield taken(slug, verdict, what, token, **one.tie.case())
            else:
                yield refused(slug, *verdict, what, token, **one.tie.case())


def _verdict(one: Standing, move: Move, who_: str) -> str | Fault | None:
    """The state that follows or the refusal; None where there is nothing to show."""
    other = "shop" if who_ == "her" else "her"
    if after := move.after(who_, one.state):
        return one.state if after == "=" else after
    if one.left and move.after(who_, one.left):
        return LATE
    if move.after(other, one.state):
        return ROLE
    return CONFLICT if move.by in (who_, "either") and not one.left else None
