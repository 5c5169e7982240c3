"""What a party holds, read over HTTP, and whether a view is what it says: as who has its export verifies."""

from __future__ import annotations

import json
from typing import Any

from tests.scenarios.below import view
from tests.scenarios.market import Market, Thread
from tests.world import SPEC, Party
from vrmproto import ladder
from vrmproto.findings import Findings, Report
from vrmproto.proving import Threads
from vrmproto.verification import Held, KeyRing, open_link, open_tombstone
from vrmproto.view_checks import check_view


async def held_by(m: Market, reader: Party, ladders: tuple[bytes, ...] = ()) -> Threads:
    """All threads of a party, each message verified."""
    held: dict[str, list[Held]] = {}
    after, more = "0", True
    while more:
        page = (await reader.read(f"/v1/threads?limit=100&after={after}")).document
        after, more = page["after"], page["more"]
        for one in page["threads"]:
            held[one["thid"]] = await _thread(m, reader, one["thid"])
    return Threads(held, {one.digest: one for one in map(ladder.read, ladders)})


async def _thread(m: Market, reader: Party, thid: str) -> list[Held]:
    found, opened, start = Findings(""), [], 1
    while start:
        document = (await reader.read(f"/v1/threads/{thid}?from={start}&limit=200")).document
        listed = [{**key, "source": "discovery"} for key in document["keys"]]
        ring = KeyRing.read(found, m.world.origin, listed, home_keys(m))
        for item in document["messages"]:
            read = open_link if "token" in item else open_tombstone
            opened.append(read(found, SPEC, ring, f"message {item['seq']}", item))
        start = document.get("next", 0)
    assert found.report().ok, found.report().failed
    return [one for one in opened if one is not None]


def home_keys(m: Market) -> list[Any]:
    return [key.public for key in m.world.home.signing]


def judged(m: Market, document: dict[str, Any], threads: Threads) -> Report:
    """The report on a view beside what somebody holds."""
    found = Findings("")
    data = json.dumps(document).encode()
    check_view(found, SPEC, data, {m.world.origin: home_keys(m)}, {m.world.origin: threads})
    return found.report()


async def proved(m: Market, thread: Thread, *readers: Party, ladders: tuple[bytes, ...] = ()) -> list[Report]:
    """Both parties, or those named, read a view that is what their threads say."""
    reports = []
    assert thread.second is not None or m.vendors
    for reader in readers or (thread.first, thread.second or m.vendors[0]):
        document = await view(reader, thread)
        report = judged(m, document, await held_by(m, reader, ladders))
        assert report.ok, (report.failed, document)
        reports.append(report)
    return reports
