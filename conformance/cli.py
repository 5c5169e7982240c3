"""``vrm-conformance``: point it at a home and learn the truth."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from conformance.jose import Key
    from vrmproto.spec import Spec

__all__ = ["app", "main"]

app = typer.Typer(
    name="vrm-conformance",
    help="The conformance suite of the VRM protocol.",
    epilog="Exit codes: 0 conformant; 1 something failed; 2 wrong usage, or nothing at the URL to judge; "
    "3 something required was inconclusive; 4 the baseline has an entry that is stale.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
check = typer.Typer(help="Judge an implementation, or files.", no_args_is_help=True)
app.add_typer(check, name="check")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
SpecDir = Annotated[Path | None, typer.Option("--spec", help="Judge by another spec folder.")]
Profiles = Annotated[
    str, typer.Option(help="Profiles, such as core,terms; by default those that the home claims.")
]
Baseline = Annotated[Path | None, typer.Option(help="A file of failures that are known, with reasons.")]
ReportDir = Annotated[
    Path | None,
    typer.Option(help="Write report.json, report.html, junit.xml, badge.json and claim.jwt here."),
]
Origin = Annotated[
    str,
    typer.Option(
        metavar="FORM",
        help="Where organisations are played: https://*.vendors.example, with a name for each of them; "
        "loopback, by default for homes there; or none.",
    ),
]
Listen = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Where they are served over plain HTTP for what ends TLS at those origins."
    ),
]
OperatorKey = Annotated[
    Path | None,
    typer.Option(help="The home's own keys, a JWK or JWK Set with private parts: its operator is played."),
]
ClaimKey = Annotated[
    Path | None, typer.Option(help="The key that signs claims; it is made if it is not there.")
]
_LISTEN = "127.0.0.1:8088"
Url = Annotated[str, typer.Option("--url", help="The URL of the home.")]


def _spec(folder: Path | None) -> Spec:
    from vrmproto import spec

    try:
        return spec.load(folder)
    except spec.SpecError as error:
        raise _stop(str(error)) from None


def _stop(text: str, code: int = 2) -> typer.Exit:
    typer.echo(f"vrm-conformance: {text}", err=True)
    return typer.Exit(code)


class _Line:
    """One line on stderr that is written over, on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last = 0.0

    def tell(self, text: str) -> None:
        if self.live:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
        elif time.monotonic() - self.last > 5:
            self.last = time.monotonic()
            sys.stderr.write(f"{text}\n")

    def end(self) -> None:
        if self.live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@check.command()
