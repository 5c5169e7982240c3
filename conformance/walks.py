"""Walks through the threads of a live home: one to every transition of the tables, stories, and random ones.

Each is played by :class:`conformance.player.Player`, which compares every answer with the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from conformance import model_below as below
from conformance import model_relating as relating
from conformance.model import (
    DISPUTE,
    EXIT,
    FEEDBACK,
    INTRODUCTION,
    MARKET,
    MOVES,
    OFFER,
    PROFFER,
    PUBLISH,
    ROTATION,
    View,
)
from conformance.moves import FILES, FITTING, GENERAL, HASTE, Moves, cast
from conformance.player import Deviation, Player, Vague, replay
from conformance.results import Failed, Inconclusive, Outcome, Verdict
from conformance.session import Session
from conformance.stories import STORIES, everybody, look, name_of, needs, tell
from conformance.traces import Missing, Step
from vrmproto.spec import Kind, Spec

__all__ = ["STORIES", "Deviation", "WalkReport", "replay", "run", "timed", "transitions"]

COSTS = {
    "deadline": 8,
    "orphaned": 2,
    "filled": 4,
    "released": 3,
    "superseded": 4,
    "severed": 4,
    "removed": 3,
}
"""What a cause costs in a shortest path, where a message costs 1; what is not here nothing brings about."""
UNKNOWN = 60.0
TOGETHER = 16
ANEW = 4
"""Requests at a time."""

YOUNG = {"relationship", *below.KINDS}
"""What half of the random walks leave out, so that markets are walked as long as they were."""

SLOW = 0.1
"""Seconds to an answer, from which on walks to a transition go no further."""


@dataclass
class WalkReport:
    """What walks have found, and where they came."""

    outcomes: list[Outcome] = field(default_factory=list)
    transitions: dict[str, int] = field(default_factory=dict)
    walks: int = 0
    steps: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why walks ended early, and how many."""


# --- the tables -----------------------------------------------------------------------------------


def _kinds(spec: Spec, profiles: Sequence[str]) -> list[Kind]:
    found = []
    for kind in spec.kinds.values():
        opening = next(row.type for row in kind.rows if not row.states)
        if spec.types[opening].profile in profiles:
            found.append(kind)
    return found


def _edges(kind: Kind, operator: bool) -> dict[str, tuple[str, str, int]]:
    """Transition to the states before and after it, and what it costs."""
    found = {}
    for (state, role, type_), row in kind.cells.items():
        to = state if row.to == "=" else row.to
        found[f"{kind.name} {state or '-'} {role} {type_}"] = (state or "-", to, 1)
    for left in kind.states.values():
        for cause, to in left.moves.items():
            if cause in COSTS and (operator or cause != "removed"):
                found[f"{kind.name} {left.name} {cause}"] = (left.name, to, COSTS[cause])
    return found


def transitions(spec: Spec, profiles: Sequence[str], *, operator: bool = True) -> list[str]:
    """All that there are: ``kind state role type``, or ``kind state cause`` of what happens by itself.

    Without the operator nothing is removed. A cause that no row of the tables can bring about is left out.
    """
    return sorted(name for kind in _kinds(spec, profiles) for name in _edges(kind, operator))


def timed(spec: Spec, profiles: Sequence[str]) -> list[str]:
    """Those that real time brings about."""
    return [name for name in transitions(spec, profiles) if name.endswith(" deadline")]


def path(spec: Spec, transition: str, *, operator: bool = False) -> list[str]:
    """The cheapest way from nothing through a transition."""
    kind = spec.kinds[transition.split(" ")[0]]
    edges = _edges(kind, operator or transition.endswith(" removed"))
    goal = edges[transition][0]
    waiting: list[tuple[int, str, list[str]]] = [(0, "-", [])]
    done: set[str] = set()
    while waiting:
        cost, state, way = heapq.heappop(waiting)
        if state == goal:
            return [*way, transition]
        if state in done:
            continue
        done.add(state)
        for name, (before, after, more) in edges.items():
            if before == state and after not in done:
                heapq.heappush(waiting, (cost + more, after, [*way, name]))
    return [transition]


# --- walks ----------------------------------------------------------------------------------------


def _of(player: Player, kind: str, n: int = -1) -> View:
    return [v for v in player.stage.world.views.values() if v.kind == kind][n]


