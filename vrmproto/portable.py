"""An export: everything that an agent holds, in files that anyone can verify offline without it.

``export.json`` names each file with its sum, the homes with the discovery documents that were seen of them,
and the identifiers of the agent with their public keys. In the folders are:

- ``threads/THID.json``: ``{home, thid, messages, checkpoints}``; a message is ``{seq, token, receipt}``, or
  ``{seq, mid, type, receipt}`` where it was erased; checkpoints are what the home said of it beside;
- ``records/ID.json``: the records of agreements (documents/record.json);
- ``views/THID.json``: how the home showed a relationship when it was last read (documents/relationship.json);
- ``ladders/DIGEST.json``: the ladders that the messages name;
- ``homes/``, ``keys/``: discovery documents of homes and organisations, as the agent saw them;
- ``evidence/``: contradictions of a home, and what could not be verified; as it was kept, not judged here.

A thread ends where the agent's copy ends: that no later message exists, only a home can say.
"""

from __future__ import annotations

import functools
import itertools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vrmproto import consent_records, envelope, keys, ladder, strictjson
from vrmproto.chains import check_order
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings, Report
from vrmproto.keys import PublicKey
from vrmproto.ladder import Ladder
from vrmproto.proving import Threads
from vrmproto.roster import digest
from vrmproto.spec import Spec
from vrmproto.verification import (
    Held,
    KeyRing,
    contradict,
    open_link,
    open_receipt,
    open_tombstone,
    read_key_set,
)
from vrmproto.view_checks import check_view

__all__ = ["INDEX", "is_export", "read", "receipt_seq", "verify", "write"]

INDEX = "export.json"
MAX_FILE = 64 * 1024 * 1024


