"""What a scripted check works with: parties, threads and the requests of one conversation."""

from __future__ import annotations

import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance import jose, receipts
from conformance.bodies import Bodies
from conformance.jose import Key
from conformance.results import Failed, Inconclusive, Outcome, Verdict
from conformance.session import Session
from conformance.target import Answer, Talk

__all__ = ["CHECKS", "Check", "Lab", "Party", "Said", "Thread", "check", "of_profiles", "run_check", "told"]


@dataclass(eq=False)
class Party:
    """Somebody, with the key that signs now."""

    id: str
    key: Key
    name: str = ""

    @property
    def person(self) -> bool:
        """Whether the identifier is a did:jwk."""
        return self.id.startswith(jose.DID)


@dataclass
class Said:
    """A message and what became of it."""

    token: str
    answer: Answer
    mid: str
    thid: str
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """The claims of its receipt, if it was taken."""

    @property
    def taken(self) -> bool:
        """202, or 200 for one that was taken before."""
        return self.answer.status in (200, 202)

    @property
    def state(self) -> str:
        """The state that the receipt names."""
        return str(self.receipt.get("state", ""))


@dataclass(eq=False)
class Thread:
    """A thread as the suite has it: what was taken, in order."""

    thid: str
    first: Party
    second: Party | None
    board: str = ""
    said: list[Said] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The mid of the last message."""
        return self.said[-1].mid

    def other(self, party: Party) -> str:
        """Whom a party of the thread writes to."""
        if self.second is None:
            return self.board
        return self.second.id if party is self.first else self.first.id


class Lab:
    """One check's conversation with the target."""

    def __init__(self, session: Session, name: str, seed: int = 0) -> None:
        self.session, self.target, self.spec = session, session.target, session.target.spec
        self.talk = Talk(self.target, name)
        self.history = receipts.History()
        self.rng = random.Random(f"{name} {seed}")
        self.held: set[str] = set()
        self.listener: Party | None = None
        """A vendor that many messages of this check go to."""

    # --- verdicts ---------------------------------------------------------------------------------

    def holds(self, requirement: str, condition: object, expected: str, got: object = "") -> None:
        """What a requirement asks for is so, or it is broken: Failed."""
        if not condition:
            raise Failed(requirement, expected, str(got)[:600])
        self.held.add(requirement)

    def refused(self, requirement: str, answer: Answer | Said, *codes: str) -> None:
        """An answer is a refusal with one of these codes (and the status that goes with it)."""
        answer = answer.answer if isinstance(answer, Said) else answer
        wanted = [f"{self.spec.errors[code]['status']} {code}" for code in codes]
        self.holds(requirement, answer.said in wanted, " or ".join(wanted), told(answer))

    def taken(self, requirement: str, said: Said, state: str = "") -> Said:
        """A message is taken, and its receipt names the state."""
        right = said.answer.status == 202 and state in ("", said.state)
        got = f"202 {said.state}" if said.answer.status == 202 else told(said.answer)
        self.holds(requirement, right, f"202 {state}".strip(), got)
        return said

    # --- parties ----------------------------------------------------------------------------------

    def person(self, alg: str = "Ed25519") -> Party:
        """Somebody new, whom the home does not know."""
        key = jose.generate(alg)
        return Party(key.did, key, "a person")

    async def vendor(self, alg: str = "Ed25519") -> Party:
        """A vendor without a domain, known here."""
        key = jose.generate(alg)
        await self.session.introduce(key, key.did)
        return Party(key.did, key, "a vendor")

    async def shop(self, known: bool = True) -> Party:
        """An organisation of its own; Inconclusive where no origin can be played."""
        if self.session.origins is None:
            raise Inconclusive("an organisation has to be played", "origin")
        key = jose.generate()
        made = await self.session.origins.add({"key": key}, {"keys": jose.published(key)})
        if known:
            await self.session.introduce(key, made.origin)
        return Party(made.origin, key, "an organisation")

    # --- messages ---------------------------------------------------------------------------------

    @property
    def bodies(self) -> Bodies:
        """Right bodies for now."""
        return Bodies(self.spec, self.target.now())

    @property
    def blobs(self) -> str:
        """The URL of a blob, before its digest."""
        return f"{self.target.endpoint('blobs')}/"

    @property
    def board(self) -> str:
        """The first public board."""
        found = self.target.board()
        if not found:
            raise Inconclusive("the home has no public board")
        return found

    def claims(self, party: Party, type_: str, aud: str, body: Any, **more: Any) -> dict[str, Any]:
        """The claims of a right message; one given as None is left out."""
        now = self.target.now()
        made = {
            "vrm": "1.0",
            "home": self.target.issuer,
            "type": type_,
            "iss": party.id,
            "aud": aud,
            "jti": secrets.token_urlsafe(18),
            "iat": now,
            "exp": now + 3600,
            "body": body,
        }
        return {name: value for name, value in {**made, **more}.items() if value is not None}

    async def send(self, token: str, label: str = "") -> Said:
        """Send a token as it is. Its receipt is looked at whole."""
        answer = await self.talk.send(token.encode("latin-1"), label)
        mid = jose.mid_of(token)
        try:
            thid = jose.claims_of(token).get("thid", mid)
        except (AttributeError, IndexError, RecursionError, ValueError):
            thid = mid
        found: Mapping[str, Any] = {}
        if answer.status == 202:
            found = self.history.taken(self.talk, token, answer) or {}
        elif answer.status == 200:
            read = receipts.claims(self.target, answer.text)
            found = {} if isinstance(read, str) else read
        return Said(token, answer, mid, str(thid), found)

    async def attempt(
        self, party: Party, type_: str, body: Any, thread: Thread | None = None, aud: str = "", **claims: Any
    ) -> Said:
        """Send a message that may be refused. In a thread ``thid``, ``prev`` and ``aud`` are filled in."""
        if thread is not None:
            aud = aud or thread.other(party)
            claims = {"thid": thread.thid, "prev": thread.head, **claims}
        token = jose.token(party.key, self.claims(party, type_, aud, body, **claims))
        said = await self.send(token, f"{party.name or 'somebody'} sends {type_}")
        if thread is not None and said.answer.status == 202:
            thread.said.append(said)
        return said

    async def say(
        self, party: Party, type_: str, body: Any, thread: Thread | None = None, aud: str = "", **claims: Any
    ) -> Said:
        """Send a message that has to be taken before what is asked can be asked; else Inconclusive."""
        said = await self.attempt(party, type_, body, thread, aud, **claims)
        if said.answer.status != 202:
            raise Inconclusive(f"{type_} was to be taken and was answered {told(said.answer)}")
        return said

    async def proffered(self, first: Party, second: Party, **body: Any) -> Thread:
        """A thread of terms, proffered."""
        said = await self.say(first, "terms.proffer", self.bodies.proffer(**body), aud=second.id)
        return Thread(said.mid, first, second, said=[said])

    async def agreed(self, first: Party, second: Party, agreement: str = "SD-BASE-DP", **body: Any) -> Thread:
        """A thread of terms, agreed: the second message has the record."""
        thread = await self.proffered(first, second, **body)
        await self.say(second, "terms.accept", self.bodies.accept(thread.head, agreement), thread)
        return thread

    async def published(
        self, first: Party, board: str = "", rules: Mapping[str, Any] | None = None, **body: Any
    ) -> Thread:
        """An open intent on a board."""
        board = board or self.board
        said = await self.say(first, "intent.publish", self.bodies.intent(rules, **body), aud=board)
        return Thread(said.mid, first, None, board, [said])

    async def offered(self, intent: Thread, vendor: Party, version: int = 1, **body: Any) -> Thread:
        """An offer on an intent."""
        made = self.bodies.offer(intent.thid, version, **body)
        said = await self.say(vendor, "offer.make", made, aud=intent.first.id, pthid=intent.thid)
        return Thread(said.mid, intent.first, vendor, said=[said])

    async def accepted(self, offer: Thread, takes: str = "", **body: Any) -> Said:
        """The offer is accepted by the person."""
        made = self.bodies.taking(takes or offer.said[0].mid, **body)
        return await self.say(offer.first, "offer.accept", made, offer)

    async def confirmed(self, offer: Thread, takes: str = "") -> Said:
        """The vendor confirms."""
        assert offer.second is not None
        made = self.bodies.taking(takes or offer.said[0].mid, confirm_by=None)
        return await self.say(offer.second, "offer.confirm", made, offer)

    def proof(self, old: Party, new: Party, aud: str, thid: str, **claims: Any) -> str:
        """A ``vrm-proof+jwt`` by the old key (identity.md); for an introduction swap the two (offers.md)."""
        made = {
            "iss": old.id,
            "sub": new.id,
            "aud": aud,
            "home": self.target.issuer,
            "thid": thid,
            "iat": self.target.now(),
        }
        return jose.token(old.key, {**made, **claims}, "vrm-proof+jwt")

    # --- reads ------------------------------------------------------------------------------------

    async def poll(self, party: Party, **body: Any) -> dict[str, Any]:
        """The answer to a poll; Inconclusive if there is none."""
        answer = await self.talk.poll(party.key, party.id, label=f"{party.name} polls", **body)
        return _document(answer, "a poll")

    async def inbox(self, party: Party) -> list[str]:
        """The mids that wait for a party."""
        return list((await self.poll(party, maxEvents=1000)).get("order", ()))

    async def get(self, party: Party, url: str, **more: Any) -> Answer:
        """A signed read."""
        return await self.talk.read(party.key, party.id, url, label=f"{party.name} reads", **more)

    def thread_url(self, thid: str, **query: object) -> str:
        """The URL of a thread."""
        return f"{self.target.endpoint('threads')}/{thid}{_query(query)}"

    async def thread(self, party: Party, thid: str, **query: object) -> dict[str, Any]:
        """A thread as it is shown to a party; Inconclusive if it is not."""
        schema = ("documents/thread.json", "VRM-HOM-025")
        answer = await self.get(party, self.thread_url(thid, **query), schema=schema)
        return _document(answer, "a thread")

    async def state(self, party: Party, thid: str) -> str:
        """The state that the checkpoint of a thread names now."""
        read = await self.thread(party, thid)
        found = receipts.claims(self.target, str(read.get("checkpoint", "")))
        if isinstance(found, str):
            raise Failed("VRM-HOM-026", "a checkpoint signed by the home", found)
        return str(found.get("state", ""))

    async def record(self, party: Party, id_: str) -> dict[str, Any]:
        """The record of an agreement; Inconclusive if there is none."""
        schema = ("documents/record.json", "VRM-REC-001")
        answer = await self.get(party, f"{self.target.endpoint('records')}/{id_}", schema=schema)
        return _document(answer, "a record")

    async def feed(self, board: str = "", party: Party | None = None, **query: object) -> Answer:
        """One page of a board."""
        url = f"{board or self.board}{_query(query)}"
        schema = ("documents/feed.json", "VRM-BRD-004")
        if party is not None:
            return await self.get(party, url, schema=schema)
        return await self.talk.request("GET", url, label="somebody reads the board", schema=schema)

    async def put(self, party: Party, data: bytes, digest: str = "") -> Answer:
        """Put a blob."""
        url = f"{self.blobs}{digest or jose.digest(data)}"
        token = self.talk.signed(party.key, party.id, "PUT", url)
        headers = {"Authorization": f"VRM {token}", "Content-Type": "application/octet-stream"}
        return await self.talk.request(
            "PUT", url, headers=headers, data=data, label=f"{party.name} puts a blob"
        )


