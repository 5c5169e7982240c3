"""A real home on loopback and raw parties that sign for themselves: what scenario tests are told with.

The parties here seal tokens and speak plain aiohttp; they share no code with the agents.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from vrmproto import envelope, keys, spec
from vrmproto.home import Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.server.app import create_app
from vrmproto.server.pages import Build
from vrmproto.storage.base import Store
from vrmproto.storage.memory import MemoryStore

SPEC = spec.load()


class Clock:
    """A clock that tests move; it runs with the machine's otherwise."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def forward(self, seconds: float) -> None:
        self.offset += seconds


def free_socket() -> tuple[socket.socket, str]:
    """A bound socket on loopback and the origin of what will listen on it."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextlib.asynccontextmanager
async def listening(app: web.Application, bound: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.SockSite(runner, bound).start()
        yield
    finally:
        await runner.cleanup()


@dataclass
class Reply:
    """An HTTP answer, with what of it matters."""

    status: int
    body: bytes
    document: dict[str, Any]
    """The receipt's claims of a 2xx, else the problem."""
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.document.get("code", ""))

    @property
    def state(self) -> str:
        return str(self.document.get("state", ""))


@dataclass
class World:
    """One running home."""

    origin: str
    home: Home
    clock: Clock
    http: ClientSession
    stack: contextlib.AsyncExitStack = field(repr=False)

    async def post(
        self, raw: bytes | str, path: str = "/v1/messages", media: str = "application/jwt", **headers: str
    ) -> Reply:
        data = raw.encode() if isinstance(raw, str) else raw
        async with self.http.post(
            self.origin + path, data=data, headers={"Content-Type": media, **headers}
        ) as answer:
            return await _reply(answer)

    async def get(self, path: str, **headers: str) -> Reply:
        async with self.http.get(self.origin + path, headers=headers) as answer:
            return await _reply(answer)

    async def send(self, method: str, path: str, data: bytes | None = None, **headers: str) -> Reply:
        """Any other request."""
        async with self.http.request(method, self.origin + path, data=data, headers=headers) as answer:
            return await _reply(answer)

    def person(self, alg: str = "Ed25519") -> Party:
        key = keys.generate(alg)
        return Party(self, key.did, key)

    async def organisation(self, alg: str = "ES256", **document: Any) -> Organisation:
        """An organisation with a discovery document of its own, known at the home."""
        bound, origin = free_socket()
        key = keys.generate(alg)
        organisation = Organisation(self, origin, key)
        organisation.extra = document
        app = web.Application()
        app.router.add_get("/.well-known/vrm-configuration", organisation.serve)
        await self.stack.enter_async_context(listening(app, bound))
        await organisation.announce()
        return organisation


async def _reply(answer: Any) -> Reply:
    body = await answer.read()
    document: dict[str, Any] = {}
    if answer.content_type == "application/jwt":
        document = envelope.peek(body)[1]
    elif "json" in answer.content_type:
        import json

        document = json.loads(body)
    return Reply(answer.status, body, document, dict(answer.headers))


@dataclass
class Party:
    """A person, or a second party with a did:jwk: signs, sends and remembers what it sent last."""

    world: World
    id: str
    key: PrivateKey
    tokens: list[str] = field(default_factory=list)

    def claims(self, type_: str, body: dict[str, Any], to: str, **more: Any) -> dict[str, Any]:
        """Claims of a message; ``thid``/``prev`` and anything else through ``more`` (None leaves out)."""
        now = int(self.world.clock())
        claims = {
            "vrm": "1.0",
            "home": self.world.origin,
            "type": type_,
            "iss": self.id,
            "aud": to,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 600,
            "body": body,
            **more,
        }
        return {k: v for k, v in claims.items() if v is not None}

    def sign(self, claims: dict[str, Any], typ: str = envelope.MESSAGE) -> str:
        return envelope.seal(self.key, claims, typ)

    async def send(self, type_: str, body: dict[str, Any], to: str, **more: Any) -> Reply:
        token = self.sign(self.claims(type_, body, to, **more))
        self.tokens.append(token)
        return await self.world.post(token)

    def request(self, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> str:
        now = int(self.world.clock())
        claims = {
            "iss": self.id,
            "aud": self.world.origin,
            "htm": method,
            "htu": self.world.origin + path,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
            **({"body": body} if body is not None else {}),
            **more,
        }
        return self.sign(claims, envelope.REQUEST)

    async def read(self, path: str) -> Reply:
        plain = path.partition("?")[0]
        return await self.world.get(path, Authorization=f"VRM {self.request('GET', plain)}")

    async def poll(self, **body: Any) -> Reply:
        token = self.request("POST", "/v1/poll", {"returnImmediately": True, **body})
        return await self.world.post(token, "/v1/poll")

    async def announce(self) -> None:
        """Poll once, so that this party is an addressee known at the home."""
        assert (await self.poll(maxEvents=0)).status == 200


@dataclass
class Organisation(Party):
    """An organisation: an origin whose discovery document this test serves."""

    extra: dict[str, Any] = field(default_factory=dict)
    retired: list[dict[str, Any]] = field(default_factory=list)
    shown: list[PrivateKey] | None = None
    reads: int = 0

    async def serve(self, _: web.Request) -> web.Response:
        self.reads += 1
        listed = [{**k.public.jwk, "kid": k.public.kid} for k in (self.shown or [self.key])]
        return web.json_response(
            {
                "issuer": self.id,
                "versions": ["1.0"],
                "roles": ["organisation"],
                "homes": [self.world.origin],
                "keys": listed,
                "historical_keys": self.retired,
                **self.extra,
            }
        )


@contextlib.asynccontextmanager
async def running(
    store: Store | None = None, spec_dir: Path | None = None, pages: Build | None = None, **config: Any
) -> AsyncIterator[World]:
    """A home on a free port of loopback, in development mode, stopped at the end."""
    bound, origin = free_socket()
    clock = Clock()
    own = store if store is not None else MemoryStore()
    settings = {"dev": True, "max_wait": 2, **config}
    home = Home(spec.load(spec_dir), own, [keys.generate()], Config(origin=origin, **settings))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(own.close)
        await stack.enter_async_context(listening(create_app(home, clock, pages), bound))
        http = await stack.enter_async_context(ClientSession())
        yield World(origin, home, clock, http, stack)


def agreement(name: str) -> dict[str, str]:
    """``{id, version, digest}`` of the reference roster."""
    return SPEC.roster.named(name).reference


def proffer(clock: Clock, preferred: str = "SD-BASE-DP", *acceptable: str, **more: Any) -> dict[str, Any]:
    """The body of a proffer that a home takes now."""
    from vrmproto import timing

    body: dict[str, Any] = {
        "roster": {"id": SPEC.roster.id, "version": SPEC.roster.version},
        "preferred": agreement(preferred),
        "lang": "en",
        "place": "ZZ",
        "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
        "answer_by": timing.text(int(clock()) + 3600),
        **more,
    }
    if acceptable:
        body["acceptable"] = [agreement(name) for name in acceptable]
    return body


def acceptance(mid: str, name: str = "SD-BASE-DP") -> dict[str, Any]:
    """The body of an acceptance of what stands in the message ``mid``."""
    return {"accepts": mid, "agreement": agreement(name), "lang": "en", "place": "NL"}
