"""Builds the static site of a spec folder, and writes it. Source: spec/README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from markupsafe import Markup

from vrmproto.editor import bundling
from vrmproto.editor.folder import Finding
from vrmproto.editor.site import pages, parts, search
from vrmproto.editor.site.changes import since
from vrmproto.editor.site.prose import render
from vrmproto.editor.site.shell import Page, Shell, static
from vrmproto.editor.site.source import SiteError, Source, read
from vrmproto.errors import SpecError

__all__ = ["MARKER", "SiteError", "build", "read_checks", "write"]

MARKER = ".vrmproto-site"
"""The file by which a folder is known to hold a site of ours; it lists what was written."""

_TABLES = ("threads.json", "errors.json", "endpoints.json", "purposes.json", "ladder.json", "roster/*.json")
_SCHEMAS = ("envelope.json", "messages/*.json", "shared/*.json", "documents/*.json")


def build(
    root: Path, *, checks: Mapping[str, Mapping[str, Any]] | None = None, previous: Path | None = None
) -> dict[str, bytes]:
    """The whole site of the spec folder ``root``: path to bytes.

    ``checks`` is requirement id to ``{checks, excluded}``; ``previous`` is the spec folder of an earlier
    release. SiteError with findings if something in the folder cannot be shown. Nothing is written.
    """
    source = read(root, checks)
    shell = Shell(source)
    made = list(pages.every(shell))
    made += [_index(shell, made), _changes(shell, previous), _downloads(source)]
    made.append(Page("search.html", "search.html", "Search", "page", "Search this site."))
    _taken(shell, made)
    if source.folder.found:
        raise SiteError(source.folder.found)
    files = {page.path: shell.rendered(page) for page in made}
    files |= search.files(search.entries(shell, made))
    files |= {f"downloads/{path}": content for path, content in _data(source)}
    files["llms.txt"] = _llms(source, made)
    return dict(sorted({**files, **dict(static())}.items()))


def _taken(shell: Shell, made: list[Page]) -> None:
    """No page that people wrote stands where the site has one of its own."""
    own = {page.path for page in made if page.template != "prose.html"}
    for path in shell.source.pages:
        if shell.places[path] in own:
            message = f"the site has a page {shell.places[path]} of its own"
            shell.source.folder.add("page-taken", path, message, "name the file otherwise", line=1)


def _index(shell: Shell, made: list[Page]) -> Page:
    prose = [(page.title, page.path) for page in made if page.template == "prose.html"]
    protocol = [entry for entry in prose if entry[1].startswith("protocol/")]
    others = [entry for entry in prose if entry not in protocol]
    front = next(page for page in made if page.path == "protocol/index.html")
    values = {"protocol": protocol, "others": others}
    return Page("index.html", "index.html", front.title, "page", front.summary, values)


def _changes(shell: Shell, previous: Path | None) -> Page:
    beside = shell.source.folder.root.resolve().parent / "CHANGELOG.md"
    text = beside.read_text(encoding="utf-8", errors="replace") if beside.is_file() else ""
    log = _log(shell, text) if text else Markup("")
    values = {
        "log": log,
        "changes": since(shell.source, previous),
        "more": parts.changes_html(shell.source, previous),
    }
    return Page(
        "changes.html", "changes.html", "Changes", "page", "What is new since the last release.", values
    )


def _log(shell: Shell, text: str) -> Markup:
    """The changelog, its headings one step lower, under that of the page."""
    body = re.sub(r"^# .*\n", "", text, count=1)
    lowered = re.sub(r"^(##+) ", r"#\1 ", body, flags=re.MULTILINE)
    # its links are relative to a folder that the site does not have
    plain = re.sub(r"\[([^\]]*)\]\((?![a-z]+:)[^)]*\)", r"\1", lowered)
    return Markup(render(plain, "CHANGELOG.md", "changes.html", shell.names).html)


def _downloads(source: Source) -> Page:
    folder = source.folder
    kinds = [f"kinds/{kind}.mmd" for kind in source.kinds if parts.mermaid(source, kind)]
    groups = [
        ("Tables", folder.listed(*_TABLES)),
        ("Messages", folder.listed("envelope.json", "messages/*.json")),
        ("Documents", folder.listed("documents/*.json")),
        ("Shared schemas", folder.listed("shared/*.json")),
        ("Views", folder.listed("views/*.json")),
        ("Schemas of the files themselves", folder.listed("meta/*.json")),
        ("Manifests of agreements", folder.listed("roster/*/*/manifest.json")),
        ("States as Mermaid", kinds),
    ]
    values = {"groups": [(name, files) for name, files in groups if files]}
    return Page(
        "downloads/index.html", "downloads.html", "Downloads", "page", "What is here as data.", values
    )


def _data(source: Source) -> Iterator[tuple[str, bytes]]:
    folder = source.folder
    for path in folder.listed(*_TABLES, *_SCHEMAS, "views/*.json", "meta/*.json", "roster/*/*/manifest.json"):
        yield path, (folder.text(path) or "").encode()
    try:
        whole = bundling.bundle(folder.root)
    except SpecError as error:  # two schemas of one name, say
        remedy = "name the file otherwise"
        raise SiteError([Finding("bundle-failed", "messages", 0, str(error), remedy)]) from None
    yield "schemas.bundle.json", (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()
    for kind in source.kinds:
        if text := parts.mermaid(source, kind):
            yield f"kinds/{kind}.mmd", text.encode()


def _llms(source: Source, made: list[Page]) -> bytes:
    """The site for programs that read text: a list of links with one line about each."""
    headings = {"page": "Pages", "message": "Messages", "document": "Documents", "schema": "Shared schemas"}
    headings |= {"kind": "Threads", "code": "Errors", "agreement": "Agreements"}
    front = next(page for page in made if page.path == "index.html")
    lines = [f"# {front.title}", "", f"> {front.summary}", ""]
    for sort, heading in headings.items():
        lines += [f"## {heading}", ""]
        for page in made:
            if page.sort == sort:
                summary = f": {page.summary}" if page.summary else ""
                lines.append(f"- [{page.title}]({page.path}){summary}")
        lines.append("")
    lines += ["## Data", "", "- [All schemas in one file](downloads/schemas.bundle.json)", ""]
    return "\n".join(lines).encode()


# --- input and output ----------------------------------------------------------------------------


def read_checks(path: Path) -> dict[str, dict[str, Any]]:
    """What ``vrm-conformance list --json`` prints: requirement id to ``{checks, excluded}``.

    SiteError with the line if it is something else.
    """
    found: dict[str, dict[str, Any]] = {}
    remedy = "write what `vrm-conformance list --json` prints"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError([Finding("checks-unreadable", str(path), 0, str(error), remedy)]) from None
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            names = [str(name) for name in row["checks"]]
            found[str(row["id"])] = {"checks": names, "excluded": str(row.get("excluded", ""))}
        except (ValueError, LookupError, TypeError, AttributeError):
            message = "is not an object with id and checks"
            raise SiteError([Finding("checks-invalid", str(path), number, message, remedy)]) from None
    return found


def _refused(out: Path, message: str, remedy: str) -> SiteError:
    return SiteError([Finding("out-refused", str(out), 0, message, remedy)])


def _earlier(out: Path) -> set[str]:
    """What an earlier build has written there; SiteError if other people's files are there."""
    marker = out / MARKER
    if out.exists() and not out.is_dir():
        raise _refused(out, "is no folder", "name a folder")
    if marker.is_file():
        paths = set(marker.read_text(encoding="utf-8", errors="replace").splitlines())
        return {
            p
            for p in paths
            if p and not PurePosixPath(p).is_absolute() and ".." not in PurePosixPath(p).parts
        }
    if out.is_dir() and any(out.iterdir()):
        raise _refused(out, "holds files, and none that says it is a site of ours", "name an empty folder")
    return set()


