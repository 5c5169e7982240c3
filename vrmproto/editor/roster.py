"""Generates the roster of agreements from its matrix, and finds drift.

Inputs, all under the spec directory:

* `roster/matrix.json`: which agreement gives which clause which value;
* `roster/phrases.json`: titles, introductions and sentences, per language;
* `purposes.json`: purpose IRI -> clause, or null.

Outputs: per agreement `roster/<id>/<version>/` with `plain.<lang>.md`,
`machine.jsonld`, `legal.en.md` and `manifest.json`; and `roster/roster.json`.

    python -m vrmproto.editor.roster [--check] SPEC_DIR
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

MATRIX = "roster/matrix.json"
PHRASES = "roster/phrases.json"
PURPOSES = "purposes.json"
INPUTS = (MATRIX, PHRASES, PURPOSES)
ROSTER = "roster/roster.json"

PLAIN_LANGUAGES = ("en", "de")
PREVAILS = {"layer": "legal", "lang": "en"}
MARKDOWN = "text/markdown"
JSON_LD = "application/ld+json"

IEEE_7012 = "https://w3id.org/dpv/standards/ieee/7012#"
FIRST_PARTY = IEEE_7012 + "Person"
SECOND_PARTY = IEEE_7012 + "Entity"
CONTEXT: list[str | dict[str, str]] = [
    "http://www.w3.org/ns/odrl.jsonld",
    {"dct": "http://purl.org/dc/terms/", "dpv": "https://w3id.org/dpv#"},
]
# What a clause is about, as (action, target); USE for all others.
USE = ("use", "dpv:PersonalData")
SHARING = {
    "share-anonymised": ("distribute", "dpv:AnonymisedData"),
    "share-third-party": ("distribute", "dpv:PersonalData"),
}
ACTIONS = SHARING | {"data-portability": ("dpv:MakeAvailable", "dpv:PersonalData")}


class RosterError(ValueError):
    """The inputs contradict one another; the message says where."""


def build(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Returns every generated file: path -> bytes.

    Paths are relative to the spec directory, as those of `files`, which must
    hold the three `INPUTS`.
    """
    matrix: Json = json.loads(files[MATRIX])
    phrases: Json = json.loads(files[PHRASES])
    purposes: dict[str, str | None] = json.loads(files[PURPOSES])
    found = list(problems(matrix, phrases, purposes))
    if found:
        raise RosterError("; ".join(found))
    outputs: dict[str, bytes] = {}
    for agreement in matrix["agreements"]:
        folder = folder_of(agreement)
        made = _agreement_files(agreement, matrix, phrases, purposes)
        outputs |= {f"{folder}/{name}": data for name, data in made.items()}
    outputs[ROSTER] = to_json(_roster(matrix, outputs))
    return outputs


def generate(spec_dir: Path) -> list[Path]:
    """Writes the generated files; returns those whose bytes changed.

    Stale files are left for a person to remove: `drift` names them.
    """
    changed: list[Path] = []
    for name, data in build(_read_inputs(spec_dir)).items():
        path = spec_dir / name
        if path.is_file() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        changed.append(path)
    return changed


def drift(spec_dir: Path) -> list[str]:
    """Returns one line per file that is not as generated; writes nothing.

    A file is `missing`, `differs` from what the inputs give, or is `stale`: in
    an agreement's folder, but not generated.
    """
    expected = build(_read_inputs(spec_dir))
    lines = [line for name in expected if (line := _compare(spec_dir, name, expected[name]))]
    present = (p for p in (spec_dir / "roster").glob("*/**/*") if p.is_file())
    names = (p.relative_to(spec_dir).as_posix() for p in present)
    return sorted(lines + [f"stale: {name}" for name in names if name not in expected])


