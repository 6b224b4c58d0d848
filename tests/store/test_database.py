"""Opening the database: at once by several, by an older program, at its newest schema, and when there is no room."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from tests.store.things import begin, claim, commit, everything, publish
from tests.support.simulation import manifest

from stoneware.clock import ManualClock
from stoneware.errors import StonewareError
from stoneware.model.ledger import Fact
from stoneware.store.database import MIGRATIONS, open_database, url_for, writing
from stoneware.store.store import Store, open_store
from stoneware.store.tables import metadata

MUCH = "x" * 500_000
FACT = Fact(verb="machine.create", subject="town-web-r1-0", actor="ann", reason=MUCH)
FIRST_IMAGE = """
INSERT INTO images (digest, family, number, state, created_at, state_at, state_reason, size_bytes, manifest)
VALUES (:digest, 'web', 1, 'ACTIVE', 1, 1, '', 1, :manifest)
"""
ROUNDS = 25
OPENER = """
import sys
from stoneware.store.database import open_database
for url in sys.argv[1:]:
    print("ready", flush=True)
    sys.stdin.readline()
    open_database(url).dispose()
"""


def test_several_processes_may_open_a_new_database_at_once(folder: Path) -> None:
    words = [sys.executable, "-c", OPENER, *(url_for(folder / f"{n}.db") for n in range(ROUNDS))]
    pipe = subprocess.PIPE
    openers = [subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    for _ in range(ROUNDS):
        for one in openers:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n", one.communicate()[1]
        for one in openers:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
    assert [(one.communicate(timeout=60)[1], one.returncode) for one in openers] == [("", 0)] * len(openers)


@pytest.mark.parametrize("databases", [1, 8], ids=["the same database", "a database each"])
def test_many_threads_may_open_new_databases_at_once(folder: Path, databases: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda n: open_database(url_for(folder / f"{n % databases}.db")), range(8)))
    for db in opened:
        assert set(sa.inspect(db).get_table_names()) == {*metadata.tables, "alembic_version"}
        db.dispose()


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.db.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_images_of_the_first_schema_have_no_timers_and_are_not_revoked(folder: Path, clock: ManualClock) -> None:
    db = sa.create_engine(url_for(folder / "old.db"))
    migrate(db, command.upgrade, "0001")
    sealed = manifest("web", 1)
    row = {"digest": sealed.digest, "manifest": json.dumps(sealed.model_dump(mode="json"))}
    with db.begin() as conn:
        conn.execute(sa.text(FIRST_IMAGE), row)
    db.dispose()
    store = open_store(url_for(folder / "old.db"), clock)
    image = store.catalog.get("web/1")
    assert (image.deprecate_at, image.obsolete_at, image.delete_at) == (None, None, None)
    assert (image.revoked_at, image.revoked_reason) == (None, "")
    assert store.catalog.resolve("web") == image
    assert store.catalog.rules() == {}
    store.catalog.revoke("web/1", "ann", "bad")
    assert store.catalog.get("web/1").revoked_reason == "bad"
    store.close()


def test_the_newest_schema_can_be_gone_back_from_with_its_images(store: Store) -> None:
    publish(store)
    migrate(store.db, command.downgrade, "0001")
    with store.db.connect() as conn:
        assert conn.execute(sa.text("SELECT family, number, state FROM images")).all() == [("web", 1, "ACTIVE")]
        assert not {"revoked_at", "delete_at"} & {column["name"] for column in sa.inspect(conn).get_columns("images")}
        assert "families" not in sa.inspect(conn).get_table_names()


def migrate(db: sa.Engine, move: Callable[[Config, str], None], to: str) -> None:
    """Takes a database to a schema."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with db.begin() as conn:
        config.attributes["connection"] = conn
        move(config, to)


def test_a_database_of_a_newer_schema_is_refused_and_left_alone(url: str) -> None:
    db = open_database(url)
    with writing(db) as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StonewareError, match=r"newer Stoneware \(schema 9999\)") as refused:
        open_database(url)
    assert refused.value.next_step == "upgrade Stoneware, or use another home"
    with db.connect() as conn:
        assert conn.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
    db.dispose()


def test_what_was_written_is_there_after_opening_again(url: str, clock: ManualClock) -> None:
    first = open_store(url, clock)
    record = begin(first)
    first.close()
    second = open_store(url, clock)
    assert second.operations.get(record.id) == record
    second.close()


@pytest.mark.parametrize(("lasting", "synchronous"), [(True, 2), (False, 1)], ids=["FULL", "NORMAL"])
def test_what_lasts_is_on_the_disk_when_it_is_committed(store: Store, lasting: bool, synchronous: int) -> None:
    for before in (True, False):  # whatever the same connection was used for before
        with writing(store.db, lasting=before):
            pass
        with writing(store.db, lasting=lasting) as conn:
            assert conn.scalar(sa.text("PRAGMA journal_mode")) == "wal"
            assert conn.scalar(sa.text("PRAGMA synchronous")) == synchronous


def test_only_a_lease_may_be_lost_in_a_power_cut(store: Store) -> None:
    begin(store)
    committed: list[int] = []

    @sa.event.listens_for(store.db, "commit")
    def _(conn: sa.Connection) -> None:
        committed.append(conn.scalar(sa.text("PRAGMA synchronous")))

    record = claim(store)
    store.operations.renew(record.id, record.lease_token, 30)
    assert committed == [1, 1]
    store.operations.note(record, "create", FACT)
    commit(store, record, text="a step")
    assert committed == [1, 1, 2, 2]


@contextmanager
def no_more_pages(store: Store) -> Iterator[None]:
    """The database may not grow: the statement that needs a page fails."""
    with store.db.connect() as conn:
        pages = conn.scalar(sa.text("PRAGMA page_count"))
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    yield
    with store.db.connect() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count = 1000000")


@contextmanager
def no_longer_files(store: Store) -> Iterator[None]:
    """The log may not grow: COMMIT itself fails, and so does what would be flushed before it."""
    log = Path(f"{store.db.url.database}-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("full", [no_more_pages, no_longer_files])
def test_without_room_a_commit_fails_and_the_operation_stays_as_it_was(
    store: Store, full: Callable[[Store], AbstractContextManager[None]]
) -> None:
    begin(store)
    record = claim(store)
    before = everything(store)
    with full(store), pytest.raises(sa.exc.OperationalError):
        commit(store, record, state="PROVISIONING", text=MUCH, facts=[FACT])
    assert everything(store) == before
    assert commit(store, record, state="PROVISIONING", text=MUCH, facts=[FACT]).state == "PROVISIONING"
    assert store.ledger.verify() is None