def write(files: Mapping[str, bytes], out: Path) -> tuple[list[str], list[str]]:
    """Make ``out`` hold a site: write what differs, remove what an earlier build left; both are returned.

    SiteError if something there was not written by a build: nothing is changed then.
    """
    earlier = _earlier(out)
    for path in sorted(files.keys() - earlier):
        if (out / path).exists():
            raise _refused(out / path, "was not written by a build of the site", "move it away")
    out.mkdir(parents=True, exist_ok=True)
    # first what will be there in the worst case, so that a build that is broken off is known again
    (out / MARKER).write_text(_listing(earlier | files.keys()), encoding="utf-8", newline="\n")
    written = [path for path in sorted(files) if _put(out / path, files[path])]
    removed = [path for path in sorted(earlier - files.keys()) if _take(out, path)]
    (out / MARKER).write_text(_listing(files.keys()), encoding="utf-8", newline="\n")
    return written, removed


def _listing(paths: Any) -> str:
    return "".join(f"{path}\n" for path in sorted(paths))


def _put(path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def _take(out: Path, path: str) -> bool:
    file = out / path
    if not file.is_file():
        return False
    file.unlink()
    for folder in file.relative_to(out).parents:
        if folder != Path() and not any((out / folder).iterdir()):
            (out / folder).rmdir()
    return True