def _haste(way: Sequence[str], more: int) -> dict[str, Any]:
    """The deadlines that a path needs to be near; ``more`` seconds where answers are slow."""
    found: dict[str, Any] = {}
    for name in way:
        kind, state, *rest = name.split(" ")
        if rest != ["deadline"]:
            continue
        if kind == "terms":
            agreed = {"answer_by": 3 + more, "ends": 4 + more}
            found |= agreed if state == "agreed" else {"answer_by": 3 + more}
        elif kind == "relationship":
            found |= {"answer_by": 3 + more} if state == "invited" else {"attest_within": "PT2S"}
        elif kind in below.KINDS:
            found["valid_until" if state == "granted" else "answer_by"] = 3 + more
        elif kind == "intent":
            found["until"] = HASTE["until"] + more
        elif state in ("offered", "accepted"):
            found["valid_until" if state == "offered" else "confirm_by"] = 3 + more
        else:
            found["purge_within"] = "PT2S"
    return found


async def _directed(
    player: Player, moves: Moves, way: Sequence[str], *, trial: int, until: float
) -> AsyncIterator[Step]:
    """To one transition, and a look around behind it."""
    late, brief = int(player.pace * 6) + 2 * trial, player.pace > SLOW or time.monotonic() > until
    moves.haste, moves.with_files, moves.with_preferences = _haste(way, late), 0.0, 0.0
    moves.rules = {"offers": 9, "per_vendor": 3, "accepts": 1, "currencies": None}
    kind = way[0].split(" ")[0]
    if kind == "offer":
        yield moves.publish("ann")
    if kind in ("dispute", "relationship", *below.KINDS):
        yield moves.proffer("ann", "vic", preferred=moves.bodies.agreement("SD-BASE-DP"))
        yield moves.move(_of(player, "terms"), "second", "terms.accept")
    if kind in below.KINDS:
        yield moves.relate(_of(player, "terms"))
        yield moves.up(_of(player, "relationship"), "subscriber")
    if kind == "correction":
        yield moves.below(_of(player, "relationship"), below.SHARE, "first")
    thid = ""
    for name in way:
        _, state, *how = name.split(" ")
        if name == way[-1] and len(how) == 2 and not moves.haste and not brief:
            for step in _spoilt(player, moves, thid, how[0], how[1]):
                yield step
        if state == "-":
            yield _opening(player, moves, how[0], how[1])
            thid = _of(player, kind).thid
            if kind == "relationship" and len(way) > 1:  # from the lowest rung nothing is asked
                yield moves.move(player.stage.world.views[thid], "first", relating.STEP)
        elif len(how) == 2:
            yield moves.move(player.stage.world.views[thid], how[0], how[1])
        else:
            async for step in _cause(player, moves, thid, how[0]):
                yield step
            for step in look(player, player.model.world.views[thid]):
                yield step
        if player.refused_last == player.steps[-1].label != "":
            raise LookupError
    for step in look(player, player.model.world.views[thid]):
        yield step
    if brief or time.monotonic() > until:
        return
    for _ in range(3):
        view = player.stage.world.views[thid]
        types = sorted({t for _, _, t in MOVES[kind]} if moves.chance(0.7) else set(moves.types()))
        role = moves.rng.choice(["first", "second"] if kind != "intent" else ["first"])
        yield moves.move(view, role, moves.rng.choice(types))
    for step in look(player, player.model.world.views[thid]):
        yield step
    for step in everybody(player):
        yield step


def _opening(
    player: Player, moves: Moves, role: str, type_: str, flaws: frozenset[str] | None = None
) -> Step:
    """A message that opens a thread, right or, with flaws, wrong."""
    if type_ == OFFER:
        return moves.offer(_of(player, "intent"), "vic", flaws or frozenset())
    if type_ == PUBLISH:
        return moves.publish("ann", flaws or frozenset())
    if type_ == FEEDBACK:
        return moves.feedback("ann", "vic", flaws or frozenset())
    if type_ == relating.OPEN:
        return moves.relate(_of(player, "terms"), role, flaws or frozenset())
    if type_ == below.SUBMIT:
        return moves.below(_of(player, "data"), type_, role, flaws or frozenset())
    if type_ in below.BELOW:
        return moves.below(_of(player, "relationship"), type_, role, flaws or frozenset())
    if type_ == DISPUTE:
        return moves.dispute(_of(player, "terms"), role, flaws or frozenset())
    if flaws is not None:
        return moves.proffer("ann", "vic", flaws)
    return moves.proffer("ann", "vic", preferred=moves.bodies.agreement("SD-BASE-DP"))


