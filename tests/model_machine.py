"""What plays a home over both stores against the model: parties, tokens, comparisons, common rules."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conformance import model
from conformance import model_relating as relating
from conformance.model import Act, Proof, View, World
from conformance.model_home import LONGEST_ANSWER, PROOF_LIFE, SKEW, Model, Verdict
from conformance.moves import rungs_of
from vrmproto import envelope, keys, spec, timing
from vrmproto.errors import ProtocolError
from vrmproto.home import SWEEP, Acknowledgement, Answer, Arrival, Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.reading import Reader
from vrmproto.spec import Spec
from vrmproto.storage.base import Store, Transaction
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

T = TypeVar("T")

SPEC = spec.load()
HOME = "https://home.example"
BOARD = f"{HOME}/v1/boards/intents"
START = 1_800_000_000
HOME_KEY = keys.derive(b"h" * 32, "home")
# Nothing here is about the disk; tests/faults is.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# Everyone by identifier, with the key that signs.
EVERYONE: dict[str, PrivateKey] = {}


def _party(name: str, alg: str = "Ed25519", origin: str = "") -> str:
    key = keys.derive(b"s" * 32, name, alg)
    EVERYONE[origin or key.did] = key
    return origin or key.did


PERSONS = [_party("person/0"), _party("person/1", "ES256"), _party("person/2")]
VENDORS = [_party("vendor/0"), _party("vendor/1", "ES256")]
SHOPS = [
    _party("shop/0", origin="https://car.example"),
    _party("shop/1", "ES256", origin="https://shop.example:8443"),
]
SPARE = [_party(f"spare/{n}", "ES256" if n % 3 == 2 else "Ed25519") for n in range(6)]
STRANGER = _party("stranger")  # never polls
FIRSTS = [*PERSONS, *SPARE]

ROSTER = model.Roster(
    {"id": SPEC.roster.id, "version": SPEC.roster.version},
    {name: (a.digest, a.kind) for name, a in SPEC.roster.agreements.items()},
    rungs_of(SPEC),
)
NAMES = ["SD-BASE-DP", "SD-BASE", "SD-BASE-A", "PDC-AI", "PDC-GOOD"]
NOWHERE = "A" * 43
COUNTED = {code for code, error in SPEC.errors.items() if error.get("counted")}
PROOF_CLAIMS = ("iss", "sub", "aud", "home", "thid", "iat")

AHEAD = [1, 2, 60, 3600, model.DAY, 20 * model.DAY, LONGEST_ANSWER]
NOT_AHEAD = [0, -1, LONGEST_ANSWER + 1]
AFTER = [None, None, 1, model.DAY, 400 * model.DAY]
NOT_AFTER = [0, -1]

# Of the outside of a message (its bytes, claims, time), and of its content.
OUTER = [
    "home",
    "signature",
    "type",
    "body",
    "expired",
    "still-valid",
    "early",
    "just-in-time",
    "life",
    "day",
]
INNER = [
    "stranger",
    "aud",
    "aud",
    "self",
    "prev",
    "terms",
    "terms",
    "dates",
    "stale",
    "thid",
    "pthid",
    "agr",
    "own-agr",
    "dates",
    "terms",
    "proof",
]

# What is likely to go wrong with a type.
FITTING = {
    model.PROFFER: ["terms", "dates"],
    "terms.accept": ["terms", "terms", "stale", "stale", "prev"],
    "terms.alternative": ["terms", "terms", "dates", "stale", "prev"],
    "terms.reject": ["stale", "prev"],
    model.EXIT: ["stale", "prev"],
    model.ROTATION: ["proof"],
    model.PUBLISH: ["terms", "dates", "files", "board", "organisation"],
    "intent.amend": ["version", "dates", "files", "stale"],
    "intent.pause": ["stale", "board"],
    "intent.withdraw": ["stale", "prev"],
    model.OFFER: ["version", "accepts", "terms", "total", "prices", "prices", "dates", "files", "parent"],
    "offer.revise": ["version", "total", "prices", "dates", "files", "stale"],
    "offer.accept": ["takes", "dates", "stale"],
    "offer.confirm": ["takes", "stale"],
    "disclosure.release": ["fields", "purpose", "content", "files", "stale"],
    model.INTRODUCTION: ["proof", "proof", "stale"],
    model.ATTEST: ["stale", "prev"],
    model.FEEDBACK: ["organisation", "agr", "pthid", "board"],
    "feedback.outcome": ["stale", "prev"],
    model.RETRACTION: ["stale", "prev"],
    model.DISPUTE: ["parent", "parent", "party", "agr", "own-agr", "aud"],
    "dispute.note": ["stale", "prev"],
    model.CLOSE: ["stale", "prev"],
    relating.OPEN: ["ladder", "no-agr", "agr", "own-agr", "other-agr", "organisation", "pthid", "aud"],
    relating.INVITE: ["stage", "rung", "rung", "categories", "dates", "no-agr", "other-agr", "agr", "prev"],
    relating.STEP: ["stage", "rung", "rung", "ladder", "no-agr", "other-agr", "other-agr", "agr", "stale"],
    relating.DECLINE: ["stale", "prev"],
    relating.RETREAT: ["stage", "stale", "prev", "own-agr"],
    relating.PREFER: ["stale", "prev", "own-agr"],
    relating.END: ["stale", "prev"],
    relating.ATTESTED: ["stale", "prev"],
}


@dataclass(frozen=True)
class Sent:
    """A token with what the model knows of it."""

    token: str
    act: Act


class Dice(random.Random):
    """All choices within one step come from its one number: evenly, which Hypothesis does not try to be."""

    def pick(self, values: Sequence[T]) -> T:
        return values[self.randrange(len(values))]

    def number(self, least: int, most: int) -> int:
        return self.randint(least, most)

    def coin(self) -> bool:
        return self.random() < 0.5

    def flaws(self, type_: str) -> frozenset[str]:
        """Mostly none, else one or two that fit the type or one of the content; rarely three of any kind."""
        how = self.number(0, 15)
        if how < 8:
            return frozenset()
        if how < 15:
            fitting = FITTING.get(type_, INNER) if how < 13 else INNER
            return frozenset(self.choices(fitting, k=2 if how in (11, 12, 14) else 1))
        return frozenset(self.sample(OUTER + INNER, self.number(1, 3)))


SEEDS = st.integers(0, 2**32 - 1)


def twin(token: str) -> str:
    """The other signature that verifies for the same bytes (ES256)."""
    head, _, last = token.rpartition(".")
    raw = keys.unb64(last)
    other = (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return f"{head}.{keys.b64(raw[:32] + other)}"


def garbled(token: str) -> str:
    head, _, last = token.rpartition(".")
    raw = bytearray(keys.unb64(last))
    raw[7] ^= 1
    return f"{head}.{keys.b64(bytes(raw))}"


def digest(data: bytes) -> str:
    return keys.b64(hashlib.sha256(data).digest())


def everything(store: Store, thids: list[str]) -> tuple[Any, ...]:
    """All that a store tells about the parties and threads of a run."""
    return (
        {party: store.changed(party, 0, 999) for party in EVERYONE},
        {party: [(e.position, e.mid) for e in store.inbox(party, 999)] for party in EVERYONE},
        {party: (store.known(party), store.inbox_size(party)) for party in EVERYONE},
        {party: sorted(store.notices(party, 999)) for party in EVERYONE},
        {thid: store.messages(thid, 1, 999) for thid in thids},
        {thid: (store.superseded_at(thid), store.severed_at(thid)) for thid in thids},
        {thid: (store.below(thid), store.placed(thid)) for thid in thids},
        {(f, s): store.next_key(f, s) for f in FIRSTS for s in VENDORS + SHOPS},
    )


class Watched(MemoryStore):
    """A store that counts the transactions that have written something."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with super().begin() as transaction:
            yield transaction
            log = self._log
        self.writes += bool(log and log._changes)


