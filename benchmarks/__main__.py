"""A table a type: CPU per accepted message of the home against the floor, interleaved round by round.

``python -m benchmarks [--rounds N] [--messages N] [--type TYPE] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks import floor
from vrmproto import envelope, keys, spec, timing

PEOPLE = 50
FLIGHT = 64
DEADLINES = {
    "terms.proffer": ("answer_by", "{vendor}"),
    "intent.publish": ("until", "{origin}/v1/boards/intents"),
}
"""Type to the member that is a deadline, and to whom it goes."""


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def start(arguments: list[str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return process
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("a server did not start")


def announce(origin: str, vendor: keys.PrivateKey) -> None:
    """One signed poll, so that the vendor is an addressee known at the home."""
    now = int(time.time())
    claims = {
        "iss": vendor.did,
        "aud": origin,
        "htm": "POST",
        "htu": f"{origin}/v1/poll",
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(16),
        "body": {"maxEvents": 0, "returnImmediately": True},
    }
    token = envelope.seal(vendor, claims, envelope.REQUEST).encode()
    headers = {"Content-Type": "application/jwt"}
    urllib.request.urlopen(urllib.request.Request(f"{origin}/v1/poll", token, headers)).read()


def messages(type_: str, origin: str, vendor: str, people: list[keys.PrivateKey], count: int) -> list[bytes]:
    """Signed messages of a type, each the first one of a thread of its own."""
    body = dict(spec.load().types[type_].schema["examples"][0])
    now = int(time.time())
    deadline, aud = DEADLINES[type_]
    body[deadline] = timing.text(now + 86400)
    made = []
    for index in range(count):
        person = people[index % len(people)]
        claims = {
            "vrm": "1.0",
            "home": origin,
            "type": type_,
            "iss": person.did,
            "aud": aud.format(vendor=vendor, origin=origin),
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 3600,
            "body": body,
        }
        made.append(envelope.seal(person, claims).encode())
    return made


def load(port: int, tokens: list[bytes], folder: Path, pid: int) -> dict[str, Any]:
    """Send the tokens; the load's line with ``micros`` of server CPU a message."""
    file = folder / "tokens"
    file.write_bytes(b"\n".join(tokens))
    before = cpu(pid)
    script = str(Path(__file__).with_name("load.py"))
    out = subprocess.run(
        [sys.executable, script, str(port), str(file), str(FLIGHT)], capture_output=True, check=True
    )
    answer: dict[str, Any] = json.loads(out.stdout)
    return answer | {"micros": (cpu(pid) - before) / len(tokens) * 1e6}


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--type", choices=DEADLINES, action="append")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in options.type or DEADLINES}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        port, echo_port = free_port(), free_port()
        origin = f"http://127.0.0.1:{port}"
        serve = ["-m", "vrmproto.cli", "serve", "--dev", "--port", str(port), "--data", str(folder / "home")]
        home = start([*serve, "--inbox", "10000000"], port)
        echo = start(["-m", "benchmarks.echo", str(echo_port)], echo_port)
        try:
            for _ in range(options.rounds):
                for name, row in rows.items():
                    ports = (port, home.pid, echo_port, echo.pid)
                    row.append(measure(name, origin, *ports, folder, options.messages))
        finally:
            for process in (home, echo):
                process.terminate()
                process.wait()
    for name, row in rows.items():
        report(name, row, options.json)


def measure(
    type_: str, origin: str, port: int, home: int, echo_port: int, echo: int, folder: Path, count: int
) -> dict[str, Any]:
    """One round: floor, echo and home on the same messages."""
    people = [keys.generate() for _ in range(PEOPLE)]
    vendor = keys.generate()
    announce(origin, vendor)
    tokens = messages(type_, origin, vendor.did, people, count)
    public = [Ed25519PublicKey.from_public_bytes(keys.unb64(p.public.jwk["x"])) for p in people]
    with tempfile.TemporaryDirectory() as name:
        parts = floor.measure(
            spec.load(), type_, tokens, [public[i % PEOPLE] for i in range(count)], Path(name)
        )
    row: dict[str, Any] = {part.name: part.micros for part in parts}
    row["http"] = load(echo_port, tokens, folder, echo)["micros"]
    row["floor"] = sum(row.values())
    answer = load(port, tokens, folder, home)
    if answer["statuses"] != {"202": count}:
        raise RuntimeError(f"not all messages were accepted: {answer['statuses']}")
    row |= {"home": answer["micros"], "rate": count / answer["seconds"]}
    row |= {"p50": answer["p50"], "p99": answer["p99"]}
    row["ratio"] = row["floor"] / row["home"]
    return row


def report(type_: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """Median and best of each column."""
    names = list(rows[0])
    table = {
        n: {"median": statistics.median(r[n] for r in rows), "min": min(r[n] for r in rows)} for n in names
    }
    if as_json:
        print(json.dumps({"type": type_, "rounds": len(rows), **table}))
        return
    print(f"{type_:15}{'median':>5}{'min':>10}   (CPU us a message; rate in messages/s; p50, p99 in s)")
    for name, row in table.items():
        print(f"{name:10}{row['median']:10.3f}{row['min']:10.3f}")


if __name__ == "__main__":
    main()
