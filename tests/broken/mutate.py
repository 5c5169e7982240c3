"""``python -m tests.broken.mutate``: the suite against small changes that nobody thought of.

Draws changes of the reference by a seed, starts a home with each, judges it by the suite alone, and says
what escaped. An escaped change becomes a check, or a line in ``survivors.json`` that says why no home with
it breaks the spec, or why nothing over HTTP shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance import loop
from conformance.results import Verdict
from conformance.runner import Options, run
from conformance.selftest import operator_key
from tests.broken import generic
from tests.broken.generic import Change
from tests.broken.launch import LaunchError, running
from vrmproto import spec

__all__ = ["Judged", "figures", "judged", "page", "survivors"]

SURVIVORS = Path(__file__).with_name("survivors.json")
KILLED, ESCAPED, LOST = "killed", "escaped", "lost"


@dataclass(frozen=True)
class Judged:
    """What became of one change: killed by what, escaped, or lost where no home starts with it."""

    key: str
    verdict: str
    by: tuple[str, ...] = ()
    seconds: float = 0.0


def survivors() -> dict[str, str]:
    """The changes that no home can be told by, with the reason."""
    return {one["change"]: one["reason"] for one in json.loads(SURVIVORS.read_text())["survivors"]}


def judged(change: Change, seed: int, mode: str) -> Judged:
    """By a run that ends at the first way of testing that finds something."""
    began = time.monotonic()
    verdict, by = _judged(change.id, seed, mode)
    return Judged(change.key, verdict, tuple(by), round(time.monotonic() - began, 1))


def _judged(name: str, seed: int, mode: str) -> tuple[str, list[str]]:
    try:
        with running(name, inbox=300, max_wait=4) as home:
            lent = operator_key(home.operator_keys[0])
            options = Options(home.url, mode=mode, seed=seed, operator=lent, fail_fast=True)
            found = loop.run(run(options, spec.load()))
    except LaunchError:
        return LOST, []
    except Exception as error:  # a home that cannot be reached is found out as well as one that fails
        return KILLED, [f"{type(error).__name__}: {error}"[:200]]
    bad = [o for o in found.outcomes if o.verdict in (Verdict.FAIL, Verdict.WARN)]
    failed = sorted({f"{o.requirement} {o.check}" for o in bad})
    if found.control:
        failed.append("control")
    return (KILLED if failed else ESCAPED), failed


def judging(
    changes: Iterable[Change], seed: int, workers: int, mode: str = "quick"
) -> Iterator[tuple[Change, Judged]]:
    """All of them, as they come."""
    with ProcessPoolExecutor(workers) as pool:
        waiting = {pool.submit(judged, one, seed, mode): one for one in changes}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def figures(found: Iterable[Judged], known: Mapping[str, str]) -> dict[str, Any]:
    """The counts; the score is of those that start and that something could show."""
    found = list(found)
    count = {v: sum(f.verdict == v for f in found) for v in (KILLED, ESCAPED, LOST)}
    explained = sum(f.verdict == ESCAPED and f.key in known for f in found)
    of = count[KILLED] + count[ESCAPED] - explained
    return {
        "mutants": len(found),
        **count,
        "explained": explained,
        "of": of,
        "score": round(count[KILLED] / of, 3) if of else 0.0,
    }


def page(found: Iterable[Judged], known: Mapping[str, str], numbers: Mapping[str, Any], day: str) -> str:
    """What escaped, as a page."""
    escaped = sorted((one for one in found if one.verdict == ESCAPED), key=lambda one: one.key)
    caught = f"**{100 * numbers['score']:.1f} %**"
    lines = [
        "# How the suite does against changes that nobody thought of",
        "",
        "Written by `make mutate`; do not edit. Each change is one small edit somewhere in the reference,",
        "drawn by a seed: a comparison turned, a branch never taken, an exception not raised, a call left",
        "out. A home with it, its key lent and an inbox of 300, is judged over HTTP by a quick run.",
        "",
        f"On {day}, seed {numbers['seed']}: of {numbers['mutants']} random changes {numbers['lost']} let no "
        f"home start and {numbers['explained']} change nothing that HTTP shows, each with its reason. "
        f"Of the other {numbers['of']} the suite caught {numbers['killed']}, {caught}.",
        "",
        "## Not caught",
        "",
        "| change | why it is none that could be caught |",
        "|---|---|",
    ]
    cell = str.maketrans({"|": "\\|", "\n": " "})
    lines += [f"| `{one.key.translate(cell)}` | {known.get(one.key, '**open**')} |" for one in escaped]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=max(2, (os.cpu_count() or 2) + 1))
    parser.add_argument("--mode", default="quick", help="selftest, quick or default")
    parser.add_argument("--out", type=Path, help="write every verdict as JSON here")
    parser.add_argument("--again", type=Path, help="such a file: what is killed or explained stands")
    parser.add_argument("--write", type=Path, help="write what escaped to this page")
    chosen = parser.parse_args()
    drawn = {one.key: one for one in generic.drawn(chosen.seed, chosen.count)}
    began, found = time.monotonic(), dict[str, Judged]()
    if chosen.again:
        before = [Judged(**one) for one in json.loads(chosen.again.read_text())]
        known = survivors()
        stands = (one for one in before if one.verdict == KILLED or one.key in known)
        found = {one.key: one for one in stands if one.key in drawn}
    left = [one for key, one in drawn.items() if key not in found]
    for number, (one, result) in enumerate(judging(left, chosen.seed, chosen.workers, chosen.mode), 1):
        found[one.key] = result
        if result.verdict != KILLED:
            print(f"{result.verdict:8} {one.id} line {one.line} {one.key}", flush=True)
        spent = time.monotonic() - began
        print(
            f"{number}/{len(left)}, about {spent / number * (len(left) - number):.0f} s left", file=sys.stderr
        )
        if chosen.out:
            listed = sorted(found.values(), key=lambda one: one.key)
            chosen.out.write_text(json.dumps([vars(one) for one in listed], indent=1) + "\n")
    known = survivors()
    numbers = {"seed": chosen.seed, **figures(found.values(), known)}
    numbers["seconds"] = round(time.monotonic() - began, 1)
    if chosen.write:
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        chosen.write.write_text(page(found.values(), known, numbers, day))
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
