"""The handlers, one an endpoint of ``spec/endpoints.json``, by its name."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from vrmproto import consent_views, documents, keys, strictjson, views
from vrmproto.boards import REMOVALS, Filter
from vrmproto.envelope import Opening
from vrmproto.errors import ProtocolError
from vrmproto.feed import Feed, Page
from vrmproto.home import Acknowledgement, Arrival, Home
from vrmproto.keys import PublicKey
from vrmproto.outgoing import KeyCache
from vrmproto.reading import PAGE, Reader, Request, check_request, not_found, parse_request
from vrmproto.roster import Agreement
from vrmproto.server import openapi
from vrmproto.server.batcher import Batcher, Wakeups
from vrmproto.server.http import CORS, json_answer, read_bytes, read_token, static
from vrmproto.server.negotiate import LD_JSON, accepts, choose

__all__ = ["Routes"]

_MAX_AUTHORIZATION = 8000
_DEFAULT_EVENTS = 100
_RECEIPT_HEADERS = {**CORS, "Cache-Control": "no-store", "Content-Type": "application/jwt"}
_BLOB_HEADERS = {
    **CORS,
    "Content-Type": "application/octet-stream",
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}
_FOREVER = "public, max-age=31536000, immutable"


class Routes:
    """Handlers over one home; :meth:`handlers` maps endpoint names to them."""

    def __init__(self, home: Home, key_cache: KeyCache, clock: Callable[[], float]) -> None:
        self.home = home
        self.keys = key_cache
        self.clock = clock
        self.reader = Reader(home)
        self.wakeups = Wakeups()
        self.batcher = Batcher(home, clock, self.wakeups)
        self.stopping = False
        spec, origin = home.spec, home.config.origin
        document = documents.discovery(spec, home.config, [k.public for k in home.signing])
        self.feed = Feed(home)
        self._blobs = document["endpoints"].get("blobs", "")
        self._discovery = strictjson.dumps(document)
        self._myterms = strictjson.dumps(documents.myterms(document))
        self._board: Mapping[str, Any] = next((e for e in spec.endpoints if e["name"] == "boards"), {})
        self._records = next(e for e in spec.endpoints if e["name"] == "records")
        self._openapi = strictjson.dumps(openapi.build(spec, origin))

    def handlers(self) -> dict[str, Handler]:
        """Endpoint name to handler."""
        return {
            "discovery": self.discovery,
            "messages": self.messages,
            "poll": self.poll,
            "threads": self.threads,
            "thread": self.thread,
            "records": self.record,
            "roster": self.roster,
            "agreement": self.agreement,
            "myterms": self.myterms,
            "ladder": self.ladder,
            "relationships": self.relationship,
            "boards": self.board,
            "removal": self.removal,
            "blobs": self.blob,
            "upload": self.upload,
            "schemas": self.schema,
            "openapi": self.openapi,
            "healthz": self.healthz,
            "readyz": self.readyz,
        }

    def now(self) -> int:
        """The home's clock, epoch seconds."""
        return int(self.clock())

    # --- messages and polls ---------------------------------------------------------------------

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """``POST /v1/messages``."""
        opening = self.home.parse(await read_token(request))
        key, seen_at = None, None
        if not opening.claims["iss"].startswith(keys.DID):
            answer = self.home.precheck(opening, self.now())
            if answer is not None:
                return _receipt(answer.status, answer.receipt)
            key, seen_at = await self._published_key(opening, request)
        answer = await self.batcher.message(Arrival(opening, key, seen_at))
        return _receipt(answer.status, answer.receipt)

    async def poll(self, request: web.Request) -> web.StreamResponse:
        """``POST /v1/poll``."""
        asked = await self._request(await read_token(request), request)
        if faults := self.home.spec.faults("documents/poll-request.json", asked.body):
            detail = f"body{faults[0]['pointer']} {faults[0]['message']}"
            raise ProtocolError("request-invalid", detail, rule="VRM-HOM-015", errors=faults)
        await self.batcher.submit(Acknowledgement(asked.party, tuple(asked.body.get("ack", ()))))
        limit = asked.body.get("maxEvents", _DEFAULT_EVENTS)
        document = self.reader.poll(asked.party, limit, self.now())
        waits = limit > 0 and not asked.body.get("returnImmediately", False)
        if waits and not document["order"] and "notices" not in document and not self.stopping:
            await self.wakeups.wait(asked.party, self.home.config.max_wait)
            document = self.reader.poll(asked.party, limit, self.now())
        return json_answer(document)

    # --- signed reads ---------------------------------------------------------------------------

    async def threads(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/threads``."""
        asked = await self._signed_read(request)
        after = _number(request, "after", 0, 0, 2**62)
        limit = _number(request, "limit", 50, 1, PAGE)
        return json_answer(self.reader.threads(asked.party, after, limit, self.now()))

    async def thread(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/threads/{thid}``."""
        asked = await self._signed_read(request)
        start = _number(request, "from", 1, 1, 2**53)
        limit = _number(request, "limit", 50, 1, PAGE)
        thid = _mid(request.match_info["thid"])
        return json_answer(self.reader.thread(asked.party, thid, start, limit, self.now()))

    async def relationship(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/relationships/{thid}``."""
        asked = await self._signed_read(request)
        thid = _mid(request.match_info["thid"])
        return json_answer(self.reader.relationship(asked.party, thid, self.now()))

    async def record(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/records/{id}``, that of a consent also in a profile of ISO/IEC TS 27560."""
        asked = await self._signed_read(request)
        profile = _chosen(self._records, request, "VRM-HOM-015")["profile"]
        record = self.reader.record(asked.party, _mid(request.match_info["id"]), self.now())
        if not profile:
            return json_answer(record)
        return json_answer(consent_views.acceptable(self.home.spec, profile, record), media=LD_JSON)

    # --- boards and blobs -----------------------------------------------------------------------

    async def board(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/boards/{name}``."""
        name = request.match_info["name"]
        if self.feed.board(name).access == "signed":
            await self._signed_read(request)
        wanted, cursor = _filter(self._board, request), request.query.get("cursor", "")
        limit = _number(request, "limit", 50, 1, PAGE)
        wait = min(_number(request, "wait", 0, 0, 86400), self.home.config.max_wait)
        page = await self._page(name, wanted, cursor, limit, wait)
        data, media = page.data, "application/json"
        if accepts(request.headers, LD_JSON):
            items = strictjson.read(page.data)[0]["items"]
            data = strictjson.dumps(views.feed(self.home.spec, self.feed.urls[name], items))
            media = LD_JSON
        headers = {**CORS, "Cache-Control": "no-store", "Content-Type": media, "Vary": "Accept"}
        return web.Response(body=data, headers=headers)

    async def _page(self, name: str, wanted: Filter, cursor: str, limit: int, wait: int) -> Page:
        """A page with something on it, or after ``wait`` seconds what there is.

        Between a read and the wait nothing else runs, so that no change is missed. One that the filters do
        not match wakes the reader too: it waits on behind it.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        page = self.feed.page(name, wanted, cursor, limit, self.now())
        while page.empty and not self.stopping and (left := until - loop.time()) > 0:
            await self.wakeups.wait(self.feed.urls[name], left)
            page = self.feed.page(name, wanted, page.cursor, limit, self.now())
        return page

    async def removal(self, request: web.Request) -> web.StreamResponse:
        """``DELETE /v1/boards/{name}/{mid}``: signed with the home's own key (VRM-BRD-017)."""
        raw = _authorization(request)
        opening = parse_request(self.home, raw)
        kid = opening.header["kid"]
        key = next((k.public for k in self.home.signing if k.public.kid == kid), None)
        if opening.claims["iss"] != self.home.config.origin or key is None:
            detail = "this is for the operator: the request is signed with a key of this home"
            raise ProtocolError("request-invalid", detail, rule="VRM-HOM-015")
        path = request.rel_url.raw_path
        check_request(self.home, opening, key, method=request.method, path=path, now=self.now())
        code = request.query.get("code", "")
        if code not in REMOVALS:
            detail = f"the parameter code is one of {', '.join(REMOVALS)}"
            raise ProtocolError("request-invalid", detail, rule="VRM-BRD-017")
        name, thid = request.match_info["name"], _mid(request.match_info["mid"])
        self.feed.board(name)
        first = self.home.remove(self.feed.urls[name], thid, code, self.now())
        if first is None:
            raise not_found()
        self.wakeups.notify(self.feed.urls[name])
        self.wakeups.notify(first)
        return web.Response(status=204, headers=CORS)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """``PUT /v1/blobs/{sha256}``."""
        asked = await self._signed_read(request)
        most = self.home.config.blob
        data = await read_bytes(request, "application/octet-stream", most, "VRM-BLB-002")
        digest = keys.b64(hashlib.sha256(data).digest())
        if digest != request.match_info["sha256"]:
            detail = "the id in the URL is to be base64url(SHA-256(bytes))"
            raise ProtocolError("blob-mismatch", detail, rule="VRM-BLB-001")
        if not data:  # no reference can name it
            raise ProtocolError("request-invalid", "a blob has one byte or more", rule="VRM-HOM-015")
        self.home.put_blob(asked.party, digest, data, self.now())
        url = f"{self._blobs}/{digest}"
        return json_answer({"url": url, "sha256": digest, "size": len(data)}, status=201)

    async def blob(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/blobs/{sha256}``."""
        asked = await self._signed_read(request)
        data = self.reader.blob(asked.party, _mid(request.match_info["sha256"]), self.now())
        return web.Response(body=data, headers=_BLOB_HEADERS)

    async def _signed_read(self, request: web.Request) -> Request:
        return await self._request(_authorization(request), request)

    async def _request(self, raw: bytes, request: web.Request) -> Request:
        opening = parse_request(self.home, raw)
        key = None
        if not opening.claims["iss"].startswith(keys.DID):
            try:
                key, _ = await self._published_key(opening, request)
            except ProtocolError as error:
                if error.code == "key-unavailable":
                    raise
                detail = f"{error.code}: {error.detail}"
                raise ProtocolError("request-invalid", detail, rule="VRM-HOM-015") from None
        return check_request(
            self.home, opening, key, method=request.method, path=request.rel_url.raw_path, now=self.now()
        )

    async def _published_key(self, opening: Opening, request: web.Request) -> tuple[PublicKey, int]:
        """The key of an organisation and when it was seen in its discovery document."""
        kid = opening.header["kid"]
        origin = opening.claims["iss"]
        found = await self.keys.key_set(origin, kid, now=self.now(), client=request.remote or "")
        key = found.find(kid)
        self.keys.confirm(origin, lambda: key.verify(opening.signing_input, opening.signature))
        return key, found.seen_at

    # --- public documents -----------------------------------------------------------------------

    async def discovery(self, request: web.Request) -> web.StreamResponse:
        """``GET /.well-known/vrm-configuration``."""
        return static(request, self._discovery, "application/json")

    async def myterms(self, request: web.Request) -> web.StreamResponse:
        """``GET /.well-known/myterms``."""
        return static(request, self._myterms, "application/json")

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """``GET /openapi.json``."""
        return static(request, self._openapi, "application/json")

    async def roster(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/roster``."""
        return static(request, self.home.spec.roster.document, "application/json")

    async def ladder(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/ladder``."""
        return static(request, self.home.spec.ladder.document, "application/json")

    async def agreement(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/roster/{id}/{version}``: the layer that ``Accept`` asks for."""
        found = self._agreement(request.match_info["id"], request.match_info["version"])
        text = choose(found, request.headers, request.query)
        vary = {"Vary": "Accept, Accept-Language"}
        if text is None:
            return static(request, found.manifest, "application/json", cache=_FOREVER, **vary)
        media = (
            f"{text.media_type}; charset=utf-8" if text.media_type.startswith("text/") else text.media_type
        )
        headers = vary | {"Content-Language": text.lang}
        return static(request, text.data, media, cache=_FOREVER, **headers)

    def _agreement(self, agreement_id: str, version: str) -> Agreement:
        for roster in self.home.spec.rosters.values():
            if found := roster.agreements.get((agreement_id, version)):
                return found
        raise not_found()

    async def schema(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/schemas/{path}``."""
        schema = self.home.spec.schemas.get(request.match_info["path"])
        if schema is None:
            raise not_found()
        return static(request, strictjson.dumps(schema), "application/schema+json")

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """``GET /healthz``: the process answers."""
        return json_answer({"status": "ok"})

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        """``GET /readyz``: the store takes writes; else 503."""
        self.home.store.check()
        return json_answer({"status": "ready"})


def _authorization(request: web.Request) -> bytes:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "vrm" or not token or len(token) > _MAX_AUTHORIZATION:
        detail = "a read is signed: Authorization: VRM followed by a vrm-request+jwt"
        raise ProtocolError("request-invalid", detail, rule="VRM-HOM-015")
    return token.encode("utf-8", "surrogateescape")


def _filter(endpoint: Mapping[str, Any], request: web.Request) -> Filter:
    """The filters of a reader."""
    return Filter(**_chosen(endpoint, request, "VRM-BRD-019"))


def _chosen(endpoint: Mapping[str, Any], request: web.Request, rule: str) -> dict[str, str]:
    """The parameters that have a form, each of the form that its endpoint gives it; ``request-invalid``."""
    chosen = {}
    for one in endpoint.get("query", ()):
        if "pattern" not in one:
            continue
        values = request.query.getall(one["name"], [])
        if len(values) > 1 or not all(re.search(one["pattern"], value) for value in values):
            detail = f"the parameter {one['name']} is given once, as {one['summary']}"
            raise ProtocolError("request-invalid", detail, rule=rule)
        chosen[one["name"]] = values[0] if values else ""
    return chosen


def _receipt(status: int, receipt: str) -> web.Response:
    return web.Response(body=receipt.encode(), status=status, headers=_RECEIPT_HEADERS)


def _number(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        detail = f"the parameter {name} is a number from {least} to {most}"
        raise ProtocolError("request-invalid", detail, rule="VRM-HOM-015")
    return int(text)


def _mid(text: str) -> str:
    """A message id as stores know it; what cannot be one is not there."""
    try:
        if len(keys.unb64(text)) != 32:
            raise ValueError("another length")
    except ValueError:
        raise not_found() from None
    return text


def endpoint_path(endpoint: dict[str, Any]) -> str:
    """An endpoint's path as aiohttp routes it."""
    path: str = endpoint["path"]
    return path.replace("{path}", "{path:.+}")
