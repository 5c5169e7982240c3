"""``vrmproto validate``: tokens and message JSON, from files or stdin, with all that is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli.output import JsonOption, KeyOption, SpecOption

if TYPE_CHECKING:
    from rich.console import Console

    from vrmproto.cli.explain import Judge, Verdict
    from vrmproto.spec import Spec

__all__ = ["inputs", "moment", "register", "show_verdict"]

MAX_LINE = 4 * 1024 * 1024
MAX_WHOLE = 16 * 1024 * 1024
LONG = 1024 * 1024
"""From this size on a terminal shows progress."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(validate)


def validate(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE|TOKEN|-...", help="Files; - or nothing for stdin.")
    ] = None,
    body_type: Annotated[str, typer.Option("--type", help="The inputs are bare bodies of this type.")] = "",
    now: Annotated[str, typer.Option(help="Judge the time too: epoch seconds or 2027-01-15T08:00:00Z.")] = "",
    home: Annotated[str, typer.Option(help="The home's origin; by default the one each message names.")] = "",
    key: KeyOption = None,
    json: JsonOption = False,
    spec: SpecOption = None,
) -> None:
    """Check messages: tokens, claims or bodies as JSON, one or many, also line by line (ndjson).

    Each fault is told with a JSON Pointer, the rule, the requirement and what would be right. The signature
    of an organisation is checked where --key has its key.
    """
    from vrmproto.cli.explain import Judge
    from vrmproto.cli.output import console, emit, read_keys, spec_at, usage

    loaded = spec_at(spec)
    if home and not loaded.valid("shared/origin.json", home):
        raise usage(f"--home {home}: is no origin, such as https://home.example")
    judge = Judge(
        loaded,
        home=home,
        now=moment(now) if now else None,
        known=read_keys(key),
        body_type=body_type,
    )
    out = console()
    count = faulty = unchecked = 0
    last = None
    for verdict in _verdicts(judge, files or ["-"]):
        count += 1
        faulty += not verdict.ok
        unchecked += verdict.signature == "not checked"
        last = verdict
        if json:
            emit(verdict.document(loaded))
        elif not verdict.ok:
            show_verdict(out, verdict, loaded)
    if not json and count == 1 and last is not None and last.ok:
        show_verdict(out, last, loaded)
    note = f"; signature not checked: {unchecked} (no key; see --key)" if unchecked else ""
    console(err=json).print(f"{count} checked, {faulty} faulty{note}")
    if not count:
        typer.echo("vrmproto: there was nothing to check", err=True)
    raise typer.Exit(1 if faulty else 0 if count else 2)


def moment(text: str) -> int:
    """Epoch seconds of ``--now``."""
    from vrmproto import timing
    from vrmproto.cli.output import usage

    try:
        return int(text) if text.isdigit() else timing.seconds(text)
    except ValueError:
        raise usage("--now takes epoch seconds or a time such as 2027-01-15T08:00:00Z") from None


def _verdicts(judge: Judge, names: list[str]) -> Iterator[Verdict]:
    with ExitStack() as stack:
        for name in names:
            if name != "-" and name.count(".") == 2 and len(name) > 60 and not _exists(name):
                yield judge.judge(name.encode(), "argument")
                continue
            handle: IO[bytes] = sys.stdin.buffer if name == "-" else stack.enter_context(open(name, "rb"))
            size = 0 if name == "-" else Path(name).stat().st_size
            advance = _progress(stack, name, size)
            label = "stdin" if name == "-" else name
            for text, read, place in inputs(handle):
                advance(read)
                yield judge.judge(text, label + place)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # too long for a name
        return False


def _progress(stack: ExitStack, name: str, size: int) -> Any:
    """A function to be told of bytes read; it draws on a terminal only, and only for long input."""
    if size < LONG or not sys.stderr.isatty():
        return lambda read: None
    from rich.progress import Progress

    from vrmproto.cli.output import console

    progress = stack.enter_context(Progress(console=console(err=True), transient=True))
    task = progress.add_task(name, total=size)
    pending = [0, 0]

    def advance(read: int) -> None:
        pending[0] += read
        pending[1] += 1
        if pending[1] % 1000 == 0:
            progress.advance(task, pending[0])
            pending[0] = 0

    return advance


def inputs(handle: IO[bytes]) -> Iterator[tuple[bytes, int, str]]:
    """(text, bytes read, place) of each message in a file: lines, or one JSON value over many lines.

    The place is ``:LINE``, and ``[NUMBER]`` from 0 in an array.

    Memory stays bounded: a file is read as a whole only while its first line is no JSON value by itself.
    """
    lines = _lines(handle)
    first = next(lines, None)
    if first is None:
        return
    if first[1][:1] not in (b"{", b"[") or _json(first[1]) is not None:
        yield from _spread(*first)
        for line in lines:
            yield _placed(line)
        return
    held, size = [first], len(first[1])
    for line in lines:
        held.append(line)
        size += len(line[1]) + 1
        if size > MAX_WHOLE:
            break
    whole = b"\n".join(text for _, text in held)
    if _json(whole) is not None:
        yield from _spread(first[0], whole)
    elif len(held) == 1 or first[1] in (b"{", b"["):
        yield whole, size, f":{first[0]}"
    else:
        yield from map(_placed, held)
    for line in lines:
        yield _placed(line)


def _placed(line: tuple[int, bytes]) -> tuple[bytes, int, str]:
    number, text = line
    return text, len(text) + 1, f":{number}"


def _lines(handle: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """(number, text) of the lines that are not blank; of a line that is far too long only its beginning."""
    number = 0
    while line := handle.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := handle.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        if text := line.strip():
            yield number, text


def _json(text: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _spread(line: int, text: bytes) -> Iterator[tuple[bytes, int, str]]:
    """One value that begins at a line, or each item of an array."""
    value = _json(text) if text[:1] == b"[" else None
    if not isinstance(value, list):
        yield _placed((line, text))
        return
    from vrmproto.strictjson import dumps

    for number, item in enumerate(value):
        yield dumps(item), 0 if number else len(text), f":{line}[{number}]"


def show_verdict(out: Console, verdict: Verdict, spec: Spec) -> None:
    """A verdict for people."""
    from vrmproto.cli.explain import sentence

    what = " ".join(w for w in (verdict.what, verdict.type) if w)
    out.print(f"{verdict.source}: {what}: ", end="")
    out.print("ok" if verdict.ok else "faulty", style="green" if verdict.ok else "bold red", end="")
    out.print(f"; signature {verdict.signature}" if verdict.signature != "none" else "")
    told: set[str] = set()
    for fault in verdict.faults:
        rule = fault.code if fault.rule == fault.code else f"{fault.code}, {fault.rule}"
        out.print(f"  {fault.pointer or '(whole)'}: {fault.message}")
        if fault.right != fault.message:
            out.print(f"      right: {fault.right}", style="green")
        text = "" if fault.requirement in told else f": {sentence(spec, fault.requirement)}"
        told.add(fault.requirement)
        out.print(f"      {rule} {fault.requirement}{text}", style="dim")
