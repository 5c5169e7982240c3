"""``vrmproto export``: everything that an agent holds, to take away and to verify."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli.agent import Json
from vrmproto.cli.output import emit, usage

if TYPE_CHECKING:
    from vrmproto.agents import Agent
    from vrmproto.agents.book import Book

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(
    folder: Annotated[Path, typer.Argument(help="The agent's folder; no process may have it open.")],
    target: Annotated[Path, typer.Argument(help="A new folder, or a file whose name ends in .zip.")],
    with_seed: Annotated[
        bool, typer.Option(help="Put the secret seed into it: whoever has it can act for this agent.")
    ] = False,
    json_: Json = False,
) -> None:
    """Put all threads, receipts, records and public keys of an agent into one folder or zip file.

    With them go the views of relationships as the home gave them last. Needs no network: it is what the
    agent holds. `vrmproto verify` verifies it, on any machine. The secret
    seed stays behind unless --with-seed.
    """
    import asyncio
    import shutil

    from vrmproto import portable
    from vrmproto.agents.book import BookError

    if not (folder / "seed").is_file():
        raise usage(f"{folder}: is no agent's folder, for it has no seed")
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise usage(f"{target}: is there already; name a new folder or file")
    if target.resolve().is_relative_to(folder.resolve()):
        raise usage(f"{target}: lies in the agent's own folder; name a place outside of it")
    try:
        files, about = asyncio.run(_collect(folder))
    except (BookError, ValueError) as error:
        typer.echo(f"vrmproto: {error}", err=True)
        raise typer.Exit(1) from None
    if with_seed:
        files["seed"] = (folder / "seed").read_bytes()
    try:
        portable.write(target, files, about)
    except BaseException:
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        raise
    counts = {part: sum(n.startswith(f"{part}/") for n in files) for part in ("threads", "records", "views")}
    if json_:
        emit({"path": str(target), **counts, "files": len(files) + 1, "seed": with_seed})
        return
    told = ", ".join(f"{number} {part}" for part, number in counts.items())
    typer.echo(f"{target}: {told}, {len(files) + 1} files")
    if with_seed:
        typer.echo("  the secret seed is in it: whoever reads it can act for this agent", err=True)
    typer.echo(f"  `vrmproto verify {target}` verifies it")


async def _collect(folder: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files but the seed, and what the index says beside them."""
    from vrmproto.agents import CustomerAgent, VendorAgent
    from vrmproto.agents.book import Book

    book = Book(folder)
    homes = sorted({line["home"] for t in book.threads() for line in book.thread(t)[:1]})
    kind: type[CustomerAgent] | type[VendorAgent] = VendorAgent if "keys" in book.state else CustomerAgent
    files: dict[str, bytes] = {}
    index: dict[str, list[str]] = {}
    overview: list[dict[str, Any]] = []
    origins: set[str] = set()
    identifiers: list[dict[str, Any]] = []
    for number, home in enumerate(homes):
        async with await kind.open(folder, home, dev=True) as agent:
            index[home] = _documents(files, book, "homes", home, number)
            identifiers = identifiers or _identifiers(agent)
            overview += [_line(agent, view) for view in agent.views()]
            origins |= _origins(agent)
            files |= {f"threads/{v.thid}.json": _thread(book, home, v.thid) for v in agent.views()}
            seen = {v.thid: book.kept_view(v.thid) for v in agent.views()}
            files |= {f"views/{thid}.json": data for thid, data in seen.items() if data is not None}
    known = [origin for origin in sorted(origins) if book.load_seen("keys", origin) is not None]
    for number, origin in enumerate(known):
        _documents(files, book, "keys", origin, number)
    files |= {f"ladders/{digest}.json": data for digest, data in book.ladders().items()}
    for part in ("records", "evidence"):
        files |= {f"{part}/{p.name}": p.read_bytes() for p in sorted((folder / part).glob("*.json"))}
    files["README.md"] = _readme(homes, overview, identifiers, files).encode()
    return files, {"kind": "export", "homes": index, "identifiers": identifiers}


