"""Homes over codes, endpoints or a roster with one entry changed, and what is allowed to differ there."""

from __future__ import annotations

import json

from tests.broken.specs.tools import ROOT, Edit, edit, mutant, read, replace

# --- codes, endpoints, roster --------------------------------------------------------------------

CODES = [entry["code"] for entry in read("errors.json")["codes"]]
for _code, _member, _value, _rule in (
    ("prev-stale", "status", 412, "VRM-HOM-029"),
    ("state-conflict", "status", 400, "VRM-HOM-029"),
    ("body-invalid", "status", 422, "VRM-HOM-029"),
    ("signature-invalid", "status", 400, "VRM-HOM-029"),
    ("role-forbidden", "status", 401, "VRM-HOM-029"),
    ("not-yet-valid", "retryable", False, "VRM-HOM-029"),
    ("expired", "retryable", True, "VRM-HOM-029"),
    ("wrong-home", "status", 400, "VRM-HOM-029"),
    ("not-found", "status", 403, "VRM-HOM-029"),
    ("request-invalid", "status", 401, "VRM-HOM-029"),
):
    mutant(
        f"code-{_code}-{_member}",
        _rule,
        f"{_member} of {_code} is {json.dumps(_value)}.",
        edit(
            "errors.json",
            {"op": "test", "path": f"/codes/{CODES.index(_code)}/code", "value": _code},
            {"op": "replace", "path": f"/codes/{CODES.index(_code)}/{_member}", "value": _value},
        ),
    )

_ROSTER = [entry["id"] for entry in read("roster/roster.json")["agreements"]]
mutant(
    "roster-lacks-one",
    "VRM-TRM-015",
    "The roster lacks one of its agreements.",
    edit(
        "roster/roster.json",
        {"op": "test", "path": f"/agreements/{_ROSTER.index('SD-BASE-A')}/id", "value": "SD-BASE-A"},
        {"op": "remove", "path": f"/agreements/{_ROSTER.index('SD-BASE-A')}"},
    ),
)
mutant(
    "roster-of-another-version",
    "VRM-TRM-001",
    "The roster is held under another version.",
    replace("roster/roster.json", "/version", "1.1"),
    control=False,
)

# --- allowed -------------------------------------------------------------------------------------

_ENDPOINTS = read("endpoints.json")["endpoints"]
OTHER_PATHS: list[Edit] = [
    edit(
        "endpoints.json",
        *(
            {
                "op": "replace",
                "path": f"/endpoints/{n}/path",
                "value": e["path"].replace("/v1/", "/v1/home/x/"),
            }
            for n, e in enumerate(_ENDPOINTS)
            if e["path"].startswith("/v1/")
        ),
    )
]
_INTENT = [
    path.name
    for path in sorted((ROOT / "messages").glob("*.json"))
    if json.loads(path.read_bytes())["x-profile"] == "intent"
]
INTENT_LEFT_OUT: list[Edit] = [
    edit("threads.json", {"op": "remove", "path": "/kinds/intent"}, {"op": "remove", "path": "/kinds/offer"}),
    edit(
        "endpoints.json",
        *(
            {"op": "remove", "path": f"/endpoints/{n}"}
            for n, e in reversed(list(enumerate(_ENDPOINTS)))
            if e["profile"] == "intent"
        ),
    ),
    *({"file": f"messages/{name}", "delete": True} for name in _INTENT),
    *({"file": f"protocol/{name}.md", "delete": True} for name in ("intents", "offers", "boards", "blobs")),
]
