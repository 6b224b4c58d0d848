"""What the catalog knows of where images came from: so that a revoked one brings nothing new into the world."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from stoneware.decide.descent import Origin, parents_of
from stoneware.errors import Refused
from stoneware.model.image import ImageState, Manifest, Recipe
from stoneware.store.image_rows import image_of
from stoneware.store.tables import images


def must_not_be_revoked(conn: sa.Connection, manifest: Manifest, known: sa.Row | None) -> None:  # type: ignore[type-arg]
    """Neither these very bytes nor, when they are new, what they were made from. Raises Refused."""
    revoked = [image_of(row) for row in conn.execute(sa.select(images).where(images.c.revoked_at.is_not(None)))]
    if not revoked:
        return
    digest = manifest.digest
    suspects = {digest}
    if known is None or known.state == ImageState.DELETED:
        this = Origin(digest, manifest.family, None, bases_of(manifest.recipe))
        suspects |= parents_of([*(one for one in origins(conn) if one.digest != digest), this])[digest]
    for image in revoked:
        if image.digest in suspects:
            what = "these are the bytes of" if image.digest == digest else "it was made from"
            why = f"{what} {image.name}, which is revoked: {image.revoked_reason}"
            raise Refused(why, "mend what is wrong with it, and bake again", code="image-revoked")


def bases_of(recipe: Recipe) -> tuple[str, ...]:
    """All that a recipe says of the images that it is made from."""
    return _named(recipe.base, recipe.base_digest, recipe.others)


def origins(conn: sa.Connection) -> list[Origin]:
    """Where every image came from, deleted ones too: what stands on one of those stands on what that one stood on."""
    recipe = images.c.manifest["recipe"]
    query = sa.select(
        images.c.digest,
        images.c.family,
        images.c.number,
        recipe["base"].as_string().label("base"),
        recipe["base_digest"].as_string().label("base_digest"),
        recipe["others"].label("others"),
    )
    return [
        Origin(row.digest, row.family, row.number, _named(row.base, row.base_digest, row.others or {}))
        for row in conn.execute(query)
    ]


def _named(base: str, digest: str, others: Mapping[str, str]) -> tuple[str, ...]:
    """Names count only where no digest is known: an image that was made elsewhere has its base's name of there, which may be
    another image's here."""
    return tuple(known or name for name, known in {**others, base: digest}.items() if known or name)
