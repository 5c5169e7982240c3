"""Vectors of what becomes of an offer: revision, acceptance, confirmation, cancellation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.make_vectors.base import (
    DAY,
    NOW,
    OTHER,
    PERSON,
    SHOP,
    STRANGER,
    Vector,
    chapter,
    refused,
    taken,
    time,
)
from tests.make_vectors.market import (
    ACCEPTED,
    CONFIRMED,
    EMPTY,
    OFFERED,
    USD,
    Market,
    amendment,
    item,
    revision,
)


@chapter
def bargaining() -> Iterator[Vector]:
    def said(slug: str, state: str, what: str, token: bytes, market: Market = OFFERED, **more: Any) -> Vector:
        return taken(slug, state, what, token, **market.case(), **more)

    revise = OFFERED.of_offer(SHOP, "offer.revise", revision())
    revised = OFFERED.add(revise, "offered")
    yield said("offer-revise", "offered", "A revision.", revise)
    amended = OFFERED.add(OFFERED.of_intent("intent.amend", amendment()), "open")
    token = amended.of_offer(SHOP, "offer.revise", revision())
    what = "A revision for a version that was amended."
    yield refused("offer-revise-old", "VRM-OFR-003", "intent-stale", what, token, **amended.case())
    token = amended.of_offer(SHOP, "offer.revise", revision(2))
    yield said("offer-revise-new", "offered", "A revision for the version in force.", token, amended)
    dollars = revision(total=USD, items=[item(USD)])
    token = OFFERED.of_offer(SHOP, "offer.revise", dollars)
    what = "A revision in a currency that is not taken."
    yield refused(
        "offer-revise-dollars", "VRM-OFR-008", "currency-not-allowed", what, token, **OFFERED.case()
    )
    asked = OFFERED.add(OFFERED.of_offer(PERSON, "offer.message", {"text": "Tyres?"}), "offered")
    token = asked.of_offer(SHOP, "offer.revise", revision(), prev=asked.offers[0])
    what = "A revision that has not seen a question."
    yield refused("offer-revise-behind", "VRM-THR-012", "prev-stale", what, token, **asked.case())
    token = OFFERED.of_offer(PERSON, "offer.revise", revision())
    what = "The person revises the vendor's offer."
    yield refused("offer-revise-her", "VRM-THR-004", "role-forbidden", what, token, **OFFERED.case())
    token = OFFERED.of_offer(SHOP, "offer.withdraw", {"reason": "sold"})
    yield said("offer-withdraw", "withdrawn", "The vendor withdraws.", token)
    yield said("offer-decline", "declined", "The person declines.", OFFERED.of_offer(PERSON, "offer.decline"))
    for state, market in (("offered", OFFERED), ("accepted", ACCEPTED), ("confirmed", CONFIRMED)):
        for name, key in (("person", PERSON), ("vendor", SHOP)):
            token = market.of_offer(key, "offer.message", {"text": "Yes"})
            yield said(f"offer-message-{state}-{name}", state, f"A word while {state}.", token, market)
    over = OFFERED.add(OFFERED.of_offer(PERSON, "offer.decline"), "declined")
    token = over.of_offer(SHOP, "offer.message", {"text": "And for less?"})
    what = "A word after she has declined."
    yield refused("offer-message-over", "VRM-THR-005", "state-conflict", what, token, **over.case())
    yield said("offer-accept", "accepted", "An acceptance.", OFFERED.accepting())
    yield said("offer-accept-revised", "accepted", "The revision is accepted.", revised.accepting(), revised)
    token = revised.accepting(takes=revised.offers[0])
    what = "What is accepted was revised."
    yield refused("offer-accept-stale", "VRM-OFR-011", "offer-stale", what, token, **revised.case())
    token = OFFERED.accepting(confirm_by=time(NOW))
    what = "`confirm_by` is now."
    yield refused("offer-accept-now", "VRM-THR-020", "deadline-invalid", what, token, **OFFERED.case())
    late = OFFERED.at(NOW + 5 * DAY)
    what = "An acceptance in the second of `valid_until`."
    yield refused(
        "offer-accept-late", "VRM-THR-006", "deadline-passed", what, late.accepting(), **late.case()
    )
    just = OFFERED.at(NOW + 5 * DAY - 1)
    yield said("offer-accept-just", "accepted", "A second before `valid_until`.", just.accepting(), just)
    what = "An offer of the first version is accepted after an amendment."
    yield said(
        "offer-accept-amended", "accepted", what, amended.accepting(), amended, covers=("VRM-INT-009",)
    )
    yield said("offer-confirm", "confirmed", "A confirmation.", ACCEPTED.confirming(), ACCEPTED)
    taken_revision = revised.accepted()
    token = taken_revision.confirming(takes=revised.offers[0])
    what = "What is confirmed was revised before it was accepted."
    yield refused("offer-confirm-stale", "VRM-OFR-011", "offer-stale", what, token, **taken_revision.case())
    late = ACCEPTED.at(NOW + DAY)
    what = "A confirmation in the second of `confirm_by`."
    yield refused(
        "offer-confirm-late", "VRM-THR-006", "deadline-passed", what, late.confirming(), **late.case()
    )
    for name, market in (("accepted", ACCEPTED), ("confirmed", CONFIRMED)):
        for role, key in (("person", PERSON), ("vendor", SHOP)):
            token = market.of_offer(key, "offer.cancel")
            yield said(f"offer-cancel-{name}-{role}", "cancelled", f"While {name}.", token, market)
    token = CONFIRMED.of_offer(SHOP, "order.fulfil", {"reference": "D-1"})
    yield said("fulfil", "fulfilled", "Delivered.", token, CONFIRMED)
    what = "Delivered before it was confirmed."
    token = ACCEPTED.of_offer(SHOP, "order.fulfil")
    yield refused("fulfil-early", "VRM-THR-005", "state-conflict", what, token, **ACCEPTED.case())


@chapter
def revising() -> Iterator[Vector]:
    def said(slug: str, what: str, body: Mapping[str, Any], at: Market = OFFERED, **more: Any) -> Vector:
        token = at.of_offer(at.vendors[0], "offer.revise", body)
        return taken(f"offer-revise-{slug}", "offered", what, token, **at.case(), **more)

    def bad(
        slug: str, requirement: str, code: str, what: str, body: Mapping[str, Any], at: Market = OFFERED
    ) -> Vector:
        token = at.of_offer(at.vendors[0], "offer.revise", body)
        return refused(f"offer-revise-{slug}", requirement, code, what, token, **at.case())

    yield bad("next", "VRM-OFR-003", "intent-stale", "A revision for a version to come.", revision(2))
    what, currency = "One price of a revision in a currency that is not taken.", "currency-not-allowed"
    yield bad("dollars-inside", "VRM-OFR-008", currency, what, revision(items=[item(), item(USD)]))
    anything = EMPTY.published(rules={"currencies": None}).made()
    what = "A price of a revision in another currency than the total."
    yield bad("mixed", "VRM-OFR-009", currency, what, revision(items=[item(USD)]), anything)
    dollars = revision(total=USD, items=[item(USD)])
    what = "A revision in another currency than the offer."
    yield said("other-currency", what, dollars, anything, covers=("VRM-OFR-008",))
    free = EMPTY.published(rules={"unverified": True}).made(STRANGER)
    yield said("unverified-taken", "A revision by a vendor named by a did:jwk.", revision(), free)
    strict, what = free.amended(), "An amendment takes no vendors named by a did:jwk any more."
    yield bad("unverified", "VRM-OFR-010", "vendor-unverified", what, revision(2), strict)
    one = EMPTY.published(rules={"offers": 1, "per_vendor": 1}).made()
    shows = ("VRM-OFR-006", "VRM-OFR-007")
    what = "A revision of the only offer that the intent takes is no other offer."
    yield said("at-the-bound", what, revision(), one, covers=shows)
    paused = OFFERED.on_intent("intent.pause", "paused")
    yield said("paused", "A revision while the intent is paused.", revision(), paused)
    body, deadline = revision(valid_until=time(NOW)), ("VRM-THR-020", "deadline-invalid")
    yield bad("now", *deadline, "`valid_until` of a revision is now.", body)
    what = "`valid_until` of a revision is in one second."
    yield said("soon", what, revision(valid_until=time(NOW + 1)))
    longer = revision(valid_until=time(NOW + 8 * DAY))
    late, just = OFFERED.at(NOW + 5 * DAY), OFFERED.at(NOW + 5 * DAY - 1)
    what = "A revision in the second of `valid_until`."
    yield bad("late", "VRM-THR-006", "deadline-passed", what, longer, late)
    yield said("just", "A revision a second before `valid_until`.", longer, just)
    yield bad("accepted", "VRM-THR-005", "state-conflict", "After the acceptance.", revision(), ACCEPTED)


@chapter
def accepting() -> Iterator[Vector]:
    def said(slug: str, state: str, what: str, token: bytes, at: Market) -> Vector:
        return taken(f"offer-{slug}", state, what, token, **at.case())

    def bad(slug: str, requirement: str, code: str, what: str, token: bytes, at: Market) -> Vector:
        return refused(f"offer-{slug}", requirement, code, what, token, **at.case())

    stale, behind = ("VRM-OFR-011", "offer-stale"), ("VRM-THR-012", "prev-stale")
    passed = ("VRM-THR-006", "deadline-passed")
    token = OFFERED.accepting(confirm_by=time(NOW + 1))
    yield said("accept-soon", "accepted", "`confirm_by` is in one second.", token, OFFERED)
    token = OFFERED.accepting(confirm_by=time(NOW + 99 * DAY))
    what = "`confirm_by` is after `valid_until` and after `until`."
    yield said("accept-beyond", "accepted", what, token, OFFERED)
    asked = OFFERED.on_offer(SHOP, "offer.message", "offered", {"text": "Tyres are extra."})
    token = asked.accepting()
    yield said("accept-after-a-word", "accepted", "The offer stands as it was made.", token, asked)
    what = "An acceptance that has not seen the vendor's word."
    token = asked.of_offer(
        PERSON,
        "offer.accept",
        {"takes": asked.offers[0], "confirm_by": time(NOW + DAY)},
        prev=asked.offers[0],
    )
    yield bad("accept-behind", *behind, what, token, asked)
    what = "`takes` is that word, and no offer."
    token = asked.accepting(takes=asked.heads[asked.offers[0]])
    yield bad("accept-a-word", *stale, what, token, asked)
    two = OFFERED.made(OTHER)
    what = "`takes` is the offer of another vendor."
    yield bad("accept-another", *stale, what, two.accepting(takes=two.offers[1]), two)
    what = "`takes` is the intent."
    yield bad("accept-the-intent", *stale, what, OFFERED.accepting(takes=OFFERED.intent), OFFERED)
    longer = OFFERED.revised(valid_until=time(NOW + 6 * DAY)).at(NOW + 6 * DAY - 1)
    what = "Accepted a second before the `valid_until` of the revision, after that of the offer."
    yield said("accept-prolonged", "accepted", what, longer.accepting(), longer)
    shorter = OFFERED.revised(valid_until=time(NOW + DAY)).at(NOW + DAY)
    what = "Accepted in the second of the `valid_until` of the revision, before that of the offer."
    yield bad("accept-shortened", *passed, what, shorter.accepting(), shorter)
    late = asked.at(NOW + 5 * DAY)
    what = "Accepted in the second of `valid_until`, which a word has not moved."
    yield bad("accept-late-after-a-word", *passed, what, late.accepting(), late)

    just = ACCEPTED.at(NOW + DAY - 1)
    yield said("confirm-just", "confirmed", "A second before `confirm_by`.", just.confirming(), just)
    patient = OFFERED.add(OFFERED.accepting(confirm_by=time(NOW + 9 * DAY)), "accepted").at(NOW + 6 * DAY)
    what = "Confirmed after `valid_until`, which ended with the acceptance."
    yield said("confirm-beyond", "confirmed", what, patient.confirming(), patient)
    what = "`takes` is the acceptance."
    token = ACCEPTED.confirming(takes=ACCEPTED.heads[ACCEPTED.offers[0]])
    yield bad("confirm-the-acceptance", *stale, what, token, ACCEPTED)
    spoken = ACCEPTED.on_offer(PERSON, "offer.message", "accepted", {"text": "By Friday?"})
    what = "A confirmation that has not seen her question."
    token = spoken.of_offer(
        SHOP, "offer.confirm", {"takes": spoken.offers[0]}, prev=ACCEPTED.heads[ACCEPTED.offers[0]]
    )
    yield bad("confirm-behind", *behind, what, token, spoken)
    revised = OFFERED.revised()
    changed = revised.accepted()
    yield said("confirm-revised", "confirmed", "What was revised.", changed.confirming(), changed)
