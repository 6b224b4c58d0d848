"""Opening the database: SQLite in WAL by default, anything that SQLAlchemy speaks by URL, always at the newest schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from stoneware.errors import StonewareError
from stoneware.host.files import locked
from stoneware.model.ledger import compact

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 30.0
_migrating = threading.Lock()
"""Alembic keeps the migration that runs in globals of its own: one at a time in a process, whatever the database."""


def url_for(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def open_database(url: str) -> sa.Engine:
    """Opens and migrates. Several processes and threads may do it at once: they go one by one.

    Raises StonewareError when the database was written by a newer Stoneware.
    """
    patience = {"timeout": BUSY_S} if url.startswith("sqlite") else {}
    db = sa.create_engine(url, connect_args=patience, json_serializer=compact)
    if db.dialect.name != "sqlite":
        _migrate(db)
        return db
    _prepare_sqlite(db)
    # a file turns to WAL only for who is alone with it; SQLite doesn't wait for that, but answers "locked" at once
    with locked(Path(f"{db.url.database}.lock")):
        _migrate(db)
    return db


@contextmanager
def writing(db: sa.Engine, *, lasting: bool = True) -> Iterator[sa.Connection]:
    """A write transaction. On SQLite it takes the write lock at once, so that it never fails half-way for a reader's sake.

    With `lasting` its commit survives a power cut, as the effect does that it is the record of. Without, only the death of
    the process: enough for a lease, whose holder dies in the same power cut.
    """
    with db.connect().execution_options(stoneware_writes="FULL" if lasting else "NORMAL") as conn, conn.begin():
        yield conn


def _prepare_sqlite(db: sa.Engine) -> None:
    @sa.event.listens_for(db, "connect")
    def _connected(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # the driver must not begin transactions on its own: we say when and how
        cursor = dbapi.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @sa.event.listens_for(db, "begin")
    def _begun(conn: sa.Connection) -> None:
        synchronous = conn.get_execution_options().get("stoneware_writes")
        if synchronous is None:
            _tell_driver(conn, "BEGIN")
            return
        _tell_driver(conn, f"PRAGMA synchronous={synchronous}")
        conn.exec_driver_sql("BEGIN IMMEDIATE")  # may fail, while another one writes


def _tell_driver(conn: sa.Connection, statement: str) -> None:
    """A statement that can't fail and has no answer, without SQLAlchemy's ceremony: it goes before all the others."""
    cursor = conn.connection.cursor()
    cursor.execute(statement)
    cursor.close()


def _migrate(db: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with db.connect() as conn:
        present = MigrationContext.configure(conn).get_current_revision()
    if present == script.get_current_head():
        return
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        raise StonewareError(
            f"the database was written by a newer Stoneware (schema {present})",
            "upgrade Stoneware, or use another home",
        )
    with _migrating, writing(db) as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
