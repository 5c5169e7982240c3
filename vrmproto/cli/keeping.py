"""The commands of ``vrmproto vendor`` for data: asked for, held, reported, and corrected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli import agent, config
from vrmproto.cli.agent import Json, SpecDir
from vrmproto.cli.asking import BondId, bond_of, thread_of
from vrmproto.cli.output import usage
from vrmproto.cli.sharing import pairs, tell_correction, tell_held, tell_request

if TYPE_CHECKING:
    from vrmproto.agents import VendorAgent

__all__ = ["COMMANDS"]

CorrectionId = Annotated[str, typer.Argument(help="The correction: its id, or how that begins.")]
Purpose = Annotated[str, typer.Option(help="What for: a purpose of W3C DPV.")]


def ask_data(
    id: BondId,
    items: Annotated[list[str], typer.Argument(metavar="FIELD=CATEGORY...", help="email=EmailAddress.")],
    config_: config.Config,
    purpose: Purpose = "CommunicationForCustomerCare",
    answer_in: Annotated[str, typer.Option(help="Until when she may answer: a duration or a time.")] = "P14D",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Ask a person for data, for one purpose."""
    wanted = pairs(items)

    async def work(own: VendorAgent) -> None:
        bond = await bond_of(own, id)
        sent = await own.ask_data(bond, purpose, wanted, answer_in=answer_in, check=False)
        agent.tell_sent(sent, "data.request", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def retract_data(
    id: Annotated[str, typer.Argument(help="The request: its id, or how that begins.")],
    config_: config.Config,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Ask for data no longer."""

    async def work(own: VendorAgent) -> None:
        thid = await thread_of(own, id, "data", "held")
        sent = await own.retract_data(thid, check=False)
        agent.tell_sent(sent, "data.retract", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def hold(
    id: BondId,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="What is held.")],
    config_: config.Config,
    purpose: Purpose = "CommunicationForCustomerCare",
    category: Annotated[list[str] | None, typer.Option(help="Of W3C DPV-PD; may be repeated.")] = None,
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Hold data from elsewhere, so that they can be reported and corrected; nothing is sent."""
    said = pairs(fields)
    if not category:
        raise usage("--category: name what they are, such as EmailAddress")

    async def work(own: VendorAgent) -> None:
        bond = await bond_of(own, id)
        own.hold(bond, said, purpose=purpose, categories=category, source=source)
        typer.echo(f"{', '.join(own.held(bond))}: held", err=json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def report(
    id: BondId,
    config_: config.Config,
    fields: Annotated[list[str] | None, typer.Argument(help="Fields; by default all.")] = None,
    purpose: Annotated[str, typer.Option(help="Those that are held for this purpose.")] = "",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Report to a person what is held of her, as of now and from where."""

    async def work(own: VendorAgent) -> None:
        bond = await bond_of(own, id)
        sent = await own.report(bond, fields or (), purpose=purpose, check=False)
        agent.tell_sent(sent, "data.report", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def held(
    config_: config.Config,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show what was asked for, shared and reported."""

    async def work(own: VendorAgent) -> None:
        await own.poll()
        asked, found = own.data_requests(), own.what_we_have()
        if not asked and not found:
            typer.echo("nothing was asked for, shared or reported", err=True)
        for request in asked:
            tell_request(request, json_, hers=False)
        for one in found:
            tell_held(one, json_, hers=False)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def corrections(
    config_: config.Config,
    open_: Annotated[bool, typer.Option("--open", help="Only those without an answer.")] = False,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every correction."""

    async def work(own: VendorAgent) -> None:
        await own.poll()
        found = [one for one in own.corrections() if one.open or not open_]
        if not found:
            typer.echo("no correction is to be answered" if open_ else "there is no correction", err=True)
        for one in found:
            tell_correction(one, json_, hers=False)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def apply(
    id: CorrectionId,
    config_: config.Config,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Hold what she has said, at every path of a correction."""

    async def work(own: VendorAgent) -> None:
        thid = await thread_of(own, id, "correction", "corrections")
        sent = await own.apply_correction(thid, check=False)
        agent.tell_sent(sent, "correction.apply", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def refuse_correction(
    id: CorrectionId,
    reasons: Annotated[
        list[str], typer.Argument(metavar="[FIELD=]REASON...", help="Why, by field, or one for all of them.")
    ],
    config_: config.Config,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Change nothing, and say why."""
    alone = len(reasons) == 1 and "=" not in reasons[0]
    said = reasons[0] if alone else {f"/{field}": why for field, why in pairs(reasons).items()}

    async def work(own: VendorAgent) -> None:
        thid = await thread_of(own, id, "correction", "corrections")
        sent = await own.refuse_correction(thid, said, check=False)
        agent.tell_sent(sent, "correction.refuse", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


COMMANDS: tuple[Callable[..., None], ...] = (ask_data, retract_data, hold, report, held, corrections)
COMMANDS += (apply, refuse_correction)
