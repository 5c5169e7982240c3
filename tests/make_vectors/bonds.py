"""Relationships with all that was said before and beside them, and how to write what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    SHOP,
    SHOP_EC,
    SHOP_ID,
    SPEC,
    STRANGER,
    Sent,
    Story,
    agreed,
    claims,
    published,
    time,
    who,
    without_none,
)
from tests.make_vectors.market import CARE

NOTHING = forge.mid(b"nothing.")
LADDER = forge.digest((SPEC / "ladder.json").read_bytes())
BOTH = {"keys": {SHOP_ID: published(SHOP, SHOP_EC), OTHER_ID: published(OTHER)}, "known": (OTHER_ID,)}
"""In the frame of what two organisations say."""


def clock(text: str) -> int:
    """Epoch seconds of `2027-07-15T20:00:00`, in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def asked(*categories: str) -> list[dict[str, str]]:
    return [{"category": f"https://w3id.org/dpv/pd#{name}", "purpose": CARE} for name in categories]


def opening(live: Story, key: Key = PERSON, body: Mapping[str, Any] | None = None, **changes: Any) -> bytes:
    """The message that opens a relationship under the agreement made last in a story."""
    aud = live.person.did if who(key) == who(live.shop) else who(live.shop)
    made = {
        "aud": aud,
        "agr": live.head,
        "iat": live.now,
        "exp": live.now + 3600,
        "salt": f"{len(live.sent)}",
    }
    right = without_none({"ladder": LADDER, **(body or {})})
    return forge.token(key, claims(key, "relationship.open", **{**made, "body": right, **changes}))


@dataclass(frozen=True)
class Bond:
    """A relationship with all that was said before and beside it, and how to write the next message."""

    story: Story
    agr: str

    def at(self, now: int) -> Bond:
        return replace(self, story=self.story.at(now))

    def after(self, *stories: Story) -> Bond:
        """With what was said in other threads since."""
        return replace(self, story=self.story.among(after=stories))

    def under(self, live: Story) -> Bond:
        """The messages name this agreement from here on, which was made since."""
        return replace(self.after(live), agr=live.mid(1))

    def write(self, key: Key, name: str, body: Mapping[str, Any] | None = None, **changes: Any) -> bytes:
        named = {"agr": self.agr} if name in ("invite", "step") else {}
        return self.story.token(key, f"relationship.{name}", body, **{**named, **changes})

    def step(self, stage: str, ladder: str = LADDER, **changes: Any) -> bytes:
        return self.write(self.story.person, "step", {"stage": stage, "ladder": ladder}, **changes)

    def invite(self, stage: str, *categories: str, **changes: Any) -> bytes:
        """An invitation that asks for these; members of the body may be given as `body`."""
        made = {
            "stage": stage,
            "benefit": "News before they are in the shops.",
            "asks": asked(*categories),
            "answer_by": time(self.story.now + DAY),
            **changes.pop("body", {}),
        }
        return self.write(self.story.shop, "invite", without_none(made), **changes)

    def add(self, token: bytes, state: str) -> Bond:
        return replace(self, story=self.story.add(token, state))

    def stepped(self, *stages: str) -> Bond:
        made = self
        for stage in stages:
            made = made.add(made.step(stage), "open")
        return made

    def invited(self, stage: str) -> Bond:
        return self.add(self.invite(stage), "invited")

    def said(self, name: str, state: str, body: Mapping[str, Any] | None = None) -> Bond:
        """After a message of the person."""
        return self.add(self.write(self.story.person, name, body), state)

    def declined(self, stage: str) -> Bond:
        return self.invited(stage).said("decline", "open")

    def ended(self, key: Key | None = None, **body: Any) -> Bond:
        return self.add(self.write(key or self.story.person, "end", body), "ended")

    def closed(self) -> Bond:
        return self.add(self.write(self.story.shop, "attest", attestation(self.story.now)), "closed")

    def case(self, **more: Any) -> dict[str, Any]:
        return self.story.case(**more)


def attestation(now: int = NOW) -> dict[str, Any]:
    return {"erased_at": time(now), "kept": []}


Hours = tuple[str, str]


def preferring(zone: str, *quiet: Hours, most: int | None = None, within: str = "P1W") -> dict[str, Any]:
    hours = [{"from": begin, "to": end} for begin, end in quiet]
    rate = None if most is None else {"most": most, "within": within}
    return without_none({"zone": zone, "quiet": hours or None, "rate": rate})


def bound(live: Story, **body: Any) -> Bond:
    """A relationship that was opened under the agreement made last in a story."""
    token = opening(live, live.person, body)
    story = Story(live.sent, person=live.person, shop=live.shop, now=live.now)
    return Bond(story.add(token, "open"), live.head)


def last(story: Story) -> Story:
    """The last message of a story alone."""
    return replace(story, sent=story.sent[-1:])


def with_all(*stories: Story) -> tuple[Sent, ...]:
    """What was said in several threads, one after the other."""
    return Story().among(*stories).sent


LIVE = agreed(agreement="SD-BASE")
WIDE = agreed(salt="wide", agreement="SD-BASE-ATP")
BESIDE = agreed(salt="beside", agreement="PDC-AI")
"""Of another class: in force beside the others."""
FIRST = bound(LIVE)
RETURNING = FIRST.stepped("returning")
INVITED = RETURNING.invited("subscriber")
PAUSED = RETURNING.said("pause", "paused")
ENDED = RETURNING.ended()
STATES = (("open", RETURNING), ("invited", INVITED), ("paused", PAUSED))
TERMINATED = LIVE.add(LIVE.token(SHOP, "agreement.terminate"), "terminated")
ASIDE = agreed(salt="aside", shop=OTHER, agreement="SD-BASE")
"""Of the same person with another organisation."""
STRANGE = agreed(STRANGER, "strange", agreement="SD-BASE")


DEAD = ("VRM-REL-001", "agreement-not-live")


INVITE = {
    "stage": "subscriber",
    "benefit": "News before they are in the shops.",
    "asks": [],
    "answer_by": time(NOW + DAY),
}