def _spoilt(player: Player, moves: Moves, thid: str, role: str, type_: str) -> Iterator[Step]:
    """A move in every way in which it is likely to be wrong, and in some others."""
    always = ("outsider", "aud", "prev", "stale")
    general = moves.rng.sample(sorted(set(GENERAL)), 4)
    if thid:
        step = moves.move(player.stage.world.views[thid], "second" if role == "first" else "first", type_)
        if player.refuses(step):
            yield step
    for flaw in dict.fromkeys((*FITTING.get(type_, ()), *always, *general)):
        flaws = frozenset({flaw})
        if not thid:
            step = _opening(player, moves, role, type_, flaws)
        else:
            step = moves.move(player.stage.world.views[thid], role, type_, flaws)
        if player.refuses(step):
            yield step


async def _cause(player: Player, moves: Moves, thid: str, cause: str) -> AsyncIterator[Step]:
    """What brings it about."""
    view = player.stage.world.views[thid]
    if cause == "deadline":
        if view.deadline is not None:
            seconds = view.deadline - player.bindings.began
            yield Step("wait", seconds=seconds - 1, about="until the second before the deadline")
            for step in look(player, view):
                yield step
            yield Step("wait", seconds=seconds, about="until the deadline has passed")
    elif cause == "orphaned" and view.kind in below.KINDS:
        yield moves.move(_of(player, "relationship"), "first", relating.END)
    elif cause == "released":
        yield moves.move(_of(player, "terms"), "first", EXIT)
    elif cause == "orphaned":
        yield moves.move(player.stage.world.views[view.intent], "first", "intent.withdraw")
    elif cause == "filled":
        yield moves.offer(player.stage.world.views[view.intent], "vera")
        other = _of(player, "offer")
        yield moves.move(other, "first", "offer.accept")
        yield moves.move(player.stage.world.views[other.thid], "second", "offer.confirm")
    elif cause == "superseded":
        by, to = name_of(player, view.first), name_of(player, view.second)
        yield moves.proffer(by, to, preferred=moves.bodies.agreement("SD-BASE"), acceptable=None)
        yield moves.move(_of(player, "terms"), "second", "terms.accept")
    elif cause == "severed":
        yield moves.relate(view)
        yield moves.move(_of(player, "relationship"), "first", relating.END)
    elif cause == "removed":
        label = player.stage.labels[thid]
        yield Step("remove", of=label, code="spam", about=f"the operator removes {label}")


async def _random(
    player: Player, moves: Moves, *, kinds: Iterable[str], seen: Mapping[str, int], until: float
) -> AsyncIterator[Step]:
    """About half right moves, those before all that were seldom made; the rest wrong ones."""
    rng, moves.kinds = moves.rng, frozenset(kinds)
    hasty = moves.chance(0.25)
    moves.often_hasty = 0.3 if hasty else 0.0
    for name in ("vic", "ann"):
        if "intent" in moves.kinds and moves.chance(0.4):
            yield Step("put", by=name, of=str(rng.randrange(len(FILES))), about=f"{name} puts a blob")
    length = rng.randint(15, 40)
    for _ in range(length):
        if time.monotonic() > until:
            break
        views = list(player.stage.world.views.values())
        how = rng.random()
        left = min(8.0, until - time.monotonic())
        near = [v.deadline for v in views if v.deadline and v.deadline - player.stage.now < left]
        if near and how < 0.15:
            seconds = min(near) - player.bindings.began
            yield Step("wait", seconds=seconds, about="until a deadline has passed")
        elif views and how < 0.25:
            for step in look(player, rng.choice(views)):
                yield step
        elif views and how < 0.31:
            view = rng.choice(views)
            by = name_of(player, rng.choice(view.parties))
            inbox = [player.stage.labels[mid] for mid in player.model.inbox(player.stage.who(by))]
            done = ",".join(inbox[: rng.randint(0, len(inbox))]) if moves.chance(0.3) else ""
            yield Step("inbox", by=by, of=done, about=f"{by} polls{' and acknowledges' if done else ''}")
        elif views and how < 0.35:
            act = rng.choice(list(player.acts.values()))
            label = player.stage.labels[act.mid]
            by = player.stage.names[act.iss]
            forged = moves.chance(0.3) and player.parties[by].get("alg", "Ed25519") == "Ed25519"
            yield moves.again(label, by, forged=forged)
        elif how < 0.66 and (wrong := moves.illegal()) is not None:
            yield wrong
            if moves.chance(0.2) and wrong.label:
                for step in look(player, rng.choice(list(player.stage.world.views.values()))):
                    yield step
        else:
            legal = moves.legal(room=len(views) < 8)
            if legal:
                names = sorted(legal)
                weights = [_weight(name, seen) for name in names]
                made, *what = legal[rng.choices(names, weights)[0]]
                yield made(*what)
    views = list(player.model.world.views.values())
    if time.monotonic() > until:
        views = rng.sample(views, min(1, len(views)))
    for view in views:
        for step in look(player, view):
            yield step
    for step in everybody(player):
        yield step
        if time.monotonic() > until:
            break


