"""The floor: the unavoidable parts of accepting one message, done in turn in one thread.

Verify, parse, schema, receipt signature, insert with 64 rows to a FULL commit, and an aiohttp echo whose
answer has a receipt's size. Reading a did:jwk is not counted.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vrmproto.spec import Spec

_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def unb64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


@dataclass
class Part:
    """One part of the floor: CPU microseconds a message."""

    name: str
    micros: float


def _each(count: int, work: Callable[[int], Any]) -> float:
    start = time.process_time()
    for index in range(count):
        work(index)
    return (time.process_time() - start) / count * 1e6


def measure(
    spec: Spec, type_: str, tokens: list[bytes], public: list[Ed25519PublicKey], folder: Path
) -> list[Part]:
    """CPU of each part over the tokens, messages of a type; ``public[i]`` verifies ``tokens[i]``."""
    count = len(tokens)
    kind = spec.types[type_]
    home = Ed25519PrivateKey.generate()
    signed = [t.rpartition(b".") for t in tokens]
    signatures = [unb64(s[2]) for s in signed]
    bodies = [orjson.loads(unb64(t.split(b".")[1]))["body"] for t in tokens]
    receipt = orjson.dumps({"iss": "https://home.example", "mid": "x" * 43, "more": "y" * 420})
    input_ = base64.urlsafe_b64encode(receipt)

    def parse(i: int) -> None:
        if not _TOKEN.fullmatch(tokens[i]):
            raise ValueError
        head, payload, _ = tokens[i].split(b".")
        orjson.loads(unb64(head))
        orjson.loads(unb64(payload))

    def sign(_: int) -> None:
        base64.urlsafe_b64encode(home.sign(input_))

    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE m(n INTEGER PRIMARY KEY, t INT, s INT, mid BLOB, k BLOB, r BLOB, UNIQUE(t, mid))"
    )

    def insert(i: int) -> None:
        if i % 64 == 0:
            database.execute("BEGIN IMMEDIATE")
        row = (i, 1, signatures[i][:32], tokens[i], input_)
        database.execute("INSERT INTO m(t, s, mid, k, r) VALUES (?, ?, ?, ?, ?)", row)
        if i % 64 == 63 or i == count - 1:
            database.execute("COMMIT")

    parts = [
        Part("verify", _each(count, lambda i: public[i].verify(signatures[i], signed[i][0]))),
        Part("parse", _each(count, parse)),
        Part("schema", _each(count, lambda i: kind.faults(bodies[i]))),
        Part("receipt", _each(count, sign)),
        Part("insert", _each(count, insert)),
    ]
    database.close()
    return parts
