"""The tables of ``threads.json`` in words: what each member of a row, a state and a kind says.

Closed like :mod:`vrmproto.editor.site.words`: a member without words is a :class:`KeywordError`.
The words are those of protocol/threads.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from vrmproto.editor.site.fragments import cells, code, grid, joined, terms
from vrmproto.editor.site.words import KeywordError

__all__ = ["KIND", "ROW", "STATE", "Href", "Said", "Where", "lines", "refuse_unknown", "table"]

Href = Callable[[str, str], str]
"""What is linked to and its name, to the address: ``message``, ``kind``, ``error`` (a code),
``requirement`` (an id), ``schema`` (a path)."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place in threads.json, within a kind."""

    kind: str
    pointer: str
    href: Href

    def error(self, problem: str) -> KeywordError:
        """What to raise for something here."""
        return KeywordError("threads.json", self.pointer, problem)

    def chosen(self, words: Mapping[Any, str], given: Any) -> Markup:
        """The sentence for one of the values that a member may have, with the value."""
        if given not in words:
            raise self.error(f"there are no words for {given}")
        return Markup("{} ({})").format(words[given], code(given))

    def state(self, name: str) -> Markup:
        """A link to a state of the kind."""
        address = f"{self.href('kind', self.kind)}#state-{name}"
        return Markup('<a class="state" href="{}">{}</a>').format(address, name)

    def message(self, name: str) -> Markup:
        """A link to a message type."""
        called = joined([Markup("{}").format(part) for part in name.split(".")], ".<wbr>")
        return Markup('<a href="{}"><code>{}</code></a>').format(self.href("message", name), called)


Said = Callable[[Where, Any], Markup]
"""A place and the value of a member there, to what it says."""

_ROLES = {
    "first": "the first party",
    "second": "the second party",
    "member": "the first party, who may be any reader of the board",
    "either": "either party",
}

_PARTIES = {
    "opener": "the sender and the addressee of the message that opens it",
    "parent": "those of the parent thread; if that is on a board, its first party and the other of the two",
    "agreement": "those of the thread in which the agreement named by agr was made",
    "board": "the sender and the board",
}

_EFFECTS = {
    "rotate": "the sender takes the place of the identifier that it replaces, in every thread of the two",
    "introduce": "the identifier that is shown takes the place of the sender in this thread",
    "retreat": "the stage becomes the lower one of the rung before and the rung that is named",
    "sever": "the agreements of the two end",
}

_MARKS = {
    "duty": "what the second party owes after an end: a full inbox does not stop it",
    "exit": "the first party may always send it: its prev is not looked at, and no limit stops it",
}

_NEEDS = {"agr": "the agreement under which it is sent", "pthid": "the thread below which it opens one"}

_PLACES = {
    "held": "it holds a place below the parent",
    "filled": "it fills a place below the parent",
    "free": "it frees its place below the parent",
}


def _role(where: Where, given: Any) -> Markup:
    if given not in _ROLES:
        raise where.error(f"there are no words for the role {given}")
    return Markup(_ROLES[given])


def _in(where: Where, given: Any) -> Markup:
    return joined([where.state(name) for name in given], " or ") or Markup("none")


def _to(where: Where, given: Any) -> Markup:
    return Markup("stays as it is") if given == "=" else where.state(given)


def _all(words: Mapping[Any, str]) -> Said:
    """Each of several words."""
    return lambda where, given: joined([where.chosen(words, one) for one in given], "; ") or Markup("none")


def _one(words: Mapping[Any, str]) -> Said:
    return lambda where, given: where.chosen(words, given)


def _sentence(words: str) -> Said:
    """A value that is put into a sentence."""
    return lambda _where, given: Markup(words).format(code(given))


def _mark(words: str) -> Said:
    """A mark that is there or not."""
    return lambda _where, given: Markup(words if given else "not so")


def _keep(_where: Where, given: Any) -> Markup:
    def source(path: Any) -> Markup:
        if path is None:
            return Markup("is forgotten")
        if path == "@mid":
            return Markup("the id of this message")
        if path.startswith("parent:"):
            return Markup("the fact {} of the parent").format(code(path.removeprefix("parent:")))
        return Markup("what the body has at {}").format(code(path))

    return joined([Markup("{}: {}").format(code(n), source(path)) for n, path in given.items()], "<br>")


def _counted(counter: str) -> Markup:
    whole, _, period = counter.partition("@")
    key = whole.partition(":")[2]
    by = {"": Markup("how many"), "iss": Markup("how many of each sender")}.get(
        key, Markup("how many for each value of the fact {}").format(code(key))
    )
    when = Markup(", and when, within the last {}").format(code(period)) if period else ""
    return Markup("{}: {}{}").format(code(counter), by, when)


def _count(where: Where, given: Any) -> Markup:
    places = {"thread": "in this thread", "parent": "in the parent thread"}
    listed = [
        Markup("{}: {}").format(where.chosen(places, place), joined([_counted(c) for c in counters], "; "))
        for place, counters in given.items()
    ]
    return joined(listed, "<br>") or Markup("none")


def _deadline(_where: Where, given: Any) -> Markup:
    if given.startswith("/"):
        return Markup("the time, or the duration from now, that the body has at {}").format(code(given))
    return Markup("what was kept as {}").format(code(given))


def _guards(_where: Where, given: Any) -> Markup:
    return Markup("in this order: {}").format(joined([code(name) for name in given]) or "none")


