"""The checks of disputes, feedback and what lies below a relationship: right homes pass, broken ones fail."""

from __future__ import annotations

import pytest

from conformance.checks import (
    below,
    consents,
    data,
    dialogues,
    disputes,
    feedback,
    purposes,
    standing,
)
from conformance.lab import CHECKS
from conformance.results import Verdict
from tests.conformance.test_checks_intent import found, passed, visited

BELOW = (below, consents, data, dialogues, purposes, standing)
MODULES = {m.__name__ for m in (disputes, feedback, *BELOW)}
OWN = [c for c in CHECKS.values() if c.work.__module__ in MODULES]

JUDGED = {
    *(f"VRM-DSP-{n:03}" for n in range(1, 6)),
    *(f"VRM-FBK-{n:03}" for n in range(1, 4)),
    *(f"VRM-CNS-{n:03}" for n in (*range(1, 8), *range(10, 15))),
    *(f"VRM-COR-{n:03}" for n in range(1, 5)),
    *(f"VRM-DAT-{n:03}" for n in range(1, 6)),
    *(f"VRM-DLG-{n:03}" for n in range(1, 6)),
    *(f"VRM-LAD-{n:03}" for n in (5, 7, 10, 11)),
    *(f"VRM-LED-{n:03}" for n in range(1, 5)),
    *(f"VRM-PUR-{n:03}" for n in range(1, 5)),
    *(f"VRM-REL-{n:03}" for n in (5, 6, 7, 14, 15)),
    *(f"VRM-STD-{n:03}" for n in range(1, 8)),
    *("VRM-BLB-004", "VRM-BLB-005", "VRM-BLB-006", "VRM-ENV-031", "VRM-ENV-033", "VRM-OFR-018"),
    *("VRM-THR-009", "VRM-THR-010", "VRM-THR-018"),
}

BREAKS = {
    "VRM-DSP-001": "disputes-of-what-is-in-force",
    "VRM-DSP-002": "disputes-move-their-agreement",
    "VRM-DSP-003": "claims-closed-by-their-opener-only",
    "VRM-DSP-004": "dispute-closed-by-either",
    "VRM-DSP-005": "disputes-hold-nothing",
    "VRM-FBK-001": "feedback-under-an-agreement-only",
    "VRM-FBK-002": "one-outcome",
    "VRM-FBK-003": "row-retract-not-marked",
    "VRM-THR-009": "dispute-of-anything",
}
"""A requirement, and a home that breaks it."""


def test_what_is_judged() -> None:
    assert {r for c in OWN for r in c.requirements} == JUDGED
    assert {c.profile for c in OWN} == {"consent", "relationship"}
    assert all((c.work.__doc__ or "").strip() for c in OWN)
    assert set(BREAKS) <= JUDGED


@pytest.mark.parametrize("name", [None, "short-pages"])
async def test_what_is_right_passes(name: str | None) -> None:
    async with visited(name) as session:
        assert passed(await found(session, OWN)) == JUDGED
        assert session.target.broken == []


@pytest.mark.parametrize("requirement", BREAKS)
async def test_what_is_broken_fails(requirement: str) -> None:
    async with visited(BREAKS[requirement]) as session:
        outcomes = await found(session, [c for c in OWN if requirement in c.requirements])
    failed = {o.requirement for o in outcomes if o.verdict is Verdict.FAIL}
    assert requirement in failed
