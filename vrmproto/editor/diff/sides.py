"""One of the two folders that are compared, and how a place in its schemas is found."""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto.errors import SpecError
from vrmproto.spec import BASE

__all__ = ["TOLD", "Place", "Side", "children", "escaped", "read"]

Place = tuple[str, str]
"""A file and a JSON Pointer into it: where a schema stands."""

_FOLDERS = ("messages", "shared", "documents")


def _json(root: Path, path: str) -> Any:
    try:
        return json.loads((root / path).read_bytes())
    except OSError as error:
        raise SpecError(f"{root / path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SpecError(f"{root / path}: is not JSON ({error})") from None


@dataclass(frozen=True)
class Side:
    """The schemas and the root of a folder. A ``$id`` says the version alone, so all are brought to one."""

    root: Path
    schemas: Mapping[str, Any]
    ids: Mapping[str, Any]
    """The ``$id`` that a file has in truth."""

    def data(self, path: str) -> Any:
        """The value of a file; SpecError if there is none."""
        return _json(self.root, path)

    def files(self, *patterns: str) -> dict[str, bytes]:
        """Path to bytes of the files that fit a pattern."""
        found = sorted({p for pattern in patterns for p in self.root.glob(pattern) if p.is_file()})
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in found}

    def at(self, place: Place) -> Any:
        """The schema at a place, or None."""
        found = self.schemas.get(place[0])
        for part in place[1].split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(part)] if part.isdigit() and int(part) < len(found) else None
            else:
                found = found.get(part) if isinstance(found, dict) else None
        return found

    def leads(self, place: Place) -> Place | None:
        """Where the reference at a place leads to, or None if there is none."""
        schema = self.at(place)
        if not isinstance(schema, dict) or "$ref" not in schema:
            return None
        file, _, pointer = str(schema["$ref"]).partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place[0]), file)) if file else place[0]
        return target, pointer

    def conjunction(self, place: Place) -> list[Place]:
        """The place, and those that its references lead to: a value has to fit all of them."""
        found: list[Place] = []
        following: Place | None = place
        while following is not None and following not in found:
            found.append(following)
            following = self.leads(following)
        return found

    def keywords(self, place: Place) -> dict[str, tuple[Place, Any]]:
        """Each keyword that holds at a place, through references, with the place that says it.

        One that is said twice holds by the nearer place here, and is told by :meth:`doubled`.
        """
        found: dict[str, tuple[Place, Any]] = {}
        for one in self.conjunction(place):
            for keyword, value in (self.at(one) or {}).items():
                if keyword != "$ref":
                    found.setdefault(keyword, (one, value))
        return found

    def doubled(self, place: Place) -> bool:
        """Whether two places of a conjunction say one keyword that binds."""
        said = [k for one in self.conjunction(place) for k in (self.at(one) or {}) if k not in TOLD]
        return len(said) != len(set(said))

    @functools.cached_property
    def roots(self) -> dict[str, Place]:
        """What is sent as a whole, by its name."""
        found = {p: (p, "") for p in self.schemas if p.startswith(("messages/", "documents/"))}
        for name in self.schemas.get("envelope.json", {}).get("$defs", {}):
            found[f"envelope.json#/$defs/{name}"] = ("envelope.json", f"/$defs/{name}")
        return found

    def reached(self, place: Place) -> frozenset[Place]:
        """Every place that a value at this one may be judged by."""
        seen: set[Place] = set()
        waiting = [place]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += [inner for _, inner in children(self, one)]
                target = self.leads(one)
                waiting += [target] if target else []
        return frozenset(seen)


TOLD = frozenset(
    ["$schema", "$id", "$defs", "$ref", "title", "description", "examples", "x-profile", "x-ext"]
)
"""Keywords that bind no value by themselves."""


def escaped(name: str) -> str:
    """A name as a part of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def children(side: Side, place: Place) -> Iterator[tuple[str, Place]]:
    """The schemas inside of the one at a place, without ``$defs``: how each is reached, and where it is."""
    schema = side.at(place)
    file, pointer = place
    if not isinstance(schema, dict):
        return
    for name in schema.get("properties", {}):
        yield f"properties/{name}", (file, f"{pointer}/properties/{escaped(name)}")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(keyword), dict):
            yield keyword, (file, f"{pointer}/{keyword}")
    for n in range(len(schema.get("oneOf", ()))):
        yield "oneOf", (file, f"{pointer}/oneOf/{n}")


def read(root: Path) -> Side:
    """A spec folder; SpecError if it is none."""
    if not root.is_dir():
        raise SpecError(f"{root}: is no folder")
    paths = ["envelope.json"]
    for name in _FOLDERS:
        paths += sorted(p.relative_to(root).as_posix() for p in (root / name).glob("*.json"))
    schemas, ids = {}, {}
    for path in paths:
        schema = _json(root, path)
        if not isinstance(schema, dict):
            raise SpecError(f"{root / path}: is no schema")
        ids[path] = schema.get("$id")
        schemas[path] = {**schema, "$id": BASE + path}
    return Side(root, schemas, ids)
