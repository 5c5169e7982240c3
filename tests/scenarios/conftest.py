"""Stores for the scenarios in which they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from vrmproto.storage.base import Store
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A new store; the home that gets it closes it."""
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "home.db")
