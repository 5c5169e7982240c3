"""Faults put into the reference, so that a machine is seen to find them: changed tables and guards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.model_machine import SPEC
from vrmproto import guards
from vrmproto.errors import ProtocolError
from vrmproto.spec import Row, Spec
from vrmproto.storage.base import Append

Seed = Callable[[pytest.MonkeyPatch], Spec]


def with_kind(name: str, **fields: Any) -> Spec:
    """The spec with one kind changed."""
    kind = replace(SPEC.kinds[name], **fields)
    opens = {type_: kind if k.name == name else k for type_, k in SPEC.opens.items()}
    return replace(SPEC, kinds={**SPEC.kinds, name: kind}, opens=opens)


def with_state(kind: str, state: str, **fields: Any) -> Spec:
    """The spec with one state changed."""
    states = SPEC.kinds[kind].states
    return with_kind(kind, states={**states, state: replace(states[state], **fields)})


def without_cause(kind: str, state: str, cause: str) -> Spec:
    """The spec with a state that one of the causes does not move."""
    moves = {name: to for name, to in SPEC.kinds[kind].states[state].moves.items() if name != cause}
    return with_state(kind, state, moves=moves)


def with_row(kind: str, type_: str, by: str = "", **fields: Any) -> Spec:
    """The spec with every row of one type changed, or only those of one role."""
    cells: dict[tuple[str, str, str], Row] = {
        cell: replace(row, **fields) if cell[2] == type_ and by in ("", cell[1]) else row
        for cell, row in SPEC.kinds[kind].cells.items()
    }
    return with_kind(kind, cells=cells)


def missing_guard(name: str) -> Seed:
    """A guard that lets everything pass."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        patch.setitem(guards.GUARDS, name, lambda case: None)
        return SPEC

    return seed


def overlooked(name: str, rule: str, where: Callable[[guards.Case], bool] = lambda case: True) -> Seed:
    """A guard that lets one rule pass."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        right = guards.GUARDS[name]

        def wrong(case: guards.Case) -> None:
            try:
                right(case)
            except ProtocolError as error:
                if error.rule != rule or not where(case):
                    raise

        patch.setitem(guards.GUARDS, name, wrong)
        return SPEC

    return seed


def instead(where: Any, name: str, wrong: Any) -> Seed:
    """One function is another."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        patch.setattr(where, name, wrong)
        return SPEC

    return seed


def wrong_append(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Seed:
    """What is stored with a message is not what follows from it."""

    def seed(patch: pytest.MonkeyPatch) -> Spec:
        patch.setattr("vrmproto.home.Append", lambda **members: Append(**{**members, **change(members)}))
        return SPEC

    return seed
