"""What is erased: the threads that a message erases with its own, and how far a thread is erased. No clock.

Source: spec/protocol/offers.md "Purging" (VRM-OFR-025), relationships.md "The end" (VRM-REL-016).
"""

from __future__ import annotations

from vrmproto.model import Thread
from vrmproto.spec import Spec, State
from vrmproto.storage.base import Reads, Store

__all__ = ["erased", "erases"]


def erases(spec: Spec, reads: Reads, thread: Thread) -> tuple[str, ...]:
    """The ids of a thread and of those that are erased with it (VRM-REL-018)."""
    found, kinds = [thread.thid], [kind.name for kind in spec.kinds.values() if kind.erased]
    for thid in found:  # what is found is looked into as well
        found += [below.thid for below in reads.below(thid, kinds)]
    return tuple(found)


def erased(spec: Spec, store: Store, thread: Thread) -> int:
    """Up to which ``seq`` the second party reads tombstones: 0 where it reads none.

    A thread that is erased with its parent is so up to what was taken before that.
    """
    if _state(spec, thread).erased:
        return thread.seq
    above: Thread | None = thread
    while above is not None and above.parent is not None and spec.kinds[above.kind].erased:
        above = store.thread(above.parent)
        if above is not None and _state(spec, above).erased:
            return _taken_before(store, thread, above)
    return 0


def _taken_before(store: Store, thread: Thread, other: Thread) -> int:
    """How many messages of a thread were taken before the last one of another."""
    end, seq = store.messages(other.thid, other.seq, 1)[0].position, thread.seq
    while seq and store.messages(thread.thid, seq, 1)[0].position > end:
        seq -= 1
    return seq


def _state(spec: Spec, thread: Thread) -> State:
    return spec.kinds[thread.kind].states[thread.state]
