"""The commands of ``vrmproto customer`` for relationships, and a ladder drawn in the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli import agent, beneath, choosing
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.output import console, spec_at, styled, usage
from vrmproto.cli.person import Home, on_thread, run

if TYPE_CHECKING:
    from vrmproto.agents import Consent, CustomerAgent, Held, Standing
    from vrmproto.ladder import Ladder
    from vrmproto.proving import Proof

__all__ = ["COMMANDS", "tell_standing"]

Vendor = Annotated[str, typer.Argument(help="The organisation: its origin, or its did:jwk.")]
BondId = Annotated[
    str, typer.Argument(help="The relationship: its id, or how that begins; or the organisation.")
]
LadderFile = Annotated[
    Path | None, typer.Option("--ladder", help="The file of a ladder, in place of the one of the protocol.")
]
Theirs = Annotated[bool, typer.Option(help="Take the ladder that the organisation publishes.")]
Zone = Annotated[str, typer.Option(help="Where your day begins and ends, such as Europe/Amsterdam.")]
Quiet = Annotated[
    list[str] | None, typer.Option(help="Hours to hear nothing in, such as 22:00-07:00; may be repeated.")
]
Rate = Annotated[str, typer.Option(help="How often at most: 3/P1W is three times a week.")]
Reason = Annotated[str, typer.Option(help="Why, in words for the organisation.")]


def relate(
    vendor: Vendor,
    folder: Folder,
    ladder: LadderFile = None,
    theirs: Theirs = False,
    zone: Zone = "",
    quiet: Quiet = None,
    rate: Rate = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Open a relationship with an organisation, under an agreement in force with it, at the lowest rung."""
    wishes = _preferences(zone, quiet, rate, spec)

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        origin = vendor.removesuffix("/")
        document = await _ladder(me, origin, ladder, theirs)
        sent = await me.relate(origin, document, wishes, check=False)
        agent.tell_sent(sent, "relationship.open", me.spec, json_)
        if not json_:
            typer.echo("`vrmproto customer standing` shows the ladder, `step` goes up, `end` ends it.")

    run(work, folder, home, dev, spec)


