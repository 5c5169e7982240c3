"""A home over both stores against the model of the prose: every verdict, every state, at every time."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
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

from tests import model
from tests.model import Act, Model, Proof, Verdict, View
from vrmproto import envelope, guards, keys, spec, threads, timing
from vrmproto.errors import ProtocolError
from vrmproto.home import Acknowledgement, Answer, Arrival, Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.reading import Reader
from vrmproto.spec import Kind, Row, Spec
from vrmproto.storage.base import Store
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

T = TypeVar("T")

SPEC = spec.load()
HOME = "https://home.example"
START = 1_800_000_000
INBOX = 9
HOME_KEY = keys.derive(b"h" * 32, "home")
# Nothing here is about the disk; tests/faults is.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _key(name: str, alg: str = "Ed25519") -> PrivateKey:
    return keys.derive(b"s" * 32, name, alg)


PERSONS = [_key("person/0"), _key("person/1", "ES256"), _key("person/2")]
VENDORS = [_key("vendor/0"), _key("vendor/1", "ES256")]
SPARE = [_key(f"spare/{n}", "ES256" if n % 3 == 2 else "Ed25519") for n in range(6)]
STRANGER = _key("stranger")  # never polls
FIRSTS = [*PERSONS, *SPARE]
EVERYONE = {key.did: key for key in [*FIRSTS, *VENDORS, STRANGER]}

ROSTER = model.Roster(
    {"id": SPEC.roster.id, "version": SPEC.roster.version},
    {name: (a.digest, a.kind) for name, a in SPEC.roster.agreements.items()},
)
NAMES = ["SD-BASE-DP", "SD-BASE", "SD-BASE-A", "PDC-AI", "PDC-GOOD"]
NOWHERE = "A" * 43
PROOF_CLAIMS = ("iss", "sub", "aud", "home", "thid", "iat")
TYPES = sorted({type_ for _, _, type_ in model.MOVES} | {model.OPENING})

AHEAD = [1, 2, 60, 3600, model.DAY, 20 * model.DAY, model.LONGEST_ANSWER]
NOT_AHEAD = [0, -1, model.LONGEST_ANSWER + 1]
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
    model.OPENING: ["terms", "dates"],
    "terms.accept": ["terms", "terms", "stale", "stale", "prev"],
    "terms.alternative": ["terms", "terms", "dates", "stale", "prev"],
    "terms.reject": ["stale", "prev"],
    "agreement.terminate": ["stale", "prev"],
    model.ROTATION: ["proof"],
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
        """Mostly none, else one that fits the type or one of the content; now and then three of any kind."""
        how = self.number(0, 15)
        if how < 8:
            return frozenset()
        if how < 15:
            return frozenset({self.pick(FITTING.get(type_, INNER) if how < 13 else INNER)})
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


def everything(store: Store, thids: list[str]) -> tuple[Any, ...]:
    """All that a store tells about the parties and threads of a run."""
    return (
        {party: store.changed(party, 0, 999) for party in EVERYONE},
        {party: [(e.position, e.mid) for e in store.inbox(party, 999)] for party in EVERYONE},
        {party: (store.known(party), store.inbox_size(party)) for party in EVERYONE},
        {thid: (store.messages(thid, 1, 999), store.superseded_at(thid)) for thid in thids},
        {(f.did, s.did): store.next_key(f.did, s.did) for f in FIRSTS for s in VENDORS},
    )


class Machine(RuleBasedStateMachine):
    """Persons and vendors who mostly do what they may."""

    spec: ClassVar[Spec] = SPEC
    template: ClassVar[Path | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="vrmproto-model-", dir=MEMORY)
        path = Path(self.folder.name) / "home.db"
        if self.template is not None:
            shutil.copy(self.template, path)
        self.path = path
        self.memory = self.open(MemoryStore())
        self.sqlite = self.open(SqliteStore(path))
        self.model = Model(HOME, ROSTER, INBOX)
        self.now = START
        self.count = 0
        self.sent: list[Sent] = []
        self.fellows: list[Sent] = []  # those before, in a batch that is being made
        self.receipts: dict[str, str] = {}
        self.next_keys: dict[str, PrivateKey] = {}
        self.thids: list[str] = []
        self.before = everything(self.memory.store, [])

    def open(self, store: Store) -> Home:
        return Home(self.spec, store, [HOME_KEY], Config(origin=HOME, inbox=INBOX, cached_threads=4))

    def teardown(self) -> None:
        self.memory.store.close()
        self.sqlite.store.close()
        self.folder.cleanup()

    @property
    def homes(self) -> tuple[Home, Home]:
        return self.memory, self.sqlite

    @initialize()
    def vendors_poll_once(self) -> None:
        for vendor in VENDORS:
            self.acknowledge(vendor.did, ())

    # --- what is done to both homes -------------------------------------------------------------

    def acknowledge(self, party: str, mids: tuple[str, ...]) -> None:
        for home in self.homes:
            assert home.accept_batch([Acknowledgement(party, mids)], self.now) == [None]
        self.model.acknowledge(party, mids)

    def submit(self, messages: list[Sent], *, together: bool) -> None:
        """All in one batch, or one message by itself, to both homes; the model judges one by one."""
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
        if taken:
            self.before = everything(self.memory.store, self.thids)
        else:
            for home in self.homes:
                assert everything(home.store, self.thids) == self.before, (
                    "a refused act has changed something"
                )

    def answers(self, home: Home, messages: list[Sent], together: bool) -> list[tuple[Any, ...]]:
        if not together:
            try:
                answer = home.accept(messages[0].token.encode(), self.now)
            except ProtocolError as error:
                return [(error.code, error.detail, error.rule, error.members)]
            return [(answer.status, answer.receipt, answer.wakes)]
        found: dict[int, tuple[Any, ...]] = {}
        items: list[tuple[int, Arrival]] = []
        for place, sent in enumerate(messages):
            try:
                items.append((place, Arrival(home.parse(sent.token.encode()))))
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
        assert envelope.peek(receipt)[1] == expected
        assert answer[2] == (act.aud,)

    # --- making messages ------------------------------------------------------------------------

    def dice(self, seed: int) -> Dice:
        """What was sent before counts too: Hypothesis likes to take the same number again."""
        return Dice(f"{seed}/{self.now}/{self.count}/{self.sent[-1].act.mid if self.sent else ''}")

    def jti(self) -> str:
        self.count += 1
        return f"{self.count:022d}"

    def make(
        self,
        key: PrivateKey,
        type_: str,
        body: dict[str, Any],
        aud: str,
        flaws: frozenset[str],
        where: Mapping[str, str | None] | None = None,
        proof: Proof | None = None,
    ) -> Sent:
        more: dict[str, str | None] = dict(where or {})
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
            records = [v.record for _, v in self.model.views(self.now).values() if v.record]
            records += [sent.act.mid for sent in self.fellows if sent.act.type == "terms.accept"]
            more["agr"] = records[-1] if records else NOWHERE
        if "stranger" in flaws:
            aud = STRANGER.did
        if "self" in flaws:
            aud = key.did
        if "aud" in flaws:
            aud = next(party for party in (VENDORS[1].did, VENDORS[0].did, *EVERYONE) if party != aud)
        claims: dict[str, Any] = {
            "vrm": "1.0",
            "home": "https://elsewhere.example" if "home" in flaws else HOME,
            "type": "terms.unheard-of" if "type" in flaws else type_,
            "iss": key.did,
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
            iss=key.did,
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

    def dates(self, dice: Dice, flaws: frozenset[str]) -> dict[str, str]:
        wrong = dice.number(0, 1) if "dates" in flaws else 2
        answer_by = self.now + dice.pick(NOT_AHEAD if wrong == 0 else AHEAD)
        ends = dice.pick(NOT_AFTER if wrong == 1 else AFTER)
        found = {"answer_by": timing.text(answer_by)}
        return found if ends is None else {**found, "ends": timing.text(answer_by + ends)}

    def proffer(self, dice: Dice, flaws: frozenset[str]) -> Sent:
        key = dice.pick([*PERSONS, *PERSONS[:1] * 3] if dice.number(0, 5) else SPARE)
        aud = dice.pick([VENDORS[0], VENDORS[0], VENDORS[1]]).did
        return self.offer(dice, key, aud, flaws)

    def offer(self, dice: Dice, key: PrivateKey, aud: str, flaws: frozenset[str]) -> Sent:
        names = dice.sample(NAMES, dice.number(1, 3))
        spoiled = dice.number(0, len(names)) if "terms" in flaws else -1
        listed = [self.agreement(dice, name, place == spoiled) for place, name in enumerate(names)]
        roster = {**ROSTER.reference, **({"version": "2.0"} if spoiled == len(names) else {})}
        body: dict[str, Any] = {
            "roster": roster,
            "preferred": listed[0],
            "lang": "en",
            "place": "NL",
            "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
            **self.dates(dice, flaws),
        }
        if listed[1:]:
            body["acceptable"] = listed[1:]
        return self.make(key, model.OPENING, body, aud, flaws)

    def move(self, dice: Dice, thid: str = "") -> Sent:
        """A message in a thread: mostly one for which there is a row, by the party who may send it."""
        views = self.model.views(self.now)
        countered = [thid for thid in self.thids if views[thid][1].state == "countered"]
        moving = (
            countered
            if countered and dice.coin()
            else [thid for thid in self.thids if any(s == views[thid][1].state for s, _, _ in model.MOVES)]
        )
        thid = thid or dice.pick(moving if moving and dice.number(0, 4) else self.thids)
        (first, second), view = views[thid]
        legal = [(role, type_) for state, role, type_ in model.MOVES if state == view.state]
        if legal and dice.number(0, 5):
            role, type_ = dice.pick(sorted(legal + [m for m in legal if m[1] in model.NEEDS_HEAD]))
        else:
            role, type_ = dice.pick(["first", "second"]), dice.pick(TYPES)
        flaws = dice.flaws(type_)
        party, aud = (first, second) if role == "first" else (second, first)
        if "thid" in flaws and dice.coin():
            party = dice.pick(sorted(EVERYONE))
        key = EVERYONE[party]
        prev = view.head
        if "stale" in flaws or (len(view.mids) > 1 and not dice.number(0, 3)):
            prev = dice.pick(view.mids)
        if "prev" in flaws:
            prev = dice.pick([NOWHERE, *self.thids])
        more: dict[str, str | None] = {"thid": thid, "prev": prev}
        if "thid" in flaws and dice.coin():
            more = dice.pick([{}, {"thid": NOWHERE, "prev": NOWHERE}, {"thid": prev, "prev": prev}])
        if type_ == model.ROTATION:
            return self.rotation(dice, flaws, (party, aud), view, more)
        return self.make(key, type_, self.body(dice, type_, view, flaws), aud, flaws, more)

    def body(self, dice: Dice, type_: str, view: View, flaws: frozenset[str]) -> dict[str, Any]:
        spoiled = "terms" in flaws
        read = {"lang": "en", "place": "NL"}
        if type_ == "terms.accept":
            right = dice.pick(view.offered)
            wrong = dice.number(0, 1) if spoiled else 2
            other = self.agreement(dice, dice.pick(NAMES), dice.coin())
            offer = dice.pick([view.thid, view.head, NOWHERE]) if wrong == 0 else view.offer
            return {"accepts": offer, "agreement": other if wrong == 1 else dict(right), **read}
        if type_ == "terms.alternative":
            listed = {reference["id"] for reference in view.offered}
            fresh = [name for name in NAMES if name not in listed]
            wrong = dice.number(0, 2) if spoiled else 3
            name = dice.pick(sorted(listed) if wrong == 2 else fresh)
            return {
                "alternative_to": NOWHERE if wrong == 0 else view.offer,
                "agreement": self.agreement(dice, name, wrong == 1),
                **read,
                **self.dates(dice, flaws),
            }
        if type_ == model.OPENING:
            roster = {"roster": ROSTER.reference, "preferred": dict(view.offered[0])}
            purpose = "https://w3id.org/dpv#RequestedServiceProvision"
            return {**roster, **read, "purpose": purpose, **self.dates(dice, flaws)}
        return {}

    def rotation(
        self,
        dice: Dice,
        flaws: frozenset[str],
        ends: tuple[str, str],
        view: View,
        more: dict[str, str | None],
    ) -> Sent:
        old, aud = ends
        key = dice.pick(FIRSTS if "proof" in flaws else SPARE)
        promised = self.next_keys.get(
            model.committed(self.model.pairs[self.model.pair_of(view.thid) or ends]) or ""
        )
        if promised is not None and dice.number(0, 3):
            key = promised
        others = [EVERYONE[sent.act.iss] for sent in self.fellows if sent.act.aud == aud]
        if others and dice.coin():
            key = dice.pick(others)
        body: dict[str, Any] = {"replaces": old}
        if dice.coin():
            coming = dice.pick(SPARE)
            self.next_keys[coming.public.kid] = coming
            body["nkt"] = coming.public.kid
        proof = None
        if dice.number(0, 4):
            proof = Proof(old, key.did, aud, HOME, view.thid, self.now)
            if "proof" in flaws:
                wrong: list[dict[str, Any]] = [
                    {"sub": PERSONS[0].did},
                    {"iss": PERSONS[0].did},
                    {"aud": VENDORS[1].did},
                    {"home": "https://elsewhere.example"},
                    {"thid": NOWHERE},
                    {"iat": self.now - model.PROOF_LIFE},
                    {"iat": self.now - model.PROOF_LIFE + 1},
                    {"iat": self.now + model.SKEW},
                    {"iat": self.now + model.SKEW + 1},
                    {"signed": False},
                ]
                proof = replace(proof, **dice.pick(wrong))
            claims = {n: getattr(proof, n) for n in PROOF_CLAIMS}
            token = envelope.seal(EVERYONE[proof.iss], claims, envelope.PROOF)
            body["proof"] = token if proof.signed else garbled(token)
        return self.make(key, model.ROTATION, body, aud, flaws, more, proof)

    def message(self, dice: Dice) -> Sent:
        if self.thids and dice.number(0, 4):
            return self.move(dice)
        return self.proffer(dice, dice.flaws(model.OPENING))

    # --- rules ----------------------------------------------------------------------------------

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

    @rule(seed=SEEDS)
    def an_agreement(self, seed: int) -> None:
        """A proffer and its acceptance, so that agreements meet each other."""
        dice = self.dice(seed)
        offer = self.proffer(dice, frozenset())
        self.submit([offer], together=False)
        views = self.model.views(self.now)
        if offer.act.mid in views:
            (first, second), view = views[offer.act.mid]
            body = self.body(dice, "terms.accept", view, frozenset())
            where: dict[str, str | None] = {"thid": view.thid, "prev": view.head}
            accept = self.make(EVERYONE[second], "terms.accept", body, first, frozenset(), where)
            self.submit([accept], together=dice.coin())

    @rule(seed=SEEDS)
    def a_thread(self, seed: int) -> None:
        """A proffer, and what may and may not follow at once."""
        dice = self.dice(seed)
        offer = self.proffer(dice, frozenset())
        self.submit([offer], together=False)
        for _ in range(4 if offer.act.mid in self.thids else 0):
            self.submit([self.move(dice, offer.act.mid)], together=False)

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
        dice = self.dice(seed)
        edges = {v.deadline for _, v in self.model.views(self.now).values() if v.deadline is not None}
        if edges and dice.number(0, 2):
            edge = dice.pick(sorted(edges)) + dice.pick([-1, 0, 0, 1])
            self.now = max(self.now, edge)
        else:
            self.now += dice.pick([0, 1, 2, 60, 61, 3600, 3600, model.DAY, 30 * model.DAY])

    @rule(seed=SEEDS)
    def a_poll_acknowledges(self, seed: int) -> None:
        dice = self.dice(seed)
        party = dice.pick(sorted(EVERYONE.keys() - {STRANGER.did}))
        mids = self.model.inbox(party)
        some = mids[: dice.number(0, len(mids))]
        self.acknowledge(party, (*some, NOWHERE))

    @rule()
    def the_home_starts_anew(self) -> None:
        self.sqlite.store.close()
        self.sqlite = self.open(SqliteStore(self.path))
        assert everything(self.sqlite.store, self.thids) == self.before

    @rule(seed=SEEDS)
    @precondition(lambda self: self.thids)
    def a_look_at_a_later_time(self, seed: int) -> None:
        """Reads of now and of any later time: lists and checkpoints say what the fold says."""
        dice = self.dice(seed)
        views = self.model.views(self.now)
        edges = {v.deadline for _, v in views.values() if v.deadline is not None}
        times = [self.now, *(e + d for e in edges for d in (-1, 0, 1) if e + d >= self.now)]
        later = dice.pick(sorted(times))
        thid = dice.pick(self.thids)
        for home in self.homes:
            self.look(home, later, thid)

    def look(self, home: Home, later: int, thid: str) -> None:
        reader = Reader(home)
        views = self.model.views(later)
        for party in EVERYONE:
            shown = {
                t["thid"]: (t["seq"], t["state"]) for t in reader.threads(party, 0, 200, later)["threads"]
            }
            assert shown == {t: (v.seq, v.state) for t, (pair, v) in views.items() if party in pair}
            if party not in views[thid][0]:
                with pytest.raises(ProtocolError, match="not-found"):
                    reader.thread(party, thid, 1, 200, later)
                continue
            document = reader.thread(party, thid, 1, 200, later)
            checkpoint = envelope.peek(document["checkpoint"])[1]
            view = views[thid][1]
            told = {"aud": party, "iat": later, "state": view.state, "seq": view.seq, "mid": view.head}
            assert checkpoint.items() >= {**told, "thid": thid, "checkpoint": True}.items()
            read = [envelope.mid_of(m["token"]) for m in document["messages"]]
            assert read == view.mids
            assert [m["receipt"] for m in document["messages"]] == [self.receipts[mid] for mid in read]

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def states_and_inboxes_are_the_models(self) -> None:
        views = self.model.views(self.now)
        for home in self.homes:
            for thid, (pair, view) in views.items():
                thread = home.store.thread(thid)
                assert thread is not None
                assert thread.pair == pair
                status = home.status(thread, self.now)
                assert (status.state, status.deadline, thread.seq) == (view.state, view.deadline, view.seq)
            for party in EVERYONE:
                assert [e.mid for e in home.store.inbox(party, 999)] == self.model.inbox(party)

    @invariant()
    def both_stores_hold_the_same(self) -> None:
        self.before, other = (everything(home.store, self.thids) for home in self.homes)
        assert self.before == other


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
HUNT = settings(PROFILE, max_examples=3000, phases=[Phase.generate], report_multiple_bugs=False)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database: making one takes longer than copying it."""
    path = tmp_path_factory.mktemp("model") / "home.db"
    SqliteStore(path).close()
    return path


