"""What a home lets be read: inboxes, threads, public documents; signed requests; a store that fails."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.deal import Deal, checkpoint_of, meet
from tests.world import SPEC, Party, Reply, World, acceptance, proffer, running
from vrmproto import envelope, keys, records
from vrmproto.home import Acknowledgement, Arrival
from vrmproto.storage.base import Store, StoreBusyError, StoreError, Transaction
from vrmproto.storage.memory import MemoryStore

NONSENSE = "A" * 43


def header(reply: Reply, name: str) -> str:
    """A header of a reply, however the server spells its name."""
    return next(v for k, v in reply.headers.items() if k.lower() == name.lower())


async def crowd(w: World, shop: Party, size: int) -> list[str]:
    """So many proffers of so many persons in the inbox of ``shop``; their mids."""
    mids = []
    for _ in range(size):
        reply = await w.person().send("terms.proffer", proffer(w.clock), shop.id)
        assert reply.status == 202
        mids.append(reply.document["mid"])
    return mids


# --- the inbox ------------------------------------------------------------------------------------


async def test_a_poll_gives_messages_in_order_with_their_receipts(store):
    async with running(store) as w:
        shop = await w.organisation()
        mids = await crowd(w, shop, 5)
        reply = await shop.poll()
        assert reply.headers["Content-Type"] == "application/json"
        assert SPEC.faults("documents/poll.json", reply.document) == []
        assert reply.document["order"] == mids
        assert reply.document["sets"].keys() == reply.document["receipts"].keys() == set(mids)
        assert reply.document["moreAvailable"] is False
        for mid in mids:
            assert envelope.mid_of(reply.document["sets"][mid]) == mid
            told = envelope.peek(reply.document["receipts"][mid])[1]
            assert (told["mid"], told["seq"]) == (mid, 1)
            assert told["aud"] == envelope.peek(reply.document["sets"][mid])[1]["iss"]


async def test_max_events_bounds_the_answer(store):
    async with running(store) as w:
        shop = await w.organisation()
        mids = await crowd(w, shop, 5)
        for most, more in ((0, True), (1, True), (4, True), (5, False), (6, False), (1000, False)):
            document = (await shop.poll(maxEvents=most)).document
            assert document["order"] == mids[:most]
            assert document["moreAvailable"] is more
        wrong: list[Any] = [-1, 1001, 1.5, "5", None, True]
        for value in wrong:
            assert (await shop.poll(maxEvents=value)).code == "request-invalid"


async def test_a_message_comes_again_until_it_is_acknowledged(store):
    async with running(store) as w:
        shop = await w.organisation()
        mids = await crowd(w, shop, 4)
        for _ in range(3):
            assert (await shop.poll()).document["order"] == mids
        assert (await shop.poll(ack=[mids[1]])).document["order"] == [mids[0], *mids[2:]]
        assert (await shop.poll(ack=[mids[1], NONSENSE])).document["order"] == [mids[0], *mids[2:]]
        assert (await shop.poll(ack=mids, maxEvents=0)).document["order"] == []
        assert (await shop.poll()).document["order"] == []
        thread = await shop.read(f"/v1/threads/{mids[1]}")
        assert envelope.mid_of(thread.document["messages"][0]["token"]) == mids[1]


async def test_nobody_acknowledges_for_another():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        stranger = w.person()
        for party in (stranger, deal.first):
            assert (await party.poll(ack=[deal.thid])).document["order"] == []
        assert (await deal.second.poll()).document["order"] == [deal.thid]


@pytest.mark.parametrize(
    "body",
    [
        {"ack": "x"},
        {"ack": ["short"]},
        {"ack": [1]},
        {"ack": [NONSENSE] * 1001},
        {"returnImmediately": "yes"},
        {"returnImmediately": 1},
        {"setErrs": {}},
        {"other": 1},
    ],
    ids=lambda b: str(b)[:30],
)
async def test_a_poll_with_a_wrong_body_is_refused_and_acknowledges_nothing(body):
    async with running() as w:
        shop = await w.organisation()
        mids = await crowd(w, shop, 1)
        reply = await shop.poll(**{"ack": mids, **body})
        assert (reply.status, reply.code) == (400, "request-invalid")
        assert reply.document["errors"]
        assert (await shop.poll()).document["order"] == mids


async def test_a_long_poll_wakes_up_when_a_message_arrives():
    async with running(max_wait=20) as w:
        deal = await meet(w)
        loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(deal.second.poll(returnImmediately=False)) for _ in range(3)]
        stranger = asyncio.create_task(w.person().poll(returnImmediately=False))
        await asyncio.sleep(0.1)
        assert not any(t.done() for t in waiting)
        start = loop.time()
        await deal.proffer()
        for reply in await asyncio.gather(*waiting):
            assert reply.document["order"] == [deal.thid]
        assert loop.time() - start < 1
        assert not stranger.done()
        stranger.cancel()


async def test_a_long_poll_with_something_to_give_does_not_wait():
    async with running(max_wait=20) as w:
        shop = await w.organisation()
        mids = await crowd(w, shop, 1)
        async with asyncio.timeout(2):
            assert (await shop.poll(returnImmediately=False)).document["order"] == mids
            # nothing is asked for, so there is nothing to wait for
            assert (await shop.poll(returnImmediately=False, maxEvents=0)).document["moreAvailable"] is True
            await shop.poll(ack=mids, maxEvents=0)
            assert (await shop.poll(returnImmediately=False, maxEvents=0)).document["moreAvailable"] is False


async def test_a_long_poll_ends_empty_after_max_wait():
    async with running(max_wait=1) as w:
        shop = await w.organisation()
        start = asyncio.get_running_loop().time()
        reply = await shop.poll(returnImmediately=False)
        assert 0.9 < asyncio.get_running_loop().time() - start < 2
        assert reply.document == {"sets": {}, "order": [], "receipts": {}, "moreAvailable": False}
        assert (await w.get("/.well-known/vrm-configuration")).document["limits"]["max_wait"] == 1


async def test_a_poll_makes_an_addressee_known():
    async with running() as w:
        person, other = w.person(), w.person()
        assert (await person.send("terms.proffer", proffer(w.clock), other.id)).code == "addressee-unknown"
        assert (await other.read("/v1/threads")).status == 200
        assert (await other.poll(returnImmediately=True, ack=[])).status == 200
        assert (await person.send("terms.proffer", proffer(w.clock), other.id)).status == 202


async def test_a_refused_request_makes_nobody_known():
    async with running() as w:
        person, other = w.person(), w.person()
        forged = other.request("POST", "/v1/poll", {}).rpartition(".")[0] + "." + keys.b64(bytes(64))
        assert (await w.post(forged, "/v1/poll")).code == "request-invalid"
        assert (await person.send("terms.proffer", proffer(w.clock), other.id)).code == "addressee-unknown"


# --- a full inbox ---------------------------------------------------------------------------------


async def test_a_full_inbox_takes_exits_only(store):
    async with running(store, inbox=3) as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        await deal.second.poll(ack=[deal.thid])
        mids = await crowd(w, deal.second, 3)
        person = w.person()
        claims = person.claims("terms.proffer", proffer(w.clock), deal.second.id)
        token = person.sign(claims)
        for _ in range(2):
            refused = await w.post(token)
            assert (refused.status, refused.code) == (429, "inbox-full")
            assert refused.document["retryable"] is True
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.document["requirement"] == "VRM-HOM-024"
        assert (await person.read("/v1/threads")).document["threads"] == []
        deal.note(await deal.say(deal.first, "agreement.terminate", {}, prev=NONSENSE))
        assert (await deal.second.poll()).document["order"] == [*mids, deal.head]
        assert (await w.post(token)).code == "inbox-full"
        await deal.second.poll(ack=mids[:1])
        assert (await w.post(token)).code == "inbox-full"  # the exit still lies there: three again
        await deal.second.poll(ack=[deal.head])
        assert (await w.post(token)).status == 202
        limits = (await w.get("/.well-known/vrm-configuration")).document["limits"]
        assert limits["inbox"] == 3


async def test_an_inbox_fills_to_its_limit_within_one_batch():
    async with running(inbox=3) as w:
        shop = await w.organisation()
        replies = await asyncio.gather(
            *(w.person().send("terms.proffer", proffer(w.clock), shop.id) for _ in range(10))
        )
        assert sorted(r.status for r in replies) == [202] * 3 + [429] * 7
        assert len((await shop.poll()).document["order"]) == 3


async def test_a_repeat_does_not_count_and_is_not_refused():
    async with running(inbox=1) as w:
        shop, person = await w.organisation(), w.person()
        receipt = await person.send("terms.proffer", proffer(w.clock), shop.id)
        again = await w.post(person.tokens[-1])
        assert (again.status, again.body) == (200, receipt.body)


# --- signed requests ------------------------------------------------------------------------------

CHANGES: dict[str, Any] = {
    "aud of another home": {"aud": "https://home.example"},
    "aud in capitals": lambda w: {"aud": w.origin.upper()},
    "aud with a slash": lambda w: {"aud": w.origin + "/"},
    "htm of another method": {"htm": "PUT"},
    "htm in small letters": lambda w: {"htm": "get"},
    "htu of another path": lambda w: {"htu": w.origin + "/v1/roster"},
    "htu with the query": lambda w: {"htu": w.origin + "/v1/threads?limit=5"},
    "htu with a fragment": lambda w: {"htu": w.origin + "/v1/threads#x"},
    "htu with a slash": lambda w: {"htu": w.origin + "/v1/threads/"},
    "htu of another home": {"htu": "https://home.example/v1/threads"},
    "htu a path": {"htu": "/v1/threads"},
    "past": lambda w: {"iat": int(w.clock()) - 130, "exp": int(w.clock()) - 70},
    "ahead": lambda w: {"iat": int(w.clock()) + 70, "exp": int(w.clock()) + 120},
    "too long": lambda w: {"exp": int(w.clock()) + 62},
    "backwards": lambda w: {"exp": int(w.clock()) - 1},
    "no time at all": lambda w: {"exp": int(w.clock()), "iat": int(w.clock())},
    "jti short": {"jti": "abc"},
    "no jti": {"jti": None},
    "no iat": {"iat": None},
    "no exp": {"exp": None},
    "no aud": {"aud": None},
    "no htm": {"htm": None},
    "no htu": {"htu": None},
    "no iss": {"iss": None},
    "unknown claim": {"sub": "x"},
    "thid": {"thid": NONSENSE},
    "iss of another": lambda w: {"iss": w.person().id},
    "iss no party": {"iss": "mailto:a@example.org"},
    "iat as text": {"iat": "now"},
    "iat true": {"iat": True},
    "list of aud": lambda w: {"aud": [w.origin]},
    "body no object": {"body": []},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_with_a_wrong_claim_is_refused(method, change):
    async with running() as w:
        person = w.person()
        path = "/v1/threads" if method == "GET" else "/v1/poll"
        made = CHANGES[change](w) if callable(CHANGES[change]) else CHANGES[change]
        if "htu" in made and method == "POST" and isinstance(made["htu"], str):
            made = {"htu": made["htu"].replace("threads", "poll")}
        now = int(w.clock())
        claims = {
            "iss": person.id,
            "aud": w.origin,
            "htm": method,
            "htu": w.origin + path,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
            "body": {"returnImmediately": True},
        }
        if method == "GET":
            del claims["body"]
        for changes, status in ((made, 400), ({}, 200)):
            token = person.sign(
                {k: v for k, v in {**claims, **changes}.items() if v is not None}, envelope.REQUEST
            )
            if method == "GET":
                reply = await w.get(path, Authorization=f"VRM {token}")
            else:
                reply = await w.post(token, path)
            assert (reply.status, reply.code) == (status, "" if status == 200 else "request-invalid")
            if status == 400:
                assert SPEC.faults("documents/problem.json", reply.document) == []
                assert reply.document["requirement"] in ("VRM-HOM-015", "VRM-HOM-016")


async def test_a_request_at_the_edges_of_its_time():
    async with running() as w:
        person = w.person()
        now = int(w.clock())
        for iat, exp, status in ((-118, -58, 200), (58, 100, 200), (-58, 2, 200), (0, 1, 200), (0, 60, 200)):
            token = person.request("GET", "/v1/threads", iat=now + iat, exp=now + exp)
            assert (await w.get("/v1/threads", Authorization=f"VRM {token}")).status == status


@pytest.mark.parametrize(
    "typ", [envelope.MESSAGE, envelope.RECEIPT, envelope.PROOF, "JWT", "VRM-REQUEST+JWT"]
)
async def test_another_typ_is_no_request(typ):
    async with running() as w:
        person = w.person()
        claims = envelope.peek(person.request("GET", "/v1/threads"))[1]
        reply = await w.get("/v1/threads", Authorization=f"VRM {person.sign(claims, typ)}")
        assert (reply.status, reply.code) == (400, "request-invalid")


async def test_a_request_is_no_message_and_a_message_no_request():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        for body in (None, {"returnImmediately": True}):
            token = deal.first.request("POST", "/v1/messages", body)
            reply = await w.post(token)
            # the order of checks looks at vrm first, which a request does not have
            assert (reply.status, reply.code) == (400, "version-unsupported")
        claims = deal.first.claims("terms.proffer", proffer(w.clock), deal.second.id)
        reply = await w.post(deal.first.sign(claims, envelope.REQUEST))
        assert (reply.status, reply.code) == (400, "typ-invalid")
        for token in (deal.first.tokens[0], deal.first.sign(claims)):
            assert (await w.post(token, "/v1/poll")).code == "request-invalid"
            assert (await w.get("/v1/threads", Authorization=f"VRM {token}")).code == "request-invalid"
        receipt = (await w.post(deal.first.tokens[0])).body.decode()
        assert (await w.post(receipt, "/v1/poll")).code == "request-invalid"
        assert (await w.post(receipt)).code == "version-unsupported"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "VRM",
        "VRM ",
        "Bearer {}",
        "{}",
        "VRM  {}",
        "VRM {} x",
        "VRM {},",
        'VRM token="{}"',
        "VRM{}",
        "VRM {}=",
    ],
)
async def test_the_header_has_one_form(value):
    async with running() as w:
        person = w.person()
        token = person.request("GET", "/v1/threads")
        reply = await w.get("/v1/threads", Authorization=value.format(token))
        assert (reply.status, reply.code) == (400, "request-invalid")
        assert (await w.get("/v1/threads")).code == "request-invalid"
        assert (await w.get("/v1/threads", Authorization=f"vrm {token}")).status == 200


async def test_a_request_is_for_one_path_only():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        paths = ["/v1/threads", f"/v1/threads/{deal.thid}", f"/v1/records/{deal.record}"]
        for signed in paths:
            token = deal.first.request("GET", signed)
            for asked in paths:
                reply = await w.get(asked, Authorization=f"VRM {token}")
                assert (reply.status == 200) == (signed == asked)


# --- strangers ------------------------------------------------------------------------------------


async def test_strangers_cannot_tell_what_exists(store):
    async with running(store) as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        stranger, shop = w.person(), await w.organisation()
        await deal.first.send("terms.proffer", proffer(w.clock), shop.id)  # of another deal of hers
        answers = set()
        for reader in (stranger, shop):
            for kind in ("threads", "records"):
                for name in (
                    deal.thid,
                    deal.record,
                    NONSENSE,
                    keys.b64(secrets.token_bytes(32)),
                    "x",
                    "A" * 44,
                ):
                    for query in ("", "?limit=5", "?from=9"):
                        reply = await reader.read(f"/v1/{kind}/{name}{query}")
                        headers = {k: v for k, v in reply.headers.items() if k != "Date"}
                        answers.add((reply.status, reply.body, tuple(sorted(headers.items()))))
            assert deal.thid not in [
                t["thid"] for t in (await reader.read("/v1/threads")).document["threads"]
            ]
        assert len(answers) == 1
        assert next(iter(answers))[0] == 404
        assert (await deal.first.read(f"/v1/records/{deal.thid}")).body in {a[1] for a in answers}


# --- threads --------------------------------------------------------------------------------------


async def long_thread(w: World) -> Deal:
    """Five messages: a proffer, an acceptance, two rotations, a termination."""
    deal = await meet(w)
    await deal.proffer()
    await deal.accept()
    for _ in range(2):
        new = w.person()
        claims = {"iss": deal.first.id, "sub": new.id, "aud": deal.second.id, "home": w.origin}
        proof = deal.first.sign({**claims, "thid": deal.thid, "iat": int(w.clock())}, envelope.PROOF)
        body = {"replaces": deal.first.id, "proof": proof}
        deal.note(await new.send("agent.rotate", body, deal.second.id, thid=deal.thid, prev=deal.head))
        deal.first = new
    await deal.end(deal.second, "agreement.terminate")
    return deal


async def test_a_thread_is_read_in_pages(store):
    async with running(store) as w:
        deal = await long_thread(w)
        whole = (await deal.second.read(f"/v1/threads/{deal.thid}")).document
        assert [m["seq"] for m in whole["messages"]] == [1, 2, 3, 4, 5]
        assert [envelope.mid_of(m["token"]) for m in whole["messages"]] == deal.mids
        assert "next" not in whole
        for size in (1, 2, 3, 5, 200):
            start, collected = 1, []
            while start:
                path = f"/v1/threads/{deal.thid}?from={start}&limit={size}"
                reply = await deal.second.read(path)
                assert SPEC.faults("documents/thread.json", reply.document) == []
                assert records.verify_thread(SPEC, reply.body).ok
                collected += reply.document["messages"]
                assert len(reply.document["messages"]) <= size
                assert checkpoint_of(reply.document)["seq"] == 5
                start = reply.document.get("next", 0)
            assert collected == whole["messages"]
        beyond = (await deal.second.read(f"/v1/threads/{deal.thid}?from=6")).document
        assert beyond["messages"] == []
        assert "next" not in beyond


WRONG = "from=0 from=-1 from=x from= limit=0 limit=201 limit=1.0 limit=1e1 limit=%00 limit=+5 from=\u0661"


@pytest.mark.parametrize("query", [*WRONG.split(), "from=9999999999999999999999"])
async def test_numbers_out_of_range_are_refused(query):
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        reply = await deal.first.read(f"/v1/threads/{deal.thid}?{query}")
        assert (reply.status, reply.code) == (400, "request-invalid")
        assert (await deal.first.read(f"/v1/threads/{deal.thid}?other=x")).status == 200


async def test_keys_of_a_thread_are_complete():
    async with running() as w:
        deal = await long_thread(w)
        document = (await deal.second.read(f"/v1/threads/{deal.thid}")).document
        signers = {envelope.peek(m["token"])[0]["kid"] for m in document["messages"]}
        signers |= {envelope.peek(m["receipt"])[0]["kid"] for m in document["messages"]}
        signers |= {envelope.peek(document["checkpoint"])[0]["kid"]}
        assert signers == {k["kid"] for k in document["keys"]}
        assert len(signers) == 5
        for key in document["keys"]:
            assert keys.from_jwk(key["jwk"]).kid == key["kid"]
            assert SPEC.faults("documents/key.json", key) == []


async def test_a_checkpoint_has_the_claims_of_the_last_receipt():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        receipt = await deal.accept()
        w.clock.forward(500)
        for reader in (deal.first, deal.second):
            told = await deal.checkpoint(reader)
            changed = {"aud": reader.id, "checkpoint": True, "iat": told["iat"]}
            assert told == receipt.document | changed
            assert told["iat"] >= receipt.document["iat"] + 500
            assert SPEC.faults("documents/receipt.json", told) == []


async def test_receipts_of_a_thread_do_not_go_back_in_time():
    async with running() as w:
        deal = await meet(w)
        opened = await deal.proffer()
        w.clock.forward(-50)
        accepted = await deal.accept()
        assert accepted.document["iat"] == opened.document["iat"]
        assert (await deal.checkpoint(deal.first))["iat"] == opened.document["iat"]
        w.clock.forward(51)
        ended = await deal.end(deal.first, "agreement.terminate")
        assert ended.document["iat"] > opened.document["iat"]


# --- the list of threads --------------------------------------------------------------------------


async def test_threads_are_listed_in_the_order_of_their_last_change(store):
    async with running(store) as w:
        person, shop = w.person(), await w.organisation()
        deals = [Deal(w, person, shop) for _ in range(5)]
        for deal in deals:
            await deal.proffer()
        await person.announce()

        async def order(query: str = "") -> Any:
            reply = await person.read(f"/v1/threads{query}")
            assert SPEC.faults("documents/threads.json", reply.document) == []
            return [t["thid"] for t in reply.document["threads"]], reply.document

        thids = [deal.thid for deal in deals]
        assert (await order())[0] == thids
        await deals[1].end(deals[1].second, "terms.reject")
        changed = [*thids[:1], *thids[2:], thids[1]]
        listed, document = await order()
        assert listed == changed
        assert document["more"] is False
        listed, document = await order("?limit=2")
        assert (listed, document["more"]) == (changed[:2], True)
        listed, document = await order(f"?limit=2&after={document['after']}")
        assert (listed, document["more"]) == (changed[2:4], True)
        listed, document = await order(f"?limit=2&after={document['after']}")
        assert (listed, document["more"]) == (changed[4:], False)
        last = document["after"]
        listed, document = await order(f"?after={last}")
        assert (listed, document["more"], document["after"]) == ([], False, last)
        await deals[3].end(deals[3].first, "terms.withdraw")
        assert (await order(f"?after={last}"))[0] == [thids[3]]
        for query in ("after=x", "after=-1", "limit=0", "limit=201", "after=99999999999999999999"):
            assert (await person.read(f"/v1/threads?{query}")).code == "request-invalid"


# --- public documents -----------------------------------------------------------------------------


async def test_discovery_is_valid_and_names_what_there_is():
    accepts = ("SD-BASE-DP", "PDC-GOOD")
    async with running(accepts=accepts, operator="A shop", contact="mailto:a@example.org") as w:
        reply = await w.get("/.well-known/vrm-configuration", Host="evil.example")
        document = reply.document
        assert SPEC.faults("documents/discovery.json", document) == []
        assert SPEC.oracle("documents/discovery.json", document) == []
        assert (document["issuer"], document["homes"]) == (w.origin, [w.origin])
        assert document["types"] == sorted(SPEC.types)
        assert [k["kid"] for k in document["keys"]] == [k.public.kid for k in w.home.signing]
        assert [a["id"] for a in document["accepts"]] == list(accepts)
        assert document["operator"] == "A shop"
        for name, url in document["endpoints"].items():
            assert url.startswith(w.origin + "/")
            status = (await w.get(url.removeprefix(w.origin))).status
            assert status != 404 or name in ("records", "schemas", "boards", "blobs", "relationships")
        myterms = await w.get("/.well-known/myterms")
        assert SPEC.faults("documents/myterms.json", myterms.document) == []
        assert myterms.document["accepts"] == document["accepts"]
        assert (myterms.document["origin"], myterms.document["roster"]) == (w.origin, document["roster"])


async def test_every_receipt_is_signed_with_a_key_of_the_discovery_document():
    async with running() as w:
        deal = await meet(w)
        reply = await deal.proffer()
        listed = (await w.get("/.well-known/vrm-configuration")).document["keys"]
        found = {k["kid"]: keys.from_jwk(k) for k in listed}
        head, _, signature = reply.body.rpartition(b".")
        header = envelope.peek(reply.body)[0]
        assert header["typ"] == "vrm-receipt+jwt"
        assert found[header["kid"]].verify(head, keys.unb64(signature.decode()))


async def test_documents_fit_their_schemas():
    async with running() as w:
        deal = await long_thread(w)
        reads = {
            f"/v1/threads/{deal.thid}": "thread",
            "/v1/threads": "threads",
            f"/v1/records/{deal.mids[1]}": "record",
        }
        for path, name in reads.items():
            reply = await deal.first.read(path)
            assert reply.headers["Content-Type"] == "application/json"
            assert reply.headers["Cache-Control"] == "no-store"
            assert SPEC.oracle(f"documents/{name}.json", reply.document) == []
        roster = await w.get("/v1/roster")
        assert SPEC.oracle("documents/roster.json", roster.document) == []
        for entry in roster.document["agreements"]:
            manifest = await w.get(f"/v1/roster/{entry['id']}/{entry['version']}")
            assert SPEC.oracle("documents/manifest.json", manifest.document) == []
            assert keys.b64(hashlib.sha256(manifest.body).digest()) == entry["digest"]
        for path in ("/healthz", "/readyz"):
            reply = await w.get(path)
            assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        wrong = await w.get("/nothing")
        assert SPEC.oracle("documents/problem.json", wrong.document) == []


async def test_schemas_are_served_as_they_are():
    import json

    async with running() as w:
        base = (await w.get("/.well-known/vrm-configuration")).document["endpoints"]["schemas"]
        for path in SPEC.schemas:
            reply = await w.get(f"{base.removeprefix(w.origin)}/{path}")
            assert (reply.status, reply.headers["Content-Type"]) == (200, "application/schema+json")
            assert reply.document == json.loads((SPEC.root / path).read_bytes())
        for path in ("x.json", "messages", "messages/", "../errors.json", "errors.json", "meta/errors.json"):
            assert (await w.get(f"/v1/schemas/{path}")).code == "not-found"


async def test_openapi_is_openapi():
    from openapi_spec_validator import OpenAPIV31SpecValidator

    async with running() as w:
        document = (await w.get("/openapi.json")).document
        OpenAPIV31SpecValidator(document).validate()
        told = {(p, m.upper()) for p, item in document["paths"].items() for m in item}
        assert told == {(e["path"], e["method"]) for e in SPEC.endpoints}


# --- layers of an agreement -----------------------------------------------------------------------

PATH = "/v1/roster/SD-BASE-DP/1.0"


def text_of(layer: str, lang: str) -> bytes:
    texts = SPEC.roster.named("SD-BASE-DP").texts
    return next(t.data for t in texts if (t.layer, t.lang) == (layer, lang))


@pytest.mark.parametrize(
    ("accept", "language", "layer", "lang"),
    [
        (None, None, "manifest", ""),
        ("*/*", "de", "manifest", ""),
        ("application/json", "de", "manifest", ""),
        ("text/markdown", None, "plain", "en"),
        ("text/markdown", "de", "plain", "de"),
        ("text/markdown", "de-AT, en;q=0.5", "plain", "de"),
        ("text/markdown", "fr, de;q=0.9, en;q=0.1", "plain", "de"),
        ("text/markdown", "en;q=0.1, de;q=0.9", "plain", "de"),
        ("text/markdown", "de;q=0, en", "plain", "en"),
        ("text/markdown", "fr", "plain", "en"),
        ("text/markdown", "*", "plain", "en"),
        ("text/*", None, "plain", "en"),
        ("TEXT/Markdown", None, "plain", "en"),
        ("text/markdown;layer=legal", "en", "legal", "en"),
        ('text/markdown; layer="legal"', "en", "legal", "en"),
        ("text/markdown;layer=legal", "de", "legal", "en"),
        ("application/ld+json", None, "machine", "en"),
        ("text/html, text/markdown;q=0.8, application/json;q=0.9", None, "manifest", ""),
        ("text/html;q=1, text/markdown;q=0.8, application/json;q=0.2", None, "plain", "en"),
        ("application/json;q=0, text/markdown", None, "plain", "en"),
        ("application/json;q=0, */*;q=0.1", None, "manifest", ""),
    ],
)
async def test_accept_chooses_the_layer(accept, language, layer, lang):
    async with running() as w:
        headers = {"Accept": accept, "Accept-Language": language}
        reply = await w.get(PATH, **{k: v for k, v in headers.items() if v is not None})
        assert reply.status == 200
        assert "Accept" in reply.headers["Vary"]
        if layer == "manifest":
            assert reply.body == SPEC.roster.named("SD-BASE-DP").manifest
            assert reply.headers["Content-Type"] == "application/json"
            return
        texts = [t for t in SPEC.roster.named("SD-BASE-DP").texts if t.layer == layer]
        wanted = next((t for t in texts if t.lang == lang), texts[0])
        assert reply.body == wanted.data
        assert reply.headers["Content-Language"] == wanted.lang
        assert reply.headers["Content-Type"].startswith(wanted.media_type)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Accept": "text/html"}, ""),
        ({"Accept": "image/*, text/plain"}, ""),
        ({"Accept": "application/json;q=0"}, ""),
        ({"Accept": "garbage"}, ""),
        ({"Accept": ";;;,,,;q=x"}, ""),
        ({}, "?layer=other"),
        ({}, "?layer="),
        ({}, "?layer=plain&lang=fr"),
        ({}, "?layer=plain&lang="),
        ({}, "?layer=machine&lang=de&lang=en"),
    ],
    ids=str,
)
async def test_what_there_is_not_is_not_acceptable(headers, query):
    async with running() as w:
        reply = await w.get(PATH + query, **headers)
        assert (reply.status, reply.code) == (406, "not-acceptable")


async def test_links_choose_by_query():
    async with running() as w:
        for layer, lang in (("plain", "en"), ("plain", "de"), ("legal", "en")):
            reply = await w.get(f"{PATH}?layer={layer}&lang={lang}", Accept="application/json")
            assert reply.body == text_of(layer, lang)
            assert (
                keys.b64(hashlib.sha256(reply.body).digest())
                in SPEC.roster.named("SD-BASE-DP").manifest.decode()
            )
        assert (await w.get(f"{PATH}?layer=manifest", Accept="text/markdown")).document["id"] == "SD-BASE-DP"
        for path in ("/v1/roster/SD-BASE-DP/9.9", "/v1/roster/SD-NEW/1.0", "/v1/roster/sd-base-dp/1.0"):
            assert (await w.get(path)).code == "not-found"


@pytest.mark.parametrize(
    "path", ["/.well-known/vrm-configuration", "/.well-known/myterms", "/v1/roster", PATH,
             f"{PATH}?layer=plain", "/openapi.json", "/v1/schemas/envelope.json"]
)  # fmt: skip
async def test_public_documents_have_an_etag(path):
    async with running() as w:
        reply = await w.get(path)
        tag = header(reply, "ETag")
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = await w.get(path, **{"If-None-Match": known})
            assert (again.status, again.body) == (304, b"")
            assert header(again, "ETag") == tag
            assert again.headers["Access-Control-Allow-Origin"] == "*"
        for known in ('"x"', "", tag.strip('"'), '"' + tag):
            assert (await w.get(path, **{"If-None-Match": known})).status == 200


async def test_each_form_has_an_etag_of_its_own():
    async with running() as w:
        tags = set()
        for query in ("?layer=plain&lang=en", "?layer=plain&lang=de", "?layer=legal", "?layer=machine", ""):
            tags.add(header(await w.get(PATH + query), "ETag"))
        assert len(tags) == 5


# --- browsers -------------------------------------------------------------------------------------


async def test_every_answer_is_open_to_other_origins():
    async with running() as w:
        deal = await meet(w)
        await deal.proffer()
        replies = [
            await w.get("/.well-known/vrm-configuration", Origin="https://app.example"),
            await w.get("/v1/threads", Origin="https://app.example"),
            await w.get("/nothing"),
            await w.post("x"),
            await w.post("x", media="text/plain"),
            await w.post(deal.first.tokens[0]),
            await deal.first.read("/v1/threads"),
            await deal.first.read(f"/v1/records/{NONSENSE}"),
            await deal.second.poll(),
            await w.get("/v1/messages"),
            await w.get("/healthz"),
        ]
        for reply in replies:
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in reply.headers


async def test_preflight():
    async with running() as w:
        for endpoint in SPEC.endpoints:
            path = endpoint["path"].replace("{thid}", NONSENSE).replace("{", "").replace("}", "")
            asked = {
                "Origin": "https://app.example",
                "Access-Control-Request-Method": endpoint["method"],
                "Access-Control-Request-Headers": "authorization, content-type",
            }
            async with w.http.options(w.origin + path, headers=asked) as answer:
                assert answer.status in (200, 204)
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert endpoint["method"] in answer.headers["Access-Control-Allow-Methods"]
                allowed = answer.headers["Access-Control-Allow-Headers"].lower()
                assert "authorization" in allowed
                assert "content-type" in allowed


# --- a store that fails ---------------------------------------------------------------------------


class Failing(MemoryStore):
    """A store whose transactions fail at their end while ``faults`` lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[type[StoreError]] = []

    @contextlib.contextmanager
    def begin(self) -> Iterator[Transaction]:
        with super().begin() as transaction:
            yield transaction
            if self.faults:
                raise self.faults.pop()("the disk is full")


