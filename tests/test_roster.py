"""The roster says the same in its matrix, its machine form and its texts."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from vrmproto.editor import roster

SPEC = Path(__file__).resolve().parent.parent / "spec"
DPV = "https://w3id.org/dpv#"
IEEE = "https://w3id.org/dpv/standards/ieee/7012#"
OWN = "https://w3id.org/vrmproto/1.0/purpose#"

# One purpose by which each clause is recognised in the machine form. Written by
# hand, not read from purposes.json: a wrong mapping there must show here.
PURPOSE = {
    "service-delivery": IEEE + "ServiceDelivery",
    "analytics": DPV + "ServiceUsageAnalytics",
    "tracking": DPV + "TargetedAdvertising",
    "profiling": DPV + "ServicePersonalisation",
    "share-anonymised": DPV + "SellInsightsFromData",
    "share-third-party": DPV + "SellDataToThirdParties",
    "data-portability": DPV + "RightsFulfilment",
    "intent-matching": OWN + "IntentMatching",
    "ai-training-operation": OWN + "AITrainingOperation",
    "public-good": DPV + "DataAltruism",
}
# Words that only the line of this clause holds on the English page.
LINE = {
    "service-delivery": "to provide the service that you asked for",
    "analytics": "analyse how you use the service",
    "tracking": "follow what you do over time or across pages, apps and devices",
    "profiling": "build a profile of you",
    "share-anonymised": "give or sell to third parties anonymised data",
    "share-third-party": "give or sell your personal data to third parties",
    "data-portability": "give you a copy of your data",
    "intent-matching": "match the intent that you published",
    "ai-training-operation": "train AI systems with the data that you specify for this, and operate",
    "public-good": "use the data that you specify for this for the public good",
}
# What the section of each value says, English and German.
SECTION: dict[str, tuple[str, ...]] = {
    "required": ("## Required", "must do this", "owed"),
    "permitted": ("## Permitted", "may do this", "without asking you again"),
    "optional": ("## Optional", "only with your consent", "for exactly this purpose"),
    "prohibited": ("## Prohibited", "must never do this", "whatever consent you give"),
}
SECTION_DE: dict[str, tuple[str, ...]] = {
    "required": ("## Pflicht", "muss", "geschuldet"),
    "permitted": ("## Erlaubt", "darf", "ohne Sie noch einmal zu fragen"),
    "optional": ("## Nur mit Einwilligung", "nur mit Ihrer Einwilligung", "genau diesen Zweck"),
    "prohibited": ("## Verboten", "niemals", "auch nicht mit Ihrer Einwilligung"),
}
LINE_DE = {
    "data-portability": "Ihnen eine Kopie Ihrer Daten",
    "share-third-party": "Ihre persönlichen Daten an Dritte",
    "ai-training-operation": "mit den von Ihnen dafür bestimmten Daten KI-Systeme trainieren",
    "public-good": "für das Gemeinwohl",
    "intent-matching": "Ihr veröffentlichtes Gesuch",
}

# No second use of any kind: what all five launch agreements have in common.
CLOSED = {
    "service-delivery": "required",
    "analytics": "prohibited",
    "tracking": "prohibited",
    "profiling": "prohibited",
    "share-anonymised": "prohibited",
    "share-third-party": "prohibited",
}
# What each launch agreement is for, from its description in prose. A clause
# not named must be absent: its purposes then need a consent of the person's.
LAUNCH = {
    # The service and nothing else; handing data out is not owed.
    "SD-BASE": CLOSED | {"data-portability": "optional"},
    # DP is data portability (not "data protection"): handing data out is owed.
    "SD-BASE-DP": CLOSED | {"data-portability": "required"},
    # An intent is answered; nothing else is done with it.
    "PDC-INTENT": CLOSED | {"data-portability": "required", "intent-matching": "required"},
    # AI is trained and operated with the data (it is not a ban on it).
    "PDC-AI": CLOSED | {"data-portability": "required", "ai-training-operation": "required"},
    # The data serve the public good (not "goods and services").
    "PDC-GOOD": CLOSED | {"data-portability": "required", "public-good": "required"},
}
TITLE = {
    "SD-BASE": "Service only",
    "SD-BASE-DP": "data portability",
    "PDC-INTENT": "Your intent",
    "PDC-AI": "training and operating AI",
    "PDC-GOOD": "public good",
}


def load(spec: Path, name: str, file: str = "manifest.json") -> Any:
    return json.loads((spec / "roster" / name / "1.0" / file).read_bytes())


def page(spec: Path, name: str, lang: str) -> str:
    return (spec / "roster" / name / "1.0" / f"plain.{lang}.md").read_text(encoding="utf-8")


def ids(spec: Path = SPEC) -> list[str]:
    matrix = json.loads((spec / "roster/matrix.json").read_bytes())
    return [agreement["id"] for agreement in matrix["agreements"]]


def rules(policy: Any, kind: str, purpose: str) -> list[Any]:
    """The rules of this kind that list this purpose."""
    return [
        rule
        for rule in policy.get(kind, [])
        for constraint in rule.get("constraint", [])
        if {"@id": purpose} in constraint["rightOperand"]
    ]


def machine_value(policy: Any, purpose: str) -> str:
    """The value that the ODRL rules about a purpose amount to."""
    permitted = rules(policy, "permission", purpose)
    prohibited = rules(policy, "prohibition", purpose)
    owed = rules(policy, "obligation", purpose)
    if prohibited:
        return "contradiction" if permitted or owed else "prohibited"
    if len(permitted) != 1:
        return "contradiction"
    consent = [duty["action"] for duty in permitted[0].get("duty", [])] == ["obtainConsent"]
    if owed:
        return "contradiction" if consent else "required"
    return "optional" if consent else "permitted"


def section_of(text: str, words: str) -> str:
    """The section, heading first, of the one list item that holds these words."""
    found = [
        section
        for section in ("\n" + text).split("\n## ")
        for line in section.splitlines()
        if line.startswith("- ") and words in line
    ]
    return "## " + found[0] if len(found) == 1 else ""


def check_meaning(spec: Path, name: str, wanted: dict[str, str]) -> list[str]:
    """What contradicts the expectation, in manifest, machine form and pages."""
    wrong: list[str] = []
    if load(spec, name)["clauses"] != wanted:
        wrong.append(f"{name}: manifest")
    policy = load(spec, name, "machine.jsonld")
    english, german = page(spec, name, "en"), page(spec, name, "de")
    if TITLE[name] not in english.splitlines()[0]:
        wrong.append(f"{name}: title")
    for clause, purpose in PURPOSE.items():
        value = wanted.get(clause)
        if machine_value(policy, purpose) != (value or "optional"):
            wrong.append(f"{name}: machine form, {clause}")
        wrong += _check_page(f"{name}: en, {clause}", english, LINE[clause], SECTION, value)
        if clause in LINE_DE:
            words = LINE_DE[clause]
            wrong += _check_page(f"{name}: de, {clause}", german, words, SECTION_DE, value)
    return wrong


def _check_page(
    where: str, text: str, words: str, sections: dict[str, tuple[str, ...]], value: str | None
) -> list[str]:
    section = section_of(text, words)
    if value is None:
        return [f"{where}: should not be there"] if section else []
    return [f"{where}: {part}" for part in sections[value] if part not in section]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A spec directory of its own, with the committed roster in it."""
    shutil.copytree(SPEC / "roster", tmp_path / "roster")
    shutil.copy(SPEC / "purposes.json", tmp_path / "purposes.json")
    return tmp_path


