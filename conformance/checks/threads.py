"""Checks of receipts, of reads of threads and of their list (home.md), of repeats and of refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from conformance import jose, receipts
from conformance.checks.polls import REASONS
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.wire import proffer, shop, together

__all__ = ["checkpoint", "pages", "rotate", "twin"]

_ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
"""Of the points of P-256: ``s`` and this minus ``s`` sign the same."""


async def rotate(lab: Lab, thread: Thread, new: Party, **body: Any) -> Said:
    """The first party of a thread takes a new key."""
    assert thread.second is not None
    vendor = thread.second.id
    made = {
        "replaces": thread.first.id,
        "proof": lab.proof(thread.first, new, vendor, thread.thid),
        **body,
    }
    ext = made.pop("ext", None)
    said = await lab.say(new, "agent.rotate", made, thread, aud=vendor, ext=ext)
    thread.first = new
    return said


@check("VRM-ID-022", profile="terms", needs="origin")
async def a_person_does_not_become_an_organisation(lab: Lab) -> None:
    """A rotation to an origin is refused, by a proof as well as by a key that she committed to."""
    thread, shop = await lab.agreed(lab.person(), await lab.vendor()), await lab.shop()
    assert thread.second is not None
    body = {
        "replaces": thread.first.id,
        "proof": lab.proof(thread.first, shop, thread.second.id, thread.thid),
    }
    said = await lab.attempt(shop, "agent.rotate", body, thread, aud=thread.second.id)
    lab.refused("VRM-ID-022", said, "thread-unknown")
    await rotate(lab, thread, lab.person(), nkt=shop.key.kid)
    body = {"replaces": thread.first.id}
    said = await lab.attempt(shop, "agent.rotate", body, thread, aud=thread.second.id)
    lab.refused("VRM-ID-022", said, "thread-unknown")
    await lab.say(Party(shop.key.did, shop.key), "agent.rotate", body, thread, aud=thread.second.id)


async def _long(lab: Lab, vendor: Party, count: int) -> Thread:
    """A thread of terms with so many messages: alternative, acceptance, changes of key in both algorithms."""
    thread = await lab.proffered(lab.person(), vendor)
    await lab.say(vendor, "terms.alternative", lab.bodies.alternative(thread.head), thread)
    await lab.say(thread.first, "terms.accept", lab.bodies.accept(thread.head, "SD-BASE-A"), thread)
    for n in range(count - 3):
        new = lab.person("ES256" if n % 2 else "Ed25519")
        new.name = "a person"
        await rotate(lab, thread, new)
    return thread


Look = Callable[[dict[str, Any]], None]


async def pages(
    lab: Lab, party: Party, thid: str, limit: int, look: Look | None = None
) -> list[dict[str, Any]]:
    """A thread read by its ``next``, so many messages at a time; each page is looked at when it has come."""
    found: list[dict[str, Any]] = []
    start = 1
    for _ in range(60):
        page = await lab.thread(party, thid, from_=start, limit=limit)
        faults = lab.spec.faults("documents/thread.json", page)
        lab.holds("VRM-HOM-025", not faults, "valid against documents/thread.json", faults[:3])
        count = len(page["messages"])
        lab.holds("VRM-HOM-025", 0 < count <= limit, f"1 to {limit} messages", count)
        seqs = [message["seq"] for message in page["messages"]]
        right = list(range(start, start + count))
        lab.holds("VRM-HOM-025", seqs == right, f"messages from {start} on: {right}", seqs)
        found.append(page)
        if look is not None:
            look(page)
        if "next" not in page:
            break
        lab.holds("VRM-HOM-025", page["next"] == start + count, f"next {start + count}", page["next"])
        start = page["next"]
    return found


def checkpoint(lab: Lab, read: Mapping[str, Any], reader: Party, last: Mapping[str, Any], state: str) -> None:
    """The checkpoint of a read is the last receipt's claims, for the reader and of now."""
    token = str(read.get("checkpoint", ""))
    found = receipts.claims(lab.target, token)
    if isinstance(found, str):
        lab.holds("VRM-HOM-026", False, "a checkpoint signed by the home", found)
        return
    wanted = {**last, "aud": reader.id, "checkpoint": True, "state": state, "iat": found["iat"]}
    lab.holds("VRM-HOM-026", found == wanted, str(wanted), found)
    near = int(last["iat"]) <= found["iat"] and lab.talk.of_now(int(found["iat"]), 2)
    lab.holds("VRM-HOM-026", near, f"iat of now, {lab.target.now()}", found["iat"])


# --- receipts -------------------------------------------------------------------------------------


