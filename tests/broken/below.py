"""Broken homes of purposes.md, consents.md, dialogues.md, data.md, corrections.md and standing.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.broken.tools import (
    Override,
    around,
    guarded,
    lenient,
    loose,
    missing_guard,
    mutant,
    result,
    simple,
    without,
)
from vrmproto import envelope, guards, keys, ladder, patching, reading, threads, timing
from vrmproto.errors import ProtocolError
from vrmproto.guards import Case
from vrmproto.home import Home
from vrmproto.ladder import Grounds
from vrmproto.loading import Loading
from vrmproto.model import Context
from vrmproto.reading import Reader
from vrmproto.standing import Standing
from vrmproto.storage import lists

Change = Callable[[dict[str, Any]], dict[str, Any]]


def _purpose(case: Case) -> str:
    body = case.message.body
    return str(body["about"]["purpose"] if "about" in body else body["purpose"])


def _clause(case: Case) -> str:
    return case.spec.purposes[_purpose(case)] or ""


def _consented(case: Case) -> bool:
    return _purpose(case) in case.context.consents


def _opens(case: Case) -> bool:
    return case.thread is None


def _typed(*names: str) -> Callable[[Case], bool]:
    return lambda case: case.message.type in names


for _name, _rule, _summary, _override in (
    (
        "purposes-that-are-prohibited",
        "VRM-PUR-001",
        "Messages are taken for purposes that the agreement prohibits.",
        lenient("within-terms", "VRM-PUR-001"),
    ),
    (
        "consents-over-prohibitions",
        "VRM-PUR-001",
        "With a consent a message is taken for a purpose that the agreement prohibits.",
        lenient("within-terms", "VRM-PUR-001", _consented),
    ),
    (
        "consents-never-needed",
        "VRM-PUR-002",
        "No purpose needs a consent.",
        lenient("within-terms", "VRM-PUR-002"),
    ),
    (
        "purposes-without-a-clause",
        "VRM-PUR-002",
        "A purpose that no clause rules needs no consent.",
        lenient("within-terms", "VRM-PUR-002", lambda case: not _clause(case)),
    ),
    (
        "purposes-that-are-optional",
        "VRM-PUR-002",
        "A purpose that the agreement leaves to her needs no consent.",
        lenient("within-terms", "VRM-PUR-002", lambda case: _clause(case) == "data-portability"),
    ),
    (
        "purposes-that-are-not-mentioned",
        "VRM-PUR-002",
        "A purpose of whose clause the agreement says nothing needs no consent.",
        lenient("within-terms", "VRM-PUR-002", lambda case: _clause(case) not in ("", "data-portability")),
    ),
    (
        "any-consent-is-enough",
        "VRM-PUR-002",
        "A consent for one purpose is enough for any other.",
        lenient("within-terms", "VRM-PUR-002", lambda case: bool(case.context.consents)),
    ),
    (
        "consents-for-openings-only",
        "VRM-PUR-002",
        "Within a dialogue no purpose needs a consent.",
        lenient("within-terms", "VRM-PUR-002", lambda case: case.thread is not None),
    ),
    (
        "data-without-a-consent",
        "VRM-PUR-002",
        "A request for data needs no consent.",
        lenient("within-terms", "VRM-PUR-002", _typed("data.request")),
    ),
    (
        "consents-asked-for-what-is-prohibited",
        "VRM-CNS-001",
        "A consent may be asked for, for a purpose that the agreement prohibits.",
        missing_guard("not-prohibited"),
    ),
    (
        "grants-of-anything",
        "VRM-CNS-002",
        "A grant may name a purpose that was not asked for.",
        lenient("purposes-within", "VRM-CNS-002"),
    ),
    (
        "narrowed-to-anything",
        "VRM-CNS-003",
        "A narrowing may name a purpose that is not granted.",
        lenient("purposes-within", "VRM-CNS-003"),
    ),
    (
        "corrections-of-any-message",
        "VRM-COR-001",
        "of may name a message without fields, or none at all.",
        lenient("patch-applies", "VRM-COR-001"),
    ),
    (
        "patches-not-tried",
        "VRM-COR-002",
        "A patch need not apply.",
        lenient("patch-applies", "VRM-COR-002"),
    ),
    (
        "rests-are-not-kept",
        "VRM-REL-014",
        "While a relationship rests the organisation may write.",
        lenient("agreement-live", "VRM-REL-014"),
    ),
    (
        "reports-while-it-rests",
        "VRM-REL-014",
        "While a relationship rests the organisation may report what it holds.",
        lenient("agreement-live", "VRM-REL-014", _typed("data.report")),
    ),
    (
        "answers-while-it-rests",
        "VRM-REL-014",
        "While a relationship rests the organisation may go on in a thread.",
        lenient("agreement-live", "VRM-REL-014", lambda case: not _opens(case)),
    ),
    (
        "openings-below-what-has-ended",
        "VRM-REL-015",
        "Below a relationship that has ended threads are opened.",
        lenient("agreement-live", "VRM-REL-015"),
    ),
    (
        "she-opens-below-what-has-ended",
        "VRM-REL-015",
        "Below a relationship that has ended she may open threads.",
        lenient("agreement-live", "VRM-REL-015", lambda case: case.row.by == "first"),
    ),
):
    simple(_name, _rule, _summary, _override)


def _refused(code: str, rule: str) -> ProtocolError:
    return ProtocolError(code, "this home does not want it", rule=rule)


def _refusing(code: str, rule: str, where: Callable[[Any, Any, Context], bool]) -> None:
    """Refuse messages that a home has to take; ``where`` gets thread, message and context."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, now: int, context: Context) -> Any:
        step = right(spec, thread, message, now, context)
        if where(thread, message, context):
            raise _refused(code, rule)
        return step

    around(threads, "advance", wrong)


def _above(context: Context, thread: Any) -> str:
    """The state of the relationship, or of the parent."""
    return context.parent.status.state if context.parent else ""


@mutant("VRM-REL-014")
def rests_end_with_another_code() -> None:
    """While a relationship rests the organisation is told of a conflict."""

    def wrong(right: Any, case: Case) -> None:
        try:
            right(case)
        except ProtocolError as error:
            raise (
                _refused("state-conflict", "VRM-THR-005") if error.rule == "VRM-REL-014" else error
            ) from None

    guarded("agreement-live", wrong)


