"""Broken homes of the chapter offers.md."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from tests.broken.tools import (
    appended,
    around,
    forgotten,
    guarded,
    lenient,
    loose,
    missing_guard,
    mutant,
    overlooked,
    result,
    simple,
    succeeded,
    told,
)
from vrmproto import envelope, guards, places, proofs, records, threads
from vrmproto.home import Home
from vrmproto.reading import Reader
from vrmproto.storage import rows


def _paused(case: guards.Case) -> bool:
    return case.context.parent is not None and case.context.parent.status.state == "paused"


def _any_purpose(case: guards.Case) -> bool:
    fields = {d["field"] for d in case.facts.get("disclose", ())}
    return fields.issuperset(case.message.body["about"]["fields"])


for _name, _rule, _summary, _override in (
    (
        "offers-on-closed-intents",
        "VRM-OFR-001",
        "Offers are taken on an intent that has ended.",
        lenient("intent-open", "VRM-OFR-001"),
    ),
    (
        "offers-on-paused-intents",
        "VRM-OFR-001",
        "Offers are taken on an intent that is paused.",
        lenient("intent-open", "VRM-OFR-001", _paused),
    ),
    (
        "offers-on-full-intents",
        "VRM-OFR-002",
        "Offers are taken on an intent whose places are all filled.",
        lenient("intent-open", "VRM-OFR-002"),
    ),
    (
        "offers-of-any-version",
        "VRM-OFR-003",
        "An offer may answer a version that is no longer in force.",
        lenient("version-current", "VRM-OFR-003"),
    ),
    (
        "offers-accept-anything",
        "VRM-OFR-004",
        "accepts of an offer need not name the intent.",
        lenient("accepts-offered-terms", "VRM-OFR-004"),
    ),
    (
        "offers-under-other-terms",
        "VRM-OFR-005",
        "An offer may be made under an agreement that the intent does not list.",
        lenient("accepts-offered-terms", "VRM-OFR-005"),
    ),
    (
        "offers-without-end",
        "VRM-OFR-006",
        "An intent takes any number of offers.",
        lenient("offer-rules", "VRM-OFR-006"),
    ),
    (
        "one-vendor-many-offers",
        "VRM-OFR-007",
        "A vendor may make any number of offers.",
        lenient("offer-rules", "VRM-OFR-007"),
    ),
    (
        "currencies-not-looked-at",
        "VRM-OFR-008",
        "An offer may be in a currency that the intent does not list.",
        lenient("offer-rules", "VRM-OFR-008"),
    ),
    (
        "prices-in-another-currency",
        "VRM-OFR-009",
        "Prices need not be in the currency of the total.",
        lenient("offer-rules", "VRM-OFR-009"),
    ),
    (
        "unverified-vendors",
        "VRM-OFR-010",
        "A vendor without a domain may offer, whatever the intent says.",
        lenient("offer-rules", "VRM-OFR-010"),
    ),
    (
        "old-offers-accepted",
        "VRM-OFR-011",
        "takes need not name the offer as it stands.",
        missing_guard("takes-current"),
    ),
    (
        "places-not-counted",
        "VRM-OFR-012",
        "Any number of offers may be accepted.",
        missing_guard("accepts-left"),
    ),
    (
        "any-field-disclosed",
        "VRM-OFR-017",
        "Fields may be disclosed that the intent does not list.",
        missing_guard("fields-listed"),
    ),
    (
        "fields-of-another-purpose",
        "VRM-OFR-017",
        "A field may be disclosed for another purpose than the listed one.",
        lenient("fields-listed", "VRM-OFR-017", _any_purpose),
    ),
    (
        "content-not-compared",
        "VRM-OFR-018",
        "The content of a disclosure need not be what it says.",
        overlooked("VRM-OFR-018"),
    ),
    (
        "introduction-without-proof",
        "VRM-OFR-020",
        "An introduction needs no proof by the identifier that it brings.",
        missing_guard("introduce-proof"),
    ),
):
    simple(_name, _rule, _summary, _override)


@mutant("VRM-OFR-002")
def one_place_too_many() -> None:
    """An intent takes offers until one more is confirmed than it accepts."""

    def wrong(right: Any, case: guards.Case) -> None:
        right(replace(case, context=replace(case.context, filled=case.context.filled - 1)))

    guarded("intent-open", wrong)


def _offset(counter: str, by: int) -> None:
    """Offers counted wrongly."""

    def wrong(right: Any, case: guards.Case) -> None:
        parent = case.context.parent
        if parent is not None:
            fewer = {k: n + by if k.startswith(counter) else n for k, n in parent.thread.counts.items()}
            parent = replace(parent, thread=replace(parent.thread, counts=fewer))
        right(replace(case, context=replace(case.context, parent=parent)))

    guarded("offer-rules", wrong)


@mutant("VRM-OFR-006")
def one_offer_too_many() -> None:
    """An intent takes one offer more than it says."""
    _offset("offers", -1)


@mutant("VRM-OFR-007")
def one_offer_of_a_vendor_too_many() -> None:
    """A vendor may make one offer more than the intent says."""
    _offset("offers:", -1)


@mutant("VRM-OFR-007")
def withdrawn_offers_forgotten() -> None:
    """A vendor that withdraws an offer may make another in its place."""

    def wrong(right: Any, self: Home, batch: Any, arrival: Any, message: Any, step: Any) -> Any:
        if message.type == "offer.withdraw":
            batch.write()
            parent, vendor = batch.tx.thread(step.thread.parent), step.thread.second
            fewer = {key: n - 1 if vendor in key else n for key, n in parent.counts.items()}
            step = replace(step, parent=replace(parent, counts=fewer))
        return right(self, batch, arrival, message, step)

    around(Home, "_append", wrong)


@mutant("VRM-OFR-008")
def total_only_in_a_currency() -> None:
    """Only the total of an offer has to be in a currency of the intent."""
    around(guards, "_check_currencies", lambda right, body, rules: right({**body, "items": []}, rules))


@mutant("VRM-OFR-011")
def confirmation_of_anything() -> None:
    """takes of a confirmation is not looked at."""

    def wrong(right: Any, case: guards.Case) -> None:
        if case.message.type != "offer.confirm":
            right(case)

    guarded("takes-current", wrong)


@mutant("VRM-OFR-012")
def races_have_two_winners() -> None:
    """Two offers that are accepted in the same second get the same place."""
    last: dict[str, int] = {}

    def wrong(right: Any, case: guards.Case) -> None:
        intent = case.context.parent.thread.thid if case.context.parent else ""
        if last.get(intent) != case.now:
            right(case)
        last[intent] = case.now

    guarded("accepts-left", wrong)


@mutant("VRM-OFR-012")
def held_places_not_counted() -> None:
    """Only confirmed offers count as long as others are accepted."""

    def wrong(right: Any, case: guards.Case) -> None:
        right(replace(case, context=replace(case.context, held=0)))

    guarded("accepts-left", wrong)


@mutant("VRM-OFR-013")
def places_never_freed() -> None:
    """An accepted offer that lapses or is cancelled keeps its place."""
    around(
        places,
        "after",
        lambda right, place, entered: place if entered.place == "free" else right(place, entered),
    )


@mutant("VRM-OFR-013")
def lapsed_places_kept() -> None:
    """An accepted offer that is not confirmed in time keeps its place."""

    def wrong(right: Any, place: str, entered: Any) -> Any:
        return place if entered.name == "lapsed" else right(place, entered)

    around(places, "after", wrong)


@mutant("VRM-OFR-020")
def introduction_proved_long_ago() -> None:
    """The proof of an introduction may be a month old."""
    around(
        proofs,
        "introduces",
        lambda right, spec, m, second, at: any(right(spec, m, second, t) for t in past(at)),
    )

    def past(at: int) -> Any:
        return range(at, at - 30 * 86400, -43200)


@mutant("VRM-OFR-020")
def introduction_of_a_party() -> None:
    """An introduction may bring an identifier that is a party already."""

    def wrong(right: Any, case: guards.Case) -> None:
        if case.thread is None or case.message.body["id"] not in case.thread.pair:
            right(case)

    guarded("introduce-proof", wrong)


@mutant("VRM-OFR-020")
def introduction_by_another_thread() -> None:
    """The proof of an introduction may name any thread."""

    def wrong(right: Any, spec: Any, message: Any, named: Any, at: int) -> Any:
        return right(spec, message, {n: v for n, v in named.items() if n != "thid"}, at)

    around(proofs, "_proves", wrong)


@mutant("VRM-OFR-021")
def introduction_everywhere() -> None:
    """An introduction rebinds every thread of the pair."""
    appended(lambda m: {"replaces": m.get("rebinds") or m.get("replaces", ""), "rebinds": ""})


@mutant("VRM-OFR-021")
def introduction_leaves_the_inbox() -> None:
    """What was not acknowledged stays in the inbox of the one-time identifier."""
    loose(rows)._REBIND = tuple(s for s in rows._REBIND if "inbox" not in s)


@mutant("VRM-OFR-022")
def one_time_key_still_taken() -> None:
    """The one-time identifier may go on in a thread that it has left."""
    succeeded("introduce", "iss")


@mutant("VRM-OFR-022")
def one_time_key_is_told() -> None:
    """The one-time identifier is told that it may not do this any more."""
    told("introduce", "another key was introduced")


@mutant("VRM-OFR-023")
def one_time_addressee_still_taken() -> None:
    """A message to the one-time identifier is delivered to its successor."""
    succeeded("introduce", "aud")


@mutant("VRM-OFR-023")
def one_time_addressee_forgotten() -> None:
    """The one-time identifier is no addressee known here any more."""
    forgotten("introduce")


@mutant("VRM-OFR-024")
def purges_owed_from_now() -> None:
    """purge_within counts from the look at an offer that has lapsed."""

    def wrong_settle(right: Any, kind: Any, thread: Any, context: Any, now: int) -> Any:
        clock[0] = now
        return right(kind, thread, context, now)

    clock = [0]
    around(threads, "settle", wrong_settle)
    around(threads, "own_deadline", lambda right, state, at, facts: right(state, max(at, clock[0]), facts))


@mutant("VRM-OFR-024")
def purges_never_overdue() -> None:
    """A vendor that does not attest is never late."""
    around(threads, "own_deadline", lambda right, state, entered, facts: None)


@mutant("VRM-OFR-025")
def vendor_reads_on() -> None:
    """After a purge the vendor reads the messages as before."""
    around(Home, "erased", lambda right, self, thread: 0)


@mutant("VRM-OFR-025")
def record_message_erased() -> None:
    """After a purge the message of the record is a tombstone too."""

    def wrong(right: Any, self: Reader, thread: Any, party: str, held: Any, entry: Any) -> Any:
        return right(self, replace(thread, record=None), party, held, entry)

    around(Reader, "_message", wrong)


@mutant("VRM-OFR-025")
def tombstones_left_out() -> None:
    """After a purge the vendor does not see that there were messages."""
    result(Reader, "thread", lambda d: {**d, "messages": [m for m in d["messages"] if "token" in m]})


@mutant("VRM-OFR-025")
def tombstones_with_tokens() -> None:
    """A tombstone has its token still."""

    def wrong(right: Any, self: Reader, thread: Any, erased: int, held: Any, entry: Any) -> Any:
        return {**right(self, thread, erased, held, entry), "token": entry.token}

    around(Reader, "_message", wrong)


@mutant("VRM-OFR-026")
def inbox_kept_after_a_purge() -> None:
    """After a purge the messages stay in the vendor's inbox."""
    appended(lambda m: {"erases": ()})


