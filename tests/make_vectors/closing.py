"""Vectors of what follows an acceptance: disclosure, and showing another key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
    HOME,
    LAST,
    NEXT,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    SHOP,
    SHOP_ID,
    STRANGER,
    Vector,
    agreed,
    both,
    chapter,
    refused,
    rotation,
    taken,
)
from tests.make_vectors.market import (
    ACCEPTED,
    ATTEST,
    CARE,
    CONFIRMED,
    EMPTY,
    OFFERED,
    ORDERS,
    Market,
    introduction,
    picture,
    released,
)


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
def more_disclosing() -> Iterator[Vector]:
    def token(body: Mapping[str, Any], at: Market) -> bytes:
        return at.of_offer(PERSON, "disclosure.release", body)

    name = {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDERS}
    phone = {**name, "field": "phone", "category": "https://w3id.org/dpv/pd#TelephoneNumber"}
    two = EMPTY.published(disclose=[name, phone, {**phone, "purpose": CARE}]).made().accepted()
    shows = ("VRM-OFR-017",)
    what = "Two fields are disclosed for one purpose."
    sent = token(released(fields=("name", "phone")), two)
    yield taken("release-two", "accepted", what, sent, covers=shows, **two.case())
    what = "A field that is listed for two purposes is disclosed for the second."
    sent = token(released(CARE, ("phone",)), two)
    yield taken("release-second-purpose", "accepted", what, sent, covers=shows, **two.case())
    what = "Two fields, of which one is listed for another purpose only."
    sent = token(released(CARE, ("name", "phone")), two)
    fault = ("VRM-OFR-017", "fields-not-listed")
    yield refused("release-one-of-two", *fault, what, sent, **two.case())
    nothing = EMPTY.published(disclose=[]).made().accepted()
    what = "The intent lists nothing to be disclosed."
    yield refused("release-nothing-listed", *fault, what, token(released(), nothing), **nothing.case())
    twice = ACCEPTED.on_offer(PERSON, "disclosure.release", "accepted", released())
    what = "A name is disclosed twice, with the first `prev`."
    sent = twice.of_offer(PERSON, "disclosure.release", released(), prev=twice.offers[0])
    yield taken("release-again", "accepted", what, sent, covers=("VRM-THR-013",), **twice.case())
    what = "`content` has another field than `about` says."
    sent = token(released(phone="+31 20 555 0101"), ACCEPTED)
    yield refused("release-exchanged", "VRM-OFR-018", "content-mismatch", what, sent, **ACCEPTED.case())
    what = "`content` is empty."
    empty = {**released(), "content": {"clear": {}}}
    sent = token(empty, ACCEPTED)
    yield refused("release-no-field", "VRM-OFR-018", "content-mismatch", what, sent, **ACCEPTED.case())
    what = "`content` has the data and a file."
    double = {**released(), "content": {**released()["content"], "ref": picture()}}
    sent = token(double, ACCEPTED)
    yield refused("release-both", "VRM-ENV-035", "body-invalid", what, sent, **ACCEPTED.case())


@chapter
def more_introducing() -> Iterator[Vector]:
    def token(body: Mapping[str, Any], at: Market = ACCEPTED) -> bytes:
        return at.of_offer(PERSON, "agent.introduce", body)

    fault = ("VRM-OFR-020", "proof-invalid")
    request = forge.header(NEXT, typ="vrm-request+jwt")
    for slug, what, body, shows in (
        (
            "typ",
            "`typ` of the proof is that of a request.",
            introduction(ACCEPTED, head=request),
            "VRM-ENV-014",
        ),
        (
            "kid",
            "`kid` of the proof is that of another key.",
            introduction(ACCEPTED, head={"kid": PERSON.kid}),
            "VRM-ID-008",
        ),
        ("alg", "`alg` of the proof is ES256.", introduction(ACCEPTED, head={"alg": "ES256"}), "VRM-ID-006"),
        ("claim", "The proof has a claim too many.", introduction(ACCEPTED, exp=NOW + 3600), ""),
        ("undated", "The proof has no `iat`.", introduction(ACCEPTED, iat=None), ""),
    ):
        case = ACCEPTED.case(covers=(shows,) if shows else ())
        yield refused(f"introduce-proof-{slug}", *fault, what, token(body), **case)
    plain = EMPTY.published(rules={"unverified": True}).made(STRANGER).accepted()
    what = "`id` is the vendor, whose own proof it is."
    sent = token(introduction(plain, new=STRANGER), plain)
    yield refused("introduce-the-vendor", *fault, what, sent, **plain.case())
    spoken = ACCEPTED.on_offer(SHOP, "offer.message", "accepted", {"text": "Who are you?"})
    what = "An introduction that has not seen the vendor's word."
    sent = spoken.of_offer(
        PERSON, "agent.introduce", introduction(spoken), prev=ACCEPTED.heads[ACCEPTED.offers[0]]
    )
    yield refused("introduce-behind", "VRM-THR-012", "prev-stale", what, sent, **spoken.case())


@chapter
def introduced() -> Iterator[Vector]:
    """What an introduction rebinds, and what it leaves: VRM-OFR-021 to VRM-OFR-023."""
    stranger, rebound = ("VRM-THR-002", "thread-unknown"), ("VRM-OFR-021",)
    word = {"text": "Hello"}

    def shown(at: Market, new: Key = NEXT, n: int = 0) -> Market:
        return at.on_offer(at.person, "agent.introduce", "accepted", introduction(at, n, new), n)

    first = shown(ACCEPTED)
    after = replace(first, person=NEXT)
    sent = after.of_offer(NEXT, "agent.introduce", introduction(after, new=LAST))
    what = "The identifier shown shows a third."
    yield taken("introduced-again", "accepted", what, sent, covers=("VRM-OFR-020",), **after.case())
    third = replace(shown(after, LAST), person=LAST)
    sent = third.of_offer(LAST, "offer.cancel")
    yield taken("introduced-third", "cancelled", "The third goes on.", sent, covers=rebound, **third.case())
    for slug, key, which in (("first", PERSON, "first"), ("second", NEXT, "second")):
        sent = third.of_offer(key, "offer.cancel", aud=SHOP_ID)
        what = f"The {which} of three identifiers writes in the thread that it has left."
        yield refused(
            f"introduced-{slug}-of-three", *stranger, what, sent, covers=("VRM-OFR-022",), **third.case()
        )
    sent = first.of_intent("intent.close", {"outcome": "fulfilled"})
    what = "The one-time identifier closes the intent: it is another thread."
    yield taken("introduced-close", "closed", what, sent, covers=rebound, **first.case())
    sent = after.of_intent("intent.close", {"outcome": "fulfilled"})
    what = "The identifier shown closes the intent, in which it is nobody."
    yield refused("introduced-close-new", *stranger, what, sent, covers=rebound, **after.case())
    two = EMPTY.published(rules={"accepts": 2}).made().made(OTHER).accepted(0)
    other = shown(two)
    what = "The one-time identifier accepts the offer of another vendor."
    yield taken(
        "introduced-other-vendor", "accepted", what, other.accepting(1), covers=rebound, **other.case()
    )
    full = shown(OFFERED.made(OTHER).accepted(0))
    what = "The place of an offer is held under the identifier shown as well."
    fault = ("VRM-OFR-012", "accepts-used-up")
    yield refused("introduced-place", *fault, what, full.accepting(1), **full.case())
    sent = after.of_offer(SHOP, "offer.cancel")
    yield taken("introduced-cancel", "cancelled", "The vendor cancels.", sent, covers=rebound, **after.case())
    over = after.on_offer(SHOP, "offer.cancel", "cancelled")
    sent = over.of_offer(SHOP, "purge.attest", ATTEST)
    what = "The vendor attests to the identifier shown."
    yield taken("introduced-purge", "purged", what, sent, covers=rebound, **over.case())
    repeat = first.sent[-1].token
    what = "The introduction is sent again."
    yield taken(
        "introduce-repeat", "accepted", what, repeat, status=200,
        covers=("VRM-ENV-022", "VRM-ENV-023"), **first.case(),
    )  # fmt: skip

    terms = agreed(NEXT)
    known = Market(sent=terms.sent).published().made().accepted()
    sent = known.of_offer(PERSON, "agent.introduce", introduction(known))
    what = "The identifier shown has an agreement with the vendor already."
    yield taken("introduce-known", "accepted", what, sent, covers=("VRM-OFR-020",), **known.case())
    joined = shown(known)
    body = rotation(terms, LAST, NEXT)
    rotated = joined.add(terms.token(LAST, "agent.rotate", body), "agreed")
    sent = replace(rotated, person=LAST).of_offer(LAST, "offer.message", word)
    what = "The identifier shown was rotated in another thread with the vendor: the new one goes on here."
    shows = ("VRM-ID-023",)
    yield taken("introduced-rotated", "accepted", what, sent, covers=shows, **rotated.case())
    sent = replace(rotated, person=NEXT).of_offer(NEXT, "offer.message", word)
    what = "The identifier shown was rotated in another thread with the vendor, and writes here."
    yield refused("introduced-rotated-old", *stranger, what, sent, covers=("VRM-ID-024",), **rotated.case())
    apart = known.add(terms.token(LAST, "agent.rotate", body), "agreed")
    sent = apart.of_offer(PERSON, "offer.message", word)
    what = "Another identifier was rotated opposite the vendor: the one-time identifier goes on."
    yield taken("introduced-not-rotated", "accepted", what, sent, covers=shows, **apart.case())


@chapter
def rotating() -> Iterator[Vector]:
    """VRM-ID-022 to VRM-ID-026 where the pair has offers as well."""
    word, shows = {"text": "Hello"}, ("VRM-ID-023",)
    terms = agreed()
    paired = Market(sent=terms.sent).published().made()
    rotated = paired.add(terms.token(NEXT, "agent.rotate", rotation(terms)), "agreed")
    after = replace(rotated, person=NEXT)
    what = "The person was rotated in a thread of terms with the vendor: the new identifier goes on here."
    sent = after.accepting()
    yield taken("rotated-offer", "accepted", what, sent, covers=shows, **after.case())
    what = "The person was rotated in a thread of terms with the vendor: the old identifier writes here."
    sent = rotated.of_offer(PERSON, "offer.decline")
    fault = ("VRM-THR-002", "thread-unknown")
    yield refused("rotated-offer-old", *fault, what, sent, covers=("VRM-ID-024",), **rotated.case())
    what = "The vendor writes to the old identifier."
    sent = rotated.of_offer(SHOP, "offer.message", word)
    fault = ("VRM-THR-003", "aud-mismatch")
    yield refused("rotated-offer-old-aud", *fault, what, sent, covers=("VRM-ID-025",), **rotated.case())
    what = "The intent is not of this pair: the old identifier closes it."
    sent = rotated.of_intent("intent.close", {"outcome": "elsewhere"})
    yield taken("rotated-offer-intent", "closed", what, sent, covers=shows, **rotated.case())
    what = "An offer made after the rotation is made to the identifier that published the intent."
    yield taken("rotated-offer-anew", "offered", what, rotated.making(), covers=shows, **rotated.case())
    apart = Market(sent=(hers := agreed(NEXT)).sent).published().made()
    what = "A rotation to the one-time identifier of an offer of this vendor."
    sent = hers.token(PERSON, "agent.rotate", rotation(hers, PERSON, NEXT))
    yield refused("rotate-to-one-time", "VRM-ID-022", "thread-unknown", what, sent, **apart.case())

    made = {"iss": PERSON.did, "sub": NEXT.did, "aud": SHOP_ID, "home": HOME, "iat": NOW}
    thid = OFFERED.offers[0]
    proof = forge.token(PERSON, {**made, "thid": thid}, forge.header(PERSON, typ="vrm-proof+jwt")).decode()
    unproven, proven = (
        OFFERED.write(NEXT, "agent.rotate", body, aud=SHOP_ID, thid=thid, prev=thid)
        for body in ({"replaces": PERSON.did}, {"replaces": PERSON.did, "proof": proof})
    )
    state = ("VRM-THR-005", "state-conflict")
    what = "A proven rotation in the thread of an offer, which has no row for it."
    yield refused("rotate-in-an-offer", *state, what, proven, **OFFERED.case())
    what = (
        "A rotation without proof in the thread of an offer, which has no row for it: nothing is told of it."
    )
    fault = ("VRM-ID-021", "thread-unknown")
    case = {**OFFERED.case(), "covers": ("VRM-ID-026",)}
    yield both("thread-row-offer", what, fault, state, unproven, proven, **case)