ROW: dict[str, tuple[str, Said]] = {
    "type": ("message", lambda where, given: where.message(given)),
    "by": ("sent by", _role),
    "in": (
        "in state",
        lambda where, given: joined([where.state(name) for name in given], " or ") or Markup("none"),
    ),
    "to": ("next state", _to),
    "prev": ("prev", _one({"head": "has to be the last message of the thread"})),
    "needs": ("needs", _all(_NEEDS)),
    "guards": ("guards", _guards),
    "deadline": ("deadline", _deadline),
    "default": ("deadline by default", _sentence("{} from now")),
    "max": ("deadline at most", _sentence("{} ahead")),
    "max_from": ("counted from", _one({"opening": "the message that opened the thread"})),
    "keep": ("keeps", _keep),
    "count": ("counts", _count),
    "record": (
        "record",
        _one({"agreement": "this message makes an agreement", "consent": "this message makes a consent"}),
    ),
    "supersedes": ("supersedes", _one({"class": "the earlier agreement of its class between the two"})),
    "effect": ("effect", _one(_EFFECTS)),
    "marks": ("marks", _all(_MARKS)),
}
"""Member of a row to its name for readers and its words, in the order in which they are shown."""


def _moves(words: str) -> Said:
    return lambda where, given: Markup("{}: {}").format(words, where.state(given))


STATE: dict[str, tuple[str, Said]] = {
    "deadline": ("deadline", _moves("when the deadline passes")),
    "orphaned": ("orphaned", _moves("when the parent thread is over or ended")),
    "filled": ("filled", _moves("when as many threads below the parent fill a place as it accepts")),
    "released": ("released", _moves("when the agreement is no longer in force")),
    "severed": ("severed", _moves("when the relationship of the two ends")),
    "superseded": ("superseded", _moves("when the two make a later agreement of its class")),
    "removed": ("removed", _moves("when the operator takes the thread off its board")),
    "within": ("within", _sentence("lasts as long as what was kept as {}")),
    "default": ("default", _sentence("lasts {} where nothing else is said")),
    "live": ("live", _mark("what was agreed in the thread is in force")),
    "place": ("place", _one(_PLACES)),
    "erased": ("erased", _mark("the second party reads tombstones")),
    "holds": ("holds", _sentence("the messages of the parent that {} names are no tombstones meanwhile")),
    "listed": ("listed", _mark("its board shows the thread")),
    "rests": ("rests", _mark("the second party sends nothing under an agreement, here and below")),
    "over": ("over", _mark("the first party owes and receives nothing more")),
    "end": ("end", _mark("nothing follows")),
}
"""Member of a state to its name and its words."""


def lines(told: Mapping[str, tuple[str, Said]], where: Where, members: Mapping[str, Any]) -> Markup:
    """Those of some members that are there, as a list of terms."""
    return terms((label, say(where, members[m])) for m, (label, say) in told.items() if m in members)


def refuse_unknown(where: Where, members: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """KeywordError for a member that a table has no words for."""
    for name in members:
        if name not in known:
            raise where.error(f"there are no words for the member {name}")


_COLUMNS = {"in": "State", "by": "Sent by", "type": "Message", "to": "Next state"}


def table(where: Where, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Markup:
    """Rows with their numbers in the kind, as a table: each member of each row."""
    head = (*_COLUMNS.values(), "What else")
    shown = []
    for n, row in rows:
        at = Where(where.kind, f"/kinds/{where.kind}/rows/{n}", where.href)
        refuse_unknown(at, row, ROW)
        told = [_cell(at, row, member) for member in _COLUMNS]
        rest = {name: ROW[name] for name in ROW if name not in _COLUMNS}
        shown.append(cells(f"row-{where.kind}-{n}", head, [*told, lines(rest, at, row) + _any_prev(row)]))
    return grid(head, shown)


def _cell(at: Where, row: Mapping[str, Any], member: str) -> Markup:
    return ROW[member][1](at, row[member]) if member in row else Markup("opens a thread")


def _any_prev(row: Mapping[str, Any]) -> Markup:
    """What is said by a row of an open thread that says nothing of ``prev``."""
    words = "<p>Any message of the thread will do as <code>prev</code>.</p>"
    return Markup(words if "in" in row and "prev" not in row else "")


def _states(where: Where, given: Any) -> Markup:
    head = ("State", "Moves by itself, and meaning")
    shown = []
    for name, state in given.items():
        at = Where(where.kind, f"{where.pointer}/states/{name}", where.href)
        refuse_unknown(at, state, STATE)
        words = lines(STATE, at, state) or Markup("moves by messages only")
        shown.append(cells(f"state-{name}", head, [code(name), words]))
    return grid(head, shown)


def _parents(where: Where, given: Any) -> Markup:
    return Markup("one that was opened by {}").format(joined([where.message(n) for n in given], " or "))


KIND: dict[str, tuple[str, Said]] = {
    "profile": ("profile", _sentence("{} brings this kind")),
    "roles": ("parties", _one(_PARTIES)),
    "parents": ("parent thread", _parents),
    "recorded": ("recorded", _mark("the parent has to have a record")),
    "erased": ("erased", _mark("its threads are erased with their parent")),
    "states": ("States", _states),
    "rows": ("Messages", lambda where, given: table(where, list(enumerate(given)))),
}
"""Member of a kind to its name and its words; ``states`` and ``rows`` are tables."""