def digest(data: bytes) -> str:
    """Unpadded base64url of SHA-256, the form of every hash in the roster."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")


def to_json(value: object) -> bytes:
    """The one spelling of generated JSON: members in the order given."""
    return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False) + "\n").encode()


def folder_of(agreement: Json) -> str:
    """The folder of an agreement, relative to the spec directory."""
    return f"roster/{agreement['id']}/{agreement['version']}"


def problems(matrix: Json, phrases: Json, purposes: Mapping[str, str | None]) -> Iterator[str]:
    """Yields one line per contradiction between the inputs."""
    seen: set[tuple[str, str]] = set()
    for agreement in matrix["agreements"]:
        key = (agreement["id"], agreement["version"])
        if key in seen:
            yield f"{key[0]} {key[1]}: listed twice"
        seen.add(key)
        yield from _agreement_problems(agreement, matrix, phrases)
    for clause in matrix["clauses"]:
        if clause not in phrases["clauses"]:
            yield f"clause {clause}: no phrases"
        if clause not in purposes.values():
            yield f"clause {clause}: no purpose"
    for purpose, of in purposes.items():
        if of is not None and of not in matrix["clauses"]:
            yield f"purpose {purpose}: unknown clause {of}"


def _agreement_problems(agreement: Json, matrix: Json, phrases: Json) -> Iterator[str]:
    name, clauses = agreement["id"], agreement["clauses"]
    if name not in phrases["agreements"]:
        yield f"{name}: no title and introduction"
    if list(clauses) != [clause for clause in matrix["clauses"] if clause in clauses]:
        yield f"{name}: a clause is unknown, or out of the order of the matrix"
    for clause, value in clauses.items():
        if value not in matrix["values"]:
            yield f"{name}: {clause} has the unknown value {value}"


def _read_inputs(spec_dir: Path) -> dict[str, bytes]:
    return {name: (spec_dir / name).read_bytes() for name in INPUTS}


def _compare(spec_dir: Path, name: str, data: bytes) -> str | None:
    path = spec_dir / name
    if not path.is_file():
        return f"missing: {name}"
    return None if path.read_bytes() == data else f"differs: {name}"


def _agreement_files(
    agreement: Json, matrix: Json, phrases: Json, purposes: Mapping[str, str | None]
) -> dict[str, bytes]:
    """File name -> bytes, for one agreement's folder."""
    made: dict[str, bytes] = {}
    texts: list[Json] = []

    def add(name: str, layer: str, lang: str, media_type: str, data: bytes) -> None:
        made[name] = data
        texts.append({"layer": layer, "lang": lang, "media_type": media_type, "sha256": digest(data)})

    for lang in PLAIN_LANGUAGES:
        page = plain(agreement, matrix, phrases, lang)
        add(f"plain.{lang}.md", "plain", lang, MARKDOWN, page.encode())
    policy = to_json(machine(agreement, matrix, phrases, purposes))
    add("machine.jsonld", "machine", "en", JSON_LD, policy)
    add("legal.en.md", "legal", "en", MARKDOWN, legal(agreement, matrix, phrases).encode())
    made["manifest.json"] = to_json(_manifest(agreement, texts))
    return made


def _manifest(agreement: Json, texts: list[Json]) -> Json:
    members = {name: agreement[name] for name in ("id", "version", "iri", "class", "clauses")}
    return {**members, "texts": texts, "prevails": PREVAILS}


def _roster(matrix: Json, outputs: Mapping[str, bytes]) -> Json:
    def row(agreement: Json) -> Json:
        return {
            "id": agreement["id"],
            "version": agreement["version"],
            "digest": digest(outputs[f"{folder_of(agreement)}/manifest.json"]),
            "class": agreement["class"],
            "iri": agreement["iri"],
        }

    head = {name: matrix[name] for name in ("id", "version", "publisher")}
    return {**head, "agreements": [row(agreement) for agreement in matrix["agreements"]]}


# Texts for people


def plain(agreement: Json, matrix: Json, phrases: Json, lang: str) -> str:
    """The plain-language page, Markdown: one section per value that occurs."""
    words, page = phrases["agreements"][agreement["id"]][lang], phrases["pages"][lang]
    heading = f"# {agreement['id']} {agreement['version']}: {words['title']}"
    blocks = [heading, words["introduction"]]
    for value in matrix["values"]:
        lines = _plain_lines(agreement, value, phrases, lang)
        if value == "optional":
            other = page["other"]["act"].format(missing=_missing(agreement, matrix, phrases, lang))
            lines.append(f"- **{page['other']['name']}**: {other}.")
        if lines:
            means = phrases["values"][value][lang]
            blocks += [f"## {means['label']}", means["sentence"], "\n".join(lines)]
    blocks += [f"## {page['general']}", "\n".join(f"- {rule}" for rule in page["rules"])]
    return "\n\n".join(blocks) + "\n"


def _plain_lines(agreement: Json, value: str, phrases: Json, lang: str) -> list[str]:
    """One list item per clause that has this value."""
    clauses = [clause for clause, given in agreement["clauses"].items() if given == value]
    lines = []
    for clause in clauses:
        words = phrases["clauses"][clause][lang]
        said = _with_note(f"{words['act']}.", words, value)
        lines.append(f"- **{words['name']}**: {said}")
    return lines


def legal(agreement: Json, matrix: Json, phrases: Json) -> str:
    """The illustrative legal text, Markdown, in numbered sections."""
    page = phrases["pages"]["legal"]
    title = phrases["agreements"][agreement["id"]]["en"]["title"]
    blocks = [
        page["notice"],
        f"# {agreement['id']} {agreement['version']}: {title}",
        f"Identifier of the agreement: <{agreement['iri']}>.",
    ]
    missing = _missing(agreement, matrix, phrases, "legal")
    for number, section in enumerate(page["sections"], 1):
        blocks.append(f"## {number}. {section['title']}")
        paragraphs = _paragraphs(section["text"], agreement, phrases)
        blocks += [f"{number}.{n} {text}" for n, text in enumerate(paragraphs, 1)]
    return "\n\n".join(blocks).replace("{missing}", missing) + "\n"


