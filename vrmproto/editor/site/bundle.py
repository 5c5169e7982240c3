"""All schemas of messages and documents in one document. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from vrmproto.spec import BASE

__all__ = ["bundle", "key"]

_MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
"""Keywords whose value is a map from names to schemas: there a name is no keyword."""

_VALUES = ("const", "enum", "examples", "default")
"""Keywords whose value is data."""


def key(path: str) -> str:
    """The name in ``$defs`` of the schema at ``path``."""
    return path.removesuffix(".json").replace("/", ".")


def _reference(reference: str, path: str) -> str:
    file, _, pointer = reference.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
    return f"#/$defs/{key(there)}{pointer}"


def _local(schema: Any, path: str) -> Any:
    """A schema with its references turned into those of the bundle."""
    if isinstance(schema, list):
        return [_local(part, path) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in ("$id", "$schema"):
            continue
        if keyword == "$ref":
            found[keyword] = _reference(value, path)
        elif keyword in _VALUES:
            found[keyword] = value
        elif keyword in _MAPS:
            found[keyword] = {name: _local(part, path) for name, part in value.items()}
        else:
            found[keyword] = _local(value, path)
    return found


def bundle(schemas: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Path to schema, as one schema document; it takes anything by itself, its ``$defs`` are what is used."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{BASE}schemas.bundle.json",
        "title": f"VRM Protocol {version}: schemas of messages and documents",
        "description": "Each of $defs is a schema of the folder, with / in its path written as a full stop.",
        "$defs": {key(path): _local(schema, path) for path, schema in sorted(schemas.items())},
    }
