"""A market over real HTTP: a person with intents on a board, and vendors that answer. Forged by hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests import forge
from tests.scenarios.deal import turn_to
from tests.scenarios.recorder import Exchange, Recorder
from tests.world import Organisation, Party, Reply, World, agreement, running
from vrmproto import envelope, spec, timing
from vrmproto.storage.base import Store

__all__ = ["Exchange", "Market", "Thread", "market"]

SPEC = spec.load()
ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
SERVICE = "https://w3id.org/dpv#RequestedServiceProvision"
OCTETS = "application/octet-stream"
PAIRED = ("terms", "relationship", "consent", "dialogue", "data")
"""Kinds whose threads decide about those of others between the two."""


def eur(amount: str = "12450.00", currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


@dataclass
class Thread:
    """A thread as the test has followed it."""

    kind: str
    first: Party
    second: Party | None
    thid: str = ""
    head: str = ""
    state: str = ""
    offer: str = ""
    """The mid of the last offer.make or offer.revise."""
    version: int = 1
    parent: Thread | None = None
    record: str = ""
    """The mid of the message that made its agreement, or its consent."""
    under: Thread | None = None
    """The thread of the agreement that its messages name in ``agr``."""


@dataclass
class Market:
    """One home with a board, and everything that was said there."""

    world: World
    vendors: list[Organisation]
    keeping: bool = False
    """Copies of the store are kept around every message."""
    watching: bool = False
    """After each message of an intent the inboxes of its vendors are looked at."""
    log: list[Exchange] = field(default_factory=list)
    offers: list[Thread] = field(default_factory=list)
    shown_effects: set[tuple[str, str]] = field(default_factory=set)
    """Effects that a scenario has seen, each with `changes` or `refuses`."""

    @property
    def recorder(self) -> Recorder:
        return Recorder(self.world, keeping=self.keeping)

    @property
    def board(self) -> str:
        return f"{self.world.origin}/v1/boards/intents"

    def time(self, seconds: int) -> str:
        return timing.text(int(self.world.clock()) + seconds)

    # --- bodies ---------------------------------------------------------------------------------

    def intent(self, *, rules: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        made = {
            "version": 1,
            "terms": {
                "roster": {"id": SPEC.roster.id, "version": SPEC.roster.version},
                "preferred": agreement("PDC-INTENT"),
                "acceptable": [agreement("SD-BASE")],
            },
            "lang": "en",
            "place": "ZZ",
            "need": self.need(),
            "where": {"region": "NL-NH"},
            "offer_rules": self.rules(**(rules or {})),
            "disclose": [
                {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDERS},
                {"field": "phone", "category": "https://w3id.org/dpv/pd#TelephoneNumber", "purpose": CARE},
            ],
            "purge_within": "PT1H",
            "until": self.time(86400),
        }
        return {k: v for k, v in {**made, **more}.items() if v is not None}

    def rules(self, **more: Any) -> dict[str, Any]:
        made = {"offers": 9, "per_vendor": 3, "accepts": 1, "currencies": ["EUR"], "unverified": False}
        return {k: v for k, v in {**made, **more}.items() if v is not None}

    def need(self, **more: Any) -> dict[str, Any]:
        return {
            "title": "Toyota Yaris",
            "categories": [{"scheme": "unspsc", "code": "25101503"}],
            **more,
        }

    def amendment(self, version: int, *, rules: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        made = {
            "version": version,
            "need": self.need(),
            "offer_rules": self.rules(**(rules or {})),
            "until": self.time(86400),
        }
        return {**made, **more}

    def revision(self, version: int = 1, **more: Any) -> dict[str, Any]:
        item = {"title": "Yaris 1.5", "quantity": {"value": "1"}, "price": eur()}
        return {
            "version": version,
            "items": [item],
            "total": eur(),
            "valid_until": self.time(3600),
            **more,
        }

    def offer(self, intent: Thread, **more: Any) -> dict[str, Any]:
        named = {"accepts": intent.thid, "agreement": agreement("PDC-INTENT"), "lang": "en", "place": "NL"}
        return {**self.revision(intent.version), **named, **more}

    def saw(self, effect: str, column: str, reply: Reply) -> Reply:
        """Note that an answer has shown an effect: one that gives something, or one that refuses it."""
        assert reply.status < 400 if column == "changes" else reply.status >= 400, reply.document
        self.shown_effects.add((effect, column))
        return reply

    # --- other requests -------------------------------------------------------------------------

    def reference(self, data: bytes, **members: Any) -> dict[str, Any]:
        """A reference to a blob of these bytes."""
        digest = forge.digest(data)
        named = {"url": f"{self.world.origin}/v1/blobs/{digest}", "sha256": digest, "size": len(data)}
        return {**named, "media_type": "image/png", **members}

    async def put(self, by: Party, data: bytes) -> dict[str, Any]:
        """Put a blob; the reference to it."""
        path = f"/v1/blobs/{forge.digest(data)}"
        headers = {"Authorization": f"VRM {by.request('PUT', path)}"}
        reply = await self._act(by, "PUT", path, data, **headers, **{"Content-Type": OCTETS})
        assert reply.status == 201, reply.document
        return self.reference(data)

    async def remove(self, intent: Thread, code: str = "spam") -> Reply:
        """The operator takes an intent off the board."""
        operator = Party(self.world, self.world.origin, self.world.home.signing[0])
        path = f"/v1/boards/intents/{intent.thid}"
        token = operator.request("DELETE", path)
        return await self._act(
            operator, "DELETE", path, None, f"?code={code}", intent.thid, Authorization=f"VRM {token}"
        )

    async def _act(
        self,
        by: Party,
        method: str,
        path: str,
        data: bytes | None,
        query: str = "",
        root: str = "",
        **headers: str,
    ) -> Reply:
        known, at = self.recorder.copy(), int(self.world.clock())
        reply = await self.world.send(method, path + query, data, **headers)
        self.log.append(
            Exchange(
                kind="",
                thid="",
                root=root,
                role="",
                type="removal" if method == "DELETE" else "upload",
                before="",
                after="",
                code=reply.code,
                requirement=reply.document.get("requirement", ""),
                moves=(),
                above=(),
                at=at,
                claims={},
                sender=by,
                prev_known=True,
                blobs=False,
                known=known,
                left=self.recorder.copy(),
            )
        )
        return reply

    # --- messages -------------------------------------------------------------------------------

    async def publish(
        self, person: Party | None = None, *, to: str = "", **body: Any
    ) -> tuple[Thread, Reply]:
        person = person or self.world.person()
        thread = Thread("intent", person, None)
        token = person.sign(person.claims("intent.publish", self.intent(**body), to or self.board))
        return thread, await self.send(thread, person, token)

    async def make(
        self, intent: Thread, vendor: Party, claims: dict[str, Any] | None = None, **body: Any
    ) -> tuple[Thread, Reply]:
        thread = Thread("offer", intent.first, vendor, parent=intent)
        made = {"pthid": intent.thid, **(claims or {})}
        token = vendor.sign(
            vendor.claims("offer.make", self.offer(intent, **body), made.pop("aud", intent.first.id), **made)
        )
        return thread, await self.send(thread, vendor, token)

    def feedback(self, **more: Any) -> dict[str, Any]:
        return {"kind": "problem", "text": "The door sticks.", "lang": "en", "may_publish": False, **more}

    async def submit(self, by: Party | None = None, **body: Any) -> tuple[Thread, Reply]:
        """Feedback to the first vendor."""
        person, vendor = by or self.world.person(), self.vendors[0]
        thread = Thread("feedback", person, vendor)
        token = person.sign(person.claims("feedback.submit", self.feedback(**body), vendor.id))
        return thread, await self.send(thread, person, token)

    async def proffered(
        self, name: str = "SD-BASE", person: Party | None = None, vendor: Party | None = None, **more: Any
    ) -> Thread:
        """Terms, proffered to the first vendor or another one."""
        person, vendor = person or self.world.person(), vendor or self.vendors[0]
        thread = Thread("terms", person, vendor)
        body = {**self.intent()["terms"], "preferred": agreement(name), "lang": "en", "place": "NL"}
        body.pop("acceptable")
        body |= {"purpose": SERVICE, "answer_by": self.time(3600), **more}
        reply = await self.send(thread, person, person.sign(person.claims("terms.proffer", body, vendor.id)))
        assert reply.state == "proffered", reply.document
        return thread

    async def agree(self, terms: Thread, name: str = "SD-BASE") -> Reply:
        assert terms.second is not None
        body = {"accepts": terms.thid, "agreement": agreement(name), "lang": "en", "place": "NL"}
        return await self.say(terms, terms.second, "terms.accept", body)

    async def dispute(self, about: Thread, by: Party, **body: Any) -> tuple[Thread, Reply]:
        """About the agreement of a thread, by one of its parties or somebody else."""
        assert about.second is not None
        thread = Thread("dispute", about.first, about.second, parent=about)
        aud = about.first if by is about.second else about.second
        made = {"facts": "It was not as agreed.", **body}
        token = by.sign(by.claims("dispute.open", made, aud.id, pthid=about.thid))
        return thread, await self.send(thread, by, token)

    def write(
        self, thread: Thread, by: Party, type_: str, body: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """The token of the next message of a thread."""
        other = self.board if thread.second is None else thread.second.id
        aud = other if by is thread.first else thread.first.id
        made = {"thid": thread.thid, "prev": thread.head, **claims}
        return by.sign(by.claims(type_, body or {}, made.pop("aud", aud), **made))

    async def say(
        self, thread: Thread, by: Party, type_: str, body: dict[str, Any] | None = None, **claims: Any
    ) -> Reply:
        return await self.send(thread, by, self.write(thread, by, type_, body, **claims))

    async def accept(self, offer: Thread, **body: Any) -> Reply:
        made = {"takes": offer.offer, "confirm_by": self.time(1800), **body}
        return await self.say(offer, offer.first, "offer.accept", made)

    async def confirm(self, offer: Thread, **body: Any) -> Reply:
        assert offer.second is not None
        return await self.say(offer, offer.second, "offer.confirm", {"takes": offer.offer, **body})

    async def attest(self, offer: Thread, by: Party | None = None) -> Reply:
        body = {"erased_at": self.time(0), "kept": []}
        by = by or offer.second
        assert by is not None
        return await self.say(offer, by, "purge.attest", body)

    def introduction(self, offer: Thread, new: Party, **changes: Any) -> dict[str, Any]:
        assert offer.second is not None
        proof = {
            "iss": new.id,
            "sub": offer.first.id,
            "aud": offer.second.id,
            "home": self.world.origin,
            "thid": offer.thid,
            "iat": int(self.world.clock()),
            **changes,
        }
        return {"id": new.id, "proof": new.sign(proof, envelope.PROOF)}

    async def send(self, thread: Thread, by: Party, token: str) -> Reply:
        recorder, claims = self.recorder, envelope.peek(token)[1]
        parent = thread.parent.thid if thread.parent else ""
        told: dict[str, Any] = {
            "kind": thread.kind,
            "role": "first" if by is thread.first or claims["type"] in SPEC.rotations else "second",
            "type": claims["type"],
            "before": self.state(thread),
            "moves": recorder.moves(thread.thid),
            "above": recorder.moves(parent),
            "at": int(self.world.clock()),
            "claims": claims,
            "sender": by,
            "prev_known": recorder.prev_known(claims),
            "blobs": bool(SPEC.types[claims["type"]].blobs(claims["body"])),
            "known": recorder.copy(),
        }
        reply = await self.world.post(token)
        taken = reply.status == 202
        if taken:
            self.follow(thread, token, reply)
        self.log.append(
            Exchange(
                thid=thread.thid,
                root="" if thread.kind in PAIRED else parent or thread.thid,
                after=reply.state if taken else "",
                code=reply.code,
                requirement=reply.document.get("requirement", ""),
                left=recorder.copy(),
                mid=envelope.mid_of(token),
                up=parent,
                **told,
            )
        )
        if taken and self.watching and thread.kind == "intent" and "thid" in claims:
            await self._check_delivery(thread)
        return reply

    async def _check_delivery(self, intent: Thread) -> None:
        """The last message of an intent is once with each vendor that has not purged, and no other."""
        made = [offer for offer in self.offers if offer.parent is intent and offer.second is not None]
        vendors = {offer.second.id: offer.second for offer in made if offer.second is not None}
        waiting = {o.second.id for o in made if o.second is not None and self.state(o) != "purged"}
        for name, vendor in vendors.items():
            reply = await vendor.poll(maxEvents=500)
            assert reply.document["order"].count(intent.head) == int(name in waiting), intent.state
            # An end is told to those who wait only: who has purged is refused what was in the inbox before.
            self.shown_effects.add(("delivery", "changes" if name in waiting else "refuses"))

    def follow(self, thread: Thread, token: str, reply: Reply) -> None:
        """Note a message that was taken."""
        claims, made = envelope.peek(token)[1], envelope.mid_of(token)
        thread.thid = thread.thid or made
        thread.head, thread.state = made, reply.state
        if claims["type"] == "offer.make":
            self.offers.append(thread)
        if claims["type"] in ("offer.make", "offer.revise"):
            thread.offer = made
        if claims["type"] in ("offer.make", "terms.accept", "consent.grant"):
            thread.record = made
        thread.version = claims["body"].get("version", thread.version)

    def state(self, thread: Thread) -> str:
        """What the home says that a thread is now; '' before it is opened."""
        stored = self.world.home.store.thread(thread.thid) if thread.thid else None
        return self.world.home.status(stored, int(self.world.clock())).state if stored else ""

    async def offered(self, intent: Thread, vendor: Party, **body: Any) -> Thread:
        thread, reply = await self.make(intent, vendor, **body)
        assert reply.state == "offered", reply.document
        return thread

    async def opened(self, person: Party | None = None, **body: Any) -> Thread:
        thread, reply = await self.publish(person, **body)
        assert reply.state == "open", reply.document
        return thread

    async def shown(self, **query: str) -> list[dict[str, Any]]:
        """Every item of the board's feed from its beginning."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            parts = [f"{k}={v}" for k, v in query.items()] + ([f"cursor={cursor}"] if cursor else [])
            reply = await self.world.get("/v1/boards/intents?" + "&".join(parts))
            assert reply.status == 200, reply.document
            assert not SPEC.faults("documents/feed.json", reply.document)
            items += reply.document["items"]
            cursor = reply.document["cursor"]
            if not reply.document["more"]:
                return items


@contextlib.asynccontextmanager
async def market(
    store: Store | None = None,
    vendors: int = 2,
    *,
    keeping: bool = False,
    watching: bool = False,
    at: str = "",
    **config: Any,
) -> AsyncIterator[Market]:
    """A running home and its vendors, each an organisation with a discovery document; ``at`` is its time."""
    async with running(store, **config) as world:
        if at:
            turn_to(world, timing.seconds(at))
        made = [await world.organisation() for _ in range(vendors)]
        for vendor in made:
            await vendor.announce()
        yield Market(world, made, keeping=keeping, watching=watching)
