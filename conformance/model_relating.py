"""Relationships as the prose of ``spec/protocol`` tells them: the ladder, what she has said, and who may.

A part of the account that ``conformance/model.py`` and ``conformance/model_home.py`` give; nothing of the
library is imported, and no table is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from conformance.model import Act, View, World

__all__ = ["ATTESTED", "END", "INVITE", "OPEN", "RELATIONSHIPS", "RETREAT", "STANDING", "STEP", "Rungs"]

OPEN = "relationship.open"
INVITE = "relationship.invite"
STEP = "relationship.step"
DECLINE = "relationship.decline"
RETREAT = "relationship.retreat"
PREFER = "relationship.prefer"
END = "relationship.end"
ATTESTED = "relationship.attest"

STANDING = ("open", "invited", "paused")
UNDER_TERMS = (OPEN, INVITE, STEP)
"""What names the agreement that it is sent under."""

RELATIONSHIPS: dict[tuple[str, str, str], str] = {
    ("open", "second", INVITE): "invited",
    ("open", "first", STEP): "open",
    ("invited", "first", STEP): "open",
    ("invited", "first", DECLINE): "open",
    ("open", "first", "relationship.pause"): "paused",
    ("invited", "first", "relationship.pause"): "paused",
    ("paused", "first", "relationship.resume"): "open",
    **{(state, "first", RETREAT): state for state in STANDING},
    **{(state, "first", PREFER): state for state in STANDING},
    **{(state, "first", "agent.rotate"): state for state in STANDING},
    **{(state, role, END): "ended" for state in STANDING for role in ("first", "second")},
    **{(state, "second", ATTESTED): "closed" for state in ("ended", "attest-overdue")},
}

Json = Mapping[str, Any]
Fault = tuple[str, str]
RIGHT: Fault = ("", "")


@dataclass(frozen=True)
class Rungs:
    """The ladder of the spec folder, and what decides how far an agreement reaches."""

    digest: str = ""
    rungs: Sequence[Json] = ()
    purposes: Json = field(default_factory=dict)
    """Purpose to clause."""
    clauses: Mapping[tuple[str, str], Json] = field(default_factory=dict)
    """(id, version) of an agreement to its clauses."""

    def number(self, stage: str) -> int | None:
        """The place of a rung, counted from the lowest."""
        names = [rung["stage"] for rung in self.rungs]
        return names.index(stage) if stage in names else None

    def value(self, purpose: str, agreement: Json) -> str:
        """What an agreement says of a purpose; '' if nothing."""
        has = self.clauses.get((agreement.get("id", ""), agreement.get("version", "")), {})
        return str(has.get(self.purposes.get(purpose) or "", ""))

    def allow(self, purpose: str, agreement: Json, consents: Collection[str] = ()) -> bool:
        """VRM-PUR-001 to VRM-PUR-004."""
        value = self.value(purpose, agreement)
        return value in ("required", "permitted") or (purpose in consents and value != "prohibited")

    def reach(self, number: int, agreement: Json, consents: Collection[str] = ()) -> bool:
        """Whether a rung is reached: each of its purposes is allowed."""
        return all(self.allow(purpose, agreement, consents) for purpose in self.rungs[number]["purposes"])

    def judged(self, stage: str, agreement: Json, consents: Collection[str] = ()) -> int:
        """VRM-LAD-005."""
        reached = [n for n in range((self.number(stage) or 0) + 1) if self.reach(n, agreement, consents)]
        return max(reached, default=0)

    def lower(self, stage: str, other: str) -> str:
        """VRM-LAD-012."""
        return str(self.rungs[min(self.number(stage) or 0, self.number(other) or 0)]["stage"])


def quiet(said: Json, now: int) -> bool:
    """VRM-REL-006."""
    local = datetime.fromtimestamp(now, ZoneInfo(said.get("zone", "UTC")))
    minute = local.hour * 60 + local.minute
    for hours in said.get("quiet", ()):
        begin, end = (int(hours[n][:2]) * 60 + int(hours[n][3:]) for n in ("from", "to"))
        if (minute - begin) % 1440 < ((end - begin) % 1440 or 1440):
            return True
    return False


LIVE = {"terms": ("agreed",), "offer": ("offered", "accepted", "confirmed")}
"""Kinds in which agreements are made, and the states in which they are in force."""


def of_record(world: World, record: str | None) -> View | None:
    """The thread in which an agreement was made."""
    made = (view for view in world.views.values() if view.kind in LIVE and view.record)
    return next((view for view in made if view.record == record), None)


def agreement(world: World, act: Act) -> View | None:
    """The thread of the agreement that a message names."""
    return of_record(world, act.agr)


def holds(world: World, record: str) -> bool:
    """Whether an agreement is in force."""
    view = of_record(world, record)
    return view is not None and view.state in LIVE[view.kind]


def in_force(world: World, act: Act, pair: tuple[str, str]) -> bool:
    """VRM-REL-001."""
    view = agreement(world, act)
    return view is not None and view.pair == pair and view.state in LIVE[view.kind]


def unwanted(view: View, now: int, later: Any) -> Fault:
    """Quiet hours and rates of a relationship."""
    if quiet(view.preferences, now):
        return "preference-forbids", "VRM-REL-006"
    rate = view.preferences.get("rate")
    if rate and len([at for at in view.said if later(at, rate["within"]) > now]) >= rate["most"]:
        return "preference-forbids", "VRM-REL-007"
    return RIGHT


def again(view: View, wanted: Collection[str], now: int, later: Any) -> Fault:
    """VRM-REL-005."""
    times = [at for one in wanted for at in view.declined.get(one, ())]
    return ("asked-again", "VRM-REL-005") if any(later(at, "P6M") > now for at in times) else RIGHT


def guard_open(world: World, act: Act, first: str) -> Fault:
    """The opening of a relationship."""
    if not in_force(world, act, (first, act.aud)):
        return "agreement-not-live", "VRM-REL-001"
    beside = [view for view in world.of_pair((first, act.aud)) if view.kind == "relationship"]
    if any(view.state in STANDING for view in beside):
        return "already-open", "VRM-REL-003"
    if act.body["ladder"] != world.roster.rungs.digest:
        return "ladder-unknown", "VRM-LAD-001"
    return RIGHT


def guard(world: World, act: Act, view: View, now: int, later: Any) -> Fault:
    """What a message in a relationship has to keep to; ``later`` adds a duration to a time."""
    from conformance import model_below as below  # which needs what is above

    if act.type not in (INVITE, STEP):
        return RIGHT
    if not in_force(world, act, view.pair):
        return "agreement-not-live", "VRM-REL-001"
    rungs, body = world.roster.rungs, act.body
    named = agreement(world, act)
    terms = named.agreement if named is not None else {}
    consents = below.consented(world, view.thid)
    judged, wanted = rungs.judged(view.stage, terms, consents), rungs.number(body["stage"])
    if act.type == STEP:
        if body["ladder"] != rungs.digest:
            return "ladder-unknown", "VRM-LAD-001"
        if wanted is None or wanted <= judged:
            return "step-forbidden", "VRM-LAD-006"
        return RIGHT if rungs.reach(wanted, terms, consents) else ("step-forbidden", "VRM-LAD-007")
    if INVITE not in rungs.rungs[judged]["types"]:
        return "stage-forbids", "VRM-LAD-010"
    asked = {ask["category"] for ask in body["asks"]}
    if wanted is not None and asked - set(rungs.rungs[wanted]["categories"]):
        return "stage-forbids", "VRM-LAD-011"
    for fault in (unwanted(view, now, later), again(view, [body["stage"]], now, later)):
        if fault != RIGHT:
            return fault
    if wanted != judged + 1:
        return "step-forbidden", "VRM-LAD-009"
    return RIGHT


def take(world: World, view: View, act: Act, now: int) -> None:
    """What an accepted message changes in a relationship beside its state."""
    body = act.body
    view.preferences = body.get("preferences", view.preferences)
    if act.type in (OPEN, STEP):
        view.ladder = body["ladder"]
    if act.type == STEP:
        view.stage = body["stage"]
    if act.type == RETREAT:
        view.stage = world.roster.rungs.lower(view.stage, body["stage"])
    if act.type == INVITE:
        view.invited = body["stage"]
        view.said.append(now)
    if act.type == DECLINE:
        view.declined.setdefault(view.invited, []).append(now)
    if act.type == END:
        for other in world.of_pair(view.pair):
            # In one second the end of a relationship goes before a later agreement (VRM-THR-019).
            taken = other.state == "superseded" and other.entered == now
            if other.kind == "terms" and (other.state == "agreed" or taken):
                other.causes.append(("agreed", "severed", other.seq))
                world.enter(other, "ended", now)