def _receipt(lab: Lab, said: Said, party: Party, before: Said | None, state: str) -> None:
    """All of a receipt's claims against the message and the one before it."""
    found = receipts.claims(lab.target, said.answer.text)
    if isinstance(found, str):
        lab.holds("VRM-HOM-010", False, "a receipt signed by the home", found)
        return
    thid = said.thid if before else said.mid
    wanted = {"iss": lab.target.issuer, "aud": party.id, "mid": said.mid, "thid": thid, "state": state}
    got = {name: found[name] for name in wanted}
    lab.holds("VRM-HOM-010", got == wanted, str(wanted), got)
    near = lab.talk.of_now(int(found["iat"]), 3)
    lab.holds("VRM-HOM-010", near, f"iat about {lab.target.now()}", found["iat"])
    seq = before.receipt["seq"] + 1 if before else 1
    lab.holds("VRM-HOM-011", found["seq"] == seq, f"seq {seq}", found["seq"])
    prior = before.mid if before else None
    lab.holds("VRM-HOM-012", found.get("prior") == prior, f"prior {prior}", found.get("prior"))
    key = found["key"]
    members = {"kty", "crv", "x", "y"} if party.key.alg == "ES256" else {"kty", "crv", "x"}
    own = {n: key.get(n) for n in members} == dict(party.key.jwk) and "d" not in key
    lab.holds("VRM-HOM-013", own, f"the key {dict(party.key.jwk)}", key)
    seen = found.get("key_seen_at")
    told = seen is None if party.person else isinstance(seen, int) and seen <= found["iat"]
    lab.holds("VRM-HOM-013", told, "key_seen_at of what was read at an origin only", seen)
    if before:
        later = found["iat"] >= before.receipt["iat"]
        lab.holds("VRM-HOM-014", later, f"iat from {before.receipt['iat']} on", found["iat"])


async def _lived(lab: Lab, person: Party, vendor: Party) -> None:
    bodies = lab.bodies
    # dated in the past as far as a message may be: the receipt has the home's own time
    now = lab.target.now()
    old = {"iat": now - 3000, "exp": now + 600}
    thread = await lab.proffered(person, vendor)
    _receipt(lab, thread.said[0], person, None, "proffered")
    for party, type_, body, state, claims in (
        (vendor, "terms.alternative", bodies.alternative(thread.thid), "countered", {}),
        (person, "terms.accept", None, "agreed", old),
        (vendor, "agreement.terminate", {}, "terminated", {"prev": thread.thid}),
    ):
        made = bodies.accept(thread.head, "SD-BASE-A") if body is None else body
        before = thread.said[-1]
        said = await lab.say(party, type_, made, thread, **claims)
        _receipt(lab, said, party, before, state)


async def _refusals(lab: Lab, person: Party, vendor: Party) -> None:
    for type_, state in (("terms.reject", "rejected"), ("terms.withdraw", "withdrawn")):
        for alternative in (False, True):
            thread = await lab.proffered(person, vendor)
            by = vendor if type_ == "terms.reject" else person
            if alternative:
                await lab.say(vendor, "terms.alternative", lab.bodies.alternative(thread.head), thread)
                by = person
            before = thread.said[-1]
            said = await lab.say(by, type_, {}, thread)
            _receipt(lab, said, by, before, state)


@check("VRM-HOM-010", "VRM-HOM-011", "VRM-HOM-012", "VRM-HOM-013", "VRM-HOM-014")
async def receipts_say_what_was_received_when_and_by_which_key(lab: Lab) -> None:
    """Two lives of a thread, in both algorithms: every claim of every receipt."""
    for first, second in (("Ed25519", "ES256"), ("ES256", "Ed25519")):
        await _lived(lab, lab.person(first), await lab.vendor(second))
        await _refusals(lab, lab.person(first), await lab.vendor(second))


@check("VRM-HOM-013", "VRM-HOM-010", needs="origin")
async def receipts_of_an_organisation_say_when_its_key_was_read(lab: Lab) -> None:
    """``key_seen_at`` stands in the receipts of an organisation and in no other."""
    await _lived(lab, lab.person(), await shop(lab))


# --- reads ----------------------------------------------------------------------------------------