def edit_clauses(spec: Path, name: str, clauses: dict[str, str]) -> None:
    path = spec / "roster/matrix.json"
    matrix = json.loads(path.read_bytes())
    [agreement] = [a for a in matrix["agreements"] if a["id"] == name]
    agreement["clauses"] = clauses
    path.write_text(json.dumps(matrix), encoding="utf-8")


def contents(spec: Path) -> dict[str, bytes]:
    return {
        path.relative_to(spec).as_posix(): path.read_bytes()
        for path in (spec / "roster").rglob("*")
        if path.is_file()
    }


def test_committed_files_are_as_generated() -> None:
    assert roster.drift(SPEC) == []


def test_drift_names_missing_changed_and_stale_files_and_writes_nothing(copy: Path) -> None:
    (copy / "roster/SD-BASE/1.0/plain.en.md").unlink()
    with (copy / "roster/PDC-AI/1.0/machine.jsonld").open("ab") as file:
        file.write(b" ")
    (copy / "roster/PDC-OLD/1.0").mkdir(parents=True)
    (copy / "roster/PDC-OLD/1.0/manifest.json").write_bytes(b"{}")
    before = contents(copy)
    assert roster.drift(copy) == [
        "differs: roster/PDC-AI/1.0/machine.jsonld",
        "missing: roster/SD-BASE/1.0/plain.en.md",
        "stale: roster/PDC-OLD/1.0/manifest.json",
    ]
    assert roster.main(["--check", str(copy)]) == 1
    assert contents(copy) == before
    assert len(roster.generate(copy)) == 2
    assert roster.generate(copy) == []


