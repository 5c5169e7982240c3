"""A home that is killed in the middle of its work: what it has acknowledged is there, and only once.

The client keeps its own record of what it sent and of the receipts it got, outside of the server, and asks
the restarted home for all of it. A kill ends the process, not the machine: what the disk does with a commit
is not tried here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from tests import world
from tests.scenarios.market import Market, Thread
from tests.world import Party, World
from vrmproto import envelope, keys, timing
from vrmproto.keys import PublicKey

ROOT = Path(__file__).resolve().parents[2]
IN_FLIGHT = 64
ACKNOWLEDGED = 200
READY_SECONDS = 20.0

SERVE = ["-m", "vrmproto.cli", "serve"]

# A home that answers before it has committed: twenty batches wait in memory for one transaction.
EAGER = """
import contextlib, sys
from pathlib import Path
from vrmproto.server import run
from vrmproto.server.settings import Settings
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

class Noting:
    def __init__(self, inner, notes):
        self.inner, self.notes = inner, notes
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def append(self, appends):
        self.inner.append(appends)
        self.notes.append(("append", (list(appends),)))
    def know(self, party):
        self.inner.know(party)
        self.notes.append(("know", (party,)))
    def acknowledge(self, party, mids):
        mids = list(mids)
        self.inner.acknowledge(party, mids)
        self.notes.append(("acknowledge", (party, mids)))

class Eager(MemoryStore):
    def __init__(self, path):
        super().__init__()
        self.disk, self.notes, self.batches = SqliteStore(path), [], 0
    @contextlib.contextmanager
    def begin(self):
        with super().begin() as inner:
            yield Noting(inner, self.notes)
        self.batches += 1
        if self.batches % 20 == 0:
            with self.disk.begin() as tx:
                for name, arguments in self.notes:
                    getattr(tx, name)(*arguments)
            self.notes.clear()

run.SqliteStore = Eager
sys.exit(run.serve(Settings(dev=True, data=sys.argv[1], port=int(sys.argv[2]), inbox=100_000)))
"""


@dataclass(frozen=True)
class Sent:
    """One message as the client keeps it."""

    token: str
    mid: str
    thid: str
    sender: Party
    addressee: str


@dataclass
class Ledger:
    """The client's own record."""

    sent: dict[str, Sent] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def unanswered(self) -> list[Sent]:
        return [sent for mid, sent in self.sent.items() if mid not in self.receipts]


@dataclass
class Figures:
    acknowledged: int = 0
    unanswered: int = 0
    stored_unanswered: int = 0
    lost: int = 0
    altered: int = 0
    doubled: int = 0
    broken: int = 0
    restart: float = 0.0

    def __str__(self) -> str:
        return (
            f"acked {self.acknowledged} lost {self.lost} altered {self.altered} doubled {self.doubled} "
            f"broken chains {self.broken}; unanswered {self.unanswered}, of them stored "
            f"{self.stored_unanswered}; ready again after {self.restart:.2f} s"
        )


class Server:
    """The home as a process of its own, on one port and one folder."""

    def __init__(self, data: Path) -> None:
        bound, self.origin = world.free_socket()
        bound.close()
        self.port = int(self.origin.rpartition(":")[2])
        self.data = data
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, script: str = "") -> None:
        flags = ["--dev", "--data", str(self.data), "--port", str(self.port), "--inbox", "100000"]
        command = ["-c", script, str(self.data), str(self.port)] if script else [*SERVE, *flags]
        log = self.data.parent / f"{self.data.name}.log"
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=sink,
                stderr=sink,
            )

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    async def ready(self, http: ClientSession) -> float:
        """Seconds until it answers that it takes writes."""
        start = time.monotonic()
        while True:
            assert self.process is not None
            assert self.process.poll() is None, "the home has ended by itself"
            with contextlib.suppress(ClientError, OSError):
                async with http.get(f"{self.origin}/readyz") as answer:
                    if answer.status == 200:
                        return time.monotonic() - start
            assert time.monotonic() - start < READY_SECONDS, "the home is not ready"
            await asyncio.sleep(0.02)


