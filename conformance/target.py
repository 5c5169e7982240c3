"""The home under test, known by its URL alone: requests, and what every answer has to keep to."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from conformance import jose
from conformance.jose import Key
from conformance.results import Exchange, Failed, Outcome, Verdict
from vrmproto.spec import Spec

__all__ = ["Answer", "Talk", "Target", "Unreachable", "open_target"]

LIMIT = 10.0
"""Seconds after which an answer is a hang."""
_PATIENT = 20
"""So many answers that stay 429 or 503, and no further one is waited for."""
_LARGEST = 16 * 2**20
_KEPT = 4000
_LARGE = 2**20
"""aiohttp wants more than this as a stream."""


class Unreachable(Exception):
    """There is nothing at the URL that could be judged; the text is a diagnosis for people."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    seconds: float
    again: bool = False
    """The request was sent twice, since the first connection was closed before an answer came."""

    @property
    def media(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def document(self) -> Any:
        """The JSON of the body; None where there is none."""
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError):
            return None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.data.decode("utf-8", "replace")

    @property
    def code(self) -> str:
        """The code of a problem; ''."""
        document = self.document
        return str(document.get("code", "")) if isinstance(document, dict) else ""

    @property
    def said(self) -> str:
        """In a few words."""
        return f"{self.status} {self.code}".strip()


@dataclass
class Target:
    """A home, as its discovery document describes it."""

    url: str
    spec: Spec
    session: aiohttp.ClientSession
    discovery: dict[str, Any] = field(default_factory=dict)
    skew: int = 0
    """Seconds by which the home's clock is ahead of ours."""
    broken: list[Outcome] = field(default_factory=list)
    """What answers broke that no check asked about."""
    kept: dict[str, int] = field(default_factory=dict)
    """Requirement to how many answers kept to it."""
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        """The origin of the home."""
        return str(self.discovery.get("issuer", self.url))

    @property
    def claimed(self) -> tuple[str, ...]:
        """The profiles that it says it serves."""
        named = self.discovery.get("profiles", ())
        return tuple(p for p in self.spec.profiles if p in named)

    @property
    def loopback(self) -> bool:
        """Whether the suite's own origins can be organisations here."""
        return urlsplit(self.issuer).hostname in ("127.0.0.1", "localhost")

    def endpoint(self, name: str) -> str:
        """The URL of an endpoint; by default where endpoints.json has it."""
        named = self.discovery.get("endpoints", {}).get(name)
        if isinstance(named, str):
            return named if "://" in named else self.issuer + named
        path = next((e["path"] for e in self.spec.endpoints if e["name"] == name), f"/v1/{name}")
        return self.issuer + str(path).partition("/{")[0]

    def limit(self, name: str, default: int) -> int:
        """A limit of the discovery document."""
        found = self.discovery.get("limits", {}).get(name)
        return found if isinstance(found, int) else default

    def board(self, access: str = "public") -> str:
        """The URL of a board; ''."""
        boards = self.discovery.get("boards", ())
        return next((b["url"] for b in boards if b.get("access") == access), "")

    def now(self) -> int:
        """The time there."""
        return int(time.time()) + self.skew

    def count(self, name: str, more: int = 1) -> None:
        """Count something for the report."""
        self.numbers[name] = self.numbers.get(name, 0) + more


