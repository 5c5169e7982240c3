"""What an organisation answers to proffers: a small table, decided by the first line that fits."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from vrmproto.agents.rules import OfferRule
from vrmproto.model import Thread
from vrmproto.roster import Roster

__all__ = ["Decision", "Policy"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer: ``accept`` or ``alternative`` with its agreement, ``hold`` (for a person), ``reject``."""

    kind: Literal["accept", "alternative", "hold", "reject"]
    agreement: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The agreements by id: accepted (and disclosed), offered instead, held for a person; else rejected.

    The preferred agreement goes first, then the acceptable ones in the order of the proffer. ``answer_in`` is
    how long an alternative stands, ``reason`` is said with a rejection. ``offers`` are the rules by which
    offers are made on intents. ``kept`` is what stays when a relationship has ended, and why: it is said in
    the attestation, as ``{what, why, until}``. ``propagate_within`` is how soon after the end of a consent
    the organisation says that it has stopped; ``tell`` is the program that tells the recipients then: it is
    asked ``{consent, person, purposes, recipients}`` and prints ``{"told": [NAME, ...]}``. ``corrections``
    says what becomes of a correction: ``hold`` leaves it to a person, ``apply`` applies it or refuses what
    does not fit.
    """

    accepts: tuple[str, ...] = ()
    alternative: str = ""
    hold: tuple[str, ...] = ()
    answer_in: str = "P7D"
    reason: str = ""
    lang: str = "en"
    place: str = "ZZ"
    offers: tuple[OfferRule, ...] = ()
    kept: tuple[Mapping[str, str], ...] = ()
    propagate_within: str = "P1D"
    tell: tuple[str, ...] = ()
    corrections: Literal["hold", "apply"] = "hold"

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Policy:
        """The policy of a TOML table; ValueError for a member that it does not know."""
        unknown = table.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"a policy has no {', '.join(sorted(unknown))}")
        lists: dict[str, Any] = {n: tuple(table[n]) for n in ("accepts", "hold", "kept") if n in table}
        if "tell" in table:
            tell = table["tell"]
            lists["tell"] = tuple([tell] if isinstance(tell, str) else tell)
        if table.get("corrections", "hold") not in ("hold", "apply"):
            raise ValueError("corrections is to be hold or apply")
        lists["offers"] = tuple(OfferRule.of(rule) for rule in table.get("offers", ()))
        return cls(**{**table, **lists})

    @classmethod
    def read(cls, path: Path | str) -> Policy:
        """The table ``policy`` of a TOML file with its tables ``offers``, or the file where it has none."""
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        offers = {"offers": table["offers"]} if "offers" in table else {}
        return cls.of({**table.get("policy", table), **offers} if "policy" in table else table)

    def decide(self, roster: Roster, thread: Thread) -> Decision:
        """The answer to a proffered thread. Only agreements that the roster holds are ever accepted."""
        listed = [thread.facts["preferred"], *(thread.facts.get("acceptable") or ())]
        held = [a for a in map(roster.find, listed) if a is not None and a.reference in listed]
        for agreement in held:
            if agreement.id in self.accepts:
                return Decision("accept", agreement.reference)
        if any(agreement.id in self.hold for agreement in held):
            return Decision("hold")
        if self.alternative and thread.facts["roster"] == {"id": roster.id, "version": roster.version}:
            other = roster.named(self.alternative)
            if (other.id, other.version) not in [(a["id"], a["version"]) for a in listed]:
                return Decision("alternative", other.reference)
        return Decision("reject")
