"""How a bootable disk is divided: an EFI system partition, then each sealed layer as it is. Identifiers come from its digest,
so that equal images are equal disks.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from stoneware.model.image import Manifest

SECTOR = 512
ALIGNMENT = 2048
"""Sectors: every partition begins at a whole MiB, as everyone expects."""
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://stoneware.invalid/disk")
EFI_SYSTEM, LINUX_DATA = "ef00", "8300"
"""sgdisk's codes of partition types."""


@dataclass(frozen=True)
class Partition:
    """One entry of the table. `start` and `sectors` are in sectors of 512 bytes."""

    number: int
    label: str
    kind: str
    identity: uuid.UUID
    start: int
    sectors: int


@dataclass(frozen=True)
class Table:
    """A whole disk. `size_bytes` has room for the second copy of the table at its end."""

    identity: uuid.UUID
    partitions: tuple[Partition, ...]
    size_bytes: int


def divide(manifest: Manifest, esp_bytes: int, whole_bytes: int) -> Table:
    """The table of an image's disk, whose length is a multiple of `whole_bytes`."""
    wanted = [("esp", EFI_SYSTEM, esp_bytes)]
    for number in range(len(manifest.layers)):
        wanted.append((f"layer-{number}", LINUX_DATA, manifest.files[f"layer-{number}"].size_bytes))
    start, partitions = ALIGNMENT, []
    for number, (label, kind, size_bytes) in enumerate(wanted, start=1):
        sectors = -(-size_bytes // SECTOR)
        partitions.append(Partition(number, label, kind, _identity(manifest, label), start, sectors))
        start += -(-sectors // ALIGNMENT) * ALIGNMENT
    size = (start + ALIGNMENT) * SECTOR
    return Table(_identity(manifest, "disk"), tuple(partitions), -(-size // whole_bytes) * whole_bytes)


def sgdisk_words(table: Table, disk: Path) -> list[str | Path]:
    """The words that write a table to an empty file (sgdisk(8))."""
    words: list[str | Path] = ["sgdisk", "--clear", f"--set-alignment={ALIGNMENT}", f"--disk-guid={table.identity}"]
    for one in table.partitions:
        words += [
            f"--new={one.number}:{one.start}:{one.start + one.sectors - 1}",
            f"--typecode={one.number}:{one.kind}",
            f"--partition-guid={one.number}:{one.identity}",
            f"--change-name={one.number}:{one.label}",
        ]
    return [*words, disk]


def _identity(manifest: Manifest, what: str) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{manifest.digest} {what}")
