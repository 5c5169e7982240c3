"""A person's agent: another key for each organisation, and no word of the home taken for theirs.

Source: spec/protocol/agents.md, terms.md, identity.md "Change of a person's key".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from vrmproto import envelope
from vrmproto.agents.changing import Changing
from vrmproto.agents.consenting import Consenting
from vrmproto.agents.disputing import Disputing
from vrmproto.agents.feedback import Telling
from vrmproto.agents.person import Terms
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.sync import SyncAgent, running
from vrmproto.agents.talking import Talking
from vrmproto.agents.wire import Signer

__all__ = ["CustomerAgent"]

SERVICE = "https://w3id.org/dpv#RequestedServiceProvision"


class CustomerAgent(Talking, Consenting, Changing, Telling, Disputing):
    """Acts for a person, who is the first party of her threads, from terms and intents to relationships."""

    @classmethod
    def sync(cls, folder: Path | str, home: str, **options: Any) -> AbstractContextManager[SyncAgent]:
        """The same without ``await``: ``with CustomerAgent.sync(folder, home=URL) as customer``."""
        return running(cls, folder, home, **options)

    # --- terms ----------------------------------------------------------------------------------

    async def proffer(
        self,
        vendor: str,
        preferred: Terms = "SD-BASE-DP",
        acceptable: Sequence[Terms] = (),
        *,
        purpose: str = SERVICE,
        answer_in: str | int = "P7D",
        ends_in: str | int | None = None,
        lang: str = "en",
        place: str = "ZZ",
        check: bool = True,
    ) -> Sent:
        """Offer her terms to an organisation, whose keys are read at its origin first.

        ``answer_in`` and ``ends_in`` are seconds from now, or ISO 8601 durations. Raises what
        :meth:`reads_here` raises.
        """
        await self.reads_here(vendor)
        body: dict[str, Any] = {
            "roster": {"id": self.spec.roster.id, "version": self.spec.roster.version},
            "preferred": self.held(preferred).reference,
        }
        if acceptable:
            body["acceptable"] = [self.held(terms).reference for terms in acceptable]
        body |= {"lang": lang, "place": place, "purpose": purpose}
        body["answer_by"] = self._by(answer_in)
        if ends_in is not None:
            body["ends"] = self._by(ends_in)
        return await self.send("terms.proffer", body, to=vendor, check=check)

    async def accept(self, thid: str, *, lang: str = "en", place: str = "ZZ", check: bool = True) -> Sent:
        """Accept the alternative that an organisation has offered in a thread."""
        facts = self.view(thid).thread.facts
        if "offer" not in facts or "preferred" not in facts:
            raise AgentError(f"there are no terms on offer in the thread {thid}")
        agreement = self.held(facts["preferred"]).reference
        body = {"accepts": facts["offer"], "agreement": agreement, "lang": lang, "place": place}
        return await self.send("terms.accept", body, thid=thid, check=check)

    async def reject(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """Say no to an alternative."""
        return await self.send("terms.reject", {"reason": reason} if reason else {}, thid=thid, check=check)

    async def withdraw(self, thid: str, *, check: bool = True) -> Sent:
        """Take a proffer back before it is accepted."""
        return await self.send("terms.withdraw", {}, thid=thid, check=check)

    async def terminate(self, thid: str, reason: str = "", *, check: bool = True) -> Sent:
        """End an agreement."""
        body = {"reason": reason} if reason else {}
        return await self.send("agreement.terminate", body, thid=thid, check=check)

    async def rotate(self, thid: str, *, check: bool = True) -> Sent:
        """Change her key opposite the organisation of a thread, in all threads of the two at this home.

        The rotation commits to the key after it (``nkt``); the next one then needs no proof by the old key.
        """
        thread = self.view(thid).thread
        second, n = thread.second, self._present(thread.second)
        old, new, after = (self.key_number(second, n + step) for step in range(3))
        body: dict[str, Any] = {"replaces": old.did, "nkt": after.public.kid}
        if self.ledger.next_key(old.did, second) is None:
            proof = {
                "iss": old.did,
                "sub": new.did,
                "aud": second,
                "home": self.home,
                "thid": thid,
                "iat": self.now(),
            }
            body["proof"] = envelope.seal(old, proof, envelope.PROOF)
        self._use(second, n + 1)
        return await self.send("agent.rotate", body, thid=thid, signer=Signer(new.did, new), check=check)