def _query(query: Mapping[str, object]) -> str:
    from urllib.parse import urlencode

    said = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "")}
    return f"?{urlencode(said)}" if said else ""


def _document(answer: Answer, what: str) -> dict[str, Any]:
    document = answer.document
    if answer.status != 200 or not isinstance(document, dict):
        raise Inconclusive(f"{what} was answered {told(answer)}")
    return document


def told(answer: Answer) -> str:
    """An answer in a few words."""
    document = answer.document
    detail = document.get("detail", "") if isinstance(document, dict) else answer.text[:80]
    return f"{answer.said} {f'({detail})' if detail and answer.status >= 400 else ''}".strip()


# --- the list of checks ---------------------------------------------------------------------------

Work = Callable[[Lab], Awaitable[None]]


@dataclass(frozen=True)
class Check:
    """A scripted check and what it judges."""

    name: str
    requirements: tuple[str, ...]
    profile: str
    work: Work
    slow: bool = False
    """It waits or sends much: left out by ``--quick``."""
    needs: str = ""
    alone: bool = False
    """It is not to run beside others: it counts what the whole home does."""
    patient: bool = False
    """It waits for many seconds and may do so beside everything else."""
    beside: str = ""
    """Another profile that has to be claimed, or the check does not apply."""


CHECKS: dict[str, Check] = {}


