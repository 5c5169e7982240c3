"""What judges which requirement, and what nothing judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance import checks, messages, nearmiss, walks
from conformance.lab import CHECKS
from conformance.runner import exclusions, vectors
from vrmproto.spec import Spec

__all__ = ["ANSWERS", "Coverage", "checks_of", "measured"]

ANSWERS = (
    "VRM-HOM-006", "VRM-HOM-010", "VRM-HOM-011", "VRM-HOM-012", "VRM-HOM-013", "VRM-HOM-014",
    "VRM-HOM-019", "VRM-HOM-025", "VRM-HOM-028", "VRM-HOM-029", "VRM-HOM-030", "VRM-HOM-033",
    "VRM-BRD-004", "VRM-REC-001", "VRM-CNS-010", "VRM-STD-001",
)  # fmt: skip
"""Requirements that every answer is looked at for, whatever was asked."""

checks.load()


def checks_of(spec: Spec) -> dict[str, list[str]]:
    """Requirement to the names of what judges it."""
    found: dict[str, list[str]] = {}

    def add(requirement: str, name: str) -> None:
        names = found.setdefault(requirement, [])
        if name not in names:
            names.append(name)

    for one in CHECKS.values():
        for requirement in one.requirements:
            add(requirement, one.name)
    for requirement in ANSWERS:
        add(requirement, "every answer")
    add(messages.BODY, "near misses")
    add(messages.BODY, "generated messages")
    for trace in vectors(spec)[0]:
        for requirement in (trace.requirement, *trace.covers):
            add(requirement, f"vector {trace.name}")
    return found


@dataclass(frozen=True)
class Coverage:
    """The figures of ``coverage``."""

    figures: Mapping[str, Any]
    checks: Mapping[str, list[str]]
    excluded: Mapping[str, str]


def measured(spec: Spec, transitions: Mapping[str, int]) -> Coverage:
    """Count. ``transitions`` are those that a run has visited."""
    judged, excluded = checks_of(spec), exclusions(spec)
    musts = [r for r in spec.requirements.values() if r.level.startswith("MUST")]
    homes = [r.id for r in musts if r.role == "home"]
    there = walks.transitions(spec, tuple(spec.profiles))
    targets = messages.schema_targets(spec)
    exercised = {
        target.id
        for name in spec.types
        for parent in nearmiss.parents(spec, f"messages/{name}.json")
        for target, _ in nearmiss.near_misses(spec, f"messages/{name}.json", parent)
    }
    figures = {
        "requirements": len(spec.requirements),
        "must": len(musts),
        "home_must": len(homes),
        "checked": sum(r in judged for r in homes),
        "excluded": sum(r in excluded for r in homes),
        "agent_unjudged": sum(r.role == "agent" for r in musts),
        "uncovered": [r for r in homes if r not in judged and r not in excluded],
        "schema_targets": len(targets),
        "schema_targets_exercised": len(exercised & set(targets)),
        "transitions": len(there),
        "transitions_visited": sum(1 for one in there if transitions.get(one)),
    }
    return Coverage(figures, judged, excluded)
