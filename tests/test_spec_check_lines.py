"""A seeded fault is found once, with its code, its file and its line, and nothing else is.

The line is that of a text in the seeded file, which the test looks up itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.spec_copies import VECTORS, bytes_of, small
from vrmproto.editor.check import Finding, check, report

THREADS, ERRORS, ENDPOINTS, LADDER = "threads.json", "errors.json", "endpoints.json", "ladder.json"
PROFFER, ACCEPT, REJECT = (f"messages/terms.{verb}.json" for verb in ("proffer", "accept", "reject"))
HOME, TERMS, STEPS = "protocol/home.md", "protocol/terms.md", "implementing.md"
REFUSAL, TAKEN, SECOND = (f"vectors/{name}/expect.json" for name in VECTORS)
GENERATED = "roster/SD-BASE/1.0/plain.de.md"
EXCLUSIONS = "requirements/exclusions.json"
BAD = "messages/invalid/offer.accept.json"
WITHDRAW = '{"in": ["proffered", "countered"], "by": "first", "type": "terms.withdraw", "to": "withdrawn"'
REJECTION = '{"in": ["proffered"], "by": "second", "type": "terms.reject", "to": "rejected"'
ALTERNATIVE = '"type": "terms.alternative", "to": "countered", "prev": "head", "guards": ["roster-member", '


class Seed(NamedTuple):
    """A text put in the place of another in a file, and what is found: a code, and where.

    ``at`` stands once in the seeded file, by default ``new`` does; the finding is ``down`` lines further.
    """

    code: str
    path: str
    old: str
    new: str
    at: str = ""
    down: int = 0
    file: str = ""


def row(changed: str) -> tuple[str, str, str]:
    return THREADS, REJECTION, REJECTION + changed


SEEDS: dict[str, Seed] = {
    "a comma too many": Seed("json-invalid", REJECT, '"title": "', '"title":, "'),
    "a name twice": Seed(
        "json-duplicate", ACCEPT, '"x-ext": false', '"x-ext": false,\n  "x-ext" : false', '"x-ext" :'
    ),
    "a keyword that is refused": Seed(
        "keyword-refused", ACCEPT, '"required": [', '"deprecated": true,\n  "required": ['
    ),
    "a status that is none": Seed("meta-invalid", ERRORS, '"status": 413', '"status": 913'),
    "a word of no table": Seed("meta-invalid", *row(', "until": "/ends"')),
    "an id of another file": Seed(
        "id-mismatch", ACCEPT, "1.0/messages/terms.accept.json", "1.0/messages/terms.agree.json"
    ),
    "an open pattern": Seed("pattern-open", "shared/version.json", r"(?!\\n)$", "$", at='$",'),
    "a class of one engine": Seed("pattern-dialect", "shared/version.json", "[0-9]{1,4}", r"\\d{1,4}"),
    "a group without an end": Seed("pattern-invalid", "shared/lang.json", "^[a-z]", "^([a-z]"),
    "a dead reference": Seed("ref-unresolved", ACCEPT, "shared/place.json", "shared/spot.json"),
    "a title that is not written": Seed("unfinished", REJECT, '"title": "', '"title": "TODO '),
    "a description of a member, not written": Seed(
        "unfinished", ACCEPT, '"description": "The language', '"description": "TODO: the language'
    ),
    "a bad example": Seed("example-invalid", ACCEPT, '"lang": "en"', '"lang": "en_GB"'),
    "a digest of no agreement": Seed("digest-mismatch", ACCEPT, '"digest": "SNK1', '"digest": "SNK2'),
    "a bad example that is good": Seed(
        "counterexample-valid", BAD, "2026-02-30", "2026-02-28", '"confirm_by": "2026-02-28', down=-2
    ),
    "a bad example of another place": Seed(
        "counterexample-reason", BAD, '"pointer": "/takes"', '"pointer": "/took"'
    ),
    "a bad example of another keyword": Seed(
        "counterexample-reason", BAD, '"keyword": "pattern"', '"keyword": "type"'
    ),
    "a bad example without a reason": Seed("meta-invalid", BAD, '"keyword": "pattern"', '"keyword": "items"'),
    "a state that is none": Seed(
        "state-unknown", THREADS, REJECTION, REJECTION.replace("rejected", "refused"), down=0
    ),
    "a guard that is not listed": Seed(
        "vocabulary", *row(', "guards": ["moon-full"]'), at=' "guards": ["person-opens", "deadline-ahead", '
    ),
    "a guard that is not used": Seed(
        "unused",
        THREADS,
        '"alternative-differs", "deadline-ahead"]',
        '"deadline-ahead"]',
        at=' "guards": ["person-opens", "deadline-ahead", ',
    ),
    "a step after an end": Seed("after-end", THREADS, REJECTION, REJECTION.replace('"]', '", "withdrawn"]')),
    "an exit with a bind": Seed("exit", THREADS, WITHDRAW, WITHDRAW + ', "marks": ["exit"], "prev": "head"'),
    "a duty of hers": Seed("duty", THREADS, WITHDRAW, WITHDRAW + ', "marks": ["duty"]'),
    "a pointer past the body": Seed("pointer-unknown", *row(', "keep": {"why": "/cause"}')),
    "a fact that no row keeps": Seed(
        "fact-unknown", THREADS, '"deadline": "ends", "record"', '"deadline": "until", "record"'
    ),
    "two rows for one cell": Seed(
        "not-deterministic", THREADS, REJECTION, f"{REJECTION}}},\n    {REJECTION} ", 'rejected" '
    ),
    "an alternative without an end": Seed(
        "deadline-ahead",
        THREADS,
        ALTERNATIVE + '"alternative-differs", "deadline-ahead"',
        ALTERNATIVE + '"alternative-differs"',
    ),
    "an unreachable state": Seed(
        "unreachable",
        THREADS,
        '"rejected": {"end": true},\n    "withdrawn"',
        '"rejected": {"end": true},\n    "lost": {"end": true},\n    "withdrawn"',
        '"lost"',
    ),
    "a rest above nothing": Seed("cause", THREADS, '"muted": {"', '"muted": {"rests": true, "'),
    "a counter in no parent": Seed("cause", *row(', "count": {"parent": ["said@P1M"]}')),
    "a counted code of no guard": Seed(
        "code-counted",
        ERRORS,
        '"status": 413, "retryable": false',
        '"status": 413, "retryable": false, "counted": true',
    ),
    "a code by nobody": Seed("code-cause", ERRORS, '"by": ["size"]', '"by": ["weight"]'),
    "an endpoint under none": Seed("endpoint-under", ENDPOINTS, '"under": "roster"', '"under": "rooster"'),
    "an endpoint with a code that is none": Seed("code-unknown", ENDPOINTS, '"inbox-full"', '"inbox-fool"'),
    "a rung with another type": Seed("ladder", LADDER, '"types": ["', '"types": ["relationship.end", "'),
    "a changed text": Seed(
        "generated-drift",
        "roster/SD-BASE/1.0/plain.en.md",
        "must",
        "may",
        file="roster/SD-BASE/1.0/plain.en.md",
    ),
    "a vector with another status": Seed("status-mismatch", REFUSAL, '"status": 422', '"status": 409'),
    "a vector of another requirement": Seed("vector-disagrees", REFUSAL, "VRM-TRM-005", "VRM-ENV-001"),
    "a vector of no requirement": Seed("requirement-unknown", REFUSAL, "VRM-TRM-005", "VRM-TRM-905"),
    "a vector with another id": Seed("vector-disagrees", TAKEN, '"mid": "7', '"mid": "8'),
    "a vector without a file": Seed("vector-files", TAKEN, '"file": "2.jwt"', '"file": "9.jwt"'),
    "a vector that is taken with a code": Seed(
        "vector-disagrees", REFUSAL, '"accept": false', '"accept": true'
    ),
    "a profile of no page": Seed("profile-unknown", REJECT, '"x-profile": "terms"', '"x-profile": "term"'),
    "a required member that there is not": Seed(
        "required-unknown", REJECT, '"required": []', '"required": ["why"]'
    ),
    "a view of nothing in the body": Seed(
        "pointer-unknown", "views/schema-org.json", '"/need/title"', '"/need/name"'
    ),
    "a view that there is not": Seed(
        "view-unknown", "views/dpv-27560.json", '"view": "kept"', '"view": "held"'
    ),
    "an exclusion of a SHOULD": Seed("exclusion", EXCLUSIONS, "VRM-HOM-007", "VRM-HOM-009"),
    "two key words": Seed("requirement-words", HOME, "and nothing else", "and MUST NOT more"),
    "another role": Seed("requirement-role", HOME, "VRM-HOM-002 home", "VRM-HOM-002 host"),
    "a sentence with a code that is none": Seed("code-unknown", HOME, "(`timeout`)", "(`late`)"),
    "a dead link": Seed("link-broken", HOME, "documents/discovery.json)", "documents/discover.json)"),
    "a link to no heading": Seed("link-broken", TERMS, "threads.md#guards", "threads.md#guard"),
    "an id that is none": Seed("requirement-unknown", STEPS, "VRM-ENV-012 |", "VRM-ENV-912 |"),
    "a block of JSON without a mark": Seed(
        "block-unmarked", TERMS, "\n## ", '\n```json\n{"a": 1}\n```\n\n## ', "```json"
    ),
    "a block of JSON by its form": Seed(
        "block-unmarked", TERMS, "\n## ", '\n~~~\n{"a": 1}\n~~~\n\n## ', "~~~\n{"
    ),
    "a block with a mark of nothing": Seed(
        "block-mark", TERMS, "\n## ", '\n<!-- schema: -->\n```json\n{"a": 1}\n```\n\n## ', "<!-- schema"
    ),
    "a block with no real reason": Seed(
        "block-mark",
        TERMS,
        "\n## ",
        '\n<!-- no schema: so -->\n```json\n{"a": 1}\n```\n\n## ',
        "<!-- no schema",
    ),
    "a mark without a block": Seed(
        "block-mark", TERMS, "\n## ", "\n<!-- schema: ladder.json -->\n\n## ", "<!-- schema"
    ),
    "a block of a schema that there is not": Seed(
        "block-schema",
        TERMS,
        "\n## ",
        '\n<!-- schema: shared/mony.json -->\n```json\n{"a": 1}\n```\n\n## ',
        "<!-- schema",
    ),
    "a block of a part that there is not": Seed(
        "block-schema",
        TERMS,
        "\n## ",
        "\n<!-- schema: envelope.json#/$defs/claim -->\n```json\n{}\n```\n\n## ",
        "<!-- schema",
    ),
    "a block that its schema refuses": Seed(
        "block-invalid",
        TERMS,
        "\n## ",
        '\n<!-- schema: shared/hours.json -->\n```json\n{\n "from": "22:00",\n "to": "24:00"\n}\n```\n\n## ',
        '"24:00"',
    ),
    "a block that is no JSON": Seed(
        "block-invalid",
        TERMS,
        "\n## ",
        '\n<!-- schema: shared/hours.json -->\n```json\n{\n "from": 22:00}\n```\n\n## ',
        "22:00",
    ),
    "a block without an end": Seed(
        "block-open", "README.md", "Where two of these", "```text\nWhere two of these", "```text"
    ),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("pristine") / "spec")


GONE: dict[str, tuple[str, str, str, str]] = {
    "a vector without its verdict": (REFUSAL, "", "vector-files", REFUSAL),
    "a vector without its token": (REFUSAL.replace("expect.json", "token.jwt"), "", "vector-files", REFUSAL),
    "a token with another name": (
        TAKEN.replace("expect.json", "1.jwt"),
        TAKEN.replace("expect.json", "one.jwt"),
        "vector-files",
        TAKEN,
    ),
    "keys with another name": ("vectors/keys.json", "vectors/key.json", "file-unknown", "vectors/key.json"),
    "bad examples of no type": (
        BAD,
        BAD.replace("accept", "embrace"),
        "counterexample-type",
        BAD.replace("accept", "embrace"),
    ),
    "a generated text that is gone": (GENERATED, "", "generated-drift", GENERATED),
    "a page that is gone": (STEPS, "", "file-missing", STEPS),
}
"""A file, its new name if it has one, what is found, and where. Links to it break as well."""


def shown(findings: list[Finding]) -> str:
    return "\n" + report(findings)


def line_of(text: str, at: str) -> int:
    assert text.count(at) == 1, f"{at} stands {text.count(at)} times: the seed is stale"
    return text[: text.index(at)].count("\n") + 1


def test_the_untouched_copy_has_no_fault(pristine: Path) -> None:
    found = check(pristine)
    assert not found, shown(found)


def test_there_are_enough_kinds() -> None:
    """In the half of them that a short run takes, too."""
    assert len(SEEDS) >= 60
    assert len({seed.code for seed in [*SEEDS.values()][::2]}) >= 12


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if n % 2 else ()) for n, name in enumerate(SEEDS)]
)
def test_it_is_found_once_with_its_line(pristine: Path, name: str) -> None:
    seed = SEEDS[name]
    path = pristine / seed.path
    before = path.read_bytes()
    text = before.decode("utf-8")
    assert seed.old in text, f"{seed.path} does not hold {seed.old}: the seed is stale"
    seeded = text.replace(seed.old, seed.new, 1)
    whole = bool(seed.file)  # generated files have no line: they differ as a whole
    line = 0 if whole else line_of(seeded, seed.at or seed.new) + seed.down
    try:
        path.write_text(seeded, "utf-8")
        found = check(pristine)
    finally:
        path.write_bytes(before)
    assert [(f.code, f.file, f.line) for f in found] == [(seed.code, seed.path, line)], shown(found)


@pytest.mark.parametrize("name", GONE)
def test_a_file_that_is_not_there_is_found(pristine: Path, name: str) -> None:
    path, other, code, file = GONE[name]
    before = (pristine / path).read_bytes()
    try:
        (pristine / path).unlink()
        if other:
            (pristine / other).write_bytes(before)
        found = check(pristine)
    finally:
        (pristine / path).write_bytes(before)
        if other:
            (pristine / other).unlink()
    assert [(f.code, f.file) for f in found if f.code != "link-broken"] == [(code, file)], shown(found)


def test_nothing_is_written(pristine: Path) -> None:
    before = bytes_of(pristine)
    assert check(pristine) == []
    assert bytes_of(pristine) == before