async def test_ready_says_whether_the_store_takes_writes():
    store = Failing()
    async with running(store) as w:
        assert (await w.get("/readyz")).status == 200
        store.faults = [StoreError] * 2
        reply = await w.get("/readyz")
        assert (reply.status, reply.code) == (503, "unavailable")
        assert reply.headers["Retry-After"]
        assert (await w.get("/healthz")).status == 200
        await w.get("/readyz")
        assert (await w.get("/readyz")).status == 200


async def test_a_home_that_cannot_store_says_so_and_recovers():
    store = Failing()
    async with running(store) as w:
        deal = await meet(w)
        store.faults = [StoreError] * 3
        token = deal.first.sign(deal.first.claims("terms.proffer", proffer(w.clock), deal.second.id))
        for _ in range(3):
            reply = await w.post(token)
            assert (reply.status, reply.code) == (503, "unavailable")
            assert reply.document["retryable"] is True
            assert int(reply.headers["Retry-After"]) > 0
            assert "disk" not in reply.body.decode()  # what the operator reads in the log
        assert (await deal.first.read("/v1/threads")).document["threads"] == []
        taken = deal.note(await w.post(token))
        assert taken.document["seq"] == 1
        assert (await deal.second.poll()).document["order"] == [deal.thid]
        await deal.accept()
        await deal.check("agreed")


