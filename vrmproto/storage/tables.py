"""The tables of a home's database. Migrations make them; a test compares the two.

Importing this module imports SQLAlchemy, which takes long: nothing on the way of a message does.

Identifiers of parties and threads are written once and numbered; every other row names the number. ``mid``,
``thid``, record ids and digests are the 32 bytes behind their 43 characters. A board is the party with its
URL.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = ["metadata"]

metadata = MetaData()

Table(
    "parties",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("noted", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("id", name="parties_id"),
)

Table(
    "threads",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("thid", LargeBinary, nullable=False),
    Column("first", Integer, ForeignKey("parties.n"), nullable=False),
    Column("second", Integer, ForeignKey("parties.n"), nullable=False),
    # The position of the last message.
    Column("changed", Integer, nullable=False),
    # JSON: the thread without thid, first and second.
    Column("body", LargeBinary, nullable=False),
    # The number of the parent thread.
    Column("parent", Integer),
    # 1 where the thread had a place below its parent after its last message.
    Column("place", Integer, nullable=False, server_default=text("0")),
    # The kind of a thread below another; '' of the rest.
    Column("kind", Text, nullable=False, server_default=text("''")),
    UniqueConstraint("thid", name="threads_thid"),
    Index("threads_first", "first", "changed"),
    Index("threads_second", "second", "changed"),
    Index("threads_parent", "parent", "kind", sqlite_where=text("parent IS NOT NULL")),
    Index("threads_place", "parent", sqlite_where=text("place")),
)

# Every change of a board, in order. ``current`` is 1 where the row shows what is open.
Table(
    "changes",
    metadata,
    Column("pos", Integer, primary_key=True, autoincrement=True),
    Column("board", Integer, ForeignKey("parties.n"), nullable=False),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    Column("event", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("was", Text),
    Column("until", Integer),
    Column("version", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("current", Integer, nullable=False),
    Index("changes_board", "board", "pos"),
    Index("changes_open", "board", "pos", sqlite_where=text("current")),
    Index("changes_past", "board", "pos", sqlite_where=text("NOT current")),
    Index("changes_until", "until", sqlite_where=text("current")),
    Index("changes_thread", "thread", sqlite_where=text("current")),
    sqlite_autoincrement=True,
)

# ``dropped`` is the position of the last change that was dropped.
Table(
    "boards",
    metadata,
    Column("board", Integer, ForeignKey("parties.n"), nullable=False),
    Column("dropped", Integer, nullable=False),
    PrimaryKeyConstraint("board"),
    sqlite_with_rowid=False,
)

# Removals of which the first party has not been told.
Table(
    "notices",
    metadata,
    Column("party", Integer, ForeignKey("parties.n"), nullable=False),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    PrimaryKeyConstraint("party", "thread"),
    sqlite_with_rowid=False,
)

Table(
    "blobs",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("digest", name="blobs_digest"),
)

Table(
    "uploads",
    metadata,
    Column("party", Integer, ForeignKey("parties.n"), nullable=False),
    Column("blob", Integer, ForeignKey("blobs.n"), nullable=False),
    Column("at", Integer, nullable=False),
    PrimaryKeyConstraint("party", "blob"),
    Index("uploads_at", "at"),
    Index("uploads_blob", "blob"),
    sqlite_with_rowid=False,
)

# The threads that refer to a blob.
Table(
    "links",
    metadata,
    Column("blob", Integer, ForeignKey("blobs.n"), nullable=False),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    PrimaryKeyConstraint("blob", "thread"),
    sqlite_with_rowid=False,
)

Table(
    "messages",
    metadata,
    Column("pos", Integer, primary_key=True, autoincrement=True),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("mid", LargeBinary, nullable=False),
    Column("token", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    UniqueConstraint("thread", "mid", name="messages_mid"),
    UniqueConstraint("thread", "seq", name="messages_seq"),
    sqlite_autoincrement=True,
)

Table(
    "inbox",
    metadata,
    Column("party", Integer, ForeignKey("parties.n"), nullable=False),
    Column("pos", Integer, ForeignKey("messages.pos"), nullable=False),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    Column("mid", LargeBinary, nullable=False),
    PrimaryKeyConstraint("party", "pos"),
    Index("inbox_mid", "party", "mid"),
    sqlite_with_rowid=False,
)

Table(
    "agreements",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    Column("first", Integer, ForeignKey("parties.n"), nullable=False),
    Column("second", Integer, ForeignKey("parties.n"), nullable=False),
    Column("class", Text, nullable=False),
    Column("at", Integer, nullable=False),
    UniqueConstraint("thread", name="agreements_thread"),
    Index("agreements_pair", "first", "second", "class", "n"),
    sqlite_autoincrement=True,
)

# What was refused in a relationship or below it. Past a hundred of one day ``mid`` is empty, and ``more``
# says how many.
Table(
    "refusals",
    metadata,
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    Column("day", Integer, nullable=False),
    Column("mid", LargeBinary, nullable=False),
    Column("at", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("code", Text, nullable=False),
    # JSON: a list of purposes.
    Column("purposes", Text, nullable=False),
    Column("more", Integer, nullable=False),
    PrimaryKeyConstraint("thread", "day", "mid"),
    sqlite_with_rowid=False,
)

# The messages by which an identifier, the first party, replaced another one towards a second party.
Table(
    "rotations",
    metadata,
    Column("pos", Integer, ForeignKey("messages.pos"), primary_key=True),
    Column("first", Integer, ForeignKey("parties.n"), nullable=False),
    Column("second", Integer, ForeignKey("parties.n"), nullable=False),
    Index("rotations_pair", "first", "second"),
)

Table(
    "records",
    metadata,
    Column("mid", LargeBinary, nullable=False),
    Column("thread", Integer, ForeignKey("threads.n"), nullable=False),
    PrimaryKeyConstraint("mid"),
    sqlite_with_rowid=False,
)

# The pairs that have committed to a next key.
Table(
    "pairs",
    metadata,
    Column("first", Integer, ForeignKey("parties.n"), nullable=False),
    Column("second", Integer, ForeignKey("parties.n"), nullable=False),
    Column("next_key", Text, nullable=False),
    PrimaryKeyConstraint("first", "second"),
    sqlite_with_rowid=False,
)

Table(
    "key_sets",
    metadata,
    Column("origin", Text, nullable=False),
    Column("seen_at", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
    # JSON: kid to public JWK.
    Column("keys", Text, nullable=False),
    PrimaryKeyConstraint("origin"),
)

Table(
    "revoked",
    metadata,
    Column("origin", Text, nullable=False),
    Column("kid", Text, nullable=False),
    PrimaryKeyConstraint("origin", "kid"),
    sqlite_with_rowid=False,
)
