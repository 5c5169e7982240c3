"""The checks of disputes, feedback and what lies below a relationship: right homes pass, broken ones fail."""

from __future__ import annotations

import pytest

from conformance.checks import (
    below,
    beside,
    consent_views,
    consents,
    data,
    dialogues,
    disputes,
    erased,
    feedback,
    ledger,
    purposes,
    relating,
    relationships,
    standing,
)
from conformance.lab import CHECKS
from conformance.results import Verdict
from tests.conformance.test_checks_intent import found, passed, visited

BELOW = (
    below,
    beside,
    consent_views,
    consents,
    erased,
    relationships,
    data,
    dialogues,
    ledger,
    purposes,
    relating,
    standing,
)
MODULES = {m.__name__ for m in (disputes, feedback, *BELOW)}
OWN = [c for c in CHECKS.values() if c.work.__module__ in MODULES]

JUDGED = {
    *(f"VRM-DSP-{n:03}" for n in (*range(1, 6), 7, 8)),
    *(f"VRM-FBK-{n:03}" for n in (*range(1, 4), 9, 10)),
    *(f"VRM-CNS-{n:03}" for n in (*range(1, 8), *range(10, 17), *range(18, 24))),
    *(f"VRM-COR-{n:03}" for n in (*range(1, 5), 6, 7, 8)),
    *(f"VRM-DAT-{n:03}" for n in (*range(1, 6), 7, 8, 9)),
    *(f"VRM-DLG-{n:03}" for n in range(1, 9)),
    *(f"VRM-LAD-{n:03}" for n in (*range(1, 13), 16, 17, 18)),
    *(f"VRM-LED-{n:03}" for n in range(1, 8)),
    *(f"VRM-PUR-{n:03}" for n in range(1, 6)),
    *(f"VRM-REL-{n:03}" for n in (*range(1, 13), *range(14, 31))),
    *(f"VRM-STD-{n:03}" for n in (*range(1, 10), 12, 13, 14)),
    *(
        "VRM-BLB-004",
        "VRM-BLB-005",
        "VRM-BLB-006",
        "VRM-ENV-031",
        "VRM-ENV-033",
        "VRM-HOM-015",
        "VRM-OFR-018",
    ),
    *("VRM-THR-007", "VRM-THR-009", "VRM-THR-010", "VRM-THR-018"),
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
    "VRM-CNS-002": "grants-of-anything",
    "VRM-CNS-011": "consents-up-to-the-grant",
    "VRM-CNS-022": "one-end-for-all",
    "VRM-COR-007": "corrections-of-what-was-corrected",
    "VRM-COR-002": "operations-one-by-one",
    "VRM-DAT-004": "reports-by-the-rung",
    "VRM-DLG-005": "muted-from-the-next-message-on",
    "VRM-LAD-005": "rungs-stay-when-agreements-end",
    "VRM-LAD-011": "categories-not-looked-at",
    "VRM-LED-002": "refusals-for-both",
    "VRM-LED-006": "refusals-by-the-last-code",
    "VRM-PUR-001": "consents-over-prohibitions",
    "VRM-PUR-002": "consents-never-needed",
    "VRM-REL-006": "quiet-hours-with-their-end",
    "VRM-REL-011": "severed-for-ever",
    "VRM-REL-014": "reports-while-it-rests",
    "VRM-REL-016": "erased-whenever-it-came",
    "VRM-REL-017": "erased-told-to-the-person",
    "VRM-REL-018": "inbox-kept-below-a-relationship",
    "VRM-REL-019": "person-reads-tombstones-below",
    "VRM-REL-020": "relationships-rest-without-an-agreement",
    "VRM-REL-025": "pauses-end-without-preferences",
    "VRM-REL-030": "refusals-for-life",
    "VRM-STD-003": "views-with-ended-consents",
    "VRM-STD-009": "heads-of-what-is-in-force",
}
"""A requirement, and a home that breaks it."""


def test_what_is_judged() -> None:
    assert {r for c in OWN for r in c.requirements} == JUDGED
    assert {c.profile for c in OWN} == {"consent", "relationship"}
    assert all((c.work.__doc__ or "").strip() for c in OWN)
    assert set(BREAKS) <= JUDGED


@pytest.mark.parametrize("name", [None, pytest.param("short-pages", marks=pytest.mark.long)])
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
