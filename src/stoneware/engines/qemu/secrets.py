"""Secrets on their way into a virtual machine: an archive behind the initramfs, in a file that lies in memory alone.

The guest's kernel unpacks both, the initramfs puts the values
where they belong (`bake/guest/init`), and the rest of it is gone when the image's own root takes over.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from stoneware.host.cpio import FILE, FOLDER, Entry, behind


@contextlib.contextmanager
def with_secrets(initrd: Path, values: Mapping[str, bytes]) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """The initramfs for QEMU's words, and the open files that QEMU must be given with them.

    With values it is a copy without a name (memfd_create(2)): nothing of them lies on a disk of the host, stands on a command
    line or is left when QEMU has ended. Without, it is the image's own file.
    """
    if not values:
        yield initrd, ()
        return
    handle = os.memfd_create("initrd")
    try:
        with os.fdopen(os.dup(handle), "wb") as out:
            out.write(behind(initrd.read_bytes(), _entries(values), epoch=0))
        yield Path(f"/proc/self/fd/{handle}"), (handle,)
    finally:
        os.close(handle)


def _entries(values: Mapping[str, bytes]) -> dict[str, Entry]:
    files = {f"lib/secrets/{variable}": Entry(FILE | 0o400, value) for variable, value in values.items()}
    return {"lib": Entry(FOLDER | 0o755), "lib/secrets": Entry(FOLDER | 0o700), **files}
