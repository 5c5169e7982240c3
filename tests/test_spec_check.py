"""The spec folder holds together, and the check that says so sees what it is to see."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from vrmproto.editor import generate, tables
from vrmproto.editor.check import Finding, check, main, report
from vrmproto.guards import GUARDS

SPEC = Path(__file__).resolve().parent.parent / "spec"
VECTORS_COPIED = 3

Seed = Callable[[Path], None]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    """A copy of the folder with a few of its vectors."""

    def leave_out(folder: str, names: list[str]) -> list[str]:
        if Path(folder) != SPEC / "vectors":
            return []
        return sorted(n for n in names if (SPEC / "vectors" / n).is_dir())[VECTORS_COPIED:]

    return Path(shutil.copytree(SPEC, tmp_path_factory.mktemp("pristine") / "spec", ignore=leave_out))


@pytest.fixture
def spec(pristine, tmp_path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "spec"))


def replace(path: str, old: str, new: str) -> Seed:
    """Seed: exchange a text that stands in a file, in its first place."""

    def seed(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        assert old in text, f"{path} does not hold {old}: the seed is stale"
        (root / path).write_text(text.replace(old, new, 1), "utf-8")

    return seed


def edit(path: str, change: Callable[[Any], object]) -> Seed:
    """Seed: change the value of a JSON file."""

    def seed(root: Path) -> None:
        value = json.loads((root / path).read_text("utf-8"))
        change(value)
        (root / path).write_text(json.dumps(value, indent=2) + "\n", "utf-8")

    return seed


def write(path: str, data: bytes) -> Seed:
    def seed(root: Path) -> None:
        (root / path).write_bytes(data)

    return seed


def remove(path: str) -> Seed:
    def seed(root: Path) -> None:
        (root / path).unlink()

    return seed


def both(*seeds: Seed) -> Seed:
    def seed(root: Path) -> None:
        for one in seeds:
            one(root)

    return seed


def row(n: int, **members: Any) -> Seed:
    """Seed: give a row of the kind terms other members; None takes one away."""

    def change(table: Any) -> None:
        found = table["kinds"]["terms"]["rows"][n]
        found.update({k.rstrip("_"): v for k, v in members.items()})
        for name in [k for k, v in found.items() if v is None]:
            del found[name]

    return edit("threads.json", change)


def of(kind: str, change: Callable[[Any], object]) -> Seed:
    """Seed: change a kind."""
    return edit("threads.json", lambda table: change(table["kinds"][kind]))


def state(name: str, value: Any) -> Seed:
    return edit("threads.json", lambda t: t["kinds"]["terms"]["states"].update({name: value}))


PROFFER, ACCEPT, REJECT = (
    "messages/terms.proffer.json",
    "messages/terms.accept.json",
    "messages/terms.reject.json",
)
THREADS, ERRORS, LADDER = "threads.json", "errors.json", "ladder.json"
HOME, TERMS = "protocol/home.md", "protocol/terms.md"

SEEDS: dict[str, tuple[str, str, Seed]] = {
    # files
    "broken JSON": ("json-invalid", REJECT, replace(REJECT, "{", "{,")),
    "NaN": ("json-invalid", "purposes.json", replace("purposes.json", "null", "NaN")),
    "deep JSON": ("json-invalid", "purposes.json", write("purposes.json", b"[" * 100_000)),
    "not UTF-8": ("encoding", ERRORS, write(ERRORS, b"\xff{}")),
    "a name twice": ("json-duplicate", ERRORS, replace(ERRORS, '"layer":', '"status": 413, "layer":')),
    "no threads.json": ("file-missing", THREADS, remove(THREADS)),
    "no views": ("file-missing", "views/schema-org.json", remove("views/schema-org.json")),
    "no views of consents": ("file-missing", "views/dpv-27560.json", remove("views/dpv-27560.json")),
    "a view of consents that is none": (
        "meta-invalid",
        "views/dpv-27560.json",
        replace("views/dpv-27560.json", '"view": "receipt"', '"sight": "receipt"'),
    ),
    "no metaschema": ("file-missing", "meta/message.json", remove("meta/message.json")),
    "metaschema is none": (
        "schema-unusable",
        "meta/errors.json",
        edit("meta/errors.json", lambda m: m.update(type="thing")),
    ),
    # metaschemas
    "another keyword": ("keyword-refused", PROFFER, edit(PROFFER, lambda s: s.update(anyOf=[{}]))),
    "multipleOf": (
        "keyword-refused",
        "documents/problem.json",
        edit("documents/problem.json", lambda s: s["properties"]["status"].update(multipleOf=1)),
    ),
    "no description": ("meta-invalid", REJECT, edit(REJECT, lambda s: s.pop("description"))),
    "bound without a type": (
        "meta-invalid",
        "shared/reason.json",
        edit("shared/reason.json", lambda s: s.pop("type")),
    ),
    "a format that is none of three": (
        "meta-invalid",
        "shared/time.json",
        replace("shared/time.json", '"date-time"', '"time"'),
    ),
    "an endpoint without codes": (
        "meta-invalid",
        "endpoints.json",
        edit("endpoints.json", lambda e: e["endpoints"][0].pop("codes")),
    ),
    "a code in capitals": ("meta-invalid", ERRORS, replace(ERRORS, '"too-large"', '"tooLarge"')),
    "a clause value": (
        "meta-invalid",
        "roster/matrix.json",
        replace("roster/matrix.json", '"optional"}', '"no"}'),
    ),
    # schemas
    "an open pattern": (
        "pattern-open",
        "shared/version.json",
        replace("shared/version.json", r"(?!\\n)$", "$"),
    ),
    "an alternative outside of a group": (
        "pattern-open",
        "shared/version.json",
        replace("shared/version.json", "^[0-9]{1,4}", "^x|[0-9]{1,4}"),
    ),
    "a class of one engine": (
        "pattern-dialect",
        "shared/version.json",
        replace("shared/version.json", "[0-9]{1,4}", r"\\d{1,4}"),
    ),
    "a look behind": (
        "pattern-dialect",
        "shared/mid.json",
        replace("shared/mid.json", "(?!", "(?<!x)(?!"),
    ),
    "a possessive count": (
        "pattern-dialect",
        "shared/lang.json",
        replace("shared/lang.json", "{2,3}", "{2,3}+"),
    ),
    "a pattern that is none": (
        "pattern-invalid",
        "shared/lang.json",
        replace("shared/lang.json", "^[a-z]", "^([a-z]"),
    ),
    "a dead reference": ("ref-unresolved", ACCEPT, replace(ACCEPT, "shared/lang.json", "shared/tongue.json")),
    "another $id": (
        "id-mismatch",
        ACCEPT,
        replace(ACCEPT, "messages/terms.accept.json", "messages/terms.accepted.json"),
    ),
    "an open body": ("message-open", REJECT, edit(REJECT, lambda s: s.pop("additionalProperties"))),
    "no example": ("message-incomplete", REJECT, edit(REJECT, lambda s: s.pop("examples"))),
    "a bad example": ("example-invalid", ACCEPT, replace(ACCEPT, '"place": "NL"', '"place": "XX"')),
    "a bad example of a format": (
        "example-invalid",
        "shared/time.json",
        replace("shared/time.json", "2026-12-24T", "2026-02-30T"),
    ),
    "unique objects": (
        "unique-items",
        PROFFER,
        edit(PROFFER, lambda s: s["properties"]["acceptable"].update(uniqueItems=True)),
    ),
    "another digest": (
        "digest-mismatch",
        ACCEPT,
        edit(ACCEPT, lambda s: s["examples"][0]["agreement"].update(digest="A" * 43)),
    ),
    # thread tables
    "a word of no vocabulary": ("meta-invalid", THREADS, row(0, until="/ends")),
    "a guard that is not listed": ("vocabulary", THREADS, row(3, guards=["person-calls"])),
    "a guard that is not used": ("unused", THREADS, row(2, guards=["roster-member", "deadline-ahead"])),
    "a guard that nobody wrote": (
        "guard-missing",
        THREADS,
        both(
            edit(THREADS, lambda t: t["guards"].append("moon-full")),
            row(3, guards=["moon-full"]),
        ),
    ),
    "an effect that is not listed": ("vocabulary", THREADS, edit(THREADS, lambda t: t.update(effects=[]))),
    "an effect that is listed no longer": (
        "vocabulary",
        THREADS,
        edit(THREADS, lambda t: t["effects"].remove("sever")),
    ),
    "an effect that is not used": (
        "unused",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["relationship"]["rows"][6].pop("effect")),
    ),
    "a guard of no row": (
        "unused",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["relationship"]["rows"][0]["guards"].remove("one-per-pair")),
    ),
    "a step without agreement-live": (
        "agreement",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["relationship"]["rows"][2]["guards"].remove("agreement-live")),
    ),
    "two rows for one cell": (
        "not-deterministic",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["terms"]["rows"].append(t["kinds"]["terms"]["rows"][3])),
    ),
    "a state that is none": ("state-unknown", THREADS, row(3, to="refused")),
    "a target that is none": ("state-unknown", THREADS, state("agreed", {"live": True, "deadline": "gone"})),
    "an unreachable state": ("unreachable", THREADS, state("lost", {"end": True})),
    "no way out": (
        "no-way-out",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["terms"]["rows"].pop(6)),
    ),
    "something after an end": ("after-end", THREADS, row(3, **{"in": ["proffered", "withdrawn"]})),
    "an end with a deadline": ("after-end", THREADS, state("rejected", {"end": True, "deadline": "ended"})),
    "agr without agreement-live": ("agreement", THREADS, row(3, needs=["agr"])),
    "pthid without parents": ("needs", THREADS, row(0, needs=["pthid"])),
    "an exit with a bind": ("exit", THREADS, row(8, prev="head")),
    "a duty of the person": (
        "duty",
        THREADS,
        row(6, marks=["duty"]),
    ),
    "a deadline without deadline-ahead": (
        "deadline-ahead",
        THREADS,
        row(2, guards=["roster-member", "alternative-differs"]),
    ),
    "deadline-ahead without a deadline": (
        "deadline-ahead",
        THREADS,
        row(3, guards=["deadline-ahead"]),
    ),
    "a deadline where none is": ("deadline", THREADS, row(3, deadline="ends")),
    "no deadline where one is": ("deadline", THREADS, row(0, deadline=None, max_=None)),
    "a deadline of an unknown fact": ("fact-unknown", THREADS, row(1, deadline="until")),
    "messages held by an unknown fact": (
        "fact-unknown",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["dispute"]["states"]["open"].update(holds="meant")),
    ),
    "messages held of no parent": (
        "cause",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["terms"]["states"]["agreed"].update(holds="offer")),
    ),
    "a record of what has none": (
        "parents",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["dispute"]["parents"].append("intent.publish")),
    ),
    "a pointer past the body": ("pointer-unknown", THREADS, row(1, keep={"agreement": "/contract"})),
    "a record that is not live": ("record", THREADS, row(3, record="agreement")),
    "a state that does not rest": (
        "meta-invalid",
        THREADS,
        of("relationship", lambda k: k["states"]["paused"].update(rests=False)),
    ),
    "a counter of the relationship": (
        "meta-invalid",
        THREADS,
        of("consent", lambda k: k["rows"][0].update(count={"relationship": ["said@P1M"]})),
    ),
    "a counter by an unknown fact": (
        "fact-unknown",
        THREADS,
        of("consent", lambda k: k["rows"][2].update(count={"parent": ["refused:wanted@P6M"]})),
    ),
    "a consent below nothing": ("cause", THREADS, of("consent", lambda k: k.pop("parents"))),
    "a consent below what opens nothing": (
        "parents",
        THREADS,
        of("consent", lambda k: k.update(parents=["relationship.step"])),
    ),
    "a correction that may stand alone": (
        "needs",
        THREADS,
        of("correction", lambda k: k["rows"][0].pop("needs")),
    ),
    "a release without an agreement": (
        "cause",
        THREADS,
        of("correction", lambda k: k["states"]["overdue"].update(released="withdrawn")),
    ),
    "a share that no agreement is asked for": (
        "agreement",
        THREADS,
        of("data", lambda k: k["rows"][1].update(needs=["pthid"])),
    ),
    "a report anew that no agreement is asked for": (
        "agreement",
        THREADS,
        of("data", lambda k: [k["rows"][7].pop(name) for name in ("needs", "guards")]),
    ),
    "a consent that may not be withdrawn": (
        "exit",
        THREADS,
        of("consent", lambda k: k["rows"][6].update(needs=["agr"])),
    ),
    "a consent that is recorded before it holds": (
        "record",
        THREADS,
        of("consent", lambda k: k["rows"][0].update(record="consent")),
    ),
    "what is erased with a parent that never is": (
        "parents",
        THREADS,
        of("relationship", lambda k: k["states"]["closed"].pop("erased")),
    ),
    "a correction without a way out": (
        "no-way-out",
        THREADS,
        of("correction", lambda k: k["rows"][3].update({"in": ["submitted"]})),
    ),
    "a rest above nothing": (
        "cause",
        THREADS,
        of("dialogue", lambda k: k["states"]["muted"].update(rests=True)),
    ),
    "a counter in a parent that is none": ("cause", THREADS, row(3, count={"parent": ["said@P1M"]})),
    "a member without a board": ("role", THREADS, row(3, by="member")),
    "a type without a schema": ("type-without-schema", THREADS, remove(REJECT)),
    "a type without a row": (
        "type-without-row",
        THREADS,
        edit(THREADS, lambda t: t["kinds"]["terms"]["rows"].pop(8)),
    ),
    # codes, endpoints, purposes
    "a code that is not counted": (
        "meta-invalid",
        ERRORS,
        replace(ERRORS, '"counted": true', '"counted": false'),
    ),
    "a counted code of no guard": (
        "code-counted",
        ERRORS,
        replace(ERRORS, '"retryable": true,', '"retryable": true, "counted": true,'),
    ),
    "a code twice": ("code-duplicate", ERRORS, edit(ERRORS, lambda e: e["codes"].append(e["codes"][0]))),
    "a code by nobody": ("code-cause", ERRORS, replace(ERRORS, '"by": ["size"]', '"by": ["weight"]')),
    "a code that no sentence names": (
        "code-unruled",
        ERRORS,
        edit(ERRORS, lambda e: e["codes"].append({**e["codes"][0], "code": "too-loud"})),
    ),
    "a sentence with an unknown code": ("code-unknown", HOME, replace(HOME, "(`timeout`)", "(`late`)")),
    "an unknown code in passing": ("code-unknown", TERMS, replace(TERMS, "`type-unknown`", "`type-strange`")),
    "an endpoint with an unknown code": (
        "code-unknown",
        "endpoints.json",
        replace("endpoints.json", '"inbox-full"', '"inbox-fool"'),
    ),
    "an endpoint twice": (
        "endpoint-duplicate",
        "endpoints.json",
        edit("endpoints.json", lambda e: e["endpoints"].append(e["endpoints"][0])),
    ),
    "an endpoint without its schema": (
        "endpoint-schema",
        "endpoints.json",
        replace("endpoints.json", "documents/poll.json", "documents/pull.json"),
    ),
    "an endpoint under none": (
        "endpoint-under",
        "endpoints.json",
        replace("endpoints.json", '"under": "roster"', '"under": "rooster"'),
    ),
    "a purpose of no clause": (
        "purpose-clause",
        "purposes.json",
        replace("purposes.json", '"tracking"', '"trucking"'),
    ),
    "a clause without a purpose": (
        "clause-purpose",
        "roster/matrix.json",
        replace("purposes.json", '"tracking"', "null"),
    ),
    "a new purpose, not generated": (
        "generated-drift",
        "shared/purpose.json",
        replace("purposes.json", "#DirectMarketing", "#Marketing"),
    ),
    "an edited text": (
        "generated-drift",
        "roster/SD-BASE/1.0/plain.en.md",
        replace("roster/SD-BASE/1.0/plain.en.md", "must", "may"),
    ),
    "a stale text": (
        "generated-drift",
        "roster/SD-BASE/1.0/plain.fr.md",
        write("roster/SD-BASE/1.0/plain.fr.md", b""),
    ),
    "phrases without a clause": (
        "roster-unbuildable",
        "roster/matrix.json",
        edit("roster/phrases.json", lambda p: p["clauses"].pop("tracking")),
    ),
    # the ladder
    "a rung twice": ("ladder", LADDER, edit(LADDER, lambda a: a["rungs"].append(a["rungs"][2]))),
    "a type that no rung judges": (
        "ladder",
        LADDER,
        edit(LADDER, lambda a: a["rungs"][1]["types"].append("relationship.end")),
    ),
    "a type of a rung that there is not": (
        "ladder",
        LADDER,
        edit(LADDER, lambda a: a["rungs"][0]["types"].append("rights.request")),
    ),
    "no row that is judged by its rung": (
        "ladder",
        LADDER,
        edit(THREADS, lambda t: t["kinds"]["relationship"]["rows"][1]["guards"].remove("stage-allows")),
    ),
    "no ladder": ("file-missing", LADDER, remove(LADDER)),
    "a broken ladder": ("json-invalid", LADDER, replace(LADDER, "{", "{,")),
    "a rung without a name": ("meta-invalid", LADDER, edit(LADDER, lambda a: a["rungs"][3].pop("stage"))),
    "a ladder without a rung": ("meta-invalid", LADDER, edit(LADDER, lambda a: a["rungs"].clear())),
    "a purpose of a rung that there is not": (
        "meta-invalid",
        LADDER,
        replace(LADDER, "#ServicePersonalisation", "#Service"),
    ),
    "a rung with a category of another vocabulary": (
        "meta-invalid",
        LADDER,
        replace(LADDER, "https://w3id.org/dpv/pd#Interest", "https://w3id.org/dpv#Interest"),
    ),
    "an exclusion of a SHOULD": (
        "exclusion",
        "requirements/exclusions.json",
        replace("requirements/exclusions.json", "VRM-HOM-007", "VRM-HOM-009"),
    ),
    "an exclusion of nothing": (
        "requirement-unknown",
        "requirements/exclusions.json",
        replace("requirements/exclusions.json", "VRM-HOM-007", "VRM-HOM-907"),
    ),
    # prose
    "no number": ("requirement-form", HOME, replace(HOME, " {#VRM-HOM-001 home}", "")),
    "a key word in passing": (
        "requirement-form",
        TERMS,
        replace(TERMS, "No text of terms travels", "No text MUST travel"),
    ),
    "two key words": ("requirement-words", HOME, replace(HOME, "and nothing else", "and MUST NOT more")),
    "no key word": ("requirement-words", HOME, replace(HOME, "MUST serve a discovery", "serves a discovery")),
    "another role": ("requirement-role", HOME, replace(HOME, "VRM-HOM-002 home", "VRM-HOM-002 host")),
    "a number twice": ("requirement-duplicate", HOME, replace(HOME, "VRM-HOM-002 home", "VRM-HOM-001 home")),
    "a number left out": ("requirement-gap", HOME, replace(HOME, "VRM-HOM-036 home", "VRM-HOM-038 home")),
    "no profile": ("profile-missing", HOME, replace(HOME, "profile: core\n", "\n")),
    "a sentence that joins a list": (
        "list-run-on",
        HOME,
        replace(HOME, "home}\n\n## Signed", "home}\nAnd so on.\n\n## Signed"),
    ),
    "a dead link": (
        "link-broken",
        HOME,
        replace(HOME, "documents/discovery.json)", "documents/discover.json)"),
    ),
    "a link out of the folder": (
        "link-broken",
        "README.md",
        replace("README.md", "](envelope.json)", "](../README.md)"),
    ),
    "a link to no heading": ("link-broken", TERMS, replace(TERMS, "threads.md#guards", "threads.md#guard")),
    "an id that is none": (
        "requirement-unknown",
        "protocol/trust.md",
        replace("protocol/trust.md", "(VRM-AGT-008)", "(VRM-AGT-088)"),
    ),
}


def shown(findings: list[Finding]) -> str:
    return "\n" + report(findings)


def test_the_spec_holds_together():
    found = check(SPEC)
    assert not found, shown(found)


def test_a_copy_holds_together(pristine):
    found = check(pristine)
    assert not found, shown(found)


@pytest.mark.parametrize("name", SEEDS)
def test_a_seeded_fault_is_found(spec, name):
    code, file, seed = SEEDS[name]
    seed(spec)
    found = check(spec)
    assert (code, file) in {(f.code, f.file) for f in found}, shown(found)


def test_all_faults_are_reported_at_once(spec):
    for seed in (
        SEEDS["broken JSON"],
        SEEDS["an open pattern"],
        SEEDS["a dead link"],
        SEEDS["a code by nobody"],
    ):
        seed[2](spec)
    found = {(f.code, f.file) for f in check(spec)}
    assert found >= {
        ("json-invalid", REJECT),
        ("pattern-open", "shared/version.json"),
        ("link-broken", HOME),
        ("code-cause", ERRORS),
    }


# Nothing refers to it yet, so the folder is whole without it.
SPARE = ("shared/duration.json",)
FILES = sorted(
    p.relative_to(SPEC).as_posix() for d in ("", "*/", "roster/*/*/") for p in SPEC.glob(f"{d}*.json")
)


LIKE = ("messages/", "documents/", "roster/")
"""Of these files, which are alike, a short run takes each fourth."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, marks=pytest.mark.long if p.startswith(LIKE) and n % 4 else ())
        for n, p in enumerate(FILES)
        if not p.startswith(("roster/SD-", "vectors/")) and p not in SPARE
    ],
)
def test_whatever_a_file_holds_is_a_finding(spec, path):
    for data in (b"[]", b'{"a": [1, {"b": null}]}', b'"\\ud800"', b"[1e999]"):
        (spec / path).write_bytes(data)
        assert check(spec)
    (spec / path).unlink()
    assert check(spec)


