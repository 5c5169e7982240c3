"""The commands of ``vrmproto customer`` for offers: read, asked about, answered, and what follows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli import agent, choosing
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.output import usage
from vrmproto.cli.person import Home, intent_of, on_offer, on_thread, run

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent

__all__ = ["COMMANDS"]

OfferId = Annotated[str, typer.Argument(help="The offer: its id, or how that begins.")]
Reason = Annotated[str, typer.Option(help="Why, in words for the vendor.")]


def offers(
    folder: Folder,
    intent: Annotated[str, typer.Argument(help="One intent; by default all.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show the offers of each intent."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        thids = [intent_of(me, intent)] if intent else me.intents()
        if not thids:
            typer.echo("there is no intent yet; `vrmproto customer publish` makes one", err=True)
        for thid in thids:
            choosing.tell_offers(me, thid, json_)

    run(work, folder, home, dev, spec)


def show(
    id: Annotated[str, typer.Argument(help="An intent or an offer: its id, or how that begins.")],
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """One intent or offer with everything that was said, as the own copy has it and the home confirms it.

    Exit code 1 where what the home shows does not hold.
    """

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        thid = choosing.find(id, [*me.intents(), *choosing.all_offers(me)], "intent or offer")
        view = await me.thread(thid)
        choosing.tell_thread(me, view, json_)
        if not view.verified:
            typer.echo(f"what the home shows does not hold: {view.reason}", err=True)
            raise typer.Exit(1)

    run(work, folder, home, dev, spec)


def watch(
    folder: Folder,
    home: Home = "",
    seconds: Annotated[float, typer.Option("--for", min=0, help="End after so many seconds.")] = 0,
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Show what comes in as it comes, until Ctrl-C."""

    async def work(me: CustomerAgent) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds if seconds else float("inf")
        typer.echo(f"watching {len(me.intents())} intents at {me.home} until Ctrl-C", err=True)
        while (left := until - loop.time()) > 0:
            for event in await me.poll(min(20.0, left)):
                choosing.tell_event(me, event, json_)
            if not me.signers():
                typer.echo("there is no intent yet, and so no inbox", err=True)
                return

    run(agent.until_stopped(work), folder, home, dev, spec)


def say(
    id: Annotated[str, typer.Argument(help="The offer or the dialogue: its id, or how that begins.")],
    text: Annotated[str, typer.Argument(help="What to say.")],
    folder: Folder,
    answers: Annotated[str, typer.Option(help="The id of the message that this answers.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Ask a vendor about its offer, or answer it; or write in a dialogue."""
    kinds = {"offer": ("say", "offer.message"), "dialogue": ("say", "dialogue.message")}
    on_thread(kinds, id, folder, home, dev, spec, json_, text=text, answers=answers or None)


def accept(
    offer: OfferId,
    folder: Folder,
    confirm_by: Annotated[str, typer.Option(help="Until when it is to confirm: a duration, a time.")] = "P2D",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Take an offer as it stands, once the vendor's key is verified at its origin."""
    on_offer("accept_offer", "offer.accept", offer, folder, home, dev, spec, json_, confirm_by=confirm_by)


def decline(
    id: Annotated[
        str,
        typer.Argument(help="The offer, or the relationship of an invitation: its id, or how that begins."),
    ],
    folder: Folder,
    reason: Reason = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say no to an offer, or to the invitation of an organisation to the next rung."""
    kinds = {
        "offer": ("decline_offer", "offer.decline"),
        "relationship": ("decline", "relationship.decline"),
    }
    on_thread(kinds, id, folder, home, dev, spec, json_, reason=reason)


def cancel(
    offer: OfferId,
    folder: Folder,
    reason: Reason = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Step back from an offer that was accepted."""
    on_offer("cancel_offer", "offer.cancel", offer, folder, home, dev, spec, json_, reason=reason)


def release(
    offer: OfferId,
    fields: Annotated[
        list[str], typer.Argument(metavar="FIELD=VALUE...", help="Such as name='Anna Jansen'.")
    ],
    folder: Folder,
    purpose: Annotated[
        str, typer.Option(help="What for; by default the first one that the intent lists.")
    ] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Tell the vendor whose offer was accepted what the intent listed, and nothing else."""
    pairs = dict(field.split("=", 1) for field in fields if "=" in field)
    if len(pairs) != len(fields):
        raise usage("each field is FIELD=VALUE, such as name='Anna Jansen', and named once")
    on_offer(
        "release",
        "disclosure.release",
        offer,
        folder,
        home,
        dev,
        spec,
        json_,
        purpose=purpose or None,
        **pairs,
    )


def introduce(
    offer: OfferId,
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Go on with this vendor under the key that is kept for it, instead of the one of the intent."""
    on_offer("introduce", "agent.introduce", offer, folder, home, dev, spec, json_)


def record(
    id: Annotated[str, typer.Argument(help="An offer, or a thread of terms: its id, or how that begins.")],
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch, verify and keep the record of an agreement: that of an offer, or of terms.

    Exit code 1 where it does not hold.
    """

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        threads = [view.thid for view in me.views() if not view.thread.board]
        kept = await me.record(choosing.find(id, threads, "thread"))
        if json_:
            typer.echo(json.dumps({"id": kept.id, "path": str(kept.path), "ok": kept.ok}))
        else:
            typer.echo(f"{kept.path}: {'holds' if kept.ok else 'DOES NOT HOLD'}")
        if not kept.ok:
            raise typer.Exit(1)

    run(work, folder, home, dev, spec)


COMMANDS: tuple[Callable[..., None], ...] = (offers, show, watch, say, accept, decline, cancel)
COMMANDS += (release, introduce, record)
"""In the order of ``--help``."""
