"""Walks find nothing in the reference, visit every transition, and find seeded bugs of states."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance import jose, model, model_relating, player, walks
from conformance.results import Outcome, Verdict
from conformance.session import Origins, Session
from conformance.target import open_target
from tests.broken.zygote import bind
from vrmproto import spec as specs
from vrmproto.home import Config
from vrmproto.server import app
from vrmproto.storage.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
SPEC = specs.load()

BUGS = {
    "two-win-a-race": {"VRM-OFR-012"},
    "lapsed-offer-revives": {"VRM-INT-012", "VRM-INT-011"},
    "orphaned-not-applied": {"VRM-INT-010"},
    "filled-not-applied": {"VRM-INT-011"},
    "accepted-lapses-with-the-intent": {"VRM-INT-010"},
    "version-not-asked-for": {"VRM-OFR-003", "VRM-INT-007"},
    "withdrawn-offers-forgotten": {"VRM-OFR-007", "VRM-OFR-006"},
    "old-offer-accepted": {"VRM-OFR-011"},
    "purge-counted-from-now": {"VRM-OFR-024"},
    "amendment-fills-nothing": {"VRM-INT-011"},
    "acceptance-without-head": {"VRM-THR-012"},
    "introduction-unproved": {"VRM-OFR-020"},
    "paused-intent-takes-offers": {"VRM-OFR-001"},
    "purged-vendors-told": {"VRM-INT-013"},
    "introduction-rebinds-the-pair": {"VRM-OFR-021", "VRM-OFR-022"},
    "inbox-kept-after-a-purge": {"VRM-OFR-026"},
    "purge-frees-the-place": {"VRM-OFR-014", "VRM-OFR-002", "VRM-OFR-012"},
    "full-intent-takes-offers": {"VRM-OFR-002"},
    "field-of-another-purpose": {"VRM-OFR-017"},
    "prices-of-another-currency": {"VRM-OFR-009"},
    "files-never-put": {"VRM-BLB-004"},
}
"""Bugs of ``tests/test_model_intent.py``, and the requirements of which one at least has to be named."""


# --- homes --------------------------------------------------------------------------------------


async def _serve(name: str, data: Path, port: int) -> None:
    bound = bind(port)
    patch, spec = pytest.MonkeyPatch(), SPEC
    if name:
        from tests.test_model_intent import SEEDED

        spec = SEEDED[name](patch)
    config = Config(origin=f"http://127.0.0.1:{bound.getsockname()[1]}", dev=True, inbox=10_000)
    store = SqliteStore(data / "home.db")
    runner = web.AppRunner(app.create_app(app.open_home(spec, store, data, config)), access_log=None)
    await runner.setup()
    await web.SockSite(runner, bound, backlog=1024).start()
    print(bound.getsockname()[1], flush=True)
    # Until its standard input ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()
    store.close()


def serve(name: str, data: str) -> None:
    """Become the home with a seeded bug; '' is the reference."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(name, Path(data), 0))


@contextmanager
def running(name: str = "") -> Iterator[tuple[str, str]]:
    """The URL of such a home, and its folder."""
    with tempfile.TemporaryDirectory(prefix="home-") as data:
        code = f"from tests.conformance.test_walks import serve; serve({name!r}, {data!r})"
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
        ) as home:
            assert home.stdout is not None
            assert home.stdin is not None
            port = home.stdout.readline().strip()
            try:
                yield f"http://127.0.0.1:{port}", data
            finally:
                home.stdin.close()
                home.wait(20)


@asynccontextmanager
async def session(url: str, data: str = "") -> AsyncIterator[Session]:
    """A session with origins, and with the operator's key if the folder is named."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as client:
        made = Session(await open_target(url, SPEC, client), Origins(), operator(data) if data else None)
        try:
            yield made
        finally:
            assert made.origins is not None
            await made.origins.close()


def operator(data: str) -> jose.Key:
    """The home's own key, as its operator lends it."""
    jwk = json.loads((Path(data) / "keys.json").read_bytes())["keys"][0]
    private = Ed25519PrivateKey.from_private_bytes(jose.decode(jwk["d"]))
    return jose.Key("Ed25519", {name: jwk[name] for name in ("crv", "kty", "x")}, private)


def failures(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.verdict is Verdict.FAIL]


async def hunt(
    url: str, data: str, seconds: float = 12, seed: int = 1, quick: bool = False
) -> walks.WalkReport:
    async with session(url, data) as made:
        profiles = made.target.claimed
        return await walks.run(made, seed=seed, seconds=seconds, profiles=profiles, quick=quick)


