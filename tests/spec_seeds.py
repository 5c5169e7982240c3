"""Changes that are seeded into copies of the spec, each with whom it breaks there and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto.spec import BASE

__all__ = ["SEEDS", "SPEC", "Seed", "copied"]

SPEC = Path(__file__).resolve().parent.parent / "spec"
VECTORS_COPIED = 3
SPARE = "shared/spare.json"
LAST_CODE = len(json.loads((SPEC / "errors.json").read_text("utf-8"))["codes"]) - 1

BOTH = ("senders", "receivers")
SENDERS, RECEIVERS, NOBODY, HOMES = ("senders",), ("receivers",), (), ("homes",)


def copied(to: Path) -> Path:
    """A copy of the spec with a few of its vectors, and a schema that nothing uses."""

    def leave_out(folder: str, names: list[str]) -> list[str]:
        if Path(folder) != SPEC / "vectors":
            return []
        return sorted(n for n in names if (SPEC / "vectors" / n).is_dir())[VECTORS_COPIED:]

    root = Path(shutil.copytree(SPEC, to, ignore=leave_out))
    (root / SPARE).write_text(json.dumps({"$id": BASE + SPARE, "type": "string", "maxLength": 40}), "utf-8")
    return root


@dataclass(frozen=True)
class Seed:
    """What is changed in a copy, and whom that breaks."""

    file: str
    pointer: str
    """Where it is told, in the new version and in the old one."""
    there: tuple[str, ...]
    back: tuple[str, ...]
    change: Callable[[Path], None]
    verdicts: tuple[str, str] = ("breaking", "breaking")
    affects: tuple[str, ...] = ()
    """The schemas that are sent and judged otherwise; by itself the file."""


def edit(path: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def seed(root: Path) -> None:
        value = json.loads((root / path).read_text("utf-8"))
        change(value)
        (root / path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")

    return seed


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def seed(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        assert old in text, f"{path} does not hold {old}: the seed is stale"
        (root / path).write_text(text.replace(old, new, 1), "utf-8")

    return seed


def at(schema: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        schema = schema[int(part) if isinstance(schema, list) else part]
    return schema


def keyword(
    path: str, place: str, there: tuple[str, ...], back: tuple[str, ...], affects: Any = (), **members: Any
) -> Seed:
    """Give a subschema other keywords; None takes one away. The first one is where it is told."""

    def change(schema: Any) -> None:
        found = at(schema, place)
        found.update({k: v for k, v in members.items() if v is not None})
        for name in [k for k, v in members.items() if v is None]:
            del found[name]

    pointer = f"{place}/{next(iter(members))}"
    return Seed(path, pointer, there, back, edit(path, change), affects=tuple(affects))


def member(path: str, place: str, name: str, schema: Any, there: Any, back: Any) -> Seed:
    """Add a member to an object."""
    change = edit(path, lambda s: at(s, place)["properties"].update({name: schema}))
    return Seed(path, f"{place}/properties/{name}", there, back, change)


def needed(path: str, place: str, name: str, there: Any, back: Any) -> Seed:
    change = edit(path, lambda s: at(s, place)["required"].append(name))
    return Seed(path, f"{place}/required", there, back, change)


def row(n: int, member: str, value: Any, there: Any, back: Any) -> Seed:
    """Give a row of the kind terms another member."""
    change = edit("threads.json", lambda t: t["kinds"]["terms"]["rows"][n].update({member: value}))
    return Seed("threads.json", f"/kinds/terms/rows/{n}/{member}", there, back, change)


def sentence(old: str, new: str, name: str, page: str, there: Any, back: Any, verdicts: Any) -> Seed:
    path = f"protocol/{page}"
    return Seed(path, name, there, back, replace(path, old, new), verdicts)


def _drop_row(table: Any) -> None:
    rows = table["kinds"]["dispute"]["rows"]
    rows.remove(next(r for r in rows if r["type"] == "dispute.note"))


NEED = ("messages/intent.amend.json", "messages/intent.publish.json")
SUBMIT, MAKE = "messages/feedback.submit.json", "messages/offer.make.json"
BREAKING, MAYBE, FINE, WORDS = "breaking", "possibly breaking", "compatible", "editorial"

SEEDS: dict[str, Seed] = {
    # keywords of messages
    "enum narrowed": keyword(
        "messages/intent.close.json", "/properties/outcome", SENDERS, RECEIVERS,
        enum=["fulfilled", "elsewhere"],
    ),
    "enum widened": keyword(
        "messages/dispute.close.json", "/properties/outcome", RECEIVERS, SENDERS,
        enum=["settled", "dropped", "referred", "forgotten"],
    ),
    "enum exchanged": keyword(
        SUBMIT, "/properties/kind", BOTH, BOTH, enum=["problem", "idea", "praise", "wish"]
    ),
    "const changed": keyword("messages/intent.publish.json", "/properties/version", BOTH, BOTH, const=2),
    "a member more": member(
        "messages/terms.reject.json", "", "note", {"type": "string", "maxLength": 9}, RECEIVERS, SENDERS
    ),
    "a member is required": needed("messages/offer.confirm.json", "", "reference", SENDERS, RECEIVERS),
    "maxLength down": keyword(
        "messages/dispute.open.json", "/properties/facts", SENDERS, RECEIVERS, maxLength=3999
    ),
    "maxLength up": keyword(
        "messages/dispute.note.json", "/properties/text", RECEIVERS, SENDERS, maxLength=4001
    ),
    "minLength up": keyword(
        "messages/offer.message.json", "/properties/text", SENDERS, RECEIVERS, minLength=2
    ),
    "pattern narrowed": keyword(
        "messages/consent.request.json", "/properties/notice/properties/url", SENDERS, RECEIVERS,
        pattern="^https://[!-}]+(?!\\n)$",
    ),
    "pattern widened": keyword(
        "messages/data.share.json", "/properties/about/properties/fields/items", RECEIVERS, SENDERS,
        pattern="^[a-z_][a-z0-9_]*(?!\\n)$",
    ),
    "pattern written otherwise": Seed(
        "messages/dialogue.message.json", "/properties/about/properties/fields/items/pattern", NOBODY, NOBODY,
        edit(
            "messages/dialogue.message.json",
            lambda s: at(s, "/properties/about/properties/fields/items").update(
                pattern="^[a-z]([a-z]|[0-9]|_)*(?!\\n)$"
            ),
        ),
        (FINE, FINE),
    ),
    "minimum up": keyword("messages/intent.amend.json", "/properties/version", SENDERS, RECEIVERS, minimum=3),
    "maximum up": keyword(MAKE, "/properties/version", RECEIVERS, SENDERS, maximum=1000001),
    "items fewer": keyword(MAKE, "/properties/items", SENDERS, RECEIVERS, maxItems=49),
    "items none": keyword("messages/data.request.json", "/properties/items", RECEIVERS, SENDERS, minItems=0),
    "items twice": keyword(
        "messages/data.report.json", "/properties/about/properties/fields", RECEIVERS, SENDERS,
        uniqueItems=None,
    ),
    "names fewer": keyword(
        "messages/correction.refuse.json", "/properties/reasons", SENDERS, RECEIVERS, maxProperties=39
    ),
    "names shorter": keyword(
        "messages/correction.refuse.json", "/properties/reasons/propertyNames", SENDERS, RECEIVERS,
        maxLength=40,
    ),
    "format added": keyword(
        "messages/relationship.invite.json", "/properties/benefit", SENDERS, RECEIVERS, format="uri"
    ),
    "type exchanged": keyword(
        "messages/order.fulfil.json", "/properties/reference", BOTH, BOTH,
        type="integer", minLength=None, maxLength=None,
    ),
    "extensions": keyword("messages/terms.withdraw.json", "", RECEIVERS, SENDERS, **{"x-ext": True}),
    "a description": Seed(
        "messages/terms.accept.json", "/description", NOBODY, NOBODY,
        edit("messages/terms.accept.json", lambda s: s.update(description="It is taken.")), (WORDS, WORDS),
    ),
    # schemas that several messages use
    "shared, through others": keyword(
        "shared/attribute.json", "/properties/value", SENDERS, RECEIVERS, maxLength=199,
        affects=(*NEED, MAKE, "messages/offer.revise.json"),
    ),
    "shared, an alternative more": Seed(
        "shared/area.json", "/oneOf", RECEIVERS, SENDERS,
        edit(
            "shared/area.json",
            lambda s: s["oneOf"].append(
                {"type": "object", "properties": {"world": {"type": "boolean"}}, "required": ["world"],
                 "additionalProperties": False}
            ),
        ),
        affects=NEED,
    ),
    "shared, used by nobody": Seed(
        SPARE, "/maxLength", NOBODY, NOBODY, edit(SPARE, lambda s: s.update(maxLength=39)), (FINE, FINE)
    ),
    # what is open, and the claims
    "a member of an answer": Seed(
        "documents/receipt.json", "/properties/note", NOBODY, NOBODY,
        edit("documents/receipt.json", lambda s: s["properties"].update(note={"type": "string"})),
        (FINE, FINE),
    ),
    "an answer without a member": Seed(
        "documents/problem.json", "/required", RECEIVERS, SENDERS,
        edit("documents/problem.json", lambda s: s["required"].remove("title")),
    ),
    "claims": keyword(
        "envelope.json", "/$defs/claims/properties/type", SENDERS, RECEIVERS, maxLength=20,
        affects=("envelope.json#/$defs/claims",),
    ),
    # tables
    "a row gone": Seed(
        "threads.json", "/kinds/dispute/rows/", SENDERS, RECEIVERS, edit("threads.json", _drop_row)
    ),
    "a guard more": row(4, "guards", ["accepts-offered-terms", "deadline-ahead"], SENDERS, RECEIVERS),
    "prev is bound": row(3, "prev", "head", SENDERS, RECEIVERS),
    "a shorter deadline": row(0, "max", "P10D", SENDERS, RECEIVERS),
    "another state follows": row(5, "to", "withdrawn", HOMES, HOMES),
    "a cause": Seed(
        "threads.json", "/kinds/terms/states/agreed/severed", HOMES, HOMES,
        edit("threads.json", lambda t: t["kinds"]["terms"]["states"]["agreed"].update(severed="terminated")),
    ),
    # codes, endpoints, sentences
    "a code gone": Seed(
        "errors.json", f"/codes/{LAST_CODE}", HOMES, NOBODY, edit("errors.json", lambda e: e["codes"].pop()),
        (BREAKING, FINE),
    ),
    "a status": Seed(
        "errors.json", "/codes/0/status", ("homes", "receivers"), ("homes", "receivers"),
        edit("errors.json", lambda e: e["codes"][0].update(status=400)),
    ),
    "an endpoint gone": Seed(
        "endpoints.json", "/endpoints/", SENDERS, HOMES,
        edit("endpoints.json", lambda e: e["endpoints"].pop()),
    ),
    "a MUST more": sentence(
        "\n## Order of checks", "- A home MUST be kind. {#VRM-ENV-099 home}\n\n## Order of checks",
        "VRM-ENV-099", "message.md", HOMES, NOBODY, (BREAKING, MAYBE),
    ),
    "SHOULD to MUST": sentence(" SHOULD ", " MUST ", "VRM-HOM-", "home.md", HOMES, NOBODY, (BREAKING, MAYBE)),
    "a sentence in other words": sentence(
        "MUST be that of the roster's manifest of this id",
        "MUST be the one of the roster's manifest of this id",
        "VRM-TRM-002", "terms.md", NOBODY, NOBODY, (MAYBE, MAYBE),
    ),
    "bytes of a manifest": Seed(
        "roster/SD-BASE/1.0/manifest.json", "", BOTH, BOTH,
        replace("roster/SD-BASE/1.0/manifest.json", "{", "{ "),
    ),
    "prose": Seed(
        "protocol/trust.md", "", NOBODY, NOBODY, replace("protocol/trust.md", "\n\n", "\n\nSo it is.\n\n"),
        (WORDS, WORDS),
    ),
}  # fmt: skip
