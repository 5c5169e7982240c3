"""The file of known failures: what it may say, what is told when it says something else, what has to go."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from conformance.baseline import Baseline, BaselineError, Known, Stale, apply, read
from conformance.results import Outcome, Verdict

TODAY = date(2026, 7, 1)
GOOD = '''\
# what we know of
[[known]]
requirement = "VRM-HOM-029"
reason = """
our proxy
[[known]]
"""

[[known]]
requirement = "VRM-ID-001"
check = "did.order"
reason = "a bug"
issue = "https://tracker.test/7"
expires = 2026-12-31
'''


def outcome(verdict: Verdict = Verdict.FAIL, check: str = "c", requirement: str = "VRM-HOM-029") -> Outcome:
    return Outcome(requirement, check, verdict)


def entry(check: str = "", expires: date | None = None) -> Known:
    return Known("VRM-HOM-029", "our proxy", check, expires=expires)


def test_a_file_is_read_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "baseline.toml"
    file.write_text(GOOD)
    baseline = read(file, {"VRM-HOM-029", "VRM-ID-001"})
    assert baseline == Baseline(
        str(file),
        (
            Known("VRM-HOM-029", "our proxy\n[[known]]\n", line=2),
            Known("VRM-ID-001", "a bug", "did.order", "https://tracker.test/7", date(2026, 12, 31), line=9),
        ),
    )
    file.write_text("")
    assert read(file).entries == ()


ONE = '[[known]]\nrequirement = "VRM-HOM-029"\n'
WRONG = {
    "no toml": ("[[known]]\nreason = \n", 2, "is not TOML"),
    "ends too early": ('[[known]]\nreason = "', 2, "is not TOML"),
    "no reason": (ONE, 1, "the entry lacks reason"),
    "no requirement": ('\n[[known]]\nreason = "x"\n', 2, "the entry lacks requirement"),
    "empty reason": (ONE + 'reason = " "\n', 3, "reason is to be a text"),
    "reason of another type": (ONE + "reason = 3\n", 3, "reason is to be a text"),
    "no id": ('[[known]]\nreason = "x"\nrequirement = "HOM-29"\n', 3, "'HOM-29' is no requirement"),
    "an id with more behind": (
        '[[known]]\nreason = "x"\nrequirement = "VRM-HOM-0291"\n',
        3,
        "no requirement",
    ),
    "not of the spec": (
        '[[known]]\nrequirement = "VRM-HOM-999"\nreason = "x"\n',
        2,
        "has no requirement VRM-HOM-999",
    ),
    "another member": (ONE + 'reason = "x"\n"until" = 3\n', 4, "until is no member"),
    "a day in quotes": (ONE + 'reason = "x"\nexpires = "2026-01-01"\n', 4, "a day without quotes"),
    "a time": (ONE + 'reason = "x"\nexpires = 2026-01-01T00:00:00Z\n', 4, "a day without quotes"),
    "another table": (GOOD + "\n[other]\nx = 1\n", 16, "other means nothing here"),
    "another value": ("version = 1\n", 1, "version means nothing here"),
    "in line": ('\nknown = [{requirement = "VRM-HOM-029", reason = "x"}]\n', 2, "a table of its own"),
    "one table": ('[known]\nrequirement = "VRM-HOM-029"\nreason = "x"\n', 1, "a table of its own"),
    "twice": (ONE + 'reason = "x"\n' + ONE + 'reason = "y"\n', 4, "the same as the entry of line 1"),
    "second entry": (GOOD + 'check = "x"\n', 15, "is not TOML"),
}


@pytest.mark.parametrize(("text", "line", "message"), WRONG.values(), ids=WRONG)
def test_a_fault_is_told_with_file_and_line(text: str, line: int, message: str, tmp_path: Path) -> None:
    file = tmp_path / "baseline.toml"
    file.write_text(text)
    with pytest.raises(BaselineError) as caught:
        read(file, {"VRM-HOM-029", "VRM-ID-001"})
    told = str(caught.value)
    assert told.startswith(f"{file}:{line}: ")
    assert message in told


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="No such file"):
        read(tmp_path / "none.toml")
    file = tmp_path / "b.toml"
    file.write_bytes(b"# a\n# b\n# \xff\n")
    with pytest.raises(BaselineError, match=r"b\.toml:3: is not UTF-8"):
        read(file)


def test_known_failures_are_set_aside_and_nothing_else() -> None:
    mine, other, fine = outcome(), outcome(check="d"), outcome(Verdict.PASS)
    left, stale = apply([mine, other, fine], Baseline("", (entry("c"),)), TODAY)
    assert (left, stale) == ([other, fine], [])
    left, stale = apply([mine, other, fine], Baseline("", (entry(),)), TODAY)
    assert (left, stale) == ([fine], [])
    assert apply([mine, other, fine], Baseline(), TODAY) == ([mine, other, fine], [])
    assert apply([outcome(requirement="VRM-HOM-028")], Baseline("", (entry(),)), TODAY)[0]


def test_the_entry_that_names_the_check_comes_first() -> None:
    both = Baseline("", (entry(), entry("c")))
    assert both.known(outcome()) == entry("c")
    assert both.known(outcome(check="d")) == entry()
    assert both.known(outcome(Verdict.WARN)) is None


@pytest.mark.parametrize(
    ("known", "outcomes", "why"),
    [
        (entry(), [outcome(Verdict.PASS)], "it no longer fails"),
        (entry(), [outcome(Verdict.WARN)], "it no longer fails"),
        (entry("c"), [outcome(Verdict.PASS), outcome(check="d")], "it no longer fails"),
        (entry("gone"), [outcome(Verdict.PASS)], "no check gone judged the requirement"),
        (entry(), [outcome(Verdict.PASS), outcome(check="d")], ""),
        # what was not judged proves nothing
        (entry(), [], ""),
        (entry(), [outcome(Verdict.NOT_JUDGED)], ""),
        (entry(), [outcome(Verdict.INCONCLUSIVE)], ""),
        (entry(), [outcome(Verdict.PASS), outcome(Verdict.INCONCLUSIVE, "d")], ""),
        (entry("c"), [outcome(Verdict.NOT_JUDGED), outcome(Verdict.PASS, "d")], ""),
        (entry("c"), [outcome(Verdict.PASS), outcome(Verdict.INCONCLUSIVE, "d")], "it no longer fails"),
        # the last day is still good
        (entry(expires=TODAY), [outcome()], ""),
        (entry(expires=date(2026, 6, 30)), [outcome()], "its last day was 2026-06-30"),
        (entry(expires=date(2026, 6, 30)), [], "its last day was 2026-06-30"),
    ],
)
def test_what_has_to_go(known: Known, outcomes: list[Outcome], why: str) -> None:
    _, stale = apply(outcomes, Baseline("", (known,)), TODAY)
    assert stale == ([Stale(known, why)] if why else [])
