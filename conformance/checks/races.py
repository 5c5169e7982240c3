"""Checks of what happens at once: many equal messages, and messages that exclude each other."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance import jose
from conformance.checks.threads import checkpoint
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.wire import proffer, together

__all__: list[str] = []

TRIES = 20


async def _race(lab: Lab, thread: Thread, *runners: tuple[Party, str, Any]) -> tuple[list[Said], list[Said]]:
    """Send messages at the same moment; who was taken and who was not."""
    prev = thread.head
    tokens = [
        jose.token(
            party.key,
            lab.claims(party, type_, thread.other(party), body, thid=thread.thid, prev=prev),
        )
        for party, type_, body in runners
    ]
    lab.rng.shuffle(tokens)
    said = await asyncio.gather(*(lab.talk.send(t.encode(), "two at once") for t in tokens))
    both = [Said(t, a, jose.mid_of(t), thread.thid) for t, a in zip(tokens, said, strict=True)]
    return [s for s in both if s.answer.status == 202], [s for s in both if s.answer.status != 202]


async def _one_wins(
    lab: Lab, thread: Thread, reader: Party, states: tuple[str, ...], *runners: tuple[Party, str, Any]
) -> None:
    before = len(thread.said)
    won, lost = await _race(lab, thread, *runners)
    codes = [said.answer.said for said in (*won, *lost)]
    lab.holds("VRM-THR-015", len(won) == 1, "exactly one taken", codes)
    for said in lost:
        lab.refused("VRM-THR-015", said, "state-conflict")
    read = await lab.thread(reader, thread.thid)
    tokens = [message["token"] for message in read["messages"]]
    right = [*(said.token for said in thread.said), won[0].token]
    lab.holds("VRM-THR-015", tokens == right, f"{before} messages and the one taken", len(tokens))
    receipt = jose.claims_of(won[0].answer.text)
    lab.holds("VRM-THR-015", receipt["state"] in states, f"one of {states}", receipt)
    lab.holds("VRM-THR-015", receipt["seq"] == before + 1, f"seq {before + 1}", receipt["seq"])
    checkpoint(lab, read, reader, receipt, receipt["state"])
    type_ = jose.claims_of(won[0].token)["type"]
    expected = {"terms.accept": "agreed", "terms.withdraw": "withdrawn", "terms.reject": "rejected"}
    state = expected.get(type_, "countered")
    lab.holds("VRM-THR-015", receipt["state"] == state, f"{state} by {type_}", receipt["state"])


@check("VRM-THR-015")
async def of_two_messages_that_exclude_each_other_one_is_taken(lab: Lab) -> None:
    """Acceptance against withdrawal, acceptance and rejection, twenty times each; two alternatives."""
    bodies = lab.bodies

    async def once(kind: int) -> None:
        person, vendor = lab.person(), await lab.vendor()
        thread = await lab.proffered(person, vendor)
        accept = bodies.accept(thread.thid)
        if kind == 0:
            runners = [(vendor, "terms.accept", accept), (person, "terms.withdraw", {})]
        elif kind == 1:
            runners = [(vendor, "terms.accept", accept), (vendor, "terms.accept", {**accept, "place": "DE"})]
        elif kind == 2:
            runners = [(vendor, "terms.accept", accept), (vendor, "terms.reject", {})]
        else:
            runners = [
                (vendor, "terms.alternative", bodies.alternative(thread.thid)),
                (vendor, "terms.alternative", bodies.alternative(thread.thid, "SD-BASE-AT")),
            ]
        await _one_wins(lab, thread, person, ("agreed", "withdrawn", "rejected", "countered"), *runners)

    kinds = [kind for n in range(TRIES) for kind in range(4 if n < TRIES // 4 else 3)]
    await together(once(kind) for kind in kinds)


@check("VRM-THR-015")
async def of_two_changes_of_key_at_once_one_is_taken(lab: Lab) -> None:
    """Both are proven by the old key; after one of them the other is a stranger's."""
    vendor = await lab.vendor()
    for _ in range(6):
        thread = await lab.agreed(lab.person(), vendor)
        old, new = thread.first, [lab.person(), lab.person("ES256"), lab.person()]
        tokens = [
            jose.token(
                one.key,
                lab.claims(
                    one,
                    "agent.rotate",
                    vendor.id,
                    {"replaces": old.id, "proof": lab.proof(old, one, vendor.id, thread.thid)},
                    thid=thread.thid,
                    prev=thread.head,
                ),
            )
            for one in new
        ]
        answers = await asyncio.gather(*(lab.talk.send(t.encode(), "a change of key") for t in tokens))
        told = sorted(answer.said for answer in answers)
        right = ["202", "404 thread-unknown", "404 thread-unknown"]
        lab.holds("VRM-THR-015", told == right, "one taken, the others a stranger's", told)
        reads = [await lab.get(one, lab.thread_url(thread.thid)) for one in new]
        seen = [a.status == 200 for a in reads]
        lab.holds("VRM-THR-015", seen == [a.status == 202 for a in answers], "one new party", seen)


