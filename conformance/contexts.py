"""For each message type the situation in which it is taken, and what its body has to mean there."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.bodies import CARE, MARKETING, ORDERS, PD, QUALITY, RIGHTS
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
    """A situation for a type; Inconclusive where nobody has written one and the tables tell none."""
    if type_ not in CONTEXTS:
        from conformance.newcomers import situation

        return await situation(lab, type_, rng)
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


async def _related(lab: Lab, *types: str, stage: str = "returning") -> tuple[Thread, str]:
    """A relationship after these messages, and the agreement that it is under; ``stage`` is where to step."""
    terms = await lab.agreed(lab.person(), await lab.vendor())
    record = terms.head
    said = await lab.say(
        terms.first, "relationship.open", lab.bodies.relationship(), aud=terms.other(terms.first), agr=record
    )
    thread, bodies = Thread(said.mid, terms.first, terms.second, said=[said]), lab.bodies
    made: dict[str, tuple[Party, Body, dict[str, Any]]] = {
        "relationship.step": (thread.first, bodies.step(stage), {"agr": record}),
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


# --- below a relationship -------------------------------------------------------------------------

WITHIN = (CARE, ORDERS, RIGHTS)
"""Purposes that SD-BASE-DP requires."""
ASKED = (MARKETING, QUALITY, "https://w3id.org/dpv#SellProducts", CARE)
"""Purposes that it does not prohibit."""
LISTED = (f"{PD}EmailAddress", f"{PD}Language")
"""Categories that the rung lists."""


async def _below(lab: Lab) -> tuple[Thread, str]:
    """A relationship at a rung that lists every type, and its agreement."""
    return await _related(lab, "relationship.step", stage="subscriber")


def _opening(there: tuple[Thread, str], role: str, type_: str, lab: Lab, means: Held) -> Ready:
    """The situation of a message that opens a thread below a relationship."""
    thread, record = there
    party = thread.first if role == "first" else _second(thread)
    claims = {"agr": record, "pthid": thread.thid}
    return Ready(lab, party, type_, aud=thread.other(party), claims=claims, means=means)


async def _opened(lab: Lab, there: tuple[Thread, str], role: str, type_: str, body: Body) -> Thread:
    """A thread below a relationship."""
    ready = _opening(there, role, type_, lab, lambda body: body)
    said = await lab.say(ready.party, type_, body, None, ready.aud, **ready.claims)
    return Thread(said.mid, there[0].first, there[0].second, said=[said])


async def _told(lab: Lab, party: Party) -> Held:
    """Have the content be what ``about`` says it is, or a file that was put.

    A home that takes no files gets all of it in clear.
    """
    files = await _held(lab, party) if "intent" in lab.target.claimed else None

    def means(body: Body) -> Body:
        content = body["content"]
        if "ref" in content and files is not None:
            return {**body, "content": {"ref": files({"media": [content["ref"]]})["media"][0]}}
        said = [*content.get("clear", {}).values()] or ["Here."]
        fields = body["about"]["fields"]
        clear = {name: said[n] if n < len(said) else "" for n, name in enumerate(fields)}
        return {**body, "content": {"clear": clear}}

    return means


def _about(body: Body, purpose: str) -> Body:
    return {**body, "about": {**body["about"], "purpose": purpose}}


@_context("consent.request")
async def _ask_consent(lab: Lab, rng: random.Random) -> Ready:
    bodies = lab.bodies

    def means(body: Body) -> Body:
        purposes = rng.sample(ASKED, min(len(ASKED), len(body["purposes"])))
        return _set(body, purposes=purposes, data=[*LISTED][: len(body["data"])], answer_by=bodies.at(3600))

    return _opening(await _below(lab), "second", "consent.request", lab, means)


async def _consent(lab: Lab, *types: str) -> tuple[Thread, str]:
    """A consent after these messages, and its agreement."""
    there, bodies = await _below(lab), lab.bodies
    thread = await _opened(lab, there, "second", "consent.request", bodies.consent(*ASKED))
    made: dict[str, tuple[Body, dict[str, Any]]] = {
        "consent.grant": (bodies.grant(*ASKED), {"agr": there[1]}),
        "consent.withdraw": ({}, {}),
    }
    for type_ in types:
        body, claims = made[type_]
        await lab.say(thread.first, type_, body, thread, **claims)
    return thread, there[1]


def _of_consent(type_: str, by: str, *before: str, agr: bool = False) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        thread, record = await _consent(lab, *before)
        bodies = lab.bodies

        def means(body: Body) -> Body:
            if "purposes" in body:
                most = min(len(ASKED), len(body["purposes"]))
                body = _set(body, purposes=rng.sample(ASKED, most))
            return _put_right(body, valid_until=bodies.at(rng.choice([3600, 300 * DAY])))

        party = thread.first if by == "first" else _second(thread)
        return Ready(lab, party, type_, thread, claims={"agr": record} if agr else {}, means=means)


_of_consent("consent.grant", "first", agr=True)
_of_consent("consent.refuse", "first")
_of_consent("consent.relinquish", "second", "consent.grant")
_of_consent("consent.narrow", "first", "consent.grant")
_of_consent("consent.renew", "first", "consent.grant", agr=True)
_of_consent("consent.withdraw", "first", "consent.grant")
_of_consent("consent.propagated", "second", "consent.grant", "consent.withdraw")


@_context("dialogue.message")
async def _word(lab: Lab, rng: random.Random) -> Ready:
    there = await _below(lab)
    role = rng.choice(["first", "second"])
    ready = _opening(there, role, "dialogue.message", lab, lambda body: body)
    content = await _told(lab, ready.party)
    ready.means = lambda body: content(_about(body, rng.choice(WITHIN)))
    return ready


def _of_dialogue(type_: str, by: str, muted: bool = False) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        thread = await _opened(lab, await _below(lab), "first", "dialogue.message", lab.bodies.word())
        if muted:
            await lab.say(thread.first, "dialogue.mute", {}, thread)
        return Ready(lab, thread.first if by == "first" else _second(thread), type_, thread)


_of_dialogue("dialogue.mute", "first")
_of_dialogue("dialogue.unmute", "first", muted=True)
_of_dialogue("dialogue.close", "second")


@_context("data.request")
async def _ask_data(lab: Lab, rng: random.Random) -> Ready:
    bodies = lab.bodies

    def means(body: Body) -> Body:
        items = [{**item, "category": rng.choice(LISTED)} for item in body["items"]]
        return _set(body, purpose=rng.choice(WITHIN), items=items, answer_by=bodies.at(3600))

    return _opening(await _below(lab), "second", "data.request", lab, means)


def _given(type_: str, by: str) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        there = await _below(lab)
        content = await _told(lab, there[0].first if by == "first" else _second(there[0]))
        return _opening(there, by, type_, lab, content)


_given("data.share", "first")
_given("data.report", "second")


def _of_data(type_: str, by: str, opening: str) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        bodies = lab.bodies
        body = bodies.request() if opening == "data.request" else bodies.report()
        thread = await _opened(lab, await _below(lab), "second", opening, body)
        return Ready(lab, thread.first if by == "first" else _second(thread), type_, thread)


_of_data("data.refuse", "first", "data.request")
_of_data("data.retract", "second", "data.request")
_of_data("data.verify", "first", "data.report")
_of_data("data.close", "second", "data.report")

FIELDS = {"email": "a.jansen@example.org", "phone": "020 1234567"}


def _fitting(patch: list[Body]) -> list[Body]:
    """Operations of a patch put right, so that each applies to the fields as the ones before leave them."""
    fields, fitting = dict(FIELDS), []
    for operation in patch:
        one = {"value": "anna", **operation} if operation["op"] != "remove" else dict(operation)
        if one["op"] != "add":
            if not fields:
                one = {"value": "anna", **one, "op": "add"}
            else:
                one["path"] = f"/{min(fields)}"
        name = one["path"][1:]
        if one["op"] == "test":
            one["value"] = fields[name]
        if one["op"] == "remove":
            del fields[name]
        else:
            fields[name] = one["value"]
        fitting.append(one)
    return fitting


@_context("correction.submit")
async def _correct(lab: Lab, rng: random.Random) -> Ready:
    bodies = lab.bodies
    about = await _opened(lab, await _below(lab), "second", "data.report", bodies.report(fields=FIELDS))

    def means(body: Body) -> Body:
        return _set(body, of=about.thid, patch=_fitting(body["patch"]), answer_by=bodies.at(3600))

    aud, claims = about.other(about.first), {"pthid": about.thid}
    return Ready(lab, about.first, "correction.submit", aud=aud, claims=claims, means=means)


def _of_correction(type_: str, by: str) -> None:
    @_context(type_)
    async def make(lab: Lab, rng: random.Random) -> Ready:
        bodies = lab.bodies
        about = await _opened(lab, await _below(lab), "first", "data.share", bodies.share())
        body, aud = bodies.correction(about.thid), about.other(about.first)
        said = await lab.say(about.first, "correction.submit", body, aud=aud, pthid=about.thid)
        thread = Thread(said.mid, about.first, about.second, said=[said])
        return Ready(lab, thread.first if by == "first" else _second(thread), type_, thread)


_of_correction("correction.apply", "second")
_of_correction("correction.refuse", "second")
_of_correction("correction.withdraw", "first")
