"""A changed copy of what a step left: whether its verification finds the one bit that was flipped in it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from vrmproto import bundle, strictjson

__all__ = ["EVERY", "changed_copy", "failed"]

EVERY = "every"
"""In the place of the number of a step: all of them."""
OF_HOME = frozenset({"after.jwt", "before.jwt", "checkpoint.jwt", "receipt.jwt"})
"""The files that the home has signed."""


def failed(report: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The checks of a report that failed, by name and code."""
    return {(str(c["name"]), str(c.get("code", ""))) for c in report.get("checks", ()) if not c["ok"]}


async def changed_copy(
    folder: Path,
    place: Path,
    verify: Callable[[Path], Awaitable[dict[str, Any]]],
    chance: random.Random,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Flip a bit in a copy of ``folder`` made at ``place``; what was flipped, and the report on the copy."""
    shutil.copytree(folder, place)
    try:
        file = chance.choice(sorted(place.iterdir()))
        data = bytearray(file.read_bytes())
        byte, bit = chance.randrange(len(data)), chance.randrange(8)
        data[byte] ^= 1 << bit
        file.write_bytes(data)
        _sum_up(place, file.name)
        return {"file": file.name, "byte": byte, "bit": bit}, await verify(place)
    finally:
        shutil.rmtree(place)


def _sum_up(place: Path, changed: str) -> None:
    """Write the sums anew, as a forger would, where a signature has to show the change without them."""
    index, _ = strictjson.read((place / bundle.INDEX).read_bytes())
    sealed = OF_HOME | ({"message.jwt"} if "receipt.jwt" in index.get("files", ()) else set())
    if changed in sealed:
        files = {name: (place / name).read_bytes() for name in index["files"]}
        bundle.write(place, files, index["expect"])
