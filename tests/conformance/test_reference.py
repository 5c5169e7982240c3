"""The reference under its own judge: over several seeds, and installed from a wheel, known by its URL."""

from __future__ import annotations

import asyncio
import json
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest

from conformance.results import Run, Verdict, judged
from conformance.runner import Options, run
from conformance.selftest import operator_key
from tests.broken.launch import running
from tests.serving import serving
from tests.wheel import build
from vrmproto import spec

SPEC = spec.load()


def wanting(made: Run) -> list[tuple[str, str, str]]:
    """What failed or came to nothing, with why."""
    bad = (Verdict.FAIL, Verdict.WARN, Verdict.INCONCLUSIVE)
    return [(o.requirement, o.check, o.reason or o.got) for o in made.outcomes if o.verdict in bad]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_it_keeps_every_profile_it_claims(seed: int) -> None:
    with running(None, inbox=300, max_wait=4) as home:
        lent = operator_key(home.operator_keys[0])
        made = asyncio.run(run(Options(home.url, mode="quick", seed=seed, operator=lent), SPEC))
    assert wanting(made) == []
    assert set(made.profiles) == set(made.claimed) == set(SPEC.profiles)
    passed = [rule for rule, verdict in judged(made.outcomes).items() if verdict is Verdict.PASS]
    assert len(passed) > 190


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that holds the wheel, what it needs, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("empty")
    wheel = build(folder)
    venv.create(folder / "there", with_pip=True)
    commands = folder / "there" / "bin"
    install = [commands / "python", "-m", "pip", "install", "-q", wheel]
    subprocess.run([str(word) for word in install], cwd=folder, check=True, timeout=300)
    return commands


@pytest.mark.long
def test_a_home_from_a_wheel_is_judged_by_its_url_alone(installed: Path, tmp_path: Path) -> None:
    here = ["--dev", "--data", str(tmp_path / "data")]
    with serving(here, tmp_path, installed / "vrmproto") as url:
        words = [str(installed / "vrm-conformance"), "check", "server", "--url", url, "--quick", "--json"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    document: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, document["conformant"], document["failures"]) == (0, True, []), done.stderr
    assert document["claimed"] == list(SPEC.profiles)
    inside = json.loads(
        subprocess.run(
            [str(installed / "python"), "-c", "import json, vrmproto; print(json.dumps(vrmproto.__file__))"],
            cwd=tmp_path, capture_output=True, check=True, timeout=60,
        ).stdout
    )  # fmt: skip
    assert Path(inside).is_relative_to(installed.parent)
