"""Broken homes that tell in a view of what was refused, preferred and sent in another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.broken.tools import around, mutant, result
from vrmproto.reading import Reader
from vrmproto.standing import Standing
from vrmproto.storage import lists
from vrmproto.storage.coding import pack


@mutant("VRM-LED-005")
def refusals_until_it_is_taken() -> None:
    """What was refused is not listed any more once it was taken."""

    def wrong(right: Any, self: Reader, thread: Any) -> Any:
        found, store = right(self, thread), self.home.store
        listed = [one for one in found["refused"] if store.message(one["mid"], one["mid"]) is None]
        return {**found, "refused": listed}

    around(Reader, "_refused", wrong)


@mutant("VRM-LED-006")
def refusals_by_the_last_code() -> None:
    """A message that comes again is listed as it was refused the last time."""

    def wrong(right: Any, db: Any, thread: int, refusal: Any) -> None:
        db.execute("DELETE FROM refusals WHERE thread = ? AND mid = ?", (thread, pack(refusal.mid)))
        right(db, thread, refusal)

    around(lists, "add_refusal", wrong)


@mutant("VRM-LED-006")
def refusals_at_the_last_time() -> None:
    """A message that comes again is listed with the time at which it came last."""

    def wrong(right: Any, db: Any, thread: int, refusal: Any) -> None:
        again = "UPDATE refusals SET at = ? WHERE thread = ? AND mid = ?"
        db.execute(again, (refusal.at, thread, pack(refusal.mid)))
        right(db, thread, refusal)

    around(lists, "add_refusal", wrong)


@mutant("VRM-LED-007")
def refusals_in_their_order() -> None:
    """What was refused is listed with the first refusal first."""
    result(Reader, "_refused", lambda found: {**found, "refused": found["refused"][::-1]})


def _viewed(change: Callable[[Any], Any]) -> None:
    result(Standing, "view", change)


@mutant("VRM-STD-012")
def views_of_preferences_while_it_stands() -> None:
    """The view does not show what she prefers while the relationship rests."""
    _viewed(lambda view: {n: v for n, v in view.items() if n != "preferences" or view["state"] != "paused"})


@mutant("VRM-STD-012")
def views_with_preferences_of_their_own() -> None:
    """Where she has said nothing the view shows preferences in UTC."""
    _viewed(lambda view: {"preferences": {"zone": "UTC"}, **view})


def _data(change: Callable[[list[Any]], list[Any]]) -> None:
    _viewed(lambda view: {**view, "data": change(view["data"])})


@mutant("VRM-STD-013")
def views_of_data_since_now() -> None:
    """The view says that all messages of a thread of data were sent when the last one was."""
    _data(
        lambda found: [
            {**one, "at": max(o["at"] for o in found if o["thid"] == one["thid"])} for one in found
        ]
    )


@mutant("VRM-STD-013")
def views_of_corrections_a_second_early() -> None:
    """The view says that corrections were submitted a second before the home took them."""
    _viewed(lambda v: {**v, "corrections": [{**one, "at": one["at"] - 1} for one in v["corrections"]]})


@mutant("VRM-STD-014")
def views_of_the_newest_first() -> None:
    """The view lists the newest message of a thread of data first."""
    _data(lambda found: found[::-1])
