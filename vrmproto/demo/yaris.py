"""Anna wants a car: an intent on a board, the offers of three vendors, and what becomes of each."""

from __future__ import annotations

from typing import Any

from vrmproto.demo.cast import CAST
from vrmproto.demo.process import DemoError, Line
from vrmproto.demo.stage import Stage

__all__ = ["play"]

ORDERS = "https://w3id.org/dpv#CustomerOrderManagement"
NEED: dict[str, Any] = {
    "title": "Toyota Yaris, petrol, five doors",
    "categories": [{"scheme": "unspsc", "code": "25101503", "label": "Automobiles or cars"}],
    "conditions": [{"text": "First registered after 2019", "weight": "must"}],
}
WINTER = {"text": "Winter tyres come with it", "weight": "should"}
INTENT: dict[str, Any] = {
    "need": NEED,
    "terms": "PDC-INTENT",
    "where": "NL-NH",
    "currencies": ["EUR"],
    "accepts": 1,
    "disclose": [
        {"field": "name", "category": "https://w3id.org/dpv/pd#Name", "purpose": ORDERS},
        {"field": "phone", "category": "https://w3id.org/dpv/pd#TelephoneNumber", "purpose": ORDERS},
    ],
    "purge_within": "PT10M",
}


async def play(stage: Stage) -> str:
    """Play it; the thread in which Anna and the chosen vendor have agreed on terms."""
    intent, offers = await _offers(stage)
    await _crash(stage, intent, offers)
    await _choice(stage, intent, offers)
    await _purge(stage, offers)
    return await _introduction(stage, intent, offers["noord"])


async def _offers(stage: Stage) -> tuple[str, dict[str, str]]:
    """The intent, and the first offers: two of those that are tried are refused."""
    stage.open("Anna wants a car, and vendors come to her")
    line = await stage.step(
        "anna",
        "intent.publish",
        "publish",
        "Anna says on a board what she wants, and on which terms: PDC-INTENT. Her budget she does not tell.",
        intent=INTENT,
    )
    intent = str(line["thid"])
    offers: dict[str, str] = {}

    async def offer(vendor: str, say: str, **more: Any) -> None:
        made = await stage.step(vendor, "offer.make", more.pop("do", "offer"), say, thid=intent, **more)
        offers.setdefault(vendor, str(made["thid"]))

    await offer("noord", "Garage Noord watches cars in Noord-Holland. It accepts her terms by offering.")
    await offer("haarlem", "Autohuis Haarlem watches cars in the whole country, and offers too.")
    await offer("kust", "Kust Auto's looks for the word yaris in everything, and offers a hybrid.")
    await offer(
        "straat",
        "Straathandel has no domain, only a key; she wants vendors that can be found.",
        expect="vendor-unverified",
    )
    await offer(
        "kust",
        "Kust Auto's tries under terms that allow profiling: not those of the intent.",
        do="offer-otherwise",
        agreement="SD-BASE-ATP",
        expect="terms-not-offered",
    )
    await _table(stage, intent, 3)
    return intent, offers


async def _crash(stage: Stage, intent: str, offers: dict[str, str]) -> None:
    """A vendor is killed; what it misses waits for it, and the others go on."""
    stage.open("A question, and a crash")
    await stage.kill("noord")
    stage.note("The process of Garage Noord is killed (SIGKILL). The others go on.")
    await stage.step(
        "anna",
        "offer.message",
        "call",
        "Anna asks Garage Noord whether it has winter tyres.",
        call="say",
        thid=offers["noord"],
        args={"text": "Does it have winter tyres?"},
    )
    await stage.step(
        "anna",
        "intent.amend",
        "call",
        "She adds them to her intent: version 2. The offers made before stay what they are.",
        call="amend",
        thid=intent,
        args={"need": {**NEED, "conditions": [*NEED["conditions"], WINTER]}},
    )
    await stage.step(
        "haarlem",
        "offer.revise",
        "revise",
        "Autohuis Haarlem has seen it and offers anew, for version 2.",
        thid=offers["haarlem"],
        intent_seq=2,
    )
    await stage.step("anna", "intent.pause", "call", "She pauses: no new offers.", call="pause", thid=intent)
    await stage.step("anna", "intent.resume", "call", "And goes on.", call="resume", thid=intent)
    await stage.enter("noord")
    stage.note("Garage Noord is started again; nobody else was stopped.")
    await stage.step(
        "noord",
        "intent.resume",
        "catch-up",
        "It reads on from its cursor: amended, paused, resumed, each once; and then the intent itself.",
        thid=intent,
        most=4,
    )
    await _nothing_lost(stage, intent)
    await stage.step(
        "noord",
        "offer.message",
        "reply",
        "The question has waited in its inbox. Its rules have an answer: yes.",
        thid=offers["noord"],
        seq=2,
    )
    await stage.step(
        "noord",
        "offer.revise",
        "revise",
        "And they lower the price once somebody has asked.",
        thid=offers["noord"],
        intent_seq=4,
    )
    await _table(stage, intent, 3)


