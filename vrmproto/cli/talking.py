"""The commands of ``vrmproto customer`` for dialogues; ``say`` is among those of offers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli import choosing
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.consenting import short
from vrmproto.cli.output import styled
from vrmproto.cli.person import Home, on_thread, run
from vrmproto.cli.relating import BondId, Reason

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent, Dialogue

__all__ = ["COMMANDS", "tell_dialogue"]

DialogueId = Annotated[str, typer.Argument(help="The dialogue: its id, or how that begins.")]
Text = Annotated[str, typer.Argument(help="What to say.")]
Subject = Annotated[str, typer.Option(help="What it is about, in a few words.")]
Purpose = Annotated[str, typer.Option(help="What for: a purpose of W3C DPV.")]


def talk(
    id: BondId,
    text: Text,
    folder: Folder,
    subject: Subject = "",
    purpose: Purpose = "CommunicationForCustomerCare",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Begin a dialogue with an organisation, below the relationship with it."""
    kinds = {"relationship": ("talk", "dialogue.message")}
    on_thread(kinds, id, folder, home, dev, spec, json_, text=text, subject=subject, purpose=purpose)


def dialogues(
    folder: Folder,
    vendor: Annotated[str, typer.Argument(help="One organisation; by default all.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every dialogue with what was said."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        found = me.dialogues(vendor.removesuffix("/"))
        if not found:
            typer.echo("there is no dialogue; `vrmproto customer talk` begins one", err=True)
        for one in found:
            tell_dialogue(one, json_)

    run(work, folder, home, dev, spec)


def mute(
    id: DialogueId,
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Hear nothing more of a dialogue; you may still write."""
    on_thread({"dialogue": ("mute", "dialogue.mute")}, id, folder, home, dev, spec, json_)


def unmute(
    id: DialogueId,
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Let the organisation write again."""
    on_thread({"dialogue": ("unmute", "dialogue.unmute")}, id, folder, home, dev, spec, json_)


def close_dialogue(
    id: DialogueId,
    folder: Folder,
    reason: Reason = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Close a dialogue for good."""
    kinds = {"dialogue": ("close_dialogue", "dialogue.close")}
    on_thread(kinds, id, folder, home, dev, spec, json_, reason=reason)


def tell_dialogue(one: Dialogue, json_: bool, *, hers: bool = True) -> None:
    """A dialogue, for her or for the organisation."""
    if json_:
        said = [choosing.said(message) for message in one.messages]
        shown = {"dialogue": one.thid, "relationship": one.relationship, "vendor": one.vendor}
        typer.echo(json.dumps({**shown, "person": one.person, "state": one.state, "messages": said}))
        return
    other = choosing.who(one.vendor) if hers else f"{one.person[:24]}…"
    typer.echo(f"{styled(other, bold=True)}: {one.state}   {one.thid}")
    for message in one.messages:
        by = "you" if (message.iss == one.vendor) != hers else "they"
        fields = message.body["content"].get("clear")
        words = ": ".join(fields.values()) if fields else "a file"
        typer.echo(f"  {by} ({short(message.body['about']['purpose'])}): {words}")


COMMANDS: tuple[Callable[..., None], ...] = (talk, dialogues, mute, unmute, close_dialogue)
