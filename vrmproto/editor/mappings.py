"""Checks the views: where a value comes from is there, and what a view names exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vrmproto.editor.folder import CONSENT_VIEWS, THREADS, VIEWS, Folder, pointer_of
from vrmproto.editor.schemas import reaches

__all__ = ["STEPS"]


def _views(folder: Folder) -> None:
    """Each view of a kind is read from the bodies of the types that open it."""
    if not folder.sound >= {VIEWS, THREADS}:
        return
    kinds = folder.get(THREADS)["kinds"]
    for name, view in folder.get(VIEWS)["views"].items():
        at = f"/views/{name}"
        if name not in kinds:
            folder.add("view-unknown", VIEWS, f"there is no kind {name}", f"see {THREADS}", pointer=at)
            continue
        opening = {f"messages/{row['type']}.json" for row in kinds[name]["rows"] if "in" not in row}
        for path in sorted(opening & folder.schemas.keys()):
            for place, pointer in _sources(view["map"], f"{at}/map", ""):
                if not reaches(folder, path, folder.schemas[path], pointer):
                    message, remedy = f"{pointer} is no member of the body", f"name a member of {path}"
                    folder.add("pointer-unknown", VIEWS, message, remedy, pointer=place)


def _sources(entries: Any, at: str, above: str) -> Iterator[tuple[str, str]]:
    """Where a pointer stands, and what it leads to in the body; ``*`` is each item of an array."""
    for n, entry in enumerate(entries):
        if "from" in entry:
            yield f"{at}/{n}/from", above + entry["from"]
            if "each" in entry:
                yield from _sources(entry["each"]["map"], f"{at}/{n}/each/map", f"{above}{entry['from']}/*")


def _consent_views(folder: Folder) -> None:
    views = folder.get(CONSENT_VIEWS)
    if not views:
        return
    known = set(views["views"])
    for name, profile in views["profiles"].items():
        at = f"/profiles/{name}"
        _named(folder, f"{at}/view", profile["view"], known, "view")
        _named(folder, f"{at}/schema", profile["schema"], set(folder.listed("documents/*.json")), "file")
        if "around" in profile:
            _named(folder, f"{at}/around", profile["around"], set(views["profiles"]), "profile")
    for name, view in views["views"].items():
        for n, entry in enumerate(view["map"]):
            if "view" in entry:
                _named(folder, f"/views/{name}/map/{n}/view", entry["view"], known, "view")
    for name in views["events"]:
        _named(folder, "/events" + pointer_of([name]), name, set(folder.names("messages")), "type")
    for name in views["states"]:
        _named(folder, f"/states/{name}", name, folder.states or {name}, "state")


def _named(folder: Folder, pointer: str, name: str, known: set[str], what: str) -> None:
    if name not in known:
        message, remedy = f"there is no {what} {name}", f"name a {what} that there is"
        folder.add("view-unknown", CONSENT_VIEWS, message, remedy, pointer=pointer)


STEPS = (_views, _consent_views)