def _paragraphs(texts: Sequence[str], agreement: Json, phrases: Json) -> list[str]:
    """The paragraphs of a section; `{clauses}` stands for one per clause."""
    if list(texts) != ["{clauses}"]:
        return list(texts)
    return [_legal_clause(clause, value, phrases) for clause, value in agreement["clauses"].items()]


def _legal_clause(clause: str, value: str, phrases: Json) -> str:
    words, means = phrases["clauses"][clause]["legal"], phrases["values"][value]["legal"]
    said = _with_note(means["sentence"].format(act=words["act"]), words, value)
    return f"**{words['name']}: {means['label']}.** {said}"


def _with_note(said: str, words: Json, value: str) -> str:
    """The sentence, and what else this value means for this clause."""
    note: str | None = words["notes"].get(value)
    return f"{said} {note}" if note else said


def _missing(agreement: Json, matrix: Json, phrases: Json, voice: str) -> str:
    """The names of the clauses that the agreement does not have."""
    return ", ".join(
        phrases["clauses"][clause][voice]["name"]
        for clause in matrix["clauses"]
        if clause not in agreement["clauses"]
    )


# The text for machines


def machine(agreement: Json, matrix: Json, phrases: Json, purposes: Mapping[str, str | None]) -> Json:
    """The agreement as an ODRL 2.2 offer by the first party to the second.

    required: a permission and an obligation; permitted: a permission; optional:
    a permission whose duty is to obtain consent; prohibited: a prohibition.
    Purposes without a clause here get a permission with that duty.
    """
    uid = f"{matrix['publisher']}/roster/{agreement['id']}/{agreement['version']}"
    rules: dict[str, list[Json]] = {"permission": [], "prohibition": [], "obligation": []}
    for clause, value in agreement["clauses"].items():
        for kind, rule in _rules(uid, clause, value, _iris(purposes, [clause])):
            rules[kind].append(rule)
    others: list[str | None] = [c for c in matrix["clauses"] if c not in agreement["clauses"]]
    other = _rule(f"{uid}#other-purposes", USE, _iris(purposes, [*others, None]))
    rules["permission"].append(other | {"duty": [_consent()]})
    return {
        "@context": CONTEXT,
        "uid": uid,
        "@type": "Offer",
        "dct:type": {"@id": agreement["iri"]},
        "dct:title": {
            "@language": "en",
            "@value": phrases["agreements"][agreement["id"]]["en"]["title"],
        },
        "conflict": "prohibit",
        "assigner": FIRST_PARTY,
        "assignee": SECOND_PARTY,
        **{kind: listed for kind, listed in rules.items() if listed},
    }


def _rules(uid: str, clause: str, value: str, iris: list[str]) -> list[tuple[str, Json]]:
    """The ODRL rules, each with its kind, that one value of a clause means."""
    rule = _rule(f"{uid}#{clause}", ACTIONS.get(clause, USE), iris)
    if value == "prohibited" and clause in SHARING:
        # The act itself is prohibited, whatever its purpose, and so is the purpose.
        act = _rule(f"{uid}#{clause}", SHARING[clause])
        purpose = _rule(f"{uid}#{clause}-purpose", USE, iris)
        return [("prohibition", act), ("prohibition", purpose)]
    if value == "prohibited":
        return [("prohibition", rule)]
    if value == "optional":
        return [("permission", rule | {"duty": [_consent()]})]
    if value == "permitted":
        return [("permission", rule)]
    return [("permission", rule), ("obligation", rule | {"uid": f"{uid}#{clause}-owed"})]


def _rule(uid: str, action: tuple[str, str], iris: Sequence[str] = ()) -> Json:
    """A rule about these purposes; without purposes, about all of them."""
    rule: Json = {"uid": uid, "action": action[0], "target": action[1]}
    if iris:
        right = [{"@id": iri} for iri in iris]
        purpose = {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": right}
        rule["constraint"] = [purpose]
    return rule


def _consent() -> Json:
    return {"action": "obtainConsent", "consentingParty": FIRST_PARTY}


def _iris(purposes: Mapping[str, str | None], clauses: Sequence[str | None]) -> list[str]:
    """The purposes of these clauses (None: those without one), in file order."""
    return [iri for iri, clause in purposes.items() if clause in clauses]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 1 on drift or bad inputs."""
    parser = argparse.ArgumentParser(prog="python -m vrmproto.editor.roster")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    parser.add_argument("spec_dir", type=Path)
    options = parser.parse_args(arguments)
    try:
        lines = _run(options.spec_dir, options.check)
    except (RosterError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines and options.check else 0


def _run(spec_dir: Path, check: bool) -> list[str]:
    if check:
        return drift(spec_dir)
    return [f"written: {path}" for path in generate(spec_dir)]


if __name__ == "__main__":
    sys.exit(main())