def _weight(name: str, seen: Mapping[str, int]) -> float:
    """Rare moves before others; ends seldom, or nothing would be there to move."""
    often = {"offer.accept": 3.0, "offer.confirm": 3.0, "terms.accept": 3.0, OFFER: 4.0}
    often |= {ROTATION: 2.0, INTRODUCTION: 2.0, PUBLISH: 0.5, PROFFER: 0.7, "intent.resume": 3.0}
    often |= {FEEDBACK: 0.5, DISPUTE: 0.3, relating.STEP: 2.0, relating.INVITE: 3.0, relating.END: 0.3}
    type_ = name.split(" ")[-1]
    ends = type_ in ("intent.withdraw", "intent.close", "offer.decline", "offer.withdraw", "terms.reject")
    return often.get(type_, 0.4 if ends else 1.0) * (1 + 40 / (1 + seen.get(name, 0)))


# --- a run ----------------------------------------------------------------------------------------


class _Run:
    """What the walks of one run share."""

    def __init__(self, session: Session, seed: int, profiles: Sequence[str]) -> None:
        self.session, self.seed, self.profiles = session, seed, profiles
        self.gate = asyncio.Semaphore(TOGETHER)
        self.abreast = asyncio.Semaphore(TOGETHER)
        """Of walks that go on at a time: each of them quickly, so that much of it lies within one second."""
        self.hurried = asyncio.Semaphore(TOGETHER)
        """Of walks whose time runs, so that they do not wait for others."""
        self.seen: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.failures: dict[tuple[str, str, str], tuple[int, Outcome]] = {}
        self.count: Counter[tuple[str, str, str]] = Counter()
        self.report = WalkReport()
        self.reasons: Counter[str] = Counter()
        self.pace = UNKNOWN
        self.alone = False
        """No organisation could be played."""
        self.kinds: frozenset[str] = frozenset()
        """What is walked."""

    def player(self, name: str, org: bool, gate: asyncio.Semaphore) -> Player:
        """Somebody for one walk; with organisations where they can be played."""
        shop = "shop" if org and self.session.origins is not None and not self.alone else ""
        player = Player(self.session, name, cast(shop), FILES, gate)
        player.seen, player.held = self.seen, self.held
        return player

    async def walk(self, name: str, made: Any, *, org: bool = False, hurried: bool = False) -> None:
        """One walk; ``made`` gives its steps once the parties are there.

        Where a second has passed in which two answers would have been right, it is walked anew.
        """
        async with contextlib.nullcontext() if hurried else self.abreast:
            for _ in range(ANEW):
                if await self._walked(name, made, org, hurried):
                    return
            self.reasons["vague"] += 1

    async def _walked(self, name: str, made: Any, org: bool, hurried: bool) -> bool:
        """Walk once; false where nothing can be said of it."""
        clear = True
        player = self.player(name, org, self.hurried if hurried else self.gate)
        try:
            await player.begin()
            if self.pace == UNKNOWN and player.pace > SLOW:
                for _ in range(TOGETHER):  # whoever answers late can be asked more at a time
                    self.gate.release()
                    self.abreast.release()
            player.pace = self.pace = min(self.pace, player.pace)
            moves = Moves(player.stage, random.Random(f"{self.seed} {name}"))
            moves.kinds = self.kinds
            async for step in made(player, moves):
                if await player.do(step) is not None:
                    break
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # The path goes no further, or an answer is not what its schema says: noted where it was read.
            last = player.steps[-1] if player.steps else Step("")
            self.reasons[f"{name}: {type(error).__name__} after {last.about} ({dict(last.expect)})"] += 1
        except Vague:
            clear = False
        except (Inconclusive, Failed, Missing) as error:
            self.alone = self.alone or (org and not player.steps)
            self.reasons[str(error)] += 1
        await player.end()
        self.report.walks += 1
        self.report.steps += len(player.steps)
        outcome = player.outcome()
        if outcome is not None:
            key = (outcome.requirement, outcome.expected, outcome.got)
            self.count[key] += 1
            if key not in self.failures or len(player.steps) < self.failures[key][0]:
                self.failures[key] = (len(player.steps), outcome)
        return clear

    def finished(self) -> WalkReport:
        """The report: a failure once with how often it was, and what was kept to."""
        found = self.report
        for key, (_, outcome) in self.failures.items():
            found.outcomes.append(replace(outcome, count=self.count[key]))
        failed = {requirement for requirement, _, _ in self.failures}
        for requirement, count in sorted(self.held.items()):
            if requirement and requirement not in failed:
                found.outcomes.append(Outcome(requirement, "walks", Verdict.PASS, count=count))
        found.transitions = dict(sorted(self.seen.items()))
        found.reasons = dict(self.reasons)
        return found


