"""Broken homes that let one thing hinder another below a relationship, in feedback and in disputes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.broken.tools import around, guarded, mutant
from vrmproto import guards, patching, threads
from vrmproto.errors import ProtocolError
from vrmproto.guards import Case
from vrmproto.home import Home
from vrmproto.loading import Loading
from vrmproto.model import Context

Where = Callable[[Any, Any, Context], object]


def _refuse(where: Where, code: str = "state-conflict", rule: str = "VRM-THR-005") -> None:
    """Refuse messages that a home has to take; ``where`` gets thread, message and context."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, now: int, context: Context) -> Any:
        step = right(spec, thread, message, now, context)
        if where(thread, message, context):
            raise ProtocolError(code, "this home does not want it", rule=rule)
        return step

    around(threads, "advance", wrong)


def _again(seen: set[Any], one: Any) -> bool:
    """Whether this was there before; from now on it was."""
    known = one in seen
    seen.add(one)
    return known


def _at_rest(*types: str) -> Where:
    """Messages of these types while the relationship rests."""
    return lambda thread, message, context: (
        message.type in types and context.parent is not None and context.parent.status.state == "paused"
    )


def _ended(*types: str) -> Where:
    """Messages of these types once the agreement of their thread has ended."""
    return lambda thread, message, context: (
        message.type in types
        and context.agreement is not None
        and context.agreement.status.dead_at is not None
    )


# --- purposes and consents ------------------------------------------------------------------------


@mutant("VRM-PUR-005")
def reports_by_their_purpose() -> None:
    """A report is judged by its purpose like a word."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.message.type == "data.report":
            guards.within_terms(case)

    guarded("agreement-live", wrong)


def _asked_in_vain(allowed: Callable[[Case, str], bool]) -> None:
    """A consent is not asked for where one of its purposes is allowed already."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if any(allowed(case, purpose) for purpose in case.message.body["purposes"]):
            raise ProtocolError("asked-again", "it is allowed already", rule="VRM-REL-005")

    guarded("not-prohibited", wrong)


@mutant("VRM-CNS-018")
def no_consents_for_what_is_required() -> None:
    """No consent is asked for, for a purpose that the agreement allows."""
    _asked_in_vain(lambda case, purpose: case.spec.purposes[purpose] == "service-delivery")


@mutant("VRM-CNS-018")
def no_consents_for_what_is_granted() -> None:
    """No consent is asked for, for a purpose for which one is in force."""
    _asked_in_vain(lambda case, purpose: purpose in case.context.consents)


@mutant("VRM-CNS-019")
def no_grants_at_rest() -> None:
    """While the relationship rests she cannot grant."""
    _refuse(_at_rest("consent.grant"), "relationship-paused", "VRM-REL-014")


@mutant("VRM-CNS-019")
def no_renewals_on_the_lowest_rung() -> None:
    """On the lowest rung no consent is renewed or narrowed."""
    _refuse(
        lambda thread, message, context: (
            message.type in ("consent.renew", "consent.narrow")
            and context.parent is not None
            and context.parent.thread.facts.get("stage") == "anonymous"
        ),
        "stage-forbids",
        "VRM-LAD-010",
    )


@mutant("VRM-CNS-020")
def renewals_bring_back() -> None:
    """A renewal brings back every purpose that was asked for."""

    def wrong(right: Any, row: Any, message: Any, facts: Any, context: Any) -> Any:
        kept = right(row, message, facts, context)
        return {**kept, "granted": facts["asked"]} if message.type == "consent.renew" else kept

    around(threads, "_keep", wrong)


