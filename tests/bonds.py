"""Relationships at a home in memory, moved act by act under a clock of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests import consenting, deeds
from tests.world import SPEC, Clock, acceptance, proffer
from vrmproto import envelope, ladder, timing
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings, Report
from vrmproto.home import Acknowledgement, Config, Home
from vrmproto.keys import PrivateKey, b64
from vrmproto.model import Thread
from vrmproto.proving import Threads
from vrmproto.reading import Reader
from vrmproto.roster import digest
from vrmproto.storage.memory import MemoryStore
from vrmproto.verification import Held, KeyRing, open_link, open_tombstone
from vrmproto.view_checks import check_view

DPV, PD = "https://w3id.org/dpv#", "https://w3id.org/dpv/pd#"
CARE, MARKETING, BENEFITS, ANALYTICS = (
    DPV + name
    for name in (
        "CommunicationForCustomerCare",
        "DirectMarketing",
        "PersonalisedBenefits",
        "ServiceOptimisation",
    )
)
TERMS = ("SD-BASE", "SD-BASE-ATP", "SD-BASE-DP", "PDC-AI")
PURPOSES = (CARE, MARKETING, BENEFITS, ANALYTICS)
STAGES = ("anonymous", "returning", "subscriber", "profiled", "commenter", "contributor", "customer")
DAY = 86400
HOME, START = "https://home.example", 1_780_000_000


def _rung(stage: str, *purposes: str) -> dict[str, Any]:
    types = ["consent.request", "data.request", "dialogue.message", "relationship.invite"]
    return {
        "stage": stage,
        "title": stage,
        "types": types,
        "categories": [f"{PD}EmailAddress"],
        "purposes": [*purposes],
    }


OWN = json.dumps(
    {"id": "own", "version": "1.0", "lang": "en", "rungs": [_rung("foot"), _rung("customer", MARKETING)]}
).encode()
"""A ladder of an organisation's own: its upper rung needs a consent."""