def test_nothing_but_an_empty_folder(tmp_path):
    found = check(tmp_path)
    assert {f.code for f in found} == {"file-missing"}
    assert check(tmp_path / "none")


def test_a_finding_tells_the_line(spec):
    replace(ACCEPT, '"place": "NL"', '"place": "XX"')(spec)
    found = [f for f in check(spec) if f.file == ACCEPT]
    lines = (spec / ACCEPT).read_text("utf-8").splitlines()
    assert [lines[f.line - 1].strip() for f in found] == ['"place": "XX"']


def test_a_finding_about_the_ladder_tells_where(spec):
    edit(LADDER, lambda a: a["rungs"].insert(5, a["rungs"][1]))(spec)
    (found,) = check(spec)
    assert (found.code, found.message) == ("ladder", "the rung returning stands twice")
    lines = (spec / LADDER).read_text("utf-8").splitlines()
    assert [n for n, line in enumerate(lines, 1) if '"stage": "returning"' in line][1] == found.line + 1


def test_vectors_name_codes_and_requirements_that_exist(spec):
    path = next((spec / "vectors").glob("*/expect.json"))
    value = {"kind": "message", "code": "no-such-code", "requirement": "VRM-ENV-999"}
    path.write_text(json.dumps(value), "utf-8")
    found = {f.code for f in check(spec) if f.file == path.relative_to(spec).as_posix()}
    assert found == {"code-unknown", "requirement-unknown"}
    path.write_text(json.dumps({"kind": "message", "code": "too-large", "status": 400}), "utf-8")
    assert "status-mismatch" in {f.code for f in check(spec)}


