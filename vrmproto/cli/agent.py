"""What the verbs of agents share: a folder, opened as one of the two roles, and what became of a message."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from vrmproto.agents import VendorAgent

__all__ = [
    "Dev",
    "Folder",
    "HomeUrl",
    "Json",
    "Origin",
    "Role",
    "SpecDir",
    "run",
    "tell_sent",
    "until_stopped",
]

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
    origin: str = "",
    dev: bool,
    spec: Path | None,
    kind: type[VendorAgent] | None = None,
    **more: Any,
) -> None:
    """Open the agent, do the work, and end with the exit code that fits what went wrong.

    ``kind`` is another class of a vendor's agent, ``more`` are further options.
    """
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
        options: dict[str, Any] = {"dev": dev, "spec": spec, **more}
        if role == "customer":
            async with await CustomerAgent.open(folder, home, **options) as customer:
                await work(customer)
        else:
            async with await (kind or VendorAgent).open(folder, home, origin=origin, **options) as vendor:
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


def until_stopped(work: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """The same work, which SIGINT and SIGTERM end in good order."""

    async def stoppable(opened: Any) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work(opened))
        stopped: list[bool] = []

        def stop() -> None:
            stopped.append(True)
            task.cancel()

        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop)
        try:
            await task
        except asyncio.CancelledError:
            if not stopped:
                raise
        finally:
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(name)

    return stoppable


def thread_of(opened: Any, text: str) -> str:
    """The thread whose id this is, or begins so; a text that fits not exactly one is taken as it is."""
    found = [view.thid for view in opened.views() if view.thid.startswith(text)]
    return found[0] if len(found) == 1 else text


def tell_sent(sent: Any, type_: str, spec: Any, json_: bool) -> None:
    """What became of a message; exit code 1 if it was refused. ``spec`` is that of the agent."""
    if json_:
        shown = {
            "mid": sent.mid,
            "thid": sent.thid,
            "status": sent.status,
            "state": sent.state,
            "problem": sent.problem,
            "token": sent.token,
            "receipt": sent.receipt,
        }
        typer.echo(json.dumps(shown))
    elif sent.problem is None:
        typer.echo(f"{sent.status} {sent.state}: message {sent.mid} in thread {sent.thid}")
    else:
        said = sent.problem
        typer.echo(f"{sent.status} {said.get('code')}: {said.get('detail')}", err=True)
        for fault in said.get("errors", ()):
            typer.echo(f"  body{fault['pointer']} {fault['message']}", err=True)
        rule = spec.requirements.get(said.get("requirement", ""))
        typer.echo(f"  {said.get('requirement')}: {rule.text if rule else 'no such rule here'}", err=True)
        if type_ not in spec.types:
            known = ", ".join(sorted(spec.types))
            typer.echo(f"  the type {type_} is none of this spec: {known}", err=True)
    if sent.problem is not None:
        raise typer.Exit(1)