async def _choice(stage: Stage, intent: str, offers: dict[str, str]) -> None:
    """One is accepted, and only its vendor is told more; nobody can offer any more."""
    stage.open("The choice, and what is told to whom")
    first = next(o for o in await _seen(stage, intent, 3) if o["thid"] == offers["noord"])
    await stage.step(
        "kust",
        "offer.withdraw",
        "call",
        "Kust Auto's has sold its car meanwhile.",
        call="withdraw_offer",
        thid=offers["kust"],
        args={"reason": "sold meanwhile"},
    )
    await stage.step(
        "anna",
        "offer.decline",
        "call",
        "Anna declines Autohuis Haarlem.",
        call="decline_offer",
        thid=offers["haarlem"],
        args={"reason": "too many kilometres"},
    )
    await stage.step(
        "anna",
        "offer.accept",
        "raw",
        "What is accepted is the offer as it stands: the one before the new price is gone.",
        expect="offer-stale",
        thid=offers["noord"],
        body={"takes": offers["noord"]},
        times={"confirm_by": 86400},
    )
    await stage.step(
        "anna",
        "offer.accept",
        "call",
        f"She takes Garage Noord's at {first['currency']} {first['amount']}, its key read at its origin.",
        call="accept_offer",
        thid=offers["noord"],
    )
    await stage.step(
        "anna",
        "disclosure.release",
        "raw",
        "An e-mail address is not among what the intent lists: not even she gives it here.",
        expect="fields-not-listed",
        thid=offers["noord"],
        body={
            "about": {"purpose": ORDERS, "fields": ["email"]},
            "content": {"clear": {"email": "anna@example.org"}},
        },
    )
    await stage.step(
        "anna",
        "disclosure.release",
        "call",
        "Her name and phone number she does, to this vendor alone.",
        call="release",
        thid=offers["noord"],
        args={"name": "Anna Jansen", "phone": "+31 20 555 0101"},
    )
    await stage.step(
        "noord", "disclosure.release", "thread", "Garage Noord reads them.", thid=offers["noord"]
    )
    await stage.step(
        "haarlem",
        "disclosure.release",
        "thread",
        "Autohuis Haarlem asks for that thread: for it, there is none.",
        expect="not-found",
        thid=offers["noord"],
    )
    await stage.step(
        "noord",
        "offer.confirm",
        "call",
        "Garage Noord confirms: both are bound, and the one place is filled.",
        call="confirm",
        thid=offers["noord"],
        seq=6,
        args={"reference": "V-2041"},
    )
    await stage.step(
        "kust",
        "offer.make",
        "offer",
        "Kust Auto's has found another car. A fourth offer comes too late.",
        expect="intent-not-open",
        thid=intent,
    )


