"""Broken homes of the chapter relationships.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from tests.broken.tools import (
    appended,
    around,
    guarded,
    lenient,
    loose,
    missing_guard,
    mutant,
    receipts,
    simple,
    without,
)
from vrmproto import erasing, guards, preferences, threads
from vrmproto.errors import ProtocolError
from vrmproto.guards import Case
from vrmproto.home import Home
from vrmproto.loading import Loading
from vrmproto.reading import Reader
from vrmproto.storage.rows import LookUps


def _live(case: Case) -> bool:
    named = case.context.named
    return named is not None and case.spec.kinds[named.thread.kind].states[named.status.state].live


def _superseded(case: Case) -> bool:
    return case.context.named is not None and case.context.named.status.state == "superseded"


def _step(case: Case) -> bool:
    return case.row.type == "relationship.step" and not _live(case)


for _name, _rule, _summary, _override in (
    (
        "agreements-of-other-pairs",
        "VRM-REL-001",
        "A relationship goes on under an agreement that one of the two has with somebody else.",
        lenient("agreement-live", "VRM-REL-001", _live),
    ),
    (
        "agreements-that-have-ended",
        "VRM-REL-001",
        "An agreement that was named may have ended.",
        lenient("agreement-live", "VRM-REL-001", lambda case: not _live(case)),
    ),
    (
        "agreements-that-were-superseded",
        "VRM-REL-001",
        "An agreement that was superseded may still be named.",
        lenient("agreement-live", "VRM-REL-001", _superseded),
    ),
    (
        "steps-under-ended-agreements",
        "VRM-REL-001",
        "She may step up under an agreement that has ended.",
        lenient("agreement-live", "VRM-REL-001", _step),
    ),
    (
        "relationships-beside-each-other",
        "VRM-REL-003",
        "Two parties may have any number of relationships.",
        missing_guard("one-per-pair"),
    ),
    (
        "asked-again-at-once",
        "VRM-REL-005",
        "She may be invited at once to what she has declined.",
        missing_guard("not-asked-again"),
    ),
    (
        "quiet-hours-not-looked-at",
        "VRM-REL-006",
        "Invitations are taken in quiet hours.",
        lenient("preference-allows", "VRM-REL-006"),
    ),
    (
        "rates-not-looked-at",
        "VRM-REL-007",
        "More invitations are taken than she wants.",
        lenient("preference-allows", "VRM-REL-007"),
    ),
):
    simple(_name, _rule, _summary, _override)


# --- agreements -----------------------------------------------------------------------------------


def _refused(code: str, rule: str) -> ProtocolError:
    return ProtocolError(code, "this home does not want it", rule=rule)


@mutant("VRM-REL-002")
def one_agreement_for_all() -> None:
    """All messages have to name the agreement of the opening."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.thread is not None and case.message.agr != case.thread.agreement:
            raise _refused("agreement-not-live", "VRM-REL-001")

    guarded("agreement-live", wrong)


@mutant("VRM-REL-002")
def offers_are_no_agreements() -> None:
    """An agreement that an offer has made cannot be named."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.context.named is not None and case.context.named.thread.kind == "offer":
            raise _refused("agreement-not-live", "VRM-REL-001")

    guarded("agreement-live", wrong)


@mutant("VRM-REL-002")
def agreements_of_one_class() -> None:
    """Only agreements of the class SD can be named."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        agreement = case.context.named and case.context.named.thread.facts.get("agreement")
        if agreement and not agreement["id"].startswith("SD-"):
            raise _refused("agreement-not-live", "VRM-REL-001")

    guarded("agreement-live", wrong)


# --- one of them ----------------------------------------------------------------------------------


def _siblings(stay: Any) -> None:
    """Judge by those of the other relationships for which ``stay`` is true."""

    def wrong(right: Any, case: Case) -> None:
        others = [other for other in case.context.siblings if stay(case, other)]
        right(replace(case, context=replace(case.context, siblings=others)))

    guarded("one-per-pair", wrong)


