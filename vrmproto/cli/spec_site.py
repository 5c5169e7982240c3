"""``vrmproto spec build`` and ``vrmproto spec serve``: the site of a spec folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli.output import JsonOption

if TYPE_CHECKING:
    from vrmproto.editor.site.source import SiteError

__all__ = ["build", "serve"]

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
        _refused(error)
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


def serve(
    folder: FolderArgument = None,
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1; 0 takes a free one.")] = 8081,
    checks: ChecksOption = None,
    previous: PreviousOption = None,
) -> None:
    """Serve the site of a spec folder while it is edited: a change shows in open pages within a second."""
    import asyncio
    from collections.abc import Sequence

    from vrmproto import spec
    from vrmproto.cli.output import usage
    from vrmproto.editor.check import report
    from vrmproto.editor.folder import Finding
    from vrmproto.editor.site import live

    root = folder or spec.folder()
    if not root.is_dir():
        raise usage(f"{root}: is no folder")

    def say(line: str, findings: Sequence[Finding]) -> None:
        typer.echo(f"{report(findings)}\n{line}: the last site stays" if findings else line, err=True)

    site = live.Live(root, checks=checks, previous=previous, say=say)
    try:
        asyncio.run(live.serve(site, port, lambda url: typer.echo(f"{url} shows {root}; Ctrl-C ends it")))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except OSError as error:
        typer.echo(f"vrmproto spec serve: port {port}: {error.strerror}", err=True)
        raise typer.Exit(2) from None


def _refused(error: SiteError) -> None:
    """Say on stderr why there is no site."""
    from vrmproto.editor.check import report

    typer.echo(report(error.findings), err=True)
