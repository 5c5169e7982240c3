"""Checks of home.md: discovery, taking messages, browsers."""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from conformance import jose
from conformance.lab import Lab, check
from conformance.results import Inconclusive
from conformance.target import Answer
from conformance.wire import DISCOVERY, MEDIA, head, header, post, proffer, speak

ORIGIN = {"Origin": "https://somewhere-else.example"}


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


@check("VRM-HOM-009", slow=True, patient=True)
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
