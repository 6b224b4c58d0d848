"""Which files a machine's process works on, as the kernel of its host has them: whatever a path leads to by now."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.qemu.folder import Folder
from stoneware.model.image import Artifact

GONE = " (deleted)"
IN_MEMORY = "/memfd:"
COPY = ".part"
"""How a file ends into which QEMU itself copies a disk in use."""


@dataclass(frozen=True)
class OpenFile:
    """An open file or block device: its path now, without the mark of one that has none any more (`gone`)."""

    path: Path
    device: int
    inode: int
    writable: bool
    gone: bool

    def is_at(self, path: Path) -> bool:
        """Whether the path leads to this very file."""
        try:
            now = path.stat()
        except FileNotFoundError:
            return False
        return (now.st_dev, now.st_ino) == (self.device, self.inode)


def open_files(pid: int) -> list[OpenFile]:
    """Files and block devices that a process has open. Raises OSError when it is gone."""
    return [found for link in Path(f"/proc/{pid}/fd").iterdir() if (found := _open_file(link))]


def _open_file(link: Path) -> OpenFile | None:
    try:
        now, path = link.stat(), str(link.readlink())
        if not (stat.S_ISREG(now.st_mode) or stat.S_ISBLK(now.st_mode)) or path.startswith(IN_MEMORY):
            return None
        info = (link.parent.parent / "fdinfo" / link.name).read_text()
    except FileNotFoundError:
        return None  # closed while we looked
    flags = next(int(line.split()[1], 8) for line in info.splitlines() if line.startswith("flags:"))
    gone = path.endswith(GONE)
    return OpenFile(Path(path.removesuffix(GONE)), now.st_dev, now.st_ino, flags & os.O_ACCMODE != os.O_RDONLY, gone)


def _is_a_copy(file: OpenFile, disks: Mapping[str, Path]) -> bool:
    """Whether it lies where copies of the machine's disks come into being."""
    places = {path.parent.resolve() for path in disks.values()}
    return file.path.suffix == COPY and any(file.path.is_relative_to(place) for place in places)


def wrong_files(
    opened: Sequence[OpenFile], folder: Folder, artifact: Artifact, disks: Mapping[str, Path]
) -> Iterator[str]:
    """What is open and shouldn't be, and which layer of the image should be open and isn't. `disks` has the files of the machine's
    disks; one that is being plugged in may not be open yet."""
    for path, _ in artifact.layers:
        file = next((file for file in opened if file.is_at(path)), None)
        if file is None:
            yield f"{path.name} of its image isn't what it has open: the file was replaced or deleted under it"
        elif file.writable:
            yield f"{path.name} of its image is open for writing"
    layers = [path for path, _ in artifact.layers]
    for file in opened:
        if any(file.is_at(path) for path in (*layers, *disks.values())) or file.path.parent == folder.path.resolve():
            continue
        disk = next((name for name, path in disks.items() if path.name == file.path.name), None)
        if disk is not None:
            yield f"disk {disk} isn't what it has open: its file was replaced or deleted under it"
        elif not _is_a_copy(file, disks) and file.path.name not in {path.name for path in layers}:
            yield f"it has {file.path} open, which is no file of its"