async def test_heads_of_a_batch_that_was_not_stored_are_forgotten():
    store = Failing()
    async with running(store) as w:
        deal = await meet(w)
        await deal.proffer()
        claims = {"thid": deal.thid, "prev": deal.head}
        accept = deal.second.sign(
            deal.second.claims("terms.accept", acceptance(deal.thid), deal.first.id, **claims)
        )
        store.faults = [StoreError]
        assert (await w.post(accept)).status == 503
        assert (await deal.checkpoint(deal.first))["state"] == "proffered"
        assert (await deal.first.poll()).document["order"] == []
        taken = deal.note(await w.post(accept))
        assert (taken.document["seq"], taken.document["prior"]) == (2, deal.thid)
        deal.record = taken.document["mid"]
        store.faults = [StoreError]
        terminate = deal.first.sign(
            deal.first.claims("agreement.terminate", {}, deal.second.id, thid=deal.thid, prev=deal.head)
        )
        assert (await w.post(terminate)).status == 503
        await deal.check("agreed")
        deal.note(await w.post(terminate))
        await deal.check("terminated")


async def test_a_batch_fails_or_is_stored_as_one():
    store = Failing()
    async with running(store) as w:
        shop = await w.organisation()
        people = [w.person() for _ in range(12)]
        tokens = [p.sign(p.claims("terms.proffer", proffer(w.clock), shop.id)) for p in people]
        store.faults = [StoreError]
        replies = await asyncio.gather(*(w.post(t) for t in tokens))
        assert {r.status for r in replies} <= {202, 503}
        assert 503 in {r.status for r in replies}
        again = await asyncio.gather(*(w.post(t) for t in tokens))
        for first, second in zip(replies, again, strict=True):
            assert second.status == (200 if first.status == 202 else 202)
            assert second.document["seq"] == 1
        assert len((await shop.poll()).document["order"]) == 12


