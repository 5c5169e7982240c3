"""The suite measured: which broken homes it catches, by which rule, and which right ones it fails."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance import loop
from conformance.jose import Key
from conformance.results import Verdict
from conformance.runner import Options, run
from vrmproto import spec as spec_of

__all__ = [
    "AS_IT_IS",
    "Judged",
    "NotHere",
    "few",
    "figures",
    "judge",
    "killed",
    "manifest",
    "matrix",
    "selftest",
]

_STUBS = "stub"
REFERENCE = "reference"
AS_IT_IS: dict[str, Any] = {"id": REFERENCE, "kind": "benign", "summary": "the reference as it is"}


class NotHere(Exception):
    """There are no broken homes here: this is no checkout."""


@dataclass(frozen=True)
class Judged:
    """What a run said of one home."""

    id: str
    seed: int
    failed: tuple[str, ...]
    """MUSTs that failed."""
    warned: tuple[str, ...]
    """SHOULDs that were not kept."""
    unsure: tuple[str, ...]
    """MUSTs that were inconclusive."""
    control: str
    seconds: float
    whole: bool
    """Judged by all there is, and not only by what judges one rule."""
    why: Mapping[str, str] = field(default_factory=dict)
    """Requirement to the first check that failed, with what was expected and got."""


def root() -> Path:
    """The checkout; NotHere."""
    here = Path(__file__).resolve().parents[1]
    if not (here / "tests" / "broken" / "manifest.json").is_file():
        raise NotHere("selftest needs a checkout: its broken homes lie in tests/broken, which is in no wheel")
    return here


def manifest() -> list[dict[str, Any]]:
    """The mutants and benign variants, as data; NotHere."""
    read = json.loads((root() / "tests" / "broken" / "manifest.json").read_bytes())
    listed: list[dict[str, Any]] = read["mutants"]
    # More than an hour, or a restart, is no matter of a run against a URL.
    return [one for one in listed if not _needs(one, "hour") and not _needs(one, "restart")]


def operator_key(jwk: Mapping[str, str]) -> Key:
    """The key that a home signs with, lent by its operator."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from conformance import jose

    secret = jose.decode(jwk["d"])
    public = {name: jwk[name] for name in ("crv", "kty", "x", "y") if name in jwk}
    if jwk["kty"] == "OKP":
        return Key("Ed25519", public, Ed25519PrivateKey.from_private_bytes(secret))
    return Key("ES256", public, ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))


def judge(one: Mapping[str, Any], seed: int, whole: bool) -> Judged:
    """Start one home and judge it: by all there is, or by what judges the rule that it breaks."""
    if whole or one["kind"] in ("benign", _STUBS):
        result = _judge(one, seed, {"mode": "selftest"})
        if one["kind"] == "benign" or killed(one, result):
            return result
    narrow = {"only": frozenset([one["kills"]]), "types": _types(one), "walking": False}
    ways: list[dict[str, Any]] = [{"mode": "default", **narrow}, {"mode": "selftest"}]
    result = _judge(one, seed, {"mode": "quick", **narrow})
    spent = result.seconds
    for how in ways[:1] if _needs(one, "minute") else ways:
        if not killed(one, result):
            result = _judge(one, seed, how)
            spent += result.seconds
    return replace(result, seconds=round(spent, 2))


def _needs(one: Mapping[str, Any], what: str) -> bool:
    return any(what in need for need in one.get("needs", ()))


def _options(one: Mapping[str, Any]) -> dict[str, Any]:
    """How a home is started: an inbox that can be filled, polls that wait not too long."""
    options: dict[str, Any] = {"inbox": 300, "max_wait": 4}
    return options | ({"feed_kept": 1} if _needs(one, "feed_kept") else {})


def _types(one: Mapping[str, Any]) -> frozenset[str]:
    """The message types whose schemas a mutant changes, if it does nothing else."""
    files = {str(edit["file"]) for edit in one.get("edits", ())}
    if not files or not all(file.startswith("messages/") for file in files):
        return frozenset()
    return frozenset(file.removeprefix("messages/").removesuffix(".json") for file in files)