class Experiment:
    """Parties that talk through one home, round after round, and what they know themselves."""

    def __init__(self, server: Server, http: ClientSession) -> None:
        self.server = server
        self.http = http
        self.ledger = Ledger()
        # Only what a Party needs of a world: there is no home in this process.
        self.world = World(server.origin, cast(Any, None), world.Clock(), http, contextlib.AsyncExitStack())
        self.vendors = [self.world.person("ES256" if n % 2 else "Ed25519") for n in range(4)]
        self.gone: set[str] = set()  # acknowledged by a poll
        self.random = random.Random(7)
        self.cursor = ""
        self.board: dict[str, list[int]] = {}
        """What a reader of the board was shown, all rounds together: intent to positions."""

    # --- load -----------------------------------------------------------------------------------

    async def deliver(self, sender: Party, type_: str, body: dict[str, Any], to: str, **more: Any) -> str:
        token = sender.sign(sender.claims(type_, body, to, **more))
        mid = envelope.mid_of(token)
        self.ledger.sent[mid] = Sent(token, mid, more.get("thid", mid), sender, to)
        reply = await self.world.post(token)
        if reply.status == 202:
            self.ledger.receipts[mid] = reply.body.decode()
        else:
            self.ledger.refused.append((reply.status, reply.body))
        return mid

    async def talk(self) -> None:
        """Threads one after the other until the home is gone."""
        clock = self.world.clock
        while True:
            person, vendor = self.world.person(), self.random.choice(self.vendors)
            if self.random.randrange(3) == 0:
                await self.trade(person, vendor)
                continue
            thid = await self.deliver(person, "terms.proffer", world.proffer(clock), vendor.id)
            where = {"thid": thid, "prev": thid}
            how = self.random.randrange(4)
            if how == 0:
                await self.deliver(person, "terms.withdraw", {}, vendor.id, **where)
            elif how == 1:
                answer = {
                    "alternative_to": thid,
                    "agreement": world.agreement("SD-BASE"),
                    "lang": "en",
                    "place": "NL",
                    "answer_by": timing.text(int(clock()) + 3600),
                }
                where["prev"] = await self.deliver(vendor, "terms.alternative", answer, person.id, **where)
                accept = world.acceptance(where["prev"], "SD-BASE")
                await self.deliver(person, "terms.accept", accept, vendor.id, **where)
            else:
                accept = world.acceptance(thid)
                where["prev"] = await self.deliver(vendor, "terms.accept", accept, person.id, **where)
                await self.deliver(person, "agreement.terminate", {}, vendor.id, **where)

    async def trade(self, person: Party, vendor: Party) -> None:
        """An intent with an offer that is accepted and confirmed; then she takes the intent back."""
        market = Market(self.world, [])
        intent = market.intent(rules={"unverified": True})
        thid = await self.deliver(person, "intent.publish", intent, market.board)
        thread = Thread("intent", person, None, thid)
        offer = await self.deliver(vendor, "offer.make", market.offer(thread), person.id, pthid=thid)
        where = {"thid": offer, "prev": offer}
        said = {"takes": offer, "confirm_by": market.time(600)}
        where["prev"] = await self.deliver(person, "offer.accept", said, vendor.id, **where)
        where["prev"] = await self.deliver(vendor, "offer.confirm", {"takes": offer}, person.id, **where)
        await self.deliver(person, "intent.withdraw", {}, market.board, thid=thid, prev=thid)

    async def watch(self) -> bool:
        """One page of the board from where the reader is; whether there is more."""
        query = f"?cursor={self.cursor}" if self.cursor else ""
        reply = await self.world.get(f"/v1/boards/intents{query}")
        assert reply.status == 200, reply.document
        for item in reply.document["items"]:
            self.board.setdefault(item["mid"], []).append(item["position"])
        self.cursor = reply.document["cursor"]
        return bool(reply.document["more"])

    async def watch_on(self) -> None:
        """Watch until the home is gone."""
        with contextlib.suppress(ClientError, OSError):
            while True:
                await self.watch()
                await asyncio.sleep(0.01)

    async def catch_up(self, figures: Figures) -> None:
        """The reader has seen every acknowledged intent, each change once and in order."""
        while await self.watch():
            pass
        positions = [position for own in self.board.values() for position in own]
        figures.doubled += len(positions) - len(set(positions))
        figures.broken += sum(own != sorted(own) for own in self.board.values())
        for mid in self.ledger.receipts:
            if envelope.peek(self.ledger.sent[mid].token)[1]["type"] == "intent.publish":
                figures.lost += mid not in self.board

    async def until_killed(self) -> None:
        """Load, and at some moment after enough acknowledgements the end of the process."""
        before = len(self.ledger.receipts)

        async def talk() -> None:
            with contextlib.suppress(ClientError, OSError):
                await self.talk()

        talks = [asyncio.create_task(talk()) for _ in range(IN_FLIGHT)]
        watching = asyncio.create_task(self.watch_on())
        while len(self.ledger.receipts) - before < ACKNOWLEDGED:
            assert not all(task.done() for task in talks), "the home went by itself"
            await asyncio.sleep(0.005)
        await asyncio.sleep(self.random.random() * 0.4)
        self.server.kill()
        await asyncio.wait_for(asyncio.gather(*talks, watching), 30)

    # --- what is there afterwards ---------------------------------------------------------------

    async def home_key(self) -> PublicKey:
        document = (await self.world.get("/.well-known/vrm-configuration")).document
        return keys.from_jwk(document["keys"][0])

    async def read(self, party: Party, thid: str) -> list[dict[str, Any]]:
        reply = await party.read(f"/v1/threads/{thid}")
        return list(reply.document["messages"]) if reply.status == 200 else []

    async def compare(self, thids: Iterable[str], figures: Figures) -> None:
        """Each thread as its opener reads it, with what the client has kept."""
        key = await self.home_key()
        wanted: dict[str, list[Sent]] = {thid: [] for thid in thids}
        for sent in self.ledger.sent.values():
            if sent.thid in wanted:
                wanted[sent.thid].append(sent)
        queue = list(wanted.items())

        async def some() -> None:
            while queue:
                thid, messages = queue.pop()
                self._compare_thread(messages, await self.read(messages[0].sender, thid), key, figures)

        await asyncio.gather(*(some() for _ in range(16)))

    def _compare_thread(
        self, messages: list[Sent], found: list[dict[str, Any]], key: PublicKey, figures: Figures
    ) -> None:
        mids = [envelope.mid_of(m["token"]) for m in found]
        figures.doubled += len(mids) - len(set(mids))
        by_mid = dict(zip(mids, found, strict=True))
        for sent in messages:
            receipt = self.ledger.receipts.get(sent.mid)
            stored = by_mid.get(sent.mid)
            if receipt is None:
                figures.stored_unanswered += stored is not None
            elif stored is None:
                figures.lost += 1
            elif (stored["token"], stored["receipt"]) != (sent.token, receipt):
                figures.altered += 1
        prior = None
        for place, (mid, message) in enumerate(by_mid.items(), start=1):
            claims = envelope.open_signed(
                world.SPEC,
                message["receipt"].encode(),
                typ=envelope.RECEIPT,
                schema="documents/receipt.json",
                key=lambda _: key,
            )
            told = (message["seq"], claims["seq"], claims["mid"], claims.get("prior"), claims["iss"])
            figures.broken += told != (place, place, mid, prior, self.server.origin)
            prior = mid

    async def inboxes(self, figures: Figures) -> None:
        """Polls show every acknowledged message that no poll has acknowledged, and then no more."""
        for vendor in self.vendors:
            shown: dict[str, str] = {}
            receipts: dict[str, str] = {}
            while True:
                reply = await vendor.poll(maxEvents=500, ack=list(shown)[-500:])
                assert reply.status == 200
                if not reply.document["order"]:
                    break
                figures.doubled += len(shown.keys() & reply.document["sets"].keys())
                shown |= reply.document["sets"]
                receipts |= reply.document["receipts"]
            for mid, receipt in self.ledger.receipts.items():
                sent = self.ledger.sent[mid]
                if sent.addressee == vendor.id and mid not in self.gone:
                    figures.lost += mid not in shown
                    figures.altered += shown.get(mid, sent.token) != sent.token
                    figures.altered += receipts.get(mid, receipt) != receipt
            figures.doubled += len(shown.keys() & self.gone)
            self.gone |= shown.keys()

    async def send_again(self, figures: Figures) -> None:
        """What got no answer is sent again, twice: taken at most once, and then the same receipt."""
        for sent in self.ledger.unanswered:
            stored = await self.read(sent.sender, sent.thid)
            there = sent.token in [m["token"] for m in stored]
            first, second = await self.world.post(sent.token), await self.world.post(sent.token)
            assert (first.status, second.status) == (200 if there else 202, 200)
            assert first.body == second.body
            self.ledger.receipts[sent.mid] = first.body.decode()
            again = await self.read(sent.sender, sent.thid)
            figures.doubled += [m["token"] for m in again].count(sent.token) - 1

    def sound(self) -> None:
        with contextlib.closing(
            sqlite3.connect(f"file:{self.server.data / 'home.db'}?mode=ro", uri=True)
        ) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []


