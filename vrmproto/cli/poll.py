"""``vrmproto poll``: what has arrived for an agent."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from vrmproto.cli import agent
from vrmproto.cli.agent import Dev, Folder, HomeUrl, Json, Origin, Role, SpecDir

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(poll)


def poll(
    folder: Folder,
    home: HomeUrl,
    wait: Annotated[float, typer.Option(min=0, help="Seconds of patience if there is nothing.")] = 0,
    role: Role = "customer",
    origin: Origin = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch, verify and keep the messages of the inbox; then they are acknowledged.

    The first poll makes an identifier known at a home, so that messages to it are taken there.
    """

    async def work(opened: Any) -> None:
        events = await opened.poll(wait)
        if not opened.signers():
            note = "this agent has no identifier yet, and so no inbox: it gets one by its first message"
            typer.echo(note, err=True)
        elif not events:
            typer.echo("nothing has arrived", err=True)
        for event in events:
            if json_:
                shown = {
                    "mid": event.mid,
                    "thid": event.thid,
                    "type": event.type,
                    "iss": event.iss,
                    "state": event.state,
                    "seq": event.seq,
                    "verified": event.verified,
                    "reason": event.reason,
                    "body": dict(event.body),
                }
                typer.echo(json.dumps(shown))
            else:
                mark = "verified" if event.verified else f"UNVERIFIED ({event.reason})"
                typer.echo(f"{event.type} from {event.iss}: {event.state}, {mark}, thread {event.thid}")

    agent.run(work, folder=folder, home=home, role=role, origin=origin, dev=dev, spec=spec)
