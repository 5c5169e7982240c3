"""Unmodified homes over spec folders in which one thing was changed; the changes are data (edits.py)."""

from __future__ import annotations

import importlib

for _chapter in ("tables", "envelope", "bodies", "lists"):  # the order of the manifest
    importlib.import_module(f"{__name__}.{_chapter}")