class Talk:
    """One conversation: its requests, and a memory of them that a failure can show."""

    def __init__(self, target: Target, name: str) -> None:
        self.target, self.name = target, name
        self.exchanges: list[Exchange] = []
        self.waits = True
        """For a home that says so with 429 or 503, and then asks again."""
        self.slowest = 0.0
        """Seconds of the slowest answer, polls aside."""

    def of_now(self, iat: int, slack: int) -> bool:
        """Whether a time in an answer is of when it was made, give or take ``slack`` seconds."""
        return -slack <= self.target.now() - iat <= slack + self.slowest

    async def request(
        self,
        method: str,
        url: str,
        *,
        label: str = "",
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        schema: tuple[str, str] | None = None,
        limit: float = LIMIT,
    ) -> Answer:
        """One request. ``schema`` is a path, and the requirement that a 200 which does not fit it breaks.

        Failed: no answer in time, a connection that is dropped.
        """
        named = dict(headers or {})
        began = time.monotonic()
        label = label or f"{method} {urlsplit(url).path}"
        try:
            answer = await self._ask(method, url, named, data, limit)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            spent = time.monotonic() - began
            told = "no answer" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            self._keep(label, method, url, named, data, None, spent, told)
            self.target.count("unanswered")
            raise Failed("VRM-HOM-030", "an answer within 10 s", f"{told} after {spent:.1f} s") from None
        self._keep(label, method, url, named, data, answer, answer.seconds, "")
        self.target.count("requests")
        self._laws(answer, schema)
        return answer

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None, limit: float
    ) -> Answer:
        again = False
        for trial in range(4):
            try:
                answer = await self._once(method, url, headers, data, limit)
            except aiohttp.ServerDisconnectedError:
                if again:
                    raise
                again = True  # a connection that lay idle may be closed: one more, on a new one
                answer = await self._once(method, url, {**headers, "Connection": "close"}, data, limit)
            answer = replace(answer, again=again)
            wait = answer.headers.get("Retry-After", "")
            if answer.status not in (429, 503) or not wait.isdigit() or not self.waits:
                return answer
            if trial == 3 or self.target.numbers.get("put_off", 0) >= _PATIENT:
                self.target.count("put_off")
                return answer
            await asyncio.sleep(min(float(wait), 3.0))
        raise AssertionError("not reached")

    async def _once(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None, limit: float
    ) -> Answer:
        began = time.monotonic()
        sent = io.BytesIO(data) if data and len(data) > _LARGE else data
        asked = self.target.session.request(method, url, headers=headers, data=sent, allow_redirects=False)
        async with asyncio.timeout(limit), asked as response:
            read = await response.content.read(_LARGEST)
            while len(read) < _LARGEST and (more := await response.content.read(_LARGEST)):
                read += more
            return Answer(response.status, response.headers, read, time.monotonic() - began)

    def _keep(
        self,
        label: str,
        method: str,
        url: str,
        headers: dict[str, str],
        data: bytes | None,
        answer: Answer | None,
        seconds: float,
        told: str,
    ) -> None:
        body = (data or b"").decode("latin-1")
        self.exchanges.append(
            Exchange(
                label,
                method,
                url,
                headers,
                body if len(body) < 20 * _KEPT else body[:_KEPT] + "...",
                answer.status if answer else 0,
                dict(answer.headers) if answer else {},
                answer.text[: 4 * _KEPT] if answer else told,
                seconds,
            )
        )

    # --- what every answer keeps to ---------------------------------------------------------------

    def breaks(self, requirement: str, expected: str, got: str) -> None:
        """Note what an answer broke that the check did not ask about."""
        self.target.broken.append(
            Outcome(
                requirement,
                f"every answer ({self.name})",
                Verdict.FAIL,
                expected,
                got,
                conversation=tuple(self.exchanges[-1:]),
            )
        )

    def law(self, requirement: str, holds: bool, expected: str, got: str) -> bool:
        """One law of all answers: counted where it holds, noted where it does not."""
        if holds:
            self.target.kept[requirement] = self.target.kept.get(requirement, 0) + 1
        else:
            self.breaks(requirement, expected, got)
        return holds

    def _laws(self, answer: Answer, schema: tuple[str, str] | None) -> None:
        spec = self.target.spec
        if answer.status >= 500 and answer.status != 501:
            busy = answer.status == 503 and "Retry-After" in answer.headers
            self.law("VRM-HOM-030", busy, "no 5xx for what it was sent", answer.said)
        else:
            self.law("VRM-HOM-030", True, "", "")
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        open_ = allowed == "*" and "Access-Control-Allow-Credentials" not in answer.headers
        self.law("VRM-HOM-033", open_, "Access-Control-Allow-Origin: *, no credentials", str(allowed))
        if answer.status >= 400:
            self._problem(answer)
        elif answer.status == 200 and schema is not None:
            path, requirement = schema
            faults = spec.faults(path, answer.document)
            self.law(requirement, not faults, f"valid against {path}", "; ".join(map(_told, faults[:3])))

    def _problem(self, answer: Answer) -> None:
        spec, document = self.target.spec, answer.document
        faults = spec.faults("documents/problem.json", document)
        entry = spec.errors.get(answer.code)
        wrong = "; ".join(map(_told, faults[:3]))
        if answer.media != "application/problem+json":
            wrong = f"the media type {answer.media or 'of nothing'}"
        elif not faults and entry is None:
            wrong = f"the code {answer.code}, which is none of the spec's"
        elif not faults and entry is not None:
            same = document["status"] == answer.status == entry["status"]
            named = document["type"].endswith(f"errors/{answer.code}") and document["requirement"]
            if not same or not named or document["retryable"] != entry["retryable"]:
                wrong = f"status {answer.status} with {json.dumps(document)[:300]}"
        self.law("VRM-HOM-029", not wrong, "a problem as errors.json and problem.json have it", wrong)

    # --- signed requests --------------------------------------------------------------------------

    def signed(self, key: Key, iss: str, method: str, url: str, body: Any = None, **claims: Any) -> str:
        """The token of a signed request (home.md)."""
        now = self.target.now()
        made: dict[str, Any] = {
            "iss": iss,
            "aud": self.target.issuer,
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(18),
        }
        if body is not None:
            made["body"] = body
        return jose.token(key, {**made, **claims}, "vrm-request+jwt")

    async def read(
        self,
        key: Key,
        iss: str,
        url: str,
        *,
        label: str = "",
        schema: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A signed GET."""
        named = {"Authorization": f"VRM {self.signed(key, iss, 'GET', url)}", **(headers or {})}
        answer = await self.request("GET", url, label=label, headers=named, schema=schema)
        self.slowest = max(self.slowest, answer.seconds)
        return answer

    async def poll(self, key: Key, iss: str, *, label: str = "", limit: float = LIMIT, **body: Any) -> Answer:
        """A poll; members of its body as keywords, ``returnImmediately`` true by default."""
        url = self.target.endpoint("poll")
        said = {"returnImmediately": True, **body}
        token = self.signed(key, iss, "POST", url, said)
        return await self.request(
            "POST",
            url,
            label=label or "poll",
            headers={"Content-Type": "application/jwt"},
            data=token.encode(),
            schema=("documents/poll.json", "VRM-HOM-019"),
            limit=limit,
        )

    async def send(self, token: bytes, label: str = "") -> Answer:
        """Send a message."""
        self.target.count("messages")
        answer = await self.request(
            "POST",
            self.target.endpoint("messages"),
            label=label or "send a message",
            headers={"Content-Type": "application/jwt"},
            data=token,
        )
        self.slowest = max(self.slowest, answer.seconds)
        if answer.again and answer.status == 200:  # the first time it was taken, and the answer was lost
            answer = replace(answer, status=202)
        if answer.status in (200, 202):
            self.target.count("accepted")
        return answer


def _told(fault: Mapping[str, str]) -> str:
    return f"{fault['pointer'] or '/'} {fault['message']}"


async def open_target(url: str, spec: Spec, session: aiohttp.ClientSession) -> Target:
    """Read the discovery document of a home; Unreachable with a diagnosis."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unreachable(f"{url}: is to be the URL of a home, such as https://home.example/")
    target = Target(f"{parts.scheme}://{parts.netloc}", spec, session)
    where = f"{target.url}/.well-known/vrm-configuration"
    began = time.time()
    try:
        async with asyncio.timeout(LIMIT), session.get(where, allow_redirects=False) as response:
            data = await response.content.read(_LARGEST)
            status, media = response.status, response.headers.get("Content-Type", "nothing")
            date = response.headers.get("Date", "")
    except TimeoutError:
        raise Unreachable(f"{where}: no answer within {LIMIT:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Unreachable(f"{where}: {error}") from None
    if status != 200:
        raise Unreachable(f"{where}: answers {status}; a home serves its discovery document there")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreachable(f"{where}: is no JSON but {media} of {len(data)} bytes") from None
    if not isinstance(document, dict):
        raise Unreachable(f"{where}: is JSON, but no object")
    if "home" not in document.get("roles", ("home",)):
        raise Unreachable(f"{where}: is the document of an organisation and not of a home")
    missing = [n for n in ("issuer", "keys", "types") if n not in document]
    if missing:
        raise Unreachable(f"{where}: lacks {', '.join(missing)}")
    faults = spec.faults("documents/discovery.json", document)
    target.discovery = document
    target.broken += [
        Outcome("VRM-HOM-001", "discovery", Verdict.FAIL, "a valid discovery document", _told(fault))
        for fault in faults[:3]
    ]
    if any(f["pointer"].split("/")[1:2] in (["issuer"], ["keys"], ["endpoints"]) for f in faults):
        raise Unreachable(f"{where}: {_told(faults[0])}")
    try:
        there = parsedate_to_datetime(date).timestamp()
        target.skew = round(there - began) if abs(there - began) > 2 else 0
    except (TypeError, ValueError):
        target.skew = 0
    return target
