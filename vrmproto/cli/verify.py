"""``vrmproto verify``: records, threads, bundles and exports, offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrmproto.cli.output import JsonOption, KeyOption, SpecOption

if TYPE_CHECKING:
    from vrmproto.findings import Report
    from vrmproto.keys import PublicKey
    from vrmproto.spec import Spec

__all__ = ["register", "verify_path"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR...", help="Records, threads, bundles, exports.")
    ],
    against: Annotated[
        Path | None, typer.Option(help="A record that each of these must match: the message ids are equal.")
    ] = None,
    view: Annotated[
        list[Path] | None,
        typer.Option(help="A view of a relationship, to be made anew of an export's threads; repeatable."),
    ] = None,
    key: KeyOption = None,
    json: JsonOption = False,
    spec: SpecOption = None,
) -> None:
    """Verify records, threads, bundles and exports offline: nothing but the file is needed.

    Says what was checked and what rests on the home's word alone. The views of relationships in an export,
    and those named with --view, are made anew of its threads and compared member by member. With --key,
    receipts must verify with the home's keys in that file, such as its discovery document.
    """
    from vrmproto.cli.output import console, emit, read_keys, show_report, spec_at
    from vrmproto.records import matches

    loaded = spec_at(spec)
    known = list(read_keys(key).values()) if key else None
    other = _record_of(against) if against else b""
    views = {str(one): one.read_bytes() for one in view or ()}
    good = True
    for path in paths:
        report = verify_path(loaded, path, known, views)
        good = good and report.ok
        match = matches(_record_of(path), other) if against else None
        good = good and match is not False
        if json:
            extra = {} if match is None else {"matches": match, "against": str(against)}
            emit({"path": str(path), **report.document(), **extra})
            continue
        show_report(report, str(path), loaded)
        if match is not None:
            style, verb = ("green", "matches") if match else ("bold red", "DOES NOT MATCH")
            console().print(f"  {verb} {against}", style=style)
    raise typer.Exit(0 if good else 1)


def _record_of(path: Path) -> bytes:
    from vrmproto.cli.output import usage

    if path.is_dir() and not (path / "record.json").is_file():
        raise usage(f"{path}: has no record.json; --against compares records")
    return (path / "record.json" if path.is_dir() else path).read_bytes()


def verify_path(
    spec: Spec,
    path: Path,
    known: list[PublicKey] | None = None,
    views: Mapping[str, bytes] | None = None,
) -> Report:
    """The report on a folder (a bundle, an export) or a file (a record or thread, told by its members).

    ``views`` are views of relationships, to be compared with an export.
    """
    from vrmproto import bundle, consent_records, portable, records, strictjson
    from vrmproto.cli.output import usage

    if portable.is_export(path):
        try:
            return portable.verify(spec, path, views)
        except ValueError as error:
            raise usage(str(error)) from None
    if views:
        raise usage(f"{path}: is no export; --view compares a view with the threads of one")
    if path.is_dir():
        if not (path / bundle.INDEX).is_file():
            raise usage(f"{path}: is no bundle, for it has no {bundle.INDEX}; name files instead")
        return bundle.verify(path, spec)
    if path.name == bundle.INDEX:
        return bundle.verify(path.parent, spec)
    data = path.read_bytes()
    document = strictjson.read(data)[0]
    if not document and data.count(b".") == 2 and len(data.split()) == 1:
        raise usage(f"{path}: is a token and proves nothing by itself; `vrmproto validate` checks it")
    if "messages" in document and "manifest" not in document and "kind" not in document:
        return records.verify_thread(spec, data, known)
    if "heads" in document and "checkpoint" in document:
        wanted = f"`vrmproto verify EXPORT --view {path}` compares it with the threads of an export"
        raise usage(f"{path}: is a view of a relationship and proves nothing by itself; {wanted}")
    return consent_records.verify(spec, data, known)
