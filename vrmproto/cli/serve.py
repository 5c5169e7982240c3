"""``vrmproto serve``: a home as a process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    origin: Annotated[str | None, typer.Option(help="The home's https origin, its name in messages.")] = None,
    data: Annotated[str | None, typer.Option(help="Folder of database and keys.")] = None,
    spec: Annotated[str | None, typer.Option(help="Serve another spec folder.")] = None,
    dev: Annotated[bool | None, typer.Option(help="Take http origins on loopback.")] = None,
    operator: Annotated[str | None, typer.Option(help="Who runs this home.")] = None,
    contact: Annotated[str | None, typer.Option(help="How to reach the operator.")] = None,
    privacy_notice: Annotated[str | None, typer.Option(help="URL of the privacy notice.")] = None,
    accepts: Annotated[str | None, typer.Option(help="Agreements that the operator accepts: A,B.")] = None,
    inbox: Annotated[int | None, typer.Option(help="Most unacknowledged messages of an inbox.")] = None,
    max_wait: Annotated[int | None, typer.Option(help="Longest poll, seconds.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with the same names.")] = None,
    show_config: Annotated[bool, typer.Option(help="Print the settings in force as JSON and end.")] = False,
) -> None:
    """Run a home. Settings: flag, else environment VRMPROTO_*, else --config file, else default."""
    from vrmproto.server.settings import SettingsError, resolve

    flags = {k: v for k, v in locals().items() if k not in ("config", "show_config")}
    try:
        settings = resolve(flags, os.environ, config)
        settings.config()
    except SettingsError as error:
        typer.echo(f"vrmproto serve: {error}", err=True)
        raise typer.Exit(2) from None
    if show_config:
        typer.echo(json.dumps(settings.shown(), indent=2))
        return
    from vrmproto.server.run import serve as run

    raise typer.Exit(run(settings))
