"""The commands of ``vrmproto customer`` for agreements and disputes about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vrmproto.cli import agent, choosing
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.output import styled, usage
from vrmproto.cli.person import Home, run, show_all

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent, ThreadView

__all__ = ["COMMANDS"]

DisputeId = Annotated[str, typer.Argument(help="The dispute: its id, or how that begins.")]


def agreements(
    folder: Folder, home: Home = "", dev: Dev = False, spec: SpecDir = None, json_: Json = False
) -> None:
    """Fetch what has come, and show every agreement: with whom, which one, and whether it is in force."""
    show_all(
        _agreed,
        lambda me, view: _tell_agreement(me, view, json_),
        "there is no agreement yet",
        folder,
        home,
        dev,
        spec,
    )


def dispute(
    thread: Annotated[str, typer.Argument(help="The thread of the agreement: its id, or how that begins.")],
    facts: Annotated[str, typer.Argument(help="What has happened.")],
    folder: Folder,
    clause: Annotated[str, typer.Option(help="The clause that it is about, such as tracking.")] = "",
    message: Annotated[
        list[str] | None,
        typer.Option(
            help="The id of a message of the thread that shows it, kept until the dispute is closed."
        ),
    ] = None,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say that an organisation has not kept to an agreement, in force or ended."""

    async def work(me: CustomerAgent) -> None:
        clauses = me.spec.types["dispute.open"].schema["properties"]["clause"]["enum"]
        if clause and clause not in clauses:
            raise usage(f"--clause {clause}: is none of {', '.join(clauses)}")
        await me.poll()
        thid = choosing.find(thread, [view.thid for view in _agreed(me)], "agreement", "agreements")
        sent = await me.dispute(thid, facts, clause=clause, messages=message or (), check=False)
        agent.tell_sent(sent, "dispute.open", me.spec, json_)

    run(work, folder, home, dev, spec)


def disputes(
    folder: Folder, home: Home = "", dev: Dev = False, spec: SpecDir = None, json_: Json = False
) -> None:
    """Fetch what has come, and show every dispute with what was said in it."""
    tell, nothing = lambda _, view: _tell_dispute(view, json_), "there is no dispute"
    show_all(_disputed, tell, nothing, folder, home, dev, spec)


def note(
    id: DisputeId,
    text: Annotated[str, typer.Argument(help="What to say.")],
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Add to a dispute, or answer."""

    async def work(me: CustomerAgent) -> None:
        sent = await me.note(await _found(me, id), text, check=False)
        agent.tell_sent(sent, "dispute.note", me.spec, json_)

    run(work, folder, home, dev, spec)


def settle(
    id: DisputeId,
    folder: Folder,
    outcome: Annotated[
        Literal["settled", "dropped", "referred"],
        typer.Option(help="You agree, you give up, or an authority or a court has it now."),
    ] = "settled",
    text: Annotated[str, typer.Option(help="What was agreed, or who has it now.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Close a dispute, whoever has opened it."""

    async def work(me: CustomerAgent) -> None:
        sent = await me.close_dispute(await _found(me, id), outcome, text, check=False)
        agent.tell_sent(sent, "dispute.close", me.spec, json_)

    run(work, folder, home, dev, spec)


async def _found(me: CustomerAgent, text: str) -> str:
    await me.poll()
    return choosing.find(text, [view.thid for view in _disputed(me)], "dispute", "disputes")


def _agreed(me: CustomerAgent) -> list[ThreadView]:
    made = [view for view in me.views() if view.thread.record is not None]
    return [view for view in made if me.spec.kinds[view.thread.kind].record == "agreement"]


def _disputed(me: CustomerAgent) -> list[ThreadView]:
    return [view for view in me.views() if view.thread.kind == "dispute"]


def _tell_agreement(me: CustomerAgent, view: ThreadView, json_: bool) -> None:
    thread, named = view.thread, view.thread.facts["agreement"]
    live = me.spec.kinds[thread.kind].states[view.state].live
    if json_:
        shown = {"thread": view.thid, "record": thread.record, "vendor": thread.second, "agreement": named}
        typer.echo(json.dumps({**shown, "state": view.state, "in_force": live}))
        return
    force = "in force" if live else f"{view.state}, no more in force"
    typer.echo(
        f"{styled(str(named['id']), bold=True)} with {choosing.who(thread.second)}: {force}   {view.thid}"
    )


def _tell_dispute(view: ThreadView, json_: bool) -> None:
    if json_:
        said = [choosing.said(message) for message in view.messages]
        shown = {"dispute": view.thid, "about": view.thread.parent, "vendor": view.thread.second}
        typer.echo(json.dumps({**shown, "state": view.state, "messages": said}))
        return
    typer.echo(f"{styled(choosing.who(view.thread.second), bold=True)}: {view.state}   {view.thid}")
    for message in view.messages:
        words = message.body.get("facts") or message.body.get("text") or message.body.get("outcome", "")
        by = "you" if message.iss == view.thread.first else "they"
        typer.echo(f"  {by}: {words}")


COMMANDS: tuple[Callable[..., None], ...] = (agreements, dispute, disputes, note, settle)
