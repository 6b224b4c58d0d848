"""Secrets as rows: names, versions, and values that are sealed before they come here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.errors import Conflict, NotFound
from stoneware.model.ledger import Fact
from stoneware.model.secret import Secret
from stoneware.names import secret_version
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import LARGEST_INTEGER, release_secrets, secret_versions, secrets


@dataclass(frozen=True)
class Sealed:
    """A value as it is stored: which key has sealed it, and what came out."""

    key: str
    content: bytes


@dataclass(frozen=True)
class Secrets:
    """Facts go into the ledger in the transaction of what they tell, with names and versions, never with anything made from a
    value: the hash of a weak one could be guessed."""

    db: sa.Engine
    clock: Clock

    def add(
        self,
        name: str,
        actor: str,
        reason: str,
        seal: Callable[[str], Sealed],
        is_same: Callable[[str, Sealed], bool],
    ) -> tuple[Secret, bool]:
        """A new version, and True; the newest one, and False, when `is_same` says that it holds this value already.

        `seal(reference)` makes what is stored.
        """
        with writing(self.db) as conn:
            newest = conn.execute(_newest(name)).first()
            if newest is not None and is_same(_secret(newest).reference, Sealed(newest.key, newest.sealed)):
                return _secret(newest), False
            last = conn.scalar(sa.select(secrets.c.last_version).where(secrets.c.name == name))
            made = Secret(name=name, version=(last or 0) + 1, created_at=self.clock.now(), actor=actor)
            if last is None:
                conn.execute(secrets.insert().values(name=name, last_version=made.version))
            else:
                conn.execute(secrets.update().where(secrets.c.name == name).values(last_version=made.version))
            sealed = seal(made.reference)
            row = {**made.model_dump(), "key": sealed.key, "sealed": sealed.content}
            conn.execute(secret_versions.insert().values(**row))
            self._note(conn, "secret.set", made.reference, actor, reason)
        return made, True

    def sealed(self, name: str, version: int) -> Sealed | None:
        """What is stored of a version; None when there is no such one."""
        if version > LARGEST_INTEGER:
            return None
        wanted = secret_versions.c.name == name, secret_versions.c.version == version
        with self.db.connect() as conn:
            row = conn.execute(sa.select(secret_versions).where(*wanted)).first()
        return Sealed(row.key, row.sealed) if row else None

    def newest(self) -> dict[str, str]:
        """What each name resolves to now, as `db-password/3`."""
        return {one.name: one.reference for one in self.list()}

    def delete(self, name: str, actor: str, reason: str) -> None:
        """Deletes all versions. Raises NotFound; Conflict while a retained release pins one."""
        with writing(self.db) as conn:
            versions = conn.scalars(sa.select(secret_versions.c.version).where(secret_versions.c.name == name)).all()
            if not versions:
                raise NotFound(
                    f"there is no secret {name}", "`stoneware secret list` shows them", code="secret-not-found"
                )
            pins = conn.execute(sa.select(release_secrets).where(release_secrets.c.secret == name)).all()
            if pins:
                held = sorted({f"{pin.deployment}#{pin.number} pins {name}/{pin.version}" for pin in pins})
                raise Conflict(
                    f"secret {name} is needed: release {', release '.join(held)}",
                    "deploy without it; it can go when those releases are no longer kept",
                )
            conn.execute(secret_versions.delete().where(secret_versions.c.name == name))
            details = {"versions": ", ".join(str(version) for version in sorted(versions))}
            self._note(conn, "secret.delete", name, actor, reason, details)

    def prune(self, actor: str) -> list[str]:
        """Deletes the versions that are not the newest and that no retained release pins; returns them."""
        with self.db.connect() as conn:  # a look first: most of the time there is nothing to write
            if not _over(conn):
                return []
        with writing(self.db) as conn:
            over = _over(conn)
            for name, version in over:
                wanted = secret_versions.c.name == name, secret_versions.c.version == version
                conn.execute(secret_versions.delete().where(*wanted))
                reference = secret_version(name, version)
                self._note(conn, "secret.forget", reference, actor, "there is a newer one, and no release pins it")
        return [secret_version(name, version) for name, version in over]

    def _note(
        self,
        conn: sa.Connection,
        verb: str,
        subject: str,
        actor: str,
        reason: str,
        details: dict[str, str] | None = None,
    ) -> None:
        fact = Fact(verb=verb, subject=subject, actor=actor, reason=reason, details=details or {})
        append(conn, self.clock.now(), fact)

    def list(self) -> list[Secret]:
        """The newest version of each, by name."""
        query = sa.select(secret_versions).order_by(secret_versions.c.name, secret_versions.c.version)
        with self.db.connect() as conn:
            newest = {row.name: _secret(row) for row in conn.execute(query)}
        return list(newest.values())


def missing_versions(conn: sa.Connection, pinned: Iterable[tuple[str, int]]) -> list[str]:
    """Those of these versions that aren't there, as `db-password/3`."""
    wanted = set(pinned)
    columns = secret_versions.c.name, secret_versions.c.version
    there = {tuple(row) for row in conn.execute(sa.select(*columns))} if wanted else set()
    return [secret_version(name, version) for name, version in sorted(wanted - there)]


def _over(conn: sa.Connection) -> list[tuple[str, int]]:
    other = secret_versions.alias()
    newest = sa.select(sa.func.max(other.c.version)).where(other.c.name == secret_versions.c.name).scalar_subquery()
    pinned = sa.exists().where(
        release_secrets.c.secret == secret_versions.c.name, release_secrets.c.version == secret_versions.c.version
    )
    query = sa.select(secret_versions.c.name, secret_versions.c.version)
    query = query.where(secret_versions.c.version < newest, ~pinned).order_by(*query.selected_columns)
    return [(row.name, row.version) for row in conn.execute(query)]


def _newest(name: str) -> sa.Select:  # type: ignore[type-arg]
    mine = sa.select(secret_versions).where(secret_versions.c.name == name)
    return mine.order_by(secret_versions.c.version.desc()).limit(1)


def _secret(row: sa.Row) -> Secret:  # type: ignore[type-arg]
    return Secret(name=row.name, version=row.version, created_at=row.created_at, actor=row.actor)