async def test_a_rotation_that_was_not_stored_leaves_the_old_identifier_in_place():
    store = Failing()
    async with running(store) as w:
        deal = await meet(w)
        await deal.proffer()
        await deal.accept()
        new = w.person()
        claims = {"iss": deal.first.id, "sub": new.id, "aud": deal.second.id, "home": w.origin}
        proof = deal.first.sign({**claims, "thid": deal.thid, "iat": int(w.clock())}, envelope.PROOF)
        body = {"replaces": deal.first.id, "proof": proof}
        token = new.sign(new.claims("agent.rotate", body, deal.second.id, thid=deal.thid, prev=deal.head))
        store.faults = [StoreError]
        assert (await w.post(token)).status == 503
        assert (await new.read(f"/v1/threads/{deal.thid}")).status == 404
        await deal.check("agreed")
        deal.note(await w.post(token))
        deal.first = new
        await deal.check("agreed")


async def test_a_store_that_is_locked_for_a_moment_is_waited_for():
    store = Failing()
    async with running(store) as w:
        deal = await meet(w)
        store.faults = [StoreBusyError] * 4
        replies: list[Reply] = []

        async def send() -> None:
            replies.append(await w.person().send("terms.proffer", proffer(w.clock), deal.second.id))

        await asyncio.gather(*(send() for _ in range(5)))
        assert {r.status for r in replies} == {202}
        assert store.faults == []


