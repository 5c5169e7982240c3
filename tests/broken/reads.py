"""Broken homes of the chapter home.md: signed requests, inbox, threads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.broken.tools import around, loose, mutant, receipts, result, without
from vrmproto import envelope, reading
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.reading import Reader
from vrmproto.server import routes
from vrmproto.server.batcher import Wakeups
from vrmproto.server.routes import Routes
from vrmproto.storage.rows import WriteTransaction
from vrmproto.storage.sqlite import SqliteStore

# --- signed requests -------------------------------------------------------------------------------


def _blind(claim: str) -> None:
    """A claim of a request is not compared."""

    def wrong(right: Any, home: Home, opening: Any, key: Any, *, method: str, path: str, now: int) -> Any:
        wanted = {"aud": home.config.origin, "htm": method, "htu": home.config.origin + path}
        opening.claims = {**opening.claims, claim: wanted[claim]}
        return right(home, opening, key, method=method, path=path, now=now)

    around(routes, "check_request", wrong)


@mutant("VRM-HOM-015")
def request_for_another_home() -> None:
    """aud of a request is not compared."""
    _blind("aud")


@mutant("VRM-HOM-015")
def request_for_another_method() -> None:
    """htm of a request is not compared."""
    _blind("htm")


@mutant("VRM-HOM-015")
def request_for_another_path() -> None:
    """htu of a request is not compared: one request reads everything."""
    _blind("htu")


@mutant("VRM-HOM-015")
def reads_with_a_body() -> None:
    """A read may have the claim body of a poll."""

    def wrong(right: Any, home: Home, opening: Any, key: Any, **more: Any) -> Any:
        opening.claims = {n: v for n, v in opening.claims.items() if n != "body" or more["method"] == "POST"}
        return right(home, opening, key, **more)

    around(routes, "check_request", wrong)


@mutant("VRM-HOM-015")
def unsigned_requests() -> None:
    """The signature of a request is not verified."""

    def wrong(right: Any, o: Any, key: Any) -> None:
        if o.typ == envelope.REQUEST:
            o.key = key
        else:
            right(o, key)

    around(envelope, "check_signature", wrong)


@mutant("VRM-HOM-015")
def odd_queries_are_defaults() -> None:
    """A query that does not have its form is passed over."""

    def wrong(right: Any, request: Any, name: str, default: int, *bounds: int) -> Any:
        try:
            return right(request, name, default, *bounds)
        except ProtocolError:
            return default

    around(routes, "_number", wrong)


@mutant("VRM-HOM-015")
def request_faults_by_their_own_code() -> None:
    """A request that breaks a rule of the token is answered with the code of that rule."""

    def wrong(right: Any, home: Home, raw: bytes) -> Any:
        return envelope.parse_signed(home.spec, raw, typ=envelope.REQUEST, schema="documents/request.json")

    around(routes, "parse_request", wrong)


@mutant("VRM-HOM-015")
def unsigned_reads_are_401() -> None:
    """A read without a request is answered as one of nobody: there is nothing here."""

    def wrong(right: Any, request: Any) -> Any:
        if "Authorization" not in request.headers:
            raise reading.not_found()
        return right(request)

    around(routes, "_authorization", wrong)


@mutant("VRM-HOM-016")
def requests_for_a_day() -> None:
    """A request may be valid for a day."""
    reading.MAX_REQUEST_LIFETIME = 86400


@mutant("VRM-HOM-016")
def old_requests_taken() -> None:
    """A request is taken whenever it was made."""

    def wrong(right: Any, home: Home, opening: Any, key: Any, **more: Any) -> Any:
        return right(home, opening, key, **{**more, "now": opening.claims["iat"]})

    around(routes, "check_request", wrong)


@mutant("VRM-HOM-016")
def requests_without_grace() -> None:
    """A request of a clock that is a little slow or fast is refused."""
    loose(reading).SKEW = 0


@mutant("VRM-HOM-016")
def requests_that_end_before_they_begin() -> None:
    """exp of a request may lie at its iat or before it."""

    def wrong(right: Any, home: Home, opening: Any, *args: Any, **more: Any) -> Any:
        claims = opening.claims
        opening.claims = {**claims, "exp": max(claims["exp"], claims["iat"] + 1)}
        return right(home, opening, *args, **more)

    around(routes, "check_request", wrong)


@mutant("VRM-HOM-018")
def everybody_reads() -> None:
    """Whoever knows the id of a thread reads it."""

    def wrong(right: Any, self: Reader, party: str, thid: str) -> Any:
        return self.home.store.thread(thid) or right(self, party, thid)

    around(Reader, "_own", wrong)


@mutant("VRM-HOM-018")
def not_yours_says_so() -> None:
    """A read of what is another's is told apart by its detail."""

    def wrong(right: Any, self: Reader, party: str, thid: str) -> Any:
        thread = self.home.store.thread(thid)
        if thread is not None and not thread.role(party):
            raise ProtocolError("not-found", "you are no party of this thread", rule="VRM-HOM-018")
        return right(self, party, thid)

    around(Reader, "_own", wrong)