def _judge(one: Mapping[str, Any], seed: int, how: Mapping[str, Any]) -> Judged:
    began = time.monotonic()
    name = None if one["id"] == REFERENCE else one["id"]
    with _launch().running(name, **_options(one)) as target:
        chosen = Options(target.url, seed=seed, operator=operator_key(target.operator_keys[0]), **how)
        found = loop.run(run(chosen, spec_of.load()))
    bad = [o for o in found.outcomes if o.verdict in (Verdict.FAIL, Verdict.WARN)]
    unsure = {o.requirement for o in found.outcomes if o.verdict is Verdict.INCONCLUSIVE}
    why: dict[str, str] = {}
    for outcome in bad:
        told = f"{outcome.check}: expected {outcome.expected}, got {outcome.got}"
        why.setdefault(outcome.requirement, told[:300])
    if found.control:
        why["control"] = found.control
    return Judged(
        one["id"],
        seed,
        tuple(sorted({o.requirement for o in bad if o.verdict is Verdict.FAIL})),
        tuple(sorted({o.requirement for o in bad if o.verdict is Verdict.WARN})),
        tuple(sorted(unsure)),
        found.control,
        round(time.monotonic() - began, 2),
        "only" not in how,
        why,
    )


def _launch() -> Any:
    """What starts broken homes, from the checkout."""
    here = str(root())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module("tests.broken.launch")


def walked(url: str = "") -> dict[str, int]:
    """The transitions that walks visit at a home, or at the reference; NotHere, Unreachable."""
    few_checks: dict[str, Any] = {"mode": "quick", "only": frozenset(["VRM-THR-005"])}
    if url:
        return loop.run(run(Options(url, **few_checks), spec_of.load())).transitions
    with _launch().running(None) as target:
        lent = operator_key(target.operator_keys[0])
        return loop.run(run(Options(target.url, operator=lent, **few_checks), spec_of.load())).transitions


def selftest(
    seeds: Iterable[int],
    told: Callable[[str], None],
    only: frozenset[str] = frozenset(),
    workers: int = 0,
    whole: bool = False,
) -> list[tuple[dict[str, Any], Judged]]:
    """Judge homes of the manifest with each seed, and the reference.

    By default one mutant a rule, and those of a changed spec folder that are not among them up to 40; with
    ``whole`` all. A mutant is judged by what judges its rule, and with the first seed one in eight by all
    ways of testing: that tells which other rules fail.
    """
    seeds = list(seeds)
    listed = [AS_IT_IS, *manifest()]
    listed = [one for one in listed if one["id"] in only] if only else listed if whole else few(listed)
    # What takes long comes first, so that nothing is waited for at the end.
    listed.sort(key=lambda one: (not _needs(one, "minute"), one["kind"] != "benign"))
    work = [(one, seed) for seed in seeds for one in listed]
    found: list[tuple[dict[str, Any], Judged]] = []
    began = time.monotonic()
    count = workers or 2 * (os.cpu_count() or 2)  # most of the time is waiting
    with ProcessPoolExecutor(count) as pool:
        waiting = {
            pool.submit(judge, one, seed, seed == seeds[0] and zlib.crc32(one["id"].encode()) % 8 == 0): one
            for one, seed in work
        }
        for done in as_completed(waiting):
            one = waiting[done]
            try:
                result = done.result()
            except Exception as error:  # a home that makes the suite stumble is one that escapes
                why = {"stumbled": f"{type(error).__name__}: {error}"}
                result = Judged(one["id"], 0, (), (), (), "", 0.0, False, why)
            found.append((one, result))
            spent = time.monotonic() - began
            left = spent / len(found) * (len(work) - len(found))
            told(f"{len(found)}/{len(work)} homes, about {left:.0f} s left: {one['id']} {said(one, result)}")
    return found


