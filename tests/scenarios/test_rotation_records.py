"""Records of a pair that changed the person's key in another thread than the record's."""

from __future__ import annotations

from typing import Any

from tests.scenarios.market import market
from tests.world import SPEC, Party, acceptance, agreement, proffer, running
from vrmproto import envelope, keys, records, timing


async def rotate(old: Party, new: Party, other: str, thid: str, prev: str, **more: Any) -> str:
    """``agent.rotate`` in one thread; its mid."""
    body: dict[str, Any] = {"replaces": old.id, **more}
    if body.pop("proved", True):
        claims = {
            "iss": old.id,
            "sub": new.id,
            "aud": other,
            "home": old.world.origin,
            "thid": thid,
            "iat": int(old.world.clock()),
        }
        body["proof"] = envelope.seal(old.key, claims, envelope.PROOF)
    reply = await new.send("agent.rotate", body, other, thid=thid, prev=prev)
    assert reply.status == 202, reply.document
    return str(reply.document["mid"])


async def agreed(person: Party, vendor: Party, name: str) -> tuple[str, str]:
    """Thid and record of an agreement."""
    first = await person.send("terms.proffer", proffer(person.world.clock, name), vendor.id)
    thid = first.document["mid"]
    reply = await vendor.send("terms.accept", acceptance(thid, name), person.id, thid=thid, prev=thid)
    assert reply.status == 202, reply.document
    return thid, str(reply.document["mid"])


async def test_a_rotation_elsewhere_between_alternative_and_acceptance_is_in_the_record() -> None:
    async with running() as world:
        vendor, anna = world.person(), world.person()
        await vendor.announce()
        keys_of = [keys.generate() for _ in range(3)]
        second, third = (Party(world, k.did, k) for k in keys_of[:2])
        old, record = await agreed(anna, vendor, "PDC-AI")
        first_rotation = await rotate(anna, second, vendor.id, old, record, nkt=third.key.public.kid)

        opened = await second.send("terms.proffer", proffer(world.clock), vendor.id)
        thid = opened.document["mid"]
        until = timing.text(int(world.clock()) + 600)
        where = {"lang": "en", "place": "NL"}
        body = {"alternative_to": thid, "agreement": agreement("SD-BASE-A"), **where, "answer_by": until}
        other = await vendor.send("terms.alternative", body, second.id, thid=thid, prev=thid)
        # by commitment, without a proof, and in the other thread
        second_rotation = await rotate(second, third, vendor.id, old, first_rotation, proved=False)

        alternative = other.document["mid"]
        made = await third.send(
            "terms.accept", acceptance(alternative, "SD-BASE-A"), vendor.id, thid=thid, prev=alternative
        )
        assert made.status == 202, made.document
        for reader in (third, vendor):
            shown = await reader.read(f"/v1/records/{made.document['mid']}")
            report = records.verify_record(SPEC, shown.body)
            assert report.ok, [c for c in report.checks if not c.ok]
            ids = records.message_ids(shown.body)
            mids = [thid, first_rotation, alternative, second_rotation, made.document["mid"]]
            assert ids == mids
            assert shown.document["first"] == second.id
            assert report.facts["first_now"] == third.id
        assert (await second.read(f"/v1/records/{made.document['mid']}")).status == 404


async def test_a_record_without_the_rotation_does_not_verify() -> None:
    async with running() as world:
        vendor, anna = world.person(), world.person()
        await vendor.announce()
        key = keys.generate()
        second = Party(world, key.did, key)
        old, record = await agreed(anna, vendor, "PDC-AI")
        opened = await anna.send("terms.proffer", proffer(world.clock), vendor.id)
        thid = opened.document["mid"]
        until = timing.text(int(world.clock()) + 600)
        where = {"lang": "en", "place": "NL"}
        body = {"alternative_to": thid, "agreement": agreement("SD-BASE-A"), **where, "answer_by": until}
        other = await vendor.send("terms.alternative", body, anna.id, thid=thid, prev=thid)
        rotation = await rotate(anna, second, vendor.id, old, record)
        alternative = other.document["mid"]
        made = await second.send(
            "terms.accept", acceptance(alternative, "SD-BASE-A"), vendor.id, thid=thid, prev=alternative
        )
        shown = await second.read(f"/v1/records/{made.document['mid']}")
        assert records.verify_record(SPEC, shown.body).ok
        import json

        document = json.loads(shown.body)
        kept = [m for m in document["messages"] if envelope.mid_of(m["token"]) != rotation]
        assert len(kept) == len(document["messages"]) - 1
        without = records.verify_record(SPEC, json.dumps({**document, "messages": kept}).encode())
        assert not without.ok
        assert "VRM-REC-012" in {c.requirement for c in without.checks if not c.ok}


