"""What a vendor offers by itself: a small table of rules, of which the first that fits an intent counts.

A rule names what it answers (category, region, language, words of the title) and what it offers: fixed
items, or those that a program of the vendor's works out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict

from vrmproto import strictjson
from vrmproto.agents.feeds import Intent

__all__ = ["Filters", "OfferRule", "Priced", "Program", "ProgramError", "priced"]


class ProgramError(Exception):
    """The program of a rule gave no answer that means anything: why."""


class Filters(TypedDict):
    """What a board is asked for."""

    category: str
    region: str
    lang: str


@dataclass(frozen=True, slots=True)
class Priced:
    """What is offered: the items, their total, and what else the offer is to say."""

    items: Sequence[Mapping[str, Any]]
    total: Mapping[str, str]
    conditions: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class OfferRule:
    """One rule; '' fits every intent.

    ``category`` is ``SCHEME:CODE``, or how it begins, ``title`` a part of the title in letters of either
    case. It offers one ``item`` at a ``price`` in a ``currency``, or what ``command`` answers: a program that
    gets the intent as JSON on its standard input and has ``timeout`` seconds to print ``{items, total}``, or
    nothing where it does not want to offer. ``answers`` are texts by a word of the question, ``revise_to`` is
    the price after the first question, and with ``confirm`` an accepted offer is confirmed at once.
    """

    category: str = ""
    region: str = ""
    lang: str = ""
    title: str = ""
    item: str = ""
    price: str = ""
    currency: str = "EUR"
    command: tuple[str, ...] = ()
    timeout: float = 10.0
    conditions: tuple[Mapping[str, str], ...] = ()
    valid_in: str = "P7D"
    answers: Mapping[str, str] = field(default_factory=dict)
    revise_to: str = ""
    confirm: bool = False

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> OfferRule:
        """The rule of a TOML table; ValueError for a member that it does not know or that it lacks."""
        if unknown := table.keys() - {f.name for f in fields(cls)}:
            raise ValueError(f"a rule for offers has no {', '.join(sorted(unknown))}")
        command = table.get("command", ())
        lists = {"command": tuple([command] if isinstance(command, str) else command)}
        rule = cls(**{**table, **lists, "conditions": tuple(table.get("conditions", ()))})
        if not rule.command and not (rule.item and rule.price):
            raise ValueError("a rule for offers has an item and a price, or a command")
        return rule

    def fits(self, intent: Intent) -> bool:
        """Whether the rule is for this intent."""
        codes = [f"{c['scheme']}:{c['code']}" for c in intent.need.get("categories", ())]
        region = (intent.where or {}).get("region", "")
        lang, wanted = intent.lang.lower(), self.lang.lower()
        return (
            (not self.category or any(code.startswith(self.category) for code in codes))
            and (not self.region or region == self.region or region.startswith(f"{self.region}-"))
            and (not wanted or lang == wanted or lang.startswith(f"{wanted}-"))
            and self.title.lower() in intent.need.get("title", "").lower()
        )

    @property
    def filters(self) -> Filters:
        """What a board can look for already."""
        whole = ":" in self.category and not self.category.endswith(":")
        return {
            "category": self.category if whole else "",
            "region": self.region,
            "lang": self.lang,
        }

    def answer(self, question: str) -> str:
        """The text whose word is in a question, or '': a person has to answer."""
        asked = question.lower()
        return next((text for word, text in self.answers.items() if word.lower() in asked), "")


async def priced(rule: OfferRule, intent: Intent, *, revised: bool = False) -> Priced | None:
    """What a rule offers on an intent, or None where its program does not want to; ProgramError."""
    if not rule.command:
        total = {"amount": rule.revise_to if revised else rule.price, "currency": rule.currency}
        item = {"title": rule.item, "quantity": {"value": "1"}, "price": total}
        return Priced([item], total, rule.conditions)
    said = await Program(rule.command, rule.timeout).ask(_told(intent))
    if said is None:
        return None
    if not isinstance(said.get("items"), list) or not isinstance(said.get("total"), dict):
        raise ProgramError("it does not print items and a total")
    return Priced(said["items"], said["total"], said.get("conditions", rule.conditions))


def _told(intent: Intent) -> dict[str, Any]:
    """What a program is told of an intent."""
    shown = {"thid": intent.thid, "version": intent.version, "lang": intent.lang, "until": intent.until}
    parts = {
        "need": intent.need,
        "where": intent.where,
        "when": intent.when,
        "budget": intent.budget,
        "offer_rules": intent.rules,
    }
    return shown | {name: value for name, value in parts.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is asked in JSON, without a shell."""

    command: Sequence[str]
    timeout: float

    async def ask(self, told: Mapping[str, Any]) -> dict[str, Any] | None:
        """Its answer, None if it prints nothing; ProgramError where it fails or takes too long."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*self.command, stdin=pipe, stdout=pipe)
        except OSError as error:
            raise ProgramError(f"it does not start ({error.strerror})") from None
        try:
            async with asyncio.timeout(self.timeout):
                out, _ = await process.communicate(strictjson.dumps(dict(told)))
        except TimeoutError:
            raise ProgramError(f"it took longer than {self.timeout} seconds") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise ProgramError(f"it ended with {process.returncode}")
        if not out.strip():
            return None
        answer, broken = strictjson.read(out.strip())
        if broken:
            raise ProgramError("it does not print one JSON object")
        return answer
