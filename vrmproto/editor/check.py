"""Checks a spec folder: every drift between prose, data, schemas, tables, roster and code, in one run.

A fault is a :class:`Finding`, never an exception. A file that breaks its metaschema is not looked at
further; all others are.

    python -m vrmproto.editor.check [--json] [SPEC_DIR]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vrmproto import spec
from vrmproto.editor import (
    blocks,
    counterexamples,
    coverage,
    generate,
    mappings,
    prose,
    releases,
    schemas,
    tables,
    vectors,
)
from vrmproto.editor.folder import (
    ENDPOINTS,
    ERRORS,
    EXCLUSIONS,
    LADDER,
    MATRIX,
    PURPOSES,
    THREADS,
    Finding,
    Folder,
    pointer_of,
    read_all,
    short,
)
from vrmproto.editor.roster import RosterError
from vrmproto.guards import GUARDS

__all__ = ["Finding", "check", "main", "report"]

LAYERS = ("token", "thread", "guard", "request")


def _tables(folder: Folder) -> None:
    if THREADS not in folder.sound:
        return

    def member(name: str, pointer: str) -> bool:
        path = f"messages/{name}.json"
        return path not in folder.schemas or schemas.reaches(folder, path, folder.values[path], pointer)

    for fault in tables.faults(folder.get(THREADS), folder.names("messages"), GUARDS, member):
        folder.add(fault.code, THREADS, fault.message, fault.remedy, pointer=fault.pointer)


def _repeated(values: Sequence[str]) -> list[int]:
    """Places of values that stood before."""
    return [n for n, value in enumerate(values) if value in values[:n]]


def _errors(folder: Folder) -> None:
    if ERRORS not in folder.sound:
        return
    codes = folder.get(ERRORS)["codes"]
    for n in _repeated([c["code"] for c in codes]):
        message = f"the code {codes[n]['code']} is listed twice"
        folder.add("code-duplicate", ERRORS, message, "keep one", pointer=f"/codes/{n}")
    if THREADS in folder.sound:
        guards = set(folder.get(THREADS)["guards"])
        causes = {*folder.get(ERRORS)["checks"], *guards, "request"}
        for n, entry in enumerate(codes):
            if "counted" in entry and not guards.intersection(entry["by"]):
                message = f"{entry['code']} is counted, and no guard answers it"
                remedy = "take counted out: only what guards refuse is counted"
                folder.add("code-counted", ERRORS, message, remedy, pointer=f"/codes/{n}/counted")
            for cause in sorted(set(entry["by"]) - causes):
                message = f"{entry['code']}: {cause} is no check and no guard"
                remedy = "name one of checks, a guard of threads.json, or request"
                folder.add("code-cause", ERRORS, message, remedy, pointer=f"/codes/{n}/by")
    _check_named(folder)
    _check_raised(folder)


def _check_named(folder: Folder) -> None:
    """Each code is named by a requirement or an endpoint."""
    named = {code for endpoint in _endpoint_list(folder) for code in endpoint["codes"]}
    for sentence in folder.requirements.values():
        named.update(re.findall(r"`([a-z-]+)`", sentence.text))
    for code, n in folder.codes.items():
        if code not in named:
            message = f"no requirement and no endpoint names {code}"
            remedy = "end the sentence that it answers with the code in parentheses"
            folder.add("code-unruled", ERRORS, message, remedy, pointer=f"/codes/{n}")


def _check_raised(folder: Folder) -> None:
    """In a checkout, each code stands in the Python beside the folder."""
    package = folder.root.resolve().parent / "vrmproto"
    if not (package / "spec.py").is_file():
        return
    files = [p for p in package.rglob("*.py") if "editor" not in p.parts]
    quoted = {w for p in files for w in re.findall(r"[\"']([a-z]+(?:-[a-z]+)*)[\"']", p.read_text("utf-8"))}
    for code, n in folder.codes.items():
        if code not in quoted:
            message = f"no Python source raises {code}"
            folder.add("code-not-raised", ERRORS, message, "raise it, or take it away", pointer=f"/codes/{n}")


def _endpoint_list(folder: Folder) -> list[Any]:
    return list(folder.get(ENDPOINTS).get("endpoints", ()))


def _endpoints(folder: Folder) -> None:
    endpoints = _endpoint_list(folder)
    names = [e["name"] for e in endpoints]
    for n in _repeated(names):
        message = f"the name {names[n]} stands twice"
        folder.add("endpoint-duplicate", ENDPOINTS, message, "name it otherwise", pointer=f"/endpoints/{n}")
    for n, endpoint in enumerate(endpoints):
        at = f"/endpoints/{n}"
        for form in [endpoint.get("body", {}), *endpoint["answers"]]:
            if "schema" in form and not (folder.root / form["schema"]).is_file():
                message = f"{endpoint['name']}: there is no {form['schema']}"
                folder.add("endpoint-schema", ENDPOINTS, message, "name a file of documents/", pointer=at)
        for code in endpoint["codes"] if ERRORS in folder.sound else ():
            if code not in LAYERS and code not in folder.codes:
                message = f"{endpoint['name']}: {code} is no code and no layer"
                folder.add("code-unknown", ENDPOINTS, message, f"see {ERRORS}", pointer=f"{at}/codes")
        if endpoint.get("under", endpoint["name"]) not in names:
            message = f"{endpoint['name']}: there is no endpoint {endpoint['under']}"
            folder.add("endpoint-under", ENDPOINTS, message, "name an endpoint", pointer=f"{at}/under")


def _profiles(folder: Folder) -> None:
    """A profile is what the pages of protocol/ say that it is."""
    known = set(prose.profiles(folder))
    named = [
        (THREADS, f"/kinds/{n}/profile", k["profile"])
        for n, k in folder.get(THREADS).get("kinds", {}).items()
    ]
    named += [
        (ENDPOINTS, f"/endpoints/{n}/profile", e["profile"]) for n, e in enumerate(_endpoint_list(folder))
    ]
    named += [(p, "/x-profile", s["x-profile"]) for p, s in folder.schemas.items() if "x-profile" in s]
    for path, pointer, name in named:
        if name not in known:
            message, remedy = f"no page is of the profile {name}", "name one of protocol/, or write its page"
            folder.add("profile-unknown", path, message, remedy, pointer=pointer)


def _purposes(folder: Folder) -> None:
    if not folder.sound >= {PURPOSES, MATRIX}:
        return
    purposes, clauses = folder.get(PURPOSES), folder.get(MATRIX)["clauses"]
    for purpose, clause in purposes.items():
        if clause is not None and clause not in clauses:
            message, remedy = f"{clause} is no clause of the roster", f"name one of {MATRIX}, or null"
            pointer = pointer_of([purpose])
            folder.add("purpose-clause", PURPOSES, message, remedy, pointer=pointer)
    for n, clause in enumerate(clauses):
        if clause not in purposes.values():
            message = f"no purpose belongs to the clause {clause}"
            folder.add("clause-purpose", MATRIX, message, f"add one to {PURPOSES}", pointer=f"/clauses/{n}")


def _ladder(folder: Folder) -> None:
    """Each rung once, and types that an organisation may send of its own accord."""
    if not folder.sound >= {LADDER, THREADS}:
        return
    rungs = folder.get(LADDER)["rungs"]
    kinds = folder.get(THREADS)["kinds"].values()
    judged = {r["type"] for k in kinds for r in k["rows"] if "stage-allows" in r.get("guards", ())}
    for n in _repeated([rung["stage"] for rung in rungs]):
        message = f"the rung {rungs[n]['stage']} stands twice"
        folder.add("ladder", LADDER, message, "name it otherwise", pointer=f"/rungs/{n}")
    for n, rung in enumerate(rungs):
        for name in sorted(set(rung["types"]) - judged):
            message = f"{rung['stage']} lists {name}, which no row judges by its rung"
            remedy = "name a type whose row has the guard stage-allows"
            folder.add("ladder", LADDER, message, remedy, pointer=f"/rungs/{n}/types")


def _generated(folder: Folder) -> None:
    """Generated files are byte for byte what their sources give."""
    bad = {"purpose-clause", "clause-purpose", "file-missing", "json-invalid", "meta-invalid"}
    sources = (PURPOSES, MATRIX, "roster/phrases.json")
    if any(f.code in bad and f.file in sources for f in folder.found):
        return
    try:
        lines = generate.drift(folder.root)
    except (RosterError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        message = f"the roster cannot be generated: {short(error)}"
        folder.add("roster-unbuildable", MATRIX, message, "see roster/phrases.json")
        return
    for line in lines:
        state, _, path = line.partition(": ")
        remedy = "remove it" if state == "stale" else "python -m vrmproto.editor.generate SPEC_DIR"
        folder.add("generated-drift", path, f"{state}: not what is generated", remedy)


def _exclusions(folder: Folder) -> None:
    for n, entry in enumerate(folder.get(EXCLUSIONS).get("exclusions", ())):
        pointer = f"/exclusions/{n}/requirement"
        prose.check_known(folder, EXCLUSIONS, entry["requirement"], pointer)
        sentence = folder.requirements.get(entry["requirement"])
        if sentence and (sentence.role != "home" or not sentence.words[0].startswith("MUST")):
            message = f"{sentence.id} is not a MUST of homes"
            folder.add("exclusion", EXCLUSIONS, message, "take it away", pointer=pointer)


_STEPS: tuple[Callable[[Folder], None], ...] = (
    read_all,
    prose.collect,
    *schemas.STEPS,
    *counterexamples.STEPS,
    _tables,
    _errors,
    _endpoints,
    _profiles,
    _purposes,
    _ladder,
    *mappings.STEPS,
    _generated,
    *vectors.STEPS,
    _exclusions,
    releases.check,
    *prose.STEPS,
    *blocks.STEPS,
)


def check(spec_dir: Path, checks: Mapping[str, Sequence[str]] | None = None) -> list[Finding]:
    """Every fault of a spec folder, ordered by file and line; empty if there is none.

    ``checks``: requirement to what judges it (:func:`vrmproto.editor.coverage.read`); without them it is not
    looked whether each MUST is judged.
    """
    folder = Folder(spec_dir)
    if not spec_dir.is_dir():
        return [Finding("file-missing", str(spec_dir), 0, "is no folder", "name a spec folder")]
    if not any((spec_dir / name).exists() for name in ("protocol", "messages", "threads.json")):
        return [Finding("file-missing", str(spec_dir), 0, "is no spec folder", "name one that is")]
    for step in _STEPS:
        step(folder)
    if checks is not None:
        coverage.covered(folder, checks)
    return sorted(set(folder.found), key=lambda f: (f.file, f.line, f.code, f.message))


def report(findings: Sequence[Finding]) -> str:
    """The findings for people, one paragraph each, and how many there are."""
    if not findings:
        return "no findings"
    paragraphs = [
        f"{f.file}:{f.line}: {f.code}\n  {f.message}\n  right would be: {f.remedy}" for f in findings
    ]
    files = len({f.file for f in findings})
    count = f"{len(findings)} finding{'s' * (len(findings) > 1)} in {files} file{'s' * (files > 1)}"
    return "\n".join([*paragraphs, count])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status is 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m vrmproto.editor.check")
    parser.add_argument("--json", action="store_true", help="print the findings as a JSON array")
    parser.add_argument("spec_dir", type=Path, nargs="?", default=spec.folder())
    options = parser.parse_args(arguments)
    findings = check(options.spec_dir)
    if options.json:
        print(json.dumps([dataclasses.asdict(f) for f in findings], indent=1, ensure_ascii=False))
    else:
        print(report(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
