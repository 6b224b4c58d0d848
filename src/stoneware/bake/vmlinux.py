"""The kernel as a plain executable, which a virtual machine starts without unpacking it first (the PVH boot protocol).

In software emulation the unpacking takes a third of a second of every start, and each machine would hold a copy; a plain file
is shared.
"""

from __future__ import annotations

import struct
from pathlib import Path

from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed, ToolFailed

_SETUP_SECTORS = 0x1F1
_PAYLOAD = 0x248
"""Offsets in a bzImage: the number of 512-byte sectors of set-up code, and place and length of the packed kernel behind it
(Linux, Documentation/arch/x86/boot.rst)."""

UNPACKERS = {b"\x02\x21\x4c\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd"}
"""The programs that unpack, by the first bytes of what they unpack. Debian's kernels are packed with the first."""
ELF = b"\x7fELF"


def unpack_kernel(space: Workspace, kernel: Path, out: Path) -> None:
    """Writes the executable inside a bzImage to `out`. Raises BakeFailed."""
    image = kernel.read_bytes()
    start = ((image[_SETUP_SECTORS] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    packed = image[start + offset : start + offset + length]
    program = UNPACKERS.get(packed[:4])
    if program is None:
        raise BakeFailed(f"{kernel.name} is packed in a way that we don't know", next_step="use Debian's cloud kernel")
    source = out.with_suffix(".packed")
    source.write_bytes(packed[:-4])  # the last four bytes are the length of what comes out
    target = [out] if program == "lz4" else ["-o", out]
    try:
        space.run([program, "-d", "-f", source, *target], timeout_s=120, quiet=True)
    except ToolFailed as failed:
        raise BakeFailed(f"{kernel.name} can't be unpacked: {failed.message}", "seal", failed.tail) from failed
    finally:
        source.unlink(missing_ok=True)
    with out.open("rb") as unpacked:
        if unpacked.read(4) != ELF:
            raise BakeFailed(f"what {kernel.name} holds is no kernel", next_step="use Debian's cloud kernel")
