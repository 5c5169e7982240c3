"""Homes that differ from the reference in what the spec leaves free: a suite has nothing to say of them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

from aiohttp import web

from tests.broken.specs.lists import INTENT_LEFT_OUT, OTHER_PATHS
from tests.broken.tools import answered, around, discovery, headed, loose, mutant, problem, receipts, result
from vrmproto import boards, feed, keys, reading, strictjson
from vrmproto.boards import Board
from vrmproto.home import Config, Home
from vrmproto.server import app, http, routes
from vrmproto.server.routes import Routes


def benign(ground: str, **more: Any) -> Any:
    """Registers a variant, and on what ground it is allowed."""
    return mutant("", kind="benign", needs=ground, **more)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def _configured(**fields: Any) -> None:
    """A home with other settings."""
    right = Home.__init__

    def wrong(self: Home, folder: Any, store: Any, signing: Any, config: Config) -> None:
        right(self, folder, store, signing, dataclasses.replace(config, **fields))

    loose(Home).__init__ = wrong


@benign("detail is prose; the codes say what is meant")
def other_words() -> None:
    """Problems say the same in other words and another language."""
    problem(lambda members: {**members, "detail": "So geht das nicht.", "title": "Abgelehnt"})


@benign("problems are open (message.md, Open and closed)")
def more_members_in_problems() -> None:
    """Problems have members of the home's own."""
    problem(lambda members: {**members, "instance": "/problems/1", "trace": {"id": "7f"}})


@benign("HTTP allows any header")
def more_headers() -> None:
    """Answers have headers of the home's own, and another name of its server."""

    def change(request: web.Request, response: web.Response) -> None:
        response.headers.update(
            {"X-Request-Id": "7f3a", "Server": "other/2.0", "Strict-Transport-Security": "x"}
        )

    headed(change)


@benign("the members of a JSON object have no order")
def members_reversed() -> None:
    """The members of JSON answers come in reverse order."""

    async def wrong(request: web.Request, response: web.Response) -> web.StreamResponse:
        body = getattr(response, "body", None)
        if "json" in response.content_type and isinstance(body, bytes) and "ETag" not in response.headers:
            response.body = strictjson.dumps(_reversed(json.loads(body)))
        return response

    answered(wrong)
    discovery(_reversed)


@benign("white space between the tokens of JSON means nothing")
def indented() -> None:
    """JSON answers are indented, with letters beyond ASCII escaped."""

    async def wrong(request: web.Request, response: web.Response) -> web.StreamResponse:
        body = getattr(response, "body", None)
        if "json" in response.content_type and isinstance(body, bytes) and "ETag" not in response.headers:
            response.body = json.dumps(json.loads(body), indent=3).encode() + b"\n"
        return response

    answered(wrong)


@benign("discovery documents, poll answers, threads and records are open (VRM-ENV-037)")
def more_members() -> None:
    """Open documents have members that nobody knows."""
    discovery(lambda d: {**d, "x-theme": "dark", "endpoints": {**d["endpoints"], "x-admin": d["issuer"]}})
    for name in ("poll", "thread", "record"):
        result(reading.Reader, name, lambda d: {**d, "x-took": 0.25})


@benign("receipts are open (message.md)")
def more_claims_in_receipts() -> None:
    """Receipts have claims that nobody knows."""
    receipts(lambda claims: {**claims, "x-region": "eu"})
    receipts(lambda claims: {**claims, "x-region": "eu"}, checkpoints=True)


@benign("HTTP lets a server frame its answers as it likes")
def chunked() -> None:
    """Answers come in chunks."""

    def change(request: web.Request, response: web.Response) -> None:
        if response.status not in (204, 304) and request.method != "HEAD":
            response.enable_chunked_encoding()

    headed(change)


