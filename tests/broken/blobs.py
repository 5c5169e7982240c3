"""Broken homes of the chapter blobs.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.broken.tools import around, guarded, lenient, loose, missing_guard, mutant, simple
from vrmproto import reading
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.loading import Loading
from vrmproto.reading import Reader
from vrmproto.server import http, routes
from vrmproto.server.routes import Routes
from vrmproto.storage import lists

simple(
    "blobs-never-put",
    "VRM-BLB-004",
    "A message may refer to a blob that is not there.",
    missing_guard("blobs-held"),
)


@mutant("VRM-BLB-001")
def blobs_by_any_name() -> None:
    """The digest of the bytes that are put is not compared with the id in the URL."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        try:
            return await right(self, request)
        except ProtocolError as error:
            if error.code != "blob-mismatch":
                raise
            named = request.match_info["sha256"]
            return http.json_answer({"url": f"{self._blobs}/{named}", "sha256": named, "size": 1}, 201)

    around(Routes, "upload", wrong)


@mutant("VRM-BLB-002")
def blobs_of_any_size() -> None:
    """A blob may be larger than limits.blob."""

    def wrong(right: Any, self: Home, *args: Any) -> Any:
        self.config = replace(self.config, blob=2**30)
        return right(self, *args)

    around(Home, "put_blob", wrong)

    async def read(right: Any, request: Any, media: str, most: int, rule: str) -> Any:
        return await right(request, media, 2**30, rule)

    around(routes, "read_bytes", read)


@mutant("VRM-BLB-002")
def blobs_one_byte_short() -> None:
    """A blob of exactly limits.blob bytes is refused."""

    async def wrong(right: Any, request: Any, media: str, most: int, rule: str) -> Any:
        return await right(request, media, most - 1, rule)

    around(routes, "read_bytes", wrong)


@mutant("VRM-BLB-003")
def blobs_kept_for_seconds() -> None:
    """A blob is kept for two seconds."""
    loose(reading).BLOB_KEPT = 2


@mutant("VRM-BLB-003", needs="more than an hour")
def blobs_dropped_after_an_hour() -> None:
    """A blob is dropped after an hour, also where a message refers to it."""
    around(lists, "link_blobs", lambda right, db, thread, digests: None)


@mutant("VRM-BLB-003")
def blobs_read_once() -> None:
    """A blob that no message refers to is given once to its uploader."""
    given: set[str] = set()

    def wrong(right: Any, self: Reader, party: str, digest: str, now: int) -> Any:
        data = right(self, party, digest, now)
        if digest in given:
            raise reading.not_found()
        given.add(digest)
        return data

    around(Reader, "blob", wrong)


@mutant("VRM-BLB-004")
def blobs_of_others_named() -> None:
    """A message may refer to a blob that somebody else has put here."""

    def wrong(right: Any, self: Loading, reads: Any, message: Any, now: int) -> Any:
        named = [ref["sha256"] for ref in self._spec.types[message.type].blobs(message.body)]
        return {digest: len(lists.blob(reads._db, digest) or b"") for digest in named}

    around(Loading, "_blobs", wrong)


@mutant("VRM-BLB-004")
def blobs_of_another_size() -> None:
    """The size that a message tells of a blob is not compared."""

    def wrong(right: Any, case: Any) -> None:
        named = case.spec.types[case.message.type].blobs(case.message.body)
        told = {ref["sha256"]: ref["size"] for ref in named if ref["sha256"] in case.context.blobs}
        right(replace(case, context=replace(case.context, blobs=told)))

    guarded("blobs-held", wrong)


@mutant("VRM-BLB-004")
def blobs_elsewhere() -> None:
    """The URL of a blob may lead anywhere."""

    def elsewhere(case: Any) -> bool:
        named = case.spec.types[case.message.type].blobs(case.message.body)
        return all(case.context.blobs.get(ref["sha256"]) == ref["size"] for ref in named)

    lenient("blobs-held", "VRM-BLB-004", elsewhere)()


@mutant("VRM-BLB-005")
def blobs_for_everybody() -> None:
    """Whoever knows the digest of a blob reads it."""

    def wrong(right: Any, self: Reader, party: str, digest: str, now: int) -> Any:
        data = self.home.store.blob(digest)
        return right(self, party, digest, now) if data is None else data

    around(Reader, "blob", wrong)


@mutant("VRM-BLB-005")
def blobs_for_their_uploader() -> None:
    """Only its uploader reads a blob, not the readers of a thread that refers to it."""
    around(Reader, "_sees", lambda right, self, party, thread: False)


@mutant("VRM-BLB-005")
def blobs_of_others_forbidden() -> None:
    """A blob of others is told apart from one that does not exist."""

    def wrong(right: Any, self: Reader, party: str, digest: str, now: int) -> Any:
        try:
            return right(self, party, digest, now)
        except ProtocolError:
            if self.home.store.blob(digest) is None:
                raise
            raise ProtocolError("not-found", "this is not for you", rule="VRM-BLB-005") from None

    around(Reader, "blob", wrong)


@mutant("VRM-BLB-006")
def blobs_after_a_purge() -> None:
    """After a purge the vendor reads the blobs of the thread as before."""

    def wrong(right: Any, self: Reader, party: str, thread: Any) -> Any:
        return bool(thread.role(party)) or right(self, party, thread)

    around(Reader, "_sees", wrong)


@mutant("VRM-BLB-007")
def blobs_as_pages() -> None:
    """A blob is served as what it seems to be, for a browser to show."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        answer = await right(self, request)
        return web.Response(body=answer.body, content_type="text/html", headers=http.CORS)

    around(Routes, "blob", wrong)


@mutant("VRM-BLB-007")
def blobs_sniffed() -> None:
    """A blob is served without what keeps browsers from sniffing."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        answer = await right(self, request)
        answer.headers.popall("X-Content-Type-Options", None)
        answer.headers.popall("Content-Disposition", None)
        return answer

    around(Routes, "blob", wrong)
