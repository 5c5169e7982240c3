"""A run as one JSON document: ``report.json``, of which every other report is made.

Its form is ``spec/meta/report.json``. Nothing is fetched and no clock is read here: the same run
gives the same document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from conformance.baseline import Baseline, Known, apply
from conformance.results import Exchange, Outcome, Run, Verdict, judged
from vrmproto.spec import BASE, Kind, Requirement, Spec

__all__ = ["FAILED", "INCONCLUSIVE", "STALE", "clean", "document", "replay_name", "replays"]

Json = dict[str, Any]

FAILED, INCONCLUSIVE, STALE = 1, 3, 4
"""Exit codes beside 0; 2 is said elsewhere, when there is no run at all."""

_LIMIT = 64 * 1024
"""Of a body no more characters than these are kept."""

_GRAVE = tuple(Verdict)
_ORDER = (Verdict.FAIL, Verdict.WARN, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_JUDGED)
_OPENING = ("", "-", "new")
"""How the state before the first message may be written in ``Run.transitions``."""


def document(run: Run, spec: Spec, baseline: Baseline | None = None, today: date | None = None) -> Json:
    """The report of a run.

    ``today`` is the day on which entries of the baseline are looked at, by default that of the run.
    """
    baseline = baseline or Baseline()
    left, stale = apply(run.outcomes, baseline, today or _day(run))
    profiles = list(run.profiles or run.claimed)
    requirements = _requirements(run, spec, profiles, baseline)
    failures = _told(run, spec, baseline, Verdict.FAIL)
    open_musts = [r for r in requirements if r["verdict"] == Verdict.INCONCLUSIVE and _required(r)]
    failed = any(o.verdict is Verdict.FAIL for o in left)
    if run.control or (open_musts and not failed):
        code = INCONCLUSIVE
    elif failed:
        code = FAILED
    else:
        code = STALE if stale else 0
    return {
        "format": 1,
        "target": clean(run.target),
        "issuer": clean(run.issuer),
        "suite": run.suite,
        "spec": run.spec,
        "spec_digest": run.spec_digest,
        "seed": run.seed,
        "mode": run.mode,
        "started": run.started,
        "seconds": round(run.seconds, 3),
        "control": clean(run.control),
        "claimed": [clean(name) for name in run.claimed],
        "conformant": not (run.control or failures or open_musts),
        "exit": code,
        "profiles": [_profile(name, run, requirements, profiles) for name in _names(spec, profiles)],
        "requirements": requirements,
        "failures": failures,
        "warnings": _told(run, spec, baseline, Verdict.WARN),
        "baseline": {
            "entries": len(baseline.entries),
            "stale": [{"line": s.entry.line, **_known(s.entry), "why": s.why} for s in stale],
        },
        "numbers": {clean(name): count for name, count in run.numbers.items()},
        "transitions": _transitions(run, spec, profiles),
    }


def _day(run: Run) -> date:
    try:
        return date.fromisoformat(run.started[:10])
    except ValueError:
        return date.today()


def _names(spec: Spec, profiles: list[str]) -> list[str]:
    return list(dict.fromkeys(["core", "terms", *spec.profiles, *profiles]))


def clean(text: str, limit: int = _LIMIT) -> str:
    """Text of a target as the report has it: UTF-8 can carry it, and its length is bounded."""
    cut = text if len(text) <= limit else f"{text[:limit]} [{len(text) - limit} more characters]"
    return cut.encode("utf-8", "backslashreplace").decode()


# --- requirements ------------------------------------------------------------------------------


def _required(entry: Mapping[str, Any]) -> bool:
    """Whether conformance hangs on it; a SHOULD is told and does not count."""
    return not str(entry["level"]).startswith(("SHOULD", "MAY"))


def _exclusions(spec: Spec) -> dict[str, str]:
    """What cannot be judged over HTTP, with the reason."""
    path = spec.root / "requirements" / "exclusions.json"
    listed = json.loads(path.read_bytes())["exclusions"] if path.is_file() else []
    return {entry["requirement"]: entry["reason"] for entry in listed}


def _requirements(run: Run, spec: Spec, profiles: list[str], baseline: Baseline) -> list[Json]:
    by_id: dict[str, list[Outcome]] = {}
    for outcome in run.outcomes:
        by_id.setdefault(outcome.requirement, []).append(outcome)
    verdicts, excluded = judged(run.outcomes), _exclusions(spec)
    homes = [r.id for r in spec.requirements.values() if r.role == "home"]
    ranks = {name: n for n, name in enumerate(_names(spec, profiles))}
    entries = []
    for name in dict.fromkeys([*homes, *by_id]):
        rule, mine = spec.requirements.get(name), by_id.get(name, [])
        verdict, reason = _unjudged(rule, profiles, excluded.get(name, ""))
        if name in verdicts:
            verdict = verdicts[name]
            reason = next((o.reason for o in mine if o.verdict is verdict and o.reason), "")
        if run.control and verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.INCONCLUSIVE):
            verdict, reason = Verdict.INCONCLUSIVE, f"the positive control failed: {run.control}"
        broken = [o for o in mine if o.verdict is Verdict.FAIL]
        entries.append(
            {
                **_rule(name, rule),
                "verdict": verdict.value,
                "checks": _checks(mine),
                "reason": clean(reason),
                "known": bool(broken) and all(baseline.known(o) is not None for o in broken),
            }
        )
    return sorted(entries, key=lambda e: ranks.get(e["profile"], len(ranks)))


def _unjudged(rule: Requirement | None, profiles: list[str], excluded: str) -> tuple[Verdict, str]:
    """What is said of a requirement on which no check said anything."""
    if excluded:
        return Verdict.NOT_JUDGED, excluded
    if rule is not None and profiles and rule.profile not in profiles:
        return Verdict.NOT_APPLICABLE, f"the profile {rule.profile} is not part of this run"
    if rule is not None and rule.needs:
        return Verdict.NOT_JUDGED, f"needs {' and '.join(rule.needs)}"
    return Verdict.INCONCLUSIVE, "no check of this run came to it"


def _rule(name: str, rule: Requirement | None) -> Json:
    if rule is None:
        return {"id": name, "level": "", "profile": "", "page": "", "link": "", "text": ""}
    page = f"protocol/{rule.page}"
    return {
        "id": name,
        "level": rule.level,
        "profile": rule.profile,
        "page": page,
        "link": f"{BASE}{page}#{name}",
        "text": rule.text,
    }


def _checks(outcomes: Iterable[Outcome]) -> list[Json]:
    """What each check said, one entry a check: the gravest verdict and how often it was said."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.check, []).append(outcome)
    said = []
    for check, mine in found.items():
        gravest = min((o.verdict for o in mine), key=lambda v: (*_ORDER, Verdict.NOT_APPLICABLE).index(v))
        alike = [o for o in mine if o.verdict is gravest]
        said.append(
            {
                "check": check,
                "verdict": gravest.value,
                "count": sum(o.count for o in alike),
                "reason": clean(next((o.reason for o in alike if o.reason), "")),
            }
        )
    return said


