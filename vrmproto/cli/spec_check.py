"""``vrmproto spec check``: what is wrong with a spec folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vrmproto.cli import spec_diff, spec_new, spec_site
from vrmproto.cli.output import JsonOption

__all__ = ["register"]

ChecksOption = Annotated[
    str | None,
    typer.Option(
        "--checks",
        metavar="FILE",
        help="What vrm-conformance list --json writes (- for stdin): every MUST is judged.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    group = typer.Typer(help="Tools for editors of the specification.", no_args_is_help=True)
    group.callback()(_group)
    group.command("check")(check)
    group.command("build")(spec_site.build)
    group.command("serve")(spec_site.serve)
    spec_diff.register(group)
    spec_new.register(group)
    app.add_typer(group, name="spec")


def _group() -> None:
    """Tools for editors of the specification."""


def check(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="The spec folder.")] = None,
    checks: ChecksOption = None,
    json: JsonOption = False,
) -> None:
    """Check prose, schemas, examples, tables and generated files of a spec folder against each other."""
    import dataclasses

    from vrmproto import spec
    from vrmproto.cli.output import emit, usage
    from vrmproto.editor import check as editor

    root = folder or spec.folder()
    if not root.is_dir():
        raise usage(f"{root}: is no folder")
    findings = editor.check(root, _checks(checks) if checks else None)
    if json:
        emit({"ok": not findings, "folder": str(root), "findings": [dataclasses.asdict(f) for f in findings]})
    else:
        typer.echo(editor.report(findings))
    raise typer.Exit(1 if findings else 0)


def _checks(name: str) -> dict[str, list[str]]:
    from vrmproto.cli.output import read_input, usage
    from vrmproto.editor import coverage

    try:
        return coverage.read(read_input(name).decode("utf-8"))
    except OSError as error:
        raise usage(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise usage(f"{name}: {error}") from None
