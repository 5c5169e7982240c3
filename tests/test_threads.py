"""The interpreter: every kind of the plan is walked whole; and the rules of time, one by one."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vrmproto import guards, keys, spec, threads, timing
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.model import Bump, Context, Related, Status, Thread
from vrmproto.spec import Kind, Row, Spec

PLAN = json.loads((Path(__file__).parent / "data" / "kinds.json").read_text())
NOW = 1_800_000_000
ANN, BEN, NEW = keys.generate(), "https://shop.example", keys.generate()
FAR = timing.text(NOW + 86400)


@pytest.fixture(scope="module")
def planned() -> Spec:
    """The spec with the planned kinds in the place of its own."""
    kinds = spec.kinds_of(PLAN)
    rotations = frozenset(r.type for k in kinds.values() for r in k.rows if r.effect == "rotate")
    return replace(spec.load(), kinds=kinds, opens=spec.opens_of(kinds), rotations=rotations)


@pytest.fixture(autouse=True)
def _silent_guards(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """In the walks of later kinds the guards say nothing: this is about rows, states and time."""
    if "planned" in request.fixturenames:
        used = {g for k in PLAN["kinds"].values() for r in k["rows"] for g in r.get("guards", ())}
        for name in used - {"deadline-ahead"}:
            monkeypatch.setitem(guards.GUARDS, name, lambda case: None)


def body_for(row: Row) -> dict[str, Any]:
    """A body that has whatever the row points at."""
    values: dict[str, Any] = {
        "/purge_within": "P1D",
        "/attest_within": "P1D",
        "/purposes": ["a"],
        "/purpose": "a",
    }
    body: dict[str, Any] = {"replaces": ANN.did, "id": NEW.did}
    for pointer in [row.deadline, *row.keep.values()]:
        if pointer and pointer.startswith("/"):
            place = body
            *parents, last = pointer[1:].split("/")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = values.get(pointer, FAR if pointer == row.deadline else f"value of {pointer}")
    if "ends" in row.keep:
        body["ends"] = timing.text(NOW + 90000)
    if "offer_rules" in body:
        body["offer_rules"] = {"accepts": 9}
    return body


BOARD = "https://home.example/v1/boards/intents"


def message(row: Row, role: str, thread: Thread | None, number: int, second: str = BEN) -> Message:
    first = thread.first if thread else ANN.did
    rotating = row.effect == "rotate"
    sender = first if role in ("first", "member") else BEN
    return Message(
        token="",
        mid=f"{number:043d}",
        type=row.type,
        iss=NEW.did if rotating else sender,
        aud=(thread.second if thread else second) if role in ("first", "member") else first,
        home="https://home.example",
        iat=NOW,
        exp=NOW + 60,
        body=body_for(row),
        thid=thread.thid if thread else None,
        prev=thread.head if thread else None,
        pthid="p" * 43 if "pthid" in row.needs else None,
        agr="a" * 43 if "agr" in row.needs else None,
        key=ANN.public,
    )


def related(kind: Kind, board: bool = False, **ended: int) -> Related:
    opener = next(iter(kind.parents), "relationship.open")
    thread = Thread(
        kind="terms",
        thid="p" * 43,
        first=ANN.did,
        second=BEN,
        board=board,
        state="s",
        since=NOW,
        deadline=None,
        seq=1,
        head="p" * 43,
        received=NOW,
        opened=NOW,
        opener=opener,
        record="p" * 43,
        facts={"purge_within": "P1D"},
    )
    return Related(thread, Status("s", NOW, None, frozenset(), ended.get("over"), ended.get("dead")))


def context(kind: Kind) -> Context:
    board = bool(kind.parents & {"intent.publish", "community.post"})
    other = related(kind, board)
    agreement = related(kind)
    return Context(parent=other if kind.parents else None, agreement=agreement, named=agreement)


CAUSES = {
    "orphaned": lambda c: replace(c, parent=replace(c.parent, status=replace(c.parent.status, over_at=NOW))),
    "filled": lambda c: replace(c, parent=replace(c.parent, thread=replace(c.parent.thread, filled=(NOW,)))),
    "removed": lambda c: c,
    "released": lambda c: replace(
        c, agreement=replace(c.agreement, status=replace(c.agreement.status, dead_at=NOW))
    ),
    "severed": lambda c: replace(c, severed_at=NOW),
    "superseded": lambda c: replace(c, superseded_at=NOW),
}


@pytest.mark.parametrize("name", PLAN["kinds"])
def test_every_row_and_every_move_of_every_planned_kind_is_walked(planned: Spec, name: str) -> None:
    kind = planned.kinds[name]
    ready = context(kind)
    walked: set[tuple[str, str, str]] = set()
    moved: set[tuple[str, str]] = set()
    seen: set[str] = set()
    queue: deque[Thread] = deque()
    number = 0
    for (state, role, _), row in kind.cells.items():
        if not state:
            number += 1
            sent = message(row, role, None, number, BOARD if kind.roles == "board" else BEN)
            step = threads.advance(planned, None, sent, NOW, ready)
            walked.add(("", role, row.type))
            assert step.thread.state == row.to
            assert step.role == role
            queue.append(step.thread)
    while queue:
        thread = queue.popleft()
        if thread.state in seen:
            continue
        seen.add(thread.state)
        for cause, target in kind.states[thread.state].moves.items():
            left = replace(thread, removed_at=NOW) if cause == "removed" else thread
            when = NOW + 10**8 if cause == "deadline" else NOW
            where = ready if cause == "deadline" else CAUSES[cause](ready)
            status = threads.settle(kind, replace(left, deadline=thread.deadline or NOW + 5), where, when)
            moved.add((thread.state, cause))
            if cause != "deadline":
                assert status.state == target
            queue.append(replace(thread, state=target, deadline=None))
        for (state, role, _), row in kind.cells.items():
            if state == thread.state:
                number += 1
                step = threads.advance(planned, thread, message(row, role, thread, number), NOW, ready)
                walked.add((state, role, row.type))
                assert step.thread.state == (state if row.to == "=" else row.to)
                assert step.thread.seq == thread.seq + 1
                queue.append(step.thread)
    assert walked == set(kind.cells)
    assert seen == set(kind.states)
    assert moved == {(s.name, c) for s in kind.states.values() for c in s.moves}


# --- time, on the terms of the spec itself ---------------------------------------------------------


def agreed(deadline: int | None = None) -> Thread:
    return Thread(
        kind="terms",
        thid="t" * 43,
        first=ANN.did,
        second=BEN,
        state="agreed",
        since=NOW,
        deadline=deadline,
        seq=2,
        head="h" * 43,
        received=NOW,
        opened=NOW,
        opener="terms.proffer",
        record="h" * 43,
        record_at=NOW,
    )


TERMS = spec.load().kinds["terms"]


@pytest.mark.parametrize(("now", "state"), [(NOW + 9, "agreed"), (NOW + 10, "ended"), (NOW + 99, "ended")])
def test_a_deadline_has_passed_from_its_second_on(now: int, state: str) -> None:
    assert threads.settle(TERMS, agreed(NOW + 10), Context(), now).state == state


@pytest.mark.parametrize(
    ("superseded", "state"), [(NOW + 9, "superseded"), (NOW + 10, "ended"), (NOW + 11, "ended")]
)
def test_of_two_causes_the_earlier_counts_and_in_one_second_the_deadline(superseded: int, state: str) -> None:
    status = threads.settle(TERMS, agreed(NOW + 10), Context(superseded_at=superseded), NOW + 50)
    assert status.state == state
    assert status.dead_at == min(superseded, NOW + 10)


def test_months_are_calendar_months_and_days_are_24_hours() -> None:
    january = timing.seconds("2027-01-31T12:00:00Z")
    assert timing.text(timing.after(january, "P1M")) == "2027-02-28T12:00:00Z"
    assert timing.after(january, "P1D") == january + 86400
    with pytest.raises(ValueError, match="out of range"):
        timing.after(january, "P9999Y")


def test_what_lies_in_another_state_only_for_a_deadline_is_late() -> None:
    loaded = spec.load()
    row = TERMS.cells["proffered", "second", "terms.accept"]
    thread = replace(agreed(NOW + 10), state="proffered", record=None)
    late = replace(message(row, "second", thread, 7), body={})
    with pytest.raises(ProtocolError) as caught:
        threads.advance(loaded, thread, late, NOW + 10, Context())
    assert caught.value.code == "deadline-passed"
    with pytest.raises(ProtocolError) as caught:
        threads.advance(loaded, replace(thread, state="withdrawn", deadline=None), late, NOW + 10, Context())
    assert caught.value.code == "state-conflict"


def test_counters_with_a_period_forget_what_is_older() -> None:
    bump = Bump("thread", "said", "P1D")
    counts = threads.raised({"said": [NOW - 86400, NOW - 86399]}, bump, NOW)
    assert counts == {"said": [NOW - 86399, NOW]}
    assert threads.raised({}, Bump("parent", "offers", ""), NOW) == {"offers": 1}
