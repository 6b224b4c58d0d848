"""Releases and the pointer to the current one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.decide.ageing import only_renewed
from stoneware.errors import Conflict, NotFound
from stoneware.model.image import ImageState
from stoneware.model.release import DeploymentRecord, Release, ReleaseState
from stoneware.store.image_record import must_be_on_record
from stoneware.store.image_rows import image_of
from stoneware.store.on_record import altered_on_record, body_on_record, current_on_record, edited_ends, ends_on_record
from stoneware.store.secrets import missing_versions
from stoneware.store.tables import deployments, images, operations, release_images, release_secrets, releases

HEADS = sa.select(releases.c.deployment, releases.c.number, releases.c.state)
"""All of a release that ever changes, and what it is called."""
BY_NUMBER = HEADS.where(releases.c.deployment == sa.bindparam("name"), releases.c.number == sa.bindparam("nth"))
BODY = sa.select(releases.c.body).where(
    releases.c.deployment == sa.bindparam("name"), releases.c.number == sa.bindparam("nth")
)
IS_CURRENT = sa.and_(deployments.c.name == releases.c.deployment, deployments.c.current == releases.c.number)
CURRENT = sa.select(deployments.c.current).where(deployments.c.name == sa.bindparam("name"))
MOST_KEPT = 1000
LOST = ReleaseState.GOOD
"""The state of the current release whose row somebody took away: the ledger has all of it, and nothing else becomes current."""
Head = tuple[str, int, str]
"""Deployment, number, state: a row of HEADS, or what stands for one."""


@dataclass(frozen=True)
class Releases:
    """Reads open a connection of their own; writes take the caller's, to be one transaction with what they belong to.

    What was read of a release once is kept: its number is never given to another one. It is read as the ledger has it, for a row
    can be edited and an entry can't without notice: whoever edits one makes nobody do what it says.
    """

    db: sa.Engine
    clock: Clock
    _read: dict[tuple[str, int], Release] = field(default_factory=dict)

    def add(self, release: Release, conn: sa.Connection) -> None:
        """Stores a new release.

        Raises Conflict when its number is taken, or an image or a secret of it was deleted or revoked: someone else was quicker.
        """
        known = conn.execute(sa.select(deployments).where(deployments.c.name == release.deployment)).first()
        if known is None:
            conn.execute(
                deployments.insert().values(
                    name=release.deployment, current=None, created_at=self.clock.now(), last_number=0
                )
            )
        if release.number != _last_number(conn, release.deployment) + 1:
            raise Conflict(
                f"release {release.number} of {release.deployment} exists already", "plan again", code="plan-outdated"
            )
        self.must_be_usable(release, conn)
        pinned = {group.digest for group in release.groups.values()}
        body = release.model_dump(mode="json")
        key = {"deployment": release.deployment, "number": release.number}
        conn.execute(releases.insert().values(**key, state=release.state, body=body))
        for digest in sorted(pinned):
            conn.execute(release_images.insert().values(**key, digest=digest))
        for secret, version in sorted(release.pinned_secrets):
            conn.execute(release_secrets.insert().values(**key, secret=secret, version=version))
        conn.execute(
            deployments.update().where(deployments.c.name == release.deployment).values(last_number=release.number)
        )

    def must_be_usable(self, release: Release, conn: sa.Connection) -> None:
        """Raises Conflict when an image of a release was deleted or revoked since it was planned, its row isn't what was decided on
        record, or a secret was deleted."""
        pinned = {group.digest: group.image for group in release.groups.values()}
        known = {row.digest: row for row in conn.execute(sa.select(images).where(images.c.digest.in_(pinned)))}
        for digest, name in sorted(pinned.items(), key=lambda pin: pin[1]):
            row = known.get(digest)
            if row is None or row.state == ImageState.DELETED:
                raise Conflict(f"{name} was deleted meanwhile", "plan again", code="plan-outdated")
            if row.revoked_at is not None:
                raise Conflict(
                    f"{name} was revoked meanwhile: {row.revoked_reason}", "plan again", code="image-revoked"
                )
            must_be_on_record(conn, name, image_of(row))
        gone = missing_versions(conn, release.pinned_secrets)
        if gone:
            raise Conflict(f"secret {', '.join(gone)} was deleted meanwhile", "plan again", code="plan-outdated")

    def next_number(self, deployment: str) -> int:
        """The number that the next release gets. Numbers are never used twice, whatever the deployment's row says."""
        with self.db.connect() as conn:
            return _last_number(conn, deployment) + 1

    def get(self, deployment: str, number: int) -> Release:
        """Raises NotFound."""
        with self.db.connect() as conn:
            found = self._one(conn, deployment, number, current=conn.scalar(CURRENT, {"name": deployment}))
        if not found:
            raise NotFound(
                f"{deployment} has no release {number}",
                f"`stoneware release list {deployment}` shows them",
                code="release-not-found",
            )
        return found[0]

    def mark(self, conn: sa.Connection, deployment: str, number: int, state: ReleaseState) -> None:
        """Changes a release's state; nothing else of it ever changes."""
        wanted = (releases.c.deployment == deployment, releases.c.number == number)
        conn.execute(releases.update().where(*wanted).values(state=state))

    def current(self, deployment: str) -> Release | None:
        """The release that the deployment is meant to be; None before the first success, and where its row names none that there
        ever was."""
        with self.db.connect() as conn:
            number = conn.scalar(CURRENT, {"name": deployment})
            found = [] if number is None else self._one(conn, deployment, number, current=number)
        return found[0] if found else None

    def currents(self) -> Sequence[Release]:
        """The current release of every deployment that has one."""
        query = sa.select(deployments.c.name, deployments.c.current, releases.c.state).outerjoin(releases, IS_CURRENT)
        query = query.where(deployments.c.current.is_not(None)).order_by(deployments.c.name)
        with self.db.connect() as conn:
            rows = conn.execute(query).all()
            return self._whole(conn, [(name, nth, state or LOST) for name, nth, state in rows])

    def some(self, wanted: Iterable[tuple[str, int]]) -> Sequence[Release]:
        """Those of the wanted releases (deployment and number) that there are, at one moment."""
        with self.db.connect() as conn:
            rows = [row for name, nth in wanted for row in conn.execute(BY_NUMBER, {"name": name, "nth": nth})]
            return self._whole(conn, rows)

    def set_current(self, conn: sa.Connection, deployment: str, number: int) -> None:
        """Moves the pointer, and remembers that this release was current after all others."""
        mine = releases.c.deployment == deployment
        latest = conn.scalar(sa.select(sa.func.max(releases.c.became_current)).where(mine)) or 0
        conn.execute(releases.update().where(mine, releases.c.number == number).values(became_current=latest + 1))
        conn.execute(deployments.update().where(deployments.c.name == deployment).values(current=number))

    def previous_good(self, deployment: str) -> Release | None:
        """The GOOD release that was current last before the present one, and is another one: not the same made anew for the
        age of its machines. By the ledger; by the rows only where it says nothing of it."""
        current = self.current(deployment)
        query = HEADS.where(
            releases.c.deployment == deployment,
            releases.c.state == ReleaseState.GOOD,
            releases.c.became_current.is_not(None),
            releases.c.number != (current.number if current else -1),
        ).order_by(releases.c.became_current.desc())
        with self.db.connect() as conn:
            ends = ends_on_record(conn, deployment)
            if ends.order:
                good = [number for number in reversed(ends.order) if ends.states[number] is ReleaseState.GOOD]
                heads = [conn.execute(BY_NUMBER, {"name": deployment, "nth": number}).one_or_none() for number in good]
                rows = [
                    head for head in heads if head is not None and head.number != (current.number if current else -1)
                ]
            else:
                rows = [*conn.execute(query)]
            found = self._whole(conn, rows)
        return next((one for one in found if current is None or not only_renewed(one, current)), None)

    def digests_that_ran(self, deployment: str) -> frozenset[str]:
        """The images of every retained release that was current once."""
        ran = sa.and_(
            releases.c.deployment == release_images.c.deployment,
            releases.c.number == release_images.c.number,
            releases.c.became_current.is_not(None),
        )
        query = sa.select(release_images.c.digest).join(releases, ran).where(releases.c.deployment == deployment)
        with self.db.connect() as conn:
            return frozenset(conn.scalars(query))

    def deployments(self) -> list[DeploymentRecord]:
        """Every deployment that has releases."""
        with self.db.connect() as conn:
            rows = conn.execute(sa.select(deployments).order_by(deployments.c.name)).all()
        return [DeploymentRecord(name=row.name, current=row.current, created_at=row.created_at) for row in rows]

    def forget(self, conn: sa.Connection, deployment: str, number: int) -> None:
        """Drops one release; its images and secrets may go then.

        Raises Conflict for the current one, and while something is under way for the deployment: it may lead there.
        """
        known = conn.scalar(sa.select(deployments.c.current).where(deployments.c.name == deployment))
        busy = conn.scalar(sa.select(operations.c.id).where(operations.c.open_subject == deployment))
        if busy or known == number:
            why = f"{busy} is under way" if busy else "it is current"
            raise Conflict(
                f"release {number} of {deployment} can't be forgotten: {why}", "it goes when its time is over"
            )
        for table in (release_images, release_secrets, releases):
            conn.execute(table.delete().where(table.c.deployment == deployment, table.c.number == number))

    def remove(self, conn: sa.Connection, deployment: str) -> None:
        """Drops all releases. The deployment's row stays, so that its numbers go on."""
        for table in (release_images, release_secrets, releases):
            conn.execute(table.delete().where(table.c.deployment == deployment))
        conn.execute(deployments.update().where(deployments.c.name == deployment).values(current=None))

    def pinned(self, digest: str, conn: sa.Connection | None = None) -> list[str]:
        """The retained releases that pin an image, as `critter-junction#3`."""
        query = sa.select(release_images).where(release_images.c.digest == digest)
        if conn is not None:
            return [f"{row.deployment}#{row.number}" for row in conn.execute(query)]
        with self.db.connect() as own:
            return [f"{row.deployment}#{row.number}" for row in own.execute(query)]

    def pins(self) -> dict[str, tuple[str, ...]]:
        """The retained releases that pin each image, as `critter-junction#3`, by digest."""
        query = sa.select(release_images).order_by(release_images.c.deployment, release_images.c.number)
        found: dict[str, tuple[str, ...]] = {}
        with self.db.connect() as conn:
            for row in conn.execute(query):
                found[row.digest] = (*found.get(row.digest, ()), f"{row.deployment}#{row.number}")
        return found

    def list(self, deployment: str) -> list[Release]:
        """All retained releases, oldest first."""
        query = HEADS.where(releases.c.deployment == deployment).order_by(releases.c.number)
        with self.db.connect() as conn:
            return [*self._whole(conn, conn.execute(query).all())]

    def altered(self, deployment: str, number: int) -> tuple[str, ...] | None:
        """The places in which a release's row isn't what is on record, seen afresh. None where no entry has the whole release."""
        with self.db.connect() as conn:
            return altered_on_record(conn, deployment, number)

    def otherwise_on_record(self, current: Release) -> int | None:
        """The number of the release that is current by the ledger, where that is another one (`NONE_CURRENT`: none is). None also
        where another one has become current since this one was read: then it is nobody's edit."""
        with self.db.connect() as conn:
            number = current_on_record(conn, current.deployment)
            # after the ledger: a commit between the two shows here
            row = conn.scalar(CURRENT, {"name": current.deployment})
        return None if number in (None, current.number) or row != current.number else number

    def edited_ends(self, deployment: str) -> Sequence[tuple[int, str, str, str]]:
        """Where rows say something else of what became of releases than the ledger: number, what it is about, what is on record,
        what the row says."""
        with self.db.connect() as conn:
            found = edited_ends(conn, deployment)
            # rows and entries are read one after the other: what an operation that just ended made differ is over at once
            return [one for one in edited_ends(conn, deployment) if one in found] if found else []

    def read_again(self, deployment: str, number: int) -> None:
        """What is read next of this release is new: an edit of what is on no record is to be found out before another daemon
        believes it."""
        self._read.pop((deployment, number), None)

    def _one(self, conn: sa.Connection, deployment: str, number: int, *, current: int | None) -> Sequence[Release]:
        """One release, if there is it; the current one also without its row."""
        heads = conn.execute(BY_NUMBER, {"name": deployment, "nth": number}).all()
        lost = [(deployment, number, LOST)] if current == number else []
        return self._whole(conn, heads or lost)

    def _whole(self, conn: sa.Connection, heads: Sequence[Head]) -> Sequence[Release]:
        """The releases of some rows of HEADS, with the state that these say."""
        found = []
        for deployment, number, state in heads:
            key = (deployment, number)
            known = self._read.get(key)
            if known is None:
                body = body_on_record(conn, deployment, number) or conn.scalar(
                    BODY, {"name": deployment, "nth": number}
                )
                if body is None:
                    continue  # forgotten since
                if len(self._read) >= MOST_KEPT:
                    self._read.clear()
                known = Release.model_validate(body)
                self._read[key] = known
            if known.state != state:
                known = self._read[key] = known.model_copy(update={"state": ReleaseState(state)})
            found.append(known)
        return found


def _last_number(conn: sa.Connection, deployment: str) -> int:
    given = conn.scalar(sa.select(deployments.c.last_number).where(deployments.c.name == deployment))
    kept = conn.scalar(sa.select(sa.func.max(releases.c.number)).where(releases.c.deployment == deployment))
    return max(given or 0, kept or 0)
