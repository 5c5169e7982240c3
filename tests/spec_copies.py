"""A copy of ``spec/`` with a few of its vectors, so that it is copied and checked fast."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["SPEC", "VECTORS", "bytes_of", "small"]

SPEC = Path(__file__).resolve().parent.parent / "spec"
VECTORS = ("accept-acceptable-late", "data-report-blob", "order-prev-guards")
"""A refusal; one that is taken, with a blob; one with a second fault."""


def small(target: Path, vectors: tuple[str, ...] = VECTORS) -> Path:
    """Copy the folder with these vectors only; the copy."""

    def leave_out(folder: str, names: list[str]) -> list[str]:
        inside = Path(folder) == SPEC / "vectors"
        return [n for n in names if inside and (SPEC / "vectors" / n).is_dir() and n not in vectors]

    return Path(shutil.copytree(SPEC, target, ignore=leave_out))


def bytes_of(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
