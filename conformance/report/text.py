"""The report as people read it at a console: what is broken, what was said, how to say it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.report.transcript import Block, Step, steps, unlinked, visible

__all__ = ["COLOURS", "failure", "outcome", "plain", "show", "summary"]

Json = Mapping[str, Any]

COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "warn": "yellow",
    "inconclusive": "magenta",
    "not-judged": "dim",
    "not-applicable": "dim",
}
_SHOWN = ("pass", "fail", "warn", "inconclusive", "not-judged")


def console(*, err: bool = False) -> Console:
    """A console that colours only on a terminal, and never with NO_COLOR."""
    return Console(stderr=err, soft_wrap=True, highlight=False, markup=False, emoji=False)


def show(document: Json, out: Console | None = None) -> None:
    """The whole report: failures, warnings, what stayed open, the table, the verdict."""
    out = out or console()
    for entry in _first(document["failures"]):
        out.print(failure(entry, document))
    for entry in _first(document["warnings"]):
        out.print(failure(entry, document))
    for entry in document["requirements"]:
        if entry["verdict"] == "inconclusive" and not document["control"]:
            out.print(Text.assemble(("OPEN ", COLOURS["inconclusive"]), f"{entry['id']} {entry['level']}"))
            out.print(f"  {visible(unlinked(entry['text']))}")
            out.print(f"  {visible(entry['reason'])}\n")
    for entry in document["baseline"]["stale"]:
        what = " ".join(part for part in (entry["requirement"], entry["check"]) if part)
        out.print(
            Text.assemble(("STALE", "yellow"), f" baseline, line {entry['line']}: {what}: {entry['why']}")
        )
    out.print(summary(document))
    out.print(outcome(document))


def plain(entry: Json, document: Json) -> str:
    """A failure without any colour."""
    return failure(entry, document).plain


def _first(entries: list[Any]) -> list[Any]:
    """One entry a requirement; the others are told with it."""
    return list({entry["requirement"]: entry for entry in reversed(entries)}.values())[::-1]


def failure(entry: Json, document: Json) -> Text:
    """One failure whole, with the further checks that broke the same requirement in a line each."""
    rule = next(r for r in document["requirements"] if r["id"] == entry["requirement"])
    listed = document["failures"] if entry in document["failures"] else document["warnings"]
    alike = [f for f in listed if f["requirement"] == entry["requirement"]]
    head, colour = ("FAIL", COLOURS["fail"]) if listed is document["failures"] else ("WARN", COLOURS["warn"])
    known = entry["known"]
    text = Text.assemble((f"{head} {entry['requirement']}", colour), f" {rule['level']}")
    count = sum(f["count"] for f in alike)
    text.append(f", {count} times" if count > 1 else "")
    text.append(" (known)" if known else "", "yellow")
    for line in _sentence(rule):
        text.append(f"\n  {line}")
    if known:
        issue = f" ({known['issue']})" if known["issue"] else ""
        text.append(f"\n  known: {visible(known['reason'])}{issue}", "yellow")
    text.append(f"\n\n  check     {visible(entry['check'])}\n  expected  ")
    text.append(_indented(entry["expected"]), "green")
    text.append("\n  got       ")
    text.append(_indented(entry["got"]), "red")
    text.append("\n")
    told = steps(entry)
    for step in told:
        _add_step(text, step)
    if told:
        text.append("\n  the same again with curl, while the tokens are fresh:\n")
        for step in told:
            text.append(f"    {step.curl}\n")
    if entry["replay"]:
        text.append(f"\n  signed afresh: vrm-conformance replay {entry['replay']}\n")
    text.append(f"  seed {document['seed']}\n")
    for other in alike:
        if other is not entry:
            times = f", {other['count']} times" if other["count"] > 1 else ""
            replay = f", {other['replay']}" if other["replay"] else ""
            text.append(f"  also by {visible(other['check'])}{times}{replay}: ")
            text.append(f"expected {_one(other['expected'])}; got {_one(other['got'])}\n")
    return text


def _sentence(rule: Json) -> Iterator[str]:
    if rule["text"]:
        yield visible(unlinked(rule["text"]))
        yield rule["link"]
    else:
        yield "a requirement that this spec does not have"


def _indented(text: str) -> str:
    return visible(text).replace("\n", "\n            ")


def _one(text: str) -> str:
    return visible(" ".join(text.split()))


def _add_step(text: Text, step: Step) -> None:
    text.append(f"\n  {step.number}. {step.label}\n", "bold")
    text.append(f"     {step.request}\n")
    for block in step.sent:
        _add_block(text, "> ", block)
    text.append(f"     = {step.answer}\n")
    for block in step.got:
        _add_block(text, "< ", block)


def _add_block(text: Text, sign: str, block: Block) -> None:
    text.append(f"     {sign}{block.caption}\n", "dim")
    for line in block.lines:
        gutter = " >>> " if line.marked else "     "
        text.append(f"  {gutter}{sign}  {line.text}\n", "bold red" if line.marked else "")


def summary(document: Json) -> Table:
    """Verdicts by profile; MUST and SHOULD apart."""
    table = Table(box=SIMPLE, title=None, pad_edge=False)
    table.add_column("profile")
    table.add_column("level")
    for verdict in _SHOWN:
        table.add_column(verdict.replace("-", " "), justify="right")
    for profile in document["profiles"]:
        if not profile["judged"]:
            continue
        for level, counts in profile["verdicts"].items():
            if any(counts[v] for v in _SHOWN):
                cells = [Text(str(counts[v]), COLOURS[v] if counts[v] else "dim") for v in _SHOWN]
                table.add_row(profile["name"], level, *cells)
    return table


def outcome(document: Json) -> Text:
    """The verdict in a few lines."""
    words = {
        0: ("CONFORMANT", "bold green"),
        1: ("NOT CONFORMANT", "bold red"),
        3: ("INCONCLUSIVE", "bold magenta"),
        4: ("STALE BASELINE", "bold yellow"),
    }
    word, colour = words[document["exit"]]
    if document["exit"] == 0 and not document["conformant"]:
        word, colour = "NOT CONFORMANT, and nothing that the baseline does not know", "bold yellow"
    text = Text.assemble((word, colour), f"  {visible(document['target'])}")
    judged = ", ".join(p["name"] for p in document["profiles"] if p["judged"])
    text.append(f"\n{judged or 'no profile'}; spec {document['spec']}, suite {document['suite']}, ")
    text.append(f"seed {document['seed']}, {document['mode']}, {document['seconds']:.0f} s")
    if document["control"]:
        text.append("\nNothing is scored, for the positive control failed: ", "magenta")
        text.append(visible(document["control"]))
    return text
