"""Generates what a spec folder holds in a second place, and finds drift.

``shared/purpose.json`` comes from ``purposes.json``; the roster is :mod:`vrmproto.editor.roster`'s.

    python -m vrmproto.editor.generate [--check] SPEC_DIR
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from vrmproto.editor import roster
from vrmproto.spec import BASE

__all__ = ["PURPOSE", "build", "drift", "generate", "main"]

PURPOSES, PURPOSE = "purposes.json", "shared/purpose.json"
EXAMPLE = "https://w3id.org/dpv#RequestedServiceProvision"


def build(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The generated files outside the roster: path to bytes, both below the spec folder."""
    purposes = list(json.loads(files[PURPOSES]))
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": BASE + PURPOSE,
        "title": "Purpose",
        "description": "One IRI of purposes.json; generated from it.",
        "type": "string",
        "enum": purposes,
        "examples": [EXAMPLE if EXAMPLE in purposes else purposes[0]],
    }
    return {PURPOSE: (json.dumps(schema, indent=2) + "\n").encode()}


def generate(spec_dir: Path) -> list[Path]:
    """Write every generated file of a spec folder; return those whose bytes changed."""
    changed = roster.generate(spec_dir)
    for name, data in _expected(spec_dir).items():
        path = spec_dir / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            changed.append(path)
    return changed


def drift(spec_dir: Path) -> list[str]:
    """One line a file that is not as generated: ``missing:``, ``differs:`` or ``stale:`` and its path."""
    lines = []
    for name, data in _expected(spec_dir).items():
        path = spec_dir / name
        if not path.is_file():
            lines.append(f"missing: {name}")
        elif path.read_bytes() != data:
            lines.append(f"differs: {name}")
    return lines + roster.drift(spec_dir)


def _expected(spec_dir: Path) -> dict[str, bytes]:
    return build({PURPOSES: (spec_dir / PURPOSES).read_bytes()})


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status is 1 on drift or bad inputs."""
    parser = argparse.ArgumentParser(prog="python -m vrmproto.editor.generate")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    parser.add_argument("spec_dir", type=Path)
    options = parser.parse_args(arguments)
    try:
        lines = drift(options.spec_dir) if options.check else [str(p) for p in generate(options.spec_dir)]
    except (roster.RosterError, OSError, ValueError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    for line in lines:
        print(line)
    return 1 if lines and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
