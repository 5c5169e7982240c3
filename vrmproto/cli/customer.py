"""``vrmproto customer``: a person wants, chooses, tells what she thinks, disputes, keeps relationships."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vrmproto.cli import (
    agent,
    answering,
    choosing,
    consenting,
    disputing,
    relating,
    sharing,
    talking,
    telling,
    wanting,
)
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.ids import IdCommand
from vrmproto.cli.output import usage
from vrmproto.cli.person import Home, intent_of, on_intent, on_thread, run

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent

__all__ = ["register"]

IntentId = Annotated[str, typer.Argument(help="The intent: its id, or how that begins.")]
RestingId = Annotated[
    str, typer.Argument(help="The intent, or the relationship: its id, or how that begins.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    about = "Act as a person: say what you want, hear offers, choose; tell organisations what you think, and"
    about += " how near they may come."
    group = typer.Typer(help=about, no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (publish, amend, pause, resume, withdraw, close)
    commands += answering.COMMANDS + telling.COMMANDS + disputing.COMMANDS + relating.COMMANDS
    commands += consenting.COMMANDS + talking.COMMANDS + sharing.COMMANDS
    for command in commands:
        group.command(cls=IdCommand)(command)
    app.add_typer(group, name="customer")


File = Annotated[
    Path | None, typer.Option("--file", help="TOML or JSON: need, where, budget, terms, disclose, until, ...")
]
Title = Annotated[str, typer.Option(help="What is wanted, in a few words.")]
Category = Annotated[
    list[str] | None, typer.Option(help="SCHEME:CODE, such as unspsc:25101503; may be repeated.")
]
Region = Annotated[str, typer.Option(help="Where: a region of ISO 3166, such as NL or NL-NH.")]
Near = Annotated[str, typer.Option(help="Where: LAT,LON,KM, a circle of at least 10 km, one decimal.")]
Budget = Annotated[str, typer.Option(help="At most so much, such as '12000 EUR'; not said is not told.")]
Condition = Annotated[
    list[str] | None,
    typer.Option(help="What has to be so; 'should: ...' and 'must-not: ...' too. May be repeated."),
]
Offers = Annotated[int | None, typer.Option(min=1, help="How many offers there may be in all.")]
Accepts = Annotated[int | None, typer.Option(min=1, help="How many of them are taken.")]
Until = Annotated[str, typer.Option(help="Until when offers are heard: a duration (P30D) or a time.")]
Identifying = Annotated[bool, typer.Option(help="It may hold an address or a number that leads to you.")]


def publish(
    folder: Folder,
    home: Home = "",
    file: File = None,
    title: Title = "",
    category: Category = None,
    condition: Condition = None,
    region: Region = "",
    near: Near = "",
    budget: Budget = "",
    terms: Annotated[str, typer.Option(help="The terms on which offers are heard.")] = "",
    acceptable: Annotated[list[str] | None, typer.Option(help="Terms that will do, too.")] = None,
    disclose: Annotated[
        list[str] | None,
        typer.Option(help="What a vendor will be told whose offer is accepted: name, phone, email, address."),
    ] = None,
    offers: Offers = None,
    per_vendor: Annotated[int | None, typer.Option(min=1, help="How many offers of one vendor.")] = None,
    accepts: Accepts = None,
    currency: Annotated[
        list[str] | None, typer.Option(help="Currencies that are taken, such as EUR.")
    ] = None,
    unverified: Annotated[
        bool | None, typer.Option(help="Whether vendors without a domain may offer. By default not.")
    ] = None,
    purge_within: Annotated[str, typer.Option(help="How soon a vendor erases what it holds.")] = "",
    until: Until = "",
    board: Annotated[str, typer.Option(help="The board of the home; by default its first.")] = "",
    lang: Annotated[str, typer.Option(help="The language of the intent.")] = "",
    identifying: Identifying = False,
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Publish an intent on a board: what is wanted, and on which terms offers are heard.

    A board is public. The intent is signed with a key that is used for nothing else.
    """
    said = _members(file)
    flags = [("terms", terms), ("acceptable", acceptable), ("offers", offers), ("per_vendor", per_vendor)]
    flags += [("accepts", accepts), ("currencies", currency), ("unverified", unverified), ("lang", lang)]
    flags += [("purge_within", purge_within), ("until", until), ("board", board)]
    said |= wanting.given(flags) | _parts(region, near, budget, disclose)
    said["need"] = _need(said.get("need", {}), title, category, condition)
    if not {"title", "categories"} <= said["need"].keys():
        raise usage("an intent has a title and a category: --title and --category, or a --file with `need`")

    async def work(me: CustomerAgent) -> None:
        sent = await _public(me.publish(identifying=identifying, check=False, **said))
        agent.tell_sent(sent, "intent.publish", me.spec, json_)
        if not json_:
            ends = choosing.when(me.view(sent.thid).deadline)
            typer.echo(f"Offers are heard until {ends}; `vrmproto customer offers` shows them.")

    run(work, folder, home, dev, spec)


