"""Reads a sealed file of the store, and says when it isn't what was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from stoneware.errors import Refused
from stoneware.model.image import SealedFile

PIECE = 2**20


def pieces(place: Path, file: SealedFile) -> Iterator[bytes]:
    """The content piece by piece. Raises Refused, after the last one, when it isn't what was sealed; OSError."""
    digest, length = hashlib.sha256(), 0
    with place.open("rb") as source:
        while piece := source.read(PIECE):
            digest.update(piece)
            length += len(piece)
            yield piece
    if (length, digest.hexdigest()) != (file.size_bytes, file.sha256):
        raise Refused(f"{place} was changed: it isn't what was sealed", "bake the image again", code="image-damaged")
