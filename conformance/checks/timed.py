"""Checks that wait: deadlines of two seconds, and what counts when several causes meet (threads.md)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from conformance import jose, receipts
from conformance.checks.threads import checkpoint
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.wire import together

__all__: list[str] = []


async def _early(lab: Lab) -> int:
    """Wait for the beginning of a second; the time there."""
    await asyncio.sleep(1.03 - time.time() % 1)
    return lab.target.now()


async def _until(lab: Lab, moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.time() - lab.target.skew))


async def _proffered(lab: Lab, person: Party, vendor: Party, **body: Any) -> Thread:
    """A proffer whose deadlines are so near that a home may be just too late: tried again then."""
    said = await lab.attempt(person, "terms.proffer", lab.bodies.proffer(**body), aud=vendor.id)
    lab.holds("VRM-THR-022", said.answer.status == 202, "202 to a deadline in two seconds", said.answer.said)
    return Thread(said.mid, person, vendor, said=[said])


async def _watch(
    lab: Lab, requirement: str, party: Party, thread: Thread, moves: tuple[int, str, str], until: float
) -> None:
    """Read a thread around its deadline: each checkpoint names the state of its own second."""
    deadline, before, after = moves
    seen: list[tuple[int, str]] = []
    while time.time() + lab.target.skew < until:
        read = await lab.thread(party, thread.thid)
        claims = receipts.claims(lab.target, read["checkpoint"])
        assert isinstance(claims, dict)
        seen.append((claims["iat"], claims["state"]))
        await asyncio.sleep(0.1)
    # of one read the second may just have turned between its state and its time
    early = [one for one in seen if one[0] < deadline and one[1] != before]
    late = [one for one in seen if one[0] >= deadline and one[1] != after]
    lab.holds(requirement, len(early) < 2, f"{before} before {deadline}", early[:5])
    lab.holds(requirement, len(late) < 2, f"{after} from {deadline} on", late[:5])


async def _shown(lab: Lab, thread: Thread, state: str, *parties: Party) -> None:
    """Every read shows the state, without any message."""
    for party in parties:
        got = await lab.state(party, thread.thid)
        lab.holds("VRM-THR-018", got == state, f"{state} in the thread", got)
        answer = await lab.get(party, f"{lab.target.endpoint('threads')}?limit=200")
        states = {entry["thid"]: entry["state"] for entry in answer.document["threads"]}
        got = states.get(thread.thid, state)
        lab.holds("VRM-THR-018", got == state, f"{state} in the list", got)
        read = await lab.thread(party, thread.thid)
        checkpoint(lab, read, party, thread.said[-1].receipt, state)


async def _late(lab: Lab, thread: Thread, *cases: tuple[str, Party, str, Any]) -> None:
    for code, party, type_, body in cases:
        said = await lab.attempt(party, type_, body, thread)
        lab.refused("VRM-THR-006", said, code)
        lab.refused("VRM-THR-018", said, code)


@check("VRM-THR-006", "VRM-THR-017", "VRM-THR-018", "VRM-THR-022", "VRM-HOM-026")
async def a_proffer_expires_at_the_second_that_it_names(lab: Lab) -> None:
    """Two seconds ahead: read all the time, answered before and after, refused as too late."""
    person, vendor = lab.person(), await lab.vendor()
    now = await _early(lab)
    deadline = now + 2
    thread, *others = await asyncio.gather(
        *(
            _proffered(lab, person, vendor, answer_by=lab.bodies.at(deadline - lab.bodies.now))
            for _ in range(7)
        )
    )

    async def answered() -> None:
        for other, moment in zip(others, (-0.6, -0.3, 0.03, 0.2, 0.5, 0.9), strict=True):
            await _until(lab, deadline + moment)
            said = await lab.attempt(vendor, "terms.accept", lab.bodies.accept(other.thid), other)
            _in_time(lab, said, deadline)

    moves = (deadline, "proffered", "expired")
    watches = (_watch(lab, "VRM-THR-017", p, thread, moves, deadline + 0.95) for p in (person, vendor))
    await together([*watches, answered()])
    await _shown(lab, thread, "expired", person, vendor)
    bodies = lab.bodies
    await _late(
        lab,
        thread,
        ("deadline-passed", vendor, "terms.accept", bodies.accept(thread.thid)),
        ("deadline-passed", vendor, "terms.reject", {}),
        ("deadline-passed", vendor, "terms.alternative", bodies.alternative(thread.thid)),
        ("deadline-passed", person, "terms.withdraw", {}),
        ("state-conflict", person, "terms.accept", bodies.accept(thread.thid)),
        ("state-conflict", vendor, "terms.withdraw", {}),
        ("state-conflict", person, "agreement.terminate", {}),
    )
    await _shown(lab, thread, "expired", person, vendor)
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-THR-018", thread.thid in waiting, "the proffer, still in the inbox", waiting)


def _in_time(lab: Lab, said: Said, deadline: int) -> None:
    if said.answer.status == 202:
        early = said.receipt["iat"] < deadline
        lab.holds("VRM-THR-017", early, f"nothing taken from {deadline} on", said.receipt)
        return
    lab.refused("VRM-THR-017", said, "deadline-passed")
    slack = 0 if lab.target.loopback else 2
    came = time.time() + lab.target.skew + slack
    lab.holds("VRM-THR-017", came >= deadline, f"no refusal before {deadline}", came)


@check("VRM-THR-006", "VRM-THR-018", "VRM-THR-022", profile="terms")
async def an_alternative_expires_at_its_own_deadline(lab: Lab) -> None:
    """The deadline of the alternative takes the place of the proffer's."""
    person, vendor = lab.person(), await lab.vendor()
    now = await _early(lab)
    bodies = lab.bodies
    thread = await lab.proffered(person, vendor)
    brief = await _proffered(lab, person, vendor, answer_by=bodies.at(2))
    deadline = now + 2
    body = bodies.alternative(thread.head, answer_by=bodies.at(deadline - bodies.now))
    said = await lab.attempt(vendor, "terms.alternative", body, thread)
    lab.taken("VRM-THR-022", said, "countered")
    await lab.say(vendor, "terms.alternative", bodies.alternative(brief.head), brief)
    await _watch(lab, "VRM-THR-018", person, thread, (deadline, "countered", "expired"), deadline + 0.8)
    await _shown(lab, thread, "expired", person, vendor)
    await _late(
        lab,
        thread,
        ("deadline-passed", person, "terms.accept", lab.bodies.accept(thread.head, "SD-BASE-A")),
        ("deadline-passed", person, "terms.reject", {}),
        ("deadline-passed", person, "terms.withdraw", {}),
        ("state-conflict", vendor, "terms.accept", lab.bodies.accept(thread.head, "SD-BASE-A")),
        ("state-conflict", vendor, "terms.reject", {}),
    )
    await _shown(lab, brief, "countered", person, vendor)
    said = await lab.attempt(person, "terms.accept", lab.bodies.accept(brief.head, "SD-BASE-A"), brief)
    lab.taken("VRM-THR-018", said, "agreed")