@mutant("VRM-OFR-027")
def person_reads_tombstones() -> None:
    """After a purge the person reads tombstones as well."""

    def wrong(right: Any, self: Reader, thread: Any, erased: int, held: Any, entry: Any) -> Any:
        return right(self, thread, self.home.erased(thread), held, entry)

    around(Reader, "_message", wrong)


@mutant("VRM-OFR-027")
def record_purged() -> None:
    """After a purge the record is gone for the vendor."""

    def wrong(right: Any, self: Reader, party: str, record: str, now: int) -> Any:
        thread = self.home.store.thread(self.home.store.record_thread(record) or "")
        gone = thread is not None and self.home.erased(thread) and thread.role(party) == "second"
        return right(self, party, "A" * 43 if gone else record, now)

    around(Reader, "record", wrong)


@mutant("VRM-OFR-030")
def record_without_the_intent() -> None:
    """The record of an offer begins with the offer."""
    result(Reader, "record", lambda r: {**r, "messages": r["messages"][1:]} if "pthid" in said(r) else r)

    def said(record: Any) -> Any:
        return envelope.peek(record["messages"][1]["token"])[1]


@mutant("VRM-OFR-030")
def record_of_the_last_amendment() -> None:
    """The record of an offer holds what the intent said last, and not what was published."""

    def wrong(right: Any, self: Reader, thread: Any) -> Any:
        intent = self.home.store.thread(thread.parent)
        last = intent and self.home.store.messages(intent.thid, intent.seq, 1)
        return [*(last or ()), *right(self, thread)[1:]]

    around(Reader, "_offer_proof", wrong)