async def run(
    session: Session,
    *,
    seed: int,
    seconds: float,
    profiles: Sequence[str],
    quick: bool = False,
    sought: Container[str] = (),
) -> WalkReport:
    """Walk to every transition, tell the stories, and then walk at random until the time is up.

    Once a rule that is ``sought`` has failed nothing is walked at random any more.
    """
    spec = session.target.spec
    until = time.monotonic() + (min(seconds, 6.0) if quick else seconds)
    shared = _Run(session, seed, profiles)
    kinds = {kind.name for kind in _kinds(spec, profiles)} & set(MOVES)
    if not kinds or ("terms" not in kinds):
        return shared.finished()
    market = kinds >= set(MARKET) and bool(session.target.board())
    kinds = kinds if market else kinds - set(MARKET)
    shared.kinds = frozenset(kinds)
    operator = session.operator is not None
    goals = [t for t in transitions(spec, profiles, operator=operator) if t.split(" ")[0] in kinds]

    async def directed(goal: str) -> None:
        way = path(spec, goal, operator=operator)
        for trial in range(4):
            last = until - 5 if goal in slow else until
            if trial == 0 or (goal not in shared.seen and not shared.failures and time.monotonic() < last):
                more = f", try {trial + 1}" if trial else ""
                how = partial(_directed, way=way, trial=trial, until=until)
                await shared.walk(f"walk to {goal}{more}", how, org=" - " in goal, hurried=goal in slow)

    async def told(title: str) -> None:
        if time.monotonic() < until:
            how = partial(tell, lines=STORIES[title])
            await shared.walk(f"story of {title}", how, hurried="wait" in STORIES[title])

    async def at_random(lane: int) -> None:
        n = 0
        while time.monotonic() < until - 0.5 and not any(rule in sought for rule, _, _ in shared.failures):
            name, org = f"walk {lane}.{n}", (lane + n) % 3 == 0
            some = [kinds - set(MARKET), kinds - YOUNG, kinds - YOUNG, kinds][(lane + n) % 4]
            how = partial(_random, kinds=some, seen=shared.seen, until=until)
            await shared.walk(name, how, org=org)
            n += 1

    slow = {goal for goal in goals if any(name.endswith(" deadline") for name in path(spec, goal))}
    waiting = [asyncio.ensure_future(directed(goal)) for goal in sorted(slow)]
    titles = [title for title, lines in STORIES.items() if needs(lines) <= kinds]
    waiting += [asyncio.ensure_future(told(title)) for title in titles if "wait" in STORIES[title]]
    titles = [title for title in titles if "wait" not in STORIES[title]]
    first = [directed(goal) for goal in goals if goal not in slow]
    await asyncio.gather(*first, *map(told, titles))
    await asyncio.gather(*waiting, *map(at_random, range(TOGETHER)))
    return shared.finished()
