"""What the terms flow does not allow: every cell without a row, the guards, prev, repeats, races."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests import forge
from tests.scenarios.deal import Deal, alternative, meet, turn_to
from tests.world import Party, Reply, acceptance, agreement, proffer, running
from vrmproto import envelope, keys, timing

DAY = 86400
ENDS = 40 * DAY
NONSENSE = "A" * 43
STATUS = {"role-forbidden": 403, "state-conflict": 409, "deadline-passed": 409}

# --- the table of threads.md, cell by cell -------------------------------------------------------
#
# Written from the prose of terms.md and threads.md, not computed from threads.json. "take" has a row.
# role: only the other party has a row in this state (VRM-THR-004).   conflict: neither has (VRM-THR-005).
# late: there was a row in a state that nothing but a deadline has left since the last message (VRM-THR-006).

CODES = {"role": "role-forbidden", "conflict": "state-conflict", "late": "deadline-passed", "take": ""}
COLUMNS = (
    "terms.proffer terms.accept terms.alternative terms.reject terms.withdraw "
    "agent.rotate agreement.terminate"
)
GRID = """
proffered            first   conflict  role      role      role      take      conflict  conflict
proffered            second  conflict  take      take      take      role      conflict  conflict
countered            first   conflict  take      conflict  take      take      conflict  conflict
countered            second  conflict  role      conflict  role      role      conflict  conflict
agreed               first   conflict  conflict  conflict  conflict  conflict  take      take
agreed               second  conflict  conflict  conflict  conflict  conflict  role      take
rejected             first   conflict  conflict  conflict  conflict  conflict  conflict  conflict
rejected             second  conflict  conflict  conflict  conflict  conflict  conflict  conflict
rejected-alternative first   conflict  conflict  conflict  conflict  conflict  conflict  conflict
rejected-alternative second  conflict  conflict  conflict  conflict  conflict  conflict  conflict
withdrawn            first   conflict  conflict  conflict  conflict  conflict  conflict  conflict
withdrawn            second  conflict  conflict  conflict  conflict  conflict  conflict  conflict
expired              first   conflict  conflict  conflict  conflict  late      conflict  conflict
expired              second  conflict  late      late      late      conflict  conflict  conflict
expired-alternative  first   conflict  late      conflict  late      late      conflict  conflict
expired-alternative  second  conflict  conflict  conflict  conflict  conflict  conflict  conflict
terminated           first   conflict  conflict  conflict  conflict  conflict  conflict  conflict
terminated           second  conflict  conflict  conflict  conflict  conflict  conflict  conflict
ended                first   conflict  conflict  conflict  conflict  conflict  late      late
ended                second  conflict  conflict  conflict  conflict  conflict  conflict  late
superseded           first   conflict  conflict  conflict  conflict  conflict  conflict  conflict
superseded           second  conflict  conflict  conflict  conflict  conflict  conflict  conflict
"""
CELLS = {
    (state, role): dict(zip(COLUMNS.split(), map(CODES.get, cells), strict=True))
    for state, role, *cells in map(str.split, GRID.strip().splitlines())
}


async def bring(deal: Deal, state: str) -> None:
    """Bring a new thread into a state of the grid."""
    start = int(deal.w.clock())
    await deal.proffer("SD-BASE-DP", "SD-BASE", ends=timing.text(start + ENDS))
    if state in ("countered", "rejected-alternative", "expired-alternative"):
        await deal.counter()
    if state in ("agreed", "terminated", "ended", "superseded"):
        await deal.accept()
    if state == "rejected":
        await deal.end(deal.second, "terms.reject")
    elif state == "rejected-alternative":
        await deal.end(deal.first, "terms.reject")
    elif state == "withdrawn":
        await deal.end(deal.first, "terms.withdraw")
    elif state == "terminated":
        await deal.end(deal.first, "agreement.terminate")
    elif state == "superseded":
        later = Deal(deal.w, deal.first, deal.second)
        await later.proffer("SD-BASE-A")
        await later.accept("SD-BASE-A")
    elif state.startswith("expired"):
        turn_to(deal.w, start + DAY)
    elif state == "ended":
        turn_to(deal.w, start + ENDS)


def body_of(deal: Deal, sender: Party, type_: str) -> dict[str, Any]:
    """A body that is valid by its schema and right wherever it can be."""
    clock = deal.w.clock
    on_offer = "SD-BASE-A" if len(deal.mids) > 1 and not deal.record else "SD-BASE-DP"
    bodies: dict[str, dict[str, Any]] = {
        "terms.proffer": proffer(clock),
        "terms.accept": acceptance(deal.mids[min(1, len(deal.mids) - 1)], on_offer),
        "terms.alternative": alternative(clock, deal.thid, "SD-BASE-AT"),
        "agent.rotate": {"replaces": sender.id},
    }
    return bodies.get(type_, {})


def rotation_proof(deal: Deal, old: Party, new: Party) -> str:
    claims = {"iss": old.id, "sub": new.id, "aud": deal.second.id, "home": deal.w.origin}
    return old.sign({**claims, "thid": deal.thid, "iat": int(deal.w.clock())}, envelope.PROOF)


async def traces(deal: Deal) -> tuple[Any, ...]:
    """Everything that a message into the thread would change."""
    told = await deal.checkpoint(deal.first)
    boxes = [(await p.poll(maxEvents=1000)).document["order"] for p in (deal.first, deal.second)]
    lists = [await deal.listed(p) for p in (deal.first, deal.second)]
    return told["seq"], told["mid"], told["state"], boxes, lists


@pytest.mark.parametrize("state", list(dict.fromkeys(state for state, _ in CELLS)))
async def test_a_cell_without_a_row_is_refused_and_leaves_nothing(state):
    async with running() as w:
        deal = await meet(w, domain=False)
        await bring(deal, state)
        assert (await deal.checkpoint(deal.first))["state"] == state.partition("-")[0]
        before = await traces(deal)
        for role, sender in (("first", deal.first), ("second", deal.second)):
            for type_, code in CELLS[state, role].items():
                if not code:
                    continue
                signer = w.person() if type_ == "agent.rotate" else sender
                body = body_of(deal, sender, type_)
                if signer is not sender:  # else it would be a stranger's, and thread-unknown before any row
                    body["proof"] = rotation_proof(deal, sender, signer)
                claims = signer.claims(type_, body, deal.other(sender).id, thid=deal.thid, prev=deal.head)
                token = signer.sign(claims)
                reply = await w.post(token)
                assert (type_, role, reply.status, reply.code) == (type_, role, STATUS[code], code)
                for reader in (deal.first, deal.second):
                    mid = envelope.mid_of(token)
                    assert (await reader.read(f"/v1/records/{mid}")).status == 404
                    assert (await reader.read(f"/v1/threads/{mid}")).status == 404
        assert await traces(deal) == before


@pytest.mark.parametrize(
    ("state", "role", "type_"),
    [(s, r, t) for (s, r), cells in CELLS.items() for t, code in cells.items() if not code],
)
async def test_a_cell_with_a_row_is_taken(state, role, type_):
    """The other half of the grid: so that what is refused is refused for its place alone."""
    async with running() as w:
        deal = await meet(w, domain=False)
        await bring(deal, state)
        sender = deal.first if role == "first" else deal.second
        if type_ == "agent.rotate":
            new = w.person()
            body = {"replaces": deal.first.id, "proof": rotation_proof(deal, deal.first, new)}
            reply = await new.send(type_, body, deal.second.id, thid=deal.thid, prev=deal.head)
        else:
            reply = await deal.say(sender, type_, body_of(deal, sender, type_))
        assert reply.status == 202, reply.document
        assert reply.document["seq"] == len(deal.mids) + 1


# --- openings and types --------------------------------------------------------------------------


@pytest.mark.parametrize("type_", COLUMNS.split()[1:])
async def test_nothing_but_a_proffer_opens_a_thread(type_):
    async with running() as w:
        p, o = w.person(), await w.organisation()
        bodies = {
            "terms.accept": acceptance(NONSENSE),
            "terms.alternative": alternative(w.clock, NONSENSE),
            "agent.rotate": {"replaces": w.person().id},
        }
        reply = await p.send(type_, bodies.get(type_, {}), o.id)
        assert (reply.status, reply.code) == (400, "thread-missing")
        assert (await p.read("/v1/threads")).document["threads"] == []


@pytest.mark.parametrize("inside", [False, True], ids=["as an opening", "in a thread"])
async def test_exit_without_the_home_is_another_profile(inside):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        before = await traces(deal)
        body = {"right": "exit", "scope": "all"}
        claims: dict[str, Any] = {"agr": deal.record}
        if inside:
            claims |= {"thid": deal.thid, "prev": deal.head}
        reply = await deal.first.send("rights.request", body, deal.second.id, **claims)
        assert (reply.status, reply.code) == (400, "type-unknown")
        assert reply.document["requirement"] == "VRM-ENV-034"
        assert await traces(deal) == before


async def test_an_organisation_opens_nothing():
    async with running() as w:
        person, shop, other = w.person(), await w.organisation(), await w.organisation()
        await person.announce()
        for addressee in (person, other):
            reply = await shop.send("terms.proffer", proffer(w.clock), addressee.id)
            assert (reply.status, reply.code) == (403, "person-required")
            assert reply.document["requirement"] == "VRM-THR-024"
            assert (await addressee.poll()).document["order"] == []
        assert (await shop.read("/v1/threads")).document["threads"] == []


async def test_a_stranger_cannot_tell_a_thread_from_none():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        stranger = w.person()
        await stranger.announce()
        answers = []
        for thid, prev in ((deal.thid, deal.head), (NONSENSE, NONSENSE)):
            for aud in (deal.second.id, deal.first.id):
                for type_, body in (("terms.withdraw", {}), ("terms.proffer", proffer(w.clock))):
                    reply = await stranger.send(type_, body, aud, thid=thid, prev=prev)
                    answers.append((reply.status, reply.body))
        assert answers[0][0] == 404
        assert len(set(answers)) == 1


async def test_the_addressee_is_the_other_party():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        bystander = await w.organisation()
        for sender in (deal.first, deal.second):
            reply = await sender.send("terms.withdraw", {}, bystander.id, thid=deal.thid, prev=deal.head)
            assert (reply.status, reply.code) == (400, "aud-mismatch")
        assert (await bystander.poll()).document["order"] == []


@pytest.mark.parametrize("claim", ["pthid", "agr"])
async def test_a_claim_that_the_row_does_not_need_is_not_allowed(claim):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        before = await traces(deal)
        unknown = "parent-unknown" if claim == "pthid" else "agreement-unknown"
        # a thread of terms may be the parent of nothing, so it is as unknown there as one that is not
        needless = unknown if claim == "pthid" else "claim-unknown"
        own = deal.thid if claim == "pthid" else deal.record
        for named, code in ((NONSENSE, unknown), (own, needless)):
            opening = await deal.first.send(
                "terms.proffer", proffer(w.clock), deal.second.id, **{claim: named}
            )
            inside = await deal.say(deal.first, "agreement.terminate", {}, **{claim: named})
            assert (opening.code, inside.code) == (code, code)
        assert await traces(deal) == before


# --- guards --------------------------------------------------------------------------------------


def wrong_digest(name: str) -> dict[str, str]:
    return {**agreement(name), "digest": agreement("PDC-AI")["digest"]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda b: {"roster": {"id": "another-roster", "version": "1.0"}}, "roster-unknown"),
        (lambda b: {"roster": {**b["roster"], "version": "9.9"}}, "roster-unknown"),
        (lambda b: {"preferred": {**b["preferred"], "id": "SD-NEW"}}, "roster-unknown"),
        (lambda b: {"preferred": {**b["preferred"], "version": "9.9"}}, "roster-unknown"),
        (lambda b: {"acceptable": [{**b["preferred"], "id": "SD-NEW"}]}, "roster-unknown"),
        (lambda b: {"preferred": wrong_digest("SD-BASE-DP")}, "agreement-mismatch"),
        (lambda b: {"acceptable": [agreement("SD-BASE"), wrong_digest("SD-BASE-A")]}, "agreement-mismatch"),
        (lambda b: {}, ""),
        (lambda b: {"acceptable": [agreement("SD-BASE"), agreement("PDC-AI")]}, ""),
    ],
)  # fmt: skip
async def test_what_a_proffer_names_is_of_the_roster(change, code):
    async with running() as w:
        deal = await meet(w)
        body = proffer(w.clock)
        reply = await deal.first.send("terms.proffer", body | change(body), deal.second.id)
        assert (reply.status, reply.code) == ((422, code) if code else (202, ""))


@pytest.mark.parametrize(
    ("answer_by", "ends", "code"),
    [
        (-1, None, "deadline-invalid"),
        (0, None, "deadline-invalid"),
        (2, None, ""),
        (30 * DAY - 3, None, ""),
        (30 * DAY + 3, None, "deadline-invalid"),
        (400 * DAY, None, "deadline-invalid"),
        (100, 99, "deadline-invalid"),
        (100, 100, "deadline-invalid"),
        (100, 101, ""),
        (100, -5, "deadline-invalid"),
        (100, 9000 * DAY, ""),
    ],
)
@pytest.mark.parametrize("by", ["proffer", "alternative"])
async def test_deadlines_lie_ahead(by, answer_by, ends, code):
    async with running() as w:
        deal = await meet(w)
        if by == "alternative":
            await deal.proffer()
        turn_to(w, int(w.clock()) + 1)
        now = int(w.clock())
        times = {"answer_by": timing.text(now + answer_by)}
        if ends is not None:
            times["ends"] = timing.text(now + ends)
        if by == "alternative":
            reply = await deal.say(deal.second, "terms.alternative", alternative(w.clock, deal.thid) | times)
        else:
            reply = await deal.first.send("terms.proffer", proffer(w.clock) | times, deal.second.id)
        assert (reply.status, reply.code) == ((422, code) if code else (202, ""))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: {"accepts": NONSENSE}, "terms-not-offered"),
        (lambda d: {"agreement": agreement("SD-BASE-A")}, "terms-not-offered"),
        (lambda d: {"agreement": {**agreement("SD-BASE-DP"), "version": "1.1"}}, "terms-not-offered"),
        (lambda d: {"agreement": wrong_digest("SD-BASE-DP")}, "terms-not-offered"),
        (lambda d: {"agreement": {**agreement("SD-BASE"), "id": "SD-BASE-DP"}}, "terms-not-offered"),
        (lambda d: {"agreement": agreement("SD-BASE")}, ""),
        (lambda d: {}, ""),
    ],
)  # fmt: skip
async def test_an_organisation_accepts_what_was_offered(change, code):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer("SD-BASE-DP", "SD-BASE")
        before = await traces(deal)
        reply = await deal.say(deal.second, "terms.accept", acceptance(deal.thid) | change(deal))
        assert (reply.status, reply.code) == ((422, code) if code else (202, ""))
        if code:
            assert await traces(deal) == before
            await deal.accept()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: {"accepts": d.thid}, "terms-not-offered"),
        (lambda d: {"accepts": d.thid, "agreement": agreement("SD-BASE-DP")}, "terms-not-offered"),
        (lambda d: {"agreement": agreement("SD-BASE-DP")}, "terms-not-offered"),
        (lambda d: {"agreement": agreement("SD-BASE")}, "terms-not-offered"),
        (lambda d: {"agreement": wrong_digest("SD-BASE-A")}, "terms-not-offered"),
        (lambda d: {}, ""),
    ],
)
async def test_a_person_accepts_the_alternative_and_nothing_older(change, code):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer("SD-BASE-DP", "SD-BASE")
        await deal.counter("SD-BASE-A")
        reply = await deal.say(deal.first, "terms.accept", acceptance(deal.head, "SD-BASE-A") | change(deal))
        assert (reply.status, reply.code) == ((422, code) if code else (202, ""))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: {"agreement": agreement("SD-BASE-DP")}, "alternative-not-new"),
        (lambda d: {"agreement": agreement("SD-BASE")}, "alternative-not-new"),
        (lambda d: {"alternative_to": NONSENSE}, "alternative-not-new"),
        (lambda d: {"agreement": {**agreement("SD-BASE-A"), "id": "SD-NEW"}}, "roster-unknown"),
        (lambda d: {"agreement": {**agreement("SD-BASE-A"), "version": "2.0"}}, "roster-unknown"),
        (lambda d: {"agreement": wrong_digest("SD-BASE-A")}, "agreement-mismatch"),
        (lambda d: {}, ""),
    ],
)
async def test_an_alternative_is_another_agreement_of_the_roster(change, code):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer("SD-BASE-DP", "SD-BASE")
        body = alternative(w.clock, deal.thid) | change(deal)
        reply = await deal.say(deal.second, "terms.alternative", body)
        assert (reply.status, reply.code) == ((422, code) if code else (202, ""))


async def test_guards_are_looked_at_in_the_order_of_the_row():
    """proffer: person, roster, deadline. alternative: roster, newness, deadline."""
    async with running() as w:
        deal = await meet(w)
        past = {"answer_by": timing.text(int(w.clock()) - 5)}
        unheld = {"roster": {"id": "another-roster", "version": "1.0"}}
        bad = proffer(w.clock) | past | unheld
        await deal.first.announce()
        assert (await deal.second.send("terms.proffer", bad, deal.first.id)).code == "person-required"
        assert (await deal.first.send("terms.proffer", bad, deal.second.id)).code == "roster-unknown"
        assert (
            await deal.first.send("terms.proffer", proffer(w.clock) | past, deal.second.id)
        ).code == "deadline-invalid"
        await deal.proffer()
        listed = alternative(w.clock, deal.thid, "SD-BASE-DP") | past
        assert (await deal.say(deal.second, "terms.alternative", listed)).code == "alternative-not-new"


# --- prev ----------------------------------------------------------------------------------------


async def test_a_prev_that_is_no_message_of_the_thread():
    async with running() as w:
        deal, other = await meet(w), await meet(w)
        await other.proffer()
        await deal.proffer()
        for prev in (NONSENSE, other.head):
            for sender, type_ in ((deal.second, "terms.accept"), (deal.second, "terms.reject"),
                                  (deal.first, "terms.withdraw")):  # fmt: skip
                body = acceptance(deal.thid) if type_ == "terms.accept" else {}
                reply = await deal.say(sender, type_, body, prev=prev)
                assert (reply.status, reply.code) == (409, "prev-unknown")
        assert (await deal.checkpoint(deal.first))["seq"] == 1


async def test_an_acceptance_of_what_has_moved_on_is_told_the_head():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.counter()
        reply = await deal.say(deal.first, "terms.accept", acceptance(deal.head, "SD-BASE-A"), prev=deal.thid)
        assert (reply.status, reply.code) == (409, "prev-stale")
        assert (reply.document["head"], reply.document["seq"]) == (deal.head, 2)
        await deal.accept("SD-BASE-A")


@pytest.mark.parametrize(("by", "type_"), [("first", "terms.reject"), ("first", "terms.withdraw")])
async def test_rows_without_the_head_rule_take_an_older_prev(by, type_):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.counter()
        reply = deal.note(await deal.say(deal.first, type_, {}, prev=deal.thid))
        assert reply.document["prior"] == deal.mids[1]


# --- repeats -------------------------------------------------------------------------------------


async def test_a_repeated_message_gets_the_same_receipt_and_has_one_effect():
    async with running() as w:
        deal = await meet(w)
        month = timing.text(int(w.clock()) + 29 * DAY)
        for sender in (deal.first, deal.second):
            receipt = await (deal.proffer(answer_by=month) if sender is deal.first else deal.accept())
            token = sender.tokens[-1]
            for forward in (0, 10, 700, 3 * DAY):  # exp lies 600 seconds ahead
                w.clock.forward(forward)
                again = await w.post(token)
                assert (again.status, again.body) == (200, receipt.body)
        reply = await deal.first.poll()
        assert reply.document["order"] == [deal.mids[1]]
        assert (await deal.second.poll()).document["order"] == [deal.mids[0]]
        assert (await deal.checkpoint(deal.first))["seq"] == 2


async def test_a_repeat_after_the_thread_has_gone_on_is_still_a_repeat():
    async with running() as w:
        deal = await meet(w)
        opened = await deal.proffer()
        await deal.accept()
        await deal.end(deal.first, "agreement.terminate")
        again = await w.post(deal.first.tokens[0])
        assert (again.status, again.body) == (200, opened.body)
        acked = await deal.second.poll(ack=[deal.thid])
        assert acked.status == 200
        await w.post(deal.first.tokens[0])
        assert deal.thid not in (await deal.second.poll()).document["order"]


async def test_the_twin_of_an_ecdsa_signature_is_the_same_message():
    async with running() as w:
        shop = await w.organisation()
        person = w.person("ES256")
        receipt = await person.send("terms.proffer", proffer(w.clock), shop.id)
        token = person.tokens[-1].encode()
        twin = forge.twin(token)
        assert twin != token
        again = await w.post(twin)
        assert (receipt.status, again.status) == (202, 200)
        assert again.body == receipt.body
        thread = await person.read(f"/v1/threads/{receipt.document['thid']}")
        assert [m["token"] for m in thread.document["messages"]] == [token.decode()]


@pytest.mark.parametrize("alg", ["ES256", "Ed25519"])
async def test_a_stored_message_with_a_broken_signature_is_refused(alg):
    async with running() as w:
        shop = await w.organisation()
        person = w.person(alg)
        receipt = await person.send("terms.proffer", proffer(w.clock), shop.id)
        head, _, signature = person.tokens[-1].rpartition(".")
        stranger = keys.b64(w.person(alg).key.sign(head.encode()))
        for broken in (keys.b64(bytes(64)), keys.b64(b"\1" * 64), signature[:-2], stranger):
            reply = await w.post(f"{head}.{broken}")
            assert (reply.status, reply.code) == (401, "signature-invalid")
            assert reply.document["requirement"] == "VRM-ENV-024"
        assert (await w.post(person.tokens[-1])).body == receipt.body


async def test_twenty_copies_at_once_are_one_message():
    async with running() as w:
        deal = await meet(w)
        claims = deal.first.claims("terms.proffer", proffer(w.clock), deal.second.id)
        token = deal.first.sign(claims)
        replies = await asyncio.gather(*(w.post(token) for _ in range(20)))
        assert sorted(r.status for r in replies) == [200] * 19 + [202]
        assert len({r.body for r in replies}) == 1
        deal.mids.append(replies[0].document["mid"])
        assert (await deal.checkpoint(deal.first))["seq"] == 1
        answer = deal.second.sign(
            deal.second.claims(
                "terms.accept", acceptance(deal.thid), deal.first.id, thid=deal.thid, prev=deal.thid
            )
        )
        replies = await asyncio.gather(*(w.post(answer) for _ in range(20)))
        assert sorted(r.status for r in replies) == [200] * 19 + [202]
        assert {r.document["seq"] for r in replies} == {2}
        assert (await deal.first.poll()).document["order"] == [replies[0].document["mid"]]


# --- races ---------------------------------------------------------------------------------------

Racer = Callable[[Deal], Awaitable[Reply]]


def accepting(deal: Deal) -> Awaitable[Reply]:
    return deal.say(deal.second, "terms.accept", acceptance(deal.thid))


def accepting_the_other(deal: Deal) -> Awaitable[Reply]:
    return deal.say(deal.second, "terms.accept", acceptance(deal.thid, "SD-BASE"))


def withdrawing(deal: Deal) -> Awaitable[Reply]:
    return deal.say(deal.first, "terms.withdraw", {})


def rejecting(deal: Deal) -> Awaitable[Reply]:
    return deal.say(deal.second, "terms.reject", {})


def countering(deal: Deal) -> Awaitable[Reply]:
    return deal.say(deal.second, "terms.alternative", alternative(deal.w.clock, deal.thid))


@pytest.mark.parametrize(
    "racers",
    [
        (accepting, withdrawing),
        (accepting, rejecting),
        (accepting, accepting),
        (accepting, accepting_the_other),
        (countering, accepting),
        (countering, countering),
    ],
    ids=lambda pair: " against ".join(r.__name__ for r in pair),
)
async def test_a_race_has_exactly_one_winner(racers):
    async with running() as w:
        first = await meet(w)
        for turn in range(30):
            deal = Deal(w, first.first, first.second)
            await deal.proffer("SD-BASE-DP", "SD-BASE")
            order = racers if turn % 2 else tuple(reversed(racers))
            replies = await asyncio.gather(*(racer(deal) for racer in order))
            won = [r for r in replies if r.status == 202]
            lost = [r for r in replies if r.status != 202]
            assert (len(won), len(lost)) == (1, 1), [r.document for r in replies]
            # an organisation that has countered may no longer accept: that is then the person's
            turned = won[0].state == "countered" and racers[1] is accepting
            expected = {"role-forbidden"} if turned else {"prev-stale", "state-conflict"}
            assert lost[0].code in expected
            told = await deal.checkpoint(deal.first)
            assert (told["seq"], told["mid"], told["state"]) == (2, won[0].document["mid"], won[0].state)


async def test_many_threads_at_once_keep_their_own_order():
    """Hundreds of messages in flight: every thread has each seq once."""
    async with running() as w:
        deals = [await meet(w, domain=False) for _ in range(8)]

        async def play(deal: Deal) -> None:
            for name in itertools.islice(itertools.cycle(["SD-BASE-DP", "PDC-AI"]), 6):
                own = Deal(w, deal.first, deal.second)
                await own.proffer(name)
                await own.accept(name)
                reply = await own.first.read(f"/v1/threads/{own.thid}")
                assert [m["seq"] for m in reply.document["messages"]] == [1, 2]

        await asyncio.gather(*(play(deal) for deal in deals for _ in range(2)))
        for deal in deals:
            reply = await deal.first.read("/v1/threads?limit=200")
            states = sorted(t["state"] for t in reply.document["threads"])
            assert states == ["agreed"] * 2 + ["superseded"] * 10
