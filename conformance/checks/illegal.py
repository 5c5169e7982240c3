"""Every message of a kind in every state in which the table has no row for it: refused, by the right code."""

from __future__ import annotations

import asyncio

from conformance.lab import Lab, Party, Thread, check
from conformance.results import Inconclusive

_ENDS = ("agreed", "countered", "expired", "proffered", "rejected", "terminated", "withdrawn")


async def _at(lab: Lab, state: str) -> Thread:
    """A thread of terms in a state."""
    person, vendor = lab.person(), await lab.vendor()
    if state == "expired":
        thread = await lab.proffered(person, vendor, answer_by=lab.bodies.at(3))
        await asyncio.sleep(4)
        return thread
    thread = await lab.proffered(person, vendor)
    if state == "countered":
        await lab.say(vendor, "terms.alternative", lab.bodies.alternative(thread.thid), thread)
    elif state == "rejected":
        await lab.say(vendor, "terms.reject", {}, thread)
    elif state == "withdrawn":
        await lab.say(person, "terms.withdraw", {}, thread)
    elif state in ("agreed", "terminated"):
        await lab.say(vendor, "terms.accept", lab.bodies.accept(thread.thid), thread)
    if state == "terminated":
        await lab.say(person, "agreement.terminate", {}, thread)
    return thread


def _bodies(lab: Lab, thread: Thread) -> dict[str, object]:
    """A valid body of each type that may follow in a thread of terms; rotations are for other checks."""
    return {
        "terms.accept": lab.bodies.accept(thread.thid),
        "terms.alternative": lab.bodies.alternative(thread.thid),
        "terms.reject": {},
        "terms.withdraw": {},
        "agreement.terminate": {},
    }


@check("VRM-THR-004", "VRM-THR-005", "VRM-THR-006", profile="terms")
async def terms_take_nothing_that_their_table_has_not(lab: Lab) -> None:
    """Each state, each role, each type: what has no row is refused and leaves the thread as it is."""
    kind = lab.spec.kinds.get("terms")
    if kind is None:
        raise Inconclusive("the spec has no kind of terms")
    await asyncio.gather(*(_everything(lab, state) for state in _ENDS))
    lab.holds("VRM-THR-004", True, "every other role's message was refused")
    lab.holds("VRM-THR-005", True, "every message without a row was refused")


async def _everything(lab: Lab, state: str) -> None:
    cells = lab.spec.kinds["terms"].cells
    thread = await _at(lab, state)
    assert thread.second is not None
    parties: dict[str, Party] = {"first": thread.first, "second": thread.second}
    for type_, body in _bodies(lab, thread).items():
        for role, other in (("first", "second"), ("second", "first")):
            if (state, role, type_) in cells:
                continue
            said = await lab.attempt(parties[role], type_, body, thread)
            late = state == "expired" and ("proffered", role, type_) in cells
            if late:
                lab.refused("VRM-THR-006", said, "deadline-passed")
            elif (state, other, type_) in cells:
                lab.refused("VRM-THR-004", said, "role-forbidden")
            else:
                lab.refused("VRM-THR-005", said, "state-conflict")
    now = await lab.state(thread.first, thread.thid)
    lab.holds("VRM-THR-005", now == state, f"the thread is {state} still", now)