def check(
    *requirements: str,
    profile: str = "core",
    slow: bool = False,
    needs: str = "",
    alone: bool = False,
    patient: bool = False,
    beside: str = "",
) -> Callable[[Work], Work]:
    """Register a check of these requirements. ``needs``: ``origin`` or ``operator``."""

    def add(work: Work) -> Work:
        name = getattr(work, "__name__", "").replace("_", "-")
        if name in CHECKS:
            raise ValueError(f"two checks are called {name}")
        CHECKS[name] = Check(name, requirements, profile, work, slow, needs, alone, patient, beside)
        return work

    return add


async def run_check(session: Session, one: Check, seed: int = 0) -> list[Outcome]:
    """What one check finds of each of its requirements."""
    if one.beside and one.beside not in session.target.claimed:
        reason = f"the profile {one.beside} is not claimed"
        return [Outcome(r, one.name, Verdict.NOT_APPLICABLE, reason=reason) for r in one.requirements]
    lab = Lab(session, one.name, seed)
    outcomes: list[Outcome] = []
    reason, verdict = "the check did not come to it", Verdict.INCONCLUSIVE
    again: dict[str, Any] = {"check": one.name, "seed": seed}
    ended = False
    try:
        await one.work(lab)
        ended = True
    except Failed as failed:
        ended = True
        reason = f"{failed.requirement} failed before"
        outcomes.append(
            Outcome(
                failed.requirement,
                one.name,
                Verdict.FAIL,
                failed.expected,
                failed.got,
                conversation=tuple(lab.talk.exchanges),
                replay=again,
            )
        )
    except Inconclusive as error:
        reason = f"needs: {error.needs}" if error.needs else error.reason
        verdict = Verdict.NOT_JUDGED if error.needs else verdict
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # A document that has not what its schema says: noted as a fault of its own where it was read.
        reason = f"an answer could not be read ({type(error).__name__}: {error})"
    failed_ones = {o.requirement for o in outcomes}
    for requirement in one.requirements:
        if requirement in failed_ones:
            continue
        if ended and requirement in lab.held:
            outcomes.append(Outcome(requirement, one.name, Verdict.PASS))
        else:
            talked = tuple(lab.talk.exchanges)
            outcomes.append(
                Outcome(requirement, one.name, verdict, reason=reason, conversation=talked, replay=again)
            )
    return outcomes


def of_profiles(profiles: Sequence[str], quick: bool) -> list[Check]:
    """The checks of these profiles."""
    return [c for c in CHECKS.values() if c.profile in profiles and not (quick and c.slow)]
