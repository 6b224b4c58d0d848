"""The store: everything that Stoneware remembers, behind one door."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.store.database import open_database
from stoneware.store.disk_schemas import DiskSchemas
from stoneware.store.drifts import Drifts
from stoneware.store.ledger import Ledger
from stoneware.store.lifecycle import Lifecycle
from stoneware.store.operations import Operations
from stoneware.store.promotions import Promotions
from stoneware.store.releases import Releases
from stoneware.store.roles import Roles
from stoneware.store.secrets import Secrets
from stoneware.store.shells import Shells
from stoneware.store.taints import Taints
from stoneware.store.triggers import Triggers


@dataclass(frozen=True)
class Store:
    """One database, by noun."""

    db: sa.Engine
    catalog: Lifecycle
    releases: Releases
    operations: Operations
    ledger: Ledger
    secrets: Secrets
    disk_schemas: DiskSchemas
    taints: Taints
    shells: Shells
    drifts: Drifts
    triggers: Triggers
    roles: Roles
    promotions: Promotions

    def close(self) -> None:
        """Lets go of every connection."""
        self.db.dispose()


def open_store(url: str, clock: Clock) -> Store:
    """Opens the database at its newest schema."""
    db = open_database(url)
    return Store(
        db,
        Lifecycle(db, clock),
        Releases(db, clock),
        Operations(db, clock),
        Ledger(db),
        Secrets(db, clock),
        DiskSchemas(db, clock),
        Taints(db, clock),
        Shells(db, clock),
        Drifts(db, clock),
        Triggers(db, clock),
        Roles(db, clock),
        Promotions(db, clock),
    )
