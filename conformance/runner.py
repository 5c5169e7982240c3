"""A whole run against one home: the control, then every way of testing, side by side."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import aiohttp

from conformance import checks, jose, lift, messages, walks
from conformance.checks import feeds
from conformance.jose import Key
from conformance.lab import CHECKS, Check, Lab, of_profiles, run_check
from conformance.minimise import minimise
from conformance.results import Failed, Inconclusive, Outcome, Run, Verdict
from conformance.session import ANY_PORT, Address, Origins, Session
from conformance.target import Target, open_target
from conformance.traces import Missing, Trace, from_json
from vrmproto.spec import VERSION, Spec

__all__ = ["Options", "Progress", "exclusions", "run", "spec_digest", "vectors"]

checks.load()
_CARRIERS = 40
_NEAR = 0.2
"""Seconds that the control takes at a home close by."""
_AGAIN = 30
_SHORTENED = 5
_LAG = 0.3
"""Seconds of the suite's own; more, and what was about a second may be its own doing."""
_SILENT = 30
"""So many requests without an answer, and the home is given up."""
_FAILED_FAST = "--fail-fast: something else had failed before it was asked"
LANES = 16
"""Conversations at a time."""
MODES = {
    # generated valid messages, seconds of random walks
    "selftest": (100, 0.0),
    "quick": (300, 1.0),
    "default": (5000, 15.0),
    "thorough": (20000, 120.0),
}


@dataclass(frozen=True)
class Options:
    """What is wanted of a run."""

    url: str
    profiles: tuple[str, ...] = ()
    """Empty: those that the home claims."""
    mode: str = "default"
    seed: int = 0
    max_time: float = 0.0
    """Seconds; 0 is no limit."""
    only: frozenset[str] = frozenset()
    """Only what judges these requirements, and a few messages for the laws of all answers."""
    types: frozenset[str] = frozenset()
    """Near misses of these types only."""
    walking: bool = True
    fail_fast: bool = False
    """End after the first way of testing by which something has failed."""
    origins: str = ""
    """What the origins of organisations look like: :meth:`Origins.wanted`."""
    listen: Address = ANY_PORT
    """Where they are served, if they are not on loopback."""
    operator: Key | None = None


@dataclass
class Progress:
    """What runs, how far it is, and about how long it will take."""

    tell: Callable[[str], None] = lambda line: None
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    _last: float = 0.0

    def expect(self, more: int) -> None:
        """So many pieces of work more."""
        self.total += more

    def one(self, what: str) -> None:
        """One piece is done."""
        self.done += 1
        now = time.monotonic()
        if now - self._last < 0.2 and self.done < self.total:
            return
        self._last = now
        spent = now - self.began
        left = spent / self.done * (self.total - self.done)
        self.tell(f"{self.done}/{self.total} {what}, about {left:.0f} s left")


def spec_digest(spec: Spec) -> str:
    """A digest of the files that judge: prose, tables, schemas, codes, vectors."""
    return _digest(spec.root)


@cache
def _digest(root: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            found.update(path.relative_to(root).as_posix().encode() + b"\0")
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return jose.b64(found.digest())


def _version() -> str:
    try:
        return metadata.version("vrmproto")
    except metadata.PackageNotFoundError:
        return "0"


async def run(options: Options, spec: Spec, progress: Progress | None = None) -> Run:
    """Judge a home; Unreachable where there is none at the URL."""
    began = time.monotonic()
    progress = progress or Progress()
    made = Run(options.url, seed=options.seed, mode=options.mode, suite=_version(), spec=VERSION)
    made.started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made.spec_digest = await asyncio.to_thread(spec_digest, spec)
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=True) as http:
        target = await open_target(options.url, spec, http)
        made.issuer, made.claimed = target.issuer, target.claimed
        wanted = options.profiles or target.claimed or ("core",)
        made.profiles = tuple(p for p in spec.profiles if p in wanted)
        origins = await Origins.wanted(target, options.origins, options.listen)
        session = Session(target, origins, options.operator, _hurried(options))
        try:
            started = time.monotonic()
            made.control, made.outcomes = await _control(session)
            if not made.control:
                work = _Work(options, session, made, progress)
                # A home far away, or a slow one, is told more at a time.
                far = max(1.0, (time.monotonic() - started) / _NEAR)
                work.lanes = asyncio.Semaphore(min(4 * LANES, int(LANES * far)))
                await work.all()
        finally:
            if origins is not None:
                await origins.close()
        made.outcomes += _of_all_answers(target)
        made.numbers = dict(target.numbers) | made.numbers
    made.outcomes = _completed(made, spec, options)
    made.seconds = time.monotonic() - began
    return made


