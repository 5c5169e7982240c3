"""The positive control: what every home takes that is not broken just there."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from vrmproto import envelope, keys, spec, timing
from vrmproto.keys import PrivateKey

__all__ = ["ask", "discovered", "proffered"]

AGREEMENT = spec.load(spec.folder()).roster.named("SD-BASE").reference
ROSTER = {"id": "vrm-reference-roster", "version": "1.0"}


def ask(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, Mapping[str, str], bytes]:
    """One request over a connection of its own: status, headers and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        headers = {"Content-Type": "application/jwt"} if body is not None else {}
        connection.request(method, parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def discovered(url: str) -> dict[str, Any]:
    """The discovery document of a home; ValueError where there is none."""
    status, _, body = ask(f"{url}/.well-known/vrm-configuration")
    if status != 200:
        raise ValueError(f"discovery is answered with {status}")
    document: dict[str, Any] = json.loads(body)
    return document


def _poll(key: PrivateKey, home: str, url: str) -> bytes:
    now = int(time.time())
    claims = {"iss": key.did, "aud": home, "htm": "POST", "htu": url, "iat": now, "exp": now + 30}
    more = {"jti": secrets.token_urlsafe(16), "body": {"returnImmediately": True}}
    return envelope.seal(key, claims | more, envelope.REQUEST).encode()


def proffered(url: str, document: Mapping[str, Any]) -> tuple[int, bytes]:
    """A person proffers to a vendor that has polled: the answer to the proffer."""
    endpoints = document["endpoints"]
    person, vendor, now = keys.generate(), keys.generate(), int(time.time())
    ask(endpoints["poll"], "POST", _poll(vendor, url, endpoints["poll"]))
    body = {
        "roster": ROSTER,
        "preferred": AGREEMENT,
        "lang": "en",
        "place": "NL",
        "purpose": "https://w3id.org/dpv#RequestedServiceProvision",
        "answer_by": timing.text(now + 7 * 86400),
    }
    claims = {"vrm": "1.0", "home": url, "type": "terms.proffer", "iss": person.did, "aud": vendor.did}
    more = {"jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 3600, "body": body}
    status, _, answer = ask(endpoints["messages"], "POST", envelope.seal(person, claims | more).encode())
    return status, answer
