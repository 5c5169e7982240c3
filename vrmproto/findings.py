"""What a verifier reports: checks, the verdict, and what rests on the home's word alone. No I/O, no clock.

Source: spec/protocol/records.md "Verification".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from vrmproto.errors import ProtocolError

__all__ = ["Check", "Findings", "Report"]

KEY_CODES = frozenset(
    {"alg-unsupported", "key-invalid", "key-unknown", "key-revoked", "key-unavailable"}
    | {"signature-invalid", "kid-mismatch"}
)
"""Codes of faults in a key or a signature: in a record they are VRM-REC-010's."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``requirement`` and ``code`` may be ''."""

    name: str
    ok: bool
    detail: str = ""
    requirement: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one document; ``trusted`` says what rests on the home's word alone (VRM-REC-013)."""

    ok: bool
    kind: str
    checks: tuple[Check, ...]
    trusted: tuple[str, ...] = ()
    self_homed: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(c for c in self.checks if not c.ok)

    def document(self) -> dict[str, Any]:
        """The report as JSON values."""
        members = ("name", "ok", "detail", "requirement", "code")
        return {
            "ok": self.ok,
            "kind": self.kind,
            "checks": [{m: getattr(c, m) for m in members if getattr(c, m) != ""} for c in self.checks],
            "trusted": list(self.trusted),
            "self_homed": self.self_homed,
            "facts": dict(self.facts),
        }


@dataclass(slots=True)
class Findings:
    """Collects checks; ``for_keys`` is the requirement under which faults of keys and signatures are told."""

    kind: str
    for_keys: str = ""
    checks: list[Check] = field(default_factory=list)
    trusted: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    self_homed: bool = False

    def check(self, name: str, ok: bool, wrong: str, requirement: str = "", code: str = "") -> bool:
        """Note a check; ``wrong`` and ``code`` are kept if it failed."""
        self.checks.append(Check(name, ok, "" if ok else wrong, requirement, "" if ok else code))
        return ok

    def attempt(self, name: str, requirement: str, call: Callable[[], T]) -> T | None:
        """Note whether a call goes through; its value, or None if it raised a ProtocolError."""
        try:
            value = call()
        except ProtocolError as error:
            rule = error.rule or requirement
            if self.for_keys and error.code in KEY_CODES:
                rule = self.for_keys
            self.checks.append(Check(name, False, error.detail, rule, error.code))
            return None
        self.checks.append(Check(name, True, "", requirement))
        return value

    def trust(self, what: str) -> None:
        """Note something that rests on the home's word alone."""
        if what not in self.trusted:
            self.trusted.append(what)

    def adopt(self, prefix: str, report: Report) -> None:
        """Take over the checks of a report on a part."""
        for c in report.checks:
            self.checks.append(Check(f"{prefix}: {c.name}", c.ok, c.detail, c.requirement, c.code))
        for what in report.trusted:
            self.trust(what)
        self.self_homed = self.self_homed or report.self_homed

    def report(self) -> Report:
        """The verdict: ok if there are checks and none failed."""
        ok = bool(self.checks) and all(c.ok for c in self.checks)
        checks, trusted = tuple(self.checks), tuple(self.trusted)
        return Report(ok, self.kind, checks, trusted, self.self_homed, MappingProxyType(dict(self.facts)))
