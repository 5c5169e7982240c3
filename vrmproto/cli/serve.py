"""``vrmproto serve``: a home as a process."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vrmproto.server.settings import Settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; by default 8080.")] = None,
    origin: Annotated[str | None, typer.Option(help="The home's https origin, its name in messages.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder of database and keys, made if it is not there.")
    ] = None,
    spec: Annotated[str | None, typer.Option(help="Serve another spec folder.")] = None,
    dev: Annotated[bool | None, typer.Option(help="Take http origins on loopback.")] = None,
    operator: Annotated[str | None, typer.Option(help="Who runs this home.")] = None,
    contact: Annotated[str | None, typer.Option(help="How to reach the operator.")] = None,
    privacy_notice: Annotated[str | None, typer.Option(help="URL of the privacy notice.")] = None,
    accepts: Annotated[str | None, typer.Option(help="Agreements that the operator accepts: A,B.")] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(help="A board, NAME or NAME:signed; may be given again. By default intents."),
    ] = None,
    blob: Annotated[int | None, typer.Option(help="Largest blob, bytes.")] = None,
    inbox: Annotated[int | None, typer.Option(help="Most unacknowledged messages of an inbox.")] = None,
    max_wait: Annotated[int | None, typer.Option(help="Longest poll, seconds.")] = None,
    docs: Annotated[
        bool | None,
        typer.Option("--docs/--no-docs", help="Show the specification at /spec; by default it does."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file; its names are those of --show-config.")
    ] = None,
    show_config: Annotated[bool, typer.Option(help="Print the settings in force as JSON and end.")] = False,
) -> None:
    """Run a home. Settings: flag, else environment VRMPROTO_*, else --config file, else default."""
    from vrmproto.server.settings import SettingsError, resolve

    flags = {k: v for k, v in locals().items() if k not in ("board", "config", "show_config")}
    flags["boards"] = ",".join(board) if board else None
    try:
        settings = resolve(flags, os.environ, config)
        settings.config()
    except SettingsError as error:
        typer.echo(f"vrmproto serve: {error}", err=True)
        raise typer.Exit(2) from None
    if wrong := _wrong(settings):
        typer.echo(f"vrmproto serve: {wrong}", err=True)
        raise typer.Exit(2)
    if show_config:
        typer.echo(json.dumps(settings.shown(), indent=2))
        return
    if taken := _taken(settings):
        typer.echo(f"vrmproto serve: {taken}", err=True)
        raise typer.Exit(2)
    from vrmproto.server.run import serve as run

    raise typer.Exit(run(settings, lambda: _pages(settings)))


def _pages(settings: Settings) -> dict[str, bytes]:
    """The site of the spec folder that the home serves, path to file."""
    from vrmproto import spec
    from vrmproto.editor.site.build import build

    return build(Path(settings.spec) if settings.spec else spec.folder())


def _wrong(settings: Settings) -> str:
    """What no home can be started with, before one is; '' if nothing."""
    from vrmproto.cli.output import spec_at

    spec = spec_at(Path(settings.spec) if settings.spec else None)
    origin = settings.config().origin
    if not 1 <= settings.port <= 65535:
        return f"port {settings.port}: a port is a number from 1 to 65535"
    if not spec.valid("shared/origin.json", origin):
        return f"origin {origin}: is none such as https://home.example; http is for 127.0.0.1 and localhost"
    for name, least in (("inbox", 1), ("max_wait", 0), ("blob", 1)):
        if getattr(settings, name) < least:
            return f"{name} {getattr(settings, name)}: is to be {least} or more"
    if Path(settings.data).exists() and not Path(settings.data).is_dir():
        return f"data {settings.data}: is a file; a home needs a folder"
    return ""


def _taken(settings: Settings) -> str:
    """Why the address cannot be listened on; '' if it can, or nothing is known of it yet."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((settings.host, settings.port))
        except socket.gaierror:
            return ""
        except OSError as error:
            where = f"port {settings.port} of {settings.host}"
            return f"{where}: {os.strerror(error.errno or 0)}; --port and --host take another"
    return ""