def departures(view: View) -> list[list[str]]:
    """Records of the reference that the prose does not allow, until they are mended.

    Where the first party is in the end who it was at first, every rebinding is left out; and what was rotated
    before ``offer.make`` is, although the next key may have been committed there.
    """
    found = []
    if view.first == view.opener:
        found.append([mid for mid in view.proof if mid not in view.rebindings])
    if view.kind == "offer" and not set(view.proof[2:3]) & set(view.mids):
        found.append([*view.proof[:2], *view.proof[3:]])
    return found


class Machine(RuleBasedStateMachine):
    """Parties who mostly do what they may; what they can do, subclasses say."""

    spec: ClassVar[Spec] = SPEC
    template: ClassVar[Path | None] = None
    inbox: ClassVar[int] = 9
    names: Sequence[str] = NAMES
    """The agreements that are offered."""
    polling: ClassVar[Sequence[str]] = VENDORS

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="vrmproto-model-", dir=MEMORY)
        path = Path(self.folder.name) / "home.db"
        if self.template is not None:
            shutil.copy(self.template, path)
        self.path = path
        self.watched = Watched()
        self.memory = self.open(self.watched)
        self.file = SqliteStore(path)
        self.sqlite = self.open(self.file)
        self.model = Model(HOME, ROSTER, self.inbox, [BOARD])
        self.now = START
        self.count = 0
        self.sent: list[Sent] = []
        self.fellows: list[Sent] = []  # those before, in a batch that is being made
        self.receipts: dict[str, str] = {}
        self.next_keys: dict[str, str] = {}
        self.thids: list[str] = []
        self.starts = 0
        self.held: tuple[Any, Any] = None, None
        """What the stores hold, and when they were seen to."""

    def open(self, store: Store) -> Home:
        config = Config(origin=HOME, inbox=self.inbox, cached_threads=4, loose_blobs=10_000)
        return Home(self.spec, store, [HOME_KEY], config)

    def teardown(self) -> None:
        self.memory.store.close()
        self.sqlite.store.close()
        self.folder.cleanup()

    @property
    def homes(self) -> tuple[Home, Home]:
        return self.memory, self.sqlite

    @property
    def world(self) -> World:
        """The threads of now: nobody changes them."""
        return self.model.at(self.now)

    @initialize()
    def vendors_poll_once(self) -> None:
        for vendor in self.polling:
            self.acknowledge(vendor, ())

    # --- what is done to both homes -------------------------------------------------------------

    def acknowledge(self, party: str, mids: tuple[str, ...]) -> None:
        for home in self.homes:
            assert home.accept_batch([Acknowledgement(party, mids)], self.now) == [None]
        self.model.acknowledge(party, mids)

    def submit(self, messages: list[Sent], *, together: bool) -> None:
        """All in one batch, or one message by itself, to both homes; the model judges one by one."""
        expected = [self.model.judge(sent.act, self.now) for sent in messages]
        refused = not any(verdict.taken for verdict in expected)
        # A refusal writes where it is listed, and a home tidies up as time goes on: nowhere else.
        tidying = any(self.now - home._swept >= SWEEP for home in self.homes)
        writing = tidying or any(COUNTED & verdict.codes for verdict in expected)
        held = self.everything() if refused and writing else None
        stamp = self.stamp()
        answers = [self.answers(home, messages, together) for home in self.homes]
        assert answers[0] == answers[1], "the two stores disagree"
        taken = False
        for sent, answer in zip(messages, answers[0], strict=True):
            verdict = self.model.judge(sent.act, self.now)
            self.compare(sent, answer, verdict)
            if verdict.taken:
                taken = True
                self.model.take(sent.act, verdict, self.now)
                self.receipts[sent.act.mid] = answer[1]
                if sent.act.thid is None:
                    self.thids.append(sent.act.mid)
            self.sent.append(sent)
        if not taken and self.stamp() != stamp:
            for home in self.homes:
                assert everything(home.store, self.thids) == held, "a refused act has changed something"

    def stamp(self) -> tuple[int, ...]:
        """Another one whenever something was written to either store."""
        version = self.file._db.execute("PRAGMA data_version").fetchone()[0]
        return self.watched.writes, version, self.starts

    def everything(self) -> tuple[Any, ...]:
        """What both stores hold, read anew only if something was written since."""
        stamp = self.stamp()
        if self.held[0] != stamp:
            both = [everything(home.store, self.thids) for home in self.homes]
            assert both[0] == both[1], "the two stores do not hold the same"
            self.held = stamp, both[0]
        found: tuple[Any, ...] = self.held[1]
        return found

    def arrival(self, home: Home, sent: Sent) -> Arrival:
        """The keys of organisations have been fetched at the start."""
        opening = home.parse(sent.token.encode())
        if sent.act.iss.startswith("did:"):
            return Arrival(opening)
        return Arrival(opening, EVERYONE[sent.act.iss].public, START)

    def answers(self, home: Home, messages: list[Sent], together: bool) -> list[tuple[Any, ...]]:
        if not together and messages[0].act.iss.startswith("did:"):
            try:
                answer = home.accept(messages[0].token.encode(), self.now)
            except ProtocolError as error:
                return [(error.code, error.detail, error.rule, error.members)]
            return [(answer.status, answer.receipt, answer.wakes)]
        found: dict[int, tuple[Any, ...]] = {}
        items: list[tuple[int, Arrival]] = []
        for place, sent in enumerate(messages):
            try:
                items.append((place, self.arrival(home, sent)))
            except ProtocolError as error:
                found[place] = (error.code, error.detail, error.rule, error.members)
        outcomes = home.accept_batch([item for _, item in items], self.now)
        for (place, _), outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Answer):
                found[place] = (outcome.status, outcome.receipt, outcome.wakes)
            else:
                assert isinstance(outcome, ProtocolError)
                found[place] = (outcome.code, outcome.detail, outcome.rule, outcome.members)
        return [found[place] for place in range(len(messages))]

    def compare(self, sent: Sent, answer: tuple[Any, ...], verdict: Verdict) -> None:
        act = sent.act
        if verdict.codes:
            assert answer[0] in verdict.codes, (answer, verdict, act)
            assert not verdict.rule or answer[2] == verdict.rule, (answer, verdict, act)
            if "prev-stale" in verdict.codes:
                assert answer[3] == {"head": verdict.head, "seq": verdict.seq}
            return
        assert answer[0] == verdict.status, (answer, verdict, act)
        receipt = answer[1]
        if verdict.status == 200:
            assert receipt == self.receipts[act.mid]
            return
        expected = {
            "iss": HOME,
            "aud": act.iss,
            "iat": self.now,
            "mid": act.mid,
            "thid": act.thid or act.mid,
            "seq": verdict.seq,
            "state": verdict.state,
            "key": dict(EVERYONE[act.iss].public.jwk),
        }
        if verdict.prior is not None:
            expected["prior"] = verdict.prior
        if not act.iss.startswith("did:"):
            expected["key_seen_at"] = START
        assert envelope.peek(receipt)[1] == expected
        told = self.model.addressees(act, self.world)
        assert [party for party in answer[2] if party != BOARD] == told

    # --- making messages ------------------------------------------------------------------------

    def dice(self, seed: int) -> Dice:
        """What was sent before counts too: Hypothesis likes to take the same number again."""
        return Dice(f"{seed}/{self.now}/{self.count}/{self.sent[-1].act.mid if self.sent else ''}")

    def jti(self) -> str:
        self.count += 1
        # No long row of digits: whoever reads it would take a closer look for numbers that are too large.
        return f"{self.count:06d}".rjust(22, "j")

    def make(
        self,
        iss: str,
        type_: str,
        body: dict[str, Any],
        aud: str,
        flaws: frozenset[str],
        where: Mapping[str, str | None] | None = None,
        proof: Proof | None = None,
    ) -> Sent:
        more: dict[str, str | None] = dict(where or {})
        key = EVERYONE[iss]
        iat, exp = self.now - 1, self.now + 600
        if "life" in flaws:
            exp = iat + model.DAY + 1
        if "day" in flaws:
            exp = iat + model.DAY
        if "expired" in flaws:
            iat, exp = self.now - 100, self.now - 60
        if "still-valid" in flaws:
            iat, exp = self.now - 100, self.now - 59
        if "early" in flaws:
            iat, exp = self.now + 61, self.now + 100
        if "just-in-time" in flaws:
            iat, exp = self.now + 60, self.now + 100
        if "pthid" in flaws:
            more["pthid"] = self.thids[0] if self.thids else NOWHERE
        if "agr" in flaws:
            more["agr"] = NOWHERE
        if "own-agr" in flaws:
            records = [view.record for view in self.world.views.values() if view.record]
            records += [s.act.mid for s in self.fellows if s.act.type in ("terms.accept", model.OFFER)]
            more["agr"] = records[-1] if records else NOWHERE
        if "stranger" in flaws:
            aud = STRANGER
        if "self" in flaws:
            aud = iss
        if "aud" in flaws:
            aud = next(party for party in (VENDORS[1], VENDORS[0], *EVERYONE) if party != aud)
        if "board" in flaws:
            aud = VENDORS[0] if aud == BOARD else BOARD
        claims: dict[str, Any] = {
            "vrm": "1.0",
            "home": "https://elsewhere.example" if "home" in flaws else HOME,
            "type": "terms.unheard-of" if "type" in flaws else type_,
            "iss": iss,
            "aud": aud,
            "jti": self.jti(),
            "iat": iat,
            "exp": exp,
            **{name: value for name, value in more.items() if value is not None},
            "body": {**body, "more": 1} if "body" in flaws else body,
        }
        token = envelope.seal(key, claims)
        act = Act(
            mid=envelope.mid_of(token),
            type=claims["type"],
            iss=iss,
            aud=aud,
            iat=iat,
            exp=exp,
            body=body,
            thid=more.get("thid"),
            prev=more.get("prev"),
            pthid=more.get("pthid"),
            agr=more.get("agr"),
            kid=key.public.kid,
            proof=proof,
            flaws=flaws & {"home", "signature", "type", "body"},
        )
        return Sent(garbled(token) if "signature" in flaws else token, act)

    def agreement(self, dice: Dice, name: str, spoiled: bool) -> dict[str, str]:
        found = dict(SPEC.roster.named(name).reference)
        if spoiled:
            found |= dice.pick([{"digest": NOWHERE}, {"version": "9.9"}, {"id": "SD-NONE"}])
        return found

    def roster(self, dice: Dice, flaws: frozenset[str]) -> dict[str, Any]:
        """What a proffer and an intent offer."""
        names = dice.sample(self.names, dice.number(1, min(3, len(self.names))))
        spoiled = dice.number(0, len(names)) if "terms" in flaws else -1
        listed = [self.agreement(dice, name, place == spoiled) for place, name in enumerate(names)]
        roster = {**ROSTER.reference, **({"version": "2.0"} if spoiled == len(names) else {})}
        found: dict[str, Any] = {"roster": roster, "preferred": listed[0]}
        return {**found, "acceptable": listed[1:]} if listed[1:] else found

    def dates(self, dice: Dice, flaws: frozenset[str]) -> dict[str, str]:
        wrong = dice.number(0, 1) if "dates" in flaws else 2
        answer_by = self.now + dice.pick(NOT_AHEAD if wrong == 0 else AHEAD)
        ends = dice.pick(NOT_AFTER if wrong == 1 else AFTER)
        found = {"answer_by": timing.text(answer_by)}
        return found if ends is None else {**found, "ends": timing.text(answer_by + ends)}

    def proffer(self, dice: Dice, iss: str, aud: str, flaws: frozenset[str]) -> Sent:
        body: dict[str, Any] = {
            **self.roster(dice, flaws),
            "lang": "en",
            "place": "NL",
            "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
            **self.dates(dice, flaws),
        }
        return self.make(iss, model.PROFFER, body, aud, flaws)

    def where(
        self, dice: Dice, view: View, flaws: frozenset[str], *, eager: bool = False
    ) -> dict[str, str | None]:
        """``thid`` and ``prev`` of a message in a thread."""
        prev = view.head
        if "stale" in flaws or (len(view.mids) > 1 and not eager and not dice.number(0, 3)):
            prev = dice.pick(view.mids)
        if "prev" in flaws:
            prev = dice.pick([NOWHERE, *self.thids])
        more: dict[str, str | None] = {"thid": view.thid, "prev": prev}
        if "thid" in flaws and dice.coin():
            more = dice.pick([{}, {"thid": NOWHERE, "prev": NOWHERE}, {"thid": prev, "prev": prev}])
        return more

    def answer(self, dice: Dice, type_: str, view: View, flaws: frozenset[str]) -> dict[str, Any]:
        """The body of a message of terms."""
        spoiled = "terms" in flaws
        read = {"lang": "en", "place": "NL"}
        if type_ == "terms.accept":
            right = dice.pick(view.offered)
            wrong = dice.number(0, 1) if spoiled else 2
            other = self.agreement(dice, dice.pick(self.names), dice.coin())
            offer = dice.pick([view.thid, view.head, NOWHERE]) if wrong == 0 else view.offer
            return {"accepts": offer, "agreement": other if wrong == 1 else dict(right), **read}
        if type_ == "terms.alternative":
            listed = {reference["id"] for reference in view.offered}
            fresh = [name for name in self.names if name not in listed]
            wrong = dice.number(0, 2) if spoiled else 3
            name = dice.pick(sorted(listed) if wrong == 2 else fresh)
            return {
                "alternative_to": NOWHERE if wrong == 0 else view.offer,
                "agreement": self.agreement(dice, name, wrong == 1),
                **read,
                **self.dates(dice, flaws),
            }
        if type_ == model.PROFFER:
            roster = {"roster": ROSTER.reference, "preferred": dict(view.offered[0])}
            purpose = "https://w3id.org/dpv#RequestedServiceProvision"
            return {**roster, **read, "purpose": purpose, **self.dates(dice, flaws)}
        return {}

    def proof(self, dice: Dice, proof: Proof, flaws: frozenset[str]) -> tuple[Proof, str]:
        """A proof, right or not, and its token."""
        if "proof" in flaws:
            wrong: list[dict[str, Any]] = [
                {"sub": PERSONS[0]},
                {"iss": PERSONS[0]},
                {"aud": VENDORS[1]},
                {"home": "https://elsewhere.example"},
                {"thid": NOWHERE},
                {"iat": self.now - PROOF_LIFE},
                {"iat": self.now - PROOF_LIFE + 1},
                {"iat": self.now + SKEW},
                {"iat": self.now + SKEW + 1},
                {"signed": False},
            ]
            proof = replace(proof, **dice.pick(wrong))
        claims = {name: getattr(proof, name) for name in PROOF_CLAIMS}
        token = envelope.seal(EVERYONE[proof.iss], claims, envelope.PROOF)
        return proof, token if proof.signed else garbled(token)

    def rotation(
        self,
        dice: Dice,
        flaws: frozenset[str],
        ends: tuple[str, str],
        view: View,
        more: dict[str, str | None],
    ) -> Sent:
        old, aud = ends
        new = dice.pick(FIRSTS if "proof" in flaws else SPARE)
        promised = self.next_keys.get(self.world.committed.get((view.first, view.second)) or "")
        if promised is not None and dice.number(0, 3):
            new = promised
        others = [sent.act.iss for sent in self.fellows if sent.act.aud == aud]
        if others and dice.coin():
            new = dice.pick(others)
        body: dict[str, Any] = {"replaces": old}
        if dice.coin():
            coming = dice.pick(SPARE)
            self.next_keys[EVERYONE[coming].public.kid] = coming
            body["nkt"] = EVERYONE[coming].public.kid
        proof = None
        if dice.number(0, 4):
            says = Proof(old, new, aud, HOME, view.thid, self.now)
            proof, body["proof"] = self.proof(dice, says, flaws)
        return self.make(new, model.ROTATION, body, aud, flaws, more, proof)

    def agree(self, dice: Dice, offer: Sent) -> View | None:
        """A proffer and its acceptance; the thread, if the proffer was taken."""
        self.submit([offer], together=False)
        view = self.world.views.get(offer.act.mid)
        if view is None:
            return None
        body = self.answer(dice, "terms.accept", view, frozenset())
        where: dict[str, str | None] = {"thid": view.thid, "prev": view.head}
        accept = self.make(view.second, "terms.accept", body, view.first, frozenset(), where)
        self.submit([accept], together=dice.coin())
        return view

    # --- rules ----------------------------------------------------------------------------------

    def message(self, dice: Dice) -> Sent:
        """Any message that fits the threads as they are, or nearly: for those who play a market or terms."""
        raise AssertionError("a machine says what its messages are")

    def move(self, dice: Dice, thid: str = "") -> Sent:
        """A message in a thread: mostly one for which there is a row, by the party who may send it."""
        raise AssertionError("a machine says what its moves are")

    @rule(seed=SEEDS)
    def one_message(self, seed: int) -> None:
        dice = self.dice(seed)
        self.submit([self.message(dice)], together=dice.coin())

    @rule(seed=SEEDS)
    @precondition(lambda self: self.thids)
    def next_messages(self, seed: int) -> None:
        dice = self.dice(seed)
        for _ in range(3):
            self.submit([self.move(dice)], together=False)

    @rule(seed=SEEDS, size=st.integers(2, 4))
    def several_at_once(self, seed: int, size: int) -> None:
        """None of them knows of the others: of two that exclude each other one is taken."""
        dice = self.dice(seed)
        self.fellows = []
        for _ in range(size):
            self.fellows.append(self.message(dice))
        messages, self.fellows = self.fellows, []
        self.submit(messages, together=True)

    @rule(seed=SEEDS, how=st.sampled_from(["same", "same", "twin", "garbled"]))
    @precondition(lambda self: self.sent)
    def an_old_token_again(self, seed: int, how: str) -> None:
        dice = self.dice(seed)
        old = dice.pick(self.sent)
        again = old
        if "signature" not in old.act.flaws:
            if how == "garbled":
                again = Sent(garbled(old.token), replace(old.act, flaws=old.act.flaws | {"signature"}))
            if how == "twin" and EVERYONE[old.act.iss].public.alg == "ES256":
                again = Sent(twin(old.token), old.act)
        size = dice.number(1, 2)
        self.submit([again] * size, together=size > 1)

    @rule(seed=SEEDS)
    def time_goes_on(self, seed: int) -> None:
        self.pass_time(self.dice(seed))

    def pass_time(self, dice: Dice) -> None:
        edges = {v.deadline for v in self.world.views.values() if v.deadline is not None}
        if edges and dice.number(0, 2):
            edge = dice.pick(sorted(edges)) + dice.pick([-1, 0, 0, 1])
            self.now = max(self.now, edge)
        else:
            self.now += dice.pick([0, 1, 2, 60, 61, 3600, 3600, model.DAY, 30 * model.DAY])

    @rule(seed=SEEDS)
    def a_poll_acknowledges(self, seed: int) -> None:
        dice = self.dice(seed)
        party = dice.pick(sorted(EVERYONE.keys() - {STRANGER}))
        mids = self.model.inbox(party)
        some = mids[: dice.number(0, len(mids))]
        removed = self.model.notices.get(party, [])
        self.acknowledge(party, (*some, *removed[: dice.number(0, len(removed))], NOWHERE))

    @rule()
    def the_home_starts_anew(self) -> None:
        before = self.everything()
        self.sqlite.store.close()
        self.file = SqliteStore(self.path)
        self.sqlite = self.open(self.file)
        self.starts += 1
        assert everything(self.file, self.thids) == before

    @rule(seed=SEEDS)
    @precondition(lambda self: self.thids)
    def a_look_at_a_later_time(self, seed: int) -> None:
        """Reads of now and of any later time: lists, records and checkpoints say what the model says."""
        dice = self.dice(seed)
        edges = {v.deadline for v in self.world.views.values() if v.deadline is not None}
        times = [self.now, *(e + d for e in edges for d in (-1, 0, 1) if e + d >= self.now)]
        later = dice.pick(sorted(times))
        thid = dice.pick(self.thids)
        for home in self.homes:
            self.look(home, later, thid)

    def look(self, home: Home, later: int, thid: str) -> None:
        reader = Reader(home)
        world = self.model.world.at(later)
        view = world.views[thid]
        for party in EVERYONE:
            listed = reader.threads(party, 0, 200, later)["threads"]
            shown = {t["thid"]: (t["kind"], t["seq"], t["state"]) for t in listed}
            own = [v for v in world.views.values() if party in v.parties]
            assert shown == {v.thid: (v.kind, v.seq, v.state) for v in own}
            self.look_at_record(reader, later, view, party)
            if not self.model.readable(view, party):
                with pytest.raises(ProtocolError, match="not-found"):
                    reader.thread(party, thid, 1, 200, later)
                continue
            document = reader.thread(party, thid, 1, 200, later)
            checkpoint = envelope.peek(document["checkpoint"])[1]
            told = {"aud": party, "iat": later, "state": view.state, "seq": view.seq, "mid": view.head}
            assert checkpoint.items() >= {**told, "thid": thid, "checkpoint": True}.items()
            assert checkpoint.get("removed", "") == view.removed
            stones = self.model.tombstones(view, party)
            assert checkpoint.get("erased", 0) == (view.erased if party == view.second else 0)
            read = [m["mid"] if "mid" in m else envelope.mid_of(m["token"]) for m in document["messages"]]
            assert read == view.mids
            assert {m["mid"] for m in document["messages"] if "token" not in m} == stones
            assert [m["receipt"] for m in document["messages"]] == [self.receipts[mid] for mid in read]

    def look_at_record(self, reader: Reader, later: int, view: View, party: str) -> None:
        """VRM-REC-002 and VRM-OFR-030, and who reads it (VRM-REC-001)."""
        if not view.record:
            return
        if party not in view.parties:
            with pytest.raises(ProtocolError, match="not-found"):
                reader.record(party, view.record, later)
            return
        record = reader.record(party, view.record, later)
        held = [envelope.mid_of(m["token"]) for m in record["messages"]]
        assert held == view.proof or held in departures(view), (held, view.proof)
        assert [m["receipt"] for m in record["messages"]] == [self.receipts[mid] for mid in held]
        assert (record["id"], record["thid"], record["state"]) == (view.record, view.thid, view.state)

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def states_and_inboxes_are_the_models(self) -> None:
        world = self.world
        for home in self.homes:
            for thid, view in world.views.items():
                thread = home.store.thread(thid)
                assert thread is not None
                assert thread.pair == (view.first, view.second)
                status = home.status(thread, self.now)
                shown = (status.state, status.deadline, thread.seq)
                assert shown == (view.state, view.deadline, view.seq), (shown, view)
            for party in EVERYONE:
                assert [e.mid for e in home.store.inbox(party, 999)] == self.model.inbox(party)
                assert sorted(home.store.notices(party, 999)) == sorted(self.model.notices.get(party, []))

    @invariant()
    def both_stores_hold_the_same(self) -> None:
        self.everything()


PROFILE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=80,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
)
# Numbers that stand in the sources are among what Hypothesis takes, so a change there makes other examples:
# a hunt has room for bad luck. It ends with the first find.
# What it looks for follows from a few rules in a row: many short examples, in which a message costs less.
HUNT = settings(
    PROFILE,
    max_examples=10_000,
    stateful_step_count=12,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
LONG = settings(PROFILE, max_examples=500, stateful_step_count=60, phases=[Phase.generate])


def run(machine: type[Machine], template: Path, how: settings, spec_: Spec = SPEC) -> None:
    made = type(machine.__name__, (machine,), {"template": template, "spec": spec_})
    run_state_machine_as_test(made, settings=how)


def empty_database(folder: Path) -> Path:
    """Making one takes longer than copying it."""
    path = folder / "home.db"
    SqliteStore(path).close()
    return path
