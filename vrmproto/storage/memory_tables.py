"""The tables of the store in memory, and what they mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vrmproto.model import Thread
from vrmproto.storage.base import Entry, FeedRow, Refusal

__all__ = ["Agreement", "Tables"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """``order`` is the position of the message that made it."""

    thid: str
    first: str
    second: str
    name: str
    at: int
    order: int


class Tables:
    """The rows, and what they mean. An empty inner dictionary means as much as a missing one."""

    def __init__(self) -> None:
        self.threads: dict[str, Thread] = {}
        self.changed: dict[str, int] = {}
        self.threads_by: dict[str, dict[str, bool]] = {}
        self.next_keys: dict[tuple[str, str], str] = {}
        self.messages: dict[str, dict[int, Entry]] = {}
        self.by_mid: dict[tuple[str, str], Entry] = {}
        self.inboxes: dict[str, dict[int, Entry]] = {}
        self.agreements: dict[str, Agreement] = {}
        self.classes: dict[tuple[str, str, str], dict[str, Agreement]] = {}
        self.records: dict[str, str] = {}
        self.rotations: dict[tuple[str, str], dict[int, Entry]] = {}
        self.noted: dict[str, bool] = {}
        self.last: dict[str, int] = {"position": 0, "change": 0}
        self.children: dict[str, dict[str, bool]] = {}
        self.feed: dict[str, dict[int, FeedRow]] = {}
        self.dated: dict[int, int] = {}
        self.current: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.untold: dict[str, dict[str, bool]] = {}
        self.bytes: dict[str, bytes] = {}
        self.puts: dict[tuple[str, str], int] = {}
        self.named: dict[str, dict[str, bool]] = {}
        self.refused: dict[str, dict[tuple[int, str], Refusal]] = {}
        self.refused_more: dict[tuple[str, int], int] = {}

    def thread(self, thid: str) -> Thread | None:
        """See Reads."""
        return self.threads.get(thid)

    def age(self, thid: str) -> int:
        """The position of the first message of a thread: SQLite numbers threads in that order."""
        return next(iter(self.messages[thid].values())).position

    def message(self, thid: str, mid: str) -> Entry | None:
        """See Reads."""
        return self.by_mid.get((thid, mid))

    def known(self, party: str) -> bool:
        """See Reads."""
        return party != "" and (party in self.noted or bool(self.threads_by.get(party)))

    def superseded_at(self, thid: str) -> int | None:
        """See Reads."""
        made = self.agreements.get(thid)
        if made is None:
            return None
        rivals = self.classes[made.first, made.second, made.name].values()
        later = [rival for rival in rivals if rival.order > made.order]
        return min(later, key=lambda rival: rival.order).at if later else None

    def severed_at(self, thid: str) -> int | None:
        """See Reads. The end of a relationship is an agreement of no class."""
        made = self.agreements.get(thid)
        if made is None:
            return None
        ends = self.classes.get((made.first, made.second, ""), {}).values()
        later = [end for end in ends if end.order > made.order]
        return min(later, key=lambda end: end.order).at if later else None

    def blob(self, digest: str) -> bytes | None:
        """See Reads."""
        return self.bytes.get(digest)

    def next_key(self, first: str, second: str) -> str | None:
        """See Reads."""
        return self.next_keys.get((first, second))

    def paired(self, first: str, second: str) -> bool:
        """See Reads."""
        return bool(self.threads_of(first, second))

    def record_thread(self, record: str) -> str | None:
        """See Reads."""
        return self.records.get(record)

    def inbox_size(self, party: str) -> int:
        """See Reads."""
        return len(self.inboxes.get(party, {}))

    def below(self, thid: str, kinds: Collection[str] = ()) -> list[Thread]:
        """See Reads."""
        found = [self.threads[child] for child in self.children.get(thid, ())]
        return [thread for thread in found if not kinds or thread.kind in kinds]

    def placed(self, thid: str) -> list[Thread]:
        """See Reads."""
        return [thread for thread in self.below(thid) if thread.place]

    def shown(self, thid: str) -> FeedRow | None:
        """See Reads."""
        position = self.current.get(thid)
        return None if position is None else self.feed[self.threads[thid].second][position]

    def blob_sizes(self, party: str, thid: str, digests: Sequence[str], since: int) -> dict[str, int]:
        """See Reads."""
        return {
            digest: len(self.bytes[digest])
            for digest in digests
            if self.puts.get((digest, party), -1) >= since or thid in self.named.get(digest, ())
        }

    def threads_of(self, first: str, second: str) -> list[str]:
        """See Store."""
        mine = self.threads_by.get(first, {})
        return [
            thid for thid in mine if (self.threads[thid].first, self.threads[thid].second) == (first, second)
        ]