@benign("HTTP lets a server code what Accept-Encoding allows")
def compressed() -> None:
    """Answers are compressed for whoever accepts that."""

    def change(request: web.Request, response: web.Response) -> None:
        if (
            response.status in (200, 202)
            and "ETag" not in response.headers
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            response.enable_compression(web.ContentCoding.gzip)

    headed(change)


@benign("no answer has a time limit but that of a waiting poll, which is not counted in milliseconds")
def slow() -> None:
    """Every answer comes after a quarter of a second."""

    async def change(request: web.Request, response: web.Response) -> web.StreamResponse:
        await asyncio.sleep(0.25)
        return response

    answered(change)


@benign("HTTP lets a server close a connection after any answer")
def closing() -> None:
    """The connection is closed after every answer."""
    headed(lambda request, response: response.force_close())


@benign("both algorithms are those of the protocol (identity.md)")
def es256() -> None:
    """The home signs with ES256."""
    around(app, "load_signing_keys", lambda right, path: right(path, "ES256"))


@benign("keys of the discovery document may be several; a receipt's kid says which")
def several_keys() -> None:
    """The home lists three keys, of both algorithms, and signs with one of them."""

    def wrong(right: Any, path: Any) -> Any:
        return [
            *right(path),
            *right(path.with_name("second.json"), "ES256"),
            *right(path.with_name("third.json")),
        ]

    around(app, "load_signing_keys", wrong)


@benign("the keys of the discovery document sign receipts, each of them")
def keys_in_turn() -> None:
    """Receipts are signed with the two keys of the home in turn."""

    def loaded(right: Any, path: Any) -> Any:
        return [*right(path), *right(path.with_name("second.json"), "ES256")]

    def turned(right: Any, self: Home, *args: Any) -> Any:
        self.signing = (*self.signing[1:], self.signing[0])
        return right(self, *args)

    around(app, "load_signing_keys", loaded)
    around(Home, "_receipt", turned)


@benign("limits are told in the discovery document")
def small_limits() -> None:
    """The limits are smaller, and told."""
    _configured(inbox=50, max_wait=1, blob=65536)


@benign("limits are told in the discovery document")
def large_blobs() -> None:
    """Blobs may be larger, as is told, and one party may put more of them."""
    _configured(blob=4_194_304, loose_blobs=128)


@benign("boards are listed in the discovery document (VRM-BRD-001)")
def other_boards() -> None:
    """The boards have other names, and one more is there."""
    names = (Board("wanted"), Board("cars-and-bikes"), Board("members-only", "signed"))
    _configured(boards=names)


@benign("a page may have fewer items than limit while more is true (boards.md)")
def short_pages() -> None:
    """Pages of a feed have two items at most."""
    around(
        feed.Feed, "page", lambda right, s, name, w, c, limit, now: right(s, name, w, c, min(limit, 2), now)
    )


@benign("VRM-HOM-025 and -028 say at most limit")
def short_pages_of_threads() -> None:
    """Pages of a thread and of the list of threads have three items at most."""

    def wrong(right: Any, *args: Any) -> Any:
        *rest, limit, now = args
        return right(*rest, min(limit, 3), now)

    around(reading.Reader, "thread", wrong)
    around(reading.Reader, "threads", wrong)


@benign("cursors are opaque")
def other_cursors() -> None:
    """The cursors of a feed are written in another way."""
    right = boards.Cursor.read
    around(boards.Cursor, "__str__", lambda spelled, self: keys.b64(spelled(self).encode()))
    loose(boards.Cursor).read = lambda text: right(keys.unb64(text).decode())


@benign("the policy of a home and who runs it are told or not")
def operator_told() -> None:
    """The discovery document tells who runs the home, and lists an old key as historical."""
    old = {"kid": keys.generate().public.kid, "revoked_at": 1700000000, "reason": "replaced"}
    discovery(
        lambda d: {**d, "operator": "Somebody", "contact": "mailto:a@home.example", "historical_keys": [old]}
    )


@benign("VRM-HOM-034, VRM-INT-014 and VRM-BLB-008 are SHOULD")
def without_what_it_should() -> None:
    """There is no healthz, readyz and openapi, no view of a feed, and no bound for loose blobs."""

    async def gone(right: Any, self: Routes, request: web.Request) -> Any:
        raise reading.not_found()

    for name in ("healthz", "readyz", "openapi"):
        around(Routes, name, gone)
    discovery(lambda d: {**d, "endpoints": {n: u for n, u in d["endpoints"].items() if n != "openapi"}})
    around(routes, "accepts", lambda right, headers, media: False)
    _configured(loose_blobs=10**6)


@benign("an ETag is opaque, and If-None-Match compares weakly (RFC 9110)")
def weak_etags() -> None:
    """ETags are weak."""

    def change(request: web.Request, response: web.Response) -> None:
        if "ETag" in response.headers:
            response.headers["ETag"] = "W/" + response.headers["ETag"]

    headed(change)


@benign("how long Retry-After asks to wait is the home's affair")
def retry_later() -> None:
    """Who is to come again is asked to wait for seven seconds."""
    http.RETRY_AFTER = "7"


@benign("profiles are claimed as a whole, and intent need not be", edits=INTENT_LEFT_OUT)
def core_and_terms() -> None:
    """The profile intent is not claimed: no intents, no offers, no boards and no blobs."""
    gone = ("boards", "removal", "blobs", "upload")
    result(Routes, "handlers", lambda found: {n: h for n, h in found.items() if n not in gone})
    _configured(boards=())


@benign("endpoints are read from the discovery document (VRM-AGT-009)", edits=OTHER_PATHS)
def other_paths() -> None:
    """The endpoints have other paths, as the discovery document says."""
