"""What a run leaves behind: report.json and what is made of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from conformance import jose
from conformance.baseline import Baseline
from conformance.report.badge import badge
from conformance.report.claim import claim, key_at, verify
from conformance.report.document import document, replays
from conformance.report.html import html
from conformance.report.junit import junit
from conformance.report.text import show
from conformance.results import Run
from vrmproto.spec import Spec

__all__ = ["badge", "claim", "document", "encoded", "html", "junit", "key_at", "show", "verify", "write"]


def encoded(value: Mapping[str, Any]) -> bytes:
    """The bytes of ``report.json`` and of the other JSON files."""
    return json.dumps(value, ensure_ascii=True, indent=1).encode() + b"\n"


def write(
    run: Run,
    spec: Spec,
    folder: Path,
    key: jose.Key,
    baseline: Baseline | None = None,
    today: date | None = None,
) -> list[Path]:
    """Write every report into a folder, each file whole or not at all, and name them.

    Replay files of an earlier run in the same folder are taken away.
    """
    told = document(run, spec, baseline, today)
    report = encoded(told)
    files = {
        "report.json": report,
        "report.html": html(told).encode(),
        "junit.xml": junit(told),
        "badge.json": encoded(badge(told)),
        "claim.jwt": claim(report, run, key).encode() + b"\n",
        **{name: encoded(value) for name, value in replays(run).items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in files.items():
        written.append(folder / name)
        _write(written[-1], data)
    for old in set((folder / "replay").glob("VRM-*.json")) - set(written):
        old.unlink()
    return written


def _write(path: Path, data: bytes) -> None:
    """Put a file in its place at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
