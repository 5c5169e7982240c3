"""Reads a spec folder once into an immutable :class:`Spec`; the only door to the JSON Schema libraries."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema_rs

from vrmproto import ladder, references
from vrmproto.errors import ProtocolError, SpecError
from vrmproto.ladder import Ladder
from vrmproto.requirements import Requirement
from vrmproto.requirements import read as read_requirements
from vrmproto.roster import Roster
from vrmproto.roster import load as load_roster
from vrmproto.tables import AUTOMATIC, Kind, Row, State, kinds_of, opens_of, with_effect

__all__ = [
    "AUTOMATIC",
    "BASE",
    "VERSION",
    "Kind",
    "MessageType",
    "Requirement",
    "Row",
    "Spec",
    "SpecError",
    "State",
    "folder",
    "kinds_of",
    "load",
    "opens_of",
]

BASE = "https://w3id.org/vrmproto/1.0/"
"""All ``$id``s lie below it; nothing is ever fetched from there."""

VERSION = "1.0"

_MANY = 1000
"""Of a value whose arrays have more items than this the first fault is told, and not a list of thousands."""

_ALIKE = {"thread-unknown": "VRM-THR-002"}
"""Refusals that are to be alike in every member, whichever rule they are by (VRM-PRV-003)."""


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message type: its schema and whether it may carry ``ext``."""

    name: str
    profile: str
    title: str
    ext: bool
    schema: Mapping[str, Any]
    _fast: Any = field(repr=False)
    refs: tuple[references.Path, ...] = ()
    """Where a body may refer to blobs."""

    def blobs(self, body: Any) -> list[Mapping[str, Any]]:
        """The references to blobs in a valid body."""
        return references.collect(body, self.refs) if self.refs else []

    def faults(self, body: Any) -> list[dict[str, str]]:
        """The schema faults of a body; empty if it is valid. Raises nothing whatever the value."""
        return faults_of(self._fast, body)


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything that ``spec/`` says, ready to be used; load it with :func:`load`."""

    root: Path
    types: Mapping[str, MessageType]
    kinds: Mapping[str, Kind]
    opens: Mapping[str, Kind]
    """Message type to the kind that it opens."""
    rotations: frozenset[str]
    """Message types that are signed by the new identifier of a party."""
    introductions: frozenset[str]
    """Message types by which one thread gets another first party."""
    guards: frozenset[str]
    effects: frozenset[str]
    errors: Mapping[str, Mapping[str, Any]]
    checks: tuple[str, ...]
    endpoints: tuple[Mapping[str, Any], ...]
    purposes: Mapping[str, str | None]
    views: Mapping[str, Any]
    """The table of views/schema-org.json."""
    consent_views: Mapping[str, Any]
    """The table of views/dpv-27560.json."""
    ladder: Ladder
    """The ladder that every home holds."""
    rosters: Mapping[tuple[str, str], Roster]
    requirements: Mapping[str, Requirement]
    schemas: Mapping[str, Mapping[str, Any]]
    """Path below ``BASE`` to schema."""
    _fast: Mapping[str, Any] = field(repr=False)

    @property
    def roster(self) -> Roster:
        """The roster of this spec folder."""
        return next(iter(self.rosters.values()))

    @property
    def profiles(self) -> list[str]:
        """The profiles that the types and pages of this folder belong to, ``core`` first."""
        found = {r.profile for r in self.requirements.values()} | {t.profile for t in self.types.values()}
        return ["core", *sorted(found - {"core"})]

    def valid(self, path: str, value: Any) -> bool:
        """Whether a value is valid against the schema at ``path`` (below ``BASE``)."""
        try:
            return bool(self._fast[path].is_valid(value))
        except (ValueError, UnicodeEncodeError):
            return False

    def faults(self, path: str, value: Any) -> list[dict[str, str]]:
        """The faults of a value against the schema at ``path``, as ``{pointer, keyword, message}``."""
        return faults_of(self._fast[path], value)

    def oracle(self, path: str, value: Any) -> list[dict[str, str]]:
        """The same verdict by the pure ``jsonschema`` library: slower, and the reading that is normative."""
        return [
            {"pointer": _pointer(e.absolute_path), "keyword": str(e.validator), "message": e.message}
            for e in self.oracle_validator(path).iter_errors(value)
        ]

    def oracle_validator(self, path: str) -> Any:
        """The ``jsonschema`` validator of the schema at ``path``, formats asserted."""
        # its formats take a second to import, which no process that only judges messages should wait for
        from jsonschema import Draft202012Validator, FormatChecker
        from referencing import Registry, Resource

        resources = [(BASE + p, Resource.from_contents(schema)) for p, schema in self.schemas.items()]
        schema, _, pointer = path.partition("#")
        root = self.schemas[schema] if not pointer else {"$ref": BASE + path}
        return Draft202012Validator(
            root, registry=Registry().with_resources(resources), format_checker=FormatChecker()
        )

    def problem(self, error: ProtocolError) -> dict[str, Any]:
        """The RFC 9457 problem of an error (VRM-HOM-029), valid against documents/problem.json."""
        entry = self.errors[error.code]
        problem: dict[str, Any] = {
            "type": f"{BASE}errors/{error.code}",
            "title": entry["title"],
            "status": entry["status"],
            "code": error.code,
            "detail": error.detail,
            "retryable": entry["retryable"],
            "requirement": _ALIKE.get(error.code) or error.rule or entry["requirement"],
        }
        if error.errors:
            problem["errors"] = [dict(e) for e in error.errors]
        return problem | error.members


def _pointer(path: Any) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def faults_of(validator: Any, value: Any) -> list[dict[str, str]]:
    """The faults of a value by a compiled validator, each ``{pointer, keyword, message}``.

    ``message`` says what the schema wants and never echoes the value (VRM-PRV-002).
    """
    try:
        if validator.is_valid(value):
            return []
        if _items(value) > _MANY:
            validator.validate(value)
        return [_fault(e) for e in validator.iter_errors(value)]
    except jsonschema_rs.ValidationError as first:
        return [_fault(first)]
    except (ValueError, UnicodeEncodeError):
        return [{"pointer": "", "keyword": "type", "message": "holds something that is not I-JSON"}]


def _items(value: Any) -> int:
    """How many items the arrays in a value have, all together."""
    found, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            found += len(one)
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
    return found


def _fault(error: Any) -> dict[str, str]:
    keyword = str(error.schema_path[-1]) if error.schema_path else "false"
    if not isinstance(error.schema_path[-1], str) and len(error.schema_path) > 1:
        keyword = str(error.schema_path[-2])
    return {
        "pointer": _pointer(error.instance_path),
        "keyword": keyword,
        "message": _wanted(keyword, error.kind),
    }


def _wanted(keyword: str, kind: Any) -> str:
    """What would be right, from the keyword and its value."""
    wants: dict[str, Callable[[], str]] = {
        "additionalProperties": lambda: (
            "has members that are not allowed here: " + ", ".join(sorted(kind.unexpected))
        ),
        "required": lambda: f"lacks the member {kind.property}",
        "type": lambda: f"must be of type {_type_names(kind.types)}",
        "enum": lambda: _one_of(kind.options),
        "const": lambda: f"must be {json.dumps(kind.expected_value)}",
        "pattern": lambda: f"must match {kind.pattern}",
        "format": lambda: f"must be a {kind.format}",
        "minLength": lambda: f"must have at least {kind.limit} characters",
        "maxLength": lambda: f"must have at most {kind.limit} characters",
        "minItems": lambda: f"must have at least {kind.limit} items",
        "maxItems": lambda: f"must have at most {kind.limit} items",
        "maxProperties": lambda: f"must have at most {kind.limit} members",
        "minimum": lambda: f"must be at least {kind.limit}",
        "maximum": lambda: f"must be at most {kind.limit}",
        "propertyNames": lambda: "has a member whose name is not allowed",
        "oneOf": lambda: "must fit exactly one of the alternatives",
        "uniqueItems": lambda: "must not hold an item twice",
    }
    try:
        return wants[keyword]()
    except (KeyError, AttributeError, TypeError):
        return f"breaks the keyword {keyword}"


def _type_names(types: Any) -> str:
    return types if isinstance(types, str) else " or ".join(map(str, types))


def _one_of(options: Any) -> str:
    more = f" and {len(options) - 8} others" if len(options) > 8 else ""
    return "must be one of " + ", ".join(json.dumps(o) for o in options[:8]) + more


def folder() -> Path:
    """The spec folder that belongs to this library: inside the wheel, or beside the package in a checkout."""
    here = Path(__file__).resolve().parent
    inside = here / "_spec"
    return inside if inside.is_dir() else here.parent / "spec"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SpecError(f"{path}: is not JSON ({error})") from None


def _schemas(root: Path) -> dict[str, dict[str, Any]]:
    paths = [root / "envelope.json"]
    for name in ("messages", "shared", "documents"):
        paths += sorted((root / name).glob("*.json"))
    return {p.relative_to(root).as_posix(): _json(p) for p in paths}


def _compile(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    registry = jsonschema_rs.Registry([(BASE + path, dict(schema)) for path, schema in schemas.items()])
    targets: dict[str, Any] = dict(schemas)
    for part in schemas["envelope.json"]["$defs"]:
        targets[f"envelope.json#/$defs/{part}"] = {"$ref": f"{BASE}envelope.json#/$defs/{part}"}
    compiled = {}
    for path, schema in targets.items():
        try:
            compiled[path] = jsonschema_rs.Draft202012Validator(
                schema, registry=registry, validate_formats=True, ignore_unknown_formats=False
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SpecError(f"{path}: is not a usable schema ({error})") from None
    return compiled


def _errors(root: Path, requirements: Mapping[str, Requirement]) -> dict[str, Mapping[str, Any]]:
    ruled: dict[str, str] = {}
    for requirement in requirements.values():
        ruled.setdefault(requirement.code, requirement.id)
    return {
        c["code"]: MappingProxyType({**c, "requirement": ruled.get(c["code"], "")})
        for c in _json(root / "errors.json")["codes"]
    }


def _ladder(root: Path) -> Ladder:
    _json(root / "ladder.json")
    document = (root / "ladder.json").read_bytes()
    try:
        return ladder.read(document)
    except (KeyError, TypeError, IndexError):
        raise SpecError(f"{root}/ladder.json: is no ladder") from None


@functools.lru_cache(maxsize=8)
def load(root: Path | None = None) -> Spec:
    """Read a spec folder (by default this library's own); SpecError says what is wrong with it."""
    root = (root or folder()).resolve()
    schemas = _schemas(root)
    compiled = _compile(schemas)
    tables = _json(root / "threads.json")
    kinds = kinds_of(tables)
    types = {}
    for path, schema in schemas.items():
        if path.startswith("messages/"):
            name = path.removeprefix("messages/").removesuffix(".json")
            types[name] = MessageType(
                name=name,
                profile=schema.get("x-profile", "core"),
                title=schema.get("title", name),
                ext=schema.get("x-ext", True),
                schema=schema,
                _fast=compiled[path],
                refs=references.paths(schemas, path),
            )
    unruled = {r.type for k in kinds.values() for r in k.rows} ^ set(types)
    if unruled:
        raise SpecError(f"threads.json and messages/ do not have the same types: {sorted(unruled)}")
    requirements = read_requirements(root)
    roster = load_roster(root / "roster")
    return Spec(
        root=root,
        types=MappingProxyType(types),
        kinds=MappingProxyType(kinds),
        opens=MappingProxyType(opens_of(kinds)),
        rotations=with_effect(kinds, "rotate"),
        introductions=with_effect(kinds, "introduce"),
        guards=frozenset(tables["guards"]),
        effects=frozenset(tables["effects"]),
        errors=MappingProxyType(_errors(root, requirements)),
        checks=tuple(_json(root / "errors.json")["checks"]),
        endpoints=tuple(_json(root / "endpoints.json")["endpoints"]),
        purposes=MappingProxyType(_json(root / "purposes.json")),
        views=MappingProxyType(_json(root / "views" / "schema-org.json")),
        consent_views=MappingProxyType(_json(root / "views" / "dpv-27560.json")),
        ladder=_ladder(root),
        rosters=MappingProxyType({(roster.id, roster.version): roster}),
        requirements=MappingProxyType(requirements),
        schemas=MappingProxyType(schemas),
        _fast=MappingProxyType(compiled),
    )
