"""The kind of a thread below another, so that those of one kind are found among many; what was refused."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change. There is no way back but a copy of the database."""
    op.add_column("threads", sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("''")))
    db = op.get_bind()
    found = db.exec_driver_sql("SELECT n, body FROM threads WHERE parent IS NOT NULL")
    kinds = [(json.loads(body)["kind"], n) for n, body in found]
    for kind, n in kinds:
        db.exec_driver_sql("UPDATE threads SET kind = ? WHERE n = ?", (kind, n))
    op.drop_index("threads_parent", "threads")
    where = sa.text("parent IS NOT NULL")
    op.create_index("threads_parent", "threads", ["parent", "kind"], sqlite_where=where)
    op.create_table(
        "refusals",
        sa.Column("thread", sa.Integer, sa.ForeignKey("threads.n"), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("mid", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("more", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("thread", "day", "mid"),
        sqlite_with_rowid=False,
    )
