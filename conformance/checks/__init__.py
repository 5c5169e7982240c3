"""Scripted checks, a module a subject; importing one registers its checks."""

from __future__ import annotations

import importlib
import pkgutil

__all__ = ["load"]


def load() -> None:
    """Import every module of this package, those first whose checks wait the longest: so they begin first."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: not m.name.endswith("timed")):
        importlib.import_module(f"{__name__}.{module.name}")
