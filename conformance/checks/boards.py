"""Boards: who reads them, what filters match, threads that stand on them, and removal by the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from conformance import jose, receipts
from conformance.checks.feeds import Reader, aisle, filed, same, shown, told, wanted
from conformance.checks.intents import confirms
from conformance.jose import Key
from conformance.lab import Lab, Party, Thread, check
from conformance.results import Inconclusive

__all__: list[str] = []

CODES = ("illegal", "personal-data", "spam", "operator")


@check("VRM-BRD-001", profile="intent")
async def discovery_lists_boards_and_each_is_there(lab: Lab) -> None:
    """Each with name, URL and access, and behind each URL a feed."""
    boards = lab.target.discovery.get("boards")
    listed = isinstance(boards, list) and bool(boards)
    lab.holds("VRM-BRD-001", listed, "boards in the discovery document", boards)
    anna = lab.person()
    seen = set()
    for board in boards or ():
        named = [isinstance(board.get(name), str) and board[name] for name in ("name", "url", "access")]
        lab.holds("VRM-BRD-001", all(named), "name, url and access", board)
        lab.holds("VRM-BRD-001", board["access"] in ("public", "signed"), "public or signed", board)
        faults = lab.spec.faults("shared/board.json", board["url"])
        lab.holds("VRM-BRD-001", not faults, "the URL of a board", board["url"])
        answer = await lab.feed(board["url"], anna, limit=1)
        lab.holds("VRM-BRD-001", answer.status == 200, f"a feed at {board['url']}", answer.said)
        seen.add(board["url"])
    lab.holds("VRM-BRD-001", len(seen) == len(boards or ()), "a URL of its own for each", sorted(seen))


@check("VRM-BRD-003", profile="intent")
async def a_signed_board_is_read_with_a_valid_signature_only(lab: Lab) -> None:
    """Without one, with one of another request, too old or broken: refused. It has intents of its own."""
    url = lab.target.board("signed")
    if not url:
        raise Inconclusive("the home has no such board", "a signed board")
    anna, other = lab.person(), lab.person()
    code = aisle()
    intent = await lab.published(anna, url, need=wanted(lab, code))
    lab.refused("VRM-BRD-003", await lab.feed(url), "request-invalid")
    lab.refused("VRM-BRD-003", await lab.feed(url, category=f"unspsc:{code}"), "request-invalid")
    now = lab.target.now()
    made = lab.talk.signed
    tokens = {
        "of another URL": made(anna.key, anna.id, "GET", f"{url}x"),
        "of another method": made(anna.key, anna.id, "POST", url),
        "for another home": made(anna.key, anna.id, "GET", url, aud="https://else.example"),
        "that is too old": made(anna.key, anna.id, "GET", url, iat=now - 300, exp=now - 240),
        "by another key": made(other.key, anna.id, "GET", url),
        "that is cut": made(anna.key, anna.id, "GET", url)[:-8],
        "that is a message": intent.said[0].token,
    }
    for what, token in tokens.items():
        answer = await lab.talk.request(
            "GET", url, headers={"Authorization": f"VRM {token}"}, label=f"a read with a signature {what}"
        )
        lab.refused("VRM-BRD-003", answer, "request-invalid")
    signed = Reader(lab, code, party=lab.person(), board=url)
    await signed.shows("VRM-BRD-003", [shown(intent)])
    lab.refused(
        "VRM-BRD-003",
        await lab.feed(url, cursor=signed.cursor, category=f"unspsc:{code}"),
        "request-invalid",
    )
    if lab.target.board():
        elsewhere = told(await Reader(lab, code).on())
        lab.holds("VRM-BRD-003", not elsewhere, "not on the public board", elsewhere)


# --- filters --------------------------------------------------------------------------------------


async def _exactly(lab: Lab, query: Mapping[str, str], named: Mapping[str, Thread], right: str) -> None:
    """A filtered feed shows these intents of the named ones, by pages of 2 too."""
    own = {one.thid: name for name, one in named.items()}
    for limit in (0, 2):
        items = await Reader(lab, limit=limit, filters=query).on()
        got = sorted(own[i["mid"]] for i in items if i["mid"] in own and "token" in i)
        lab.holds("VRM-BRD-012", got == sorted(right.split()), f"{dict(query)}: {right}", " ".join(got))


@check("VRM-BRD-012", profile="intent")
async def a_category_matches_by_scheme_and_beginning(lab: Lab) -> None:
    """A code that begins so, in this scheme and no other, whichever of the categories it is."""
    code = aisle()
    short = code[:-1]
    other = f"{short}{(int(code[-1]) + 1) % 10}"
    needs = {
        "whole": wanted(lab, code),
        "sibling": wanted(lab, other),
        "second": wanted(lab, aisle(), code),
        "scheme": wanted(lab, code, scheme="gpc"),
        "parent": wanted(lab, short),
        "behind": wanted(lab, f"1{code[1:]}", f"7{code}"),
    }
    made = await asyncio.gather(*(lab.published(lab.person(), need=need) for need in needs.values()))
    named = dict(zip(needs, made, strict=True))
    await _exactly(lab, {"category": f"unspsc:{code}"}, named, "second whole")
    await _exactly(lab, {"category": f"unspsc:{short}"}, named, "parent second sibling whole")
    await _exactly(lab, {"category": f"gpc:{code}"}, named, "scheme")
    await _exactly(lab, {"category": f"cpv:{code}"}, named, "")
    await _exactly(lab, {"category": f"unspsc:{code}0"}, named, "")
    changed, later = named["whole"], aisle()
    body = lab.bodies.amendment(2, need=wanted(lab, later))
    await lab.say(changed.first, "intent.amend", body, changed)
    await _exactly(lab, {"category": f"unspsc:{code}"}, named, "second")
    await _exactly(lab, {"category": f"unspsc:{later}"}, named, "whole")


@check("VRM-BRD-012", profile="intent")
async def a_region_matches_what_lies_within_it(lab: Lab) -> None:
    """A country its parts, a part not another whose code begins alike, and no filter a circle."""
    code = aisle()
    circle = {"lat": "52.4", "lon": "4.6", "radius_km": 30}
    places: dict[str, Any] = {
        "es-a": {"region": "ES-A"},
        "es-ab": {"region": "ES-AB"},
        "es": {"region": "ES"},
        "nl-nh": {"region": "NL-NH"},
        "bv": {"region": "BV"},
        "circle": circle,
        "nowhere": None,
    }
    made = await asyncio.gather(*(filed(lab, code, where=where) for where in places.values()))
    named = dict(zip(places, made, strict=True))
    category = {"category": f"unspsc:{code}"}
    await _exactly(lab, category, named, " ".join(places))
    await _exactly(lab, {**category, "region": "ES"}, named, "es es-a es-ab")
    await _exactly(lab, {**category, "region": "ES-A"}, named, "es-a")
    await _exactly(lab, {**category, "region": "ES-AB"}, named, "es-ab")
    await _exactly(lab, {**category, "region": "NL"}, named, "nl-nh")
    await _exactly(lab, {**category, "region": "AQ"}, named, "")
    await _exactly(lab, {"region": "BV"}, named, "bv")


@check("VRM-BRD-012", profile="intent")
async def a_language_matches_what_begins_with_it_and_a_hyphen(lab: Lab) -> None:
    """By letters of either case; filters that are given together all have to match."""
    code = aisle()
    langs = {"de": "de", "ch": "de-CH", "den": "den", "hant": "zh-Hant-TW", "tw": "zh-TW", "kl": "kl"}
    made = await asyncio.gather(*(filed(lab, code, lang=lang) for lang in langs.values()))
    named = dict(zip(langs, made, strict=True))
    category = {"category": f"unspsc:{code}"}
    for tag in ("de", "DE"):
        await _exactly(lab, {**category, "lang": tag}, named, "ch de")
    for tag in ("de-CH", "de-ch", "DE-CH"):
        await _exactly(lab, {**category, "lang": tag}, named, "ch")
    await _exactly(lab, {**category, "lang": "de-AT"}, named, "")
    await _exactly(lab, {**category, "lang": "den"}, named, "den")
    await _exactly(lab, {**category, "lang": "zh"}, named, "hant tw")
    await _exactly(lab, {**category, "lang": "zh-hant"}, named, "hant")
    await _exactly(lab, {**category, "lang": "zh-TW"}, named, "tw")
    await _exactly(lab, {**category, "lang": "de", "region": "NL"}, named, "ch de")
    await _exactly(lab, {**category, "lang": "de", "region": "DE"}, named, "")
    await _exactly(lab, {"category": f"unspsc:{aisle()}", "lang": "de"}, named, "")
    await _exactly(lab, {"lang": "kl"}, named, "kl")


@check("VRM-BRD-019", profile="intent")
async def a_filter_of_another_form_is_refused(lab: Lab) -> None:
    """Each alone and beside one that is right, and one that is given twice."""
    code = aisle()
    right = {"category": f"unspsc:{code}", "region": "NL-NH", "lang": "de-CH"}
    answer = await lab.feed("", None, **right)
    lab.holds("VRM-BRD-019", answer.status == 200, "200 to filters of the right form", answer.said)
    wrong = {
        "category": [
            code,
            "unspsc:",
            f":{code}",
            ":",
            f"UNSPSC:{code}",
            f"unspsc:{code}\n",
            "unspsc:" + 21 * "1",
        ],
        "region": ["N", "52", "-NH", "nl", "NLD", "NL_NH", "NL-", "NL-NHXX", "NL\n"],
        "lang": ["d", "-", "1", "-de", "de_CH", "de-", "german!", "deutschland", "de-" + 9 * "x"],
    }
    for name, values in wrong.items():
        for value in values:
            for query in ({name: value}, {**right, name: value}):
                lab.refused("VRM-BRD-019", await lab.feed("", None, **query), "request-invalid")
        twice = f"?{name}={quote(right[name])}&{name}={quote(right[name])}"
        answer = await lab.talk.request("GET", f"{lab.board}{twice}", label=f"{name} is given twice")
        lab.refused("VRM-BRD-019", answer, "request-invalid")


@check("VRM-BRD-012", "VRM-BRD-013", profile="intent")
async def a_change_that_leaves_a_filter_is_an_end_there(lab: Lab) -> None:
    """And shown where it goes; what happens to it afterwards is not told where it was."""
    old, new = aisle(), aisle()
    one = await filed(lab, old, where={"region": "NL-NH"})
    leaving, entering, within, both = (
        Reader(lab, old),
        Reader(lab, new),
        Reader(lab, old, filters={"region": "NL"}),
        Reader(lab, filters={"lang": "en"}, code="9"),
    )
    for reader in (leaving, within):
        await reader.shows("VRM-BRD-012", [shown(one)])
    await entering.shows("VRM-BRD-012", [])
    await both.on()

    async def amend(version: int, *codes: str, **more: Any) -> None:
        body = lab.bodies.amendment(version, need=wanted(lab, *codes), **more)
        await lab.say(one.first, "intent.amend", body, one)

    await amend(2, old)  # where is gone
    changed = f"{one.thid} changed"
    await within.shows("VRM-BRD-013", [changed])
    await leaving.shows("VRM-BRD-012", [shown(one, 1)])
    await amend(3, new, where={"region": "BE"})
    await leaving.shows("VRM-BRD-013", [changed])
    await entering.shows("VRM-BRD-012", [shown(one, 2)])
    await within.shows("VRM-BRD-012", [])
    await amend(4, old, new, where={"region": "NL"})
    await leaving.shows("VRM-BRD-012", [shown(one, 3)])
    await entering.shows("VRM-BRD-012", [shown(one, 3)])
    await within.shows("VRM-BRD-012", [shown(one, 3)])
    await amend(5, new)
    await leaving.shows("VRM-BRD-013", [changed])
    await within.shows("VRM-BRD-013", [changed])
    await lab.say(one.first, "intent.withdraw", {}, one)
    for reader, right in ((leaving, []), (within, []), (entering, [shown(one, 4)])):
        end = [f"{one.thid} withdrawn"] if right else []
        await reader.shows("VRM-BRD-012", right + end)
    items = [i for i in await both.on() if i["mid"] == one.thid]
    kinds = [word.split(" ")[1] for word in told(items, versions=False)]
    lab.holds("VRM-BRD-012", kinds == ["shown"] * 4 + ["withdrawn"], "four versions and an end", kinds)


@check("VRM-BRD-013", profile="intent")
async def what_was_paused_comes_back_where_it_belongs(lab: Lab) -> None:
    """Amended while it is paused, an intent is shown again by its new version alone."""
    old, new = aisle(), aisle()
    one = await filed(lab, old)
    leaving, entering = Reader(lab, old), Reader(lab, new)
    await leaving.shows("VRM-BRD-012", [shown(one)])
    await entering.shows("VRM-BRD-012", [])
    await lab.say(one.first, "intent.pause", {}, one)
    await leaving.shows("VRM-BRD-009", [f"{one.thid} paused"])
    await lab.say(one.first, "intent.amend", lab.bodies.amendment(2, need=wanted(lab, new)), one)
    gone = told(await leaving.on())
    right = gone in ([], [f"{one.thid} changed"])
    lab.holds("VRM-BRD-013", right, "nothing, or that it has gone", gone)
    hidden = told(await entering.on(), versions=False)
    lab.holds("VRM-BRD-009", f"{one.thid} shown" not in hidden, "not while it is paused", hidden)
    await lab.say(one.first, "intent.resume", {}, one)
    items = told(await entering.on())
    same(lab, "VRM-BRD-013", [shown(one, 2)], items)
    await leaving.shows("VRM-BRD-013", [])


# --- threads --------------------------------------------------------------------------------------


@check("VRM-BRD-016", profile="intent")
async def a_thread_on_a_board_is_read_by_everyone_who_signs(lab: Lab) -> None:
    """A stranger, a vendor and the person read it alike; offers below it stay between their two."""
    anna, bob, vendor = lab.person(), lab.person(), await lab.vendor()
    intent = await lab.published(anna)
    await lab.say(anna, "intent.amend", lab.bodies.amendment(2), intent)
    offer = await lab.offered(intent, vendor, 2)
    for reader in (anna, bob, vendor, lab.person("ES256")):
        answer = await lab.get(reader, lab.thread_url(intent.thid))
        lab.holds("VRM-BRD-016", answer.status == 200, "200", answer.said)
        faults = lab.spec.faults("documents/thread.json", answer.document)
        lab.holds("VRM-BRD-016", not faults, "valid against documents/thread.json", faults[:2])
        document = answer.document
        tokens = [m.get("token") for m in document["messages"]]
        got = "the messages" if tokens == [s.token for s in intent.said] else str(tokens)
        lab.holds("VRM-BRD-016", got == "the messages", "the messages", got)
        found = receipts.claims(lab.target, document["checkpoint"])
        claims = {"error": found} if isinstance(found, str) else found
        right = (reader.id, intent.thid, intent.head, "open", True)
        named = tuple(claims.get(name) for name in ("aud", "thid", "mid", "state", "checkpoint"))
        same(lab, "VRM-BRD-016", right, named)
        kids = {key["kid"] for key in document["keys"]}
        lab.holds("VRM-BRD-016", anna.key.kid in kids, "the key that signed", sorted(kids))
        second = await lab.get(reader, lab.thread_url(intent.thid, from_=2, limit=1))
        shows = [m.get("token") for m in second.document["messages"]]
        lab.holds("VRM-BRD-016", shows == [intent.said[1].token], "the second message", len(shows))
    unsigned = await lab.talk.request("GET", lab.thread_url(intent.thid), label="a read without a signature")
    lab.refused("VRM-BRD-016", unsigned, "request-invalid")
    for reader in (bob, lab.person()):
        answer = await lab.get(reader, lab.thread_url(offer.thid))
        lab.refused("VRM-BRD-016", answer, "not-found")


# --- removal --------------------------------------------------------------------------------------


async def _notice(lab: Lab, party: Party, thid: str, **body: Any) -> dict[str, Any]:
    """The claims of what a poll tells about a thread; nothing where it tells nothing."""
    document = await lab.poll(party, **body)
    token = (document.get("notices") or {}).get(thid)
    if token is None:
        return {}
    found = receipts.claims(lab.target, token)
    return {"error": found} if isinstance(found, str) else found


def _operator(lab: Lab) -> Key:
    """The operator's key; nothing is judged without it."""
    if lab.session.operator is None:
        raise Inconclusive("the operator has to be played", "operator")
    return lab.session.operator


