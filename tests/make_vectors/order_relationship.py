"""Vectors of the order of checks in relationships."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.make_vectors.base import NOW, Vector, both, chapter, time
from tests.make_vectors.bonds import (
    BESIDE,
    DEAD,
    LIVE,
    NOTHING,
    PAUSED,
    RETURNING,
    TERMINATED,
    WIDE,
    Bond,
    bound,
    clock,
    last,
    opening,
    preferring,
)

OPEN, HELD = ("VRM-REL-003", "already-open"), ("VRM-LAD-001", "ladder-unknown")
BELOW, NEXT_UP = ("VRM-LAD-006", "step-forbidden"), ("VRM-LAD-009", "step-forbidden")
LISTS, ASKS = ("VRM-LAD-010", "stage-forbids"), ("VRM-LAD-011", "stage-forbids")
QUIET, OFTEN = ("VRM-REL-006", "preference-forbids"), ("VRM-REL-007", "preference-forbids")
AGAIN, AHEAD = ("VRM-REL-005", "asked-again"), ("VRM-THR-020", "deadline-invalid")
STALE, CONFLICT = ("VRM-THR-012", "prev-stale"), ("VRM-THR-005", "state-conflict")


def but_last(at: Bond) -> dict[str, Any]:
    """What `then` says where the last message that was taken is left out."""
    sent = at.story.sent[:-1]
    return {"changes": {"thread": [{"file": s.file, "now": s.now, "state": s.state} for s in sent]}}


@chapter
def order_of_openings() -> Iterator[Vector]:
    """The guards of `relationship.open` and `relationship.step`."""
    gone = RETURNING.after(last(TERMINATED), BESIDE)
    what = "The agreement was terminated; another relationship is open."
    token, right = (opening(LIVE, agr=live.head, salt="again") for live in (LIVE, BESIDE))
    yield both("guards-open-agreement", what, DEAD, OPEN, token, right, **gone.case())
    at = bound(LIVE)
    what = "Another relationship is open; the ladder is held by nobody."
    token = opening(LIVE, body={"ladder": NOTHING}, salt="again")
    yield both("guards-open-pair", what, OPEN, HELD, token, **but_last(at), **at.case())
    what = "The agreement was terminated; the ladder is held by nobody."
    token, right = (gone.step("subscriber", NOTHING, agr=live.head) for live in (LIVE, BESIDE))
    yield both("guards-step-agreement", what, DEAD, HELD, token, right, **gone.case())
    up = RETURNING.stepped("subscriber")
    what = "`prev` is not the last message; the rung is the one on which she is."
    token, right = up.step("subscriber", prev=up.story.thid), up.step("subscriber")
    yield both("prev-guards-step", what, STALE, BELOW, token, right, **up.case())


@chapter
def order_of_invitations() -> Iterator[Vector]:
    """The guards of `relationship.invite`."""
    gone = RETURNING.after(last(TERMINATED), BESIDE)
    what = "The agreement was terminated; a category is asked for that the rung does not list."
    token, right = (gone.invite("subscriber", "Name", agr=live.head) for live in (LIVE, BESIDE))
    yield both("guards-invite-agreement", what, DEAD, ASKS, token, right, **gone.case())
    what = "It rests; the agreement was terminated."
    rested = PAUSED.after(last(TERMINATED))
    back = PAUSED.story.sent[-1]
    thread = [
        {"file": s.file, "now": s.now, "state": s.state} for s in rested.story.sent if s.token != back.token
    ]
    token = rested.invite("subscriber", prev=rested.story.thid)
    yield both("row-guards-invite", what, CONFLICT, DEAD, token, changes={"thread": thread}, **rested.case())
    down = bound(WIDE).stepped("returning").said("retreat", "open", {"stage": "anonymous"})
    what = "The rung on which she is lists no type; the invitation goes several rungs up."
    token = down.invite("profiled", prev=down.story.thid)
    yield both("guards-invite-stage", what, LISTS, NEXT_UP, token, **but_last(down), **down.case())
    hours = {"preferences": preferring("UTC", ("00:00", "00:00"))}
    quiet = RETURNING.said("prefer", "open", hours)
    what = "A category is asked for that the rung does not list, in quiet hours."
    token, right = quiet.invite("subscriber", "Name"), quiet.invite("subscriber")
    yield both("guards-invite-category", what, ASKS, QUIET, token, right, **quiet.case())
    night = preferring("UTC", ("22:00", "07:00"), most=0)
    at = RETURNING.said("prefer", "open", {"preferences": night}).at(clock("2027-01-16T06:59:59"))
    what, later = "In quiet hours, and oftener than she wants.", {"now": clock("2027-01-16T07:00:00")}
    yield both("guards-invite-quiet", what, QUIET, OFTEN, at.invite("subscriber"), changes=later, **at.case())
    declined = RETURNING.declined("subscriber").said("prefer", "open", hours)
    what = "In quiet hours, to a rung that she has declined."
    token = declined.invite("subscriber", prev=declined.story.thid)
    yield both("guards-invite-preference", what, QUIET, AGAIN, token, **but_last(declined), **declined.case())
    half = clock("2027-07-15T08:00:00")
    moved = RETURNING.declined("subscriber").stepped("subscriber").at(half - 1)
    what = "To a rung that she has declined, and on which she is."
    token = moved.invite("subscriber")
    yield both("guards-invite-again", what, AGAIN, NEXT_UP, token, changes={"now": half}, **moved.case())
    what = "Two rungs up; the time to answer is over."
    token, right = (RETURNING.invite(s, body={"answer_by": time(NOW)}) for s in ("profiled", "subscriber"))
    yield both("guards-invite-step", what, NEXT_UP, AHEAD, token, right, **RETURNING.case())
