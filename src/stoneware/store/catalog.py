"""The image catalog: families, numbers and states. Every change is one transaction with its ledger entry."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sqlalchemy as sa

from stoneware.clock import Clock
from stoneware.decide.descent import parents_of
from stoneware.decide.lifecycle import newest_active, standing
from stoneware.decide.past_images import RECORD, fingerprint
from stoneware.decide.settings import limits
from stoneware.errors import BadInput, Conflict, NotFound
from stoneware.model.deployment import KeepSpec
from stoneware.model.image import BootTestRecord, Image, ImageState, Manifest
from stoneware.model.ledger import Fact
from stoneware.model.lifecycle import Timer
from stoneware.model.quantity import exact_moment
from stoneware.names import split_image_name
from stoneware.store.database import writing
from stoneware.store.image_rows import image_of, image_row, written
from stoneware.store.ledger import append
from stoneware.store.lineage import must_not_be_revoked, origins
from stoneware.store.tables import LARGEST_INTEGER, families, images, ledger

SHORTEST_PREFIX = 8
HEX = frozenset("0123456789abcdef")
NO_TIMERS: Mapping[Timer, float | None] = MappingProxyType({})
REVOKED_STEP = "`stoneware image restore IMAGE --revoked --reason TEXT` takes a revocation back"


@dataclass(frozen=True)
class Catalog:
    """What images there are. What becomes of those that are published stands in `lifecycle.py`."""

    db: sa.Engine
    clock: Clock

    def stage(self, manifest: Manifest, size_bytes: int, actor: str, reason: str = "") -> Image:
        """Enters a sealed image as STAGED. Known already (and not deleted): success, unchanged.

        Raises Refused when it, or an image that it was made from, is revoked.
        """
        now, digest = self.clock.now(), manifest.digest
        with writing(self.db) as conn:
            row = conn.execute(sa.select(images).where(images.c.digest == digest)).first()
            must_not_be_revoked(conn, manifest, row)
            if row is not None and row.state != ImageState.DELETED:
                return image_of(row)
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
                "deprecate_at": None,
                "obsolete_at": None,
                "delete_at": None,
            }
            if row is None:
                conn.execute(images.insert().values(digest=digest, **fresh))
            else:  # deleted before: baked again, it starts again; its old number stays in the ledger
                conn.execute(images.update().where(images.c.digest == digest).values(**fresh))
            image = image_row(conn, digest)
            self._note(conn, "image.stage", image, actor, reason, _made_of(manifest, size_bytes))
            return image

    def publish(
        self,
        digest: str,
        record: BootTestRecord,
        actor: str,
        reason: str = "",
        timers: Mapping[Timer, float | None] = NO_TIMERS,
    ) -> Image:
        """STAGED -> ACTIVE with the family's next number and its timers, in one transaction. Published already: unchanged.

        Raises Conflict without a passing boot test of this very digest, and when it was revoked meanwhile.
        """
        if record.digest != digest or not record.passed:
            raise Conflict(
                "only an image whose own boot test passed can be published", "bake it again", code="image-untested"
            )
        with writing(self.db) as conn:
            image = image_row(conn, digest)
            if image.state is not ImageState.STAGED:
                if image.state is ImageState.DELETED:
                    raise Conflict(f"{image.name} was deleted", "bake it again", code="image-retired")
                return image
            if image.revoked_at is not None:
                raise Conflict(f"{image.name} is revoked: {image.revoked_reason}", REVOKED_STEP, code="image-revoked")
            # numbers are never used twice: the ledger remembers even those whose images are gone
            used = conn.scalar(sa.select(sa.func.max(images.c.number)).where(images.c.family == image.family)) or 0
            number = max(used, _last_published(conn, image.family)) + 1
            body = record.model_dump(mode="json")
            conn.execute(
                images.update()
                .where(images.c.digest == digest)
                .values(
                    number=number,
                    state=ImageState.ACTIVE,
                    state_at=self.clock.now(),
                    state_reason=reason,
                    boot_test=body,
                    **{timer.field: at for timer, at in timers.items()},
                )
            )
            image = image_row(conn, digest)
            tested = {
                "boot_tests": str(len(record.results)),
                "tested_at": exact_moment(record.started_at),
                RECORD: fingerprint(body),
            }
            self._note(conn, "image.publish", image, actor, reason, {**tested, **written(timers)})
            return image

    def get(self, ref: str) -> Image:
        """By `family/N`, `family@hex`, digest, or a prefix of a digest. Raises NotFound, BadInput when ambiguous."""
        with self.db.connect() as conn:
            found = conn.execute(sa.select(images).where(_meant(ref))).all()
        if len(found) > 1:
            raise BadInput(
                f"{ref} names {len(found)} images", next_step="write more digits of the digest", code="name-ambiguous"
            )
        named = split_image_name(ref)
        if not found and named and named[1] <= self._last(named[0]):
            raise NotFound(
                f"image {ref} was deleted",
                f"`stoneware ledger show --subject {ref}` tells by whom and why",
                code="image-retired",
            )
        if not found:
            raise NotFound(f"no image {ref}", self._nearest(ref), code="image-not-found")
        return image_of(found[0])

    def resolve(self, family: str) -> Image:
        """The highest-numbered image of a family that counts as ACTIVE now. NotFound says why there is none."""
        known, now = self.list(family), self.clock.now()
        newest = newest_active(known, now)
        if newest is not None:
            return newest
        if not known:
            raise NotFound(f"family {family} has no image", f"`stoneware bake {family}` makes one", code="family-empty")
        states = ", ".join(_counted(image, now) for image in known)
        raise NotFound(
            f"family {family} has no ACTIVE image ({states})", "restore one, or bake a new one", code="family-empty"
        )

    def families(self) -> list[str]:
        """Every family that has an image."""
        return sorted({image.family for image in self.list()})

    def manifest(self, digest: str) -> Manifest:
        """Raises NotFound."""
        with self.db.connect() as conn:
            body = conn.scalar(sa.select(images.c.manifest).where(images.c.digest == digest))
        if body is None:
            raise NotFound(f"no image {digest}", code="image-not-found")
        return Manifest.model_validate(body)

    def boot_test(self, digest: str) -> BootTestRecord | None:
        """The record that publishing asked for; None for a staged image."""
        with self.db.connect() as conn:
            body = conn.scalar(sa.select(images.c.boot_test).where(images.c.digest == digest))
        return BootTestRecord.model_validate(body) if body else None

    def boot_test_mark(self, digest: str) -> str:
        """The fingerprint of that record, as `image.publish` has it in the ledger; empty without one."""
        with self.db.connect() as conn:
            body = conn.scalar(sa.select(images.c.boot_test).where(images.c.digest == digest))
        return fingerprint(body) if body else ""

    def keep(self, family: str, rule: KeepSpec | None, actor: str, reason: str = "") -> None:
        """Remembers how long a family's images are kept; None: for ever. The same as before: success, without an entry."""
        mine, body = families.c.name == family, rule.model_dump(mode="json") if rule else None
        with writing(self.db) as conn:
            if conn.scalar(sa.select(families.c.keep).where(mine)) == body:
                return
            conn.execute(families.delete().where(mine))
            if body is not None:
                conn.execute(families.insert().values(name=family, keep=body, kept_since=self.clock.now()))
            fact = Fact(verb="family.keep", subject=family, actor=actor, reason=reason, details=limits(body or {}))
            append(conn, self.clock.now(), fact)

    def rules(self) -> dict[str, KeepSpec]:
        """How long images are kept, by family. A family that isn't here keeps them for ever."""
        with self.db.connect() as conn:
            return {row.name: KeepSpec.model_validate(row.keep) for row in conn.execute(sa.select(families))}

    def _note(
        self,
        conn: sa.Connection,
        verb: str,
        image: Image,
        actor: str,
        reason: str,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        details = {"digest": image.digest, "state": image.state.value, **more}
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
            found = [image_of(row) for row in conn.execute(query)]
        return sorted(
            found, key=lambda image: (image.family, image.number is None, image.number or 0, image.created_at)
        )

    def parents(self) -> dict[str, set[str]]:
        """The digests of known images that each image was made from, by its own."""
        with self.db.connect() as conn:
            return parents_of(origins(conn))


def _made_of(manifest: Manifest, size_bytes: int) -> dict[str, str]:
    """Where an image came from, for the ledger: it outlives the image."""
    made = manifest.recipe
    known = {
        "commit": made.commit,
        "dirty": "yes" if made.dirty else "",
        "containerfile_sha256": made.containerfile_sha256,
        "base": made.base,
        "base_digest": made.base_digest,
        "size_bytes": str(size_bytes),
    }
    return {name: value for name, value in known.items() if value}


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


def _counted(image: Image, now: float) -> str:
    """`web/2 OBSOLETE`, and why, when it isn't what was stored."""
    found = standing(image, now)
    return f"{image.name} {found.state}" + (f": {found.reason}" if found.source != "stored" else "")
