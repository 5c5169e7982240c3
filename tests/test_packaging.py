"""The wheel has the whole spec in it and works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.serving import ROOT
from tests.wheel import build


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def tracked(folder: str) -> set[str]:
    """Files below a folder of the checkout, but for what Python leaves there."""
    paths = (p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(ROOT / folder).as_posix() for p in paths}


def test_the_wheel_holds_package_and_spec_whole(wheel: Path) -> None:
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    inside = {n.removeprefix("vrmproto/_spec/") for n in names if n.startswith("vrmproto/_spec/")}
    judge = {n.removeprefix("conformance/") for n in names if n.startswith("conformance/")}
    package = {n.removeprefix("vrmproto/") for n in names if n.startswith("vrmproto/")} - {
        f"_spec/{n}" for n in inside
    }
    assert inside == tracked("spec")
    assert package == tracked("vrmproto")
    assert judge == tracked("conformance")
    assert {n.partition("/")[0] for n in names} == {"vrmproto", "conformance"}
    assert "py.typed" in package


def test_it_works_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = "import vrmproto, vrmproto.spec as s; print(vrmproto.__file__, s.folder(), len(s.load().types))"
    for command in (["-c", where], ["-m", "vrmproto.cli", "spec", "check"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if command[0] == "-c":
            assert done.stdout.split()[:2] == [
                str(installed / "vrmproto" / "__init__.py"),
                str(installed / "vrmproto" / "_spec"),
            ]
