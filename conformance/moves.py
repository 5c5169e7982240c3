"""What may be done next in a walk, right or wrong: messages as symbolic steps, made from the model's view."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conformance import model_below as below
from conformance import model_relating as relating
from conformance.bodies import CARE, ORDERS, Bodies
from conformance.model import (
    ATTEST,
    CLOSE,
    DISPUTE,
    DISPUTED,
    FEEDBACK,
    INTRODUCTION,
    LIVE_INTENT,
    LIVE_OFFER,
    LIVE_TERMS,
    MOVES,
    OFFER,
    OPENS,
    PROFFER,
    PUBLISH,
    ROTATION,
    TOLD,
    View,
    World,
)
from conformance.model_home import Model
from conformance.traces import Bindings, Step, Token, message
from vrmproto.spec import Spec

__all__ = ["FILES", "FITTING", "GENERAL", "HASTE", "NOWHERE", "Moves", "Stage", "cast", "rungs_of"]

Json = dict[str, Any]
NOWHERE = "A" * 43
FILES = (120, 2000)
"""The sizes of the files of a walk."""
NAMES = ("SD-BASE-DP", "SD-BASE", "SD-BASE-A", "PDC-AI", "PDC-GOOD")
FIELDS = {ORDERS: "name", CARE: "phone"}
PURPOSES = (
    CARE,
    "https://w3id.org/dpv#DirectMarketing",
    "https://w3id.org/dpv#SellProducts",
    "https://w3id.org/dpv#RightsFulfilment",
    "https://w3id.org/dpv#ServicePersonalisation",
    "https://w3id.org/dpv#ServiceOptimisation",
)
"""One that each agreement allows, two without a clause, and three that they see differently."""
DATA_STATES = ("requested", "shared", "reported")
LIVELY = {*LIVE_OFFER, *LIVE_INTENT, *LIVE_TERMS, *TOLD, *DISPUTED, *relating.STANDING, *DATA_STATES}
LIVELY |= {"granted", "muted", "submitted", "overdue", "withdrawn", "lapsed"}
"""States in which something may follow."""
HASTE = {"answer_by": 3, "ends": 5, "until": 4, "valid_until": 3, "confirm_by": 3}
"""Seconds to a deadline that is to pass within the walk."""

GENERAL = (
    "aud", "aud", "nobody", "prev", "prev", "stale", "stale", "thid", "pthid", "agr", "own-agr",
    "outsider", "outsider", "signature", "body", "self",
)  # fmt: skip
FITTING: Mapping[str, Sequence[str]] = {
    PROFFER: ("roster", "acceptable", "digest", "version-of", "past", "far", "ends", "organisation", "board"),
    "terms.accept": ("accepts", "agreement", "stale", "stale", "prev"),
    "terms.alternative": ("accepts", "listed", "digest", "version-of", "past", "far", "ends", "stale"),
    ROTATION: ("proof", "proof", "no-proof", "party"),
    PUBLISH: ("roster", "acceptable", "digest", "past", "files", "organisation", "vendor-aud"),
    "intent.amend": ("late", "early", "past", "files", "stale"),
    OFFER: ("version", "accepts", "agreement", "total", "prices", "past", "files", "parent", "agr", "own"),
    "offer.revise": ("version", "total", "prices", "past", "files", "stale"),
    "offer.accept": ("takes", "past", "stale"),
    "offer.confirm": ("takes", "stale"),
    "disclosure.release": ("fields", "purpose", "content", "files"),
    INTRODUCTION: ("proof", "proof", "party", "stale"),
    FEEDBACK: ("organisation", "agr", "pthid", "board"),
    "feedback.outcome": ("stale", "prev"),
    "feedback.retract": ("stale", "prev"),
    DISPUTE: ("parent", "parent", "agr", "own-agr", "aud"),
    "dispute.note": ("stale", "prev"),
    CLOSE: ("stale", "prev"),
    relating.OPEN: ("ladder", "no-agr", "agr", "other-agr", "organisation", "pthid", "aud"),
    relating.INVITE: ("stage", "rung", "categories", "past", "no-agr", "agr", "other-agr", "stale"),
    relating.STEP: ("stage", "rung", "ladder", "no-agr", "agr", "other-agr", "stale"),
    relating.RETREAT: ("stage", "stale", "prev"),
    relating.PREFER: ("stale", "prev"),
    relating.END: ("stale", "prev"),
    below.REQUEST: (
        "purpose",
        "purpose",
        "categories",
        "past",
        "no-agr",
        "other-agr",
        "parent",
        "organisation",
    ),
    below.GRANT: ("purpose", "purpose", "past", "no-agr", "other-agr", "stale"),
    below.NARROW: ("purpose", "purpose", "stale"),
    below.RENEW: ("past", "no-agr", "other-agr", "stale"),
    below.WITHDRAW: ("stale", "prev"),
    below.WORD: ("purpose", "purpose", "content", "files", "no-agr", "other-agr", "parent", "stale"),
    below.MUTE: ("stale", "prev"),
    below.ASK: ("purpose", "purpose", "categories", "past", "no-agr", "other-agr", "parent", "organisation"),
    below.SHARE: ("content", "files", "no-agr", "other-agr", "parent", "organisation"),
    below.REPORT: ("content", "files", "no-agr", "other-agr", "parent", "organisation"),
    below.SUBMIT: ("patch", "patch", "of", "of", "past", "parent", "organisation", "agr"),
}
"""What is likely to go wrong with a type."""


def rungs_of(spec: Spec) -> relating.Rungs:
    """The ladder of a spec folder, with what decides how far its agreements reach."""
    rungs = json.loads(spec.ladder.document)["rungs"]
    clauses = {(a.id, a.version): a.clauses for a in spec.roster.agreements.values()}
    return relating.Rungs(spec.ladder.digest, rungs, spec.purposes, clauses)


def cast(org: str = "") -> dict[str, Json]:
    """The parties of a walk by name; ``org`` is that of an organisation, if one can be played."""
    parties: dict[str, Json] = {
        "ann": {"is": "person"},
        "ben": {"is": "person", "alg": "ES256"},
        "vic": {"is": "vendor", "known": True},
        "vera": {"is": "vendor", "alg": "ES256", "known": True},
        **{f"new{n}": {"is": "person", "alg": "ES256" if n == 2 else "Ed25519"} for n in range(4)},
        "stranger": {"is": "person"},
    }
    if org:
        parties[org] = {"is": "organisation", "known": True, "publishes": [org]}
    return parties


@dataclass
class Stage:
    """A conversation as far as it has come: what stands for what, and the model of it."""

    spec: Spec
    model: Model
    bindings: Bindings
    parties: Mapping[str, Mapping[str, Any]]
    now: int = 0
    """The home's clock at the last look."""
    labels: dict[str, str] = field(default_factory=dict)
    """Of messages: mid to label."""
    names: dict[str, str] = field(default_factory=dict)
    """Identifier to name, and thumbprint to name."""

    @property
    def world(self) -> World:
        """The threads as they are now."""
        return self.model.world.at(self.now)

    def who(self, name: str) -> str:
        """The identifier of a name."""
        return self.bindings.ids[name]


