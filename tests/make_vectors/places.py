"""Vectors of places, and of what the end of an intent does to its offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.make_vectors.base import DAY, NOW, OTHER, PERSON, SHOP, Vector, chapter, refused, taken, time
from tests.make_vectors.market import (
    ACCEPTED,
    ATTEST,
    CONFIRMED,
    EMPTY,
    OFFERED,
    OPEN,
    PAUSED,
    Market,
    amendment,
    introduction,
    released,
    revision,
)


@chapter
def choosing() -> Iterator[Vector]:
    """Places, and what the end of the intent does to its offers."""
    two = OFFERED.made(OTHER)
    first = two.accepted(0)
    what = "A second acceptance of an intent that takes one."
    token = first.accepting(1)
    yield refused("place-used-up", "VRM-OFR-012", "accepts-used-up", what, token, **first.case())
    roomy = EMPTY.published(rules={"accepts": 2}).made().made(OTHER).accepted(0)
    what = "A second acceptance of an intent that takes two."
    yield taken("place-left", "accepted", what, roomy.accepting(1), covers=("VRM-OFR-012",), **roomy.case())
    freed = first.add(first.of_offer(SHOP, "offer.cancel"), "cancelled")
    what = "The place of a cancelled offer is taken by another."
    token = freed.accepting(1)
    yield taken("place-of-a-cancelled", "accepted", what, token, covers=("VRM-OFR-013",), **freed.case())
    lapsed = first.at(NOW + DAY)
    what = "The place of an offer that was not confirmed in time is taken by another."
    token = lapsed.accepting(1)
    yield taken("place-of-a-lapsed", "accepted", what, token, covers=("VRM-OFR-013",), **lapsed.case())
    held = first.at(NOW + DAY - 1)
    what = "A second before `confirm_by` the place is held."
    token = held.accepting(1)
    yield refused("place-held", "VRM-OFR-012", "accepts-used-up", what, token, **held.case())

    filled = two.confirmed(0)

    def lost(slug: str, what: str, market: Market, shows: str) -> Vector:
        token = market.accepting(1)
        return refused(slug, "VRM-THR-005", "state-conflict", what, token, covers=(shows,), **market.case())

    yield lost("filled-accept", "An offer is accepted after another was confirmed.", filled, "VRM-INT-011")
    again = filled.add(filled.of_offer(PERSON, "offer.cancel"), "cancelled")
    what = "The confirmed offer was cancelled: what had lapsed stays lapsed."
    yield lost("filled-and-freed", what, again, "VRM-INT-012")
    what = "A new offer once a place is free again."
    token = again.making(OTHER)
    yield taken("filled-and-made", "offered", what, token, covers=("VRM-OFR-002",), **again.case())
    anew = again.made(OTHER)
    what = "It was made after the place was freed, and does not lapse with the others."
    token = anew.accepting(2)
    yield taken("filled-and-accepted", "accepted", what, token, covers=("VRM-INT-012",), **anew.case())
    wide = EMPTY.published(rules={"accepts": 2}).made().made(OTHER).confirmed(0)
    what = "Another offer is accepted: one of two places is filled."
    yield taken("filled-one-of-two", "accepted", what, wide.accepting(1), **wide.case())
    narrow = wide.add(wide.of_intent("intent.amend", amendment(rules={"accepts": 1})), "open")
    what = "An amendment leaves one place, and it is filled."
    yield lost("filled-by-amendment", what, narrow, "VRM-INT-011")
    done = CONFIRMED.add(CONFIRMED.of_offer(SHOP, "order.fulfil"), "fulfilled")
    attest = {"erased_at": time(NOW), "kept": []}
    purged = done.add(done.of_offer(SHOP, "purge.attest", attest), "purged")
    for slug, market in (("filled-fulfilled", done), ("filled-purged", purged)):
        what = "An offer after the only place was filled for good."
        yield refused(
            slug, "VRM-OFR-002", "intent-not-open", what, market.making(OTHER),
            covers=("VRM-OFR-014",), **market.case(),
        )  # fmt: skip

    for name, kind, body, state in (
        ("withdrawn", "intent.withdraw", {}, "withdrawn"),
        ("closed", "intent.close", {"outcome": "fulfilled"}, "closed"),
    ):
        ended = first.add(first.of_intent(kind, body), state)
        yield lost(f"orphaned-{name}", f"The intent was {name}: its offer has lapsed.", ended, "VRM-INT-010")
        what = f"The intent was {name}: what was accepted goes on."
        token = ended.confirming(0)
        yield taken(f"kept-{name}", "confirmed", what, token, covers=("VRM-INT-010",), **ended.case())
    short = EMPTY.published(until=time(NOW + DAY)).made()
    late = short.at(NOW + DAY)
    what = "The intent has expired: its offer has lapsed, `valid_until` or not."
    token = late.accepting(0)
    yield refused(
        "orphaned-expired", "VRM-THR-005", "state-conflict", what, token,
        covers=("VRM-INT-010", "VRM-THR-019"), **late.case(),
    )  # fmt: skip
    paused = OFFERED.add(OFFERED.of_intent("intent.pause"), "paused")
    what = "An offer is accepted while the intent is paused."
    yield taken("offer-accept-paused", "accepted", what, paused.accepting(), **paused.case())


@chapter
def more_places() -> Iterator[Vector]:
    """VRM-OFR-012 to VRM-OFR-014: which offers hold or fill a place, under the rules in force."""

    def used_up(slug: str, what: str, at: Market, n: int, *shows: str) -> Vector:
        fault, token = ("VRM-OFR-012", "accepts-used-up"), at.accepting(n)
        return refused(f"place-{slug}", *fault, what, token, covers=shows, **at.case())

    def left(slug: str, what: str, at: Market, n: int, *shows: str) -> Vector:
        shows = ("VRM-OFR-012", *shows)
        return taken(f"place-{slug}", "accepted", what, at.accepting(n), covers=shows, **at.case())

    three = EMPTY.published(rules={"accepts": 2}).made().made(OTHER).made(OTHER)
    what = "A third acceptance of an intent that takes two: one place is filled, one held."
    yield used_up("third", what, three.confirmed(0).accepted(1), 2)
    done = three.confirmed(0).on_offer(SHOP, "order.fulfil", "fulfilled")
    what = "A third acceptance of an intent that takes two: one offer is fulfilled, one accepted."
    yield used_up("fulfilled", what, done.accepted(1), 2, "VRM-OFR-014")
    purged = done.on_offer(SHOP, "purge.attest", "purged", ATTEST)
    what = "The same after the fulfilled one was purged."
    yield used_up("purged", what, purged.accepted(1), 2, "VRM-OFR-014")
    yield left("second", "A second acceptance beside one that is fulfilled.", done, 1)
    gone = three.confirmed(0).on_offer(PERSON, "offer.cancel", "cancelled").accepted(1)
    what = "A third acceptance of an intent that takes two: the first was confirmed and cancelled."
    yield left("of-a-confirmed", what, gone, 2, "VRM-OFR-013")
    less = three.accepted(0).amended(rules={"accepts": 1})
    yield used_up("lowered", "An amendment leaves one place, and it is held.", less, 1)
    two = OFFERED.made(OTHER)
    more = two.accepted(0).amended(rules={"accepts": 2})
    yield left("raised", "An amendment gives one place more.", more, 1)
    apart = ACCEPTED.published().made(OTHER)
    yield left("of-another-intent", "The only place of another intent is held.", apart, 1)
    dropped = two.accepted(0).on_offer(SHOP, "offer.cancel", "cancelled")
    dropped = dropped.on_offer(SHOP, "purge.attest", "purged", ATTEST)
    what = "The place of a cancelled offer, which was purged, is taken by another."
    yield left("of-a-purged", what, dropped, 1, "VRM-OFR-013")


@chapter
def filling() -> Iterator[Vector]:
    """VRM-INT-011, VRM-INT-012: when the places are filled, and for whom."""
    lost = ("VRM-THR-005", "state-conflict")
    two = OFFERED.made(OTHER)
    wide = EMPTY.published(rules={"accepts": 2}).made().made(OTHER)
    shows = ("VRM-INT-011",)
    calm = wide.amended(rules={"accepts": 1})
    what = "An amendment leaves one place, and none is filled."
    yield taken("filled-not", "accepted", what, calm.accepting(1), covers=shows, **calm.case())
    held = wide.accepted(0).amended(rules={"accepts": 1})
    token = held.of_offer(OTHER, "offer.message", {"text": "And?"}, 1)
    what = "An amendment leaves one place, and it is held, not filled: the other offer stands."
    yield taken("filled-not-by-held", "offered", what, token, covers=shows, **held.case())
    both = wide.confirmed(0).accepted(1).amended(rules={"accepts": 1})
    what = "An amendment leaves one place, and it is filled: what was accepted before goes on."
    yield taken("filled-and-kept", "confirmed", what, both.confirming(1), covers=shows, **both.case())
    last = wide.made(OTHER).confirmed(0).confirmed(1)
    what = "The second of two places was filled by a confirmation."
    yield refused("filled-both", *lost, what, last.accepting(2), covers=shows, **last.case())
    for kind, key, body in (
        ("offer.revise", OTHER, revision()),
        ("offer.withdraw", OTHER, {}),
        ("offer.decline", PERSON, {}),
        ("offer.message", PERSON, {"text": "Still there?"}),
    ):
        filled = two.confirmed(0)
        token = filled.of_offer(key, kind, body, 1)
        what = f"`{kind}` after another offer was confirmed."
        slug = f"filled-{kind.partition('.')[2]}"
        yield refused(slug, *lost, what, token, covers=shows, **filled.case())
    filled = two.confirmed(0)
    token = filled.of_offer(OTHER, "purge.attest", ATTEST, 1)
    what = "Purged after another offer was confirmed."
    yield taken("purge-filled", "purged", what, token, covers=shows, **filled.case())

    raised = filled.amended(rules={"accepts": 2})
    what = "An amendment gives one place more: what had lapsed stays lapsed."
    yield refused(
        "filled-and-raised", *lost, what, raised.accepting(1), covers=("VRM-INT-012",), **raised.case()
    )
    token = raised.making(OTHER, version=2)
    what = "A new offer after an amendment gave one place more."
    yield taken("filled-and-open", "offered", what, token, covers=("VRM-OFR-002",), **raised.case())
    new = raised.made(OTHER, version=2)
    what = "It was made after the amendment, and does not lapse with the others."
    token = new.accepting(2)
    yield taken("filled-and-raised-new", "accepted", what, token, covers=("VRM-INT-012",), **new.case())
    full = new.amended(3, rules={"accepts": 1})
    what = "A second amendment takes that place away again: it lapses."
    yield refused("filled-and-lowered", *lost, what, full.accepting(2), covers=shows, **full.case())
    freed = filled.on_offer(PERSON, "offer.cancel", "cancelled").made(OTHER).made(OTHER)
    again = freed.add(freed.accepting(2), "accepted")
    again = again.add(again.confirming(2), "confirmed")
    what = "The place was filled, freed, and filled again: what was made between lapses too."
    yield refused("filled-again", *lost, what, again.accepting(3), covers=shows, **again.case())
    free = again.on_offer(PERSON, "offer.cancel", "cancelled", n=2)
    what = "And stays lapsed when it is freed again."
    yield refused(
        "filled-again-and-freed", *lost, what, free.accepting(3), covers=("VRM-INT-012",), **free.case()
    )


@chapter
def endings() -> Iterator[Vector]:
    """VRM-INT-010, VRM-THR-019: what the end of an intent does to its offers, and which cause counts."""
    lost, passed = ("VRM-THR-005", "state-conflict"), ("VRM-THR-006", "deadline-passed")
    ends = ("VRM-INT-010",)
    end = NOW + 10 * DAY
    patient = OFFERED.add(OFFERED.accepting(confirm_by=time(NOW + 20 * DAY)), "accepted").at(end)
    what = "The intent has expired: what was accepted goes on."
    yield taken("kept-expired", "confirmed", what, patient.confirming(), covers=ends, **patient.case())
    gone = ACCEPTED.on_intent("intent.withdraw", "withdrawn")
    closed = CONFIRMED.on_intent("intent.close", "closed", {"outcome": "fulfilled"})
    for slug, state, what, at, key, kind, body in (
        ("disclosed", "accepted", "A name is disclosed", gone, PERSON, "disclosure.release", released()),
        ("introduced", "accepted", "A key is shown", gone, PERSON, "agent.introduce", introduction(gone)),
        ("cancelled", "cancelled", "Cancelled", gone, SHOP, "offer.cancel", {}),
        ("fulfilled", "fulfilled", "Delivered", closed, SHOP, "order.fulfil", {}),
        ("spoken", "confirmed", "A word", closed, SHOP, "offer.message", {"text": "Friday."}),
    ):
        token, what = at.of_offer(key, kind, body), f"{what} after the intent has ended."
        yield taken(f"kept-{slug}", state, what, token, covers=ends, **at.case())
    over = OFFERED.on_intent("intent.withdraw", "withdrawn")
    for kind, key, body in (
        ("offer.revise", SHOP, revision()),
        ("offer.withdraw", SHOP, {}),
        ("offer.decline", PERSON, {}),
        ("offer.message", SHOP, {"text": "A pity."}),
    ):
        token, what = over.of_offer(key, kind, body), f"`{kind}` after the intent was withdrawn."
        slug = f"orphaned-{kind.partition('.')[2]}"
        yield refused(slug, *lost, what, token, covers=ends, **over.case())
    token = over.of_offer(SHOP, "purge.attest", ATTEST)
    what = "Purged after the intent was withdrawn."
    yield taken("purge-orphaned", "purged", what, token, covers=ends, **over.case())

    def made(until: int, valid: int) -> Market:
        return EMPTY.published(until=time(NOW + until)).made(valid_until=time(NOW + valid))

    just = made(DAY, 5 * DAY).at(NOW + DAY - 1)
    what = "A second before the intent expires its offer is accepted."
    yield taken("orphaned-not-yet", "accepted", what, just.accepting(), covers=ends, **just.case())
    for slug, what, at, fault in (
        ("offer-same-second", "`valid_until` is `until`: the deadline.", made(DAY, DAY), passed),
        ("offer-deadline", "`valid_until` is a second before `until`.", made(DAY, DAY - 1), passed),
        ("offer-orphaned", "`valid_until` is a second after `until`.", made(DAY, DAY + 1), lost),
    ):
        late = at.at(NOW + DAY + 1)
        token = late.accepting()
        yield refused(f"cause-{slug}", *fault, what, token, covers=("VRM-THR-019",), **late.case())
    for slug, seconds, when, fault in (
        ("filled-same-second", 0, "in the second of its `valid_until`", passed),
        ("filled-first", -1, "a second before its `valid_until`", lost),
    ):
        two = EMPTY.published().made(valid_until=time(NOW + 9 * DAY)).made(OTHER, valid_until=time(NOW + DAY))
        two = two.at(NOW + DAY - 9).accepted(0).at(NOW + DAY + seconds)
        two = two.add(two.confirming(0), "confirmed").at(NOW + DAY)
        what = f"Another offer was confirmed {when}."
        token = two.accepting(1)
        yield refused(f"cause-{slug}", *fault, what, token, covers=("VRM-THR-019",), **two.case())
    for slug, seconds, when, fault in (
        ("withdrawn-same-second", 0, "in the second of `valid_until`", passed),
        ("withdrawn-first", -1, "a second before `valid_until`", lost),
    ):
        at = OFFERED.at(NOW + 5 * DAY + seconds)
        at = at.on_intent("intent.withdraw", "withdrawn").at(NOW + 5 * DAY)
        what, token = f"The intent was withdrawn {when}.", at.accepting()
        yield refused(f"cause-{slug}", *fault, what, token, covers=("VRM-THR-019",), **at.case())
    longer = EMPTY.published(until=time(NOW + DAY)).made(valid_until=time(NOW + 5 * DAY))
    longer = longer.amended(until=time(NOW + 9 * DAY)).at(NOW + DAY)
    what = "An amendment has put off `until`: the offer stands."
    yield taken("orphaned-put-off", "accepted", what, longer.accepting(), covers=ends, **longer.case())
    sooner = OFFERED.amended(until=time(NOW + DAY)).at(NOW + DAY)
    what = "An amendment has brought `until` forward: the offer has lapsed."
    token = sooner.accepting()
    yield refused("orphaned-brought-forward", *lost, what, token, covers=ends, **sooner.case())
    token = sooner.making(OTHER, version=2)
    what = "An offer in the second of the `until` of an amendment."
    fault = ("VRM-OFR-001", "intent-not-open")
    yield refused("offer-late-amended", *fault, what, token, **sooner.case())


@chapter
def removals() -> Iterator[Vector]:
    """VRM-BRD-017: what a removal by the operator does to an intent and to its offers."""
    shows = ("VRM-BRD-017",)
    lost = ("VRM-THR-005", "state-conflict")

    def case(at: Market, *more: str) -> dict[str, Any]:
        removed = [{"file": "1.jwt", "code": "operator", "now": NOW}]
        return {**at.case(removed=removed), "covers": (*shows, *more)}

    for slug, what, kind, at in (
        ("amend", "Amended after it was taken off the board.", "intent.amend", OPEN),
        ("withdraw", "Withdrawn after it was taken off the board.", "intent.withdraw", OPEN),
        ("resume", "Resumed after it was taken off the board while paused.", "intent.resume", PAUSED),
    ):
        token = at.of_intent(kind, amendment() if slug == "amend" else {})
        yield refused(f"removed-{slug}", *lost, what, token, **case(at))
    what = "An offer on an intent that was taken off the board."
    fault = ("VRM-OFR-001", "intent-not-open")
    yield refused("removed-offer", *fault, what, OPEN.making(), **case(OPEN))
    what = "The intent was taken off the board: its offer has lapsed."
    yield refused("removed-accept", *lost, what, OFFERED.accepting(), **case(OFFERED, "VRM-INT-010"))
    what = "The intent was taken off the board: what was accepted goes on."
    token = ACCEPTED.confirming()
    yield taken("removed-confirm", "confirmed", what, token, **case(ACCEPTED, "VRM-INT-010"))
    token = OFFERED.of_offer(SHOP, "purge.attest", ATTEST)
    what = "Purged after the intent was taken off the board."
    yield taken("removed-purge", "purged", what, token, **case(OFFERED, "VRM-INT-010"))
