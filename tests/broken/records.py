"""Broken homes of the chapter records.md."""

from __future__ import annotations

import json
from typing import Any

from tests.broken.tools import around, mutant, result, without
from vrmproto import envelope, keys, reading, records
from vrmproto.reading import Reader


def _recorded(change: Any) -> None:
    """Records that say something else."""
    result(Reader, "record", change)


@mutant("VRM-REC-001")
def record_for_the_first_party() -> None:
    """A record is served to the first party only."""

    def wrong(right: Any, self: Reader, party: str, *rest: Any) -> Any:
        record = right(self, party, *rest)
        if party == record["second"]:
            raise reading.not_found()
        return record

    around(Reader, "record", wrong)


@mutant("VRM-REC-001")
def record_of_nothing() -> None:
    """A record does not say what it is a record of."""
    _recorded(without("kind", "agreement"))


@mutant("VRM-REC-001")
def records_for_everybody() -> None:
    """Whoever knows the id of a record reads it."""

    def wrong(right: Any, self: Reader, party: str, record: str, now: int) -> Any:
        thread = self.home.store.thread(self.home.store.record_thread(record) or "")
        return right(self, thread.first if thread else party, record, now)

    around(Reader, "record", wrong)


@mutant("VRM-REC-002")
def record_without_the_proffer() -> None:
    """A record holds the acceptance only."""
    _recorded(lambda r: {**r, "messages": r["messages"][1:]})


@mutant("VRM-REC-002")
def record_without_the_alternative() -> None:
    """A record holds the first and the last message only."""
    _recorded(lambda r: {**r, "messages": [r["messages"][0], r["messages"][-1]]})


@mutant("VRM-REC-002")
def record_of_the_whole_thread() -> None:
    """A record goes on with what came after the acceptance."""
    around(Reader, "_proof", lambda right, self, thread, record: list(self._entries(thread.thid)))


@mutant("VRM-REC-002")
def record_without_rotations() -> None:
    """A record lacks the messages by which the first party was rebound."""

    def wrong(right: Any, self: Reader, *args: Any) -> Any:
        return [e for e in right(self, *args) if self._type(e) not in self.home.spec.rotations]

    around(Reader, "_proof", wrong)


@mutant("VRM-REC-002")
def record_with_rotations_of_others() -> None:
    """A record tells who came to bear an identifier that its first party has left."""

    def wrong(right: Any, self: Reader, thread: Any, record: str) -> Any:
        held = right(self, thread, record)
        found = self._rotations([thread.first], thread.second)
        return held if thread.parent else [*held, *(e for e in found if e.position > held[-1].position)]

    around(Reader, "_proof", wrong)


@mutant("VRM-REC-002")
def tokens_written_anew() -> None:
    """The tokens of a record are written anew, with their payload in another order."""

    def anew(item: Any) -> Any:
        head, payload, signature = item["token"].split(".")
        text = json.dumps(json.loads(keys.unb64(payload)), sort_keys=True).encode()
        return {**item, "token": f"{head}.{keys.b64(text)}.{signature}"}

    _recorded(lambda r: {**r, "messages": [anew(item) for item in r["messages"]]})


@mutant("VRM-REC-002")
def receipts_of_a_record_swapped() -> None:
    """The messages of a record stand beside the receipts of others."""

    def swapped(items: Any) -> Any:
        return [{**a, "receipt": b["receipt"]} for a, b in zip(items, items[::-1], strict=True)]

    _recorded(lambda r: {**r, "messages": swapped(r["messages"])})


@mutant("VRM-REC-003")
def executed_when_it_was_signed() -> None:
    """executed_at is the iat of the acceptance itself."""
    _recorded(lambda r: {**r, "executed_at": envelope.peek(r["messages"][-1]["token"])[1]["iat"]})


@mutant("VRM-REC-003")
def executed_when_it_was_proffered() -> None:
    """executed_at is the time of the first message."""
    _recorded(lambda r: {**r, "executed_at": envelope.peek(r["messages"][0]["receipt"])[1]["iat"] - 1})


@mutant("VRM-REC-004")
def parties_swapped() -> None:
    """first and second of a record are swapped."""
    _recorded(lambda r: {**r, "first": r["second"], "second": r["first"]})


@mutant("VRM-REC-004")
def first_party_of_now() -> None:
    """first of a record is who the first party is now, after a change of its key."""

    def wrong(right: Any, *, thread: Any, **more: Any) -> Any:
        return {**right(thread=thread, **more), "first": thread.first}

    around(records, "build", wrong)


@mutant("VRM-REC-005")
def manifest_of_the_record_written_anew() -> None:
    """The manifest of a record was read and written anew."""

    def anew(text: str) -> str:
        return keys.b64(json.dumps(json.loads(keys.unb64(text))).encode())

    _recorded(lambda r: {**r, "manifest": anew(r["manifest"])})


@mutant("VRM-REC-005")
def manifest_padded() -> None:
    """The manifest of a record is padded."""
    _recorded(lambda r: {**r, "manifest": r["manifest"] + "="})


@mutant("VRM-REC-006")
def record_without_the_home_key() -> None:
    """keys of a record lacks that of the home."""
    around(records, "_home_keys", lambda right, *args: [])


@mutant("VRM-REC-006")
def record_without_a_sender_key() -> None:
    """keys of a record lacks that of the second party."""
    result(records, "_sender_keys", lambda entries: entries[:1])


@mutant("VRM-REC-015")
def record_of_keys_from_nowhere() -> None:
    """A record does not tell when the key of an organisation was read."""
    result(records, "_sender_keys", lambda entries: [without("seen_at")(entry) for entry in entries])


@mutant("VRM-REC-015")
def record_of_keys_by_the_home() -> None:
    """A record says of every key that the home has it."""
    result(records, "_sender_keys", lambda entries: [{**entry, "source": "home"} for entry in entries])


@mutant("VRM-REC-007")
def record_always_agreed() -> None:
    """state of a record is that of the acceptance."""
    _recorded(lambda r: {**r, "state": "agreed"})


@mutant("VRM-REC-007")
def record_without_a_checkpoint() -> None:
    """A record has no checkpoint."""
    _recorded(without("checkpoint"))


@mutant("VRM-REC-008")
def record_ends_with_its_agreement() -> None:
    """A record is not found once its agreement has ended."""

    def wrong(right: Any, self: Reader, *args: Any) -> Any:
        record = right(self, *args)
        if record["state"] != "agreed":
            raise reading.not_found()
        return record

    around(Reader, "record", wrong)