@mutant("VRM-REL-003")
def relationships_by_agreement() -> None:
    """Under another agreement of the two a second relationship may be opened."""
    _siblings(lambda case, other: other.thread.agreement == case.message.agr)


@mutant("VRM-REL-003")
def relationships_beside_resting_ones() -> None:
    """While a relationship rests another one may be opened."""
    _siblings(lambda case, other: other.status.state != "paused")


@mutant("VRM-REL-003")
def relationships_beside_old_ones() -> None:
    """Once a relationship has ended any number of others may be opened."""

    def wrong(right: Any, case: Case) -> None:
        if all(other.status.over_at is None for other in case.context.siblings):
            right(case)

    guarded("one-per-pair", wrong)


def _never_while(*states: str) -> None:
    """No second relationship while one is in these states."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if any(other.status.state in states for other in case.context.siblings):
            raise _refused("already-open", "VRM-REL-003")

    guarded("one-per-pair", wrong)


@mutant("VRM-REL-004")
def one_relationship_ever() -> None:
    """Two parties have one relationship in their lives."""
    _never_while("ended", "attest-overdue", "closed")


@mutant("VRM-REL-004")
def one_relationship_until_it_is_attested() -> None:
    """Another relationship has to wait until the end of the first is attested."""
    _never_while("ended", "attest-overdue")


# --- asking again ---------------------------------------------------------------------------------


@mutant("VRM-REL-005")
def asked_again_after_a_second() -> None:
    """What she has declined may be asked again after a second."""
    loose(guards).ASKED_AGAIN = "PT1S"


@mutant("VRM-REL-005", needs="more than 24 hours")
def asked_again_after_a_day() -> None:
    """What she has declined may be asked again after a day."""
    loose(guards).ASKED_AGAIN = "P1D"


@mutant("VRM-REL-005")
def never_asked_again() -> None:
    """Once she has declined anything she is not invited to anything."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.thread is not None and any(name.startswith("refused:") for name in case.thread.counts):
            raise _refused("asked-again", "VRM-REL-005")

    guarded("not-asked-again", wrong)


@mutant("VRM-REL-005")
def silence_is_declining() -> None:
    """An invitation that she has let pass counts as declined."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.facts.get("invited") == case.message.body["stage"]:
            raise _refused("asked-again", "VRM-REL-005")

    guarded("not-asked-again", wrong)


@mutant("VRM-REL-005")
def declined_until_she_moves() -> None:
    """What she has declined is forgotten when she steps up or down."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, *rest: Any) -> Any:
        if thread is not None and message.type in ("relationship.step", "relationship.retreat"):
            kept = {name: n for name, n in thread.counts.items() if not name.startswith("refused:")}
            thread = replace(thread, counts=kept)
        return right(spec, thread, message, *rest)

    around(threads, "_continue", wrong)


# --- quiet hours ----------------------------------------------------------------------------------


def _zoned(zone: Any) -> None:
    around(preferences, "_zone", lambda right, name: zone(name))


@mutant("VRM-REL-027")
def quiet_hours_in_utc() -> None:
    """Quiet hours are those of UTC, whatever her zone."""
    _zoned(lambda name: UTC)


def _standard(name: str) -> timezone:
    """A zone as it is while no clock has gone ahead."""
    days = [datetime(2026, month, 15, tzinfo=ZoneInfo(name)) for month in (1, 7)]
    return timezone(min(day.utcoffset() or timedelta() for day in days))


@mutant("VRM-REL-027")
def quiet_hours_without_summer_time() -> None:
    """Quiet hours are those of the standard time of her zone."""
    _zoned(_standard)


def _windows(between: Any) -> None:
    """Another understanding of from and to."""
    around(preferences, "_between", lambda right, begin, clock, end: between(right, begin, clock, end))


@mutant("VRM-REL-026")
def quiet_hours_with_their_end() -> None:
    """The minute at which quiet hours end is quiet, too."""
    _windows(lambda right, begin, clock, end: right(begin, clock, end) or clock == end)