async def _control(session: Session) -> tuple[str, list[Outcome]]:
    """A right message has to be taken and a forged one refused; else nothing that follows means anything."""
    lab = Lab(session, "control")
    try:
        person, vendor = lab.person(), await lab.vendor()
        right = jose.token(person.key, lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer()))
        said = await lab.send(right, "a right message")
        lab.holds("VRM-HOM-006", said.answer.status == 202, "202 to a right message", said.answer.said)
        if not said.receipt:
            wrong = next((o for o in session.target.broken if o.requirement.startswith("VRM-HOM-01")), None)
            return f"the receipt of a right message is none: {wrong.got if wrong else 'unreadable'}", []
        claims = lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer())
        forged = jose.token(_signing_as(person.key, jose.generate()), claims)
        answer = (await lab.send(forged, "a forged message")).answer
        lab.holds("VRM-ENV-030", answer.status >= 400, "a refusal of a forged message", answer.said)
    except Failed as failed:
        talked = tuple(lab.talk.exchanges)
        told = Outcome(
            failed.requirement,
            "control",
            Verdict.FAIL,
            failed.expected,
            failed.got,
            conversation=talked,
        )
        return str(failed), [told]
    except Inconclusive as error:
        return str(error), []
    return "", []


def _signing_as(shown: Key, signs: Key) -> Key:
    """A key that says it is one and signs as another."""
    return replace(shown, private=signs.private)