def _documents(files: dict[str, bytes], book: Book, kind: str, origin: str, number: int) -> list[str]:
    """Every document of an origin that shows a key that none of the later ones shows; their names."""
    shown: list[bytes] = []
    for kid in book.seen_keys(kind, origin):
        seen = book.seen_with(kind, origin, kid)
        if seen is not None and seen.document not in shown:
            shown.append(seen.document)
    names = [f"{kind}/{number + 1}-{n + 1}.json" for n in range(len(shown))]
    files |= dict(zip(names, shown, strict=True))
    return names


def _origins(agent: Agent) -> set[str]:
    """The organisations of its threads."""
    parties = {p for view in agent.views() for p in (view.thread.first, view.thread.second)}
    return {party for party in parties if party.startswith("http")}


def _identifiers(agent: Agent) -> list[dict[str, Any]]:
    """What the agent was or is named by, with the public keys."""
    from vrmproto.agents import VendorAgent

    found = [(signer.iss, signer.key.public) for signer in agent.identities()]
    if isinstance(agent, VendorAgent):
        found += [(agent.origin or key.did, key.public) for key in agent.published.published]
    unique = {(iss, key.kid): {"id": iss, "kid": key.kid, "jwk": dict(key.jwk)} for iss, key in found}
    return list(unique.values())


def _thread(book: Book, home: str, thid: str) -> bytes:
    """A thread as it is exported, from the lines of the book."""
    from vrmproto import strictjson
    from vrmproto.portable import receipt_seq

    items: list[Mapping[str, Any]] = []
    told: list[str] = []
    for line in book.thread(thid):
        if "told" in line:
            told.append(line["told"])
        elif "erased" in line:
            items = list(line["links"])
        elif "stone" in line:
            items.append(line["stone"])
        elif "token" in line:
            items.append({"token": line["token"], "receipt": line["receipt"]})
    messages = [{"seq": receipt_seq(item["receipt"]), **item} for item in items]
    return strictjson.dumps({"home": home, "thid": thid, "messages": messages, "checkpoints": told})


def _line(agent: Agent, view: Any) -> dict[str, Any]:
    """A thread in short, for people."""
    thread = view.thread
    other = thread.second if agent.owns(thread.first) else thread.first
    return {
        "thid": view.thid,
        "kind": thread.kind,
        "with": other if other.startswith("http") else "somebody named by a key",
        "state": view.state,
        "messages": len(view.messages),
        "record": thread.record or "",
    }


def _readme(
    homes: Iterable[str],
    overview: Iterable[Mapping[str, Any]],
    identifiers: Iterable[Mapping[str, Any]],
    files: Mapping[str, bytes],
) -> str:
    """What people read of it."""
    rows = [
        f"| {t['kind']} | {t['with']} | {t['state']} | {t['messages']} "
        f"| [`{t['thid'][:8]}`](threads/{t['thid']}.json) | {_link(t['record'], files)} |"
        for t in overview
    ]
    return _README.format(
        homes=", ".join(homes) or "no home",
        rows="\n".join(rows) or "| | | | | | |",
        identifiers=len(list(identifiers)),
    )


def _link(record: str, files: Mapping[str, bytes]) -> str:
    name = f"records/{record}.json"
    return f"[record]({name})" if name in files else ""


_README = """# An agent's papers

Everything that was said and agreed at {homes}: each message as the signed token that
travelled, with the receipt of the home, and the records of agreements. Verify all of it with

    vrmproto verify .

which needs no network and nobody's word. A record also verifies alone, by whoever is shown it.

| what | with | state | messages | thread | agreement |
|---|---|---|---|---|---|
{rows}

States are those of the day of the export. A message whose text is missing was erased, as promised;
its receipt says that there was one.

- `threads/`, `records/`: the messages, and what proves agreements
- `views/`: how the home showed each relationship when it was last asked
- `ladders/`: the ladders that the messages name, beside that of the protocol
- `homes/`, `keys/`: the keys of homes and organisations, as they published them
- `evidence/`: what did not verify, if anything did not
- `export.json`: the sum of each file, and the {identifiers} identifiers of this agent with their public keys

What is here is private: it tells who said what to whom. If there is a file `seed`, keep it from
everyone: all keys of the agent follow from it. Without it these papers prove what was said, and nobody
can act with them.
"""
