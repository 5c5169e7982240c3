"""Settings of ``vrmproto serve``: flag, else environment ``VRMPROTO_*``, else TOML file, else default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vrmproto.boards import Board
from vrmproto.home import Config

__all__ = ["Settings", "SettingsError", "resolve"]


class SettingsError(Exception):
    """A setting is unknown or has a value that does not fit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set; every field is a TOML key, a flag and an environment variable."""

    host: str = "127.0.0.1"
    port: int = 8080
    origin: str = ""
    """The home's https origin; by default that of host and port, which needs ``dev``."""
    data: str = "vrmproto-data"
    """The folder of database and keys."""
    spec: str = ""
    """Another spec folder than this library's own."""
    dev: bool = False
    """Take http origins on loopback, and read their discovery documents."""
    operator: str = ""
    contact: str = ""
    privacy_notice: str = ""
    accepts: str = ""
    """Ids of agreements that the operator accepts, separated by commas."""
    boards: str = "intents"
    """Names of the boards, separated by commas; NAME:signed for one that only signed requests read.

    The flag is ``--board``, one for each.
    """
    blob: int = 1_048_576
    """The largest blob, in bytes."""
    inbox: int = 10_000
    max_wait: int = 30
    docs: bool = True
    """Serve the pages of the specification at ``/spec``."""

    def config(self) -> Config:
        """The part of the settings that a home knows; SettingsError if they do not fit together."""
        origin = self.origin or f"http://{self.host}:{self.port}"
        if origin.startswith("http://") and not self.dev:
            raise SettingsError(
                f"{origin} is no https origin: set origin to the https address under which this home "
                "is reached, or dev to try it on this machine"
            )
        accepts = tuple(part.strip() for part in self.accepts.split(",") if part.strip())
        boards = tuple(_board(part.strip()) for part in self.boards.split(",") if part.strip())
        if len({board.name for board in boards}) < len(boards):
            raise SettingsError(f"boards {self.boards}: each name is to be there once")
        return Config(
            origin=origin,
            dev=self.dev,
            operator=self.operator,
            contact=self.contact,
            privacy_notice=self.privacy_notice,
            accepts=accepts,
            boards=boards,
            blob=self.blob,
            inbox=self.inbox,
            max_wait=self.max_wait,
        )

    def shown(self) -> dict[str, Any]:
        """The settings as ``--show-config`` prints them."""
        return asdict(self)


def _board(text: str) -> Board:
    name, _, access = text.partition(":")
    if not re.fullmatch("[a-z0-9-]{1,40}", name) or access not in ("", "public", "signed"):
        raise SettingsError(f"board {text}: is to be NAME or NAME:signed, of letters, digits and hyphens")
    return Board(name, "signed" if access == "signed" else "public")


_SAID = {int: "a whole number", bool: "true or false", str: "a text"}


def _cast(name: str, value: Any, source: str) -> Any:
    wanted: type = type(getattr(Settings(), name))
    if wanted is bool and isinstance(value, str):
        if value.lower() not in ("1", "true", "yes", "0", "false", "no"):
            raise SettingsError(f"{source}: {name} is to be true or false")
        return value.lower() in ("1", "true", "yes")
    if wanted is str and isinstance(value, list):
        return ",".join(map(str, value))
    try:
        if wanted is not type(value) and not isinstance(value, str):
            raise ValueError
        return wanted(value)
    except ValueError:
        raise SettingsError(f"{source}: {name} is to be {_SAID[wanted]}") from None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML ({error})") from None


def resolve(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None) -> Settings:
    """The settings in force; a flag that is None was not given."""
    names = {f.name for f in fields(Settings)}
    chosen: dict[str, Any] = {}
    if file is not None:
        found = _from_file(file)
        if unknown := sorted(found.keys() - names):
            raise SettingsError(f"{file}: unknown settings {', '.join(unknown)}")
        chosen |= {name: _cast(name, value, str(file)) for name, value in found.items()}
    for name in names:
        variable = f"VRMPROTO_{name.upper()}"
        if variable in environment:
            chosen[name] = _cast(name, environment[variable], variable)
        if flags.get(name) is not None:
            chosen[name] = flags[name]
    return Settings(**chosen)