def amend(
    intent: IntentId,
    folder: Folder,
    home: Home = "",
    file: File = None,
    title: Title = "",
    category: Category = None,
    condition: Condition = None,
    region: Region = "",
    near: Near = "",
    budget: Budget = "",
    offers: Offers = None,
    accepts: Accepts = None,
    until: Until = "",
    identifying: Identifying = False,
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Change an intent: what is not named stays. Terms and what may be disclosed cannot be changed."""
    said = _members(file)
    said |= wanting.given([("offers", offers), ("accepts", accepts), ("until", until)])
    said |= _parts(region, near, budget, None)
    if not said and not (title or category or condition):
        raise usage("name what is to change, such as --until or --condition")

    async def work(me: CustomerAgent) -> None:
        thid = intent_of(me, intent)
        if title or category or condition:
            present = said.get("need") or me.present_body(thid)["need"]
            said["need"] = _need(present, title, category, condition)
        sent = await _public(me.amend(thid, identifying=identifying, check=False, **said))
        agent.tell_sent(sent, "intent.amend", me.spec, json_)

    run(work, folder, home, dev, spec)


def _members(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return wanting.read(file)
    except ValueError as error:
        raise usage(str(error)) from None


def _parts(region: str, near: str, budget: str, disclose: list[str] | None) -> dict[str, Any]:
    """What flags say of where, budget and disclosure."""
    try:
        found: list[tuple[str, Any]] = [("where", wanting.where(region, near))]
        found.append(("budget", wanting.money(budget) if budget else None))
        found.append(("disclose", [wanting.disclosure(one) for one in disclose or ()]))
    except ValueError as error:
        raise usage(str(error)) from None
    return wanting.given(found)


def _need(
    present: dict[str, Any] | Any, title: str, category: list[str] | None, condition: list[str] | None
) -> dict[str, Any]:
    """A need with what flags say in the place of what it said."""
    try:
        said = [("title", title), ("categories", [wanting.category(c) for c in category or ()])]
        said.append(("conditions", [wanting.condition(c) for c in condition or ()]))
    except ValueError as error:
        raise usage(str(error)) from None
    return {**present, **wanting.given(said)}


async def _public(sending: Awaitable[Any]) -> Any:
    from vrmproto.agents import AgentError

    try:
        return await sending
    except AgentError as error:
        own = "--identifying publishes it all the same"
        raise usage(str(error).replace("say identifying=True if she wants that", own)) from None


def _resting(method: str) -> dict[str, tuple[str, str]]:
    return {kind: (method, f"{kind}.{method}") for kind in ("intent", "relationship")}


def pause(
    id: RestingId,
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Hear no new offers for the time being, or nothing that an organisation begins of its own accord."""
    on_thread(_resting("pause"), id, folder, home, dev, spec, json_)


def resume(
    id: RestingId,
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Hear offers again, or an organisation."""
    on_thread(_resting("resume"), id, folder, home, dev, spec, json_)


def withdraw(
    intent: IntentId,
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Take an intent back: it is not wanted any more."""
    on_intent("withdraw_intent", "intent.withdraw", intent, folder, home, dev, spec, json_)


def close(
    intent: IntentId,
    folder: Folder,
    outcome: Annotated[
        Literal["fulfilled", "elsewhere", "abandoned"], typer.Option(help="By an offer made here, or not.")
    ] = "fulfilled",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Close an intent, with its outcome."""
    on_intent("close", "intent.close", intent, folder, home, dev, spec, json_, outcome=outcome)