def _profile(name: str, run: Run, requirements: list[Json], profiles: list[str]) -> Json:
    counts = {level: dict.fromkeys((v.value for v in _GRAVE), 0) for level in ("MUST", "SHOULD")}
    known = 0
    for entry in requirements:
        if entry["profile"] == name:
            counts["MUST" if _required(entry) else "SHOULD"][entry["verdict"]] += 1
            known += entry["known"]
    return {
        "name": name,
        "claimed": name in run.claimed,
        "judged": name in profiles,
        "verdicts": counts,
        "known": known,
    }


# --- failures ----------------------------------------------------------------------------------


def _groups(run: Run) -> list[list[Outcome]]:
    """What failed and what was warned of, by requirement and check.

    The shortest conversation comes first, and one that can be replayed before one that cannot.
    """
    found: dict[tuple[str, str, Verdict], list[Outcome]] = {}
    for outcome in run.outcomes:
        if outcome.verdict in (Verdict.FAIL, Verdict.WARN):
            found.setdefault((outcome.requirement, outcome.check, outcome.verdict), []).append(outcome)
    return [sorted(group, key=_length) for group in found.values()]


def _length(outcome: Outcome) -> tuple[bool, bool, int, int]:
    told = outcome.conversation
    size = sum(len(e.body) + len(e.answer) for e in told)
    return outcome.replay is None, not told, len(told), size


def replay_name(requirement: str, check: str, taken: Iterable[str] = ()) -> str:
    """The name of a failure's replay file, relative to the report; another one for each failure."""
    stem = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{requirement}-{check}").strip(".-")[:100]
    names = (f"replay/{stem}{end}.json" for end in ("", *(f"-{n}" for n in range(2, 10000))))
    used = set(taken)
    return next(name for name in names if name not in used)