@check("VRM-THR-018", "VRM-THR-006", "VRM-TRM-009", "VRM-REC-007", "VRM-REC-008", profile="terms")
async def an_agreement_ends_by_its_date(lab: Lab) -> None:
    """``ends`` of the proffer, or of the alternative and then not that of the proffer; records stay."""
    person, vendor = lab.person(), await lab.vendor()
    people = [lab.person() for _ in range(4)]
    now = await _early(lab)
    ends = now + 3
    bodies = lab.bodies
    near = {"answer_by": bodies.at(now + 2 - bodies.now), "ends": bodies.at(ends - bodies.now)}

    async def accepted(first: Party, **body: Any) -> Thread:
        made = await _proffered(lab, first, vendor, **body)
        await lab.say(vendor, "terms.accept", bodies.accept(made.thid), made)
        return made

    async def countered(first: Party, brief: bool, **body: Any) -> Thread:
        made = await _proffered(lab, first, vendor, **body)
        more = {"answer_by": lab.bodies.at(2), "ends": lab.bodies.at(3)} if brief else {}
        await lab.say(vendor, "terms.alternative", bodies.alternative(made.thid, **more), made)
        await lab.say(first, "terms.accept", bodies.accept(made.head, "SD-BASE-A"), made)
        return made

    async def left(first: Party) -> Thread:
        made = await accepted(first, **near)
        said = await lab.attempt(first, "agreement.terminate", {}, made)
        lab.taken("VRM-THR-018", said, "terminated")
        return made

    thread, plain, without, with_, leaving = await asyncio.gather(
        accepted(person, **near),
        accepted(people[0], answer_by=near["answer_by"]),
        countered(people[1], False, **near),
        countered(people[2], True, answer_by=near["answer_by"]),
        left(people[3]),
    )
    await _watch(lab, "VRM-THR-018", vendor, thread, (ends, "agreed", "ended"), ends + 0.7)
    got = await lab.state(people[1], without.thid)
    lab.holds("VRM-TRM-009", got == "agreed", "agreed: an alternative without ends", got)
    await _shown(lab, thread, "ended", person, vendor)
    await _until(lab, with_.said[1].receipt["iat"] + 3.1)
    await _shown(lab, with_, "ended", people[2], vendor)
    await _shown(lab, plain, "agreed", people[0], vendor)
    await _shown(lab, leaving, "terminated", people[3], vendor)
    said = await lab.attempt(people[1], "agreement.terminate", {}, without)
    lab.taken("VRM-TRM-009", said, "terminated")
    for party in (person, vendor):
        url = f"{lab.target.endpoint('records')}/{thread.said[1].mid}"
        answer = await lab.get(party, url, schema=("documents/record.json", "VRM-REC-001"))
        lab.holds("VRM-REC-008", answer.status == 200, "the record of what has ended", answer.said)
        found = answer.document
        lab.holds("VRM-REC-007", found["state"] == "ended", "ended", found["state"])
        told = jose.claims_of(found["checkpoint"])["state"]
        lab.holds("VRM-REC-007", told == "ended", "a checkpoint of ended", told)
    await _late(
        lab,
        thread,
        ("deadline-passed", person, "agreement.terminate", {}),
        ("deadline-passed", vendor, "agreement.terminate", {}),
        ("state-conflict", person, "terms.withdraw", {}),
        ("state-conflict", vendor, "terms.reject", {}),
    )
    said = await lab.attempt(people[0], "agreement.terminate", {}, plain)
    lab.taken("VRM-THR-018", said, "terminated")


