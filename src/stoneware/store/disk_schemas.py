"""Which schema the data on each disk has. A disk that isn't here has data of which no image has said anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.store.database import writing
from stoneware.store.tables import disk_schemas


@dataclass(frozen=True)
class DiskSchemas:
    """Every change is entered into the ledger by who makes it, before."""

    db: sa.Engine
    clock: Clock

    def all(self) -> dict[str, int]:
        """The schema of every disk of which it is known."""
        with self.db.connect() as conn:
            return {row.disk: row.data_schema for row in conn.execute(sa.select(disk_schemas))}

    def of(self, disks: Collection[str]) -> dict[str, int | None]:
        """The schema of each of these disks; None where it isn't known."""
        known = self.all() if disks else {}
        return {disk: known.get(disk) for disk in disks}

    def raise_to(self, disk: str, schema: int) -> None:
        """Something may write data of this schema from now on. Lower than what is there already: nothing changes."""
        known = sa.select(disk_schemas.c.data_schema).where(disk_schemas.c.disk == disk)
        with writing(self.db) as conn:
            before = conn.scalar(known)
            if before is None or before < schema:
                self._set(conn, disk, schema)

    def put(self, disk: str, schema: int | None, conn: sa.Connection | None = None) -> None:
        """The disk holds other data now: that of a snapshot, or none at all."""
        if conn is not None:
            self._set(conn, disk, schema)
            return
        with writing(self.db) as own:
            self._set(own, disk, schema)

    def _set(self, conn: sa.Connection, disk: str, schema: int | None) -> None:
        conn.execute(disk_schemas.delete().where(disk_schemas.c.disk == disk))
        if schema is not None:
            conn.execute(disk_schemas.insert().values(disk=disk, data_schema=schema, since=self.clock.now()))
