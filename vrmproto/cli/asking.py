"""The commands of ``vrmproto vendor`` for consents and dialogues: asked, given back, said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli import agent, choosing, config
from vrmproto.cli.agent import Json, SpecDir
from vrmproto.cli.consenting import tell_consent
from vrmproto.cli.output import usage
from vrmproto.cli.talking import tell_dialogue

if TYPE_CHECKING:
    from vrmproto.agents import VendorAgent

__all__ = ["COMMANDS", "BondId", "bond_of", "thread_of"]

BondId = Annotated[str, typer.Argument(help="The relationship: its id, or how that begins.")]
ConsentId = Annotated[str, typer.Argument(help="The consent: its id, or how that begins.")]
Reason = Annotated[str, typer.Option(help="Why, in words for her.")]
Text = Annotated[str, typer.Argument(help="What to say.")]


def ask_consent(
    id: BondId,
    file: Annotated[Path, typer.Argument(help="TOML or JSON: purposes, data, controller, notice, ...")],
    config_: config.Config,
    answer_in: Annotated[str, typer.Option(help="Until when she may answer: a duration or a time.")] = "P14D",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Ask a person for a consent, with everything that she has to know."""
    from vrmproto.agents.consenting import read_request

    try:
        request = read_request(file)
    except OSError as error:
        raise usage(f"{file}: {error.strerror}: {error.filename}") from None
    except ValueError as error:
        raise usage(str(error)) from None

    async def work(own: VendorAgent) -> None:
        bond = await bond_of(own, id)
        sent = await own.ask_consent(bond, request, answer_in=answer_in, check=False)
        agent.tell_sent(sent, "consent.request", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def consents(
    config_: config.Config,
    owing: Annotated[
        bool, typer.Option(help="Only those of which it has yet to say that it stopped.")
    ] = False,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every consent: asked for, in force, and ended."""

    async def work(own: VendorAgent) -> None:
        await own.poll()
        found = [one for one in own.consents() if one.owed or not owing]
        if not found:
            typer.echo("there is no such consent" if owing else "there is no consent", err=True)
        for one in found:
            tell_consent(one, json_, hers=False)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def relinquish(
    id: ConsentId,
    config_: config.Config,
    reason: Reason = "",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Ask for a consent no longer, or give it back."""

    async def work(own: VendorAgent) -> None:
        thid = await thread_of(own, id, "consent", "consents")
        sent = await own.relinquish(thid, reason, check=False)
        agent.tell_sent(sent, "consent.relinquish", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def propagate(
    id: ConsentId,
    config_: config.Config,
    told: Annotated[list[str] | None, typer.Option(help="A recipient that was told; repeatable.")] = None,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say that what rested on a consent has stopped, and which recipients were told."""

    async def work(own: VendorAgent) -> None:
        thid = await thread_of(own, id, "consent", "consents")
        sent = await own.propagate(thid, told or (), check=False)
        agent.tell_sent(sent, "consent.propagated", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def may(
    id: BondId,
    purpose: Annotated[str, typer.Argument(help="A purpose of W3C DPV, such as DirectMarketing.")],
    config_: config.Config,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and say whether something may be done with a person for a purpose.

    Exit code 1 where it may not.
    """

    async def work(own: VendorAgent) -> None:
        bond = await bond_of(own, id)
        allowed = own.may(own.stands(bond).person, purpose)
        typer.echo(("true" if allowed else "false") if json_ else ("yes" if allowed else "no"))
        if not allowed:
            raise typer.Exit(1)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def talk(
    id: BondId,
    text: Text,
    config_: config.Config,
    subject: Annotated[str, typer.Option(help="What it is about, in a few words.")] = "",
    purpose: Annotated[str, typer.Option(help="What for: a purpose of W3C DPV.")] = "",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Begin a dialogue with a person, where agreement, consents, rung and preferences allow it."""

    async def work(own: VendorAgent) -> None:
        bond = await bond_of(own, id)
        said = {"purpose": purpose} if purpose else {}
        sent = await own.talk(bond, text, subject=subject, check=False, **said)
        agent.tell_sent(sent, "dialogue.message", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def say(
    id: Annotated[str, typer.Argument(help="The dialogue or the offer: its id, or how that begins.")],
    text: Text,
    config_: config.Config,
    answers: Annotated[str, typer.Option(help="The id of the message that this answers.")] = "",
    purpose: Annotated[str, typer.Option(help="What for; by default what was said last was for.")] = "",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Write in a dialogue, or about an offer."""

    async def work(own: VendorAgent) -> None:
        await own.poll()
        offers = [view.thid for view in own.own_offers()]
        known = [*(one.thid for one in own.dialogues()), *offers]
        thid = choosing.find(id, known, "dialogue or offer", "dialogues", "vendor")
        sent = await own.say(thid, text, answers or None, purpose=purpose, check=False)
        type_ = "offer.message" if thid in offers else "dialogue.message"
        agent.tell_sent(sent, type_, own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def dialogues(
    config_: config.Config,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every dialogue with what was said."""

    async def work(own: VendorAgent) -> None:
        await own.poll()
        if not own.dialogues():
            typer.echo("there is no dialogue", err=True)
        for one in own.dialogues():
            tell_dialogue(one, json_, hers=False)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


async def bond_of(own: VendorAgent, text: str) -> str:
    """The relationship that a text names, after what has come is fetched."""
    await own.poll()
    known = [one.thid for one in own.relationships()]
    return choosing.find(text, known, "relationship", "relationships", "vendor")


async def thread_of(own: VendorAgent, text: str, kind: str, shows: str) -> str:
    """The thread of a kind that a text names."""
    await own.poll()
    known = [view.thid for view in own.views() if view.thread.kind == kind]
    return choosing.find(text, known, kind, shows, "vendor")


COMMANDS: tuple[Callable[..., None], ...] = (ask_consent, consents, relinquish, propagate, may)
COMMANDS += (talk, say, dialogues)
