"""Hostile HTTP against a home on a real socket, and the matrix of who may read what."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import forge
from tests.scenarios.deal import meet
from tests.world import SPEC, Party, World, proffer, running
from vrmproto import envelope, keys
from vrmproto.storage.base import Entry

PATIENCE = 2.0
NONSENSE = "A" * 43


# --- a client that can say anything ---------------------------------------------------------------


@dataclass
class Answer:
    """What came back on a raw connection; status 0: it was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        problem = json.loads(self.body)
        assert SPEC.faults("documents/problem.json", problem) == []
        assert problem["status"] == self.status
        return str(problem["code"])


async def _answer(reader: asyncio.StreamReader) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return Answer(0, {}, b"")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(status, headers, body)


async def speak(
    w: World, *parts: bytes, pause: float = 0, end: bool = False, patience: float = PATIENCE
) -> Answer:
    """Send the parts one after the other and take the first answer, which has to come in time."""
    port = int(w.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            if end:
                writer.write_eof()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(patience):
            return await _answer(reader)
    except ConnectionError:
        return Answer(0, {}, b"")
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def post(body: bytes = b"", *headers: bytes, path: bytes = b"/v1/messages", media: bytes = b"application/jwt",
         length: int | None = None) -> bytes:  # fmt: skip
    """The bytes of a POST; ``length`` -1 leaves Content-Length out."""
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: home", *headers]
    if media:
        lines.append(b"Content-Type: " + media)
    if length != -1:
        lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: home", *headers]) + b"\r\n\r\n"


@dataclass
class Target:
    """A home, a known addressee and a valid message to it that was not sent."""

    w: World
    shop: Party
    person: Party
    token: bytes


@contextlib.asynccontextmanager
async def target() -> AsyncIterator[Target]:
    """After the attack: nothing was stored, and the home still answers and takes a message."""
    async with running() as w:
        shop, person = await w.organisation(), w.person("ES256")
        claims = person.claims("terms.proffer", proffer(w.clock), shop.id)
        t = Target(w, shop, person, person.sign(claims).encode())
        yield t
        assert stored(w, shop, person) == []
        assert (await w.get("/healthz")).status == 200
        assert (await w.get("/readyz")).status == 200
        assert (await w.post(t.token)).status == 202
        assert len(stored(w, shop, person)) == 1


def stored(w: World, *parties: Party) -> list[Entry]:
    threads = {t.thid for p in parties for _, t in w.home.store.changed(p.id, 0, 1000)}
    waiting = [e for p in parties for e in w.home.store.inbox(p.id, 1000)]
    assert {e.thid for e in waiting} <= threads
    return [e for thid in threads for e in w.home.store.messages(thid, 1, 1000)]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that gives a body half a second instead of ten."""
    monkeypatch.setattr("vrmproto.server.http.BODY_SECONDS", 0.5)


# --- HTTP that is none ----------------------------------------------------------------------------

H = b"Host: home\r\n"
MALFORMED: dict[str, bytes] = {
    "nothing sensible": b"GARBAGE\r\n\r\n",
    "zeros": bytes(200) + b"\r\n\r\n",
    "random bytes": random.Random(1).randbytes(300) + b"\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(180) + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\n" + H + b"\r\n",
    "HTTP/1": b"GET / HTTP/1\r\n" + H + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "another protocol": b"GET / ICE/1.0\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\n" + H + b"\r\n",
    "target without a slash": b"GET healthz HTTP/1.1\r\n" + H + b"\r\n",
    "small method": b"get /healthz HTTP/1.1\r\n" + H + b"\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\n" + H + b"\r\n",
    "method with a control character": b"GE\x00T / HTTP/1.1\r\n" + H + b"\r\n",
    "CONNECT": b"CONNECT shop.example:443 HTTP/1.1\r\n" + H + b"\r\n",
    "star": b"GET * HTTP/1.1\r\n" + H + b"\r\n",
    "NUL in the target": b"GET /\x00 HTTP/1.1\r\n" + H + b"\r\n",
    "LF only": b"GET /nothing HTTP/1.1\nHost: home\n\n",
    "CR only": b"GET / HTTP/1.1\rHost: home\r\r",
    "no colon": b"GET / HTTP/1.1\r\nHost home\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : home\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: home\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: home\r\nX: a\r\n b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: home\r\nX: a\x00b\r\n\r\n",
    "CR in a value": b"GET / HTTP/1.1\r\nHost: home\r\nX: a\rb\r\n\r\n",
    "name in brackets": b"GET / HTTP/1.1\r\nHost: home\r\n(x): a\r\n\r\n",
    "name beyond ASCII": "GET / HTTP/1.1\r\nHost: home\r\nä: a\r\n\r\n".encode(),
    "long target": b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + H + b"\r\n",
    "long header": b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 70000 + b"\r\n\r\n",
    "long name": b"GET / HTTP/1.1\r\n" + H + b"X" * 70000 + b": a\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + H + b"".join(b"X%d: a\r\n" % n for n in range(5000)) + b"\r\n",
    "two lengths": post(b"aaaa", b"Content-Length: 5"),
    "two equal lengths": post(b"aaaa", b"Content-Length: 4"),
    "list of lengths": post(b"aaaa", b"Content-Length: 4, 4", length=-1),
    "signed length": post(b"aaaa", b"Content-Length: +4", length=-1),
    "length with an underscore": post(b"aaaa", b"Content-Length: 0_4", length=-1),
    "negative length": post(b"aaaa", b"Content-Length: -1", length=-1),
    "hexadecimal length": post(b"aaaa", b"Content-Length: 0x4", length=-1),
    "length in words": post(b"aaaa", b"Content-Length: four", length=-1),
    "empty length": post(b"aaaa", b"Content-Length:", length=-1),
    "length and chunked": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", length=4),
    "another transfer coding": post(b"0\r\n\r\n", b"Transfer-Encoding: xchunked", length=-1),
    "chunked twice": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, chunked", length=-1),
    "gzip as transfer coding": post(b"0\r\n\r\n", b"Transfer-Encoding: gzip", length=-1),
    "chunk of size -1": post(b"-1\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=-1),
    "chunk size in letters": post(b"zz\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=-1),
    "chunk size 2^70": post(b"4" + b"0" * 17 + b"\r\nabc", b"Transfer-Encoding: chunked", length=-1),
    "chunk longer than it says": post(b"1\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=-1),
    "trailers": post(b"3\r\na.b\r\n0\r\nX: y\r\n\r\n", b"Transfer-Encoding: chunked", length=-1),
    "long chunk extension": post(
        b"1;" + b"a" * 70000 + b"\r\nx\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=-1
    ),
    "another expectation": post(b"a.b.c", b"Expect: miracles"),
    "upgrade": get(b"/v1/threads", b"Connection: Upgrade", b"Upgrade: websocket"),
    "multipart": post(b"--x\r\n\r\n--x--", media=b"multipart/form-data; boundary=x"),
    "form": post(b"a=b", media=b"application/x-www-form-urlencoded"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_http_is_refused(case):
    async with target() as t:
        answer = await speak(t.w, MALFORMED[case])
        assert 400 <= answer.status < 500, answer


@pytest.mark.parametrize("cut", [1, 10, 60, 200])
async def test_a_request_that_ends_too_early(cut):
    async with target() as t:
        answer = await speak(t.w, post(t.token)[:cut], end=True)
        assert answer.status in (0, 400, 408)


@pytest.mark.parametrize("kind", ["length", "chunked"])
async def test_a_body_that_ends_too_early(kind, caplog):
    async with target() as t:
        if kind == "length":
            raw = post(t.token[:-20], length=len(t.token))
        else:
            raw = post(b"ff\r\n" + t.token[:50], b"Transfer-Encoding: chunked", length=-1)
        answer = await speak(t.w, raw, end=True)
        assert answer.status in (0, 400, 408)
        await asyncio.sleep(0.05)
        assert "could not be answered" not in caplog.text


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "broken", [b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n\r\n", b"3\r\nabcdef\r\n", b"3 3\r\nabc\r\n0\r\n\r\n"]
)
async def test_a_chunk_that_breaks_after_the_handler_has_begun_to_read(broken, caplog):
    async with target() as t:
        head = post(b"", b"Transfer-Encoding: chunked", length=-1)
        answer = await speak(t.w, head + b"5\r\na.b.c\r\n", broken, pause=0.05)
        assert 400 <= answer.status < 500, answer
        assert "could not be answered" not in caplog.text


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/poll"])
async def test_a_dripped_body_is_given_up(path):
    async with target() as t:
        drops = [bytes([c]) for c in t.token[:60]]
        loop = asyncio.get_running_loop()
        for first, rest in (
            (post(path=path, length=len(t.token)), drops),
            (
                post(b"", b"Transfer-Encoding: chunked", path=path, length=-1),
                [b"1\r\n%b\r\n" % d for d in drops],
            ),
            (post(path=path, length=100), []),  # silence
        ):
            start = loop.time()
            answer = await speak(t.w, first, *rest, pause=0.05)
            assert (answer.status, answer.code) == (408, "timeout")
            assert 0.4 < loop.time() - start < 1.5


@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/poll"])
async def test_a_body_beyond_the_limit_is_too_large(path):
    async with target() as t:
        big = b"A" * 65537
        chunked = b"Transfer-Encoding: chunked"
        cases = [
            (post(big, path=path),),
            (post(b"", path=path, length=65537),),
            (post(b"", path=path, length=10**12),),
            (post(b"", path=path, length=2**63 - 1),),
            (post(b"%x\r\n%b\r\n0\r\n\r\n" % (len(big), big), chunked, path=path, length=-1),),
            (post(b"", chunked, path=path, length=-1), *[b"2000\r\n" + b"A" * 0x2000 + b"\r\n"] * 2000),
            (post(b"", chunked, path=path, length=-1), b"1\r\nA\r\n" * 70000),
        ]
        for parts in cases:
            answer = await speak(t.w, *parts)
            assert (answer.status, answer.code) == (413, "too-large")


async def test_a_body_at_the_limit_is_read():
    async with target() as t:
        answer = await speak(t.w, post(b"A" * 65536))
        assert (answer.status, answer.code) == (400, "token-malformed")


async def test_a_length_that_no_number_holds():
    async with target() as t:
        answer = await speak(t.w, post(b"", b"Content-Length: 1" + b"0" * 30, length=-1))
        assert answer.status in (400, 413)


async def test_a_length_that_is_too_short_leaves_garbage_behind():
    async with target() as t:
        answer = await speak(t.w, post(t.token, length=10))
        assert answer.status == 400
        assert answer.code in ("token-malformed", "")  # "": the library has seen the rest already


BOMB = gzip.compress(bytes(20_000_000))


@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/poll"])
async def test_content_codings_are_refused_unread(path):
    async with target() as t:
        cases = [
            (b"gzip", BOMB),
            (b"gzip", gzip.compress(t.token)),
            (b"deflate", zlib.compress(t.token)),
            (b"br", t.token),
            (b"zstd", t.token),
            (b"identity", t.token),
            (b"gzip, gzip", gzip.compress(gzip.compress(t.token))),
            (b"x-unknown", t.token),
            (b"", t.token),
            (b"gzip", b"no gzip at all"),
        ]
        for coding, body in cases:
            answer = await speak(t.w, post(body, b"Content-Encoding: " + coding, path=path))
            assert 400 <= answer.status < 500, (coding, answer)
            if answer.code:
                assert (answer.status, answer.code) == (415, "media-type")


@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/poll"])
async def test_other_media_types_are_refused(path):
    async with target() as t:
        medias = [
            b"application/json", b"text/plain", b"application/octet-stream", b"application/jose",
            b"application/jwt+json", b"application/jwtx", b"jwt", b"/", b"application/", b"*/*", b";",
            b"\xff\xfe", b"application/jwt, text/plain", b"multipart/form-data; boundary=x", b"",
        ]  # fmt: skip
        for media in medias:
            answer = await speak(t.w, post(t.token, path=path, media=media))
            assert (answer.status, answer.code) == (415, "media-type"), media


@pytest.mark.parametrize(
    "media", [b"application/jwt; charset=nope", b"application/jwt; charset=utf-16", b"Application/JWT",
    b"application/jwt;"]
)  # fmt: skip
async def test_parameters_of_the_media_type_do_not_matter(media):
    async with target() as t:
        answer = await speak(t.w, post(b"a.b", media=media))
        assert (answer.status, answer.code) == (400, "token-malformed")


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\n", b".", b"..", b"...", b"a.b.c", b"a.b.c.d", b"{}", b"null", b"\x00", b"\xff" * 300,
        b"." * 65536, b"e30.e30.e30", b"W10.W10.AA", b"bnVsbA.bnVsbA.AA", b"eyJhIjox.e30.AA",
        b"-_-_.____.AAAA",
        b'{"payload":"","signatures":[]}', random.Random(7).randbytes(5000), "ä.ö.ü".encode(),
        b"e30.e30.AA\n",
        b"\xef\xbb\xbfe30.e30.AA", b"e30=.e30=.AA", b"e30.e30.AA;", b"PD94bWwgdmVyc2lvbj0iMS4wIj8-.e30.AA",
    ],
    ids=lambda b: repr(b)[:24],
)  # fmt: skip
@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/poll"])
async def test_a_body_that_is_no_token(path, body):
    async with target() as t:
        answer = await speak(t.w, post(body, path=path))
        assert answer.status == 400
        assert answer.code in ("token-malformed", "json-invalid", "version-unsupported", "request-invalid")


# --- paths, methods, headers ----------------------------------------------------------------------

PATHS = [
    b"/", b"/nothing", b"//", b"/v1", b"/v1/", b"/V1/THREADS", b"//v1/threads", b"/v1//threads",
    b"/v1/threads/",
    b"/v1/threads;x=1", b"/v1/threads%2f", b"/%", b"/%zz", b"/%00", b"/%ff%fe", b"/../etc/passwd",
    b"/v1/../../x",
    b"/v1/schemas/../../errors.json", b"/v1/schemas/%2e%2e/%2e%2e/pyproject.toml", b"/v1/schemas/..%2f..%2fx",
    b"/v1/schemas//etc/passwd", b"/v1/schemas/%00", b"/v1/schemas/messages/terms.proffer.json%00",
    b"/v1/schemas/messages/terms.proffer.json/", b"/v1/roster/../roster/SD-BASE/1.0/x", b"/v1/roster/SD-BASE",
    b"/v1/roster/SD-BASE/", b"/v1/roster/SD-BASE/1.0/", b"/v1/roster/%00/%00", b"/v1/roster/SD-BASE%2f1.0",
    b"/v1/roster/SD-BASE/..%2f1.0", b"/.well-known", b"/.well-known/", b"/.well-known/vrm-configuration/",
    b"/.git/config", b"/favicon.ico", b"/healthz/", b"/\xc3\xa4", b"/\xff", b"/" + b"a" * 4000,
    b"/?" + b"&" * 1000,
    b"/v1/schemas/" + b"../" * 500 + b"etc/passwd", b"/~", b"/{thid}", b"/v1/roster/{id}/{version}",
    b"/:80", b"/\\..\\x",
]  # fmt: skip


async def test_paths_that_do_not_exist_are_problems():
    async with target() as t:
        for path in PATHS:
            answer = await speak(t.w, get(path))
            assert 400 <= answer.status < 500, (path, answer)
            assert answer.code in ("not-found", "request-invalid", ""), path
            if answer.code == "":  # the library refuses what is no HTTP before a handler sees it
                assert answer.status == 400
            assert b"passwd" not in answer.body


@pytest.mark.parametrize(
    "name",
    ["%00", "%2e%2e", "..%2f..", "A" * 44, "A" * 4000, "%ff" * 20, "' OR 1=1 --", "<script>", "%41" * 43,
    "-" * 43, "é" * 43],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["threads", "records"])
async def test_ids_that_are_none_are_not_found(kind, name):
    async with target() as t:
        path = f"/v1/{kind}/{name}".replace(" ", "%20").encode()
        for signed in (path.decode(), f"/v1/{kind}/{NONSENSE}"):
            token = t.person.request("GET", signed).encode()
            answer = await speak(t.w, get(path, b"Authorization: VRM " + token))
            assert answer.status in (400, 404)


async def test_absolute_targets_and_spoofed_hosts_do_not_change_the_issuer():
    async with target() as t:
        headers = [b"Host: evil.example", b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: https",
                   b"Forwarded: host=evil.example;proto=https"]  # fmt: skip
        spoofed = b"GET /.well-known/vrm-configuration HTTP/1.1\r\n" + b"\r\n".join(headers) + b"\r\n\r\n"
        absolute = get(b"http://evil.example/.well-known/vrm-configuration")
        for raw in (spoofed, absolute):
            answer = await speak(t.w, raw)
            assert answer.status == 200
            document = json.loads(answer.body)
            assert document["issuer"] == t.w.origin
            assert b"evil." not in answer.body
        for path in (b"/v1/roster", b"/.well-known/myterms", b"/openapi.json"):
            answer = await speak(
                t.w, get(path, b"X-Forwarded-Host: evil.example").replace(b"home", b"evil.x")
            )
            assert answer.status == 200
            assert b"evil." not in answer.body
        token = t.person.request("GET", "/v1/threads", htu="http://evil.example/v1/threads").encode()
        answer = await speak(
            t.w,
            b"GET /v1/threads HTTP/1.1\r\nHost: evil.example\r\nAuthorization: VRM " + token + b"\r\n\r\n",
        )
        assert (answer.status, answer.code) == (400, "request-invalid")


@pytest.mark.parametrize("host", [b"", b"a b", b"home:99999", b"[::1", b"\xff", b"a" * 5000, b"home,evil"])
async def test_a_strange_host_is_no_fault_of_the_home(host):
    async with target() as t:
        answer = await speak(t.w, b"GET /nothing HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert 400 <= answer.status < 500


METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"TRACE", b"PROPFIND", b"LINK"]


BLOB = keys.b64(hashlib.sha256(b"blob").digest())


def concrete(path: str) -> str:
    named = {"{name}": "intents", "{mid}": NONSENSE, "{sha256}": BLOB}
    for name, value in named.items():
        path = path.replace(name, value)
    named = {"{thid}": NONSENSE, "{id}/{version}": "SD-BASE/1.0", "{id}": NONSENSE, "{path}": "envelope.json"}
    for name, value in named.items():
        path = path.replace(name, value)
    return path


async def test_a_known_path_takes_its_method_only():
    async with target() as t:
        for endpoint in SPEC.endpoints:
            taken = {e["method"] for e in SPEC.endpoints if e["path"] == endpoint["path"]}
            for method in METHODS:
                if method.decode() in taken:
                    continue
                raw = get(concrete(endpoint["path"]).encode(), b"Content-Length: 0", method=method)
                if method == b"HEAD":
                    raw = raw.replace(b"Host", b"Connection: close\r\nHost")
                    answer = await head_only(t.w, raw)
                    if endpoint["method"] == "GET" and endpoint["auth"] == "none":
                        assert answer.status == 200, endpoint["name"]
                        continue
                else:
                    answer = await speak(t.w, raw)
                    assert answer.code == "method-not-allowed", (method, endpoint["name"])
                assert answer.status == 405
                assert endpoint["method"] in [m.strip() for m in answer.headers["allow"].split(",")]


async def head_only(w: World, raw: bytes) -> Answer:
    """The answer to a HEAD, which has a Content-Length and no body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(w.origin.rpartition(":")[2]))
    writer.write(raw)
    async with asyncio.timeout(PATIENCE):
        text = (await reader.read()).decode("latin-1")
    writer.close()
    await writer.wait_closed()
    lines = text.split("\r\n")
    assert lines[-1] == ""
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
    return Answer(int(lines[0].split()[1]), headers, b"")


