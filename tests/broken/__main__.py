"""``python -m tests.broken ID [--port N]``: one broken home in the foreground; without an ID, a list."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile
from pathlib import Path

from tests.broken import zygote
from tests.broken.mutants import CATALOGUE


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.broken", description=__doc__)
    parser.add_argument("id", nargs="?", help="an id of manifest.json, or 'reference'")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--inbox", type=int, default=10_000)
    chosen = parser.parse_args()
    if chosen.id is None:
        for known, mutant in CATALOGUE.items():
            print(f"{known:45} {mutant.kills or mutant.kind:12} {mutant.summary}")
        return
    if chosen.id != "reference" and chosen.id not in CATALOGUE:
        parser.error(f"there is no {chosen.id}")
    bound = zygote.bind(chosen.port)
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    data = Path(tempfile.mkdtemp(prefix="home-"))
    name = None if chosen.id == "reference" else chosen.id
    try:
        with contextlib.suppress(KeyboardInterrupt):
            zygote.serve(name, data, bound, {"inbox": chosen.inbox})
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
