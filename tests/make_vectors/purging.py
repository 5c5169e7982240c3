"""Vectors of what each state of an offer takes, and of purging."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    SHOP,
    SHOP_ID,
    STRANGER,
    Vector,
    chapter,
    refused,
    taken,
    time,
)
from tests.make_vectors.market import (
    ACCEPTED,
    ATTEST,
    CANCELLED,
    CONFIRMED,
    DECLINED,
    FULFILLED,
    OFFERED,
    PURGED,
    WITHDRAWN,
    Market,
    introduction,
    released,
)


@chapter
def offer_states() -> Iterator[Vector]:
    """What each state of an offer takes from whom, and until when."""
    accept = {"takes": OFFERED.offers[0], "confirm_by": time(NOW + DAY)}
    confirm, word = {"takes": OFFERED.offers[0]}, {"text": "Well?"}
    lapsed = OFFERED.at(NOW + 5 * DAY)
    role, state = ("VRM-THR-004", "role-forbidden"), ("VRM-THR-005", "state-conflict")
    passed = ("VRM-THR-006", "deadline-passed")
    named = {id(SHOP): "vendor", id(PERSON): "person"}

    def cases(at: Market, fault: tuple[str, str], when: str, *sent: tuple[Key, str, Any]) -> Iterator[Vector]:
        for key, kind, body in sent:
            token = at.of_offer(key, kind, body)
            what = f"The {named[id(key)]} sends `{kind}`: {when}."
            slug = f"{when.replace(' ', '-')}-{kind.replace('.', '-')}-{named[id(key)]}"
            yield refused(slug, *fault, what, token, **at.case())

    her, his = PERSON, SHOP
    yield from cases(
        OFFERED, role, "offered", (her, "offer.withdraw", {}), (his, "offer.decline", {}),
        (his, "offer.accept", accept),
    )  # fmt: skip
    yield from cases(
        OFFERED, state, "offered", (her, "offer.cancel", {}), (his, "offer.cancel", {}),
        (his, "offer.confirm", confirm), (her, "agent.introduce", introduction(OFFERED)),
        (his, "order.fulfil", {}),
    )  # fmt: skip
    yield from cases(
        ACCEPTED, role, "accepted", (her, "offer.confirm", confirm),
        (his, "agent.introduce", introduction(ACCEPTED)),
    )  # fmt: skip
    yield from cases(
        ACCEPTED, state, "accepted", (her, "offer.accept", accept), (his, "offer.withdraw", {}),
        (her, "offer.decline", {}),
    )  # fmt: skip
    yield from cases(CONFIRMED, role, "confirmed", (her, "order.fulfil", {}))
    yield from cases(
        CONFIRMED, state, "confirmed", (his, "offer.confirm", confirm), (his, "offer.withdraw", {}),
    )  # fmt: skip
    for at in (WITHDRAWN, DECLINED, CANCELLED, FULFILLED):
        when = at.sent[-1].state
        yield from cases(
            at, state, when, (her, "offer.accept", accept), (her, "offer.cancel", {}),
            (her, "disclosure.release", released()), (her, "agent.introduce", introduction(at)),
            (his, "offer.message", word), (his, "order.fulfil", {}),
        )  # fmt: skip
    yield from cases(
        lapsed, passed, "lapsed", (his, "offer.withdraw", {}), (her, "offer.decline", {}),
        (her, "offer.message", word), (his, "offer.message", word),
    )  # fmt: skip
    late = ACCEPTED.at(NOW + DAY)
    yield from cases(
        late, passed, "unconfirmed", (her, "disclosure.release", released()),
        (her, "agent.introduce", introduction(late)), (her, "offer.cancel", {}), (his, "offer.cancel", {}),
        (his, "offer.message", word),
    )  # fmt: skip
    yield from cases(late, state, "unconfirmed", (his, "order.fulfil", {}), (her, "offer.decline", {}))
    just = ACCEPTED.at(NOW + DAY - 1)
    token = just.of_offer(PERSON, "disclosure.release", released())
    what = "A name is disclosed a second before `confirm_by`."
    yield taken("release-just", "accepted", what, token, **just.case())
    aside = {"aud": PERSON.did, "thid": OFFERED.offers[0], "prev": OFFERED.offers[0]}
    token = OFFERED.write(OTHER, "offer.withdraw", {}, **aside)
    what = "Another vendor withdraws the offer."
    fault = ("VRM-THR-002", "thread-unknown")
    yield refused("offer-withdraw-another", *fault, what, token, **OFFERED.case())
    token = OFFERED.write(STRANGER, "offer.decline", {}, **{**aside, "aud": SHOP_ID})
    what = "Another person declines the offer."
    yield refused("offer-decline-another", *fault, what, token, **OFFERED.case())
    two = OFFERED.made(OTHER)
    token = two.of_offer(PERSON, "offer.decline", aud=OTHER_ID)
    what = "The offer of one vendor is declined towards another."
    yield refused("offer-decline-astray", "VRM-THR-003", "aud-mismatch", what, token, **two.case())
    token = two.of_offer(PERSON, "offer.decline", prev=two.offers[1])
    what = "`prev` is a message in the thread of another offer."
    yield refused("offer-decline-prev", "VRM-THR-011", "prev-unknown", what, token, **two.case())
    token = two.of_offer(PERSON, "offer.decline", prev=two.intent)
    what = "`prev` is the message that published the intent."
    yield refused("offer-decline-parent", "VRM-THR-011", "prev-unknown", what, token, **two.case())


@chapter
def purging() -> Iterator[Vector]:
    attest = {"erased_at": time(NOW), "kept": []}

    def sent(market: Market) -> bytes:
        return market.of_offer(SHOP, "purge.attest", attest)

    accepted_late = ACCEPTED.at(NOW + DAY)
    over = (
        ("withdrawn", OFFERED.add(OFFERED.of_offer(SHOP, "offer.withdraw"), "withdrawn")),
        ("declined", OFFERED.add(OFFERED.of_offer(PERSON, "offer.decline"), "declined")),
        ("cancelled", ACCEPTED.add(ACCEPTED.of_offer(PERSON, "offer.cancel"), "cancelled")),
        ("fulfilled", CONFIRMED.add(CONFIRMED.of_offer(SHOP, "order.fulfil"), "fulfilled")),
        ("lapsed", OFFERED.at(NOW + 5 * DAY)),
        ("lapsed-unconfirmed", accepted_late),
    )
    for name, market in over:
        yield taken(f"purge-{name}", "purged", f"Purged after {name}.", sent(market), **market.case())
    withdrawn = over[0][1].at(NOW + DAY)
    what = "Purged in the second in which `purge_within` has passed."
    yield taken("purge-overdue", "purged", what, sent(withdrawn), covers=("VRM-OFR-024",), **withdrawn.case())
    for name, market in (("offered", OFFERED), ("accepted", ACCEPTED), ("confirmed", CONFIRMED)):
        what = f"An attestation while {name}."
        token = sent(market)
        yield refused(f"purge-{name}", "VRM-THR-005", "state-conflict", what, token, **market.case())
    gone = over[0][1].add(sent(over[0][1]), "purged")
    yield refused("purge-again", "VRM-THR-005", "state-conflict", "Purged twice.", sent(gone), **gone.case())
    token = over[0][1].of_offer(PERSON, "purge.attest", attest)
    what = "The person attests."
    yield refused("purge-her", "VRM-THR-004", "role-forbidden", what, token, **over[0][1].case())


@chapter
def more_purging() -> Iterator[Vector]:
    shows = ("VRM-OFR-024",)
    for name, at, since in (
        ("declined", DECLINED, NOW),
        ("cancelled", CANCELLED, NOW),
        ("fulfilled", FULFILLED, NOW),
        ("lapsed", OFFERED, NOW + 5 * DAY),
        ("unconfirmed", ACCEPTED, NOW + DAY),
    ):
        late = at.at(since + DAY)
        token = late.of_offer(SHOP, "purge.attest", ATTEST)
        what = f"Purged in the second in which `purge_within` has passed since it was {name}."
        yield taken(f"purge-overdue-{name}", "purged", what, token, covers=shows, **late.case())
    late = WITHDRAWN.at(NOW + 400 * DAY)
    token = late.of_offer(SHOP, "purge.attest", ATTEST)
    yield taken("purge-overdue-long", "purged", "More than a year later.", token, covers=shows, **late.case())
    just = WITHDRAWN.at(NOW + DAY - 1)
    token = just.of_offer(SHOP, "purge.attest", ATTEST)
    what = "Purged a second before `purge_within` has passed."
    yield taken("purge-just", "purged", what, token, covers=shows, **just.case())
    kept = {"what": "the invoice", "why": "tax law", "until": time(NOW + 3650 * DAY)}
    token = FULFILLED.of_offer(SHOP, "purge.attest", {**ATTEST, "kept": [kept]})
    yield taken("purge-kept", "purged", "All but the invoice.", token, **FULFILLED.case())
    late = WITHDRAWN.at(NOW + 2 * DAY)
    fault = ("VRM-THR-005", "state-conflict")
    token = late.of_offer(SHOP, "offer.message", {"text": "Sorry"})
    yield refused("purge-overdue-word", *fault, "A word while overdue.", token, **late.case())
    for slug, key in (("her", PERSON), ("vendor", SHOP)):
        token = PURGED.of_offer(key, "offer.message", {"text": "Well?"})
        yield refused(f"purged-{slug}", *fault, "A word after the purge.", token, **PURGED.case())
    named = {"aud": PERSON.did, "thid": WITHDRAWN.offers[0], "prev": WITHDRAWN.offers[0]}
    token = WITHDRAWN.write(OTHER, "purge.attest", ATTEST, **named)
    what = "Another vendor attests."
    yield refused("purge-another", "VRM-THR-002", "thread-unknown", what, token, **WITHDRAWN.case())
    what = "The vendor attests, with the offer as `prev`."
    token = CANCELLED.of_offer(SHOP, "purge.attest", ATTEST, prev=CANCELLED.offers[0])
    yield taken("purge-behind", "purged", what, token, covers=("VRM-THR-013",), **CANCELLED.case())
