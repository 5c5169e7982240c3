"""Nothing joins what one person does under different keys (VRM-INT-004, VRM-AGT-008, VRM-INT-006).

Two vendors and a reader of the board fetch everything that a home shows them of a person with ten intents.
What they got is sorted by where it stands: each intent, each offer, each pair's terms. Two of these that she
has not joined herself may have no string in common but those that do not come from her.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.test_agents import World
from vrmproto import envelope, keys, spec, strictjson
from vrmproto.agents import CustomerAgent, Policy, VendorAgent
from vrmproto.agents.wire import Signer
from vrmproto.errors import ProtocolError

SPEC = spec.load()
ORDER = "https://w3id.org/dpv#CustomerOrderManagement"
NAME, PHONE = "Anna Jansen", "+31 20 555 0101"
GOODS = ("bicycle", "fridge", "kettle", "lamp", "sofa", "tent", "violin", "camera", "printer", "carpet")
LONGEST_COINCIDENCE = 8
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


# --- strings --------------------------------------------------------------------------------------


def strings(value: Any) -> Iterator[str]:
    """Every string in a document, those inside tokens, identifiers and base64url JSON included."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from strings(name)
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value
        yield from inside(value)


def inside(text: str) -> Iterator[str]:
    if text.startswith(keys.DID):
        yield from strings(dict(keys.from_did(text).jwk))
    if text.count(".") == 2:
        try:
            header, claims = envelope.peek(text)
        except ProtocolError:
            return
        yield text.rpartition(".")[2]
        yield from strings(header)
        yield from strings(claims)


def constants() -> set[str]:
    """Strings of the spec: types, states, codes, IRIs, agreements."""
    found: set[str] = set()
    for path in SPEC.root.rglob("*.json"):
        if "vectors" not in path.parts:
            found |= set(strings(json.loads(path.read_bytes())))
    found |= {keys.b64(a.manifest) for a in SPEC.roster.agreements.values()}
    return found


# --- collecting -----------------------------------------------------------------------------------

Places = dict[str, set[str]]
"""What stands in each context: ``intent N``, ``offer N VENDOR``, ``terms VENDOR``, ``home``."""


class Collector:
    """Everything that one reader can fetch, over connections of its own."""

    def __init__(self, world: World, http: ClientSession, agent: VendorAgent | None) -> None:
        self.world, self.http, self.agent = world, http, agent
        self.found: Places = defaultdict(set)

    async def fetch(self, path: str, context: str, *, signed: bool = True) -> dict[str, Any]:
        headers = {}
        if signed and self.agent is not None:
            signer: Signer = self.agent.signer_for("")
            url = self.world.origin + path.partition("?")[0]
            headers = {"Authorization": "VRM " + self.agent.wire._request(signer, "GET", url)}
        async with self.http.get(self.world.origin + path, headers=headers) as answer:
            body = await answer.read()
            self.found[context] |= set(strings(dict(answer.headers)))
        if answer.content_type == "application/octet-stream":
            self.found[context] |= {body.decode("latin-1")}
            return {}
        document: dict[str, Any] = json.loads(body)
        if context != "feed":
            self.found[context] |= set(strings(document))
        return document

    async def board(self, named: dict[str, str]) -> None:
        """All pages of the feed; each item in the context of its intent."""
        cursor, more = "", True
        while more:
            page = await self.fetch(f"/v1/boards/intents?limit=3{cursor}", "feed", signed=False)
            for item in page["items"]:
                self.found[named[item["mid"]]] |= set(strings(item))
            cursor, more = f"&cursor={page['cursor']}", page["more"]

    async def threads(self, named: dict[str, str], blobs: dict[str, str]) -> None:
        """The list of the threads, each thread and record, the intents, and blobs."""
        listed = await self.fetch("/v1/threads?limit=200", "list")
        self.found.pop("list")
        own = [thread["thid"] for thread in listed["threads"]]
        assert own
        for thid in {*own, *(t for t, name in named.items() if name.startswith("intent"))}:
            await self.fetch(f"/v1/threads/{thid}", named[thid])
        for view in self.agent.views() if self.agent else ():
            if view.thread.record:
                document = await self.fetch(f"/v1/records/{view.thread.record}", named[view.thid])
                assert document["kind"] == "agreement"
        for digest, context in blobs.items():
            await self.fetch(f"/v1/blobs/{digest}", context)


