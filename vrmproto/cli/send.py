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
    thid: Annotated[str, typer.Option(help="The thread, of a message that goes on with one.")] = "",
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
        sent = await opened.send(type, members, to=to or None, thid=thid or None, check=False)
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
            rule = opened.spec.requirements.get(said.get("requirement", ""))
            typer.echo(f"  {said.get('requirement')}: {rule.text if rule else 'no such rule here'}", err=True)
            if type not in opened.spec.types:
                known = ", ".join(sorted(opened.spec.types))
                typer.echo(f"  the type {type} is none of this spec: {known}", err=True)
        if sent.problem is not None:
            raise typer.Exit(1)

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
