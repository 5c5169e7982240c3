"""``vrmproto vendor``: an organisation that works by rules: it watches, offers, answers, confirms, purges."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vrmproto.cli import agent, asking, config, inviting, keeping
from vrmproto.cli.agent import Json, SpecDir
from vrmproto.cli.ids import IdCommand
from vrmproto.cli.output import usage

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(vendor)
    for command in inviting.COMMANDS + asking.COMMANDS + keeping.COMMANDS:
        group.command(cls=IdCommand)(command)
    app.add_typer(group, name="vendor")


def vendor(
    ctx: typer.Context,
    file: config.AnyConfig = None,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    once: Annotated[bool, typer.Option(help="Do what there is to do now, and end.")] = False,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Serve the discovery document of an organisation, and answer intents and proffers by its rules.

    It offers on the intents that a rule fits, answers questions that a rule has words for, confirms, and
    erases in time what it has to; the rest is left to a person, and said. Killed or stopped with Ctrl-C, it
    goes on where it was when it is started again. With an origin other than of this machine, a web server
    has to serve what this one serves on the port.

    A command does one thing and ends; stop the organisation before, for two cannot have its folder.
    """
    if ctx.invoked_subcommand is not None:
        if file is not None:
            raise usage(f"write --config behind the command: vendor {ctx.invoked_subcommand} --config {file}")
        return
    if file is None:
        raise usage("name the file of the organisation with --config")

    from vrmproto.cli.vendor_log import Log, Telling

    async def work(opened: Telling) -> None:
        log = opened.log = Log(opened, json_)
        log.ready()
        if once:
            for sent in await opened.work_once():
                log.sent(sent)
        else:
            await opened.work(told=log.sent)

    async def quietly(opened: Any) -> None:
        await agent.until_stopped(work)(opened)
        if not json_:
            typer.echo("stopped", err=True)

    config.run(quietly, file, home=home, folder=folder, port=port, dev=dev, spec=spec, kind=Telling)
