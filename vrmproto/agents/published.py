"""The keys that an organisation publishes: new ones before they are used, retired ones for ever.

Source: spec/protocol/identity.md (VRM-ID-017 to VRM-ID-019).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vrmproto import keys
from vrmproto.agents.book import Book
from vrmproto.agents.sender import AgentError
from vrmproto.keys import PrivateKey

__all__ = ["KEEP_DAYS", "PublishedKeys"]

KEEP_DAYS = 7
"""Days for which a key that no longer signs stays in ``keys`` (VRM-ID-018)."""


class PublishedKeys:
    """Keys by number, all derived from the seed; what is published is in the book's state."""

    def __init__(self, book: Book, alg: str, clock: Callable[[], float]) -> None:
        self._book = book
        self._clock = clock
        self._derived: dict[tuple[int, str], PrivateKey] = {}
        if "keys" not in book.state:
            first = {"n": 0, "alg": alg, "replaced_at": None}
            book.remember(keys=[first], signs=0, historical=[])

    def _listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._book.state["keys"]
        return listed

    def _key(self, entry: dict[str, Any]) -> PrivateKey:
        return self._derive(entry["n"], entry["alg"])

    def _derive(self, n: int, alg: str) -> PrivateKey:
        if (n, alg) not in self._derived:
            self._derived[n, alg] = keys.derive(self._book.seed, f"org/{n}", alg)
        return self._derived[n, alg]

    @property
    def current(self) -> PrivateKey:
        """The key that signs."""
        return self._key(next(e for e in self._listed() if e["n"] == self._book.state["signs"]))

    @property
    def published(self) -> list[PrivateKey]:
        """All of ``keys``, the newest first."""
        return [self._key(e) for e in reversed(self._listed())]

    @property
    def historical(self) -> list[dict[str, Any]]:
        """``historical_keys``; it only ever grows (VRM-ID-019)."""
        return list(self._book.state["historical"])

    def add(self, alg: str | None = None) -> str:
        """Publish a new key without using it; its ``kid``."""
        n = 1 + self._book.state.get("highest", max(e["n"] for e in self._listed()))
        entry = {"n": n, "alg": alg or self._listed()[-1]["alg"], "replaced_at": None}
        self._book.remember(keys=[*self._listed(), entry], highest=n)
        return self._key(entry).public.kid

    def use(self, kid: str) -> None:
        """Sign with a published key from now on; AgentError if it is not published (VRM-ID-017)."""
        now = int(self._clock())
        signs = next((e["n"] for e in self._listed() if self._key(e).public.kid == kid), None)
        if signs is None:
            raise AgentError(f"{kid} is not among the published keys")
        before = self._book.state["signs"]
        replaced = [{**e, "replaced_at": now} if e["n"] == before != signs else e for e in self._listed()]
        self._book.remember(keys=replaced, signs=signs)

    def retire(self, kid: str, reason: str = "", *, at_once: bool = False) -> None:
        """Move a key that no longer signs to ``historical_keys``.

        AgentError if it signs, or has signed within the last seven days, unless ``at_once`` (a key that
        somebody else may have).
        """
        now = int(self._clock())
        entry = next((e for e in self._listed() if self._key(e).public.kid == kid), None)
        if entry is None or entry["n"] == self._book.state["signs"]:
            raise AgentError(f"{kid} is not published, or it is the key that signs")
        if not at_once and (entry["replaced_at"] or now) + KEEP_DAYS * 86400 > now:
            raise AgentError(f"{kid} stays published for {KEEP_DAYS} days after it was replaced")
        historical = {"kid": kid, "revoked_at": now} | ({"reason": reason} if reason else {})
        left = [e for e in self._listed() if e is not entry]
        self._book.remember(keys=left, historical=[*self.historical, historical])

    def retired_key(self, kid: str) -> PrivateKey | None:
        """A key that was ever published here, by its ``kid``."""
        highest = self._book.state.get("highest", 0)
        made = (self._derive(n, alg) for n in range(highest + 1) for alg in keys.ALGS)
        return next((key for key in made if key.public.kid == kid), None)
