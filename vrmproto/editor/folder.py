"""A spec folder as it can be read, whatever stands in it, and the findings about it.

Nothing here raises because of a file: what cannot be read is a :class:`Finding`.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

__all__ = [
    "METASCHEMAS",
    "Finding",
    "Folder",
    "Sentence",
    "parse",
    "places_of",
    "pointer_of",
    "read_all",
    "short",
    "spans_of",
]

THREADS, ERRORS, ENDPOINTS, PURPOSES = "threads.json", "errors.json", "endpoints.json", "purposes.json"
INVALID = "messages/invalid/*.json"
VIEWS, CONSENT_VIEWS, LADDER = "views/schema-org.json", "views/dpv-27560.json", "ladder.json"
MATRIX, ROSTER, EXCLUSIONS = "roster/matrix.json", "roster/roster.json", "requirements/exclusions.json"
RELEASES = "requirements/[0-9]*.json"

TO_DO = "TODO"
"""How a title or a description begins that is still to be written."""

METASCHEMAS = {
    "envelope.json": "meta/message.json",
    "messages/*.json": "meta/message.json",
    "shared/*.json": "meta/message.json",
    "documents/*.json": "meta/message.json",
    INVALID: "meta/invalid.json",
    THREADS: "meta/threads.json",
    ERRORS: "meta/errors.json",
    ENDPOINTS: "meta/endpoints.json",
    PURPOSES: "meta/purposes.json",
    MATRIX: "meta/roster-matrix.json",
    EXCLUSIONS: "meta/exclusions.json",
    RELEASES: "meta/release.json",
    VIEWS: "meta/views.json",
    CONSENT_VIEWS: "meta/consent-views.json",
    "vectors/**/expect.json": "meta/vector.json",
    "reports/*.json": "meta/report.json",  # those of a conformance suite; the folder itself holds none
}
"""Data files to the schema that they are valid against."""

KEYS = "vectors/keys.json"

PLAIN = ("meta/*.json", "roster/*.json", "roster/*/*/manifest.json", KEYS)
"""Further data files that are read."""

REQUIRED = (
    "README.md",
    "implementing.md",
    "protocol/README.md",
    "roster/phrases.json",
    ROSTER,
    LADDER,
    *(path for path in METASCHEMAS if "*" not in path),
    *dict.fromkeys(METASCHEMAS.values()),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: where, what is wrong, and what would be right. ``line`` is 0 for a file as a whole."""

    code: str
    file: str
    line: int
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line of a page of protocol/ that holds a key word or an anchor."""

    page: str
    line: int
    text: str
    """Without its anchor."""
    words: list[str]
    id: str = ""
    area: str = ""
    number: int = 0
    role: str = ""
    needs: tuple[str, ...] = ()


class Folder:
    """What could be read of a spec folder, and what was found so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: list[Finding] = []
        self.texts: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.sound: set[str] = set()
        """Files that are valid against their metaschema."""
        self.schemas: dict[str, Any] = {}
        """Schemas without a fault, whose references have none either."""
        self.engines: dict[str, tuple[Any, Any]] = {}
        """Path of a schema to its two validators, the fast one first."""
        self.metas: set[str] = set()
        """Metaschemas that can be used."""
        self.requirements: dict[str, Sentence] = {}
        """Id to its first sentence."""
        self._places: dict[str, Mapping[str, int]] = {}
        self._listed: dict[tuple[str, ...], list[str]] = {}

    def add(
        self, code: str, file: str, message: str, remedy: str, *, pointer: str = "", line: int = 0
    ) -> None:
        """Report a fault; ``pointer`` is a JSON Pointer into the file."""
        if not line and file in self.values:
            line = self._line(file, pointer)
        self.found.append(Finding(code, file, line, message, remedy))

    def _line(self, file: str, pointer: str) -> int:
        if file not in self._places:
            self._places[file] = places_of(self.texts[file])[0]
        places = self._places[file]
        while pointer and pointer not in places:
            pointer = pointer.rpartition("/")[0]
        return places.get(pointer, 1)

    def listed(self, *patterns: str) -> list[str]:
        """Paths of the files below the root that fit a pattern."""
        if patterns not in self._listed:
            found = {p for pattern in patterns for p in self.root.glob(pattern) if p.is_file()}
            self._listed[patterns] = sorted(p.relative_to(self.root).as_posix() for p in found)
        return self._listed[patterns]

    def text(self, path: str) -> str | None:
        """The text of a file, or None with a finding."""
        if path not in self.texts:
            try:
                self.texts[path] = (self.root / path).read_bytes().decode("utf-8")
            except OSError as error:
                self.add("file-missing", path, f"cannot be read: {error.strerror}", "put the file there")
                return None
            except UnicodeDecodeError as error:
                self.add("encoding", path, f"is not UTF-8 at byte {error.start}", "save it as UTF-8")
                return None
        return self.texts[path]

    def get(self, path: str) -> Any:
        """The value of a file that is valid against its metaschema, or an empty object."""
        return self.values[path] if path in self.sound else {}

    def names(self, folder: str) -> list[str]:
        """The names of the data files in a folder, without ``.json``."""
        return [p.removeprefix(f"{folder}/").removesuffix(".json") for p in self.listed(f"{folder}/*.json")]

    @functools.cached_property
    def codes(self) -> dict[str, int]:
        """Error code to its place in errors.json."""
        return {c["code"]: n for n, c in enumerate(self.get(ERRORS).get("codes", ()))}

    @functools.cached_property
    def states(self) -> set[str]:
        """The states of all kinds."""
        return {s for kind in self.get(THREADS).get("kinds", {}).values() for s in kind["states"]}

    @functools.cached_property
    def pages(self) -> list[str]:
        """The Markdown pages that people wrote."""
        return [p for p in self.listed("**/*.md") if not fnmatch(p, "roster/*/*/*.md")]


