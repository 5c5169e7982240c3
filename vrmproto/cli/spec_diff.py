"""``vrmproto spec diff``: what changed between two spec folders, and whom it breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vrmproto.cli.output import JsonOption

__all__ = ["register"]


def register(group: typer.Typer) -> None:
    """Add the commands to the group ``spec``."""
    group.command("diff")(diff)
    group.command("release")(release)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A spec folder, or a release of one.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The spec folder that came after it.")],
    json: JsonOption = False,
) -> None:
    """Tell what changed between two spec folders, and whom it breaks.

    Senders are broken where a message that was allowed is refused now, receivers where one that is allowed
    now was refused. What is called breaking in a schema comes with a message that shows it. Exits with 1
    if something breaks without a step of the version, which stands in threads.json, in every $id and as
    vrm in envelope.json.
    """
    from vrmproto.cli.output import emit, usage
    from vrmproto.editor.diff import comparing, showing

    for path in (old, new):
        if not path.exists():
            raise usage(f"{path}: is no spec folder")
    found = comparing.changes(old, new)
    refused = comparing.unstepped(old, new, found)
    if json:
        told = {"ok": not refused, "old": str(old), "new": str(new)}
        emit({**told, "counts": showing.counts(found), "changes": showing.objects(found)})
    else:
        typer.echo(showing.text(found, refused=refused))
    raise typer.Exit(1 if refused else 0)


def release(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The version that threads.json says.")],
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="The spec folder.")] = None,
    json: JsonOption = False,
) -> None:
    """Freeze a version: write its requirements, digests and codes to requirements/, named by their hash."""
    from vrmproto import spec
    from vrmproto.cli.output import emit, usage
    from vrmproto.editor import releases

    root = folder or spec.folder()
    if not root.is_dir():
        raise usage(f"{root}: is no folder")
    path = releases.write(root, version)
    if json:
        emit({"ok": True, "version": version, "file": str(path)})
    else:
        typer.echo(f"{path}")
