"""Broken homes of the chapter intents.md; what the tables say of intents is broken in edited folders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from tests.broken.tools import around, guarded, judged, lenient, loose, mutant, simple
from vrmproto import places, threads
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.model import Thread

simple(
    "versions-not-counted",
    "VRM-INT-007",
    "An amendment may have any version.",
    lenient("version-current", "VRM-INT-007"),
)


@mutant("VRM-INT-001")
def intents_to_anybody() -> None:
    """An intent may be published towards a party, and a proffer made to a board."""
    loose(threads).is_board = lambda aud: mock.ANY


@mutant("VRM-INT-001")
def any_board_will_do() -> None:
    """An intent may name a board that the home does not have."""

    def wrong(right: Any, self: Home, reads: Any, party: str) -> bool:
        return "/v1/boards/" in party or right(self, reads, party)

    around(Home, "_is_known", wrong)


@mutant("VRM-INT-003")
def budget_asked_for() -> None:
    """An intent that tells no budget is refused."""

    def wrong(right: Any, o: Any) -> None:
        right(o)
        if o.text("type") == "intent.publish" and "budget" not in o.claims["body"]:
            raise ProtocolError("body-invalid", "a budget is needed", rule="VRM-ENV-035")

    judged("VRM-ENV-035", wrong)


@mutant("VRM-INT-007")
def versions_may_be_skipped() -> None:
    """The version of an amendment need only be larger."""

    def wrong(right: Any, case: Any) -> None:
        named = case.message.body["version"]
        if case.context.parent is not None or named <= case.facts.get("version", 0):
            right(case)

    guarded("version-current", wrong)


@mutant("VRM-INT-007")
def version_of_before() -> None:
    """An amendment may repeat the version in force."""
    again = lenient(
        "version-current",
        "VRM-INT-007",
        lambda case: case.message.body["version"] == case.facts.get("version"),
    )
    again()


@mutant("VRM-INT-009")
def amendment_makes_offers_stale() -> None:
    """An offer that was made before an amendment cannot be accepted after it."""

    def wrong(right: Any, case: Any) -> None:
        right(case)
        parent = case.context.parent.thread
        if parent.facts.get("version") != case.facts.get("version"):
            raise ProtocolError("intent-stale", "the intent was amended", rule="VRM-OFR-003")

    guarded("takes-current", wrong)


@mutant("VRM-INT-009")
def amendment_lapses_offers() -> None:
    """An amendment makes the offers lapse that were made before it."""

    def wrong(right: Any, thread: Thread, parent: Thread) -> Any:
        amended = parent.facts.get("present") != parent.thid
        stale = amended and thread.facts.get("version") != parent.facts.get("version")
        return thread.received if stale else right(thread, parent)

    around(places, "filled_at", wrong)


@mutant("VRM-INT-010")
def paused_intents_lapse_offers() -> None:
    """A pause counts as the end of an intent for its offers."""

    def wrong(right: Any, state: Any, since: int, deadline: Any, thread: Any, context: Any, now: int) -> Any:
        parent = context.parent
        if parent is not None and parent.status.state == "paused" and "orphaned" in state.moves:
            return since, "orphaned"
        return right(state, since, deadline, thread, context, now)

    around(threads, "_next_move", wrong)


@mutant("VRM-INT-010")
def expired_intents_go_on() -> None:
    """Only an end by a message makes the offers of an intent lapse, not its until."""

    def wrong(right: Any, state: Any, since: int, deadline: Any, thread: Any, context: Any, now: int) -> Any:
        if context.parent is not None and context.parent.status.state == "expired":
            ended = replace(context.parent, status=replace(context.parent.status, over_at=None))
            context = replace(context, parent=ended)
        return right(state, since, deadline, thread, context, now)

    around(threads, "_next_move", wrong)


@mutant("VRM-INT-011")
def amendments_fill_nothing() -> None:
    """An amendment to fewer places than are filled does not make the other offers lapse."""
    places.refilled = lambda thread, facts, context, now: thread.filled


@mutant("VRM-INT-011")
def filled_by_an_acceptance() -> None:
    """The other offers lapse as soon as one is accepted, before it is confirmed."""

    def wrong(right: Any, parent: Any, before: str, place: str, context: Any, now: int) -> Any:
        held = "filled" if place == "held" else place
        return right(parent, before, held, context, now)

    around(places, "filled_below", wrong)


@mutant("VRM-INT-012")
def lapsed_offers_revive() -> None:
    """An offer that lapsed with the last place is open again once a place is free."""

    def wrong(right: Any, parent: Any, before: str, place: str, context: Any, now: int) -> Any:
        if before == "filled" and place == "":
            return replace(parent, filled=())
        return right(parent, before, place, context, now)

    around(places, "filled_below", wrong)


@mutant("VRM-INT-013")
def purged_vendors_told() -> None:
    """Vendors that have purged are told of an intent as before."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        if step.thread.board and step.prior is not None:
            return tuple(dict.fromkeys(offer.second for offer in reads.below(step.thread.thid)))
        return right(self, reads, step)

    around(Home, "_addressees", wrong)


@mutant("VRM-INT-013")
def first_vendor_told() -> None:
    """Only the vendor of the first offer is told of an intent."""
    around(Home, "_addressees", lambda right, *args: right(*args)[:1])


@mutant("VRM-INT-013")
def vendors_not_told() -> None:
    """Vendors with an offer are not told what becomes of the intent."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        return () if step.thread.board else right(self, reads, step)

    around(Home, "_addressees", wrong)


@mutant("VRM-INT-013")
def open_offers_told() -> None:
    """Only vendors whose offer is still open are told of an intent."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        told, below = right(self, reads, step), reads.below(step.thread.thid)
        if not step.thread.board:
            return told
        return tuple(v for v in told if any(t.second == v and t.state == "offered" for t in below))

    around(Home, "_addressees", wrong)
