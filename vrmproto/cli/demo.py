"""``vrmproto demo``: a story, played by real processes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vrmproto.cli.output import styled, usage

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    headless: Annotated[bool, typer.Option(help="Play to the end and exit.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON line a step, then a summary.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port of the home; 0 takes a free one. Default 8080, headless 0."
        ),
    ] = None,
    tamper: Annotated[
        str,
        typer.Option(
            metavar="N|every",
            help="Flip one byte on the way in step N, and the story breaks off there; with `every`, one in a "
            "copy of what each step left, and the story goes on if its verification fails.",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Draws which bytes --tamper every flips.")] = 0,
    keep: Annotated[
        Path | None, typer.Option(help="Keep all files of the demo in this folder, new or empty.")
    ] = None,
) -> None:
    """A person, five vendors and a home play a story, each as a process; every step is verified offline."""
    from vrmproto.demo.run import DemoError, run
    from vrmproto.demo.tampering import EVERY

    if keep is not None and keep.exists() and any(keep.iterdir()):
        typer.echo(f"vrmproto demo: {keep} is not empty; --keep takes a new folder", err=True)
        raise typer.Exit(2)
    if tamper not in ("", EVERY) and not (tamper.isascii() and tamper.isdigit()):
        raise usage(f"--tamper {tamper}: is to be the number of a step, or {EVERY}")

    def stay(url: str, folder: Path, summary: dict[str, Any]) -> None:
        _tell_end(summary, json_)
        _tell_home(url, folder, err=json_)

    chosen = port if port is not None else (0 if headless else 8080)
    try:
        summary = asyncio.run(
            run(
                port=chosen,
                tamper=tamper if tamper == EVERY else int(tamper or 0),
                seed=seed,
                tell=_tell_json if json_ else _Reader().tell,
                stay=None if headless else stay,
                keep=keep,
            )
        )
    except DemoError as error:
        typer.echo(f"vrmproto demo: {error}", err=True)
        raise typer.Exit(3) from None
    if headless or "failed" in summary:
        _tell_end(summary, json_)
    if summary["verified"] != summary["steps"] or "failed" in summary:
        raise typer.Exit(1)


def _tell_json(line: dict[str, Any]) -> None:
    if "step" in line:
        typer.echo(json.dumps(line))


class _Reader:
    """What people read: a heading for each part of the story, its steps, and notes between them."""

    def __init__(self) -> None:
        self.part = ""

    def tell(self, line: dict[str, Any]) -> None:
        """A step or a note."""
        if line["part"] != self.part:
            self.part = line["part"]
            typer.echo(styled(f"\n{self.part}\n", bold=True))
        if "note" in line:
            typer.echo(styled(f"     · {line['note']}", fg="cyan"))
        else:
            _tell_step(line)


_READS = {
    "thread": "reads a thread",
    "catch-up": "reads on",
    "record": "takes a record",
    "changed-copy": "changes a record",
    "standing": "reads how she stands",
}
"""What people read of an act that sends no message."""


def _tell_step(line: dict[str, Any]) -> None:
    from vrmproto.demo.cast import CAST

    mark = styled("✓", fg="green") if line["verified"] else styled("✗ not verified", fg="red")
    came = line.get("code") or line.get("state") or line.get("error", "")
    wanted = " as it should be" if line.get("expect") and line["verified"] else ""
    status = line["status"] or "offline"
    what = _READS.get(line["act"], line["type"])
    head = f"{line['step']:3}  {CAST[line['actor']].name:16} {what:20}"
    typer.echo(f"{head} {status} {came}{wanted}  {mark}")
    typer.echo(styled(f"     {line['say']}", dim=True))
    if (flipped := line.get("tampered")) is not None and line["verified"]:
        where = f"byte {flipped['byte']} of {flipped['file']}"
        typer.echo(styled(f"     · A copy with one bit changed in {where} is found out.", fg="cyan"))


def _tell_end(summary: dict[str, Any], json_: bool) -> None:
    if json_:
        typer.echo(json.dumps({"summary": summary}))
        return
    if "failed" in summary:
        typer.echo(styled(f"The story broke off: {summary['failed']}", fg="red"))
    typer.echo(
        f"{summary['verified']} of {summary['steps']} steps verified offline, "
        f"{summary['records']} records, {summary['seconds']} s"
    )
    if "tampered" in summary:
        typer.echo(f"{summary['tampered']} of {summary['steps']} changed copies found out")


def _tell_home(url: str, folder: Path, *, err: bool) -> None:
    lines = ["", f"The home stays up on {url} until Ctrl-C. Look at:"]
    lines += [f"  {url}{path}" for path in ("/.well-known/vrm-configuration", "/openapi.json", "/v1/roster")]
    lines += ["What each step left lies there just as long; to verify one again:"]
    lines += [f"  vrmproto verify {folder}/anna/steps/01"]
    for line in lines:
        typer.echo(line, err=err)
