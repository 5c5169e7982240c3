"""Vectors of offers: making one, its terms, prices and bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    EXT,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    REFERENCE,
    SHOP,
    SHOP_EC,
    SHOP_ID,
    STRANGER,
    Vector,
    agreed,
    chapter,
    refused,
    taken,
    time,
)
from tests.make_vectors.market import (
    ACCEPTED,
    ATTEST,
    BOARD,
    CONFIRMED,
    EMPTY,
    OFFERED,
    OPEN,
    USD,
    Market,
    amendment,
    item,
)


@chapter
def making() -> Iterator[Vector]:
    def bad(
        slug: str, n: int, code: str, what: str, token: bytes, market: Market = OPEN, **more: Any
    ) -> Vector:
        return refused(slug, f"VRM-OFR-{n:03d}", code, what, token, **market.case(), **more)

    yield taken("offer-make", "offered", "An offer.", OPEN.making(), **OPEN.case())
    token = OPEN.making(agreement=REFERENCE["SD-BASE"])
    what = "An offer under what was acceptable."
    yield taken("offer-acceptable", "offered", what, token, covers=("VRM-OFR-005",), **OPEN.case())
    paused = OPEN.add(OPEN.of_intent("intent.pause"), "paused")
    resumed = paused.add(paused.of_intent("intent.resume"), "open")
    gone = OPEN.add(OPEN.of_intent("intent.withdraw"), "withdrawn")
    closed = OPEN.add(OPEN.of_intent("intent.close", {"outcome": "abandoned"}), "closed")
    late = OPEN.at(NOW + 10 * DAY)
    for slug, what, market in (
        ("offer-paused", "An offer on a paused intent.", paused),
        ("offer-withdrawn-intent", "An offer on a withdrawn intent.", gone),
        ("offer-closed-intent", "An offer on a closed intent.", closed),
        ("offer-late", "An offer in the second of `until`.", late),
    ):
        token = market.making(valid_until=time(NOW + 20 * DAY))
        yield bad(slug, 1, "intent-not-open", what, token, market)
    what = "An offer on a resumed intent."
    yield taken("offer-resumed", "offered", what, resumed.making(), covers=("VRM-OFR-001",), **resumed.case())
    just = OPEN.at(NOW + 10 * DAY - 1)
    token = just.making(valid_until=time(NOW + 20 * DAY))
    yield taken("offer-just", "offered", "An offer a second before `until`.", token, **just.case())
    what = "An offer on an intent with all its acceptances confirmed."
    yield bad("offer-filled", 2, "intent-not-open", what, CONFIRMED.making(OTHER), CONFIRMED)
    what = "An offer on an intent whose only place is held and not filled."
    token = ACCEPTED.making(OTHER)
    yield taken("offer-held", "offered", what, token, covers=("VRM-OFR-002",), **ACCEPTED.case())
    amended = OPEN.add(OPEN.of_intent("intent.amend", amendment()), "open")
    what = "An offer for a version that was amended."
    yield bad("offer-old-version", 3, "intent-stale", what, amended.making(), amended)
    yield bad(
        "offer-next-version", 3, "intent-stale", "An offer for a version to come.", OPEN.making(version=2)
    )
    token = amended.making(version=2)
    yield taken("offer-new-version", "offered", "The version in force.", token, **amended.case())
    token = OPEN.making(accepts=forge.b64(bytes(32)))
    yield bad("offer-of-another", 4, "terms-not-offered", "`accepts` is another message.", token)
    token = amended.making(version=2, accepts=amended.heads[amended.intent])
    what = "`accepts` is the amendment, which has no terms."
    yield bad("offer-of-the-amendment", 4, "terms-not-offered", what, token, amended)
    for slug, what, agreement in (
        ("offer-other-terms", "An agreement that the intent does not list.", REFERENCE["SD-BASE-AT"]),
        (
            "offer-other-digest",
            "The digest of another agreement.",
            {**REFERENCE["SD-BASE"], "digest": REFERENCE["SD-BASE-A"]["digest"]},
        ),
    ):
        yield bad(slug, 5, "terms-not-offered", what, OPEN.making(agreement=agreement))
    few = EMPTY.published(rules={"offers": 2, "per_vendor": 1})
    one = few.made()
    gave_up = one.add(one.of_offer(SHOP, "offer.withdraw"), "withdrawn")
    what = "The last offer that the intent takes."
    yield taken(
        "offer-last", "offered", what, gave_up.making(OTHER), covers=("VRM-OFR-006",), **gave_up.case()
    )
    lax = EMPTY.published(rules={"offers": 2, "per_vendor": 1, "unverified": True})
    lax = lax.made().made(OTHER)
    what = "One offer more than the intent takes."
    yield bad("offer-too-many", 6, "offer-limit", what, lax.making(STRANGER), lax)
    what = "A second offer of a vendor that may make one; it withdrew the first."
    yield bad("offer-again", 7, "offer-limit", what, gave_up.making(), gave_up)
    twice = EMPTY.published(rules={"per_vendor": 2}).made()
    what = "A second offer of a vendor that may make two."
    yield taken("offer-twice", "offered", what, twice.making(), covers=("VRM-OFR-007",), **twice.case())
    token = OPEN.making(total=USD, items=[item(USD)])
    yield bad("offer-dollars", 8, "currency-not-allowed", "A currency that is not taken.", token)
    token = OPEN.making(items=[item(), item(USD)])
    yield bad("offer-dollars-inside", 8, "currency-not-allowed", "One price in a currency not taken.", token)
    anything = EMPTY.published(rules={"currencies": None})
    token = anything.making(total=USD, items=[item(USD)])
    what = "Any currency will do."
    yield taken("offer-any-currency", "offered", what, token, covers=("VRM-OFR-008",), **anything.case())
    token = anything.making(items=[item(USD)])
    what = "A price in another currency than the total."
    yield bad("offer-mixed", 9, "currency-not-allowed", what, token, anything)
    what = "A vendor named by a did:jwk."
    yield bad("offer-unverified", 10, "vendor-unverified", what, OPEN.making(STRANGER))
    free = EMPTY.published(rules={"unverified": True})
    token = free.making(STRANGER)
    what = "A vendor named by a did:jwk, on an intent that takes such."
    yield taken("offer-unverified-taken", "offered", what, token, covers=("VRM-OFR-010",), **free.case())
    yield refused(
        "offer-over-now", "VRM-THR-020", "deadline-invalid", "`valid_until` is now.",
        OPEN.making(valid_until=time(NOW)), **OPEN.case(),
    )  # fmt: skip
    for slug, requirement, code, what, named in (
        ("offer-no-parent", "VRM-THR-007", "claim-missing", "`pthid` is missing.", {"pthid": None}),
        (
            "offer-strange-parent",
            "VRM-THR-009",
            "parent-unknown",
            "`pthid` is no thread.",
            {"pthid": forge.b64(bytes(32))},
        ),
        ("offer-to-another", "VRM-THR-003", "aud-mismatch", "`aud` is another vendor.", {"aud": OTHER_ID}),
    ):
        yield refused(slug, requirement, code, what, OPEN.making(claims=named), **OPEN.case())
    token = OPEN.making(PERSON, claims={"aud": SHOP_ID})
    what = "The person makes an offer on her own intent."
    yield refused("offer-of-herself", "VRM-THR-004", "role-forbidden", what, token, **OPEN.case())
    token = OFFERED.making(OTHER, claims={"pthid": OFFERED.offers[0]})
    what = "`pthid` is an offer of another vendor."
    yield refused("offer-under-an-offer", "VRM-THR-009", "parent-unknown", what, token, **OFFERED.case())


@chapter
def bounds() -> Iterator[Vector]:
    """VRM-OFR-006, VRM-OFR-007: what counts is what was ever made, under the rules in force."""

    def full(slug: str, n: int, what: str, token: bytes, at: Market) -> Vector:
        return refused(f"offer-{slug}", f"VRM-OFR-{n:03d}", "offer-limit", what, token, **at.case())

    def room(slug: str, n: int, what: str, token: bytes, at: Market) -> Vector:
        shows = (f"VRM-OFR-{n:03d}",)
        return taken(f"offer-{slug}", "offered", what, token, covers=shows, **at.case())

    one = EMPTY.published(rules={"per_vendor": 1}).made()
    over = one.on_offer(SHOP, "offer.withdraw", "withdrawn")
    held = one.accepted()
    for name, at in (
        ("declined", one.on_offer(PERSON, "offer.decline", "declined")),
        ("lapsed", one.at(NOW + 5 * DAY)),
        ("accepted", held),
        ("cancelled", held.on_offer(SHOP, "offer.cancel", "cancelled")),
        ("purged", over.on_offer(SHOP, "purge.attest", "purged", ATTEST)),
    ):
        token = at.making(valid_until=time(NOW + 9 * DAY))
        what = f"A second offer of a vendor that may make one; the first is {name}."
        yield full(f"again-{name}", 7, what, token, at)
    what = "A second offer of a vendor that may make one, under another of its keys."
    yield full("again-other-key", 7, what, one.making(SHOP_EC), one)
    single = EMPTY.published(rules={"offers": 1}).made().on_offer(SHOP, "offer.withdraw", "withdrawn")
    what = "The only offer that the intent takes was withdrawn."
    yield full("too-many-withdrawn", 6, what, single.making(OTHER), single)
    raised = single.amended(rules={"offers": 2})
    what = "An amendment lets in one offer more."
    yield room("raised", 6, what, raised.making(OTHER, version=2), raised)
    twice = one.amended(rules={"per_vendor": 2})
    what = "An amendment lets in one offer more of each vendor."
    yield room("raised-per-vendor", 7, what, twice.making(version=2), twice)
    two = OPEN.made().made(OTHER)
    fewer = two.amended(rules={"offers": 2})
    token = fewer.making(version=2)
    yield full("lowered", 6, "An amendment takes no more offers than there are.", token, fewer)
    fewer = two.amended(rules={"per_vendor": 1})
    what = "An amendment takes no more offers of one vendor than there are."
    yield full("lowered-per-vendor", 7, what, fewer.making(version=2), fewer)
    other = EMPTY.published(rules={"offers": 1}).made().published(rules={"offers": 1})
    what = "The first offer on the second of two intents."
    yield room("other-intent", 6, what, other.making(), other)
    once = EMPTY.published(rules={"per_vendor": 2}).made()
    again = replace(once, sent=(*once.sent, once.sent[-1]))
    what = "The first offer of two was sent twice, and counts once."
    token = again.making()
    shows = ("VRM-OFR-007", "VRM-ENV-023")
    yield taken("offer-sent-twice", "offered", what, token, covers=shows, **again.case())
    what = "The only offer that the intent takes is sent again."
    last = EMPTY.published(rules={"offers": 1}).made()
    token, shows = last.sent[-1].token, ("VRM-ENV-022", "VRM-ENV-023")
    yield taken("offer-repeat", "offered", what, token, status=200, covers=shows, **last.case())


@chapter
def prices() -> Iterator[Vector]:
    """VRM-OFR-008 to VRM-OFR-010, and the form of amounts."""

    def bad(slug: str, n: int, code: str, what: str, token: bytes, at: Market) -> Vector:
        return refused(f"offer-{slug}", f"VRM-OFR-{n:03d}", code, what, token, **at.case())

    both = EMPTY.published(rules={"currencies": ["EUR", "USD"]})
    token = both.making(total=USD, items=[item(USD)])
    what = "The second of two currencies."
    yield taken("offer-two-currencies", "offered", what, token, covers=("VRM-OFR-008",), **both.case())
    token = both.making(items=[item(), item(USD)])
    what = "Prices in both of two currencies that are taken."
    yield bad("both-currencies", 9, "currency-not-allowed", what, token, both)
    less = both.amended(rules={"currencies": ["EUR"]})
    token = less.making(version=2, total=USD, items=[item(USD)])
    what = "An amendment takes no dollars any more."
    yield bad("dropped-currency", 8, "currency-not-allowed", what, token, less)
    free = EMPTY.published(rules={"unverified": True})
    strict = free.amended()
    what = "An amendment takes no vendors named by a did:jwk any more."
    token = strict.making(STRANGER, version=2)
    yield bad("unverified-amended", 10, "vendor-unverified", what, token, strict)
    anything = EMPTY.published(rules={"currencies": None})
    for slug, what, amount, currency in (
        ("offer-yen", "A currency without minor units.", "1500000", "JPY"),
        ("offer-dinar", "A currency with three decimals.", "4500.000", "KWD"),
        ("offer-free", "A price of nothing.", "0.00", "EUR"),
    ):
        price = {"amount": amount, "currency": currency}
        token = anything.making(total=price, items=[item(price)])
        yield taken(slug, "offered", what, token, **anything.case())
    for slug, what, amount, currency in (
        ("offer-yen-sen", "Yen with decimals.", "1500000.00", "JPY"),
        ("offer-dinar-short", "Dinar with two decimals.", "4500.00", "KWD"),
        ("offer-one-decimal", "Euro with one decimal.", "12450.0", "EUR"),
        ("offer-negative", "A price below nothing.", "-1.00", "EUR"),
        ("offer-no-currency", "A currency that ISO 4217 does not list.", "1.00", "EUX"),
    ):
        price = {"amount": amount, "currency": currency}
        token = anything.making(total=price, items=[item(price)])
        yield refused(slug, "VRM-ENV-035", "body-invalid", what, token, **anything.case())


@chapter
def offer_forms() -> Iterator[Vector]:
    """Claims, addressees and deadlines of an offer."""
    token = OPEN.making(agreement={**REFERENCE["SD-BASE"], "version": "9.0"})
    what = "Another version of an agreement that the intent lists."
    code = "terms-not-offered"
    yield refused("offer-other-version", "VRM-OFR-005", code, what, token, **OPEN.case())
    token = OPEN.making(valid_until=time(NOW + 1))
    yield taken("offer-soon", "offered", "`valid_until` is in one second.", token, **OPEN.case())
    token = OPEN.making(valid_until=time(NOW + 900 * DAY))
    what = "`valid_until` is long after `until`."
    yield taken("offer-beyond", "offered", what, token, **OPEN.case())
    two = EMPTY.published()
    other = two.published()
    token = other.making(accepts=two.intent)
    what = "`accepts` is another intent of hers than `pthid`."
    yield refused("offer-of-two-intents", "VRM-OFR-004", code, what, token, **other.case())
    token = OPEN.making(claims={"aud": BOARD})
    what = "An offer is sent to the board."
    yield refused("offer-to-the-board", "VRM-THR-003", "aud-mismatch", what, token, **OPEN.case())
    token = OPEN.making(PERSON, claims={"aud": BOARD})
    what = "The person sends an offer on her own intent to the board."
    yield refused("offer-of-herself-to-the-board", "VRM-INT-001", "aud-mismatch", what, token, **OPEN.case())
    terms = agreed()
    mixed = Market(sent=terms.sent).published()
    token = mixed.making(claims={"pthid": terms.thid})
    what = "`pthid` is a thread of terms, of which the vendor is a party."
    yield refused("offer-under-terms", "VRM-THR-009", "parent-unknown", what, token, **mixed.case())
    token = mixed.making(claims={"agr": terms.head})
    what = "`agr` is an agreement of the vendor's, and an offer needs none."
    yield refused("offer-with-agreement", "VRM-THR-008", "claim-unknown", what, token, **mixed.case())
    token = OPEN.making(claims={"ext": {EXT: 1}})
    what = "An offer carries an extension."
    yield refused("offer-ext", "VRM-ENV-031", "ext-not-allowed", what, token, **OPEN.case())
    token = OFFERED.of_offer(SHOP, "offer.message", {"text": "Yes"}, ext={EXT: 1})
    what = "A word about an offer carries one."
    yield taken("offer-message-ext", "offered", what, token, **OFFERED.case())