@dataclass
class _Work:
    options: Options
    session: Session
    made: Run
    progress: Progress
    lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LANES))
    waits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2 * LANES))
    late: list[str] = field(default_factory=list)
    lag: float = 0.0
    shortened: int = 0

    def stopped(self) -> str:
        """Why no more is asked; '' while there is time, and a home that answers."""
        target, options = self.session.target, self.options
        if target.numbers.get("unanswered", 0) >= (1 if options.fail_fast else _SILENT):
            return f"given up: {target.numbers['unanswered']} requests were not answered"
        if options.fail_fast and target.broken:
            return _FAILED_FAST
        spent = time.monotonic() - self.progress.began
        return "--max-time was over" if options.max_time and spent >= options.max_time else ""

    def wanted(self, requirements: Iterable[str]) -> bool:
        return not self.options.only or not self.options.only.isdisjoint(requirements)

    async def all(self) -> None:
        """First what waits for deadlines, then what sends much, then the walks, then what has to be alone.

        What waits for a minute does so beside all of that.
        """
        profiles = self.made.profiles
        chosen = [c for c in of_profiles(profiles, _hurried(self.options)) if self.wanted(c.requirements)]
        self.progress.expect(len(chosen))
        lagging = asyncio.ensure_future(self._lag())
        patient: list[asyncio.Future[None]] = []
        stages: list[Callable[[], Awaitable[None]]] = [
            partial(self.checks, chosen),
            self.bulk,
            self.walk,
            partial(self.ended, patient),
            partial(self.alone, chosen),
        ]
        if self.options.fail_fast:  # what tells most in the shortest time comes first
            stages[:3] = [self.vectors, partial(self.checks, chosen), self.walk, self.generated]
        try:
            if "intent" in profiles:
                await feeds.publish_first(Lab(self.session, "first"))
            patient += [asyncio.ensure_future(self.check(one)) for one in chosen if one.patient]
            for stage in stages:
                await stage()
                if self.options.fail_fast or stage is stages[-1]:
                    await self._again()
                if self.options.fail_fast and self.failed():
                    return
        finally:
            for one in (lagging, *patient):
                one.cancel()
            self.made.numbers["late"] = len(self.late)

    def failed(self) -> bool:
        """Whether anything has failed so far."""
        return bool(self.session.target.broken) or any(o.verdict is Verdict.FAIL for o in self.made.outcomes)

    async def checks(self, chosen: Sequence[Check]) -> None:
        """The scripted checks that may run beside each other."""
        beside = [one for one in chosen if not one.alone and not one.patient]
        await asyncio.gather(*map(self.check, beside))

    async def ended(self, waiting: Sequence[asyncio.Future[None]]) -> None:
        """What waits beside everything else has come to its end."""
        await asyncio.gather(*waiting)

    async def bulk(self) -> None:
        """What sends much and waits for nothing."""
        await asyncio.gather(self.vectors(), self.generated())

    async def alone(self, chosen: Sequence[Check]) -> None:
        """The checks that count what the whole home does."""
        for one in chosen:
            if one.alone:
                await self.check(one)

    async def _lag(self) -> None:
        """How much later than asked for the suite itself comes to its turn."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.1)
            self.lag = max(self.lag, time.monotonic() - before - 0.1)

    async def _again(self) -> None:
        """What failed is asked again, alone: so a home that answers differently is told from a slow suite."""
        failed = {o.check for o in self.made.outcomes if o.verdict is Verdict.FAIL and o.check in CHECKS}
        failed -= {one.name for one in CHECKS.values() if one.slow}
        for name in sorted(failed)[:_AGAIN]:
            if self.stopped():
                return
            others = [await run_check(self.session, CHECKS[name], self.options.seed + n) for n in (1, 2)]
            if any(o.verdict is Verdict.FAIL for again in others for o in again):
                continue
            said = Verdict.PASS if self.lag > _LAG else Verdict.INCONCLUSIVE
            self.made.outcomes = [
                replace(o, verdict=said, reason=f"failed once of three times: {o.expected}; {o.got}")
                if o.check == name and o.verdict is not Verdict.PASS
                else o
                for o in self.made.outcomes
            ]

    async def vectors(self) -> None:
        """Every vector that can be told."""
        traces, left = await asyncio.to_thread(vectors, self.session.target.spec)
        traces = [t for t in traces if t.profile in self.made.profiles]
        carriers = traces[::_CARRIERS] if self.options.only else []
        traces = [t for t in traces if self.wanted((t.requirement, *t.covers)) or t in carriers]
        if _hurried(self.options) and not self.options.only:
            traces = _some(traces, self.options.seed)
        self.made.numbers |= {"vectors": len(traces), "vectors_with_a_set_clock": len(left)}
        self.progress.expect(len(traces))

        async def one(trace: Any) -> None:
            async with self.lanes:
                if reason := self.stopped():
                    self._unreached(trace.name, (trace.requirement, *trace.covers), reason)
                else:
                    self.made.outcomes += await self.session.tell(trace)
                self.progress.one("vectors")

        await asyncio.gather(*map(one, traces))

    async def generated(self) -> None:
        """Near misses for every target, then valid messages of every type."""
        if not self.wanted({messages.BODY}):
            return
        profiles = self.made.profiles
        types = self.options.types
        seen: set[str] = set()
        share = 6 if self.options.mode == "selftest" and not self.options.only else 1
        self.made.outcomes += await messages.near_misses(
            self.session, profiles, seen, self.lanes, self.stopped, share, types
        )
        spec = self.session.target.spec
        named = self.session.target.discovery.get("types", ())
        targets = [
            t
            for t, name in messages.schema_targets(spec).items()
            if spec.types[name].profile in profiles and name in named
        ]
        self.made.numbers |= {"schema_targets": len(targets), "schema_targets_exercised": len(seen)}
        count, _ = MODES[self.options.mode]
        self.made.outcomes += await messages.valid_messages(
            self.session, profiles, self.options.seed, count, self.lanes, self.stopped
        )

    async def walk(self) -> None:
        """Walks through the threads, each step compared with the model."""
        if not self.options.walking:
            return
        if reason := self.stopped():
            self._unreached("walks", ("VRM-THR-005",), reason)
            return
        _, seconds = MODES[self.options.mode]
        if self.options.max_time:
            seconds = min(seconds, self.options.max_time)
        try:
            report = await walks.run(
                self.session,
                seed=self.options.seed,
                seconds=seconds,
                profiles=self.made.profiles,
                quick=_hurried(self.options),
            )
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A home that answers what no walk foresaw must not end the run: it is said, and never green.
            reason = f"a walk came to nothing ({type(error).__name__}: {error})"
            self.made.outcomes.append(Outcome("VRM-THR-005", "walks", Verdict.INCONCLUSIVE, reason=reason))
            return
        self.made.outcomes += [await self._shortened(one) for one in report.outcomes]
        self.made.transitions = dict(report.transitions)

    async def _shortened(self, one: Outcome) -> Outcome:
        """A failed walk as the shortest conversation that still fails; the first few of them."""
        most = 0 if self.options.mode == "selftest" else _SHORTENED
        if one.verdict is not Verdict.FAIL or one.replay is None or self.shortened >= most:
            return one
        self.shortened += 1
        try:
            small = await minimise(self.session, from_json(one.replay), seconds=6)
            deviation, player = await walks.replay(self.session, small)
        except (Failed, Inconclusive, Missing):
            return one
        if deviation is None:
            return one
        return replace(one, conversation=tuple(player.talk.exchanges), replay=small.to_json())

    async def check(self, one: Check) -> None:
        """One scripted check."""
        async with self.waits:
            if reason := self.stopped():
                self._unreached(one.name, one.requirements, reason)
            else:
                self.made.outcomes += await run_check(self.session, one, self.options.seed)
            self.progress.one("checks")

    def _unreached(self, name: str, requirements: Sequence[str], reason: str) -> None:
        self.late.append(name)
        self.made.outcomes += [Outcome(r, name, Verdict.INCONCLUSIVE, reason=reason) for r in requirements]


_TYPE = re.compile(r'"type":"([^"]*)"')
_ALIKE = 2
"""So many vectors are told of those that are alike, where there is little time."""

_READ: dict[Path, tuple[list[Trace], list[str]]] = {}


def vectors(spec: Spec) -> tuple[list[Trace], list[str]]:
    """The vectors of a spec folder, read once, and the names of those that cannot be told."""
    if spec.root not in _READ:
        left: list[str] = []
        _READ[spec.root] = list(lift.lifted(spec, left)), left
    return _READ[spec.root]


def _some(traces: Sequence[Trace], seed: int) -> list[Trace]:
    """A few of those vectors that show the same answer by the same rule; others with another seed."""
    rng, found = random.Random(f"vectors {seed}"), Counter[tuple[str, str, str]]()
    chosen = []
    for trace in sorted(traces, key=lambda _: rng.random()):
        last = trace.steps[-1]
        named = _TYPE.search(last.token.payload) if last.token is not None else None
        rules = " ".join((trace.requirement, *trace.covers))
        key = (rules, str(last.expect), named[1] if named else "")
        found[key] += 1
        if found[key] <= _ALIKE:
            chosen.append(trace)
    return chosen


def _of_all_answers(target: Target) -> list[Outcome]:
    """What every answer was looked at for."""
    failed = {one.requirement for one in target.broken}
    kept = [Outcome(r, "every answer", Verdict.PASS) for r in target.kept if r not in failed]
    return target.broken + kept


def _completed(made: Run, spec: Spec, options: Options) -> list[Outcome]:
    """One outcome a check and requirement, repeats counted; SHOULD warns; other profiles do not apply."""
    found: dict[tuple[str, str, Verdict], Outcome] = {}
    for one in made.outcomes:
        rule = spec.requirements.get(one.requirement)
        verdict = one.verdict
        if verdict is Verdict.FAIL and rule is not None and not rule.level.startswith("MUST"):
            verdict = Verdict.WARN
        key = (one.requirement, one.check, verdict)
        before = found.get(key)
        found[key] = (
            replace(one, verdict=verdict) if before is None else replace(before, count=before.count + 1)
        )
    outcomes = list(found.values())
    named = {one.requirement for one in outcomes}
    left_out = {r for c in CHECKS.values() if c.slow for r in c.requirements} if _hurried(options) else set()
    excluded = exclusions(spec)
    failing = any(o.verdict is Verdict.FAIL for o in outcomes)
    for rule in spec.requirements.values():
        if rule.role != "home" or rule.id in named or options.only:
            continue
        verdict, reason = Verdict.INCONCLUSIVE, "no check came to it"
        if rule.profile not in made.profiles:
            verdict, reason = Verdict.NOT_APPLICABLE, f"the profile {rule.profile} is not claimed"
        elif rule.id in excluded:
            verdict, reason = Verdict.NOT_JUDGED, excluded[rule.id]
        elif made.control:
            reason = f"control: {made.control}"
        elif options.fail_fast and failing:
            reason = _FAILED_FAST
        elif rule.id in left_out:
            verdict, reason = Verdict.NOT_JUDGED, "needs: a run without --quick"
        outcomes.append(Outcome(rule.id, "", verdict, reason=reason))
    return outcomes


def _hurried(options: Options) -> bool:
    return options.mode in ("quick", "selftest")


def exclusions(spec: Spec) -> dict[str, str]:
    """Requirements of homes that nothing at a URL can show, with the reason (spec/requirements)."""
    listed = json.loads((spec.root / "requirements" / "exclusions.json").read_bytes())["exclusions"]
    return {one["requirement"]: one["reason"] for one in listed}