@mutant("VRM-REL-026")
def quiet_hours_without_their_beginning() -> None:
    """The minute at which quiet hours begin is not quiet."""
    _windows(lambda right, begin, clock, end: right(begin, clock, end) and (clock != begin or begin == end))


@mutant("VRM-REL-026")
def quiet_hours_of_one_day() -> None:
    """Quiet hours do not go over midnight."""
    _windows(lambda right, begin, clock, end: begin <= clock < end or begin == end)


@mutant("VRM-REL-026")
def quiet_days_are_none() -> None:
    """Where quiet hours begin and end at the same time nothing is quiet."""
    _windows(lambda right, begin, clock, end: begin != end and right(begin, clock, end))


@mutant("VRM-REL-026")
def quiet_hours_in_whole_hours() -> None:
    """The minutes of quiet hours are not looked at."""
    _windows(lambda right, begin, clock, end: right(begin[:2], clock[:2], end[:2]))


@mutant("VRM-REL-006")
def first_quiet_hours_alone() -> None:
    """Of several quiet hours the first count."""

    def wrong(right: Any, said: Any, now: int) -> Any:
        return right({**said, "quiet": said["quiet"][:1]} if "quiet" in said else said, now)

    around(preferences, "quiet", wrong)


@mutant("VRM-REL-027")
def quiet_when_it_was_written() -> None:
    """Quiet hours are judged by the time at which a message was written."""
    guarded("preference-allows", lambda right, case: right(replace(case, now=case.message.iat)))


@mutant("VRM-REL-006")
def quiet_for_her_too() -> None:
    """In her quiet hours she cannot step up either."""

    def wrong(right: Any, case: Case) -> None:
        right(case)
        if case.row.by == "first" and preferences.quiet(case.facts.get("preferences", {}), case.now):
            raise _refused("preference-forbids", "VRM-REL-006")

    guarded("step-allowed", wrong)


# --- rates ----------------------------------------------------------------------------------------


def _rated(change: Any) -> None:
    """A rate in another form than she has said."""

    def wrong(right: Any, said: Any, times: Any, now: int) -> Any:
        return right({**said, "rate": change(said["rate"])} if "rate" in said else said, times, now)

    around(preferences, "often", wrong)


@mutant("VRM-REL-007")
def one_more_than_the_rate() -> None:
    """One invitation more is taken than she wants."""
    _rated(lambda rate: {**rate, "most": rate["most"] + 1})


@mutant("VRM-REL-007")
def one_less_than_the_rate() -> None:
    """One invitation less is taken than she wants."""
    _rated(lambda rate: {**rate, "most": rate["most"] - 1})


@mutant("VRM-REL-007")
def rates_of_none_are_none() -> None:
    """That she wants none is no wish."""
    _rated(lambda rate: rate if rate["most"] else {**rate, "most": 101})


@mutant("VRM-REL-007")
def rates_by_the_month() -> None:
    """Whatever time a rate names, it is counted by the month."""
    _rated(lambda rate: {**rate, "within": "P1M"})


@mutant("VRM-REL-007")
def rates_by_the_second() -> None:
    """Whatever time a rate names, it is counted by the second."""
    _rated(lambda rate: {**rate, "within": "PT1S"})


@mutant("VRM-REL-007")
def rates_from_when_she_said_so() -> None:
    """What was sent before she has named a rate is not counted."""

    def wrong(right: Any, spec: Any, thread: Any, message: Any, *rest: Any) -> Any:
        if thread is not None and message.type == "relationship.prefer":
            thread = replace(thread, counts={n: v for n, v in thread.counts.items() if n != "said"})
        return right(spec, thread, message, *rest)

    around(threads, "_continue", wrong)


# --- the last preferences, as a whole -------------------------------------------------------------


def _preferring(change: Any) -> None:
    """Other preferences are kept than were said; ``change`` gets the old ones and the new ones."""

    def wrong(right: Any, row: Any, message: Any, facts: Any, context: Any) -> Any:
        kept = right(row, message, facts, context)
        if message.type == "relationship.prefer":
            kept["preferences"] = change(facts.get("preferences", {}), kept["preferences"])
        return kept

    around(threads, "_keep", wrong)


