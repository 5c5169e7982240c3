"""The commands of ``vrmproto customer`` for feedback: told, taken back, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vrmproto.cli import agent, choosing, wanting
from vrmproto.cli.agent import Dev, Folder, Json, SpecDir
from vrmproto.cli.output import styled, usage
from vrmproto.cli.person import Home, run, show_all

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent, ThreadView

__all__ = ["COMMANDS"]


def feedback(
    vendor: Annotated[str, typer.Argument(help="The organisation: its origin, or its did:jwk.")],
    text: Annotated[str, typer.Argument(help="What to tell it.")],
    folder: Folder,
    kind: Annotated[
        Literal["problem", "idea", "praise", "usage"], typer.Option(help="What it is.")
    ] = "problem",
    subject: Annotated[str, typer.Option(help="What it is about: a GTIN, a model, a URL.")] = "",
    category: Annotated[
        list[str] | None, typer.Option(help="SCHEME:CODE, such as unspsc:25101503; may be repeated.")
    ] = None,
    licence: Annotated[
        str, typer.Option(help="SPDX licence under which it may use your text; none lets it read and answer.")
    ] = "",
    may_publish: Annotated[bool, typer.Option(help="It may show your text to others, without you.")] = False,
    known: Annotated[
        bool,
        typer.Option(help="Under the key that it knows; by default under one that nothing joins to you."),
    ] = False,
    lang: Annotated[str, typer.Option(help="The language of the text.")] = "en",
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Tell an organisation what is wrong with what it makes, what could be, what is good."""
    try:
        categories = [wanting.category(one) for one in category or ()]
    except ValueError as error:
        raise usage(str(error)) from None

    async def work(me: CustomerAgent) -> None:
        about: dict[str, Any] = {"subject": subject, "categories": categories, "licence": licence}
        sent = await me.feedback(
            vendor, text, kind, lang=lang, may_publish=may_publish, known=known, check=False, **about
        )
        agent.tell_sent(sent, "feedback.submit", me.spec, json_)
        if not json_:
            typer.echo("`vrmproto customer outcomes` shows what becomes of it.")

    run(work, folder, home, dev, spec)


def outcomes(
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Fetch what has come, and show what became of each feedback."""
    nothing = "there is no feedback yet; `vrmproto customer feedback` tells some"
    show_all(_all, lambda _, view: _tell(view, json_), nothing, folder, home, dev, spec)


def retract(
    id: Annotated[str, typer.Argument(help="The feedback: its id, or how that begins.")],
    folder: Folder,
    home: Home = "",
    dev: Dev = False,
    spec: SpecDir = None,
    json_: Json = False,
) -> None:
    """Take feedback back, whatever has become of it."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        known = [view.thid for view in _all(me)]
        thid = choosing.find(id, known, "feedback", "outcomes")
        sent = await me.retract(thid, check=False)
        agent.tell_sent(sent, "feedback.retract", me.spec, json_)

    run(work, folder, home, dev, spec)


def _all(me: CustomerAgent) -> list[ThreadView]:
    return [view for view in me.views() if view.thread.kind == "feedback"]


def _tell(view: ThreadView, json_: bool) -> None:
    said, last = view.messages[0].body, view.messages[-1]
    result = dict(last.body) if last.type == "feedback.outcome" else {}
    if json_:
        shown = {"feedback": view.thid, "vendor": view.thread.second, "state": view.state, **said}
        typer.echo(json.dumps(shown | ({"outcome": result} if result else {})))
        return
    typer.echo(
        f"{styled(str(said['text']), bold=True)} ({said['kind']}, to {choosing.who(view.thread.second)})"
    )
    why = f": {result['text']}" if "text" in result else ""
    typer.echo(f"  {result.get('outcome', view.state)}{why}   {view.thid}")


COMMANDS: tuple[Callable[..., None], ...] = (feedback, outcomes, retract)
