"""Consents made by hand for the tests of views and verifiers: sealed tokens, a home's receipts, no server."""

from __future__ import annotations

from typing import Any

from tests import world
from tests.deeds import SPEC, Deed
from vrmproto import envelope, keys, timing

CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
MARKETING = "https://w3id.org/dpv#DirectMarketing"
MATCHING = "https://w3id.org/vrmproto/1.0/purpose#IntentMatching"
AGREEMENT, RELATIONSHIP = keys.b64(b"a" * 32), keys.b64(b"r" * 32)
DAY = 86400


def request(now: int, *purposes: str, **changes: Any) -> dict[str, Any]:
    """The body of a request; a change to None leaves a member out."""
    body: dict[str, Any] = {
        "notice": {
            "digest": "pDbiqpx_r60q0o70Mb5Qet7YrBAhylZLWv1Y-67dkjc",
            "lang": "nl",
            "presented_at": timing.text(now - 60),
            "url": "https://shop.example/privacy",
        },
        "controller": {
            "name": "De Autohandel B.V.",
            "address": "Damrak 1, 1012 LG Amsterdam",
            "contact": "mailto:privacy@shop.example",
        },
        "purposes": [*(purposes or (CARE, MARKETING))],
        "data": ["https://w3id.org/dpv/pd#EmailAddress", "https://w3id.org/dpv/pd#Disability"],
        "processing": ["https://w3id.org/dpv#Store", "https://w3id.org/dpv#Use"],
        "recipients": [
            {"name": "Bezorgd B.V.", "address": "Coolsingel 1, Rotterdam", "contact": "tel:+31101234567"}
        ],
        "storage": {"places": ["NL", "DE"], "period": "P1Y"},
        "jurisdiction": "NL",
        "withdrawal": "One message, at any time.",
        "rights": ["https://w3id.org/dpv/legal/eu/gdpr#A7-3", "https://w3id.org/dpv/legal/eu/gdpr#A17"],
        "authority": {
            "name": "Autoriteit Persoonsgegevens",
            "address": "Postbus 93374, Den Haag",
            "contact": "https://autoriteitpersoonsgegevens.nl",
        },
        "answer_by": timing.text(now + DAY),
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


class Consent(Deed):
    """A thread of a consent."""

    def request(self, *purposes: str, **changes: Any) -> str:
        body = request(self.now, *purposes, **changes)
        return self.other("consent.request", body, "requested", agr=AGREEMENT, pthid=RELATIONSHIP)

    def grant(self, *purposes: str, until: int = 90 * DAY, **claims: Any) -> str:
        body = {"purposes": [*purposes], "valid_until": timing.text(self.now + until)}
        return self.first("consent.grant", body, "granted", **{"agr": AGREEMENT, **claims})

    def narrow(self, *purposes: str) -> str:
        return self.first("consent.narrow", {"purposes": [*purposes]}, "granted")

    def renew(self, until: int = 180 * DAY) -> str:
        body = {"valid_until": timing.text(self.now + until)}
        return self.first("consent.renew", body, "granted", agr=AGREEMENT)

    def withdraw(self) -> str:
        return self.first("consent.withdraw", {}, "withdrawn")

    def relinquish(self) -> str:
        return self.other("consent.relinquish", {}, "relinquished")

    def propagated(self) -> str:
        body = {"stopped_at": timing.text(self.now), "told": ["Bezorgd B.V."]}
        return self.other("consent.propagated", body, "propagated")

    def document(self, state: str = "", **members: Any) -> dict[str, Any]:
        """The record as a home serves it, in the state that it has or in one that came by itself."""
        opened = [(envelope.peek(token)[1], envelope.peek(receipt)[1]) for token, receipt in self.messages]
        bodies = [claims["body"] for claims, _ in opened]
        n = next(n for n, (claims, _) in enumerate(opened) if claims["type"] == "consent.grant")
        state = state or self.states[-1]
        until = [body["valid_until"] for body in bodies if "valid_until" in body][-1]
        export = self.export(checkpoint=self.checkpoint(state))
        listed = [{"token": token, "receipt": receipt} for token, receipt in self.messages]
        people = {claims["iss"] for claims, _ in opened if claims["iss"].startswith(keys.DID)}
        found = [keys.from_did(did) for did in sorted(people)]
        own = [{"kid": key.kid, "jwk": dict(key.jwk), "source": "did:jwk"} for key in found]
        made = {
            "kind": "consent",
            "id": self.mids[n],
            "home": self.home,
            "thid": self.thid,
            "relationship": opened[0][0]["pthid"],
            "agreement": opened[0][0]["agr"],
            "first": opened[n][0]["iss"],
            "second": self.second,
            "granted_at": opened[n][1]["iat"],
            "purposes": [body["purposes"] for body in bodies if "purposes" in body][-1],
            **({"valid_until": timing.seconds(until)} if state == "granted" else {}),
            "state": state,
            "messages": listed,
            "keys": [*export["keys"], *own],
            "checkpoint": export["checkpoint"],
        }
        return made | members


def granted(*purposes: str, **changes: Any) -> Consent:
    """Asked for two purposes or those named, and the first of them granted."""
    deed = Consent()
    deed.request(*purposes, **changes)
    deed.grant((purposes or (CARE,))[0])
    return deed


async def consented(
    w: world.World, person: world.Party, shop: world.Party, **changes: Any
) -> tuple[str, str, str]:
    """A consent at a home: the record ids of its agreement and of itself, and its thread."""
    offered = await person.send("terms.proffer", world.proffer(w.clock), shop.id)
    proffer = offered.document["mid"]
    accepted = await shop.send(
        "terms.accept", world.acceptance(proffer), person.id, thid=proffer, prev=proffer
    )
    agr = accepted.document["mid"]
    ladder = {"ladder": SPEC.ladder.digest}
    opened = await person.send("relationship.open", ladder, shop.id, agr=agr)
    assert opened.status == 202, opened.document
    thid = opened.document["mid"]
    step = {"stage": "subscriber", **ladder}
    stepped = await person.send("relationship.step", step, shop.id, agr=agr, thid=thid, prev=thid)
    assert stepped.status == 202, stepped.document
    changes = {"data": ["https://w3id.org/dpv/pd#EmailAddress"], **changes}
    body = request(int(w.clock()), MARKETING, "https://w3id.org/dpv#SellProducts", **changes)
    asked = await shop.send("consent.request", body, person.id, agr=agr, pthid=thid)
    assert asked.status == 202, asked.document
    consent = asked.document["mid"]
    until = timing.text(int(w.clock()) + 90 * DAY)
    grant = {"purposes": [MARKETING], "valid_until": until}
    given = await person.send("consent.grant", grant, shop.id, agr=agr, thid=consent, prev=consent)
    assert given.status == 202, given.document
    return agr, given.document["mid"], consent