def record_polls(agent: VendorAgent, into: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    poll = agent.wire.poll

    async def recorded(*args: Any, **options: Any) -> Any:
        answer = await poll(*args, **options)
        into.append(answer.document())
        return answer

    monkeypatch.setattr(agent.wire, "poll", recorded)


# --- the story ------------------------------------------------------------------------------------


async def deal(customer: CustomerAgent, vendor: VendorAgent, intent: str, thid: str) -> None:
    """Accepted, confirmed, disclosed, and held under her key for this vendor from then on."""
    asked = await customer.say(thid, f"Is it still there, for {customer.view(intent).messages[0].mid[:6]}?")
    await vendor.poll()
    await vendor.say(thid, "Yes.", answers=asked.mid)
    await customer.poll()
    await customer.accept_offer(thid)
    await vendor.poll()
    await vendor.confirm(thid)
    await customer.poll()
    await customer.release(thid, name=NAME, phone=PHONE)
    await customer.introduce(thid)
    await vendor.poll()
    await vendor.say(thid, "Here it is.")
    await customer.poll()
    await customer.say(thid, f"Thanks for the {customer.view(intent).messages[0].body['need']['title']}.")


async def told(world: World, monkeypatch: pytest.MonkeyPatch, label: str = "") -> tuple[Places, set[str]]:
    """The story, and all that the three have got of it; the strings that do not come from her."""
    customer = await world.customer()
    policy = Policy(accepts=("SD-BASE-DP",))
    vendors = {name: await world.vendor(name, policy=policy) for name in ("A", "B")}
    polls: dict[str, list[dict[str, Any]]] = {"A": [], "B": []}
    for name, vendor in vendors.items():
        record_polls(vendor, polls[name], monkeypatch)
    named: dict[str, str] = {}
    blobs: dict[str, str] = {}
    offers: dict[tuple[int, str], str] = {}
    for n, thing in enumerate(GOODS):
        picture = await customer.put_blob(f"a picture of my {thing}".encode(), "image/png")
        need: dict[str, Any] = {
            "title": f"{thing} wanted",
            "categories": [{"scheme": "unspsc", "code": "25101503"}],
            "media": [picture],
        }
        if label:
            need["attributes"] = [{"name": "my sign", "value": label}]
        disclose = [
            {"field": field, "category": f"https://w3id.org/dpv/pd#{kind}", "purpose": ORDER}
            for field, kind in (("name", "Name"), ("phone", "TelephoneNumber"))
        ]
        intent = (await customer.publish(need, disclose=disclose, where="NL-NH", until=f"P{n + 2}D")).thid
        named[intent], blobs[picture["sha256"]] = f"intent {n}", f"intent {n}"
        world.clock.time += 11
    for name, vendor in vendors.items():
        changes = [change async for change in vendor.watch(wait=0)]
        assert len(changes) == len(GOODS)
        for change in changes:
            total = {"amount": "10.00", "currency": "EUR"}
            item = {"title": f"one of {name}", "quantity": {"value": "1"}, "price": total}
            made = await vendor.offer(change, [item], total)
            n = int(named[change.thid].split()[1])
            offers[n, name] = made.thid
            named[made.thid] = f"offer {n} {name}"
        proffered = await customer.proffer(vendor.origin, "SD-BASE-DP")
        named[proffered.thid] = f"terms {name}"
        await vendor.answer_all()
    await customer.poll()
    intents = {name: thid for thid, name in named.items()}
    for n, name in ((0, "A"), (1, "B")):
        await deal(customer, vendors[name], intents[f"intent {n}"], offers[n, name])
    await customer.amend(intents["intent 2"], until="P20D")
    await customer.pause(intents["intent 3"])
    await customer.close(intents["intent 4"], "abandoned")
    for vendor in vendors.values():
        await vendor.poll()
    return await collected(world, vendors, polls, named, blobs)


async def collected(
    world: World,
    vendors: dict[str, VendorAgent],
    polls: dict[str, list[dict[str, Any]]],
    named: dict[str, str],
    blobs: dict[str, str],
) -> tuple[Places, set[str]]:
    everything: Places = defaultdict(set)
    others: set[str] = constants() | {NAME, PHONE}
    async with ClientSession() as http:
        for reader in (None, *vendors.values()):
            collector = Collector(world, http, reader)
            await collector.fetch("/.well-known/vrm-configuration", "home", signed=False)
            await collector.fetch("/v1/roster", "home", signed=False)
            await collector.board(named)
            if reader is not None:
                theirs = await reader.put_blob(b"a file that is not hers")
                await collector.fetch(f"/v1/blobs/{theirs['sha256']}", "home")
                await collector.threads(named, blobs)
                others |= set(strings(reader.discovery()))
                others.add(keys.b64(strictjson.dumps(reader.discovery())))
            others |= collector.found.pop("home") | collector.found.pop("feed")
            for context, found in collector.found.items():
                everything[context] |= found
    for documents in polls.values():
        for document in documents:
            for mid, token in document["sets"].items():
                thid = envelope.peek(token)[1].get("thid", mid)
                everything[named[thid]] |= {mid, *strings(token), *strings(document["receipts"][mid])}
    blob_url = f"{world.origin}/v1/blobs/"
    others |= {s for found in everything.values() for s in found if TIME.fullmatch(s)}
    others |= {envelope.MESSAGE, envelope.RECEIPT, envelope.PROOF}
    others |= {"one of A", "one of B", "25101503", "image/png", "Here it is.", blob_url, "no-store"}
    return everything, others


def joined_by_her(one: str, other: str) -> bool:
    """Contexts that are joined as she wants it: an offer with its intent, and with the vendor she met."""
    (kind, *rest), (other_kind, *other_rest) = one.split(), other.split()
    if {kind, other_kind} == {"intent", "offer"}:
        return rest[0] == other_rest[0]
    if kind == other_kind == "offer":
        return rest[0] == other_rest[0]
    met = {("offer 0 A", "terms A"), ("offer 1 B", "terms B")}
    return (one, other) in met or (other, one) in met


def links(places: Places, others: set[str]) -> dict[str, list[tuple[str, str]]]:
    """Each string that joins contexts which nothing should join, with the contexts."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one, other in itertools.combinations(sorted(places), 2):
        if joined_by_her(one, other):
            continue
        for text in places[one] & places[other] - others:
            if len(text) > LONGEST_COINCIDENCE:
                found[text].append((one, other))
    return dict(found)


async def test_nothing_joins_what_she_has_not_joined(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    places, others = await told(world, monkeypatch)
    assert len(places) == len(GOODS) + 2 * len(GOODS) + 2
    assert all(len(found) > 20 for found in places.values())
    assert links(places, others) == {}


def vendors_of(found: list[tuple[str, str]]) -> set[str]:
    return {context for pair in found for context in pair}


async def test_what_two_vendors_hold_of_one_intent_is_public_or_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one intent the two have in common what the board shows of it, and nothing else."""
    places, others = await told(world, monkeypatch)
    for n in range(len(GOODS)):
        both = places[f"offer {n} A"] & places[f"offer {n} B"] - others - places[f"intent {n}"]
        assert {text for text in both if len(text) > LONGEST_COINCIDENCE} == set()


async def test_a_key_used_twice_would_be_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CustomerAgent, "_spend", lambda self: self._once(0))
    monkeypatch.setattr(CustomerAgent, "_reserve", lambda self: self._once(0))
    monkeypatch.setattr(CustomerAgent, "_intents", lambda self: {"next": 1, "reserved": None, "quiet": []})
    found = links(*await told(world, monkeypatch))
    dids = [text for text in found if text.startswith(keys.DID)]
    assert len(dids) == 1
    assert {f"intent {n}" for n in range(len(GOODS))} <= vendors_of(found[dids[0]])


async def test_one_identifier_in_all_messages_would_be_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrmproto.agents.agent.new_jti", lambda: "A" * 24)
    found = links(*await told(world, monkeypatch))
    assert list(found) == ["A" * 24]


async def test_a_label_would_be_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = links(*await told(world, monkeypatch, label="household 4711"))
    assert list(found) == ["household 4711"]