# --- inbox -------------------------------------------------------------------------------------------


@mutant("VRM-HOM-019")
def inbox_in_another_order() -> None:
    """order of a poll is by mid."""
    result(Reader, "poll", lambda d: {**d, "order": sorted(d["order"])})


@mutant("VRM-HOM-019")
def inbox_backwards() -> None:
    """order of a poll begins with the last message."""
    result(Reader, "poll", lambda d: {**d, "order": d["order"][::-1]})


@mutant("VRM-HOM-019")
def inbox_without_receipts() -> None:
    """A poll gives tokens without their receipts."""
    result(Reader, "poll", lambda d: {**d, "receipts": {}})


@mutant("VRM-HOM-019")
def never_more_available() -> None:
    """moreAvailable is always false."""
    result(Reader, "poll", lambda d: {**d, "moreAvailable": False})


@mutant("VRM-HOM-019")
def always_more_available() -> None:
    """moreAvailable is true as soon as there is something."""
    result(Reader, "poll", lambda d: {**d, "moreAvailable": bool(d["order"])})


@mutant("VRM-HOM-020")
def delivered_once() -> None:
    """A message leaves the inbox when it is given, not when it is acknowledged."""

    def wrong(right: Any, self: Reader, party: str, limit: int, now: int) -> Any:
        document = right(self, party, limit, now)
        with self.home.store.begin() as tx:
            tx.acknowledge(party, document["order"])
        return document

    around(Reader, "poll", wrong)


@mutant("VRM-HOM-020")
def one_ack_is_for_all() -> None:
    """An ack empties the whole inbox."""

    def wrong(right: Any, self: WriteTransaction, party: str, mids: Any) -> Any:
        number = self._found_party(party)
        right(self, party, mids)
        self._db.execute("DELETE FROM inbox WHERE party = ?", (number,))

    around(WriteTransaction, "acknowledge", wrong)


@mutant("VRM-HOM-020")
def ack_of_others() -> None:
    """An ack takes a message out of the inboxes of others too."""

    def wrong(right: Any, self: WriteTransaction, party: str, mids: Any) -> Any:
        others = [name for (name,) in self._db.execute("SELECT id FROM parties").fetchall()]
        for name in others:
            right(self, name, mids)

    around(WriteTransaction, "acknowledge", wrong)


@mutant("VRM-HOM-020")
def acks_not_looked_at() -> None:
    """An ack is taken and does nothing."""
    around(WriteTransaction, "acknowledge", lambda right, self, party, mids: None)


@mutant("VRM-HOM-020")
def ack_after_the_answer() -> None:
    """The ack of a poll is carried out by the next one."""
    last: dict[str, Any] = {}

    def wrong(right: Any, self: WriteTransaction, party: str, mids: Any) -> Any:
        right(self, party, last.get(party, ()))
        last[party] = mids

    around(WriteTransaction, "acknowledge", wrong)


@mutant("VRM-HOM-021")
def acknowledged_and_gone() -> None:
    """A message that is acknowledged is no longer in its thread."""
    gone: list[Any] = []

    def left(document: Any) -> Any:
        kept = [m for m in document["messages"] if envelope.mid_of(m.get("token", "")) not in gone]
        return {**document, "messages": kept}

    def acknowledged(right: Any, self: WriteTransaction, party: str, mids: Any) -> None:
        gone.extend(mids)
        right(self, party, mids)

    around(WriteTransaction, "acknowledge", acknowledged)
    result(Reader, "thread", left)