async def _purge(stage: Stage, offers: dict[str, str]) -> None:
    """Who was not chosen erases what it holds, and sees no more of it."""
    stage.open("Who was not chosen forgets")
    for vendor, name, seq in (("haarlem", "Autohuis Haarlem", 4), ("kust", "Kust Auto's", 3)):
        await stage.step(
            vendor,
            "purge.attest",
            "call",
            f"{name} erases what it held, well within the ten minutes of the intent, and attests it.",
            call="purge",
            thid=offers[vendor],
            seq=seq - 1,
        )
        await stage.step(
            vendor,
            "purge.attest",
            "thread",
            "From the home it gets tombstones: that there was a message, and the receipt, not the message.",
            thid=offers[vendor],
        )
    await stage.step(
        "anna",
        "purge.attest",
        "thread",
        "Anna still reads the whole of it.",
        thid=offers["haarlem"],
    )


async def _introduction(stage: Stage, intent: str, offer: str) -> str:
    """From the one-time key to the key for this vendor, and from the offer to terms."""
    stage.open("From one car to a relationship")
    await stage.step(
        "anna",
        "agent.introduce",
        "call",
        "Anna shows Garage Noord the key that she has for it and for nobody else. The one-time key is done.",
        call="introduce",
        thid=offer,
        seq=7,
    )
    line = await stage.step(
        "anna",
        "terms.proffer",
        "proffer",
        "Under that key she proffers terms for what comes after: service, no tracking, her data on request.",
        to=stage.origins["noord"],
        preferred="SD-BASE-DP",
    )
    terms = str(line["thid"])
    held = (await stage.ask("anna", "identifiers", thids=[offer, terms]))["first"]
    if len(set(held)) != 1:
        raise DemoError("the proffer is under another key than the one that was introduced")
    await stage.step("noord", "terms.accept", "answer", "Garage Noord accepts them.", thid=terms)
    await stage.step(
        "noord",
        "order.fulfil",
        "call",
        "The car is delivered.",
        call="fulfil",
        thid=offer,
        seq=8,
        args={"reference": "D-981"},
    )
    await stage.step(
        "anna",
        "intent.close",
        "call",
        "Anna closes her intent: it has found its offer.",
        call="close",
        thid=intent,
        args={"outcome": "fulfilled"},
    )
    await stage.step(
        "noord",
        "purge.attest",
        "call",
        "Garage Noord erases her name and number too, and says what the law makes it keep.",
        call="purge",
        thid=offer,
        args={"kept": [{"what": "the invoice", "why": "tax law", "until": "2036-12-31T23:59:59Z"}]},
    )
    for actor, say in (
        ("anna", "Anna takes the record of this agreement: her intent, the offer, the new key."),
        ("noord", "Garage Noord takes the same record: that much it keeps."),
    ):
        await stage.step(actor, "offer.make", "record", say, thid=offer, seq=10 if actor == "anna" else 0)
    return terms


async def _seen(stage: Stage, intent: str, most: int) -> list[Line]:
    shown: list[Line] = (await stage.ask("anna", "offers", thid=intent, most=most))["offers"]
    return shown


async def _table(stage: Stage, intent: str, most: int) -> None:
    """What Anna has before her, for people."""
    names = {origin: CAST[name].name for name, origin in stage.origins.items()}
    for offer in await _seen(stage, intent, most):
        money = f"{offer['currency']} {offer['amount']}"
        stage.note(
            f"{names[offer['vendor']]:17} {money:>13}  {offer['title']}, "
            f"for version {offer['version']} of the intent, {offer['state']}"
        )


async def _nothing_lost(stage: Stage, intent: str) -> None:
    """What the two processes of Garage Noord saw together is what Autohuis Haarlem saw in one."""
    changes = []
    for vendor in ("noord", "haarlem"):
        seen = (await stage.ask(vendor, "seen", thid=intent, most=4))["seen"]
        changes.append([(line["position"], line["event"], line["version"]) for line in seen])
        processes = len({line["process"] for line in seen})
        if processes != (2 if vendor == "noord" else 1):
            raise DemoError(f"{vendor} has seen the board with {processes} processes")
    if changes[0] != changes[1]:
        raise DemoError(f"Garage Noord saw {changes[0]} of the board, and not {changes[1]}")
    stage.note(f"Its two processes have seen {len(changes[0])} changes together, none lost, none twice:")
    stage.note("the same as Autohuis Haarlem, which was never stopped.")