@check("VRM-HOM-025", "VRM-HOM-026", "VRM-HOM-027")
async def a_thread_is_read_page_by_page(lab: Lab) -> None:
    """With several page sizes, from the middle and beyond the end, by both: bytes, receipts, keys."""
    vendor = await lab.vendor("ES256")
    thread = await _long(lab, vendor, 9)
    sent, last = thread.said, thread.said[-1].receipt

    async def through(party: Party, limit: int) -> None:
        def look(page: dict[str, Any]) -> None:
            checkpoint(lab, page, party, last, "agreed")
            _keys(lab, page)

        found = await pages(lab, party, thread.thid, limit, look)
        shown = [message for page in found for message in page["messages"]]
        tokens = [message.get("token") for message in shown]
        lab.holds("VRM-HOM-025", tokens == [s.token for s in sent], "every message once", len(tokens))
        for message, said in zip(shown, sent, strict=True):
            claims = receipts.claims(lab.target, message["receipt"])
            lab.holds("VRM-HOM-025", claims == said.receipt, f"the receipt {said.receipt}", claims)

    both = (thread.first, vendor)
    await together(through(party, limit) for party in both for limit in (1, 2, 4, 8, 9, 50, 200))
    for party in both:
        for start in (2, 5, 9):
            read = await lab.thread(party, thread.thid, from_=start)
            got = [message["seq"] for message in read["messages"]]
            right = list(range(start, start + len(got)))
            lab.holds("VRM-HOM-025", got and got == right, f"messages from {start} on", got)
            _keys(lab, read)
        read = await lab.thread(party, thread.thid, from_=10)
        empty = not read["messages"] and "next" not in read
        lab.holds("VRM-HOM-025", empty, "nothing beyond the end, and no next", str(read)[:300])
        checkpoint(lab, read, party, last, "agreed")


def _keys(lab: Lab, page: Mapping[str, Any]) -> None:
    """Each token and receipt of a page verifies with a key of its member ``keys``."""
    held: dict[str, Any] = {}
    for entry in page["keys"]:
        right = jose.thumbprint(entry["jwk"]) == entry["kid"] and "d" not in entry["jwk"]
        lab.holds("VRM-HOM-027", right, "kid the thumbprint of a public jwk", entry)
        held[entry["kid"]] = entry["jwk"]
    for message in page["messages"]:
        for token in (message.get("token"), message["receipt"]):
            if token is None:
                continue
            kid = jose.header_of(token)["kid"]
            lab.holds("VRM-HOM-027", kid in held, f"the key {kid}", sorted(held))
            lab.holds("VRM-HOM-027", jose.verifies(token, held[kid]), f"a key that signed, {kid}", held[kid])
    kid = jose.header_of(page["checkpoint"])["kid"]
    lab.holds("VRM-HOM-027", kid in held or not page["messages"], f"the key {kid} of the home", sorted(held))


@check("VRM-HOM-025", "VRM-HOM-027", needs="origin")
async def the_keys_of_an_organisation_stand_in_a_thread(lab: Lab) -> None:
    """Read by both parties, each token and receipt with a key that signed it."""
    person, seller = lab.person(), await shop(lab)
    thread = await lab.proffered(person, seller)
    await lab.say(seller, "terms.accept", lab.bodies.accept(thread.head), thread)
    for party in (person, seller):
        read = await lab.thread(party, thread.thid)
        tokens = [message.get("token") for message in read["messages"]]
        lab.holds("VRM-HOM-025", tokens == [s.token for s in thread.said], "both messages", len(tokens))
        _keys(lab, read)


@check("VRM-HOM-025", "VRM-ENV-033")
async def a_thread_gives_the_bytes_that_were_sent(lab: Lab) -> None:
    """Other alphabets, escapes, white space and the order of members come back unchanged; so does ``ext``."""
    vendor = await lab.vendor()
    for reason in REASONS:
        person = lab.person("ES256")
        thread = await lab.agreed(person, vendor)
        claims = lab.claims(person, "agreement.terminate", vendor.id, {"reason": reason}, thid=thread.thid)
        claims["prev"] = thread.head
        escaped = lab.rng.random() < 0.5
        payload = json.dumps(dict(reversed(claims.items())), ensure_ascii=escaped, indent=1).encode()
        header = json.dumps({"typ": "vrm+jwt", "kid": person.key.kid, "alg": "ES256"}).encode()
        token = jose.signed(person.key, header, payload)
        said = await lab.send(token, "a message in its own spelling")
        lab.holds("VRM-HOM-025", said.answer.status == 202, "202", said.answer.said)
        for party in (person, vendor):
            read = await lab.thread(party, thread.thid)
            got = read["messages"][-1]
            lab.holds("VRM-HOM-025", got.get("token") == token, "the bytes that were sent", got)
    ext = {
        "https://ext.example/\u00fc?a=b#c": {"deep": [[1, {"\U0001f697": None}]], "n": 1e10},
        "urn:example:other": "e\u0301 \u05d0",
    }
    thread = await lab.agreed(lab.person(), vendor)
    ascii_ = {
        "https://ext.example/a": ext["https://ext.example/\u00fc?a=b#c"],
        "urn:example:b": "e\u0301 \u05d0",
    }
    new = lab.person()
    proof = lab.proof(thread.first, new, vendor.id, thread.thid)
    said = await lab.attempt(
        new,
        "agent.rotate",
        {"replaces": thread.first.id, "proof": proof},
        thread,
        aud=vendor.id,
        ext=ascii_,
    )
    lab.holds(
        "VRM-ENV-033", said.answer.status == 202, "202 to an extension it does not know", said.answer.said
    )
    lab.holds("VRM-ENV-033", said.state == "agreed", "no effect", said.state)
    for party in (new, vendor):
        read = await lab.thread(party, thread.thid)
        got = read["messages"][-1].get("token")
        lab.holds("VRM-ENV-033", got == said.token, "the message with its extension", got)
    waiting = (await lab.poll(vendor))["sets"]
    lab.holds(
        "VRM-ENV-033", waiting.get(said.mid) == said.token, "the same in the inbox", waiting.get(said.mid)
    )


