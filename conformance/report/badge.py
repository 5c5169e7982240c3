"""A badge for a README, in the form that shields.io reads from an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["badge", "tally"]


def tally(document: Mapping[str, Any]) -> tuple[int, int]:
    """How many MUSTs hold, of how many that were judged or stayed open."""
    counts = [p["verdicts"]["MUST"] for p in document["profiles"] if p["judged"]]
    held = sum(c["pass"] + c["warn"] for c in counts)
    return held, held + sum(c["fail"] + c["inconclusive"] for c in counts)


def badge(document: Mapping[str, Any]) -> dict[str, Any]:
    """The endpoint document; green is nothing but a conformant home."""
    held, total = tally(document)
    judged = " ".join(p["name"] for p in document["profiles"] if p["judged"])
    failed = any(p["verdicts"][level]["fail"] for p in document["profiles"] for level in ("MUST", "SHOULD"))
    if document["control"]:
        message, color = "not judged", "lightgrey"
    else:
        message = f"{judged}: {held}/{total}"
        color = "brightgreen" if document["conformant"] else "red" if failed else "yellow"
    return {"schemaVersion": 1, "label": "VRM", "message": message, "color": color}
