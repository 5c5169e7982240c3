"""The pages of the site that come from prose, schemas and tables. Each function yields its pages. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from markupsafe import Markup

from vrmproto.editor.folder import LADDER, THREADS, short
from vrmproto.editor.site import parts
from vrmproto.editor.site.paths import href_from, slug
from vrmproto.editor.site.prose import render
from vrmproto.editor.site.shell import Page, Shell

__all__ = ["SCHEMAS", "every", "words"]

SCHEMAS = {
    "messages": ("Messages", "message", "The body of each message type."),
    "shared": ("Shared schemas", "schema", "What several schemas use."),
    "documents": ("Documents", "document", "Claims of receipts, requests and proofs; what endpoints answer."),
}
"""Folder of schemas to title, search word and summary of its list."""

_WORD = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \|$")


def _prose(shell: Shell) -> Iterator[Page]:
    protocol = [p for p in shell.source.pages if p.startswith("protocol/")]
    titles = {}
    for path in shell.source.pages:
        text = shell.source.folder.text(path) or ""
        titles[path] = render(text, path, shell.places[path], shell.names)
    for path, prose in titles.items():
        at = protocol.index(path) if path in protocol else -1
        before = protocol[at - 1] if at > 0 else ""
        after = protocol[at + 1] if 0 <= at < len(protocol) - 1 else ""
        yield Page(
            shell.places[path],
            "prose.html",
            prose.title,
            "page",
            _lead(shell.source.folder.text(path) or ""),
            {
                "html": Markup(prose.html),
                "headings": prose.headings,
                "before": (titles[before].title, shell.places[before]) if before else None,
                "after": (titles[after].title, shell.places[after]) if after else None,
            },
        )


def _lead(text: str) -> str:
    """The first sentence of a page below its title, without marks."""
    blocks = [b for b in text.split("\n\n") if not b.startswith(("#", "|", "-", "profile:", "```"))]
    plain = re.sub(r"[`*]|\[|\]\([^)]*\)", "", " ".join(blocks[0].split())) if blocks else ""
    return re.split(r"(?<=\.) ", plain)[0]


def _schemas(shell: Shell) -> Iterator[Page]:
    source = shell.source
    for name, (title, sort, summary) in SCHEMAS.items():
        entries = [(path, source.folder.values[path]) for path in source.schemas(name)]
        yield Page(f"{name}/index.html", "listing.html", title, "page", summary, {"entries": entries})
        for path, schema in entries:
            yield _schema(shell, path, schema, sort)
    yield _schema(shell, "envelope.json", source.folder.values["envelope.json"], "schema")


def _made(shell: Shell, path: str, pointer: str, make: Callable[[], Markup]) -> Markup:
    """What another module makes of a file; where it cannot, a finding says so."""
    try:
        return make()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"its page cannot be made: {type(error).__name__} {short(error)}"
        shell.source.folder.add("page-failed", path, message, "see `vrmproto spec check`", pointer=pointer)
        return Markup("")


def _schema(shell: Shell, path: str, schema: dict[str, Any], sort: str) -> Page:
    page = shell.places[path]
    href = href_from(page)
    name = path.removesuffix(".json").removeprefix("messages/")

    def content() -> Markup:
        if sort == "message":
            return parts.message_html(shell.source, name, href)
        return parts.schema_html(shell.source, path, href)

    values = {
        "path": path,
        "name": name,
        "schema": schema,
        "content": _made(shell, path, "", content),
        "users": shell.source.users.get(path, []),
    }
    title = name if sort == "message" else str(schema.get("title", name))
    template = "message.html" if sort == "message" else "schema.html"
    return Page(page, template, title, sort, str(schema.get("description", "")), values)


def _kinds(shell: Shell) -> Iterator[Page]:
    kinds = shell.source.kinds
    summary = "The kinds of threads: their states, and the messages that move them."
    yield Page("kinds/index.html", "kinds.html", "Threads", "page", summary)
    for name, table in kinds.items():
        path = f"kinds/{name}.html"
        content = functools.partial(parts.kind_html, shell.source, name, href_from(path))
        values = {
            "kind": name,
            "table": table,
            "types": sorted({row["type"] for row in table["rows"]}),
            "content": _made(shell, THREADS, f"/kinds/{name}", content),
            "mermaid": bool(parts.mermaid(shell.source, name)),
        }
        summary = f"Its states: {', '.join(table['states'])}."
        yield Page(path, "kind.html", f"Threads of the kind {name}", "kind", summary, values)


def _errors(shell: Shell) -> Iterator[Page]:
    source = shell.source
    summary = "The codes that a home answers, and the order of its checks."
    layers = list(dict.fromkeys(entry["layer"] for entry in source.codes.values()))
    yield Page("errors/index.html", "errors.html", "Errors", "page", summary, {"layers": layers})
    for code, entry in source.codes.items():
        values = {
            "code": code,
            "entry": entry,
            "rules": [rule for rule in source.rules.values() if code in rule.codes],
            "endpoints": [e for e in source.endpoints if {code, entry["layer"]} & set(e["codes"])],
        }
        yield Page(f"errors/{code}.html", "error.html", code, "code", entry["title"], values)


def _endpoints(shell: Shell) -> Iterator[Page]:
    codes = {
        e["name"]: [c for c, entry in shell.source.codes.items() if {c, entry["layer"]} & set(e["codes"])]
        for e in shell.source.endpoints
    }
    yield Page(
        "endpoints.html", "endpoints.html", "Endpoints", "page", "What a home serves.", {"answers": codes}
    )


def _roster(shell: Shell) -> Iterator[Page]:
    source, matrix = shell.source, shell.source.matrix
    digests = {(a["id"], a["version"]): a["digest"] for a in source.roster["agreements"]}
    last = {a["id"]: a["version"] for a in matrix["agreements"]}
    entries = [
        (a, f"roster/{a['id']}{'' if last[a['id']] == a['version'] else '-' + a['version']}.html")
        for a in matrix["agreements"]
    ]
    summary = "What each agreement of the roster says of each clause."
    yield Page("roster/index.html", "roster.html", "Agreements", "page", summary, {"entries": entries})
    for agreement, path in entries:
        yield _agreement(shell, agreement, path, digests.get((agreement["id"], agreement["version"]), ""))


def _agreement(shell: Shell, agreement: dict[str, Any], path: str, digest: str) -> Page:
    folder = shell.source.folder
    at = f"roster/{agreement['id']}/{agreement['version']}"
    texts = [(file.removesuffix(".md").rpartition("/")[2], file) for file in folder.listed(f"{at}/*.md")]
    plain = [
        (name.partition(".")[2], _text(shell, file, path))
        for name, file in texts
        if name.startswith("plain.")
    ]
    plain.sort(key=lambda entry: (entry[0] != "en", entry[0]))
    legal = [
        (name.partition(".")[2], _text(shell, file, path))
        for name, file in texts
        if name.startswith("legal.")
    ]
    machine = folder.text(f"{at}/machine.jsonld") or ""
    heading = re.search(r"^# (.+)$", folder.text(f"{at}/plain.en.md") or "", re.MULTILINE)
    title = heading[1] if heading else f"{agreement['id']} {agreement['version']}"
    values = {
        "agreement": agreement,
        "digest": digest,
        "plain": plain,
        "legal": legal,
        "machine": machine,
        "manifest": f"{at}/manifest.json",
    }
    clauses = ", ".join(f"{clause} {value}" for clause, value in agreement["clauses"].items())
    return Page(path, "agreement.html", title, "agreement", f"{clauses}.", values)


def _text(shell: Shell, file: str, page: str) -> Markup:
    """A text of an agreement, its headings two steps lower than those of the page around it."""
    text = re.sub(r"^# .*\n", "", shell.source.folder.text(file) or "", count=1, flags=re.MULTILINE)
    lowered = re.sub(r"^(#+) ", r"#\1 ", text, flags=re.MULTILINE)
    body = render(lowered, file, page, shell.names).html
    # each text of the page would give the same anchors to its headings
    body = re.sub(r' id="[^"]*"', "", body)
    return Markup(re.sub(r' <a class="here".*?</a>', "", body))


def _lists(shell: Shell) -> Iterator[Page]:
    yield Page(
        "purposes.html",
        "purposes.html",
        "Purposes",
        "page",
        "What for data is used, and the clause that rules it.",
    )
    drawing = functools.partial(parts.ladder_html, shell.source, href_from("ladder.html"))
    values = {"drawing": _made(shell, LADDER, "", drawing)}
    yield Page("ladder.html", "ladder.html", "Ladder", "page", "The rungs of a relationship.", values)
    glossary = {"words": words(shell)}
    yield Page("glossary.html", "glossary.html", "Glossary", "page", "The words of the protocol.", glossary)


def words(shell: Shell) -> list[tuple[str, str, str]]:
    """Word, meaning and anchor, of the table under the heading Words of protocol/README.md."""
    text = shell.source.folder.text("protocol/README.md") or ""
    rows = [m for m in map(_WORD.match, _section(text, "Words")) if m]
    return [(m[1], m[2], slug(m[1])) for m in rows if m[1] != "word" and set(m[1]) != {"-"}]


def _section(text: str, heading: str) -> list[str]:
    _, _, below = text.partition(f"\n## {heading}\n")
    return below.partition("\n## ")[0].splitlines()


def _requirements(shell: Shell) -> Iterator[Page]:
    rules = list(shell.source.rules.values())
    areas: dict[str, list[Any]] = {}
    for rule in rules:
        areas.setdefault(rule.area, []).append(rule)
    levels = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
    counts = {
        profile: {
            **{level: sum(r.level == level for r in rules if r.profile == profile) for level in levels},
            **{
                role: sum(r.role == role for r in rules if r.profile == profile)
                for role in ("home", "agent", "editor")
            },
        }
        for profile in shell.source.profiles
    }
    values = {"areas": areas, "counts": counts, "levels": levels}
    summary = "Every numbered sentence, and what judges it."
    yield Page("requirements.html", "requirements.html", "Requirements", "page", summary, values)


def every(shell: Shell) -> Iterator[Page]:
    """All pages but those that need others: index, search, downloads, changes."""
    for pages in (_prose, _schemas, _kinds, _errors, _endpoints, _roster, _lists, _requirements):
        yield from pages(shell)
