"""Checks that every MUST of homes is judged by a suite, or is excluded with a reason.

The suite tells itself what it judges, in a file: ``vrm-conformance list --json`` writes one. Agents and
editors cannot be judged at a URL, so that their sentences need no check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vrmproto.editor.folder import EXCLUSIONS, Folder

__all__ = ["covered", "read"]

Checks = Mapping[str, Sequence[str]]


def read(text: str) -> dict[str, list[str]]:
    """Requirement to the names of its checks, from lines like ``{"id": "", "checks": []}`` or an array.

    ValueError for a text that is neither.
    """
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else [*map(json.loads, text.splitlines())]
        found = {row["id"]: row["checks"] for row in rows}
    except (ValueError, LookupError, TypeError):
        raise ValueError("is no list of checks, as vrm-conformance list --json writes it") from None
    if not found or not all(isinstance(name, str) for names in found.values() for name in names):
        raise ValueError("lists no checks, or checks without names")
    return found


def covered(folder: Folder, checks: Checks) -> None:
    """Report what is neither judged nor excluded, what is both, and what is judged and is no requirement."""
    excluded = {e["requirement"]: n for n, e in enumerate(folder.get(EXCLUSIONS).get("exclusions", ()))}
    for sentence in folder.requirements.values():
        must = sentence.role == "home" and sentence.words[:1] in (["MUST"], ["MUST NOT"])
        judged = bool(checks.get(sentence.id))
        if must and not judged and sentence.id not in excluded and EXCLUSIONS in folder.sound:
            message, remedy = f"no check judges {sentence.id}", f"write one, or list it in {EXCLUSIONS}"
            folder.add("requirement-unchecked", sentence.page, message, remedy, line=sentence.line)
        if judged and sentence.id in excluded:
            message, at = f"{sentence.id} has checks", f"/exclusions/{excluded[sentence.id]}/requirement"
            folder.add("exclusion", EXCLUSIONS, message, "take it away", pointer=at)
    for name in sorted(set(checks) - folder.requirements.keys()):
        message, remedy = f"the suite lists {name}, which is no requirement", "list the checks anew"
        folder.add("check-unknown", "protocol", message, remedy)