@check("VRM-THR-018")
async def time_moves_a_thread_without_a_message(lab: Lab) -> None:
    """A second after the deadline: in the checkpoint, in the list and for who answers."""
    person, vendor = lab.person(), await lab.vendor()
    now = await _early(lab)
    thread = await _proffered(lab, person, vendor, answer_by=lab.bodies.at(2))
    got = await lab.state(person, thread.thid)
    lab.holds("VRM-THR-018", got == "proffered", "proffered before its deadline", got)
    await _until(lab, now + 3.1)
    await _shown(lab, thread, "expired", person, vendor)
    said = await lab.attempt(vendor, "terms.accept", lab.bodies.accept(thread.thid), thread)
    lab.refused("VRM-THR-018", said, "deadline-passed")
    await _shown(lab, thread, "expired", person, vendor)


@check("VRM-THR-020", profile="terms")
async def thirty_days_count_from_now_and_not_from_the_proffer(lab: Lab) -> None:
    """Some seconds after the proffer an alternative may still stand for thirty days, and not for more."""
    vendor = await lab.vendor()
    made = [await lab.proffered(lab.person(), vendor) for _ in range(2)]
    await asyncio.sleep(6.2)
    for thread, seconds, taken in ((made[0], -3, True), (made[1], 64, False)):
        answer_by = lab.bodies.at(30 * 86400 + seconds)
        body = lab.bodies.alternative(thread.thid, answer_by=answer_by)
        said = await lab.attempt(vendor, "terms.alternative", body, thread)
        if taken:
            lab.taken("VRM-THR-020", said, "countered")
        else:
            lab.refused("VRM-THR-020", said, "deadline-invalid")


