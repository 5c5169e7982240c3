"""Vectors of the order of checks in the profile intent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    REFERENCE,
    SHOP,
    SHOP_ID,
    STRANGER,
    Fault,
    Vector,
    agreed,
    both,
    chapter,
    time,
)
from tests.make_vectors.market import (
    ACCEPTED,
    AMENDED,
    BOARD,
    CONFIRMED,
    EMPTY,
    NEED,
    OFFERED,
    OPEN,
    ORDERS,
    USD,
    Market,
    amendment,
    intent,
    introduction,
    item,
    picture,
    released,
    revision,
)

NOTHING = forge.mid(b"nothing.")
FILLED, CLOSED = ("VRM-OFR-002", "intent-not-open"), ("VRM-OFR-001", "intent-not-open")
STALE, AHEAD = ("VRM-OFR-003", "intent-stale"), ("VRM-THR-020", "deadline-invalid")
UNHELD = ("VRM-BLB-004", "blob-unknown")
OFFER, LISTED = ("VRM-OFR-004", "terms-not-offered"), ("VRM-OFR-005", "terms-not-offered")
ALL, EACH = ("VRM-OFR-006", "offer-limit"), ("VRM-OFR-007", "offer-limit")
CURRENCY, MIXED = ("VRM-OFR-008", "currency-not-allowed"), ("VRM-OFR-009", "currency-not-allowed")
VENDOR = ("VRM-OFR-010", "vendor-unverified")
TAKES, USED_UP = ("VRM-OFR-011", "offer-stale"), ("VRM-OFR-012", "accepts-used-up")
PREV, BEHIND = ("VRM-THR-011", "prev-unknown"), ("VRM-THR-012", "prev-stale")
STRANGE = {**REFERENCE["SD-BASE"], "id": "SD-OTHER"}
MISSING: dict[str, Any] = {"media": [picture()]}


def before(market: Market) -> dict[str, Any]:
    """What `then` says where the last message that was taken is left out."""
    sent = market.sent[:-1]
    return {"changes": {"thread": [{"file": s.file, "now": s.now, "state": s.state} for s in sent]}}


@chapter
def order_of_intents() -> Iterator[Vector]:
    """The guards of `intent.publish` and `intent.amend`."""
    case, now = EMPTY.case(), time(NOW)
    roster, person = ("VRM-TRM-001", "roster-unknown"), ("VRM-THR-024", "person-required")
    terms = {**intent()["terms"], "preferred": STRANGE}
    need = {**NEED, **MISSING}
    what = "An organisation publishes an intent; the roster does not have the agreement."
    token, right = (EMPTY.publishing(key, terms=terms) for key in (SHOP, PERSON))
    yield both("guards-publish-person", what, person, roster, token, right, **case)
    what = "The roster does not have the agreement; `until` is now."
    token, right = EMPTY.publishing(terms=terms, until=now), EMPTY.publishing(until=now)
    yield both("guards-publish-roster", what, roster, AHEAD, token, right, **case)
    what = "`until` is now; nobody has put the picture."
    token, right = EMPTY.publishing(need=need, until=now), EMPTY.publishing(need=need)
    yield both("guards-publish-deadline", what, AHEAD, UNHELD, token, right, **case)

    def amend(at: Market, version: int, prev: str = "", **body: Any) -> bytes:
        return at.of_intent("intent.amend", amendment(version, **body), **({"prev": prev} if prev else {}))

    case, skips = OPEN.case(), ("VRM-INT-007", "intent-stale")
    what = "Version 3 after version 1; `until` is now."
    token, right = (amend(OPEN, n, until=now) for n in (3, 2))
    yield both("guards-amend-version", what, skips, AHEAD, token, right, **case)
    what = "`until` is now; nobody has put the picture."
    token, right = amend(OPEN, 2, need=need, until=now), amend(OPEN, 2, need=need)
    yield both("guards-amend-deadline", what, AHEAD, UNHELD, token, right, **case)
    what = "`prev` is the first message, after an amendment; version 2 after version 2."
    token, right = amend(AMENDED, 2, AMENDED.intent), amend(AMENDED, 2)
    yield both("prev-guards-amend", what, BEHIND, skips, token, right, **AMENDED.case())


@chapter
def order_of_offers() -> Iterator[Vector]:
    """The guards of `offer.make` and `offer.revise`."""
    usd: dict[str, Any] = {"total": USD, "items": [item(USD)]}
    now: dict[str, Any] = {"valid_until": time(NOW)}
    paused = AMENDED.on_intent("intent.pause", "paused")
    what = "The intent is paused; the version was amended."
    yield both("guards-make-open", what, CLOSED, STALE, paused.making(), **before(paused), **paused.case())
    what = "The only place is filled; the version is one to come."
    token = CONFIRMED.making(OTHER, version=2)
    yield both("guards-make-filled", what, FILLED, STALE, token, **before(CONFIRMED), **CONFIRMED.case())
    shut = CONFIRMED.on_intent("intent.pause", "paused")
    what = "The intent is paused, and its only place is filled."
    token = shut.making(OTHER)
    yield both("guards-make-paused", what, CLOSED, FILLED, token, **before(shut), **shut.case())

    def make(slug: str, what: str, first: Fault, second: Fault, one: Any, two: Any, at: Market) -> Vector:
        """Two faults of a body: members that make one, members that make the other."""
        token, right = at.making(**{**two, **one}), at.making(**two)
        return both(f"guards-make-{slug}", what, first, second, token, right, **at.case())

    astray: dict[str, Any] = {"accepts": NOTHING}
    other: dict[str, Any] = {"agreement": REFERENCE["SD-BASE-AT"]}
    what = "The version is one to come; `accepts` names no intent."
    yield make("version", what, STALE, OFFER, {"version": 2}, astray, OPEN)
    what = "`accepts` names no intent, and the intent does not list the agreement."
    yield make("accepts", what, OFFER, LISTED, astray, other, OPEN)
    one = EMPTY.published(rules={"per_vendor": 1}).made()
    what = "The intent does not list the agreement; the vendor has made all the offers it may."
    yield make("terms", what, LISTED, EACH, other, {}, one)
    what = "The vendor has made all the offers it may; the currency is not taken."
    token, right = one.making(**usd), one.making(OTHER, **usd)
    yield both("guards-make-limit", what, EACH, CURRENCY, token, right, **one.case())
    full = EMPTY.published(rules={"offers": 2, "per_vendor": 1}).made().made(OTHER)
    what = "All offers are made that the intent takes, and all that the vendor may make."
    yield both("guards-make-limits", what, ALL, EACH, full.making(), **before(full), **full.case())
    three = EMPTY.published(rules={"currencies": ["EUR", "USD"]})
    pounds = {"amount": "9000.00", "currency": "GBP"}
    what = "The currency of one price is not taken, and that of the next is not that of the total."
    token, right = three.making(items=[item(pounds), item(USD)]), three.making(items=[item(), item(USD)])
    yield both("guards-make-price-taken", what, CURRENCY, MIXED, token, right, **three.case())
    what = "The currency of one price is not that of the total, and that of the next is not taken."
    token, right = three.making(items=[item(USD), item(pounds)]), three.making(items=[item(), item(pounds)])
    yield both("guards-make-price-mixed", what, MIXED, CURRENCY, token, right, **three.case())
    what = "The currency is not taken; the vendor is named by a did:jwk."
    token, right = OPEN.making(STRANGER, **usd), OPEN.making(STRANGER)
    yield both("guards-make-currency", what, CURRENCY, VENDOR, token, right, **OPEN.case())
    what = "The vendor is named by a did:jwk; `valid_until` is now."
    token, right = OPEN.making(STRANGER, **now), OPEN.making(SHOP, **now)
    yield both("guards-make-vendor", what, VENDOR, AHEAD, token, right, **OPEN.case())
    what = "The currency is not taken; `valid_until` is now."
    yield make("rules", what, CURRENCY, AHEAD, {**usd}, now, OPEN)
    what = "`valid_until` is now; nobody has put the picture."
    yield make("deadline", what, AHEAD, UNHELD, now, MISSING, OPEN)

    def revise(at: Market, prev: str = "", **body: Any) -> bytes:
        prev = prev or at.heads[at.offers[0]]
        return at.of_offer(SHOP, "offer.revise", revision(**body), prev=prev)

    case = OFFERED.case()
    what = "The version is one to come; the currency is not taken."
    token, right = revise(OFFERED, version=2, **usd), revise(OFFERED, **usd)
    yield both("guards-revise-version", what, STALE, CURRENCY, token, right, **case)
    what = "The currency is not taken; `valid_until` is now."
    token, right = revise(OFFERED, **usd, **now), revise(OFFERED, **now)
    yield both("guards-revise-rules", what, CURRENCY, AHEAD, token, right, **case)
    what = "`valid_until` is now; nobody has put the picture."
    token, right = revise(OFFERED, **now, **MISSING), revise(OFFERED, **MISSING)
    yield both("guards-revise-deadline", what, AHEAD, UNHELD, token, right, **case)
    revised = OFFERED.revised()
    what = "`prev` is the offer, after a revision; the version is one to come."
    token, right = revise(revised, revised.offers[0], version=2), revise(revised, version=2)
    yield both("prev-guards-revise", what, BEHIND, STALE, token, right, **revised.case())


@chapter
def order_of_choices() -> Iterator[Vector]:
    """The guards of acceptance, confirmation, disclosure and introduction, and what comes before them."""
    first = OFFERED.made(OTHER).accepted(0)
    what = "`takes` is another offer; the only place is held."
    token, right = first.accepting(1, takes=first.offers[0]), first.accepting(1)
    yield both("guards-accept-takes", what, TAKES, USED_UP, token, right, **first.case())
    what = "The only place is held; `confirm_by` is now."
    token = first.accepting(1, confirm_by=time(NOW))
    yield both("guards-accept-places", what, USED_UP, AHEAD, token, **before(first), **first.case())
    revised = OFFERED.revised()
    body = {"takes": revised.offers[0], "confirm_by": time(NOW + DAY)}
    what = "`prev` and `takes` are the offer, after a revision."
    token = revised.of_offer(PERSON, "offer.accept", body, prev=revised.offers[0])
    right = revised.of_offer(PERSON, "offer.accept", body)
    yield both("prev-guards-accept", what, BEHIND, TAKES, token, right, **revised.case())
    takes = {"takes": NOTHING}
    what = "`prev` and `takes` name no message."
    token, right = (
        ACCEPTED.of_offer(SHOP, "offer.confirm", takes, prev=p)
        for p in (NOTHING, ACCEPTED.heads[ACCEPTED.offers[0]])
    )
    yield both("prev-guards-confirm", what, PREV, TAKES, token, right, **ACCEPTED.case())
    fields = ("VRM-OFR-017", "fields-not-listed")
    file = {"about": {"purpose": ORDERS, "fields": ["address"]}, "content": {"ref": picture()}}
    listed = {**file, "about": {"purpose": ORDERS, "fields": ["name"]}}
    what = "The intent does not list the field; nobody has put the file."
    token, right = (ACCEPTED.of_offer(PERSON, "disclosure.release", b) for b in (file, listed))
    yield both("guards-release", what, fields, UNHELD, token, right, **ACCEPTED.case())
    proof, old = ("VRM-OFR-020", "proof-invalid"), introduction(ACCEPTED, iat=NOW - DAY)
    what = "`prev` is the offer, after the acceptance; the proof is too old."
    token, right = (
        ACCEPTED.of_offer(PERSON, "agent.introduce", old, prev=p)
        for p in (ACCEPTED.offers[0], ACCEPTED.heads[ACCEPTED.offers[0]])
    )
    yield both("prev-guards-introduce", what, BEHIND, proof, token, right, **ACCEPTED.case())

    content, thread = ("VRM-OFR-018", "content-mismatch"), ("VRM-THR-002", "thread-unknown")
    mixed = {**released(name="A", phone="B")}
    what = "A purpose that is none; `content` has more than `about` says."
    worse = {**mixed, "about": {"purpose": "none", "fields": ["name"]}}
    token, right = (ACCEPTED.of_offer(PERSON, "disclosure.release", b) for b in (worse, mixed))
    form = ("VRM-ENV-035", "body-invalid")
    yield both("body-body-content", what, form, content, token, right, **ACCEPTED.case())
    what = "`content` has more than `about` says; there is no such thread."
    token, right = (
        ACCEPTED.of_offer(PERSON, "disclosure.release", b, thid=NOTHING) for b in (mixed, released())
    )
    yield both("body-thread-content", what, content, thread, token, right, **ACCEPTED.case())
    parent, counterparty = ("VRM-THR-009", "parent-unknown"), ("VRM-THR-003", "aud-mismatch")
    what = "`pthid` is no thread; `aud` is another vendor."
    token, right = (OPEN.making(claims={"aud": OTHER_ID, **c}) for c in ({"pthid": NOTHING}, {}))
    yield both("thread-counterparty-offer", what, parent, counterparty, token, right, **OPEN.case())
    board, role = ("VRM-INT-001", "aud-mismatch"), ("VRM-THR-004", "role-forbidden")
    what = "The person makes an offer on her own intent, and sends it to the board."
    token, right = (OPEN.making(PERSON, claims={"aud": aud}) for aud in (BOARD, SHOP_ID))
    yield both("counterparty-row-board", what, board, role, token, right, **OPEN.case())
    passed, late = ("VRM-THR-006", "deadline-passed"), OFFERED.at(NOW + 5 * DAY)
    what = "Accepted in the second of `valid_until`; `takes` names no offer."
    token = late.accepting(takes=NOTHING)
    changes = {"now": late.now - 1}
    yield both("row-guards-late", what, passed, TAKES, token, changes=changes, **late.case())
    state, filled = ("VRM-THR-005", "state-conflict"), OFFERED.made(OTHER).confirmed(0)
    what = "Accepted after another offer was confirmed: it has lapsed, and no place is left."
    token = filled.accepting(1)
    yield both("row-guards-filled", what, state, USED_UP, token, **before(filled), **filled.case())
    terms = agreed()
    shut = Market(sent=terms.sent).published().on_intent("intent.pause", "paused")
    unneeded = ("VRM-THR-008", "claim-unknown")
    what = "`agr` stands where the row needs none; the intent is paused."
    token, right = (shut.making(claims=c) for c in ({"agr": terms.head}, {}))
    yield both("row-guards-agreement", what, unneeded, CLOSED, token, right, **shut.case())
