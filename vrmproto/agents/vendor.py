"""An organisation's agent: its origin with discovery document and disclosure, and answers by policy.

Source: spec/protocol/identity.md "Keys of organisations", home.md "Discovery", terms.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from vrmproto import documents, keys, strictjson, timing
from vrmproto.agents.agent import ThreadView
from vrmproto.agents.book import Book
from vrmproto.agents.consenting import Asking, Consent
from vrmproto.agents.disputing import Disputing
from vrmproto.agents.feedback import Hearing
from vrmproto.agents.inbox import Event
from vrmproto.agents.keeping import Keeping
from vrmproto.agents.policy import Policy
from vrmproto.agents.published import PublishedKeys
from vrmproto.agents.rules import OfferRule, Program, ProgramError
from vrmproto.agents.sender import AgentError, Sent
from vrmproto.agents.sync import SyncAgent, running
from vrmproto.agents.talking import Writing
from vrmproto.agents.wire import Signer
from vrmproto.agents.working import Working
from vrmproto.keys import PublicKey
from vrmproto.outgoing import DISCOVERY
from vrmproto.spec import VERSION, Spec

__all__ = ["Policy", "VendorAgent"]

LADDER = "/.well-known/vrm-ladder"
"""Where an organisation that has written a ladder serves it."""

_log = logging.getLogger("vrmproto.agents")

_CLOSED = ("state-conflict", "deadline-passed", "prev-stale")


class VendorAgent(Working, Asking, Writing, Keeping, Hearing, Disputing):
    """Acts for an organisation, named by its ``origin``; without one by a ``did:jwk``, not domain-verified.

    ``homes`` are the origins of all homes that it reads (by default the one it is opened with), ``alg`` the
    algorithm of its first key, ``ladder`` the document of a ladder that it has written itself.
    """

    def __init__(
        self,
        book: Book,
        spec: Spec,
        home: str,
        *,
        dev: bool,
        clock: Callable[[], float],
        origin: str = "",
        policy: Policy | Mapping[str, Any] | None = None,
        homes: Sequence[str] = (),
        alg: str = "ES256",
        operator: str = "",
        ladder: bytes | None = None,
    ) -> None:
        self.published = PublishedKeys(book, alg, clock)
        self.policy = policy if isinstance(policy, Policy) else Policy.of(policy or {})
        for name in (*self.policy.accepts, *filter(None, [self.policy.alternative])):
            spec.roster.named(name)
        try:
            timing.after(0, self.policy.propagate_within)
        except ValueError:
            raise AgentError(f"{self.policy.propagate_within} is no duration") from None
        self.propagate_within = self.policy.propagate_within
        self.origin = ""
        self.homes = list(homes) or [home]
        self.operator = operator
        self._runner: web.AppRunner | None = None
        super().__init__(book, spec, home, dev=dev, clock=clock)
        self._name(origin or str(book.state.get("origin", "")))
        try:
            self.ladder = self.ledger.hold_ladder(ladder) if ladder is not None else None
        except ValueError as error:
            raise AgentError(str(error)) from None
        for one in self.policy.kept:
            if not spec.valid("shared/kept.json", one):
                raise AgentError(f"{dict(one)} does not say what is kept and why")

    @classmethod
    def sync(cls, folder: Path | str, home: str, **options: Any) -> AbstractContextManager[SyncAgent]:
        """The same without ``await``: ``with VendorAgent.sync(folder, home=URL, …) as vendor``."""
        return running(cls, folder, home, **options)

    def _name(self, origin: str) -> None:
        if origin and (
            not self.spec.valid("shared/origin.json", origin) or (origin.startswith("http:") and not self.dev)
        ):
            raise AgentError(f"{origin} is no https origin (http is for loopback with dev)")
        if origin and self.book.state.get("origin") != origin:
            self.book.remember(origin=origin)
        self.origin = origin

    async def close(self) -> None:
        """Stop serving and release all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await super().close()

    # --- identifier and keys --------------------------------------------------------------------

    def signer_for(self, to: str) -> Signer:
        """The organisation with the key that signs at present."""
        key = self.published.current
        return Signer(self.origin or key.did, key)

    def own_key(self, iss: str, kid: str) -> PublicKey | None:
        """A key of this organisation, also a retired one: what it signed itself it knows."""
        if iss not in (self.origin, self.signer_for("").iss):
            return None
        found = self.published.retired_key(kid)
        return found.public if found else None

    def rotate_key(self, alg: str | None = None) -> str:
        """Publish a new key and sign with it from now on; the old one stays published. The new ``kid``.

        Where another web server serves the document, take ``published.add``, update it, then
        ``published.use``. A home that has read the document within the last minute knows the new key only
        after that minute (VRM-ID-013): until then it answers ``key-unknown``. AgentError for a ``did:jwk``.
        """
        if not self.origin:
            raise AgentError("an organisation without an origin cannot change its key")
        kid = self.published.add(alg)
        self.published.use(kid)
        return kid

    # --- its origin -----------------------------------------------------------------------------

    def discovery(self) -> dict[str, Any]:
        """The discovery document, to be served at ``/.well-known/vrm-configuration`` of the origin."""
        document: dict[str, Any] = {
            "issuer": self.origin,
            "versions": [VERSION],
            "roles": ["organisation"],
            "homes": self.homes,
            "algs": list(keys.ALGS),
            "roster": {"id": self.spec.roster.id, "version": self.spec.roster.version},
            "accepts": documents.accepted(self.spec, self.policy.accepts),
            "keys": documents.published(key.public for key in self.published.published),
            "historical_keys": self.published.historical,
        }
        if self.ladder is not None:
            document["ladder"] = {"digest": self.ladder.digest, "url": self.origin + LADDER}
        return document | ({"operator": self.operator} if self.operator else {})

    def myterms(self) -> dict[str, Any]:
        """The disclosure of agreements, to be served at ``/.well-known/myterms``."""
        return documents.myterms(self.discovery())

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve both documents, and its ladder if it has written one; the origin.

        Without an origin it becomes ``http://host:port`` (needs ``dev``).
        """
        if self._runner is not None:
            raise AgentError("it serves already")
        if self.origin.startswith("http://") and not port:
            port = urlsplit(self.origin).port or 80
        app = web.Application()
        for path, document in ((DISCOVERY, self.discovery), ("/.well-known/myterms", self.myterms)):
            app.router.add_get(path, _served(document))
        if (ladder := self.ladder) is not None:
            app.router.add_get(LADDER, _served(lambda: ladder.document))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        if not self.origin:
            self._name(f"http://{host}:{self._runner.addresses[0][1]}")
        return self.origin

    # --- answering ------------------------------------------------------------------------------

    def speaks(self) -> dict[str, str]:
        """``lang`` and ``place`` of the policy."""
        return {"lang": self.policy.lang, "place": self.policy.place}

    async def announce(self) -> list[Event]:
        """Poll once, so that the home knows this identifier as an addressee; what has arrived already."""
        return await self.poll()

    async def answer(self, event: Event) -> Sent | None:
        """Answer one proffer by policy; None where there is nothing to answer or a person is to decide.

        An event that is not verified is never acted on (VRM-AGT-007).
        """
        if not event.verified or event.type != "terms.proffer":
            return None
        return await self._answer(self.view(event.thid))

    async def answer_all(self, wait: float = 0) -> list[Sent]:
        """Poll, then answer every proffer that stands in the own copies and has no answer yet."""
        await self.poll(wait)
        return await self.answer_terms()

    def kept(self, kind: str) -> Sequence[Mapping[str, str]]:
        """What the policy says of relationships."""
        return self.policy.kept if kind == "relationship" else ()

    def own_ladders(self) -> Sequence[str]:
        """The ladder that this organisation has written."""
        return () if self.ladder is None else (self.ladder.digest,)

    def offer_rules(self) -> Sequence[OfferRule]:
        """The rules of the policy."""
        return self.policy.offers

    async def answer_terms(self) -> list[Sent]:
        """The answers to the proffers in the own copies that have none."""
        answers = [await self._answer(view) for view in self.views() if view.state == "proffered"]
        return [sent for sent in answers if sent is not None]

    async def answer_persons(self) -> list[Sent]:
        """Say of ended consents that it has stopped, and answer corrections if the policy says so."""
        sent = await self.propagate_due()
        return sent + (await self.answer_corrections() if self.policy.corrections == "apply" else [])

    async def pass_on(self, consent: Consent) -> Sequence[str] | None:
        """Tell the recipients by the program of the policy; None where there is none, or it fails."""
        recipients = consent.request.get("recipients", ())
        if not recipients or not self.policy.tell:
            return await super().pass_on(consent)
        asked: dict[str, Any] = {"consent": consent.thid, "person": consent.person}
        asked |= {"purposes": list(consent.purposes), "recipients": [dict(one) for one in recipients]}
        try:
            said = await Program(self.policy.tell, 60.0).ask(asked)
        except ProgramError as error:
            _log.warning("the program %s tells nobody: %s", self.policy.tell[0], error)
            return None
        told = (said or {}).get("told")
        return [str(one) for one in told] if isinstance(told, list) else None

    async def _answer(self, view: ThreadView) -> Sent | None:
        thread = view.thread
        if view.state != "proffered" or thread.second not in {s.iss for s in self.identities()}:
            return None
        roster = self.spec.rosters.get((thread.facts["roster"]["id"], thread.facts["roster"]["version"]))
        decision = self.policy.decide(roster or self.spec.roster, thread)
        said = self.speaks()
        offer = thread.facts["offer"]
        if decision.kind == "hold":
            return None
        if decision.kind == "accept":
            body = {"accepts": offer, "agreement": decision.agreement, **said}
            sent = await self.send("terms.accept", body, thid=view.thid, check=False)
        elif decision.kind == "alternative":
            until = timing.after(self.now(), self.policy.answer_in)
            body = {"alternative_to": offer, "agreement": decision.agreement, **said}
            body["answer_by"] = timing.text(until)
            ends = thread.facts.get("ends")
            if ends is not None and timing.seconds(ends) > until:
                body["ends"] = ends
            sent = await self.send("terms.alternative", body, thid=view.thid, check=False)
        else:
            body = {"reason": self.policy.reason} if self.policy.reason else {}
            sent = await self.send("terms.reject", body, thid=view.thid, check=False)
        if sent.problem is not None and sent.problem.get("code") in _CLOSED:
            await self.thread(view.thid)
        return sent


def _served(document: Callable[[], dict[str, Any] | bytes]) -> Callable[[web.Request], Any]:
    async def handler(_: web.Request) -> web.Response:
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=60"}
        said = document()
        data = said if isinstance(said, bytes) else strictjson.dumps(said)
        return web.Response(body=data, content_type="application/json", headers=headers)

    return handler