class Bonds:
    """Two parties, whose relationships are looked at, and an organisation beside them."""

    def __init__(self) -> None:
        self.now = START
        self.signing = deeds.key("the home")
        self.person, self.shop, self.other = (deeds.key(name) for name in ("ann", "shop", "other"))
        self.home = Home(SPEC, MemoryStore(), [self.signing], Config(HOME))
        self.reader = Reader(self.home)
        self.number = 0
        self.taken: list[str] = []
        """The types of what was taken, for who wants to know whether a walk went anywhere."""
        known = [Acknowledgement(key.did) for key in (self.person, self.shop, self.other)]
        self.home.accept_batch(known, self.now)
        self.home.put_blob(self.person.did, digest(OWN), OWN, self.now)

    # --- saying ---------------------------------------------------------------------------------

    def say(self, by: PrivateKey, type_: str, body: Mapping[str, Any], to: str, **claims: Any) -> str | None:
        """Send a message; its id, or None if it was refused."""
        self.number += 1
        members: dict[str, Any] = {"vrm": "1.0", "home": HOME, "type": type_, "iss": by.did, "aud": to}
        members |= {"jti": b64(self.number.to_bytes(16, "big")), "iat": self.now, "exp": self.now + 600}
        token = envelope.seal(by, {**members, "body": dict(body), **claims})
        try:
            self.home.accept(token.encode(), self.now)
        except ProtocolError:
            return None
        self.taken.append(type_)
        return envelope.mid_of(token)

    def within(
        self, thread: Thread | None, by: str, type_: str, body: Mapping[str, Any], **claims: Any
    ) -> str | None:
        """Send a message in a thread; ``by`` is first or second."""
        if thread is None:
            return None
        sender, to = (self.person, thread.second) if by == "first" else (self.shop, thread.first)
        return self.say(sender, type_, body, to, thid=thread.thid, prev=thread.head, **claims)

    def threads(self, *kinds: str) -> list[Thread]:
        """The threads of the two, the oldest first."""
        store = self.home.store
        found = [t for thid in store.threads_of(self.person.did, self.shop.did) if (t := store.thread(thid))]
        corrections = [c for t in found if t.kind == "data" for c in store.below(t.thid, ["correction"])]
        every = {t.thid: t for t in [*found, *corrections]}.values()
        return [t for t in sorted(every, key=lambda t: (t.opened, t.thid)) if t.kind in kinds]

    def last(self, n: int, *kinds: str) -> Thread | None:
        """One of the threads of these kinds, counted from the last."""
        found = self.threads(*kinds)
        return found[-1 - n % len(found)] if found else None

    def live(self, n: int) -> str:
        """The record of one of the agreements, in force or not."""
        made = [t.record for t in self.threads("terms") if t.record]
        live = [t.record for t in self.threads("terms") if t.record and self.state(t) == "agreed"]
        return str((live or made or [b64(b"x" * 32)])[-1 - n % max(1, len(live or made))])

    def state(self, thread: Thread) -> str:
        return self.home.status(thread, self.now).state

    # --- acts -----------------------------------------------------------------------------------

    def begin(self) -> Bonds:
        """A relationship on its highest rung, under an agreement that reaches it."""
        for act, n in ((Bonds.terms, 1), (Bonds.relate, 0), (Bonds.step, 7)):
            act(self, n)
        return self

    def terms(self, n: int, shop: PrivateKey | None = None) -> None:
        """An agreement, of one of four."""
        shop, name = shop or self.shop, TERMS[n % len(TERMS)]
        clock = Clock()
        clock.forward(self.now - clock())
        body = proffer(clock, name, answer_by=self.time(3600))
        body |= {"ends": self.time(40 * DAY)} if n % 3 == 0 else {}
        offered = self.say(self.person, "terms.proffer", body, shop.did)
        if offered is not None and n % 5 != 4:
            made = {"thid": offered, "prev": offered}
            self.say(shop, "terms.accept", acceptance(offered, name), self.person.did, **made)

    def elsewhere(self, n: int) -> None:
        """An agreement with another organisation."""
        self.terms(n, self.other)

    def terminate(self, n: int) -> None:
        self.within(self.last(n, "terms"), ("first", "second")[n % 2], "agreement.terminate", {})

    def relate(self, n: int) -> None:
        body: dict[str, Any] = {"ladder": digest(OWN) if n % 4 == 3 else SPEC.ladder.digest}
        body |= {"preferences": _wishes(n)} if n % 2 else {}
        self.home.put_blob(self.person.did, digest(OWN), OWN, self.now)
        self.say(self.person, "relationship.open", body, self.shop.did, agr=self.live(n))

    def step(self, n: int) -> None:
        ladder_ = SPEC.ladder.digest if n % 4 else digest(OWN)
        body = {"stage": STAGES[-1 - n % len(STAGES)], "ladder": ladder_}
        self.home.put_blob(self.person.did, digest(OWN), OWN, self.now)
        self.within(self.bond(), "first", "relationship.step", body, agr=self.live(n))

    def retreat(self, n: int) -> None:
        self.within(self.bond(), "first", "relationship.retreat", {"stage": STAGES[-1 - n % len(STAGES)]})

    def prefer(self, n: int) -> None:
        self.within(self.bond(), "first", "relationship.prefer", {"preferences": _wishes(n)})

    def invite(self, n: int) -> None:
        body = {"stage": STAGES[n % len(STAGES)], "benefit": "b", "asks": [], "answer_by": self.time(3600)}
        self.within(self.bond(), "second", "relationship.invite", body, agr=self.live(n))

    def pause(self, n: int) -> None:
        type_ = ("pause", "resume", "decline")[n % 3]
        self.within(self.bond(), "first", f"relationship.{type_}", {})

    def end(self, n: int) -> None:
        body = {"attest_within": "P2D"} if n % 2 else {}
        self.within(self.bond(), ("first", "second")[n % 2], "relationship.end", body)

    def attest(self, n: int) -> None:
        body = {"erased_at": self.time(0), "kept": []}
        self.within(self.bond(), "second", "relationship.attest", body)

    def rotate(self, n: int) -> None:
        old, new = self.person, deeds.key(f"ann {self.number}")
        thread = self.last(n, "terms", "relationship")
        if thread is None:
            return
        proof = {"iss": old.did, "sub": new.did, "aud": thread.second, "home": HOME, "thid": thread.thid}
        body = {"replaces": old.did, "proof": envelope.seal(old, {**proof, "iat": self.now}, envelope.PROOF)}
        made = {"thid": thread.thid, "prev": thread.head}
        if self.say(new, "agent.rotate", body, thread.second, **made) is not None:
            self.person = new

    def ask(self, n: int) -> None:
        purposes = [PURPOSES[n % 4], PURPOSES[(n + 1) % 4]]
        body = consenting.request(self.now, *purposes, data=[f"{PD}EmailAddress"])
        self.below(self.shop, "consent.request", body, n)

    def grant(self, n: int) -> None:
        thread = self.last(n, "consent")
        asked = thread.facts["asked"] if thread else []
        body = {"purposes": asked[: 1 + n % 2], "valid_until": self.time((1 + n) * 3600)}
        self.within(thread, "first", "consent.grant", body, agr=self.live(n))

    def narrow(self, n: int) -> None:
        thread = self.last(n, "consent")
        granted = thread.facts.get("granted", [CARE]) if thread else []
        self.within(thread, "first", "consent.narrow", {"purposes": granted[-1:]})

    def renew(self, n: int) -> None:
        body = {"valid_until": self.time((2 + n) * 3600)}
        self.within(self.last(n, "consent"), "first", "consent.renew", body, agr=self.live(n))

    def unconsent(self, n: int) -> None:
        by, type_ = (("first", "withdraw"), ("second", "relinquish"), ("first", "refuse"))[n % 3]
        self.within(self.last(n, "consent"), by, f"consent.{type_}", {})

    def want(self, n: int) -> None:
        body = {"purpose": PURPOSES[n % 4], "items": [{"category": f"{PD}EmailAddress"}]}
        self.below(self.shop, "data.request", body | {"answer_by": self.time(7200)}, n)

    def share(self, n: int) -> None:
        if n % 2:
            self.below(self.person, "data.share", self.given(n), n)
        else:
            self.within(self.last(n, "data"), "first", "data.share", self.given(n), agr=self.live(n))

    def report(self, n: int) -> None:
        body = self.given(n)
        body["about"]["as_of"] = self.time(-60 - n)
        if n % 2:
            self.below(self.shop, "data.report", body, n)
        else:
            self.within(self.last(n, "data"), "second", "data.report", body, agr=self.live(n))

    def verify(self, n: int) -> None:
        self.within(self.last(n, "data"), "first", "data.verify", {"as_of": self.time(-n)})

    def close(self, n: int) -> None:
        by, type_ = (("first", "close"), ("second", "close"), ("first", "refuse"), ("second", "retract"))[
            n % 4
        ]
        self.within(self.last(n, "data"), by, f"data.{type_}", {})

    def correct(self, n: int) -> None:
        thread = self.last(n, "data")
        if thread is None:
            return
        path = "/email" if n % 2 else "/phone"
        patch = {"op": "replace", "path": path, "value": f"new {n}"}
        body: dict[str, Any] = {
            "of": thread.head if n % 3 else thread.thid,
            "patch": [patch],
            "answer_by": self.time(5000),
        }
        self.say(self.person, "correction.submit", body, thread.second, pthid=thread.thid)

    def corrected(self, n: int) -> None:
        by, type_, body = (
            ("second", "apply", {"applied_at": self.time(0)}),
            ("second", "refuse", {"reasons": {"/email": "no"}}),
            ("first", "withdraw", {}),
        )[n % 3]
        self.within(self.last(n, "correction"), by, f"correction.{type_}", body)

    def speak(self, n: int) -> None:
        body = {
            "about": {"purpose": PURPOSES[n % 4], "fields": ["text"]},
            "content": {"clear": {"text": "t"}},
        }
        self.below(self.shop, "dialogue.message", body, n)

    def wait(self, n: int) -> None:
        """Time passes: a second, hours, days."""
        self.now += (1, 2, 1800, 7200, DAY, 5 * DAY)[n % 6]

    def below(self, by: PrivateKey, type_: str, body: Mapping[str, Any], n: int) -> None:
        bond = self.bond()
        if bond is not None:
            to = self.shop.did if by is self.person else self.person.did
            self.say(by, type_, body, to, pthid=bond.thid, agr=self.live(n))

    def given(self, n: int) -> dict[str, Any]:
        about: dict[str, Any] = {"purpose": PURPOSES[n % 4], "fields": ["email", "phone"][: 1 + n % 2]}
        about["categories"] = [f"{PD}EmailAddress"]
        clear = {field: f"what {field} is, {n}" for field in about["fields"]}
        return {"about": about, "content": {"clear": clear}}

    def bond(self) -> Thread | None:
        return self.last(0, "relationship")

    def time(self, seconds: int) -> str:
        return timing.text(self.now + seconds)

    # --- reading --------------------------------------------------------------------------------

    def view(self, thread: Thread, reader: str = "first") -> dict[str, Any]:
        """The view, as HTTP would bring it."""
        party = thread.first if reader == "first" else thread.second
        made = json.loads(json.dumps(self.reader.relationship(party, thread.thid, self.now)))
        assert SPEC.faults("documents/relationship.json", made) == []
        found: dict[str, Any] = made
        return found

    def held(self, reader: str = "first") -> Threads:
        """What a party has of its threads, each message verified, and both ladders."""
        party = self.person.did if reader == "first" else self.shop.did
        held: dict[str, list[Held]] = {}
        listed = self.reader.threads(party, 0, 1000, self.now)["threads"]
        for one in listed:
            document = self.reader.thread(party, one["thid"], 1, 1000, self.now)
            found = Findings("")
            keys_ = [{**key, "source": "discovery"} for key in document["keys"]]
            ring = KeyRing.read(found, HOME, keys_, [self.signing.public])
            opened: list[Held | None] = []
            for item in document["messages"]:
                read = open_link if "token" in item else open_tombstone
                opened.append(read(found, SPEC, ring, f"message {item['seq']}", item))
            assert found.report().ok, found.report().failed
            held[one["thid"]] = [link for link in opened if link is not None]
        return Threads(held, {digest(OWN): ladder.read(OWN)})

    def judged(self, document: Mapping[str, Any], threads: Threads) -> Report:
        """The report on a view beside what somebody holds."""
        found = Findings("")
        data = json.dumps(document).encode()
        check_view(found, SPEC, data, {HOME: [self.signing.public]}, {HOME: threads})
        return found.report()


def _wishes(n: int) -> dict[str, Any]:
    wishes: dict[str, Any] = {"zone": ("UTC", "Europe/Amsterdam")[n % 2]}
    return wishes | ({"rate": {"most": n % 5, "within": "P1D"}} if n % 3 == 1 else {})


OFTEN = (Bonds.wait, Bonds.ask, Bonds.grant, Bonds.share, Bonds.report, Bonds.correct, Bonds.corrected)
NOW_AND_THEN = (
    *(Bonds.step, Bonds.verify, Bonds.narrow, Bonds.renew, Bonds.unconsent, Bonds.want, Bonds.close),
    *(Bonds.terms, Bonds.relate, Bonds.retreat, Bonds.prefer, Bonds.invite, Bonds.pause, Bonds.speak),
)
SELDOM = (Bonds.rotate, Bonds.terminate, Bonds.elsewhere, Bonds.end, Bonds.attest)
ACTS: Sequence[Callable[[Bonds, int], None]] = (*OFTEN * 4, *NOW_AND_THEN * 2, *SELDOM)
