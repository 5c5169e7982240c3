"""The judge knows the spec and HTTP, and nothing of what it judges."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "conformance").rglob("*.py"))
OURS = {"vrmproto.spec"}
OTHERS = {"aiohttp", "cryptography", "hypothesis", "multidict", "rich", "typer", "uvloop"}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            if module in ("vrmproto", "conformance"):
                found |= {f"{module}.{name.name}" for name in node.names}
            else:
                found.add(module)
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{path}: a relative import")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_it_imports_the_spec_and_nothing_else_of_ours(path: Path) -> None:
    for name in imported(path):
        top = name.partition(".")[0]
        if top == "vrmproto":
            assert name in OURS, name
        else:
            assert top in {"conformance", *OTHERS} or top in sys.stdlib_module_names, name


def test_the_reference_knows_nothing_of_the_judge() -> None:
    for path in (ROOT / "vrmproto").rglob("*.py"):
        assert not any(name.startswith("conformance") for name in imported(path)), path
