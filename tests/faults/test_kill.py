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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from tests import forge, world
from tests.scenarios.market import OCTETS, Market, Thread
from tests.world import Party, World
from vrmproto import envelope, keys, timing
from vrmproto.keys import PublicKey

ROOT = Path(__file__).resolve().parents[2]
IN_FLIGHT = 64
ACKNOWLEDGED = 200
READY_SECONDS = 20.0

ENDED = {"intent.pause": "paused", "intent.withdraw": "withdrawn", "intent.close": "closed"}

SERVE = ["-m", "vrmproto.cli", "serve"]

# A home that answers before it has committed: twenty batches wait in memory for one transaction.
EAGER = """
import contextlib, sys
from pathlib import Path
from vrmproto.server import run
from vrmproto.server.settings import Settings
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

WRITES = "append", "know", "acknowledge", "told", "put_blob", "prune_feed", "drop_blobs"

class Noting:
    def __init__(self, inner, notes):
        self.inner, self.notes = inner, notes
    def __getattr__(self, name):
        made = getattr(self.inner, name)
        def noting(*arguments):
            made(*arguments)
            self.notes.append((name, arguments))
        return noting if name in WRITES else made

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
    type: str
    parent: str


@dataclass(frozen=True)
class Blob:
    data: bytes
    uploader: Party
    readers: tuple[tuple[str, Party], ...] = ()
    """Messages that name it, each with somebody else who may read it from then on."""


@dataclass
class Watcher:
    """A reader of the board: where it is, and what it was shown, all rounds together."""

    filter: str
    limit: int
    cursor: str = ""
    position: int = 0
    shown: dict[str, list[str]] = field(default_factory=dict)
    """Intent to its changes: the version shown, or how it has left the board."""


@dataclass
class Ledger:
    """The client's own record."""

    sent: dict[str, Sent] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[int, bytes]] = field(default_factory=list)
    threads: dict[str, list[Sent]] = field(default_factory=dict)
    """The messages of each thread in the order in which they were sent."""
    puts: dict[tuple[str, str], Blob] = field(default_factory=dict)
    """Blobs that the home has said it has, by uploader and digest."""

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
    blobs: int = 0
    changes: int = 0
    restart: float = 0.0

    def __str__(self) -> str:
        return (
            f"acked {self.acknowledged} lost {self.lost} altered {self.altered} doubled {self.doubled} "
            f"broken chains {self.broken}; blobs read {self.blobs}, changes of the board {self.changes}; "
            f"unanswered {self.unanswered}, of them stored {self.stored_unanswered}; "
            f"ready again after {self.restart:.2f} s"
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
        self.market = Market(self.world, [])
        self.readers: dict[str, list[Party]] = {}
        """Who may read a thread whole, one after the other."""
        # The last one reads nothing while the home is under load.
        self.watchers = [Watcher("", 50), Watcher("region=NL", 3), Watcher("lang=en", 200)]

    # --- load -----------------------------------------------------------------------------------

    async def deliver(self, sender: Party, type_: str, body: dict[str, Any], to: str, **more: Any) -> str:
        token = sender.sign(sender.claims(type_, body, to, **more))
        mid = envelope.mid_of(token)
        thid = more.get("thid", mid)
        sent = Sent(token, mid, thid, sender, to, type_, more.get("pthid", ""))
        self.ledger.sent[mid] = sent
        self.ledger.threads.setdefault(thid, []).append(sent)
        self.readers.setdefault(thid, [sender])
        reply = await self.world.post(token)
        if reply.status == 202:
            self.ledger.receipts[mid] = reply.body.decode()
        else:
            self.ledger.refused.append((reply.status, reply.body))
        return mid

    async def put(self, by: Party, data: bytes) -> dict[str, Any]:
        """Put a blob before a message names it; the reference."""
        digest = forge.digest(data)
        path = f"/v1/blobs/{digest}"
        headers = {"Authorization": f"VRM {by.request('PUT', path)}", "Content-Type": OCTETS}
        reply = await self.world.send("PUT", path, data, **headers)
        if reply.status == 201:
            self.ledger.puts.setdefault((by.id, digest), Blob(data, by))
        else:
            self.ledger.refused.append((reply.status, reply.body))
        return self.market.reference(data)

    def named(self, by: Party, reference: dict[str, Any], mid: str, reader: Party) -> None:
        """Note that a message names a blob, which its reader may read from then on."""
        key = (by.id, reference["sha256"])
        blob = self.ledger.puts[key]
        self.ledger.puts[key] = replace(blob, readers=(*blob.readers, (mid, reader)))

    async def talk(self) -> None:
        """Threads one after the other until the home is gone."""
        clock = self.world.clock
        while True:
            person, vendor = self.world.person(), self.random.choice(self.vendors)
            if self.random.randrange(2) == 0:
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
        """An intent with a picture and an offer with a paper; what becomes of them, and an end."""
        market, how = self.market, self.random.randrange(5)
        picture = await self.put(person, self.random.randbytes(2000))
        need = market.need(media=[picture])
        intent = market.intent(rules={"unverified": True}, need=need)
        thid = await self.deliver(person, "intent.publish", intent, market.board)
        self.named(person, picture, thid, vendor)
        paper = await self.put(vendor, b"paper %d of " % self.random.randrange(8) + vendor.id.encode())
        thread = Thread("intent", person, None, thid)
        made = market.offer(thread, media=[paper])
        offer = await self.deliver(vendor, "offer.make", made, person.id, pthid=thid)
        self.readers[offer] = [person]
        self.named(vendor, paper, offer, person)
        where, above = {"thid": offer, "prev": offer}, {"thid": thid, "prev": thid}

        async def say(by: Party, type_: str, body: dict[str, Any] | None = None) -> None:
            to = vendor if by is not vendor else self.readers[offer][-1]
            where["prev"] = await self.deliver(by, type_, body or {}, to.id, **where)

        async def tell(type_: str, body: dict[str, Any] | None = None) -> None:
            above["prev"] = await self.deliver(person, type_, body or {}, market.board, **above)

        if how == 0:
            await say(vendor, "offer.withdraw")
        elif how == 1:
            same = {"need": need, "where": intent["where"]}  # so that it stays in every filter
            await tell("intent.amend", market.amendment(2, rules={"unverified": True}, **same))
            await tell("intent.pause")
            await tell("intent.resume")
            await say(person, "offer.decline")
        else:
            await say(person, "offer.accept", {"takes": offer, "confirm_by": market.time(600)})
            if how == 2:
                pairwise = self.world.person()
                shown = market.introduction(Thread("offer", person, vendor, offer), pairwise)
                self.readers[offer].append(pairwise)
                where["prev"] = await self.deliver(person, "agent.introduce", shown, vendor.id, **where)
            await say(vendor, "offer.confirm", {"takes": offer})
            if how == 3:
                await say(vendor, "order.fulfil")
            elif how == 4:
                await say(person, "offer.cancel", {"reason": "too late"})
        if how in (0, 3):
            await say(vendor, "purge.attest", {"erased_at": market.time(0), "kept": []})
        if self.random.randrange(2):
            await tell("intent.withdraw")
        else:
            await tell("intent.close", {"outcome": "elsewhere"})

    async def watch(self, watcher: Watcher, figures: Figures) -> bool:
        """One page of the board from where the reader is; whether there is more."""
        parts = [watcher.filter, f"limit={watcher.limit}", watcher.cursor and f"cursor={watcher.cursor}"]
        reply = await self.world.get("/v1/boards/intents?" + "&".join(filter(None, parts)))
        assert reply.status == 200, reply.document
        for item in reply.document["items"]:
            figures.doubled += item["position"] <= watcher.position
            watcher.position = item["position"]
            what = envelope.mid_of(item["token"]) if "token" in item else item["ended"]
            watcher.shown.setdefault(item["mid"], []).append(what)
        watcher.cursor = reply.document["cursor"]
        return bool(reply.document["more"])

    async def watch_on(self, watcher: Watcher, figures: Figures) -> None:
        """Watch until the home is gone."""
        with contextlib.suppress(ClientError, OSError):
            while True:
                await self.watch(watcher, figures)
                await asyncio.sleep(0.01)

    def changes(self, thid: str) -> list[str]:
        """What a reader of the board is to be shown of an intent, from what was acknowledged."""
        found: list[str] = []
        version, shown = thid, False
        for sent in self.ledger.threads[thid]:
            if sent.mid not in self.ledger.receipts:
                continue
            if sent.type in ("intent.publish", "intent.amend"):
                version = sent.mid
            was, shown = shown, sent.type not in ENDED
            if shown:
                found.append(version)
            elif was:
                found.append(ENDED[sent.type])
        return found

    async def catch_up(self, figures: Figures) -> None:
        """Each reader has been shown every acknowledged change of the board, once and in order."""
        expected = {
            sent.thid: self.changes(sent.thid)
            for sent in self.ledger.sent.values()
            if sent.type == "intent.publish"
        }
        for watcher in self.watchers:
            while await self.watch(watcher, figures):
                pass
            for thid, changes in expected.items():
                shown = watcher.shown.get(thid, [])
                figures.changes += len(changes)
                figures.lost += max(0, len(changes) - len(shown))
                figures.doubled += max(0, len(shown) - len(changes))
                figures.broken += len(shown) == len(changes) and shown != changes
            figures.broken += len(watcher.shown.keys() - expected.keys())

    async def files(self, keys_: Iterable[tuple[str, str]], figures: Figures) -> None:
        """Each blob that was acknowledged is there: for who has put it, and for who may read a message."""
        queue: list[tuple[Party, bytes]] = []
        for key in keys_:
            blob = self.ledger.puts[key]
            # A vendor's own are out of its sight once it has purged one of the threads that name them.
            if blob.uploader.id not in {vendor.id for vendor in self.vendors}:
                queue.append((blob.uploader, blob.data))
            told = [(mid, party) for mid, party in blob.readers if mid in self.ledger.receipts]
            queue += [(self.reads(mid, party), blob.data) for mid, party in told]

        async def some() -> None:
            while queue:
                reader, data = queue.pop()
                reply = await reader.read(f"/v1/blobs/{forge.digest(data)}")
                figures.blobs += 1
                figures.lost += reply.status != 200
                figures.altered += reply.status == 200 and reply.body != data

        await asyncio.gather(*(some() for _ in range(16)))

    def reads(self, thid: str, party: Party) -> Party:
        """Who reads a thread for a party: its new key, where it has shown one."""
        acknowledged = self.ledger.receipts
        said = self.ledger.threads[thid]
        shown = any(sent.type == "agent.introduce" and sent.mid in acknowledged for sent in said)
        return self.readers[thid][-1] if shown else party

    async def until_killed(self, figures: Figures) -> None:
        """Load, and at some moment after enough acknowledgements the end of the process."""
        before = len(self.ledger.receipts)

        async def talk() -> None:
            with contextlib.suppress(ClientError, OSError):
                await self.talk()

        talks = [asyncio.create_task(talk()) for _ in range(IN_FLIGHT)]
        watching = [asyncio.create_task(self.watch_on(w, figures)) for w in self.watchers[:2]]
        while len(self.ledger.receipts) - before < ACKNOWLEDGED:
            assert not all(task.done() for task in talks), "the home went by itself"
            await asyncio.sleep(0.005)
        await asyncio.sleep(self.random.random() * 0.4)
        self.server.kill()
        await asyncio.wait_for(asyncio.gather(*talks, *watching), 30)

    # --- what is there afterwards ---------------------------------------------------------------

    async def home_key(self) -> PublicKey:
        document = (await self.world.get("/.well-known/vrm-configuration")).document
        return keys.from_jwk(document["keys"][0])

    async def read(self, thid: str) -> list[dict[str, Any]]:
        """The messages of a thread, read by the first who still may."""
        for party in self.readers[thid]:
            reply = await party.read(f"/v1/threads/{thid}")
            if reply.status == 200:
                return list(reply.document["messages"])
        return []

    async def compare(self, thids: Iterable[str], figures: Figures) -> None:
        """Each thread as one of its parties reads it, with what the client has kept."""
        key = await self.home_key()
        wanted: dict[str, list[Sent]] = {thid: [] for thid in thids}
        for sent in self.ledger.sent.values():
            if sent.thid in wanted:
                wanted[sent.thid].append(sent)
        queue = list(wanted.items())

        async def some() -> None:
            while queue:
                thid, messages = queue.pop()
                self._compare_thread(messages, await self.read(thid), key, figures)

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
            erasing, erased, offers = self._offers_of(vendor)
            for mid, receipt in self.ledger.receipts.items():
                sent = self.ledger.sent[mid]
                heard = sent.thid in offers and mid != sent.thid
                if (sent.addressee == vendor.id or heard) and mid not in self.gone:
                    figures.lost += mid not in shown and sent.thid not in erasing
                    figures.altered += shown.get(mid, sent.token) != sent.token
                    figures.altered += receipts.get(mid, receipt) != receipt
            # What was erased comes back to nobody.
            figures.broken += sum(self.ledger.sent[mid].thid in erased for mid in shown)
            figures.doubled += len(shown.keys() & self.gone)
            self.gone |= shown.keys()

    def _offers_of(self, vendor: Party) -> tuple[set[str], set[str], set[str]]:
        """Threads that the vendor may have purged, those that it has, and the intents that it waits for."""
        own = [sent for sent in self.ledger.sent.values() if sent.sender is vendor]
        taken = [sent for sent in own if sent.mid in self.ledger.receipts]
        erasing = {sent.thid for sent in own if sent.type == "purge.attest"}
        erased = {sent.thid for sent in taken if sent.type == "purge.attest"}
        waits = {sent.parent for sent in taken if sent.type == "offer.make" and sent.thid not in erasing}
        return erasing, erased, waits

    async def send_again(self, figures: Figures) -> None:
        """What got no answer is sent again, twice: taken at most once, and then the same receipt."""
        for sent in self.ledger.unanswered:
            stored = await self.read(sent.thid)
            there = sent.token in [m["token"] for m in stored]
            first, second = await self.world.post(sent.token), await self.world.post(sent.token)
            assert (first.status, second.status) == (200 if there else 202, 200)
            assert first.body == second.body
            self.ledger.receipts[sent.mid] = first.body.decode()
            again = await self.read(sent.thid)
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
    before, blobs = set(run.ledger.sent), set(run.ledger.puts)
    figures = Figures()
    await run.until_killed(figures)
    figures.unanswered = len(run.ledger.unanswered)
    mine = run.ledger.receipts.keys() - before
    figures.acknowledged = len(mine)
    assert run.ledger.refused == []
    run.server.start()
    figures.restart = await run.server.ready(run.http)
    threads = {sent.thid for mid, sent in run.ledger.sent.items() if mid not in before}
    await run.compare(threads, figures)
    await run.inboxes(figures)
    await run.send_again(figures)
    await run.files(run.ledger.puts.keys() - blobs, figures)
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
        for watcher in run.watchers:
            await run.watch(watcher, Figures())
        for number in range(1, count + 1):
            figures = await one_round(run, number)
            assert figures.acknowledged >= ACKNOWLEDGED
            assert (figures.lost, figures.altered, figures.doubled, figures.broken) == (0, 0, 0, 0)
        everything = Figures(acknowledged=len(run.ledger.receipts))
        await run.compare({sent.thid for sent in run.ledger.sent.values()}, everything)
        await run.files(run.ledger.puts, everything)
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
        figures = Figures()
        await run.until_killed(figures)
        figures.acknowledged, figures.unanswered = len(run.ledger.receipts), len(run.ledger.unanswered)
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