def server(
    url: Url,
    profile: Profiles = "",
    quick: Annotated[bool, typer.Option("--quick", help="The most telling, in about 20 s.")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="Everything, for minutes.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed sends the same.")] = 0,
    max_time: Annotated[float, typer.Option(min=0, help="Seconds; what is unreached is inconclusive.")] = 0,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End soon after the first failure; the rest stays open.")
    ] = False,
    level: Annotated[
        str, typer.Option(help="must; with should a SHOULD that is not kept fails too.")
    ] = "must",
    baseline: Baseline = None,
    report_dir: ReportDir = None,
    origin: Origin = "",
    listen: Listen = _LISTEN,
    operator_key: OperatorKey = None,
    claim_key: ClaimKey = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Judge a home, known by its URL alone."""
    from conformance import baseline as baselines
    from conformance import loop, report
    from conformance.results import Verdict
    from conformance.runner import Options, Progress, run
    from conformance.target import Unreachable

    loaded = _spec(spec)
    wanted = tuple(p.strip() for p in profile.split(",") if p.strip())
    if unknown := [p for p in wanted if p not in loaded.profiles]:
        raise _stop(f"--profile {unknown[0]}: is none of {', '.join(loaded.profiles)}")
    if level not in ("must", "should"):
        raise _stop(f"--level {level}: is to be must or should")
    if quick and thorough:
        raise _stop("--quick and --thorough: one of them")
    try:
        known = baselines.read(baseline, loaded.requirements) if baseline else baselines.Baseline()
    except baselines.BaselineError as error:
        raise _stop(str(error)) from None
    options = Options(
        url,
        wanted,
        "quick" if quick else "thorough" if thorough else "default",
        seed,
        max_time,
        fail_fast=fail_fast,
        origins=_origin(origin),
        listen=_listen(listen),
        operator=_operator(operator_key),
    )
    line = _Line()
    try:
        made = loop.run(run(options, loaded, Progress(line.tell)))
    except Unreachable as error:
        raise _stop(str(error)) from None
    finally:
        line.end()
    if level == "should":
        from dataclasses import replace

        made.outcomes = [
            replace(o, verdict=Verdict.FAIL) if o.verdict is Verdict.WARN else o for o in made.outcomes
        ]
    document = report.document(made, loaded, known)
    if report_dir is not None:
        report.write(made, loaded, report_dir, _claim_key(claim_key), known)
    if json_:
        typer.echo(json.dumps(document))
    else:
        report.show(document)
        if report_dir is not None:
            typer.echo(f"{report_dir / 'report.html'} is made for people, report.json for machines")
    raise typer.Exit(document["exit"])


def _origin(text: str) -> str:
    """What organisations' origins look like."""
    if text not in ("", "loopback", "none") and not re.fullmatch(r"https://[^/*]*\*[^/*]*", text):
        raise _stop(f"--origin {text}: is to be loopback, none, or an https origin with one * in its name")
    return text


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise _stop(f"--listen {text}: is to be an address and a port, such as {_LISTEN}")
    return host, int(port)


def _operator(path: Path | None) -> Key | None:
    from conformance.selftest import operator_key

    if path is None:
        return None
    try:
        document = json.loads(path.read_bytes())
        return operator_key((document.get("keys") or [document])[0])
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _stop(f"--operator-key {path}: holds no private JWK ({error})") from None


def _claim_key(path: Path | None) -> Key:
    from conformance import report

    try:
        return report.key_at(path)
    except (OSError, ValueError) as error:
        raise _stop(f"--claim-key {path}: {error}") from None


