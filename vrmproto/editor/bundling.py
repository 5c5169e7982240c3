"""One JSON Schema document of a whole spec folder, for tools that follow no reference into another file.

Every schema of ``messages/``, ``shared/`` and ``documents/``, and every part of ``envelope.json``, becomes
one of its ``$defs``. What only these schemas say (``x-profile``, ``x-ext``) is left out, and the title of
each is its name, since tools call their types by it; the title that people wrote stands before its
description. Beside a reference no description is kept: many tools make a further type of each that has one.

    python -m vrmproto.editor.bundling [SPEC_DIR] > vrm.json
"""

from __future__ import annotations

import argparse
import json
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vrmproto.errors import SpecError
from vrmproto.spec import BASE, folder

__all__ = ["bundle", "main", "name_of"]

PLACES = ("messages", "shared", "documents")
_OWN = ("$schema", "$id", "$defs", "x-profile", "x-ext", "title", "description")

Json = dict[str, Any]


def bundle(root: Path) -> Json:
    """The document: valid 2020-12, with references like ``#/$defs/OfferMake`` and no others.

    SpecError where two schemas would have one name, or a reference leads out of the folder.
    """
    files = {path: json.loads((root / path).read_bytes()) for path in sorted(_paths(root))}
    parts: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for path, schema in files.items():
        for place, part in _definitions(path, schema):
            name = name_of(place)
            if name in parts:
                raise SpecError(f"{place}: {parts[name][0]} is called {name} too")
            parts[name] = place, part
    names = {place: name for name, (place, _) in parts.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{BASE}schemas.bundle.json",
        "title": "Vrmproto",
        "description": "Every schema of the VRM protocol in one document.",
        "$defs": {name: _made(name, *parts[name], names) for name in sorted(parts)},
    }


def name_of(place: str) -> str:
    """The name of a schema: of ``messages/offer.make.json`` it is OfferMake, of a part EnvelopeClaims."""
    path, _, part = place.partition("#/$defs/")
    stem = path.rpartition("/")[2].removesuffix(".json")
    words = f"{stem}-{part}".replace(".", "-").replace("_", "-").split("-")
    return "".join(word[:1].upper() + word[1:] for word in words)


def _paths(root: Path) -> Iterator[str]:
    yield "envelope.json"
    for place in PLACES:
        yield from (f"{place}/{path.name}" for path in (root / place).glob("*.json"))


def _definitions(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A file and its parts; of a file that has nothing but parts only these."""
    if set(schema) - set(_OWN):
        yield path, schema
    for name, part in schema.get("$defs", {}).items():
        yield f"{path}#/$defs/{name}", part


def _made(name: str, place: str, schema: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    said = [schema[member].rstrip(".") for member in ("title", "description") if member in schema]
    head: Json = {"title": name, "$comment": place}
    if said:
        head["description"] = ". ".join(said) + "."
    body = {key: value for key, value in schema.items() if key not in _OWN}
    made: Json = _local(body, place.partition("#")[0], names)
    return head | made


def _local(schema: Any, path: str, names: Mapping[str, str]) -> Any:
    """A subschema with its references as they are in the bundle."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if "$ref" in schema:
        made["$ref"] = f"#/$defs/{names[_target(path, schema['$ref'], names)]}"
        made.pop("description", None)
    if "properties" in schema:
        made["properties"] = {n: _local(part, path, names) for n, part in schema["properties"].items()}
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if keyword in schema:
            made[keyword] = _local(schema[keyword], path, names)
    if "oneOf" in schema:
        made["oneOf"] = [_local(part, path, names) for part in schema["oneOf"]]
    return made


def _target(path: str, reference: str, names: Mapping[str, str]) -> str:
    file, _, part = reference.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
    target += f"#{part}" if part else ""
    if target not in names:
        raise SpecError(f"{path}: {reference} leads to no schema of this folder")
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status is 1 for a folder that cannot be bundled."""
    parser = argparse.ArgumentParser(prog="python -m vrmproto.editor.bundling")
    parser.add_argument("spec_dir", type=Path, nargs="?", default=folder())
    try:
        made = bundle(parser.parse_args(arguments).spec_dir)
    except (SpecError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(made, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
