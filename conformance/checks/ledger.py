"""What the view tells of what was refused and since when, entry by entry."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.bodies import CARE
from conformance.checks.below import (
    ask,
    begun,
    below,
    opening,
    organisation,
    quiet,
    rate,
    report,
    share,
    write,
)
from conformance.checks.data import correct
from conformance.checks.relationships import invite, related
from conformance.lab import Lab, Said, Thread, check

__all__: list[str] = []


async def _view(lab: Lab, thread: Thread, rule: str, second: bool = False) -> dict[str, Any]:
    """The view of a relationship, for her or for the organisation."""
    party = organisation(thread) if second else thread.first
    url = f"{lab.target.endpoint('relationships')}/{thread.thid}"
    answer = await lab.get(party, url, schema=("documents/relationship.json", "VRM-STD-001"))
    lab.holds(rule, answer.status == 200, f"the view, for {party.name}", answer.said)
    found: dict[str, Any] = answer.document
    return found


async def _entry(lab: Lab, thread: Thread, rule: str, said: Said) -> dict[str, Any]:
    """What is listed of a message that was refused, once."""
    found = (await _view(lab, thread, rule)).get("refused", [])
    mine: list[dict[str, Any]] = [one for one in found if one["mid"] == said.mid]
    lab.holds(rule, len(mine) == 1, f"{said.mid} once", [one["mid"] for one in found])
    return mine[0]


# --- what was refused -----------------------------------------------------------------------------


@check("VRM-LED-005", profile="relationship")
async def what_is_taken_later_stays_listed(lab: Lab) -> None:
    """An opening, a word and an invitation, refused while she wants none and taken afterwards."""
    thread, record = await related(lab, stage="subscriber")
    talk = await begun(lab, thread, record)
    await lab.say(thread.first, "relationship.prefer", rate(0), thread)
    body = lab.bodies.word()
    sent = [
        await write(lab, thread, record),
        await ask(lab, thread, record),
        await lab.attempt(organisation(talk), "dialogue.message", body, talk, agr=record),
        await invite(lab, thread, record, "profiled"),
    ]
    for said in sent:
        lab.refused("VRM-LED-005", said, "preference-forbids")
    await lab.say(thread.first, "relationship.prefer", {"preferences": {"zone": "UTC"}}, thread)
    for said in sent:
        again = await lab.send(said.token, "the same, now that it is allowed")
        lab.taken("VRM-LED-005", again)
        entry = await _entry(lab, thread, "VRM-LED-005", said)
        lab.holds("VRM-LED-005", entry["code"] == "preference-forbids", "as it was refused", entry)


@check("VRM-LED-006", profile="relationship")
async def what_comes_again_is_listed_as_it_was_first(lab: Lab) -> None:
    """Refused first by her preferences, then by the rung, then while the relationship rests."""
    thread, record = await related(lab, stage="returning")
    await lab.say(thread.first, "relationship.prefer", quiet(lab), thread)
    said, rule = await write(lab, thread, record), "VRM-LED-006"
    lab.refused(rule, said, "preference-forbids")
    first = await _entry(lab, thread, rule, said)
    lab.holds(rule, first["code"] == "preference-forbids", "the code preference-forbids", first)
    changes: tuple[tuple[str, Any, str], ...] = (
        ("relationship.retreat", {"stage": "anonymous"}, "stage-forbids"),
        ("relationship.pause", {}, "relationship-paused"),
    )
    for type_, body, code in changes:
        await asyncio.sleep(1.1)
        await lab.say(thread.first, type_, body, thread)
        lab.refused(rule, await lab.send(said.token, "the same once more"), code)
        entry = await _entry(lab, thread, rule, said)
        lab.holds(rule, entry == first, f"as it was refused first: {first}", entry)


@check("VRM-LED-007", profile="relationship")
async def the_last_refusal_is_listed_first(lab: Lab) -> None:
    """Of three, each a second after the other; and also where the first one comes again."""
    thread, record = await related(lab)
    sent: list[Said] = []
    for send in (write, ask, write):
        sent.append(await send(lab, thread, record))
        lab.refused("VRM-LED-007", sent[-1], "stage-forbids")
        await asyncio.sleep(1.1)
    lab.refused("VRM-LED-007", await lab.send(sent[0].token, "the first once more"), "stage-forbids")
    found = (await _view(lab, thread, "VRM-LED-007")).get("refused", [])
    got, right = [one["mid"] for one in found], [said.mid for said in sent[::-1]]
    lab.holds("VRM-LED-007", got == right, f"the last first: {right}", got)


# --- the view -------------------------------------------------------------------------------------


@check("VRM-STD-012", profile="relationship")
async def the_view_tells_the_preferences_in_force(lab: Lab) -> None:
    """None, those of the opening, the last ones as a whole; at rest and after the end too, for both."""
    begin: dict[str, Any] = {"zone": "Europe/Amsterdam", "quiet": [{"from": "22:00", "to": "07:00"}]}
    for said in ({}, begin):
        thread, _ = await related(lab, preferences=said or None)
        changes: tuple[tuple[str, Any], ...] = (
            ("relationship.pause", {}),
            ("relationship.resume", {}),
            ("relationship.prefer", rate(3, "P1W")),
            ("relationship.prefer", quiet(lab, "Asia/Kathmandu")),
            ("relationship.prefer", {"preferences": {"zone": "UTC"}}),
            ("relationship.end", {}),
        )
        for type_, body in (("", {}), *changes):
            if type_:
                await lab.say(thread.first, type_, body, thread)
            said = body.get("preferences", said)
            for second in (False, True):
                got = (await _view(lab, thread, "VRM-STD-012", second)).get("preferences", {})
                lab.holds("VRM-STD-012", got == said, f"the preferences {said}", got)


@check("VRM-STD-013", "VRM-STD-014", profile="relationship")
async def the_view_tells_since_when(lab: Lab) -> None:
    """By the receipts of opening, data and corrections; of one thread the oldest first."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, made = thread.first, organisation(thread), lab.bodies
    given = below(thread, lab.taken("VRM-DAT-002", await share(lab, thread, record), "shared"))
    held = below(thread, lab.taken("VRM-DAT-004", await report(lab, thread, record), "reported"))
    one = below(thread, lab.taken("VRM-COR-001", await correct(lab, held), "submitted"))
    for _ in range(2):
        await asyncio.sleep(1.1)
        now = lab.target.now()
        times: dict[str, Any] = {"iat": now - 900, "exp": now + 900}
        await lab.say(person, "data.share", made.share(), given, agr=record, **times)
        await lab.say(vendor, "data.report", made.report(CARE, ago=60), held, agr=record, **times)
    await lab.say(vendor, "correction.apply", {"applied_at": made.at(0)}, one)
    said = await opening(lab, thread, person, "dialogue.message", made.word(), record)
    lab.taken("VRM-DLG-001", said, "open")
    for second in (False, True):
        found = await _view(lab, thread, "VRM-STD-013", second)
        right = thread.said[0].receipt["iat"]
        lab.holds("VRM-STD-013", found["opened_at"] == right, f"opened_at {right}", found["opened_at"])
        for about in (given, held):
            entries = [entry for entry in found["data"] if entry["thid"] == about.thid]
            mids = [message.mid for message in about.said]
            got = [entry["mid"] for entry in entries]
            lab.holds("VRM-STD-014", got == mids, f"the oldest first: {mids}", got)
            wanted = [message.receipt["iat"] for message in about.said]
            at = [entry["at"] for entry in entries]
            lab.holds("VRM-STD-013", at == wanted, f"at {wanted}", at)
        fixed = {entry["thid"]: entry["at"] for entry in found["corrections"]}
        since = {one.thid: one.said[0].receipt["iat"]}
        lab.holds("VRM-STD-013", fixed == since, f"corrections since {since}", fixed)