def test_code_that_no_source_raises(spec):
    """Beside the folder lies a package, as in a checkout."""
    package = spec.parent / "vrmproto"
    package.mkdir()
    codes = [c["code"] for c in json.loads((spec / ERRORS).read_text("utf-8"))["codes"]]
    (package / "spec.py").write_text("\n".join(f'raise ProtocolError("{c}", "")' for c in codes[1:]), "utf-8")
    assert [(f.code, f.file) for f in check(spec)] == [("code-not-raised", ERRORS)]


# --- the whole vocabulary ----------------------------------------------------------------------

VOCABULARY: dict[str, Any] = {
    "version": "1.0",
    "roles": ["first", "second", "member"],
    "marks": ["duty", "exit"],
    "effects": ["rotate", "introduce", "retreat", "sever"],
    "guards": ["agreement-live", "deadline-ahead", "rotate-proof"],
    "kinds": {
        "wish": {
            "profile": "wishes",
            "roles": "board",
            "states": {
                "open": {"listed": True, "deadline": "gone", "removed": "gone"},
                "gone": {"end": True},
            },
            "rows": [
                {"by": "first", "type": "wish.make", "to": "open", "guards": ["deadline-ahead"],
                 "keep": {"purge_within": "/purge_within"}, "deadline": "/until", "default": "P1M",
                 "max": "P1Y", "max_from": "opening"},
                {"in": ["open"], "by": "first", "type": "wish.close", "to": "gone", "marks": ["exit"]},
            ],
        },
        "bid": {
            "profile": "wishes",
            "roles": "parent",
            "parents": ["wish.make"],
            "states": {
                "made": {"orphaned": "over", "filled": "over", "severed": "over"},
                "taken": {"live": True, "place": "held", "superseded": "over"},
                "over": {
                    "over": True, "place": "free", "deadline": "late",
                    "within": "purge_within", "default": "P7D",
                },
                "late": {"over": True, "place": "filled"},
                "purged": {"end": True, "erased": True},
            },
            "rows": [
                {"by": "second", "type": "bid.make", "to": "made", "needs": ["pthid"],
                 "keep": {"offer": "@mid", "purge_within": "parent:purge_within", "nkt": None},
                 "count": {"parent": ["bids", "bids:iss"]}},
                {"in": ["made"], "by": "first", "type": "bid.take", "to": "taken", "prev": "head",
                 "record": "agreement", "supersedes": "class"},
                {"in": ["made", "taken"], "by": "either", "type": "bid.drop", "to": "over"},
                {"in": ["taken"], "by": "first", "type": "agent.introduce", "to": "=", "effect": "introduce"},
                {"in": ["over", "late"], "by": "second", "type": "bid.purge", "to": "purged",
                 "marks": ["duty"]},
            ],
        },
        "quarrel": {
            "profile": "ties",
            "roles": "parent",
            "parents": ["bid.make"],
            "recorded": True,
            "states": {"open": {"holds": "named"}, "closed": {"end": True}},
            "rows": [
                {"by": "first", "type": "quarrel.open", "to": "open", "needs": ["pthid"],
                 "keep": {"named": "/messages"}},
                {"in": ["open"], "by": "first", "type": "quarrel.close", "to": "closed"},
            ],
        },
        "tie": {
            "profile": "ties",
            "roles": "agreement",
            "states": {"on": {"released": "off"}, "still": {"rests": True}, "off": {"over": True}},
            "rows": [
                {"by": "first", "type": "tie.open", "to": "on", "needs": ["agr"],
                 "guards": ["agreement-live"]},
                {"in": ["on"], "by": "second", "type": "tie.say", "to": "=", "needs": ["agr"],
                 "guards": ["agreement-live"],
                 "count": {"thread": ["said@P1D"]}},
                {"in": ["on"], "by": "first", "type": "tie.rest", "to": "still"},
                {"in": ["still"], "by": "first", "type": "tie.wake", "to": "on"},
                {"in": ["on"], "by": "first", "type": "agent.rotate", "to": "=", "guards": ["rotate-proof"],
                 "keep": {"nkt": "/nkt"}, "effect": "rotate"},
                {"in": ["on"], "by": "first", "type": "tie.loosen", "to": "=", "effect": "retreat",
                 "marks": ["exit"]},
                {"in": ["on", "still"], "by": "either", "type": "tie.end", "to": "off", "effect": "sever",
                 "marks": ["exit"]},
            ],
        },
        "claim": {
            "profile": "ties",
            "roles": "opener",
            "parents": ["tie.open"],
            "states": {"open": {}, "granted": {"live": True}, "closed": {"end": True}},
            "rows": [
                {"by": "first", "type": "claim.open", "to": "open"},
                {"in": ["open"], "by": "second", "type": "claim.grant", "to": "granted", "record": "consent"},
                {"in": ["open", "granted"], "by": "first", "type": "claim.close", "to": "closed"},
            ],
        },
        "post": {
            "profile": "boards",
            "roles": "board",
            "states": {"shown": {}, "gone": {"end": True}},
            "rows": [
                {"by": "member", "type": "post.write", "to": "shown"},
                {"in": ["shown"], "by": "member", "type": "post.retract", "to": "gone", "marks": ["exit"]},
            ],
        },
    },
}  # fmt: skip
"""Every word of the tables, in kinds of our own making."""


