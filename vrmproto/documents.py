"""Documents that an origin serves about itself: discovery and the disclosure of agreements. No I/O.

Source: spec/protocol/home.md "Discovery", terms.md "Roster"; spec/documents/discovery.json, myterms.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vrmproto import keys
from vrmproto.envelope import MAX_TOKEN
from vrmproto.home import Config
from vrmproto.keys import PublicKey
from vrmproto.spec import VERSION, Spec

__all__ = ["accepted", "discovery", "myterms", "published"]


def published(public: Iterable[PublicKey]) -> list[dict[str, str]]:
    """Keys as a JWK Set lists them, each with its ``kid``."""
    return [{**key.jwk, "kid": key.kid} for key in public]


def accepted(spec: Spec, ids: Sequence[str]) -> list[dict[str, str]]:
    """Agreements of the roster by id, as ``accepts`` lists them; KeyError for an id it has not."""
    found = [spec.roster.named(name) for name in ids]
    return [{**a.reference, "class": a.kind, "iri": a.iri} for a in found]


def endpoint_urls(spec: Spec, origin: str) -> dict[str, str]:
    """Absolute URLs by endpoint name; ids are appended to those that take one."""
    listed = (e for e in spec.endpoints if "under" not in e and e["path"].startswith(("/v1/", "/openapi")))
    return {e["name"]: origin + e["path"].partition("/{")[0] for e in listed}


def discovery(spec: Spec, config: Config, public: Sequence[PublicKey]) -> dict[str, Any]:
    """The discovery document of a home (documents/discovery.json)."""
    urls = endpoint_urls(spec, config.origin)
    document: dict[str, Any] = {
        "issuer": config.origin,
        "versions": [VERSION],
        "roles": ["home"],
        "homes": [config.origin],
        "endpoints": urls,
        "algs": list(keys.ALGS),
        "types": sorted(spec.types),
        "profiles": spec.profiles,
        "limits": {
            "token": MAX_TOKEN,
            "max_wait": config.max_wait,
            "inbox": config.inbox,
            "blob": config.blob,
        },
        "boards": [
            {"name": b.name, "url": f"{urls['boards']}/{b.name}", "access": b.access} for b in config.boards
        ]
        if "boards" in urls
        else [],
        "roster": roster_reference(spec, urls["roster"]),
        "accepts": accepted(spec, config.accepts),
        "policy": {"unverified_second": True},
        "keys": published(public),
        "historical_keys": [],
    }
    if "ladder" in urls:
        document["ladder"] = {"digest": spec.ladder.digest, "url": urls["ladder"]}
    said = {
        "operator": config.operator,
        "contact": config.contact,
        "privacy_notice": config.privacy_notice,
    }
    return document | {name: value for name, value in said.items() if value}


def roster_reference(spec: Spec, url: str) -> dict[str, str]:
    """``{id, version, url}`` of the roster."""
    return {"id": spec.roster.id, "version": spec.roster.version, "url": url}


def myterms(document: Mapping[str, Any]) -> dict[str, Any]:
    """The disclosure of agreements that belongs to a discovery document (VRM-TRM-018)."""
    return {
        "origin": document["issuer"],
        "roster": document["roster"],
        "accepts": document["accepts"],
        "homes": document["homes"],
    }
