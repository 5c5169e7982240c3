"""Checks of the inbox (home.md): polls, acknowledgements, long polls, full inboxes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from conformance import jose, receipts
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.results import Inconclusive
from conformance.target import Answer
from conformance.wire import MEDIA, post, proffer, speak, together

__all__ = ["REASONS"]

REASONS = (
    "Nein, danke: stra\u00dfe \u00e9 / e\u0301",
    "\u05dc\u05d0 \u05ea\u05d5\u05d3\u05d4 \u202e\u0644\u0627 \u0634\u0643\u0631\u0627",
    "\U0001f697\U0001f1f3\U0001f1f1 \U00020bb7 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u1100\u1161\u11a8 \u0e33 \ufb01 \u212b \u00a0\u2003 \ufeff",
    '<script>&amp; \\u0041 " / \u2028 \u007f \uffff',
)
"""Scripts from right to left, beyond the BMP, decomposed, and what a careless hand would write anew."""


async def _poll(lab: Lab, party: Party, **body: Any) -> dict[str, Any]:
    answer = await lab.talk.poll(party.key, party.id, label=f"{party.name} polls", **body)
    lab.holds("VRM-HOM-019", answer.status == 200, "200", answer.said)
    found: dict[str, Any] = answer.document
    faults = lab.spec.faults("documents/poll.json", found)
    lab.holds("VRM-HOM-019", not faults, "valid against documents/poll.json", faults[:3])
    names = set(found["order"])
    same = names == set(found["sets"]) == set(found["receipts"]) and len(names) == len(found["order"])
    lab.holds("VRM-HOM-019", same, "sets, order and receipts of the same messages", str(found)[:300])
    return found


async def _sent(lab: Lab, vendor: Party, count: int) -> list[Said]:
    """So many proffers of several persons to one vendor, one after the other."""
    people = [lab.person(), lab.person("ES256")]
    return [
        await lab.say(people[n % 2], "terms.proffer", lab.bodies.proffer(), aud=vendor.id)
        for n in range(count)
    ]


@check("VRM-HOM-019", "VRM-HOM-010")
async def a_poll_gives_the_bytes_and_receipts_in_the_order_of_receipt(lab: Lab) -> None:
    """Tokens as they travelled, each with its receipt, by their ids, whatever the alphabet."""
    person, vendor = lab.person("ES256"), await lab.vendor()
    sent: list[Said] = []
    for reason in REASONS:
        thread = await lab.proffered(person, vendor)
        sent.append(await lab.say(vendor, "terms.reject", {"reason": reason}, thread))
    found = await _poll(lab, person)
    order = [said.mid for said in sent]
    lab.holds("VRM-HOM-019", found["order"] == order, "the order of receipt", found["order"])
    lab.holds("VRM-HOM-019", not found["moreAvailable"], "moreAvailable false", found["moreAvailable"])
    for said in sent:
        token, receipt = found["sets"][said.mid], found["receipts"][said.mid]
        lab.holds("VRM-HOM-019", token == said.token, "the bytes that were sent", token)
        claims = receipts.claims(lab.target, receipt)
        lab.holds("VRM-HOM-010", claims == said.receipt, f"the receipt {said.receipt}", claims)
    other = await _poll(lab, vendor)
    names = [said.thid for said in sent]
    lab.holds("VRM-HOM-019", other["order"] == names, "the proffers for the vendor", other["order"])


@check("VRM-HOM-019", "VRM-HOM-022")
async def max_events_bounds_a_poll(lab: Lab) -> None:
    """0 gives none, n at most n, from the front; ``moreAvailable`` says that there are more."""
    vendor = await lab.vendor()
    empty = await _poll(lab, vendor, maxEvents=0)
    lab.holds("VRM-HOM-022", not empty["order"] and not empty["moreAvailable"], "an empty inbox", str(empty))
    order = [said.mid for said in await _sent(lab, vendor, 7)]
    for most in (0, 1, 2, 3, 6, 7, 8, 1000):
        found = await _poll(lab, vendor, maxEvents=most)
        lab.holds("VRM-HOM-022", len(found["order"]) <= most, f"at most {most}", len(found["order"]))
        cut = order[: len(found["order"])]
        lab.holds("VRM-HOM-019", found["order"] == cut, "the first of the inbox, in order", found["order"])
        more = len(found["order"]) < len(order)
        lab.holds("VRM-HOM-019", found["moreAvailable"] == more, f"moreAvailable {more}", str(found)[:300])
        if most:
            lab.holds("VRM-HOM-019", found["order"], "at least one message", found["order"])
    none = await lab.talk.poll(vendor.key, vendor.id, maxEvents=0, returnImmediately=False, limit=8.0)
    lab.holds("VRM-HOM-022", none.status == 200, "200", none.said)
    lab.holds("VRM-HOM-022", none.document["order"] == [], "no message", none.text[:200])


@check("VRM-HOM-019", "VRM-HOM-020")
async def an_inbox_is_read_through_by_acknowledging(lab: Lab) -> None:
    """Page by page, of several sizes: every message once and in order, none lost and none again."""
    for size in (1, 2, 3, 5):
        vendor = await lab.vendor()
        order = [said.mid for said in await _sent(lab, vendor, 7)]
        seen: list[str] = []
        ack: list[str] = []
        for _ in range(20):
            found = await _poll(lab, vendor, maxEvents=size, ack=ack)
            seen += (ack := found["order"])
            if not ack:
                break
        lab.holds("VRM-HOM-020", seen == order, f"all messages once, {size} at a time", f"{seen} of {order}")


@check("VRM-HOM-020", "VRM-HOM-021")
async def a_message_waits_until_it_is_acknowledged(lab: Lab) -> None:
    """In every poll till an ``ack`` names it, of its own addressee; the thread keeps it."""
    vendor, another = await lab.vendor(), await lab.vendor()
    sent = await _sent(lab, vendor, 3)
    first, second, third = (said.mid for said in sent)
    for _ in range(3):
        waiting = (await _poll(lab, vendor))["order"]
        lab.holds("VRM-HOM-020", waiting == [first, second, third], "all three", waiting)
    nothing = jose.digest(b"nothing")
    await _poll(lab, another, ack=[first, second, third])
    await _poll(lab, lab.person(), ack=[first])
    waiting = (await _poll(lab, vendor, ack=[nothing]))["order"]
    kept = waiting == [first, second, third]
    lab.holds("VRM-HOM-020", kept, "all three, whatever others acknowledge", waiting)
    for _ in range(2):  # an ack is carried out first, and again without harm
        waiting = (await _poll(lab, vendor, ack=[second, second, nothing]))["order"]
        lab.holds("VRM-HOM-020", waiting == [first, third], "two after the ack of one", waiting)
    waiting = (await _poll(lab, vendor, maxEvents=0, ack=[first]))["order"]
    lab.holds("VRM-HOM-020", not waiting, "none with maxEvents 0", waiting)
    waiting = (await _poll(lab, vendor))["order"]
    lab.holds("VRM-HOM-020", waiting == [third], "one after the ack of two", waiting)
    await _poll(lab, vendor, ack=[third])
    for said in sent:
        read = await lab.thread(vendor, said.thid)
        tokens = [message.get("token") for message in read["messages"]]
        lab.holds("VRM-HOM-021", tokens == [said.token], "the message, still in its thread", tokens)
        again = await lab.send(said.token, "the same message again")
        lab.holds("VRM-HOM-021", again.answer.status == 200, "200", again.answer.said)
    waiting = (await _poll(lab, vendor))["order"]
    lab.holds("VRM-HOM-021", not waiting, "an inbox that stays empty", waiting)


@check("VRM-HOM-020")
async def what_a_sender_has_sent_is_not_in_its_own_inbox(lab: Lab) -> None:
    """A message goes to the other party, and an ``ack`` before it has come does nothing."""
    person, vendor = lab.person(), await lab.vendor()
    token = proffer(lab, person, vendor)
    mid = jose.mid_of(token)
    await _poll(lab, vendor, ack=[mid])
    said = await lab.send(token, "a proffer")
    lab.taken("VRM-HOM-020", said)
    own, its = (await _poll(lab, person))["order"], (await _poll(lab, vendor))["order"]
    lab.holds("VRM-HOM-020", own == [] and its == [mid], "one message, for the addressee", f"{own} {its}")
    await _poll(lab, person, ack=[mid])
    its = (await _poll(lab, vendor))["order"]
    lab.holds("VRM-HOM-020", its == [mid], "a message that its sender cannot acknowledge", its)


@check("VRM-HOM-023", "VRM-HOM-020")
async def a_waiting_poll_is_answered_when_a_message_arrives(lab: Lab) -> None:
    """Several polls that wait, one with an ``ack``, get the message; others are answered at once."""
    vendor, person = await lab.vendor(), lab.person()
    longest = lab.target.limit("max_wait", 30)
    first = (await _sent(lab, vendor, 1))[0]
    spent = 60.0
    for _ in range(2):
        began = time.monotonic()
        found = await lab.talk.poll(
            vendor.key, vendor.id, returnImmediately=False, label="a poll that may wait"
        )
        spent = min(spent, time.monotonic() - began)
        full = found.status == 200 and found.document["order"] == [first.mid]
        lab.holds("VRM-HOM-020", full, "the message that waits", found.text[:200])
    lab.holds("VRM-HOM-023", spent < 2.5, "no wait for what is there", f"{spent:.1f} s")
    spent = 60.0
    for _ in range(2):
        began = time.monotonic()
        await lab.poll(lab.person())
        spent = min(spent, time.monotonic() - began)
    lab.holds("VRM-HOM-023", spent < 2.5, "no wait with returnImmediately", f"{spent:.1f} s")
    ends: list[tuple[float, Answer]] = []
    empty: list[float] = []

    async def wait(**body: Any) -> None:
        until = time.monotonic() + 6
        answer = Answer(0, {}, b"", 0.0)
        while (asked := time.monotonic()) < until:  # one that ends empty is asked again, as by an agent
            answer = await lab.talk.poll(
                vendor.key,
                vendor.id,
                returnImmediately=False,
                limit=longest + 10,
                label="a waiting poll",
                **body,
            )
            if answer.status != 200 or answer.document["order"]:
                break
            empty.append(time.monotonic() - asked)
            await asyncio.sleep(0.02)
        ends.append((time.monotonic(), answer))

    await _poll(lab, vendor, ack=[first.mid])
    came = 0.0
    mid = ""

    async def arrive() -> None:
        nonlocal came, mid
        await asyncio.sleep(0.8)
        lab.holds("VRM-HOM-023", not ends, "no answer with messages before there are any", len(ends))
        said = await lab.say(person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id)
        came, mid = time.monotonic(), said.mid

    await together([wait(ack=[first.mid]), wait(), wait(), arrive()])
    brief = longest > 1 and len(empty) > 5 and max(empty) < 0.5
    lab.holds(
        "VRM-HOM-023", not brief, f"a wait, of up to {longest} s", f"{len(empty)} empty answers at once"
    )
    for when, answer in ends:
        got = answer.document["order"] if answer.status == 200 else answer.said
        lab.holds("VRM-HOM-023", got == [mid], "the message that has arrived", got)
        late = when - came
        soon = min(4.0, max(1.0, 0.6 * longest))
        lab.holds("VRM-HOM-023", late < soon, "soon after it arrived", f"{late:.1f} s later")


@check("VRM-HOM-023", slow=True, patient=True)
async def a_waiting_poll_ends_empty(lab: Lab) -> None:
    """After at most ``limits.max_wait`` seconds, with an empty answer."""
    longest = lab.target.limit("max_wait", 30)
    if longest > 90:
        raise Inconclusive(f"a poll may wait for {longest} s", "a small max_wait")
    vendor = await lab.vendor()
    began = time.monotonic()
    answer = await lab.talk.poll(vendor.key, vendor.id, returnImmediately=False, limit=longest + 8.0)
    spent = time.monotonic() - began
    lab.holds("VRM-HOM-023", answer.status == 200, "200", answer.said)
    lab.holds("VRM-HOM-023", answer.document["order"] == [], "an empty answer", answer.text[:200])
    lab.holds("VRM-HOM-023", spent < longest + 3, f"an answer after {longest} s", f"{spent:.1f} s")


@check("VRM-HOM-024", "VRM-THR-023")
async def a_full_inbox_takes_exits_and_nothing_else(lab: Lab) -> None:
    """``inbox-full`` after the guards; an exit is taken; after an ``ack`` there is room again."""
    most = lab.target.limit("inbox", 1 << 30)
    if most > 1000:
        raise Inconclusive(f"an inbox holds {most} messages", "a small inbox")
    person, vendor = lab.person(), await lab.vendor()
    leaving = await lab.agreed(lab.person(), vendor)
    answering = await lab.proffered(person, vendor)
    waiting = await _count(lab, vendor)

    async def fill() -> None:
        said = await lab.attempt(person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id)
        lab.holds("VRM-HOM-024", said.answer.status == 202, f"room for {most} messages", said.answer.said)

    await together(fill() for _ in range(most - waiting))
    full = await _count(lab, vendor)
    lab.holds("VRM-HOM-024", full == most, f"room for {most} messages", full)
    token = proffer(lab, person, vendor)
    # bare, since a client that waits and tries again would try for seconds
    answer = await speak(lab, "a message too many", post(lab, token.encode()))
    lab.refused("VRM-HOM-024", answer, "inbox-full")
    wrong = proffer(lab, person, vendor, body=lab.bodies.proffer(answer_by=lab.bodies.at(-60)))
    answer = await lab.talk.send(wrong.encode(), "a message too many that a guard refuses")
    lab.refused("VRM-HOM-024", answer, "deadline-invalid")
    withdrawal = jose.token(
        person.key,
        lab.claims(person, "terms.withdraw", vendor.id, {}, thid=answering.thid, prev=answering.head),
    )
    answer = await speak(lab, "a withdrawal, which is no exit", post(lab, withdrawal.encode()))
    lab.refused("VRM-HOM-024", answer, "inbox-full")
    state = await lab.state(person, answering.thid)
    lab.holds("VRM-HOM-024", state == "proffered", "a thread that was not changed", state)
    said = await lab.attempt(leaving.first, "agreement.terminate", {}, leaving)
    lab.holds("VRM-THR-023", said.answer.status == 202, "202 to an exit", said.answer.said)
    still = await _count(lab, vendor)
    lab.holds("VRM-HOM-024", still == most + 1, f"{most + 1} messages", still)
    there = await lab.inbox(vendor)
    acked = there[:2]
    await _poll(lab, vendor, ack=acked, maxEvents=0)
    answer = await lab.talk.request(
        "POST", lab.target.endpoint("messages"), headers=MEDIA, data=token.encode(), label="after an ack"
    )
    lab.holds("VRM-HOM-024", answer.status == 202, "202 after an ack", answer.said)


async def _count(lab: Lab, party: Party) -> int:
    """How many messages wait; a home may give fewer at once, then ``moreAvailable`` says so."""
    found = await lab.poll(party, maxEvents=1000)
    if found["moreAvailable"] and len(found["order"]) < 1000:
        raise Inconclusive("an inbox is not shown at once")
    return len(found["order"]) + (1 if found["moreAvailable"] else 0)


@check("VRM-HOM-024", profile="intent")
async def a_full_inbox_takes_what_is_owed(lab: Lab) -> None:
    """The attestation of a purge, a duty of the vendor, is taken for a full inbox; a word is not."""
    most = lab.target.limit("inbox", 1 << 30)
    if most > 1000:
        raise Inconclusive(f"an inbox holds {most} messages", "a small inbox")
    person, vendor = lab.person(), await lab.vendor()
    intent = await lab.published(person)
    over, running = await lab.offered(intent, vendor), await lab.offered(intent, vendor)
    await lab.say(vendor, "offer.withdraw", {}, over)
    waiting = await _count(lab, person)
    await together(
        lab.say(vendor, "offer.message", {"text": "still there"}, running) for _ in range(most - waiting)
    )
    claims = lab.claims(
        vendor, "offer.message", person.id, {"text": "a"}, thid=running.thid, prev=running.head
    )
    answer = await speak(lab, "a word too many", post(lab, jose.token(vendor.key, claims).encode()))
    lab.refused("VRM-HOM-024", answer, "inbox-full")
    body = {"erased_at": lab.bodies.at(-1), "kept": []}
    said = await lab.attempt(vendor, "purge.attest", body, over)
    lab.holds("VRM-HOM-024", said.answer.status == 202, "202 to a duty", said.answer.said)
    still = await _count(lab, person)
    lab.holds("VRM-HOM-024", still >= most, f"{most} messages at least", still)


async def _room(lab: Lab, vendor: Party, right: int) -> None:
    """So many messages more are taken, and the next one is not."""
    for n in range(right):
        answer = await speak(lab, "a message", post(lab, proffer(lab, lab.person(), vendor).encode()))
        lab.holds("VRM-HOM-024", answer.status == 202, f"room for {right - n} more", answer.said)
    answer = await speak(lab, "a message too many", post(lab, proffer(lab, lab.person(), vendor).encode()))
    lab.refused("VRM-HOM-024", answer, "inbox-full")


@check("VRM-HOM-024", profile="intent", alone=True)
async def what_is_erased_makes_room(lab: Lab) -> None:
    """What a purge takes out of an inbox counts no more: as many others are taken, and not one more."""
    most = lab.target.limit("inbox", 1 << 30)
    if most > 1000:
        raise Inconclusive(f"an inbox holds {most} messages", "a small inbox")
    person, vendor = lab.person(), await lab.vendor()
    offer = await lab.offered(await lab.published(person), vendor)
    for text in ("one", "two"):
        await lab.say(person, "offer.message", {"text": text}, offer)
    await lab.say(person, "offer.decline", {}, offer)
    gone = await _count(lab, vendor)
    await together(lab.proffered(lab.person(), vendor) for _ in range(most - gone))
    await _room(lab, vendor, 0)
    await lab.say(vendor, "purge.attest", {"erased_at": lab.bodies.at(0), "kept": []}, offer)
    left = await _count(lab, vendor)
    await _room(lab, vendor, most - left)


@check("VRM-HOM-024", profile="intent", alone=True)
async def an_inbox_that_another_key_takes_over_is_counted(lab: Lab) -> None:
    """What waits for an identifier waits for its successor; both inboxes take what there is room for."""
    most = lab.target.limit("inbox", 1 << 30)
    if most > 1000:
        raise Inconclusive(f"an inbox holds {most} messages", "a small inbox")
    if "agent.rotate" not in lab.target.discovery.get("types", ()):
        raise Inconclusive("the home takes no rotations")
    old, new, vendor, other = lab.person(), lab.person(), await lab.vendor(), await lab.vendor()
    await lab.agreed(new, other)
    thread = await lab.agreed(old, vendor)
    offer, beside = [await lab.offered(await lab.published(old), one) for one in (vendor, other)]

    async def words(by: Party, to: Party, in_: Thread, count: int) -> str:
        last = ""
        claims = {"thid": in_.thid, "prev": in_.said[0].mid}
        for n in range(count):
            body = {"text": f"{n}"}
            token = jose.token(by.key, lab.claims(by, "offer.message", to.id, body, **claims))
            answer = await speak(lab, "a word", post(lab, token.encode()))
            got = f"{n} of {count}: {answer.said}"
            lab.holds("VRM-HOM-024", answer.status == 202, "room for a word", got)
            last = jose.mid_of(token)
        token = jose.token(by.key, lab.claims(by, "offer.message", to.id, {"text": "."}, **claims))
        answer = await speak(lab, "a word too many", post(lab, token.encode()))
        lab.refused("VRM-HOM-024", answer, "inbox-full")
        return last

    await words(vendor, old, offer, most - await _count(lab, old))
    body = {"replaces": old.id, "proof": lab.proof(old, new, vendor.id, thread.thid)}
    await lab.say(new, "agent.rotate", body, thread, aud=vendor.id)
    await words(vendor, new, offer, max(0, most - await _count(lab, new)))
    await words(other, old, beside, most - await _count(lab, old))
    old, new = lab.person(), lab.person()
    await lab.agreed(new, other)
    intent = await lab.published(old)
    offer, beside = await lab.offered(intent, vendor), await lab.offered(intent, other)
    await lab.accepted(offer)
    last = await words(vendor, old, offer, most - await _count(lab, old))
    body = {"id": new.id, "proof": lab.proof(new, old, vendor.id, offer.thid)}
    claims = lab.claims(old, "agent.introduce", vendor.id, body, thid=offer.thid, prev=last)
    answer = await speak(lab, "an introduction", post(lab, jose.token(old.key, claims).encode()))
    lab.holds("VRM-HOM-024", answer.status == 202, "an introduction taken", answer.said)
    await words(vendor, new, offer, max(0, most - await _count(lab, new)))
    await words(other, old, beside, most - await _count(lab, old))
