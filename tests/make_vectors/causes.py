"""Vectors of what moves a thread without a message, and of clocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    NEXT,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    REFERENCE,
    SHOP,
    SHOP_ID,
    STRANGER,
    Story,
    Vector,
    acceptance,
    agreed,
    alternative,
    chapter,
    proffered,
    proof,
    published,
    refused,
    rotation,
    taken,
    time,
)


@chapter
def superseding() -> Iterator[Vector]:
    """VRM-TRM-011; whether a thread is superseded is seen by whether it can still be ended."""
    one = ("VRM-TRM-011",)

    def stays(slug: str, what: str, at: Story, key: Key = SHOP, **more: Any) -> Vector:
        token = at.token(key, "agreement.terminate")
        return taken(f"supersede-{slug}", "terminated", what, token, covers=one, **at.case(**more))

    def goes(slug: str, what: str, at: Story) -> Vector:
        token = at.token(SHOP, "agreement.terminate")
        more = {"covers": one, **at.case()}
        return refused(f"supersede-{slug}", "VRM-THR-005", "state-conflict", what, token, **more)

    first, second, third = (agreed(salt=f"number {n}") for n in (1, 2, 3))
    goods = agreed(salt="goods", agreement="PDC-GOOD")
    what = "A later agreement of another class leaves this one in force."
    yield stays("other-class", what, first.among(after=[goods]))
    what = "An agreement is in force beside an earlier one of another class."
    yield stays("other-class-later", what, goods.among(first))
    intent = agreed(salt="intent", agreement="PDC-INTENT")
    what = "A later agreement leaves this one in force: neither is of the class SD, and each has its own."
    yield stays("two-classes", what, goods.among(after=[intent]))
    again = agreed(salt="goods again", agreement="PDC-GOOD")
    yield goes("class-goods", "A later agreement of its class, not SD, was made.", goods.among(after=[again]))
    plain = agreed(salt="plain", agreement="SD-BASE")
    what = "A later agreement of its class was made, another one than this: the class counts, not the id."
    yield goes("other-agreement", what, first.among(after=[plain]))
    start = proffered(salt="alternative")
    start = start.add(start.token(SHOP, "terms.alternative", alternative(start)), "countered")
    body = acceptance(start, agreement=REFERENCE["SD-BASE-A"])
    changed = start.add(start.token(PERSON, "terms.accept", body), "agreed")
    what = "A later agreement of its class was made by an alternative that the person accepted."
    yield goes("by-alternative", what, first.among(after=[changed]))
    what = "A later alternative was offered and not accepted: this agreement is in force."
    yield stays("not-by-offer", what, first.among(after=[start]))

    other = agreed(salt="other", shop=OTHER)
    what = "A later agreement of the class with another organisation leaves this one in force."
    more: dict[str, Any] = {
        "keys": {SHOP_ID: published(SHOP), OTHER_ID: published(OTHER)},
        "known": (OTHER_ID,),
    }
    yield stays("other-organisation", what, first.among(after=[other]), **more)
    yield stays("other-organisation-first", what, other.among(after=[first]), OTHER, **more)
    strange = agreed(STRANGER, "strange")
    what = "A later agreement of the class by another person leaves this one in force."
    yield stays("other-person", what, first.among(after=[strange]))
    yield stays("later", "The later one of two agreements of a class is in force.", second.among(first))
    what = "The first of three agreements of a class is superseded by the second."
    yield goes("three-first", what, first.among(after=[second, third]))
    what = "The second of three agreements of a class is superseded by the third."
    yield goes("three-second", what, second.among(first, after=[third]))
    what = "The third of three agreements of a class is in force."
    yield stays("three-third", what, third.among(first, second))
    offer = proffered(salt="open")
    at = offer.among(after=[first])
    token = at.token(SHOP, "terms.accept", acceptance(offer))
    what = "A thread that is only proffered is not superseded: it is accepted after a later one was agreed."
    yield taken("supersede-not-proffered", "agreed", what, token, covers=one, **at.case())


@chapter
def causes() -> Iterator[Vector]:
    """VRM-THR-019: the answer to who ends it tells whether a thread is ended or superseded."""
    ends = NOW + 2 * DAY
    first = agreed(ends=time(ends))

    def case(slug: str, made: int, number: int, code: str, what: str) -> Vector:
        at = first.among(after=[agreed(salt="later", now=made)]).at(NOW + 3 * DAY)
        token = at.token(PERSON, "agreement.terminate")
        frame = {"covers": ("VRM-THR-019",), **at.case()}
        return refused(f"cause-{slug}", f"VRM-THR-{number:03d}", code, what, token, **frame)

    what = "The agreement ended by its date, a second before a later one of its class was made: ended."
    yield case("ended-first", ends + 1, 6, "deadline-passed", what)
    what = "A later agreement of its class was made a second before its date: superseded, and not ended."
    yield case("superseded-first", ends - 1, 5, "state-conflict", what)
    what = "A later agreement of its class was made in the second of its date: ended."
    yield case("same-second", ends, 6, "deadline-passed", what)


@chapter
def clocks() -> Iterator[Vector]:
    """VRM-HOM-014: a thread's time does not go back, whatever the home's clock does."""
    ahead = NOW + 100
    shown = {"covers": ("VRM-HOM-014",)}
    offer = proffered(now=ahead, iat=NOW).at(NOW)
    start = "The clock has gone back 100 seconds since the thread's last receipt. "

    body = alternative(offer, answer_by=time(ahead))
    token = offer.token(SHOP, "terms.alternative", body)
    what = start + "`answer_by` lies after the clock, and in the second of that receipt."
    yield refused(
        "clock-back-deadline", "VRM-THR-020", "deadline-invalid", what, token, **shown, **offer.case()
    )
    body = alternative(offer, answer_by=time(ahead + 30 * DAY))
    token = offer.token(SHOP, "terms.alternative", body)
    what = start + "`answer_by` is 30 days after that receipt."
    yield taken("clock-back-deadline-far", "countered", what, token, **shown, **offer.case())
    token = offer.token(SHOP, "terms.reject", iat=NOW - 50, exp=NOW - 10)
    what = start + "`exp` is judged by the clock: it was 10 seconds ago, and not 110."
    yield taken("clock-back-exp", "rejected", what, token, **shown, **offer.case())
    token = offer.token(SHOP, "terms.reject", iat=NOW + 61, exp=NOW + 3600)
    what = start + "`iat` is judged by the clock: it lies 61 seconds ahead of it."
    yield refused("clock-back-iat", "VRM-ENV-028", "not-yet-valid", what, token, **offer.case())

    first = offer.at(ahead)
    first = first.add(first.token(SHOP, "terms.accept", acceptance(first)), "agreed").at(NOW)
    at = first.among(after=[agreed(salt="later")])
    token = at.token(SHOP, "agreement.terminate")
    what = start + "A later agreement of its class was made since: superseded, at the time of that receipt."
    yield refused("clock-back-superseded", "VRM-THR-005", "state-conflict", what, token, **shown, **at.case())

    def rotate(iat: int) -> bytes:
        proven = rotation(first, proof=proof(first, PERSON, NEXT, iat=iat))
        return first.token(NEXT, "agent.rotate", proven)

    what = start + "The proof is dated 60 seconds after that receipt."
    yield taken("clock-back-proof-ahead", "agreed", what, rotate(ahead + 60), **shown, **first.case())
    what = start + "The proof is dated 86400 seconds before that receipt."
    frame = {**shown, **first.case()}
    yield refused("clock-back-proof-old", "VRM-ID-021", "thread-unknown", what, rotate(ahead - DAY), **frame)