@pytest.mark.parametrize(
    "query", [b"?", b"??", b"?&&==&", b"?%", b"?%ff=%00", b"?a[]=1&a[]=2", b"?layer", b"?\xff",
    b"?" + b"a=b&" * 1500]
)  # fmt: skip
async def test_a_query_that_nobody_asked_for_is_no_fault_of_the_home(query):
    async with target() as t:
        for path in (b"/v1/roster", b"/healthz", b"/.well-known/myterms"):
            answer = await speak(t.w, get(path + query))
            assert answer.status in (200, 400)
        token = t.person.request("GET", "/v1/threads").encode()
        for mine in (query, query + b"&limit=%ff", query + b"&after=1e9"):
            answer = await speak(t.w, get(b"/v1/threads" + mine, b"Authorization: VRM " + token))
            assert answer.status in (200, 400)


async def test_authorization_garbage_is_refused():
    async with target() as t:
        token = t.person.request("GET", "/v1/threads").encode()
        head, payload, signature = token.split(b".")
        values = [
            b"VRM", b"VRM ", b"VRM x", b"VRM ..", b"VRM " + b"A" * 8100, b"VRM " + b"." * 7000,
            b"VRM \xff\xfe.\xff.\xff",
            b"VRM e30.e30.AA", b"Basic dXNlcjpwYXNz", b"Bearer " + token, b"Digest a=b", b"VRM\t" + token,
            b"VRM " + token + b"\t", b"VRM " + token[:-1], b"VRM " + token + b"A", b"VRM " + token + b".AA",
            b"VRM " + payload + b"." + head + b"." + signature, b"VRM " + head + b"." + payload + b".",
            b"VRM " + head + b"." + payload, b"VRM " + head + b"..", b"VRM " + t.token, b"\x80", b",",
            b"VRM,VRM",
            b"VRM " + token + b", VRM " + token, b"VRM null", b"VRM {}", b'"' + token + b'"',
        ]  # fmt: skip
        for value in values:
            answer = await speak(t.w, get(b"/v1/threads", b"Authorization: " + value))
            if value.endswith(b"\t") and answer.status == 200:
                continue  # white space around a value is not part of it
            assert answer.status == 400, value
            assert answer.code in ("request-invalid", ""), value
        twice = get(b"/v1/threads", b"Authorization: VRM x", b"Authorization: VRM " + token)
        assert (await speak(t.w, twice)).status == 400
        assert (await speak(t.w, get(b"/v1/threads", b"Authorization: VRM " + token))).status == 200


