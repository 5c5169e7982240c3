"""A roster: agreements by id and version, with the exact bytes of their manifests and texts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vrmproto.errors import SpecError

__all__ = ["Agreement", "Roster", "Text", "digest", "load"]


def digest(data: bytes) -> str:
    """base64url(SHA-256(data)) without padding: the digest of a manifest or a text."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Text:
    """One text of an agreement: ``layer`` is plain, machine or legal; ``data`` has the digest listed."""

    layer: str
    lang: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement of a roster: its manifest as bytes, and what guards read of it."""

    id: str
    version: str
    digest: str
    iri: str
    kind: str
    """The class: ``SD`` or the id of the purpose-specific agreement."""
    clauses: Mapping[str, str]
    manifest: bytes
    texts: tuple[Text, ...]

    @property
    def reference(self) -> dict[str, str]:
        """``{id, version, digest}`` as messages name it."""
        return {"id": self.id, "version": self.version, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster; ``document`` is the bytes served at the roster endpoint."""

    id: str
    version: str
    document: bytes
    agreements: Mapping[tuple[str, str], Agreement]

    def find(self, reference: Mapping[str, Any]) -> Agreement | None:
        """The agreement of ``{id, version}``, whatever digest stands beside, or None."""
        return self.agreements.get((reference["id"], reference["version"]))

    def named(self, agreement_id: str) -> Agreement:
        """The newest version of an agreement; KeyError if the roster has none of this id."""
        versions = [a for a in self.agreements.values() if a.id == agreement_id]
        if not versions:
            raise KeyError(agreement_id)
        return max(versions, key=lambda a: tuple(map(int, a.version.split("."))))


def _texts(folder: Path, manifest: Mapping[str, Any]) -> tuple[Text, ...]:
    found = {digest(p.read_bytes()): p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
    missing = [t for t in manifest["texts"] if t["sha256"] not in found]
    if missing:
        raise SpecError(f"{folder}: no file has the sha256 of the text {missing[0]}")
    return tuple(Text(t["layer"], t["lang"], t["media_type"], found[t["sha256"]]) for t in manifest["texts"])


def _agreement(folder: Path, entry: Mapping[str, Any]) -> Agreement:
    data = (folder / "manifest.json").read_bytes()
    if digest(data) != entry["digest"]:
        raise SpecError(f"{folder}/manifest.json: its digest is not the one that roster.json lists")
    manifest = json.loads(data)
    return Agreement(
        id=manifest["id"],
        version=manifest["version"],
        digest=entry["digest"],
        iri=manifest["iri"],
        kind=manifest["class"],
        clauses=MappingProxyType(manifest["clauses"]),
        manifest=data,
        texts=_texts(folder, manifest),
    )


def load(folder: Path) -> Roster:
    """Read ``roster.json`` and the folders ``ID/VERSION`` beside it; SpecError if a digest is wrong."""
    document = (folder / "roster.json").read_bytes()
    roster = json.loads(document)
    agreements = {
        (e["id"], e["version"]): _agreement(folder / e["id"] / e["version"], e) for e in roster["agreements"]
    }
    return Roster(roster["id"], roster["version"], document, MappingProxyType(agreements))
