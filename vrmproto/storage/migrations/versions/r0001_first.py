"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change. There is no way back but a copy of the database."""
    _parties_and_threads()
    _messages()
    _effects()
    _keys()


def _parties_and_threads() -> None:
    op.create_table(
        "parties",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("noted", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.UniqueConstraint("id", name="parties_id"),
    )
    op.create_table(
        "threads",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("thid", sa.LargeBinary, nullable=False),
        sa.Column("first", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("second", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("thid", name="threads_thid"),
    )
    op.create_index("threads_first", "threads", ["first", "changed"])
    op.create_index("threads_second", "threads", ["second", "changed"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("pos", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("mid", sa.LargeBinary, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.UniqueConstraint("thread", "mid", name="messages_mid"),
        sa.UniqueConstraint("thread", "seq", name="messages_seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox",
        sa.Column("party", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("pos", sa.Integer, sa.ForeignKey("messages.pos"), nullable=False),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.Column("mid", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("party", "pos"),
        sqlite_with_rowid=False,
    )
    op.create_index("inbox_mid", "inbox", ["party", "mid"])


def _effects() -> None:
    op.create_table(
        "agreements",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.Column("first", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("second", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("class", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.UniqueConstraint("thread", name="agreements_thread"),
        sqlite_autoincrement=True,
    )
    op.create_index("agreements_pair", "agreements", ["first", "second", "class", "n"])
    op.create_table(
        "records",
        sa.Column("mid", sa.LargeBinary, nullable=False),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.PrimaryKeyConstraint("mid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pairs",
        sa.Column("first", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("second", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("next_key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("first", "second"),
        sqlite_with_rowid=False,
    )


def _keys() -> None:
    op.create_table(
        "key_sets",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Integer, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("keys", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )
    op.create_table(
        "revoked",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("kid", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("origin", "kid"),
        sqlite_with_rowid=False,
    )
