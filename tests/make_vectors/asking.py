"""Vectors of what an organisation sends of its own accord: what was declined, quiet hours, rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.make_vectors.base import (
    DAY,
    NOW,
    PERSON,
    SHOP,
    Vector,
    agreed,
    chapter,
    refused,
    taken,
)
from tests.make_vectors.bonds import (
    INVITED,
    LIVE,
    RETURNING,
    WIDE,
    Bond,
    attestation,
    bound,
    clock,
    preferring,
)


@chapter
def asking_again() -> Iterator[Vector]:
    """VRM-REL-005."""
    rule, shows = ("VRM-REL-005", "asked-again"), ("VRM-REL-005",)
    declined = RETURNING.declined("subscriber")
    half = clock("2027-07-15T08:00:00")
    for slug, what, now in (
        ("at-once", "It invites at once to what she has just declined.", NOW),
        ("after-a-day", "It invites after two days to what she has declined.", NOW + 2 * DAY),
        ("six-months", "It invites a second before six months have passed.", half - 1),
    ):
        at = declined.at(now)
        yield refused(f"relationship-asked-{slug}", *rule, what, at.invite("subscriber"), **at.case())
    at = declined.at(half)
    what = "It invites in the second in which six months have passed since she declined."
    token = at.invite("subscriber")
    yield taken("relationship-asked-later", "invited", what, token, covers=shows, **at.case())
    for slug, what, day, later in (
        (
            "august",
            "Declined on the last of August; it invites on the last of February.",
            "2027-08-31",
            "2028-02-29",
        ),
    ):
        at = declined_at(clock(f"{day}T12:00:00")).at(clock(f"{later}T12:00:00"))
        token = at.invite("subscriber")
        yield taken(f"relationship-asked-{slug}", "invited", what, token, covers=shows, **at.case())
        at = at.at(at.story.now - 1)
        what += " It is a second too early."
        yield refused(f"relationship-asked-{slug}-early", *rule, what, at.invite("subscriber"), **at.case())
    twice = declined.at(half).declined("subscriber").at(clock("2028-01-15T08:00:00") - 1)
    what = "Declined twice: half a year has passed since the first time only."
    yield refused("relationship-asked-twice", *rule, what, twice.invite("subscriber"), **twice.case())
    away = declined.stepped("subscriber").said("retreat", "open", {"stage": "returning"})
    what = "She has declined, gone there of her own, and come down: half a year has not passed."
    yield refused("relationship-asked-returned", *rule, what, away.invite("subscriber"), **away.case())
    said = declined.said("prefer", "open", {"preferences": {"zone": "UTC"}})
    what = "She has declined, and then said what she prefers."
    yield refused("relationship-asked-preferring", *rule, what, said.invite("subscriber"), **said.case())
    wide = bound(WIDE).stepped("returning").declined("subscriber").stepped("subscriber")
    what = "She has declined one rung, and it invites to another one."
    token = wide.invite("profiled")
    yield taken("relationship-asked-other", "invited", what, token, covers=shows, **wide.case())
    silent = INVITED.at(NOW + DAY)
    what = "She has let an invitation pass without an answer: that is not declined."
    token = silent.invite("subscriber")
    yield taken("relationship-asked-silent", "invited", what, token, covers=shows, **silent.case())
    paused = INVITED.said("pause", "paused").said("resume", "open")
    what = "She has paused while invited: that is not declined."
    token = paused.invite("subscriber")
    yield taken("relationship-asked-paused", "invited", what, token, covers=shows, **paused.case())
    what = "She steps herself to what she has declined."
    token = declined.step("subscriber")
    yield taken("relationship-asked-she", "open", what, token, covers=shows, **declined.case())


def declined_at(now: int) -> Bond:
    """An invitation to subscriber that is declined at this time."""
    return RETURNING.at(now).declined("subscriber")


@chapter
def quiet_hours() -> Iterator[Vector]:
    """VRM-REL-006: quiet hours of her zone, and the last and the first second of them."""
    forbids, shows = ("VRM-REL-006", "preference-forbids"), ("VRM-REL-006",)
    night, noon = ("22:00", "07:00"), ("12:00", "13:00")
    here, there = "Europe/Amsterdam", "America/St_Johns"
    # 2027: summer time begins on 28 March and ends on 31 October, both at 01:00 UTC
    for slug, zone, hours, now, quiet, what in (
        ("winter-before", here, [night], "2027-01-15T20:59:59", False, "21:59:59 in winter"),
        ("winter-begin", here, [night], "2027-01-15T21:00:00", True, "22:00:00 in winter"),
        ("winter-midnight", here, [night], "2027-01-15T23:00:00", True, "midnight in winter"),
        ("winter-last", here, [night], "2027-01-16T05:59:59", True, "06:59:59 in winter"),
        ("winter-end", here, [night], "2027-01-16T06:00:00", False, "07:00:00 in winter"),
        ("summer-before", here, [night], "2027-07-15T19:59:59", False, "21:59:59 in summer"),
        ("summer-begin", here, [night], "2027-07-15T20:00:00", True, "22:00:00 in summer"),
        ("summer-last", here, [night], "2027-07-16T04:59:59", True, "06:59:59 in summer"),
        ("summer-end", here, [night], "2027-07-16T05:00:00", False, "07:00:00 in summer"),
        ("noon-before", here, [noon], "2027-02-15T10:59:59", False, "11:59:59, quiet at noon"),
        ("noon-begin", here, [noon], "2027-02-15T11:00:00", True, "12:00:00, quiet at noon"),
        ("noon-last", here, [noon], "2027-02-15T11:59:59", True, "12:59:59, quiet at noon"),
        ("noon-end", here, [noon], "2027-02-15T12:00:00", False, "13:00:00, quiet at noon"),
        ("second", here, [noon, night], "2027-02-15T22:30:00", True, "the second of two windows"),
        ("between", here, [noon, night], "2027-02-15T15:00:00", False, "between two windows"),
        ("minute", "UTC", [("08:00", "08:01")], "2027-02-15T08:00:59", True, "the last second of a minute"),
        ("minute-after", "UTC", [("08:00", "08:01")], "2027-02-15T08:01:00", False, "the minute after"),
        ("all-day", "UTC", [("08:00", "08:00")], "2027-02-15T20:00:00", True, "the whole day is quiet"),
        ("all-night", here, [("00:00", "00:00")], "2027-02-15T11:00:00", True, "the whole day from midnight"),
        (
            "to-midnight",
            "UTC",
            [("22:00", "00:00")],
            "2027-02-15T23:59:59",
            True,
            "up to midnight, before it",
        ),
        ("at-midnight", "UTC", [("22:00", "00:00")], "2027-02-16T00:00:00", False, "up to midnight, at it"),
        ("from-midnight", "UTC", [("00:00", "06:00")], "2027-02-16T00:00:00", True, "from midnight, at it"),
        ("spring-before", here, [("03:00", "04:00")], "2027-03-28T00:59:59", False, "before clocks go ahead"),
        ("spring-after", here, [("03:00", "04:00")], "2027-03-28T01:00:00", True, "the hour after 01:59"),
        ("spring-end", here, [("03:00", "04:00")], "2027-03-28T02:00:00", False, "an hour later"),
        (
            "spring-gap",
            here,
            [("02:00", "03:00")],
            "2027-03-28T01:00:00",
            False,
            "quiet in the hour that is not",
        ),
        ("autumn-first", here, [("02:00", "03:00")], "2027-10-31T00:30:00", True, "02:30 for the first time"),
        (
            "autumn-again",
            here,
            [("02:00", "03:00")],
            "2027-10-31T01:30:00",
            True,
            "02:30 for the second time",
        ),
        (
            "autumn-end",
            here,
            [("02:00", "03:00")],
            "2027-10-31T02:00:00",
            False,
            "03:00 after the second time",
        ),
        ("half", "Asia/Kolkata", [noon], "2027-02-15T06:30:00", True, "12:00 in a zone of half hours"),
        (
            "half-before",
            "Asia/Kolkata",
            [noon],
            "2027-02-15T06:29:59",
            False,
            "before it, in a zone of half hours",
        ),
        ("west", there, [night], "2027-07-15T00:30:00", True, "22:00 in Newfoundland in summer"),
        ("west-before", there, [night], "2027-07-15T00:29:59", False, "21:59:59 in Newfoundland in summer"),
        ("south", "America/Santiago", [night], "2027-02-16T01:00:00", True, "22:00 in Chile, in its summer"),
        (
            "south-before",
            "America/Santiago",
            [night],
            "2027-02-16T00:59:59",
            False,
            "21:59:59 in Chile, in its summer",
        ),
        ("day-ahead", "Pacific/Kiritimati", [noon], "2027-02-14T22:00:00", True, "12:00 of the next day"),
    ):
        at = bound(LIVE, preferences=preferring(zone, *hours)).stepped("returning").at(clock(now))
        token, slug = at.invite("subscriber"), f"relationship-quiet-{slug}"
        if quiet:
            yield refused(slug, *forbids, f"An invitation in quiet hours: {what}.", token, **at.case())
        else:
            what = f"An invitation out of quiet hours: {what}."
            yield taken(slug, "invited", what, token, covers=shows, **at.case())
    hushed = bound(LIVE, preferences=preferring("UTC", ("00:00", "00:00"))).stepped("returning")
    for name, token, state in (
        ("step", hushed.step("subscriber"), "open"),
        ("end", hushed.write(SHOP, "end"), "ended"),
        ("pause", hushed.write(PERSON, "pause"), "paused"),
    ):
        what = f"Quiet hours are no bar to a message of the type {name}."
        yield taken(f"relationship-quiet-{name}", state, what, token, covers=shows, **hushed.case())
    what = "Quiet hours are no bar to an attestation."
    ended = hushed.ended()
    token = ended.write(SHOP, "attest", attestation())
    yield taken("relationship-quiet-attest", "closed", what, token, covers=shows, **ended.case())


@chapter
def rates() -> Iterator[Vector]:
    """VRM-REL-007."""
    forbids, shows = ("VRM-REL-007", "preference-forbids"), ("VRM-REL-007",)

    def start(most: int, within: str = "P1W", now: int = NOW) -> Bond:
        said = {"preferences": preferring("UTC", most=most, within=within)}
        return RETURNING.at(now).said("prefer", "open", said)

    def again(at: Bond, times: int) -> Bond:
        """Invited as often, and rested in between."""
        for _ in range(times):
            at = at.invited("subscriber").said("pause", "paused").said("resume", "open")
        return at

    week = 7 * DAY
    for slug, what, at in (
        ("none", "She wants none.", start(0)),
        ("one", "She wants one in a week, and had one.", again(start(1), 1)),
        ("three", "She wants three in a week, and had three.", again(start(3), 3)),
        (
            "last-second",
            "She wants one in a week, and had one a week ago but a second.",
            again(start(1), 1).at(NOW + week - 1),
        ),
        (
            "hour",
            "She wants one in an hour, and had one an hour ago but a second.",
            again(start(1, "PT1H"), 1).at(NOW + 3599),
        ),
        (
            "second",
            "She wants one in a second, and had one in this second.",
            again(start(1, "PT1S", NOW + 9), 1),
        ),
        (
            "days",
            "She wants one in 28 days, and had one.",
            again(start(1, "P28D"), 1).at(NOW + 28 * DAY - 1),
        ),
        (
            "month",
            "She wants one in a month, and had one.",
            again(start(1, "P1M"), 1).at(clock("2027-02-15T07:59:59")),
        ),
        (
            "sliding",
            "Of two in a week one is a week ago, and one was sent since.",
            again(again(start(1), 1).at(NOW + week), 1).at(NOW + week + 1),
        ),
    ):
        yield refused(f"relationship-rate-{slug}", *forbids, what, at.invite("subscriber"), **at.case())
    two = again(again(start(2), 1).at(NOW + DAY), 1).at(NOW + week)
    february = RETURNING.at(clock("2027-01-31T12:00:00"))
    short = again(start(1, "P1M", february.story.now), 1).at(clock("2027-02-28T12:00:00"))
    for slug, what, at in (
        ("free", "She wants one in a week, and had none.", start(1)),
        ("two-of-three", "She wants three in a week, and had two.", again(start(3), 2)),
        ("week", "She wants one in a week, and had one a week ago.", again(start(1), 1).at(NOW + week)),
        (
            "hour-over",
            "She wants one in an hour, and had one an hour ago.",
            again(start(1, "PT1H"), 1).at(NOW + 3600),
        ),
        (
            "second-over",
            "She wants one in a second, and had one a second ago.",
            again(start(1, "PT1S"), 1).at(NOW + 1),
        ),
        (
            "month-over",
            "She wants one in a month, and had one a month ago.",
            again(start(1, "P1M"), 1).at(clock("2027-02-15T08:00:00")),
        ),
        ("february", "She had one on the last of January; it is the last of February.", short),
        ("oldest", "She wants two in a week, and one of the last two was a week ago.", two),
    ):
        token = at.invite("subscriber")
        yield taken(f"relationship-rate-{slug}", "invited", what, token, covers=shows, **at.case())
    before = again(RETURNING, 1).said("prefer", "open", {"preferences": preferring("UTC", most=1)})
    what = "She wants one in a week; it had sent one before she said so."
    token = before.invite("subscriber")
    yield refused("relationship-rate-before", *forbids, what, token, **before.case())
    renewed = bound(agreed(salt="fresh", agreement="SD-BASE"), preferences=preferring("UTC", most=1))
    renewed = renewed.stepped("returning")
    used = again(start(1), 1).ended()
    at = replace(renewed, story=renewed.story.among(used.story))
    what = "She wants one in a week, and had one in a relationship that has ended: each thread has its own."
    token = at.invite("subscriber")
    yield taken("relationship-rate-thread", "invited", what, token, covers=shows, **at.case())
    what = "She has had one too many, and steps up herself."
    full = again(start(1), 1)
    yield taken("relationship-rate-step", "open", what, full.step("subscriber"), covers=shows, **full.case())


@chapter
def preferences() -> Iterator[Vector]:
    """VRM-REL-008: the last ones count, as a whole."""
    shows = ("VRM-REL-008",)
    all_day, never = preferring("UTC", ("00:00", "00:00")), preferring("UTC", most=0)
    quiet, none = ("VRM-REL-006", "preference-forbids"), ("VRM-REL-007", "preference-forbids")

    def after(opened: Mapping[str, Any] | None, *said: Mapping[str, Any]) -> Bond:
        at = bound(LIVE, **({"preferences": opened} if opened else {})).stepped("returning")
        for one in said:
            at = at.said("prefer", "open", {"preferences": one})
        return at

    plain = {"zone": "UTC"}
    for slug, what, at in (
        ("none", "She has said nothing.", after(None)),
        ("plain", "She has said where she is, and nothing else.", after(plain)),
        ("forgotten", "Her quiet hours are gone with what she said later.", after(all_day, plain)),
        ("rate-forgotten", "Her rate is gone with what she said later.", after(never, plain)),
        (
            "replaced",
            "Other quiet hours stand for the first ones.",
            after(all_day, preferring("UTC", ("12:00", "13:00"))),
        ),
        ("whole", "A rate stands for quiet hours.", after(all_day, preferring("UTC", most=5))),
        ("twice", "What she has said last counts.", after(plain, all_day, plain)),
    ):
        token = at.invite("subscriber")
        yield taken(f"relationship-prefer-{slug}", "invited", what, token, covers=shows, **at.case())
    for slug, what, rule, at in (
        ("first", "She has said it with the opening.", quiet, after(all_day)),
        ("later", "She has said it later.", quiet, after(None, all_day)),
        ("last", "She has said it last.", quiet, after(plain, plain, all_day)),
        ("rate", "A rate of none stands for quiet hours.", none, after(all_day, never)),
        ("rate-first", "She has said with the opening that she wants none.", none, after(never)),
    ):
        token = at.invite("subscriber")
        yield refused(
            f"relationship-preferred-{slug}", *rule, what, token, covers=shows, **at.case(now=at.story.now)
        )
    moved = after(preferring("UTC", ("21:00", "22:00")), preferring("Europe/Amsterdam", ("21:00", "22:00")))
    at = moved.at(clock("2027-01-15T20:30:00"))
    what = "She has another zone now: it is 21:30 there, and 20:30 where she was."
    yield refused(
        "relationship-preferred-zone", *quiet, what, at.invite("subscriber"), covers=shows, **at.case()
    )
    at = moved.at(clock("2027-01-15T21:30:00"))
    what = "She has another zone now: it is 22:30 there, and 21:30 where she was."
    token = at.invite("subscriber")
    yield taken("relationship-prefer-zone", "invited", what, token, covers=shows, **at.case())
    rested = after(None).said("pause", "paused").said("prefer", "paused", {"preferences": all_day})
    at = rested.said("resume", "open")
    what = "She has said it while it rested."
    yield refused(
        "relationship-preferred-paused", *quiet, what, at.invite("subscriber"), covers=shows, **at.case()
    )
    kept = after(all_day).stepped("subscriber").said("retreat", "open", {"stage": "returning"})
    what = "She has gone up and down since she said it."
    yield refused(
        "relationship-preferred-moved", *quiet, what, kept.invite("subscriber"), covers=shows, **kept.case()
    )
    for slug, what, body in (
        ("without", "No preferences.", {}),
        ("zone", "A zone that there is not.", {"preferences": {"zone": "CET"}}),
        ("minute", "A minute that no hour has.", {"preferences": preferring("UTC", ("21:60", "22:00"))}),
        ("many", "Eight windows.", {"preferences": preferring("UTC", *[("01:00", "02:00")] * 8)}),
        ("less", "A rate of less than none.", {"preferences": preferring("UTC", most=-1)}),
    ):
        token = RETURNING.write(PERSON, "prefer", body)
        yield refused(
            f"relationship-prefer-body-{slug}", "VRM-ENV-035", "body-invalid", what, token, **RETURNING.case()
        )
