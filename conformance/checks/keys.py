"""Checks of origins and the keys of organisations (identity.md), and of what is fetched because of whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from conformance import jose, receipts
from conformance.jose import Key
from conformance.lab import Lab, Party, Thread, check
from conformance.results import Inconclusive
from conformance.session import PATIENCE, PAUSE, Organisation, Origins
from conformance.wire import together

__all__: list[str] = []


def _origins(lab: Lab) -> Origins:
    if lab.session.origins is None:
        raise Inconclusive("an organisation has to be played", "origin")
    return lab.session.origins


async def _publish(lab: Lab, *keys: Key, retired: tuple[Key, ...] = (), **members: Any) -> Organisation:
    now = lab.target.now()
    document = {
        "keys": jose.published(*keys),
        "historical_keys": [{"kid": key.kid, "revoked_at": now - 86400} for key in retired],
        **members,
    }
    return await _origins(lab).add({"key": keys[0]}, document)


async def _asked(made: Organisation, ask: Callable[[], Awaitable[None]]) -> None:
    """Ask until the document was fetched: a home may bound how many new origins one client names."""
    for waited in range(0, PATIENCE, PAUSE):
        if waited:
            await asyncio.sleep(PAUSE)
        await ask()
        if made.fetched:
            return
    raise Inconclusive("the home has not asked for the document")


def _message(lab: Lab, origin: str, key: Key, aud: str) -> str:
    return jose.token(key, lab.claims(Party(origin, key), "terms.proffer", aud, lab.bodies.proffer()))


# --- names ----------------------------------------------------------------------------------------


@check("VRM-ID-003")
async def an_http_origin_is_no_party_and_no_home(lab: Lab) -> None:
    """Neither as ``iss``, ``aud`` nor ``home``, but for two names of loopback in development mode."""
    person, vendor = lab.person(), await lab.vendor()
    refused = [
        "http://example.com",
        "http://example.com:8080",
        "http://10.0.0.1",
        "http://192.168.0.1:8080",
        "http://127.0.0.2",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://my-localhost",
        "http://0.0.0.0",
    ]
    if not lab.target.loopback:
        refused += ["http://127.0.0.1", "http://127.0.0.1:8080", "http://localhost", "http://localhost:8080"]
    for origin in refused:
        for name in ("aud", "iss", "home"):
            claims = lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer())
            said = await lab.send(jose.token(person.key, {**claims, name: origin}), f"{name} {origin}")
            lab.refused("VRM-ID-003", said, "claim-invalid")
        answer = await lab.talk.poll(person.key, origin, label=f"a poll by {origin}")
        lab.refused("VRM-ID-003", answer, "request-invalid")
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-ID-003", not waiting, "nothing delivered", waiting)


@check("VRM-ENV-026", needs="origin")
async def an_addressee_is_not_fetched(lab: Lab) -> None:
    """Neither one that is unknown nor one that is known, whether the message is taken or not."""
    key, person = jose.generate(), lab.person()
    unknown, known = await _publish(lab, key), await _publish(lab, key)
    await lab.session.introduce(key, known.origin)
    before = known.fetched
    thread: Thread | None = None
    for aud, code in ((unknown.origin, "addressee-unknown"), (known.origin, "")):
        body = lab.bodies
        for claims in (
            {},
            {"iat": 1000, "exp": 2000},
            {"thid": jose.digest(b"a"), "prev": jose.digest(b"a")},
        ):
            said = await lab.attempt(person, "terms.proffer", body.proffer(), aud=aud, **claims)
            if code:
                lab.refused("VRM-ENV-026", said, code)
        late = body.proffer(answer_by=body.at(-9))
        await lab.attempt(person, "terms.proffer", late, aud=aud)
    thread = await lab.proffered(person, Party(known.origin, key))
    await lab.attempt(person, "terms.withdraw", {}, thread)
    await asyncio.sleep(0.8)
    lab.holds("VRM-ENV-026", unknown.fetched == 0, "an origin nobody asked", f"{unknown.fetched} requests")
    got = known.fetched - before
    lab.holds("VRM-ENV-026", got == 0, "no further request to a known origin", f"{got} requests")


# --- documents ------------------------------------------------------------------------------------


@check("VRM-ID-011", needs="origin")
async def a_document_that_cannot_be_read_is_said_to_be_so(lab: Lab) -> None:
    """Out of reach, no document, or that of another issuer: ``key-unavailable``, of messages and polls."""
    vendor, key = await lab.vendor(), jose.generate()
    keys = {"keys": jose.published(key)}
    lab.talk.waits = False  # the answer to bad input is no 503, the first time either

    def add(document: Mapping[str, Any] | None) -> Awaitable[Organisation]:
        return _origins(lab).add({"key": key}, document)

    def saying(body: bytes, status: int = 200) -> Callable[[], web.StreamResponse]:
        return lambda: web.Response(body=body, status=status, content_type="application/json")

    origins = {
        "nothing there": await add(None),
        "another issuer": await add({**keys, "issuer": "https://elsewhere.example"}),
        "no JSON": await add(keys),
        "a list": await add(keys),
        "revoked keys that are no list": await add({**keys, "historical_keys": 1}),
        "a document with an error": await add(keys),
    }
    broken = origins["a document with an error"]
    broken.answer = saying(json.dumps(broken.document).encode(), 500)
    origins["no JSON"].answer, origins["a list"].answer = saying(b"<html>"), saying(b"[]")

    async def one(what: str, origin: str) -> None:
        answer = await lab.talk.send(_message(lab, origin, key, vendor.id).encode(), f"{what}: a message")
        lab.refused("VRM-ID-011", answer, "key-unavailable")
        answer = await lab.talk.poll(key, origin, label=f"{what}: a poll")
        lab.refused("VRM-ID-011", answer, "key-unavailable")

    asked = [_asked(made, partial(one, what, made.origin)) for what, made in origins.items()]
    closed = "http://127.0.0.1:9" if lab.target.loopback else "https://nobody.invalid"
    await together([*asked, one("a closed port", closed)])
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-ID-011", not waiting, "nothing delivered", waiting)


@check("VRM-ID-016", needs="origin")
async def a_redirect_is_not_followed(lab: Lab) -> None:
    """To another origin or another path: the document behind it is not fetched, nor its key taken."""
    vendor, key = await lab.vendor(), jose.generate()
    for status, near in ((302, False), (308, False), (301, True)):
        away = await _origins(lab).add({"key": key}, {"keys": jose.published(key)})
        behind = await _publish(lab, key, issuer=away.origin)
        place = "/elsewhere" if near else f"{behind.origin}/.well-known/vrm-configuration"
        away.answer = partial(web.Response, status=status, headers={"Location": place})

        async def ask(away: Organisation = away, behind: Organisation = behind, status: int = status) -> None:
            token = _message(lab, away.origin, key, vendor.id)
            said = await lab.talk.send(token.encode(), f"an origin that answers {status}")
            got = behind.fetched + away.followed
            lab.holds("VRM-ID-016", got == 0, f"no request behind a {status}", f"{got} requests")
            lab.refused("VRM-ID-016", said, "key-unavailable")

        await _asked(away, ask)


@check("VRM-ID-013", needs="origin")
async def an_origin_is_asked_once_in_a_minute(lab: Lab) -> None:
    """Unknown keys, wrong signatures, polls and reads, at once and for three seconds: one request."""
    vendor = await lab.vendor()
    good, retired = jose.generate(), jose.generate()
    url = lab.target.endpoint("threads")

    async def forged(made: Organisation, key: Key, how: int) -> None:
        token = _message(lab, made.origin, key, vendor.id)
        if how == 1:
            token = token.rpartition(".")[0] + "." + jose.b64(bytes(64))
        if how == 2:
            await lab.talk.poll(key, made.origin, label="a poll by an organisation")
        elif how == 3:
            await lab.talk.read(key, made.origin, url, label="a read by an organisation")
        else:
            await lab.talk.send(token.encode(), "a message of an organisation")

    async def rushed(made: Organisation) -> None:
        await asyncio.gather(*(forged(made, jose.generate(), how) for how in (0, 1, 2, 3) * 3))

    async def repeated(what: str, made: Organisation, *keys: Key) -> None:
        await _asked(made, partial(rushed, made))
        for _ in range(4):
            for how in (0, 1, 2, 3):
                await forged(made, jose.generate(), how)
            for key in keys:
                await forged(made, key, 0)
            await asyncio.sleep(0.75)
        lab.holds("VRM-ID-013", made.fetched <= 1, f"one request to {what}", f"{made.fetched} requests")

    abrupt = await _publish(lab, good)
    abrupt.answer = lambda: None
    gone = await _origins(lab).add({"key": good}, None)
    there = await _publish(lab, good, retired=(retired,))
    await together(
        [
            repeated("an origin", there, good, retired),
            repeated("one that has no document", gone, good),
            repeated("one that hangs up", abrupt, good),
        ]
    )


@check("VRM-ID-014", "VRM-ID-015", needs="origin", slow=True, patient=True)
async def a_key_that_is_revoked_is_refused_and_what_it_signed_stays(lab: Lab) -> None:
    """Learned at the next fetch, a minute later, and kept even if the origin takes it back."""
    person, old, new, lost, last = lab.person(), *(jose.generate() for _ in range(4))
    made = await _publish(lab, old, retired=(lost,))
    assert made.document is not None
    shop = Party(made.origin, old, "an organisation")
    await lab.session.introduce(old, made.origin)
    thread = await lab.agreed(person, shop)
    held = [receipts.claims(lab.target, said.answer.text) for said in thread.said]
    token = _message(lab, made.origin, lost, person.id)
    lab.refused("VRM-ID-014", await lab.send(token, "a message with a retired key"), "key-revoked")
    made.document["keys"] = jose.published(new, last, lost)  # and the retired one comes back
    made.document["historical_keys"] = [{"kid": old.kid, "revoked_at": lab.target.now()}]
    before = made.fetched
    await asyncio.sleep(61.5)
    answer = await lab.talk.poll(new, made.origin, label="a poll with a new key")
    for _ in range(3):  # a key that was not there makes a home look again that may
        if made.fetched > before:
            break
        await asyncio.sleep(1.0)
        answer = await lab.talk.poll(new, made.origin, label="a poll with a new key")
    if made.fetched == before:
        raise Inconclusive("the home did not look at the origin again after a minute")
    await asyncio.sleep(1.0)
    lab.holds("VRM-ID-014", answer.status == 200, "a new key that is taken", answer.said)
    for key in (old, lost):
        said = await lab.send(_message(lab, made.origin, key, person.id), "a message with a revoked key")
        lab.refused("VRM-ID-014", said, "key-revoked")
        answer = await lab.talk.poll(key, made.origin, label="a poll with a revoked key")
        lab.refused("VRM-ID-014", answer, "request-invalid")
    shop.key = new
    for party in (person, shop):
        read = await lab.thread(party, thread.thid)
        tokens = [message.get("token") for message in read["messages"]]
        lab.holds("VRM-ID-015", tokens == [s.token for s in thread.said], "both messages", len(tokens))
        found = [receipts.claims(lab.target, message["receipt"]) for message in read["messages"]]
        lab.holds("VRM-ID-015", found == held, "with their receipts", str(found)[:300])
        keys = {entry["kid"]: entry["jwk"] for entry in read["keys"]}
        good = jose.verifies(tokens[1], keys.get(old.kid, {}))
        lab.holds("VRM-ID-015", good, "with the key that signed", sorted(keys))
    found_all = await lab.poll(person)
    lab.holds("VRM-ID-015", thread.head in found_all["sets"], "the message in the inbox", found_all["order"])
    record = await lab.record(person, thread.head)
    kids = {entry["kid"] for entry in record["keys"]}
    lab.holds("VRM-ID-015", old.kid in kids, "a record with the key that signed", sorted(kids))
    again = await lab.send(thread.said[1].token, "the acceptance again")
    lab.holds("VRM-ID-015", again.answer.status == 200, "200", again.answer.said)
