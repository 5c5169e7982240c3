"""The commands of ``vrmproto customer`` for data: given, verified, corrected, and changed everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli import choosing
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.consenting import short
from vrmproto.cli.output import styled, usage
from vrmproto.cli.person import Home, on_thread, run

if TYPE_CHECKING:
    from vrmproto.agents import Change, Correction, CustomerAgent, DataRequest, Held

__all__ = ["COMMANDS", "pairs", "tell_correction", "tell_held", "tell_request"]

DataId = Annotated[str, typer.Argument(help="The thread of data: its id, or how that begins.")]
Fields = Annotated[
    list[str], typer.Argument(metavar="FIELD=VALUE...", help="Such as email=anna@example.org.")
]
Vendor = Annotated[str, typer.Argument(help="One organisation; by default all.")]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Of W3C DPV-PD, such as EmailAddress; may be repeated.")
]
Reason = Annotated[str, typer.Option(help="Why, in words for the organisation.")]
AnswerIn = Annotated[str, typer.Option(help="Until when it is to answer: a duration or a time.")]


def share(
    id: Annotated[
        str,
        typer.Argument(help="The request, the relationship or the organisation: an id, or how that begins."),
    ],
    fields: Fields,
    folder: Folder,
    purpose: Annotated[str, typer.Option(help="What they may be used for; of a request its own.")] = "",
    category: Categories = None,
    file: Annotated[Path | None, typer.Option(help="A file with what the fields name.")] = None,
    media_type: Annotated[str, typer.Option(help="What the file is.")] = "application/octet-stream",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Give an organisation data, asked or not, for one purpose and no other."""
    kinds = {"relationship": ("share", "data.share"), "data": ("share", "data.share")}
    given = {"fields": pairs(fields), "purpose": purpose, "categories": category or ()}
    data = file.read_bytes() if file is not None else None
    on_thread(kinds, id, folder, home, dev, spec, json_, file=data, media_type=media_type, **given)