def words_of(schema: Any) -> set[str]:
    """The members and the listed values that a metaschema of tables knows."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", ()))
        found |= {v for v in [*schema.get("enum", ()), schema.get("const")] if isinstance(v, str)}
        for value in schema.values():
            found |= words_of(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= words_of(value)
    return found


def test_the_whole_vocabulary_is_admitted():
    meta = json.loads((SPEC / "meta" / "threads.json").read_text("utf-8"))
    validator = jsonschema_rs.Draft202012Validator(meta, validate_formats=True)
    assert [e.message for e in validator.iter_errors(VOCABULARY)] == []
    types = {row["type"] for kind in VOCABULARY["kinds"].values() for row in kind["rows"]}
    assert list(tables.faults(VOCABULARY, types, GUARDS)) == []


def test_the_vocabulary_is_whole():
    """Each word that the metaschema knows stands in the table above."""
    meta = json.loads((SPEC / "meta" / "threads.json").read_text("utf-8"))
    used = set(re.findall(r'"([^"]+)"', json.dumps(VOCABULARY)))
    assert words_of(meta) - used == set()


# --- what is printed and generated -------------------------------------------------------------


def test_report_tells_what_is_right(spec):
    assert report([]) == "no findings"
    SEEDS["another role"][2](spec)
    found = check(spec)
    assert report(found).splitlines()[-1] == "1 finding in 1 file"
    assert "protocol/home.md:" in report(found)
    assert "right would be: one of home, agent, editor" in report(found)


def test_command(spec, capsys):
    assert main([str(spec)]) == 0
    assert capsys.readouterr().out == "no findings\n"
    SEEDS["another role"][2](spec)
    assert main(["--json", str(spec)]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert list(finding) == ["code", "file", "line", "message", "remedy"]
    assert (finding["code"], finding["file"]) == ("requirement-role", HOME)


def test_generate_repairs_what_drifted(spec):
    assert generate.drift(spec) == []
    replace("purposes.json", "#DirectMarketing", "#Marketing")(spec)
    assert "differs: shared/purpose.json" in generate.drift(spec)
    (spec / "shared" / "purpose.json").unlink()
    assert "missing: shared/purpose.json" in generate.drift(spec)
    assert spec / "shared" / "purpose.json" in generate.generate(spec)
    assert generate.drift(spec) == []
    assert generate.generate(spec) == []
    assert generate.main(["--check", str(spec)]) == 0
    (spec / "purposes.json").write_text("{", "utf-8")
    assert generate.main(["--check", str(spec)]) == 1