@mutant("VRM-REL-015")
def openings_until_it_is_closed() -> None:
    """Below a relationship that has ended threads are opened until its end is attested."""

    def wrong(right: Any, case: Case) -> None:
        parent = case.context.parent
        if parent is not None and parent.status.state == "ended":
            parent = replace(parent, status=replace(parent.status, over_at=None))
        right(replace(case, context=replace(case.context, parent=parent)))

    guarded("agreement-live", wrong)


# --- purposes -------------------------------------------------------------------------------------


@mutant("VRM-PUR-002")
def optional_is_permitted() -> None:
    """What an agreement leaves to her is as good as permitted."""
    loose(ladder).WITHIN = ("required", "permitted", "optional")


@mutant("VRM-PUR-003")
def permitted_is_optional() -> None:
    """A purpose that the agreement permits needs a consent."""
    loose(ladder).WITHIN = ("required",)


@mutant("VRM-PUR-003")
def consents_always_needed() -> None:
    """Every purpose needs a consent."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if not _consented(case):
            raise _refused("consent-needed", "VRM-PUR-002")

    guarded("within-terms", wrong)


def _consents(
    change: Callable[[Any, Loading, Any, Any, Any, int], Any],
) -> None:
    """Other consents are in force; ``change`` gets those that are, and what they were found by."""

    def wrong(right: Any, self: Loading, reads: Any, above: Any, message: Any, now: int) -> frozenset[str]:
        found = right(self, reads, above, message, now)
        return found if above is None else frozenset(change(found, self, reads, above, message, now))

    around(Loading, "_consents", wrong)


def _also(fact: str, *states: str) -> None:
    """Consents in other states count as well."""

    def change(found: Any, self: Any, reads: Any, above: Any, message: Any, now: int) -> Any:
        threads_ = reads.below(above.thid, ["consent"])
        more = (t for t in threads_ if self.status(reads, t, now).state in states)
        return {*found, *(purpose for t in more for purpose in t.facts.get(fact, ()))}

    _consents(change)


@mutant("VRM-PUR-002")
def withdrawn_consents_count() -> None:
    """A consent counts after it was withdrawn."""
    _also("granted", "withdrawn", "propagated")


@mutant("VRM-PUR-002")
def lapsed_consents_count() -> None:
    """A consent counts after it has lapsed."""
    _also("granted", "lapsed")


@mutant("VRM-PUR-002")
def relinquished_consents_count() -> None:
    """A consent counts after the organisation has given it back."""
    _also("granted", "relinquished")


@mutant("VRM-PUR-002")
def asking_is_a_consent() -> None:
    """A consent counts as soon as it is asked for."""
    _also("asked", "requested")


@mutant("VRM-PUR-002")
def refused_consents_count() -> None:
    """A consent counts also where she has refused it."""
    _also("asked", "refused", "expired")


@mutant("VRM-PUR-002")
def granted_is_what_was_asked_for() -> None:
    """A grant of some purposes counts for all that were asked for."""
    _also("asked", "granted")


@mutant("VRM-PUR-002")
def narrowed_consents_count_whole() -> None:
    """A consent that was narrowed counts as it was granted."""

    def wrong(right: Any, row: Any, message: Any, facts: Any, context: Any) -> Any:
        kept = right(row, message, facts, context)
        return kept | {"granted": facts["granted"]} if message.type == "consent.narrow" else kept

    around(threads, "_keep", wrong)


@mutant("VRM-PUR-002")
def consents_of_others_count() -> None:
    """A consent counts in every relationship at the home."""
    known: dict[str, set[str]] = {}

    def noted(right: Any, self: Home, batch: Any, arrival: Any, message: Any, step: Any) -> Any:
        if message.type == "consent.grant":
            known.setdefault(step.thread.parent, set()).update(message.body["purposes"])
        return right(self, batch, arrival, message, step)

    around(Home, "_append", noted)
    _consents(lambda found, s, r, above, *x: found.union(*(p for t, p in known.items() if t != above.thid)))


@mutant("VRM-PUR-002")
def consents_of_a_clause() -> None:
    """A consent counts for all purposes that no clause rules, or that its clause rules."""

    def wrong(right: Any, case: Case) -> None:
        clauses = {case.spec.purposes[purpose] for purpose in case.context.consents}
        alike = {p for p, clause in case.spec.purposes.items() if clause in clauses}
        right(replace(case, context=replace(case.context, consents=frozenset(alike))))

    guarded("within-terms", wrong)


@mutant("VRM-PUR-004")
def consents_allow_nothing() -> None:
    """A consent allows nothing."""
    _consents(lambda found, *rest: frozenset())


@mutant("VRM-PUR-004")
def first_purpose_of_a_consent() -> None:
    """Of the purposes of a consent the first counts."""

    def change(found: Any, self: Any, reads: Any, above: Any, message: Any, now: int) -> Any:
        granted = (t for t in reads.below(above.thid, ["consent"]) if "granted" in t.facts)
        return found & {t.facts["granted"][0] for t in granted}

    _consents(change)


@mutant("VRM-PUR-004")
def last_consent_alone() -> None:
    """A later consent stands for all earlier ones."""

    def change(found: Any, self: Any, reads: Any, above: Any, message: Any, now: int) -> Any:
        granted = [t for t in reads.below(above.thid, ["consent"]) if "granted" in t.facts]
        return found & set(granted[-1].facts["granted"] if granted else ())

    _consents(change)


@mutant("VRM-PUR-004")
def consents_of_the_same_agreement() -> None:
    """A consent counts only under the agreement under which it was asked for."""

    def change(found: Any, self: Any, reads: Any, above: Any, message: Any, now: int) -> Any:
        mine = (t for t in reads.below(above.thid, ["consent"]) if t.agreement == message.agr)
        return found & {purpose for t in mine for purpose in t.facts.get("granted", ())}

    _consents(change)


@mutant("VRM-PUR-004")
def consents_for_dialogues_only() -> None:
    """A consent does not allow to ask for data."""
    _consents(lambda found, s, r, a, message, now: found if message.type != "data.request" else frozenset())


@mutant("VRM-LAD-007", also=("VRM-LAD-005",))
def consents_reach_no_rung() -> None:
    """A rung is reached by the agreement alone, whatever the consents."""
    around(Grounds, "reach", lambda right, self, rung: right(replace(self, consents=frozenset()), rung))


@mutant("VRM-LAD-007")
def consents_reach_every_rung() -> None:
    """With any consent in force every rung is reached."""
    around(Grounds, "reach", lambda right, self, rung: bool(self.consents) or right(self, rung))


@mutant("VRM-LAD-011")
def requests_of_any_category() -> None:
    """Data may be asked for of any category; invitations may not."""
    around(guards, "_asked", lambda right, body: right(without("items")(dict(body))))


@mutant("VRM-LAD-011")
def consents_of_any_category() -> None:
    """Consents may be asked for with data of any category."""
    around(guards, "_asked", lambda right, body: right(without("data")(dict(body))))


# --- asking again, rates --------------------------------------------------------------------------


@mutant("VRM-REL-005")
def first_purpose_asked_again() -> None:
    """Of the purposes of a request the first is compared with what she has refused."""

    def wrong(right: Any, case: Case) -> None:
        body = dict(case.message.body)
        body |= {"purposes": body["purposes"][:1]} if "purposes" in body else {}
        right(replace(case, message=replace(case.message, body=body)))

    guarded("not-asked-again", wrong)


@mutant("VRM-REL-005")
def consents_asked_again() -> None:
    """What she has refused as a consent is asked for again."""

    def wrong(right: Any, case: Case) -> None:
        if case.message.type != "consent.request":
            right(case)

    guarded("not-asked-again", wrong)


@mutant("VRM-REL-007")
def refusals_use_up_the_rate() -> None:
    """What was refused counts as if it had been sent."""
    lost: dict[str, list[int]] = {}

    def wrong(right: Any, case: Case) -> None:
        try:
            right(case)
        except ProtocolError:
            lost.setdefault(case.message.iss, []).append(case.now)
            raise

    for name in ("within-terms", "stage-allows"):
        guarded(name, wrong)
    around(guards, "_times", lambda right, case, n: [*right(case, n), *lost.get(case.message.iss, ())])


@mutant("VRM-REL-007")
def rates_by_thread() -> None:
    """A rate counts what was sent in the thread of the relationship alone."""

    def wrong(right: Any, case: Case, counter: str) -> Any:
        return right(case, counter) if case.context.parent is None or counter != "said" else ()

    around(guards, "_times", wrong)


# --- consents -------------------------------------------------------------------------------------


@mutant("VRM-CNS-001")
def first_purpose_not_prohibited() -> None:
    """Of the purposes of a request only the first is looked at."""

    def wrong(right: Any, case: Case) -> None:
        body = {**case.message.body, "purposes": case.message.body["purposes"][:1]}
        right(replace(case, message=replace(case.message, body=body)))

    guarded("not-prohibited", wrong)


@mutant("VRM-CNS-002")
def one_purpose_of_a_grant() -> None:
    """Of a grant one purpose has to be one that was asked for."""

    def wrong(right: Any, case: Case) -> None:
        named, asked = case.message.body["purposes"], case.facts.get("asked", ())
        if "granted" in case.facts or not set(named) & set(asked):
            right(case)

    guarded("purposes-within", wrong)


@mutant("VRM-CNS-002")
def grants_of_what_is_within_terms() -> None:
    """A grant may name a purpose beside that the agreement requires."""

    def wrong(right: Any, case: Case) -> None:
        named = [p for p in case.message.body["purposes"] if case.spec.purposes[p] != "service-delivery"]
        body = {**case.message.body, "purposes": named}
        right(replace(case, message=replace(case.message, body=body)))

    guarded("purposes-within", wrong)


@mutant("VRM-CNS-003")
def narrowed_to_what_was_asked_for() -> None:
    """A narrowing may bring back what was asked for."""

    def wrong(right: Any, case: Case) -> None:
        facts = without("granted")(dict(case.facts))
        thread = replace(case.thread, facts=facts) if case.thread else None
        right(replace(case, thread=thread))

    guarded("purposes-within", wrong)


@mutant("VRM-CNS-004")
def grants_of_all_or_nothing() -> None:
    """A grant has to name all purposes that were asked for."""
    _granting(lambda named, asked: set(named) == set(asked))


@mutant("VRM-CNS-004")
def grants_with_the_first_purpose() -> None:
    """A grant has to name the purpose that was asked for first."""
    _granting(lambda named, asked: asked[0] in named)


def _granting(right_: Callable[[Any, Any], bool]) -> None:
    """Grants that a home wants."""
    _refusing(
        "purpose-not-asked",
        "VRM-CNS-002",
        lambda thread, message, context: (
            message.type == "consent.grant" and not right_(message.body["purposes"], thread.facts["asked"])
        ),
    )


@mutant("VRM-CNS-005")
def withdrawals_after_rests() -> None:
    """While a relationship rests no consent is withdrawn."""
    _refusing(
        "relationship-paused",
        "VRM-REL-014",
        lambda thread, message, context: (
            message.type == "consent.withdraw" and _above(context, thread) == "paused"
        ),
    )


@mutant("VRM-CNS-005")
def withdrawals_under_live_agreements() -> None:
    """A consent is withdrawn only while the agreement is in force under which it was granted."""
    named: dict[str, Any] = {}

    def kept(right: Any, self: Loading, reads: Any, thread: Any, message: Any, now: int) -> Any:
        if message.type == "consent.grant":
            named[message.thid] = message.agr
        context = right(self, reads, thread, message, now)
        granted = self._agreement(reads, named.get(message.thid), now)
        return replace(context, siblings=[granted]) if granted and message.thid else context

    around(Loading, "context", kept)
    _refusing("agreement-not-live", "VRM-REL-001", lambda t, m, c: m.type == "consent.withdraw" and _dead(c))


def _dead(context: Context) -> bool:
    return any(one.status.dead_at is not None for one in context.siblings)


@mutant("VRM-CNS-005")
def renewed_consents_stay() -> None:
    """A consent that was renewed cannot be withdrawn."""
    _refusing(
        "state-conflict",
        "VRM-THR-005",
        lambda thread, message, context: message.type == "consent.withdraw" and thread.seq > 2,
    )


@mutant("VRM-CNS-021")
def renewals_only_prolong() -> None:
    """A consent is never renewed until an earlier day."""

    def wrong(right: Any, row: Any, target: Any, own: Any, running: Any, *rest: Any) -> Any:
        own = max(own, running) if row.type == "consent.renew" else own
        return right(row, target, own, running, *rest)

    around(threads, "_deadline", wrong)


@mutant("VRM-CNS-007")
def narrowing_is_for_ever() -> None:
    """A consent that was narrowed does not lapse."""

    def wrong(right: Any, row: Any, *rest: Any) -> Any:
        return None if row.type == "consent.narrow" else right(row, *rest)

    around(threads, "_deadline", wrong)


def _recorded(change: Change) -> None:
    """Records of consents that say something else."""
    result(Reader, "_consent", change)


def _recording(change: Change) -> Override:
    def override() -> None:
        _recorded(change)

    return override


def _hidden(where: Callable[[str, Any, str], bool]) -> None:
    """Records of consents that are not found; ``where`` gets party, thread and state."""

    def wrong(right: Any, self: Reader, party: str, thread: Any, now: int) -> Any:
        if where(party, thread, self.home.status(thread, now).state):
            raise reading.not_found()
        return right(self, party, thread, now)

    around(Reader, "_consent", wrong)


@mutant("VRM-CNS-010")
def consents_have_no_records() -> None:
    """There is no record of a consent."""
    _hidden(lambda party, thread, state: True)


@mutant("VRM-CNS-010")
def consents_of_her_alone() -> None:
    """The organisation does not read the record of a consent."""
    _hidden(lambda party, thread, state: party == thread.second)


@mutant("VRM-CNS-010")
def consents_for_everybody() -> None:
    """Everybody reads the record of a consent."""

    def wrong(right: Any, self: Reader, party: str, record: str, now: int) -> Any:
        thread = self.home.store.thread(self.home.store.record_thread(record) or "")
        mine = thread is not None and thread.kind == "consent"
        return right(self, thread.first if thread is not None and mine else party, record, now)

    around(Reader, "record", wrong)


def _told(record: Mapping[str, Any], place: int) -> dict[str, Any]:
    """The claims of a message of a record."""
    return dict(envelope.peek(record["messages"][place]["token"])[1])


_RECORDS: tuple[tuple[str, str, Change], ...] = (
    (
        "consent-records-of-their-threads",
        "The id of the record of a consent is that of its thread.",
        lambda r: {**r, "id": r["thid"]},
    ),
    (
        "consent-records-below-nothing",
        "The record of a consent does not say of which relationship it is.",
        without("relationship"),
    ),
    (
        "consent-records-of-the-last-agreement",
        "The record of a consent names the agreement under which it was granted.",
        lambda r: {**r, "agreement": _told(r, 1).get("agr", r["agreement"])},
    ),
    (
        "consent-records-from-the-request",
        "granted_at of the record of a consent is when it was asked for.",
        lambda r: {**r, "granted_at": envelope.peek(r["messages"][0]["receipt"])[1]["iat"] - 1},
    ),
    (
        "consent-records-without-keys",
        "The record of a consent has the keys of the home alone.",
        lambda r: {**r, "keys": [k for k in r["keys"] if k.get("id") == r["home"]][:1] or r["keys"][:1]},
    ),
    (
        "consent-records-unsigned",
        "The record of a consent has no checkpoint.",
        without("checkpoint"),
    ),
)
for _name, _summary, _change in _RECORDS:
    simple(_name, "VRM-CNS-010", _summary, _recording(_change))


@mutant("VRM-CNS-011")
def consents_up_to_the_grant() -> None:
    """The record of a consent ends with the grant."""
    _recorded(lambda r: {**r, "messages": r["messages"][:2]})


@mutant("VRM-CNS-011")
def consents_without_their_request() -> None:
    """The record of a consent does not say what was asked for."""
    _recorded(lambda r: {**r, "messages": r["messages"][1:]})


@mutant("VRM-CNS-011")
def consents_from_the_last_message() -> None:
    """The messages of the record of a consent begin with the last."""
    _recorded(lambda r: {**r, "messages": r["messages"][::-1]})


@mutant("VRM-CNS-011")
def consents_written_anew() -> None:
    """The messages of the record of a consent were read and written anew."""

    def anew(token: str) -> str:
        head, payload, signature = token.split(".")
        return f"{head}.{keys.b64(json.dumps(json.loads(keys.unb64(payload))).encode())}.{signature}"

    _recorded(lambda r: {**r, "messages": [{**m, "token": anew(m["token"])} for m in r["messages"]]})


@mutant("VRM-CNS-012")
def consents_always_granted() -> None:
    """The record of a consent says always that it is granted."""
    _recorded(lambda r: {**r, "state": "granted"})


@mutant("VRM-CNS-012")
def consents_as_they_were_granted() -> None:
    """The record of a consent has the purposes of its grant."""
    _recorded(lambda r: {**r, "purposes": _told(r, 1)["body"]["purposes"]})


@mutant("VRM-CNS-012")
def consents_as_they_were_asked_for() -> None:
    """The record of a consent has the purposes of its request."""
    _recorded(lambda r: {**r, "purposes": _told(r, 0)["body"]["purposes"]})


@mutant("VRM-CNS-012")
def consents_valid_after_their_end() -> None:
    """The record of a consent says until when it was valid, also where it was withdrawn."""
    _recorded(lambda r: {"valid_until": r["granted_at"] + 86400, **r})


@mutant("VRM-CNS-012")
def consents_valid_for_ever() -> None:
    """The record of a consent does not say until when it is valid."""
    _recorded(without("valid_until"))


@mutant("VRM-CNS-012")
def consents_never_renewed() -> None:
    """The record of a consent says until when it was granted first."""

    def first(record: dict[str, Any]) -> dict[str, Any]:
        until = timing.moment(_told(record, 1)["body"]["valid_until"], 0)
        return {**record, "valid_until": until} if "valid_until" in record else record

    _recorded(first)


@mutant("VRM-CNS-013")
def withdrawn_consents_have_no_records() -> None:
    """The record of a consent is gone when it is withdrawn."""
    _hidden(lambda party, thread, state: state in ("withdrawn", "propagated"))


@mutant("VRM-CNS-013")
def lapsed_consents_have_no_records() -> None:
    """The record of a consent is gone when it lapses."""
    _hidden(lambda party, thread, state: state == "lapsed")


@mutant("VRM-CNS-013")
def relinquished_consents_have_no_records() -> None:
    """The record of a consent is gone when the organisation gives it back."""
    _hidden(lambda party, thread, state: state == "relinquished")


@mutant("VRM-CNS-014")
def consents_are_agreements() -> None:
    """agr may name the record of a consent."""
    around(threads, "_agrees", lambda right, spec, made: True)


@mutant("VRM-CNS-014")
def consents_are_told_apart() -> None:
    """An agr that names the record of a consent is told that it is none of an agreement in force."""

    def wrong(right: Any, spec: Any, made: Any) -> bool:
        if not right(spec, made):
            raise _refused("agreement-not-live", "VRM-REL-001")
        return True

    around(threads, "_agrees", wrong)


# --- dialogues, data ------------------------------------------------------------------------------


@mutant("VRM-DLG-002")
def she_is_silent_while_it_rests() -> None:
    """While a relationship rests she cannot write in a dialogue either."""
    _refusing("relationship-paused", "VRM-REL-014", _hers("dialogue.message", "paused"))


def _hers(kind: str, state: str) -> Callable[[Any, Any, Context], bool]:
    """Where the relationship is in this state and she sends this type."""
    return lambda thread, message, context: (
        message.type == kind and message.iss.startswith("did:jwk:") and _above(context, thread) == state
    )


@mutant("VRM-DLG-002")
def her_words_under_live_agreements() -> None:
    """She writes in a dialogue only while the agreement of its first message is in force."""
    _refusing("agreement-not-live", "VRM-REL-001", _after_the_agreement("dialogue.message"))


def _after_the_agreement(*kinds: str) -> Callable[[Any, Any, Context], bool]:
    """Where the agreement of the opening is dead, and a message without `agr` is sent."""
    return lambda thread, message, context: (
        message.type in kinds
        and message.agr is None
        and context.agreement is not None
        and context.agreement.status.dead_at is not None
    )


@mutant("VRM-DLG-003")
def muted_while_nothing_rests() -> None:
    """While a relationship rests no dialogue is muted."""
    _refusing("relationship-paused", "VRM-REL-014", _hers("dialogue.mute", "paused"))


@mutant("VRM-DLG-003")
def muted_after_an_answer() -> None:
    """A dialogue is muted only after both have written."""
    _refusing("state-conflict", "VRM-THR-005", lambda t, m, c: m.type == "dialogue.mute" and t.seq < 2)


@mutant("VRM-DLG-005", also=("VRM-DLG-003",))
def muted_from_the_next_message_on() -> None:
    """After a dialogue was muted the organisation may write once more."""
    muted: Counter[str] = Counter()

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        if kind.name == "dialogue" and status.state == "muted" and role == "second":
            muted[f"{status.since}"] += 1
            if muted[f"{status.since}"] == 1:
                return right(kind, replace(status, state="open"), role, name)
        return right(kind, status, role, name)

    around(threads, "_find_row", wrong)


@mutant("VRM-DLG-005")
def muted_is_a_conflict() -> None:
    """In a dialogue that is muted the organisation is told of a conflict."""

    def wrong(right: Any, kind: Any, status: Any, role: str, name: str) -> Any:
        if kind.name == "dialogue" and status.state == "muted" and role == "second" and "message" in name:
            raise ProtocolError("state-conflict", "it is muted", rule="VRM-THR-005", state="muted")
        return right(kind, status, role, name)

    around(threads, "_find_row", wrong)


@mutant("VRM-DAT-002")
def nothing_given_while_it_rests() -> None:
    """While a relationship rests she cannot share data."""
    _refusing("relationship-paused", "VRM-REL-014", _hers("data.share", "paused"))


@mutant("VRM-DAT-002")
def nothing_given_of_her_own() -> None:
    """She shares data only where she was asked."""
    _refusing("role-forbidden", "VRM-THR-004", lambda t, m, c: m.type == "data.share" and t is None)


@mutant("VRM-DAT-003")
def refusals_under_live_agreements() -> None:
    """A request for data is refused only while its agreement is in force."""
    _refusing("agreement-not-live", "VRM-REL-001", _after_the_agreement("data.refuse"))


# --- corrections ----------------------------------------------------------------------------------


@mutant("VRM-COR-001")
def corrections_of_other_threads() -> None:
    """of may name a message of any thread of the two."""

    def wrong(right: Any, self: Loading, reads: Any, parent: Any, message: Any) -> Any:
        found = right(self, reads, parent, message)
        for thid in reads.threads_of(*parent.thread.pair) if parent and found is None else ():
            there = replace(parent, thread=replace(parent.thread, thid=thid))
            found = found or right(self, reads, there, message)
        return found

    around(Loading, "_corrected", wrong)


@mutant("VRM-COR-001")
def corrections_of_files() -> None:
    """A message whose data are a file has no fields, and may be corrected."""

    def wrong(right: Any, self: Loading, reads: Any, parent: Any, message: Any) -> Any:
        found = right(self, reads, parent, message)
        if found is None and parent is not None and "of" in message.body:
            entry = reads.message(parent.thread.thid, message.body["of"])
            found = {} if entry and "ref" in _content(entry.token) else None
        return found

    around(Loading, "_corrected", wrong)
    _patched(lambda right, patch, fields: right(patch, fields) if fields else {})


def _content(token: str) -> Any:
    return envelope.peek(token)[1]["body"].get("content", {})


@mutant("VRM-COR-001")
def corrections_of_reports_alone() -> None:
    """What she has shared herself cannot be corrected."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.context.parent and case.context.parent.thread.opener == "data.share":
            raise _refused("patch-failed", "VRM-COR-001")

    guarded("patch-applies", wrong)


