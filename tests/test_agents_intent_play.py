"""Random play of a person and two vendors: what each agent makes of it is what the home says, always."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.test_agents import World
from tests.test_agents_intent import DISCLOSE, NEED, PHONE, items, price
from vrmproto.agents import AgentError, CustomerAgent, VendorAgent

ROUNDS = 160


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        built = World(tmp_path, stack)
        await built.start()
        yield built


class Play:
    """Acts at random; what is not allowed at the moment is refused by the agent or by the home."""

    def __init__(self, world: World, chance: random.Random, customer: CustomerAgent, *vendors: VendorAgent):
        self.world, self.chance, self.customer, self.vendors = world, chance, customer, vendors
        self.intents: list[str] = []
        self.taken = 0

    def mine(self) -> str:
        return self.one([(o.thid, o.state) for intent in self.intents for o in self.customer.offers(intent)])

    def one(self, found: list[tuple[str, str]]) -> str:
        """Any of them, but more often one that goes on."""
        live = [thid for thid, state in found if state in ("offered", "accepted", "confirmed")]
        chosen = live if live and self.chance.random() < 0.8 else [thid for thid, _ in found]
        return self.chance.choice(chosen) if chosen else ""

    async def act(self) -> None:
        customer, chance = self.customer, self.chance
        vendor = chance.choice(self.vendors)
        own = [(view.thid, view.state) for view in vendor.own_offers()]
        intent, mine = chance.choice(self.intents), self.mine()
        theirs = self.one(own)
        amount = f"{chance.randint(1, 99)}.00"
        acts: list[Callable[[], Awaitable[Any]]] = [
            lambda: vendor.offer(intent, items(amount), price(amount), valid_until=chance.randint(5, 60)),
            lambda: vendor.offer(intent, items(amount), price(amount)),
            lambda: vendor.revise(theirs, items(amount), price(amount)),
            lambda: vendor.withdraw_offer(theirs),
            *[lambda: vendor.confirm(theirs)] * 4,
            lambda: vendor.fulfil(theirs),
            lambda: vendor.cancel_offer(theirs),
            lambda: vendor.say(theirs, "Hello"),
            lambda: vendor.purge(theirs),
            lambda: customer.accept_offer(mine, confirm_by=chance.randint(5, 90)),
            *[lambda: customer.accept_offer(mine)] * 4,
            lambda: customer.decline_offer(mine),
            lambda: customer.cancel_offer(mine),
            lambda: customer.release(mine, phone=PHONE),
            lambda: customer.introduce(mine),
            lambda: customer.say(mine, "Hello"),
            lambda: customer.amend(intent, accepts=chance.randint(1, 3)),
            lambda: chance.choice((customer.pause, customer.resume))(intent),
            lambda: customer.close(intent, "elsewhere") if chance.random() < 0.02 else customer.poll(),
            customer.poll,
            vendor.poll,
            vendor.poll,
        ]
        try:
            done = await chance.choice(acts)()
            self.taken += getattr(done, "status", 0) == 202
        except AgentError:
            pass
        except Exception as error:
            if type(error).__name__ != "Refused":
                raise

    async def check(self, agent: CustomerAgent | VendorAgent) -> None:
        await agent.poll()
        for view in agent.views():
            read = await agent.thread(view.thid)
            assert (read.verified, read.reason) == (True, ""), (view.thread.kind, view.state, read.state)
        assert [c for _, c in agent.book.evidence()] == []


@pytest.mark.parametrize("seed", range(10))
async def test_what_agents_make_of_it_is_what_the_home_says(world: World, seed: int) -> None:
    chance = random.Random(seed)
    customer = await world.customer()
    vendors = [await world.vendor(name, serve=False) for name in ("one", "two")]
    play = Play(world, chance, customer, *vendors)
    rules: dict[str, Any] = {"unverified": True, "disclose": DISCLOSE, "purge_within": "PT40S"}
    for _ in range(2):
        sent = await customer.publish(NEED, offers=50, per_vendor=20, until=chance.randint(150, 900), **rules)
        play.intents.append(sent.thid)
    for n in range(ROUNDS):
        await play.act()
        world.clock.time += chance.choice((0, 0, 0, 0, 1, 2))
        if n % 20 == 19:
            await play.check(customer)
            for vendor in vendors:
                await play.check(vendor)
    agents = {"ann": customer, "one": vendors[0], "two": vendors[1]}
    for name, agent in agents.items():
        before = {view.thid: view for view in agent.views()}
        await agent.close()
        opened = await world.open(type(agent), name)
        assert {view.thid: view for view in opened.views()} == before, name
    assert play.taken > 5
