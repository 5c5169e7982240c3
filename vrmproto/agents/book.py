"""The folder of one agent: its seed, its own copies, what it has seen at origins, and evidence.

Every line is on disk before anything rests on it; a half-written last line is dropped when the folder is
opened again (VRM-AGT-003, VRM-AGT-005).

=====================  ==========================================================================
``seed``               32 random bytes in base64url, mode 0600: all keys of the agent follow from it
``state.json``         what the agent has to remember beside: numbers of keys, its origin
``threads/THID``       ``.ndjson``: token and receipt of each message in order, and what the home said of it
``outbox/MID``         a token that was sent and has no receipt yet: sent again with the same bytes
``keys/``, ``homes/``  discovery documents of organisations and homes, with the time they were seen
``records/ID.json``    records, with the organisation's document as this agent saw it
``evidence/``          contradictions of a home, and messages that could not be verified
``boards/``            what was read of boards: cursors, what is open, changes not yet dealt with
``ladders/``           ladders that messages name, each under its digest
``views/``             how the home showed each relationship when it was last read
``held/``              what an organisation holds of a person, by their relationship
``changes/``           what a person tells everybody, and how far that has come
=====================  ==========================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vrmproto import keys, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.keys import KeySet, PublicKey

__all__ = ["Book", "BookError"]

_FOLDERS = (
    "threads",
    "outbox",
    "keys",
    "homes",
    "records",
    "evidence",
    "boards",
    "ladders",
    "views",
    "held",
    "changes",
)


class BookError(Exception):
    """The folder cannot be used: what is wrong with it."""


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    """Replace a file as a whole, durably, readable by its owner only."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _append(path: Path, value: Mapping[str, Any]) -> None:
    """Add one line, durably; a line that could not be written whole is taken back."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        line = strictjson.dumps(value) + b"\n"
        try:
            if os.write(handle, line) != len(line):
                raise OSError("the line was not written whole")
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if new:
        _sync_folder(path.parent)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, cutting off a last one that was not written whole."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    found: list[dict[str, Any]] = []
    used = 0
    rows = whole.splitlines(keepends=True)
    for number, row in enumerate(rows, start=1):
        try:
            value = json.loads(row)
            if not isinstance(value, dict):
                raise ValueError("not an object")
        except ValueError:
            if number < len(rows):
                raise BookError(f"{path}: line {number} is damaged") from None
            break
        found.append(value)
        used += len(row)
    if used < len(data):
        with path.open("r+b") as file:
            file.truncate(used)
            os.fsync(file.fileno())
    return found


def _note(held: list[KeySet], seen: KeySet) -> None:
    """Add a document, in place of the same one seen before."""
    if held and held[-1].document == seen.document:
        held.pop()
    held.append(seen)


class Book:
    """Opens (and makes) the folder of one agent. Only one process may have it open at a time."""

    def __init__(self, folder: Path | str, seed: bytes | None = None) -> None:
        """``seed`` (at least 16 bytes) is kept on first use; BookError if another one is there."""
        self.folder = Path(folder)
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            for unfinished in (self.folder / name).glob(".*"):  # of a process that was killed
                unfinished.unlink()
        self.folder.chmod(0o700)
        self._held: dict[Path, list[KeySet]] = {}
        self.seed = self._seed(seed)
        self.state: dict[str, Any] = self._state()

    def _seed(self, given: bytes | None) -> bytes:
        path = self.folder / "seed"
        if path.exists():
            try:
                kept = keys.unb64(path.read_text(encoding="ascii").strip())
            except ValueError:
                raise BookError(f"{path}: is no seed") from None
            if given is not None and given != kept:
                raise BookError(f"{path}: holds another seed than the one given")
            return kept
        seed = secrets.token_bytes(32) if given is None else given
        if len(seed) < 16:
            raise BookError("a seed has at least 16 bytes")
        _write(path, keys.b64(seed).encode() + b"\n")
        return seed

    def _state(self) -> dict[str, Any]:
        path = self.folder / "state.json"
        try:
            value = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise BookError(f"{path}: is damaged") from None
        return value if isinstance(value, dict) else {}

    def remember(self, **members: Any) -> None:
        """Set members of :attr:`state` durably."""
        self.state |= members
        _write(self.folder / "state.json", strictjson.dumps(self.state))

    # --- threads and what is on its way ---------------------------------------------------------

    def threads(self) -> list[str]:
        """The thids of which there is a copy."""
        return sorted(p.stem for p in (self.folder / "threads").glob("*.ndjson"))

    def thread(self, thid: str) -> list[dict[str, Any]]:
        """The lines of a copy: ``{token, receipt}``, or ``told``, ``purging``, ``stone``, ``erased``."""
        path = self.folder / "threads" / f"{thid}.ndjson"
        return _lines(path) if path.exists() else []

    def keep(self, thid: str, line: Mapping[str, Any]) -> None:
        """Add a line to a copy."""
        _append(self.folder / "threads" / f"{thid}.ndjson", line)

    def replace(self, thid: str, lines: Iterable[Mapping[str, Any]]) -> None:
        """Put other lines in the place of a copy, all at once."""
        data = b"".join(strictjson.dumps(line) + b"\n" for line in lines)
        _write(self.folder / "threads" / f"{thid}.ndjson", data)

    def outgoing(self, mid: str, token: str) -> None:
        """Keep a token until its receipt is there."""
        _write(self.folder / "outbox" / mid, token.encode())

    def settled(self, mid: str) -> None:
        """Forget a token that has got its answer."""
        (self.folder / "outbox" / mid).unlink(missing_ok=True)

    def outbox(self) -> list[tuple[str, str]]:
        """Tokens without an answer, as ``(mid, token)``, the oldest first."""
        found = [p for p in (self.folder / "outbox").iterdir() if not p.name.startswith(".")]
        found.sort(key=lambda p: p.stat().st_mtime_ns)
        return [(p.name, p.read_text(encoding="ascii")) for p in found]

    # --- boards ---------------------------------------------------------------------------------

    def board(self, feed: str) -> list[dict[str, Any]]:
        """The lines that were kept of a feed, by its URL with its filters."""
        path = self._board_path(feed)
        return _lines(path) if path.exists() else []

    def note(self, feed: str, line: Mapping[str, Any]) -> None:
        """Add a line to what is kept of a feed."""
        _append(self._board_path(feed), line)

    def renew(self, feed: str, lines: Iterable[Mapping[str, Any]]) -> None:
        """Put other lines in their place, all at once."""
        _write(self._board_path(feed), b"".join(strictjson.dumps(line) + b"\n" for line in lines))

    def feeds(self) -> list[str]:
        """The feeds of which something is kept."""
        found = [_lines(path)[:1] for path in sorted((self.folder / "boards").glob("*.ndjson"))]
        return [str(lines[0]["feed"]) for lines in found if lines]

    def _board_path(self, feed: str) -> Path:
        return self.folder / "boards" / (hashlib.sha256(feed.encode()).hexdigest()[:32] + ".ndjson")

    # --- discovery documents --------------------------------------------------------------------

    def save_seen(self, kind: str, seen: KeySet) -> None:
        """Keep a discovery document; ``kind`` is ``keys`` (organisations) or ``homes``."""
        held = self._seen(kind, seen.origin)
        revoked = seen.revoked | (held[-1].revoked if held else frozenset())
        line: dict[str, Any] = {"origin": seen.origin, "seen_at": seen.seen_at, "revoked": sorted(revoked)}
        if not held or held[-1].document != seen.document:
            line["document"] = keys.b64(seen.document)
        _append(self._seen_path(kind, seen.origin), line)
        _note(held, KeySet(seen.origin, seen.keys, revoked, seen.seen_at, seen.document))

    def load_seen(self, kind: str, origin: str) -> KeySet | None:
        """The document seen last, with every kid that was ever revoked."""
        held = self._seen(kind, origin)
        return held[-1] if held else None

    def seen_with(self, kind: str, origin: str, kid: str) -> KeySet | None:
        """The last document of an origin that listed a key."""
        return next((s for s in reversed(self._seen(kind, origin)) if kid in s.keys), None)

    def seen_keys(self, kind: str, origin: str) -> dict[str, PublicKey]:
        """Every key that an origin was ever seen to publish."""
        return {kid: key for seen in self._seen(kind, origin) for kid, key in seen.keys.items()}

    def _seen_path(self, kind: str, origin: str) -> Path:
        return self.folder / kind / (hashlib.sha256(origin.encode()).hexdigest()[:32] + ".ndjson")

    def _seen(self, kind: str, origin: str) -> list[KeySet]:
        """The documents of an origin in order, each with when it was seen last; read from disk once."""
        path = self._seen_path(kind, origin)
        if path not in self._held:
            held: list[KeySet] = []
            for line in _lines(path) if path.exists() else ():
                document = keys.unb64(line["document"]) if "document" in line else held[-1].document
                try:
                    seen = keys.key_set(origin, strictjson.read(document)[0], line["seen_at"], document)
                except ProtocolError:
                    raise BookError(f"{path}: holds no discovery document of {origin}") from None
                revoked = seen.revoked | frozenset(line["revoked"])
                _note(held, KeySet(origin, seen.keys, revoked, seen.seen_at, document))
            self._held[path] = held
        return self._held[path]

    # --- ladders --------------------------------------------------------------------------------

    def ladders(self) -> dict[str, bytes]:
        """The ladders that were kept, by digest."""
        return {path.stem: path.read_bytes() for path in sorted((self.folder / "ladders").glob("*.json"))}

    def keep_ladder(self, digest: str, document: bytes) -> None:
        """Keep a ladder."""
        _write(self.folder / "ladders" / f"{digest}.json", document)

    def drop_ladder(self, digest: str) -> None:
        """Forget a ladder."""
        (self.folder / "ladders" / f"{digest}.json").unlink(missing_ok=True)

    # --- views ----------------------------------------------------------------------------------

    def kept_view(self, thid: str) -> bytes | None:
        """The view of a relationship as it was last kept."""
        path = self.folder / "views" / f"{thid}.json"
        return path.read_bytes() if path.exists() else None

    def keep_view(self, thid: str, document: bytes) -> None:
        """Keep a view in place of the one before."""
        _write(self.folder / "views" / f"{thid}.json", document)

    def drop_view(self, thid: str) -> None:
        """Forget a view."""
        (self.folder / "views" / f"{thid}.json").unlink(missing_ok=True)

    # --- what is held, and changes --------------------------------------------------------------

    def homes(self) -> list[str]:
        """The homes that this folder has read."""
        paths = sorted((self.folder / "homes").glob("*.ndjson"))
        return [str(lines[0]["origin"]) for path in paths if (lines := _lines(path)[:1])]

    def names(self, kind: str) -> list[str]:
        """The names under which something is kept; ``kind`` is ``held`` or ``changes``."""
        return sorted(path.stem for path in (self.folder / kind).glob("*.json"))

    def load(self, kind: str, name: str) -> dict[str, Any]:
        """What is kept under a name, {} where nothing is."""
        path = self.folder / kind / f"{name}.json"
        try:
            value = json.loads(path.read_bytes()) if path.exists() else {}
        except ValueError:
            raise BookError(f"{path}: is damaged") from None
        return value if isinstance(value, dict) else {}

    def save(self, kind: str, name: str, value: Mapping[str, Any]) -> None:
        """Keep something under a name, in place of what was there."""
        _write(self.folder / kind / f"{name}.json", strictjson.dumps(value))

    def drop(self, kind: str, name: str) -> None:
        """Forget what is kept under a name."""
        (self.folder / kind / f"{name}.json").unlink(missing_ok=True)

    # --- records and evidence -------------------------------------------------------------------

    def record_path(self, record_id: str) -> Path:
        """Where a record is kept, if it is."""
        return self.folder / "records" / f"{record_id}.json"

    def save_record(self, record_id: str, data: Mapping[str, Any]) -> Path:
        """Keep a record; the path of its file."""
        path = self.record_path(record_id)
        _write(path, strictjson.dumps(data))
        return path

    def witness(self, kind: str, content: Mapping[str, Any]) -> str:
        """Keep a piece of evidence, once however often it comes; the name of its file."""
        data = strictjson.dumps({"kind": kind, **content})
        telling = {k: v for k, v in content.items() if k not in ("at", "detail")}
        name = f"{kind}-{hashlib.sha256(strictjson.dumps(telling)).hexdigest()[:32]}.json"
        if not (self.folder / "evidence" / name).exists():
            _write(self.folder / "evidence" / name, data)
        return name

    def evidence(self, kind: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """Names and contents of the evidence, all or of one kind."""
        for path in sorted((self.folder / "evidence").glob(f"{kind or '*'}-*.json")):
            yield path.name, json.loads(path.read_bytes())

    def drop_evidence(self, name: str) -> None:
        """Forget what has turned out to be in order."""
        (self.folder / "evidence" / name).unlink(missing_ok=True)
