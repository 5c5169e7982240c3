"""Mutants that nobody thought of: one small change somewhere in the reference, drawn by a seed.

Each is named ``generic/MODULE/NUMBER``: the process that becomes the home imports that module with the change
in it. Nothing on disk is touched.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MODULES", "Change", "apply", "changes", "drawn"]

ROOT = Path(__file__).resolve().parents[2] / "vrmproto"

MODULES = (
    "boards", "documents", "envelope", "feed", "guards", "home", "keys", "loading", "opening", "outgoing",
    "places", "proofs", "reading", "records", "references", "rules", "strictjson", "threads", "timing",
    "storage.lists", "storage.rows", "storage.coding", "storage.sqlite",
    "server.batcher", "server.http", "server.negotiate", "server.routes",
)  # fmt: skip
"""Where a home decides, keeps and answers, below ``vrmproto``."""

READERS = {
    "envelope": ("open_message",),
    "keys": ("derive",),
    "records": (
        "_check_manifest", "_check_messages", "_check_state", "matches", "message_ids", "verify_record",
    ),
}  # fmt: skip
"""Functions of those that no home calls: agents and whoever verifies a record do."""

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COUNT: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add}


@dataclass(frozen=True)
class Change:
    """One change: where it is and what it does."""

    module: str
    number: int
    function: str
    line: int
    what: str
    code: str
    """What is changed, as source; of an ``if`` its condition."""
    nth: int = 0
    """Which of those in the function that are changed alike."""

    @property
    def id(self) -> str:
        """The name by which a home with it is started."""
        return f"generic/{self.module}/{self.number}"

    @property
    def key(self) -> str:
        """What it is called in files: the same while the code that it changes is the same."""
        place = f" ({self.nth + 1})" if self.nth else ""
        return f"{self.module}.{self.function}: {self.what}{place}: {self.code}"


def _alternatives(node: ast.AST) -> list[str]:
    """What can be done to a node."""
    if isinstance(node, ast.Compare):
        return [f"compare {n}" for n, op in enumerate(node.ops) if type(op) in _COMPARE]
    if isinstance(node, ast.BoolOp):
        return ["the other of and, or", "without the last part"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ["without not"]
    if isinstance(node, ast.BinOp) and type(node.op) in _COUNT:
        return ["the other of plus, minus"]
    if isinstance(node, ast.IfExp):
        return ["the other branch"]
    if isinstance(node, ast.Constant) and type(node.value) in (bool, int):
        return ["another constant"]
    if isinstance(node, ast.If):
        return ["never"] if not node.orelse else ["never", "always"]
    if isinstance(node, ast.Raise):
        return ["nothing is raised"]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ["not called"]
    return []


def _changed(node: Any, how: str) -> Any:
    made = copy.deepcopy(node)
    if how.startswith("compare"):
        place = int(how.split()[1])
        made.ops[place] = _COMPARE[type(made.ops[place])]()
    elif how == "the other of and, or":
        made.op = ast.Or() if isinstance(made.op, ast.And) else ast.And()
    elif how == "without the last part":
        made.values = made.values[:-1]
        made = made if len(made.values) > 1 else made.values[0]
    elif how == "without not":
        made = made.operand
    elif how == "the other of plus, minus":
        made.op = _COUNT[type(made.op)]()
    elif how == "the other branch":
        made.body, made.orelse = made.orelse, made.body
    elif how == "another constant":
        made.value = not made.value if isinstance(made.value, bool) else made.value + 1
    elif how in ("never", "always"):
        made.test = ast.Constant(how == "always")
    else:
        made = ast.Pass()
    return made


class _Walk(ast.NodeTransformer):
    """Numbers every possible change in the functions of a module; makes the one that is wanted."""

    def __init__(self, wanted: int = -1) -> None:
        self.wanted, self.names = wanted, list[str]()
        self.found: list[tuple[str, int, str, str]] = []

    def visit(self, node: ast.AST) -> Any:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named:
            self.names.append(getattr(node, "name", ""))
        made: Any = node
        if self.names and not named and _inside(self.names):
            for how in _alternatives(node):
                if len(self.found) == self.wanted:
                    made = ast.copy_location(_changed(node, how), node)
                shown = ast.unparse(node.test if isinstance(node, ast.If) else node)
                self.found.append((".".join(self.names), getattr(node, "lineno", 0), how, shown))
        if made is node and not _skipped(node):
            made = self.generic_visit(node)
        if named:
            self.names.pop()
        return made


def _inside(names: list[str]) -> bool:
    return not names[-1][:1].isupper()


def _skipped(node: ast.AST) -> bool:
    """Annotations, log lines and f-strings tell people things; a home is not judged by them."""
    if isinstance(node, ast.JoinedStr | ast.AnnAssign):
        return True
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("_log.", "log."))


def _file(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def changes(module: str) -> Iterator[Change]:
    """Every change that can be made in a module."""
    walk = _Walk()
    walk.visit(ast.parse(_file(module).read_bytes()))
    alike: Counter[tuple[str, str, str]] = Counter()
    for number, (function, line, what, code) in enumerate(walk.found):
        if function.split(".")[0] in READERS.get(module, ()):
            continue
        yield Change(module, number, function, line, what, code, alike[function, what, code])
        alike[function, what, code] += 1


def drawn(seed: int, count: int) -> list[Change]:
    """So many changes, in the order of a digest with the seed: an edit elsewhere leaves the others drawn."""
    there = [one for module in MODULES for one in changes(module)]
    return sorted(there, key=lambda one: hashlib.sha256(f"{seed} {one.key}".encode()).digest())[:count]


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module with one change."""

    def __init__(self, module: str, number: int) -> None:
        super().__init__(f"vrmproto.{module}", str(_file(module)))
        self.number = number

    def get_code(self, fullname: str) -> types.CodeType:
        """Never that of a cache."""
        tree = _Walk(self.number).visit(ast.parse(self.get_data(self.path)))
        return compile(ast.fix_missing_locations(tree), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, number: int) -> None:
        self.name, self.loader = f"vrmproto.{module}", _Changed(module, number)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Of the one module only."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.loader.path, loader=self.loader)


def apply(name: str) -> None:
    """Make one change in this process: everything of ours is forgotten and will be imported anew."""
    _, module, number = name.split("/")
    for loaded in [m for m in sys.modules if m.partition(".")[0] in ("vrmproto", "tests", "conformance")]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, _Finder(module, int(number)))
