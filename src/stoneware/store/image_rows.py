"""Rows of the table of images as nouns."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from stoneware.errors import NotFound
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Timer
from stoneware.model.quantity import exact_moment
from stoneware.store.tables import images


def image_row(conn: sa.Connection, digest: str) -> Image:
    """An image, as a transaction sees it. Raises NotFound."""
    row = conn.execute(sa.select(images).where(images.c.digest == digest)).first()
    if row is None:
        raise NotFound(f"no image {digest}", "`stoneware image list` shows what there is", code="image-not-found")
    return image_of(row)


def image_of(row: sa.Row) -> Image:  # type: ignore[type-arg]
    """A row of the table as a noun."""
    return Image(
        digest=row.digest,
        family=row.family,
        number=row.number,
        state=ImageState(row.state),
        created_at=row.created_at,
        state_at=row.state_at,
        state_reason=row.state_reason,
        size_bytes=row.size_bytes,
        deprecate_at=row.deprecate_at,
        obsolete_at=row.obsolete_at,
        delete_at=row.delete_at,
        revoked_at=row.revoked_at,
        revoked_reason=row.revoked_reason,
    )


def written(timers: Mapping[Timer, float | None]) -> dict[str, str]:
    """Timers as a ledger entry says them."""
    return {timer.field: "never" if at is None else exact_moment(at) for timer, at in timers.items()}
