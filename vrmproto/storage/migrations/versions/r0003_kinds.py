"""The kinds of threads below others; what was refused; by which messages identifiers replaced others."""

from __future__ import annotations

import base64
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
    op.create_table(
        "rotations",
        sa.Column("pos", sa.Integer, sa.ForeignKey("messages.pos"), primary_key=True),
        sa.Column("first", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
        sa.Column("second", sa.Integer, sa.ForeignKey("parties.n"), nullable=False),
    )
    op.create_index("rotations_pair", "rotations", ["first", "second"])
    _fill_rotations()


def _fill_rotations() -> None:
    db = op.get_bind()
    found = db.exec_driver_sql(
        "SELECT m.pos, m.token, t.second FROM messages m JOIN threads t ON t.n = m.thread WHERE m.seq > 1"
    )
    rotations = [(pos, token, second) for pos, token, second in found if _type(token) == "agent.rotate"]
    for pos, token, second in rotations:
        db.exec_driver_sql(
            "INSERT INTO rotations SELECT ?, n, ? FROM parties WHERE id = ?",
            (pos, second, _claims(token)["iss"]),
        )


def _claims(token: str) -> dict[str, object]:
    payload = f"{token}.".split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _type(token: str) -> object:
    return _claims(token).get("type")
