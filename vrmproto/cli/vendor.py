"""``vrmproto vendor``: an organisation that works by rules: it watches, offers, answers, confirms, purges."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli import agent
from vrmproto.cli.agent import Json, SpecDir
from vrmproto.cli.output import spec_at, usage

if TYPE_CHECKING:
    from vrmproto.agents import Policy, VendorAgent

__all__ = ["register"]

_TEXTS = ("home", "folder", "origin", "host", "operator")
_TABLES = ("policy", "offers")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(vendor)


def vendor(
    config: Annotated[
        Path, typer.Option(help="TOML: home, folder, origin, port, [policy], and a table [[offers]] a rule.")
    ],
    home: Annotated[str, typer.Option(help="The origin of the home, in place of the file's.")] = "",
    folder: Annotated[Path | None, typer.Option(help="The agent's folder, in place of the file's.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of its discovery document; 0 takes a free one."),
    ] = None,
    once: Annotated[bool, typer.Option(help="Do what there is to do now, and end.")] = False,
    dev: Annotated[bool | None, typer.Option(help="Take http origins on loopback.")] = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Serve the discovery document of an organisation, and answer intents and proffers by its rules.

    It offers on the intents that a rule fits, answers questions that a rule has words for, confirms, and
    erases in time what it has to; the rest is left to a person, and said. Killed or stopped with Ctrl-C, it
    goes on where it was when it is started again. With an origin other than of this machine, a web server
    has to serve what this one serves on the port.
    """
    table = _read(config)
    wanted = home or table.get("home", "")
    if not wanted:
        raise usage(f'{config}: names no home; put `home = "https://..."` there, or name one with --home')
    policy = _policy(config, table, spec)
    takes_http = table.get("dev", False) if dev is None else dev
    listens = table.get("port", 0) if port is None else port
    kept = folder or config.parent / table.get("folder", config.stem)

    from vrmproto.cli.vendor_log import Log, Telling

    async def work(opened: Telling) -> None:
        log = opened.log = Log(opened, json_)
        await _serve(opened, table.get("host", "127.0.0.1"), listens)
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

    agent.run(
        quietly,
        kind=Telling,
        folder=kept,
        home=wanted,
        role="vendor",
        origin=table.get("origin", ""),
        dev=takes_http,
        spec=spec,
        policy=policy,
        operator=table.get("operator", ""),
    )


async def _serve(opened: VendorAgent, host: str, port: int) -> None:
    try:
        await opened.serve(host, port)
    except OSError as error:
        raise usage(f"port {port}: {error.strerror}; --port and `port` in the file take another") from None


def _read(path: Path) -> dict[str, Any]:
    """The file, with members that it may have and of the right kind."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise usage(f"{path}: is no TOML ({error})") from None
    known = (*_TEXTS, "port", "dev", *_TABLES)
    if unknown := sorted(table.keys() - set(known)):
        raise usage(f"{path}: has no {', '.join(unknown)}; it may have {', '.join(known)}")
    kinds = {**dict.fromkeys(_TEXTS, str), "port": int, "dev": bool, "policy": dict, "offers": list}
    wrong = [name for name, value in table.items() if type(value) is not kinds[name]]
    if wrong:
        raise usage(f"{path}: {wrong[0]} is to be {_KINDS[kinds[wrong[0]]]}")
    return table


_KINDS: dict[type, str] = {
    str: "a text",
    int: "a number",
    bool: "true or false",
    dict: "a table, [policy]",
    list: "a list of tables, [[offers]]",
}


def _policy(path: Path, table: dict[str, Any], spec: Path | None) -> Policy:
    from vrmproto.agents import Policy

    try:
        policy = Policy.of({**table.get("policy", {}), "offers": table.get("offers", ())})
    except (ValueError, TypeError) as error:
        raise usage(f"{path}: {error}") from None
    known = {agreement.id for agreement in spec_at(spec).roster.agreements.values()}
    for name in (*policy.accepts, *policy.hold, *filter(None, [policy.alternative])):
        if name not in known:
            raise usage(f"{path}: {name} is no agreement of the roster: {', '.join(sorted(known))}")
    return policy