async def _removed(lab: Lab, mid: str, code: str) -> None:
    """The operator takes a thread off the board, which is to be done."""
    operator = _operator(lab)
    url = f"{lab.board}/{mid}"
    headers = {"Authorization": f"VRM {lab.talk.signed(operator, lab.target.issuer, 'DELETE', url)}"}
    answer = await lab.talk.request(
        "DELETE", f"{url}?code={code}", headers=headers, label="the operator removes"
    )
    lab.holds("VRM-BRD-017", answer.status == 204, "204 for the operator", answer.said)


@check("VRM-BRD-017", "VRM-INT-010", profile="intent", needs="operator")
async def the_operator_takes_a_thread_off_its_board(lab: Lab) -> None:
    """For each of the codes: it is removed, the feed says why, and nobody offers on it any more."""

    async def one_of(removal: str) -> None:
        code = aisle()
        vendor = await lab.vendor()
        intent = await filed(lab, code, rules={"accepts": 2})
        offers = [await lab.offered(intent, vendor) for _ in range(2)]
        await lab.accepted(offers[0])
        reader, other = Reader(lab, code), Reader(lab, code, filters={"region": "AQ"})
        await reader.shows("VRM-BRD-005", [shown(intent)])
        await other.shows("VRM-BRD-012", [])
        await _removed(lab, intent.thid, removal)
        await reader.shows("VRM-BRD-017", [f"{intent.thid} {removal}"])
        await other.shows("VRM-BRD-012", [])
        fresh = told(await Reader(lab, code).on())
        lab.holds("VRM-BRD-017", not fresh, "nothing that is removed", fresh)
        state = await lab.state(intent.first, intent.thid)
        lab.holds("VRM-BRD-017", state == "removed", "removed", state)
        document = await lab.thread(intent.first, intent.thid)
        claims = jose.claims_of(document["checkpoint"])
        lab.holds("VRM-BRD-017", claims.get("removed") == removal, removal, claims.get("removed"))
        made = lab.bodies.offer(intent.thid)
        late = await lab.attempt(vendor, "offer.make", made, aud=intent.first.id, pthid=intent.thid)
        lab.refused("VRM-BRD-017", late, "intent-not-open")
        states = [await lab.state(vendor, offer.thid) for offer in offers]
        lab.holds("VRM-INT-010", states == ["accepted", "lapsed"], "accepted, lapsed", states)
        await confirms(lab, "VRM-INT-010", offers[0])
        again = await lab.attempt(intent.first, "intent.amend", lab.bodies.amendment(2), intent)
        lab.refused("VRM-BRD-017", again, "state-conflict")

    operator = _operator(lab)
    for removal in CODES:
        await one_of(removal)
    nothing = f"{lab.board}/{jose.digest(b'nothing')}"
    for url in (nothing, f"{lab.board}/{(await lab.proffered(lab.person(), await lab.vendor())).thid}"):
        headers = {"Authorization": f"VRM {lab.talk.signed(operator, lab.target.issuer, 'DELETE', url)}"}
        answer = await lab.talk.request(
            "DELETE", f"{url}?code=spam", headers=headers, label="the operator removes what is not there"
        )
        lab.refused("VRM-BRD-017", answer, "not-found")
    intent = await lab.published(lab.person())
    url = f"{lab.board}/{intent.thid}"
    for party in (intent.first, await lab.vendor()):
        for iss in (party.id, lab.target.issuer):
            headers = {"Authorization": f"VRM {lab.talk.signed(party.key, iss, 'DELETE', url)}"}
            answer = await lab.talk.request(
                "DELETE", f"{url}?code=spam", headers=headers, label="somebody removes"
            )
            refused = 400 <= answer.status < 500
            lab.holds("VRM-BRD-017", refused, "a refusal: not the operator", answer.said)
    state = await lab.state(intent.first, intent.thid)
    lab.holds("VRM-BRD-017", state == "open", "open", state)