# --- the list -------------------------------------------------------------------------------------


async def _listed(lab: Lab, party: Party, after: str = "", limit: int = 0) -> dict[str, Any]:
    url = lab.target.endpoint("threads")
    query = {"after": after, "limit": str(limit) if limit else ""}
    said = urlencode({name: value for name, value in query.items() if value})
    answer = await lab.get(party, f"{url}?{said}" if said else url)
    lab.holds("VRM-HOM-028", answer.status == 200, "200", answer.said)
    found: dict[str, Any] = answer.document
    faults = lab.spec.faults("documents/threads.json", found)
    lab.holds("VRM-HOM-028", not faults, "valid against documents/threads.json", faults[:3])
    if limit:
        count = len(found["threads"])
        lab.holds("VRM-HOM-028", count <= limit, f"at most {limit} threads", count)
    return found


async def _all(lab: Lab, party: Party, after: str = "", limit: int = 0) -> tuple[list[str], str]:
    """All thids from a cursor on, and the last cursor."""
    found: list[str] = []
    for _ in range(100):
        page = await _listed(lab, party, after, limit)
        found += [entry["thid"] for entry in page["threads"]]
        after = page["after"]
        if not page["more"]:
            break
    return found, after


@check("VRM-HOM-028")
async def the_list_of_threads_follows_their_last_change(lab: Lab) -> None:
    """With several page sizes; what changes moves to the end; cursors go on where they stood."""
    vendor, other = await lab.vendor(), await lab.vendor()
    people = [lab.person(), lab.person()]
    empty, start = await _all(lab, vendor)
    lab.holds("VRM-HOM-028", not empty, "no thread yet", empty)
    made = [await lab.proffered(people[n % 2], vendor) for n in range(7)]
    await lab.proffered(people[0], other)
    order = [thread.thid for thread in made]
    for after in ("", start):
        for limit in (0, 1, 2, 3, 6, 7, 8, 200):
            got, _ = await _all(lab, vendor, after, limit)
            lab.holds("VRM-HOM-028", got == order, f"seven threads in order, {limit or 'many'} at once", got)
    _, middle = await _all(lab, vendor)
    page = await _listed(lab, vendor, middle)
    lab.holds("VRM-HOM-028", page["threads"] == [] and not page["more"], "nothing new", str(page))
    got, end = await _all(lab, vendor, page["after"])
    lab.holds("VRM-HOM-028", got == [], "nothing new behind the cursor of an empty page", got)
    await lab.say(vendor, "terms.accept", lab.bodies.accept(made[2].head), made[2])
    await lab.say(people[0], "terms.withdraw", {}, made[0])
    late = await lab.proffered(people[1], vendor)
    changed = [made[2].thid, made[0].thid, late.thid]
    got, _ = await _all(lab, vendor, end, 2)
    lab.holds("VRM-HOM-028", got == changed, f"what changed since: {changed}", got)
    rest = [thid for thid in order if thid not in changed]
    for limit in (0, 1, 4):
        got, _ = await _all(lab, vendor, "", limit)
        lab.holds("VRM-HOM-028", got == rest + changed, "each thread once, the changed ones last", got)
    page = await _listed(lab, vendor, end, 200)
    entries = {entry["thid"]: (entry["kind"], entry["seq"], entry["state"]) for entry in page["threads"]}
    wanted = {
        made[2].thid: ("terms", 2, "agreed"),
        made[0].thid: ("terms", 2, "withdrawn"),
        late.thid: ("terms", 1, "proffered"),
    }
    lab.holds("VRM-HOM-028", entries == wanted, str(wanted), entries)
    first = await _listed(lab, vendor, limit=3)
    await lab.say(vendor, "terms.reject", {}, made[1])  # while a reader stands between two pages
    left, _ = await _all(lab, vendor, first["after"], 3)
    seen = [entry["thid"] for entry in first["threads"]] + left
    lab.holds("VRM-HOM-028", set(seen) == {*order, late.thid}, "no thread left out", seen)
    lab.holds("VRM-HOM-028", seen[-1] == made[1].thid, "the thread that changed last at the end", seen)