def places_of(text: str) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """JSON Pointer to line of a valid JSON text, and the names that stand twice in an object."""
    breaks = [m.start() for m in re.finditer("\n", text)]
    spans, twice = spans_of(text)
    places = {pointer: bisect.bisect(breaks, start) + 1 for pointer, (start, _) in spans.items()}
    return places, [(name, bisect.bisect(breaks, at) + 1) for name, at in twice]


def spans_of(text: str) -> tuple[dict[str, tuple[int, int]], list[tuple[str, int]]]:
    """JSON Pointer to begin and end of its value in a JSON text, and where names stand twice in an object."""
    decoder, space = json.JSONDecoder(), re.compile(r"[ \t\r\n]*")
    spans: dict[str, tuple[int, int]] = {}
    twice: list[tuple[str, int]] = []

    def skip(at: int) -> int:
        found = space.match(text, at)
        return found.end() if found else at

    def member(at: int, pointer: str) -> int:
        began = at
        name, at = decoder.raw_decode(text, at)
        inner = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if inner in spans:
            twice.append((name, began))
        return value(skip(at) + 1, inner)

    def value(at: int, pointer: str) -> int:
        began = skip(at)
        spans[pointer] = began, began
        end = inside(began, pointer) if text[began] in "{[" else int(decoder.raw_decode(text, began)[1])
        spans[pointer] = began, end
        return end

    def inside(at: int, pointer: str) -> int:
        closing = "}" if text[at] == "{" else "]"
        at = skip(at + 1)
        for n in itertools.count():
            if text[at] == closing:
                break
            at = member(at, pointer) if closing == "}" else value(at, f"{pointer}/{n}")
            at = skip(at)
            at = skip(at + 1) if text[at] == "," else at
        return at + 1

    try:
        value(0, "")
    except RecursionError:
        return {}, []
    return spans, twice


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse_constant(digits)


def parse(text: str) -> tuple[Any, list[tuple[str, int]]]:
    """The value of a JSON text, and the names that stand twice in an object, each with its line.

    JSONDecodeError, with its line, for what is no JSON; ValueError and RecursionError for what else is wrong.
    """
    twice = False

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        names = dict(members)
        twice = twice or len(names) != len(members)
        return names

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse_constant, parse_float=_finite)
    json.dumps(value, ensure_ascii=False).encode()  # fails on lone surrogates
    return value, places_of(text)[1] if twice else []


def _read(folder: Folder, path: str) -> None:
    text = folder.text(path)
    if text is None:
        return
    try:
        folder.values[path], twice = parse(text)
    except json.JSONDecodeError as error:
        folder.add("json-invalid", path, error.msg, "write valid JSON", line=error.lineno)
        return
    except (ValueError, RecursionError) as error:
        folder.add("json-invalid", path, str(error), "write valid JSON", line=1)
        return
    for name, line in twice:
        folder.add("json-duplicate", path, f"the name {name} stands twice", "keep one", line=line)


def read_all(folder: Folder) -> None:
    """Read every data file and every file that has to be there."""
    for path in dict.fromkeys([*REQUIRED, *folder.listed(*METASCHEMAS, *PLAIN)]):
        if path.endswith(".json"):
            _read(folder, path)
        else:
            folder.text(path)
    known = {*folder.listed(*METASCHEMAS, *PLAIN, "requirements/*.json"), *REQUIRED}
    for path in folder.listed("*.json", "*/*.json", "messages/*/*.json"):
        if path not in known:
            folder.add(
                "file-unknown", path, "no part of the folder", "name it as its kind is named, or take it away"
            )
    if not folder.listed("messages/*.json"):
        folder.add("file-missing", "messages", "holds no schema", "write one a message type")


def pointer_of(path: Sequence[str | int]) -> str:
    """The JSON Pointer of a path."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def short(message: object) -> str:
    """A message of another library on one line of bounded length."""
    text = str(message).replace("\n", " ")
    return text if len(text) <= 240 else f"{text[:117]} ... {text[-117:]}"