def run(template: Path, how: settings, spec_: Spec = SPEC) -> None:
    machine = type("Machine", (Machine,), {"template": template, "spec": spec_})
    run_state_machine_as_test(machine, settings=how)


def test_a_home_over_either_store_is_the_model(template: Path) -> None:
    run(template, PROFILE)


# --- the method sees faults ---------------------------------------------------------------------


def changed(name: str, cells: dict[tuple[str, str, str], Row]) -> Spec:
    kind: Kind = replace(SPEC.kinds[name], cells=cells)
    return replace(SPEC, kinds={**SPEC.kinds, name: kind}, opens={model.OPENING: kind})


def with_row(type_: str, **fields: Any) -> Spec:
    """The spec with every row of one type changed."""
    cells = SPEC.kinds["terms"].cells
    return changed("terms", {c: replace(r, **fields) if c[2] == type_ else r for c, r in cells.items()})


def wrong_role() -> Spec:
    """The first party accepts her own proffer."""
    cells = dict(SPEC.kinds["terms"].cells)
    cells["proffered", "first", "terms.accept"] = cells.pop(("proffered", "second", "terms.accept"))
    return changed("terms", cells)


def missing_guard(name: str) -> Callable[[pytest.MonkeyPatch], Spec]:
    def seed(patch: pytest.MonkeyPatch) -> Spec:
        patch.setitem(guards.GUARDS, name, lambda case: None)
        return SPEC

    return seed


