"""The file of an organisation, which the commands of ``vrmproto vendor`` read, and its agent."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli import agent
from vrmproto.cli.output import spec_at, usage

if TYPE_CHECKING:
    from vrmproto.agents import Policy, VendorAgent

__all__ = ["AnyConfig", "Config", "Folder", "Home", "Port", "TakesHttp", "run", "serve"]

_TEXTS = ("home", "folder", "origin", "host", "operator", "ladder")
_TABLES = ("policy", "offers")

_Option = typer.Option(
    "--config",
    help="TOML: home, folder, origin, port, ladder, a table policy, and a table offers for each rule.",
)
Config = Annotated[Path, _Option]
AnyConfig = Annotated[Path | None, _Option]
Home = Annotated[str, typer.Option(help="The origin of the home, in place of the file's.")]
Folder = Annotated[Path | None, typer.Option(help="The agent's folder, in place of the file's.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port of its discovery document; 0 takes a free one."),
]
TakesHttp = Annotated[bool | None, typer.Option("--dev/--no-dev", help="Take http origins on loopback.")]


def run(
    work: Callable[[Any], Awaitable[None]],
    config: Path,
    *,
    home: str = "",
    folder: Path | None = None,
    port: int | None = None,
    dev: bool | None = None,
    spec: Path | None = None,
    kind: type[VendorAgent] | None = None,
) -> None:
    """Open the agent of the file, serve what its origin serves, and do the work."""
    table = read(config)
    wanted = home or table.get("home", "")
    if not wanted:
        raise usage(f'{config}: names no home; put `home = "https://..."` there, or name one with --home')
    listens = table.get("port", 0) if port is None else port
    own = table.get("ladder", "")

    async def served(opened: VendorAgent) -> None:
        await serve(opened, table.get("host", "127.0.0.1"), listens)
        await work(opened)

    agent.run(
        served,
        kind=kind,
        folder=folder or config.parent / table.get("folder", config.stem),
        home=wanted,
        role="vendor",
        origin=table.get("origin", ""),
        dev=table.get("dev", False) if dev is None else dev,
        spec=spec,
        policy=_policy(config, table, spec),
        operator=table.get("operator", ""),
        ladder=(config.parent / own).read_bytes() if own else None,
    )


async def serve(opened: VendorAgent, host: str, port: int) -> None:
    """Serve what the origin of the organisation serves."""
    try:
        await opened.serve(host, port)
    except OSError as error:
        raise usage(f"port {port}: {error.strerror}; --port and `port` in the file take another") from None


def read(path: Path) -> dict[str, Any]:
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
