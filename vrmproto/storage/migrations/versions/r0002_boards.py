"""Boards, blobs, and threads below others."""

from __future__ import annotations

import base64
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change. There is no way back but a copy of the database."""
    _threads()
    _boards()
    _blobs()


def _threads() -> None:
    op.add_column("threads", sa.Column("parent", sa.Integer))
    # Places are new: no thread of an older database has one.
    op.add_column("threads", sa.Column("place", sa.Integer, nullable=False, server_default=sa.text("0")))
    _fill_parents()
    op.create_index("threads_parent", "threads", ["parent"], sqlite_where=sa.text("parent IS NOT NULL"))
    op.create_index("threads_place", "threads", ["parent"], sqlite_where=sa.text("place"))


def _fill_parents() -> None:
    """Threads of kinds that were added to the tables may have parents already, by thid in their bodies."""
    db = op.get_bind()
    found = db.exec_driver_sql("""SELECT n, body FROM threads WHERE instr(body, CAST('"parent"' AS BLOB))""")
    parents = [(n, parent) for n, body in found if (parent := json.loads(body).get("parent"))]
    for n, parent in parents:
        thid = base64.urlsafe_b64decode(f"{parent}=")
        db.exec_driver_sql(
            "UPDATE threads SET parent = (SELECT n FROM threads WHERE thid = ?) WHERE n = ?", (thid, n)
        )


def _boards() -> None:
    op.create_table(
        "changes",
        sa.Column("pos", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("board", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("was", sa.Text),
        sa.Column("until", sa.Integer),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("current", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("changes_board", "changes", ["board", "pos"])
    op.create_index("changes_open", "changes", ["board", "pos"], sqlite_where=sa.text("current"))
    op.create_index("changes_past", "changes", ["board", "pos"], sqlite_where=sa.text("NOT current"))
    op.create_index("changes_until", "changes", ["until"], sqlite_where=sa.text("current"))
    op.create_index("changes_thread", "changes", ["thread"], sqlite_where=sa.text("current"))
    op.create_table(
        "boards",
        sa.Column("board", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("board"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notices",
        sa.Column("party", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.PrimaryKeyConstraint("party", "thread"),
        sqlite_with_rowid=False,
    )


def _blobs() -> None:
    op.create_table(
        "blobs",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("digest", name="blobs_digest"),
    )
    op.create_table(
        "uploads",
        sa.Column("party", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("blob", sa.Integer, sa.ForeignKey("blobs.n"), nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("party", "blob"),
        sqlite_with_rowid=False,
    )
    op.create_index("uploads_at", "uploads", ["at"])
    op.create_index("uploads_blob", "uploads", ["blob"])
    op.create_table(
        "links",
        sa.Column("blob", sa.Integer, sa.ForeignKey("blobs.n"), nullable=False),
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.PrimaryKeyConstraint("blob", "thread"),
        sqlite_with_rowid=False,
    )
