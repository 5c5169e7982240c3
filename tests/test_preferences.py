"""Preferences: quiet hours by the clock on her wall, and rates that slide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrmproto import preferences, spec

ZONES: list[str] = json.loads((spec.folder() / "shared" / "zone.json").read_bytes())["enum"]
MINUTE, HOUR, DAY = 60, 3600, 86_400
FIRST, LAST = 1_767_225_600, 1_893_456_000
"""The years 2026 to 2029."""

TIME = st.integers(0, 1439).map(lambda m: f"{m // 60:02}:{m % 60:02}")
HOURS = st.tuples(TIME, TIME)
NOW = st.integers(FIRST, LAST - 1)
ZONE = st.sampled_from(ZONES)


def said(zone: str, *hours: tuple[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"zone": zone}
    return made | ({"quiet": [{"from": begin, "to": end} for begin, end in hours]} if hours else {})


def quiet(zone: str, now: int, *hours: tuple[str, str]) -> bool:
    return preferences.quiet(said(zone, *hours), now)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


# --- quiet hours ----------------------------------------------------------------------------------


@given(zone=ZONE, now=NOW, hours=st.lists(HOURS, min_size=1, max_size=7))
def test_several_windows_are_all_of_them(zone: str, now: int, hours: list[tuple[str, str]]) -> None:
    assert quiet(zone, now, *hours) == any(quiet(zone, now, one) for one in hours)


@given(zone=ZONE, now=NOW, hours=HOURS)
def test_the_rest_of_the_day_is_the_other_way_round(zone: str, now: int, hours: tuple[str, str]) -> None:
    begin, end = hours
    if begin == end:
        assert quiet(zone, now, hours)
    else:
        assert quiet(zone, now, hours) != quiet(zone, now, (end, begin))


@given(zone=ZONE, now=NOW, begin=TIME, middle=TIME, end=TIME)
def test_two_windows_that_meet_are_one(zone: str, now: int, begin: str, middle: str, end: str) -> None:
    if begin < middle < end:
        parts = quiet(zone, now, (begin, middle)), quiet(zone, now, (middle, end))
        assert quiet(zone, now, (begin, end)) == any(parts) == (sum(parts) == 1)


@given(zone=ZONE, now=NOW, hours=HOURS)
def test_a_minute_is_quiet_as_a_whole(zone: str, now: int, hours: tuple[str, str]) -> None:
    start = now - now % MINUTE
    assert len({quiet(zone, start + second, hours) for second in (0, 1, 30, 59)}) == 1


@given(zone=ZONE, now=NOW)
def test_who_names_no_hours_has_none(zone: str, now: int) -> None:
    assert not quiet(zone, now)
    assert not preferences.quiet({}, now)


@given(now=NOW, hours=HOURS)
def test_in_utc_a_day_later_is_the_same(now: int, hours: tuple[str, str]) -> None:
    assert quiet("UTC", now, hours) == quiet("UTC", now + DAY, hours)


@pytest.mark.parametrize("zone", ZONES)
def test_every_zone_is_known(zone: str) -> None:
    noon = at("2027-07-15T12:00:00")
    wall = datetime.fromtimestamp(noon, ZoneInfo(zone))
    there = wall.strftime("%H:%M")
    after = (wall + timedelta(minutes=1)).strftime("%H:%M")
    assert quiet(zone, noon, (there, after))
    assert not quiet(zone, noon, (after, there))


def test_the_zones_are_many_and_in_order() -> None:
    assert sorted(set(ZONES)) == ZONES
    assert {"UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata"} <= set(ZONES)


CHANGES = [
    ("Europe/Amsterdam", "2027-03-28", ("02:30", "03:30")),
    ("Europe/Amsterdam", "2027-10-31", ("02:30", "03:30")),
    ("Europe/Amsterdam", "2027-10-31", ("22:00", "02:15")),
    ("America/New_York", "2027-03-14", ("01:30", "02:30")),
    ("America/New_York", "2027-11-07", ("01:15", "01:45")),
    ("Australia/Lord_Howe", "2027-04-04", ("01:15", "01:45")),
    ("Australia/Lord_Howe", "2027-10-03", ("02:10", "02:50")),
    ("America/Santiago", "2027-04-04", ("23:15", "00:15")),
    ("America/Santiago", "2027-09-05", ("23:15", "01:15")),
    ("Africa/Casablanca", "2027-02-07", ("02:00", "03:00")),
    ("Asia/Kathmandu", "2027-05-05", ("22:00", "07:00")),
]


def walked(zone: str, day: str, hours: tuple[str, str]) -> Iterator[tuple[int, bool]]:
    """Each minute from the day before to the day after, with whether it is quiet by the wall clock.

    Hours are walked as sets of minutes of a day: nothing is compared but what a clock shows.
    """
    begin, end = (int(t[:2]) * 60 + int(t[3:]) for t in hours)
    span = (end - begin) % 1440 or 1440
    minutes = {(begin + n) % 1440 for n in range(span)}
    start = at(f"{day}T00:00:00") - DAY
    for now in range(start, start + 3 * DAY, MINUTE):
        wall = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone))
        yield now, wall.hour * 60 + wall.minute in minutes


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_clocks_that_change_are_followed(zone: str, day: str, hours: tuple[str, str]) -> None:
    wrong = [now for now, right in walked(zone, day, hours) if quiet(zone, now, hours) != right]
    assert wrong == []


@pytest.mark.parametrize(
    ("day", "hours", "minutes"),
    [
        ("2027-03-27", ("02:00", "03:00"), 60),
        ("2027-03-28", ("02:00", "03:00"), 0),
        ("2027-10-31", ("02:00", "03:00"), 120),
        ("2027-03-28", ("00:00", "00:00"), 23 * 60),
        ("2027-10-31", ("00:00", "00:00"), 25 * 60),
    ],
)
def test_an_hour_that_is_left_out_or_comes_twice(day: str, hours: tuple[str, str], minutes: int) -> None:
    start = at(f"{day}T00:00:00") - DAY
    found = [
        now
        for now in range(start, start + 3 * DAY, MINUTE)
        if datetime.fromtimestamp(now, ZoneInfo("Europe/Amsterdam")).date().isoformat() == day
        and quiet("Europe/Amsterdam", now, hours)
    ]
    assert len(found) == minutes


@pytest.mark.parametrize(
    ("zone", "now", "is_quiet"),
    [
        ("Europe/Amsterdam", "2027-01-15T20:59:59", False),
        ("Europe/Amsterdam", "2027-01-15T21:00:00", True),
        ("Europe/Amsterdam", "2027-01-16T05:59:59", True),
        ("Europe/Amsterdam", "2027-01-16T06:00:00", False),
        ("Europe/Amsterdam", "2027-07-15T20:00:00", True),
        ("Europe/Amsterdam", "2027-07-16T05:00:00", False),
        ("Asia/Kolkata", "2027-01-15T16:29:59", False),
        ("Asia/Kolkata", "2027-01-15T16:30:00", True),
        ("Pacific/Kiritimati", "2027-01-15T08:00:00", True),
        ("Pacific/Pago_Pago", "2027-01-15T09:00:00", True),
    ],
)
def test_a_night(zone: str, now: str, is_quiet: bool) -> None:
    assert quiet(zone, at(now), ("22:00", "07:00")) == is_quiet


# --- rates ----------------------------------------------------------------------------------------

TIMES = st.lists(st.integers(0, 40 * DAY).map(lambda ago: FIRST + 60 * DAY - ago), max_size=12)
WITHIN = st.sampled_from(["PT1S", "PT1H", "P1D", "P1W", "P30D", "P1M"])
AT = FIRST + 60 * DAY


def often(times: list[int], most: int, within: str = "P1W", now: int = AT) -> bool:
    return preferences.often({"rate": {"most": most, "within": within}}, sorted(times), now)


@given(times=TIMES, most=st.integers(0, 12), within=WITHIN)
def test_who_wants_more_gets_no_less(times: list[int], most: int, within: str) -> None:
    assert often(times, most, within) >= often(times, most + 1, within)


@given(times=TIMES, most=st.integers(0, 12), within=WITHIN, ago=st.integers(0, DAY))
def test_one_message_more_leaves_no_more_room(times: list[int], most: int, within: str, ago: int) -> None:
    assert often(times, most, within) <= often([*times, AT - ago], most, within)


@given(times=TIMES, most=st.integers(0, 12), within=WITHIN, later=st.integers(0, 40 * DAY))
def test_time_alone_makes_room(times: list[int], most: int, within: str, later: int) -> None:
    assert often(times, most, within, AT + later) <= often(times, most, within)


@given(times=TIMES, most=st.integers(0, 12), days=st.integers(1, 30))
def test_a_rate_counts_what_lies_within(times: list[int], most: int, days: int) -> None:
    assert often(times, most, f"P{days}D") == (sum(t + days * DAY > AT for t in times) >= most)


@given(times=TIMES, within=WITHIN)
def test_who_wants_none_gets_none(times: list[int], within: str) -> None:
    assert often(times, 0, within)


@given(times=TIMES)
def test_without_a_rate_there_is_room(times: list[int]) -> None:
    assert not preferences.often({}, times, AT)
    assert not preferences.often({"zone": "UTC"}, times, AT)


def test_the_second_in_which_the_time_is_over() -> None:
    assert often([AT - 7 * DAY + 1], 1)
    assert not often([AT - 7 * DAY], 1)
    assert often([AT], 1, "PT1S")
    assert not often([AT], 1, "PT1S", AT + 1)


def test_a_month_is_one_of_the_calendar() -> None:
    sent = at("2027-01-31T12:00:00")
    assert often([sent], 1, "P1M", at("2027-02-28T11:59:59"))
    assert not often([sent], 1, "P1M", at("2027-02-28T12:00:00"))
    assert often([at("2027-03-31T12:00:00")], 1, "P1M", at("2027-04-30T11:59:59"))


def test_a_hundred_are_counted() -> None:
    assert often([AT] * 100, 100)
    assert not often([AT] * 99, 100)