def write(target: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Write an export as a folder, or as one file where the name ends in ``.zip``; OSError."""
    index = {**about, "files": {name: digest(data) for name, data in sorted(files.items())}}
    whole = {INDEX: strictjson.dumps(index), **files}
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as packed:
            for name, data in sorted(whole.items()):
                packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
        target.chmod(0o600)
        return
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, data in sorted(whole.items()):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)
        path.chmod(0o600)


def is_export(path: Path) -> bool:
    """Whether a path looks like an export."""
    return (path / INDEX).is_file() if path.is_dir() else path.suffix == ".zip"


def read(path: Path) -> dict[str, bytes]:
    """The files of a folder or zip by their names; OSError, ValueError."""
    if path.is_dir():
        there = [p for p in sorted(path.rglob("*")) if not p.is_dir()]
        strange = [p for p in there if p.is_symlink() or p.stat().st_size > MAX_FILE]
        if strange:
            raise ValueError(f"{strange[0]}: is no regular file, or larger than 64 MiB")
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in there}
    try:
        with zipfile.ZipFile(path) as packed:
            large = [i.filename for i in packed.infolist() if i.file_size > MAX_FILE]
            if large:
                raise ValueError(f"{path}: {large[0]} is larger than 64 MiB")
            return {name: packed.read(name) for name in packed.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: is no zip file that can be read ({error})") from None


def verify(spec: Spec, path: Path, views: Mapping[str, bytes] | None = None) -> Report:
    """Verify an export: the sums, and independently of them every record, message, receipt and view.

    ``views`` are more views of relationships, by the names under which they are told of.
    """
    found = Findings("export")
    files = read(path)
    index, broken = strictjson.read(files.pop(INDEX, b""))
    parts = ("files", "homes", "identifiers")
    formed = not broken and all(isinstance(index.get(n), t) for n, t in zip(parts, _TYPES, strict=True))
    if not found.check(f"{INDEX} says files, homes and identifiers", formed, "it does not have its form"):
        return found.report()
    sums = index["files"]
    missing, extra = sorted(sums.keys() - files.keys()), sorted(files.keys() - sums.keys())
    found.check("no file is missing", not missing, f"missing: {', '.join(missing)}")
    found.check("no file is there that is not listed", not extra, f"not listed: {', '.join(extra)}")
    for name, data in files.items():
        if name in sums:
            found.check(f"{name} has its sum", digest(data) == sums[name], "the file was changed afterwards")
    _Contents(found, spec, files, index).check(views or {})
    return found.report()


_TYPES = (dict, dict, list)


class _Contents:
    """What the files say."""

    def __init__(
        self, found: Findings, spec: Spec, files: Mapping[str, bytes], index: Mapping[str, Any]
    ) -> None:
        self.found, self.spec, self.files = found, spec, files
        self.homes = {home: self._home_keys(home, names) for home, names in index["homes"].items()}
        self.shown = [*self._documents(), *self._own(index["identifiers"])]
        self.ladders = self._ladders()
        self.held: dict[str, Threads] = {}

    def check(self, views: Mapping[str, bytes]) -> None:
        """Judge every thread, record and view."""
        threads = [n for n in self.files if n.startswith("threads/")]
        found, messages = self.found, 0
        for name in threads:
            messages += self._thread(name)
        kept = [n for n in self.files if n.startswith("records/")]
        for name in kept:
            document = strictjson.read(self.files[name])[0]
            known = self.homes.get(str(document.get("home")))
            found.adopt(name, consent_records.verify(self.spec, self.files[name], known))
        shown = [n for n in self.files if n.startswith("views/")]
        for name in shown:
            self._view(name, self.files[name], named=True)
        for name, data in views.items():
            self._view(name, data, named=False)
        found.facts |= {"threads": len(threads), "messages_in_all": messages, "records": len(kept)}
        found.facts |= {"views": len(shown) + len(views)} if shown or views else {}
        found.facts["homes"] = ", ".join(self.homes) or "none"
        if threads:
            found.trust("the time and the order of the messages, and that there are no later ones")

    # --- keys -----------------------------------------------------------------------------------

    def _home_keys(self, home: str, names: Iterable[str]) -> list[PublicKey]:
        shown: dict[str, PublicKey] = {}
        for name in names:
            data = self.files.get(str(name), b"")
            seen = self.found.attempt(
                f"{name} is a discovery document of {home}",
                "VRM-HOM-001",
                functools.partial(read_key_set, home, data),
            )
            shown |= dict(seen.keys) if seen is not None else {}
        return list(shown.values())

    def _documents(self) -> list[dict[str, Any]]:
        """The entries of ``keys`` that the documents of organisations give."""
        entries = []
        for name, data in self.files.items():
            if name.startswith("keys/"):
                document = strictjson.read(data)[0]
                listed = document.get("keys")
                for entry in listed if isinstance(listed, list) else ():
                    jwk = entry.get("jwk", entry) if isinstance(entry, dict) else {}
                    entries += _entry(jwk, data)
        return entries

    @staticmethod
    def _own(identifiers: Iterable[Any]) -> list[dict[str, Any]]:
        return [e for i in identifiers if isinstance(i, dict) for e in _entry(i.get("jwk"), None)]

    def _ring(self, home: str, items: Iterable[Mapping[str, Any]]) -> KeyRing:
        """The keys for a thread: what is nowhere else, as the verified receipts name it."""
        known = {entry["kid"] for entry in self.shown}
        ring = KeyRing.read(Findings(""), home, self.shown, self.homes[home])
        named = []
        for item in items:
            try:
                claims = open_receipt(self.spec, ring, str(item.get("receipt")))
            except ProtocolError:
                continue
            for entry in _entry(claims["key"], None):
                if entry["kid"] not in known and "key_seen_at" in claims:
                    named.append(entry)
                    self.found.trust(f"the key {entry['kid']} of {claims['aud']}: the receipt names it")
        return KeyRing.read(Findings(""), home, [*self.shown, *named], self.homes[home])

    def _ladders(self) -> dict[str, Ladder]:
        """The ladders, by digest."""
        made = {}
        for name, data in self.files.items():
            if name.startswith("ladders/"):
                content, broken = strictjson.read(data)
                right = not broken and self.spec.valid("documents/ladder.json", content)
                right = right and name == f"ladders/{digest(data)}.json"
                wrong = "it is no ladder, or not the one that it is named by"
                if self.found.check(f"{name} is the ladder of its name", right, wrong, "VRM-LAD-015"):
                    made[digest(data)] = ladder.read(data, content)
        return made

    # --- views ----------------------------------------------------------------------------------

    def _view(self, name: str, data: bytes, *, named: bool) -> None:
        """One view beside the threads."""
        found = Findings("", "")
        thid = check_view(found, self.spec, data, self.homes, self.held)
        if named and thid:
            found.check("it is named by its relationship", name == f"views/{thid}.json", "it is of another")
        self.found.adopt(name, found.report())

    # --- threads --------------------------------------------------------------------------------

    def _thread(self, name: str) -> int:
        """One thread; how many messages it has."""
        found = Findings("", "")
        document, broken = strictjson.read(self.files[name])
        items, home, thid = (document.get(n) for n in ("messages", "home", "thid"))
        told = document.get("checkpoints")
        formed = not broken and isinstance(items, list) and isinstance(told, list)
        formed = formed and all(isinstance(i, dict) for i in items or ())
        wrong = "it does not have its form, or its home is none of those of the export"
        if not found.check("it is a thread", formed and home in self.homes, wrong):
            self.found.adopt(name, found.report())
            return 0
        ring = self._ring(str(home), items or ())
        held: list[Held] = []
        for n, item in enumerate(items or (), 1):
            whole = isinstance(item.get("token"), str) and isinstance(item.get("receipt"), str)
            read_one = open_link if whole else open_tombstone
            one = read_one(found, self.spec, ring, f"message {n}", {"receipt": "", **item})
            held += [one] if one is not None else []
        found.check("it has messages", bool(items), "there is none")
        mine = all(one.thid == thid for one in held) and name == f"threads/{thid}.json"
        found.check("all messages are of this thread", mine, "it names another thread", "VRM-REC-012")
        numbers = [one.seq for one in held] == list(range(1, len(items or ()) + 1))
        found.check("no message is missing between", numbers, "seq has a gap", "VRM-AGT-004")
        check_order(found, held)
        signed = self._checkpoints(found, ring, told or (), held)
        if mine:
            self._hold(str(home), str(thid), held, signed)
        self.found.adopt(name, found.report())
        return len(held)

    def _hold(self, home: str, thid: str, held: list[Held], signed: list[dict[str, Any]]) -> None:
        before = self.held.get(home, Threads({}, self.ladders))
        told = {**before.told, thid: signed}
        self.held[home] = Threads({**before.held, thid: held}, self.ladders, told)

    def _checkpoints(
        self, found: Findings, ring: KeyRing, told: Iterable[Any], held: list[Held]
    ) -> list[dict[str, Any]]:
        """The claims of the checkpoints that verify."""
        claims = [dict(one.receipt) for one in held]
        for n, token in enumerate(told, 1):
            opened = found.attempt(
                f"checkpoint {n} verifies",
                "VRM-HOM-026",
                functools.partial(open_receipt, self.spec, ring, str(token)),
            )
            claims += [opened] if opened is not None else []
        clash = any(contradict(a, b) for a, b in itertools.combinations(claims[-50:], 2))
        wrong = "two of them tell of one place in the thread two messages: this proves equivocation"
        found.check("what the home says does not contradict itself", not clash, wrong, "VRM-AGT-005")
        return claims[len(held) :]


def _entry(jwk: Any, document: bytes | None) -> list[dict[str, Any]]:
    """A key as an entry of documents/key.json, if it is one."""
    try:
        key = keys.from_jwk(jwk)
    except (ProtocolError, TypeError, AttributeError):
        return []
    entry = {"kid": key.kid, "jwk": dict(key.jwk), "source": "discovery"}
    return [entry | ({"document": keys.b64(document)} if document is not None else {})]


def receipt_seq(receipt: str) -> int:
    """The place that a receipt gives a message; unverified."""
    return int(envelope.peek(receipt)[1].get("seq", 0))