@check("VRM-HOM-028")
async def the_list_has_the_threads_of_its_reader_only(lab: Lab) -> None:
    """The first and the second party see theirs, somebody else none; a rotation takes them along."""
    person, vendor, other = lab.person(), await lab.vendor(), await lab.vendor()
    thread = await lab.agreed(person, vendor)
    stays = await lab.proffered(person, other)
    for party, right in (
        (person, [thread.thid, stays.thid]),
        (vendor, [thread.thid]),
        (other, [stays.thid]),
        (lab.person(), []),
    ):
        got, _ = await _all(lab, party)
        lab.holds("VRM-HOM-028", got == right, f"the threads {right}", got)
    new = lab.person()
    await rotate(lab, thread, new)
    for party, right in ((new, [thread.thid]), (person, [stays.thid]), (vendor, [thread.thid])):
        got, _ = await _all(lab, party)
        lab.holds("VRM-HOM-028", got == right, f"after a change of key the threads {right}", got)


# --- repeats --------------------------------------------------------------------------------------


def twin(token: str) -> str:
    """The other signature of ECDSA that verifies over the same bytes."""
    said, _, last = token.rpartition(".")
    raw = jose.decode(last)
    s = _ORDER - int.from_bytes(raw[32:], "big")
    return f"{said}.{jose.b64(raw[:32] + s.to_bytes(32, 'big'))}"


async def _again(lab: Lab, said: Said, token: str = "", what: str = "the same message again") -> None:
    answer = await lab.talk.send((token or said.token).encode(), what)
    lab.holds("VRM-ENV-022", answer.status == 200, f"200 to {what}", answer.said)
    same = answer.text == said.answer.text
    lab.holds("VRM-ENV-022", same, f"the stored receipt {said.answer.text}", answer.text)
    lab.holds("VRM-ENV-022", answer.media == "application/jwt", "application/jwt", answer.media)


@check("VRM-ENV-022", "VRM-ENV-023")
async def a_repeated_message_gets_its_receipt_and_has_no_second_effect(lab: Lab) -> None:
    """At once, after others, in an ended thread, with the twin of its signature, after a change of key."""
    person, vendor = lab.person("ES256"), await lab.vendor("ES256")
    thread = await lab.proffered(person, vendor)
    first = thread.said[0]
    await _again(lab, first)
    await _again(lab, first, twin(first.token), "the message with the twin of its signature")
    await lab.poll(vendor, ack=[first.mid])
    accept = await lab.say(vendor, "terms.accept", lab.bodies.accept(thread.head), thread)
    others = [await lab.vendor(), await lab.vendor()]
    await together(
        lab.say(lab.person(), "terms.proffer", lab.bodies.proffer(), aud=others[n % 2].id) for n in range(26)
    )
    for said in (first, accept):
        await _again(lab, said, what="a message of some time ago")
        await _again(lab, said, twin(said.token), "a message of some time ago with the twin of its signature")
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-ENV-023", first.mid not in waiting, "an acknowledged message that stays away", waiting)
    own = await lab.inbox(person)
    lab.holds("VRM-ENV-023", own == [accept.mid], "one message", own)
    before, _ = await _all(lab, person)
    other = await lab.proffered(person, vendor)
    await _again(lab, accept)
    after, _ = await _all(lab, person)
    lab.holds("VRM-ENV-023", after == [*before, other.thid], "a list that a repeat does not change", after)
    rotation = await rotate(lab, thread, lab.person())
    end = await lab.say(thread.first, "agreement.terminate", {}, thread)
    for said in (first, accept, rotation, end):
        await _again(lab, said, what="a message of an ended thread")
    found = await pages(lab, vendor, thread.thid, 50)
    count = sum(len(page["messages"]) for page in found)
    lab.holds("VRM-ENV-023", count == 4, "four messages", count)
    checkpoint(lab, found[-1], vendor, end.receipt, "terminated")


