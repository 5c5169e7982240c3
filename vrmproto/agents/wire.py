"""HTTP client of one home: posts messages, polls, reads with signed requests. It judges nothing it is told.

Source: spec/protocol/home.md, agents.md (VRM-AGT-009 to VRM-AGT-011).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from vrmproto import envelope, keys, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.keys import KeySet, PrivateKey
from vrmproto.outgoing import DISCOVERY
from vrmproto.spec import Spec

__all__ = ["Answer", "Signer", "Wire", "WireError", "new_jti"]

MAX_AGE = 3600
MAX_ANSWER = 64 * 1024 * 1024
MAX_WAIT: Final = 30.0
"""Seconds that a ``Retry-After`` is followed for; a home that asks for more gets no further try."""
_NO_ANSWER = (502, 503, 504)


class WireError(Exception):
    """No answer from the home that means anything: unreachable, or not what a home serves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a home answered; ``problem`` is the RFC 9457 problem of a refusal."""

    status: int
    body: bytes
    problem: Mapping[str, Any] | None = None
    retry_after: float | None = None
    """Seconds after which the home wants to be asked again."""

    @property
    def ok(self) -> bool:
        """A status of the 2xx class."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The problem's code, or '' where there is none."""
        return str(self.problem.get("code", "")) if self.problem else ""

    def document(self) -> dict[str, Any]:
        """The JSON object in the body; WireError if it is none."""
        document, broken = strictjson.read(self.body)
        if broken:
            raise WireError(f"status {self.status}: the body is not a JSON object")
        return document


@dataclass(frozen=True, slots=True)
class Signer:
    """An identifier with the key that signs for it."""

    iss: str
    key: PrivateKey


def new_jti() -> str:
    """144 random bits in base64url (VRM-ENV-018)."""
    return secrets.token_urlsafe(18)


