"""A bundle: a folder of files that belong together, verified offline as a whole.

``bundle.json`` is ``{"files": {name: base64url(SHA-256)}, "expect": {...}}`` in compact JSON, names
sorted. ``expect`` says what the step claims: ``status`` and ``state`` of an accepted message, or the code
under ``refused``. Every claim must be shown by a file: sums alone prove nothing, since whoever changes a
file can write them anew. The files are told by their names:

- ``message.jwt``, ``receipt.jwt``: a message and what the home answered; ``problem.json`` if it refused;
- ``before.jwt``, ``after.jwt``: checkpoints around the message; of a refused one they show that nothing was
  stored, of one sent again (status 200) that it was stored before;
- ``record.json``, ``thread.json``, ``checkpoint.jwt``, ``request.jwt``: what a party read, and how it asked;
- ``home.json``: the home's discovery document, which holds its keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vrmproto import records, strictjson
from vrmproto import spec as specs
from vrmproto.bundle_checks import FILES, Contents
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings, Report
from vrmproto.roster import digest
from vrmproto.spec import Spec

__all__ = ["EXPECTATIONS", "FILES", "INDEX", "verify", "write"]

INDEX = "bundle.json"
EXPECTATIONS = ("refused", "state", "status")
MAX_FILE = 64 * 1024 * 1024


def _index(files: Mapping[str, bytes], expect: Mapping[str, Any]) -> bytes:
    sums = {name: digest(files[name]) for name in sorted(files)}
    return strictjson.dumps({"files": sums, "expect": {n: expect[n] for n in sorted(expect)}})


def write(folder: Path, files: Mapping[str, bytes], expect: Mapping[str, Any]) -> None:
    """Write a bundle; ValueError if a file or an expectation is not one that :func:`verify` knows."""
    strange = sorted((files.keys() - set(FILES)) | (expect.keys() - set(EXPECTATIONS)))
    if strange:
        raise ValueError(f"a bundle has no {', '.join(strange)}")
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / INDEX).exists():  # an earlier bundle: what it had and this one has not would be extra
        for name in set(FILES) - files.keys():
            (folder / name).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / INDEX).write_bytes(_index(files, expect))


def verify(folder: Path, spec: Spec | None = None) -> Report:
    """Verify a bundle: the sums, and independently of them what each file says. OSError if unreadable."""
    found = Findings("bundle")
    spec = spec or specs.load()
    data = (folder / INDEX).read_bytes()
    index, broken = strictjson.read(data)
    sums, expect = index.get("files"), index.get("expect")
    formed = not broken and isinstance(sums, dict) and isinstance(expect, dict)
    formed = formed and all(type(v) is (int if n == "status" else str) for n, v in (expect or {}).items())
    if not found.check("bundle.json says files and expect", formed, "bundle.json does not have its form"):
        return found.report()
    files = _read(found, folder, dict(sums or {}))
    found.check(
        "bundle.json is in its one form",
        data == _index(files, expect or {}),
        "bundle.json is not the compact, sorted list of these files and sums",
    )
    strange = sorted(set(expect or {}) - set(EXPECTATIONS))
    found.check("the claims are known ones", not strange, f"nothing can be shown of {', '.join(strange)}")
    try:
        Contents(found, spec, files, expect or {}).check()
    except ProtocolError as error:
        found.check("the files can be read", False, error.detail, error.rule, error.code)
    return found.report()


def _read(found: Findings, folder: Path, sums: Mapping[str, Any]) -> dict[str, bytes]:
    there = {p.name for p in folder.iterdir()} - {INDEX}
    missing, extra = sorted(sums.keys() - there), sorted(there - sums.keys())
    found.check("no file is missing", not missing and bool(sums), f"missing: {', '.join(missing) or 'all'}")
    found.check("no file is there that is not listed", not extra, f"not listed: {', '.join(extra)}")
    strange = sorted(sums.keys() - set(FILES))
    found.check("the files are known ones", not strange, f"unknown: {', '.join(strange)}")
    files = {}
    for name in sorted(there & sums.keys() & set(FILES)):
        path = folder / name
        regular = path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_FILE
        if found.check(f"{name} is a file", regular, "it is no regular file, or larger than 64 MiB"):
            files[name] = path.read_bytes()
            right = digest(files[name]) == sums[name]
            found.check(f"{name} has its sum", right, "the file was changed after the bundle was written")
    return files


def matches(one: Path, other: Path) -> bool:
    """Whether the records of two bundles match."""
    return records.matches((one / "record.json").read_bytes(), (other / "record.json").read_bytes())
