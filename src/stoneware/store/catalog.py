"""The image catalog: families, numbers and states. Every change is one transaction with its ledger entry."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.errors import BadInput, Conflict, NotFound
from stoneware.model.image import BootTestRecord, Image, ImageState, Manifest
from stoneware.model.ledger import Fact
from stoneware.names import split_image_name
from stoneware.store.database import writing
from stoneware.store.ledger import append
from stoneware.store.tables import LARGEST_INTEGER, images, ledger, release_images

VERBS = {
    ImageState.ACTIVE: "image.restore",
    ImageState.DEPRECATED: "image.deprecate",
    ImageState.OBSOLETE: "image.obsolete",
}
SHORTEST_PREFIX = 8
HEX = frozenset("0123456789abcdef")

Guard = Callable[[Image], None]
"""Sees an image inside the transaction that is about to change it, and raises to stop that."""


def _let_pass(_: Image) -> None:
    """Objects to nothing."""


@dataclass(frozen=True)
class Catalog:
    """What images there are."""

    db: sa.Engine
    clock: Clock

    def stage(self, manifest: Manifest, size_bytes: int, actor: str, reason: str = "") -> Image:
        """Enters a sealed image as STAGED. Known already (and not deleted): success, unchanged."""
        now, digest = self.clock.now(), manifest.digest
        with writing(self.db) as conn:
            row = conn.execute(sa.select(images).where(images.c.digest == digest)).first()
            if row is not None and row.state != ImageState.DELETED:
                return _image(row)
            fresh = {
                "family": manifest.family,
                "state": ImageState.STAGED,
                "number": None,
                "created_at": now,
                "state_at": now,
                "state_reason": reason,
                "size_bytes": size_bytes,
                "manifest": manifest.model_dump(mode="json"),
                "boot_test": None,
            }
            if row is None:
                conn.execute(images.insert().values(digest=digest, **fresh))
            else:  # deleted before: baked again, it starts again; its old number stays in the ledger
                conn.execute(images.update().where(images.c.digest == digest).values(**fresh))
            image = _row(conn, digest)
            self._note(conn, "image.stage", image, actor, reason)
            return image

    def publish(self, digest: str, record: BootTestRecord, actor: str, reason: str = "") -> Image:
        """STAGED -> ACTIVE with the family's next number, in one transaction. Published already: unchanged.

        Raises Conflict without a passing boot test of this very digest.
        """
        if record.digest != digest or not record.passed:
            raise Conflict("only an image whose own boot test passed can be published", "bake it again")
        with writing(self.db) as conn:
            image = _row(conn, digest)
            if image.state is not ImageState.STAGED:
                if image.state is ImageState.DELETED:
                    raise Conflict(f"{image.name} was deleted", "bake it again")
                return image
            # numbers are never used twice: the ledger remembers even those whose images are gone
            used = conn.scalar(sa.select(sa.func.max(images.c.number)).where(images.c.family == image.family)) or 0
            number = max(used, _last_published(conn, image.family)) + 1
            conn.execute(
                images.update()
                .where(images.c.digest == digest)
                .values(
                    number=number,
                    state=ImageState.ACTIVE,
                    state_at=self.clock.now(),
                    state_reason=reason,
                    boot_test=record.model_dump(mode="json"),
                )
            )
            image = _row(conn, digest)
            self._note(conn, "image.publish", image, actor, reason)
            return image

    def get(self, ref: str) -> Image:
        """By `family/N`, `family@hex`, digest, or a prefix of a digest. Raises NotFound, BadInput when ambiguous."""
        with self.db.connect() as conn:
            found = conn.execute(sa.select(images).where(_meant(ref))).all()
        if len(found) > 1:
            raise BadInput(f"{ref} names {len(found)} images", next_step="write more digits of the digest")
        named = split_image_name(ref)
        if not found and named and named[1] <= self._last(named[0]):
            raise NotFound(f"image {ref} was deleted", f"`stoneware ledger show --subject {ref}` tells by whom and why")
        if not found:
            raise NotFound(f"no image {ref}", self._nearest(ref))
        return _image(found[0])

    def resolve(self, family: str) -> Image:
        """The highest-numbered ACTIVE image of a family. NotFound says why there is none."""
        known = self.list(family)
        active = [image for image in known if image.state is ImageState.ACTIVE]
        if active:
            return max(active, key=lambda image: image.number or 0)
        if not known:
            raise NotFound(f"family {family} has no image", f"`stoneware bake {family}` makes one")
        states = ", ".join(f"{image.name} {image.state}" for image in known)
        raise NotFound(f"family {family} has no ACTIVE image ({states})", "restore one, or bake a new one")

    def families(self) -> list[str]:
        """Every family that has an image."""
        return sorted({image.family for image in self.list()})

    def manifest(self, digest: str) -> Manifest:
        """Raises NotFound."""
        with self.db.connect() as conn:
            body = conn.scalar(sa.select(images.c.manifest).where(images.c.digest == digest))
        if body is None:
            raise NotFound(f"no image {digest}")
        return Manifest.model_validate(body)

    def boot_test(self, digest: str) -> BootTestRecord | None:
        """The record that publishing asked for; None for a staged image."""
        with self.db.connect() as conn:
            body = conn.scalar(sa.select(images.c.boot_test).where(images.c.digest == digest))
        return BootTestRecord.model_validate(body) if body else None

    def set_state(self, ref: str, state: ImageState, actor: str, reason: str = "", guard: Guard = _let_pass) -> Image:
        """Moves a published image among ACTIVE, DEPRECATED and OBSOLETE. Already so: success, without an entry."""
        if state not in VERBS:
            raise Conflict(f"an image can't be set to {state}", "use publish or delete")
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            image = _row(conn, digest)
            guard(image)
            if image.state is state:
                return image
            if image.state not in VERBS:
                raise Conflict(f"{image.name} is {image.state}", "only a published image has this choice")
            self._move(conn, image, state, reason)
            image = _row(conn, digest)
            self._note(conn, VERBS[state], image, actor, reason)
            return image

    def delete(
        self,
        ref: str,
        actor: str,
        reason: str = "",
        refuse: Callable[[Image], str | None] = lambda _: None,
        guard: Callable[[Image], None] = lambda _: None,
    ) -> Image:
        """Marks an image DELETED. Raises what `guard` raises; Conflict while a retained release pins it, or `refuse` says
        why not."""
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            image = _row(conn, digest)
            guard(image)
            if image.state is ImageState.DELETED:
                return image
            pins = conn.execute(sa.select(release_images).where(release_images.c.digest == digest)).all()
            if pins:
                names = ", ".join(f"{pin.deployment}#{pin.number}" for pin in pins)
                raise Conflict(f"{image.name} is kept by {names}", "a retained release can always be rolled back to")
            objection = refuse(image)
            if objection:
                raise Conflict(f"{image.name} is in use: {objection}", "replace what uses it first")
            self._move(conn, image, ImageState.DELETED, reason)
            deleted = _row(conn, digest)
            self._note(conn, "image.delete", deleted, actor, reason)
            return deleted

    def _move(self, conn: sa.Connection, image: Image, state: ImageState, reason: str) -> None:
        change = images.update().where(images.c.digest == image.digest)
        conn.execute(change.values(state=state, state_at=self.clock.now(), state_reason=reason))

    def _note(self, conn: sa.Connection, verb: str, image: Image, actor: str, reason: str) -> None:
        details = {"digest": image.digest, "state": image.state.value}
        append(
            conn,
            self.clock.now(),
            Fact(verb=verb, subject=image.name, actor=actor, reason=reason, details=details),
        )

    def _last(self, family: str) -> int:
        with self.db.connect() as conn:
            return _last_published(conn, family)

    def _nearest(self, ref: str) -> str:
        known = [image.name for image in self.list()]
        near = difflib.get_close_matches(ref, known, n=3, cutoff=0.4)
        return f"did you mean {', '.join(near)}?" if near else "`stoneware image list` shows what there is"

    def list(self, family: str | None = None, deleted: bool = False) -> list[Image]:
        """Images by family and number, staged ones last."""
        query = sa.select(images)
        if family is not None:
            query = query.where(images.c.family == family)
        if not deleted:
            query = query.where(images.c.state != ImageState.DELETED)
        with self.db.connect() as conn:
            found = [_image(row) for row in conn.execute(query)]
        return sorted(
            found, key=lambda image: (image.family, image.number is None, image.number or 0, image.created_at)
        )


def _meant(ref: str) -> sa.ColumnElement[bool]:
    """Which images a reference can mean: `family/N`, `family@hex`, `sha256:hex` or `hex`."""
    named = split_image_name(ref)
    if named is not None:
        family, number = named
        known = number <= LARGEST_INTEGER
        return sa.and_(images.c.family == family, images.c.number == number) if known else sa.false()
    family, _, digest = ref.rpartition("@")
    prefix = digest.removeprefix("sha256:")
    if len(prefix) < SHORTEST_PREFIX or not HEX.issuperset(prefix):
        return sa.false()
    same = images.c.digest.startswith(f"sha256:{prefix}")
    return sa.and_(same, images.c.family == family) if family else same


def _last_published(conn: sa.Connection, family: str) -> int:
    entries = sa.select(ledger.c.subject).where(
        ledger.c.subject.startswith(f"{family}/", autoescape=True), ledger.c.fact["verb"].as_string() == "image.publish"
    )
    numbers = [split_image_name(subject) for subject in conn.scalars(entries)]
    return max((named[1] for named in numbers if named), default=0)


def _row(conn: sa.Connection, digest: str) -> Image:
    row = conn.execute(sa.select(images).where(images.c.digest == digest)).first()
    if row is None:
        raise NotFound(f"no image {digest}", "`stoneware image list` shows what there is")
    return _image(row)


def _image(row: sa.Row) -> Image:  # type: ignore[type-arg]
    return Image(
        digest=row.digest,
        family=row.family,
        number=row.number,
        state=ImageState(row.state),
        created_at=row.created_at,
        state_at=row.state_at,
        state_reason=row.state_reason,
        size_bytes=row.size_bytes,
    )