def test_every_hash_is_that_of_the_bytes() -> None:
    document = json.loads((SPEC / "roster/roster.json").read_bytes())
    assert [agreement["id"] for agreement in document["agreements"]] == ids()
    for entry in document["agreements"]:
        folder = SPEC / "roster" / entry["id"] / entry["version"]
        assert entry["digest"] == roster.digest((folder / "manifest.json").read_bytes())
        manifest = load(SPEC, entry["id"])
        assert {n: manifest[n] for n in ("id", "version", "class", "iri")}.items() <= entry.items()
        hashes = {roster.digest(p.read_bytes()) for p in folder.iterdir() if p.stem != "manifest"}
        assert {text["sha256"] for text in manifest["texts"]} == hashes
        layers = [(text["layer"], text["lang"]) for text in manifest["texts"]]
        assert (manifest["prevails"]["layer"], manifest["prevails"]["lang"]) in layers


@pytest.mark.parametrize("clause", ["analytics", "share-third-party", "data-portability"])
def test_one_changed_value_changes_that_agreement_only(copy: Path, clause: str) -> None:
    clauses = load(copy, "SD-BASE")["clauses"]
    before = contents(copy)
    old = json.loads(before["roster/roster.json"])["agreements"]
    edit_clauses(copy, "SD-BASE", clauses | {clause: "permitted"})
    changed = {path.relative_to(copy / "roster").as_posix() for path in roster.generate(copy)}
    files = ("plain.en.md", "plain.de.md", "machine.jsonld", "legal.en.md", "manifest.json")
    assert changed == {f"SD-BASE/1.0/{name}" for name in files} | {"roster.json"}
    new = json.loads((copy / "roster/roster.json").read_bytes())["agreements"]
    assert [b["id"] for a, b in zip(old, new, strict=True) if a != b] == ["SD-BASE"]


@pytest.mark.parametrize(("one", "other"), list(combinations(ids(), 2)))
def test_two_agreements_differ_in_meaning_and_in_permissions(one: str, other: str) -> None:
    assert load(SPEC, one)["clauses"] != load(SPEC, other)["clauses"]

    def permissions(name: str) -> Any:
        listed = load(SPEC, name, "machine.jsonld")["permission"]
        return [{k: v for k, v in rule.items() if k != "uid"} for rule in listed]

    assert permissions(one) != permissions(other)


@pytest.mark.parametrize("name", ids())
@pytest.mark.parametrize("lang", ["en", "de"])
def test_a_plain_page_is_at_most_a_page_and_says_what_holds_for_all(name: str, lang: str) -> None:
    text = page(SPEC, name, lang)
    assert len([word for word in text.split() if any(map(str.isalnum, word))]) <= 400
    common = {
        "en": ("first party", "exactly two parties", "only by proffer and acceptance", "terminate"),
        "de": ("erste Partei", "genau zwei Parteien", "nur durch Antrag und Annahme", "kündigen"),
    }
    third = {"en": "Third parties get nothing except", "de": "Dritte erhalten nichts, außer"}
    assert [part for part in (*common[lang], third[lang]) if part not in text] == []