def second_too_late(patch: pytest.MonkeyPatch) -> Spec:
    """``now > deadline`` where ``>=`` is right."""
    right = threads._next_move

    def wrong(state: Any, since: int, deadline: int | None, *rest: Any) -> Any:
        return right(state, since, None if deadline is None else deadline + 1, *rest)

    patch.setattr(threads, "_next_move", wrong)
    return SPEC


def superseded_by_nothing(patch: pytest.MonkeyPatch) -> Spec:
    patch.setattr(Home, "_class_of", lambda self, step: "")
    return SPEC


SEEDED: dict[str, Callable[[pytest.MonkeyPatch], Spec]] = {
    "guard-missing": missing_guard("accepts-offered-terms"),
    "wrong-role": lambda patch: wrong_role(),
    "deadline-one-second-late": second_too_late,
    "deadline-unbounded": lambda patch: with_row("terms.proffer", max=""),
    "alternative-unguarded": missing_guard("alternative-differs"),
    "rotation-unproved": missing_guard("rotate-proof"),
    "head-not-asked-for": lambda patch: with_row("terms.accept", head=False),
    "exit-needs-prev": lambda patch: with_row("agreement.terminate", exit=False),
    "supersedes-nothing": superseded_by_nothing,
    "alternative-keeps-the-end": lambda patch: with_row(
        "terms.alternative", keep={"offer": "@mid", "preferred": "/agreement", "acceptable": None}
    ),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_bug_is_found(template: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the same machine that finds nothing in the home as it is."""
    broken = SEEDED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run(template, HUNT, broken)


# --- found by reading ---------------------------------------------------------------------------


def test_a_rotation_sees_what_its_batch_has_not_written_yet(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new identifier proffers in the same batch: from then on it is a party opposite this vendor."""
    monkeypatch.setattr(Machine, "template", template)
    machine = Machine()
    try:
        machine.vendors_poll_once()
        old, new, vendor, dice = PERSONS[0], SPARE[0], VENDORS[0], Dice(1)
        none: frozenset[str] = frozenset()
        offer = machine.offer(dice, old, vendor.did, none)
        machine.submit([offer], together=False)
        view = machine.model.views(machine.now)[offer.act.mid][1]
        where: dict[str, str | None] = {"thid": view.thid, "prev": view.thid}
        body = machine.body(dice, "terms.accept", view, none)
        machine.submit([machine.make(vendor, "terms.accept", body, old.did, none, where)], together=False)
        proof = Proof(old.did, new.did, vendor.did, HOME, view.thid, machine.now)
        signed = envelope.seal(old, {n: getattr(proof, n) for n in PROOF_CLAIMS}, envelope.PROOF)
        rotation = {"replaces": old.did, "proof": signed}
        other = machine.offer(dice, new, vendor.did, none)
        rotated = machine.make(new, model.ROTATION, rotation, vendor.did, none, where, proof)
        machine.submit([other, rotated], together=True)
        assert machine.model.views(machine.now)[view.thid][0] == (old.did, vendor.did)
    finally:
        machine.teardown()
