"""Of damage at a random place, of a random kind, the check finds nine in ten and more."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.spec_copies import bytes_of, small
from tests.spec_damage import KINDS, Copy, damage
from vrmproto.editor.check import check, report


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(small(tmp_path_factory.mktemp("damaged") / "spec"))


def missed(copy: Copy, seeds: range) -> tuple[list[str], Counter[str]]:
    """The damages that are not found, and how many there were of each kind."""
    escaped, kinds = [], Counter[str]()
    for seed in seeds:
        kind, path = damage(copy, seed)
        kinds[kind] += 1
        if not check(copy.root):
            escaped.append(f"{seed}: {kind} in {path}")
        copy.restore()
    return escaped, kinds


def test_nine_of_ten_are_found(copy: Copy) -> None:
    before = bytes_of(copy.root)
    found = check(copy.root)
    assert not found, report(found)
    escaped, kinds = missed(copy, range(10))
    assert len(escaped) <= 1, escaped
    assert len(kinds) > 5
    assert bytes_of(copy.root) == before, "the copy is as it was, so that each damage stood alone"
    assert not check(copy.root)


def test_damage_is_done_and_is_the_same_again(copy: Copy) -> None:
    before = bytes_of(copy.root)
    done = []
    for seed in (3, 3, 4):
        kind, path = damage(copy, seed)
        after = bytes_of(copy.root)
        done.append((kind, path, {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}))
        assert path in done[-1][2]
        copy.restore()
    assert done[0] == done[1] != done[2]


@pytest.mark.long
def test_nine_of_ten_of_many_are_found(copy: Copy) -> None:
    escaped, kinds = missed(copy, range(1000, 1200))
    assert len(escaped) <= 20, escaped
    assert set(kinds) == set(KINDS)