def standing(
    folder: Folder,
    vendor: Annotated[str, typer.Argument(help="One organisation; by default all.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show how you stand with each organisation.

    The ladder, what you consent to, what it has, and what was refused for you (as the home says). What the
    home shows of it is compared with your own copies; the exit code is 1 where it shows something else.
    """

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        found = me.standing(vendor.removesuffix("/"))
        if not found:
            typer.echo("there is no relationship; `vrmproto customer relate` opens one", err=True)
        agrees = True
        for one in found:
            below = await beneath.of_person(me, one)
            tell_standing(one, json_, **below)
            agrees = agrees and (below["proof"] is None or below["proof"].ok)
        if not agrees:
            raise typer.Exit(1)

    run(work, folder, home, dev, spec)


def step(
    id: BondId,
    folder: Folder,
    stage: Annotated[
        str, typer.Argument(help="The rung; by default the one you are invited to, or the next.")
    ] = "",
    ladder: LadderFile = None,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Step up to a rung that an agreement in force reaches, invited or not."""
    document = ladder.read_bytes() if ladder is not None else None
    kinds = {"relationship": ("step", "relationship.step")}
    on_thread(kinds, id, folder, home, dev, spec, json_, stage=stage, ladder=document)


def retreat(
    id: BondId,
    folder: Folder,
    stage: Annotated[str, typer.Argument(help="The rung; by default the next below.")] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Step down, at once; nobody can refuse it."""
    kinds = {"relationship": ("retreat", "relationship.retreat")}
    on_thread(kinds, id, folder, home, dev, spec, json_, stage=stage)


def prefer(
    id: BondId,
    folder: Folder,
    zone: Zone = "",
    quiet: Quiet = None,
    rate: Rate = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Say when and how often an organisation may write of its own accord, in place of what was said before.

    With --zone alone it may at any time.
    """
    wishes = _preferences(zone, quiet, rate, spec)
    if wishes is None:
        raise usage("say what you prefer: --zone, and --quiet or --rate")
    kinds = {"relationship": ("prefer", "relationship.prefer")}
    on_thread(kinds, id, folder, home, dev, spec, json_, preferences=wishes)


def end(
    id: BondId,
    folder: Folder,
    reason: Reason = "",
    within: Annotated[
        str, typer.Option(help="How long it has to erase what it held of you: a duration, at most P1M.")
    ] = "",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """End a relationship, and with it what was agreed in threads of terms.

    The organisation then has to erase what it held of you, and to attest that it has.
    """
    kinds = {"relationship": ("end", "relationship.end")}
    on_thread(kinds, id, folder, home, dev, spec, json_, reason=reason, attest_within=within)


# --- what is written on the command line ---------------------------------------------------------


async def _ladder(me: CustomerAgent, vendor: str, file: Path | None, theirs: bool) -> bytes | None:
    if file is not None and theirs:
        raise usage("--ladder and --theirs name two ladders; take one of them")
    if not theirs:
        return file.read_bytes() if file is not None else None
    document = await me.ladder_of(vendor)
    if document is None:
        raise usage(f"--theirs: {vendor} publishes no ladder of its own")
    return document


def _preferences(
    zone: str, quiet: Sequence[str] | None, rate: str, spec: Path | None
) -> dict[str, Any] | None:
    """Preferences as messages have them, None where nothing is said."""
    if not (zone or quiet or rate):
        return None
    if not zone:
        raise usage("--zone: name where your day begins and ends, such as Europe/Amsterdam")
    said: dict[str, Any] = {"zone": zone}
    for text in quiet or ():
        begin, _, finish = text.partition("-")
        said.setdefault("quiet", []).append({"from": begin, "to": finish})
    if rate:
        found = re.fullmatch(r"([0-9]{1,3})/(P\S+)", rate)
        if found is None:
            raise usage(f"--rate {rate}: is to be such as 3/P1W, three times a week")
        said["rate"] = {"most": int(found[1]), "within": found[2]}
    for fault in spec_at(spec).faults("shared/preferences.json", said):
        member = fault["pointer"].split("/")[1]
        raise usage(f"--{member}: {fault['pointer']} {fault['message']}")
    return said


# --- what is shown -------------------------------------------------------------------------------


def tell_standing(
    one: Standing,
    json_: bool,
    *,
    hers: bool = True,
    consents: Sequence[Consent] = (),
    held: Sequence[Held] = (),
    refused: Mapping[str, Any] | None = None,
    proof: Proof | None = None,
) -> None:
    """How two parties stand, for her or for the organisation, with what lies below; what was ``refused``.

    ``proof`` says whether the home shows the same.
    """
    if json_:
        typer.echo(json.dumps({**_document(one), **beneath.document(consents, held, refused, proof)}))
        return
    other = choosing.who(one.vendor) if hers else f"{one.person[:24]}…"
    since = choosing.when(one.since)
    typer.echo(f"{styled(other, bold=True)}: {one.state}, since {since}   {one.thid}")
    if one.over:
        _tell_end(one)
        beneath.tell(consents, held, refused)
        beneath.tell_proof(proof)
        return
    names = ", ".join(f"{a.agreement['id']} {a.agreement['version']}" for a in one.agreements)
    typer.echo(f"  {f'under {names}' if names else 'no agreement between the two is in force'}")
    if one.ladder is None:
        typer.echo("  the ladder is not held here: the lowest rung counts")
    else:
        draw(one, one.ladder, hers)
    if one.invitation is not None:
        asked = one.invitation
        until = choosing.when(asked.answer_by)
        typer.echo(f"  invited to {asked.stage} until {until}: {asked.benefit}")
        for ask in asked.asks:
            typer.echo(f"    asks for {_short(ask['category'])}, for {_short(ask['purpose'])}")
        if asked.terms is not None:
            typer.echo(f"    would agree to {asked.terms['id']} {asked.terms['version']}")
    if wishes := _wishes(one.preferences):
        typer.echo(f"  {wishes}")
    beneath.tell(consents, held, refused)
    beneath.tell_proof(proof)


def draw(one: Standing, ladder: Ladder, hers: bool) -> None:
    """The ladder with the lowest rung at the bottom, and the rung that she is on."""
    from rich.table import Table
    from rich.text import Text

    here, gone = ladder.place(one.rung), ladder.place(one.gone)
    invited = ladder.place(one.invitation.stage) if one.invitation is not None else None
    table = Table.grid(padding=(0, 2))
    who = "you are" if hers else "she is"
    for number in reversed(range(len(ladder.rungs))):
        rung = ladder.rungs[number]
        reached = rung.stage in one.reached
        mark, note, style = ("○", "", "") if reached else ("·", "not within an agreement", "dim")
        if number == gone:
            note = "gone to, but " + note if note else note
        if number == invited:
            mark, note = "◇", "; ".join(filter(None, [f"{who} invited", note]))
        if number == here:
            since = f" since {choosing.when(one.moved_at)}" if here == gone else ""
            mark, note, style = "●", f"{who} here{since}", "bold"
        table.add_row("", *(Text(text, style) for text in (mark, rung.stage, rung.title, note)))
    console().print(table, soft_wrap=False)


def _tell_end(one: Standing) -> None:
    if one.attested is not None:
        typer.echo(f"  attested: erased at {one.attested['erased_at']}")
        for kept in one.attested["kept"]:
            until = f", until {kept['until']}" if "until" in kept else ""
            typer.echo(f"    kept: {kept['what']}, for {kept['why']}{until}")
    elif one.overdue:
        typer.echo("  " + styled("OVERDUE: the organisation has not attested that it has erased", fg="red"))
    elif one.deadline is not None:
        typer.echo(f"  the organisation has to erase what it held by {choosing.when(one.deadline)}")


def _wishes(said: Mapping[str, Any]) -> str:
    hours = ", ".join(f"{h['from']}-{h['to']}" for h in said.get("quiet", ()))
    rate = said.get("rate")
    parts = [f"quiet {hours} ({said['zone']})" if hours else ""]
    parts.append(f"at most {rate['most']} within {rate['within']}" if rate else "")
    return ", ".join(filter(None, parts))


def _short(iri: str) -> str:
    return iri.rpartition("#")[2] or iri


def _document(one: Standing) -> dict[str, Any]:
    asked, ladder = one.invitation, one.ladder
    rungs = [
        {"stage": r.stage, "title": r.title, "reached": r.stage in one.reached, "here": r.stage == one.rung}
        for r in (ladder.rungs if ladder else ())
    ]
    return {
        "relationship": one.thid,
        "vendor": one.vendor,
        "person": one.person,
        "state": one.state,
        "since": one.since,
        "gone_to": one.gone,
        "rung": one.rung,
        "rung_since": one.moved_at,
        "deadline": one.deadline,
        "overdue": one.overdue,
        "ladder": {"digest": ladder.digest, "rungs": rungs} if ladder else None,
        "invitation": None
        if asked is None
        else {
            "stage": asked.stage,
            "benefit": asked.benefit,
            "asks": [dict(ask) for ask in asked.asks],
            "answer_by": asked.answer_by,
            "terms": dict(asked.terms) if asked.terms is not None else None,
        },
        "preferences": dict(one.preferences),
        "agreements": [
            {"record": a.record, "thread": a.thid, "agreement": dict(a.agreement)} for a in one.agreements
        ],
        "attested": dict(one.attested) if one.attested is not None else None,
    }


COMMANDS: tuple[Callable[..., None], ...] = (relate, standing, step, retreat, prefer, end)
