"""``vrmproto board``: the boards of a home, and taking a thread off one, for its operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli.ids import IdCommand
from vrmproto.cli.output import JsonOption

if TYPE_CHECKING:
    import aiohttp

    from vrmproto.keys import PrivateKey

__all__ = ["register"]

FAILED, UNREACHABLE = 1, 3
PATIENCE = 10.0
MAX_DOCUMENT = 1024 * 1024
WELL_KNOWN = "/.well-known/vrm-configuration"

HomeOption = Annotated[str, typer.Option(help="The origin of the home.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Look after the boards of a home.", no_args_is_help=True)
    group.command("list")(list_)
    group.command(cls=IdCommand)(remove)
    app.add_typer(group, name="board")


def list_(home: HomeOption, json: JsonOption = False) -> None:
    """Show the boards of a home: name, access and URL."""
    from vrmproto.cli.output import emit

    boards = asyncio.run(_boards(_origin(home)))
    if not boards:
        typer.echo(f"{home} has no boards", err=True)
    for board in boards:
        if json:
            emit(board)
        else:
            typer.echo(f"{board['name']:16} {board['access']:8} {board['url']}")


def remove(
    mid: Annotated[str, typer.Argument(help="The id of the message that opened the thread.")],
    code: Annotated[str, typer.Option(help="Why: illegal, personal-data, spam or operator.")],
    home: HomeOption,
    data: Annotated[Path, typer.Option(help="The home's own folder, as serve has it: its keys are there.")],
    json: JsonOption = False,
) -> None:
    """Take a thread off its board; the feed and its author are told the code.

    What stood on a public board may have been copied: a removal does not call it back.
    """
    from vrmproto.boards import REMOVALS
    from vrmproto.cli.output import emit, spec_at, usage

    if code not in REMOVALS:
        raise usage(f"--code {code}: is to be one of {', '.join(REMOVALS)}")
    if not spec_at(None).valid("shared/mid.json", mid):
        raise usage(f"{mid}: is no id of a message, which has 43 letters, digits, - and _")
    origin, signing = _origin(home), _signing(data)
    name, problem = asyncio.run(_remove(origin, signing, mid, code))
    if json:
        emit({"mid": mid, "board": name, "code": code, "removed": problem is None, "problem": problem})
    elif problem is None:
        typer.echo(f"{mid} is off the board {name}: {code}")
    elif problem.get("code") == "not-found":
        typer.echo(f"vrmproto: {mid} stands on no board of {home}, or not any more", err=True)
    else:
        typer.echo(f"vrmproto: {problem.get('code')}: {problem.get('detail')}", err=True)
    if problem is not None:
        raise typer.Exit(FAILED)


def _origin(home: str) -> str:
    from vrmproto.cli.output import spec_at, usage

    origin = home.removesuffix("/")
    if not spec_at(None).valid("shared/origin.json", origin):
        raise usage(f"--home {home}: is no origin, such as https://home.example")
    return origin


def _signing(data: Path) -> list[PrivateKey]:
    """The home's keys in its folder; none is ever made here."""
    from vrmproto.cli.output import usage
    from vrmproto.errors import ProtocolError, SpecError
    from vrmproto.server.app import load_signing_keys

    path = data / "keys.json"
    if not path.is_file():
        raise usage(f"--data {data}: has no keys.json; name the folder that `vrmproto serve --data` uses")
    try:
        return load_signing_keys(path)
    except (ProtocolError, SpecError) as error:
        raise usage(str(error)) from None


async def _boards(origin: str) -> list[dict[str, Any]]:
    async with _session() as session:
        return (await _discovery(session, origin))[0]


async def _remove(
    origin: str, signing: list[PrivateKey], mid: str, code: str
) -> tuple[str, dict[str, Any] | None]:
    """The board that the thread was on, and None; or '' and the problem of the last one that was asked."""
    from vrmproto.cli.output import usage

    async with _session() as session:
        boards, kids = await _discovery(session, origin)
        key = next((k for k in signing if k.public.kid in kids), None)
        if key is None:
            raise usage(f"--data: keys.json there holds no key of {origin}: it is the folder of another home")
        problem: dict[str, Any] = {"code": "not-found", "detail": "this home has no boards"}
        for board in boards:
            url = f"{board['url']}/{mid}"
            headers = {"Authorization": f"VRM {_request(key, origin, url)}"}
            async with session.delete(url, params={"code": code}, headers=headers) as answer:
                if answer.status == 204:
                    return str(board["name"]), None
                problem = _read(await _whole(answer))
                if answer.status != 404:
                    return "", problem | {"code": problem.get("code", f"status {answer.status}")}
        return "", problem


def _request(key: PrivateKey, origin: str, url: str) -> str:
    """The operator's signed request: it is the home itself that asks (boards.md "Threads and removal")."""
    import secrets
    import time

    from vrmproto import envelope

    now = int(time.time())
    claims = {"iss": origin, "aud": origin, "htm": "DELETE", "htu": url, "iat": now, "exp": now + 60}
    return envelope.seal(key, claims | {"jti": secrets.token_urlsafe(16)}, envelope.REQUEST)


async def _discovery(session: aiohttp.ClientSession, origin: str) -> tuple[list[dict[str, Any]], set[str]]:
    """The boards of a home and the ids of its keys, from its discovery document."""
    from vrmproto.cli.output import spec_at

    async with session.get(origin + WELL_KNOWN, allow_redirects=False) as answer:
        document = _read(await _whole(answer)) if answer.status == 200 else {}
    if document.get("issuer") != origin or not spec_at(None).valid("documents/discovery.json", document):
        typer.echo(f"vrmproto: {origin}{WELL_KNOWN} is no discovery document of this home", err=True)
        raise typer.Exit(FAILED)
    own = [b for b in document.get("boards", ()) if b["url"].startswith(f"{origin}/")]
    return own, {k["kid"] for k in document["keys"] if "kid" in k}


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_chunked(65536):
        data += chunk
        if len(data) > MAX_DOCUMENT:
            return b""
    return bytes(data)


def _read(data: bytes) -> dict[str, Any]:
    from vrmproto import strictjson

    return dict(strictjson.read(data)[0])


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client; what is out of reach is said, and ends with the exit code for it."""
    import aiohttp

    from vrmproto.cli.output import unconnected

    try:
        limit = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=limit) as session:
            yield session
            return
    except TimeoutError:
        reason = f"no answer within {PATIENCE:g} seconds"
    except (aiohttp.ClientError, OSError) as error:
        reason = unconnected(error)
    typer.echo(f"vrmproto: the home is out of reach: {reason}", err=True)
    raise typer.Exit(UNREACHABLE)
