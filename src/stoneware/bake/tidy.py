"""What deleted images left in the store: files that no image has, and notes that a layer was found whole."""

from __future__ import annotations

import re
from pathlib import Path

from stoneware.bake.blobs import SPARE_S, Blobs

MARK = re.compile(r"\.([0-9a-f]{64})\.verified")
"""What an engine leaves beside the images once it has proven a layer by its root hash."""


def tidy(images: Path, spare_s: float = SPARE_S) -> int:
    """Removes both. Returns the bytes that came free. A mark that goes too early costs one more proof."""
    marks = {found[1]: path for path in _hidden(images) if (found := MARK.fullmatch(path.name))}
    if marks:
        known = b"".join(manifest.read_bytes() for manifest in images.glob("[0-9a-f]*/manifest.json"))
        for root_hash, path in marks.items():
            if root_hash.encode() not in known:
                path.unlink(missing_ok=True)
    return Blobs(images / "blobs").sweep(spare_s)


def _hidden(images: Path) -> list[Path]:
    return sorted(images.glob(".*")) if images.is_dir() else []
