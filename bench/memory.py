"""How much memory a machine's process takes beyond its guest, counted mapping by mapping from `/proc/PID/smaps`.

A mapping counts with its PSS (proc(5)): its resident pages, those shared with other processes by equal parts. The one mapping
that is the guest's memory is left out: it is anonymous, and the only one as large as what was declared. All others count:
QEMU itself, its libraries and heap, kernel and initramfs as it keeps them, firmware, stacks, and the code that software
emulation translates the guest's into, which hardware virtualization doesn't need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$")


@dataclass
class Mapping:
    """A mapping: its size, what may be done with it (`rwxp`), its PSS, and the file behind it (empty: anonymous)."""

    size_bytes: int
    rights: str
    file: str
    pss_bytes: int = 0


@dataclass(frozen=True)
class Memory:
    """In 10^6 bytes: everything but the guest's memory, and what of it is translated code."""

    beyond_mb: float
    translated_mb: float


def memory_of(smaps: Path, ram_bytes: int) -> Memory:
    """The memory of a machine's process; `ram_bytes` is the guest's, as declared.

    Raises RuntimeError when no mapping, or more than one, can be the guest's memory.
    """
    mappings = list(_mappings(smaps.read_text()))
    ram = [one for one in mappings if not one.file and one.size_bytes == ram_bytes]
    if len(ram) != 1:
        sizes = sorted((one.size_bytes for one in mappings), reverse=True)[:5]
        raise RuntimeError(f"{len(ram)} mappings have the guest's {ram_bytes} bytes; the largest have {sizes}")
    beyond = [one for one in mappings if one is not ram[0]]
    translated = [one for one in beyond if not one.file and one.rights.startswith("rwx")]
    return Memory(_mb(beyond), _mb(translated))


def rss_mb(pid: int) -> float:
    """The resident memory of a process in 10^6 bytes (proc(5), VmRSS)."""
    status = Path(f"/proc/{pid}/status").read_text()
    [kib] = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kib) * 1024 / 1e6


def _mb(mappings: list[Mapping]) -> float:
    return sum(one.pss_bytes for one in mappings) / 1e6


def _mappings(text: str) -> Iterator[Mapping]:
    present: Mapping | None = None
    for line in text.splitlines():
        if head := _HEAD.match(line):
            if present:
                yield present
            present = Mapping(int(head[2], 16) - int(head[1], 16), head[3], head[4])
        elif present and line.startswith("Pss:"):
            present.pss_bytes = int(line.split()[1]) * 1024
    if present:
        yield present
