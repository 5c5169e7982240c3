"""When and how often a vendor may write of its own accord: quiet hours of her zone, and rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import relating
from tests.scenarios.market import Market, Thread
from tests.scenarios.relating import agreed, at, begun, heard, invite, said, step, together
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell
from tests.world import Party, World, running
from vrmproto import timing
from vrmproto.storage.base import Store
from vrmproto.storage.sqlite import SqliteStore

STORIES: list[Scenario] = []
scenario = telling(STORIES)

NIGHT = [{"from": "22:00", "to": "07:00"}]
AMSTERDAM = {"zone": "Europe/Amsterdam", "quiet": NIGHT}
FORBIDDEN = "preference-forbids"


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


async def asked_at(m: Market, thread: Thread, *moments: tuple[str, str]) -> None:
    """At each moment an invitation has the answer beside it."""
    for moment, code in moments:
        at(m, moment)
        assert await heard(m, thread) == code, moment


# --- quiet hours ---------------------------------------------------------------------------------------


@scenario(at="2025-03-29T12:00:00Z")
async def her_night_is_an_hour_earlier_in_summer(m: Market) -> None:
    thread = await together(m, stage="returning", preferences=AMSTERDAM)
    await asked_at(
        m,
        thread,
        ("2025-03-29T20:59:30Z", ""),
        ("2025-03-29T21:00:00Z", FORBIDDEN),
        ("2025-03-30T00:59:30Z", FORBIDDEN),
        ("2025-03-30T01:00:00Z", FORBIDDEN),
        ("2025-03-30T04:59:30Z", FORBIDDEN),
        ("2025-03-30T05:00:00Z", ""),
        ("2025-03-30T19:59:30Z", ""),
        ("2025-03-30T20:00:00Z", FORBIDDEN),
    )
    # What she says herself is judged by no preference, and silence of the vendor costs her nothing.
    said(await step(m, thread, "subscriber"), "open")
    said(await relating.end(m, thread, m.vendors[0]), "ended")


@scenario(at="2025-10-25T12:00:00Z")
async def her_night_is_an_hour_later_in_winter(m: Market) -> None:
    thread = await together(m, stage="returning", preferences=AMSTERDAM)
    await asked_at(
        m,
        thread,
        ("2025-10-25T19:59:30Z", ""),
        ("2025-10-25T20:00:00Z", FORBIDDEN),
        ("2025-10-26T04:59:30Z", FORBIDDEN),
        ("2025-10-26T05:59:30Z", FORBIDDEN),
        ("2025-10-26T06:00:00Z", ""),
        ("2025-10-26T20:59:30Z", ""),
        ("2025-10-26T21:00:00Z", FORBIDDEN),
    )


@scenario(at="2025-03-29T12:00:00Z")
async def an_hour_that_is_left_out_is_not_quiet(m: Market) -> None:
    quiet = [{"from": "02:00", "to": "03:00"}]
    thread = await together(m, stage="returning", preferences={"zone": "Europe/Amsterdam", "quiet": quiet})
    await asked_at(
        m,
        thread,
        ("2025-03-30T00:59:30Z", ""),
        ("2025-03-30T01:00:00Z", ""),
        ("2025-03-30T23:59:30Z", ""),
        ("2025-03-31T00:00:00Z", FORBIDDEN),
        ("2025-03-31T01:00:00Z", ""),
    )


@scenario(at="2025-10-25T12:00:00Z")
async def an_hour_that_comes_twice_is_quiet_twice(m: Market) -> None:
    quiet = [{"from": "02:30", "to": "03:00"}]
    thread = await together(m, stage="returning", preferences={"zone": "Europe/Amsterdam", "quiet": quiet})
    await asked_at(
        m,
        thread,
        ("2025-10-26T00:29:30Z", ""),
        ("2025-10-26T00:30:00Z", FORBIDDEN),
        ("2025-10-26T00:59:30Z", FORBIDDEN),
        ("2025-10-26T01:00:00Z", ""),
        ("2025-10-26T01:29:30Z", ""),
        ("2025-10-26T01:30:00Z", FORBIDDEN),
        ("2025-10-26T02:00:00Z", ""),
    )


@scenario(at="2025-06-02T00:00:00Z")
async def quiet_hours_are_several_or_the_whole_day(m: Market) -> None:
    quiet = [{"from": "12:00", "to": "13:00"}, {"from": "18:30", "to": "20:00"}]
    # Half an hour beside the others: the clock of Kolkata.
    thread = await together(m, stage="returning", preferences={"zone": "Asia/Kolkata", "quiet": quiet})
    await asked_at(
        m,
        thread,
        ("2025-06-02T06:29:30Z", ""),
        ("2025-06-02T06:30:00Z", FORBIDDEN),
        ("2025-06-02T07:30:00Z", ""),
        ("2025-06-02T13:00:00Z", FORBIDDEN),
        ("2025-06-02T14:30:00Z", ""),
    )
    said(await relating.prefer(m, thread, quiet=[{"from": "09:00", "to": "09:00"}]), "open")
    for moment in ("2025-06-03T08:59:30Z", "2025-06-03T09:00:00Z", "2025-06-03T21:00:00Z"):
        at(m, moment)
        refused(await invite(m, thread, "subscriber"), FORBIDDEN, "VRM-REL-006")


# --- rates ---------------------------------------------------------------------------------------------


@scenario()
async def so_many_within_a_time_and_no_more(m: Market) -> None:
    rate = {"most": 2, "within": "PT1H"}
    thread = await together(m, stage="returning", preferences={"zone": "UTC", "rate": rate})
    first = said(await invite(m, thread, "subscriber"), "invited").document["iat"]
    said(await relating.decline(m, thread), "open")
    refused(await invite(m, thread, "subscriber"), "asked-again")
    said(await step(m, thread, "subscriber"), "open")
    at(m, timing.text(first + 1800))
    second = said(await invite(m, thread, "profiled"), "invited").document["iat"]
    said(await step(m, thread, "profiled"), "open")
    # Neither what was refused nor what she has sent counts.
    refused(await invite(m, thread, "commenter"), FORBIDDEN, "VRM-REL-007")
    at(m, timing.text(first + 3570))
    refused(await invite(m, thread, "commenter"), FORBIDDEN, "VRM-REL-007")
    at(m, timing.text(first + 3600))
    assert await heard(m, thread, "commenter") == ""
    assert await heard(m, thread, "commenter") == FORBIDDEN
    at(m, timing.text(second + 3600))
    assert await heard(m, thread, "commenter") == ""


@scenario()
async def a_rate_counts_what_was_there_before_it(m: Market) -> None:
    thread = await together(m, stage="returning")
    for _ in range(3):
        assert await heard(m, thread) == ""
    for most, code in ((3, FORBIDDEN), (4, ""), (4, FORBIDDEN), (0, FORBIDDEN)):
        said(await relating.prefer(m, thread, rate={"most": most, "within": "P1M"}), "open")
        assert await heard(m, thread) == code, most
    # What is said of preferences is said as a whole: the rate is gone.
    said(await relating.prefer(m, thread), "open")
    assert await heard(m, thread) == ""
    # Another thread has its own count.
    said(await relating.prefer(m, thread, rate={"most": 5, "within": "P1M"}), "open")
    assert await heard(m, thread) == FORBIDDEN
    said(await relating.end(m, thread), "ended")
    again = await begun(
        m,
        await agreed(m, person=thread.first),
        preferences={"zone": "UTC", "rate": {"most": 1, "within": "P1M"}},
    )
    said(await step(m, again, "returning"), "open")
    assert await heard(m, again) == ""
    assert await heard(m, again) == FORBIDDEN


@scenario()
async def preferences_are_said_in_every_state(m: Market) -> None:
    never = {"most": 0, "within": "P1D"}
    for state in ("open", "invited", "paused"):
        thread = await together(m, stage="returning")
        if state == "invited":
            said(await invite(m, thread, "subscriber"), "invited")
        if state == "paused":
            said(await relating.pause(m, thread), "paused")
        refused(await relating.prefer(m, thread, m.vendors[0], rate=never), "role-forbidden", "VRM-THR-004")
        said(await relating.prefer(m, thread, rate=never), state)
        if state == "invited":
            said(await step(m, thread, "subscriber"), "open")
        if state == "paused":
            said(await relating.resume(m, thread), "open")
        stage = "profiled" if state == "invited" else "subscriber"
        refused(await invite(m, thread, stage), FORBIDDEN, "VRM-REL-007")
        if state == "paused":
            said(await relating.pause(m, thread), "paused")
        said(await relating.prefer(m, thread), "paused" if state == "paused" else "open")
        if state == "paused":
            said(await relating.resume(m, thread), "open")
        invited = said(await invite(m, thread, stage, answer_by=m.time(600)), "invited")
        if state == "paused":
            # In between she had to resume it, which alone would not have allowed the invitation.
            m.saw("row relationship.prefer by first in paused", "changes", invited)
        said(await relating.prefer(m, thread, rate=never), "invited")
        m.world.clock.forward(601)
        refused(await invite(m, thread, stage), FORBIDDEN, "VRM-REL-007")


# --- a restart -----------------------------------------------------------------------------------------


def moved(m: Market, w: World, *parties: Party) -> Market:
    """The same market at a home that was started again, on another port, at the same time."""
    w.clock.offset = m.world.clock.offset
    for party in parties:
        party.world = w
    return Market(w, m.vendors)


async def test_a_restart_forgets_neither_rate_nor_refusal_nor_ladder(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    own = relating.ladder(relating.rung("guest"), relating.rung("friend"), relating.rung("kin"))
    async with running(SqliteStore(path)) as w:
        vendor, anna = w.person(), w.person()
        await vendor.announce()
        m = Market(w, [])
        terms = await m.proffered("SD-BASE", anna, vendor)
        said(await m.agree(terms), "agreed")
        digest = await relating.put(m, anna, own)
        preferences = {"zone": "UTC", "rate": {"most": 2, "within": "P1D"}}
        thread = await begun(m, terms, ladder=digest, preferences=preferences)
        first = said(await invite(m, thread, "friend"), "invited").document["iat"]
        said(await relating.decline(m, thread), "open")
        said(await step(m, thread, "friend", ladder=digest), "open")
    async with running(SqliteStore(path)) as w:
        m = moved(m, w, anna, vendor)
        m.world.clock.forward(3700)
        said(await invite(m, thread, "kin"), "invited")
        said(await relating.pause(m, thread), "paused")
        said(await relating.resume(m, thread), "open")
        refused(await invite(m, thread, "kin"), FORBIDDEN, "VRM-REL-007")
        said(await relating.retreat(m, thread, "guest"), "open")
        at(m, timing.text(first + 86400))
    async with running(SqliteStore(path)) as w:
        m = moved(m, w, anna, vendor)
        refused(await invite(m, thread, "friend"), "asked-again", "VRM-REL-005")
        said(await step(m, thread, "friend", ladder=digest), "open")
        said(await invite(m, thread, "kin"), "invited")
        said(await relating.end(m, thread), "ended")
        assert m.state(terms) == "ended"
    async with running(SqliteStore(path)) as w:
        m = moved(m, w, anna, vendor)
        assert (m.state(terms), m.state(thread)) == ("ended", "ended")
        said(await relating.attest(m, thread), "closed")
