"""What a vendor that works by itself tells: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import typer

from vrmproto import timing
from vrmproto.agents import Event, Sent, VendorAgent
from vrmproto.cli.output import styled

__all__ = ["Log", "Telling"]

_WORDS = {
    "offer.make": "offered",
    "offer.revise": "offered anew",
    "offer.message": "answered",
    "offer.confirm": "confirmed",
    "purge.attest": "erased, and attested it",
    "relationship.attest": "erased, and attested it",
    "consent.request": "asked for a consent",
    "consent.propagated": "stopped, and said so",
    "correction.apply": "corrected",
    "correction.refuse": "did not correct",
    "terms.accept": "accepted terms",
    "terms.alternative": "offered other terms",
    "terms.reject": "rejected terms",
}
_SHORT = 8


class Telling(VendorAgent):
    """An agent that tells what it receives to its ``log``, once it has one."""

    log: Log | None = None

    async def poll(self, wait: float = 0) -> list[Event]:
        """What has arrived, told."""
        events = await super().poll(wait)
        for event in events:
            if self.log is not None:
                self.log.received(event)
        return events


class Log:
    """Tells what an agent sends and receives."""

    def __init__(self, vendor: VendorAgent, json_: bool) -> None:
        self.vendor = vendor
        self.json = json_
        logging.getLogger("vrmproto.agents").addHandler(_Handler(self))

    # --- what happens ---------------------------------------------------------------------------

    def ready(self) -> None:
        """It serves and watches."""
        rules = len(self.vendor.offer_rules())
        many = f"{rules} rule{'' if rules == 1 else 's'} for offers"
        text = f"{self.vendor.origin} at the home {self.vendor.home}, with {many}"
        self._tell("ready", text, {"origin": self.vendor.origin, "home": self.vendor.home, "rules": rules})

    def sent(self, sent: Sent) -> None:
        """A message that it has sent, taken or refused."""
        claims = _claims(sent.token)
        members = {"type": claims["type"], "thid": sent.thid, "mid": sent.mid, "status": sent.status}
        if sent.problem is not None:
            code = str(sent.problem.get("code", ""))
            text = f"{claims['type']} was refused: {code} ({sent.problem.get('detail', '')})"
            self._tell("refused", text, {**members, "code": code}, "red")
            return
        done = _WORDS.get(claims["type"], claims["type"])
        words = " ".join(filter(None, [done, _said(claims["body"])]))
        self._tell("sent", f"{sent.thid[:_SHORT]}  {words}", {**members, "state": sent.state}, "green")

    def received(self, event: Event) -> None:
        """A message that has come in."""
        names = ("type", "thid", "mid", "iss", "state", "verified", "reason")
        members = {name: getattr(event, name) for name in names}
        if not event.verified:
            text = f"UNVERIFIED ({event.reason}): {event.type}, claimed to be from {event.iss}"
            self._tell("received", text, members, "red")
            return
        words = " ".join(filter(None, [event.type, _said(event.body)]))
        self._tell("received", f"{event.thid[:_SHORT]}  {words}", members)
        if event.type == "offer.message" and not self._has_words(event):
            text = f"{event.thid[:_SHORT]}  no rule has an answer: a person has to give it"
            self._tell("unanswered", text, {"thid": event.thid, "mid": event.mid}, "yellow")

    def warned(self, text: str) -> None:
        """Something does not go as it should."""
        self._tell("warning", text, {"detail": text}, "yellow")

    def _has_words(self, event: Event) -> bool:
        return any(rule.answer(event.body["text"]) for rule in self.vendor.offer_rules())

    def _tell(self, name: str, text: str, members: Mapping[str, Any], colour: str = "") -> None:
        at = int(time.time())
        if self.json:
            typer.echo(json.dumps({"event": name, "at": at, **members}))
        else:
            clock = timing.text(at)[11:19]
            typer.echo(f"{clock}  {styled(text, fg=colour) if colour else text}")


class _Handler(logging.Handler):
    """What the agent logs, told in the same way."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        self.log.warned(record.getMessage())


def _claims(token: str) -> dict[str, Any]:
    from vrmproto import envelope

    return envelope.peek(token)[1]


def _said(body: Mapping[str, Any]) -> str:
    """What people want to know of a body."""
    if "text" in body or "reason" in body:
        return f"“{body.get('text') or body['reason']}”"
    if "total" in body:
        return f"{body['total']['currency']} {body['total']['amount']}"
    if "content" in body:
        return ", ".join(body["about"]["fields"])
    if "stage" in body:
        return str(body["stage"])
    if "agreement" in body:
        return str(body["agreement"]["id"])
    return ""
