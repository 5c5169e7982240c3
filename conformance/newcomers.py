"""A situation for a message type that came after this suite, as far as the tables alone tell one.

A known type leads into a state in which the new one is taken. What the tables do not tell is not guessed: a
row with needs, or with a guard about more than its deadline, has no situation here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from conformance.contexts import CONTEXTS, Ready
from conformance.lab import Lab, Party, Thread
from conformance.results import Inconclusive
from vrmproto.spec import Kind, Row

__all__ = ["situation"]

TOLD = {"deadline-ahead"}
"""Guards that a row's own members satisfy."""
SOON = 3600


async def situation(lab: Lab, type_: str, rng: random.Random) -> Ready:
    """A situation in which a type is taken; Inconclusive where the tables tell none."""
    for row, state, before in _ways(lab, type_):
        there = await CONTEXTS[before.type](lab, rng)
        said = await there.send(there.means(_example(lab, before.type)))
        thread = there.thread or _opened(lab, there, said.mid)
        if said.state != state or thread is None or thread.second is None:
            continue
        if there.thread is None:
            thread.said.append(said)
        party = thread.second if row.by == "second" else thread.first
        return Ready(lab, party, type_, thread, means=partial(_dated, lab, row))
    raise Inconclusive(f"no situation is known in which {type_} is taken")


def _ways(lab: Lab, type_: str) -> Iterator[tuple[Row, str, Row]]:
    """A row that takes the type, a state where it does, and the row of a known type that leads there."""
    for kind in lab.spec.kinds.values():
        for row in kind.rows:
            if row.type == type_ and not row.needs and set(row.guards) <= TOLD:
                for state in sorted(row.states):
                    yield from ((row, state, before) for before in _into(kind, state))


def _into(kind: Kind, state: str) -> Iterator[Row]:
    for row in sorted(kind.rows, key=lambda row: len(row.states)):
        if row.to == state and row.type in CONTEXTS:
            yield row


def _example(lab: Lab, type_: str) -> Any:
    return json.loads(json.dumps(lab.spec.types[type_].schema["examples"][0]))


def _opened(lab: Lab, there: Ready, thid: str) -> Thread | None:
    """The thread that a person opened with whom this suite plays as well."""
    second: Party | None = lab.listener
    if second is None or second.id != there.aud:
        return None
    return Thread(thid, there.party, second)


def _dated(lab: Lab, row: Row, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the deadline of its row ahead."""
    made = dict(body)
    name = row.deadline.removeprefix("/")
    if row.deadline.startswith("/") and "/" not in name:
        made[name] = lab.bodies.at(SOON)
    return made
