"""The wheel of this checkout, for tests of what is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.serving import ROOT

__all__ = ["build"]


def build(folder: Path) -> Path:
    """Build it into the folder."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))
