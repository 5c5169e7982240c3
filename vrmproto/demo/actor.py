"""One actor of the demo as a process: an agent that does what it is told on standard input.

Started as ``python -m vrmproto.demo.actor --home URL --config FILE --folder DIR``. Each line of input is a
JSON object ``{"do": op, "step": n, "tamper": bool, ...}``; each is answered by one line. A vendor watches
the board all the while, by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vrmproto import strictjson
from vrmproto.agents import CustomerAgent, Policy, VendorAgent
from vrmproto.demo.acts import Actor
from vrmproto.demo.dealing import Buyer, Seller

__all__ = ["main"]


async def run(options: argparse.Namespace) -> None:
    """Open the agent, say that it is ready, and obey until the input ends."""
    settings = tomllib.loads(Path(options.config).read_text())
    folder = Path(options.folder)
    if settings["role"] == "customer":
        async with await CustomerAgent.open(folder / "agent", options.home, dev=True) as customer:
            await _obey(Buyer(customer, folder), {"ready": "customer"})
        return
    async with await VendorAgent.open(
        folder / "agent", options.home, dev=True, policy=Policy.of(settings.get("policy", {}))
    ) as vendor:
        origin = ""
        if settings["domain"]:
            origin = await vendor.serve("127.0.0.1")
            await vendor.announce()
        seller = Seller(vendor, folder, settings.get("offers", ()))
        watching = asyncio.create_task(seller.watch())
        try:
            await _obey(seller, {"ready": "vendor", "origin": origin})
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


async def _obey(actor: Actor, hello: dict[str, Any]) -> None:
    _say(hello)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order, broken = strictjson.read(line.strip())
        _say({"error": "not an order"} if broken else await actor.handle(order))


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(strictjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser()
    for name in ("--home", "--config", "--folder"):
        parser.add_argument(name, required=True)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
