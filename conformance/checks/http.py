"""Checks of home.md, discovery, taking messages, problems and browsers, and of the order of checks."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import io
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from multidict import CIMultiDict

from conformance import jose
from conformance.lab import Lab, Party, check
from conformance.results import Exchange, Inconclusive
from conformance.target import Answer

__all__ = ["head", "header", "post", "proffer", "shop", "speak", "together"]

DISCOVERY = "/.well-known/vrm-configuration"
MEDIA = {"Content-Type": "application/jwt"}
ORIGIN = {"Origin": "https://somewhere-else.example"}


# --- a client that can say anything ---------------------------------------------------------------


def header(answer: Answer, name: str) -> str:
    """A header of an answer, whatever letters its name is written in; ''."""
    return next((v for n, v in answer.headers.items() if n.lower() == name.lower()), "")


def head(lab: Lab, method: str, path: str, *lines: bytes, host: str = "") -> bytes:
    """The head of a request, up to its empty line."""
    named = host or urlsplit(lab.target.url).netloc
    first = f"{method} {path} HTTP/1.1\r\nHost: {named}\r\nConnection: close".encode()
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def post(lab: Lab, body: bytes, *lines: bytes, media: bytes = b"application/jwt", at: str = "") -> bytes:
    """The bytes of a POST, by default of a message; ``media`` empty leaves the media type out."""
    path = urlsplit(at or lab.target.endpoint("messages")).path
    named = [b"Content-Type: " + media] if media else []
    size = b"Content-Length: %d" % len(body)
    coded = any(line.lower().startswith((b"transfer-encoding", b"content-length")) for line in lines)
    return head(lab, "POST", path, *named, *lines, *([] if coded else [size])) + body


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        """What :class:`http.client.HTTPResponse` reads from."""
        return io.BytesIO(self.data)


def _read(data: bytes, seconds: float) -> Answer:
    response = http.client.HTTPResponse(cast(Any, _Bytes(data)))
    try:
        response.begin()
        body = response.read()
    except http.client.IncompleteRead as error:
        body = error.partial
    except (http.client.HTTPException, ValueError, OSError):
        return Answer(0, {}, data, seconds)
    return Answer(response.status, CIMultiDict(response.getheaders()), body, seconds)


def _whole(data: bytes) -> bool:
    top, mark, body = data.partition(b"\r\n\r\n")
    lines = top.lower().split(b"\r\n")
    if not mark or lines[0].split(b" ")[1:2] == [b"100"]:
        return False
    for line in lines:
        if line.startswith(b"content-length:") and line[15:].strip().isdigit():
            return len(body) >= int(line[15:])
    return body.endswith(b"0\r\n\r\n")


async def speak(lab: Lab, label: str, *parts: bytes, pause: float = 0.0, limit: float = 8.0) -> Answer:
    """Send these bytes over a connection of their own; status 0 where it was closed without an answer."""
    where = urlsplit(lab.target.url)
    secure = where.scheme == "https"
    began, data = time.monotonic(), b""
    reader, writer = await asyncio.open_connection(
        where.hostname,
        where.port or (443 if secure else 80),
        ssl=ssl.create_default_context() if secure else None,
    )

    async def send() -> None:
        with contextlib.suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

    sending = asyncio.ensure_future(send())
    try:
        async with asyncio.timeout(limit):
            while not _whole(data) and (more := await reader.read(65536)):
                data += more
    except (OSError, TimeoutError):
        pass
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        writer.close()
    answer = _read(data, time.monotonic() - began)
    said = b"".join(parts)[:2000].decode("latin-1")
    named = dict(answer.headers)
    lab.talk.exchanges.append(
        Exchange(
            label, "RAW", lab.target.url, {}, said, answer.status, named, answer.text[:4000], answer.seconds
        )
    )
    lab.target.count("requests")
    return answer


async def together(works: Iterable[Awaitable[Any]], most: int = 12) -> list[Any]:
    """Do many things at once, but not more than ``most``; their answers in order."""
    gate, todo = asyncio.Semaphore(most), list(works)

    async def one(work: Awaitable[Any]) -> Any:
        async with gate:
            return await work

    tasks = [asyncio.ensure_future(one(work)) for work in todo]
    try:
        return await asyncio.gather(*tasks)
    finally:  # where one of them has failed the others are not to go on
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for work in todo:
            if asyncio.iscoroutine(work):
                work.close()


def proffer(lab: Lab, first: Party, second: Party, **claims: Any) -> str:
    """A right proffer as a token, not sent."""
    body = claims.pop("body", None) or lab.bodies.proffer()
    return jose.token(first.key, lab.claims(first, "terms.proffer", second.id, body, **claims))


async def shop(lab: Lab) -> Party:
    """An organisation that checks share: a home may bound how many new origins one client names."""
    made = await lab.session.organisation("core", ["core"], (), {}, True)
    return Party(made.origin, made.keys["core"], "an organisation")


# --- discovery ------------------------------------------------------------------------------------


@check("VRM-HOM-001")
async def the_discovery_document_has_all_that_a_home_names(lab: Lab) -> None:
    """The document is valid, is JSON by its media type and has the eight members."""
    answer = await lab.talk.request("GET", lab.target.issuer + DISCOVERY, label="read the discovery document")
    found = answer.document
    lab.holds("VRM-HOM-001", answer.status == 200, "200", answer.said)
    lab.holds("VRM-HOM-001", answer.media == "application/json", "application/json", answer.media)
    faults = lab.spec.faults("documents/discovery.json", found)
    lab.holds("VRM-HOM-001", not faults, "valid against documents/discovery.json", faults[:3])
    wanted = ("homes", "endpoints", "algs", "types", "profiles", "limits", "roster", "accepts")
    missing = [name for name in wanted if name not in found]
    lab.holds("VRM-HOM-001", not missing, f"the members {', '.join(wanted)}", f"without {', '.join(missing)}")
    lab.holds("VRM-HOM-001", "home" in found["roles"], "the role home", found["roles"])
    sound = [k for k in found["keys"] if k.get("kid") == jose.thumbprint(k)]
    lab.holds("VRM-HOM-001", sound, "a key with its thumbprint as kid", found["keys"])


@check("VRM-HOM-002")
async def the_issuer_is_the_same_whatever_host_says(lab: Lab) -> None:
    """``Host`` and the headers of proxies do not change ``issuer`` nor the endpoints."""
    right = (lab.target.discovery["issuer"], lab.target.discovery["endpoints"])
    forwarded = (
        b"X-Forwarded-Host: elsewhere.example",
        b"X-Forwarded-Proto: https",
        b"Forwarded: host=elsewhere.example;proto=https",
        b"X-Original-Host: elsewhere.example",
    )
    cases: list[tuple[str, tuple[bytes, ...]]] = [
        ("elsewhere.example", ()),
        ("elsewhere.example:8443", ()),
        ("localhost", ()),
        ("", forwarded),
    ]
    for host, lines in cases:
        answer = await speak(
            lab, f"discovery for Host {host}", head(lab, "GET", DISCOVERY, *lines, host=host)
        )
        found = answer.document if answer.status == 200 else None
        if isinstance(found, dict) and "issuer" in found:  # a name that is not served here may be refused
            got = (found["issuer"], found.get("endpoints"))
            lab.holds("VRM-HOM-002", got == right, f"issuer {right[0]}", f"issuer {got[0]} for Host {host}")
    lab.holds("VRM-HOM-002", right[0] == right[0].lower().rstrip("/"), "an origin", right[0])


@check("VRM-HOM-003")
async def the_discovery_document_is_cached_by_its_etag(lab: Lab) -> None:
    """304 to the ETag, alone, in a list and as a weak one; 200 to another."""
    url = lab.target.issuer + DISCOVERY
    first = await lab.talk.request("GET", url, label="read the discovery document")
    tag = header(first, "ETag")
    lab.holds("VRM-HOM-003", tag.endswith('"') and tag.count('"') == 2, "an ETag", tag or "none")
    weak = tag if tag.startswith("W/") else f"W/{tag}"
    for known, status in (
        (tag, 304),
        (f'"another", {tag}', 304),
        (weak, 304),
        ('"another"', 200),
        (f'"{secrets.token_hex(8)}", W/"other"', 200),
    ):
        answer = await lab.talk.request(
            "GET", url, headers={"If-None-Match": known}, label=f"read with If-None-Match {known}"
        )
        lab.holds("VRM-HOM-003", answer.status == status, f"{status} to {known}", answer.said)
        if status == 304:
            lab.holds("VRM-HOM-003", not answer.data, "304 without a body", answer.text[:80])
        else:
            same = answer.document == first.document
            lab.holds("VRM-HOM-003", same, "the whole document", answer.text[:80])


@check("VRM-HOM-004")
async def a_type_that_is_not_listed_is_not_taken(lab: Lab) -> None:
    """A message of a type that is not in ``types`` is ``type-unknown``, and of no other fault."""
    person, vendor = lab.person(), await lab.vendor()
    listed = set(lab.target.discovery["types"])
    unlisted = [name for name in lab.spec.types if name not in listed]
    for name in [*unlisted, "terms.unheard-of"]:
        body = (
            dict((lab.spec.types[name].schema.get("examples") or [{}])[0]) if name in lab.spec.types else {}
        )
        said = await lab.attempt(person, name, body, aud=vendor.id)
        lab.refused("VRM-HOM-004", said, "type-unknown")


# --- taking messages ------------------------------------------------------------------------------


@check("VRM-HOM-005", "VRM-HOM-006")
async def a_token_is_taken_as_application_jwt_and_as_nothing_else(lab: Lab) -> None:
    """Parameters and letter case of the media type do not matter; everything else is ``media-type``."""
    person, vendor = lab.person(), await lab.vendor()
    url = lab.target.endpoint("messages")
    for media in (
        "application/jwt",
        "application/jwt; charset=utf-8",
        "Application/JWT",
        'application/jwt;x="a"',
    ):
        token = proffer(lab, person, vendor)
        answer = await lab.talk.request(
            "POST", url, headers={"Content-Type": media}, data=token.encode(), label=f"a message as {media}"
        )
        lab.holds("VRM-HOM-005", answer.status in (200, 202), f"taken as {media}", answer.said)
        lab.holds("VRM-HOM-006", answer.status == 202, "202 to the first arrival", answer.said)
        lab.holds("VRM-HOM-006", answer.media == "application/jwt", "application/jwt", answer.media)
        claims = jose.claims_of(answer.text)
        lab.holds("VRM-HOM-006", claims["mid"] == jose.mid_of(token), "its receipt", claims)
    token = proffer(lab, person, vendor)
    plain = token.encode()
    others: list[tuple[dict[str, str], bytes]] = [
        ({"Content-Type": media}, plain)
        for media in (
            "text/plain",
            "application/json",
            "application/octet-stream",
            "application/jwt+json",
            "application/jwtx",
            "application/x-www-form-urlencoded",
            "text/plain, application/jwt",
        )
    ]
    others += [
        ({**MEDIA, "Content-Encoding": "gzip"}, gzip.compress(plain)),
        ({**MEDIA, "Content-Encoding": "gzip"}, plain),
        ({**MEDIA, "Content-Encoding": "deflate"}, plain),
        ({**MEDIA, "Content-Encoding": "something-else"}, plain),
    ]
    for headers, data in others:
        what = ", ".join(headers.values())
        # each over a connection of its own: a broken coding may end it
        lines = [f"{n}: {v}".encode() for n, v in headers.items()]
        answer = await speak(lab, f"a message as {what}", post(lab, data, *lines, media=b""))
        lab.refused("VRM-HOM-005", answer, "media-type")
    answer = await speak(lab, "a message without a media type", post(lab, plain, media=b""))
    lab.refused("VRM-HOM-005", answer, "media-type")
    poll = lab.target.endpoint("poll")
    asked = lab.talk.signed(vendor.key, vendor.id, "POST", poll, {"returnImmediately": True})
    answer = await lab.talk.request(
        "POST",
        poll,
        headers={"Content-Type": "application/json"},
        data=asked.encode(),
        label="a poll as JSON",
    )
    lab.refused("VRM-HOM-005", answer, "media-type")
    waiting = await lab.inbox(vendor)
    lab.holds(
        "VRM-HOM-005", jose.mid_of(token) not in waiting, "a refused message delivered nowhere", waiting
    )
    again = await lab.send(token, "the same token as application/jwt")
    lab.taken("VRM-HOM-006", again)


@check("VRM-HOM-006")
async def a_number_that_another_sender_has_used_is_no_repetition(lab: Lab) -> None:
    """Two senders may use one ``jti``: their messages are two."""
    vendor = await lab.vendor()
    jti = secrets.token_urlsafe(18)
    for _ in range(2):
        person = lab.person()
        said = await lab.attempt(person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id, jti=jti)
        lab.taken("VRM-HOM-006", said, "proffered")


def _chunked(data: bytes, size: int) -> bytes:
    parts = [data[n : n + size] for n in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@check("VRM-HOM-008")
async def a_body_beyond_the_limit_is_too_large(lab: Lab) -> None:
    """With ``Content-Length`` and without, in one chunk and in many; one at the limit is read."""
    most = lab.target.limit("token", 65536)
    person, vendor = lab.person(), await lab.vendor()
    coded = b"Transfer-Encoding: chunked"
    token = proffer(lab, person, vendor).encode()
    for at in (lab.target.endpoint("messages"), lab.target.endpoint("poll")):
        for what, data in (
            ("one byte more than the limit", b"A" * (most + 1)),
            ("twice the limit", b"A" * (2 * most)),
            ("a right token and too much behind it", token + b"A" * (most + 1 - len(token))),
        ):
            for how, raw in (
                ("with its length", post(lab, data, at=at)),
                ("in one chunk", post(lab, _chunked(data, len(data)), coded, at=at)),
                ("in many chunks", post(lab, _chunked(data, 4000), coded, at=at)),
            ):
                answer = Answer(0, {}, b"", 0.0)
                for _ in range(4):  # what closes early may lose its answer on the way
                    answer = await speak(lab, f"{what}, {how}", raw)
                    if answer.status:
                        break
                else:
                    raise Inconclusive("a connection was closed before its answer could be read")
                lab.refused("VRM-HOM-008", answer, "too-large")
        for raw in (post(lab, b"A" * most, at=at), post(lab, _chunked(b"A" * most, 9000), coded, at=at)):
            answer = await speak(lab, "as much as the limit", raw)
            small = answer.status >= 400 and answer.code != "too-large"
            lab.holds("VRM-HOM-008", small, "refused, but not as too large", answer.said)
    said = await speak(lab, "a message in chunks", post(lab, _chunked(token, 100), coded))
    lab.holds("VRM-HOM-008", said.status == 202, "202 to a small message in chunks", said.said)


@check("VRM-HOM-009", slow=True)
async def a_body_that_does_not_arrive_is_given_up(lab: Lab) -> None:
    """Ten seconds after silence, and after a body that drips in: 408 ``timeout``."""
    size = b"Content-Length: 5000"
    silent = speak(lab, "half a body, then silence", post(lab, b"a.b", size), limit=20)
    drops = [post(lab, b"", size), *[b"A"] * 40]
    dripping = speak(lab, "a body that drips in", *drops, pause=0.5, limit=20)
    for answer in await asyncio.gather(silent, dripping):
        lab.refused("VRM-HOM-009", answer, "timeout")


@check("VRM-HOM-017")
async def a_message_is_no_request_and_a_request_no_message(lab: Lab) -> None:
    """The ``typ`` decides: a token serves in its own place only."""
    person, vendor = lab.person(), await lab.vendor()
    claims = lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer())
    for typ in ("vrm-request+jwt", "vrm-receipt+jwt", "vrm-proof+jwt"):
        said = await lab.send(jose.token(person.key, claims, typ), f"a message with typ {typ}")
        lab.refused("VRM-HOM-017", said, "typ-invalid")
    url = lab.target.endpoint("poll")
    asked = lab.talk.signed(person.key, person.id, "POST", url, {"returnImmediately": True})
    said = await lab.send(asked, "a signed request as a message")
    lab.refused("VRM-HOM-017", said, "version-unsupported")
    message = jose.token(person.key, claims)
    made = jose.claims_of(asked)
    for label, token in (
        ("a message as a poll", message),
        ("a poll with the typ of a message", jose.token(person.key, made)),
        ("a poll with the typ of a receipt", jose.token(person.key, made, "vrm-receipt+jwt")),
    ):
        answer = await lab.talk.request("POST", url, headers=MEDIA, data=token.encode(), label=label)
        lab.refused("VRM-HOM-017", answer, "request-invalid")
    threads = lab.target.endpoint("threads")
    read = jose.claims_of(lab.talk.signed(person.key, person.id, "GET", threads))
    for label, token in (
        ("a message as a read", message),
        ("typ of a message", jose.token(person.key, read)),
    ):
        headers = {"Authorization": f"VRM {token}"}
        answer = await lab.talk.request("GET", threads, headers=headers, label=label)
        lab.refused("VRM-HOM-017", answer, "request-invalid")
    lab.taken("VRM-HOM-017", await lab.send(message, "the message as a message"))


# --- problems -------------------------------------------------------------------------------------


@check("VRM-HOM-029")
async def a_refusal_is_a_problem_with_its_code_and_status(lab: Lab) -> None:
    """Two dozen refusals, each with all its members: ``type``, ``status`` and ``retryable`` as listed."""
    person, vendor, other = lab.person(), await lab.vendor(), lab.person()
    thread = await lab.proffered(person, vendor)
    body, now = lab.bodies, lab.target.now()
    right = lab.claims(person, "terms.proffer", vendor.id, body.proffer())
    made = jose.token(person.key, right)
    accept = lab.claims(
        vendor, "terms.accept", person.id, body.accept(thread.head), thid=thread.thid, prev=thread.head
    )

    def changed(**claims: Any) -> str:
        kept = {n: v for n, v in {**right, **claims}.items() if v is not None}
        return jose.token(person.key, kept)

    def inside(**claims: Any) -> str:
        return jose.token(vendor.key, {**accept, **claims})

    mismatch = {**body.agreement("SD-BASE"), "digest": jose.digest(b"another")}
    cases: dict[str, list[str]] = {
        "too-large": [made + "A" * 65536],
        "token-malformed": ["a.b", made + "=", f"{made}.a", ""],
        "json-invalid": [_with(made, payload=b'{"vrm":"1.0",}', key=person)],
        "version-unsupported": [changed(vrm="2.0")],
        "header-invalid": [jose.token(person.key, right, crit=[])],
        "typ-invalid": [jose.token(person.key, right, "JWT")],
        "alg-unsupported": [jose.token(person.key, right, alg="none")],
        "claim-missing": [changed(jti=None)],
        "claim-invalid": [changed(iat=str(now)), changed(jti="a")],
        "claim-unknown": [changed(nbf=now)],
        "wrong-home": [changed(home="https://elsewhere.example")],
        "addressee-unknown": [changed(aud=lab.person().id)],
        "expired": [changed(iat=now - 7200, exp=now - 3600)],
        "not-yet-valid": [changed(iat=now + 3600, exp=now + 7200)],
        "lifetime-too-long": [changed(exp=now + 86402)],
        "signature-invalid": [jose.token(other.key, right, kid=person.key.kid, alg=person.key.alg)],
        "kid-mismatch": [jose.token(person.key, right, kid=other.key.kid)],
        "type-unknown": [changed(type="terms.unheard-of")],
        "body-invalid": [changed(body={})],
        "thread-missing": [changed(type="terms.withdraw", body={})],
        "thread-unknown": [inside(thid=jose.digest(b"nothing"))],
        "parent-unknown": [changed(pthid=jose.digest(b"nothing"))],
        "agreement-unknown": [changed(agr=jose.digest(b"nothing"))],
        "aud-mismatch": [inside(aud=(await lab.vendor()).id)],
        "role-forbidden": [inside(type="terms.withdraw", body={})],
        "state-conflict": [inside(type="agreement.terminate", body={})],
        "prev-unknown": [inside(prev=jose.digest(b"nothing"))],
        "deadline-invalid": [changed(body=body.proffer(answer_by=body.at(-60)))],
        "roster-unknown": [changed(body=body.proffer(roster={"id": "another", "version": "1.0"}))],
        "agreement-mismatch": [changed(body=body.proffer(preferred=mismatch))],
        "terms-not-offered": [inside(body=body.accept(jose.digest(b"nothing")))],
    }
    moved = await lab.proffered(person, await lab.vendor())
    assert moved.second is not None
    await lab.say(moved.second, "terms.alternative", body.alternative(moved.head), moved)
    late = body.accept(moved.head, "SD-BASE-A")
    for code, type_, made_, prev in (
        ("prev-stale", "terms.accept", late, moved.thid),
        ("alternative-not-new", "terms.alternative", body.alternative(thread.head, "SD-BASE"), thread.head),
    ):
        one, party = (moved, person) if type_ == "terms.accept" else (thread, vendor)
        claims = lab.claims(party, type_, one.other(party), made_, thid=one.thid, prev=prev)
        cases[code] = [jose.token(party.key, claims)]
    for code, tokens in cases.items():
        for token in tokens:
            await _problem(lab, code, await lab.talk.send(token.encode(), f"what is {code}"))
    where = lab.target.issuer
    await _problem(lab, "not-found", await lab.talk.request("GET", f"{where}/{secrets.token_hex(8)}"))
    await _problem(lab, "method-not-allowed", await lab.talk.request("PATCH", where + DISCOVERY))
    await _problem(lab, "request-invalid", await lab.talk.request("GET", lab.target.endpoint("threads")))
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-HOM-029", waiting == [thread.thid], "nothing that was refused is delivered", waiting)


def _with(token: str, payload: bytes, key: Party) -> str:
    return jose.signed(key.key, jose.decode(token.split(".")[0]), payload)


async def _problem(lab: Lab, code: str, answer: Answer) -> None:
    lab.refused("VRM-HOM-029", answer, code)
    found = answer.document
    entry = lab.spec.errors[code]
    faults = lab.spec.faults("documents/problem.json", found)
    lab.holds("VRM-HOM-029", not faults, "valid against documents/problem.json", faults[:3])
    wanted = {
        "type": f"https://w3id.org/vrmproto/1.0/errors/{code}",
        "status": entry["status"],
        "retryable": entry["retryable"],
    }
    got = {name: found[name] for name in wanted}
    lab.holds("VRM-HOM-029", got == wanted, str(wanted), got)
    media = answer.media
    lab.holds("VRM-HOM-029", media == "application/problem+json", "application/problem+json", media)
    filled = all(isinstance(found[n], str) and found[n] for n in ("title", "detail", "requirement"))
    lab.holds("VRM-HOM-029", filled, "title, detail and requirement", found)


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    1e300,
    "",
    "\x00",
    "\U0001f697" * 30,
    "a" * 3000,
    [],
    [[]],
    {},
    {"a": {"b": []}},
    "did:jwk:",
    "did:jwk:e30",
    "http://[::1",
    "https://\u0430.example",
    "9999-99-99T99:99:99Z",
)
RUBBISH = (
    b"GARBAGE\r\n\r\n",
    bytes(100) + b"\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost a\r\n\r\n",
    b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%zz%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: four\r\n\r\nabcd",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
)


@check("VRM-HOM-030")
async def bad_input_is_never_the_fault_of_the_home(lab: Lab) -> None:
    """Claims and members of every wrong type, broken bytes, odd queries, HTTP that is none: no 5xx."""
    person, vendor = lab.person(), await lab.vendor()
    body = lab.bodies.proffer()
    right = lab.claims(person, "terms.proffer", vendor.id, body)
    tokens: list[str] = []
    for name in [*right, "thid", "prev", "pthid", "agr", "ext"]:
        tokens += [jose.token(person.key, {**right, name: value}) for value in lab.rng.sample(ODD, 8)]
    for name in body:
        for value in lab.rng.sample(ODD, 5):
            tokens.append(jose.token(person.key, {**right, "body": {**body, name: value}}))
    for name in ("alg", "kid", "typ"):
        for value in lab.rng.sample(ODD, 4):
            named = {"alg": person.key.alg, "kid": person.key.kid, "typ": "vrm+jwt", name: value}
            tokens.append(jose.signed(person.key, jose.compact(named), jose.compact(right)))
    made = jose.token(person.key, right)
    for payload in (
        b"",
        b"null",
        b"[]",
        b'"a"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1e999}',
        lab.rng.randbytes(200),
    ):
        tokens.append(_with(made, payload, person))
    parts = made.split(".")
    tokens += [
        ".",
        "..",
        "...",
        "a" * 100,
        f"{parts[0]}..{parts[2]}",
        made[:-1],
        made + "\n",
        made.swapcase(),
    ]

    async def sent(token: str) -> None:
        answer = await lab.talk.send(token.encode(), "bad input")
        lab.holds("VRM-HOM-030", 400 <= answer.status < 500, "a refusal", answer.said)

    await together(map(sent, (t for t in tokens if t != made)))
    queries = ("?limit=", "?limit=%00", "?limit=9" + "9" * 400, "?after=%ff%fe", "?from=1e3", "?a&&&=;", "?%")
    for url in (lab.target.endpoint("threads"), lab.thread_url(jose.mid_of(made)), lab.thread_url("%00")):
        for query in queries:
            signed = lab.talk.signed(person.key, person.id, "GET", url)
            headers = {"Authorization": f"VRM {signed}"}
            answer = await lab.talk.request("GET", url + query, headers=headers, label="an odd query")
            lab.holds("VRM-HOM-030", answer.status < 500, "no 5xx", answer.said)
    for name in ("Accept", "Accept-Language", "If-None-Match", "Range", "Authorization"):
        for value in ("\xff\xfe", ";;;,,,q=q=q", "a" * 4000, "*/*;q=nan, */*;q=1e999", '"' * 30):
            where = (
                lab.target.endpoint("roster") if name != "Authorization" else lab.target.endpoint("threads")
            )
            answer = await lab.talk.request("GET", where, headers={name: value}, label=f"an odd {name}")
            lab.holds("VRM-HOM-030", answer.status < 500, "no 5xx", answer.said)
    for raw in RUBBISH:
        answer = await speak(lab, "HTTP that is none", raw, limit=1.0)
        # 501 and 505 say that HTTP itself is not understood
        fine = answer.status < 500 or answer.status in (501, 505)
        lab.holds("VRM-HOM-030", fine, "no 5xx", answer.said)
    answer = await lab.talk.request("GET", lab.target.issuer + DISCOVERY, label="it still answers")
    lab.holds("VRM-HOM-030", answer.status == 200, "200", answer.said)
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-HOM-030", not waiting, "nothing delivered", waiting)


@check("VRM-HOM-032")
async def a_path_that_does_not_exist_is_a_problem(lab: Lab) -> None:
    """``not-found`` as a problem, by each method, below each beginning, also with a right token."""
    person, vendor = lab.person(), await lab.vendor()
    token = proffer(lab, person, vendor)
    for start in ("/", "/v1/", "/.well-known/", "/v1/messages-", "/v2/"):
        url = f"{lab.target.issuer}{start}{secrets.token_hex(8)}"
        for method in ("GET", "POST", "PUT", "DELETE"):
            data = token.encode() if method in ("POST", "PUT") else None
            headers = MEDIA if data else {"Accept": "text/html"}
            answer = await lab.talk.request(
                method, url, headers=headers, data=data, label=f"{method} nowhere"
            )
            lab.refused("VRM-HOM-032", answer, "not-found")
            media = answer.media
            lab.holds("VRM-HOM-032", media == "application/problem+json", "application/problem+json", media)
            faults = lab.spec.faults("documents/problem.json", answer.document)
            lab.holds("VRM-HOM-032", not faults, "a problem", faults[:3])


@check("VRM-HOM-036")
async def a_wrong_method_is_answered_with_the_right_ones(lab: Lab) -> None:
    """405 ``method-not-allowed`` and ``Allow`` with what the endpoint takes."""
    served = set(lab.target.claimed)
    cases: list[tuple[str, str, tuple[str, ...]]] = [
        (lab.target.issuer + DISCOVERY, "GET", ("POST", "PUT", "DELETE", "PATCH")),
        (lab.target.endpoint("messages"), "POST", ("GET", "PUT", "DELETE", "PATCH")),
        (lab.target.endpoint("poll"), "POST", ("GET", "PUT", "DELETE", "PATCH")),
        (lab.target.endpoint("threads"), "GET", ("POST", "PUT", "DELETE", "PATCH")),
    ]
    if "terms" in served:
        cases.append((lab.target.endpoint("roster"), "GET", ("POST", "DELETE", "PATCH")))
        cases.append((f"{lab.target.issuer}/.well-known/myterms", "GET", ("POST", "DELETE", "PATCH")))
    if "intent" in served and lab.target.board():
        cases.append((lab.board, "GET", ("POST", "PUT", "PATCH")))
    for url, right, wrong in cases:
        for method in wrong:
            answer = await lab.talk.request(method, url, label=f"{method} {urlsplit(url).path}")
            lab.refused("VRM-HOM-036", answer, "method-not-allowed")
            allowed = [part.strip().upper() for part in header(answer, "Allow").split(",")]
            told = right in allowed and method not in allowed
            lab.holds("VRM-HOM-036", told, f"Allow with {right} and without {method}", allowed)


# --- browsers and operators -----------------------------------------------------------------------


def _open(lab: Lab, answer: Answer, what: str) -> None:
    allowed = header(answer, "Access-Control-Allow-Origin")
    credentials = header(answer, "Access-Control-Allow-Credentials")
    right = allowed == "*" and credentials.lower() != "true"
    got = f"{allowed or 'nothing'}, credentials {credentials or 'not named'}, in the answer {answer.said}"
    lab.holds("VRM-HOM-033", right, f"Access-Control-Allow-Origin: * for {what}", got)


@check("VRM-HOM-033")
async def a_browser_may_read_every_answer(lab: Lab) -> None:
    """Preflights, receipts, reads, 304 and refusals alike are open to every origin, without credentials."""
    person, vendor = lab.person(), await lab.vendor()
    served = lab.target.claimed
    for name, method, needed in (
        ("messages", "POST", "content-type"),
        ("poll", "POST", "content-type"),
        ("threads", "GET", "authorization"),
        *([("records", "GET", "authorization")] if "terms" in served else []),
    ):
        url = lab.target.endpoint(name) + (f"/{jose.digest(b'')}" if name == "records" else "")
        headers = {
            **ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": needed,
        }
        answer = await lab.talk.request("OPTIONS", url, headers=headers, label=f"preflight of {name}")
        _open(lab, answer, f"the preflight of {name}")
        lab.holds("VRM-HOM-033", 200 <= answer.status < 300, "a preflight answered with 2xx", answer.said)
        let = [part.strip().lower() for part in header(answer, "Access-Control-Allow-Headers").split(",")]
        lab.holds("VRM-HOM-033", needed in let or "*" in let, f"the header {needed} allowed", let)
    token = proffer(lab, person, vendor)
    here, messages = lab.target.issuer, lab.target.endpoint("messages")
    big = b"A" * (lab.target.limit("token", 65536) + 1)
    first = await lab.talk.request("GET", here + DISCOVERY, headers=ORIGIN)
    known = {**ORIGIN, "If-None-Match": header(first, "ETag") or "*"}
    asks: list[tuple[str, str, Mapping[str, str], bytes | None]] = [
        ("POST", messages, {**MEDIA, **ORIGIN}, token.encode()),
        ("POST", messages, {**MEDIA, **ORIGIN}, token.encode()),
        ("POST", messages, {**MEDIA, **ORIGIN}, b"a.b.c"),
        ("POST", messages, {**MEDIA, **ORIGIN}, big),
        ("POST", messages, {"Content-Type": "text/plain", **ORIGIN}, b""),
        ("PATCH", messages, ORIGIN, None),
        ("GET", here + DISCOVERY, known, None),
        ("GET", f"{here}/{secrets.token_hex(8)}", ORIGIN, None),
        ("GET", lab.target.endpoint("threads"), ORIGIN, None),
        ("GET", lab.target.endpoint("threads"), {**ORIGIN, "Cookie": "a=b"}, None),
    ]
    for method, url, named, data in asks:
        answer = await lab.talk.request(method, url, headers=named, data=data)
        _open(lab, answer, f"{method} {urlsplit(url).path}")
    for url in (lab.target.endpoint("threads"), lab.thread_url(jose.mid_of(token))):
        _open(lab, await lab.get(person, url, headers=ORIGIN), "a read")
    _open(lab, await lab.get(lab.person(), lab.thread_url(jose.mid_of(token)), headers=ORIGIN), "a refusal")


@check("VRM-HOM-034")
async def a_home_tells_how_it_is(lab: Lab) -> None:
    """``/healthz`` and ``/readyz`` answer 200, ``/openapi.json`` is a description of the interface."""
    described: Any = None
    for path in ("/healthz", "/readyz", "/openapi.json"):
        answer = await lab.talk.request("GET", lab.target.issuer + path)
        lab.holds("VRM-HOM-034", answer.status == 200, f"200 at {path}", answer.said)
        described = answer.document
    told = isinstance(described, dict) and str(described.get("openapi", "")).startswith("3.")
    lab.holds("VRM-HOM-034", told and described.get("paths"), "an OpenAPI 3 document", str(described)[:80])


@check("VRM-HOM-035")
async def the_schemas_of_messages_are_served(lab: Lab) -> None:
    """Each listed type has its schema below the ``schemas`` endpoint; another path is ``not-found``."""
    base = lab.target.endpoint("schemas")
    for name in lab.target.discovery["types"]:
        answer = await lab.talk.request("GET", f"{base}/messages/{name}.json", label=f"the schema of {name}")
        lab.holds("VRM-HOM-035", answer.status == 200, f"the schema of {name}", answer.said)
        found = answer.document
        lab.holds("VRM-HOM-035", isinstance(found, dict), "a JSON object", answer.text[:80])
        own = lab.spec.schemas.get(f"messages/{name}.json")
        if own is not None:
            got = (found.get("$id"), sorted(found.get("properties", ())), sorted(found.get("required", ())))
            wanted = (own["$id"], sorted(own.get("properties", ())), sorted(own.get("required", ())))
            lab.holds("VRM-HOM-035", got == wanted, str(wanted), got)
    answer = await lab.talk.request("GET", f"{base}/messages/terms.unheard-of.json")
    lab.refused("VRM-HOM-035", answer, "not-found")


# --- the order of checks --------------------------------------------------------------------------

Change = Callable[["_Draft"], None]


class _Draft:
    """A message that takes faults, one upon the other, before it becomes bytes."""

    def __init__(self, party: Party, claims: Mapping[str, Any]) -> None:
        self.party, self.key = party, party.key
        self.claims: dict[str, Any] = dict(claims)
        self.header: dict[str, Any] = {"alg": self.key.alg, "kid": self.key.kid, "typ": "vrm+jwt"}
        self.media, self.broken, self.forged, self.tail = "application/jwt", False, False, ""

    def bytes(self) -> bytes:
        """The token."""
        payload = jose.compact(self.claims)
        if self.broken:
            payload = payload[:-1] + b",}"
        token = jose.signed(self.key, jose.compact(self.header), payload)
        if self.forged:
            said, _, last = token.rpartition(".")
            token = f"{said}.{'B' if last[0] == 'A' else 'A'}{last[1:]}"
        return (token + self.tail).encode()


def _set(**claims: Any) -> Change:
    return lambda draft: draft.claims.update(claims)


def _body(**members: Any) -> Change:
    return lambda draft: draft.claims.update(body={**draft.claims["body"], **members})


def _early(lab: Lab) -> list[tuple[str, str, Change]]:
    """Code, what it touches, change: the checks that know no thread, in their order."""
    now, nobody = lab.target.now(), lab.person()

    def odd_did(draft: _Draft) -> None:
        swapped = dict(sorted(draft.key.jwk.items(), reverse=True))
        draft.claims["iss"] = jose.DID + jose.b64(jose.compact(swapped))

    return [
        ("media-type", "media", lambda d: setattr(d, "media", "text/plain")),
        ("too-large", "tail", lambda d: setattr(d, "tail", d.tail + "A" * 65537)),
        ("token-malformed", "tail", lambda d: setattr(d, "tail", d.tail + "=")),
        ("json-invalid", "json", lambda d: setattr(d, "broken", True)),
        ("version-unsupported", "vrm", _set(vrm="2.0")),
        ("header-invalid", "header", lambda d: d.header.update(crit="a")),
        ("typ-invalid", "typ", lambda d: d.header.update(typ="JWT")),
        ("alg-unsupported", "alg", lambda d: d.header.update(alg="HS256")),
        ("claim-missing", "jti", lambda d: d.claims.pop("jti", None)),
        ("claim-invalid", "jti", _set(jti="short")),
        ("claim-unknown", "nbf", _set(nbf=now)),
        ("wrong-home", "home", _set(home="https://elsewhere.example")),
        ("addressee-unknown", "aud", _set(aud=nobody.id)),
        ("expired", "time", _set(iat=now - 7200, exp=now - 3600)),
        ("not-yet-valid", "time", _set(iat=now + 3600, exp=now + 7200)),
        ("lifetime-too-long", "time", _set(exp=now + 90000)),
        ("key-invalid", "iss", odd_did),
        ("signature-invalid", "signature", lambda d: setattr(d, "forged", True)),
        ("kid-mismatch", "kid", lambda d: d.header.update(kid=nobody.key.kid)),
        ("ext-not-allowed", "type", _set(ext={"https://x.example/": 1})),
        ("type-unknown", "type", _set(type="terms.unheard-of")),
        ("body-invalid", "body", _body(lang="!")),
    ]


async def _ordered(
    lab: Lab, party: Party, claims: Mapping[str, Any], faults: list[tuple[str, str, Change]]
) -> None:
    async def one(first: tuple[str, str, Change], second: tuple[str, str, Change]) -> None:
        draft = _Draft(party, claims)
        draft.claims["jti"] = secrets.token_urlsafe(18)
        for _, _, change in (second, first):
            change(draft)
        answer = await lab.talk.request(
            "POST",
            lab.target.endpoint("messages"),
            headers={"Content-Type": draft.media},
            data=draft.bytes(),
            label=f"a message that is {first[0]} and {second[0]}",
        )
        lab.refused("VRM-ENV-036", answer, first[0])

    pairs = [(a, b) for n, a in enumerate(faults) for b in faults[n:] if a is b or a[1] != b[1]]
    await together(one(*pair) for pair in pairs)


@check("VRM-ENV-036")
async def of_two_faults_of_an_opening_message_the_first_is_answered(lab: Lab) -> None:
    """Every fault beside every later one, from the media type to the guards in the order of the row."""
    person, vendor = lab.person(), await lab.vendor()
    wrong = {**lab.bodies.agreement("SD-BASE"), "digest": jose.digest(b"another")}
    nothing = jose.digest(b"nothing")
    late: list[tuple[str, str, Change]] = [
        ("parent-unknown", "pthid", _set(pthid=nothing)),
        ("agreement-unknown", "agr", _set(agr=nothing)),
        ("roster-unknown", "roster", _body(roster={"id": "another", "version": "1.0"})),
        ("agreement-mismatch", "preferred", _body(preferred=wrong)),
        ("deadline-invalid", "answer_by", _body(answer_by=lab.bodies.at(-60))),
    ]
    claims = lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer())
    await _ordered(lab, person, claims, [*_early(lab), *late])
    form = await lab.attempt(
        person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id, ext={"no absolute URI": 1}
    )
    lab.refused("VRM-ENV-036", form, "ext-not-allowed")
    now = lab.target.now()
    for code, iat, exp in (
        ("expired", now - 200000, now - 3600),
        ("expired", now + 3600, now - 3600),
        ("not-yet-valid", now + 3600, now + 200000),
        ("lifetime-too-long", now, now - 1),
    ):
        said = await lab.attempt(
            person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id, iat=iat, exp=exp
        )
        lab.refused("VRM-ENV-036", said, code)
    organisation = await lab.attempt(
        vendor, "terms.proffer", {**lab.bodies.proffer(), "preferred": wrong}, aud=vendor.id
    )
    lab.refused("VRM-ENV-036", organisation, "claim-invalid")
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-ENV-036", not waiting, "nothing delivered", waiting)


@check("VRM-ENV-036")
async def of_two_faults_in_a_thread_the_first_is_answered(lab: Lab) -> None:
    """The same for a message in a thread: thread, parent, agreement, counterparty, row, ``prev``, guards."""
    person, vendor, other = lab.person(), await lab.vendor(), await lab.vendor()
    thread = await lab.proffered(person, vendor)
    thid, nothing = thread.thid, jose.digest(b"nothing")

    def another(type_: str) -> Change:
        return lambda d: d.claims.update(
            type=type_, body={"lang": "!"} if d.claims["body"].get("lang") == "!" else {}
        )

    late: list[tuple[str, str, Change]] = [
        ("thread-unknown", "thid", _set(thid=nothing)),
        ("parent-unknown", "pthid", _set(pthid=nothing)),
        ("agreement-unknown", "agr", _set(agr=nothing)),
        ("aud-mismatch", "aud", _set(aud=other.id)),
        ("role-forbidden", "type", another("terms.withdraw")),
        ("state-conflict", "type", another("agreement.terminate")),
        ("prev-unknown", "prev", _set(prev=nothing)),
        ("terms-not-offered", "body", _body(accepts=nothing)),
    ]
    body = lab.bodies.accept(thread.head)
    claims = lab.claims(vendor, "terms.accept", person.id, body, thid=thid, prev=thread.head)
    await _ordered(lab, vendor, claims, [*_early(lab), *late])
    read = await lab.thread(person, thid)
    lab.holds("VRM-ENV-036", len(read["messages"]) == 1, "a thread of one message", len(read["messages"]))
    waiting = await lab.inbox(person)
    lab.holds("VRM-ENV-036", not waiting, "nothing delivered", waiting)
    said = await lab.attempt(vendor, "terms.accept", body, thread)
    lab.taken("VRM-ENV-036", said, "agreed")