@check("VRM-BRD-018", profile="intent", needs="operator")
async def a_removal_is_told_in_every_poll_until_it_is_acknowledged(lab: Lab) -> None:
    """As a checkpoint for the first party, whatever else is polled for, and each thread by itself."""
    _operator(lab)
    anna, vendor = lab.person(), await lab.vendor()
    one, two = await lab.published(anna), await lab.published(anna)
    offer = await lab.offered(one, vendor)
    lab.holds("VRM-BRD-018", not await _notice(lab, anna, one.thid), "no notice before")
    await _removed(lab, one.thid, "illegal")
    await _removed(lab, two.thid, "personal-data")
    for body in ({}, {"maxEvents": 0}, {"maxEvents": 1}, {"ack": [offer.thid]}, {"ack": ["A" * 43]}):
        for intent, code in ((one, "illegal"), (two, "personal-data")):
            claims = await _notice(lab, anna, intent.thid, **body)
            right = (anna.id, intent.thid, intent.head, 1, "removed", code, True)
            names = ("aud", "thid", "mid", "seq", "state", "removed", "checkpoint")
            got = tuple(claims.get(name) for name in names)
            same(lab, "VRM-BRD-018", right, got)
    await lab.poll(vendor, ack=[one.thid])  # hers is not for others to acknowledge
    lab.holds("VRM-BRD-018", await _notice(lab, anna, one.thid), "a notice until she acknowledges it")
    after = await lab.poll(anna, ack=[one.thid])
    left = sorted(after.get("notices") or {})
    same(lab, "VRM-BRD-018", [two.thid], left)
    lab.holds("VRM-BRD-018", not await _notice(lab, anna, one.thid), "no notice after the ack")
    lab.holds("VRM-BRD-018", await _notice(lab, anna, two.thid), "the other is still told")
    await lab.poll(anna, ack=[two.thid])
    lab.holds("VRM-BRD-018", not (await lab.poll(anna)).get("notices"), "no notice after both")
