"""What images left in the store: folders that no catalog knows, files that no image has, and notes that a layer was found whole."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from stoneware.bake.blobs import SPARE_S, Blobs

MARK = re.compile(r"\.([0-9a-f]{64})\.verified")
"""What an engine leaves beside the images once it has proven a layer by its root hash."""


FOLDER = re.compile(r"[0-9a-f]{64}")


def tidy(images: Path, known: Collection[str], spare_s: float = SPARE_S) -> int:
    """Removes all of them; `known` are the digests of the images that the catalog has. Returns the bytes that came free.

    A bake that died between its image and the catalog leaves a folder; one that is about to tell the catalog has `spare_s` seconds.
    A mark that goes too early costs one more proof.
    """
    for folder in sorted(images.iterdir()) if images.is_dir() else []:
        if FOLDER.fullmatch(folder.name) and f"sha256:{folder.name}" not in known:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > spare_s:
                    (folder / "manifest.json").unlink(missing_ok=True)  # first: what is half gone is no image
                    shutil.rmtree(folder, ignore_errors=True)
    marks = {found[1]: path for path in _hidden(images) if (found := MARK.fullmatch(path.name))}
    if marks:
        manifests = b"".join(manifest.read_bytes() for manifest in images.glob("[0-9a-f]*/manifest.json"))
        for root_hash, path in marks.items():
            if root_hash.encode() not in manifests:
                path.unlink(missing_ok=True)
    return Blobs(images / "blobs").sweep(spare_s)


def _hidden(images: Path) -> list[Path]:
    return sorted(images.glob(".*")) if images.is_dir() else []