@mutant("VRM-HOM-022")
def max_events_not_looked_at() -> None:
    """maxEvents is not looked at."""
    around(Reader, "poll", lambda right, self, party, limit, now: right(self, party, 1000, now))


@mutant("VRM-HOM-022")
def none_is_the_default() -> None:
    """maxEvents 0 gives as many as there are."""
    around(Reader, "poll", lambda right, self, party, limit, now: right(self, party, limit or 100, now))


@mutant("VRM-HOM-022")
def one_event_more() -> None:
    """A poll gives one message more than maxEvents."""
    around(Reader, "poll", lambda right, self, party, limit, now: right(self, party, limit + 1, now))


@mutant("VRM-HOM-023")
def polls_never_wait() -> None:
    """An empty inbox is answered at once, whatever returnImmediately says."""

    async def wrong(right: Any, self: Wakeups, party: str, seconds: float) -> None:
        return None

    around(Wakeups, "wait", wrong)


@mutant("VRM-HOM-023")
def polls_wait_to_the_end() -> None:
    """A poll that waits is answered after the whole time, also when a message arrives before."""
    around(Wakeups, "notify", lambda right, self, party: None)


@mutant("VRM-HOM-023")
def polls_wait_twice_as_long() -> None:
    """A poll waits longer than limits.max_wait."""
    around(Wakeups, "wait", lambda right, self, party, seconds: right(self, party, 2 * seconds + 2))


@mutant("VRM-HOM-023")
def polls_always_wait() -> None:
    """A poll waits for the next message, also where one is there."""

    async def wrong(right: Any, self: Routes, request: Any) -> Any:
        answer = await right(self, request)
        await Wakeups().wait("nobody", min(3, self.home.config.max_wait))
        return answer

    around(Routes, "poll", wrong)


@mutant("VRM-HOM-023")
def polls_wait_unasked() -> None:
    """A poll of an empty inbox waits, also with returnImmediately."""

    async def wrong(right: Any, self: Routes, request: Any) -> Any:
        answer = await right(self, request)
        if not json.loads(answer.body)["order"]:
            await Wakeups().wait("nobody", min(3, self.home.config.max_wait))
        return answer

    around(Routes, "poll", wrong)


@mutant("VRM-HOM-024", needs="an inbox that can be filled")
def inbox_without_a_bound() -> None:
    """An inbox takes any number of messages."""
    around(Home, "_check_inbox", lambda right, self, batch, step: None)


@mutant("VRM-HOM-024", needs="an inbox that can be filled")
def inbox_one_short() -> None:
    """An inbox takes one message less than it says."""

    def wrong(right: Any, self: Home, *args: Any) -> Any:
        self.config = replace(self.config, inbox=self.config.inbox - 1)
        try:
            return right(self, *args)
        finally:
            self.config = replace(self.config, inbox=self.config.inbox + 1)

    around(Home, "_check_inbox", wrong)


@mutant("VRM-HOM-024", needs="an inbox that can be filled")
def inbox_of_the_sender() -> None:
    """The inbox of the sender is counted, and not that of the addressee."""

    def wrong(right: Any, self: Home, batch: Any, step: Any) -> Any:
        return right(self, batch, replace(step, role="first" if step.role == "second" else "second"))

    around(Home, "_check_inbox", wrong)


# --- threads -----------------------------------------------------------------------------------------


@mutant("VRM-HOM-025")
def from_is_exclusive() -> None:
    """A thread is read after from, and not from it on."""

    def wrong(right: Any, self: Reader, party: str, thid: str, start: int, *rest: Any) -> Any:
        return right(self, party, thid, start + (start > 1), *rest)

    around(Reader, "thread", wrong)


@mutant("VRM-HOM-025")
def limit_not_looked_at() -> None:
    """A thread is always given whole."""

    def wrong(right: Any, self: Reader, party: str, thid: str, start: int, limit: int, now: int) -> Any:
        return right(self, party, thid, start, 10_000, now)

    around(Reader, "thread", wrong)


@mutant("VRM-HOM-025")
def next_missing() -> None:
    """A page of a thread does not tell where it goes on."""
    result(Reader, "thread", without("next"))