@check("VRM-ENV-022", "VRM-ENV-024", "VRM-ENV-023")
async def a_stored_message_with_another_signature_is_refused(lab: Lab) -> None:
    """Bytes of a stored message under a signature that does not verify give no receipt."""
    for alg in ("Ed25519", "ES256"):
        person, vendor = lab.person(alg), await lab.vendor()
        thread = await lab.proffered(person, vendor)
        said = thread.said[0]
        start, _, last = said.token.rpartition(".")
        raw = jose.decode(last)
        other = jose.generate(alg)
        for what, signature in (
            ("one bit changed", raw[:-1] + bytes([raw[-1] ^ 1])),
            ("another bit changed", bytes([raw[0] ^ 128]) + raw[1:]),
            ("of another key", other.sign(start.encode())),
            ("of another message", person.key.sign(b"another")),
            ("of zeros", bytes(64)),
            ("halves swapped", raw[32:] + raw[:32]),
            ("too short", raw[:-1]),
            ("too long", raw + b"\0"),
            ("of one byte", b"\0"),
        ):
            answer = await lab.talk.send(f"{start}.{jose.b64(signature)}".encode(), f"a signature {what}")
            lab.refused("VRM-ENV-024", answer, "signature-invalid")
        await _again(lab, said)
        waiting = await lab.inbox(vendor)
        lab.holds("VRM-ENV-023", waiting == [said.mid], "one message", waiting)


@check("VRM-ENV-025")
async def only_who_is_known_here_can_be_written_to(lab: Lab) -> None:
    """Parties of threads and who has polled; not who has read, or was refused, or is of another spelling."""
    person, vendor = lab.person(), await lab.vendor()

    async def to(who: str) -> Said:
        return await lab.attempt(lab.person(), "terms.proffer", lab.bodies.proffer(), aud=who)

    stranger = lab.person()
    lab.refused("VRM-ENV-025", await to(stranger.id), "addressee-unknown")
    await lab.get(stranger, lab.target.endpoint("threads"))
    lab.refused("VRM-ENV-025", await to(stranger.id), "addressee-unknown")
    said = await lab.attempt(
        stranger, "terms.proffer", lab.bodies.proffer(answer_by=lab.bodies.at(-9)), aud=vendor.id
    )
    lab.refused("VRM-ENV-025", said, "deadline-invalid")
    lab.refused("VRM-ENV-025", await to(stranger.id), "addressee-unknown")
    url = lab.target.endpoint("poll")
    forged = jose.token(
        lab.person().key,
        jose.claims_of(lab.talk.signed(stranger.key, stranger.id, "POST", url, {})),
        "vrm-request+jwt",
    )
    headers = {"Content-Type": "application/jwt"}
    await lab.talk.request(
        "POST", url, headers=headers, data=forged.encode(), label="a poll in another's name"
    )
    lab.refused("VRM-ENV-025", await to(stranger.id), "addressee-unknown")
    for who in (
        "https://nobody-here.example",
        f"{lab.target.issuer.rpartition(':')[0]}:9",
        lab.target.issuer,
    ):
        lab.refused("VRM-ENV-025", await to(who), "addressee-unknown", "claim-invalid")
    await lab.session.introduce(stranger.key, stranger.id)
    lab.taken("VRM-ENV-025", await to(stranger.id), "proffered")
    await lab.proffered(person, vendor)
    lab.taken("VRM-ENV-025", await to(person.id), "proffered")
    thread = await lab.agreed(lab.person(), vendor)
    old = thread.first
    await rotate(lab, thread, lab.person())
    for party in (old, thread.first):
        lab.taken("VRM-ENV-025", await to(party.id), "proffered")


# --- what a thread takes --------------------------------------------------------------------------


@check("VRM-THR-013")
async def where_the_head_is_not_asked_for_any_message_will_do(lab: Lab) -> None:
    """Rejection, withdrawal, change of key and the vendor's termination on an older message."""
    vendor = await lab.vendor()
    for type_ in ("terms.reject", "terms.withdraw"):
        thread = await lab.proffered(lab.person(), vendor)
        await lab.say(vendor, "terms.alternative", lab.bodies.alternative(thread.head), thread)
        said = await lab.attempt(thread.first, type_, {}, thread, prev=thread.thid)
        lab.taken("VRM-THR-013", said, "rejected" if type_ == "terms.reject" else "withdrawn")
    thread = await lab.agreed(lab.person(), vendor)
    new = lab.person()
    body = {"replaces": thread.first.id, "proof": lab.proof(thread.first, new, vendor.id, thread.thid)}
    said = await lab.attempt(new, "agent.rotate", body, thread, aud=vendor.id, prev=thread.thid)
    lab.taken("VRM-THR-013", said, "agreed")
    thread.first = new
    said = await lab.attempt(vendor, "agreement.terminate", {}, thread, prev=thread.said[1].mid)
    lab.taken("VRM-THR-013", said, "terminated")
    right = said.receipt["prior"] == thread.said[-2].mid
    lab.holds("VRM-THR-013", right, "prior the message before, whatever prev says", said.receipt)


