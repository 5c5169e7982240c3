"""Several threads at once: the right bodies of the profile intent, and what was sent so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
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
    Sent,
    claims,
    published,
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


def revision(version: int = 1, **changes: Any) -> dict[str, Any]:
    made = {"version": version, "items": [item()], "total": EUR, "valid_until": time(NOW + 5 * DAY)}
    return {**made, **changes}


def picture(**changes: Any) -> dict[str, Any]:
    """A right reference to PICTURE."""
    digest = forge.digest(PICTURE)
    made = {"url": BLOBS + digest, "sha256": digest, "size": len(PICTURE), "media_type": "image/jpeg"}
    return {**made, **changes}


def put(by: str, now: int = NOW) -> dict[str, Any]:
    """What a vector says of a picture that was put before."""
    return {"blobs": [{"by": by, "now": now}], "blob": PICTURE}


def released(purpose: str = ORDERS, fields: tuple[str, ...] = ("name",), **clear: str) -> dict[str, Any]:
    """A right body of `disclosure.release`, unless `clear` says otherwise."""
    return {
        "about": {"purpose": purpose, "fields": list(fields)},
        "content": {"clear": clear or dict.fromkeys(fields, "A. Jansen")},
    }


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

    def on_intent(self, kind: str, state: str, body: Mapping[str, Any] | None = None) -> Market:
        """After a message of the person in the thread of the intent."""
        return self.add(self.of_intent(kind, body), state)

    def amended(self, version: int = 2, state: str = "open", **changes: Any) -> Market:
        return self.on_intent("intent.amend", state, amendment(version, **changes))

    def on_offer(
        self, key: Key, kind: str, state: str, body: Mapping[str, Any] | None = None, n: int = 0
    ) -> Market:
        """After a message in the thread of an offer."""
        return self.add(self.of_offer(key, kind, body, n), state)

    def revised(self, n: int = 0, **changes: Any) -> Market:
        return self.on_offer(self.vendors[n], "offer.revise", "offered", revision(**changes), n)

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


def introduction(
    market: Market,
    n: int = 0,
    new: Key = NEXT,
    signer: Key | None = None,
    head: Mapping[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A right body of `agent.introduce`, unless the proof has another signer, header or claims."""
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
    header = forge.header(key, **{"typ": "vrm-proof+jwt", **(head or {})})
    return {"id": new.did, "proof": forge.token(key, without_none(made), header).decode()}


EMPTY = Market()
OPEN = EMPTY.published()
OFFERED = OPEN.made()
ACCEPTED, CONFIRMED = OFFERED.accepted(), OFFERED.confirmed()
PAUSED, AMENDED = OPEN.on_intent("intent.pause", "paused"), OPEN.amended()
WITHDRAWN = OFFERED.on_offer(SHOP, "offer.withdraw", "withdrawn")
DECLINED = OFFERED.on_offer(PERSON, "offer.decline", "declined")
CANCELLED = ACCEPTED.on_offer(PERSON, "offer.cancel", "cancelled")
FULFILLED = CONFIRMED.on_offer(SHOP, "order.fulfil", "fulfilled")
ATTEST = {"erased_at": time(NOW), "kept": []}
PURGED = WITHDRAWN.on_offer(SHOP, "purge.attest", "purged", ATTEST)
