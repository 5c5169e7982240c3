"""For each message type the situation in which it is taken, and what its body has to mean there."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.lab import Lab, Party, Said, Thread
from conformance.results import Inconclusive

__all__ = ["CONTEXTS", "Ready", "ready"]

DAY = 86400
Body = dict[str, Any]


@dataclass
class Ready:
    """Everything but the body of a message that would be taken now."""

    lab: Lab
    party: Party
    type: str
    thread: Thread | None = None
    aud: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    means: Callable[[Body], Body] = lambda body: body
    """A valid body with the members put right that mean something: ids, digests, times."""

    async def send(self, body: Any, **claims: Any) -> Said:
        """Send the message with this body."""
        return await self.lab.attempt(
            self.party, self.type, body, self.thread, self.aud, **{**self.claims, **claims}
        )


Maker = Callable[[Lab, random.Random], Awaitable[Ready]]
CONTEXTS: dict[str, Maker] = {}


def _context(type_: str) -> Callable[[Maker], Maker]:
    def add(maker: Maker) -> Maker:
        CONTEXTS[type_] = maker
        return maker

    return add


async def ready(lab: Lab, type_: str, rng: random.Random) -> Ready:
    """A situation for a type; Inconclusive where nobody has written one."""
    if type_ not in CONTEXTS:
        raise Inconclusive(f"no situation is known in which {type_} is taken")
    return await CONTEXTS[type_](lab, rng)


def _set(body: Body, **members: Any) -> Body:
    """Members put right where they are, and those that have to be there."""
    return {**body, **members}


def _put_right(body: Body, **members: Any) -> Body:
    return {**body, **{name: value for name, value in members.items() if name in body}}


# --- terms ----------------------------------------------------------------------------------------


@_context("terms.proffer")
async def _proffer(lab: Lab, rng: random.Random) -> Ready:
    bodies = lab.bodies

    def means(body: Body) -> Body:
        others = rng.sample(bodies.agreements(), 2)
        body = _set(
            body,
            roster=bodies.roster,
            preferred=bodies.agreement(others[0]),
            answer_by=bodies.at(rng.choice([60, 3600, 30 * DAY - 60])),
        )
        return _put_right(body, acceptable=[bodies.agreement(others[1])], ends=bodies.at(400 * DAY))

    return Ready(lab, lab.person(), "terms.proffer", aud=(await _listener(lab)).id, means=means)


async def _listener(lab: Lab) -> Party:
    if lab.listener is None:
        lab.listener = await lab.vendor()
    return lab.listener


@_context("terms.alternative")
async def _alternative(lab: Lab, rng: random.Random) -> Ready:
    vendor, bodies = await lab.vendor(), lab.bodies
    thread = await lab.proffered(lab.person(), vendor)

    def means(body: Body) -> Body:
        body = _set(
            body,
            alternative_to=thread.thid,
            agreement=bodies.agreement("SD-BASE-A"),
            answer_by=bodies.at(3600),
        )
        return _put_right(body, ends=bodies.at(400 * DAY))

    return Ready(lab, vendor, "terms.alternative", thread, means=means)


@_context("terms.accept")
async def _accept(lab: Lab, rng: random.Random) -> Ready:
    vendor, bodies = await lab.vendor(), lab.bodies
    thread = await lab.proffered(lab.person(), vendor)

    def means(body: Body) -> Body:
        return _set(body, accepts=thread.thid, agreement=bodies.agreement("SD-BASE"))

    return Ready(lab, vendor, "terms.accept", thread, means=means)


@_context("terms.reject")
async def _reject(lab: Lab, rng: random.Random) -> Ready:
    vendor = await lab.vendor()
    return Ready(lab, vendor, "terms.reject", await lab.proffered(lab.person(), vendor))


@_context("terms.withdraw")
async def _withdraw(lab: Lab, rng: random.Random) -> Ready:
    thread = await lab.proffered(lab.person(), await lab.vendor())
    return Ready(lab, thread.first, "terms.withdraw", thread)


@_context("agreement.terminate")
async def _terminate(lab: Lab, rng: random.Random) -> Ready:
    thread = await lab.agreed(lab.person(), await lab.vendor())
    party = thread.second if rng.random() < 0.5 and thread.second else thread.first
    return Ready(lab, party, "agreement.terminate", thread)


@_context("agent.rotate")
async def _rotate(lab: Lab, rng: random.Random) -> Ready:
    vendor = await lab.vendor()
    thread = await lab.agreed(lab.person(), vendor)
    new = lab.person(rng.choice(["Ed25519", "ES256"]))

    def means(body: Body) -> Body:
        proof = lab.proof(thread.first, new, vendor.id, thread.thid)
        return _set(body, replaces=thread.first.id, proof=proof)

    return Ready(lab, new, "agent.rotate", thread, vendor.id, means=means)


# --- intents --------------------------------------------------------------------------------------


Held = Callable[[Body], Body]


async def _held(lab: Lab, party: Party) -> Held:
    """Put a file, and have all that a body refers to be that file."""
    data = lab.rng.randbytes(20)
    if (await lab.put(party, data)).status != 201:
        raise Inconclusive("a blob was refused")
    right = lab.bodies.reference(data, lab.blobs, media_type=None)

    def means(body: Body) -> Body:
        if "media" in body:
            body = {**body, "media": [{**one, **right} for one in body["media"]]}
        if isinstance(body.get("need"), dict) and "media" in body["need"]:
            body = {**body, "need": means(body["need"])}
        return body

    return means


@_context("intent.publish")
async def _publish(lab: Lab, rng: random.Random) -> Ready:
    bodies, person = lab.bodies, lab.person()
    files = await _held(lab, person)

    def means(body: Body) -> Body:
        terms = bodies.intent()["terms"]
        body = _set(body, version=1, terms=terms, until=bodies.at(rng.choice([60, DAY, 300 * DAY])))
        return files(body)

    return Ready(lab, person, "intent.publish", aud=lab.board, means=means)


@_context("intent.amend")
async def _amend(lab: Lab, rng: random.Random) -> Ready:
    intent, bodies = await lab.published(lab.person()), lab.bodies
    files = await _held(lab, intent.first)

    def means(body: Body) -> Body:
        return files(_set(body, version=2, until=bodies.at(DAY)))

    return Ready(lab, intent.first, "intent.amend", intent, means=means)


def _of_intent(type_: str, paused: bool = False) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        intent = await lab.published(lab.person())
        if paused:
            await lab.say(intent.first, "intent.pause", {}, intent)
        return Ready(lab, intent.first, type_, intent)


for _type in ("intent.close", "intent.pause", "intent.withdraw"):
    _of_intent(_type)
_of_intent("intent.resume", paused=True)


# --- offers ---------------------------------------------------------------------------------------


def _priced(body: Body) -> Body:
    """All prices in the currency of the total."""
    currency = body["total"]["currency"]
    items = [{**item, "price": {**item["price"], "currency": currency}} for item in body["items"]]
    exponent = body["total"]["amount"]
    items = [{**item, "price": {**item["price"], "amount": exponent}} for item in items]
    return {**body, "items": items}


@_context("offer.make")
async def _make(lab: Lab, rng: random.Random) -> Ready:
    intent, bodies = await lab.published(lab.person(), rules={"currencies": None}), lab.bodies
    vendor = lab.person()
    files = await _held(lab, vendor)

    def means(body: Body) -> Body:
        return _set(
            files(_priced(body)),
            accepts=intent.thid,
            version=1,
            agreement=bodies.agreement("PDC-INTENT"),
            valid_until=bodies.at(DAY),
        )

    claims = {"pthid": intent.thid}
    return Ready(lab, vendor, "offer.make", aud=intent.first.id, claims=claims, means=means)


async def _offer(lab: Lab, upto: str = "offered") -> Thread:
    intent = await lab.published(lab.person(), rules={"currencies": None})
    offer = await lab.offered(intent, lab.person())
    if upto in ("accepted", "confirmed"):
        await lab.accepted(offer)
    if upto == "confirmed":
        await lab.confirmed(offer)
    return offer


@_context("offer.revise")
async def _revise(lab: Lab, rng: random.Random) -> Ready:
    offer, bodies = await _offer(lab), lab.bodies
    files = await _held(lab, _second(offer))

    def means(body: Body) -> Body:
        return _set(files(_priced(body)), version=1, valid_until=bodies.at(DAY))

    return Ready(lab, _second(offer), "offer.revise", offer, means=means)


def _second(offer: Thread) -> Party:
    assert offer.second is not None
    return offer.second


@_context("offer.accept")
async def _take(lab: Lab, rng: random.Random) -> Ready:
    offer, bodies = await _offer(lab), lab.bodies

    def means(body: Body) -> Body:
        return _set(body, takes=offer.thid, confirm_by=bodies.at(DAY))

    return Ready(lab, offer.first, "offer.accept", offer, means=means)


@_context("offer.confirm")
async def _confirm(lab: Lab, rng: random.Random) -> Ready:
    offer = await _offer(lab, "accepted")
    return Ready(lab, _second(offer), "offer.confirm", offer, means=lambda body: _set(body, takes=offer.thid))


@_context("disclosure.release")
async def _release(lab: Lab, rng: random.Random) -> Ready:
    offer, bodies = await _offer(lab, "accepted"), lab.bodies
    files = await _held(lab, offer.first)

    def means(body: Body) -> Body:
        if "ref" in body["content"]:
            one = files({"media": [body["content"]["ref"]]})["media"][0]
            return _set(body, about=bodies.release()["about"], content={"ref": one})
        said = body.get("content", {}).get("clear", {})
        text = next((value for value in said.values() if isinstance(value, str)), "A. Jansen")
        return _set(body, about=bodies.release()["about"], content={"clear": {"name": text}})

    return Ready(lab, offer.first, "disclosure.release", offer, means=means)


@_context("agent.introduce")
async def _introduce(lab: Lab, rng: random.Random) -> Ready:
    offer = await _offer(lab, "confirmed")
    new = lab.person(rng.choice(["Ed25519", "ES256"]))

    def means(body: Body) -> Body:
        proof = lab.proof(new, offer.first, _second(offer).id, offer.thid)
        return _set(body, id=new.id, proof=proof)

    return Ready(lab, offer.first, "agent.introduce", offer, means=means)


def _of_offer(type_: str, upto: str, by: str) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        offer = await _offer(lab, upto)
        party = offer.first if by == "first" else _second(offer)
        return Ready(lab, party, type_, offer)


_of_offer("offer.decline", "offered", "first")
_of_offer("offer.withdraw", "offered", "second")
_of_offer("offer.cancel", "confirmed", "first")
_of_offer("order.fulfil", "confirmed", "second")


@_context("offer.message")
async def _message(lab: Lab, rng: random.Random) -> Ready:
    offer = await _offer(lab)
    party = offer.first if rng.random() < 0.5 else _second(offer)
    return Ready(lab, party, "offer.message", offer, means=lambda body: _put_right(body, answers=offer.thid))


@_context("purge.attest")
async def _attest(lab: Lab, rng: random.Random) -> Ready:
    offer = await _offer(lab)
    await lab.say(offer.first, "offer.decline", {}, offer)
    return Ready(lab, _second(offer), "purge.attest", offer)


# --- feedback -------------------------------------------------------------------------------------


@_context("feedback.submit")
async def _submit(lab: Lab, rng: random.Random) -> Ready:
    return Ready(lab, lab.person(), "feedback.submit", aud=(await _listener(lab)).id)


def _of_feedback(type_: str, by: str) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        person, vendor = lab.person(), await lab.vendor()
        said = await lab.say(person, "feedback.submit", lab.bodies.feedback(), aud=vendor.id)
        thread = Thread(said.mid, person, vendor, said=[said])
        return Ready(lab, person if by == "first" else vendor, type_, thread)


_of_feedback("feedback.acknowledge", "second")
_of_feedback("feedback.outcome", "second")
_of_feedback("feedback.retract", "first")


# --- disputes -------------------------------------------------------------------------------------


@_context("dispute.open")
async def _dispute(lab: Lab, rng: random.Random) -> Ready:
    about = await lab.agreed(lab.person(), await lab.vendor())
    party = about.first if rng.random() < 0.5 else _second(about)
    aud, claims = about.other(party), {"pthid": about.thid}
    return Ready(lab, party, "dispute.open", aud=aud, claims=claims)


async def _disputed(lab: Lab) -> Thread:
    about = await lab.agreed(lab.person(), await lab.vendor())
    aud, body = about.other(about.first), lab.bodies.dispute()
    said = await lab.say(about.first, "dispute.open", body, aud=aud, pthid=about.thid)
    return Thread(said.mid, about.first, about.second, said=[said])


@_context("dispute.note")
async def _note(lab: Lab, rng: random.Random) -> Ready:
    thread = await _disputed(lab)
    return Ready(lab, thread.first if rng.random() < 0.5 else _second(thread), "dispute.note", thread)


@_context("dispute.close")
async def _close(lab: Lab, rng: random.Random) -> Ready:
    thread = await _disputed(lab)
    return Ready(lab, thread.first, "dispute.close", thread)


# --- relationships --------------------------------------------------------------------------------


async def _related(lab: Lab, *types: str) -> tuple[Thread, str]:
    """A relationship after these messages, and the agreement that it is under."""
    terms = await lab.agreed(lab.person(), await lab.vendor())
    record = terms.head
    said = await lab.say(
        terms.first, "relationship.open", lab.bodies.relationship(), aud=terms.other(terms.first), agr=record
    )
    thread, bodies = Thread(said.mid, terms.first, terms.second, said=[said]), lab.bodies
    made: dict[str, tuple[Party, Body, dict[str, Any]]] = {
        "relationship.step": (thread.first, bodies.step(), {"agr": record}),
        "relationship.invite": (_second(thread), bodies.invitation(), {"agr": record}),
        "relationship.pause": (thread.first, {}, {}),
        "relationship.end": (thread.first, {}, {}),
    }
    for type_ in types:
        party, body, claims = made[type_]
        await lab.say(party, type_, body, thread, **claims)
    return thread, record


@_context("relationship.open")
async def _relationship(lab: Lab, rng: random.Random) -> Ready:
    terms = await lab.agreed(lab.person(), await lab.vendor())

    def means(body: Body) -> Body:
        return _set(body, ladder=lab.spec.ladder.digest)

    aud, claims = terms.other(terms.first), {"agr": terms.head}
    return Ready(lab, terms.first, "relationship.open", aud=aud, claims=claims, means=means)


@_context("relationship.invite")
async def _invite(lab: Lab, rng: random.Random) -> Ready:
    thread, record = await _related(lab, "relationship.step")
    bodies = lab.bodies

    def means(body: Body) -> Body:
        asks = [{**ask, "category": "https://w3id.org/dpv/pd#Language"} for ask in body["asks"]]
        body = _set(body, stage="subscriber", asks=asks, answer_by=bodies.at(3600))
        return _put_right(body, terms=bodies.agreement("SD-BASE-A"))

    return Ready(lab, _second(thread), "relationship.invite", thread, claims={"agr": record}, means=means)


@_context("relationship.step")
async def _step(lab: Lab, rng: random.Random) -> Ready:
    thread, record = await _related(lab)

    def means(body: Body) -> Body:
        reached = ["returning", "subscriber", "commenter", "customer"]
        return _set(body, stage=rng.choice(reached), ladder=lab.spec.ladder.digest)

    return Ready(lab, thread.first, "relationship.step", thread, claims={"agr": record}, means=means)


def _of_relationship(type_: str, by: str, *before: str) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        thread, _ = await _related(lab, *before)
        return Ready(lab, thread.first if by == "first" else _second(thread), type_, thread)


_of_relationship("relationship.decline", "first", "relationship.step", "relationship.invite")
_of_relationship("relationship.pause", "first")
_of_relationship("relationship.resume", "first", "relationship.pause")
_of_relationship("relationship.retreat", "first")
_of_relationship("relationship.prefer", "first")
_of_relationship("relationship.end", "second")
_of_relationship("relationship.attest", "second", "relationship.end")
