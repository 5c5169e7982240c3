"""Checks the pages: numbered sentences, the words and ids that they name, links."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator

from vrmproto.editor.folder import ERRORS, MATRIX, THREADS, Folder, Sentence

__all__ = ["STEPS", "check_known", "code_of", "collect", "profiles"]

ROLES = ("home", "agent", "editor")
NEEDS = ("origin",)

_ID = re.compile(r"\bVRM-[A-Z]+-\d{3}\b")
_ANCHOR = re.compile(r" \{#(VRM-([A-Z]+)-(\d{3})) ([a-z]+)((?: [a-z]+)*)\}$")
_KEY_WORD = re.compile(r"\b(?:MUST|SHOULD|SHALL)(?: NOT)?\b|\b(?:MAY|REQUIRED|RECOMMENDED|OPTIONAL)\b")
_TOKEN = re.compile(r"`([a-z]+(?:-[a-z]+)+)`")
_LAST_CODE = re.compile(r"\(`([a-z-]+)`[^)]*\)\.?$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PROFILE = re.compile(r"^profile: ([a-z]+)$", re.MULTILINE)
_FENCE = "```"


def _lines(folder: Folder, page: str) -> Iterator[tuple[int, str]]:
    """Numbered lines outside of code blocks."""
    inside = False
    for n, line in enumerate((folder.text(page) or "").splitlines(), start=1):
        if line.startswith(_FENCE):
            inside = not inside
        elif not inside:
            yield n, line


def _sentences(folder: Folder) -> Iterator[Sentence]:
    for page in folder.listed("protocol/*.md"):
        for n, line in _lines(folder, page):
            anchor = _ANCHOR.search(line)
            words = _KEY_WORD.findall(re.sub(r"`[^`]*`", "", line))
            if anchor and line.startswith("- "):
                name, area, number, role, needs = anchor.groups()
                text = line[2 : anchor.start()]
                yield Sentence(page, n, text, words, name, area, int(number), role, tuple(needs.split()))
            elif (words or anchor) and page != "protocol/README.md":
                yield Sentence(page, n, line, words)


def code_of(text: str) -> str:
    """The code that a sentence ends with, or nothing."""
    found = _LAST_CODE.search(text)
    return found[1] if found else ""


def check_known(folder: Folder, path: str, requirement: str | None, pointer: str) -> None:
    """Report a requirement that a data file names and that there is not."""
    if requirement is not None and requirement not in folder.requirements:
        message = f"there is no requirement {requirement}"
        folder.add("requirement-unknown", path, message, "name one of protocol/", pointer=pointer)


def profiles(folder: Folder) -> list[str]:
    """The profiles that the pages are of."""
    return [
        name for page in folder.listed("protocol/*.md") for name in _PROFILE.findall(folder.text(page) or "")
    ]


def collect(folder: Folder) -> None:
    """Read the numbered sentences of all pages."""
    for sentence in _sentences(folder):
        if sentence.id:
            folder.requirements.setdefault(sentence.id, sentence)


def _requirements(folder: Folder) -> None:
    numbers: dict[str, dict[int, Sentence]] = {}
    for sentence in _sentences(folder):
        _check_sentence(folder, sentence)
        if sentence.id and sentence.number in numbers.setdefault(sentence.area, {}):
            message = f"{sentence.id} is used twice"
            _at(folder, sentence, "requirement-duplicate", message, "number it at the end of its area")
        elif sentence.id:
            numbers[sentence.area][sentence.number] = sentence
    for area, used in numbers.items():
        for number in sorted(set(range(1, max(used) + 1)) - used.keys()):
            message = f"VRM-{area}-{number:03d} is missing"
            _at(folder, used[max(used)], "requirement-gap", message, "number without gaps")
    for page in sorted({s.page for s in folder.requirements.values()}):
        if not _PROFILE.search(folder.text(page) or ""):
            remedy = "write `profile: core` under the title"
            folder.add("profile-missing", page, "has no profile", remedy, line=1)


def _at(folder: Folder, sentence: Sentence, code: str, message: str, remedy: str) -> None:
    folder.add(code, sentence.page, message, remedy, line=sentence.line)


def _check_sentence(folder: Folder, sentence: Sentence) -> None:
    if not sentence.id:
        remedy = "make it a list item that ends in {#VRM-AREA-nnn role}, or write no key word"
        _at(folder, sentence, "requirement-form", f"{sentence.words or 'an anchor'} without a number", remedy)
        return
    right = len(sentence.words) == 1 and re.fullmatch(r"(MUST|SHOULD)( NOT)?|MAY", sentence.words[0])
    if not right:
        message = f"{sentence.id} has the key words {sentence.words}"
        _at(folder, sentence, "requirement-words", message, "exactly one of MUST, SHOULD, MAY and their NOT")
    if sentence.role not in ROLES or set(sentence.needs) - set(NEEDS):
        message = f"{sentence.id} is for {' '.join([sentence.role, *sentence.needs])}"
        remedy = f"one of {', '.join(ROLES)}, then {', '.join(NEEDS)} or nothing"
        _at(folder, sentence, "requirement-role", message, remedy)
    code = code_of(sentence.text)
    if code and ERRORS in folder.sound and code not in folder.codes:
        message = f"{sentence.id} answers {code}, which is no code"
        _at(folder, sentence, "code-unknown", message, f"name one of {ERRORS}")


def _forms(folder: Folder) -> None:
    for page in folder.pages:
        before = ""
        for n, line in _lines(folder, page):
            if before.startswith("- ") and line and not line.startswith(("- ", "  ")):
                message = "a sentence joins the list item before"
                folder.add("list-run-on", page, message, "put a blank line between", line=n)
            before = line


def _names(folder: Folder) -> None:
    """Ids and codes that a page names exist."""
    known = _words(folder)
    for page in folder.pages:
        ruled = page.startswith("protocol/") or page == "implementing.md"
        for n, line in _lines(folder, page):
            text = _ANCHOR.sub("", line)
            for name in dict.fromkeys(_ID.findall(text)):
                if name not in folder.requirements:
                    message = f"there is no requirement {name}"
                    folder.add("requirement-unknown", page, message, "name one of protocol/", line=n)
            judged = _LAST_CODE.findall(text) if text != line else []
            for word in _TOKEN.findall(text) if known and ruled else ():
                if word not in known and word not in judged:
                    message = f"{word} is no code, guard, state or clause"
                    folder.add("code-unknown", page, message, "name one, or write it otherwise", line=n)


def _words(folder: Folder) -> Collection[str]:
    """What a hyphenated word in code type may be: a code, guard, kind, state or clause."""
    if not folder.sound >= {ERRORS, THREADS, MATRIX}:
        return ()
    threads, clauses = folder.get(THREADS), folder.get(MATRIX)["clauses"]
    return {*folder.codes, *threads["guards"], *threads["kinds"], *folder.states, *clauses}


def _links(folder: Folder) -> None:
    for page in folder.pages:
        for n, line in _lines(folder, page):
            for target in _LINK.findall(line):
                if not re.match(r"[a-z]+:", target):
                    _check_link(folder, page, n, target)


def _check_link(folder: Folder, page: str, line: int, target: str) -> None:
    file, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
    if path.startswith("../") or not (folder.root / path).exists():
        message = f"{target} leads to nothing in this folder"
        folder.add("link-broken", page, message, "name a file relative to this page", line=line)
    elif anchor and path.endswith(".md") and anchor not in _anchors(folder, path):
        message = f"{path} has no heading for #{anchor}"
        folder.add("link-broken", page, message, "name a heading in lower case with hyphens", line=line)


def _anchors(folder: Folder, page: str) -> set[str]:
    """Anchors of headings as common renderers name them, and ids of requirements."""
    found: set[str] = set()
    for _, line in _lines(folder, page):
        if line.startswith("#"):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(words.replace(" ", "-"))
        if anchor := _ANCHOR.search(line):
            found.add(anchor[1])
    return found


STEPS = (_requirements, _forms, _names, _links)