# --- mutations ------------------------------------------------------------------------------------


def mutated(token: bytes, rng: random.Random) -> bytes:
    """The token with a few bytes changed, put in, taken out, doubled, moved or cut off."""
    data = bytearray(token)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        at = rng.randrange(len(data)) if data else 0
        kind = rng.randrange(7)
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.randbytes(rng.randrange(1, 4))
        elif kind == 2:
            del data[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 60)]
        elif kind == 4:
            del data[at:]
        elif kind == 5 and data:
            data[at] = rng.choice(b"AQgw-_.=+/ \n\0")
        else:
            parts = bytes(data).split(b".")
            rng.shuffle(parts)
            data = bytearray(b".".join(parts))
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_mutated_tokens_are_refused(seed):
    async with target() as t:
        rng = random.Random(f"tokens {seed}")
        twin = forge.twin(t.token)
        for _ in range(150):
            token = mutated(t.token, rng)
            if token in (t.token, twin):
                continue
            reply = await t.w.post(token)
            assert 400 <= reply.status < 500, token
            assert SPEC.faults("documents/problem.json", reply.document) == []


@pytest.mark.parametrize("seed", range(2))
async def test_mutated_requests_are_refused(seed):
    async with target() as t:
        rng = random.Random(f"requests {seed}")
        token = t.person.request("POST", "/v1/poll", {"returnImmediately": True}).encode()
        twin = forge.twin(token)
        for _ in range(100):
            changed = mutated(token, rng)
            if changed in (token, twin):
                continue
            reply = await t.w.post(changed, "/v1/poll")
            assert 400 <= reply.status < 500, changed


