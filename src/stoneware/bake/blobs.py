"""Files by what they hold: each sealed file is stored once, however many images have it.

An image's folder has links to its files here, so a file with a single link is one that no image has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from stoneware.host.files import locked, sha256_of, sync_folder, write_atomic
from stoneware.model.image import Manifest, SealedFile

SPARE_S = 86400.0
"""A file that no image has is kept this long after it was last linked: the next bake may need it, or one is about to."""

LOCK = ".lock"
DROPPED = ".dropped"
"""Names of files that were rotten and forgotten, a line each: images that have them get the good ones when they are made anew."""


@dataclass(frozen=True)
class Blobs:
    """All files of all images, named by SHA-256 (hex)."""

    path: Path

    def add(self, file: Path, name: str) -> SealedFile:
        """Takes a file in (it is moved, durable and read-only); `name` is what it is called in an image's folder."""
        digest, size = sha256_of(file), file.stat().st_size
        target = self.path / digest
        self.path.mkdir(mode=0o700, exist_ok=True)
        if self.has(SealedFile(name=name, sha256=digest, size_bytes=size)) and self.is_sound(digest):
            file.unlink()
        else:
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            file.chmod(0o444)
            file.replace(target)
            sync_folder(self.path)
        return SealedFile(name=name, sha256=digest, size_bytes=size)

    def take(self, file: Path, name: str) -> SealedFile:
        """The same with a copy of a file that others go on using."""
        seen = file.stat()
        digest, size = _known_digest(file, seen.st_mtime_ns, seen.st_size, seen.st_ino), seen.st_size
        sealed = SealedFile(name=name, sha256=digest, size_bytes=size)
        if not self.has(sealed):
            self.path.mkdir(mode=0o700, exist_ok=True)
            handle, copy = tempfile.mkstemp(dir=self.path, prefix=".")
            os.close(handle)
            try:
                shutil.copyfile(file, copy)
                return self.add(Path(copy), name)
            finally:
                Path(copy).unlink(missing_ok=True)
        return sealed

    def has(self, sealed: SealedFile) -> bool:
        """Whether the file is here, whole by its size. If so it stays here for a while: who asks is about to link it."""
        target = self.path / sealed.sha256
        with contextlib.suppress(FileNotFoundError), self._nobody_sweeps():
            seen = target.stat()
            if seen.st_size == sealed.size_bytes:
                # the ctime becomes now: that is what the sweep looks at
                os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
                return True
        return False

    def drop_rotten(self, folder: Path, manifest: Manifest) -> list[str]:
        """Forgets stored files of an image in this folder whose content isn't what their name says, so that the next bake makes
        them anew. Returns their names in the folder."""
        names = {sealed.sha256: sealed.name for sealed in manifest.files.values()}
        layout = folder / "oci" / "blobs" / "sha256"
        names |= {path.name: str(path.relative_to(folder)) for path in layout.iterdir()} if layout.is_dir() else {}
        rotten = []
        for sha256, name in names.items():
            if (self.path / sha256).exists() and not self.is_sound(sha256):
                with (self.path / DROPPED).open("a") as dropped:
                    dropped.write(f"{sha256}\n")
                (self.path / sha256).unlink()
                rotten.append(name)
        return sorted(rotten)

    def mend_images(self, images: Path) -> list[str]:
        """Gives every image the good files in the place of rotten ones, as far as they were made anew since. Returns the images'
        digests (hex). Machines that run go on with what they have opened."""
        dropped = self.path / DROPPED
        if not dropped.exists():
            return []
        names = set(dropped.read_text().split())
        anew = {name for name in names if (self.path / name).exists()}
        mended = []
        for folder in images.iterdir() if anew else ():
            places = [place for place in _places(folder) if place[0] in anew]
            for sha256, place in places:
                if not place.exists() or not place.samefile(self.path / sha256):
                    fresh = place.with_name(f".{place.name}.fresh")
                    fresh.unlink(missing_ok=True)
                    os.link(self.path / sha256, fresh)
                    fresh.replace(place)
                    mended.append(folder.name)
        write_atomic(dropped, "".join(f"{name}\n" for name in sorted(names - anew)))
        return sorted(set(mended))

    def is_sound(self, sha256: str) -> bool:
        """Whether a file's content is what its name says, byte by byte."""
        return sha256_of(self.path / sha256) == sha256

    def read(self, sealed: SealedFile) -> bytes:
        return (self.path / sealed.sha256).read_bytes()

    def link(self, sealed: SealedFile, place: Path) -> None:
        """Gives a file another name, in an image's folder."""
        os.link(self.path / sealed.sha256, place)

    def sweep(self, spare_s: float = SPARE_S) -> int:
        """Removes what no image has any more, and copies that were cut short. Returns the bytes that came free."""
        freed, now = 0, time.time()
        for file in self.path.iterdir() if self.path.is_dir() else ():
            if file.name in (LOCK, DROPPED):
                continue
            with self._nobody_sweeps(), contextlib.suppress(FileNotFoundError):
                seen = file.stat()
                if seen.st_nlink == 1 and now - seen.st_ctime > spare_s:  # the time of the last link is the ctime
                    file.unlink()
                    freed += seen.st_size
        return freed

    @contextlib.contextmanager
    def _nobody_sweeps(self) -> Iterator[None]:
        """A file that someone has just found here isn't taken away in the same moment."""
        with locked(self.path / LOCK):
            yield


def _places(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of an image that are stored by what they hold, with their names there."""
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except (OSError, ValidationError):
        return
    yield from ((sealed.sha256, folder / sealed.name) for sealed in manifest.files.values())
    layout = folder / "oci" / "blobs" / "sha256"
    yield from ((path.name, path) for path in layout.iterdir()) if layout.is_dir() else ()


@lru_cache(maxsize=32)
def _known_digest(file: Path, _mtime_ns: int, _size: int, _inode: int) -> str:
    """The digest of a file that hardly ever changes (a kernel), computed once for each state of it."""
    return sha256_of(file)
