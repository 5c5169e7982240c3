"""What stands goes on: Anna and Garage Noord, rung by rung, with consent, data, corrections and ideas."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from vrmproto.demo.process import DemoError
from vrmproto.demo.stage import Stage

__all__ = ["CARE", "MARKETING", "Bond", "draw", "play", "quiet_around", "words"]

CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
MARKETING = "https://w3id.org/dpv#DirectMarketing"
TRACKING = "https://w3id.org/dpv#TargetedAdvertising"
EMAIL = "https://w3id.org/dpv/pd#EmailAddress"
DAY = 86400
ZONE = "Europe/Amsterdam"
GARAGE = {
    "name": "Garage Noord B.V.",
    "address": "Stationsweg 12, 1441 EJ Purmerend",
    "contact": "mailto:privacy@garage-noord.example",
}
REQUEST: dict[str, Any] = {
    "notice": {"digest": "pDbiqpx_r60q0o70Mb5Qet7YrBAhylZLWv1Y-67dkjc", "lang": "nl"},
    "controller": GARAGE,
    "purposes": ["DirectMarketing", "PersonalisedBenefits"],
    "data": ["EmailAddress"],
    "processing": ["Store", "Use"],
    "recipients": [
        {"name": "Postduif B.V.", "address": "Coolsingel 1, Rotterdam", "contact": "tel:+31105550101"}
    ],
    "storage": {"places": ["NL"], "period": "P1Y"},
    "jurisdiction": "NL",
    "withdrawal": "One message, at any time.",
    "rights": ["A7-3", "A17"],
    "authority": {
        "name": "Autoriteit Persoonsgegevens",
        "address": "Postbus 93374, 2509 AJ Den Haag",
        "contact": "https://autoriteitpersoonsgegevens.nl",
    },
}


@dataclass
class Bond:
    """What the two have between them, each by its thread; the others lie below ``bond``, the relationship."""

    terms: str
    bond: str = ""
    consent: str = ""
    talk: str = ""
    data: str = ""


def words(text: str, purpose: str) -> dict[str, Any]:
    """The body of what is written in a dialogue."""
    return {"about": {"purpose": purpose, "fields": ["text"]}, "content": {"clear": {"text": text}}}


def quiet_around(now: float, zone: str = ZONE) -> dict[str, Any]:
    """Preferences whose quiet hours have begun an hour ago in her zone, and go on for three."""
    clock = datetime.fromtimestamp(now, ZoneInfo(zone))
    begin, end = clock - timedelta(hours=1), clock + timedelta(hours=3)
    return {"zone": zone, "quiet": [{"from": f"{begin:%H:%M}", "to": f"{end:%H:%M}"}]}


async def draw(stage: Stage, bond: str, seq: int) -> str:
    """The ladder as Anna sees it after so many messages, the lowest rung at the bottom; its digest."""
    seen = await stage.ask("anna", "ladder", thid=bond, seq=seq)
    for rung in reversed(seen["rungs"]):
        mark, note = ("○", "") if rung["reached"] else ("✗", "not within her terms")
        mark, note = ("◇", "she is invited") if rung["invited"] else (mark, note)
        mark, note = ("●", "she is here") if rung["here"] else (mark, note)
        stage.note(f"{mark} {rung['stage']:12} {note}".rstrip())
    return str(seen["ladder"])


async def play(stage: Stage, garage: str) -> Bond:
    """Play it; ``garage`` is the thread of the terms that both keep."""
    held = Bond(garage)
    await _ladder(stage, held)
    await _consent(stage, held)
    await _data(stage, held)
    await _idea(stage, held)
    await _quiet(stage, held)
    return held


async def _ladder(stage: Stage, held: Bond) -> None:
    """She opens a relationship, and goes up as far as she wants and her terms reach."""
    stage.open("A relationship, rung by rung")
    opened = await stage.step(
        "anna",
        "relationship.open",
        "call",
        "Anna opens a relationship with Garage Noord, under the terms that both keep.",
        call="relate",
        to=stage.origins["noord"],
    )
    held.bond = bond = str(opened["thid"])
    invitation = {
        "benefit": "Word when your car is due for a check",
        "asks": [{"category": EMAIL, "purpose": CARE}],
    }
    await stage.step(
        "noord",
        "relationship.invite",
        "raw",
        "She is on the lowest rung. There it may not even invite her.",
        expect="stage-forbids",
        thid=bond,
        seq=1,
        under=held.terms,
        body={"stage": "returning", "benefit": "We know you again", "asks": []},
        times={"answer_by": DAY},
    )
    await stage.step(
        "anna",
        "relationship.step",
        "call",
        "She wants to be known again when she comes: one rung up.",
        call="step",
        thid=bond,
        args={"stage": "returning"},
    )
    await stage.step(
        "noord",
        "relationship.invite",
        "call",
        "Garage Noord invites her further: word of the next check of her car, for her e-mail address.",
        call="invite",
        thid=bond,
        seq=2,
        args=invitation,
    )
    ladder = await draw(stage, bond, 3)
    await stage.step("anna", "relationship.step", "call", "She takes the step.", call="step", thid=bond)
    await stage.step(
        "anna",
        "relationship.step",
        "raw",
        "Where profiling is, not even she can go under terms that prohibit it.",
        expect="step-forbidden",
        thid=bond,
        under=held.terms,
        body={"stage": "profiled", "ladder": ladder},
    )


async def _consent(stage: Stage, held: Bond) -> None:
    """What her terms leave to her: nothing happens before she says yes."""
    stage.open("What only she can allow")
    offer = words("Summer tyres, this week at half the price.", MARKETING)
    await stage.step(
        "noord",
        "dialogue.message",
        "raw",
        "Garage Noord has something to sell. Her terms do not speak of advertising: it takes her consent.",
        expect="consent-needed",
        thid=held.bond,
        seq=4,
        below=True,
        under=held.terms,
        body=offer,
    )
    line = await stage.step(
        "noord",
        "consent.request",
        "call",
        "So it asks, for two purposes, and says who it is, which data, who else gets them, and for how long.",
        call="ask_consent",
        thid=held.bond,
        args={"request": REQUEST},
    )
    held.consent = str(line["thid"])
    await stage.step(
        "anna",
        "consent.grant",
        "call",
        "Anna says yes to one of them, for three months.",
        call="grant",
        thid=held.consent,
        seq=1,
        args={"purposes": ["DirectMarketing"], "until": "P3M"},
    )
    for actor, say in (
        ("anna", "Anna takes the record of her consent."),
        ("noord", "Garage Noord takes the same: with it, it can show that it may."),
    ):
        await stage.step(actor, "consent.grant", "record", say, thid=held.consent, seq=2)
    line = await stage.step(
        "noord",
        "dialogue.message",
        "call",
        "Now its offer is taken.",
        call="talk",
        thid=held.bond,
        args={"text": "Summer tyres, this week at half the price.", "purpose": MARKETING},
    )
    held.talk = str(line["thid"])
    await stage.step(
        "anna",
        "dialogue.message",
        "call",
        "What Anna writes is free.",
        call="say",
        thid=held.talk,
        seq=1,
        args={"text": "Not yet, thank you."},
    )


async def _data(stage: Stage, held: Bond) -> None:
    """What she gives, what nobody gets, and how it is put right."""
    stage.open("Her data, and no more than she gives")
    line = await stage.step(
        "noord",
        "data.request",
        "call",
        "Garage Noord asks for the e-mail address, to write when the car is due.",
        call="ask_data",
        thid=held.bond,
        args={"purpose": CARE, "items": {"email": EMAIL}},
    )
    held.data = str(line["thid"])
    await stage.step(
        "anna",
        "data.share",
        "call",
        "Anna gives it, for that and nothing else.",
        call="share",
        thid=held.data,
        seq=1,
        args={"fields": {"email": "ana@example.org"}},
    )
    await _tell_held(stage, held)
    await stage.step(
        "noord",
        "data.request",
        "raw",
        "It would like her address for tracking, too. Her terms prohibit that, and no consent can help.",
        expect="terms-prohibit",
        thid=held.bond,
        below=True,
        under=held.terms,
        body={"purpose": TRACKING, "items": [{"category": EMAIL, "path": "email"}]},
        times={"answer_by": DAY},
    )
    line = await stage.step(
        "anna",
        "correction.submit",
        "call",
        "There is a letter missing. Anna says what is right.",
        call="correct",
        thid=held.data,
        args={"right": {"email": "anna@example.org"}, "reason": "a letter was missing"},
    )
    await stage.step(
        "noord",
        "correction.apply",
        "call",
        "Garage Noord puts it right, and says so.",
        call="apply_correction",
        thid=str(line["thid"]),
        seq=1,
    )
    await _tell_held(stage, held)


async def _tell_held(stage: Stage, held: Bond) -> None:
    fields = (await stage.ask("noord", "held", thid=held.bond))["held"]
    shown = ", ".join(f"{name} {value}" for name, value in fields.items())
    stage.note(f"Garage Noord holds of her: {shown}")


async def _idea(stage: Stage, held: Bond) -> None:
    """Feedback under a key that is used for nothing else."""
    stage.open("An idea, under a key of its own")
    line = await stage.step(
        "anna",
        "feedback.submit",
        "call",
        "Anna has an idea for Garage Noord. She tells it under a new key that nothing joins to her.",
        call="feedback",
        to=stage.origins["noord"],
        args={"text": "Say on your page what the yearly check costs.", "kind": "idea"},
    )
    idea = str(line["thid"])
    first = (await stage.ask("anna", "identifiers", thids=[held.bond, idea]))["first"]
    if len(set(first)) != 2:
        raise DemoError("the idea is under the key of the relationship")
    await stage.step(
        "noord",
        "feedback.acknowledge",
        "call",
        "Garage Noord has read it. From whom it is, it does not know.",
        call="acknowledge",
        thid=idea,
        seq=1,
        args={"reference": "I-17"},
    )
    await stage.step(
        "noord",
        "feedback.outcome",
        "call",
        "It finds the idea good, and plans it.",
        call="outcome",
        thid=idea,
        args={"outcome": "planned", "text": "From next month on."},
    )
    await stage.step("anna", "feedback.outcome", "thread", "Anna reads what became of it.", thid=idea)


async def _quiet(stage: Stage, held: Bond) -> None:
    """Quiet hours in her zone; the home holds them for her."""
    stage.open("Not now")
    wishes = quiet_around(time.time())
    hours = wishes["quiet"][0]
    await stage.step(
        "anna",
        "relationship.prefer",
        "call",
        f"Anna wants quiet from {hours['from']} to {hours['to']} of the clock in {ZONE}: now, that is.",
        call="prefer",
        thid=held.bond,
        args={"preferences": wishes},
    )
    body = words("Your car is due for a check.", CARE)
    order: dict[str, Any] = {"thid": held.bond, "seq": 5, "body": body}
    why = (await stage.ask("noord", "would", type="dialogue.message", **order))["why"]
    stage.note(f"The agent of Garage Noord would not write by itself: {why}.")
    await stage.step(
        "noord",
        "dialogue.message",
        "raw",
        "Made to write all the same, it is refused by the home.",
        expect="preference-forbids",
        below=True,
        under=held.terms,
        **order,
    )