def held(
    folder: Folder,
    vendor: Vendor = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show what each organisation asks for, and what it has of you."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        name = vendor.removesuffix("/")
        asked, found = me.data_requests(name), me.what_they_have(name)
        if not asked and not found:
            typer.echo("nothing is asked for, and nothing was shared or reported", err=True)
        for request in asked:
            tell_request(request, json_)
        for one in found:
            tell_held(one, json_)

    run(work, folder, home, dev, spec)


def verify_data(
    id: DataId,
    folder: Folder,
    as_of: Annotated[str, typer.Option(help="The time for which it is right; by default now.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say that what an organisation has reported is right."""
    kinds = {"data": ("verify_data", "data.verify")}
    on_thread(kinds, id, folder, home, dev, spec, json_, as_of=as_of or 0)


def close_data(
    id: DataId,
    folder: Folder,
    reason: Reason = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Share no more in a thread, or hear no more reports in it."""
    kinds = {"data": ("close_data", "data.close")}
    on_thread(kinds, id, folder, home, dev, spec, json_, reason=reason)


def correct(
    id: DataId,
    folder: Folder,
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="FIELD=VALUE...", help="Such as email=anna@example.org.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A field that it is not to hold; may be repeated.")
    ] = None,
    reason: Reason = "",
    answer_in: AnswerIn = "P1M",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say what is right in data that an organisation holds."""
    right: dict[str, str | None] = {**pairs(fields or ()), **dict.fromkeys(remove or ())}
    if not right:
        raise usage("say what is right, such as email=anna@example.org, or --remove a field")
    kinds = {"data": ("correct", "correction.submit")}
    on_thread(kinds, id, folder, home, dev, spec, json_, right=right, reason=reason, answer_in=answer_in)


def corrections(
    folder: Folder,
    vendor: Vendor = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show every correction with what became of it."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        found = me.corrections(vendor.removesuffix("/"))
        if not found:
            typer.echo("there is no correction", err=True)
        for one in found:
            tell_correction(one, json_)

    run(work, folder, home, dev, spec)


def withdraw_correction(
    id: Annotated[str, typer.Argument(help="The correction: its id, or how that begins.")],
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """No longer ask for a correction."""
    kinds = {"correction": ("withdraw_correction", "correction.withdraw")}
    on_thread(kinds, id, folder, home, dev, spec, json_)


def change_everywhere(
    fields: Fields,
    folder: Folder,
    apart: Annotated[
        str, typer.Option(help="The seconds between two messages, drawn at random from this span.")
    ] = "60-3600",
    category: Categories = None,
    reason: Reason = "",
    answer_in: AnswerIn = "P1M",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Tell every organisation that has a field what it is now, one after the other.

    Stopped with Ctrl-C or killed, the same command goes on where it was, and tells nobody twice. `changes`
    shows what became of it.
    """
    span = re.fullmatch(r"([0-9]{1,6})-([0-9]{1,6})", apart)
    if span is None or int(span[1]) > int(span[2]):
        raise usage(f"--apart {apart}: is to be such as 60-3600, from one minute to one hour")
    said = pairs(fields)

    async def work(me: CustomerAgent) -> None:
        between = (float(span[1]), float(span[2]))
        change = await me.change_everywhere(
            said, categories=category or (), reason=reason, answer_in=answer_in, apart=between
        )
        if not change.outcomes:
            typer.echo(f"nobody has {', '.join(said)}", err=True)
        _tell_change(change, json_)

    run(work, folder, home, dev, spec)


def changes(
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come at every home, and show what became of each change."""

    async def work(me: CustomerAgent) -> None:
        found = await me.changes()
        if not found:
            typer.echo("there is no change; `vrmproto customer change-everywhere` tells one", err=True)
        for one in found:
            _tell_change(one, json_)

    run(work, folder, home, dev, spec)


# --- what is shown -------------------------------------------------------------------------------


def pairs(fields: Sequence[str]) -> dict[str, str]:
    """FIELD=VALUE as fields."""
    found = dict(field.split("=", 1) for field in fields if "=" in field)
    if len(found) != len(fields):
        raise usage("each field is FIELD=VALUE, such as email=anna@example.org, and named once")
    return found


def _other(one: Held | DataRequest | Correction, hers: bool) -> str:
    return choosing.who(one.vendor) if hers else f"{one.person[:24]}…"


def tell_request(one: DataRequest, json_: bool, *, hers: bool = True) -> None:
    """A request that has no answer yet."""
    if json_:
        typer.echo(json.dumps({"request": one.thid, **asdict(one)}))
        return
    wanted = ", ".join(f"{item.get('path', '')} ({short(item['category'])})" for item in one.items)
    until = choosing.when(one.deadline)
    asks = "asks" if hers else "is asked"
    typer.echo(f"{styled(_other(one, hers), bold=True)} {asks} for {wanted} until {until}   {one.thid}")
    typer.echo(f"  for {short(one.purpose)}")


def tell_held(one: Held, json_: bool, *, hers: bool = True) -> None:
    """Data by one message."""
    if json_:
        typer.echo(json.dumps({"data": one.thid, **asdict(one)}))
        return
    how = "shared" if one.type == "data.share" else "reported"
    end = "; it has erased them" if one.erased else "; the relationship has ended" if one.ended else ""
    since = choosing.when(one.since)
    typer.echo(f"{styled(_other(one, hers), bold=True)}: {how} at {since}{end}   {one.thid}")
    for name in one.fields:
        source = f", from {one.sources[name]}" if name in one.sources else ""
        value = one.values.get(name, "(taken out)" if one.values or one.corrections else "(in a file)")
        typer.echo(f"  {name}: {value}{source}")
    right = f", verified as of {one.verified_as_of}" if one.verified_as_of else ""
    as_of = f", as of {one.as_of}" if one.as_of else ""
    typer.echo(f"  for {short(one.purpose)}{as_of}{right}")


def tell_correction(one: Correction, json_: bool, *, hers: bool = True) -> None:
    """A correction with its answer."""
    if json_:
        typer.echo(json.dumps({"correction": one.thid, **asdict(one)}))
        return
    until = f", to be answered by {choosing.when(one.deadline)}" if one.state == "submitted" else ""
    state = "NOT ANSWERED in time" if one.late else one.state
    typer.echo(f"{styled(_other(one, hers), bold=True)}: {state}{until}   {one.thid}")
    for op in one.patch:
        if op["op"] != "test":
            typer.echo(f"  {op['path'][1:]}: {op.get('value', '(out)') if op['op'] != 'remove' else '(out)'}")
    for path, why in one.reasons.items():
        typer.echo(f"  refused {path[1:]}: {why}")


def _tell_change(one: Change, json_: bool) -> None:
    if json_:
        typer.echo(json.dumps({"change": one.id, "done": one.done, **asdict(one)}))
        return
    said = ", ".join(f"{name}={value}" for name, value in one.fields.items())
    typer.echo(f"{styled(said, bold=True)}: {'all are told' if one.done else 'not all are told'}   {one.id}")
    for told in one.outcomes:
        why = "; ".join([*(f"{path[1:]}: {why}" for path, why in told.reasons.items()), told.detail])
        why = f" ({why.removesuffix('; ')})" if why.strip("; ") else ""
        end = ", the relationship has ended" if told.ended else ""
        typer.echo(f"  {choosing.who(told.vendor)}: {', '.join(told.fields)} {told.result}{end}{why}")


COMMANDS: tuple[Callable[..., None], ...] = (share, held, verify_data, close_data, correct, corrections)
COMMANDS += (withdraw_correction, change_everywhere, changes)
