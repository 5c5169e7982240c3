"""Intents and offers as a person reads them, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from vrmproto.cli.output import console, styled, usage

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent, Event, Offer, ThreadView

__all__ = [
    "UNVERIFIED",
    "all_offers",
    "find",
    "said",
    "tell_event",
    "tell_offers",
    "tell_thread",
    "when",
    "who",
]

UNVERIFIED = "The domain of this vendor is NOT verified: nothing shows who it is but its key, {}."
_LEAST = 4
_SHORT = 8


def when(epoch: int | None) -> str:
    """A time for people, in UTC."""
    from vrmproto import timing

    return timing.text(epoch).replace("T", " ").replace(":00Z", " UTC").replace("Z", " UTC") if epoch else "-"


def find(text: str, known: Sequence[str], what: str, shows: str = "offers", verb: str = "customer") -> str:
    """The id that a text is, or how it begins; says what is wrong where there is not exactly one.

    ``shows`` is the command of the verb that lists what there is.
    """
    found = [one for one in known if one == text] or [
        one for one in known if len(text) >= _LEAST and one.startswith(text)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise usage(f"{text}: {len(found)} ids begin so; write more of it")
    few = f"at least {_LEAST} letters of an id" if len(text) < _LEAST else f"no {what} here begins so"
    raise usage(f"{text}: {few}; `vrmproto {verb} {shows}` shows what is here")


def all_offers(me: CustomerAgent) -> list[str]:
    """The ids of all offers."""
    return [offer.thid for thid in me.intents() for offer in me.offers(thid)]


def _money(offer: Offer) -> str:
    return f"{offer.total['currency']} {offer.total['amount']}"


def _who(offer: Offer) -> str:
    return who(offer.vendor, offer.domain_verified)


def who(vendor: str, domain_verified: bool | None = None) -> str:
    """An organisation as people read it; by default what is named by a key is not verified."""
    if domain_verified is None:
        domain_verified = not vendor.startswith("did:")
    return vendor if domain_verified else f"{vendor[:24]}… (domain NOT verified)"


def _document(offer: Offer) -> dict[str, Any]:
    return {
        "offer": offer.thid,
        "intent": offer.intent,
        "vendor": offer.vendor,
        "domain_verified": offer.domain_verified,
        "key_verified": offer.key_verified,
        "state": offer.state,
        "on_the_homes_word": offer.told,
        "version": offer.version,
        "stale": offer.stale,
        "total": dict(offer.total),
        "items": [dict(item) for item in offer.items],
        "conditions": [dict(one) for one in offer.conditions],
        "valid_until": offer.valid_until,
        "messages": [said(message) for message in offer.messages],
    }


def said(message: Any) -> dict[str, Any]:
    """A message as JSON."""
    return {"mid": message.mid, "iss": message.iss, "type": message.type, "body": dict(message.body)}


def tell_offers(me: CustomerAgent, thid: str, json_: bool) -> None:
    """The offers of an intent as a table, the cheapest of each currency first."""
    found = sorted(me.offers(thid), key=lambda o: (o.total["currency"], float(o.total["amount"])))
    if json_:
        for offer in found:
            typer.echo(json.dumps(_document(offer)))
        return
    view, need = me.view(thid), me.present_body(thid)["need"]
    typer.echo(f"{styled(need['title'], bold=True)}: {view.state} until {when(view.deadline)}, intent {thid}")
    if not found:
        typer.echo("  no offers yet")
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("offer", "vendor", "total", "what", "state", "until"):
        table.add_column(name, justify="right" if name == "total" else "left", overflow="fold")
    for offer in found:
        what = "; ".join(str(item["title"]) for item in offer.items)
        stale = " (for an earlier version)" if offer.stale else ""
        told = " (on the home's word)" if offer.told else ""
        ends = when(me.view(offer.thid).deadline)
        table.add_row(offer.thid[:_SHORT], _who(offer), _money(offer), what + stale, offer.state + told, ends)
    out = console()
    out.print(table, soft_wrap=False)
    out.print(f"  `vrmproto customer show {found[0].thid[:_SHORT]}` shows one with what was said")


def tell_thread(me: CustomerAgent, view: ThreadView, json_: bool) -> None:
    """An intent or an offer with everything that was said in it."""
    if json_:
        shown: dict[str, Any] = {"thid": view.thid, "state": view.state, "deadline": view.deadline}
        shown |= {"verified": view.verified, "messages": [said(m) for m in view.messages]}
        typer.echo(json.dumps(shown if view.thread.board else {**_document(me.offer(view.thid)), **shown}))
        return
    if view.thread.board:
        body = me.present_body(view.thid)
        typer.echo(f"{styled(body['need']['title'], bold=True)} (version {view.thread.facts['version']})")
    else:
        offer = me.offer(view.thid)
        typer.echo(f"{styled(_money(offer), bold=True)} by {_who(offer)}")
        if not offer.domain_verified:
            typer.echo("  " + styled(UNVERIFIED.format(offer.vendor), fg="yellow"))
        for item in offer.items:
            price = item["price"]
            typer.echo(f"  {item['title']}: {price['currency']} {price['amount']}")
        for one in offer.conditions:
            typer.echo(f"  {one['weight']}: {one['text']}")
        if offer.stale:
            typer.echo("  it answers an earlier version of the intent")
    told = ", on the home's word" if view.told else ""
    ends = f", until {when(view.deadline)}" if view.deadline else ""
    typer.echo(f"  {view.state}{told}{ends}; thread {view.thid}")
    for message in view.messages:
        mine = "you" if me.owns(message.iss) else "they"
        typer.echo(f"  {when(message.iat)}  {mine:4}  {message.type:20} {_words(message)}")


def _words(message: Any) -> str:
    """What people want to know of a message in one line."""
    body = message.body
    if "text" in body or "reason" in body:
        return f"“{body.get('text') or body['reason']}”"
    if "total" in body:
        return f"{body['total']['currency']} {body['total']['amount']}"
    if "content" in body:
        return ", ".join(body["about"]["fields"])
    return str(body.get("reference", ""))


def tell_event(me: CustomerAgent, event: Event, json_: bool) -> None:
    """Something that has come in."""
    if json_:
        names = ("mid", "thid", "type", "iss", "state", "seq", "verified", "reason")
        typer.echo(json.dumps({**{n: getattr(event, n) for n in names}, "body": dict(event.body)}))
        return
    if not event.verified:
        typer.echo(f"UNVERIFIED ({event.reason}): {event.type} that claims to be from {event.iss}")
    elif not event.type:
        typer.echo(f"the operator took the intent {event.thid[:_SHORT]} off the board: {event.reason}")
    elif event.thid in all_offers(me):
        offer = me.offer(event.thid)
        message = next(m for m in me.view(event.thid).messages if m.mid == event.mid)
        typer.echo(f"{event.thid[:_SHORT]}  {event.type:14} {_who(offer)}: {_words(message)} ({event.state})")
    else:
        typer.echo(f"{event.thid[:_SHORT]}  {event.type:14} {event.iss} ({event.state})")
