"""Checks of records (records.md): what stands in one, who reads it and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance import jose, receipts
from conformance.checks.threads import checkpoint, rotate
from conformance.lab import Lab, Party, Said, Thread, check
from conformance.wire import shop

__all__: list[str] = []


async def _proves(
    lab: Lab, thread: Thread, reader: Party, accepted: Said, messages: Sequence[Said], first: str, **now: Any
) -> None:
    """A record against what was said: every member of it, every digest recomputed."""
    assert thread.second is not None
    answer = await lab.get(reader, f"{lab.target.endpoint('records')}/{accepted.mid}")
    lab.holds("VRM-REC-001", answer.status == 200, "the record, for a party of it", answer.said)
    found = answer.document
    agreement = jose.claims_of(accepted.token)["body"]["agreement"]
    manifest = jose.decode(found["manifest"].rstrip("="))
    right = jose.digest(manifest) == agreement["digest"] and jose.b64(manifest) == found["manifest"]
    told = f"{jose.digest(manifest)}, ending in {found['manifest'][-8:]}"
    lab.holds("VRM-REC-005", right, f"a manifest with the digest {agreement['digest']}", told)
    tokens = [message["token"] for message in found["messages"]]
    lab.holds("VRM-REC-002", tokens == [s.token for s in messages], _types(messages), _named(tokens))
    for message, said in zip(found["messages"], messages, strict=True):
        claims = receipts.claims(lab.target, message["receipt"])
        lab.holds("VRM-REC-002", claims == said.receipt, f"the receipt {said.receipt}", claims)
    at = accepted.receipt["iat"]
    lab.holds("VRM-REC-003", found["executed_at"] == at, f"executed_at {at}", found["executed_at"])
    parties = (found["first"], found["second"])
    lab.holds("VRM-REC-004", parties == (first, thread.second.id), f"{first}, {thread.second.id}", parties)
    _keys(lab, found)
    state, last = now["state"], now["last"]
    lab.holds("VRM-REC-007", found["state"] == state, f"the state {state}", found["state"])
    lab.holds("VRM-REC-007", "checkpoint" in found, "a checkpoint", sorted(found))
    claims = receipts.claims(lab.target, found["checkpoint"])
    said_so = isinstance(claims, dict) and claims["state"] == state and claims.get("checkpoint") is True
    lab.holds("VRM-REC-007", said_so, f"a checkpoint of {state}", claims)
    faults = lab.spec.faults("documents/record.json", found)
    lab.holds("VRM-REC-001", not faults, "valid against documents/record.json", faults[:3])
    wanted = {"kind": "agreement", "id": accepted.mid, "home": lab.target.issuer, "thid": thread.thid}
    wanted["agreement"] = agreement
    got = {name: found[name] for name in wanted}
    lab.holds("VRM-REC-001", got == wanted, str(wanted), got)
    checkpoint(lab, found, reader, last.receipt, state)


def _types(messages: Sequence[Said]) -> str:
    return ", ".join(jose.claims_of(said.token)["type"] for said in messages)


def _named(tokens: Sequence[str]) -> str:
    return ", ".join(f"{jose.claims_of(t)['type']} {jose.mid_of(t)[:8]}" for t in tokens)


def _keys(lab: Lab, found: Mapping[str, Any]) -> None:
    held = {entry["kid"]: entry["jwk"] for entry in found["keys"]}
    for kid, jwk in held.items():
        lab.holds(
            "VRM-REC-006", jose.thumbprint(jwk) == kid and "d" not in jwk, "a key under its thumbprint", jwk
        )
    signed = [token for message in found["messages"] for token in (message["token"], message["receipt"])]
    for token in signed:
        kid = jose.header_of(token)["kid"]
        lab.holds("VRM-REC-006", kid in held, f"the key {kid}", sorted(held))
        lab.holds("VRM-REC-006", jose.verifies(token, held[kid]), f"the key that signed, {kid}", held[kid])
    seen: dict[str, set[Any]] = {}
    for message in found["messages"]:
        claims = receipts.claims(lab.target, message["receipt"])
        at = claims.get("key_seen_at") if isinstance(claims, dict) else None
        seen.setdefault(jose.header_of(message["token"])["kid"], set()).add(at)
    for kid, moments in seen.items():
        source = "did:jwk" if moments == {None} else "discovery"
        entries = [entry for entry in found["keys"] if entry["kid"] == kid and entry["source"] == source]
        lab.holds("VRM-REC-015", bool(entries), f"{kid} with the source {source}", found["keys"])
        told = {entry.get("seen_at") for entry in entries}
        lab.holds("VRM-REC-015", told <= moments, f"seen_at of {kid}: {moments}", told)


ALL = (*(f"VRM-REC-00{n}" for n in range(1, 9)), "VRM-REC-015")


@check(*ALL, profile="terms")
async def a_record_proves_the_agreement_to_both_parties(lab: Lab) -> None:
    """After an acceptance and after an alternative, in both algorithms, and after a termination."""
    for alg in ("Ed25519", "ES256"):
        person, vendor = lab.person(alg), await lab.vendor("ES256")
        for alternative in (False, True):
            thread = await lab.proffered(person, vendor)
            url = f"{lab.target.endpoint('records')}/{thread.thid}"
            lab.refused("VRM-REC-001", await lab.get(person, url), "not-found")
            if alternative:
                body = lab.bodies.alternative(thread.head, "PDC-GOOD")
                await lab.say(vendor, "terms.alternative", body, thread)
            by = person if alternative else vendor
            name = "PDC-GOOD" if alternative else "SD-BASE"
            now = lab.target.now()  # dated long before its receipt
            taken = lab.bodies.accept(thread.head, name)
            accepted = await lab.say(by, "terms.accept", taken, thread, iat=now - 600, exp=now + 600)
            messages = list(thread.said)
            for party in (person, vendor):
                await _proves(
                    lab, thread, party, accepted, messages, person.id, state="agreed", last=thread.said[-1]
                )
            last = await lab.say(person, "agreement.terminate", {}, thread)
            for party in (vendor, person):
                await _proves(
                    lab, thread, party, accepted, messages, person.id, state="terminated", last=last
                )
                lab.held.add("VRM-REC-008")
            for other in (thread.thid, thread.said[-1].mid):
                answer = await lab.get(person, f"{lab.target.endpoint('records')}/{other}")
                lab.refused("VRM-REC-001", answer, "not-found")


@check("VRM-REC-001", "VRM-REC-002", "VRM-REC-006", "VRM-REC-015", profile="terms", needs="origin")
async def a_record_with_an_organisation_holds_its_key(lab: Lab) -> None:
    """The key read at the origin stands among ``keys``."""
    person, seller = lab.person(), await shop(lab)
    thread = await lab.agreed(person, seller)
    for party in (person, seller):
        said = thread.said
        await _proves(lab, thread, party, said[1], said, person.id, state="agreed", last=said[1])


@check("VRM-REC-002", "VRM-REC-004", "VRM-REC-007", profile="terms")
async def a_record_follows_the_changes_of_key_of_its_pair(lab: Lab) -> None:
    """In whichever thread they came, since the proffer, and the last one before it right behind it."""
    vendor, first = await lab.vendor(), lab.person()
    one = await lab.agreed(first, vendor)
    two = await lab.agreed(first, vendor, "PDC-AI", preferred=lab.bodies.agreement("PDC-AI"))
    waiting = await lab.proffered(first, vendor, preferred=lab.bodies.agreement("PDC-GOOD"))
    second, third = lab.person(), lab.person("ES256")
    turned = await rotate(lab, two, second)
    one.first = waiting.first = second
    accepted = await lab.say(
        vendor, "terms.accept", lab.bodies.accept(waiting.thid, "PDC-GOOD"), waiting, aud=second.id
    )
    for thread, messages, last in (
        (one, [*one.said, turned], one.said[1]),
        (two, [two.said[0], two.said[1], turned], turned),
        (waiting, [waiting.said[0], turned, accepted], accepted),
    ):
        for party in (second, vendor):
            agreed = thread.said[1]
            await _proves(lab, thread, party, agreed, messages, first.id, state="agreed", last=last)
        answer = await lab.get(first, f"{lab.target.endpoint('records')}/{thread.said[1].mid}")
        lab.refused("VRM-REC-001", answer, "not-found")
    after = await lab.agreed(second, vendor, preferred=lab.bodies.agreement("SD-BASE-DP"))
    plain = after.said[:2]
    await _proves(lab, after, second, plain[1], plain, second.id, state="agreed", last=plain[1])
    state = await lab.state(second, one.thid)
    lab.holds("VRM-REC-007", state == "superseded", "superseded by the later agreement", state)
    again = await rotate(lab, after, third)
    two.first = third
    await _proves(
        lab,
        after,
        third,
        plain[1],
        [plain[0], turned, plain[1], again],
        second.id,
        state="agreed",
        last=again,
    )
    messages = [one.said[0], one.said[1], turned, again]
    await _proves(lab, one, third, one.said[1], messages, first.id, state="superseded", last=one.said[1])


@check("VRM-REC-002", profile="terms")
async def a_rotation_to_an_identifier_that_she_has_left_is_in_no_record_of_hers(lab: Lab) -> None:
    """Who comes to bear it later is not the first party of this agreement."""
    vendor, first, second = await lab.vendor(), lab.person(), lab.person("ES256")
    thread = await lab.agreed(first, vendor)
    said = thread.said[:2]
    turned = await rotate(lab, thread, second)
    await rotate(lab, await lab.agreed(lab.person(), vendor), first)
    for reader in (second, vendor):
        messages = [*said, turned]
        await _proves(lab, thread, reader, said[1], messages, first.id, state="agreed", last=turned)


@check("VRM-REC-008", "VRM-REC-007", profile="terms")
async def a_record_outlives_its_agreement(lab: Lab) -> None:
    """Terminated by either, or superseded: still there, with the state of now."""
    vendor = await lab.vendor()
    for how in ("first", "second", "superseded"):
        person = lab.person()
        thread = await lab.agreed(person, vendor)
        if how == "superseded":
            await lab.agreed(person, vendor, "SD-BASE")
        else:
            await lab.say(person if how == "first" else vendor, "agreement.terminate", {}, thread)
        state = "superseded" if how == "superseded" else "terminated"
        for party in (person, vendor):
            url = f"{lab.target.endpoint('records')}/{thread.said[1].mid}"
            answer = await lab.get(party, url, schema=("documents/record.json", "VRM-REC-001"))
            lab.holds("VRM-REC-008", answer.status == 200, f"the record of what is {state}", answer.said)
            found = answer.document
            lab.holds("VRM-REC-007", found["state"] == state, state, found["state"])
            tokens = [message["token"] for message in found["messages"]]
            right = [said.token for said in thread.said[:2]]
            lab.holds("VRM-REC-008", tokens == right, "the same messages", _named(tokens))


@check("VRM-REC-001", profile="terms")
async def a_record_is_for_its_two_parties(lab: Lab) -> None:
    """Both read it; another vendor, another person and whoever has changed its key do not."""
    person, vendor, rival = lab.person(), await lab.vendor(), await lab.vendor()
    thread = await lab.agreed(person, vendor)
    await lab.agreed(person, rival)
    url = f"{lab.target.endpoint('records')}/{thread.head}"
    for party in (person, vendor):
        answer = await lab.get(party, url)
        lab.holds("VRM-REC-001", answer.status == 200, "the record, for a party of it", answer.said)
    new = lab.person()
    await rotate(lab, thread, new)
    for party in (rival, lab.person(), person):
        lab.refused("VRM-REC-001", await lab.get(party, url), "not-found")
    lab.refused("VRM-REC-001", await lab.talk.request("GET", url), "request-invalid")
    answer = await lab.get(new, url)
    lab.holds("VRM-REC-001", answer.status == 200, "the record, for the key of now", answer.said)
