"""The typer application: puts the verbs together. Each verb is a module with ``register(app)``."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Annotated

import typer

__all__ = ["VERBS", "build"]

VERBS: tuple[str, ...] = ("serve", "demo", "customer", "vendor", "validate", "inspect", "verify", "export")
VERBS += ("keys", "send", "poll", "board", "spec_check")
"""Modules of this package, in the order of ``--help``; one that is not there is passed over."""


def build() -> typer.Typer:
    """The application with every verb that is present."""
    app = typer.Typer(
        name="vrmproto",
        help="VRM protocol: reference home, validator and tools.",
        epilog="Exit codes: 0 done; 1 something does not hold or is refused; 2 wrong usage, or input that "
        "cannot be read; 3 a home is out of reach. NO_COLOR=1 turns colours off.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for verb in VERBS:
        name = f"vrmproto.cli.{verb}"
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name).register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"vrmproto {version('vrmproto')}")
        except PackageNotFoundError:
            typer.echo("vrmproto (not installed)")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """VRM protocol: reference home, validator and tools."""
