"""What may become of an image after it was published. Every change is one transaction with its ledger entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from stoneware.decide.descent import descendants, parents_of
from stoneware.decide.lifecycle import overruled
from stoneware.errors import Conflict
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Timer
from stoneware.store.catalog import REVOKED_STEP, Catalog
from stoneware.store.database import writing
from stoneware.store.image_rows import image_row, written
from stoneware.store.lineage import origins
from stoneware.store.tables import images, release_images

VERBS = {
    ImageState.ACTIVE: "image.restore",
    ImageState.DEPRECATED: "image.deprecate",
    ImageState.OBSOLETE: "image.obsolete",
}

Guard = Callable[[Image], None]
"""Sees an image inside the transaction that is about to change it, and raises to stop that."""


def _let_pass(_: Image) -> None:
    """Objects to nothing."""


class Lifecycle(Catalog):
    """The catalog, and what changes in it."""

    def set_state(self, ref: str, state: ImageState, actor: str, reason: str = "", guard: Guard = _let_pass) -> Image:
        """Moves a published image among ACTIVE, DEPRECATED and OBSOLETE. Already so: success, without an entry.

        Timers that have come and say more than `state` are taken away: whoever decides now knows of them. Raises Conflict
        for a revoked image, unless it is to be OBSOLETE.
        """
        if state not in VERBS:
            raise Conflict(f"an image can't be set to {state}", "use publish or delete")
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            image = image_row(conn, digest)
            guard(image)
            if image.revoked_at is not None and state is not ImageState.OBSOLETE:
                raise Conflict(f"{image.name} is revoked: {image.revoked_reason}", REVOKED_STEP, code="image-revoked")
            if image.state not in VERBS:
                raise Conflict(
                    f"{image.name} is {image.state}", "only a published image has this choice", code="image-retired"
                )
            over = overruled(image, state, self.clock.now())
            if image.state is state and not over:
                return image
            self._move(conn, image, state, reason)
            self._set(conn, digest, {timer.field: None for timer in over})
            image = image_row(conn, digest)
            self._note(conn, VERBS[state], image, actor, reason, written(dict.fromkeys(over)))
            return image

    def schedule(
        self,
        ref: str,
        timers: Mapping[Timer, float | None],
        actor: str,
        reason: str = "",
        guard: Guard = _let_pass,
    ) -> Image:
        """Sets timers (seconds since the epoch) or takes them away (None); others stay. Already so: without an entry.

        Raises Conflict for an image that isn't published.
        """
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            image = image_row(conn, digest)
            guard(image)
            if image.state not in VERBS:
                raise Conflict(
                    f"{image.name} is {image.state}", "only a published image has timers", code="image-retired"
                )
            news = {timer: at for timer, at in timers.items() if getattr(image, timer.field) != at}
            if not news:
                return image
            self._set(conn, digest, {timer.field: at for timer, at in news.items()})
            image = image_row(conn, digest)
            self._note(conn, "image.schedule", image, actor, reason, written(news))
            return image

    def revoke(self, ref: str, actor: str, reason: str, guard: Guard = _let_pass) -> list[Image]:
        """Marks an image, and all that were made from it, as not to be used any more. One transaction.

        Those that are revoked already keep their reason, and get no second entry. Deleted ones are marked too: the same
        bytes can be baked again. Returns all of them, the image itself first.
        """
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            root = image_row(conn, digest)
            guard(root)
            concerned = [digest, *descendants(digest, parents_of(origins(conn)))]
            for one in concerned:
                image = image_row(conn, one)
                if image.revoked_at is not None:
                    continue
                why = reason if one == digest else f"{reason} (made from {root.name})"
                self._set(conn, one, {"revoked_at": self.clock.now(), "revoked_reason": why})
                self._note(conn, "image.revoke", image, actor, why, {"revoked": root.digest})
            return [image_row(conn, one) for one in concerned]

    def reinstate(self, ref: str, actor: str, reason: str, guard: Guard = _let_pass) -> Image:
        """Takes the revocation of one image back, and makes it ACTIVE if it is published. Not of those made from it.

        Raises Conflict when it isn't revoked, or no reason is given: the one who revoked it gave one.
        """
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            image = image_row(conn, digest)
            guard(image)
            if image.revoked_at is None:
                raise Conflict(f"{image.name} isn't revoked", "`stoneware image restore` makes an image ACTIVE")
            if not reason.strip():
                raise Conflict("a revocation is taken back only with a reason", "say --reason TEXT")
            self._set(conn, digest, {"revoked_at": None, "revoked_reason": ""})
            over = []
            if image.state in VERBS:
                over = overruled(image, ImageState.ACTIVE, self.clock.now())
                self._move(conn, image, ImageState.ACTIVE, reason)
                self._set(conn, digest, {timer.field: None for timer in over})
            restored = image_row(conn, digest)
            more = {"was_revoked": image.revoked_reason, **written(dict.fromkeys(over))}
            self._note(conn, VERBS[ImageState.ACTIVE], restored, actor, reason, more)
            return restored

    def delete(
        self,
        ref: str,
        actor: str,
        reason: str = "",
        refuse: Callable[[Image], str | None] = lambda _: None,
        guard: Guard = _let_pass,
    ) -> Image:
        """Marks an image DELETED. Raises what `guard` raises; Conflict while a retained release pins it, or `refuse` says
        why not."""
        digest = self.get(ref).digest
        with writing(self.db) as conn:
            image = image_row(conn, digest)
            guard(image)
            if image.state is ImageState.DELETED:
                return image
            pins = conn.execute(sa.select(release_images).where(release_images.c.digest == digest)).all()
            if pins:
                names = ", ".join(f"{pin.deployment}#{pin.number}" for pin in pins)
                raise Conflict(
                    f"{image.name} is kept by {names}",
                    "a retained release can always be rolled back to",
                    code="image-in-use",
                )
            objection = refuse(image)
            if objection:
                raise Conflict(
                    f"{image.name} is in use: {objection}", "replace what uses it first", code="image-in-use"
                )
            self._move(conn, image, ImageState.DELETED, reason)
            deleted = image_row(conn, digest)
            self._note(conn, "image.delete", deleted, actor, reason)
            return deleted

    def _move(self, conn: sa.Connection, image: Image, state: ImageState, reason: str) -> None:
        self._set(conn, image.digest, {"state": state, "state_at": self.clock.now(), "state_reason": reason})

    def _set(self, conn: sa.Connection, digest: str, values: Mapping[str, object]) -> None:
        if values:
            conn.execute(images.update().where(images.c.digest == digest).values(**values))
