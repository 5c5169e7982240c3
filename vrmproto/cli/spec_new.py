"""``vrmproto spec new-type``: begin a message type, and say what is missing still."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli.output import JsonOption

if TYPE_CHECKING:
    from vrmproto.editor.scaffold import Move

__all__ = ["register"]


def register(group: typer.Typer) -> None:
    """Add the command to the group ``spec``."""
    group.command("new-type")(new_type)


def new_type(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The type, noun.verb.")],
    kind: Annotated[str | None, typer.Option(help="The kind of thread that gets a row.")] = None,
    by: Annotated[str | None, typer.Option(help="Who sends it: first, second, member or either.")] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="STATE", help="In which state; again for more. None: it opens a thread."
        ),
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="STATE", help="Which state follows; = stays.")] = None,
    folder: Annotated[Path | None, typer.Option("--spec", metavar="DIR", help="The spec folder.")] = None,
    json: JsonOption = False,
) -> None:
    """Begin a message type: a schema to be filled in and, with --kind, --by and --to, a row that takes it."""
    import dataclasses

    from vrmproto.cli.output import emit, usage
    from vrmproto.editor import check as editor
    from vrmproto.editor import scaffold

    root = _root(folder)
    try:
        written = scaffold.begin(root, name, _move(kind, by, start, to))
    except scaffold.ScaffoldError as error:
        raise usage(str(error)) from None
    except OSError as error:
        raise usage(f"{root}: cannot be written ({error.strerror})") from None
    findings = editor.check(root)
    if json:
        to_do = [dataclasses.asdict(f) for f in findings]
        emit({"type": name, "written": [str(path) for path in written], "findings": to_do})
        return
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"still to do, and then vrmproto spec check {root} again:")
    typer.echo(editor.report(findings))


def _root(folder: Path | None) -> Path:
    from vrmproto import spec
    from vrmproto.cli.output import usage

    root = folder or spec.folder()
    if not root.is_dir():
        raise usage(f"{root}: is no folder")
    if folder is None and root.name == "_spec":
        raise usage("the spec of an installed package is not edited: name a copy of yours with --spec")
    return root


def _move(kind: str | None, by: str | None, start: list[str] | None, to: str | None) -> Move | None:
    from vrmproto.cli.output import usage
    from vrmproto.editor.scaffold import Move

    if kind and by and to:
        return Move(kind, by, to, tuple(start or ()))
    if kind or by or to or start:
        raise usage("a row takes --kind, --by and --to together, and --from where it opens no thread")
    return None
