"""The suite's side of a run: parties with fresh keys, organisations on origins of its own, traces told."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from conformance import jose, receipts
from conformance.jose import Key
from conformance.results import Failed, Inconclusive, Outcome, Verdict
from conformance.target import Talk, Target, Unreachable
from conformance.traces import Bindings, Missing, Step, Trace, render, signature

if TYPE_CHECKING:
    from conformance.lab import Thread

__all__ = ["ANY_PORT", "PATIENCE", "PAUSE", "Address", "First", "Organisation", "Origins", "Session"]

Address = tuple[str, int]
ANY_PORT: Address = ("127.0.0.1", 0)
_TRIES = 4
PATIENCE, PAUSE = 75, 5
"""Seconds. A home may bound how many new origins it looks up in a minute."""


@dataclass
class Organisation:
    """A party with an origin: its document is served by the suite."""

    origin: str
    keys: dict[str, Key]
    document: dict[str, Any] | None
    fetched: int = 0
    """How often its discovery document was asked for."""
    answer: Callable[[], web.StreamResponse | None] | None = None
    """Answers the request for the document instead; None hangs up."""
    followed: int = 0
    """How often ``/elsewhere`` was asked for, where the document lies too then."""


class Origins:
    """Discovery documents served by the suite; every origin is an organisation of its own.

    On loopback each has a port. For a home elsewhere ``form`` is what their origins look like, such as
    ``https://*.vendors.example``; whatever ends TLS there passes requests on to ``listen``, ``Host`` and all.
    """

    def __init__(self, form: str = "", listen: Address = ANY_PORT) -> None:
        self._runner: web.ServerRunner | None = None
        self._form, self._listen = form, listen
        self._by_host: dict[str, Organisation] = {}

    @classmethod
    async def wanted(cls, target: Target, form: str = "", listen: Address = ANY_PORT) -> Origins | None:
        """Those for a home: '' is loopback for a home there and else none, as with ``none``.

        Unreachable where ``listen`` cannot be taken, or the home does not find what is served there.
        """
        if form == "none" or not (form or target.loopback):
            return None
        made = cls("" if form == "loopback" else form, listen)
        if made._form:
            try:
                await made._found_by(target)
            except BaseException:
                await made.close()
                raise
        return made

    async def _found_by(self, target: Target) -> None:
        """The home fetches a document at a name of this form; Unreachable."""
        key = jose.generate()
        try:
            probe = await self.add({"key": key}, {"keys": jose.published(key)})
        except OSError as error:
            host, port = self._listen
            raise Unreachable(f"organisations cannot be served at {host}:{port}: {error.strerror}") from None
        try:
            answer = await Talk(target, "origins").poll(key, probe.origin, maxEvents=0, label="a first poll")
        except Failed as failed:
            raise Unreachable(f"a poll of {probe.origin} was not answered: {failed.got}") from None
        if not probe.fetched:
            raise Unreachable(
                f"the home has not fetched {probe.origin}/.well-known/vrm-configuration ({answer.said}). "
                "Does the name lead to what ends TLS, and that to the suite, Host and all? "
                "Where it did before: a home may bound how many origins it looks up in a minute."
            )

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        found = self._by_host.get(request.headers.get("Host", "").lower())
        if found is not None and found.answer is not None and request.path == "/elsewhere":
            found.followed += 1
            return web.json_response(found.document)
        if found is None or request.path != "/.well-known/vrm-configuration":
            return web.Response(status=404)
        found.fetched += 1
        if found.answer is not None:
            answer = found.answer()
            if answer is None and request.transport is not None:
                request.transport.abort()
            return answer or web.Response(status=404)
        if found.document is None:
            return web.Response(status=404)
        return web.json_response(found.document)

    async def _origin(self) -> str:
        """A new origin, served from now on."""
        if self._runner is None:
            self._runner = web.ServerRunner(web.Server(self._serve))
            await self._runner.setup()
        if not (self._form and self._runner.addresses):
            bound = socket.create_server(self._listen if self._form else ANY_PORT)
            await web.SockSite(self._runner, bound).start()
            if not self._form:
                return f"http://127.0.0.1:{bound.getsockname()[1]}"
        return self._form.replace("*", f"o{secrets.token_hex(6)}")

    async def add(self, keys: Mapping[str, Key], document: Mapping[str, Any] | None) -> Organisation:
        """A new organisation; ``issuer``, ``versions`` and ``roles`` of its document are filled in."""
        origin = await self._origin()
        made: dict[str, Any] | None = None
        if document is not None:
            made = {"issuer": origin, "versions": ["1.0"], "roles": ["organisation"], **document}
        found = Organisation(origin, dict(keys), made)
        self._by_host[origin.partition("://")[2]] = found
        return found

    async def close(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()


@dataclass(frozen=True)
class First:
    """The intent that was published before anything else."""

    code: str
    """Its category, which nobody else has."""
    cursor: str
    """Of a read of this category before it was there."""
    intent: Thread


@dataclass
class Session:
    """Everything that checks share in one run."""

    target: Target
    origins: Origins | None = None
    """None: organisations cannot be played, and what needs one is not judged."""
    operator: Key | None = None
    """The home's own signing key, where its operator lends it."""
    hurried: bool = False
    """There is no time for what has to be tried often."""
    organisations: dict[Any, asyncio.Future[Organisation]] = field(default_factory=dict)
    first: First | None = None
    _waiting: dict[str, int] = field(default_factory=dict)

    # --- parties ----------------------------------------------------------------------------------

    async def organisation(
        self,
        name: str,
        publishes: Iterable[str],
        revoked: Iterable[str],
        algs: Mapping[str, str],
        known: bool,
        served: bool = True,
    ) -> Organisation:
        """An organisation that publishes these keys; the same one for the same wish."""
        if self.origins is None:
            raise Inconclusive("an organisation has to be played", "origin")
        wish = (name, tuple(publishes), tuple(revoked), known, served)
        if wish not in self.organisations:
            self.organisations[wish] = asyncio.ensure_future(self._made(wish, algs))
        return await asyncio.shield(self.organisations[wish])

    async def _made(self, wish: Any, algs: Mapping[str, str]) -> Organisation:
        name, publishes, revoked, known, served = wish
        assert self.origins is not None
        keys = {one: jose.generate(algs.get(one, "Ed25519")) for one in {name, *publishes, *revoked}}
        document: dict[str, Any] | None = None
        if served:
            document = {"keys": jose.published(*(keys[one] for one in publishes))}
            document["historical_keys"] = [
                {"kid": keys[one].kid, "revoked_at": self.target.now() - 86400} for one in revoked
            ]
        made = await self.origins.add(keys, document)
        if known:
            await self.introduce(keys[publishes[0]], made.origin)
        return made

    async def introduce(self, key: Key, iss: str) -> None:
        """Who has polled once is known here (VRM-ENV-025); Inconclusive if that is refused.

        A home may bound how many new organisations it looks up in a minute, so such a refusal is waited out.
        """
        for waited in range(0, PATIENCE, PAUSE):
            talk = Talk(self.target, "known")
            answer = await talk.poll(key, iss, maxEvents=0, label="poll, to be known here")
            if answer.status == 200:
                return
            if answer.code != "key-unavailable" or waited + PAUSE >= PATIENCE:
                raise Inconclusive(f"a poll was answered {answer.said}")
            await asyncio.sleep(PAUSE)

    async def emptied(self, key: Key, iss: str) -> None:
        """Acknowledge what lies in an inbox that many share, before it is full."""
        self._waiting[iss] = self._waiting.get(iss, 0) + 1
        if self._waiting[iss] < min(self.target.limit("inbox", 1000) // 4, 500):
            return
        self._waiting[iss] = 0
        talk = Talk(self.target, "empty an inbox")
        body: dict[str, Any] = {}
        for _ in range(100):
            answer = await talk.poll(key, iss, maxEvents=500, **body)
            document = answer.document if answer.status == 200 else None
            body = {"ack": list((document or {}).get("order", ()))}
            if not body["ack"]:
                return

    # --- traces -----------------------------------------------------------------------------------

    async def tell(self, trace: Trace) -> list[Outcome]:
        """Tell a conversation, several times where a second may have passed; what it shows."""
        last: list[Outcome] = []
        waits = True
        for trial in range(_TRIES):
            if trial:  # early in a second of the home's clock, so that the same second lasts
                await asyncio.sleep(1.02 - time.time() % 1)
            began = self.target.now()
            last = await self._told(trace, began, waits)
            bad = any(one.verdict is Verdict.FAIL for one in last)
            if bad and waits and any(one.got.startswith("503 ") for one in last):
                waits = not await self.is_well()
            if not bad:
                return last
            if self.target.now() == began and trial:
                return last
        reason = "the answers take longer than the second that the rule is about"
        return [replace(one, verdict=Verdict.INCONCLUSIVE, reason=reason) for one in last]

    async def is_well(self) -> bool:
        """Whether the home does other work now: then it is not for being busy that it answers 503."""
        key = jose.generate()
        try:
            await self.introduce(key, key.did)
        except (Failed, Inconclusive):
            return False
        return True

    async def _told(self, trace: Trace, began: int, waits: bool) -> list[Outcome]:
        talk = Talk(self.target, trace.name)
        talk.waits = waits
        names = (trace.requirement, *trace.covers)
        if trace.only == "https" and self.target.loopback:
            return []

        def said(
            verdict: Verdict, reason: str = "", rules: Iterable[str] = names, **more: Any
        ) -> list[Outcome]:
            more |= {"reason": reason, "conversation": tuple(talk.exchanges), "replay": trace.to_json()}
            return [Outcome(one, trace.name, verdict, **more) for one in rules]

        try:
            await self.follow(trace, talk, began)
        except Failed as failed:
            broken = names if failed.requirement == trace.requirement else (failed.requirement,)
            return said(Verdict.FAIL, rules=broken, expected=failed.expected, got=failed.got)
        except Missing as missing:
            verdict = Verdict.NOT_APPLICABLE if "${board:" in str(missing) else Verdict.INCONCLUSIVE
            return said(verdict, str(missing))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            reason = f"an answer could not be read ({type(error).__name__}: {error})"
            return said(Verdict.INCONCLUSIVE, reason)
        except Inconclusive as error:
            if error.needs:
                return said(Verdict.NOT_JUDGED, f"needs: {error.needs}")
            return said(Verdict.INCONCLUSIVE, error.reason)
        return [Outcome(one, trace.name, Verdict.PASS) for one in names]

    async def bind(self, trace: Trace, began: int) -> Bindings:
        """Fresh keys for everybody of a trace."""
        target = self.target
        boards = [b["url"] for b in target.discovery.get("boards", ())]
        bindings = Bindings(began, target.issuer, f"{target.endpoint('blobs')}/", boards)
        bindings.files = [secrets.token_bytes(size) for size in trace.files]
        algs = {name: str(party.get("alg", "Ed25519")) for name, party in trace.parties.items()}
        used = _names(trace)
        for name, party in trace.parties.items():
            if party["is"] == "organisation" and name in used | set(party.get("publishes") or ()):
                made = await self.organisation(
                    name,
                    party["publishes"] or [name],
                    party.get("revoked", ()),
                    algs,
                    bool(party.get("known")),
                    party["publishes"] is not None,
                )
                bindings.ids[name] = made.origin
                bindings.keys |= made.keys
        for name, party in trace.parties.items():
            if name in bindings.ids or name not in used:
                continue
            key = bindings.keys.get(name) or jose.generate(algs[name])
            bindings.keys[name] = key
            bindings.ids[name] = key.did
            if party["is"] == "nobody":
                bindings.ids[name] = "http://127.0.0.1:9" if target.loopback else "https://nobody.example"
            elif party.get("known"):
                await self.introduce(key, key.did)
        return bindings

    async def heard(self, trace: Trace) -> list[str]:
        """What is answered to each message, whatever it is; Missing, Inconclusive, Failed."""
        heard: list[str] = []
        await self.follow(trace, Talk(self.target, trace.name), self.target.now(), heard)
        return heard

    async def follow(self, trace: Trace, talk: Talk, began: int, heard: list[str] | None = None) -> Bindings:
        """Say every step and compare, or only take down what is ``heard``; Failed, Inconclusive, Missing."""
        bindings = await self.bind(trace, began)
        history = receipts.History(heard)
        for place, step in enumerate(trace.steps):
            await self._step(trace, step, talk, bindings, history, place + 1 == len(trace.steps))
        return bindings

    async def _step(
        self, trace: Trace, step: Step, talk: Talk, bindings: Bindings, history: receipts.History, last: bool
    ) -> None:
        if step.op == "put":
            data = bindings.files[int(step.of)]
            url = f"{bindings.blobs}{jose.digest(data)}"
            key, iss = bindings.keys[step.by], bindings.ids[step.by]
            token = talk.signed(key, iss, "PUT", url)
            headers = {"Authorization": f"VRM {token}", "Content-Type": "application/octet-stream"}
            answer = await talk.request(
                "PUT", url, headers=headers, data=data, label=f"{step.by} puts a blob"
            )
            if answer.status != 201:
                raise Inconclusive(f"a blob was refused: {answer.said}")
        elif step.op == "remove":
            await self.remove(talk, bindings.mids[step.of], step.code)
        else:
            await self._send(trace, step, talk, bindings, history, last)

    async def remove(self, talk: Talk, mid: str, code: str) -> None:
        """Take a thread off the first board, as its operator."""
        if self.operator is None:
            raise Inconclusive("the operator has to be played", "operator")
        url = f"{self.target.board()}/{mid}"
        headers = {"Authorization": f"VRM {talk.signed(self.operator, self.target.issuer, 'DELETE', url)}"}
        answer = await talk.request(
            "DELETE", f"{url}?code={code}", headers=headers, label="the operator removes"
        )
        if answer.status != 204:
            raise Failed("VRM-BRD-017", "204 to its operator", answer.said)

    async def _send(
        self, trace: Trace, step: Step, talk: Talk, bindings: Bindings, history: receipts.History, last: bool
    ) -> None:
        text = bindings.sent.get(step.of, "")
        if step.of and not text:
            raise Missing(f"there is no message {step.of}")
        if step.token is not None and text:
            said, _, _ = text.rpartition(".")
            text = f"{said}.{signature(step.token.sign, said, bindings)}"
        elif step.token is not None:
            text = render(step.token, bindings).decode("latin-1")
        token = text.encode("latin-1")
        bindings.sent[step.label] = text
        bindings.mids[step.label] = jose.mid_of(text)
        answer = await talk.send(token, step.about or f"message {step.label}{_typed(text)}")
        expect = step.expect
        if answer.status == 202:
            history.taken(talk, text, answer)
        got = answer.said
        if answer.status in (200, 202):
            got = f"{answer.status} {receipts.state_of(answer)}".strip()
        if history.heard is not None:
            history.heard.append(got)
        elif expect:
            wanted = f"{expect['status']} {expect.get('code') or expect.get('state', '')}".strip()
            if got != wanted:
                if not last:
                    raise Inconclusive(f"message {step.label} was to be answered {wanted} and was: {got}")
                # Taken as it has to be, into another state than the table has: that is the receipt's.
                same = answer.status == expect["status"] and answer.status in (200, 202)
                raise Failed("VRM-HOM-010" if same else trace.requirement, wanted, got)
        for name, party in trace.parties.items():
            if party["is"] == "organisation" and name in bindings.ids and answer.status == 202:
                key = bindings.keys.get((party.get("publishes") or [name])[0])
                if key is not None and f'"aud":"{bindings.ids[name]}"' in _payload(text):
                    await self.emptied(key, bindings.ids[name])


def _payload(text: str) -> str:
    try:
        return jose.decode(text.split(".")[1]).decode("latin-1")
    except (IndexError, ValueError):
        return ""


def _typed(text: str) -> str:
    """The type that a token names, as far as it can be read."""
    found = re.search(r'"type":"([a-z]{1,20}[.][a-z]{1,20})"', _payload(text))
    return f", {found[1]}" if found else ""


def _names(trace: Trace) -> set[str]:
    """The parties that a trace needs: everybody whose name stands in it."""
    found: set[str] = set()

    def walk(token: Any) -> None:
        text = token.header + token.payload
        found.update(re.findall(r"\$\{(?:id|kid|alg):([^}]*)\}", text))
        found.add(token.sign.partition(":")[2])
        for one in token.inner:
            walk(one)

    for step in trace.steps:
        if step.token is not None:
            walk(step.token)
        if step.by:
            found.add(step.by)
    return found
