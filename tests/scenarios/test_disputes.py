"""Disputes: about what, between whom, who closes them, and what they hold of a purged offer."""

from __future__ import annotations

import pytest

from tests.scenarios.market import Market, Thread
from tests.scenarios.table import Scenario, telling
from tests.scenarios.telling import refused, tell, types_in
from tests.world import Party
from vrmproto.storage.base import Store

STORIES: list[Scenario] = []
scenario = telling(STORIES)


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.name)
async def test_story(told: Scenario, store: Store) -> None:
    await tell(told, store)


async def agreed(m: Market) -> Thread:
    """Terms that the first vendor has accepted."""
    terms = await m.proffered()
    assert (await m.agree(terms)).state == "agreed"
    return terms


async def disputed(m: Market, about: Thread, by: Party | None = None, **body: object) -> Thread:
    thread, reply = await m.dispute(about, by or about.first, **body)
    assert reply.state in ("open", "claimed"), reply.document
    return thread


@scenario()
async def there_is_a_dispute_where_there_is_an_agreement(m: Market) -> None:
    vendor, terms = m.vendors[0], await m.proffered()
    for by in (terms.first, vendor):
        refused((await m.dispute(terms, by))[1], "parent-unknown", "VRM-THR-009")
    assert (await m.agree(terms)).state == "agreed"
    refused((await m.dispute(terms, m.world.person()))[1], "parent-unknown", "VRM-THR-009")
    for by in (terms.first, vendor):
        await disputed(m, terms, by, clause="tracking")
    assert types_in(await terms.first.poll()) == ["terms.accept", "dispute.open"]
    assert (await m.say(terms, vendor, "agreement.terminate")).state == "terminated"
    for by in (terms.first, vendor):
        thread = await disputed(m, terms, by)
        for other in (terms.first, vendor):
            said = await m.say(thread, other, "dispute.open", {"facts": "And that."})
            refused(said, "state-conflict", "VRM-THR-005")
    assert m.state(terms) == "terminated"


@scenario()
async def both_say_what_there_is_to_say(m: Market) -> None:
    vendor, terms = m.vendors[0], await agreed(m)
    for by, state in ((terms.first, "open"), (vendor, "claimed")):
        thread = await disputed(m, terms, by, messages=[terms.head])
        for one, role in ((vendor, "second"), (terms.first, "first")):
            assert (await m.say(thread, one, "dispute.note", {"text": "No."})).state == state
            read = await one.read(f"/v1/threads/{thread.thid}")
            # A note leaves the state as it is: what it changes is what the other reads.
            m.saw(f"row dispute.note by {role} in {state}", "changes", read)
        assert (await m.say(thread, terms.first, "dispute.close", {"outcome": "settled"})).state == "closed"
        for one in (vendor, terms.first):
            late = await m.say(thread, one, "dispute.note", {"text": "Yet."})
            refused(late, "state-conflict", "VRM-THR-005")


@scenario()
async def the_person_closes_each_and_the_organisation_its_own(m: Market) -> None:
    vendor, terms, close = m.vendors[0], await agreed(m), {"outcome": "dropped"}
    hers = await disputed(m, terms)
    refused(await m.say(hers, vendor, "dispute.close", close), "role-forbidden", "VRM-THR-004")
    assert (await m.say(hers, terms.first, "dispute.close", close, prev="A" * 43)).state == "closed"
    refused(await m.say(hers, terms.first, "dispute.close", close), "state-conflict", "VRM-THR-005")
    its = await disputed(m, terms, vendor)
    assert (await m.say(its, terms.first, "dispute.close", close, prev="A" * 43)).state == "closed"
    refused(await m.say(its, vendor, "dispute.close", close), "state-conflict", "VRM-THR-005")
    another = await disputed(m, terms, vendor)
    assert (await m.say(another, vendor, "dispute.close", close)).state == "closed"
    refused(await m.say(another, terms.first, "dispute.close", close), "state-conflict", "VRM-THR-005")


@scenario()
async def a_purge_leaves_what_she_has_named(m: Market) -> None:
    intent = await m.opened()
    vendor, data = m.vendors[0], b"winter tyres, mounted"
    offer = await m.offered(intent, vendor)
    picture = await m.put(vendor, data)
    assert (await m.say(offer, vendor, "offer.revise", m.revision(media=[picture]))).state == "offered"
    revised = offer.head
    assert (await m.say(offer, offer.first, "offer.decline")).state == "declined"
    thread = await disputed(m, offer, messages=[revised])
    assert (await m.attest(offer)).state == "purged"
    shown = (await vendor.read(f"/v1/threads/{offer.thid}")).document["messages"]
    assert [one["seq"] for one in shown if "token" in one] == [1, 2]
    m.saw("holds", "changes", await vendor.read(f"/v1/blobs/{picture['sha256']}"))
    assert (await m.say(thread, offer.first, "dispute.close", {"outcome": "settled"})).state == "closed"
    shown = (await vendor.read(f"/v1/threads/{offer.thid}")).document["messages"]
    assert [one["seq"] for one in shown if "token" in one] == [1]
    m.saw("holds", "refuses", await vendor.read(f"/v1/blobs/{picture['sha256']}"))
