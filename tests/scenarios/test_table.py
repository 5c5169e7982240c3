"""The table of what the scenarios show, from what they sent and were answered."""

from __future__ import annotations

import pytest

from tests.scenarios import (
    test_consents,
    test_data,
    test_dialogues,
    test_disputes,
    test_feedback,
    test_intent_life,
    test_intent_offers,
    test_ladders,
    test_preferences,
    test_relationships,
)
from tests.scenarios.table import COLUMNS, Cell, printed, shown_by, wanted
from tests.world import SPEC
from vrmproto.spec import Kind, State

STORIES = [*test_intent_life.STORIES, *test_intent_offers.STORIES, *test_feedback.STORIES]
STORIES += [*test_disputes.STORIES, *test_relationships.STORIES, *test_preferences.STORIES]
STORIES += [*test_ladders.STORIES, *test_consents.STORIES, *test_dialogues.STORIES, *test_data.STORIES]

# What nobody else tells: without one of these a cell is empty.
NEEDED = (
    "either_ends_it_from_every_state",
    "with_it_end_the_agreements_of_the_two",
    "she_changes_her_key_on_the_way",
    "preferences_are_said_in_every_state",
    "a_paused_intent_is_amended_all_the_same",
    "an_intent_takes_so_many_offers_and_no_more",
    "every_end_has_its_time_to_purge",
    "she_shows_another_key_once_it_is_confirmed",
    "with_the_agreement_ends_the_consent",
    "a_consent_holds_until_a_day",
    "files_are_named_as_long_as_the_thread_names_them",
    "either_closes_it",
    "what_is_asked_for_is_shared_refused_or_taken_back",
    "data_end_with_agreement_and_relationship",
    "a_correction_is_answered_in_time_or_late",
    "the_operator_removes",
)


def done(state: State) -> bool:
    """Nothing is owed to the person or by her any more."""
    return state.end or state.over


async def test_every_cell_of_the_table_is_full() -> None:
    cells: dict[str, set[Cell]] = {told.name: await shown_by(told) for told in STORIES}
    print(printed(cells))
    shown = set().union(*cells.values())
    assert not wanted() - shown, sorted(wanted() - shown)
    for name in NEEDED:
        others = set().union(*(own for other, own in cells.items() if other != name))
        assert wanted() - others, name


def test_every_story_has_a_name_of_its_own() -> None:
    assert len({told.name for told in STORIES}) == len(STORIES)
    assert {told.name for told in STORIES} >= set(NEEDED)


def test_what_only_moves_other_threads_shows_what_their_moves_show() -> None:
    """Nothing more may be said of an agreement that has been severed: so nothing is taken because of it."""
    cells = wanted()
    for name in ("sever", "cause severed of terms agreed"):
        assert (name, "refuses") in cells
        assert (name, "changes") not in cells
    assert {("retreat", column) for column in COLUMNS} <= cells


STATES = [
    (kind, state.name) for kind in SPEC.kinds.values() for state in kind.states.values() if not done(state)
]


@pytest.mark.parametrize(("kind", "state"), STATES, ids=lambda one: getattr(one, "name", one))
def test_there_is_a_way_out_for_the_person_alone(kind: Kind, state: str) -> None:
    """By one message of hers that no guard, no claim and no order of messages can hold up."""
    hers = [row for (in_, role, _), row in kind.cells.items() if (in_, role) == (state, "first")]
    out = [row.type for row in hers if row.to != "=" and done(kind.states[row.to])]
    free = [r.type for r in hers if r.type in out and not (r.guards or r.needs or r.head)]
    assert free, (kind.name, state, out)


@pytest.mark.parametrize("column", COLUMNS)
def test_cells_that_cannot_be_are_left_out_by_the_tables(column: str) -> None:
    """An end that may always be sent refuses nothing by its mark, and no row is missing altogether."""
    cells = wanted()
    assert ("mark exit of intent.withdraw", "refuses") not in cells
    assert ("guard accepts-left of offer.accept", column) in cells
    # Where a thread has but its opening message, none can be stale.
    assert ("prev of consent.grant", column) not in cells
    assert ("prev of consent.renew", column) in cells
    assert ("prev of offer.accept", column) in cells
    assert len(cells) > 440