@mutant("VRM-REL-008")
def preferences_merged() -> None:
    """What she does not say again stays as she has said it before."""
    _preferring(lambda old, new: {**old, **new})


@mutant("VRM-REL-008")
def first_preferences_stay() -> None:
    """Once she has said preferences they stay."""
    _preferring(lambda old, new: old or new)


@mutant("VRM-REL-008")
def zones_stay() -> None:
    """Her zone is the one that she has named first."""
    _preferring(lambda old, new: {**new, "zone": old.get("zone", new["zone"])})


@mutant("VRM-REL-008")
def hours_of_their_own() -> None:
    """Where she has said nothing one message a day is enough."""

    def wrong(right: Any, case: Case) -> None:
        rate = {"zone": "UTC", "rate": {"most": 1, "within": "P1D"}}
        kept = {"preferences": rate, **case.facts}
        right(replace(case, thread=replace(case.thread, facts=kept)) if case.thread else case)

    guarded("preference-allows", wrong)


# --- the end --------------------------------------------------------------------------------------


@mutant("VRM-REL-010")
def ends_of_the_organisation_sever_nothing() -> None:
    """If the organisation ends a relationship the agreements go on."""
    appended(lambda m: {"severs": m["severs"] and m["sender"] == m["thread"].first})


@mutant("VRM-REL-010")
def severed_by_the_attestation() -> None:
    """The agreements end when the end of the relationship is attested."""
    appended(lambda m: {"severs": m["thread"].kind == "relationship" and m["thread"].state == "closed"})


@mutant("VRM-REL-010")
def agreement_of_the_opening_severed() -> None:
    """With a relationship only the agreement of its opening ends."""

    def wrong(right: Any, self: Loading, reads: Any, thread: Any, now: int) -> Any:
        made = right(self, reads, thread, now)
        others = [reads.thread(thid) for thid in reads.threads_of(*thread.pair)]
        opened = {other.agreement for other in others if other is not None}
        return made if thread.record in opened else replace(made, severed_at=None)

    around(Loading, "_standing", wrong)


@mutant("VRM-REL-010")
def one_class_severed() -> None:
    """With a relationship only agreements of the class SD end."""

    def wrong(right: Any, self: Loading, reads: Any, thread: Any, now: int) -> Any:
        made = right(self, reads, thread, now)
        agreement = thread.facts.get("agreement", {})
        return made if agreement.get("id", "").startswith("SD-") else replace(made, severed_at=None)

    around(Loading, "_standing", wrong)


def _ends() -> list[tuple[str, str, int]]:
    """The ends of relationships, as they come: first and second party, and when."""
    ends: list[tuple[str, str, int]] = []

    def wrong(right: Any, self: Home, batch: Any, arrival: Any, message: Any, step: Any) -> Any:
        if step.row.effect == "sever":
            ends.append((step.thread.first, step.thread.second, step.thread.received))
        return right(self, batch, arrival, message, step)

    around(Home, "_append", wrong)
    return ends


def _severed(which: Any) -> None:
    """Agreements end with relationships for which ``which`` is true, too."""
    ends = _ends()

    def wrong(right: Any, self: Any, thid: str) -> Any:
        made, at = self.thread(thid), right(self, thid)
        if at is None and made is not None and made.record_at is not None:
            at = min((end[2] for end in ends if which(made, end)), default=None)
        return at

    around(LookUps, "severed_at", wrong)


@mutant("VRM-REL-010")
def agreements_of_others_severed() -> None:
    """With a relationship end the agreements that the organisation has with all others."""
    _severed(lambda made, end: made.second == end[1] and made.record_at <= end[2])


@mutant("VRM-REL-011")
def severed_for_ever() -> None:
    """What the two agree after the end of a relationship ends at once."""
    _severed(lambda made, end: made.pair == end[:2])


