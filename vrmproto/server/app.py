"""Puts a home behind HTTP: routes from ``spec/endpoints.json``, middleware, start and stop."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web

from vrmproto import keys, strictjson
from vrmproto.errors import SpecError
from vrmproto.home import Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.outgoing import KeyCache, Outgoing
from vrmproto.server.http import CORS, PREFLIGHT, problems
from vrmproto.server.pages import Build, Pages
from vrmproto.server.routes import Routes, endpoint_path
from vrmproto.spec import Spec
from vrmproto.storage.base import Store

__all__ = ["create_app", "load_signing_keys", "open_home"]


def create_app(
    home: Home, clock: Callable[[], float] = time.time, pages: Build | None = None
) -> web.Application:
    """The aiohttp application of a home; ``clock`` gives epoch seconds.

    ``pages`` makes the site of the specification, path to file, which stands at ``/spec`` then: beside the
    table, as no home has to have it.
    """
    app = web.Application(middlewares=[problems(home.spec)], client_max_size=0)
    outgoing = Outgoing(dev=home.config.dev)
    store = home.store
    cache = KeyCache(outgoing, load=store.load_keys, save=store.save_keys, clock=clock, eager=False)
    routes = Routes(home, cache, clock)
    handlers = routes.handlers()
    missing = {e["name"] for e in home.spec.endpoints} ^ handlers.keys()
    if missing:
        raise SpecError(f"endpoints.json and this server differ in {sorted(missing)}")
    for path in dict.fromkeys(endpoint_path(dict(e)) for e in home.spec.endpoints):
        app.router.add_route("OPTIONS", path, _preflight)
    for endpoint in home.spec.endpoints:
        path = endpoint_path(dict(endpoint))
        app.router.add_route(endpoint["method"], path, handlers[endpoint["name"]])
        if endpoint["method"] == "GET" and endpoint["auth"] == "none":
            app.router.add_route("HEAD", path, handlers[endpoint["name"]])
    if pages is not None:
        site = Pages(pages)
        for path in ("/spec", "/spec/{path:.*}"):
            app.router.add_get(path, site.page)  # HEAD too
            app.router.add_route("OPTIONS", path, _preflight)

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        yield
        await cache.close()
        await outgoing.close()

    async def release(_: web.Application) -> None:
        routes.stopping = True
        routes.wakeups.release()

    app.cleanup_ctx.append(lifespan)
    app.on_shutdown.append(release)
    return app


async def _preflight(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204, headers=CORS | PREFLIGHT)


def load_signing_keys(path: Path, alg: str = "Ed25519") -> list[PrivateKey]:
    """The home's keys of a JWK Set file, the signing one first; made with mode 0600 if it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(path, strictjson.dumps({"keys": [keys.generate(alg).jwk]}))
    document, broken = strictjson.read(path.read_bytes())
    if broken or not document.get("keys"):
        raise SpecError(f"{path}: is not a JWK Set with at least one private key")
    return [keys.load_private(jwk) for jwk in document["keys"]]


def _write_durably(path: Path, data: bytes) -> None:
    """Whole, or not at all, and on disk: receipts are worth nothing without the key that signed them."""
    part = path.with_name(f".{path.name}.new")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(data)
        file.flush()
        os.fsync(handle)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_home(spec: Spec, store: Store, data: Path, config: Config) -> Home:
    """A home whose keys lie in ``data/keys.json``."""
    return Home(spec, store, load_signing_keys(data / "keys.json"), config)
