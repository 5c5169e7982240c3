"""The floors of the package, read from its imports: each module imports from its own floor or from below."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 500

# Every module by name: one that is not here has no floor yet, and fails.
FLOORS: list[tuple[str, ...]] = [
    (
        "vrmproto",
        "vrmproto.tables",
        "vrmproto.spec",
        "vrmproto.errors",
        "vrmproto.ladder",
        "vrmproto.references",
        "vrmproto.requirements",
        "vrmproto.roster",
    ),
    ("vrmproto.keys", "vrmproto.strictjson", "vrmproto.opening", "vrmproto.rules", "vrmproto.envelope"),
    (
        "vrmproto.model",
        "vrmproto.timing",
        "vrmproto.patching",
        "vrmproto.preferences",
        "vrmproto.boards",
        "vrmproto.places",
        "vrmproto.proofs",
        "vrmproto.guards",
        "vrmproto.threads",
        "vrmproto.views",
        "vrmproto.consent_views",
        "vrmproto.consent_records",
        "vrmproto.findings",
        "vrmproto.verification",
        "vrmproto.chains",
        "vrmproto.parties",
        "vrmproto.agreed",
        "vrmproto.thread_export",
        "vrmproto.tombstones",
        "vrmproto.records",
        "vrmproto.refusals",
        "vrmproto.standing",
        "vrmproto.folding",
        "vrmproto.proving",
        "vrmproto.view_checks",
    ),
    (
        "vrmproto.storage",
        "vrmproto.storage.base",
        "vrmproto.storage.coding",
        "vrmproto.storage.lists",
        "vrmproto.storage.memory",
        "vrmproto.storage.memory_tables",
        "vrmproto.storage.rows",
        "vrmproto.storage.sqlite",
        "vrmproto.storage.tables",
        "vrmproto.storage.migrations",
        "vrmproto.storage.migrations.env",
        "vrmproto.storage.migrations.versions.r0001_first",
        "vrmproto.storage.migrations.versions.r0002_boards",
        "vrmproto.storage.migrations.versions.r0003_kinds",
    ),
    (
        "vrmproto.home",
        "vrmproto.erasing",
        "vrmproto.loading",
        "vrmproto.feed",
        "vrmproto.reading",
        "vrmproto.documents",
        "vrmproto.outgoing",
    ),
    (
        "vrmproto.server",
        "vrmproto.server.app",
        "vrmproto.server.batcher",
        "vrmproto.server.http",
        "vrmproto.server.negotiate",
        "vrmproto.server.openapi",
        "vrmproto.server.pages",
        "vrmproto.server.routes",
        "vrmproto.server.run",
        "vrmproto.server.settings",
        "vrmproto.agents",
        "vrmproto.agents.agent",
        "vrmproto.agents.allowing",
        "vrmproto.agents.beside",
        "vrmproto.agents.book",
        "vrmproto.agents.chain",
        "vrmproto.agents.changing",
        "vrmproto.agents.choosing",
        "vrmproto.agents.consenting",
        "vrmproto.agents.customer",
        "vrmproto.agents.disputing",
        "vrmproto.agents.feedback",
        "vrmproto.agents.feeds",
        "vrmproto.agents.inbox",
        "vrmproto.agents.intents",
        "vrmproto.agents.keeping",
        "vrmproto.agents.ledger",
        "vrmproto.agents.papers",
        "vrmproto.agents.person",
        "vrmproto.agents.policy",
        "vrmproto.agents.published",
        "vrmproto.agents.purging",
        "vrmproto.agents.relating",
        "vrmproto.agents.remains",
        "vrmproto.agents.rules",
        "vrmproto.agents.seats",
        "vrmproto.agents.selling",
        "vrmproto.agents.sender",
        "vrmproto.agents.sharing",
        "vrmproto.agents.sync",
        "vrmproto.agents.talking",
        "vrmproto.agents.vendor",
        "vrmproto.agents.verifier",
        "vrmproto.agents.viewing",
        "vrmproto.agents.watch",
        "vrmproto.agents.watching",
        "vrmproto.agents.wire",
        "vrmproto.agents.working",
    ),
    (
        "vrmproto.bundle",
        "vrmproto.bundle_checks",
        "vrmproto.portable",
        "vrmproto.cli",
        "vrmproto.cli.__main__",
        "vrmproto.cli.agent",
        "vrmproto.cli.answering",
        "vrmproto.cli.app",
        "vrmproto.cli.asking",
        "vrmproto.cli.beneath",
        "vrmproto.cli.board",
        "vrmproto.cli.choosing",
        "vrmproto.cli.config",
        "vrmproto.cli.consenting",
        "vrmproto.cli.customer",
        "vrmproto.cli.demo",
        "vrmproto.cli.disputing",
        "vrmproto.cli.explain",
        "vrmproto.cli.export",
        "vrmproto.cli.ids",
        "vrmproto.cli.inspect",
        "vrmproto.cli.inviting",
        "vrmproto.cli.keeping",
        "vrmproto.cli.keys",
        "vrmproto.cli.output",
        "vrmproto.cli.person",
        "vrmproto.cli.poll",
        "vrmproto.cli.relating",
        "vrmproto.cli.send",
        "vrmproto.cli.serve",
        "vrmproto.cli.sharing",
        "vrmproto.cli.spec_check",
        "vrmproto.cli.spec_diff",
        "vrmproto.cli.spec_new",
        "vrmproto.cli.spec_site",
        "vrmproto.cli.talking",
        "vrmproto.cli.telling",
        "vrmproto.cli.validate",
        "vrmproto.cli.vendor",
        "vrmproto.cli.vendor_log",
        "vrmproto.cli.verify",
        "vrmproto.cli.wanting",
        "vrmproto.demo",
        "vrmproto.demo.actor",
        "vrmproto.demo.acts",
        "vrmproto.demo.cast",
        "vrmproto.demo.dealing",
        "vrmproto.demo.leaving",
        "vrmproto.demo.living",
        "vrmproto.demo.process",
        "vrmproto.demo.run",
        "vrmproto.demo.stage",
        "vrmproto.demo.story",
        "vrmproto.demo.tampering",
        "vrmproto.demo.terms",
        "vrmproto.demo.verifier",
        "vrmproto.demo.yaris",
        "vrmproto.editor",
        "vrmproto.editor.blocks",
        "vrmproto.editor.bundling",
        "vrmproto.editor.check",
        "vrmproto.editor.counterexamples",
        "vrmproto.editor.coverage",
        "vrmproto.editor.diff",
        "vrmproto.editor.diff.change",
        "vrmproto.editor.diff.comparing",
        "vrmproto.editor.diff.data",
        "vrmproto.editor.diff.keywords",
        "vrmproto.editor.diff.probes",
        "vrmproto.editor.diff.regular",
        "vrmproto.editor.diff.requirements",
        "vrmproto.editor.diff.samples",
        "vrmproto.editor.diff.schemas",
        "vrmproto.editor.diff.showing",
        "vrmproto.editor.diff.sides",
        "vrmproto.editor.diff.tables",
        "vrmproto.editor.diff.trial",
        "vrmproto.editor.diff.versions",
        "vrmproto.editor.folder",
        "vrmproto.editor.generate",
        "vrmproto.editor.mappings",
        "vrmproto.editor.prose",
        "vrmproto.editor.releases",
        "vrmproto.editor.roster",
        "vrmproto.editor.scaffold",
        "vrmproto.editor.schemas",
        "vrmproto.editor.site",
        "vrmproto.editor.site.build",
        "vrmproto.editor.site.changes",
        "vrmproto.editor.site.drawings",
        "vrmproto.editor.site.fragments",
        "vrmproto.editor.site.keywords",
        "vrmproto.editor.site.layout",
        "vrmproto.editor.site.live",
        "vrmproto.editor.site.messages",
        "vrmproto.editor.site.moves",
        "vrmproto.editor.site.pages",
        "vrmproto.editor.site.parts",
        "vrmproto.editor.site.paths",
        "vrmproto.editor.site.prose",
        "vrmproto.editor.site.rows",
        "vrmproto.editor.site.samples",
        "vrmproto.editor.site.search",
        "vrmproto.editor.site.shell",
        "vrmproto.editor.site.source",
        "vrmproto.editor.site.steps",
        "vrmproto.editor.site.svg",
        "vrmproto.editor.site.words",
        "vrmproto.editor.tables",
        "vrmproto.editor.vectors",
    ),
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}

PURE = 2
"""The highest floor without I/O, clock, randomness and logging."""
IMPURE = frozenset(["aiohttp", "asyncio", "sqlite3", "socket", "time", "random", "logging", "secrets"])

# One door for each dependency: a module, or a package with a full stop behind it. No door: nowhere.
DOORS: dict[str, tuple[str, ...]] = {
    "jwt": ("vrmproto.keys", "vrmproto.envelope"),
    # the editor's checker judges schemas that the library does not load
    "jsonschema": ("vrmproto.spec", "vrmproto.editor.schemas"),
    "jsonschema_rs": ("vrmproto.spec", "vrmproto.editor.schemas", "vrmproto.editor.diff.trial"),
    "sqlite3": ("vrmproto.storage.",),
    "sqlalchemy": ("vrmproto.storage.",),
    "alembic": ("vrmproto.storage.",),
    "typer": ("vrmproto.cli.",),
    "rich": ("vrmproto.cli.",),
    "jinja2": ("vrmproto.editor.site.",),
    "markdown_it": ("vrmproto.editor.site.",),
    "hypothesis": (),
}

SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "vrmproto").rglob("*.py"))
    if "_spec" not in path.parts
}


def imported(source: str) -> Iterator[str]:
    """What a source imports, anywhere in it; names of this package as far as they are modules."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in FLOOR else base