class Wire:
    """The HTTP side of one home, named by its origin.

    Each identifier has connections of its own, so that no two of them are seen on one (VRM-INT-006).

    The home is chosen by its user, so its address may be private; https is required all the same, except on
    loopback with ``dev``. ``on_send`` may change the bytes of a token before they go out, message or request
    (to show what a home does with it). ``tries`` is how often a message is sent while there is no answer,
    always with the same bytes; between them passes ``pause``, doubled each time, or ``Retry-After``.
    """

    def __init__(
        self,
        spec: Spec,
        home: str,
        *,
        clock: Callable[[], float],
        dev: bool = False,
        on_send: Callable[[bytes], bytes] | None = None,
        on_discovery: Callable[[KeySet], None] | None = None,
        tries: int = 4,
        pause: float = 0.25,
        timeout: float = 20.0,
    ) -> None:
        if not spec.valid("shared/origin.json", home) or (home.startswith("http://") and not dev):
            raise WireError(f"{home} is no https origin (http is for loopback with dev)")
        self.home = home
        self.on_send = on_send
        self._spec = spec
        self._clock = clock
        self._on_discovery = on_discovery
        self._tries = tries
        self._pause = pause
        self._timeout = timeout
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._document: dict[str, Any] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Release the connections."""
        while self._sessions:
            await self._sessions.popitem()[1].close()

    async def part(self, iss: str) -> None:
        """Release the connections of one identifier."""
        if iss in self._sessions:
            await self._sessions.pop(iss).close()

    # --- discovery ------------------------------------------------------------------------------

    async def discovery(self, max_age: float = MAX_AGE) -> Mapping[str, Any]:
        """The home's discovery document, at most ``max_age`` seconds old; WireError."""
        async with self._lock:
            now = self._clock()
            if not 0 <= now - self._read_at < max_age:
                answer = await self._send("GET", self.home + DISCOVERY)
                if answer.status != 200:
                    raise WireError(f"{self.home} has no discovery document (status {answer.status})")
                document = answer.document()
                faults = self._spec.faults("documents/discovery.json", document)
                if faults or document["issuer"] != self.home or "home" not in document["roles"]:
                    raise WireError(f"{self.home} is no home: its discovery document is not one of a home")
                try:
                    seen = keys.key_set(self.home, document, int(now), answer.body)
                except ProtocolError as error:
                    raise WireError(error.detail) from None
                if self._on_discovery is not None:
                    self._on_discovery(seen)
                self._document, self._read_at = document, now
            return self._document

    async def endpoint(self, name: str) -> str:
        """The URL of an endpoint, as the discovery document names it (VRM-AGT-009)."""
        listed = (await self.discovery()).get("endpoints", {})
        if name not in listed:
            raise WireError(f"{self.home} has no endpoint {name}")
        path: str = listed[name].partition("{")[0]
        url = urljoin(self.home + "/", path.rstrip("/"))
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self.home:
            raise WireError(f"the endpoint {name} of {self.home} leads elsewhere")
        return url

    # --- messages and requests ------------------------------------------------------------------

    async def post(self, token: str) -> Answer:
        """Send one message, again with the same bytes while there is no answer (VRM-AGT-011); WireError."""
        url = await self.endpoint("messages")
        sender = _sender(token)
        return await self._persist(lambda: self._send("POST", url, token.encode(), of=sender))

    async def poll(
        self, signer: Signer, *, limit: int = 100, wait: float = 0, ack: tuple[str, ...] = ()
    ) -> Answer:
        """One poll; with ``wait`` an empty inbox is answered when a message comes, or after that time."""
        url = await self.endpoint("poll")
        body = {"maxEvents": limit, "returnImmediately": wait <= 0, "ack": list(ack)}

        async def once() -> Answer:
            data = self._request(signer, "POST", url, body).encode()
            return await self._send("POST", url, data, timeout=self._timeout + wait, of=signer.iss)

        return await self._persist(once)

    async def get(self, signer: Signer | None, name: str, *parts: str, **query: str | int) -> Answer:
        """A read, signed if there is a ``signer``; ``parts`` follow the endpoint's path."""
        return await self.read(signer, "/".join((await self.endpoint(name), *parts)), query)

    async def read(
        self, signer: Signer | None, url: str, query: Mapping[str, str | int], *, wait: float = 0
    ) -> Answer:
        """A read of a URL of this home; with ``wait`` the home may take so many seconds to answer."""
        asked = {**query, **({"wait": int(wait)} if wait >= 1 else {})}

        async def once() -> Answer:
            headers = self._authorization(signer, "GET", url)
            whose = signer.iss if signer else ""
            timeout = self._timeout + wait
            return await self._send("GET", url, headers=headers, params=asked, timeout=timeout, of=whose)

        return await self._persist(once)

    async def put(self, signer: Signer, name: str, digest: str, data: bytes) -> Answer:
        """Put bytes below an endpoint, signed."""
        url = f"{await self.endpoint(name)}/{digest}"

        async def once() -> Answer:
            headers = {**self._authorization(signer, "PUT", url), "Content-Type": "application/octet-stream"}
            return await self._send("PUT", url, data, headers=headers, of=signer.iss)

        return await self._persist(once)

    def _authorization(self, signer: Signer | None, method: str, url: str) -> dict[str, str]:
        if signer is None:
            return {}
        token = self._changed(self._request(signer, method, url).encode())
        return {"Authorization": "VRM " + token.decode("latin-1")}

    def _request(self, signer: Signer, method: str, url: str, body: Mapping[str, Any] | None = None) -> str:
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": signer.iss,
            "aud": self.home,
            "htm": method,
            "htu": url,
            "iat": now,
            "exp": now + 60,
            "jti": new_jti(),
        }
        if body is not None:
            claims["body"] = body
        return envelope.seal(signer.key, claims, envelope.REQUEST)

    # --- HTTP -----------------------------------------------------------------------------------

    async def _persist(self, once: Callable[[], Awaitable[Answer]]) -> Answer:
        """Try until there is an answer of the home itself, as often as ``tries`` says."""
        pause = self._pause
        for left in reversed(range(self._tries)):
            wait = pause
            try:
                answer = await once()
                wait = pause if answer.retry_after is None else answer.retry_after
                if answer.status not in _NO_ANSWER or not left or wait > MAX_WAIT:
                    return answer
            except WireError:
                if not left:
                    raise
            await asyncio.sleep(wait)
            pause *= 2
        raise WireError(f"{self.home} was not tried")

    async def _send(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        timeout: float | None = None,
        of: str = "",
    ) -> Answer:
        sent = dict(headers or {})
        if data is not None and method == "POST":
            data = self._changed(data)
            sent["Content-Type"] = "application/jwt"
        try:
            async with (
                asyncio.timeout(timeout or self._timeout),
                self._open(of).request(
                    method, url, data=data, headers=sent, params=params, allow_redirects=False
                ) as answer,
            ):
                body = bytearray()
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise WireError(f"{self.home} sends without end")
                return _answer(answer, bytes(body))
        except TimeoutError:
            raise WireError(f"{self.home} does not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise WireError(f"{self.home} is out of reach ({type(error).__name__})") from None

    def _changed(self, token: bytes) -> bytes:
        return token if self.on_send is None else self.on_send(token)

    def _open(self, of: str) -> aiohttp.ClientSession:
        if of not in self._sessions:
            self._sessions[of] = aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                headers={"Accept-Encoding": "identity"},
            )
        return self._sessions[of]


def _sender(token: str) -> str:
    """The identifier whose connection a message takes."""
    try:
        return str(envelope.peek(token)[1].get("iss", ""))
    except ProtocolError:
        return ""


def _answer(answer: aiohttp.ClientResponse, body: bytes) -> Answer:
    if answer.status < 400:
        return Answer(answer.status, body)
    problem, _ = strictjson.read(body)
    text = answer.headers.get("Retry-After", "")
    seconds = float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
    return Answer(answer.status, body, {"status": answer.status, **problem}, seconds)