@check("VRM-ENV-022", "VRM-ENV-023")
async def many_equal_messages_at_once_are_one(lab: Lab) -> None:
    """One 202 and for the others 200, all with one receipt; one message in thread, inbox and list."""
    for _ in range(4):
        person, vendor = lab.person("ES256"), await lab.vendor()
        token = proffer(lab, person, vendor)
        answers = await asyncio.gather(
            *(lab.talk.send(token.encode(), "the same message") for _ in range(12))
        )
        told = sorted(answer.said for answer in answers)
        lab.holds("VRM-ENV-022", told == ["200"] * 11 + ["202"], "one 202 and eleven 200", told)
        texts = {answer.text for answer in answers}
        lab.holds("VRM-ENV-022", len(texts) == 1, "one receipt", len(texts))
        mid = jose.mid_of(token)
        waiting = await lab.inbox(vendor)
        lab.holds("VRM-ENV-023", waiting == [mid], "one message in the inbox", waiting)
        read = await lab.thread(person, mid)
        lab.holds(
            "VRM-ENV-023", len(read["messages"]) == 1, "one message in the thread", len(read["messages"])
        )
        listed = (await lab.get(vendor, lab.target.endpoint("threads"))).document["threads"]
        lab.holds("VRM-ENV-023", [e["thid"] for e in listed] == [mid], "one thread in the list", listed)


@check("VRM-HOM-011", "VRM-HOM-012", "VRM-HOM-019")
async def what_comes_at_once_is_put_in_one_order(lab: Lab) -> None:
    """Many threads of one pair and of many pairs at once: numbers without gaps, an inbox that has all."""
    person, vendor = lab.person(), await lab.vendor()
    threads = await asyncio.gather(
        *(lab.proffered(person if n % 2 else lab.person(), vendor) for n in range(16))
    )
    waiting = await lab.inbox(vendor)
    mids = {thread.thid for thread in threads}
    lab.holds("VRM-HOM-019", set(waiting) == mids and len(waiting) == 16, "sixteen messages", len(waiting))
    again = await lab.inbox(vendor)
    lab.holds("VRM-HOM-019", again == waiting, "the same order again", again)
    answers = await asyncio.gather(
        *(
            lab.attempt(vendor, "terms.alternative", lab.bodies.alternative(thread.thid), thread)
            for thread in threads
        )
    )
    for thread, said in zip(threads, answers, strict=True):
        lab.holds("VRM-HOM-011", said.receipt.get("seq") == 2, "seq 2", said.receipt or said.answer.said)
        lab.holds("VRM-HOM-012", said.receipt["prior"] == thread.thid, f"prior {thread.thid}", said.receipt)


@check("VRM-TRM-011", profile="terms")
async def of_two_agreements_made_at_once_one_is_in_force(lab: Lab) -> None:
    """Two threads of one pair and class are accepted in the same moment."""
    vendor = await lab.vendor()
    for _ in range(8):
        person = lab.person()
        threads = [await lab.proffered(person, vendor) for _ in range(3)]
        said = await asyncio.gather(
            *(lab.attempt(vendor, "terms.accept", lab.bodies.accept(t.thid), t) for t in threads)
        )
        told = [one.answer.said for one in said]
        lab.holds("VRM-TRM-011", told == ["202"] * 3, "three acceptances taken", told)
        states = sorted([await lab.state(person, thread.thid) for thread in threads])
        right = ["agreed", "superseded", "superseded"]
        lab.holds("VRM-TRM-011", states == right, "one agreement in force", states)