class _Symbolic(Bodies):
    """Bodies whose times are placeholders."""

    def at(self, seconds: int) -> str:
        return f"${{time:{self.now + seconds:+d}}}"


class Moves:
    """Makes the steps of one walk; all chance comes from ``rng``."""

    def __init__(self, stage: Stage, rng: random.Random, haste: Mapping[str, Any] | None = None) -> None:
        self.stage, self.rng = stage, rng
        self.haste: dict[str, Any] = dict(haste or {})
        """Members that bring a near deadline, and the seconds to it."""
        self.rules: Json = {}
        """Members of ``offer_rules`` that are settled."""
        self.kinds = frozenset(MOVES)
        """The kinds of the threads that are opened and moved."""
        self.often_hasty = 0.0
        self.with_files = 0.06
        self.with_preferences = 0.4
        """How often she says what she prefers, and how often a purpose is any of those there are."""
        self.count = 0
        self.vendors = [n for n, p in stage.parties.items() if p["is"] in ("vendor", "organisation")]

    # --- names and times --------------------------------------------------------------------------

    @property
    def bodies(self) -> Bodies:
        """Right bodies for now."""
        return _Symbolic(self.stage.spec, self.stage.now - self.stage.bindings.began)

    def mid(self, mid: str) -> str:
        """A message as a placeholder; one that there is not is nowhere."""
        label = self.stage.labels.get(mid)
        return f"${{mid:{label}}}" if label else mid or NOWHERE

    def id(self, identifier: str) -> str:
        """A party or a board as a placeholder."""
        if identifier in self.stage.model.boards:
            return f"${{board:{list(self.stage.model.boards).index(identifier)}}}"
        return f"${{id:{self.stage.names[identifier]}}}"

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.rng.random() < share

    def dated(self, body: Json, flaws: frozenset[str] = frozenset()) -> Json:
        """A body whose deadlines are near, or wrong, where that is wanted."""
        for name in ("answer_by", "until", "valid_until", "confirm_by"):
            if name not in body:
                continue
            hasty = name in self.haste or self.chance(self.often_hasty)
            if hasty:
                body[name] = self.bodies.at(self.haste.get(name, HASTE[name]))
            if "past" in flaws:
                body[name] = self.bodies.at(-5)
            if "far" in flaws and name == "answer_by":
                body[name] = self.bodies.at(31 * 86400)
            if name != "answer_by" or not {"roster", "alternative_to"} & body.keys():
                continue
            if "ends" in flaws:
                body["ends"] = self.bodies.at(1)
            elif "ends" in self.haste or (not self.haste and self.chance(0.3)):
                near = self.haste.get("ends", HASTE["ends"] if hasty else 0)
                body["ends"] = self.bodies.at(near or 40 * 86400)
        return body

    # --- steps ------------------------------------------------------------------------------------

    def say(
        self,
        by: str,
        type_: str,
        body: Json,
        aud: str,
        flaws: frozenset[str] = frozenset(),
        inner: tuple[Token, ...] = (),
        **claims: str | None,
    ) -> Step:
        """A message as a step. ``aud`` is a placeholder."""
        self.count += 1
        label = f"{type_}-{self.count}"
        if "aud" in flaws:
            others = [name for name in ("vera", "vic", "ann") if f"${{id:{name}}}" != aud and name != by]
            aud = f"${{id:{others[0]}}}"
        if "vendor-aud" in flaws:
            aud = "${id:vic}"
        if "board" in flaws and self.stage.model.boards:
            aud = "${board:0}"
        if "nobody" in flaws:
            aud = "${id:stranger}" if by != "stranger" else "${id:new3}"
        if "self" in flaws:
            aud = f"${{id:{by}}}"
        if "body" in flaws:
            body = {**body, "more": 1}
        if "agr" in flaws:
            claims["agr"] = NOWHERE
        records = [view.record for view in self.stage.world.views.values() if view.record]
        if "own-agr" in flaws and records:
            claims["agr"] = self.mid(records[-1])
        if "other-agr" in flaws and records:
            claims["agr"] = self.mid(self.rng.choice(records))
        if "no-agr" in flaws:
            claims["agr"] = None
        if "pthid" in flaws and self.stage.labels:
            claims["pthid"] = self.mid(next(iter(self.stage.labels)))
        given: dict[str, Any] = {name: value for name, value in claims.items() if value is not None}
        token = message(by, type_, body, aud=aud, **given)
        if "signature" in flaws:
            other = next(
                n for n, p in self.stage.parties.items() if n != by and _alg(p) == _alg(self._is(by))
            )
            token = Token(token.header, token.payload, f"key:{other}", inner)
        elif inner:
            token = Token(token.header, token.payload, token.sign, inner)
        about = f"{by} sends {type_}{': ' + ', '.join(sorted(flaws)) if flaws else ''}"
        return Step("send", label, by, token, about=about)

    def _is(self, name: str) -> Mapping[str, Any]:
        return self.stage.parties[name]

    def again(self, label: str, by: str, *, forged: bool = False) -> Step:
        """An old token once more, with its signature or that of somebody else."""
        self.count += 1
        token = Token(sign="key:stranger") if forged else None
        about = f"{label} comes again{' with another signature' if forged else ''}"
        return Step("send", f"again-{self.count}", by, token, of=label, about=about)

    def proffer(self, by: str, to: str, flaws: frozenset[str] = frozenset(), **body: Any) -> Step:
        """Terms are offered; the roster's agreements in any order."""
        made = self.dated(self.bodies.proffer(**body), flaws)
        if not self.haste and not body and self.chance(0.6):
            first, second = self.rng.sample(NAMES, 2)
            made["preferred"] = self.bodies.agreement(first)
            made["acceptable"] = [self.bodies.agreement(second)]
        self.spoil_terms(made, "preferred", flaws)
        if "organisation" in flaws:
            by, to = self.vendors[-1], by
        return self.say(by, PROFFER, made, f"${{id:{to}}}", flaws)

    def spoil_terms(self, body: Json, member: str, flaws: frozenset[str]) -> None:
        """Name a roster, a version or a digest that there is not."""
        if "roster" in flaws:
            body["roster"] = {**body["roster"], "version": "9.9"}
        if "acceptable" in flaws:
            body["acceptable"] = [{**self.bodies.agreement("SD-BASE"), "version": "9.9"}]
        if "digest" in flaws:
            body[member] = {**body[member], "digest": NOWHERE}
        if "version-of" in flaws:
            body[member] = {**body[member], "version": "9.9"}

    def feedback(self, by: str, to: str, flaws: frozenset[str] = frozenset()) -> Step:
        """A person tells an organisation something."""
        if "organisation" in flaws:
            by, to = self.vendors[-1], by
        return self.say(by, FEEDBACK, self.bodies.feedback(), f"${{id:{to}}}", flaws)

    def dispute(
        self, about: View, role: str, flaws: frozenset[str] = frozenset(), *, all_: bool = False
    ) -> Step:
        """A party disputes the agreement of a thread, and names some of its messages, or all."""
        party, other = about.pair if role == "first" else (about.second, about.first)
        some = self.rng.sample(about.mids, min(len(about.mids), self.rng.randint(0, 2)))
        named = [self.mid(mid) for mid in (about.mids[:20] if all_ else some)]
        body = self.bodies.dispute(messages=named or None)
        parent: str | None = self.mid(about.thid)
        if "parent" in flaws:
            parent = self.rng.choice([None, NOWHERE, *(self.mid(v) for v in self.stage.world.views)])
        by = "stranger" if "outsider" in flaws else self.stage.names[party]
        return self.say(by, DISPUTE, body, self.id(other), flaws - {"pthid"}, pthid=parent)

    def relate(self, about: View, role: str = "first", flaws: frozenset[str] = frozenset()) -> Step:
        """A relationship is opened under the agreement of a thread."""
        party, other = about.pair if role == "first" else (about.second, about.first)
        by = self.stage.names[about.second if "organisation" in flaws else party]
        body = self.bodies.relationship(ladder=NOWHERE if "ladder" in flaws else self._ladder())
        if self.chance(self.with_preferences):
            body["preferences"] = self.preferences()
        to = self.id(about.first if "organisation" in flaws else other)
        return self.say(by, relating.OPEN, body, to, flaws, agr=self.mid(about.record))

    def up(self, view: View, stage: str) -> Step:
        """She steps to a rung."""
        about = self._agreed(view)
        where = {
            **self.where(view, relating.STEP, frozenset()),
            "agr": self.mid(about.record) if about else NOWHERE,
        }
        by, to = self.stage.names[view.first], self.id(view.second)
        return self.say(by, relating.STEP, self.bodies.step(stage), to, **where)

    def below(self, above: View, type_: str, role: str, flaws: frozenset[str] = frozenset()) -> Step:
        """A thread below a relationship, or below a data thread, is opened."""
        role = {"first": "second", "second": "first"}[role] if "organisation" in flaws else role
        party, other = above.pair if role == "first" else (above.second, above.first)
        where: Json = {"pthid": self.mid(above.thid)}
        if "parent" in flaws:
            where["pthid"] = self.rng.choice([None, NOWHERE, *(self.mid(v) for v in self.stage.world.views)])
        about = self._agreed(above)
        if type_ != below.SUBMIT:
            where["agr"] = self.mid(about.record) if about is not None else NOWHERE
        body = self._below(above, type_, role, flaws)
        return self.say(self.stage.names[party], type_, body, self.id(other), flaws - {"pthid"}, **where)

    def _below(self, view: View, type_: str, role: str, flaws: frozenset[str]) -> Json:
        """The body of a message below a relationship; ``view`` is its thread, or what it is opened below."""
        pick, bodies = self.rng.choice, self.bodies
        words = {"purpose": CARE, "fields": ["text"]}
        odd = "purpose" in flaws or self.chance(self.with_preferences / 2)
        purpose = pick(PURPOSES) if odd else CARE
        data = [f"https://w3id.org/dpv/pd#{'Disability' if 'categories' in flaws else 'EmailAddress'}"]
        if type_ == below.REQUEST:
            some = self.rng.sample(PURPOSES[1:4], 2)
            some = [pick(PURPOSES), *some] if odd else some
            made = dict(self.stage.spec.types[type_].schema["examples"][0])
            made |= {"purposes": list(dict.fromkeys(some)), "data": data}
            return self.dated({**made, "answer_by": bodies.at(5 * 86400)}, flaws)
        if type_ in (below.GRANT, below.NARROW):
            known = view.asked if type_ == below.GRANT else view.granted
            some = self.rng.sample(known, self.rng.randint(1, len(known))) if known else [CARE]
            some = [*some, *(p for p in PURPOSES if p not in known)][: len(some) + ("purpose" in flaws)]
            body: Json = {"purposes": some}
            return (
                self.dated({**body, "valid_until": bodies.at(9 * 86400)}, flaws)
                if type_ == below.GRANT
                else body
            )
        if type_ == below.RENEW:
            return self.dated({"valid_until": bodies.at(20 * 86400)}, flaws)
        if type_ == below.PROPAGATED:
            return {"stopped_at": bodies.at(0), "told": []}
        if type_ == below.WORD:
            return {"about": {**words, "purpose": purpose}, "content": self._content("text", flaws)}
        if type_ == below.ASK:
            items = [{"category": data[0], "path": "email"}]
            return self.dated({"purpose": purpose, "items": items, "answer_by": bodies.at(5 * 86400)}, flaws)
        if type_ in (below.SHARE, below.REPORT):
            about = {"purpose": purpose, "fields": ["email"], "categories": data}
            about |= {"as_of": bodies.at(-60)} if type_ == below.REPORT else {}
            return {"about": about, "content": self._content("email", flaws)}
        if type_ == below.VERIFY:
            return {"as_of": bodies.at(0)}
        if type_ == below.SUBMIT:
            return self.dated(self._patch(view, flaws), flaws)
        if type_ == below.APPLY:
            return {"applied_at": bodies.at(0)}
        if type_ == below.DENY:
            return {"reasons": {"/email": "It is right as it is."}}
        return {}

    def _content(self, field: str, flaws: frozenset[str]) -> Json:
        if "content" in flaws:
            return {"clear": {f"{field}_2": "said"}}
        media = self.media(flaws)
        return {"ref": media[0]} if media else {"clear": {field: self.rng.choice(["said", "other"])}}

    def _patch(self, view: View, flaws: frozenset[str]) -> Json:
        """A correction of a message of a data thread, the last that has fields."""
        pick = self.rng.choice
        known = list(view.fields) or [NOWHERE]
        of = pick([NOWHERE, *view.mids, *list(self.stage.world.views)]) if "of" in flaws else known[-1]
        fields = dict(view.fields.get(of, {"email": "said"}))
        patch: list[Json] = []
        if self.chance(0.7):
            patch.append({"op": "test", "path": "/email", "value": str(fields.get("email", "said"))})
        if "patch" in flaws:
            patch.append(
                pick(
                    [
                        {"op": "test", "path": "/email", "value": "never"},
                        {"op": "replace", "path": "/name", "value": "new"},
                        {"op": "remove", "path": "/name"},
                        {"op": "add", "path": "/name"},
                    ]
                )
            )
        patch.append({"op": pick(["replace", "add"]), "path": "/email", "value": "new"})
        return {"of": self.mid(of), "patch": patch, "answer_by": self.bodies.at(5 * 86400)}

    def _ladder(self) -> str:
        return str(self.bodies.spec.ladder.digest)

    def preferences(self) -> Json:
        """What she wants: seldom nothing at all now, often not much."""
        zone, pick = self.rng.choice(["UTC", "Europe/Amsterdam", "Asia/Kathmandu"]), self.rng.choice
        local = datetime.fromtimestamp(self.stage.now, ZoneInfo(zone))
        hours = [(local + timedelta(hours=n)).strftime("%H:%M") for n in pick([(-1, 1), (2, 3), (3, -2)])]
        said: Json = {"zone": zone}
        if self.chance(0.4):
            said["quiet"] = [{"from": hours[0], "to": hours[1]}]
        if self.chance(0.5):
            said["rate"] = {"most": pick([0, 1, 1, 2]), "within": pick(["PT4S", "PT1H", "P1D"])}
        return said

    def _agreed(self, view: View) -> View | None:
        """The thread of the last agreement of the pair, if there is one of one that is in force."""
        made = [v for v in self.stage.world.of_pair(view.pair) if v.record and v.kind in relating.LIVE]
        live = [v for v in made if v.state in ("agreed", *LIVE_OFFER)]
        return live[-1] if live else made[-1] if made else None

    def publish(self, by: str, flaws: frozenset[str] = frozenset()) -> Step:
        """An intent on the first board."""
        body = self.dated(self.bodies.intent(self._rules(), need=self._need(flaws)), flaws)
        self.spoil_terms(body["terms"], "preferred", flaws)
        if "purge_within" in self.haste or self.chance(self.often_hasty):
            body["purge_within"] = self.haste.get("purge_within", "PT2S")
        if "organisation" in flaws:
            by = self.vendors[-1]
        return self.say(by, PUBLISH, body, "${board:0}", flaws)

    def _rules(self) -> Json:
        pick = self.rng.choice
        rules: Json = (
            {"accepts": 1} if self.haste else {"offers": pick([2, 9, 9]), "accepts": pick([1, 1, 2])}
        )
        if not self.haste and not self.rules:
            rules |= {"per_vendor": pick([1, 2, 3]), "currencies": pick([["EUR"], ["EUR", "JPY"], None])}
            rules["unverified"] = len(self.vendors) < 3 or self.chance(0.7)
        return {**rules, **self.rules}

    def _need(self, flaws: frozenset[str]) -> Json:
        return self.bodies.need(media=self.media(flaws) or None)

    def media(self, flaws: frozenset[str]) -> list[Json]:
        """Seldom a reference to a file, which its sender may or may not have put."""
        if "files" not in flaws and not self.chance(self.with_files):
            return []
        n = self.rng.randrange(len(FILES))
        found = {"url": f"${{blobs}}${{digest:{n}}}", "sha256": f"${{digest:{n}}}", "size": FILES[n]}
        if "files" in flaws:
            found |= self.rng.choice([{}, {"size": FILES[n] + 1}, {"url": f"${{blobs}}{NOWHERE}"}])
        return [{**found, "media_type": "image/jpeg"}]

    def offer(self, intent: View, by: str, flaws: frozenset[str] = frozenset()) -> Step:
        """An offer on an intent."""
        body = self.priced(self.bodies.offer(self.mid(intent.thid), intent.version), flaws)
        if "accepts" in flaws:
            body["accepts"] = self.rng.choice([NOWHERE, *(self.mid(m) for m in intent.mids[1:])])
        if "agreement" in flaws:
            body["agreement"] = self.bodies.agreement(self.rng.choice(NAMES[2:]))
        parent: str | None = self.mid(intent.thid)
        if "parent" in flaws:
            parent = self.rng.choice([None, NOWHERE, *(self.mid(v) for v in self.stage.world.views)])
        if "own" in flaws:
            by = self.stage.names.get(intent.first, by)
        aud = self.id(intent.first) if by != self.stage.names.get(intent.first) else "${id:vic}"
        return self.say(by, OFFER, body, aud, flaws - {"pthid"}, pthid=parent)

    def priced(self, body: Json, flaws: frozenset[str]) -> Json:
        """The prices, the version and the media of an offer."""
        if "version" in flaws:
            body["version"] += 1
        if flaws & {"total", "prices"}:
            other = {"amount": "1500", "currency": "JPY"}
            body["items"] = [dict(item) for item in body["items"]]
            body["items"][0]["price"] = other
            if "total" in flaws:
                body["total"] = other
        if media := self.media(flaws):
            body["media"] = media
        return self.dated(body, flaws)

    def proof(self, old: str, new: str, aud: str, thid: str, flaws: frozenset[str]) -> Token:
        """A ``vrm-proof+jwt``; ``old`` is who proves."""
        wrong = self.rng.choice(("sub", "aud", "thid", "home", "iat", "sign")) if "proof" in flaws else ""
        said = {
            "iss": f"${{id:{old}}}",
            "sub": "${id:stranger}" if wrong == "sub" else f"${{id:{new}}}",
            "aud": "${id:stranger}" if wrong == "aud" else aud,
            "home": "https://elsewhere.example" if wrong == "home" else "${home}",
            "thid": NOWHERE if wrong == "thid" else thid,
            "iat": "${epoch:-90000}" if wrong == "iat" else "${epoch:+0}",
        }
        made = message(old, "", {}, aud="")
        payload = ",".join(f'"{k}":{v if k == "iat" else chr(34) + v + chr(34)}' for k, v in said.items())
        signer = "stranger" if wrong == "sign" and _alg(self._is(old)) == "Ed25519" else old
        header = made.header.replace("vrm+jwt", "vrm-proof+jwt")
        return Token(header, f"{{{payload}}}", f"key:{signer}")

    def _fresh(self, second: str) -> list[str]:
        """The names that are no party of a thread with this second party."""
        taken = {v.first for v in self.stage.world.views.values() if v.second == second}
        return [n for n in self.stage.parties if n.startswith("new") and self.stage.who(n) not in taken]

    def rotation(self, view: View, old: str, aud: str, flaws: frozenset[str], where: Json) -> Step:
        """A person's new key; where one was promised, that one."""
        committed = self.stage.world.committed.get(view.pair)
        fresh = self._fresh(view.second) or ["new0"]
        new = self.stage.names[committed] if committed else fresh[0]
        if "party" in flaws:
            new = "ben" if old != "ben" else "ann"
        body: Json = {"replaces": self.id(self.stage.who(old))}
        if self.chance(0.4) and len(fresh) > 2:
            body["nkt"] = f"${{kid:{fresh[1]}}}"
        inner: tuple[Token, ...] = ()
        if (not committed and "no-proof" not in flaws) or self.chance(0.2):
            inner = (self.proof(old, new, aud, where.get("thid", NOWHERE), flaws),)
            body["proof"] = "${token:0}"
        return self.say(new, ROTATION, body, aud, flaws, inner, **where)

    def introduction(self, view: View, by: str, aud: str, flaws: frozenset[str], where: Json) -> Step:
        """A one-time key hands over, often to an identifier that the vendor knows."""
        terms = [v.first for v in self.stage.world.views.values() if v.kind == "terms"]
        known = [self.stage.names[f] for f in terms if self.stage.names[f] != by]
        new = self.rng.choice(known if known and self.chance(0.5) else ["new0", "new1"])
        if "party" in flaws or new == by:
            new = by if "party" in flaws else "new3"
        body = {"id": f"${{id:{new}}}", "proof": "${token:0}"}
        inner = (self.proof(new, by, aud, where.get("thid", NOWHERE), flaws),)
        return self.say(by, INTRODUCTION, body, aud, flaws, inner, **where)

    # --- a message in a thread --------------------------------------------------------------------

    def where(self, view: View, type_: str, flaws: frozenset[str]) -> Json:
        """``thid`` and ``prev``."""
        prev = view.head
        if "stale" in flaws and len(view.mids) > 1:
            prev = self.rng.choice(view.mids[:-1])
        if "prev" in flaws:
            others = [mid for v in self.stage.world.views.values() if v is not view for mid in v.mids[-1:]]
            prev = self.rng.choice([NOWHERE, *(o for o in others if o not in view.mids)])
        thid = NOWHERE if "thid" in flaws else self.mid(view.thid)
        if "thid" in flaws and self.chance(0.3):
            return {}
        return {"thid": thid, "prev": self.mid(prev)}

    def move(self, view: View, role: str, type_: str, flaws: frozenset[str] = frozenset()) -> Step:
        """A message by a party of a thread; the second of an intent is some vendor."""
        party, aud = (view.first, view.second) if role == "first" else (view.second, view.first)
        if party in self.stage.model.boards:
            party, aud = self.stage.who(self.vendors[0]), view.second
        by = self.stage.names[party]
        if "outsider" in flaws:
            former = [n for n in ("ann", "ben", "new0") if self.stage.who(n) not in view.pair]
            by = self.rng.choice(["stranger", *former, *(v for v in self.vendors if v != by)])
        where, to = self.where(view, type_, flaws), self.id(aud)
        opener = self.stage.names.get(view.opener, by)
        by = opener if "former" in flaws else by
        to = f"${{id:{opener}}}" if "former-aud" in flaws else to
        if type_ == ROTATION:
            return self.rotation(view, by, to, flaws, where)
        if type_ == INTRODUCTION:
            return self.introduction(view, by, to, flaws, where)
        if to == f"${{id:{by}}}":
            to = "${id:vic}" if by != "vic" else "${id:vera}"
        under = type_ in relating.UNDER_TERMS and view.kind == "relationship"
        if under or (view.kind in below.KINDS and (role, type_) in below.UNDER_TERMS):
            about = self._agreed(view)
            where["agr"] = self.mid(about.record) if about is not None else NOWHERE
        return self.say(by, type_, self.body(view, type_, flaws, role), to, flaws, **where)

    def body(self, view: View, type_: str, flaws: frozenset[str], role: str = "first") -> Json:
        """The body of a type, whatever the thread is."""
        bodies, pick = self.bodies, self.rng.choice
        if type_ == PROFFER:
            return self.dated(bodies.proffer(), flaws)
        if type_ == PUBLISH:
            return self.dated(bodies.intent(), flaws)
        if type_ == OFFER:
            return self.dated(bodies.offer(self.mid(view.thid)), flaws)
        if type_ == FEEDBACK:
            return bodies.feedback()
        if type_ == DISPUTE:
            return bodies.dispute()
        if type_ == "dispute.note":
            return {"text": "It was as agreed."}
        if type_ == CLOSE:
            return {"outcome": pick(["settled", "dropped", "referred"])}
        if type_ == "feedback.outcome":
            return {"outcome": pick(["considered", "planned", "shipped", "solved", "declined"])}
        if type_.startswith("relationship."):
            return self._relating(view, type_, flaws)
        if type_.split(".")[0] in below.KINDS:
            return self._below(view, type_, role, flaws)
        if type_ == "terms.accept":
            named = dict(pick(view.offered)) if view.offered else bodies.agreement("SD-BASE-DP")
            if "agreement" in flaws:
                named = bodies.agreement(pick([n for n in NAMES if n != named["id"]]))
            offer = pick([NOWHERE, self.mid(view.thid)]) if "accepts" in flaws else self.mid(view.offer)
            return {"accepts": offer, "agreement": named, "lang": "en", "place": "NL"}
        if type_ == "terms.alternative":
            return self._alternative(view, flaws)
        if type_ == "intent.amend":
            wrong = pick([-1, 1]) if "version" in flaws else ("late" in flaws) - ("early" in flaws)
            version = max(2, view.version + 1 + wrong)
            return self.dated(bodies.amendment(version, self._rules(), need=self._need(flaws)), flaws)
        if type_ == "intent.close":
            return {"outcome": pick(["fulfilled", "elsewhere", "abandoned"])}
        if type_ == "offer.revise":
            intent = self.stage.world.views.get(view.intent)
            return self.priced(bodies.revision(intent.version if intent else 1), flaws)
        if type_ in ("offer.accept", "offer.confirm"):
            old = [m for m in view.mids if m != view.standing]
            takes = pick(old or [NOWHERE]) if "takes" in flaws else view.standing or NOWHERE
            taken = bodies.taking(self.mid(takes))
            return self.dated(taken if type_ == "offer.accept" else {"takes": taken["takes"]}, flaws)
        if type_ == "offer.message":
            return {"text": "Does it have winter tyres?"}
        if type_ == "disclosure.release":
            return self._release(flaws)
        return {"erased_at": bodies.at(0), "kept": []} if type_ == ATTEST else {}

    def _relating(self, view: View, type_: str, flaws: frozenset[str]) -> Json:
        bodies, rungs, pick = self.bodies, self.stage.model.roster.rungs, self.rng.choice
        stages = [str(rung["stage"]) for rung in rungs.rungs]
        if type_ == relating.OPEN:
            return bodies.relationship()
        if type_ == relating.PREFER:
            return {"preferences": self.preferences()}
        if type_ == relating.ATTESTED:
            return {"erased_at": bodies.at(0), "kept": []}
        if type_ == relating.END:
            soon = self.haste.get("attest_within") or ("PT3S" if self.chance(self.often_hasty) else None)
            return {"attest_within": soon} if soon else {}
        if type_ not in (relating.INVITE, relating.STEP, relating.RETREAT):
            return {}
        about = self._agreed(view)
        terms = about.agreement if about is not None else {}
        consents = below.consented(self.stage.world, view.thid)
        at = rungs.judged(view.stage, terms, consents)
        above = [n for n in range(at + 1, len(stages)) if rungs.reach(n, terms, consents)]
        wanted = at + 1 if type_ == relating.INVITE or not above else pick(above[:2])
        stage = "nowhere" if "stage" in flaws else pick(stages) if "rung" in flaws else ""
        stage = stage or stages[min(wanted, len(stages) - 1)]
        if type_ == relating.RETREAT:
            return {"stage": stage if "stage" in flaws else pick(stages)}
        if type_ == relating.STEP:
            return bodies.step(stage, ladder=NOWHERE if "ladder" in flaws else self._ladder())
        listed = rungs.rungs[min(wanted, len(stages) - 1)]["categories"]
        asks = ["Disability"] if "categories" in flaws else [c.partition("#")[2] for c in listed[:1]]
        return self.dated(bodies.invitation(stage, *asks), flaws)

    def _alternative(self, view: View, flaws: frozenset[str]) -> Json:
        listed = [reference["id"] for reference in view.offered]
        fresh = [name for name in NAMES if name not in listed]
        name = self.rng.choice(listed if "listed" in flaws and listed else fresh)
        offer = NOWHERE if "accepts" in flaws else self.mid(view.offer)
        body = self.dated(self.bodies.alternative(offer, name), flaws)
        self.spoil_terms(body, "agreement", flaws - {"roster"})
        return body

    def _release(self, flaws: frozenset[str]) -> Json:
        purpose = self.rng.choice([ORDERS, CARE])
        fields = [FIELDS[purpose]]
        if "fields" in flaws:
            fields = ["email"]
        if "purpose" in flaws:
            purpose = CARE if purpose == ORDERS else ORDERS
        content: Json = {"clear": dict.fromkeys(fields, "said")}
        if "content" in flaws:
            content = {"clear": {"email": "said"}}
        elif media := self.media(flaws):
            content = {"ref": media[0]}
        return {"about": {"purpose": purpose, "fields": fields}, "content": content}

    # --- what there is to do ----------------------------------------------------------------------

    def legal(self, *, room: bool = True) -> dict[str, Any]:
        """Every move that there is a row for: the transition to what makes it."""
        found: dict[str, list[Any]] = {}
        world = self.stage.world
        for view in world.views.values():
            for state, role, type_ in MOVES[view.kind]:
                if state == view.state:
                    name = f"{view.kind} {state} {role} {type_}"
                    found.setdefault(name, []).append((self.move, view, role, type_))
            if view.kind == "intent" and view.state == "open" and room:
                for vendor in self.vendors:
                    found.setdefault("offer - second offer.make", []).append((self.offer, view, vendor))
            for type_, roles in below.BELOW_OF.get(view.kind, {}).items():
                kind = OPENS[type_]
                lively = view.state in (*relating.STANDING, *DATA_STATES)
                for role in roles if kind in self.kinds and room and lively else ():
                    found.setdefault(f"{kind} - {role} {type_}", []).append((self.below, view, type_, role))
            agreed = view.record and view.kind in relating.LIVE
            if agreed and "relationship" in self.kinds and room:
                name = f"relationship - first {relating.OPEN}"
                found.setdefault(name, []).append((self.relate, view, "first"))
            if agreed and "dispute" in self.kinds and room:
                for role in ("first", "second"):
                    found.setdefault(f"dispute - {role} {DISPUTE}", []).append((self.dispute, view, role))
        if room:
            persons = ["ann", "ben"]
            offers = [self.stage.names[v.first] for v in world.views.values() if v.kind == "offer"]
            for kind, made in (("terms", self.proffer), ("feedback", self.feedback)):
                opens = next(type_ for type_, opened in OPENS.items() if opened == kind)
                if kind in self.kinds:
                    who, to = self.rng.choice(persons + offers), self.rng.choice(self.vendors)
                    found[f"{kind} - first {opens}"] = [(made, who, to)]
            if "intent" in self.kinds:
                found["intent - first intent.publish"] = [(self.publish, self.rng.choice(persons))]
        return {name: self.rng.choice(ways) for name, ways in found.items()}

    def illegal(self) -> Step | None:
        """A message that is wrong in one way, seldom in two; None where nothing is there yet."""
        views = list(self.stage.world.views.values())
        if not views:
            return None
        live = [v for v in views if v.state in LIVELY]
        view = self.rng.choice(live if live and self.chance(0.7) else views)
        if self.chance(0.4):
            rows = MOVES[view.kind]
            types = sorted({t for _, _, t in rows} if self.chance(0.8) else set(self.types()))
            role, type_ = self.rng.choice(["first", "second"]), self.rng.choice(types)
            return self.move(view, role, type_)
        how, (made, *what) = self.rng.choice(list(self.legal().items()))
        type_ = how.split(" ")[-1]
        fitting = FITTING.get(type_, GENERAL) if self.chance(0.65) else GENERAL
        flaws = frozenset(self.rng.sample(sorted(set(fitting)), 2 if self.chance(0.1) else 1))
        step: Step = made(*what, flaws)
        return step

    def types(self) -> list[str]:
        """All types that a walk has use for."""
        opening = {type_ for type_, kind in OPENS.items() if kind in self.kinds}
        return sorted({t for kind in self.kinds for _, _, t in MOVES[kind]} | opening)


def _alg(party: Mapping[str, Any]) -> str:
    return str(party.get("alg", "Ed25519"))