def few(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One mutant a rule, 40 of changed spec folders in all, and everything that is none."""
    rules: set[str] = set()
    first = []
    for one in listed:
        if one["kind"] in ("benign", _STUBS) or one["kills"] not in rules:
            first.append(one)
            rules.add(one.get("kills", ""))
    folders = [one for one in listed if one["kind"] == "spec" and one not in first]
    return first + folders[: max(0, 40 - sum(one["kind"] == "spec" for one in first))]


def killed(one: Mapping[str, Any], result: Judged) -> bool:
    """Whether a mutant is caught by the rule that it breaks; a stub by the control."""
    if one["kind"] == _STUBS:
        return bool(result.control) or one.get("kills", "") in result.failed
    return one["kills"] in (*result.failed, *result.warned)


def said(one: Mapping[str, Any], result: Judged) -> str:
    """What became of one home, in a few words."""
    if one["kind"] == "benign":
        bad = [*result.failed, *result.unsure, *([result.control] if result.control else [])]
        return f"FAILED WRONGLY by {', '.join(bad)}" if bad else "passes"
    if killed(one, result):
        return f"caught by {one.get('kills') or 'the control'}"
    return f"ESCAPED (failed: {', '.join(result.failed) or 'nothing'})"


def figures(found: list[tuple[dict[str, Any], Judged]], seconds: float) -> dict[str, Any]:
    """The line of JSON that selftest ends with. Of several seeds the worst counts."""
    mutants = {one["id"]: one for one, _ in found if one["kind"] != "benign"}
    benign = {one["id"]: one for one, _ in found if one["kind"] == "benign"}
    caught = {
        name for name, one in mutants.items() if all(killed(one, r) for o, r in found if o["id"] == name)
    }
    wrongly = {
        name for name in benign if any(r.failed or r.unsure or r.control for o, r in found if o["id"] == name)
    }
    others = [
        len([r for r in result.failed if r != one["kills"]])
        for one, result in found
        if one["kind"] not in ("benign", _STUBS) and result.whole
    ]
    return {
        "mutants": len(mutants),
        "killed": len(caught),
        "score": round(len(caught) / len(mutants), 4) if mutants else 0.0,
        "benign": len(benign),
        "false_positives": len(wrongly),
        "mean_collateral": round(sum(others) / len(others), 2) if others else 0.0,
        "seeds": sorted({result.seed for _, result in found}),
        "seconds": round(seconds, 1),
        "escaped": sorted(set(mutants) - caught),
        "failed_wrongly": sorted(wrongly),
    }


def matrix(found: list[tuple[dict[str, Any], Judged]], numbers: Mapping[str, Any], day: str) -> str:
    """The kill matrix as a page."""
    lines = [
        "# How the suite is measured",
        "",
        "Written by `vrm-conformance selftest --write`; do not edit. Each line is a home with one bug, a",
        "process of its own that is judged over HTTP; it counts as caught only by the rule that it breaks.",
        "",
        f"On {day}, seeds {', '.join(map(str, numbers['seeds']))}: **{numbers['killed']} of "
        f"{numbers['mutants']} mutants caught** (score {numbers['score']}), {numbers['false_positives']} of "
        f"{numbers['benign']} right variants failed, {numbers['mean_collateral']} other rules a mutant.",
        "",
        "| mutant | bug | rule | caught | others |",
        "|---|---|---|---|---|",
    ]
    for one, result in sorted(found, key=lambda pair: (pair[0]["kind"], pair[0]["id"])):
        if one["kind"] == "benign" or result.seed != numbers["seeds"][0]:
            continue
        others = [r for r in result.failed if r != one.get("kills")]
        others = others if result.whole else ["-"]
        mark = "yes" if killed(one, result) else "**no**"
        rule = one.get("kills") or "control"
        lines.append(f"| `{one['id']}` | {one['summary']} | {rule} | {mark} | {', '.join(others)} |")
    lines += ["", "## Right variants", "", "| variant | what differs | failed by |", "|---|---|---|"]
    for one, result in sorted(found, key=lambda pair: pair[0]["id"]):
        if one["kind"] == "benign" and result.seed == numbers["seeds"][0]:
            bad = [*result.failed, *result.unsure]
            lines.append(f"| `{one['id']}` | {one['summary']} | {', '.join(bad) or 'nothing'} |")
    return "\n".join(lines) + "\n"


def to_json(found: list[tuple[dict[str, Any], Judged]]) -> list[dict[str, Any]]:
    """Every verdict as data."""
    return [{"mutant": one, **asdict(result)} for one, result in found]
