"""What the verbs share: JSON and people's text, reports, files, keys.

With ``--json`` stdout holds JSON and nothing else, one object a line; text for people goes to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from vrmproto.findings import Report
    from vrmproto.keys import PublicKey
    from vrmproto.spec import Spec

__all__ = [
    "JsonOption",
    "KeyOption",
    "SpecOption",
    "console",
    "emit",
    "read_input",
    "read_keys",
    "show_report",
    "spec_at",
    "styled",
    "unconnected",
    "usage",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
SpecOption = Annotated[Path | None, typer.Option("--spec", help="Use another spec folder.")]
KeyOption = Annotated[
    list[Path] | None,
    typer.Option("--key", help="Keys of organisations or homes: a JWK, a JWK Set or a discovery document."),
]


def console(*, err: bool = False) -> Console:
    """A rich console; it keeps to NO_COLOR and to what is no terminal by itself."""
    from rich.console import Console

    return Console(stderr=err, soft_wrap=True, highlight=False, markup=False, emoji=False)


def emit(value: Any) -> None:
    """One line of JSON on stdout."""
    import orjson

    sys.stdout.write(orjson.dumps(value).decode() + "\n")


def styled(text: str, **style: Any) -> str:
    """Text for ``typer.echo``, which drops styles off a terminal, but does not know NO_COLOR."""
    import os

    return text if os.environ.get("NO_COLOR") else typer.style(text, **style)


def unconnected(error: BaseException | None) -> str:
    """Why there was no connection, in words that are not the library's."""
    import os

    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "there is no such host"
    number = error.os_error.errno if isinstance(error, aiohttp.ClientConnectorError) else None
    if number is not None and number > 0:
        return os.strerror(number)
    return str(error or "") or "no connection"


def usage(message: str) -> typer.Exit:
    """Say what is wrong with the call; raise what comes back."""
    typer.echo(f"vrmproto: {message}", err=True)
    return typer.Exit(2)


def spec_at(folder: Path | None) -> Spec:
    """The spec of a folder, by default the one that comes with this library."""
    from vrmproto import spec

    if folder is not None and not (folder / "envelope.json").is_file():
        raise usage(f"{folder}: is no spec folder, for it has no envelope.json")
    return spec.load(folder)


def read_input(name: str) -> bytes:
    """A file, or stdin for ``-``."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def read_keys(paths: Iterable[Path] | None) -> dict[str, PublicKey]:
    """Public keys by ``kid``: of a JWK, a JWK Set, or a document with a member ``keys``."""
    from vrmproto import keys, strictjson
    from vrmproto.errors import ProtocolError

    found: dict[str, PublicKey] = {}
    for path in paths or ():
        document, broken = strictjson.read(path.read_bytes())
        listed = document.get("keys", [document])
        if broken or not isinstance(listed, list):
            raise usage(f"{path}: is neither a JWK nor a JWK Set")
        if not listed:
            raise usage(f"{path}: holds no key")
        for entry in listed:
            jwk = entry.get("jwk", entry) if isinstance(entry, dict) else {}
            try:
                key = keys.from_jwk(jwk)
            except ProtocolError as error:
                raise usage(f"{path}: {error.detail}") from None
            found[key.kid] = key
    return found


def show_report(report: Report, title: str, spec: Spec | None = None) -> None:
    """A report for people: the verdict, what failed with the sentence it breaks, what is only trusted."""
    out = console()
    passed = len(report.checks) - len(report.failed)
    out.print(f"{title}: ", end="")
    verdict, style = ("holds", "bold green") if report.ok else ("DOES NOT HOLD", "bold red")
    out.print(f"{report.kind} {verdict}", style=style, end="")
    out.print(f" ({passed} of {len(report.checks)} checks passed)")
    for check in report.failed:
        out.print("  failed ", style="red", end="")
        marks = " ".join(m for m in (check.code, check.requirement) if m)
        out.print(f"{check.name}: {check.detail}" + (f" [{marks}]" if marks else ""))
        rule = spec.requirements.get(check.requirement) if spec else None
        if rule is not None:
            out.print(f"         {rule.text}", style="dim")
    if report.self_homed:
        out.print("  self-homed: the home belongs to a party, so its word is the party's own", style="yellow")
    for what in report.trusted:
        out.print(f"  on the home's word: {what}", style="yellow")
    if report.ok and "erased" in report.facts:
        gone = report.facts["erased"]
        out.print(f"  erased, not tampered with: {gone} messages, of which the receipts make one chain")
    _show_facts(out, {n: v for n, v in report.facts.items() if n != "erased"})


def _show_facts(out: Console, facts: Mapping[str, Any]) -> None:
    from vrmproto import timing

    for name, value in facts.items():
        if name == "messages":
            for m in value:
                line = f"  {m['seq']:>4}  {timing.text(m['iat'])}  {m['type']} -> {m['state']}  {m['mid']}"
                out.print(line + ("  (erased)" if m.get("erased") else ""))
        elif isinstance(value, dict):
            out.print(f"  {_label(name)}: " + ", ".join(f"{k} {v}" for k, v in value.items()))
        elif name in ("executed_at", "checked_at"):
            out.print(f"  {_label(name)}: {timing.text(value)}")
        else:
            said = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
            out.print(f"  {_label(name)}: {said}")


def _label(fact: str) -> str:
    """A fact's name for people; the JSON keeps the short one."""
    labels = {"known_here": "agreement is in this spec", "first_now": "identifier of the first party now"}
    return labels.get(fact, fact.replace("_", " "))
