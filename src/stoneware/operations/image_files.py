"""The stored files of images that are in use: read whole when they are first met, when anything about them changed, and now
and then.

A file that was changed has another time of change (`ctime`), which nobody can set; so a look at that is enough most of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.bake.verify import verify
from stoneware.clock import Clock
from stoneware.errors import NotFound, Refused

AGAIN_S = 24 * 3600.0
"""After so long everything is read again: a disk may lose bytes without anybody writing (seconds)."""

Signature = tuple[tuple[str, int, int, int, int], ...]


def wrong_with(images: Path) -> Callable[[str], str]:
    """What is wrong with the files of an image, by digest: empty when every byte is as its digests say."""

    def check(digest: str) -> str:
        try:
            verify(images, digest)
        except (Refused, NotFound) as wrong:
            return wrong.message
        return ""

    return check


@dataclass
class ImageFiles:
    """`check(digest)` reads everything; `folder` holds a folder an image, named by its digest's digits. None: there is nothing to
    look at but what `check` says, every time."""

    folder: Path | None
    check: Callable[[str], str]
    clock: Clock
    _known: dict[str, tuple[Signature, float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def damage(self, digest: str) -> str:
        """What is wrong with an image's files now; empty for nothing."""
        if self.folder is None:
            return self.check(digest)
        with self._lock:  # two looks at once would read the same bytes twice
            signature, now = self._signature(digest), self.clock.now()
            known = self._known.get(digest)
            if known and known[0] == signature and 0 <= now - known[1] < AGAIN_S and not known[2]:
                return known[2]
            found = self.check(digest)
            self._known[digest] = (signature, now, found)
            return found

    def _signature(self, digest: str) -> Signature:
        """All that the file system says of an image's files, without reading them."""
        place, found = (self.folder or Path()) / digest.removeprefix("sha256:"), []
        for path in sorted(place.rglob("*")):
            try:
                seen = path.stat()
            except OSError:
                continue
            found.append((str(path), seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
        return tuple(found)
