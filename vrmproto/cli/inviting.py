"""The commands of ``vrmproto vendor`` for relationships: who there is, invitations, and attestations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli import agent, beneath, choosing, config, relating
from vrmproto.cli.agent import Json, SpecDir
from vrmproto.cli.output import usage

if TYPE_CHECKING:
    from vrmproto.agents import VendorAgent

__all__ = ["COMMANDS"]

BondId = Annotated[str, typer.Argument(help="The relationship: its id, or how that begins.")]


def relationships(
    config_: config.Config,
    overdue: Annotated[bool, typer.Option(help="Only those whose attestation is late.")] = False,
    compare: Annotated[
        bool, typer.Option(help="Read how the home shows each, and say where the own copies say otherwise.")
    ] = False,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every relationship with the rung that the person is on.

    With --compare the views of the home are kept, and `vrmproto export` takes them along; the exit code is 1
    where one of them shows something else.
    """

    async def work(own: VendorAgent) -> None:
        await own.poll()
        found = own.overdue() if overdue else own.relationships()
        if not found:
            typer.echo("no attestation is late" if overdue else "there is no relationship", err=True)
        agrees = True
        for one in found:
            below = await beneath.of_organisation(own, one, compare)
            relating.tell_standing(one, json_, hers=False, **below)
            agrees = agrees and (below["proof"] is None or below["proof"].ok)
        if not agrees:
            raise typer.Exit(1)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def invite(
    id: BondId,
    benefit: Annotated[str, typer.Argument(help="What she gains there.")],
    config_: config.Config,
    ask: Annotated[
        list[str] | None,
        typer.Option(help="CATEGORY=PURPOSE of W3C DPV, such as EmailAddress=CommunicationForCustomerCare."),
    ] = None,
    terms: Annotated[str, typer.Option(help="An agreement that would reach that far.")] = "",
    answer_in: Annotated[str, typer.Option(help="Until when she may answer: a duration or a time.")] = "P14D",
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Invite a person to the next rung: what she gains, and what is asked for there."""
    pairs = [text.partition("=") for text in ask or ()]
    if wrong := next((text for text, _, purpose in pairs if not purpose), ""):
        raise usage(f"--ask {wrong}: is to be CATEGORY=PURPOSE")
    asks = [
        {"category": _iri(category, "dpv/pd#"), "purpose": _iri(purpose, "dpv#")}
        for category, _, purpose in pairs
    ]

    async def work(own: VendorAgent) -> None:
        thid = await _found(own, id)
        sent = await own.invite(thid, benefit, asks, answer_in=answer_in, terms=terms or None, check=False)
        agent.tell_sent(sent, "relationship.invite", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


def attest(
    id: BondId,
    config_: config.Config,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="What is kept, why, and until when if that is known: 'WHAT; WHY; UNTIL'."),
    ] = None,
    home: config.Home = "",
    folder: config.Folder = None,
    port: config.Port = None,
    dev: config.TakesHttp = None,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Erase what this agent holds of a relationship that has ended, and attest it.

    What is stored elsewhere has to be erased before, or named with --keep.
    """
    kept = [dict(zip(("what", "why", "until"), text.split("; "), strict=False)) for text in keep or ()]
    if wrong := next((one for one in kept if len(one) < 2), None):
        raise usage(f"--keep {wrong['what']}: is to be 'WHAT; WHY', or 'WHAT; WHY; UNTIL'")

    async def work(own: VendorAgent) -> None:
        thid = await _found(own, id)
        if wrong := next((one for one in kept if not own.spec.valid("shared/kept.json", one)), None):
            raise usage(f"--keep {'; '.join(wrong.values())}: UNTIL is a time such as 2036-12-31T23:59:59Z")
        sent = await own.attest(thid, kept)
        agent.tell_sent(sent, "relationship.attest", own.spec, json_)

    config.run(work, config_, home=home, folder=folder, port=port, dev=dev, spec=spec)


async def _found(own: VendorAgent, text: str) -> str:
    await own.poll()
    known = [one.thid for one in own.relationships()]
    return choosing.find(text, known, "relationship", "relationships", "vendor")


def _iri(text: str, base: str) -> str:
    return text if ":" in text else f"https://w3id.org/{base}{text}"


COMMANDS: tuple[Callable[..., None], ...] = (relationships, invite, attest)