HOSTILE = [
    "null", "true", "-1", "1.5", "9007199254740992", "1e400", "NaN", "-Infinity", '""', '"\\u0000"',
    '"\\ud800"', '"\\n"',
    '"a\\u202eb"', "[]", "{}", "[[[]]]", '{"$ref":"x"}', '{"__proto__":{}}', '"' + "a" * 3000 + '"',
    "[" * 40 + "]" * 40,
    '"\' OR 1=1"', '"../../x"', '"https://a@b.example"', '"HTTPS://SHOP.EXAMPLE"', '"\U0001f600"',
    "{\"a\":1,\"a\":2}",
    "0x10", "01", "1_000", "\"9_999_999_999\"", "[1,]", "/**/1", "'a'", "1e2147483647", "-0.0e-0", "tru", "",
]  # fmt: skip


def paths_of(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths_of(item, (*at, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from paths_of(item, (*at, number))


def replaced(claims: dict[str, Any], at: tuple[Any, ...], text: str) -> bytes:
    """The claims as JSON with the text in the place of one value, whatever the text is."""
    mark = "\u2603 here \u2603"
    copied = json.loads(json.dumps(claims))
    place = copied
    for part in at[:-1]:
        place = place[part]
    place[at[-1]] = mark
    whole = json.dumps(copied, ensure_ascii=False, separators=(",", ":"))
    return whole.replace(f'"{mark}"', text).encode("utf-8", "surrogatepass")


async def test_hostile_values_under_a_valid_signature_are_refused():
    """Everything but one value is right, and the signature is of the bytes that travel."""
    async with running() as w:
        shop, person = await w.organisation(), w.person()
        key = forge.ed25519("hostile")
        claims = person.claims("terms.proffer", proffer(w.clock, "SD-BASE-DP", "SD-BASE"), shop.id)
        claims["iss"] = key.did
        cases = [(at, text) for at in paths_of(claims) for text in HOSTILE]
        assert len(cases) > 700
        for at, text in cases:
            reply = await w.post(forge.token(key, replaced(claims, at, text)))
            assert 400 <= reply.status < 500, (at, text[:40], reply.status)
            assert SPEC.faults("documents/problem.json", reply.document) == []
            if at[0] == "body" and len(text) > 8:  # VRM-PRV-002
                assert text.strip('"') not in reply.document["detail"]
        assert stored(w, shop) == []
        right = await w.post(forge.token(key, replaced(claims, ("vrm",), '"1.0"')))
        assert right.status == 202  # and with the right value it is taken


async def test_hostile_headers_under_a_valid_signature_are_refused():
    async with running() as w:
        shop = await w.organisation()
        key = forge.p256("hostile")
        claims = w.person().claims("terms.proffer", proffer(w.clock), shop.id, iss=key.did)
        header = forge.header(key)
        for name in (*header, "crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "cty", "nonce"):
            for text in HOSTILE:
                head = replaced({**header, name: ""}, (name,), text)
                reply = await w.post(forge.token(key, forge.compact(claims), head))
                assert 400 <= reply.status < 500, (name, text[:40])
        algs = ["none", "None", "NONE", "nOnE", "HS256", "RS256", "ES384", "EdDSA", "es256", "ED25519"]
        for alg in (*algs, "ES256 ", ""):
            for signature in (None, bytes(64), b"\1"):
                named = forge.header(key, alg=alg)
                reply = await w.post(forge.token(key, claims, named, signature))
                assert (reply.status, reply.code) == (400, "alg-unsupported")
            reply = await w.post(forge.token(key, claims, forge.header(key, alg=alg), b""))
            assert (reply.status, reply.code) == (400, "token-malformed")
        assert stored(w, shop) == []
        assert (await w.post(forge.token(key, claims))).status == 202


# --- many at once ---------------------------------------------------------------------------------


async def test_half_open_connections_do_not_stand_in_the_way():
    async with target() as t:
        port = int(t.w.origin.rpartition(":")[2])
        starts = [
            b"",
            b"GET /",
            b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: ",
            post(length=100),
            post(t.token[:50], length=500),
        ]
        opened = []
        for number in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(starts[number % len(starts)])
            opened.append(writer)
        loop = asyncio.get_running_loop()
        start = loop.time()
        answer = await speak(t.w, get(b"/healthz"))
        assert answer.status == 200
        assert loop.time() - start < 1
        for writer in opened:
            writer.close()


async def test_requests_in_a_row_on_one_connection_are_answered_in_order():
    async with target() as t:
        raw = post(b"a.b") + get(b"/healthz") + get(b"/nothing") + post(b"x", media=b"text/plain")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(t.w.origin.rpartition(":")[2]))
        writer.write(raw)
        async with asyncio.timeout(PATIENCE):
            statuses = [(await _answer(reader)).status for _ in range(4)]
        assert statuses == [400, 200, 404, 415]
        writer.close()
        await writer.wait_closed()


# --- who may what ---------------------------------------------------------------------------------

READERS = ("none", "stranger", "first", "second")
OPEN = (200, 200, 200, 200)
MATRIX: dict[str, tuple[int, int, int, int]] = {
    "discovery": OPEN,
    "messages": (400, 404, 202, 202),
    "poll": (400, 200, 200, 200),
    "threads": (400, 200, 200, 200),
    "thread": (400, 404, 200, 200),
    "records": (400, 404, 200, 200),
    "roster": OPEN,
    "agreement": OPEN,
    "myterms": OPEN,
    "ladder": OPEN,
    "relationships": (400, 404, 404, 404),
    "boards": OPEN,
    "removal": (400, 400, 400, 400),
    "blobs": (400, 404, 404, 404),
    "upload": (400, 201, 201, 201),
    "schemas": OPEN,
    "openapi": OPEN,
    "healthz": OPEN,
    "readyz": OPEN,
}
"""Status by endpoint and reader. An endpoint without a row here fails the test below."""


def test_every_endpoint_has_a_row():
    assert {e["name"] for e in SPEC.endpoints} == MATRIX.keys()
    signed = {e["name"] for e in SPEC.endpoints if e["auth"] in ("request", "operator")}
    assert signed | {"messages"} == {name for name, row in MATRIX.items() if row[0] == 400}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("endpoint", SPEC.endpoints, ids=lambda e: e["name"])
async def test_authorisation(endpoint, reader):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        stranger = await w.organisation()
        party = {"stranger": stranger, "first": deal.first, "second": deal.second}.get(reader)
        own = {"{thid}": deal.thid, "{id}": deal.record} if endpoint["auth"] == "request" else {}
        path = endpoint["path"]
        for name, value in own.items():
            path = path.replace(name, value)
        path = concrete(path)
        headers: dict[str, str] = {}
        if endpoint["name"] == "messages":
            signer = party or deal.first
            other = deal.first if signer is deal.second else deal.second
            claims = signer.claims("agreement.terminate", {}, other.id, thid=deal.thid, prev=deal.head)
            token = signer.sign(claims)
            reply = await w.post(token if party else token.rpartition(".")[0])
        elif endpoint["method"] == "POST":
            token = party.request("POST", path, {"returnImmediately": True}) if party else ""
            reply = await w.post(token, path)
        else:
            if party:
                headers["Authorization"] = f"VRM {party.request(endpoint['method'], path)}"
            if endpoint["method"] == "PUT":
                headers["Content-Type"] = "application/octet-stream"
            data = b"blob" if endpoint["method"] == "PUT" else None
            reply = await w.send(endpoint["method"], path, data, **headers)
        assert reply.status == MATRIX[endpoint["name"]][READERS.index(reader)]
        if reader == "stranger" and reply.status == 200 and endpoint["auth"] == "request":
            for secret in (deal.thid, deal.record, deal.first.id):
                assert secret.encode() not in reply.body
        if reply.status >= 400:
            for secret in (deal.thid, deal.record, deal.first.id, deal.second.id):
                assert secret.encode() not in reply.body
        if endpoint["auth"] == "none" and endpoint["method"] == "GET":
            again = await w.get(path, Authorization="VRM garbage")
            assert (again.status, again.body) == (reply.status, reply.body)


@pytest.mark.parametrize(
    "endpoint", [e for e in SPEC.endpoints if e["auth"] == "request"], ids=lambda e: e["name"]
)
async def test_the_signature_is_what_counts(endpoint):
    """A request in the name of a party by another key is refused everywhere."""
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        path = concrete(endpoint["path"].replace("{thid}", deal.thid).replace("{id}", deal.record))
        body = {"returnImmediately": True} if endpoint["method"] == "POST" else None
        for victim in (deal.first, deal.second):
            stranger = w.person(victim.key.public.alg)
            claims = envelope.peek(victim.request(endpoint["method"], path, body))[1]
            head = victim.sign(claims, envelope.REQUEST).rpartition(".")[0]
            forged = [
                stranger.sign(claims, envelope.REQUEST),
                f"{head}.{keys.b64(stranger.key.sign(head.encode()))}",
                f"{head}.{keys.b64(bytes(64))}",
            ]
            for token in forged:
                if endpoint["method"] == "POST":
                    reply = await w.post(token, path)
                else:
                    reply = await w.send(endpoint["method"], path, Authorization=f"VRM {token}")
                assert (reply.status, reply.code) == (400, "request-invalid")
