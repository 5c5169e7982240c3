"""Opens what others signed: messages with the sender's own key, receipts with the home's.

Source: spec/protocol/agents.md (VRM-AGT-006, VRM-AGT-007), identity.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vrmproto import envelope, keys
from vrmproto.agents import chain
from vrmproto.agents.book import Book
from vrmproto.agents.chain import ChainError
from vrmproto.agents.wire import Wire
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.keys import PublicKey
from vrmproto.outgoing import KeyCache
from vrmproto.spec import Spec

__all__ = ["Verifier"]


class Verifier:
    """Finds keys and opens tokens; ``own_key`` tells the agent's own ones by identifier and ``kid``."""

    def __init__(
        self,
        spec: Spec,
        wire: Wire,
        book: Book,
        cache: KeyCache,
        *,
        own_key: Callable[[str, str], PublicKey | None],
        dev: bool,
    ) -> None:
        self._spec = spec
        self._wire = wire
        self._book = book
        self._cache = cache
        self._own_key = own_key
        self._dev = dev

    async def message(self, token: str) -> Message:
        """A message verified with its sender's key; an organisation's is looked up at its origin only.

        ProtocolError says what is wrong with it, or that the key is not to be had (VRM-AGT-007).
        """
        opening = envelope.parse(self._spec, token.encode(), home=self._wire.home, dev=self._dev)
        iss, kid = opening.claims["iss"], opening.header["kid"]
        key = self._own_key(iss, kid)
        if key is None and iss.startswith(keys.DID):
            key = keys.from_did(iss)
        if key is None:
            key = (await self._cache.key_set(iss, kid)).find(kid)
        envelope.check_signature(opening, key)
        envelope.check_content(opening)
        return opening.message()

    async def receipt(self, receipt: str, *, fresh: bool = False) -> dict[str, Any]:
        """The claims of a receipt under a key of the home; ``fresh`` refuses a key that it has retired.

        ChainError ``receipt`` if it does not verify; WireError if the home's keys cannot be read.
        """
        try:
            kid = envelope.peek(receipt)[0].get("kid")
        except ProtocolError as error:
            raise ChainError("receipt", error.detail, (receipt,)) from None
        home = self._wire.home
        await self._wire.discovery()
        known = self._book.seen_keys("homes", home)
        if kid not in known:
            await self._wire.discovery(max_age=60)
            known = self._book.seen_keys("homes", home)
        seen = self._book.load_seen("homes", home)
        if fresh and seen is not None and kid in seen.revoked:
            raise ChainError("receipt", "the home has retired the key that signed it", (receipt,))

        def find(wanted: str) -> PublicKey:
            if wanted not in known:
                raise ProtocolError("key-unknown", "the home does not publish this key", rule="VRM-AGT-002")
            return known[wanted]

        return chain.open_receipt(self._spec, receipt, home=home, key=find)
