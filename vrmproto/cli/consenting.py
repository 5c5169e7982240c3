"""The commands of ``vrmproto customer`` for consents: asked for, decided on by purpose, taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli import agent, choosing
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.output import styled, usage
from vrmproto.cli.person import Home, on_thread, run

if TYPE_CHECKING:
    from vrmproto.agents import Consent, CustomerAgent

__all__ = ["COMMANDS", "short", "tell_consent"]

ConsentId = Annotated[str, typer.Argument(help="The consent: its id, or how that begins.")]
Purposes = typer.Argument(metavar="PURPOSE...", help="Such as DirectMarketing: a purpose of W3C DPV.")
Until = Annotated[str, typer.Option(help="Until when it holds: a duration or a time.")]


def consents(
    folder: Folder,
    vendor: Annotated[str, typer.Argument(help="One organisation; by default all.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every consent: asked for, in force, and ended."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        found = me.consents(vendor.removesuffix("/"))
        if not found:
            typer.echo("no consent was asked for yet", err=True)
        for one in found:
            tell_consent(one, json_)

    run(work, folder, home, dev, spec)


def grant(
    id: ConsentId,
    folder: Folder,
    purposes: Annotated[list[str] | None, Purposes] = None,
    until: Until = "P1Y",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Consent to the purposes named, by default to all that are asked for."""
    kinds = {"consent": ("grant", "consent.grant")}
    on_thread(kinds, id, folder, home, dev, spec, json_, purposes=purposes or (), until=until)


def refuse(
    id: Annotated[
        str, typer.Argument(help="The consent, or the request for data: its id, or how that begins.")
    ],
    folder: Folder,
    reason: Annotated[str, typer.Option(help="Why, in words for the organisation.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say no to the request for a consent, or for data; it is not asked again for six months."""
    kinds = {
        "consent": ("refuse_consent", "consent.refuse"),
        "data": ("refuse_data", "data.refuse"),
    }
    on_thread(kinds, id, folder, home, dev, spec, json_, reason=reason)


def narrow(
    id: ConsentId,
    purposes: Annotated[list[str], Purposes],
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Leave of a consent the purposes named, and no others."""
    kinds = {"consent": ("narrow", "consent.narrow")}
    on_thread(kinds, id, folder, home, dev, spec, json_, purposes=purposes)


def renew(
    id: ConsentId,
    folder: Folder,
    until: Until = "P1Y",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Let a consent hold until another time."""
    kinds = {"consent": ("renew", "consent.renew")}
    on_thread(kinds, id, folder, home, dev, spec, json_, until=until)


def withdraw_consent(
    folder: Folder,
    id: Annotated[
        str, typer.Argument(help="The consent: its id, or how that begins; with --all an organisation.")
    ] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="All consents in force, with one organisation or with everybody.")
    ] = False,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Take a consent back, or all of them: at any time, and nobody can refuse it."""
    if not all_:
        if not id:
            raise usage("name a consent, or take back all of them with --all")
        kinds = {"consent": ("withdraw_consent", "consent.withdraw")}
        on_thread(kinds, id, folder, home, dev, spec, json_)
        return

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        vendor = id.removesuffix("/")
        if vendor and vendor not in {one.vendor for one in me.consents()}:
            raise usage(f"{vendor}: no organisation with a consent; `vrmproto customer consents` shows them")
        sent = await me.withdraw_consents(vendor)
        if not sent:
            typer.echo("no consent is in force", err=True)
        wrong = 0
        for one in sent:
            try:
                agent.tell_sent(one, "consent.withdraw", me.spec, json_)
            except typer.Exit as refused:
                wrong = refused.exit_code
        if wrong:
            raise typer.Exit(wrong)

    run(work, folder, home, dev, spec)


def tell_consent(one: Consent, json_: bool, *, hers: bool = True) -> None:
    """A consent, for her or for the organisation."""
    if json_:
        typer.echo(json.dumps({"consent": one.thid, **_document(one)}))
        return
    other = choosing.who(one.vendor) if hers else f"{one.person[:24]}…"
    until = f" until {choosing.when(one.deadline)}" if one.deadline is not None else ""
    state = "in force" if one.live else one.state
    typer.echo(f"{styled(other, bold=True)}: {state}{until}   {one.thid}")
    for purpose in one.asked or one.purposes:
        given = "" if one.open else " (granted)" if purpose in one.purposes else " (not granted)"
        typer.echo(f"  for {short(purpose)}{given}")
    if one.propagated is not None:
        told = ", ".join(one.propagated["told"]) or "nobody else had the data"
        typer.echo(f"  stopped at {one.propagated['stopped_at']}; told: {told}")
    if one.open and one.request:
        _tell_request(one.request)


def _tell_request(said: Any) -> None:
    """Everything that she has to know before she decides (VRM-CNS-017)."""
    who = said["controller"]
    typer.echo(f"  asked by {who['name']}{_at(who)}, {who['contact']}")
    typer.echo(f"  data: {', '.join(map(short, said['data']))}")
    typer.echo(f"  what is done: {', '.join(map(short, said['processing']))}")
    others = map(_reached, said["recipients"])
    typer.echo(f"  who else gets them: {', '.join(others) or 'nobody'}")
    storage = said["storage"]
    typer.echo(
        f"  kept for {storage['period']} in {', '.join(storage['places'])}; law of {said['jurisdiction']}"
    )
    typer.echo(f"  to withdraw: {said['withdrawal']}")
    complaints = _reached(said["authority"])
    typer.echo(f"  rights: {', '.join(map(short, said['rights']))}; complaints to {complaints}")
    notice = said["notice"]
    where = " ".join(notice[name] for name in ("url", "digest") if name in notice)
    typer.echo(f"  notice of {notice['presented_at']} ({notice['lang']}): {where}")


def _reached(who: Any) -> str:
    return f"{who['name']}{_at(who)} ({who['contact']})"


def _at(who: Any) -> str:
    return f", {who['address']}" if "address" in who else ""


def _document(one: Consent) -> dict[str, Any]:
    shown = asdict(one)
    shown.pop("thid")
    return shown


def short(iri: str) -> str:
    """The short name of a purpose or a category."""
    return iri.rpartition("#")[2] or iri


COMMANDS: tuple[Callable[..., None], ...] = (consents, grant, refuse, narrow, renew, withdraw_consent)