async def test_a_record_of_an_offer_follows_her_through_introduction_and_rotations() -> None:
    """VRM-OFR-030: whichever way the first party was rebound since the offer, the record shows it."""
    async with market() as m:
        world, vendor = m.world, m.vendors[0]
        made = [keys.generate() for _ in range(4)]
        early, anna, third, fourth = (Party(world, k.did, k) for k in made)
        old, record = await agreed(early, vendor, "PDC-AI")
        earlier = await rotate(early, anna, vendor.id, old, record, nkt=third.key.public.kid)
        once, rebound = world.person(), world.person()
        own, own_record = await agreed(once, vendor, "SD-BASE-DP")
        intent = await m.opened(once)
        offer = await m.offered(intent, vendor)

        # the one-time key is rotated elsewhere in its pair
        moved = await rotate(once, rebound, vendor.id, own, own_record)
        offer.first = rebound
        assert (await m.accept(offer)).state == "accepted"
        mids = [intent.thid, offer.thid, moved]
        await _holds(vendor, rebound, offer.thid, mids)

        # she goes on under the identifier of another pair, whose next key was committed before
        shown = await m.say(offer, rebound, "agent.introduce", m.introduction(offer, anna))
        assert shown.status == 202, shown.document
        offer.first = anna
        await _holds(vendor, anna, offer.thid, mids := [*mids, offer.head])
        again = await rotate(anna, third, vendor.id, old, earlier, proved=False)
        await _holds(vendor, third, offer.thid, mids := [*mids, earlier, again])
        last = await rotate(third, fourth, vendor.id, old, again)
        await _holds(vendor, fourth, offer.thid, [*mids, last])
        for stranger in (once, rebound, anna, third, early):
            assert (await stranger.read(f"/v1/records/{offer.thid}")).status == 404


async def test_a_record_of_an_offer_holds_a_rotation_whose_thread_has_gone_on() -> None:
    """VRM-OFR-030: the thread of the rotation has another first party by now; nothing is told twice."""
    async with market() as m:
        world, vendor = m.world, m.vendors[0]
        made = [keys.generate() for _ in range(4)]
        anna, second, third, aside = (Party(world, k.did, k) for k in made)
        own, record = await agreed(anna, vendor, "SD-BASE-DP")
        intent = await m.opened(anna)
        offer = await m.offered(intent, vendor)
        assert (await m.accept(offer)).state == "accepted"
        first = await rotate(anna, second, vendor.id, own, record)
        mids = [intent.thid, offer.thid, first]
        offer.first = second
        for new in (aside, second):
            shown = await m.say(offer, offer.first, "agent.introduce", m.introduction(offer, new))
            assert shown.status == 202, shown.document
            mids.append(offer.head)
            offer.first = new
            await _holds(vendor, new, offer.thid, mids)
        after = await rotate(second, third, vendor.id, own, first)
        await _holds(vendor, third, offer.thid, [*mids, after])


async def test_a_record_holds_no_rotation_to_an_identifier_that_she_has_left() -> None:
    """VRM-REC-002: who comes to bear it later is not the first party of this agreement."""
    async with running() as world:
        vendor = world.person()
        await vendor.announce()
        made = [keys.generate() for _ in range(3)]
        anna, second, other = (Party(world, key.did, key) for key in made)
        own, record = await agreed(anna, vendor, "SD-BASE-DP")
        first = await rotate(anna, second, vendor.id, own, record)
        beside, its_record = await agreed(other, vendor, "PDC-AI")
        await rotate(other, anna, vendor.id, beside, its_record)
        await _holds(vendor, second, record, [own, record, first])


async def _holds(vendor: Party, person: Party, record: str, mids: list[str]) -> None:
    """Both read the record; it holds these messages and verifies."""
    for reader in (vendor, person):
        shown = await reader.read(f"/v1/records/{record}")
        assert records.message_ids(shown.body) == mids
        report = records.verify_record(SPEC, shown.body)
        assert report.ok, [c for c in report.checks if not c.ok]
        assert report.facts["first_now"] == person.id