def behind(door: str, module: str) -> bool:
    return f"{module}.".startswith(door) if door.endswith(".") else module == door


def violations(module: str, source: str) -> list[str]:
    """What a module imports and may not."""
    found = []
    own = FLOOR[module]
    for name in imported(source):
        top = name.partition(".")[0]
        if top == "vrmproto" and FLOOR.get(name, len(FLOORS)) > own:
            found.append(f"{module} (F{own}) imports {name} (F{FLOOR.get(name, '?')})")
        elif top == "":
            found.append(f"{module} imports {name}: a relative import")
        elif own <= PURE and top in IMPURE:
            found.append(f"{module} (F{own}) imports {name}: I/O, clock, randomness or logging")
        elif top in DOORS and not any(behind(door, module) for door in DOORS[top]):
            found.append(f"{module} imports {name}, which is not its door")
    return found


def test_every_module_has_its_floor_and_every_floor_its_modules():
    assert SOURCES.keys() == FLOOR.keys()
    assert len(FLOOR) == sum(map(len, FLOORS))


@pytest.mark.parametrize("module", sorted(SOURCES.keys() & FLOOR.keys()))
def test_imports_only_downwards_and_through_the_doors(module):
    assert violations(module, SOURCES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", SOURCES)
def test_modules_are_short(module):
    assert len(SOURCES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


SEEDED = {
    "upwards": ("vrmproto.guards", "from vrmproto.home import Home"),
    "upwards by the package": ("vrmproto.guards", "from vrmproto import home"),
    "upwards by its name": ("vrmproto.home", "import vrmproto.server.app"),
    "upwards in a function": ("vrmproto.keys", "def f():\n    from vrmproto import threads"),
    "upwards for types": ("vrmproto.spec", "if TYPE_CHECKING:\n    from vrmproto.model import Thread"),
    "storage to home": ("vrmproto.storage.memory", "from vrmproto.home import Config"),
    "no such module": ("vrmproto.home", "import vrmproto.delivery"),
    "relative": ("vrmproto.keys", "from . import errors"),
    "a clock below": ("vrmproto.threads", "import time"),
    "randomness below": ("vrmproto.envelope", "from secrets import token_urlsafe"),
    "logging below": ("vrmproto.errors", "import logging.handlers"),
    "sockets below": ("vrmproto.records", "import asyncio as a"),
    "another door to jwt": ("vrmproto.reading", "from jwt import PyJWS"),
    "another door to schemas": ("vrmproto.server.routes", "import jsonschema.validators"),
    "sql beside the store": ("vrmproto.home", "import sqlite3"),
    "sql in the server": ("vrmproto.server.run", "from sqlalchemy.orm import Session"),
    "a terminal below": ("vrmproto.agents.agent", "from rich.console import Console"),
    "tests inside": ("vrmproto.editor.check", "import hypothesis"),
}


@pytest.mark.parametrize("seed", SEEDED)
def test_a_violation_is_caught(seed):
    module, source = SEEDED[seed]
    assert len(violations(module, source)) == 1


def test_what_is_allowed_is_not_caught():
    for module, source in (
        ("vrmproto.home", "import logging\nfrom vrmproto.storage.base import Store"),
        ("vrmproto.keys", "import jwt\nfrom jwt.algorithms import ECAlgorithm"),
        ("vrmproto.storage", "import sqlite3"),
        ("vrmproto.storage.migrations.env", "from alembic import context"),
        ("vrmproto.cli", "import typer"),
        ("vrmproto.threads", "from vrmproto.guards import GUARDS\nfrom datetime import datetime"),
    ):  # fmt: skip
        assert violations(module, source) == []