# --- the tests ----------------------------------------------------------------------------------


def told(report: walks.WalkReport) -> list[tuple[Any, ...]]:
    return [(o.requirement, o.check, o.expected, o.got) for o in failures(report.outcomes)]


async def test_a_quick_run_visits_every_transition_of_the_reference() -> None:
    with running() as (url, data):
        report = await hunt(url, data, 6, quick=True)
    assert told(report) == []
    wanted = walks.transitions(SPEC, SPEC.profiles)
    assert [name for name in wanted if name not in report.transitions] == []
    assert set(report.transitions) <= set(wanted)
    assert not report.reasons


def test_what_ends_an_agreement_in_the_second_of_the_next_one_is_a_transition_of_the_tables() -> None:
    """VRM-THR-019: the end of the relationship counts, which has ended what was agreed and not superseded."""
    world = model.World(model.Roster({}, {}))
    for thid, kind in (("old", "terms"), ("new", "terms"), ("bond", "relationship")):
        world.views[thid] = model.View(thid, kind, "ann", "vic", seq=2)
    old, new, bond = world.views.values()
    world.enter(old, "superseded", 7)
    old.causes.append(("agreed", "superseded", 2))
    world.enter(new, "agreed", 7)
    model_relating.take(world, bond, model.Act("end", model_relating.END, "ann", "vic", 7, 9, {}), 7)
    assert (old.state, new.state) == ("ended", "ended")
    ways = {f"terms {state} {cause}" for view in (old, new) for state, cause, _ in view.causes}
    assert ways == {"terms agreed superseded", "terms agreed severed"}


async def test_a_walk_whose_second_has_passed_is_walked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every walk once comes to an answer that cannot be judged; every transition is visited all the same."""
    right, lost = player.Player.do, set[str]()

    async def do(self: player.Player, step: Any) -> Any:
        if len(self.steps) == 1 and self.name not in lost:
            lost.add(self.name)
            raise player.Vague
        return await right(self, step)

    monkeypatch.setattr(player.Player, "do", do)
    with running() as (url, data):
        report = await hunt(url, data, 6, quick=True)
    assert len(lost) > 64
    assert told(report) == []
    assert not report.reasons
    assert set(walks.transitions(SPEC, SPEC.profiles)) <= set(report.transitions)


@pytest.mark.long
async def test_an_acceptance_that_comes_too_late_is_no_fault_of_the_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No agreement comes about then, so that what follows names none that has the form of one."""
    right, late, names = player.Player.do, set[str](), ("relationship", "consent", "dialogue", "data")

    async def do(self: player.Player, step: Any) -> Any:
        hasty = self.name.endswith(" deadline") and self.name.split()[-3] in names
        if hasty and step.label.startswith("terms.accept") and self.name not in late:
            late.add(self.name)
            await asyncio.sleep(11)
        return await right(self, step)

    monkeypatch.setattr(player.Player, "do", do)
    with running() as (url, data):
        report = await hunt(url, data, 6, quick=True)
    assert len(late) > 4
    assert told(report) == []


def test_the_transitions_are_those_of_the_tables() -> None:
    wanted = walks.transitions(SPEC, SPEC.profiles)
    assert len(wanted) == 163
    assert "terms proffered second terms.accept" in wanted
    assert "offer offered orphaned" in wanted
    assert "terms agreed severed" in wanted
    assert "consent granted released" in wanted
    without = walks.transitions(SPEC, SPEC.profiles, operator=False)
    assert set(wanted) - set(without) == {"intent open removed", "intent paused removed"}
    assert all(name.startswith("terms ") for name in walks.transitions(SPEC, ["terms"]))
    assert len(walks.timed(SPEC, ["terms", "intent"])) == 12


def test_a_path_is_the_shortest_one() -> None:
    way = walks.path(SPEC, "offer fulfilled second purge.attest")
    assert [name.split(" ")[-1] for name in way] == [
        "offer.make", "offer.accept", "offer.confirm", "order.fulfil", "purge.attest",
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
async def test_the_reference_keeps_to_the_model(seed: int) -> None:
    with running() as (url, data):
        report = await hunt(url, data, 12, seed)
    assert told(report) == []
    wanted = walks.transitions(SPEC, SPEC.profiles)
    assert [name for name in wanted if name not in report.transitions] == []