async def _terminated(lab: Lab, requirement: str, vendor: Party, by: str, prevs: tuple[str, ...]) -> None:
    for prev in prevs:
        thread = await lab.agreed(lab.person(), vendor)
        named = {"head": thread.head, "opening": thread.thid}.get(prev, prev)
        party = thread.first if by == "first" else vendor
        other = vendor if by == "first" else thread.first
        body = {"reason": "\u202e\U0001f697"} if prev == "opening" else {}
        said = await lab.attempt(party, "agreement.terminate", body, thread, prev=named)
        lab.taken(requirement, said, "terminated")
        state = await lab.state(other, thread.thid)
        lab.holds(requirement, state == "terminated", "terminated", state)
        waiting = await lab.inbox(other)
        lab.holds(requirement, said.mid in waiting, "the termination in the other's inbox", waiting)
        for one in (party, other):
            after = await lab.attempt(one, "agreement.terminate", {}, thread)
            lab.refused(requirement, after, "state-conflict")


@check("VRM-TRM-010", profile="terms")
async def either_party_ends_an_agreement(lab: Lab) -> None:
    """The person whatever her ``prev``, the organisation with one of the thread; then nobody any more."""
    vendor = await lab.vendor()
    nothing = jose.digest(b"nothing")
    await _terminated(lab, "VRM-TRM-010", vendor, "first", ("head", "opening", nothing))
    await _terminated(lab, "VRM-TRM-010", vendor, "second", ("head", "opening"))
    thread = await lab.agreed(lab.person(), vendor)
    said = await lab.attempt(vendor, "agreement.terminate", {}, thread, prev=nothing)
    lab.refused("VRM-TRM-010", said, "prev-unknown")


@check("VRM-THR-014")
async def the_prev_of_a_person_who_leaves_is_not_looked_at(lab: Lab) -> None:
    """An exit on an older message, on one of another thread and on one that does not exist is taken."""
    vendor = await lab.vendor()
    other = await lab.proffered(lab.person(), vendor)
    prevs = ("head", "opening", other.head, jose.digest(b"nothing"))
    await _terminated(lab, "VRM-THR-014", vendor, "first", prevs)


@check("VRM-THR-014", profile="intent")
async def the_prev_of_a_person_who_withdraws_an_intent_is_not_looked_at(lab: Lab) -> None:
    """The same for the exit of an intent, open or paused."""
    for paused in (False, True):
        for prev in (jose.digest(b"nothing"), "opening"):
            intent = await lab.published(lab.person())
            if paused:
                await lab.say(intent.first, "intent.pause", {}, intent)
            named = intent.thid if prev == "opening" else prev
            said = await lab.attempt(intent.first, "intent.withdraw", {}, intent, prev=named)
            lab.taken("VRM-THR-014", said, "withdrawn")


@check("VRM-ENV-033", profile="intent")
async def an_extension_is_kept_in_every_message_about_an_offer(lab: Lab) -> None:
    """Each type whose schema takes ``ext`` is taken with one that nobody knows, and shows it unchanged."""
    ext = {"https://ext.example/a": {"deep": [[1, {"\U0001f697": None}]]}, "urn:example:b": "e\u0301 \u05d0"}
    takes = {name for name, type_ in lab.spec.types.items() if type_.ext}
    person, vendor = lab.person(), await lab.vendor()

    async def said(
        party: Party, type_: str, body: Any, thread: Thread | None, aud: str = "", **more: Any
    ) -> Said:
        claims = {**more, "ext": ext if type_ in takes else None}
        one = await lab.attempt(party, type_, body, thread, aud, **claims)
        got = one.answer.said
        lab.holds("VRM-ENV-033", one.answer.status == 202, f"202 to {type_} with an extension", got)
        return one

    bodies = lab.bodies
    opened = await said(person, "intent.publish", bodies.intent(), None, lab.board)
    intent = Thread(opened.mid, person, None, lab.board, [opened])
    made = await said(vendor, "offer.make", bodies.offer(intent.thid), None, person.id, pthid=intent.thid)
    offer = Thread(made.mid, person, vendor, said=[made])
    await said(vendor, "offer.message", {"text": "a word"}, offer)
    await said(person, "offer.message", {"text": "another"}, offer)
    revised = await said(vendor, "offer.revise", bodies.revision(), offer)
    await said(person, "offer.accept", bodies.taking(revised.mid), offer)
    await said(vendor, "offer.confirm", bodies.taking(revised.mid, confirm_by=None), offer)
    await said(vendor, "order.fulfil", {}, offer)
    await said(person, "intent.amend", bodies.amendment(), intent)
    await said(person, "intent.close", {"outcome": "fulfilled"}, intent)
    for thread in (intent, offer):
        shown = [m["token"] for page in await pages(lab, person, thread.thid, 50) for m in page["messages"]]
        right = [one.token for one in thread.said]
        lab.holds("VRM-ENV-033", shown == right, "the bytes that were sent", len(shown))