@pytest.mark.parametrize("name", ids())
def test_the_legal_text_is_marked_and_names_every_clause(name: str) -> None:
    text = (SPEC / "roster" / name / "1.0/legal.en.md").read_text(encoding="utf-8")
    first = text.splitlines()[0]
    for part in ("Illustrative", "Not legal advice", "not the text of any standard"):
        assert part in first
    values = load(SPEC, name)["clauses"].values()
    assert [text.count(f": {value}.**") for value in sorted(set(values))] == [
        list(values).count(value) for value in sorted(set(values))
    ]
    assert "{" not in text


@pytest.mark.parametrize("name", ids())
def test_machine_form_and_manifest_agree_on_every_purpose(name: str) -> None:
    clauses, policy = load(SPEC, name)["clauses"], load(SPEC, name, "machine.jsonld")
    assert (policy["@type"], policy["conflict"]) == ("Offer", "prohibit")
    purposes = json.loads((SPEC / "purposes.json").read_bytes())
    for purpose, clause in purposes.items():
        assert machine_value(policy, purpose) == clauses.get(clause, "optional"), purpose


@pytest.mark.parametrize("name", LAUNCH)
def test_launch_agreements_mean_what_their_prose_says(name: str) -> None:
    assert check_meaning(SPEC, name, LAUNCH[name]) == []


def test_the_launch_set_is_these_five() -> None:
    matrix = json.loads((SPEC / "roster/matrix.json").read_bytes())
    assert {a["id"] for a in matrix["agreements"] if a["launch"]} == set(LAUNCH)
    assert len(matrix["agreements"]) == 13


@pytest.mark.parametrize("name", LAUNCH)
def test_no_launch_agreement_lets_data_reach_third_parties(name: str) -> None:
    policy = load(SPEC, name, "machine.jsonld")
    banned = [r for r in policy["prohibition"] if r["action"] == "distribute"]
    assert {r["target"] for r in banned} == {"dpv:PersonalData", "dpv:AnonymisedData"}
    assert not any("constraint" in rule for rule in banned)
    assert not any(rule["action"] == "distribute" for rule in policy["permission"])


def test_a_matrix_with_two_contributions_swapped_is_caught(copy: Path) -> None:
    for name, other in (("PDC-AI", "PDC-GOOD"), ("PDC-GOOD", "PDC-AI")):
        edit_clauses(copy, name, LAUNCH[other])
    roster.generate(copy)
    assert roster.drift(copy) == []
    for name in ("PDC-AI", "PDC-GOOD"):
        wrong = check_meaning(copy, name, LAUNCH[name])
        for part in ("manifest", "machine form, ai-training-operation", "en, public-good"):
            assert any(line.startswith(f"{name}: {part}") for line in wrong), part
    assert check_meaning(copy, "PDC-INTENT", LAUNCH["PDC-INTENT"]) == []


def test_ai_training_read_as_prohibited_is_caught(copy: Path) -> None:
    edit_clauses(copy, "PDC-AI", LAUNCH["PDC-AI"] | {"ai-training-operation": "prohibited"})
    roster.generate(copy)
    assert len(check_meaning(copy, "PDC-AI", LAUNCH["PDC-AI"])) >= 4


def test_purposes_fit_the_matrix() -> None:
    matrix = json.loads((SPEC / "roster/matrix.json").read_bytes())
    purposes = json.loads((SPEC / "purposes.json").read_bytes())
    assert set(purposes.values()) == {*matrix["clauses"], None}
    assert list(purposes.values()).count(None) == 5
    assert {clause: purposes[purpose] for clause, purpose in PURPOSE.items()} == {
        clause: clause for clause in matrix["clauses"]
    }


@pytest.mark.parametrize(
    ("clauses", "said"),
    [
        (CLOSED | {"data-portability": "allowed"}, "unknown value"),
        (CLOSED | {"telepathy": "required"}, "unknown, or out of the order"),
    ],
)
def test_a_matrix_that_contradicts_itself_is_refused(copy: Path, clauses: dict[str, str], said: str) -> None:
    edit_clauses(copy, "SD-BASE", clauses)
    with pytest.raises(roster.RosterError, match=said):
        roster.generate(copy)
