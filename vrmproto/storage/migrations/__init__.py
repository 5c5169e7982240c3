"""Bring a database to the tables of this version. A migration is one transaction, whole or not at all.

Developers write the next one with alembic's ``revision``; its id then becomes ``HEAD``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from vrmproto.storage.base import StoreError

__all__ = ["HEAD", "SCRIPTS", "revision", "upgrade"]

HEAD = "0003"
"""The newest revision. Known without alembic, so that a database at it opens fast."""

SCRIPTS = Path(__file__).parent


def revision(db: sqlite3.Connection) -> str | None:
    """The revision that a database is at; None for one without tables of ours."""
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")
    if found.fetchone() is None:
        return None
    row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def upgrade(path: Path | str) -> None:
    """Upgrade a database, an empty one included, to ``HEAD``.

    Raises StoreError for a database of a newer version, and what ``sqlite3`` raises.
    """
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=FULL")
        # Counts for a new file only. A message with its receipt takes a page of 4096 bytes for itself.
        db.execute("PRAGMA page_size=8192")
        found = revision(db)
        if found != HEAD:
            _migrate(db, found, path)


def _migrate(db: sqlite3.Connection, found: str | None, path: Path | str) -> None:
    # Only here: the two take half a second to import.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"the database {path} is at revision {found}, which this version of vrmproto does not know: "
            "a newer version has written it"
        )
    engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except DBAPIError as error:
        raise error.orig or error from error
    finally:
        engine.dispose()