@mutant("VRM-OFR-030")
def record_without_introductions() -> None:
    """The record of an offer does not tell by which message the person went on under another key."""
    result(Reader, "_offer_proof", lambda entries: entries[:2])


@mutant("VRM-OFR-030")
def record_without_the_rotation_before() -> None:
    """The record of an offer lacks the rotation that may have committed the key of the next one."""

    def wrong(right: Any, self: Reader, thread: Any) -> Any:
        held = right(self, thread)
        return [*held[:3], *(e for before, e in pairwise(held[2:]) if e.position > before.position)]

    around(Reader, "_offer_proof", wrong)


@mutant("VRM-OFR-030")
def record_without_rotations_of_gone_threads() -> None:
    """The record of an offer lacks a rotation whose thread has another first party by now."""

    def wrong(right: Any, self: Reader, names: Any, second: str) -> Any:
        store = self.home.store
        threads = {thid for name in names for thid in store.threads_of(name, second)}
        return [e for e in right(self, names, second) if envelope.peek(e.token)[1]["thid"] in threads]

    around(Reader, "_rotations", wrong)


@mutant("VRM-OFR-030")
def record_with_a_rotation_twice() -> None:
    """After a second introduction of an identifier the record tells once more how it came about."""

    def wrong(right: Any, self: Reader, thread: Any) -> Any:
        held, told = right(self, thread), []
        types = [envelope.peek(entry.token)[1]["type"] for entry in held]
        for n, entry in enumerate(held):
            told.append(entry)
            if types[n : n + 2] == ["agent.introduce", "agent.rotate"] and "agent.rotate" in types[:n]:
                told.append(held[n - 1 - types[:n][::-1].index("agent.rotate")])
        return told

    around(Reader, "_offer_proof", wrong)


@mutant("VRM-OFR-031")
def board_as_a_party() -> None:
    """second of the record of an offer is the board."""

    def wrong(right: Any, **named: Any) -> Any:
        made = right(**named)
        aud = envelope.peek(named["messages"][0][0])[1]["aud"]
        return {**made, "second": aud} if named["thread"].parent else made

    around(records, "build", wrong)


@mutant("VRM-OFR-031")
def offer_parties_swapped() -> None:
    """first of the record of an offer is the vendor, who signed it first."""

    def wrong(right: Any, **named: Any) -> Any:
        made = right(**named)
        swapped = {"first": made["second"], "second": made["first"]}
        return {**made, **swapped} if named["thread"].parent else made

    around(records, "build", wrong)