@check("VRM-THR-019", profile="terms")
async def of_two_causes_the_earlier_counts(lab: Lab) -> None:
    """A later agreement and ``ends``: before it superseded, after it ended, in the same second ended."""
    vendor = await lab.vendor()
    people = [lab.person() for _ in range(6)]
    now = await _early(lab)
    ends = now + 3
    near = {"answer_by": lab.bodies.at(2), "ends": lab.bodies.at(3)}
    made = await asyncio.gather(*(_proffered(lab, person, vendor, **near) for person in people))
    await asyncio.gather(
        *(lab.say(vendor, "terms.accept", lab.bodies.accept(thread.thid), thread) for thread in made)
    )
    later = await asyncio.gather(*(lab.proffered(person, vendor) for person in people))
    wanted: list[str] = []
    for thread, moment in zip(later, (-1.2, -0.4, 0.05, 0.3, 0.6, 1.1), strict=True):
        await _until(lab, ends + moment)
        said = await lab.say(vendor, "terms.accept", lab.bodies.accept(thread.thid), thread)
        wanted.append("superseded" if said.receipt["iat"] < ends else "ended")
    await _until(lab, ends + 1.2)
    for party in ("first", "second"):
        got = [await lab.state(t.first if party == "first" else vendor, t.thid) for t in made]
        lab.holds("VRM-THR-019", got == wanted, str(wanted), got)
    got = [await lab.state(vendor, thread.thid) for thread in later]
    lab.holds("VRM-THR-019", got == ["agreed"] * 6, "the later ones agreed", got)


@check("VRM-HOM-026", "VRM-ENV-022", "VRM-ENV-023", "VRM-HOM-014")
async def time_changes_the_checkpoint_and_no_receipt(lab: Lab) -> None:
    """Two seconds later a checkpoint is of now; a message that has expired gets the receipt of then."""
    person, vendor = lab.person(), await lab.vendor()
    now = lab.target.now()
    token = jose.token(
        person.key,
        lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer(), iat=now - 3600, exp=now - 58),
    )
    said = await lab.send(token, "a message that is about to expire")
    lab.holds("VRM-ENV-022", said.answer.status == 202, "202 within the minute of grace", said.answer.said)
    first = said.receipt
    await asyncio.sleep(2.3)
    fresh = await lab.attempt(
        person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id, iat=now - 3600, exp=now - 58
    )
    lab.refused("VRM-ENV-023", fresh, "expired")
    again = await lab.talk.send(token.encode(), "the expired message again")
    lab.holds("VRM-ENV-022", again.status == 200, "200", again.said)
    lab.holds("VRM-ENV-022", again.text == said.answer.text, "the receipt of then", again.text)
    for party in (person, vendor):
        read = await lab.thread(party, said.mid)
        checkpoint(lab, read, party, first, "proffered")
        claims = jose.claims_of(read["checkpoint"])
        lab.holds("VRM-HOM-026", claims["iat"] > first["iat"], "iat of now", claims)
        held = jose.claims_of(read["messages"][0]["receipt"])
        lab.holds("VRM-HOM-026", held == first, "the receipt of then", held)
    thread = Thread(said.mid, person, vendor, said=[said])
    reply = await lab.say(vendor, "terms.reject", {}, thread, iat=now - 600, exp=now + 600)
    later = reply.receipt["iat"] > first["iat"]
    lab.holds("VRM-HOM-014", later, "a later receipt with a later iat", reply.receipt)