@mutant("VRM-CNS-021")
def shorter_renewals_refused() -> None:
    """A renewal until an earlier time is refused."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        running = case.thread.deadline if case.thread else None
        if case.message.type == "consent.renew" and (case.deadline or 0) < (running or 0):
            raise ProtocolError("deadline-invalid", "it holds for longer", rule="VRM-THR-020")

    guarded("deadline-ahead", wrong)


@mutant("VRM-CNS-022")
def one_end_for_all() -> None:
    """What was withdrawn or given back once counts in no consent."""

    def wrong(right: Any, self: Loading, reads: Any, above: Any, message: Any, now: int) -> frozenset[str]:
        found: frozenset[str] = right(self, reads, above, message, now)
        gone = [t for t in reads.below(above.thid, ["consent"]) if t.over_at] if above and found else []
        return found.difference(*(t.facts.get("granted", ()) for t in gone))

    around(Loading, "_consents", wrong)


@mutant("VRM-CNS-023")
def propagated_while_related() -> None:
    """What was passed on is said before the end of the relationship, or not at all."""
    _refuse(
        lambda thread, message, context: (
            message.type == "consent.propagated"
            and context.parent is not None
            and context.parent.status.over_at is not None
        )
    )


@mutant("VRM-CNS-023")
def propagated_under_live_agreements() -> None:
    """What was passed on is said while the agreement is in force, or not at all."""
    _refuse(_ended("consent.propagated"), "agreement-not-live", "VRM-REL-001")


@mutant("VRM-CNS-023")
def lapses_not_propagated() -> None:
    """After a lapse nothing is to be said of recipients."""
    _refuse(
        lambda thread, message, context: message.type == "consent.propagated" and thread.state == "granted"
    )


# --- dialogues ------------------------------------------------------------------------------------


@mutant("VRM-DLG-006")
def dialogues_closed_by_their_opener() -> None:
    """A dialogue is closed by her alone once it is muted."""
    _refuse(
        lambda thread, message, context: (
            message.type == "dialogue.close" and thread.state == "muted" and message.iss == thread.second
        )
    )


@mutant("VRM-DLG-006")
def no_dialogue_closed_at_rest() -> None:
    """While the relationship rests no dialogue is closed."""
    _refuse(_at_rest("dialogue.close"), "relationship-paused", "VRM-REL-014")


@mutant("VRM-DLG-006")
def no_dialogue_closed_after_the_agreement() -> None:
    """After the end of the agreement under which it was begun no dialogue is closed."""
    _refuse(_ended("dialogue.close"), "agreement-not-live", "VRM-REL-001")


@mutant("VRM-DLG-007")
def muting_is_of_everything() -> None:
    """Where she has muted one dialogue the organisation writes in none."""
    muted: set[str] = set()

    def where(thread: Any, message: Any, context: Context) -> bool:
        above = context.parent.thread if context.parent else None
        if above is None or message.type not in ("dialogue.mute", "dialogue.message"):
            return False
        if message.type == "dialogue.mute":
            muted.add(above.thid)
        return message.iss == above.second and above.thid in muted

    _refuse(where)


@mutant("VRM-DLG-008")
def answers_within_the_dialogue() -> None:
    """answers has to name a message of the dialogue."""

    def where(thread: Any, message: Any, context: Context) -> bool:
        there = (thread.thid, thread.head) if thread else ()
        return message.type == "dialogue.message" and message.body.get("answers", there[:1]) not in (
            there,
            *there,
        )

    _refuse(where)


# --- data and corrections -------------------------------------------------------------------------


@mutant("VRM-DAT-007")
def answers_for_the_purpose_asked() -> None:
    """What she shares in answer to a request has to be for its purpose."""
    _refuse(
        lambda thread, message, context: (
            message.type == "data.share"
            and thread is not None
            and thread.facts.get("asked") not in (None, message.body["about"]["purpose"])
        ),
        "purpose-not-asked",
        "VRM-CNS-002",
    )


@mutant("VRM-DAT-007")
def answers_of_the_categories_asked() -> None:
    """What she shares in answer to a request has to be of one category."""
    _refuse(
        lambda thread, message, context: (
            message.type == "data.share"
            and thread is not None
            and "asked" in thread.facts
            and len(message.body["about"]["categories"]) > 1
        )
    )


@mutant("VRM-DAT-008")
def one_request_for_a_purpose() -> None:
    """For one purpose she is asked once."""
    asked: set[tuple[str, str]] = set()

    def where(thread: Any, message: Any, context: Context) -> bool:
        one = (message.pthid, message.body.get("purpose", ""))
        return message.type == "data.request" and _again(asked, one)

    _refuse(where, "asked-again", "VRM-REL-005")


@mutant("VRM-DAT-009")
def no_data_closed_at_rest() -> None:
    """While the relationship rests no request is taken back and no thread of data closed."""
    _refuse(_at_rest("data.retract", "data.close"), "relationship-paused", "VRM-REL-014")


@mutant("VRM-DAT-009")
def nothing_verified_after_the_agreement() -> None:
    """After the end of the agreement under which it was reported nothing is verified."""
    _refuse(_ended("data.verify"), "agreement-not-live", "VRM-REL-001")


@mutant("VRM-COR-007")
def corrections_of_what_was_corrected() -> None:
    """A correction is tried on what the ones before have made of the fields."""
    before: dict[str, list[Any]] = {}

    def wrong(right: Any, self: Loading, reads: Any, parent: Any, message: Any) -> Any:
        fields = right(self, reads, parent, message)
        for patch in before.get(message.body.get("of", ""), ()) if fields else ():
            fields = patching.applied(patch, fields) or fields
        if fields and patching.applied(message.body["patch"], fields) is not None:
            before.setdefault(message.body["of"], []).append(message.body["patch"])
        return fields

    around(Loading, "_corrected", wrong)


@mutant("VRM-COR-008")
def one_correction_at_a_time() -> None:
    """While one correction of a message waits there is no other."""
    waiting: dict[str, str] = {}

    def where(thread: Any, message: Any, context: Context) -> object:
        if message.type != "correction.submit":
            return thread is not None and waiting.pop(thread.thid, None) is None and False
        of = message.body["of"]
        return of in waiting.values() or waiting.update({message.mid: of})

    _refuse(where)


# --- feedback and disputes ------------------------------------------------------------------------


@mutant("VRM-FBK-009")
def outcomes_of_what_is_acknowledged() -> None:
    """An outcome is told after an acknowledgement only."""
    _refuse(lambda t, message, context: message.type == "feedback.outcome" and t.state == "submitted")


@mutant("VRM-FBK-010")
def retracted_feedback_is_erased() -> None:
    """After a retraction the organisation reads tombstones."""

    def wrong(right: Any, self: Home, thread: Any) -> Any:
        return thread.seq if (thread.kind, thread.state) == ("feedback", "retracted") else right(self, thread)

    around(Home, "erased", wrong)


@mutant("VRM-DSP-007")
def one_dispute_about_an_agreement() -> None:
    """About an agreement there is one dispute."""
    disputed: set[str] = set()
    _refuse(
        lambda thread, message, context: message.type == "dispute.open" and _again(disputed, message.pthid)
    )


@mutant("VRM-DSP-007")
def one_dispute_of_a_party() -> None:
    """About an agreement each party opens one dispute."""
    disputed: set[tuple[str, str]] = set()

    def where(thread: Any, message: Any, context: Context) -> bool:
        one = (message.pthid, message.iss)
        return message.type == "dispute.open" and _again(disputed, one)

    _refuse(where)


@mutant("VRM-DSP-008")
def disputes_of_messages_of_the_agreement() -> None:
    """A dispute names messages of its agreement only."""

    def where(thread: Any, message: Any, context: Context) -> bool:
        above = context.parent.thread if context.parent else None
        there = {above.thid, above.head} if above else set()
        return message.type == "dispute.open" and not there.issuperset(message.body.get("messages", ()))

    _refuse(where, "claim-invalid", "VRM-ENV-017")
