"""Every vector of spec/vectors gets the verdict that its expect.json says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conformance.checks import load as load_checks
from conformance.lab import CHECKS
from tests import forge, make_vectors
from tests.seldom import seldom
from vrmproto import envelope, keys, rules, spec, threads
from vrmproto import home as library
from vrmproto.boards import Board
from vrmproto.errors import ProtocolError
from vrmproto.keys import KeySet, PublicKey
from vrmproto.model import Context, Related, Status, Step, Thread
from vrmproto.storage.memory import MemoryStore

SPEC = spec.load()
FOLDER = SPEC.root / "vectors"
FOLDERS = sorted(path.parent for path in FOLDER.glob("*/expect.json"))
RULES: list[tuple[Any, str]] = [(rules, "RULES"), (keys, "RULES"), (keys, "DID_RULES")]
"""Where the rules stand: module and name of the dict."""
Verdict = Mapping[str, Any]

# Requirements that name a code, and that no token alone can show.
UNREACHABLE = {
    "VRM-HOM-005": "the media type is not in the token",
    "VRM-BLB-002": "a blob is in no token",
    "VRM-HOM-008": "the length of a body is judged over HTTP; VRM-ENV-001 is the token's",
}


# Home MUSTs of the profile intent that no answer to one message can show.
ELSEWHERE = {
    "VRM-INT-013": "what is in an inbox is read by a poll",
    "VRM-OFR-025": "a thread is read over HTTP",
    "VRM-OFR-026": "what is in an inbox is read by a poll",
    "VRM-OFR-027": "a thread is read over HTTP",
    "VRM-OFR-030": "a record is read over HTTP",
    "VRM-OFR-031": "a record is read over HTTP",
}


def listed(folders: Sequence[Path]) -> list[Any]:
    """Folders as parameters."""
    return seldom(folders, lambda folder: folder.name)


# Neighbours in the order of checks that no message can fail both of.
APART = {
    ("home", "repeat"): "what is stored names this home",
    ("repeat", "aud"): "what is stored has an addressee that is known",
    ("type", "body"): "an unknown type has no schema",
}


class Home:
    """The least that takes messages: dicts in the place of a store, and a clock that is set."""

    def __init__(self, expect: Verdict) -> None:
        self.origin, self.dev = expect["home"], expect["dev"]
        self.known = set(expect["known"])
        self.published: dict[str, KeySet] = {
            origin: keys.key_set(origin, {**jwks, "issuer": origin}, expect["now"])
            for origin, jwks in expect.get("keys", {}).items()
        }
        self.stored: dict[str, tuple[PublicKey, str]] = {}
        self.threads: dict[str, Thread] = {}
        self.mids: dict[str, list[str]] = {}
        self.next_keys: dict[tuple[str, str], Any] = {}
        self.superseded: dict[str, int] = {}
        self.severed: dict[str, int] = {}
        self.bodies: dict[str, Mapping[str, Any]] = {}

    def remove(self) -> None:
        """What the operator takes off its boards: the small home has none."""

    def take(self, raw: bytes, now: int) -> dict[str, Any]:
        """The verdict on a token: as expect.json writes it."""
        try:
            return {"accept": True, **self.accept(raw, now)}
        except ProtocolError as error:
            return refusal(error)

    def accept(self, raw: bytes, now: int) -> dict[str, Any]:
        o = envelope.parse(SPEC, raw, home=self.origin, dev=self.dev)
        if o.mid in self.stored:
            key, state = self.stored[o.mid]
            if not key.verify(o.signing_input, keys.unb64(o.segments[2].decode())):
                raise ProtocolError("signature-invalid", "forged", rule="VRM-ENV-024")
            return {"status": 200, "mid": o.mid, "state": state}
        if str(o.claims.get("aud")) not in self.known:
            raise ProtocolError("addressee-unknown", "not known here", rule="VRM-ENV-025")
        envelope.check_time(o, now)
        envelope.check_signature(o, self.key(o))
        envelope.check_content(o)
        message = o.message()
        thread = self.threads.get(message.thid or "")
        now = max(now, thread.received) if thread else now  # VRM-HOM-014
        step = threads.advance(SPEC, thread, message, now, self.context(message, thread, now))
        self.keep(message, step.thread, step.row.supersedes, now)
        if step.parent is not None:
            self.threads[step.parent.thid] = step.parent
        if step.row.effect == "sever":
            self.sever(step.thread, now)
        if step.replaces:
            self.rebind(step.replaces, step.thread)
        self.stored[message.mid] = (message.key, step.thread.state)
        return {"status": 202, "mid": message.mid, "state": step.thread.state}

    def key(self, o: envelope.Opening) -> PublicKey:
        iss = str(o.claims.get("iss"))
        if iss.startswith(keys.DID):
            return keys.from_did(iss)
        return found(self.published, iss).find(str(o.header.get("kid")))

    def context(self, message: envelope.Message, thread: Thread | None, now: int) -> Context:
        named = self.made(message.agr, now)
        second = thread.second if thread else ""
        pair = named.thread.pair if named and not thread else None
        kind = SPEC.opens[message.type].name if pair and message.type in SPEC.opens else ""
        base = self.standing(thread, now) if thread else Context()
        parent = base.parent if thread else self.related(self.threads.get(message.pthid or ""), now)
        return replace(
            base,
            parent=parent,
            agreement=base.agreement if thread else named,
            named=named,
            siblings=[
                Related(t, self.settled(t, now))
                for t in self.threads.values()
                if t.kind == kind and t.pair == pair
            ],
            ladders={SPEC.ladder.digest: SPEC.ladder},
            consents=self.consented(parent.thread.thid if parent else message.thid, now),
            corrected=self.fields(parent, message),
            prev_known=bool(thread) and message.prev in self.mids[message.thid or ""],
            next_key=self.next_keys.get((threads.party_of(SPEC, message), second)),
            taken=any(t.first == message.iss and t.second == second for t in self.threads.values()),
        )

    def made(self, record: str | None, now: int) -> Related | None:
        """The thread in which a record was made."""
        return self.related(
            next((t for t in self.threads.values() if record and t.record == record), None), now
        )

    def related(self, thread: Thread | None, now: int) -> Related | None:
        return None if thread is None else Related(thread, self.settled(thread, now))

    def standing(self, thread: Thread, now: int) -> Context:
        """What moves a thread without a message."""
        return Context(
            parent=self.related(self.threads.get(thread.parent or ""), now),
            agreement=self.made(thread.agreement, now),
            superseded_at=self.superseded.get(thread.thid),
            severed_at=self.severed.get(thread.thid),
        )

    def settled(self, thread: Thread, now: int) -> Status:
        return threads.settle(SPEC.kinds[thread.kind], thread, self.standing(thread, now), now)

    def consented(self, relationship: str | None, now: int) -> frozenset[str]:
        """The purposes of the consents that are in force below a relationship."""
        below = [t for t in self.threads.values() if t.kind == "consent" and t.parent == relationship]
        live = [t for t in below if self.settled(t, now).state == "granted"]
        return frozenset(purpose for t in live for purpose in t.facts["granted"])

    def fields(self, parent: Related | None, message: envelope.Message) -> Mapping[str, str] | None:
        """The fields of the message of the parent that a correction names."""
        named = message.body.get("of")
        if parent is None or named not in self.mids[parent.thread.thid]:
            return None
        found: Mapping[str, str] | None = self.bodies[named].get("content", {}).get("clear")
        return found

    def keep(self, message: envelope.Message, thread: Thread, supersedes: bool, now: int) -> None:
        if supersedes:
            for other in self.threads.values():
                pair = (other.first, other.second) == (thread.first, thread.second)
                agreed = other.record and "agreement" in other.facts
                if pair and other.thid != thread.thid and agreed and group(other) == group(thread):
                    self.superseded.setdefault(other.thid, now)
        self.threads[thread.thid] = thread
        self.mids.setdefault(thread.thid, []).append(message.mid)
        self.bodies[message.mid] = message.body
        self.known |= {thread.first, thread.second}  # nobody leaves it: VRM-ID-025

    def sever(self, ended: Thread, now: int) -> None:
        for thread in self.threads.values():
            if thread.record and thread.pair == ended.pair:
                self.severed.setdefault(thread.thid, now)

    def rebind(self, old: str, moved: Thread) -> None:
        self.next_keys[moved.first, moved.second] = moved.facts.get("nkt")
        for thread in list(self.threads.values()):
            if (thread.first, thread.second) == (old, moved.second):
                self.threads[thread.thid] = replace(thread, first=moved.first)


def refusal(error: ProtocolError) -> dict[str, Any]:
    status = SPEC.errors[error.code]["status"]
    return {"accept": False, "status": status, "code": error.code, "requirement": error.rule}


def found(published: Mapping[str, KeySet], origin: str) -> KeySet:
    """The keys of an origin; one that is absent cannot be read."""
    if origin not in published:
        raise ProtocolError("key-unavailable", "cannot be read", rule="VRM-ID-011")
    return published[origin]


class RealHome(Home):
    """The home of the library, with its own order of checks, over a store in memory."""

    signing = keys.generate()

    def __init__(self, expect: Verdict) -> None:
        super().__init__(expect)
        boards = tuple(Board(name) for name in expect.get("boards", {}))
        config = library.Config(origin=self.origin, dev=self.dev, boards=boards)
        self.home = library.Home(SPEC, MemoryStore(), [self.signing], config)
        assert dict.fromkeys(self.home.boards) == dict.fromkeys(expect.get("boards", {}).values())
        with self.home.store.begin() as tx:
            for party in self.known:
                tx.know(party)
        for put in expect.get("blobs", ()):
            data = (expect["folder"] / put["file"]).read_bytes()
            self.home.put_blob(put["by"], forge.digest(data), data, put["now"])
        self.removed: list[tuple[bytes, str, int]] = [
            ((expect["folder"] / one["file"]).read_bytes(), one["code"], one["now"])
            for one in expect.get("removed", ())
        ]

    def remove(self) -> None:
        for token, code, now in self.removed:
            board = forge.claims_of(token)["aud"]
            assert self.home.remove(board, forge.mid(token), code, now)

    def accept(self, raw: bytes, now: int) -> dict[str, Any]:
        o = self.home.parse(raw)
        answer = self.home.precheck(o, now)
        if answer is None:
            iss = str(o.claims["iss"])
            seen = None if iss.startswith(keys.DID) else found(self.published, iss)
            key = seen.find(str(o.header["kid"])) if seen else None
            made = self.home.accept_batch([library.Arrival(o, key, seen.seen_at if seen else None)], now)[0]
            if isinstance(made, ProtocolError):
                raise made
            assert made is not None
            answer = made
        _, receipt = envelope.peek(answer.receipt)
        return {"status": answer.status, "mid": receipt["mid"], "state": receipt["state"]}


def group(thread: Thread) -> str:
    agreement = SPEC.roster.find(thread.facts["agreement"])
    assert agreement is not None
    return agreement.kind


def expectation(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "expect.json").read_bytes())
    return made


def verdict(folder: Path, at: type[Home] | None = None, then: bool = False) -> dict[str, Any]:
    """What the library says of a vector, or ``then``: with the first of two faults mended.

    What is sent first must be taken. The small home knows no boards and no blobs.
    """
    expect = {**expectation(folder), "folder": folder}
    at = at or homes(expect)[0]
    if then:
        expect |= expect["then"]
    home = at(expect)
    for sent in expect.get("thread", ()):
        answer = home.take((folder / sent["file"]).read_bytes(), sent["now"])
        if not answer["accept"] or answer["state"] != sent["state"]:
            return {**answer, "file": sent["file"]}
    home.remove()
    return home.take((folder / expect.get("file", "token.jwt")).read_bytes(), expect["now"])


def homes(expect: Verdict) -> tuple[type[Home], ...]:
    """The homes that a vector can be told to."""
    return (RealHome,) if expect.keys() & {"boards", "blobs"} else (Home, RealHome)


def wanted(expect: Verdict) -> dict[str, Any]:
    names = ("accept", "status", "mid", "state", "code", "requirement")
    return {name: expect[name] for name in names if name in expect}


@cache
def shown() -> frozenset[str]:
    """Every requirement that a vector breaks or shows."""
    found: set[str] = set()
    for folder in FOLDERS:
        expect = expectation(folder)
        found |= {expect.get("requirement", ""), *expect.get("covers", ())}
    return frozenset(found - {""})


def then_wanted(expect: Verdict) -> dict[str, Any]:
    """What is answered to a vector that breaks two rules, once the first is kept."""
    return {"accept": False, **{name: expect["then"][name] for name in ("status", "code", "requirement")}}


@pytest.mark.parametrize("folder", listed(FOLDERS))
def test_verdict(folder: Path) -> None:
    assert verdict(folder) == wanted(expectation(folder))


@pytest.mark.parametrize("folder", listed(FOLDERS))
def test_verdict_of_the_home(folder: Path) -> None:
    assert verdict(folder, RealHome) == wanted(expectation(folder))


TWO_FAULTS = [folder for folder in FOLDERS if "then" in expectation(folder)]


@pytest.mark.parametrize("folder", TWO_FAULTS, ids=lambda path: path.name)
def test_the_second_fault_is_there(folder: Path) -> None:
    expect = expectation(folder)
    assert "VRM-ENV-036" in expect["covers"]
    assert (folder / "then.jwt").is_file() == ("file" in expect["then"])
    if expect["then"].keys() & {"file", "now", "known", "thread"}:
        for home in homes(expect):
            assert verdict(folder, home, then=True) == then_wanted(expect)
    else:
        assert folder.name == "order-ext-ext"  # what ext may be is asked of types that take it


def test_two_faults_are_about_the_order_of_checks() -> None:
    assert [f.name for f in FOLDERS if f.name.startswith("order-")] == [f.name for f in TWO_FAULTS]


def test_neighbours_in_the_order_of_checks_have_a_vector() -> None:
    checks = json.loads((SPEC.root / "errors.json").read_bytes())["checks"]
    checks = checks[checks.index("size") : checks.index("guards") + 1]
    there = {tuple(folder.name.split("-")[1:3]) for folder in TWO_FAULTS}
    assert set(pairwise(checks)) - there == APART.keys()
    assert all(checks.index(a) <= checks.index(b) for a, b in there if b in checks)


def test_there_are_many() -> None:
    assert len(FOLDERS) >= 600


def test_the_folder_is_what_the_program_writes() -> None:
    assert make_vectors.differences() == []


def test_the_program_checks_and_does_not_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_vectors.main(["--check"]) == 0
    assert make_vectors.main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_check_finds_what_is_changed_missing_or_stale(tmp_path: Path) -> None:
    make_vectors.write(tmp_path)
    assert make_vectors.differences(tmp_path) == []
    (tmp_path / "keys.json").write_bytes(b"{}")
    (tmp_path / "repeat" / "token.jwt").unlink()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "token.jwt").write_bytes(b"")
    assert make_vectors.differences(tmp_path) == [
        "keys.json: has changed",
        "old/token.jwt: is stale",
        "repeat/token.jwt: is missing",
    ]
    make_vectors.write(tmp_path)
    assert make_vectors.differences(tmp_path) == []
    assert not (tmp_path / "old").exists()


@pytest.mark.parametrize("rule", [rule for module, name in RULES for rule in getattr(module, name)])
def test_every_rule_has_a_vector(rule: str) -> None:
    broken = {expectation(folder).get("requirement") for folder in FOLDERS}
    assert rule in broken


def test_every_requirement_with_a_code_has_a_vector() -> None:
    due = {
        r.id
        for r in SPEC.requirements.values()
        if r.role == "home"
        and r.code
        and SPEC.errors[r.code]["layer"] in ("token", "thread", "guard")
        and "origin" not in r.needs
        and r.profile in ("core", "terms", "intent", "relationship", "consent")
    }
    assert due - shown() == UNREACHABLE.keys()


def test_every_home_must_of_the_profile_intent_has_a_vector() -> None:
    due = {
        r.id
        for r in SPEC.requirements.values()
        if r.role == "home" and r.id.startswith(("VRM-INT-", "VRM-OFR-")) and "MUST" in r.level
    }
    assert due - shown() == ELSEWHERE.keys()
    assert "VRM-BLB-004" in shown()


YOUNG = {"REL": 15, "LAD": 15, "CNS": 16, "PUR": 4, "DLG": 5, "DAT": 6, "COR": 5}
"""Of these areas the sentences up to here have vectors, and those after them, of what is taken, checks."""
READ = {"VRM-REL-012", "VRM-LAD-002", *(f"VRM-CNS-{n:03d}" for n in (*range(10, 14), 15, 16))}
"""What is read over HTTP."""


def test_every_home_must_of_relationships_has_a_vector_or_a_check() -> None:
    load_checks()
    musts = [r for r in SPEC.requirements.values() if r.role == "home" and "MUST" in r.level]
    lacking = {r.id for r in musts if r.id.split("-")[1] in YOUNG} - shown()
    assert {r for r in lacking if int(r[-3:]) <= YOUNG[r.split("-")[1]]} == READ
    assert lacking <= {rule for check in CHECKS.values() for rule in check.requirements}


def test_every_cell_of_the_tables_has_a_vector_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, str, str, str]] = []
    advance = threads.advance

    def watched(spec: Any, thread: Any, message: Any, now: int, context: Context) -> Step:
        step = advance(spec, thread, message, now, context)
        before = threads.settle(step.kind, thread, context, now).state if thread else ""
        steps.append((step.kind.name, before, step.role, step.row.type))
        return step

    monkeypatch.setattr(threads, "advance", watched)
    shown = set()
    for folder in FOLDERS:
        steps.clear()
        if expectation(folder)["accept"] and verdict(folder)["status"] == 202:
            shown.add(steps[-1])
    assert shown == {(kind.name, *cell) for kind in SPEC.kinds.values() for cell in kind.cells}


def test_vectors_name_requirements_that_exist() -> None:
    assert shown() <= SPEC.requirements.keys()


def test_the_code_is_the_one_of_the_sentence() -> None:
    for folder in FOLDERS:
        expect = expectation(folder)
        if not expect["accept"]:
            code = SPEC.requirements[expect["requirement"]].code
            assert code == expect["code"], folder.name


def test_every_type_is_taken_in_some_vector() -> None:
    seen = set()
    for folder in FOLDERS:
        if expectation(folder)["accept"]:
            _, claims = envelope.peek((folder / "token.jwt").read_bytes())
            seen.add(claims["type"])
    assert seen == SPEC.types.keys()