@check.command()
def message(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Tokens, records, bodies, folders.")],
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Judge tokens, bodies, records and folders of them, without any home."""
    from conformance import offline

    loaded, bad, seen = _spec(spec), 0, 0
    for path in files:
        try:
            for name, findings in offline.files(loaded, path):
                seen += 1
                bad += bool(findings)
                if json_:
                    listed = [{"requirement": f.requirement, "what": f.what} for f in findings]
                    typer.echo(json.dumps({"file": name, "valid": not findings, "findings": listed}))
                for one in () if json_ else findings:
                    rule = loaded.requirements.get(one.requirement)
                    typer.echo(f"{name}: {one.requirement or 'unreadable'}: {one.what}")
                    if rule is not None:
                        typer.echo(f"  {rule.text}")
        except OSError as error:
            raise _stop(f"{path}: cannot be read ({error.strerror})") from None
    if not json_:
        typer.echo(f"{seen} judged, {bad} broken")
    raise typer.Exit(1 if bad else 0)


def _agents(role: str) -> None:
    raise _stop(f"agents are not judged yet: check {role} comes with the control protocol for agents")


@check.command()
def vendor(command: Annotated[str, typer.Option(help="How to start the agent.")] = "") -> None:
    """Judge a vendor's agent (not there yet)."""
    _agents("vendor")


@check.command()
def customer(command: Annotated[str, typer.Option(help="How to start the agent.")] = "") -> None:
    """Judge a person's agent (not there yet)."""
    _agents("customer")


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A replay file of a report.")],
    url: Annotated[str, typer.Option(help="The home; by default that of the report.")] = "",
    origin: Origin = "",
    listen: Listen = _LISTEN,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say one failed conversation again, with fresh keys, ids and times."""
    from conformance import loop, replaying, report
    from conformance.results import Run, Verdict
    from conformance.target import Unreachable

    loaded = _spec(spec)
    try:
        document = replaying.read(file)
        where = url or str(document.get("url") or document.get("target") or "")
        if not where:
            raise _stop("name the home with --url")
        where_from = _origin(origin), _listen(listen)
        outcomes = loop.run(replaying.replay(document, where, loaded, str(file), *where_from))
    except (replaying.ReplayError, Unreachable) as error:
        raise _stop(str(error)) from None
    made = Run(where, outcomes=outcomes, profiles=tuple(loaded.profiles), mode="replay")
    verdicts = {o.verdict for o in outcomes}
    if json_:
        listed = [
            {"requirement": o.requirement, "verdict": o.verdict, "expected": o.expected, "got": o.got,
             "reason": o.reason}
            for o in outcomes
        ]  # fmt: skip
        typer.echo(json.dumps({"url": where, "outcomes": listed}))
    else:
        report.show(report.document(made, loaded))
        typer.echo("failed again" if Verdict.FAIL in verdicts else "did not fail this time")
    code = 1 if Verdict.FAIL in verdicts else 3 if verdicts - {Verdict.PASS} else 0
    raise typer.Exit(code)


@app.command()
def diff(
    url: Annotated[list[str], typer.Option("--url", help="A home; name two.")],
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """The same conversations with two homes: where they differ, the spec leaves something open."""
    from conformance import loop, replaying
    from conformance.target import Unreachable

    if len(url) != 2:
        raise _stop("name two homes, each with --url")
    try:
        count, found = loop.run(replaying.diff(url[0], url[1], _spec(spec)))
    except Unreachable as error:
        raise _stop(str(error)) from None
    if json_:
        from dataclasses import asdict

        typer.echo(json.dumps({"conversations": count, "differences": [asdict(d) for d in found]}))
    else:
        for one in found:
            typer.echo(
                f"{one.requirement} {one.conversation}, message {one.message}: {one.one} | {one.other}"
            )
        typer.echo(f"{count} conversations, {len(found)} differ")
    raise typer.Exit(1 if found else 0)


@app.command("list")
def list_(spec: SpecDir = None, json_: Json = False) -> None:
    """Every requirement with what judges it."""
    from conformance import coverage
    from conformance.runner import exclusions

    loaded = _spec(spec)
    judged, excluded = coverage.checks_of(loaded), exclusions(loaded)
    for rule in loaded.requirements.values():
        names = judged.get(rule.id, [])
        row = {"id": rule.id, "level": rule.level, "role": rule.role, "profile": rule.profile,
               "checks": names, "excluded": excluded.get(rule.id, "")}  # fmt: skip
        if json_:
            typer.echo(json.dumps(row))
        else:
            told = f"{len(names)} checks" if names else ("excluded" if row["excluded"] else "nothing")
            typer.echo(f"{rule.id:12} {rule.level:10} {rule.role:6} {rule.profile:7} {told}")


@app.command()
def explain(
    id: Annotated[str, typer.Argument(metavar="REQUIREMENT", help="Such as VRM-TRM-004.")],
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """One requirement: its sentence, where it stands, and what judges it."""
    from conformance import coverage
    from conformance.runner import exclusions

    loaded = _spec(spec)
    rule = loaded.requirements.get(id.upper())
    if rule is None:
        import difflib

        near = difflib.get_close_matches(id.upper(), loaded.requirements, 3)
        raise _stop(f"{id}: is no requirement" + (f"; is one of {', '.join(near)} meant?" if near else ""))
    names = coverage.checks_of(loaded).get(rule.id, [])
    excluded = exclusions(loaded).get(rule.id, "")
    if json_:
        row = {"id": rule.id, "level": rule.level, "role": rule.role, "profile": rule.profile,
               "page": rule.page, "text": rule.text, "code": rule.code, "checks": names,
               "excluded": excluded}  # fmt: skip
        typer.echo(json.dumps(row))
        return
    typer.echo(f"{rule.id} ({rule.level}, {rule.role}, profile {rule.profile}; spec/protocol/{rule.page})")
    typer.echo(f"  {rule.text}")
    if rule.code:
        entry = loaded.errors[rule.code]
        typer.echo(f"  refused with: {entry['status']} {rule.code}, {entry['title']}")
    for name in names:
        typer.echo(f"  judged by: {name}")
    if excluded:
        typer.echo(f"  judged by nothing at a URL: {excluded}")


@app.command()
def coverage(
    url: Annotated[
        str, typer.Option(help="A home to walk through; by default the reference of a checkout.")
    ] = "",
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """What is judged and what is not, in figures."""
    from conformance import coverage as covering
    from conformance import selftest as testing
    from conformance.target import Unreachable

    loaded = _spec(spec)
    try:
        transitions = testing.walked(url)
    except (testing.NotHere, Unreachable) as error:
        raise _stop(f"{error}; name a home with --url") from None
    found = covering.measured(loaded, transitions)
    if not json_:
        for name, number in found.figures.items():
            typer.echo(f"{name:26} {', '.join(number) or '-' if isinstance(number, list) else number}")
        for id_, reason in found.excluded.items():
            typer.echo(f"excluded: {id_}: {reason}")
    else:
        typer.echo(json.dumps(dict(found.figures)))
    raise typer.Exit(1 if found.figures["uncovered"] else 0)


@app.command()
def selftest(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds; the worst counts.")] = 1,
    only: Annotated[str, typer.Option(help="Some homes only, by their ids.")] = "",
    workers: Annotated[int, typer.Option(min=0, help="Processes; by default two a core.")] = 0,
    whole: Annotated[bool, typer.Option("--whole", help="All mutants, and not one a rule.")] = False,
    write: Annotated[Path | None, typer.Option(help="Write the kill matrix to this page.")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="Write every verdict as JSON to this file.")] = None,
    json_: Json = False,
) -> None:
    """Measure the suite: which broken homes it catches, and which right ones it fails."""
    from conformance import selftest as testing

    line = _Line()
    began = time.monotonic()
    chosen = frozenset(name for name in only.split(",") if name)
    try:
        known = {one["id"] for one in testing.manifest()} | {testing.REFERENCE}
        if unknown := sorted(chosen - known):
            raise _stop(f"--only {unknown[0]}: is no home of tests/broken/manifest.json")
        found = testing.selftest(range(1, seeds + 1), line.tell, chosen, workers, whole)
    except testing.NotHere as error:
        raise _stop(str(error)) from None
    finally:
        line.end()
    numbers = testing.figures(found, time.monotonic() - began)
    if verdicts is not None:
        verdicts.write_text(json.dumps(testing.to_json(found), indent=1) + "\n")
    if write is not None:
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        write.write_text(testing.matrix(found, numbers, day))
    if not json_:
        for one, result in sorted(found, key=lambda pair: pair[0]["id"]):
            typer.echo(f"{one['id']:45} {testing.said(one, result)}")
    typer.echo(json.dumps(numbers))
    raise typer.Exit(0 if numbers["score"] == 1.0 and not numbers["false_positives"] else 1)


@app.command("verify-claim")
def verify_claim(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="claim.jwt")],
    report: Annotated[Path | None, typer.Option(help="The report.json that it is about.")] = None,
    json_: Json = False,
) -> None:
    """Verify a claim: its signature, and that it is about this report."""
    from conformance import report as reports
    from conformance.jose import claims_of

    try:
        text = file.read_text("ascii").strip()
        data = report.read_bytes() if report else None
    except (OSError, ValueError) as error:
        raise _stop(f"{error}") from None
    faults = reports.verify(text, data)
    if json_:
        typer.echo(
            json.dumps({"valid": not faults, "faults": faults, "claim": None if faults else claims_of(text)})
        )
    elif faults:
        for one in faults:
            typer.echo(f"{file}: {one}")
    else:
        typer.echo(json.dumps(claims_of(text), indent=2))
    raise typer.Exit(1 if faults else 0)


def main() -> None:
    """The command."""
    app()
