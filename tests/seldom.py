"""Which of very many alike cases a short run takes; the others are run beside the long tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

__all__ = ["often", "seldom"]

T = TypeVar("T")

CROWDED = ("consent-", "correction-", "data-", "dialogue-", "ladder-", "purpose-", "relationship-")
"""Vectors of relationships and of what is below them: there are more of them than of all others."""
EACH = 6


def often(cases: Sequence[T], name: Callable[[T], str]) -> list[T]:
    """All but the crowded cases, and each sixth of those."""
    crowd = [name(case) for case in cases if name(case).startswith(CROWDED)]
    left_out = set(crowd) - set(crowd[::EACH])
    return [case for case in cases if name(case) not in left_out]


def seldom(cases: Sequence[T], name: Callable[[T], str]) -> list[object]:
    """All cases as parameters: what is not for every run is marked as long."""
    taken = {name(case) for case in often(cases, name)}
    marks = {True: [], False: [pytest.mark.long]}
    return [pytest.param(case, id=name(case), marks=marks[name(case) in taken]) for case in cases]
