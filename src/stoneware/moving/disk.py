"""An image as a disk that any machine with UEFI starts from: an EFI system partition with a unified kernel image, and a partition
for each sealed layer. Nothing on it is ever written.

There is no engine beside such a machine: it takes its address by DHCP, and no configuration, disks or keeper's words reach it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.base import EPOCH
from stoneware.bake.workspace import Workspace
from stoneware.errors import Refused
from stoneware.model.image import Artifact
from stoneware.moving.meter import Meter
from stoneware.moving.partitions import SECTOR, divide, sgdisk_words
from stoneware.moving.uki import make_uki
from stoneware.moving.whole import PIECE, pieces

MIB, GIB = 2**20, 2**30
ESP_BYTES = 64 * MIB
"""The least: FAT32 needs 65,525 clusters (Microsoft's FAT specification), here of one sector each."""
SPARE_BYTES = 4 * MIB
COMPRESSED_LIMIT_S = 3600.0


@dataclass(frozen=True)
class Disk:
    """Makes one. `words` are added to the kernel's command line, for a host that needs some."""

    space: Workspace
    artifact: Artifact
    words: Sequence[str] = ()

    def write(self, out: Path, whole_bytes: int = MIB) -> None:
        """Writes the raw disk to a new file, its length a multiple of `whole_bytes`.

        Raises Refused for an image that is no VM, or that isn't what was sealed any more; ToolFailed, Misconfigured, OSError.
        """
        manifest = self.artifact.manifest
        if "vm" not in manifest.deliver:
            raise Refused("only an image that is delivered as a vm can be a disk", "bake it with `--as vm`")
        esp = self._esp()
        table = divide(manifest, esp.stat().st_size, whole_bytes)
        handle = os.open(out, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, table.size_bytes)
            self.space.run(sgdisk_words(table, out), timeout_s=60, quiet=True)
            layers = [manifest.files[f"layer-{number}"] for number in range(len(manifest.layers))]
            total = sum(layer.size_bytes for layer in layers)
            meter = Meter(total, self.space.line, self.space.cancel or threading.Event())
            contents = [_made(esp), *(pieces(self.artifact.folder / layer.name, layer) for layer in layers)]
            for partition, content in zip(table.partitions, contents, strict=True):
                _fill(handle, partition.start * SECTOR, content, meter)
            os.fsync(handle)
        finally:
            os.close(handle)

    def write_gce(self, out: Path) -> None:
        """Writes what Compute Engine imports: `disk.raw`, a whole number of GiB, in a compressed oldgnu archive ("Import a boot
        disk image": manual import, requirements)."""
        raw = self.space.folder / "disk.raw"
        self.write(raw, GIB)
        self.space.line("compressing")
        words: list[str | Path] = [
            "tar",
            "--format=oldgnu",
            "--sparse",
            "--hole-detection=raw",
            "--owner=0",
            "--group=0",
        ]
        words += ["--numeric-owner", "--mode=0644", f"--mtime=@{EPOCH}", "--use-compress-program=gzip -n"]
        self.space.run(
            [*words, "-C", self.space.folder, "-cf", out, raw.name], timeout_s=COMPRESSED_LIMIT_S, quiet=True
        )
        raw.unlink()
        out.chmod(0o600)

    def _esp(self) -> Path:
        """The EFI system partition as a file: FAT32 with the one program that firmware looks for (UEFI, "Removable Media Boot
        Behavior")."""
        uki, esp = self.space.folder / "BOOTX64.EFI", self.space.folder / "esp.img"
        make_uki(self.space, self.artifact, self.words, uki)
        os.utime(uki, (EPOCH, EPOCH))
        size = max(ESP_BYTES, -(-(uki.stat().st_size + SPARE_BYTES) // MIB) * MIB)
        with esp.open("wb") as file:
            file.truncate(size)
        serial = self.artifact.manifest.digest.removeprefix("sha256:")[:8]
        fixed = {"SOURCE_DATE_EPOCH": str(EPOCH), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}
        geometry = ["-F", "-c", "1", "-T", str(size // SECTOR), "-N", serial, "-v", "STONEWARE"]
        steps: list[list[str | Path]] = [
            ["mformat", "-i", esp, *geometry, "::"],
            ["mmd", "-i", esp, "::/EFI", "::/EFI/BOOT"],
            ["mcopy", "-m", "-i", esp, uki, "::/EFI/BOOT/"],
        ]
        for words in steps:
            self.space.run(words, timeout_s=120, quiet=True, env=fixed)
        return esp


def _fill(disk: int, offset: int, content: Iterable[bytes], meter: Meter) -> None:
    """Copies a content to its place; what is empty stays a hole."""
    for piece in content:
        if piece.count(0) < len(piece):
            os.pwrite(disk, piece, offset)
        offset += len(piece)
        meter.add(len(piece))


def _made(file: Path) -> Iterator[bytes]:
    """The content of a file that was made just now."""
    with file.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece
