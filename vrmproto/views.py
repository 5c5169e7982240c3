"""Intents and offers as schema.org reads them, by the table ``spec/views/schema-org.json``. No I/O, no clock.

A view helps search engines and proves nothing. Source: spec/protocol/intents.md "Views".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrmproto import envelope
from vrmproto.guards import pointed
from vrmproto.spec import Spec

__all__ = ["demand", "feed", "offer", "read_back"]


def demand(spec: Spec, body: Mapping[str, Any], **named: str) -> dict[str, Any]:
    """A ``Demand`` of the body of an intent; ``named`` are members such as ``identifier`` and ``url``."""
    return {"@context": spec.views["context"], **_view(spec, "intent", body), **named}


def offer(spec: Spec, body: Mapping[str, Any], **named: str) -> dict[str, Any]:
    """An ``Offer`` of the body of an offer."""
    return {"@context": spec.views["context"], **_view(spec, "offer", body), **named}


def feed(spec: Spec, board: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The shown items of a feed as a ``DataFeed`` of demands; ``board`` is its URL.

    Each demand has the id of its thread and the URL where the tokens are read that prove it; the item
    around it the id of the message that says what is in it.
    """
    path = next(e["path"] for e in spec.endpoints if e["name"] == "thread").partition("{")[0]
    shown = []
    for item in items:
        if "token" in item:
            claims = envelope.peek(item["token"])[1]
            named = {"identifier": item["mid"], "url": f"{claims['home']}{path}{item['mid']}"}
            made = {**_view(spec, "intent", claims["body"]), **named}
            mid = envelope.mid_of(item["token"])
            shown.append({"@type": "DataFeedItem", "identifier": mid, "item": made})
    return {"@context": spec.views["context"], "@type": "DataFeed", "url": board, "dataFeedElement": shown}


def _view(spec: Spec, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return _object(spec, spec.views["views"][name], body)


def _object(spec: Spec, view: Mapping[str, Any], value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"@type": view["type"]}
    for entry in view["map"]:
        found = pointed(value, entry["from"])
        if found is None:
            continue
        if "each" in entry:
            found = [_object(spec, entry["each"], one) for one in found]
        elif "suffix" in entry:
            found = f"{found}{entry['suffix']}"
        _put(made, entry["to"], found, spec.views["types"])
    return made


def _put(made: dict[str, Any], path: Sequence[str], value: Any, types: Mapping[str, str]) -> None:
    for name in path[:-1]:
        made = made.setdefault(name, {"@type": types[name]})
    made[path[-1]] = value


def read_back(spec: Spec, name: str, view: Mapping[str, Any]) -> dict[str, Any]:
    """The mapped members of a body again, from its view (``intent`` or ``offer``)."""
    return _body(spec.views["views"][name], view)


def _body(view: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for entry in view["map"]:
        found = pointed(value, "/" + "/".join(entry["to"]))
        if found is None:
            continue
        if "each" in entry:
            found = [_body(entry["each"], one) for one in found]
        elif "suffix" in entry:
            found = int(found.removesuffix(entry["suffix"]))
        inner, parts = body, entry["from"].split("/")[1:]
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
        inner[parts[-1]] = found
    return body