async def test_a_store_that_raises_something_else_is_unavailable_too(caplog):
    class Broken(Failing):
        def messages(self, thid: str, start: int, limit: int) -> Any:
            raise RuntimeError("a secret of the machine")

    store: Store = Broken()
    async with running(store) as w:
        deal = await meet(w)
        await deal.proffer()
        reply = await deal.first.read(f"/v1/threads/{deal.thid}")
        assert (reply.status, reply.code) == (503, "unavailable")
        assert b"secret" not in reply.body
        assert "could not be answered" in caplog.text


async def test_an_inbox_is_not_fuller_for_what_was_not_stored():
    store = Failing()
    async with running(store, inbox=2) as w:
        shop, person = await w.organisation(), w.person()
        await crowd(w, shop, 1)
        token = person.sign(person.claims("terms.proffer", proffer(w.clock), shop.id))
        store.faults = [StoreError] * 3
        assert [(await w.post(token)).status for _ in range(4)] == [503, 503, 503, 202]
        assert len((await shop.poll()).document["order"]) == 2


async def test_nobody_is_known_by_a_batch_that_was_not_stored():
    store = Failing()
    async with running(store) as w:
        person, newcomer = w.person(), w.person()
        token = person.sign(person.claims("terms.proffer", proffer(w.clock), newcomer.id))
        arrival = Arrival(w.home.parse(token.encode()))
        store.faults = [StoreError]
        with pytest.raises(StoreError):
            w.home.accept_batch([Acknowledgement(newcomer.id), arrival], int(w.clock()))
        assert (await w.post(token)).code == "addressee-unknown"
        await newcomer.announce()
        assert (await w.post(token)).status == 202
