"""Checks data files against their metaschemas, and the schemas of messages and documents.

Compiles schemas itself, because :func:`vrmproto.spec.load` refuses a folder at its first fault.
"""

from __future__ import annotations

import functools
import posixpath
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from vrmproto.editor.folder import LADDER, METASCHEMAS, ROSTER, TO_DO, Folder, pointer_of, short
from vrmproto.spec import BASE

__all__ = ["SHAPES", "STEPS", "engine", "reaches", "references"]


def _compiled(schema: Any, registry: Any = None) -> Any:
    """A fast validator; ValueError if this is no usable schema."""
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, registry=registry, validate_formats=True, ignore_unknown_formats=False
        )
    except jsonschema_rs.ReferencingError as error:
        raise ValueError(str(error)) from None


def _metaschemas(folder: Folder) -> None:
    compiled: dict[str, Any] = {}
    for path in folder.listed("meta/*.json"):
        if path in folder.values:
            try:
                compiled[path] = _compiled(folder.values[path])
                folder.metas.add(path)
                _check_id(folder, path, folder.values[path])
            except ValueError as error:
                folder.add("schema-unusable", path, short(error), "write a schema of 2020-12")
    for pattern, meta in METASCHEMAS.items():
        for path in folder.listed(pattern):
            if meta in compiled and path in folder.values and path not in folder.sound:
                _judge(folder, path, meta, compiled[meta])


def _judge(folder: Folder, path: str, meta: str, validator: Any) -> None:
    errors = list(validator.iter_errors(folder.values[path]))
    for error in errors:
        pointer = pointer_of(error.instance_path)
        if error.kind.name != "additionalProperties":
            message = f"{pointer or '/'}: {short(error.message)}"
            folder.add("meta-invalid", path, message, f"see {meta}", pointer=pointer)
            continue
        code = "keyword-refused" if meta == "meta/message.json" else "meta-invalid"
        for name in error.kind.unexpected:
            at, message = f"{pointer}{pointer_of([name])}", f"{pointer or '/'}: {name} is not allowed here"
            folder.add(code, path, message, f"see {meta}", pointer=at)
    if not errors:
        folder.sound.add(path)


# --- schemas of messages and documents ---------------------------------------------------------

_SCHEMAS = ("envelope.json", "messages/*.json", "shared/*.json", "documents/*.json")
_ESCAPE = r"\\[nrt.\\/^$()\[\]{}|*+?-]"
_PATTERN_PART = re.compile(
    rf"""{_ESCAPE}
    | \[\^?(?:[^\[\]\\\x80-\U0010ffff]|{_ESCAPE})+\]   # a class, never empty
    | \((?:\?[:=!]|(?!\?))                             # a group, or a look ahead
    | (?:[*+?]|\{{[0-9]+(?:,[0-9]*)?\}})\??(?![*+?])   # a count, never possessive
    | [)|^$]
    | [^\\\[\](){{}}|*+?.^$\x80-\U0010ffff]""",
    re.VERBOSE,
)
_END = r"(?!\n)$"


