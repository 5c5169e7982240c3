"""``/openapi.json``: OpenAPI 3.1, assembled from endpoints.json and the schemas. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from vrmproto.spec import Spec

__all__ = ["build"]

_ID = re.compile(r"\{(\w+)\}")
_COMPONENTS = "#/components/schemas/"
_TOKEN = "application/jwt"
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "request": [{"signedRequest": []}],
    "board": [{"signedRequest": []}, {}],
    "operator": [{"operatorRequest": []}],
}
"""By ``auth`` of an endpoint; a board is read without a signature where its access is ``public``."""


def _name(path: str) -> str:
    """``messages/terms.proffer.json`` as the name of a component."""
    return path.removesuffix(".json").replace("/", ".")


def _resolve(reference: str, base: str) -> str:
    """A relative ``$ref`` of the schema at ``base``, as a reference to a component."""
    path, _, fragment = reference.partition("#")
    parts = base.split("/")[:-1] if path else base.split("/")
    for part in path.split("/") if path else ():
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return _COMPONENTS + _name("/".join(parts)) + fragment


def _localised(value: Any, base: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _resolve(item, base) if key == "$ref" else _localised(item, base)
            for key, item in value.items()
            if key not in ("$id", "$schema")
        }
    if isinstance(value, list):
        return [_localised(item, base) for item in value]
    return value


def _answers(spec: Spec, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for answer in endpoint["answers"]:
        entry = answers.setdefault(str(answer["status"]), {"description": endpoint["summary"]})
        if "media" in answer:
            schema = {"$ref": _COMPONENTS + _name(answer["schema"])} if "schema" in answer else {}
            entry.setdefault("content", {})[answer["media"]] = {"schema": schema}
    for status, codes in sorted(_problems(spec, endpoint["codes"]).items()):
        answers[str(status)] = {
            "description": "Refused: " + ", ".join(codes),
            "content": {"application/problem+json": {"schema": {"$ref": _COMPONENTS + "documents.problem"}}},
        }
    return answers


def _problems(spec: Spec, wanted: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code, entry in spec.errors.items():
        if code in wanted or entry["layer"] in wanted:
            found.setdefault(entry["status"], []).append(code)
    return found


def _operation(spec: Spec, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _ID.findall(endpoint["path"])
    ]
    parameters += [
        {
            "name": q["name"],
            "in": "query",
            "description": q["summary"],
            "schema": {"type": "string"} | ({"pattern": q["pattern"]} if "pattern" in q else {}),
        }
        for q in endpoint.get("query", ())
    ]
    operation: dict[str, Any] = {
        "operationId": endpoint["name"],
        "summary": endpoint["summary"],
        "tags": [endpoint["profile"]],
        "responses": _answers(spec, endpoint),
    }
    if parameters:
        operation["parameters"] = parameters
    if "body" in endpoint:
        token = endpoint["body"]["media"] == _TOKEN
        media = {endpoint["body"]["media"]: {"schema": {"type": "string"} if token else {}}}
        operation["requestBody"] = {"required": True, "content": media}
        if token:
            return operation  # which is signed itself
    if endpoint["auth"] in _SECURITY:
        operation["security"] = _SECURITY[endpoint["auth"]]
    return operation


def build(spec: Spec, origin: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a home at ``origin``."""
    paths: dict[str, Any] = {}
    for endpoint in spec.endpoints:
        paths.setdefault(endpoint["path"], {})[endpoint["method"].lower()] = _operation(spec, endpoint)
    types = ", ".join(sorted(spec.types))
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "VRM home",
            "version": "1.0",
            "description": f"A home of VRM Protocol 1.0. A message is a signed token of type {types}; "
            "the schema of its body is the component messages.TYPE.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "schemas": {_name(path): _localised(schema, path) for path, schema in spec.schemas.items()},
            "securitySchemes": {
                "signedRequest": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`VRM TOKEN`, the token a vrm-request+jwt (home.md)",
                },
                "operatorRequest": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`VRM TOKEN`, the token a vrm-request+jwt by the home itself (boards.md)",
                },
            },
        },
    }