def replays(run: Run) -> dict[str, Mapping[str, Any]]:
    """The replay files that belong to the failures: name to what stands in them."""
    return {name: o.replay for o, name in _named(_groups(run)) if o.replay is not None}


def _named(groups: Iterable[list[Outcome]]) -> list[tuple[Outcome, str]]:
    """The first of each group with its replay file's name, '' where it has none."""
    named: list[tuple[Outcome, str]] = []
    for first, *_ in groups:
        taken = [name for _, name in named]
        name = replay_name(first.requirement, first.check, taken) if first.replay is not None else ""
        named.append((first, name))
    return named


def _told(run: Run, spec: Spec, baseline: Baseline, verdict: Verdict) -> list[Json]:
    """The failures, or the warnings, as the report has them."""
    groups, told = _groups(run), []
    for group, (first, replay) in zip(groups, _named(groups), strict=True):
        if first.verdict is not verdict:
            continue
        entry = baseline.known(first)
        told.append(
            {
                "requirement": first.requirement,
                "check": first.check,
                "count": sum(o.count for o in group),
                "level": _rule("", spec.requirements.get(first.requirement))["level"],
                "expected": clean(first.expected),
                "got": clean(first.got),
                "conversation": [_exchange(e) for e in first.conversation],
                "replay": replay,
                "known": _known(entry) if entry else None,
            }
        )
    return told


def _known(entry: Known) -> Json:
    return {
        "requirement": entry.requirement,
        "check": entry.check,
        "reason": entry.reason,
        "issue": entry.issue,
        "expires": entry.expires.isoformat() if entry.expires else "",
    }


def _exchange(exchange: Exchange) -> Json:
    return {
        "label": clean(exchange.label),
        "method": clean(exchange.method),
        "url": clean(exchange.url),
        "headers": {clean(n): clean(v) for n, v in exchange.headers.items()},
        "body": clean(exchange.body, 4 * _LIMIT),
        "status": exchange.status,
        "answer_headers": {clean(n): clean(v) for n, v in exchange.answer_headers.items()},
        "answer": clean(exchange.answer),
        "seconds": round(exchange.seconds, 3),
    }


# --- transitions -------------------------------------------------------------------------------


def _transitions(run: Run, spec: Spec, profiles: list[str]) -> list[Json]:
    """Of each kind of the judged profiles: its states, and every move with how often it was seen."""
    seen: dict[tuple[str, ...], int] = {}
    for name, count in run.transitions.items():
        key = _key(name, spec)
        seen[key] = seen.get(key, 0) + count
    told = []
    for kind in spec.kinds.values():
        profile = next(spec.types[r.type].profile for r in kind.rows if not r.states)
        if profiles and profile not in profiles:
            continue
        moves = _moves(kind)
        for move in moves:
            key = (kind.name, move["from"], move["cause"])
            if not move["cause"]:
                key = (kind.name, move["from"], move["by"], move["type"])
            move["count"] = seen.pop(key, 0)
        told.append(
            {
                "kind": kind.name,
                "profile": profile,
                "states": [{"name": s.name, "end": s.end, "live": s.live} for s in kind.states.values()],
                "moves": moves,
                "unlisted": sorted(clean(" ".join(k)) for k in seen if k[0] == kind.name),
            }
        )
    return told


def _key(name: str, spec: Spec) -> tuple[str, ...]:
    """``kind state role type`` or ``kind state cause`` apart; an opening has the state ''."""
    parts = name.split(" ")
    if len(parts) == 3 and parts[2] in spec.types:
        parts = [parts[0], "", *parts[1:]]
    if len(parts) == 4 and parts[1] in _OPENING:
        parts[1] = ""
    return tuple(parts)


def _moves(kind: Kind) -> list[Json]:
    moves: list[Json] = []
    for (before, role, type_), row in kind.cells.items():
        to = before if row.to == "=" else row.to
        moves.append({"from": before, "to": to, "by": role, "type": type_, "cause": ""})
    for name, state in kind.states.items():
        for cause, to in state.moves.items():
            moves.append({"from": name, "to": to, "by": "", "type": "", "cause": cause})
    order = ["", *kind.states]
    return sorted(moves, key=lambda m: (order.index(m["from"]), order.index(m["to"])))
