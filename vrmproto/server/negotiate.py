"""Which layer of an agreement a reader asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vrmproto.errors import ProtocolError
from vrmproto.roster import Agreement, Text

__all__ = ["LD_JSON", "accepts", "choose"]

LD_JSON = "application/ld+json"

Layer = Literal["manifest", "plain", "legal", "machine"]
LAYERS: tuple[Layer, ...] = ("manifest", "plain", "legal", "machine")


def _not_acceptable(languages: list[str] | None = None) -> ProtocolError:
    detail = "the layers are application/json, text/markdown, text/markdown;layer=legal, application/ld+json"
    if languages:
        detail = f"the languages of this layer are {', '.join(languages)}"
    return ProtocolError("not-acceptable", detail, rule="VRM-TRM-015")


def _weighted(header: str) -> list[tuple[str, dict[str, str]]]:
    """The parts of an ``Accept``-like header, best first, those with q=0 left out."""
    found: list[tuple[float, int, str, dict[str, str]]] = []
    for place, part in enumerate(header.split(",")):
        value, *rest = (p.strip() for p in part.split(";"))
        parameters = {k.strip(): v.strip().strip('"') for k, _, v in (r.partition("=") for r in rest)}
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if value and weight > 0:
            found.append((-weight, place, value.lower(), parameters))
    return [(value, parameters) for _, _, value, parameters in sorted(found, key=lambda f: f[:2])]


def _layer(accept: str) -> Layer:
    for media, parameters in _weighted(accept):
        if media in ("*/*", "application/*", "application/json"):
            return "manifest"
        if media in ("text/*", "text/markdown"):
            return "legal" if parameters.get("layer") == "legal" else "plain"
        if media == "application/ld+json":
            return "machine"
    raise _not_acceptable()


def accepts(headers: Mapping[str, str], media: str) -> bool:
    """Whether a reader asks for this media type before JSON and anything else."""
    best = _weighted(headers.get("Accept") or "*/*")
    return bool(best) and best[0][0] == media


def _text(agreement: Agreement, layer: str, languages: list[str], strict: bool) -> Text:
    texts = [t for t in agreement.texts if t.layer == layer]
    for language in languages:
        for text in texts:
            if text.lang.lower() == language or text.lang.lower() == language.partition("-")[0]:
                return text
    if not texts or strict:
        raise _not_acceptable([t.lang for t in texts])
    return texts[0]


def choose(agreement: Agreement, headers: Mapping[str, str], query: Mapping[str, str]) -> Text | None:
    """The text asked for by ``layer=``/``lang=`` or Accept headers; None for the manifest."""
    asked = query.get("layer")
    if asked is not None and asked not in LAYERS:
        raise _not_acceptable()
    layer = asked or _layer(headers.get("Accept") or "*/*")
    if layer == "manifest":
        return None
    if "lang" in query:
        return _text(agreement, layer, [query["lang"].lower()], True)
    return _text(agreement, layer, [v for v, _ in _weighted(headers.get("Accept-Language", ""))], False)
