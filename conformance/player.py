"""Says one conversation to a live home and compares every answer with the model of the prose.

A :class:`Player` says one symbolic conversation step by step and knows after each what the model says of it.
Beside the operations of ``conformance.session`` it has ``state`` (a party reads a thread) and ``inbox`` (a
party polls; ``of`` names what it acknowledges). All conversations here are for it: :func:`replay`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from conformance import blame, jose, receipts
from conformance.blame import Deviation, by_cause
from conformance.model import DAY, INTRODUCTION, ROTATION, Act, Proof, Roster, View, moment
from conformance.model_home import Model, Verdict
from conformance.moves import Stage, rungs_of
from conformance.results import Failed, Inconclusive, Outcome
from conformance.results import Verdict as Judged
from conformance.session import Session
from conformance.target import Answer, Talk
from conformance.traces import Bindings, Missing, Step, Trace, render, signature

__all__ = ["Deviation", "Player", "Vague", "replay"]

CALM = 0.4
"""Seconds before a deadline in which nothing is sent."""

DEADLINES = ("answer_by", "until", "valid_until", "confirm_by")


class Vague(Exception):
    """A second has passed at a moment at which either answer is right: this walk tells nothing more."""


_ERASED = {"offer": "VRM-OFR-025", "relationship": "VRM-REL-012"}
"""What a kind breaks whose tombstones are others; below a relationship VRM-REL-016."""
_PAGES = 100
"""A thread has no more pages than this in a walk, however short they are."""


@dataclass
class Player:
    """One conversation with fresh keys, and the model that goes along."""

    session: Session
    name: str
    parties: Mapping[str, Mapping[str, Any]]
    files: tuple[int, ...] = ()
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(16))
    steps: list[Step] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    """Transitions that were seen, by this player or all that share the counter."""
    held: Counter[str] = field(default_factory=Counter)
    """Requirements that answers kept to."""
    stage: Stage = field(init=False)
    deviation: Deviation | None = None
    pace: float = 0.0
    """Seconds that an answer took in the beginning."""

    def __post_init__(self) -> None:
        self.target = self.session.target
        self.talk = Talk(self.target, self.name)
        self.history = receipts.History()
        self.acts: dict[str, Act] = {}
        self.receipts: dict[str, str] = {}
        self.former: dict[str, dict[str, str]] = {}
        self.confirmed: Counter[str] = Counter()
        self.refused_last = ""

    # --- the beginning and the time ---------------------------------------------------------------

    async def begin(self, trace: Trace | None = None) -> None:
        """Make everybody's keys; Inconclusive, Missing."""
        spec, target = self.target.spec, self.target
        began = target.now()
        everybody = tuple(Step("put", by=name) for name in self.parties)
        wanted = trace or Trace(self.name, "", everybody, self.parties, files=self.files)
        async with self.gate:
            asked = time.monotonic()
            bindings = await self.session.bind(wanted, began)
            known = [party for party in wanted.parties.values() if party.get("known")]
            self.pace = (time.monotonic() - asked) / max(1, len(known))
        bindings.boards.sort(key=lambda url: url != target.board())
        found = {(a.id, a.version): (a.digest, a.kind) for a in spec.roster.agreements.values()}
        roster = Roster({"id": spec.roster.id, "version": spec.roster.version}, found, rungs_of(spec))
        inbox = target.limit("inbox", 1000)
        model = Model(target.issuer, roster, inbox, bindings.boards, bindings.blobs)
        self.stage = Stage(spec, model, bindings, self.parties, began)
        for name, identifier in bindings.ids.items():
            self.stage.names[identifier] = name
            self.stage.names[bindings.keys[name].kid] = name
            if self.parties[name].get("known"):
                model.acknowledge(identifier, ())

    @property
    def model(self) -> Model:
        """The home as it should be."""
        return self.stage.model

    @property
    def bindings(self) -> Bindings:
        """What the placeholders stand for."""
        return self.stage.bindings

    def clock(self) -> float:
        """The home's clock."""
        return time.time() + self.target.skew

    def _edge(self) -> float:
        """How long to wait so that no deadline passes while a request is on its way."""
        now = self.clock()
        slack = 0.0 if self.target.loopback else 1.0
        world = self.model.world.at(int(now - 1 - slack))
        for at in sorted(v.deadline for v in world.views.values() if v.deadline is not None):
            if at - CALM - slack <= now < at + 0.05 + slack:
                return at + 0.05 + slack - now
        return 0.0

    async def _calm(self) -> None:
        while True:
            while (wait := self._edge()) > 0:
                await asyncio.sleep(wait)
            await self.gate.acquire()
            if self._edge() <= 0:
                break
            self.gate.release()
        self.stage.now = max(self.stage.now, int(self.clock()))

    # --- steps ------------------------------------------------------------------------------------

    async def do(self, step: Step) -> Deviation | None:
        """Take one step. The first answer that deviates is kept, and ends the conversation.

        Vague, Inconclusive, Missing.
        """
        self.steps.append(step)
        if step.op == "wait":
            await asyncio.sleep(max(0.0, self.bindings.began + step.seconds + 0.05 - self.clock()))
            self.stage.now = max(self.stage.now, int(self.clock()))
            return None
        await self._calm()
        try:
            self.deviation = await self._done(step)
        except Failed as failed:
            self.deviation = Deviation(failed.requirement, failed.expected, failed.got)
        finally:
            self.gate.release()
        return self.deviation

    def refuses(self, step: Step) -> bool:
        """Whether the model would refuse a message now."""
        act = self.act(self._text(step))
        return not self.model.judge(act, max(self.stage.now, int(self.clock()))).taken

    async def end(self) -> None:
        """Leave nothing in the inbox of an organisation, which many conversations share."""
        for name, party in self.parties.items():
            if party["is"] != "organisation" or not hasattr(self, "stage") or name not in self.bindings.ids:
                continue
            key, iss = self._reads(name)
            if left := self.model.inbox(iss):
                with contextlib.suppress(Failed):
                    await self.talk.poll(key, iss, label=f"{name} acknowledges", maxEvents=0, ack=left)

    async def _done(self, step: Step) -> Deviation | None:
        if step.op == "put":
            await self._put(step)
        elif step.op == "remove":
            await self._remove(step)
        else:
            how = {"state": self._state, "inbox": self._inbox}.get(step.op, self._send)
            return await how(step)
        return None

    def _expect(self, **expect: Any) -> None:
        self.steps[-1] = replace(self.steps[-1], expect=expect)

    def _reads(self, name: str) -> tuple[Any, str]:
        try:
            return self.bindings.keys[name], self.bindings.ids[name]
        except KeyError:
            raise Missing(f"there is no {name}") from None

    def _mid(self, label: str) -> str:
        try:
            return self.bindings.mids[label]
        except KeyError:
            raise Missing(f"there is no message {label}") from None

    async def _put(self, step: Step) -> None:
        data, (key, iss) = self.bindings.files[int(step.of)], self._reads(step.by)
        url = f"{self.bindings.blobs}{jose.digest(data)}"
        token = self.talk.signed(key, iss, "PUT", url)
        headers = {"Authorization": f"VRM {token}", "Content-Type": "application/octet-stream"}
        answer = await self.talk.request(
            "PUT", url, headers=headers, data=data, label=f"{step.by} puts a blob"
        )
        if answer.status != 201:
            raise Inconclusive(f"a blob was refused: {answer.said}")
        self.model.put(iss, jose.digest(data), len(data), self.stage.now)
        self._expect(status=201)

    async def _remove(self, step: Step) -> None:
        before = int(self.clock())
        mid = self._mid(step.of)
        await self.session.remove(self.talk, mid, step.code)
        if int(self.clock()) != before:
            raise Vague
        self.model.remove(self.target.board(), mid, step.code, before)
        self._expect(status=204)

    # --- messages ---------------------------------------------------------------------------------

    def act(self, text: str) -> Act:
        """What a token says, and what its bytes tell."""
        claims, header = jose.claims_of(text), jose.header_of(text)
        flaws = set()
        if claims["home"] != self.target.issuer:
            flaws.add("home")
        if not jose.verifies(text, self._jwk(claims["iss"])):
            flaws.add("signature")
        kind = self.target.spec.types.get(claims["type"])
        if kind is None:
            flaws.add("type")
        elif kind.faults(claims["body"]):
            flaws.add("body")
        names = ("type", "iss", "aud", "iat", "exp", "body", "thid", "prev", "pthid", "agr")
        said = {name: claims[name] for name in names if name in claims}
        proof = self._proof(claims["body"].get("proof")) if "body" not in flaws else None
        return Act(jose.mid_of(text), kid=header["kid"], proof=proof, flaws=frozenset(flaws), **said)

    def _jwk(self, identifier: str) -> Mapping[str, str]:
        return self.bindings.keys[self.stage.names[identifier]].jwk

    def _proof(self, text: str | None) -> Proof | None:
        if text is None:
            return None
        claims = jose.claims_of(text)
        known = self.stage.names.get(claims["iss"])
        signed = known is not None and jose.verifies(text, self.bindings.keys[known].jwk)
        return Proof(**claims, signed=signed)

    def _text(self, step: Step) -> str:
        old = self.bindings.sent.get(step.of, "")
        if step.of and not old:
            raise Missing(f"there is no message {step.of}")
        if step.token is None:
            return old
        if old:
            said = old.rpartition(".")[0]
            return f"{said}.{signature(step.token.sign, said, self.bindings)}"
        return render(step.token, self.bindings).decode("latin-1")

    async def _send(self, step: Step) -> Deviation | None:
        text = self._text(step)
        act = self.act(text)
        self.bindings.sent[step.label], self.bindings.mids[step.label] = text, act.mid
        self.stage.labels.setdefault(act.mid, step.label)
        self.acts[act.mid] = act
        before = int(self.clock())
        answer = await self.talk.send(text.encode("latin-1"), step.about or f"send {step.label}")
        after = int(self.clock())
        self.stage.now = max(self.stage.now, after)
        slack = 0 if self.target.loopback else 1
        times = range(before - slack, after + slack + 1)
        verdicts = [self.model.judge(act, at) for at in dict.fromkeys((after, *times))]
        self._expect(**_expected(self.target.spec.errors, verdicts[0]))
        if answer.status == 202:
            return self._taken(text, act, answer, verdicts)
        if answer.status in (424, 429) or (answer.status == 503 and not await self.session.is_well()):
            raise Inconclusive(f"{step.label} was answered {answer.said}")
        if answer.code == "deadline-invalid" and _nearest(act.body, after) <= 2:
            raise Vague
        self.refused_last = step.label
        if answer.status == 200:
            fits = [v for v in verdicts if v.status == 200]
            if fits and answer.text != self.receipts.get(act.mid):
                return Deviation("VRM-ENV-022", "the stored receipt again", "200 with another receipt")
            got = "200 with a receipt"
        else:
            fits = [v for v in verdicts if answer.code in v.codes]
            got = answer.said
        if not fits:
            return self._wrong(act, verdicts[0], got, answer)
        rule = blame.of_refusal(self.target.spec, self.stage.world, self.former, act, fits[0])
        if "prev-stale" in fits[0].codes:
            told, wanted = answer.document, {"head": fits[0].head, "seq": fits[0].seq}
            if {name: told.get(name) for name in wanted} != wanted:
                return Deviation(rule, "prev-stale with head and seq", "prev-stale with others, or without")
        self.held[rule] += 1
        return None

    def _taken(self, text: str, act: Act, answer: Answer, verdicts: list[Verdict]) -> Deviation | None:
        receipt = self.history.taken(self.talk, text, answer)
        if receipt is None:
            raise Inconclusive("a receipt could not be read")
        self.stage.now = max(self.stage.now, int(receipt["iat"]))
        verdict = self.model.judge(act, int(receipt["iat"]))
        if not verdict.taken:
            if any(v.taken for v in verdicts):
                raise Vague
            return self._wrong(act, verdict, f"202 {receipt['state']}", answer)
        got, wanted = f"202 {receipt['state']}", f"202 {verdict.state}"
        if got != wanted:
            return Deviation("VRM-THR-005", wanted, got)
        if receipt["seq"] != verdict.seq:
            trace = "VRM-THR-016" if receipt["seq"] > verdict.seq and self.refused_last else "VRM-HOM-011"
            return Deviation(trace, f"seq {verdict.seq}", f"seq {receipt['seq']}")
        if receipt.get("prior") != verdict.prior:
            trace = "VRM-THR-016" if self.refused_last else "VRM-HOM-012"
            return Deviation(trace, "prior: the last message", "another prior")
        self._move(act, verdict, int(receipt["iat"]))
        self.refused_last = ""
        self.receipts[act.mid] = answer.text
        return None

    def _move(self, act: Act, verdict: Verdict, now: int) -> None:
        world = self.model.world.at(now)
        before = world.views[act.thid] if act.thid is not None else None
        firsts = {thid: view.first for thid, view in world.views.items()}
        self.model.take(act, verdict, now)
        role = "first" if act.sender == (before or self.model.world.views[act.mid]).first else "second"
        for thid, view in self.model.world.views.items():
            if thid in firsts and firsts[thid] != view.first:
                how = INTRODUCTION if act.type == INTRODUCTION else ROTATION
                self.former.setdefault(thid, {})[firsts[thid]] = how
        kind = self.model.world.views[act.thid or act.mid].kind
        self.seen[f"{kind} {before.state if before else '-'} {role} {act.type}"] += 1
        self.held["VRM-THR-015"] += 1

    def _wrong(self, act: Act, verdict: Verdict, got: str, answer: Answer) -> Deviation:
        if verdict.taken and answer.code == "deadline-invalid" and _nearest(act.body, self.stage.now) <= 10:
            return Deviation("VRM-THR-022", f"202 {verdict.state}", got)
        return blame.wrong(self.target.spec, self.stage.world, self.former, act, verdict, got, answer)

    # --- reads ------------------------------------------------------------------------------------

    async def _state(self, step: Step) -> Deviation | None:
        (key, iss), thid = self._reads(step.by), self._mid(step.of)
        url = f"{self.target.endpoint('threads')}/{thid}?limit=200"
        schema = ("documents/thread.json", "VRM-HOM-025")
        answer = await self.talk.read(key, iss, url, label=f"{step.by} reads {step.of}", schema=schema)
        self.stage.now = max(self.stage.now, int(self.clock()))
        view = self.stage.world.views.get(thid)
        former = self.former.get(thid, {}).get(iss)
        if view is None or not self.model.readable(view, iss):
            self._expect(status=404, code="not-found")
            rule = {ROTATION: "VRM-ID-024", INTRODUCTION: "VRM-OFR-022"}.get(former or "", "VRM-HOM-018")
            if answer.said != "404 not-found":
                return Deviation(rule, "404 not-found", answer.said)
            self.held[rule] += 1
            return None
        document = answer.document
        if answer.status != 200 or not isinstance(document, dict):
            rule = "VRM-HOM-025" if iss in view.parties else "VRM-BRD-016"
            if former is None and iss in view.parties:
                hows = [how for found in self.former.values() for how in found.values()]
                rule = {INTRODUCTION: "VRM-OFR-021", ROTATION: "VRM-ID-023"}[hows[-1]] if hows else rule
            return Deviation(rule, "200 with the thread", answer.said)
        found = receipts.claims(self.target, str(document.get("checkpoint", "")))
        if isinstance(found, str):
            return Deviation("VRM-HOM-026", "a checkpoint signed by the home", found)
        if not self.talk.of_now(int(found["iat"]), 3):
            return Deviation("VRM-HOM-026", "a checkpoint with the iat of now", "another iat")
        self.stage.now = max(self.stage.now, int(found["iat"]))
        view = self.model.world.at(int(found["iat"])).views[thid]
        messages = await self._rest(key, iss, url, document)
        self._expect(status=200, state=view.state, seq=view.seq)
        return self._compared(view, iss, messages, found)

    async def _rest(self, key: jose.Key, iss: str, url: str, document: Mapping[str, Any]) -> list[Any]:
        """The messages of a thread, whose pages may be as short as the home likes."""
        messages, page = list(document["messages"]), document
        for _ in range(_PAGES):
            if page.get("next", 0) <= len(messages):
                break
            more = await self.talk.read(key, iss, f"{url}&from={page['next']}", label="and the rest")
            if more.status != 200 or not more.document["messages"]:
                break
            page = more.document
            messages += page["messages"]
        return messages

    def _compared(
        self, view: View, iss: str, messages: Sequence[Mapping[str, Any]], found: Mapping[str, Any]
    ) -> Deviation | None:
        if found["state"] != view.state:
            shown, got = self.confirmed[view.thid] == len(view.causes), str(found["state"])
            rule = blame.of_state(view, got, shown=shown, refused=bool(self.refused_last))
            return Deviation(rule, view.state, got)
        said = {"seq": found["seq"], "mid": found["mid"], "removed": found.get("removed", "")}
        wanted = {"seq": view.seq, "mid": view.head, "removed": view.removed}
        for name, rule in (("seq", "VRM-HOM-026"), ("mid", "VRM-HOM-026"), ("removed", "VRM-BRD-017")):
            if said[name] != wanted[name]:
                rule = "VRM-THR-016" if name != "removed" and self.refused_last else rule
                return Deviation(rule, f"a checkpoint with {name} of the last message", "another")
        stones = self.model.tombstones(view, iss)
        read = [m.get("mid") or jose.mid_of(str(m.get("token"))) for m in messages]
        if read != view.mids:
            rule = _ERASED.get(view.kind, "VRM-REL-016") if stones else "VRM-HOM-025"
            return Deviation(rule, f"{len(view.mids)} messages", f"{len(read)}, or others")
        bare = {mid for mid, m in zip(read, messages, strict=True) if "token" not in m}
        if bare != stones:
            rule = _ERASED.get(view.kind, "VRM-REL-016")
            if iss != view.second or view.kind == "consent":
                rule = "VRM-OFR-027" if view.kind == "offer" else "VRM-REL-019"
            if bare & self.model.world.disputed(view):
                rule = "VRM-DSP-005"
            return Deviation(rule, f"{len(stones)} tombstones", f"{len(bare)}, or others")
        if stones:
            self.held[_ERASED.get(view.kind, "VRM-REL-016")] += 1
        erased = view.erased if iss == view.second else 0
        if found.get("erased", 0) != erased:
            return Deviation("VRM-REL-017", f"a checkpoint with erased {erased}", f"{found.get('erased', 0)}")
        self.held["VRM-REL-017"] += bool(erased)
        self.held["VRM-HOM-026"] += 1
        if len(view.causes) > self.confirmed[view.thid]:
            state, cause, seq = view.causes[-1]
            if seq == view.seq:
                self.seen[f"{view.kind} {state} {cause}"] += 1
                self.held[by_cause(view)] += 1
        self.confirmed[view.thid] = len(view.causes)
        self.refused_last = ""
        return None

    async def _inbox(self, step: Step) -> Deviation | None:
        key, iss = self._reads(step.by)
        done = [self._mid(label) for label in step.of.split(",") if label]
        more: dict[str, Any] = {"ack": done} if done else {}
        answer = await self.talk.poll(key, iss, label=f"{step.by} polls", maxEvents=1000, **more)
        document = answer.document
        if answer.status != 200 or not isinstance(document, dict):
            return Deviation("VRM-HOM-019", "200 with the inbox", answer.said)
        self.model.acknowledge(iss, done)
        wanted, read = self.model.inbox(iss), [m for m in document["order"] if m in self.acts]
        self._expect(status=200, order=[self.stage.labels[mid] for mid in wanted])
        if document["moreAvailable"]:
            return None
        if set(wanted) - set(read):
            lost = self.acts[next(mid for mid in wanted if mid not in read)]
            rule = blame.of_inbox(self.model, self.former, lost, iss)
            return Deviation(rule, "the message in the inbox", "it is not there")
        if set(read) - set(wanted):
            extra = self.acts[next(mid for mid in read if mid not in wanted)]
            rule = blame.of_inbox(self.model, self.former, extra, iss)
            return Deviation(rule, "the message not in the inbox", "it is there")
        if read != wanted:
            return Deviation("VRM-HOM-019", "the order of receipt", "another order")
        self.held["VRM-HOM-020"] += 1
        missing = set(self.model.notices.get(iss, ())) ^ (set(document.get("notices", {})) & set(self.acts))
        if missing:
            return Deviation("VRM-BRD-018", "a notice of each removal, until its ack", "others")
        return None

    # --- what it comes to -------------------------------------------------------------------------

    def trace(self) -> Trace:
        """The conversation so far, to be said again."""
        requirement = self.deviation.requirement if self.deviation else ""
        opened = {act.type for act in self.acts.values() if act.mid in self.model.world.views}
        profiles = {self.target.spec.types[type_].profile for type_ in opened} - {"terms"}
        profile = max(profiles, default="terms")  # whoever has another has terms, too
        return Trace(self.name, requirement, tuple(self.steps), self.parties, profile, files=self.files)

    def outcome(self) -> Outcome | None:
        """The failure, if there is one."""
        if self.deviation is None:
            return None
        return Outcome(
            self.deviation.requirement,
            self.name,
            Judged.FAIL,
            self.deviation.expected,
            self.deviation.got,
            conversation=tuple(self.talk.exchanges),
            replay=self.trace().to_json(),
        )


def _nearest(body: Mapping[str, Any], now: int) -> int:
    """Seconds to the nearest deadline ahead: one that is nearer than two seconds need not be taken."""
    found = [moment(body[name]) - now for name in DEADLINES if name in body]
    return min((seconds for seconds in found if seconds > 0), default=DAY)


def _expected(errors: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    if not verdict.codes:
        return {"status": verdict.status, "state": verdict.state}
    codes = sorted(verdict.codes)
    more = {"codes": codes} if len(codes) > 1 else {}
    return {"status": errors[codes[0]]["status"], "code": codes[0], **more}


async def replay(
    session: Session, trace: Trace, gate: asyncio.Semaphore | None = None
) -> tuple[Deviation | None, Player]:
    """Say a recorded walk again with fresh keys; what it shows, and who said it.

    The expectations are the model's and not those in the trace. Inconclusive, Missing, Vague.
    """
    player = Player(session, trace.name, trace.parties, trace.files, gate or asyncio.Semaphore(16))
    await player.begin(trace)
    for step in trace.steps:
        if await player.do(step) is not None:
            break
    return player.deviation, player
