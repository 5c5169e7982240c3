"""The change of a person's key: who may do it, and what is left to the old identifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.scenarios.deal import Deal, alternative, checkpoint_of, meet
from tests.world import SPEC, Party, Reply, World, acceptance, proffer, running
from vrmproto import envelope, keys, records

DAY = 86400


def proof(w: World, deal: Deal, new: Party, signer: Party | None = None, **changes: Any) -> str:
    """A ``vrm-proof+jwt`` of the first party for its new identifier."""
    claims = {
        "iss": deal.first.id,
        "sub": new.id,
        "aud": deal.second.id,
        "home": w.origin,
        "thid": deal.thid,
        "iat": int(w.clock()),
        **changes,
    }
    return (signer or deal.first).sign(claims, envelope.PROOF)


async def agreed(deal: Deal, name: str = "SD-BASE-DP") -> Deal:
    await deal.proffer(name)
    await deal.accept(name)
    return deal


async def attempt(deal: Deal, new: Party, body: dict[str, Any], **more: Any) -> Reply:
    claims = {"thid": deal.thid, "prev": deal.head, **more}
    return await new.send("agent.rotate", {"replaces": deal.first.id, **body}, deal.second.id, **claims)


async def rotate(deal: Deal, new: Party, *, prove: bool = True, nkt: str = "") -> Deal:
    """A rotation that is to be taken; the deal as it goes on under the new identifier."""
    body: dict[str, Any] = {"proof": proof(deal.w, deal, new)} if prove else {}
    if nkt:
        body["nkt"] = nkt
    reply = deal.note(await attempt(deal, new, body))
    assert (reply.document["aud"], reply.state) == (new.id, "agreed")
    return replace(deal, first=new)


async def test_a_rotation_with_a_proof(store):
    async with running(store) as w:
        old = await agreed(await meet(w))
        new = w.person("ES256")
        deal = await rotate(old, new)
        record = await deal.check("agreed")
        assert record is not None
        assert (record["first"], record["second"]) == (old.first.id, old.second.id)
        assert [envelope.peek(m["token"])[1]["type"] for m in record["messages"]] == [
            "terms.proffer",
            "terms.accept",
            "agent.rotate",
        ]
        listed = {k["kid"] for k in record["keys"]}
        assert {old.first.key.public.kid, new.key.public.kid, old.second.key.public.kid} <= listed
        report = records.verify_record(SPEC, (await new.read(f"/v1/records/{deal.record}")).body)
        assert report.facts["first_now"] == new.id
        assert (await deal.end(new, "agreement.terminate")).state == "terminated"
        await deal.check("terminated")


async def test_the_organisation_gets_the_rotation_and_answers_to_the_new_identifier(store):
    async with running(store) as w:
        old = await agreed(await meet(w))
        deal = await rotate(old, w.person())
        polled = (await deal.second.poll()).document
        assert polled["order"][-1] == deal.head
        assert envelope.peek(polled["sets"][deal.head])[1]["iss"] == deal.first.id
        await deal.end(deal.second, "agreement.terminate")
        assert (await deal.first.poll()).document["order"][-1] == deal.head
        assert deal.head not in (await old.first.poll()).document["order"]


# --- the old identifier ---------------------------------------------------------------------------


async def test_the_old_identifier_is_a_stranger_from_then_on(store):
    async with running(store) as w:
        old = await agreed(await meet(w))
        deal = await rotate(old, w.person())
        w.clock.forward(5)
        stranger = w.person()
        for type_, body in (
            ("agreement.terminate", {}),
            ("terms.withdraw", {}),
            ("terms.accept", acceptance(deal.thid)),
        ):
            claims = {"thid": deal.thid, "prev": deal.head}
            mine = await old.first.send(type_, body, deal.second.id, **claims)
            theirs = await stranger.send(type_, body, deal.second.id, **claims)
            assert (mine.status, mine.code) == (404, "thread-unknown")
            assert mine.body == theirs.body
        third = w.person()
        again = await attempt(old, third, {"proof": proof(w, old, third)}, prev=deal.head)
        assert (again.status, again.code) == (404, "thread-unknown")
        for path in (f"/v1/threads/{deal.thid}", f"/v1/records/{deal.record}"):
            mine, theirs = await old.first.read(path), await stranger.read(path)
            assert (mine.status, mine.body) == (404, theirs.body)
        assert (await old.first.read("/v1/threads")).document["threads"] == []
        assert (await old.first.poll()).document["order"] == []
        await deal.check("agreed")


@pytest.mark.parametrize("polls", [True, False], ids=["it has polled", "it never polled"])
@pytest.mark.parametrize("again", [True, False], ids=["and again", "and not again"])
async def test_a_message_to_the_old_identifier_has_the_wrong_addressee(store, polls, again):
    async with running(store) as w:
        old = Deal(w, w.person(), await w.organisation())
        if polls:
            await old.first.announce()
        deal = await rotate(await agreed(old), w.person())
        if again:
            await old.first.announce()
        reply = await deal.second.send(
            "agreement.terminate", {}, old.first.id, thid=deal.thid, prev=deal.head
        )
        assert (reply.status, reply.code) == (400, "aud-mismatch")
        assert reply.document["requirement"] == "VRM-THR-003"
        await deal.check("agreed")


async def test_the_receipts_of_the_old_identifiers_messages_can_still_be_had(store):
    """A repeat is judged before the thread: it is told what it was told already."""
    async with running(store) as w:
        old = await agreed(await meet(w))
        await rotate(old, w.person())
        again = await w.post(old.first.tokens[0])
        assert (again.status, again.document["seq"]) == (200, 1)


# --- what is rebound ------------------------------------------------------------------------------


async def test_every_thread_of_the_pair_is_rebound_and_no_other(store):
    async with running(store) as w:
        one = await agreed(await meet(w))
        two = await agreed(Deal(w, one.first, one.second), "PDC-AI")
        open_ = Deal(w, one.first, one.second)
        await open_.proffer("PDC-GOOD")
        over = Deal(w, one.first, one.second)
        await over.proffer()
        await over.end(over.second, "terms.reject")
        elsewhere = await agreed(Deal(w, one.first, await w.organisation()))

        new = w.person()
        rebound = await rotate(one, new)
        await rebound.check("agreed")
        await replace(over, first=new).check("rejected")
        await elsewhere.check("agreed")
        listed = {t["thid"] for t in (await new.read("/v1/threads")).document["threads"]}
        assert listed == {one.thid, two.thid, open_.thid, over.thid}
        listed = {t["thid"] for t in (await one.first.read("/v1/threads")).document["threads"]}
        assert listed == {elsewhere.thid}

        refused = await two.say(one.first, "agreement.terminate", {})
        assert refused.code == "thread-unknown"
        refused = await two.second.send("agreement.terminate", {}, one.first.id, thid=two.thid, prev=two.head)
        assert refused.code == "aud-mismatch"  # the old identifier is still a party elsewhere
        two = replace(two, first=new)
        await two.end(new, "agreement.terminate")
        await two.check("terminated")


async def test_a_thread_rebound_elsewhere_proves_its_agreement_by_that_rotation(store):
    """VRM-REC-002: the record holds every later message that rebound a party, in whichever thread."""
    async with running(store) as w:
        one = await agreed(await meet(w))
        two = await agreed(Deal(w, one.first, one.second), "PDC-AI")
        new = w.person()
        rotation = (await rotate(one, new)).head
        record = await replace(two, first=new).check("agreed")
        assert record is not None
        assert [envelope.mid_of(m["token"]) for m in record["messages"]] == [*two.mids, rotation]


@pytest.mark.parametrize("countered", [False, True])
async def test_an_agreement_made_after_a_rotation_elsewhere_verifies(store, countered):
    """Proffered by the old identifier, accepted towards or by the new one."""
    async with running(store) as w:
        one = await agreed(await meet(w))
        two = Deal(w, one.first, one.second)
        await two.proffer("PDC-GOOD")
        if countered:
            await two.counter("PDC-AI")
        newer = w.person()
        rebound = await rotate(one, newer)
        two = replace(two, first=newer)
        await two.accept("PDC-AI" if countered else "PDC-GOOD")
        record = await two.check("agreed")
        assert record is not None
        assert rebound.head in [envelope.mid_of(m["token"]) for m in record["messages"]]
        newest = w.person()
        again = await rotate(rebound, newest)
        record = await replace(two, first=newest).check("agreed")
        assert record is not None
        assert again.head in [envelope.mid_of(m["token"]) for m in record["messages"]]


async def test_the_unread_inbox_moves(store):
    async with running(store) as w:
        one = await agreed(await meet(w))
        two = await agreed(Deal(w, one.first, one.second), "PDC-AI")
        elsewhere = await agreed(Deal(w, one.first, await w.organisation()))
        await one.first.poll(ack=[one.head])
        new = w.person()
        await rotate(one, new)
        assert (await new.poll()).document["order"] == [two.head]
        assert (await one.first.poll()).document["order"] == [elsewhere.head]
        await new.poll(ack=[two.head])
        assert (await new.poll()).document["order"] == []


async def test_a_later_agreement_supersedes_one_made_under_the_old_identifier(store):
    async with running(store) as w:
        old = await agreed(await meet(w))
        deal = await rotate(old, w.person())
        later = await agreed(Deal(w, deal.first, deal.second), "SD-BASE")
        await deal.check("superseded")
        await later.check("agreed")


# --- next keys ------------------------------------------------------------------------------------


async def test_a_committed_next_key_needs_no_proof_and_is_the_only_one_taken(store):
    async with running(store) as w:
        deal = await agreed(await meet(w))
        committed, third = w.person(), w.person("ES256")
        deal = await rotate(deal, w.person(), nkt=committed.key.public.kid)
        for body in ({}, {"proof": proof(w, deal, third)}, {"proof": proof(w, deal, third), "nkt": "A" * 43}):
            reply = await attempt(deal, third, body)
            assert (reply.status, reply.code) == (404, "thread-unknown")
            assert reply.document["requirement"] == "VRM-THR-002"  # like any other thread-unknown
        deal = await rotate(deal, committed, prove=False, nkt=third.key.public.kid)
        await deal.check("agreed")
        deal = await rotate(deal, third, prove=False)
        await deal.check("agreed")
        # nothing is committed any more: a proof is needed again
        last = w.person()
        assert (await attempt(deal, last, {})).code == "thread-unknown"
        deal = await rotate(deal, last)
        record = await deal.check("agreed")
        assert record is not None
        assert len(record["messages"]) == 6


async def test_a_next_key_is_committed_for_the_pair_not_for_the_thread(store):
    async with running(store) as w:
        one = await agreed(await meet(w))
        two = await agreed(Deal(w, one.first, one.second), "PDC-AI")
        committed, third = w.person(), w.person()
        one = await rotate(one, w.person(), nkt=committed.key.public.kid)
        two = replace(two, first=one.first)
        assert (await attempt(two, third, {"proof": proof(w, two, third)})).code == "thread-unknown"
        two = await rotate(two, committed, prove=False)
        listed = (await committed.read("/v1/threads")).document["threads"]
        assert {t["thid"] for t in listed} == {one.thid, two.thid}


async def test_a_key_committed_before_the_proffer_still_verifies_in_its_record(store):
    async with running(store) as w:
        committed = w.person()
        one = await rotate(await agreed(await meet(w)), w.person(), nkt=committed.key.public.kid)
        two = await agreed(Deal(w, one.first, one.second), "PDC-AI")
        two = await rotate(two, committed, prove=False)
        await two.check("agreed")


# --- proofs ---------------------------------------------------------------------------------------

OTHER_HOME = "https://home.example"


@pytest.mark.parametrize(
    "changes",
    [
        {"home": OTHER_HOME},
        {"thid": "A" * 43},
        {"aud": "https://shop.example"},
        {"aud": "first"},
        {"sub": "third"},
        {"sub": "first"},
        {"iss": "third"},
        {"iss": "new"},
        {"iat": -DAY},
        {"iat": -DAY - 100},
        {"iat": +120},
        {"signer": "new"},
        {"signer": "third"},
        {"signer": "second"},
    ],
    ids=str,
)
async def test_a_proof_for_something_else_is_none(changes):
    async with running() as w:
        deal = await agreed(await meet(w, domain=False))
        new, third = w.person(), w.person()
        parties = {"first": deal.first, "second": deal.second, "new": new, "third": third}
        signer = parties.get(changes.get("signer"), deal.first)
        now = int(w.clock())
        claims = {
            name: now + value if name == "iat" else parties[value].id if value in parties else value
            for name, value in changes.items()
            if name != "signer"
        }
        reply = await attempt(deal, new, {"proof": proof(w, deal, new, signer, **claims)})
        assert (reply.status, reply.code) == (404, "thread-unknown")
        stranger = w.person()
        unknown = await stranger.send(
            "agreement.terminate", {}, deal.second.id, thid=deal.thid, prev=deal.head
        )
        assert reply.body == unknown.body
        await deal.check("agreed")
        await rotate(deal, new)


async def test_what_is_no_proof_at_all_is_none():
    async with running() as w:
        deal = await agreed(await meet(w))
        new = w.person()
        right = proof(w, deal, new)
        claims = envelope.peek(right)[1]
        head = right.rpartition(".")[0]
        wrong_typ = [deal.first.sign(claims, typ) for typ in (envelope.MESSAGE, envelope.REQUEST, "JWT")]
        broken = [f"{head}.{keys.b64(bytes(64))}", deal.first.tokens[0], "a.b.c"]
        more = [deal.first.sign(claims | {"exp": 1}, envelope.PROOF)]
        for token in (*wrong_typ, *broken, *more):
            reply = await attempt(deal, new, {"proof": token})
            assert (reply.status, reply.code) == (404, "thread-unknown")
        assert (await attempt(deal, new, {})).code == "thread-unknown"
        await rotate(deal, new)


async def test_a_proof_counts_for_a_day():
    async with running() as w:
        one, two = await agreed(await meet(w)), await agreed(await meet(w))
        new, newer = w.person(), w.person()
        early, late = proof(w, one, new), proof(w, two, newer)
        w.clock.forward(DAY - 5)
        one.note(await attempt(one, new, {"proof": early}))
        w.clock.forward(6)
        assert (await attempt(two, newer, {"proof": late})).code == "thread-unknown"


# --- identifiers that cannot be taken --------------------------------------------------------------


async def test_an_identifier_that_deals_with_this_party_already_cannot_be_taken(store):
    async with running(store) as w:
        deal = await agreed(await meet(w))
        taken = Deal(w, w.person(), deal.second)
        await taken.proffer()
        reply = await attempt(deal, taken.first, {"proof": proof(w, deal, taken.first)})
        assert (reply.status, reply.code) == (404, "thread-unknown")
        assert reply.document["requirement"] == "VRM-THR-002"
        elsewhere = Deal(w, w.person(), await w.organisation())
        await elsewhere.proffer()
        await rotate(deal, elsewhere.first)  # who deals with others only is free for this one
        await deal.second.poll()


async def test_the_person_cannot_replace_herself_nor_the_other_party():
    async with running() as w:
        deal = await agreed(await meet(w, domain=False))
        itself = await attempt(deal, deal.first, {"proof": proof(w, deal, deal.first)})
        assert itself.code == "thread-unknown"
        new = w.person()
        body = {"replaces": deal.second.id, "proof": proof(w, deal, new, deal.second, iss=deal.second.id)}
        reply = await new.send("agent.rotate", body, deal.first.id, thid=deal.thid, prev=deal.head)
        assert (reply.status, reply.code) == (403, "role-forbidden")
        await deal.check("agreed")


async def test_an_organisation_cannot_take_a_person_over():
    async with running() as w:
        deal = await agreed(await meet(w))
        shop = await w.organisation()
        reply = await attempt(deal, shop, {"proof": proof(w, deal, shop)})
        assert (reply.status, reply.code) == (404, "thread-unknown")


async def test_an_older_prev_is_taken_and_a_foreign_one_is_not():
    async with running() as w:
        deal = await agreed(await meet(w))
        new = w.person()
        reply = await attempt(deal, new, {"proof": proof(w, deal, new)}, prev="A" * 43)
        assert (reply.status, reply.code) == (409, "prev-unknown")
        deal.note(await attempt(deal, new, {"proof": proof(w, deal, new)}, prev=deal.thid))


async def test_a_rotation_repeated_gets_its_receipt_again(store):
    async with running(store) as w:
        deal = await agreed(await meet(w))
        new = w.person()
        rebound = await rotate(deal, new)
        again = await w.post(new.tokens[-1])
        assert (again.status, again.document["mid"]) == (200, rebound.head)
        assert (await rebound.checkpoint(new))["seq"] == 3


async def test_thread_reads_by_the_new_identifier_show_the_whole_chain(store):
    async with running(store) as w:
        old = Deal(w, w.person(), await w.organisation())
        await old.proffer()
        body = alternative(w.clock, old.thid)
        old.note(await old.say(old.second, "terms.alternative", body))
        await old.accept("SD-BASE-A")
        deal = await rotate(old, w.person())
        reply = await deal.first.read(f"/v1/threads/{deal.thid}")
        report = records.verify_thread(SPEC, reply.body, [k.public for k in w.home.signing])
        assert report.ok, [c for c in report.checks if not c.ok]
        assert checkpoint_of(reply.document)["aud"] == deal.first.id
        told = {k["kid"] for k in reply.document["keys"] if k["source"] == "did:jwk"}
        assert told == {old.first.key.public.kid, deal.first.key.public.kid}


async def test_two_rotations_at_once_have_one_winner(store):
    import asyncio

    async with running(store) as w:
        deal = await agreed(await meet(w))
        one, two = w.person(), w.person()
        replies = await asyncio.gather(
            attempt(deal, one, {"proof": proof(w, deal, one)}),
            attempt(deal, two, {"proof": proof(w, deal, two)}),
        )
        assert sorted(r.status for r in replies) == [202, 404]
        winner = one if replies[0].status == 202 else two
        assert (await winner.read(f"/v1/threads/{deal.thid}")).status == 200


async def test_a_proffer_of_the_new_identifier_is_free_of_the_old_ones_threads(store):
    async with running(store) as w:
        deal = await rotate(await agreed(await meet(w)), w.person())
        reply = await deal.first.send("terms.proffer", proffer(w.clock), deal.second.id)
        assert reply.status == 202
