"""What lies below a relationship as the prose of ``spec/protocol`` tells it: consents, dialogues, data.

A part of the account that ``conformance/model.py`` and ``conformance/model_home.py`` give; nothing of the
library is imported, and no table is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conformance import model_relating as relating

if TYPE_CHECKING:
    from conformance.model import Act, View, World

__all__ = ["BELOW", "CONSENTS", "CORRECTIONS", "DATA", "DIALOGUES", "KINDS", "OPENERS", "STARTS"]

REQUEST, GRANT, REFUSE = "consent.request", "consent.grant", "consent.refuse"
NARROW, RENEW, WITHDRAW, GIVE_BACK = (
    "consent.narrow",
    "consent.renew",
    "consent.withdraw",
    "consent.relinquish",
)
PROPAGATED = "consent.propagated"
WORD, MUTE, UNMUTE, CLOSE = "dialogue.message", "dialogue.mute", "dialogue.unmute", "dialogue.close"
ASK, SHARE, REPORT, KEEP_BACK = "data.request", "data.share", "data.report", "data.refuse"
RETRACT, VERIFY, CLOSE_DATA = "data.retract", "data.verify", "data.close"
SUBMIT, APPLY, DENY, TAKE_BACK = (
    "correction.submit",
    "correction.apply",
    "correction.refuse",
    "correction.withdraw",
)

Moves = dict[tuple[str, str, str], str]
CONSENTS: Moves = {
    ("requested", "first", GRANT): "granted",
    ("requested", "first", REFUSE): "refused",
    ("requested", "second", GIVE_BACK): "relinquished",
    ("granted", "second", GIVE_BACK): "relinquished",
    ("granted", "first", NARROW): "granted",
    ("granted", "first", RENEW): "granted",
    ("granted", "first", WITHDRAW): "withdrawn",
    ("withdrawn", "second", PROPAGATED): "propagated",
    ("lapsed", "second", PROPAGATED): "propagated",
}
DIALOGUES: Moves = {
    ("open", "first", WORD): "open",
    ("muted", "first", WORD): "muted",
    ("open", "second", WORD): "open",
    ("open", "first", MUTE): "muted",
    ("muted", "first", UNMUTE): "open",
    **{(state, role, CLOSE): "closed" for state in ("open", "muted") for role in ("first", "second")},
}
DATA: Moves = {
    ("requested", "first", SHARE): "shared",
    ("requested", "first", KEEP_BACK): "refused",
    ("requested", "second", RETRACT): "retracted",
    ("shared", "first", SHARE): "shared",
    ("reported", "second", REPORT): "reported",
    ("reported", "first", VERIFY): "reported",
    **{
        (state, role, CLOSE_DATA): "closed"
        for state in ("shared", "reported")
        for role in ("first", "second")
    },
}
CORRECTIONS: Moves = {
    **{(state, "second", APPLY): "applied" for state in ("submitted", "overdue")},
    **{(state, "second", DENY): "refused" for state in ("submitted", "overdue")},
    **{(state, "first", TAKE_BACK): "withdrawn" for state in ("submitted", "overdue")},
}
KINDS: dict[str, Moves] = {
    "consent": CONSENTS,
    "dialogue": DIALOGUES,
    "data": DATA,
    "correction": CORRECTIONS,
}
AFTER_DEADLINE: dict[str, dict[str, str]] = {
    "consent": {"requested": "expired", "granted": "lapsed"},
    "dialogue": {},
    "data": {"requested": "expired"},
    "correction": {"submitted": "overdue"},
}
STARTS = {REQUEST: "requested", WORD: "open", ASK: "requested", SHARE: "shared", REPORT: "reported"}
STARTS |= {SUBMIT: "submitted"}
OPENERS = {
    REQUEST: ("second",),
    WORD: ("first", "second"),
    ASK: ("second",),
    SHARE: ("first",),
    REPORT: ("second",),
    SUBMIT: ("first",),
}
BELOW = tuple(OPENERS)
BELOW_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "relationship": {type_: roles for type_, roles in OPENERS.items() if type_ != SUBMIT},
    "data": {SUBMIT: OPENERS[SUBMIT]},
}
"""What may be opened below a thread of which kind, and by whom."""
UNDER_TERMS = {("second", WORD), ("first", SHARE), ("second", REPORT), ("first", GRANT), ("first", RENEW)}
"""Who names the agreement in a later message of which type."""
NEEDS_HEAD = (GRANT, RENEW)
EXITS = (WITHDRAW, MUTE)
DUTIES = (PROPAGATED, APPLY, DENY)

ENDS_WITH_PARENT = {
    ("consent", "requested"): "expired",
    ("consent", "granted"): "withdrawn",
    ("dialogue", "open"): "closed",
    ("dialogue", "muted"): "closed",
    ("data", "requested"): "closed",
    ("data", "shared"): "closed",
    ("data", "reported"): "closed",
}
ENDS_WITH_AGREEMENT = {("consent", "requested"): "expired", ("consent", "granted"): "withdrawn"}

Json = Mapping[str, Any]
Fault = tuple[str, str]
RIGHT: Fault = ("", "")


def consented(world: World, relationship: str) -> set[str]:
    """The purposes for which a consent is in force."""
    views = [
        v for v in world.views.values() if (v.kind, v.parent, v.state) == ("consent", relationship, "granted")
    ]
    return {purpose for view in views for purpose in view.granted}


def settle(world: World, at: int) -> None:
    """VRM-CNS-006, VRM-DLG-004, VRM-DAT-005: what has ended takes along what is below it or under it."""
    for view in world.views.values():
        key = (view.kind, view.state)
        above = world.views.get(view.parent)
        if key in ENDS_WITH_PARENT and above is not None and above.state not in relating.STANDING:
            view.causes.append((view.state, "orphaned", view.seq))
            world.enter(view, ENDS_WITH_PARENT[key], at)
        elif key in ENDS_WITH_AGREEMENT and not relating.holds(world, view.agr):
            view.causes.append((view.state, "released", view.seq))
            world.enter(view, ENDS_WITH_AGREEMENT[key], at)


def patched(patch: Sequence[Json], fields: Mapping[str, str]) -> bool:
    """VRM-COR-002: whether each operation of a JSON Patch applies, one after the other."""
    left = dict(fields)
    for op in patch:
        name = op["path"][1:]
        if op["op"] != "remove" and "value" not in op:
            return False
        if op["op"] in ("remove", "replace", "test") and name not in left:
            return False
        if op["op"] == "test" and left[name] != op["value"]:
            return False
        if op["op"] == "remove":
            del left[name]
        elif op["op"] != "test":
            left[name] = op["value"]
    return True


def judged(world: World, act: Act, above: View, now: int, later: Any) -> Fault:
    """What an organisation sends of its own accord below a relationship, but for files and deadlines."""
    rungs, body = world.roster.rungs, act.body
    about = relating.agreement(world, act)
    terms = about.agreement if about is not None else {}
    consents = consented(world, above.thid)
    if act.type == REQUEST:
        if any(rungs.value(purpose, terms) == "prohibited" for purpose in body["purposes"]):
            return "terms-prohibit", "VRM-CNS-001"
    else:
        purpose = body["about"]["purpose"] if act.type == WORD else body["purpose"]
        if rungs.value(purpose, terms) == "prohibited":
            return "terms-prohibit", "VRM-PUR-001"
        if not rungs.allow(purpose, terms, consents):
            return "consent-needed", "VRM-PUR-002"
    rung = rungs.rungs[rungs.judged(above.stage, terms, consents)]
    if act.type not in rung["types"]:
        return "stage-forbids", "VRM-LAD-010"
    asked = {*body.get("data", ()), *(item["category"] for item in body.get("items", ()))}
    if asked - set(rung["categories"]):
        return "stage-forbids", "VRM-LAD-011"
    fault = relating.unwanted(above, now, later)
    if fault != RIGHT or act.type == WORD:
        return fault
    wanted = body["purposes"] if act.type == REQUEST else [body["purpose"]]
    return relating.again(above, wanted, now, later)


def guard_opening(world: World, act: Act, parent: View, role: str, now: int, later: Any) -> Fault:
    """The first message of a thread below a relationship."""
    if not relating.in_force(world, act, parent.pair):
        return "agreement-not-live", "VRM-REL-001"
    if parent.state not in relating.STANDING:
        return "agreement-not-live", "VRM-REL-015"
    if role == "second" and parent.state == "paused":
        return "relationship-paused", "VRM-REL-014"
    if act.type in (SHARE, REPORT) or role == "first":
        return RIGHT
    return judged(world, act, parent, now, later)


def guard_correction(world: World, act: Act, parent: View) -> Fault:
    """VRM-COR-001, VRM-COR-002."""
    fields = parent.fields.get(act.body["of"])
    if fields is None:
        return "patch-failed", "VRM-COR-001"
    return RIGHT if patched(act.body["patch"], fields) else ("patch-failed", "VRM-COR-002")


def guard(world: World, act: Act, view: View, role: str, now: int, later: Any) -> Fault:
    """A later message below a relationship."""
    above = world.views[view.parent]
    if (role, act.type) in UNDER_TERMS:
        if not relating.in_force(world, act, view.pair):
            return "agreement-not-live", "VRM-REL-001"
        if role == "second" and above.state == "paused":
            return "relationship-paused", "VRM-REL-014"
    if (role, act.type) == ("second", WORD):
        return judged(world, act, above, now, later)
    if act.type == GRANT and set(act.body["purposes"]) - set(view.asked):
        return "purpose-not-asked", "VRM-CNS-002"
    if act.type == NARROW and set(act.body["purposes"]) - set(view.granted):
        return "purpose-not-asked", "VRM-CNS-003"
    return RIGHT


def take(world: World, view: View, act: Act, role: str, now: int) -> None:
    """What an accepted message changes beside the state of its thread."""
    body = act.body
    above = world.views.get(view.parent)
    if act.type == REQUEST:
        view.asked = list(body["purposes"])
    if act.type == ASK:
        view.asked = [body["purpose"]]
    if act.type in (GRANT, NARROW):
        view.granted = list(body["purposes"])
    if act.type == GRANT:
        view.record = act.mid
    if act.type in (SHARE, REPORT) and "clear" in body["content"]:
        view.fields[act.mid] = body["content"]["clear"]
    if above is None:
        return
    if act.type in (REQUEST, ASK) or (act.type == WORD and role == "second"):
        above.said.append(now)
    if act.type in (REFUSE, KEEP_BACK):
        for purpose in view.asked:
            above.declined.setdefault(purpose, []).append(now)
