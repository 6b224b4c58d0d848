"""Which schema the data on each disk has. A disk that isn't here has data of which no image has said anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.store.database import writing
from stoneware.store.tables import disk_schemas, ledger

TOLD = (
    sa.select(ledger.c.fact)
    .where(
        ledger.c.subject == sa.bindparam("disk"),
        ledger.c.fact["verb"]
        .as_string()
        .in_(("disk.create", "disk.clone", "disk.schema", "disk.restore", "disk.delete")),
    )
    .order_by(ledger.c.seq.desc())
    .limit(1)
)
"""What was said last of the schema of a disk's data, or that its data are others now."""


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
        """The schema of each of these disks, by its row or by its last entry in the ledger, whichever is higher: whoever edits a
        row lets nobody at data that they can't read. None where it isn't known."""
        rows = self.all() if disks else {}
        return {disk: max(filter(None, (rows.get(disk), self._on_record(disk))), default=None) for disk in disks}

    def _on_record(self, disk: str) -> int | None:
        with self.db.connect() as conn:
            fact = conn.scalar(TOLD, {"disk": disk})
        told = fact["details"].get("schema") if fact else None
        return int(told) if told else None

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
