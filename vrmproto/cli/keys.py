"""``vrmproto keys``: a seed file, and the keys that are derived from it."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli.output import JsonOption

if TYPE_CHECKING:
    from vrmproto.keys import PublicKey

__all__ = ["Alg", "read_seed", "register", "write_seed"]

SEED_BYTES, LEAST_BYTES = 32, 16
_PURPOSE = re.compile(r"[a-z]+(/[^/]+)*/[0-9]+\Z")


class Alg(StrEnum):
    """The algorithms of a key."""

    ED25519 = "Ed25519"
    ES256 = "ES256"


AlgOption = Annotated[Alg, typer.Option("--alg", help="The algorithm of the key.")]
ForOption = Annotated[
    str, typer.Option("--for", help="Whom the key is for: an origin; or a purpose, such as agent/0 or org/0.")
]
NumberOption = Annotated[int, typer.Option("--number", min=0, help="0, and one more for each rotation.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Make and show keys.", no_args_is_help=True)
    group.command()(new)
    group.command()(show)
    group.command()(derive)
    app.add_typer(group, name="keys")


def write_seed(path: Path) -> bytes:
    """Make a new seed in a file that only its owner reads; FileExistsError if the file is there.

    The file holds base64url and a line end, as the file ``seed`` in the folder of an agent.
    """
    import os
    import secrets

    from vrmproto.keys import b64

    seed = secrets.token_bytes(SEED_BYTES)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(b64(seed) + "\n")
    return seed


def read_seed(path: Path) -> bytes:
    """The seed in a file of :func:`write_seed`; ValueError if it holds none."""
    from vrmproto.keys import unb64

    try:
        seed = unb64(path.read_text("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) < LEAST_BYTES:
        raise ValueError(f"{path}: is no seed file; `vrmproto keys new` makes one")
    return seed


def _seed(path: Path) -> bytes:
    from vrmproto.cli.output import usage

    try:
        return read_seed(path)
    except ValueError as error:
        raise usage(str(error)) from None


def _purpose(whom: str, number: int) -> str:
    """The purpose under which an agent derives a key: ``pair/ORIGIN/N`` for an organisation."""
    from vrmproto import spec
    from vrmproto.cli.output import usage

    if _PURPOSE.match(whom):
        return whom
    if not spec.load().valid("shared/origin.json", whom):
        raise usage(
            f"--for {whom}: is neither an origin such as https://shop.example nor a purpose such as agent/0"
        )
    return f"pair/{whom}/{number}"


def _shown(key: PublicKey, **more: Any) -> dict[str, Any]:
    from vrmproto.keys import did_of

    return {**more, "alg": key.alg, "kid": key.kid, "did": did_of(key.jwk), "jwk": dict(key.jwk)}


def _print(shown: dict[str, Any], json: bool) -> None:
    from vrmproto.cli.output import emit

    if json:
        emit(shown)
        return
    import json as text

    for name, value in shown.items():
        typer.echo(f"{name + ':':8} {text.dumps(value) if isinstance(value, dict) else value}")


def new(
    file: Annotated[Path, typer.Argument(help="The seed file to make; it must not be there yet.")],
    whom: ForOption = "agent/0",
    alg: AlgOption = Alg.ED25519,
    json: JsonOption = False,
) -> None:
    """Make a seed file (mode 0600) and show the key for --for.

    All keys of a person come from this one file: keep a copy of it where nobody else reads it.
    """
    from vrmproto import keys
    from vrmproto.cli.output import usage

    purpose = _purpose(whom, 0)
    try:
        seed = write_seed(file)
    except FileExistsError:
        raise usage(f"{file}: is there already, and a seed is never written over") from None
    key = keys.derive(seed, purpose, alg.value)
    _print(_shown(key.public, file=str(file), purpose=purpose), json)


def derive(
    seed: Annotated[Path, typer.Option("--seed", help="The seed file.")],
    whom: ForOption,
    number: NumberOption = 0,
    alg: AlgOption = Alg.ED25519,
    private: Annotated[bool, typer.Option("--private", help="Print the private JWK too.")] = False,
    json: JsonOption = False,
) -> None:
    """Show the key of a seed for one organisation: always the same, and another for each.

    It is the one that the agent of this seed uses there.
    """
    from vrmproto import keys

    purpose = _purpose(whom, number)
    key = keys.derive(_seed(seed), purpose, alg.value)
    secret = {"private": key.jwk} if private else {}
    _print(_shown(key.public, purpose=purpose) | secret, json)


def show(
    what: Annotated[str, typer.Argument(metavar="DID|FILE", help="A did:jwk, a JWK (Set) or a seed file.")],
    whom: ForOption = "agent/0",
    alg: AlgOption = Alg.ED25519,
    json: JsonOption = False,
) -> None:
    """Show did, JWK and thumbprint of public keys. A private JWK is shown without its private part."""
    from vrmproto import keys
    from vrmproto.cli.output import read_keys, usage
    from vrmproto.errors import ProtocolError

    if what.startswith(keys.DID):
        try:
            _print(_shown(keys.from_did(what)), json)
        except ProtocolError as error:
            raise usage(error.detail) from None
        return
    if what.startswith("did:") and not Path(what).exists():
        raise usage(f"{what}: is no did:jwk, the one kind of did used here")
    if not Path(what).read_bytes().lstrip().startswith(b"{"):
        purpose = _purpose(whom, 0)
        _print(_shown(keys.derive(_seed(Path(what)), purpose, alg.value).public, purpose=purpose), json)
        return
    for key in read_keys([Path(what)]).values():
        _print(_shown(key), json)
