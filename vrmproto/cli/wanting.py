"""What a person wants, from a file or from flags, as the members of an intent."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["MEMBERS", "category", "condition", "disclosure", "money", "read", "where"]

MEMBERS = (
    "need",
    "terms",
    "acceptable",
    "board",
    "lang",
    "place",
    "where",
    "when",
    "budget",
    "offers",
    "per_vendor",
    "accepts",
    "currencies",
    "unverified",
    "disclose",
    "purge_within",
    "until",
)
"""What a file may say of an intent."""

_PD = "https://w3id.org/dpv/pd#"
_ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
_FIELDS = {
    "name": "Name",
    "phone": "TelephoneNumber",
    "email": "EmailAddress",
    "address": "PhysicalAddress",
}
"""Fields that need no category named: what they are in W3C DPV-PD."""


def read(path: Path) -> dict[str, Any]:
    """The members of a TOML or JSON file, with short forms written out; ValueError, OSError."""
    data = path.read_text(encoding="utf-8")
    try:
        table = json.loads(data) if path.suffix == ".json" else tomllib.loads(data)
    except ValueError as error:
        raise ValueError(f"{path}: is no {'JSON' if path.suffix == '.json' else 'TOML'} ({error})") from None
    if not isinstance(table, dict):
        raise ValueError(f"{path}: is to hold one table")
    if unknown := sorted(table.keys() - set(MEMBERS)):
        raise ValueError(f"{path}: an intent has no {', '.join(unknown)}; it has {', '.join(MEMBERS)}")
    if "budget" in table:
        table["budget"] = money(table["budget"])
    if "disclose" in table:
        table["disclose"] = [disclosure(one) for one in table["disclose"]]
    if isinstance(table.get("need"), dict):
        need = table["need"]
        for name, whole in (("categories", category), ("conditions", condition)):
            if name in need:
                need[name] = [whole(one) for one in need[name]]
    return table


def money(text: str | Mapping[str, Any]) -> dict[str, Any]:
    """``12000 EUR`` as a budget, or what is one already."""
    if not isinstance(text, str):
        return dict(text)
    found = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]{1,4}))? ?([A-Z]{3})", text.strip())
    if found is not None:
        from vrmproto import spec

        whole, part, currency = found[1].lstrip("0") or "0", found[2] or "", found[3]
        for places in (2, 0, 3, 4):  # as many as the currency has
            fraction = part.ljust(places, "0")
            amount = f"{whole}.{fraction}" if places else whole
            value = {"amount": amount, "currency": currency}
            if len(fraction) == places and spec.load().valid("shared/money.json", value):
                return value
    raise ValueError(f"{text}: is no amount, such as 12000 EUR")


def category(text: str | Mapping[str, str]) -> dict[str, str]:
    """``unspsc:25101503`` or ``unspsc:25101503:Cars`` as a category."""
    if not isinstance(text, str):
        return dict(text)
    parts = text.split(":", 2)
    if len(parts) < 2 or not all(parts):
        raise ValueError(f"{text}: is no category, such as unspsc:25101503")
    return dict(zip(("scheme", "code", "label"), parts, strict=False))


def condition(text: str | Mapping[str, str]) -> dict[str, str]:
    """A text as something that has to be; ``should:`` or ``must-not:`` before it say otherwise."""
    if not isinstance(text, str):
        return dict(text)
    weight, _, rest = text.partition(":")
    if weight in ("must", "should", "must-not") and rest.strip():
        return {"text": rest.strip(), "weight": weight}
    return {"text": text, "weight": "must"}


def disclosure(text: str | Mapping[str, str]) -> dict[str, str]:
    """``name``, ``phone``, ``email``, ``address``, or ``FIELD=CATEGORY`` of DPV-PD, for the order."""
    if not isinstance(text, str):
        return dict(text)
    field, _, kind = text.partition("=")
    kind = kind or _FIELDS.get(field, "")
    if not kind:
        known = ", ".join(_FIELDS)
        raise ValueError(f"{text}: of this field a category is needed ({text}=CATEGORY); {known} have one")
    return {"field": field, "category": _PD + kind, "purpose": _ORDERS}


def where(region: str, near: str) -> str | dict[str, Any] | None:
    """A region, or ``52.4,4.9,50``: a circle of so many kilometres around a point."""
    if not near:
        return region or None
    parts = near.split(",")
    if region or len(parts) != 3 or not parts[2].strip().isdigit():
        raise ValueError(f"--near {near}: is to be LAT,LON,KM, such as 52.4,4.9,50, and without --region")
    return {"lat": parts[0].strip(), "lon": parts[1].strip(), "radius_km": int(parts[2])}


def given(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Those members that were said."""
    return {name: value for name, value in members if value not in (None, "", [], ())}