@contextlib.asynccontextmanager
async def experiment(data: Path) -> AsyncIterator[Experiment]:
    server = Server(data)
    timeout = ClientTimeout(total=20)
    async with ClientSession(connector=TCPConnector(limit=0), timeout=timeout) as http:
        try:
            yield Experiment(server, http)
        finally:
            server.kill()


async def one_round(run: Experiment, number: int) -> Figures:
    before = set(run.ledger.sent)
    await run.until_killed()
    figures = Figures(unanswered=len(run.ledger.unanswered))
    mine = run.ledger.receipts.keys() - before
    figures.acknowledged = len(mine)
    assert run.ledger.refused == []
    run.server.start()
    figures.restart = await run.server.ready(run.http)
    threads = {sent.thid for mid, sent in run.ledger.sent.items() if mid not in before}
    await run.compare(threads, figures)
    await run.inboxes(figures)
    await run.send_again(figures)
    await run.catch_up(figures)
    run.sound()
    print(f"kill round {number}: {figures}")
    return figures


async def rounds(data: Path, count: int) -> None:
    async with experiment(data) as run:
        run.server.start()
        await run.server.ready(run.http)
        for vendor in run.vendors:
            await vendor.announce()
        for number in range(1, count + 1):
            figures = await one_round(run, number)
            assert figures.acknowledged >= ACKNOWLEDGED
            assert (figures.lost, figures.altered, figures.doubled, figures.broken) == (0, 0, 0, 0)
        everything = Figures(acknowledged=len(run.ledger.receipts))
        await run.compare({sent.thid for sent in run.ledger.sent.values()}, everything)
        print(f"after {count} rounds: {everything}")
        assert (everything.lost, everything.altered, everything.doubled, everything.broken) == (0, 0, 0, 0)
        assert everything.stored_unanswered == 0


async def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    await rounds(tmp_path / "data", 5)


@pytest.mark.long
async def test_what_was_acknowledged_outlives_kill_9_twenty_times(tmp_path: Path) -> None:
    await rounds(tmp_path / "data", 20)


async def lost_by_an_eager_home(data: Path) -> int:
    data.mkdir()
    async with experiment(data) as run:
        run.server.start(EAGER)
        await run.server.ready(run.http)
        for vendor in run.vendors:
            await vendor.announce()
        await run.until_killed()
        figures = Figures(acknowledged=len(run.ledger.receipts), unanswered=len(run.ledger.unanswered))
        run.server.start()
        figures.restart = await run.server.ready(run.http)
        await run.compare({sent.thid for sent in run.ledger.sent.values()}, figures)
        print(f"answers before the commit: {figures}")
        assert figures.acknowledged >= ACKNOWLEDGED
        return figures.lost


async def test_the_method_sees_a_home_that_answers_before_the_commit(tmp_path: Path) -> None:
    # One time in twenty it is killed just after it has committed.
    for attempt in range(4):
        if await lost_by_an_eager_home(tmp_path / str(attempt)):
            return
    pytest.fail("nothing was lost")
