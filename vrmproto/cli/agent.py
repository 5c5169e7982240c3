"""What ``send`` and ``poll`` share: an agent's folder, opened as one of the two roles."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

__all__ = ["Dev", "Folder", "HomeUrl", "Json", "Origin", "Role", "SpecDir", "run"]

Folder = Annotated[
    Path, typer.Option(help="The agent's folder, made if it is not there: seed, copies of threads, records.")
]
HomeUrl = Annotated[str, typer.Option(help="The origin of the home.")]
Role = Annotated[Literal["customer", "vendor"], typer.Option(help="Act as a person or as an organisation.")]
Origin = Annotated[
    str,
    typer.Option(
        help="The organisation's origin, where its discovery document is served; without one its name is a "
        "did:jwk."
    ),
]
Dev = Annotated[bool, typer.Option("--dev", help="Take http origins on loopback.")]
SpecDir = Annotated[Path | None, typer.Option("--spec", help="Another spec folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

UNREACHABLE = 3


def run(
    work: Callable[[Any], Awaitable[None]],
    *,
    folder: Path,
    home: str,
    role: str,
    origin: str,
    dev: bool,
    spec: Path | None,
) -> None:
    """Open the agent, do the work, and end with the exit code that fits what went wrong."""
    import aiohttp

    from vrmproto.agents import AgentError, ChainError, CustomerAgent, VendorAgent, WireError
    from vrmproto.agents.book import BookError
    from vrmproto.cli.output import spec_at, unconnected, usage
    from vrmproto.errors import ProtocolError

    home = home.removesuffix("/")
    if not spec_at(spec).valid("shared/origin.json", home):
        raise usage(f"--home {home}: is no origin, such as https://home.example")
    if home.startswith("http://") and not dev:
        raise usage(f"--home {home}: http is taken with --dev only, and on this machine only")

    async def opened() -> None:
        options: dict[str, Any] = {"dev": dev, "spec": spec}
        if role == "customer":
            async with await CustomerAgent.open(folder, home, **options) as customer:
                await work(customer)
        else:
            async with await VendorAgent.open(folder, home, origin=origin, **options) as vendor:
                await work(vendor)

    try:
        asyncio.run(opened())
    except WireError as error:
        cause = error.__context__
        out = isinstance(cause, aiohttp.ClientConnectorError)
        typer.echo(f"vrmproto: {f'{home} is out of reach: {unconnected(cause)}' if out else error}", err=True)
        if "key-unavailable" in str(error) and role == "vendor":
            typer.echo("  the home reads the keys of this organisation at its origin, and cannot", err=True)
        raise typer.Exit(UNREACHABLE) from None
    except ProtocolError as error:
        typer.echo(f"vrmproto: {error.code}: {error.detail}", err=True)
        raise typer.Exit(UNREACHABLE if error.code == "key-unavailable" else 1) from None
    except (AgentError, BookError, ChainError, ValueError) as error:
        typer.echo(f"vrmproto: {error}", err=True)
        raise typer.Exit(2) from None
