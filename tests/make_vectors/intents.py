"""Vectors of the profile intent: intents on a board, offers, places, disclosure, introduction, purge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.terms import (
    DAY,
    HOME,
    NEXT,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    REFERENCE,
    ROSTER,
    SHOP,
    SHOP_EC,
    SHOP_ID,
    STRANGER,
    Sent,
    Vector,
    chapter,
    claims,
    proffer,
    published,
    refused,
    taken,
    time,
    who,
    without_none,
)

BOARD = f"{HOME}/v1/boards/intents"
BLOBS = f"{HOME}/v1/blobs/"
PICTURE = b"a picture of a car"
ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
EUR = {"amount": "12450.00", "currency": "EUR"}
USD = {"amount": "12450.00", "currency": "USD"}
NEED = {
    "title": "Toyota Yaris",
    "categories": [{"scheme": "unspsc", "code": "25101503"}],
    "alternatives": False,
}


def rules(**changes: Any) -> dict[str, Any]:
    made = {"offers": 9, "per_vendor": 3, "accepts": 1, "currencies": ["EUR"], "unverified": False}
    return without_none({**made, **changes})


def intent(**changes: Any) -> dict[str, Any]:
    """The right body of `intent.publish`; members of `offer_rules` may be given as `rules`."""
    made = {
        "version": 1,
        "terms": {
            "roster": ROSTER,
            "preferred": REFERENCE["PDC-INTENT"],
            "acceptable": [REFERENCE["SD-BASE"]],
        },
        "lang": "en",
        "place": "ZZ",
        "need": NEED,
        "where": {"region": "NL-NH"},
        "offer_rules": rules(**changes.pop("rules", {})),
        "disclose": [
            {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDERS},
            {"field": "phone", "category": "https://w3id.org/dpv/pd#TelephoneNumber", "purpose": CARE},
        ],
        "purge_within": "P1D",
        "until": time(NOW + 10 * DAY),
    }
    return without_none({**made, **changes})


def amendment(version: int = 2, **changes: Any) -> dict[str, Any]:
    made = {
        "version": version,
        "need": NEED,
        "offer_rules": rules(**changes.pop("rules", {})),
        "until": time(NOW + 10 * DAY),
    }
    return without_none({**made, **changes})


def item(price: Mapping[str, str] = EUR) -> dict[str, Any]:
    return {"title": "Yaris 1.5", "quantity": {"value": "1"}, "price": dict(price)}


@dataclass(frozen=True)
class Market:
    """What was sent so far, in several threads, and how to write the next message of each."""

    sent: tuple[Sent, ...] = ()
    now: int = NOW
    heads: Mapping[str, str] = field(default_factory=dict)
    intent: str = ""
    offers: tuple[str, ...] = ()
    vendors: tuple[Key, ...] = ()
    person: Key = PERSON

    def at(self, now: int) -> Market:
        return replace(self, now=now)

    # --- tokens -------------------------------------------------------------------------------

    def write(self, key: Key, kind: str, body: Mapping[str, Any], **changes: Any) -> bytes:
        made = {"iat": self.now, "exp": self.now + 3600, "body": dict(body), "salt": f"{len(self.sent)}"}
        return forge.token(key, claims(key, kind, **{**made, **changes}))

    def publishing(self, key: Key = PERSON, claims: Mapping[str, Any] | None = None, **body: Any) -> bytes:
        return self.write(key, "intent.publish", intent(**body), **{"aud": BOARD, **(claims or {})})

    def of_intent(self, kind: str, body: Mapping[str, Any] | None = None, **changes: Any) -> bytes:
        made = {"aud": BOARD, "thid": self.intent, "prev": self.heads[self.intent]}
        return self.write(self.person, kind, body or {}, **{**made, **changes})

    def making(self, key: Key = SHOP, claims: Mapping[str, Any] | None = None, **body: Any) -> bytes:
        made = {
            "accepts": self.intent,
            "version": 1,
            "agreement": REFERENCE["PDC-INTENT"],
            "lang": "en",
            "place": "NL",
            "items": [item()],
            "total": EUR,
            "valid_until": time(NOW + 5 * DAY),
        }
        named = {"aud": self.person.did, "pthid": self.intent, **(claims or {})}
        return self.write(key, "offer.make", without_none({**made, **body}), **named)

    def of_offer(
        self, key: Key, kind: str, body: Mapping[str, Any] | None = None, n: int = 0, **changes: Any
    ) -> bytes:
        thid, vendor = self.offers[n], self.vendors[n]
        aud = self.person.did if who(key) == who(vendor) else who(vendor)
        made = {"aud": aud, "thid": thid, "prev": self.heads[thid]}
        return self.write(key, kind, body or {}, **{**made, **changes})

    def accepting(self, n: int = 0, key: Key | None = None, **body: Any) -> bytes:
        made = {"takes": self.offered(n), "confirm_by": time(self.now + DAY), **body}
        return self.of_offer(key or self.person, "offer.accept", made, n)

    def confirming(self, n: int = 0, **body: Any) -> bytes:
        return self.of_offer(self.vendors[n], "offer.confirm", {"takes": self.offered(n), **body}, n)

    def offered(self, n: int) -> str:
        """The mid of the last offer.make or offer.revise."""
        made = self.offers[n]
        for sent in self.sent:
            payload = forge.claims_of(sent.token)
            if payload.get("thid") == self.offers[n] and payload["type"] == "offer.revise":
                made = forge.mid(sent.token)
        return made

    # --- what was taken -----------------------------------------------------------------------

    def add(self, token: bytes, state: str) -> Market:
        file, made = f"{len(self.sent) + 1}.jwt", forge.mid(token)
        thid = forge.claims_of(token).get("thid", made)
        heads = {**self.heads, thid: made}
        return replace(self, sent=(*self.sent, Sent(file, token, self.now, state)), heads=heads)

    def published(self, **body: Any) -> Market:
        token = self.publishing(**body)
        return replace(self.add(token, "open"), intent=forge.mid(token))

    def made(self, key: Key = SHOP, **body: Any) -> Market:
        token = self.making(key, **body)
        after = self.add(token, "offered")
        return replace(after, offers=(*self.offers, forge.mid(token)), vendors=(*self.vendors, key))

    def accepted(self, n: int = 0) -> Market:
        return self.add(self.accepting(n), "accepted")

    def confirmed(self, n: int = 0) -> Market:
        return self.accepted(n).add(self.accepted(n).confirming(n), "confirmed")

    def case(self, **more: Any) -> dict[str, Any]:
        keys = {SHOP_ID: published(SHOP, SHOP_EC), OTHER_ID: published(OTHER)}
        known = (SHOP_ID, OTHER_ID)
        return {
            "thread": self.sent,
            "now": self.now,
            "keys": keys,
            "known": known,
            "boards": {"intents": BOARD},
            **more,
        }


EMPTY = Market()
OPEN = EMPTY.published()
OFFERED = OPEN.made()
ACCEPTED, CONFIRMED = OFFERED.accepted(), OFFERED.confirmed()


@chapter
def publishing() -> Iterator[Vector]:
    yield taken("intent-publish", "open", "An intent.", EMPTY.publishing(), **EMPTY.case())
    for slug, what, body in (
        ("intent-no-budget", "An intent that tells no budget, place or time.", {"where": None}),
        ("intent-budget", "An intent with a budget.", {"budget": {"max": EUR}}),
        ("intent-circle", "A circle around a point of one decimal.", {"where": circle("52.4")}),
    ):
        shows = ("VRM-INT-003",) if "budget" in slug else ()
        yield taken(slug, "open", what, EMPTY.publishing(**body), covers=shows, **EMPTY.case())
    for slug, what, where in (
        ("intent-point", "A circle around a point of two decimals.", circle("52.37")),
        ("intent-small-circle", "A circle of nine kilometres.", {**circle("52.4"), "radius_km": 9}),
        ("intent-street", "A place that is no region of ISO 3166-2.", {"region": "NL-NH-1017"}),
    ):
        token = EMPTY.publishing(where=where)
        shows = ("VRM-INT-002",)
        yield refused(slug, "VRM-ENV-035", "body-invalid", what, token, covers=shows, **EMPTY.case())
    for slug, what, requirement, code, token in (
        (
            "intent-of-an-organisation",
            "An organisation publishes an intent.",
            "VRM-THR-024",
            "person-required",
            EMPTY.publishing(SHOP),
        ),
        (
            "intent-to-a-party",
            "An intent is sent to an organisation.",
            "VRM-INT-001",
            "aud-mismatch",
            EMPTY.publishing(claims={"aud": SHOP_ID}),
        ),
        (
            "intent-to-no-board",
            "An intent is sent to a board that this home does not have.",
            "VRM-ENV-025",
            "addressee-unknown",
            EMPTY.publishing(claims={"aud": f"{HOME}/v1/boards/other"}),
        ),
        (
            "proffer-to-a-board",
            "Terms are proffered to a board.",
            "VRM-INT-001",
            "aud-mismatch",
            EMPTY.write(PERSON, "terms.proffer", proffer(), aud=BOARD),
        ),
        (
            "intent-over-now",
            "`until` is now.",
            "VRM-THR-020",
            "deadline-invalid",
            EMPTY.publishing(until=time(NOW)),
        ),
        (
            "intent-strange-roster",
            "The terms are of a roster that the home does not hold.",
            "VRM-TRM-001",
            "roster-unknown",
            EMPTY.publishing(terms={"roster": {**ROSTER, "id": "other"}, "preferred": REFERENCE["SD-BASE"]}),
        ),
        (
            "intent-strange-digest",
            "The digest is that of another agreement.",
            "VRM-TRM-002",
            "agreement-mismatch",
            EMPTY.publishing(
                terms={
                    "roster": ROSTER,
                    "preferred": {**REFERENCE["SD-BASE"], "digest": REFERENCE["SD-BASE-A"]["digest"]},
                }
            ),
        ),
    ):
        yield refused(slug, requirement, code, what, token, **EMPTY.case())
    yield taken(
        "intent-until-soon", "open", "`until` is in two seconds.",
        EMPTY.publishing(until=time(NOW + 2)), covers=("VRM-THR-022",), **EMPTY.case(),
    )  # fmt: skip


def circle(lat: str) -> dict[str, Any]:
    return {"lat": lat, "lon": "4.9", "radius_km": 10}


@chapter
def blobs() -> Iterator[Vector]:
    digest = forge.digest(PICTURE)
    right = {"url": BLOBS + digest, "sha256": digest, "size": len(PICTURE), "media_type": "image/jpeg"}

    def token(**changes: Any) -> bytes:
        return EMPTY.publishing(need={**NEED, "media": [{**right, **changes}]})

    def put(by: str = PERSON.did, at: int = NOW) -> dict[str, Any]:
        return EMPTY.case(blobs=[{"by": by, "now": at}], blob=PICTURE)

    shown = ("VRM-BLB-004",)
    what = "An intent with a picture that was put before."
    yield taken("blob-put", "open", what, token(), covers=shown, **put())
    what = "An intent with a picture that was put an hour ago."
    yield taken("blob-put-an-hour-ago", "open", what, token(), covers=shown, **put(at=NOW - 3600))
    for slug, what, sent, case in (
        ("blob-never-put", "A picture that nobody has put.", token(), EMPTY.case()),
        ("blob-put-by-another", "A picture that another has put.", token(), put(NEXT.did)),
        ("blob-put-too-early", "A picture put an hour and a second ago.", token(), put(at=NOW - 3601)),
        ("blob-other-size", "A picture with another size.", token(size=len(PICTURE) + 1), put()),
        ("blob-elsewhere", "A picture at another server.", token(url=f"{SHOP_ID}/{digest}"), put()),
    ):
        yield refused(slug, "VRM-BLB-004", "blob-unknown", what, sent, **case)


@chapter
def changing() -> Iterator[Vector]:
    amend = OPEN.of_intent("intent.amend", amendment())
    paused = OPEN.add(OPEN.of_intent("intent.pause"), "paused")
    yield taken("intent-amend", "open", "The second version.", amend, covers=("VRM-INT-007",), **OPEN.case())
    token = paused.of_intent("intent.amend", amendment())
    yield taken("intent-amend-paused", "paused", "An amendment while paused.", token, **paused.case())
    for slug, what, market, version in (
        ("intent-amend-skips", "Version 3 after version 1.", OPEN, 3),
        ("intent-amend-again", "Version 2 after version 2.", OPEN.add(amend, "open"), 2),
    ):
        token = market.of_intent("intent.amend", amendment(version))
        yield refused(slug, "VRM-INT-007", "intent-stale", what, token, **market.case())
    for slug, what, body in (
        ("intent-amend-terms", "An amendment with terms.", {"terms": intent()["terms"]}),
        ("intent-amend-disclose", "An amendment of what may be disclosed.", {"disclose": []}),
        ("intent-amend-purge", "An amendment of `purge_within`.", {"purge_within": "P9D"}),
    ):
        token = OPEN.of_intent("intent.amend", amendment(**body))
        shows = ("VRM-INT-008",)
        yield refused(slug, "VRM-ENV-035", "body-invalid", what, token, covers=shows, **OPEN.case())
    behind = OPEN.add(amend, "open")
    token = behind.of_intent("intent.amend", amendment(3), prev=behind.intent)
    what = "An amendment that has not seen the last one."
    yield refused("intent-amend-behind", "VRM-THR-012", "prev-stale", what, token, **behind.case())
    token = OPEN.of_intent("intent.amend", amendment(until=time(NOW)))
    what = "An amendment with an `until` of now."
    yield refused("intent-amend-over", "VRM-THR-020", "deadline-invalid", what, token, **OPEN.case())
    yield taken("intent-pause", "paused", "A pause.", OPEN.of_intent("intent.pause"), **OPEN.case())
    yield taken("intent-resume", "open", "After a pause.", paused.of_intent("intent.resume"), **paused.case())
    token = OPEN.of_intent("intent.close", {"outcome": "elsewhere"})
    yield taken("intent-close", "closed", "Bought elsewhere.", token, **OPEN.case())
    for slug, market in (("intent-withdraw", OPEN), ("intent-withdraw-paused", paused)):
        token = market.of_intent("intent.withdraw", prev=forge.b64(bytes(32)))
        what = "A withdrawal, whatever its `prev`."
        yield taken(slug, "withdrawn", what, token, covers=("VRM-THR-014",), **market.case())
    late = OPEN.at(NOW + 10 * DAY)
    token = late.of_intent("intent.amend", amendment(until=time(NOW + 20 * DAY)))
    what = "An amendment in the second of `until`."
    yield refused("intent-amend-late", "VRM-THR-006", "deadline-passed", what, token, **late.case())
    just = OPEN.at(NOW + 10 * DAY - 1)
    token = just.of_intent("intent.amend", amendment(until=time(NOW + 20 * DAY)))
    yield taken("intent-amend-just", "open", "An amendment a second before `until`.", token, **just.case())
    token = OPEN.write(SHOP, "intent.pause", {}, aud=BOARD, thid=OPEN.intent, prev=OPEN.intent)
    what = "An organisation pauses the intent of a person."
    yield refused("intent-of-another", "VRM-THR-002", "thread-unknown", what, token, **OPEN.case())


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
    full = gave_up.made(OTHER)
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
    what = "Both bounds are reached: the first is told."
    yield bad("offer-too-many-again", 6, "offer-limit", what, full.making(), full, covers=())
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


def revision(version: int = 1, **changes: Any) -> dict[str, Any]:
    made = {"version": version, "items": [item()], "total": EUR, "valid_until": time(NOW + 5 * DAY)}
    return {**made, **changes}


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


def released(purpose: str = ORDERS, fields: tuple[str, ...] = ("name",), **clear: str) -> dict[str, Any]:
    return {
        "about": {"purpose": purpose, "fields": list(fields)},
        "content": {"clear": clear or dict.fromkeys(fields, "A. Jansen")},
    }


@chapter
def disclosing() -> Iterator[Vector]:
    def token(body: Mapping[str, Any], market: Market = ACCEPTED) -> bytes:
        return market.of_offer(PERSON, "disclosure.release", body)

    for state, market in (("accepted", ACCEPTED), ("confirmed", CONFIRMED)):
        what = f"A name is disclosed while {state}."
        yield taken(f"release-{state}", state, what, token(released(), market), **market.case())
    what = "A phone number is disclosed for what it is listed for."
    sent = token(released(CARE, ("phone",)))
    yield taken("release-other", "accepted", what, sent, covers=("VRM-OFR-017",), **ACCEPTED.case())
    for slug, what, body in (
        ("release-unlisted", "A field that is not listed.", released(fields=("address",))),
        ("release-more", "A listed field and one that is not.", released(fields=("name", "address"))),
        ("release-other-purpose", "A field that is listed for another purpose.", released(fields=("phone",))),
    ):
        sent = token(body)
        yield refused(slug, "VRM-OFR-017", "fields-not-listed", what, sent, **ACCEPTED.case())
    for slug, what, body in (
        ("release-hidden", "`content` has more than `about` says.", released(name="A", address="B")),
        (
            "release-empty",
            "`content` has less than `about` says.",
            released(CARE, ("phone", "name"), phone="1"),
        ),
    ):
        sent = token(body)
        yield refused(slug, "VRM-OFR-018", "content-mismatch", what, sent, **ACCEPTED.case())
    what = "A name is disclosed before the offer is accepted."
    sent = token(released(), OFFERED)
    yield refused("release-early", "VRM-THR-005", "state-conflict", what, sent, **OFFERED.case())
    what = "The vendor discloses."
    sent = ACCEPTED.of_offer(SHOP, "disclosure.release", released())
    yield refused("release-vendor", "VRM-THR-004", "role-forbidden", what, sent, **ACCEPTED.case())


def introduction(
    market: Market, n: int = 0, new: Key = NEXT, signer: Key | None = None, **changes: Any
) -> Any:
    made = {
        "iss": new.did,
        "sub": market.person.did,
        "aud": who(market.vendors[n]),
        "home": HOME,
        "thid": market.offers[n],
        "iat": market.now,
        **changes,
    }
    key = signer or new
    proof = forge.token(key, made, forge.header(key, typ="vrm-proof+jwt")).decode()
    return {"id": new.did, "proof": proof}


@chapter
def introducing() -> Iterator[Vector]:
    def token(body: Mapping[str, Any], market: Market = ACCEPTED) -> bytes:
        return market.of_offer(PERSON, "agent.introduce", body)

    for state, market in (("accepted", ACCEPTED), ("confirmed", CONFIRMED)):
        what = f"Another identifier is shown while {state}."
        sent = token(introduction(market), market)
        yield taken(f"introduce-{state}", state, what, sent, **market.case())
    for slug, what, seconds in (
        ("introduce-old", "The proof is 86399 seconds old.", -86399),
        ("introduce-ahead", "The proof is dated 60 seconds ahead.", 60),
    ):
        sent = token(introduction(ACCEPTED, iat=NOW + seconds))
        yield taken(slug, "accepted", what, sent, covers=("VRM-OFR-020",), **ACCEPTED.case())
    for slug, what, body in (
        ("introduce-too-old", "The proof is 86400 seconds old.", introduction(ACCEPTED, iat=NOW - 86400)),
        ("introduce-too-far", "The proof is dated 61 seconds ahead.", introduction(ACCEPTED, iat=NOW + 61)),
        ("introduce-forged", "A stranger signed the proof.", introduction(ACCEPTED, signer=STRANGER)),
        ("introduce-other-sub", "The proof is for another.", introduction(ACCEPTED, sub=STRANGER.did)),
        ("introduce-other-aud", "The proof names another vendor.", introduction(ACCEPTED, aud=OTHER_ID)),
        (
            "introduce-other-home",
            "The proof names another home.",
            introduction(ACCEPTED, home="https://other.example"),
        ),
        (
            "introduce-other-thread",
            "The proof names the intent.",
            introduction(ACCEPTED, thid=ACCEPTED.intent),
        ),
        (
            "introduce-other-id",
            "The proof is by another than `id`.",
            {**introduction(ACCEPTED), "id": STRANGER.did},
        ),
        ("introduce-herself", "`id` is the sender.", introduction(ACCEPTED, new=PERSON)),
    ):
        sent = token(body)
        yield refused(slug, "VRM-OFR-020", "proof-invalid", what, sent, **ACCEPTED.case())
    twice = OFFERED.made(SHOP).accepted(0)
    moved = twice.add(token(introduction(twice), twice), "accepted")
    after = replace(moved, person=NEXT)
    what = "The identifier shown goes on in the thread."
    sent = after.of_offer(NEXT, "offer.message", {"text": "It is me"})
    yield taken("introduced-new", "accepted", what, sent, covers=("VRM-OFR-021",), **after.case())
    what = "The one-time identifier goes on in another offer of this vendor."
    sent = moved.of_offer(PERSON, "offer.decline", {}, 1)
    yield taken("introduced-other-offer", "declined", what, sent, covers=("VRM-OFR-021",), **moved.case())
    what = "The one-time identifier writes in the thread that it has left."
    sent = moved.of_offer(PERSON, "offer.message", {"text": "Hello?"})
    shows = ("VRM-OFR-022",)
    yield refused("introduced-old", "VRM-THR-002", "thread-unknown", what, sent, covers=shows, **moved.case())
    what = "The vendor writes to the one-time identifier."
    sent = moved.of_offer(SHOP, "offer.message", {"text": "Hello?"})
    shows = ("VRM-OFR-023",)
    yield refused(
        "introduced-old-aud", "VRM-THR-003", "aud-mismatch", what, sent, covers=shows, **moved.case()
    )
    what = "The vendor writes to the identifier shown."
    sent = after.of_offer(SHOP, "offer.confirm", {"takes": after.offered(0)})
    yield taken("introduced-confirm", "confirmed", what, sent, **after.case())


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