@mutant("VRM-HOM-025")
def next_always_there() -> None:
    """A page of a thread goes on also where it is the last."""
    result(Reader, "thread", lambda d: {"next": len(d["messages"]) + 1, **d})


@mutant("VRM-HOM-025")
def thread_backwards() -> None:
    """A thread is given with its last message first."""
    result(Reader, "thread", lambda d: {**d, "messages": d["messages"][::-1]})


@mutant("VRM-HOM-026")
def checkpoint_for_the_sender() -> None:
    """aud of a checkpoint is the sender of the last message."""

    def wrong(right: Any, self: Home, thread: Any, reader: str, now: int) -> Any:
        last = self.store.messages(thread.thid, thread.seq, 1)[0]
        return right(self, thread, envelope.peek(last.token)[1]["iss"], now)

    around(Home, "checkpoint", wrong)


@mutant("VRM-HOM-026")
def checkpoint_not_marked() -> None:
    """A checkpoint does not say that it is one."""
    receipts(without("checkpoint"), checkpoints=True)


@mutant("VRM-HOM-026")
def checkpoint_not_dated_anew() -> None:
    """A checkpoint is dated as the last receipt."""

    def wrong(right: Any, self: Home, thread: Any, *rest: Any) -> Any:
        dates.append(thread.received)
        return right(self, thread, *rest)

    dates: list[int] = []
    around(Home, "checkpoint", wrong)
    receipts(lambda c: {**c, "iat": dates.pop()}, checkpoints=True)


@mutant("VRM-HOM-026")
def checkpoint_of_the_beginning() -> None:
    """A checkpoint names the opening message."""
    receipts(lambda c: {**c, "mid": c["thid"], "seq": 1}, checkpoints=True)


@mutant("VRM-HOM-026")
def checkpoint_is_the_last_receipt() -> None:
    """In the place of a checkpoint stands the last receipt."""

    def wrong(right: Any, self: Home, thread: Any, *rest: Any) -> Any:
        return self.store.messages(thread.thid, thread.seq, 1)[0].receipt

    around(Home, "checkpoint", wrong)


@mutant("VRM-HOM-027")
def keys_of_the_home_only() -> None:
    """A thread is read without the keys of its senders."""
    around(reading, "_keys_of", lambda right, entries: [])


@mutant("VRM-HOM-027")
def keys_of_senders_only() -> None:
    """A thread is read without the keys of the home."""
    around(Reader, "_home_keys", lambda right, self: [])


@mutant("VRM-HOM-027")
def key_of_the_first_message_only() -> None:
    """A thread is read with the key of its first message only."""
    around(reading, "_keys_of", lambda right, entries: right(entries[:1]))


@mutant("VRM-HOM-028")
def threads_by_their_ids() -> None:
    """The list of threads is in the order of their ids."""
    result(Reader, "threads", lambda d: {**d, "threads": sorted(d["threads"], key=lambda t: str(t["thid"]))})


@mutant("VRM-HOM-028")
def threads_in_the_order_of_opening() -> None:
    """A message does not bring its thread to the end of the list."""

    def wrong(right: Any, self: SqliteStore, *args: Any) -> Any:
        return sorted(right(self, *args), key=lambda f: self.messages(f[1].thid, 1, 1)[0].position)

    around(SqliteStore, "changed", wrong)


@mutant("VRM-HOM-028")
def after_is_inclusive() -> None:
    """The cursor of a list of threads gives its last thread again."""
    around(SqliteStore, "changed", lambda right, s, party, after, limit: right(s, party, after - 1, limit))


@mutant("VRM-HOM-028")
def after_of_an_empty_list() -> None:
    """The cursor of an empty list of threads is 0: the reader begins anew."""
    result(Reader, "threads", lambda d: d if d["threads"] else {**d, "after": "0"})


@mutant("VRM-HOM-028")
def threads_of_the_first_party() -> None:
    """The list of threads lacks those in which the reader is the second party."""

    def wrong(right: Any, self: SqliteStore, party: str, *rest: Any) -> Any:
        return [found for found in right(self, party, *rest) if found[1].first == party]

    around(SqliteStore, "changed", wrong)