@mutant("VRM-REL-011")
def severed_by_the_proffer() -> None:
    """What was proffered before the end of a relationship and accepted after it ends at once."""
    _severed(lambda made, end: made.pair == end[:2] and made.opened <= end[2])


def _after_the_end(refuses: Any) -> None:
    """After the end of a relationship the two cannot say what ``refuses`` is true for."""
    ends = _ends()

    def wrong(right: Any, self: Loading, reads: Any, thread: Any, message: Any, now: int) -> Any:
        if thread is not None and refuses(thread, message) and any(thread.pair == e[:2] for e in ends):
            raise _refused("state-conflict", "VRM-THR-005")
        return right(self, reads, thread, message, now)

    around(Loading, "context", wrong)


@mutant("VRM-REL-011")
def offers_severed() -> None:
    """With a relationship end the offers between the two."""
    _after_the_end(lambda thread, message: thread.kind == "offer")


@mutant("VRM-REL-011")
def nothing_agreed_after_the_end() -> None:
    """After the end of a relationship the two cannot agree anything."""
    _after_the_end(lambda thread, message: message.type == "terms.accept")


@mutant("VRM-REL-012")
def relationships_read_after_the_attestation() -> None:
    """After an attestation the organisation reads the relationship as before."""

    around(Home, "erased", lambda right, s, thread: thread.kind != "relationship" and right(s, thread))


@mutant("VRM-REL-012")
def opening_read_after_the_attestation() -> None:
    """After an attestation the organisation still reads the opening of the relationship."""

    def wrong(right: Any, self: Reader, thread: Any, now: int) -> frozenset[str]:
        held: frozenset[str] = right(self, thread, now)
        return held | {thread.thid} if thread.kind == "relationship" else held

    around(Reader, "_held", wrong)


# --- what is erased with it -----------------------------------------------------------------------


@mutant("VRM-REL-016")
def dialogues_read_after_the_attestation() -> None:
    """After an attestation the organisation reads the dialogues as before."""
    around(Home, "erased", lambda right, s, thread: 0 if thread.kind == "dialogue" else right(s, thread))


@mutant("VRM-REL-016")
def erased_whenever_it_came() -> None:
    """What comes after an attestation is a tombstone at once."""
    around(erasing, "_taken_before", lambda right, store, thread, other: thread.seq)


@mutant("VRM-REL-016")
def corrections_end_with_their_data_thread_only() -> None:
    """Only what lies directly below a relationship is erased with it."""

    def wrong(right: Any, self: Home, thread: Any) -> Any:
        return 0 if thread.kind == "correction" else right(self, thread)

    around(Home, "erased", wrong)


@mutant("VRM-REL-017")
def erased_not_told() -> None:
    """The checkpoint does not tell what has been erased."""
    receipts(without("erased"), checkpoints=True)


@mutant("VRM-REL-017")
def erased_told_to_the_person() -> None:
    """The person's checkpoint tells what the organisation has erased, too."""

    def wrong(right: Any, self: Home, thread: Any, reader: str, now: int) -> str:
        return str(right(self, replace(thread, second=reader), reader, now))

    around(Home, "checkpoint", wrong)


@mutant("VRM-REL-018")
def inbox_kept_below_a_relationship() -> None:
    """After an attestation what lies below the relationship stays in the inbox."""
    appended(lambda m: {"erases": m["erases"][:1]})


@mutant("VRM-REL-019")
def person_reads_tombstones_below() -> None:
    """After an attestation the person reads tombstones as well."""

    def wrong(right: Any, self: Reader, thread: Any, erased: int, held: Any, entry: Any) -> Any:
        return right(self, thread, self.home.erased(thread), held, entry)

    around(Reader, "_message", wrong)


@mutant("VRM-BLB-006")
def blobs_below_stay_readable() -> None:
    """After an attestation the organisation reads the blobs of what lies below the relationship."""

    def wrong(right: Any, self: Reader, party: str, thread: Any) -> bool:
        return right(self, party, thread) or (bool(thread.parent) and thread.role(party) == "second")

    around(Reader, "_sees", wrong)
