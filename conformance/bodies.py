"""Right bodies, the plainest of each type, for a home whose clock says ``now``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from conformance import jose
from conformance.traces import stamp
from vrmproto.spec import Spec

__all__ = ["Bodies"]

DAY = 86400
ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
RIGHTS = "https://w3id.org/dpv#RightsFulfilment"
MARKETING = "https://w3id.org/dpv#DirectMarketing"
QUALITY = "https://w3id.org/dpv#DataQualityManagement"
OPTIMISING = "https://w3id.org/dpv#ServiceOptimisation"
TRAINING = "https://w3id.org/vrmproto/1.0/purpose#AITrainingOperation"
PD = "https://w3id.org/dpv/pd#"
Json = dict[str, Any]


@lru_cache(maxsize=4)
def _agreements(root: Any) -> dict[str, dict[str, str]]:
    listed = json.loads((root / "roster" / "roster.json").read_bytes())
    found = {a["id"]: {n: a[n] for n in ("id", "version", "digest")} for a in listed["agreements"]}
    return {"": {n: listed[n] for n in ("id", "version")}, **found}


def _merged(made: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


class Bodies:
    """The bodies; a member given as None is left out, and any other takes the place of the usual one."""

    def __init__(self, spec: Spec, now: int) -> None:
        self.spec, self.now = spec, now

    @property
    def roster(self) -> Json:
        """The roster of the spec folder."""
        return dict(_agreements(self.spec.root)[""])

    def agreement(self, name: str) -> Json:
        """An agreement of it, with its digest."""
        return dict(_agreements(self.spec.root)[name])

    def agreements(self) -> list[str]:
        """Their ids."""
        return [name for name in _agreements(self.spec.root) if name]

    def at(self, seconds: int) -> str:
        """So many seconds from now."""
        return stamp(self.now + seconds)

    def proffer(self, **changes: Any) -> Json:
        """The body of ``terms.proffer``."""
        made = {
            "roster": self.roster,
            "preferred": self.agreement("SD-BASE-DP"),
            "acceptable": [self.agreement("SD-BASE")],
            "lang": "en",
            "place": "NL",
            "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
            "answer_by": self.at(7 * DAY),
        }
        return _merged(made, changes)

    def accept(self, proffer: str, agreement: str = "SD-BASE-DP", **changes: Any) -> Json:
        """The body of ``terms.accept``: ``proffer`` is the mid of what is accepted."""
        named = {"accepts": proffer, "agreement": self.agreement(agreement)}
        return _merged({**named, "lang": "en", "place": "NL"}, changes)

    def alternative(self, proffer: str, agreement: str = "SD-BASE-A", **changes: Any) -> Json:
        """The body of ``terms.alternative``."""
        made = {
            "alternative_to": proffer,
            "agreement": self.agreement(agreement),
            "lang": "en",
            "place": "NL",
            "answer_by": self.at(3 * DAY),
        }
        return _merged(made, changes)

    def rules(self, **changes: Any) -> Json:
        """``offer_rules``: everybody may offer."""
        made = {"offers": 9, "per_vendor": 3, "accepts": 1, "currencies": ["EUR"], "unverified": True}
        return _merged(made, changes)

    def need(self, **changes: Any) -> Json:
        """What is wanted."""
        categories = [{"scheme": "unspsc", "code": "25101503"}]
        return _merged({"title": "Toyota Yaris", "categories": categories, "alternatives": False}, changes)

    def intent(self, rules: Mapping[str, Any] | None = None, **changes: Any) -> Json:
        """The body of ``intent.publish``; members of its ``offer_rules`` in ``rules``."""
        terms = {
            "roster": self.roster,
            "preferred": self.agreement("PDC-INTENT"),
            "acceptable": [self.agreement("SD-BASE")],
        }
        made = {
            "version": 1,
            "terms": terms,
            "lang": "en",
            "place": "ZZ",
            "need": self.need(),
            "where": {"region": "NL-NH"},
            "offer_rules": self.rules(**(rules or {})),
            "disclose": [
                {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDERS},
                {"field": "phone", "category": "https://w3id.org/dpv/pd#TelephoneNumber", "purpose": CARE},
            ],
            "purge_within": "P1D",
            "until": self.at(10 * DAY),
        }
        return _merged(made, changes)

    def amendment(self, version: int = 2, rules: Mapping[str, Any] | None = None, **changes: Any) -> Json:
        """The body of ``intent.amend``."""
        made = {
            "version": version,
            "need": self.need(),
            "offer_rules": self.rules(**(rules or {})),
            "until": self.at(10 * DAY),
        }
        return _merged(made, changes)

    def offer(self, intent: str, version: int = 1, **changes: Any) -> Json:
        """The body of ``offer.make`` on the intent that this message published."""
        made = {
            "accepts": intent,
            "agreement": self.agreement("PDC-INTENT"),
            "lang": "en",
            "place": "NL",
            **self.revision(version),
        }
        return _merged(made, changes)

    def revision(self, version: int = 1, **changes: Any) -> Json:
        """The body of ``offer.revise``."""
        price = {"amount": "12450.00", "currency": "EUR"}
        made = {
            "version": version,
            "items": [{"title": "Yaris 1.5", "quantity": {"value": "1"}, "price": price}],
            "total": price,
            "valid_until": self.at(5 * DAY),
        }
        return _merged(made, changes)

    def taking(self, offer: str, **changes: Any) -> Json:
        """The body of ``offer.accept``; with ``confirm_by`` None that of ``offer.confirm``."""
        return _merged({"takes": offer, "confirm_by": self.at(DAY)}, changes)

    def release(self, **changes: Any) -> Json:
        """The body of ``disclosure.release``."""
        made = {
            "about": {"purpose": ORDERS, "fields": ["name"]},
            "content": {"clear": {"name": "A. Jansen"}},
        }
        return _merged(made, changes)

    def feedback(self, **changes: Any) -> Json:
        """The body of ``feedback.submit``."""
        made = {"kind": "problem", "text": "The door sticks.", "lang": "en", "may_publish": False}
        return _merged(made, changes)

    def dispute(self, **changes: Any) -> Json:
        """The body of ``dispute.open``."""
        return _merged({"facts": "It was not as agreed."}, changes)

    def relationship(self, **changes: Any) -> Json:
        """The body of ``relationship.open``."""
        return _merged({"ladder": self.spec.ladder.digest}, changes)

    def step(self, stage: str = "returning", **changes: Any) -> Json:
        """The body of ``relationship.step``."""
        return _merged({"stage": stage, "ladder": self.spec.ladder.digest}, changes)

    def invitation(self, stage: str = "subscriber", *categories: str, **changes: Any) -> Json:
        """The body of ``relationship.invite``; ``categories`` by their names in DPV-PD."""
        asks = [{"category": f"{PD}{name}", "purpose": CARE} for name in categories]
        made = {"stage": stage, "benefit": "News of the model.", "asks": asks, "answer_by": self.at(5 * DAY)}
        return _merged(made, changes)

    def consent(self, *purposes: str, **changes: Any) -> Json:
        """The body of ``consent.request``."""
        digest = jose.digest(b"a privacy notice")
        made = {
            "notice": {"digest": digest, "lang": "en", "presented_at": self.at(-60)},
            "controller": {"name": "De Autohandel B.V.", "contact": "mailto:privacy@auto.example"},
            "purposes": [*purposes],
            "data": [f"{PD}EmailAddress"],
            "processing": ["https://w3id.org/dpv#Use"],
            "recipients": [],
            "storage": {"places": ["NL"], "period": "P1Y"},
            "jurisdiction": "NL",
            "withdrawal": "One message, at any time.",
            "rights": ["https://w3id.org/dpv/legal/eu/gdpr#A7-3"],
            "authority": {"name": "Autoriteit Persoonsgegevens", "contact": "https://ap.example"},
            "answer_by": self.at(5 * DAY),
        }
        return _merged(made, changes)

    def grant(self, *purposes: str, **changes: Any) -> Json:
        """The body of ``consent.grant``."""
        return _merged({"purposes": [*purposes], "valid_until": self.at(90 * DAY)}, changes)

    def word(self, purpose: str = CARE, text: str = "The tyres are here.", **changes: Any) -> Json:
        """The body of ``dialogue.message``."""
        made = {"about": {"purpose": purpose, "fields": ["text"]}, "content": {"clear": {"text": text}}}
        return _merged(made, changes)

    def request(self, purpose: str = CARE, *categories: str, **changes: Any) -> Json:
        """The body of ``data.request``; ``categories`` by their names in DPV-PD."""
        items = [{"category": f"{PD}{name}"} for name in categories or ("EmailAddress",)]
        return _merged({"purpose": purpose, "items": items, "answer_by": self.at(5 * DAY)}, changes)

    def share(self, purpose: str = CARE, *categories: str, fields: Mapping[str, str] | None = None) -> Json:
        """The body of ``data.share``; ``fields`` are the data themselves."""
        said = dict(fields or {"email": "a.jansen@example.org"})
        named = [f"{PD}{name}" for name in categories or ("EmailAddress",)]
        about = {"purpose": purpose, "fields": sorted(said), "categories": named}
        return {"about": about, "content": {"clear": said}}

    def report(
        self,
        purpose: str = CARE,
        *categories: str,
        fields: Mapping[str, str] | None = None,
        ago: int = DAY,
    ) -> Json:
        """The body of ``data.report``, as of so many seconds ago."""
        made = self.share(purpose, *categories, fields=fields)
        return {**made, "about": {**made["about"], "as_of": self.at(-ago)}}

    def correction(self, of: str, *patch: Mapping[str, str], **changes: Any) -> Json:
        """The body of ``correction.submit``; without a patch the field ``email`` is replaced."""
        plain = {"op": "replace", "path": "/email", "value": "anna@example.org"}
        made = {"of": of, "patch": list(patch or (plain,)), "answer_by": self.at(30 * DAY)}
        return _merged(made, changes)

    def reference(self, data: bytes, blobs: str, **changes: Any) -> Json:
        """A reference to a blob; ``blobs`` is the URL before its digest, with the stroke."""
        digest = jose.digest(data)
        made = {"url": blobs + digest, "sha256": digest, "size": len(data), "media_type": "image/jpeg"}
        return _merged(made, changes)
