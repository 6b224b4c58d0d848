"""Secrets as rows: versions count up, what a retained release pins stays, and the ledger hears names alone."""

from __future__ import annotations

import sqlite3

import pytest
from tests.store.things import add, everything, make_current, publish, release, verbs

from stoneware.clock import ManualClock
from stoneware.errors import Conflict, NotFound
from stoneware.model.release import Release
from stoneware.model.secret import Secret
from stoneware.store.database import writing
from stoneware.store.secrets import Sealed
from stoneware.store.store import Store


def put(store: Store, value: str, name: str = "db-password", actor: str = "ann") -> tuple[Secret, bool]:
    """Sets a secret; what is sealed says of which version it is."""
    return store.secrets.add(
        name,
        actor,
        "a reason",
        lambda reference: Sealed("key-1", f"{reference}:{value}".encode()),
        lambda reference, sealed: sealed == Sealed("key-1", f"{reference}:{value}".encode()),
    )


def pinning(store: Store, number: int, *versions: str, deployment: str = "town") -> Release:
    """A stored release whose machines get these versions."""
    made = release(publish(store, version=number), number, deployment)
    group = made.groups["web"].model_copy(update={"secrets": {f"V{i}": one for i, one in enumerate(versions)}})
    made = made.model_copy(update={"groups": {"web": group}})
    add(store, made)
    return made


def test_another_value_is_another_version_and_an_equal_one_is_none(store: Store, clock: ManualClock) -> None:
    first, made = put(store, "a")
    assert (first.reference, first.actor, made) == ("db-password/1", "ann", True)
    clock.sleep(60)
    assert put(store, "a", actor="bob") == (first, False)
    second, made = put(store, "b", actor="bob")
    assert (second.version, second.created_at - first.created_at, made) == (2, 60, True)
    assert put(store, "a")[0].version == 3, "only the newest one counts"
    assert [fact.fact.subject for fact in store.ledger.entries()] == [f"db-password/{n}" for n in (1, 2, 3)]
    assert set(verbs(store)) == {"secret.set"}


def test_the_newest_of_each_is_listed(store: Store) -> None:
    for value in ("a", "b"):
        put(store, value)
    put(store, "c", "api-token", "bob")
    assert [(one.name, one.version, one.actor) for one in store.secrets.list()] == [
        ("api-token", 1, "bob"),
        ("db-password", 2, "ann"),
    ]
    assert store.secrets.newest() == {"api-token": "api-token/1", "db-password": "db-password/2"}


def test_what_is_stored_comes_back_or_isnt_there(store: Store) -> None:
    put(store, "a")
    assert store.secrets.sealed("db-password", 1) == Sealed("key-1", b"db-password/1:a")
    for name, version in (("db-password", 2), ("db", 1), ("db-password", 2**70)):
        assert store.secrets.sealed(name, version) is None


def test_a_number_is_never_used_twice(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    store.secrets.delete("db-password", "bob", "gone")
    assert store.secrets.list() == []
    assert store.secrets.sealed("db-password", 2) is None
    assert put(store, "a")[0].version == 3
    fact = store.ledger.entries()[2].fact
    assert (fact.verb, fact.subject, fact.actor, fact.reason) == ("secret.delete", "db-password", "bob", "gone")
    assert fact.details == {"versions": "1, 2"}


def test_what_isnt_there_cannot_be_deleted(store: Store) -> None:
    put(store, "a")
    store.secrets.delete("db-password", "ann", "")
    for name in ("db-password", "nobody"):
        with pytest.raises(NotFound, match=name):
            store.secrets.delete(name, "ann", "")


def test_a_secret_that_a_retained_release_pins_stays(store: Store) -> None:
    put(store, "a")
    pinning(store, 1, "db-password/1")
    put(store, "b")
    pinning(store, 1, "db-password/2", deployment="village")
    before = everything(store)
    with pytest.raises(Conflict, match=r"town#1 pins db-password/1.*village#1 pins db-password/2"):
        store.secrets.delete("db-password", "ann", "")
    assert everything(store) == before
    with writing(store.db) as conn:
        store.releases.remove(conn, "town")
        store.releases.remove(conn, "village")
    store.secrets.delete("db-password", "ann", "")


def test_old_versions_go_when_no_retained_release_pins_them(store: Store) -> None:
    for value in "abc":
        put(store, value)
    put(store, "only", "api-token")
    pinning(store, 1, "db-password/1")
    pinning(store, 2, "db-password/2", "api-token/1")
    assert store.secrets.prune("stoneware") == []
    make_current(store, 2)
    with writing(store.db) as conn:
        store.releases.forget(conn, "town", 1)
    assert store.secrets.prune("stoneware") == ["db-password/1"]
    assert store.secrets.prune("stoneware") == []
    with writing(store.db) as conn:
        store.releases.remove(conn, "town")
    assert store.secrets.prune("stoneware") == ["db-password/2"]
    assert store.secrets.newest() == {"api-token": "api-token/1", "db-password": "db-password/3"}
    assert verbs(store)[-2:] == ["secret.forget", "secret.forget"]


def test_a_release_is_not_stored_when_its_secret_was_deleted_meanwhile(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    store.secrets.prune("stoneware")
    before = store.releases.list("town")
    with pytest.raises(Conflict, match="db-password/1 was deleted meanwhile"):
        pinning(store, 1, "db-password/1", "db-password/2")
    assert store.releases.list("town") == before


def test_a_release_keeps_its_versions_and_an_old_one_has_none(store: Store) -> None:
    put(store, "a")
    made = pinning(store, 1, "db-password/1")
    assert store.releases.get("town", 1) == made
    assert made.pinned_secrets == {("db-password", 1)}
    body = made.model_dump(mode="json")
    del body["groups"]["web"]["secrets"]  # as it was written before there were secrets
    assert Release.model_validate(body).pinned_secrets == frozenset()


def test_two_that_set_at_once_make_two_versions(store: Store, url: str) -> None:
    """While one seals, the other can't have read the same newest version."""

    def seal(reference: str) -> Sealed:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        return Sealed("key-1", b"x")

    other = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.05)
    try:
        store.secrets.add("db-password", "ann", "", seal, lambda *_: False)
    finally:
        other.close()
