"""Copies of large sparse files: only what is written is read, and nothing is copied where the file system can share it.

A file is looked at in blocks of one MiB; a block of zeros counts as one that was never written, whatever the file system
says. So equal contents have equal digests, however they are stored.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

BLOCK = 2**20
ZEROS = bytes(BLOCK)
RUN = 64
"""Blocks that one thread compares in a row."""
FICLONE = 0x40049409
"""ioctl_ficlonerange(2): the target shares the blocks of the source until one of them is written to."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and all that there are. It may raise, which ends the copy."""


def unwatched(_done: int, _total: int) -> None:
    """For copies that nobody waits for."""


class Digest:
    """Over the numbers and SHA-256 of all blocks that aren't zeros, in order, and the file's size."""

    def __init__(self, size_bytes: int) -> None:
        self._whole = hashlib.sha256(f"{size_bytes}\n".encode())

    def add(self, number: int, block: bytes) -> None:
        self._whole.update(f"{number} {hashlib.sha256(block).hexdigest()}\n".encode())

    @property
    def text(self) -> str:
        return f"blocks-sha256:{self._whole.hexdigest()}"


def share(source: Path, target: Path) -> bool:
    """Makes `target` anew as a copy that shares the source's blocks. False (and no file) where the file system can't."""
    target.unlink(missing_ok=True)
    with source.open("rb") as old, _fresh(target) as new:
        try:
            fcntl.ioctl(new, FICLONE, old.fileno())
        except OSError as no:
            if no.errno not in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS):
                raise
        else:
            os.fsync(new)
            return True
    target.unlink()
    return False


def copy_sparse(source: Path, target: Path, progress: Progress = unwatched) -> str:
    """Makes `target` anew with the content of `source`, durable, holes included. Returns the digest of what was read."""
    target.unlink(missing_ok=True)
    with source.open("rb") as old, _fresh(target) as new:
        size, total = os.fstat(old.fileno()).st_size, written_bytes(source)
        os.ftruncate(new.fileno(), size)
        digest, done = Digest(size), 0
        for number, block in _blocks(old.fileno(), size):
            if not _is_empty(block):
                _write(new.fileno(), block, number * BLOCK)
                digest.add(number, block)
            done += len(block)
            progress(min(done, total), total)
        os.fsync(new)
    return digest.text


def content_digest(path: Path, progress: Progress = unwatched) -> str:
    """The digest of a file's content."""
    with path.open("rb") as file:
        size, total = os.fstat(file.fileno()).st_size, written_bytes(path)
        digest, done = Digest(size), 0
        for number, block in _blocks(file.fileno(), size):
            if not _is_empty(block):
                digest.add(number, block)
            done += len(block)
            progress(min(done, total), total)
    return digest.text


def mend(source: Path, target: Path) -> int:
    """Makes a copy equal to its source again; both are read, and only blocks that differ are written. Returns their bytes.

    Somebody may be waiting: a few threads read into the same few buffers, again and again.
    """
    with ExitStack() as files:
        old = files.enter_context(source.open("rb")).fileno()
        new = files.enter_context(target.open("r+b")).fileno()
        size = os.fstat(old).st_size
        numbers = sorted({*_written_blocks(old, size), *_written_blocks(new, size)})
        runs = [numbers[first : first + RUN] for first in range(0, len(numbers), RUN)]
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            return sum(pool.map(lambda run: _mend(old, new, size, run), runs))


def _mend(old: int, new: int, size: int, numbers: Iterable[int]) -> int:
    """The same for some blocks."""
    written, there, here = 0, bytearray(BLOCK), bytearray(BLOCK)
    for number in numbers:
        offset, length = number * BLOCK, min(BLOCK, size - number * BLOCK)
        if length < BLOCK:
            there, here = bytearray(length), bytearray(length)
        _read(old, there, offset)
        _read(new, here, offset)
        if there != here:
            _write(new, there, offset)
            written += length
    return written


def _read(handle: int, buffer: bytearray, offset: int) -> None:
    left = memoryview(buffer)
    while left:
        done = os.preadv(handle, [left], offset)
        if not done:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        left, offset = left[done:], offset + done


def sync_file(path: Path) -> None:
    """Makes a file's content durable."""
    with path.open("r+b") as file:
        os.fsync(file)


def written_bytes(path: Path) -> int:
    """The bytes of a file that aren't holes, as far as the file system knows."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return sum(end - start for start, end in _extents(file.fileno(), size))


def _fresh(path: Path):  # type: ignore[no-untyped-def]
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "r+b", buffering=0)


def _is_empty(block: bytes) -> bool:
    return block == (ZEROS if len(block) == BLOCK else bytes(len(block)))


def _write(handle: int, block: bytes | bytearray, offset: int) -> None:
    left = memoryview(block)
    while left:
        done = os.pwrite(handle, left, offset)
        left, offset = left[done:], offset + done


def _blocks(handle: int, size: int) -> Iterator[tuple[int, bytes]]:
    for number in _written_blocks(handle, size):
        yield number, os.pread(handle, min(BLOCK, size - number * BLOCK), number * BLOCK)


def _written_blocks(handle: int, size: int) -> Iterator[int]:
    """Each block in which something may be written, in order."""
    after = -1
    for start, end in _extents(handle, size):
        for number in range(max(after + 1, start // BLOCK), (end - 1) // BLOCK + 1):
            after = number
            yield number


def _extents(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file isn't a hole (lseek(2), SEEK_DATA)."""
    end = 0
    while end < size:
        try:
            start = os.lseek(handle, end, os.SEEK_DATA)
        except OSError as no:
            if no.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, min(end, size)