def _patched(wrong: Callable[..., Any]) -> None:
    around(patching, "applied", wrong)


@mutant("VRM-COR-002")
def operations_one_by_one() -> None:
    """Each operation of a patch is tried on the fields as they are."""
    _patched(
        lambda right, patch, fields: (
            None if any(right([op], fields) is None for op in patch) else dict(fields)
        )
    )


@mutant("VRM-COR-002")
def tests_not_asked() -> None:
    """The tests of a patch are passed over."""
    _patched(lambda right, patch, fields: right([op for op in patch if op["op"] != "test"], fields))


@mutant("VRM-COR-002")
def operations_that_fail_left_out() -> None:
    """A patch is taken if one of its operations applies."""
    _patched(
        lambda right, patch, fields: (
            dict(fields) if any(right([op], fields) is not None for op in patch) else None
        )
    )


@mutant("VRM-COR-002")
def patches_that_add_nothing() -> None:
    """A patch may not add a field."""
    _patched(
        lambda right, patch, fields: None if any(op["op"] == "add" for op in patch) else right(patch, fields)
    )


@mutant("VRM-COR-002")
def patches_that_change_something() -> None:
    """A patch of tests alone is refused."""
    _patched(
        lambda right, patch, fields: None if {op["op"] for op in patch} == {"test"} else right(patch, fields)
    )


