"""Secrets with their values: sealed in the database, the same again when revealed, and an error that says why otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from stoneware.clock import ManualClock
from stoneware.errors import BadInput, Misconfigured, Refused
from stoneware.host.home import Home
from stoneware.operations.vault import Vault
from stoneware.store.database import url_for, writing
from stoneware.store.store import open_store
from stoneware.store.tables import secret_versions

VALUE = b"otters and badgers\n\0\xff"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    home = Home(tmp_path / "home")
    home.prepare()
    store = open_store(url_for(home.database), ManualClock())
    yield Vault(store, home)
    store.close()


def put(vault: Vault, value: bytes = VALUE, name: str = "db-password") -> str:
    return vault.set(name, value, "ann", "")[0].reference


def rewrite(vault: Vault, **columns: object) -> None:
    """What somebody does who can write to the database."""
    with writing(vault.store.db) as conn:
        conn.execute(secret_versions.update().where(secret_versions.c.version == 1).values(**columns))


def test_any_bytes_come_back_as_they_went_in(vault: Vault) -> None:
    assert put(vault) == "db-password/1"
    assert put(vault, b"x" * 65536, "large") == "large/1"
    assert vault.reveal("db-password/1") == VALUE
    assert vault.reveal("large/1") == b"x" * 65536


def test_an_equal_value_makes_no_version(vault: Vault) -> None:
    assert [vault.set("db-password", value, "ann", "")[1] for value in (VALUE, VALUE, b"other", VALUE)] == [
        True,
        False,
        True,
        True,
    ]
    assert [vault.reveal(f"db-password/{n}") for n in (1, 2, 3)] == [VALUE, b"other", VALUE]


@pytest.mark.parametrize(("value", "why"), [(b"", "empty"), (b"s" * 65537, "larger than 64 KiB")])
def test_a_value_that_doesnt_fit_is_refused_and_not_repeated(vault: Vault, value: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        put(vault, value)
    assert "ssss" not in str(refused.value)
    assert vault.store.secrets.list() == []


@pytest.mark.parametrize("reference", ["db-password/2", "nobody/1", "db-password", "", "db-password/0", "../key/1"])
def test_what_isnt_there_is_not_revealed(vault: Vault, reference: str) -> None:
    put(vault)
    with pytest.raises(Refused, match="there is no secret"):
        vault.reveal(reference)


def test_a_row_that_was_changed_is_refused(vault: Vault) -> None:
    put(vault)
    sealed = vault.store.secrets.sealed("db-password", 1)
    assert sealed is not None
    rewrite(vault, sealed=sealed.content[:-1] + bytes([sealed.content[-1] ^ 1]))
    with pytest.raises(Refused, match="db-password/1 was changed in the database") as changed:
        vault.reveal("db-password/1")
    assert "stoneware secret set db-password" in changed.value.next_step
    assert put(vault) == "db-password/2", "what can't be read is equal to nothing"


def test_a_value_doesnt_open_under_another_name(vault: Vault) -> None:
    put(vault, b"weak", "guest-password")
    put(vault)
    weak = vault.store.secrets.sealed("guest-password", 1)
    assert weak is not None
    rewrite(vault, sealed=weak.content)
    assert vault.reveal("guest-password/1") == b"weak"
    with pytest.raises(Refused, match="was changed"):
        vault.reveal("db-password/1")


def test_another_key_and_no_key_say_so(vault: Vault) -> None:
    put(vault)
    kept = vault.home.secret_key.read_text()
    vault.home.secret_key.unlink()
    with pytest.raises(Misconfigured, match="is gone"):
        vault.reveal("db-password/1")
    vault.home.secret_key_id.unlink()
    assert put(vault) == "db-password/2", "the key is new, and so is the version"
    with pytest.raises(Misconfigured, match="sealed with another key"):
        vault.reveal("db-password/1")
    assert vault.reveal("db-password/2") == VALUE
    vault.home.secret_key.write_text(kept)
    vault.home.secret_key_id.unlink()
    assert vault.reveal("db-password/1") == VALUE


def test_the_database_holds_no_value_and_the_ledger_nothing_made_of_it(vault: Vault) -> None:
    put(vault, b"swordfish-swordfish")
    put(vault, b"catfish-catfish")
    vault.store.secrets.prune("stoneware")
    vault.store.secrets.delete("db-password", "ann", "")
    vault.store.close()
    for file in vault.home.root.glob("stoneware.db*"):
        assert b"swordfish" not in file.read_bytes()
        assert b"catfish" not in file.read_bytes()
    with vault.store.db.connect() as conn:
        facts = conn.execute(sa.text("SELECT fact FROM ledger")).scalars().all()
    assert len(facts) == 4
    keys = {"verb", "subject", "actor", "reason", "details"}
    assert all(set(entry.fact.model_dump()) == keys for entry in vault.store.ledger.entries())
    assert [entry.fact.details for entry in vault.store.ledger.entries()] == [{}, {}, {}, {"versions": "2"}]
