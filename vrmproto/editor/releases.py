"""Releases: what a version of the spec says, frozen under a name that has its digest.

Source: spec/protocol/message.md "Versions and releases".
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vrmproto import requirements as sentences
from vrmproto.editor.folder import EXCLUSIONS, THREADS, Folder
from vrmproto.errors import SpecError

__all__ = ["FILES", "REUSED", "check", "content", "name_of", "read", "requirements_of", "words", "write"]

FILES = (
    "envelope.json", "messages/*.json", "shared/*.json", "documents/*.json", "threads.json", "errors.json",
    "endpoints.json", "purposes.json", "ladder.json", "views/*.json",
)  # fmt: skip
"""What a release has the digests of, beside the manifests."""

REUSED = 0.35
"""Sentences of whose words less than this is alike say something else."""

_NAME = re.compile(r"requirements/([0-9]+\.[0-9]+)-([0-9a-f]{12})\.json")
_FORMAT = 1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content(root: Path) -> dict[str, Any]:
    """What a release of a folder holds now; SpecError if it cannot be read."""
    try:
        codes = json.loads((root / "errors.json").read_bytes())["codes"]
        version = json.loads((root / THREADS).read_bytes())["version"]
        found = sorted({p for pattern in FILES for p in root.glob(pattern) if p.is_file()})
        return {
            "format": _FORMAT,
            "version": version,
            "requirements": {r.id: _requirement(r) for r in sentences.read(root).values()},
            "files": {p.relative_to(root).as_posix(): _digest(p.read_bytes()) for p in found},
            "manifests": manifests(root),
            "codes": {c["code"]: c["status"] for c in codes},
        }
    except OSError as error:
        raise SpecError(f"{error.filename}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{root}: not of the form of a spec folder ({error!r})") from None


def _requirement(one: sentences.Requirement) -> dict[str, Any]:
    return {
        "level": one.level,
        "role": one.role,
        "needs": list(one.needs),
        "profile": one.profile,
        "page": one.page,
        "code": one.code,
        "text": one.text,
    }


def manifests(root: Path) -> dict[str, str]:
    """``id/version`` of an agreement to the SHA-256 of its manifest."""
    listed = sorted(root.glob("roster/*/*/manifest.json"))
    return {"/".join(p.relative_to(root).parts[1:3]): _digest(p.read_bytes()) for p in listed}


def canonical(value: Any) -> bytes:
    """The one form of a release: members in order, no white space, one line."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def name_of(version: str, data: bytes) -> str:
    """The path of a release with these bytes."""
    return f"requirements/{version}-{_digest(data)[:12]}.json"


def write(root: Path, version: str) -> Path:
    """Freeze a version; the file that was written, or that was there with these bytes.

    SpecError if the folder says another version, or has another release of this one.
    """
    value = content(root)
    if value["version"] != version:
        raise SpecError(f"{root / THREADS}: says version {value['version']}, not {version}")
    data = canonical(value)
    path = root / name_of(version, data)
    others = [p for p in sorted(root.glob(f"requirements/{version}-*.json")) if p != path]
    if others:
        raise SpecError(f"{others[0]}: is a release of {version}, and a version has at most one")
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return path


def read(path: Path) -> dict[str, Any]:
    """A release that has the bytes that its name says; SpecError otherwise."""
    try:
        data = path.read_bytes()
        value = json.loads(data)
        if path.name != Path(name_of(value["version"], data)).name:
            raise SpecError(f"{path}: its bytes do not fit its name")
        requirements_of(value)
        return {key: value[key] for key in ("version", "requirements", "files", "manifests", "codes")}
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{path}: is no release ({error!r})") from None


def requirements_of(value: Mapping[str, Any]) -> dict[str, sentences.Requirement]:
    """The numbered sentences of a release."""
    return {
        name: sentences.Requirement(id=name, **{**one, "needs": tuple(one["needs"])})
        for name, one in value["requirements"].items()
    }


def words(text: str) -> list[str]:
    """The words of a sentence, without the targets of its links, its marks and white space."""
    return re.findall(r"[\w-]+", re.sub(r"\]\([^)]*\)", "]", text))


# --- what is checked ---------------------------------------------------------------------------


def check(folder: Folder) -> None:
    """Findings about the releases of a folder."""
    versions: dict[str, str] = {}
    for path in folder.listed("requirements/*.json"):
        if path == EXCLUSIONS:
            continue
        name = _NAME.fullmatch(path)
        data = (folder.root / path).read_bytes()
        if name is None or _digest(data)[:12] != name[2]:
            message = "its bytes do not fit its name"
            remedy = "bring back the bytes: a release never changes"
            folder.add("release-changed", path, message, remedy, line=1)
        if name is not None:
            if name[1] in versions:
                message = f"{versions[name[1]]} is a release of {name[1]} too"
                folder.add("release-duplicate", path, message, "keep the one that was published", line=1)
            versions.setdefault(name[1], path)
        if path in folder.sound:
            _check_release(folder, path, name[1] if name else "")


def _check_release(folder: Folder, path: str, version: str) -> None:
    value = folder.get(path)
    if version and value["version"] != version:
        message = f"holds the version {value['version']}"
        folder.add("release-changed", path, message, "name it by its version", pointer="/version")
    for name, digest in manifests(folder.root).items():
        if value["manifests"].get(name, digest) != digest:
            message = f"not the bytes that {path} has the digest of"
            remedy = "give the agreement another version (VRM-TRM-014)"
            folder.add("manifest-changed", f"roster/{name}/manifest.json", message, remedy)
    same = value["version"] == folder.get(THREADS).get("version")
    now = {r.id: r for r in _sentences(folder)}
    for name, before in requirements_of(value).items():
        after = now.get(name)
        if after is None or _reused(before.text, after.text):
            state = "is gone" if after is None else "says something else"
            message = f"{name} {state}, which {path} has: {before.text}"
            page = f"protocol/{(after or before).page}"
            remedy = "bring it back; new rules get new numbers"
            folder.add("requirement-lost", page, message, remedy, line=_line(folder, name))
        elif same:
            _check_same(folder, path, before, after)
    if same and folder.codes:
        _check_codes(folder, path, value["codes"])


def _sentences(folder: Folder) -> Iterator[sentences.Requirement]:
    try:
        yield from sentences.read(folder.root).values()
    except (SpecError, ValueError):
        return  # told by others


def _reused(before: str, after: str) -> bool:
    return difflib.SequenceMatcher(None, words(before), words(after)).ratio() < REUSED


def _check_same(
    folder: Folder, path: str, before: sentences.Requirement, after: sentences.Requirement
) -> None:
    for member in ("level", "role", "needs", "profile", "code"):
        one, other = getattr(before, member), getattr(after, member)
        if one != other:
            message = f"{after.id} has the {member} {other or 'none'}, and {one or 'none'} in {path}"
            remedy = "change it in a later version"
            line = _line(folder, after.id)
            folder.add("requirement-changed", f"protocol/{after.page}", message, remedy, line=line)


def _line(folder: Folder, requirement: str) -> int:
    sentence = folder.requirements.get(requirement)
    return sentence.line if sentence else 1


def _check_codes(folder: Folder, path: str, codes: Mapping[str, int]) -> None:
    entries = folder.get("errors.json")["codes"]
    for code, status in codes.items():
        now = entries[folder.codes[code]]["status"] if code in folder.codes else None
        if now != status:
            message = f"{code} has the status {now or 'none'}, and {status} in {path}"
            folder.add("code-changed", "errors.json", message, "change it in a later version", line=1)
