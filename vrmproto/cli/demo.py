"""``vrmproto demo``: the first story, played by real processes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    headless: Annotated[bool, typer.Option(help="Play to the end and exit.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON line a step, then a summary.")] = False,
    port: Annotated[
        int | None, typer.Option(help="Port of the home; 0 takes a free one. Default 8080, headless 0.")
    ] = None,
    tamper: Annotated[int, typer.Option(help="Flip one byte on the way in step N; the demo fails.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Keep all files of the demo in this new folder.")] = None,
) -> None:
    """A home, a customer and two vendors play the first story; every step is verified offline."""
    from vrmproto.demo.stage import DemoError, run

    if keep is not None and keep.exists() and any(keep.iterdir()):
        typer.echo(f"vrmproto demo: {keep} is not empty", err=True)
        raise typer.Exit(2)
    chosen = port if port is not None else (0 if headless else 8080)
    try:
        summary = asyncio.run(
            run(
                port=chosen,
                tamper=tamper,
                tell=_tell_json if json_ else _tell,
                stay=None if headless else _stay,
                keep=keep,
            )
        )
    except DemoError as error:
        typer.echo(f"vrmproto demo: {error}", err=True)
        raise typer.Exit(3) from None
    if json_:
        typer.echo(json.dumps({"summary": summary}))
    else:
        _tell_summary(summary)
    if summary["verified"] != summary["steps"] or "failed" in summary:
        raise typer.Exit(1)


def _tell_json(line: dict[str, Any]) -> None:
    typer.echo(json.dumps(line))


def _tell(line: dict[str, Any]) -> None:
    from vrmproto.demo.story import ACTORS

    mark = typer.style("✓", fg="green") if line["verified"] else typer.style("✗ not verified", fg="red")
    came = line.get("code") or line.get("state") or line.get("error", "")
    wanted = " as it should be" if line.get("expect") and line["verified"] else ""
    status = line["status"] or "offline"
    head = f"{line['step']:3}  {ACTORS[line['actor']]:14} {line['type']:20}"
    typer.echo(f"{head} {status} {came}{wanted}  {mark}")
    typer.echo(typer.style(f"     {line['say']}", dim=True))


def _tell_summary(summary: dict[str, Any]) -> None:
    if "failed" in summary:
        typer.echo(typer.style(f"The story broke off: {summary['failed']}", fg="red"))
    typer.echo(
        f"{summary['verified']} of {summary['steps']} steps verified offline, "
        f"{summary['records']} records, {summary['seconds']} s"
    )


def _stay(url: str) -> None:
    typer.echo("")
    typer.echo(f"The home stays up on {url} until Ctrl-C. Look at:")
    for path in ("/.well-known/vrm-configuration", "/openapi.json", "/v1/roster"):
        typer.echo(f"  {url}{path}")
