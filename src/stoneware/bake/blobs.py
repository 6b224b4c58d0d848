"""Files by what they hold: each sealed file is stored once, however many images have it.

An image's folder has links to its files here, so a file with a single link is one that no image has.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoneware.host.files import locked, sha256_of, sync_folder
from stoneware.model.image import SealedFile

SPARE_S = 86400.0
"""A file that no image has is kept this long after it was last linked: the next bake may need it, or one is about to."""


@dataclass(frozen=True)
class Blobs:
    """All files of all images, named by SHA-256 (hex)."""

    path: Path

    def add(self, file: Path, name: str) -> SealedFile:
        """Takes a file in (it is moved, durable and read-only); `name` is what it is called in an image's folder."""
        digest, size = sha256_of(file), file.stat().st_size
        target = self.path / digest
        self.path.mkdir(mode=0o700, exist_ok=True)
        if self.has(SealedFile(name=name, sha256=digest, size_bytes=size)):
            file.unlink()
        else:
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            file.chmod(0o444)
            file.replace(target)
            sync_folder(self.path)
        return SealedFile(name=name, sha256=digest, size_bytes=size)

    def has(self, sealed: SealedFile) -> bool:
        """Whether the file is here, whole by its size. If so it stays here for a while: who asks is about to link it."""
        target = self.path / sealed.sha256
        with contextlib.suppress(FileNotFoundError), self._nobody_sweeps():
            seen = target.stat()
            if seen.st_size == sealed.size_bytes:
                os.utime(
                    target, ns=(seen.st_atime_ns, seen.st_mtime_ns)
                )  # the ctime is now, and what the sweep looks at
                return True
        return False

    def read(self, sealed: SealedFile) -> bytes:
        return (self.path / sealed.sha256).read_bytes()

    def link(self, sealed: SealedFile, place: Path) -> None:
        """Gives a file another name, in an image's folder."""
        os.link(self.path / sealed.sha256, place)

    def sweep(self, spare_s: float = SPARE_S) -> int:
        """Removes what no image has any more. Returns the bytes that came free."""
        freed, now = 0, time.time()
        for file in self.path.glob("[0-9a-f]*"):
            with self._nobody_sweeps():
                seen = file.stat()
                if seen.st_nlink == 1 and now - seen.st_ctime > spare_s:  # the time of the last link is the ctime
                    file.unlink()
                    freed += seen.st_size
        return freed

    @contextlib.contextmanager
    def _nobody_sweeps(self) -> Iterator[None]:
        """A file that someone has just found here isn't taken away in the same moment."""
        with locked(self.path / ".lock"):
            yield
