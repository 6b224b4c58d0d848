"""Roles: given once, taken once, on record both times."""

from __future__ import annotations

import pytest

from stoneware.clock import ManualClock
from stoneware.errors import NotFound
from stoneware.store.store import Store


def verbs(store: Store) -> list[str]:
    return [entry.fact.verb for entry in store.ledger.entries()]


def test_who_has_a_role_keeps_it_as_it_was_given(store: Store, clock: ManualClock) -> None:
    first = store.roles.grant("keeper", "ann", by="root", reason="she knows")
    clock.sleep(60)
    assert store.roles.grant("keeper", "ann", by="bob", reason="once more") == first
    assert store.roles.has("keeper", "ann") and not store.roles.has("keeper", "bob")
    assert not store.roles.has("Keeper", "ann") and not store.roles.has("keep", "ann")
    assert verbs(store) == ["role.grant"]


def test_a_role_that_is_taken_is_gone_and_can_be_given_anew(store: Store) -> None:
    store.roles.grant("keeper", "ann", by="root", reason="")
    store.roles.grant("keeper", "bob", by="root", reason="")
    store.roles.grant("owner", "ann", by="root", reason="")
    store.roles.revoke("keeper", "ann", by="root", reason="she left")
    assert not store.roles.has("keeper", "ann") and store.roles.has("owner", "ann")
    assert [(one.role, one.actor) for one in store.roles.list()] == [("keeper", "bob"), ("owner", "ann")]
    assert [one.actor for one in store.roles.list("owner")] == ["ann"]
    store.roles.grant("keeper", "ann", by="root", reason="she is back")
    [entry] = [one for one in store.ledger.entries() if one.fact.verb == "role.revoke"]
    assert (entry.fact.subject, entry.fact.details, entry.fact.reason) == ("keeper", {"from": "ann"}, "she left")
    assert store.ledger.verify() is None


def test_what_nobody_has_can_not_be_taken(store: Store) -> None:
    with pytest.raises(NotFound, match="bob hasn't role keeper"):
        store.roles.revoke("keeper", "bob", by="root", reason="")
    assert verbs(store) == []
