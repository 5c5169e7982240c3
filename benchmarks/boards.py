"""What boards cost: a feed at its head with many intents on it, and one intent for many watching vendors.

``python -m benchmarks.boards [--many N] [--json]``. The rows are filled in bulk, with the indexes of a real
store; what is measured goes through the feed of a home.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vrmproto import boards, envelope, keys, spec, timing
from vrmproto.boards import Filter
from vrmproto.feed import Feed
from vrmproto.home import Config, Home
from vrmproto.storage.sqlite import SqliteStore

ORIGIN = "https://home.example"
BOARD = f"{ORIGIN}/v1/boards/intents"
FILTERS = {"all": Filter(), "filtered": Filter(category="unspsc:2510", region="NL")}


def publish(home: Home, number: int, now: int) -> None:
    """One intent under a key of its own."""
    key = keys.derive(b"b" * 32, f"intent/{number}/{now}")
    body = dict(home.spec.types["intent.publish"].schema["examples"][0])
    body["until"] = timing.text(now + 86400)
    body["when"] = {"to": timing.text(now + 86400)}
    jti = keys.b64(hashlib.sha256(f"{number}/{now}".encode()).digest())[:24]
    claims = {
        "vrm": "1.0",
        "home": ORIGIN,
        "type": "intent.publish",
        "iss": key.did,
        "aud": BOARD,
        "jti": jti,
        "iat": now,
        "exp": now + 3600,
        "body": body,
    }
    home.accept(envelope.seal(key, claims).encode(), now)


def fill(path: Path, many: int, now: int) -> None:
    """Bring the board to ``many`` open intents by copying the one that is there."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA cache_size=-200000")
        party, second, changed, body = db.execute(
            "SELECT first, second, changed, body FROM threads ORDER BY n LIMIT 1"
        ).fetchone()
        _, token, receipt = db.execute("SELECT mid, token, receipt FROM messages LIMIT 1").fetchone()
        last = db.execute("SELECT max(n) FROM threads").fetchone()[0]
        position = db.execute("SELECT max(pos) FROM messages").fetchone()[0]
        tags = boards.tags_of({"categories": [{"scheme": "cpv", "code": "98392000"}], "region": "DE"})
        ids = [hashlib.sha256(f"filled {now} {n}".encode()).digest() for n in range(many)]
        numbered = list(enumerate(ids, 1))
        db.executemany(
            "INSERT INTO threads (n, thid, first, second, changed, body) VALUES (?, ?, ?, ?, ?, ?)",
            ((last + n, mid, party, second, changed, body) for n, mid in numbered),
        )
        db.executemany(
            "INSERT INTO messages (pos, thread, seq, mid, token, receipt) VALUES (?, ?, 1, ?, ?, ?)",
            ((position + n, last + n, mid, token, receipt) for n, mid in numbered),
        )
        db.executemany(
            "INSERT INTO changes (board, thread, event, tags, was, until, version, code, at, current)"
            " VALUES (?, ?, 'shown', ?, NULL, ?, ?, '', ?, 1)",
            ((second, last + n, tags, now + 10**6, keys.b64(mid), now) for n, mid in numbered),
        )


def micros(work: Callable[[int], Any], times: int = 300) -> float:
    """The median of CPU microseconds over five rounds."""
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for n in range(times):
            work(n)
        rounds.append((time.process_time() - start) / times * 1e6)
    return statistics.median(rounds)


def measure(home: Home, now: int) -> dict[str, float]:
    """Microseconds: readers at the head with nothing and with one new intent, and a new reader."""
    found: dict[str, float] = {}
    feed = Feed(home)
    for name, wanted in FILTERS.items():
        end, _ = home.store.feed_end(BOARD)
        head = str(boards.Cursor("intents", wanted.digest, end, end, changes=True))
        before = str(boards.Cursor("intents", wanted.digest, end - 1, end - 1, changes=True))

        def uncached(cursor: str, wanted: Filter = wanted) -> None:
            feed._pages.clear()
            feed.page("intents", wanted, cursor, 50, now)

        found[f"head, nothing new, {name}"] = micros(lambda _, c=head: uncached(c))
        found[f"head, one new intent, {name}"] = micros(lambda _, c=before: uncached(c))
    found["first page of a new reader"] = micros(lambda _: uncached(""), 30)
    _, cursor = feed, str(boards.Cursor("intents", Filter().digest, end - 1, end - 1, changes=True))
    feed.page("intents", Filter(), cursor, 50, now)
    found["one intent, each further watching vendor"] = micros(
        lambda _: feed.page("intents", Filter(), cursor, 50, now), 10_000
    )
    return found


def main() -> None:
    """Measure with a few intents and with many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    now, table = int(time.time()), {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home.db"
        config = Config(origin=ORIGIN)
        signing = [keys.generate()]
        for size in (100, options.many):
            store = SqliteStore(path)
            home = Home(spec.load(), store, signing, config)
            if size == 100:
                publish(home, 0, now)
            store.close()
            fill_to(path, size, now)
            store = SqliteStore(path)
            home = Home(spec.load(), store, signing, config)
            publish(home, size, now)
            table[size] = measure(home, now)
            start = time.process_time()
            for number in range(500):
                publish(home, size + 1 + number, now)
            table[size]["intent.publish, a commit each"] = (time.process_time() - start) / 500 * 1e6
            store.close()
    if options.json:
        print(json.dumps({str(size): rows for size, rows in table.items()}))
        return
    few, many = table
    print(f"{'microseconds of CPU':44} {few:>10} {many:>10}   intents on the board")
    for name in table[few]:
        print(f"{name:44} {table[few][name]:10.1f} {table[many][name]:10.1f}")


def fill_to(path: Path, size: int, now: int) -> None:
    """Fill up to ``size`` intents."""
    with sqlite3.connect(path) as db:
        there = db.execute("SELECT count(*) FROM changes").fetchone()[0]
    if size > there:
        fill(path, size - there, now + there)


if __name__ == "__main__":
    main()
