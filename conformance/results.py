"""What a run found: verdicts on requirements, and the report they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Exchange", "Failed", "Inconclusive", "Outcome", "Run", "Verdict", "judged"]


class Verdict(StrEnum):
    """What is said of a requirement; an ``inconclusive`` MUST is never green."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    INCONCLUSIVE = "inconclusive"
    NOT_JUDGED = "not-judged"
    """It needs what this run was not given: an origin, a callback, the operator's key."""
    NOT_APPLICABLE = "not-applicable"
    """Its profile is not claimed."""


@dataclass(frozen=True)
class Exchange:
    """One request of a conversation and what came back, for people and for a replay."""

    label: str
    """What it is, in a few words: ``the person sends terms.proffer``."""
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    """The request's body as text; a token stays compact."""
    status: int = 0
    """0 where no answer came."""
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What one check found of one requirement."""

    requirement: str
    check: str
    verdict: Verdict
    expected: str = ""
    got: str = ""
    reason: str = ""
    """Why it is inconclusive or not judged: what is missing."""
    conversation: tuple[Exchange, ...] = ()
    replay: Mapping[str, Any] | None = None
    """What ``replay`` needs to say it all again, freshly signed."""
    count: int = 1
    """How many checks or examples failed alike."""


class Failed(Exception):
    """A target broke a requirement."""

    def __init__(self, requirement: str, expected: str, got: str) -> None:
        super().__init__(f"{requirement}: expected {expected}, got {got}")
        self.requirement, self.expected, self.got = requirement, expected, got


class Inconclusive(Exception):
    """A check could not be carried through; ``needs`` names what would help, such as ``origin``."""

    def __init__(self, reason: str, needs: str = "") -> None:
        super().__init__(reason)
        self.reason, self.needs = reason, needs


@dataclass
class Run:
    """A whole run against one target: all that a report is made of."""

    target: str
    issuer: str = ""
    profiles: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    """The profiles that the target's discovery document claims."""
    seed: int = 0
    mode: str = "default"
    started: str = ""
    """RFC 3339, UTC."""
    seconds: float = 0.0
    suite: str = ""
    spec: str = ""
    spec_digest: str = ""
    control: str = ""
    """Why the positive control failed; '' where it held. Without it nothing is scored."""
    outcomes: list[Outcome] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    """Counts such as ``requests``, ``messages``, ``accepted``, ``vectors``, ``near_misses``."""
    transitions: dict[str, int] = field(default_factory=dict)
    """``kind state role type`` or ``kind state cause`` to how often it was seen."""


_GRAVITY = (
    Verdict.FAIL,
    Verdict.WARN,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
    Verdict.NOT_JUDGED,
    Verdict.NOT_APPLICABLE,
)


def judged(outcomes: Iterable[Outcome]) -> dict[str, Verdict]:
    """One verdict on each requirement: the gravest of its outcomes, and ``pass`` before ``not-judged``."""
    found: dict[str, Verdict] = {}
    for outcome in outcomes:
        last = found.get(outcome.requirement, Verdict.NOT_APPLICABLE)
        found[outcome.requirement] = min(last, outcome.verdict, key=_GRAVITY.index)
    return found
