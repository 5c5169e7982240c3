"""Records: fetched, completed by what the agent saw itself, compared, verified and kept.

Source: spec/protocol/records.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto import consent_records, keys, strictjson
from vrmproto.agents.book import Book
from vrmproto.agents.chain import ChainError, Copy
from vrmproto.agents.wire import Signer, Wire, WireError
from vrmproto.findings import Report
from vrmproto.spec import Spec

__all__ = ["KeptRecord", "keep_record"]


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record in the agent's folder; ``report`` is what its verification says (``report.ok``)."""

    id: str
    path: Path
    data: Mapping[str, Any]
    report: Report

    @property
    def ok(self) -> bool:
        """Whether the record verifies."""
        return self.report.ok


async def keep_record(
    spec: Spec, wire: Wire, book: Book, copy: Copy, parent: Copy | None, signer: Signer
) -> KeptRecord:
    """Fetch and keep the record of a copy's agreement or consent; ChainError for another history."""
    if copy.thread is None or copy.thread.record is None:
        raise ValueError("no agreement was made in this thread")
    record_id = copy.thread.record
    answer = await wire.get(signer, "records", record_id)
    if not answer.ok:
        raise WireError(f"{wire.home} does not show the record ({answer.code or answer.status})")
    data = answer.document()
    consent = spec.kinds[copy.thread.kind].record == "consent"
    if spec.faults("documents/consent.json" if consent else "documents/record.json", data):
        raise WireError(f"{wire.home} answers the read of a record with something else")
    _compare(copy, None if consent else parent, record_id, data)
    for entry in data["keys"]:
        _add_document(book, copy.thread.second, entry)
    published = list(book.seen_keys("homes", wire.home).values())
    report = consent_records.verify(spec, strictjson.dumps(data), published)
    return KeptRecord(record_id, book.save_record(record_id, data), data, report)


def _compare(copy: Copy, parent: Copy | None, record_id: str, data: Mapping[str, Any]) -> None:
    """The record holds the very tokens and receipts of the own copies, the parent's first one included."""
    links = [*(parent.links[:1] if parent else ()), *copy.links]
    own = {link.message.token: link.receipt for link in links}
    shown = {item["token"]: item["receipt"] for item in data["messages"]}
    due = []
    for link in links:
        due.append(link.message.token)
        if link.message.mid == record_id:
            break
    differs = [t for t in due if shown.get(t) != own[t]] or data["id"] != record_id
    if differs or data["thid"] != copy.thid or data["home"] != copy.home:
        raise ChainError("rule", "the record is not that of the own copy", tuple(due))


def _add_document(book: Book, origin: str, entry: dict[str, Any]) -> None:
    """The organisation's discovery document as this agent saw it, instead of what the home says of it."""
    if entry["source"] != "discovery":
        return
    entry.pop("document", None)
    seen = book.seen_with("keys", origin, entry["kid"])
    if seen is not None:
        entry["document"] = keys.b64(seen.document)
