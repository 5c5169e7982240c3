"""``python -m tests.broken.mutate``: the suite against small changes that nobody thought of.

Draws changes of the reference by a seed, starts a home with each, judges it by the suite alone, and says
what escaped. Written down, an escaped change becomes a check, or a line in ``survivors.json`` that says why
nothing over HTTP can show it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conformance.results import Verdict
from conformance.runner import Options, run
from conformance.selftest import operator_key
from tests.broken import generic
from tests.broken.launch import LaunchError, running
from vrmproto import spec

SURVIVORS = Path(__file__).with_name("survivors.json")


def judged(change: str, seed: int, mode: str) -> tuple[str, list[str]]:
    """``killed`` with what failed, ``lost`` where it does not start, or ``escaped``."""
    try:
        with running(change) as home:
            lent = operator_key(home.operator_keys[0])
            options = Options(home.url, mode=mode, seed=seed, operator=lent, fail_fast=True)
            found = asyncio.run(run(options, spec.load()))
    except LaunchError:
        return "lost", []
    except Exception as error:  # a home that cannot be reached is found out as well as one that fails
        return "killed", [f"{type(error).__name__}: {error}"[:200]]
    bad = [o for o in found.outcomes if o.verdict in (Verdict.FAIL, Verdict.WARN)]
    failed = sorted({f"{o.requirement} {o.check}" for o in bad})
    if found.control:
        failed.append("control")
    return ("killed" if failed else "escaped"), failed


def twice(change: str, seed: int) -> tuple[str, list[str]]:
    """By the short run first, and by the quick one if that finds nothing."""
    said = judged(change, seed, "selftest")
    return judged(change, seed, "quick") if said[0] == "escaped" else said


def main() -> None:
    """Draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=max(2, (os.cpu_count() or 2) + 1))
    parser.add_argument("--out", type=Path, help="write every verdict as JSON here")
    chosen = parser.parse_args()
    drawn = generic.drawn(chosen.seed, chosen.count)
    known = json.loads(SURVIVORS.read_text()) if SURVIVORS.exists() else {}
    began, found = time.monotonic(), list[dict[str, Any]]()
    with ProcessPoolExecutor(chosen.workers) as pool:
        waiting = {pool.submit(twice, one.id, chosen.seed): one for one in drawn}
        for done in as_completed(waiting):
            one = waiting[done]
            verdict, failed = done.result()
            found.append({**asdict(one), "id": one.id, "verdict": verdict, "failed": failed})
            left = (time.monotonic() - began) / len(found) * (len(drawn) - len(found))
            where = f"{one.module}:{one.line} {one.function}: {one.what}"
            if verdict != "killed":
                print(f"{verdict:8} {one.id:28} {where}", flush=True)
            print(f"{len(found)}/{len(drawn)}, about {left:.0f} s left", file=sys.stderr)
    if chosen.out:
        chosen.out.write_text(json.dumps(sorted(found, key=lambda f: str(f["id"])), indent=1) + "\n")
    count = {v: sum(f["verdict"] == v for f in found) for v in ("killed", "escaped", "lost")}
    explained = sum(f["verdict"] == "escaped" and f["id"] in known for f in found)
    judged_ = count["killed"] + count["escaped"] - explained
    numbers = {
        "mutants": len(found),
        **count,
        "explained": explained,
        "score": round(count["killed"] / judged_, 4) if judged_ else 0.0,
        "seed": chosen.seed,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
