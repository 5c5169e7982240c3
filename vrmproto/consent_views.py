"""Records of consents as ISO/IEC TS 27560 with DPV, by ``spec/views/dpv-27560.json``. No I/O, no clock.

A view proves nothing: the record does. Source: spec/protocol/consents.md "Records".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vrmproto import envelope, timing
from vrmproto.agreed import row_of
from vrmproto.errors import ProtocolError
from vrmproto.guards import pointed
from vrmproto.spec import Kind, Spec

__all__ = ["acceptable", "view"]

Json = Mapping[str, Any]


def acceptable(spec: Spec, profile: str, record: Json) -> dict[str, Any]:
    """The view of a record in a profile, valid against its schema; ``not-acceptable``."""
    if record.get("kind") != "consent":
        detail = f"the record of an agreement has no form {profile}"
        raise ProtocolError("not-acceptable", detail, rule="VRM-CNS-016")
    made = view(spec, profile, record)
    if faults := spec.faults(spec.consent_views["profiles"][profile]["schema"], made):
        missing = ", ".join(p["dpv:hasName"] for p in _bare(made)) or "somebody"
        detail = f"the consent was asked for without what {profile} asks for, such as an address of {missing}"
        raise ProtocolError("not-acceptable", detail, rule="VRM-CNS-016", errors=faults)
    return made


def _bare(made: Json) -> Iterator[Json]:
    """The parties of a view that have a name and no address."""
    for record in [made, made.get("dpv:hasRecordOfActivity", {})]:
        yield from (
            p for p in record.get("dpv:hasEntity", ()) if "dpv:hasName" in p and "dpv:hasAddress" not in p
        )


def view(spec: Spec, profile: str, record: Json) -> dict[str, Any]:
    """The document ``documents/consent.json`` as JSON-LD, whether or not the profile is fulfilled."""
    table = spec.consent_views
    chosen = table["profiles"][profile]
    facts = _facts(spec, record)
    if "around" in chosen:
        inner = table["profiles"][chosen["around"]]
        facts["record"] = {**facts, **{n: inner[n] for n in ("conforms", "basis")}}
    facts |= {n: chosen[n] for n in ("conforms", "basis") if n in chosen}
    return {"@context": table["context"], **_object(table, chosen["view"], facts)}


# --- the facts -----------------------------------------------------------------------------------


def _facts(spec: Spec, record: Json) -> dict[str, Any]:
    """What the table points into."""
    opened = [
        (envelope.peek(item["token"])[1], envelope.peek(item["receipt"])[1]) for item in record["messages"]
    ]
    checkpoint = envelope.peek(record["checkpoint"])[1]
    request = opened[0][0]["body"]
    path = next(e["path"] for e in spec.endpoints if e["name"] == "records").partition("{")[0]
    url = f"{record['home']}{path}{record['id']}"
    types = spec.consent_views["types"]
    subject = {"id": record["first"], "types": types["subject"]}
    controller = {**request["controller"], "id": record["second"], "types": types["controller"]}
    authority = {**request["authority"], "id": f"{url}#authority", "types": types["authority"]}
    recipients = [
        {**one, "id": f"{url}#recipient-{n}", "types": types["recipient"]}
        for n, one in enumerate(request["recipients"], 1)
    ]
    places, period = request["storage"]["places"], request["storage"]["period"]
    shared = {
        "request": request,
        "data": [{"category": one, "types": types[_sort(spec, one)]} for one in request["data"]],
        "receivers": [party["id"] for party in (controller, *recipients)],
        "kept": [
            {"type": types["place"], "places": places},
            {"type": types["period"], "period": period},
        ],
        "worked": [{"type": types["work"], "places": places}],
    }
    events = _Events(spec, spec.opens[opened[0][0]["type"]], record["home"])
    for claims, receipt in opened:
        events.say(claims, receipt)
    events.end(record["state"], checkpoint["iat"])
    return {
        **shared,
        "url": url,
        "id": record["id"],
        "home": record["home"],
        "granted": timing.text(record["granted_at"]),
        "changed": timing.text(opened[-1][1]["iat"]),
        "receipt": envelope.mid_of(record["checkpoint"]),
        "seen": timing.text(checkpoint["iat"]),
        "reader": checkpoint["aud"],
        "subject": subject,
        "controller": controller,
        "authority": authority,
        "parties": [subject, controller, *recipients, authority],
        "processes": [{**shared, "purpose": p, "events": told} for p, told in events.told.items()],
    }


def _sort(spec: Spec, category: str) -> str:
    return "special" if category in spec.consent_views["special"] else "data"


@dataclass
class _Events:
    """What became of each purpose, message by message."""

    spec: Spec
    kind: Kind
    home: str
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """The purposes that are still asked for or granted."""
    state: str = ""
    until: str | None = None

    def say(self, claims: Json, receipt: Json) -> None:
        """Take the next message."""
        entry = self.spec.consent_views["events"].get(claims["type"], {})
        row, body = row_of(self.kind, claims["type"]), claims["body"]
        named = list(body.get("purposes", self.left))
        until = pointed(body, row.deadline) if row and row.deadline else None
        more = {"at": timing.text(receipt["iat"]), "by": claims["iss"]}
        self._add(entry.get("others"), [p for p in self.left if p not in named], more)
        self._add(entry.get("named"), named, more | ({"until": until} if until else {}))
        self.state, self.until = receipt["state"], until or self.until
        state = self.kind.states.get(self.state)
        self.left = [] if state is None or state.end or state.over else named

    def end(self, state: str, seen: int) -> None:
        """Take the state of now, which no message may have made; ``seen`` is when the home says so."""
        terms = self.spec.consent_views["states"].get(state) if state != self.state else None
        moves = self.kind.states[self.state].moves if self.state in self.kind.states else {}
        passed = moves.get("deadline") == state and self.until
        self._add(terms, self.left, {"at": passed or timing.text(seen), "by": self.home})

    def _add(self, terms: Sequence[str] | None, purposes: Sequence[str], more: Json) -> None:
        for purpose in purposes:
            told = self.told.setdefault(purpose, [])
            if terms:
                told.append({"types": terms[0] if len(terms) == 1 else list(terms), **more})


# --- the view ------------------------------------------------------------------------------------


def _object(table: Json, name: str, value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in table["views"][name]["map"]:
        found = entry["value"] if "value" in entry else pointed(value, entry["from"])
        if found is not None:
            made.setdefault(entry["to"], _shown(table, entry, found))
    return made


def _shown(table: Json, entry: Json, found: Any) -> Any:
    if isinstance(found, list):
        return [_shown(table, entry, one) for one in found]
    if "view" in entry:
        return _object(table, entry["view"], found)
    if "prefix" in entry or "suffix" in entry:
        return f"{entry.get('prefix', '')}{found}{entry.get('suffix', '')}"
    iri = entry["to"] == "@type" or table["context"].get(entry["to"]) == {"@type": "@id"}
    return _short(table["context"], found) if iri else found


def _short(context: Json, text: str) -> str:
    """An IRI with its prefix, where it has one."""
    for prefix, namespace in context.items():
        if isinstance(namespace, str) and text.startswith(namespace):
            return f"{prefix}:{text.removeprefix(namespace)}"
    return text
