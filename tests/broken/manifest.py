"""Writes manifest.json from the registry: ``python -m tests.broken.manifest [--check]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.broken.catalogue import NUMBERS, WITHOUT
from tests.broken.mutants import CATALOGUE
from vrmproto import spec

PATH = Path(__file__).parent / "manifest.json"


def numbers_of(name: str) -> list[str]:
    """The numbers of the catalogue that a mutant is an example of."""
    return [number for number, entry in NUMBERS.items() if name in entry.get("mutants", ())]


def document() -> dict[str, Any]:
    """What manifest.json holds."""
    requirements = spec.load(spec.folder()).requirements
    listed = []
    for mutant in CATALOGUE.values():
        entry: dict[str, Any] = {"id": mutant.id, "summary": mutant.summary, "kind": mutant.kind}
        if mutant.kind == "benign":
            entry |= {"kills": None, "profile": "core", "allowed": mutant.needs, "notes": []}
        else:
            rule = requirements[mutant.kills]
            entry |= {"kills": mutant.kills, "profile": rule.profile, "notes": numbers_of(mutant.id)}
            if mutant.also:
                entry["also"] = list(mutant.also)
            if mutant.needs or rule.needs:
                entry["needs"] = [*rule.needs, *([mutant.needs] if mutant.needs else [])]
        entry["control"] = mutant.control
        if mutant.edits:
            entry["edits"] = list(mutant.edits)
        listed.append(entry)
    return {"mutants": listed, "without": WITHOUT, "catalogue": NUMBERS}


def written() -> str:
    """The text of manifest.json."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` say whether it is what would be written."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m tests.broken.manifest [--check]", file=sys.stderr)
        return 2
    if arguments:
        return int(PATH.read_text(encoding="utf-8") != written())
    PATH.write_text(written(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
