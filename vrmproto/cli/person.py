"""What the commands of ``vrmproto customer`` share: a person's agent, opened, and one message in a thread."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli import agent, choosing
from vrmproto.cli.output import usage

if TYPE_CHECKING:
    from vrmproto.agents import CustomerAgent, ThreadView

__all__ = ["Home", "intent_of", "on_intent", "on_offer", "on_thread", "run", "show_all"]

Home = Annotated[str, typer.Option(help="The origin of the home; by default the one that the folder knows.")]
_SHOWS = {
    "relationship": "standing",
    "consent": "consents",
    "dialogue": "dialogues",
    "data": "held",
    "correction": "corrections",
}
"""The command that shows the threads of a kind; of others it is ``offers``."""
Work = Callable[["CustomerAgent"], Awaitable[None]]


def on_intent(
    method: str,
    type_: str,
    intent: str,
    folder: Path,
    home: str,
    dev: bool,
    spec: Path | None,
    json_: bool,
    **arguments: Any,
) -> None:
    """Send one message in an intent: a method of the agent, and the type of what it sends."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        sent = await getattr(me, method)(intent_of(me, intent), check=False, **arguments)
        agent.tell_sent(sent, type_, me.spec, json_)

    run(work, folder, home, dev, spec)


def on_offer(
    method: str,
    type_: str,
    offer: str,
    folder: Path,
    home: str,
    dev: bool,
    spec: Path | None,
    json_: bool,
    **arguments: Any,
) -> None:
    """Send one message in an offer: a method of the agent, and the type of what it sends."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        thid = choosing.find(offer, choosing.all_offers(me), "offer")
        if not me.offer(thid).domain_verified:
            typer.echo(choosing.UNVERIFIED.format(me.offer(thid).vendor), err=True)
        sent = await getattr(me, method)(thid, check=False, **arguments)
        agent.tell_sent(sent, type_, me.spec, json_)

    run(work, folder, home, dev, spec)


def on_thread(
    kinds: Mapping[str, tuple[str, str]],
    id: str,
    folder: Path,
    home: str,
    dev: bool,
    spec: Path | None,
    json_: bool,
    **arguments: Any,
) -> None:
    """Send one message in a thread: by its kind a method of the agent, and the type of what it sends.

    A relationship may be named by the organisation, too.
    """

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        known = {view.thid: view.thread.kind for view in me.views() if view.thread.kind in kinds}
        shows = _SHOWS[[*kinds][-1]] if kinds.keys() <= _SHOWS.keys() else "offers"
        thid = _bond_with(me, id) if "relationship" in kinds else ""
        thid = thid or choosing.find(id, [*known], " or ".join(kinds), shows)
        if known[thid] == "offer" and not me.offer(thid).domain_verified:
            typer.echo(choosing.UNVERIFIED.format(me.offer(thid).vendor), err=True)
        method, type_ = kinds[known[thid]]
        sent = await getattr(me, method)(thid, check=False, **arguments)
        agent.tell_sent(sent, type_, me.spec, json_)

    run(work, folder, home, dev, spec)


def _bond_with(me: CustomerAgent, vendor: str) -> str:
    """Her relationship with an organisation: the one that has not ended, else the last; '' if none."""
    found = me.standing(vendor.removesuffix("/")) if vendor else []
    return next((one.thid for one in sorted(found, key=lambda one: (one.over, -one.since))), "")


def show_all(
    found: Callable[[CustomerAgent], Sequence[ThreadView]],
    tell: Callable[[CustomerAgent, ThreadView], None],
    nothing: str,
    folder: Path,
    home: str,
    dev: bool,
    spec: Path | None,
) -> None:
    """Fetch what has come, and tell each thread that is found; ``nothing`` says that there is none."""

    async def work(me: CustomerAgent) -> None:
        await me.poll()
        views = found(me)
        if not views:
            typer.echo(nothing, err=True)
        for view in views:
            tell(me, view)

    run(work, folder, home, dev, spec)


def intent_of(me: CustomerAgent, text: str) -> str:
    """The intent that a text names."""
    return choosing.find(text, me.intents(), "intent")


def run(work: Work, folder: Path, home: str, dev: bool, spec: Path | None) -> None:
    """Open the person's agent and do the work."""
    agent.run(work, folder=folder, home=home or _known_home(folder), role="customer", dev=dev, spec=spec)


def _known_home(folder: Path) -> str:
    """The home that an agent's folder has read before, if it is one."""
    known = set()
    for path in sorted((folder / "homes").glob("*.ndjson")):
        with path.open(encoding="utf-8") as file:
            known.add(json.loads(file.readline() or "{}").get("origin", ""))
    known.discard("")
    if len(known) != 1:
        wrong = f"{folder} knows several: {', '.join(sorted(known))}" if known else f"{folder} knows none yet"
        raise usage(f"name the home with --home, for {wrong}")
    return str(known.pop())