@check("VRM-THR-016")
async def a_refused_message_changes_nothing(lab: Lab) -> None:
    """Refused by the row, by ``prev``, by a guard or before: thread, list, inboxes and numbers stay."""
    person, vendor, stranger = lab.person(), await lab.vendor(), lab.person()
    thread = await lab.proffered(person, vendor)
    await lab.say(vendor, "terms.alternative", lab.bodies.alternative(thread.head), thread)
    nothing = jose.digest(b"nothing")

    async def shown() -> Any:
        found: list[Any] = []
        for party in (person, vendor):
            read = await lab.thread(party, thread.thid)
            claims = jose.claims_of(read["checkpoint"])
            claims.pop("iat")
            listed, after = await _all(lab, party)
            entry = (await _listed(lab, party))["threads"]
            found += [read["messages"], claims, listed, after, entry, await lab.inbox(party)]
        return found

    before = await shown()
    bodies = lab.bodies
    accept = bodies.accept(thread.head, "SD-BASE-A")
    wrong = {**bodies.agreement("SD-BASE-A"), "digest": nothing}
    for code, party, type_, body, claims in (
        ("role-forbidden", vendor, "terms.accept", accept, {}),
        ("state-conflict", person, "agreement.terminate", {}, {}),
        ("state-conflict", vendor, "terms.alternative", bodies.alternative(thread.thid), {}),
        ("prev-stale", person, "terms.accept", accept, {"prev": thread.thid}),
        ("prev-unknown", person, "terms.withdraw", {}, {"prev": nothing}),
        ("terms-not-offered", person, "terms.accept", bodies.accept(thread.thid, "SD-BASE-A"), {}),
        ("terms-not-offered", person, "terms.accept", {**accept, "agreement": wrong}, {}),
        ("body-invalid", person, "terms.withdraw", {"reason": 1}, {}),
        ("type-unknown", person, "terms.unheard-of", {}, {}),
        ("expired", person, "terms.withdraw", {}, {"iat": 1000, "exp": 2000}),
        ("thread-unknown", stranger, "terms.withdraw", {}, {"aud": vendor.id}),
        ("aud-mismatch", person, "terms.withdraw", {}, {"aud": (await lab.vendor()).id}),
    ):
        said = await lab.attempt(party, type_, body, thread, **claims)
        lab.refused("VRM-THR-016", said, code)
        if code == "prev-stale":
            told = said.answer.document
            right = (told.get("head"), told.get("seq")) == (thread.head, 2)
            lab.holds("VRM-THR-016", right, f"head {thread.head} and seq 2", told)
        again = await lab.send(said.token, "the refused message again")
        lab.refused("VRM-THR-016", again, code)
    after = await shown()
    lab.holds("VRM-THR-016", after == before, "everything as it was", "something else")
    mids = [m["receipt"] for m in after[0]]
    lab.holds("VRM-THR-016", len(mids) == 2, "two messages", len(mids))
    refused = proffer(lab, person, vendor, body=bodies.proffer(answer_by=bodies.at(-9)))
    answer = await lab.send(refused, "a proffer that is refused")
    lab.refused("VRM-THR-016", answer, "deadline-invalid")
    for party in (person, vendor):
        read = await lab.get(party, lab.thread_url(jose.mid_of(refused)))
        lab.refused("VRM-THR-016", read, "not-found")
    said = await lab.attempt(person, "terms.accept", accept, thread)
    lab.taken("VRM-THR-016", said, "agreed")
    right = (said.receipt["seq"], said.receipt["prior"]) == (3, thread.said[1].mid)
    lab.holds("VRM-THR-016", right, "seq 3 after the second message", said.receipt)
