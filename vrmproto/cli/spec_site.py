"""``vrmproto spec build``: the site of a spec folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli.output import JsonOption

if TYPE_CHECKING:
    from vrmproto.editor.site.source import SiteError

__all__ = ["build"]

FolderArgument = Annotated[Path | None, typer.Argument(metavar="DIR", help="The spec folder.")]
ChecksOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What `vrm-conformance list --json` prints.")
]
PreviousOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The spec folder of the last release, for what is new.")
]


def build(
    folder: FolderArgument = None,
    out: Annotated[Path, typer.Option(metavar="OUT", help="Where the site goes.")] = Path("build/spec"),
    checks: ChecksOption = None,
    previous: PreviousOption = None,
    json: JsonOption = False,
) -> None:
    """Build the site of a spec folder: static pages that need no server."""
    import dataclasses

    from vrmproto import spec
    from vrmproto.cli.output import emit
    from vrmproto.editor.site import build as site

    root = folder or spec.folder()
    try:
        given = site.read_checks(checks) if checks else None
        files = site.build(root, checks=given, previous=previous)
        written, removed = site.write(files, out)
    except site.SiteError as error:
        if json:
            emit({"ok": False, "findings": [dataclasses.asdict(f) for f in error.findings]})
        refused(error)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"vrmproto spec build: {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    if json:
        emit(
            {
                "ok": True,
                "out": str(out),
                "files": len(files),
                "written": len(written),
                "removed": len(removed),
            }
        )
    else:
        typer.echo(
            f"{out / 'index.html'}: {len(files)} files, {len(written)} written, {len(removed)} removed"
        )


def refused(error: SiteError) -> None:
    """Say on stderr why there is no site."""
    from vrmproto.editor.check import report

    typer.echo(report(error.findings), err=True)
