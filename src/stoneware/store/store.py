"""The store: everything that Stoneware remembers, behind one door."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.store.database import open_database
from stoneware.store.ledger import Ledger
from stoneware.store.lifecycle import Lifecycle
from stoneware.store.operations import Operations
from stoneware.store.releases import Releases


@dataclass(frozen=True)
class Store:
    """One database, by noun."""

    db: sa.Engine
    catalog: Lifecycle
    releases: Releases
    operations: Operations
    ledger: Ledger

    def close(self) -> None:
        """Lets go of every connection."""
        self.db.dispose()


def open_store(url: str, clock: Clock) -> Store:
    """Opens the database at its newest schema."""
    db = open_database(url)
    return Store(db, Lifecycle(db, clock), Releases(db, clock), Operations(db, clock), Ledger(db))
