"""JSON Patches of the fields of a message (RFC 6902). No I/O. Source: spec/protocol/corrections.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch

__all__ = ["applied"]


def applied(patch: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> dict[str, str] | None:
    """The fields after a patch as a whole; None where an operation of it fails."""
    try:
        made: dict[str, str] = jsonpatch.apply_patch(dict(fields), [dict(op) for op in patch])
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        return None
    return made
