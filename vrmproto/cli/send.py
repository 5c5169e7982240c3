"""``vrmproto send``: one message of any type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vrmproto.cli import agent
from vrmproto.cli.agent import Dev, Folder, HomeUrl, Json, Origin, Role, SpecDir

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(send)


def send(
    type: Annotated[str, typer.Argument(help="The message type, such as terms.proffer.")],
    folder: Folder,
    home: HomeUrl,
    to: Annotated[str, typer.Option(help="The addressee, of a message that opens a thread.")] = "",
    thid: Annotated[
        str, typer.Option(help="The thread, of a message that goes on with one: its id, or how that begins.")
    ] = "",
    body: Annotated[str, typer.Option(help="The body as JSON, or @FILE.")] = "{}",
    role: Role = "customer",
    origin: Origin = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Sign a message, send it, verify its receipt and keep both. A refusal ends with exit code 1."""
    members = _body(body)

    async def work(opened: Any) -> None:
        whole = agent.thread_of(opened, thid) if thid else None
        sent = await opened.send(type, members, to=to or None, thid=whole, check=False)
        agent.tell_sent(sent, type, opened.spec, json_)

    agent.run(work, folder=folder, home=home, role=role, origin=origin, dev=dev, spec=spec)


def _body(text: str) -> dict[str, Any]:
    from vrmproto.cli.output import usage

    try:
        value = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except OSError as error:
        raise usage(f"--body {text}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise usage(f"--body: is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise usage("--body: is to be a JSON object, such as {}")
    return value
