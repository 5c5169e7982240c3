"""What ``send`` and ``poll`` share: an agent's folder, opened as one of the two roles."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

__all__ = ["Dev", "Folder", "HomeUrl", "Json", "Origin", "Role", "SpecDir", "run"]

Folder = Annotated[Path, typer.Option(help="The agent's folder: seed, copies of threads, records.")]
HomeUrl = Annotated[str, typer.Option(help="The origin of the home.")]
Role = Annotated[Literal["customer", "vendor"], typer.Option(help="Act as a person or as an organisation.")]
Origin = Annotated[
    str, typer.Option(help="The organisation's origin; it serves its discovery document there itself.")
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
    from vrmproto.agents import AgentError, ChainError, CustomerAgent, VendorAgent, WireError
    from vrmproto.errors import ProtocolError

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
        typer.echo(f"vrmproto: {error}", err=True)
        raise typer.Exit(UNREACHABLE) from None
    except ProtocolError as error:
        typer.echo(f"vrmproto: {error.code}: {error.detail}", err=True)
        raise typer.Exit(UNREACHABLE if error.code == "key-unavailable" else 1) from None
    except (AgentError, ChainError, ValueError) as error:
        typer.echo(f"vrmproto: {error}", err=True)
        raise typer.Exit(2) from None