def _parts(schema: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema with its pointer, whatever the value is."""
    if not isinstance(schema, dict):
        return
    yield pointer, schema
    for keyword in ("properties", "$defs"):
        for name, part in _members(schema.get(keyword)):
            yield from _parts(part, f"{pointer}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        yield from _parts(schema.get(keyword), f"{pointer}/{keyword}")
    alternatives = schema.get("oneOf")
    for n, part in enumerate(alternatives if isinstance(alternatives, list) else ()):
        yield from _parts(part, f"{pointer}/oneOf/{n}")


def _members(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _schema_paths(folder: Folder) -> list[str]:
    return [path for path in folder.listed(*_SCHEMAS) if isinstance(folder.values.get(path), dict)]


def _schemas(folder: Folder) -> None:
    references: dict[str, set[str]] = {}
    before = len(folder.found)
    for path in _schema_paths(folder):
        schema = folder.values[path]
        _check_id(folder, path, schema)
        references[path] = set()
        for pointer, part in _parts(schema):
            if isinstance(part.get("pattern"), str):
                _check_pattern(folder, path, f"{pointer}/pattern", part["pattern"])
            if isinstance(part.get("$ref"), str):
                references[path].add(_check_ref(folder, path, f"{pointer}/$ref", part["$ref"]))
            _check_required(folder, path, pointer, part)
            if "uniqueItems" in part and not _holds_strings(folder, path, part):
                message = "uniqueItems on an array whose items are no strings"
                folder.add("unique-items", path, message, "take it away", pointer=f"{pointer}/uniqueItems")
        if path.startswith("messages/"):
            _check_message(folder, path, schema)
    broken = {f.file for f in folder.found[before:]} | (references.keys() - folder.sound)
    while more := {p for p, to in references.items() if to & broken} - broken:
        broken |= more
    folder.schemas = {path: folder.values[path] for path in references if path not in broken}


def _check_required(folder: Folder, path: str, pointer: str, part: Mapping[str, Any]) -> None:
    known, required = part.get("properties"), part.get("required")
    if isinstance(known, dict) and isinstance(required, list) and "$ref" not in part:
        for n, name in enumerate(required):
            if name not in known:
                message, remedy = f"requires {name}, which it does not describe", "add it to properties"
                folder.add("required-unknown", path, message, remedy, pointer=f"{pointer}/required/{n}")


def _check_id(folder: Folder, path: str, schema: Any) -> None:
    if isinstance(schema, dict) and schema.get("$id") != BASE + path:
        message = f"$id is {schema.get('$id')}"
        folder.add("id-mismatch", path, message, f"write {BASE}{path}", pointer="/$id")


def _check_message(folder: Folder, path: str, schema: Mapping[str, Any]) -> None:
    for member in ("examples", "x-profile", "x-ext"):  # the others are their metaschema's
        if not schema.get(member) and schema.get(member) is not False:
            folder.add("message-incomplete", path, f"lacks {member}", f"give it {member}")
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        message = "the body is not a closed object"
        folder.add("message-open", path, message, "say type object and additionalProperties false")


def _said(folder: Folder) -> None:
    for path in _schema_paths(folder):
        for pointer, part in _parts(folder.values[path]):
            for member in ("title", "description"):
                if str(part.get(member, "")).startswith(TO_DO):
                    message = f"the {member} is still to be written"
                    folder.add("unfinished", path, message, "write it", pointer=f"{pointer}/{member}")


def _check_pattern(folder: Folder, path: str, pointer: str, pattern: str) -> None:
    if not pattern.startswith("^") or not pattern.endswith(_END):
        message = f"the pattern is not closed: {short(pattern)}"
        folder.add("pattern-open", path, message, f"begin with ^ and end with {_END}", pointer=pointer)
    at = depth = 0
    while at < len(pattern):
        part = _PATTERN_PART.match(pattern, at)
        if part is None:
            message = f"engines may differ from here on: {short(pattern[at:])}"
            remedy = r"spell it with classes, counts, groups and (?= (?!; no \d \w \s, no dot, no flags"
            folder.add("pattern-dialect", path, message, remedy, pointer=pointer)
            return
        depth += part[0].startswith("(") - (part[0] == ")")
        if part[0] == "|" and depth == 0:
            message = "an alternative stands outside of a group, where ^ and $ do not hold"
            folder.add("pattern-open", path, message, "put the alternatives into a group", pointer=pointer)
        at = part.end()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, Warning) as error:
            message = f"the pattern does not compile: {error}"
            folder.add("pattern-invalid", path, message, "write a regular expression", pointer=pointer)


def _resolve(folder: Folder, path: str, ref: str) -> tuple[str, Any]:
    """The file that a reference of ``path`` leads to, and the schema there or None."""
    file, _, pointer = ref.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
    found = folder.values.get(target)
    for part in pointer.split("/")[1:]:
        found = found.get(part) if isinstance(found, dict) else None
    return target, found


def _check_ref(folder: Folder, path: str, pointer: str, ref: str) -> str:
    target, found = _resolve(folder, path, ref)
    if not isinstance(found, dict) or target not in folder.listed(*_SCHEMAS):
        message = f"{ref} leads to no schema of this folder"
        folder.add("ref-unresolved", path, message, "name a file relative to this one", pointer=pointer)
    return target


def _holds_strings(folder: Folder, path: str, part: Mapping[str, Any]) -> bool:
    items = part.get("items")
    if isinstance(items, dict) and isinstance(items.get("$ref"), str):
        items = _resolve(folder, path, items["$ref"])[1]
    return isinstance(items, dict) and items.get("type") == "string"


# --- examples ----------------------------------------------------------------------------------

_NO_FORMAT = {"date-time": "2026-13-01T00:00:00Z", "duration": "P1", "uri": "no uri"}


@functools.cache
def _asserted(name: str) -> bool:
    """Whether both engines refuse what is not of this format."""
    # its formats take a second to import, which what only reads schemas should not wait for
    from jsonschema import Draft202012Validator, FormatChecker

    schema, bad = {"type": "string", "format": name}, _NO_FORMAT.get(name, "")
    oracle = Draft202012Validator(schema, format_checker=FormatChecker())
    return not oracle.is_valid(bad) and not _compiled(schema).is_valid(bad)


def _examples(folder: Folder) -> None:
    from jsonschema import Draft202012Validator, FormatChecker

    for path, schema in folder.schemas.items():
        for pointer, part in _parts(schema):
            if "format" in part and not _asserted(part["format"]):
                message = f"the format {part['format']} is not asserted by both engines"
                remedy = "install jsonschema[format-nongpl], or use another format"
                folder.add("format-not-asserted", path, message, remedy, pointer=f"{pointer}/format")
    fast = jsonschema_rs.Registry([(BASE + path, schema) for path, schema in folder.schemas.items()])
    slow: Any = Registry().with_resources(
        [(BASE + path, DRAFT202012.create_resource(schema)) for path, schema in folder.schemas.items()]
    )
    for path, schema in folder.schemas.items():
        try:
            quick = _compiled(schema, fast)
        except ValueError as error:
            folder.add("schema-unusable", path, short(error), "write a schema that both engines take")
            continue
        oracle = Draft202012Validator(schema, registry=slow, format_checker=FormatChecker())
        folder.engines[path] = quick, oracle
        for n, example in enumerate(schema.get("examples", ())):
            _check_example(folder, path, f"/examples/{n}", (quick, oracle), example)


def _check_example(folder: Folder, path: str, pointer: str, engines: tuple[Any, Any], value: Any) -> None:
    fast, slow = (list(engine.iter_errors(value)) for engine in engines)
    if bool(fast) != bool(slow):
        message = f"one engine takes it, the other says: {short((fast or slow)[0].message)}"
        folder.add("engines-differ", path, message, "use keywords that both read alike", pointer=pointer)
        return
    for error in fast:
        where = pointer + pointer_of(error.instance_path)
        folder.add("example-invalid", path, f"{where}: {short(error.message)}", "correct it", pointer=where)


def engine(folder: Folder, name: str) -> Any:
    """A validator of a sound schema of the folder, or of a part like ``meta/threads.json#/$defs/row``.

    None where there is none.
    """
    target, found = _resolve(folder, "", name)
    sound = folder.schemas | {path: folder.values[path] for path in folder.metas}
    if target not in sound or not isinstance(found, dict):
        return None
    resources = [(BASE + path, schema) for path, schema in sound.items()]
    try:
        return _compiled({"$ref": BASE + name}, jsonschema_rs.Registry(resources))
    except ValueError:
        return None


_INSTANCES = {
    "documents/roster.json": ROSTER,
    "documents/manifest.json": "roster/*/*/manifest.json",
    "documents/ladder.json": LADDER,
}
"""Documents that are files of the folder, by the path of their schema."""


def _instances(folder: Folder) -> None:
    """Files of the roster and the ladder are documents too."""
    registry = jsonschema_rs.Registry([(BASE + path, schema) for path, schema in folder.schemas.items()])
    for path, pattern in _INSTANCES.items():
        try:
            validator = _compiled(folder.schemas[path], registry) if path in folder.schemas else None
        except ValueError:
            continue  # which the examples tell
        for file in folder.listed(pattern) if validator else ():
            if file in folder.values:
                _judge(folder, file, path, validator)


def _digests(folder: Folder) -> None:
    """Examples that name agreements of the roster have its digests."""
    listed = {(a["id"], a["version"]): a["digest"] for a in folder.get(ROSTER).get("agreements", ())}
    for path in folder.schemas:
        for pointer, value in _objects(folder.values[path].get("examples"), "/examples"):
            if value.keys() == {"id", "version", "digest"} and all(
                isinstance(v, str) for v in value.values()
            ):
                right = listed.get((value["id"], value["version"]), value["digest"])
                if value["digest"] != right:
                    message = f"not the digest of {value['id']} {value['version']} in the roster"
                    at = f"{pointer}/digest"
                    folder.add("digest-mismatch", path, message, f"write {right}", pointer=at)


def _objects(value: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield pointer, value
    inner = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for name, item in inner:
        yield from _objects(item, f"{pointer}/{name}")


def reaches(folder: Folder, path: str, schema: Any, pointer: str) -> bool:
    """Whether a schema has the members of a pointer, through references and in one of alternatives.

    A part ``*`` is each item of an array.
    """
    while isinstance(schema, dict) and "$ref" in schema:
        path, schema = _resolve(folder, path, schema["$ref"])
    if not pointer:
        return True
    part, _, rest = pointer[1:].partition("/")
    rest = f"/{rest}" if rest else ""
    inner = schema if isinstance(schema, dict) else {}
    if part == "*" and "items" in inner:
        return reaches(folder, path, inner["items"], rest)
    if part in inner.get("properties", {}):
        return reaches(folder, path, inner["properties"][part], rest)
    return any(reaches(folder, path, one, pointer) for one in inner.get("oneOf", ()))


def references(folder: Folder, path: str) -> set[str]:
    """The paths of the schemas that a schema without a fault refers to."""
    refs = (part["$ref"] for _, part in _parts(folder.schemas[path]) if "$ref" in part)
    return {_resolve(folder, path, ref)[0] for ref in refs}


SHAPES = (_metaschemas, _schemas, _instances)
"""The steps that judge data files by themselves, and not what they mean."""

STEPS = (*SHAPES, _said, _examples, _digests)
