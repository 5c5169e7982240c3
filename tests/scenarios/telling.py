"""How the scenarios of intents and offers are told, and what they say again and again."""

from __future__ import annotations

from typing import Any

from tests.scenarios.market import Market, Thread, market
from tests.scenarios.table import Scenario
from tests.world import SPEC, Reply
from vrmproto import envelope
from vrmproto.storage.base import Store

__all__ = ["chosen", "refused", "tell", "type_of", "types_in"]


async def tell(told: Scenario, store: Store) -> None:
    """Tell a story at a market of its own, and have the inboxes of the vendors looked at."""
    async with market(store, watching=True, **told.settings) as m:
        await told.tell(m)


def refused(reply: Reply, code: str, rule: str = "") -> Reply:
    assert reply.code == code, (reply.status, reply.document)
    assert SPEC.faults("documents/problem.json", reply.document) == []
    assert not rule or reply.document["requirement"] == rule, reply.document
    return reply


def type_of(token: str) -> str:
    return str(envelope.peek(token)[1]["type"])


def types_in(polled: Reply) -> list[str]:
    """The types of what a poll has shown, in its order."""
    return [type_of(polled.document["sets"][mid]) for mid in polled.document["order"]]


async def chosen(m: Market, *, confirm: bool = False, **rules: Any) -> tuple[Thread, Thread, Thread]:
    """An intent with two offers, of which the first is accepted, and confirmed if wanted."""
    intent = await m.opened(rules=rules)
    one, two = [await m.offered(intent, vendor) for vendor in m.vendors[:2]]
    assert (await m.accept(one)).state == "accepted"
    if confirm:
        assert (await m.confirm(one)).state == "confirmed"
    return intent, one, two
