"""``vrmproto serve`` and other commands of this checkout as processes, for tests that run pages."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["ROOT", "serving", "shell"]

ROOT = Path(__file__).resolve().parents[1]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@contextlib.contextmanager
def serving(arguments: Sequence[str], folder: Path, installed: Path | None = None) -> Iterator[str]:
    """``vrmproto serve`` with these arguments on a free port, started in the folder; its origin.

    It is this checkout's, or the program that is installed at a path and knows nothing of the checkout.
    """
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    program = [str(installed)] if installed else [sys.executable, "-m", "vrmproto.cli"]
    words = [*program, "serve", *arguments, "--port", str(port)]
    environment = None if installed else _environment()
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(400):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def shell(line: str, folder: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """One line of a shell block, run in the folder; ``vrmproto`` and ``python`` are this checkout's."""
    own = shlex.quote(sys.executable)
    line = re.sub(r"^vrm-conformance ", f"{own} -m conformance ", line)
    line = re.sub(r"\bvrmproto (?=\w)", f"{own} -m vrmproto.cli ", re.sub(r"^python ", f"{own} ", line))
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=timeout,
        check=False,
    )