@mutant("VRM-COR-002")
def patches_of_the_last_report() -> None:
    """A patch is tried on the last message of the thread, whatever of names."""

    def wrong(right: Any, self: Loading, reads: Any, parent: Any, message: Any) -> Any:
        found = right(self, reads, parent, message)
        if found is None or parent is None:
            return found
        last = replace(message, body={**message.body, "of": parent.thread.head})
        return right(self, reads, parent, last) or found

    around(Loading, "_corrected", wrong)


@mutant("VRM-COR-006")
def corrections_before_the_end() -> None:
    """Once the thread of data is closed nothing in it is corrected."""
    _refusing(
        "state-conflict",
        "VRM-THR-005",
        lambda thread, message, context: (
            message.type == "correction.submit" and _above(context, thread) == "closed"
        ),
    )


@mutant("VRM-COR-006")
def corrections_answered_before_the_end() -> None:
    """Once the thread of data is closed no correction is answered."""
    _refusing(
        "state-conflict",
        "VRM-THR-005",
        lambda thread, message, context: (
            message.type in ("correction.apply", "correction.refuse") and _above(context, thread) == "closed"
        ),
    )


@mutant("VRM-COR-004")
def corrections_under_live_agreements() -> None:
    """Data are corrected only while the agreement is in force under which they were given."""

    def kept(right: Any, self: Loading, reads: Any, thread: Any, message: Any, now: int) -> Any:
        context = right(self, reads, thread, message, now)
        if message.type != "correction.submit" or context.parent is None:
            return context
        given = self._agreement(reads, context.parent.thread.agreement, now)
        return replace(context, siblings=[given] if given else [])

    around(Loading, "context", kept)
    _refusing("agreement-not-live", "VRM-REL-001", lambda t, m, c: m.type == "correction.submit" and _dead(c))


