"""The table of what the scenarios show, from what they sent and were answered."""

from __future__ import annotations

import pytest

from tests.scenarios import test_disputes, test_feedback, test_intent_life, test_intent_offers
from tests.scenarios.table import COLUMNS, Cell, printed, shown_by, wanted

STORIES = [*test_intent_life.STORIES, *test_intent_offers.STORIES, *test_feedback.STORIES]
STORIES += test_disputes.STORIES

# What nobody else tells: without one of these a cell is empty.
NEEDED = (
    "a_paused_intent_is_amended_all_the_same",
    "an_intent_takes_so_many_offers_and_no_more",
    "every_end_has_its_time_to_purge",
    "she_shows_another_key_once_it_is_confirmed",
    "the_operator_removes",
)


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


@pytest.mark.parametrize("column", COLUMNS)
def test_cells_that_cannot_be_are_left_out_by_the_tables(column: str) -> None:
    """An end that may always be sent refuses nothing by its mark, and no row is missing altogether."""
    cells = wanted()
    assert ("mark exit of intent.withdraw", "refuses") not in cells
    assert ("guard accepts-left of offer.accept", column) in cells
    assert len(cells) > 150