# --- the view -------------------------------------------------------------------------------------


def _viewed(change: Change) -> None:
    """Views that say something else."""
    result(Standing, "view", change)


def _listing(name: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Views with another list."""
    _viewed(lambda view: {**view, name: change(view[name])})


def _unseen(where: Callable[[str, Any], bool]) -> None:
    """Views that are not found; ``where`` gets party and thread."""

    def wrong(right: Any, self: Reader, party: str, thid: str, now: int) -> Any:
        thread = self.home.store.thread(thid)
        if thread is not None and where(party, thread):
            raise reading.not_found()
        return right(self, party, thid, now)

    around(Reader, "relationship", wrong)


@mutant("VRM-STD-001")
def views_for_her_alone() -> None:
    """The organisation does not read the view."""
    _unseen(lambda party, thread: party == thread.second)


@mutant("VRM-STD-001")
def views_for_the_organisation_alone() -> None:
    """The person does not read the view."""
    _unseen(lambda party, thread: party == thread.first)


@mutant("VRM-STD-001")
def views_until_the_end() -> None:
    """The view of a relationship is gone with its end."""
    _unseen(lambda party, thread: thread.over_at is not None)


@mutant("VRM-STD-001", also=("VRM-HOM-018",))
def views_for_everybody() -> None:
    """Everybody reads the view of a relationship."""

    def wrong(right: Any, self: Reader, party: str, thid: str, now: int) -> Any:
        thread = self.home.store.thread(thid)
        return right(self, thread.second if thread and not thread.role(party) else party, thid, now)

    around(Reader, "relationship", wrong)


@mutant("VRM-STD-001")
def views_of_the_last_message() -> None:
    """The view has the state of the last message, whatever has moved since."""

    def wrong(right: Any, self: Standing, rests: Any, now: int) -> Any:
        return {**right(self, rests, now), "state": rests.thread.state}

    around(Standing, "view", wrong)


@mutant("VRM-STD-012")
def views_without_preferences() -> None:
    """The view does not show what she prefers."""
    _viewed(without("preferences"))


@mutant("VRM-STD-013")
def views_from_the_last_message() -> None:
    """The view says that a relationship was opened when its last message came."""

    def wrong(right: Any, self: Standing, rests: Any, now: int) -> Any:
        return {**right(self, rests, now), "opened_at": rests.thread.received + rests.thread.seq}

    around(Standing, "view", wrong)


@mutant("VRM-STD-002")
def views_of_the_rung_reached() -> None:
    """stage of the view is the rung by which the first agreement is judged."""
    _viewed(lambda v: {**v, "stage": v["agreements"][0]["stage"]} if v["agreements"] else v)


@mutant("VRM-STD-002")
def views_of_the_lowest_rung() -> None:
    """stage of an agreement is always the lowest rung."""
    _listing("agreements", lambda found: [{**one, "stage": "anonymous"} for one in found])


@mutant("VRM-STD-002")
def views_of_one_rung() -> None:
    """stage of every agreement is the rung that she has gone to."""
    _viewed(lambda v: {**v, "agreements": [{**one, "stage": v["stage"]} for one in v["agreements"]]})


@mutant("VRM-STD-002")
def rungs_of_the_view_without_consents() -> None:
    """stage of an agreement in the view is what it reaches without the consents."""

    def wrong(right: Any, self: Standing, made: Any, held: Any, thread: Any, consents: Any) -> Any:
        return right(self, made, held, thread, [])

    around(Standing, "_agreement", wrong)


@mutant("VRM-STD-002")
def rungs_without_agreements() -> None:
    """The view does not say by which rung an agreement is judged."""
    _listing("agreements", lambda found: [without("stage")(one) for one in found])


@mutant("VRM-STD-003")
def views_with_what_has_ended() -> None:
    """The view lists agreements and consents that have ended."""
    around(Standing, "_live", lambda right, self, thread, status: thread.record is not None)


@mutant("VRM-STD-003")
def views_with_ended_consents() -> None:
    """The view lists consents that were withdrawn or have lapsed."""

    def wrong(right: Any, self: Standing, thread: Any, status: Any) -> bool:
        return bool(right(self, thread, status) or (thread.kind == "consent" and thread.record))

    around(Standing, "_live", wrong)


@mutant("VRM-STD-003")
def views_with_superseded_agreements() -> None:
    """The view lists agreements that were superseded."""
    _still("superseded")


@mutant("VRM-STD-003")
def views_with_terminated_agreements() -> None:
    """The view lists agreements that were terminated."""
    _still("terminated")


def _still(*states: str) -> None:
    """The view lists what is in these states as if it were in force."""
    around(Standing, "_live", lambda right, self, t, status: status.state in states or right(self, t, status))


@mutant("VRM-STD-003")
def views_of_the_last_agreement() -> None:
    """The view lists the agreement that was made last."""
    _listing("agreements", lambda found: found[-1:])


@mutant("VRM-STD-003")
def views_without_offers() -> None:
    """The view does not list agreements that an offer has made."""
    around(Standing, "_agreements", lambda right, *args: (t for t in right(*args) if t.kind != "offer"))


@mutant("VRM-STD-003")
def views_without_consents() -> None:
    """The view lists no consents."""
    _listing("consents", lambda found: [])


@mutant("VRM-STD-003")
def views_of_consents_as_asked_for() -> None:
    """The view lists the purposes of a consent that were asked for."""

    def wrong(right: Any, self: Standing, thread: Any, status: Any) -> Any:
        return {**right(self, thread, status), "purposes": thread.facts["asked"]}

    around(Standing, "_consent", wrong)


@mutant("VRM-STD-004")
def views_without_reports() -> None:
    """The view does not list what the organisation has reported."""
    _listing("data", lambda found: [one for one in found if one["type"] != "data.report"])


@mutant("VRM-STD-004")
def views_without_what_was_shared() -> None:
    """The view does not list what she has shared."""
    _listing("data", lambda found: [one for one in found if one["type"] != "data.share"])


@mutant("VRM-STD-004")
def views_of_the_last_of_each_thread() -> None:
    """The view lists of each thread of data the last message."""
    _listing("data", lambda found: list({one["thid"]: one for one in found}.values()))


@mutant("VRM-STD-004")
def views_without_closed_data() -> None:
    """The view does not list data whose thread is closed."""
    _listing("data", lambda found: [one for one in found if one["state"] != "closed"])


@mutant("VRM-STD-004")
def views_without_categories() -> None:
    """The view does not say of which categories data are."""
    _listing("data", lambda found: [{**one, "categories": []} for one in found])


@mutant("VRM-STD-004")
def views_of_data_under_one_agreement() -> None:
    """The view says of all data that they were sent under the agreement of the relationship."""

    def wrong(right: Any, self: Standing, rests: Any, now: int) -> Any:
        view = right(self, rests, now)
        return {**view, "data": [{**one, "agr": rests.thread.agreement} for one in view["data"]]}

    around(Standing, "view", wrong)


@mutant("VRM-STD-005")
def views_of_what_was_once_verified() -> None:
    """A new report is shown as verified by what she has said of the one before."""

    def kept(found: list[Any]) -> list[Any]:
        known = {one["thid"]: one["verified_as_of"] for one in found if "verified_as_of" in one}
        return [
            {**one, **({"verified_as_of": known[one["thid"]]} if one["thid"] in known else {})}
            for one in found
        ]

    _listing("data", kept)


@mutant("VRM-STD-005")
def views_with_old_verifications() -> None:
    """verified_as_of stays when the organisation reports anew."""

    def wrong(right: Any, self: Standing, thread: Any, now: int) -> Any:
        found = right(self, thread, now)
        seen = [told.body["as_of"] for told in self._source.told(thread.thid) if told.type == "data.verify"]
        if found and seen:
            found[-1]["verified_as_of"] = seen[-1]
        return found

    around(Standing, "_data", wrong)


@mutant("VRM-STD-005")
def views_without_verifications() -> None:
    """The view does not say what she has verified."""
    _listing("data", lambda found: [without("verified_as_of")(one) for one in found])


@mutant("VRM-STD-005")
def views_verified_as_reported() -> None:
    """verified_as_of is as_of of the report."""
    _listing("data", lambda found: [_as_reported(one) for one in found])


def _as_reported(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "verified_as_of": one["as_of"]} if "verified_as_of" in one else one


@mutant("VRM-STD-006")
def views_without_corrections() -> None:
    """The view lists no corrections."""
    _listing("corrections", lambda found: [])


@mutant("VRM-STD-006")
def views_of_open_corrections() -> None:
    """The view lists corrections that have not been answered."""
    _listing("corrections", lambda found: [c for c in found if c["state"] in ("submitted", "overdue")])


@mutant("VRM-STD-006")
def views_of_corrections_as_submitted() -> None:
    """Every correction in the view is submitted."""
    _listing("corrections", lambda found: [{**one, "state": "submitted"} for one in found])


@mutant("VRM-STD-006")
def views_of_one_correction() -> None:
    """The view lists the last correction."""
    _listing("corrections", lambda found: found[-1:])


@mutant("VRM-STD-006")
def views_of_corrected_threads() -> None:
    """of of a correction in the view is its thread."""
    _listing("corrections", lambda found: [{**one, "of": one["thid"]} for one in found])


@mutant("VRM-STD-007")
def views_with_the_data() -> None:
    """The view holds the data themselves."""

    def wrong(right: Any, self: Standing, thread: Any, now: int) -> Any:
        content = {told.mid: told.body.get("content") for told in self._source.told(thread.thid)}
        return [{**one, "content": content[one["mid"]]} for one in right(self, thread, now)]

    around(Standing, "_data", wrong)


@mutant("VRM-STD-007")
def views_with_the_data_in_their_fields() -> None:
    """fields of the view are what the fields say."""

    def wrong(right: Any, self: Standing, thread: Any, now: int) -> Any:
        content = {told.mid: told.body.get("content", {}) for told in self._source.told(thread.thid)}
        clear = {mid: [*one.get("clear", {}).values()] for mid, one in content.items()}
        return [{**one, "fields": clear[one["mid"]] or one["fields"]} for one in right(self, thread, now)]

    around(Standing, "_data", wrong)


@mutant("VRM-STD-008")
def views_of_the_last_receipt() -> None:
    """The checkpoint of a view has the time of the last receipt, the view is as of now."""

    def wrong(right: Any, self: Reader, party: str, thid: str, now: int) -> Any:
        view, thread = right(self, party, thid, now), self._own(party, thid)
        return {**view, "checkpoint": self.home.checkpoint(thread, party, 0)}

    around(Reader, "relationship", wrong)


@mutant("VRM-STD-008")
def views_dated_ahead() -> None:
    """The checkpoint of a view is dated a quarter of an hour later than the view."""

    def wrong(right: Any, self: Reader, party: str, thid: str, now: int) -> Any:
        view, thread = right(self, party, thid, now), self._own(party, thid)
        return {**view, "checkpoint": self.home.checkpoint(thread, party, now + 900)}

    around(Reader, "relationship", wrong)


@mutant("VRM-STD-009")
def heads_of_the_relationship_alone() -> None:
    """heads of the view name the relationship, and no other thread."""
    _listing("heads", lambda found: found[:1])


@mutant("VRM-STD-009")
def heads_of_what_is_in_force() -> None:
    """heads of the view name no agreement that has ended."""

    def wrong(right: Any, self: Standing, rests: Any, now: int) -> Any:
        view = right(self, rests, now)
        over = {t.thid for t in rests.agreements} - {one["thid"] for one in view["agreements"]}
        return {**view, "heads": [one for one in view["heads"] if one["thid"] not in over]}

    around(Standing, "view", wrong)


@mutant("VRM-STD-009")
def heads_without_corrections() -> None:
    """heads of the view name no correction."""

    def wrong(right: Any, self: Standing, rests: Any, now: int) -> Any:
        return right(self, rests, now) | {"heads": [self._head(t) for t in rests if t.kind != "correction"]}

    around(Standing, "view", wrong)


@mutant("VRM-STD-009")
def heads_that_are_openings() -> None:
    """heads of the view name the first message of each thread."""
    _listing("heads", lambda found: [{**one, "seq": 1, "mid": one["thid"]} for one in found])


@mutant("VRM-STD-009")
def heads_counted_from_nought() -> None:
    """seq of heads of the view is how many messages were before."""
    _listing("heads", lambda found: [{**one, "seq": max(1, one["seq"] - 1)} for one in found])


# --- what was refused -----------------------------------------------------------------------------


def _refusals(change: Callable[[Any, Any], Any | None]) -> None:
    """What is noted of a refusal; ``change`` gets it and its message, and None notes nothing."""

    def wrong(right: Any, message: Any, code: str, now: int) -> Any:
        return change(right(message, code, now), message)

    around(_home(), "_refusal", wrong)
    around(lists, "add_refusal", lambda right, db, n, refusal: right(db, n, refusal) if refusal else None)


def _home() -> Any:
    from vrmproto import home

    return home


@mutant("VRM-LED-001")
def nothing_refused_is_noted() -> None:
    """What was refused is not listed."""
    _refusals(lambda refusal, message: None)


@mutant("VRM-LED-001")
def openings_refused_are_noted() -> None:
    """Of what was refused only openings are listed."""
    _refusals(lambda refusal, message: refusal if message.thid is None else None)


@mutant("VRM-LED-001")
def invitations_refused_are_not_noted() -> None:
    """Of what was refused invitations are not listed."""
    _refusals(lambda refusal, message: refusal if message.type != "relationship.invite" else None)


@mutant("VRM-LED-001")
def refusals_without_purposes() -> None:
    """What was refused is listed without its purposes."""
    _refusals(lambda refusal, message: replace(refusal, purposes=()))


@mutant("VRM-LED-001")
def refusals_by_one_purpose() -> None:
    """What was refused is listed with the first of its purposes."""
    _refusals(lambda refusal, message: replace(refusal, purposes=refusal.purposes[:1]))


@mutant("VRM-LED-001")
def refusals_when_they_were_written() -> None:
    """What was refused is listed with the time at which it is to expire."""
    _refusals(lambda refusal, message: replace(refusal, at=message.exp))


@mutant("VRM-LED-001")
def refusals_by_one_code() -> None:
    """Everything that was refused is listed with one code."""
    _refusals(lambda refusal, message: replace(refusal, code="stage-forbids"))


@mutant("VRM-LED-001")
def refusals_of_threads() -> None:
    """What was refused is listed with the id of its thread."""
    _refusals(lambda refusal, message: replace(refusal, mid=message.pthid or message.thid or refusal.mid))


@mutant("VRM-LED-001")
def refusals_with_their_bodies() -> None:
    """What was refused is listed with what it says."""
    bodies: dict[str, Any] = {}

    def noted(refusal: Any, message: Any) -> Any:
        bodies[refusal.mid] = message.body
        return refusal

    _refusals(noted)
    _ledger(lambda found: {**found, "refused": [_said(r, bodies) for r in found["refused"]]})


def _said(refusal: dict[str, Any], bodies: Mapping[str, Any]) -> dict[str, Any]:
    return {**refusal, "body": bodies.get(refusal["mid"])}


def _ledger(change: Change) -> None:
    result(Reader, "_refused", change)


@mutant("VRM-LED-001")
def the_last_refusal_alone() -> None:
    """The last thing that was refused is listed, and nothing else."""
    _ledger(lambda found: {**found, "refused": found["refused"][:1]})


@mutant("VRM-LED-002")
def refusals_for_both() -> None:
    """The organisation reads what was refused."""

    def wrong(right: Any, self: Reader, party: str, thid: str, now: int) -> Any:
        return right(self, party, thid, now) | self._refused(self._own(party, thid))

    around(Reader, "relationship", wrong)


@mutant("VRM-LED-003")
def refusals_without_a_bound() -> None:
    """Any number of refusals of one day is listed."""
    loose(lists).REFUSALS = 10_000


@mutant("VRM-LED-003")
def ten_refusals_of_a_day() -> None:
    """Of one day ten refusals are listed."""
    loose(lists).REFUSALS = 10


@mutant("VRM-LED-003")
def a_refusal_too_many() -> None:
    """Of one day a hundred and one refusals are listed."""
    loose(lists).REFUSALS = 101


@mutant("VRM-LED-003")
def other_refusals_not_counted() -> None:
    """What was refused beside the first hundred of a day is not counted."""
    _ledger(lambda found: {**found, "refused_more": 0})


@mutant("VRM-LED-003")
def all_refusals_counted() -> None:
    """refused_more counts also what is listed."""
    _ledger(lambda found: {**found, "refused_more": found["refused_more"] + len(found["refused"])})


@mutant("VRM-LED-004")
def refusals_listed_again() -> None:
    """A message that was refused and comes again is listed again."""
    times: Counter[str] = Counter()

    def noted(refusal: Any, message: Any) -> Any:
        times[refusal.mid] += 1
        return refusal

    _refusals(noted)
    _ledger(lambda f: {**f, "refused": [r for r in f["refused"] for _ in range(times[r["mid"]] or 1)]})


@mutant("VRM-LED-003")
def refusals_counted_again() -> None:
    """A message that was refused and comes again is counted beside."""
    times: Counter[str] = Counter()

    def noted(refusal: Any, message: Any) -> Any:
        times[refusal.mid] += 1
        return refusal

    _refusals(noted)
    _ledger(lambda f: {**f, "refused_more": f["refused_more"] + sum(n - 1 for n in times.values())})
